/*-------------------------------------------------------------------------
 *
 * tagset_stats.c
 *		What ANALYZE learns of a tagset column, and what the planner makes of it.
 *
 * Beside the usual statistics of whole values a column gets
 *
 * - most common elements, in the slot kind that arrays and tsvector use, with
 *   the share of rows that have each, sorted by bytes.  Three more numbers
 *   follow: below which share a tag may be missing from the list, the greatest
 *   share, and the share of rows with no tags.  A namespace (what precedes the
 *   first colon) counts as an element of its own, "city:*": it says how many
 *   rows have any of its tags, which single tags can't tell;
 * - a histogram of all weights, in a private slot kind, if some differ from 1.
 *
 * Tags are counted by the lossy counting of Manku and Motwani ("Approximate
 * Frequency Counts over Data Streams", 2002), which bounds memory.
 *
 * The selectivity of a query takes tags for independent of each other, but not
 * the tags of one namespace: see prefix_share().  What can be had from the
 * most common values (whole sets, with all their correlations) is taken from
 * there first.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "commands/vacuum.h"
#include "common/hashfn.h"
#include "nodes/primnodes.h"
#include "tags/tagquery.h"
#include "tags/tagset.h"
#include "tags/tagset_op.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"

/* 10000 to 30000 are for private use: see catalog/pg_statistic.h */
#define STATISTIC_KIND_TAG_WEIGHTS	12719

#define WEIGHT_SAMPLE_SIZE	1048576
#define WEIGHT_HISTOGRAM	101

/* Elements kept per unit of the statistics target, as tsvector does, and counters per element. */
#define ELEMENTS_PER_TARGET	10
#define COUNTERS_PER_ELEMENT 300

/* Share of rows that have a tag, if nothing is known. */
#define DEFAULT_TAG_SHARE	0.01
/* Selectivity of a condition whose right side is not known when planning. */
#define DEFAULT_QUERY_SEL	0.01

typedef struct TagKey
{
	const char *tag;
	int			len;
} TagKey;

typedef struct Counter
{
	TagKey		key;
	uint32		hash;
	char		status;
	int64		count;
	int64		missed;			/* at most so many came before counting began */
} Counter;

static inline uint32
key_hash(TagKey key)
{
	return hash_bytes((const unsigned char *) key.tag, key.len);
}

#define SH_PREFIX counters
#define SH_ELEMENT_TYPE Counter
#define SH_KEY_TYPE TagKey
#define SH_KEY key
#define SH_HASH_KEY(table, key) key_hash(key)
#define SH_EQUAL(table, a, b) ((a).len == (b).len && memcmp((a).tag, (b).tag, (a).len) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* What the standard function has set up, which ours calls in turn. */
typedef struct Standard
{
	AnalyzeAttrComputeStatsFunc compute_stats;
	void	   *extra_data;
} Standard;

typedef struct Census
{
	counters_hash *counters;
	int64		width;			/* elements per round of lossy counting */
	int64		elements;		/* counted so far */
	int64		cutoff;			/* least count a tag could have and be lost */
	float4	   *weights;
	int			nweights;
	int			stride;			/* each so many-th weight is kept */
	int64		seen;			/* weights seen */
	bool		weighted;
	double		rows;			/* not null */
	double		empty;
} Census;

/* Length of the namespace of a tag with its colon, 0 if it has none. */
static int
namespace_length(const char *tag, int len)
{
	const char *colon = memchr(tag, ':', len);

	return colon == NULL ? 0 : (int) (colon - tag) + 1;
}

/* Is an element of the list a namespace, "city:*"? */
static bool
is_namespace(const char *tag, int len)
{
	return len >= 2 && tag[len - 1] == '*' && namespace_length(tag, len) == len - 1;
}

