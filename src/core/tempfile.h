/*-------------------------------------------------------------------------
 *
 * tempfile.h
 *		Temporary files: they may go away with a memory context, and errors are thrown.
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

static inline void
temp_file_seek(BufFile *file, int part, off_t offset)
{
	if (BufFileSeek(file, part, offset, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not seek in a temporary file: %m")));
}

/* Reads exactly so many bytes. */
static inline void
temp_file_read(BufFile *file, void *buffer, Size size)
{
	if (BufFileRead(file, buffer, size) != size)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read from a temporary file")));
}

#endif							/* RECSYS_TEMPFILE_H */
