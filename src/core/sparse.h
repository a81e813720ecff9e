/*-------------------------------------------------------------------------
 *
 * sparse.h
 *		Sparse matrices: collecting entries in any order, and the matrix of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_SPARSE_H
#define RECSYS_SPARSE_H

#include "core/compat.h"
#include "lib/stringinfo.h"

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

/* Column of an entry that sparse_compact() is to drop. */
#define SPARSE_DROPPED PG_UINT32_MAX

/* Compressed rows: the entries of row r are start[r] to start[r + 1] - 1. */
typedef struct SparseMatrix
{
	uint32		nrows;
	uint32		ncols;
	uint64	   *start;
	uint32	   *cols;			/* ascending within a row */
	float	   *values;			/* NULL: all 1 */
} SparseMatrix;

/*
 * Gives the value that an entry counts with; called for entries of a batch
 * when a matrix is made of them.
 */
typedef float (*TripleValue) (void *arg, float value, int64 time);

/* Gets some entries at a time; what it does to their rows and columns may last: see triples_renumber(). */
typedef void (*TripleNumbers) (void *arg, uint32 *rows, uint32 *cols, Size count);

extern Triples *triples_create(MemoryContext cxt, Size memory_limit);
extern void triples_add(Triples *triples, uint32 row, uint32 col, float value, int64 time);
extern uint64 triples_count(const Triples *triples);
extern uint64 triples_size(const Triples *triples);
extern void triples_spill(Triples *triples);
extern void triples_limit(Triples *triples, Size memory_limit);
extern void triples_rewind(Triples *triples);
extern bool triples_next(Triples *triples, TripleBatch *batch);
extern void triples_visit(Triples *triples, TripleNumbers numbers, void *arg);
extern void triples_renumber(Triples **triples, TripleNumbers numbers, void *arg);
extern void triples_clear(Triples *triples);
extern void triples_free(Triples *triples);

extern SparseMatrix *sparse_create(MemoryContext cxt, Triples *triples, Size memory, uint32 nrows,
								   uint32 ncols, const uint32 *colmap,
								   TripleValue value, void *arg);
extern SparseMatrix *sparse_copy(MemoryContext cxt, const SparseMatrix *matrix);
extern void sparse_free(SparseMatrix *matrix);
extern Size sparse_memory(const SparseMatrix *matrix);
extern void sparse_compact(SparseMatrix *matrix);

/* roworder.c */
extern uint32 *sparse_row_order(const SparseMatrix *matrix, const SparseMatrix *second);

#endif							/* RECSYS_SPARSE_H */
