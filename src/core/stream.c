/*-------------------------------------------------------------------------
 *
 * stream.c
 *		Set-returning functions whose rows are not stored.
 *
 * PostgreSQL collects what a function in FROM returns in a tuplestore before it
 * looks at the first row.  With millions of rows that takes as long as to make
 * them, on disk beyond work_mem, and LIMIT saves nothing.  A function that
 *
 *		-	makes its result by stream_rows()
 *		-	is declared with SUPPORT recsys_stream_support, and STABLE
 *
 * is read row by row, as a table is:
 *
 *		planner		the scan of such a function is replaced by one of ours
 *		executor	calls the function with a RowStream in the place of a
 *					ReturnSetInfo; then gets its rows one by one
 *
 * Everywhere else, in a select list, LATERAL, with WITH ORDINALITY or in ROWS
 * FROM, the same function fills a tuplestore as usual.
 *
 * What is asked for again has to come again.  Where a plan says that it will go
 * back, or its form shows it, rows are stored after all.  Should it go back
 * without a word they are made a second time, which a function that is STABLE
 * may, and stored then.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "access/htup_details.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_proc.h"
#include "commands/explain.h"
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "pgstat.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#include "core/stream.h"

RECSYS_FUNCTION(recsys_stream_support);

#define STREAM "recsys row stream"
#define SCAN_NAME "Recsys Stream"

/* A RowStream is told from other nodes by this very string. */
static const char stream_node[] = STREAM;

static set_rel_pathlist_hook_type next_pathlist_hook = NULL;

/* A scan of a function. */
typedef struct StreamScan
{
	CustomScanState css;
	FmgrInfo	function;
	FunctionCallInfo fcinfo;
	List	   *args;			/* ExprStates */
	Bitmapset  *params;			/* that arguments depend on */
	bool		any_param;		/* they may depend on others, too */
	bool		keep;			/* rows will be asked for again */
	bool		started;
	MemoryContext cxt;			/* of the stream; NULL: it has ended */
	RowStream	stream;
	Tuplestorestate *store;		/* NULL: rows are not kept */
	TupleTableSlot *stored;		/* a row of the store */
} StreamScan;

/* Gets the next row; false where there is none.  What only the row needs goes into cxt. */
static inline bool
get_row(RowStream *stream, MemoryContext cxt, Datum *values, bool *nulls)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);
	bool		found;

	memset(nulls, false, stream->desc->natts * sizeof(bool));
	found = stream->next(stream->state, values, nulls);
	MemoryContextSwitchTo(old);
	return found;
}

/*
 * Puts all rows into a tuplestore.  Rows of numbers of 8 bytes differ in nothing
 * but these numbers: one is formed, and filled in for each of the others.
 */
static void
store_rows(RowStream *stream, Tuplestorestate *store)
{
	TupleDesc	desc = stream->desc;
	Datum	   *values = palloc0_array(Datum, desc->natts);
	bool	   *nulls = palloc0_array(bool, desc->natts);
	MemoryContext row_cxt = AllocSetContextCreate(CurrentMemoryContext, "recsys row",
												  ALLOCSET_DEFAULT_SIZES);
	TupleTableSlot *slot = NULL;
	char	   *columns = NULL;
	bool		plain = true;
	int			i;

	for (i = 0; i < desc->natts; i++)
		plain = plain && TupleDescAttr(desc, i)->attbyval &&
			TupleDescAttr(desc, i)->attlen == sizeof(Datum);
	if (plain)
	{
		MinimalTuple pattern = form_minimal_tuple(desc, values, nulls);

		columns = (char *) pattern + pattern->t_hoff - MINIMAL_TUPLE_OFFSET;
		slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
		ExecStoreMinimalTuple(pattern, slot, true);
	}
	while (get_row(stream, row_cxt, values, nulls))
	{
		CHECK_FOR_INTERRUPTS();
		if (plain && memchr(nulls, true, desc->natts) == NULL)
		{
			memcpy(columns, values, desc->natts * sizeof(Datum));
			tuplestore_puttupleslot(store, slot);
		}
		else
			tuplestore_putvalues(store, desc, values, nulls);
		MemoryContextReset(row_cxt);
	}
	if (slot)
		ExecDropSingleTupleTableSlot(slot);
}

