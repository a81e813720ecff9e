/*-------------------------------------------------------------------------
 *
 * fuzz.c
 *		Runs libFuzzer inside a backend on whatever of the extension reads
 *		foreign bytes; test/fuzz/run.sh builds and calls it.  Not installed.
 *
 *		fuzz(kind text, name text, arguments text[], log text)
 *		fuzz_seeds(kind text, name text, sample text) returns setof bytea
 *
 * Kinds, and what name and sample are:
 *
 *	in		input function of a type; sample: a query for values of it
 *	recv	receive function of a type; sample: likewise
 *	call	a function of one argument, text, jsonb or bytea; sample: a query
 *			for arguments
 *	state	the deserialization function of aggregates; sample: a query that
 *			gives for each of them its signature and a query for its arguments
 *
 * Input that is refused must be refused with an error that users can understand,
 * not an internal one.  What is accepted must read back as itself from what is
 * written, and go through the extension's functions on it (the table fuzz_call,
 * some of them each time): a value as $1, the one accepted before as $2.  A state
 * must give the same result after another way through bytes.
 * All this under a statement timeout that must be heeded.
 *
 * The extension is built with libFuzzer and its instrumentation; this module is to
 * be loaded before it.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE
#include "postgres.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "access/xact.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "parser/parse_agg.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/syscache.h"
#include "utils/timeout.h"
#include "utils/typcache.h"

PG_MODULE_MAGIC;

/* of libFuzzer, in the extension */
typedef int (*RunDriver) (int *argc, char ***argv, int (*callback) (const uint8_t *, size_t));

/* For one input; what runs on for much longer all the same is a finding. */
#define STATEMENT_TIMEOUT_MS 500

/* Of processor time, which no input may take. */
#define SLOW_SECONDS 10

/* Calls of functions on one accepted value. */
#define CALLS_PER_VALUE 3

typedef enum Kind
{
	KIND_IN, KIND_RECV, KIND_CALL, KIND_STATE
} Kind;

/* A type's functions in both directions, and what to call its values with. */
typedef struct Type
{
	Oid			oid;
	Oid			input_param;
	int16		typlen;
	bool		typbyval;
	FmgrInfo	input;
	FmgrInfo	output;
	FmgrInfo	receive;
	FmgrInfo	send;
	int			ncalls;
	char	  **calls;
	SPIPlanPtr *plans;
	Datum		before;			/* the value accepted before, or 0 */
} Type;

typedef struct Aggregate
{
	int			nargs;
	Oid			types[FUNC_MAX_ARGS];
	int			nfinal;			/* arguments of the final function */
	Oid			rettype;
	FmgrInfo	trans;
	FmgrInfo	serialize;
	FmgrInfo	deserialize;
	FmgrInfo	combine;
	FmgrInfo	final;
	char	   *sample;
} Aggregate;

static Kind kind;
static Type type;
static FmgrInfo function;		/* of KIND_CALL */
static Oid	argtype;
static int	naggregates;
static Aggregate *aggregates;
static MemoryContext fuzz_cxt;
static MemoryContext case_cxt;
static const char *slowest;		/* of an input's calls of functions */
static clock_t slowest_time;

/*
 * The extension under test is built to call this in place of
 * lookup_type_cache().  A damaged state can name any type for its ids; that the
 * type is not the one of the aggregate is nothing that it could find out.  Double
 * precision is what some final functions sort by.
 */
TypeCacheEntry *fuzz_lookup_type_cache(Oid type_id, int flags);

TypeCacheEntry *
fuzz_lookup_type_cache(Oid type_id, int flags)
{
	if (kind == KIND_STATE && type_id != INT8OID && type_id != INT4OID && type_id != FLOAT8OID &&
		type_id != TEXTOID && type_id != UUIDOID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("not a type of the test")));
	return lookup_type_cache(type_id, flags);
}

