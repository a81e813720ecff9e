/*-------------------------------------------------------------------------
 *
 * tagset_gin.h
 *		Strategy numbers of the GIN operator class: they are in its catalogs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_TAGSET_GIN_H
#define RECSYS_TAGSET_GIN_H

#include "core/compat.h"
#include "tags/tagquery.h"

#define OVERLAPS_STRATEGY	1
#define CONTAINS_STRATEGY	2
#define CONTAINED_STRATEGY	3
#define EQUALS_STRATEGY		4
#define MATCH_STRATEGY		5
#define HAS_STRATEGY		6

extern bool tagset_gin_needs_all(const TagQuery *query, int node);

#endif							/* RECSYS_TAGSET_GIN_H */
