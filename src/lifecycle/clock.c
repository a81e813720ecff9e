/*-------------------------------------------------------------------------
 *
 * clock.c
 *		repurchase_clock_agg(): when one customer is due to order again.
 *
 * The state is the list of the customer's order times; orders at the same time
 * are one order, and a gap is the time between one and the next, in days of 24
 * hours.  Who has few gaps tells little, so that their mean is drawn towards a
 * given prior, for instance that of the category, which counts as much as
 * prior_weight gaps:
 *
 *		expected_gap = (gaps mean_gap + prior_weight prior_gap) / (gaps + prior_weight)
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "common/int.h"
#include "utils/builtins.h"
#include "utils/datetime.h"

#include "core/aggregate.h"
#include "core/numbers.h"
#include "core/options.h"
#include "lifecycle/times.h"

#define DEFAULT_PRIOR_WEIGHT 2.0

typedef struct ClockOptions
{
	bool		has_as_of;
	bool		has_prior;
	TimestampTz as_of;
	double		prior_gap;		/* days */
	double		prior_weight;
} ClockOptions;

typedef struct ClockState
{
	ClockOptions options;
	uint32		count;
	uint32		capacity;
	TimestampTz *times;
} ClockState;

/* There may be millions of customers: nothing but what is needed, and no context of its own. */
static ClockState *
create_state(MemoryContext cxt, uint32 capacity)
{
	ClockState *state = MemoryContextAllocZero(cxt, sizeof(ClockState));

	state->capacity = Max(capacity, 4);
	state->times = MemoryContextAlloc(cxt, state->capacity * sizeof(TimestampTz));
	return state;
}

static void
add_time(ClockState *state, TimestampTz time)
{
	if (state->count == state->capacity)
	{
		if (state->capacity > MaxAllocSize / sizeof(TimestampTz) / 2)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("too many orders of one customer"),
					 errhint("Group the rows by customer.")));
		state->capacity *= 2;
		state->times = repalloc_array(state->times, TimestampTz, state->capacity);
	}
	state->times[state->count++] = time;
}

static void
read_options(ClockOptions *options, Datum value)
{
	OptionsReader reader;
	Datum		as_of;

	memset(options, 0, sizeof(*options));
	options_open(&reader, value, "repurchase_options");
	options->has_as_of = options_get(&reader, "as_of", &as_of);
	if (options->has_as_of)
		options->as_of = lifecycle_time(TIMESTAMPTZOID, as_of, "as_of");
	options->prior_gap = options_float(&reader, "prior_gap", -1, 0, 1e6);
	options->has_prior = options->prior_gap >= 0;
	options->prior_weight = options_float(&reader, "prior_weight", DEFAULT_PRIOR_WEIGHT, 0, 1e6);
}

RECSYS_FUNCTION(recsys_repurchase_options);

Datum
recsys_repurchase_options(PG_FUNCTION_ARGS)
{
	Datum		result = options_construct(fcinfo);
	ClockOptions options;

	read_options(&options, result);
	return result;
}

RECSYS_FUNCTION(recsys_clock_transition);
RECSYS_FUNCTION(recsys_clock_combine);
RECSYS_FUNCTION(recsys_clock_serialize);
RECSYS_FUNCTION(recsys_clock_deserialize);
RECSYS_FUNCTION(recsys_clock_final);

/* (state, ts [, options]) */
Datum
recsys_clock_transition(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = aggregate_context(fcinfo);
	ClockState *state = PG_ARGISNULL(0) ? NULL : (ClockState *) PG_GETARG_POINTER(0);
	MemoryContext old;

	if (state == NULL)
	{
		state = create_state(cxt, 0);
		if (PG_NARGS() > 2)
		{
			if (PG_ARGISNULL(2))
				null_options_error("repurchase_options");
			read_options(&state->options, PG_GETARG_DATUM(2));
		}
	}
	if (!PG_ARGISNULL(1))
	{
		TimestampTz time = lifecycle_time(TIMESTAMPTZOID, PG_GETARG_DATUM(1), "ts");

		old = MemoryContextSwitchTo(cxt);
		if (!state->options.has_as_of || time <= state->options.as_of)
			add_time(state, time);
		MemoryContextSwitchTo(old);
	}
	PG_RETURN_POINTER(state);
}

static bool
same_options(const ClockOptions *a, const ClockOptions *b)
{
	return a->has_as_of == b->has_as_of && a->has_prior == b->has_prior &&
		a->as_of == b->as_of && a->prior_gap == b->prior_gap &&
		a->prior_weight == b->prior_weight;
}

