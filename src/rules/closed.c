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

#include "rules/closed.h"

/* As the projections of miner_internal.h, with the sums of random numbers. */
typedef struct ClosedProjection
{
	uint32		nitems;
	uint32		ntransactions;
	const uint32 *start;
	const uint32 *items;
	const uint32 *weight;
	const uint64 *random;		/* by transaction */
	const uint32 *support;		/* by item */
	const uint64 *sum;			/* by item, of its transactions */
	const uint32 *global;		/* numbers in the whole database, NULL: the same */
	const uint32 *occurrence_start;
	const uint32 *occurrences;
	uint32	   *cursor;			/* by transaction: items after this one are done */
	/* while one item is worked at */
	uint32	   *count;			/* by item: all 0 in between */
	uint64	   *counted_sum;
	uint32	   *newid;			/* number in the next projection + 1, or 0 */
	uint32	   *frequent;
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
	ItemsetStore *store;
	const MemoryBudget *budget;
	Arena		arena;
	bool	   *on_path;		/* by item of the database */
	ClosedSlot *slots;
	uint64		mask;
	uint64		nslots;			/* in use */
} ClosedMiner;

static inline uint64
mix(uint64 h)
{
	h += UINT64CONST(0x9e3779b97f4a7c15);
	h = (h ^ (h >> 30)) * UINT64CONST(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 27)) * UINT64CONST(0x94d049bb133111eb);
	return h ^ (h >> 31);
}

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
			if (old[i].set != NO_ITEMSET)
				remember(miner, old[i].sum, old[i].set);
		pfree(old);
	}
	for (slot = mix(sum) & miner->mask; miner->slots[slot].set != NO_ITEMSET;)
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

	for (slot = mix(sum) & miner->mask; miner->slots[slot].set != NO_ITEMSET;
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
		itemset_store_reserve(store, (uint64) store->nsets + 1, miner->budget);
	set = &store->sets[store->nsets];
	set->parent = parent;
	set->item = item;
	set->count = count;
	set->length = length;
	set->flags = ITEMSET_NOT_CLOSED | ITEMSET_NOT_MAXIMAL;
	return store->nsets++;
}

static inline uint32
global_item(const ClosedProjection *projection, uint32 item)
{
	return projection->global ? projection->global[item] : item;
}