static void
find_type(Oid oid)
{
	Oid			oid_of;
	bool		isvarlena;
	int			i;

	type.oid = oid;
	get_typlenbyval(oid, &type.typlen, &type.typbyval);
	getTypeInputInfo(oid, &oid_of, &type.input_param);
	fmgr_info_cxt(oid_of, &type.input, fuzz_cxt);
	getTypeOutputInfo(oid, &oid_of, &isvarlena);
	fmgr_info_cxt(oid_of, &type.output, fuzz_cxt);
	getTypeBinaryInputInfo(oid, &oid_of, &type.input_param);
	fmgr_info_cxt(oid_of, &type.receive, fuzz_cxt);
	getTypeBinaryOutputInfo(oid, &oid_of, &isvarlena);
	fmgr_info_cxt(oid_of, &type.send, fuzz_cxt);

	SPI_execute(psprintf("SELECT call FROM fuzz_call WHERE type = %u ORDER BY call", oid), true, 0);
	type.ncalls = (int) SPI_processed;
	type.calls = MemoryContextAllocZero(fuzz_cxt, sizeof(char *) * (type.ncalls + 1));
	type.plans = MemoryContextAllocZero(fuzz_cxt, sizeof(SPIPlanPtr) * (type.ncalls + 1));
	for (i = 0; i < type.ncalls; i++)
	{
		Oid			types[2] = {oid, oid};

		type.calls[i] = MemoryContextStrdup(fuzz_cxt, SPI_getvalue(SPI_tuptable->vals[i],
																	 SPI_tuptable->tupdesc, 1));
		type.plans[i] = SPI_prepare(type.calls[i], 2, types);
		SPI_keepplan(type.plans[i]);
	}
}

/* One aggregate by its signature; sample is a query for rows of its arguments. */
static void
find_aggregate(Aggregate *aggregate, const char *signature, const char *sample)
{
	Oid			oid = DatumGetObjectId(DirectFunctionCall1(regprocedurein, CStringGetDatum(signature)));
	HeapTuple	aggtuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(oid));
	HeapTuple	proctuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(oid));
	Form_pg_aggregate form = (Form_pg_aggregate) GETSTRUCT(aggtuple);
	Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(proctuple);
	SPIPlanPtr	plan = SPI_prepare(sample, 0, NULL);
	TupleDesc	desc = ((CachedPlanSource *) linitial(SPI_plan_get_plan_sources(plan)))->resultDesc;
	Expr	   *trans;
	Expr	   *final;
	Expr	   *combine;
	int			i;

	aggregate->nargs = proc->pronargs;
	for (i = 0; i < proc->pronargs; i++)
		aggregate->types[i] = TupleDescAttr(desc, i)->atttypid;
	aggregate->nfinal = form->aggfinalextra ? proc->pronargs + 1 : 1;
	aggregate->rettype = proc->prorettype;
	aggregate->sample = MemoryContextStrdup(fuzz_cxt, sample);
	fmgr_info_cxt(form->aggtransfn, &aggregate->trans, fuzz_cxt);
	fmgr_info_cxt(form->aggserialfn, &aggregate->serialize, fuzz_cxt);
	fmgr_info_cxt(form->aggdeserialfn, &aggregate->deserialize, fuzz_cxt);
	fmgr_info_cxt(form->aggcombinefn, &aggregate->combine, fuzz_cxt);
	fmgr_info_cxt(form->aggfinalfn, &aggregate->final, fuzz_cxt);
	build_aggregate_transfn_expr(aggregate->types, aggregate->nargs, 0, false, INTERNALOID,
								 DEFAULT_COLLATION_OID, form->aggtransfn, InvalidOid, &trans, NULL);
	fmgr_info_set_expr((Node *) trans, &aggregate->trans);
	build_aggregate_finalfn_expr(aggregate->types, aggregate->nfinal, INTERNALOID, proc->prorettype,
								 DEFAULT_COLLATION_OID, form->aggfinalfn, &final);
	fmgr_info_set_expr((Node *) final, &aggregate->final);
	combine = copyObject(final);
	fmgr_info_set_expr((Node *) combine, &aggregate->combine);
	ReleaseSysCache(proctuple);
	ReleaseSysCache(aggtuple);
}

