/*-------------------------------------------------------------------------
 *
 * pareto.c
 *		How unequally a value is spread: tiers by cumulative share, the share of
 *		the top, and the Gini coefficient.
 *
 * Tiers: in descending order of value, tier A ends with the smallest prefix
 * whose share of the total reaches the first share, B with that which reaches
 * the second, and so on; the last tier has the rest.  Only the value at which a
 * prefix ends is kept, so equal values are always in one tier.
 *
 * Values are sorted once, within work_mem or on disk, and sums are taken in
 * that order: nothing depends on the order of rows.  A negative value counts
 * as 0, in the total as in its rank.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/tuplesort.h"
#include "utils/typcache.h"
#include "windowapi.h"

#include "core/aggregate.h"
#include "core/exactsum.h"
#include "core/keyspool.h"
#include "core/options.h"

#define MAX_TIERS 26			/* A to Z */

/* Shares are reached within this part of them: 0.8 of 10 in cents is 8. */
#define SHARE_TOLERANCE 1e-12

static double
checked_value(Datum datum)
{
	double		value = DatumGetFloat8(datum);

	if (!isfinite(value))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("value must be a finite number"),
				 errhint("Leave such rows out, or make them NULL.")));
	return value > 0 ? value : 0;
}

/* Takes a spool's keys into a sort, ascending or descending. */
static Tuplesortstate *
begin_sort(bool descending)
{
	TypeCacheEntry *type = lookup_type_cache(FLOAT8OID, TYPECACHE_LT_OPR | TYPECACHE_GT_OPR);

	return tuplesort_begin_datum(FLOAT8OID, descending ? type->gt_opr : type->lt_opr, InvalidOid,
								 false, work_mem, NULL, false);
}

static bool
next_value(Tuplesortstate *sort, double *value)
{
	Datum		datum;
	bool		isnull;

	if (!recsys_tuplesort_getdatum(sort, &datum, &isnull))
		return false;
	*value = DatumGetFloat8(datum);
	return true;
}

/* ---------------- pareto_tier() ---------------- */

typedef struct ParetoWindow
{
	MemoryContext argcxt;
	int			nshares;
	double		shares[MAX_TIERS - 1];
	double		bounds[MAX_TIERS - 1];	/* least value of each tier but the last */
	Datum		names[MAX_TIERS];
} ParetoWindow;

static void
read_shares(ParetoWindow *w, WindowObject winobj)
{
	ArrayType  *array;
	Datum		value;
	bool		isnull;
	int			i;

	value = WinGetFuncArgCurrent(winobj, 1, &isnull);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("shares must not be null")));
	array = DatumGetArrayTypeP(value);
	w->nshares = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	if (ARR_NDIM(array) != 1 || array_contains_nulls(array) || w->nshares > MAX_TIERS - 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("shares must be an array of 1 to %d numbers", MAX_TIERS - 1)));
	memcpy(w->shares, ARR_DATA_PTR(array), w->nshares * sizeof(double));
	for (i = 0; i < w->nshares; i++)
		if (!(w->shares[i] > (i > 0 ? w->shares[i - 1] : 0) && w->shares[i] <= 1))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("shares must ascend and be greater than 0 and at most 1")));
}

/* Sorts the values of the partition and adds them up; returns their sum. */
static double
sort_partition(ParetoWindow *w, WindowObject winobj, Tuplesortstate *sort)
{
	int64		nrows = WinGetPartitionRowCount(winobj);
	ExactSum	sum;
	int64		i;

	exactsum_init(&sum);
	for (i = 0; i < nrows; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(w->argcxt);
		bool		isnull;
		bool		isout;
		Datum		datum = WinGetFuncArgInPartition(winobj, 0, i, WINDOW_SEEK_HEAD, false,
													 &isnull, &isout);

		MemoryContextSwitchTo(old);
		if (!isnull)
		{
			double		value = checked_value(datum);

			exactsum_add(&sum, value);
			tuplesort_putdatum(sort, Float8GetDatum(value), false);
		}
		if ((i & 0xff) == 0)
		{
			CHECK_FOR_INTERRUPTS();
			MemoryContextReset(w->argcxt);
		}
	}
	tuplesort_performsort(sort);
	return exactsum_value(&sum);
}

