/*-------------------------------------------------------------------------
 *
 * tagset_gin.c
 *		GIN support: a row has one entry per tag, a search asks for the tags it
 *		names.
 *
 * Entries are text values ordered by bytes (bttext_pattern_cmp), so that a
 * prefix is one contiguous range.  && and @> and @@ without a condition on
 * weights are answered by the index alone.  For <@ and = and for conditions on
 * weights the index narrows down and the row is checked.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "access/gin.h"
#include "access/stratnum.h"
#include "tags/tagquery.h"
#include "tags/tagset.h"
#include "tags/tagset_gin.h"

/* For @@: which entry stands for which node of the query. */
typedef struct MatchPlan
{
	const TagQuery *query;		/* detoasted, which the scan key need not be */
	bool		flat;			/* the root's children are tags, without conditions on weights */
	const GinTernaryValue *check;
	int			entry_of_node[FLEXIBLE_ARRAY_MEMBER];
} MatchPlan;

/* Makes text values of tags, all in one piece of memory. */
static Datum *
make_entries(const TagItem *items, int n)
{
	Size		bytes = 0;
	Datum	   *entries = palloc_array(Datum, Max(n, 1));
	char	   *next;

	for (int i = 0; i < n; i++)
		bytes += INTALIGN(VARHDRSZ + items[i].len);
	next = palloc(Max(bytes, 1));
	for (int i = 0; i < n; i++)
	{
		SET_VARSIZE(next, VARHDRSZ + items[i].len);
		memcpy(VARDATA(next), items[i].tag, items[i].len);
		entries[i] = PointerGetDatum(next);
		next += INTALIGN(VARHDRSZ + items[i].len);
	}
	return entries;
}

RECSYS_FUNCTION(recsys_tagset_gin_extract_value);
Datum
recsys_tagset_gin_extract_value(PG_FUNCTION_ARGS)
{
	int32	   *nentries = (int32 *) PG_GETARG_POINTER(1);
	TagsetView	set;

	PG_GETARG_TAGSET(0, &set);
	*nentries = set.n;
	PG_RETURN_POINTER(make_entries(tagset_items(&set), set.n));
}

typedef struct Leaf
{
	TagItem		item;
	bool		prefix;
	int			node;
} Leaf;

static int
leaf_compare(const void *a, const void *b)
{
	const Leaf *left = a;
	const Leaf *right = b;
	int			cmp = tag_compare(left->item.tag, left->item.len, right->item.tag, right->item.len);

	return cmp != 0 ? cmp : (int) left->prefix - (int) right->prefix;
}

static TagTruth
no_entry(void *arg, const TagQuery *query, int node)
{
	return TAG_FALSE;
}

/* Can rows without any entry of the subtree match it? */
bool
tagset_gin_needs_all(const TagQuery *query, int node)
{
	return tagquery_eval(query, node, no_entry, NULL) != TAG_FALSE;
}

/* The entries of a tagquery: each tag or prefix once, whatever it is compared with. */
static Datum *
query_entries(const TagQuery *query, int32 *nentries, bool **partial, Pointer **extra, int32 *mode)
{
	Leaf	   *leaves = palloc_array(Leaf, query->nnodes);
	TagItem    *items = palloc_array(TagItem, query->nnodes);
	MatchPlan  *plan = palloc0(offsetof(MatchPlan, entry_of_node) + query->nnodes * sizeof(int));
	int			nleaves = 0;
	int			n = 0;

	plan->query = query;
	plan->flat = tagquery_node(query, 0)->kind == TAGQUERY_AND ||
		tagquery_node(query, 0)->kind == TAGQUERY_OR;
	for (int i = 0; i < query->nnodes; i++)
	{
		const TagQueryNode *node = tagquery_node(query, i);

		plan->flat &= i == 0 ||
			(node->kind == TAGQUERY_TAG && node->compare == TAGQUERY_ANY_WEIGHT);
		if (node->kind != TAGQUERY_TAG)
			continue;
		leaves[nleaves].item.tag = tagquery_tag(query, i);
		leaves[nleaves].item.len = node->length;
		leaves[nleaves].prefix = node->prefix != 0;
		leaves[nleaves++].node = i;
	}
	qsort(leaves, nleaves, sizeof(Leaf), leaf_compare);
	*partial = palloc_array(bool, Max(nleaves, 1));
	for (int i = 0; i < nleaves; i++)
	{
		if (i == 0 || leaf_compare(&leaves[i - 1], &leaves[i]) != 0)
		{
			items[n] = leaves[i].item;
			(*partial)[n++] = leaves[i].prefix;
		}
		plan->entry_of_node[leaves[i].node] = n - 1;
	}
	*nentries = n;
	if (n > 0)
	{
		/* GIN passes the whole array to triconsistent; the first place is enough for us */
		*extra = palloc0_array(Pointer, n);
		(*extra)[0] = (Pointer) plan;
	}
	if (tagset_gin_needs_all(query, 0))
		*mode = GIN_SEARCH_MODE_ALL;
	return make_entries(items, n);
}

