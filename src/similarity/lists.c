/*-------------------------------------------------------------------------
 *
 * lists.c
 *		Neighbours that are kept until all are known.
 *
 * Where each item keeps its own best neighbours, its row is all there is to
 * know and goes to the caller at once.  Two options need the others too:
 *
 *		prune => 'neighbour'		each neighbour is kept by the n items it is
 *									most similar to: rows are those of targets
 *									and have to be turned round
 *		normalization => 'neighbour'	scores are divided by the sum of all that
 *									stand at the same neighbour
 *
 * Then all rows are collected, 24 bytes for each neighbour, and 16 more when the
 * product is there no more and they are put in order, within
 * maintenance_work_mem.  What is in use elsewhere is counted from what there is to
 * multiply, as memory that is shared with workers is in no context: whether it
 * suffices must not depend on them.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "similarity/engine.h"

typedef struct Entry
{
	uint32		row;			/* rank of the source, or of the target */
	Neighbour	neighbour;
} Entry;

struct Lists
{
	Entry	   *entries;
	Size		count;
	Size		capacity;
	Size		elsewhere;		/* bytes that the build takes beside lists and product */
	/* when all are there and in order */
	Neighbour  *sorted;
	Size	   *start;			/* in sorted, by rank of the source */
	uint32		next;			/* rank that comes next */
};

bool
similarity_keeps_lists(const SimilarityBuild *build)
{
	return build->options.prune == PRUNE_NEIGHBOUR ||
		build->options.normalize == NORMALIZE_NEIGHBOUR;
}

/* Bytes for each source and target when all are put in order. */
static Size
order_memory(const SimilarityBuild *build)
{
	return ((Size) build->sources->nitems + 2) * sizeof(Size) +
		(Size) build->targets.nitems * sizeof(double);
}

/* What the last product gives back when it has begun. */
static Size
matrix_memory(const SimilarityBuild *build)
{
	const Side *side = &build->targets;
	Size		user = build->user_weights ? sizeof(*build->user_weights) : 0;
	Size		item = sizeof(*side->count) + sizeof(*side->total) + sizeof(*side->square);

	if (build->sources != side)
		return 0;
	return sparse_memory(side->matrix) + side->matrix->nrows * user + side->nitems * item;
}

/*
 * To be called when all is weighed.  Room that is taken now the product, which
 * is worked out in parts if it has to, leaves alone.
 */
void
similarity_begin_lists(SimilarityBuild *build)
{
	Lists	   *lists = MemoryContextAllocZero(build->cxt, sizeof(Lists));
	Size		used = MemoryContextMemAllocated(build->cxt, true);
	Size		most = similarity_memory_limit() / 8 / sizeof(Entry);
	uint64		rows = rows_are_targets(build) ? build->targets.nitems : build->sources->nitems;

	lists->elsewhere = used - Min(used, matrix_memory(build)) + rows * sizeof(uint64);
	lists->capacity = Max(Min(rows * build->options.n, most), 1);
	lists->entries = MemoryContextAllocHuge(build->cxt, lists->capacity * sizeof(Entry));
	build->lists = lists;
}

/* How many entries there may be: while there is a product, and while they are put in order. */
static Size
most_entries(const SimilarityBuild *build)
{
	Size		limit = similarity_memory_limit();
	Size		left = limit - Min(limit, build->lists->elsewhere);
	Size		product = left - Min(left, build->product_memory);
	Size		order = left - Min(left, order_memory(build));

	return Min(product / sizeof(Entry), order / (sizeof(Entry) + sizeof(Neighbour)));
}

