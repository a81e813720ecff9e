/*-------------------------------------------------------------------------
 *
 * arena.h
 *		Memory that is used and given back in the order of a recursion.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RULES_ARENA_H
#define RECSYS_RULES_ARENA_H

#include "core/compat.h"

/* The memory that one run may use: of a context and those below it. */
typedef struct MemoryBudget
{
	MemoryContext cxt;
	Size		limit;			/* bytes */
	Size		elsewhere;		/* of these in use outside of the context: in shared memory */
} MemoryBudget;

/* The part of a budget for the sort of what has no place in memory. */
#define SPILL_MEMORY(limit) Max((limit) / 8, (Size) 64 * 1024)

typedef struct ArenaBlock
{
	char	   *memory;
	Size		size;
	Size		used;
} ArenaBlock;

#define ARENA_MAX_BLOCKS 64

typedef struct Arena
{
	MemoryContext cxt;
	const MemoryBudget *budget;
	ArenaBlock	blocks[ARENA_MAX_BLOCKS];
	int			nblocks;
	int			block;			/* the one in use */
} Arena;

typedef struct ArenaMark
{
	int			block;
	Size		used;
} ArenaMark;

extern bool budget_has_room(const MemoryBudget *budget, uint64 more);
extern void budget_check(const MemoryBudget *budget, uint64 more, const char *what);
extern void arena_init(Arena *arena, const MemoryBudget *budget);
extern void *arena_alloc(Arena *arena, Size size);

static inline ArenaMark
arena_mark(const Arena *arena)
{
	ArenaMark	mark;

	mark.block = arena->block;
	mark.used = arena->nblocks > 0 ? arena->blocks[arena->block].used : 0;
	return mark;
}

/* Gives back what was allocated since the mark was taken. */
static inline void
arena_release(Arena *arena, ArenaMark mark)
{
	arena->block = mark.block;
	if (arena->nblocks > 0)
		arena->blocks[mark.block].used = mark.used;
}

/* Gives back the end of the last piece, of which only so many bytes are used. */
static inline void
arena_shrink(Arena *arena, void *piece, Size size)
{
	ArenaBlock *block = &arena->blocks[arena->block];

	block->used = (char *) piece - block->memory + MAXALIGN(size);
}

#endif							/* RECSYS_RULES_ARENA_H */
