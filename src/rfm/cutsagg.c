/*-------------------------------------------------------------------------
 *
 * cutsagg.c
 *		The aggregate rfm_cuts_agg(): cut points of all customers.
 *
 * The state is a spool of keys, three for each customer; partial states are
 * put together by appending rows.  Cut points come out of the same selection
 * as in rfm() OVER (), so that rfm_score() with them gives the same scores.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "core/aggregate.h"
#include "core/options.h"
#include "rfm/cutsvalue.h"
#include "rfm/grade.h"

typedef struct CutsState
{
	RfmSetup	setup;
	KeySpool   *spool;
} CutsState;

/* Recency and amount are double precision here, orders integers. */
static const bool isfloat[RFM_DIMENSIONS] = {true, false, true};

static CutsState *
create_state(MemoryContext cxt)
{
	CutsState  *state = MemoryContextAllocZero(cxt, sizeof(CutsState));

	state->spool = keyspool_create(cxt, RFM_DIMENSIONS, work_mem * (Size) 1024);
	return state;
}

RECSYS_FUNCTION(recsys_rfm_cuts_transition);
RECSYS_FUNCTION(recsys_rfm_cuts_combine);
RECSYS_FUNCTION(recsys_rfm_cuts_serialize);
RECSYS_FUNCTION(recsys_rfm_cuts_deserialize);
RECSYS_FUNCTION(recsys_rfm_cuts_final);

Datum
recsys_rfm_cuts_transition(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = aggregate_context(fcinfo);
	CutsState  *state = PG_ARGISNULL(0) ? NULL : (CutsState *) PG_GETARG_POINTER(0);
	uint64		row[RFM_DIMENSIONS];

	if (state == NULL)
	{
		state = create_state(cxt);
		if (PG_NARGS() <= 4)
			rfm_default_setup(&state->setup);
		else if (PG_ARGISNULL(4))
			null_options_error("rfm_options");
		else
			rfm_read_setup(&state->setup, PG_GETARG_DATUM(4));
	}
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2) && !PG_ARGISNULL(3))
	{
		row[RFM_R] = rfm_recency_key(PG_GETARG_DATUM(1));
		row[RFM_F] = rfm_orders_key(PG_GETARG_DATUM(2));
		row[RFM_M] = rfm_amount_key(PG_GETARG_DATUM(3));
		keyspool_append(state->spool, row);
	}
	PG_RETURN_POINTER(state);
}

Datum
recsys_rfm_cuts_combine(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = aggregate_context(fcinfo);
	CutsState  *state = PG_ARGISNULL(0) ? NULL : (CutsState *) PG_GETARG_POINTER(0);
	CutsState  *other = PG_ARGISNULL(1) ? NULL : (CutsState *) PG_GETARG_POINTER(1);

	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (state == NULL)
	{
		state = create_state(cxt);
		state->setup = other->setup;
	}
	else if (!rfm_same_setup(&state->setup, &other->setup))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options of rfm_cuts_agg must be the same in all rows")));
	keyspool_merge(state->spool, other->spool);
	PG_RETURN_POINTER(state);
}

Datum
recsys_rfm_cuts_serialize(PG_FUNCTION_ARGS)
{
	CutsState  *state = (CutsState *) PG_GETARG_POINTER(0);

	PG_RETURN_BYTEA_P(keyspool_serialize(state->spool, &state->setup, sizeof(RfmSetup)));
}

Datum
recsys_rfm_cuts_deserialize(PG_FUNCTION_ARGS)
{
	CutsState  *state = create_state(aggregate_context(fcinfo));

	keyspool_deserialize(state->spool, PG_GETARG_BYTEA_PP(0), &state->setup, sizeof(RfmSetup));
	check_state_bool(state->setup.nested);
	if (!rfm_setup_is_valid(&state->setup))
		damaged_state_error();
	PG_RETURN_POINTER(state);
}

/* NULL if there is no customer with all three values */
Datum
recsys_rfm_cuts_final(PG_FUNCTION_ARGS)
{
	CutsState  *state;
	RfmCutKeys *keys;

	(void) aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (CutsState *) PG_GETARG_POINTER(0);
	if (keyspool_count(state->spool) == 0)
		PG_RETURN_NULL();
	keys = rfm_cut_keys(state->spool, &state->setup, isfloat);
	PG_RETURN_POINTER(rfm_cuts_from_keys(keys, isfloat));
}
