/*-------------------------------------------------------------------------
 *
 * triples.h
 *		Interactions, or other entries of a matrix, as they are collected.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_TRIPLES_H
#define RECSYS_TRIPLES_H

#include "core/compat.h"

/*
 * Entries (row, column [, value [, time]]) as they come.  Without values all
 * are 1.
 */
typedef struct Triples Triples;

/* Entries as they are read back: arrays of the same length. */
typedef struct TripleBatch
{
	Size		count;
	const uint32 *rows;
	const uint32 *cols;
	const float *values;		/* NULL: all 1 */
	const int64 *times;			/* NULL: none */
} TripleBatch;

/* Gets some entries at a time; what it does to their rows and columns may last: see triples_renumber(). */
typedef void (*TripleNumbers) (void *arg, uint32 *rows, uint32 *cols, Size count);

extern Triples *triples_create(MemoryContext cxt, Size memory_limit);
extern void triples_add(Triples *triples, uint32 row, uint32 col, float value, int64 time);
extern void triples_add_many(Triples *triples, const uint32 *rows, const uint32 *cols,
							 const float *values, const int64 *times, Size count);
extern uint64 triples_count(const Triples *triples);
extern bool triples_have_values(const Triples *triples);
extern uint64 triples_size(const Triples *triples);
extern void triples_spill(Triples *triples);
extern void triples_limit(Triples *triples, Size memory_limit);
extern void triples_rewind(Triples *triples);
extern bool triples_next(Triples *triples, TripleBatch *batch);
extern void triples_visit(Triples *triples, TripleNumbers numbers, void *arg);
extern bool triples_group(Triples *triples, uint32 nrows, int bits);
extern void triples_renumber(Triples **triples, TripleNumbers numbers, void *arg);
extern void triples_clear(Triples *triples);
extern void triples_free(Triples *triples);

#endif							/* RECSYS_TRIPLES_H */
