/*-------------------------------------------------------------------------
 *
 * product.c
 *		The product of a sparse matrix with itself, and the best n of each row.
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
 * others follow from the numbers of users of i, of j and of both (measure.c).
 *
 * Users are walked in an order that depends on the data only, never on the
 * order in which it came, and each row is worked out by one process: sums have
 * the same bits always.  Where all that is added is 1, sums are integers.
 * Scores are rounded to 30 significant bits, so that scores that are equal by
 * the formula also are equal as numbers, and ties break by value.  The bits
 * that rounding sets free take the rank of the target, so that what is best is
 * found by comparing integers; beyond 4 million items a rank takes more bits,
 * and a score has so many less.
 *
 * Most of the time goes into waiting for memory, and the rest into branches that
 * cannot be predicted: what is touched at random is kept small, and the loops
 * have no branches that depend on the data.  Where all that is added is 1 a row
 * of less than 256 users is counted in bytes.  Rows that touch few of very many
 * columns, or of columns with weights, have their sums one after the other in the
 * order in which columns are touched, and a small hash table of their numbers.
 * Columns whose score cannot be among the best are left out before their factor
 * is looked at: those of some neighbouring columns say what it is at least and at
 * most.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "port/pg_bitutils.h"

#include "similarity/best.h"
#include "similarity/measure.h"
#include "similarity/settings.h"

typedef struct Cell
{
	double		sum;
	uint32		count;
	uint32		target;			/* of a cell that the table leads to */
} Cell;

/* Where a row is added up: a constant, for a loop of its own for each. */
typedef enum Accumulator
{
	/* without weights: one number for each column */
	IN_BYTES,
	IN_SHORTS,
	IN_COUNTS,
	/* with weights */
	IN_CELLS,					/* a cell for each column */
	/* either way */
	IN_TABLE					/* a cell for each column that is touched */
} Accumulator;

/* Factors other than 0 of a group of columns. */
typedef struct Range
{
	double		low;
	double		high;
} Range;

/* State of one process. */
typedef struct Worker
{
	const Product *product;
	const uint32 *row_users;
	const float *row_values;	/* or NULL */
	bool		weighted;		/* not all that is added is 1 */
	void	   *counts;			/* without weights: all 0 between rows, and so of any width */
	Cell	   *cells;			/* by column; NULL: not needed yet */
	uint32	   *touched;		/* columns; not in the table */
	uint16	   *table;			/* hash table: the cell of a column, 0: none; NULL: too few columns */
	int			shift;			/* of hashes, for a row */
	Cell	   *table_cells;	/* from 1 on; all 0 between rows */
	uint32	   *passed;			/* of a chunk: those that may be among the best */
	Range	   *ranges;			/* of factors, of groups of columns; NULL: none, or too many columns */
	int			group_shift;
	Best		best;
	Settings   *settings;		/* where the row is for all of some settings */
	uint64		steps;			/* since interrupts were last looked for */
} Worker;

#define AHEAD 8					/* users whose items are asked for before they are needed */
#define TABLE_STEPS 16384		/* of a row that the table is used for, at most */
#define FEW_COLUMNS 16384		/* so many cells fit into a cache */
#define FEW_BYTES (256 * 1024)	/* and so many bytes */
#define GROUPS 1024
#define SAMPLE 512				/* touched columns that the rest has to be as good as */
#define CHUNK 256				/* touched columns that are scored at a time */

#define PART(product, type, field) \
	((product)->field ? (const type *) ((const char *) (product) + (product)->field) : NULL)

#define STEPS_PER_CHECK 1000000

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

/* Asks for what a user has. */
static pg_attribute_always_inline void
prefetch_user(const Product *product, uint32 user)
{
	const uint32 *words = product_list_at(product, user);

	__builtin_prefetch(words);
	__builtin_prefetch(words + 16);
}

/* Asks for what the first users of the next row have. */
static void
prefetch_row(const Worker *worker, uint32 row)
{
	const uint64 *row_start = PART(worker->product, uint64, row_start);
	uint64		k = row_start[Min(row + 1, worker->product->nrows)];
	uint64		end = Min(row_start[Min(row + 2, worker->product->nrows)], k + 2 * AHEAD);

	for (; k < end; k++)
		prefetch_user(worker->product, worker->row_users[k]);
}

