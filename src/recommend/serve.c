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
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "core/options.h"
#include "recommend/serve.h"

/*
 * Sets up a call of a function whose recommender's name is argument `first`, and
 * whose result has items in column `item_column`, from 0.
 */
Datum
call_run(FunctionCallInfo fcinfo, int first, int item_column, CallBody body)
{
	Call		call = {0};

	call.fcinfo = fcinfo;
	call.first = first;
	if (PG_ARGISNULL(first))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name of the recommender must not be null"),
				 errhint("If the first argument stands for the type of the items, give n too, by its name: %s(NULL::text, 'name', ..., n => 10).",
						 get_func_name(fcinfo->flinfo->fn_oid))));
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	call.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	call.recommender = recommender_acquire(fcinfo, PG_GETARG_TEXT_PP(first));
	PG_TRY();
	{
		MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "recsys recommend",
												  ALLOCSET_DEFAULT_SIZES);
		MemoryContext old = MemoryContextSwitchTo(cxt);

		call_check_result_type(&call, item_column);
		item_table_reset(&call.recommender->table, &call.recommender->item,
						 call.recommender->cxt, cxt);
		body(&call);
		if (call.log)
			log_call(&call);
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
int64
call_get_n(const Call *call, int argument)
{
	FunctionCallInfo fcinfo = call->fcinfo;

	if (PG_ARGISNULL(argument))
		return -1;
	return check_int_option("n", PG_GETARG_INT32(argument), 1, PG_INT32_MAX);
}

/* Flags the items of an array argument; returns whether there is one. */
static bool
flag_array(Call *call, int argument, uint32 flag)
{
	FunctionCallInfo fcinfo = call->fcinfo;
	uint32	   *items;
	int			n;
	int			i;

	items = call_put_array(call, argument, &n);
	for (i = 0; i < n; i++)
		call->recommender->table.entries[items[i]].flags |= flag;
	return !PG_ARGISNULL(argument);
}

/*
 * Arguments that say what may be returned: deny, allow and filter, from a
 * position on.  To be called when the history is in the table.
 */
void
call_read_limits(Call *call, int argument)
{
	FunctionCallInfo fcinfo = call->fcinfo;

	flag_array(call, argument, ITEM_EXCLUDED);
	call->has_allow = flag_array(call, argument + 1, ITEM_ALLOWED);
	call->filter = PG_ARGISNULL(argument + 2) ? NULL :
		text_to_cstring(PG_GETARG_TEXT_PP(argument + 2));
	call->checks = call->filter || call->recommender->items_query;
}

/* What to exclude of the history: everything, nothing, or what is recent. */
typedef struct Exclusion
{
	bool		everything;
	bool		recent;
	TimestampTz since;
} Exclusion;

static void
read_exclude(Call *call, TimestampTz now, Exclusion *exclusion)
{
	FunctionCallInfo fcinfo = call->fcinfo;
	int			argument = call->first + ARG_EXCLUDE;
	char	   *value = PG_ARGISNULL(argument) ? "bought" :
		text_to_cstring(PG_GETARG_TEXT_PP(argument));

	memset(exclusion, 0, sizeof(*exclusion));
	exclusion->everything = strcmp(value, "bought") == 0;
	if (!exclusion->everything && strcmp(value, "none") != 0)
	{
		Datum		period;

		/* a word that is neither is a mistake rather than a period */
		if (strpbrk(value, "0123456789") == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unrecognized exclude: \"%s\"", value),
					 errhint("Use 'bought', 'none', or a period such as '30 days'.")));
		period = DirectFunctionCall3(interval_in, CStringGetDatum(value),
									 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
		exclusion->recent = true;
		exclusion->since =
			DatumGetTimestampTz(DirectFunctionCall2(timestamptz_mi_interval,
													TimestampTzGetDatum(now), period));
	}
}

/* half_life in seconds, months and days as PostgreSQL's extract(epoch) has them. */
double
call_get_half_life(const Call *call, int argument)
{
	FunctionCallInfo fcinfo = call->fcinfo;
	Interval   *interval;
	double		seconds;

	if (PG_ARGISNULL(argument))
		return 0;
	interval = PG_GETARG_INTERVAL_P(argument);
	seconds = (double) interval->time / USECS_PER_SEC + interval->day * (double) SECS_PER_DAY +
		interval->month * (double) DAYS_PER_MONTH * SECS_PER_DAY;
	if (!(seconds > 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("half_life must be positive")));
	return seconds;
}

/*
 * Adds the items of this session to a history: each counts context_weight
 * times as much as the weightiest item of the past.
 */
