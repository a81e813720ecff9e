/*-------------------------------------------------------------------------
 *
 * tagquery.c
 *		The tagquery type: parser, simplification, text and binary form,
 *		combining operators, three-valued evaluation.
 *
 * Grammar, loosest first; white space may stand between any two symbols but
 * not between a tag and its star:
 *
 *		or		:= and { "|" and }
 *		and		:= not { "&" not }
 *		not		:= "!" not | "(" or ")" | leaf
 *		leaf	:= tag ["*"] [compare number] | "*" [compare number]
 *		compare	:= "<" | "<=" | "=" | "<>" | "!=" | ">=" | ">"
 *
 * Text is parsed into a tree of Branch nodes, whose constructors simplify as
 * it grows; the tree is then laid out flat, as tagquery.h shows it.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "nodes/pg_list.h"
#include "tags/tagquery.h"
#include "tags/tagset.h"
#include "utils/builtins.h"

#define TAGQUERY_WIRE_VERSION 1

/* A node of the tree while it is built. */
typedef struct Branch
{
	TagQueryKind kind;
	TagQueryCompare compare;
	bool		prefix;
	const char *tag;
	int			length;
	float4		weight;
	int			nchildren;
	struct Branch **children;
} Branch;

typedef struct Parser
{
	const char *text;
	const char *p;
	int			nleaves;
	struct Node *escontext;
} Parser;

static Branch *parse_or(Parser *parser);

static Branch *
make_branch(TagQueryKind kind)
{
	Branch	   *branch = palloc0_object(Branch);

	branch->kind = kind;
	return branch;
}

/* A total order on trees, to find repetitions. */
static int
branch_compare(const Branch *a, const Branch *b)
{
	int			cmp;

	CHECK_FOR_INTERRUPTS();
	if (a->kind != b->kind)
		return (int) a->kind - (int) b->kind;
	if (a->prefix != b->prefix)
		return (int) a->prefix - (int) b->prefix;
	if (a->compare != b->compare)
		return (int) a->compare - (int) b->compare;
	if (a->weight != b->weight)
		return a->weight < b->weight ? -1 : 1;
	if (a->length != b->length)
		return a->length - b->length;
	if (a->length > 0 && (cmp = memcmp(a->tag, b->tag, a->length)) != 0)
		return cmp;
	if (a->nchildren != b->nchildren)
		return a->nchildren - b->nchildren;
	for (int i = 0; i < a->nchildren; i++)
	{
		cmp = branch_compare(a->children[i], b->children[i]);
		if (cmp != 0)
			return cmp;
	}
	return 0;
}

static Branch *
make_not(Branch *child)
{
	Branch	   *branch;

	if (child->kind == TAGQUERY_NOT)
		return child->children[0];
	if (child->kind == TAGQUERY_NONE)
		return make_branch(TAGQUERY_ALL);
	if (child->kind == TAGQUERY_ALL)
		return make_branch(TAGQUERY_NONE);
	branch = make_branch(TAGQUERY_NOT);
	branch->nchildren = 1;
	branch->children = palloc_array(Branch *, 1);
	branch->children[0] = child;
	return branch;
}

/* A child and its place, for sorting. */
typedef struct Placed
{
	Branch	   *branch;
	int			place;
} Placed;

static int
placed_compare(const void *a, const void *b)
{
	const Placed *left = a;
	const Placed *right = b;
	int			cmp = branch_compare(left->branch, right->branch);

	return cmp != 0 ? cmp : left->place - right->place;
}

