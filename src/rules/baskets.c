/*-------------------------------------------------------------------------
 *
 * baskets.c
 *		Collecting baskets of items.
 *
 * While rows come in, keys and items become dense numbers and rows go to a
 * compact stream, which encode.c makes transactions of.
 *
 * Rows may come in any order.  Cheapest are those that come with the rows of a
 * basket one after another: they need no putting together; and integer keys
 * that ascend, as serial numbers do: a key above all others is a new one, so
 * that it need not be looked for, nor be in a dictionary at all.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "port/pg_bitutils.h"
#include "utils/lsyscache.h"

#include "core/aggregate.h"
#include "core/large.h"
#include "rules/baskets.h"

#define MAX_VARINT 10

/* Items up to here, or up to eight times their number, are looked up in an array. */
#define SMALL_ITEM 65536
#define MAX_SMALL_ITEM ((uint32) 1 << 27)

void
baskets_init(Baskets *baskets, MemoryContext cxt)
{
	memset(baskets, 0, sizeof(*baskets));
	baskets->cxt = cxt;
	baskets->grouped = true;
	baskets->capacity = 1024;
	baskets->stream = MemoryContextAlloc(cxt, baskets->capacity);
}

static int
integer_width(Oid type)
{
	return type == INT2OID ? 2 : type == INT4OID ? 4 : type == INT8OID ? 8 : 0;
}

static inline int64
integer_value(int width, Datum value)
{
	return width == 2 ? DatumGetInt16(value) : width == 4 ? DatumGetInt32(value) :
		DatumGetInt64(value);
}

static inline Datum
integer_datum(int width, int64 value)
{
	return width == 2 ? Int16GetDatum((int16) value) : width == 4 ?
		Int32GetDatum((int32) value) : Int64GetDatum(value);
}

/*
 * Says what comes: the types of items and of the baskets' keys, the latter
 * InvalidOid where each array of items is a basket.
 */
void
baskets_open(Baskets *baskets, Oid item_type, Oid item_collation, Oid key_type,
			 Oid key_collation)
{
	baskets->items = iddict_create(baskets->cxt, item_type, item_collation, "item");
	baskets->item_width = integer_width(iddict_type(baskets->items));
	if (!OidIsValid(key_type))
		return;
	baskets->keys = iddict_create(baskets->cxt, key_type, key_collation, "basket");
	baskets->caches_key = get_typbyval(key_type);
	baskets->key_width = integer_width(iddict_type(baskets->keys));
	if (baskets->key_width > 0)
	{
		baskets->ascending_capacity = 64;
		baskets->ascending = MemoryContextAlloc(baskets->cxt, 64 * sizeof(int64));
	}
}

/* Keys do not ascend any more, or somebody wants the dictionary: it gets them. */
static void
fill_dictionary(Baskets *baskets)
{
	uint32		i;

	if (baskets->ascending == NULL)
		return;
	for (i = 0; i < baskets->nbaskets; i++)
	{
		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		iddict_put(baskets->keys, integer_datum(baskets->key_width, baskets->ascending[i]));
	}
	pfree(baskets->ascending);
	baskets->ascending = NULL;
}

/* Number of the basket with a key, which becomes the next free one where it is new. */
static uint32
put_key(Baskets *baskets, Datum key)
{
	uint32		n = baskets->nbaskets;
	uint32		basket;

	baskets->last_key = key;
	if (baskets->ascending)
	{
		int64		value = integer_value(baskets->key_width, key);
		bool		is_new = n == 0 || value > baskets->ascending[n - 1];

		/* a scan of a table may begin in its midst, and come to the least keys later */
		if (baskets->wrapped)
			is_new = is_new && value < baskets->ascending[0];
		else if (n > 0 && value < baskets->ascending[0])
			is_new = baskets->wrapped = true;
		if (is_new && n < PG_INT32_MAX / 2)
		{
			if (n == baskets->ascending_capacity)
			{
				baskets->ascending_capacity *= 2;
				baskets->ascending = large_realloc(baskets->ascending,
												   baskets->ascending_capacity * sizeof(int64));
			}
			baskets->ascending[n] = value;
			return baskets->nbaskets++;
		}
		fill_dictionary(baskets);
	}
	basket = iddict_put(baskets->keys, key);
	baskets->nbaskets = iddict_count(baskets->keys);
	return basket;
}

