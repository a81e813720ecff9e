/*-------------------------------------------------------------------------
 *
 * parallel.c
 *		Work in independent blocks by several processes.
 *
 * The caller fills an area of memory with the data that the work needs, in a
 * form without pointers, and says how many blocks there are and what is done
 * with one of them.  Blocks are numbered; each process takes the next one
 * that is free, and the results come back in the order of their numbers, so
 * that who did what makes no difference.  The caller asks for one result after
 * the other, and may stop before the last.
 *
 *		caller:	 area (dynamic shared memory)  ->  run: control segment with a ring
 *				 of result slots; takes blocks itself while no result is there
 *		workers: attach both, take blocks, write results into their slots
 *
 * A worker waits when it is a whole ring ahead of the caller, so the memory
 * for results is bounded however large their sum.  Where something is prepared
 * for all blocks, that is done by the first blocks of the run, which have no
 * result, and which all others wait for.
 *
 * Where a process has to prepare something for blocks that lie together, and
 * results may come in any order, the blocks are divided into ranges.  Two
 * processes share a range, from both its ends, until they meet; who has none
 * left helps where the most is left.
 *
 * Workers are background workers of the class "parallel", counted by
 * max_parallel_workers, without a connection to a database.  The caller is not
 * put into parallel mode: it may write tables while it takes the results.  No
 * worker need ever start; the caller does what nobody else does.  When the
 * caller fails or is cancelled, the release of its resources tells the workers
 * to stop; when a worker fails, its error is thrown in the caller.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <signal.h>

#include "access/parallel.h"
#include "mb/pg_wchar.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "postmaster/bgworker.h"
#include "storage/condition_variable.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/resowner.h"

#include "core/large.h"
#include "core/parallel.h"

#define RING_BYTES ((Size) 16 * 1024 * 1024)
#define MIN_SLOTS 8
#define MAX_SLOTS 256
#define NO_BLOCK PG_UINT32_MAX

struct ParallelArea
{
	int			nworkers;		/* 0: data is private memory */
	ResourceOwner owner;		/* of all its shared memory; NULL: there is none */
	dsm_segment *segment;
	void	   *data;
	dsm_segment *more_segment;	/* what parallel_area_extend() added */
	void	   *more;
};

/* For the kernel that runs in this process: what was added, and an owner of shared memory. */
static const void *extension = NULL;
static ResourceOwner run_owner = NULL;

/* Where a block's result goes. */
typedef struct Slot
{
	pg_atomic_uint32 ready;		/* block + 1 when its result is there */
	Size		size;
} Slot;

/* At the start of the control segment; slots, ranges and results follow. */
typedef struct Control
{
	dsm_handle	data;
	bool		extended;
	dsm_handle	more;
	uint32		nblocks;		/* with those that prepare */
	uint32		nparts;			/* the first blocks, which prepare what others wait for */
	uint32		nslots;
	Size		result_size;	/* of a slot, aligned */
	uint32		nranges;		/* 0: blocks are taken in order */
	char		kernel[NAMEDATALEN];
	pg_atomic_uint32 joined;	/* workers */
	pg_atomic_uint32 next;		/* block that nobody has taken yet, in order */
	pg_atomic_uint32 emitted;	/* blocks whose results were handed over */
	pg_atomic_uint32 stop;		/* the caller is gone, or a worker failed */
	pg_atomic_uint32 failed;	/* set after sqlstate and message */
	ConditionVariable changed;
	int			sqlstate;
	char		message[512];
} Control;

struct ParallelRun
{
	ParallelArea *area;
	ParallelTask task;
	MemoryContext cxt;			/* what the kernel has in this process */
	void	   *local;
	dsm_segment *segment;		/* NULL: this process works alone */
	Control    *control;		/* what is in the segment */
	uint32		range;			/* that this process takes blocks of */
	void	   *result;			/* alone: room for a result */
	uint32		done;			/* blocks, those that prepare among them */
	Slot	   *slot;			/* whose result was handed over last */
};

/* In a worker: what it is doing. */
static Control *worker_control = NULL;
static uint32 worker_block = NO_BLOCK;

extern PGDLLEXPORT void recsys_parallel_main(Datum arg);

