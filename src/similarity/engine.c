/*-------------------------------------------------------------------------
 *
 * engine.c
 *		From interactions in any order to the neighbours of each item.
 *
 *		similarity_add		(user, item, weight, ts) get numbers (ids.c) and are
 *							collected, on disk where there are many (triples.c)
 *		similarity_start	users x items matrix, weighed (matrix.c); both of its
 *							directions into an area of shared memory, for as many
 *							items at a time as memory allows; the product
 *							(measure.c) begins, by all processes (parallel.c)
 *		similarity_next		items in the order of their values, as they come; or
 *							from lists, where all have to be known (lists.c)
 *
 * Items that neighbours are looked for are sources, the neighbours targets.
 * They are the same unless similarity_add_source() is used.
 *
 * Weights of the same user and item are added up; what is not above 0 then is
 * no interaction.
 *
 * Memory, bounded by maintenance_work_mem: dictionaries; then per interaction
 * 8 bytes while they are collected (half of the limit at most), 4 for the
 * matrix, 2 to 4 for its rearranged form and 4 for the other direction, for as many
 * items as there is room for.  Weights take the same again.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <float.h>
#include <math.h>

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

/*
 * The weight and the time of a row as similarity_add() takes them; NULL: rows
 * have none.  A time is needed only where weights decay.
 */
double
similarity_row_weight(const SimilarityBuild *build, const NullableDatum *weight,
					  const NullableDatum *ts, TimestampTz *time)
{
	*time = SIMILARITY_NO_TIME;
	if (weight == NULL)
		return 1;
	if (weight->isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("weight must not be null"),
				 errhint("Leave such rows out, or use coalesce().")));
	if (ts && similarity_decays(build))
	{
		if (ts->isnull)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("ts must not be null where half_life is set"),
					 errhint("Leave such rows out, or use coalesce().")));
		*time = DatumGetTimestampTz(ts->value);
	}
	return DatumGetFloat8(weight->value);
}

