/*-------------------------------------------------------------------------
 *
 * wide.h
 *		Inside of similarity/: what vectors of 512 bits do, see wide.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_WIDE_H
#define RECSYS_WIDE_H

#include "core/compat.h"

#define WIDE_LANES 8			/* numbers of 64 bits that a vector has */
#define WIDE_KEYS 64			/* that are sorted, at most */
#define WIDE_ROOM(count) (((Size) (count) + WIDE_KEYS - 1) / WIDE_KEYS * WIDE_KEYS)

#define SHRINKS 256				/* counts of which the shrinkage is kept */

/* What was added up for a column. */
typedef struct Cell
{
	double		sum;
	uint32		count;
	uint32		target;			/* not in the cell of a column */
} Cell;

/* How the cells of a row are scored: see score_plainly() of product.c. */
typedef struct WideScore
{
	double		factor;			/* of the row */
	const double *col_factor;
	const uint32 *col_rank;		/* NULL: the column is its rank */
	double		shrink;
	const double *shrinks;		/* [SHRINKS]: shrinkage by count */
	uint64		rank_mask;		/* bits of a key that are for the rank */
	uint64		bound;
	uint32		same;			/* column of the item itself */
} WideScore;

/* Does the processor have them?  Otherwise nothing of this can be called. */
extern bool wide_available(void);
extern void wide_wanted(const float *factors, uint32 nfactors, float scale, float least, float most,
						void *wanted, int width);
extern int	wide_score_cells(const WideScore *how, const Cell *cells, uint32 ncells, uint64 *keys,
							 int count);
extern int	wide_score_counts(const WideScore *how, const uint32 *columns, uint32 ncolumns,
							  const void *counts, int width, uint64 *keys, int count);
extern void wide_sort(uint64 *keys, int count);

#endif							/* RECSYS_WIDE_H */
