/*-------------------------------------------------------------------------
 *
 * fill.c
 *		From weighed matrices to what the product works on.
 *
 *		similarity_measure_extent	how much there is of all
 *		similarity_lay_out			places for the arrays of a product (measure.h)
 *		similarity_fill_product		all of them but for the rows: factors, counts,
 *									and the lists of users in their order
 *		similarity_fill_rows		the users of as many rows as there is memory for
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "core/numbers.h"
#include "similarity/engine.h"

/* Places for the arrays of a product, but for the users of rows; the size of all. */
Size
similarity_lay_out(const SimilarityBuild *build, Product *product, const Side *rows,
				   const Side *cols, uint64 entries, uint32 nusers)
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
	product->size = end;
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
void
similarity_fill_product(SimilarityBuild *build, Product *product, const Side *rows,
						const Side *cols)
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
	product->rank_bits = score_rank_bits(cols->nitems);
	fill_items(build, product, rows, cols);
	if (build->validation)
		similarity_settings_fill(build, PART(product, char, settings));
	fill_lists(build, product, cols->matrix);
}

/*
 * Also sets starts[rank] to the number of entries of rows before: of all, less those
 * of users who do not count, where that are few.
 */
Extent
similarity_measure_extent(SimilarityBuild *build, const Side *rows, const Side *cols,
						  uint64 *starts)
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
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		starts[i + 1] += starts[i];
	}
	return extent;
}

/* Entries of rows that are filled at a time, at least. */
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
uint32
similarity_rows_that_fit(const uint64 *starts, uint32 first, uint32 nrows, uint64 entries)
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
fill_row_range(SimilarityBuild *build, Product *product, const Side *rows, Filling *filling)
{
	SparseMatrix *matrix = rows->matrix;
	Size		place = 0;
	uint32		user;
	uint32		i;

	for (user = 0, i = 0; user < product->nusers; user++)
	{
		UserList	list = product_list(product, (uint32) place);

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
void
similarity_fill_rows(SimilarityBuild *build, Product *product, const Side *rows,
					 const uint64 *starts, uint32 first, uint32 nrows, void *row_area)
{
	uint64	   *row_start = PART(product, uint64, row_start);
	Filling		filling = {rows->rank, build->wanted, first};
	uint64		entries = Max((starts[first + nrows] - starts[first]) / 3, FILL_ENTRIES);
	uint32		i;

	for (i = 0; i <= nrows; i++)
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		row_start[i] = starts[first + i] - starts[first];
	}
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
		filling.high = filling.low + similarity_rows_that_fit(starts, first + filling.low, first + nrows,
												entries);
		fill_row_range(build, product, rows, &filling);
		filling.low = filling.high;
	}
	build->product_memory = Max(build->product_memory, product->size +
								row_start[nrows] * (product->row_values ? 8 : 4));
	pfree(filling.places ? (void *) filling.places : filling.small_places);
	product->first_row = first;
	product->nrows = nrows;
	product->block_rows = build->block_rows;
	build->first_row = first;
	build->nrows = nrows;
}
