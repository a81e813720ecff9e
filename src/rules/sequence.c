/*-------------------------------------------------------------------------
 *
 * sequence.c
 *		sequence_rules(): users who had A later had B, and how much later.
 *
 * Events are put together by user and, within a user, in order of time.  For
 * each item A the events of its users from A on are walked as far as the
 * window reaches, which counts, for all B at once, the users in whom B follows
 * and notes the shortest delay of each.  A second walk collects the delays of
 * those B that are frequent enough, whose medians are taken.
 *
 * Counts are of users, not of events: one user with a habit is one user.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "core/iddict.h"
#include "core/numbers.h"
#include "core/options.h"
#include "core/progress.h"
#include "core/query.h"
#include "rules/baskets.h"
#include "rules/measures.h"
#include "rules/options.h"

typedef struct Event
{
	uint32		user;
	uint32		item;
	int64		ts;				/* microseconds */
} Event;

typedef struct SequenceOptions
{
	int64		max_gap;		/* microseconds */
	int64		min_gap;
	double		min_support;	/* below 0: min_count counts */
	uint32		min_count;
	double		min_confidence;
	double		min_lift;
	uint32		top_k;			/* 0: all */
	bool		repeats;		/* A after A counts, too */
} SequenceOptions;

typedef struct SequenceRule
{
	uint32		lhs;
	uint32		rhs;
	uint32		together;
	int64		median;			/* microseconds */
} SequenceRule;

typedef struct Sequences
{
	MemoryContext cxt;
	MemoryBudget budget;
	IdDict	   *users;
	IdDict	   *items;
	Event	   *events;
	uint64		nevents;
	uint64		capacity;
	/* events by item: positions in events, ascending */
	uint32	   *first;			/* by item, one more */
	uint32	   *positions;
	uint32	   *nusers;			/* by item */
	uint32	   *rank;			/* by item: place in the order of items */
	uint32		min_count;
	/* while one A is worked at, by B */
	uint32	   *stamp;			/* the user that was seen last, + 1 */
	int64	   *delay;			/* the shortest of that user */
	uint32	   *count;			/* users */
	uint64	   *place;			/* where the next delay goes, in the second walk */
	uint32	   *touched;		/* the B that were counted */
	uint32		ntouched;
	uint32	   *of_user;		/* the B of the user that is walked */
	int64	   *delays;
	uint64		delays_capacity;
	SequenceRule *rules;
	uint64		nrules;
	uint64		rules_capacity;
} Sequences;

static void
add_event(void *arg, const Datum *values, const bool *nulls)
{
	Sequences  *sequences = arg;
	Event	   *event;

	if (nulls[0] || nulls[1] || nulls[2])
		return;
	if (sequences->nevents == sequences->capacity)
	{
		budget_check(&sequences->budget, sequences->capacity * sizeof(Event), "events");
		sequences->capacity *= 2;
		sequences->events = repalloc_huge(sequences->events,
										  sequences->capacity * sizeof(Event));
	}
	if (sequences->nevents >= PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %d events", PG_INT32_MAX)));
	event = &sequences->events[sequences->nevents];
	event->user = iddict_put(sequences->users, values[0]);
	event->item = iddict_put(sequences->items, values[1]);
	event->ts = DatumGetInt64(values[2]);
	if (TIMESTAMP_NOT_FINITE(event->ts))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("ts must be finite")));
	if ((++sequences->nevents & 0xfff) == 0)
	{
		budget_check(&sequences->budget, 0, "events");
		progress_update(sequences->nevents);
	}
}

static int
compare_events(const void *a, const void *b)
{
	const Event *x = a;
	const Event *y = b;

	CHECK_FOR_INTERRUPTS();
	if (x->user != y->user)
		return x->user < y->user ? -1 : 1;
	if (x->ts != y->ts)
		return x->ts < y->ts ? -1 : 1;
	return (x->item > y->item) - (x->item < y->item);
}

