/*-------------------------------------------------------------------------
 *
 * stage.c
 *		Stages of a customer's life, and their thresholds from data.
 *
 * Four stages of the shop model, from orders and referrals:
 *		new, second_order_pending, regular, advocate
 * Five stages, from first and last order and their number:
 *		acquired	one order, not long ago
 *		growing		more orders, but fewer than mature_orders
 *		mature		mature_orders or more
 *		declining	more than decline_days without an order
 *		lost		more than lost_days without an order
 *
 * decline_days and lost_days are the gap between two orders that 80 % and 95 %
 * of all gaps do not exceed, if they are taken from data: a customer who waits
 * longer than four in five ever did is going, one who waits longer than
 * nineteen in twenty is gone.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "utils/builtins.h"

#include "core/aggregate.h"
#include "core/keyspool.h"
#include "core/options.h"
#include "lifecycle/times.h"

#define DEFAULT_MATURE_ORDERS 4
#define DEFAULT_DECLINE_DAYS 90.0
#define DEFAULT_LOST_DAYS 180.0

typedef struct Thresholds
{
	double		decline_days;
	double		lost_days;
	int64		mature_orders;
} Thresholds;

static void
check_thresholds(const Thresholds *t)
{
	if (t->lost_days < t->decline_days)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lost_days must be at least decline_days, not %g", t->lost_days),
				 t->decline_days == DEFAULT_DECLINE_DAYS ?
				 errdetail("decline_days, the days without an order after which a customer is declining, is %g, which is its default.",
						   t->decline_days) :
				 errdetail("decline_days, the days without an order after which a customer is declining, is %g.",
						   t->decline_days)));
}

static void
read_thresholds(Thresholds *t, Datum value)
{
	OptionsReader reader;

	options_open(&reader, value, "lifecycle_thresholds");
	t->decline_days = options_float(&reader, "decline_days", DEFAULT_DECLINE_DAYS, 0,
									INFINITY);
	t->lost_days = options_float(&reader, "lost_days",
								 Max(DEFAULT_LOST_DAYS, t->decline_days), 0, INFINITY);
	t->mature_orders = options_int(&reader, "mature_orders", DEFAULT_MATURE_ORDERS, 2,
								   PG_INT64_MAX);
	check_thresholds(t);
}

RECSYS_FUNCTION(recsys_lifecycle_thresholds);

Datum
recsys_lifecycle_thresholds(PG_FUNCTION_ARGS)
{
	Datum		result = options_construct(fcinfo);
	Thresholds	thresholds;

	read_thresholds(&thresholds, result);
	return result;
}

RECSYS_FUNCTION(recsys_lifecycle_stage);

/* lifecycle_stage(first_order, last_order, orders, as_of [, thresholds]) */
Datum
recsys_lifecycle_stage(PG_FUNCTION_ARGS)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	int64		first = lifecycle_time(type, PG_GETARG_DATUM(0), "first_order");
	int64		last = lifecycle_time(type, PG_GETARG_DATUM(1), "last_order");
	int64		orders = check_int_option("orders", PG_GETARG_INT64(2), 0, PG_INT64_MAX);
	int64		as_of = lifecycle_time(type, PG_GETARG_DATUM(3), "as_of");
	Thresholds	thresholds = {DEFAULT_DECLINE_DAYS, DEFAULT_LOST_DAYS, DEFAULT_MATURE_ORDERS};
	double		days;
	const char *stage;

	if (PG_NARGS() > 4)
		read_thresholds(&thresholds, PG_GETARG_DATUM(4));
	if (last < first)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("last_order must not be before first_order")));
	if (as_of < last)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("as_of must not be before last_order"),
				 errhint("Leave out the orders after as_of.")));
	if (orders == 0)
		PG_RETURN_NULL();

	/* the difference of two times may need 64 bits without the sign */
	days = DAYS_OF((uint64) as_of - (uint64) last);
	if (days > thresholds.lost_days)
		stage = "lost";
	else if (days > thresholds.decline_days)
		stage = "declining";
	else if (orders >= thresholds.mature_orders)
		stage = "mature";
	else if (orders > 1)
		stage = "growing";
	else
		stage = "acquired";
	PG_RETURN_TEXT_P(cstring_to_text(stage));
}

RECSYS_FUNCTION(recsys_lifecycle_shop_stage);

/* lifecycle_stage(orders [, referrals]) */
Datum
recsys_lifecycle_shop_stage(PG_FUNCTION_ARGS)
{
	int64		orders = PG_ARGISNULL(0) ? 0 :
		check_int_option("orders", PG_GETARG_INT64(0), 0, PG_INT64_MAX);
	int64		referrals = PG_NARGS() < 2 || PG_ARGISNULL(1) ? 0 :
		check_int_option("referrals", PG_GETARG_INT64(1), 0, PG_INT64_MAX);

	PG_RETURN_TEXT_P(cstring_to_text(referrals > 0 ? "advocate" :
									 orders > 1 ? "regular" :
									 orders == 1 ? "second_order_pending" : "new"));
}

