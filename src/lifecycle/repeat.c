/*-------------------------------------------------------------------------
 *
 * repeat.c
 *		second_order_rate_agg() and repurchase_rate_agg(), over raw orders.
 *
 * The state keeps, for each customer, the first two different times of order:
 * orders at the same time are one order.  The two smallest of the union of two
 * states are found among the two smallest of each, so states can be combined
 * in any split.  It takes about 50 bytes a customer and the ids themselves.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "core/aggregate.h"
#include "core/iddict.h"
#include "lifecycle/times.h"

/* DT_NOEND stands for no order. */
typedef struct FirstTwo
{
	int64		first;
	int64		second;
} FirstTwo;

typedef struct RepeatState
{
	MemoryContext cxt;
	IdDict	   *users;
	FirstTwo   *orders;			/* by number of the user */
	uint32		capacity;
	/* of repurchase_rate_agg() */
	bool		has_within;
	Interval	within;
	bool		has_as_of;
	TimestampTz as_of;
} RepeatState;

/* A state with the options of another, or none, and no customers. */
static RepeatState *
create_state(MemoryContext cxt, const RepeatState *like)
{
	RepeatState *state = MemoryContextAllocZero(cxt, sizeof(RepeatState));

	if (like)
		*state = *like;
	state->cxt = cxt;
	state->users = NULL;
	state->orders = NULL;
	state->capacity = 0;
	return state;
}

/* The two orders of a customer, with none if they are new. */
static FirstTwo *
find_user(RepeatState *state, Datum user)
{
	uint32		count = iddict_count(state->users);
	uint32		id = iddict_put(state->users, user);

	if (id >= state->capacity)
	{
		state->capacity = Max(state->capacity * 2, 64);
		if (state->orders == NULL)
			state->orders = MemoryContextAllocHuge(state->cxt, state->capacity * sizeof(FirstTwo));
		else
			state->orders = repalloc_huge(state->orders, state->capacity * sizeof(FirstTwo));
	}
	if (id == count && (id & 0xfff) == 0xfff)
		check_state_memory(iddict_memory(state->users) + state->capacity * sizeof(FirstTwo),
						   "customers");
	if (id == count)
		state->orders[id].first = state->orders[id].second = DT_NOEND;
	return &state->orders[id];
}

static void
add_time(FirstTwo *orders, int64 time)
{
	if (time < orders->first)
	{
		orders->second = orders->first;
		orders->first = time;
	}
	else if (time > orders->first && time < orders->second)
		orders->second = time;
}

static void
read_window(FunctionCallInfo fcinfo, RepeatState *state)
{
	Interval   *within;

	if (PG_NARGS() <= 3)
		return;
	if (PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("within must not be null")));
	within = PG_GETARG_INTERVAL_P(3);
	if (within->time < 0 || within->day < 0 || within->month < 0 ||
		(within->time == 0 && within->day == 0 && within->month == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("within must be a positive interval")));
	state->has_within = true;
	state->within = *within;
	if (PG_NARGS() > 4)
	{
		if (PG_ARGISNULL(4))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("as_of must not be null")));
		state->has_as_of = true;
		state->as_of = lifecycle_time(TIMESTAMPTZOID, PG_GETARG_DATUM(4), "as_of");
	}
}

RECSYS_FUNCTION(recsys_repeat_transition);
RECSYS_FUNCTION(recsys_repeat_combine);
RECSYS_FUNCTION(recsys_repeat_serialize);
RECSYS_FUNCTION(recsys_repeat_deserialize);
RECSYS_FUNCTION(recsys_repeat_final);

/* (state, user, ts [, within [, as_of]]) */
Datum
recsys_repeat_transition(PG_FUNCTION_ARGS)
{
	RepeatState *state = PG_ARGISNULL(0) ? NULL : (RepeatState *) PG_GETARG_POINTER(0);
	int64		time;

	if (state == NULL)
	{
		state = create_state(aggregate_context(fcinfo), NULL);
		read_window(fcinfo, state);
	}
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_POINTER(state);
	time = lifecycle_time(TIMESTAMPTZOID, PG_GETARG_DATUM(2), "ts");
	if (state->has_as_of && time > state->as_of)
		PG_RETURN_POINTER(state);
	if (state->users == NULL)
		state->users = iddict_create(state->cxt, get_fn_expr_argtype(fcinfo->flinfo, 1),
									 PG_GET_COLLATION(), "user");
	add_time(find_user(state, PG_GETARG_DATUM(1)), time);
	PG_RETURN_POINTER(state);
}

