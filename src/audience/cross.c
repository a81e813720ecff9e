/*-------------------------------------------------------------------------
 *
 * cross.c
 *		Crossing of whole dimensions, and how many a list of conditions leaves.
 *
 * A dimension (area, age, value) has groups, which are audiences.  A
 * combination takes at most one group of each dimension.  Level by level,
 * combinations that reached the minimum size are extended by groups of later
 * dimensions, as long as each pair of their groups reached it too.  The
 * candidates of a level are counted container by container of the ids: what the
 * groups of 65536 ids need stays in the processor's cache, and the
 * intersection of a prefix is made once for all candidates that share it.
 *
 * Significance: for two groups the two-sided tail of the hypergeometric
 * distribution (Fisher's exact test, doubled tail); for more, that of the
 * binomial distribution with the product of the groups' shares, whose variance
 * is larger than that of the exact distribution with fixed sizes, so that the p
 * value errs on the careful side.  Holm's adjustment counts all combinations of
 * groups that are large enough by themselves, whether they are reported or not.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "audience/audience.h"
#include "core/numbers.h"
#include "core/query.h"

typedef struct CrossGroup
{
	char	   *dimension;
	char	   *name;
	int			ndimension;		/* number of the dimension */
	Audience   *audience;
} CrossGroup;

/* One combination: that of its parent, one level below, and one group more. */
typedef struct Combination
{
	uint32		parent;
	uint32		group;
	uint64		count;
} Combination;

typedef struct Level
{
	Combination *combinations;
	Size		n;
	Size		max;
} Level;

typedef struct Cross
{
	MemoryContext cxt;			/* groups and names */
	CrossGroup	   *groups;
	int			ngroups;
	int			maxgroups;
	int			ndimensions;
	int			depth;
	uint64		min_size;
	uint64		total;			/* size of the population */
	Level	   *levels;			/* 1..depth */
	bool	   *pairs;			/* ngroups * ngroups: pairs that are large enough */
	Size		ncombinations;	/* on all levels */
	double		ntests;			/* for Holm's adjustment */
} Cross;

/* One row of the result. */
typedef struct CrossRow
{
	int			level;
	uint32		combination;
	uint64		count;
	double		expected;
	double		p;				/* NaN: none */
	double		p_adjusted;
} CrossRow;

#define MAX_DEPTH 16

/* ---- reading groups ---- */

static void
fail_null(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("%s of the query must not be null", what)));
}

static void
read_group(void *arg, const Datum *values, const bool *nulls)
{
	Cross	   *cross = arg;
	MemoryContext old = MemoryContextSwitchTo(cross->cxt);
	CrossGroup	   *group;

	if (nulls[0] || nulls[1] || nulls[2])
		fail_null("dimension, name and audience");
	if (cross->ngroups == cross->maxgroups)
	{
		cross->maxgroups = Max(cross->maxgroups * 2, 16);
		cross->groups = cross->groups == NULL ? palloc_array(CrossGroup, cross->maxgroups) :
			repalloc(cross->groups, cross->maxgroups * sizeof(CrossGroup));
	}
	group = &cross->groups[cross->ngroups++];
	group->dimension = TextDatumGetCString(values[0]);
	group->name = TextDatumGetCString(values[1]);
	group->audience = (Audience *) PG_DETOAST_DATUM_COPY(values[2]);
	MemoryContextSwitchTo(old);
}

static int
compare_groups(const void *a, const void *b)
{
	const CrossGroup *x = a;
	const CrossGroup *y = b;
	int			result = strcmp(x->dimension, y->dimension);

	return result != 0 ? result : strcmp(x->name, y->name);
}