/* The item got a number: a small one is remembered in the array. */
static void
remember_item(Baskets *baskets, uint64 value, uint32 id)
{
	if (value >= baskets->nsmall)
	{
		uint32		size;

		if (value >= MAX_SMALL_ITEM || (value >= SMALL_ITEM && value / 8 > id))
			return;
		size = Max(pg_nextpower2_32((uint32) value + 1), 1024);
		if (baskets->small_items == NULL)
			baskets->small_items = MemoryContextAllocHuge(baskets->cxt, size * sizeof(uint32));
		else
			baskets->small_items = repalloc_huge(baskets->small_items, size * sizeof(uint32));
		memset(baskets->small_items + baskets->nsmall, 0,
			   (size - baskets->nsmall) * sizeof(uint32));
		baskets->nsmall = size;
	}
	baskets->small_items[value] = id + 1;
}

/* Number of an item. */
static inline uint32
put_item(Baskets *baskets, Datum item)
{
	uint64		value;
	uint32		id;

	if (baskets->item_width == 0)
		return iddict_put(baskets->items, item);
	value = (uint64) integer_value(baskets->item_width, item);
	if (value < baskets->nsmall && baskets->small_items[value] > 0)
		return baskets->small_items[value] - 1;
	id = iddict_put(baskets->items, item);
	remember_item(baskets, value, id);
	return id;
}

static inline uint8 *
put_number(uint8 *p, uint64 number)
{
	while (number >= 0x80)
	{
		*p++ = (uint8) (number | 0x80);
		number >>= 7;
	}
	*p++ = (uint8) number;
	return p;
}

/* Small differences of either sign become small numbers. */
static inline uint64
zigzag(int64 difference)
{
	return ((uint64) difference << 1) ^ (uint64) (difference >> 63);
}

/* new says whether the basket has no row so far. */
static inline void
append_row(Baskets *baskets, uint32 basket, bool new, uint32 item)
{
	uint8	   *p;

	if (basket != baskets->last && !new)
		baskets->grouped = false;
	if (baskets->capacity - baskets->used < 2 * MAX_VARINT)
	{
		baskets->capacity *= 2;
		baskets->stream = large_realloc(baskets->stream, baskets->capacity);
	}
	p = baskets->stream + baskets->used;
	p = put_number(p, zigzag((int64) basket - baskets->last));
	p = put_number(p, item);
	baskets->used = p - baskets->stream;
	baskets->last = basket;
	/* items of all baskets have 32-bit positions later */
	if (++baskets->nrows >= PG_UINT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %u rows of baskets and items", PG_UINT32_MAX)));
}

/* Adds a row; the dictionaries must be there. */
void
baskets_add(Baskets *baskets, Datum key, Datum item)
{
	uint32		known = baskets->nbaskets;
	uint32		basket;

	/* the key of the row before needs no lookup */
	if (baskets->caches_key && baskets->nrows > 0 && key == baskets->last_key)
		basket = baskets->last;
	else
		basket = put_key(baskets, key);
	append_row(baskets, basket, basket >= known, put_item(baskets, item));
}

/* Adds a basket of its own; elements that are NULL do not count. */
void
baskets_add_items(Baskets *baskets, ArrayType *array)
{
	Oid			type = ARR_ELEMTYPE(array);
	int16		typlen;
	bool		typbyval;
	char		typalign;
	Datum	   *items;
	bool	   *nulls;
	int			n;
	int			i;

	if (baskets->nbaskets >= PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %d baskets", PG_INT32_MAX)));
	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	deconstruct_array(array, type, typlen, typbyval, typalign, &items, &nulls, &n);
	for (i = 0; i < n; i++)
		if (!nulls[i])
			append_row(baskets, baskets->nbaskets, true, put_item(baskets, items[i]));
	pfree(items);
	pfree(nulls);
	baskets->nbaskets++;
}

/* Adds what the other one has, which stays as it is and is not pointed into. */
void
baskets_combine(Baskets *baskets, Baskets *other)
{
	uint32		nitems = iddict_count(other->items);
	uint32	   *item_map = MemoryContextAllocHuge(CurrentMemoryContext,
												  (Size) Max(nitems, 1) * sizeof(uint32));
	uint32	   *key_map = NULL;
	uint32		first = baskets->nbaskets;
	uint32		known = first;	/* baskets from here on have no rows yet */
	StreamReader reader = {other->stream, 0, 0};
	uint32		i;

	for (i = 0; i < nitems; i++)
	{
		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		item_map[i] = put_item(baskets, iddict_value(other->items, i));
	}
	if (other->keys)
	{
		fill_dictionary(baskets);
		fill_dictionary(other);
		key_map = MemoryContextAllocHuge(CurrentMemoryContext,
										 (Size) Max(other->nbaskets, 1) * sizeof(uint32));
		for (i = 0; i < other->nbaskets; i++)
		{
			if ((i & 0xfff) == 0)
				CHECK_FOR_INTERRUPTS();
			key_map[i] = iddict_put(baskets->keys, iddict_value(other->keys, i));
		}
		baskets->nbaskets = iddict_count(baskets->keys);
	}
	else
	{
		if ((uint64) first + other->nbaskets > PG_INT32_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("more than %d baskets", PG_INT32_MAX)));
		baskets->nbaskets += other->nbaskets;
	}

	while (reader.row < other->nrows)
	{
		uint32		item = item_map[next_row(&reader)];
		uint32		basket = key_map ? key_map[reader.basket] : first + (uint32) reader.basket;

		append_row(baskets, basket, basket >= known, item);
		known = Max(known, basket + 1);
	}
	/* the last row's key is not that of last_key any more */
	baskets->caches_key = false;
	pfree(item_map);
	if (key_map)
		pfree(key_map);
}

/* Frees what none but the rows need; the dictionary of items stays. */
void
baskets_forget_rows(Baskets *baskets)
{
	if (baskets->keys)
		iddict_free(baskets->keys);
	baskets->keys = NULL;
	pfree(baskets->stream);
	baskets->stream = NULL;
	if (baskets->ascending)
		pfree(baskets->ascending);
	baskets->ascending = NULL;
	if (baskets->small_items)
		pfree(baskets->small_items);
	baskets->small_items = NULL;
}

void
baskets_serialize(Baskets *baskets, StringInfo buf)
{
	if (baskets->keys)
		fill_dictionary(baskets);
	pq_sendbyte(buf, baskets->keys != NULL);
	pq_sendint32(buf, baskets->nbaskets);
	pq_sendint32(buf, baskets->last);
	pq_sendint64(buf, baskets->nrows);
	pq_sendint64(buf, baskets->used);
	iddict_serialize(baskets->items, buf);
	if (baskets->keys)
		iddict_serialize(baskets->keys, buf);
	if (baskets->used > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("partial state of the baskets is too large"),
				 errhint("Switch parallel aggregation off for this query, or use the function that takes a query.")));
	appendBinaryStringInfo(buf, (char *) baskets->stream, baskets->used);
}

