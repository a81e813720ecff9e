/*-------------------------------------------------------------------------
 *
 * agg.c
 *		association_rules_agg() and frequent_itemsets_agg().
 *
 * The state collects baskets; everything else happens in the final functions,
 * which leave the state as it is.  Options are those of the first row.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "core/aggregate.h"
#include "core/progress.h"
#include "rules/output.h"

typedef struct RulesState
{
	MemoryContext cxt;
	Baskets		baskets;
	bytea	   *options;		/* the composite value, NULL where there is none */
	MemoryBudget budget;
} RulesState;

static RulesState *
create_state(MemoryContext aggcontext)
{
	MemoryContext cxt = AllocSetContextCreate(aggcontext, "recsys rules", ALLOCSET_DEFAULT_SIZES);
	RulesState *state = MemoryContextAllocZero(cxt, sizeof(RulesState));

	state->cxt = cxt;
	state->budget.cxt = cxt;
	state->budget.limit = (Size) maintenance_work_mem * 1024;
	baskets_init(&state->baskets, cxt);
	return state;
}

static void
keep_options(FunctionCallInfo fcinfo, RulesState *state, int argument)
{
	struct varlena *value;

	if (PG_NARGS() <= argument)
		return;
	if (PG_ARGISNULL(argument))
		null_options_error("rules_options");
	value = (struct varlena *) PG_DETOAST_DATUM(PG_GETARG_DATUM(argument));
	state->options = MemoryContextAlloc(state->cxt, VARSIZE(value));
	memcpy(state->options, value, VARSIZE(value));
}

/* Transition: (state, basket anyelement, item bigint or text [, options]) */
RECSYS_FUNCTION(recsys_rules_accum_pairs);
Datum
recsys_rules_accum_pairs(PG_FUNCTION_ARGS)
{
	RulesState *state;

	if (PG_ARGISNULL(0))
	{
		Oid			key = get_fn_expr_argtype(fcinfo->flinfo, 1);
		Oid			item = get_fn_expr_argtype(fcinfo->flinfo, 2);

		if (!OidIsValid(key) || !OidIsValid(item))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("could not determine the types of basket and item")));
		state = create_state(aggregate_context(fcinfo));
		keep_options(fcinfo, state, 3);
		baskets_open(&state->baskets, item, PG_GET_COLLATION(), key, PG_GET_COLLATION());
	}
	else
		state = (RulesState *) PG_GETARG_POINTER(0);

	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
	{
		baskets_add(&state->baskets, PG_GETARG_DATUM(1), PG_GETARG_DATUM(2));
		baskets_check(&state->baskets, &state->budget);
	}
	PG_RETURN_POINTER(state);
}

/* Transition: (state, items bigint[] or text[] [, options]) */
RECSYS_FUNCTION(recsys_rules_accum_arrays);
Datum
recsys_rules_accum_arrays(PG_FUNCTION_ARGS)
{
	RulesState *state;

	if (PG_ARGISNULL(0))
	{
		Oid			type = get_element_type(get_fn_expr_argtype(fcinfo->flinfo, 1));

		if (!OidIsValid(type))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("could not determine the type of items")));
		state = create_state(aggregate_context(fcinfo));
		keep_options(fcinfo, state, 2);
		baskets_open(&state->baskets, type, PG_GET_COLLATION(), InvalidOid, InvalidOid);
	}
	else
		state = (RulesState *) PG_GETARG_POINTER(0);

	if (!PG_ARGISNULL(1))
	{
		baskets_add_items(&state->baskets, PG_GETARG_ARRAYTYPE_P(1));
		baskets_check(&state->baskets, &state->budget);
	}
	PG_RETURN_POINTER(state);
}

static bool
same_options(const RulesState *a, const RulesState *b)
{
	if (a->options == NULL || b->options == NULL)
		return a->options == b->options;
	return VARSIZE(a->options) == VARSIZE(b->options) &&
		memcmp(a->options, b->options, VARSIZE(a->options)) == 0;
}

