/*-------------------------------------------------------------------------
 *
 * partial.c
 *		Collected interactions as partial states of an aggregate.
 *
 * A state goes from one process of the server to another as its options, its
 * two dictionaries and the interactions as they were collected: nothing is
 * added up before the last step, so that any split gives the same result.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "libpq/pqformat.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "core/aggregate.h"
#include "similarity/engine.h"

/* An empty build for the same types with the same options. */
SimilarityBuild *
similarity_begin_like(MemoryContext cxt, const SimilarityBuild *other)
{
	SimilarityBuild *build;

	build = similarity_begin(cxt, iddict_type(other->users.dict), iddict_collation(other->users.dict),
							 iddict_type(other->targets.ids.dict),
							 iddict_collation(other->targets.ids.dict), &other->options);
	if (other->sources != &other->targets)
		similarity_begin_sources(build, iddict_type(other->sources->ids.dict),
								 iddict_collation(other->sources->ids.dict));
	return build;
}

/*
 * Whether values of the build are passed as those of these types are: states of
 * one aggregate that get to another must not be taken for theirs.
 */
bool
similarity_is_of(const SimilarityBuild *build, Oid itemtype, Oid neighbourtype)
{
	return get_typbyval(iddict_type(build->sources->ids.dict)) == get_typbyval(itemtype) &&
		get_typbyval(iddict_type(build->targets.ids.dict)) == get_typbyval(neighbourtype);
}

/* Numbers of the values of one dictionary in another, which gets what it lacks. */
static uint32 *
merge_dict(SimilarityBuild *build, IdDict *into, const IdDict *from)
{
	uint32		count = iddict_count(from);
	uint32	   *numbers = MemoryContextAllocHuge(build->cxt, Max(count, 1) * sizeof(uint32));
	uint32		i;

	for (i = 0; i < count; i++)
	{
		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		numbers[i] = iddict_put(into, iddict_value(from, i));
	}
	return numbers;
}

static void
combine_side(SimilarityBuild *left, Side *into, Side *from, const uint32 *users)
{
	uint32	   *items = merge_dict(left, into->ids.dict, from->ids.dict);
	TripleBatch batch;

	triples_rewind(from->triples);
	while (triples_next(from->triples, &batch))
	{
		Size		k;

		for (k = 0; k < batch.count; k++)
		{
			if ((k & 0xffff) == 0)
				CHECK_FOR_INTERRUPTS();
			triples_add(into->triples, users[batch.rows[k]], items[batch.cols[k]],
						batch.values ? batch.values[k] : 1, batch.times ? batch.times[k] : 0);
		}
	}
	triples_clear(from->triples);
	pfree(items);
}

/*
 * Adds the interactions of right to left; right has none any more, as there may be
 * many like it, and their temporary files would stay until the statement ends.  An
 * error where they were collected with different options.
 */
void
similarity_combine(SimilarityBuild *left, SimilarityBuild *right)
{
	MemoryContext old = MemoryContextSwitchTo(left->cxt);
	uint32	   *users;

	if (!similarity_same_options(&left->options, &right->options))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options must be the same for all rows")));
	similarity_pass_on(right);
	similarity_flush(left);
	similarity_flush(right);
	ids_hash_all(left);
	ids_hash_all(right);
	users = merge_dict(left, left->users.dict, right->users.dict);
	combine_side(left, &left->targets, &right->targets, users);
	if (left->sources != &left->targets)
		combine_side(left, left->sources, right->sources, users);
	left->newest = Max(left->newest, right->newest);
	pfree(users);
	MemoryContextSwitchTo(old);
}

/* A partial state is a value, and while it is written there is another one of that size. */
#define MAX_STATE_SIZE (MaxAllocSize / 2)

/* Throws where a state with so many bytes and the interactions of a side cannot be sent. */
static void
check_size(uint64 size, const Triples *interactions)
{
	if (size + triples_size(interactions) > MAX_STATE_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many interactions for a partial state of an aggregate"),
				 errdetail("A partial state has " UINT64_FORMAT " interactions; it cannot be larger than %zu MB.",
						   triples_count(interactions), (Size) MAX_STATE_SIZE / (1024 * 1024)),
				 errhint("Set max_parallel_workers_per_gather to 0 and enable_partitionwise_aggregate to off, "
						 "or use item_similarity() in place of the aggregate.")));
}

