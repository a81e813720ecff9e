/*-------------------------------------------------------------------------
 *
 * matrix.c
 *		From collected interactions to matrices with weights.
 *
 *		similarity_make_matrices	numbers items, applies time decay, adds up
 *									what is of the same user and item, counts
 *		similarity_weigh			transforms values, weights of users, C_ii
 *
 * Between the two the matrices can be cut (limits.c) or split (tune.c).
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "utils/timestamp.h"

#include "core/progress.h"
#include "similarity/engine.h"

/* Numbers of a user's items of which the weight is kept. */
#define KNOWN_WEIGHTS 256

/* Items with so many interactions are equally popular. */
#define POPULAR 1000000

static void *
alloc_zero(MemoryContext cxt, Size count, Size size)
{
	return MemoryContextAllocExtended(cxt, Max(count, 1) * size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

/* Allocates the arrays of a side for its nitems. */
static void
side_alloc(SimilarityBuild *build, Side *side)
{
	Size		count = Max(side->nitems, 1);

	side->users = alloc_zero(build->cxt, count, sizeof(uint32));
}

/* Numbers of interactions of the items of the dictionary, up to POPULAR. */
static uint32 *
count_interactions(SimilarityBuild *build, Side *side)
{
	uint32	   *counts = alloc_zero(build->cxt, side->nitems, sizeof(uint32));
	TripleBatch batch;

	triples_rewind(side->triples);
	while (triples_next(side->triples, &batch))
	{
		Size		k;

		for (k = 0; k < batch.count; k++)
		{
			if ((k & 0xffff) == 0)
				CHECK_FOR_INTERRUPTS();
			counts[batch.cols[k]] += counts[batch.cols[k]] < POPULAR;
		}
	}
	return counts;
}

/*
 * Numbers items by falling number of interactions, so that what is touched most
 * lies together, and among equals by value, which makes the numbers independent
 * of the order of rows.  Very many items are numbered by value: then no part of
 * them fits into a cache, and there need be no ranks to look up.  Returns the
 * number of each item of the dictionary; NULL: it stays as it is.
 */
static uint32 *
number_items(SimilarityBuild *build, Side *side)
{
	Size		count = Max(side->nitems, 1);
	uint32	   *ranks;
	uint32	   *numbers;
	uint32	   *counts;
	uint32	   *items;			/* of the dictionary, by rank */
	uint32	   *places;			/* of the first item with so many interactions less than the greatest number */
	uint32		greatest = 0;
	uint32		i;

	if (side->nitems > MANY_ITEMS && iddict_is_sorted(side->ids.dict))
		return NULL;
	ranks = iddict_sort(side->ids.dict);
	if (side->nitems > MANY_ITEMS)
		return ranks;
	side->rank = MemoryContextAllocHuge(build->cxt, count * sizeof(uint32));
	side->by_rank = MemoryContextAllocHuge(build->cxt, count * sizeof(uint32));
	numbers = MemoryContextAllocHuge(build->cxt, count * sizeof(uint32));
	items = MemoryContextAllocHuge(build->cxt, count * sizeof(uint32));
	counts = count_interactions(build, side);
	for (i = 0; i < side->nitems; i++)
		greatest = Max(greatest, counts[i]);
	places = alloc_zero(build->cxt, (Size) greatest + 2, sizeof(uint32));
	for (i = 0; i < side->nitems; i++)
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		items[ranks[i]] = i;
		places[greatest - counts[i] + 1]++;
	}
	for (i = 0; i <= greatest; i++)
		places[i + 1] += places[i];
	for (i = 0; i < side->nitems; i++)
	{
		uint32		number = places[greatest - counts[items[i]]]++;

		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		numbers[items[i]] = number;
		side->rank[number] = i;
		side->by_rank[i] = number;
	}
	pfree(places);
	pfree(counts);
	pfree(items);
	pfree(ranks);
	return numbers;
}

typedef struct Decay
{
	TimestampTz as_of;
	double		half_life;		/* microseconds */
} Decay;

/* A weight at as_of: half of it after each half-life; nothing of what comes later. */
static float
decayed(void *arg, float value, int64 time)
{
	Decay	   *decay = (Decay *) arg;

	if (time == 0)
		return value;
	if (time > decay->as_of)
		return 0;
	return (float) (value * exp2(-((double) decay->as_of - (double) time) / decay->half_life));
}

/* Numbers of users and sums of weights; sums may be NULL where there are no values. */
static void
sum_side(Side *side, uint32 *counts, double *sums)
{
	SparseMatrix *matrix = side->matrix;
	uint64		entries = matrix->start[matrix->nrows];
	uint32		i;
	uint64		k;

	/* sums of ones are the same in any order */
	for (k = 0; matrix->values == NULL && k < entries; k++)
	{
		if ((k & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		counts[matrix->cols[k]]++;
	}
	for (i = 0; matrix->values == NULL && sums && i < side->nitems; i++)
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		sums[i] = counts[i];
	}
	for (k = 0; matrix->values && k < entries; k++)
	{
		if ((k & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		counts[matrix->cols[k]]++;
		sums[matrix->cols[k]] += matrix->values[k];
	}
}

/* What there is before limits. */
static void
count_side(SimilarityBuild *build, Side *side)
{
	if (side->matrix->values)
		side->weight = alloc_zero(build->cxt, side->nitems, sizeof(double));
	sum_side(side, side->users, side->weight);
}

/* What a matrix takes beside its entries, while it is made. */
static uint64
users_memory(uint32 nusers)
{
	return (uint64) nusers * 12;
}

/* What is left of memory, with so many bytes for each user. */
static Size
memory_left(const SimilarityBuild *build, uint64 users)
{
	Size		limit = similarity_memory_limit();
	uint64		used = MemoryContextMemAllocated(build->cxt, true) + users;

	return limit - (Size) Min(used, limit);
}

static void
count_of_users(void *arg, uint32 *users, uint32 *items, Size count)
{
	uint32	   *counts = (uint32 *) arg;
	Size		i;

	for (i = 0; i < count; i++)
		counts[users[i]]++;
}

/*
 * Thrown where a matrix cannot be made.  Named is what suffices for it in one
 * part, with values and without equal rows, and beside interactions that would
 * not go to a file then: they take half of the memory at most, those of sources
 * a quarter more.
 */
static void
matrix_memory_error(SimilarityBuild *build, Side *side, uint32 nusers)
{
	bool		cross = build->sources != &build->targets;
	uint64		interactions = triples_count(side->triples);
	uint64		collected = triples_size(side->triples);
	uint64		longest = 0;
	uint64		needed;
	uint32	   *counts;
	uint32		i;

	triples_spill(side->triples);
	if (cross && side == &build->targets)
	{
		collected += triples_size(build->other.triples);
		triples_spill(build->other.triples);
	}
	needed = MemoryContextMemAllocated(build->cxt, true) + users_memory(nusers);
	counts = alloc_zero(build->cxt, nusers, sizeof(uint32));
	triples_visit(side->triples, count_of_users, counts);
	for (i = 0; i < nusers; i++)
		longest = Max(longest, counts[i]);
	needed += interactions * (sizeof(uint32) + sizeof(float)) + sparse_sort_memory(longest);
	/* arrays that grow are up to twice as large as what is in them */
	needed += Min(2 * collected, cross ? 3 * needed : needed);
	similarity_memory_error(interactions, nusers, side->nitems, needed,
							"All interactions of a user are in memory at a time: guests without an identity, and robots, have many.");
}

static void
make_side(SimilarityBuild *build, Side *side, uint32 nusers)
{
	Decay		decay;
	uint32	   *numbers;
	Size		memory;

	decay.as_of = build->options.as_of == DT_NOBEGIN ? build->newest : build->options.as_of;
	decay.half_life = build->options.half_life;
	side->nitems = iddict_count(side->ids.dict);
	side_alloc(build, side);
	numbers = number_items(build, side);
	if (numbers)
		iddict_renumber(side->ids.dict, numbers);
	/* what goes to a file leaves memory before that is counted; a part of it there is in any case */
	triples_rewind(side->triples);
	memory = Max(memory_left(build, users_memory(nusers)), similarity_memory_limit() / 8);
	side->matrix = sparse_create(build->cxt, side->triples, memory, nusers,
								 side->nitems, numbers, decay.half_life > 0 ? decayed : NULL, &decay);
	if (side->matrix == NULL)
		matrix_memory_error(build, side, nusers);
	triples_free(side->triples);
	side->triples = NULL;
	if (numbers)
		pfree(numbers);
}

static void
count_active(Side *side)
{
	uint32		i;

	for (i = 0; i < side->nitems; i++)
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		side->active += side->users[i] > 0;
	}
}

/* Makes the matrices of what was collected, and counts users and items. */
void
similarity_make_matrices(SimilarityBuild *build)
{
	bool		cross = build->sources != &build->targets;
	uint32		nusers;
	SparseMatrix *targets;
	SparseMatrix *sources;
	uint32		i;

	progress_phase("matrix", 0);
	ids_settle(build);
	nusers = build->users.count;
	make_side(build, &build->targets, nusers);
	if (cross)
		make_side(build, &build->other, nusers);
	targets = build->targets.matrix;
	sources = build->sources->matrix;
	sparse_sort_rows(targets, cross ? sources : NULL, memory_left(build, (uint64) nusers * 16));

	count_side(build, &build->targets);
	if (cross)
		count_side(build, &build->other);
	for (i = 0; i < targets->nrows; i++)
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		build->nusers += targets->start[i + 1] > targets->start[i] ||
			sources->start[i + 1] > sources->start[i];
	}
	count_active(&build->targets);
	if (cross)
		count_active(&build->other);
}

/*
 * What the sum of a user's weights of an item becomes before anything else is
 * done with it.
 */
void
similarity_transform(SimilarityBuild *build, SparseMatrix *matrix)
{
	uint64		count = matrix->start[matrix->nrows];
	uint64		k;

	if (matrix->values == NULL || build->options.transform == TRANSFORM_NONE)
		return;
	if (build->options.transform == TRANSFORM_BINARY)
	{
		pfree(matrix->values);
		matrix->values = NULL;
		return;
	}
	for (k = 0; k < count; k++)
	{
		if ((k & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (build->options.transform == TRANSFORM_SQRT)
			matrix->values[k] = sqrtf(matrix->values[k]);
		else if (build->options.transform == TRANSFORM_LOG)
			/* of a weight that has decayed 1 + x would keep nothing; 1 has to stay 1 */
			matrix->values[k] = matrix->values[k] < 0.5f ?
				(float) (log1p(matrix->values[k]) * M_LOG2E) : log2f(1 + matrix->values[k]);
	}
}

static bool
is_walk(const SimilarityOptions *options)
{
	return options->measure == MEASURE_P3ALPHA || options->measure == MEASURE_RP3BETA;
}

/*
 * What a value becomes before it is multiplied: the square root for TF-IDF,
 * term saturation for BM25, where an item is a document, its users are the
 * terms, and length is the item's total by the mean of totals.
 */
static inline double
weighed_value(const SimilarityOptions *options, double value, double length)
{
	switch (options->measure)
	{
		case MEASURE_TFIDF:
			return sqrt(value);
		case MEASURE_BM25:
			return value * (options->k1 + 1) /
				(options->k1 * (1 - options->b + options->b * length) + value);
		case MEASURE_P3ALPHA:
		case MEASURE_RP3BETA:
			return options->alpha == 1 ? value : pow(value, options->alpha);
		default:
			return value;
	}
}

/* What a user's items of one side add to the user's weight: twice where the sides are one. */
static double
side_weight(const SimilarityOptions *options, const Side *side, uint64 count)
{
	double		weight = 1;

	if (count == 0)
		return 1;
	/* rarity of a user, who is a term of the document that an item is */
	if (options->measure == MEASURE_TFIDF || options->measure == MEASURE_BM25)
		weight = Max(log((double) side->active / (1 + (double) count)), 0);
	if (options->user_power != 0)
		weight *= pow((double) count, -options->user_power / 2);
	return weight;
}

/* The same, for any count worked out once where it is small. */
static double
known_weight(const SimilarityOptions *options, const Side *side, uint64 count, double *known)
{
	if (count >= KNOWN_WEIGHTS)
		return side_weight(options, side, count);
	if (known[count] == 0)
		known[count] = side_weight(options, side, count);
	return known[count];
}

/* Weights of users; of a step of a random walk where that is the measure. */
static void
weigh_users(SimilarityBuild *build)
{
	const SimilarityOptions *options = &build->options;
	SparseMatrix *targets = build->targets.matrix;
	SparseMatrix *sources = build->sources->matrix;
	double		known_targets[KNOWN_WEIGHTS] = {0};
	double		known_sources[KNOWN_WEIGHTS] = {0};
	uint32		user;

	if (options->user_power == 0 && !is_walk(options) &&
		options->measure != MEASURE_TFIDF && options->measure != MEASURE_BM25)
		return;
	if (build->user_weights == NULL)
		build->user_weights = MemoryContextAllocHuge(build->cxt,
													 Max(targets->nrows, 1) * sizeof(double));
	for (user = 0; user < targets->nrows; user++)
	{
		uint64		start = targets->start[user];
		uint64		count = targets->start[user + 1] - start;
		double		weight;

		CHECK_FOR_INTERRUPTS();
		weight = known_weight(options, &build->targets, count, known_targets) *
			known_weight(options, build->sources, sources->start[user + 1] - sources->start[user],
						 known_sources);
		if (is_walk(options) && count > 0)
		{
			double		sum = 0;
			uint64		k;

			for (k = 0; k < count; k++)
				sum += targets->values ? targets->values[start + k] : 1;
			weight *= pow(sum, -options->alpha);
		}
		build->user_weights[user] = weight;
	}
}

static void
weigh_values(SimilarityBuild *build, Side *side)
{
	const SimilarityOptions *options = &build->options;
	SparseMatrix *matrix = side->matrix;
	uint64		count = matrix->start[matrix->nrows];
	double		mean = 0;
	uint32		i;
	uint64		k;

	if (options->measure == MEASURE_BM25 && matrix->values == NULL)
	{
		matrix->values = MemoryContextAllocHuge(build->cxt, Max(count, 1) * sizeof(float));
		for (k = 0; k < count; k++)
		{
			if ((k & 0xffff) == 0)
				CHECK_FOR_INTERRUPTS();
			matrix->values[k] = 1;
		}
	}
	if (matrix->values == NULL)
		return;
	for (i = 0; i < side->nitems; i++)
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		mean += side->total[i] / Max(side->active, 1);
	}
	for (k = 0; k < count; k++)
	{
		if ((k & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		matrix->values[k] = (float) weighed_value(options, matrix->values[k],
												  side->total[matrix->cols[k]] / mean);
		if (!isfinite(matrix->values[k]))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("weights are too large for this measure"),
					 errhint("Divide all weights by the same number, or use a lower alpha.")));
	}
}

/* C_ii. */
static void
square_side(SimilarityBuild *build, Side *side)
{
	SparseMatrix *matrix = side->matrix;
	uint32		user;
	uint32		i;

	if (matrix->values == NULL && build->user_weights == NULL)
	{
		for (i = 0; i < side->nitems; i++)
		{
			if ((i & 0xffff) == 0)
				CHECK_FOR_INTERRUPTS();
			side->square[i] = side->count[i];
		}
		return;
	}
	memset(side->square, 0, side->nitems * sizeof(double));
	for (user = 0; user < matrix->nrows; user++)
	{
		double		weight = build->user_weights ? build->user_weights[user] : 1;
		uint64		end = matrix->start[user + 1];
		uint64		k;

		CHECK_FOR_INTERRUPTS();
		for (k = matrix->start[user]; k < end; k++)
		{
			double		value = matrix->values ? matrix->values[k] : 1;

			__builtin_prefetch(&side->square[sparse_col_ahead(matrix, k)], 1);
			side->square[matrix->cols[k]] += weight * value * value;
		}
	}
}

/* Without values and limits all is as it was counted first. */
static void
copy_counts(Side *side)
{
	uint32		i;

	for (i = 0; i < side->nitems; i++)
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		side->total[i] = side->count[i] = side->users[i];
	}
}

/* Transforms the values of the matrices and works out all sums that scores need. */
void
similarity_weigh(SimilarityBuild *build)
{
	Side	   *sides[2];
	int			nsides = 0;
	int			i;

	sides[nsides++] = &build->targets;
	if (build->sources != &build->targets)
		sides[nsides++] = build->sources;
	for (i = 0; i < nsides; i++)
	{
		Side	   *side = sides[i];

		similarity_transform(build, side->matrix);
		side->count = alloc_zero(build->cxt, side->nitems, sizeof(uint32));
		side->total = alloc_zero(build->cxt, side->nitems, sizeof(double));
		side->square = alloc_zero(build->cxt, side->nitems, sizeof(double));
		if (side->matrix->values || build->validation ||
			build->options.max_per_user > 0 || build->options.max_per_item > 0)
			sum_side(side, side->count, side->total);
		else
			copy_counts(side);
	}
	weigh_users(build);
	for (i = 0; i < nsides; i++)
	{
		weigh_values(build, sides[i]);
		square_side(build, sides[i]);
	}
}
