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
#include "nodes/pathnodes.h"

extern double tagset_selectivity(PlannerInfo *root, Oid function, List *args, int relid);

#endif							/* RECSYS_TAGSET_SEL_H */
