/*-------------------------------------------------------------------------
 *
 * cuts.h
 *		Cut points of the three dimensions of RFM, and scoring with them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RFM_CUTS_H
#define RECSYS_RFM_CUTS_H

#include "core/compat.h"

#include "core/keyspool.h"

#define RFM_MAX_BINS 10

/* The dimensions, in the order of every array over them. */
enum
{
	RFM_R,
	RFM_F,
	RFM_M,
	RFM_DIMENSIONS
};

/* How cut points are taken from data. */
typedef enum
{
	RFM_QUANTILE,
	RFM_MEDIAN,
	RFM_MEAN,
	RFM_TOP
} RfmMethod;

/* What a user asks for: the fields of rfm_options. */
typedef struct RfmSetup
{
	int			bins[RFM_DIMENSIONS];
	RfmMethod	method;
	double		top;			/* RFM_TOP: share of the customers who score high */
	bool		nested;			/* F is cut within R, M within R and F */
	int			scheme;			/* see scheme.h */
} RfmSetup;

/*
 * Cut points in terms of keys, greater being better.  A dimension has one list
 * of bins - 1 ascending cut points, or, nested, one for each cell of the
 * dimensions before it.
 */
typedef struct RfmCutKeys
{
	RfmSetup	setup;
	uint64	   *cuts[RFM_DIMENSIONS];	/* lists one after the other */
	uint8	   *distinct[RFM_DIMENSIONS];	/* by list: bins that got a customer */
} RfmCutKeys;

extern int	rfm_lists(const RfmSetup *setup, int dimension);
extern RfmCutKeys *rfm_cut_keys(KeySpool *spool, const RfmSetup *setup, const bool *isfloat);

/* 1 + the number of cut points below the key. */
static inline int
rfm_bin_of(const uint64 *cuts, int ncuts, uint64 key)
{
	int			score = 1;
	int			i;

	for (i = 0; i < ncuts; i++)
		score += cuts[i] < key;
	return score;
}

/* The list of a dimension that goes for a row with these scores so far. */
static inline int
rfm_list_of(const RfmSetup *setup, int dimension, const int *scores)
{
	if (!setup->nested || dimension == RFM_R)
		return 0;
	if (dimension == RFM_F)
		return scores[RFM_R] - 1;
	return (scores[RFM_R] - 1) * setup->bins[RFM_F] + scores[RFM_F] - 1;
}

/* Scores of a row of keys, up to and without the dimension that is given last. */
static inline void
rfm_score_row(const RfmCutKeys *cutkeys, const uint64 *row, int *scores, int upto)
{
	const RfmSetup *setup = &cutkeys->setup;
	int			d;

	for (d = 0; d < upto; d++)
	{
		int			ncuts = setup->bins[d] - 1;

		scores[d] = rfm_bin_of(cutkeys->cuts[d] + rfm_list_of(setup, d, scores) * ncuts,
							   ncuts, row[d]);
	}
}

#endif							/* RECSYS_RFM_CUTS_H */
