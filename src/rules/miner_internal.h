/*-------------------------------------------------------------------------
 *
 * miner_internal.h
 *		What the parts of the miner share: see miner.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RULES_MINER_INTERNAL_H
#define RECSYS_RULES_MINER_INTERNAL_H

#include "core/compat.h"
#include "core/numbers.h"
#include "core/parallel.h"
#include "rules/arena.h"
#include "rules/miner.h"

/* Above this the table of counters is not worth it, and would leave the caches. */
#define TABLE_MAX_BITS 14
#define WORD_BITS 64

/*
 * A projection in form of arrays: transactions as in struct Transactions,
 * their items numbered 0..nitems-1 within it.  A transaction's number, from 0,
 * is part of its mark, except in the projection that is the whole database:
 * only there weight is NULL.
 */
typedef struct Projection
{
	uint32		nitems;
	uint32		ntransactions;
	uint32		nwords;
	bool		narrow;			/* as in struct Transactions: only in the whole database */
	const void *items;
	const uint32 *weight;		/* by transaction, NULL: 1 each */
	const uint64 *random;		/* see random_of() */
	const uint32 *support;		/* by item */
	const uint32 *global;		/* numbers in the whole database, NULL: the same */
	/* where each item occurs with one before it: else there is nothing to count */
	const uint32 *occurrence_start;
	const uint32 *occurrences;	/* places in items; READ_AHEAD more */
	/* while one item is worked at */
	uint32	   *count;			/* by item: all 0 in between */
	uint32	   *newid;			/* by item: number in the next projection + 1, or 0 */
	uint32	   *frequent;		/* items that are frequent with the one at work */
} Projection;

/* Of the items before it, how far back: few are in a third cache line. */
#define PREFETCH_ITEMS 12

#if defined(__GNUC__) || defined(__clang__)
#define prefetch(address) __builtin_prefetch(address)
#else
#define prefetch(address) ((void) 0)
#endif

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

/* An item that is in every transaction of the projections to come. */
typedef struct Extension
{
	uint32		item;
	uint32		record;			/* in the store, for cubes; NO_ITEMSET: not yet */
} Extension;

struct Miner
{
	const Transactions *db;
	const MemoryBudget *budget;
	MemoryContext cxt;
	uint64		bar;			/* least grade of sets that are wanted */
	uint32		min_count;		/* the count of that */
	pg_atomic_uint64 *shared_bar;	/* of all processes; or NULL */
	BestGrades *best;			/* NULL where all are wanted */
	uint32		max_length;
	ItemsetStore *store;
	Projection	root;
	/* perfect extensions of the path that is worked at */
	Extension  *extensions;
	uint32		nextensions;
	uint32		extensions_capacity;
	uint32	   *blocked;		/* by item: conflicts with this many of the path; or NULL */
	Arena		arena;
};

/* miner.c */
extern uint32 itemset_length(const ItemsetStore *store, uint32 number);
extern uint32 miner_emit(Miner *miner, uint32 parent, uint32 item, uint32 count);
extern void miner_push_extension(Miner *miner, uint32 item);

/* miner_words.c */
extern void mine_reduced_words(Miner *miner, WordProjection *words, uint32 parent);

/* miner_arrays.c */
extern void mine_array_item(Miner *miner, Projection *projection, uint32 e, uint32 parent);

/* projection.c */
extern void projection_of_database(Projection *projection, const Transactions *db, Arena *arena);
extern uint32 find_frequent(Projection *projection, uint32 e, uint64 seen, uint32 min_count,
							uint64 *sum);
extern void project(const Projection *projection, uint32 e, uint32 nfrequent, uint64 seen,
					bool randomized, Arena *arena, Projection *sub);

static inline uint32
global_item(const Projection *projection, uint32 item)
{
	return projection->global ? projection->global[item] : item;
}

/*
 * The place of an occurrence.  The memory of the items before a later one, be it
 * of the next item, is asked for, which are often in two cache lines.  (A function
 * of prefetches alone would be taken for one that does nothing, and left out.)
 */
static inline uint32
occurrence_place(const Projection *projection, bool narrow, uint32 o)
{
	Size		later = projection->occurrences[o + READ_AHEAD];
	const char *items = projection->items;

	prefetch(items + (later - 1) * WORD_SIZE(narrow));
	prefetch(items + (later - Min(later, PREFETCH_ITEMS)) * WORD_SIZE(narrow));
	return projection->occurrences[o];
}

/* The place of a transaction's mark, from the place of one of its items. */
static inline uint32
find_mark(const void *items, bool narrow, uint32 place)
{
	while ((word_at(items, narrow, --place) & TRANSACTION_MARK) == 0)
		;
	return place;
}

static inline uint32
number_of(const Projection *projection, uint32 mark)
{
	return ((const uint32 *) projection->items)[mark] & ~TRANSACTION_MARK;
}

static inline uint32
weight_of(const Projection *projection, uint32 mark)
{
	return projection->weight ? projection->weight[number_of(projection, mark)] : 1;
}

/* A random number for each transaction; of those that were merged it is the sum. */
static inline uint64
random_of(const Projection *projection, uint32 mark)
{
	if (projection->random)
		return projection->random[number_of(projection, mark)];
	return mix64((uint64) mark + 1);
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

#endif							/* RECSYS_RULES_MINER_INTERNAL_H */
