/*-------------------------------------------------------------------------
 *
 * measure.c
 *		Making measures: text and binary form, and the aggregate.
 *
 * The aggregate collects pairs of id and value.  When they fill work_mem (and
 * more than the measure made so far), they are sorted and the values of
 * an id are added up; what comes of it is added to that measure.  So a state takes
 * work_mem and a small multiple of its result.  It is a measure in expanded form
 * (core/collection.h).
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "common/int.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "core/collection.h"
#include "audience/measure.h"

/* ---- writing ---- */

/* Takes ids in the order of keys and keeps the places of each part of one container. */
typedef struct MeasureWriter
{
	AudienceBuilder builders[MEASURE_MAX_PARTS];
	unsigned char *places[MEASURE_MAX_PARTS];	/* NULL: part not used yet */
	uint32		n[MEASURE_MAX_PARTS];
	Size		room;			/* in places */
	uint64		key;
} MeasureWriter;

static void
fail_range(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("sum of the values of an id is out of range for type bigint")));
}

/* For at most nids ids. */
static MeasureWriter *
writer_start(uint64 nids)
{
	MeasureWriter *writer = palloc0_object(MeasureWriter);
	int			i;

	writer->room = (Size) Min(nids, CONTAINER_IDS);

	for (i = 0; i < MEASURE_MAX_PARTS; i++)
		builder_start(&writer->builders[i]);
	return writer;
}

static inline void
writer_put_part(MeasureWriter *writer, int part, uint32 place)
{
	if (writer->places[part] == NULL)
		writer->places[part] = palloc(2 * writer->room);
	put16(writer->places[part] + 2 * writer->n[part]++, (uint16) place);
}

/* Finishes the current container. */
static void
writer_flush(MeasureWriter *writer)
{
	int			i;

	CHECK_FOR_INTERRUPTS();
	for (i = 0; i < MEASURE_MAX_PARTS; i++)
	{
		Container	c = {CONTAINER_ARRAY, writer->n[i], 0, writer->places[i]};

		if (writer->n[i] > 0)
			builder_add(&writer->builders[i], writer->key, &c);
		writer->n[i] = 0;
	}
}

static void
writer_put(MeasureWriter *writer, uint64 key, uint32 place, int64 value)
{
	uint64		bits = (uint64) (value < 0 ? ~value : value);

	if (key != writer->key)
	{
		writer_flush(writer);
		writer->key = key;
	}
	writer_put_part(writer, MEASURE_IDS, place);
	if (value < 0)
		writer_put_part(writer, MEASURE_SIGN, place);
	for (; bits != 0; bits &= bits - 1)
		writer_put_part(writer, MEASURE_SLICES + pg_rightmost_one_pos64(bits), place);
}

/* Puts parts together, leaving out empty slices at the end. */
Measure *
measure_from_parts(const Audience *const *parts, int nparts)
{
	Measure    *measure;
	uint64		size;
	int			i;

	while (nparts > MEASURE_SLICES && parts[nparts - 1]->cardinality == 0)
		nparts--;
	size = MAXALIGN(offsetof(Measure, offsets) + nparts * sizeof(uint32));
	for (i = 0; i < nparts; i++)
		size += MAXALIGN(VARSIZE(parts[i]));
	if (size > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("measure exceeds the maximum size of a value, 1 GB"),
				 errhint("Split the ids into several measures.")));
	measure = palloc0(size);
	SET_VARSIZE(measure, size);
	measure->version = MEASURE_VERSION;
	measure->nparts = (uint16) nparts;
	size = MAXALIGN(offsetof(Measure, offsets) + nparts * sizeof(uint32));
	for (i = 0; i < nparts; i++)
	{
		measure->offsets[i] = (uint32) size;
		memcpy((char *) measure + size, parts[i], VARSIZE(parts[i]));
		size += MAXALIGN(VARSIZE(parts[i]));
	}
	return measure;
}

