/*-------------------------------------------------------------------------
 *
 * recsys.c
 *		Module load: what has to happen once per backend.
 *
 * The extension needs no preload.  Everything a capability defines lives in
 * its own folder; this file only makes the library loadable.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "utils/guc.h"

#include "core/gather.h"
#include "core/stream.h"

#if PG_VERSION_NUM >= 180000
PG_MODULE_MAGIC_EXT(.name = "recsys", .version = RECSYS_VERSION);
#else
PG_MODULE_MAGIC;
#endif

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	MarkGUCPrefixReserved("recsys");
	stream_load();
	gather_load();
}
