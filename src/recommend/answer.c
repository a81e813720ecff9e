/*-------------------------------------------------------------------------
 *
 * answer.c
 *		From the history to the rows of an answer.
 *
 * The rows are, in order: the candidates that the history leads to, by score,
 * and then, where they are fewer than asked for, those of the next rungs of the
 * ladder (rung.c), down to the most popular items that are left.  Whatever
 * keeps an item out is applied before rows are counted, so that there are n
 * rows whenever there are n items that may be recommended, and a call for n
 * items returns the first n rows of the call without n.  What is asked to be
 * spread or explored goes through diversity.c.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

#include "recommend/serve.h"

/* Can an id of a type be returned as another: the same, or a wider integer? */
bool
call_id_fits(Oid type, Oid out)
{
	bool		isint = type == INT2OID || type == INT4OID || type == INT8OID;
	bool		out_isint = out == INT2OID || out == INT4OID || out == INT8OID;

	return type == out || (isint && out_isint && get_typlen(out) >= get_typlen(type));
}

/* Type of the users of the recommender. */
static Oid
user_type(const Recommender *recommender)
{
	Oid			type;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	type = query_column_type(prepare_stored(recommender->relid, recommender->query, recommender_columns), 0);
	SPI_finish();
	return type;
}

/* The type of items in the result has to be theirs, or a wider integer. */
void
call_check_result_type(Call *call, int item_column)
{
	Recommender *recommender = call->recommender;
	Oid			type = getBaseType(TupleDescAttr(call->rsinfo->setDesc, item_column)->atttypid);
	const char *witness = "";

	/* a column of sets of items */
	if (!call_id_fits(recommender->item.type, type) && OidIsValid(get_element_type(type)))
		type = get_element_type(type);
	idtype_init(&call->out, type, InvalidOid);
	if (call_id_fits(recommender->item.type, type))
		return;
	/* recommend_all() has the user in front, and a witness of that before the other */
	if (item_column == 1)
		witness = psprintf("NULL::%s, ", format_type_be(user_type(recommender)));
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("items of recommender \"%s\" are of type %s, not %s",
					get_rel_name(recommender->relid),
					format_type_be(recommender->item.type), format_type_be(type)),
			 errhint(item_column == 1 ?
					 "Give values of the types of users and items as the first arguments: %s(%sNULL::%s, ...)." :
					 "Give a value of their type as the first argument: %s(%sNULL::%s, ...).",
					 get_func_name(call->fcinfo->flinfo->fn_oid), witness,
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

/* An id as the result has it: integers may be wider there. */
Datum
call_id_out(Datum id, int16 typlen, const IdType *out)
{
	if (out->typlen == typlen || !out->isint)
		return id;
	return make_int(get_int(id, typlen), out->typlen);
}

/* An item as the result's type. */
Datum
call_item_out(const Call *call, Datum item)
{
	return call_id_out(item, call->recommender->item.typlen, &call->out);
}

/*
 * An item given as an argument, as the type of the recommender's items: lists
 * of items come as text where their type has no form of its own.  False where
 * there can be no such item: an integer that is out of its range.
 */
bool
call_item_in(const Call *call, Datum value, Oid type, Datum *item)
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
	if (type == TEXTOID)
	{
		Oid			input;
		Oid			ioparam;

		getTypeInputInfo(own->type, &input, &ioparam);
		*item = OidInputFunctionCall(input, TextDatumGetCString(value), ioparam, -1);
		return true;
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("items of recommender \"%s\" are of type %s, not %s",
					get_rel_name(call->recommender->relid),
					format_type_be(own->type), format_type_be(type)),
			 errhint("Cast the argument.")));
}

/*
 * Puts the items of an array into the recommender's table and returns their
 * numbers, each once, in the order of the array.  NULLs, and integers that no
 * item can have, are left out.
 */
uint32 *
call_put_items(Call *call, ArrayType *array, int *n)
{
	ItemTable  *items = &call->recommender->table;
	Oid			type = ARR_ELEMTYPE(array);
	int16		typlen;
	bool		typbyval;
	char		typalign;
	Datum	   *values;
	bool	   *nulls;
	uint32	   *result;
	uint8	   *seen;
	int			nvalues;
	int			i;

	*n = 0;
	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	deconstruct_array(array, type, typlen, typbyval, typalign, &values, &nulls, &nvalues);
	result = palloc_array(uint32, Max(nvalues, 1));
	seen = palloc0(items->n + nvalues + 1);
	for (i = 0; i < nvalues; i++)
	{
		Datum		item;
		uint32		number;

		if (nulls[i] || !call_item_in(call, values[i], type, &item))
			continue;
		number = item_table_put(items, item);
		if (seen[number])
			continue;
		seen[number] = true;
		result[(*n)++] = number;
	}
	pfree(seen);
	return result;
}

/* The same with an argument.  No array is an empty array. */
uint32 *
call_put_array(Call *call, int argument, int *n)
{
	FunctionCallInfo fcinfo = call->fcinfo;

	*n = 0;
	return PG_ARGISNULL(argument) ? NULL :
		call_put_items(call, PG_GETARG_ARRAYTYPE_P(argument), n);
}

