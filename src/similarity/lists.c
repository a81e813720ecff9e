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
 * Then all rows are collected, 24 bytes for each neighbour, within
 * maintenance_work_mem.
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
};

bool
similarity_keeps_lists(const SimilarityBuild *build)
{
	return build->options.prune == PRUNE_NEIGHBOUR ||
		build->options.normalize == NORMALIZE_NEIGHBOUR;
}

void
similarity_begin_lists(SimilarityBuild *build)
{
	build->lists = MemoryContextAllocZero(build->cxt, sizeof(Lists));
}

void
similarity_keep_list(SimilarityBuild *build, uint32 row, const Neighbour *list, int count)
{
	Lists	   *lists = build->lists;
	int			i;

	if (lists->count + count > lists->capacity)
	{
		Size		capacity = Max(Max(lists->capacity * 2, lists->count + count), 1024);

		if (MemoryContextMemAllocated(build->cxt, true) + (capacity - lists->capacity) * sizeof(Entry) >
			similarity_memory_limit())
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("not enough memory for the neighbours of all items"),
					 errhint("Increase maintenance_work_mem, or use prune => 'item' and normalization => 'none' or 'item', which keep nothing.")));
		lists->entries = lists->entries ?
			repalloc_huge(lists->entries, capacity * sizeof(Entry)) :
			MemoryContextAllocHuge(build->cxt, capacity * sizeof(Entry));
		lists->capacity = capacity;
	}
	for (i = 0; i < count; i++)
	{
		lists->entries[lists->count].row = row;
		lists->entries[lists->count++].neighbour = list[i];
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

/* Hands all rows over to the caller, in the order of sources. */
void
similarity_emit_lists(SimilarityBuild *build)
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
	if (lists->entries)
		pfree(lists->entries);
	for (row = 0; row < nsources; row++)
	{
		CHECK_FOR_INTERRUPTS();
		qsort_arg(sorted + start[row], start[row + 1] - start[row], sizeof(Neighbour),
				  compare_neighbours, &build->targets);
		similarity_emit_row(build, row, sorted + start[row], start[row + 1] - start[row]);
	}
	pfree(sorted);
	pfree(start);
}
