/*-------------------------------------------------------------------------
 *
 * mining.c
 *		Running the miner over all items, by one process or several.
 *
 * The sets with one least frequent item can be mined without those of other
 * items.  Several processes share the encoded transactions; a block is a run
 * of consecutive items with about the same number of pairs to count, and what
 * a block has found goes through shared memory to the calling process, which
 * takes it in the order of blocks.  So the store gets the same sets in the same
 * order whoever mined them.
 *
 * Where the bar is to be raised on the way, one process mines alone: others
 * would run ahead of it, with a bar that is too low by far.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "utils/dsa.h"

#include "core/parallel.h"
#include "core/progress.h"
#include "rules/mining.h"

/* Blocks per process: enough for even shares at the end. */
#define BLOCKS_PER_PROCESS 64

/* One process mines about so many pairs a second, counted at the first level. */
#define PAIRS_PER_SECOND 1e8

#define RESULTS_SIZE ((Size) 64 * 1024)

/* At the start of the shared area; offsets are from here. */
typedef struct SharedMining
{
	Transactions db;			/* sizes; the pointers are of the process that made it */
	uint32		max_length;
	Size		memory_limit;	/* of each process */
	uint32		min_count;
	Size		start;
	Size		items;
	Size		weight;
	Size		support;
	Size		occurrence_start;
	Size		occurrences;
	Size		conflict_start; /* 0: there are none */
	Size		conflicts;
	Size		first_item;		/* by block; one more */
	Size		results;		/* area for the sets that were found */
} SharedMining;

/* What a process works with. */
typedef struct LocalMining
{
	SharedMining *shared;
	Transactions db;
	const uint32 *first_item;
	MemoryBudget budget;
	ItemsetStore store;
	Miner	   *miner;
	dsa_area   *results;
} LocalMining;

/* Result of a block. */
typedef struct BlockSets
{
	dsa_pointer sets;
	uint32		nsets;
} BlockSets;

/* The area of the run in the calling process; workers attach to it. */
static dsa_area *caller_results = NULL;

static inline const uint32 *
shared_array(const SharedMining *shared, Size offset)
{
	return (const uint32 *) ((const char *) shared + offset);
}

static void *
mining_begin(const void *data)
{
	LocalMining *local = palloc0_object(LocalMining);
	SharedMining *shared = (SharedMining *) data;
	MemoryContext old;

	local->shared = shared;
	local->db = shared->db;
	local->db.start = shared_array(shared, shared->start);
	local->db.items = shared_array(shared, shared->items);
	local->db.weight = shared_array(shared, shared->weight);
	local->db.support = shared_array(shared, shared->support);
	local->db.occurrence_start = shared_array(shared, shared->occurrence_start);
	local->db.occurrences = shared_array(shared, shared->occurrences);
	if (shared->conflict_start > 0)
	{
		local->db.conflict_start = shared_array(shared, shared->conflict_start);
		local->db.conflicts = shared_array(shared, shared->conflicts);
	}
	local->first_item = shared_array(shared, shared->first_item);
	local->budget.cxt = AllocSetContextCreate(CurrentMemoryContext, "recsys rules miner",
											  ALLOCSET_DEFAULT_SIZES);
	local->budget.limit = shared->memory_limit;
	local->results = caller_results;
	if (local->results == NULL)
	{
		void	   *place = (char *) shared + shared->results;

		local->results = dsa_attach_in_place(place, NULL);
		before_shmem_exit(dsa_on_shmem_exit_release_in_place, PointerGetDatum(place));
	}

	old = MemoryContextSwitchTo(local->budget.cxt);
	itemset_store_init(&local->store);
	local->miner = miner_create(&local->db, shared->min_count, shared->max_length,
								&local->store, &local->budget);
	MemoryContextSwitchTo(old);
	return local;
}

