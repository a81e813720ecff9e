/*-------------------------------------------------------------------------
 *
 * closed.h
 *		Closed and maximal frequent itemsets, found without all the others.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RULES_CLOSED_H
#define RECSYS_RULES_CLOSED_H

#include "core/compat.h"
#include "rules/mining.h"

extern void mine_closed(Transactions *db, uint32 min_count, BestGrades *best, uint32 max_length,
						ItemsetStore *store, const MemoryBudget *budget, MiningDone done,
						void *arg);
extern void mark_not_maximal(ItemsetStore *store, uint32 nitems, const MemoryBudget *budget);

#endif							/* RECSYS_RULES_CLOSED_H */
