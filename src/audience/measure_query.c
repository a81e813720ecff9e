/*-------------------------------------------------------------------------
 *
 * measure_query.c
 *		What is asked of a measure: sum, mean, extremes, top, range, members.
 *
 * Each question goes from the highest slice to the lowest and keeps the
 * candidates that are still tied, as a set.  Negative values have their bits
 * inverted, so among them fewer bits mean a larger value.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/tuplestore.h"

#include "audience/measure.h"

/* The parts of a measure, restricted to a crowd. */
typedef struct Slices
{
	int			nparts;
	const Audience *parts[MEASURE_MAX_PARTS];
	const Audience *ids;		/* in the crowd */
	const Audience *negative;
} Slices;

#define slice(s, i) ((s)->parts[MEASURE_SLICES + (i)])
#define nslices(s) ((s)->nparts - MEASURE_SLICES)

/*
 * Argument 0 is the measure, argument ncrowd the crowd or NULL for all.  Slices
 * are not restricted: whatever is asked starts from ids or negative.
 */
static void
get_slices(FunctionCallInfo fcinfo, int ncrowd, Slices *s)
{
	Measure    *measure = PG_GETARG_MEASURE(0);

	s->nparts = measure->nparts;
	measure_get_parts(measure, s->parts);
	s->ids = s->parts[MEASURE_IDS];
	s->negative = s->parts[MEASURE_SIGN];
	if (ncrowd < PG_NARGS() && !PG_ARGISNULL(ncrowd))
	{
		Audience   *crowd = PG_GETARG_AUDIENCE(ncrowd);

		s->ids = audience_setop(AUDIENCE_AND, s->ids, crowd);
		s->negative = audience_setop(AUDIENCE_AND, s->negative, crowd);
	}
}

/* A set that a loop over slices narrows down: frees what it replaces. */
typedef struct Working
{
	const Audience *set;
	bool		owned;
} Working;

static void
working_replace(Working *working, const Audience *set)
{
	if (working->owned)
		pfree((void *) working->set);
	working->set = set;
	working->owned = true;
}

/* ---- sum and mean ---- */

static Datum
to_numeric(int64 value)
{
	return DirectFunctionCall1(int8_numeric, Int64GetDatum(value));
}

/*
 * Sum over the crowd: 2^i for each id in slice i, once more subtracted twice for
 * the negative ones, which also are one less than their inverted bits say.
 */
static Datum
sum_slices(const Slices *s)
{
	Datum		sum = to_numeric(-(int64) s->negative->cardinality);
	int			i;

	for (i = 0; i < nslices(s); i++)
	{
		int64		count = (int64) audience_and_card(slice(s, i), s->ids);
		Datum		part;

		if (s->negative->cardinality > 0)
			count -= 2 * (int64) audience_and_card(slice(s, i), s->negative);
		part = DirectFunctionCall2(numeric_mul, to_numeric(INT64CONST(1) << i), to_numeric(count));
		sum = DirectFunctionCall2(numeric_add, sum, part);
	}
	return sum;
}

/* audience_measure_sum(measure, among): NULL if no id of the measure is in it. */
RECSYS_FUNCTION(recsys_measure_sum);
Datum
recsys_measure_sum(PG_FUNCTION_ARGS)
{
	Slices		s;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	get_slices(fcinfo, 1, &s);
	if (s.ids->cardinality == 0)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(sum_slices(&s));
}

/* audience_measure_mean(measure, among): NULL if no id of the measure is in it. */
RECSYS_FUNCTION(recsys_measure_mean);
Datum
recsys_measure_mean(PG_FUNCTION_ARGS)
{
	Slices		s;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	get_slices(fcinfo, 1, &s);
	if (s.ids->cardinality == 0)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(DirectFunctionCall2(numeric_div, sum_slices(&s),
										to_numeric((int64) s.ids->cardinality)));
}

/* ---- extremes ---- */

