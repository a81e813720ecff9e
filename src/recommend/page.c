/*-------------------------------------------------------------------------
 *
 * page.c
 *		Several shelves of a page, without repeats between them.
 *
 * Shelves are filled in the order in which they are given, each by one of the
 * scenes, and what one has returned is excluded from those after it.  The rows
 * are those that the function of the scene would return with these exclusions.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "core/options.h"
#include "recommend/serve.h"

/* Where the arguments are, counted from the name's. */
enum
{
	PAGE_USER = 1,
	PAGE_SLOTS,
	PAGE_DENY,					/* followed by allow and filter */
	PAGE_ALLOW,
	PAGE_FILTER
};

/* Columns that come before those of recommend(). */
#define LEADING_COLUMNS 2

/* What fills a shelf. */
typedef enum Scene
{
	SCENE_RECOMMEND,
	SCENE_PERSONAL,
	SCENE_CROWD,
	SCENE_CATEGORY,
	SCENE_POPULAR,
	SCENE_SIMILAR,
	SCENE_BEST_SELLERS
} Scene;

static const char *const scene_names[] = {"recommend", "personal", "crowd", "category", "popular",
"similar", "best_sellers", NULL};

typedef struct Shelf
{
	int			slot;			/* from 1 */
	Scene		scene;
	int64		n;
	ArrayType  *items;			/* of `similar`: text[]; or NULL */
	Interval   *period;			/* of `best_sellers` */
	char	   *filter;			/* or NULL */
} Shelf;

typedef struct ShopPage
{
	Shelf	   *shelf;			/* that is being filled */
	Datum	   *taken;			/* items of the shelves before */
	int64		ntaken;
	int64		capacity;
} ShopPage;

/* page_slot(scene text, n integer, ...) returns page_slot */
RECSYS_FUNCTION(recsys_page_slot);
Datum
recsys_page_slot(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("scene and n of a page_slot must not be null")));
	check_word_option("scene", text_to_cstring(PG_GETARG_TEXT_PP(0)), scene_names);
	check_int_option("n", PG_GETARG_INT32(1), 1, PG_INT32_MAX);
	return options_construct(fcinfo);
}

static void
read_slot(Datum slot, Shelf *shelf)
{
	OptionsReader reader;
	Datum		value;

	options_open(&reader, slot, "page_slot");
	if (!options_get(&reader, "scene", &value) || !options_get(&reader, "n", &value))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("scene and n of a page_slot must not be null")));
	shelf->scene = (Scene) options_word(&reader, "scene", 0, scene_names);
	shelf->n = options_int(&reader, "n", 1, 1, PG_INT32_MAX);
	shelf->items = options_get(&reader, "items", &value) ? DatumGetArrayTypeP(value) : NULL;
	shelf->period = options_get(&reader, "period", &value) ? DatumGetIntervalP(value) : NULL;
	shelf->filter = options_text(&reader, "filter");
	if (shelf->scene == SCENE_SIMILAR && shelf->items == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a page_slot of scene \"similar\" needs items")));
	if (shelf->scene == SCENE_BEST_SELLERS && shelf->period == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a page_slot of scene \"best_sellers\" needs a period")));
}

/* A row of a scene as one of the page. */
static void
put_row(Call *call, Datum *values, bool *nulls)
{
	ShopPage   *page = (ShopPage *) call->sink_arg;
	Datum		row[LEADING_COLUMNS + NCOLUMNS];
	bool		row_nulls[LEADING_COLUMNS + NCOLUMNS] = {0};

	row[0] = Int32GetDatum(page->shelf->slot);
	row[1] = CStringGetTextDatum(scene_names[page->shelf->scene]);
	memcpy(row + LEADING_COLUMNS, values, NCOLUMNS * sizeof(Datum));
	memcpy(row_nulls + LEADING_COLUMNS, nulls, NCOLUMNS * sizeof(bool));
	tuplestore_putvalues(call->rsinfo->setResult, call->rsinfo->setDesc, row, row_nulls);
}

/* Remembers what the shelf has. */
static void
note_taken(Call *call, ShopPage *page)
{
	ItemTable  *table = &call->recommender->table;
	uint32		i;

	for (i = 0; i < table->n; i++)
	{
		if (!(table->entries[i].flags & ITEM_TAKEN))
			continue;
		if (page->ntaken == page->capacity)
		{
			page->capacity = Max(page->capacity * 2, 64);
			page->taken = page->taken ?
				repalloc_huge(page->taken, page->capacity * sizeof(Datum)) :
				palloc_array(Datum, page->capacity);
		}
		/* values by reference live as long as the call */
		page->taken[page->ntaken++] = table->entries[i].item;
	}
}

