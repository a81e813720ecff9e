/*-------------------------------------------------------------------------
 *
 * measure.c
 *		The product of a sparse matrix with itself, the measures, the best n.
 *
 * For the item i of a row the lists of its users are walked, and what each of
 * their items j adds goes into an accumulator with one place per column
 * (Gustavson's row-wise product).  Columns that were touched are then scored,
 * the best n kept in a heap, and their places cleared.  Nothing of the size
 * items x items ever exists.
 *
 * With x_ui the weight of an interaction, C_ij = sum_u w_u x_ui x_uj, and g_i
 * = C_ii, most measures are
 *
 *		C_ij / (g_i^alpha g_j^beta),	w_u = |u|^-p
 *
 * or differ from it in the factor of an item only, so that the score is the
 * product of C_ij and two numbers that were worked out before (engine.c).  The
 * others follow from the numbers of users of i, of j and of both.
 *
 * Users are walked in an order that depends on the data only, never on the
 * order in which it came, and each row is worked out by one process: sums have
 * the same bits always.  Where all that is added is 1, sums are integers.
 * Scores are rounded to 30 significant bits, so that scores that are equal by
 * the formula also are equal as numbers, and ties break by value.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "similarity/measure.h"

typedef struct Cell
{
	double		sum;
	uint32		count;
} Cell;

/* State of one process. */
typedef struct Worker
{
	const Product *product;
	uint32	   *counts;			/* accumulator where all that is added is 1 */
	Cell	   *cells;			/* otherwise */
	uint32	   *touched;
	Neighbour  *heap;			/* worst on top */
	int			nheap;
	uint64		steps;			/* since interrupts were last looked for */
} Worker;

#define PART(product, type, field) \
	((product)->field ? (const type *) ((const char *) (product) + (product)->field) : NULL)

#define STEPS_PER_CHECK 1000000

static inline double
xlogx(double x)
{
	return x > 0 ? x * log(x) : 0;
}

/*
 * Dunning's log-likelihood ratio of a 2x2 table (Accurate Methods for the
 * Statistics of Surprise and Coincidence, 1993); 0 where the two are together
 * no more often than by chance.
 */
static double
log_likelihood_ratio(double both, double a, double b, double all)
{
	double		ratio;

	if (both * all <= a * b)
		return 0;
	ratio = 2 * (xlogx(both) + xlogx(a - both) + xlogx(b - both) + xlogx(all - a - b + both)
				 - xlogx(a) - xlogx(all - a) - xlogx(b) - xlogx(all - b) + xlogx(all));
	return Max(ratio, 0);
}

/* Score from the numbers of users: of both, of source and target, and of all. */
static double
count_score(SimilarityMeasure measure, double both, double a, double b, double all)
{
	switch (measure)
	{
		case MEASURE_JACCARD:
			return both / (a + b - both);
		case MEASURE_DICE:
			return 2 * both / (a + b);
		case MEASURE_OVERLAP:
			return both / Min(a, b);
		case MEASURE_CONDITIONAL:
			return both / a;
		case MEASURE_LIFT:
			return both * all / (a * b);
		case MEASURE_LEVERAGE:
			return both / all - (a / all) * (b / all);
		case MEASURE_LLR:
			return log_likelihood_ratio(both, a, b, all);
		default:
			elog(ERROR, "measure %d has no formula of counts", (int) measure);
	}
	return 0;
}

/* a is a worse neighbour than b */
static inline bool
worse(const uint32 *ranks, const Neighbour *a, const Neighbour *b)
{
	if (a->score != b->score)
		return a->score < b->score;
	return ranks[a->target] > ranks[b->target];
}

static void
sift_down(Neighbour *heap, int count, int place, const uint32 *ranks)
{
	Neighbour	moving = heap[place];

	for (;;)
	{
		int			child = 2 * place + 1;

		if (child >= count)
			break;
		if (child + 1 < count && worse(ranks, &heap[child + 1], &heap[child]))
			child++;
		if (!worse(ranks, &heap[child], &moving))
			break;
		heap[place] = heap[child];
		place = child;
	}
	heap[place] = moving;
}