RECSYS_FUNCTION(recsys_tagset_gin_extract_query);
Datum
recsys_tagset_gin_extract_query(PG_FUNCTION_ARGS)
{
	int32	   *nentries = (int32 *) PG_GETARG_POINTER(1);
	StrategyNumber strategy = PG_GETARG_UINT16(2);
	bool	  **partial = (bool **) PG_GETARG_POINTER(3);
	Pointer   **extra = (Pointer **) PG_GETARG_POINTER(4);
	int32	   *mode = (int32 *) PG_GETARG_POINTER(6);
	TagsetView	set;

	if (strategy == MATCH_STRATEGY)
		PG_RETURN_POINTER(query_entries(PG_GETARG_TAGQUERY_P(0), nentries, partial, extra, mode));
	if (strategy == HAS_STRATEGY)
	{
		text	   *tag = PG_GETARG_TEXT_PP(0);
		TagItem		item = {VARDATA_ANY(tag), VARSIZE_ANY_EXHDR(tag), 1.0f};

		/* what is longer than a tag can be is not there, and might not fit into an entry */
		*nentries = item.len <= TAG_MAX_BYTES ? 1 : 0;
		PG_RETURN_POINTER(make_entries(&item, *nentries));
	}
	PG_GETARG_TAGSET(0, &set);
	*nentries = set.n;
	switch (strategy)
	{
		case OVERLAPS_STRATEGY:
			break;
		case CONTAINS_STRATEGY:
			/* everything contains the empty set */
			if (set.n == 0)
				*mode = GIN_SEARCH_MODE_ALL;
			break;
		case EQUALS_STRATEGY:
			if (set.n == 0)
				*mode = GIN_SEARCH_MODE_INCLUDE_EMPTY;
			break;
		case CONTAINED_STRATEGY:
			/* the empty set is contained in everything */
			*mode = GIN_SEARCH_MODE_INCLUDE_EMPTY;
			break;
		default:
			elog(ERROR, "unrecognized strategy number: %d", strategy);
	}
	PG_RETURN_POINTER(make_entries(tagset_items(&set), set.n));
}

/* 0: the entry starts with the prefix; less: a later one may; greater: no later one does. */
RECSYS_FUNCTION(recsys_tagset_gin_compare_prefix);
Datum
recsys_tagset_gin_compare_prefix(PG_FUNCTION_ARGS)
{
	text	   *prefix = PG_GETARG_TEXT_PP(0);
	text	   *entry = PG_GETARG_TEXT_PP(1);
	int			length = VARSIZE_ANY_EXHDR(prefix);
	int			cmp;

	cmp = tag_compare(VARDATA_ANY(entry), Min(VARSIZE_ANY_EXHDR(entry), length),
					  VARDATA_ANY(prefix), length);
	PG_RETURN_INT32(cmp);
}

/* Does the row have all entries? */
static GinTernaryValue
all_entries(const GinTernaryValue *check, int nentries)
{
	GinTernaryValue result = GIN_TRUE;

	for (int i = 0; i < nentries && result != GIN_FALSE; i++)
	{
		if (check[i] != GIN_TRUE)
			result = check[i];
	}
	return result;
}

/* Does the row have any of the entries? */
static GinTernaryValue
any_entry(const GinTernaryValue *check, int nentries)
{
	GinTernaryValue result = GIN_FALSE;

	for (int i = 0; i < nentries && result != GIN_TRUE; i++)
	{
		if (check[i] != GIN_FALSE)
			result = check[i];
	}
	return result;
}

static TagTruth
check_leaf(void *arg, const TagQuery *query, int node)
{
	const MatchPlan *plan = arg;
	GinTernaryValue check = plan->check[plan->entry_of_node[node]];

	StaticAssertStmt(TAG_FALSE == GIN_FALSE && TAG_TRUE == GIN_TRUE && TAG_MAYBE == GIN_MAYBE,
					 "three-valued truth must have the values of GIN");
	if (check == GIN_TRUE && tagquery_node(query, node)->compare != TAGQUERY_ANY_WEIGHT)
		return TAG_MAYBE;		/* weights are not in the index */
	return (TagTruth) check;
}

static GinTernaryValue
match_entries(MatchPlan *plan, const GinTernaryValue *check, int nentries)
{
	if (plan->flat)
		return tagquery_node(plan->query, 0)->kind == TAGQUERY_AND ?
			all_entries(check, nentries) : any_entry(check, nentries);
	plan->check = check;
	return (GinTernaryValue) tagquery_eval(plan->query, 0, check_leaf, plan);
}

/* With no two-valued function beside it, GIN derives that from this one. */
RECSYS_FUNCTION(recsys_tagset_gin_triconsistent);
Datum
recsys_tagset_gin_triconsistent(PG_FUNCTION_ARGS)
{
	GinTernaryValue *check = (GinTernaryValue *) PG_GETARG_POINTER(0);
	StrategyNumber strategy = PG_GETARG_UINT16(1);
	int32		nentries = PG_GETARG_INT32(3);
	Pointer    *extra = (Pointer *) PG_GETARG_POINTER(4);
	GinTernaryValue result;

	switch (strategy)
	{
		case OVERLAPS_STRATEGY:
			result = any_entry(check, nentries);
			break;
		case CONTAINS_STRATEGY:
		case HAS_STRATEGY:
			result = all_entries(check, nentries);
			break;
		case EQUALS_STRATEGY:
			result = all_entries(check, nentries);
			/* there may be other tags, and other weights */
			if (result == GIN_TRUE && nentries > 0)
				result = GIN_MAYBE;
			break;
		case CONTAINED_STRATEGY:
			/* if the query is empty GIN offers empty sets only */
			result = nentries > 0 ? GIN_MAYBE : GIN_TRUE;
			break;
		case MATCH_STRATEGY:
			/* without entries the query is ALL: NONE is never searched for */
			result = nentries == 0 ? GIN_TRUE :
				match_entries((MatchPlan *) extra[0], check, nentries);
			break;
		default:
			elog(ERROR, "unrecognized strategy number: %d", strategy);
			result = GIN_FALSE;	/* keep the compiler quiet */
	}
	PG_RETURN_GIN_TERNARY_VALUE(result);
}
