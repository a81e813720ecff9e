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

/*
 * For states that neither spill nor are limited by a value's size: an error
 * where so much memory is more than maintenance_work_mem, the setting of those
 * who do one big thing.  what: the plural of the things that take it.
 */
static inline void
check_state_memory(Size used, const char *what)
{
	if (used > (Size) maintenance_work_mem * 1024)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s need more memory than maintenance_work_mem (%d kB)",
						what, maintenance_work_mem),
				 errhint("Raise maintenance_work_mem.")));
}

/*
 * Thrown where bytes are no partial state.  They come from another process of
 * the same server, so that they are ours is not in question, only whether they
 * are whole: deserialization checks whatever memory accesses, loops and
 * arithmetic depend on.
 */
#define damaged_state_error() \
	ereport(ERROR, \
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), \
			 errmsg("damaged partial state of an aggregate")))

/* A bool that came as a byte: only 0 and 1 may be looked at as one. */
#define check_state_bool(value) \
	do { \
		if (*(const unsigned char *) &(value) > 1) \
			damaged_state_error(); \
	} while (0)

#endif							/* RECSYS_AGGREGATE_H */
