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

/* Rows of the model are asked for in three steps, so many rows apart. */
#define PREFETCH_DISTANCE 4

struct Scoring
{
	Recommender *recommender;
	ItemTable  *items;
	int			nhistory;
	const HistoryItem *history;
	Size	   *first;			/* first product of each item of the history, and the end */
	Size		nproducts;
	uint32	   *numbers;		/* of the neighbours of one item */
	int			max_numbers;
	double		rounder;		/* adding and subtracting it rounds a contribution */
	double	   *factors;		/* of each candidate; NULL: all are 1 */
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
double
scoring_rounder(double bound)
{
	int			exponent;

	frexp(bound, &exponent);
	return ldexp(1.5, exponent + 1);
}

/* The same for what a history leads to. */
static double
choose_rounder(const Recommender *recommender, const HistoryItem *history, int n, double factor)
{
	double		greatest = 0;
	double		bound;
	int			i;

	for (i = 0; i < n; i++)
	{
		/* sums of finite weights need not be */
		if (!isfinite(history[i].weight))
			greatest = INFINITY;
		greatest = Max(greatest, fabs(history[i].weight));
	}
	bound = greatest * recommender->max_score * Max(n, 1) * factor;
	if (!(bound < 1e300))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("weights of the history are too large")));
	return scoring_rounder(bound);
}

/* Makes room for n more products; they are kept for the reasons. */
static Product *
reserve_products(Scoring *scoring, int n)
{
	Recommender *recommender = scoring->recommender;

	if (recommender->products == NULL)
	{
		recommender->product_capacity = 1024 + n;
		recommender->products = MemoryContextAlloc(recommender->cxt,
												   recommender->product_capacity * sizeof(Product));
	}
	if (scoring->nproducts + n > recommender->product_capacity)
	{
		recommender->product_capacity = (scoring->nproducts + n) * 2;
		recommender->products = repalloc_huge(recommender->products,
											  recommender->product_capacity * sizeof(Product));
	}
	return recommender->products + scoring->nproducts;
}

/* Makes room for the numbers of n neighbours. */
static uint32 *
reserve_numbers(Scoring *scoring, int n)
{
	if (scoring->numbers == NULL || n > scoring->max_numbers)
	{
		if (scoring->numbers)
			pfree(scoring->numbers);
		scoring->max_numbers = Max(n, 256);
		scoring->numbers = palloc_array(uint32, scoring->max_numbers);
	}
	return scoring->numbers;
}

static void
add_row(Scoring *scoring, const ModelRow *row, double weight)
{
	ItemTable  *items = scoring->items;
	Product    *products = reserve_products(scoring, row->n);
	uint32	   *numbers = reserve_numbers(scoring, row->n);
	int			i;

	item_table_put_all(items, row->neighbours, row->n, numbers);
	for (i = 0; i < row->n; i++)
	{
		products[i].item = numbers[i];
		products[i].score = row->scores[i];
		items->entries[numbers[i]].score += contribution(scoring, weight, row->scores[i]);
	}
	scoring->nproducts += row->n;
}

/* The hash of the item that comes `ahead` after item i, false if there is none. */
static inline bool
hash_ahead(const Scoring *scoring, int i, int ahead, uint32 *hash)
{
	i += ahead;
	if (i < 0 || i >= scoring->nhistory)
		return false;
	*hash = scoring->items->entries[scoring->history[i].item].hash;
	return true;
}

/* While row i is being read, memory of the rows after it is on its way. */
static void
prefetch_rows(const Scoring *scoring, const ModelReader *reader, int i)
{
	uint32		hash;

	if (hash_ahead(scoring, i, 3 * PREFETCH_DISTANCE, &hash))
		directory_prefetch(reader, hash);
	if (hash_ahead(scoring, i, 2 * PREFETCH_DISTANCE, &hash))
		directory_prefetch_page(reader, hash);
	if (hash_ahead(scoring, i, PREFETCH_DISTANCE, &hash))
		directory_prefetch_tuple(reader, hash);
}

/*
 * Scores all candidates of a history, in the recommender's table.  Items of
 * the history are candidates like others unless their flags say no.  The
 * result is in the current memory context, and good until the table is reset.
 */
Scoring *
scoring_create(Recommender *recommender, const HistoryItem *history, int n)
{
	Scoring    *scoring = palloc0_object(Scoring);
	ModelReader reader;
	ModelRow	row;
	int			i;

	scoring->recommender = recommender;
	scoring->items = &recommender->table;
	scoring->nhistory = n;
	scoring->history = history;
	scoring->first = palloc_array(Size, n + 1);
	scoring->rounder = choose_rounder(recommender, history, n, 1);

	/* about as many candidates as such a history leads to */
	item_table_reserve(scoring->items,
					   scoring->items->n + Min((uint64) n * 32, (uint64) recommender->items));
	model_open(&reader, recommender);
	for (i = -3 * PREFETCH_DISTANCE; i < 0; i++)
		prefetch_rows(scoring, &reader, i);
	for (i = 0; i < n; i++)
	{
		Datum		item = scoring->items->entries[history[i].item].item;

		CHECK_FOR_INTERRUPTS();
		prefetch_rows(scoring, &reader, i);
		scoring->first[i] = scoring->nproducts;
		if (history[i].weight != 0 && model_find(&reader, item, &row))
			add_row(scoring, &row, history[i].weight);
	}
	scoring->first[n] = scoring->nproducts;
	model_close(&reader);
	return scoring;
}

