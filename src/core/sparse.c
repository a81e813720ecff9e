/*-------------------------------------------------------------------------
 *
 * sparse.c
 *		A matrix of compressed rows, made of entries in any order.
 *
 *		group_rows			puts entries of neighbouring rows together
 *		count_rows			reads what was collected (triples.c): how many entries
 *							each row has, thereby where it starts
 *		fill_rows			reads it again and puts each entry into its row
 *		merge_rows			sorts each row by column, puts entries of the same place
 *							together and closes the gaps
 *
 * Where memory does not suffice for the entries before they are put together,
 * the last two steps are done for some rows after the other (make_rows).
 *
 * The matrix takes 4 bytes an entry, 8 with values, and 8 a row.
 *
 * Whatever the order in which entries came, the matrix has the same bits:
 * columns are sorted within a row, and entries of the same place are added up
 * in the order of their values.  The sum counts if it is more than 0: a sum
 * that is negative, or nothing but a rounding error of its terms, is no entry.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <float.h>
#include <math.h>

#include "core/large.h"
#include "core/numbers.h"
#include "core/sparse.h"

/* A sum that is less than this share of the sum of absolute values is 0. */
#define ROUNDING 1e-6

/* Bytes of rows that are filled at a time: where all is in memory, or where it has to be read for each. */
#define GROUP_BYTES ((Size) 256 * 1024)
#define FILL_BYTES ((Size) 4 * 1024 * 1024)
#define MAX_GROUPS 256

/* The matrix is made in so many parts at most. */
#define MAX_PARTS 64

#define RUNSORT_NAME sort_keys
#define RUNSORT_TYPE uint64
#define RUNSORT_BEFORE(a, b) ((a) < (b))
#define RUNSORT_LAST PG_UINT64_MAX
#include "core/runsort.h"

#define RUNSORT_NAME sort_columns
#define RUNSORT_TYPE uint32
#define RUNSORT_BEFORE(a, b) ((a) < (b))
#define RUNSORT_LAST PG_UINT32_MAX
#include "core/runsort.h"

/* A float as an unsigned integer of the same order, and back. */
static inline uint32
float_key(float value)
{
	uint32		bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits & 0x80000000 ? ~bits : bits | 0x80000000;
}

static inline float
key_float(uint32 key)
{
	uint32		bits = key & 0x80000000 ? key & 0x7fffffff : ~key;
	float		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

#define NEEDS_VALUES ((Size) -1)

/* Bytes that it takes to put rows of so many entries at most in order. */
Size
sparse_sort_memory(uint64 longest)
{
	return 2 * RUNSORT_ROOM(longest) * sizeof(uint64);
}

/* Sorts a row without values; false, with all still there, where columns are the same. */
static bool
sort_row(uint32 *cols, Size count, uint64 **keys)
{
	uint32	   *sorted = (uint32 *) keys[0];
	bool		differ = true;
	Size		i;

	memcpy(sorted, cols, count * sizeof(uint32));
	sorted = sort_columns(sorted, (uint32 *) keys[1], count, count);
	for (i = 1; i < count; i++)
		differ &= sorted[i - 1] < sorted[i];
	memcpy(cols, sorted, count * sizeof(uint32));
	return differ;
}

/*
 * Sorts a row and puts entries of the same column together; the number of
 * those that are left.  NEEDS_VALUES, and all still there, where entries without
 * values would have to be added up.
 */
static Size
merge_row(uint32 *cols, float *values, Size count, uint64 **keys)
{
	uint64	   *sorted;
	Size		kept = 0;
	Size		i;

	if (values == NULL)
		return sort_row(cols, count, keys) ? count : NEEDS_VALUES;
	for (i = 0; i < count; i++)
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		keys[0][i] = (uint64) cols[i] << 32 | float_key(values[i]);
	}
	sorted = sort_keys(keys[0], keys[1], count, count);
	for (i = 0; i < count;)
	{
		uint32		col = sorted[i] >> 32;
		double		sum = 0;
		double		absolute = 0;

		do
		{
			double		value = key_float((uint32) sorted[i]);

			sum += value;
			absolute += fabs(value);
			i++;
		} while (i < count && sorted[i] >> 32 == col);
		if (!(sum > ROUNDING * absolute))
			continue;
		if (sum > FLT_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("sum of weights is out of range"),
					 errhint("Divide all weights by the same number.")));
		cols[kept] = col;
		values[kept] = (float) sum;
		kept++;
	}
	return kept;
}

