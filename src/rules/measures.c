/*-------------------------------------------------------------------------
 *
 * measures.c
 *		Interest measures of a rule A -> B.
 *
 * Everything follows from four counts: n11 baskets hold A and B, n10 A alone,
 * n01 B alone, n00 neither.  Definitions are those of the measures' authors
 * as collected by Geng and Hamilton (2006), Tan, Kumar and Srivastava (2004)
 * and Hahsler's annotated list; the table in doc/rules.md gives each one.
 *
 * A measure that is a quotient with zero below is infinite where the limit
 * is, and NaN, which SQL shows as NULL, where it has no value: 0/0.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "utils/builtins.h"
#include "utils/float.h"

#include "rules/measures.h"

/* in the order of RuleMeasure, and of the fields of the composite type rule_measures */
const char *const rule_measure_names[] = {
	"support",
	"coverage",
	"rhs_support",
	"confidence",
	"lift",
	"leverage",
	"conviction",
	"added_value",
	"centered_confidence",
	"certainty",
	"zhang",
	"cosine",
	"jaccard",
	"kulczynski",
	"max_confidence",
	"all_confidence",
	"imbalance",
	"phi",
	"chi_squared",
	"kappa",
	"odds_ratio",
	"relative_risk",
	"difference",
	"yule_q",
	"yule_y",
	"lerman",
	"implication_index",
	"laplace",
	"sebag",
	"counterexample",
	"confirmed_confidence",
	"least_contradiction",
	"causal_support",
	"causal_confidence",
	"rule_power",
	"importance",
	"j_measure",
	"gini",
	"mutual_information",
	"lambda",
	"klosgen",
	"collective_strength",
	"standard_lift",
	"rld",
	"p_value",
	NULL
};

int
rule_measure_sign(RuleMeasure measure)
{
	return measure == MEASURE_P_VALUE || measure == MEASURE_IMBALANCE ||
		measure == MEASURE_IMPLICATION_INDEX ? -1 : 1;
}

/* x/y with the limits for y = 0, and no value for 0/0 */
static inline double
ratio(double x, double y)
{
	if (y != 0)
		return x / y;
	if (x == 0)
		return get_float8_nan();
	return x > 0 ? get_float8_infinity() : -get_float8_infinity();
}

/* x ln(x/y), 0 for x = 0 */
static inline double
x_log_ratio(double x, double y)
{
	return x > 0 ? x * log(x / y) : 0;
}

/* -p ln p */
static inline double
entropy_term(double p)
{
	return p > 0 ? -p * log(p) : 0;
}

static double
mutual_information(double n11, double n10, double n01, double n00, double n)
{
	double		a = n11 + n10;
	double		b = n11 + n01;
	double		information;
	double		ha;
	double		hb;

	information = (x_log_ratio(n11, a * b / n) + x_log_ratio(n10, a * (n - b) / n) +
				   x_log_ratio(n01, (n - a) * b / n) +
				   x_log_ratio(n00, (n - a) * (n - b) / n)) / n;
	ha = entropy_term(a / n) + entropy_term(1 - a / n);
	hb = entropy_term(b / n) + entropy_term(1 - b / n);
	return ratio(Max(information, 0), Min(ha, hb));
}

static double
gini(double n11, double n10, double n01, double n00, double n)
{
	double		a = n11 + n10;
	double		b = (n11 + n01) / n;
	double		sum = 0;

	if (a > 0)
		sum += (n11 * n11 + n10 * n10) / (a * n);
	if (n > a)
		sum += (n01 * n01 + n00 * n00) / ((n - a) * n);
	return sum - b * b - (1 - b) * (1 - b);
}

/* McNicholas, Murphy, O'Regan (2008): lift between its bounds for these margins */
static double
standard_lift(const RuleTable *t)
{
	double		lowest = Max(t->lhs + t->rhs - t->n, 1);
	double		highest = Min(t->lhs, t->rhs);

	return ratio(t->both - lowest, highest - lowest);
}

/* Kenett and Salini (2008): relative linkage disequilibrium */
static double
rld(double n11, double n10, double n01, double n00, double n)
{
	double		d = (n11 * n00 - n10 * n01) / n;

	if (d == 0)
		return 0;
	return d > 0 ? d / (d + Min(n10, n01)) : d / (d - Min(n11, n00));
}

/*
 * One measure of a rule.  NaN where it has no value.
 */
