/*-------------------------------------------------------------------------
 *
 * accumulator.h
 *		Inside of product.c: where a row of a product is added up.
 *
 *		accumulate		adds up what the users of a row have, and may list what is touched
 *		read_touched	what there is for one of the list
 *		read_column		for any column
 *		find_large_...	which columns of a line of the cache have much
 *		clear_row		leaves all as it was before
 *
 * What takes time is inlined with constants for the kind of accumulator, so that
 * each kind has loops of its own.  What is touched at random is kept small: where all that is
 * added is 1, a row of less than 256 users is counted in bytes; where few of very
 * many columns are touched, or of columns with weights, their sums are one after
 * the other, and a small hash table has their numbers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_ACCUMULATOR_H
#define RECSYS_ACCUMULATOR_H

#include "core/compat.h"

#include "port/pg_bitutils.h"

#include "similarity/measure.h"
#include "similarity/wide.h"

/* Where a row is added up: a constant, for a loop of its own for each. */
typedef enum Accumulator
{
	/* a number for each column, with weights and a sum beside it */
	IN_BYTES,
	IN_SHORTS,
	IN_COUNTS,
	IN_CELLS,					/* with weights: a cell for each column */
	IN_TABLE					/* a cell for each column that is touched */
} Accumulator;

/* How columns with anything in them are found again: a constant, too. */
typedef enum Finding
{
	BY_LIST,					/* of those that are touched */
	BY_REACH,					/* of those that reach the count that is wanted of them */
	BY_COUNT,					/* a look at the counts of all */
	BY_SUM						/* a look at the sums of all; with weights, where counts are beside them */
} Finding;

/* Those of one process. */
typedef struct Accumulators
{
	const Product *product;
	const uint32 *row_users;
	const float *row_values;	/* or NULL */
	bool		weighted;		/* not all that is added is 1 */
	void	   *counts;			/* all 0 between rows, and so of any width; NULL: not needed yet */
	double	   *sums;			/* likewise */
	Cell	   *cells;			/* by column; NULL: not needed yet */
	uint32	   *touched;		/* columns; not in the table */
	uint16	   *table;			/* hash table: the cell of a column, 0: none; NULL: too few columns */
	void	   *wanted;			/* of the counts' width, for each GROUP of columns */
	int			shift;			/* of hashes, for a row */
	Cell	   *table_cells;	/* from 1 on; all 0 between rows */
	uint64		steps;			/* since interrupts were last looked for */
} Accumulators;

#define AHEAD 8					/* users whose items are asked for before they are needed */
#define TABLE_STEPS 16384		/* of a row that the table is used for, at most */
#define TABLE_PLACES 8			/* of the table for each that may be touched: where few meet, branches go as expected */
#define BYTES_A_STEP 32			/* that can be cleared in the time that a column of a list takes */
#define FEW_COLUMNS 24576		/* so many cells fit into a cache */
#define FEW_BYTES (256 * 1024)	/* and so many bytes */
#define LINE 64					/* bytes of a line of the cache */
#define GROUP 64				/* neighbouring columns, of which the same is wanted */
#define GROUPS 16				/* that are told what is wanted of them at a time */

#define PART(product, type, field) \
	((product)->field ? (const type *) ((const char *) (product) + (product)->field) : NULL)

static inline void
take_steps(Accumulators *acc, uint64 steps)
{
	acc->steps += steps;
	if (acc->steps > STEPS_PER_CHECK)
	{
		parallel_check_interrupts();
		acc->steps = 0;
	}
}

/* Asks for what a user has. */
static pg_attribute_always_inline void
prefetch_user(const Product *product, uint32 user)
{
	const uint32 *words = product_list_at(product, user);

	__builtin_prefetch(words);
	__builtin_prefetch(words + product->list_ahead);
}

/* Asks for what the first users of the next row have. */
static void
prefetch_row(const Accumulators *acc, uint32 row)
{
	const uint64 *row_start = PART(acc->product, uint64, row_start);
	uint64		k = row_start[Min(row + 1, acc->product->nrows)];
	uint64		end = Min(row_start[Min(row + 2, acc->product->nrows)], k + 2 * AHEAD);

	for (; k < end; k++)
		prefetch_user(acc->product, acc->row_users[k]);
}

/* Counts a target; how often that was done now. */
static pg_attribute_always_inline uint32
count_target(void *counts, Accumulator kind, uint32 target)
{
	if (kind == IN_BYTES)
		return ++((uint8 *) counts)[target];
	if (kind == IN_SHORTS)
		return ++((uint16 *) counts)[target];
	return ++((uint32 *) counts)[target];
}

