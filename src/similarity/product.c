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
 * Most of the time goes into waiting for memory.  What is needed of a column
 * lies in one cache line.  Where the accumulator of all columns is larger than
 * the cache, rows that touch few of them take a small hash table in its place:
 * the sums are the same, as each is added up in the same order.
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
	uint32		target;			/* in the hash table */
} Cell;

/* State of one process. */
typedef struct Worker
{
	const Product *product;
	const uint32 *row_users;
	const float *row_values;	/* or NULL */
	bool		weighted;		/* not all that is added is 1 */
	bool		hashes;			/* the accumulator of all columns is large */
	Size		hot_column;		/* what is read of every column that is touched: offset */
	int			hot_shift;		/* and its size, as a power of 2 */
	Cell	   *table;			/* accumulators: a hash table for small rows */
	uint32	   *counts;			/* one place for each column, without weights */
	Cell	   *cells;			/* and with weights */
	uint32	   *touched;		/* columns; places in the table */
	int			shift;			/* of hashes, for a row */
	Best		best;
	Settings   *settings;		/* where the row is for all of some settings */
	uint64		steps;			/* since interrupts were last looked for */
} Worker;

/* Which of them a row uses: a constant, for a loop of its own for each. */
typedef enum Accumulator
{
	IN_TABLE,
	IN_COUNTS,
	IN_CELLS
} Accumulator;

#define AHEAD 8					/* users whose items are asked for before they are needed */
#define TABLE_BITS 13			/* of the largest table: 128 kB */
#define LARGE_ACCUMULATOR (256 * 1024)

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

