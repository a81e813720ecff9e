/*-------------------------------------------------------------------------
 *
 * roworder.c
 *		Puts the rows of a sparse matrix into the order of what is in them.
 *
 *		sort_rows		the first columns of a row, as many as fit beside its number
 *						into 64 bits, are sorted digit by digit, which calls no function
 *						and takes a few nanoseconds a row; only rows that have the same
 *						are compared in whole
 *		move_rows		moves what is in them, so that who goes through the rows gets at
 *						memory in its order; where there is none for a copy, by way of
 *						a temporary file
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "core/large.h"
#include "core/numbers.h"
#include "core/sparse.h"
#include "core/tempfile.h"

#define RADIX_SORT radix_sort_keys
#define RADIX_ELEMENT uint64
#define RADIX_KEY(key) (key)
#include "core/radixsort.h"

typedef struct RowOrder
{
	const SparseMatrix *first;
	const SparseMatrix *second;	/* or NULL */
} RowOrder;

static int
compare_contents(const SparseMatrix *matrix, uint32 a, uint32 b)
{
	uint64		astart = matrix->start[a];
	uint64		bstart = matrix->start[b];
	uint64		acount = matrix->start[a + 1] - astart;
	uint64		bcount = matrix->start[b + 1] - bstart;
	uint64		i;

	for (i = 0; i < Min(acount, bcount); i++)
		if (matrix->cols[astart + i] != matrix->cols[bstart + i])
			return matrix->cols[astart + i] < matrix->cols[bstart + i] ? -1 : 1;
	if (acount != bcount)
		return acount < bcount ? -1 : 1;
	if (matrix->values)
		for (i = 0; i < acount; i++)
			if (matrix->values[astart + i] != matrix->values[bstart + i])
				return matrix->values[astart + i] < matrix->values[bstart + i] ? -1 : 1;
	return 0;
}

static int
compare_rows(const void *a, const void *b, void *arg)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;
	const RowOrder *order = (const RowOrder *) arg;
	int			result = compare_contents(order->first, x, y);

	/* sorting millions of rows takes a while */
	CHECK_FOR_INTERRUPTS();
	if (result == 0 && order->second)
		result = compare_contents(order->second, x, y);
	return result;
}

/*
 * The first columns of each row, of the last of which the first bits, and its number in
 * the last row_bits.
 */