/* Mines the items of a block; the sets go to the shared results. */
static Size
mining_run(void *data, uint32 block, void *result)
{
	LocalMining *local = data;
	BlockSets  *found = result;
	ItemsetStore *store = &local->store;
	uint32		item;

	store->nsets = 0;
	for (item = local->first_item[block]; item < local->first_item[block + 1]; item++)
		miner_item(local->miner, item);

	found->nsets = store->nsets;
	found->sets = InvalidDsaPointer;
	if (store->nsets > 0)
	{
		Size		size = (Size) store->nsets * sizeof(Itemset);

		found->sets = dsa_allocate_extended(local->results, size,
											DSA_ALLOC_HUGE | DSA_ALLOC_NO_OOM);
		if (!DsaPointerIsValid(found->sets))
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("frequent itemsets need more memory than maintenance_work_mem"),
					 errhint("Raise min_support or min_count, lower max_length, or raise maintenance_work_mem.")));
		memcpy(dsa_get_address(local->results, found->sets), store->sets, size);
	}
	return sizeof(BlockSets);
}

extern PGDLLEXPORT const ParallelKernel recsys_mining_kernel;
const ParallelKernel recsys_mining_kernel = {mining_begin, mining_run};

/* The calling process, while it takes results. */
typedef struct Collector
{
	const uint32 *first_item;
	ItemsetStore *store;
	const MemoryBudget *budget;
	MiningDone	done;
	void	   *arg;
} Collector;

static void
collect_sets(void *arg, uint32 block, const void *result, Size size)
{
	Collector  *collector = arg;
	ItemsetStore *store = collector->store;
	const BlockSets *found = result;
	uint32		i;

	if (found->nsets > 0)
	{
		uint32		first = store->nsets;
		Itemset    *sets;

		itemset_store_reserve(store, (uint64) first + found->nsets, collector->budget);
		sets = store->sets + first;
		memcpy(sets, dsa_get_address(caller_results, found->sets),
			   (Size) found->nsets * sizeof(Itemset));
		dsa_free(caller_results, found->sets);
		for (i = 0; i < found->nsets; i++)
			if (sets[i].parent != NO_ITEMSET)
				sets[i].parent += first;
		store->nsets += found->nsets;
	}
	collector->done(collector->arg, collector->first_item[block + 1] - 1);
}

/*
 * For each item, how many items come before it in all transactions: what
 * counting its pairs takes.  Returns the sum.
 */
