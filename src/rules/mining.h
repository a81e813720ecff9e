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
 * for no change.
 */
typedef uint32 (*MiningDone) (void *arg, uint32 item);

extern void mine_transactions(Transactions *db, uint32 min_count, uint32 max_length,
							  ItemsetStore *store, const MemoryBudget *budget,
							  bool raises, MiningDone done, void *arg);

#endif							/* RECSYS_RULES_MINING_H */