Datum
recsys_clock_combine(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = aggregate_context(fcinfo);
	ClockState *state = PG_ARGISNULL(0) ? NULL : (ClockState *) PG_GETARG_POINTER(0);
	ClockState *other = PG_ARGISNULL(1) ? NULL : (ClockState *) PG_GETARG_POINTER(1);
	MemoryContext old;
	uint32		i;

	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (state == NULL)
	{
		state = create_state(cxt, other->count);
		state->options = other->options;
	}
	else if (!same_options(&state->options, &other->options))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options of repurchase_clock_agg must be the same in all rows of a group")));
	old = MemoryContextSwitchTo(cxt);
	for (i = 0; i < other->count; i++)
		add_time(state, other->times[i]);
	MemoryContextSwitchTo(old);
	PG_RETURN_POINTER(state);
}

Datum
recsys_clock_serialize(PG_FUNCTION_ARGS)
{
	ClockState *state = (ClockState *) PG_GETARG_POINTER(0);
	Size		size = VARHDRSZ + sizeof(ClockOptions) + state->count * sizeof(TimestampTz);
	bytea	   *result = palloc(size);

	SET_VARSIZE(result, size);
	memcpy(VARDATA(result), &state->options, sizeof(ClockOptions));
	memcpy(VARDATA(result) + sizeof(ClockOptions), state->times,
		   state->count * sizeof(TimestampTz));
	PG_RETURN_BYTEA_P(result);
}

Datum
recsys_clock_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *source = PG_GETARG_BYTEA_PP(0);
	MemoryContext cxt = aggregate_context(fcinfo);
	Size		size = VARSIZE_ANY_EXHDR(source);
	uint32		count;
	ClockState *state;
	uint32		i;

	if (size < sizeof(ClockOptions) || (size - sizeof(ClockOptions)) % sizeof(TimestampTz) != 0)
		damaged_state_error();
	count = (size - sizeof(ClockOptions)) / sizeof(TimestampTz);
	state = create_state(cxt, count);
	memcpy(&state->options, VARDATA_ANY(source), sizeof(ClockOptions));
	check_state_bool(state->options.has_as_of);
	check_state_bool(state->options.has_prior);
	if ((state->options.has_as_of && !IS_VALID_TIMESTAMP(state->options.as_of)) ||
		!(state->options.prior_gap >= -1 && state->options.prior_gap <= 1e6) ||
		!(state->options.prior_weight >= 0 && state->options.prior_weight <= 1e6))
		damaged_state_error();
	memcpy(state->times, VARDATA_ANY(source) + sizeof(ClockOptions), count * sizeof(TimestampTz));
	for (i = 0; i < count; i++)
		if (!IS_VALID_TIMESTAMP(state->times[i]) ||
			(state->options.has_as_of && state->times[i] > state->options.as_of))
			damaged_state_error();
	state->count = count;
	PG_RETURN_POINTER(state);
}

/* The different times in order, and their number. */
static TimestampTz *
sorted_times(const ClockState *state, uint32 *count)
{
	TimestampTz *times = palloc_array(TimestampTz, state->count);
	uint32		n = 0;
	uint32		i;

	memcpy(times, state->times, state->count * sizeof(TimestampTz));
	qsort(times, state->count, sizeof(TimestampTz), compare_int64);
	for (i = 0; i < state->count; i++)
		if (i == 0 || times[i] != times[n - 1])
			times[n++] = times[i];
	*count = n;
	return times;
}

/* percentile_cont of sorted values, of which there is at least one. */
static double
percentile(const int64 *sorted, uint32 n, double fraction)
{
	double		position = fraction * (n - 1);
	uint32		low = (uint32) floor(position);
	uint32		high = Min(low + 1, n - 1);

	return DAYS_OF(sorted[low]) + (position - low) * (DAYS_OF(sorted[high]) - DAYS_OF(sorted[low]));
}

/* Hour and day of the week with the most orders, the earlier in a tie. */
static void
best_moments(const TimestampTz *times, uint32 n, int *hour, int *weekday)
{
	uint32		hours[24] = {0};
	uint32		weekdays[8] = {0};	/* from 1, Monday */
	uint32		i;
	int			j;

	for (i = 0; i < n; i++)
	{
		struct pg_tm tm;
		fsec_t		fsec;
		int			tz;
		int			dow;

		CHECK_FOR_INTERRUPTS();
		if (timestamp2tm(times[i], &tz, &tm, &fsec, NULL, NULL) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
					 errmsg("timestamp out of range")));
		dow = j2day(date2j(tm.tm_year, tm.tm_mon, tm.tm_mday));
		hours[tm.tm_hour]++;
		weekdays[dow == 0 ? 7 : dow]++;
	}
	*hour = 0;
	*weekday = 1;
	for (j = 1; j < 24; j++)
		if (hours[j] > hours[*hour])
			*hour = j;
	for (j = 2; j <= 7; j++)
		if (weekdays[j] > weekdays[*weekday])
			*weekday = j;
}