/* The number at a place of an array of the counts' width. */
static pg_attribute_always_inline uint32
number_at(const void *numbers, Accumulator kind, uint32 place)
{
	if (kind == IN_BYTES)
		return ((const uint8 *) numbers)[place];
	if (kind == IN_SHORTS)
		return ((const uint16 *) numbers)[place];
	return ((const uint32 *) numbers)[place];
}

static pg_attribute_always_inline void
set_number(void *numbers, Accumulator kind, uint32 place, uint32 number)
{
	if (kind == IN_BYTES)
		((uint8 *) numbers)[place] = (uint8) number;
	else if (kind == IN_SHORTS)
		((uint16 *) numbers)[place] = (uint16) number;
	else
		((uint32 *) numbers)[place] = number;
}

/* The place of a target in the table, or the free one where it belongs. */
static pg_attribute_always_inline uint32
find_place(const uint16 *table, const Cell *cells, int shift, uint32 target)
{
	uint32		mask = PG_UINT32_MAX >> shift;
	uint32		place = (target * 0x9e3779b1) >> shift;
	uint32		slot = table[place];

	/* one branch, which is hardly ever taken: is it new is as good as random */
	while ((slot != 0) & (cells[slot].target != target))
	{
		place = (place + 1) & mask;
		slot = table[place];
	}
	return place;
}

/* Where a row is being added up, so that nothing has to be looked up for each addition. */
typedef struct Adding
{
	void	   *counts;
	double	   *sums;
	uint16	   *table;
	int			shift;
	Cell	   *cells;			/* by column, or those of the table */
	const void *wanted;
	uint32	   *touched;
	const double *factors;		/* of columns, to be asked for early; or NULL */
} Adding;

/* Adds up what a user has; the new length of the list. */
static pg_attribute_always_inline uint32
add_list(const Adding *adding, Accumulator kind, Finding finding, const UserList *list,
		 const float *values, uint32 item_bytes, double factor, uint32 ntouched)
{
	const char *item = list->items;
	const char *end = item + (Size) list->count * item_bytes;

#pragma GCC unroll 4
	for (; item < end; item += item_bytes)
	{
		uint32		target = list_item(item, item_bytes);
		double		add = values ? factor * *values++ : factor;
		Cell	   *cell;

		if (finding == BY_REACH)
		{
			/* counts rise by 1, so that each gets there once at most */
			adding->touched[ntouched] = target;
			ntouched += count_target(adding->counts, kind, target) ==
				number_at(adding->wanted, kind, target / GROUP);
			continue;
		}
		if (finding != BY_LIST)
		{
			(void) count_target(adding->counts, kind, target);
			if (finding == BY_SUM)
				adding->sums[target] += add;
			continue;
		}
		if (kind == IN_TABLE)
		{
			uint32		place = find_place(adding->table, adding->cells, adding->shift, target);
			uint32		slot = adding->table[place];

			ntouched += slot == 0;
			slot = slot == 0 ? ntouched : slot;
			adding->table[place] = (uint16) slot;
			cell = &adding->cells[slot];
			cell->target = target;
			if (adding->factors)
				__builtin_prefetch(&adding->factors[target]);
		}
		else
		{
			/* the place of a target that is there already is written over */
			adding->touched[ntouched] = target;
			if (kind != IN_CELLS)
			{
				ntouched += count_target(adding->counts, kind, target) == 1;
				continue;
			}
			cell = &adding->cells[target];
			ntouched += cell->count == 0;
		}
		cell->count++;
		cell->sum += add;
	}
	return ntouched;
}

/* Adds up what the users of a row have; the number of targets touched, if there is a list of them. */
static pg_attribute_always_inline uint32
accumulate(Accumulators *acc, Accumulator kind, Finding finding, uint32 row)
{
	const Product *product = acc->product;
	const uint64 *row_start = PART(product, uint64, row_start);
	const uint32 *row_users = acc->row_users;
	const float *row_values = acc->row_values;
	const Adding adding = {
		acc->counts, acc->sums, acc->table, acc->shift,
		kind == IN_TABLE ? acc->table_cells : acc->cells, acc->wanted, acc->touched,
		product->ncols > MANY_ITEMS ? PART(product, double, col_factor) : NULL
	};
	uint32		ntouched = 0;
	uint64		end = row_start[row + 1];
	uint64		k;

	for (k = row_start[row]; k < end; k++)
	{
		UserList	list = product_list(product, row_users[k]);
		double		factor = row_values ? row_values[k] * list.weight : list.weight;

		if (k + AHEAD < end)
			prefetch_user(product, row_users[k + AHEAD]);
		take_steps(acc, list.count);
		/* a loop of its own for each */
		if (list.values)
			ntouched = add_list(&adding, kind, finding, &list, list.values, product->item_bytes, factor, ntouched);
		else if (product->item_bytes == sizeof(uint16))
			ntouched = add_list(&adding, kind, finding, &list, NULL, sizeof(uint16), factor, ntouched);
		else
			ntouched = add_list(&adding, kind, finding, &list, NULL, product->item_bytes, factor, ntouched);
	}
	return ntouched;
}

