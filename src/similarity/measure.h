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
 * its own start, 0 for an array that is not there.  Source items are numbered
 * in the order of their values; target items by falling number of users, so
 * that what is touched most lies together.
 */
typedef struct Product
{
	SimilarityMeasure measure;
	int			n;
	double		shrink;
	int64		min_together;
	double		min_llr;
	double		users;			/* number of all users */
	bool		self;			/* sources and targets are the same items */
	uint32		first_row;		/* sources of this run: first_row and on */
	uint32		nrows;
	uint32		ntargets;
	uint32		block_rows;
	Size		row_start;		/* uint64 [nrows + 1]: into row_users */
	Size		row_users;		/* uint32: users of a source, ascending */
	Size		row_values;		/* float */
	Size		user_start;		/* uint64 [users + 1]: into user_items */
	Size		user_items;		/* uint32: targets of a user */
	Size		user_values;	/* float */
	Size		user_weights;	/* double [users] */
	Size		source_factor;	/* double [all sources] */
	Size		source_count;	/* uint32 [all sources]: users */
	Size		source_target;	/* uint32 [all sources]: the same item as a target */
	Size		target_factor;	/* double [targets] */
	Size		target_count;	/* uint32 [targets]: users */
	Size		target_rank;	/* uint32 [targets]: place among values, for ties */
} Product;

/* Of a block's result: for each row the number of neighbours, then these. */
typedef struct Neighbour
{
	double		score;
	uint32		target;
	uint32		together;
} Neighbour;

#define PRODUCT_KERNEL "recsys_similarity_kernel"
extern PGDLLEXPORT const ParallelKernel recsys_similarity_kernel;

static inline Size
product_result_size(uint32 rows, int n)
{
	return rows * (sizeof(uint64) + (Size) n * sizeof(Neighbour));
}

#endif							/* RECSYS_MEASURE_H */