RECSYS_FUNCTION(recsys_rules_combine);
Datum
recsys_rules_combine(PG_FUNCTION_ARGS)
{
	MemoryContext aggcontext = aggregate_context(fcinfo);
	RulesState *left = PG_ARGISNULL(0) ? NULL : (RulesState *) PG_GETARG_POINTER(0);
	RulesState *right = PG_ARGISNULL(1) ? NULL : (RulesState *) PG_GETARG_POINTER(1);

	if (right == NULL)
	{
		if (left == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(left);
	}
	if (left == NULL)
	{
		left = create_state(aggcontext);
		if (right->options)
		{
			left->options = MemoryContextAlloc(left->cxt, VARSIZE(right->options));
			memcpy(left->options, right->options, VARSIZE(right->options));
		}
		baskets_open(&left->baskets, iddict_type(right->baskets.items),
					 iddict_collation(right->baskets.items),
					 right->baskets.keys ? iddict_type(right->baskets.keys) : InvalidOid,
					 right->baskets.keys ? iddict_collation(right->baskets.keys) : InvalidOid);
	}
	else if (!same_options(left, right))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options of association rules must be the same in all rows")));
	baskets_combine(&left->baskets, &right->baskets);
	budget_check(&left->budget, 0, "baskets");
	PG_RETURN_POINTER(left);
}

RECSYS_FUNCTION(recsys_rules_serialize);
Datum
recsys_rules_serialize(PG_FUNCTION_ARGS)
{
	RulesState *state = (RulesState *) PG_GETARG_POINTER(0);
	StringInfoData buf;

	aggregate_context(fcinfo);
	pq_begintypsend(&buf);
	pq_sendint32(&buf, state->options ?
				 HeapTupleHeaderGetTypeId((HeapTupleHeader) state->options) : InvalidOid);
	if (state->options)
	{
		bytea	   *bytes = OidSendFunctionCall(F_RECORD_SEND, PointerGetDatum(state->options));

		pq_sendint32(&buf, VARSIZE_ANY_EXHDR(bytes));
		pq_sendbytes(&buf, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	}
	baskets_serialize(&state->baskets, &buf);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

RECSYS_FUNCTION(recsys_rules_deserialize);
Datum
recsys_rules_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	RulesState *state;
	StringInfoData buf;
	Oid			type;

	aggregate_context(fcinfo);
	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
	/* it lives as long as the call of combine that it is for */
	state = create_state(CurrentMemoryContext);
	type = pq_getmsgint(&buf, 4);
	if (OidIsValid(type))
	{
		StringInfoData options;
		int			size = pq_getmsgint(&buf, 4);

		initStringInfo(&options);
		appendBinaryStringInfo(&options, pq_getmsgbytes(&buf, size), size);
		state->options = (bytea *) DatumGetPointer(OidReceiveFunctionCall(F_RECORD_RECV, &options,
																		  type, -1));
		pq_getmsgend(&options);
	}
	baskets_deserialize(&state->baskets, &buf);
	pq_getmsgend(&buf);
	pfree(buf.data);
	PG_RETURN_POINTER(state);
}

/* Mines the state and returns all rows as one array. */
static Datum
finish(FunctionCallInfo fcinfo, bool rules)
{
	RulesState *state;
	RulesOptions options;
	RuleOutput	output;
	MiningResult *result;
	MemoryContext run;
	MemoryContext old;
	Datum		array;

	aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (RulesState *) PG_GETARG_POINTER(0);

	run = AllocSetContextCreate(state->cxt, "recsys rules mining", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(run);
	if (state->options)
	{
		OptionsReader reader;

		options_open(&reader, PointerGetDatum(state->options), "rules_options");
		rules_options_read(&options, &reader, rules);
	}
	else
		rules_options_defaults(&options, rules);
	/* an item may well be in the baskets of another group */
	options.names_missing = IsA(fcinfo->context, AggState) &&
		((AggState *) fcinfo->context)->aggstrategy == AGG_PLAIN;
	progress_begin(rules ? "association rules" : "frequent itemsets");
	/* the result is an array in memory */
	result = rules ? mine_rules(&state->baskets, &options, false) :
		mine_itemsets(&state->baskets, &options, false);
	progress_phase("output", 0);
	output_open(&output, result);
	MemoryContextSwitchTo(old);
	array = output_array(&output, get_element_type(get_func_rettype(fcinfo->flinfo->fn_oid)));
	if (result->sorted)
		sorted_rows_free(result->sorted, result->budget);
	progress_end();
	MemoryContextDelete(run);
	PG_RETURN_DATUM(array);
}

RECSYS_FUNCTION(recsys_rules_final);
Datum
recsys_rules_final(PG_FUNCTION_ARGS)
{
	return finish(fcinfo, true);
}

RECSYS_FUNCTION(recsys_itemsets_final);
Datum
recsys_itemsets_final(PG_FUNCTION_ARGS)
{
	return finish(fcinfo, false);
}
