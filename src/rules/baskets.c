/*-------------------------------------------------------------------------
 *
 * baskets.c
 *		Collecting baskets of items, and encoding them for the miner.
 *
 * While rows come in, keys and items become dense numbers and rows go to a
 * compact stream.  At the end the stream is read twice, to count and to fill,
 * which puts the rows of each basket together; items of a basket are made
 * distinct, supports counted, infrequent items dropped, and the rest is
 * numbered by descending support.
 *
 * Rows may come in any order; a basket whose rows come one after another is
 * cheapest.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "libpq/pqformat.h"
#include "utils/lsyscache.h"

#include "core/progress.h"
#include "rules/baskets.h"

#define MAX_VARINT 10

void
baskets_init(Baskets *baskets, MemoryContext cxt)
{
	memset(baskets, 0, sizeof(*baskets));
	baskets->cxt = cxt;
	baskets->capacity = 1024;
	baskets->stream = MemoryContextAlloc(cxt, baskets->capacity);
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

static inline void
append_row(Baskets *baskets, uint32 basket, uint32 item)
{
	uint8	   *p;

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
	uint32		basket;

	/* the key of the row before needs no lookup */
	if (baskets->caches_key && baskets->nrows > 0 && key == baskets->last_key)
		basket = baskets->last;
	else
	{
		basket = iddict_put(baskets->keys, key);
		baskets->nbaskets = iddict_count(baskets->keys);
		baskets->last_key = key;
	}
	append_row(baskets, basket, iddict_put(baskets->items, item));
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
			append_row(baskets, baskets->nbaskets, iddict_put(baskets->items, items[i]));
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
	const uint8 *p = other->stream;
	int64		basket = 0;
	uint64		number;
	uint64		row;
	uint32		i;

	for (i = 0; i < nitems; i++)
		item_map[i] = iddict_put(baskets->items, iddict_value(other->items, i));
	if (other->keys)
	{
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
		if ((row & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		p = get_number(p, &number);
		basket += unzigzag(number);
		p = get_number(p, &number);
		append_row(baskets, key_map ? key_map[basket] : first + (uint32) basket,
				   item_map[number]);
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

/* Reads what baskets_serialize() wrote into a state just initialized. */
void
baskets_deserialize(Baskets *baskets, StringInfo buf)
{
	bool		keyed = pq_getmsgbyte(buf) != 0;

	baskets->nbaskets = pq_getmsgint(buf, 4);
	baskets->last = pq_getmsgint(buf, 4);
	baskets->nrows = pq_getmsgint64(buf);
	baskets->used = pq_getmsgint64(buf);
	baskets->items = iddict_deserialize(baskets->cxt, buf, "item");
	if (keyed)
		baskets->keys = iddict_deserialize(baskets->cxt, buf, "basket");
	baskets->capacity = baskets->used + 2 * MAX_VARINT;
	baskets->stream = MemoryContextAllocHuge(baskets->cxt, baskets->capacity);
	memcpy(baskets->stream, pq_getmsgbytes(buf, baskets->used), baskets->used);
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

/* Puts the rows of each basket together: start[] and the items, in any order. */
static void
group_rows(const Baskets *baskets, uint32 *start, uint32 *items)
{
	uint32		nbaskets = baskets->nbaskets;
	int			pass;
	uint32		i;

	/* starts are kept one place on while the baskets are filled */
	memset(start, 0, ((Size) nbaskets + 2) * sizeof(uint32));
	for (pass = 0; pass < 2; pass++)
	{
		const uint8 *p = baskets->stream;
		int64		basket = 0;
		uint64		number;
		uint64		row;

		for (row = 0; row < baskets->nrows; row++)
		{
			if ((row & 0xffff) == 0)
				CHECK_FOR_INTERRUPTS();
			p = get_number(p, &number);
			basket += unzigzag(number);
			p = get_number(p, &number);
			if (pass == 0)
				start[basket + 2]++;
			else
				items[start[basket + 1]++] = (uint32) number;
		}
		if (pass == 0)
			for (i = 0; i <= nbaskets; i++)
				start[i + 1] += start[i];
	}
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
 * Encodes what was collected, in the current memory context, which should be
 * one of the budget.  Baskets of more than max_basket distinct items are left
 * out as if they had not been there, and counted.
 */
EncodedBaskets *
encode_baskets(Baskets *baskets, const EncodeOptions *options, const MemoryBudget *budget)
{
	EncodedBaskets *encoded = palloc0_object(EncodedBaskets);
	uint32		nbaskets = baskets->nbaskets;
	uint32		nitems = iddict_count(baskets->items);
	Size		size = ((Size) nbaskets + 2) * sizeof(uint32);
	uint32	   *start;
	uint32	   *items;
	uint32	   *weight;
	uint32	   *count;
	uint32	   *number;
	uint32		used = 0;
	uint32		kept = 0;
	uint32		i;
	uint32		k;

	budget_check(budget, 2 * size + ((Size) baskets->nrows + 8 * (Size) nitems) * sizeof(uint32),
				 "baskets");
	start = MemoryContextAllocHuge(CurrentMemoryContext, size);
	items = MemoryContextAllocHuge(CurrentMemoryContext,
								   Max(baskets->nrows, 1) * sizeof(uint32));
	count = MemoryContextAllocExtended(CurrentMemoryContext,
									   (Size) Max(nitems, 1) * sizeof(uint32),
									   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	number = MemoryContextAllocExtended(CurrentMemoryContext,
										(Size) Max(nitems, 1) * sizeof(uint32),
										MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	group_rows(baskets, start, items);

	/* distinct items of the baskets that count; number[] remembers where an item was last */
	for (i = 0; i < nbaskets; i++)
	{
		uint32		end = used;

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		for (k = start[i]; k < start[i + 1]; k++)
		{
			uint32		item = items[k];

			if (number[item] == i + 1)
				continue;
			number[item] = i + 1;
			items[end++] = item;
		}
		if (options->max_basket > 0 && end - used > options->max_basket)
		{
			encoded->nskipped++;
			continue;
		}
		for (k = used; k < end; k++)
			count[items[k]]++;
		start[kept++] = used;
		used = end;
	}
	start[kept] = used;
	encoded->nbaskets = kept;
	encoded->min_count = options->min_support < 0 ? options->min_count :
		count_of_share(options->min_support, kept);
	number_items(encoded, baskets->items, count, options->dropped, number);

	/* frequent items under their new numbers, where there are two at least */
	nbaskets = kept;
	kept = used = 0;
	for (i = 0; i < nbaskets; i++)
	{
		uint32		end = used;

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		for (k = start[i]; k < start[i + 1]; k++)
		{
			uint32		item = number[items[k]];

			items[end] = item - 1;
			end += item > 0;
		}
		if (end - used < 2)
			continue;
		sort_items(items + used, end - used);
		start[kept++] = used;
		used = end;
	}
	start[kept] = used;
	pfree(count);
	pfree(number);

	weight = MemoryContextAllocHuge(CurrentMemoryContext, (Size) Max(kept, 1) * sizeof(uint32));
	for (i = 0; i < kept; i++)
		weight[i] = 1;
	encoded->transactions.ntransactions = kept;
	encoded->transactions.start = start;
	encoded->transactions.items = items;
	encoded->transactions.weight = weight;
	return encoded;
}
