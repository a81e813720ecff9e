/*-------------------------------------------------------------------------
 *
 * retention.c
 *		cohort_retention_agg(): how many of those who first ordered in one
 *		period order again in each later one.
 *
 * The state is the set of different (customer, period), with customers as
 * dense numbers and periods counted from the year 0: 16 bytes each beside the
 * dictionary of customers.  States are combined by union.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "access/htup_details.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "core/aggregate.h"
#include "core/iddict.h"
#include "core/numbers.h"
#include "core/options.h"
#include "lifecycle/times.h"

typedef enum
{
	PERIOD_DAY,
	PERIOD_WEEK,
	PERIOD_MONTH,
	PERIOD_QUARTER,
	PERIOD_YEAR
} Period;

static const char *const periods[] = {"day", "week", "month", "quarter", "year", NULL};

typedef struct ActiveEntry
{
	uint64		key;			/* customer in the high half, period in the low */
	char		status;
} ActiveEntry;

#define SH_PREFIX active
#define SH_ELEMENT_TYPE ActiveEntry
#define SH_KEY_TYPE uint64
#define SH_KEY key
#define SH_HASH_KEY(tb, k) ((uint32) mix64(k))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct RetentionState
{
	MemoryContext cxt;
	Period		period;
	IdDict	   *users;			/* NULL while there is none */
	active_hash *active;
} RetentionState;

static RetentionState *
create_state(FunctionCallInfo fcinfo, Period period)
{
	MemoryContext cxt;
	RetentionState *state;

	cxt = aggregate_context(fcinfo);
	state = MemoryContextAllocZero(cxt, sizeof(RetentionState));
	state->cxt = cxt;
	state->period = period;
	state->active = active_create(cxt, 256, NULL);
	return state;
}

/* Number of the period in which a time is, in the time zone of the session. */
static int32
period_of(Period period, TimestampTz time)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			tz;

	if (timestamp2tm(time, &tz, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	switch (period)
	{
		case PERIOD_DAY:
			return date2j(tm.tm_year, tm.tm_mon, tm.tm_mday);
		case PERIOD_WEEK:
			/* day 0 of the Julian calendar was a Monday */
			return date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) / 7;
		case PERIOD_MONTH:
			return tm.tm_year * 12 + tm.tm_mon - 1;
		case PERIOD_QUARTER:
			return tm.tm_year * 4 + (tm.tm_mon - 1) / 3;
		case PERIOD_YEAR:
			return tm.tm_year;
	}
	return 0;
}

/* First day of a period. */
static DateADT
period_start(Period period, int32 number)
{
	int			day = 0;

	switch (period)
	{
		case PERIOD_DAY:
			day = number;
			break;
		case PERIOD_WEEK:
			day = number * 7;
			break;
		case PERIOD_MONTH:
			day = date2j(number / 12, number % 12 + 1, 1);
			break;
		case PERIOD_QUARTER:
			day = date2j(number / 4, number % 4 * 3 + 1, 1);
			break;
		case PERIOD_YEAR:
			day = date2j(number, 1, 1);
			break;
	}
	return day - POSTGRES_EPOCH_JDATE;
}

/* Beyond the periods of any time. */
static int32
period_limit(Period period)
{
	/* the last year of a timestamp */
	const int32 years = 294277;

	switch (period)
	{
		case PERIOD_DAY:
			return date2j(years, 1, 1);
		case PERIOD_WEEK:
			return date2j(years, 1, 1) / 7 + 1;
		case PERIOD_MONTH:
			return years * 12;
		case PERIOD_QUARTER:
			return years * 4;
		case PERIOD_YEAR:
			return years;
	}
	return 0;
}

static void
add_active(RetentionState *state, uint32 user, int32 period)
{
	bool		found;

	active_insert(state->active, ((uint64) user << 32) | (uint32) period, &found);
	if (!found && (state->active->members & 0xfff) == 0)
		check_state_memory(iddict_memory(state->users) + state->active->size * sizeof(ActiveEntry),
						   "customers and their periods");
}

RECSYS_FUNCTION(recsys_retention_transition);
RECSYS_FUNCTION(recsys_retention_combine);
RECSYS_FUNCTION(recsys_retention_serialize);
RECSYS_FUNCTION(recsys_retention_deserialize);
RECSYS_FUNCTION(recsys_retention_final);

/* (state, user, ts, period) */
Datum
recsys_retention_transition(PG_FUNCTION_ARGS)
{
	RetentionState *state = PG_ARGISNULL(0) ? NULL : (RetentionState *) PG_GETARG_POINTER(0);
	TimestampTz time;
	int32		period;

	if (state == NULL)
	{
		if (PG_ARGISNULL(3))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("period must not be null")));
		state = create_state(fcinfo,
							 check_word_option("period", text_to_cstring(PG_GETARG_TEXT_PP(3)),
											   periods));
	}
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_POINTER(state);
	time = lifecycle_time(TIMESTAMPTZOID, PG_GETARG_DATUM(2), "ts");
	period = period_of(state->period, time);
	if (period < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("ts must not be before the common era")));
	if (state->users == NULL)
		state->users = iddict_create(state->cxt, get_fn_expr_argtype(fcinfo->flinfo, 1),
									 PG_GET_COLLATION(), "user");
	add_active(state, iddict_put(state->users, PG_GETARG_DATUM(1)), period);
	PG_RETURN_POINTER(state);
}

