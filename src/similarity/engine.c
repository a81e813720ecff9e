/*-------------------------------------------------------------------------
 *
 * engine.c
 *		From interactions in any order to the neighbours of each item.
 *
 *		similarity_add		(user, item, weight, ts) get dense numbers and are
 *							collected, on disk where there are many (sparse.c)
 *		similarity_finish	users x items matrix; sums per item; both directions
 *							of the matrix into an area of shared memory, for as
 *							many items at a time as memory allows; the product
 *							(measure.c), by all processes (parallel.c); the
 *							caller gets items in the order of their values
 *
 * Weights of the same user and item are added up; what is not above 0 then is
 * no interaction.
 *
 * Memory, bounded by maintenance_work_mem: dictionaries; then per interaction
 * 8 bytes while they are collected (half of the limit at most), 4 for the
 * matrix, 4 for its rearranged form and 4 for the other direction, for as many
 * items as there is room for.  Weights take the same again.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <float.h>
#include <math.h>

#include "utils/timestamp.h"

#include "core/progress.h"
#include "similarity/engine.h"
#include "similarity/measure.h"

/* Seconds that one process takes for an addition: decides whether others are started. */
#define SECONDS_PER_STEP 5e-9

static Size
memory_limit(void)
{
	return (Size) maintenance_work_mem * 1024;
}

/* A build without dictionaries, in a memory context of its own below cxt. */
SimilarityBuild *
similarity_create(MemoryContext cxt, const SimilarityOptions *options)
{
	MemoryContext own = AllocSetContextCreate(cxt, "recsys similarity", ALLOCSET_DEFAULT_SIZES);
	SimilarityBuild *build = MemoryContextAllocZero(own, sizeof(SimilarityBuild));

	build->cxt = own;
	build->options = *options;
	similarity_settle_options(&build->options);
	build->triples = triples_create(own, memory_limit() / 2);
	return build;
}

/*
 * Starts to collect interactions, in a memory context of their own below cxt.
 * Types are those of the values that similarity_add() will get.
 */
SimilarityBuild *
similarity_begin(MemoryContext cxt, Oid usertype, Oid usercollation, Oid itemtype,
				 Oid itemcollation, const SimilarityOptions *options)
{
	SimilarityBuild *build = similarity_create(cxt, options);

	build->users = iddict_create(build->cxt, usertype, usercollation, "user");
	build->items = iddict_create(build->cxt, itemtype, itemcollation, "item");
	return build;
}

/*
 * Adds an interaction.  The weight must be finite; negative weights take away
 * from others of the same user and item.  ts is DT_NOBEGIN where there is none.
 */
void
similarity_add(SimilarityBuild *build, Datum user, Datum item, double weight, TimestampTz ts)
{
	if (!(fabs(weight) <= FLT_MAX))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("weight must be a finite number of at most %g, not %g",
						(double) FLT_MAX, weight),
				 errhint("Leave such rows out, or scale the weights.")));
	triples_add(build->triples, iddict_put(build->users, user), iddict_put(build->items, item),
				(float) weight, 0);
}

/*
 * Numbers targets by falling number of interactions, and among equals by
 * value, which makes the numbering independent of the order of rows.
 */
typedef struct TargetKey
{
	uint64		key;
	uint32		item;
} TargetKey;

static int
compare_targets(const void *a, const void *b)
{
	uint64		x = ((const TargetKey *) a)->key;
	uint64		y = ((const TargetKey *) b)->key;

	return (x > y) - (x < y);
}

static uint32 *
number_targets(SimilarityBuild *build)
{
	uint32		nitems = iddict_count(build->items);
	Size		count = Max(nitems, 1);
	uint32	   *ranks = iddict_sort(build->items);
	TargetKey  *keys = MemoryContextAllocHuge(build->cxt, count * sizeof(TargetKey));
	uint32	   *item_target = MemoryContextAllocHuge(build->cxt, count * sizeof(uint32));
	TripleBatch batch;
	uint32		i;

	for (i = 0; i < nitems; i++)
	{
		keys[i].item = i;
		keys[i].key = UINT64CONST(0x7fffffff00000000) | ranks[i];
	}
	triples_rewind(build->triples);
	while (triples_next(build->triples, &batch))
	{
		Size		k;

		CHECK_FOR_INTERRUPTS();
		for (k = 0; k < batch.count; k++)
			if (keys[batch.cols[k]].key >> 32 > 0)
				keys[batch.cols[k]].key -= UINT64CONST(1) << 32;
	}
	qsort(keys, nitems, sizeof(TargetKey), compare_targets);

	build->target_item = MemoryContextAllocHuge(build->cxt, count * sizeof(uint32));
	build->target_rank = MemoryContextAllocHuge(build->cxt, count * sizeof(uint32));
	build->source_target = MemoryContextAllocHuge(build->cxt, count * sizeof(uint32));
	for (i = 0; i < nitems; i++)
	{
		uint32		item = keys[i].item;

		item_target[item] = i;
		build->target_item[i] = item;
		build->target_rank[i] = ranks[item];
		build->source_target[ranks[item]] = i;
	}
	pfree(keys);
	pfree(ranks);
	return item_target;
}

