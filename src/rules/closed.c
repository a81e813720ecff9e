/*-------------------------------------------------------------------------
 *
 * closed.c
 *		Closed and maximal frequent itemsets, found without all the others.
 *
 * A set is closed if every superset is in fewer transactions.  The search is
 * that of miner.c, with each set at once extended by the items that are in all
 * of its transactions, and with items taken in descending order.  Then of all
 * sets that are in the same transactions the closed one comes first, and any
 * other one that is met later need not be looked at, nor what is above it:
 * everything there has been found from the closed one.
 *
 * Whether a set is such another one is decided by looking for a closed set
 * with the same count that contains it.  To find that, each transaction has a
 * random number, and sets are looked up by the sum over their transactions,
 * which is the same for both.  Chance cannot do any harm there, since both
 * count and items are compared.
 *
 * In the store a closed set hangs on a chain of sets that are marked as not
 * closed where it has more than one item that its parent has not.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "port/pg_bitutils.h"

#include "core/numbers.h"
#include "rules/closed.h"
#include "rules/miner_internal.h"
#include "rules/transactions.h"

/* A projection with the sums of random numbers. */
typedef struct ClosedProjection
{
	Projection	base;
	const uint64 *sum;			/* by item, of its transactions */
	uint64	   *counted_sum;	/* while one item is worked at: all 0 in between */
} ClosedProjection;

/* A closed set by the sum over its transactions. */
typedef struct ClosedSlot
{
	uint64		sum;
	uint32		set;
} ClosedSlot;

typedef struct ClosedMiner
{
	uint32		min_count;
	BestGrades *best;			/* NULL where all are wanted */
	uint32		max_length;		/* of those that are among the best */
	ItemsetStore *store;
	const MemoryBudget *budget;
	Arena		arena;
	bool	   *on_path;		/* by item of the database */
	ClosedSlot *slots;
	uint64		mask;
	uint64		nslots;			/* in use */
} ClosedMiner;

static void
remember(ClosedMiner *miner, uint64 sum, uint32 set)
{
	uint64		slot;

	if (miner->nslots * 2 > miner->mask)
	{
		ClosedSlot *old = miner->slots;
		uint64		size = miner->mask + 1;
		uint64		i;

		budget_check(miner->budget, 2 * size * sizeof(ClosedSlot), "closed itemsets");
		miner->slots = MemoryContextAllocHuge(miner->store->cxt, 2 * size * sizeof(ClosedSlot));
		miner->mask = 2 * size - 1;
		miner->nslots = 0;
		for (i = 0; i <= miner->mask; i++)
			miner->slots[i].set = NO_ITEMSET;
		for (i = 0; i < size; i++)
		{
			if ((i & 0xfff) == 0)
				CHECK_FOR_INTERRUPTS();
			if (old[i].set != NO_ITEMSET)
				remember(miner, old[i].sum, old[i].set);
		}
		pfree(old);
	}
	for (slot = mix64(sum) & miner->mask; miner->slots[slot].set != NO_ITEMSET;)
		slot = (slot + 1) & miner->mask;
	miner->slots[slot].sum = sum;
	miner->slots[slot].set = set;
	miner->nslots++;
}

/* Is the path, of a length, part of a closed set that is in the same transactions? */
static bool
is_subsumed(const ClosedMiner *miner, uint64 sum, uint32 count, uint32 length)
{
	const Itemset *sets = miner->store->sets;
	uint64		slot;

	for (slot = mix64(sum) & miner->mask; miner->slots[slot].set != NO_ITEMSET;
		 slot = (slot + 1) & miner->mask)
	{
		uint32		set = miner->slots[slot].set;
		uint32		common = 0;

		if (miner->slots[slot].sum != sum || sets[set].count != count)
			continue;
		for (; set != NO_ITEMSET; set = sets[set].parent)
			common += miner->on_path[sets[set].item];
		if (common == length)
			return true;
	}
	return false;
}

