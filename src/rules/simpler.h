/*-------------------------------------------------------------------------
 *
 * simpler.h
 *		The most confident of all rules that are simpler than one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RULES_SIMPLER_H
#define RECSYS_RULES_SIMPLER_H

#include "core/compat.h"
#include "rules/setindex.h"

/* A confidence as a quotient. */
typedef struct Confidence
{
	uint32		both;
	uint32		lhs;
} Confidence;

typedef struct SimplerRules SimplerRules;

extern SimplerRules *simpler_rules_create(SetIndex *index, uint32 nbaskets,
										  const MemoryBudget *budget);
extern uint32 *simpler_rules_extend(SimplerRules *simpler, uint32 max_length, uint32 *n);
extern void simpler_rules_open(SimplerRules *simpler, uint32 set);
extern Confidence simpler_rules_best(const SimplerRules *simpler, uint32 position);
extern Confidence simpler_rules_search(SetIndex *index, uint32 nbaskets, const uint32 *rhs,
									   uint32 nrhs);

/* Exact: counts are below 2^31. */
static inline bool
confidence_is_higher(Confidence a, Confidence b)
{
	return (uint64) a.both * b.lhs > (uint64) b.both * a.lhs;
}

#endif							/* RECSYS_RULES_SIMPLER_H */
