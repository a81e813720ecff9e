/*-------------------------------------------------------------------------
 *
 * engine.c
 *		From interactions in any order to the neighbours of each item.
 *
 *		similarity_add		(user, item, weight, ts) get numbers (ids.c) and are
 *							collected, on disk where there are many (sparse.c)
 *		similarity_finish	users x items matrix, weighed (matrix.c); both of its
 *							directions into an area of shared memory, for as many
 *							items at a time as memory allows; the product
 *							(measure.c), by all processes (parallel.c); the
 *							caller gets items in the order of their values
 *
 * Items that neighbours are looked for are sources, the neighbours targets.
 * They are the same unless similarity_add_source() is used.
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

#include "port/pg_bitutils.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "core/progress.h"
#include "similarity/engine.h"

/* Seconds that one process takes for an addition: decides whether others are started. */
#define SECONDS_PER_STEP 5e-9

/* A build without dictionaries, in a memory context of its own below cxt. */
SimilarityBuild *
similarity_create(MemoryContext cxt, const SimilarityOptions *options)
{
	MemoryContext own = AllocSetContextCreate(cxt, "recsys similarity", ALLOCSET_DEFAULT_SIZES);
	SimilarityBuild *build = MemoryContextAllocZero(own, sizeof(SimilarityBuild));

	build->cxt = own;
	build->options = *options;
	similarity_settle_options(&build->options);
	build->targets.triples = triples_create(own, similarity_memory_limit() / 2);
	build->sources = &build->targets;
	build->newest = DT_NOBEGIN;
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

	ids_init(&build->users, iddict_create(build->cxt, usertype, usercollation, "user"));
	ids_init(&build->targets.ids, iddict_create(build->cxt, itemtype, itemcollation, "item"));
	build->byval = get_typbyval(usertype) && get_typbyval(itemtype);
	return build;
}

/* Sources are of another kind, and come by similarity_add_source(). */
void
similarity_begin_sources(SimilarityBuild *build, Oid itemtype, Oid itemcollation)
{
	if (build->options.tune)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("similarity between different kinds of items cannot be tuned")));
	build->other.triples = triples_create(build->cxt, similarity_memory_limit() / 4);
	ids_init(&build->other.ids, iddict_create(build->cxt, itemtype, itemcollation, "item"));
	build->byval = build->byval && get_typbyval(itemtype);
	build->sources = &build->other;
}

/* Weights decay: interactions should come with their time. */
bool
similarity_decays(const SimilarityBuild *build)
{
	return build->options.half_life > 0;
}

/* Gives what waits its numbers. */
static void
flush_side(SimilarityBuild *build, Side *side)
{
	uint32		users[PENDING];
	uint32		items[PENDING];
	int			i;

	while (!ids_put(&build->users, side->pending_users, users, side->npending))
		ids_hash(build, &build->users);
	while (!ids_put(&side->ids, side->pending_items, items, side->npending))
		ids_hash(build, &side->ids);
	for (i = 0; i < side->npending; i++)
		triples_add(side->triples, users[i], items[i], side->pending_weights[i],
					side->pending_times[i]);
	side->npending = 0;
}

/* The same for all; to be called before anybody looks at what was collected. */
void
similarity_flush(SimilarityBuild *build)
{
	flush_side(build, &build->targets);
	if (build->sources != &build->targets)
		flush_side(build, build->sources);
}