static void
find_target(const char *kind_name, const char *name, const char *sample)
{
	MemoryContext old;

	fuzz_cxt = AllocSetContextCreate(TopMemoryContext, "fuzz", ALLOCSET_DEFAULT_SIZES);
	case_cxt = AllocSetContextCreate(fuzz_cxt, "fuzz case", ALLOCSET_DEFAULT_SIZES);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	old = MemoryContextSwitchTo(fuzz_cxt);
	if (strcmp(kind_name, "in") == 0 || strcmp(kind_name, "recv") == 0)
	{
		kind = kind_name[0] == 'i' ? KIND_IN : KIND_RECV;
		find_type(DatumGetObjectId(DirectFunctionCall1(regtypein, CStringGetDatum(name))));
	}
	else if (strcmp(kind_name, "call") == 0)
	{
		Oid			oid = DatumGetObjectId(DirectFunctionCall1(regprocedurein, CStringGetDatum(name)));
		Oid		   *types;
		int			nargs;

		kind = KIND_CALL;
		fmgr_info_cxt(oid, &function, fuzz_cxt);
		(void) get_func_signature(oid, &types, &nargs);
		argtype = types[0];
		find_type(get_func_rettype(oid));
	}
	else if (strcmp(kind_name, "state") == 0)
	{
		SPITupleTable *table;
		int			i;

		kind = KIND_STATE;
		if (SPI_execute(sample, true, 0) != SPI_OK_SELECT)
			elog(ERROR, "no aggregates");
		table = SPI_tuptable;
		naggregates = (int) table->numvals;
		aggregates = palloc0(sizeof(Aggregate) * naggregates);
		for (i = 0; i < naggregates; i++)
			find_aggregate(&aggregates[i], SPI_getvalue(table->vals[i], table->tupdesc, 1),
						   SPI_getvalue(table->vals[i], table->tupdesc, 2));
	}
	else
		elog(ERROR, "unknown kind");
	MemoryContextSwitchTo(old);
}

/* ---- values ---- */

static Datum
receive(const char *bytes, int length)
{
	StringInfoData buf;
	Datum		value;

	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, bytes, length);
	value = ReceiveFunctionCall(&type.receive, &buf, type.input_param, -1);
	/* as the server does with what comes over the wire */
	if (buf.cursor != buf.len)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("incorrect binary data format")));
	return value;
}

/* Remembers what of an input took the longest. */
static void
note_time(const char *what, clock_t time)
{
	if (time > slowest_time)
	{
		slowest = what;
		slowest_time = time;
	}
}

/* Runs some of the functions on the value; they may refuse it. */
static void
call_functions(Datum value, uint32 hash)
{
	int			i;

	for (i = 0; i < CALLS_PER_VALUE && type.ncalls > 0; i++)
	{
		Datum		values[2] = {value, type.before};
		char		nulls[2] = {' ', type.before ? ' ' : 'n'};
		ResourceOwner owner = CurrentResourceOwner;
		MemoryContext here = CurrentMemoryContext;
		int			which = (int) ((hash + i) % type.ncalls);
		clock_t		began = clock();

		BeginInternalSubTransaction(NULL);
		PG_TRY();
		{
			(void) SPI_execute_plan(type.plans[which], values, nulls, false, 100);
			ReleaseCurrentSubTransaction();
		}
		PG_CATCH();
		{
			MemoryContextSwitchTo(here);
			note_time(type.calls[which], clock() - began);
			errcontext("SQL statement \"%s\"", type.calls[which]);
			if (ERRCODE_TO_CATEGORY(geterrcode()) == ERRCODE_INTERNAL_ERROR ||
				geterrcode() == ERRCODE_QUERY_CANCELED)
				PG_RE_THROW();
			FlushErrorState();
			RollbackAndReleaseCurrentSubTransaction();
		}
		PG_END_TRY();
		note_time(type.calls[which], clock() - began);
		MemoryContextSwitchTo(here);
		CurrentResourceOwner = owner;
		SPI_freetuptable(SPI_tuptable);
	}
}

