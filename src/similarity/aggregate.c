/*-------------------------------------------------------------------------
 *
 * aggregate.c
 *		item_similarity_agg() and cross_similarity_agg(): interactions in,
 *		neighbours of all items out.
 *
 * The state collects interactions (engine.c); the final function works out
 * the neighbours and writes the array of rows right away, element by element,
 * into its final place: such an array is long, and PostgreSQL's own array
 * builder would hold every element a second time.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "core/aggregate.h"
#include "core/options.h"
#include "similarity/similarity.h"

RECSYS_FUNCTION(recsys_similarity_trans);
RECSYS_FUNCTION(recsys_cross_similarity_trans);
RECSYS_FUNCTION(recsys_similarity_combine);
RECSYS_FUNCTION(recsys_similarity_serialize);
RECSYS_FUNCTION(recsys_similarity_deserialize);
RECSYS_FUNCTION(recsys_similarity_final);

/* The collation of the aggregate for a type that has any. */
static Oid
collation_of(FunctionCallInfo fcinfo, Oid type)
{
	return OidIsValid(get_typcollation(type)) ? PG_GET_COLLATION() : InvalidOid;
}

/*
 * The state of a first row: types and options come with it.  options_arg is 0
 * where there are none.
 */
static SimilarityBuild *
begin_state(FunctionCallInfo fcinfo, MemoryContext cxt, int item_arg, int options_arg)
{
	Oid			usertype = get_fn_expr_argtype(fcinfo->flinfo, 1);
	Oid			itemtype = get_fn_expr_argtype(fcinfo->flinfo, item_arg);
	SimilarityOptions options;

	if (options_arg > 0)
	{
		if (PG_ARGISNULL(options_arg))
			null_options_error("similarity_options");
		similarity_read_options(&options, PG_GETARG_DATUM(options_arg));
	}
	else
		similarity_default_options(&options);
	return similarity_begin(cxt, usertype, collation_of(fcinfo, usertype),
							itemtype, collation_of(fcinfo, itemtype), &options);
}

/*
 * The weight in an argument, and the time in the next where there is one.  A
 * time is needed only where weights decay.
 */
static double
read_weight(FunctionCallInfo fcinfo, int arg, bool has_ts, bool decays, TimestampTz *ts)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("weight must not be null"),
				 errhint("Leave such rows out, or use coalesce().")));
	if (has_ts && decays)
	{
		if (PG_ARGISNULL(arg + 1))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("ts must not be null where half_life is set"),
					 errhint("Leave such rows out, or use coalesce().")));
		*ts = PG_GETARG_TIMESTAMPTZ(arg + 1);
	}
	return PG_GETARG_FLOAT8(arg);
}

/*
 * (state, user, item [, weight [, ts]] [, options]).  Rows without user or
 * item are skipped.
 */
Datum
recsys_similarity_trans(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = aggregate_context(fcinfo);
	SimilarityBuild *build = PG_ARGISNULL(0) ? NULL : (SimilarityBuild *) PG_GETARG_POINTER(0);
	bool		has_ts = PG_NARGS() == 6;
	bool		has_weight = PG_NARGS() > 4 ||
		(PG_NARGS() == 4 && get_fn_expr_argtype(fcinfo->flinfo, 3) == FLOAT8OID);
	TimestampTz ts = DT_NOBEGIN;
	double		weight = 1;

	if (build == NULL)
	{
		int			options_arg = 3 + has_weight + has_ts;

		build = begin_state(fcinfo, cxt, 2, PG_NARGS() > options_arg ? options_arg : 0);
		if (similarity_decays(build) && !has_ts)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("half_life needs the time of each interaction"),
					 errhint("Use item_similarity_agg(user, item, weight, ts, options).")));
	}
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_POINTER(build);
	if (has_weight)
		weight = read_weight(fcinfo, 3, has_ts, similarity_decays(build), &ts);
	similarity_add(build, PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), weight, ts);
	PG_RETURN_POINTER(build);
}

/*
 * (state, user, from_item, to_item [, options]).  A row may have an item of
 * one kind or of both.
 */
Datum
recsys_cross_similarity_trans(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = aggregate_context(fcinfo);
	SimilarityBuild *build = PG_ARGISNULL(0) ? NULL : (SimilarityBuild *) PG_GETARG_POINTER(0);

	if (build == NULL)
	{
		Oid			fromtype = get_fn_expr_argtype(fcinfo->flinfo, 2);

		build = begin_state(fcinfo, cxt, 3, PG_NARGS() > 4 ? 4 : 0);
		similarity_begin_sources(build, fromtype, collation_of(fcinfo, fromtype));
		if (similarity_decays(build))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("cross_similarity_agg() has no half_life")));
	}
	if (PG_ARGISNULL(1))
		PG_RETURN_POINTER(build);
	if (!PG_ARGISNULL(2))
		similarity_add_source(build, PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), 1, DT_NOBEGIN);
	if (!PG_ARGISNULL(3))
		similarity_add(build, PG_GETARG_DATUM(1), PG_GETARG_DATUM(3), 1, DT_NOBEGIN);
	PG_RETURN_POINTER(build);
}

