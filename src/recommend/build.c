/*-------------------------------------------------------------------------
 *
 * build.c
 *		Building the model and putting it in the place of the old one.
 *
 * The rows of the recommender's query go into the similarity engine, which
 * gives the neighbours of each item; they are written into the table of the
 * model in one transaction, and so is what the definition says about them.
 * Nothing is locked against readers: their snapshots show the old model until
 * the transaction commits, and all of the new one afterwards.  A crash or a
 * cancel leaves the old model, and dead rows for vacuum.
 *
 * Rows that have not changed are not written, so that a refresh costs as much
 * WAL and bloat as there is news.  With each row goes a fingerprint of all that
 * it was made of (similarity/fingerprint.c): an incremental refresh reads the
 * query, and works out the rows whose fingerprint is another one now.
 *
 * As with REFRESH MATERIALIZED VIEW the query runs with the rights of the
 * owner, in a restricted security context: the model is the same whoever
 * refreshes it.  It is a lock on the definition that keeps two refreshes apart;
 * the second looks at the data after the first has committed.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/progress.h"
#include "recommend/recommend.h"
#include "similarity/similarity.h"

/* Columns of a model: item, users, popularity, neighbours, scores, fingerprint. */
#define MODEL_COLUMNS 6

/* A row of the model as the last build has left it. */
typedef struct OldRow
{
	int64		fingerprint;
	uint64		content;		/* hash of the other columns */
	float4		best;			/* its greatest score */
	bool		stays;			/* the item is in the new model, too */
} OldRow;

typedef struct Build
{
	SimilarityBuild *similarity;
	MemoryContext cxt;			/* of what lives as long as the build */
	MemoryContext row_cxt;		/* of the row that is being written */
	IdType		item;
	ModelLoad  *load;			/* the model is new */
	SPIPlanPtr	upsert;			/* it is not */
	bool		weighted;
	bool		timed;
	bool		incremental;
	bool		fingerprints;	/* rows have one */
	int64		nrows;			/* of the query */
	int64		nitems;			/* in the new model */
	int64		nchanged;		/* rows of the model that were written or removed */
	double		max_score;
	IdDict	   *old_items;		/* NULL: there are none */
	OldRow	   *old;			/* by number of the item */
	uint32		old_capacity;
} Build;

static void
add_row(void *arg, const Datum *values, const bool *nulls)
{
	Build	   *build = (Build *) arg;
	double		weight = 1;
	TimestampTz ts = SIMILARITY_NO_TIME;

	/* guests and orders without an article: dirt of any shop */
	if (nulls[0] || nulls[1])
		return;
	if (build->weighted)
	{
		if (nulls[2])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("weight must not be null"),
					 errhint("Give such rows a weight in the query, with coalesce(), or leave them out.")));
		weight = DatumGetFloat8(values[2]);
		if (isnan(weight) || isinf(weight))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("weight must be finite")));
	}
	if (build->timed && !nulls[3])
		ts = DatumGetTimestampTz(values[3]);
	similarity_add(build->similarity, values[0], values[1], weight, ts);
	build->nrows++;
}

/* The row of an item in the old model, or NULL. */
static OldRow *
find_old(Build *build, Datum item)
{
	uint32		number = build->old_items ?
		iddict_find(build->old_items, item) : IDDICT_NOT_FOUND;

	return number == IDDICT_NOT_FOUND ? NULL : &build->old[number];
}

/* As a value of the model, where 0 is none. */
static inline int64
model_fingerprint(uint64 fingerprint)
{
	return (int64) Max(fingerprint, 1);
}

/* Does the row of an item have to be worked out?  Otherwise it stays as it is. */
static bool
wants_item(void *arg, Datum item, uint64 fingerprint)
{
	Build	   *build = (Build *) arg;
	OldRow	   *old = find_old(build, item);

	if (old == NULL || old->fingerprint != model_fingerprint(fingerprint))
		return true;
	old->stays = true;
	build->nitems++;
	build->max_score = Max(build->max_score, old->best);
	return false;
}

