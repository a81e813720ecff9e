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

extern uint32 *transactions_create(Transactions *db, Size nwords, int nworkers,
								   MemoryBudget *budget);
extern void transactions_free(Transactions *db, MemoryBudget *budget);
extern Size transactions_listed(const Transactions *db);
extern void transactions_divide(Transactions *db);
extern void transactions_begin_part(Transactions *db, uint32 part, uint32 place);
extern void transactions_begin_index(Transactions *db);
extern void transactions_list_part(const Transactions *db, uint32 part);
extern void transactions_index(Transactions *db, const MemoryBudget *budget);

#endif							/* RECSYS_RULES_TRANSACTIONS_H */