static void
check_value(Datum value, uint32 hash)
{
	char	   *text = OutputFunctionCall(&type.output, value);
	bytea	   *bytes = SendFunctionCall(&type.send, value);
	Datum		again;

	PG_TRY();
	{
		again = InputFunctionCall(&type.input, text, type.input_param, -1);
	}
	PG_CATCH();
	{
		if (geterrcode() == ERRCODE_QUERY_CANCELED)
			PG_RE_THROW();
		EmitErrorReport();
		elog(PANIC, "\"%s\" does not read back", text);
	}
	PG_END_TRY();
	if (!datumIsEqual(value, again, type.typbyval, type.typlen))
		elog(PANIC, "\"%s\" does not read back as itself", text);
	PG_TRY();
	{
		again = receive(VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ);
	}
	PG_CATCH();
	{
		if (geterrcode() == ERRCODE_QUERY_CANCELED)
			PG_RE_THROW();
		EmitErrorReport();
		elog(PANIC, "the bytes of \"%s\" do not read back", text);
	}
	PG_END_TRY();
	if (!datumIsEqual(value, again, type.typbyval, type.typlen))
		elog(PANIC, "the bytes of \"%s\" do not read back as themselves", text);
	call_functions(value, hash);
	if (type.before)
		pfree(DatumGetPointer(type.before));
	MemoryContextSwitchTo(fuzz_cxt);
	type.before = datumCopy(value, type.typbyval, type.typlen);
	MemoryContextSwitchTo(case_cxt);
}

/* As text it comes checked for its encoding, without zero bytes. */
static char *
as_text(const uint8_t *data, size_t size)
{
	char	   *text = pnstrdup((const char *) data, size);

	if (strlen(text) != size || !pg_verifymbstr(text, (int) size, true))
		ereport(ERROR,
				(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE), errmsg("not text")));
	return text;
}

static void
run_value(const uint8_t *data, size_t size)
{
	uint32		hash = 2166136261;
	Datum		value = 0;
	size_t		i;

	for (i = 0; i < size; i++)
		hash = (hash ^ data[i]) * 16777619;
	if (kind == KIND_IN)
		value = InputFunctionCall(&type.input, as_text(data, size), type.input_param, -1);
	else if (kind == KIND_RECV)
		value = receive((const char *) data, (int) size);
	else
	{
		Datum		argument;

		if (argtype == BYTEAOID)
			argument = PointerGetDatum(cstring_to_text_with_len((const char *) data, (int) size));
		else if (argtype == TEXTOID)
			argument = CStringGetTextDatum(as_text(data, size));
		else
		{
			Oid			input;
			Oid			param;

			getTypeInputInfo(argtype, &input, &param);
			argument = OidInputFunctionCall(input, as_text(data, size), param, -1);
		}
		value = FunctionCall1Coll(&function, DEFAULT_COLLATION_OID, argument);
	}
	check_value(value, hash);
}

/* ---- states ---- */

/* What the support functions of aggregates ask their caller for. */
static Node *
aggregate_node(void)
{
	AggState   *state = makeNode(AggState);
	ExprContext *econtext = makeNode(ExprContext);

	econtext->ecxt_per_tuple_memory = CurrentMemoryContext;
	state->curaggcontext = econtext;
	state->tmpcontext = econtext;
	return (Node *) state;
}

/* Arguments that are 0 are NULL; *isnull tells of the result. */
static Datum
call(FmgrInfo *flinfo, Node *context, int nargs, Datum first, Datum second, bool *isnull)
{
	LOCAL_FCINFO(fcinfo, FUNC_MAX_ARGS);
	Datum		result;
	int			i;

	InitFunctionCallInfoData(*fcinfo, flinfo, nargs, DEFAULT_COLLATION_OID, context, NULL);
	for (i = 0; i < nargs; i++)
	{
		fcinfo->args[i].value = i == 0 ? first : i == 1 ? second : 0;
		fcinfo->args[i].isnull = fcinfo->args[i].value == 0;
	}
	*isnull = true;
	if (flinfo->fn_strict && fcinfo->args[0].isnull)
		return 0;
	result = FunctionCallInvoke(fcinfo);
	*isnull = fcinfo->isnull;
	return *isnull ? 0 : result;
}

static bytea *
serialize(Aggregate *aggregate, Node *context, Datum state)
{
	bool		isnull;

	return (bytea *) DatumGetPointer(call(&aggregate->serialize, context, 1, state, 0, &isnull));
}

static Datum
deserialize(Aggregate *aggregate, Node *context, bytea *bytes)
{
	bool		isnull;

	return call(&aggregate->deserialize, context, 2, PointerGetDatum(bytes), 0, &isnull);
}