static void
census_element(Census *census, const char *tag, int len)
{
	TagKey		key = {tag, len};
	bool		found;
	int64		round = census->elements / census->width;
	Counter    *counter = counters_insert(census->counters, key, &found);

	if (found)
		counter->count++;
	else
	{
		char	   *copy = palloc(len);

		memcpy(copy, tag, len);
		counter->key.tag = copy;
		counter->count = 1;
		counter->missed = round;
	}
	if (++census->elements % census->width == 0)
	{
		counters_iterator it;

		/* deleting while iterating is allowed */
		counters_start_iterate(census->counters, &it);
		while ((counter = counters_iterate(census->counters, &it)) != NULL)
		{
			if (counter->count + counter->missed <= round + 1)
			{
				char	   *copy = (char *) counter->key.tag;

				counters_delete_item(census->counters, counter);
				pfree(copy);
			}
		}
	}
}

/* Keeps each stride-th weight; when there is no room left, half of what was kept. */
static void
census_weight(Census *census, float4 weight)
{
	census->weighted |= weight != 1.0f;
	if (census->seen++ % census->stride != 0)
		return;
	if (census->nweights == WEIGHT_SAMPLE_SIZE)
	{
		for (int i = 0; i < WEIGHT_SAMPLE_SIZE / 2; i++)
			census->weights[i] = census->weights[2 * i];
		census->nweights = WEIGHT_SAMPLE_SIZE / 2;
		census->stride *= 2;
	}
	census->weights[census->nweights++] = weight;
}

static void
census_row(Census *census, const TagsetView *set)
{
	char		name[TAG_MAX_BYTES + 1];
	int			namelen = 0;

	census->rows++;
	if (set->n == 0)
		census->empty++;
	for (int i = 0; i < set->n; i++)
	{
		int			len;
		const char *tag = tagset_tag(set, i, &len);
		int			space = namespace_length(tag, len);

		/* the tags of a namespace stand side by side, for they are sorted */
		if (space > 0 && (space != namelen || memcmp(name, tag, space) != 0))
		{
			memcpy(name, tag, space);
			name[space] = '*';
			namelen = space;
			census_element(census, name, space + 1);
		}
		census_element(census, tag, len);
		census_weight(census, tagset_weight(set, i));
	}
}

static int
more_frequent(const void *a, const void *b)
{
	const Counter *left = *(Counter *const *) a;
	const Counter *right = *(Counter *const *) b;

	if (left->count != right->count)
		return left->count > right->count ? -1 : 1;
	return tag_compare(left->key.tag, left->key.len, right->key.tag, right->key.len);
}

static int
counter_by_tag(const void *a, const void *b)
{
	const Counter *left = *(Counter *const *) a;
	const Counter *right = *(Counter *const *) b;

	return tag_compare(left->key.tag, left->key.len, right->key.tag, right->key.len);
}

static int
weight_compare(const void *a, const void *b)
{
	float4		left = *(const float4 *) a;
	float4		right = *(const float4 *) b;

	return left < right ? -1 : left > right;
}

static int
free_slot(const VacAttrStats *stats)
{
	int			slot = 0;

	while (slot < STATISTIC_NUM_SLOTS && stats->stakind[slot] != 0)
		slot++;
	return slot;
}

static void
store_elements(VacAttrStats *stats, Census *census, int limit)
{
	Counter   **list = palloc_array(Counter *, Max(census->counters->members, 1));
	Counter    *counter;
	counters_iterator it;
	int			n = 0;
	int			slot = free_slot(stats);
	double		least;
	double		greatest;
	Datum	   *values;
	float4	   *numbers;
	MemoryContext old;

	/* what may have been lost in counting is no base for an estimate */
	census->cutoff = census->elements > census->width ? 9 * census->elements / census->width : 0;
	counters_start_iterate(census->counters, &it);
	while ((counter = counters_iterate(census->counters, &it)) != NULL)
	{
		if (counter->count > census->cutoff)
			list[n++] = counter;
	}
	qsort(list, n, sizeof(Counter *), more_frequent);
	/* a complete list leaves out only what is rarer than one row of the sample */
	least = Max((double) census->cutoff, 1.0);
	if (n > limit)
	{
		n = limit;
		least = (double) list[n - 1]->count;
	}
	greatest = n > 0 ? (double) list[0]->count : 0;
	if (slot == STATISTIC_NUM_SLOTS)
		return;

	qsort(list, n, sizeof(Counter *), counter_by_tag);
	old = MemoryContextSwitchTo(stats->anl_context);
	values = palloc_array(Datum, Max(n, 1));
	numbers = palloc_array(float4, n + 3);
	for (int i = 0; i < n; i++)
	{
		values[i] = PointerGetDatum(cstring_to_text_with_len(list[i]->key.tag, list[i]->key.len));
		numbers[i] = (float4) (list[i]->count / census->rows);
	}
	numbers[n] = (float4) (least / census->rows);
	numbers[n + 1] = (float4) (greatest / census->rows);
	numbers[n + 2] = (float4) (census->empty / census->rows);
	MemoryContextSwitchTo(old);

	stats->stakind[slot] = STATISTIC_KIND_MCELEM;
	stats->staop[slot] = TextEqualOperator;
	stats->stacoll[slot] = C_COLLATION_OID;
	stats->stanumbers[slot] = numbers;
	stats->numnumbers[slot] = n + 3;
	stats->stavalues[slot] = values;
	stats->numvalues[slot] = n;
	stats->statypid[slot] = TEXTOID;
	stats->statyplen[slot] = -1;
	stats->statypbyval[slot] = false;
	stats->statypalign[slot] = TYPALIGN_INT;
}

