/*-------------------------------------------------------------------------
 *
 * collection.h
 *		States of aggregates that are values of a type of ours, while they grow.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_COLLECTION_H
#define RECSYS_COLLECTION_H

#include "core/compat.h"
#include "utils/expandeddatum.h"

/* What a kind of collection begins with. */
typedef struct Collection
{
	ExpandedObjectHeader hdr;	/* its context only marks it, see collection.c */
	struct varlena *flat;		/* the value, between its size and its copy */
} Collection;

typedef struct CollectionKind
{
	ExpandedObjectMethods methods;	/* COLLECTION_METHODS; must be first */
	Size		size;			/* of the struct that begins with Collection */
	void		(*start) (Collection *collection, MemoryContext cxt);	/* of one that is all zero */
	void		(*add) (Collection *collection, const struct varlena *value);
	struct varlena *(*value) (Collection *collection);	/* so far, in the current context */
} CollectionKind;

#define COLLECTION_METHODS {collection_flat_size, collection_flatten}

extern Size collection_flat_size(ExpandedObjectHeader *hdr);
extern void collection_flatten(ExpandedObjectHeader *hdr, void *result, Size size);

extern Collection *collection_of(Datum value, const CollectionKind *kind);
extern Collection *collection_step(FunctionCallInfo fcinfo, const CollectionKind *kind);
extern Datum collection_return(FunctionCallInfo fcinfo, Collection *collection);

#endif							/* RECSYS_COLLECTION_H */
