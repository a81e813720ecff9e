/*-------------------------------------------------------------------------
 *
 * projection.c
 *		Projections in form of arrays: what the miners of all sets and of closed
 *		ones do in the same way.
 *
 * The projection of a database on an item e has the transactions that hold e,
 * reduced to the items before e that are frequent with it.  Where e occurs is
 * listed as places in the array of items, so that one access to memory leads
 * to the items before it.  Equal transactions are merged and have a weight.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "core/numbers.h"
#include "core/parallel.h"
#include "port/pg_bitutils.h"
#include "rules/miner_internal.h"

/*
 * Counting sort: the places where each item occurs but first in a transaction.
 * occurrence_start has room for nitems + 2: starts are kept two places on, and
 * have moved one back at the end.
 */
static void
list_occurrences(Projection *projection, uint32 *occurrence_start, uint32 *occurrences)
{
	const uint32 *items = projection->items;
	uint32	   *next = occurrence_start + 1;
	uint32		t;
	uint32		i;

	memset(occurrence_start, 0, ((Size) projection->nitems + 2) * sizeof(uint32));
	for (t = 0, i = 0; t < projection->ntransactions; t++)
	{
		if ((t & 0xfff) == 0)
			parallel_check_interrupts();
		/* beyond the mark and the first item */
		for (i += 2; (items[i] & TRANSACTION_MARK) == 0; i++)
			next[items[i] + 1]++;
	}
	for (i = 0; i < projection->nitems; i++)
		next[i + 1] += next[i];
	for (t = 0, i = 0; t < projection->ntransactions; t++)
	{
		if ((t & 0xfff) == 0)
			parallel_check_interrupts();
		for (i += 2; (items[i] & TRANSACTION_MARK) == 0; i++)
			occurrences[next[items[i]]++] = i;
	}
	end_occurrences(occurrences + occurrence_start[projection->nitems]);
	projection->occurrence_start = occurrence_start;
	projection->occurrences = occurrences;
}

/* Makes the arrays that are needed while a projection is worked at. */
static void
open_projection(Projection *projection, Arena *arena)
{
	Size		size = (Size) projection->nitems * sizeof(uint32);

	projection->count = arena_alloc(arena, size);
	projection->newid = arena_alloc(arena, size);
	projection->frequent = arena_alloc(arena, size);
	memset(projection->count, 0, size);
	memset(projection->newid, 0, size);
}

/* The whole database as a projection; its lists are those that there are by now. */
void
projection_of_database(Projection *projection, const Transactions *db, Arena *arena)
{
	projection->nitems = db->nitems;
	projection->ntransactions = db->ntransactions;
	projection->nwords = db->nwords;
	projection->narrow = db->narrow;
	projection->items = db->items;
	projection->weight = NULL;
	projection->random = NULL;
	projection->support = db->support;
	projection->global = NULL;
	projection->occurrence_start = db->occurrence_start;
	projection->occurrences = db->occurrences;
	open_projection(projection, arena);
}

/* An item that was counted: it is listed if it is frequent, or its counter cleared. */
static inline void
consider(Projection *projection, uint32 item, uint32 min_count, uint64 *sum, uint32 *n)
{
	if (projection->count[item] < min_count)
	{
		projection->count[item] = 0;
		if (sum)
			sum[item] = 0;
	}
	else if (projection->newid[item] == 0)
	{
		projection->newid[item] = 1;
		projection->frequent[(*n)++] = item;
	}
}

static inline void
clear_counters(Projection *projection, uint32 first, uint32 end, uint64 *sum)
{
	memset(projection->count + first, 0, (Size) (end - first) * sizeof(uint32));
	if (sum)
		memset(sum + first, 0, (Size) (end - first) * sizeof(uint64));
}

/* Counters are looked at so many at a time: most of these have none that is frequent. */
#define CHUNK 64

/*
 * Lists the items that are frequent with e, ascending; newid[] of these is
 * above 0 then, and counters of all others are 0.  Where few items were seen
 * the transactions are walked again rather than all counters.
 */
