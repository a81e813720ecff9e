/*-------------------------------------------------------------------------
 *
 * model.c
 *		Reading the model: one row an item, through its indexes.
 *
 * A call reads some dozens of rows of the model, each by its key.  Through SPI
 * that would be the better part of its time, so the primary key's index is
 * probed directly, with one scan that is started anew for each key.
 *
 * Where a row was found is remembered in a directory of row addresses, by the
 * hash of the item: most probes get along without the index.  An address is
 * only a hint: what is found there has to be visible to the snapshot and to be
 * of that item, and then it is the row, as the primary key allows no other.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "recommend/recommend.h"

static void
open_index(ModelReader *reader, Recommender *recommender, Oid index, int nkeys)
{
	reader->recommender = recommender;
	reader->heap = table_open(recommender->model, AccessShareLock);
	reader->index = index_open(index, AccessShareLock);
	reader->slot = table_slot_create(reader->heap, NULL);
	reader->scan = begin_index_scan(reader->heap, reader->index, GetActiveSnapshot(), nkeys);
	reader->cxt = NULL;
}

/* Gets ready to find rows of items, in the active snapshot. */
void
model_open(ModelReader *reader, Recommender *recommender)
{
	open_index(reader, recommender, recommender->pkey, 1);
	reader->nblocks = RelationGetNumberOfBlocks(reader->heap);
	ScanKeyEntryInitialize(&reader->key, 0, 1, BTEqualStrategyNumber, InvalidOid,
						   recommender->pkey_collation, recommender->equal_proc, (Datum) 0);
}

/* Makes the directory: room for twice the items, up to a megabyte's worth. */
static void
create_directory(Recommender *recommender)
{
	uint32		size = 1024;

	while (size / 2 < recommender->items && size < 128 * 1024)
		size *= 2;
	recommender->directory = MemoryContextAllocZero(recommender->cxt,
													size * sizeof(ItemPointerData));
	recommender->directory_mask = size - 1;
}

/* Tries the address in the directory; the slot holds the row if true. */
static bool
find_in_directory(ModelReader *reader, Datum item, const ItemPointerData *hint)
{
	Recommender *recommender = reader->recommender;
	ItemPointerData tid = *hint;
	bool		call_again = false;
	bool		isnull;
	Datum		found;

	/* block 0, offset 0 is an empty place; the table may have been truncated */
	if (!ItemPointerIsValid(&tid) || ItemPointerGetBlockNumber(&tid) >= reader->nblocks)
		return false;
	if (!table_index_fetch_tuple(reader->scan->xs_heapfetch, &tid, reader->scan->xs_snapshot,
								 reader->slot, &call_again, NULL))
		return false;
	found = slot_getattr(reader->slot, recommender->item_att, &isnull);
	return !isnull && idtype_equal(&recommender->item, found, item);
}

/* Finds the row of an item and puts it into the slot. */
static bool
find_row(ModelReader *reader, Datum item)
{
	Recommender *recommender = reader->recommender;
	ItemPointerData *hint;
	ItemPointer tid;

	if (recommender->directory == NULL)
		create_directory(recommender);
	hint = &recommender->directory[idtype_hash(&recommender->item, item) &
								   recommender->directory_mask];
	if (find_in_directory(reader, item, hint))
		return true;

	reader->key.sk_argument = item;
	index_rescan(reader->scan, &reader->key, 1, NULL, 0);
	while ((tid = index_getnext_tid(reader->scan, ForwardScanDirection)) != NULL)
	{
		ItemPointerData root = *tid;	/* fetching moves on to the live version */

		if (index_fetch_heap(reader->scan, reader->slot))
		{
			*hint = root;
			return true;
		}
	}
	return false;
}

