/*-------------------------------------------------------------------------
 *
 * mining.c
 *		Running the miner over all items, by one process or several.
 *
 * The sets with one least frequent item can be mined without those of other
 * items.  Several processes share the encoded transactions, which were written
 * into a shared area, and what is added to it here; where items occur each
 * process lists for itself.  A block is a run of consecutive items with about
 * the same work, and what a block has found goes through shared memory to the
 * calling process.
 *
 * Blocks are taken from both ends of a range, so that a process needs lists of
 * little more than half of its items, and the caller takes results as they come.
 *
 * Where only the best are wanted, blocks are taken and results come in order, so
 * that the most frequent items are the first.  The bar that sets have to reach is
 * shared then, and never falls: whoever finds that it can be higher raises it.  How
 * early the others learn of that is a matter of chance, so that more or fewer
 * sets get to the store that are below the bar in the end; those above it are
 * always there, and only these are in the result.
 *
 * A process that has not the memory for a block gives it up.  The calling
 * process mines it again when it takes the result, and may spill then.  Where
 * results come in order all blocks before it are done by then, and the bar is
 * where it would be if that process were alone: so whether memory suffices is
 * not a matter of chance either.
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
#include "rules/transactions.h"

/* Blocks per process: enough for even shares at the end. */
#define BLOCKS_PER_PROCESS 64

/* One process mines about so many pairs a second, counted at the first level. */
#define PAIRS_PER_SECOND 1e8

/* An occurrence of an item takes as long as so many pairs. */
#define OCCURRENCE_WORK ((uint64) 8)

/* Where the bar rises, one process mines at least this part of the work before others join in. */
#define ALONE_PART 32

/* Parts of the budget: for all processes' own memory, and for results under way. */
#define OWN_MEMORY(limit) ((limit) / 8)
#define RESULTS_MEMORY(limit) ((limit) / 16)

/* With less of its own a process had better not begin. */
#define MIN_OWN_MEMORY ((Size) 512 * 1024)

#define RESULTS_SIZE ((Size) 64 * 1024)

/*
 * A process that begins at one end of a range lists the items of so much of it:
 * the other one may be slower, or begin later.
 */
#define LISTED_PART(n) ((uint32) (((uint64) (n) * 9 + 15) / 16))

/* At the start of what is added to the area of transactions; offsets are from here. */
typedef struct SharedMining
{
	Transactions db;			/* sizes; the pointers are of the process that made it */
	uint32		max_length;
	uint32		best;
	bool		cubes;			/* the store may have them */
	uint32		nblocks;
	uint32		nranges;		/* of blocks; 0: they are taken in order */
	Size		memory_limit;	/* of each process, besides */
	Size		elsewhere;		/* of the budget, for all this */
	pg_atomic_uint64 bar;
	Size		support;
	Size		noccurrences;
	Size		conflict_start; /* 0: there are none */
	Size		conflicts;
	Size		first_item;		/* by block; one more */
	Size		results;		/* area for the sets that were found */
} SharedMining;

/* What a process works with. */
typedef struct LocalMining
{
	SharedMining *shared;
	Transactions *db;
	const uint32 *first_item;
	MemoryBudget budget;
	MemoryContext cxt;			/* of that: what the miner has */
	ItemsetStore store;
	Miner	   *miner;
	dsa_area   *results;
} LocalMining;

/* Result of a block. */
typedef struct BlockSets
{
	dsa_pointer sets;
	uint32		nsets;
	int64		nbeyond;		/* as in a store */
	bool		given_up;		/* for want of memory */
} BlockSets;

/*
 * Of the run in the calling process: what is mined, the area for results, to
 * which workers attach, and its own part.
 */
static const MiningJob *caller_job = NULL;
static dsa_area *caller_results = NULL;
static LocalMining *caller_mining = NULL;

static inline uint32 *
shared_array(SharedMining *shared, Size offset)
{
	return (uint32 *) ((char *) shared + offset);
}

/* The arrays of the transactions but their items, as they are in this process. */
static void
find_arrays(SharedMining *shared, Transactions *db)
{
	db->support = shared_array(shared, shared->support);
	db->noccurrences = shared_array(shared, shared->noccurrences);
	if (shared->conflict_start > 0)
	{
		db->conflict_start = shared_array(shared, shared->conflict_start);
		db->conflicts = shared_array(shared, shared->conflicts);
	}
}

