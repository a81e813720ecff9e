/*-------------------------------------------------------------------------
 *
 * rulejoin.h
 *		Rules of more itemsets than memory holds.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RULES_RULEJOIN_H
#define RECSYS_RULES_RULEJOIN_H

#include "core/compat.h"
#include "rules/itemlists.h"
#include "rules/rules.h"

typedef struct RuleJoin RuleJoin;

extern RuleJoin *rule_join_create(MiningResult *result, const RulesOptions *options,
								  const ItemLists *lists);
extern bool rule_join_is_needed(RuleJoin *join);
extern void rule_join_make_rules(RuleJoin *join);

#endif							/* RECSYS_RULES_RULEJOIN_H */
