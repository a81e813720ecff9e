/*-------------------------------------------------------------------------
 *
 * ladder.c
 *		The rungs between the history and overall popularity.
 *
 *		crowd		users with the same tags: the mean, over the tags of the user
 *					that have a list, of the share of their users who have the item
 *		category	the categories of the history: the popularity of the item
 *					times the share that its category has in the weight of the
 *					history; each item of the history in it contributes
 *
 * Both add up a few short lists that were worked out with the model (lists.c).
 * The user's tags and the categories of the items are read live.  Sums are made
 * in the order of tags, and of categories, by their bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "recommend/serve.h"

/* What speaks for the lists of a key. */
typedef struct Key
{
	Datum		key;			/* text */
	uint32		item;			/* of the history, for categories */
	double		weight;
} Key;

typedef struct KeyList
{
	MemoryContext cxt;			/* rows of a query come in one that ends with it */
	Key		   *keys;
	int			n;
	int			capacity;
	ItemTable  *table;
	double	   *weights;		/* of items of the history, by number */
	uint32		nweights;
} KeyList;

/* An item of a list. */
typedef struct Mention
{
	uint32		item;
	uint32		place;			/* of the key: the order of additions */
	double		score;
} Mention;

typedef struct MentionList
{
	MemoryContext cxt;
	Mention    *mentions;
	int64		n;
	int64		capacity;
	Call	   *call;
	KeyList    *keys;
	int			nlists;			/* that were found */
	double		greatest;		/* score in them */
} MentionList;

/* What the reasons of the rung of categories are made of. */
struct Ladder
{
	MentionList list;			/* sorted by item */
	KeyList		parts;			/* what each item of the history adds to a category */
	int		   *first;			/* part of each category, and the end */
	double		rounder;		/* adding and subtracting it rounds a contribution: score.c */
};

static void
forget(LadderPlan *plan)
{
	UserQuery  *query = plan->query;

	plan->query = NULL;
	if (query)
		query_forget(query);
}

/* Frees the plans. */
void
ladder_forget(Recommender *recommender)
{
	forget(&recommender->tags);
	forget(&recommender->keys);
}

/* The memory for a new plan in the place of an old one. */
static MemoryContext
renew(Recommender *recommender, LadderPlan *plan)
{
	forget(plan);
	if (plan->cxt == NULL)
		plan->cxt = AllocSetContextCreate(recommender->cxt, "recsys ladder plan",
										  ALLOCSET_SMALL_SIZES);
	MemoryContextReset(plan->cxt);
	return plan->cxt;
}

static void
add_key(KeyList *list, Datum key, uint32 item, double weight)
{
	MemoryContext old = MemoryContextSwitchTo(list->cxt);

	if (list->n == list->capacity)
	{
		list->capacity = Max(list->capacity * 2, 16);
		list->keys = list->keys ? repalloc_huge(list->keys, list->capacity * sizeof(Key)) :
			palloc_array(Key, list->capacity);
	}
	list->keys[list->n].key = PointerGetDatum(DatumGetTextPCopy(key));
	list->keys[list->n].item = item;
	list->keys[list->n].weight = weight;
	list->n++;
	MemoryContextSwitchTo(old);
}

/* Order of two texts by their bytes. */
int
call_compare_texts(Datum a, Datum b)
{
	return DatumGetInt32(DirectFunctionCall2Coll(bttextcmp, C_COLLATION_OID, a, b));
}

/* By key, and then by what must not depend on the order of rows. */
static int
compare_keys(const void *a, const void *b)
{
	const Key  *x = (const Key *) a;
	const Key  *y = (const Key *) b;
	int			cmp = call_compare_texts(x->key, y->key);

	if (cmp != 0)
		return cmp;
	if (x->weight != y->weight)
		return x->weight < y->weight ? -1 : 1;
	return (x->item > y->item) - (x->item < y->item);
}

/* Sorts keys and drops what is there twice. */
static void
unite_keys(KeyList *list)
{
	int			n = 0;
	int			i;

	qsort(list->keys, list->n, sizeof(Key), compare_keys);
	for (i = 0; i < list->n; i++)
		if (n == 0 || list->keys[i].item != list->keys[n - 1].item ||
			call_compare_texts(list->keys[n - 1].key, list->keys[i].key) != 0)
			list->keys[n++] = list->keys[i];
	list->n = n;
}