static Measure *
writer_finish(MeasureWriter *writer)
{
	const Audience *parts[MEASURE_MAX_PARTS];
	Measure    *measure;
	int			i;

	writer_flush(writer);
	for (i = 0; i < MEASURE_MAX_PARTS; i++)
	{
		parts[i] = builder_finish(&writer->builders[i]);
		if (writer->places[i] != NULL)
			pfree(writer->places[i]);
	}
	measure = measure_from_parts(parts, MEASURE_MAX_PARTS);
	for (i = 0; i < MEASURE_MAX_PARTS; i++)
		pfree((void *) parts[i]);
	pfree(writer);
	return measure;
}

static int
compare_pairs(const void *a, const void *b)
{
	uint64		x = (uint64) ((const IdValue *) a)->id;
	uint64		y = (uint64) ((const IdValue *) b)->id;

	CHECK_FOR_INTERRUPTS();
	return x < y ? -1 : x > y;
}

/* Of pairs in any order, which are sorted; values of the same id are added up. */
Measure *
measure_from_pairs(IdValue *pairs, Size n)
{
	MeasureWriter *writer = writer_start(n);
	Size		i = 0;

	if (n > 1)
		qsort(pairs, n, sizeof(IdValue), compare_pairs);
	while (i < n)
	{
		int64		id = pairs[i].id;
		int64		sum = pairs[i++].value;

		for (; i < n && pairs[i].id == id; i++)
		{
			if (pg_add_s64_overflow(sum, pairs[i].value, &sum))
				fail_range();
		}
		writer_put(writer, id_key(id), id_place(id), sum);
	}
	return writer_finish(writer);
}

/* ---- reading ---- */

void
measure_get_parts(const Measure *measure, const Audience **parts)
{
	int			i;

	for (i = 0; i < measure->nparts; i++)
		parts[i] = measure_part(measure, i);
}

/* Fills places and values of the container at which the cursor of ids stands. */
static void
reader_load(MeasureReader *reader)
{
	uint64		flip = reader->ordered ? UINT64CONST(1) << 47 : 0;
	uint32		j;
	int			i;

	reader->done = reader->cursors[MEASURE_IDS].done;
	if (reader->done)
		return;
	CHECK_FOR_INTERRUPTS();
	reader->key = reader->cursors[MEASURE_IDS].key;
	reader->n = container_places(&reader->cursors[MEASURE_IDS].c, reader->places);
	memset(reader->values, 0, reader->n * sizeof(int64));
	for (j = 0; j < reader->n; j++)
		reader->positions[reader->places[j]] = (uint16) j;

	/* the sign comes last: it inverts what the slices have set */
	for (i = reader->nparts - 1; i >= MEASURE_SIGN; i--)
	{
		AudienceCursor *cursor = &reader->cursors[i];
		uint32		n;

		while (!cursor->done && (cursor->key ^ flip) < (reader->key ^ flip))
			cursor_next(cursor);
		if (cursor->done || cursor->key != reader->key)
			continue;
		n = container_places(&cursor->c, reader->buffer);
		for (j = 0; j < n; j++)
		{
			int64	   *value = &reader->values[reader->positions[reader->buffer[j]]];

			if (i == MEASURE_SIGN)
				*value = ~*value;
			else
				*value |= INT64CONST(1) << (i - MEASURE_SLICES);
		}
	}
}

void
measure_reader_start(MeasureReader *reader, const Audience *const *parts, int nparts, bool ordered)
{
	Size		room = (Size) Min(parts[MEASURE_IDS]->cardinality, CONTAINER_IDS);
	int			i;

	reader->nparts = nparts;
	reader->ordered = ordered;
	for (i = 0; i < nparts; i++)
	{
		if (ordered)
			cursor_start_ordered(&reader->cursors[i], parts[i]);
		else
			cursor_start(&reader->cursors[i], parts[i]);
	}
	reader->places = palloc_array(uint16, room);
	reader->values = palloc_array(int64, room);
	reader->positions = palloc_array(uint16, CONTAINER_IDS);
	reader->buffer = palloc_array(uint16, room);
	reader_load(reader);
}