static void
add_to_side(SimilarityBuild *build, Side *side, Datum user, Datum item, double weight,
			TimestampTz ts)
{
	int64		time = 0;
	int			i;

	if (!(fabs(weight) <= FLT_MAX))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("weight must be a finite number of at most %g, not %g",
						(double) FLT_MAX, weight),
				 errhint("Leave such rows out, or scale the weights.")));
	if (build->options.half_life > 0 && ts != DT_NOBEGIN)
	{
		if (TIMESTAMP_NOT_FINITE(ts))
			ereport(ERROR,
					(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
					 errmsg("time of an interaction must be finite")));
		build->newest = Max(build->newest, ts);
		/* 0 stands for no time: a microsecond makes no difference */
		time = ts == 0 ? 1 : ts;
	}
	i = side->npending++;
	side->pending_users[i] = user;
	side->pending_items[i] = item;
	side->pending_weights[i] = (float) weight;
	side->pending_times[i] = time;
	if (side->npending == (build->byval ? PENDING : 1))
		flush_side(build, side);
}

/*
 * Adds an interaction.  The weight must be finite; negative weights take away
 * from others of the same user and item.  ts is DT_NOBEGIN where there is none:
 * then the weight does not decay.
 */
void
similarity_add(SimilarityBuild *build, Datum user, Datum item, double weight, TimestampTz ts)
{
	add_to_side(build, &build->targets, user, item, weight, ts);
}

/* The same with an item of the other kind. */
void
similarity_add_source(SimilarityBuild *build, Datum user, Datum item, double weight, TimestampTz ts)
{
	add_to_side(build, build->sources, user, item, weight, ts);
}

/* The factor of an item's score as a source. */
double
similarity_source_factor(const SimilarityBuild *build, uint32 item)
{
	const SimilarityOptions *options = &build->options;
	const Side *side = build->sources;

	if (options->measure == MEASURE_P3ALPHA || options->measure == MEASURE_RP3BETA)
		return side->total[item] > 0 ? pow(side->total[item], -options->alpha) : 0;
	/* without any weight an item has no neighbours: TF-IDF of users who have all */
	return side->square[item] > 0 ? pow(side->square[item], -options->alpha) : 0;
}

/* The factor of an item's score as a target. */
double
similarity_target_factor(const SimilarityBuild *build, uint32 item)
{
	const SimilarityOptions *options = &build->options;
	const Side *side = &build->targets;

	if (options->measure == MEASURE_P3ALPHA || options->measure == MEASURE_RP3BETA)
		return side->count[item] > 0 ? pow(side->count[item], -options->beta) : 0;
	return side->square[item] > 0 ? pow(side->square[item], -options->beta) : 0;
}

/* Places for the arrays of a product, but for the users of rows; the size of all. */
static Size
lay_out(const SimilarityBuild *build, Product *product, const Side *rows, const Side *cols,
		uint64 entries, uint32 nusers)
{
	Size		end = MAXALIGN(sizeof(Product));
	Size		words;

	product->weighted = build->user_weights != NULL;
	product->valued = cols->matrix->values != NULL;
	/* places of lists have 32 bits */
	for (product->list_shift = 0;; product->list_shift++)
	{
		words = entries * (product->valued ? 2 : 1) +
			nusers * (product_list_words(product, 0) + ((Size) 1 << product->list_shift) - 1);
		if (words >> product->list_shift < PG_UINT32_MAX)
			break;
	}

#define PLACE(field, count, type) \
	do { \
		product->field = end; \
		end += MAXALIGN((Size) (count) * sizeof(type)); \
	} while (0)

	PLACE(row_start, (Size) rows->nitems + 1, uint64);
	PLACE(row_factor, rows->nitems, double);
	if (build->options.measure < MEASURE_JACCARD)
		PLACE(col_factor, cols->nitems, double);
	if (similarity_needs_counts(&build->options))
	{
		PLACE(row_count, rows->nitems, uint32);
		PLACE(col_count, cols->nitems, uint32);
	}
	if (rows->rank)
		PLACE(row_col, rows->nitems, uint32);
	if (cols->rank)
	{
		PLACE(col_rank, cols->nitems, uint32);
		product->rank_col = product->row_col;
		if (rows != cols)
			PLACE(rank_col, cols->nitems, uint32);
	}
	PLACE(lists, words, uint32);
	if (build->validation)
		PLACE(settings, similarity_settings_size(build), char);
#undef PLACE
	return end;
}