/* Is the negation of a child among the sorted children? */
static bool
contradicts(const Placed *sorted, int n, const Branch *child)
{
	int			low = 0;
	int			high = n;

	if (child->kind != TAGQUERY_NOT)
		return false;
	while (low < high)
	{
		int			middle = (low + high) / 2;
		int			cmp = branch_compare(sorted[middle].branch, child->children[0]);

		if (cmp == 0)
			return true;
		if (cmp < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/*
 * AND or OR of a list of trees.  Takes up the children of children of the same
 * kind, drops repetitions and what is neutral, and finds x & !x and x | !x.
 */
static Branch *
make_op(TagQueryKind kind, List *operands)
{
	TagQueryKind neutral = kind == TAGQUERY_AND ? TAGQUERY_ALL : TAGQUERY_NONE;
	TagQueryKind absorbing = kind == TAGQUERY_AND ? TAGQUERY_NONE : TAGQUERY_ALL;
	List	   *flat = NIL;
	Branch	   *branch;
	Placed	   *sorted;
	bool	   *dropped;
	int			n;
	ListCell   *cell;

	foreach(cell, operands)
	{
		Branch	   *child = lfirst(cell);

		if (child->kind == absorbing)
			return child;
		if (child->kind == kind)
		{
			for (int i = 0; i < child->nchildren; i++)
				flat = lappend(flat, child->children[i]);
		}
		else if (child->kind != neutral)
			flat = lappend(flat, child);
	}
	n = list_length(flat);
	if (n == 0)
		return make_branch(neutral);

	sorted = palloc_array(Placed, n);
	dropped = palloc0_array(bool, n);
	for (int i = 0; i < n; i++)
	{
		sorted[i].branch = list_nth(flat, i);
		sorted[i].place = i;
	}
	qsort(sorted, n, sizeof(Placed), placed_compare);
	for (int i = 0; i < n; i++)
	{
		if (contradicts(sorted, n, sorted[i].branch))
			return make_branch(absorbing);
		if (i > 0 && branch_compare(sorted[i - 1].branch, sorted[i].branch) == 0)
			dropped[sorted[i].place] = true;
	}

	branch = make_branch(kind);
	branch->children = palloc_array(Branch *, n);
	for (int i = 0; i < n; i++)
	{
		if (!dropped[i])
			branch->children[branch->nchildren++] = list_nth(flat, i);
	}
	return branch->nchildren == 1 ? branch->children[0] : branch;
}

static void
skip_space(Parser *parser)
{
	while (tag_isspace(*parser->p))
		parser->p++;
}

/* Is p at what SQL or C would write for & or |: a AND b, a && b? */
static bool
is_doubled_operator(const char *text, const char *p)
{
	if (*p == '&' || *p == '|')
		return p > text && p[-1] == *p;
	return pg_strncasecmp(p, "and ", 4) == 0 || pg_strncasecmp(p, "or ", 3) == 0;
}

static Branch *
syntax_error(Parser *parser, const char *p, const char *expected)
{
	if (*p == '\0')
		ereturn(parser->escontext, NULL,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("syntax error in tagquery: \"%s\"", parser->text),
				 errdetail("Unexpected end of input: %s was expected.", expected)));
	ereturn(parser->escontext, NULL,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("syntax error in tagquery: \"%s\"", parser->text),
			 errdetail("Unexpected \"%.*s\" at character %d: %s was expected.",
					   pg_mblen(p), p, taglex_position(parser->text, p), expected),
			 is_doubled_operator(parser->text, p) ?
			 errhint("Write & once for AND, | once for OR and ! for NOT.") :
			 errhint("A tag that contains white space or one of & | ! ( ) * < > = , \" \\ must be in double quotes.")));
}

/* Reads a comparison sign, if there is one. */
static TagQueryCompare
parse_compare(Parser *parser)
{
	static const struct
	{
		const char *sign;
		TagQueryCompare compare;
	}			signs[] = {
		{"<=", TAGQUERY_LESS_EQUAL}, {"<>", TAGQUERY_NOT_EQUAL}, {"!=", TAGQUERY_NOT_EQUAL},
		{">=", TAGQUERY_GREATER_EQUAL}, {"<", TAGQUERY_LESS}, {">", TAGQUERY_GREATER},
		{"=", TAGQUERY_EQUAL}
	};

	for (int i = 0; i < lengthof(signs); i++)
	{
		int			length = (int) strlen(signs[i].sign);

		if (strncmp(parser->p, signs[i].sign, length) == 0)
		{
			parser->p += length;
			return signs[i].compare;
		}
	}
	return TAGQUERY_ANY_WEIGHT;
}

static Branch *
too_large_error(struct Node *escontext)
{
	ereturn(escontext, NULL,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("tagquery is too large"),
			 errdetail("It can have %d tags and operators, nested %d deep.",
					   TAGQUERY_MAX_NODES, TAGQUERY_MAX_DEPTH)));
}

