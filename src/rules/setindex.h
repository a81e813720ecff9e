/*-------------------------------------------------------------------------
 *
 * setindex.h
 *		Finding the subsets of a frequent itemset.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RULES_SETINDEX_H
#define RECSYS_RULES_SETINDEX_H

#include "core/compat.h"
#include "rules/miner.h"

typedef struct SetIndex
{
	const ItemsetStore *store;
	const MemoryBudget *budget;
	MemoryContext cxt;
	uint32		nindexed;		/* sets of the store that are known here */
	uint32	   *single;			/* by item: the set of it alone */
	uint32	   *slots;			/* hash table of longer sets */
	uint32		mask;
	uint32		used;
	/* the set whose subsets are asked for */
	uint32	   *items;
	uint64	   *hashes;			/* of its items */
	uint32		length;
	uint64		hash;
	uint32	   *mark;			/* by item: stamp, where it is in the set */
	uint32		stamp;
} SetIndex;

extern SetIndex *set_index_create(const ItemsetStore *store, uint32 nitems,
								  const MemoryBudget *budget);
extern Size set_index_size(uint64 nsets);
extern void set_index_update(SetIndex *index, bool longer);
extern void set_index_open(SetIndex *index, uint32 set);
extern uint32 set_index_find(SetIndex *index, const uint32 *positions, uint32 n, bool without);

#endif							/* RECSYS_RULES_SETINDEX_H */