#define PART(product, type, field) ((type *) ((char *) (product) + (product)->field))

static void
fill_items(SimilarityBuild *build, Product *product, const Side *rows, const Side *cols)
{
	bool		swapped = rows_are_targets(build);
	uint32		i;

	for (i = 0; i < rows->nitems; i++)
	{
		uint32		rank = side_rank(rows, i);

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		PART(product, double, row_factor)[rank] =
			swapped ? similarity_target_factor(build, i) : similarity_source_factor(build, i);
		if (product->row_count)
			PART(product, uint32, row_count)[rank] = rows->count[i];
		if (product->row_col)
			PART(product, uint32, row_col)[rank] = i;
	}
	for (i = 0; i < cols->nitems; i++)
	{
		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (product->col_factor)
			PART(product, double, col_factor)[i] =
				swapped ? similarity_source_factor(build, i) : similarity_target_factor(build, i);
		if (product->col_count)
			PART(product, uint32, col_count)[i] = cols->count[i];
		if (product->col_rank)
		{
			PART(product, uint32, col_rank)[i] = cols->rank[i];
			PART(product, uint32, rank_col)[cols->rank[i]] = i;
		}
	}
}

static void
fill_lists(SimilarityBuild *build, Product *product, const SparseMatrix *matrix)
{
	uint32	   *words = PART(product, uint32, lists);
	uint32		i;

	for (i = 0; i < matrix->nrows; i++)
	{
		uint32		user = build->order[i];
		uint64		start = matrix->start[user];
		Size		count = matrix->start[user + 1] - start;
		uint32	   *list = words;

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (i + 8 < matrix->nrows)
			__builtin_prefetch(matrix->cols + matrix->start[build->order[i + 8]]);
		if (!similarity_user_counts(build, user))
			continue;
		*list++ = (uint32) count;
		if (product->weighted)
		{
			memcpy(list, &build->user_weights[user], sizeof(double));
			list += 2;
		}
		memcpy(list, matrix->cols + start, count * sizeof(uint32));
		if (product->valued)
			memcpy(list + count, matrix->values + start, count * sizeof(float));
		words += product_list_words(product, count);
		product->nusers++;
	}
}

/* Fills the product, but for the users of rows. */
static void
fill_product(SimilarityBuild *build, Product *product, const Side *rows, const Side *cols)
{
	const SimilarityOptions *options = &build->options;

	product->measure = options->measure;
	product->n = options->n;
	product->shrink = options->shrink;
	product->min_together = options->min_together;
	product->min_llr = options->min_llr;
	product->users = build->nusers;
	product->self = rows == cols;
	product->swapped = rows_are_targets(build);
	product->ncols = cols->nitems;
	product->rank_bits = Max(SCORE_LOW_BITS, pg_leftmost_one_pos32(Max(cols->nitems, 1)) + 1);
	fill_items(build, product, rows, cols);
	if (build->validation)
		similarity_settings_fill(build, PART(product, char, settings));
	fill_lists(build, product, cols->matrix);
}

/* How much there is to multiply. */
typedef struct Extent
{
	uint64		entries;		/* in the columns' matrix, of users who count */
	uint64		row_entries;	/* in the rows' matrix */
	uint32		users;
	double		steps;			/* additions */
} Extent;

/*
 * Also sets starts[rank] to the number of entries of rows before: of all, less those
 * of users who do not count, where that are few.
 */