enum
{
	ORDERS,
	GAPS,
	MEAN_GAP,
	MEDIAN_GAP,
	P80_GAP,
	EXPECTED_GAP,
	LAST_ORDER,
	NEXT_DUE,
	OVERDUE_RATIO,
	BEST_HOUR,
	BEST_WEEKDAY,
	CLOCK_COLUMNS
};

/* Gaps and what follows from them: columns from MEAN_GAP to OVERDUE_RATIO. */
static void
describe_gaps(const ClockOptions *options, const TimestampTz *times, uint32 n,
			  Datum *values, bool *nulls)
{
	uint32		ngaps = n - 1;
	int64	   *gaps = palloc_array(int64, n);
	double		expected = options->prior_gap;
	double		due;
	int64		span;
	uint32		i;

	/* then no other difference overflows */
	if (pg_sub_s64_overflow(options->has_as_of ? Max(options->as_of, times[n - 1]) : times[n - 1],
							times[0], &span))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("orders are too far apart"),
				 errdetail("Differences of times reach 292271 years.")));
	if (ngaps > 0)
	{
		double		mean = DAYS_OF(times[n - 1] - times[0]) / ngaps;

		for (i = 0; i < ngaps; i++)
			gaps[i] = times[i + 1] - times[i];
		qsort(gaps, ngaps, sizeof(int64), compare_int64);
		values[MEAN_GAP] = Float8GetDatum(mean);
		values[MEDIAN_GAP] = Float8GetDatum(percentile(gaps, ngaps, 0.5));
		values[P80_GAP] = Float8GetDatum(percentile(gaps, ngaps, 0.8));
		expected = !options->has_prior ? mean :
			(ngaps * mean + options->prior_weight * options->prior_gap) /
			(ngaps + options->prior_weight);
	}
	else
	{
		nulls[MEAN_GAP] = nulls[MEDIAN_GAP] = nulls[P80_GAP] = true;
		/* a prior without weight says nothing */
		if (!options->has_prior || options->prior_weight == 0)
		{
			nulls[EXPECTED_GAP] = nulls[NEXT_DUE] = nulls[OVERDUE_RATIO] = true;
			return;
		}
	}
	values[EXPECTED_GAP] = Float8GetDatum(expected);
	due = (double) times[n - 1] + rint(expected * (double) USECS_PER_DAY);
	nulls[NEXT_DUE] = due >= (double) END_TIMESTAMP;
	if (!nulls[NEXT_DUE])
		values[NEXT_DUE] = TimestampTzGetDatum(times[n - 1] +
											   (int64) rint(expected * (double) USECS_PER_DAY));
	nulls[OVERDUE_RATIO] = !options->has_as_of || expected == 0;
	if (!nulls[OVERDUE_RATIO])
		values[OVERDUE_RATIO] = Float8GetDatum(DAYS_OF(options->as_of - times[n - 1]) / expected);
}

/* NULL for a customer without orders */
Datum
recsys_clock_final(PG_FUNCTION_ARGS)
{
	ClockState *state = PG_ARGISNULL(0) ? NULL : (ClockState *) PG_GETARG_POINTER(0);
	TimestampTz *times;
	uint32		n;
	TupleDesc	tupdesc;
	Datum		values[CLOCK_COLUMNS] = {0};
	bool		nulls[CLOCK_COLUMNS] = {false};
	int			hour;
	int			weekday;

	if (state == NULL || state->count == 0)
		PG_RETURN_NULL();
	times = sorted_times(state, &n);
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[ORDERS] = Int64GetDatum(n);
	values[GAPS] = Int64GetDatum(n - 1);
	values[LAST_ORDER] = TimestampTzGetDatum(times[n - 1]);
	describe_gaps(&state->options, times, n, values, nulls);
	best_moments(times, n, &hour, &weekday);
	values[BEST_HOUR] = Int32GetDatum(hour);
	values[BEST_WEEKDAY] = Int32GetDatum(weekday);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls));
}
