/*-------------------------------------------------------------------------
 *
 * sort.h
 *		Putting itemsets and rules into their order.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RULES_SORT_H
#define RECSYS_RULES_SORT_H

#include "core/compat.h"
#include "rules/rules.h"

extern void sort_itemsets(MiningResult *result, const RulesOptions *options,
						  const MemoryBudget *budget);
extern void order_sets(MiningResult *result, const MemoryBudget *budget);
extern void sort_rules(MiningResult *result);

#endif							/* RECSYS_RULES_SORT_H */
