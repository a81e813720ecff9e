/*-------------------------------------------------------------------------
 *
 * engine.h
 *		Inside of similarity/: interactions being collected, and their matrices.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_ENGINE_H
#define RECSYS_ENGINE_H

#include "core/compat.h"
#include "core/iddict.h"
#include "core/sparse.h"
#include "similarity/measure.h"
#include "similarity/similarity.h"

/* Interactions that wait for their numbers, to be looked up together. */
#define PENDING 64

/* Users, or items, being numbered: see ids.c. */
typedef struct Ids
{
	IdDict	   *dict;
	int16		typlen;			/* of integers */
	bool		distances;		/* numbers are distances from the origin; the dictionary is empty */
	bool		hashed;			/* numbers are those of the dictionary */
	int64		origin;
	uint32		least;			/* distance; more than the greatest: none so far */
	uint32		greatest;
	/* while all get their last numbers */
	uint64	   *bits;			/* distances from the least that occur */
	Size		nwords;
	uint32	   *ranks;			/* by word: numbers in those before; NULL: distances are kept */
	uint32		count;
} Ids;

/*
 * Items of one kind with their interactions.  In the matrix items have numbers
 * by falling popularity, or, where they are very many, in the order of their
 * values, and so they have in the dictionary when there is a matrix; their rank
 * is the place of their value.
 */
typedef struct Side
{
	Ids			ids;
	/* interactions that have no numbers yet */
	int			npending;
	Datum		pending_users[PENDING];
	Datum		pending_items[PENDING];
	float		pending_weights[PENDING];
	int64		pending_times[PENDING];
	Triples    *triples;		/* users x items of the dictionary, while collecting */
	SparseMatrix *matrix;		/* users x items by number */
	uint32		nitems;			/* all, even without any interaction that counts */
	uint64		active;			/* those with any */
	uint32	   *rank;			/* by number; NULL: numbers are ranks */
	uint32	   *by_rank;		/* number, by rank; likewise */
	uint32	   *users;			/* number of users, by number; before limits */
	double	   *weight;			/* sum of weights, by number; before limits; NULL: users */
	uint32	   *count;			/* of entries in the matrix, by number */
	double	   *total;			/* of values in the matrix before they are weighed */
	double	   *square;			/* C_ii */
} Side;

typedef struct Multiplication Multiplication;	/* see engine.c */
typedef struct Lists Lists;		/* see lists.c */
typedef struct Validation Validation; /* see validate.c */

struct SimilarityBuild
{
	MemoryContext cxt;
	SimilarityOptions options;
	Ids			users;			/* without dictionary when there is a matrix */
	bool		byval;			/* users and items: interactions may wait */
	Side		targets;
	Side		other;			/* sources, where they are of another kind */
	Side	   *sources;		/* one of the two */
	TimestampTz newest;			/* DT_NOBEGIN: no time seen */
	bool		passed_on;		/* there are no interactions any more */
	/* while finishing */
	double	   *user_weights;	/* by user; NULL: all 1 */
	uint64		nusers;			/* with any interaction */
	uint64		max_rows;		/* that the caller can take; 0: any number */
	void		(*too_many_rows) (void);
	uint32		current_item;	/* source whose row was handed over last */
	Multiplication *multiplication; /* NULL before the product and after it */
	Lists	   *lists;			/* rows are kept until all are there */
	Size		product_memory; /* of the product, shared or not, while rows come */
	Validation *validation;		/* the build is a trial: rows are for that */
	bool	   *wanted;			/* by number of row: those to be worked out; NULL: all */
	bool	   *useful;			/* by user: has any of these; NULL: all */
	bool		fingerprinting;	/* fingerprints of rows were asked for: see fingerprint.c */
	SimilarityWants wants;		/* or NULL */
	void	   *wants_arg;
	uint64		options_hash;	/* what all fingerprints have in common */
	uint64	   *fingerprints;	/* by number of row; NULL: they come with the rows */
	uint64		current_fingerprint;	/* of the source whose row was handed over last */
	double	   *source_factors; /* by number, from fingerprints on until the product has them, or NULL */
	double	   *target_factors; /* may be the same */
	bool		omits_together;	/* nobody asks how many users an item and its neighbour have */
};

/* How much there is to multiply. */
typedef struct Extent
{
	uint64		entries;		/* in the columns' matrix, of users who count */
	uint64		row_entries;	/* in the rows' matrix */
	uint32		users;
	uint64		longest;		/* columns of a user */
	bool		count_weights;	/* users with as many have the same weight */
	double		steps;			/* additions */
} Extent;

static inline Size
similarity_memory_limit(void)
{
	return (Size) maintenance_work_mem * 1024;
}

#define SIMILARITY_DEFAULT_N 50