/* Sizes of the parts of the segment, which have atomic 64-bit numbers: more than MAXALIGN() on some machines. */
#define PART_SIZE(size) TYPEALIGN(sizeof(uint64), size)

static inline Slot *
slot_of(Control *control, uint32 block)
{
	return (Slot *) ((char *) control + PART_SIZE(sizeof(Control))) + block % control->nslots;
}

/* What is left of a range: its first block, and above 32 bits the one after its last. */
static inline pg_atomic_uint64 *
range_left(Control *control, uint32 range)
{
	return (pg_atomic_uint64 *) ((char *) control + PART_SIZE(sizeof(Control)) +
								 PART_SIZE(control->nslots * sizeof(Slot))) + range;
}

static inline void *
result_of(Control *control, uint32 block)
{
	return (char *) range_left(control, 0) + PART_SIZE(control->nranges * sizeof(pg_atomic_uint64)) +
		(block % control->nslots) * control->result_size;
}

/*
 * How many workers beside the caller are worth their start, of about 5 ms,
 * for work that takes one process the given number of seconds.
 */
int
parallel_workers(double work)
{
	if (work < 0.05 || IsParallelWorker() || !IsUnderPostmaster)
		return 0;
	return Min(max_parallel_maintenance_workers, max_parallel_workers);
}

/* In PG_CATCH(): goes on where shared memory is what was short, else throws the error again. */
static void
catch_shortage(MemoryContext cxt)
{
	ErrorData  *error;

	MemoryContextSwitchTo(cxt);
	error = CopyErrorData();
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) !=
		ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES))
		PG_RE_THROW();
	FlushErrorState();
	ereport(DEBUG1,
			(errmsg_internal("not enough shared memory: %s", error->message)));
	FreeErrorData(error);
}

/* Gives up what an owner still has, and the owner. */
static void
release_owner(ResourceOwner owner)
{
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_BEFORE_LOCKS, false, false);
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_LOCKS, false, false);
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_AFTER_LOCKS, false, false);
	ResourceOwnerDelete(owner);
}

/*
 * Creates a segment of shared memory; NULL where there is not enough of that: a
 * container's /dev/shm may be small.
 */
static dsm_segment *
create_segment(ResourceOwner parent, Size size)
{
	MemoryContext cxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ResourceOwner attempt = ResourceOwnerCreate(parent, "recsys shared memory");
	dsm_segment *volatile segment = NULL;

	/*
	 * An error of dsm_create() leaves nothing but its descriptor, which
	 * belongs to the resource owner of this attempt.
	 */
	CurrentResourceOwner = attempt;
	PG_TRY();
	{
		segment = dsm_create(size, DSM_CREATE_NULL_IF_MAXSEGMENTS);
	}
	PG_CATCH();
	{
		CurrentResourceOwner = owner;
		catch_shortage(cxt);
	}
	PG_END_TRY();
	CurrentResourceOwner = owner;
	if (segment == NULL)
		release_owner(attempt);
	/* else the attempt stays until its parent is released */
	return segment;
}

/*
 * dsa_allocate() for a kernel that returns InvalidDsaPointer where the area may
 * not grow, or cannot for want of shared memory.
 */
dsa_pointer
parallel_allocate(dsa_area *area, Size size)
{
	MemoryContext cxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ResourceOwner attempt = ResourceOwnerCreate(run_owner, "recsys shared memory");
	volatile dsa_pointer result = InvalidDsaPointer;

	/* a new segment of the area belongs to the attempt */
	CurrentResourceOwner = attempt;
	PG_TRY();
	{
		result = dsa_allocate_extended(area, size, DSA_ALLOC_HUGE | DSA_ALLOC_NO_OOM);
	}
	PG_CATCH();
	{
		/* the area's own, which was not changed yet */
		LWLockReleaseAll();
		CurrentResourceOwner = owner;
		catch_shortage(cxt);
	}
	PG_END_TRY();
	CurrentResourceOwner = owner;
	if (!DsaPointerIsValid(result))
		release_owner(attempt);
	return result;
}

/*
 * Creates an area of a size in bytes.  For more than 0 workers it is in shared
 * memory; where there is not enough of that the area is private and the caller
 * will work alone.
 */