void
measure_reader_next(MeasureReader *reader)
{
	cursor_next(&reader->cursors[MEASURE_IDS]);
	reader_load(reader);
}

void
measure_reader_end(MeasureReader *reader)
{
	pfree(reader->places);
	pfree(reader->values);
	pfree(reader->positions);
	pfree(reader->buffer);
}

/* The ids of either, with the sum of their values. */
Measure *
measure_add(const Measure *a, const Measure *b)
{
	const Audience *parts[MEASURE_MAX_PARTS];
	MeasureWriter *writer = writer_start(measure_part(a, MEASURE_IDS)->cardinality +
										 measure_part(b, MEASURE_IDS)->cardinality);
	MeasureReader *x = palloc_object(MeasureReader);
	MeasureReader *y = palloc_object(MeasureReader);
	Measure    *sum;

	measure_get_parts(a, parts);
	measure_reader_start(x, parts, a->nparts, false);
	measure_get_parts(b, parts);
	measure_reader_start(y, parts, b->nparts, false);
	while (!x->done || !y->done)
	{
		uint64		key = x->done ? y->key : y->done ? x->key : Min(x->key, y->key);
		uint32		nx = !x->done && x->key == key ? x->n : 0;
		uint32		ny = !y->done && y->key == key ? y->n : 0;
		uint32		i = 0;
		uint32		j = 0;

		while (i < nx || j < ny)
		{
			if (j == ny || (i < nx && x->places[i] < y->places[j]))
			{
				writer_put(writer, key, x->places[i], x->values[i]);
				i++;
			}
			else if (i == nx || y->places[j] < x->places[i])
			{
				writer_put(writer, key, y->places[j], y->values[j]);
				j++;
			}
			else
			{
				int64		value;

				if (pg_add_s64_overflow(x->values[i], y->values[j], &value))
					fail_range();
				writer_put(writer, key, x->places[i], value);
				i++;
				j++;
			}
		}
		if (nx > 0)
			measure_reader_next(x);
		if (ny > 0)
			measure_reader_next(y);
	}
	sum = writer_finish(writer);
	measure_reader_end(x);
	measure_reader_end(y);
	pfree(x);
	pfree(y);
	return sum;
}

/* ---- text and binary form ---- */

/* Reads a number and the character that follows it. */
static bool
parse_number(const char **text, int64 *number, const char *stops, bool *overflow)
{
	char	   *end;

	while (**text == ' ' || (**text >= '\t' && **text <= '\r'))
		(*text)++;
	if (**text != '-' && (**text < '0' || **text > '9'))
		return false;
	errno = 0;
	*number = (int64) strtoll(*text, &end, 10);
	if (errno == ERANGE)
		*overflow = true;
	if (errno != 0 || end == *text)
		return false;
	while (*end == ' ' || (*end >= '\t' && *end <= '\r'))
		end++;
	*text = end;
	return *end != '\0' && strchr(stops, *end) != NULL;
}