static void
store_weights(VacAttrStats *stats, Census *census)
{
	int			slot = free_slot(stats);
	float4	   *histogram;

	if (!census->weighted || slot == STATISTIC_NUM_SLOTS)
		return;
	qsort(census->weights, census->nweights, sizeof(float4), weight_compare);
	histogram = MemoryContextAlloc(stats->anl_context, WEIGHT_HISTOGRAM * sizeof(float4));
	for (int i = 0; i < WEIGHT_HISTOGRAM; i++)
		histogram[i] = census->weights[(int64) i * (census->nweights - 1) / (WEIGHT_HISTOGRAM - 1)];
	stats->stakind[slot] = STATISTIC_KIND_TAG_WEIGHTS;
	stats->stanumbers[slot] = histogram;
	stats->numnumbers[slot] = WEIGHT_HISTOGRAM;
}

static void
compute_tagset_stats(VacAttrStats *stats, AnalyzeAttrFetchFunc fetchfunc, int samplerows, double totalrows)
{
	Standard   *standard = stats->extra_data;
	int			limit = VAC_STATS_TARGET(stats) * ELEMENTS_PER_TARGET;
	Census		census = {0};

	stats->extra_data = standard->extra_data;
	standard->compute_stats(stats, fetchfunc, samplerows, totalrows);
	stats->extra_data = standard;

	census.width = (int64) limit * COUNTERS_PER_ELEMENT;
	census.counters = counters_create(CurrentMemoryContext, 1024, NULL);
	census.weights = palloc_array(float4, WEIGHT_SAMPLE_SIZE);
	census.stride = 1;
	for (int row = 0; row < samplerows; row++)
	{
		bool		isnull;
		Datum		value = fetchfunc(stats, row, &isnull);
		TagsetView	set;

		VACUUM_DELAY_POINT();
		if (isnull)
			continue;
		tagset_open((struct varlena *) DatumGetPointer(value), &set);
		census_row(&census, &set);
		if ((Pointer) set.value != DatumGetPointer(value))
			pfree(set.value);
	}
	if (census.rows > 0)
	{
		store_elements(stats, &census, limit);
		store_weights(stats, &census);
	}
}

RECSYS_FUNCTION(recsys_tagset_typanalyze);
Datum
recsys_tagset_typanalyze(PG_FUNCTION_ARGS)
{
	VacAttrStats *stats = (VacAttrStats *) PG_GETARG_POINTER(0);
	Standard   *standard;

	if (!std_typanalyze(stats))
		PG_RETURN_BOOL(false);
	standard = palloc_object(Standard);
	standard->compute_stats = stats->compute_stats;
	standard->extra_data = stats->extra_data;
	stats->compute_stats = compute_tagset_stats;
	stats->extra_data = standard;
	PG_RETURN_BOOL(true);
}

