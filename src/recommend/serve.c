/*-------------------------------------------------------------------------
 *
 * serve.c
 *		The functions that answer: recommend() and its relatives.
 *
 * Each comes in two forms.  The plain form returns items as bigint.  The other
 * has a leading argument of the type that items have, of which only the type
 * counts (NULL::uuid), as jsonb_populate_record() has.  Both are the same C,
 * told apart by the position of the name.
 *
 * The rows of a call are, in order: the candidates that the history leads to,
 * by score, and then, where they are fewer than asked for, the most popular
 * items that are left.  A call for n items returns the first n rows of the
 * call without n.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

#include "core/options.h"
#include "recommend/recommend.h"

/* Columns of recommend() and recommend_basket(). */
enum
{
	COLUMN_ITEM,
	COLUMN_SCORE,
	COLUMN_SOURCE,
	COLUMN_BECAUSE,
	COLUMN_CONTRIBUTIONS,
	NCOLUMNS
};

/* One call: what is being answered and where the rows go. */
typedef struct Call
{
	FunctionCallInfo fcinfo;
	ReturnSetInfo *rsinfo;
	int			first;			/* number of the argument `name` */
	Recommender *recommender;
	IdType		out;			/* type of items in the result */
	int64		n;				/* rows that are wanted, -1: all */
	int64		nrows;			/* rows that were returned */
} Call;

typedef void (*CallBody) (Call *call);

/* The type of items in the result has to be theirs, or a wider integer. */
static void
check_result_type(Call *call)
{
	Recommender *recommender = call->recommender;
	Oid			type = getBaseType(TupleDescAttr(call->rsinfo->setDesc, 0)->atttypid);

	idtype_init(&call->out, type, InvalidOid);
	if (type == recommender->item.type ||
		(call->out.isint && recommender->item.isint &&
		 call->out.typlen >= recommender->item.typlen))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("items of recommender \"%s\" are of type %s, not %s",
					get_rel_name(recommender->relid),
					format_type_be(recommender->item.type), format_type_be(type)),
			 errhint("Give a value of their type as the first argument: %s(NULL::%s, ...).",
					 get_func_name(call->fcinfo->flinfo->fn_oid),
					 format_type_be(recommender->item.type))));
}

static int64
get_int(Datum value, int16 typlen)
{
	return typlen == 2 ? DatumGetInt16(value) :
		typlen == 4 ? DatumGetInt32(value) : DatumGetInt64(value);
}

static Datum
make_int(int64 value, int16 typlen)
{
	return typlen == 2 ? Int16GetDatum((int16) value) :
		typlen == 4 ? Int32GetDatum((int32) value) : Int64GetDatum(value);
}

/* An item as the result's type. */
static inline Datum
item_out(const Call *call, Datum item)
{
	if (call->out.typlen == call->recommender->item.typlen || !call->out.isint)
		return item;
	return make_int(get_int(item, call->recommender->item.typlen), call->out.typlen);
}

/*
 * An item given as an argument, as the type of the recommender's items.  False
 * where there can be no such item: an integer that is out of its range.
 */
static bool
item_in(const Call *call, Datum value, Oid type, Datum *item)
{
	const IdType *own = &call->recommender->item;

	type = getBaseType(type);
	*item = value;
	if (type == own->type)
		return true;
	if (own->isint && (type == INT2OID || type == INT4OID || type == INT8OID))
	{
		int64		key = get_int(value, get_typlen(type));

		*item = make_int(key, own->typlen);
		return get_int(*item, own->typlen) == key;
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("items of recommender \"%s\" are of type %s, not %s",
					get_rel_name(call->recommender->relid),
					format_type_be(own->type), format_type_be(type)),
			 errhint("Cast the argument.")));
}

/* Sets up a call of a function whose recommender's name is argument `first`. */
static Datum
run(FunctionCallInfo fcinfo, int first, CallBody body)
{
	Call		call = {0};

	call.fcinfo = fcinfo;
	call.first = first;
	if (PG_ARGISNULL(first))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name of the recommender must not be null"),
				 errhint("Where the first argument is there for its type, give n too: %s(NULL::text, 'name', ..., n => 10).",
						 get_func_name(fcinfo->flinfo->fn_oid))));
	InitMaterializedSRF(fcinfo, 0);
	call.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	call.recommender = recommender_acquire(fcinfo, PG_GETARG_TEXT_PP(first));
	PG_TRY();
	{
		MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "recsys recommend",
												  ALLOCSET_DEFAULT_SIZES);
		MemoryContext old = MemoryContextSwitchTo(cxt);

		check_result_type(&call);
		item_table_reset(&call.recommender->table, &call.recommender->item,
						 call.recommender->cxt, cxt);
		body(&call);
		MemoryContextSwitchTo(old);
		MemoryContextDelete(cxt);
	}
	PG_FINALLY();
	{
		recommender_release(call.recommender);
	}
	PG_END_TRY();
	return (Datum) 0;
}

