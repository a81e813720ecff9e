/*-------------------------------------------------------------------------
 *
 * measure.c
 *		The product of a sparse matrix with itself, the measures, the best n.
 *
 * For the item i of a row the lists of its users are walked, and what each of
 * their items j adds goes into an accumulator with one place per column
 * (Gustavson's row-wise product).  Columns that were touched are then scored,
 * the best n kept (best.c), and their places cleared.  Nothing of the size
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

#include "similarity/best.h"
#include "similarity/measure.h"
#include "similarity/settings.h"

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
	Best		best;
	Settings   *settings;		/* where the row is for all of some settings */
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

/*
 * Adds up what the users of a row have; the number of targets touched.  Compiled
 * once for sums of weights and once for plain counts.
 */
static pg_attribute_always_inline uint32
accumulate(Worker *worker, uint32 row, bool weighted)
{
	const Product *product = worker->product;
	const uint64 *row_start = PART(product, uint64, row_start);
	const uint32 *row_users = PART(product, uint32, row_users);
	const float *row_values = PART(product, float, row_values);
	const uint64 *user_start = PART(product, uint64, user_start);
	const uint32 *user_items = PART(product, uint32, user_items);
	const float *user_values = PART(product, float, user_values);
	const double *user_weights = PART(product, double, user_weights);
	uint32	   *counts = worker->counts;
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
		double		factor = 1;

		if (k + 8 < end)
			__builtin_prefetch(&user_start[row_users[k + 8]]);
		if (k + 4 < end)
			__builtin_prefetch(&user_items[user_start[row_users[k + 4]]]);
		if (weighted && row_values)
			factor = row_values[k];
		if (weighted && user_weights)
			factor *= user_weights[user];
		take_steps(worker, iend - i);
		for (; i < iend; i++)
		{
			uint32		target = user_items[i];

			touched[ntouched] = target;
			if (weighted)
			{
				Cell	   *cell = &cells[target];

				ntouched += cell->count == 0;
				cell->count++;
				cell->sum += user_values ? factor * user_values[i] : factor;
			}
			else
			{
				ntouched += counts[target] == 0;
				counts[target]++;
			}
		}
	}
	return ntouched;
}

/* Takes what was added up for a target out of the accumulator. */
static inline Cell
take_cell(Worker *worker, bool weighted, uint32 target)
{
	Cell		cell;

	if (weighted)
	{
		cell = worker->cells[target];
		memset(&worker->cells[target], 0, sizeof(Cell));
	}
	else
	{
		cell.sum = cell.count = worker->counts[target];
		worker->counts[target] = 0;
	}
	return cell;
}

/*
 * Scores what was touched and clears the accumulator.  weighted and by_count
 * are constants, for a loop of its own for each case.
 */
static pg_attribute_always_inline void
score_touched(Worker *worker, uint32 row, uint32 ntouched, bool weighted, bool by_count)
{
	const Product *product = worker->product;
	const Column *columns = PART(product, Column, columns);
	Best	   *best = &worker->best;
	const uint32 *touched = worker->touched;
	uint32		same = product->self ?
		PART(product, uint32, row_col)[row] : PG_UINT32_MAX;
	double		factor = PART(product, double, row_factor)[row];
	double		users = PART(product, uint32, row_count)[row];
	double		shrink = product->shrink;
	int64		min_together = product->min_together;
	uint32		k;

	for (k = 0; k < ntouched; k++)
	{
		uint32		target = touched[k];
		const Column *column = &columns[target];
		Cell		cell = take_cell(worker, weighted, target);
		double		score;
		uint64		bits;

		if (k + 16 < ntouched)
			__builtin_prefetch(&columns[touched[k + 16]]);
		if (target == same || cell.count < min_together)
			continue;
		if (!by_count)
			score = cell.sum * factor * column->factor;
		else if (product->swapped)
			score = count_score(product->measure, cell.count, column->count, users, product->users);
		else
			score = count_score(product->measure, cell.count, users, column->count, product->users);
		if (shrink > 0)
			score *= cell.count / (cell.count + shrink);
		if (!(score > 0))
			continue;
		score = similarity_round(score);
		memcpy(&bits, &score, sizeof(bits));
		if (bits < best->bound || bits == 0)
			continue;
		if (product->min_llr > 0 &&
			log_likelihood_ratio(cell.count, users, column->count,
								 product->users) < product->min_llr)
			continue;
		best_offer(best, bits, column->rank, target, cell.count);
	}
}

/* Writes the best of what was touched, in order; how many they are. */
static int
select_best(Worker *worker, uint32 row, uint32 ntouched, Neighbour *result)
{
	bool		by_count = worker->product->measure >= MEASURE_JACCARD;
	Best	   *best = &worker->best;
	int			i;

	best_reset(best);
	if (worker->cells)
	{
		if (by_count)
			score_touched(worker, row, ntouched, true, true);
		else
			score_touched(worker, row, ntouched, true, false);
	}
	else if (by_count)
		score_touched(worker, row, ntouched, false, true);
	else
		score_touched(worker, row, ntouched, false, false);
	take_steps(worker, ntouched);
	best_sort(best);
	for (i = 0; i < best->count; i++)
	{
		memcpy(&result[i].score, &best->list[i].score, sizeof(double));
		result[i].target = best->list[i].target;
		result[i].together = best->list[i].together;
	}
	return best->count;
}

/* Writes what any of the settings may have among its best, with bare sums; how many they are. */
static int
select_for_settings(Worker *worker, uint32 row, uint32 ntouched, Neighbour *result)
{
	const uint32 *row_col = PART(worker->product, uint32, row_col);
	bool		weighted = worker->cells != NULL;
	uint32		k;

	settings_reset(worker->settings);
	for (k = 0; k < ntouched; k++)
	{
		uint32		target = worker->touched[k];
		Cell		cell = take_cell(worker, weighted, target);

		if (target != row_col[row])
			settings_offer(worker->settings, target, cell.sum, cell.count);
	}
	take_steps(worker, ntouched);
	return settings_select(worker->settings, result);
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
	if (product->settings)
		worker->settings = settings_create(PART(product, SettingList, settings), product->ncols);
	else
		best_init(&worker->best, product->n);
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
			accumulate(worker, row, true) : accumulate(worker, row, false);
		Neighbour  *list = (Neighbour *) (out + sizeof(uint64));
		uint64		count = worker->settings ?
			select_for_settings(worker, product->first_row + row, ntouched, list) :
			select_best(worker, product->first_row + row, ntouched, list);

		*(uint64 *) out = count;
		out += sizeof(uint64) + count * sizeof(Neighbour);
	}
	return out - (char *) result;
}

const ParallelKernel recsys_similarity_kernel = {product_begin, product_run};