static HistoryItem *
add_context(Call *call, HistoryItem *history, int *nhistory, bool exclude)
{
	FunctionCallInfo fcinfo = call->fcinfo;
	ItemTable  *table = &call->recommender->table;
	double		weight = check_float_option("context_weight",
											PG_ARGISNULL(call->first + ARG_CONTEXT_WEIGHT) ? 2 :
											PG_GETARG_FLOAT8(call->first + ARG_CONTEXT_WEIGHT),
											0, 1e6);
	double		greatest = 0;
	uint32	   *items;
	int			nold = *nhistory;
	int			n;
	int			i;

	items = call_put_array(call, call->first + ARG_CONTEXT, &n);
	if (n == 0)
		return history;
	for (i = 0; i < nold; i++)
		greatest = Max(greatest, fabs(history[i].weight));
	weight *= greatest > 0 ? greatest : 1;

	if (history == NULL)
		history = palloc_array(HistoryItem, n);
	else
		history = repalloc_huge(history, ((Size) nold + n) * sizeof(HistoryItem));
	for (i = 0; i < n; i++)
	{
		if (exclude)
			table->entries[items[i]].flags |= ITEM_EXCLUDED;
		/* numbers of the history are the places in it */
		if (items[i] < nold)
			history[items[i]].weight += weight;
		else
		{
			history[*nhistory].item = items[i];
			history[*nhistory].weight = weight;
			(*nhistory)++;
		}
	}
	return history;
}

/* The tags of the user where the caller gives them. */
static void
read_tags(Call *call)
{
	FunctionCallInfo fcinfo = call->fcinfo;

	if (PG_ARGISNULL(call->first + ARG_TAGS))
		return;
	if (call->recommender->users_query == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("tags need a recommender with a users query"),
				 errhint("Give create_recommender() the argument users, a query that returns users and their tags.")));
	call->tags = PG_GETARG_ARRAYTYPE_P(call->first + ARG_TAGS);
}

/* Answers for a user; nobody in particular (NULL) has no history. */
void
call_recommend(Call *call, Datum user, bool isnull, Oid usertype)
{
	FunctionCallInfo fcinfo = call->fcinfo;
	int			first = call->first;
	ItemTable  *table = &call->recommender->table;
	HistoryOptions options = {0};
	Exclusion	exclusion;
	HistoryItem *history = NULL;
	TimestampTz *last = NULL;
	int			nhistory = 0;
	int			i;

	call->n = call_get_n(call, first + ARG_N);
	call->fallback = PG_ARGISNULL(first + ARG_FALLBACK) || PG_GETARG_BOOL(first + ARG_FALLBACK);
	options.cut = !PG_ARGISNULL(first + ARG_AS_OF);
	options.now = options.cut ? PG_GETARG_TIMESTAMPTZ(first + ARG_AS_OF) :
		GetCurrentTransactionStartTimestamp();
	options.half_life = call_get_half_life(call, first + ARG_HALF_LIFE);
	read_exclude(call, options.now, &exclusion);
	options.need_ts = options.cut || options.half_life > 0 || exclusion.recent;

	read_tags(call);
	if (!isnull)
	{
		call->has_user = true;
		call->user = user;
		call->usertype = usertype;
		history = history_read(call->recommender, user, usertype, &options,
							   exclusion.recent ? &last : NULL, &nhistory);
	}
	for (i = 0; i < nhistory; i++)
		if (exclusion.everything || (exclusion.recent && last[i] >= exclusion.since))
			table->entries[i].flags |= ITEM_EXCLUDED;
	if ((call->tags || !PG_ARGISNULL(first + ARG_CONTEXT)) && !consent_given(call))
	{
		/* what the caller says of the user does not count: see consent.c */
		call->tags = NULL;
		if (exclusion.everything || exclusion.recent)
			flag_array(call, first + ARG_CONTEXT, ITEM_EXCLUDED);
	}
	else
		history = add_context(call, history, &nhistory,
							  exclusion.everything || exclusion.recent);
	call_read_limits(call, first + ARG_DENY);
	call_read_diversity(call, first + ARG_DIVERSITY);
	call_answer(call, history, nhistory);
}

static void
recommend(Call *call)
{
	NullableDatum *args = &call->fcinfo->args[call->first];
	NullableDatum *user = &args[ARG_USER];

	call->log = !args[ARG_LOG].isnull && DatumGetBool(args[ARG_LOG].value);
	call_recommend(call, user->value, user->isnull,
				   get_fn_expr_argtype(call->fcinfo->flinfo, call->first + ARG_USER));
}

/* recommend(name text, user anycompatible, n integer) */
RECSYS_FUNCTION(recsys_recommend);
Datum
recsys_recommend(PG_FUNCTION_ARGS)
{
	return call_run(fcinfo, 0, 0, recommend);
}

/* recommend(item anyelement, name text, user anycompatible, n integer) */
RECSYS_FUNCTION(recsys_recommend_typed);
Datum
recsys_recommend_typed(PG_FUNCTION_ARGS)
{
	return call_run(fcinfo, 1, 0, recommend);
}

