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

#include "libpq/pqformat.h"

#include "similarity/engine.h"

/* An empty build for the same types with the same options. */
SimilarityBuild *
similarity_begin_like(MemoryContext cxt, const SimilarityBuild *other)
{
	return similarity_begin(cxt, iddict_type(other->users), iddict_collation(other->users),
							iddict_type(other->items), iddict_collation(other->items),
							&other->options);
}

/*
 * Adds the interactions of right to left; right stays as it is.  An error
 * where they were collected with different options.
 */
void
similarity_combine(SimilarityBuild *left, SimilarityBuild *right)
{
	MemoryContext old = MemoryContextSwitchTo(left->cxt);
	uint32	   *users;
	uint32	   *items;
	TripleBatch batch;
	uint32		i;

	if (!similarity_same_options(&left->options, &right->options))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options must be the same for all rows")));
	users = MemoryContextAllocHuge(left->cxt, Max(iddict_count(right->users), 1) * sizeof(uint32));
	items = MemoryContextAllocHuge(left->cxt, Max(iddict_count(right->items), 1) * sizeof(uint32));
	for (i = 0; i < iddict_count(right->users); i++)
		users[i] = iddict_put(left->users, iddict_value(right->users, i));
	for (i = 0; i < iddict_count(right->items); i++)
		items[i] = iddict_put(left->items, iddict_value(right->items, i));
	triples_rewind(right->triples);
	while (triples_next(right->triples, &batch))
	{
		Size		k;

		for (k = 0; k < batch.count; k++)
		{
			if ((k & 0xffff) == 0)
				CHECK_FOR_INTERRUPTS();
			triples_add(left->triples, users[batch.rows[k]], items[batch.cols[k]],
						batch.values ? batch.values[k] : 1, batch.times ? batch.times[k] : 0);
		}
	}
	pfree(users);
	pfree(items);
	MemoryContextSwitchTo(old);
}

/* Throws where a state of so many bytes cannot be sent. */
static void
check_size(SimilarityBuild *build, Size size)
{
	if (size > MaxAllocSize / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many interactions for a partial state of an aggregate"),
				 errdetail("A partial state has " UINT64_FORMAT " interactions.",
						   triples_count(build->triples)),
				 errhint("Set max_parallel_workers_per_gather to 0 and enable_partitionwise_aggregate to off, "
						 "or use item_similarity() in place of the aggregate.")));
}

void
similarity_serialize(SimilarityBuild *build, StringInfo buf)
{
	TripleBatch batch;

	check_size(build, triples_count(build->triples) * 20);
	pq_sendbytes(buf, (char *) &build->options, sizeof(SimilarityOptions));
	iddict_serialize(build->users, buf);
	check_size(build, buf->len);
	iddict_serialize(build->items, buf);
	check_size(build, buf->len);
	triples_rewind(build->triples);
	while (triples_next(build->triples, &batch))
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
}

SimilarityBuild *
similarity_deserialize(MemoryContext cxt, StringInfo buf)
{
	SimilarityOptions options;
	SimilarityBuild *build;
	int64		count;

	pq_copymsgbytes(buf, (char *) &options, sizeof(options));
	build = similarity_create(cxt, &options);
	build->users = iddict_deserialize(build->cxt, buf, "user");
	build->items = iddict_deserialize(build->cxt, buf, "item");
	while ((count = pq_getmsgint64(buf)) > 0)
	{
		bool		has_values = pq_getmsgbyte(buf);
		bool		has_times = pq_getmsgbyte(buf);
		const char *rows = pq_getmsgbytes(buf, count * sizeof(uint32));
		const char *cols = pq_getmsgbytes(buf, count * sizeof(uint32));
		const char *values = has_values ? pq_getmsgbytes(buf, count * sizeof(float)) : NULL;
		const char *times = has_times ? pq_getmsgbytes(buf, count * sizeof(int64)) : NULL;
		int64		k;

		for (k = 0; k < count; k++)
		{
			uint32		row;
			uint32		col;
			float		value = 1;
			int64		time = 0;

			/* bytes in a message are not aligned */
			memcpy(&row, rows + k * sizeof(row), sizeof(row));
			memcpy(&col, cols + k * sizeof(col), sizeof(col));
			if (values)
				memcpy(&value, values + k * sizeof(value), sizeof(value));
			if (times)
				memcpy(&time, times + k * sizeof(time), sizeof(time));
			triples_add(build->triples, row, col, value, time);
		}
	}
	return build;
}
