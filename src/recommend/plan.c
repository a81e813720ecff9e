/*-------------------------------------------------------------------------
 *
 * plan.c
 *		The text and the plan of a recommender's query.
 *
 * The query is kept as text in which every name is qualified, the form in
 * which pg_dump prints a view: it means the same whatever search_path is in
 * force when it is run, by whomever, and there is nothing to set on each call.
 *
 * The history of one user is the same query with a condition on its first
 * column around it.  The planner moves the condition down to the tables where
 * that is right; whether it then finds an index is what we tell at creation.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "nodes/plannodes.h"
#include "parser/analyze.h"
#include "parser/parse_coerce.h"
#include "parser/parse_relation.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

#include "recommend/recommend.h"

#if PG_VERSION_NUM >= 150000

/* The text of a query under the search_path in force. */
static char *
print_query(Query *query)
{
	return pg_get_querydef(query, false);
}

#else

/*
 * Before 15 only views can be printed: one is made in the schema of temporary
 * objects and dropped again.
 */
static char *
print_query(Query *query)
{
	char	   *result;
	int			length;

	if (SPI_execute("SELECT pg_catalog.pg_get_viewdef('pg_temp.recsys_definition'"
					"::pg_catalog.regclass)", false, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not print the query");
	result = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	length = strlen(result);
	if (length > 0 && result[length - 1] == ';')
		result[length - 1] = '\0';
	return result;
}

/* Names for the columns of that view, no two the same: those of the query, or with their number. */
static char *
column_names(Query *query)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);
		const char *name = entry->resname;

		if (entry->resjunk)
			continue;
		for (int i = 0; i < foreach_current_index(lc); i++)
		{
			if (strcmp(list_nth_node(TargetEntry, query->targetList, i)->resname, name) == 0)
			{
				name = psprintf("%s %d", name, entry->resno);
				break;
			}
		}
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "", quote_identifier(name));
	}
	return buf.data;
}

#endif

/*
 * The query with every name qualified.  The result is in the current memory
 * context.  To be called within SPI.
 */
char *
qualify_query(const char *text)
{
	List	   *parsed;
	Query	   *query;
	char	   *result;
	int			level;

	query_refuse_name(text);
	parsed = pg_parse_query(text);
	if (list_length(parsed) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("the query of a recommender must be a single SELECT")));
	query = parse_analyze_fixedparams(linitial_node(RawStmt, parsed), text, NULL, 0, NULL);
	if (query->commandType != CMD_SELECT || query->utilityStmt || query->hasModifyingCTE)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("the query of a recommender must be a SELECT")));
	if (query->rowMarks != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the query of a recommender must not lock rows")));
	if (isQueryUsingTempRelation(query))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("the query of a recommender must not use temporary tables or views"),
				 errdetail("Other sessions could not read them.")));

#if PG_VERSION_NUM < 150000
	if (SPI_execute(psprintf("CREATE TEMPORARY VIEW recsys_definition (%s) AS %s",
							 column_names(query), text), false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "could not make a view of the query");
#endif
	level = NewGUCNestLevel();
	set_local("search_path", "pg_catalog");
	result = print_query(query);
	AtEOXact_GUC(false, level);
#if PG_VERSION_NUM < 150000
	SPI_execute("DROP VIEW pg_temp.recsys_definition", false, 0);
#endif
	return result;
}

static void
stored_context(void *arg)
{
	errcontext("query of recommender \"%s\", which create_recommender() with replace => true redefines",
			   (const char *) arg);
}

/*
 * Prepares the query of a recommender as it is stored.  Its tables may have
 * changed since then: errors name the recommender.
 */
UserQuery *
prepare_stored(Oid relid, const char *text, const QueryColumn *columns)
{
	ErrorContextCallback context = {error_context_stack, stored_context, get_rel_name(relid)};
	UserQuery  *query;

	error_context_stack = &context;
	query = query_prepare(text, columns, 4, 0, NULL);
	error_context_stack = context.previous;
	return query;
}

/* schema.= of a type, for use in OPERATOR() */
char *
qualified_equality(Oid type)
{
	Oid			operator = lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr;
	HeapTuple	tuple;
	Form_pg_operator form;
	char	   *result;

	if (!OidIsValid(operator))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("could not identify an equality operator for type %s",
						format_type_be(type))));
	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operator);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	result = psprintf("%s.%s", quote_identifier(get_namespace_name(form->oprnamespace)),
					  NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return result;
}

/* Would a cast of ids round them?  5.5 is not user 6. */
bool
cast_rounds(Oid from, Oid to)
{
	return (to == INT2OID || to == INT4OID || to == INT8OID) &&
		(from == NUMERICOID || from == FLOAT4OID || from == FLOAT8OID);
}