/* A miner with an empty store, in the memory of this process. */
static void
open_miner(LocalMining *local)
{
	SharedMining *shared = local->shared;
	MemoryContext old = MemoryContextSwitchTo(local->cxt);

	itemset_store_init(&local->store);
	local->store.cubes = shared->cubes;
	local->miner = miner_create(local->db, shared->max_length, &local->store, &local->budget);
	if (shared->best > 0)
		miner_want_best(local->miner,
						best_grades_create(shared->best, local->db, true, &local->budget));
	miner_share_bar(local->miner, &shared->bar);
	MemoryContextSwitchTo(old);
}

/* In the process that has the job. */
static void
open_in_caller(LocalMining *local)
{
	local->db = caller_job->db;
	local->results = caller_results;
	caller_mining = local;
}

/* In a worker, which gets at the items at this address. */
static void
open_in_worker(LocalMining *local, const void *items)
{
	SharedMining *shared = local->shared;
	void	   *results = (char *) shared + shared->results;
	MemoryContext old = MemoryContextSwitchTo(local->budget.cxt);

	local->results = dsa_attach_in_place(results, NULL);
	before_shmem_exit(dsa_on_shmem_exit_release_in_place, PointerGetDatum(results));
	local->db = palloc_object(Transactions);
	*local->db = shared->db;
	local->db->items = items;
	local->db->occurrence_start = local->db->occurrences = NULL;
	find_arrays(shared, local->db);
	MemoryContextSwitchTo(old);
}

static void *
mining_begin(const void *data)
{
	LocalMining *local = palloc0_object(LocalMining);
	SharedMining *shared = (SharedMining *) parallel_extension();

	local->shared = shared;
	local->first_item = shared_array(shared, shared->first_item);
	/* beside the context of the run's budget, of which what is used here is no part */
	local->budget.cxt = AllocSetContextCreate(caller_job ?
											  MemoryContextGetParent(caller_job->budget->cxt) :
											  CurrentMemoryContext,
											  "recsys rules miner", ALLOCSET_DEFAULT_SIZES);
	local->budget.limit = shared->memory_limit;
	local->cxt = AllocSetContextCreate(local->budget.cxt, "recsys rules sets",
									   ALLOCSET_DEFAULT_SIZES);
	if (caller_job)
		open_in_caller(local);
	else
		open_in_worker(local, data);
	open_miner(local);
	return local;
}

/*
 * Lists where the items of a block occur, and those of blocks that will be the
 * next: all of them when it turns out that the first lists were not enough.
 */
static void
list_items(LocalMining *local, uint32 block)
{
	SharedMining *shared = local->shared;
	Transactions *db = local->db;
	uint32		first = 0;
	uint32		end = shared->nblocks;

	if (db->occurrences && local->first_item[block] >= db->listed_first &&
		local->first_item[block + 1] <= db->listed_end)
		return;
	if (shared->nranges > 0 && db->occurrences == NULL)
	{
		uint32		range = 0;
		uint32		n;

		while (block >= (end = parallel_range_start(shared->nblocks, shared->nranges, range + 1)))
			range++;
		first = parallel_range_start(shared->nblocks, shared->nranges, range);
		n = end - first;
		if (block < first + n / 2)
			end = first + LISTED_PART(n);
		else
			first = end - LISTED_PART(n);
	}
	/* what workers list is part of the caller's budget */
	transactions_index(db, local->first_item[first], local->first_item[end],
					   caller_job ? caller_job->budget : NULL);
}

/* Mines the items of a block; false where there is not enough memory for that. */
static bool
mine_block(LocalMining *local, uint32 block)
{
	MemoryContext cxt = CurrentMemoryContext;
	volatile bool fits = false;

	local->store.nsets = 0;
	local->store.nbeyond = 0;
	PG_TRY();
	{
		uint32		item;

		for (item = local->first_item[block]; item < local->first_item[block + 1]; item++)
			miner_item(local->miner, item);
		fits = true;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(cxt);
		error = CopyErrorData();
		if (error->sqlerrcode != ERRCODE_PROGRAM_LIMIT_EXCEEDED)
			PG_RE_THROW();
		FlushErrorState();
		FreeErrorData(error);
	}
	PG_END_TRY();
	if (!fits)
	{
		/* the miner was left in the midst of its work */
		MemoryContextReset(local->cxt);
		open_miner(local);
	}
	return fits;
}

