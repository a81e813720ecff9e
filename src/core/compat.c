/*-------------------------------------------------------------------------
 *
 * compat.c
 *		The bodies of the shims that compat.h declares for older servers.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#if PG_VERSION_NUM < 150000

#include "storage/smgr.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

/*
 * Prepares rsinfo of a set-returning function for materialize mode: checks
 * that the caller allows it and creates tuplestore and row type.
 */
void
recsys_materialized_srf(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	if (!(rsinfo->allowedModes & SFRM_Materialize) || rsinfo->expectedDesc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("materialize mode required, but it is not allowed in this context")));

	old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setResult = tuplestore_begin_heap((rsinfo->allowedModes & SFRM_Materialize_Random) != 0,
											  false, work_mem);
	rsinfo->setDesc = CreateTupleDescCopy(rsinfo->expectedDesc);
	MemoryContextSwitchTo(old);
}

SMgrRelation
recsys_relation_smgr(Relation rel)
{
	RelationOpenSmgr(rel);
	return rel->rd_smgr;
}

#endif