static Extent
measure_extent(SimilarityBuild *build, const Side *rows, const Side *cols, uint64 *starts)
{
	Extent		extent = {0};
	bool		all = build->wanted == NULL && rows == cols;
	uint32		i;

	for (i = 0; all && i < rows->nitems; i++)
		starts[side_rank(rows, i) + 1] = rows->count[i];

	for (i = 0; i < rows->matrix->nrows; i++)
	{
		uint64		cols_count = cols->matrix->start[i + 1] - cols->matrix->start[i];
		uint64		k;

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (similarity_user_counts(build, i))
		{
			extent.entries += cols_count;
			extent.users++;
			if (all)
			{
				extent.row_entries += cols_count;
				extent.steps += (double) cols_count * cols_count;
				continue;
			}
		}
		else if (!all)
			continue;
		for (k = rows->matrix->start[i]; k < rows->matrix->start[i + 1]; k++)
		{
			uint64	   *start = &starts[side_rank(rows, rows->matrix->cols[k]) + 1];

			if (all)
				(*start)--;
			else if (build->wanted == NULL || build->wanted[rows->matrix->cols[k]])
			{
				(*start)++;
				extent.row_entries++;
				extent.steps += cols_count;
			}
		}
	}
	for (i = 0; i < rows->nitems; i++)
		starts[i + 1] += starts[i];
	return extent;
}

/* Entries of rows that are filled at a time. */
#define FILL_ENTRIES 1000000

/* The part of the rows that is being filled. */
typedef struct Filling
{
	const uint32 *rank;			/* of rows, by number; NULL: the number is */
	const bool *wanted;			/* by number, or NULL */
	uint32		first;
	uint32		low;			/* those at hand, from first on */
	uint32		high;
	uint64	   *places;			/* of the next user of a row: one of the two */
	uint32	   *small_places;	/* more of these fit into a cache */
	uint32	   *row_users;
	float	   *row_values;		/* or NULL */
} Filling;

static inline void
fill_user(Filling *filling, uint32 place, const uint32 *items, const float *values, uint64 count)
{
	uint64		k;

	for (k = 0; k < count; k++)
	{
		uint64		next;
		/* below first it wraps around */
		uint32		row = (filling->rank ? filling->rank[items[k]] : items[k]) - filling->first;

		if (row - filling->low >= filling->high - filling->low ||
			(filling->wanted && !filling->wanted[items[k]]))
			continue;
		next = filling->places ? filling->places[row]++ : filling->small_places[row]++;
		if (filling->row_values)
			filling->row_values[next] = values[k];
		filling->row_users[next] = place;
	}
}