Datum
recsys_similarity_combine(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = aggregate_context(fcinfo);
	SimilarityBuild *left = PG_ARGISNULL(0) ? NULL : (SimilarityBuild *) PG_GETARG_POINTER(0);
	SimilarityBuild *right = PG_ARGISNULL(1) ? NULL : (SimilarityBuild *) PG_GETARG_POINTER(1);

	if (right == NULL)
	{
		if (left == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(left);
	}
	if (left == NULL)
		left = similarity_begin_like(cxt, right);
	similarity_combine(left, right);
	PG_RETURN_POINTER(left);
}

Datum
recsys_similarity_serialize(PG_FUNCTION_ARGS)
{
	StringInfoData buf;

	aggregate_context(fcinfo);
	initStringInfo(&buf);
	/* room for the length, as pq_begintypsend() leaves it */
	appendStringInfoSpaces(&buf, VARHDRSZ);
	similarity_serialize((SimilarityBuild *) PG_GETARG_POINTER(0), &buf);
	SET_VARSIZE(buf.data, buf.len);
	PG_RETURN_BYTEA_P((bytea *) buf.data);
}

Datum
recsys_similarity_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	StringInfoData buf;

	aggregate_context(fcinfo);
	buf.data = VARDATA_ANY(bytes);
	buf.len = VARSIZE_ANY_EXHDR(bytes);
	buf.maxlen = buf.len;
	buf.cursor = 0;
	PG_RETURN_POINTER(similarity_deserialize(CurrentMemoryContext, &buf));
}

/* An array of rows (item, neighbour, score, together) that is being written. */
typedef struct RowArray
{
	char	   *data;			/* of the array, with room for its header */
	Size		size;
	Size		capacity;
	int			count;
	TupleDesc	tupdesc;
	HeapTuple	pattern;		/* a row whose columns all are 8 bytes */
} RowArray;

static void
array_too_large(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("the neighbours of all items do not fit into an array of 1 GB"),
			 errhint("Ask for fewer neighbours with similarity_options(n => ...), "
					 "or use item_similarity(), which returns rows.")));
}

static void
append_row(RowArray *array, HeapTuple tuple)
{
	Size		size = MAXALIGN(tuple->t_len);

	if (array->size + size > array->capacity)
	{
		if (array->size + size > MaxAllocSize)
			array_too_large();
		array->capacity = Min(Max(array->capacity * 2, array->size + size), MaxAllocSize);
		array->data = repalloc(array->data, array->capacity);
	}
	memcpy(array->data + array->size, tuple->t_data, tuple->t_len);
	memset(array->data + array->size + tuple->t_len, 0, size - tuple->t_len);
	array->size += size;
	array->count++;
}

static void
append_neighbours(void *arg, Datum item, int n, const Datum *neighbours,
				  const double *scores, const int64 *together)
{
	RowArray   *array = (RowArray *) arg;
	int			i;

	for (i = 0; i < n; i++)
	{
		if (array->pattern)
		{
			HeapTupleHeader header = array->pattern->t_data;
			char	   *columns = (char *) header + header->t_hoff;
			int64		ids[2];

			ids[0] = DatumGetInt64(item);
			ids[1] = DatumGetInt64(neighbours[i]);
			memcpy(columns, ids, sizeof(ids));
			memcpy(columns + 16, &scores[i], sizeof(double));
			memcpy(columns + 24, &together[i], sizeof(int64));
			append_row(array, array->pattern);
		}
		else
		{
			Datum		values[4];
			bool		nulls[4] = {false, false, false, false};
			HeapTuple	tuple;

			values[0] = item;
			values[1] = neighbours[i];
			values[2] = Float8GetDatum(scores[i]);
			values[3] = Int64GetDatum(together[i]);
			tuple = heap_form_tuple(array->tupdesc, values, nulls);
			append_row(array, tuple);
			pfree(tuple);
		}
	}
}

/* A row of the array, to be written over: forming each anew takes most of the time. */
static HeapTuple
make_pattern(TupleDesc tupdesc)
{
	Datum		values[4] = {Int64GetDatum(0), Int64GetDatum(0), Float8GetDatum(0), Int64GetDatum(0)};
	bool		nulls[4] = {false, false, false, false};

	if (TupleDescAttr(tupdesc, 0)->atttypid != INT8OID ||
		TupleDescAttr(tupdesc, 1)->atttypid != INT8OID)
		return NULL;
	return heap_form_tuple(tupdesc, values, nulls);
}

Datum
recsys_similarity_final(PG_FUNCTION_ARGS)
{
	SimilarityBuild *build = PG_ARGISNULL(0) ? NULL : (SimilarityBuild *) PG_GETARG_POINTER(0);
	Oid			rowtype = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	RowArray	array = {0};
	ArrayType  *result;

	aggregate_context(fcinfo);
	if (!OidIsValid(rowtype))
		elog(ERROR, "return type must be an array");
	if (build == NULL)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(rowtype));

	array.tupdesc = lookup_rowtype_tupdesc_copy(rowtype, -1);
	array.pattern = make_pattern(array.tupdesc);
	array.size = ARR_OVERHEAD_NONULLS(1);
	array.capacity = 8192;
	array.data = palloc(array.capacity);
	/* better now than after the work: a row takes 48 bytes at the very least */
	similarity_limit_rows(build, MaxAllocSize / (array.pattern ? MAXALIGN(array.pattern->t_len) : 48),
						  array_too_large);
	similarity_finish(build, append_neighbours, &array);
	if (array.count == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(rowtype));

	result = (ArrayType *) array.data;
	SET_VARSIZE(result, array.size);
	result->ndim = 1;
	result->dataoffset = 0;
	result->elemtype = rowtype;
	ARR_DIMS(result)[0] = array.count;
	ARR_LBOUND(result)[0] = 1;
	PG_RETURN_ARRAYTYPE_P(result);
}