static bool
same_window(const RepeatState *a, const RepeatState *b)
{
	return a->has_within == b->has_within && a->has_as_of == b->has_as_of &&
		a->as_of == b->as_of && a->within.time == b->within.time &&
		a->within.day == b->within.day && a->within.month == b->within.month;
}

Datum
recsys_repeat_combine(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = aggregate_context(fcinfo);
	RepeatState *state = PG_ARGISNULL(0) ? NULL : (RepeatState *) PG_GETARG_POINTER(0);
	RepeatState *other = PG_ARGISNULL(1) ? NULL : (RepeatState *) PG_GETARG_POINTER(1);
	uint32		i;

	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (state == NULL)
		state = create_state(cxt, other);
	else if (!same_window(state, other))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("within and as_of must be the same in all rows")));
	if (other->users == NULL)
		PG_RETURN_POINTER(state);
	if (state->users == NULL)
		state->users = iddict_create(state->cxt, iddict_type(other->users),
									 iddict_collation(other->users), "user");
	for (i = 0; i < iddict_count(other->users); i++)
	{
		FirstTwo   *orders = find_user(state, iddict_value(other->users, i));

		add_time(orders, other->orders[i].first);
		if (other->orders[i].second != DT_NOEND)
			add_time(orders, other->orders[i].second);
		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	PG_RETURN_POINTER(state);
}

Datum
recsys_repeat_serialize(PG_FUNCTION_ARGS)
{
	RepeatState *state = (RepeatState *) PG_GETARG_POINTER(0);
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, state->has_within);
	pq_sendint64(&buf, state->within.time);
	pq_sendint32(&buf, state->within.day);
	pq_sendint32(&buf, state->within.month);
	pq_sendbyte(&buf, state->has_as_of);
	pq_sendint64(&buf, state->as_of);
	pq_sendbyte(&buf, state->users != NULL);
	if (state->users)
	{
		iddict_serialize(state->users, &buf);
		appendBinaryStringInfo(&buf, (const char *) state->orders,
							   iddict_count(state->users) * sizeof(FirstTwo));
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

Datum
recsys_repeat_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *source = PG_GETARG_BYTEA_PP(0);
	MemoryContext cxt = aggregate_context(fcinfo);
	RepeatState like = {0};
	RepeatState *state;
	StringInfoData buf;

	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, VARDATA_ANY(source), VARSIZE_ANY_EXHDR(source));
	like.has_within = pq_getmsgbyte(&buf) != 0;
	like.within.time = pq_getmsgint64(&buf);
	like.within.day = (int32) pq_getmsgint(&buf, 4);
	like.within.month = (int32) pq_getmsgint(&buf, 4);
	like.has_as_of = pq_getmsgbyte(&buf) != 0;
	like.as_of = pq_getmsgint64(&buf);
	state = create_state(cxt, &like);
	if (pq_getmsgbyte(&buf))
	{
		state->users = iddict_deserialize(cxt, &buf, "user");
		state->capacity = Max(iddict_count(state->users), 1);
		state->orders = MemoryContextAllocHuge(cxt, state->capacity * sizeof(FirstTwo));
		pq_copymsgbytes(&buf, (char *) state->orders,
						iddict_count(state->users) * sizeof(FirstTwo));
	}
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(state);
}

/*
 * Share of the customers with a second order; with a window, of those whose
 * window was over by as_of, the ones with a second order within it.
 */
Datum
recsys_repeat_final(PG_FUNCTION_ARGS)
{
	RepeatState *state = PG_ARGISNULL(0) ? NULL : (RepeatState *) PG_GETARG_POINTER(0);
	uint64		customers = 0;
	uint64		repeated = 0;
	uint32		i;

	if (state == NULL || state->users == NULL)
		PG_RETURN_NULL();
	for (i = 0; i < iddict_count(state->users); i++)
	{
		const FirstTwo *orders = &state->orders[i];
		TimestampTz end = DT_NOEND;

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (state->has_within)
			end = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
														  TimestampTzGetDatum(orders->first),
														  IntervalPGetDatum(&state->within)));
		if (state->has_as_of && end > state->as_of)
			continue;
		customers++;
		if (orders->second != DT_NOEND && orders->second <= end)
			repeated++;
	}
	if (customers == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8((double) repeated / (double) customers);
}