/* Numbers the dimensions, restricts groups to the population and finds its size. */
static void
prepare_groups(Cross *cross, const Audience *among)
{
	AudienceSet *everybody;
	int			i;

	if (cross->ngroups > 0)
		qsort(cross->groups, cross->ngroups, sizeof(CrossGroup), compare_groups);
	for (i = 0; i < cross->ngroups; i++)
	{
		CrossGroup	   *group = &cross->groups[i];

		if (i > 0 && strcmp(group->dimension, group[-1].dimension) != 0)
			cross->ndimensions++;
		else if (i > 0 && strcmp(group->name, group[-1].name) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the query returns group \"%s\" of dimension \"%s\" twice",
							group->name, group->dimension),
					 errhint("Unite its rows with audience_union_agg() and GROUP BY.")));
		group->ndimension = cross->ndimensions;
		if (among != NULL)
			group->audience = audience_setop(AUDIENCE_AND, group->audience, among);
	}
	cross->ndimensions++;

	if (among != NULL)
	{
		cross->total = among->cardinality;
		return;
	}
	everybody = audience_set_create(CurrentMemoryContext);
	for (i = 0; i < cross->ngroups; i++)
		audience_set_add_audience(everybody, cross->groups[i].audience);
	cross->total = audience_set_count(everybody);
}

/* ---- counting ---- */

static void
check_memory(Size bytes)
{
	if (bytes > (Size) work_mem * 1024)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many combinations of groups for \"work_mem\""),
				 errhint("Raise \"min_size\" or \"work_mem\", or lower \"depth\".")));
}

static void
level_add(Cross *cross, int depth, uint32 parent, uint32 group)
{
	Level	   *level = &cross->levels[depth];

	check_memory((cross->ncombinations + 1) * (sizeof(Combination) + sizeof(CrossRow)));
	if (level->n == level->max)
	{
		level->max = Max(level->max * 2, 64);
		level->combinations = level->combinations == NULL ?
			palloc_array(Combination, level->max) :
			repalloc_huge(level->combinations, level->max * sizeof(Combination));
	}
	level->combinations[level->n].parent = parent;
	level->combinations[level->n].group = group;
	level->combinations[level->n].count = 0;
	level->n++;
	cross->ncombinations++;
}

/* Whether each pair of the new group and one of the parent's is large enough. */
static bool
pairs_suffice(const Cross *cross, int depth, uint32 parent, uint32 group)
{
	for (; depth >= 1; depth--)
	{
		const Combination *combination = &cross->levels[depth].combinations[parent];

		if (!cross->pairs[(Size) combination->group * cross->ngroups + group])
			return false;
		parent = combination->parent;
	}
	return true;
}

static void
make_candidates(Cross *cross, int depth)
{
	Level	   *below = &cross->levels[depth - 1];
	uint32		i;
	uint32		g;

	if (depth == 1)
	{
		for (g = 0; g < cross->ngroups; g++)
			level_add(cross, 1, 0, g);
		return;
	}
	for (i = 0; i < below->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (below->combinations[i].count < cross->min_size)
			continue;
		for (g = below->combinations[i].group + 1; g < cross->ngroups; g++)
		{
			if (cross->groups[g].ndimension == cross->groups[below->combinations[i].group].ndimension)
				continue;
			if (depth == 2 ? cross->levels[1].combinations[g].count >= cross->min_size :
				pairs_suffice(cross, depth - 1, i, g))
				level_add(cross, depth, i, g);
		}
	}
}

/* Intersections of the groups of one combination on the way to it, for one container. */
typedef struct Prefix
{
	uint32		combination;	/* on its level; valid tells whether it is any */
	bool		valid;
	Container	c;
	Scratch    *scratch;
} Prefix;

/* The places that all groups of a combination share in the current container. */
static const Container *
prefix_get(Cross *cross, Prefix *prefixes, const Container *containers, int depth, uint32 i)
{
	const Combination *combination = &cross->levels[depth].combinations[i];
	Prefix	   *prefix = &prefixes[depth];

	if (prefix->valid && prefix->combination == i)
		return &prefix->c;
	prefix->combination = i;
	prefix->valid = true;
	if (depth == 1)
		prefix->c = containers[combination->group];
	else
	{
		const Container *parent = prefix_get(cross, prefixes, containers, depth - 1,
											 combination->parent);
		const Container *group = &containers[combination->group];

		if (parent->card == 0 || group->card == 0)
			prefix->c.card = 0;
		else
			container_and(parent, group, &prefix->c, prefix->scratch);
	}
	return &prefix->c;
}