static inline void
offer(Worker *worker, const Neighbour *candidate, int n, const uint32 *ranks)
{
	Neighbour  *heap = worker->heap;

	if (worker->nheap == n)
	{
		if (worse(ranks, &heap[0], candidate))
		{
			heap[0] = *candidate;
			sift_down(heap, n, 0, ranks);
		}
		return;
	}
	heap[worker->nheap++] = *candidate;
	if (worker->nheap == n)
	{
		int			place;

		for (place = n / 2 - 1; place >= 0; place--)
			sift_down(heap, n, place, ranks);
	}
}

/* Sorts the heap, best first. */
static void
sort_heap(Worker *worker, int n, const uint32 *ranks)
{
	Neighbour  *heap = worker->heap;
	int			count = worker->nheap;
	int			place;

	if (count < n)
		for (place = count / 2 - 1; place >= 0; place--)
			sift_down(heap, count, place, ranks);
	while (count > 1)
	{
		Neighbour	last = heap[--count];

		heap[count] = heap[0];
		heap[0] = last;
		sift_down(heap, count, 0, ranks);
	}
}

static inline void
take_steps(Worker *worker, uint64 steps)
{
	worker->steps += steps;
	if (worker->steps > STEPS_PER_CHECK)
	{
		parallel_check_interrupts();
		worker->steps = 0;
	}
}

/* Number of targets touched; how many users they share with a row. */
static uint32
accumulate_counts(Worker *worker, uint32 row)
{
	const Product *product = worker->product;
	const uint64 *row_start = PART(product, uint64, row_start);
	const uint32 *row_users = PART(product, uint32, row_users);
	const uint64 *user_start = PART(product, uint64, user_start);
	const uint32 *user_items = PART(product, uint32, user_items);
	uint32	   *counts = worker->counts;
	uint32	   *touched = worker->touched;
	uint32		ntouched = 0;
	uint64		end = row_start[row + 1];
	uint64		k;

	for (k = row_start[row]; k < end; k++)
	{
		uint64		i = user_start[row_users[k]];
		uint64		iend = user_start[row_users[k] + 1];

		if (k + 8 < end)
			__builtin_prefetch(&user_start[row_users[k + 8]]);
		if (k + 4 < end)
			__builtin_prefetch(&user_items[user_start[row_users[k + 4]]]);
		take_steps(worker, iend - i);
		for (; i < iend; i++)
		{
			uint32		target = user_items[i];

			touched[ntouched] = target;
			ntouched += counts[target] == 0;
			counts[target]++;
		}
	}
	return ntouched;
}

/* The same where interactions or users have weights. */
static uint32
accumulate_cells(Worker *worker, uint32 row)
{
	const Product *product = worker->product;
	const uint64 *row_start = PART(product, uint64, row_start);
	const uint32 *row_users = PART(product, uint32, row_users);
	const float *row_values = PART(product, float, row_values);
	const uint64 *user_start = PART(product, uint64, user_start);
	const uint32 *user_items = PART(product, uint32, user_items);
	const float *user_values = PART(product, float, user_values);
	const double *user_weights = PART(product, double, user_weights);
	Cell	   *cells = worker->cells;
	uint32	   *touched = worker->touched;
	uint32		ntouched = 0;
	uint64		end = row_start[row + 1];
	uint64		k;

	for (k = row_start[row]; k < end; k++)
	{
		uint32		user = row_users[k];
		uint64		i = user_start[user];
		uint64		iend = user_start[user + 1];
		double		factor = (row_values ? row_values[k] : 1) *
			(user_weights ? user_weights[user] : 1);

		if (k + 8 < end)
			__builtin_prefetch(&user_start[row_users[k + 8]]);
		if (k + 4 < end)
			__builtin_prefetch(&user_items[user_start[row_users[k + 4]]]);
		take_steps(worker, iend - i);
		for (; i < iend; i++)
		{
			Cell	   *cell = &cells[user_items[i]];

			touched[ntouched] = user_items[i];
			ntouched += cell->count == 0;
			cell->count++;
			cell->sum += user_values ? factor * user_values[i] : factor;
		}
	}
	return ntouched;
}

