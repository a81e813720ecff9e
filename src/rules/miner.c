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
 * Sets go to a store in which each names the set that it extends, 16 bytes
 * whatever its length.  A set comes after the one it extends, and all sets
 * whose least frequent item is e come after those of items before e.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "port/pg_bitutils.h"

#include "core/parallel.h"
#include "rules/miner.h"

/* Above this the table of counters is not worth it, and would leave the caches. */
#define TABLE_MAX_BITS 14
#define WORD_BITS 64

/* Memory that is used and given back in the order of the recursion. */
typedef struct ArenaBlock
{
	char	   *memory;
	Size		size;
	Size		used;
} ArenaBlock;

#define ARENA_MAX_BLOCKS 64

typedef struct ArenaMark
{
	int			block;
	Size		used;
} ArenaMark;

/* A projection in form of arrays: items are numbered 0..nitems-1 within it. */
typedef struct Projection
{
	uint32		nitems;
	uint32		ntransactions;
	const uint32 *start;
	const uint32 *items;
	const uint32 *weight;
	const uint32 *support;		/* by item */
	const uint32 *global;		/* numbers in the whole database, NULL: the same */
	/* where each item occurs */
	const uint32 *occurrence_start;
	const uint32 *occurrences;	/* transactions, by item */
	uint32	   *cursor;			/* by transaction: items before this one are done */
	/* while one item is worked at */
	uint32	   *count;			/* by item: all 0 in between */
	uint32	   *newid;			/* by item: number in the next projection + 1, or 0 */
	uint32	   *frequent;		/* items that are frequent with the one at work */
} Projection;

/* A projection of at most 64 items, one word per transaction. */
typedef struct WordProjection
{
	uint32		ntransactions;
	uint64	   *words;
	uint32	   *weight;
	uint64		items;			/* bits in use */
	uint32		support[WORD_BITS];
	uint32		global[WORD_BITS];
} WordProjection;

struct Miner
{
	const Transactions *db;
	const MemoryBudget *budget;
	MemoryContext cxt;
	uint32		min_count;
	uint32		max_length;
	ItemsetStore *store;
	Projection	root;
	/* perfect extensions of the path that is worked at */
	uint32	   *extensions;
	uint32		nextensions;
	uint32		extensions_capacity;
	uint32	   *blocked;		/* by item: conflicts with this many of the path; or NULL */
	ArenaBlock	blocks[ARENA_MAX_BLOCKS];
	int			nblocks;
	int			block;			/* the one in use */
};

/* Error where a run's memory with some more to come is above its limit. */
void
budget_check(const MemoryBudget *budget, Size more, const char *what)
{
	if (more > budget->limit ||
		MemoryContextMemAllocated(budget->cxt, true) > budget->limit - more)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s need more memory than maintenance_work_mem (%zu kB)",
						what, budget->limit / 1024),
				 errhint("Raise min_support or min_count, lower max_length or max_basket, or raise maintenance_work_mem.")));
}

static void *
arena_alloc(Miner *miner, Size size)
{
	ArenaBlock *block = &miner->blocks[miner->block];
	void	   *result;

	size = MAXALIGN(size);
	while (miner->nblocks == 0 || block->size - block->used < size)
	{
		if (miner->nblocks > 0)
			miner->block++;
		block = &miner->blocks[miner->block];
		if (miner->block < miner->nblocks)
		{
			block->used = 0;
			if (block->size >= size)
				break;
			/* blocks above are free: make place for one that is large enough */
			while (miner->nblocks > miner->block)
				pfree(miner->blocks[--miner->nblocks].memory);
		}
		if (miner->block == ARENA_MAX_BLOCKS)
			elog(ERROR, "out of arena blocks");
		block->size = Max(size, (Size) 256 * 1024 << Min(miner->block, 20));
		budget_check(miner->budget, block->size, "projections of the baskets");
		block->memory = MemoryContextAllocHuge(miner->cxt, block->size);
		block->used = 0;
		miner->nblocks = miner->block + 1;
	}
	result = block->memory + block->used;
	block->used += size;
	return result;
}

static inline ArenaMark
arena_mark(Miner *miner)
{
	ArenaMark	mark;

	mark.block = miner->block;
	mark.used = miner->nblocks > 0 ? miner->blocks[miner->block].used : 0;
	return mark;
}