uint32
find_frequent(Projection *projection, uint32 e, uint64 seen, uint32 min_count, uint64 *sum)
{
	uint32	   *count = projection->count;
	uint32		end = projection->occurrence_start[e + 1];
	uint32		n = 0;
	uint32		item;
	uint32		o;

	if (seen > e / 16)
	{
		uint32		clear = 0;	/* from here on nothing was frequent */

		for (item = 0; item + CHUNK <= e; item += CHUNK)
		{
			uint32		bits = 0;	/* no counter is above them all together */
			uint32		i;

			for (i = item; i < item + CHUNK; i++)
				bits |= count[i];
			if (bits < min_count)
				continue;
			clear_counters(projection, clear, item, sum);
			for (i = item; i < item + CHUNK; i++)
				consider(projection, i, min_count, sum, &n);
			clear = item + CHUNK;
		}
		clear_counters(projection, clear, item, sum);
		for (; item < e; item++)
			consider(projection, item, min_count, sum, &n);
		return n;
	}
	for (o = projection->occurrence_start[e]; o < end; o++)
	{
		uint32		i = occurrence_place(projection, projection->narrow, o);
		uint32		word;

		while (((word = word_at(projection->items, projection->narrow, --i)) & TRANSACTION_MARK) == 0)
			consider(projection, word, min_count, sum, &n);
	}
	qsort(projection->frequent, n, sizeof(uint32), compare_uint32);
	return n;
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
 * Writes what is left of the items before the place of an occurrence, from
 * there on, and a mark; returns the end.
 */
static pg_attribute_always_inline uint32
reduce(const Projection *projection, bool narrow, uint32 mark, uint32 place, uint32 *items,
	   uint32 end)
{
	uint32		i;

	for (i = mark + 1; i < place; i++)
	{
		uint32		id = projection->newid[word_at(projection->items, narrow, i)];

		items[end] = id - 1;
		end += id > 0;
	}
	items[end] = TRANSACTION_MARK;
	return end;
}

/*
 * The projection on e; newid[] numbers the frequent items from 1, and seen is
 * how many items come before e.  A transaction equal to an earlier one only
 * adds to its weight and, where these are wanted, to its random number.
 */
void
project(const Projection *projection, uint32 e, uint32 nfrequent, uint64 seen,
		bool randomized, Arena *arena, Projection *sub)
{
	uint32		first = projection->occurrence_start[e];
	uint32		n = projection->occurrence_start[e + 1] - first;
	uint32	   *global = arena_alloc(arena, (Size) nfrequent * sizeof(uint32));
	uint32	   *support = arena_alloc(arena, (Size) nfrequent * sizeof(uint32));
	uint32	   *weight = arena_alloc(arena, (Size) n * sizeof(uint32));
	uint64	   *merged = randomized ? arena_alloc(arena, (Size) n * sizeof(uint64)) : NULL;
	uint32		mask = pg_nextpower2_32(Max(n, 2)) * 2 - 1;
	uint32	   *slots = arena_alloc(arena, ((Size) mask + 1) * sizeof(uint32));
	uint32	   *items = arena_alloc(arena, ((Size) seen + n + 1) * sizeof(uint32));
	uint32	   *occurrence_start;
	uint32	   *occurrences;
	uint32		used = 0;
	uint32		kept = 0;
	uint32		i;

	for (i = 0; i < nfrequent; i++)
	{
		support[i] = projection->count[projection->frequent[i]];
		global[i] = global_item(projection, projection->frequent[i]);
	}
	memset(slots, 0xff, ((Size) mask + 1) * sizeof(uint32));
	for (i = 0; i < n; i++)
	{
		uint32		place = occurrence_place(projection, projection->narrow, first + i);
		uint32		mark = find_mark(projection->items, projection->narrow, place);
		uint32		begin = used + 1;
		uint32		end;
		uint32		length;
		uint32		slot;

		if (projection->narrow)
			end = reduce(projection, true, mark, place, items, begin);
		else
			end = reduce(projection, false, mark, place, items, begin);
		if ((i & 0xfff) == 0)
			parallel_check_interrupts();
		length = end - begin;
		if (length < 2)
			continue;
		/* a slot has the place of a transaction's mark; marks end what is compared */
		items[used] = TRANSACTION_MARK;
		slot = hash_items(items + begin, length) & mask;
		for (; slots[slot] != PG_UINT32_MAX; slot = (slot + 1) & mask)
		{
			const uint32 *other = items + slots[slot] + 1;

			if ((other[length] & TRANSACTION_MARK) != 0 &&
				memcmp(other, items + begin, length * sizeof(uint32)) == 0)
				break;
		}
		if (slots[slot] == PG_UINT32_MAX)
		{
			slots[slot] = used;
			items[used] = TRANSACTION_MARK | kept;
			weight[kept] = 0;
			if (merged)
				merged[kept] = 0;
			kept++;
			used = end;
		}
		weight[items[slots[slot]] & ~TRANSACTION_MARK] += weight_of(projection, mark);
		if (merged)
			merged[items[slots[slot]] & ~TRANSACTION_MARK] += random_of(projection, mark);
	}
	items[used++] = TRANSACTION_MARK;
	arena_shrink(arena, items, (Size) used * sizeof(uint32));

	sub->nitems = nfrequent;
	sub->ntransactions = kept;
	sub->nwords = used;
	sub->narrow = false;
	sub->items = items;
	sub->weight = weight;
	sub->random = merged;
	sub->support = support;
	sub->global = global;
	occurrence_start = arena_alloc(arena, ((Size) nfrequent + 2) * sizeof(uint32));
	occurrences = arena_alloc(arena, ((Size) used - 2 * (Size) kept - 1 + READ_AHEAD) * sizeof(uint32));
	list_occurrences(sub, occurrence_start, occurrences);
	open_projection(sub, arena);
}