/* Sorts the events, lists them by item and counts the users of each. */
static void
index_events(Sequences *sequences)
{
	uint32		nitems = iddict_count(sequences->items);
	Size		by_item = ((Size) nitems + 2) * sizeof(uint32);
	uint32	   *last_user;
	uint32		i;

	budget_check(&sequences->budget, sequences->nevents * sizeof(uint32) + 12 * by_item, "events");
	qsort(sequences->events, sequences->nevents, sizeof(Event), compare_events);

	sequences->first = MemoryContextAllocExtended(sequences->cxt, by_item,
												  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	sequences->nusers = MemoryContextAllocExtended(sequences->cxt, by_item,
												   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	last_user = MemoryContextAllocExtended(sequences->cxt, by_item,
										   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	sequences->positions = MemoryContextAllocHuge(sequences->cxt,
												  Max(sequences->nevents, 1) * sizeof(uint32));
	for (i = 0; i < sequences->nevents; i++)
	{
		Event	   *event = &sequences->events[i];

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		sequences->first[event->item + 2]++;
		if (last_user[event->item] != event->user + 1)
		{
			last_user[event->item] = event->user + 1;
			sequences->nusers[event->item]++;
		}
	}
	pfree(last_user);
	for (i = 0; i <= nitems; i++)
		sequences->first[i + 1] += sequences->first[i];
	for (i = 0; i < sequences->nevents; i++)
	{
		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		sequences->positions[sequences->first[sequences->events[i].item + 1]++] = i;
	}
}

/*
 * The events of one user from one event of A on: notes in delay[] the
 * shortest delay of each B that follows within the window, and adds those that
 * are new for the user to of_user[].
 */
static inline uint32
walk_event(Sequences *sequences, const SequenceOptions *options, uint32 position, uint32 nfollowing)
{
	const Event *from = &sequences->events[position];
	const Event *end = sequences->events + sequences->nevents;
	const Event *event;

	for (event = from + 1; event < end && event->user == from->user; event++)
	{
		int64		delay = event->ts - from->ts;
		uint32		item = event->item;

		if (delay > options->max_gap)
			break;
		if (delay <= 0 || delay < options->min_gap ||
			sequences->nusers[item] < sequences->min_count ||
			(item == from->item && !options->repeats))
			continue;
		if (sequences->stamp[item] != from->user + 1)
		{
			sequences->stamp[item] = from->user + 1;
			sequences->delay[item] = delay;
			sequences->of_user[nfollowing++] = item;
		}
		else if (delay < sequences->delay[item])
			sequences->delay[item] = delay;
	}
	return nfollowing;
}

/* What is done at the end of a user: the first walk counts, the second keeps delays. */
static inline void
finish_user(Sequences *sequences, uint32 nfollowing, bool second)
{
	uint32		i;

	for (i = 0; i < nfollowing; i++)
	{
		uint32		item = sequences->of_user[i];

		if (!second)
		{
			if (sequences->count[item]++ == 0)
				sequences->touched[sequences->ntouched++] = item;
		}
		else if (sequences->count[item] >= sequences->min_count)
			sequences->delays[sequences->place[item]++] = sequences->delay[item];
		/* the same user is met again in the second walk */
		sequences->stamp[item] = 0;
	}
}

static void
walk_item(Sequences *sequences, const SequenceOptions *options, uint32 lhs, bool second)
{
	uint32		nfollowing = 0;
	uint32		i;

	for (i = sequences->first[lhs]; i < sequences->first[lhs + 1]; i++)
	{
		uint32		position = sequences->positions[i];

		if (i > sequences->first[lhs] &&
			sequences->events[position].user !=
			sequences->events[sequences->positions[i - 1]].user)
		{
			finish_user(sequences, nfollowing, second);
			nfollowing = 0;
		}
		CHECK_FOR_INTERRUPTS();
		nfollowing = walk_event(sequences, options, position, nfollowing);
	}
	finish_user(sequences, nfollowing, second);
}

static int64
median(int64 *delays, uint32 n)
{
	qsort(delays, n, sizeof(int64), compare_int64);
	if (n % 2 == 1)
		return delays[n / 2];
	return delays[n / 2 - 1] + (delays[n / 2] - delays[n / 2 - 1]) / 2;
}

/* A rule of lhs and a B that has been counted, if it passes. */
static bool
passes(const Sequences *sequences, const SequenceOptions *options, uint32 lhs, uint32 rhs)
{
	RuleTable	table;

	table.both = sequences->count[rhs];
	table.lhs = sequences->nusers[lhs];
	table.rhs = sequences->nusers[rhs];
	table.n = iddict_count(sequences->users);
	return table.both >= sequences->min_count &&
		table.both / table.lhs >= options->min_confidence &&
		rule_measure(MEASURE_LIFT, &table) >= options->min_lift;
}

static void
add_rule(Sequences *sequences, uint32 lhs, uint32 rhs, int64 median_delay)
{
	SequenceRule *rule;

	if (sequences->nrules == sequences->rules_capacity)
	{
		budget_check(&sequences->budget, sequences->rules_capacity * sizeof(SequenceRule), "rules");
		sequences->rules_capacity *= 2;
		sequences->rules = repalloc_huge(sequences->rules,
										 sequences->rules_capacity * sizeof(SequenceRule));
	}
	rule = &sequences->rules[sequences->nrules++];
	rule->lhs = lhs;
	rule->rhs = rhs;
	rule->together = sequences->count[rhs];
	rule->median = median_delay;
}

/* All rules with one item on the left. */
static void
mine_item(Sequences *sequences, const SequenceOptions *options, uint32 lhs)
{
	uint64		total = 0;
	uint32		i;

	sequences->ntouched = 0;
	walk_item(sequences, options, lhs, false);
	for (i = 0; i < sequences->ntouched; i++)
	{
		uint32		rhs = sequences->touched[i];

		if (!passes(sequences, options, lhs, rhs))
		{
			sequences->count[rhs] = 0;
			continue;
		}
		sequences->place[rhs] = total;
		total += sequences->count[rhs];
	}
	if (total > sequences->delays_capacity)
	{
		budget_check(&sequences->budget, total * sizeof(int64), "delays");
		sequences->delays_capacity = total;
		sequences->delays = repalloc_huge(sequences->delays, total * sizeof(int64));
	}
	if (total > 0)
		walk_item(sequences, options, lhs, true);
	for (i = 0; i < sequences->ntouched; i++)
	{
		uint32		rhs = sequences->touched[i];
		uint32		n = sequences->count[rhs];

		if (n > 0)
			add_rule(sequences, lhs, rhs,
					 median(sequences->delays + sequences->place[rhs] - n, n));
		sequences->count[rhs] = 0;
	}
}

static void
mine_sequences(Sequences *sequences, const SequenceOptions *options)
{
	uint32		nitems = iddict_count(sequences->items);
	Size		n = Max(nitems, 1);
	uint32		lhs;

	sequences->min_count = options->min_support < 0 ? options->min_count :
		count_of_share(options->min_support, iddict_count(sequences->users));
	sequences->rank = iddict_sort(sequences->items);
	sequences->stamp = MemoryContextAllocExtended(sequences->cxt, n * sizeof(uint32),
												  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	sequences->count = MemoryContextAllocExtended(sequences->cxt, n * sizeof(uint32),
												  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	sequences->delay = MemoryContextAllocHuge(sequences->cxt, n * sizeof(int64));
	sequences->place = MemoryContextAllocHuge(sequences->cxt, n * sizeof(uint64));
	sequences->touched = MemoryContextAllocHuge(sequences->cxt, n * sizeof(uint32));
	sequences->of_user = MemoryContextAllocHuge(sequences->cxt, n * sizeof(uint32));
	sequences->delays_capacity = 1024;
	sequences->delays = MemoryContextAlloc(sequences->cxt, 1024 * sizeof(int64));
	sequences->rules_capacity = 64;
	sequences->rules = MemoryContextAlloc(sequences->cxt, 64 * sizeof(SequenceRule));
	for (lhs = 0; lhs < nitems; lhs++)
	{
		progress_update(lhs);
		if (sequences->nusers[lhs] >= sequences->min_count)
			mine_item(sequences, options, lhs);
	}
}

/*
 * By leverage: how many more users than if B had nothing to do with A.  Then
 * by confidence, both compared in whole numbers, and by items.
 */
static int
compare_rules(const void *a, const void *b, void *arg)
{
	const Sequences *sequences = arg;
	const SequenceRule *x = a;
	const SequenceRule *y = b;
	double		n = iddict_count(sequences->users);
	double		kx = n * x->together - (double) sequences->nusers[x->lhs] * sequences->nusers[x->rhs];
	double		ky = n * y->together - (double) sequences->nusers[y->lhs] * sequences->nusers[y->rhs];
	uint64		cx = (uint64) x->together * sequences->nusers[y->lhs];
	uint64		cy = (uint64) y->together * sequences->nusers[x->lhs];

	CHECK_FOR_INTERRUPTS();
	if (kx != ky)
		return kx > ky ? -1 : 1;
	if (cx != cy)
		return cx > cy ? -1 : 1;
	if (x->lhs != y->lhs)
		return sequences->rank[x->lhs] < sequences->rank[y->lhs] ? -1 : 1;
	return (sequences->rank[x->rhs] > sequences->rank[y->rhs]) -
		(sequences->rank[x->rhs] < sequences->rank[y->rhs]);
}

/* An interval in microseconds: days have 24 hours and months 30 days. */
static int64
interval_length(const Interval *interval, const char *name)
{
	double		length = interval->time +
		(interval->day + (double) interval->month * DAYS_PER_MONTH) * USECS_PER_DAY;

	if (length < 0 || length > 1e18)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be a length of time that is not negative", name)));
	return interval->time +
		(interval->day + (int64) interval->month * DAYS_PER_MONTH) * USECS_PER_DAY;
}

static void
read_options(SequenceOptions *options, OptionsReader *reader)
{
	Datum		value;

	if (!options_get(reader, "max_gap", &value))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("max_gap must not be null")));
	options->max_gap = interval_length(DatumGetIntervalP(value), "max_gap");
	options->min_gap = options_get(reader, "min_gap", &value) ?
		interval_length(DatumGetIntervalP(value), "min_gap") : 0;
	if (options->min_gap > options->max_gap)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("min_gap must not be longer than max_gap")));
	options->min_support = options_float(reader, "min_support", -1, 0, 1);
	options->min_count = options_int(reader, "min_count", 0, 1, PG_INT32_MAX);
	if (options->min_support >= 0 && options->min_count > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("min_support and min_count cannot both be given"),
				 errhint("min_support is a share of the users, min_count a number of them.")));
	if (options->min_support < 0 && options->min_count == 0)
		options->min_support = RULES_DEFAULT_MIN_SUPPORT;
	options->min_confidence = options_float(reader, "min_confidence", 0, 0, 1);
	options->min_lift = options_float(reader, "min_lift", 0, 0, get_float8_infinity());
	options->top_k = options_int(reader, "top_k", 0, 1, PG_INT32_MAX);
	options->repeats = options_bool(reader, "repeats", false);
}