static inline void
arena_release(Miner *miner, ArenaMark mark)
{
	miner->block = mark.block;
	if (miner->nblocks > 0)
		miner->blocks[mark.block].used = mark.used;
}

/* Gives back the end of the last piece, of which only so many bytes are used. */
static inline void
arena_shrink(Miner *miner, void *piece, Size size)
{
	ArenaBlock *block = &miner->blocks[miner->block];

	block->used = (char *) piece - block->memory + MAXALIGN(size);
}

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
static uint32
emit(Miner *miner, uint32 parent, uint32 item, uint32 count)
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

static void
push_extension(Miner *miner, uint32 item)
{
	if (miner->nextensions == miner->extensions_capacity)
	{
		miner->extensions_capacity *= 2;
		miner->extensions = repalloc_huge(miner->extensions,
										  miner->extensions_capacity * sizeof(uint32));
	}
	miner->extensions[miner->nextensions++] = item;
}

/* The item joins or leaves the path: so do its conflicts. */
static inline void
block_conflicts(Miner *miner, uint32 item, int change)
{
	const Transactions *db = miner->db;
	uint32		i;

	if (miner->blocked == NULL)
		return;
	for (i = db->conflict_start[item]; i < db->conflict_start[item + 1]; i++)
		miner->blocked[db->conflicts[i]] += change;
}

static inline bool
is_blocked(const Miner *miner, uint32 item)
{
	return miner->blocked != NULL && miner->blocked[item] > 0;
}

/* Perfect extensions double everything, so they must not conflict with anything. */
static inline bool
may_extend(const Miner *miner, uint32 item)
{
	return miner->blocked == NULL ||
		miner->db->conflict_start[item] == miner->db->conflict_start[item + 1];
}

/*
 * Table form.  counts[] has for each combination of nbits items the weight of
 * the transactions that are exactly this combination; all frequent ones go to
 * the store as extensions of parent.  Transactions of one item may be missing:
 * the supports of single items are given.
 */
static void
mine_table(Miner *miner, uint32 *counts, int nbits, const uint32 *global,
		   const uint32 *support, uint32 parent)
{
	ArenaMark	mark = arena_mark(miner);
	uint32		size = (uint32) 1 << nbits;
	uint32	   *sets = arena_alloc(miner, size * sizeof(uint32));
	uint32		conflicts[TABLE_MAX_BITS] = {0};
	uint32		combination;
	uint32		half;
	int			i;

	/* sums over supersets, one item after the other */
	for (half = 1; half < size; half *= 2)
	{
		uint32		low;
		uint32		k;

		for (low = 0; low < size; low += 2 * half)
			for (k = low; k < low + half; k++)
				counts[k] += counts[k + half];
	}
	for (i = 0; i < nbits; i++)
		counts[(uint32) 1 << i] = support[i];

	if (miner->blocked)
	{
		const Transactions *db = miner->db;
		int			j;
		uint32		k;

		for (i = 0; i < nbits; i++)
			for (k = db->conflict_start[global[i]]; k < db->conflict_start[global[i] + 1]; k++)
				for (j = 0; j < nbits; j++)
					if (db->conflicts[k] == global[j])
						conflicts[i] |= (uint32) 1 << j;
	}

	/* a combination extends the one without its most frequent item, a smaller number */
	sets[0] = parent;
	for (combination = 1; combination < size; combination++)
	{
		int			bit;
		uint32		rest;

		sets[combination] = NO_ITEMSET;
		if (counts[combination] < miner->min_count)
			continue;
		bit = pg_rightmost_one_pos32(combination);
		rest = combination & (combination - 1);
		if (sets[rest] == NO_ITEMSET || (conflicts[bit] & rest) != 0)
			continue;
		sets[combination] = emit(miner, sets[rest], global[bit], counts[combination]);
	}
	arena_release(miner, mark);
}

/*
 * Is a table of 2^nbits counters cheaper than going on with the words?  It
 * costs about nbits * 2^nbits / 8 steps; each transaction is looked at
 * several times otherwise.
 */
static inline bool
table_is_cheaper(int nbits, uint32 ntransactions)
{
	return nbits <= TABLE_MAX_BITS &&
		(nbits <= 5 || ((Size) nbits << nbits) / 8 <= (Size) ntransactions * nbits);
}

static inline uint64
hash_word(uint64 word)
{
	word *= UINT64CONST(0x9e3779b97f4a7c15);
	return word ^ (word >> 32);
}

