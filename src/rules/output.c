/*-------------------------------------------------------------------------
 *
 * output.c
 *		Itemsets and rules as rows.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "core/aggregate.h"
#include "rules/output.h"

/* The measures that rows of rules have, in the order of their columns. */
static const RuleMeasure shown_measures[] = {
	MEASURE_SUPPORT, MEASURE_CONFIDENCE, MEASURE_LIFT, MEASURE_LEVERAGE, MEASURE_CONVICTION,
	MEASURE_ZHANG, MEASURE_COSINE, MEASURE_JACCARD, MEASURE_KULCZYNSKI, MEASURE_IMBALANCE,
	MEASURE_PHI
};

static int64
integer_item(const IdDict *dict, Datum value)
{
	switch (iddict_type(dict))
	{
		case INT2OID:
			return DatumGetInt16(value);
		case INT4OID:
			return DatumGetInt32(value);
		default:
			return DatumGetInt64(value);
	}
}

/* Prepares to output, in the current memory context. */
void
output_open(RuleOutput *output, const MiningResult *result)
{
	const EncodedBaskets *encoded = result->encoded;
	uint32		nitems = encoded->transactions.nitems;
	uint32		i;

	output->result = result;
	output->bigint_items = iddict_type(result->dict) != TEXTOID;
	output->no_limits = result->limits == NULL;
	output->limits = output->no_limits ? (Datum) 0 : CStringGetTextDatum(result->limits);
	output->cxt = AllocSetContextCreate(CurrentMemoryContext, "recsys rules row",
										ALLOCSET_DEFAULT_SIZES);
	output->by_rank = MemoryContextAllocHuge(CurrentMemoryContext,
											 (Size) Max(nitems, 1) * sizeof(RankedItem));
	for (i = 0; i < nitems; i++)
	{
		Datum		value = iddict_value(result->dict, encoded->dict_id[i]);
		RankedItem *item = &output->by_rank[encoded->rank[i]];

		if (output->bigint_items)
			item->number = integer_item(result->dict, value);
		else
			item->text = value;
	}
}

/* Items of a set, in order, as bigint[] or text[]. */
static Datum
items_array(RuleOutput *output, uint32 set)
{
	uint32		ranks[ITEMSET_MAX_LENGTH];
	uint32		n = itemset_ranks(output->result, set, ranks);
	uint32		i;

	if (output->bigint_items)
	{
		Size		size = ARR_OVERHEAD_NONULLS(1) + n * sizeof(int64);
		ArrayType  *array = palloc0(size);
		int64	   *elements;

		SET_VARSIZE(array, size);
		array->ndim = 1;
		array->dataoffset = 0;
		array->elemtype = INT8OID;
		ARR_DIMS(array)[0] = n;
		ARR_LBOUND(array)[0] = 1;
		elements = (int64 *) ARR_DATA_PTR(array);
		for (i = 0; i < n; i++)
			elements[i] = output->by_rank[ranks[i]].number;
		return PointerGetDatum(array);
	}
	else
	{
		Datum		elements[ITEMSET_MAX_LENGTH];

		for (i = 0; i < n; i++)
			elements[i] = output->by_rank[ranks[i]].text;
		return PointerGetDatum(construct_array(elements, n, TEXTOID, -1, false, TYPALIGN_INT));
	}
}

static inline void
put_float(double value, Datum *datum, bool *null)
{
	*null = isnan(value);
	*datum = Float8GetDatum(value);
}

static void
itemset_row(RuleOutput *output, uint32 set, Datum *values, bool *nulls)
{
	const MiningResult *result = output->result;
	uint32		count = result->store->sets[set].count;

	values[0] = items_array(output, set);
	values[1] = Int64GetDatum(count);
	values[2] = Int64GetDatum(result->encoded->nbaskets);
	values[3] = Float8GetDatum((double) count / result->encoded->nbaskets);
	values[4] = Int64GetDatum(result->min_count);
	values[5] = output->limits;
	nulls[5] = output->no_limits;
}

static void
rule_row(RuleOutput *output, const Rule *rule, Datum *values, bool *nulls)
{
	const MiningResult *result = output->result;
	const Itemset *sets = result->store->sets;
	RuleTable	table;
	int			column = 6;
	int			i;

	table.both = sets[rule->set].count;
	table.lhs = sets[rule->lhs].count;
	table.rhs = sets[rule->rhs].count;
	table.n = result->encoded->nbaskets;
	values[0] = items_array(output, rule->lhs);
	values[1] = items_array(output, rule->rhs);
	values[2] = Int64GetDatum(sets[rule->set].count);
	values[3] = Int64GetDatum(sets[rule->lhs].count);
	values[4] = Int64GetDatum(sets[rule->rhs].count);
	values[5] = Int64GetDatum(result->encoded->nbaskets);
	for (i = 0; i < lengthof(shown_measures); i++, column++)
		put_float(rule_measure(shown_measures[i], &table), &values[column], &nulls[column]);
	put_float(rule->improvement, &values[column], &nulls[column]);
	column++;
	put_float(rule->p, &values[column], &nulls[column]);
	column++;
	nulls[column] = isnan(rule->p);
	values[column] = nulls[column] ? (Datum) 0 : Float8GetDatum(adjusted_p(result, rule->p));
	column++;
	values[column++] = Int64GetDatum(result->min_count);
	nulls[column] = output->no_limits;
	values[column++] = output->limits;
	Assert(column == RULE_FIELDS);
}

/*
 * Fields of the i-th row, in the memory context of the row, which is emptied
 * first.
 */
void
output_row(RuleOutput *output, uint64 i, Datum *values, bool *nulls)
{
	MemoryContext old;

	MemoryContextReset(output->cxt);
	old = MemoryContextSwitchTo(output->cxt);
	memset(nulls, 0, OUTPUT_MAX_FIELDS * sizeof(bool));
	if (output->result->rules)
		rule_row(output, &output->result->rules[i], values, nulls);
	else
		itemset_row(output, output->result->itemsets[i], values, nulls);
	MemoryContextSwitchTo(old);
}

/* All rows as one array of a composite type, in the current memory context. */
Datum
output_array(RuleOutput *output, Oid element_type)
{
	TupleDesc	tupdesc = lookup_rowtype_tupdesc_copy(element_type, -1);
	ArrayBuildState *state = initArrayResult(element_type, CurrentMemoryContext, false);
	uint64		i;

	if (tupdesc->natts != (output->result->rules ? RULE_FIELDS : ITEMSET_FIELDS))
		elog(ERROR, "unexpected row type of itemsets or rules");
	/* a state of another aggregate, damaged on its way, would be one of other items */
	if (get_typbyval(get_element_type(TupleDescAttr(tupdesc, 0)->atttypid)) !=
		get_typbyval(iddict_type(output->result->dict)))
		damaged_state_error();
	for (i = 0; i < output->result->n; i++)
	{
		Datum		values[OUTPUT_MAX_FIELDS];
		bool		nulls[OUTPUT_MAX_FIELDS];
		HeapTuple	tuple;

		CHECK_FOR_INTERRUPTS();
		output_row(output, i, values, nulls);
		tuple = heap_form_tuple(tupdesc, values, nulls);
		accumArrayResult(state, HeapTupleGetDatum(tuple), false, element_type,
						 CurrentMemoryContext);
		pfree(tuple);
	}
	return makeArrayResult(state, CurrentMemoryContext);
}