/* As get_number(), for bytes that may be damaged: NULL where there is no number of a row. */
static const uint8 *
check_number(const uint8 *p, const uint8 *end, uint64 *number)
{
	int			shift;

	*number = 0;
	/* differences of basket numbers have 34 bits at most */
	for (shift = 0; p < end && shift <= 28; shift += 7)
	{
		*number |= (uint64) (*p & 0x7f) << shift;
		if ((*p++ & 0x80) == 0)
			return p;
	}
	return NULL;
}

/* Whether the stream of a state that came as bytes has the rows that it is said to have. */
static void
check_stream(const Baskets *baskets)
{
	uint32		nitems = iddict_count(baskets->items);
	const uint8 *p = baskets->stream;
	const uint8 *end = p + baskets->used;
	uint64		basket = 0;
	uint64		number;
	uint64		row;

	if (baskets->nrows >= PG_UINT32_MAX || baskets->nbaskets > PG_INT32_MAX ||
		(baskets->keys != NULL && iddict_count(baskets->keys) != baskets->nbaskets))
		damaged_state_error();
	for (row = 0; row < baskets->nrows; row++)
	{
		if ((row & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		p = check_number(p, end, &number);
		if (p == NULL)
			damaged_state_error();
		basket += (uint64) unzigzag(number);
		p = check_number(p, end, &number);
		if (p == NULL || basket >= baskets->nbaskets || number >= nitems)
			damaged_state_error();
	}
	if (p != end || (baskets->nrows > 0 && baskets->last != basket))
		damaged_state_error();
}

/* Reads what baskets_serialize() wrote into a state just initialized. */
void
baskets_deserialize(Baskets *baskets, StringInfo buf)
{
	bool		keyed = pq_getmsgbyte(buf) != 0;

	baskets->grouped = false;	/* not known */
	baskets->nbaskets = pq_getmsgint(buf, 4);
	baskets->last = pq_getmsgint(buf, 4);
	baskets->nrows = pq_getmsgint64(buf);
	baskets->used = pq_getmsgint64(buf);
	baskets->items = iddict_deserialize(baskets->cxt, buf, "item");
	if (keyed)
		baskets->keys = iddict_deserialize(baskets->cxt, buf, "basket");
	if (baskets->used > buf->len - buf->cursor)
		damaged_state_error();
	baskets->capacity = baskets->used + 2 * MAX_VARINT;
	baskets->stream = MemoryContextAllocHuge(baskets->cxt, baskets->capacity);
	memcpy(baskets->stream, pq_getmsgbytes(buf, baskets->used), baskets->used);
	check_stream(baskets);
}