/* Gives what waits its numbers. */
static void
flush_side(SimilarityBuild *build, Side *side)
{
	uint32		users[PENDING];
	uint32		items[PENDING];

	while (!ids_put(&build->users, side->pending_users, users, side->npending))
		ids_hash(build, &build->users);
	while (!ids_put(&side->ids, side->pending_items, items, side->npending))
		ids_hash(build, &side->ids);
	triples_add_many(side->triples, users, items, side->pending_weights, side->pending_times,
					 side->npending);
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
	if (build->options.half_life > 0 && ts != SIMILARITY_NO_TIME)
	{
		if (TIMESTAMP_NOT_FINITE(ts))
			ereport(ERROR,
					(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
					 errmsg("time of an interaction must be finite"),
					 errhint("Leave such rows out, or give them another time.")));
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
 * from others of the same user and item.  ts is SIMILARITY_NO_TIME where
 * there is none: then the weight does not decay.
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

/*
 * Without any weight an item has no neighbours: TF-IDF of users who have all.
 * Else its factor is finite and above 0, whatever it is multiplied with.
 */
double
similarity_factor(double base, double exponent)
{
	return base > 0 ? Min(Max(pow(base, -exponent), 1e-100), 1e100) : 0;
}

/* Has the factor of a source no effect?  Its scores are divided by their sum, and compared with none of another source. */
static bool
cancels_source(const SimilarityOptions *options)
{
	return options->normalize == NORMALIZE_ITEM && options->prune == PRUNE_ITEM;
}

/* The factor of an item's score as a source; where it has no effect, that of a target, which is needed anyway. */
double
similarity_source_factor(const SimilarityBuild *build, uint32 item)
{
	const SimilarityOptions *options = &build->options;
	const Side *side = build->sources;

	if (options->measure == MEASURE_P3ALPHA || options->measure == MEASURE_RP3BETA)
		return similarity_factor(side->total[item], options->alpha);
	return similarity_factor(side->square[item],
							 cancels_source(options) ? options->beta : options->alpha);
}

/* The factor of an item's score as a target. */
double
similarity_target_factor(const SimilarityBuild *build, uint32 item)
{
	const SimilarityOptions *options = &build->options;
	const Side *side = &build->targets;

	if (options->measure == MEASURE_P3ALPHA || options->measure == MEASURE_RP3BETA)
		return similarity_factor(side->count[item], options->beta);
	return similarity_factor(side->square[item], options->beta);
}

/* Are the factors of an item the same for both? */
bool
similarity_is_symmetric(const SimilarityBuild *build)
{
	const SimilarityOptions *options = &build->options;

	return build->sources == &build->targets &&
		(options->alpha == options->beta || cancels_source(options)) &&
		options->measure != MEASURE_P3ALPHA && options->measure != MEASURE_RP3BETA;
}

static int
compare_ranks(const void *a, const void *b, void *arg)
{
	const Side *targets = (const Side *) arg;
	uint32		x = side_rank(targets, ((const Neighbour *) a)->target);
	uint32		y = side_rank(targets, ((const Neighbour *) b)->target);

	CHECK_FOR_INTERRUPTS();
	return (x > y) - (x < y);
}

/* Divides scores by their sum.  Those that rounding makes equal are ties, too. */
static void
normalize_list(SimilarityBuild *build, Neighbour *list, int count)
{
	double		sum = 0;
	bool		in_order = true;
	int			start = 0;
	int			i;

	for (i = 0; i < count; i++)
		sum += list[i].score;
	for (i = 0; i < count; i++)
		list[i].score = similarity_round(list[i].score / sum);
	for (i = 1; i <= count; i++)
	{
		if (i < count && list[i].score == list[start].score)
		{
			in_order = in_order && compare_ranks(&list[i - 1], &list[i], &build->targets) < 0;
			continue;
		}
		if (!in_order)
			qsort_arg(list + start, i - start, sizeof(Neighbour), compare_ranks, &build->targets);
		in_order = true;
		start = i;
	}
}

/* Makes the row of a source of its list, which is changed; false where it has none. */
static bool
make_row(SimilarityBuild *build, NeighbourList *list, SimilarityRow *row)
{
	const Side *sources = build->sources;

	build->current_item = side_item(sources, list->rank);
	if (sources->users[build->current_item] == 0 ||
		(build->wanted && !build->wanted[build->current_item]))
		return false;
	if (build->options.normalize == NORMALIZE_ITEM)
		normalize_list(build, list->neighbours, list->count);
	row->item = iddict_value(sources->ids.dict, build->current_item);
	row->n = list->count;
	build->current_fingerprint = list->fingerprint;
	row->neighbours = list->neighbours;
	row->targets = iddict_values(build->targets.ids.dict);
	return true;
}

/* Asks for the values of the neighbours of a row to come. */
static inline void
prefetch_values(const SimilarityBuild *build, const char *in)
{
	IdValues	targets = iddict_values(build->targets.ids.dict);
	uint64		count = ((const RowHead *) in)->count;
	const Neighbour *list = (const Neighbour *) (in + sizeof(RowHead));
	uint64		i;

	for (i = 0; targets.values && i < count; i++)
		__builtin_prefetch(&targets.values[list[i].target]);
}

/* Thrown where so many bytes of maintenance_work_mem are needed; detail, which may be NULL, says for what. */
void
similarity_memory_error(uint64 interactions, uint32 users, uint32 items, uint64 bytes,
						const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("not enough memory for the similarity of " UINT64_FORMAT " interactions of %u users with %u items",
					interactions, users, items),
			 detail ? errdetail("%s", detail) : 0,
			 errhint("Set maintenance_work_mem to at least " UINT64_FORMAT " MB.",
					 bytes / (1024 * 1024) + 1)));
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
		similarity_memory_error(entries, rows->matrix->nrows, rows->nitems,
								Max(used + largest * width, most), NULL);
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
	if (build->user_weights)
		pfree(build->user_weights);
	build->user_weights = NULL;
}