/* The largest (or smallest) number in the slices of the candidates. */
static uint64
extreme(const Slices *s, const Audience *candidates, bool largest)
{
	Working		left = {candidates, false};
	uint64		value = 0;
	int			i;

	for (i = nslices(s) - 1; i >= 0; i--)
	{
		Audience   *better = audience_setop(largest ? AUDIENCE_AND : AUDIENCE_ANDNOT,
											left.set, slice(s, i));

		/* where some have the better bit, those stay; else all have the other */
		if ((better->cardinality > 0) == largest)
			value |= UINT64CONST(1) << i;
		if (better->cardinality > 0)
			working_replace(&left, better);
		else
			pfree(better);
	}
	return value;
}

static Datum
minimum_or_maximum(FunctionCallInfo fcinfo, bool maximum)
{
	Slices		s;
	bool		negative;
	const Audience *candidates;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	get_slices(fcinfo, 1, &s);
	if (s.ids->cardinality == 0)
		PG_RETURN_NULL();
	negative = maximum ? s.negative->cardinality == s.ids->cardinality : s.negative->cardinality > 0;
	candidates = negative ? s.negative : audience_setop(AUDIENCE_ANDNOT, s.ids, s.negative);
	if (negative)
		PG_RETURN_INT64(~(int64) extreme(&s, candidates, !maximum));
	PG_RETURN_INT64((int64) extreme(&s, candidates, maximum));
}

/* audience_measure_min(measure, among): NULL if no id of the measure is in it. */
RECSYS_FUNCTION(recsys_measure_min);
Datum
recsys_measure_min(PG_FUNCTION_ARGS)
{
	return minimum_or_maximum(fcinfo, false);
}

/* audience_measure_max(measure, among): NULL if no id of the measure is in it. */
RECSYS_FUNCTION(recsys_measure_max);
Datum
recsys_measure_max(PG_FUNCTION_ARGS)
{
	return minimum_or_maximum(fcinfo, true);
}

/* ---- range ---- */

/* The candidates whose number in the slices is at least c. */
static const Audience *
at_least(const Slices *s, const Audience *candidates, uint64 c)
{
	Working		tied = {candidates, false};
	Working		greater = {audience_empty(), true};
	int			i;

	if (c >> nslices(s) != 0)
		return greater.set;
	for (i = nslices(s) - 1; i >= 0; i--)
	{
		if (c >> i & 1)
			working_replace(&tied, audience_setop(AUDIENCE_AND, tied.set, slice(s, i)));
		else
		{
			Audience   *set = audience_setop(AUDIENCE_AND, tied.set, slice(s, i));

			working_replace(&greater, audience_setop(AUDIENCE_OR, greater.set, set));
			working_replace(&tied, audience_setop(AUDIENCE_ANDNOT, tied.set, slice(s, i)));
			pfree(set);
		}
	}
	working_replace(&greater, audience_setop(AUDIENCE_OR, greater.set, tied.set));
	return greater.set;
}

/* The ids whose value is at least v. */
static const Audience *
value_at_least(const Slices *s, int64 v)
{
	const Audience *others = audience_setop(AUDIENCE_ANDNOT, s->ids, s->negative);

	if (v >= 0)
		return at_least(s, others, (uint64) v);
	/* ~value <= ~v: not at least ~v + 1 */
	return audience_setop(AUDIENCE_OR, others,
						  audience_setop(AUDIENCE_ANDNOT, s->negative,
										 at_least(s, s->negative, (uint64) ~v + 1)));
}

/* The ids with a value from low to high, both included. */
static const Audience *
value_between(const Slices *s, int64 low, int64 high)
{
	const Audience *result = low == PG_INT64_MIN ? s->ids : value_at_least(s, low);

	if (low > high)
		return audience_empty();
	if (high < PG_INT64_MAX)
		result = audience_setop(AUDIENCE_ANDNOT, result, value_at_least(s, high + 1));
	return result;
}

/* audience_measure_between(measure, low, high, among): NULL: no limit. */
RECSYS_FUNCTION(recsys_measure_between);
Datum
recsys_measure_between(PG_FUNCTION_ARGS)
{
	Slices		s;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	get_slices(fcinfo, 3, &s);
	PG_RETURN_AUDIENCE(value_between(&s, PG_ARGISNULL(1) ? PG_INT64_MIN : PG_GETARG_INT64(1),
									 PG_ARGISNULL(2) ? PG_INT64_MAX : PG_GETARG_INT64(2)));
}