Datum
recsys_retention_combine(PG_FUNCTION_ARGS)
{
	RetentionState *state = PG_ARGISNULL(0) ? NULL : (RetentionState *) PG_GETARG_POINTER(0);
	RetentionState *other = PG_ARGISNULL(1) ? NULL : (RetentionState *) PG_GETARG_POINTER(1);
	active_iterator iterator;
	ActiveEntry *entry;

	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (state == NULL)
		state = create_state(fcinfo, other->period);
	else if (state->period != other->period)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("period must be the same in all rows")));
	if (other->users == NULL)
		PG_RETURN_POINTER(state);
	if (state->users == NULL)
		state->users = iddict_create(state->cxt, iddict_type(other->users),
									 iddict_collation(other->users), "user");
	active_start_iterate(other->active, &iterator);
	while ((entry = active_iterate(other->active, &iterator)) != NULL)
		add_active(state, iddict_put(state->users, iddict_value(other->users, entry->key >> 32)),
				   (int32) (entry->key & PG_UINT32_MAX));
	PG_RETURN_POINTER(state);
}

Datum
recsys_retention_serialize(PG_FUNCTION_ARGS)
{
	RetentionState *state = (RetentionState *) PG_GETARG_POINTER(0);
	active_iterator iterator;
	ActiveEntry *entry;
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, state->period);
	pq_sendint32(&buf, state->active->members);
	if (state->users)
		iddict_serialize(state->users, &buf);
	active_start_iterate(state->active, &iterator);
	while ((entry = active_iterate(state->active, &iterator)) != NULL)
		pq_sendint64(&buf, entry->key);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

Datum
recsys_retention_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *source = PG_GETARG_BYTEA_PP(0);
	RetentionState *state;
	StringInfoData buf;
	int			period;
	uint32		n;

	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, VARDATA_ANY(source), VARSIZE_ANY_EXHDR(source));
	period = pq_getmsgbyte(&buf);
	if (period > PERIOD_YEAR)
		damaged_state_error();
	state = create_state(fcinfo, period);
	n = pq_getmsgint(&buf, 4);
	if (n > 0)
		state->users = iddict_deserialize(state->cxt, &buf, "user");
	for (; n > 0; n--)
	{
		uint64		key = pq_getmsgint64(&buf);

		CHECK_FOR_INTERRUPTS();
		if (key >> 32 >= iddict_count(state->users) ||
			(key & PG_UINT32_MAX) >= period_limit(state->period))
			damaged_state_error();
		add_active(state, key >> 32, (int32) (key & PG_UINT32_MAX));
	}
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(state);
}

/* The set as (first period of the customer, periods since then), sorted. */
static uint64 *
cohort_keys(RetentionState *state)
{
	uint32		nusers = iddict_count(state->users);
	int32	   *first = MemoryContextAllocHuge(CurrentMemoryContext, nusers * sizeof(int32));
	uint64	   *keys = MemoryContextAllocHuge(CurrentMemoryContext,
											  state->active->members * sizeof(uint64));
	active_iterator iterator;
	ActiveEntry *entry;
	uint64		n = 0;
	uint32		i;

	for (i = 0; i < nusers; i++)
		first[i] = PG_INT32_MAX;
	active_start_iterate(state->active, &iterator);
	while ((entry = active_iterate(state->active, &iterator)) != NULL)
	{
		int32	   *f = &first[entry->key >> 32];

		*f = Min(*f, (int32) (entry->key & PG_UINT32_MAX));
	}
	CHECK_FOR_INTERRUPTS();
	active_start_iterate(state->active, &iterator);
	while ((entry = active_iterate(state->active, &iterator)) != NULL)
	{
		int32		cohort = first[entry->key >> 32];

		keys[n++] = ((uint64) cohort << 32) |
			(uint32) ((int32) (entry->key & PG_UINT32_MAX) - cohort);
	}
	pfree(first);
	CHECK_FOR_INTERRUPTS();
	qsort(keys, n, sizeof(uint64), compare_uint64);
	return keys;
}

/* An array of cohort_retention, by cohort and period. */
Datum
recsys_retention_final(PG_FUNCTION_ARGS)
{
	RetentionState *state = PG_ARGISNULL(0) ? NULL : (RetentionState *) PG_GETARG_POINTER(0);
	Oid			type = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	TupleDesc	tupdesc;
	ArrayBuildState *result = NULL;
	uint64	   *keys;
	uint64		n;
	uint64		i;
	uint64		run;
	uint64		customers = 0;

	if (state == NULL || state->users == NULL)
		PG_RETURN_NULL();
	tupdesc = lookup_rowtype_tupdesc_copy(type, -1);
	keys = cohort_keys(state);
	n = state->active->members;
	for (i = 0; i < n; i += run)
	{
		int32		period = (int32) (keys[i] & PG_UINT32_MAX);
		Datum		values[5];
		bool		nulls[5] = {false};

		CHECK_FOR_INTERRUPTS();
		for (run = 1; i + run < n && keys[i + run] == keys[i]; run++)
			;
		/* every customer is active in the period of the first order */
		if (period == 0)
			customers = run;
		values[0] = DateADTGetDatum(period_start(state->period, keys[i] >> 32));
		values[1] = Int32GetDatum(period);
		values[2] = Int64GetDatum(customers);
		values[3] = Int64GetDatum(run);
		values[4] = Float8GetDatum((double) run / (double) customers);
		result = accumArrayResult(result,
								  HeapTupleGetDatum(heap_form_tuple(tupdesc, values, nulls)),
								  false, type, CurrentMemoryContext);
	}
	pfree(keys);
	PG_RETURN_DATUM(makeArrayResult(result, CurrentMemoryContext));
}