/* The cell of a target in the table, or the free one where it belongs. */
static inline Cell *
find_cell(const Worker *worker, uint32 target)
{
	uint32		mask = PG_UINT32_MAX >> worker->shift;
	uint32		place = (target * 0x9e3779b1) >> worker->shift;

	while (worker->table[place].count > 0 && worker->table[place].target != target)
		place = (place + 1) & mask;
	return &worker->table[place];
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

/* Adds up what the users of a row have; the number of targets touched. */
static pg_attribute_always_inline uint32
accumulate(Worker *worker, Accumulator kind, uint32 row)
{
	const Product *product = worker->product;
	const char *columns = (const char *) product + worker->hot_column;
	int			column_shift = worker->hot_shift;
	const uint64 *row_start = PART(product, uint64, row_start);
	const uint32 *row_users = worker->row_users;
	const float *row_values = worker->row_values;
	uint32	   *counts = worker->counts;
	uint32	   *touched = worker->touched;
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

			if (kind == IN_COUNTS)
			{
				touched[ntouched] = target;
				ntouched += counts[target]++ == 0;
				continue;
			}
			if (kind == IN_CELLS)
			{
				cell = &worker->cells[target];
				touched[ntouched] = target;
				ntouched += cell->count == 0;
			}
			else
			{
				cell = find_cell(worker, target);
				if (cell->count == 0)
				{
					__builtin_prefetch(columns + ((Size) target << column_shift));
					cell->target = target;
					touched[ntouched++] = cell - worker->table;
				}
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

/* What was added up at a touched place. */
static pg_attribute_always_inline Cell
read_place(const Worker *worker, Accumulator kind, uint32 place)
{
	Cell		cell;

	if (kind == IN_TABLE)
		return worker->table[place];
	if (kind == IN_CELLS)
		cell = worker->cells[place];
	else
		cell.sum = cell.count = worker->counts[place];
	cell.target = place;
	return cell;
}

static pg_attribute_always_inline void
clear_place(Worker *worker, Accumulator kind, uint32 place)
{
	if (kind == IN_COUNTS)
		worker->counts[place] = 0;
	else
	{
		Cell	   *cell = kind == IN_TABLE ? &worker->table[place] : &worker->cells[place];

		cell->sum = 0;
		cell->count = 0;
	}
}

static pg_attribute_always_inline uint32
count_of(const Worker *worker, Accumulator kind, uint32 target)
{
	if (kind == IN_COUNTS)
		return worker->counts[target];
	return kind == IN_TABLE ? find_cell(worker, target)->count : worker->cells[target].count;
}

/* Scores what was touched. */
static pg_attribute_always_inline void
score_touched(Worker *worker, Accumulator kind, uint32 row, uint32 ntouched, bool by_count)
{
	const Product *product = worker->product;
	const double *col_factor = PART(product, double, col_factor);
	const uint32 *col_count = PART(product, uint32, col_count);
	const uint32 *col_rank = PART(product, uint32, col_rank);
	const char *columns = (const char *) product + worker->hot_column;
	int			column_shift = worker->hot_shift;
	const uint32 *touched = worker->touched;
	uint32		same = own_column(product, row);
	double		factor = PART(product, double, row_factor)[row];
	double		users = product->row_count ? PART(product, uint32, row_count)[row] : 0;
	double		shrink = product->shrink;
	int64		min_together = product->min_together;
	uint64		mask = (UINT64CONST(1) << product->rank_bits) - 1;
	uint32		k;

	for (k = 0; k < ntouched; k++)
	{
		Cell		cell = read_place(worker, kind, touched[k]);
		uint32		target = cell.target;
		double		score;
		uint64		bits;

		if (kind != IN_TABLE && k + 16 < ntouched)
			__builtin_prefetch(columns + ((Size) touched[k + 16] << column_shift));
		if (target == same || cell.count < min_together)
			continue;
		if (!by_count)
			score = cell.sum * factor * col_factor[target];
		else if (product->swapped)
			score = similarity_count_score(product->measure, cell.count, col_count[target], users,
										   product->users);
		else
			score = similarity_count_score(product->measure, cell.count, users, col_count[target],
										   product->users);
		if (shrink > 0)
			score *= cell.count / (cell.count + shrink);
		if (!(score > 0) || (bits = score_bits(score, product->rank_bits)) == 0)
			continue;
		if (product->min_llr > 0 &&
			similarity_llr(cell.count, users, col_count[target], product->users) < product->min_llr)
			continue;
		best_offer(&worker->best, bits | (mask - (col_rank ? col_rank[target] : target)));
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
		Cell		cell = read_place(worker, kind, worker->touched[k]);

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
	uint32		k;
	int			count;

	row += worker->product->first_row;
	if (worker->settings)
		count = select_for_settings(worker, kind, row, ntouched, result);
	else
		count = select_best(worker, kind, row, ntouched, result);
	for (k = 0; k < ntouched; k++)
		clear_place(worker, kind, worker->touched[k]);
	take_steps(worker, ntouched);
	return count;
}

static void *
alloc_places(Size size)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
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
	/* without a factor it is the count */
	worker->hot_column = product->col_factor ? product->col_factor : product->col_count;
	worker->hot_shift = product->col_factor ? 3 : 2;
	if (worker->weighted)
		worker->cells = alloc_places(targets * sizeof(Cell));
	else
		worker->counts = alloc_places(targets * sizeof(uint32));
	worker->hashes = targets * (worker->weighted ? sizeof(Cell) : sizeof(uint32)) >
		LARGE_ACCUMULATOR;
	if (worker->hashes)
		worker->table = alloc_places(sizeof(Cell) << TABLE_BITS);
	/* one more: the place of a target that is there already is written too */
	worker->touched = MemoryContextAllocHuge(CurrentMemoryContext, (targets + 1) * sizeof(uint32));
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
	uint64		limit = 1 << (TABLE_BITS - 1);
	uint64		end = row_start[row + 1];
	uint64		steps = 0;
	uint64		k;

	if (!worker->hashes || end - row_start[row] > limit)
		return false;
	for (k = row_start[row]; k < end; k++)
		steps += product_list_at(product, row_users[k])[0];
	if (steps > limit)
		return false;
	worker->shift = 31 - pg_leftmost_one_pos32(Max((uint32) steps * 2 - 1, 1));
	return true;
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
		Neighbour  *neighbours = (Neighbour *) (out + sizeof(uint64));
		int			count;

		prefetch_row(worker, row);
		if (fits_table(worker, row))
			count = work_out_row(worker, IN_TABLE, row, neighbours);
		else if (worker->weighted)
			count = work_out_row(worker, IN_CELLS, row, neighbours);
		else
			count = work_out_row(worker, IN_COUNTS, row, neighbours);
		*(uint64 *) out = count;
		out += sizeof(uint64) + count * sizeof(Neighbour);
	}
	return out - (char *) result;
}

const ParallelKernel recsys_similarity_kernel = {product_begin, product_run};
