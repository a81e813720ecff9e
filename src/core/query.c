/*-------------------------------------------------------------------------
 *
 * query.c
 *		Reading the rows of a query that the user gives as text.
 *
 * Every function that takes a query text reads it through here.  Rows go
 * from the executor straight into a callback through a DestReceiver of our
 * own: no tuplestore, no cursor and no limit on their number, at about
 * 60 ns a row.  The query runs with the rights of the caller, read-only, in
 * the caller's snapshot, and may use a parallel plan, so that the order of
 * rows is unspecified unless it says ORDER BY.
 *
 * Columns are matched by position, since their names are the user's, and are
 * converted as an assignment would convert them (int to double precision,
 * date to timestamptz, ...), except that no number is rounded to an integer:
 * ids 1.2 and 1.4 must not become one.  A domain counts as its base type.
 *
 * The caller has to be connected to SPI.  The plan of query_prepare() lives
 * until SPI_finish; query_prepare_saved() keeps it for the session, for
 * queries that are run again and again.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <ctype.h>
#include <math.h>

#include "access/nbtree.h"
#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/typcache.h"

#include "core/gather.h"
#include "core/query.h"

typedef enum
{
	CONVERT_NONE,				/* same bits */
	CONVERT_FUNCTION,			/* a cast function of one to three arguments */
	CONVERT_WIDEN,				/* an integer to a bigint */
	CONVERT_INTEGER,			/* a cast function, where the value is a whole number */
	CONVERT_TEXT				/* through the text form */
} ConversionKind;

/* How one column of the result becomes what the caller wants. */
typedef struct Conversion
{
	ConversionKind kind;
	FmgrInfo	function;		/* cast function, or input function for CONVERT_TEXT */
	FmgrInfo	output;			/* CONVERT_TEXT: output function */
	Oid			ioparam;		/* CONVERT_TEXT */
	int			nargs;			/* CONVERT_FUNCTION */
	Oid			from;			/* CONVERT_INTEGER: numeric, real or double precision */
	const char *name;			/* CONVERT_INTEGER: of the column */
} Conversion;

struct UserQuery
{
	SPIPlanPtr	plan;
	int			ncolumns;		/* of the result: at most what the caller asked for */
	Oid			sources[QUERY_MAX_COLUMNS]; /* types as the query returns them */
	Oid			types[QUERY_MAX_COLUMNS];	/* after conversion */
	Oid			collations[QUERY_MAX_COLUMNS];
	Conversion	conversions[QUERY_MAX_COLUMNS];
	bool		converts;		/* any conversion other than none */
};

/* The receiver that the executor sees. */
typedef struct RowReceiver
{
	DestReceiver pub;			/* must be first */
	UserQuery  *query;
	QueryRow	row;
	void	   *arg;
	MemoryContext cxt;			/* reset with each row */
	uint64		nrows;
} RowReceiver;

/*
 * A column that cannot be converted: a time may be in the place of a column
 * before it that was left out, and another form of the function may take ids as
 * they are.
 */
static int
hint_conversion(const QueryColumn *columns, int ncolumns, int position, Oid from)
{
	const QueryColumn *column = &columns[position];
	char	   *type = format_type_be(from);

	if (position + 1 < ncolumns && columns[position + 1].type == TIMESTAMPTZOID &&
		(from == DATEOID || from == TIMESTAMPOID || from == TIMESTAMPTZOID))
		return errhint("Put 1 before the time where rows have no %s.", column->name);
	if (column->witness == NULL || column->type != INT8OID)
		return errhint("Cast the column in the query.");
	return errhint("For %ss of type %s pass %s before the query.",
				   column->name, type, psprintf(column->witness, type, type));
}

/* "query" or "items query", for messages. */
static const char *
name_query(const QueryColumn *columns)
{
	return columns[0].query == NULL ? "query" : psprintf("%s query", columns[0].query);
}

