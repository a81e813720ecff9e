/*-------------------------------------------------------------------------
 *
 * rerank.c
 *		A given list of items, such as the result of a search, by a user's taste.
 *
 *		score = (1 - weight) * base + weight * taste
 *
 * base is the score that the caller gives an item, scaled so that the least is
 * 0 and the greatest 1; without scores it is the place in the list, from 1 for
 * the first down in equal steps.  taste is what recommend() would give the
 * item, divided by the greatest of the list.  Scaled contributions are rounded
 * as score.c does, so that they add up to the share of taste.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "core/options.h"
#include "recommend/serve.h"

/* Where the arguments are, counted from the name's. */
enum
{
	RERANK_USER = 1,
	RERANK_ITEMS,
	RERANK_BASE_SCORES,
	RERANK_WEIGHT,
	RERANK_HALF_LIFE,
	RERANK_AS_OF
};

typedef struct Place
{
	uint32		item;
	int			place;
	double		base;
	double		taste;
} Place;

/* The given items, each once, with their scores if there are any. */
static Place *
read_items(Call *call, int *n)
{
	FunctionCallInfo fcinfo = call->fcinfo;
	int			first = call->first;
	ItemTable  *table = &call->recommender->table;
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(first + RERANK_ITEMS);
	Oid			type = ARR_ELEMTYPE(array);
	int16		typlen;
	bool		typbyval;
	char		typalign;
	Datum	   *values;
	bool	   *nulls;
	Datum	   *bases = NULL;
	bool	   *base_nulls = NULL;
	Place	   *places;
	bool	   *seen;
	int			nvalues;
	int			nbases;
	int			i;

	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	deconstruct_array(array, type, typlen, typbyval, typalign, &values, &nulls, &nvalues);
	if (!PG_ARGISNULL(first + RERANK_BASE_SCORES))
	{
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(first + RERANK_BASE_SCORES), FLOAT8OID,
						  sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
						  &bases, &base_nulls, &nbases);
		if (nbases != nvalues)
			ereport(ERROR,
					(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
					 errmsg("there are %d base_scores for %d items", nbases, nvalues)));
	}

	*n = 0;
	places = palloc_array(Place, Max(nvalues, 1));
	seen = palloc0_array(bool, table->n + nvalues + 1);
	for (i = 0; i < nvalues; i++)
	{
		Place	   *place = &places[*n];
		Datum		item;

		if (nulls[i] || !call_item_in(call, values[i], type, &item))
			continue;
		place->item = item_table_put(table, item);
		if (seen[place->item])
			continue;
		seen[place->item] = true;
		place->place = *n;
		if (bases)
		{
			place->base = base_nulls[i] ? NAN : DatumGetFloat8(bases[i]);
			if (isnan(place->base) || isinf(place->base))
				ereport(ERROR,
						(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						 errmsg("base_scores must be finite")));
		}
		else
			place->base = -(double) *n;
		(*n)++;
	}
	pfree(seen);
	return places;
}

/* Scales base scores to 0 .. 1. */
static void
scale_bases(Place *places, int n, bool given)
{
	double		least = places[0].base;
	double		greatest = places[0].base;
	int			i;

	for (i = 1; i < n; i++)
	{
		least = Min(least, places[i].base);
		greatest = Max(greatest, places[i].base);
	}
	/* halves: the difference of the greatest numbers there are would be too much */
	for (i = 0; i < n; i++)
		if (!given)
			places[i].base = (double) (n - places[i].place) / n;
		else if (greatest > least)
			places[i].base = (places[i].base / 2 - least / 2) / (greatest / 2 - least / 2);
		else
			places[i].base = 0;
}

