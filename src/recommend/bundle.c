/*-------------------------------------------------------------------------
 *
 * bundle.c
 *		What completes an item, and what was searched for and bought.
 *
 * What is bought in the same order may complete an item, or just be popular
 * with the same people; what is looked at in the same session may complete it
 * or take its place.  Both views of an item are recommenders: one over
 * (order, item), one over (session, item), whose "users" are orders and
 * sessions.  An item that completes another is bought with it and not weighed
 * up against it (the idea of McAuley, Pandey and Leskovec, KDD 2015: what is
 * viewed together substitutes, what is bought together completes):
 *
 *		score(j) = bought(i, j) * (1 - viewed(i, j))
 *
 * with bought(i, j) the score of neighbour j in the model of orders, and
 * viewed(i, j) its score in the model of sessions divided by that of the nearest
 * neighbour there, 0 where it is none.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "parser/parse_coerce.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "recommend/serve.h"

/* Likeness of the neighbours by the model of sessions, by number. */
static void
read_viewed(Call *call, Recommender *views, Datum item, double *viewed)
{
	ItemTable  *table = &call->recommender->table;
	const IdType *type = &views->item;
	uint32		n = table->n;
	ModelReader reader;
	ModelRow	row;

	if (type->type != call->recommender->item.type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("items of recommender \"%s\" are of type %s, not %s",
						get_rel_name(views->relid), format_type_be(type->type),
						format_type_be(call->recommender->item.type))));
	model_open(&reader, views);
	if (model_find(&reader, item, &row))
	{
		char	   *p = row.neighbours;
		double		greatest = 0;
		int			i;

		for (i = 0; i < row.n; i++)
			greatest = Max(greatest, row.scores[i]);
		for (i = 0; i < row.n && greatest > 0; i++)
		{
			uint32		number = item_table_find(table, idtype_fetch(type, p));

			if (number < n)
				viewed[number] = Max(row.scores[i] / greatest, 0);
			p = att_addlength_pointer(p, type->typlen, p);
			p = (char *) att_align_nominal(p, type->typalign);
		}
	}
	model_close(&reader);
}

static void
ask_views(Call *call, text *name, Datum item, double *viewed)
{
	Recommender *views = recommender_acquire(call->fcinfo, name);

	PG_TRY();
	{
		read_viewed(call, views, item, viewed);
	}
	PG_FINALLY();
	{
		recommender_release(views);
	}
	PG_END_TRY();
}

static void
bundle(Call *call)
{
	FunctionCallInfo fcinfo = call->fcinfo;
	int			first = call->first;
	ItemTable  *table = &call->recommender->table;
	uint32	   *items;
	double	   *bought;
	double	   *viewed;
	uint32		required;
	uint32		found;
	uint32		n = 0;
	uint32		i;
	Datum		item;

	call->n = call_get_n(call, first + 2);
	if (PG_ARGISNULL(first + 1) ||
		!call_item_in(call, PG_GETARG_DATUM(first + 1),
					  get_fn_expr_argtype(fcinfo->flinfo, first + 1), &item))
		return;
	items = call_put_neighbours(call, item, &found);
	bought = palloc_array(double, table->n + 1);
	viewed = palloc0_array(double, table->n + 1);
	for (i = 0; i < found; i++)
		bought[items[i]] = table->entries[items[i]].score;
	if (!PG_ARGISNULL(first + 3))
		ask_views(call, PG_GETARG_TEXT_PP(first + 3), item, viewed);
	call_read_limits(call, first + 4);
	required = call->has_allow ? ITEM_ALLOWED : 0;
	for (i = 0; i < found; i++)
	{
		ItemEntry  *entry = &table->entries[items[i]];

		/* a variable, as an x87 would not round the difference before it multiplies */
		double		unseen = 1 - viewed[items[i]];

		entry->score = bought[items[i]] * unseen;
		if (entry->score > 0 && (entry->flags & (required | ITEM_EXCLUDED)) == required)
			items[n++] = items[i];
	}
	qsort_arg(items, n, sizeof(uint32), call_compare_scores, table);
	call_take_eligible(call, items, &n, call->n);
	for (i = 0; i < n; i++)
	{
		Datum		values[4];
		bool		nulls[4] = {0};

		values[0] = call_item_out(call, table->entries[items[i]].item);
		values[1] = Float8GetDatum(table->entries[items[i]].score);
		values[2] = Float8GetDatum(bought[items[i]]);
		values[3] = Float8GetDatum(viewed[items[i]]);
		call_put_row(call, values, nulls);
	}
}

