/*-------------------------------------------------------------------------
 *
 * transactions.c
 *		Memory of transactions, and lists of where items occur.
 *
 * Where several processes may mine, the transactions are written into shared
 * memory as they are encoded.  Lists of where items occur take as long as a
 * good part of the mining, so that several processes make them: each lists the
 * transactions of another part, and where its places go is known from counts
 * that were taken while encoding.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "core/parallel.h"
#include "rules/transactions.h"

/* Parts per process at most; their counts must be few beside the transactions. */
#define PARTS_PER_PROCESS 4
#define COUNTS_PART 4

/*
 * Memory for the items of transactions, in the current context, or to be shared
 * with so many workers if it is to be had.
 */
uint32 *
transactions_create(Transactions *db, Size nwords, int nworkers, MemoryBudget *budget)
{
	Size		size = nwords * sizeof(uint32);

	db->area = parallel_area_create(size, nworkers);
	db->area_size = size;
	if (parallel_area_segment(db->area))
		budget->elsewhere += size;
	db->items = parallel_area_data(db->area);
	return parallel_area_data(db->area);
}

void
transactions_free(Transactions *db, MemoryBudget *budget)
{
	if (parallel_area_segment(db->area))
		budget->elsewhere -= db->area_size;
	parallel_area_free(db->area);
	db->area = NULL;
	db->items = db->occurrence_start = db->occurrences = NULL;
}

/* How many occurrences are listed: but those first in a transaction. */
Size
transactions_listed(const Transactions *db)
{
	return (Size) db->nwords - 2 * (Size) db->ntransactions - 1;
}

/*
 * Prepares to count in parts while transactions are written, whose number of
 * items is known, if workers may be there to list these parts.
 */
void
transactions_divide(Transactions *db)
{
	int			nprocesses = parallel_area_workers(db->area) + 1;
	Size		few = db->area_size / (COUNTS_PART * sizeof(uint32) * Max(db->nitems, 1));

	if (nprocesses == 1)
		return;
	db->nparts = nprocesses * Min(few / nprocesses, PARTS_PER_PROCESS);
	db->part_start = palloc_array(uint32, db->nparts + 1);
	db->part_before = MemoryContextAllocHuge(CurrentMemoryContext,
											 (Size) db->nparts * db->nitems * sizeof(uint32));
}

/* A part begins at a place: notes the occurrences so far. */
void
transactions_begin_part(Transactions *db, uint32 part, uint32 place)
{
	db->part_start[part] = place;
	memcpy(db->part_before + (Size) part * db->nitems, db->noccurrences,
		   (Size) db->nitems * sizeof(uint32));
}

/* Finds where the list of each item is to begin; the array must be there. */
void
transactions_begin_index(Transactions *db)
{
	uint32		i;

	db->occurrence_start[0] = 0;
	for (i = 0; i < db->nitems; i++)
		db->occurrence_start[i + 1] = db->occurrence_start[i] + db->noccurrences[i];
}

/* Lists the places from first to end; before[] is how many an item has had, or NULL. */
static void
list_places(const Transactions *db, uint32 first, uint32 end, const uint32 *before)
{
	uint32	   *next = MemoryContextAllocHuge(CurrentMemoryContext,
											  (Size) Max(db->nitems, 1) * sizeof(uint32));
	uint64		check = 0;
	uint64		i;

	memcpy(next, db->occurrence_start, (Size) db->nitems * sizeof(uint32));
	if (before)
		for (i = 0; i < db->nitems; i++)
			next[i] += before[i];
	for (i = first; i < end; i++)
	{
		uint32		item = db->items[i];

		if ((item & TRANSACTION_MARK) == 0)
		{
			db->occurrences[next[item]++] = i;
			continue;
		}
		/* the first item of a transaction has none before it */
		i++;
		if (i >= check)
		{
			parallel_check_interrupts();
			check = i + 0x10000;
		}
	}
	pfree(next);
}

/* Lists the places of a part, after transactions_begin_index(). */
void
transactions_list_part(const Transactions *db, uint32 part)
{
	list_places(db, db->part_start[part], db->part_start[part + 1],
				db->part_before + (Size) part * db->nitems);
}

/*
 * Lists where each item occurs, in the current memory context unless the
 * transactions have arrays for that already.
 */
void
transactions_index(Transactions *db, const MemoryBudget *budget)
{
	Size		total = transactions_listed(db);

	if (db->occurrences == NULL)
	{
		budget_check(budget, (total + 2 * (Size) db->nitems + 1) * sizeof(uint32), "baskets");
		db->occurrence_start = MemoryContextAllocHuge(CurrentMemoryContext,
													  ((Size) db->nitems + 1) * sizeof(uint32));
		db->occurrences = MemoryContextAllocHuge(CurrentMemoryContext,
												 Max(total, 1) * sizeof(uint32));
	}
	transactions_begin_index(db);
	list_places(db, 0, db->nwords, NULL);
}
