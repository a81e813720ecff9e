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

/* Of the 64 bits of a score so many are always 0, or more where there are more columns. */
#define SCORE_LOW_BITS 22

/*
 * What the product of rows works on, without pointers: offsets in bytes from
 * its own start, 0 for an array that is not there.  Rows are numbered in the
 * order of their values; columns by falling number of users, so that what is
 * touched most lies together.  The users of rows are in the extension of the
 * area: uint32 [], and if there are values float [] after them.
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
	uint32		nusers;			/* who add to any pair */
	uint32		block_rows;
	Size		row_start;		/* uint64 [nrows + 1]: into the users of rows, ascending */
	Size		row_values;		/* float: in the extension */
	Size		user_start;		/* uint64 [users + 1]: into user_items */
	Size		user_items;		/* uint32: columns of a user */
	Size		user_values;	/* float */
	Size		user_weights;	/* double [users] */
	Size		row_factor;		/* double [all rows] */
	Size		row_count;		/* uint32 [all rows]: users */
	Size		row_col;		/* uint32 [all rows]: the same item as a column */
	Size		rank_col;		/* uint32 [columns]: column of a rank */
	int			rank_bits;		/* of a score's 64 that a rank takes */
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

/* measure.c */
extern double similarity_llr(double both, double a, double b, double all);
extern double similarity_count_score(SimilarityMeasure measure, double both, double a, double b,
									 double all);

/* product.c */
#define PRODUCT_KERNEL "recsys_similarity_kernel"
extern PGDLLEXPORT const ParallelKernel recsys_similarity_kernel;

/* The bits of a score with so many of the last ones 0: see product.c. */
static inline uint64
score_bits(double score, int low_bits)
{
	uint64		bits;

	memcpy(&bits, &score, sizeof(bits));
	return (bits + (UINT64CONST(1) << (low_bits - 1))) & ~((UINT64CONST(1) << low_bits) - 1);
}

static inline double
bits_score(uint64 bits)
{
	double		score;

	memcpy(&score, &bits, sizeof(score));
	return score;
}

/* To 30 significant bits. */
static inline double
similarity_round(double score)
{
	return bits_score(score_bits(score, SCORE_LOW_BITS));
}

static inline Size
product_result_size(uint32 rows, int n)
{
	return rows * (sizeof(uint64) + (Size) n * sizeof(Neighbour));
}

#endif							/* RECSYS_MEASURE_H */