static uint32
add_set(ClosedMiner *miner, uint32 parent, uint32 item, uint32 count)
{
	ItemsetStore *store = miner->store;
	uint32		length = parent == NO_ITEMSET ? 1 : store->sets[parent].length + 1;
	Itemset    *set;

	if (length > ITEMSET_MAX_LENGTH)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("closed itemset has more than %d items", ITEMSET_MAX_LENGTH),
				 errhint("Raise min_support or min_count.")));
	if (store->nsets == store->capacity)
		itemset_store_reserve(store, 1, parent, miner->budget);
	set = &store->sets[store->nsets];
	set->parent = parent;
	set->item = item;
	set->count = count;
	set->length = length;
	set->flags = ITEMSET_NOT_CLOSED | ITEMSET_NOT_MAXIMAL;
	return store->nsets++;
}

/* Counts the items before e in the transactions that hold e; returns how many were seen. */
static pg_attribute_always_inline uint64
count_words(ClosedProjection *projection, bool narrow, uint32 e)
{
	const Projection *base = &projection->base;
	uint32		end = base->occurrence_start[e + 1];
	uint64		seen = 0;
	uint32		o;

	for (o = base->occurrence_start[e]; o < end; o++)
	{
		uint32		place = occurrence_place(base, narrow, o);
		uint32		mark = find_mark(base->items, narrow, place);
		uint32		weight = weight_of(base, mark);
		uint64		random = random_of(base, mark);
		uint32		i;

		seen += place - mark - 1;
		for (i = mark + 1; i < place; i++)
		{
			uint32		item = word_at(base->items, narrow, i);

			base->count[item] += weight;
			projection->counted_sum[item] += random;
		}
		if ((o & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	return seen;
}

static uint64
count_prefixes(ClosedProjection *projection, uint32 e)
{
	return projection->base.narrow ? count_words(projection, true, e) :
		count_words(projection, false, e);
}

static uint64 *
make_sums(ClosedMiner *miner, uint32 nitems)
{
	uint64	   *sums = arena_alloc(&miner->arena, (Size) nitems * sizeof(uint64));

	memset(sums, 0, (Size) nitems * sizeof(uint64));
	return sums;
}

static void mine_item(ClosedMiner *miner, ClosedProjection *projection, uint32 e, uint32 parent);

static inline void
clear_item(ClosedProjection *projection, uint32 item)
{
	projection->base.count[item] = projection->base.newid[item] = 0;
	projection->counted_sum[item] = 0;
}

/* The closed set of the path and e, and those above it. */
static void
extend(ClosedMiner *miner, ClosedProjection *projection, uint32 e, uint32 parent)
{
	Projection *base = &projection->base;
	uint32		support = base->support[e];
	uint32		set = add_set(miner, parent, global_item(base, e), support);
	uint64		seen = count_prefixes(projection, e);
	uint32		n = find_frequent(base, e, seen, miner->min_count, projection->counted_sum);
	uint32		nfrequent = 0;
	ClosedProjection sub;
	uint32		top;
	uint32		i;

	for (i = 0; i < n; i++)
	{
		uint32		item = base->frequent[i];

		if (base->count[item] == support)
		{
			set = add_set(miner, set, global_item(base, item), support);
			miner->on_path[global_item(base, item)] = true;
			clear_item(projection, item);
		}
		else
		{
			base->frequent[nfrequent++] = item;
			base->newid[item] = nfrequent;
		}
	}
	top = set;
	miner->store->sets[top].flags = nfrequent > 0 ? ITEMSET_NOT_MAXIMAL : 0;
	remember(miner, projection->sum[e], top);
	if (miner->best && miner->store->sets[top].length <= miner->max_length)
	{
		/* of a count any length may be needed, to tell what is not closed */
		best_grades_add(miner->best, COUNT_GRADE(support));
		miner->min_count = Max(miner->min_count, best_grades_bar(miner->best) >> 32);
	}

	if (nfrequent > 0)
	{
		uint64	   *sum = arena_alloc(&miner->arena, (Size) nfrequent * sizeof(uint64));

		for (i = 0; i < nfrequent; i++)
			sum[i] = projection->counted_sum[base->frequent[i]];
		project(base, e, nfrequent, seen, true, &miner->arena, &sub.base);
		sub.sum = sum;
		sub.counted_sum = make_sums(miner, nfrequent);
	}
	for (i = 0; i < nfrequent; i++)
		clear_item(projection, base->frequent[i]);
	if (nfrequent > 0)
		for (i = sub.base.nitems; i-- > 0;)
			mine_item(miner, &sub, i, top);

	for (; set != parent; set = miner->store->sets[set].parent)
		miner->on_path[miner->store->sets[set].item] = false;
}

/* All closed sets that the path, e and items before e make. */
static void
mine_item(ClosedMiner *miner, ClosedProjection *projection, uint32 e, uint32 parent)
{
	ArenaMark	mark = arena_mark(&miner->arena);
	uint32		global = global_item(&projection->base, e);
	uint32		support = projection->base.support[e];
	uint32		length = parent == NO_ITEMSET ? 1 : miner->store->sets[parent].length + 1;

	if (support < miner->min_count)
		return;
	CHECK_FOR_INTERRUPTS();
	check_stack_depth();
	miner->on_path[global] = true;
	if (!is_subsumed(miner, projection->sum[e], support, length))
		extend(miner, projection, e, parent);
	miner->on_path[global] = false;
	arena_release(&miner->arena, mark);
}

/*
 * A count that the best sets have at least: items that are in different
 * transactions are parts of as many different closed sets.  It is needed since
 * the search itself comes to the frequent items last.
 */
static uint32
count_of_best(const uint64 *sum, const uint32 *support, uint32 nitems, uint32 wanted)
{
	uint64	   *sums = MemoryContextAllocHuge(CurrentMemoryContext,
											  (Size) Max(nitems, 1) * sizeof(uint64));
	uint32		found = 0;
	uint32		result = 0;
	uint32		i;
	uint32		k;

	/* items of one support at a time: others are in other transactions */
	for (i = 0; i < nitems && found < wanted; i = k)
	{
		uint32		same;

		for (k = i; k < nitems && support[k] == support[i]; k++)
			sums[k] = sum[k];
		qsort(sums + i, k - i, sizeof(uint64), compare_uint64);
		for (same = i; same < k; same++)
			found += same == i || sums[same] != sums[same - 1];
		result = support[i];
	}
	pfree(sums);
	return found < wanted ? 0 : result;
}

/*
 * Mines all closed sets, whatever their length, since a long one tells that a
 * short one is not closed.  They are in the store without ITEMSET_NOT_CLOSED;
 * those with ITEMSET_NOT_MAXIMAL are surely not maximal.  Where only the best
 * of max_length are wanted, best is not NULL and some others may be missing.
 * Memory is taken from the current context, which should be one of the budget.
 * The transactions must be without conflicts.
 */
void
mine_closed(Transactions *db, uint32 min_count, BestGrades *best, uint32 max_length,
			ItemsetStore *store, const MemoryBudget *budget, MiningDone done, void *arg)
{
	ClosedMiner miner = {0};
	ClosedProjection root = {0};
	uint64		random = 0;
	uint64	   *sum;
	uint32		i;

	transactions_index(db, 0, db->nitems, budget);
	miner.min_count = Max(min_count, 1);
	miner.best = best;
	miner.max_length = max_length;
	miner.store = store;
	miner.budget = budget;
	arena_init(&miner.arena, budget);
	miner.on_path = MemoryContextAllocExtended(CurrentMemoryContext, Max(db->nitems, 1),
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	miner.mask = 1023;
	miner.slots = MemoryContextAlloc(store->cxt, 1024 * sizeof(ClosedSlot));
	for (i = 0; i < 1024; i++)
		miner.slots[i].set = NO_ITEMSET;

	projection_of_database(&root.base, db, &miner.arena);
	root.counted_sum = make_sums(&miner, db->nitems);
	sum = make_sums(&miner, db->nitems);
	for (i = 0; i < db->nwords; i++)
	{
		uint32		item = word_at(db->items, db->narrow, i);

		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (item & TRANSACTION_MARK)
			random = random_of(&root.base, i);
		else
			sum[item] += random;
	}
	root.sum = sum;
	if (best && max_length >= ITEMSET_MAX_LENGTH)
		miner.min_count = Max(miner.min_count,
							  count_of_best(sum, db->support, db->nitems, best->wanted));

	for (i = db->nitems; i-- > 0;)
	{
		mine_item(&miner, &root, i, NO_ITEMSET);
		done(arg, db->nitems - 1 - i);
	}
	pfree(miner.slots);
}

typedef struct BySize
{
	uint32		set;
	uint32		length;
} BySize;

static int
compare_sizes(const void *a, const void *b)
{
	const BySize *x = a;
	const BySize *y = b;

	CHECK_FOR_INTERRUPTS();
	if (x->length != y->length)
		return x->length > y->length ? -1 : 1;
	return (x->set > y->set) - (x->set < y->set);
}

/*
 * Marks those of the closed sets in the store that are not maximal.  A set
 * that is not is part of one that is, and longer: so from the longest on, each
 * is looked for in the maximal ones with its item that is in the fewest.
 */
void
mark_not_maximal(ItemsetStore *store, uint32 nitems, const MemoryBudget *budget)
{
	Itemset    *sets = store->sets;
	BySize	   *order;
	uint32	   *head;			/* by item: last entry of the sets with it, + 1 */
	uint32	   *listed;			/* by item: how many these are */
	bool	   *in_set;
	uint32	   *next;			/* by entry */
	uint32	   *entry_set;
	Size		by_item = (Size) nitems + 1;
	Size		capacity = 1024;
	uint32		nentries = 0;
	uint32		n = 0;
	uint32		i;

	budget_check(budget, (uint64) store->nsets * sizeof(BySize) + (uint64) by_item * 9, "closed itemsets");
	order = MemoryContextAllocHuge(CurrentMemoryContext,
								   (Size) Max(store->nsets, 1) * sizeof(BySize));
	head = MemoryContextAllocExtended(CurrentMemoryContext, by_item * sizeof(uint32),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	listed = MemoryContextAllocExtended(CurrentMemoryContext, by_item * sizeof(uint32),
										MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	in_set = MemoryContextAllocExtended(CurrentMemoryContext, by_item, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	next = palloc_array(uint32, capacity);
	entry_set = palloc_array(uint32, capacity);
	for (i = 0; i < store->nsets; i++)
	{
		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (!(sets[i].flags & (ITEMSET_NOT_CLOSED | ITEMSET_NOT_MAXIMAL)))
		{
			order[n].set = i;
			order[n++].length = sets[i].length;
		}
	}
	qsort(order, n, sizeof(BySize), compare_sizes);

	for (i = 0; i < n; i++)
	{
		uint32		set = order[i].set;
		uint32		rarest = sets[set].item;
		uint32		entry;
		uint32		s;

		for (s = set; s != NO_ITEMSET; s = sets[s].parent)
		{
			in_set[sets[s].item] = true;
			if (listed[sets[s].item] < listed[rarest])
				rarest = sets[s].item;
		}
		for (entry = head[rarest]; entry > 0; entry = next[entry - 1])
		{
			uint32		common = 0;

			CHECK_FOR_INTERRUPTS();
			for (s = entry_set[entry - 1]; s != NO_ITEMSET; s = sets[s].parent)
				common += in_set[sets[s].item];
			if (common == order[i].length)
			{
				sets[set].flags |= ITEMSET_NOT_MAXIMAL;
				break;
			}
		}
		for (s = set; s != NO_ITEMSET; s = sets[s].parent)
		{
			in_set[sets[s].item] = false;
			if (sets[set].flags & ITEMSET_NOT_MAXIMAL)
				continue;
			if (nentries == capacity)
			{
				/* entries are numbered by 32 bits */
				if (capacity > PG_UINT32_MAX / 2)
					ereport(ERROR,
							(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							 errmsg("maximal itemsets have more than %u items in all", PG_UINT32_MAX / 2),
							 errhint("Raise min_support or min_count.")));
				budget_check(budget, 2 * (uint64) capacity * sizeof(uint32), "maximal itemsets");
				capacity *= 2;
				next = repalloc_huge(next, capacity * sizeof(uint32));
				entry_set = repalloc_huge(entry_set, capacity * sizeof(uint32));
			}
			next[nentries] = head[sets[s].item];
			entry_set[nentries++] = set;
			head[sets[s].item] = nentries;
			listed[sets[s].item]++;
		}
	}
	pfree(order);
	pfree(head);
	pfree(listed);
	pfree(in_set);
	pfree(next);
	pfree(entry_set);
}
