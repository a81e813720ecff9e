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
 * whatever its length.  A set comes after the one it extends.  Where the taker
 * of the sets can do with that, the unions of a set with the combinations of its
 * perfect extensions are one record, a cube: dense data have many sets to each
 * of these, and getting the memory for them would take longer than mining.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "rules/miner_internal.h"

/* An empty store, in the current memory context. */
void
itemset_store_init(ItemsetStore *store)
{
	memset(store, 0, sizeof(*store));
	store->cxt = CurrentMemoryContext;
	store->capacity = 1024;
	store->sets = palloc_array(Itemset, store->capacity);
}

/* A set by its number, which is in sets[] or kept. */
static inline const Itemset *
get_set(const ItemsetStore *store, uint32 number)
{
	uint32		low = 0;
	uint32		high = store->nkept;

	if (number >= store->base)
		return &store->sets[number - store->base];
	while (low + 1 < high)
	{
		uint32		middle = low + (high - low) / 2;

		if (store->kept[middle].number <= number)
			low = middle;
		else
			high = middle;
	}
	Assert(store->kept[low].number == number);
	return &store->kept[low].set;
}

uint32
itemset_length(const ItemsetStore *store, uint32 number)
{
	return get_set(store, number)->length;
}

static int
compare_kept(const void *a, const void *b)
{
	uint32		x = ((const KeptSet *) a)->number;
	uint32		y = ((const KeptSet *) b)->number;

	return (x > y) - (x < y);
}

/*
 * Hands over the set or sets of a record of sets[]; items is memory for those of
 * one set.
 */
static void
spill_record(ItemsetStore *store, uint32 i, uint32 *items)
{
	const Itemset *record = &store->sets[i];
	uint32		number = store->base + i;
	uint32		extensions[CUBE_MAX];
	uint32		width = 0;
	uint32		length = 0;
	uint32		combination;

	if (record->flags & ITEMSET_EXTENSION)
		return;
	if (record->flags & ITEMSET_CUBE)
	{
		uint32		extension = record->item - store->base;
		uint32		k;

		number = record->parent;
		width = cube_width(record, get_set(store, number));
		for (k = 0; k < width; k++)
		{
			extensions[k] = store->sets[extension].item;
			extension = store->sets[extension].parent - store->base;
		}
	}
	while (number != NO_ITEMSET)
	{
		const Itemset *part = get_set(store, number);

		items[length++] = part->item;
		number = part->parent;
	}
	store->longest = Max(store->longest, record->length);
	for (combination = width > 0; combination < (uint32) 1 << width; combination++)
	{
		uint32		n = length;
		uint32		k;

		for (k = 0; k < width; k++)
			if (combination >> k & 1)
				items[n++] = extensions[k];
		store->spill(store->spill_arg, items, n, record->count);
	}
}

/*
 * Hands over all sets and empties the store, but keeps those that sets to come
 * may extend: the path up to parent, and what is pinned.
 */
void
itemset_store_spill(ItemsetStore *store, uint32 parent)
{
	KeptSet    *kept = MemoryContextAlloc(store->cxt, (ITEMSET_MAX_LENGTH + store->npinned) *
										  sizeof(KeptSet));
	uint32	   *items = palloc_array(uint32, ITEMSET_MAX_LENGTH);
	uint32		n = 0;
	uint32		i;

	for (; parent != NO_ITEMSET; parent = kept[n - 1].set.parent)
	{
		kept[n].number = parent;
		kept[n++].set = *get_set(store, parent);
	}
	for (i = 0; i < store->npinned; i++)
		if (store->pinned[i] != NO_ITEMSET)
		{
			kept[n].number = store->pinned[i];
			kept[n++].set = *get_set(store, store->pinned[i]);
		}
	qsort(kept, n, sizeof(KeptSet), compare_kept);

	for (i = 0; i < store->nsets; i++)
	{
		if ((i & 0xff) == 0 || (store->sets[i].flags & ITEMSET_CUBE))
			parallel_check_interrupts();
		spill_record(store, i, items);
	}
	pfree(items);
	if (store->kept)
		pfree(store->kept);
	store->kept = kept;
	store->nkept = n;
	store->base += store->nsets;
	store->nsets = 0;
}

