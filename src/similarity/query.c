/*-------------------------------------------------------------------------
 *
 * query.c
 *		item_similarity(): the rows of a query in, rows of neighbours out.
 *
 * The door without limits: interactions go from the executor straight into
 * the collection, neighbours into a tuplestore, which is on disk where it is
 * larger than work_mem.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "core/options.h"
#include "core/progress.h"
#include "core/query.h"
#include "similarity/similarity.h"

RECSYS_FUNCTION(recsys_item_similarity);
RECSYS_FUNCTION(recsys_item_similarity_as);

typedef struct Reading
{
	SimilarityBuild *build;
	int			ncolumns;
	uint64		rows;
} Reading;

static void
read_row(void *arg, const Datum *values, const bool *nulls)
{
	Reading    *reading = (Reading *) arg;
	double		weight = 1;
	TimestampTz ts = DT_NOBEGIN;

	progress_update(++reading->rows);
	if (nulls[0] || nulls[1])
		return;
	if (reading->ncolumns > 2)
	{
		if (nulls[2])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("weight must not be null"),
					 errhint("Leave such rows out of the query, or use coalesce().")));
		weight = DatumGetFloat8(values[2]);
	}
	if (reading->ncolumns > 3 && similarity_decays(reading->build))
	{
		if (nulls[3])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("ts must not be null where half_life is set"),
					 errhint("Leave such rows out of the query, or use coalesce().")));
		ts = DatumGetTimestampTz(values[3]);
	}
	similarity_add(reading->build, values[0], values[1], weight, ts);
}

static SimilarityBuild *
read_query(const char *text, Oid itemtype, const SimilarityOptions *options)
{
	QueryColumn columns[] = {
		{"user", InvalidOid, false},
		{"item", itemtype, false},
		{"weight", FLOAT8OID, true},
		{"ts", TIMESTAMPTZOID, true}
	};
	MemoryContext cxt = CurrentMemoryContext;
	UserQuery  *query;
	Reading		reading = {0};

	SPI_connect();
	query = query_prepare(text, columns, lengthof(columns), 0, NULL);
	reading.ncolumns = query_column_count(query);
	reading.build = similarity_begin(cxt, query_column_type(query, 0),
									 query_column_collation(query, 0),
									 query_column_type(query, 1),
									 query_column_collation(query, 1), options);
	if (similarity_decays(reading.build) && reading.ncolumns < 4)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("half_life needs the time of each interaction"),
				 errhint("Let the query return (user, item, weight, ts).")));
	progress_begin("item similarity");
	progress_phase("reading rows", 0);
	query_run(query, NULL, NULL, read_row, &reading);
	SPI_finish();
	return reading.build;
}

static void
put_neighbours(void *arg, Datum item, int n, const Datum *neighbours,
			   const double *scores, const int64 *together)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) arg;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};
	int			i;

	values[0] = item;
	for (i = 0; i < n; i++)
	{
		values[1] = neighbours[i];
		values[2] = Float8GetDatum(scores[i]);
		values[3] = Int64GetDatum(together[i]);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

static void
similarity_of_query(FunctionCallInfo fcinfo, int query_arg)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	SimilarityOptions options;
	SimilarityBuild *build;

	if (PG_ARGISNULL(query_arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query must not be null")));
	similarity_read_options(&options, options_of_arguments(fcinfo, query_arg + 1));
	InitMaterializedSRF(fcinfo, 0);
	build = read_query(text_to_cstring(PG_GETARG_TEXT_PP(query_arg)),
					   TupleDescAttr(rsinfo->setDesc, 0)->atttypid, &options);
	similarity_finish(build, put_neighbours, rsinfo);
}

/* item_similarity(query, options...): items of type bigint */
Datum
recsys_item_similarity(PG_FUNCTION_ARGS)
{
	similarity_of_query(fcinfo, 0);
	return (Datum) 0;
}

/* item_similarity(witness, query, options...): items of the type of the witness */
Datum
recsys_item_similarity_as(PG_FUNCTION_ARGS)
{
	similarity_of_query(fcinfo, 1);
	return (Datum) 0;
}