/* The user's history; what is in it and what is on the page is excluded. */
static HistoryItem *
begin_shelf(Call *call, const ShopPage *page, int *n)
{
	ItemTable  *table = &call->recommender->table;
	HistoryOptions options = {0};
	HistoryItem *history = NULL;
	int64		i;

	item_table_reset(table, &call->recommender->item, call->recommender->cxt, table->cxt);
	call->nrows = 0;
	call->n = page->shelf->n;
	*n = 0;
	options.now = GetCurrentTransactionStartTimestamp();
	if (call->has_user)
		history = history_read(call->recommender, call->user, call->usertype, &options, NULL, n);
	for (i = 0; i < *n; i++)
		table->entries[i].flags |= ITEM_EXCLUDED;
	for (i = 0; i < page->ntaken; i++)
	{
		uint32		number = item_table_put(table, page->taken[i]);

		table->entries[number].flags |= ITEM_EXCLUDED;
	}
	call_read_limits(call, call->first + PAGE_DENY);
	if (page->shelf->filter)
	{
		call->filter = call->filter ?
			psprintf("(%s\n) AND (%s\n)", call->filter, page->shelf->filter) :
			page->shelf->filter;
		call->checks = true;
	}
	return history;
}

/* The given items, each once, as a history; they are excluded. */
static HistoryItem *
read_basket(Call *call, ArrayType *array, int *n)
{
	ItemTable  *table = &call->recommender->table;
	HistoryItem *basket;
	uint32	   *items = call_put_items(call, array, n);
	int			i;

	basket = palloc_array(HistoryItem, Max(*n, 1));
	for (i = 0; i < *n; i++)
	{
		basket[i].item = items[i];
		basket[i].weight = 1;
		table->entries[items[i]].flags |= ITEM_EXCLUDED;
	}
	return basket;
}

static void
fill_best_sellers(Call *call, Interval *period)
{
	TimestampTz until = GetCurrentTransactionStartTimestamp();
	TimestampTz since =
		DatumGetTimestampTz(DirectFunctionCall2(timestamptz_mi_interval,
												TimestampTzGetDatum(until),
												IntervalPGetDatum(period)));
	Datum		source = CStringGetTextDatum("best_sellers");
	uint32		n;
	uint32	   *items = call_take_best_sellers(call, since, until, &n);
	uint32		i;

	for (i = 0; i < n; i++)
		call_put_item(call, items[i], source);
}

static void
fill_shelf(Call *call, ShopPage *page)
{
	Shelf	   *shelf = page->shelf;
	int			n;
	HistoryItem *history = begin_shelf(call, page, &n);

	if (shelf->scene == SCENE_SIMILAR)
		history = read_basket(call, shelf->items, &n);
	call->history = history;
	call->nhistory = n;
	switch (shelf->scene)
	{
		case SCENE_RECOMMEND:
			call_answer_rungs(call, scoring_create(call->recommender, history, n),
							  RUNG_PERSONAL, RUNG_POPULAR);
			break;
		case SCENE_PERSONAL:
		case SCENE_SIMILAR:
			call_answer_rungs(call, scoring_create(call->recommender, history, n),
							  RUNG_PERSONAL, RUNG_PERSONAL);
			break;
		case SCENE_CROWD:
			call_answer_rungs(call, NULL, RUNG_CROWD, RUNG_CROWD);
			break;
		case SCENE_CATEGORY:
			call_answer_rungs(call, NULL, RUNG_CATEGORY, RUNG_CATEGORY);
			break;
		case SCENE_POPULAR:
			call_answer_rungs(call, NULL, RUNG_POPULAR, RUNG_POPULAR);
			break;
		case SCENE_BEST_SELLERS:
			fill_best_sellers(call, shelf->period);
			break;
	}
	note_taken(call, page);
}

static void
recommend_page(Call *call)
{
	FunctionCallInfo fcinfo = call->fcinfo;
	int			first = call->first;
	ArrayType  *slots;
	Oid			type;
	int16		typlen;
	bool		typbyval;
	char		typalign;
	ShopPage   *page = palloc0_object(ShopPage);
	Shelf	   *shelves;
	Datum	   *values;
	bool	   *nulls;
	int			n;
	int			i;

	if (PG_ARGISNULL(first + PAGE_SLOTS))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("slots must not be null")));
	slots = PG_GETARG_ARRAYTYPE_P(first + PAGE_SLOTS);
	type = ARR_ELEMTYPE(slots);
	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	deconstruct_array(slots, type, typlen, typbyval, typalign, &values, &nulls, &n);
	shelves = palloc0_array(Shelf, Max(n, 1));
	for (i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("slots must not contain nulls")));
		shelves[i].slot = i + 1;
		read_slot(values[i], &shelves[i]);
	}
	call->has_user = !PG_ARGISNULL(first + PAGE_USER);
	call->user = PG_GETARG_DATUM(first + PAGE_USER);
	call->usertype = get_fn_expr_argtype(fcinfo->flinfo, first + PAGE_USER);
	call->sink = put_row;
	call->sink_arg = page;
	for (i = 0; i < n; i++)
	{
		page->shelf = &shelves[i];
		fill_shelf(call, page);
	}
}

/* recommend_page(name text, user anycompatible, slots page_slot[], ...) */
RECSYS_FUNCTION(recsys_recommend_page);
Datum
recsys_recommend_page(PG_FUNCTION_ARGS)
{
	return call_run(fcinfo, 0, LEADING_COLUMNS, recommend_page);
}

/* recommend_page(witness anyelement, name text, user anycompatible, slots page_slot[], ...) */
RECSYS_FUNCTION(recsys_recommend_page_typed);
Datum
recsys_recommend_page_typed(PG_FUNCTION_ARGS)
{
	return call_run(fcinfo, 1, LEADING_COLUMNS, recommend_page);
}