/*
 * The query for one user: item [, weight [, ts]] of the rows of user $1, a
 * parameter of type argtype that is cast to the type of the user column.
 */
char *
pushdown_query(const char *text, int ncolumns, Oid usertype, Oid argtype)
{
	StringInfoData buf;
	int			i;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "SELECT q.c2");
	for (i = 3; i <= ncolumns; i++)
		appendStringInfo(&buf, ", q.c%d", i);
	appendStringInfo(&buf, " FROM (%s) AS q(c1", text);
	for (i = 2; i <= ncolumns; i++)
		appendStringInfo(&buf, ", c%d", i);
	appendStringInfo(&buf, ") WHERE q.c1 OPERATOR(%s) CAST($1 AS %s)",
					 qualified_equality(usertype),
					 format_type_extended(usertype, -1, TYPE_NAME_FLAGS));
	if (cast_rounds(argtype, usertype))
		appendStringInfo(&buf, " AND $1 OPERATOR(pg_catalog.=) CAST($1 AS %s)",
						 format_type_extended(usertype, -1, TYPE_NAME_FLAGS));
	return buf.data;
}

/* Type of the user in a query of (user, tag). */
Oid
query_user_type(const char *text)
{
	QueryColumn columns[2] = {{"user", InvalidOid, false, .query = "users"}, {"tag", TEXTOID, false}};

	return query_column_type(query_prepare(text, columns, 2, 0, NULL), 0);
}

/* What an items query has. */
typedef struct ItemsShape
{
	char	   *item;			/* name of the first column, quoted */
	bool		has_available;
	bool		has_category;
	bool		has_price;
} ItemsShape;

static void
read_items_shape(const char *text, Oid item_type, ItemsShape *shape)
{
	SPIPlanPtr	plan = SPI_prepare(text, 0, NULL);
	TupleDesc	tupdesc;
	Oid			type;
	Oid			function;
	int			i;

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	tupdesc = ((CachedPlanSource *) linitial(SPI_plan_get_plan_sources(plan)))->resultDesc;
	if (tupdesc == NULL || tupdesc->natts < 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("the items query must be a single statement that returns rows")));
	type = getBaseType(TupleDescAttr(tupdesc, 0)->atttypid);
	if (type != item_type &&
		find_coercion_pathway(item_type, type, COERCION_IMPLICIT, &function) == COERCION_PATH_NONE &&
		find_coercion_pathway(type, item_type, COERCION_IMPLICIT, &function) == COERCION_PATH_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column 1 (item) of the items query must be of type %s, not %s",
						format_type_be(item_type), format_type_be(type))));
	memset(shape, 0, sizeof(*shape));
	for (i = 1; i < tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(tupdesc, i);

		if (strcmp(NameStr(att->attname), "available") == 0)
		{
			if (att->atttypid != BOOLOID)
				ereport(ERROR,
						(errcode(ERRCODE_DATATYPE_MISMATCH),
						 errmsg("column \"available\" of the items query must be of type boolean, not %s",
								format_type_be(att->atttypid))));
			shape->has_available = true;
		}
		else if (strcmp(NameStr(att->attname), "category") == 0)
			shape->has_category = true;
		else if (strcmp(NameStr(att->attname), "price") == 0)
		{
			type = getBaseType(att->atttypid);
			if (type != NUMERICOID &&
				find_coercion_pathway(NUMERICOID, type, COERCION_ASSIGNMENT,
									  &function) == COERCION_PATH_NONE)
				ereport(ERROR,
						(errcode(ERRCODE_DATATYPE_MISMATCH),
						 errmsg("column \"price\" of the items query must be of type numeric, not %s",
								format_type_be(att->atttypid)),
						 errhint("Cast the column in the query, or give it another name.")));
			shape->has_price = true;
		}
	}
	shape->item = pstrdup(quote_identifier(NameStr(TupleDescAttr(tupdesc, 0)->attname)));
	SPI_freeplan(plan);
}

/* What gives an expression a collation: columns of two tables may differ in theirs. */
static const char *
collate_clause(Oid collation)
{
	return OidIsValid(collation) ? psprintf(" COLLATE %s", generate_collation_name(collation)) : "";
}

/*
 * The query of (item, category), each once, of an items query; NULL where that
 * has no column of this name.  To be called within SPI.
 */
