/*-------------------------------------------------------------------------
 *
 * gather.h
 *		Rows of a parallel plan, handed over many at a time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_GATHER_H
#define RECSYS_GATHER_H

#include "core/compat.h"
#include "nodes/plannodes.h"

#include "core/query.h"

extern bool gather_replace(PlannedStmt *statement);
extern void gather_into(QueryRow row, void *arg);
extern void gather_load(void);

#endif							/* RECSYS_GATHER_H */