static void
init_conversion(Conversion *conversion, const QueryColumn *columns, int ncolumns, int position,
				Oid from)
{
	const QueryColumn *column = &columns[position];
	CoercionPathType path;
	Oid			function = InvalidOid;

	conversion->kind = CONVERT_NONE;
	if (!OidIsValid(column->type) || from == column->type)
		return;

	/* a literal without a type: 'x' AS item */
	if (from == UNKNOWNOID)
		path = COERCION_PATH_COERCEVIAIO;
	else
		path = find_coercion_pathway(column->type, from, COERCION_ASSIGNMENT, &function);

	switch (path)
	{
		case COERCION_PATH_RELABELTYPE:
			break;
		case COERCION_PATH_FUNC:
			conversion->kind = CONVERT_FUNCTION;
			fmgr_info(function, &conversion->function);
			conversion->nargs = get_func_nargs(function);
			if (column->type == INT8OID && from == INT4OID)
				conversion->kind = CONVERT_WIDEN;
			if ((column->type == INT8OID || column->type == INT4OID || column->type == INT2OID) &&
				(from == NUMERICOID || from == FLOAT8OID || from == FLOAT4OID))
			{
				conversion->kind = CONVERT_INTEGER;
				conversion->from = from;
				conversion->name = column->name;
			}
			break;
		case COERCION_PATH_COERCEVIAIO:
			{
				Oid			input;
				Oid			output;
				bool		isvarlena;

				conversion->kind = CONVERT_TEXT;
				getTypeInputInfo(column->type, &input, &conversion->ioparam);
				getTypeOutputInfo(from, &output, &isvarlena);
				fmgr_info(input, &conversion->function);
				fmgr_info(output, &conversion->output);
				break;
			}
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column %d (%s) of the %s must be of type %s, not %s",
							position + 1, column->name, name_query(columns),
							format_type_be(column->type), format_type_be(from)),
					 hint_conversion(columns, ncolumns, position, from)));
	}
}

/* "(user, item [, weight [, ts]])": the shape a query has to have, for messages. */
static char *
describe_columns(const QueryColumn *columns, int ncolumns)
{
	StringInfoData buf;
	int			nopen = 0;
	int			i;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '(');
	for (i = 0; i < ncolumns; i++)
	{
		if (columns[i].optional)
		{
			appendStringInfoString(&buf, i > 0 ? " [, " : "[");
			nopen++;
		}
		else if (i > 0)
			appendStringInfoString(&buf, ", ");
		appendStringInfoString(&buf, columns[i].name);
	}
	while (nopen-- > 0)
		appendStringInfoChar(&buf, ']');
	appendStringInfoChar(&buf, ')');
	return buf.data;
}

/* Sets a parameter until AtEOXact_GUC() closes the nest level. */
void
set_local(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/*
 * A query that has been prepared by itself, in parentheses, as another one's
 * source of rows: a semicolon at the end is good in the one and not in the
 * other, and a comment may end there.
 */
char *
query_as_source(const char *text)
{
	int			length = strlen(text);

	while (length > 0 && (isspace((unsigned char) text[length - 1]) || text[length - 1] == ';'))
		length--;
	return psprintf("(\n%.*s\n)", length, text);
}

/*
 * The name of a table is not a query, but looks like one to those who know
 * functions that take a name: say so rather than where the syntax is wrong.
 */
void
query_refuse_name(const char *text)
{
	const char *name = text + strspn(text, " \t\r\n");
	const char *end = name;

	while (*end != '\0' &&
		   (IS_HIGHBIT_SET(*end) || isalnum((unsigned char) *end) || strchr("_$.\"", *end) != NULL))
		end++;
	if (end == name || end[strspn(end, " \t\r\n")] != '\0')
		return;
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("the query must be a statement, not the name of a table: \"%s\"", text),
			 errhint("Write SELECT ... FROM %.*s, or TABLE %.*s for all of its columns.",
					 (int) (end - name), name, (int) (end - name), name)));
}

