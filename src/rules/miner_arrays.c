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

#include "rules/miner_internal.h"

/*
 * Counts the items before e in the transactions that hold e, each of which has
 * the weight 1.  Returns the number of items seen.
 */
static pg_attribute_always_inline uint64
count_unweighted(Projection *projection, bool narrow, uint32 e)
{
	uint32		end = projection->occurrence_start[e + 1];
	uint32	   *count = projection->count;
	uint64		seen = 0;
	uint32		o;

	for (o = projection->occurrence_start[e]; o < end; o++)
	{
		uint32		place = occurrence_place(projection, narrow, o);
		uint32		i = place;
		uint32		word;

		while (((word = word_at(projection->items, narrow, --i)) & TRANSACTION_MARK) == 0)
			count[word]++;
		seen += place - 1 - i;
		if ((o & 0xfff) == 0)
			parallel_check_interrupts();
	}
	return seen;
}

/* The same with weights. */
static uint64
count_weighted(Projection *projection, uint32 e)
{
	uint32		end = projection->occurrence_start[e + 1];
	const uint32 *items = projection->items;
	uint64		seen = 0;
	uint32		o;

	for (o = projection->occurrence_start[e]; o < end; o++)
	{
		uint32		place = occurrence_place(projection, false, o);
		uint32		mark = find_mark(items, false, place);
		uint32		weight = weight_of(projection, mark);
		uint32		i;

		for (i = mark + 1; i < place; i++)
			projection->count[items[i]] += weight;
		seen += place - mark - 1;
		if ((o & 0xfff) == 0)
			parallel_check_interrupts();
	}
	return seen;
}

static uint64
count_prefixes(Projection *projection, uint32 e)
{
	if (projection->weight)
		return count_weighted(projection, e);
	if (projection->narrow)
		return count_unweighted(projection, true, e);
	return count_unweighted(projection, false, e);
}

/*
 * Of the frequent items that were listed, with e on the path: drops those that
 * may not join it, puts perfect extensions aside, and numbers the others from 1
 * in newid[].  Returns how many these are.
 */
static uint32
sort_out(Miner *miner, Projection *projection, uint32 e, uint32 nlisted)
{
	uint32		nfrequent = 0;
	uint32		i;

	for (i = 0; i < nlisted; i++)
	{
		uint32		item = projection->frequent[i];
		uint32		global = global_item(projection, item);
		bool		blocked = is_blocked(miner, global);

		if (!blocked && (projection->count[item] != projection->support[e] ||
						 !may_extend(miner, global)))
		{
			projection->frequent[nfrequent] = item;
			projection->newid[item] = ++nfrequent;
			continue;
		}
		if (!blocked)
			miner_push_extension(miner, global);
		projection->count[item] = 0;
		projection->newid[item] = 0;
	}
	return nfrequent;
}

/* Fills the words of a projection on e; newid[] numbers its items from 1. */
static pg_attribute_always_inline void
fill_words(const Projection *projection, bool narrow, uint32 e, WordProjection *words)
{
	uint32		end = projection->occurrence_start[e + 1];
	uint32		kept = 0;
	uint32		o;

	for (o = projection->occurrence_start[e]; o < end; o++)
	{
		uint32		i = occurrence_place(projection, narrow, o);
		uint64		word = 0;
		uint32		item;

		while (((item = word_at(projection->items, narrow, --i)) & TRANSACTION_MARK) == 0)
		{
			uint32		id = projection->newid[item];

			word |= (uint64) (id > 0) << ((id - 1) & (WORD_BITS - 1));
		}
		words->words[kept] = word;
		words->weight[kept] = narrow ? 1 : weight_of(projection, i);
		kept += (word & (word - 1)) != 0;
		if ((o & 0xfff) == 0)
			parallel_check_interrupts();
	}
	words->ntransactions = kept;
}

/* The projection on e in words. */
static void
project_to_words(Miner *miner, const Projection *projection, uint32 e, uint32 nfrequent,
				 WordProjection *words)
{
	uint32		n = projection->occurrence_start[e + 1] - projection->occurrence_start[e];
	uint32		i;

	words->words = arena_alloc(&miner->arena, (Size) n * sizeof(uint64));
	words->weight = arena_alloc(&miner->arena, (Size) n * sizeof(uint32));
	words->items = nfrequent == WORD_BITS ? ~UINT64CONST(0) : (UINT64CONST(1) << nfrequent) - 1;
	for (i = 0; i < nfrequent; i++)
	{
		words->support[i] = projection->count[projection->frequent[i]];
		words->global[i] = global_item(projection, projection->frequent[i]);
	}
	if (projection->narrow)
		fill_words(projection, true, e, words);
	else
		fill_words(projection, false, e, words);
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
	miner_follow_bar(miner);
	block_conflicts(miner, global, 1);
	seen = count_prefixes(projection, e);
	nfrequent = find_frequent(projection, e, seen, miner->min_count, NULL);
	nfrequent = sort_out(miner, projection, e, nfrequent);
	set = miner_emit(miner, parent, global, projection->support[e]);

	if (set != NO_ITEMSET && itemset_length(miner->store, set) + 1 >= miner->max_length)
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

		if (nfrequent <= WORD_BITS)
		{
			project_to_words(miner, projection, e, nfrequent, &words);
			mine_reduced_words(miner, &words, set);
		}
		else
		{
			project(projection, e, nfrequent, seen, false, &miner->arena, &sub);
			mine_projection(miner, &sub, set);
		}
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
	uint32		e;

	for (e = 0; e < projection->nitems; e++)
		if (projection->support[e] >= miner->min_count)
			mine_array_item(miner, projection, e, parent);
}