/* Counts the items before e in the transactions that hold e; returns how many were seen. */
static uint64
count_prefixes(ClosedProjection *projection, uint32 e)
{
	uint64		seen = 0;
	uint32		o;

	for (o = projection->occurrence_start[e]; o < projection->occurrence_start[e + 1]; o++)
	{
		uint32		t = projection->occurrences[o];
		uint32		cursor = projection->cursor[t];
		uint32		i;

		while (projection->items[cursor] > e)
			cursor--;
		projection->cursor[t] = cursor;
		seen += cursor - projection->start[t];
		for (i = projection->start[t]; i < cursor; i++)
		{
			projection->count[projection->items[i]] += projection->weight[t];
			projection->counted_sum[projection->items[i]] += projection->random[t];
		}
		if ((o & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	return seen;
}

static inline uint64
hash_items(const uint32 *items, uint32 n)
{
	uint64		hash = n;
	uint32		i;

	for (i = 0; i < n; i++)
		hash = (hash ^ items[i]) * UINT64CONST(0x9e3779b97f4a7c15) ^ (hash >> 31);
	return hash ^ (hash >> 32);
}

/* Makes the arrays that are needed while a projection is worked at. */
static void
open_projection(ClosedMiner *miner, ClosedProjection *projection)
{
	Size		nitems = projection->nitems;
	uint32		t;

	projection->cursor = arena_alloc(&miner->arena, projection->ntransactions * sizeof(uint32));
	projection->count = arena_alloc(&miner->arena, nitems * sizeof(uint32));
	projection->counted_sum = arena_alloc(&miner->arena, nitems * sizeof(uint64));
	projection->newid = arena_alloc(&miner->arena, nitems * sizeof(uint32));
	projection->frequent = arena_alloc(&miner->arena, nitems * sizeof(uint32));
	for (t = 0; t < projection->ntransactions; t++)
		projection->cursor[t] = projection->start[t + 1] - 1;
	memset(projection->count, 0, nitems * sizeof(uint32));
	memset(projection->counted_sum, 0, nitems * sizeof(uint64));
	memset(projection->newid, 0, nitems * sizeof(uint32));
}

/* The projection on e; equal transactions are merged. */
static void
project(ClosedMiner *miner, const ClosedProjection *projection, uint32 e, uint32 nfrequent,
		uint64 seen, ClosedProjection *sub)
{
	Arena	   *arena = &miner->arena;
	uint32		first = projection->occurrence_start[e];
	uint32		n = projection->occurrence_start[e + 1] - first;
	uint32	   *global = arena_alloc(arena, (Size) nfrequent * sizeof(uint32));
	uint32	   *support = arena_alloc(arena, (Size) nfrequent * sizeof(uint32));
	uint64	   *sum = arena_alloc(arena, (Size) nfrequent * sizeof(uint64));
	uint32	   *start = arena_alloc(arena, ((Size) n + 1) * sizeof(uint32));
	uint32	   *weight = arena_alloc(arena, (Size) n * sizeof(uint32));
	uint64	   *random = arena_alloc(arena, (Size) n * sizeof(uint64));
	uint32		mask = pg_nextpower2_32(Max(n, 2)) * 2 - 1;
	uint32	   *slots = arena_alloc(arena, ((Size) mask + 1) * sizeof(uint32));
	uint32	   *items = arena_alloc(arena, seen * sizeof(uint32));
	uint32	   *occurrence_start;
	uint32	   *occurrences;
	uint32		used = 0;
	uint32		kept = 0;
	uint32		i;

	for (i = 0; i < nfrequent; i++)
	{
		uint32		item = projection->frequent[i];

		support[i] = projection->count[item];
		sum[i] = projection->counted_sum[item];
		global[i] = global_item(projection, item);
	}
	memset(slots, 0xff, ((Size) mask + 1) * sizeof(uint32));
	start[0] = 0;
	for (i = 0; i < n; i++)
	{
		uint32		t = projection->occurrences[first + i];
		uint32		end = used;
		uint32		length;
		uint32		slot;
		uint32		k;

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		for (k = projection->start[t]; k < projection->cursor[t]; k++)
		{
			uint32		id = projection->newid[projection->items[k]];

			items[end] = id - 1;
			end += id > 0;
		}
		length = end - used;
		if (length < 2)
			continue;
		slot = hash_items(items + used, length) & mask;
		for (; slots[slot] != PG_UINT32_MAX; slot = (slot + 1) & mask)
		{
			k = slots[slot];
			if (start[k + 1] - start[k] == length &&
				memcmp(items + start[k], items + used, length * sizeof(uint32)) == 0)
				break;
		}
		if (slots[slot] != PG_UINT32_MAX)
		{
			weight[slots[slot]] += projection->weight[t];
			random[slots[slot]] += projection->random[t];
		}
		else
		{
			slots[slot] = kept;
			weight[kept] = projection->weight[t];
			random[kept] = projection->random[t];
			start[++kept] = used = end;
		}
	}
	arena_shrink(arena, items, (Size) used * sizeof(uint32));

	occurrence_start = arena_alloc(arena, ((Size) nfrequent + 2) * sizeof(uint32));
	occurrences = arena_alloc(arena, (Size) used * sizeof(uint32));
	list_occurrences(nfrequent, kept, start, items, occurrence_start, occurrences);
	sub->nitems = nfrequent;
	sub->ntransactions = kept;
	sub->start = start;
	sub->items = items;
	sub->weight = weight;
	sub->random = random;
	sub->support = support;
	sub->sum = sum;
	sub->global = global;
	sub->occurrence_start = occurrence_start;
	sub->occurrences = occurrences;
	open_projection(miner, sub);
}

static void mine_item(ClosedMiner *miner, ClosedProjection *projection, uint32 e, uint32 parent);

static int
compare_uint32(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return (x > y) - (x < y);
}

static inline void
clear_item(ClosedProjection *projection, uint32 item)
{
	projection->count[item] = projection->newid[item] = 0;
	projection->counted_sum[item] = 0;
}

static inline void
consider(const ClosedMiner *miner, ClosedProjection *projection, uint32 item, uint32 *n)
{
	if (projection->count[item] < miner->min_count)
		clear_item(projection, item);
	else if (projection->newid[item] == 0)
	{
		projection->newid[item] = 1;
		projection->frequent[(*n)++] = item;
	}
}

/*
 * Lists the items that are frequent with e, ascending.  Where few items were
 * seen the transactions are walked again rather than all counters.
 */
static uint32
find_frequent(const ClosedMiner *miner, ClosedProjection *projection, uint32 e, uint64 seen)
{
	uint32		n = 0;
	uint32		item;
	uint32		o;
	uint32		i;

	if (seen > e / 4)
	{
		for (item = 0; item < e; item++)
			if (projection->count[item] > 0)
				consider(miner, projection, item, &n);
		return n;
	}
	for (o = projection->occurrence_start[e]; o < projection->occurrence_start[e + 1]; o++)
	{
		uint32		t = projection->occurrences[o];

		for (i = projection->start[t]; i < projection->cursor[t]; i++)
			consider(miner, projection, projection->items[i], &n);
	}
	qsort(projection->frequent, n, sizeof(uint32), compare_uint32);
	return n;
}

/* The closed set of the path and e, and those above it. */
static void
extend(ClosedMiner *miner, ClosedProjection *projection, uint32 e, uint32 parent)
{
	uint32		support = projection->support[e];
	uint32		set = add_set(miner, parent, global_item(projection, e), support);
	uint64		seen = count_prefixes(projection, e);
	uint32		n = find_frequent(miner, projection, e, seen);
	uint32		nfrequent = 0;
	ClosedProjection sub;
	uint32		top;
	uint32		i;

	for (i = 0; i < n; i++)
	{
		uint32		item = projection->frequent[i];

		if (projection->count[item] == support)
		{
			set = add_set(miner, set, global_item(projection, item), support);
			miner->on_path[global_item(projection, item)] = true;
			clear_item(projection, item);
		}
		else
		{
			projection->frequent[nfrequent++] = item;
			projection->newid[item] = nfrequent;
		}
	}
	top = set;
	miner->store->sets[top].flags = nfrequent > 0 ? ITEMSET_NOT_MAXIMAL : 0;
	remember(miner, projection->sum[e], top);

	if (nfrequent > 0)
		project(miner, projection, e, nfrequent, seen, &sub);
	for (i = 0; i < nfrequent; i++)
		clear_item(projection, projection->frequent[i]);
	if (nfrequent > 0)
		for (i = sub.nitems; i-- > 0;)
			mine_item(miner, &sub, i, top);

	for (; set != parent; set = miner->store->sets[set].parent)
		miner->on_path[miner->store->sets[set].item] = false;
}

/* All closed sets that the path, e and items before e make. */
static void
mine_item(ClosedMiner *miner, ClosedProjection *projection, uint32 e, uint32 parent)
{
	ArenaMark	mark = arena_mark(&miner->arena);
	uint32		global = global_item(projection, e);
	uint32		length = parent == NO_ITEMSET ? 1 : miner->store->sets[parent].length + 1;

	CHECK_FOR_INTERRUPTS();
	check_stack_depth();
	miner->on_path[global] = true;
	if (!is_subsumed(miner, projection->sum[e], projection->support[e], length))
		extend(miner, projection, e, parent);
	miner->on_path[global] = false;
	arena_release(&miner->arena, mark);
}

/*
 * Mines all closed sets, whatever their length, since a long one tells that a
 * short one is not closed.  They are in the store without ITEMSET_NOT_CLOSED;
 * those with ITEMSET_NOT_MAXIMAL are surely not maximal.  Memory is taken from
 * the current context, which should be one of the budget.  The transactions
 * must be without conflicts.
 */
void
mine_closed(Transactions *db, uint32 min_count, ItemsetStore *store,
			const MemoryBudget *budget, MiningDone done, void *arg)
{
	ClosedMiner miner = {0};
	ClosedProjection root = {0};
	uint64	   *random;
	uint64	   *sum;
	uint32		t;
	uint32		i;

	transactions_index(db, budget);
	miner.min_count = Max(min_count, 1);
	miner.store = store;
	miner.budget = budget;
	arena_init(&miner.arena, budget);
	miner.on_path = MemoryContextAllocExtended(CurrentMemoryContext, Max(db->nitems, 1),
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	miner.mask = 1023;
	miner.slots = MemoryContextAlloc(store->cxt, 1024 * sizeof(ClosedSlot));
	for (i = 0; i < 1024; i++)
		miner.slots[i].set = NO_ITEMSET;

	root.nitems = db->nitems;
	root.ntransactions = db->ntransactions;
	root.start = db->start;
	root.items = db->items;
	root.weight = db->weight;
	root.support = db->support;
	root.occurrence_start = db->occurrence_start;
	root.occurrences = db->occurrences;
	random = arena_alloc(&miner.arena, (Size) db->ntransactions * sizeof(uint64));
	sum = arena_alloc(&miner.arena, (Size) db->nitems * sizeof(uint64));
	memset(sum, 0, (Size) db->nitems * sizeof(uint64));
	for (t = 0; t < db->ntransactions; t++)
	{
		random[t] = mix(t);
		for (i = db->start[t]; i < db->start[t + 1]; i++)
			sum[db->items[i]] += random[t];
	}
	root.random = random;
	root.sum = sum;
	open_projection(&miner, &root);

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
	Size		capacity = 1024;
	uint32		nentries = 0;
	uint32		n = 0;
	uint32		i;

	budget_check(budget, (Size) store->nsets * sizeof(BySize), "closed itemsets");
	order = MemoryContextAllocHuge(CurrentMemoryContext,
								   (Size) Max(store->nsets, 1) * sizeof(BySize));
	head = palloc0_array(uint32, nitems + 1);
	listed = palloc0_array(uint32, nitems + 1);
	in_set = palloc0_array(bool, nitems + 1);
	next = palloc_array(uint32, capacity);
	entry_set = palloc_array(uint32, capacity);
	for (i = 0; i < store->nsets; i++)
		if (!(sets[i].flags & (ITEMSET_NOT_CLOSED | ITEMSET_NOT_MAXIMAL)))
		{
			order[n].set = i;
			order[n++].length = sets[i].length;
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
				budget_check(budget, 2 * capacity * sizeof(uint32), "maximal itemsets");
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
