/*-------------------------------------------------------------------------
 *
 * audience.c
 *		The type audience in SQL: input, output and operators.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "audience/audience.h"

/* ---- ranges, for the text form ---- */

typedef struct IdRange
{
	int64		first;
	int64		last;
} IdRange;

typedef struct RangeList
{
	IdRange    *ranges;
	Size		n;
	Size		max;
} RangeList;

static void
ranges_add(RangeList *list, int64 first, int64 last)
{
	if (first < 0 && last >= 0)
	{
		/* in the order of keys -1 comes last and 0 first */
		ranges_add(list, first, -1);
		first = 0;
	}
	if (list->n == list->max)
	{
		list->max = Max(list->max * 2, 16);
		list->ranges = list->ranges == NULL ? palloc_array(IdRange, list->max) :
			repalloc_huge(list->ranges, list->max * sizeof(IdRange));
	}
	list->ranges[list->n].first = first;
	list->ranges[list->n].last = last;
	list->n++;
}

static int
compare_ranges(const void *a, const void *b)
{
	uint64		x = (uint64) ((const IdRange *) a)->first;
	uint64		y = (uint64) ((const IdRange *) b)->first;

	CHECK_FOR_INTERRUPTS();
	return x < y ? -1 : x > y;
}

/* Sorts ranges and joins those that meet; returns whether the result may fit into a value. */
static bool
ranges_normalize(RangeList *list)
{
	uint64		ncontainers = 0;
	Size		n = 0;
	Size		i;

	if (list->n == 0)
		return true;
	qsort(list->ranges, list->n, sizeof(IdRange), compare_ranges);
	for (i = 1; i < list->n; i++)
	{
		IdRange    *before = &list->ranges[n];
		IdRange    *range = &list->ranges[i];

		if ((uint64) range->first <= (uint64) before->last ||
			(uint64) range->first == (uint64) before->last + 1)
		{
			if ((uint64) range->last > (uint64) before->last)
				before->last = range->last;
		}
		else
			list->ranges[++n] = *range;
	}
	list->n = n + 1;
	for (i = 0; i < list->n; i++)
	{
		/* no container takes less than 14 bytes; the sum cannot overflow: ranges are apart */
		ncontainers += id_key(list->ranges[i].last) - id_key(list->ranges[i].first);
		if (ncontainers > MaxAllocSize / 14)
			return false;
	}
	return true;
}

static Audience *
audience_from_ranges(const RangeList *list)
{
	AudienceBuilder builder;
	unsigned char *bits = palloc0(CONTAINER_BYTES);
	Container	c = {CONTAINER_BITS, 0, 0, bits};
	/* long ranges are of such: one run of all places in its stored form */
	static const unsigned char all_places[4] = {0, 0, 0xFF, 0xFF};
	Container	all = {CONTAINER_RUNS, CONTAINER_IDS, 1, all_places};
	uint64		current = 0;
	Size		i;

	builder_start(&builder);
	for (i = 0; i < list->n; i++)
	{
		int64		first = list->ranges[i].first;
		int64		last = list->ranges[i].last;
		uint64		key;

		for (key = id_key(first); key <= id_key(last); key++)
		{
			uint32		from = key == id_key(first) ? id_place(first) : 0;
			uint32		to = key == id_key(last) ? id_place(last) : CONTAINER_IDS - 1;

			CHECK_FOR_INTERRUPTS();
			if (key != current && c.card > 0)
			{
				builder_add(&builder, current, &c);
				memset(bits, 0, CONTAINER_BYTES);
				c.card = 0;
			}
			current = key;
			if (to - from == CONTAINER_IDS - 1)
			{
				builder_copy(&builder, key, &all);
				continue;
			}
			bits_set_range(bits, from, to);
			c.card += to - from + 1;
		}
	}
	builder_add(&builder, current, &c);
	pfree(bits);
	return builder_finish(&builder);
}

/* ---- input and output ---- */

static const char *
skip_space(const char *p)
{
	while (*p == ' ' || (*p >= '\t' && *p <= '\r'))
		p++;
	return p;
}

/* Reads an id; false if there is none or it is out of range. */
static bool
parse_id(const char **text, int64 *id, bool *overflow)
{
	const char *p = *text;
	bool		negative = *p == '-';
	uint64		value = 0;
	uint64		limit = (uint64) PG_INT64_MAX + negative;

	*overflow = false;
	if (negative)
		p++;
	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++)
	{
		uint64		digit = (uint64) (*p - '0');

		if (value > (limit - digit) / 10)
		{
			*overflow = true;
			return false;
		}
		value = value * 10 + digit;
	}
	*id = (int64) (negative ? 0 - value : value);
	*text = p;
	return true;
}

