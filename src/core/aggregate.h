/*-------------------------------------------------------------------------
 *
 * aggregate.h
 *		What every support function of an aggregate needs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_AGGREGATE_H
#define RECSYS_AGGREGATE_H

#include "core/compat.h"

/*
 * The memory context in which a state has to live.  Support functions take
 * states of type internal, so SQL cannot call them but through an aggregate.
 */
static inline MemoryContext
aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext cxt;

	if (!AggCheckCallContext(fcinfo, &cxt))
		elog(ERROR, "aggregate support function called in non-aggregate context");
	return cxt;
}

#endif							/* RECSYS_AGGREGATE_H */
