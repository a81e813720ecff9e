/*-------------------------------------------------------------------------
 *
 * score.c
 *		History times neighbours: scores of candidates and the reasons for them.
 *
 *		score(j) = sum over the items i of the history of w(i) * s(i, j)
 *
 * with w(i) the weight of i in the history and s(i, j) the score of neighbour
 * j in the model's row of i.  Each product is a contribution, and they are
 * what `because` shows.
 *
 * Contributions are rounded to multiples of a power of two that is so chosen
 * that no sum of them needs more than the 53 bits of a double precision
 * number.  Additions are exact, then: the score is the same in whatever order
 * rows are read, and contributions add up to it to the last bit.  The rounding
 * is less than 2^-50 of (items in history) * (greatest weight) * (greatest
 * score in the model).
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "access/tupmacs.h"
#include "lib/binaryheap.h"
#include "utils/memutils.h"

#include "recommend/recommend.h"

#define FLAG_EXCLUDED	0x01	/* must not be recommended */
#define FLAG_TAKEN		0x02	/* has been recommended by this call */

/* One product, kept for the reasons. */
typedef struct Product
{
	uint32		id;
	float4		score;
} Product;

struct Scoring
{
	Recommender *recommender;
	IdDict	   *items;			/* history first: its items are 0 .. nhistory - 1 */
	int			nhistory;
	double	   *weights;		/* of the history */
	Size	   *first;			/* first product of each item of the history, and the end */
	Product    *products;
	Size		nproducts;
	Size		product_capacity;
	double	   *scores;			/* by item number */
	uint8	   *flags;
	uint32		capacity;		/* of the two */
	double		rounder;		/* adding and subtracting it rounds a contribution */
};

static inline double
contribution(const Scoring *scoring, double weight, float4 score)
{
	double		sum = weight * score + scoring->rounder;

	return sum - scoring->rounder;
}

/*
 * 1.5 * 2^(e + 1), where 2^e bounds the sum of all contributions: numbers of
 * that magnitude are 2^(e - 51) apart, and so are the rounded contributions.
 */
static double
choose_rounder(const Recommender *recommender, const HistoryItem *history, int n)
{
	double		greatest = 0;
	double		bound;
	int			exponent;
	int			i;

	for (i = 0; i < n; i++)
		greatest = Max(greatest, fabs(history[i].weight));
	bound = greatest * recommender->max_score * Max(n, 1);
	if (!(bound < 1e300))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("weights of the history are too large")));
	frexp(bound, &exponent);
	return ldexp(1.5, exponent + 1);
}

static void
ensure_capacity(Scoring *scoring)
{
	uint32		count = iddict_count(scoring->items);

	if (count > scoring->capacity)
	{
		uint32		capacity = scoring->capacity;

		while (capacity < count)
			capacity *= 2;
		scoring->scores = repalloc_huge(scoring->scores, (Size) capacity * sizeof(double));
		scoring->flags = repalloc_huge(scoring->flags, capacity);
		memset(scoring->scores + scoring->capacity, 0,
			   (Size) (capacity - scoring->capacity) * sizeof(double));
		memset(scoring->flags + scoring->capacity, 0, capacity - scoring->capacity);
		scoring->capacity = capacity;
	}
}

/* Number of an item, new or not, with room for it in the arrays. */
static uint32
item_number(Scoring *scoring, Datum item)
{
	uint32		id = iddict_put(scoring->items, item);

	ensure_capacity(scoring);
	return id;
}

static void
add_row(Scoring *scoring, const ModelRow *row, double weight)
{
	const IdType *type = &scoring->recommender->item;
	char	   *p = row->neighbours;
	Product    *product;
	int			i;

	if (scoring->nproducts + row->n > scoring->product_capacity)
	{
		scoring->product_capacity = (scoring->nproducts + row->n) * 2;
		scoring->products = repalloc_huge(scoring->products,
										  scoring->product_capacity * sizeof(Product));
	}
	product = scoring->products + scoring->nproducts;
	scoring->nproducts += row->n;

	for (i = 0; i < row->n; i++, product++)
	{
		product->id = iddict_put(scoring->items, fetch_att(p, type->typbyval, type->typlen));
		product->score = row->scores[i];
		p = att_addlength_pointer(p, type->typlen, p);
		p = (char *) att_align_nominal(p, type->typalign);
	}

	ensure_capacity(scoring);
	product -= row->n;
	for (i = 0; i < row->n; i++, product++)
		scoring->scores[product->id] += contribution(scoring, weight, product->score);
}

