/*-------------------------------------------------------------------------
 *
 * eligible.c
 *		Which items may be recommended right now.
 *
 * A recommender can have a query about items: what is in it, is available and
 * meets the caller's condition may be recommended.  It is asked when answers
 * are about to go out, for the best candidates only and in as many rounds as
 * it takes, so that stock and prices are those of this moment and the answer
 * has as many rows as there are eligible items.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"

#include "recommend/recommend.h"

static void
mark_row(void *arg, const Datum *values, const bool *nulls)
{
	ItemTable  *items = (ItemTable *) arg;
	uint32		number;

	if (nulls[0])
		return;
	number = item_table_find(items, values[0]);
	if (number != ITEM_NOT_FOUND)
		items->entries[number].flags |= ITEM_ELIGIBLE;
}

/* Frees the plans. */
void
eligible_forget(Recommender *recommender)
{
	int			i;

	for (i = 0; i < lengthof(recommender->eligible); i++)
	{
		UserQuery  *query = recommender->eligible[i].query;

		recommender->eligible[i].query = NULL;
		if (query)
			query_forget(query);
	}
}

/* Could a parallel worker run the items query?  Not known before it has been prepared. */
bool
eligible_is_parallel_safe(const Recommender *recommender)
{
	bool		result = recommender->items_query == NULL;
	int			i;

	for (i = 0; i < lengthof(recommender->eligible); i++)
	{
		if (recommender->eligible[i].query == NULL)
			continue;
		if (!query_is_parallel_safe(recommender->eligible[i].query))
			return false;
		result = true;
	}
	return result;
}

static void
filter_context(void *arg)
{
	errcontext("filter, which sees the columns of the items query only");
}

/* Prepares the query for a condition, unless the plan at hand is of the same. */
static UserQuery *
prepare(Recommender *recommender, const char *filter, int columns)
{
	QueryColumn wanted[3] = {{"item", recommender->item.type, false}};
	int			nwanted = 1;
	EligiblePlan *plan = &recommender->eligible[columns == 0 ? 0 : columns & ELIGIBLE_ANY ? 2 : 1];
	UserQuery  *stale = plan->query;
	ErrorContextCallback context = {error_context_stack, filter_context, NULL};
	MemoryContext old;
	char	   *text;

	if (recommender->items_query == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s needs a recommender with an items query",
						columns & ELIGIBLE_PRICE ? "a price" :
						columns & ELIGIBLE_CATEGORY ? "a category" : "a filter"),
				 errhint("Give create_recommender() the argument items, a query whose first column is the item and whose other columns can be used in filters.")));
	if (stale && query_is_valid(stale) && plan->columns == columns &&
		(filter ? plan->filter && strcmp(filter, plan->filter) == 0 : plan->filter == NULL))
		return stale;

	plan->query = NULL;
	if (stale)
		query_forget(stale);
	if (plan->cxt == NULL)
		plan->cxt = AllocSetContextCreate(recommender->cxt, "recsys items plan",
										  ALLOCSET_SMALL_SIZES);
	MemoryContextReset(plan->cxt);
	if (columns & ELIGIBLE_CATEGORY)
		wanted[nwanted++] = (QueryColumn) {"category", TEXTOID, false};
	if (columns & ELIGIBLE_PRICE)
		wanted[nwanted++] = (QueryColumn) {"price", NUMERICOID, false};
	text = eligible_query(recommender->items_query, filter, &recommender->item, columns);
	old = MemoryContextSwitchTo(plan->cxt);
	plan->filter = filter ? pstrdup(filter) : NULL;
	plan->columns = columns;
	if (filter)
		error_context_stack = &context;
	plan->query = query_prepare_saved(text, wanted, nwanted, 1, &recommender->item.array_type);
	error_context_stack = context.previous;
	MemoryContextSwitchTo(old);
	return plan->query;
}

/*
 * Calls row(arg, values, nulls) for those of some items of the recommender's
 * table that are eligible, with the columns that are asked for after the item.
 */
void
eligible_read(Recommender *recommender, const char *filter, const uint32 *items, int64 n,
			  int columns, QueryRow row, void *arg)
{
	ItemTable  *table = &recommender->table;
	const IdType *type = &recommender->item;
	Datum	   *values;
	Datum		array;
	int64		i;

	if (n == 0)
		return;
	values = palloc_array(Datum, n);
	for (i = 0; i < n; i++)
		values[i] = table->entries[items[i]].item;
	array = PointerGetDatum(construct_array(values, (int) n, type->type, type->typlen,
											type->typbyval, type->typalign));
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	query_run(prepare(recommender, filter, columns), &array, NULL, row, arg);
	SPI_finish();
	pfree(values);
}

/* Flags those of some items of the recommender's table that are eligible. */
void
eligible_mark(Recommender *recommender, const char *filter, const uint32 *items, int64 n)
{
	eligible_read(recommender, filter, items, n, 0, mark_row, &recommender->table);
}
