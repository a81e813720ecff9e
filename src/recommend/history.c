/*-------------------------------------------------------------------------
 *
 * history.c
 *		What one user has done until now, read live.
 *
 * The recommender's query is run for the one user with a plan that is kept
 * for the session, with the rights of the caller and in the caller's snapshot:
 * an order of the same transaction counts, row-level security holds.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "recommend/recommend.h"

/* One row of the query; rows of an item are added up afterwards. */
typedef struct HistoryRow
{
	uint32		item;
	double		weight;
	TimestampTz ts;				/* DT_NOBEGIN where there is none */
} HistoryRow;

typedef struct HistoryBuffer
{
	ItemTable  *items;
	HistoryRow *rows;
	int			nrows;
	int			capacity;
	bool		weighted;
	bool		timed;
	const HistoryOptions *options;
} HistoryBuffer;

static void
add_row(void *arg, const Datum *values, const bool *nulls)
{
	HistoryBuffer *buffer = (HistoryBuffer *) arg;
	HistoryRow *row;
	TimestampTz ts = DT_NOBEGIN;

	if (nulls[0])
		return;
	if (buffer->timed && !nulls[2])
		ts = DatumGetTimestampTz(values[2]);
	if (buffer->options->cut && ts > buffer->options->now)
		return;
	if (buffer->nrows == buffer->capacity)
	{
		buffer->capacity *= 2;
		buffer->rows = repalloc_huge(buffer->rows, buffer->capacity * sizeof(HistoryRow));
	}
	row = &buffer->rows[buffer->nrows++];
	row->item = item_table_put(buffer->items, values[0]);
	row->ts = ts;
	row->weight = 1;
	if (buffer->weighted)
	{
		if (nulls[1])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("weight must not be null")));
		row->weight = DatumGetFloat8(values[1]);
		if (isnan(row->weight) || isinf(row->weight))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("weight must be finite")));
	}
	/* what is without a time is as old as can be, what is to come is of now */
	if (buffer->options->half_life > 0)
	{
		double		age = ((double) buffer->options->now - (double) ts) / USECS_PER_SEC;

		row->weight *= ts == DT_NOBEGIN ? 0 : exp2(-Max(age, 0) / buffer->options->half_life);
	}
}

static int
compare_rows(const void *a, const void *b)
{
	const HistoryRow *x = (const HistoryRow *) a;
	const HistoryRow *y = (const HistoryRow *) b;

	CHECK_FOR_INTERRUPTS();
	if (x->item != y->item)
		return x->item < y->item ? -1 : 1;
	return (x->weight > y->weight) - (x->weight < y->weight);
}

/* Prepares the query for one user, whose id comes as a value of argtype. */
static void
prepare(Recommender *recommender, Oid argtype)
{
	UserQuery  *whole;
	QueryColumn columns[3];
	MemoryContext old;
	Oid			usertype;
	Oid			function;
	char	   *text;

	whole = prepare_stored(recommender->relid, recommender->query, recommender_columns);
	recommender->ncolumns = query_column_count(whole);
	usertype = query_column_type(whole, 0);
	if (argtype != usertype && argtype != UNKNOWNOID &&
		find_coercion_pathway(usertype, argtype, COERCION_EXPLICIT, &function) == COERCION_PATH_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("user must be of type %s, not %s",
						format_type_be(usertype), format_type_be(argtype))));

	text = pushdown_query(recommender->query, recommender->ncolumns, usertype, argtype);
	memcpy(columns, &recommender_columns[1], sizeof(columns));
	columns[0].type = recommender->item.type;

	if (recommender->history)
	{
		UserQuery  *stale = recommender->history;

		recommender->history = NULL;
		query_forget(stale);
	}
	if (recommender->history_cxt == NULL)
		recommender->history_cxt = AllocSetContextCreate(recommender->cxt, "recsys history plan",
														 ALLOCSET_SMALL_SIZES);
	MemoryContextReset(recommender->history_cxt);
	old = MemoryContextSwitchTo(recommender->history_cxt);
	recommender->history = query_prepare_saved(text, columns, 3, 1, &argtype);
	recommender->history_argtype = argtype;
	recommender->history_context = psprintf("user of recommender \"%s\", whose users are of type %s",
											get_rel_name(recommender->relid),
											format_type_be(usertype));
	MemoryContextSwitchTo(old);
}

/* An id that is none of their type: "invalid input syntax for type bigint" alone does not say whose. */
static void
history_context(void *arg)
{
	if (ERRCODE_TO_CATEGORY(geterrcode()) == ERRCODE_DATA_EXCEPTION)
		errcontext("%s", ((const Recommender *) arg)->history_context);
}

/*
 * Items of a user's history with the sums of their weights, in no particular
 * order.  Rows without an item are left out.  Items are put into the table of
 * the recommender, which has to be empty; the result is in the current memory
 * context.
 *
 * Weights of an item are added from the least to the greatest, so that the sum
 * does not depend on the order of rows.  *last gets the latest time of each item
 * where it is not NULL.
 */
HistoryItem *
history_read(Recommender *recommender, Datum user, Oid usertype, const HistoryOptions *options,
			 TimestampTz **last, int *n)
{
	ErrorContextCallback context = {error_context_stack, history_context, recommender};
	HistoryBuffer buffer;
	HistoryItem *result;
	int			nitems;
	int			i;

	buffer.items = &recommender->table;
	buffer.capacity = 64;
	buffer.rows = palloc_array(HistoryRow, buffer.capacity);
	buffer.nrows = 0;
	buffer.options = options;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (recommender->history == NULL || recommender->history_argtype != usertype ||
		!query_is_valid(recommender->history))
		prepare(recommender, usertype);
	buffer.weighted = recommender->ncolumns > 2;
	buffer.timed = recommender->ncolumns > 3;
	if (options->need_ts && !buffer.timed)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the query of recommender \"%s\" has no time",
						get_rel_name(recommender->relid)),
				 errhint("half_life, as_of and a period to exclude need its fourth column, ts.")));
	error_context_stack = &context;
	query_run(recommender->history, &user, NULL, add_row, &buffer);
	error_context_stack = context.previous;
	SPI_finish();

	qsort(buffer.rows, buffer.nrows, sizeof(HistoryRow), compare_rows);
	nitems = recommender->table.n;
	result = palloc_array(HistoryItem, Max(nitems, 1));
	if (last)
		*last = palloc_array(TimestampTz, Max(nitems, 1));
	for (i = 0; i < nitems; i++)
	{
		result[i].item = i;
		result[i].weight = 0;
		if (last)
			(*last)[i] = DT_NOBEGIN;
	}
	for (i = 0; i < buffer.nrows; i++)
	{
		const HistoryRow *row = &buffer.rows[i];

		result[row->item].weight += row->weight;
		if (last)
			(*last)[row->item] = Max((*last)[row->item], row->ts);
	}
	*n = nitems;
	return result;
}