/* Merges equal words; returns how many are left. */
static uint32
merge_words(Miner *miner, uint64 *words, uint32 *weight, uint32 n)
{
	ArenaMark	mark;
	uint32	   *slots;
	uint32		mask;
	uint32		kept = 0;
	uint32		i;

	if (n < 2)
		return n;
	mark = arena_mark(miner);
	mask = pg_nextpower2_32(n * 2) - 1;
	slots = arena_alloc(miner, ((Size) mask + 1) * sizeof(uint32));
	memset(slots, 0xff, ((Size) mask + 1) * sizeof(uint32));
	for (i = 0; i < n; i++)
	{
		uint32		slot = hash_word(words[i]) & mask;

		while (slots[slot] != PG_UINT32_MAX && words[slots[slot]] != words[i])
			slot = (slot + 1) & mask;
		if (slots[slot] == PG_UINT32_MAX)
		{
			slots[slot] = kept;
			words[kept] = words[i];
			weight[kept++] = weight[i];
		}
		else
			weight[slots[slot]] += weight[i];
	}
	arena_release(miner, mark);
	return kept;
}

static void mine_words(Miner *miner, const WordProjection *words, uint32 parent);

/*
 * The sets above one path, with the words that are left of its transactions:
 * those with fewer than two items have been dropped.
 */
static void
mine_reduced_words(Miner *miner, WordProjection *words, uint32 parent)
{
	int			nbits = pg_popcount64(words->items);
	uint32		i;

	if (table_is_cheaper(nbits, words->ntransactions))
	{
		ArenaMark	mark = arena_mark(miner);
		uint32	   *counts = arena_alloc(miner, sizeof(uint32) << nbits);
		uint32		global[TABLE_MAX_BITS];
		uint32		support[TABLE_MAX_BITS];
		uint8		place[WORD_BITS];
		uint64		left = words->items;
		int			n;

		memset(counts, 0, sizeof(uint32) << nbits);
		for (n = 0; n < nbits; n++, left &= left - 1)
		{
			int			bit = pg_rightmost_one_pos64(left);

			place[bit] = n;
			global[n] = words->global[bit];
			support[n] = words->support[bit];
		}
		for (i = 0; i < words->ntransactions; i++)
		{
			uint32		combination = 0;

			for (left = words->words[i]; left; left &= left - 1)
				combination |= (uint32) 1 << place[pg_rightmost_one_pos64(left)];
			counts[combination] += words->weight[i];
		}
		mine_table(miner, counts, nbits, global, support, parent);
		arena_release(miner, mark);
		return;
	}
	words->ntransactions = merge_words(miner, words->words, words->weight, words->ntransactions);
	mine_words(miner, words, parent);
}

/*
 * Sets whose least frequent item beyond the path is the one of a bit: the
 * projection on it is made, and mined.
 */
static void
mine_word_item(Miner *miner, const WordProjection *words, int bit, uint32 parent)
{
	ArenaMark	mark = arena_mark(miner);
	uint32		extensions = miner->nextensions;
	uint64		lower = words->items & ((UINT64CONST(1) << bit) - 1);
	uint32		support = words->support[bit];
	WordProjection sub;
	uint64		left;
	uint32		set;
	uint32		n = 0;
	uint32		i;

	if (is_blocked(miner, words->global[bit]))
		return;
	block_conflicts(miner, words->global[bit], 1);

	sub.words = arena_alloc(miner, (Size) words->ntransactions * sizeof(uint64));
	sub.weight = arena_alloc(miner, (Size) words->ntransactions * sizeof(uint32));
	for (i = 0; i < words->ntransactions; i++)
	{
		sub.words[n] = words->words[i] & lower;
		sub.weight[n] = words->weight[i];
		n += words->words[i] >> bit & 1;
	}

	for (left = lower; left; left &= left - 1)
		sub.support[pg_rightmost_one_pos64(left)] = 0;
	for (i = 0; i < n; i++)
	{
		uint32		weight = sub.weight[i];

		for (left = sub.words[i]; left; left &= left - 1)
			sub.support[pg_rightmost_one_pos64(left)] += weight;
	}

	sub.items = 0;
	for (left = lower; left; left &= left - 1)
	{
		int			other = pg_rightmost_one_pos64(left);
		uint32		item = words->global[other];

		if (sub.support[other] < miner->min_count || is_blocked(miner, item))
			continue;
		if (sub.support[other] == support && may_extend(miner, item))
			push_extension(miner, item);
		else
		{
			sub.items |= UINT64CONST(1) << other;
			sub.global[other] = item;
		}
	}

	set = emit(miner, parent, words->global[bit], support);
	if (sub.items != 0 && set != NO_ITEMSET && miner->store->sets[set].length < miner->max_length)
	{
		uint32		kept = 0;

		for (i = 0; i < n; i++)
		{
			sub.words[kept] = sub.words[i] & sub.items;
			sub.weight[kept] = sub.weight[i];
			kept += (sub.words[kept] & (sub.words[kept] - 1)) != 0;
		}
		sub.ntransactions = kept;
		mine_reduced_words(miner, &sub, set);
	}
	miner->nextensions = extensions;
	block_conflicts(miner, words->global[bit], -1);
	arena_release(miner, mark);
}

