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

/*
 * Grades of the best sets to be found.  With singles, those of single items
 * are in at once, since their counts are known: they are not to be added then.
 */
BestGrades *
best_grades_create(uint32 wanted, const Transactions *db, bool singles,
				   const MemoryBudget *budget)
{
	BestGrades *best = palloc_object(BestGrades);
	uint32		i;

	budget_check(budget, (Size) wanted * sizeof(uint64), "the best itemsets");
	best->wanted = wanted;
	best->n = 0;
	best->heap = MemoryContextAllocHuge(CurrentMemoryContext, (Size) wanted * sizeof(uint64));
	if (singles)
		for (i = 0; i < db->nitems && i < wanted; i++)
			best_grades_add(best, SET_GRADE(db->support[i], 1));
	return best;
}

void
best_grades_add(BestGrades *best, uint64 grade)
{
	uint64	   *heap = best->heap;
	uint32		i;

	if (best->n < best->wanted)
	{
		for (i = best->n++; i > 0 && heap[(i - 1) / 2] > grade; i = (i - 1) / 2)
			heap[i] = heap[(i - 1) / 2];
		heap[i] = grade;
		return;
	}
	if (grade <= heap[0])
		return;
	for (i = 0;;)
	{
		uint32		child = 2 * i + 1;

		if (child + 1 < best->n && heap[child + 1] < heap[child])
			child++;
		if (child >= best->n || heap[child] >= grade)
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = grade;
}

/* The grade below which nothing is among the best any more. */
uint64
best_grades_bar(const BestGrades *best)
{
	return best->n < best->wanted ? 0 : best->heap[0];
}

/* Adds a set to the store; NO_ITEMSET where it is too long or not good enough. */
static inline uint32
emit_one(Miner *miner, uint32 parent, uint32 item, uint32 count)
{
	ItemsetStore *store = miner->store;
	uint32		length = 1;
	Itemset    *set;

	if (parent != NO_ITEMSET)
		length += store->sets[parent].length;
	if (length > miner->max_length || SET_GRADE(count, length) < miner->bar)
		return NO_ITEMSET;
	if (miner->best && length > 1)
	{
		best_grades_add(miner->best, SET_GRADE(count, length));
		miner_raise_bar(miner, best_grades_bar(miner->best));
	}
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
 * Lists where each item occurs, in the current memory context unless the
 * transactions have arrays for that already.  work[], unless NULL, gets what
 * mining each item takes, about: see list_occurrences().
 */
void
transactions_index(Transactions *db, uint64 *work, const MemoryBudget *budget)
{
	Size		total = (Size) db->nwords - db->ntransactions - 1;
	Projection	projection = {0};

	if (db->occurrences == NULL)
	{
		budget_check(budget, (total + db->nitems + 2) * sizeof(uint32), "baskets");
		db->occurrence_start = MemoryContextAllocHuge(CurrentMemoryContext,
													  ((Size) db->nitems + 2) * sizeof(uint32));
		db->occurrences = MemoryContextAllocHuge(CurrentMemoryContext,
												 Max(total, 1) * sizeof(uint32));
	}
	projection.nitems = db->nitems;
	projection.nwords = db->nwords;
	projection.items = db->items;
	list_occurrences(&projection, db->occurrence_start, db->occurrences, work);
}

/*
 * Prepares to mine, in the current memory context, which should be one of the
 * budget; sets go to the store.  max_length is at least 1.  The transactions
 * must have their index where it is above 1.
 */
Miner *
miner_create(const Transactions *db, uint32 max_length, ItemsetStore *store,
			 const MemoryBudget *budget)
{
	Miner	   *miner = palloc0_object(Miner);

	miner->db = db;
	miner->budget = budget;
	miner->cxt = CurrentMemoryContext;
	arena_init(&miner->arena, budget);
	miner->max_length = Min(max_length, ITEMSET_MAX_LENGTH);
	miner->store = store;
	miner->extensions_capacity = 64;
	miner->extensions = palloc_array(uint32, miner->extensions_capacity);
	if (db->conflict_start)
		miner->blocked = MemoryContextAllocExtended(miner->cxt,
													(Size) Max(db->nitems, 1) * sizeof(uint32),
													MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	if (miner->max_length > 1)
		projection_of_database(&miner->root, db, &miner->arena);
	miner_raise_bar(miner, COUNT_GRADE(1));
	return miner;
}

/* From now on only sets of at least this grade are looked for. */
void
miner_raise_bar(Miner *miner, uint64 grade)
{
	if (grade > miner->bar)
	{
		miner->bar = grade;
		miner->min_count = grade >> 32;
	}
}

uint64
miner_bar(const Miner *miner)
{
	return miner->bar;
}

/* Only the best sets are wanted, as many as these grades are. */
void
miner_want_best(Miner *miner, BestGrades *best)
{
	miner->best = best;
	miner_raise_bar(miner, best_grades_bar(best));
}

/* The bar is that of other processes, too. */
void
miner_share_bar(Miner *miner, pg_atomic_uint64 *bar)
{
	miner->shared_bar = bar;
	miner_follow_bar(miner);
}

/* Makes this miner's bar and the shared one the higher of both. */
void
miner_follow_bar(Miner *miner)
{
	uint64		shared;

	if (miner->shared_bar == NULL)
		return;
	shared = pg_atomic_read_u64(miner->shared_bar);
	while (shared < miner->bar &&
		   !pg_atomic_compare_exchange_u64(miner->shared_bar, &shared, miner->bar))
		;
	miner_raise_bar(miner, shared);
}

/*
 * Adds to the store all frequent sets whose least frequent item is the given
 * one.
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