/* Each item of the basket counts once; what is in it is not returned. */
static void
recommend_basket(Call *call)
{
	FunctionCallInfo fcinfo = call->fcinfo;
	int			first = call->first;
	HistoryItem *basket;
	uint32	   *items;
	int			n;
	int			i;

	call->n = call_get_n(call, first + 2);
	call->fallback = PG_ARGISNULL(first + 6) || PG_GETARG_BOOL(first + 6);
	items = call_put_array(call, first + 1, &n);
	basket = palloc_array(HistoryItem, Max(n, 1));
	for (i = 0; i < n; i++)
	{
		basket[i].item = items[i];
		basket[i].weight = 1;
		call->recommender->table.entries[items[i]].flags |= ITEM_EXCLUDED;
	}
	call_read_limits(call, first + 3);
	call_read_diversity(call, first + 7);
	call_answer(call, basket, n);
}

/* recommend_basket(name text, items bigint[], n integer) */
RECSYS_FUNCTION(recsys_recommend_basket);
Datum
recsys_recommend_basket(PG_FUNCTION_ARGS)
{
	return call_run(fcinfo, 0, 0, recommend_basket);
}

/* recommend_basket(item anyelement, name text, items anyarray, n integer) */
RECSYS_FUNCTION(recsys_recommend_basket_typed);
Datum
recsys_recommend_basket_typed(PG_FUNCTION_ARGS)
{
	return call_run(fcinfo, 1, 0, recommend_basket);
}

/* Puts the neighbours of an item into the table; their numbers, in order. */
uint32 *
call_put_neighbours(Call *call, Datum item, uint32 *n)
{
	ItemTable  *table = &call->recommender->table;
	ModelReader reader;
	ModelRow	row;
	uint32	   *result = NULL;

	*n = 0;
	model_open(&reader, call->recommender);
	if (model_find(&reader, item, &row))
	{
		int			i;

		result = palloc_array(uint32, Max(row.n, 1));
		item_table_put_all(table, row.neighbours, row.n, result);
		for (i = 0; i < row.n; i++)
			table->entries[result[i]].score = row.scores[i];
		*n = row.n;
	}
	model_close(&reader);
	return result;
}

static void
similar_items(Call *call)
{
	FunctionCallInfo fcinfo = call->fcinfo;
	int			first = call->first;
	ItemTable  *table = &call->recommender->table;
	uint32		required;
	uint32	   *neighbours;
	uint32		found;
	uint32		n = 0;
	uint32		i;
	Datum		item;

	call->n = call_get_n(call, first + 2);
	if (PG_ARGISNULL(first + 1) ||
		!call_item_in(call, PG_GETARG_DATUM(first + 1),
					  get_fn_expr_argtype(fcinfo->flinfo, first + 1), &item))
		return;
	neighbours = call_put_neighbours(call, item, &found);
	call_read_limits(call, first + 3);
	required = call->has_allow ? ITEM_ALLOWED : 0;
	for (i = 0; i < found; i++)
		if ((table->entries[neighbours[i]].flags & (required | ITEM_EXCLUDED)) == required)
			neighbours[n++] = neighbours[i];
	call_take_eligible(call, neighbours, &n, call->n);
	for (i = 0; i < n; i++)
	{
		Datum		values[2];
		bool		nulls[2] = {false, false};

		values[0] = call_item_out(call, table->entries[neighbours[i]].item);
		values[1] = Float8GetDatum(table->entries[neighbours[i]].score);
		call_put_row(call, values, nulls);
	}
}

/* similar_items(name text, item bigint, n integer) */
RECSYS_FUNCTION(recsys_similar_items);
Datum
recsys_similar_items(PG_FUNCTION_ARGS)
{
	return call_run(fcinfo, 0, 0, similar_items);
}

/* similar_items(witness anyelement, name text, item anyelement, n integer) */
RECSYS_FUNCTION(recsys_similar_items_typed);
Datum
recsys_similar_items_typed(PG_FUNCTION_ARGS)
{
	return call_run(fcinfo, 1, 0, similar_items);
}

/* best_sellers(name text, period interval, n integer, as_of timestamptz, ...) */
RECSYS_FUNCTION(recsys_best_sellers);
Datum
recsys_best_sellers(PG_FUNCTION_ARGS)
{
	return call_run(fcinfo, 0, 0, call_best_sellers);
}

/* best_sellers(witness anyelement, name text, period interval, n integer, ...) */
RECSYS_FUNCTION(recsys_best_sellers_typed);
Datum
recsys_best_sellers_typed(PG_FUNCTION_ARGS)
{
	return call_run(fcinfo, 1, 0, call_best_sellers);
}