/* Counts the candidates of one level, whose prefixes are all on the levels below. */
static void
count_level(Cross *cross, int depth)
{
	Level	   *level = &cross->levels[depth];
	AudienceCursor *cursors = palloc_array(AudienceCursor, cross->ngroups);
	Container  *containers = palloc_array(Container, cross->ngroups);
	Prefix		prefixes[MAX_DEPTH + 1];
	Scratch    *scratch = palloc_object(Scratch);
	Size		i;
	int			g;

	for (g = 0; g <= depth; g++)
		prefixes[g].scratch = palloc_object(Scratch);
	for (g = 0; g < cross->ngroups; g++)
		cursor_start(&cursors[g], cross->groups[g].audience);
	for (;;)
	{
		uint64		key = PG_UINT64_MAX;

		CHECK_FOR_INTERRUPTS();
		for (g = 0; g < cross->ngroups; g++)
		{
			if (!cursors[g].done)
				key = Min(key, cursors[g].key);
		}
		if (key == PG_UINT64_MAX)
			break;
		for (g = 0; g < cross->ngroups; g++)
		{
			containers[g].card = 0;
			if (!cursors[g].done && cursors[g].key == key)
			{
				containers[g] = cursors[g].c;
				cursor_next(&cursors[g]);
			}
		}
		for (g = 0; g <= depth; g++)
			prefixes[g].valid = false;

		for (i = 0; i < level->n; i++)
		{
			Combination *combination = &level->combinations[i];
			const Container *group = &containers[combination->group];
			const Container *parent;

			if ((i & 0xFFF) == 0xFFF)
				CHECK_FOR_INTERRUPTS();
			if (group->card == 0)
				continue;
			parent = prefix_get(cross, prefixes, containers, depth - 1, combination->parent);
			if (parent->card > 0)
				combination->count += container_and(parent, group, NULL, scratch);
		}
	}
	for (g = 0; g <= depth; g++)
		pfree(prefixes[g].scratch);
	pfree(scratch);
	pfree(containers);
	pfree(cursors);
}

static void
count_all(Cross *cross)
{
	int			depth;
	Size		i;

	for (depth = 1; depth <= cross->depth; depth++)
	{
		Level	   *level = &cross->levels[depth];

		make_candidates(cross, depth);
		if (level->n == 0)
			break;
		if (depth == 1)
		{
			for (i = 0; i < level->n; i++)
				level->combinations[i].count = cross->groups[i].audience->cardinality;
			continue;
		}
		count_level(cross, depth);
		if (depth == 2)
		{
			for (i = 0; i < level->n; i++)
			{
				Combination *pair = &level->combinations[i];
				uint32		first = cross->levels[1].combinations[pair->parent].group;

				cross->pairs[(Size) first * cross->ngroups + pair->group] =
					pair->count >= cross->min_size;
			}
		}
	}
}

/*
 * How many combinations of 2 to depth groups there are of those that are large
 * enough by themselves: elementary symmetric polynomials of their numbers in each dimension.
 */
static double
count_tests(const Cross *cross)
{
	double		e[MAX_DEPTH + 1] = {1};
	double		n = 0;
	double		sum = 0;
	int			g;
	int			k;

	for (g = 0; g < cross->ngroups; g++)
	{
		n += cross->groups[g].audience->cardinality >= cross->min_size;
		if (g + 1 == cross->ngroups ||
			cross->groups[g + 1].ndimension != cross->groups[g].ndimension)
		{
			for (k = cross->depth; k >= 1; k--)
				e[k] += e[k - 1] * n;
			n = 0;
		}
	}
	for (k = 2; k <= cross->depth; k++)
		sum += e[k];
	return sum;
}

/* ---- significance ---- */