/* Mines the items of a block; the sets go to the shared results. */
static Size
mining_run(void *data, uint32 block, void *result)
{
	LocalMining *local = data;
	BlockSets  *found = result;
	ItemsetStore *store = &local->store;
	Size		size;

	list_items(local, block);
	found->given_up = !mine_block(local, block);
	/* the caller must know a bar that sets were left out for */
	miner_follow_bar(local->miner);
	found->nsets = found->given_up ? 0 : store->nsets;
	found->nbeyond = store->nbeyond;
	found->sets = InvalidDsaPointer;
	if (found->nsets == 0)
		return sizeof(BlockSets);
	size = (Size) found->nsets * sizeof(Itemset);
	found->sets = parallel_allocate(local->results, size);
	if (DsaPointerIsValid(found->sets))
		memcpy(dsa_get_address(local->results, found->sets), store->sets, size);
	else
		found->given_up = true;
	return sizeof(BlockSets);
}

extern PGDLLEXPORT const ParallelKernel recsys_mining_kernel;
const ParallelKernel recsys_mining_kernel = {mining_begin, mining_run};

/* Does the bar rise while it is mined, so that order matters? */
static inline bool
bar_rises(const MiningJob *job)
{
	return job->raises || job->best > 0;
}

/* The calling process, while it takes results. */
typedef struct Collector
{
	const MiningJob *job;
	const uint32 *first_item;
	uint32		nitems;			/* that are done, as if in order: all the same where no bar rises */
	Miner	   *miner;			/* mines into the store itself */
} Collector;

/* Adds the sets of a block to the store, but those that are below the bar by now. */
static void
add_sets(Collector *collector, const Itemset *found, uint32 nsets, int64 nbeyond)
{
	const MiningJob *job = collector->job;
	ItemsetStore *store = job->store;
	uint64		bar = miner_bar(collector->miner);
	Itemset    *sets;
	uint32	   *place;
	uint32		first;
	uint32		i;

	store->nbeyond += nbeyond;
	if (store->spill && !itemset_store_has_room(store, nsets, job->budget))
	{
		itemset_store_spill(store, NO_ITEMSET);
		if (nsets > store->capacity)
		{
			itemset_store_pass(store, found, nsets);
			return;
		}
	}
	itemset_store_reserve(store, nsets, NO_ITEMSET, job->budget);
	sets = store->sets + store->nsets;
	first = store->base + store->nsets;
	if (!bar_rises(job))
	{
		memcpy(sets, found, (Size) nsets * sizeof(Itemset));
		for (i = 0; i < nsets; i++)
		{
			if (sets[i].parent != NO_ITEMSET)
				sets[i].parent += first;
			if (sets[i].flags & ITEMSET_CUBE)
				sets[i].item += first;
		}
		store->nsets += nsets;
		return;
	}
	/* no cubes here; a set that stays extends one that stays */
	place = MemoryContextAllocHuge(CurrentMemoryContext, (Size) nsets * sizeof(uint32));
	for (i = 0; i < nsets; i++)
	{
		if (SET_GRADE(found[i].count, found[i].length) < bar)
			continue;
		*sets = found[i];
		if (sets->parent != NO_ITEMSET)
			sets->parent = place[sets->parent];
		sets++;
		place[i] = first++;
		store->nsets++;
	}
	pfree(place);
}

static void
collect_sets(Collector *collector, uint32 block, const BlockSets *found)
{
	const MiningJob *job = collector->job;
	uint32		last = collector->first_item[block + 1] - 1;
	uint32		item;

	miner_follow_bar(collector->miner);
	if (found->given_up)
	{
		list_items(caller_mining, block);
		for (item = collector->first_item[block]; item <= last; item++)
			miner_item(collector->miner, item);
	}
	else if (found->nsets > 0)
	{
		add_sets(collector, dsa_get_address(caller_results, found->sets), found->nsets,
				 found->nbeyond);
		dsa_free(caller_results, found->sets);
	}
	collector->nitems += last + 1 - collector->first_item[block];
	miner_raise_bar(collector->miner, COUNT_GRADE(job->done(job->arg, collector->nitems - 1)));
	miner_follow_bar(collector->miner);
}

/*
 * What an item takes, in pairs to count: getting at one of its occurrences takes
 * as long as some of these, and it costs something even where it is alone.
 */
static inline uint64
item_work(const Transactions *db, uint32 item)
{
	return db->npairs_before[item] + OCCURRENCE_WORK * db->noccurrences[item] + 16;
}

/*
 * Divides the items from first to end into blocks of about the same work;
 * returns how many.
 */
