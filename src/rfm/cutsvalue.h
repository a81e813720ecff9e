/*-------------------------------------------------------------------------
 *
 * cutsvalue.h
 *		The type rfm_cuts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RFM_CUTSVALUE_H
#define RECSYS_RFM_CUTSVALUE_H

#include "core/compat.h"

#include "rfm/cuts.h"

/*
 * Cut points as they are stored: for each dimension its lists one after the
 * other, from the worst score to the best, so that days of recency descend
 * and orders and amounts ascend.
 */
typedef struct RfmCuts
{
	int32		vl_len_;
	uint8		bins[RFM_DIMENSIONS];
	uint8		scheme;
	bool		nested;
	bool		has_distinct;	/* false for cuts given by hand */
	uint8		padding[6];
	/* then, as has_distinct says, a byte for each list: its different scores */
	float8		cuts[FLEXIBLE_ARRAY_MEMBER];
} RfmCuts;

#define PG_GETARG_RFM_CUTS(n) ((RfmCuts *) PG_DETOAST_DATUM(PG_GETARG_DATUM(n)))

extern RfmCuts *rfm_cuts_alloc(const int *bins, bool nested);
extern RfmCuts *rfm_cuts_from_keys(const RfmCutKeys *keys, const bool *isfloat);
extern void rfm_cuts_setup(const RfmCuts *cuts, RfmSetup *setup);
extern const float8 *rfm_cuts_of(const RfmCuts *cuts, int dimension);
extern void rfm_cuts_score(const RfmCuts *cuts, const RfmSetup *setup, double recency,
						   double orders, double amount, int *scores);

#endif							/* RECSYS_RFM_CUTSVALUE_H */
