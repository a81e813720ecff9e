/*-------------------------------------------------------------------------
 *
 * progress.h
 *		Showing how far long work is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_PROGRESS_H
#define RECSYS_PROGRESS_H

#include "core/compat.h"

extern void progress_begin(const char *activity);
extern void progress_phase(const char *phase, uint64 total);
extern void progress_update(uint64 done);
extern void progress_end(void);

#endif							/* RECSYS_PROGRESS_H */
