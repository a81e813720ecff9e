/*-------------------------------------------------------------------------
 *
 * lists.c
 *		What sells in a crowd and in a category: short lists, made with the model.
 *
 * Where the history of a user leads to too little, what people like him have
 * is the next best, and then what sells in the categories he looks at.  Both
 * are asked for on each call, so both are worked out when the model is built,
 * and a call reads a few rows of a table beside the model:
 *
 *		shop_lists (kind, key, items, scores)
 *
 *		crowd		key is a tag; score is the share of the users with this tag
 *					who have the item (similarity's measure `conditional`)
 *		category	key is a category of the items query; score is the popularity
 *					of the item in the model
 *
 * each with the LIST_SIZE best items, ties by item.  A crowd of fewer than
 * MIN_CROWD users has no list: it would be little more than their histories.
 * There is no table where there is neither a users query nor a category.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "parser/parse_coerce.h"
#include "parser/parser.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"

#include "core/progress.h"
#include "recommend/recommend.h"
#include "similarity/similarity.h"

#define LIST_SIZE 200
#define MIN_CROWD 5

typedef struct ListsBuild
{
	SimilarityBuild *similarity;
	const IdType *item;
	SPIPlanPtr	upsert;
	MemoryContext row_cxt;
	ArrayBuildState *tags;		/* that have a list */
	bool		weighted;
} ListsBuild;

/*
 * The users query as a query of (user, tag) with one row a tag and every name
 * qualified.  The second column may be a tagset, an array, or one tag a row.
 * To be called within SPI.
 */
char *
check_users_query(const char *text, Oid usertype)
{
	QueryColumn columns[2] = {{"user", InvalidOid, false, .query = "users"}, {"tags", InvalidOid, false}};
	char	   *qualified = qualify_query(text);
	UserQuery  *query = query_prepare(qualified, columns, 2, 0, NULL);
	Oid			type = query_column_type(query, 1);
	Oid			function;

	check_id_type("users", "users", query_column_type(query, 0), usertype);
	if (OidIsValid(get_element_type(type)) ||
		find_coercion_pathway(TEXTARRAYOID, type, COERCION_EXPLICIT, &function) == COERCION_PATH_FUNC)
		return psprintf("SELECT q.c1, t.tag FROM (%s) AS q(c1, c2),"
						" LATERAL pg_catalog.unnest(CAST(q.c2 AS pg_catalog.text[])) AS t(tag)",
						qualified);
	return psprintf("SELECT q.c1, CAST(q.c2 AS pg_catalog.text) AS tag FROM (%s) AS q(c1, c2)",
					qualified);
}

/* Creates the table beside the definition and returns its qualified name. */
static char *
create_lists(Oid relid, Oid item_type, Oid item_collation)
{
	Oid			schema = get_rel_namespace(relid);
	char	   *name = makeObjectName(get_rel_name(relid), NULL, "lists");
	char	   *qualified = quote_qualified_identifier(get_namespace_name(schema), name);

	check_table_free(relid, name);
	execute_command(psprintf("CREATE TABLE %s (kind pg_catalog.text COLLATE pg_catalog.\"C\","
							 " key pg_catalog.text COLLATE pg_catalog.\"C\", items %s NOT NULL,"
							 " scores double precision[] NOT NULL, PRIMARY KEY (kind, key))",
							 qualified, column_type(item_type, "[]", item_collation)));
	execute_command(psprintf("COMMENT ON TABLE %s IS %s", qualified,
							 quote_literal_cstr(psprintf("what sells in crowds and categories, for recommender %s",
														 qualified_relation_name(relid)))));
	depend_on_definition(relid, name);
	return qualified;
}

/* Is a table one of lists of items of a type? */
static bool
lists_have_type(Oid lists, Oid array_type)
{
	AttrNumber	attno = get_attnum(lists, "items");

	return attno != InvalidAttrNumber && get_atttype(lists, attno) == array_type;
}

