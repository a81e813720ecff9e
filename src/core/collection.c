/*-------------------------------------------------------------------------
 *
 * collection.c
 *		States of aggregates that are values of a type of ours, while they grow.
 *
 * Where the state of an aggregate is of an ordinary type, whoever splits the
 * aggregate by itself, as Citus does, can send it about as any other value, and
 * the support functions may be called with any values, also outside of
 * aggregates.  A collection is such a value in expanded form: steps add to
 * it in place, and it is made flat when it leaves the process.
 *
 *-------------------------------------------------------------------------
 */
#include "core/collection.h"

#include "nodes/memnodes.h"

#define COLLECTIONS "recsys collections"

/* ---- what makes it an expanded object ---- */

static void
forget_flat(Collection *collection)
{
	if (collection->flat != NULL)
		pfree(collection->flat);
	collection->flat = NULL;
}

Size
collection_flat_size(ExpandedObjectHeader *hdr)
{
	Collection *collection = (Collection *) hdr;

	if (collection->flat == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(collection));

		collection->flat = ((const CollectionKind *) hdr->eoh_methods)->value(collection);
		MemoryContextSwitchTo(old);
	}
	return VARSIZE(collection->flat);
}

void
collection_flatten(ExpandedObjectHeader *hdr, void *result, Size size)
{
	Collection *collection = (Collection *) hdr;

	Assert(size == VARSIZE(collection->flat));
	memcpy(result, collection->flat, size);
	forget_flat(collection);
}

/* ---- what support functions need ---- */

/* The collection of a kind that a value is; NULL: it is a value like any other. */
Collection *
collection_of(Datum value, const CollectionKind *kind)
{
	ExpandedObjectHeader *hdr;

	if (!VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(value)))
		return NULL;
	hdr = DatumGetEOHP(value);
	return hdr->eoh_methods == &kind->methods ? (Collection *) hdr : NULL;
}

/*
 * The executor keeps an expanded object as a state if the object's context is a
 * child of the aggregate's.  A context for each would cost more than most of
 * a hundred thousand groups hold, and all are walked through whenever one is
 * added, to see how much memory is used.  So all collections of an aggregate
 * name the same empty one, and live in the aggregate's own context, beside
 * the groups.  The executor deletes an object only where a step returns another
 * than it got, which steps of ours do not.  (As an inverse step for a moving
 * frame, a function in PL/pgSQL would delete what it gets, and the executor then
 * once more; it does not survive that with array_append either.)
 */
static MemoryContext
mark_context(MemoryContext aggregate)
{
	MemoryContext cxt;

	for (cxt = aggregate->firstchild; cxt != NULL; cxt = cxt->nextchild)
	{
		if (strcmp(cxt->name, COLLECTIONS) == 0)
			return cxt;
	}
	return AllocSetContextCreate(aggregate, COLLECTIONS, ALLOCSET_SMALL_SIZES);
}

/*
 * The state of a step, argument 0, to be added to: in an aggregate the same
 * collection at each call, elsewhere a new one that starts with what the
 * argument holds.
 */
Collection *
collection_step(FunctionCallInfo fcinfo, const CollectionKind *kind)
{
	MemoryContext cxt;
	MemoryContext mark;
	Collection *collection;

	if (AggCheckCallContext(fcinfo, &cxt))
	{
		collection = PG_ARGISNULL(0) ? NULL : collection_of(PG_GETARG_DATUM(0), kind);
		if (collection != NULL && collection->hdr.eoh_context->parent == cxt)
		{
			forget_flat(collection);
			return collection;
		}
		mark = mark_context(cxt);
	}
	else
		cxt = mark = CurrentMemoryContext;
	collection = MemoryContextAllocZero(cxt, kind->size);
	EOH_init_header(&collection->hdr, &kind->methods, mark);
	kind->start(collection, cxt);
	if (!PG_ARGISNULL(0))
		kind->add(collection, PG_DETOAST_DATUM(PG_GETARG_DATUM(0)));
	return collection;
}

/* What a step returns: the collection itself in an aggregate, elsewhere its value. */
Datum
collection_return(FunctionCallInfo fcinfo, Collection *collection)
{
	if (AggCheckCallContext(fcinfo, NULL))
		return EOHPGetRWDatum(&collection->hdr);
	return PointerGetDatum(((const CollectionKind *) collection->hdr.eoh_methods)->value(collection));
}