ParallelArea *
parallel_area_create(Size size, int nworkers)
{
	ParallelArea *area = palloc0_object(ParallelArea);

	if (nworkers > 0)
	{
		area->owner = ResourceOwnerCreate(CurrentResourceOwner, "recsys parallel area");
		area->segment = create_segment(area->owner, size);
	}
	if (area->segment)
	{
		area->nworkers = nworkers;
		area->data = dsm_segment_address(area->segment);
	}
	else
		area->data = large_alloc(CurrentMemoryContext, size);
	return area;
}

/* Start of the area, aligned as palloc() does. */
void *
parallel_area_data(ParallelArea *area)
{
	return area->data;
}

/* How many workers it can have; 0 where a part of it is private. */
int
parallel_area_workers(const ParallelArea *area)
{
	return area->nworkers;
}

/* Its segment of shared memory; NULL where it is private. */
dsm_segment *
parallel_area_segment(const ParallelArea *area)
{
	return area->segment;
}

/*
 * Adds memory to an area, once: what comes first need not be as large as what
 * is known later.  Kernels get at it through parallel_extension().  Where there
 * is not enough shared memory for it the caller will work alone.
 */
void *
parallel_area_extend(ParallelArea *area, Size size)
{
	Assert(area->more == NULL);
	size = Max(size, 1);
	if (area->nworkers > 0)
		area->more_segment = create_segment(area->owner, size);
	if (area->more_segment)
		area->more = dsm_segment_address(area->more_segment);
	else
	{
		area->nworkers = 0;
		area->more = MemoryContextAllocHuge(CurrentMemoryContext, size);
	}
	return area->more;
}

/* The segment of what was added; NULL where it is private. */
dsm_segment *
parallel_area_extension_segment(const ParallelArea *area)
{
	return area->more_segment;
}

/* For begin() of a kernel: start of what was added to its area. */
const void *
parallel_extension(void)
{
	return extension;
}

/* Shared memory that its kernels have allocated is to be given back before. */
void
parallel_area_free(ParallelArea *area)
{
	if (area->more_segment)
		dsm_detach(area->more_segment);
	else if (area->more)
		pfree(area->more);
	if (area->segment)
		dsm_detach(area->segment);
	else
		pfree(area->data);
	if (area->owner)
		release_owner(area->owner);
	pfree(area);
}

/*
 * CHECK_FOR_INTERRUPTS() of a kernel: ends a worker that is no longer wanted.
 */
void
parallel_check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
	if (worker_control && pg_atomic_read_u32(&worker_control->stop))
	{
		worker_block = NO_BLOCK;
		proc_exit(0);
	}
}

/* Works on a block, or prepares a part; the size of the result. */
static Size
work_on(const ParallelKernel *kernel, void *local, uint32 nparts, uint32 block, void *result)
{
	if (block >= nparts)
		return kernel->run(local, block - nparts, result);
	kernel->prepare(local, block);
	return 0;
}

static void
run_block(Control *control, const ParallelKernel *kernel, void *local, uint32 block)
{
	Slot	   *slot = slot_of(control, block);

	slot->size = work_on(kernel, local, control->nparts, block, result_of(control, block));
	Assert(slot->size <= control->result_size);
	pg_write_barrier();
	pg_atomic_write_u32(&slot->ready, block + 1);
	ConditionVariableBroadcast(&control->changed);
}

/* A worker goes: where that is in the midst of a block, nobody will finish it. */
static void
worker_gone(dsm_segment *segment, Datum arg)
{
	Control    *control = dsm_segment_address(segment);

	/* the variable that we may be waiting on is about to be unmapped */
	ConditionVariableCancelSleep();
	worker_control = NULL;
	if (worker_block != NO_BLOCK)
	{
		if (!pg_atomic_read_u32(&control->failed))
		{
			control->sqlstate = ERRCODE_ADMIN_SHUTDOWN;
			strlcpy(control->message, "a parallel worker was terminated", sizeof(control->message));
			pg_write_barrier();
			pg_atomic_write_u32(&control->failed, 1);
		}
		ConditionVariableBroadcast(&control->changed);
	}
}

/* The range that a process begins at: two share one. */
static inline uint32
first_range(const Control *control, uint32 process)
{
	return control->nranges > 0 ? process / 2 % control->nranges : 0;
}

