/*-------------------------------------------------------------------------
 *
 * tagset_op.c
 *		Operators and functions on tagsets.
 *
 * Weights in set operations: | takes the greater, & the smaller, - the left
 * one's.  So a | a = a, a & a = a, and the distributive and absorption laws
 * hold (it is the lattice of fuzzy sets).  @> <@ && look at tags only.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "common/hashfn.h"
#include "tags/tagquery.h"
#include "tags/tagset.h"
#include "tags/tagset_op.h"
#include "utils/builtins.h"

/* Does the set have the tag, or one of the tags, that a node of a query asks for? */
static TagTruth
match_leaf(void *arg, const TagQuery *query, int number)
{
	const TagsetView *set = arg;
	const TagQueryNode *node = tagquery_node(query, number);
	const char *tag = tagquery_tag(query, number);
	int			i;

	if (!node->prefix)
	{
		i = tagset_find(set, tag, node->length);
		return i >= 0 && tagquery_weight_matches(node, tagset_weight(set, i)) ?
			TAG_TRUE : TAG_FALSE;
	}
	for (i = tagset_lower_bound(set, tag, node->length); i < set->n; i++)
	{
		int			len;
		const char *found = tagset_tag(set, i, &len);

		if (len < node->length || memcmp(found, tag, node->length) != 0)
			break;
		if (tagquery_weight_matches(node, tagset_weight(set, i)))
			return TAG_TRUE;
	}
	return TAG_FALSE;
}

RECSYS_FUNCTION(recsys_tagset_match);
Datum
recsys_tagset_match(PG_FUNCTION_ARGS)
{
	TagsetView	set;
	TagQuery   *query = PG_GETARG_TAGQUERY_P(1);

	PG_GETARG_TAGSET(0, &set);
	PG_RETURN_BOOL(tagquery_eval(query, 0, match_leaf, &set) == TAG_TRUE);
}

RECSYS_FUNCTION(recsys_tagquery_match);
Datum
recsys_tagquery_match(PG_FUNCTION_ARGS)
{
	TagsetView	set;
	TagQuery   *query = PG_GETARG_TAGQUERY_P(0);

	PG_GETARG_TAGSET(1, &set);
	PG_RETURN_BOOL(tagquery_eval(query, 0, match_leaf, &set) == TAG_TRUE);
}

static bool
contains(const TagsetView *large, const TagsetView *small)
{
	if (small->n > large->n)
		return false;
	for (int i = 0; i < small->n; i++)
	{
		int			len;
		const char *tag = tagset_tag(small, i, &len);

		if (tagset_find(large, tag, len) < 0)
			return false;
	}
	return true;
}

RECSYS_FUNCTION(recsys_tagset_contains);
Datum
recsys_tagset_contains(PG_FUNCTION_ARGS)
{
	TagsetView	left;
	TagsetView	right;

	PG_GETARG_TAGSET(0, &left);
	PG_GETARG_TAGSET(1, &right);
	PG_RETURN_BOOL(contains(&left, &right));
}

RECSYS_FUNCTION(recsys_tagset_contained);
Datum
recsys_tagset_contained(PG_FUNCTION_ARGS)
{
	TagsetView	left;
	TagsetView	right;

	PG_GETARG_TAGSET(0, &left);
	PG_GETARG_TAGSET(1, &right);
	PG_RETURN_BOOL(contains(&right, &left));
}

RECSYS_FUNCTION(recsys_tagset_overlaps);
Datum
recsys_tagset_overlaps(PG_FUNCTION_ARGS)
{
	TagsetView	left;
	TagsetView	right;
	const TagsetView *small = &left;
	const TagsetView *large = &right;

	PG_GETARG_TAGSET(0, &left);
	PG_GETARG_TAGSET(1, &right);
	if (left.n > right.n)
	{
		small = &right;
		large = &left;
	}
	for (int i = 0; i < small->n; i++)
	{
		int			len;
		const char *tag = tagset_tag(small, i, &len);

		if (tagset_find(large, tag, len) >= 0)
			PG_RETURN_BOOL(true);
	}
	PG_RETURN_BOOL(false);
}

