/*-------------------------------------------------------------------------
 *
 * miner.c
 *		Frequent itemsets by projection.
 *
 * For each item e the transactions that hold e are looked up and reduced to
 * the more frequent items before e; those among them that are frequent
 * together with e make a smaller database, the projection on e, in which the
 * same is done again.  Items are numbered by descending support, so that the
 * projections of frequent items are short and those of rare items are few
 * transactions.  The ideas are those of LCM (Uno, Kiyomi, Arimura, FIMI 2004)
 * and of the FP-growth family:
 *
 * - supports in a projection come from one pass over it (occurrence deliver);
 * - equal transactions are merged and carry a weight;
 * - an item that is in every transaction of a projection is a perfect
 *	 extension: it doubles every set below, with the same counts, and is not
 *	 looked at again.
 *
 * A projection takes one of three forms, by the number m of its items:
 *
 *	 m > 64					arrays of item numbers
 *	 m <= 64				one machine word per transaction, a bit per item
 *	 m small against its	a table of 2^m counters, one per combination of
 *	 transactions			items, whose sums over supersets are all supports
 *							at once (Yates' method)
 *
 * The first form is in miner_arrays.c, the other two are in miner_words.c.
 *
 * Sets go to a store in which each names the set that it extends, 16 bytes
 * whatever its length.  A set comes after the one it extends, and all sets
 * whose least frequent item is e come after those of items before e.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "rules/miner_internal.h"

/* An empty store, in the current memory context. */
void
itemset_store_init(ItemsetStore *store)
{
	store->cxt = CurrentMemoryContext;
	store->nsets = 0;
	store->capacity = 1024;
	store->sets = palloc_array(Itemset, store->capacity);
}

/* Makes room for so many sets in all. */
pg_noinline void
itemset_store_reserve(ItemsetStore *store, uint64 wanted, const MemoryBudget *budget)
{
	uint64		capacity = store->capacity;

	if (wanted > PG_UINT32_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %u frequent itemsets", PG_UINT32_MAX / 2),
				 errhint("Raise min_support or min_count, or lower max_length.")));
	if (wanted <= capacity)
		return;
	while (capacity < wanted)
		capacity *= 2;
	/* the old array and the new one may both be there for a moment */
	budget_check(budget, capacity * sizeof(Itemset), "frequent itemsets");
	parallel_check_interrupts();
	store->sets = repalloc_huge(store->sets, capacity * sizeof(Itemset));
	store->capacity = capacity;
}

/* Adds a set to the store; NO_ITEMSET where it would be too long. */
static inline uint32
emit_one(Miner *miner, uint32 parent, uint32 item, uint32 count)
{
	ItemsetStore *store = miner->store;
	uint32		length = 1;
	Itemset    *set;

	if (parent != NO_ITEMSET)
		length += store->sets[parent].length;
	if (length > miner->max_length)
		return NO_ITEMSET;
	if (store->nsets == store->capacity)
		itemset_store_reserve(store, (uint64) store->nsets + 1, miner->budget);
	set = &store->sets[store->nsets];
	set->parent = parent;
	set->item = item;
	set->count = count;
	set->length = length;
	set->flags = 0;
	return store->nsets++;
}

/* Adds a set and its unions with every combination of the perfect extensions. */
uint32
miner_emit(Miner *miner, uint32 parent, uint32 item, uint32 count)
{
	uint32		first = emit_one(miner, parent, item, count);
	uint32		i;

	if (first == NO_ITEMSET)
		return first;
	for (i = 0; i < miner->nextensions; i++)
	{
		uint32		end = miner->store->nsets;
		uint32		set;

		for (set = first; set < end; set++)
		{
			emit_one(miner, set, miner->extensions[i], count);
			if ((set & 0xffff) == 0)
				parallel_check_interrupts();
		}
	}
	return first;
}

/* An item that is in every transaction of the projections to come. */
void
miner_push_extension(Miner *miner, uint32 item)
{
	if (miner->nextensions == miner->extensions_capacity)
	{
		miner->extensions_capacity *= 2;
		miner->extensions = repalloc_huge(miner->extensions,
										  miner->extensions_capacity * sizeof(uint32));
	}
	miner->extensions[miner->nextensions++] = item;
}

