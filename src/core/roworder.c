/*-------------------------------------------------------------------------
 *
 * roworder.c
 *		The rows of a sparse matrix in the order of what is in them.
 *
 * The first two columns of a row, as far as they fit beside its number into 64
 * bits, are sorted digit by digit, which calls no function and takes a few
 * nanoseconds a row; only rows that have the same are compared in whole.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "core/numbers.h"
#include "core/sparse.h"

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

/* The first two columns of each row, and its number in the last row_bits; how many bits columns take. */
static int
make_keys(const SparseMatrix *matrix, uint64 *keys, int row_bits)
{
	int			col_bits = bits_of(matrix->ncols);
	int			surplus = Max(2 * col_bits - (64 - row_bits), 0);
	uint32		row;

	for (row = 0; row < matrix->nrows; row++)
	{
		uint64		start = matrix->start[row];
		uint64		length = matrix->start[row + 1] - start;
		uint64		key;

		if ((row & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		/* empty rows come last */
		key = (uint64) (length > 0 ? matrix->cols[start] : matrix->ncols) << col_bits |
			(length > 1 ? matrix->cols[start + 1] : 0);
		keys[row] = key >> surplus << row_bits | row;
	}
	return 2 * col_bits - surplus;
}

/*
 * The rows in the order of what is in them, which depends neither on their
 * numbers nor on the order of entries: rows that compare equal have the same
 * content, so that sums over the rows in this order always have the same bits.
 * It also puts rows with the same columns next to each other in memory.
 * With a second matrix of the same rows, what is in that counts too.
 * Allocated in the current memory context.
 */
uint32 *
sparse_row_order(const SparseMatrix *matrix, const SparseMatrix *second)
{
	Size		count = Max(matrix->nrows, 1);
	uint64	   *keys = MemoryContextAllocHuge(CurrentMemoryContext, count * sizeof(uint64));
	uint64	   *other = MemoryContextAllocHuge(CurrentMemoryContext, count * sizeof(uint64));
	uint64	   *sorted;
	uint32	   *order;
	RowOrder	context = {matrix, second};
	int			row_bits = bits_of(matrix->nrows);
	int			key_bits = make_keys(matrix, keys, row_bits);
	uint32		start;
	uint32		i;

	sorted = radix_sort_keys(keys, other, matrix->nrows, row_bits, row_bits + key_bits);
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