double
rule_measure(RuleMeasure measure, const RuleTable *t)
{
	double		n = t->n;
	double		n11 = t->both;
	double		n10 = t->lhs - t->both;
	double		n01 = t->rhs - t->both;
	double		n00 = n - t->lhs - n01;
	double		a = t->lhs;
	double		b = t->rhs;
	double		confidence = ratio(n11, a);
	double		x;
	double		y;

	switch (measure)
	{
		case MEASURE_SUPPORT:
			return ratio(n11, n);
		case MEASURE_COVERAGE:
			return ratio(a, n);
		case MEASURE_RHS_SUPPORT:
			return ratio(b, n);
		case MEASURE_CONFIDENCE:
			return confidence;
		case MEASURE_LIFT:
			return ratio(n * n11, a * b);
		case MEASURE_LEVERAGE:
			return ratio(n * n11 - a * b, n * n);
		case MEASURE_CONVICTION:
			return ratio(a * (n - b), n * n10);
		case MEASURE_ADDED_VALUE:
			return confidence - ratio(b, n);
		case MEASURE_CENTERED_CONFIDENCE:
			return ratio(n - b, n) - ratio(n10, a);
		case MEASURE_CERTAINTY:
			/* Shortliffe's factor: of the way to certainty, or to impossibility */
			x = confidence - ratio(b, n);
			return x >= 0 ? ratio(x, ratio(n - b, n)) : ratio(x, ratio(b, n));
		case MEASURE_ZHANG:
			x = n * n11 - a * b;
			y = Max(n11 * (n - a), a * (b - n11));
			return y == 0 ? (n > 0 ? 0 : get_float8_nan()) : x / y;
		case MEASURE_COSINE:
			return ratio(n11, sqrt(a * b));
		case MEASURE_JACCARD:
			return ratio(n11, a + b - n11);
		case MEASURE_KULCZYNSKI:
			return (confidence + ratio(n11, b)) / 2;
		case MEASURE_MAX_CONFIDENCE:
			return ratio(n11, Min(a, b));
		case MEASURE_ALL_CONFIDENCE:
			return ratio(n11, Max(a, b));
		case MEASURE_IMBALANCE:
			return ratio(fabs(a - b), a + b - n11);
		case MEASURE_PHI:
			return ratio(n * n11 - a * b, sqrt(a * b) * sqrt((n - a) * (n - b)));
		case MEASURE_CHI_SQUARED:
			x = n * n11 - a * b;
			y = a * b * (n - a) * (n - b);
			return y == 0 ? get_float8_nan() : n * (x * x / y);
		case MEASURE_KAPPA:
			x = a * b + (n - a) * (n - b);
			return ratio(n * (n11 + n00) - x, n * n - x);
		case MEASURE_ODDS_RATIO:
			return ratio(n11 * n00, n10 * n01);
		case MEASURE_RELATIVE_RISK:
			return ratio(n11 * (n - a), n01 * a);
		case MEASURE_DIFFERENCE:
			return confidence - ratio(n01, n - a);
		case MEASURE_YULE_Q:
			return ratio(n11 * n00 - n10 * n01, n11 * n00 + n10 * n01);
		case MEASURE_YULE_Y:
			x = sqrt(n11 * n00);
			y = sqrt(n10 * n01);
			return ratio(x - y, x + y);
		case MEASURE_LERMAN:
			return ratio(n11 - ratio(a * b, n), sqrt(ratio(a * b, n)));
		case MEASURE_IMPLICATION_INDEX:
			return ratio(n10 - ratio(a * (n - b), n), sqrt(ratio(a * (n - b), n)));
		case MEASURE_LAPLACE:
			return (n11 + 1) / (a + 2);
		case MEASURE_SEBAG:
			return ratio(n11, n10);
		case MEASURE_COUNTEREXAMPLE:
			return ratio(n11 - n10, n11);
		case MEASURE_CONFIRMED_CONFIDENCE:
			return ratio(n11 - n10, a);
		case MEASURE_LEAST_CONTRADICTION:
			return ratio(n11 - n10, b);
		case MEASURE_CAUSAL_SUPPORT:
			return ratio(n11 + n00, n);
		case MEASURE_CAUSAL_CONFIDENCE:
			return (confidence + ratio(n00, n - a)) / 2;
		case MEASURE_RULE_POWER:
			return confidence * ratio(n11, n);
		case MEASURE_IMPORTANCE:
			return log10((n11 + 1) * (n - a + 2) / ((n01 + 1) * (a + 2)));
		case MEASURE_J:
			if (n == 0)
				return get_float8_nan();
			return (x_log_ratio(n11, a * b / n) + x_log_ratio(n10, a * (n - b) / n)) / n;
		case MEASURE_GINI:
			return n == 0 ? get_float8_nan() : gini(n11, n10, n01, n00, n);
		case MEASURE_MUTUAL_INFORMATION:
			return n == 0 ? get_float8_nan() : mutual_information(n11, n10, n01, n00, n);
		case MEASURE_LAMBDA:
			x = Max(b, n - b);
			return ratio(Max(n11, n10) + Max(n01, n00) - x, n - x);
		case MEASURE_KLOSGEN:
			return sqrt(ratio(n11, n)) * (confidence - ratio(b, n));
		case MEASURE_COLLECTIVE_STRENGTH:
			/* v/(1-v) : E/(1-E), with v the share that agrees and E what chance lets agree */
			x = a * b + (n - a) * (n - b);
			return ratio((n11 + n00) * (n * n - x), (n10 + n01) * x);
		case MEASURE_STANDARD_LIFT:
			return standard_lift(t);
		case MEASURE_RLD:
			return n == 0 ? get_float8_nan() : rld(n11, n10, n01, n00, n);
		case MEASURE_P_VALUE:
			return n == 0 ? get_float8_nan() : fisher_p(n11, a, b, n);
		case N_MEASURES:
			break;
	}
	elog(ERROR, "unknown measure %d", measure);
	return 0;
}