static void
read_events(Sequences *sequences, const char *text, Oid item_type)
{
	QueryColumn columns[3] = {
		{"user", InvalidOid, false},
		{"item", InvalidOid, false, "NULL::text"},
		{"ts", InvalidOid, false}
	};
	UserQuery  *query;
	Oid			ts_type;
	MemoryContext old;

	SPI_connect();
	/* once to see the types, and again to have them converted */
	query = query_prepare(text, columns, 3, 0, NULL);
	columns[1].type = item_type;
	ts_type = query_column_type(query, 2);
	if (ts_type != DATEOID && ts_type != TIMESTAMPOID && ts_type != TIMESTAMPTZOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column 3 (ts) of the query must be of type date, timestamp or timestamptz, not %s",
						format_type_be(ts_type)),
				 errhint("Cast the column in the query.")));
	columns[2].type = ts_type == TIMESTAMPTZOID ? TIMESTAMPTZOID : TIMESTAMPOID;
	query = query_prepare(text, columns, 3, 0, NULL);

	old = MemoryContextSwitchTo(sequences->cxt);
	sequences->users = iddict_create(sequences->cxt, query_column_type(query, 0),
									 query_column_collation(query, 0), "user");
	sequences->items = iddict_create(sequences->cxt, item_type,
									 query_column_collation(query, 1), "item");
	MemoryContextSwitchTo(old);
	progress_phase("reading", 0);
	query_run(query, NULL, NULL, add_event, sequences);
	SPI_finish();
}