/* Takes a block from one of a range's ends; NO_BLOCK where there is none left. */
static uint32
take_from_range(Control *control, uint32 range, bool last)
{
	uint64		left = pg_atomic_read_u64(range_left(control, range));

	while ((uint32) left < left >> 32)
	{
		uint64		rest = last ? left - ((uint64) 1 << 32) : left + 1;

		if (pg_atomic_compare_exchange_u64(range_left(control, range), &left, rest))
			return last ? (rest >> 32) : (uint32) left;
	}
	return NO_BLOCK;
}

/*
 * Takes a block of the range that a process is at, or when that is done of the
 * one that is furthest behind, which becomes its range; NO_BLOCK at the end.
 */
static uint32
take_from_ranges(Control *control, uint32 process, uint32 *range)
{
	for (;;)
	{
		uint32		block = take_from_range(control, *range, process % 2 != 0);
		uint32		most = 0;
		uint32		i;

		if (block != NO_BLOCK)
			return block;
		for (i = 0; i < control->nranges; i++)
		{
			uint64		left = pg_atomic_read_u64(range_left(control, i));

			if ((left >> 32) - (uint32) left > most)
			{
				most = (left >> 32) - (uint32) left;
				*range = i;
			}
		}
		if (most == 0)
			return NO_BLOCK;
	}
}

/* Blocks from here on cannot be begun yet. */
static uint32
end_of_blocks(Control *control)
{
	uint32		emitted = pg_atomic_read_u32(&control->emitted);
	uint32		end = emitted < control->nparts ? control->nparts : control->nblocks;

	return (uint32) Min((uint64) end, (uint64) emitted + control->nslots);
}

static void
worker_loop(Control *control, dsm_segment *data)
{
	const ParallelKernel *kernel;
	uint32		process = pg_atomic_fetch_add_u32(&control->joined, 1) + 1;
	uint32		range = first_range(control, process);
	void	   *local;

	kernel = (const ParallelKernel *) load_external_function("recsys", control->kernel, true, NULL);
	local = kernel->begin(dsm_segment_address(data));
	for (;;)
	{
		uint32		block = control->nranges > 0 ? take_from_ranges(control, process, &range) :
			pg_atomic_fetch_add_u32(&control->next, 1);

		if (block >= control->nblocks)
			break;
		worker_block = block;
		while (block >= end_of_blocks(control))
		{
			parallel_check_interrupts();
			ConditionVariableSleep(&control->changed, PG_WAIT_EXTENSION);
		}
		ConditionVariableCancelSleep();
		pg_memory_barrier();
		run_block(control, kernel, local, block);
		worker_block = NO_BLOCK;
		parallel_check_interrupts();
	}
}

/* A worker's main function; its argument is the handle of the control segment. */
void
recsys_parallel_main(Datum arg)
{
	dsm_segment *segment;
	dsm_segment *data;
	Control    *control;
	MemoryContext cxt;

	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	cxt = AllocSetContextCreate(TopMemoryContext, "recsys parallel worker", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(cxt);

	/* nothing to attach: the caller was faster than our start */
	segment = dsm_attach(DatumGetUInt32(arg));
	if (segment == NULL)
		proc_exit(0);
	control = dsm_segment_address(segment);
	worker_control = control;
	on_dsm_detach(segment, worker_gone, (Datum) 0);
	data = dsm_attach(control->data);
	if (data == NULL)
		proc_exit(0);
	if (control->extended)
	{
		dsm_segment *more = dsm_attach(control->more);

		if (more == NULL)
			proc_exit(0);
		extension = dsm_segment_address(more);
	}

	PG_TRY();
	{
		worker_loop(control, data);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		/*
		 * No transaction is there to do this.  A lock in shared memory that is
		 * still held when that is gone would crash the server: an area that its
		 * owner has left is found out with its lock held.
		 */
		LWLockReleaseAll();
		MemoryContextSwitchTo(cxt);
		error = CopyErrorData();
		control->sqlstate = error->sqlerrcode;
		strlcpy(control->message, error->message, sizeof(control->message));
		pg_write_barrier();
		pg_atomic_write_u32(&control->failed, 1);
		pg_atomic_write_u32(&control->stop, 1);
		ConditionVariableBroadcast(&control->changed);
		FlushErrorState();
		worker_block = NO_BLOCK;
	}
	PG_END_TRY();
	proc_exit(0);
}

/* The caller lets go of the control segment, in success or failure. */
static void
caller_gone(dsm_segment *segment, Datum arg)
{
	Control    *control = dsm_segment_address(segment);

	pg_atomic_write_u32(&control->stop, 1);
	ConditionVariableBroadcast(&control->changed);
}

static void
start_workers(int nworkers, dsm_segment *segment)
{
	BackgroundWorker worker = {0};
	int			i;

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_CLASS_PARALLEL;
	worker.bgw_start_time = BgWorkerStart_PostmasterStart;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(segment));
	strlcpy(worker.bgw_library_name, "recsys", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "recsys_parallel_main", sizeof(worker.bgw_function_name));
	snprintf(worker.bgw_name, BGW_MAXLEN, "recsys worker for PID %d", MyProcPid);
	strlcpy(worker.bgw_type, "recsys parallel worker", sizeof(worker.bgw_type));
	for (i = 0; i < nworkers; i++)
		if (!RegisterDynamicBackgroundWorker(&worker, NULL))
			break;
}