/*
 * Counts the entries of rows into their starts; the length of the longest row.
 * places, if there are any, are of 4 bytes, as rows come at random and more of
 * these fit into a cache, and get the starts too.
 */
static uint64
count_rows(Triples *triples, uint64 *start, uint32 *places, uint32 nrows)
{
	TripleBatch batch;
	uint64		longest = 0;
	uint32		row;

	triples_rewind(triples);
	while (triples_next(triples, &batch))
	{
		Size		i;

		for (i = 0; i < batch.count; i++)
		{
			if ((i & 0xffff) == 0)
				CHECK_FOR_INTERRUPTS();
			if (places)
				places[batch.rows[i]]++;
			else
				start[batch.rows[i] + 1]++;
		}
	}
	for (row = 0; row < nrows; row++)
	{
		uint64		count = places ? places[row] : start[row + 1];

		if ((row & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		longest = Max(longest, count);
		start[row + 1] = start[row] + count;
		if (places)
			places[row] = (uint32) start[row];
	}
	return longest;
}

/*
 * Entries come at random, and what they are counted in and written to should fit into
 * a cache.  False where it does not, as they are not in memory.
 */
static bool
group_rows(Triples *triples, uint32 nrows, bool valued)
{
	uint64		size = triples_count(triples) * (valued ? 8 : 4);
	uint32		groups = (uint32) Min(size / GROUP_BYTES, MAX_GROUPS);

	return groups < 2 || triples_group(triples, nrows, bits_of(nrows / groups));
}

/* Rows first to end - 1 being filled; places are of the next entry of each row, shift before where it goes. */
typedef struct Filling
{
	bool		grouped;		/* entries of neighbouring rows lie together */
	const uint32 *colmap;
	TripleValue value;
	void	   *arg;
	uint32	   *places;			/* NULL: the starts of the matrix are used */
	uint64		shift;
	uint32		first;
	uint32		end;
} Filling;

static void
fill_range(SparseMatrix *matrix, const TripleBatch *batch, const Filling *filling, uint32 first,
		   uint32 end)
{
	Size		i;

	for (i = 0; i < batch->count; i++)
	{
		uint32		row = batch->rows[i];
		uint32		col = batch->cols[i];
		uint64		place;

		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (row - first >= end - first)
			continue;
		place = filling->places ? filling->places[row]++ : matrix->start[row]++;
		place -= filling->shift;
		matrix->cols[place] = filling->colmap ? filling->colmap[col] : col;
		if (matrix->values)
		{
			float		v = batch->values ? batch->values[i] : 1;

			matrix->values[place] = filling->value ?
				filling->value(filling->arg, v, batch->times ? batch->times[i] : 0) : v;
		}
	}
}

/*
 * Fills rows of so many entries, a range of them after the other where they are not grouped:
 * reading all of them some times takes less than writing at random.
 */
static void
fill_rows(SparseMatrix *matrix, Triples *triples, const Filling *filling, uint64 entries)
{
	uint64		size = entries * (matrix->values ? 8 : 4);
	uint32		ranges = filling->grouped ? 1 : (uint32) Max(Min(size / FILL_BYTES, 8), 1);
	uint64		nrows = filling->end - filling->first;
	TripleBatch batch;
	uint32		range;

	triples_rewind(triples);
	while (triples_next(triples, &batch))
		for (range = 0; range < ranges; range++)
			fill_range(matrix, &batch, filling,
					   filling->first + (uint32) (nrows * range / ranges),
					   filling->first + (uint32) (nrows * (range + 1) / ranges));
	/* starts have become ends */
	if (filling->places == NULL)
		memmove(matrix->start + filling->first + 1, matrix->start + filling->first,
				(Size) nrows * sizeof(uint64));
}

/* Rows being put in order. */
typedef struct Merging
{
	uint64	   *keys[2];		/* for the longest row */
	uint64		from;			/* entries of the rows so far */
	uint64		to;				/* those that were left */
	bool		ones;			/* all of these are 1 */
	uint64		room;			/* that the matrix has for entries */
	bool		room_for_values;	/* where it has none so far */
} Merging;

/* Values of 1 for all entries that there is room for. */
static void
set_values(SparseMatrix *matrix, uint64 room)
{
	uint64		i;

	matrix->values = MemoryContextAllocHuge(GetMemoryChunkContext(matrix), room * sizeof(float));
	for (i = 0; i < room; i++)
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		matrix->values[i] = 1;
	}
}

/*
 * Sorts the rows that were filled, drops what does not count and closes the gaps.
 * False where entries without values have to be added up, and there is no room.
 */
static bool
merge_rows(SparseMatrix *matrix, const Filling *filling, Merging *merging)
{
	uint32		row;

	matrix->start[filling->first] = merging->to;
	for (row = filling->first; row < filling->end; row++)
	{
		uint64		from = merging->from - filling->shift;
		uint64		to = merging->to;
		Size		count = matrix->start[row + 1] - merging->from;
		float	   *values = matrix->values ? matrix->values + from : NULL;
		Size		kept = merge_row(matrix->cols + from, values, count, merging->keys);
		Size		i;

		/* rows may be empty */
		CHECK_FOR_INTERRUPTS();
		if (kept == NEEDS_VALUES)
		{
			if (!merging->room_for_values)
				return false;
			set_values(matrix, merging->room);
			values = matrix->values + from;
			kept = merge_row(matrix->cols + from, values, count, merging->keys);
		}
		if (from != to)
		{
			memmove(matrix->cols + to, matrix->cols + from, kept * sizeof(uint32));
			if (values)
				memmove(matrix->values + to, values, kept * sizeof(float));
		}
		for (i = 0; values && i < kept && merging->ones; i++)
			merging->ones = matrix->values[to + i] == 1;
		merging->from += count;
		merging->to += kept;
		matrix->start[row + 1] = merging->to;
	}
	return true;
}

/* Where rows from first on end whose entries fit beside what is merged. */
static uint32
rows_that_fit(const SparseMatrix *matrix, const Merging *merging, uint32 first)
{
	uint32		end = first;

	while (end < matrix->nrows && matrix->start[end + 1] - merging->from <= merging->room - merging->to)
	{
		if ((end & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		end++;
	}
	return end;
}

/* Fills and merges all rows, in parts that there is room for; false where it cannot be done. */
static bool
make_rows(SparseMatrix *matrix, Triples *triples, Filling *filling, Merging *merging,
		  bool *needs_values)
{
	bool		done = true;
	int			part;

	merging->ones = true;
	filling->end = 0;
	for (part = 0; done && filling->end < matrix->nrows; part++)
	{
		filling->first = filling->end;
		filling->end = rows_that_fit(matrix, merging, filling->first);
		filling->shift = merging->from - merging->to;
		if (part == MAX_PARTS || filling->end == filling->first)
			return false;
		matrix->start[filling->first] = merging->from;
		fill_rows(matrix, triples, filling, matrix->start[filling->end] - merging->from);
		done = merge_rows(matrix, filling, merging);
		*needs_values = !done;
	}
	if (matrix->values && merging->ones)
	{
		pfree(matrix->values);
		matrix->values = NULL;
	}
	if (done && merging->to < merging->room)
	{
		Size		kept = (Size) Max(merging->to, 1);

		matrix->cols = repalloc_huge(matrix->cols, kept * sizeof(uint32));
		if (matrix->values)
			matrix->values = repalloc_huge(matrix->values, kept * sizeof(float));
	}
	return done;
}

/* A matrix with or without values; NULL where there is not enough memory, or values are needed. */
static SparseMatrix *
make_matrix(MemoryContext cxt, Triples *triples, Size memory, uint32 nrows, uint32 ncols,
			Filling *filling, bool *valued)
{
	SparseMatrix *matrix = palloc0_object(SparseMatrix);
	uint64		count = Max(triples_count(triples), 1);
	uint64		longest;
	Merging		merging = {{NULL}};
	bool		needs_values = false;
	bool		done = false;

	matrix->nrows = nrows;
	matrix->ncols = ncols;
	matrix->start = MemoryContextAllocExtended(cxt, large_array_size((uint64) nrows + 2, sizeof(uint64)),
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	filling->places = NULL;
	if (count <= PG_UINT32_MAX)
		filling->places = MemoryContextAllocExtended(cxt, large_array_size(Max(nrows, 1), sizeof(uint32)),
													 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	filling->grouped = group_rows(triples, nrows, *valued);
	longest = count_rows(triples, matrix->start, filling->places, nrows);
	longest = Max(longest, 1);
	memory -= Min(memory, sparse_sort_memory(longest));
	merging.room = Min(count, memory / (*valued ? 8 : 4));
	merging.room_for_values = merging.room <= memory / 8;
	if (merging.room >= longest && count <= MAX_PARTS * merging.room)
	{
		matrix->cols = MemoryContextAllocHuge(cxt, merging.room * sizeof(uint32));
		if (*valued)
			matrix->values = MemoryContextAllocHuge(cxt, merging.room * sizeof(float));
		merging.keys[0] = MemoryContextAllocHuge(cxt, sparse_sort_memory(longest) / 2);
		merging.keys[1] = MemoryContextAllocHuge(cxt, sparse_sort_memory(longest) / 2);
		done = make_rows(matrix, triples, filling, &merging, &needs_values);
		pfree(merging.keys[0]);
		pfree(merging.keys[1]);
	}
	if (filling->places)
		pfree(filling->places);
	if (done)
		return matrix;
	sparse_free(matrix);
	*valued = needs_values;
	return NULL;
}

/*
 * Makes a matrix of collected entries, with column colmap[col] for col where
 * a map is given, and with value() applied to each where that is given.  Its
 * entries, and what it takes to put them in order, are within so many bytes of
 * memory, if they have to in parts, each of which reads all that was collected; NULL
 * where that is not enough.
 */
SparseMatrix *
sparse_create(MemoryContext cxt, Triples *triples, Size memory, uint32 nrows, uint32 ncols,
			  const uint32 *colmap, TripleValue value, void *arg)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);
	Filling		filling = {false, colmap, value, arg};
	bool		valued = value || triples_have_values(triples);
	SparseMatrix *matrix = make_matrix(cxt, triples, memory, nrows, ncols, &filling, &valued);

	/* entries without values that are the same have to be added up */
	if (matrix == NULL && valued && !triples_have_values(triples) && !value)
		matrix = make_matrix(cxt, triples, memory, nrows, ncols, &filling, &valued);
	MemoryContextSwitchTo(old);
	return matrix;
}

SparseMatrix *
sparse_copy(MemoryContext cxt, const SparseMatrix *matrix)
{
	SparseMatrix *copy = MemoryContextAllocZero(cxt, sizeof(SparseMatrix));
	uint64		count = matrix->start[matrix->nrows];

	copy->nrows = matrix->nrows;
	copy->ncols = matrix->ncols;
	copy->start = MemoryContextAllocHuge(cxt, ((Size) matrix->nrows + 2) * sizeof(uint64));
	memcpy(copy->start, matrix->start, ((Size) matrix->nrows + 2) * sizeof(uint64));
	copy->cols = MemoryContextAllocHuge(cxt, Max(count, 1) * sizeof(uint32));
	memcpy(copy->cols, matrix->cols, count * sizeof(uint32));
	if (matrix->values)
	{
		copy->values = MemoryContextAllocHuge(cxt, Max(count, 1) * sizeof(float));
		memcpy(copy->values, matrix->values, count * sizeof(float));
	}
	return copy;
}

void
sparse_free(SparseMatrix *matrix)
{
	pfree(matrix->start);
	if (matrix->cols)
		pfree(matrix->cols);
	if (matrix->values)
		pfree(matrix->values);
	pfree(matrix);
}

/* Takes out entries whose column was set to SPARSE_DROPPED. */
void
sparse_compact(SparseMatrix *matrix)
{
	uint64		from = 0;
	uint64		to = 0;
	uint32		row;

	for (row = 0; row < matrix->nrows; row++)
	{
		CHECK_FOR_INTERRUPTS();
		for (; from < matrix->start[row + 1]; from++)
		{
			if (matrix->cols[from] == SPARSE_DROPPED)
				continue;
			matrix->cols[to] = matrix->cols[from];
			if (matrix->values)
				matrix->values[to] = matrix->values[from];
			to++;
		}
		matrix->start[row + 1] = to;
	}
}

/* Bytes that the matrix takes. */
Size
sparse_memory(const SparseMatrix *matrix)
{
	uint64		count = matrix->start[matrix->nrows];

	return ((Size) matrix->nrows + 2) * sizeof(uint64) +
		count * (sizeof(uint32) + (matrix->values ? sizeof(float) : 0));
}