static void
serialize_side(Side *side, StringInfo buf)
{
	TripleBatch batch;

	iddict_serialize(side->ids.dict, buf);
	check_size(buf->len, side->triples);
	triples_rewind(side->triples);
	while (triples_next(side->triples, &batch))
	{
		pq_sendint64(buf, batch.count);
		pq_sendbyte(buf, batch.values != NULL);
		pq_sendbyte(buf, batch.times != NULL);
		pq_sendbytes(buf, (char *) batch.rows, batch.count * sizeof(uint32));
		pq_sendbytes(buf, (char *) batch.cols, batch.count * sizeof(uint32));
		if (batch.values)
			pq_sendbytes(buf, (char *) batch.values, batch.count * sizeof(float));
		if (batch.times)
			pq_sendbytes(buf, (char *) batch.times, batch.count * sizeof(int64));
	}
	pq_sendint64(buf, 0);
	triples_clear(side->triples);
}

/* To be called once: the interactions are gone then, and their temporary files closed. */
void
similarity_serialize(SimilarityBuild *build, StringInfo buf)
{
	bool		cross = build->sources != &build->targets;

	similarity_pass_on(build);
	similarity_flush(build);
	ids_hash_all(build);
	pq_sendbytes(buf, (char *) &build->options, sizeof(SimilarityOptions));
	pq_sendint64(buf, build->newest);
	pq_sendbyte(buf, cross);
	iddict_serialize(build->users.dict, buf);
	serialize_side(&build->targets, buf);
	if (cross)
		serialize_side(build->sources, buf);
}

/* The next count numbers of size bytes in a message, not aligned. */
static const char *
get_array(StringInfo buf, int64 count, Size size)
{
	if (count < 0 || count > (buf->len - buf->cursor) / size)
		damaged_state_error();
	return pq_getmsgbytes(buf, (int) (count * size));
}

static void
deserialize_side(SimilarityBuild *build, Side *side, StringInfo buf)
{
	uint32		nusers = iddict_count(build->users.dict);
	uint32		nitems;
	int64		count;

	side->ids.dict = iddict_deserialize(build->cxt, buf, "item");
	nitems = iddict_count(side->ids.dict);
	while ((count = pq_getmsgint64(buf)) != 0)
	{
		bool		has_values = pq_getmsgbyte(buf);
		bool		has_times = pq_getmsgbyte(buf);
		const char *rows = get_array(buf, count, sizeof(uint32));
		const char *cols = get_array(buf, count, sizeof(uint32));
		const char *values = has_values ? get_array(buf, count, sizeof(float)) : NULL;
		const char *times = has_times ? get_array(buf, count, sizeof(int64)) : NULL;
		int64		k;

		for (k = 0; k < count; k++)
		{
			uint32		row;
			uint32		col;
			float		value = 1;
			int64		time = 0;

			if ((k & 0xffff) == 0)
				CHECK_FOR_INTERRUPTS();
			memcpy(&row, rows + k * sizeof(row), sizeof(row));
			memcpy(&col, cols + k * sizeof(col), sizeof(col));
			if (values)
				memcpy(&value, values + k * sizeof(value), sizeof(value));
			if (times)
				memcpy(&time, times + k * sizeof(time), sizeof(time));
			if (row >= nusers || col >= nitems || !isfinite(value) ||
				(times && !IS_VALID_TIMESTAMP(time)))
				damaged_state_error();
			triples_add(side->triples, row, col, value, time);
		}
	}
}

SimilarityBuild *
similarity_deserialize(MemoryContext cxt, StringInfo buf)
{
	SimilarityOptions options;
	SimilarityBuild *build;
	int64		newest;
	bool		cross;

	pq_copymsgbytes(buf, (char *) &options, sizeof(options));
	check_state_bool(options.tune);
	if (!similarity_options_are_valid(&options))
		damaged_state_error();
	newest = pq_getmsgint64(buf);
	cross = pq_getmsgbyte(buf);
	build = similarity_create(cxt, &options);
	build->newest = newest;
	build->users.dict = iddict_deserialize(build->cxt, buf, "user");
	deserialize_side(build, &build->targets, buf);
	if (cross)
	{
		build->other.triples = triples_create(build->cxt, similarity_memory_limit() / 4);
		build->sources = &build->other;
		deserialize_side(build, build->sources, buf);
	}
	return build;
}