static uint32
divide_items(uint32 first, uint32 end, const Transactions *db, uint64 total, uint32 wanted,
			 uint32 *first_item)
{
	uint64		share = total / wanted + 1;
	uint64		sum = 0;
	uint32		nblocks = 0;
	uint32		i;

	first_item[0] = first;
	for (i = first; i < end; i++)
	{
		sum += item_work(db, i);
		if (sum >= share || i == end - 1)
		{
			first_item[++nblocks] = i + 1;
			sum = 0;
		}
	}
	return nblocks;
}

static Size
place_array(Size *offset, Size n)
{
	Size		place = *offset;

	*offset += MAXALIGN(n * sizeof(uint32));
	return place;
}

/* Lays out what is added to the area; returns its size. */
static Size
lay_out(SharedMining *shared, const Transactions *db)
{
	Size		offset = MAXALIGN(sizeof(SharedMining));

	shared->support = place_array(&offset, db->nitems);
	shared->noccurrences = place_array(&offset, db->nitems);
	if (db->conflict_start)
	{
		shared->conflict_start = place_array(&offset, (Size) db->nitems + 1);
		shared->conflicts = place_array(&offset, db->conflict_start[db->nitems]);
	}
	shared->first_item = place_array(&offset, (Size) db->nitems + 1);
	shared->results = offset;
	return offset + RESULTS_SIZE;
}

static void
put_array(SharedMining *shared, Size place, const uint32 *array, Size n)
{
	if (n > 0)
		memcpy(shared_array(shared, place), array, n * sizeof(uint32));
}

/*
 * How many workers may mine baskets of about so many pairs, with so many words
 * and items, by what there is of the budget for them; 0 for none.  The caller's
 * own lists will take the place of the words that are being encoded.
 */
int
mining_workers(double npairs, Size nwords, uint32 nitems, const MemoryBudget *budget)
{
	int			nworkers = parallel_workers(npairs / PAIRS_PER_SECOND);
	Size		items = nwords * WORD_SIZE(nitems <= NARROW_MARK);
	Size		lists = transactions_lists_size(nwords, nitems);
	Size		besides = OWN_MEMORY(budget->limit) + RESULTS_MEMORY(budget->limit);

	while (nworkers > 0 &&
		   (OWN_MEMORY(budget->limit) / (nworkers + 1) < MIN_OWN_MEMORY ||
			!budget_has_room(budget, (uint64) items + (uint64) nworkers * lists + besides)))
		nworkers--;
	return nworkers;
}

/*
 * Adds to the area of the transactions what workers need.  NULL where there are
 * to be none, or where there is not enough memory for that.
 */
static SharedMining *
share_transactions(const MiningJob *job)
{
	Transactions *db = job->db;
	MemoryBudget *budget = job->budget;
	int			nworkers = parallel_area_workers(db->area);
	SharedMining layout = {0};
	SharedMining *shared;
	Size		size = lay_out(&layout, db);
	Size		lists = transactions_lists_size(transactions_listed(db), db->nitems);
	uint64		elsewhere = (uint64) size + (uint64) nworkers * lists +
		OWN_MEMORY(budget->limit) + RESULTS_MEMORY(budget->limit);

	layout.elsewhere = elsewhere;
	layout.memory_limit = OWN_MEMORY(budget->limit) / (nworkers + 1);
	if (nworkers == 0 || job->max_length == 1 || db->nitems < 2 ||
		parallel_workers(db->npairs / PAIRS_PER_SECOND) == 0 ||
		job->best > layout.memory_limit / 64 || !budget_has_room(budget, elsewhere + lists))
		return NULL;
	shared = parallel_area_extend(db->area, size);
	*shared = layout;
	shared->max_length = job->max_length;
	shared->best = job->best;
	shared->cubes = job->store->cubes;
	pg_atomic_init_u64(&shared->bar, COUNT_GRADE(job->min_count));
	put_array(shared, shared->support, db->support, db->nitems);
	put_array(shared, shared->noccurrences, db->noccurrences, db->nitems);
	if (db->conflict_start)
	{
		put_array(shared, shared->conflict_start, db->conflict_start, (Size) db->nitems + 1);
		put_array(shared, shared->conflicts, db->conflicts, db->conflict_start[db->nitems]);
	}
	shared->db = *db;
	/* not enough shared memory: one process uses what has become private */
	if (parallel_area_workers(db->area) == 0)
		return NULL;
	budget->elsewhere += layout.elsewhere;
	return shared;
}

