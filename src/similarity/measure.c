/*-------------------------------------------------------------------------
 *
 * measure.c
 *		Scores that follow from numbers of users.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "similarity/measure.h"

static inline double
xlogx(double x)
{
	return x > 0 ? x * log(x) : 0;
}

/*
 * Dunning's log-likelihood ratio of a 2x2 table (Accurate Methods for the
 * Statistics of Surprise and Coincidence, 1993); 0 where the two are together
 * no more often than by chance.
 */
double
similarity_llr(double both, double a, double b, double all)
{
	double		ratio;

	if (both * all <= a * b)
		return 0;
	ratio = 2 * (xlogx(both) + xlogx(a - both) + xlogx(b - both) + xlogx(all - a - b + both)
				 - xlogx(a) - xlogx(all - a) - xlogx(b) - xlogx(all - b) + xlogx(all));
	return Max(ratio, 0);
}

/* Score from the numbers of users: of both, of source and target, and of all. */
double
similarity_count_score(SimilarityMeasure measure, double both, double a, double b, double all)
{
	switch (measure)
	{
		case MEASURE_JACCARD:
			return both / (a + b - both);
		case MEASURE_DICE:
			return 2 * both / (a + b);
		case MEASURE_OVERLAP:
			return both / Min(a, b);
		case MEASURE_CONDITIONAL:
			return both / a;
		case MEASURE_LIFT:
			return both * all / (a * b);
		case MEASURE_LEVERAGE:
			return both / all - (a / all) * (b / all);
		case MEASURE_LLR:
			return similarity_llr(both, a, b, all);
		default:
			elog(ERROR, "measure %d has no formula of counts", (int) measure);
	}
	return 0;
}
