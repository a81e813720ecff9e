/*-------------------------------------------------------------------------
 *
 * tagset_support.c
 *		Planner support for @@: how an index is best asked for a conjunction
 *		with negations.
 *
 * An operator of the class is handed to GIN as one search key, and that is
 * best for most queries.  But of one key GIN brings every entry up to date for
 * each candidate row, whether or not the others have ruled the row out.  In
 *
 *		tags @@ 'a & b & !(c | d)'
 *
 * the lists of c and d are then read for each row that has the rarer of a and
 * b, though only rows with both matter.  Several keys are looked at one after
 * the other, and what is not asked at all costs nothing.  So such a query
 * becomes, when constants are folded, a call of the function behind the
 * operator, which GIN does not know, and for that call the conditions
 *
 *		tags @> 'a, b'  [ AND  tags @@ '!(c | d)' ]
 *
 * are offered, the second if it rules out enough rows to pay for itself.  The
 * call itself stays as the filter.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "tags/tagset.h"
#include "tags/tagset_gin.h"
#include "tags/tagset_sel.h"
#include "utils/lsyscache.h"

/*
 * Negations are asked of the index if they leave at most this share of rows.
 * A look at an entry's list costs about a tenth of a visit to a row.
 */
#define NEGATION_PAYS 0.8

/* The parts of a conjunction. */
typedef struct Parts
{
	TagItem    *tags;			/* plain tags */
	int			ntags;
	int		   *others;			/* nodes that a row matches only through some entry */
	int			nothers;
	int		   *negations;		/* nodes that a row may match without any entry */
	int			nnegations;
} Parts;

/* Takes a query apart; false unless it is a conjunction of both sorts. */
static bool
take_apart(const TagQuery *query, Parts *parts)
{
	memset(parts, 0, sizeof(Parts));
	if (tagquery_node(query, 0)->kind != TAGQUERY_AND)
		return false;
	parts->tags = palloc_array(TagItem, query->nnodes);
	parts->others = palloc_array(int, query->nnodes);
	parts->negations = palloc_array(int, query->nnodes);
	for (int i = tagquery_first_child(query, 0); i < tagquery_node(query, 0)->end; i = tagquery_node(query, i)->end)
	{
		const TagQueryNode *node = tagquery_node(query, i);

		if (node->kind == TAGQUERY_TAG && !node->prefix && node->compare == TAGQUERY_ANY_WEIGHT)
		{
			parts->tags[parts->ntags].tag = tagquery_tag(query, i);
			parts->tags[parts->ntags].len = node->length;
			parts->tags[parts->ntags++].weight = 1.0f;
		}
		else if (tagset_gin_needs_all(query, i))
			parts->negations[parts->nnegations++] = i;
		else
			parts->others[parts->nothers++] = i;
	}
	return parts->nnegations > 0 && parts->ntags + parts->nothers > 0;
}

/* The query argument, if it is a constant. */
static TagQuery *
constant_query(List *args)
{
	Node	   *argument = list_length(args) == 2 ? lsecond(args) : NULL;

	if (argument == NULL || !IsA(argument, Const) || ((Const *) argument)->constisnull)
		return NULL;
	return DatumGetTagQuery(((Const *) argument)->constvalue);
}

/* The operator as a call, where that is the better form; else NULL. */
static Node *
simplify(SupportRequestSimplify *request)
{
	TagQuery   *query = constant_query(request->fcall->args);
	Parts		parts;

	if (query == NULL || !take_apart(query, &parts))
		return NULL;
	return (Node *) makeFuncExpr(request->fcall->funcid, BOOLOID, request->fcall->args,
								 InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
}

/* Adds "column operator value" to a list, if the index has such an operator. */
static List *
add_condition(List *conditions, SupportRequestIndexCondition *request, int strategy, Oid type, void *value)
{
	Node	   *column = linitial(((FuncExpr *) request->node)->args);
	Oid			operator = get_opfamily_member(request->opfamily, request->index->opcintype[request->indexcol],
											   type, strategy);
	Const	   *constant;

	if (!OidIsValid(operator))
		return conditions;
	constant = makeConst(type, -1, InvalidOid, -1, PointerGetDatum(value), false, false);
	return lappend(conditions, make_opclause(operator, BOOLOID, false, (Expr *) column,
											 (Expr *) constant, InvalidOid, InvalidOid));
}

static List *
index_conditions(SupportRequestIndexCondition *request)
{
	List	   *args = IsA(request->node, FuncExpr) ? ((FuncExpr *) request->node)->args : NIL;
	TagQuery   *query = constant_query(args);
	Parts		parts;
	List	   *conditions = NIL;
	Oid			query_type;

	if (query == NULL || request->indexarg != 0 || !take_apart(query, &parts))
		return NIL;
	query_type = exprType(lsecond(args));
	if (parts.ntags > 0)
	{
		tagset_sort(parts.tags, &parts.ntags, NULL);
		conditions = add_condition(conditions, request, CONTAINS_STRATEGY, request->index->opcintype[request->indexcol],
								   tagset_form(parts.tags, parts.ntags, NULL));
	}
	for (int i = 0; i < parts.nothers; i++)
		conditions = add_condition(conditions, request, MATCH_STRATEGY, query_type,
								   tagquery_of_nodes(query, &parts.others[i], 1));
	if (conditions != NIL)
	{
		TagQuery   *negation = tagquery_of_nodes(query, parts.negations, parts.nnegations);
		List	   *with = add_condition(list_copy(conditions), request, MATCH_STRATEGY, query_type, negation);

		if (list_length(with) > list_length(conditions) &&
			clause_selectivity(request->root, llast(with), 0, JOIN_INNER, NULL) <= NEGATION_PAYS)
			conditions = with;
	}
	request->lossy = true;
	return conditions;
}

RECSYS_FUNCTION(recsys_tagset_match_support);
Datum
recsys_tagset_match_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestSimplify))
		PG_RETURN_POINTER(simplify((SupportRequestSimplify *) request));
	if (IsA(request, SupportRequestIndexCondition))
		PG_RETURN_POINTER(index_conditions((SupportRequestIndexCondition *) request));
	if (IsA(request, SupportRequestSelectivity))
	{
		SupportRequestSelectivity *selectivity = (SupportRequestSelectivity *) request;

		if (selectivity->is_join)
			PG_RETURN_POINTER(NULL);
		selectivity->selectivity = tagset_selectivity(selectivity->root, selectivity->funcid,
													  selectivity->args, selectivity->varRelid);
		PG_RETURN_POINTER(selectivity);
	}
	PG_RETURN_POINTER(NULL);
}