static void
make_keys(const SparseMatrix *matrix, uint64 *keys, int row_bits)
{
	int			col_bits = bits_of(matrix->ncols);
	uint32		row;

	for (row = 0; row < matrix->nrows; row++)
	{
		uint64		start = matrix->start[row];
		uint64		length = matrix->start[row + 1] - start;
		/* empty rows come last */
		uint64		key = length > 0 ? matrix->cols[start] : matrix->ncols;
		int			left = 64 - row_bits - col_bits;
		uint64		i;

		if ((row & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		/* columns ascend: where there is none, 0 is less than any */
		for (i = 1; left > 0; i++, left -= col_bits)
		{
			uint64		col = i < length ? matrix->cols[start + i] : 0;
			int			bits = Min(left, col_bits);

			key = key << bits | col >> (col_bits - bits);
		}
		keys[row] = key << row_bits | row;
	}
}

/* The rows in the order of what is in them, in the current memory context. */
static uint32 *
sort_rows(const SparseMatrix *matrix, const SparseMatrix *second)
{
	Size		count = Max(matrix->nrows, 1);
	uint64	   *keys = MemoryContextAllocHuge(CurrentMemoryContext, count * sizeof(uint64));
	uint64	   *other = MemoryContextAllocHuge(CurrentMemoryContext, count * sizeof(uint64));
	uint64	   *sorted;
	uint32	   *order;
	RowOrder	context = {matrix, second};
	int			row_bits = bits_of(matrix->nrows);
	uint32		start;
	uint32		i;

	make_keys(matrix, keys, row_bits);
	sorted = radix_sort_keys(keys, other, matrix->nrows, row_bits, 64);
	pfree(sorted == keys ? other : keys);
	order = MemoryContextAllocHuge(CurrentMemoryContext, count * sizeof(uint32));
	for (i = 0; i < matrix->nrows; i++)
		order[i] = (uint32) (sorted[i] & ((UINT64CONST(1) << row_bits) - 1));
	for (start = 0; start < matrix->nrows; start = i)
	{
		for (i = start + 1; i < matrix->nrows && sorted[i] >> row_bits == sorted[start] >> row_bits; i++)
			 /* rows with the same key */ ;
		if (i > start + 1)
			qsort_arg(order + start, i - start, sizeof(uint32), compare_rows, &context);
	}
	pfree(sorted);
	return order;
}

#define AHEAD 16				/* rows that are asked for before they are needed */

/* The entries of rows in another order, in a copy. */
static uint32 *
copy_entries(const SparseMatrix *matrix, const uint32 *order, uint32 *entries)
{
	uint64		count = matrix->start[matrix->nrows];
	uint32	   *copy = MemoryContextAllocHuge(GetMemoryChunkContext(entries),
											  large_array_size(Max(count, 1), sizeof(uint32)));
	uint32	   *out = copy;
	uint32		i;

	for (i = 0; i < matrix->nrows; i++)
	{
		uint64		start = matrix->start[order[i]];
		uint64		end = matrix->start[order[i] + 1];
		uint64		k;

		CHECK_FOR_INTERRUPTS();
		if (i + 2 * AHEAD < matrix->nrows)
			__builtin_prefetch(&matrix->start[order[i + 2 * AHEAD]]);
		if (i + AHEAD < matrix->nrows)
			__builtin_prefetch(&entries[matrix->start[order[i + AHEAD]]]);
		/* most are short */
		for (k = start; k < end; k++)
			*out++ = entries[k];
	}
	pfree(entries);
	return copy;
}

/* The same where they are. */
static uint32 *
refile_entries(const SparseMatrix *matrix, const uint32 *order, uint32 *entries)
{
	BufFile    *file = BufFileCreateTemp(false);
	uint32		i;

	for (i = 0; i < matrix->nrows; i++)
	{
		uint64		start = matrix->start[order[i]];

		CHECK_FOR_INTERRUPTS();
		BufFileWrite(file, entries + start, (matrix->start[order[i] + 1] - start) * sizeof(uint32));
	}
	temp_file_seek(file, 0, 0);
	for (i = 0; i < matrix->nrows; i++)
	{
		uint64		start = matrix->start[i];

		CHECK_FOR_INTERRUPTS();
		temp_file_read(file, entries + start, (matrix->start[i + 1] - start) * sizeof(uint32));
	}
	BufFileClose(file);
	return entries;
}

/* Puts rows into an order. */
static void
move_rows(SparseMatrix *matrix, const uint32 *order, Size memory)
{
	uint64	   *start;
	Size		entries = matrix->start[matrix->nrows] * sizeof(uint32);
	uint32	   *(*move) (const SparseMatrix *matrix, const uint32 *order, uint32 *entries) =
		entries <= memory ? copy_entries : refile_entries;
	uint32		i;

	matrix->cols = move(matrix, order, matrix->cols);
	/* a float takes as much */
	if (matrix->values)
		matrix->values = (float *) move(matrix, order, (uint32 *) matrix->values);
	/* not before there is one copy less */
	start = MemoryContextAllocHuge(GetMemoryChunkContext(matrix->start),
								   large_array_size((uint64) matrix->nrows + 2, sizeof(uint64)));
	start[0] = 0;
	for (i = 0; i < matrix->nrows; i++)
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		start[i + 1] = start[i] + matrix->start[order[i] + 1] - matrix->start[order[i]];
	}
	pfree(matrix->start);
	matrix->start = start;
}

/*
 * Puts rows into the order of what is in them, which depends neither on their
 * numbers nor on the order of entries: rows that compare equal have the same
 * content, so that sums over the rows always have the same bits.  It also puts
 * rows with the same columns next to each other.  With a second matrix of the
 * same rows, what is in that counts too, and is moved likewise.  Beside 16 bytes a row a
 * copy of the columns, and then of the values, may be made in so many bytes of memory.
 */
void
sparse_sort_rows(SparseMatrix *matrix, SparseMatrix *second, Size memory)
{
	uint32	   *order = sort_rows(matrix, second);

	move_rows(matrix, order, memory);
	if (second)
		move_rows(second, order, memory);
	pfree(order);
}