static Branch *
parse_leaf(Parser *parser)
{
	const char *start = parser->p;
	Branch	   *leaf;
	StringInfoData tag;

	/* before they take memory: a leaf takes a thousand times its text */
	if (++parser->nleaves > TAGQUERY_MAX_NODES)
		return too_large_error(parser->escontext);
	leaf = make_branch(TAGQUERY_TAG);
	initStringInfo(&tag);
	if (*start == '"')
	{
		parser->p = taglex_quoted(start, &tag);
		if (parser->p == NULL)
			return syntax_error(parser, start + strlen(start), "a closing double quote");
	}
	else
	{
		while (*parser->p != '\0' && !tag_isspace(*parser->p) &&
			   !strchr("&|!()*<>=,\"\\", *parser->p))
			parser->p++;
		if (parser->p == start && *start != '*')
			return syntax_error(parser, start, "a tag, \"!\" or \"(\"");
		appendBinaryStringInfo(&tag, start, (int) (parser->p - start));
	}
	if (*parser->p == '*')
	{
		leaf->prefix = true;
		parser->p++;
	}
	leaf->tag = tag.data;
	leaf->length = tag.len;
	if (!(leaf->prefix && tag.len == 0) && !tag_check_length(tag.len, parser->escontext))
		return NULL;

	skip_space(parser);
	leaf->compare = parse_compare(parser);
	if (leaf->compare != TAGQUERY_ANY_WEIGHT)
	{
		const char *after;

		skip_space(parser);
		after = taglex_number(parser->p, &leaf->weight);
		if (after == NULL)
			return syntax_error(parser, parser->p, "a number to compare the weight with");
		if (!isfinite(leaf->weight))
			ereturn(parser->escontext, NULL,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("\"%.*s\" is out of range for the weight of a tag",
							(int) (after - parser->p), parser->p)));
		/* there is one zero */
		leaf->weight += 0.0f;
		parser->p = after;
	}
	return leaf;
}

static Branch *
parse_not(Parser *parser)
{
	bool		negated = false;
	Branch	   *branch;

	/* the depth of parentheses is up to the user */
	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	for (skip_space(parser); *parser->p == '!'; skip_space(parser))
	{
		negated = !negated;
		parser->p++;
	}
	if (*parser->p == '(')
	{
		parser->p++;
		branch = parse_or(parser);
		if (branch == NULL)
			return NULL;
		if (*parser->p != ')')
			return syntax_error(parser, parser->p, "\"&\", \"|\" or \")\"");
		parser->p++;
	}
	else
		branch = parse_leaf(parser);
	if (branch == NULL)
		return NULL;
	skip_space(parser);
	return negated ? make_not(branch) : branch;
}

static Branch *
parse_and(Parser *parser)
{
	List	   *operands = NIL;

	for (;;)
	{
		Branch	   *operand = parse_not(parser);

		if (operand == NULL)
			return NULL;
		operands = lappend(operands, operand);
		if (*parser->p != '&')
			return make_op(TAGQUERY_AND, operands);
		parser->p++;
	}
}

static Branch *
parse_or(Parser *parser)
{
	List	   *operands = NIL;

	for (;;)
	{
		Branch	   *operand = parse_and(parser);

		if (operand == NULL)
			return NULL;
		operands = lappend(operands, operand);
		if (*parser->p != '|')
			return make_op(TAGQUERY_OR, operands);
		parser->p++;
	}
}

/* Adds up nodes and bytes of a tree; false if it is too deep or too large. */
static bool
measure(const Branch *branch, int depth, int64 *nodes, int64 *bytes)
{
	if (depth > TAGQUERY_MAX_DEPTH || ++*nodes > TAGQUERY_MAX_NODES)
		return false;
	*bytes += branch->length;
	for (int i = 0; i < branch->nchildren; i++)
	{
		if (!measure(branch->children[i], depth + 1, nodes, bytes))
			return false;
	}
	return true;
}

static void
lay_out(const Branch *branch, TagQuery *query, uint32 *next, uint32 *offset)
{
	TagQueryNode *node = &query->nodes[(*next)++];

	node->kind = branch->kind;
	if (branch->kind == TAGQUERY_TAG)
	{
		node->compare = branch->compare;
		node->prefix = branch->prefix;
		node->weight = branch->weight;
		node->offset = *offset;
		node->length = (uint16) branch->length;
		memcpy((char *) &query->nodes[query->nnodes] + *offset, branch->tag, branch->length);
		*offset += branch->length;
	}
	for (int i = 0; i < branch->nchildren; i++)
		lay_out(branch->children[i], query, next, offset);
	node->end = *next;
}

static TagQuery *
flatten(const Branch *root, struct Node *escontext)
{
	int64		nodes = 0;
	int64		bytes = 0;
	Size		size;
	TagQuery   *query;
	uint32		next = 0;
	uint32		offset = 0;

	if (!measure(root, 1, &nodes, &bytes))
	{
		too_large_error(escontext);
		return NULL;
	}
	size = offsetof(TagQuery, nodes) + (Size) nodes * sizeof(TagQueryNode) + (Size) bytes;
	query = palloc0(size);
	SET_VARSIZE(query, size);
	query->version = TAGQUERY_VERSION;
	query->nnodes = (uint32) nodes;
	lay_out(root, query, &next, &offset);
	return query;
}

