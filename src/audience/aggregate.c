/*-------------------------------------------------------------------------
 *
 * aggregate.c
 *		Aggregates that make audiences of ids and of audiences.
 *
 * Two states behind six aggregates: those that collect (ids or audiences)
 * have an AudienceSet, those that intersect have the intersection so far.  A
 * state travels between processes as an audience; NULL input is ignored.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "core/aggregate.h"
#include "audience/audience.h"

static AudienceSet *
get_set(FunctionCallInfo fcinfo, MemoryContext cxt)
{
	return PG_ARGISNULL(0) ? audience_set_create(cxt) : (AudienceSet *) PG_GETARG_POINTER(0);
}

/* audience_agg_step(internal, bigint) -> internal */
RECSYS_FUNCTION(recsys_audience_agg_step);
Datum
recsys_audience_agg_step(PG_FUNCTION_ARGS)
{
	AudienceSet *set = get_set(fcinfo, aggregate_context(fcinfo));

	if (!PG_ARGISNULL(1))
		audience_set_add(set, PG_GETARG_INT64(1));
	PG_RETURN_POINTER(set);
}

/* audience_union_step(internal, audience) -> internal */
RECSYS_FUNCTION(recsys_audience_union_step);
Datum
recsys_audience_union_step(PG_FUNCTION_ARGS)
{
	AudienceSet *set = get_set(fcinfo, aggregate_context(fcinfo));

	if (!PG_ARGISNULL(1))
		audience_set_add_audience(set, PG_GETARG_AUDIENCE(1));
	PG_RETURN_POINTER(set);
}

/* audience_set_combine(internal, internal) -> internal */
RECSYS_FUNCTION(recsys_audience_set_combine);
Datum
recsys_audience_set_combine(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = aggregate_context(fcinfo);
	AudienceSet *set;
	Audience   *other;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	set = get_set(fcinfo, cxt);
	other = audience_set_get((AudienceSet *) PG_GETARG_POINTER(1));
	audience_set_add_audience(set, other);
	pfree(other);
	PG_RETURN_POINTER(set);
}

/* A partial state is the portable form: reading that checks it. */
static Audience *
audience_of_state(bytea *bytes)
{
	const char *problem;
	Audience   *audience = audience_from_portable((unsigned char *) VARDATA_ANY(bytes),
												  VARSIZE_ANY_EXHDR(bytes), &problem);

	if (audience == NULL)
		damaged_state_error();
	return audience;
}

/* audience_set_serialize(internal) -> bytea */
RECSYS_FUNCTION(recsys_audience_set_serialize);
Datum
recsys_audience_set_serialize(PG_FUNCTION_ARGS)
{
	(void) aggregate_context(fcinfo);
	PG_RETURN_BYTEA_P(audience_to_portable(audience_set_get((AudienceSet *) PG_GETARG_POINTER(0))));
}

/* audience_set_deserialize(bytea, internal) -> internal */
RECSYS_FUNCTION(recsys_audience_set_deserialize);
Datum
recsys_audience_set_deserialize(PG_FUNCTION_ARGS)
{
	AudienceSet *set;

	(void) aggregate_context(fcinfo);
	set = audience_set_create(CurrentMemoryContext);
	audience_set_start(set, audience_of_state(PG_GETARG_BYTEA_PP(0)));
	PG_RETURN_POINTER(set);
}

/* audience_set_final(internal) -> audience; empty without input */
RECSYS_FUNCTION(recsys_audience_set_final);
Datum
recsys_audience_set_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_AUDIENCE(audience_empty());
	PG_RETURN_AUDIENCE(audience_set_get((AudienceSet *) PG_GETARG_POINTER(0)));
}

/* audience_set_count_final(internal) -> bigint; 0 without input */
RECSYS_FUNCTION(recsys_audience_set_count_final);
Datum
recsys_audience_set_count_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_INT64(0);
	PG_RETURN_INT64((int64) audience_set_count((AudienceSet *) PG_GETARG_POINTER(0)));
}

/* ---- intersection: the state is an Audience ---- */

static Datum
intersect(FunctionCallInfo fcinfo, MemoryContext cxt, const Audience *other)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);
	Audience   *state;

	if (PG_ARGISNULL(0))
	{
		state = palloc(VARSIZE(other));
		memcpy(state, other, VARSIZE(other));
	}
	else
	{
		Audience   *before = (Audience *) PG_GETARG_POINTER(0);

		state = audience_setop(AUDIENCE_AND, before, other);
		pfree(before);
	}
	MemoryContextSwitchTo(old);
	PG_RETURN_POINTER(state);
}

/* audience_intersect_step(internal, audience) -> internal */
RECSYS_FUNCTION(recsys_audience_intersect_step);
Datum
recsys_audience_intersect_step(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = aggregate_context(fcinfo);

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	/* once it is empty it stays so: the other is not even read */
	if (!PG_ARGISNULL(0) && ((Audience *) PG_GETARG_POINTER(0))->cardinality == 0)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	return intersect(fcinfo, cxt, PG_GETARG_AUDIENCE(1));
}

/* audience_intersect_combine(internal, internal) -> internal */
RECSYS_FUNCTION(recsys_audience_intersect_combine);
Datum
recsys_audience_intersect_combine(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = aggregate_context(fcinfo);

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	return intersect(fcinfo, cxt, (Audience *) PG_GETARG_POINTER(1));
}

/* audience_intersect_serialize(internal) -> bytea */
RECSYS_FUNCTION(recsys_audience_intersect_serialize);
Datum
recsys_audience_intersect_serialize(PG_FUNCTION_ARGS)
{
	(void) aggregate_context(fcinfo);
	PG_RETURN_BYTEA_P(audience_to_portable((Audience *) PG_GETARG_POINTER(0)));
}

/* audience_intersect_deserialize(bytea, internal) -> internal */
RECSYS_FUNCTION(recsys_audience_intersect_deserialize);
Datum
recsys_audience_intersect_deserialize(PG_FUNCTION_ARGS)
{
	(void) aggregate_context(fcinfo);
	PG_RETURN_POINTER(audience_of_state(PG_GETARG_BYTEA_PP(0)));
}

/* audience_intersect_final(internal) -> audience; NULL without input */
RECSYS_FUNCTION(recsys_audience_intersect_final);
Datum
recsys_audience_intersect_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

/* audience_intersect_count_final(internal) -> bigint; 0 without input */
RECSYS_FUNCTION(recsys_audience_intersect_count_final);
Datum
recsys_audience_intersect_count_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_INT64(0);
	PG_RETURN_INT64((int64) ((Audience *) PG_GETARG_POINTER(0))->cardinality);
}