/* Sets have numbers of 32 bits, of which a few are left over. */
static void
check_numbers(const ItemsetStore *store, uint32 more)
{
	if ((uint64) store->base + store->nsets + Max(store->nbeyond, 0) + more > PG_UINT32_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %u frequent itemsets", PG_UINT32_MAX / 2),
				 errhint("Raise min_support or min_count, or lower max_length.")));
}

/* The capacity that so many sets need. */
static uint64
capacity_for(const ItemsetStore *store, uint64 nsets)
{
	uint64		capacity = store->capacity;

	while (capacity < nsets)
		capacity *= 2;
	return capacity;
}

/* Is there room for some more sets, or may the store that spills have it? */
bool
itemset_store_has_room(const ItemsetStore *store, uint32 more, const MemoryBudget *budget)
{
	uint64		capacity = capacity_for(store, (uint64) store->nsets + more);

	/* the old array and the new one may both be there for a moment */
	return capacity == store->capacity ||
		budget_has_room(budget, capacity * sizeof(Itemset) + store->reserve);
}

/*
 * Hands over sets that there is no room for, as if they had been in the store,
 * which is empty.  Parents are numbers among these sets.
 */
void
itemset_store_pass(ItemsetStore *store, const Itemset *sets, uint32 nsets)
{
	ItemsetStore passed = *store;

	Assert(store->nsets == 0 && store->npinned == 0);
	check_numbers(store, nsets);
	passed.sets = (Itemset *) sets;
	passed.nsets = nsets;
	passed.base = 0;
	passed.kept = NULL;
	passed.nkept = 0;
	itemset_store_spill(&passed, NO_ITEMSET);
	pfree(passed.kept);
	store->longest = passed.longest;
	store->base += nsets;
}

/*
 * Makes room for some more sets, which are to extend the path up to parent;
 * the store spills if it may and has to.
 */
