/*-------------------------------------------------------------------------
 *
 * measures.h
 *		Interest measures of a rule, from its 2x2 table of counts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RULES_MEASURES_H
#define RECSYS_RULES_MEASURES_H

#include "core/compat.h"

/*
 * A rule A -> B over n baskets: how many hold both, A, B.  Counts are whole
 * numbers, kept as double since their products are needed.
 */
typedef struct RuleTable
{
	double		both;
	double		lhs;
	double		rhs;
	double		n;
} RuleTable;

/* In the order of the fields of rule_measures, the composite type. */
typedef enum RuleMeasure
{
	MEASURE_SUPPORT,
	MEASURE_COVERAGE,
	MEASURE_RHS_SUPPORT,
	MEASURE_CONFIDENCE,
	MEASURE_LIFT,
	MEASURE_LEVERAGE,
	MEASURE_CONVICTION,
	MEASURE_ADDED_VALUE,
	MEASURE_CENTERED_CONFIDENCE,
	MEASURE_CERTAINTY,
	MEASURE_ZHANG,
	MEASURE_COSINE,
	MEASURE_JACCARD,
	MEASURE_KULCZYNSKI,
	MEASURE_MAX_CONFIDENCE,
	MEASURE_ALL_CONFIDENCE,
	MEASURE_IMBALANCE,
	MEASURE_PHI,
	MEASURE_CHI_SQUARED,
	MEASURE_KAPPA,
	MEASURE_ODDS_RATIO,
	MEASURE_RELATIVE_RISK,
	MEASURE_DIFFERENCE,
	MEASURE_YULE_Q,
	MEASURE_YULE_Y,
	MEASURE_LERMAN,
	MEASURE_IMPLICATION_INDEX,
	MEASURE_LAPLACE,
	MEASURE_SEBAG,
	MEASURE_COUNTEREXAMPLE,
	MEASURE_CONFIRMED_CONFIDENCE,
	MEASURE_LEAST_CONTRADICTION,
	MEASURE_CAUSAL_SUPPORT,
	MEASURE_CAUSAL_CONFIDENCE,
	MEASURE_RULE_POWER,
	MEASURE_IMPORTANCE,
	MEASURE_J,
	MEASURE_GINI,
	MEASURE_MUTUAL_INFORMATION,
	MEASURE_LAMBDA,
	MEASURE_KLOSGEN,
	MEASURE_COLLECTIVE_STRENGTH,
	MEASURE_STANDARD_LIFT,
	MEASURE_RLD,
	MEASURE_P_VALUE,
	N_MEASURES
} RuleMeasure;

extern double rule_measure(RuleMeasure measure, const RuleTable *table);
extern double fisher_p(double both, double lhs, double rhs, double n);

/* names of the measures, ends with a NULL pointer */
extern const char *const rule_measure_names[];
/* 1 where more is better, -1 where less is */
extern int rule_measure_sign(RuleMeasure measure);
extern bool rule_measure_has_bound(RuleMeasure measure, double min_lift);
extern bool rule_measure_needs_count(RuleMeasure measure, double min_lift);
extern uint32 rule_measure_least_count(RuleMeasure measure, double min_lift, double key, uint32 n);

#endif							/* RECSYS_RULES_MEASURES_H */
