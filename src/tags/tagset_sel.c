/*-------------------------------------------------------------------------
 *
 * tagset_sel.c
 *		Selectivity of the operators that search tagsets.
 *
 * The shares of single tags (tagset_stats.h) are put together as if tags were
 * independent of each other, but for the tags of one namespace: there
 * prefix_share() knows better.  What whole values tell, the most common ones,
 * with all the correlations in them, then bounds the result.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "nodes/primnodes.h"
#include "tags/tagquery.h"
#include "tags/tagset.h"
#include "tags/tagset_gin.h"
#include "tags/tagset_op.h"
#include "tags/tagset_sel.h"
#include "tags/tagset_stats.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"

/* Share of rows that have a tag, if nothing is known. */
#define DEFAULT_TAG_SHARE	0.01
/* Share of a tag's rows that give it one certain weight. */
#define DEFAULT_WEIGHT_SHARE 0.01
/* Selectivity of a condition whose right side is not known when planning. */
#define DEFAULT_QUERY_SEL	0.01

/* Measured costs, in items of a list passed (about 3 ns each), see tagset_negation_pays(). */
#define HALF_PAGE_COST		3000.0
#define BITMAP_ITEM_COST	30.0
#define VISIT_COST			250.0
#define CHECK_COST			25.0

/* The statistics of a column, as the estimates need them. */
typedef struct TagStats
{
	int			n;				/* elements; 0 if there are no statistics */
	const Datum *elements;
	const float4 *shares;
	float4		rare;			/* share of a tag that is not in the list */
	float4		empty;			/* share of empty sets */
	const float4 *weights;		/* quantiles per element; NULL: all weights are 1 */
} TagStats;

/* Is an element of the list a namespace, "city:*"? */
static bool
is_namespace(const char *tag, int len)
{
	return len >= 2 && tag[len - 1] == '*' && namespace_length(tag, len) == len - 1;
}

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

/* Number of a tag in the list, or of a namespace, "city:*"; -1: not listed. */
static int
find_element(const TagStats *stats, const char *tag, int len)
{
	int			i = element_lower_bound(stats, tag, len);
	text	   *element;

	if (i == stats->n)
		return -1;
	element = DatumGetTextPP(stats->elements[i]);
	if (VARSIZE_ANY_EXHDR(element) != len || memcmp(VARDATA_ANY(element), tag, len) != 0)
		return -1;
	return i;
}