/* The product while its lists are handed over one by one, for one part of the rows after the other. */
struct Multiplication
{
	const Side *rows;
	uint64	   *starts;			/* of rows, in entries */
	uint64		budget;			/* entries of a part */
	ParallelArea *area;
	Product    *product;
	void	   *row_area;
	MemoryContext part_cxt;		/* what this process has as one of those at work, for each part anew */
	ParallelTask task;
	ParallelRun *run;			/* NULL: no part has begun */
	/* of the block that came last, what was not handed over yet */
	uint32		row;
	uint32		end;
	char	   *next;
};

/* Begins to work out all lists, which similarity_next_list() gets. */
void
similarity_begin_product(SimilarityBuild *build)
{
	Side	   *rows = rows_are_targets(build) ? &build->targets : build->sources;
	Side	   *cols = rows_are_targets(build) ? build->sources : &build->targets;
	Multiplication *work = MemoryContextAllocZero(build->cxt, sizeof(Multiplication));
	uint64	   *starts = MemoryContextAllocExtended(build->cxt,
													((Size) rows->nitems + 1) * sizeof(uint64),
													MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	Extent		extent = similarity_measure_extent(build, rows, cols, starts);
	/* a trial is not the last product, and rows of another kind need to know who counts */
	bool		last = build->validation == NULL && rows == cols;
	bool		valued = rows->matrix->values != NULL;
	Product		layout = {0};
	Size		size = similarity_lay_out(build, &layout, rows, cols, &extent);
	uint64		budget = row_budget(build, rows, starts, extent.row_entries, size,
									last ? sparse_memory(cols->matrix) : 0);
	Product    *product;

	work->rows = rows;
	work->starts = starts;
	work->budget = budget;
	work->part_cxt = AllocSetContextCreate(build->cxt, "recsys similarity product",
										  ALLOCSET_DEFAULT_SIZES);
	work->area = parallel_area_create(size, parallel_workers(extent.steps * SECONDS_PER_STEP));
	work->product = product = parallel_area_data(work->area);
	*product = layout;
	product->mean_count = extent.steps / Max(extent.row_entries, 1);
	product->list_ahead = (uint32) Min(product_list_words(product, (uint64) product->mean_count), 16);
	product->block_rows = Max(Min(1000 / build->options.n, 64), 1);
	similarity_fill_product(build, product, rows, cols);
	if (last)
		free_matrix(build, cols);
	if (valued)
		product->row_values = MAXALIGN(Max(budget, 1) * sizeof(uint32));
	work->row_area = parallel_area_extend(work->area, MAXALIGN(Max(budget, 1) * sizeof(uint32)) +
										 (valued ? budget * sizeof(float) : 0));
	work->task.name = PRODUCT_KERNEL;
	work->task.kernel = &recsys_similarity_kernel;
	work->task.result_size = product_result_size(product->block_rows, build->options.n);
	build->multiplication = work;
	progress_phase("product", rows->nitems);
}

/* Turns to the next part of the rows; false where there is none. */
static bool
begin_part(SimilarityBuild *build, Multiplication *work)
{
	Product    *product = work->product;
	uint32		first = product->first_row + product->nrows;
	MemoryContext old;

	if (work->run)
	{
		parallel_end(work->run);
		work->run = NULL;
		MemoryContextReset(work->part_cxt);
	}
	if (first == work->rows->nitems)
		return false;
	work->task.nparts = similarity_fill_rows(build, product, work->rows, work->starts, first,
											 similarity_rows_that_fit(work->starts, first, work->rows->nitems,
																	  work->budget),
											 parallel_area_workers(work->area) + 1, work->row_area);
	work->task.nblocks = (product->nrows - 1) / product->block_rows + 1;
	old = MemoryContextSwitchTo(work->part_cxt);
	work->run = parallel_begin(work->area, &work->task);
	MemoryContextSwitchTo(old);
	return true;
}

/* Where rows are those of sources, and all of them are worked out. */
static uint64
row_fingerprint(const SimilarityBuild *build, uint32 rank, uint64 users_hash)
{
	const Product *product = build->multiplication->product;
	const char *start = (const char *) product;
	double		factor = ((const double *) (start + product->row_factor))[rank];
	uint32		count = product->row_count ? ((const uint32 *) (start + product->row_count))[rank] : 0;

	return similarity_row_fingerprint(build, side_item(build->sources, rank), factor, count, users_hash);
}

/* Gets the list of the next row; false after the last.  It is there until the next call. */
bool
similarity_next_list(SimilarityBuild *build, NeighbourList *list)
{
	Multiplication *work = build->multiplication;
	const Product *product = work->product;
	const RowHead *head;

	while (work->row == work->end)
	{
		ParallelResult result;

		if (work->run && parallel_next(work->run, &result))
		{
			work->row = product->first_row + result.block * product->block_rows;
			work->end = Min(work->row + product->block_rows, product->first_row + product->nrows);
			work->next = (char *) result.data;
			progress_update(work->row);
		}
		else if (!begin_part(build, work))
			return false;
	}
	head = (const RowHead *) work->next;
	list->rank = work->row++;
	list->count = (int) head->count;
	list->fingerprint = product->col_hash ? row_fingerprint(build, list->rank, head->users_hash) : 0;
	list->neighbours = (Neighbour *) (work->next + sizeof(RowHead));
	work->next = (char *) (list->neighbours + list->count);
	if (work->row < work->end && !build->lists && !build->validation)
		prefetch_values(build, work->next);
	return true;
}

/* To be called after the last list, or before. */
void
similarity_end_product(SimilarityBuild *build)
{
	Multiplication *work = build->multiplication;

	if (work->run)
		parallel_end(work->run);
	MemoryContextDelete(work->part_cxt);
	parallel_area_free(work->area);
	pfree(work->starts);
	pfree(work);
	build->multiplication = NULL;
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
 * Interactions are used up by who takes them.  A plan that reads groups again does
 * not gather them again: it must not get at what is gone.
 */
void
similarity_pass_on(SimilarityBuild *build)
{
	if (build->passed_on)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("similarity of a group cannot be worked out again"),
				 errhint("Put the aggregation into a common table expression: WITH ... AS MATERIALIZED (SELECT ... GROUP BY ...).")));
	build->passed_on = true;
}