static void
find_bounds(ParetoWindow *w, WindowObject winobj)
{
	Tuplesortstate *sort = begin_sort(true);
	double		total = sort_partition(w, winobj, sort);
	double		value;
	double		reached = 0;
	int			tier = 0;
	int			i;

	/* a tier that nothing reaches begins above all values */
	for (i = 0; i < w->nshares; i++)
		w->bounds[i] = get_float8_infinity();
	/* nobody is in the first tiers where there is nothing to share */
	while (total > 0 && tier < w->nshares && next_value(sort, &value))
	{
		CHECK_FOR_INTERRUPTS();
		reached += value;
		while (tier < w->nshares && reached >= w->shares[tier] * total * (1 - SHARE_TOLERANCE))
			w->bounds[tier++] = value;
	}
	tuplesort_end(sort);
}

RECSYS_FUNCTION(recsys_pareto_tier);

/* pareto_tier(value [, shares]): a window function */
Datum
recsys_pareto_tier(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	ParetoWindow *w = fcinfo->flinfo->fn_extra;
	bool	   *started = WinGetPartitionLocalMemory(winobj, sizeof(bool));
	Datum		datum;
	double		value;
	bool		isnull;
	int			tier = 0;

	if (w == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		w = palloc0_object(ParetoWindow);
		w->argcxt = AllocSetContextCreate(CurrentMemoryContext, "recsys pareto value",
										  ALLOCSET_DEFAULT_SIZES);
		for (tier = 0; tier < MAX_TIERS; tier++)
		{
			char		name[2] = {'A' + tier, '\0'};

			w->names[tier] = CStringGetTextDatum(name);
		}
		tier = 0;
		fcinfo->flinfo->fn_extra = w;
		MemoryContextSwitchTo(old);
	}
	if (!*started)
	{
		if (OidIsValid(get_fn_expr_argtype(fcinfo->flinfo, 1)))
			read_shares(w, winobj);
		else
		{
			w->nshares = 2;
			w->shares[0] = 0.8;
			w->shares[1] = 0.95;
		}
		find_bounds(w, winobj);
		*started = true;
	}
	datum = WinGetFuncArgCurrent(winobj, 0, &isnull);
	if (isnull)
		PG_RETURN_NULL();
	value = checked_value(datum);
	while (tier < w->nshares && value < w->bounds[tier])
		tier++;
	return w->names[tier];
}

/* ---------------- pareto_share_agg(), gini_agg() ---------------- */

typedef struct SpreadState
{
	double		top;			/* of pareto_share_agg() */
	KeySpool   *spool;			/* the values, as keys */
} SpreadState;

static SpreadState *
create_state(FunctionCallInfo fcinfo)
{
	MemoryContext cxt;
	SpreadState *state;

	cxt = aggregate_context(fcinfo);
	state = MemoryContextAllocZero(cxt, sizeof(SpreadState));
	state->spool = keyspool_create(cxt, 1, work_mem * (Size) 1024);
	return state;
}

RECSYS_FUNCTION(recsys_spread_transition);
RECSYS_FUNCTION(recsys_spread_combine);
RECSYS_FUNCTION(recsys_spread_serialize);
RECSYS_FUNCTION(recsys_spread_deserialize);
RECSYS_FUNCTION(recsys_gini_final);
RECSYS_FUNCTION(recsys_pareto_share_final);

/* spread_transition(state, value [, top]) */
Datum
recsys_spread_transition(PG_FUNCTION_ARGS)
{
	SpreadState *state = PG_ARGISNULL(0) ? NULL : (SpreadState *) PG_GETARG_POINTER(0);

	if (state == NULL)
	{
		state = create_state(fcinfo);
		if (PG_NARGS() > 2)
		{
			if (PG_ARGISNULL(2))
				ereport(ERROR,
						(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						 errmsg("top must not be null")));
			state->top = check_float_option("top", PG_GETARG_FLOAT8(2), 0, 1);
		}
	}
	if (!PG_ARGISNULL(1))
	{
		uint64		key = key_from_float8(checked_value(PG_GETARG_DATUM(1)));

		keyspool_append(state->spool, &key);
	}
	PG_RETURN_POINTER(state);
}

