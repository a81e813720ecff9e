/*-------------------------------------------------------------------------
 *
 * topup.c
 *		What brings a basket to the amount from which shipping is free.
 *
 * The candidates are the items that recommend_basket() would return, in its
 * order, that have a price.  Of these all sets of up to three whose prices
 * reach the gap are looked at, and that are not more than it takes: without any
 * one of its items a set does not reach it.
 *
 *		score = mean of affinity - overshoot / gap
 *
 * affinity is an item's score divided by that of the best candidate, 0 for items
 * that the basket does not lead to.  Ties: the smaller set, the lower total,
 * the better candidates.  With k candidates there are k (k - 1) (k - 2) / 6 sets
 * of three: 161,700 for 100, a millisecond or two.
 *
 * Prices are compared as numbers of ten-thousandths.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "core/options.h"
#include "recommend/serve.h"

#define MAX_ITEMS 3
#define MAX_CANDIDATES 500

/* Where the arguments are, counted from the name's. */
enum
{
	TOPUP_ITEMS = 1,
	TOPUP_GAP,
	TOPUP_N,
	TOPUP_MAX_ITEMS,
	TOPUP_CANDIDATES,
	TOPUP_DENY					/* followed by allow and filter */
};

typedef struct Offer
{
	uint32		item;
	Datum		price;			/* numeric; 0 where there is none */
	int64		units;
	double		affinity;
} Offer;

typedef struct Set
{
	int			n;
	int			offers[MAX_ITEMS];	/* rising */
	int64		units;
	double		score;
} Set;

typedef struct Topup
{
	Call	   *call;
	MemoryContext cxt;
	Offer	   *offers;			/* the best first */
	int			noffers;
	Offer	  **by_item;		/* while prices are read */
	uint32		nitems;
	int64		gap;
	int			max_items;
	Set		   *best;			/* a heap with the worst at its top */
	int			nbest;
	int			wanted;
} Topup;

/* Ten-thousandths, rounded. */
static int64
units_of(Datum numeric)
{
	Datum		factor = DirectFunctionCall1(int4_numeric, Int32GetDatum(10000));
	int64		units =
		DatumGetInt64(DirectFunctionCall1(numeric_int8,
										  DirectFunctionCall2(numeric_mul, numeric, factor)));

	/* three of them are added up */
	if (units > PG_INT64_MAX / 4)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("a price is too large")));
	return units;
}

/* Takes down the price of an eligible item: of several the lowest. */
static void
add_price(void *arg, const Datum *values, const bool *nulls)
{
	Topup	   *topup = (Topup *) arg;
	uint32		number;
	Offer	   *offer;
	MemoryContext old;
	int64		units;

	if (nulls[0] || nulls[1])
		return;
	number = item_table_find(&topup->call->recommender->table, values[0]);
	if (number >= topup->nitems || topup->by_item[number] == NULL)
		return;
	offer = topup->by_item[number];
	old = MemoryContextSwitchTo(topup->cxt);
	units = units_of(values[1]);
	if (units > 0 && (offer->price == (Datum) 0 || units < offer->units))
	{
		offer->units = units;
		offer->price = datumCopy(values[1], false, -1);
	}
	MemoryContextSwitchTo(old);
}

/* Keeps those of some items, in order, that are eligible and have a price. */
static void
add_offers(Topup *topup, const uint32 *items, uint32 n, bool affine, int limit)
{
	Call	   *call = topup->call;
	ItemTable  *table = &call->recommender->table;
	Offer	   *offers = palloc0_array(Offer, Max(n, 1));
	uint32		i;

	topup->nitems = table->n;
	topup->by_item = MemoryContextAllocHuge(CurrentMemoryContext,
											(Size) (table->n + 1) * sizeof(Offer *));
	memset(topup->by_item, 0, (Size) (table->n + 1) * sizeof(Offer *));
	for (i = 0; i < n; i++)
	{
		offers[i].item = items[i];
		offers[i].affinity = affine ? table->entries[items[i]].score : 0;
		topup->by_item[items[i]] = &offers[i];
	}
	eligible_read(call->recommender, call->filter, items, n, ELIGIBLE_PRICE, add_price, topup);
	for (i = 0; i < n; i++)
	{
		if (offers[i].price == (Datum) 0)
			table->entries[items[i]].flags |= ITEM_EXCLUDED;
		else if (topup->noffers < limit)
		{
			table->entries[items[i]].flags |= ITEM_TAKEN;
			topup->offers[topup->noffers++] = offers[i];
		}
	}
	pfree(topup->by_item);
	pfree(offers);
}

