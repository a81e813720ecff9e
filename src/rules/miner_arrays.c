/*-------------------------------------------------------------------------
 *
 * miner_arrays.c
 *		Frequent itemsets of projections with any number of items.
 *
 * Transactions are arrays of item numbers.  What is left of them for one item
 * becomes the next projection, in words where its items are 64 at most: see
 * miner.c.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "port/pg_bitutils.h"

#include "rules/miner_internal.h"

/* Makes the arrays that are needed while a projection is worked at. */
void
open_projection(Miner *miner, Projection *projection)
{
	uint32		nitems = projection->nitems;
	Size		cursors = (Size) projection->ntransactions * sizeof(uint32);

	projection->cursor = arena_alloc(&miner->arena, cursors);
	projection->count = arena_alloc(&miner->arena, (Size) nitems * sizeof(uint32));
	projection->newid = arena_alloc(&miner->arena, (Size) nitems * sizeof(uint32));
	projection->frequent = arena_alloc(&miner->arena, (Size) nitems * sizeof(uint32));
	memcpy(projection->cursor, projection->start, cursors);
	memset(projection->count, 0, (Size) nitems * sizeof(uint32));
	memset(projection->newid, 0, (Size) nitems * sizeof(uint32));
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
			miner_push_extension(miner, global);
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

	words->words = arena_alloc(&miner->arena, (Size) n * sizeof(uint64));
	words->weight = arena_alloc(&miner->arena, (Size) n * sizeof(uint32));
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
	uint32	   *global = arena_alloc(&miner->arena, (Size) nfrequent * sizeof(uint32));
	uint32	   *support = arena_alloc(&miner->arena, (Size) nfrequent * sizeof(uint32));
	uint32	   *start = arena_alloc(&miner->arena, ((Size) n + 1) * sizeof(uint32));
	uint32	   *weight = arena_alloc(&miner->arena, (Size) n * sizeof(uint32));
	uint32		mask = pg_nextpower2_32(Max(n, 2)) * 2 - 1;
	uint32	   *slots = arena_alloc(&miner->arena, ((Size) mask + 1) * sizeof(uint32));
	uint32	   *items = arena_alloc(&miner->arena, (Size) seen * sizeof(uint32));
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
	arena_shrink(&miner->arena, items, (Size) used * sizeof(uint32));

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
void
mine_array_item(Miner *miner, Projection *projection, uint32 e, uint32 parent)
{
	ArenaMark	mark = arena_mark(&miner->arena);
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
	set = miner_emit(miner, parent, global, projection->support[e]);

	if (set != NO_ITEMSET && miner->store->sets[set].length + 1 >= miner->max_length)
	{
		/* pairs of what is there already are all that is wanted */
		for (i = 0; i < nfrequent; i++)
			miner_emit(miner, set, global_item(projection, projection->frequent[i]),
				 projection->count[projection->frequent[i]]);
	}
	else if (set != NO_ITEMSET && nfrequent == 1)
		miner_emit(miner, set, global_item(projection, projection->frequent[0]),
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
	arena_release(&miner->arena, mark);
}

static void
mine_projection(Miner *miner, Projection *projection, uint32 parent)
{
	uint32	   *occurrence_start = arena_alloc(&miner->arena,
											   ((Size) projection->nitems + 2) * sizeof(uint32));
	uint32	   *occurrences = arena_alloc(&miner->arena,
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