/* Adds up all contributions anew, with the factors. */
static void
apply_factors(Scoring *scoring)
{
	ItemEntry  *entries = scoring->items->entries;
	Product    *products = scoring->recommender->products;
	uint32		i;
	int			h;
	Size		k;

	for (i = 0; i < scoring->items->n; i++)
		entries[i].score = 0;
	for (h = 0; h < scoring->nhistory; h++)
		for (k = scoring->first[h]; k < scoring->first[h + 1]; k++)
			entries[products[k].item].score +=
				contribution(scoring, scoring->history[h].weight * scoring->factors[products[k].item],
							 products[k].score);
}

/*
 * Divides scores by popularity ^ damping, contribution by contribution, so that
 * they still add up.  Nobody has an item that is not in the model: it stays.
 */
void
scoring_damp(Scoring *scoring, double damping)
{
	uint32		n = scoring->items->n;
	ItemEntry  *entries = scoring->items->entries;
	ModelReader reader;
	uint32		i;

	scoring->factors = MemoryContextAllocHuge(CurrentMemoryContext,
											  Max((Size) n, 1) * sizeof(double));
	model_open(&reader, scoring->recommender);
	for (i = 0; i < n; i++)
	{
		scoring->factors[i] = 1;
		if (entries[i].score > 0 && !(entries[i].flags & ITEM_EXCLUDED))
		{
			CHECK_FOR_INTERRUPTS();
			scoring->factors[i] = pow(Max(model_popularity(&reader, entries[i].item), 1), -damping);
		}
	}
	model_close(&reader);
	apply_factors(scoring);
}

/* Multiplies scores by a number, contribution by contribution. */
void
scoring_scale(Scoring *scoring, double factor)
{
	uint32		n = scoring->items->n;
	uint32		i;

	scoring->factors = MemoryContextAllocHuge(CurrentMemoryContext,
											  Max((Size) n, 1) * sizeof(double));
	for (i = 0; i < n; i++)
		scoring->factors[i] = factor;
	scoring->rounder = choose_rounder(scoring->recommender, scoring->history, scoring->nhistory,
									  factor);
	apply_factors(scoring);
}

/* Order of two candidates: greater score first, ties by item. */
static inline int
compare_candidates(Scoring *scoring, uint32 a, uint32 b)
{
	ItemEntry  *x = &scoring->items->entries[a];
	ItemEntry  *y = &scoring->items->entries[b];

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return idtype_compare(scoring->items->type, x->item, y->item);
}

static int
compare_in_sort(const void *a, const void *b, void *arg)
{
	CHECK_FOR_INTERRUPTS();
	return compare_candidates((Scoring *) arg, *(const uint32 *) a, *(const uint32 *) b);
}

/* The heap has the last of the best at its top. */
static int
compare_in_heap(Datum a, Datum b, void *arg)
{
	return compare_candidates((Scoring *) arg, DatumGetUInt32(a), DatumGetUInt32(b));
}

/*
 * Numbers of the best n candidates in order (all of them where n is negative),
 * of those that have the required flags and are neither excluded nor taken.
 * Only positive scores count.
 */
