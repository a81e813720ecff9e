/*-------------------------------------------------------------------------
 *
 * miner.h
 *		Frequent itemsets of encoded transactions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RULES_MINER_H
#define RECSYS_RULES_MINER_H

#include "core/compat.h"
#include "port/atomics.h"
#include "rules/arena.h"

/*
 * Transactions over the frequent items, which are numbered by descending
 * support.  They are one array: each transaction is a mark and then its items,
 * which ascend and are distinct; a mark alone ends the array.  So from any place
 * in it a transaction can be walked to either end.  Those with fewer than two
 * frequent items may be left out: support[] has all counts of single items.
 * Numbers have 16 bits where that is enough: mining reads them here and there,
 * and takes the less time the more of them are in the caches.  Everything is
 * plain arrays, so that it can lie in shared memory: items[] does so from the
 * start where several processes may mine.
 */
typedef struct Transactions
{
	uint32		nitems;
	uint32		ntransactions;
	uint32		nwords;			/* of items, marks included */
	uint64		npairs;			/* of items, in all transactions */
	struct ParallelArea *area;	/* has items[] */
	Size		shared_size;	/* of that; 0: it is not shared */
	bool		narrow;			/* items[] is of uint16 rather than of uint32 */
	const void *items;			/* see word_at() */
	const uint32 *support;		/* by item */
	uint32	   *noccurrences;	/* by item: how often it is in items with one before it */
	uint64	   *npairs_before;	/* by item: number of items before it in all transactions */
	/* where items occur with one before them: set by transactions_index() */
	uint32		listed_first;	/* of the items that are listed */
	uint32		listed_end;
	uint32	   *occurrence_start;	/* nitems + 1 */
	uint32	   *occurrences;	/* places in items, ascending within an item; READ_AHEAD more */
	uint32		noccurrences_fit;	/* into what is allocated */
	/* items that must not be in one set, both ways round: NULL where there are none */
	const uint32 *conflict_start;	/* nitems + 1 */
	const uint32 *conflicts;
} Transactions;

#define TRANSACTION_MARK ((uint32) 1 << 31)
/* the mark of 16 bits, which items are below */
#define NARROW_MARK PG_UINT16_MAX
#define WORD_SIZE(narrow) ((narrow) ? sizeof(uint16) : sizeof(uint32))

/* How far ahead of its use the memory of an occurrence is asked for. */
#define READ_AHEAD 32

/* Ends lists of occurrences with places to be asked for and never used. */
static inline void
end_occurrences(uint32 *end)
{
	int			i;

	for (i = 0; i < READ_AHEAD; i++)
		end[i] = 1;
}

/*
 * A word of transactions: an item, or TRANSACTION_MARK and perhaps other bits.
 * Where loops run over many narrow should be a constant to them.
 */
static inline uint32
word_at(const void *items, bool narrow, Size place)
{
	uint32		word;

	if (!narrow)
		return ((const uint32 *) items)[place];
	word = ((const uint16 *) items)[place];
	return word == NARROW_MARK ? TRANSACTION_MARK : word;
}

/* Writes an item, or TRANSACTION_MARK alone. */
static inline void
put_word(void *items, bool narrow, Size place, uint32 word)
{
	if (narrow)
		((uint16 *) items)[place] = Min(word, NARROW_MARK);
	else
		((uint32 *) items)[place] = word;
}

/*
 * A frequent itemset: an item added to another set of the store, which comes
 * before it.  Following parent to NO_ITEMSET yields the items, in no
 * particular order.
 */
typedef struct Itemset
{
	uint32		parent;
	uint32		item;
	uint32		count;
	uint16		length;
	uint16		flags;
} Itemset;

#define NO_ITEMSET PG_UINT32_MAX
/* far more than can be enumerated: 2^length sets are frequent with one of this length */
#define ITEMSET_MAX_LENGTH 1024

/* flags that are set after mining */
#define ITEMSET_NOT_CLOSED	1
#define ITEMSET_NOT_MAXIMAL 2

