/*-------------------------------------------------------------------------
 *
 * query.c
 *		item_similarity(), cross_similarity(), tag_similarity(): the rows of a
 *		query in, rows of neighbours out.
 *
 * The door without limits: interactions go from the executor straight into
 * the collection, and neighbours row by row to the executor (core/stream.c).
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "core/options.h"
#include "core/progress.h"
#include "core/query.h"
#include "core/stream.h"
#include "similarity/similarity.h"

RECSYS_FUNCTION(recsys_item_similarity);
RECSYS_FUNCTION(recsys_item_similarity_as);
RECSYS_FUNCTION(recsys_cross_similarity);
RECSYS_FUNCTION(recsys_cross_similarity_as);
RECSYS_FUNCTION(recsys_tag_similarity);
RECSYS_FUNCTION(recsys_tag_similarity_as);

/* What the rows of a query are. */
typedef enum Rows
{
	ROWS_INTERACTIONS,			/* user, item [, weight [, ts]] */
	ROWS_CROSS,					/* user, from_item, to_item [, weight [, ts]] */
	ROWS_TAGS					/* item, tags */
} Rows;

typedef struct Reading
{
	SimilarityBuild *build;
	Rows		kind;
	int			ncolumns;
	uint64		rows;
} Reading;

/* Weight and time, from their columns on, where there are any. */
static double
read_weight(const Reading *reading, int column, const Datum *values, const bool *nulls,
			TimestampTz *ts)
{
	NullableDatum extras[2];
	int			count = reading->ncolumns - column;
	int			i;

	for (i = 0; i < count; i++)
	{
		extras[i].value = values[column + i];
		extras[i].isnull = nulls[column + i];
	}
	return similarity_row_weight(reading->build, count > 0 ? &extras[0] : NULL,
								 count > 1 ? &extras[1] : NULL, ts);
}

static void
read_row(void *arg, const Datum *values, const bool *nulls)
{
	Reading    *reading = (Reading *) arg;
	bool		cross = reading->kind == ROWS_CROSS;
	double		weight;
	TimestampTz ts;

	progress_update(++reading->rows);
	if (nulls[0] || (nulls[1] && !(cross && !nulls[2])))
		return;
	if (reading->kind == ROWS_TAGS)
	{
		similarity_add_tags(reading->build, values[0], values[1]);
		return;
	}
	weight = read_weight(reading, cross ? 3 : 2, values, nulls, &ts);
	if (!cross)
		similarity_add(reading->build, values[0], values[1], weight, ts);
	else
	{
		if (!nulls[1])
			similarity_add_source(reading->build, values[0], values[1], weight, ts);
		if (!nulls[2])
			similarity_add(reading->build, values[0], values[2], weight, ts);
	}
}

/* Starts the build for a query's columns. */
static SimilarityBuild *
begin_build(MemoryContext cxt, const UserQuery *query, Rows kind, Datum composite)
{
	int			item = kind == ROWS_CROSS ? 2 : kind == ROWS_TAGS ? 0 : 1;
	Oid			itemtype = query_column_type(query, item);
	Oid			itemcollation = query_column_collation(query, item);
	SimilarityOptions options;
	SimilarityBuild *build;

	if (kind == ROWS_TAGS)
		return similarity_begin_tags(cxt, itemtype, itemcollation, composite);
	similarity_read_options(&options, composite);
	build = similarity_begin(cxt, query_column_type(query, 0), query_column_collation(query, 0),
							 itemtype, itemcollation, &options);
	if (kind == ROWS_CROSS)
		similarity_begin_sources(build, query_column_type(query, 1),
								 query_column_collation(query, 1));
	if (similarity_decays(build) && query_column_count(query) < (kind == ROWS_CROSS ? 5 : 4))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("half_life needs the time of each interaction"),
				 kind == ROWS_CROSS ?
				 errhint("Let the query return (user, from_item, to_item, weight, ts).") :
				 errhint("Let the query return (user, item, weight, ts).")));
	return build;
}

/* The type tagset lives where the function does. */
static Oid
tagset_type(FunctionCallInfo fcinfo)
{
	Oid			type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("tagset"),
									   ObjectIdGetDatum(get_func_namespace(fcinfo->flinfo->fn_oid)));

	if (!OidIsValid(type))
		elog(ERROR, "type tagset is not in the schema of function %u", fcinfo->flinfo->fn_oid);
	return type;
}

