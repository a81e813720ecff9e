/*-------------------------------------------------------------------------
 *
 * aggregate.c
 *		item_similarity_agg(), cross_similarity_agg() and tag_similarity_agg():
 *		interactions in, neighbours of all items out.
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
RECSYS_FUNCTION(recsys_tag_similarity_trans);
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

/* The optional arguments of a transition function, which come last: [weight [, ts]] [, options]. */
typedef struct Extras
{
	const NullableDatum *weight;	/* NULL: not there */
	const NullableDatum *ts;
	int			options;		/* number of the argument; 0: not there */
} Extras;

static Extras
find_extras(FunctionCallInfo fcinfo, int first)
{
	Extras		extras = {0};
	int			count = PG_NARGS() - first;

	if (count > 1 || (count == 1 && get_fn_expr_argtype(fcinfo->flinfo, first) == FLOAT8OID))
		extras.weight = &fcinfo->args[first];
	if (count == 3)
		extras.ts = &fcinfo->args[first + 1];
	if (count > 1 || (count == 1 && extras.weight == NULL))
		extras.options = PG_NARGS() - 1;
	return extras;
}

/* The state of a first row: types and options come with it. */
static SimilarityBuild *
begin_state(FunctionCallInfo fcinfo, MemoryContext cxt, int item_arg, const Extras *extras)
{
	Oid			usertype = get_fn_expr_argtype(fcinfo->flinfo, 1);
	Oid			itemtype = get_fn_expr_argtype(fcinfo->flinfo, item_arg);
	SimilarityOptions options;

	similarity_default_options(&options);
	if (extras->options > 0)
	{
		if (PG_ARGISNULL(extras->options))
			null_options_error("similarity_options");
		similarity_read_options(&options, PG_GETARG_DATUM(extras->options));
	}
	if (options.half_life > 0 && extras->ts == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("half_life needs the time of each interaction"),
				 errhint("Use the form of the aggregate with weight, ts and options.")));
	return similarity_begin(cxt, usertype, collation_of(fcinfo, usertype),
							itemtype, collation_of(fcinfo, itemtype), &options);
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
	Extras		extras = find_extras(fcinfo, 3);
	TimestampTz ts;
	double		weight;

	if (build == NULL)
		build = begin_state(fcinfo, cxt, 2, &extras);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_POINTER(build);
	weight = similarity_row_weight(build, extras.weight, extras.ts, &ts);
	similarity_add(build, PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), weight, ts);
	PG_RETURN_POINTER(build);
}

/*
 * (state, user, from_item, to_item [, weight [, ts]] [, options]).  A row may
 * have an item of one kind or of both, with the same weight.
 */
Datum
recsys_cross_similarity_trans(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = aggregate_context(fcinfo);
	SimilarityBuild *build = PG_ARGISNULL(0) ? NULL : (SimilarityBuild *) PG_GETARG_POINTER(0);
	Extras		extras = find_extras(fcinfo, 4);
	TimestampTz ts;
	double		weight;

	if (build == NULL)
	{
		Oid			fromtype = get_fn_expr_argtype(fcinfo->flinfo, 2);

		build = begin_state(fcinfo, cxt, 3, &extras);
		similarity_begin_sources(build, fromtype, collation_of(fcinfo, fromtype));
	}
	if (PG_ARGISNULL(1) || (PG_ARGISNULL(2) && PG_ARGISNULL(3)))
		PG_RETURN_POINTER(build);
	weight = similarity_row_weight(build, extras.weight, extras.ts, &ts);
	if (!PG_ARGISNULL(2))
		similarity_add_source(build, PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), weight, ts);
	if (!PG_ARGISNULL(3))
		similarity_add(build, PG_GETARG_DATUM(1), PG_GETARG_DATUM(3), weight, ts);
	PG_RETURN_POINTER(build);
}

/*
 * (state, item, tags [, options]).  Tags stand in the place of users.  Rows
 * without item or tags are skipped.
 */
Datum
recsys_tag_similarity_trans(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = aggregate_context(fcinfo);
	SimilarityBuild *build = PG_ARGISNULL(0) ? NULL : (SimilarityBuild *) PG_GETARG_POINTER(0);
	Oid			itemtype = get_fn_expr_argtype(fcinfo->flinfo, 1);

	if (build == NULL)
	{
		bool		has_options = PG_NARGS() > 3;

		if (has_options && PG_ARGISNULL(3))
			null_options_error("similarity_options");
		build = similarity_begin_tags(cxt, itemtype, collation_of(fcinfo, itemtype),
									  has_options ? PG_GETARG_DATUM(3) : (Datum) 0);
	}
	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
		similarity_add_tags(build, PG_GETARG_DATUM(1), PG_GETARG_DATUM(2));
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
append_neighbours(RowArray *array, const SimilarityRow *row)
{
	int			i;

	for (i = 0; i < row->n; i++)
	{
		const Neighbour *neighbour = &row->neighbours[i];

		if (array->pattern)
		{
			HeapTupleHeader header = array->pattern->t_data;
			char	   *columns = (char *) header + header->t_hoff;
			int64		numbers[4];

			numbers[0] = DatumGetInt64(row->item);
			numbers[1] = DatumGetInt64(similarity_neighbour(row, i));
			memcpy(&numbers[2], &neighbour->score, sizeof(double));
			numbers[3] = neighbour->together;
			memcpy(columns, numbers, sizeof(numbers));
			append_row(array, array->pattern);
		}
		else
		{
			Datum		values[4];
			bool		nulls[4] = {false, false, false, false};
			HeapTuple	tuple;

			values[0] = row->item;
			values[1] = similarity_neighbour(row, i);
			values[2] = Float8GetDatum(neighbour->score);
			values[3] = Int64GetDatum(neighbour->together);
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
	SimilarityRow row;
	ArrayType  *result;

	aggregate_context(fcinfo);
	if (!OidIsValid(rowtype))
		elog(ERROR, "return type must be an array");
	if (build == NULL)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(rowtype));

	array.tupdesc = lookup_rowtype_tupdesc_copy(rowtype, -1);
	if (!similarity_is_of(build, TupleDescAttr(array.tupdesc, 0)->atttypid,
						  TupleDescAttr(array.tupdesc, 1)->atttypid))
		damaged_state_error();
	array.pattern = make_pattern(array.tupdesc);
	array.size = ARR_OVERHEAD_NONULLS(1);
	array.capacity = 8192;
	array.data = palloc(array.capacity);
	/* better now than after the work: a row takes 48 bytes at the very least */
	similarity_limit_rows(build, MaxAllocSize / (array.pattern ? MAXALIGN(array.pattern->t_len) : 48),
						  array_too_large);
	similarity_start(build);
	while (similarity_next(build, &row))
		append_neighbours(&array, &row);
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
