/*-------------------------------------------------------------------------
 *
 * transactions.c
 *		Memory of transactions, and lists of where items occur.
 *
 * Where several processes may mine, the transactions are written into shared
 * memory as they are encoded.  The lists of where items occur each process makes
 * for itself: most of what several could save there the system would take for
 * handing out the memory, which costs far less where it is not shared.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "core/large.h"
#include "core/parallel.h"
#include "rules/transactions.h"

/*
 * Memory for so many words of transactions, in the current context, or to be
 * shared with so many workers if it is to be had.
 */
void *
transactions_create(Transactions *db, Size nwords, int nworkers, MemoryBudget *budget)
{
	Size		size;

	db->narrow = db->nitems <= NARROW_MARK;
	size = nwords * WORD_SIZE(db->narrow);
	budget_check(budget, size, "baskets");
	db->area = parallel_area_create(size, nworkers);
	if (parallel_area_segment(db->area))
	{
		db->shared_size = size;
		budget->elsewhere += size;
	}
	db->items = parallel_area_data(db->area);
	return parallel_area_data(db->area);
}

void
transactions_free(Transactions *db, MemoryBudget *budget)
{
	budget->elsewhere -= db->shared_size;
	db->shared_size = 0;
	parallel_area_free(db->area);
	db->area = NULL;
	db->items = NULL;
	db->occurrence_start = db->occurrences = NULL;
}

/* What lists of so many occurrences take while they are made. */
Size
transactions_lists_size(Size noccurrences, uint32 nitems)
{
	return (noccurrences + READ_AHEAD + 2 * (Size) nitems + 1) * sizeof(uint32);
}

/* How many occurrences are listed: but those first in a transaction. */
Size
transactions_listed(const Transactions *db)
{
	return (Size) db->nwords - 2 * (Size) db->ntransactions - 1;
}

/* Lists where each item occurs; next[] is where the next place of each item goes. */
static pg_attribute_always_inline void
fill_lists(const Transactions *db, bool narrow, uint32 *next)
{
	uint64		check = 0;
	uint64		i;

	for (i = 0; i < db->nwords; i++)
	{
		uint32		item = word_at(db->items, narrow, i);

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
}

/* Lists where each item occurs, in the current memory context. */
void
transactions_index(Transactions *db, const MemoryBudget *budget)
{
	Size		total = transactions_listed(db);
	uint32	   *next;
	uint32		i;

	budget_check(budget, transactions_lists_size(total, db->nitems), "baskets");
	db->occurrence_start = MemoryContextAllocHuge(CurrentMemoryContext,
												  ((Size) db->nitems + 1) * sizeof(uint32));
	db->occurrences = large_alloc(CurrentMemoryContext, (total + READ_AHEAD) * sizeof(uint32));
	next = MemoryContextAllocHuge(CurrentMemoryContext,
								  (Size) Max(db->nitems, 1) * sizeof(uint32));
	db->occurrence_start[0] = 0;
	for (i = 0; i < db->nitems; i++)
	{
		next[i] = db->occurrence_start[i];
		db->occurrence_start[i + 1] = next[i] + db->noccurrences[i];
	}
	if (db->narrow)
		fill_lists(db, true, next);
	else
		fill_lists(db, false, next);
	end_occurrences(db->occurrences + total);
	pfree(next);
}
