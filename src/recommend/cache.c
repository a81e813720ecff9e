/*-------------------------------------------------------------------------
 *
 * cache.c
 *		What a backend remembers of the recommenders it has used.
 *
 * A call of recommend() needs the recommender's query, the plan made of it,
 * the tables and indexes of the model and the functions of its types.  They
 * are looked up once and kept for the session.
 *
 * What is kept is good as long as (a) the row of the definition that the
 * snapshot in force shows is still the one it was read from, which is looked
 * at on each call (it is one page), and (b) none of the tables was altered,
 * which invalidation messages tell.  So a definition changed by whatever
 * means, replication included, counts from the moment it is visible, together
 * with the model it belongs to.
 *
 * An entry that is in use by a call, which a function in the recommender's
 * query may well be part of, is neither changed nor freed: a nested call that
 * needs another state makes an entry of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "recommend/recommend.h"

typedef struct CacheEntry
{
	Oid			relid;			/* hash key */
	Recommender *recommender;
} CacheEntry;

/* Memory for so many products is kept from call to call, and no more. */
#define KEEP_PRODUCTS (512 * 1024)

static HTAB *cache = NULL;

/* Relcache invalidation: an altered or dropped table, or InvalidOid for all. */
static void
invalidate(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	CacheEntry *entry;

	hash_seq_init(&status, cache);
	while ((entry = hash_seq_search(&status)) != NULL)
		if (entry->recommender &&
			(relid == InvalidOid || relid == entry->relid || relid == entry->recommender->model))
			entry->recommender->stale = true;
}

static void
destroy(Recommender *recommender)
{
	if (recommender->history)
		query_forget(recommender->history);
	ladder_forget(recommender);
	consent_forget(recommender);
	log_forget(recommender);
	eligible_forget(recommender);
	MemoryContextDelete(recommender->cxt);
}

/* Frees what is stale: recommenders that were dropped would stay for ever. */
static void
sweep(void)
{
	HASH_SEQ_STATUS status;
	CacheEntry *entry;

	hash_seq_init(&status, cache);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		Recommender *recommender = entry->recommender;

		if (recommender && (!recommender->stale || recommender->busy))
			continue;
		if (recommender)
			destroy(recommender);
		hash_search(cache, &entry->relid, HASH_REMOVE, NULL);
	}
}

static void
create_cache(void)
{
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(CacheEntry);
	ctl.hcxt = CacheMemoryContext;
	cache = hash_create("recsys recommenders", 16, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(invalidate, (Datum) 0);
}

/*
 * Can the table of a definition be read as one?  ALTER TABLE ... OF lets a table
 * have dropped columns between those of the type.
 */
bool
definition_is_readable(Relation rel)
{
	static const Oid types[Natts_definition] = {TEXTOID, TEXTOID, JSONBOID, REGCLASSOID,
		TIMESTAMPTZOID, INTERVALOID, INT8OID, INT8OID, INT8OID, FLOAT8OID, TEXTOID, REGCLASSOID,
	TEXTOID, INT8OID, TEXTOID, REGCLASSOID};
	TupleDesc	desc = RelationGetDescr(rel);
	int			i;

	if (rel->rd_rel->relkind != RELKIND_RELATION || RELATION_IS_OTHER_TEMP(rel) ||
		desc->natts < Natts_definition)
		return false;
	for (i = 0; i < Natts_definition; i++)
		if (TupleDescAttr(desc, i)->attisdropped || TupleDescAttr(desc, i)->atttypid != types[i])
			return false;
	return true;
}

/*
 * Reads the row of a definition that the active snapshot shows into a slot of
 * the table's own.  False where there is none.
 */
bool
definition_read(Relation rel, TupleTableSlot *slot)
{
	TableScanDesc scan = table_beginscan(rel, GetActiveSnapshot(), 0, NULL);
	bool		found = table_scan_getnextslot(scan, ForwardScanDirection, slot);

	if (found)
	{
		/* a slot's tuple header is the scan's */
		ExecMaterializeSlot(slot);
		slot_getallattrs(slot);
	}
	table_endscan(scan);
	return found;
}

static TransactionId
slot_xmin(TupleTableSlot *slot)
{
	bool		isnull;

	return DatumGetTransactionId(slot_getsysattr(slot, MinTransactionIdAttributeNumber, &isnull));
}

/* Reading needs SELECT on both tables; rows must not be hidden from a reader. */
static void
check_access(Oid relid)
{
	AclResult	result = pg_class_aclcheck(relid, GetUserId(), ACL_SELECT);

	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_TABLE, get_rel_name(relid));
	if (check_enable_rls(relid, InvalidOid, false) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("table \"%s\" of a recommender must not have row-level security",
						get_rel_name(relid)),
				 errhint("Protect the tables that its query reads; they are read with the rights of the caller.")));
}