/* bundle(name text, item bigint, n integer, views text, deny, allow, filter) */
RECSYS_FUNCTION(recsys_bundle);
Datum
recsys_bundle(PG_FUNCTION_ARGS)
{
	return call_run(fcinfo, 0, 0, bundle);
}

/* bundle(witness anyelement, name text, item anyelement, n integer, views text, ...) */
RECSYS_FUNCTION(recsys_bundle_typed);
Datum
recsys_bundle_typed(PG_FUNCTION_ARGS)
{
	return call_run(fcinfo, 1, 0, bundle);
}

/* A row of the query of terms. */
typedef struct Term
{
	uint32		item;
	Datum		term;
	double		score;
} Term;

typedef struct TermList
{
	MemoryContext cxt;
	ItemTable  *table;
	Term	   *terms;
	int			n;
	int			capacity;
} TermList;

static void
add_term(void *arg, const Datum *values, const bool *nulls)
{
	TermList   *list = (TermList *) arg;
	MemoryContext old;
	Term	   *term;
	double		score;

	if (nulls[0] || nulls[1] || nulls[2])
		return;
	score = DatumGetFloat8(values[2]);
	if (isnan(score) || isinf(score))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("scores of terms must be finite")));
	old = MemoryContextSwitchTo(list->cxt);
	if (list->n == list->capacity)
	{
		list->capacity = Max(list->capacity * 2, 64);
		list->terms = list->terms ?
			repalloc_huge(list->terms, list->capacity * sizeof(Term)) :
			palloc_array(Term, list->capacity);
	}
	term = &list->terms[list->n++];
	term->item = item_table_put(list->table, values[1]);
	term->term = PointerGetDatum(DatumGetTextPCopy(values[0]));
	term->score = score;
	MemoryContextSwitchTo(old);
}

/* Reads what was bought after searches for some terms. */
static void
read_terms(Call *call, const char *text, Datum terms, TermList *list)
{
	QueryColumn columns[3] = {{"term", InvalidOid, false}, {"item", InvalidOid, false},
	{"score", FLOAT8OID, false}};
	Oid			type = TEXTARRAYOID;
	Oid			term_type;

	columns[1].type = call->recommender->item.type;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	/* the query has to be one by itself, before anything is put around it */
	term_type = query_column_type(query_prepare(text, columns, 3, 0, NULL), 0);
	/* what only an assignment would convert has no operator with text */
	if (TypeCategory(term_type) != TYPCATEGORY_STRING)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column 1 (term) of the query must be of type text, not %s",
						format_type_be(term_type)),
				 errhint("Cast the column in the query.")));
	columns[0].type = TEXTOID;
	text = psprintf("SELECT q.c1, q.c2, q.c3 FROM %s AS q(c1, c2, c3)"
					" WHERE q.c1 OPERATOR(pg_catalog.=) ANY ($1)", query_as_source(text));
	query_run(query_prepare(text, columns, 3, 1, &type), &terms, NULL, add_term, list);
	SPI_finish();
}

/* By item; of an item what scores most first, ties by term. */
static int
compare_terms(const void *a, const void *b)
{
	const Term *x = (const Term *) a;
	const Term *y = (const Term *) b;

	CHECK_FOR_INTERRUPTS();
	if (x->item != y->item)
		return x->item < y->item ? -1 : 1;
	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return call_compare_texts(x->term, y->term);
}

/*
 * Rounds scores so that their sums are exact, in whatever order: see score.c.
 * Scores the items; *first gets where the terms of each begin.
 */
