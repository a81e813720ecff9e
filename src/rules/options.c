/*-------------------------------------------------------------------------
 *
 * options.c
 *		What a user can ask of the miner of itemsets and rules.
 *
 * The same options come as a value of rules_options, for aggregates, or as
 * named arguments of the functions that take a query.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "utils/float.h"
#include "utils/syscache.h"

#include "rules/miner.h"
#include "rules/options.h"

static const char *const target_words[] = {"all", "closed", "maximal", NULL};
static const char *const significance_words[] = {"none", "holm", "bh", NULL};

/* Options that mean nothing for itemsets. */
static const char *const rule_fields[] = {
	"min_confidence", "min_lift", "max_lhs", "max_rhs", "rank_by", "lhs_in", "rhs_in",
	"significance", "alpha", "redundant", "min_improvement", NULL
};

/*
 * Makes the arguments of a function call, from the given one on, readable by
 * name as the fields of an options value are.
 */
void
rules_options_arguments(OptionsReader *reader, FunctionCallInfo fcinfo, int first)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(fcinfo->flinfo->fn_oid));
	Oid		   *types;
	char	  **names;
	char	   *modes;
	int			nargs;
	int			i;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", fcinfo->flinfo->fn_oid);
	nargs = get_func_arg_info(tuple, &types, &names, &modes);
	ReleaseSysCache(tuple);
	if (nargs < PG_NARGS() || names == NULL)
		elog(ERROR, "function %u has no argument names", fcinfo->flinfo->fn_oid);

	reader->constructor = "rules_options";
	reader->tupdesc = CreateTemplateTupleDesc(PG_NARGS() - first);
	reader->values = palloc_array(Datum, PG_NARGS() - first);
	reader->nulls = palloc_array(bool, PG_NARGS() - first);
	for (i = first; i < PG_NARGS(); i++)
	{
		TupleDescInitEntry(reader->tupdesc, i - first + 1, names[i], types[i], -1, 0);
		reader->nulls[i - first] = PG_ARGISNULL(i);
		reader->values[i - first] = PG_GETARG_DATUM(i);
	}
}

/* An array of text, copied; NULL where the option is not given. */
static ArrayType *
read_list(OptionsReader *reader, const char *name)
{
	Datum		value;
	ArrayType  *array;

	if (!options_get(reader, name, &value))
		return NULL;
	array = DatumGetArrayTypePCopy(value);
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not contain nulls", name)));
	return array;
}

/* What is asked for where nothing is given. */
void
rules_options_defaults(RulesOptions *options, bool rules)
{
	memset(options, 0, sizeof(*options));
	options->min_support = RULES_DEFAULT_MIN_SUPPORT;
	options->max_length = ITEMSET_MAX_LENGTH;
	options->min_lift = 0;
	options->max_lhs = ITEMSET_MAX_LENGTH;
	options->max_rhs = 1;
	options->rank_by = rules ? MEASURE_LEVERAGE : MEASURE_SUPPORT;
	options->alpha = 0.05;
}

static void
read_rule_options(RulesOptions *options, OptionsReader *reader)
{
	options->min_confidence = options_float(reader, "min_confidence", 0, 0, 1);
	options->min_lift = options_float(reader, "min_lift", 0, 0, get_float8_infinity());
	options->max_lhs = options_int(reader, "max_lhs", ITEMSET_MAX_LENGTH, 1, ITEMSET_MAX_LENGTH);
	options->max_rhs = options_int(reader, "max_rhs", 1, 1, ITEMSET_MAX_LENGTH);
	options->rank_by = options_word(reader, "rank_by", MEASURE_LEVERAGE, rule_measure_names);
	options->lhs_in = read_list(reader, "lhs_in");
	options->rhs_in = read_list(reader, "rhs_in");
	options->significance = options_word(reader, "significance", SIGNIFICANCE_NONE,
										 significance_words);
	options->alpha = options_float(reader, "alpha", 0.05, 0, 1);
	options->strictly_better = !options_bool(reader, "redundant", true);
	options->min_improvement = options_float(reader, "min_improvement", -1, 0, 1);
	options->wants_improvement = options->strictly_better || options->min_improvement >= 0;
	if (options->max_lhs + options->max_rhs < options->max_length)
	{
		options->max_length = options->max_lhs + options->max_rhs;
		options->max_length_given = true;
	}
}

/*
 * Reads and checks the options, in the current memory context.  Those of rules
 * only must not be given where itemsets are asked for.
 */
void
rules_options_read(RulesOptions *options, OptionsReader *reader, bool rules)
{
	double		min_support;
	int64		min_count;
	int			i;

	rules_options_defaults(options, rules);
	min_support = options_float(reader, "min_support", -1, 0, 1);
	min_count = options_int(reader, "min_count", 0, 1, PG_INT32_MAX);
	if (min_support >= 0 && min_count > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("min_support and min_count cannot both be given"),
				 errhint("min_support is a share of the baskets, min_count a number of them.")));
	options->threshold_given = min_support >= 0 || min_count > 0;
	if (min_count > 0)
	{
		options->min_support = -1;
		options->min_count = min_count;
	}
	else if (min_support >= 0)
		options->min_support = min_support;

	i = options_int(reader, "max_length", 0, 1, ITEMSET_MAX_LENGTH);
	if (i > 0)
	{
		options->max_length = i;
		options->max_length_given = true;
	}
	options->max_basket = options_int(reader, "max_basket", 0, 1, PG_INT32_MAX);
	options->top_k = options_int(reader, "top_k", 0, 1, 10000000);
	options->target = options_word(reader, "target", TARGET_ALL, target_words);
	options->exclude = read_list(reader, "exclude");
	options->hierarchy = read_list(reader, "hierarchy");
	if (options->hierarchy && ARR_NDIM(options->hierarchy) > 0 &&
		(ARR_NDIM(options->hierarchy) != 2 || ARR_DIMS(options->hierarchy)[1] != 2))
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("hierarchy must be an array of pairs: item and ancestor"),
				 errhint("Make it with array_agg(ARRAY[item, ancestor]).")));

	if (rules)
		read_rule_options(options, reader);
	else
		for (i = 0; i < reader->tupdesc->natts; i++)
		{
			const char *name = NameStr(TupleDescAttr(reader->tupdesc, i)->attname);
			int			k;

			for (k = 0; rule_fields[k]; k++)
				if (!reader->nulls[i] && strcmp(rule_fields[k], name) == 0)
					ereport(ERROR,
							(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							 errmsg("option %s is for rules, not for itemsets", name)));
		}

	/* the bar can rise by itself only from below, where the measure falls with the count */
	if (!options->threshold_given && options->top_k > 0 &&
		(options->target == TARGET_ALL || (!rules && options->target == TARGET_CLOSED)) &&
		options->significance == SIGNIFICANCE_NONE &&
		rule_measure_needs_count(options->rank_by, options->min_lift))
	{
		options->min_support = -1;
		options->min_count = 2;
	}
}

/* rules_options(min_support, ...): checked here too, where the mistake is made. */
RECSYS_FUNCTION(recsys_rules_options);
Datum
recsys_rules_options(PG_FUNCTION_ARGS)
{
	OptionsReader reader;
	RulesOptions options;

	rules_options_arguments(&reader, fcinfo, 0);
	rules_options_read(&options, &reader, true);
	PG_RETURN_DATUM(options_construct(fcinfo));
}