/* The statistics of a column, as the estimates need them. */
typedef struct TagStats
{
	int			n;				/* elements; 0 if there are no statistics */
	const Datum *elements;
	const float4 *shares;
	float4		rare;			/* share of a tag that is not in the list */
	float4		empty;			/* share of empty sets */
	int			nweights;
	const float4 *weights;		/* histogram; without it all weights are 1 */
} TagStats;

/* The first element that is not less than a tag. */
static int
element_lower_bound(const TagStats *stats, const char *tag, int len)
{
	int			low = 0;
	int			high = stats->n;

	while (low < high)
	{
		int			middle = (low + high) / 2;
		text	   *element = DatumGetTextPP(stats->elements[middle]);

		if (tag_compare(VARDATA_ANY(element), VARSIZE_ANY_EXHDR(element), tag, len) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Share of rows that have a tag (or any of a namespace, "city:*"); -1: not listed. */
static double
listed_share(const TagStats *stats, const char *tag, int len)
{
	int			i = element_lower_bound(stats, tag, len);
	text	   *element;

	if (i == stats->n)
		return -1;
	element = DatumGetTextPP(stats->elements[i]);
	return VARSIZE_ANY_EXHDR(element) == len && memcmp(VARDATA_ANY(element), tag, len) == 0 ?
		stats->shares[i] : -1;
}

static double
tag_share(const TagStats *stats, const char *tag, int len)
{
	double		share = listed_share(stats, tag, len);

	return share >= 0 ? share : stats->rare;
}

/*
 * Adds up the listed elements with a prefix: the sum of their shares, and the
 * share of rows that have any if they are independent.  A namespace that lies
 * within the prefix as a whole stands for its tags.
 */
static void
add_up(const TagStats *stats, const char *prefix, int len, double *sum, double *independent)
{
	double		none = 1;

	*sum = 0;
	for (int i = element_lower_bound(stats, prefix, len); i < stats->n; i++)
	{
		text	   *element = DatumGetTextPP(stats->elements[i]);
		const char *tag = VARDATA_ANY(element);
		int			taglen = VARSIZE_ANY_EXHDR(element);
		int			space = namespace_length(tag, taglen);

		if (taglen < len || memcmp(tag, prefix, len) != 0)
			break;
		/* its namespace is at least as frequent, hence in the list too */
		if (is_namespace(tag, taglen) ? len >= space : space > len)
			continue;
		*sum += stats->shares[i];
		none *= 1 - stats->shares[i];
	}
	*independent = 1 - none;
}

/*
 * Share of rows with any tag that has the prefix.  Tags of one namespace are
 * often alternatives ("city:..."), of which a row has one: then shares add up.
 * Or they are not, and then they are as good as independent.  Where between
 * the two a namespace lies is known from its own share.
 */
static double
prefix_share(const TagStats *stats, const char *prefix, int len)
{
	double		sum;
	double		independent;
	int			space = namespace_length(prefix, len);

	if (len == 0)
		return 1 - stats->empty;
	add_up(stats, prefix, len, &sum, &independent);
	if (space > 0)
	{
		char		name[TAG_MAX_BYTES + 1];
		double		share;

		memcpy(name, prefix, space);
		name[space] = '*';
		share = listed_share(stats, name, space + 1);
		if (share >= 0 && space == len)
			return share;
		if (share >= 0)
		{
			double		allsum;
			double		allindependent;
			double		mix = 0;

			add_up(stats, prefix, space, &allsum, &allindependent);
			if (allsum > allindependent)
				mix = Min(Max((share - allindependent) / (allsum - allindependent), 0), 1);
			independent = Min(independent + mix * (sum - independent), share);
		}
	}
	return Max(independent, stats->rare);
}

/* Share of weights below a bound, or below and equal to it. */
static double
weight_share(const TagStats *stats, float4 bound, bool equal)
{
	int			i = 0;
	float4		low;
	float4		high;

	if (stats->weights == NULL)
		return equal ? 1.0f <= bound : 1.0f < bound;
	while (i < stats->nweights && (equal ? stats->weights[i] <= bound : stats->weights[i] < bound))
		i++;
	if (i == 0 || i == stats->nweights)
		return i == 0 ? 0 : 1;
	low = stats->weights[i - 1];
	high = stats->weights[i];
	return (i - 1 + ((double) bound - low) / ((double) high - low)) / (stats->nweights - 1);
}

static double
condition_share(const TagStats *stats, const TagQueryNode *node)
{
	double		less = weight_share(stats, node->weight, false);
	double		lessequal = weight_share(stats, node->weight, true);

	switch ((TagQueryCompare) node->compare)
	{
		case TAGQUERY_ANY_WEIGHT:
			break;
		case TAGQUERY_LESS:
			return less;
		case TAGQUERY_LESS_EQUAL:
			return lessequal;
		case TAGQUERY_EQUAL:
			return lessequal - less;
		case TAGQUERY_NOT_EQUAL:
			return 1 - (lessequal - less);
		case TAGQUERY_GREATER_EQUAL:
			return 1 - less;
		case TAGQUERY_GREATER:
			return 1 - lessequal;
	}
	return 1;
}

/* Share of rows that satisfy the subtree at a node of a query. */
static double
query_share(const TagStats *stats, const TagQuery *query, int number)
{
	const TagQueryNode *node = tagquery_node(query, number);
	const char *tag = tagquery_tag(query, number);
	double		share = 1;

	switch ((TagQueryKind) node->kind)
	{
		case TAGQUERY_NONE:
			return 0;
		case TAGQUERY_ALL:
			return 1;
		case TAGQUERY_NOT:
			return 1 - query_share(stats, query, number + 1);
		case TAGQUERY_TAG:
			share = node->prefix ? prefix_share(stats, tag, node->length) : tag_share(stats, tag, node->length);
			return share * condition_share(stats, node);
		case TAGQUERY_AND:
			for (int i = number + 1; i < node->end; i = tagquery_node(query, i)->end)
				share *= query_share(stats, query, i);
			return share;
		case TAGQUERY_OR:
			for (int i = number + 1; i < node->end; i = tagquery_node(query, i)->end)
				share *= 1 - query_share(stats, query, i);
			return 1 - share;
	}
	return share;
}

/* Share of rows with all tags of a set, or with any. */
static double
set_share(const TagStats *stats, const TagsetView *set, bool any)
{
	double		share = 1;

	for (int i = 0; i < set->n; i++)
	{
		int			len;
		const char *tag = tagset_tag(set, i, &len);
		double		one = tag_share(stats, tag, len);

		share *= any ? 1 - one : one;
	}
	return any ? 1 - share : share;
}

/* Share of rows with no tag but those of a set. */
static double
within_share(const TagStats *stats, const TagsetView *set)
{
	double		share = stats->n > 0 ? 1 : DEFAULT_QUERY_SEL;

	for (int i = 0; i < stats->n; i++)
	{
		text	   *element = DatumGetTextPP(stats->elements[i]);
		const char *tag = VARDATA_ANY(element);
		int			len = VARSIZE_ANY_EXHDR(element);

		if (!is_namespace(tag, len) && tagset_find(set, tag, len) < 0)
			share *= 1 - stats->shares[i];
	}
	return Max(share, stats->empty);
}

/*
 * Share of the rows that are not null.  Which operator it is, and so what the
 * other side's type is, follows from the C function behind it, for that can't
 * be given a wrong argument.
 */
static double
operator_share(const TagStats *stats, PGFunction function, Datum constant)
{
	TagsetView	set;

	if (function == recsys_tagset_match || function == recsys_tagquery_match)
		return query_share(stats, DatumGetTagQuery(constant), 0);
	if (function == recsys_tagset_has || function == recsys_tag_in)
	{
		text	   *tag = DatumGetTextPP(constant);

		return tag_share(stats, VARDATA_ANY(tag), VARSIZE_ANY_EXHDR(tag));
	}
	tagset_open((struct varlena *) DatumGetPointer(constant), &set);
	if (function == recsys_tagset_overlaps)
		return set_share(stats, &set, true);
	if (function == recsys_tagset_contains)
		return set_share(stats, &set, false);
	return within_share(stats, &set);
}

/* Is it one of the operators that operator_share() knows? */
static bool
is_known(PGFunction function)
{
	return function == recsys_tagset_match || function == recsys_tagquery_match ||
		function == recsys_tagset_has || function == recsys_tag_in ||
		function == recsys_tagset_overlaps || function == recsys_tagset_contains ||
		function == recsys_tagset_contained;
}

/* The side that is not the column is on the left for <@ of a tag, and may be for others. */
static PGFunction
commuted(PGFunction function, bool varonleft)
{
	if (varonleft || (function != recsys_tagset_contains && function != recsys_tagset_contained))
		return function;
	return function == recsys_tagset_contains ? recsys_tagset_contained : recsys_tagset_contains;
}

/* Is the column on the side where this operator has its tagset? */
static bool
tagset_side(PGFunction function, bool varonleft)
{
	if (function == recsys_tagset_match || function == recsys_tagset_has)
		return varonleft;
	if (function == recsys_tagquery_match || function == recsys_tag_in)
		return !varonleft;
	return true;
}

static double
column_selectivity(VariableStatData *column, FmgrInfo *operator, Datum constant, bool varonleft)
{
	TagStats	stats = {.rare = DEFAULT_TAG_SHARE};
	AttStatsSlot elements = {0};
	AttStatsSlot weights = {0};
	double		nulls = 0;
	double		common = 0;
	double		selectivity;

	if (HeapTupleIsValid(column->statsTuple))
	{
		nulls = ((Form_pg_statistic) GETSTRUCT(column->statsTuple))->stanullfrac;
		if (get_attstatsslot(&elements, column->statsTuple, STATISTIC_KIND_MCELEM, InvalidOid,
							 ATTSTATSSLOT_VALUES | ATTSTATSSLOT_NUMBERS) &&
			elements.valuetype == TEXTOID && elements.nnumbers == elements.nvalues + 3)
		{
			stats.n = elements.nvalues;
			stats.elements = elements.values;
			stats.shares = elements.numbers;
			stats.rare = elements.numbers[elements.nvalues] / 2;
			stats.empty = elements.numbers[elements.nvalues + 2];
		}
		if (get_attstatsslot(&weights, column->statsTuple, STATISTIC_KIND_TAG_WEIGHTS, InvalidOid,
							 ATTSTATSSLOT_NUMBERS) && weights.nnumbers > 1)
		{
			stats.nweights = weights.nnumbers;
			stats.weights = weights.numbers;
		}
	}
	selectivity = operator_share(&stats, commuted(operator->fn_addr, varonleft), constant);
	if (HeapTupleIsValid(column->statsTuple))
	{
		double		matching = mcv_selectivity(column, operator, InvalidOid, constant, varonleft, &common);

		selectivity = matching + Max(1 - nulls - common, 0) * selectivity;
	}
	free_attstatsslot(&elements);
	free_attstatsslot(&weights);
	CLAMP_PROBABILITY(selectivity);
	return selectivity;
}

RECSYS_FUNCTION(recsys_tagset_sel);
Datum
recsys_tagset_sel(PG_FUNCTION_ARGS)
{
	PlannerInfo *root = (PlannerInfo *) PG_GETARG_POINTER(0);
	Oid			operator = PG_GETARG_OID(1);
	List	   *args = (List *) PG_GETARG_POINTER(2);
	int			relid = PG_GETARG_INT32(3);
	VariableStatData column;
	Node	   *other;
	bool		varonleft;
	double		selectivity = DEFAULT_QUERY_SEL;
	FmgrInfo	function;

	if (!get_restriction_variable(root, args, relid, &column, &other, &varonleft))
		PG_RETURN_FLOAT8(selectivity);
	fmgr_info(get_opcode(operator), &function);
	if (IsA(other, Const) && ((Const *) other)->constisnull)
		selectivity = 0;		/* the operators are strict */
	else if (IsA(other, Const) && is_known(function.fn_addr) && tagset_side(function.fn_addr, varonleft))
		selectivity = column_selectivity(&column, &function, ((Const *) other)->constvalue, varonleft);
	ReleaseVariableStats(column);
	PG_RETURN_FLOAT8(selectivity);
}