static void
add_tag(void *arg, const Datum *values, const bool *nulls)
{
	if (!nulls[0])
		add_key((KeyList *) arg, values[0], 0, 0);
}

/* Prepares what reads the tags of a user, whose id comes as a value of a type. */
static UserQuery *
prepare_tags(Recommender *recommender, Oid usertype)
{
	LadderPlan *plan = &recommender->tags;
	QueryColumn column = {"tag", TEXTOID, false};

	if (plan->query == NULL || plan->argtype != usertype || !query_is_valid(plan->query))
	{
		MemoryContext cxt = renew(recommender, plan);
		char	   *text = pushdown_query(recommender->users_query, 2,
										  query_user_type(recommender->users_query), usertype);
		MemoryContext old = MemoryContextSwitchTo(cxt);

		plan->query = query_prepare_saved(text, &column, 1, 1, &usertype);
		plan->argtype = usertype;
		MemoryContextSwitchTo(old);
	}
	return plan->query;
}

/* The tags of the user by the users query. */
static void
read_tags(Call *call, KeyList *tags)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	query_run(prepare_tags(call->recommender, call->usertype), &call->user, NULL, add_tag, tags);
	SPI_finish();
}

/* Could a parallel worker run the users query, if there is one? */
bool
ladder_is_parallel_safe(Recommender *recommender, Oid usertype)
{
	bool		result;

	if (recommender->users_query == NULL)
		return true;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	result = query_is_parallel_safe(prepare_tags(recommender, usertype));
	SPI_finish();
	return result;
}

static void
add_category(void *arg, const Datum *values, const bool *nulls)
{
	KeyList    *list = (KeyList *) arg;
	uint32		number;

	if (nulls[0] || nulls[1])
		return;
	number = item_table_find(list->table, values[0]);
	if (number < list->nweights && list->weights[number] > 0)
		add_key(list, values[1], number, list->weights[number]);
}

static void
add_list(void *arg, const Datum *values, const bool *nulls)
{
	MentionList *list = (MentionList *) arg;
	Call	   *call = list->call;
	ItemTable  *table = &call->recommender->table;
	const IdType *type = table->type;
	uint32		required = call->has_allow ? ITEM_ALLOWED : 0;
	ArrayType  *items;
	ArrayType  *scores;
	float8	   *score;
	char	   *p;
	int			first = 0;
	int			last = list->keys->n;
	int			n;
	int			i;

	if (nulls[0] || nulls[1] || nulls[2])
		return;
	items = DatumGetArrayTypeP(values[1]);
	scores = DatumGetArrayTypeP(values[2]);
	if (ARR_NDIM(items) != 1 || ARR_NDIM(scores) != 1 || ARR_HASNULL(items) ||
		ARR_HASNULL(scores) || ARR_ELEMTYPE(items) != type->type ||
		ARR_DIMS(items)[0] != ARR_DIMS(scores)[0])
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("table \"%s\" has a row that is not a list",
						get_rel_name(call->recommender->lists)),
				 errhint("Rebuild it with refresh_recommender().")));
	/* keys are sorted */
	while (first < last)
	{
		int			middle = first + (last - first) / 2;

		if (call_compare_texts(list->keys->keys[middle].key, values[0]) < 0)
			first = middle + 1;
		else
			last = middle;
	}
	list->nlists++;
	for (i = 0; i < ARR_DIMS(scores)[0]; i++)
		list->greatest = Max(list->greatest, ((float8 *) ARR_DATA_PTR(scores))[i]);
	n = ARR_DIMS(items)[0];
	score = (float8 *) ARR_DATA_PTR(scores);
	for (i = 0, p = ARR_DATA_PTR(items); i < n; i++)
	{
		uint32		item = item_table_put(table, idtype_fetch(type, p));

		p = att_addlength_pointer(p, type->typlen, p);
		p = (char *) att_align_nominal(p, type->typalign);
		if ((table->entries[item].flags & (required | ITEM_EXCLUDED | ITEM_TAKEN)) != required)
			continue;
		if (list->n == list->capacity)
		{
			list->capacity = Max(list->capacity * 2, 256);
			list->mentions = list->mentions ?
				repalloc_huge(list->mentions, list->capacity * sizeof(Mention)) :
				MemoryContextAllocHuge(list->cxt, list->capacity * sizeof(Mention));
		}
		list->mentions[list->n].item = item;
		list->mentions[list->n].place = first;
		list->mentions[list->n].score = score[i];
		list->n++;
	}
}