static int
find_text(const TagsetView *set, const text *tag)
{
	return tagset_find(set, VARDATA_ANY(tag), VARSIZE_ANY_EXHDR(tag));
}

RECSYS_FUNCTION(recsys_tagset_has);
Datum
recsys_tagset_has(PG_FUNCTION_ARGS)
{
	TagsetView	set;

	PG_GETARG_TAGSET(0, &set);
	PG_RETURN_BOOL(find_text(&set, PG_GETARG_TEXT_PP(1)) >= 0);
}

RECSYS_FUNCTION(recsys_tag_in);
Datum
recsys_tag_in(PG_FUNCTION_ARGS)
{
	TagsetView	set;

	PG_GETARG_TAGSET(1, &set);
	PG_RETURN_BOOL(find_text(&set, PG_GETARG_TEXT_PP(0)) >= 0);
}

/*
 * The order of tagsets: tag by tag, a set before those it is the beginning of;
 * with equal tags, weight by weight.
 */
static int
tagset_compare(FunctionCallInfo fcinfo)
{
	TagsetView	left;
	TagsetView	right;
	int			cmp = 0;

	PG_GETARG_TAGSET(0, &left);
	PG_GETARG_TAGSET(1, &right);
	for (int i = 0; i < left.n && i < right.n && cmp == 0; i++)
	{
		int			leftlen;
		int			rightlen;
		const char *lefttag = tagset_tag(&left, i, &leftlen);
		const char *righttag = tagset_tag(&right, i, &rightlen);

		cmp = tag_compare(lefttag, leftlen, righttag, rightlen);
	}
	if (cmp == 0)
		cmp = left.n - right.n;
	for (int i = 0; i < left.n && cmp == 0; i++)
	{
		float4		leftweight = tagset_weight(&left, i);
		float4		rightweight = tagset_weight(&right, i);

		cmp = leftweight < rightweight ? -1 : leftweight > rightweight;
	}
	PG_FREE_TAGSET(&left, 0);
	PG_FREE_TAGSET(&right, 1);
	return cmp;
}

RECSYS_FUNCTION(recsys_tagset_cmp);
Datum
recsys_tagset_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(tagset_compare(fcinfo));
}

RECSYS_FUNCTION(recsys_tagset_eq);
Datum
recsys_tagset_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(tagset_compare(fcinfo) == 0);
}

RECSYS_FUNCTION(recsys_tagset_ne);
Datum
recsys_tagset_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(tagset_compare(fcinfo) != 0);
}

RECSYS_FUNCTION(recsys_tagset_lt);
Datum
recsys_tagset_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(tagset_compare(fcinfo) < 0);
}

RECSYS_FUNCTION(recsys_tagset_le);
Datum
recsys_tagset_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(tagset_compare(fcinfo) <= 0);
}

RECSYS_FUNCTION(recsys_tagset_gt);
Datum
recsys_tagset_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(tagset_compare(fcinfo) > 0);
}

RECSYS_FUNCTION(recsys_tagset_ge);
Datum
recsys_tagset_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(tagset_compare(fcinfo) >= 0);
}

/* Equal sets have equal bytes, so the bytes are what is hashed. */
RECSYS_FUNCTION(recsys_tagset_hash);
Datum
recsys_tagset_hash(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_GETARG_VARLENA_PP(0);
	Datum		hash = hash_any((unsigned char *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));

	PG_FREE_IF_COPY(value, 0);
	return hash;
}

RECSYS_FUNCTION(recsys_tagset_hash_extended);
Datum
recsys_tagset_hash_extended(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_GETARG_VARLENA_PP(0);
	Datum		hash = hash_any_extended((unsigned char *) VARDATA_ANY(value),
										 VARSIZE_ANY_EXHDR(value), PG_GETARG_INT64(1));

	PG_FREE_IF_COPY(value, 0);
	return hash;
}