static void
end_stream(RowStream *stream, MemoryContext cxt)
{
	stream->end(stream->state);
	MemoryContextDelete(cxt);
}

/* The result of a set-returning function that begins its rows by begin. */
Datum
stream_rows(FunctionCallInfo fcinfo, StreamBegin begin, const void *arg)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	RowStream	stream = {0};
	MemoryContext cxt;
	MemoryContext old;

	if (rsinfo && IsA(rsinfo, ExtensibleNode) &&
		((ExtensibleNode *) rsinfo)->extnodename == stream_node)
	{
		begin(fcinfo, (RowStream *) rsinfo, arg);
		return (Datum) 0;
	}
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	cxt = AllocSetContextCreate(CurrentMemoryContext, STREAM, ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(cxt);
	stream.desc = rsinfo->setDesc;
	begin(fcinfo, &stream, arg);
	store_rows(&stream, rsinfo->setResult);
	MemoryContextSwitchTo(old);
	end_stream(&stream, cxt);
	return (Datum) 0;
}

/* The mark of functions that stream_rows() makes the rows of; knows nothing about them. */
Datum
recsys_stream_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(NULL);
}

/*
 * Planning
 */

/* Has the function our mark, and is nothing to be done around each call of it? */
static bool
is_stream_function(Oid funcid)
{
	Oid			support = get_func_support(funcid);
	FmgrInfo	flinfo;
	HeapTuple	tuple;
	bool		plain;

	if (!OidIsValid(support))
		return false;
	fmgr_info(support, &flinfo);
	if (flinfo.fn_addr != recsys_stream_support || FmgrHookIsNeeded(funcid))
		return false;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	if (!HeapTupleIsValid(tuple))
		return false;
	plain = !((Form_pg_proc) GETSTRUCT(tuple))->prosecdef &&
		heap_attisnull(tuple, Anum_pg_proc_proconfig, NULL);
	ReleaseSysCache(tuple);
	return plain;
}

/* Are columns all that the query wants of a relation? */
static bool
wants_columns_only(const RelOptInfo *rel)
{
	Bitmapset  *wanted = NULL;
	ListCell   *cell;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &wanted);
	foreach(cell, rel->baserestrictinfo)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, cell)->clause, rel->relid, &wanted);
	return !bms_is_member(InvalidAttrNumber - FirstLowInvalidHeapAttributeNumber, wanted);
}

/*
 * The call, where nothing but one of our functions is scanned, which has rows of
 * columns; or NULL.  Neither the function nor an argument may be volatile: rows
 * that are made a second time have to be the same.
 */
static FuncExpr *
stream_call(const RangeTblEntry *rte)
{
	RangeTblFunction *function;
	TupleDesc	desc;

	if (rte->rtekind != RTE_FUNCTION || list_length(rte->functions) != 1 || rte->funcordinality)
		return NULL;
	function = linitial_node(RangeTblFunction, rte->functions);
	if (!IsA(function->funcexpr, FuncExpr) || function->funccolnames != NIL ||
		!is_stream_function(((FuncExpr *) function->funcexpr)->funcid) ||
		contain_volatile_functions(function->funcexpr) ||
		get_expr_result_type(function->funcexpr, NULL, &desc) != TYPEFUNC_COMPOSITE)
		return NULL;
	return (FuncExpr *) function->funcexpr;
}

static Node *make_scan_state(CustomScan *plan);
static const CustomScanMethods scan_methods = {SCAN_NAME, make_scan_state};

