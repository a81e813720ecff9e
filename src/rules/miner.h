/*-------------------------------------------------------------------------
 *
 * miner.h
 *		Frequent itemsets of encoded transactions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RULES_MINER_H
#define RECSYS_RULES_MINER_H

#include "core/compat.h"
#include "rules/arena.h"

/*
 * Transactions over the frequent items, which are numbered by descending
 * support.  The items of one transaction ascend and are distinct.  Those with
 * fewer than two frequent items may be left out: support[] has all counts of
 * single items.  Everything is plain arrays, so that it can lie in shared memory.
 */
typedef struct Transactions
{
	uint32		nitems;
	uint32		ntransactions;
	const uint32 *start;		/* ntransactions + 1 */
	const uint32 *items;
	const uint32 *weight;		/* how often the transaction is there */
	const uint32 *support;		/* by item */
	/* where each item occurs: set by transactions_index() */
	const uint32 *occurrence_start;	/* nitems + 1 */
	const uint32 *occurrences;	/* transactions, ascending within an item */
	/* items that must not be in one set, both ways round: NULL where there are none */
	const uint32 *conflict_start;	/* nitems + 1 */
	const uint32 *conflicts;
} Transactions;

/*
 * A frequent itemset: an item added to another set of the store, which comes
 * before it.  Following parent to NO_ITEMSET yields the items, in no
 * particular order.
 */
typedef struct Itemset
{
	uint32		parent;
	uint32		item;
	uint32		count;
	uint16		length;
	uint16		flags;
} Itemset;

#define NO_ITEMSET PG_UINT32_MAX
/* far more than can be enumerated: 2^length sets are frequent with one of this length */
#define ITEMSET_MAX_LENGTH 1024

/* flags that are set after mining */
#define ITEMSET_NOT_CLOSED	1
#define ITEMSET_NOT_MAXIMAL 2

typedef struct ItemsetStore
{
	MemoryContext cxt;
	Itemset    *sets;
	uint32		nsets;
	uint32		capacity;
} ItemsetStore;

typedef struct Miner Miner;

extern void itemset_store_init(ItemsetStore *store);
extern void itemset_store_reserve(ItemsetStore *store, uint64 wanted, const MemoryBudget *budget);
extern void list_occurrences(uint32 nitems, uint32 ntransactions, const uint32 *start,
							 const uint32 *items, uint32 *occurrence_start,
							 uint32 *occurrences);
extern void transactions_index(Transactions *db, const MemoryBudget *budget);
extern Miner *miner_create(const Transactions *db, uint32 min_count, uint32 max_length,
						   ItemsetStore *store, const MemoryBudget *budget);
extern void miner_item(Miner *miner, uint32 item);
extern void miner_raise_min_count(Miner *miner, uint32 min_count);

#endif							/* RECSYS_RULES_MINER_H */
