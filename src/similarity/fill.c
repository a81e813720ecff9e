/*-------------------------------------------------------------------------
 *
 * fill.c
 *		From weighed matrices to what the product works on.
 *
 *		similarity_measure_extent	how much there is of all
 *		similarity_lay_out			places for the arrays of a product (measure.h)
 *		similarity_fill_product		all of them but for the rows: factors, counts,
 *									and the lists of users in their order
 *		similarity_fill_rows		the users of as many rows as there is memory for; or
 *									the processes of the product have them from
 *		similarity_fill_block		for a part of them
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "core/numbers.h"
#include "similarity/engine.h"

/* Places for the arrays of a product, but for the users of rows; the size of all. */
Size
similarity_lay_out(const SimilarityBuild *build, Product *product, const Side *rows,
				   const Side *cols, const Extent *extent)
{
	Size		end = MAXALIGN(sizeof(Product));
	Size		words;

	product->weighted = build->user_weights != NULL;
	product->valued = cols->matrix->values != NULL;
	product->item_bytes = cols->nitems <= 1 << 16 ? 2 : cols->nitems <= 1 << 24 ? 3 : 4;
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
	if (similarity_hashes_in_product(build))
		PLACE(col_hash, cols->nitems, uint64);
	if (rows->rank)
		PLACE(row_col, rows->nitems, uint32);
	if (cols->rank)
	{
		PLACE(col_rank, cols->nitems, uint32);
		product->rank_col = product->row_col;
		if (rows != cols)
			PLACE(rank_col, cols->nitems, uint32);
	}
	if (extent->count_weights)
		PLACE(count_weight, extent->longest + 1, double);
	/* places of lists have 32 bits */
	for (product->list_shift = 0;; product->list_shift++)
	{
		words = product_item_words(product, extent->entries) + (product->valued ? extent->entries : 0) +
			extent->users * (product_list_head(product) + (product->item_bytes < sizeof(uint32)) +
							 ((Size) 1 << product->list_shift) - 1);
		if (words >> product->list_shift < PG_UINT32_MAX)
			break;
	}
	PLACE(lists, words + 1, uint32);
	if (build->validation)
		PLACE(settings, similarity_settings_size(build), char);
#undef PLACE
	product->size = end;
	return end;
}

#define PART(product, type, field) ((type *) ((char *) (product) + (product)->field))

/* Factors that are there already, or those of one item. */
static inline double
source_factor(const SimilarityBuild *build, uint32 item)
{
	return build->source_factors ? build->source_factors[item] :
		similarity_source_factor(build, item);
}

static inline double
target_factor(const SimilarityBuild *build, uint32 item)
{
	return build->target_factors ? build->target_factors[item] :
		similarity_target_factor(build, item);
}

static void
free_factors(SimilarityBuild *build)
{
	if (build->source_factors)
	{
		if (build->target_factors != build->source_factors)
			pfree(build->target_factors);
		pfree(build->source_factors);
	}
	build->source_factors = build->target_factors = NULL;
}

static void
fill_items(SimilarityBuild *build, Product *product, const Side *rows, const Side *cols)
{
	bool		swapped = rows_are_targets(build);
	bool		symmetric = similarity_is_symmetric(build);
	uint32		i;

	for (i = 0; i < rows->nitems; i++)
	{
		uint32		rank = side_rank(rows, i);

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		PART(product, double, row_factor)[rank] =
			swapped ? target_factor(build, i) : source_factor(build, i);
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
				symmetric ? PART(product, double, row_factor)[side_rank(rows, i)] :
				swapped ? source_factor(build, i) : target_factor(build, i);
		if (product->col_count)
			PART(product, uint32, col_count)[i] = cols->count[i];
		if (product->col_rank)
		{
			PART(product, uint32, col_rank)[i] = cols->rank[i];
			PART(product, uint32, rank_col)[cols->rank[i]] = i;
		}
	}
	if (product->col_hash)
		similarity_hash_targets(build, product->col_factor ? PART(product, double, col_factor) : NULL,
								PART(product, uint64, col_hash));
}