static void
model_missing_error(Oid relid)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("recommender \"%s\" has no model", get_rel_name(relid)),
			 errhint("Build it with refresh_recommender().")));
}

static AttrNumber
model_column(Recommender *recommender, Relation model, const char *name, Oid type)
{
	AttrNumber	attno = get_attnum(RelationGetRelid(model), name);

	if (attno == InvalidAttrNumber ||
		(OidIsValid(type) && TupleDescAttr(model->rd_att, attno - 1)->atttypid != type))
		model_missing_error(recommender->relid);
	return attno;
}

/* Does an index have all items in the order in which the fallback wants them? */
static bool
is_popularity_index(const Recommender *recommender, Relation index)
{
	return index->rd_rel->relam == BTREE_AM_OID && index->rd_index->indisvalid &&
		index->rd_index->indnkeyatts >= 2 &&
		index->rd_index->indkey.values[0] == recommender->popularity_att &&
		index->rd_index->indkey.values[1] == recommender->item_att &&
		(index->rd_indoption[0] & INDOPTION_DESC) != 0 &&
		(index->rd_indoption[1] & INDOPTION_DESC) == 0 &&
		heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL);
}

/* Finds columns and indexes of the model. */
static void
load_model(Recommender *recommender)
{
	Relation	model;
	List	   *indexes;
	ListCell   *lc;
	Form_pg_attribute att;

	model = try_relation_open(recommender->model, AccessShareLock);
	if (model == NULL || model->rd_rel->relkind != RELKIND_RELATION)
		model_missing_error(recommender->relid);

	recommender->item_att = model_column(recommender, model, "item", InvalidOid);
	att = TupleDescAttr(model->rd_att, recommender->item_att - 1);
	/* nothing that is read by its type below may be of another */
	check_item_type(att->atttypid);
	idtype_init(&recommender->item, att->atttypid, att->attcollation);
	recommender->popularity_att = model_column(recommender, model, "popularity", FLOAT8OID);
	recommender->neighbours_att = model_column(recommender, model, "neighbours",
											   recommender->item.array_type);
	recommender->scores_att = model_column(recommender, model, "scores", FLOAT4ARRAYOID);

	indexes = RelationGetIndexList(model);
	recommender->pkey = primary_key_index(model);
	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		if (lfirst_oid(lc) == recommender->pkey)
		{
			Oid			opcintype = index->rd_opcintype[0];

			if (index->rd_index->indkey.values[0] != recommender->item_att)
				model_missing_error(recommender->relid);
			recommender->equal_proc =
				get_opcode(get_opfamily_member(index->rd_opfamily[0], opcintype, opcintype,
											   BTEqualStrategyNumber));
			recommender->pkey_collation = index->rd_indcollation[0];
		}
		else if (is_popularity_index(recommender, index))
			recommender->popularity = lfirst_oid(lc);
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	if (!OidIsValid(recommender->pkey) || !OidIsValid(recommender->popularity))
		model_missing_error(recommender->relid);
	relation_close(model, NoLock);
}