/* What comes of a state that is combined with itself. */
static char *
result_of(Aggregate *aggregate, Node *context, bytea *bytes)
{
	Datum		state;
	Datum		result;
	bool		isnull;
	Oid			output;
	bool		isvarlena;

	state = call(&aggregate->combine, context, 2, 0, deserialize(aggregate, context, bytes), &isnull);
	state = call(&aggregate->combine, context, 2, state, deserialize(aggregate, context, bytes), &isnull);
	result = call(&aggregate->final, context, aggregate->nfinal, state, 0, &isnull);
	if (isnull)
		return "";
	getTypeOutputInfo(aggregate->rettype, &output, &isvarlena);
	return OidOutputFunctionCall(output, result);
}

static void
run_state(const uint8_t *data, size_t size)
{
	Node	   *context = aggregate_node();
	Aggregate  *aggregate;
	bytea	   *first;
	bytea	   *second;
	char	   *result;
	char	   *again;

	if (size == 0)
		return;
	aggregate = &aggregates[data[0] % naggregates];
	first = cstring_to_text_with_len((const char *) data + 1, (int) size - 1);
	second = serialize(aggregate, context, deserialize(aggregate, context, first));
	result = result_of(aggregate, context, first);
	again = result_of(aggregate, context, second);
	if (strcmp(result, again) != 0)
		elog(PANIC, "a state is not the same after another way through bytes: \"%s\" and \"%s\"",
			 result, again);
}

/* ---- libFuzzer's side ---- */

