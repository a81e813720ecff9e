/*-------------------------------------------------------------------------
 *
 * eval.c
 *		Boolean expressions over named audiences.
 *
 * The names of an expression are looked up among the rows of a query; audiences
 * that no name asks for are not even detoasted.  Complements are never built
 * inside an expression: a value is a set or what is outside of a set, so that
 * AND NOT becomes a difference.  An AND takes its plain names first, smallest
 * first and container by container, then its subexpressions, then what it
 * excludes, and stops when nothing is left.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "audience/audience.h"
#include "core/query.h"
#include "tags/tagquery.h"

/* A set, or everybody outside of it. */
typedef struct EvalValue
{
	const Audience *set;
	bool		outside;
} EvalValue;

typedef struct Evaluation
{
	MemoryContext cxt;
	const TagQuery *query;
	AudienceSet **unions;		/* for each node that several rows match */
	const Audience **names;		/* for each node with a name: its audience, or NULL */
	AudienceSet *everybody;		/* NULL: not needed */
} Evaluation;

static bool
node_matches(const TagQuery *query, int i, const char *name, int length)
{
	const TagQueryNode *node = tagquery_node(query, i);

	if (node->prefix ? length < node->length : length != node->length)
		return false;
	return memcmp(tagquery_tag(query, i), name, node->length) == 0;
}

/* What is read lives as long as its row. */
static const Audience *
keep_audience(const Evaluation *eval, const Audience *audience)
{
	Audience   *copy = MemoryContextAlloc(eval->cxt, VARSIZE(audience));

	memcpy(copy, audience, VARSIZE(audience));
	return copy;
}

static void
read_name(void *arg, const Datum *values, const bool *nulls)
{
	Evaluation *eval = arg;
	struct varlena *name;
	Audience   *audience = NULL;
	uint32		i;

	if (nulls[0] || nulls[1])
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name and audience of the query must not be null")));
	name = PG_DETOAST_DATUM_PACKED(values[0]);
	for (i = 0; i < eval->query->nnodes; i++)
	{
		if (tagquery_node(eval->query, i)->kind != TAGQUERY_TAG ||
			!node_matches(eval->query, i, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)))
			continue;
		if (audience == NULL)
			audience = (Audience *) PG_DETOAST_DATUM(values[1]);
		if (eval->names[i] == NULL)
			eval->names[i] = keep_audience(eval, audience);
		else
		{
			if (eval->unions[i] == NULL)
			{
				eval->unions[i] = audience_set_create(eval->cxt);
				audience_set_add_audience(eval->unions[i], eval->names[i]);
			}
			audience_set_add_audience(eval->unions[i], audience);
		}
	}
	if (eval->everybody != NULL)
		audience_set_add_audience(eval->everybody, audience != NULL ? audience :
								  (Audience *) PG_DETOAST_DATUM(values[1]));
}

/* Weights are not known here, and a name without a row is a mistake unless it may be missing. */
static void
check_names(Evaluation *eval, bool before, bool missing_ok)
{
	uint32		i;

	for (i = 0; i < eval->query->nnodes; i++)
	{
		const TagQueryNode *node = tagquery_node(eval->query, i);
		char	   *name;

		if (node->kind != TAGQUERY_TAG)
			continue;
		name = pnstrdup(tagquery_tag(eval->query, i), node->length);
		if (before && node->compare != TAGQUERY_ANY_WEIGHT)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("audience \"%s\" has no weights to compare", name),
					 errhint("Use an audience_measure for numbers, or make an audience of the condition.")));
		if (!before && !missing_ok && !node->prefix && eval->names[i] == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("audience \"%s\" is not among the rows of the query", name),
					 errhint("Check its name, or set \"missing_ok\" to treat it as empty.")));
		pfree(name);
	}
}

/* ---- evaluation ---- */

static EvalValue eval_node(Evaluation *eval, int i);

/* a AND b */
static EvalValue
eval_both(EvalValue a, EvalValue b)
{
	EvalValue	result;

	result.outside = a.outside && b.outside;
	if (result.outside)
		result.set = audience_setop(AUDIENCE_OR, a.set, b.set);
	else if (b.outside)
		result.set = audience_setop(AUDIENCE_ANDNOT, a.set, b.set);
	else if (a.outside)
		result.set = audience_setop(AUDIENCE_ANDNOT, b.set, a.set);
	else
		result.set = audience_setop(AUDIENCE_AND, a.set, b.set);
	return result;
}

static EvalValue
eval_not(EvalValue a)
{
	a.outside = !a.outside;
	return a;
}

