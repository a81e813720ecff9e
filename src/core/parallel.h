/*-------------------------------------------------------------------------
 *
 * parallel.h
 *		Work in independent blocks by several processes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_PARALLEL_H
#define RECSYS_PARALLEL_H

#include "core/compat.h"
#include "utils/dsa.h"

/*
 * What is done with a block.  A kernel is an exported constant whose name
 * starts with recsys_, so that other processes find it:
 *
 *		PGDLLEXPORT const ParallelKernel recsys_my_kernel = {begin, run};
 */
typedef struct ParallelKernel
{
	/* makes the state of one process, in the memory context that is current in parallel_begin() */
	void	   *(*begin) (const void *shared);
	/* works on a block, writes its result and returns the size of that in bytes */
	Size		(*run) (void *local, uint32 block, void *result);
	/* makes a part of what all blocks need, without a result; NULL: nothing like that */
	void		(*prepare) (void *local, uint32 part);
} ParallelKernel;

/* What there is to do: prepare a number of parts, and then run a number of blocks. */
typedef struct ParallelTask
{
	const char *name;			/* of the constant that is the kernel */
	const ParallelKernel *kernel;
	uint32		nparts;			/* 0 unless results come in order */
	uint32		nblocks;
	uint32		nranges;		/* 0: results come in the order of blocks; else in any, see parallel_ranges() */
	Size		result_size;	/* in bytes, of a block at most */
} ParallelTask;

/* The result of a block, which is there until the next one is asked for. */
typedef struct ParallelResult
{
	uint32		block;
	const void *data;
	Size		size;
} ParallelResult;

typedef struct ParallelArea ParallelArea;
typedef struct ParallelRun ParallelRun;

extern int	parallel_workers(double work);
extern ParallelArea *parallel_area_create(Size size, int nworkers);
extern void *parallel_area_data(ParallelArea *area);
extern int	parallel_area_workers(const ParallelArea *area);
extern struct dsm_segment *parallel_area_segment(const ParallelArea *area);
extern void *parallel_area_extend(ParallelArea *area, Size size);
extern struct dsm_segment *parallel_area_extension_segment(const ParallelArea *area);
extern const void *parallel_extension(void);
extern dsa_pointer parallel_allocate(dsa_area *area, Size size);
extern void parallel_area_free(ParallelArea *area);
extern ParallelRun *parallel_begin(ParallelArea *area, const ParallelTask *task);
extern bool parallel_next(ParallelRun *run, ParallelResult *result);
extern void parallel_end(ParallelRun *run);
extern void parallel_check_interrupts(void);

/*
 * For a run with results in any order: how many ranges there are of blocks, each
 * of which two processes begin at both its ends.
 */
static inline uint32
parallel_ranges(int nworkers)
{
	return (uint32) nworkers / 2 + 1;
}

/* The first block of a range; after the last range the number of blocks. */
static inline uint32
parallel_range_start(uint32 nblocks, uint32 nranges, uint32 range)
{
	return (uint64) nblocks * range / nranges;
}

#endif							/* RECSYS_PARALLEL_H */