/* Error of Stirling's formula for ln n!, n a whole number above 0. */
static double
stirling_error(double n)
{
	double		n2 = n * n;

	if (n < 16)
		return lgamma(n + 1) - (n + 0.5) * log(n) + n - 0.5 * log(2 * M_PI);
	return (1.0 / 12 - (1.0 / 360 - (1.0 / 1260 - (1.0 / 1680 - 1.0 / 1188 / n2) / n2) / n2) / n2) / n;
}

/* x ln(x/m) + m - x, without the loss of digits where x is near m */
static double
deviance(double x, double m)
{
	double		v = (x - m) / (x + m);

	if (fabs(v) < 0.1)
	{
		double		sum = (x - m) * v;
		double		term = 2 * x * v;
		int			j;

		for (j = 1; j < 1000; j++)
		{
			double		next;

			term *= v * v;
			next = sum + term / (2 * j + 1);
			if (next == sum)
				break;
			sum = next;
		}
		return sum;
	}
	return x * log(x / m) + m - x;
}

/* ln of the binomial probability of x among n at rate p, by Loader's saddle point form */
static double
log_binomial(double x, double n, double p)
{
	double		q = 1 - p;

	if (x == 0)
		return n == 0 ? 0 : (p < 0.1 ? -deviance(n, n * q) - n * p : n * log(q));
	if (x == n)
		return q < 0.1 ? -deviance(n, n * p) - n * q : n * log(p);
	return stirling_error(n) - stirling_error(x) - stirling_error(n - x)
		- deviance(x, n * p) - deviance(n - x, n * q)
		+ 0.5 * log(n / (2 * M_PI * x * (n - x)));
}

/*
 * Fisher's exact test, one-sided: the probability of at least as many baskets
 * with both, given how many hold each, if A and B had nothing to do with each
 * other.  The first term comes from three binomials (Loader 2000), which keeps
 * 13 digits at any n; the others follow by their quotients.  Below 1e-308 it
 * is 0.
 */
double
fisher_p(double both, double lhs, double rhs, double n)
{
	double		lowest = Max(0, lhs + rhs - n);
	double		highest = Min(lhs, rhs);
	double		p = lhs / n;
	double		sum = 1;
	double		term = 1;
	double		first;
	double		k;
	bool		upper = both > lhs * rhs / n;

	if (both <= lowest)
		return 1;
	if (lhs == n || rhs == n)
		return 1;
	/* sum the side that falls: from both up, or from below both down */
	k = upper ? both : both - 1;
	first = exp(log_binomial(k, rhs, p) + log_binomial(lhs - k, n - rhs, p) -
				log_binomial(lhs, n, p));
	if (upper)
		for (; k < highest; k++)
		{
			term *= (lhs - k) * (rhs - k) / ((k + 1) * (n - lhs - rhs + k + 1));
			if (sum + term == sum)
				break;
			sum += term;
		}
	else
		for (; k > lowest; k--)
		{
			term *= k * (n - lhs - rhs + k) / ((lhs - k + 1) * (rhs - k + 1));
			if (sum + term == sum)
				break;
			sum += term;
		}
	return upper ? Min(1, first * sum) : Max(0, 1 - first * sum);
}