static void
mine_words(Miner *miner, const WordProjection *words, uint32 parent)
{
	uint64		left;

	parallel_check_interrupts();
	for (left = words->items; left; left &= left - 1)
		mine_word_item(miner, words, pg_rightmost_one_pos64(left), parent);
}

/*
 * Counting sort: where each of nitems items occurs.  occurrence_start has room
 * for nitems + 2: starts are kept two places on, and have moved one back at
 * the end.
 */
static void
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

/* Makes the arrays that are needed while a projection is worked at. */
static void
open_projection(Miner *miner, Projection *projection)
{
	uint32		nitems = projection->nitems;
	Size		cursors = (Size) projection->ntransactions * sizeof(uint32);

	projection->cursor = arena_alloc(miner, cursors);
	projection->count = arena_alloc(miner, (Size) nitems * sizeof(uint32));
	projection->newid = arena_alloc(miner, (Size) nitems * sizeof(uint32));
	projection->frequent = arena_alloc(miner, (Size) nitems * sizeof(uint32));
	memcpy(projection->cursor, projection->start, cursors);
	memset(projection->count, 0, (Size) nitems * sizeof(uint32));
	memset(projection->newid, 0, (Size) nitems * sizeof(uint32));
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

static inline uint32
global_item(const Projection *projection, uint32 item)
{
	return projection->global ? projection->global[item] : item;
}

/*
 * Counts the items before e in the transactions that hold e, moving the
 * cursors to e.  Returns the number of items seen.
 */
static uint64
count_prefixes(Projection *projection, uint32 e)
{
	uint32		end = projection->occurrence_start[e + 1];
	uint32	   *count = projection->count;
	uint64		total = 0;
	uint32		o;

	for (o = projection->occurrence_start[e]; o < end; o++)
	{
		uint32		t = projection->occurrences[o];
		uint32		weight = projection->weight[t];
		uint32		cursor = projection->cursor[t];
		const uint32 *item = projection->items + projection->start[t];
		const uint32 *last;

		/* items between the last one worked at and e were not for us */
		while (projection->items[cursor] < e)
			cursor++;
		projection->cursor[t] = cursor;
		last = projection->items + cursor;
		total += last - item;
		for (; item < last; item++)
			count[*item] += weight;
		if ((o & 0xfff) == 0)
			parallel_check_interrupts();
	}
	return total;
}

static int
compare_uint32(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return (x > y) - (x < y);
}

/*
 * An item before e was counted: unless it is frequent with e its counter is
 * cleared; where it is, and not a perfect extension, newid marks it.
 */
static inline void
consider(Miner *miner, Projection *projection, uint32 e, uint32 item, uint32 *nfrequent)
{
	uint32		count = projection->count[item];

	if (count >= miner->min_count)
	{
		uint32		global = global_item(projection, item);

		if (projection->newid[item] > 0)
			return;
		if (!is_blocked(miner, global))
		{
			if (count != projection->support[e] || !may_extend(miner, global))
			{
				projection->newid[item] = 1;
				projection->frequent[(*nfrequent)++] = item;
				return;
			}
			push_extension(miner, global);
		}
	}
	projection->count[item] = 0;
}

/*
 * Finds the items that are frequent with e, ascending, and the perfect
 * extensions.  Where few items were seen the transactions are walked again
 * rather than all counters.
 */
static uint32
find_frequent(Miner *miner, Projection *projection, uint32 e, uint64 seen)
{
	uint32		nfrequent = 0;
	uint32		item;
	uint32		o;

	if (seen > e / 4)
	{
		for (item = 0; item < e; item++)
			if (projection->count[item] > 0)
				consider(miner, projection, e, item, &nfrequent);
		return nfrequent;
	}
	for (o = projection->occurrence_start[e]; o < projection->occurrence_start[e + 1]; o++)
	{
		uint32		t = projection->occurrences[o];
		uint32		i;

		for (i = projection->start[t]; i < projection->cursor[t]; i++)
			consider(miner, projection, e, projection->items[i], &nfrequent);
	}
	qsort(projection->frequent, nfrequent, sizeof(uint32), compare_uint32);
	return nfrequent;
}

/* The projection on e in words; newid[] numbers its items from 1. */
static void
project_to_words(Miner *miner, const Projection *projection, uint32 e, uint32 nfrequent,
				 WordProjection *words)
{
	uint32		first = projection->occurrence_start[e];
	uint32		n = projection->occurrence_start[e + 1] - first;
	uint32		kept = 0;
	uint32		i;

	words->words = arena_alloc(miner, (Size) n * sizeof(uint64));
	words->weight = arena_alloc(miner, (Size) n * sizeof(uint32));
	words->items = nfrequent == WORD_BITS ? ~UINT64CONST(0) : (UINT64CONST(1) << nfrequent) - 1;
	for (i = 0; i < nfrequent; i++)
	{
		words->support[i] = projection->count[projection->frequent[i]];
		words->global[i] = global_item(projection, projection->frequent[i]);
	}
	for (i = 0; i < n; i++)
	{
		uint32		t = projection->occurrences[first + i];
		const uint32 *item = projection->items + projection->start[t];
		const uint32 *last = projection->items + projection->cursor[t];
		uint64		word = 0;

		for (; item < last; item++)
		{
			uint32		id = projection->newid[*item];

			word |= (uint64) (id > 0) << ((id - 1) & (WORD_BITS - 1));
		}
		words->words[kept] = word;
		words->weight[kept] = projection->weight[t];
		kept += (word & (word - 1)) != 0;
		if ((i & 0xfff) == 0)
			parallel_check_interrupts();
	}
	words->ntransactions = kept;
}

static inline uint64
hash_items(const uint32 *items, uint32 n)
{
	uint64		hash = n;
	uint32		i;

	for (i = 0; i < n; i++)
	{
		hash = (hash ^ items[i]) * UINT64CONST(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	return hash;
}

/*
 * The projection on e in arrays.  A transaction equal to an earlier one only
 * adds to its weight.
 */
static void
project_to_arrays(Miner *miner, const Projection *projection, uint32 e, uint32 nfrequent,
				  uint64 seen, Projection *sub)
{
	uint32		first = projection->occurrence_start[e];
	uint32		n = projection->occurrence_start[e + 1] - first;
	uint32	   *global = arena_alloc(miner, (Size) nfrequent * sizeof(uint32));
	uint32	   *support = arena_alloc(miner, (Size) nfrequent * sizeof(uint32));
	uint32	   *start = arena_alloc(miner, ((Size) n + 1) * sizeof(uint32));
	uint32	   *weight = arena_alloc(miner, (Size) n * sizeof(uint32));
	uint32		mask = pg_nextpower2_32(Max(n, 2)) * 2 - 1;
	uint32	   *slots = arena_alloc(miner, ((Size) mask + 1) * sizeof(uint32));
	uint32	   *items = arena_alloc(miner, (Size) seen * sizeof(uint32));
	uint32		used = 0;
	uint32		kept = 0;
	uint32		i;

	for (i = 0; i < nfrequent; i++)
	{
		support[i] = projection->count[projection->frequent[i]];
		global[i] = global_item(projection, projection->frequent[i]);
	}
	memset(slots, 0xff, ((Size) mask + 1) * sizeof(uint32));
	start[0] = 0;
	for (i = 0; i < n; i++)
	{
		uint32		t = projection->occurrences[first + i];
		const uint32 *item = projection->items + projection->start[t];
		const uint32 *last = projection->items + projection->cursor[t];
		uint32		end = used;
		uint32		slot;
		uint32		length;

		for (; item < last; item++)
		{
			uint32		id = projection->newid[*item];

			items[end] = id - 1;
			end += id > 0;
		}
		if ((i & 0xfff) == 0)
			parallel_check_interrupts();
		length = end - used;
		if (length < 2)
			continue;
		slot = hash_items(items + used, length) & mask;
		while (slots[slot] != PG_UINT32_MAX)
		{
			uint32		other = slots[slot];

			if (start[other + 1] - start[other] == length &&
				memcmp(items + start[other], items + used, length * sizeof(uint32)) == 0)
				break;
			slot = (slot + 1) & mask;
		}
		if (slots[slot] != PG_UINT32_MAX)
			weight[slots[slot]] += projection->weight[t];
		else
		{
			slots[slot] = kept;
			weight[kept] = projection->weight[t];
			start[++kept] = used = end;
		}
	}
	arena_shrink(miner, items, (Size) used * sizeof(uint32));

	sub->nitems = nfrequent;
	sub->ntransactions = kept;
	sub->start = start;
	sub->items = items;
	sub->weight = weight;
	sub->support = support;
	sub->global = global;
}

static void mine_projection(Miner *miner, Projection *projection, uint32 parent);

/* Sets whose least frequent item beyond the path is e. */
static void
mine_array_item(Miner *miner, Projection *projection, uint32 e, uint32 parent)
{
	ArenaMark	mark = arena_mark(miner);
	uint32		extensions = miner->nextensions;
	uint32		global = global_item(projection, e);
	uint32		nfrequent;
	uint64		seen;
	uint32		set;
	uint32		i;

	if (is_blocked(miner, global))
		return;
	parallel_check_interrupts();
	block_conflicts(miner, global, 1);
	seen = count_prefixes(projection, e);
	nfrequent = find_frequent(miner, projection, e, seen);
	set = emit(miner, parent, global, projection->support[e]);

	if (set != NO_ITEMSET && miner->store->sets[set].length + 1 >= miner->max_length)
	{
		/* pairs of what is there already are all that is wanted */
		for (i = 0; i < nfrequent; i++)
			emit(miner, set, global_item(projection, projection->frequent[i]),
				 projection->count[projection->frequent[i]]);
	}
	else if (set != NO_ITEMSET && nfrequent == 1)
		emit(miner, set, global_item(projection, projection->frequent[0]),
			 projection->count[projection->frequent[0]]);
	else if (set != NO_ITEMSET && nfrequent > 1)
	{
		WordProjection words;
		Projection	sub;

		for (i = 0; i < nfrequent; i++)
			projection->newid[projection->frequent[i]] = i + 1;
		if (nfrequent <= WORD_BITS)
			project_to_words(miner, projection, e, nfrequent, &words);
		else
			project_to_arrays(miner, projection, e, nfrequent, seen, &sub);
		for (i = 0; i < nfrequent; i++)
			projection->newid[projection->frequent[i]] = 0;

		if (nfrequent <= WORD_BITS)
			mine_reduced_words(miner, &words, set);
		else
			mine_projection(miner, &sub, set);
	}
	for (i = 0; i < nfrequent; i++)
	{
		projection->count[projection->frequent[i]] = 0;
		projection->newid[projection->frequent[i]] = 0;
	}
	miner->nextensions = extensions;
	block_conflicts(miner, global, -1);
	arena_release(miner, mark);
}

static void
mine_projection(Miner *miner, Projection *projection, uint32 parent)
{
	uint32	   *occurrence_start = arena_alloc(miner,
											   ((Size) projection->nitems + 2) * sizeof(uint32));
	uint32	   *occurrences = arena_alloc(miner,
										  (Size) projection->start[projection->ntransactions] *
										  sizeof(uint32));
	uint32		e;

	list_occurrences(projection->nitems, projection->ntransactions, projection->start,
					 projection->items, occurrence_start, occurrences);
	projection->occurrence_start = occurrence_start;
	projection->occurrences = occurrences;
	open_projection(miner, projection);
	for (e = 0; e < projection->nitems; e++)
		mine_array_item(miner, projection, e, parent);
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
		emit(miner, NO_ITEMSET, item, miner->db->support[item]);
	else
		mine_array_item(miner, &miner->root, item, NO_ITEMSET);
}

/* From now on only sets with at least this count are looked for. */
void
miner_raise_min_count(Miner *miner, uint32 min_count)
{
	miner->min_count = Max(miner->min_count, min_count);
}