uint32 *
scoring_select(Scoring *scoring, uint32 required, int64 n, uint32 *nfound)
{
	const uint32 mask = required | ITEM_EXCLUDED | ITEM_TAKEN;
	uint32		count = scoring->items->n;
	ItemEntry  *entries = scoring->items->entries;
	uint32	   *best;
	uint32		found = 0;
	uint32		i;

	if (n < 0 || n > count)
		n = count;
	best = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(uint32));
	if (n == count)
	{
		for (i = 0; i < count; i++)
			if (entries[i].score > 0 && (entries[i].flags & mask) == required)
				best[found++] = i;
	}
	else if (n > 0)
	{
		binaryheap *heap = binaryheap_allocate((int) n, compare_in_heap, scoring);
		double		worst = 0;

		for (i = 0; i < count; i++)
		{
			/* most candidates are far from the best: one comparison */
			if (!(entries[i].score > 0) || entries[i].score < worst ||
				(entries[i].flags & mask) != required)
				continue;
			if (found < n)
			{
				binaryheap_add(heap, UInt32GetDatum(i));
				found++;
			}
			else if (compare_candidates(scoring, i, DatumGetUInt32(binaryheap_first(heap))) < 0)
				binaryheap_replace_first(heap, UInt32GetDatum(i));
			if (found == n)
				worst = entries[DatumGetUInt32(binaryheap_first(heap))].score;
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
	uint32		rank;			/* of the candidate among the best, from 0 */
	uint32		item;			/* number of the item of the history */
	double		contribution;
} Reason;

/* The greatest contribution first, ties by item. */
static int
compare_reasons(const void *a, const void *b, void *arg)
{
	const Reason *x = (const Reason *) a;
	const Reason *y = (const Reason *) b;
	ItemTable  *items = ((Scoring *) arg)->items;

	if (x->contribution != y->contribution)
		return x->contribution > y->contribution ? -1 : 1;
	return idtype_compare(items->type, items->entries[x->item].item,
						  items->entries[y->item].item);
}

#define BITMAP_WORD(i) ((i) / 64)
#define BITMAP_BIT(i) (UINT64CONST(1) << ((i) % 64))

/*
 * What contributed to the best candidates, in the order of the history.  A
 * bitmap keeps the products of all others away: it stays in the processor's
 * cache, where anything bigger would not.
 */
static Reason *
collect_reasons(Scoring *scoring, const uint32 *best, uint32 nbest, Size *nreasons)
{
	Product    *products = scoring->recommender->products;
	uint64	   *wanted = palloc0((BITMAP_WORD((Size) scoring->items->n) + 1) * sizeof(uint64));
	uint32	   *rank = MemoryContextAllocHuge(CurrentMemoryContext,
											  Max((Size) scoring->items->n, 1) * sizeof(uint32));
	Size		capacity = 256;
	Reason	   *reasons = palloc_array(Reason, capacity);
	Size		n = 0;
	Size		i;
	int			h;

	for (i = 0; i < nbest; i++)
	{
		wanted[BITMAP_WORD(best[i])] |= BITMAP_BIT(best[i]);
		rank[best[i]] = i;
	}
	for (h = 0; h < scoring->nhistory; h++)
	{
		const HistoryItem *item = &scoring->history[h];

		for (i = scoring->first[h]; i < scoring->first[h + 1]; i++)
		{
			uint32		candidate = products[i].item;

			if (!(wanted[BITMAP_WORD(candidate)] & BITMAP_BIT(candidate)))
				continue;
			if (n == capacity)
			{
				capacity *= 2;
				reasons = repalloc_huge(reasons, capacity * sizeof(Reason));
			}
			reasons[n].rank = rank[candidate];
			reasons[n].item = item->item;
			reasons[n].contribution =
				contribution(scoring, scoring->factors ? item->weight * scoring->factors[candidate] :
							 item->weight, products[i].score);
			n++;
		}
	}
	pfree(wanted);
	pfree(rank);
	*nreasons = n;
	return reasons;
}

/* Puts reasons of the same candidate together; the end of each one's is in ends. */
static Reason *
group_reasons(Reason *reasons, Size nreasons, uint32 nbest, Size *ends)
{
	Reason	   *result = MemoryContextAllocHuge(CurrentMemoryContext,
												Max(nreasons, 1) * sizeof(Reason));
	Size		start = 0;
	Size		i;

	memset(ends, 0, nbest * sizeof(Size));
	for (i = 0; i < nreasons; i++)
		ends[reasons[i].rank]++;
	for (i = 0; i < nbest; i++)
	{
		Size		n = ends[i];

		ends[i] = start;
		start += n;
	}
	for (i = 0; i < nreasons; i++)
		result[ends[reasons[i].rank]++] = reasons[i];
	pfree(reasons);
	return result;
}

/* Candidates with what contributed to each, for some numbers in order. */
Candidate *
scoring_explain(Scoring *scoring, const uint32 *best, uint32 nbest)
{
	ItemEntry  *entries = scoring->items->entries;
	Size		nreasons;
	Reason	   *reasons = collect_reasons(scoring, best, nbest, &nreasons);
	Datum	   *items = MemoryContextAllocHuge(CurrentMemoryContext,
											   Max(nreasons, 1) * sizeof(Datum));
	double	   *contributions = MemoryContextAllocHuge(CurrentMemoryContext,
													   Max(nreasons, 1) * sizeof(double));
	Candidate  *candidates = MemoryContextAllocHuge(CurrentMemoryContext,
													Max((Size) nbest, 1) * sizeof(Candidate));
	Size	   *ends = MemoryContextAllocHuge(CurrentMemoryContext,
											  Max((Size) nbest, 1) * sizeof(Size));
	Size		next = 0;
	uint32		i;

	reasons = group_reasons(reasons, nreasons, nbest, ends);
	for (i = 0; i < nbest; i++)
	{
		Size		first = next;

		qsort_arg(reasons + first, ends[i] - first, sizeof(Reason), compare_reasons, scoring);
		for (; next < ends[i]; next++)
		{
			items[next] = entries[reasons[next].item].item;
			contributions[next] = reasons[next].contribution;
		}
		candidates[i].item = entries[best[i]].item;
		candidates[i].score = entries[best[i]].score;
		candidates[i].reasons = items + first;
		candidates[i].contributions = contributions + first;
		candidates[i].nreasons = (int) (next - first);
	}
	pfree(reasons);
	return candidates;
}