static UserQuery *
prepare(const char *text, const QueryColumn *columns, int ncolumns,
		int nparams, Oid *paramtypes, int cursor_options)
{
	MemoryContext cxt = CurrentMemoryContext;
	UserQuery  *query = palloc0_object(UserQuery);
	List	   *sources;
	TupleDesc	tupdesc;
	int			required = 0;
	int			i;

	Assert(ncolumns <= QUERY_MAX_COLUMNS);
	while (required < ncolumns && !columns[required].optional)
		required++;

	query_refuse_name(text);
	query->plan = SPI_prepare_cursor(text, nparams, paramtypes, cursor_options);
	if (query->plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
	/* SPI comes back in a context of its own, and conversions live as long as the query */
	MemoryContextSwitchTo(cxt);

	sources = SPI_plan_get_plan_sources(query->plan);
	tupdesc = list_length(sources) == 1 ?
		((CachedPlanSource *) linitial(sources))->resultDesc : NULL;
	if (tupdesc == NULL || !SPI_is_cursor_plan(query->plan))
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("the %s must be a single statement that returns rows", name_query(columns)),
				 errhint("Pass a SELECT that returns the columns %s.",
						 describe_columns(columns, ncolumns))));

	if (tupdesc->natts < required || tupdesc->natts > ncolumns)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the %s returns the wrong number of columns", name_query(columns)),
				 errdetail("It returns %d, and the columns %s are expected.",
						   tupdesc->natts, describe_columns(columns, ncolumns)),
				 errhint("Columns are matched by position; their names do not matter.")));

	query->ncolumns = tupdesc->natts;
	for (i = 0; i < query->ncolumns; i++)
	{
		Form_pg_attribute att = TupleDescAttr(tupdesc, i);
		Oid			from = getBaseType(att->atttypid);

		init_conversion(&query->conversions[i], columns, ncolumns, i, from);
		query->sources[i] = att->atttypid;
		query->types[i] = OidIsValid(columns[i].type) ? columns[i].type : from;
		query->collations[i] = OidIsValid(att->attcollation) ?
			att->attcollation : get_typcollation(query->types[i]);
		if (query->conversions[i].kind != CONVERT_NONE)
			query->converts = true;
	}
	return query;
}

/*
 * Parses and plans a query and checks that its columns are what is wanted.
 * Parameters $1.. have the given types.  Errors: the query's own, syntax error
 * where it is not one statement that returns rows, datatype mismatch where
 * number or types of columns are wrong.
 */
UserQuery *
query_prepare(const char *text, const QueryColumn *columns, int ncolumns,
			  int nparams, Oid *paramtypes)
{
	return prepare(text, columns, ncolumns, nparams, paramtypes, CURSOR_OPT_PARALLEL_OK);
}

/*
 * The same for a query that the session will run many times: the plan is
 * saved, one for all values of the parameters, and without workers.  What is
 * returned is allocated in the current memory context; query_forget() frees
 * the plan.
 */
UserQuery *
query_prepare_saved(const char *text, const QueryColumn *columns, int ncolumns,
					int nparams, Oid *paramtypes)
{
	UserQuery  *query = prepare(text, columns, ncolumns, nparams, paramtypes,
								CURSOR_OPT_GENERIC_PLAN);

	if (SPI_keepplan(query->plan) != 0)
		elog(ERROR, "SPI_keepplan failed");
	return query;
}

/* Does the result have the types that conversions were made for? */
static bool
has_types(const UserQuery *query, TupleDesc tupdesc)
{
	int			i;

	if (tupdesc->natts != query->ncolumns)
		return false;
	for (i = 0; i < query->ncolumns; i++)
		if (TupleDescAttr(tupdesc, i)->atttypid != query->sources[i])
			return false;
	return true;
}

/* False where the tables of a saved query were changed: prepare it anew. */
bool
query_is_valid(const UserQuery *query)
{
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(query->plan));

	/* it may have been made anew by the call that found out, for other types */
	return SPI_plan_is_valid(query->plan) && has_types(query, source->resultDesc);
}