static Datum
compare_with(FunctionCallInfo fcinfo, int64 low, int64 high, bool none)
{
	Slices		s;

	if (none)
		PG_RETURN_AUDIENCE(audience_empty());
	get_slices(fcinfo, PG_NARGS(), &s);
	PG_RETURN_AUDIENCE(value_between(&s, low, high));
}

RECSYS_FUNCTION(recsys_measure_gt);
Datum
recsys_measure_gt(PG_FUNCTION_ARGS)
{
	int64		v = PG_GETARG_INT64(1);

	return compare_with(fcinfo, v == PG_INT64_MAX ? v : v + 1, PG_INT64_MAX, v == PG_INT64_MAX);
}

RECSYS_FUNCTION(recsys_measure_ge);
Datum
recsys_measure_ge(PG_FUNCTION_ARGS)
{
	return compare_with(fcinfo, PG_GETARG_INT64(1), PG_INT64_MAX, false);
}

RECSYS_FUNCTION(recsys_measure_lt);
Datum
recsys_measure_lt(PG_FUNCTION_ARGS)
{
	int64		v = PG_GETARG_INT64(1);

	return compare_with(fcinfo, PG_INT64_MIN, v == PG_INT64_MIN ? v : v - 1, v == PG_INT64_MIN);
}

RECSYS_FUNCTION(recsys_measure_le);
Datum
recsys_measure_le(PG_FUNCTION_ARGS)
{
	return compare_with(fcinfo, PG_INT64_MIN, PG_GETARG_INT64(1), false);
}

RECSYS_FUNCTION(recsys_measure_eq);
Datum
recsys_measure_eq(PG_FUNCTION_ARGS)
{
	return compare_with(fcinfo, PG_GETARG_INT64(1), PG_GETARG_INT64(1), false);
}

/* ---- ids and their values ---- */

/* cardinality(measure): how many ids have a value. */
RECSYS_FUNCTION(recsys_measure_cardinality);
Datum
recsys_measure_cardinality(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) measure_part(PG_GETARG_MEASURE(0), MEASURE_IDS)->cardinality);
}

/* audience_measure_ids(measure) -> audience: the ids that have a value. */
RECSYS_FUNCTION(recsys_measure_ids);
Datum
recsys_measure_ids(PG_FUNCTION_ARGS)
{
	Measure    *measure = PG_GETARG_MEASURE(0);
	const Audience *ids = measure_part(measure, MEASURE_IDS);
	Audience   *result = palloc(VARSIZE(ids));

	memcpy(result, ids, VARSIZE(ids));
	PG_RETURN_AUDIENCE(result);
}

/* audience_measure_value(measure, id) -> bigint: NULL if it has none. */
RECSYS_FUNCTION(recsys_measure_value);
Datum
recsys_measure_value(PG_FUNCTION_ARGS)
{
	Measure    *measure = PG_GETARG_MEASURE(0);
	int64		id = PG_GETARG_INT64(1);
	int64		value = 0;
	int			i;

	if (!audience_has(measure_part(measure, MEASURE_IDS), id))
		PG_RETURN_NULL();
	for (i = MEASURE_SLICES; i < measure->nparts; i++)
	{
		if (audience_has(measure_part(measure, i), id))
			value |= INT64CONST(1) << (i - MEASURE_SLICES);
	}
	PG_RETURN_INT64(audience_has(measure_part(measure, MEASURE_SIGN), id) ? ~value : value);
}

/* Restricts all parts to some ids, and starts to read them in order. */
static MeasureReader *
read_values(Slices *s, const Audience *ids)
{
	MeasureReader *reader = palloc_object(MeasureReader);
	int			i;

	if (ids->cardinality < s->parts[MEASURE_IDS]->cardinality)
	{
		for (i = MEASURE_SIGN; i < s->nparts; i++)
			s->parts[i] = audience_setop(AUDIENCE_AND, s->parts[i], ids);
		s->parts[MEASURE_IDS] = ids;
	}
	measure_reader_start(reader, s->parts, s->nparts, true);
	return reader;
}

