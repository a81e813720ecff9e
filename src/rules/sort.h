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

extern void spill_itemset(void *arg, const uint32 *items, uint32 length, uint32 count);
extern bool get_sorted_itemset(SortedRows *rows, RuleFacts *set);
extern void put_sorted_rule(SortedRows *rows, double key, const RuleFacts *rule);
extern bool get_sorted_rule(SortedRows *rows, RuleFacts *rule);
extern void sort_itemsets(MiningResult *result, const RulesOptions *options,
						  MemoryBudget *budget);
extern void order_sets(MiningResult *result, const MemoryBudget *budget);
extern void sort_rules(MiningResult *result);
extern void order_rules(MiningResult *result, const MemoryBudget *budget);

#endif							/* RECSYS_RULES_SORT_H */