/* The statement of a plan; NULL where it is none with a plan: SHOW, CALL, EXECUTE or FETCH. */
static PlannedStmt *
planned_select(const CachedPlan *cached)
{
	PlannedStmt *statement = linitial_node(PlannedStmt, cached->stmt_list);

	return statement->commandType == CMD_SELECT && statement->planTree ? statement : NULL;
}

/*
 * Would the planner let a parallel worker run a saved query?  That is more than
 * a look at its functions: foreign and temporary tables and policies count.
 */
bool
query_is_parallel_safe(const UserQuery *query)
{
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(query->plan));
	SPIPlanPtr	plan;
	CachedPlan *cached;
	bool		result = false;

	/* a connection of its own: what is running in the caller's would suffer */
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	plan = SPI_prepare_cursor(source->query_string, source->num_params, source->param_types,
							  CURSOR_OPT_PARALLEL_OK | CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
	cached = SPI_plan_get_cached_plan(plan);
	if (cached)
	{
		const PlannedStmt *statement = planned_select(cached);

		result = statement && statement->planTree->parallel_safe;
		release_unowned_plan(cached);
	}
	SPI_finish();
	return result;
}

void
query_forget(UserQuery *query)
{
	SPI_freeplan(query->plan);
	query->plan = NULL;
}

/*
 * A saved plan is made anew when tables were altered in the meantime: values
 * of another type than the one prepared for must not get through.
 */
static void
check_result_type(const UserQuery *query, TupleDesc tupdesc)
{
	if (!has_types(query, tupdesc))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the result type of the query has changed while it was being prepared"),
				 errhint("Run the statement again.")));
}

/* Number of columns that the query returns: optional ones may be missing. */
int
query_column_count(const UserQuery *query)
{
	return query->ncolumns;
}

/* Type in which values of a column, counted from 0, arrive. */
Oid
query_column_type(const UserQuery *query, int column)
{
	return query->types[column];
}

/* Collation of a column, InvalidOid where its type has none. */
Oid
query_column_collation(const UserQuery *query, int column)
{
	return query->collations[column];
}

/* Casts to an integer type would round. */
static void
check_whole(const Conversion *conversion, Datum value)
{
	bool		whole;
	Oid			output;
	bool		isvarlena;

	if (conversion->from == NUMERICOID)
		whole = DatumGetBool(DirectFunctionCall2(numeric_eq, value,
												 DirectFunctionCall2(numeric_trunc, value,
																	 Int32GetDatum(0))));
	else
	{
		double		number = conversion->from == FLOAT4OID ?
			DatumGetFloat4(value) : DatumGetFloat8(value);

		whole = rint(number) == number;
	}
	if (whole)
		return;
	getTypeOutputInfo(conversion->from, &output, &isvarlena);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s must be an integer, not %s",
					conversion->name, OidOutputFunctionCall(output, value))));
}

static Datum
convert(Conversion *conversion, Datum value)
{
	char	   *text;

	switch (conversion->kind)
	{
		case CONVERT_NONE:
			return value;
		case CONVERT_WIDEN:
			return Int64GetDatum((int64) DatumGetInt32(value));
		case CONVERT_INTEGER:
			check_whole(conversion, value);
			return FunctionCall1(&conversion->function, value);
		case CONVERT_FUNCTION:
			if (conversion->nargs == 1)
				return FunctionCall1(&conversion->function, value);
			if (conversion->nargs == 2)
				return FunctionCall2(&conversion->function, value, Int32GetDatum(-1));
			return FunctionCall3(&conversion->function, value, Int32GetDatum(-1),
								 BoolGetDatum(false));
		case CONVERT_TEXT:
			text = OutputFunctionCall(&conversion->output, value);
			return InputFunctionCall(&conversion->function, text, conversion->ioparam, -1);
	}
	return value;
}

