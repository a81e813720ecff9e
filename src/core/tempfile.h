/*-------------------------------------------------------------------------
 *
 * tempfile.h
 *		Temporary files that go away with a memory context.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_TEMPFILE_H
#define RECSYS_TEMPFILE_H

#include "core/compat.h"

#include "access/xact.h"
#include "storage/buffile.h"

/*
 * Closes a file of BufFileCreateTemp(false), if there is one, for a callback of
 * the context too.  After an error the transaction has closed it already, and
 * closing it would write to it.
 */
static inline void
temp_file_close(BufFile **file)
{
	BufFile    *open = *file;

	*file = NULL;
	if (open && IsTransactionState())
		BufFileClose(open);
}

#endif							/* RECSYS_TEMPFILE_H */
