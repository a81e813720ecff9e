/*-------------------------------------------------------------------------
 *
 * aggregate.c
 *		Aggregates that make audiences of ids and of audiences.
 *
 * The state of all of them is an audience, so that they can be split and their
 * states be sent about as values.  Those that collect (ids or audiences) keep
 * an AudienceSet in a collection (core/collection.h); those that intersect keep
 * the intersection so far.  States are combined as audiences are added.  NULL
 * input is ignored.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "core/collection.h"
#include "audience/audience.h"

typedef struct AudienceCollection
{
	Collection	collection;		/* must be first */
	AudienceSet set;
} AudienceCollection;

static void
start(Collection *collection, MemoryContext cxt)
{
	audience_set_init(&((AudienceCollection *) collection)->set, cxt);
}

static void
add(Collection *collection, const struct varlena *audience)
{
	audience_set_add_audience(&((AudienceCollection *) collection)->set, (const Audience *) audience);
}

static struct varlena *
value(Collection *collection)
{
	return (struct varlena *) audience_set_get(&((AudienceCollection *) collection)->set);
}

static const CollectionKind audience_collection = {
	COLLECTION_METHODS, sizeof(AudienceCollection), start, add, value
};

/* audience_agg_step(audience, bigint) -> audience */
RECSYS_FUNCTION(recsys_audience_agg_step);
Datum
recsys_audience_agg_step(PG_FUNCTION_ARGS)
{
	Collection *state = collection_step(fcinfo, &audience_collection);

	if (!PG_ARGISNULL(1))
		audience_set_add(&((AudienceCollection *) state)->set, PG_GETARG_INT64(1));
	return collection_return(fcinfo, state);
}

/* audience_union_step(audience, audience) -> audience */
RECSYS_FUNCTION(recsys_audience_union_step);
Datum
recsys_audience_union_step(PG_FUNCTION_ARGS)
{
	Collection *state = collection_step(fcinfo, &audience_collection);

	if (!PG_ARGISNULL(1))
		add(state, PG_DETOAST_DATUM(PG_GETARG_DATUM(1)));
	return collection_return(fcinfo, state);
}

/* audience_intersect_step(audience, audience) -> audience */
RECSYS_FUNCTION(recsys_audience_intersect_step);
Datum
recsys_audience_intersect_step(PG_FUNCTION_ARGS)
{
	Audience   *state;

	if (PG_ARGISNULL(0) && PG_ARGISNULL(1))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	if (PG_ARGISNULL(0))
		PG_RETURN_AUDIENCE(PG_GETARG_AUDIENCE(1));
	state = PG_GETARG_AUDIENCE(0);
	/* once it is empty it stays so: the other is not even read */
	if (state->cardinality == 0)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	PG_RETURN_AUDIENCE(audience_setop(AUDIENCE_AND, state, PG_GETARG_AUDIENCE(1)));
}

/* audience_agg_final(audience) -> audience; empty without input */
RECSYS_FUNCTION(recsys_audience_agg_final);
Datum
recsys_audience_agg_final(PG_FUNCTION_ARGS)
{
	Collection *state;

	if (PG_ARGISNULL(0))
		PG_RETURN_AUDIENCE(audience_empty());
	state = collection_of(PG_GETARG_DATUM(0), &audience_collection);
	if (state == NULL)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	PG_RETURN_POINTER(value(state));
}

/* audience_agg_count(audience) -> bigint; 0 without input */
RECSYS_FUNCTION(recsys_audience_agg_count);
Datum
recsys_audience_agg_count(PG_FUNCTION_ARGS)
{
	Collection *state;

	if (PG_ARGISNULL(0))
		PG_RETURN_INT64(0);
	state = collection_of(PG_GETARG_DATUM(0), &audience_collection);
	if (state == NULL)
		PG_RETURN_INT64((int64) PG_GETARG_AUDIENCE(0)->cardinality);
	PG_RETURN_INT64((int64) audience_set_count(&((AudienceCollection *) state)->set));
}
