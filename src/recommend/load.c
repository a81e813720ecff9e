/*-------------------------------------------------------------------------
 *
 * load.c
 *		Writing all rows of a model that was created just now.
 *
 * Nobody else sees the table yet, and nothing is in it: its rows are written
 * by whole pages, as COPY does it, and its indexes are made afterwards.  That
 * is several times as fast as a statement for each row.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/rel.h"

#include "recommend/recommend.h"

/* Rows that are written at a time, by number and by size. */
#define BATCH_ROWS 500
#define BATCH_BYTES (64 * 1024)

struct ModelLoad
{
	MemoryContext batch_cxt;	/* of what only a batch needs */
	Relation	rel;
	CommandId	cid;
	BulkInsertState bistate;
	TupleTableSlot *slots[BATCH_ROWS];
	int			nrows;			/* in the batch */
	Size		size;
	bool	   *nulls;
};

/* Was the table created in this transaction, and has no index yet? */
bool
model_is_new(Oid model)
{
	Relation	rel = table_open(model, AccessShareLock);
	bool		new = rel->rd_createSubid != InvalidSubTransactionId && !rel->rd_rel->relhasindex;

	table_close(rel, NoLock);
	return new;
}

/*
 * Starts to load a new model of so many columns.  NULL where its rows have to
 * be written by statements, as somebody's event trigger has put something on it.
 */
ModelLoad *
model_load_begin(Oid model, int natts)
{
	Relation	rel = table_open(model, RowExclusiveLock);
	TupleDesc	tupdesc = RelationGetDescr(rel);
	ModelLoad  *load;
	int			i;

	if (rel->rd_rel->relhasrules || rel->rd_rel->relrowsecurity || rel->trigdesc ||
		rel->rd_rel->relkind != RELKIND_RELATION || tupdesc->natts != natts ||
		(tupdesc->constr && tupdesc->constr->num_check > 0) || RelationGetNumberOfBlocks(rel) > 0)
	{
		table_close(rel, NoLock);
		return NULL;
	}
	load = palloc0_object(ModelLoad);
	/* its first block stays with it, and is enough for most batches */
	load->batch_cxt = AllocSetContextCreate(CurrentMemoryContext, "recsys model batch",
											0, 4 * BATCH_BYTES, ALLOCSET_DEFAULT_MAXSIZE);
	load->rel = rel;
	load->cid = GetCurrentCommandId(true);
	load->bistate = GetBulkInsertState();
	load->nulls = palloc0_array(bool, natts);
	for (i = 0; i < BATCH_ROWS; i++)
		load->slots[i] = MakeSingleTupleTableSlot(tupdesc, &TTSOpsHeapTuple);
	return load;
}

static void
write_batch(ModelLoad *load)
{
	MemoryContext old = MemoryContextSwitchTo(load->batch_cxt);
	int			i;

	table_multi_insert(load->rel, load->slots, load->nrows, load->cid, TABLE_INSERT_SKIP_FSM,
					   load->bistate);
	MemoryContextSwitchTo(old);
	for (i = 0; i < load->nrows; i++)
		ExecClearTuple(load->slots[i]);
	MemoryContextReset(load->batch_cxt);
	load->nrows = 0;
	load->size = 0;
}

/* Adds a row, none of whose columns is NULL. */
void
model_load_put(ModelLoad *load, Datum *values)
{
	MemoryContext old = MemoryContextSwitchTo(load->batch_cxt);
	HeapTuple	tuple = heap_form_tuple(RelationGetDescr(load->rel), values, load->nulls);

	MemoryContextSwitchTo(old);
	load->size += tuple->t_len;
	ExecStoreHeapTuple(tuple, load->slots[load->nrows++], true);
	if (load->nrows == BATCH_ROWS || load->size > BATCH_BYTES)
		write_batch(load);
}

/* Writes what is left, and lets later commands see the rows. */
void
model_load_end(ModelLoad *load)
{
	int			i;

	if (load->nrows > 0)
		write_batch(load);
	FreeBulkInsertState(load->bistate);
	table_finish_bulk_insert(load->rel, TABLE_INSERT_SKIP_FSM);
	for (i = 0; i < BATCH_ROWS; i++)
		ExecDropSingleTupleTableSlot(load->slots[i]);
	table_close(load->rel, NoLock);
	MemoryContextDelete(load->batch_cxt);
	pfree(load->nulls);
	pfree(load);
	CommandCounterIncrement();
}

/* An array of n elements of so many bytes, of a type that is by value: its elements are to be filled in. */
static ArrayType *
make_array(int n, Oid type, Size typlen)
{
	Size		size = ARR_OVERHEAD_NONULLS(1) + n * typlen;
	ArrayType  *array = palloc(size);

	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->dataoffset = 0;
	array->elemtype = type;
	ARR_DIMS(array)[0] = n;
	ARR_LBOUND(array)[0] = 1;
	return array;
}

/*
 * construct_array() of values that are not NULL, without a call for each where
 * they are plain numbers.
 */
ArrayType *
model_array(const Datum *values, int n, const IdType *type)
{
	ArrayType  *array;
	int			i;

	if (n == 0 || !type->typbyval ||
		(type->typlen != sizeof(int32) && type->typlen != sizeof(Datum)))
		return construct_array(unconstify(Datum *, values), n, type->type, type->typlen,
							   type->typbyval, type->typalign);
	array = make_array(n, type->type, type->typlen);
	if (type->typlen == sizeof(Datum))
		memcpy(ARR_DATA_PTR(array), values, n * sizeof(Datum));
	else
		for (i = 0; i < n; i++)
			((int32 *) ARR_DATA_PTR(array))[i] = DatumGetInt32(values[i]);
	return array;
}

/* Scores as they are stored. */
ArrayType *
model_scores(const double *scores, int n)
{
	ArrayType  *array;
	int			i;

	if (n == 0)
		return construct_empty_array(FLOAT4OID);
	array = make_array(n, FLOAT4OID, sizeof(float4));
	for (i = 0; i < n; i++)
		((float4 *) ARR_DATA_PTR(array))[i] = (float4) scores[i];
	return array;
}