static double
tag_share(const TagStats *stats, const char *tag, int len)
{
	int			i = find_element(stats, tag, len);

	return i >= 0 ? stats->shares[i] : stats->rare;
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
		int			listed;

		memcpy(name, prefix, space);
		name[space] = '*';
		listed = find_element(stats, name, space + 1);
		if (listed >= 0 && space == len)
			return stats->shares[listed];
		if (listed >= 0)
		{
			double		share = stats->shares[listed];
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

/* Share of an element's weights below a bound, or below and equal to it. */
static double
weight_share(const float4 *quantiles, float4 bound, bool equal)
{
	int			i = 0;

	while (i < WEIGHT_QUANTILES && (equal ? quantiles[i] <= bound : quantiles[i] < bound))
		i++;
	if (i == 0 || i == WEIGHT_QUANTILES)
		return i == 0 ? 0 : 1;
	return (i - 1 +
			((double) bound - quantiles[i - 1]) / ((double) quantiles[i] - quantiles[i - 1])) /
		(WEIGHT_QUANTILES - 1);
}

/* Share of an element's weights that satisfy the condition of a node. */
static double
condition_share(const TagStats *stats, const TagQueryNode *node, int element)
{
	double		less;
	double		lessequal;

	if (stats->weights == NULL)
		return tagquery_weight_matches(node, 1.0f) ? 1 : 0;
	less = weight_share(stats->weights + element * WEIGHT_QUANTILES, node->weight, false);
	lessequal = weight_share(stats->weights + element * WEIGHT_QUANTILES, node->weight, true);
	switch ((TagQueryCompare) node->compare)
	{
		case TAGQUERY_ANY_WEIGHT:
			break;
		case TAGQUERY_LESS:
			return less;
		case TAGQUERY_LESS_EQUAL:
			return lessequal;
		case TAGQUERY_EQUAL:
			/* a single weight seldom has a quantile of its own */
			return Max(lessequal - less, DEFAULT_WEIGHT_SHARE);
		case TAGQUERY_NOT_EQUAL:
			return 1 - (lessequal - less);
		case TAGQUERY_GREATER_EQUAL:
			return 1 - less;
		case TAGQUERY_GREATER:
			return 1 - lessequal;
	}
	return 1;
}

/* Share of rows for a TAG node: of a prefix's tags each counts as often as it comes. */
static double
leaf_share(const TagStats *stats, const TagQuery *query, int number)
{
	const TagQueryNode *node = tagquery_node(query, number);
	const char *tag = tagquery_tag(query, number);
	int			len = node->length;
	double		share = node->prefix ? prefix_share(stats, tag, len) : tag_share(stats, tag, len);
	double		sum = 0;
	double		matching = 0;

	if (node->compare == TAGQUERY_ANY_WEIGHT)
		return share;
	for (int i = element_lower_bound(stats, tag, len); i < stats->n; i++)
	{
		text	   *element = DatumGetTextPP(stats->elements[i]);
		const char *name = VARDATA_ANY(element);
		int			namelen = VARSIZE_ANY_EXHDR(element);

		if (namelen < len || memcmp(name, tag, len) != 0 || (!node->prefix && namelen > len))
			break;
		if (is_namespace(name, namelen))
			continue;
		sum += stats->shares[i];
		matching += stats->shares[i] * condition_share(stats, node, i);
	}
	if (sum == 0)
		return share *
			(stats->weights == NULL ? condition_share(stats, node, 0) : DEFAULT_INEQ_SEL);
	return share * matching / sum;
}

/* Share of rows that satisfy the subtree at a node of a query. */
static double
query_share(const TagStats *stats, const TagQuery *query, int number)
{
	const TagQueryNode *node = tagquery_node(query, number);
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
			return leaf_share(stats, query, number);
		case TAGQUERY_AND:
			tagquery_foreach_child(i, query, number)
				share *= query_share(stats, query, i);
			return share;
		case TAGQUERY_OR:
			tagquery_foreach_child(i, query, number)
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

/* Reads what ANALYZE knows of a column; the arrays are the caller's to free. */
static void
load_stats(HeapTuple tuple, TagStats *stats, AttStatsSlot *elements, AttStatsSlot *weights)
{
	memset(stats, 0, sizeof(TagStats));
	memset(elements, 0, sizeof(AttStatsSlot));
	memset(weights, 0, sizeof(AttStatsSlot));
	stats->rare = DEFAULT_TAG_SHARE;
	if (!HeapTupleIsValid(tuple))
		return;
	if (get_attstatsslot(elements, tuple, STATISTIC_KIND_MCELEM, InvalidOid,
						 ATTSTATSSLOT_VALUES | ATTSTATSSLOT_NUMBERS) &&
		elements->valuetype == TEXTOID && elements->nnumbers == elements->nvalues + 3)
	{
		stats->n = elements->nvalues;
		stats->elements = elements->values;
		stats->shares = elements->numbers;
		stats->rare = elements->numbers[elements->nvalues] / 2;
		stats->empty = elements->numbers[elements->nvalues + 2];
	}
	if (get_attstatsslot(weights, tuple, STATISTIC_KIND_TAG_WEIGHTS, InvalidOid,
						 ATTSTATSSLOT_NUMBERS) && weights->nnumbers == stats->n * WEIGHT_QUANTILES)
		stats->weights = weights->numbers;
}

static double
column_selectivity(VariableStatData *column, FmgrInfo *operator, Datum constant, bool varonleft)
{
	TagStats	stats;
	AttStatsSlot elements;
	AttStatsSlot weights;
	double		nulls = 0;
	double		common = 0;
	double		selectivity;

	load_stats(column->statsTuple, &stats, &elements, &weights);
	if (HeapTupleIsValid(column->statsTuple))
		nulls = ((Form_pg_statistic) GETSTRUCT(column->statsTuple))->stanullfrac;
	selectivity = (1 - nulls) *
		operator_share(&stats, commuted(operator->fn_addr, varonleft), constant);
	if (HeapTupleIsValid(column->statsTuple))
	{
		/* of the most common values it is known which match; the rest can only match or not */
		double		matching = mcv_selectivity(column, operator, InvalidOid, constant, varonleft,
											   &common);

		selectivity = Min(Max(selectivity, matching), matching + Max(1 - nulls - common, 0));
	}
	free_attstatsslot(&elements);
	free_attstatsslot(&weights);
	CLAMP_PROBABILITY(selectivity);
	return selectivity;
}

/*
 * Is a condition best understood tag by tag?  Not if few different sets make up
 * most of the rows: of them it is known whether they match it as a whole.  Nor
 * if sets are so long that they would have to be fetched for each part again.
 */
bool
tagset_tags_tell(HeapTuple statistics)
{
	AttStatsSlot values;
	double		common = 0;

	if (((Form_pg_statistic) GETSTRUCT(statistics))->stawidth > TOAST_TUPLE_TARGET / 2)
		return false;
	if (get_attstatsslot(&values, statistics, STATISTIC_KIND_MCV, InvalidOid, ATTSTATSSLOT_NUMBERS))
	{
		for (int i = 0; i < values.nnumbers; i++)
			common += values.numbers[i];
		free_attstatsslot(&values);
	}
	return common < 0.5;
}

/*
 * Shall an index be asked for the negations of a conjunction, or rather the
 * rows that the other parts leave?  The unit is what it takes to pass an item of
 * an entry's list; all is per row of the table.  In the index, the lists of the
 * negated tags are passed, or, if rows are few, half a page of a list for each
 * row; a prefix makes a bitmap of its lists.  On the heap, rows are visited that
 * the negations would have ruled out, and all are checked.
 */
bool
tagset_negation_pays(HeapTuple statistics, const TagQuery *query)
{
	TagStats	stats;
	AttStatsSlot elements;
	AttStatsSlot weights;
	double		found = 1;
	double		left = 1;
	double		lists = 0;

	load_stats(statistics, &stats, &elements, &weights);
	tagquery_foreach_child(i, query, 0)
	{
		if (!tagset_gin_needs_all(query, i))
			found *= query_share(&stats, query, i);
		else
			left *= query_share(&stats, query, i);
	}
	tagquery_foreach_child(i, query, 0)
	{
		if (!tagset_gin_needs_all(query, i))
			continue;
		for (int j = i; j < tagquery_node(query, i)->end; j++)
		{
			const TagQueryNode *node = tagquery_node(query, j);
			const char *tag = tagquery_tag(query, j);

			if (node->kind != TAGQUERY_TAG)
				continue;
			if (node->prefix)
				lists += BITMAP_ITEM_COST * prefix_share(&stats, tag, node->length);
			else
				lists += Min(tag_share(&stats, tag, node->length), found * HALF_PAGE_COST);
		}
	}
	free_attstatsslot(&elements);
	free_attstatsslot(&weights);
	return lists < found * (VISIT_COST * (1 - left) + CHECK_COST);
}

/*
 * Selectivity of a function behind an operator, applied to these arguments of
 * which one should be a column.
 */
double
tagset_selectivity(PlannerInfo *root, Oid function, List *args, int relid)
{
	VariableStatData column;
	Node	   *other;
	bool		varonleft;
	double		selectivity = DEFAULT_QUERY_SEL;
	FmgrInfo	info;

	if (!get_restriction_variable(root, args, relid, &column, &other, &varonleft))
		return selectivity;
	fmgr_info(function, &info);
	if (IsA(other, Const) && ((Const *) other)->constisnull)
		selectivity = 0;		/* they are strict */
	else if (IsA(other, Const) && is_known(info.fn_addr) && tagset_side(info.fn_addr, varonleft))
		selectivity = column_selectivity(&column, &info, ((Const *) other)->constvalue, varonleft);
	ReleaseVariableStats(column);
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

	PG_RETURN_FLOAT8(tagset_selectivity(root, get_opcode(operator), args, relid));
}
