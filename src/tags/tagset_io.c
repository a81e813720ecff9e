/*-------------------------------------------------------------------------
 *
 * tagset_io.c
 *		Text and binary form of tagsets, and the ways in and out of arrays
 *		and jsonb.
 *
 * Text form:	tag [= weight] , ...
 *
 * White space around a tag does not count.  A tag in double quotes may hold
 * anything, with \ before " and \; without quotes it may not hold , = " \ { }.
 * The output quotes whatever could be misread in a tagset or a tagquery and
 * gives weights their shortest exact form, hence reading it back is lossless.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "tags/tagset.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#define TAGSET_WIRE_VERSION 1

/*
 * Reads a quoted tag whose opening quote p points to, appends it to `tag` and
 * returns what follows the closing quote; NULL if there is none.
 */
const char *
taglex_quoted(const char *p, StringInfo tag)
{
	for (p++; *p != '"'; p++)
	{
		if (*p == '\\')
			p++;
		if (*p == '\0')
			return NULL;
		appendStringInfoChar(tag, *p);
	}
	return p + 1;
}

/*
 * Reads a decimal number; returns what follows it, or NULL if there is none.
 * (strtof alone would also take nan, infinity and hexadecimal numbers.)
 */
const char *
taglex_number(const char *p, float4 *value)
{
	const char *start = p;
	const char *digits;
	bool		any;

	if (*p == '+' || *p == '-')
		p++;
	digits = p;
	while (*p >= '0' && *p <= '9')
		p++;
	any = p > digits;
	if (*p == '.')
	{
		digits = ++p;
		while (*p >= '0' && *p <= '9')
			p++;
		any |= p > digits;
	}
	if (!any)
		return NULL;
	if (*p == 'e' || *p == 'E')
	{
		p++;
		if (*p == '+' || *p == '-')
			p++;
		if (*p < '0' || *p > '9')
			return NULL;
		while (*p >= '0' && *p <= '9')
			p++;
	}
	*value = strtof(start, NULL);
	return p;
}

/* Appends a tag, quoted if need be. */
void
taglex_append(StringInfo buf, const char *tag, int len)
{
	bool		plain = true;

	for (int i = 0; i < len && plain; i++)
		plain = !((unsigned char) tag[i] <= ' ' || tag[i] == 0x7f ||
				  strchr(",=\"\\{}&|!()*<>", tag[i]));
	if (plain)
	{
		appendBinaryStringInfo(buf, tag, len);
		return;
	}
	appendStringInfoChar(buf, '"');
	for (int i = 0; i < len; i++)
	{
		if (tag[i] == '"' || tag[i] == '\\')
			appendStringInfoChar(buf, '\\');
		appendStringInfoChar(buf, tag[i]);
	}
	appendStringInfoChar(buf, '"');
}

/* Appends the shortest decimal number that reads back as the same float4. */
void
taglex_append_weight(StringInfo buf, float4 weight)
{
	char		digits[FLOAT_SHORTEST_DECIMAL_LEN];

	float_to_shortest_decimal_buf(weight, digits);
	appendStringInfoString(buf, digits);
}

/* For error messages: the place of p, in characters, counted from 1. */
int
taglex_position(const char *start, const char *p)
{
	return pg_mbstrlen_with_len(start, (int) (p - start)) + 1;
}

/* Adds one item to a growing array of them. */
static TagItem *
next_item(TagItem **items, int *n, int *room)
{
	if (*n == *room)
	{
		*room = *room == 0 ? 16 : *room * 2;
		*items = *items == NULL ? palloc(sizeof(TagItem) * *room) :
			repalloc_huge(*items, sizeof(TagItem) * *room);
	}
	return &(*items)[(*n)++];
}

/*
 * Reads one tag without quotes: up to a comma, an equals sign, the end, or what
 * the caller will not expect there.  Braces are that: whoever writes them most
 * likely means an array or jsonb.
 */
static const char *
unquoted_tag(const char *p, StringInfo tag)
{
	const char *start = p;
	const char *last = p;

	for (; *p != '\0' && *p != ',' && *p != '='; p++)
	{
		if (strchr("\"\\{}", *p))
			break;
		if (!tag_isspace(*p))
			last = p + 1;
	}
	appendBinaryStringInfo(tag, start, (int) (last - start));
	return p;
}

static Datum
text_error(struct Node *escontext, const char *text, const char *p, const char *expected)
{
	if (*p == '\0')
		ereturn(escontext, (Datum) 0,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%s\"", "tagset", text),
				 errdetail("Unexpected end of input: %s was expected.", expected)));
	ereturn(escontext, (Datum) 0,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s: \"%s\"", "tagset", text),
			 errdetail("Unexpected \"%.*s\" at character %d: %s was expected.",
					   pg_mblen(p), p, taglex_position(text, p), expected),
			 *p == '{' && p == text ?
			 errhint("To convert an array or a jsonb value, cast it: '{a,b}'::text[]::tagset.") :
			 errhint("A tag that contains , = \" \\ { or } must be in double quotes, with \\ before \" and \\.")));
}

