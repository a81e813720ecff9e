/*-------------------------------------------------------------------------
 *
 * transactions.c
 *		Memory of transactions, and lists of where items occur.
 *
 * Where several processes may mine, the transactions are written into shared
 * memory as they are encoded.  The lists of where items occur each process makes
 * for itself, of the items that it mines: what it could save by sharing them the
 * system would take for handing out the memory, which costs far less where it is
 * not shared.
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

/* Lists where the items from first to end occur; next[] is where the next place of each goes. */
static pg_attribute_always_inline void
fill_lists(const Transactions *db, bool narrow, uint32 first, uint32 end, uint32 *next)
{
	const void *items = db->items;
	uint32	   *occurrences = db->occurrences;
	uint64		check = 0;
	uint64		i = 0;

	while (i + 1 < db->nwords)
	{
		/* the first item of a transaction has none before it; items ascend, and the mark is above all */
		i += 2;
		while (word_at(items, narrow, i) < first)
			i++;
		for (; word_at(items, narrow, i) < end; i++)
			occurrences[next[word_at(items, narrow, i)]++] = i;
		while ((word_at(items, narrow, i) & TRANSACTION_MARK) == 0)
			i++;
		if (i >= check)
		{
			parallel_check_interrupts();
			check = i + 0x10000;
		}
	}
}

/*
 * Lists where the items from first to end occur, in the current memory context
 * or in place of the lists that were made before.  Under a budget there is room
 * from the start for lists of all items, which others may be replaced by later;
 * without one the memory has been accounted for.
 */
void
transactions_index(Transactions *db, uint32 first, uint32 end, const MemoryBudget *budget)
{
	MemoryContext cxt = CurrentMemoryContext;
	uint32	   *next;
	uint32		total = 0;
	uint32		i;

	if (budget && db->occurrences == NULL)
		budget_check(budget, transactions_lists_size(transactions_listed(db), db->nitems), "baskets");
	if (db->occurrence_start)
		cxt = GetMemoryChunkContext(db->occurrence_start);
	else
		db->occurrence_start = MemoryContextAllocHuge(cxt, ((Size) db->nitems + 1) * sizeof(uint32));
	next = MemoryContextAllocHuge(cxt, (Size) Max(db->nitems, 1) * sizeof(uint32));
	for (i = 0; i < db->nitems; i++)
	{
		db->occurrence_start[i] = next[i] = total;
		if (i >= first && i < end)
			total += db->noccurrences[i];
	}
	db->occurrence_start[db->nitems] = total;
	if (db->occurrences && total > db->noccurrences_fit)
	{
		pfree(db->occurrences);
		db->occurrences = NULL;
	}
	if (db->occurrences == NULL)
	{
		db->noccurrences_fit = budget ? transactions_listed(db) : total;
		db->occurrences = large_alloc(cxt, ((Size) db->noccurrences_fit + READ_AHEAD) * sizeof(uint32));
	}
	if (db->narrow)
		fill_lists(db, true, first, end, next);
	else
		fill_lists(db, false, first, end, next);
	end_occurrences(db->occurrences + total);
	pfree(next);
	db->listed_first = first;
	db->listed_end = end;
}