/* Scores what was touched, keeps the best and clears the accumulator. */
static void
select_best(Worker *worker, uint32 row, uint32 ntouched)
{
	const Product *product = worker->product;
	const uint32 *ranks = PART(product, uint32, col_rank);
	const double *col_factor = PART(product, double, col_factor);
	const uint32 *col_count = PART(product, uint32, col_count);
	uint32		same = product->self ?
		PART(product, uint32, row_col)[row] : PG_UINT32_MAX;
	double		factor = PART(product, double, row_factor)[row];
	double		users = PART(product, uint32, row_count)[row];
	bool		by_count = product->measure >= MEASURE_JACCARD;
	uint32		k;

	worker->nheap = 0;
	for (k = 0; k < ntouched; k++)
	{
		Neighbour	candidate;
		double		sum;

		candidate.target = worker->touched[k];
		if (worker->cells)
		{
			candidate.together = worker->cells[candidate.target].count;
			sum = worker->cells[candidate.target].sum;
			worker->cells[candidate.target].count = 0;
			worker->cells[candidate.target].sum = 0;
		}
		else
		{
			sum = candidate.together = worker->counts[candidate.target];
			worker->counts[candidate.target] = 0;
		}
		if (candidate.target == same || candidate.together < product->min_together)
			continue;
		if (!by_count)
			candidate.score = sum * factor * col_factor[candidate.target];
		else if (product->swapped)
			candidate.score = count_score(product->measure, candidate.together,
										  col_count[candidate.target], users, product->users);
		else
			candidate.score = count_score(product->measure, candidate.together,
										  users, col_count[candidate.target], product->users);
		if (product->shrink > 0)
			candidate.score *= candidate.together / (candidate.together + product->shrink);
		candidate.score = similarity_round(candidate.score);
		if (!(candidate.score > 0) ||
			(worker->nheap == product->n && !worse(ranks, &worker->heap[0], &candidate)))
			continue;
		if (product->min_llr > 0 &&
			log_likelihood_ratio(candidate.together, users, col_count[candidate.target],
								 product->users) < product->min_llr)
			continue;
		offer(worker, &candidate, product->n, ranks);
	}
	take_steps(worker, ntouched);
	sort_heap(worker, product->n, ranks);
}

static void *
product_begin(const void *shared)
{
	Worker	   *worker = palloc0_object(Worker);
	const Product *product = (const Product *) shared;
	Size		targets = Max(product->ncols, 1);

	worker->product = product;
	if (product->row_values || product->user_values || product->user_weights)
		worker->cells = MemoryContextAllocExtended(CurrentMemoryContext, targets * sizeof(Cell),
												   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	else
		worker->counts = MemoryContextAllocExtended(CurrentMemoryContext, targets * sizeof(uint32),
													MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	/* one more: the place of a target that is there already is written too */
	worker->touched = MemoryContextAllocHuge(CurrentMemoryContext, (targets + 1) * sizeof(uint32));
	worker->heap = palloc_array(Neighbour, product->n);
	return worker;
}

static Size
product_run(void *local, uint32 block, void *result)
{
	Worker	   *worker = (Worker *) local;
	const Product *product = worker->product;
	uint32		row = block * product->block_rows;
	uint32		end = Min(row + product->block_rows, product->nrows);
	char	   *out = (char *) result;

	for (; row < end; row++)
	{
		uint32		ntouched = worker->cells ?
			accumulate_cells(worker, row) : accumulate_counts(worker, row);

		select_best(worker, product->first_row + row, ntouched);
		*(uint64 *) out = worker->nheap;
		out += sizeof(uint64);
		memcpy(out, worker->heap, worker->nheap * sizeof(Neighbour));
		out += worker->nheap * sizeof(Neighbour);
	}
	return out - (char *) result;
}

const ParallelKernel recsys_similarity_kernel = {product_begin, product_run};