static int
one_input(const uint8_t *data, size_t size)
{
	ResourceOwner owner = CurrentResourceOwner;
	MemoryContext old = CurrentMemoryContext;
	clock_t		began = clock();

	slowest_time = 0;
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(case_cxt);
	enable_timeout_after(STATEMENT_TIMEOUT, STATEMENT_TIMEOUT_MS);
	PG_TRY();
	{
		if (kind == KIND_STATE)
			run_state(data, size);
		else
			run_value(data, size);
		disable_timeout(STATEMENT_TIMEOUT, false);
		MemoryContextSwitchTo(case_cxt);
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		int			code = geterrcode();

		/* shows the statement and the place, as it would to a user */
		if (ERRCODE_TO_CATEGORY(code) == ERRCODE_INTERNAL_ERROR)
		{
			EmitErrorReport();
			elog(PANIC, "an internal error");
		}
		disable_timeout(STATEMENT_TIMEOUT, false);
		MemoryContextSwitchTo(case_cxt);
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	CurrentResourceOwner = owner;
	MemoryContextSwitchTo(old);
	MemoryContextReset(case_cxt);
	if (clock() - began > (clock_t) SLOW_SECONDS * CLOCKS_PER_SEC)
		elog(PANIC, "an input that takes too long: %.1f s, %.1f s of it \"%s\"",
			 (double) (clock() - began) / CLOCKS_PER_SEC, (double) slowest_time / CLOCKS_PER_SEC,
			 slowest_time > 0 ? slowest : "");
	return 0;
}

/* On a busy machine seconds on the clock say little of what was done. */
static void
print_processor_time(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	dprintf(2, "processor time: %ld ms\n",
			(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000L +
			(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000);
}

PG_FUNCTION_INFO_V1(fuzz);
Datum
fuzz(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(2);
	int			log = open(text_to_cstring(PG_GETARG_TEXT_PP(3)), O_WRONLY | O_CREAT | O_APPEND, 0600);
	Datum	   *elements;
	RunDriver	run;
	int			argc;
	char	  **argv;
	int			i;

	if (log < 0)
		elog(ERROR, "could not open the log: %m");
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &argc);
	argv = MemoryContextAllocZero(TopMemoryContext, sizeof(char *) * (argc + 2));
	argv[0] = "fuzz";
	for (i = 0; i < argc; i++)
		argv[i + 1] = MemoryContextStrdup(TopMemoryContext, TextDatumGetCString(elements[i]));
	argc++;
	find_target(text_to_cstring(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(1)),
				text_to_cstring(PG_GETARG_TEXT_PP(4)));
	/* the extension has been loaded by now */
	run = (RunDriver) dlsym(RTLD_DEFAULT, "LLVMFuzzerRunDriver");
	if (run == NULL)
		elog(ERROR, "the extension was not built with libFuzzer");
	dup2(log, 2);
	atexit(print_processor_time);
	/* ends this process */
	run(&argc, &argv, one_input);
	PG_RETURN_VOID();
}

/*
 * Gives an input to begin with.  Nothing is wrong with a value or a state, so that
 * an error shows that the harness stops short of what is to be tested, and is
 * passed on.  Arguments of a function may be those that it has to refuse.
 */
static void
put_seed(ReturnSetInfo *rsinfo, Datum row)
{
	bool		isnull = false;
	const uint8_t *data = (const uint8_t *) VARDATA_ANY(DatumGetPointer(row));
	size_t		size = VARSIZE_ANY_EXHDR(DatumGetPointer(row));

	if (kind == KIND_STATE)
		run_state(data, size);
	else if (kind != KIND_CALL)
		run_value(data, size);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &row, &isnull);
}

/* Inputs to begin with. */
PG_FUNCTION_INFO_V1(fuzz_seeds);
Datum
fuzz_seeds(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *sample = text_to_cstring(PG_GETARG_TEXT_PP(2));
	SPITupleTable *table;
	List	   *seeds = NIL;
	ListCell   *cell;
	Datum		row;
	int			a;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	find_target(text_to_cstring(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(1)), sample);
	if (kind != KIND_STATE)
	{
		if (SPI_execute(sample, true, 0) != SPI_OK_SELECT)
			elog(ERROR, "no sample");
		table = SPI_tuptable;
		for (uint64 i = 0; i < table->numvals; i++)
		{
			bool		isnull;
			Datum		value = SPI_getbinval(table->vals[i], table->tupdesc, 1, &isnull);
			Oid			oid;
			bool		isvarlena;

			if (isnull)
				continue;
			if (kind == KIND_RECV)
				row = PointerGetDatum(SendFunctionCall(&type.send, value));
			else if (kind == KIND_CALL && argtype == BYTEAOID)
				row = value;
			else
			{
				getTypeOutputInfo(TupleDescAttr(table->tupdesc, 0)->atttypid, &oid, &isvarlena);
				row = CStringGetTextDatum(OidOutputFunctionCall(oid, value));
			}
			seeds = lappend(seeds, DatumGetPointer(row));
		}
	}
	/* states after so many rows */
	for (a = 0; a < naggregates; a++)
	{
		Aggregate  *aggregate = &aggregates[a];
		Node	   *context = aggregate_node();
		uint64		lengths[3] = {1, 5, PG_UINT64_MAX};

		SPI_execute(aggregate->sample, true, 0);
		table = SPI_tuptable;
		/* each from the start: a state may be serialized once */
		for (int n = 0; n < lengthof(lengths); n++)
		{
			Datum		state = 0;
			bytea	   *bytes;
			bytea	   *seed;

			for (uint64 i = 0; i < Min(table->numvals, lengths[n]); i++)
			{
				LOCAL_FCINFO(trans, FUNC_MAX_ARGS);
				int			k;

				InitFunctionCallInfoData(*trans, &aggregate->trans, aggregate->nargs + 1, DEFAULT_COLLATION_OID, context, NULL);
				trans->args[0].value = state;
				trans->args[0].isnull = state == 0;
				for (k = 0; k < aggregate->nargs; k++)
					trans->args[k + 1].value = SPI_getbinval(table->vals[i], table->tupdesc, k + 1, &trans->args[k + 1].isnull);
				state = FunctionCallInvoke(trans);
			}
			if (state == 0)
				continue;
			bytes = serialize(aggregate, context, state);
			seed = palloc(VARSIZE(bytes) + 1);
			SET_VARSIZE(seed, VARSIZE(bytes) + 1);
			VARDATA(seed)[0] = (char) a;
			memcpy(VARDATA(seed) + 1, VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ);
			seeds = lappend(seeds, seed);
		}
	}
	/* what is called for a value may take SPI's tables with it */
	foreach(cell, seeds)
		put_seed(rsinfo, PointerGetDatum(lfirst(cell)));
	SPI_finish();
	return (Datum) 0;
}