/* How many rows from first on fit into so many entries: one at least. */
static uint32
rows_that_fit(const uint64 *starts, uint32 first, uint32 nrows, uint64 entries)
{
	uint32		low = first + 1;
	uint32		high = nrows;

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

/* Fills rows low to high - 1 of the part. */
static void
fill_range(SimilarityBuild *build, Product *product, const Side *rows, Filling *filling)
{
	SparseMatrix *matrix = rows->matrix;
	Size		place = 0;
	uint32		user;
	uint32		i;

	for (user = 0, i = 0; user < product->nusers; user++)
	{
		UserList	list = product_list(product, (uint32) place);

		if ((user & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (product->self)
			fill_user(filling, (uint32) place, list.items, list.values, list.count);
		else
		{
			uint32		from;
			uint64		start;

			while (!similarity_user_counts(build, build->order[i]))
				i++;
			from = build->order[i++];
			start = matrix->start[from];
			fill_user(filling, (uint32) place, matrix->cols + start,
					  matrix->values ? matrix->values + start : NULL,
					  matrix->start[from + 1] - start);
		}
		place += product_list_words(product, list.count) >> product->list_shift;
	}
}

/*
 * Fills rows first to first + nrows - 1 with their users, ascending.  Where
 * columns are the same items it is they that tell who the users are.  A range of
 * rows is filled after the other, so that what is written to fits into a cache.
 */
static void
fill_rows(SimilarityBuild *build, Product *product, const Side *rows, const uint64 *starts,
		  uint32 first, uint32 nrows, void *row_area)
{
	uint64	   *row_start = PART(product, uint64, row_start);
	Filling		filling = {rows->rank, build->wanted, first};
	uint64		entries = Max((starts[first + nrows] - starts[first]) / 8, FILL_ENTRIES);
	uint32		i;

	for (i = 0; i <= nrows; i++)
		row_start[i] = starts[first + i] - starts[first];
	if (row_start[nrows] > PG_UINT32_MAX)
	{
		filling.places = MemoryContextAllocHuge(build->cxt, (Size) nrows * sizeof(uint64));
		memcpy(filling.places, row_start, (Size) nrows * sizeof(uint64));
	}
	else
		filling.small_places = MemoryContextAllocHuge(build->cxt, (Size) nrows * sizeof(uint32));
	for (i = 0; i < nrows && filling.small_places; i++)
		filling.small_places[i] = (uint32) row_start[i];
	filling.row_users = row_area;
	if (product->row_values)
		filling.row_values = (float *) ((char *) row_area + product->row_values);
	while (filling.low < nrows)
	{
		filling.high = filling.low + rows_that_fit(starts, first + filling.low, first + nrows, entries);
		fill_range(build, product, rows, &filling);
		filling.low = filling.high;
	}
	pfree(filling.places ? (void *) filling.places : filling.small_places);
	product->first_row = first;
	product->nrows = nrows;
	product->block_rows = build->block_rows;
	build->first_row = first;
	build->nrows = nrows;
}

/* Divides scores by their sum. */
static void
normalize_list(Neighbour *list, int count)
{
	double		sum = 0;
	int			i;

	for (i = 0; i < count; i++)
		sum += list[i].score;
	for (i = 0; i < count; i++)
		list[i].score = similarity_round(list[i].score / sum);
}

/* Hands the neighbours of the source of a rank over to the caller; list is changed. */
void
similarity_emit_row(SimilarityBuild *build, uint32 rank, Neighbour *list, int count)
{
	const Side *sources = build->sources;
	const IdDict *targets = build->targets.ids.dict;
	MemoryContext old;
	int			i;

	build->current_item = side_item(sources, rank);
	if (sources->users[build->current_item] == 0 ||
		(build->wanted && !build->wanted[build->current_item]))
		return;
	if (build->options.normalize == NORMALIZE_ITEM)
		normalize_list(list, count);
	if (count > build->max_neighbours)
	{
		build->max_neighbours = Max(count, 2 * build->max_neighbours);
		if (build->neighbours)
		{
			pfree(build->neighbours);
			pfree(build->scores);
			pfree(build->together);
		}
		old = MemoryContextSwitchTo(build->cxt);
		build->neighbours = palloc_array(Datum, build->max_neighbours);
		build->scores = palloc_array(double, build->max_neighbours);
		build->together = palloc_array(int64, build->max_neighbours);
		MemoryContextSwitchTo(old);
	}
	for (i = 0; i < count; i++)
	{
		build->neighbours[i] = iddict_value(targets, list[i].target);
		build->scores[i] = list[i].score;
		build->together[i] = list[i].together;
	}
	old = MemoryContextSwitchTo(build->emit_cxt);
	build->emit(build->emit_arg, iddict_value(sources->ids.dict, build->current_item), count,
				build->neighbours, build->scores, build->together);
	MemoryContextSwitchTo(old);
}

/* Asks for the values of the neighbours of a row to come. */
static inline void
prefetch_values(const SimilarityBuild *build, const char *in)
{
	uint64		count = *(const uint64 *) in;
	const Neighbour *list = (const Neighbour *) (in + sizeof(uint64));
	uint64		i;

	for (i = 0; i < count; i++)
		iddict_prefetch(build->targets.ids.dict, list[i].target);
}

/* Takes the result of a block. */
static void
receive_block(void *arg, uint32 block, const void *result, Size size)
{
	SimilarityBuild *build = (SimilarityBuild *) arg;
	uint32		row = build->first_row + block * build->block_rows;
	uint32		end = Min(row + build->block_rows, build->first_row + build->nrows);
	char	   *in = (char *) result;

	for (; row < end; row++)
	{
		int			count = (int) *(const uint64 *) in;
		Neighbour  *list = (Neighbour *) (in + sizeof(uint64));

		in += sizeof(uint64) + count * sizeof(Neighbour);
		if (row + 1 < end && !build->lists && !build->validation)
			prefetch_values(build, in);
		build->rows_done++;
		if (build->validation)
			similarity_validation_row(build, row, list, count);
		else if (build->lists)
			similarity_keep_list(build, row, list, count);
		else
			similarity_emit_row(build, row, list, count);
	}
	Assert(in == (const char *) result + size);
	progress_update(build->rows_done);
}

/*
 * How many entries of rows may be in memory at once.  An error where that is
 * too few to get on.  area is the size of all but the rows, freed what will be
 * given back when that is filled.
 */
static uint64
row_budget(SimilarityBuild *build, const Side *rows, const uint64 *starts, uint64 entries,
		   Size area, Size freed)
{
	Size		width = rows->matrix->values ? 8 : 4;
	Size		limit = similarity_memory_limit();
	Size		most = MemoryContextMemAllocated(build->cxt, true) + area;
	Size		used = most - freed;
	Size		left = limit > used ? limit - used : 0;
	uint64		largest = 0;
	uint32		i;

	if (left / width >= entries && most <= limit)
		return entries;
	for (i = 0; i < rows->nitems; i++)
		largest = Max(largest, starts[i + 1] - starts[i]);
	/* reading all users for each part takes time: not more than 64 parts */
	largest = Max(largest, entries / 64);
	if (left / width < largest || most > limit)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("not enough memory for the similarity of " UINT64_FORMAT " interactions of %u users with %u items",
						entries, rows->matrix->nrows, rows->nitems),
				 errhint("Set maintenance_work_mem to at least %zu MB.",
						 (Size) (Max(used + largest * width, most) / (1024 * 1024)) + 1)));
	return left / width;
}

/* Gives back what the area has now. */
static void
free_matrix(SimilarityBuild *build, Side *side)
{
	sparse_free(side->matrix);
	pfree(side->count);
	pfree(side->total);
	pfree(side->square);
	side->matrix = NULL;
	side->count = NULL;
	side->total = side->square = NULL;
	pfree(build->order);
	build->order = NULL;
	if (build->user_weights)
		pfree(build->user_weights);
	build->user_weights = NULL;
}

/* Works out all rows; each goes to the caller, or into the lists. */
void
similarity_multiply(SimilarityBuild *build)
{
	Side	   *rows = rows_are_targets(build) ? &build->targets : build->sources;
	Side	   *cols = rows_are_targets(build) ? build->sources : &build->targets;
	uint64	   *starts = MemoryContextAllocExtended(build->cxt,
													((Size) rows->nitems + 1) * sizeof(uint64),
													MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	Extent		extent = measure_extent(build, rows, cols, starts);
	/* a trial is not the last product, and rows of another kind need to know who counts */
	bool		last = build->validation == NULL && rows == cols;
	bool		valued = rows->matrix->values != NULL;
	Product		layout = {0};
	Size		size = lay_out(build, &layout, rows, cols, extent.entries, extent.users);
	uint64		budget = row_budget(build, rows, starts, extent.row_entries, size,
									last ? sparse_memory(cols->matrix) : 0);
	ParallelArea *area;
	Product    *product;
	void	   *row_area;
	uint32		first;

	area = parallel_area_create(size, parallel_workers(extent.steps * SECONDS_PER_STEP));
	product = parallel_area_data(area);
	*product = layout;
	fill_product(build, product, rows, cols);
	if (last)
		free_matrix(build, cols);
	if (valued)
		product->row_values = MAXALIGN(Max(budget, 1) * sizeof(uint32));
	row_area = parallel_area_extend(area, MAXALIGN(Max(budget, 1) * sizeof(uint32)) +
									(valued ? budget * sizeof(float) : 0));
	build->block_rows = Max(Min(1000 / build->options.n, 64), 1);
	build->rows_done = 0;
	progress_phase("product", rows->nitems);
	for (first = 0; first < rows->nitems; first += build->nrows)
	{
		fill_rows(build, product, rows, starts, first,
				  rows_that_fit(starts, first, rows->nitems, budget), row_area);
		parallel_area_run(area, PRODUCT_KERNEL, &recsys_similarity_kernel,
						  (build->nrows - 1) / build->block_rows + 1,
						  product_result_size(build->block_rows, build->options.n),
						  receive_block, build);
	}
	parallel_area_free(area);
	pfree(starts);
}

void
similarity_limit_rows(SimilarityBuild *build, uint64 limit, void (*too_many) (void))
{
	build->max_rows = limit;
	build->too_many_rows = too_many;
}

/*
 * How many rows there will be at least: an item has all other items of any of
 * its users as neighbours.  0 where scores or options can leave pairs out.
 */
static uint64
least_rows(SimilarityBuild *build)
{
	const SimilarityOptions *options = &build->options;
	const SparseMatrix *sources = build->sources->matrix;
	const SparseMatrix *targets = build->targets.matrix;
	uint32		self = sources == targets ? 1 : 0;
	uint32	   *longest;
	uint64		rows = 0;
	uint32		i;

	if (options->min_together > 1 || options->min_llr > 0 || options->prune != PRUNE_ITEM ||
		options->measure == MEASURE_TFIDF || options->measure == MEASURE_BM25 ||
		options->measure == MEASURE_LEVERAGE || options->measure == MEASURE_LLR)
		return 0;
	longest = MemoryContextAllocExtended(build->cxt,
										 Max(build->sources->nitems, 1) * sizeof(uint32),
										 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (i = 0; i < sources->nrows; i++)
	{
		uint32		count = (uint32) (targets->start[i + 1] - targets->start[i]);
		uint64		k;

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		for (k = sources->start[i]; k < sources->start[i + 1]; k++)
			longest[sources->cols[k]] = Max(longest[sources->cols[k]], count);
	}
	for (i = 0; i < build->sources->nitems; i++)
		if (longest[i] > self)
			rows += Min(longest[i] - self, (uint32) options->n);
	pfree(longest);
	return rows;
}

/*
 * Works out the neighbours and calls emit for each source that has any
 * interaction, in the order of the sources' values and in the memory context
 * that is current here.  To be called once.
 */
void
similarity_finish(SimilarityBuild *build, SimilarityEmit emit, void *arg)
{
	MemoryContext old = MemoryContextSwitchTo(build->cxt);

	build->emit = emit;
	build->emit_arg = arg;
	build->emit_cxt = old;
	similarity_flush(build);
	progress_begin("item similarity");
	similarity_make_matrices(build);
	similarity_limit(build);
	if (build->options.tune)
		similarity_tune(build);
	if (build->max_rows > 0 && least_rows(build) > build->max_rows)
		build->too_many_rows();
	similarity_weigh(build);
	if (similarity_keeps_lists(build))
		similarity_begin_lists(build);
	if (!build->fingerprinting || similarity_choose_rows(build))
		similarity_multiply(build);
	if (build->lists)
		similarity_emit_lists(build);
	progress_end();
	MemoryContextSwitchTo(old);
}

int64
similarity_item_users(const SimilarityBuild *build)
{
	return build->sources->users[build->current_item];
}

double
similarity_item_weight(const SimilarityBuild *build)
{
	return side_item_weight(build->sources, build->current_item);
}

int64
similarity_user_count(const SimilarityBuild *build)
{
	return build->nusers;
}

int64
similarity_item_count(const SimilarityBuild *build)
{
	return build->sources->active;
}