/* Argument n: NULL stands for all. */
static int64
get_n(const Call *call, int argument)
{
	FunctionCallInfo fcinfo = call->fcinfo;

	if (PG_ARGISNULL(argument))
		return -1;
	return check_int_option("n", PG_GETARG_INT32(argument), 1, PG_INT32_MAX);
}

static void
put_row(Call *call, Datum *values, bool *nulls)
{
	tuplestore_putvalues(call->rsinfo->setResult, call->rsinfo->setDesc, values, nulls);
	call->nrows++;
}

/* Rows of what the history leads to. */
static void
put_candidates(Call *call, const Candidate *candidates, int64 n)
{
	const IdType *out = &call->out;
	Datum		source = CStringGetTextDatum("personal");
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "recsys row",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	int64		i;

	for (i = 0; i < n; i++)
	{
		const Candidate *candidate = &candidates[i];
		Datum		values[NCOLUMNS];
		bool		nulls[NCOLUMNS] = {0};
		Datum	   *items = candidate->reasons;
		Datum	   *parts;
		int			k;

		MemoryContextReset(cxt);
		parts = palloc_array(Datum, Max(candidate->nreasons, 1));
		for (k = 0; k < candidate->nreasons; k++)
		{
			items[k] = item_out(call, items[k]);
			parts[k] = Float8GetDatum(candidate->contributions[k]);
		}
		values[COLUMN_ITEM] = item_out(call, candidate->item);
		values[COLUMN_SCORE] = Float8GetDatum(candidate->score);
		values[COLUMN_SOURCE] = source;
		values[COLUMN_BECAUSE] =
			PointerGetDatum(construct_array(items, candidate->nreasons, out->type, out->typlen,
											out->typbyval, out->typalign));
		values[COLUMN_CONTRIBUTIONS] =
			PointerGetDatum(construct_array(parts, candidate->nreasons, FLOAT8OID, sizeof(float8),
											FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
		put_row(call, values, nulls);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}

/* Rows of the most popular items that are not taken, until there are enough. */
static void
put_popular(Call *call)
{
	ItemTable  *items = &call->recommender->table;
	Datum		source = CStringGetTextDatum("popular");
	ModelReader reader;
	Datum		item;
	double		popularity;

	popularity_open(&reader, call->recommender);
	while ((call->n < 0 || call->nrows < call->n) && popularity_next(&reader, &item, &popularity))
	{
		Datum		values[NCOLUMNS] = {0};
		bool		nulls[NCOLUMNS] = {0};
		uint32		number = item_table_find(items, item);

		if (number != ITEM_NOT_FOUND &&
			(items->entries[number].flags & (ITEM_EXCLUDED | ITEM_TAKEN)))
			continue;
		values[COLUMN_ITEM] = item_out(call, item);
		values[COLUMN_SCORE] = Float8GetDatum(popularity);
		values[COLUMN_SOURCE] = source;
		nulls[COLUMN_BECAUSE] = true;
		nulls[COLUMN_CONTRIBUTIONS] = true;
		put_row(call, values, nulls);
	}
	model_close(&reader);
}

/* The rows that a history leads to; its own items are left out. */
static void
answer(Call *call, const HistoryItem *history, int nhistory)
{
	Scoring    *scoring;
	Candidate  *candidates;
	int64		n;
	int			i;

	for (i = 0; i < nhistory; i++)
		call->recommender->table.entries[history[i].item].flags |= ITEM_EXCLUDED;
	scoring = scoring_create(call->recommender, history, nhistory);
	candidates = scoring_best(scoring, call->n, &n);
	put_candidates(call, candidates, n);
	if (call->n < 0 || call->nrows < call->n)
		put_popular(call);
}

static void
recommend(Call *call)
{
	FunctionCallInfo fcinfo = call->fcinfo;
	HistoryItem *history = NULL;
	int			nhistory = 0;

	call->n = get_n(call, call->first + 2);
	/* nobody in particular has no history */
	if (!PG_ARGISNULL(call->first + 1))
		history = history_read(call->recommender, PG_GETARG_DATUM(call->first + 1),
							   get_fn_expr_argtype(fcinfo->flinfo, call->first + 1), &nhistory);
	answer(call, history, nhistory);
}

/* recommend(name text, user anycompatible, n integer) */
RECSYS_FUNCTION(recsys_recommend);
Datum
recsys_recommend(PG_FUNCTION_ARGS)
{
	return run(fcinfo, 0, recommend);
}

/* recommend(item anyelement, name text, user anycompatible, n integer) */
RECSYS_FUNCTION(recsys_recommend_typed);
Datum
recsys_recommend_typed(PG_FUNCTION_ARGS)
{
	return run(fcinfo, 1, recommend);
}

/*
 * The items of an array argument as a history in which each counts once.
 * NULLs and repetitions are left out.
 */
static HistoryItem *
array_history(Call *call, int argument, int *n)
{
	FunctionCallInfo fcinfo = call->fcinfo;
	Recommender *recommender = call->recommender;
	ItemTable  *items = &recommender->table;
	ArrayType  *array;
	Oid			type;
	int16		typlen;
	bool		typbyval;
	char		typalign;
	Datum	   *values;
	bool	   *nulls;
	int			nvalues;
	HistoryItem *result;
	int			i;

	*n = 0;
	if (PG_ARGISNULL(argument))
		return NULL;
	array = PG_GETARG_ARRAYTYPE_P(argument);
	type = ARR_ELEMTYPE(array);
	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	deconstruct_array(array, type, typlen, typbyval, typalign, &values, &nulls, &nvalues);
	result = palloc_array(HistoryItem, Max(nvalues, 1));
	for (i = 0; i < nvalues; i++)
	{
		Datum		item;
		uint32		number;

		if (nulls[i] || !item_in(call, values[i], type, &item))
			continue;
		number = item_table_put(items, item);
		if (number != *n)
			continue;			/* a repetition */
		result[*n].item = number;
		result[*n].weight = 1;
		(*n)++;
	}
	return result;
}

static void
recommend_basket(Call *call)
{
	HistoryItem *basket;
	int			n;

	call->n = get_n(call, call->first + 2);
	basket = array_history(call, call->first + 1, &n);
	answer(call, basket, n);
}

/* recommend_basket(name text, items bigint[], n integer) */
RECSYS_FUNCTION(recsys_recommend_basket);
Datum
recsys_recommend_basket(PG_FUNCTION_ARGS)
{
	return run(fcinfo, 0, recommend_basket);
}

/* recommend_basket(item anyelement, name text, items anyarray, n integer) */
RECSYS_FUNCTION(recsys_recommend_basket_typed);
Datum
recsys_recommend_basket_typed(PG_FUNCTION_ARGS)
{
	return run(fcinfo, 1, recommend_basket);
}

static void
similar_items(Call *call)
{
	FunctionCallInfo fcinfo = call->fcinfo;
	const IdType *type = &call->recommender->item;
	ModelReader reader;
	ModelRow	row;
	Datum		item;
	int64		n = get_n(call, call->first + 2);

	if (PG_ARGISNULL(call->first + 1) ||
		!item_in(call, PG_GETARG_DATUM(call->first + 1),
				 get_fn_expr_argtype(fcinfo->flinfo, call->first + 1), &item))
		return;
	model_open(&reader, call->recommender);
	if (model_find(&reader, item, &row))
	{
		char	   *p = row.neighbours;
		int			i;

		for (i = 0; i < row.n && (n < 0 || i < n); i++)
		{
			Datum		values[2];
			bool		nulls[2] = {false, false};

			values[0] = item_out(call, idtype_fetch(type, p));
			values[1] = Float8GetDatum((double) row.scores[i]);
			put_row(call, values, nulls);
			p = att_addlength_pointer(p, type->typlen, p);
			p = (char *) att_align_nominal(p, type->typalign);
		}
	}
	model_close(&reader);
}

/* similar_items(name text, item bigint, n integer) */
RECSYS_FUNCTION(recsys_similar_items);
Datum
recsys_similar_items(PG_FUNCTION_ARGS)
{
	return run(fcinfo, 0, similar_items);
}

/* similar_items(witness anyelement, name text, item anyelement, n integer) */
RECSYS_FUNCTION(recsys_similar_items_typed);
Datum
recsys_similar_items_typed(PG_FUNCTION_ARGS)
{
	return run(fcinfo, 1, similar_items);
}