RECSYS_FUNCTION(recsys_tagset_in);
Datum
recsys_tagset_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	struct Node *escontext = fcinfo->context;
	const char *p = text;
	TagItem    *items = NULL;
	int			n = 0;
	int			room = 0;
	StringInfoData bytes;		/* of all tags: never more than the text, so that they stay */
	struct varlena *result;

	initStringInfo(&bytes);
	enlargeStringInfo(&bytes, (int) strlen(text));
	while (tag_isspace(*p))
		p++;
	while (*p != '\0' || n > 0)
	{
		int			before = bytes.len;
		TagItem    *item;
		const char *start;

		CHECK_FOR_INTERRUPTS();
		while (tag_isspace(*p))
			p++;
		start = p;
		p = *p == '"' ? taglex_quoted(p, &bytes) : unquoted_tag(p, &bytes);
		if (p == NULL)
			return text_error(escontext, text, start + strlen(start), "a closing double quote");
		if (p == start)
			return text_error(escontext, text, p, "a tag");
		if (!tag_check_length(bytes.len - before, escontext))
			return (Datum) 0;
		item = next_item(&items, &n, &room);
		item->tag = bytes.data + before;
		item->len = bytes.len - before;
		item->weight = 1.0f;
		while (tag_isspace(*p))
			p++;
		if (*p == '=')
		{
			const char *after;

			for (p++; tag_isspace(*p); p++)
				;
			after = taglex_number(p, &item->weight);
			if (after == NULL)
				return text_error(escontext, text, p, "a number, the weight of the tag,");
			for (p = after; tag_isspace(*p); p++)
				;
		}
		if (*p == '\0')
			break;
		if (*p != ',')
			return text_error(escontext, text, p, "a comma");
		p++;
	}
	if (!tagset_sort(items, &n, escontext))
		return (Datum) 0;
	result = tagset_form(items, n, escontext);
	if (result == NULL)
		return (Datum) 0;
	PG_RETURN_POINTER(result);
}

RECSYS_FUNCTION(recsys_tagset_out);
Datum
recsys_tagset_out(PG_FUNCTION_ARGS)
{
	TagsetView	set;
	StringInfoData buf;

	PG_GETARG_TAGSET(0, &set);
	initStringInfo(&buf);
	for (int i = 0; i < set.n; i++)
	{
		int			len;
		const char *tag = tagset_tag(&set, i, &len);
		float4		weight = tagset_weight(&set, i);

		if (i > 0)
			appendStringInfoString(&buf, ", ");
		taglex_append(&buf, tag, len);
		if (weight != 1.0f)
		{
			appendStringInfoChar(&buf, '=');
			taglex_append_weight(&buf, weight);
		}
	}
	PG_RETURN_CSTRING(buf.data);
}

/*
 * Binary form: int8 version 1, int8 whether weights follow, int32 number of
 * tags, then for each int32 length, the tag in the client's encoding, and its
 * float4 weight if there are weights.
 */
RECSYS_FUNCTION(recsys_tagset_send);
Datum
recsys_tagset_send(PG_FUNCTION_ARGS)
{
	TagsetView	set;
	StringInfoData buf;

	PG_GETARG_TAGSET(0, &set);
	pq_begintypsend(&buf);
	pq_sendint8(&buf, TAGSET_WIRE_VERSION);
	pq_sendint8(&buf, set.weights != NULL);
	pq_sendint32(&buf, set.n);
	for (int i = 0; i < set.n; i++)
	{
		int			len;
		const char *tag = tagset_tag(&set, i, &len);
		char	   *converted = pg_server_to_client(tag, len);

		if (converted != tag)
			len = (int) strlen(converted);
		pq_sendint32(&buf, len);
		pq_sendbytes(&buf, converted, len);
		if (converted != tag)
			pfree(converted);
		if (set.weights != NULL)
			pq_sendfloat4(&buf, tagset_weight(&set, i));
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

RECSYS_FUNCTION(recsys_tagset_recv);
Datum
recsys_tagset_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			version = pq_getmsgbyte(buf);
	int			weighted;
	int			n;
	TagItem    *items;

	if (version != TAGSET_WIRE_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unsupported version %d of the binary form of tagset", version)));
	weighted = pq_getmsgbyte(buf);
	n = (int) pq_getmsgint(buf, 4);
	if ((weighted != 0 && weighted != 1) ||
		n < 0 || n > TAGSET_MAX_TAGS || n > buf->len - buf->cursor)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary form of tagset"),
				 errdetail("It claims to have %d tags.", n)));
	items = palloc(sizeof(TagItem) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		int			len = (int) pq_getmsgint(buf, 4);

		CHECK_FOR_INTERRUPTS();
		if (len < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
					 errmsg("invalid length of a tag in the binary form of tagset: %d", len)));
		items[i].tag = pq_getmsgtext(buf, len, &items[i].len);
		tag_check_length(items[i].len, NULL);
		items[i].weight = weighted ? pq_getmsgfloat4(buf) : 1.0f;
	}
	tagset_sort(items, &n, NULL);
	PG_RETURN_POINTER(tagset_form(items, n, NULL));
}