/* Hash of users, popularity, neighbours and scores as they are stored. */
static uint64
hash_content(const Datum *values)
{
	struct
	{
		int64		users;
		float8		popularity;
	}			numbers;
	uint64		hash;
	int			i;

	numbers.users = DatumGetInt64(values[0]);
	numbers.popularity = DatumGetFloat8(values[1]);
	hash = hash_bytes_extended((unsigned char *) &numbers, sizeof(numbers), 0);
	for (i = 2; i < 4; i++)
	{
		struct varlena *array = PG_DETOAST_DATUM_PACKED(values[i]);

		hash = hash_bytes_extended((unsigned char *) VARDATA_ANY(array),
								   (int) VARSIZE_ANY_EXHDR(array), hash);
		if (array != (struct varlena *) DatumGetPointer(values[i]))
			pfree(array);
	}
	return hash;
}

/* Writes the row of one item, unless it is there already as it should be. */
static void
write_item(Build *build, const SimilarityRow *row)
{
	OldRow	   *old_row = find_old(build, row->item);
	MemoryContext old;
	Datum		values[6];
	float4		best = row->n > 0 ? (float4) row->neighbours[0].score : 0;	/* the greatest */
	int64		users = similarity_item_users(build->similarity);
	int64		fingerprint = build->fingerprints ?
		model_fingerprint(similarity_item_fingerprint(build->similarity)) : 0;

	if (isinf(best))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("a score is too large for type real"),
				 errhint("Scale the weights down in the query.")));
	build->max_score = Max(build->max_score, best);
	if (old_row)
		old_row->stays = true;
	build->nitems++;
	MemoryContextReset(build->row_cxt);
	old = MemoryContextSwitchTo(build->row_cxt);
	values[0] = row->item;
	values[1] = Int64GetDatum(users);
	values[2] = Float8GetDatum(similarity_decays(build->similarity) ?
							   similarity_item_weight(build->similarity) : (double) users);
	values[3] = PointerGetDatum(model_neighbours(row, &build->item));
	values[4] = PointerGetDatum(model_scores(row));
	values[5] = Int64GetDatum(fingerprint);
	if (build->load)
		model_load_put(build->load, values);
	MemoryContextSwitchTo(old);

	progress_update(build->nitems);
	if (old_row && old_row->content == hash_content(values + 1))
		return;
	if (build->load == NULL &&
		SPI_execute_plan(build->upsert, values, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write the model");
	build->nchanged++;
}

static void
write_items(Build *build)
{
	SimilarityRow row;

	similarity_start(build->similarity);
	while (similarity_next(build->similarity, &row))
		write_item(build, &row);
}

/* Takes down a row of the old model. */
static void
add_old(void *arg, const Datum *values, const bool *nulls)
{
	Build	   *build = (Build *) arg;
	uint32		number;
	OldRow	   *row;

	/* somebody may have taken the constraints off: such a row is written again */
	if (nulls[0])
		return;
	number = iddict_put(build->old_items, values[0]);
	if (number >= build->old_capacity)
	{
		build->old_capacity *= 2;
		build->old = repalloc_huge(build->old, build->old_capacity * sizeof(OldRow));
	}
	row = &build->old[number];
	memset(row, 0, sizeof(OldRow));
	if (nulls[1] || nulls[3] || nulls[4] || nulls[5] || nulls[6])
		return;
	row->fingerprint = DatumGetInt64(values[1]);
	row->best = nulls[2] ? 0 : DatumGetFloat4(values[2]);
	row->content = hash_content(values + 3);
}

static void
read_old_model(Build *build, const char *model)
{
	QueryColumn columns[7] = {{"item", InvalidOid, false}, {"fingerprint", INT8OID, false},
	{"score", FLOAT4OID, false}, {"users", INT8OID, false}, {"popularity", FLOAT8OID, false},
	{"neighbours", build->item.array_type, false}, {"scores", FLOAT4ARRAYOID, false}};
	char	   *text = psprintf("SELECT item, fingerprint, scores[1], users, popularity, neighbours,"
								" scores FROM ONLY %s", model);

	build->old_items = iddict_create(build->cxt, build->item.type, build->item.collation, "item");
	build->old_capacity = 64;
	build->old = palloc_array(OldRow, build->old_capacity);
	query_run(query_prepare(text, columns, 7, 0, NULL), NULL, NULL, add_old, build);
}

/* Removes the items that have no interaction any more. */
static void
delete_gone(Build *build, const char *model)
{
	char	   *text = psprintf("DELETE FROM ONLY %s WHERE item OPERATOR(%s) $1", model,
								qualified_equality(build->item.type));
	SPIPlanPtr	plan = NULL;
	uint32		i;

	for (i = 0; i < iddict_count(build->old_items); i++)
	{
		Datum		item = iddict_value(build->old_items, i);

		CHECK_FOR_INTERRUPTS();
		if (build->old[i].stays)
			continue;
		if (plan == NULL)
			plan = SPI_prepare(text, 1, &build->item.type);
		if (plan == NULL)
			elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
		if (SPI_execute_plan(plan, &item, NULL, false, 0) != SPI_OK_DELETE)
			elog(ERROR, "could not write the model");
		build->nchanged += SPI_processed;
	}
}

static void
prepare_upsert(Build *build, const char *model)
{
	Oid			types[6] = {build->item.type, INT8OID, FLOAT8OID, build->item.array_type,
	FLOAT4ARRAYOID, INT8OID};
	char	   *text;

	text = psprintf("INSERT INTO %s AS m (item, users, popularity, neighbours, scores, fingerprint)"
					" VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (item) DO UPDATE"
					" SET users = excluded.users, popularity = excluded.popularity,"
					" neighbours = excluded.neighbours, scores = excluded.scores,"
					" fingerprint = excluded.fingerprint", model);
	build->upsert = SPI_prepare(text, 6, types);
	if (build->upsert == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
}

/* Query and options of a definition. */
static char *
read_definition(Oid relid, Oid definition_type, SimilarityOptions *options)
{
	char	   *schema = get_namespace_name(get_rel_namespace(get_typ_typrelid(definition_type)));
	const char *qualified_type = quote_qualified_identifier(schema, "similarity_options");
	char	   *query;
	bool		isnull[2];
	Datum		values[2];

	if (SPI_execute(psprintf("SELECT query, pg_catalog.jsonb_populate_record(NULL::%s, options)"
							 " FROM ONLY %s", qualified_type, qualified_relation_name(relid)),
					false, 2) != SPI_OK_SELECT || SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" must have one row, the definition", get_rel_name(relid)),
				 errhint("Drop the recommender and create it again.")));
	values[0] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull[0]);
	values[1] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull[1]);
	if (isnull[0] || isnull[1])
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the definition of recommender \"%s\" is not complete",
						get_rel_name(relid)),
				 errhint("Create it anew with create_recommender(..., replace => true).")));
	query = TextDatumGetCString(values[0]);
	similarity_read_options(options, values[1]);
	return query;
}