/*
 * audience_in(cstring): '{1,5,7-12}', in any order, repetitions allowed.
 */
RECSYS_FUNCTION(recsys_audience_in);
Datum
recsys_audience_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	const char *p = skip_space(text);
	const char *detail = NULL;
	RangeList	list = {0};
	bool		overflow = false;

	if (*p++ != '{')
		detail = "It must start with \"{\".";
	else if (*(p = skip_space(p)) == '}')
		p++;
	else
	{
		for (;;)
		{
			int64		first;
			int64		last;

			CHECK_FOR_INTERRUPTS();
			p = skip_space(p);
			if (!parse_id(&p, &first, &overflow))
			{
				detail = "An id is expected after each \"{\", \",\" and \"-\".";
				break;
			}
			last = first;
			p = skip_space(p);
			if (*p == '-')
			{
				p = skip_space(p + 1);
				if (!parse_id(&p, &last, &overflow))
				{
					detail = "An id is expected after each \"{\", \",\" and \"-\".";
					break;
				}
				if (last < first)
				{
					detail = "A range must not end before it starts.";
					break;
				}
				p = skip_space(p);
			}
			ranges_add(&list, first, last);
			if (*p == ',')
			{
				p++;
				continue;
			}
			if (*p != '}')
				detail = "Ids and ranges must be separated by \",\" and end with \"}\".";
			else
				p++;
			break;
		}
	}
	if (overflow)
		ereturn(fcinfo->context, (Datum) 0,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("id in audience is out of range for type bigint")));
	if (detail == NULL && *skip_space(p) != '\0')
		detail = "There is text after the closing \"}\".";
	if (detail != NULL)
		ereturn(fcinfo->context, (Datum) 0,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%.100s\"", "audience", text),
				 errdetail("%s", detail),
				 errhint("Write ids and ranges of ids as in {1,5,7-12}.")));
	if (!ranges_normalize(&list))
		ereturn(fcinfo->context, (Datum) 0,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("audience exceeds the maximum size of a value, 1 GB"),
				 errhint("Split the ids into several audiences.")));
	PG_RETURN_AUDIENCE(audience_from_ranges(&list));
}

/* Appends first-last, or the one or two ids it stands for. */
static void
append_range(StringInfo buf, int64 first, int64 last)
{
	char		number[MAXINT8LEN + 1];

	if (buf->len > 1)
		appendStringInfoChar(buf, ',');
	pg_lltoa(first, number);
	appendStringInfoString(buf, number);
	if (last == first)
		return;
	appendStringInfoChar(buf, last == first + 1 ? ',' : '-');
	pg_lltoa(last, number);
	appendStringInfoString(buf, number);
}

/* audience_out(audience): ids ascending, three and more in a row as a range. */
RECSYS_FUNCTION(recsys_audience_out);
Datum
recsys_audience_out(PG_FUNCTION_ARGS)
{
	Audience   *audience = PG_GETARG_AUDIENCE(0);
	uint16	   *places = palloc_array(uint16, CONTAINER_IDS);
	AudienceCursor cursor;
	StringInfoData buf;
	bool		open = false;
	int64		first = 0;
	int64		last = 0;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	for (cursor_start_ordered(&cursor, audience); !cursor.done; cursor_next(&cursor))
	{
		bool		runs = cursor.c.kind == CONTAINER_RUNS;
		uint32		n = runs ? cursor.c.nruns : container_places(&cursor.c, places);
		uint32		i;

		CHECK_FOR_INTERRUPTS();
		for (i = 0; i < n; i++)
		{
			int64		from = make_id(cursor.key, runs ? run_first(&cursor.c, i) : places[i]);

			if (open && from - 1 != last)
			{
				append_range(&buf, first, last);
				open = false;
			}
			if (!open)
				first = from;
			open = true;
			last = runs ? make_id(cursor.key, run_last(&cursor.c, i)) : from;
		}
	}
	if (open)
		append_range(&buf, first, last);
	appendStringInfoChar(&buf, '}');
	PG_RETURN_CSTRING(buf.data);
}