void
similarity_keep_list(SimilarityBuild *build, const NeighbourList *list)
{
	Lists	   *lists = build->lists;
	int			count = list->count;
	int			i;

	if (lists->count + count > lists->capacity)
	{
		Size		most = most_entries(build);

		if (lists->count + count > most)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("not enough memory for the neighbours of all items"),
					 errhint("Increase maintenance_work_mem, or use prune => 'item' and normalization => 'none' or 'item', which keep nothing.")));
		lists->capacity = Min(Max(lists->capacity * 2, lists->count + count), most);
		lists->entries = repalloc_huge(lists->entries, lists->capacity * sizeof(Entry));
	}
	for (i = 0; i < count; i++)
	{
		lists->entries[lists->count].row = list->rank;
		lists->entries[lists->count++].neighbour = list->neighbours[i];
	}
}

/* Rows of targets become rows of sources: entries name the source by its number there. */
static void
turn_round(SimilarityBuild *build)
{
	Lists	   *lists = build->lists;
	Size		i;

	for (i = 0; i < lists->count; i++)
	{
		Entry	   *entry = &lists->entries[i];
		uint32		source = side_rank(build->sources, entry->neighbour.target);

		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		entry->neighbour.target = side_item(&build->targets, entry->row);
		entry->row = source;
	}
}

/* Entries come in the order of rows, so sums have the same bits always. */
static void
normalize_neighbours(SimilarityBuild *build)
{
	Lists	   *lists = build->lists;
	double	   *sums = MemoryContextAllocExtended(build->cxt,
												  Max(build->targets.nitems, 1) * sizeof(double),
												  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	Size		i;

	for (i = 0; i < lists->count; i++)
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		sums[lists->entries[i].neighbour.target] += lists->entries[i].neighbour.score;
	}
	for (i = 0; i < lists->count; i++)
	{
		Neighbour  *neighbour = &lists->entries[i].neighbour;

		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		neighbour->score = similarity_round(neighbour->score / sums[neighbour->target]);
	}
	pfree(sums);
}

static int
compare_neighbours(const void *a, const void *b, void *arg)
{
	const Neighbour *x = (const Neighbour *) a;
	const Neighbour *y = (const Neighbour *) b;
	const Side *targets = (const Side *) arg;
	uint32		xrank = side_rank(targets, x->target);
	uint32		yrank = side_rank(targets, y->target);

	CHECK_FOR_INTERRUPTS();
	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return (xrank > yrank) - (xrank < yrank);
}

/* Puts all that was kept in the order of sources. */
void
similarity_order_lists(SimilarityBuild *build)
{
	Lists	   *lists = build->lists;
	uint32		nsources = build->sources->nitems;
	Size	   *start = MemoryContextAllocExtended(build->cxt, ((Size) nsources + 2) * sizeof(Size),
												   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	Neighbour  *sorted = MemoryContextAllocHuge(build->cxt,
												Max(lists->count, 1) * sizeof(Neighbour));
	uint32		row;
	Size		i;

	if (build->options.prune == PRUNE_NEIGHBOUR)
		turn_round(build);
	if (build->options.normalize == NORMALIZE_NEIGHBOUR)
		normalize_neighbours(build);
	for (i = 0; i < lists->count; i++)
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		start[lists->entries[i].row + 2]++;
	}
	for (row = 0; row < nsources; row++)
	{
		if ((row & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		start[row + 2] += start[row + 1];
	}
	for (i = 0; i < lists->count; i++)
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		sorted[start[lists->entries[i].row + 1]++] = lists->entries[i].neighbour;
	}
	pfree(lists->entries);
	lists->entries = NULL;
	lists->sorted = sorted;
	lists->start = start;
}

/* Gets the list of the next source; false after the last. */
bool
similarity_next_kept_list(SimilarityBuild *build, NeighbourList *list)
{
	Lists	   *lists = build->lists;
	uint32		rank = lists->next;

	CHECK_FOR_INTERRUPTS();
	if (rank == build->sources->nitems)
		return false;
	list->rank = lists->next++;
	list->count = (int) (lists->start[rank + 1] - lists->start[rank]);
	list->neighbours = lists->sorted + lists->start[rank];
	qsort_arg(list->neighbours, list->count, sizeof(Neighbour), compare_neighbours, &build->targets);
	return true;
}