/* The reverse of flatten(): the subtree at a node. */
static Branch *
grow(const TagQuery *query, int node)
{
	const TagQueryNode *from = tagquery_node(query, node);
	Branch	   *branch = make_branch(from->kind);

	branch->compare = from->compare;
	branch->prefix = from->prefix;
	branch->tag = tagquery_tag(query, node);
	branch->length = from->length;
	branch->weight = from->weight;
	/* more room than children, but never more than nodes in the subtree */
	branch->children = palloc_array(Branch *, from->end - node);
	tagquery_foreach_child(child, query, node)
		branch->children[branch->nchildren++] = grow(query, child);
	return branch;
}

TagQuery *
tagquery_parse(const char *text, struct Node *escontext)
{
	Parser		parser = {text, text, 0, escontext};
	Branch	   *root;

	skip_space(&parser);
	if (*parser.p == '\0')
		return flatten(make_branch(TAGQUERY_NONE), escontext);
	root = parse_or(&parser);
	if (root == NULL)
		return NULL;
	if (*parser.p != '\0')
	{
		syntax_error(&parser, parser.p, "\"&\" or \"|\"");
		return NULL;
	}
	return flatten(root, escontext);
}

TagQuery *
tagquery_of_nodes(const TagQuery *query, const int *nodes, int n)
{
	List	   *operands = NIL;

	for (int i = 0; i < n; i++)
		operands = lappend(operands, grow(query, nodes[i]));
	return flatten(make_op(TAGQUERY_AND, operands), NULL);
}

/* Checks what comes from the disk, as far as that costs nothing. */
TagQuery *
tagquery_check(TagQuery *query)
{
	if (VARSIZE(query) < offsetof(TagQuery, nodes) + sizeof(TagQueryNode) ||
		query->version != TAGQUERY_VERSION ||
		query->nnodes < 1 || query->nnodes > TAGQUERY_MAX_NODES ||
		VARSIZE(query) < offsetof(TagQuery, nodes) + query->nnodes * sizeof(TagQueryNode))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("unknown format of a stored tagquery"),
				 errhint("The value is damaged or was written by a newer version of the extension.")));
	return query;
}

/* The truth of the subtree at a node; leaves are asked from left to right until it is known. */
TagTruth
tagquery_eval(const TagQuery *query, int node, TagQueryLeaf leaf, void *arg)
{
	const TagQueryNode *this = tagquery_node(query, node);
	TagTruth	decisive = TAG_FALSE;
	TagTruth	result = TAG_TRUE;

	switch ((TagQueryKind) this->kind)
	{
		case TAGQUERY_NONE:
			return TAG_FALSE;
		case TAGQUERY_ALL:
			return TAG_TRUE;
		case TAGQUERY_TAG:
			return leaf(arg, query, node);
		case TAGQUERY_NOT:
			result = tagquery_eval(query, node + 1, leaf, arg);
			return result == TAG_MAYBE ? TAG_MAYBE : result == TAG_TRUE ? TAG_FALSE : TAG_TRUE;
		case TAGQUERY_AND:
			break;
		case TAGQUERY_OR:
			decisive = TAG_TRUE;
			result = TAG_FALSE;
			break;
	}
	tagquery_foreach_child(child, query, node)
	{
		TagTruth	truth = tagquery_eval(query, child, leaf, arg);

		if (truth == decisive)
			return decisive;
		if (truth == TAG_MAYBE)
			result = TAG_MAYBE;
	}
	return result;
}

static void
format_node(StringInfo buf, const TagQuery *query, int node, bool parenthesize)
{
	static const char *const signs[] = {"", "<", "<=", "=", "<>", ">=", ">"};
	const TagQueryNode *this = tagquery_node(query, node);

	switch ((TagQueryKind) this->kind)
	{
		case TAGQUERY_NONE:
			return;
		case TAGQUERY_ALL:
			appendStringInfoString(buf, "* | !*");
			return;
		case TAGQUERY_TAG:
			if (this->length > 0)
				taglex_append(buf, tagquery_tag(query, node), this->length);
			if (this->prefix)
				appendStringInfoChar(buf, '*');
			if (this->compare != TAGQUERY_ANY_WEIGHT)
			{
				appendStringInfoString(buf, signs[this->compare]);
				taglex_append_weight(buf, this->weight);
			}
			return;
		case TAGQUERY_NOT:
			appendStringInfoChar(buf, '!');
			format_node(buf, query, node + 1, true);
			return;
		case TAGQUERY_AND:
		case TAGQUERY_OR:
			break;
	}
	if (parenthesize)
		appendStringInfoChar(buf, '(');
	tagquery_foreach_child(child, query, node)
	{
		if (child > node + 1)
			appendStringInfoString(buf, this->kind == TAGQUERY_AND ? " & " : " | ");
		/* only an OR needs parentheses here, and only below an AND */
		format_node(buf, query, child, this->kind == TAGQUERY_AND);
	}
	if (parenthesize)
		appendStringInfoChar(buf, ')');
}

