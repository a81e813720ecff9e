/*-------------------------------------------------------------------------
 *
 * tagset_sel.h
 *		Selectivity of the functions that search tagsets.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_TAGSET_SEL_H
#define RECSYS_TAGSET_SEL_H

#include "core/compat.h"
#include "access/htup.h"
#include "nodes/pathnodes.h"
#include "tags/tagquery.h"

extern double tagset_selectivity(PlannerInfo *root, Oid function, List *args, int relid);

/* Of a row of pg_statistic. */
extern bool tagset_tags_tell(HeapTuple statistics);
extern bool tagset_negation_pays(HeapTuple statistics, const TagQuery *query);

#endif							/* RECSYS_TAGSET_SEL_H */
