/*-------------------------------------------------------------------------
 *
 * tagquery.h
 *		Boolean queries over tags: reading, walking and evaluating them.
 *
 * This is the interface for whoever has tags of a kind of his own (audiences
 * have one set of users per tag) and wants the same query language.  Take the
 * argument with PG_GETARG_TAGQUERY_P(), then either walk the tree
 *
 *		int			i = 0;						the root
 *		switch (tagquery_node(query, i)->kind)
 *		tagquery_foreach_child(c, query, i)
 *			...									the children of node i
 *
 * or let tagquery_eval() ask for the truth of each tag.  The tree is simplified:
 * no AND below an AND, no OR below an OR, no NOT below a NOT, each AND and OR
 * with two or more different children; the constants NONE and ALL stand only
 * at the root.  It is never deeper than TAGQUERY_MAX_DEPTH, so that recursion
 * over it needs no further care.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_TAGQUERY_H
#define RECSYS_TAGQUERY_H

#include "core/compat.h"
#include "lib/stringinfo.h"

#define TAGQUERY_MAX_DEPTH	250
#define TAGQUERY_MAX_NODES	65536

/* The numbers are stored: never change them. */
typedef enum TagQueryKind
{
	TAGQUERY_NONE = 0,			/* the empty query: matches nothing */
	TAGQUERY_ALL = 1,			/* matches everything, written * | !* */
	TAGQUERY_AND = 2,			/* two or more children */
	TAGQUERY_OR = 3,			/* two or more children */
	TAGQUERY_NOT = 4,			/* one child */
	TAGQUERY_TAG = 5			/* a tag or a prefix, perhaps with a condition on the weight */
} TagQueryKind;

typedef enum TagQueryCompare
{
	TAGQUERY_ANY_WEIGHT = 0,
	TAGQUERY_LESS = 1,
	TAGQUERY_LESS_EQUAL = 2,
	TAGQUERY_EQUAL = 3,
	TAGQUERY_NOT_EQUAL = 4,
	TAGQUERY_GREATER_EQUAL = 5,
	TAGQUERY_GREATER = 6
} TagQueryCompare;

/* One node, stored in prefix order: a node, then its children with all of theirs. */
typedef struct TagQueryNode
{
	uint8		kind;			/* TagQueryKind */
	uint8		compare;		/* TAG: TagQueryCompare, of the tag's weight with `weight` */
	uint8		prefix;			/* TAG: 1 if any tag that starts so will do */
	uint8		reserved;		/* 0 */
	uint32		end;			/* number of the node after this one's subtree */
	uint32		offset;			/* TAG: where its bytes start, see tagquery_tag() */
	uint16		length;			/* TAG: how many; 0 only with prefix (any tag at all) */
	uint16		reserved2;		/* 0 */
	float4		weight;			/* TAG: what the weight is compared with */
} TagQueryNode;

typedef struct TagQuery
{
	int32		vl_len_;
	uint32		version;		/* TAGQUERY_VERSION */
	uint32		nnodes;			/* at least 1 */
	TagQueryNode nodes[FLEXIBLE_ARRAY_MEMBER];
	/* the bytes of the tags follow */
} TagQuery;

#define TAGQUERY_VERSION 1

#define DatumGetTagQuery(datum) tagquery_check((TagQuery *) PG_DETOAST_DATUM(datum))
#define PG_GETARG_TAGQUERY_P(n) DatumGetTagQuery(PG_GETARG_DATUM(n))

static inline const TagQueryNode *
tagquery_node(const TagQuery *query, int node)
{
	return &query->nodes[node];
}

static inline int
tagquery_first_child(const TagQuery *query, int node)
{
	return node + 1;
}

#define tagquery_foreach_child(child, query, node) \
	for (int child = tagquery_first_child(query, node); \
		 child < tagquery_node(query, node)->end; child = tagquery_node(query, child)->end)

/* The bytes of a TAG node: node->length of them, not terminated. */
static inline const char *
tagquery_tag(const TagQuery *query, int node)
{
	return (const char *) &query->nodes[query->nnodes] + query->nodes[node].offset;
}

/* Does a tag with this weight satisfy the node's condition on weights? */
static inline bool
tagquery_weight_matches(const TagQueryNode *node, float4 weight)
{
	switch ((TagQueryCompare) node->compare)
	{
		case TAGQUERY_ANY_WEIGHT:
			return true;
		case TAGQUERY_LESS:
			return weight < node->weight;
		case TAGQUERY_LESS_EQUAL:
			return weight <= node->weight;
		case TAGQUERY_EQUAL:
			return weight == node->weight;
		case TAGQUERY_NOT_EQUAL:
			return weight != node->weight;
		case TAGQUERY_GREATER_EQUAL:
			return weight >= node->weight;
		case TAGQUERY_GREATER:
			return weight > node->weight;
	}
	return false;
}

/* Three-valued truth; the values are those of GIN's ternary logic. */
typedef enum TagTruth
{
	TAG_FALSE = 0,
	TAG_TRUE = 1,
	TAG_MAYBE = 2
} TagTruth;

/* Says whether a TAG node holds. */
typedef TagTruth (*TagQueryLeaf) (void *arg, const TagQuery *query, int node);

/* tagquery.c */
extern TagQuery *tagquery_check(TagQuery *query);
extern TagTruth tagquery_eval(const TagQuery *query, int node, TagQueryLeaf leaf, void *arg);

/*
 * Reads a query.  Syntax errors go to escontext if there is one (PostgreSQL 16
 * or later: the result is then NULL), else they are thrown.
 */
extern TagQuery *tagquery_parse(const char *text, struct Node *escontext);

/* The query that asks for all of the given subtrees, n of them. */
extern TagQuery *tagquery_of_nodes(const TagQuery *query, const int *nodes, int n);

/* The canonical text of a query; tagquery_parse() gives the same query back. */
extern char *tagquery_format(const TagQuery *query);

#endif							/* RECSYS_TAGQUERY_H */