/*
 * Counting sort: where each of nitems items occurs.  occurrence_start has room
 * for nitems + 2: starts are kept two places on, and have moved one back at
 * the end.
 */
void
list_occurrences(uint32 nitems, uint32 ntransactions, const uint32 *start, const uint32 *items,
				 uint32 *occurrence_start, uint32 *occurrences)
{
	uint32		total = start[ntransactions];
	uint32	   *next = occurrence_start + 1;
	uint32		t;
	uint32		i;

	memset(occurrence_start, 0, ((Size) nitems + 2) * sizeof(uint32));
	for (i = 0; i < total; i++)
		next[items[i] + 1]++;
	for (i = 0; i < nitems; i++)
		next[i + 1] += next[i];
	for (t = 0; t < ntransactions; t++)
	{
		if ((t & 0xffff) == 0)
			parallel_check_interrupts();
		for (i = start[t]; i < start[t + 1]; i++)
			occurrences[next[items[i]]++] = t;
	}
}

/* Lists where each item occurs, in the current memory context. */
void
transactions_index(Transactions *db, const MemoryBudget *budget)
{
	Size		total = db->start[db->ntransactions];
	uint32	   *occurrence_start;
	uint32	   *occurrences;

	budget_check(budget, (total + db->nitems + 2) * sizeof(uint32), "baskets");
	occurrence_start = MemoryContextAllocHuge(CurrentMemoryContext,
											  ((Size) db->nitems + 2) * sizeof(uint32));
	occurrences = MemoryContextAllocHuge(CurrentMemoryContext, Max(total, 1) * sizeof(uint32));
	list_occurrences(db->nitems, db->ntransactions, db->start, db->items,
					 occurrence_start, occurrences);
	db->occurrence_start = occurrence_start;
	db->occurrences = occurrences;
}

/*
 * Prepares to mine, in the current memory context, which should be one of the
 * budget; sets go to the store.  max_length is at least 1.  The transactions
 * must have their index where it is above 1.
 */
Miner *
miner_create(const Transactions *db, uint32 min_count, uint32 max_length,
			 ItemsetStore *store, const MemoryBudget *budget)
{
	Miner	   *miner = palloc0_object(Miner);

	miner->db = db;
	miner->budget = budget;
	miner->cxt = CurrentMemoryContext;
	arena_init(&miner->arena, budget);
	miner->min_count = Max(min_count, 1);
	miner->max_length = Min(max_length, ITEMSET_MAX_LENGTH);
	miner->store = store;
	miner->extensions_capacity = 64;
	miner->extensions = palloc_array(uint32, miner->extensions_capacity);
	if (db->conflict_start)
		miner->blocked = MemoryContextAllocExtended(miner->cxt,
													(Size) Max(db->nitems, 1) * sizeof(uint32),
													MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	miner->root.nitems = db->nitems;
	miner->root.ntransactions = db->ntransactions;
	miner->root.start = db->start;
	miner->root.items = db->items;
	miner->root.weight = db->weight;
	miner->root.support = db->support;
	miner->root.occurrence_start = db->occurrence_start;
	miner->root.occurrences = db->occurrences;
	if (miner->max_length > 1)
		open_projection(miner, &miner->root);
	return miner;
}

/*
 * Adds to the store all frequent sets whose least frequent item is the given
 * one.  To be called with ascending items; some may be left out.
 */
void
miner_item(Miner *miner, uint32 item)
{
	if (miner->db->support[item] < miner->min_count)
		return;
	if (miner->max_length == 1)
		miner_emit(miner, NO_ITEMSET, item, miner->db->support[item]);
	else
		mine_array_item(miner, &miner->root, item, NO_ITEMSET);
}

/* From now on only sets with at least this count are looked for. */
void
miner_raise_min_count(Miner *miner, uint32 min_count)
{
	miner->min_count = Max(miner->min_count, min_count);
}
