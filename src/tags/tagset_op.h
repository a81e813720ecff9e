/*-------------------------------------------------------------------------
 *
 * tagset_op.h
 *		The functions behind the operators that selectivity is estimated for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_TAGSET_OP_H
#define RECSYS_TAGSET_OP_H

#include "core/compat.h"

extern PGDLLEXPORT Datum recsys_tagset_match(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum recsys_tagquery_match(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum recsys_tagset_overlaps(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum recsys_tagset_contains(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum recsys_tagset_contained(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum recsys_tagset_has(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum recsys_tag_in(PG_FUNCTION_ARGS);

#endif							/* RECSYS_TAGSET_OP_H */
