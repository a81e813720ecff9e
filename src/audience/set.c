/*-------------------------------------------------------------------------
 *
 * set.c
 *		AudienceSet: a set of ids that grows.
 *
 * A set starts as a short list of ids, so that aggregates with many small
 * groups stay small.  When the list is full it becomes a hash table of chunks, one
 * for each container: a handful of places in the table itself, then a list, then
 * bits.  Lists take places in any order and are sorted when they are full; ids
 * that come in order hit the same chunk again and again and need no look-up.
 *
 * When the table needs more than work_mem (and more than the compressed part),
 * all of it is compressed into an audience and merged with the one made
 * before: a set takes at most work_mem and a small multiple of its result.
 *
 *-------------------------------------------------------------------------
 */
#include "audience/audience.h"

#define MAX_IDS		256			/* with more, there is a table */
#define FEW			4			/* places in the table's entry */
#define MAX_PLACES	2048		/* in a list; then bits are no more than twice as large */

typedef enum ChunkKind
{
	CHUNK_FEW,
	CHUNK_LIST,
	CHUNK_BITS
} ChunkKind;

typedef struct Chunk
{
	uint64		key;
	union
	{
		uint16		few[FEW];
		uint16	   *list;
		unsigned char *bits;
	}			u;
	uint16		n;				/* places held, repetitions included; not for bits */
	uint16		max;			/* room in list */
	uint8		kind;
	uint8		status;			/* of simplehash */
} Chunk;

static inline uint32
hash_key(uint64 key)
{
	/* Fibonacci hashing: neighbouring keys spread evenly */
	return (uint32) ((key * UINT64CONST(0x9E3779B97F4A7C15)) >> 32);
}

#define SH_PREFIX chunks
#define SH_ELEMENT_TYPE Chunk
#define SH_KEY_TYPE uint64
#define SH_KEY key
#define SH_HASH_KEY(tb, key) hash_key(key)
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

void
audience_set_init(AudienceSet *set, MemoryContext cxt)
{
	memset(set, 0, offsetof(AudienceSet, first));
	set->cxt = cxt;
	set->ids = set->first;
	set->maxids = lengthof(set->first);
}

AudienceSet *
audience_set_create(MemoryContext cxt)
{
	AudienceSet *set = MemoryContextAlloc(cxt, sizeof(AudienceSet));

	audience_set_init(set, cxt);
	return set;
}

/* ---- chunks ---- */

static int
compare_places(const void *a, const void *b)
{
	return (int) *(const uint16 *) a - (int) *(const uint16 *) b;
}

/* Sorts places and removes repetitions; returns how many are left. */
static uint32
sort_places(uint16 *places, uint32 n)
{
	uint32		kept;
	uint32		i;

	for (i = 1; i < n && places[i - 1] < places[i]; i++)
		;
	if (i >= n)
		return n;
	if (n > 64)
	{
		uint64		bits[CONTAINER_BYTES / sizeof(uint64)] = {0};

		for (i = 0; i < n; i++)
			bits[places[i] >> 6] |= UINT64CONST(1) << (places[i] & 63);
		kept = 0;
		for (i = 0; i < lengthof(bits); i++)
		{
			uint64		word = bits[i];

			for (; word != 0; word &= word - 1)
				places[kept++] = (uint16) (i * 64 + pg_rightmost_one_pos64(word));
		}
		return kept;
	}
	qsort(places, n, sizeof(uint16), compare_places);
	kept = 1;
	for (i = 1; i < n; i++)
	{
		if (places[i] != places[kept - 1])
			places[kept++] = places[i];
	}
	return kept;
}

static inline uint16 *
chunk_places(Chunk *chunk)
{
	return chunk->kind == CHUNK_FEW ? chunk->u.few : chunk->u.list;
}

static void
chunk_to_bits(AudienceSet *set, Chunk *chunk)
{
	unsigned char *bits = MemoryContextAllocZero(set->table_cxt, CONTAINER_BYTES);
	uint16	   *places = chunk_places(chunk);
	uint32		i;

	for (i = 0; i < chunk->n; i++)
		bits_set(bits, places[i]);
	set->bytes += CONTAINER_BYTES;
	if (chunk->kind == CHUNK_LIST)
	{
		set->bytes -= chunk->max * sizeof(uint16);
		pfree(chunk->u.list);
	}
	chunk->kind = CHUNK_BITS;
	chunk->u.bits = bits;
}