/* Neighbours need not say how many users they have together with the item.  To be called before similarity_start(). */
void
similarity_omit_together(SimilarityBuild *build)
{
	build->omits_together = true;
}

/*
 * Nothing more is added: begins to work out the neighbours, for similarity_next().
 * To be called once.
 */
void
similarity_start(SimilarityBuild *build)
{
	MemoryContext old = MemoryContextSwitchTo(build->cxt);

	similarity_pass_on(build);
	similarity_flush(build);
	/* even where reading rows has begun it: what a query calls may have ended it */
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
		similarity_begin_product(build);
	if (build->lists)
	{
		NeighbourList list;

		while (similarity_next_list(build, &list))
			similarity_keep_list(build, &list);
		similarity_end_product(build);
		similarity_order_lists(build);
	}
	MemoryContextSwitchTo(old);
}

/*
 * Gets the neighbours of the next source that has any interaction, in the order of
 * the sources' values; false after the last, when all has ended.
 */
bool
similarity_next(SimilarityBuild *build, SimilarityRow *row)
{
	MemoryContext old = MemoryContextSwitchTo(build->cxt);
	NeighbourList list;
	bool		found = false;

	while (!found && (build->lists ? similarity_next_kept_list(build, &list) :
					  build->multiplication && similarity_next_list(build, &list)))
		found = make_row(build, &list, row);
	if (!found)
		similarity_end(build);
	MemoryContextSwitchTo(old);
	return found;
}

/* Ends what similarity_start() has begun, be it before the last row; what it has given stays. */
void
similarity_end(SimilarityBuild *build)
{
	if (build->multiplication)
		similarity_end_product(build);
	progress_end();
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