static Audience *
import(const unsigned char *bytes, Size len)
{
	const char *problem;
	Audience   *audience = audience_from_portable(bytes, len, &problem);

	if (audience == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid portable Roaring set: %s", problem),
				 errhint("The portable 64-bit serialization of Roaring bitmaps is expected.")));
	return audience;
}

/* audience_import(bytea) -> audience: from the portable 64-bit serialization. */
RECSYS_FUNCTION(recsys_audience_import);
Datum
recsys_audience_import(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);

	PG_RETURN_AUDIENCE(import((unsigned char *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)));
}

/* audience_export(audience) -> bytea: the portable 64-bit serialization. */
RECSYS_FUNCTION(recsys_audience_export);
Datum
recsys_audience_export(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(audience_to_portable(PG_GETARG_AUDIENCE(0)));
}

RECSYS_FUNCTION(recsys_audience_recv);
Datum
recsys_audience_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			len = buf->len - buf->cursor;

	PG_RETURN_AUDIENCE(import((const unsigned char *) pq_getmsgbytes(buf, len), len));
}

/* audience_send(audience): as audience_export. */
RECSYS_FUNCTION(recsys_audience_send);
Datum
recsys_audience_send(PG_FUNCTION_ARGS)
{
	return recsys_audience_export(fcinfo);
}

/* audience(bigint[]): of the elements, in any order; NULL elements are an error. */
RECSYS_FUNCTION(recsys_audience_from_array);
Datum
recsys_audience_from_array(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	int64	   *ids = (int64 *) ARR_DATA_PTR(array);
	AudienceSet *set = audience_set_create(CurrentMemoryContext);
	int			i;

	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("ids of an audience must not be null"),
				 errhint("Remove them with array_remove(ids, NULL).")));
	for (i = 0; i < n; i++)
	{
		if ((i & 0xFFFF) == 0)
			CHECK_FOR_INTERRUPTS();
		audience_set_add(set, ids[i]);
	}
	PG_RETURN_AUDIENCE(audience_set_get(set));
}

/* audience::bigint[]: the ids, ascending. */
RECSYS_FUNCTION(recsys_audience_to_array);
Datum
recsys_audience_to_array(PG_FUNCTION_ARGS)
{
	Audience   *audience = PG_GETARG_AUDIENCE(0);
	uint16	   *places = palloc_array(uint16, CONTAINER_IDS);
	AudienceCursor cursor;
	ArrayType  *array;
	int64	   *ids;
	Size		size;

	if (audience->cardinality == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(INT8OID));
	size = ARR_OVERHEAD_NONULLS(1) + audience->cardinality * sizeof(int64);
	if (audience->cardinality > MaxAllocSize / sizeof(int64) || size > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("audience has too many ids for an array"),
				 errhint("Use audience_members().")));
	array = palloc0(size);
	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->dataoffset = 0;
	array->elemtype = INT8OID;
	ARR_DIMS(array)[0] = (int) audience->cardinality;
	ARR_LBOUND(array)[0] = 1;
	ids = (int64 *) ARR_DATA_PTR(array);
	for (cursor_start_ordered(&cursor, audience); !cursor.done; cursor_next(&cursor))
	{
		uint32		n = container_places(&cursor.c, places);
		uint32		i;

		CHECK_FOR_INTERRUPTS();
		for (i = 0; i < n; i++)
			*ids++ = make_id(cursor.key, places[i]);
	}
	PG_RETURN_ARRAYTYPE_P(array);
}

/* ---- algebra ---- */

static Datum
setop(FunctionCallInfo fcinfo, AudienceOp op)
{
	Audience   *a = PG_GETARG_AUDIENCE(0);
	Audience   *b = PG_GETARG_AUDIENCE(1);
	Audience   *result = audience_setop(op, a, b);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	PG_RETURN_AUDIENCE(result);
}

RECSYS_FUNCTION(recsys_audience_and);
Datum
recsys_audience_and(PG_FUNCTION_ARGS)
{
	return setop(fcinfo, AUDIENCE_AND);
}

RECSYS_FUNCTION(recsys_audience_or);
Datum
recsys_audience_or(PG_FUNCTION_ARGS)
{
	return setop(fcinfo, AUDIENCE_OR);
}

RECSYS_FUNCTION(recsys_audience_xor);
Datum
recsys_audience_xor(PG_FUNCTION_ARGS)
{
	return setop(fcinfo, AUDIENCE_XOR);
}