pg_noinline void
itemset_store_reserve(ItemsetStore *store, uint32 more, uint32 parent,
					  const MemoryBudget *budget)
{
	uint64		wanted = (uint64) store->nsets + more;
	uint64		capacity;

	check_numbers(store, more);
	if (wanted <= store->capacity)
		return;
	parallel_check_interrupts();
	if (store->spill && !itemset_store_has_room(store, more, budget))
	{
		itemset_store_spill(store, parent);
		wanted = more;
	}
	capacity = capacity_for(store, wanted);
	if (capacity == store->capacity)
		return;
	budget_check(budget, capacity * sizeof(Itemset), "frequent itemsets");
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

/* Adds a record to the store, which has room for it; returns its number. */
static inline uint32
add_record(ItemsetStore *store, uint32 parent, uint32 item, uint32 count, uint32 length,
		   uint32 flags)
{
	Itemset    *set = &store->sets[store->nsets];

	set->parent = parent;
	set->item = item;
	set->count = count;
	set->length = length;
	set->flags = flags;
	return store->base + store->nsets++;
}

/* Adds a set to the store; NO_ITEMSET where it is too long or not good enough. */
static inline uint32
emit_one(Miner *miner, uint32 parent, uint32 item, uint32 count)
{
	ItemsetStore *store = miner->store;
	uint32		length = 1;

	if (parent != NO_ITEMSET)
		length += get_set(store, parent)->length;
	if (length > miner->max_length || SET_GRADE(count, length) < miner->bar)
		return NO_ITEMSET;
	if (miner->best && length > 1)
	{
		best_grades_add(miner->best, SET_GRADE(count, length));
		miner_raise_bar(miner, best_grades_bar(miner->best));
	}
	if (store->nsets == store->capacity)
		itemset_store_reserve(store, 1, parent, miner->budget);
	return add_record(store, parent, item, count, length, 0);
}

/*
 * Adds the unions of the set that was added last with every combination of the
 * perfect extensions from one on, none of which is too long or not good enough,
 * as a cube.
 */
static void
emit_cube(Miner *miner, uint32 parent, uint32 count, uint32 from)
{
	ItemsetStore *store = miner->store;
	uint32		n = miner->nextensions - from;
	uint32		length = itemset_length(store, parent) + n;
	uint32		last = NO_ITEMSET;
	uint32		first;
	uint32		i;

	if (store->capacity - store->nsets <= miner->nextensions)
		itemset_store_reserve(store, miner->nextensions + 1, parent, miner->budget);
	first = store->nsets;
	for (i = 0; i < miner->nextensions; i++)
	{
		Extension  *extension = &miner->extensions[i];

		/* one that was spilled is written again */
		if (extension->record == NO_ITEMSET || extension->record < store->base)
			extension->record = add_record(store, last, extension->item, 0, 0,
										   ITEMSET_EXTENSION);
		last = extension->record;
	}
	add_record(store, parent, last, count, length, ITEMSET_CUBE);
	store->nbeyond += ((int64) 1 << n) - 1 - (store->nsets - first);
	check_numbers(store, 0);
}

/* The same, set by set. */
static void
emit_combinations(Miner *miner, uint32 parent, uint32 count, uint32 from)
{
	ItemsetStore *store = miner->store;
	uint32		n = miner->nextensions - from;
	uint32		wanted = ((uint32) 1 << n) - 1;
	uint32		length = itemset_length(store, parent);
	Itemset    *set;
	uint32		i;

	Assert(parent + 1 == store->base + store->nsets);
	if (store->capacity - store->nsets < wanted)
		itemset_store_reserve(store, wanted, parent, miner->budget);
	/* the one of a combination comes as many places after parent as its bits say */
	set = store->sets + store->nsets;
	for (i = 0; i < n; i++)
	{
		uint32		item = miner->extensions[from + i].item;
		uint32		half = (uint32) 1 << i;
		uint32		rest;

		for (rest = 0; rest < half; rest++)
		{
			Itemset    *extended = &set[half + rest - 1];

			extended->parent = parent + rest;
			extended->item = item;
			extended->count = count;
			extended->length = (rest == 0 ? length : set[rest - 1].length) + 1;
			extended->flags = 0;
		}
	}
	store->nsets += wanted;
}

/* Adds the unions of the set that was added last with the perfect extensions from one on. */
static void
emit_extended(Miner *miner, uint32 parent, uint32 count, uint32 from)
{
	uint32		n = miner->nextensions - from;
	uint32		i;

	parallel_check_interrupts();
	/* a bar by count alone is no matter of length */
	if (n <= CUBE_MAX && miner->best == NULL && (uint32) miner->bar == 0 &&
		itemset_length(miner->store, parent) + n <= miner->max_length)
	{
		if (n > 1 && miner->store->cubes)
			emit_cube(miner, parent, count, from);
		else
			emit_combinations(miner, parent, count, from);
		return;
	}
	check_stack_depth();
	for (i = from; i < miner->nextensions; i++)
	{
		uint32		set = emit_one(miner, parent, miner->extensions[i].item, count);

		if (set != NO_ITEMSET && i + 1 < miner->nextensions)
			emit_extended(miner, set, count, i + 1);
	}
}

/* Adds a set and its unions with every combination of the perfect extensions. */
uint32
miner_emit(Miner *miner, uint32 parent, uint32 item, uint32 count)
{
	uint32		first = emit_one(miner, parent, item, count);

	if (first != NO_ITEMSET && miner->nextensions > 0)
		emit_extended(miner, first, count, 0);
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
										  miner->extensions_capacity * sizeof(Extension));
	}
	miner->extensions[miner->nextensions].item = item;
	miner->extensions[miner->nextensions++].record = NO_ITEMSET;
}

/*
 * Prepares to mine, in the current memory context, which should be one of the
 * budget; sets go to the store.  max_length is at least 1.  Where it is above 1
 * an item must be listed in the transactions when it is mined.
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
	miner->extensions = palloc_array(Extension, miner->extensions_capacity);
	if (db->conflict_start)
		miner->blocked = MemoryContextAllocExtended(miner->cxt,
													(Size) Max(db->nitems, 1) * sizeof(uint32),
													MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
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
	{
		if (miner->root.items == NULL)
			projection_of_database(&miner->root, miner->db, &miner->arena);
		Assert(item >= miner->db->listed_first && item < miner->db->listed_end);
		/* the lists may be others than those of the item before */
		miner->root.occurrence_start = miner->db->occurrence_start;
		miner->root.occurrences = miner->db->occurrences;
		mine_array_item(miner, &miner->root, item, NO_ITEMSET);
	}
}