static pg_attribute_always_inline uint32
count_of(const Accumulators *acc, Accumulator kind, uint32 target)
{
	switch (kind)
	{
		case IN_BYTES:
		case IN_SHORTS:
		case IN_COUNTS:
			return number_at(acc->counts, kind, target);
		case IN_TABLE:
			return acc->table_cells[acc->table[find_place(acc->table, acc->table_cells, acc->shift, target)]].count;
		case IN_CELLS:
			break;
	}
	return acc->cells[target].count;
}

/* What was added up for the k-th of the touched targets. */
static pg_attribute_always_inline Cell
read_touched(const Accumulators *acc, Accumulator kind, uint32 k)
{
	Cell		cell;

	if (kind == IN_TABLE)
	{
		/* one by one, as they were written: a copy of the whole would wait for that */
		cell.sum = acc->table_cells[k + 1].sum;
		cell.count = acc->table_cells[k + 1].count;
		cell.target = acc->table_cells[k + 1].target;
		return cell;
	}
	cell.target = acc->touched[k];
	cell.count = count_of(acc, kind, cell.target);
	cell.sum = kind == IN_CELLS ? acc->cells[cell.target].sum : cell.count;
	return cell;
}

static pg_attribute_always_inline void
clear_touched(Accumulators *acc, Accumulator kind, uint32 ntouched)
{
	uint32		k;

	if (kind == IN_TABLE)
	{
		memset(acc->table, 0, (((Size) PG_UINT32_MAX >> acc->shift) + 1) * sizeof(uint16));
		memset(acc->table_cells + 1, 0, ntouched * sizeof(Cell));
		return;
	}
	for (k = 0; k < ntouched; k++)
	{
		uint32		target = acc->touched[k];

		if ((k & 0xffff) == 0xffff)
			take_steps(acc, 0xffff);
		if (kind != IN_CELLS)
			set_number(acc->counts, kind, target, 0);
		else
		{
			acc->cells[target].sum = 0;
			acc->cells[target].count = 0;
		}
	}
}

/* Clears what the users of a row have, where there is no list of that. */
static pg_attribute_always_inline void
clear_users(Accumulators *acc, Accumulator kind, uint32 row)
{
	const Product *product = acc->product;
	const uint64 *row_start = PART(product, uint64, row_start);
	uint32		item_bytes = product->item_bytes;
	uint64		end = row_start[row + 1];
	uint64		k;

	for (k = row_start[row]; k < end; k++)
	{
		UserList	list = product_list(product, acc->row_users[k]);
		const char *item = list.items;
		const char *last = item + (Size) list.count * item_bytes;

		take_steps(acc, list.count);
		for (; item < last; item += item_bytes)
			set_number(acc->counts, kind, list_item(item, item_bytes), 0);
	}
}

static pg_attribute_always_inline uint32
width_of(Accumulator kind)
{
	return kind == IN_BYTES ? sizeof(uint8) : kind == IN_SHORTS ? sizeof(uint16) : sizeof(uint32);
}

/* Takes the first number of which bits are set out of a word of numbers of so many bytes; its place. */
static pg_attribute_always_inline uint32
next_place(uint64 *word, uint32 bytes)
{
	const uint32 width = 8 * bytes;
	uint32		place = pg_rightmost_one_pos64(*word) / width;

	*word &= ~(PG_UINT64_MAX >> (64 - width) << (place * width));
#ifdef WORDS_BIGENDIAN
	place = 64 / width - 1 - place;
#endif
	return place;
}

static pg_attribute_always_inline Cell
read_column(const Accumulators *acc, Accumulator kind, Finding finding, uint32 target)
{
	Cell		cell;

	cell.target = target;
	cell.count = count_of(acc, kind, target);
	cell.sum = finding == BY_SUM ? acc->sums[target] : cell.count;
	return cell;
}

typedef uint8 Bytes __attribute__((vector_size(16)));
typedef uint16 Shorts __attribute__((vector_size(16)));
typedef uint32 Counts __attribute__((vector_size(16)));
typedef double Sums __attribute__((vector_size(16)));
typedef uint64 Words __attribute__((vector_size(16)));

#define WORDS 8					/* of a line of the cache */
#define LEAST_SUM 4.9406564584124654e-324	/* the first double above 0 */

