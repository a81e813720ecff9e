/*-------------------------------------------------------------------------
 *
 * large.h
 *		Large pieces of memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_LARGE_H
#define RECSYS_LARGE_H

#include "core/compat.h"

extern void *large_alloc(MemoryContext cxt, Size size);
extern void *large_realloc(void *memory, Size size);
extern Size large_array_size(uint64 count, Size size);

#endif							/* RECSYS_LARGE_H */