static uint32 *
score_terms(TermList *list, int **first, uint32 *nitems)
{
	ItemTable  *table = list->table;
	uint32	   *items = palloc_array(uint32, table->n + 1);
	double		greatest = 0;
	double		rounder;
	int			i;

	*first = palloc0_array(int, table->n + 1);
	*nitems = 0;
	for (i = 0; i < list->n; i++)
		greatest = Max(greatest, fabs(list->terms[i].score));
	if (!(greatest * Max(list->n, 1) < 1e300))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("scores of terms are too large")));
	rounder = scoring_rounder(greatest * Max(list->n, 1));
	qsort(list->terms, list->n, sizeof(Term), compare_terms);
	for (i = 0; i < list->n; i++)
	{
		Term	   *term = &list->terms[i];
		double		sum = term->score + rounder;

		term->score = sum - rounder;
		if (i == 0 || term->item != list->terms[i - 1].item)
		{
			(*first)[term->item] = i;
			items[(*nitems)++] = term->item;
		}
		table->entries[term->item].score += term->score;
	}
	return items;
}

static void
put_searched(Call *call, const TermList *list, const int *first, const uint32 *items, uint32 n)
{
	ItemEntry  *entries = call->recommender->table.entries;
	Datum		source = CStringGetTextDatum("searched");
	uint32		i;

	for (i = 0; i < n; i++)
	{
		int			start = first[items[i]];
		int			nterms = 0;
		Datum		values[NCOLUMNS];
		bool		nulls[NCOLUMNS] = {0};
		Datum	   *terms;
		Datum	   *parts;
		int			k;

		while (start + nterms < list->n && list->terms[start + nterms].item == items[i])
			nterms++;
		terms = palloc_array(Datum, nterms);
		parts = palloc_array(Datum, nterms);
		for (k = 0; k < nterms; k++)
		{
			terms[k] = list->terms[start + k].term;
			parts[k] = Float8GetDatum(list->terms[start + k].score);
		}
		values[COLUMN_ITEM] = call_item_out(call, entries[items[i]].item);
		values[COLUMN_SCORE] = Float8GetDatum(entries[items[i]].score);
		values[COLUMN_SOURCE] = source;
		values[COLUMN_BECAUSE] =
			PointerGetDatum(construct_array(terms, nterms, TEXTOID, -1, false, TYPALIGN_INT));
		values[COLUMN_CONTRIBUTIONS] =
			PointerGetDatum(construct_array(parts, nterms, FLOAT8OID, sizeof(float8),
											FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
		call_put_row(call, values, nulls);
	}
}

static void
searched_also_bought(Call *call)
{
	FunctionCallInfo fcinfo = call->fcinfo;
	int			first = call->first;
	ItemTable  *table = &call->recommender->table;
	TermList	list = {0};
	uint32		required;
	uint32	   *items;
	uint32		found;
	uint32		n = 0;
	uint32		i;
	int		   *starts;

	list.cxt = CurrentMemoryContext;
	list.table = table;
	if (PG_ARGISNULL(first + 1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query of terms must not be null")));
	call->n = call_get_n(call, first + 3);
	call->fallback = PG_ARGISNULL(first + 7) || PG_GETARG_BOOL(first + 7);
	if (!PG_ARGISNULL(first + 2))
		read_terms(call, text_to_cstring(PG_GETARG_TEXT_PP(first + 1)),
				   PG_GETARG_DATUM(first + 2), &list);
	items = score_terms(&list, &starts, &found);
	call_read_limits(call, first + 4);
	required = call->has_allow ? ITEM_ALLOWED : 0;
	for (i = 0; i < found; i++)
		if (table->entries[items[i]].score > 0 &&
			(table->entries[items[i]].flags & (required | ITEM_EXCLUDED)) == required)
			items[n++] = items[i];
	qsort_arg(items, n, sizeof(uint32), call_compare_scores, table);
	call_take_eligible(call, items, &n, call->n);
	put_searched(call, &list, starts, items, n);
	if (call->fallback)
		call_answer_rungs(call, NULL, RUNG_POPULAR, RUNG_POPULAR);
}

/* searched_also_bought(name text, query text, terms text[], n integer, ...) */
RECSYS_FUNCTION(recsys_searched_also_bought);
Datum
recsys_searched_also_bought(PG_FUNCTION_ARGS)
{
	return call_run(fcinfo, 0, 0, searched_also_bought);
}

/* searched_also_bought(witness anyelement, name text, query text, terms text[], ...) */
RECSYS_FUNCTION(recsys_searched_also_bought_typed);
Datum
recsys_searched_also_bought_typed(PG_FUNCTION_ARGS)
{
	return call_run(fcinfo, 1, 0, searched_also_bought);
}
