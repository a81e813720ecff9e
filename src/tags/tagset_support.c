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
 * the other, and what is not asked at all costs nothing.  So, when constants are
 * folded, such a condition on a column with an index and statistics is split:
 *
 *		tags @> 'a, b' AND tags @@ '!(c | d)'			both in the index
 *		tags @> 'a, b' AND tagset_match(tags, '!(c | d)')	the second on the heap
 *
 * the latter, a call that GIN does not know, if the statistics say that passing
 * the lists of c and d takes longer than checking the rows that have a and b.
 *
 * Where statistics are not at hand yet (the argument is an expression, the
 * table's condition is being planned without a query) or know more of whole sets
 * than of tags, the condition becomes one call.  For that the same conditions are
 * offered to an index, while the call itself stays as the filter.  It is one call
 * also where an index is made for just this condition, by its predicate or as
 * its expression: those have been through the same, and must find their equal.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_am.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "tags/tagset.h"
#include "tags/tagset_gin.h"
#include "tags/tagset_sel.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

/* A column under an index of our class. */
typedef struct Indexed
{
	Node	   *column;
	Oid			opfamily;
	Oid			opcintype;
	Oid			query_type;
} Indexed;

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
	tagquery_foreach_child(i, query, 0)
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

/* Adds "column operator value" to a list, if the class has such an operator. */
static List *
add_condition(List *conditions, const Indexed *indexed, int strategy, Oid type, void *value)
{
	Oid			operator;
	Const	   *constant;

	operator = get_opfamily_member(indexed->opfamily, indexed->opcintype, type, strategy);
	if (!OidIsValid(operator))
		return conditions;
	constant = makeConst(type, -1, InvalidOid, -1, PointerGetDatum(value), false, false);
	return lappend(conditions, make_opclause(operator, BOOLOID, false,
											 (Expr *) copyObject(indexed->column),
											 (Expr *) constant, InvalidOid, InvalidOid));
}

/* The parts that a row matches only through an entry. */
static List *
positive_conditions(const Indexed *indexed, const TagQuery *query, Parts *parts)
{
	List	   *conditions = NIL;

	if (parts->ntags > 0)
	{
		tagset_sort(parts->tags, &parts->ntags, NULL);
		conditions = add_condition(conditions, indexed, CONTAINS_STRATEGY, indexed->opcintype,
								   tagset_form(parts->tags, parts->ntags, NULL));
	}
	for (int i = 0; i < parts->nothers; i++)
		conditions = add_condition(conditions, indexed, MATCH_STRATEGY, indexed->query_type,
								   tagquery_of_nodes(query, &parts->others[i], 1));
	return conditions;
}

static FuncExpr *
make_call(Oid function, List *args)
{
	return makeFuncExpr(function, BOOLOID, args, InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
}

/* Does an expression contain a call with the same constant? */
static bool
mentions(Node *node, void *arg)
{
	const FuncExpr *call = arg;

	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr) && ((FuncExpr *) node)->funcid == call->funcid &&
		equal(lsecond(((FuncExpr *) node)->args), lsecond(call->args)))
		return true;
	return expression_tree_walker(node, mentions, arg);
}

/* Finds an index of our class on the column, unless some index is for just this call. */
static bool
find_index(Oid table, const FuncExpr *call, Indexed *indexed)
{
	Relation	relation = table_open(table, NoLock);
	bool		found = false;
	bool		mentioned = false;
	List	   *indexes = RelationGetIndexList(relation);
	ListCell   *cell;

	indexed->column = linitial(call->args);
	indexed->query_type = exprType(lsecond(call->args));
	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		for (int i = 0; i < index->rd_index->indnkeyatts && !found; i++)
		{
			Oid			operator;

			if (index->rd_rel->relam != GIN_AM_OID ||
				index->rd_index->indkey.values[i] != ((Var *) indexed->column)->varattno)
				continue;
			indexed->opfamily = index->rd_opfamily[i];
			indexed->opcintype = index->rd_opcintype[i];
			operator = get_opfamily_member(indexed->opfamily, indexed->opcintype,
										   indexed->query_type, MATCH_STRATEGY);
			found = get_opcode(operator) == call->funcid;
		}
		mentioned |= mentions((Node *) RelationGetIndexPredicate(index), (void *) call) ||
			mentions((Node *) RelationGetIndexExpressions(index), (void *) call);
		index_close(index, NoLock);
	}
	table_close(relation, NoLock);
	return found && !mentioned;
}

