/*-------------------------------------------------------------------------
 *
 * query.c
 *		association_rules() and frequent_itemsets(): from a query to rows.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "core/progress.h"
#include "core/query.h"
#include "core/stream.h"
#include "rules/output.h"

static bool
is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

static bool
is_text(Oid type)
{
	return type == TEXTOID || type == VARCHAROID;
}

typedef struct Reading
{
	Baskets    *baskets;
	const MemoryBudget *budget;
	uint64		nrows;
} Reading;

static inline void
row_done(Reading *reading)
{
	if ((++reading->nrows & 0xfff) == 0)
		progress_update(reading->nrows);
	baskets_check(reading->baskets, reading->budget);
}

static void
read_pair(void *arg, const Datum *values, const bool *nulls)
{
	Reading    *reading = arg;

	if (!nulls[0] && !nulls[1])
		baskets_add(reading->baskets, values[0], values[1]);
	row_done(reading);
}

static void
read_array(void *arg, const Datum *values, const bool *nulls)
{
	Reading    *reading = arg;

	if (!nulls[0])
		baskets_add_items(reading->baskets, DatumGetArrayTypeP(values[0]));
	row_done(reading);
}

/* A query of one column: an array of items per basket. */
static void
check_arrays(UserQuery *query, bool bigint_items)
{
	Oid			type = get_element_type(query_column_type(query, 0));

	if (!(bigint_items ? is_integer(type) : is_text(type)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the only column of the query must be an array of %s, not %s",
						bigint_items ? "bigint" : "text",
						format_type_be(query_column_type(query, 0))),
				 bigint_items && is_text(type) ?
				 errhint("For items of type text pass NULL::text before the query.") :
				 errhint("Return the columns (basket, item), or one array of items per basket.")));
}

/*
 * Prepares the query so that items arrive as an integer type or as text.
 */
static UserQuery *
prepare(const char *text, bool bigint_items)
{
	QueryColumn columns[2] = {
		{"basket", InvalidOid, false},
		{"item", InvalidOid, true, "NULL::text"}
	};
	UserQuery  *query = query_prepare(text, columns, 2, 0, NULL);
	Oid			type;

	if (query_column_count(query) == 1)
	{
		check_arrays(query, bigint_items);
		return query;
	}
	type = query_column_type(query, 1);
	if (bigint_items ? is_integer(type) : is_text(type))
		return query;
	columns[1].type = bigint_items ? INT8OID : TEXTOID;
	return query_prepare(text, columns, 2, 0, NULL);
}

static void
read_query(const char *text, bool bigint_items, Baskets *baskets, const MemoryBudget *budget)
{
	UserQuery  *query;
	Reading		reading = {0};
	bool		arrays;
	int			item_column;
	Oid			item_type;

	SPI_connect();
	query = prepare(text, bigint_items);
	arrays = query_column_count(query) == 1;
	item_column = arrays ? 0 : 1;
	item_type = query_column_type(query, item_column);
	if (!bigint_items)
		item_type = TEXTOID;
	else if (arrays)
		item_type = get_element_type(item_type);
	baskets_open(baskets, item_type, query_column_collation(query, item_column),
				 arrays ? InvalidOid : query_column_type(query, 0),
				 arrays ? InvalidOid : query_column_collation(query, 0));
	reading.baskets = baskets;
	reading.budget = budget;
	progress_phase("reading", 0);
	query_run(query, NULL, NULL, arrays ? read_array : read_pair, &reading);
	SPI_finish();
}

/* The rows of a result. */
typedef struct FoundRows
{
	const MiningResult *result;
	RuleOutput	output;
} FoundRows;

static bool
next_found(void *state, Datum *values, bool *nulls)
{
	FoundRows  *found = state;

	if (!output_next(&found->output, values, nulls))
		return false;
	progress_update(found->output.next);
	return true;
}

static void
end_found(void *state)
{
	const MiningResult *result = ((FoundRows *) state)->result;

	if (result->sorted)
		sorted_rows_free(result->sorted, result->budget);
	progress_end();
}

static void
mine_query(FunctionCallInfo fcinfo, RowStream *stream, const void *arg)
{
	bool		rules = *(const bool *) arg;
	FoundRows  *found = palloc0_object(FoundRows);
	MemoryBudget *budget = palloc0_object(MemoryBudget);
	Baskets    *baskets = palloc_object(Baskets);
	RulesOptions *options = palloc_object(RulesOptions);
	OptionsReader reader;
	int			query_arg;

	if (stream->desc->natts != (rules ? RULE_FIELDS : ITEMSET_FIELDS))
		elog(ERROR, "unexpected row type of itemsets or rules");
	/* a witness of the items' type comes before the query where that is not bigint */
	query_arg = TupleDescAttr(stream->desc, 0)->atttypid == TEXTARRAYOID ? 1 : 0;
	if (PG_ARGISNULL(query_arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query must not be null")));

	rules_options_arguments(&reader, fcinfo, query_arg + 1);
	rules_options_read(options, &reader, rules);
	options->names_missing = true;
	budget->cxt = CurrentMemoryContext;
	budget->limit = (Size) maintenance_work_mem * 1024;
	baskets_init(baskets, CurrentMemoryContext);
	baskets->once = true;

	progress_begin(rules ? "association rules" : "frequent itemsets");
	read_query(text_to_cstring(PG_GETARG_TEXT_PP(query_arg)), query_arg == 0, baskets, budget);
	found->result = rules ? mine_rules(baskets, options, true) :
		mine_itemsets(baskets, options, true);
	if (found->result->n == 0 && found->result->limits)
		ereport(NOTICE,
				(errmsg("nothing was found, and a limit was reached"),
				 errdetail("%s.", found->result->limits)));

	progress_phase("output", found->result->n);
	output_open(&found->output, found->result);
	stream->state = found;
	stream->next = next_found;
	stream->end = end_found;
}

/* association_rules([item_type text,] query text, options...) */
RECSYS_FUNCTION(recsys_association_rules);
Datum
recsys_association_rules(PG_FUNCTION_ARGS)
{
	return stream_rows(fcinfo, mine_query, &(const bool) {true});
}

/* frequent_itemsets([item_type text,] query text, options...) */
RECSYS_FUNCTION(recsys_frequent_itemsets);
Datum
recsys_frequent_itemsets(PG_FUNCTION_ARGS)
{
	return stream_rows(fcinfo, mine_query, &(const bool) {false});
}