static void
output_rule(Sequences *sequences, const SequenceRule *rule, ReturnSetInfo *rsinfo)
{
	Datum		values[11];
	bool		nulls[11] = {0};
	RuleTable	table;
	Interval	delay = {0};

	table.both = rule->together;
	table.lhs = sequences->nusers[rule->lhs];
	table.rhs = sequences->nusers[rule->rhs];
	table.n = iddict_count(sequences->users);
	delay.day = rule->median / USECS_PER_DAY;
	delay.time = rule->median % USECS_PER_DAY;
	values[0] = iddict_value(sequences->items, rule->lhs);
	values[1] = iddict_value(sequences->items, rule->rhs);
	values[2] = Int64GetDatum(rule->together);
	values[3] = Int64GetDatum(sequences->nusers[rule->lhs]);
	values[4] = Int64GetDatum(sequences->nusers[rule->rhs]);
	values[5] = Int64GetDatum(iddict_count(sequences->users));
	values[6] = Float8GetDatum(rule_measure(MEASURE_SUPPORT, &table));
	values[7] = Float8GetDatum(rule_measure(MEASURE_CONFIDENCE, &table));
	values[8] = Float8GetDatum(rule_measure(MEASURE_LIFT, &table));
	values[9] = IntervalPGetDatum(&delay);
	values[10] = Int64GetDatum(sequences->min_count);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* sequence_rules([item_type text,] query text, max_gap interval, ...) */
RECSYS_FUNCTION(recsys_sequence_rules);
Datum
recsys_sequence_rules(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo;
	Sequences	sequences = {0};
	SequenceOptions options;
	OptionsReader reader;
	Oid			item_type;
	int			query_arg;
	uint64		i;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	item_type = TupleDescAttr(rsinfo->setDesc, 0)->atttypid;
	query_arg = item_type == TEXTOID ? 1 : 0;
	if (PG_ARGISNULL(query_arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query must not be null")));
	rules_options_arguments(&reader, fcinfo, query_arg + 1);
	read_options(&options, &reader);

	sequences.cxt = AllocSetContextCreate(CurrentMemoryContext, "recsys sequences",
										  ALLOCSET_DEFAULT_SIZES);
	sequences.budget.cxt = sequences.cxt;
	sequences.budget.limit = (Size) maintenance_work_mem * 1024;
	sequences.capacity = 1024;
	sequences.events = MemoryContextAlloc(sequences.cxt, sequences.capacity * sizeof(Event));

	progress_begin("sequence rules");
	read_events(&sequences, text_to_cstring(PG_GETARG_TEXT_PP(query_arg)), item_type);
	progress_phase("sorting", 0);
	index_events(&sequences);
	progress_phase("mining", iddict_count(sequences.items));
	mine_sequences(&sequences, &options);
	progress_phase("output", sequences.nrules);
	qsort_arg(sequences.rules, sequences.nrules, sizeof(SequenceRule), compare_rules, &sequences);
	for (i = 0; i < sequences.nrules && (options.top_k == 0 || i < options.top_k); i++)
	{
		CHECK_FOR_INTERRUPTS();
		output_rule(&sequences, &sequences.rules[i], rsinfo);
	}
	progress_end();
	MemoryContextDelete(sequences.cxt);
	return (Datum) 0;
}