/* Counts a target; is it the first time? */
static pg_attribute_always_inline bool
count_target(void *counts, Accumulator kind, uint32 target)
{
	if (kind == IN_BYTES)
		return ((uint8 *) counts)[target]++ == 0;
	if (kind == IN_SHORTS)
		return ((uint16 *) counts)[target]++ == 0;
	return ((uint32 *) counts)[target]++ == 0;
}

/* The place of a target in the table, or the free one where it belongs. */
static pg_attribute_always_inline uint32
find_place(const Worker *worker, uint32 target)
{
	uint32		mask = PG_UINT32_MAX >> worker->shift;
	uint32		place = (target * 0x9e3779b1) >> worker->shift;
	uint32		slot = worker->table[place];

	/* one branch, which is hardly ever taken: is it new is as good as random */
	while ((slot != 0) & (worker->table_cells[slot].target != target))
	{
		place = (place + 1) & mask;
		slot = worker->table[place];
	}
	return place;
}

/* Adds up what the users of a row have; the number of targets touched. */
static pg_attribute_always_inline uint32
accumulate(Worker *worker, Accumulator kind, uint32 row)
{
	const Product *product = worker->product;
	const uint64 *row_start = PART(product, uint64, row_start);
	const uint32 *row_users = worker->row_users;
	const float *row_values = worker->row_values;
	void	   *counts = worker->counts;
	uint16	   *table = worker->table;
	Cell	   *cells = kind == IN_TABLE ? worker->table_cells : worker->cells;
	uint32	   *touched = worker->touched;
	const double *col_factor = PART(product, double, col_factor);
	bool		early = col_factor && product->ncols > MANY_ITEMS;
	uint32		ntouched = 0;
	uint64		end = row_start[row + 1];
	uint64		k;

	for (k = row_start[row]; k < end; k++)
	{
		UserList	list = product_list(product, row_users[k]);
		double		factor = row_values ? row_values[k] * list.weight : list.weight;
		uint32		i;

		if (k + AHEAD < end)
			prefetch_user(product, row_users[k + AHEAD]);
		take_steps(worker, list.count);
		for (i = 0; i < list.count; i++)
		{
			uint32		target = list.items[i];
			Cell	   *cell;

			if (kind == IN_TABLE)
			{
				uint32		place = find_place(worker, target);
				uint32		slot = table[place];

				ntouched += slot == 0;
				slot = slot == 0 ? ntouched : slot;
				table[place] = (uint16) slot;
				cell = &cells[slot];
				cell->target = target;
				if (early)
					__builtin_prefetch(&col_factor[target]);
			}
			else
			{
				/* the place of a target that is there already is written over */
				touched[ntouched] = target;
				if (kind != IN_CELLS)
				{
					ntouched += count_target(counts, kind, target);
					continue;
				}
				cell = &cells[target];
				ntouched += cell->count == 0;
			}
			cell->count++;
			cell->sum += list.values ? factor * list.values[i] : factor;
		}
	}
	return ntouched;
}

/* The column of the item of a row, which is no neighbour of itself. */
static inline uint32
own_column(const Product *product, uint32 row)
{
	if (!product->self)
		return PG_UINT32_MAX;
	return product->row_col ? PART(product, uint32, row_col)[row] : row;
}

static pg_attribute_always_inline uint32
count_of(const Worker *worker, Accumulator kind, uint32 target)
{
	switch (kind)
	{
		case IN_BYTES:
			return ((uint8 *) worker->counts)[target];
		case IN_SHORTS:
			return ((uint16 *) worker->counts)[target];
		case IN_COUNTS:
			return ((uint32 *) worker->counts)[target];
		case IN_TABLE:
			return worker->table_cells[worker->table[find_place(worker, target)]].count;
		case IN_CELLS:
			break;
	}
	return worker->cells[target].count;
}

/* What was added up for the k-th of the touched targets. */
static pg_attribute_always_inline Cell
read_touched(const Worker *worker, Accumulator kind, uint32 k)
{
	Cell		cell;

	if (kind == IN_TABLE)
	{
		/* one by one, as they were written: a copy of the whole would wait for that */
		cell.sum = worker->table_cells[k + 1].sum;
		cell.count = worker->table_cells[k + 1].count;
		cell.target = worker->table_cells[k + 1].target;
		return cell;
	}
	cell.target = worker->touched[k];
	cell.count = count_of(worker, kind, cell.target);
	cell.sum = kind == IN_CELLS ? worker->cells[cell.target].sum : cell.count;
	return cell;
}