/*
 * Scores all candidates of a history, in the current memory context.  Items of
 * the history are candidates too, until they are excluded.
 */
Scoring *
scoring_create(Recommender *recommender, const HistoryItem *history, int n)
{
	Scoring    *scoring = palloc0_object(Scoring);
	ModelReader reader;
	ModelRow	row;
	int			i;

	scoring->recommender = recommender;
	scoring->items = iddict_create(CurrentMemoryContext, recommender->item.type,
								   recommender->item.collation, "item");
	scoring->nhistory = n;
	scoring->weights = palloc_array(double, Max(n, 1));
	scoring->first = palloc_array(Size, n + 1);
	scoring->capacity = 256;
	scoring->scores = palloc0(scoring->capacity * sizeof(double));
	scoring->flags = palloc0(scoring->capacity);
	scoring->product_capacity = 256;
	scoring->products = palloc(scoring->product_capacity * sizeof(Product));
	scoring->rounder = choose_rounder(recommender, history, n);

	for (i = 0; i < n; i++)
	{
		item_number(scoring, history[i].item);
		scoring->weights[i] = history[i].weight;
	}

	model_open(&reader, recommender);
	for (i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		scoring->first[i] = scoring->nproducts;
		if (history[i].weight != 0 && model_find(&reader, history[i].item, &row))
			add_row(scoring, &row, history[i].weight);
	}
	scoring->first[n] = scoring->nproducts;
	model_close(&reader);
	return scoring;
}

/* Keeps an item from being recommended. */
void
scoring_exclude(Scoring *scoring, Datum item)
{
	scoring->flags[item_number(scoring, item)] |= FLAG_EXCLUDED;
}

/* Was an item excluded, or recommended already? */
bool
scoring_is_taken(Scoring *scoring, Datum item)
{
	uint32		id = iddict_find(scoring->items, item);

	return id != IDDICT_NOT_FOUND && scoring->flags[id] != 0;
}

/* Order of two candidates: greater score first, ties by item. */
static int
compare_candidates(Scoring *scoring, uint32 a, uint32 b)
{
	IdType	   *type = &scoring->recommender->item;

	if (scoring->scores[a] != scoring->scores[b])
		return scoring->scores[a] > scoring->scores[b] ? -1 : 1;
	return DatumGetInt32(FunctionCall2Coll(&type->compare, type->collation,
										   iddict_value(scoring->items, a),
										   iddict_value(scoring->items, b)));
}

static int
compare_in_sort(const void *a, const void *b, void *arg)
{
	return compare_candidates((Scoring *) arg, *(const uint32 *) a, *(const uint32 *) b);
}

/* The heap has the last of the best at its top. */
static int
compare_in_heap(Datum a, Datum b, void *arg)
{
	return compare_candidates((Scoring *) arg, DatumGetUInt32(a), DatumGetUInt32(b));
}

/*
 * Numbers of the best n candidates in order (all of them where n is negative).
 * Only positive scores count.
 */
static uint32 *
select_best(Scoring *scoring, int64 n, uint32 *nfound)
{
	uint32		count = iddict_count(scoring->items);
	uint32	   *best;
	uint32		found = 0;
	uint32		i;

	if (n < 0 || n > count)
		n = count;
	best = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(uint32));
	if (n == count)
	{
		for (i = 0; i < count; i++)
			if (scoring->scores[i] > 0 && scoring->flags[i] == 0)
				best[found++] = i;
	}
	else if (n > 0)
	{
		binaryheap *heap = binaryheap_allocate((int) n, compare_in_heap, scoring);
		double		worst = 0;

		for (i = 0; i < count; i++)
		{
			/* most candidates are far from the best: one comparison */
			if (!(scoring->scores[i] > 0) || scoring->scores[i] < worst || scoring->flags[i] != 0)
				continue;
			if (found < n)
			{
				binaryheap_add(heap, UInt32GetDatum(i));
				found++;
			}
			else if (compare_candidates(scoring, i, DatumGetUInt32(binaryheap_first(heap))) < 0)
				binaryheap_replace_first(heap, UInt32GetDatum(i));
			if (found == n)
				worst = scoring->scores[DatumGetUInt32(binaryheap_first(heap))];
		}
		for (i = 0; i < found; i++)
			best[i] = DatumGetUInt32(binaryheap_remove_first(heap));
		binaryheap_free(heap);
	}
	qsort_arg(best, found, sizeof(uint32), compare_in_sort, scoring);
	*nfound = found;
	return best;
}