/* Makes room for n more places: in the list, or by turning it into bits. */
static void
chunk_reserve(AudienceSet *set, Chunk *chunk, uint32 n)
{
	uint32		room = chunk->kind == CHUNK_FEW ? FEW : chunk->max;
	uint16	   *list;

	if (chunk->kind == CHUNK_BITS || chunk->n + n <= room)
		return;
	chunk->n = (uint16) sort_places(chunk_places(chunk), chunk->n);
	if (chunk->n + n <= room && chunk->n <= room / 2)
		return;
	while (room < chunk->n + n || chunk->n > room / 2)
		room *= 2;
	if (room > MAX_PLACES)
	{
		chunk_to_bits(set, chunk);
		return;
	}
	list = MemoryContextAlloc(set->table_cxt, room * sizeof(uint16));
	memcpy(list, chunk_places(chunk), chunk->n * sizeof(uint16));
	set->bytes += room * sizeof(uint16);
	if (chunk->kind == CHUNK_LIST)
	{
		set->bytes -= chunk->max * sizeof(uint16);
		pfree(chunk->u.list);
	}
	chunk->kind = CHUNK_LIST;
	chunk->u.list = list;
	chunk->max = (uint16) room;
}

static inline void
chunk_add(AudienceSet *set, Chunk *chunk, uint32 place)
{
	if (chunk->kind == CHUNK_LIST && chunk->n == chunk->max)
		chunk_reserve(set, chunk, 1);
	else if (chunk->kind == CHUNK_FEW && chunk->n == FEW)
		chunk_reserve(set, chunk, 1);

	switch (chunk->kind)
	{
		case CHUNK_BITS:
			bits_set(chunk->u.bits, place);
			break;
		case CHUNK_LIST:
			chunk->u.list[chunk->n++] = (uint16) place;
			break;
		default:
			chunk->u.few[chunk->n++] = (uint16) place;
			break;
	}
}

static void
chunk_add_container(AudienceSet *set, Chunk *chunk, const Container *c)
{
	uint32		i;

	/* a list has to have room for all of it; more than a list can hold asks for bits */
	if (chunk->kind != CHUNK_BITS)
		chunk_reserve(set, chunk, c->kind == CONTAINER_BITS ? CONTAINER_IDS : c->card);
	if (chunk->kind == CHUNK_BITS)
		container_or_into_bits(c, chunk->u.bits);
	else if (c->kind == CONTAINER_ARRAY)
	{
		for (i = 0; i < c->card; i++)
			chunk_add(set, chunk, get16(c->data + 2 * i));
	}
	else
	{
		for (i = 0; i < c->nruns; i++)
		{
			uint32		last = run_last(c, i);
			uint32		v;

			for (v = run_first(c, i); v <= last; v++)
				chunk_add(set, chunk, v);
		}
	}
}

/* ---- the table ---- */

static void
start_table(AudienceSet *set)
{
	if (set->table_cxt == NULL)
		set->table_cxt = AllocSetContextCreate(set->cxt, "recsys audience set",
											   ALLOCSET_DEFAULT_SIZES);
	set->table = chunks_create(set->table_cxt, 64, NULL);
	set->last = NULL;
	set->bytes = 0;
}

static int
compare_chunks(const void *a, const void *b)
{
	uint64		x = (*(Chunk *const *) a)->key;
	uint64		y = (*(Chunk *const *) b)->key;

	return x < y ? -1 : x > y;
}

/* What is in the table, compressed. */
static Audience *
table_get(AudienceSet *set)
{
	AudienceBuilder builder;
	chunks_iterator iterator;
	Chunk	  **sorted;
	Chunk	   *chunk;
	Scratch    *scratch = palloc(sizeof(Scratch));
	uint32		n = 0;
	uint32		i;
	uint32		j;

	sorted = MemoryContextAllocHuge(CurrentMemoryContext,
									Max(set->table->members, 1) * sizeof(Chunk *));
	chunks_start_iterate(set->table, &iterator);
	while ((chunk = chunks_iterate(set->table, &iterator)) != NULL)
		sorted[n++] = chunk;
	qsort(sorted, n, sizeof(Chunk *), compare_chunks);

	builder_start(&builder);
	for (i = 0; i < n; i++)
	{
		Container	c;

		CHECK_FOR_INTERRUPTS();
		chunk = sorted[i];
		c.nruns = 0;
		if (chunk->kind == CHUNK_BITS)
		{
			c.kind = CONTAINER_BITS;
			c.card = bits_count(chunk->u.bits, CONTAINER_BYTES);
			c.data = chunk->u.bits;
		}
		else
		{
			uint16	   *places = chunk_places(chunk);

			/* the order within a list does not matter to whoever adds more later */
			chunk->n = (uint16) sort_places(places, chunk->n);
			c.kind = CONTAINER_ARRAY;
			c.card = chunk->n;
			for (j = 0; j < chunk->n; j++)
				put16(scratch->bytes + 2 * j, places[j]);
			c.data = scratch->bytes;
		}
		builder_add(&builder, chunk->key, &c);
	}
	pfree(sorted);
	pfree(scratch);
	return builder_finish(&builder);
}

/* Moves what is in the table to the compressed part. */
static void
compress_table(AudienceSet *set)
{
	MemoryContext old = MemoryContextSwitchTo(set->cxt);
	Audience   *recent = table_get(set);

	MemoryContextReset(set->table_cxt);
	start_table(set);
	if (set->base == NULL)
		set->base = recent;
	else
	{
		Audience   *base = audience_setop(AUDIENCE_OR, set->base, recent);

		pfree(set->base);
		pfree(recent);
		set->base = base;
	}
	MemoryContextSwitchTo(old);
}