char *
tagquery_format(const TagQuery *query)
{
	StringInfoData buf;

	initStringInfo(&buf);
	format_node(&buf, query, 0, false);
	return buf.data;
}

RECSYS_FUNCTION(recsys_tagquery_in);
Datum
recsys_tagquery_in(PG_FUNCTION_ARGS)
{
	TagQuery   *query = tagquery_parse(PG_GETARG_CSTRING(0), fcinfo->context);

	if (query == NULL)
		return (Datum) 0;
	PG_RETURN_POINTER(query);
}

RECSYS_FUNCTION(recsys_tagquery_out);
Datum
recsys_tagquery_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(tagquery_format(PG_GETARG_TAGQUERY_P(0)));
}

/* Binary form: int8 version 1, then the text: there is one parser to trust. */
RECSYS_FUNCTION(recsys_tagquery_send);
Datum
recsys_tagquery_send(PG_FUNCTION_ARGS)
{
	char	   *text = tagquery_format(PG_GETARG_TAGQUERY_P(0));
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendint8(&buf, TAGQUERY_WIRE_VERSION);
	pq_sendtext(&buf, text, (int) strlen(text));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

RECSYS_FUNCTION(recsys_tagquery_recv);
Datum
recsys_tagquery_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			version = pq_getmsgbyte(buf);
	int			length;

	if (version != TAGQUERY_WIRE_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unsupported version %d of the binary form of tagquery", version)));
	PG_RETURN_POINTER(tagquery_parse(pq_getmsgtext(buf, buf->len - buf->cursor, &length), NULL));
}

static Datum
combine(FunctionCallInfo fcinfo, TagQueryKind kind)
{
	Branch	   *left = grow(PG_GETARG_TAGQUERY_P(0), 0);
	Branch	   *right = grow(PG_GETARG_TAGQUERY_P(1), 0);

	PG_RETURN_POINTER(flatten(make_op(kind, list_make2(left, right)), NULL));
}

RECSYS_FUNCTION(recsys_tagquery_and);
Datum
recsys_tagquery_and(PG_FUNCTION_ARGS)
{
	return combine(fcinfo, TAGQUERY_AND);
}

RECSYS_FUNCTION(recsys_tagquery_or);
Datum
recsys_tagquery_or(PG_FUNCTION_ARGS)
{
	return combine(fcinfo, TAGQUERY_OR);
}

RECSYS_FUNCTION(recsys_tagquery_not);
Datum
recsys_tagquery_not(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(flatten(make_not(grow(PG_GETARG_TAGQUERY_P(0), 0)), NULL));
}

/* Equal queries have equal bytes: simplification leaves one form of each text. */
RECSYS_FUNCTION(recsys_tagquery_eq);
Datum
recsys_tagquery_eq(PG_FUNCTION_ARGS)
{
	TagQuery   *left = PG_GETARG_TAGQUERY_P(0);
	TagQuery   *right = PG_GETARG_TAGQUERY_P(1);

	PG_RETURN_BOOL(VARSIZE(left) == VARSIZE(right) && memcmp(left, right, VARSIZE(left)) == 0);
}

RECSYS_FUNCTION(recsys_tagquery_ne);
Datum
recsys_tagquery_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!DatumGetBool(recsys_tagquery_eq(fcinfo)));
}

RECSYS_FUNCTION(recsys_tagquery_hash);
Datum
recsys_tagquery_hash(PG_FUNCTION_ARGS)
{
	TagQuery   *query = PG_GETARG_TAGQUERY_P(0);

	return hash_any((unsigned char *) query + VARHDRSZ, VARSIZE(query) - VARHDRSZ);
}

RECSYS_FUNCTION(recsys_tagquery_hash_extended);
Datum
recsys_tagquery_hash_extended(PG_FUNCTION_ARGS)
{
	TagQuery   *query = PG_GETARG_TAGQUERY_P(0);

	return hash_any_extended((unsigned char *) query + VARHDRSZ, VARSIZE(query) - VARHDRSZ,
							 PG_GETARG_INT64(1));
}