/*
 * For a measure that a rule of few baskets cannot have much of: up to which
 * count of both sides together, among n baskets, more of them allow more of
 * the measure; 0 for every other measure.  Up to there the best rule of a count
 * c is the one whose sides are always together, |A| = |B| = c:
 *
 *		support, rule power		c/n
 *		leverage				c/n (1 - c/n), Piatetsky-Shapiro (1991)
 *		Klosgen					sqrt(c/n) (1 - c/n), highest at n/3
 *		Laplace					(c + 1) / (c + 2)
 *		implication index		-sqrt(c (1 - c/n))
 *		p_value					1 / binomial(n, c): any larger margin makes
 *								c or more together likelier
 *		importance				log10((c + 1) (n - c + 2) / (c + 2)), highest
 *								where (c + 1) (c + 2) = n - c + 2
 *		gini					2 c/n (1 - c/n), since it is
 *								2 leverage^2 / (P(A) (1 - P(A)))
 *		j_measure				c/n ln(n/c), highest at n/e
 *
 * The last two are as high for sides that avoid each other, and so have a
 * bound only where min_lift leaves these out.  All others reach their best at
 * any count, as lift does at c = 1.
 */
static double
count_of_peak(RuleMeasure measure, double min_lift, double n)
{
	switch (measure)
	{
		case MEASURE_SUPPORT:
		case MEASURE_RULE_POWER:
		case MEASURE_LAPLACE:
			return n;
		case MEASURE_LEVERAGE:
		case MEASURE_IMPLICATION_INDEX:
		case MEASURE_P_VALUE:
			return n / 2;
		case MEASURE_KLOSGEN:
			return n / 3;
		case MEASURE_IMPORTANCE:
			return sqrt(n + 4) - 2;
		case MEASURE_GINI:
			return min_lift >= 1 ? n / 2 : 0;
		case MEASURE_J:
			return min_lift >= 1 ? n / M_E : 0;
		default:
			return 0;
	}
}

/* Does a rule need a count to reach much of the measure, whose lift is at least min_lift? */
bool
rule_measure_has_bound(RuleMeasure measure, double min_lift)
{
	return count_of_peak(measure, min_lift, 1e6) > 0;
}

/* The same, and so much of a count that no other threshold is needed. */
bool
rule_measure_needs_count(RuleMeasure measure, double min_lift)
{
	return rule_measure_has_bound(measure, min_lift) &&
		measure != MEASURE_LAPLACE && measure != MEASURE_IMPORTANCE;
}

/*
 * The lowest count of both sides together, among n baskets, at which a rule
 * can reach a key: its measure, negative where less is better.
 */
uint32
rule_measure_least_count(RuleMeasure measure, double min_lift, double key, uint32 n)
{
	uint32		low = 1;
	uint32		high = (uint32) count_of_peak(measure, min_lift, n);

	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;
		RuleTable	table = {middle, middle, middle, n};
		double		bound = rule_measure(measure, &table) * rule_measure_sign(measure);

		/* the key was computed in another way and may be off in its last digits */
		if (bound + fabs(bound) * 1e-9 + 1e-290 >= key)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* rule_measures(n11, n10, n01, n00 bigint) */
RECSYS_FUNCTION(recsys_rule_measures);
Datum
recsys_rule_measures(PG_FUNCTION_ARGS)
{
	TupleDesc	tupdesc;
	Datum		values[N_MEASURES];
	bool		nulls[N_MEASURES];
	double		cells[4];
	RuleTable	table;
	int			i;

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE ||
		tupdesc->natts != N_MEASURES)
		elog(ERROR, "rule_measures does not return its own row type");
	for (i = 0; i < 4; i++)
	{
		int64		count = PG_GETARG_INT64(i);

		/* beyond this a double does not hold every count */
		if (count < 0 || count > INT64CONST(1) << 50)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("counts of a rule must be from 0 to 2^50, not " INT64_FORMAT, count)));
		cells[i] = count;
	}
	table.both = cells[0];
	table.lhs = cells[0] + cells[1];
	table.rhs = cells[0] + cells[2];
	table.n = cells[0] + cells[1] + cells[2] + cells[3];
	for (i = 0; i < N_MEASURES; i++)
	{
		double		value = rule_measure(i, &table);

		nulls[i] = isnan(value);
		values[i] = Float8GetDatum(value);
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls)));
}
