/*-------------------------------------------------------------------------
 *
 * stream.h
 *		Set-returning functions whose rows are not stored.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_STREAM_H
#define RECSYS_STREAM_H

#include "core/compat.h"
#include "nodes/extensible.h"

/* Where a function's rows come from, and where they are asked for. */
typedef struct RowStream
{
	ExtensibleNode node;
	TupleDesc	desc;			/* of the rows that are expected */
	/* to be set by begin */
	void	   *state;
	/*
	 * Fills in the next row, where nothing is NULL yet; false where there is none.
	 * What values point to stays until the next call, and so does the memory
	 * context that is current then.
	 */
	bool		(*next) (void *state, Datum *values, bool *nulls);
	/* gives back what is no memory, be it before the last row */
	void		(*end) (void *state);
} RowStream;

/*
 * Begins the rows of a call; arg is what stream_rows() got, and tells functions that
 * share it apart.  The memory context that is current, where the state belongs, lives
 * as long as the stream.
 */
typedef void (*StreamBegin) (FunctionCallInfo fcinfo, RowStream *stream, const void *arg);

extern Datum stream_rows(FunctionCallInfo fcinfo, StreamBegin begin, const void *arg);
extern void stream_load(void);

#endif							/* RECSYS_STREAM_H */