static int
compare_places(const void *a, const void *b)
{
	const Place *x = (const Place *) a;
	const Place *y = (const Place *) b;
	double		x_score = x->base + x->taste;
	double		y_score = y->base + y->taste;

	CHECK_FOR_INTERRUPTS();
	if (x_score != y_score)
		return x_score > y_score ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

/* Rows, with what the history contributed. */
static void
put_places(Call *call, const Place *places, int n, Scoring *scoring)
{
	const IdType *out = &call->out;
	uint32	   *items = palloc_array(uint32, n);
	Candidate  *candidates;
	int			i;
	int			k;

	for (i = 0; i < n; i++)
		items[i] = places[i].item;
	candidates = scoring_explain(scoring, items, n);
	for (i = 0; i < n; i++)
	{
		Candidate  *candidate = &candidates[i];
		Datum		values[6];
		bool		nulls[6] = {0};
		Datum	   *parts = palloc_array(Datum, Max(candidate->nreasons, 1));

		for (k = 0; k < candidate->nreasons; k++)
		{
			candidate->reasons[k] = call_item_out(call, candidate->reasons[k]);
			parts[k] = Float8GetDatum(candidate->contributions[k]);
		}
		values[0] = call_item_out(call, candidate->item);
		values[1] = Float8GetDatum(places[i].base + places[i].taste);
		values[2] = Float8GetDatum(places[i].base);
		values[3] = Float8GetDatum(places[i].taste);
		values[4] = PointerGetDatum(construct_array(candidate->reasons, candidate->nreasons,
													out->type, out->typlen, out->typbyval,
													out->typalign));
		values[5] = PointerGetDatum(construct_array(parts, candidate->nreasons, FLOAT8OID,
													sizeof(float8), FLOAT8PASSBYVAL,
													TYPALIGN_DOUBLE));
		call_put_row(call, values, nulls);
	}
}

static void
rerank(Call *call)
{
	FunctionCallInfo fcinfo = call->fcinfo;
	int			first = call->first;
	ItemEntry  *entries;
	HistoryOptions options = {0};
	HistoryItem *history = NULL;
	Scoring    *scoring;
	Place	   *places;
	double		weight = PG_ARGISNULL(first + RERANK_WEIGHT) ? 0.5 :
		check_float_option("weight", PG_GETARG_FLOAT8(first + RERANK_WEIGHT), 0, 1);
	double		greatest = 0;
	int			nhistory = 0;
	int			n;
	int			i;

	options.cut = !PG_ARGISNULL(first + RERANK_AS_OF);
	options.now = options.cut ? PG_GETARG_TIMESTAMPTZ(first + RERANK_AS_OF) :
		GetCurrentTransactionStartTimestamp();
	options.half_life = call_get_half_life(call, first + RERANK_HALF_LIFE);
	options.need_ts = options.cut || options.half_life > 0;
	if (PG_ARGISNULL(first + RERANK_ITEMS))
		return;
	if (!PG_ARGISNULL(first + RERANK_USER))
		history = history_read(call->recommender, PG_GETARG_DATUM(first + RERANK_USER),
							   get_fn_expr_argtype(fcinfo->flinfo, first + RERANK_USER), &options,
							   NULL, &nhistory);
	places = read_items(call, &n);
	if (n == 0)
		return;
	scale_bases(places, n, !PG_ARGISNULL(first + RERANK_BASE_SCORES));

	scoring = scoring_create(call->recommender, history, nhistory);
	entries = call->recommender->table.entries;
	for (i = 0; i < n; i++)
		greatest = Max(greatest, fabs(entries[places[i].item].score));
	/* what is next to nothing cannot be scaled */
	scoring_scale(scoring, greatest > 1e-280 ? weight / greatest : 0);
	for (i = 0; i < n; i++)
	{
		places[i].base *= 1 - weight;
		places[i].taste = entries[places[i].item].score;
	}
	qsort(places, n, sizeof(Place), compare_places);
	put_places(call, places, n, scoring);
}

/* rerank(name text, user anycompatible, items bigint[], base_scores double precision[], ...) */
RECSYS_FUNCTION(recsys_rerank);
Datum
recsys_rerank(PG_FUNCTION_ARGS)
{
	return call_run(fcinfo, 0, 0, rerank);
}

/* rerank(witness anyelement, name text, user anycompatible, items text[], ...) */
RECSYS_FUNCTION(recsys_rerank_typed);
Datum
recsys_rerank_typed(PG_FUNCTION_ARGS)
{
	return call_run(fcinfo, 1, 0, rerank);
}