/* The candidates, down the ladder. */
static void
find_offers(Topup *topup, Scoring *scoring, int limit)
{
	Rung		rung;
	double		best;
	int			i;

	for (rung = RUNG_PERSONAL; rung < NRUNGS && topup->noffers < limit; rung++)
	{
		Stream		stream;
		int			round = 0;

		if (!stream_open(&stream, topup->call, rung, scoring))
			continue;
		while (!stream.done && topup->noffers < limit)
		{
			uint32		n;
			uint32	   *items = stream_next(&stream, limit - topup->noffers +
											((int64) 16 << Min(round++ * 2, 20)), &n);

			add_offers(topup, items, n, rung == RUNG_PERSONAL, limit);
		}
		stream_close(&stream);
	}
	/* the first has the greatest score */
	best = topup->noffers > 0 ? topup->offers[0].affinity : 0;
	for (i = 0; i < topup->noffers && best > 0; i++)
		topup->offers[i].affinity /= best;
}

/* Negative where a is the better set. */
static int
compare_sets(const Set *a, const Set *b)
{
	int			i;

	if (a->score != b->score)
		return a->score > b->score ? -1 : 1;
	if (a->n != b->n)
		return a->n - b->n;
	if (a->units != b->units)
		return a->units < b->units ? -1 : 1;
	for (i = 0; i < a->n; i++)
		if (a->offers[i] != b->offers[i])
			return a->offers[i] - b->offers[i];
	return 0;
}

static int
compare_sets_in_sort(const void *a, const void *b)
{
	return compare_sets((const Set *) a, (const Set *) b);
}

/* Puts a set among the best if it is one of them. */
static void
offer_set(Topup *topup, Set *set)
{
	Set		   *best = topup->best;
	double		affinity = 0;
	int			i;

	for (i = 0; i < set->n; i++)
		affinity += topup->offers[set->offers[i]].affinity;
	set->score = affinity / set->n - (double) (set->units - topup->gap) / (double) topup->gap;
	if (topup->nbest == topup->wanted)
	{
		if (compare_sets(set, &best[0]) >= 0)
			return;
		i = 0;
		for (;;)
		{
			int			child = 2 * i + 1;

			if (child >= topup->nbest)
				break;
			if (child + 1 < topup->nbest && compare_sets(&best[child + 1], &best[child]) > 0)
				child++;
			if (compare_sets(set, &best[child]) >= 0)
				break;
			best[i] = best[child];
			i = child;
		}
	}
	else
	{
		for (i = topup->nbest++; i > 0 && compare_sets(set, &best[(i - 1) / 2]) > 0; i = (i - 1) / 2)
			best[i] = best[(i - 1) / 2];
	}
	best[i] = *set;
}

/*
 * Adds items after `start` to a set that does not reach the gap.  least is the
 * price of its cheapest item: the set is too much if it can do without that.
 */
static void
extend_set(Topup *topup, const Set *set, int64 least, int start)
{
	int			i;

	CHECK_FOR_INTERRUPTS();
	for (i = start; i < topup->noffers; i++)
	{
		Set			larger = *set;
		int64		cheapest = Min(least, topup->offers[i].units);

		larger.offers[larger.n++] = i;
		larger.units += topup->offers[i].units;
		if (larger.units < topup->gap)
		{
			if (larger.n < topup->max_items)
				extend_set(topup, &larger, cheapest, i + 1);
		}
		else if (larger.units - cheapest < topup->gap)
			offer_set(topup, &larger);
	}
}

