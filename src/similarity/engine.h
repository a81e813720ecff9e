/*-------------------------------------------------------------------------
 *
 * engine.h
 *		Inside of similarity/: interactions that are being collected.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_ENGINE_H
#define RECSYS_ENGINE_H

#include "core/compat.h"
#include "core/iddict.h"
#include "core/sparse.h"
#include "similarity/similarity.h"

struct SimilarityBuild
{
	MemoryContext cxt;
	SimilarityOptions options;
	IdDict	   *users;
	IdDict	   *items;
	Triples    *triples;
	/* while finishing */
	SimilarityEmit emit;
	void	   *emit_arg;
	MemoryContext emit_cxt;
	SparseMatrix *matrix;		/* users x targets */
	uint32	   *order;			/* of users */
	uint32	   *target_item;	/* number in the dictionary, by target */
	uint32	   *source_target;	/* target, by source */
	uint32	   *target_rank;	/* source, by target */
	uint32	   *item_count;		/* users, by target */
	double	   *item_sum;		/* weights, by target */
	double	   *item_square;	/* C_ii, by target */
	double	   *user_weights;	/* by user; NULL: all 1 */
	uint64		nusers;			/* with any interaction */
	uint64		nitems;
	uint32		current_item;	/* target that emit is called for */
	uint32		first_row;		/* of the part of sources that is being worked on */
	uint32		nrows;
	uint32		block_rows;
	uint64		rows_done;
	Datum	   *neighbours;		/* buffers for emit */
	double	   *scores;
	int64	   *together;
};

extern SimilarityBuild *similarity_create(MemoryContext cxt, const SimilarityOptions *options);

#endif							/* RECSYS_ENGINE_H */