static void
process_row(RowReceiver *receiver, const Datum *values, const bool *nulls)
{
	UserQuery  *query = receiver->query;
	Datum		converted[QUERY_MAX_COLUMNS];
	MemoryContext old;
	int			i;

	if ((++receiver->nrows & 0x3ff) == 0)
		CHECK_FOR_INTERRUPTS();

	/* a look at a flag where the row before allocated nothing */
	MemoryContextReset(receiver->cxt);
	old = MemoryContextSwitchTo(receiver->cxt);
	if (query->converts)
	{
		for (i = 0; i < query->ncolumns; i++)
			converted[i] = nulls[i] ? (Datum) 0 : convert(&query->conversions[i], values[i]);
		values = converted;
	}
	receiver->row(receiver->arg, values, nulls);
	MemoryContextSwitchTo(old);
}

#if PG_VERSION_NUM >= 140000

static bool
receive_slot(TupleTableSlot *slot, DestReceiver *self)
{
	slot_getallattrs(slot);
	process_row((RowReceiver *) self, slot->tts_values, slot->tts_isnull);
	return true;
}

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc tupdesc)
{
	check_result_type(((RowReceiver *) self)->query, tupdesc);
}

static void
receiver_end(DestReceiver *self)
{
}

static void
execute(UserQuery *query, Datum *params, const char *paramnulls, RowReceiver *receiver)
{
	SPIExecuteOptions options = {0};
	List	   *sources = SPI_plan_get_plan_sources(query->plan);
	CachedPlanSource *source = linitial(sources);
	ParamListInfo list = NULL;
	int			i;

	if (source->num_params > 0)
	{
		list = makeParamList(source->num_params);
		for (i = 0; i < source->num_params; i++)
		{
			list->params[i].value = params[i];
			list->params[i].isnull = paramnulls && paramnulls[i] == 'n';
			list->params[i].pflags = PARAM_FLAG_CONST;
			list->params[i].ptype = source->param_types[i];
		}
	}
	receiver->pub.receiveSlot = receive_slot;
	receiver->pub.rStartup = receiver_startup;
	receiver->pub.rShutdown = receiver_end;
	receiver->pub.rDestroy = receiver_end;
	receiver->pub.mydest = DestNone;

	options.params = list;
	options.read_only = true;
	options.dest = &receiver->pub;
	if (SPI_execute_plan_extended(query->plan, &options) < 0)
		elog(ERROR, "SPI_execute_plan_extended failed: %s", SPI_result_code_string(SPI_result));
}

#else