/* Says in the definition what was built, in the transaction that built it. */
static void
write_result(Oid relid, const char *model, const Build *build, TimestampTz start)
{
	Oid			types[9] = {TEXTOID, TIMESTAMPTZOID, INTERVALOID, INT8OID, INT8OID, INT8OID,
	FLOAT8OID, TEXTOID, INT8OID};
	Datum		values[9];

	values[0] = CStringGetTextDatum(model);
	values[1] = TimestampTzGetDatum(start);
	values[2] = DirectFunctionCall2(timestamp_mi, TimestampTzGetDatum(GetCurrentTimestamp()),
									TimestampTzGetDatum(start));
	values[3] = Int64GetDatum(build->nrows);
	values[4] = Int64GetDatum(similarity_user_count(build->similarity));
	values[5] = Int64GetDatum(build->nitems);
	values[6] = Float8GetDatum(build->max_score);
	values[7] = CStringGetTextDatum(build->incremental ? "incremental" : "full");
	values[8] = Int64GetDatum(build->nchanged);
	if (SPI_execute_with_args(psprintf("UPDATE ONLY %s SET model = $1::pg_catalog.regclass,"
									   " built_at = $2, build_time = $3, rows = $4, users = $5,"
									   " items = $6, max_score = $7, build_mode = $8, changed = $9",
									   qualified_relation_name(relid)),
							  9, types, values, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not write the definition");
}

/* Works out the rows and writes them, all of them where the model is new. */
static void
write_model(Build *build, Oid oid, const char *model)
{
	bool		unindexed = model_is_new(oid);

	if (unindexed)
		build->load = model_load_begin(oid, MODEL_COLUMNS);
	if (build->load)
	{
		write_items(build);
		model_load_end(build->load);
		progress_begin("recommender");
		progress_phase("indexes", 0);
		index_model(model);
		return;
	}
	if (unindexed)
		index_model(model);
	prepare_upsert(build, model);
	read_old_model(build, model);
	write_items(build);
	delete_gone(build, model);
}

/*
 * Runs the query into the engine and the result into the table of the model,
 * whose qualified name is returned.  Items are converted to the type that the
 * model has; a model that was dropped is created again.
 */
static char *
build_model(Build *build, const char *text, const SimilarityOptions *options, Oid relid)
{
	QueryColumn columns[4];
	UserQuery  *query;
	Oid			model_oid = definition_table(relid, "model");
	Oid			item_type;
	Oid			item_collation;
	char	   *model;

	memcpy(columns, recommender_columns, sizeof(columns));
	if (OidIsValid(model_oid))
		columns[1].type = model_item_type(model_oid, &item_collation);
	query = prepare_stored(relid, text, columns);
	item_type = query_column_type(query, 1);
	if (!OidIsValid(model_oid))
	{
		item_collation = query_column_collation(query, 1);
		model_oid = create_model(relid, item_type, item_collation);
	}
	model = qualified_relation_name(model_oid);
	check_item_type(item_type);

	build->cxt = CurrentMemoryContext;
	idtype_init(&build->item, item_type, item_collation);
	build->weighted = query_column_count(query) > 2;
	build->timed = query_column_count(query) > 3;
	build->row_cxt = AllocSetContextCreate(CurrentMemoryContext, "recsys model row",
										   ALLOCSET_DEFAULT_SIZES);
	build->similarity = similarity_begin(CurrentMemoryContext, query_column_type(query, 0),
										 query_column_collation(query, 0),
										 item_type, item_collation, options);
	build->fingerprints = similarity_fingerprint(build->similarity,
												 build->incremental ? wants_item : NULL, build);
	if (build->incremental && !build->fingerprints)
	{
		build->incremental = false;
		ereport(NOTICE,
				(errmsg("recommender \"%s\" is refreshed in full", get_rel_name(relid)),
				 errdetail("With its options each item's neighbours depend on those of all others.")));
	}
	similarity_omit_together(build->similarity);
	progress_phase("reading", 0);
	query_run_unordered(query, 2, add_row, build);
	progress_phase("building", 0);
	write_model(build, model_oid, model);
	return model;
}

/*
 * Builds the model of a recommender anew, or, with the same result, those of
 * its rows that are made of something else now.  Returns the number of items.
 * To be called within SPI, by a role that has the rights of the owner and with
 * a lock on the definition that readers do not mind and that keeps another
 * refresh away: ShareUpdateExclusiveLock.
 */
int64
recommender_build(Oid relid, Oid definition_type, bool incremental)
{
	Build		build = {0};
	SimilarityOptions options;
	AsOwner		as;
	TimestampTz start;
	char	   *query;
	char	   *model;

	/* what others committed while we waited for the lock is to be seen */
	start = GetCurrentTimestamp();
	PushActiveSnapshot(GetTransactionSnapshot());
	become_owner(&as, relid);
	progress_begin("recommender");

	build.incremental = incremental;
	query = read_definition(relid, definition_type, &options);
	model = build_model(&build, query, &options, relid);
	lists_build(relid, query, model, &build.item);
	write_result(relid, model, &build, start);

	progress_end();
	become_caller(&as);
	PopActiveSnapshot();
	return build.nitems;
}