/* A call on a column as several conditions; NULL if it is better left whole. */
static Node *
split(PlannerInfo *root, const FuncExpr *call, const TagQuery *query, Parts *parts)
{
	Var		   *column = linitial(call->args);
	RangeTblEntry *table;
	HeapTuple	statistics;
	Indexed		indexed;
	List	   *conditions = NIL;

	if (root == NULL || !IsA(column, Var) || column->varlevelsup != 0 || column->varattno <= 0 ||
		IS_SPECIAL_VARNO(column->varno) || column->varno > list_length(root->parse->rtable))
		return NULL;
	table = rt_fetch(column->varno, root->parse->rtable);
	if (table->rtekind != RTE_RELATION || !find_index(table->relid, call, &indexed))
		return NULL;
	statistics = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(table->relid),
								 Int16GetDatum(column->varattno), BoolGetDatum(table->inh));
	if (!HeapTupleIsValid(statistics))
		return NULL;
	if (tagset_tags_tell(statistics))
	{
		TagQuery   *negation = tagquery_of_nodes(query, parts->negations, parts->nnegations);

		conditions = positive_conditions(&indexed, query, parts);
		if (tagset_negation_pays(statistics, query))
			conditions = add_condition(conditions, &indexed, MATCH_STRATEGY, indexed.query_type,
									   negation);
		else
		{
			Const	   *constant = copyObject(lsecond(call->args));
			FuncExpr   *check;

			constant->constvalue = PointerGetDatum(negation);
			check = make_call(call->funcid, list_make2(copyObject(column), constant));
			conditions = lappend(conditions, check);
		}
	}
	ReleaseSysCache(statistics);
	/* a class that someone made of some of our functions may lack operators */
	if (list_length(conditions) != (parts->ntags > 0) + parts->nothers + 1)
		return NULL;
	return (Node *) make_andclause(conditions);
}

/* The operator in the form that serves best; NULL: as it is. */
static Node *
simplify(SupportRequestSimplify *request)
{
	TagQuery   *query = constant_query(request->fcall->args);
	Parts		parts;
	FuncExpr   *call;
	Node	   *conditions;

	if (query == NULL || !take_apart(query, &parts))
		return NULL;
	call = make_call(request->fcall->funcid, request->fcall->args);
	conditions = split(request->root, call, query, &parts);
	return conditions != NULL ? conditions : (Node *) call;
}

/* For a whole call: what to ask an index. */
static List *
index_conditions(SupportRequestIndexCondition *request)
{
	List	   *args = IsA(request->node, FuncExpr) ? ((FuncExpr *) request->node)->args : NIL;
	TagQuery   *query = constant_query(args);
	Parts		parts;
	Indexed		indexed;
	List	   *conditions;
	VariableStatData column;

	if (query == NULL || request->indexarg != 0 || !take_apart(query, &parts))
		return NIL;
	indexed.column = linitial(args);
	indexed.opfamily = request->opfamily;
	indexed.opcintype = request->index->opcintype[request->indexcol];
	indexed.query_type = exprType(lsecond(args));
	conditions = positive_conditions(&indexed, query, &parts);
	examine_variable(request->root, indexed.column, 0, &column);
	if (conditions != NIL && tagset_negation_pays(column.statsTuple, query))
		conditions = add_condition(conditions, &indexed, MATCH_STRATEGY, indexed.query_type,
								   tagquery_of_nodes(query, parts.negations, parts.nnegations));
	ReleaseVariableStats(column);
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