static void
put_pair(ReturnSetInfo *rsinfo, int64 id, int64 value)
{
	Datum		values[2];
	bool		nulls[2] = {false, false};

	values[0] = Int64GetDatum(id);
	values[1] = Int64GetDatum(value);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* audience_measure_members(measure, among): (id, value), ids ascending. */
RECSYS_FUNCTION(recsys_measure_members);
Datum
recsys_measure_members(PG_FUNCTION_ARGS)
{
	Slices		s;
	MeasureReader *reader;
	uint32		i;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	get_slices(fcinfo, 1, &s);
	for (reader = read_values(&s, s.ids); !reader->done; measure_reader_next(reader))
	{
		for (i = 0; i < reader->n; i++)
			put_pair((ReturnSetInfo *) fcinfo->resultinfo,
					 make_id(reader->key, reader->places[i]), reader->values[i]);
	}
	PG_RETURN_NULL();
}

/* The n smallest ids. */
static const Audience *
first_ids(const Audience *ids, uint64 n)
{
	if (n == 0)
		return audience_empty();
	if (n >= ids->cardinality)
		return ids;
	return audience_between(ids, PG_INT64_MIN, audience_nth_id(ids, n - 1));
}

/*
 * The n candidates with the largest (or smallest) number in the slices, of equal
 * ones those with the smallest ids.
 */
static const Audience *
top_candidates(const Slices *s, const Audience *candidates, uint64 n, bool largest)
{
	Working		tied = {candidates, false};
	Working		chosen = {audience_empty(), true};
	int			i;

	if (candidates->cardinality <= n)
		return candidates;
	for (i = nslices(s) - 1; i >= 0 && chosen.set->cardinality < n; i--)
	{
		AudienceOp	op = largest ? AUDIENCE_AND : AUDIENCE_ANDNOT;
		AudienceOp	other = largest ? AUDIENCE_ANDNOT : AUDIENCE_AND;
		Audience   *better = audience_setop(op, tied.set, slice(s, i));

		if (chosen.set->cardinality + better->cardinality > n)
			working_replace(&tied, better);
		else
		{
			working_replace(&chosen, audience_setop(AUDIENCE_OR, chosen.set, better));
			working_replace(&tied, audience_setop(other, tied.set, slice(s, i)));
			pfree(better);
		}
	}
	return audience_setop(AUDIENCE_OR, chosen.set,
						  first_ids(tied.set, n - chosen.set->cardinality));
}

static int
compare_top(const void *a, const void *b)
{
	const IdValue *x = a;
	const IdValue *y = b;

	CHECK_FOR_INTERRUPTS();
	if (x->value != y->value)
		return x->value > y->value ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* audience_measure_top(measure, n, among): (id, value), largest first, ties by id. */
RECSYS_FUNCTION(recsys_measure_top);
Datum
recsys_measure_top(PG_FUNCTION_ARGS)
{
	Slices		s;
	MeasureReader *reader;
	const Audience *others;
	const Audience *chosen;
	IdValue    *pairs;
	uint64		npairs = 0;
	uint64		n;
	uint64		i;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1) || PG_GETARG_INT64(1) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("n must not be null or negative")));
	n = (uint64) PG_GETARG_INT64(1);
	get_slices(fcinfo, 2, &s);
	others = audience_setop(AUDIENCE_ANDNOT, s.ids, s.negative);
	chosen = top_candidates(&s, others, n, true);
	if (chosen->cardinality < n)
		chosen = audience_setop(AUDIENCE_OR, chosen,
								top_candidates(&s, s.negative, n - chosen->cardinality, false));

	pairs = MemoryContextAllocHuge(CurrentMemoryContext, (chosen->cardinality + 1) * sizeof(IdValue));
	for (reader = read_values(&s, chosen); !reader->done; measure_reader_next(reader))
	{
		for (i = 0; i < reader->n; i++)
		{
			pairs[npairs].id = make_id(reader->key, reader->places[i]);
			pairs[npairs++].value = reader->values[i];
		}
	}
	qsort(pairs, npairs, sizeof(IdValue), compare_top);
	for (i = 0; i < npairs; i++)
		put_pair((ReturnSetInfo *) fcinfo->resultinfo, pairs[i].id, pairs[i].value);
	PG_RETURN_NULL();
}
