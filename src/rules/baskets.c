/*-------------------------------------------------------------------------
 *
 * baskets.c
 *		Collecting baskets of items, and encoding them for the miner.
 *
 * While rows come in, keys and items become dense numbers and rows go to a
 * compact stream.  At the end the rows of each basket are put together; items
 * of a basket are made distinct, supports counted, infrequent items dropped,
 * and the rest is numbered by descending support.
 *
 * Rows may come in any order.  Cheapest are those that come with the rows of a
 * basket one after another: they need no putting together; and integer keys
 * that ascend, as serial numbers do: a key above all others is a new one, so
 * that it need not be looked for, nor be in a dictionary at all.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "port/pg_bitutils.h"
#include "utils/lsyscache.h"

#include "core/aggregate.h"
#include "core/progress.h"
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
				baskets->ascending = repalloc_huge(baskets->ascending,
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

static inline const uint8 *
get_number(const uint8 *p, uint64 *number)
{
	uint64		result = *p & 0x7f;
	int			shift = 7;

	while (*p++ & 0x80)
	{
		result |= (uint64) (*p & 0x7f) << shift;
		shift += 7;
	}
	*number = result;
	return p;
}

/* Small differences of either sign become small numbers. */
static inline uint64
zigzag(int64 difference)
{
	return ((uint64) difference << 1) ^ (uint64) (difference >> 63);
}