/*
 * What a value becomes before it is multiplied: the square root for TF-IDF,
 * term saturation for BM25, where an item is a document, its users are the
 * terms, and length is the item's sum of weights by the mean of such sums.
 */
static inline double
transformed(const SimilarityOptions *options, double value, double length)
{
	switch (options->measure)
	{
		case MEASURE_TFIDF:
			return sqrt(value);
		case MEASURE_BM25:
			return value * (options->k1 + 1) /
				(options->k1 * (1 - options->b + options->b * length) + value);
		default:
			return value;
	}
}

/* Weight of a user of a number of items, whose weights have a sum. */
static double
user_weight(const SimilarityBuild *build, uint64 count, double sum)
{
	const SimilarityOptions *options = &build->options;
	double		weight = 1;

	switch (options->measure)
	{
		case MEASURE_TFIDF:
		case MEASURE_BM25:
			/* once for each of the two sides of the product */
			weight = Max(log((double) build->nitems / (1 + (double) count)), 0);
			weight *= weight;
			break;
		case MEASURE_P3ALPHA:
		case MEASURE_RP3BETA:
			weight = pow(sum, -options->alpha);
			break;
		default:
			break;
	}
	if (options->user_power != 0)
		weight *= pow((double) count, -options->user_power);
	return weight;
}

