/*-------------------------------------------------------------------------
 *
 * scheme.h
 *		Segments: names for the cells of the R x F x M grid.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RFM_SCHEME_H
#define RECSYS_RFM_SCHEME_H

#include "core/compat.h"

typedef struct RfmSegment
{
	const char *name;			/* what the segment column shows */
	const char *label;
	const char *label_zh;		/* UTF-8 */
	const char *advice;
} RfmSegment;

enum
{
	RFM_CLASSIC,
	RFM_OCTANT,
	RFM_TIER4
};

extern const char *const rfm_scheme_names[];
extern const RfmSegment *rfm_scheme_segment(int scheme, const int *bins, const int *scores);

#endif							/* RECSYS_RFM_SCHEME_H */