/* The body of find_large_...() for vectors of a type, and one of the least. */
#define FIND_LARGE(type, all_least) \
	do { \
		const type *numbers = (const type *) line; \
		type		bound = all_least; \
		large[0] = (Words) (numbers[0] >= bound); \
		large[1] = (Words) (numbers[1] >= bound); \
		large[2] = (Words) (numbers[2] >= bound); \
		large[3] = (Words) (numbers[3] >= bound); \
	} while (0)

static pg_attribute_always_inline bool
any_large(const Words *large)
{
	Words		any = large[0] | large[1] | large[2] | large[3];

	return (any[0] | any[1]) != 0;
}

/* Sets all bits of those counts of a line that are least at least, and none of others; are there any? */
static pg_attribute_always_inline bool
find_large_counts(const void *line, Accumulator kind, uint32 least, Words *large)
{
	if (kind == IN_BYTES)
		FIND_LARGE(Bytes, (Bytes) {0} + (uint8) least);
	else if (kind == IN_SHORTS)
		FIND_LARGE(Shorts, (Shorts) {0} + (uint16) least);
	else
		FIND_LARGE(Counts, (Counts) {0} + least);
	return any_large(large);
}

/* The same with sums. */
static pg_attribute_always_inline bool
find_large_sums(const void *line, double least, Words *large)
{
	FIND_LARGE(Sums, ((Sums) {least, least}));
	return any_large(large);
}

/* So many bytes of 0, whole lines of the cache. */
static void *
alloc_places(Size size)
{
	return (void *) TYPEALIGN(LINE, MemoryContextAllocExtended(CurrentMemoryContext, size + 2 * LINE,
															   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
}

/* Can a row use the table?  If so, sets its size. */
static bool
fits_table(Accumulators *acc, uint32 row)
{
	const Product *product = acc->product;
	const uint64 *row_start = PART(product, uint64, row_start);
	const uint32 *row_users = acc->row_users;
	uint64		end = row_start[row + 1];
	uint64		steps = 0;
	uint64		k;

	if (acc->table == NULL || end - row_start[row] > TABLE_STEPS)
		return false;
	for (k = row_start[row]; k < end; k++)
		steps += product_list_at(product, row_users[k])[0];
	if (steps > TABLE_STEPS)
		return false;
	acc->shift = 31 - pg_leftmost_one_pos32(TABLE_PLACES * Max((uint32) steps, 1) - 1);
	return true;
}

/* Leaves the accumulator as it was before the row. */
static pg_attribute_always_inline void
clear_row(Accumulators *acc, Accumulator kind, Finding finding, uint32 row, uint32 ntouched)
{
	Size		ncols = acc->product->ncols;
	const uint64 *row_start = PART(acc->product, uint64, row_start);

	if (finding == BY_LIST)
		clear_touched(acc, kind, ntouched);
	else if (finding == BY_REACH &&
			 (row_start[row + 1] - row_start[row]) * acc->product->mean_count * BYTES_A_STEP < ncols * width_of(kind))
		clear_users(acc, kind, row);
	else
		memset(acc->counts, 0, ncols * width_of(kind));
	if (finding == BY_SUM)
		memset(acc->sums, 0, ncols * sizeof(double));
}

/* In the current memory context; users of rows are those of the process. */
static inline void
accumulators_begin(Accumulators *acc, const Product *product)
{
	Size		targets = Max(product->ncols, 1);

	acc->product = product;
	acc->row_users = parallel_extension();
	if (product->row_values)
		acc->row_values = (const float *) ((const char *) acc->row_users + product->row_values);
	acc->weighted = product->row_values || product->valued || product->weighted;
	if (targets > (acc->weighted ? FEW_COLUMNS : FEW_BYTES))
	{
		acc->table = alloc_places(TABLE_PLACES * TABLE_STEPS * sizeof(uint16));
		acc->table_cells = alloc_places((TABLE_STEPS + 1 + WIDE_LANES) * sizeof(Cell));
	}
	/* one more: the place of a target that is there already is written too */
	acc->touched = MemoryContextAllocHuge(CurrentMemoryContext, (targets + 1) * sizeof(uint32));
	acc->wanted = palloc(((Size) product->ncols / GROUP + GROUPS) * sizeof(uint32));
}

/* What the next row needs, as not every process comes to need all. */
static inline void
accumulators_need(Accumulators *acc, Accumulator kind, Finding finding)
{
	Size		targets = Max(acc->product->ncols, 1);

	if (kind == IN_TABLE)
		return;
	if (kind == IN_CELLS && acc->cells == NULL)
		acc->cells = alloc_places(targets * sizeof(Cell));
	if (kind != IN_CELLS && acc->counts == NULL)
		acc->counts = alloc_places(targets * sizeof(uint32));
	if (finding == BY_SUM && acc->sums == NULL)
		acc->sums = alloc_places(targets * sizeof(double));
}

#endif							/* RECSYS_ACCUMULATOR_H */