static void
fill_lists(SimilarityBuild *build, Product *product, const SparseMatrix *matrix)
{
	uint32	   *words = PART(product, uint32, lists);
	uint32		user;

	for (user = 0; user < matrix->nrows; user++)
	{
		uint64		start = matrix->start[user];
		Size		count = matrix->start[user + 1] - start;
		uint32	   *list = words;
		Size		k;

		CHECK_FOR_INTERRUPTS();
		if (!similarity_user_counts(build, user))
			continue;
		list[0] = (uint32) count;
		if (product->count_weight)
			PART(product, double, count_weight)[count] = build->user_weights[user];
		else if (product->weighted)
			memcpy(list + 1, &build->user_weights[user], sizeof(double));
		list += product_list_head(product);
		for (k = 0; k < count; k++)
			set_list_item((char *) list + k * product->item_bytes, product->item_bytes,
						  matrix->cols[start + k]);
		if (product->valued)
			memcpy(list + product_item_words(product, count), matrix->values + start,
				   count * sizeof(float));
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
	product->together = !build->omits_together;
	product->self = rows == cols;
	product->swapped = rows_are_targets(build);
	product->ncols = cols->nitems;
	product->rank_bits = score_rank_bits(cols->nitems);
	fill_items(build, product, rows, cols);
	free_factors(build);
	if (build->validation)
		similarity_settings_fill(build, PART(product, char, settings));
	fill_lists(build, product, cols->matrix);
}

/* Do users who count and have as many columns also have the same weight?  One takes 8 bytes, each user's too. */
static bool
weights_by_count(const SimilarityBuild *build, const SparseMatrix *matrix, const Extent *extent)
{
	double	   *weights;
	bool		same = true;
	uint64		count;
	uint32		user;

	if (build->user_weights == NULL || extent->longest >= extent->users)
		return false;
	weights = MemoryContextAllocHuge(build->cxt, (Size) (extent->longest + 1) * sizeof(double));
	for (count = 0; count <= extent->longest; count++)
		weights[count] = -1;
	for (user = 0; user < matrix->nrows && same; user++)
	{
		double	   *weight = &weights[matrix->start[user + 1] - matrix->start[user]];

		CHECK_FOR_INTERRUPTS();
		if (!similarity_user_counts(build, user))
			continue;
		if (*weight < 0)
			*weight = build->user_weights[user];
		same = *weight == build->user_weights[user];
	}
	pfree(weights);
	return same;
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
			extent.longest = Max(extent.longest, cols_count);
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
	extent.count_weights = weights_by_count(build, cols->matrix, &extent);
	return extent;
}

/*
 * About so many times all users are looked at to fill rows, or once by each process; less
 * where rows have not so many entries for each time.
 */
#define FILL_BLOCKS 2
#define FILL_ENTRIES 1000000

static inline void
fill_user(RowFilling *filling, uint32 place, const void *items, uint32 bytes, const float *values,
		  uint64 count)
{
	uint64		k;

	for (k = 0; k < count; k++)
	{
		uint64		next;
		uint32		item = list_item((const char *) items + k * bytes, bytes);
		/* below first it wraps around */
		uint32		row = (filling->rank ? filling->rank[item] : item) - filling->first;

		if (row - filling->low >= filling->high - filling->low ||
			(filling->wanted && !filling->wanted[item]))
			continue;
		next = filling->base + filling->places[row - filling->low]++;
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

/* Gets a list its hash. */
static void
hash_list(const Product *product, const UserList *list)
{
	const uint64 *hashes = PART(product, const uint64, col_hash);
	uint64		sum = 0;
	uint32		k;

	for (k = 0; k < list->count; k++)
		sum = similarity_hash_column(sum, hashes[list_item(list->items + k * product->item_bytes, product->item_bytes)],
									 list->values ? &list->values[k] : NULL);
	sum = similarity_hash_list(sum, product->weighted ? &list->weight : NULL);
	memcpy((char *) list->items - sizeof(sum), &sum, sizeof(sum));
}

/*
 * Turns to the rows of a block, as many as have its number of entries: what is written
 * to at random should fit into a cache, and places into 32 bits.
 */
static void
begin_block(RowFilling *filling, uint32 block)
{
	const Product *product = filling->product;
	const uint64 *row_start = PART(product, const uint64, row_start);
	uint32		i;

	filling->high = 0;
	for (i = 0; i <= block; i++)
	{
		filling->low = filling->high;
		filling->high += similarity_rows_that_fit(row_start, filling->low, product->nrows,
												  product->fill_entries);
	}
	filling->base = row_start[filling->low];
	filling->places = MemoryContextAllocHuge(CurrentMemoryContext,
											 ((Size) filling->high - filling->low) * sizeof(uint32));
	for (i = filling->low; i < filling->high; i++)
		filling->places[i - filling->low] = (uint32) (row_start[i] - filling->base);
}

/*
 * Fills the rows of a block where columns are the same items, which tell who their users
 * are.  On its way it hashes the lists of its part of the users.
 */
void
similarity_fill_block(RowFilling *filling, uint32 block)
{
	const Product *product = filling->product;
	Size		place = 0;
	uint64		steps = 0;
	uint32		first = PG_UINT32_MAX;	/* user whose list is hashed here */
	uint32		end = 0;
	uint32		user;

	begin_block(filling, block);
	/* with the first rows all of them, and only once */
	if (product->col_hash && product->first_row == 0)
	{
		first = (uint32) ((uint64) product->nusers * block / product->fill_blocks);
		end = (uint32) ((uint64) product->nusers * (block + 1) / product->fill_blocks);
	}
	for (user = 0; user < product->nusers; user++)
	{
		UserList	list = product_list(product, (uint32) place);

		steps += list.count + 1;
		if (steps > STEPS_PER_CHECK)
		{
			parallel_check_interrupts();
			steps = 0;
		}
		if (user >= first && user < end)
			hash_list(product, &list);
		fill_user(filling, (uint32) place, list.items, product->item_bytes, list.values, list.count);
		place += product_list_words(product, list.count) >> product->list_shift;
	}
	pfree(filling->places);
}

/* Fills those of a matrix of other items. */
static void
fill_block_of(const SimilarityBuild *build, const SparseMatrix *matrix, RowFilling *filling, uint32 block)
{
	const Product *product = filling->product;
	Size		place = 0;
	uint32		user;

	begin_block(filling, block);
	for (user = 0; user < matrix->nrows; user++)
	{
		uint64		start = matrix->start[user];

		CHECK_FOR_INTERRUPTS();
		if (!similarity_user_counts(build, user))
			continue;
		fill_user(filling, (uint32) place, matrix->cols + start, sizeof(uint32),
				  matrix->values ? matrix->values + start : NULL, matrix->start[user + 1] - start);
		place += product_list_words(product, product_list(product, (uint32) place).count) >>
			product->list_shift;
	}
	pfree(filling->places);
}

/* Fills all rows here and now. */
static void
fill_all(SimilarityBuild *build, const Product *product, const Side *rows, uint32 nblocks,
		 void *row_area)
{
	RowFilling	filling = {product, rows->rank, build->wanted, product->first_row};
	uint32		block;

	filling.row_users = row_area;
	if (product->row_values)
		filling.row_values = (float *) ((char *) row_area + product->row_values);
	for (block = 0; block < nblocks; block++)
		if (product->self)
			similarity_fill_block(&filling, block);
		else
			fill_block_of(build, rows->matrix, &filling, block);
}

/*
 * Turns to rows first to first + nrows - 1, and gets them their users, ascending; or
 * returns the number of parts in which the processes of the product, so many, are to do that.
 */
uint32
similarity_fill_rows(SimilarityBuild *build, Product *product, const Side *rows,
					 const uint64 *starts, uint32 first, uint32 nrows, int nprocesses, void *row_area)
{
	uint64	   *row_start = PART(product, uint64, row_start);
	uint32		nblocks = 0;
	uint64		wanted;
	uint32		i;

	for (i = 0; i <= nrows; i++)
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		row_start[i] = starts[first + i] - starts[first];
	}
	build->product_memory = Max(build->product_memory, product->size +
								row_start[nrows] * (product->row_values ? 8 : 4));
	product->first_row = first;
	product->nrows = nrows;
	wanted = Max(Min(row_start[nrows] / FILL_ENTRIES, Max(FILL_BLOCKS, nprocesses)), 1);
	/* blocks end before a row that does not fit: there should be none for what is left of them */
	product->fill_entries = Min(row_start[nrows] / wanted * 17 / 16 + 1, PG_INT32_MAX);
	for (i = 0; i < nrows; nblocks++)
		i += similarity_rows_that_fit(row_start, i, nrows, product->fill_entries);
	product->fill_blocks = nblocks;
	/* who is wanted, and other items, nobody else knows */
	if (product->self && !build->wanted)
		return nblocks;
	fill_all(build, product, rows, nblocks, row_area);
	return 0;
}
