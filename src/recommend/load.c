/*-------------------------------------------------------------------------
 *
 * load.c
 *		Writing all rows of a model that was created just now.
 *
 * Nobody else sees the table yet, and nothing is in it: its indexes are made
 * afterwards, and its pages outside of the shared buffers, each of which goes
 * to the file and to the WAL once, as CREATE INDEX and CLUSTER do it.  COPY would
 * first make the file longer, then write the page again when its buffer is
 * needed.  Where somebody decodes the WAL into changes of rows, of which pages have
 * none, or the table is not a heap, rows are inserted as COPY does it, many at a time.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "access/heapam.h"
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xloginsert.h"
#include "access/xlogrecord.h"
#include "catalog/catalog.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "storage/smgr.h"
#include "utils/array.h"
#include "utils/rel.h"

#include "recommend/recommend.h"

/* Pages that are written at a time: as many as fit into a record of WAL. */
#define BATCH_PAGES XLR_MAX_BLOCK_ID

/* Rows that are inserted at a time, by number and by size. */
#define BATCH_ROWS 500
#define BATCH_BYTES (64 * 1024)

#define BUFFER_ALIGN 4096		/* for direct I/O */

struct ModelLoad
{
	Relation	rel;
	CommandId	cid;
	bool	   *nulls;
	/* of pages that are made here; NULL: rows are inserted */
	Page		pages[BATCH_PAGES];
	char	   *buffer;
	int			npages;			/* that have something; rows go to the last */
	BlockNumber block;			/* of the first */
	Size		reserve;		/* that is to stay free in each */
	TransactionId xid;
	/* of rows that are inserted */
	MemoryContext batch_cxt;	/* of what only a batch needs */
	BulkInsertState bistate;
	TupleTableSlot *slots[BATCH_ROWS];
	int			nrows;			/* in the batch */
	Size		size;
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

static void
begin_pages(ModelLoad *load)
{
	char	   *start;
	int			i;

	load->buffer = palloc(BATCH_PAGES * BLCKSZ + BUFFER_ALIGN);
	start = (char *) TYPEALIGN(BUFFER_ALIGN, load->buffer);
	for (i = 0; i < BATCH_PAGES; i++)
		load->pages[i] = (Page) (start + i * BLCKSZ);
	load->reserve = RelationGetTargetPageFreeSpace(load->rel, HEAP_DEFAULT_FILLFACTOR);
	load->xid = GetCurrentTransactionId();
}

static void
begin_inserting(ModelLoad *load)
{
	int			i;

	/* its first block stays with it, and is enough for most batches */
	load->batch_cxt = AllocSetContextCreate(CurrentMemoryContext, "recsys model batch",
											0, 4 * BATCH_BYTES, ALLOCSET_DEFAULT_MAXSIZE);
	load->bistate = GetBulkInsertState();
	for (i = 0; i < BATCH_ROWS; i++)
		load->slots[i] = MakeSingleTupleTableSlot(RelationGetDescr(load->rel), &TTSOpsHeapTuple);
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

	if (rel->rd_rel->relhasrules || rel->rd_rel->relrowsecurity || rel->trigdesc ||
		rel->rd_rel->relkind != RELKIND_RELATION || tupdesc->natts != natts ||
		(tupdesc->constr && tupdesc->constr->num_check > 0) || RelationGetNumberOfBlocks(rel) > 0)
	{
		table_close(rel, NoLock);
		return NULL;
	}
	load = palloc0_object(ModelLoad);
	load->rel = rel;
	load->cid = GetCurrentCommandId(true);
	load->nulls = palloc0_array(bool, natts);
	if (rel->rd_tableam == GetHeapamTableAmRoutine() && !RelationIsLogicallyLogged(rel))
		begin_pages(load);
	else
		begin_inserting(load);
	return load;
}

/*
 * Writes the pages to the file, and then to the WAL.  The other way round a
 * checkpoint in between would leave the record behind without the page; so a
 * crash leaves pages of a table that nobody sees.  What was written the next
 * checkpoint brings to the disk, as it has been told.
 *
 * A page says where the WAL was before its record: if that is behind the place
 * from which recovery would start, so is the record, and the next change of the
 * page need not log all of it again.
 */
static void
write_pages(ModelLoad *load)
{
	bool		logged = RelationNeedsWAL(load->rel);
	XLogRecPtr	lsn = logged ? GetXLogInsertRecPtr() : InvalidXLogRecPtr;
	BlockNumber blocks[BATCH_PAGES];
	SMgrRelation smgr;
	int			i;

	CHECK_FOR_INTERRUPTS();
	smgr = relation_smgr(load->rel);
	if (smgrnblocks(smgr, MAIN_FORKNUM) != load->block)
		elog(ERROR, "table \"%s\" has become longer", RelationGetRelationName(load->rel));
	for (i = 0; i < load->npages; i++)
	{
		blocks[i] = load->block + i;
		PageSetLSN(load->pages[i], lsn);
		PageSetChecksumInplace(load->pages[i], blocks[i]);
		smgrextend(smgr, MAIN_FORKNUM, blocks[i], load->pages[i], false);
	}
	if (logged)
		log_pages(load->rel, load->npages, blocks, load->pages);
	load->block += load->npages;
	load->npages = 0;
}

/* Turns to another page, with room for a row. */
static Page
next_page(ModelLoad *load)
{
	Page		page;

	if (load->npages == BATCH_PAGES)
		write_pages(load);
	page = load->pages[load->npages++];
	PageInit(page, BLCKSZ, 0);
	return page;
}

/* Puts a row, as this command has inserted it, onto a page. */
static void
put_on_page(ModelLoad *load, HeapTuple tuple)
{
	HeapTupleHeader header = tuple->t_data;
	Page		page = load->npages > 0 ? load->pages[load->npages - 1] : next_page(load);
	OffsetNumber place;
	Size		size;

	header->t_infomask &= ~HEAP_XACT_MASK;
	header->t_infomask2 &= ~HEAP2_XACT_MASK;
	header->t_infomask |= HEAP_XMAX_INVALID;
	HeapTupleHeaderSetXmin(header, load->xid);
	HeapTupleHeaderSetCmin(header, load->cid);
	HeapTupleHeaderSetXmax(header, InvalidTransactionId);
	tuple->t_tableOid = RelationGetRelid(load->rel);
	if (HeapTupleHasExternal(tuple) || tuple->t_len > TOAST_TUPLE_THRESHOLD)
	{
		tuple = heap_toast_insert_or_update(load->rel, tuple, NULL, HEAP_INSERT_SKIP_FSM);
		header = tuple->t_data;
	}

	size = MAXALIGN(tuple->t_len);
	if (size > MaxHeapTupleSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("row is too big: size %zu, maximum size %zu", size, MaxHeapTupleSize)));
	/* a row that leaves less free than it should has a page of its own */
	if (PageGetHeapFreeSpace(page) < size + load->reserve && PageGetMaxOffsetNumber(page) > 0)
		page = next_page(load);
	ItemPointerSet(&header->t_ctid, load->block + load->npages - 1,
				   OffsetNumberNext(PageGetMaxOffsetNumber(page)));
	place = PageAddItem(page, (Item) header, tuple->t_len, InvalidOffsetNumber, false, true);
	if (place != ItemPointerGetOffsetNumber(&header->t_ctid))
		elog(ERROR, "could not put a row onto a page");
}