#define UPSERT \
	" ON CONFLICT (kind, key) DO UPDATE SET items = excluded.items, scores = excluded.scores" \
	" WHERE NOT (l.items OPERATOR(pg_catalog.=) excluded.items" \
	" AND l.scores OPERATOR(pg_catalog.=) excluded.scores)"

/* Writes the lists of categories: the most popular items of each. */
static void
write_categories(const char *lists, const char *model, const char *items_query, const IdType *item)
{
	StringInfoData buf;

	initStringInfo(&buf);
	if (items_query)
		appendStringInfo(&buf,
						 "WITH new AS MATERIALIZED (SELECT r.category,"
						 " pg_catalog.array_agg(r.item ORDER BY r.rank) AS items,"
						 " pg_catalog.array_agg(r.popularity ORDER BY r.rank) AS scores"
						 " FROM (SELECT q.category, m.item, m.popularity, pg_catalog.row_number() OVER"
						 " (PARTITION BY q.category ORDER BY m.popularity DESC, m.item) AS rank"
						 " FROM (%s) q JOIN ONLY %s m ON m.item OPERATOR(%s) q.item) r"
						 " WHERE r.rank OPERATOR(pg_catalog.<=) %d GROUP BY r.category),"
						 " gone AS (DELETE FROM ONLY %s l"
						 " WHERE l.kind OPERATOR(pg_catalog.=) 'category' AND NOT EXISTS"
						 " (SELECT FROM new WHERE new.category OPERATOR(pg_catalog.=) l.key))"
						 " INSERT INTO %s AS l (kind, key, items, scores)"
						 " SELECT 'category', category, items, scores FROM new" UPSERT,
						 items_query, model, qualified_equality(item->type), LIST_SIZE, lists, lists);
	else
		appendStringInfo(&buf, "DELETE FROM ONLY %s l WHERE l.kind OPERATOR(pg_catalog.=) 'category'",
						 lists);
	if (SPI_execute(buf.data, false, 0) < 0)
		elog(ERROR, "could not write lists of categories");
}

static void
add_interaction(void *arg, const Datum *values, const bool *nulls)
{
	ListsBuild *build = (ListsBuild *) arg;

	if (nulls[0] || nulls[1])
		return;
	similarity_add(build->similarity, values[0], values[1],
				   build->weighted && !nulls[2] ? DatumGetFloat8(values[2]) : 1, SIMILARITY_NO_TIME);
}

static void
add_tag(void *arg, const Datum *values, const bool *nulls)
{
	ListsBuild *build = (ListsBuild *) arg;

	if (!nulls[0] && !nulls[1])
		similarity_add_source(build->similarity, values[0], values[1], 1, SIMILARITY_NO_TIME);
}

