/*-------------------------------------------------------------------------
 *
 * diversity.c
 *		Answers that are spread: likeness, categories, popularity, exploration.
 *
 * Likeness (lambda): rows are chosen one by one from the POOL best eligible
 * items of a rung, each time the item with the greatest
 *
 *		lambda * score / best score - (1 - lambda) * likeness
 *
 * maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).  Likeness
 * is that to the most alike of the rows chosen before; two items are as alike
 * as the model says: the score of one as a neighbour of the other, divided by
 * that of the nearest neighbour, the greater of the two directions, 0 where
 * neither is a neighbour.  What follows after the pool is in the order of scores.
 *
 * Categories (per_category): what would be one too many of its category is
 * passed over.
 *
 * Popularity (damping): scores are divided by popularity ^ damping: score.c.
 *
 * Exploration (explore, seed): each row is, with this probability, one to
 * explore with: it goes to a candidate that is drawn, each with the same
 * probability, from those that the history leads to and that are not among the
 * other rows.  Draws are hashes of the position and the seed, by PostgreSQL's
 * hashint8extended(): the same everywhere, and to be redone in SQL.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "core/options.h"
#include "recommend/serve.h"

#define POOL 100

/* The category of an item is in its flags: its number plus 1, 0 for none. */
#define CATEGORY_SHIFT 8
#define CATEGORY_OF(flags) ((flags) >> CATEGORY_SHIFT)
#define MAX_CATEGORIES (PG_UINT32_MAX >> CATEGORY_SHIFT)

typedef struct Row
{
	uint32		item;
	Rung		rung;
} Row;

typedef struct RowList
{
	Row		   *rows;
	int64		n;
	int64		capacity;
} RowList;

/* What has been chosen so far. */
typedef struct Choice
{
	Call	   *call;
	Diversity  *diversity;
	RowList		best;			/* rows by score and likeness */
	RowList		drawn;			/* rows to explore with */
	IdDict	   *categories;
	uint32	   *counts;			/* rows of each category */
	uint32		ncounts;
} Choice;

/* The items of a stream that are eligible and in wait. */
typedef struct Queue
{
	uint32	   *items;
	int64		n;
	int64		next;			/* those before have been chosen or passed over */
	int			round;
} Queue;

/*
 * Reads the arguments lambda, per_category, explore, seed and damping, from a
 * position on.  Leaves call->diversity alone where none of them is given.
 */
void
call_read_diversity(Call *call, int argument)
{
	FunctionCallInfo fcinfo = call->fcinfo;
	Diversity  *diversity;

	if (PG_ARGISNULL(argument) && PG_ARGISNULL(argument + 1) && PG_ARGISNULL(argument + 2) &&
		PG_ARGISNULL(argument + 4))
		return;
	diversity = palloc0_object(Diversity);
	diversity->lambda = PG_ARGISNULL(argument) ? 1 :
		check_float_option("lambda", PG_GETARG_FLOAT8(argument), 0, 1);
	diversity->per_category = PG_ARGISNULL(argument + 1) ? 0 :
		check_int_option("per_category", PG_GETARG_INT32(argument + 1), 1, PG_INT32_MAX);
	diversity->explore = PG_ARGISNULL(argument + 2) ? 0 :
		check_float_option("explore", PG_GETARG_FLOAT8(argument + 2), 0, 1);
	diversity->seed = PG_ARGISNULL(argument + 3) ? 0 : PG_GETARG_INT64(argument + 3);
	diversity->damping = PG_ARGISNULL(argument + 4) ? 0 :
		check_float_option("damping", PG_GETARG_FLOAT8(argument + 4), 0, 1);
	if (diversity->explore > 0 && call->n < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("explore requires n, the number of rows")));
	call->diversity = diversity;
}

static void
append_row(RowList *list, uint32 item, Rung rung)
{
	if (list->n == list->capacity)
	{
		list->capacity = Max(list->capacity * 2, 64);
		list->rows = list->rows ?
			repalloc_huge(list->rows, list->capacity * sizeof(Row)) :
			palloc_array(Row, list->capacity);
	}
	list->rows[list->n].item = item;
	list->rows[list->n].rung = rung;
	list->n++;
}

