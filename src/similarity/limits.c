/*-------------------------------------------------------------------------
 *
 * limits.c
 *		max_per_user and max_per_item: a sample of what is very long.
 *
 * The work grows with the square of the number of items of a user, and a few
 * users with very many items (resellers, robots) can take most of it and say
 * little.  Of the interactions of a user, or of an item, that has more than
 * the limit a sample is kept.  It is drawn by a hash of the user's items with
 * their weights and of the item, so it is the same for any order of rows; users
 * with the same of these can be exchanged for each other without any effect on
 * the result.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "similarity/engine.h"

typedef struct Sample
{
	uint64		hash;
	uint64		place;			/* in the matrix */
} Sample;

static void
hash_rows(const SparseMatrix *matrix, bool weights, uint64 *hashes)
{
	uint32		user;

	for (user = 0; user < matrix->nrows; user++)
	{
		uint64		k;

		CHECK_FOR_INTERRUPTS();
		for (k = matrix->start[user]; k < matrix->start[user + 1]; k++)
		{
			hashes[user] = similarity_hash(hashes[user], matrix->cols[k]);
			if (weights && matrix->values)
			{
				uint32		bits;

				memcpy(&bits, &matrix->values[k], sizeof(bits));
				hashes[user] = similarity_hash(hashes[user], bits);
			}
		}
	}
}

/* A number for each user that depends on the user's items, and perhaps their weights, only. */
uint64 *
similarity_user_hashes(SimilarityBuild *build, bool weights)
{
	Size		size = Max(build->targets.matrix->nrows, 1) * sizeof(uint64);
	uint64	   *hashes = MemoryContextAllocExtended(build->cxt, size,
													MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	hash_rows(build->targets.matrix, weights, hashes);
	if (build->sources != &build->targets)
		hash_rows(build->sources->matrix, weights, hashes);
	return hashes;
}

static int
compare_samples(const void *a, const void *b)
{
	const Sample *x = (const Sample *) a;
	const Sample *y = (const Sample *) b;

	CHECK_FOR_INTERRUPTS();
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

/* Drops all but the first of the samples. */
static void
drop_rest(SparseMatrix *matrix, Sample *samples, Size count, Size keep)
{
	Size		i;

	qsort(samples, count, sizeof(Sample), compare_samples);
	for (i = keep; i < count; i++)
		matrix->cols[samples[i].place] = SPARSE_DROPPED;
}

static void
limit_users(SimilarityBuild *build, SparseMatrix *matrix, const uint64 *hashes)
{
	int64		limit = build->options.max_per_user;
	Sample	   *samples = NULL;
	uint64		capacity = 0;
	uint64		dropped = 0;
	uint64		users = 0;
	uint32		user;

	for (user = 0; user < matrix->nrows; user++)
	{
		uint64		start = matrix->start[user];
		uint64		count = matrix->start[user + 1] - start;
		uint64		k;

		CHECK_FOR_INTERRUPTS();
		if (count <= limit)
			continue;
		if (count > capacity)
		{
			if (samples)
				pfree(samples);
			capacity = count;
			samples = MemoryContextAllocHuge(build->cxt, capacity * sizeof(Sample));
		}
		for (k = 0; k < count; k++)
		{
			samples[k].hash = similarity_hash(hashes[user], matrix->cols[start + k]);
			samples[k].place = start + k;
		}
		drop_rest(matrix, samples, count, limit);
		dropped += count - limit;
		users++;
	}
	if (samples)
		pfree(samples);
	if (dropped == 0)
		return;
	sparse_compact(matrix);
	ereport(NOTICE,
			(errmsg("max_per_user left out " UINT64_FORMAT " interactions of " UINT64_FORMAT " users",
					dropped, users)));
}

/* Samples of items first to end - 1; places are where the next one of an item goes, or PG_UINT64_MAX. */
static void
take_samples(const SparseMatrix *matrix, const uint64 *hashes,
			 uint32 first, uint32 end, uint64 *places, Sample *samples)
{
	uint32		user;

	for (user = 0; user < matrix->nrows; user++)
	{
		uint64		k;

		CHECK_FOR_INTERRUPTS();
		for (k = matrix->start[user]; k < matrix->start[user + 1]; k++)
		{
			uint32		item = matrix->cols[k];
			Sample	   *sample;

			/* dropped ones are none of these */
			if (item - first >= end - first || places[item] == PG_UINT64_MAX)
				continue;
			sample = &samples[places[item]++];
			sample->hash = similarity_hash(hashes[user], item);
			sample->place = k;
		}
	}
}

/* Of as many items at a time as there is room for, one at least. */
static void
limit_items(SimilarityBuild *build, SparseMatrix *matrix, const uint64 *hashes)
{
	int64		limit = build->options.max_per_item;
	uint64	   *counts = MemoryContextAllocExtended(build->cxt,
													Max(matrix->ncols, 1) * sizeof(uint64),
													MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	Sample	   *samples;
	uint64		entries = matrix->start[matrix->nrows];
	uint64		longest = 0;
	uint64		all = 0;
	uint64		room;
	uint64		dropped = 0;
	uint64		items = 0;
	uint64		k;
	uint32		first;
	uint32		end;
	uint32		item;

	for (k = 0; k < entries; k++)
	{
		if ((k & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		counts[matrix->cols[k]]++;
	}
	for (item = 0; item < matrix->ncols; item++)
	{
		if ((item & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (counts[item] <= limit)
			counts[item] = 0;
		longest = Max(longest, counts[item]);
		all += counts[item];
	}
	room = Min(Max(similarity_memory_limit() / 8 / sizeof(Sample), longest), all);
	samples = MemoryContextAllocHuge(build->cxt, Max(room, 1) * sizeof(Sample));
	for (first = 0; longest > 0 && first < matrix->ncols; first = end)
	{
		uint64		start = 0;

		for (end = first; end < matrix->ncols && start + counts[end] <= room; end++)
		{
			uint64		count = counts[end];

			counts[end] = count > 0 ? start : PG_UINT64_MAX;
			start += count;
		}
		if (start == 0)
			continue;
		take_samples(matrix, hashes, first, end, counts, samples);
		start = 0;
		for (item = first; item < end; item++)
		{
			if (counts[item] == PG_UINT64_MAX)
				continue;
			drop_rest(matrix, samples + start, counts[item] - start, limit);
			dropped += counts[item] - start - limit;
			items++;
			start = counts[item];
		}
	}
	pfree(samples);
	pfree(counts);
	if (dropped == 0)
		return;
	sparse_compact(matrix);
	ereport(NOTICE,
			(errmsg("max_per_item left out " UINT64_FORMAT " interactions of " UINT64_FORMAT " items",
					dropped, items)));
}

/* Applies the limits that the options set to all matrices, and says what they cut. */
void
similarity_limit(SimilarityBuild *build)
{
	uint64	   *hashes;
	Side	   *sides[2];
	int			nsides = build->sources == &build->targets ? 1 : 2;
	int			i;

	if (build->options.max_per_user == 0 && build->options.max_per_item == 0)
		return;
	sides[0] = &build->targets;
	sides[1] = build->sources;
	hashes = similarity_user_hashes(build, true);
	for (i = 0; i < nsides; i++)
	{
		if (build->options.max_per_user > 0)
			limit_users(build, sides[i]->matrix, hashes);
		if (build->options.max_per_item > 0)
			limit_items(build, sides[i]->matrix, hashes);
	}
	pfree(hashes);
}