/*
 * Records of a store with cubes that are not one set.  A cube stands for the
 * unions of a set, its parent, with every combination of several more items but
 * the empty one; all have the same count, and length is that of the longest.
 * Each of these items is an extension, a record whose parent is the item before
 * it, so that cubes can share them; item of the cube is the record of the last.
 * Of a combination the lowest bit stands for that.  No set extends a cube.
 */
#define ITEMSET_EXTENSION 4
#define ITEMSET_CUBE 8

/* A cube has so many more items at most. */
#define CUBE_MAX 12

/* Takes a set that there is no room for: its items, in no particular order. */
typedef void (*SetSpill) (void *arg, const uint32 *items, uint32 length, uint32 count);

/* A set that was spilled and is still being extended. */
typedef struct KeptSet
{
	uint32		number;
	Itemset		set;
} KeptSet;

/*
 * Sets by number.  Those from base on are in sets[].  Where a store may spill
 * those before are gone, but for the few that are kept; without spill base is 0.
 */
typedef struct ItemsetStore
{
	MemoryContext cxt;
	Itemset    *sets;
	uint32		nsets;			/* of sets[] */
	uint32		capacity;
	uint32		base;
	bool		cubes;			/* it may have them */
	int64		nbeyond;		/* sets of all cubes, less the records that are not one set */
	SetSpill	spill;			/* NULL: everything has to be in memory */
	void	   *spill_arg;
	Size		reserve;		/* memory that is left to the taker of what is spilled */
	KeptSet    *kept;			/* ascending */
	uint32		nkept;
	uint32		longest;		/* length of the longest set that was spilled */
	/* sets that are still to be extended besides the path: numbers, or NO_ITEMSET */
	const uint32 *pinned;
	uint32		npinned;
} ItemsetStore;

/* How many items a cube has beyond those of its parent. */
static inline uint32
cube_width(const Itemset *cube, const Itemset *parent)
{
	return cube->length - parent->length;
}

/* How many sets a record of a store that has not spilled stands for. */
static inline uint32
record_nsets(const ItemsetStore *store, const Itemset *record)
{
	if (record->flags & ITEMSET_EXTENSION)
		return 0;
	if (record->flags & ITEMSET_CUBE)
		return ((uint32) 1 << cube_width(record, &store->sets[record->parent])) - 1;
	return 1;
}

/*
 * What a set needs to be among the best, where only these are wanted: the
 * larger the better, by count and then by how short it is.
 */
#define SET_GRADE(count, length) ((uint64) (count) << 32 | (uint32) ~(uint32) (length))
/* the least that a set of this count can have */
#define COUNT_GRADE(count) ((uint64) (count) << 32)

/* The grades of the best sets that were found so far. */
typedef struct BestGrades
{
	uint32		wanted;
	uint32		n;
	uint64	   *heap;			/* the least first */
} BestGrades;

typedef struct Miner Miner;

extern void itemset_store_init(ItemsetStore *store);
extern bool itemset_store_has_room(const ItemsetStore *store, uint32 more,
								   const MemoryBudget *budget);
extern void itemset_store_pass(ItemsetStore *store, const Itemset *sets, uint32 nsets);
extern void itemset_store_reserve(ItemsetStore *store, uint32 more, uint32 parent,
								  const MemoryBudget *budget);
extern void itemset_store_spill(ItemsetStore *store, uint32 parent);
extern BestGrades *best_grades_create(uint32 wanted, const Transactions *db, bool singles,
									  const MemoryBudget *budget);
extern void best_grades_add(BestGrades *best, uint64 grade);
extern uint64 best_grades_bar(const BestGrades *best);
extern Miner *miner_create(const Transactions *db, uint32 max_length, ItemsetStore *store,
						   const MemoryBudget *budget);
extern void miner_want_best(Miner *miner, BestGrades *best);
extern void miner_share_bar(Miner *miner, pg_atomic_uint64 *bar);
extern void miner_follow_bar(Miner *miner);
extern void miner_raise_bar(Miner *miner, uint64 grade);
extern uint64 miner_bar(const Miner *miner);
extern void miner_item(Miner *miner, uint32 item);

#endif							/* RECSYS_RULES_MINER_H */