static void
insert_batch(ModelLoad *load)
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

/* Adds a row, none of whose columns is NULL, in a memory context of the row. */
void
model_load_put(ModelLoad *load, Datum *values)
{
	MemoryContext old;
	HeapTuple	tuple;

	if (load->buffer)
	{
		put_on_page(load, heap_form_tuple(RelationGetDescr(load->rel), values, load->nulls));
		pgstat_count_heap_insert(load->rel, 1);
		return;
	}
	old = MemoryContextSwitchTo(load->batch_cxt);
	tuple = heap_form_tuple(RelationGetDescr(load->rel), values, load->nulls);
	MemoryContextSwitchTo(old);
	load->size += tuple->t_len;
	ExecStoreHeapTuple(tuple, load->slots[load->nrows++], true);
	if (load->nrows == BATCH_ROWS || load->size > BATCH_BYTES)
		insert_batch(load);
}

static void
end_inserting(ModelLoad *load)
{
	int			i;

	if (load->nrows > 0)
		insert_batch(load);
	FreeBulkInsertState(load->bistate);
	table_finish_bulk_insert(load->rel, TABLE_INSERT_SKIP_FSM);
	for (i = 0; i < BATCH_ROWS; i++)
		ExecDropSingleTupleTableSlot(load->slots[i]);
	MemoryContextDelete(load->batch_cxt);
}

/* Writes what is left, and lets later commands see the rows. */
void
model_load_end(ModelLoad *load)
{
	if (load->buffer == NULL)
		end_inserting(load);
	else
	{
		if (load->npages > 0)
			write_pages(load);
		pfree(load->buffer);
	}
	table_close(load->rel, NoLock);
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

/* The neighbours of a row; without a call for each where they are plain numbers. */
ArrayType *
model_neighbours(const SimilarityRow *row, const IdType *type)
{
	const Neighbour *from = row->neighbours;
	IdValues	ids = row->targets;
	int			n = row->n;
	ArrayType  *array;
	void	   *to;
	int			i;

	if (n == 0 || !type->typbyval ||
		(type->typlen != sizeof(int32) && type->typlen != sizeof(Datum)))
	{
		Datum	   *values = palloc_array(Datum, n);

		for (i = 0; i < n; i++)
			values[i] = id_value(&ids, from[i].target);
		return construct_array(values, n, type->type, type->typlen, type->typbyval, type->typalign);
	}
	array = make_array(n, type->type, type->typlen);
	to = ARR_DATA_PTR(array);
	if (type->typlen == sizeof(Datum))
		for (i = 0; i < n; i++)
			((Datum *) to)[i] = id_value(&ids, from[i].target);
	else
		for (i = 0; i < n; i++)
			((int32 *) to)[i] = DatumGetInt32(id_value(&ids, from[i].target));
	return array;
}

/* Their scores as they are stored. */
ArrayType *
model_scores(const SimilarityRow *row)
{
	const Neighbour *from = row->neighbours;
	int			n = row->n;
	ArrayType  *array;
	float4	   *to;
	int			i;

	if (n == 0)
		return construct_empty_array(FLOAT4OID);
	array = make_array(n, FLOAT4OID, sizeof(float4));
	to = (float4 *) ARR_DATA_PTR(array);
	for (i = 0; i < n; i++)
		to[i] = (float4) from[i].score;
	return array;
}
