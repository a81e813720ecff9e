/*-------------------------------------------------------------------------
 *
 * tag_portrait.c
 *		What is special about a crowd: each tag's frequency in it against the rest.
 *
 * The state counts, for each tag, the rows that have it inside and outside of
 * the crowd.  The final function sets up the 2 x 2 table of each tag,
 *
 *					has the tag		has not		all
 *		crowd		in				n - in		n
 *		rest		out				m - out		m
 *
 * and derives
 *
 *		lift		share in the crowd / share in all (the "TGI" is 100 times that)
 *		log odds	of the crowd against the rest, both with `prior` imaginary rows
 *					added that have the tag as often as all rows do (s, with half a
 *					row added to have and have not, so that no odds are infinite):
 *						ln (in + prior s) / (n - in + prior (1 - s)) - the same of the rest
 *		z			log odds / its standard deviation, the root of the sum of the
 *					reciprocals of those four numbers (after Monroe, Colaresi and
 *					Quinn, "Fightin' Words", 2008, for rows in place of words)
 *		p			Fisher's exact test, two-sided: the probability of tables with
 *					these margins that are no more likely than this one
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "core/aggregate.h"
#include "core/numbers.h"
#include "core/options.h"
#include "libpq/pqformat.h"
#include "tags/tag_tally.h"
#include "tags/tagset.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#define DEFAULT_MIN_COUNT 1
#define DEFAULT_PRIOR 10.0

/* Tables that are this little likelier than the one at hand count as equally likely. */
#define FISHER_TOLERANCE 1e-7

typedef struct TagCounts
{
	int64		in;
	int64		all;
} TagCounts;

typedef struct PortraitState
{
	TagTally   *tally;
	int64		in;				/* rows of the crowd */
	int64		all;
	int64		min_count;
	double		prior;
} PortraitState;

typedef struct PortraitRow
{
	const TallyEntry *entry;
	double		log_odds;
	double		z;
} PortraitRow;

static PortraitState *
create_portrait(MemoryContext cxt)
{
	PortraitState *state = MemoryContextAllocZero(cxt, sizeof(PortraitState));

	state->tally = tally_create(cxt, sizeof(TagCounts));
	state->min_count = DEFAULT_MIN_COUNT;
	state->prior = DEFAULT_PRIOR;
	return state;
}

static void
read_options(FunctionCallInfo fcinfo, PortraitState *state)
{
	OptionsReader reader;

	if (PG_ARGISNULL(3))
		null_options_error("tag_portrait_options");
	options_open(&reader, PG_GETARG_DATUM(3), "tag_portrait_options");
	state->min_count = options_int(&reader, "min_count", DEFAULT_MIN_COUNT, 1, PG_INT64_MAX);
	state->prior = options_float(&reader, "prior", DEFAULT_PRIOR, 1e-6, 1e9);
}

RECSYS_FUNCTION(recsys_tag_portrait_options);
Datum
recsys_tag_portrait_options(PG_FUNCTION_ARGS)
{
	return options_construct(fcinfo);
}

RECSYS_FUNCTION(recsys_tag_portrait_trans);
Datum
recsys_tag_portrait_trans(PG_FUNCTION_ARGS)
{
	PortraitState *state = PG_ARGISNULL(0) ? NULL : (PortraitState *) PG_GETARG_POINTER(0);
	MemoryContext cxt;
	TagsetView	set;
	bool		in;

	cxt = aggregate_context(fcinfo);
	if (state == NULL)
	{
		state = create_portrait(cxt);
		if (PG_NARGS() > 3)
			read_options(fcinfo, state);
	}
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_POINTER(state);
	PG_GETARG_TAGSET(1, &set);
	in = PG_GETARG_BOOL(2);
	for (int i = 0; i < set.n; i++)
	{
		int			len;
		const char *tag = tagset_tag(&set, i, &len);
		TagCounts  *counts = tally_put(state->tally, tag, len);

		counts->in += in;
		counts->all++;
	}
	state->in += in;
	state->all++;
	PG_RETURN_POINTER(state);
}