static uint64
count_work(const Transactions *db, uint64 *work)
{
	uint64		total = 0;
	uint32		t;
	uint32		i;

	for (t = 0; t < db->ntransactions; t++)
	{
		if ((t & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		for (i = db->start[t]; i < db->start[t + 1]; i++)
			work[db->items[i]] += i - db->start[t];
	}
	for (i = 0; i < db->nitems; i++)
	{
		/* an item costs something even where it is alone */
		work[i] += 16;
		total += work[i];
	}
	return total;
}

/* Divides the items into blocks of about the same work; returns how many. */
static uint32
divide_items(uint32 nitems, const uint64 *work, uint64 total, uint32 wanted, uint32 *first_item)
{
	uint64		share = total / wanted + 1;
	uint64		sum = 0;
	uint32		nblocks = 0;
	uint32		i;

	first_item[0] = 0;
	for (i = 0; i < nitems; i++)
	{
		sum += work[i];
		if (sum >= share || i == nitems - 1)
		{
			first_item[++nblocks] = i + 1;
			sum = 0;
		}
	}
	return nblocks;
}

static Size
put_array(char *base, Size *offset, const uint32 *array, Size n)
{
	Size		place = *offset;

	if (base)
		memcpy(base + place, array, n * sizeof(uint32));
	*offset += MAXALIGN(n * sizeof(uint32));
	return place;
}

/* Lays out the shared area, and fills it where base is not NULL; returns its size. */
static Size
lay_out(char *base, SharedMining *shared, const Transactions *db, const uint32 *first_item,
		uint32 nblocks)
{
	Size		total = db->start[db->ntransactions];
	Size		offset = MAXALIGN(sizeof(SharedMining));

	shared->start = put_array(base, &offset, db->start, (Size) db->ntransactions + 1);
	shared->items = put_array(base, &offset, db->items, total);
	shared->weight = put_array(base, &offset, db->weight, db->ntransactions);
	shared->support = put_array(base, &offset, db->support, db->nitems);
	shared->occurrence_start = put_array(base, &offset, db->occurrence_start,
										 (Size) db->nitems + 1);
	shared->occurrences = put_array(base, &offset, db->occurrences, total);
	shared->conflict_start = 0;
	if (db->conflict_start)
	{
		shared->conflict_start = put_array(base, &offset, db->conflict_start,
										   (Size) db->nitems + 1);
		shared->conflicts = put_array(base, &offset, db->conflicts,
									  db->conflict_start[db->nitems]);
	}
	shared->first_item = put_array(base, &offset, first_item, (Size) nblocks + 1);
	shared->results = offset;
	return offset + RESULTS_SIZE;
}

/*
 * With workers.  False where there is not enough memory for them, shared or of
 * the budget, and nothing was done.
 */
static bool
mine_parallel(const Transactions *db, uint32 min_count, uint32 max_length,
			  const uint32 *first_item, uint32 nblocks, int nworkers, Collector *collector)
{
	SharedMining layout = {0};
	Size		size = lay_out(NULL, &layout, db, first_item, nblocks);
	ParallelArea *area;
	SharedMining *shared;
	dsm_segment *segment;
	char	   *base;

	if (!budget_has_room(collector->budget, size))
		return false;
	area = parallel_area_create(size, nworkers);
	segment = parallel_area_segment(area);
	if (segment == NULL)
	{
		parallel_area_free(area);
		return false;
	}
	base = parallel_area_data(area);
	shared = (SharedMining *) base;
	*shared = layout;
	lay_out(base, shared, db, first_item, nblocks);
	shared->db = *db;
	shared->db.conflict_start = shared->db.conflicts = NULL;
	shared->max_length = max_length;
	shared->memory_limit = collector->budget->limit / (nworkers + 1);
	shared->min_count = min_count;

	caller_results = dsa_create_in_place(base + shared->results, RESULTS_SIZE,
										 LWTRANCHE_PARALLEL_QUERY_DSA, segment);
	dsa_set_size_limit(caller_results, collector->budget->limit);
	collector->first_item = first_item;
	parallel_area_run(area, "recsys_mining_kernel", &recsys_mining_kernel, nblocks,
					  sizeof(BlockSets), collect_sets, collector);
	dsa_detach(caller_results);
	caller_results = NULL;
	parallel_area_free(area);
	return true;
}

/*
 * Mines everything.  The sets are in the store at the end; done is called as
 * they come, with items in order, and may raise the bar if that is said.
 */
void
mine_transactions(Transactions *db, uint32 min_count, uint32 max_length, ItemsetStore *store,
				  const MemoryBudget *budget, bool raises, MiningDone done, void *arg)
{
	Miner	   *miner;
	uint32		item;

	if (max_length > 1)
	{
		uint64	   *work;
		uint64		total;
		int			nworkers;

		transactions_index(db, budget);
		work = MemoryContextAllocExtended(CurrentMemoryContext,
										  ((Size) db->nitems + 1) * sizeof(uint64),
										  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		total = count_work(db, work);
		nworkers = raises ? 0 : parallel_workers(total / PAIRS_PER_SECOND);
		if (nworkers > 0 && db->nitems > 1)
		{
			Collector	collector = {0};
			uint32	   *first_item = MemoryContextAllocHuge(CurrentMemoryContext,
															((Size) db->nitems + 1) *
															sizeof(uint32));
			uint32		nblocks = divide_items(db->nitems, work, total,
											   BLOCKS_PER_PROCESS * (nworkers + 1), first_item);

			collector.store = store;
			collector.budget = budget;
			collector.done = done;
			collector.arg = arg;
			if (mine_parallel(db, min_count, max_length, first_item, nblocks, nworkers,
							  &collector))
				return;
		}
		pfree(work);
	}

	miner = miner_create(db, min_count, max_length, store, budget);
	for (item = 0; item < db->nitems; item++)
	{
		/* the others are no more frequent */
		if (db->support[item] < min_count)
			break;
		miner_item(miner, item);
		min_count = Max(min_count, done(arg, item));
		miner_raise_min_count(miner, min_count);
	}
}