/* itemtype and neighbourtype are those of the result. */
static SimilarityBuild *
read_query(FunctionCallInfo fcinfo, const char *text, Rows kind, Oid itemtype, Oid neighbourtype,
		   Datum composite)
{
	const char *both = "the types of both items, as in NULL::%s, NULL::%s,";
	QueryColumn interactions[] = {
		{"user", InvalidOid, false},
		{"item", itemtype, false, "NULL::%s"},
		{"weight", FLOAT8OID, true},
		{"ts", TIMESTAMPTZOID, true}
	};
	QueryColumn cross[] = {
		{"user", InvalidOid, false},
		{"from_item", itemtype, false, both},
		{"to_item", neighbourtype, false, both},
		{"weight", FLOAT8OID, true},
		{"ts", TIMESTAMPTZOID, true}
	};
	QueryColumn tags[] = {
		{"item", itemtype, false, "NULL::%s"},
		{"tags", InvalidOid, false} /* tagset: see below */
	};
	MemoryContext cxt = CurrentMemoryContext;
	UserQuery  *query;
	Reading		reading = {0};

	SPI_connect();
	if (kind == ROWS_CROSS)
		query = query_prepare(text, cross, lengthof(cross), 0, NULL);
	else if (kind == ROWS_TAGS)
	{
		tags[1].type = tagset_type(fcinfo);
		query = query_prepare(text, tags, lengthof(tags), 0, NULL);
	}
	else
		query = query_prepare(text, interactions, lengthof(interactions), 0, NULL);
	reading.kind = kind;
	reading.ncolumns = query_column_count(query);
	reading.build = begin_build(cxt, query, kind, composite);
	progress_begin("item similarity");
	progress_phase("reading rows", 0);
	query_run_unordered(query, kind == ROWS_CROSS ? 3 : kind == ROWS_TAGS ? 1 : 2, read_row, &reading);
	SPI_finish();
	return reading.build;
}

/* What tells the functions apart. */
typedef struct Door
{
	Rows		kind;
	int			query_arg;		/* after as many witnesses */
} Door;

/* The rows of a result, one for each neighbour of each item. */
typedef struct NeighbourRows
{
	SimilarityBuild *build;
	SimilarityRow row;
	int			next;			/* of its neighbours */
} NeighbourRows;

static bool
next_neighbour(void *state, Datum *values, bool *nulls)
{
	NeighbourRows *rows = (NeighbourRows *) state;
	int			i;

	while (rows->next == rows->row.n)
	{
		rows->next = 0;
		if (!similarity_next(rows->build, &rows->row))
			return false;
	}
	i = rows->next++;
	values[0] = rows->row.item;
	values[1] = similarity_neighbour(&rows->row, i);
	values[2] = Float8GetDatum(rows->row.neighbours[i].score);
	values[3] = Int64GetDatum(rows->row.neighbours[i].together);
	return true;
}

static void
end_result(void *state)
{
	similarity_end(((NeighbourRows *) state)->build);
}

static void
begin_result(FunctionCallInfo fcinfo, RowStream *stream, const void *arg)
{
	const Door *door = (const Door *) arg;
	int			query_arg = door->query_arg;
	NeighbourRows *rows = palloc0_object(NeighbourRows);

	if (PG_ARGISNULL(query_arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query must not be null")));
	rows->build = read_query(fcinfo, text_to_cstring(PG_GETARG_TEXT_PP(query_arg)), door->kind,
							 TupleDescAttr(stream->desc, 0)->atttypid,
							 TupleDescAttr(stream->desc, 1)->atttypid,
							 options_of_arguments(fcinfo, query_arg + 1));
	similarity_start(rows->build);
	stream->state = rows;
	stream->next = next_neighbour;
	stream->end = end_result;
}

/* item_similarity(query, options...): items of type bigint */
Datum
recsys_item_similarity(PG_FUNCTION_ARGS)
{
	return stream_rows(fcinfo, begin_result, &(const Door) {ROWS_INTERACTIONS, 0});
}

/* item_similarity(witness, query, options...): items of the type of the witness */
Datum
recsys_item_similarity_as(PG_FUNCTION_ARGS)
{
	return stream_rows(fcinfo, begin_result, &(const Door) {ROWS_INTERACTIONS, 1});
}

/* cross_similarity(query, options...): items of type bigint */
Datum
recsys_cross_similarity(PG_FUNCTION_ARGS)
{
	return stream_rows(fcinfo, begin_result, &(const Door) {ROWS_CROSS, 0});
}

/* cross_similarity(witness, witness, query, options...) */
Datum
recsys_cross_similarity_as(PG_FUNCTION_ARGS)
{
	return stream_rows(fcinfo, begin_result, &(const Door) {ROWS_CROSS, 2});
}

/* tag_similarity(query, options...): items of type bigint */
Datum
recsys_tag_similarity(PG_FUNCTION_ARGS)
{
	return stream_rows(fcinfo, begin_result, &(const Door) {ROWS_TAGS, 0});
}

/* tag_similarity(witness, query, options...): items of the type of the witness */
Datum
recsys_tag_similarity_as(PG_FUNCTION_ARGS)
{
	return stream_rows(fcinfo, begin_result, &(const Door) {ROWS_TAGS, 1});
}