char *
category_query(const char *text, const IdType *item)
{
	ItemsShape	shape;

	read_items_shape(text, item->type, &shape);
	if (!shape.has_category)
		return NULL;
	return psprintf("SELECT DISTINCT CAST(q.%s AS %s)%s AS item,"
					" CAST(q.category AS pg_catalog.text) COLLATE pg_catalog.\"C\" AS category"
					" FROM (%s) q WHERE q.category IS NOT NULL",
					shape.item, format_type_extended(item->type, -1, TYPE_NAME_FLAGS),
					collate_clause(item->collation), text);
}

/*
 * A query of a row for each item that both an items query and a model have.
 * To be called within SPI.
 */
char *
items_in_model_query(const char *text, Oid item_type, Oid item_collation, const char *model)
{
	ItemsShape	shape;

	read_items_shape(text, item_type, &shape);
	return psprintf("SELECT FROM (%s) AS q JOIN ONLY %s AS m ON m.item OPERATOR(%s) q.%s%s LIMIT 1",
					text, model, qualified_equality(item_type), shape.item,
					collate_clause(item_collation));
}

static void
append_column(StringInfo buf, const char *name, bool exists)
{
	if (!exists)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the items query of the recommender has no column \"%s\"", name),
				 errhint("Create it anew with create_recommender(..., items => ..., replace => true).")));
	appendStringInfo(buf, ", q.%s", name);
}

/*
 * The query that returns those of the items $1, an array, that may be
 * recommended: they are in the items query, are available if that has a column
 * of this name, and meet the condition, if any.  With the category and the
 * price of each where columns ask for them.  To be called within SPI.
 */
char *
eligible_query(const char *text, const char *filter, const IdType *item, int columns)
{
	StringInfoData buf;
	ItemsShape	shape;

	read_items_shape(text, item->type, &shape);
	initStringInfo(&buf);
	appendStringInfo(&buf, "SELECT q.%s", shape.item);
	if (columns & ELIGIBLE_CATEGORY)
		append_column(&buf, "category", shape.has_category);
	if (columns & ELIGIBLE_PRICE)
		append_column(&buf, "price", shape.has_price);
	appendStringInfo(&buf, " FROM (%s) AS q WHERE q.%s OPERATOR(%s) ANY ($1)",
					 text, shape.item, qualified_equality(item->type));
	if (shape.has_available && !(columns & ELIGIBLE_ANY))
		appendStringInfoString(&buf, " AND q.available");
	/* the line ends before the parenthesis: the condition may end in a comment */
	if (filter)
		appendStringInfo(&buf, " AND (%s\n)", filter);
	return buf.data;
}

static bool plan_scans(Plan *plan);

static bool
any_plan_scans(List *plans)
{
	ListCell   *lc;

	foreach(lc, plans)
	{
		if (plan_scans((Plan *) lfirst(lc)))
			return true;
	}
	return false;
}

/* Does a plan read a whole table, or a whole index? */
static bool
plan_scans(Plan *plan)
{
	if (plan == NULL)
		return false;
	check_stack_depth();
	switch (nodeTag(plan))
	{
		case T_SeqScan:
		case T_SampleScan:
			return true;
		case T_IndexScan:
			return ((IndexScan *) plan)->indexqual == NIL;
		case T_IndexOnlyScan:
			return ((IndexOnlyScan *) plan)->indexqual == NIL;
		case T_Append:
			return any_plan_scans(((Append *) plan)->appendplans);
		case T_MergeAppend:
			return any_plan_scans(((MergeAppend *) plan)->mergeplans);
		case T_SubqueryScan:
			return plan_scans(((SubqueryScan *) plan)->subplan);
		default:
			return plan_scans(plan->lefttree) || plan_scans(plan->righttree);
	}
}

/*
 * Would a query with one parameter read a whole table, even if the planner
 * does all it can to avoid that?  Small tables are read whole for good
 * reasons: it is the best plan that counts, not the cheapest of today.
 * To be called within SPI.
 */
bool
query_needs_scan(const char *text, Oid argtype)
{
	int			level = NewGUCNestLevel();
	SPIPlanPtr	plan;
	CachedPlan *cached;
	bool		result = false;

	set_local("enable_seqscan", "off");
	set_local("enable_hashjoin", "off");
	set_local("enable_mergejoin", "off");
	set_local("enable_material", "off");
	plan = SPI_prepare_cursor(text, 1, &argtype, CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
	cached = SPI_plan_get_cached_plan(plan);
	if (cached)
	{
		PlannedStmt *stmt = linitial_node(PlannedStmt, cached->stmt_list);

		result = plan_scans(stmt->planTree) || any_plan_scans(stmt->subplans);
		release_unowned_plan(cached);
	}
	SPI_freeplan(plan);
	AtEOXact_GUC(false, level);
	return result;
}