typedef enum MergeKind
{
	SET_UNION, SET_INTERSECT, SET_MINUS
} MergeKind;

static Datum
combine(FunctionCallInfo fcinfo, MergeKind operation)
{
	TagsetView	left;
	TagsetView	right;
	TagItem    *a;
	TagItem    *b;
	TagItem    *items;
	int			i = 0;
	int			j = 0;
	int			n = 0;

	PG_GETARG_TAGSET(0, &left);
	PG_GETARG_TAGSET(1, &right);
	a = tagset_items(&left);
	b = tagset_items(&right);
	items = palloc(sizeof(TagItem) * Max(left.n + right.n, 1));
	while (i < left.n || j < right.n)
	{
		int			cmp = i == left.n ? 1 : j == right.n ? -1 :
			tag_compare(a[i].tag, a[i].len, b[j].tag, b[j].len);

		if (cmp < 0)
		{
			if (operation != SET_INTERSECT)
				items[n++] = a[i];
			i++;
		}
		else if (cmp > 0)
		{
			if (operation == SET_UNION)
				items[n++] = b[j];
			j++;
		}
		else
		{
			bool		rightwins = operation == SET_UNION ? b[j].weight > a[i].weight :
				b[j].weight < a[i].weight;

			if (operation != SET_MINUS)
				items[n++] = rightwins ? b[j] : a[i];
			i++;
			j++;
		}
	}
	PG_RETURN_POINTER(tagset_form(items, n, NULL));
}

RECSYS_FUNCTION(recsys_tagset_union);
Datum
recsys_tagset_union(PG_FUNCTION_ARGS)
{
	return combine(fcinfo, SET_UNION);
}

RECSYS_FUNCTION(recsys_tagset_intersect);
Datum
recsys_tagset_intersect(PG_FUNCTION_ARGS)
{
	return combine(fcinfo, SET_INTERSECT);
}

RECSYS_FUNCTION(recsys_tagset_minus);
Datum
recsys_tagset_minus(PG_FUNCTION_ARGS)
{
	return combine(fcinfo, SET_MINUS);
}

/*
 * 1 - cosine of the weight vectors, from 0 to 2.  The cosine with an empty set
 * is not defined; such sets have nothing in common, so 1, and two empty sets
 * are equal, so 0.  Sums run in the order of the tags.
 */
RECSYS_FUNCTION(recsys_tagset_cosine_distance);
Datum
recsys_tagset_cosine_distance(PG_FUNCTION_ARGS)
{
	TagsetView	left;
	TagsetView	right;
	float8		product = 0;
	float8		leftsquares = 0;
	float8		rightsquares = 0;
	int			j = 0;

	PG_GETARG_TAGSET(0, &left);
	PG_GETARG_TAGSET(1, &right);
	if (left.n == 0 || right.n == 0)
		PG_RETURN_FLOAT8(left.n == right.n ? 0.0 : 1.0);
	for (int i = 0; i < left.n; i++)
	{
		int			len;
		const char *tag = tagset_tag(&left, i, &len);
		float8		weight = tagset_weight(&left, i);

		leftsquares += weight * weight;
		while (j < right.n)
		{
			int			rightlen;
			const char *righttag = tagset_tag(&right, j, &rightlen);
			int			cmp = tag_compare(tag, len, righttag, rightlen);

			if (cmp == 0)
				product += weight * tagset_weight(&right, j);
			if (cmp <= 0)
				break;
			j++;
		}
	}
	for (j = 0; j < right.n; j++)
	{
		float8		weight = tagset_weight(&right, j);

		rightsquares += weight * weight;
	}
	/* rounding must not leave the range */
	PG_RETURN_FLOAT8(Min(Max(1.0 - product / sqrt(leftsquares * rightsquares), 0.0), 2.0));
}