/* Mines the items from first to end in several processes. */
static void
mine_shared(const MiningJob *job, Miner *miner, SharedMining *shared, uint32 first, uint32 end,
			uint64 total)
{
	ParallelArea *area = job->db->area;
	Collector	collector = {0};
	ParallelTask task = {0};
	ParallelRun *run;
	ParallelResult result;
	uint32	   *first_item = shared_array(shared, shared->first_item);

	shared->nblocks = divide_items(first, end, job->db, total,
								   BLOCKS_PER_PROCESS * (parallel_area_workers(area) + 1),
								   first_item);
	shared->nranges = bar_rises(job) ? 0 : parallel_ranges(parallel_area_workers(area));
	task.name = "recsys_mining_kernel";
	task.kernel = &recsys_mining_kernel;
	task.nblocks = shared->nblocks;
	task.nranges = shared->nranges;
	task.result_size = sizeof(BlockSets);
	collector.job = job;
	collector.first_item = first_item;
	collector.nitems = first;
	collector.miner = miner;
	caller_job = job;
	caller_results = dsa_create_in_place((char *) shared + shared->results, RESULTS_SIZE,
										 LWTRANCHE_PARALLEL_QUERY_DSA,
										 parallel_area_extension_segment(area));
	dsa_set_size_limit(caller_results, RESULTS_MEMORY(job->budget->limit));
	run = parallel_begin(area, &task);
	while (parallel_next(run, &result))
		collect_sets(&collector, result.block, result.data);
	parallel_end(run);
	MemoryContextDelete(caller_mining->budget.cxt);
	caller_mining = NULL;
	caller_job = NULL;
	dsa_detach(caller_results);
	caller_results = NULL;
}

/*
 * Adds up the work of the items that are still to be mined and frequent enough,
 * and their pairs.
 */
static uint64
work_left(const Transactions *db, uint32 first, uint32 min_count, uint32 *end, uint64 *npairs)
{
	uint64		total = 0;
	uint32		i;

	*npairs = 0;
	for (i = first; i < db->nitems && db->support[i] >= min_count; i++)
	{
		total += item_work(db, i);
		*npairs += db->npairs_before[i];
	}
	*end = i;
	return total;
}

/*
 * Is it time for workers, with so much of the work done?  Where the bar rises
 * others would run ahead with one that is too low by far.
 */
static inline bool
time_to_share(const MiningJob *job, const Miner *miner, uint64 done, uint64 total)
{
	if (!bar_rises(job))
		return true;
	if (miner_bar(miner) == COUNT_GRADE(job->min_count))
		return done > total / 4;
	return done >= total / ALONE_PART;
}

/*
 * Mines everything.  The sets are in the store at the end, in no particular
 * order but that each comes after the one it extends; done is called as they
 * come, with items in order.  Lists of the transactions are gone afterwards.
 */
void
mine_transactions(const MiningJob *job)
{
	Transactions *db = job->db;
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "recsys rules mining",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	SharedMining *shared = share_transactions(job);
	Size		elsewhere = shared ? shared->elsewhere : 0;
	bool		shares = shared != NULL;
	bool		rises = bar_rises(job);
	uint64		total = 0;
	uint64		done = 0;
	uint64		npairs;
	Miner	   *miner;
	uint32		item;
	uint32		end;

	/* the lists are made when workers have been started, where they join in at once */
	if (job->max_length > 1 && (!shares || rises))
		transactions_index(db, 0, db->nitems, job->budget);
	miner = miner_create(db, job->max_length, job->store, job->budget);
	miner_raise_bar(miner, COUNT_GRADE(job->min_count));
	if (job->best > 0)
		miner_want_best(miner, best_grades_create(job->best, db, true, job->budget));
	if (shares)
	{
		miner_share_bar(miner, &shared->bar);
		total = work_left(db, 0, job->min_count, &end, &npairs);
	}

	/* items after one that is not frequent enough are not either */
	for (item = 0; item < db->nitems && db->support[item] >= miner_bar(miner) >> 32; item++)
	{
		if (shares && time_to_share(job, miner, done, total))
		{
			uint64		left = work_left(db, item, miner_bar(miner) >> 32, &end, &npairs);

			shares = false;
			if (!rises || parallel_workers(npairs / PAIRS_PER_SECOND) > 0)
			{
				mine_shared(job, miner, shared, item, end, left);
				break;
			}
		}
		miner_item(miner, item);
		if (shares)
			done += item_work(db, item);
		miner_raise_bar(miner, COUNT_GRADE(job->done(job->arg, item)));
	}

	transactions_free(db, job->budget);
	job->budget->elsewhere -= elsewhere;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}