/* Reads the lists of some keys. */
static void
read_lists(Call *call, const char *kind, KeyList *keys, MentionList *list)
{
	Recommender *recommender = call->recommender;
	LadderPlan *plan = &recommender->keys;
	Oid			types[2] = {TEXTOID, TEXTARRAYOID};
	QueryColumn columns[3] = {{"key", TEXTOID, false}, {"items", recommender->item.array_type, false},
	{"scores", FLOAT8ARRAYOID, false}};
	Datum	   *values = palloc_array(Datum, keys->n);
	Datum		params[2];
	int			i;

	for (i = 0; i < keys->n; i++)
		values[i] = keys->keys[i].key;
	params[0] = CStringGetTextDatum(kind);
	params[1] = PointerGetDatum(construct_array(values, keys->n, TEXTOID, -1, false, TYPALIGN_INT));
	list->cxt = CurrentMemoryContext;
	list->call = call;
	list->keys = keys;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (plan->query == NULL || !query_is_valid(plan->query))
	{
		MemoryContext cxt = renew(recommender, plan);
		char	   *text;
		MemoryContext old;

		if (get_rel_name(recommender->lists) == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("recommender \"%s\" has no lists", get_rel_name(recommender->relid)),
					 errhint("Build them with refresh_recommender().")));
		text = psprintf("SELECT key, items, scores FROM ONLY %s"
						" WHERE kind OPERATOR(pg_catalog.=) $1"
						" AND key OPERATOR(pg_catalog.=) ANY ($2)",
						qualified_relation_name(recommender->lists));
		old = MemoryContextSwitchTo(cxt);
		plan->query = query_prepare_saved(text, columns, 3, 2, types);
		MemoryContextSwitchTo(old);
	}
	query_run(plan->query, params, NULL, add_list, list);
	SPI_finish();
}

