/*-------------------------------------------------------------------------
 *
 * best.h
 *		Inside of similarity/: the greatest n of many keys.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_BEST_H
#define RECSYS_BEST_H

#include "core/compat.h"

#define BEST_ROOM 128			/* keys that can be reserved at a time */

typedef struct Best
{
	uint64	   *keys;			/* no two are the same */
	uint64	   *scratch;
	int			n;
	int			count;
	int			limit;			/* of count; there is room for BEST_ROOM more */
	uint64		bound;			/* what is not above is not among the greatest */
	uint32		seed;			/* of the choice of pivots */
	bool		by_vectors;		/* n is small enough, and the processor has them */
} Best;

extern void best_init(Best *best, int n);
extern void best_cut(Best *best);
extern void best_sort(Best *best);

static inline void
best_reset(Best *best)
{
	best->count = 0;
	best->bound = 0;
}

/* Makes room for BEST_ROOM keys that are written without a look at it. */
static inline void
best_reserve(Best *best)
{
	if (best->count >= best->limit)
		best_cut(best);
}

/* Offers a key, other than 0. */
static inline void
best_offer(Best *best, uint64 key)
{
	/* no branch: which of them pass nobody can predict */
	best->keys[best->count] = key;
	best->count += key > best->bound;
	best_reserve(best);
}

#endif							/* RECSYS_BEST_H */
