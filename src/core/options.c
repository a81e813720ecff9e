/*-------------------------------------------------------------------------
 *
 * options.c
 *		Named options: building, reading and checking them.
 *
 * An aggregate takes positional arguments only, so its options come as one
 * composite value from an immutable constructor with named arguments and
 * defaults:
 *
 *		rules_options(min_support => 0.01, max_length => 4)
 *
 * The constructor's arguments are the fields of its result, in order:
 * options_construct() builds the value.  The aggregate opens it on its first
 * row and takes fields by name; a field that is NULL has its documented
 * default.  Values out of range are errors that name option and range.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "core/options.h"

/*
 * Body of a constructor: its arguments as a value of its composite result.
 * Check them first where the constructor is to refuse bad values by itself.
 */
Datum
options_construct(FunctionCallInfo fcinfo)
{
	TupleDesc	tupdesc;
	Datum		values[FUNC_MAX_ARGS];
	bool		nulls[FUNC_MAX_ARGS];
	int			i;

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (tupdesc->natts != PG_NARGS())
		elog(ERROR, "options constructor has %d arguments for %d fields",
			 PG_NARGS(), tupdesc->natts);
	for (i = 0; i < tupdesc->natts; i++)
	{
		nulls[i] = PG_ARGISNULL(i);
		values[i] = nulls[i] ? (Datum) 0 : PG_GETARG_DATUM(i);
	}
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls));
}

/*
 * The arguments of a function from first on as a composite value whose fields
 * have their names: for functions that take options as arguments of their own.
 */
Datum
options_of_arguments(FunctionCallInfo fcinfo, int first)
{
	HeapTuple	proc = SearchSysCache1(PROCOID, ObjectIdGetDatum(fcinfo->flinfo->fn_oid));
	TupleDesc	tupdesc = CreateTemplateTupleDesc(PG_NARGS() - first);
	Datum		values[FUNC_MAX_ARGS];
	bool		nulls[FUNC_MAX_ARGS];
	Oid		   *types;
	char	  **names;
	char	   *modes;
	int			i;

	if (!HeapTupleIsValid(proc))
		elog(ERROR, "cache lookup failed for function %u", fcinfo->flinfo->fn_oid);
	get_func_arg_info(proc, &types, &names, &modes);
	for (i = first; i < PG_NARGS(); i++)
	{
		TupleDescInitEntry(tupdesc, i - first + 1, names[i], types[i], -1, 0);
		nulls[i - first] = PG_ARGISNULL(i);
		values[i - first] = PG_ARGISNULL(i) ? (Datum) 0 : PG_GETARG_DATUM(i);
	}
	ReleaseSysCache(proc);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls));
}

/*
 * Opens a composite value for reading, in the current memory context.
 * constructor is the name of the function that makes such values.
 */
void
options_open(OptionsReader *reader, Datum composite, const char *constructor)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(composite);
	HeapTupleData tuple;

	reader->constructor = constructor;
	reader->tupdesc = lookup_rowtype_tupdesc_copy(HeapTupleHeaderGetTypeId(header),
												  HeapTupleHeaderGetTypMod(header));
	reader->values = palloc_array(Datum, reader->tupdesc->natts);
	reader->nulls = palloc_array(bool, reader->tupdesc->natts);
	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	heap_deform_tuple(&tuple, reader->tupdesc, reader->values, reader->nulls);
}

static int
find_field(OptionsReader *reader, const char *name)
{
	int			i;

	for (i = 0; i < reader->tupdesc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(reader->tupdesc, i);

		if (!att->attisdropped && strcmp(NameStr(att->attname), name) == 0)
			return i;
	}
	/* somebody made a value of another type, or altered ours */
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("options value has no field \"%s\"", name),
			 errhint("Make the options with %s().", reader->constructor)));
}

/* Is there such a field?  Functions that read the same options may lack some as arguments. */
bool
options_has(const OptionsReader *reader, const char *name)
{
	int			i;

	for (i = 0; i < reader->tupdesc->natts; i++)
		if (strcmp(NameStr(TupleDescAttr(reader->tupdesc, i)->attname), name) == 0)
			return true;
	return false;
}

/* Value of a field; false, and nothing in *value, where it is NULL. */
bool
options_get(OptionsReader *reader, const char *name, Datum *value)
{
	int			i = find_field(reader, name);

	if (reader->nulls[i])
		return false;
	*value = reader->values[i];
	return true;
}

/* Field of type integer or bigint within min..max; unset where NULL. */
int64
options_int(OptionsReader *reader, const char *name, int64 unset, int64 min, int64 max)
{
	int			i = find_field(reader, name);
	int64		value;

	if (reader->nulls[i])
		return unset;
	value = TupleDescAttr(reader->tupdesc, i)->atttypid == INT4OID ?
		DatumGetInt32(reader->values[i]) : DatumGetInt64(reader->values[i]);
	return check_int_option(name, value, min, max);
}

/* Field of type double precision within min..max, never NaN; unset where NULL. */
double
options_float(OptionsReader *reader, const char *name, double unset, double min, double max)
{
	Datum		value;

	if (!options_get(reader, name, &value))
		return unset;
	return check_float_option(name, DatumGetFloat8(value), min, max);
}

bool
options_bool(OptionsReader *reader, const char *name, bool unset)
{
	Datum		value;

	return options_get(reader, name, &value) ? DatumGetBool(value) : unset;
}

/* Field of type text as a C string; NULL where NULL. */
char *
options_text(OptionsReader *reader, const char *name)
{
	Datum		value;

	return options_get(reader, name, &value) ? TextDatumGetCString(value) : NULL;
}

/*
 * Field of type text that must be one of some words, a list that ends with a
 * NULL pointer: its position.  unset where the field is NULL.
 */
int
options_word(OptionsReader *reader, const char *name, int unset, const char *const *words)
{
	char	   *value = options_text(reader, name);

	return value ? check_word_option(name, value, words) : unset;
}

int64
check_int_option(const char *name, int64 value, int64 min, int64 max)
{
	if (value < min || value > max)
	{
		if (max >= PG_INT32_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s must be at least " INT64_FORMAT ", not " INT64_FORMAT,
							name, min, value)));
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be from " INT64_FORMAT " to " INT64_FORMAT ", not " INT64_FORMAT,
						name, min, max, value)));
	}
	return value;
}

double
check_float_option(const char *name, double value, double min, double max)
{
	if (isnan(value) || value < min || value > max)
	{
		if (isinf(max))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s must be at least %g, not %g", name, min, value)));
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be from %g to %g, not %g", name, min, max, value)));
	}
	return value;
}

int
check_word_option(const char *name, const char *value, const char *const *words)
{
	StringInfoData list;
	int			i;

	for (i = 0; words[i]; i++)
		if (strcmp(words[i], value) == 0)
			return i;

	initStringInfo(&list);
	for (i = 0; words[i]; i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", words[i]);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized %s: \"%s\"", name, value),
			 errhint("Use one of: %s.", list.data)));
}

/* NULL in place of the options is a mistake, not a wish for the defaults. */
void
null_options_error(const char *constructor)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("options must not be null"),
			 errhint("Make them with %s(), or leave the argument out.", constructor)));
}