typedef struct Reason
{
	uint32		history;
	double		contribution;
} Reason;

/* Greatest contribution first, ties by item. */
static int
compare_reasons(const void *a, const void *b, void *arg)
{
	const Reason *x = (const Reason *) a;
	const Reason *y = (const Reason *) b;
	Scoring    *scoring = (Scoring *) arg;
	IdType	   *type = &scoring->recommender->item;

	if (x->contribution != y->contribution)
		return x->contribution > y->contribution ? -1 : 1;
	return DatumGetInt32(FunctionCall2Coll(&type->compare, type->collation,
										   iddict_value(scoring->items, x->history),
										   iddict_value(scoring->items, y->history)));
}

/*
 * Fills in what contributed to each of the best candidates: a counting sort of
 * the products by candidate.
 */
static void
find_reasons(Scoring *scoring, const uint32 *best, uint32 nbest, Candidate *candidates)
{
	Size		count = iddict_count(scoring->items);
	uint32	   *position = MemoryContextAllocHuge(CurrentMemoryContext,
												  Max(count, 1) * sizeof(uint32));
	Size	   *place = MemoryContextAllocHuge(CurrentMemoryContext,
											   ((Size) nbest + 2) * sizeof(Size));
	Reason	   *reasons;
	Size		i;
	int			h;

	/* position of the candidate among the best, from 1; 0 for all others */
	memset(position, 0, count * sizeof(uint32));
	for (i = 0; i < nbest; i++)
		position[best[i]] = i + 1;

	memset(place, 0, ((Size) nbest + 2) * sizeof(Size));
	for (i = 0; i < scoring->nproducts; i++)
		place[position[scoring->products[i].id]]++;
	place[0] = 0;
	for (i = 1; i <= nbest; i++)
		place[i] += place[i - 1];
	place[nbest + 1] = place[nbest];

	/* place[p] is where the reasons of p end, and after this where they start */
	reasons = MemoryContextAllocHuge(CurrentMemoryContext,
									 Max(place[nbest], 1) * sizeof(Reason));
	for (h = 0; h < scoring->nhistory; h++)
	{
		for (i = scoring->first[h]; i < scoring->first[h + 1]; i++)
		{
			uint32		p = position[scoring->products[i].id];

			if (p > 0)
			{
				Reason	   *reason = &reasons[--place[p]];

				reason->history = h;
				reason->contribution = contribution(scoring, scoring->weights[h],
													scoring->products[i].score);
			}
		}
	}

	for (i = 0; i < nbest; i++)
	{
		Reason	   *own = &reasons[place[i + 1]];
		Candidate  *candidate = &candidates[i];
		int			k;

		candidate->nreasons = (int) (place[i + 2] - place[i + 1]);
		qsort_arg(own, candidate->nreasons, sizeof(Reason), compare_reasons, scoring);
		candidate->reasons = palloc_array(Datum, Max(candidate->nreasons, 1));
		candidate->contributions = palloc_array(double, Max(candidate->nreasons, 1));
		for (k = 0; k < candidate->nreasons; k++)
		{
			candidate->reasons[k] = iddict_value(scoring->items, own[k].history);
			candidate->contributions[k] = own[k].contribution;
		}
	}
	pfree(position);
	pfree(place);
	pfree(reasons);
}

/*
 * The best n candidates in order, or all of them where n is negative, with
 * reasons.  They are marked as taken.
 */
Candidate *
scoring_best(Scoring *scoring, int64 n, int64 *nfound)
{
	uint32		nbest;
	uint32	   *best = select_best(scoring, n, &nbest);
	Candidate  *candidates = MemoryContextAllocHuge(CurrentMemoryContext,
													Max(nbest, 1) * sizeof(Candidate));
	uint32		i;

	for (i = 0; i < nbest; i++)
	{
		candidates[i].item = iddict_value(scoring->items, best[i]);
		candidates[i].score = scoring->scores[best[i]];
		scoring->flags[best[i]] |= FLAG_TAKEN;
	}
	find_reasons(scoring, best, nbest, candidates);
	pfree(best);
	*nfound = nbest;
	return candidates;
}