/* The chunk of a key, made if need be.  Any chunk found before may have moved. */
static Chunk *
find_chunk(AudienceSet *set, uint64 key)
{
	Chunk	   *chunk;
	bool		found;

	if (set->bytes + set->table->size * sizeof(Chunk) >
		Max((Size) work_mem * 1024, set->base == NULL ? 0 : VARSIZE(set->base)))
		compress_table(set);
	chunk = chunks_insert(set->table, key, &found);
	if (!found)
	{
		chunk->kind = CHUNK_FEW;
		chunk->n = 0;
		chunk->max = 0;
	}
	set->last = chunk;
	return chunk;
}

static void
ids_to_table(AudienceSet *set)
{
	uint32		i;

	start_table(set);
	for (i = 0; i < set->nids; i++)
		chunk_add(set, find_chunk(set, id_key(set->ids[i])), id_place(set->ids[i]));
	if (set->ids != set->first)
		pfree(set->ids);
	set->ids = NULL;
	set->nids = set->maxids = 0;
}

/* ---- the outside ---- */

void
audience_set_add(AudienceSet *set, int64 id)
{
	uint64		key = id_key(id);

	if (set->table == NULL)
	{
		if (set->nids < set->maxids)
		{
			set->ids[set->nids++] = id;
			return;
		}
		if (set->maxids < MAX_IDS)
		{
			set->maxids *= 2;
			if (set->ids == set->first)
			{
				set->ids = MemoryContextAlloc(set->cxt, set->maxids * sizeof(int64));
				memcpy(set->ids, set->first, sizeof(set->first));
			}
			else
				set->ids = repalloc(set->ids, set->maxids * sizeof(int64));
			set->ids[set->nids++] = id;
			return;
		}
		ids_to_table(set);
	}
	if (set->last == NULL || set->last->key != key)
		find_chunk(set, key);
	chunk_add(set, set->last, id_place(id));
}

void
audience_set_add_audience(AudienceSet *set, const Audience *audience)
{
	AudienceCursor cursor;

	if (set->table == NULL && set->nids + audience->cardinality <= MAX_IDS)
	{
		uint16		places[MAX_IDS];

		for (cursor_start(&cursor, audience); !cursor.done; cursor_next(&cursor))
		{
			uint32		n = container_places(&cursor.c, places);
			uint32		i;

			for (i = 0; i < n; i++)
				audience_set_add(set, make_id(cursor.key, places[i]));
		}
		return;
	}
	if (set->table == NULL)
		ids_to_table(set);
	for (cursor_start(&cursor, audience); !cursor.done; cursor_next(&cursor))
	{
		CHECK_FOR_INTERRUPTS();
		chunk_add_container(set, find_chunk(set, cursor.key), &cursor.c);
	}
}

static int
compare_ids(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	CHECK_FOR_INTERRUPTS();
	return x < y ? -1 : x > y;
}

/* The audience of a short list of ids. */
static Audience *
ids_get(AudienceSet *set)
{
	AudienceBuilder builder;
	unsigned char places[2 * MAX_IDS];
	uint32		i = 0;

	if (set->nids > 1)
		qsort(set->ids, set->nids, sizeof(int64), compare_ids);
	builder_start(&builder);
	while (i < set->nids)
	{
		uint64		key = id_key(set->ids[i]);
		Container	c = {CONTAINER_ARRAY, 0, 0, places};

		for (; i < set->nids && id_key(set->ids[i]) == key; i++)
		{
			if (i == 0 || set->ids[i] != set->ids[i - 1])
				put16(places + 2 * c.card++, (uint16) id_place(set->ids[i]));
		}
		builder_add(&builder, key, &c);
	}
	return builder_finish(&builder);
}

/* The set so far, in the current context; more may be added afterwards. */
Audience *
audience_set_get(AudienceSet *set)
{
	Audience   *recent = set->table == NULL ? ids_get(set) : table_get(set);
	Audience   *all;

	if (set->base == NULL)
		return recent;
	all = audience_setop(AUDIENCE_OR, set->base, recent);
	pfree(recent);
	return all;
}

/* Its size, without building it where all is in the table. */
uint64
audience_set_count(AudienceSet *set)
{
	chunks_iterator iterator;
	Chunk	   *chunk;
	uint64		count = 0;

	if (set->table == NULL || set->base != NULL)
	{
		Audience   *audience = audience_set_get(set);

		count = audience->cardinality;
		pfree(audience);
		return count;
	}
	chunks_start_iterate(set->table, &iterator);
	while ((chunk = chunks_iterate(set->table, &iterator)) != NULL)
	{
		if (chunk->kind == CHUNK_BITS)
			count += bits_count(chunk->u.bits, CONTAINER_BYTES);
		else
		{
			chunk->n = (uint16) sort_places(chunk_places(chunk), chunk->n);
			count += chunk->n;
		}
	}
	return count;
}