static Plan *
make_plan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *targets, List *clauses,
		  List *children)
{
	FuncExpr   *call = linitial_node(FuncExpr, path->custom_private);
	CustomScan *scan = makeNode(CustomScan);
	TupleDesc	desc;
	int			i;

	scan->scan.plan.targetlist = targets;
	scan->scan.plan.qual = extract_actual_clauses(clauses, false);
	scan->flags = path->flags;
	/* as an expression the planner keeps an eye on it: parameters, permissions, DROP FUNCTION */
	scan->custom_exprs = list_make1(copyObject(call));
	get_expr_result_type((Node *) call, NULL, &desc);
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		Var		   *var = makeVar(rel->relid, i + 1, att->atttypid, att->atttypmod, att->attcollation, 0);

		scan->custom_scan_tlist = lappend(scan->custom_scan_tlist,
										  makeTargetEntry((Expr *) var, i + 1, NULL, false));
	}
	scan->methods = &scan_methods;
	return (Plan *) scan;
}

static const CustomPathMethods path_methods = {SCAN_NAME, make_plan};

/*
 * Replaces scans of our functions.  Not where rows are locked: a row that has
 * changed is looked at again by itself, and the function cannot tell which of
 * its rows that was joined with.
 */
static void
replace_function_scans(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	FuncExpr   *call;
	ListCell   *cell;

	if (next_pathlist_hook)
		next_pathlist_hook(root, rel, rti, rte);
	if (root->rowMarks != NIL || !bms_is_empty(rel->lateral_relids) ||
		(call = stream_call(rte)) == NULL || !wants_columns_only(rel))
		return;
	foreach(cell, rel->pathlist)
	{
		const Path *scan = (const Path *) lfirst(cell);
		CustomPath *path;

		if (scan->pathtype != T_FunctionScan)
			continue;
		path = makeNode(CustomPath);
		path->path = *scan;
		path->path.type = T_CustomPath;
		path->path.pathtype = T_CustomScan;
		path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
		path->custom_private = list_make1(call);
		path->methods = &path_methods;
		lfirst(cell) = path;
	}
}

/*
 * Execution
 */

/* Collects the parameters that an expression depends on; true where it may be others, too. */
static bool
find_params(Node *node, Bitmapset **params)
{
	if (node == NULL)
		return false;
	if (IsA(node, SubPlan) || IsA(node, AlternativeSubPlan))
		return true;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
		*params = bms_add_member(*params, ((Param *) node)->paramid);
	return expression_tree_walker(node, find_params, (void *) params);
}

static bool runs_again(Plan *plan, const Plan *scan, bool again);

static bool
one_runs_again(List *plans, const Plan *scan, bool again)
{
	ListCell   *cell;

	foreach(cell, plans)
		if (runs_again((Plan *) lfirst(cell), scan, again))
			return true;
	return false;
}

/*
 * Is a scan part of a plan where that goes back to it, unless its own parameters
 * change, without saying so when it begins?  again: the plan itself runs again.
 */
static bool
runs_again(Plan *plan, const Plan *scan, bool again)
{
	if (plan == NULL)
		return false;
	if (plan == scan)
		return again;
	switch (nodeTag(plan))
	{
		case T_SubqueryScan:
			return runs_again(((SubqueryScan *) plan)->subplan, scan, again);
		case T_Append:
			return one_runs_again(((Append *) plan)->appendplans, scan, again);
		case T_MergeAppend:
			return one_runs_again(((MergeAppend *) plan)->mergeplans, scan, again);
		case T_CustomScan:
			return one_runs_again(((CustomScan *) plan)->custom_plans, scan, again);
#if PG_VERSION_NUM < 140000
		case T_ModifyTable:
			return one_runs_again(((ModifyTable *) plan)->plans, scan, again);
#endif
		default:
			break;
	}
	return runs_again(plan->lefttree, scan, again) ||
		runs_again(plan->righttree, scan,
				   again || IsA(plan, RecursiveUnion) ||
				   (IsA(plan, NestLoop) && ((NestLoop *) plan)->nestParams != NIL));
}

/* The same for what is being initialized, which may be a subquery that runs for each row of another. */
static bool
statement_runs_again(const EState *estate, const Plan *scan)
{
	const PlannedStmt *statement = estate->es_plannedstmt;
	/* subplans are initialized in their order, and then the plan */
	int			current = list_length(estate->es_subplanstates);

	if (current < list_length(statement->subplans))
	{
		Plan	   *plan = (Plan *) list_nth(statement->subplans, current);

		return runs_again(plan, scan, plan && !bms_is_empty(plan->extParam));
	}
	return runs_again(statement->planTree, scan, false);
}

