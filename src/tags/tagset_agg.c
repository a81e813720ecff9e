/*-------------------------------------------------------------------------
 *
 * tagset_agg.c
 *		Aggregates that make one tagset of many rows: tagset_agg,
 *		tagset_union_agg, tagset_intersect_agg, tag_profile_agg.
 *
 * All share one kind of state, a tally of tags whose payload depends on what
 * is wanted: nothing (a plain set), a sum, or all that the ways to fold the
 * weights of several sets need.  Sums are independent of the order of rows
 * (tag_tally.h), and the result is formed from the tally in the order of tags.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "libpq/pqformat.h"
#include "core/aggregate.h"
#include "tags/tag_tally.h"
#include "tags/tagset.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

typedef enum AggKind
{
	AGG_TAGS, AGG_WEIGHTED_TAGS, AGG_UNION, AGG_INTERSECT, AGG_PROFILE
} AggKind;

/* What becomes of the weights of a tag that several sets have. */
typedef enum FoldKind
{
	FOLD_MAX, FOLD_MIN, FOLD_SUM, FOLD_MEAN
} FoldKind;

/* Payload for union and intersection. */
typedef struct Fold
{
	TagSum		sum;
	int64		sets;			/* that have the tag */
	float4		min;
	float4		max;
} Fold;

typedef struct SetAggState
{
	TagTally   *tally;
	AggKind		kind;
	FoldKind	fold;
	int64		sets;			/* aggregated so far, for the intersection and the mean */
	int64		half_life;		/* microseconds; 0: no decay */
	int32		n;				/* of a profile, how many tags; -1: all */
} SetAggState;

static Size
payload_size(AggKind kind)
{
	switch (kind)
	{
		case AGG_TAGS:
			return 0;
		case AGG_WEIGHTED_TAGS:
		case AGG_PROFILE:
			return sizeof(TagSum);
		case AGG_UNION:
		case AGG_INTERSECT:
			return sizeof(Fold);
	}
	return 0;
}

static SetAggState *
create_state(MemoryContext cxt, AggKind kind)
{
	SetAggState   *state = MemoryContextAllocZero(cxt, sizeof(SetAggState));

	state->kind = kind;
	state->n = -1;
	state->tally = tally_create(cxt, payload_size(kind));
	return state;
}

/* The state of a call, made if there is none yet. */
static SetAggState *
get_state(FunctionCallInfo fcinfo, AggKind kind, bool *isnew)
{
	MemoryContext cxt;

	cxt = aggregate_context(fcinfo);
	*isnew = PG_ARGISNULL(0);
	return *isnew ? create_state(cxt, kind) : (SetAggState *) PG_GETARG_POINTER(0);
}

/* Returns the state as it is: the row does not count. */
static Datum
keep_state(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

static double
finite_weight(double weight)
{
	if (!isfinite(weight))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("a weight must be finite")));
	return weight;
}

RECSYS_FUNCTION(recsys_tagset_agg_trans);
Datum
recsys_tagset_agg_trans(PG_FUNCTION_ARGS)
{
	SetAggState   *state;
	text	   *tag;
	bool		isnew;

	if (PG_ARGISNULL(1))
		return keep_state(fcinfo);
	state = get_state(fcinfo, AGG_TAGS, &isnew);
	tag = PG_GETARG_TEXT_PP(1);
	tag_check_length(VARSIZE_ANY_EXHDR(tag), NULL);
	tally_put(state->tally, VARDATA_ANY(tag), VARSIZE_ANY_EXHDR(tag));
	PG_RETURN_POINTER(state);
}

RECSYS_FUNCTION(recsys_tagset_agg_weight_trans);
Datum
recsys_tagset_agg_weight_trans(PG_FUNCTION_ARGS)
{
	SetAggState   *state;
	text	   *tag;
	double		weight;
	bool		isnew;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return keep_state(fcinfo);
	state = get_state(fcinfo, AGG_WEIGHTED_TAGS, &isnew);
	tag = PG_GETARG_TEXT_PP(1);
	weight = finite_weight(PG_GETARG_FLOAT8(2));
	tag_check_length(VARSIZE_ANY_EXHDR(tag), NULL);
	tag_sum_add(tally_put(state->tally, VARDATA_ANY(tag), VARSIZE_ANY_EXHDR(tag)), weight, 0);
	PG_RETURN_POINTER(state);
}

static FoldKind
fold_of_argument(FunctionCallInfo fcinfo, FoldKind unset)
{
	static const char *const names[] = {"max", "min", "sum", "mean"};
	char	   *name;

	if (PG_NARGS() < 3)
		return unset;
	name = PG_ARGISNULL(2) ? "NULL" : text_to_cstring(PG_GETARG_TEXT_PP(2));
	for (int i = 0; i < lengthof(names); i++)
	{
		if (strcmp(name, names[i]) == 0)
			return (FoldKind) i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized way to combine weights: \"%s\"", name),
			 errhint("Use one of max, min, sum, mean.")));
	return unset;
}

