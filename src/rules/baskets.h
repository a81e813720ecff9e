/*-------------------------------------------------------------------------
 *
 * baskets.h
 *		Collecting baskets of items, and encoding them for the miner.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RULES_BASKETS_H
#define RECSYS_RULES_BASKETS_H

#include "core/compat.h"
#include "core/iddict.h"
#include "lib/stringinfo.h"
#include "rules/miner.h"
#include "utils/array.h"

/*
 * Rows as they came: a stream of (basket, item) numbers, each as the
 * difference to the basket before and the number of the item, in bytes of
 * seven bits.  Rows of one basket together take two to three bytes each.
 */
typedef struct Baskets
{
	MemoryContext cxt;
	IdDict	   *items;			/* NULL until baskets_open() */
	IdDict	   *keys;			/* of the baskets, NULL where each array is one */
	uint32		nbaskets;
	uint32		last;			/* basket of the last row */
	bool		grouped;		/* the rows of each basket came one after another */
	Datum		last_key;		/* its key, valid if caches_key */
	bool		caches_key;		/* keys are passed by value and rows come from one place */
	/* shortcuts for integers: 2, 4 or 8 bytes, 0 where there are none */
	int			key_width;
	int			item_width;
	int64	   *ascending;		/* keys by basket while they ascend, not in the dictionary; or NULL */
	uint32		ascending_capacity;
	bool		wrapped;		/* they ascend from the least one again, to the first of all */
	uint32	   *small_items;	/* by item: number + 1, 0 where it is not known here */
	uint32		nsmall;
	uint64		nrows;
	uint64		next_check;		/* of memory, by the number of rows and baskets */
	uint8	   *stream;
	Size		used;
	Size		capacity;
	bool		once;			/* rows are needed no more once they are encoded */
} Baskets;

/* What a miner needs, and what turns its numbers back into items. */
typedef struct EncodedBaskets
{
	Transactions transactions;
	uint32		nbaskets;		/* those mined */
	uint32		nskipped;		/* those above max_basket */
	uint32		min_count;
	uint32	   *dict_id;		/* by item of the miner: number in the dictionary */
	uint32	   *rank;			/* by item of the miner: place among them in the items' order */
} EncodedBaskets;

/* What encode_baskets() leaves out, and where the bar is. */
typedef struct EncodeOptions
{
	double		min_support;	/* share; below 0: min_count counts */
	uint32		min_count;
	uint32		max_basket;		/* 0: no limit */
	bool	   *dropped;		/* by number in the dictionary: not mined; or NULL */
	bool		shares;			/* several processes may mine */
} EncodeOptions;

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

static inline int64
unzigzag(uint64 number)
{
	return (int64) (number >> 1) ^ -(int64) (number & 1);
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

/* Now and then, whether baskets have grown too large: an array may add many rows at once. */
static inline void
baskets_check(Baskets *baskets, const MemoryBudget *budget)
{
	uint64		size = baskets->nrows + baskets->nbaskets;

	if (size < baskets->next_check)
		return;
	budget_check(budget, 0, "baskets");
	baskets->next_check = size + 4096;
}

extern void baskets_init(Baskets *baskets, MemoryContext cxt);
extern void baskets_open(Baskets *baskets, Oid item_type, Oid item_collation, Oid key_type,
						 Oid key_collation);
extern void baskets_add(Baskets *baskets, Datum key, Datum item);
extern void baskets_add_items(Baskets *baskets, ArrayType *array);
extern void baskets_combine(Baskets *baskets, Baskets *other);
extern void baskets_forget_rows(Baskets *baskets);
extern void baskets_serialize(Baskets *baskets, StringInfo buf);
extern void baskets_deserialize(Baskets *baskets, StringInfo buf);
extern EncodedBaskets *encode_baskets(Baskets *baskets, const EncodeOptions *options,
									  MemoryBudget *budget);
extern uint32 count_of_share(double share, uint32 n);

#endif							/* RECSYS_RULES_BASKETS_H */