/* Transforms values, and works out the weights of users. */
static void
weigh(SimilarityBuild *build)
{
	const SimilarityOptions *options = &build->options;
	SparseMatrix *matrix = build->matrix;
	bool		walk = options->measure == MEASURE_P3ALPHA || options->measure == MEASURE_RP3BETA;
	double		mean = 0;
	uint32		target;
	uint32		user;

	for (target = 0; target < matrix->ncols; target++)
		mean += build->item_sum[target] / Max(build->nitems, 1);
	if (options->user_power != 0 || walk || options->measure == MEASURE_TFIDF ||
		options->measure == MEASURE_BM25)
		build->user_weights = MemoryContextAllocHuge(build->cxt,
													 Max(matrix->nrows, 1) * sizeof(double));
	if (options->measure == MEASURE_BM25 && matrix->values == NULL)
	{
		uint64		count = matrix->start[matrix->nrows];
		uint64		k;

		matrix->values = MemoryContextAllocHuge(build->cxt, Max(count, 1) * sizeof(float));
		for (k = 0; k < count; k++)
			matrix->values[k] = 1;
	}
	for (user = 0; user < matrix->nrows; user++)
	{
		uint64		start = matrix->start[user];
		uint64		end = matrix->start[user + 1];
		double		sum = 0;
		uint64		k;

		if (matrix->values == NULL)
			sum = end - start;
		else
			for (k = start; k < end; k++)
			{
				double		value = matrix->values[k];

				sum += value;
				value = walk ? (options->alpha == 1 ? value : pow(value, options->alpha)) :
					transformed(options, value, build->item_sum[matrix->cols[k]] / mean);
				matrix->values[k] = (float) value;
			}
		if (build->user_weights)
			build->user_weights[user] = user_weight(build, end - start, sum);
		if ((user & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
}

/* Sums per item over users in their order, so that they always have the same bits. */
static void
sum_items(SimilarityBuild *build, bool squares)
{
	SparseMatrix *matrix = build->matrix;
	uint32		row;

	for (row = 0; row < matrix->nrows; row++)
	{
		uint32		user = build->order[row];
		double		weight = build->user_weights ? build->user_weights[user] : 1;
		uint64		end = matrix->start[user + 1];
		uint64		k;

		if ((row & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		for (k = matrix->start[user]; k < end; k++)
		{
			uint32		target = matrix->cols[k];
			double		value = matrix->values ? matrix->values[k] : 1;

			if (squares)
				build->item_square[target] += weight * value * value;
			else
			{
				build->item_count[target]++;
				build->item_sum[target] += value;
			}
		}
	}
}

static void *
alloc_zero(MemoryContext cxt, Size count, Size size)
{
	return MemoryContextAllocExtended(cxt, Max(count, 1) * size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

static void
make_matrix(SimilarityBuild *build)
{
	uint32		nitems = iddict_count(build->items);
	uint32	   *item_target;
	uint32		i;

	progress_phase("matrix", 0);
	item_target = number_targets(build);
	build->matrix = sparse_create(build->cxt, build->triples, iddict_count(build->users),
								  nitems, item_target, NULL, NULL);
	triples_free(build->triples);
	build->triples = NULL;
	pfree(item_target);
	build->order = sparse_row_order(build->matrix);

	build->item_count = alloc_zero(build->cxt, nitems, sizeof(uint32));
	build->item_sum = alloc_zero(build->cxt, nitems, sizeof(double));
	build->item_square = alloc_zero(build->cxt, nitems, sizeof(double));
	sum_items(build, false);
	for (i = 0; i < nitems; i++)
		build->nitems += build->item_count[i] > 0;
	for (i = 0; i < build->matrix->nrows; i++)
		build->nusers += build->matrix->start[i + 1] > build->matrix->start[i];
	weigh(build);
	sum_items(build, true);
}

/* The two factors of an item's score, as a source and as a target. */
static void
item_factors(const SimilarityBuild *build, uint32 target, double *source_factor,
			 double *target_factor)
{
	const SimilarityOptions *options = &build->options;
	double		square = build->item_square[target];

	*source_factor = *target_factor = 0;
	if (build->item_count[target] == 0)
		return;
	switch (options->measure)
	{
		case MEASURE_P3ALPHA:
		case MEASURE_RP3BETA:
			*source_factor = pow(build->item_sum[target], -options->alpha);
			*target_factor = pow(build->item_count[target], -options->beta);
			break;
		default:
			/* without any weight an item has no neighbours: TF-IDF of users who have all */
			if (!(square > 0))
				return;
			*source_factor = pow(square, -options->alpha);
			*target_factor = pow(square, -options->beta);
			break;
	}
}

/* Places for the arrays of a product; NULL product: only the size. */
static Size
lay_out(const SimilarityBuild *build, Product *product, uint64 entries, uint64 row_entries,
		uint32 nrows, uint32 nusers)
{
	Size		end = MAXALIGN(sizeof(Product));
	Product		scratch;
	Size		nitems = build->matrix->ncols;

#define PLACE(field, count, type) \
	do { \
		product->field = end; \
		end += MAXALIGN((Size) (count) * sizeof(type)); \
	} while (0)

	if (product == NULL)
		product = &scratch;
	PLACE(row_start, (Size) nrows + 1, uint64);
	PLACE(user_start, (Size) nusers + 1, uint64);
	PLACE(source_factor, nitems, double);
	PLACE(target_factor, nitems, double);
	PLACE(source_count, nitems, uint32);
	PLACE(source_target, nitems, uint32);
	PLACE(target_count, nitems, uint32);
	PLACE(target_rank, nitems, uint32);
	PLACE(user_items, entries, uint32);
	PLACE(row_users, row_entries, uint32);
	if (build->user_weights)
		PLACE(user_weights, nusers, double);
	if (build->matrix->values)
	{
		PLACE(user_values, entries, float);
		PLACE(row_values, row_entries, float);
	}
#undef PLACE
	return end;
}

#define PART(product, type, field) ((type *) ((char *) (product) + (product)->field))

/*
 * Fills all but the rows.  Users of one item add to no pair and are left out;
 * the others come in their order.
 */
static void
fill_product(SimilarityBuild *build, Product *product)
{
	const SimilarityOptions *options = &build->options;
	SparseMatrix *matrix = build->matrix;
	uint64	   *user_start = PART(product, uint64, user_start);
	uint64		place = 0;
	uint32		user = 0;
	uint32		i;

	product->measure = options->measure;
	product->n = options->n;
	product->shrink = options->shrink;
	product->min_together = options->min_together;
	product->min_llr = options->min_llr;
	product->users = build->nusers;
	product->self = true;
	product->ntargets = matrix->ncols;
	for (i = 0; i < matrix->ncols; i++)
	{
		uint32		source = build->target_rank[i];

		item_factors(build, i, &PART(product, double, source_factor)[source],
					 &PART(product, double, target_factor)[i]);
		PART(product, uint32, source_count)[source] = build->item_count[i];
		PART(product, uint32, source_target)[source] = i;
		PART(product, uint32, target_count)[i] = build->item_count[i];
		PART(product, uint32, target_rank)[i] = source;
	}
	user_start[0] = 0;
	for (i = 0; i < matrix->nrows; i++)
	{
		uint32		from = build->order[i];
		uint64		start = matrix->start[from];
		uint64		count = matrix->start[from + 1] - start;

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (count < 2)
			continue;
		memcpy(PART(product, uint32, user_items) + place, matrix->cols + start,
			   count * sizeof(uint32));
		if (matrix->values)
			memcpy(PART(product, float, user_values) + place, matrix->values + start,
				   count * sizeof(float));
		if (build->user_weights)
			PART(product, double, user_weights)[user] = build->user_weights[from];
		place += count;
		user_start[++user] = place;
	}
}

/* Entries of users with two items and more; of these per source, in starts[source + 1]. */
static uint64
count_entries(SimilarityBuild *build, uint64 *starts, uint32 *nusers, double *steps)
{
	SparseMatrix *matrix = build->matrix;
	uint64		entries = 0;
	uint32		i;

	*nusers = 0;
	*steps = 0;
	for (i = 0; i < matrix->nrows; i++)
	{
		uint64		count = matrix->start[i + 1] - matrix->start[i];
		uint64		k;

		if (count < 2)
			continue;
		for (k = matrix->start[i]; k < matrix->start[i + 1]; k++)
			starts[build->target_rank[matrix->cols[k]] + 1]++;
		entries += count;
		*steps += (double) count * count;
		(*nusers)++;
	}
	for (i = 0; i < matrix->ncols; i++)
		starts[i + 1] += starts[i];
	return entries;
}

/* Fills the rows of sources first to first + nrows - 1, users ascending. */
static void
fill_rows(SimilarityBuild *build, Product *product, uint32 nusers, const uint64 *starts,
		  uint32 first, uint32 nrows)
{
	uint64	   *row_start = PART(product, uint64, row_start);
	uint32	   *row_users = PART(product, uint32, row_users);
	float	   *row_values = product->row_values ? PART(product, float, row_values) : NULL;
	const uint64 *user_start = PART(product, uint64, user_start);
	const uint32 *user_items = PART(product, uint32, user_items);
	const float *user_values = PART(product, float, user_values);
	uint64	   *places = MemoryContextAllocHuge(build->cxt, (Size) nrows * sizeof(uint64));
	uint32		user;
	uint32		i;

	for (i = 0; i <= nrows; i++)
		row_start[i] = starts[first + i] - starts[first];
	memcpy(places, row_start, (Size) nrows * sizeof(uint64));
	for (user = 0; user < nusers; user++)
	{
		uint64		k;

		if ((user & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		for (k = user_start[user]; k < user_start[user + 1]; k++)
		{
			uint32		row = build->target_rank[user_items[k]] - first;

			/* below first it has wrapped around */
			if (row >= nrows)
				continue;
			if (row_values)
				row_values[places[row]] = user_values[k];
			row_users[places[row]++] = user;
		}
	}
	pfree(places);
	product->first_row = first;
	product->nrows = nrows;
	product->block_rows = build->block_rows;
	build->first_row = first;
	build->nrows = nrows;
}

/* Hands the result of a block over to the caller. */
static void
receive_block(void *arg, uint32 block, const void *result, Size size)
{
	SimilarityBuild *build = (SimilarityBuild *) arg;
	uint32		row = build->first_row + block * build->block_rows;
	uint32		end = Min(row + build->block_rows, build->first_row + build->nrows);
	const char *in = (const char *) result;

	for (; row < end; row++)
	{
		int			count = (int) *(const uint64 *) in;
		const Neighbour *neighbours = (const Neighbour *) (in + sizeof(uint64));
		MemoryContext old;
		int			i;

		in += sizeof(uint64) + count * sizeof(Neighbour);
		build->rows_done++;
		build->current_item = build->source_target[row];
		if (build->item_count[build->current_item] == 0)
			continue;
		for (i = 0; i < count; i++)
		{
			build->neighbours[i] = iddict_value(build->items,
												build->target_item[neighbours[i].target]);
			build->scores[i] = neighbours[i].score;
			build->together[i] = neighbours[i].together;
		}
		old = MemoryContextSwitchTo(build->emit_cxt);
		build->emit(build->emit_arg,
					iddict_value(build->items, build->target_item[build->current_item]),
					count, build->neighbours, build->scores, build->together);
		MemoryContextSwitchTo(old);
	}
	Assert(in == (const char *) result + size);
	progress_update(build->rows_done);
}

/*
 * How many sources from first on have rows that fit into so many entries: one
 * at least.
 */
static uint32
rows_that_fit(const uint64 *starts, uint32 first, uint32 nitems, uint64 entries)
{
	uint32		low = first + 1;
	uint32		high = nitems;

	while (low < high)
	{
		uint32		middle = high - (high - low) / 2;

		if (starts[middle] - starts[first] <= entries)
			low = middle;
		else
			high = middle - 1;
	}
	return low - first;
}

/*
 * How many entries of rows may be in memory at once.  An error where the
 * matrix alone leaves room for none.
 */
static uint64
row_budget(SimilarityBuild *build, const uint64 *starts, uint64 entries, Size fixed)
{
	Size		width = build->matrix->values ? 8 : 4;
	Size		used = MemoryContextMemAllocated(build->cxt, true) + fixed;
	Size		left = memory_limit() > used ? memory_limit() - used : 0;
	uint64		largest = 0;
	uint32		i;

	if (left / width >= entries)
		return entries;
	for (i = 0; i < build->matrix->ncols; i++)
		largest = Max(largest, starts[i + 1] - starts[i]);
	/* reading all users for each part takes time: not more than 64 parts */
	largest = Max(largest, entries / 64);
	if (left / width < largest)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("not enough memory for the similarity of " UINT64_FORMAT " interactions of %u users with %u items",
						build->matrix->start[build->matrix->nrows],
						build->matrix->nrows, build->matrix->ncols),
				 errhint("Set maintenance_work_mem to at least %zu MB.",
						 (used + largest * width) / (1024 * 1024) + 1)));
	return left / width;
}

static void
multiply(SimilarityBuild *build)
{
	uint32		nitems = build->matrix->ncols;
	uint64	   *starts = alloc_zero(build->cxt, (Size) nitems + 1, sizeof(uint64));
	uint32		nusers;
	double		steps;
	uint64		entries = count_entries(build, starts, &nusers, &steps);
	uint64		budget;
	Product		layout = {0};
	ParallelArea *area;
	Product    *product;
	uint32		first;

	budget = row_budget(build, starts, entries,
						lay_out(build, NULL, entries, 0, nitems, nusers));
	area = parallel_area_create(lay_out(build, &layout, entries, budget, nitems, nusers),
								parallel_workers(steps * SECONDS_PER_STEP));
	product = parallel_area_data(area);
	*product = layout;
	fill_product(build, product);
	/* from here on only the totals of users and items are needed */
	sparse_free(build->matrix);
	build->matrix = NULL;

	build->block_rows = Max(Min(1000 / build->options.n, 64), 1);
	progress_phase("product", nitems);
	for (first = 0; first < nitems; first += build->nrows)
	{
		fill_rows(build, product, nusers, starts, first,
				  rows_that_fit(starts, first, nitems, budget));
		parallel_area_run(area, PRODUCT_KERNEL, &recsys_similarity_kernel,
						  (build->nrows - 1) / build->block_rows + 1,
						  product_result_size(build->block_rows, build->options.n),
						  receive_block, build);
	}
	parallel_area_free(area);
}

/*
 * Works out the neighbours and calls emit for each item that has any
 * interaction, in the order of the items' values and in the memory context
 * that is current here.  To be called once.
 */
void
similarity_finish(SimilarityBuild *build, SimilarityEmit emit, void *arg)
{
	MemoryContext old = MemoryContextSwitchTo(build->cxt);

	build->emit = emit;
	build->emit_arg = arg;
	build->emit_cxt = old;
	progress_begin("item similarity");
	make_matrix(build);
	build->neighbours = palloc_array(Datum, build->options.n);
	build->scores = palloc_array(double, build->options.n);
	build->together = palloc_array(int64, build->options.n);
	multiply(build);
	progress_end();
	MemoryContextSwitchTo(old);
}

int64
similarity_item_users(const SimilarityBuild *build)
{
	return build->item_count[build->current_item];
}

double
similarity_item_weight(const SimilarityBuild *build)
{
	return build->item_sum[build->current_item];
}

int64
similarity_user_count(const SimilarityBuild *build)
{
	return build->nusers;
}

int64
similarity_item_count(const SimilarityBuild *build)
{
	return build->nitems;
}