/* Before 14 SPI takes no receiver: a cursor, in batches. */
static void
execute(UserQuery *query, Datum *params, const char *paramnulls, RowReceiver *receiver)
{
	Portal		portal = SPI_cursor_open(NULL, query->plan, params, paramnulls, true);

	check_result_type(query, portal->tupDesc);
	for (;;)
	{
		uint64		i;

		SPI_cursor_fetch(portal, true, 10000);
		if (SPI_processed == 0)
			break;
		for (i = 0; i < SPI_processed; i++)
		{
			Datum		values[QUERY_MAX_COLUMNS];
			bool		nulls[QUERY_MAX_COLUMNS];

			heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, values, nulls);
			process_row(receiver, values, nulls);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
}

#endif

/* A row as gather.c gives it. */
static void
take_row(void *arg, const Datum *values, const bool *nulls)
{
	process_row((RowReceiver *) arg, values, nulls);
}

static uint64
run(UserQuery *query, Datum *params, const char *paramnulls, QueryRow row, void *arg, bool gathers)
{
	RowReceiver receiver = {0};

	receiver.query = query;
	receiver.row = row;
	receiver.arg = arg;
	receiver.cxt = AllocSetContextCreate(CurrentMemoryContext, "recsys query row",
										 ALLOCSET_SMALL_SIZES);
	if (gathers)
		gather_into(take_row, &receiver);
	execute(query, params, paramnulls, &receiver);
	if (gathers)
		gather_into(NULL, NULL);
	MemoryContextDelete(receiver.cxt);
	return receiver.nrows;
}

/*
 * Runs the query and calls row(arg, values, nulls) for each row.  The memory
 * context is then one that is reset with each row, so that values that have to
 * be detoasted take no memory: what is to stay is allocated elsewhere.  Returns
 * the number of rows.
 */
uint64
query_run(UserQuery *query, Datum *params, const char *paramnulls, QueryRow row, void *arg)
{
	return run(query, params, paramnulls, row, arg, false);
}

#if PG_VERSION_NUM >= 140000

/* Does the plan of a query cost so much that workers may be worth while? */
static bool
is_costly(const UserQuery *query)
{
	CachedPlan *cached = SPI_plan_get_cached_plan(query->plan);
	const PlannedStmt *statement;
	bool		result;

	if (cached == NULL)
		return false;
	statement = planned_select(cached);
	result = statement && (statement->planTree->parallel_safe || statement->parallelModeNeeded) &&
		statement->planTree->total_cost > 2 * parallel_setup_cost;
	release_unowned_plan(cached);
	return result;
}

/*
 * Are values that are equal the same, byte for byte?  Where they are not the first of
 * them to come counts.  The types whose indexes put equal ones together say so.
 */
static bool
equal_is_same(Oid type, Oid collation)
{
	const TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY);
	Oid			function = OidIsValid(entry->btree_opf) ?
		get_opfamily_proc(entry->btree_opf, entry->btree_opintype, entry->btree_opintype, BTEQUALIMAGE_PROC) :
		InvalidOid;

	return OidIsValid(function) &&
		DatumGetBool(OidFunctionCall1Coll(function, collation, ObjectIdGetDatum(entry->btree_opintype)));
}

static bool
ids_are_same(const UserQuery *query, int nids)
{
	int			i;

	for (i = 0; i < nids; i++)
		if (!equal_is_same(query->types[i], query->collations[i]))
			return false;
	return true;
}

/*
 * Plans a query so that workers may read its rows, which gather.c hands over; NULL
 * where the planner does not have them do that.  So it is planned a second time.
 */
static SPIPlanPtr
plan_parallel(const UserQuery *query)
{
	MemoryContext old = CurrentMemoryContext;
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(query->plan));
	int			level = NewGUCNestLevel();
	SPIPlanPtr	plan;
	CachedPlan *cached;
	bool		fits = false;

	/* to hand rows over takes next to nothing */
	set_local("parallel_tuple_cost", "0");
	plan = SPI_prepare_cursor(source->query_string, 0, NULL, CURSOR_OPT_PARALLEL_OK);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
	cached = SPI_plan_get_cached_plan(plan);
	AtEOXact_GUC(false, level);
	if (cached)
	{
		PlannedStmt *statement = planned_select(cached);

		fits = statement && gather_replace(statement);
		release_unowned_plan(cached);
	}
	MemoryContextSwitchTo(old);
	if (fits)
		return plan;
	SPI_freeplan(plan);
	return NULL;
}

#endif

/*
 * The same for a query without parameters, whose rows are wanted in any order: where
 * the planner finds it worth while, workers read it, too.  The first nids columns are
 * ids, of which those that are equal are one.
 */
uint64
query_run_unordered(UserQuery *query, int nids, QueryRow row, void *arg)
{
#if PG_VERSION_NUM >= 140000
	UserQuery	parallel = *query;

	parallel.plan = max_parallel_workers_per_gather > 0 && ids_are_same(query, nids) && is_costly(query) ?
		plan_parallel(query) : NULL;
	if (parallel.plan)
	{
		uint64		nrows = run(&parallel, NULL, NULL, row, arg, true);

		SPI_freeplan(parallel.plan);
		return nrows;
	}
#endif
	return run(query, NULL, NULL, row, arg, false);
}
