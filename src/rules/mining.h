/*-------------------------------------------------------------------------
 *
 * mining.h
 *		Running the miner over all items, by one process or several.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RULES_MINING_H
#define RECSYS_RULES_MINING_H

#include "core/compat.h"
#include "rules/miner.h"

/*
 * Called when all sets are in the store whose least frequent item is the given
 * one or one before it.  Returns the count that sets must have from now on, 0
 * for no change.  Where the bar does not rise items may come in any order, and
 * the given one says no more than how many are done.
 */
typedef uint32 (*MiningDone) (void *arg, uint32 item);

/* What is to be mined. */
typedef struct MiningJob
{
	Transactions *db;			/* without lists yet */
	uint32		min_count;
	uint32		max_length;		/* of sets, at least 1 */
	uint32		best;			/* only so many are wanted, by count and length; 0: all */
	ItemsetStore *store;
	MemoryBudget *budget;
	bool		raises;			/* done() may raise the bar */
	MiningDone	done;
	void	   *arg;
} MiningJob;

extern int	mining_workers(double npairs, Size nwords, uint32 nitems,
						   const MemoryBudget *budget);
extern void mine_transactions(const MiningJob *job);

#endif							/* RECSYS_RULES_MINING_H */