RECSYS_FUNCTION(recsys_audience_andnot);
Datum
recsys_audience_andnot(PG_FUNCTION_ARGS)
{
	return setop(fcinfo, AUDIENCE_ANDNOT);
}

/* Sizes of two arguments and of what they have in common. */
typedef struct Counts
{
	uint64		a;
	uint64		b;
	uint64		both;
} Counts;

static Counts
count_pair(FunctionCallInfo fcinfo)
{
	Audience   *a = PG_GETARG_AUDIENCE(0);
	Audience   *b = PG_GETARG_AUDIENCE(1);
	Counts		counts;

	counts.a = a->cardinality;
	counts.b = b->cardinality;
	counts.both = audience_and_card(a, b);
	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return counts;
}

RECSYS_FUNCTION(recsys_audience_and_count);
Datum
recsys_audience_and_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) count_pair(fcinfo).both);
}

RECSYS_FUNCTION(recsys_audience_or_count);
Datum
recsys_audience_or_count(PG_FUNCTION_ARGS)
{
	Counts		counts = count_pair(fcinfo);

	PG_RETURN_INT64((int64) (counts.a + counts.b - counts.both));
}

RECSYS_FUNCTION(recsys_audience_xor_count);
Datum
recsys_audience_xor_count(PG_FUNCTION_ARGS)
{
	Counts		counts = count_pair(fcinfo);

	PG_RETURN_INT64((int64) (counts.a + counts.b - 2 * counts.both));
}

RECSYS_FUNCTION(recsys_audience_andnot_count);
Datum
recsys_audience_andnot_count(PG_FUNCTION_ARGS)
{
	Counts		counts = count_pair(fcinfo);

	PG_RETURN_INT64((int64) (counts.a - counts.both));
}

/* audience_jaccard(a, b): |a & b| / |a | b|; NULL where both are empty. */
RECSYS_FUNCTION(recsys_audience_jaccard);
Datum
recsys_audience_jaccard(PG_FUNCTION_ARGS)
{
	Counts		counts = count_pair(fcinfo);
	uint64		any = counts.a + counts.b - counts.both;

	if (any == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8((double) counts.both / (double) any);
}

/*
 * The arguments of a function (audience, audience, VARIADIC "any"), which are
 * taken one by one and not as an array, since an array would copy them all.
 * NULL if one of them is null.
 */
static const Audience **
variadic_arguments(FunctionCallInfo fcinfo, int *n)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	const Audience **audiences;
	Datum	   *values;
	bool	   *nulls;
	int			i;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return NULL;
	if (get_fn_expr_variadic(fcinfo->flinfo))
	{
		ArrayType  *array;

		if (PG_ARGISNULL(2))
			return NULL;
		array = PG_GETARG_ARRAYTYPE_P(2);
		if (ARR_ELEMTYPE(array) != type)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("argument after VARIADIC must be an array of audiences")));
		deconstruct_array(array, type, -1, false, TYPALIGN_DOUBLE, &values, &nulls, n);
	}
	else
	{
		*n = PG_NARGS() - 2;
		values = palloc_array(Datum, *n);
		nulls = palloc_array(bool, *n);
		for (i = 0; i < *n; i++)
		{
			Oid			argtype = get_fn_expr_argtype(fcinfo->flinfo, i + 2);

			if (argtype != type)
				ereport(ERROR,
						(errcode(ERRCODE_DATATYPE_MISMATCH),
						 errmsg("argument %d must be an audience, not %s", i + 3,
								argtype == UNKNOWNOID ? "a literal without a type" :
								format_type_be(argtype)),
						 errhint("Cast it to audience.")));
			values[i] = PG_GETARG_DATUM(i + 2);
			nulls[i] = PG_ARGISNULL(i + 2);
		}
	}
	audiences = palloc_array(const Audience *, *n + 2);
	audiences[0] = PG_GETARG_AUDIENCE(0);
	audiences[1] = PG_GETARG_AUDIENCE(1);
	for (i = 0; i < *n; i++)
	{
		if (nulls[i])
			return NULL;
		audiences[i + 2] = (Audience *) PG_DETOAST_DATUM(values[i]);
	}
	*n += 2;
	return audiences;
}