/* NULL where there is not enough shared memory. */
static Control *
create_control(ParallelArea *area, const ParallelTask *task, dsm_segment **segment)
{
	Control    *control;
	Size		slot_size = MAXALIGN(task->result_size);
	uint32		nslots = task->nranges > 0 ? task->nblocks :
		Max(Min(RING_BYTES / Max(slot_size, 1), MAX_SLOTS), MIN_SLOTS);
	Size		size;
	uint32		i;

	size = PART_SIZE(sizeof(Control)) + PART_SIZE(nslots * sizeof(Slot)) +
		PART_SIZE(task->nranges * sizeof(pg_atomic_uint64)) + nslots * slot_size;
	*segment = create_segment(area->owner, size);
	if (*segment == NULL)
		return NULL;
	control = dsm_segment_address(*segment);
	control->data = dsm_segment_handle(area->segment);
	control->extended = area->more_segment != NULL;
	if (control->extended)
		control->more = dsm_segment_handle(area->more_segment);
	control->nblocks = task->nparts + task->nblocks;
	control->nparts = task->nparts;
	control->nslots = nslots;
	control->result_size = slot_size;
	control->nranges = task->nranges;
	control->message[0] = '\0';
	strlcpy(control->kernel, task->name, sizeof(control->kernel));
	pg_atomic_init_u32(&control->joined, 0);
	pg_atomic_init_u32(&control->next, 0);
	pg_atomic_init_u32(&control->emitted, 0);
	pg_atomic_init_u32(&control->stop, 0);
	pg_atomic_init_u32(&control->failed, 0);
	ConditionVariableInit(&control->changed);
	for (i = 0; i < nslots; i++)
		pg_atomic_init_u32(&slot_of(control, i)->ready, 0);
	for (i = 0; i < task->nranges; i++)
		pg_atomic_init_u64(range_left(control, i),
						   (uint64) parallel_range_start(task->nblocks, task->nranges, i + 1) << 32 |
						   parallel_range_start(task->nblocks, task->nranges, i));
	on_dsm_detach(*segment, caller_gone, (Datum) 0);
	return control;
}

/* Takes a block for the caller; NO_BLOCK where there is none that the ring has room for. */
static uint32
take_block(Control *control, uint32 *range)
{
	uint32		block = pg_atomic_read_u32(&control->next);
	uint32		limit = end_of_blocks(control);

	if (control->nranges > 0)
		return take_from_ranges(control, 0, range);
	while (block < limit)
		if (pg_atomic_compare_exchange_u32(&control->next, &block, block + 1))
			return block;
	return NO_BLOCK;
}

/* A block whose result is to be handed over now; NO_BLOCK where there is none. */
static uint32
find_ready(Control *control)
{
	uint32		block = pg_atomic_read_u32(&control->emitted);
	uint32		end = control->nblocks;

	if (control->nranges > 0)
		block = 0;
	else
		end = Min(end, block + 1);
	for (; block < end; block++)
		if (pg_atomic_read_u32(&slot_of(control, block)->ready) == block + 1)
			return block;
	return NO_BLOCK;
}

