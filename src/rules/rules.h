/*-------------------------------------------------------------------------
 *
 * rules.h
 *		From collected baskets to sorted itemsets and rules.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RULES_RULES_H
#define RECSYS_RULES_RULES_H

#include "core/compat.h"
#include "rules/baskets.h"
#include "rules/options.h"
#include "rules/sortedrows.h"

/* A rule that is to be shown: its sides and their union, in the store. */
typedef struct Rule
{
	double		key;			/* what it is ranked by: the larger the earlier */
	double		improvement;	/* NaN where it was not asked for */
	double		p;				/* the same */
	uint32		set;
	uint32		lhs;
	uint32		rhs;
} Rule;

/* An itemset that is to be shown. */
typedef struct FoundSet
{
	uint32		record;
	uint32		combination;	/* of a cube's items; 0: the record is the set */
} FoundSet;

/* Everything that a run has found, in the memory context it ran in. */
typedef struct MiningResult
{
	EncodedBaskets *encoded;
	MemoryBudget *budget;
	IdDict	   *dict;
	ItemsetStore *store;
	uint32		min_count;		/* the bar, where it was in the end */
	char	   *limits;			/* those that bit, NULL where none did */
	/* one of these, sorted */
	FoundSet   *itemsets;
	Rule	   *rules;
	SortedRows *sorted;			/* of either, where there are too many */
	bool		has_rules;		/* they are rules */
	uint64		n;				/* number of these */
	uint32	   *set_order;		/* by set: place in the order of items; NULL: not known */
	/* p of all rules tested, ascending, and what each becomes for their number */
	double	   *p_values;
	double	   *p_adjusted;
	uint64		ntested;
} MiningResult;

/* Counts and items of a rule, in the order of these. */
typedef struct RuleFacts
{
	uint32		both;
	uint32		lhs_count;
	uint32		rhs_count;
	uint32		nlhs;
	uint32		nrhs;
	double		improvement;
	double		p;
	uint32		lhs[ITEMSET_MAX_LENGTH];
	uint32		rhs[ITEMSET_MAX_LENGTH];
} RuleFacts;

extern uint32 itemset_ranks(const MiningResult *result, uint32 set, uint32 combination,
							uint32 *ranks);
extern MiningResult *mine_itemsets(Baskets *baskets, const RulesOptions *options, bool may_spill);
extern MiningResult *mine_rules(Baskets *baskets, const RulesOptions *options, bool may_spill);
extern double adjusted_p(const MiningResult *result, double p);

#endif							/* RECSYS_RULES_RULES_H */