/* audience_and_count(audience, audience, VARIADIC "any"): size of the intersection of all. */
RECSYS_FUNCTION(recsys_audience_and_count_many);
Datum
recsys_audience_and_count_many(PG_FUNCTION_ARGS)
{
	int			n;
	const Audience **audiences = variadic_arguments(fcinfo, &n);

	if (audiences == NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT64((int64) audience_and_card_many(audiences, n));
}

/* audience_or_count(audience, audience, VARIADIC "any"): size of the union of all. */
RECSYS_FUNCTION(recsys_audience_or_count_many);
Datum
recsys_audience_or_count_many(PG_FUNCTION_ARGS)
{
	int			n;
	const Audience **audiences = variadic_arguments(fcinfo, &n);
	AudienceSet *set;
	int			i;

	if (audiences == NULL)
		PG_RETURN_NULL();
	set = audience_set_create(CurrentMemoryContext);
	for (i = 0; i < n; i++)
		audience_set_add_audience(set, audiences[i]);
	PG_RETURN_INT64((int64) audience_set_count(set));
}

/* ---- comparison ---- */

RECSYS_FUNCTION(recsys_audience_contains);
Datum
recsys_audience_contains(PG_FUNCTION_ARGS)
{
	Audience   *a = PG_GETARG_AUDIENCE(0);
	Audience   *b = PG_GETARG_AUDIENCE(1);

	PG_RETURN_BOOL(audience_includes(a, b));
}

RECSYS_FUNCTION(recsys_audience_contained);
Datum
recsys_audience_contained(PG_FUNCTION_ARGS)
{
	Audience   *a = PG_GETARG_AUDIENCE(0);
	Audience   *b = PG_GETARG_AUDIENCE(1);

	PG_RETURN_BOOL(audience_includes(b, a));
}

RECSYS_FUNCTION(recsys_audience_overlaps);
Datum
recsys_audience_overlaps(PG_FUNCTION_ARGS)
{
	Audience   *a = PG_GETARG_AUDIENCE(0);
	Audience   *b = PG_GETARG_AUDIENCE(1);

	PG_RETURN_BOOL(!audience_disjoint(a, b));
}

/*
 * An order for sorting and indexes: smaller audiences first, then by the bytes
 * of the portable form, which is the same on every machine.
 */
static int
compare(FunctionCallInfo fcinfo)
{
	Audience   *a = PG_GETARG_AUDIENCE(0);
	Audience   *b = PG_GETARG_AUDIENCE(1);
	Size		asize = audience_stream_size(a);
	Size		bsize = audience_stream_size(b);
	int			result;

	if (a->cardinality != b->cardinality)
		result = a->cardinality < b->cardinality ? -1 : 1;
	else
	{
		result = memcmp(audience_stream(a), audience_stream(b), Min(asize, bsize));
		if (result == 0 && asize != bsize)
			result = asize < bsize ? -1 : 1;
	}
	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return result < 0 ? -1 : result > 0;
}

RECSYS_FUNCTION(recsys_audience_cmp);
Datum
recsys_audience_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare(fcinfo));
}

RECSYS_FUNCTION(recsys_audience_eq);
Datum
recsys_audience_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) == 0);
}

RECSYS_FUNCTION(recsys_audience_ne);
Datum
recsys_audience_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) != 0);
}

RECSYS_FUNCTION(recsys_audience_lt);
Datum
recsys_audience_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) < 0);
}

RECSYS_FUNCTION(recsys_audience_le);
Datum
recsys_audience_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) <= 0);
}

RECSYS_FUNCTION(recsys_audience_gt);
Datum
recsys_audience_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) > 0);
}

RECSYS_FUNCTION(recsys_audience_ge);
Datum
recsys_audience_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) >= 0);
}

RECSYS_FUNCTION(recsys_audience_hash);
Datum
recsys_audience_hash(PG_FUNCTION_ARGS)
{
	Audience   *audience = PG_GETARG_AUDIENCE(0);
	Datum		hash = hash_any(audience_stream(audience), (int) audience_stream_size(audience));

	PG_FREE_IF_COPY(audience, 0);
	return hash;
}

RECSYS_FUNCTION(recsys_audience_hash_extended);
Datum
recsys_audience_hash_extended(PG_FUNCTION_ARGS)
{
	Audience   *audience = PG_GETARG_AUDIENCE(0);
	Datum		hash = hash_any_extended(audience_stream(audience),
										 (int) audience_stream_size(audience),
										 (uint64) PG_GETARG_INT64(1));

	PG_FREE_IF_COPY(audience, 0);
	return hash;
}