static Datum
fold_trans(FunctionCallInfo fcinfo, AggKind kind, FoldKind unset)
{
	SetAggState   *state;
	TagsetView	set;
	bool		isnew;

	if (PG_ARGISNULL(1))
		return keep_state(fcinfo);
	state = get_state(fcinfo, kind, &isnew);
	if (isnew)
		state->fold = fold_of_argument(fcinfo, unset);
	PG_GETARG_TAGSET(1, &set);
	for (int i = 0; i < set.n; i++)
	{
		int			len;
		const char *tag = tagset_tag(&set, i, &len);
		float4		weight = tagset_weight(&set, i);
		/* what the first set does not have can't be in the intersection */
		Fold	   *fold = kind == AGG_INTERSECT && !isnew ? tally_find(state->tally, tag, len) :
			tally_put(state->tally, tag, len);

		if (fold == NULL)
			continue;
		fold->min = fold->sets == 0 ? weight : Min(fold->min, weight);
		fold->max = fold->sets == 0 ? weight : Max(fold->max, weight);
		fold->sets++;
		if (state->fold == FOLD_SUM || state->fold == FOLD_MEAN)
			tag_sum_add(&fold->sum, weight, 0);
	}
	state->sets++;
	PG_RETURN_POINTER(state);
}

RECSYS_FUNCTION(recsys_tagset_union_trans);
Datum
recsys_tagset_union_trans(PG_FUNCTION_ARGS)
{
	return fold_trans(fcinfo, AGG_UNION, FOLD_MAX);
}

RECSYS_FUNCTION(recsys_tagset_intersect_trans);
Datum
recsys_tagset_intersect_trans(PG_FUNCTION_ARGS)
{
	return fold_trans(fcinfo, AGG_INTERSECT, FOLD_MIN);
}

/* Options of a profile: half-life (argument 4) and number of tags (5), both optional. */
static void
read_profile_options(FunctionCallInfo fcinfo, SetAggState *state)
{
	if (PG_NARGS() > 4)
	{
		Interval   *half_life = PG_ARGISNULL(4) ? NULL : PG_GETARG_INTERVAL_P(4);
		double		microseconds = half_life == NULL ? 0 : (double) half_life->time +
			((double) half_life->month * DAYS_PER_MONTH + half_life->day) * USECS_PER_DAY;

		if (!(microseconds >= USECS_PER_SEC && microseconds < 1e18))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("half_life must be between 1 second and 30000 years")));
		state->half_life = (int64) microseconds;
	}
	if (PG_NARGS() > 5)
	{
		state->n = PG_ARGISNULL(5) ? -1 : PG_GETARG_INT32(5);
		if (state->n < 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("n must be at least 1")));
	}
}

/*
 * Adds the tags of a thing that someone touched, each with
 *
 *		weight of the touch * weight of the tag * 2 ^ (ts / half_life)
 *
 * where ts counts from a fixed moment.  From which one does not matter, since
 * the profile is normalised in the end; so no "now" is needed.
 */
RECSYS_FUNCTION(recsys_tag_profile_trans);
Datum
recsys_tag_profile_trans(PG_FUNCTION_ARGS)
{
	SetAggState   *state;
	TagsetView	set;
	double		weight;
	int64		exponent = 0;
	bool		isnew;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || (PG_NARGS() > 4 && PG_ARGISNULL(3)))
		return keep_state(fcinfo);
	state = get_state(fcinfo, AGG_PROFILE, &isnew);
	if (isnew)
		read_profile_options(fcinfo, state);
	PG_GETARG_TAGSET(1, &set);
	weight = finite_weight(PG_GETARG_FLOAT8(2));
	if (state->half_life > 0)
	{
		TimestampTz ts = PG_GETARG_TIMESTAMPTZ(3);
		double		lives;

		if (TIMESTAMP_NOT_FINITE(ts))
			ereport(ERROR,
					(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
					 errmsg("ts must be finite")));
		lives = (double) ts / (double) state->half_life;
		exponent = (int64) floor(lives);
		weight *= exp2(lives - floor(lives));
	}
	for (int i = 0; i < set.n; i++)
	{
		int			len;
		const char *tag = tagset_tag(&set, i, &len);

		tag_sum_add(tally_put(state->tally, tag, len),
					finite_weight(weight * tagset_weight(&set, i)), exponent);
	}
	PG_RETURN_POINTER(state);
}

