/*-------------------------------------------------------------------------
 *
 * options.h
 *		What a user can ask of the miner of itemsets and rules.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RULES_OPTIONS_H
#define RECSYS_RULES_OPTIONS_H

#include "core/compat.h"
#include "core/options.h"
#include "rules/measures.h"
#include "utils/array.h"

/* share of the baskets that a set must be in, where nothing is said */
#define RULES_DEFAULT_MIN_SUPPORT 0.01

typedef enum RulesTarget
{
	TARGET_ALL,
	TARGET_CLOSED,
	TARGET_MAXIMAL
} RulesTarget;

typedef enum RulesSignificance
{
	SIGNIFICANCE_NONE,
	SIGNIFICANCE_HOLM,
	SIGNIFICANCE_BH
} RulesSignificance;

typedef struct RulesOptions
{
	double		min_support;	/* share of baskets; below 0 where min_count counts */
	uint32		min_count;
	bool		threshold_given;	/* min_support or min_count is the user's */
	uint32		max_length;
	bool		max_length_given;	/* or it follows from max_lhs and max_rhs */
	uint32		max_basket;		/* 0: no limit */
	uint32		top_k;			/* 0: all */
	RulesTarget target;
	ArrayType  *exclude;		/* text[], NULL: none */
	bool		names_missing;	/* of the user's lists: a NOTICE says what is in no basket */
	ArrayType  *hierarchy;		/* text[n][2]: item and ancestor; NULL: none */
	/* of rules only */
	double		min_confidence;
	double		min_lift;
	uint32		max_lhs;
	uint32		max_rhs;
	RuleMeasure rank_by;
	ArrayType  *lhs_in;			/* text[], NULL: all */
	ArrayType  *rhs_in;
	RulesSignificance significance;
	double		alpha;
	bool		wants_improvement;	/* rules need at least min_improvement */
	bool		strictly_better;	/* and it must be above 0 */
	double		min_improvement;
} RulesOptions;

extern void rules_options_defaults(RulesOptions *options, bool rules);
extern void rules_options_read(RulesOptions *options, OptionsReader *reader, bool rules);
extern void rules_options_arguments(OptionsReader *reader, FunctionCallInfo fcinfo, int first);

#endif							/* RECSYS_RULES_OPTIONS_H */
