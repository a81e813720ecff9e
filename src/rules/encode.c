/*-------------------------------------------------------------------------
 *
 * encode.c
 *		Encoding baskets for the miner.
 *
 * The rows of each basket are put together; items of a basket are made
 * distinct, supports counted, infrequent items dropped, and the rest is
 * numbered by descending support.  All of this happens in one array, in which
 * a mark comes before the items of each basket.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "core/large.h"
#include "core/numbers.h"
#include "rules/baskets.h"
#include "rules/mining.h"
#include "rules/transactions.h"

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

			if ((i & 0xfff) == 0)
				CHECK_FOR_INTERRUPTS();
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
		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
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
	{
		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		place[rank[i]] = number[i];
	}
	for (i = 0, k = 0; i < nitems; i++)
		if (place[i] > 0)
			encoded->rank[place[i] - 1] = k++;
	pfree(place);
	pfree(frequent);
	pfree(rank);
}

/*
 * Turns baskets of distinct items into transactions: frequent items under their
 * new numbers, where there are two at least.  The words of baskets are changed.
 */
static void
make_transactions(const Distinct *distinct, const uint32 *number, Transactions *db, void *words)
{
	Size		nitems = Max(db->nitems, 1);
	uint32	   *word = distinct->words;
	Size		used = 0;
	uint32		i;
	Size		k;

	db->noccurrences = MemoryContextAllocExtended(CurrentMemoryContext, nitems * sizeof(uint32),
												  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	db->npairs_before = MemoryContextAllocExtended(CurrentMemoryContext, nitems * sizeof(uint64),
										  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (i = 0; i < distinct->nkept; i++)
	{
		uint32	   *items = word + 1;
		Size		n = 0;

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		for (word++; (*word & TRANSACTION_MARK) == 0; word++)
		{
			uint32		item = number[*word];

			items[n] = item - 1;
			n += item > 0;
		}
		if (n < 2)
			continue;
		db->ntransactions++;
		db->npairs += (uint64) n * (n - 1) / 2;
		sort_items(items, n);
		put_word(words, db->narrow, used++, TRANSACTION_MARK);
		for (k = 0; k < n; k++)
		{
			uint32		item = items[k];

			db->noccurrences[item] += k > 0;
			db->npairs_before[item] += k;
			put_word(words, db->narrow, used++, item);
		}
	}
	put_word(words, db->narrow, used++, TRANSACTION_MARK);
	/* places in this array are 32-bit numbers */
	if (used > PG_UINT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %u rows of baskets and items", PG_UINT32_MAX)));
	db->nwords = used;
}

/* Memory for the transactions, now that it is known how long they are at most. */
static void *
create_transactions(EncodedBaskets *encoded, bool shares, MemoryBudget *budget)
{
	Transactions *db = &encoded->transactions;
	double		nrows = 0;
	Size		nwords;
	int			nworkers = 0;
	uint32		i;

	for (i = 0; i < db->nitems; i++)
		nrows += db->support[i];
	nwords = (Size) nrows + encoded->nbaskets + 1;
	/* of baskets that differ in length there are more pairs than of equal ones */
	if (shares && encoded->nbaskets > 0)
		nworkers = mining_workers(nrows * nrows / encoded->nbaskets, nwords, db->nitems, budget);
	return transactions_create(db, nwords, nworkers, budget);
}

/*
 * Encodes what was collected, in the current memory context, which should be
 * one of the budget.  Baskets of more than max_basket distinct items are left
 * out as if they had not been there, and counted.
 */
EncodedBaskets *
encode_baskets(Baskets *baskets, const EncodeOptions *options, MemoryBudget *budget)
{
	EncodedBaskets *encoded = palloc0_object(EncodedBaskets);
	Distinct	distinct = {0};
	uint32		nitems = iddict_count(baskets->items);
	Size		nwords = (Size) baskets->nrows + baskets->nbaskets + 1;
	Size		size = (Size) Max(nitems, 1) * sizeof(uint32);
	void	   *words;

	budget_check(budget, (nwords + 11 * (Size) nitems) * sizeof(uint32) +
				 (baskets->grouped ? 0 : (Size) baskets->nbaskets * sizeof(Size)), "baskets");
	distinct.words = large_alloc(CurrentMemoryContext, nwords * sizeof(uint32));
	distinct.seen = MemoryContextAllocExtended(CurrentMemoryContext, size,
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	distinct.count = MemoryContextAllocExtended(CurrentMemoryContext, size,
												MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	distinct.max_basket = options->max_basket;
	make_distinct(baskets, &distinct);
	if (baskets->once)
		baskets_forget_rows(baskets);

	encoded->nbaskets = distinct.nkept;
	encoded->nskipped = distinct.nskipped;
	encoded->min_count = options->min_support < 0 ? options->min_count :
		count_of_share(options->min_support, encoded->nbaskets);
	/* where items were seen is of no use any more: their new numbers take the place */
	number_items(encoded, baskets->items, distinct.count, options->dropped, distinct.seen);
	words = create_transactions(encoded, options->shares, budget);
	make_transactions(&distinct, distinct.seen, &encoded->transactions, words);
	pfree(distinct.words);
	pfree(distinct.count);
	pfree(distinct.seen);
	return encoded;
}
