/*-------------------------------------------------------------------------
 *
 * arena.c
 *		Memory that is used and given back in the order of a recursion.
 *
 * A stack of blocks, each larger than the one before.  Blocks that are given
 * back are kept for the next time.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "core/large.h"
#include "rules/arena.h"

/* Would a run's memory with some more to come be within its limit? */
bool
budget_has_room(const MemoryBudget *budget, uint64 more)
{
	more += budget->elsewhere;
	return more <= budget->limit &&
		MemoryContextMemAllocated(budget->cxt, true) <= budget->limit - more;
}

/* Error where it would not. */
void
budget_check(const MemoryBudget *budget, uint64 more, const char *what)
{
	if (!budget_has_room(budget, more))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s need more memory than maintenance_work_mem (%zu kB)",
						what, budget->limit / 1024),
				 errhint("Raise min_support or min_count, lower max_length or max_basket, or raise maintenance_work_mem.")));
}

/* An empty arena in the current memory context, which should be one of the budget. */
void
arena_init(Arena *arena, const MemoryBudget *budget)
{
	arena->cxt = CurrentMemoryContext;
	arena->budget = budget;
	arena->nblocks = 0;
	arena->block = 0;
}

/* Memory of a size in bytes, aligned as palloc() does, until it is released. */
void *
arena_alloc(Arena *arena, Size size)
{
	ArenaBlock *block = &arena->blocks[arena->block];
	void	   *result;

	size = MAXALIGN(size);
	while (arena->nblocks == 0 || block->size - block->used < size)
	{
		if (arena->nblocks > 0)
			arena->block++;
		block = &arena->blocks[arena->block];
		if (arena->block < arena->nblocks)
		{
			block->used = 0;
			if (block->size >= size)
				break;
			/* blocks above are free: make place for one that is large enough */
			while (arena->nblocks > arena->block)
				pfree(arena->blocks[--arena->nblocks].memory);
		}
		if (arena->block == ARENA_MAX_BLOCKS)
			elog(ERROR, "out of arena blocks");
		block->size = Max(size, (Size) 256 * 1024 << Min(arena->block, 20));
		budget_check(arena->budget, block->size, "projections of the baskets");
		block->memory = large_alloc(arena->cxt, block->size);
		block->used = 0;
		arena->nblocks = arena->block + 1;
	}
	result = block->memory + block->used;
	block->used += size;
	return result;
}