void
call_put_row(Call *call, Datum *values, bool *nulls)
{
	if (call->sink)
		call->sink(call, values, nulls);
	else
		tuplestore_putvalues(call->rsinfo->setResult, call->rsinfo->setDesc, values, nulls);
	call->nrows++;
}

/* Order of two numbers of items: greater score first, ties by item. */
int
call_compare_scores(const void *a, const void *b, void *arg)
{
	ItemTable  *items = (ItemTable *) arg;
	ItemEntry  *x = &items->entries[*(const uint32 *) a];
	ItemEntry  *y = &items->entries[*(const uint32 *) b];

	CHECK_FOR_INTERRUPTS();
	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return idtype_compare(items->type, x->item, y->item);
}

/*
 * Of some items, in order, takes those that are eligible, up to a limit (-1:
 * none), and excludes the others.  What is left in the array was taken.
 */
void
call_take_eligible(Call *call, uint32 *items, uint32 *n, int64 limit)
{
	ItemEntry  *entries = call->recommender->table.entries;
	uint32		taken = 0;
	uint32		i;

	if (call->checks)
		eligible_mark(call->recommender, call->filter, items, *n);
	for (i = 0; i < *n && (limit < 0 || taken < limit); i++)
	{
		ItemEntry  *entry = &entries[items[i]];

		if (call->checks && !(entry->flags & ITEM_ELIGIBLE))
			entry->flags |= ITEM_EXCLUDED;
		else
		{
			entry->flags |= ITEM_TAKEN;
			items[taken++] = items[i];
		}
	}
	*n = taken;
}

/*
 * One row with the reasons for it.  What it is made of is in the current memory
 * context, which the caller may reset.
 */
void
call_put_candidate(Call *call, const Candidate *candidate, Datum source)
{
	const IdType *out = &call->out;
	Datum		values[NCOLUMNS];
	bool		nulls[NCOLUMNS] = {0};
	Datum	   *items = candidate->reasons;
	Datum	   *parts = palloc_array(Datum, Max(candidate->nreasons, 1));
	int			k;

	for (k = 0; k < candidate->nreasons; k++)
	{
		items[k] = call_item_out(call, items[k]);
		parts[k] = Float8GetDatum(candidate->contributions[k]);
	}
	values[COLUMN_ITEM] = call_item_out(call, candidate->item);
	values[COLUMN_SCORE] = Float8GetDatum(candidate->score);
	values[COLUMN_SOURCE] = source;
	values[COLUMN_BECAUSE] =
		PointerGetDatum(construct_array(items, candidate->nreasons, out->type, out->typlen,
										out->typbyval, out->typalign));
	values[COLUMN_CONTRIBUTIONS] =
		PointerGetDatum(construct_array(parts, candidate->nreasons, FLOAT8OID, sizeof(float8),
										FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	call_put_row(call, values, nulls);
}

/* One row of an item whose rung is all that speaks for it. */
void
call_put_item(Call *call, uint32 item, Datum source)
{
	ItemEntry  *entry = &call->recommender->table.entries[item];
	Datum		values[NCOLUMNS] = {0};
	bool		nulls[NCOLUMNS] = {0};

	values[COLUMN_ITEM] = call_item_out(call, entry->item);
	values[COLUMN_SCORE] = Float8GetDatum(entry->score);
	values[COLUMN_SOURCE] = source;
	nulls[COLUMN_BECAUSE] = true;
	nulls[COLUMN_CONTRIBUTIONS] = true;
	call_put_row(call, values, nulls);
}

/* Rows of some items of a rung in order, with reasons where it has them. */
static void
put_items(Call *call, const uint32 *items, uint32 n, Rung rung, Scoring *scoring)
{
	Candidate  *candidates = scoring ? scoring_explain(scoring, items, n) :
		rung == RUNG_CATEGORY ? ladder_explain(call, items, n) : NULL;
	Datum		source = CStringGetTextDatum(rung_name(rung));
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "recsys row",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	uint32		i;

	for (i = 0; i < n; i++)
	{
		MemoryContextReset(cxt);
		if (candidates)
			call_put_candidate(call, &candidates[i], source);
		else
			call_put_item(call, items[i], source);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}

/* Returns the rows of some rungs, as long as some are wanted. */
void
call_answer_rungs(Call *call, Scoring *scoring, Rung first, Rung last)
{
	Rung		rung;

	for (rung = first; rung <= last && (call->n < 0 || call->nrows < call->n); rung++)
	{
		Stream		stream;
		uint32	   *items;
		uint32		n;

		if (!stream_open(&stream, call, rung, scoring))
			continue;
		items = stream_take(&stream, call->n < 0 ? -1 : call->n - call->nrows, &n);
		stream_close(&stream);
		put_items(call, items, n, rung, stream.scoring);
	}
}

/*
 * Returns the rows that a history leads to.  Items that must not be in the
 * result have been flagged in the recommender's table.
 */
void
call_answer(Call *call, const HistoryItem *history, int nhistory)
{
	Scoring    *scoring = scoring_create(call->recommender, history, nhistory);

	call->history = history;
	call->nhistory = nhistory;
	if (call->diversity)
		call_answer_diverse(call, scoring);
	else
		call_answer_rungs(call, scoring, RUNG_PERSONAL,
						  call->fallback ? NRUNGS - 1 : RUNG_PERSONAL);
}
