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

/* Prepares the query for a condition, unless the plan at hand is of the same. */
static void
prepare(Recommender *recommender, const char *filter)
{
	QueryColumn column = {"item", recommender->item.type, false};
	MemoryContext old;
	char	   *text;

	if (recommender->items_query == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("a filter needs a recommender with an items query"),
				 errhint("Give create_recommender() the argument items, a query whose first column is the item and whose other columns are what filters are about.")));
	if (recommender->eligible &&
		query_is_valid(recommender->eligible) &&
		(filter ? recommender->eligible_filter &&
		 strcmp(filter, recommender->eligible_filter) == 0 :
		 recommender->eligible_filter == NULL))
		return;

	if (recommender->eligible)
	{
		UserQuery  *stale = recommender->eligible;

		recommender->eligible = NULL;
		query_forget(stale);
	}
	if (recommender->eligible_cxt == NULL)
		recommender->eligible_cxt = AllocSetContextCreate(recommender->cxt, "recsys items plan",
														  ALLOCSET_SMALL_SIZES);
	MemoryContextReset(recommender->eligible_cxt);
	text = eligible_query(recommender->items_query, filter, &recommender->item);
	old = MemoryContextSwitchTo(recommender->eligible_cxt);
	recommender->eligible_filter = filter ? pstrdup(filter) : NULL;
	recommender->eligible = query_prepare_saved(text, &column, 1, 1,
												&recommender->item.array_type);
	MemoryContextSwitchTo(old);
}

/* Flags those of some items of the recommender's table that are eligible. */
void
eligible_mark(Recommender *recommender, const char *filter, const uint32 *items, int64 n)
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
	prepare(recommender, filter);
	query_run(recommender->eligible, &array, NULL, mark_row, table);
	SPI_finish();
	pfree(values);
}
