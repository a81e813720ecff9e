/*-------------------------------------------------------------------------
 *
 * tagset_stats.h
 *		What pg_statistic holds of a tagset column, between ANALYZE
 *		(tagset_analyze.c) and the planner (tagset_sel.c).
 *
 * Most common elements, in the slot kind that arrays and tsvector use: text
 * values sorted by bytes, with the share of rows (not counting nulls) that
 * have each.  Three more numbers follow: the share below which a tag may be
 * missing from the list, the greatest share, and the share of empty sets.
 * A namespace (what precedes the first colon) is an element of its own,
 * "city:*": how many rows have any of its tags can't be told from single tags.
 *
 * In a slot kind of our own, if some weight differs from 1: for each of those
 * elements WEIGHT_QUANTILES quantiles of its weights, least to greatest.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_TAGSET_STATS_H
#define RECSYS_TAGSET_STATS_H

#include "core/compat.h"

/* 10000 to 30000 are for private use: see catalog/pg_statistic.h */
#define STATISTIC_KIND_TAG_WEIGHTS	12719
#define WEIGHT_QUANTILES	9

/* Length of the namespace of a tag with its colon, 0 if it has none. */
static inline int
namespace_length(const char *tag, int len)
{
	const char *colon = memchr(tag, ':', len);

	return colon == NULL ? 0 : (int) (colon - tag) + 1;
}

#endif							/* RECSYS_TAGSET_STATS_H */