static int
compare_mentions(const void *a, const void *b)
{
	const Mention *x = (const Mention *) a;
	const Mention *y = (const Mention *) b;

	CHECK_FOR_INTERRUPTS();
	if (x->item != y->item)
		return x->item < y->item ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

/* Scores the items of some lists; their numbers, best first. */
static uint32 *
score_mentions(MentionList *list, int64 *n)
{
	ItemTable  *table = &list->call->recommender->table;
	uint32	   *items = MemoryContextAllocHuge(CurrentMemoryContext,
											   Max(list->n, 1) * sizeof(uint32));
	int64		i;

	*n = 0;
	qsort(list->mentions, list->n, sizeof(Mention), compare_mentions);
	for (i = 0; i < list->n; i++)
	{
		const Mention *mention = &list->mentions[i];
		ItemEntry  *entry = &table->entries[mention->item];

		/* a variable, as an x87 would not round the product before it adds */
		double		part = list->keys->keys[mention->place].weight * mention->score;

		if (i == 0 || mention->item != list->mentions[i - 1].item)
		{
			entry->score = 0;
			items[(*n)++] = mention->item;
		}
		entry->score += part;
	}
	qsort_arg(items, *n, sizeof(uint32), call_compare_scores, table);
	return items;
}

/*
 * What users with the tags of this one have, best first: the tags that the call
 * gives, or those of the users query.  NULL where there are none.
 */
uint32 *
ladder_crowd(Call *call, int64 *n)
{
	KeyList		tags = {0};
	MentionList list = {0};
	int			i;

	if (!OidIsValid(call->recommender->lists))
		return NULL;
	tags.cxt = CurrentMemoryContext;
	if (call->tags)
	{
		Datum	   *values;
		bool	   *nulls;
		int			nvalues;

		deconstruct_array(call->tags, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &nvalues);
		for (i = 0; i < nvalues; i++)
			if (!nulls[i])
				add_key(&tags, values[i], 0, 0);
	}
	else if (call->recommender->users_query && call->has_user)
		read_tags(call, &tags);
	if (tags.n == 0)
		return NULL;
	unite_keys(&tags);
	read_lists(call, "crowd", &tags, &list);
	for (i = 0; i < tags.n; i++)
		tags.keys[i].weight = 1.0 / Max(list.nlists, 1);
	return list.n > 0 ? score_mentions(&list, n) : NULL;
}

/* Does the items query tell categories?  Found out once. */
static bool
has_categories(Recommender *recommender)
{
	if (recommender->categories == CATEGORIES_UNKNOWN)
	{
		recommender->categories = CATEGORIES_NONE;
		if (recommender->items_query)
		{
			if (SPI_connect() != SPI_OK_CONNECT)
				elog(ERROR, "SPI_connect failed");
			if (category_query(recommender->items_query, &recommender->item))
				recommender->categories = CATEGORIES_SOME;
			SPI_finish();
		}
	}
	return recommender->categories == CATEGORIES_SOME;
}

/* The categories of the parts, with the place of the first part of each. */
static void
list_categories(Ladder *ladder, KeyList *categories)
{
	KeyList    *parts = &ladder->parts;
	int			i;

	categories->cxt = parts->cxt;
	ladder->first = palloc_array(int, parts->n + 1);
	for (i = 0; i < parts->n; i++)
		if (i == 0 || call_compare_texts(parts->keys[i - 1].key, parts->keys[i].key) != 0)
		{
			ladder->first[categories->n] = i;
			add_key(categories, parts->keys[i].key, 0, 0);
		}
	ladder->first[categories->n] = parts->n;
}

static double
part_contribution(const Ladder *ladder, const Key *part, const Mention *mention)
{
	double		sum = part->weight * mention->score + ladder->rounder;

	return sum - ladder->rounder;
}

/* Scores items by contributions, rounded so that sums are exact; best first. */
static uint32 *
score_parts(Ladder *ladder, int64 *n)
{
	MentionList *list = &ladder->list;
	ItemTable  *table = &list->call->recommender->table;
	uint32	   *items = MemoryContextAllocHuge(CurrentMemoryContext,
											   Max(list->n, 1) * sizeof(uint32));
	int64		i;

	/* shares add up to 1, so no sum is greater than the greatest score */
	ladder->rounder = scoring_rounder(list->greatest);
	*n = 0;
	qsort(list->mentions, list->n, sizeof(Mention), compare_mentions);
	for (i = 0; i < list->n; i++)
	{
		const Mention *mention = &list->mentions[i];
		ItemEntry  *entry = &table->entries[mention->item];
		int			k;

		CHECK_FOR_INTERRUPTS();
		if (i == 0 || mention->item != list->mentions[i - 1].item)
		{
			entry->score = 0;
			items[(*n)++] = mention->item;
		}
		for (k = ladder->first[mention->place]; k < ladder->first[mention->place + 1]; k++)
			entry->score += part_contribution(ladder, &ladder->parts.keys[k], mention);
	}
	qsort_arg(items, *n, sizeof(uint32), call_compare_scores, table);
	return items;
}

/* What sells in the categories of the history, best first, or NULL. */
uint32 *
ladder_category(Call *call, int64 *n)
{
	Recommender *recommender = call->recommender;
	Ladder	   *ladder;
	KeyList    *parts;
	KeyList    *categories;
	double		sum = 0;
	uint32	   *items;
	int			i;

	if (!OidIsValid(recommender->lists) || call->nhistory == 0 || !has_categories(recommender))
		return NULL;
	ladder = palloc0_object(Ladder);
	categories = palloc0_object(KeyList);
	parts = &ladder->parts;
	items = palloc_array(uint32, call->nhistory);
	parts->cxt = CurrentMemoryContext;
	parts->table = &recommender->table;
	parts->nweights = recommender->table.n;
	parts->weights = MemoryContextAllocHuge(CurrentMemoryContext,
											parts->nweights * sizeof(double));
	memset(parts->weights, 0, parts->nweights * sizeof(double));
	for (i = 0; i < call->nhistory; i++)
	{
		items[i] = call->history[i].item;
		parts->weights[items[i]] = call->history[i].weight;
	}
	eligible_read(recommender, NULL, items, call->nhistory, ELIGIBLE_CATEGORY | ELIGIBLE_ANY,
				  add_category, parts);
	if (parts->n == 0)
		return NULL;
	/* an item may be there twice in the items query */
	unite_keys(parts);
	for (i = 0; i < parts->n; i++)
		sum += parts->keys[i].weight;
	for (i = 0; i < parts->n; i++)
		parts->keys[i].weight /= sum;
	list_categories(ladder, categories);
	read_lists(call, "category", categories, &ladder->list);
	if (ladder->list.n == 0)
		return NULL;
	call->ladder = ladder;
	return score_parts(ladder, n);
}

typedef struct Reason
{
	Datum		item;
	uint32		number;
	double		contribution;
} Reason;

static int
compare_numbers(const void *a, const void *b)
{
	const Reason *x = (const Reason *) a;
	const Reason *y = (const Reason *) b;

	return (x->number > y->number) - (x->number < y->number);
}

/* The greatest contribution first, ties by item. */
static int
compare_reasons(const void *a, const void *b, void *arg)
{
	const Reason *x = (const Reason *) a;
	const Reason *y = (const Reason *) b;

	if (x->contribution != y->contribution)
		return x->contribution > y->contribution ? -1 : 1;
	return idtype_compare((IdType *) arg, x->item, y->item);
}

/* The reasons for one item: those of its categories, added up. */
static void
explain_item(const Ladder *ladder, uint32 item, Candidate *candidate)
{
	const MentionList *list = &ladder->list;
	ItemTable  *table = &list->call->recommender->table;
	Reason	   *reasons;
	int64		first = 0;
	int64		last = list->n;
	int			n = 0;
	int			nunited = 0;
	int64		i;
	int			k;

	while (first < last)
	{
		int64		middle = first + (last - first) / 2;

		if (list->mentions[middle].item < item)
			first = middle + 1;
		else
			last = middle;
	}
	for (i = first; i < list->n && list->mentions[i].item == item; i++)
		n += ladder->first[list->mentions[i].place + 1] - ladder->first[list->mentions[i].place];
	reasons = palloc_array(Reason, Max(n, 1));
	n = 0;
	for (i = first; i < list->n && list->mentions[i].item == item; i++)
		for (k = ladder->first[list->mentions[i].place];
			 k < ladder->first[list->mentions[i].place + 1]; k++)
		{
			const Key  *part = &ladder->parts.keys[k];

			reasons[n].number = part->item;
			reasons[n].item = table->entries[part->item].item;
			reasons[n++].contribution = part_contribution(ladder, part, &list->mentions[i]);
		}
	qsort(reasons, n, sizeof(Reason), compare_numbers);
	for (k = 0; k < n; k++)
		if (k > 0 && reasons[k].number == reasons[nunited - 1].number)
			reasons[nunited - 1].contribution += reasons[k].contribution;
		else
			reasons[nunited++] = reasons[k];
	qsort_arg(reasons, nunited, sizeof(Reason), compare_reasons, table->type);

	candidate->item = table->entries[item].item;
	candidate->score = table->entries[item].score;
	candidate->nreasons = nunited;
	candidate->reasons = palloc_array(Datum, Max(nunited, 1));
	candidate->contributions = palloc_array(double, Max(nunited, 1));
	for (k = 0; k < nunited; k++)
	{
		candidate->reasons[k] = reasons[k].item;
		candidate->contributions[k] = reasons[k].contribution;
	}
	pfree(reasons);
}

/* Items that ladder_category() has found with what contributed to each. */
Candidate *
ladder_explain(Call *call, const uint32 *items, uint32 n)
{
	Candidate  *candidates = MemoryContextAllocHuge(CurrentMemoryContext,
													Max((Size) n, 1) * sizeof(Candidate));
	uint32		i;

	for (i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		explain_item(call->ladder, items[i], &candidates[i]);
	}
	return candidates;
}
