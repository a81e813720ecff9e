/*-------------------------------------------------------------------------
 *
 * sparse.h
 *		Sparse matrices.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_SPARSE_H
#define RECSYS_SPARSE_H

#include "core/triples.h"

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

/* So many entries on, what is looked up by column is asked for: it is in no cache, as columns come at random. */
#define SPARSE_AHEAD 24

/* The column of the entry that is so many after k. */
static inline uint32
sparse_col_ahead(const SparseMatrix *matrix, uint64 k)
{
	return matrix->cols[Min(k + SPARSE_AHEAD, matrix->start[matrix->nrows] - 1)];
}

/*
 * Gives the value that an entry counts with; called for entries of a batch
 * when a matrix is made of them.
 */
typedef float (*TripleValue) (void *arg, float value, int64 time);

extern Size sparse_sort_memory(uint64 longest);
extern SparseMatrix *sparse_create(MemoryContext cxt, Triples *triples, Size memory, uint32 nrows,
								   uint32 ncols, const uint32 *colmap,
								   TripleValue value, void *arg);
extern SparseMatrix *sparse_copy(MemoryContext cxt, const SparseMatrix *matrix);
extern void sparse_free(SparseMatrix *matrix);
extern Size sparse_memory(const SparseMatrix *matrix);
extern void sparse_compact(SparseMatrix *matrix);

/* roworder.c */
extern void sparse_sort_rows(SparseMatrix *matrix, SparseMatrix *second, Size memory);

#endif							/* RECSYS_SPARSE_H */