/* Flags an eligible item and notes its category: of several the least by bytes. */
static void
note_category(void *arg, const Datum *values, const bool *nulls)
{
	Choice	   *choice = (Choice *) arg;
	ItemTable  *table = &choice->call->recommender->table;
	ItemEntry  *entry;
	uint32		number;
	uint32		category;

	if (nulls[0])
		return;
	number = item_table_find(table, values[0]);
	if (number == ITEM_NOT_FOUND)
		return;
	entry = &table->entries[number];
	entry->flags |= ITEM_ELIGIBLE;
	if (nulls[1])
		return;
	category = iddict_put(choice->categories, values[1]) + 1;
	if (category > MAX_CATEGORIES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many categories")));
	if (CATEGORY_OF(entry->flags) != 0)
	{
		Datum		other = iddict_value(choice->categories, CATEGORY_OF(entry->flags) - 1);

		if (DatumGetInt32(DirectFunctionCall2Coll(bttextcmp, C_COLLATION_OID,
												  values[1], other)) >= 0)
			return;
		entry->flags &= (1 << CATEGORY_SHIFT) - 1;
	}
	entry->flags |= category << CATEGORY_SHIFT;
}

/* Keeps those of some items that are eligible, and excludes the others. */
static void
keep_eligible(Choice *choice, uint32 *items, uint32 *n)
{
	Call	   *call = choice->call;
	uint32		kept = 0;
	uint32		i;

	if (choice->diversity->per_category > 0)
		eligible_read(call->recommender, call->filter, items, *n, ELIGIBLE_CATEGORY,
					  note_category, choice);
	else if (call->checks)
		eligible_mark(call->recommender, call->filter, items, *n);
	else
		return;
	for (i = 0; i < *n; i++)
	{
		ItemEntry  *entry = &call->recommender->table.entries[items[i]];

		if (entry->flags & ITEM_ELIGIBLE)
			items[kept++] = items[i];
		else
			entry->flags |= ITEM_EXCLUDED;
	}
	*n = kept;
}

/* Is there room for an item in its category? */
static bool
has_room(Choice *choice, uint32 item)
{
	uint32		category = CATEGORY_OF(choice->call->recommender->table.entries[item].flags);

	return choice->diversity->per_category == 0 || category == 0 || category > choice->ncounts ||
		choice->counts[category - 1] < choice->diversity->per_category;
}

/* Makes an item a row. */
static void
choose(Choice *choice, RowList *list, uint32 item, Rung rung)
{
	ItemEntry  *entry = &choice->call->recommender->table.entries[item];
	uint32		category = CATEGORY_OF(entry->flags);

	entry->flags |= ITEM_TAKEN;
	append_row(list, item, rung);
	if (category == 0)
		return;
	if (category > choice->ncounts)
	{
		uint32		n = Max(category, choice->ncounts * 2 + 16);

		choice->counts = choice->counts ?
			repalloc_huge(choice->counts, n * sizeof(uint32)) : palloc_array(uint32, n);
		memset(choice->counts + choice->ncounts, 0, (n - choice->ncounts) * sizeof(uint32));
		choice->ncounts = n;
	}
	choice->counts[category - 1]++;
}

/* Has a queue at least so many items in wait (-1: all) that the stream can give. */
static void
fill_queue(Choice *choice, Queue *queue, Stream *stream, int64 wanted)
{
	ItemTable  *table = &choice->call->recommender->table;

	while (!stream->done && (wanted < 0 || queue->n - queue->next < wanted))
	{
		int64		size = wanted < 0 ? -1 : wanted - (queue->n - queue->next);
		uint32		n;
		uint32	   *batch;
		uint32		i;

		if (size >= 0 && (choice->call->checks || choice->diversity->per_category > 0))
			size += (int64) 16 << Min(queue->round++ * 2, 20);
		batch = stream_next(stream, size, &n);
		keep_eligible(choice, batch, &n);
		/* what is in the queue must not come again */
		for (i = 0; i < n; i++)
			table->entries[batch[i]].flags |= ITEM_TAKEN;
		if (queue->items == NULL)
			queue->items = batch;
		else if (n > 0)
		{
			queue->items = repalloc_huge(queue->items, (queue->n + n) * sizeof(uint32));
			memcpy(queue->items + queue->n, batch, n * sizeof(uint32));
		}
		queue->n += n;
	}
}

/* How alike the items of a pool are to each other, and to the rows chosen before. */
typedef struct Likeness
{
	int			n;				/* items of the pool */
	double	   *pairs;			/* n by n */
	double	   *nearest;		/* of each, to the rows chosen */
	uint32	   *places;			/* place in the pool plus 1 of each item of the table */
	uint32		nplaces;
} Likeness;

/*
 * Walks through the neighbours of an item that the pool or the rows have.
 * place is that of the item in the pool, -1 for a row.
 */
static void
note_neighbours(Choice *choice, Likeness *likeness, ModelReader *reader, uint32 item, int place)
{
	ItemTable  *table = &choice->call->recommender->table;
	const IdType *type = table->type;
	ModelRow	row;
	double		greatest = 0;
	char	   *p;
	int			i;

	CHECK_FOR_INTERRUPTS();
	if (!model_find(reader, table->entries[item].item, &row))
		return;
	for (i = 0; i < row.n; i++)
		greatest = Max(greatest, row.scores[i]);
	if (!(greatest > 0))
		return;
	for (i = 0, p = row.neighbours; i < row.n; i++)
	{
		uint32		other = item_table_find(table, idtype_fetch(type, p));
		double		alike = row.scores[i] / greatest;

		p = att_addlength_pointer(p, type->typlen, p);
		p = (char *) att_align_nominal(p, type->typalign);
		if (other >= likeness->nplaces)
			continue;
		if (likeness->places[other] == 0)
			continue;
		if (place < 0)
		{
			double	   *nearest = &likeness->nearest[likeness->places[other] - 1];

			*nearest = Max(*nearest, alike);
		}
		else if (likeness->places[other] > likeness->n)
			likeness->nearest[place] = Max(likeness->nearest[place], alike);
		else
		{
			int			b = likeness->places[other] - 1;
			double	   *x = &likeness->pairs[place * likeness->n + b];
			double	   *y = &likeness->pairs[b * likeness->n + place];

			*x = *y = Max(*x, alike);
		}
	}
}

static void
measure_likeness(Choice *choice, Likeness *likeness, const uint32 *pool, int n)
{
	ModelReader reader;
	int64		i;

	memset(likeness, 0, sizeof(*likeness));
	likeness->n = n;
	likeness->pairs = palloc0_array(double, (Size) n * n);
	likeness->nearest = palloc0_array(double, n);
	likeness->nplaces = choice->call->recommender->table.n;
	likeness->places = MemoryContextAllocHuge(CurrentMemoryContext,
											  likeness->nplaces * sizeof(uint32));
	memset(likeness->places, 0, likeness->nplaces * sizeof(uint32));
	for (i = 0; i < n; i++)
		likeness->places[pool[i]] = i + 1;
	model_open(&reader, choice->call->recommender);
	for (i = 0; i < choice->best.n; i++)
		note_neighbours(choice, likeness, &reader, choice->best.rows[i].item, -1);
	/* rows have a place after the pool */
	for (i = 0; i < choice->best.n; i++)
		likeness->places[choice->best.rows[i].item] = n + 1;
	for (i = 0; i < n; i++)
		note_neighbours(choice, likeness, &reader, pool[i], i);
	model_close(&reader);
}

/* Chooses from a pool, in the order of scores, until there are limit rows (-1: all). */
static void
choose_unlike(Choice *choice, const uint32 *pool, int n, int64 limit, Rung rung)
{
	ItemEntry  *entries = choice->call->recommender->table.entries;
	double		lambda = choice->diversity->lambda;
	double		best = n > 0 ? entries[pool[0]].score : 0;
	bool	   *gone = palloc0_array(bool, Max(n, 1));
	Likeness	likeness;
	int			i;

	if (n == 0)
		return;
	measure_likeness(choice, &likeness, pool, n);
	while (limit < 0 || choice->best.n < limit)
	{
		int			chosen = -1;
		double		greatest = 0;

		for (i = 0; i < n; i++)
		{
			double		value;

			if (gone[i] || !has_room(choice, pool[i]))
				continue;
			value = (best > 0 ? lambda * (entries[pool[i]].score / best) : 0) -
				(1 - lambda) * likeness.nearest[i];
			if (chosen < 0 || value > greatest)
			{
				chosen = i;
				greatest = value;
			}
		}
		if (chosen < 0)
			break;
		gone[chosen] = true;
		choose(choice, &choice->best, pool[chosen], rung);
		for (i = 0; i < n; i++)
			likeness.nearest[i] = Max(likeness.nearest[i], likeness.pairs[chosen * n + i]);
	}
	pfree(likeness.pairs);
	pfree(likeness.places);
}

/* Chooses from a stream until there are limit rows (-1: all). */
static void
choose_best(Choice *choice, Stream *stream, int64 limit)
{
	ItemEntry  *entries;
	Queue		queue = {0};
	int64		chosen = choice->best.n;
	int64		i;

	if (choice->diversity->lambda < 1)
	{
		int			n;

		fill_queue(choice, &queue, stream, POOL);
		n = (int) Min(queue.n, POOL);
		choose_unlike(choice, queue.items, n, limit, stream->rung);
		queue.next = n;
	}
	while (limit < 0 || choice->best.n < limit)
	{
		fill_queue(choice, &queue, stream, limit < 0 ? -1 : limit - choice->best.n);
		if (queue.next == queue.n)
			break;
		for (; queue.next < queue.n && (limit < 0 || choice->best.n < limit); queue.next++)
			if (has_room(choice, queue.items[queue.next]))
				choose(choice, &choice->best, queue.items[queue.next], stream->rung);
	}

	/* what was not chosen may be drawn yet, unless its category is full */
	entries = choice->call->recommender->table.entries;
	for (i = 0; i < queue.n; i++)
	{
		entries[queue.items[i]].flags &= ~ITEM_TAKEN;
		if (!has_room(choice, queue.items[i]))
			entries[queue.items[i]].flags |= ITEM_EXCLUDED;
	}
	for (i = chosen; i < choice->best.n; i++)
		entries[choice->best.rows[i].item].flags |= ITEM_TAKEN;
}

/* A number that is anywhere in its range with the same probability. */
static uint64
draw(int64 position, int64 seed)
{
	return (uint64) DatumGetInt64(DirectFunctionCall2(hashint8extended, Int64GetDatum(position),
													  Int64GetDatum(seed)));
}

/* Is a row, counted from 1, one to explore with? */
static bool
is_drawn(const Diversity *diversity, int64 position)
{
	return (double) (draw(position, diversity->seed) >> 11) / 9007199254740992.0 <
		diversity->explore;
}

typedef struct Ticket
{
	uint64		draw;
	uint32		item;
	uint32		rank;
} Ticket;

static int
compare_tickets(const void *a, const void *b)
{
	const Ticket *x = (const Ticket *) a;
	const Ticket *y = (const Ticket *) b;

	CHECK_FOR_INTERRUPTS();
	if (x->draw != y->draw)
		return x->draw < y->draw ? -1 : 1;
	return (x->rank > y->rank) - (x->rank < y->rank);
}

/*
 * Draws up to n rows from the candidates, given in the order of scores, that
 * are not among the rows yet.
 */
static void
choose_drawn(Choice *choice, const uint32 *candidates, uint32 ncandidates, int64 n)
{
	ItemTable  *table = &choice->call->recommender->table;
	Ticket	   *tickets = MemoryContextAllocHuge(CurrentMemoryContext,
												 Max((Size) ncandidates, 1) * sizeof(Ticket));
	uint32	   *order = MemoryContextAllocHuge(CurrentMemoryContext,
											   Max((Size) ncandidates, 1) * sizeof(uint32));
	Stream		stream = {0};
	Queue		queue = {0};
	uint32		ntickets = 0;
	uint32		i;

	for (i = 0; i < ncandidates; i++)
	{
		if (table->entries[candidates[i]].flags & (ITEM_EXCLUDED | ITEM_TAKEN))
			continue;
		tickets[ntickets].draw = draw(-1 - (int64) i, choice->diversity->seed);
		tickets[ntickets].item = candidates[i];
		tickets[ntickets].rank = i;
		ntickets++;
	}
	qsort(tickets, ntickets, sizeof(Ticket), compare_tickets);
	for (i = 0; i < ntickets; i++)
		order[i] = tickets[i].item;
	pfree(tickets);

	stream.call = choice->call;
	stream.items = order;
	stream.nitems = ntickets;
	while (choice->drawn.n < n)
	{
		fill_queue(choice, &queue, &stream, n - choice->drawn.n);
		if (queue.next == queue.n)
			break;
		for (; queue.next < queue.n && choice->drawn.n < n; queue.next++)
			if (has_room(choice, queue.items[queue.next]))
				choose(choice, &choice->drawn, queue.items[queue.next], SOURCE_EXPLORE);
	}
}

/* The rows in their order: those that were drawn go where the draw says. */
static Row *
merge_rows(Choice *choice, int64 *n)
{
	RowList    *best = &choice->best;
	RowList    *drawn = &choice->drawn;
	Row		   *rows;
	int64		nbest = 0;
	int64		ndrawn = 0;

	*n = best->n + drawn->n;
	rows = MemoryContextAllocHuge(CurrentMemoryContext, Max(*n, 1) * sizeof(Row));
	while (nbest + ndrawn < *n)
	{
		int64		position = nbest + ndrawn;

		if (ndrawn < drawn->n &&
			(nbest == best->n || is_drawn(choice->diversity, position + 1)))
			rows[position] = drawn->rows[ndrawn++];
		else
			rows[position] = best->rows[nbest++];
	}
	return rows;
}

/* Returns the rows; those of the history with their reasons. */
static void
put_rows(Call *call, const Row *rows, int64 n, Scoring *scoring)
{
	uint32	   *scored = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(uint32));
	uint32		nscored = 0;
	uint32		nplaced = 0;	/* from the rung of categories */
	Candidate  *candidate;
	Candidate  *placed;
	Datum		sources[NSOURCES];
	int64		i;

	for (i = 0; i < NSOURCES; i++)
		sources[i] = CStringGetTextDatum(rung_name((Rung) i));
	for (i = 0; i < n; i++)
		if (rows[i].rung == RUNG_PERSONAL || rows[i].rung == SOURCE_EXPLORE)
			scored[nscored++] = rows[i].item;
	candidate = scoring_explain(scoring, scored, nscored);
	for (i = 0; i < n; i++)
		if (rows[i].rung == RUNG_CATEGORY)
			scored[nplaced++] = rows[i].item;
	placed = ladder_explain(call, scored, nplaced);
	for (i = 0; i < n; i++)
	{
		if (rows[i].rung == RUNG_PERSONAL || rows[i].rung == SOURCE_EXPLORE)
			call_put_candidate(call, candidate++, sources[rows[i].rung]);
		else if (rows[i].rung == RUNG_CATEGORY)
			call_put_candidate(call, placed++, sources[RUNG_CATEGORY]);
		else
			call_put_item(call, rows[i].item, sources[rows[i].rung]);
	}
}