/* audience_measure_in(cstring): '{7:500,9:-3}'; an id that comes twice is an error. */
RECSYS_FUNCTION(recsys_measure_in);
Datum
recsys_measure_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	const char *p = text;
	IdValue    *pairs = palloc_array(IdValue, 16);
	Size		n = 0;
	Size		max = 16;
	bool		ok;
	bool		overflow = false;
	Measure    *measure;

	while (*p == ' ')
		p++;
	ok = *p == '{';
	if (ok && p[1 + strspn(p + 1, " ")] == '}')
		p += 1 + strspn(p + 1, " ");
	else
	{
		while (ok)
		{
			CHECK_FOR_INTERRUPTS();
			p++;
			if (n == max)
			{
				max *= 2;
				pairs = repalloc_huge(pairs, max * sizeof(IdValue));
			}
			ok = parse_number(&p, &pairs[n].id, ":", &overflow);
			if (!ok)
				break;
			p++;
			ok = parse_number(&p, &pairs[n].value, ",}", &overflow);
			n++;
			if (ok && *p == '}')
				break;
		}
	}
	if (overflow)
		ereturn(fcinfo->context, (Datum) 0,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("number in audience_measure is out of range for type bigint")));
	if (!ok || p[1 + strspn(p + 1, " ")] != '\0')
		ereturn(fcinfo->context, (Datum) 0,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s: \"%.100s\"", "audience_measure", text),
				 errhint("Write ids and their values as in {7:500,9:-3}.")));
	measure = measure_from_pairs(pairs, n);
	if (measure_part(measure, MEASURE_IDS)->cardinality != n)
		ereturn(fcinfo->context, (Datum) 0,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("an id must not occur twice in an audience_measure")));
	PG_RETURN_POINTER(measure);
}

/* audience_measure_out(audience_measure): ids ascending. */
RECSYS_FUNCTION(recsys_measure_out);
Datum
recsys_measure_out(PG_FUNCTION_ARGS)
{
	Measure    *measure = PG_GETARG_MEASURE(0);
	const Audience *parts[MEASURE_MAX_PARTS];
	MeasureReader *reader = palloc_object(MeasureReader);
	StringInfoData buf;

	measure_get_parts(measure, parts);
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	for (measure_reader_start(reader, parts, measure->nparts, true); !reader->done;
		 measure_reader_next(reader))
	{
		uint32		i;

		for (i = 0; i < reader->n; i++)
			appendStringInfo(&buf, "%s" INT64_FORMAT ":" INT64_FORMAT, buf.len > 1 ? "," : "",
							 make_id(reader->key, reader->places[i]), reader->values[i]);
	}
	appendStringInfoChar(&buf, '}');
	PG_RETURN_CSTRING(buf.data);
}

/*
 * Binary form: number of parts (int32), then of each its length in bytes (int32)
 * and its portable serialization.
 */
static bytea *
measure_to_bytes(const Measure *measure)
{
	StringInfoData buf;
	int			i;

	pq_begintypsend(&buf);
	pq_sendint32(&buf, measure->nparts);
	for (i = 0; i < measure->nparts; i++)
	{
		const Audience *part = measure_part(measure, i);

		pq_sendint32(&buf, (uint32) audience_stream_size(part));
		pq_sendbytes(&buf, (const char *) audience_stream(part), (int) audience_stream_size(part));
	}
	return pq_endtypsend(&buf);
}

static Measure *
measure_from_bytes(StringInfo buf)
{
	const Audience *parts[MEASURE_MAX_PARTS];
	int			nparts = (int) pq_getmsgint(buf, 4);
	const char *problem = NULL;
	int			i;

	if (nparts < MEASURE_SLICES || nparts > MEASURE_MAX_PARTS)
		problem = "wrong number of parts";
	for (i = 0; i < nparts && problem == NULL; i++)
	{
		int			len = (int) pq_getmsgint(buf, 4);

		if (len < 0)
			problem = "negative length";
		else
			parts[i] = audience_from_portable((const unsigned char *) pq_getmsgbytes(buf, len),
											  len, &problem);
		if (problem == NULL && i > 0 && !audience_includes(parts[0], parts[i]))
			problem = "bits of ids that are not in the measure";
	}
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary audience_measure: %s", problem)));
	return measure_from_parts(parts, nparts);
}

RECSYS_FUNCTION(recsys_measure_send);
Datum
recsys_measure_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(measure_to_bytes(PG_GETARG_MEASURE(0)));
}

RECSYS_FUNCTION(recsys_measure_recv);
Datum
recsys_measure_recv(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(measure_from_bytes((StringInfo) PG_GETARG_POINTER(0)));
}

/* ---- the aggregate ---- */

