/*-------------------------------------------------------------------------
 *
 * list.c
 *		The recommenders of a database that the caller may use.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "catalog/pg_type.h"
#include "recommend/recommend.h"

/* Adds the row of one recommender: its table and the columns of its definition. */
static void
put_definition(ReturnSetInfo *rsinfo, Oid relid)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	TupleTableSlot *slot;

	if (rel == NULL)
		return;					/* dropped in the meantime */
	slot = table_slot_create(rel, NULL);
	if (definition_is_readable(rel) &&
		check_enable_rls(relid, InvalidOid, true) != RLS_ENABLED && definition_read(rel, slot))
	{
		Datum		values[Natts_definition + 1];
		bool		nulls[Natts_definition + 1];

		values[0] = ObjectIdGetDatum(relid);
		nulls[0] = false;
		memcpy(values + 1, slot->tts_values, Natts_definition * sizeof(Datum));
		memcpy(nulls + 1, slot->tts_isnull, Natts_definition * sizeof(bool));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	ExecDropSingleTupleTableSlot(slot);
	relation_close(rel, AccessShareLock);
}

/* list_recommenders(): a row for each that the caller may read */
RECSYS_FUNCTION(recsys_list_recommenders);
Datum
recsys_list_recommenders(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			argtype = OIDOID;
	Datum		type = ObjectIdGetDatum(definition_type(fcinfo));
	uint64		i;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute_with_args("SELECT c.oid FROM pg_catalog.pg_class c"
							  " WHERE c.reloftype OPERATOR(pg_catalog.=) $1"
							  " AND c.relkind OPERATOR(pg_catalog.=) 'r'::pg_catalog.\"char\""
							  " AND pg_catalog.has_table_privilege(c.oid, 'SELECT'::pg_catalog.text)"
							  " ORDER BY c.oid USING OPERATOR(pg_catalog.<)",
							  1, &argtype, &type, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look for recommenders");
	for (i = 0; i < SPI_processed; i++)
	{
		bool		isnull;
		Datum		relid = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);

		put_definition(rsinfo, DatumGetObjectId(relid));
	}
	SPI_finish();
	return (Datum) 0;
}