/* The same as call_answer(), spread as call->diversity says. */
void
call_answer_diverse(Call *call, Scoring *scoring)
{
	Choice		choice = {0};
	Diversity  *diversity = call->diversity;
	Row		   *rows;
	uint32	   *candidates = NULL;
	uint32		ncandidates = 0;
	int64		nexplore = 0;
	int64		n;
	Rung		rung;

	choice.call = call;
	choice.diversity = diversity;
	if (diversity->per_category > 0)
		choice.categories = iddict_create(CurrentMemoryContext, TEXTOID, C_COLLATION_OID,
										  "category");
	if (diversity->damping > 0)
		scoring_damp(scoring, diversity->damping);
	if (diversity->explore > 0)
	{
		for (n = 1; n <= call->n; n++)
		{
			CHECK_FOR_INTERRUPTS();
			nexplore += is_drawn(diversity, n);
		}
		candidates = scoring_select(scoring, call->has_allow ? ITEM_ALLOWED : 0, -1, &ncandidates);
	}

	for (rung = RUNG_PERSONAL; rung < NRUNGS; rung++)
	{
		int64		limit = call->n;
		Stream		stream;

		if (rung == RUNG_PERSONAL)
			limit -= nexplore;
		else if (!call->fallback)
			break;
		else if (limit >= 0)
			limit -= choice.drawn.n;
		if (call->n >= 0 && choice.best.n >= limit && rung != RUNG_PERSONAL)
			break;
		if (stream_open(&stream, call, rung, scoring))
		{
			if (rung == RUNG_PERSONAL && candidates)
			{
				stream.items = candidates;
				stream.nitems = ncandidates;
			}
			choose_best(&choice, &stream, limit);
			stream_close(&stream);
		}
		if (rung == RUNG_PERSONAL && nexplore > 0)
			choose_drawn(&choice, candidates, ncandidates, nexplore);
	}
	rows = merge_rows(&choice, &n);
	put_rows(call, rows, n, scoring);
}