/* 1 - |common tags| / |all tags|; 0 for two empty sets. */
RECSYS_FUNCTION(recsys_tagset_jaccard_distance);
Datum
recsys_tagset_jaccard_distance(PG_FUNCTION_ARGS)
{
	TagsetView	left;
	TagsetView	right;
	int			common = 0;
	int			all;

	PG_GETARG_TAGSET(0, &left);
	PG_GETARG_TAGSET(1, &right);
	for (int i = 0, j = 0; i < left.n && j < right.n;)
	{
		int			leftlen;
		int			rightlen;
		const char *lefttag = tagset_tag(&left, i, &leftlen);
		const char *righttag = tagset_tag(&right, j, &rightlen);
		int			cmp = tag_compare(lefttag, leftlen, righttag, rightlen);

		common += cmp == 0;
		i += cmp <= 0;
		j += cmp >= 0;
	}
	all = left.n + right.n - common;
	PG_RETURN_FLOAT8(all == 0 ? 0.0 : 1.0 - (float8) common / all);
}

RECSYS_FUNCTION(recsys_tag_count);
Datum
recsys_tag_count(PG_FUNCTION_ARGS)
{
	TagsetView	set;

	PG_GETARG_TAGSET(0, &set);
	PG_RETURN_INT32(set.n);
}

RECSYS_FUNCTION(recsys_tag_weight);
Datum
recsys_tag_weight(PG_FUNCTION_ARGS)
{
	TagsetView	set;
	int			i;

	PG_GETARG_TAGSET(0, &set);
	i = find_text(&set, PG_GETARG_TEXT_PP(1));
	if (i < 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT4(tagset_weight(&set, i));
}

/* The tags of a set as rows (tag text, weight real), in order. */
RECSYS_FUNCTION(recsys_tags);
Datum
recsys_tags(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	TagsetView *set;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		TupleDesc	tupdesc;

		call = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		call->tuple_desc = BlessTupleDesc(tupdesc);
		set = palloc_object(TagsetView);
		/* the argument may not outlive this call */
		tagset_open((struct varlena *) PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(0)), set);
		call->user_fctx = set;
		call->max_calls = set->n;
		MemoryContextSwitchTo(old);
	}
	call = SRF_PERCALL_SETUP();
	set = call->user_fctx;
	if (call->call_cntr < call->max_calls)
	{
		int			i = (int) call->call_cntr;
		int			len;
		const char *tag = tagset_tag(set, i, &len);
		Datum		values[2];
		bool		nulls[2] = {false, false};

		values[0] = PointerGetDatum(cstring_to_text_with_len(tag, len));
		values[1] = Float4GetDatum(tagset_weight(set, i));
		SRF_RETURN_NEXT(call, HeapTupleGetDatum(heap_form_tuple(call->tuple_desc, values, nulls)));
	}
	SRF_RETURN_DONE(call);
}

RECSYS_FUNCTION(recsys_tag_filter);
Datum
recsys_tag_filter(PG_FUNCTION_ARGS)
{
	TagsetView	set;
	text	   *prefix = PG_GETARG_TEXT_PP(1);
	int			length = VARSIZE_ANY_EXHDR(prefix);
	int			first;
	int			n = 0;
	TagItem    *items;

	PG_GETARG_TAGSET(0, &set);
	items = tagset_items(&set);
	first = tagset_lower_bound(&set, VARDATA_ANY(prefix), length);
	while (first + n < set.n && items[first + n].len >= length &&
		   memcmp(items[first + n].tag, VARDATA_ANY(prefix), length) == 0)
		n++;
	PG_RETURN_POINTER(tagset_form(items + first, n, NULL));
}

/* The n heaviest tags; of equal ones those that sort first. */
RECSYS_FUNCTION(recsys_tag_top);
Datum
recsys_tag_top(PG_FUNCTION_ARGS)
{
	TagsetView	set;
	int			n = PG_GETARG_INT32(1);
	TagItem    *items;
	int			kept;

	if (n < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("n must not be negative")));
	PG_GETARG_TAGSET(0, &set);
	items = tagset_items(&set);
	kept = set.n;
	tagset_keep_heaviest(items, &kept, n);
	PG_RETURN_POINTER(tagset_form(items, kept, NULL));
}