static void
check_same_options(const SetAggState *left, const SetAggState *right)
{
	if (left->kind != right->kind || left->fold != right->fold ||
		left->half_life != right->half_life || left->n != right->n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the options of an aggregate must be the same for all rows")));
}

static void
merge_payload(SetAggState *state, TallyEntry *from)
{
	void	   *payload = state->kind == AGG_INTERSECT && state->sets > 0 ?
		tally_find(state->tally, from->tag, from->len) :
		tally_put(state->tally, from->tag, from->len);

	if (payload == NULL)
		return;
	if (state->kind == AGG_WEIGHTED_TAGS || state->kind == AGG_PROFILE)
		tag_sum_merge(payload, TALLY_PAYLOAD(from));
	else if (state->kind != AGG_TAGS)
	{
		Fold	   *fold = payload;
		const Fold *other = TALLY_PAYLOAD(from);

		fold->min = fold->sets == 0 ? other->min : Min(fold->min, other->min);
		fold->max = fold->sets == 0 ? other->max : Max(fold->max, other->max);
		fold->sets += other->sets;
		tag_sum_merge(&fold->sum, &other->sum);
	}
}

RECSYS_FUNCTION(recsys_tagset_agg_combine);
Datum
recsys_tagset_agg_combine(PG_FUNCTION_ARGS)
{
	MemoryContext cxt;
	SetAggState   *left = PG_ARGISNULL(0) ? NULL : (SetAggState *) PG_GETARG_POINTER(0);
	SetAggState   *right = PG_ARGISNULL(1) ? NULL : (SetAggState *) PG_GETARG_POINTER(1);

	cxt = aggregate_context(fcinfo);
	if (right == NULL)
		return keep_state(fcinfo);
	if (left == NULL)
	{
		left = create_state(cxt, right->kind);
		left->fold = right->fold;
		left->half_life = right->half_life;
		left->n = right->n;
	}
	check_same_options(left, right);
	for (int i = 0; i < right->tally->n; i++)
		merge_payload(left, tally_entry(right->tally, i));
	left->sets += right->sets;
	PG_RETURN_POINTER(left);
}

RECSYS_FUNCTION(recsys_tagset_agg_serialize);
Datum
recsys_tagset_agg_serialize(PG_FUNCTION_ARGS)
{
	SetAggState   *state = (SetAggState *) PG_GETARG_POINTER(0);
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendint8(&buf, state->kind);
	pq_sendint8(&buf, state->fold);
	pq_sendint64(&buf, state->sets);
	pq_sendint64(&buf, state->half_life);
	pq_sendint32(&buf, state->n);
	pq_sendint32(&buf, state->tally->n);
	for (int i = 0; i < state->tally->n; i++)
	{
		TallyEntry *entry = tally_entry(state->tally, i);

		CHECK_FOR_INTERRUPTS();
		tally_send_tag(&buf, entry);
		if (state->kind == AGG_WEIGHTED_TAGS || state->kind == AGG_PROFILE)
			tag_sum_send(&buf, TALLY_PAYLOAD(entry));
		else if (state->kind != AGG_TAGS)
		{
			const Fold *fold = TALLY_PAYLOAD(entry);

			tag_sum_send(&buf, &fold->sum);
			pq_sendint64(&buf, fold->sets);
			pq_sendfloat4(&buf, fold->min);
			pq_sendfloat4(&buf, fold->max);
		}
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

RECSYS_FUNCTION(recsys_tagset_agg_deserialize);
Datum
recsys_tagset_agg_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	StringInfoData buf = {
		.data = VARDATA_ANY(bytes), .len = VARSIZE_ANY_EXHDR(bytes), .maxlen = -1
	};
	int			kind = pq_getmsgbyte(&buf);
	int			fold_kind = pq_getmsgbyte(&buf);
	SetAggState   *state;
	int			n;

	if (kind > AGG_PROFILE || fold_kind > FOLD_MEAN)
		damaged_state_error();
	state = create_state(CurrentMemoryContext, (AggKind) kind);
	state->fold = (FoldKind) fold_kind;
	state->sets = pq_getmsgint64(&buf);
	state->half_life = pq_getmsgint64(&buf);
	state->n = (int32) pq_getmsgint(&buf, 4);
	if (state->sets < 0 || state->sets > PG_INT64_MAX / 1024 || state->half_life < 0 || state->n < -1)
		damaged_state_error();
	n = (int) pq_getmsgint(&buf, 4);
	for (int i = 0; i < n; i++)
	{
		void	   *payload;

		CHECK_FOR_INTERRUPTS();
		payload = tally_receive_tag(state->tally, &buf);
		if (state->kind == AGG_WEIGHTED_TAGS || state->kind == AGG_PROFILE)
			tag_sum_receive(&buf, payload);
		else if (state->kind != AGG_TAGS)
		{
			Fold	   *fold = payload;

			tag_sum_receive(&buf, &fold->sum);
			fold->sets = pq_getmsgint64(&buf);
			fold->min = pq_getmsgfloat4(&buf);
			fold->max = pq_getmsgfloat4(&buf);
			if (fold->sets < 0 || fold->sets > state->sets ||
				!isfinite(fold->min) || !isfinite(fold->max))
				damaged_state_error();
		}
	}
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(state);
}

/* A sum as a number, which may be infinite. */
static double
sum_as_double(const TagSum *sum)
{
	int64		exponent;
	double		value = tag_sum_value(sum, &exponent);

	/* doubles went in, so the exponent is in reach of one */
	return ldexp(value, (int) Min(Max(exponent, -10000), 10000));
}

static float4
entry_weight(const SetAggState *state, TallyEntry *entry)
{
	const Fold *fold;

	if (state->kind == AGG_TAGS)
		return 1;
	if (state->kind == AGG_WEIGHTED_TAGS)
		return (float4) sum_as_double(TALLY_PAYLOAD(entry));
	fold = TALLY_PAYLOAD(entry);
	if (state->kind == AGG_INTERSECT && fold->sets < state->sets)
		return 0;
	switch (state->fold)
	{
		case FOLD_MAX:
			return fold->max;
		case FOLD_MIN:
			return fold->min;
		case FOLD_SUM:
			return (float4) sum_as_double(&fold->sum);
		case FOLD_MEAN:
			return (float4) (sum_as_double(&fold->sum) / (double) fold->sets);
	}
	return 0;
}

/* Tags whose weights have cancelled out, or are too small for a weight, are left out. */
RECSYS_FUNCTION(recsys_tagset_agg_final);
Datum
recsys_tagset_agg_final(PG_FUNCTION_ARGS)
{
	SetAggState   *state = PG_ARGISNULL(0) ? NULL : (SetAggState *) PG_GETARG_POINTER(0);
	TallyEntry **sorted;
	TagItem    *items;
	int			n = 0;

	if (state == NULL)
		PG_RETURN_NULL();
	if (state->kind == AGG_PROFILE)
		damaged_state_error();
	sorted = tally_sorted(state->tally);
	items = palloc(Max(state->tally->n, 1) * sizeof(TagItem));
	for (int i = 0; i < state->tally->n; i++)
	{
		float4		weight = entry_weight(state, sorted[i]);

		if (weight != 0)
		{
			items[n].tag = sorted[i]->tag;
			items[n].len = sorted[i]->len;
			items[n++].weight = weight;
		}
	}
	PG_RETURN_POINTER(tagset_form(items, n, NULL));
}

/* Weights as shares: their magnitudes add up to 1.  With n only the heaviest are kept. */
RECSYS_FUNCTION(recsys_tag_profile_final);
Datum
recsys_tag_profile_final(PG_FUNCTION_ARGS)
{
	SetAggState   *state = PG_ARGISNULL(0) ? NULL : (SetAggState *) PG_GETARG_POINTER(0);
	int			tags = state == NULL ? 0 : state->tally->n;
	TallyEntry **sorted;
	double	   *values;
	int64	   *exponents;
	int64		highest = PG_INT64_MIN;
	double		total = 0;
	TagItem    *items;
	int			n = 0;

	if (state == NULL)
		PG_RETURN_NULL();
	if (state->kind != AGG_PROFILE)
		damaged_state_error();
	sorted = tally_sorted(state->tally);
	values = palloc(Max(tags, 1) * sizeof(double));
	exponents = palloc(Max(tags, 1) * sizeof(int64));
	items = palloc(Max(tags, 1) * sizeof(TagItem));
	for (int i = 0; i < tags; i++)
	{
		values[i] = tag_sum_value(TALLY_PAYLOAD(sorted[i]), &exponents[i]);
		if (values[i] != 0)
			highest = Max(highest, exponents[i]);
	}
	/* brought to one exponent, which that of the moment counted from cancels in */
	for (int i = 0; i < tags; i++)
	{
		if (values[i] != 0)
			values[i] = ldexp(values[i], (int) Max(exponents[i] - highest, -10000));
		total += fabs(values[i]);
	}
	for (int i = 0; i < tags; i++)
	{
		float4		weight = total > 0 ? (float4) (values[i] / total) : 0;

		if (weight != 0)
		{
			items[n].tag = sorted[i]->tag;
			items[n].len = sorted[i]->len;
			items[n++].weight = weight;
		}
	}
	if (state->n >= 0)
		tagset_keep_heaviest(items, &n, state->n);
	PG_RETURN_POINTER(tagset_form(items, n, NULL));
}