/* ---------------- lifecycle_thresholds_agg(gap_days [, decline, lost]) ---------------- */

typedef struct GapState
{
	double		shares[2];		/* of gaps up to decline_days and lost_days */
	KeySpool   *spool;
} GapState;

static GapState *
create_state(FunctionCallInfo fcinfo)
{
	MemoryContext cxt;
	GapState   *state;

	cxt = aggregate_context(fcinfo);
	state = MemoryContextAllocZero(cxt, sizeof(GapState));
	state->spool = keyspool_create(cxt, 1, work_mem * (Size) 1024);
	return state;
}

static void
read_gap_shares(FunctionCallInfo fcinfo, GapState *state)
{
	state->shares[0] = 0.8;
	state->shares[1] = 0.95;
	if (PG_NARGS() <= 2)
		return;
	if (PG_ARGISNULL(2) || PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("decline and lost must not be null")));
	state->shares[0] = check_float_option("decline", PG_GETARG_FLOAT8(2), 0, 1);
	state->shares[1] = check_float_option("lost", PG_GETARG_FLOAT8(3), 0, 1);
	if (state->shares[1] < state->shares[0])
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lost must be at least decline, not %g", state->shares[1]),
				 errdetail("decline, the share of the gaps that decline_days has to cover, is %g.",
						   state->shares[0])));
}

RECSYS_FUNCTION(recsys_gaps_transition);
RECSYS_FUNCTION(recsys_gaps_combine);
RECSYS_FUNCTION(recsys_gaps_serialize);
RECSYS_FUNCTION(recsys_gaps_deserialize);
RECSYS_FUNCTION(recsys_gaps_final);

Datum
recsys_gaps_transition(PG_FUNCTION_ARGS)
{
	GapState   *state = PG_ARGISNULL(0) ? NULL : (GapState *) PG_GETARG_POINTER(0);

	if (state == NULL)
	{
		state = create_state(fcinfo);
		read_gap_shares(fcinfo, state);
	}
	if (!PG_ARGISNULL(1))
	{
		double		gap = PG_GETARG_FLOAT8(1);

		if (!isfinite(gap) || gap < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("gap_days must be finite and not negative, not %g", gap)));
		/* orders at the same time are one order */
		if (gap > 0)
		{
			uint64		key = key_from_float8(gap);

			keyspool_append(state->spool, &key);
		}
	}
	PG_RETURN_POINTER(state);
}

Datum
recsys_gaps_combine(PG_FUNCTION_ARGS)
{
	GapState   *state = PG_ARGISNULL(0) ? NULL : (GapState *) PG_GETARG_POINTER(0);
	GapState   *other = PG_ARGISNULL(1) ? NULL : (GapState *) PG_GETARG_POINTER(1);

	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (state == NULL)
	{
		state = create_state(fcinfo);
		memcpy(state->shares, other->shares, sizeof(state->shares));
	}
	else if (memcmp(state->shares, other->shares, sizeof(state->shares)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("decline and lost must be the same in all rows")));
	keyspool_merge(state->spool, other->spool);
	PG_RETURN_POINTER(state);
}

Datum
recsys_gaps_serialize(PG_FUNCTION_ARGS)
{
	GapState   *state = (GapState *) PG_GETARG_POINTER(0);

	PG_RETURN_BYTEA_P(keyspool_serialize(state->spool, state->shares, sizeof(state->shares)));
}

Datum
recsys_gaps_deserialize(PG_FUNCTION_ARGS)
{
	GapState   *state = create_state(fcinfo);

	keyspool_deserialize(state->spool, PG_GETARG_BYTEA_PP(0), state->shares,
						 sizeof(state->shares));
	if (!(state->shares[0] >= 0 && state->shares[0] <= state->shares[1] && state->shares[1] <= 1))
		damaged_state_error();
	PG_RETURN_POINTER(state);
}

/* NULL if there is no gap */
Datum
recsys_gaps_final(PG_FUNCTION_ARGS)
{
	GapState   *state = PG_ARGISNULL(0) ? NULL : (GapState *) PG_GETARG_POINTER(0);
	KeyStats	stats;
	KeyRank		ranks[2] = {{0}};
	TupleDesc	tupdesc;
	Datum		values[3];
	bool		nulls[3] = {false};
	int			i;

	if (state == NULL || keyspool_count(state->spool) == 0)
		PG_RETURN_NULL();
	for (i = 0; i < 2; i++)
		ranks[i].rank = keyspool_percentile_rank(state->shares[i], keyspool_count(state->spool));
	keyspool_stats(state->spool, 0, NULL, NULL, 1, &stats);
	keyspool_select(state->spool, 0, NULL, NULL, 1, &stats, ranks, 2);
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = Float8GetDatum(key_to_float8(ranks[0].key));
	values[1] = Float8GetDatum(key_to_float8(ranks[1].key));
	values[2] = Int64GetDatum(DEFAULT_MATURE_ORDERS);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls));
}
