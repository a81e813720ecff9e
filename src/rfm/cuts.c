/*-------------------------------------------------------------------------
 *
 * cuts.c
 *		Cut points of the three dimensions of RFM, from the keys of all customers.
 *
 * Customers come as rows of three keys (last order, orders, amount), in a key
 * spool.  The k-th of bins - 1 cut points is percentile_disc(k / bins): the
 * first value in ascending order whose share of rows at or before it reaches
 * k / bins.  Cut points are values of the data and only ever compared with, so
 * equal values always get equal scores.
 *
 * Other methods give two bins: cut at the median, at the mean, or at
 * percentile_disc(1 - top).  The mean is that of the exact sum: like selection
 * it does not depend on the order of rows.
 *
 * Nested, orders are cut among the customers of equal r, and amounts among
 * those of equal r and f.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "core/exactsum.h"
#include "rfm/cuts.h"

/* Number of lists of cut points that a dimension has. */
int
rfm_lists(const RfmSetup *setup, int dimension)
{
	if (!setup->nested || dimension == RFM_R)
		return 1;
	if (dimension == RFM_F)
		return setup->bins[RFM_R];
	return setup->bins[RFM_R] * setup->bins[RFM_F];
}

/* What row_list() needs to know. */
typedef struct ListOfRow
{
	const RfmCutKeys *cutkeys;
	int			dimension;
} ListOfRow;

/* A KeyGroup: the list of cut points that a row belongs to. */
static int
row_list(const uint64 *row, void *arg)
{
	ListOfRow  *of = arg;
	int			scores[RFM_DIMENSIONS];

	rfm_score_row(of->cutkeys, row, scores, of->dimension);
	return rfm_list_of(&of->cutkeys->setup, of->dimension, scores);
}

/* The share of values at or below the k-th cut point, k from 1. */
static double
cut_fraction(const RfmSetup *setup, int dimension, int k)
{
	if (setup->method == RFM_TOP)
		return 1.0 - setup->top;
	return (double) k / setup->bins[dimension];
}

static void
cut_by_rank(KeySpool *spool, RfmCutKeys *result, int dimension, KeyGroup group, void *arg,
			const KeyStats *stats, int nlists)
{
	int			ncuts = result->setup.bins[dimension] - 1;
	KeyRank    *ranks = palloc_array(KeyRank, nlists * ncuts);
	int			nranks = 0;
	int			list;
	int			k;

	for (list = 0; list < nlists; list++)
	{
		if (stats[list].count == 0)
			continue;
		for (k = 1; k <= ncuts; k++)
		{
			ranks[nranks].group = list;
			ranks[nranks].rank = keyspool_percentile_rank(cut_fraction(&result->setup, dimension, k),
														  stats[list].count);
			nranks++;
		}
	}
	keyspool_select(spool, dimension, group, arg, nlists, stats, ranks, nranks);
	nranks = 0;
	for (list = 0; list < nlists; list++)
		if (stats[list].count > 0)
			for (k = 0; k < ncuts; k++)
				result->cuts[dimension][list * ncuts + k] = ranks[nranks++].key;
	pfree(ranks);
}

/*
 * Integers are summed as differences from the least one, which keeps times
 * within 285 years of each other exact, and their mean is rounded down: no
 * integer lies between the two.
 */
static void
cut_by_mean(KeySpool *spool, RfmCutKeys *result, int dimension, KeyGroup group, void *arg,
			const KeyStats *stats, int nlists, bool isfloat)
{
	ExactSum   *sums = palloc_array(ExactSum, nlists);
	const uint64 *row;
	int			list;

	for (list = 0; list < nlists; list++)
		exactsum_init(&sums[list]);
	keyspool_rewind(spool);
	while ((row = keyspool_next(spool)) != NULL)
	{
		list = group ? group(row, arg) : 0;
		exactsum_add(&sums[list], isfloat ? key_to_finite(row[dimension]) :
					 (double) (row[dimension] - stats[list].min));
	}
	for (list = 0; list < nlists; list++)
	{
		double		mean;

		if (stats[list].count == 0)
			continue;
		mean = exactsum_value(&sums[list]) / (double) stats[list].count;
		result->cuts[dimension][list] = isfloat ? key_from_float8(mean) :
			stats[list].min + (uint64) floor(mean);
	}
	pfree(sums);
}

/*
 * Number of different scores that the rows of a list really get.  A cut point
 * by rank is the value of a row, so it is enough to count the different ones,
 * and one more if a row lies above the last.
 */
static int
count_distinct(const uint64 *cuts, int ncuts, const KeyStats *stats)
{
	int			n = 0;
	int			k;

	if (stats->count == 0)
		return 0;
	for (k = 0; k < ncuts; k++)
	{
		uint64		previous = k == 0 ? 0 : cuts[k - 1];
		bool		any = k == 0 ? stats->min <= cuts[0] : cuts[k] > previous;

		if (any)
			n++;
	}
	return n + (stats->max > cuts[ncuts - 1]);
}

/* A cell without customers takes the cut points of its neighbour. */
static void
fill_empty_lists(uint64 *cuts, int ncuts, const KeyStats *stats, int nlists)
{
	int			last = -1;
	int			list;

	for (list = 0; list < nlists && stats[list].count == 0; list++)
		;
	Assert(list < nlists);
	last = list;
	for (list = 0; list < nlists; list++)
	{
		if (stats[list].count > 0)
			last = list;
		else
			memcpy(cuts + list * ncuts, cuts + last * ncuts, ncuts * sizeof(uint64));
	}
}

/*
 * Cut points for the rows of a spool of width three, which must not be empty.
 * isfloat says, by dimension, whether keys stand for double precision or for
 * integers; only the mean makes a difference of it.  The result is in the
 * current memory context.
 */
RfmCutKeys *
rfm_cut_keys(KeySpool *spool, const RfmSetup *setup, const bool *isfloat)
{
	RfmCutKeys *result = palloc0_object(RfmCutKeys);
	int			d;

	Assert(keyspool_count(spool) > 0);
	result->setup = *setup;
	for (d = 0; d < RFM_DIMENSIONS; d++)
	{
		int			ncuts = setup->bins[d] - 1;
		int			nlists = rfm_lists(setup, d);
		KeyStats   *stats = palloc_array(KeyStats, nlists);
		ListOfRow	of = {result, d};
		KeyGroup	group = nlists > 1 ? row_list : NULL;
		int			list;

		result->cuts[d] = palloc_array(uint64, nlists * ncuts);
		result->distinct[d] = palloc_array(uint8, nlists);
		keyspool_stats(spool, d, group, &of, nlists, stats);
		if (setup->method == RFM_MEAN)
			cut_by_mean(spool, result, d, group, &of, stats, nlists, isfloat[d]);
		else
			cut_by_rank(spool, result, d, group, &of, stats, nlists);
		for (list = 0; list < nlists; list++)
			result->distinct[d][list] = count_distinct(result->cuts[d] + list * ncuts, ncuts,
													   &stats[list]);
		fill_empty_lists(result->cuts[d], ncuts, stats, nlists);
		pfree(stats);
	}
	return result;
}