static void
begin_scan(CustomScanState *node, EState *estate, int eflags)
{
	StreamScan *scan = (StreamScan *) node;
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;
	FuncExpr   *call = linitial_node(FuncExpr, plan->custom_exprs);
	AclResult	allowed = function_aclcheck(call->funcid, GetUserId(), ACL_EXECUTE);

	if (allowed != ACLCHECK_OK)
		aclcheck_error(allowed, OBJECT_FUNCTION, get_func_name(call->funcid));
	InvokeFunctionExecuteHook(call->funcid);
	fmgr_info(call->funcid, &scan->function);
	fmgr_info_set_expr((Node *) call, &scan->function);
	scan->fcinfo = palloc0(SizeForFunctionCallInfo(list_length(call->args)));
	scan->args = ExecInitExprList(call->args, &node->ss.ps);
	scan->any_param = find_params((Node *) call->args, &scan->params);
	scan->keep = (eflags & (EXEC_FLAG_REWIND | EXEC_FLAG_BACKWARD | EXEC_FLAG_MARK)) != 0 ||
		statement_runs_again(estate, &plan->scan.plan);
}

/* Evaluates the arguments; false where a NULL makes the result empty. */
static bool
evaluate_arguments(StreamScan *scan)
{
	FuncExpr   *call = (FuncExpr *) scan->function.fn_expr;
	FunctionCallInfo fcinfo = scan->fcinfo;
	ExprContext *econtext = scan->css.ss.ps.ps_ExprContext;
	bool		known = true;
	ListCell   *cell;
	int			i = 0;

	InitFunctionCallInfoData(*fcinfo, &scan->function, list_length(scan->args), call->inputcollid,
							 NULL, (fmNodePtr) &scan->stream);
	foreach(cell, scan->args)
	{
		NullableDatum *arg = &fcinfo->args[i++];

		arg->value = ExecEvalExpr((ExprState *) lfirst(cell), econtext, &arg->isnull);
		known = known && !arg->isnull;
	}
	return known || !scan->function.fn_strict;
}

static void
stop_scan(StreamScan *scan)
{
	MemoryContext cxt = scan->cxt;

	scan->cxt = NULL;
	if (cxt)
		end_stream(&scan->stream, cxt);
}

/* Evaluates the arguments and calls the function; false where a NULL makes the result empty. */
static bool
begin_stream(StreamScan *scan)
{
	PgStat_FunctionCallUsage usage;

	memset(&scan->stream, 0, sizeof(RowStream));
	scan->stream.node.type = T_ExtensibleNode;
	scan->stream.node.extnodename = stream_node;
	scan->stream.desc = scan->css.ss.ss_ScanTupleSlot->tts_tupleDescriptor;
	if (!evaluate_arguments(scan))
		return false;
	pgstat_init_function_usage(scan->fcinfo, &usage);
	FunctionCallInvoke(scan->fcinfo);
	pgstat_end_function_usage(&usage, true);
	if (scan->stream.next == NULL)
		elog(ERROR, "function %u has begun no stream", scan->function.fn_oid);
	return true;
}

static void
start_scan(StreamScan *scan)
{
	EState	   *estate = scan->css.ss.ps.state;
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	MemoryContext cxt = AllocSetContextCreate(estate->es_query_cxt, STREAM, ALLOCSET_DEFAULT_SIZES);
	bool		rows;

	scan->started = true;
	if (scan->keep)
	{
		scan->store = tuplestore_begin_heap(false, false, work_mem);
		if (scan->stored == NULL)
			scan->stored = ExecInitExtraTupleSlot(estate, scan->css.ss.ss_ScanTupleSlot->tts_tupleDescriptor,
												  &TTSOpsMinimalTuple);
	}
	MemoryContextSwitchTo(cxt);
	rows = begin_stream(scan);
	if (rows && scan->keep)
		store_rows(&scan->stream, scan->store);
	/* a memory context must not be the current one when it goes */
	MemoryContextSwitchTo(old);
	if (!rows)
		MemoryContextDelete(cxt);
	else if (scan->keep)
		end_stream(&scan->stream, cxt);
	else
		scan->cxt = cxt;
}