/* The elements of a one-dimensional array as tags of weight 1. */
static TagItem *
items_of_array(ArrayType *array, int *n)
{
	Datum	   *elements;
	bool	   *nulls;
	TagItem    *items;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("an array of tags must have one dimension")));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, n);
	items = palloc(sizeof(TagItem) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("an array of tags must not contain nulls"),
					 errhint("array_remove(tags, NULL) removes them.")));
		items[i].tag = VARDATA_ANY(DatumGetPointer(elements[i]));
		items[i].len = VARSIZE_ANY_EXHDR(DatumGetPointer(elements[i]));
		items[i].weight = 1.0f;
		tag_check_length(items[i].len, NULL);
	}
	return items;
}

RECSYS_FUNCTION(recsys_tagset_from_array);
Datum
recsys_tagset_from_array(PG_FUNCTION_ARGS)
{
	int			n;
	TagItem    *items = items_of_array(PG_GETARG_ARRAYTYPE_P(0), &n);

	tagset_sort(items, &n, NULL);
	PG_RETURN_POINTER(tagset_form(items, n, NULL));
}

RECSYS_FUNCTION(recsys_tagset_from_arrays);
Datum
recsys_tagset_from_arrays(PG_FUNCTION_ARGS)
{
	int			n;
	TagItem    *items = items_of_array(PG_GETARG_ARRAYTYPE_P(0), &n);
	ArrayType  *weights = PG_GETARG_ARRAYTYPE_P(1);
	int			nweights = ArrayGetNItems(ARR_NDIM(weights), ARR_DIMS(weights));

	if (ARR_NDIM(weights) > 1 || nweights != n)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("the arrays of tags and weights differ in shape"),
				 errdetail("There are %d tags and %d weights.", n, nweights)));
	if (array_contains_nulls(weights))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("an array of weights must not contain nulls")));
	for (int i = 0; i < n; i++)
		items[i].weight = (float4) ((float8 *) ARR_DATA_PTR(weights))[i];
	tagset_sort(items, &n, NULL);
	PG_RETURN_POINTER(tagset_form(items, n, NULL));
}

RECSYS_FUNCTION(recsys_tagset_to_array);
Datum
recsys_tagset_to_array(PG_FUNCTION_ARGS)
{
	TagsetView	set;
	Datum	   *elements;

	PG_GETARG_TAGSET(0, &set);
	elements = palloc(sizeof(Datum) * Max(set.n, 1));
	for (int i = 0; i < set.n; i++)
	{
		int			len;
		const char *tag = tagset_tag(&set, i, &len);

		elements[i] = PointerGetDatum(cstring_to_text_with_len(tag, len));
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(elements, set.n, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
jsonb_error(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("cannot make a tagset of this jsonb value"),
			 errhint("It must be an object whose values are numbers, the weights, or an array of strings.")));
}

/* {"tag": weight, ...} or ["tag", ...] */
RECSYS_FUNCTION(recsys_tagset_from_jsonb);
Datum
recsys_tagset_from_jsonb(PG_FUNCTION_ARGS)
{
	Jsonb	   *json = PG_GETARG_JSONB_P(0);
	JsonbIterator *it = JsonbIteratorInit(&json->root);
	JsonbValue	value;
	JsonbIteratorToken token;
	TagItem    *items = NULL;
	int			n = 0;
	int			room = 0;

	if (JB_ROOT_IS_SCALAR(json))
		jsonb_error();
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY || (token == WJB_ELEM && value.type == jbvString))
		{
			TagItem    *item = next_item(&items, &n, &room);

			tag_check_length(value.val.string.len, NULL);
			item->tag = value.val.string.val;
			item->len = value.val.string.len;
			item->weight = 1.0f;
		}
		else if (token == WJB_VALUE && value.type == jbvNumeric)
		{
			Datum		weight = NumericGetDatum(value.val.numeric);

			items[n - 1].weight = DatumGetFloat4(DirectFunctionCall1(numeric_float4, weight));
		}
		else if (token == WJB_VALUE || token == WJB_ELEM)
			jsonb_error();
	}
	tagset_sort(items, &n, NULL);
	PG_RETURN_POINTER(tagset_form(items, n, NULL));
}