/* Place of an item among the values. */
static inline uint32
side_rank(const Side *side, uint32 item)
{
	return side->rank ? side->rank[item] : item;
}

static inline uint32
side_item(const Side *side, uint32 rank)
{
	return side->by_rank ? side->by_rank[rank] : rank;
}

/* Sum of an item's weights, before limits. */
static inline double
side_item_weight(const Side *side, uint32 item)
{
	return side->weight ? side->weight[item] : side->users[item];
}

/* Do scores depend on how many users the items at hand have? */
static inline bool
similarity_needs_counts(const SimilarityOptions *options)
{
	return options->measure >= MEASURE_JACCARD || options->min_llr > 0;
}

/* Rows are those of sources, or of targets where each of these keeps its best sources. */
static inline bool
rows_are_targets(const SimilarityBuild *build)
{
	return build->options.prune == PRUNE_NEIGHBOUR;
}

/* Users who add to any wanted pair: with two items, or one of each kind. */
static inline bool
similarity_user_counts(const SimilarityBuild *build, uint32 user)
{
	const SparseMatrix *targets = build->targets.matrix;
	const SparseMatrix *sources = build->sources->matrix;
	uint64		count = targets->start[user + 1] - targets->start[user];

	if (build->useful && !build->useful[user])
		return false;
	if (targets == sources)
		return count > 1;
	return count > 0 && sources->start[user + 1] > sources->start[user];
}

extern SimilarityBuild *similarity_create(MemoryContext cxt, const SimilarityOptions *options);
extern void similarity_flush(SimilarityBuild *build);

/* ids.c */
extern void ids_init(Ids *ids, IdDict *dict);
extern bool ids_put(Ids *ids, const Datum *values, uint32 *numbers, int count);
extern void ids_hash(SimilarityBuild *build, Ids *ids);
extern void ids_hash_all(SimilarityBuild *build);
extern void ids_settle(SimilarityBuild *build);

/* matrix.c */
extern void similarity_make_matrices(SimilarityBuild *build);
extern void similarity_weigh(SimilarityBuild *build);
extern void similarity_transform(SimilarityBuild *build, SparseMatrix *matrix);

/* limits.c */
extern void similarity_limit(SimilarityBuild *build);
extern uint64 *similarity_user_hashes(SimilarityBuild *build, bool weights);

/* fingerprint.c */
extern bool similarity_choose_rows(SimilarityBuild *build);
extern bool similarity_hashes_in_product(const SimilarityBuild *build);
extern void similarity_hash_targets(SimilarityBuild *build, const double *factors, uint64 *hashes);
extern uint64 similarity_row_fingerprint(const SimilarityBuild *build, uint32 item, double factor,
										 uint32 count, uint64 users_hash);

/* fill.c */
extern Extent similarity_measure_extent(SimilarityBuild *build, const Side *rows, const Side *cols,
										uint64 *starts);
extern Size similarity_lay_out(const SimilarityBuild *build, Product *product, const Side *rows,
							   const Side *cols, const Extent *extent);
extern void similarity_fill_product(SimilarityBuild *build, Product *product, const Side *rows,
									const Side *cols);
extern uint32 similarity_rows_that_fit(const uint64 *starts, uint32 first, uint32 nrows,
									   uint64 entries);
extern uint32 similarity_fill_rows(SimilarityBuild *build, Product *product, const Side *rows,
								   const uint64 *starts, uint32 first, uint32 nrows, int nprocesses,
								   void *row_area);

/* engine.c */
extern double similarity_factor(double base, double exponent);
extern double similarity_source_factor(const SimilarityBuild *build, uint32 item);
extern double similarity_target_factor(const SimilarityBuild *build, uint32 item);
extern bool similarity_is_symmetric(const SimilarityBuild *build);
extern void similarity_memory_error(uint64 interactions, uint32 users, uint32 items, uint64 bytes,
									const char *detail) pg_attribute_noreturn();
extern void similarity_begin_product(SimilarityBuild *build);
extern bool similarity_next_list(SimilarityBuild *build, NeighbourList *list);
extern void similarity_end_product(SimilarityBuild *build);
extern void similarity_pass_on(SimilarityBuild *build);

/* lists.c */
extern bool similarity_keeps_lists(const SimilarityBuild *build);
extern void similarity_begin_lists(SimilarityBuild *build);
extern void similarity_keep_list(SimilarityBuild *build, const NeighbourList *list);
extern void similarity_order_lists(SimilarityBuild *build);
extern bool similarity_next_kept_list(SimilarityBuild *build, NeighbourList *list);

/* tune.c */
extern void similarity_tune(SimilarityBuild *build);

/* validate.c */
extern Size similarity_settings_size(const SimilarityBuild *build);
extern void similarity_settings_fill(const SimilarityBuild *build, void *area);

#endif							/* RECSYS_ENGINE_H */