/* A flat array, detoasted into the reader's context where need be. */
static ArrayType *
get_array(ModelReader *reader, Datum value)
{
	MemoryContext old;
	ArrayType  *array;

	if (!VARATT_IS_EXTENDED(DatumGetPointer(value)))
		return (ArrayType *) DatumGetPointer(value);
	if (reader->cxt == NULL)
		reader->cxt = AllocSetContextCreate(CurrentMemoryContext, "recsys model row",
											ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(reader->cxt);
	array = DatumGetArrayTypeP(value);
	MemoryContextSwitchTo(old);
	return array;
}

static void
corrupt_model_error(const ModelReader *reader)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("table \"%s\" has a row that is not one of a model",
					RelationGetRelationName(reader->heap)),
			 errhint("Rebuild it with refresh_recommender().")));
}

/*
 * Finds the row of an item.  Anybody who may write the table can have put
 * anything into it, so its shape is checked.
 */
bool
model_find(ModelReader *reader, Datum item, ModelRow *row)
{
	Recommender *recommender = reader->recommender;
	ArrayType  *neighbours;
	ArrayType  *scores;
	bool		isnull[2];
	Datum		values[2];

	if (!find_row(reader, item))
		return false;

	values[0] = slot_getattr(reader->slot, recommender->neighbours_att, &isnull[0]);
	values[1] = slot_getattr(reader->slot, recommender->scores_att, &isnull[1]);
	if (isnull[0] || isnull[1])
		corrupt_model_error(reader);
	if (reader->cxt)
		MemoryContextReset(reader->cxt);
	neighbours = get_array(reader, values[0]);
	scores = get_array(reader, values[1]);
	if (ARR_NDIM(neighbours) > 1 || ARR_NDIM(scores) != ARR_NDIM(neighbours) ||
		ARR_HASNULL(neighbours) || ARR_HASNULL(scores) ||
		ARR_ELEMTYPE(neighbours) != recommender->item.type || ARR_ELEMTYPE(scores) != FLOAT4OID)
		corrupt_model_error(reader);
	row->n = ARR_NDIM(neighbours) == 0 ? 0 : ARR_DIMS(neighbours)[0];
	if (row->n > 0 && ARR_DIMS(scores)[0] != row->n)
		corrupt_model_error(reader);
	row->neighbours = ARR_DATA_PTR(neighbours);
	row->scores = (float4 *) ARR_DATA_PTR(scores);
	return true;
}

/* Popularity of an item, 0 where it is not in the model. */
double
model_popularity(ModelReader *reader, Datum item)
{
	bool		isnull;
	Datum		value;

	if (!find_row(reader, item))
		return 0;
	value = slot_getattr(reader->slot, reader->recommender->popularity_att, &isnull);
	return isnull ? 0 : DatumGetFloat8(value);
}

void
model_close(ModelReader *reader)
{
	index_endscan(reader->scan);
	ExecDropSingleTupleTableSlot(reader->slot);
	index_close(reader->index, AccessShareLock);
	table_close(reader->heap, AccessShareLock);
	if (reader->cxt)
		MemoryContextDelete(reader->cxt);
}

/* Gets ready to walk through all items, the most popular first, ties by item. */
void
popularity_open(ModelReader *reader, Recommender *recommender)
{
	open_index(reader, recommender, recommender->popularity, 0);
	index_rescan(reader->scan, NULL, 0, NULL, 0);
}

/* The next item; its value is good until the one after it is read. */
bool
popularity_next(ModelReader *reader, Datum *item, double *popularity)
{
	Recommender *recommender = reader->recommender;
	bool		isnull[2];

	CHECK_FOR_INTERRUPTS();
	if (!index_getnext_slot(reader->scan, ForwardScanDirection, reader->slot))
		return false;
	*item = slot_getattr(reader->slot, recommender->item_att, &isnull[0]);
	*popularity = DatumGetFloat8(slot_getattr(reader->slot, recommender->popularity_att,
											  &isnull[1]));
	if (isnull[0] || isnull[1])
		corrupt_model_error(reader);
	return true;
}