static inline int64
unzigzag(uint64 number)
{
	return (int64) (number >> 1) ^ -(int64) (number & 1);
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
		baskets->stream = repalloc_huge(baskets->stream, baskets->capacity);
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
	const uint8 *p = other->stream;
	int64		basket = 0;
	uint64		number;
	uint64		row;
	uint32		i;

	for (i = 0; i < nitems; i++)
		item_map[i] = put_item(baskets, iddict_value(other->items, i));
	if (other->keys)
	{
		fill_dictionary(baskets);
		fill_dictionary(other);
		key_map = MemoryContextAllocHuge(CurrentMemoryContext,
										 (Size) Max(other->nbaskets, 1) * sizeof(uint32));
		for (i = 0; i < other->nbaskets; i++)
			key_map[i] = iddict_put(baskets->keys, iddict_value(other->keys, i));
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

	for (row = 0; row < other->nrows; row++)
	{
		uint32		mapped;

		if ((row & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		p = get_number(p, &number);
		basket += unzigzag(number);
		p = get_number(p, &number);
		mapped = key_map ? key_map[basket] : first + (uint32) basket;
		append_row(baskets, mapped, mapped >= known, item_map[number]);
		known = Max(known, mapped + 1);
	}
	/* the last row's key is not that of last_key any more */
	baskets->caches_key = false;
	pfree(item_map);
	if (key_map)
		pfree(key_map);
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

/*
 * A share of n as a count, rounded up.  Shares are decimal fractions that
 * binary numbers miss by a little: 0.07 * 100 is meant to be 7.
 */
uint32
count_of_share(double share, uint32 n)
{
	double		count = ceil(share * n * (1 - 1e-12));

	return count < 1 ? 1 : (uint32) count;
}

static int
compare_uint32(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return (x > y) - (x < y);
}

/* Baskets are short: most are put in order faster than qsort is called. */
static void
sort_items(uint32 *items, uint32 n)
{
	uint32		i;

	if (n > 24)
	{
		qsort(items, n, sizeof(uint32), compare_uint32);
		return;
	}
	for (i = 1; i < n; i++)
	{
		uint32		item = items[i];
		uint32		j = i;

		for (; j > 0 && items[j - 1] > item; j--)
			items[j] = items[j - 1];
		items[j] = item;
	}
}

/* Reading the stream row by row. */
typedef struct StreamReader
{
	const uint8 *p;
	int64		basket;
	uint64		row;
} StreamReader;

/* The next row's item; reader->basket is its basket. */
static inline uint32
next_row(StreamReader *reader)
{
	uint64		number;

	if ((reader->row++ & 0xffff) == 0)
		CHECK_FOR_INTERRUPTS();
	reader->p = get_number(reader->p, &number);
	reader->basket += unzigzag(number);
	reader->p = get_number(reader->p, &number);
	return (uint32) number;
}

/*
 * Puts the rows of each basket together, by counting: a mark for each basket
 * goes before its items.  A mark ends the last one, too.
 */
static void
group_rows(const Baskets *baskets, uint32 *words)
{
	uint32		nbaskets = baskets->nbaskets;
	Size	   *next = MemoryContextAllocExtended(CurrentMemoryContext,
												  ((Size) nbaskets + 1) * sizeof(Size),
												  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	Size		place = 0;
	uint32		i;
	int			pass;

	for (pass = 0; pass < 2; pass++)
	{
		StreamReader reader = {baskets->stream, 0, 0};

		while (reader.row < baskets->nrows)
		{
			uint32		item = next_row(&reader);

			if (pass == 0)
				next[reader.basket]++;
			else
				words[next[reader.basket]++] = item;
		}
		if (pass == 1)
			break;
		for (i = 0; i <= nbaskets; i++)
		{
			Size		n = next[i];

			words[place++] = TRANSACTION_MARK;
			next[i] = place;
			place += n;
		}
	}
	pfree(next);
}

/* Baskets on their way from rows to distinct items, counted. */
typedef struct Distinct
{
	uint32	   *words;			/* a mark and the items of each basket so far */
	Size		used;
	Size		begin;			/* of the basket at work: its mark */
	uint32	   *seen;			/* by item: number of the last basket with it, from 1 */
	uint32	   *count;			/* by item: baskets with it */
	uint32		basket;
	uint32		max_basket;
	uint32		nkept;
	uint32		nskipped;
} Distinct;

static inline void
add_distinct(Distinct *distinct, uint32 item)
{
	distinct->words[distinct->used] = item;
	distinct->used += distinct->seen[item] != distinct->basket;
	distinct->seen[item] = distinct->basket;
}

static inline void
end_basket(Distinct *distinct)
{
	Size		i;

	if (distinct->max_basket > 0 && distinct->used - distinct->begin - 1 > distinct->max_basket)
	{
		distinct->nskipped++;
		distinct->used = distinct->begin;
		return;
	}
	for (i = distinct->begin + 1; i < distinct->used; i++)
		distinct->count[distinct->words[i]]++;
	distinct->nkept++;
}

/* Ends the basket at work, where there is one, and begins the next. */
static inline void
next_basket(Distinct *distinct)
{
	if (distinct->basket > 0)
		end_basket(distinct);
	distinct->basket++;
	distinct->begin = distinct->used;
	distinct->words[distinct->used++] = TRANSACTION_MARK;
}

/* Distinct items of all baskets, each after a mark, and how many baskets each item is in. */
static void
make_distinct(const Baskets *baskets, Distinct *distinct)
{
	const uint32 *word = distinct->words;

	if (baskets->grouped)
	{
		StreamReader reader = {baskets->stream, 0, 0};

		while (reader.row < baskets->nrows)
		{
			uint32		item = next_row(&reader);

			while (distinct->basket <= reader.basket)
				next_basket(distinct);
			add_distinct(distinct, item);
		}
		/* the last ones may be without items */
		while (distinct->basket < baskets->nbaskets)
			next_basket(distinct);
	}
	else
	{
		group_rows(baskets, distinct->words);
		while (distinct->basket < baskets->nbaskets)
		{
			if ((distinct->basket & 0xfff) == 0)
				CHECK_FOR_INTERRUPTS();
			/* what is written never overtakes what is read */
			word++;
			next_basket(distinct);
			for (; (*word & TRANSACTION_MARK) == 0; word++)
				add_distinct(distinct, *word);
		}
	}
	if (distinct->basket > 0)
		end_basket(distinct);
	distinct->words[distinct->used] = TRANSACTION_MARK;
}

typedef struct ItemSupport
{
	uint32		id;
	uint32		count;
	uint32		rank;
} ItemSupport;

static int
compare_supports(const void *a, const void *b)
{
	const ItemSupport *x = a;
	const ItemSupport *y = b;

	CHECK_FOR_INTERRUPTS();
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return (x->rank > y->rank) - (x->rank < y->rank);
}

/*
 * Numbers the frequent items by descending support.  number[] gets the new
 * number + 1 of each item of the dictionary, 0 where it is not to be mined.
 */
static void
number_items(EncodedBaskets *encoded, IdDict *dict, const uint32 *count, const bool *dropped,
			 uint32 *number)
{
	uint32		nitems = iddict_count(dict);
	uint32	   *rank = iddict_sort(dict);
	ItemSupport *frequent;
	uint32	   *support;
	uint32	   *place = MemoryContextAllocHuge(CurrentMemoryContext,
											   (Size) Max(nitems, 1) * sizeof(uint32));
	uint32		n = 0;
	uint32		i;
	uint32		k;

	frequent = MemoryContextAllocHuge(CurrentMemoryContext, (Size) nitems * sizeof(ItemSupport));
	for (i = 0; i < nitems; i++)
	{
		number[i] = 0;
		if (count[i] < encoded->min_count || (dropped && dropped[i]))
			continue;
		frequent[n].id = i;
		frequent[n].count = count[i];
		frequent[n++].rank = rank[i];
	}
	qsort(frequent, n, sizeof(ItemSupport), compare_supports);

	encoded->transactions.nitems = n;
	support = MemoryContextAllocHuge(CurrentMemoryContext, (Size) Max(n, 1) * sizeof(uint32));
	encoded->dict_id = MemoryContextAllocHuge(CurrentMemoryContext,
											  (Size) Max(n, 1) * sizeof(uint32));
	encoded->rank = MemoryContextAllocHuge(CurrentMemoryContext,
										   (Size) Max(n, 1) * sizeof(uint32));
	for (i = 0; i < n; i++)
	{
		number[frequent[i].id] = i + 1;
		support[i] = frequent[i].count;
		encoded->dict_id[i] = frequent[i].id;
	}
	encoded->transactions.support = support;

	/* places among the frequent items alone: item of the miner by place first */
	for (i = 0; i < nitems; i++)
		place[rank[i]] = number[i];
	for (i = 0, k = 0; i < nitems; i++)
		if (place[i] > 0)
			encoded->rank[place[i] - 1] = k++;
	pfree(place);
	pfree(frequent);
	pfree(rank);
}

/*
 * Turns baskets of distinct items into transactions, in place: frequent items
 * under their new numbers, where there are two at least.
 */
static void
make_transactions(Distinct *distinct, const uint32 *number, Transactions *db)
{
	Size		nitems = Max(db->nitems, 1);
	uint32	   *words = distinct->words;
	const uint32 *word = words;
	Size		used = 0;
	uint32		kept = 0;
	uint32		i;
	Size		k;

	db->noccurrences = MemoryContextAllocExtended(CurrentMemoryContext, nitems * sizeof(uint32),
												  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	db->work = MemoryContextAllocExtended(CurrentMemoryContext, nitems * sizeof(uint64),
										  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (i = 0; i < distinct->nkept; i++)
	{
		Size		begin = used + 1;
		Size		end = begin;

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		for (word++; (*word & TRANSACTION_MARK) == 0; word++)
		{
			uint32		item = number[*word];

			words[end] = item - 1;
			end += item > 0;
		}
		if (end - begin < 2)
			continue;
		db->npairs += (uint64) (end - begin) * (end - begin - 1) / 2;
		sort_items(words + begin, end - begin);
		for (k = begin; k < end; k++)
		{
			db->noccurrences[words[k]]++;
			db->work[words[k]] += k - begin;
		}
		words[used] = TRANSACTION_MARK | kept++;
		used = end;
	}
	words[used++] = TRANSACTION_MARK;
	/* places in this array are 32-bit numbers */
	if (used > PG_UINT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %u rows of baskets and items", PG_UINT32_MAX)));
	db->ntransactions = kept;
	db->nwords = used;
	db->items = words;
}

/*
 * Encodes what was collected, in the current memory context, which should be
 * one of the budget.  Baskets of more than max_basket distinct items are left
 * out as if they had not been there, and counted.
 */
EncodedBaskets *
encode_baskets(Baskets *baskets, const EncodeOptions *options, const MemoryBudget *budget)
{
	EncodedBaskets *encoded = palloc0_object(EncodedBaskets);
	Distinct	distinct = {0};
	uint32		nitems = iddict_count(baskets->items);
	Size		nwords = (Size) baskets->nrows + baskets->nbaskets + 1;
	Size		size = (Size) Max(nitems, 1) * sizeof(uint32);

	budget_check(budget, (nwords + 11 * (Size) nitems) * sizeof(uint32) +
				 (baskets->grouped ? 0 : (Size) baskets->nbaskets * sizeof(Size)), "baskets");
	distinct.words = MemoryContextAllocHuge(CurrentMemoryContext, nwords * sizeof(uint32));
	distinct.seen = MemoryContextAllocExtended(CurrentMemoryContext, size,
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	distinct.count = MemoryContextAllocExtended(CurrentMemoryContext, size,
												MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	distinct.max_basket = options->max_basket;
	make_distinct(baskets, &distinct);

	encoded->nbaskets = distinct.nkept;
	encoded->nskipped = distinct.nskipped;
	encoded->min_count = options->min_support < 0 ? options->min_count :
		count_of_share(options->min_support, encoded->nbaskets);
	/* where items were seen is of no use any more: their new numbers take the place */
	number_items(encoded, baskets->items, distinct.count, options->dropped, distinct.seen);
	make_transactions(&distinct, distinct.seen, &encoded->transactions);
	pfree(distinct.count);
	pfree(distinct.seen);
	return encoded;
}