RECSYS_FUNCTION(recsys_tag_portrait_combine);
Datum
recsys_tag_portrait_combine(PG_FUNCTION_ARGS)
{
	PortraitState *left = PG_ARGISNULL(0) ? NULL : (PortraitState *) PG_GETARG_POINTER(0);
	PortraitState *right = PG_ARGISNULL(1) ? NULL : (PortraitState *) PG_GETARG_POINTER(1);
	MemoryContext cxt;

	cxt = aggregate_context(fcinfo);
	if (right == NULL)
	{
		if (left == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(left);
	}
	if (left == NULL)
	{
		left = create_portrait(cxt);
		left->min_count = right->min_count;
		left->prior = right->prior;
	}
	if (left->min_count != right->min_count || left->prior != right->prior)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the options of an aggregate must be the same for all rows")));
	for (int i = 0; i < right->tally->n; i++)
	{
		TallyEntry *entry = tally_entry(right->tally, i);
		const TagCounts *other = TALLY_PAYLOAD(entry);
		TagCounts  *counts = tally_put(left->tally, entry->tag, entry->len);

		CHECK_FOR_INTERRUPTS();
		counts->in += other->in;
		counts->all += other->all;
	}
	left->in += right->in;
	left->all += right->all;
	PG_RETURN_POINTER(left);
}

RECSYS_FUNCTION(recsys_tag_portrait_serialize);
Datum
recsys_tag_portrait_serialize(PG_FUNCTION_ARGS)
{
	PortraitState *state = (PortraitState *) PG_GETARG_POINTER(0);
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendint64(&buf, state->in);
	pq_sendint64(&buf, state->all);
	pq_sendint64(&buf, state->min_count);
	pq_sendfloat8(&buf, state->prior);
	pq_sendint32(&buf, state->tally->n);
	for (int i = 0; i < state->tally->n; i++)
	{
		TallyEntry *entry = tally_entry(state->tally, i);
		const TagCounts *counts = TALLY_PAYLOAD(entry);

		CHECK_FOR_INTERRUPTS();
		tally_send_tag(&buf, entry);
		pq_sendint64(&buf, counts->in);
		pq_sendint64(&buf, counts->all);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

RECSYS_FUNCTION(recsys_tag_portrait_deserialize);
Datum
recsys_tag_portrait_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	StringInfoData buf = {
		.data = VARDATA_ANY(bytes), .len = VARSIZE_ANY_EXHDR(bytes), .maxlen = -1
	};
	PortraitState *state = create_portrait(CurrentMemoryContext);
	int			n;

	state->in = pq_getmsgint64(&buf);
	state->all = pq_getmsgint64(&buf);
	state->min_count = pq_getmsgint64(&buf);
	state->prior = pq_getmsgfloat8(&buf);
	if (state->in < 0 || state->in > state->all || state->all > PG_INT64_MAX / 1024 ||
		!(state->prior >= 0) || !isfinite(state->prior))
		damaged_state_error();
	n = (int) pq_getmsgint(&buf, 4);
	for (int i = 0; i < n; i++)
	{
		TagCounts  *counts;

		CHECK_FOR_INTERRUPTS();
		counts = tally_receive_tag(state->tally, &buf);
		counts->in = pq_getmsgint64(&buf);
		counts->all = pq_getmsgint64(&buf);
		if (counts->in < 0 || counts->in > counts->all || counts->in > state->in ||
			counts->all - counts->in > state->all - state->in)
			damaged_state_error();
	}
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(state);
}

/* A hypergeometric distribution: draws from a population of which some are marked. */
typedef struct Hypergeometric
{
	double		population;
	double		marked;
	double		draws;
	int64		least;
	int64		most;
} Hypergeometric;

static double
log_probability(const Hypergeometric *dist, int64 k)
{
	return log_choose(dist->marked, (double) k) +
		log_choose(dist->population - dist->marked, dist->draws - (double) k) -
		log_choose(dist->population, dist->draws);
}

/*
 * Sum of the probabilities from k to the end in a direction, as multiples of
 * that of k.  They fall in that direction, in the end faster than a geometric
 * series, so few are needed.
 */
static double
tail(const Hypergeometric *dist, int64 k, int direction)
{
	double		term = 1;
	double		sum = 1;

	while (term > sum * 1e-17)
	{
		double		at = (double) k;

		CHECK_FOR_INTERRUPTS();
		if (k == (direction > 0 ? dist->most : dist->least))
			break;
		if (direction > 0)
			term *= (dist->marked - at) * (dist->draws - at) /
				((at + 1) * (dist->population - dist->marked - dist->draws + at + 1));
		else
			term *= at * (dist->population - dist->marked - dist->draws + at) /
				((dist->marked - at + 1) * (dist->draws - at + 1));
		sum += term;
		k += direction;
	}
	return sum;
}

/* Two-sided p value of the table with `observed` of `draws` marked. */
static double
fisher_test(int64 observed, int64 draws, int64 marked, int64 population)
{
	Hypergeometric dist;
	int64		mode = (int64) (((double) draws + 1) * ((double) marked + 1) /
								((double) population + 2));
	int			direction;
	double		own;
	int64		near;
	int64		far;
	double		p;

	dist.population = (double) population;
	dist.marked = (double) marked;
	dist.draws = (double) draws;
	dist.least = Max(0, draws + marked - population);
	dist.most = Min(draws, marked);
	mode = Min(Max(mode, dist.least), dist.most);
	own = log_probability(&dist, observed);
	if (log_probability(&dist, mode) <= own + FISHER_TOLERANCE)
		return 1;				/* nothing is likelier */
	direction = observed > mode ? 1 : -1;
	p = exp(own) * tail(&dist, observed, direction);

	/* on the other side of the mode: the first value that is no likelier than the observed one */
	near = mode;
	far = direction > 0 ? dist.least - 1 : dist.most + 1;
	while (near - far > 1 || far - near > 1)
	{
		int64		middle = near + (far - near) / 2;

		if (log_probability(&dist, middle) <= own + FISHER_TOLERANCE)
			far = middle;
		else
			near = middle;
	}
	if (far >= dist.least && far <= dist.most)
		p += exp(log_probability(&dist, far)) * tail(&dist, far, -direction);
	return Min(p, 1);
}

static void
rate(const PortraitState *state, PortraitRow *row)
{
	const TagCounts *counts = TALLY_PAYLOAD(row->entry);
	double		share = ((double) counts->all + 0.5) / ((double) state->all + 1);
	double		in = counts->in + state->prior * share;
	double		not_in = state->in - counts->in + state->prior * (1 - share);
	double		out = counts->all - counts->in + state->prior * share;
	double		not_out = (state->all - state->in) - (counts->all - counts->in) +
		state->prior * (1 - share);

	row->log_odds = log(in / not_in) - log(out / not_out);
	row->z = row->log_odds / sqrt(1 / in + 1 / not_in + 1 / out + 1 / not_out);
}

static int
row_compare(const void *a, const void *b)
{
	const PortraitRow *left = a;
	const PortraitRow *right = b;

	CHECK_FOR_INTERRUPTS();
	if (left->z != right->z)
		return left->z > right->z ? -1 : 1;
	return tag_compare(left->entry->tag, left->entry->len, right->entry->tag, right->entry->len);
}

static Datum
form_row(const PortraitState *state, const PortraitRow *row, TupleDesc tupdesc)
{
	const TagCounts *counts = TALLY_PAYLOAD(row->entry);
	int64		rest = state->all - state->in;
	double		share_in = (double) counts->in / (double) Max(state->in, 1);
	double		lift = share_in / ((double) counts->all / (double) state->all);
	Datum		values[10];
	bool		nulls[10] = {false};

	values[0] = PointerGetDatum(cstring_to_text_with_len(row->entry->tag, row->entry->len));
	values[1] = Int64GetDatum(counts->in);
	values[2] = Int64GetDatum(counts->all - counts->in);
	values[3] = Float8GetDatum(share_in);
	values[4] = Float8GetDatum((double) (counts->all - counts->in) / (double) Max(rest, 1));
	values[5] = Float8GetDatum(lift);
	values[6] = Float8GetDatum(100 * lift);
	values[7] = Float8GetDatum(row->log_odds);
	values[8] = Float8GetDatum(row->z);
	values[9] = Float8GetDatum(fisher_test(counts->in, state->in, counts->all, state->all));
	/* there is no share of nobody */
	nulls[3] = nulls[5] = nulls[6] = state->in == 0;
	nulls[4] = rest == 0;
	return HeapTupleGetDatum(heap_form_tuple(tupdesc, values, nulls));
}

RECSYS_FUNCTION(recsys_tag_portrait_final);
Datum
recsys_tag_portrait_final(PG_FUNCTION_ARGS)
{
	PortraitState *state = PG_ARGISNULL(0) ? NULL : (PortraitState *) PG_GETARG_POINTER(0);
	Oid			row_type = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	TupleDesc	tupdesc;
	PortraitRow *rows;
	Datum	   *elements;
	int			n = 0;

	if (state == NULL)
		PG_RETURN_NULL();
	if (!OidIsValid(row_type))
		elog(ERROR, "could not determine the type of a row of the portrait");
	tupdesc = lookup_rowtype_tupdesc_copy(row_type, -1);
	rows = palloc_array(PortraitRow, Max(state->tally->n, 1));
	for (int i = 0; i < state->tally->n; i++)
	{
		TallyEntry *entry = tally_entry(state->tally, i);

		if (((TagCounts *) TALLY_PAYLOAD(entry))->all < state->min_count)
			continue;
		rows[n].entry = entry;
		rate(state, &rows[n++]);
	}
	qsort(rows, n, sizeof(PortraitRow), row_compare);
	elements = palloc_array(Datum, Max(n, 1));
	for (int i = 0; i < n; i++)
		elements[i] = form_row(state, &rows[i], tupdesc);
	PG_RETURN_ARRAYTYPE_P(construct_array(elements, n, row_type, -1, false, TYPALIGN_DOUBLE));
}
