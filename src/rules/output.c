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
#include "rules/sort.h"

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
	int			k;

	output->result = result;
	output->next = 0;
	output->facts = palloc0_object(RuleFacts);
	output->bigint_items = iddict_type(result->dict) != TEXTOID;
	output->no_limits = result->limits == NULL;
	output->limits = output->no_limits ? (Datum) 0 : CStringGetTextDatum(result->limits);
	output->cxt = AllocSetContextCreate(CurrentMemoryContext, "recsys rules row",
										ALLOCSET_DEFAULT_SIZES);
	for (k = 0; output->bigint_items && k < lengthof(output->arrays); k++)
	{
		ArrayType  *array = palloc0(ARR_OVERHEAD_NONULLS(1) + ITEMSET_MAX_LENGTH * sizeof(int64));

		array->ndim = 1;
		array->elemtype = INT8OID;
		ARR_LBOUND(array)[0] = 1;
		output->arrays[k] = array;
	}
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

/* Items by their places, as bigint[] or text[], of which a row has two at most. */
static Datum
items_array(RuleOutput *output, int which, const uint32 *ranks, uint32 n)
{
	uint32		i;

	if (output->bigint_items)
	{
		ArrayType  *array = output->arrays[which];
		int64	   *elements = (int64 *) ARR_DATA_PTR(array);

		SET_VARSIZE(array, ARR_OVERHEAD_NONULLS(1) + n * sizeof(int64));
		ARR_DIMS(array)[0] = n;
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
itemset_row(RuleOutput *output, Datum *values, bool *nulls)
{
	const MiningResult *result = output->result;
	const RuleFacts *set = output->facts;

	values[0] = items_array(output, 0, set->lhs, set->nlhs);
	values[1] = Int64GetDatum(set->both);
	values[2] = Int64GetDatum(result->encoded->nbaskets);
	values[3] = Float8GetDatum((double) set->both / result->encoded->nbaskets);
	values[4] = Int64GetDatum(result->min_count);
	values[5] = output->limits;
	nulls[5] = output->no_limits;
}

static void
rule_row(RuleOutput *output, Datum *values, bool *nulls)
{
	const MiningResult *result = output->result;
	const RuleFacts *rule = output->facts;
	RuleTable	table;
	int			column = 6;
	int			i;

	table.both = rule->both;
	table.lhs = rule->lhs_count;
	table.rhs = rule->rhs_count;
	table.n = result->encoded->nbaskets;
	values[0] = items_array(output, 0, rule->lhs, rule->nlhs);
	values[1] = items_array(output, 1, rule->rhs, rule->nrhs);
	values[2] = Int64GetDatum(rule->both);
	values[3] = Int64GetDatum(rule->lhs_count);
	values[4] = Int64GetDatum(rule->rhs_count);
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

/* Finds what the next row has to say; false at the end. */
static bool
next_facts(RuleOutput *output)
{
	const MiningResult *result = output->result;
	const Itemset *sets = result->store->sets;
	RuleFacts  *facts = output->facts;
	const Rule *rule;

	if (output->next == result->n)
		return false;
	if (result->sorted)
		return result->has_rules ? get_sorted_rule(result->sorted, facts) :
			get_sorted_itemset(result->sorted, facts);
	if (result->itemsets)
	{
		const FoundSet *found = &result->itemsets[output->next];

		facts->both = sets[found->record].count;
		facts->nlhs = itemset_ranks(result, found->record, found->combination, facts->lhs);
		return true;
	}
	rule = &result->rules[output->next];
	facts->both = sets[rule->set].count;
	facts->lhs_count = sets[rule->lhs].count;
	facts->rhs_count = sets[rule->rhs].count;
	facts->nlhs = itemset_ranks(result, rule->lhs, 0, facts->lhs);
	facts->nrhs = itemset_ranks(result, rule->rhs, 0, facts->rhs);
	facts->improvement = rule->improvement;
	facts->p = rule->p;
	return true;
}

/*
 * Fields of the next row, in the memory context of the row, which is emptied
 * first; false where there is none.  nulls has to be false for fields that never
 * are NULL.
 */
bool
output_next(RuleOutput *output, Datum *values, bool *nulls)
{
	MemoryContext old;

	CHECK_FOR_INTERRUPTS();
	if (!next_facts(output))
		return false;
	output->next++;
	MemoryContextReset(output->cxt);
	old = MemoryContextSwitchTo(output->cxt);
	if (output->result->has_rules)
		rule_row(output, values, nulls);
	else
		itemset_row(output, values, nulls);
	MemoryContextSwitchTo(old);
	return true;
}

/* All rows as one array of a composite type, in the current memory context. */
Datum
output_array(RuleOutput *output, Oid element_type)
{
	TupleDesc	tupdesc = lookup_rowtype_tupdesc_copy(element_type, -1);
	ArrayBuildState *state = initArrayResult(element_type, CurrentMemoryContext, false);
	Datum		values[OUTPUT_MAX_FIELDS];
	bool		nulls[OUTPUT_MAX_FIELDS] = {false};

	if (tupdesc->natts != (output->result->has_rules ? RULE_FIELDS : ITEMSET_FIELDS))
		elog(ERROR, "unexpected row type of itemsets or rules");
	/* a state of another aggregate, damaged on its way, would be one of other items */
	if (get_typbyval(get_element_type(TupleDescAttr(tupdesc, 0)->atttypid)) !=
		get_typbyval(iddict_type(output->result->dict)))
		damaged_state_error();
	while (output_next(output, values, nulls))
	{
		HeapTuple	tuple = heap_form_tuple(tupdesc, values, nulls);

		accumArrayResult(state, HeapTupleGetDatum(tuple), false, element_type,
						 CurrentMemoryContext);
		pfree(tuple);
	}
	return makeArrayResult(state, CurrentMemoryContext);
}
