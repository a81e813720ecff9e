/*-------------------------------------------------------------------------
 *
 * bestsellers.c
 *		The items that most users had in a period, counted live.
 *
 * The model knows how popular items are over all of the data.  What sells this
 * week is asked of the recommender's query itself, with the period pushed down
 * into it.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "recommend/serve.h"

static void
add_row(void *arg, const Datum *values, const bool *nulls)
{
	ItemTable  *items = (ItemTable *) arg;
	uint32		number;

	if (nulls[0])
		return;
	number = item_table_put(items, values[0]);
	items->entries[number].score = (double) DatumGetInt64(values[1]);
}

/* Puts the items of a period into the recommender's table, with numbers of users. */
static void
count_users(Recommender *recommender, TimestampTz since, TimestampTz until)
{
	QueryColumn columns[2] = {{"item", InvalidOid, false}, {"users", INT8OID, false}};
	Oid			types[2] = {TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		params[2] = {TimestampTzGetDatum(since), TimestampTzGetDatum(until)};
	UserQuery  *query;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	query = prepare_stored(recommender->relid, recommender->query, recommender_columns);
	if (query_column_count(query) < 4)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the query of recommender \"%s\" has no time",
						get_rel_name(recommender->relid)),
				 errhint("Best sellers of a period need its fourth column, ts.")));
	columns[0].type = recommender->item.type;
	query = query_prepare(psprintf("SELECT q.c2, pg_catalog.count(DISTINCT q.c1)"
								   " FROM (%s) AS q(c1, c2, c3, c4)"
								   " WHERE q.c4 OPERATOR(pg_catalog.>) $1"
								   " AND q.c4 OPERATOR(pg_catalog.<=) $2"
								   " AND q.c1 IS NOT NULL GROUP BY q.c2", recommender->query),
						  columns, 2, 2, types);
	query_run(query, params, NULL, add_row, &recommender->table);
	SPI_finish();
}

/*
 * Takes the items of a period that may be returned, at most call->n: their
 * numbers, most users first, ties by item.  Numbers of users are the scores.
 */
uint32 *
call_take_best_sellers(Call *call, TimestampTz since, TimestampTz until, uint32 *n)
{
	ItemTable  *items = &call->recommender->table;
	uint32		required = call->has_allow ? ITEM_ALLOWED : 0;
	uint32	   *best;
	uint32		i;

	count_users(call->recommender, since, until);
	*n = 0;
	best = MemoryContextAllocHuge(CurrentMemoryContext, Max((Size) items->n, 1) * sizeof(uint32));
	for (i = 0; i < items->n; i++)
		if ((items->entries[i].flags & (required | ITEM_EXCLUDED)) == required &&
			items->entries[i].score > 0)
			best[(*n)++] = i;
	qsort_arg(best, *n, sizeof(uint32), call_compare_scores, items);
	call_take_eligible(call, best, n, call->n);
	return best;
}

/* Adds the condition that an item is of a category. */
static void
filter_category(Call *call, text *category)
{
	char	   *condition = psprintf("CAST(q.category AS pg_catalog.text) OPERATOR(pg_catalog.=) %s",
									 quote_literal_cstr(text_to_cstring(category)));

	call->filter = call->filter ? psprintf("(%s\n) AND %s", call->filter, condition) : condition;
	call->checks = true;
}

/*
 * Returns the items of the period that ends at as_of, most users first, ties by
 * item: (item, users).  Arguments: name, period, n, as_of, deny, allow, filter,
 * category.
 */
void
call_best_sellers(Call *call)
{
	FunctionCallInfo fcinfo = call->fcinfo;
	int			first = call->first;
	ItemTable  *items = &call->recommender->table;
	TimestampTz until = PG_ARGISNULL(first + 3) ? GetCurrentTransactionStartTimestamp() :
		PG_GETARG_TIMESTAMPTZ(first + 3);
	TimestampTz since;
	uint32	   *best;
	uint32		n;
	uint32		i;

	if (PG_ARGISNULL(first + 1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("period must not be null")));
	call->n = call_get_n(call, first + 2);
	since = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_mi_interval,
													TimestampTzGetDatum(until),
													PG_GETARG_DATUM(first + 1)));
	call_read_limits(call, first + 4);
	if (!PG_ARGISNULL(first + 7))
		filter_category(call, PG_GETARG_TEXT_PP(first + 7));
	best = call_take_best_sellers(call, since, until, &n);
	for (i = 0; i < n; i++)
	{
		Datum		values[2];
		bool		nulls[2] = {false, false};

		values[0] = call_item_out(call, items->entries[best[i]].item);
		values[1] = Int64GetDatum((int64) items->entries[best[i]].score);
		call_put_row(call, values, nulls);
	}
}
