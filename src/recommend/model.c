/*-------------------------------------------------------------------------
 *
 * model.c
 *		Reading the model: one row an item, through its indexes.
 *
 * A call reads some dozens of rows of the model, each by its key.  Through SPI
 * that would be the better part of its time, so the primary key's index is
 * probed directly, with one scan that is started anew for each key.
 *
 * Most probes get along without the index, by what directory.c remembers: the
 * scan is started when the first does not.
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
open_table(ModelReader *reader, Recommender *recommender)
{
	memset(reader, 0, sizeof(*reader));
	reader->recommender = recommender;
	reader->heap = table_open(recommender->model, AccessShareLock);
	reader->slot = table_slot_create(reader->heap, NULL);
	reader->snapshot = GetActiveSnapshot();
}

static void
open_index(ModelReader *reader, Oid index, int nkeys)
{
	reader->index = index_open(index, AccessShareLock);
	reader->scan = begin_index_scan(reader->heap, reader->index, reader->snapshot, nkeys);
}

/* Gets ready to find rows of items, in the active snapshot. */
void
model_open(ModelReader *reader, Recommender *recommender)
{
	open_table(reader, recommender);
	directory_open(reader);
}

/* Finds the row of an item through the primary key. */
static bool
find_in_index(ModelReader *reader, Datum item, uint32 hash)
{
	Recommender *recommender = reader->recommender;
	ScanKeyData key;
	ItemPointer tid;

	if (reader->scan == NULL)
		open_index(reader, recommender->pkey, 1);
	ScanKeyEntryInitialize(&key, 0, 1, BTEqualStrategyNumber, InvalidOid,
						   recommender->pkey_collation, recommender->equal_proc, item);
	index_rescan(reader->scan, &key, 1, NULL, 0);
	while ((tid = index_getnext_tid(reader->scan, ForwardScanDirection)) != NULL)
	{
		ItemPointerData root = *tid;	/* fetching moves on to the live version */

		if (index_fetch_heap(reader->scan, reader->slot))
		{
			directory_put(reader, hash, &root);
			return true;
		}
	}
	return false;
}

/* Finds the row of an item and puts it into the slot. */
static bool
find_row(ModelReader *reader, Datum item)
{
	uint32		hash = idtype_hash(&reader->recommender->item, item);

	return directory_find(reader, item, hash) || find_in_index(reader, item, hash);
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
	if (reader->scan)
	{
		index_endscan(reader->scan);
		index_close(reader->index, AccessShareLock);
	}
	ExecDropSingleTupleTableSlot(reader->slot);
	table_close(reader->heap, AccessShareLock);
	if (reader->cxt)
		MemoryContextDelete(reader->cxt);
}

/* Gets ready to walk through all items, the most popular first, ties by item. */
void
popularity_open(ModelReader *reader, Recommender *recommender)
{
	open_table(reader, recommender);
	open_index(reader, recommender->popularity, 0);
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
