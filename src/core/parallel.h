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
	/* makes the state of one process, in the current memory context */
	void	   *(*begin) (const void *shared);
	/* works on a block, writes its result and returns the size of that in bytes */
	Size		(*run) (void *local, uint32 block, void *result);
} ParallelKernel;

/* Gets the results, in the process that called. */
typedef void (*ParallelResult) (void *arg, uint32 block, const void *result, Size size);

/* Runs a kernel on blocks 0 to nblocks - 1. */
typedef struct ParallelRun
{
	const char *name;			/* of the constant that is the kernel */
	const ParallelKernel *kernel;
	uint32		nblocks;
	uint32		prepare;		/* so many blocks are done before others are begun; where results come in order */
	uint32		nranges;		/* 0: results come in the order of blocks; else in any, see parallel_ranges() */
	Size		result_size;	/* in bytes, of a block at most */
	ParallelResult emit;
	void	   *arg;
} ParallelRun;

typedef struct ParallelArea ParallelArea;

extern int	parallel_workers(double work);
extern ParallelArea *parallel_area_create(Size size, int nworkers);
extern void *parallel_area_data(ParallelArea *area);
extern int	parallel_area_workers(const ParallelArea *area);
extern struct dsm_segment *parallel_area_segment(const ParallelArea *area);
extern void *parallel_area_extend(ParallelArea *area, Size size);
extern struct dsm_segment *parallel_area_extension_segment(const ParallelArea *area);
extern const void *parallel_extension(void);
extern void parallel_area_run(ParallelArea *area, const ParallelRun *run);
extern dsa_pointer parallel_allocate(dsa_area *area, Size size);
extern void parallel_area_free(ParallelArea *area);
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