/* A distribution over counts from low to high. */
typedef struct Distribution
{
	bool		binomial;
	double		low;
	double		high;
	double		n;				/* population */
	double		a;				/* hypergeometric: sizes of both groups */
	double		b;
	double		odds;			/* binomial: p / (1 - p) */
} Distribution;

/* P(k + 1) / P(k) */
static double
step_up(const Distribution *d, double k)
{
	if (d->binomial)
		return (d->n - k) / (k + 1) * d->odds;
	return (d->a - k) / (k + 1) * ((d->b - k) / (d->n - d->a - d->b + k + 1));
}

/*
 * Twice the smaller tail that includes k, at most 1.  The tail is summed
 * outward from k, where its terms fall, until they do not matter.
 */
static double
two_sided(const Distribution *d, double k, double expected)
{
	bool		up = k >= expected;
	double		logp;
	double		term = 1;
	double		sum = 1;

	if (d->low >= d->high)
		return 1;
	if (d->binomial)
		logp = log_choose(d->n, k) + k * log(d->odds) - d->n * log1p(d->odds);
	else
		logp = log_choose(d->a, k) + log_choose(d->n - d->a, d->b - k) - log_choose(d->n, d->b);
	while (up ? k < d->high : k > d->low)
	{
		if (up)
			term *= step_up(d, k++);
		else
			term /= step_up(d, --k);
		sum += term;
		if (term < sum * 1e-17)
			break;
		if (((int64) k & 0xFFFF) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	return Min(1, 2 * exp(logp + log(sum)));
}

/* Expected count and p value of a combination. */
static void
test_combination(const Cross *cross, CrossRow *row)
{
	double		total = (double) cross->total;
	double		share = 1;
	double		sizes[2] = {0, 0};
	uint32		i = row->combination;
	int			depth;

	for (depth = row->level; depth >= 1; depth--)
	{
		const Combination *combination = &cross->levels[depth].combinations[i];
		double		size = (double) cross->groups[combination->group].audience->cardinality;

		share *= size / total;
		if (depth <= 2)
			sizes[depth - 1] = size;
		i = combination->parent;
	}
	row->expected = row->level == 1 ? sizes[0] : total * share;
	row->p = NAN;
	if (row->level >= 2)
	{
		Distribution d;

		d.binomial = row->level > 2;
		d.n = total;
		d.a = sizes[0];
		d.b = sizes[1];
		d.low = d.binomial ? 0 : Max(0, d.a + d.b - d.n);
		d.high = d.binomial ? (share < 1 ? d.n : 0) : Min(d.a, d.b);
		d.odds = share / (1 - share);
		row->p = two_sided(&d, (double) row->count, row->expected);
	}
}

static int
compare_p(const void *a, const void *b)
{
	const CrossRow *x = *(CrossRow *const *) a;
	const CrossRow *y = *(CrossRow *const *) b;

	CHECK_FOR_INTERRUPTS();
	if (x->p != y->p)
		return x->p < y->p ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Holm's step-down adjustment of all rows that have a p value. */
static void
adjust(CrossRow *rows, Size n, double ntests)
{
	CrossRow  **sorted = MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * sizeof(CrossRow *));
	double		most = 0;
	Size		tested = 0;
	Size		i;

	for (i = 0; i < n; i++)
	{
		rows[i].p_adjusted = NAN;
		if (!isnan(rows[i].p))
			sorted[tested++] = &rows[i];
	}
	qsort(sorted, tested, sizeof(CrossRow *), compare_p);
	for (i = 0; i < tested; i++)
	{
		most = Max(most, Min(1, sorted[i]->p * (ntests - (double) i)));
		sorted[i]->p_adjusted = most;
	}
	pfree(sorted);
}

/* ---- output ---- */

/* Groups are numbered by dimension and name, and so are combinations within a level. */
static int
compare_rows(const void *a, const void *b)
{
	const CrossRow *x = a;
	const CrossRow *y = b;

	CHECK_FOR_INTERRUPTS();
	if (x->level != y->level)
		return x->level - y->level;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return x->combination < y->combination ? -1 : x->combination > y->combination;
}

static Datum
text_array(char **words, int n)
{
	Datum		datums[MAX_DEPTH];
	int			i;

	for (i = 0; i < n; i++)
		datums[i] = CStringGetTextDatum(words[i]);
	return PointerGetDatum(construct_array(datums, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
put_rows(const Cross *cross, const CrossRow *rows, Size n, ReturnSetInfo *rsinfo)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "recsys audience_cross row",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	Size		r;

	for (r = 0; r < n; r++)
	{
		const CrossRow *row = &rows[r];
		char	   *dimensions[MAX_DEPTH];
		char	   *names[MAX_DEPTH];
		Datum		values[9];
		bool		nulls[9] = {0};
		uint32		i = row->combination;
		int			depth;

		for (depth = row->level; depth >= 1; depth--)
		{
			const Combination *combination = &cross->levels[depth].combinations[i];

			dimensions[depth - 1] = cross->groups[combination->group].dimension;
			names[depth - 1] = cross->groups[combination->group].name;
			i = combination->parent;
		}
		values[0] = Int32GetDatum(row->level);
		values[1] = text_array(dimensions, row->level);
		values[2] = text_array(names, row->level);
		values[3] = Int64GetDatum((int64) row->count);
		values[4] = Float8GetDatum(row->expected);
		values[5] = Float8GetDatum((double) row->count / row->expected);
		values[6] = Float8GetDatum((double) row->count / (double) cross->total);
		values[7] = Float8GetDatum(row->p);
		values[8] = Float8GetDatum(row->p_adjusted);
		nulls[7] = nulls[8] = isnan(row->p);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		MemoryContextReset(cxt);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}

/*
 * audience_cross(query, depth, min_size, among): see the comment in SQL.
 */
RECSYS_FUNCTION(recsys_audience_cross);
Datum
recsys_audience_cross(PG_FUNCTION_ARGS)
{
	QueryColumn columns[] = {
		{"dimension", TEXTOID, false},
		{"name", TEXTOID, false},
		{"audience", InvalidOid, false}
	};
	Cross		cross = {0};
	const Audience *among = NULL;
	CrossRow   *rows;
	Size		n = 0;
	int			depth;
	Size		i;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query, depth and min_size must not be null")));
	if (PG_GETARG_INT32(1) < 1 || PG_GETARG_INT32(1) > MAX_DEPTH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("depth must be between 1 and %d, not %d", MAX_DEPTH, PG_GETARG_INT32(1))));
	if (PG_GETARG_INT64(2) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("min_size must be at least 1, not %lld", (long long) PG_GETARG_INT64(2))));
	if (!PG_ARGISNULL(3))
		among = PG_GETARG_AUDIENCE(3);
	columns[2].type = get_fn_expr_argtype(fcinfo->flinfo, 3);
	cross.cxt = CurrentMemoryContext;
	cross.depth = PG_GETARG_INT32(1);
	cross.min_size = (uint64) PG_GETARG_INT64(2);

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	SPI_connect();
	query_run(query_prepare(text_to_cstring(PG_GETARG_TEXT_PP(0)), columns, lengthof(columns), 0, NULL),
			  NULL, NULL, read_group, &cross);
	SPI_finish();

	prepare_groups(&cross, among);
	cross.depth = Min(cross.depth, cross.ndimensions);
	cross.levels = palloc0_array(Level, cross.depth + 1);
	check_memory((Size) cross.ngroups * cross.ngroups);
	cross.pairs = palloc0_array(bool, (Size) cross.ngroups * cross.ngroups + 1);
	count_all(&cross);
	cross.ntests = count_tests(&cross);

	rows = MemoryContextAllocHuge(CurrentMemoryContext, (cross.ncombinations + 1) * sizeof(CrossRow));
	for (depth = 1; depth <= cross.depth; depth++)
	{
		for (i = 0; i < cross.levels[depth].n; i++)
		{
			CrossRow   *row = &rows[n];

			row->level = depth;
			row->combination = (uint32) i;
			row->count = cross.levels[depth].combinations[i].count;
			if (row->count < cross.min_size)
				continue;
			CHECK_FOR_INTERRUPTS();
			test_combination(&cross, row);
			n++;
		}
	}
	adjust(rows, n, cross.ntests);
	qsort(rows, n, sizeof(CrossRow), compare_rows);
	put_rows(&cross, rows, n, (ReturnSetInfo *) fcinfo->resultinfo);
	PG_RETURN_NULL();
}

/* ---- reach ---- */

typedef struct Reach
{
	MemoryContext cxt;			/* what remains */
	ReturnSetInfo *rsinfo;
	Audience   *remaining;		/* NULL before the first condition of an open population */
	uint64		start;
	int			step;
	bool		may_exclude;	/* the query has the column */
} Reach;

static void
reach_step(void *arg, const Datum *values, const bool *nulls)
{
	Reach	   *reach = arg;
	bool		exclude = reach->may_exclude && !nulls[2] && DatumGetBool(values[2]);
	bool		first = reach->remaining == NULL;
	uint64		before = first ? 0 : reach->remaining->cardinality;
	Audience   *condition;
	Audience   *after;
	MemoryContext old;
	Datum		row[6];
	bool		rownulls[6] = {0};

	if (nulls[0] || nulls[1])
		fail_null("name and audience");
	if (first && exclude)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the first condition excludes, but there is nothing to exclude from"),
				 errhint("Pass all customers as the argument \"among\", or put another condition first.")));
	condition = (Audience *) PG_DETOAST_DATUM(values[1]);
	old = MemoryContextSwitchTo(reach->cxt);
	if (first)
		after = (Audience *) PG_DETOAST_DATUM_COPY(values[1]);
	else
	{
		after = audience_setop(exclude ? AUDIENCE_ANDNOT : AUDIENCE_AND, reach->remaining, condition);
		pfree(reach->remaining);
	}
	MemoryContextSwitchTo(old);
	reach->remaining = after;
	if (first)
		reach->start = after->cardinality;

	row[0] = Int32GetDatum(++reach->step);
	row[1] = values[0];
	row[2] = Int64GetDatum((int64) condition->cardinality);
	row[3] = Int64GetDatum((int64) after->cardinality);
	rownulls[4] = first || before == 0;
	row[4] = Float8GetDatum(rownulls[4] ? 0 : (double) after->cardinality / (double) before);
	rownulls[5] = reach->start == 0;
	row[5] = Float8GetDatum(rownulls[5] ? 0 : (double) after->cardinality / (double) reach->start);
	tuplestore_putvalues(reach->rsinfo->setResult, reach->rsinfo->setDesc, row, rownulls);
}

/*
 * audience_reach(query, among): see the comment in SQL.
 */
RECSYS_FUNCTION(recsys_audience_reach);
Datum
recsys_audience_reach(PG_FUNCTION_ARGS)
{
	QueryColumn columns[] = {
		{"name", TEXTOID, false},
		{"audience", InvalidOid, false},
		{"exclude", BOOLOID, true}
	};
	Reach		reach = {0};
	UserQuery  *query;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query must not be null")));
	columns[1].type = get_fn_expr_argtype(fcinfo->flinfo, 1);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	reach.cxt = CurrentMemoryContext;
	reach.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	if (!PG_ARGISNULL(1))
	{
		reach.remaining = (Audience *) PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(1));
		reach.start = reach.remaining->cardinality;
	}
	SPI_connect();
	query = query_prepare(text_to_cstring(PG_GETARG_TEXT_PP(0)), columns, lengthof(columns), 0, NULL);
	reach.may_exclude = query_column_count(query) == lengthof(columns);
	query_run(query, NULL, NULL, reach_step, &reach);
	SPI_finish();
	PG_RETURN_NULL();
}