static void
write_crowd(ListsBuild *build, const SimilarityRow *row)
{
	MemoryContext old;
	Datum		values[3];
	Datum	   *parts;
	int64		users = similarity_item_users(build->similarity);
	int			i;

	if (row->n == 0 || users < MIN_CROWD)
		return;
	build->tags = accumArrayResult(build->tags, row->item, false, TEXTOID, CurrentMemoryContext);
	MemoryContextReset(build->row_cxt);
	old = MemoryContextSwitchTo(build->row_cxt);
	parts = palloc_array(Datum, row->n);
	for (i = 0; i < row->n; i++)
		/* the same as the score, and not rounded */
		parts[i] = Float8GetDatum((double) row->neighbours[i].together / (double) users);
	values[0] = row->item;
	values[1] = PointerGetDatum(model_neighbours(row, build->item));
	values[2] = PointerGetDatum(construct_array(parts, row->n, FLOAT8OID, sizeof(float8),
												FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	MemoryContextSwitchTo(old);
	if (SPI_execute_plan(build->upsert, values, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write lists of crowds");
}

/* Writes the lists of crowds: for each tag what its users have. */
static void
write_crowds(const char *lists, const char *text, const char *users_query, const IdType *item)
{
	ListsBuild	build = {0};
	QueryColumn columns[4];
	QueryColumn tag_columns[2] = {{"user", InvalidOid, false}, {"tag", TEXTOID, false}};
	SimilarityOptions options;
	SimilarityRow row;
	Oid			types[3] = {TEXTOID, item->array_type, FLOAT8ARRAYOID};
	Oid			tags_type = TEXTARRAYOID;
	Datum		tags;
	UserQuery  *query;

	build.item = item;
	build.row_cxt = AllocSetContextCreate(CurrentMemoryContext, "recsys list",
										  ALLOCSET_DEFAULT_SIZES);
	build.tags = initArrayResult(TEXTOID, CurrentMemoryContext, false);
	build.upsert = SPI_prepare(psprintf("INSERT INTO %s AS l (kind, key, items, scores)"
										" VALUES ('crowd', $1, $2, $3)" UPSERT, lists), 3, types);
	if (build.upsert == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));

	if (users_query)
	{
		memcpy(columns, recommender_columns, sizeof(columns));
		columns[1].type = item->type;
		query = query_prepare(text, columns, 4, 0, NULL);
		build.weighted = query_column_count(query) > 2;
		similarity_default_options(&options);
		options.measure = MEASURE_CONDITIONAL;
		options.n = LIST_SIZE;
		build.similarity = similarity_begin(CurrentMemoryContext, query_column_type(query, 0),
											query_column_collation(query, 0),
											item->type, item->collation, &options);
		similarity_begin_sources(build.similarity, TEXTOID, C_COLLATION_OID);
		tag_columns[0].type = query_column_type(query, 0);
		progress_phase("reading crowds", 0);
		query_run(query, NULL, NULL, add_interaction, &build);
		query_run(query_prepare(users_query, tag_columns, 2, 0, NULL), NULL, NULL, add_tag, &build);
		progress_phase("building crowds", 0);
		similarity_start(build.similarity);
		while (similarity_next(build.similarity, &row))
			write_crowd(&build, &row);
	}

	tags = makeArrayResult(build.tags, CurrentMemoryContext);
	if (SPI_execute_with_args(psprintf("DELETE FROM ONLY %s l WHERE l.kind OPERATOR(pg_catalog.=) 'crowd'"
									   " AND NOT EXISTS (SELECT FROM pg_catalog.unnest($1) t(tag)"
									   " WHERE t.tag OPERATOR(pg_catalog.=) l.key)", lists),
							  1, &tags_type, &tags, NULL, false, 0) != SPI_OK_DELETE)
		elog(ERROR, "could not write lists of crowds");
}

/*
 * Makes the lists of a recommender whose model has just been built: creates,
 * fills or drops their table and says so in the definition.  To be called
 * within SPI, with the rights of the owner.
 */
void
lists_build(Oid relid, const char *query, const char *model, const IdType *item)
{
	char	   *table = qualified_relation_name(relid);
	Oid			lists = definition_table(relid, "lists");
	char	   *items_query = NULL;
	char	   *users_query = NULL;
	char	   *name = NULL;
	bool		isnull;
	Datum		value;

	if (SPI_execute(psprintf("SELECT items_query, users_query FROM ONLY %s", table),
					false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not read the definition");
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (!isnull)
		items_query = category_query(TextDatumGetCString(value), item);
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull);
	if (!isnull)
		users_query = TextDatumGetCString(value);

	if (OidIsValid(lists) &&
		((items_query == NULL && users_query == NULL) || !lists_have_type(lists, item->array_type)))
	{
		SPI_execute(psprintf("UPDATE ONLY %s SET lists = NULL", table), false, 0);
		SPI_execute(psprintf("DROP TABLE %s", qualified_relation_name(lists)), false, 0);
		lists = InvalidOid;
	}
	if (items_query == NULL && users_query == NULL)
		return;
	if (OidIsValid(lists))
		name = qualified_relation_name(lists);
	else
	{
		Oid			type = TEXTOID;

		name = create_lists(relid, item->type, item->collation);
		value = CStringGetTextDatum(name);
		SPI_execute_with_args(psprintf("UPDATE ONLY %s SET lists = $1::pg_catalog.regclass", table),
							  1, &type, &value, NULL, false, 0);
	}
	write_categories(name, model, items_query, item);
	write_crowds(name, query, users_query, item);
}
