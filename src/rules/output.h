/*-------------------------------------------------------------------------
 *
 * output.h
 *		Itemsets and rules as rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RULES_OUTPUT_H
#define RECSYS_RULES_OUTPUT_H

#include "core/compat.h"
#include "rules/rules.h"
#include "utils/array.h"

typedef union RankedItem
{
	int64		number;
	Datum		text;
} RankedItem;

/* Turns the results of a run into the fields of its composite type. */
typedef struct RuleOutput
{
	const MiningResult *result;
	uint64		next;			/* row */
	RuleFacts  *facts;			/* of the row */
	bool		bigint_items;	/* or text */
	RankedItem *by_rank;		/* items in the order of their places */
	ArrayType  *arrays[2];		/* of bigint items: memory for those of a row */
	Datum		limits;
	bool		no_limits;
	MemoryContext cxt;			/* of a row */
} RuleOutput;

#define ITEMSET_FIELDS 6
#define RULE_FIELDS 22
#define OUTPUT_MAX_FIELDS RULE_FIELDS

extern void output_open(RuleOutput *output, const MiningResult *result);
extern bool output_next(RuleOutput *output, Datum *values, bool *nulls);
extern Datum output_array(RuleOutput *output, Oid element_type);

#endif							/* RECSYS_RULES_OUTPUT_H */