typedef struct MeasureState
{
	Collection	collection;		/* must be first */
	MemoryContext cxt;
	IdValue    *pairs;
	Size		n;
	Size		max;
	Measure    *base;			/* what was there before; NULL: nothing */
} MeasureState;

#define FIRST_PAIRS 8

static void
state_start(Collection *collection, MemoryContext cxt)
{
	((MeasureState *) collection)->cxt = cxt;
}

/* Pairs become part of the base. */
static void
state_compress(MeasureState *state)
{
	MemoryContext old = MemoryContextSwitchTo(state->cxt);

	if (state->n > 0 || state->base == NULL)
	{
		Measure    *recent = measure_from_pairs(state->pairs, state->n);

		if (state->base != NULL)
		{
			Measure    *sum = measure_add(state->base, recent);

			pfree(state->base);
			pfree(recent);
			recent = sum;
		}
		state->base = recent;
		state->n = 0;
	}
	MemoryContextSwitchTo(old);
}

static void
state_add(Collection *collection, const struct varlena *measure)
{
	MeasureState *state = (MeasureState *) collection;
	MemoryContext old;
	Measure    *before;

	state_compress(state);
	old = MemoryContextSwitchTo(state->cxt);
	before = state->base;
	state->base = measure_add(before, (const Measure *) measure);
	pfree(before);
	MemoryContextSwitchTo(old);
}

static struct varlena *
state_value(Collection *collection)
{
	MeasureState *state = (MeasureState *) collection;
	Size		size;

	state_compress(state);
	size = VARSIZE(state->base);
	return memcpy(palloc(size), state->base, size);
}

static const CollectionKind measure_collection = {
	COLLECTION_METHODS, sizeof(MeasureState), state_start, state_add, state_value
};

static void
state_put(MeasureState *state, int64 id, int64 value)
{
	if (state->n == state->max)
	{
		Size		limit = Max((Size) work_mem * 1024,
								state->base == NULL ? 0 : VARSIZE(state->base));

		if (state->n * sizeof(IdValue) >= limit)
			state_compress(state);
		else
		{
			state->max = Max(state->max * 2, FIRST_PAIRS);
			state->pairs = state->pairs == NULL ?
				MemoryContextAlloc(state->cxt, state->max * sizeof(IdValue)) :
				repalloc_huge(state->pairs, state->max * sizeof(IdValue));
		}
	}
	state->pairs[state->n].id = id;
	state->pairs[state->n].value = value;
	state->n++;
}

/* audience_measure_step(audience_measure, id, value): rows with a NULL in either are ignored */
RECSYS_FUNCTION(recsys_measure_step);
Datum
recsys_measure_step(PG_FUNCTION_ARGS)
{
	Collection *state = collection_step(fcinfo, &measure_collection);

	if (!PG_ARGISNULL(1) && !PG_ARGISNULL(2))
		state_put((MeasureState *) state, PG_GETARG_INT64(1), PG_GETARG_INT64(2));
	return collection_return(fcinfo, state);
}

/* audience_measure_combine(audience_measure, audience_measure) -> audience_measure */
RECSYS_FUNCTION(recsys_measure_combine);
Datum
recsys_measure_combine(PG_FUNCTION_ARGS)
{
	Collection *state = collection_step(fcinfo, &measure_collection);

	if (!PG_ARGISNULL(1))
		state_add(state, PG_DETOAST_DATUM(PG_GETARG_DATUM(1)));
	return collection_return(fcinfo, state);
}

/* audience_measure_final(audience_measure) -> audience_measure; empty without input */
RECSYS_FUNCTION(recsys_measure_final);
Datum
recsys_measure_final(PG_FUNCTION_ARGS)
{
	Collection *state;

	if (PG_ARGISNULL(0))
		PG_RETURN_POINTER(measure_from_pairs(NULL, 0));
	state = collection_of(PG_GETARG_DATUM(0), &measure_collection);
	if (state != NULL)
	{
		state_compress((MeasureState *) state);
		PG_RETURN_POINTER(((MeasureState *) state)->base);
	}
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}
