/*-------------------------------------------------------------------------
 *
 * transactions.h
 *		Memory of transactions, and lists of where items occur.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RULES_TRANSACTIONS_H
#define RECSYS_RULES_TRANSACTIONS_H

#include "core/compat.h"
#include "rules/miner.h"

extern void *transactions_create(Transactions *db, Size nwords, int nworkers,
								 MemoryBudget *budget);
extern void transactions_free(Transactions *db, MemoryBudget *budget);
extern Size transactions_lists_size(Size noccurrences, uint32 nitems);
extern Size transactions_listed(const Transactions *db);
extern void transactions_index(Transactions *db, uint32 first, uint32 end,
							   const MemoryBudget *budget);

#endif							/* RECSYS_RULES_TRANSACTIONS_H */