static pg_attribute_always_inline void
clear_touched(Worker *worker, Accumulator kind, uint32 ntouched)
{
	uint32		k;

	if (kind == IN_TABLE)
	{
		memset(worker->table, 0, (((Size) PG_UINT32_MAX >> worker->shift) + 1) * sizeof(uint16));
		memset(worker->table_cells + 1, 0, ntouched * sizeof(Cell));
		return;
	}
	for (k = 0; k < ntouched; k++)
	{
		uint32		target = worker->touched[k];

		if ((k & 0xffff) == 0xffff)
			take_steps(worker, 0xffff);
		if (kind == IN_BYTES)
			((uint8 *) worker->counts)[target] = 0;
		else if (kind == IN_SHORTS)
			((uint16 *) worker->counts)[target] = 0;
		else if (kind == IN_COUNTS)
			((uint32 *) worker->counts)[target] = 0;
		else
		{
			worker->cells[target].sum = 0;
			worker->cells[target].count = 0;
		}
	}
}

/* What all scores of a row have in common. */
typedef struct RowScore
{
	uint32		same;			/* the item itself as a column */
	double		factor;
	double		users;
	double		least;			/* what the best n have at least */
} RowScore;

static pg_attribute_always_inline double
shrunk(const Product *product, double score, uint32 count)
{
	return product->shrink > 0 ? score * (count / (count + product->shrink)) : score;
}

/* The score of a target by the factor of its column. */
static pg_attribute_always_inline double
factor_score(const Product *product, const RowScore *row, Cell cell, double factor)
{
	return shrunk(product, cell.sum * row->factor * factor, cell.count);
}

/* The least score that is rounded to that of the worst of the best so far. */
static inline double
least_score(const Worker *worker)
{
	int			rank_bits = worker->product->rank_bits;
	uint64		bits = worker->best.bound >> rank_bits << rank_bits;

	return bits == 0 ? 0 : bits_score(bits - (UINT64CONST(1) << (rank_bits - 1)));
}

/*
 * Finds what the best n of a row have at least, by some of them and without a look
 * at the factors of columns.  Rounding keeps products in order.
 */
static pg_attribute_always_inline void
find_least(Worker *worker, Accumulator kind, RowScore *row, uint32 ntouched)
{
	const Product *product = worker->product;
	const Range *ranges = worker->ranges;
	int			group_shift = worker->group_shift;
	uint32		k;

	for (k = 0; k < ntouched; k++)
	{
		Cell		cell = read_touched(worker, kind, k);
		double		score = factor_score(product, row, cell,
										 ranges[cell.target >> group_shift].low);
		uint64		bits;

		score = score > 0 && cell.target != row->same && cell.count >= product->min_together ?
			score : 0;
		memcpy(&bits, &score, sizeof(bits));
		best_offer(&worker->best, (bits >> product->rank_bits << product->rank_bits) + k);
	}
	best_cut(&worker->best);
	row->least = least_score(worker);
	best_reset(&worker->best);
}

/* Writes which targets from the k-th touched on to end - 1 may be among the best; how many. */
static pg_attribute_always_inline uint32
pass_touched(Worker *worker, Accumulator kind, const RowScore *row, uint32 k, uint32 end)
{
	const Range *ranges = worker->ranges;
	int			group_shift = worker->group_shift;
	double		least = Max(row->least, least_score(worker));
	uint32	   *passed = worker->passed;
	uint32		npassed = 0;

	for (; k < end; k++)
	{
		Cell		cell = read_touched(worker, kind, k);

		passed[npassed] = k;
		npassed += factor_score(worker->product, row, cell,
								ranges[cell.target >> group_shift].high) >= least;
	}
	return npassed;
}