Datum
recsys_spread_combine(PG_FUNCTION_ARGS)
{
	SpreadState *state = PG_ARGISNULL(0) ? NULL : (SpreadState *) PG_GETARG_POINTER(0);
	SpreadState *other = PG_ARGISNULL(1) ? NULL : (SpreadState *) PG_GETARG_POINTER(1);

	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (state == NULL)
	{
		state = create_state(fcinfo);
		state->top = other->top;
	}
	else if (state->top != other->top)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("top must be the same in all rows")));
	keyspool_merge(state->spool, other->spool);
	PG_RETURN_POINTER(state);
}

Datum
recsys_spread_serialize(PG_FUNCTION_ARGS)
{
	SpreadState *state = (SpreadState *) PG_GETARG_POINTER(0);

	PG_RETURN_BYTEA_P(keyspool_serialize(state->spool, &state->top, sizeof(double)));
}

Datum
recsys_spread_deserialize(PG_FUNCTION_ARGS)
{
	SpreadState *state = create_state(fcinfo);

	keyspool_deserialize(state->spool, PG_GETARG_BYTEA_PP(0), &state->top, sizeof(double));
	if (!(state->top >= 0 && state->top <= 1))
		damaged_state_error();
	PG_RETURN_POINTER(state);
}

/* The values of a state, ascending or descending. */
static Tuplesortstate *
sort_state(SpreadState *state, bool descending)
{
	Tuplesortstate *sort = begin_sort(descending);
	const uint64 *row;

	keyspool_rewind(state->spool);
	while ((row = keyspool_next(state->spool)) != NULL)
		tuplesort_putdatum(sort, Float8GetDatum(key_to_finite(*row)), false);
	tuplesort_performsort(sort);
	return sort;
}

/*
 * G = (2 sum of i x_i) / (n sum of x_i) - (n + 1) / n, with x_i ascending and i
 * from 1; both sums over n are at once 2 i - n - 1 times x_i.
 */
Datum
recsys_gini_final(PG_FUNCTION_ARGS)
{
	SpreadState *state = PG_ARGISNULL(0) ? NULL : (SpreadState *) PG_GETARG_POINTER(0);
	Tuplesortstate *sort;
	ExactSum	weighted;
	ExactSum	sum;
	double		n;
	double		i = 0;
	double		value;
	double		total;

	if (state == NULL || keyspool_count(state->spool) == 0)
		PG_RETURN_NULL();
	n = (double) keyspool_count(state->spool);
	exactsum_init(&weighted);
	exactsum_init(&sum);
	sort = sort_state(state, false);
	while (next_value(sort, &value))
	{
		CHECK_FOR_INTERRUPTS();
		i++;
		exactsum_add(&weighted, (2 * i - n - 1) / n * value);
		exactsum_add(&sum, value);
	}
	tuplesort_end(sort);
	total = exactsum_value(&sum);
	if (total == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(exactsum_value(&weighted) / total);
}

Datum
recsys_pareto_share_final(PG_FUNCTION_ARGS)
{
	SpreadState *state = PG_ARGISNULL(0) ? NULL : (SpreadState *) PG_GETARG_POINTER(0);
	Tuplesortstate *sort;
	ExactSum	sum;
	double		top_sum = 0;
	double		total;
	double		value;
	uint64		ntop;
	uint64		i = 0;

	if (state == NULL || keyspool_count(state->spool) == 0)
		PG_RETURN_NULL();
	/* so many of the greatest values, rounded up: what a fifth of ten is must not be three */
	ntop = (uint64) ceil(state->top * (double) keyspool_count(state->spool) *
						 (1 - SHARE_TOLERANCE));
	exactsum_init(&sum);
	sort = sort_state(state, true);
	while (next_value(sort, &value))
	{
		CHECK_FOR_INTERRUPTS();
		exactsum_add(&sum, value);
		if (++i == ntop)
			top_sum = exactsum_value(&sum);
	}
	tuplesort_end(sort);
	total = exactsum_value(&sum);
	if (total == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(top_sum / total);
}