static void
throw_failure(Control *control)
{
	Size		length;

	pg_read_barrier();
	/* a long one may have been cut within a character */
	length = strnlen(control->message, sizeof(control->message) - 1);
	control->message[pg_mbcliplen(control->message, length, length)] = '\0';
	ereport(ERROR,
			(errcode(control->sqlstate),
			 errmsg_internal("%s", control->message),
			 errcontext("parallel worker")));
}

/* To be called before a kernel works: others may have had runs since. */
static void
enter_run(const ParallelRun *run)
{
	extension = run->area->more;
	run_owner = run->area->owner;
}

/*
 * Begins to work on a task; kernels work in the memory context that is current
 * here.  There may be several runs of an area, one after the other.
 */
ParallelRun *
parallel_begin(ParallelArea *area, const ParallelTask *task)
{
	ParallelRun *run = palloc0_object(ParallelRun);
	uint32		most = Max(task->nparts, task->nblocks);

	Assert(task->nparts == 0 || task->nranges == 0);
	run->area = area;
	run->task = *task;
	run->cxt = CurrentMemoryContext;
	if (area->nworkers > 0 && most > 1)
		run->control = create_control(area, task, &run->segment);
	if (run->control)
		start_workers((int) Min((uint32) area->nworkers, most - 1), run->segment);
	else
		run->result = MemoryContextAllocHuge(run->cxt, Max(task->result_size, 1));
	enter_run(run);
	run->local = task->kernel->begin(area->data);
	return run;
}

/* The next block, done here and now. */
static void
do_next(ParallelRun *run, ParallelResult *result)
{
	CHECK_FOR_INTERRUPTS();
	result->block = run->done++;
	result->data = run->result;
	result->size = work_on(run->task.kernel, run->local, run->task.nparts, result->block, run->result);
}

/* Gives the room of the last result to another. */
static void
release_slot(ParallelRun *run)
{
	pg_atomic_write_u32(&run->slot->ready, 0);
	/* what was read of the slot, too, comes before it is given away */
	pg_memory_barrier();
	pg_atomic_write_u32(&run->control->emitted, run->done);
	ConditionVariableBroadcast(&run->control->changed);
	run->slot = NULL;
}

/* The next block that is done; works, or waits, where none is. */
static void
wait_for_next(ParallelRun *run, ParallelResult *result)
{
	Control    *control = run->control;
	uint32		block;

	if (run->slot)
		release_slot(run);
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if ((block = find_ready(control)) != NO_BLOCK)
			break;
		if (pg_atomic_read_u32(&control->failed))
			throw_failure(control);
		if ((block = take_block(control, &run->range)) != NO_BLOCK)
		{
			run_block(control, run->task.kernel, run->local, block);
			continue;
		}
		ConditionVariablePrepareToSleep(&control->changed);
		while (find_ready(control) == NO_BLOCK && !pg_atomic_read_u32(&control->failed))
			ConditionVariableSleep(&control->changed, PG_WAIT_EXTENSION);
		ConditionVariableCancelSleep();
	}
	pg_read_barrier();
	run->done++;
	run->slot = slot_of(control, block);
	result->block = block;
	result->data = result_of(control, block);
	result->size = run->slot->size;
}

/* Gets the next result; false where there is none any more. */
bool
parallel_next(ParallelRun *run, ParallelResult *result)
{
	MemoryContext old = MemoryContextSwitchTo(run->cxt);
	uint32		end = run->task.nparts + run->task.nblocks;
	bool		found = false;

	enter_run(run);
	while (!found && run->done < end)
	{
		if (run->control)
			wait_for_next(run, result);
		else
			do_next(run, result);
		found = result->block >= run->task.nparts;
	}
	if (found)
		result->block -= run->task.nparts;
	MemoryContextSwitchTo(old);
	return found;
}

/* Ends a run, be it before the last result. */
void
parallel_end(ParallelRun *run)
{
	if (run->segment)
		dsm_detach(run->segment);
	else
		pfree(run->result);
	pfree(run);
}