/* Scores one of the touched targets. */
static pg_attribute_always_inline void
score_target(Worker *worker, const RowScore *row, Cell cell, bool by_count)
{
	const Product *product = worker->product;
	const uint32 *col_count = PART(product, uint32, col_count);
	const uint32 *col_rank = PART(product, uint32, col_rank);
	uint64		mask = (UINT64CONST(1) << product->rank_bits) - 1;
	uint32		target = cell.target;
	double		score;
	uint64		bits;

	if (target == row->same || cell.count < product->min_together)
		return;
	if (!by_count)
		score = factor_score(product, row, cell, PART(product, double, col_factor)[target]);
	else if (product->swapped)
		score = similarity_count_score(product->measure, cell.count, col_count[target], row->users,
									   product->users);
	else
		score = similarity_count_score(product->measure, cell.count, row->users, col_count[target],
									   product->users);
	if (by_count)
		score = shrunk(product, score, cell.count);
	if (!(score > 0) || (bits = score_bits(score, product->rank_bits)) == 0)
		return;
	if (product->min_llr > 0 &&
		similarity_llr(cell.count, row->users, col_count[target], product->users) < product->min_llr)
		return;
	best_offer(&worker->best, bits | (mask - (col_rank ? col_rank[target] : target)));
}

/* Scores what was touched. */
static pg_attribute_always_inline void
score_touched(Worker *worker, Accumulator kind, uint32 row, uint32 ntouched, bool by_count)
{
	const Product *product = worker->product;
	RowScore	scores;
	uint32		start;
	uint32		k;

	scores.same = own_column(product, row);
	scores.factor = PART(product, double, row_factor)[row];
	scores.users = product->row_count ? PART(product, uint32, row_count)[row] : 0;
	scores.least = 0;
	if (worker->ranges && product->min_llr <= 0 && ntouched > 2 * product->n)
		find_least(worker, kind, &scores, Min(ntouched, SAMPLE));
	for (start = 0; start < ntouched; start += CHUNK)
	{
		uint32		end = Min(start + CHUNK, ntouched);
		uint32		npassed;

		take_steps(worker, end - start);
		if (by_count || worker->ranges == NULL)
		{
			for (k = start; k < end; k++)
				score_target(worker, &scores, read_touched(worker, kind, k), by_count);
			continue;
		}
		npassed = pass_touched(worker, kind, &scores, start, end);
		for (k = 0; k < npassed; k++)
		{
			uint32		target = read_touched(worker, kind, worker->passed[k]).target;

			__builtin_prefetch(PART(product, double, col_factor) + target);
			if (product->col_rank)
				__builtin_prefetch(PART(product, uint32, col_rank) + target);
		}
		for (k = 0; k < npassed; k++)
			score_target(worker, &scores, read_touched(worker, kind, worker->passed[k]), false);
	}
}

/* Writes what any of the settings may have among its best, with bare sums; how many they are. */
static pg_attribute_always_inline int
select_for_settings(Worker *worker, Accumulator kind, uint32 row, uint32 ntouched,
					Neighbour *result)
{
	uint32		same = own_column(worker->product, row);
	uint32		k;

	settings_reset(worker->settings);
	for (k = 0; k < ntouched; k++)
	{
		Cell		cell = read_touched(worker, kind, k);

		take_steps(worker, 1);
		if (cell.target != same)
			settings_offer(worker->settings, cell.target, cell.sum, cell.count);
	}
	return settings_select(worker->settings, result, worker->product->n);
}

/* Writes the best n of what was touched, in order; how many they are. */
static pg_attribute_always_inline int
select_best(Worker *worker, Accumulator kind, uint32 row, uint32 ntouched, Neighbour *result)
{
	const Product *product = worker->product;
	const uint32 *rank_col = PART(product, uint32, rank_col);
	uint64		mask = (UINT64CONST(1) << product->rank_bits) - 1;
	Best	   *best = &worker->best;
	int			i;

	best_reset(best);
	if (product->measure >= MEASURE_JACCARD)
		score_touched(worker, kind, row, ntouched, true);
	else
		score_touched(worker, kind, row, ntouched, false);
	best_sort(best);
	for (i = 0; i < best->count; i++)
	{
		uint32		rank = (uint32) (mask - (best->keys[i] & mask));

		result[i].score = bits_score(best->keys[i] & ~mask);
		result[i].target = rank_col ? rank_col[rank] : rank;
	}
	for (i = 0; i < best->count; i++)
		result[i].together = count_of(worker, kind, result[i].target);
	return best->count;
}

/* Works out a row, leaving the accumulator clear; the number of neighbours. */
static pg_attribute_always_inline int
work_out_row(Worker *worker, Accumulator kind, uint32 row, Neighbour *result)
{
	uint32		ntouched = accumulate(worker, kind, row);
	int			count;

	row += worker->product->first_row;
	if (worker->settings)
		count = select_for_settings(worker, kind, row, ntouched, result);
	else
		count = select_best(worker, kind, row, ntouched, result);
	clear_touched(worker, kind, ntouched);
	return count;
}

