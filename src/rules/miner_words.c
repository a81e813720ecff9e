/*-------------------------------------------------------------------------
 *
 * miner_words.c
 *		Frequent itemsets of projections with at most 64 items.
 *
 * A transaction is one machine word.  Where the items are few against the
 * transactions, all supports come from a table of counters: see miner.c.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "port/pg_bitutils.h"

#include "rules/miner_internal.h"

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
	ArenaMark	mark = arena_mark(&miner->arena);
	uint32		size = (uint32) 1 << nbits;
	uint32	   *sets = arena_alloc(&miner->arena, size * sizeof(uint32));
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
	miner->store->pinned = sets;
	for (combination = 1; combination < size; combination++)
	{
		int			bit;
		uint32		rest;

		sets[combination] = NO_ITEMSET;
		miner->store->npinned = combination;
		if (counts[combination] < miner->min_count)
			continue;
		bit = pg_rightmost_one_pos32(combination);
		rest = combination & (combination - 1);
		if (sets[rest] == NO_ITEMSET || (conflicts[bit] & rest) != 0)
			continue;
		sets[combination] = miner_emit(miner, sets[rest], global[bit], counts[combination]);
	}
	miner->store->npinned = 0;
	arena_release(&miner->arena, mark);
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
	mark = arena_mark(&miner->arena);
	mask = pg_nextpower2_32(n * 2) - 1;
	slots = arena_alloc(&miner->arena, ((Size) mask + 1) * sizeof(uint32));
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
	arena_release(&miner->arena, mark);
	return kept;
}

static void mine_words(Miner *miner, const WordProjection *words, uint32 parent);

/*
 * The sets above one path, with the words that are left of its transactions:
 * those with fewer than two items have been dropped.
 */
void
mine_reduced_words(Miner *miner, WordProjection *words, uint32 parent)
{
	int			nbits = pg_popcount64(words->items);
	uint32		i;

	if (table_is_cheaper(nbits, words->ntransactions))
	{
		ArenaMark	mark = arena_mark(&miner->arena);
		uint32	   *counts = arena_alloc(&miner->arena, sizeof(uint32) << nbits);
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
		arena_release(&miner->arena, mark);
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
	ArenaMark	mark = arena_mark(&miner->arena);
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

	sub.words = arena_alloc(&miner->arena, (Size) words->ntransactions * sizeof(uint64));
	sub.weight = arena_alloc(&miner->arena, (Size) words->ntransactions * sizeof(uint32));
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
			miner_push_extension(miner, item);
		else
		{
			sub.items |= UINT64CONST(1) << other;
			sub.global[other] = item;
		}
	}

	set = miner_emit(miner, parent, words->global[bit], support);
	if (sub.items != 0 && set != NO_ITEMSET &&
		itemset_length(miner->store, set) < miner->max_length)
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
	arena_release(&miner->arena, mark);
}

static void
mine_words(Miner *miner, const WordProjection *words, uint32 parent)
{
	uint64		left;

	parallel_check_interrupts();
	for (left = words->items; left; left &= left - 1)
		mine_word_item(miner, words, pg_rightmost_one_pos64(left), parent);
}
