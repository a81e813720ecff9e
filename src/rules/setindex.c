/*-------------------------------------------------------------------------
 *
 * setindex.c
 *		Finding the subsets of a frequent itemset.
 *
 * Every subset of a frequent set is frequent and so is in the store, and a
 * rule needs the counts of two.  The hash of a set is the sum of the hashes of
 * its items, so that the hash of a subset takes one subtraction per item that
 * is missing.  Whether a set that the table finds is the one looked for is
 * decided by its items: as many as wanted, and all of them marked.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "port/pg_bitutils.h"

#include "core/numbers.h"
#include "rules/setindex.h"

static inline uint64
hash_item(uint32 item)
{
	return mix64(((uint64) item + 1) * UINT64CONST(0x9e3779b97f4a7c15));
}

static inline uint32
slot_of(const SetIndex *index, uint64 hash)
{
	return (uint32) (hash >> 32) & index->mask;
}

/* An empty index of a store, in the current memory context. */
SetIndex *
set_index_create(const ItemsetStore *store, uint32 nitems, const MemoryBudget *budget)
{
	SetIndex   *index = palloc0_object(SetIndex);
	Size		size = (Size) Max(nitems, 1) * sizeof(uint32);

	index->store = store;
	index->budget = budget;
	index->cxt = CurrentMemoryContext;
	index->single = MemoryContextAllocHuge(index->cxt, size);
	index->mark = MemoryContextAllocExtended(index->cxt, size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	index->items = palloc_array(uint32, ITEMSET_MAX_LENGTH);
	index->hashes = palloc_array(uint64, ITEMSET_MAX_LENGTH);
	return index;
}

static void
insert_set(SetIndex *index, uint32 set)
{
	const Itemset *sets = index->store->sets;
	uint64		hash = 0;
	uint32		slot;
	uint32		s;

	for (s = set; s != NO_ITEMSET; s = sets[s].parent)
		hash += hash_item(sets[s].item);
	slot = slot_of(index, hash);
	while (index->slots[slot] != NO_ITEMSET)
		slot = (slot + 1) & index->mask;
	index->slots[slot] = set;
	index->used++;
}

/* Bytes that the table of so many sets takes. */
Size
set_index_size(uint64 nsets)
{
	return pg_nextpower2_64(Max(nsets * 2, 1024)) * sizeof(uint32);
}

static void
enlarge_table(SetIndex *index, uint64 wanted)
{
	uint64		size = set_index_size(wanted) / sizeof(uint32);
	uint32		i;

	if (size > (uint64) PG_INT32_MAX + 1)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many frequent itemsets to make rules of"),
				 errhint("Raise min_support or min_count, or lower max_length.")));
	budget_check(index->budget, size * sizeof(uint32), "frequent itemsets");
	if (index->slots)
		pfree(index->slots);
	index->slots = MemoryContextAllocHuge(index->cxt, size * sizeof(uint32));
	memset(index->slots, 0xff, size * sizeof(uint32));
	index->mask = size - 1;
	index->used = 0;
	for (i = 0; i < index->nindexed; i++)
	{
		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (index->store->sets[i].length > 1)
			insert_set(index, i);
	}
}

/*
 * Takes in the sets that the store has got since the last time.  longer says
 * whether subsets of more than one item will be asked for.
 */
void
set_index_update(SetIndex *index, bool longer)
{
	const Itemset *sets = index->store->sets;

	if (longer && (index->slots == NULL || index->store->nsets > index->mask / 2))
		enlarge_table(index, index->store->nsets);
	for (; index->nindexed < index->store->nsets; index->nindexed++)
	{
		if ((index->nindexed & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (sets[index->nindexed].length == 1)
			index->single[sets[index->nindexed].item] = index->nindexed;
		else if (longer)
			insert_set(index, index->nindexed);
	}
}

/* Makes a set the one whose subsets are looked for: its items go to items[]. */
void
set_index_open(SetIndex *index, uint32 set)
{
	const Itemset *sets = index->store->sets;
	uint32		s;

	if (++index->stamp == 0)
		elog(ERROR, "too many sets were opened");
	index->length = 0;
	index->hash = 0;
	for (s = set; s != NO_ITEMSET; s = sets[s].parent)
	{
		uint32		item = sets[s].item;

		index->items[index->length] = item;
		index->hashes[index->length] = hash_item(item);
		index->hash += index->hashes[index->length++];
		index->mark[item] = index->stamp;
	}
}

/* Are the items of a set exactly those marked, given that their number is the same? */
static inline bool
all_marked(const SetIndex *index, uint32 set)
{
	const Itemset *sets = index->store->sets;

	for (; set != NO_ITEMSET; set = sets[set].parent)
		if (index->mark[sets[set].item] != index->stamp)
			return false;
	return true;
}

/*
 * The subset of the open set that has the items at n positions, or, if
 * without, all others.  The subset must not be empty.
 */
uint32
set_index_find(SetIndex *index, const uint32 *positions, uint32 n, bool without)
{
	uint32		length = without ? index->length - n : n;
	uint64		hash = 0;
	uint32		keep = index->stamp;
	uint32		slot;
	uint32		i;

	if (length == 1)
	{
		if (!without)
			return index->single[index->items[positions[0]]];
		/* the position that is not among the n others: their sum tells */
		slot = index->length * (index->length - 1) / 2;
		for (i = 0; i < n; i++)
			slot -= positions[i];
		return index->single[index->items[slot]];
	}

	for (i = 0; i < n; i++)
		hash += index->hashes[positions[i]];
	if (without)
	{
		hash = index->hash - hash;
		for (i = 0; i < n; i++)
			index->mark[index->items[positions[i]]] = keep - 1;
	}
	else
	{
		for (i = 0; i < index->length; i++)
			index->mark[index->items[i]] = keep - 1;
		for (i = 0; i < n; i++)
			index->mark[index->items[positions[i]]] = keep;
	}
	for (slot = slot_of(index, hash);; slot = (slot + 1) & index->mask)
	{
		uint32		set = index->slots[slot];

		if (set == NO_ITEMSET)
			elog(ERROR, "subset of a frequent itemset is missing");
		if (index->store->sets[set].length == length && all_marked(index, set))
		{
			for (i = 0; i < index->length; i++)
				index->mark[index->items[i]] = keep;
			return set;
		}
	}
}
