/*-------------------------------------------------------------------------
 *
 * measure.h
 *		Inside of similarity/: the matrix in shared memory and its product.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_MEASURE_H
#define RECSYS_MEASURE_H

#include "core/compat.h"
#include "core/parallel.h"
#include "similarity/similarity.h"

/*
 * What the product of rows works on, without pointers: offsets in bytes from
 * its own start, 0 for an array that is not there.  Rows are numbered in the
 * order of their values; columns by falling number of users, so that what is
 * touched most lies together.
 */
typedef struct Product
{
	SimilarityMeasure measure;
	int			n;
	double		shrink;
	int64		min_together;
	double		min_llr;
	double		users;			/* number of all users */
	bool		self;			/* rows and columns are the same items */
	bool		swapped;		/* rows are targets, columns sources */
	uint32		first_row;		/* rows of this run: first_row and on */
	uint32		nrows;
	uint32		ncols;
	uint32		block_rows;
	Size		row_start;		/* uint64 [nrows + 1]: into row_users */
	Size		row_users;		/* uint32: users of a row, ascending */
	Size		row_values;		/* float */
	Size		user_start;		/* uint64 [users + 1]: into user_items */
	Size		user_items;		/* uint32: columns of a user */
	Size		user_values;	/* float */
	Size		user_weights;	/* double [users] */
	Size		row_factor;		/* double [all rows] */
	Size		row_count;		/* uint32 [all rows]: users */
	Size		row_col;		/* uint32 [all rows]: the same item as a column */
	Size		columns;		/* Column [columns] */
	Size		settings;		/* SettingList: rows are for all of these (settings.c); 0: for one */
} Product;

/* What a score needs of a column lies together: columns are touched at random. */
typedef struct Column
{
	double		factor;
	uint32		rank;			/* place among values, for ties */
	uint32		count;			/* users */
} Column;

/* Of a block's result: for each row the number of neighbours, then these. */
typedef struct Neighbour
{
	double		score;
	uint32		target;
	uint32		together;
} Neighbour;

#define PRODUCT_KERNEL "recsys_similarity_kernel"
extern PGDLLEXPORT const ParallelKernel recsys_similarity_kernel;

/* To 30 significant bits: see measure.c. */
static inline double
similarity_round(double score)
{
	uint64		bits;

	memcpy(&bits, &score, sizeof(bits));
	bits = (bits + (UINT64CONST(1) << 21)) & ~((UINT64CONST(1) << 22) - 1);
	memcpy(&score, &bits, sizeof(bits));
	return score;
}

static inline Size
product_result_size(uint32 rows, int n)
{
	return rows * (sizeof(uint64) + (Size) n * sizeof(Neighbour));
}

#endif							/* RECSYS_MEASURE_H */
