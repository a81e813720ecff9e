/*-------------------------------------------------------------------------
 *
 * best.h
 *		Inside of similarity/: the best n of many candidates.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_BEST_H
#define RECSYS_BEST_H

#include "core/compat.h"

/* Positive scores are in the order of their bits. */
typedef struct Candidate
{
	uint64		score;			/* bits of a double above 0 */
	uint32		rank;			/* equal scores: the lower one is better; all differ */
	uint32		target;
	uint32		together;
} Candidate;

typedef struct Best
{
	Candidate  *list;
	int			n;
	int			count;
	int			capacity;
	uint64		bound;			/* what is below is not among the best */
	uint32		seed;			/* of the choice of pivots */
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

/* Offers a candidate; one below the bound makes no difference. */
static inline void
best_offer(Best *best, uint64 score, uint32 rank, uint32 target, uint32 together)
{
	Candidate  *candidate = &best->list[best->count++];

	candidate->score = score;
	candidate->rank = rank;
	candidate->target = target;
	candidate->together = together;
	if (best->count == best->capacity)
		best_cut(best);
}

#endif							/* RECSYS_BEST_H */