static EvalValue
eval_and(Evaluation *eval, int i)
{
	const TagQuery *query = eval->query;
	const Audience **sets = palloc_array(const Audience *, query->nnodes);
	uint32		end = tagquery_node(query, i)->end;
	EvalValue	result;
	uint32		child;
	int			nsets = 0;
	int			pass;

	for (child = tagquery_first_child(query, i); child < end; child = tagquery_node(query, child)->end)
	{
		if (tagquery_node(query, child)->kind == TAGQUERY_TAG)
			sets[nsets++] = eval_node(eval, child).set;
	}
	result.outside = nsets == 0;
	result.set = nsets == 0 ? audience_empty() : audience_and_many(sets, nsets);
	pfree(sets);

	for (pass = 0; pass < 2; pass++)
	{
		for (child = tagquery_first_child(query, i); child < end;
			 child = tagquery_node(query, child)->end)
		{
			uint8		kind = tagquery_node(query, child)->kind;

			if (!result.outside && result.set->cardinality == 0)
				return result;
			if (kind != TAGQUERY_TAG && (kind == TAGQUERY_NOT) == (pass == 1))
				result = eval_both(result, eval_node(eval, child));
		}
	}
	return result;
}

static EvalValue
eval_or(Evaluation *eval, int i)
{
	const TagQuery *query = eval->query;
	AudienceSet *set = audience_set_create(CurrentMemoryContext);
	EvalValue	outside = {NULL, true};
	EvalValue	inside;
	uint32		end = tagquery_node(query, i)->end;
	uint32		child;

	for (child = tagquery_first_child(query, i); child < end; child = tagquery_node(query, child)->end)
	{
		EvalValue	value = eval_node(eval, child);

		if (!value.outside)
			audience_set_add_audience(set, value.set);
		else if (outside.set == NULL)
			outside = value;
		else
			outside.set = audience_setop(AUDIENCE_AND, outside.set, value.set);
	}
	inside.set = audience_set_get(set);
	inside.outside = false;
	if (outside.set == NULL)
		return inside;
	/* a OR outside b: outside (b AND NOT a) */
	return eval_not(eval_both(eval_not(inside), eval_not(outside)));
}

static EvalValue
eval_node(Evaluation *eval, int i)
{
	const TagQueryNode *node = tagquery_node(eval->query, i);
	EvalValue	value = {NULL, false};

	CHECK_FOR_INTERRUPTS();
	switch ((TagQueryKind) node->kind)
	{
		case TAGQUERY_AND:
			return eval_and(eval, i);
		case TAGQUERY_OR:
			return eval_or(eval, i);
		case TAGQUERY_NOT:
			return eval_not(eval_node(eval, tagquery_first_child(eval->query, i)));
		case TAGQUERY_TAG:
			if (eval->unions[i] != NULL)
				value.set = audience_set_get(eval->unions[i]);
			else if (eval->names[i] != NULL)
				value.set = eval->names[i];
			break;
		case TAGQUERY_ALL:
			value.outside = true;
			break;
		case TAGQUERY_NONE:
			break;
	}
	if (value.set == NULL)
		value.set = audience_empty();
	return value;
}

/* Whether a node comes out as everybody outside of a set. */
static bool
is_outside(const TagQuery *query, int i)
{
	const TagQueryNode *node = tagquery_node(query, i);
	uint32		child;
	bool		all = node->kind == TAGQUERY_AND;

	switch ((TagQueryKind) node->kind)
	{
		case TAGQUERY_AND:
		case TAGQUERY_OR:
			for (child = tagquery_first_child(query, i); child < node->end;
				 child = tagquery_node(query, child)->end)
			{
				if (is_outside(query, child) != all)
					return !all;
			}
			return all;
		case TAGQUERY_NOT:
			return !is_outside(query, tagquery_first_child(query, i));
		default:
			return node->kind == TAGQUERY_ALL;
	}
}

/*
 * audience_eval(expression, query, among, missing_ok): see the comment in SQL.
 */
RECSYS_FUNCTION(recsys_audience_eval);
Datum
recsys_audience_eval(PG_FUNCTION_ARGS)
{
	QueryColumn columns[] = {
		{"name", TEXTOID, false},
		{"audience", InvalidOid, false}
	};
	Evaluation	eval = {0};
	const Audience *among = NULL;
	const Audience *result;
	bool		missing_ok = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);
	EvalValue	value;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	if (!PG_ARGISNULL(2))
		among = PG_GETARG_AUDIENCE(2);
	columns[1].type = get_fn_expr_argtype(fcinfo->flinfo, 2);
	eval.cxt = CurrentMemoryContext;
	eval.query = PG_GETARG_TAGQUERY_P(0);
	eval.names = palloc0_array(const Audience *, eval.query->nnodes);
	eval.unions = palloc0_array(AudienceSet *, eval.query->nnodes);
	if (among == NULL && is_outside(eval.query, 0))
		eval.everybody = audience_set_create(CurrentMemoryContext);
	check_names(&eval, true, missing_ok);

	SPI_connect();
	query_run(query_prepare(text_to_cstring(PG_GETARG_TEXT_PP(1)), columns, lengthof(columns), 0, NULL),
			  NULL, NULL, read_name, &eval);
	SPI_finish();
	check_names(&eval, false, missing_ok);

	value = eval_node(&eval, 0);
	if (among == NULL && value.outside)
		among = audience_set_get(eval.everybody);
	if (value.outside)
		result = audience_setop(AUDIENCE_ANDNOT, among, value.set);
	else if (among != NULL)
		result = audience_setop(AUDIENCE_AND, value.set, among);
	else
		result = value.set;
	PG_RETURN_AUDIENCE(result);
}