static void
put_sets(Topup *topup, Datum gap)
{
	Call	   *call = topup->call;
	const IdType *out = &call->out;
	int			i;
	int			k;

	qsort(topup->best, topup->nbest, sizeof(Set), compare_sets_in_sort);
	for (i = 0; i < topup->nbest; i++)
	{
		const Set  *set = &topup->best[i];
		Datum		items[MAX_ITEMS];
		Datum		values[4];
		bool		nulls[4] = {0};
		Datum		total = (Datum) 0;

		for (k = 0; k < set->n; k++)
		{
			const Offer *offer = &topup->offers[set->offers[k]];

			items[k] = call_item_out(call, call->recommender->table.entries[offer->item].item);
			total = k == 0 ? offer->price : DirectFunctionCall2(numeric_add, total, offer->price);
		}
		values[0] = PointerGetDatum(construct_array(items, set->n, out->type, out->typlen,
													out->typbyval, out->typalign));
		values[1] = total;
		values[2] = DirectFunctionCall2(numeric_sub, total, gap);
		values[3] = Float8GetDatum(set->score);
		call_put_row(call, values, nulls);
	}
}

static void
cart_topup(Call *call)
{
	FunctionCallInfo fcinfo = call->fcinfo;
	int			first = call->first;
	Topup		topup = {0};
	HistoryItem *basket;
	uint32	   *items;
	int			limit;
	int			n;
	int			i;
	Set			empty = {0};

	if (PG_ARGISNULL(first + TOPUP_GAP))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("gap must not be null")));
	topup.call = call;
	topup.cxt = CurrentMemoryContext;
	topup.gap = units_of(PG_GETARG_DATUM(first + TOPUP_GAP));
	topup.wanted = PG_ARGISNULL(first + TOPUP_N) ? 10 :
		check_int_option("n", PG_GETARG_INT32(first + TOPUP_N), 1, 10000);
	topup.max_items = PG_ARGISNULL(first + TOPUP_MAX_ITEMS) ? MAX_ITEMS :
		check_int_option("max_items", PG_GETARG_INT32(first + TOPUP_MAX_ITEMS), 1, MAX_ITEMS);
	limit = PG_ARGISNULL(first + TOPUP_CANDIDATES) ? 100 :
		check_int_option("candidates", PG_GETARG_INT32(first + TOPUP_CANDIDATES), 1, MAX_CANDIDATES);
	/* the basket is there already */
	if (topup.gap <= 0)
		return;

	items = call_put_array(call, first + TOPUP_ITEMS, &n);
	basket = palloc_array(HistoryItem, Max(n, 1));
	for (i = 0; i < n; i++)
	{
		basket[i].item = items[i];
		basket[i].weight = 1;
		call->recommender->table.entries[items[i]].flags |= ITEM_EXCLUDED;
	}
	call->history = basket;
	call->nhistory = n;
	call_read_limits(call, first + TOPUP_DENY);
	topup.offers = palloc_array(Offer, limit);
	topup.best = palloc_array(Set, topup.wanted);
	find_offers(&topup, scoring_create(call->recommender, basket, n), limit);
	extend_set(&topup, &empty, PG_INT64_MAX, 0);
	put_sets(&topup, PG_GETARG_DATUM(first + TOPUP_GAP));
}

/* cart_topup(name text, items bigint[], gap numeric, n integer, ...) */
RECSYS_FUNCTION(recsys_cart_topup);
Datum
recsys_cart_topup(PG_FUNCTION_ARGS)
{
	return call_run(fcinfo, 0, 0, cart_topup);
}

/* cart_topup(witness anyelement, name text, items anyarray, gap numeric, n integer, ...) */
RECSYS_FUNCTION(recsys_cart_topup_typed);
Datum
recsys_cart_topup_typed(PG_FUNCTION_ARGS)
{
	return call_run(fcinfo, 1, 0, cart_topup);
}