/* Makes an entry from a row of a definition, in a memory context of its own. */
static Recommender *
load(Relation rel, TupleTableSlot *slot)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "recsys recommender",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	Recommender *recommender = palloc0_object(Recommender);
	bool	   *isnull = slot->tts_isnull;
	Datum	   *values = slot->tts_values;

	recommender->cxt = cxt;
	recommender->relid = RelationGetRelid(rel);
	recommender->tid = slot->tts_tid;
	recommender->xmin = slot_xmin(slot);
	if (isnull[Anum_definition_query - 1] || isnull[Anum_definition_model - 1] ||
		isnull[Anum_definition_built_at - 1] || isnull[Anum_definition_max_score - 1])
		model_missing_error(recommender->relid);
	recommender->query = TextDatumGetCString(values[Anum_definition_query - 1]);
	if (!isnull[Anum_definition_items_query - 1])
		recommender->items_query = TextDatumGetCString(values[Anum_definition_items_query - 1]);
	recommender->model = DatumGetObjectId(values[Anum_definition_model - 1]);
	if (!isnull[Anum_definition_users_query - 1])
		recommender->users_query =
			TextDatumGetCString(values[Anum_definition_users_query - 1]);
	if (!isnull[Anum_definition_consent_query - 1])
		recommender->consent_query =
			TextDatumGetCString(values[Anum_definition_consent_query - 1]);
	if (!isnull[Anum_definition_log - 1])
		recommender->log = DatumGetObjectId(values[Anum_definition_log - 1]);
	if (!isnull[Anum_definition_lists - 1])
		recommender->lists = DatumGetObjectId(values[Anum_definition_lists - 1]);
	recommender->items = isnull[Anum_definition_items - 1] ? 0 :
		DatumGetInt64(values[Anum_definition_items - 1]);
	recommender->max_score = DatumGetFloat8(values[Anum_definition_max_score - 1]);
	load_model(recommender);
	MemoryContextSwitchTo(old);
	return recommender;
}

/* Keeps a new entry for the session, in place of the old one if there is. */
static void
keep(Recommender *recommender)
{
	CacheEntry *entry;
	bool		found;

	sweep();
	entry = hash_search(cache, &recommender->relid, HASH_ENTER, &found);
	if (!found)
		entry->recommender = NULL;
	else if (entry->recommender)
		destroy(entry->recommender);
	MemoryContextSetParent(recommender->cxt, CacheMemoryContext);
	recommender->cached = true;
	entry->recommender = recommender;
}

/*
 * The recommender of a name, for the time of one call: recommender_release()
 * has to follow, after an error too.  Checks that the caller may read it.
 */
Recommender *
recommender_acquire(FunctionCallInfo fcinfo, text *name)
{
	Oid			relid = recommender_relid(name, definition_type(fcinfo), AccessShareLock, false);
	Relation	rel = table_open(relid, NoLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	Recommender *recommender = NULL;
	CacheEntry *entry;

	check_access(relid);
	if (!definition_is_readable(rel))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" does not have the columns of a recommender",
						RelationGetRelationName(rel)),
				 errhint("Create the recommender with create_recommender().")));
	if (cache == NULL)
		create_cache();
	if (!definition_read(rel, slot))
		model_missing_error(relid);

	entry = hash_search(cache, &relid, HASH_FIND, NULL);
	if (entry)
		recommender = entry->recommender;
	/* locking the model takes in what happened to it */
	if (recommender && !recommender->stale)
		LockRelationOid(recommender->model, AccessShareLock);
	if (recommender == NULL || recommender->stale || recommender->busy ||
		recommender->xmin != slot_xmin(slot) ||
		!ItemPointerEquals(&recommender->tid, &slot->tts_tid))
	{
		bool		replaces = recommender == NULL || !recommender->busy;

		recommender = load(rel, slot);
		if (replaces)
			keep(recommender);
	}
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, NoLock);
	check_access(recommender->model);
	recommender->busy = true;
	return recommender;
}

void
recommender_release(Recommender *recommender)
{
	recommender->busy = false;
	if (!recommender->cached)
		destroy(recommender);
	else
	{
		item_table_trim(&recommender->table);
		if (recommender->product_capacity > KEEP_PRODUCTS)
		{
			pfree(recommender->products);
			recommender->products = NULL;
			recommender->product_capacity = 0;
		}
	}
}