static TupleTableSlot *
next_row(ScanState *node)
{
	StreamScan *scan = (StreamScan *) node;
	TupleTableSlot *slot = node->ss_ScanTupleSlot;

	ExecClearTuple(slot);
	if (!scan->started)
		start_scan(scan);
	if (scan->store)
	{
		if (!tuplestore_gettupleslot(scan->store, true, false, scan->stored))
			return slot;
		slot_getallattrs(scan->stored);
		memcpy(slot->tts_values, scan->stored->tts_values,
			   slot->tts_tupleDescriptor->natts * sizeof(Datum));
		memcpy(slot->tts_isnull, scan->stored->tts_isnull,
			   slot->tts_tupleDescriptor->natts * sizeof(bool));
	}
	else if (scan->cxt == NULL ||
			 !get_row(&scan->stream, node->ps.ps_ExprContext->ecxt_per_tuple_memory,
					  slot->tts_values, slot->tts_isnull))
	{
		stop_scan(scan);
		return slot;
	}
	return ExecStoreVirtualTuple(slot);
}

static bool
recheck_row(ScanState *node, TupleTableSlot *slot)
{
	return true;
}

static TupleTableSlot *
execute_scan(CustomScanState *node)
{
	return ExecScan(&node->ss, next_row, recheck_row);
}

static void
forget_rows(StreamScan *scan)
{
	stop_scan(scan);
	if (scan->store)
		tuplestore_end(scan->store);
	scan->store = NULL;
	scan->started = false;
}

static void
end_scan(CustomScanState *node)
{
	forget_rows((StreamScan *) node);
}

static void
rescan(CustomScanState *node)
{
	StreamScan *scan = (StreamScan *) node;
	Bitmapset  *changed = node->ss.ps.chgParam;

	ExecScanReScan(&node->ss);
	if (scan->any_param ? changed != NULL : bms_overlap(changed, scan->params))
		forget_rows(scan);
	else if (scan->store)
		tuplestore_rescan(scan->store);
	else if (scan->started)
	{
		forget_rows(scan);
		scan->keep = true;
	}
}

static void
explain_scan(CustomScanState *node, List *ancestors, ExplainState *es)
{
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;
	FuncExpr   *call = linitial_node(FuncExpr, plan->custom_exprs);
	TargetEntry *column = linitial_node(TargetEntry, plan->custom_scan_tlist);
	const char *alias = list_nth(es->rtable_names, castNode(Var, column->expr)->varno - 1);
	const char *name = get_func_name(call->funcid);

	/* a cursor may be explained, by auto_explain, when its function has been dropped */
	if (name && alias && strcmp(name, alias) != 0)
		name = psprintf("%s %s", name, alias);
	if (name)
		ExplainPropertyText("Function", name, es);
	if (((StreamScan *) node)->keep)
		ExplainPropertyBool("Stored", true, es);
	if (es->verbose)
		ExplainPropertyText("Function Call",
							deparse_expression((Node *) call,
											   set_deparse_context_plan(es->deparse_cxt,
																		(Plan *) plan, ancestors),
											   true, false), es);
}

static const CustomExecMethods exec_methods = {
	.CustomName = SCAN_NAME,
	.BeginCustomScan = begin_scan,
	.ExecCustomScan = execute_scan,
	.EndCustomScan = end_scan,
	.ReScanCustomScan = rescan,
	.ExplainCustomScan = explain_scan
};

static Node *
make_scan_state(CustomScan *plan)
{
	StreamScan *scan = palloc0_object(StreamScan);

	NodeSetTag(scan, T_CustomScanState);
	scan->css.methods = &exec_methods;
	return (Node *) scan;
}

/* To be called when the library is loaded. */
void
stream_load(void)
{
	RegisterCustomScanMethods(&scan_methods);
	next_pathlist_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = replace_function_scans;
}