static void *
alloc_places(Size size)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* The ranges of factors of neighbouring columns, so few that they fit into a cache. */
static void
find_ranges(Worker *worker)
{
	const Product *product = worker->product;
	const double *col_factor = PART(product, double, col_factor);
	uint32		i;

	if (col_factor == NULL || product->ncols > MANY_ITEMS)
		return;
	while (product->ncols >> worker->group_shift >= GROUPS)
		worker->group_shift++;
	worker->ranges = palloc0_array(Range, GROUPS);
	for (i = 0; i < product->ncols; i++)
	{
		Range	   *range = &worker->ranges[i >> worker->group_shift];

		/* nobody has the item */
		if (col_factor[i] == 0)
			continue;
		range->low = range->high == 0 ? col_factor[i] : Min(range->low, col_factor[i]);
		range->high = Max(range->high, col_factor[i]);
	}
}

static void *
product_begin(const void *shared)
{
	Worker	   *worker = palloc0_object(Worker);
	const Product *product = (const Product *) shared;
	Size		targets = Max(product->ncols, 1);

	worker->product = product;
	worker->row_users = parallel_extension();
	if (product->row_values)
		worker->row_values = (const float *) ((const char *) worker->row_users +
											  product->row_values);
	worker->weighted = product->row_values || product->valued || product->weighted;
	if (!worker->weighted)
		worker->counts = alloc_places(targets * sizeof(uint32));
	if (targets > (worker->weighted ? FEW_COLUMNS : FEW_BYTES))
	{
		worker->table = alloc_places(2 * TABLE_STEPS * sizeof(uint16));
		worker->table_cells = alloc_places((TABLE_STEPS + 1) * sizeof(Cell));
	}
	/* one more: the place of a target that is there already is written too */
	worker->touched = MemoryContextAllocHuge(CurrentMemoryContext, (targets + 1) * sizeof(uint32));
	worker->passed = palloc_array(uint32, CHUNK + 1);
	find_ranges(worker);
	if (product->settings)
		worker->settings = settings_create(PART(product, SettingList, settings), product->ncols);
	else
		best_init(&worker->best, product->n);
	return worker;
}

/* Can a row use the table?  If so, sets its size, twice what may be touched. */
static bool
fits_table(Worker *worker, uint32 row)
{
	const Product *product = worker->product;
	const uint64 *row_start = PART(product, uint64, row_start);
	const uint32 *row_users = worker->row_users;
	uint64		end = row_start[row + 1];
	uint64		steps = 0;
	uint64		k;

	if (worker->table == NULL || end - row_start[row] > TABLE_STEPS)
		return false;
	for (k = row_start[row]; k < end; k++)
		steps += product_list_at(product, row_users[k])[0];
	if (steps > TABLE_STEPS)
		return false;
	worker->shift = 31 - pg_leftmost_one_pos32(2 * Max((uint32) steps, 1) - 1);
	return true;
}

/* Works out a row in the smallest accumulator that is large enough. */
static int
run_row(Worker *worker, uint32 row, Neighbour *result)
{
	const Product *product = worker->product;
	const uint64 *row_start = PART(product, uint64, row_start);
	uint64		users = row_start[row + 1] - row_start[row];

	if (fits_table(worker, row))
		return work_out_row(worker, IN_TABLE, row, result);
	if (worker->weighted)
	{
		if (worker->cells == NULL)
			worker->cells = alloc_places(Max(product->ncols, 1) * sizeof(Cell));
		return work_out_row(worker, IN_CELLS, row, result);
	}
	/* a user counts once at most */
	if (users <= PG_UINT8_MAX)
		return work_out_row(worker, IN_BYTES, row, result);
	if (users <= PG_UINT16_MAX)
		return work_out_row(worker, IN_SHORTS, row, result);
	return work_out_row(worker, IN_COUNTS, row, result);
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
		int			count;

		prefetch_row(worker, row);
		count = run_row(worker, row, (Neighbour *) (out + sizeof(uint64)));
		*(uint64 *) out = count;
		out += sizeof(uint64) + count * sizeof(Neighbour);
	}
	return out - (char *) result;
}

const ParallelKernel recsys_similarity_kernel = {product_begin, product_run};
