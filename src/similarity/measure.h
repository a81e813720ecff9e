/*-------------------------------------------------------------------------
 *
 * measure.h
 *		Inside of similarity/: the matrix in shared memory and its product.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_MEASURE_H
#define RECSYS_MEASURE_H

#include "core/compat.h"
#include "core/numbers.h"
#include "core/parallel.h"
#include "similarity/similarity.h"

/* Of the 64 bits of a score so many are always 0, or more where there are more columns. */
#define SCORE_LOW_BITS 22

/* How many of them: a rank fits in, and scores are rounded to the others. */
static inline int
score_rank_bits(uint32 ncolumns)
{
	return Max(SCORE_LOW_BITS, bits_of(ncolumns));
}

/* Additions, or the like, between two looks for interrupts. */
#define STEPS_PER_CHECK 1000000

/* More items than that are numbered by value: neighbouring ones have nothing in common. */
#define MANY_ITEMS 250000

/*
 * What the product of rows works on, without pointers: offsets in bytes from
 * its own start, 0 for an array that is not there.  Rows are numbered in the
 * order of their values; columns as the items of their side (engine.h).  The
 * users of rows are in the extension of the area: uint32 [], the places of
 * their lists, and if there are values float [] after them.
 */
typedef struct Product
{
	Size		size;			/* of all but the users of rows */
	SimilarityMeasure measure;
	int			n;
	double		shrink;
	int64		min_together;
	double		min_llr;
	double		users;			/* number of all users */
	double		mean_count;		/* of columns of a user of a row */
	bool		self;			/* rows and columns are the same items */
	bool		swapped;		/* rows are targets, columns sources */
	bool		weighted;		/* users have weights */
	Size		count_weight;	/* double [longest list + 1]: that of a list of so many columns; none: it is in the list */
	bool		valued;			/* columns of a user have values */
	bool		together;		/* neighbours are to say how many users both have */
	uint32		first_row;		/* rows of this run: first_row and on */
	uint32		nrows;
	uint32		ncols;
	uint32		nusers;			/* who add to any pair */
	uint32		block_rows;
	uint32		fill_blocks;	/* of rows that get their users at a time */
	uint64		fill_entries;	/* of rows that get their users at a time, unless that is one, at most */
	Size		row_start;		/* uint64 [nrows + 1]: into the users of rows, ascending */
	Size		row_values;		/* float: in the extension */
	uint32		item_bytes;		/* that a column takes in a list: 2 to 4 */
	Size		lists;			/* uint32: of all users, see UserList */
	uint32		list_ahead;		/* words that are asked for ahead: of a list of usual length */
	int			list_shift;		/* the place of a list is in units of 1 << list_shift */
	Size		row_factor;		/* double [all rows] */
	Size		row_count;		/* uint32 [all rows]: users, where scores depend on it */
	Size		row_col;		/* uint32 [all rows]: the same item as a column; none: the same number */
	Size		col_factor;		/* double [columns] */
	Size		col_count;		/* uint32 [columns]: users, where scores depend on it */
	Size		col_hash;		/* uint64 [columns]: for fingerprints of rows (fingerprint.c); none: nobody asks for them here */
	Size		col_rank;		/* uint32 [columns]: place among values, for ties; none: the number is */
	Size		rank_col;		/* uint32 [columns]: column of a rank, likewise */
	int			rank_bits;		/* of a score's 64 that a rank takes */
	Size		settings;		/* SettingList: rows are for all of these (settings.c); 0: for one */
} Product;

/*
 * What a user adds, in one piece, as lists are read at random, and small, as that
 * means waiting for memory: uint32 count, double weight unless the count says it,
 * uint64 hash of all that if columns have one, columns [count] of as few bytes as they
 * fit into, and from the next word on float values [count] where there are any.
 */
typedef struct UserList
{
	uint32		count;
	double		weight;
	const char *items;			/* columns: see list_item() */
	const float *values;		/* NULL: all 1 */
} UserList;

/* Words of a list before its hash, or its columns. */
static inline Size
product_list_hash_at(const Product *product)
{
	return product->weighted && !product->count_weight ? 3 : 1;
}

/* Words of a list before its columns. */
static inline Size
product_list_head(const Product *product)
{
	return product_list_hash_at(product) + (product->col_hash ? sizeof(uint64) / sizeof(uint32) : 0);
}

/* Words of count columns. */
static inline Size
product_item_words(const Product *product, uint64 count)
{
	return (count * product->item_bytes + sizeof(uint32) - 1) / sizeof(uint32);
}

/* Words of a list of count columns. */
static inline Size
product_list_words(const Product *product, uint64 count)
{
	Size		words = product_list_head(product) + product_item_words(product, count) +
		(product->valued ? count : 0);
	Size		unit = (Size) 1 << product->list_shift;

	return (words + unit - 1) & ~(unit - 1);
}

static inline const uint32 *
product_list_at(const Product *product, uint32 place)
{
	return (const uint32 *) ((const char *) product + product->lists) +
		((Size) place << product->list_shift);
}

static inline UserList
product_list(const Product *product, uint32 place)
{
	const uint32 *words = product_list_at(product, place);
	UserList	list;

	list.count = words[0];
	list.weight = 1;
	if (product->count_weight)
		list.weight = ((const double *) ((const char *) product + product->count_weight))[list.count];
	else if (product->weighted)
		memcpy(&list.weight, words + 1, sizeof(double));
	words += product_list_head(product);
	list.items = (const char *) words;
	list.values = product->valued ?
		(const float *) (words + product_item_words(product, list.count)) : NULL;
	return list;
}

/* A column of so many bytes; the word that it is in is read, and so one behind the last list may be. */
static pg_attribute_always_inline uint32
list_item(const char *item, uint32 bytes)
{
	uint32		word;

	memcpy(&word, item, sizeof(word));
#ifdef WORDS_BIGENDIAN
	return word >> (32 - 8 * bytes);
#else
	return word & (PG_UINT32_MAX >> (32 - 8 * bytes));
#endif
}

/* Writes it: the word, and so what follows comes later. */
static pg_attribute_always_inline void
set_list_item(char *item, uint32 bytes, uint32 column)
{
#ifdef WORDS_BIGENDIAN
	column <<= 32 - 8 * bytes;
#endif
	memcpy(item, &column, sizeof(column));
}

/* Of a row in a block's result; its neighbours follow. */
typedef struct RowHead
{
	uint64		count;
	uint64		users_hash;		/* see col_hash */
} RowHead;

/* The neighbours of an item. */
typedef struct NeighbourList
{
	uint32		rank;			/* of the item, or of the neighbour that all have: its row */
	int			count;
	uint64		fingerprint;	/* of the row, if it is asked for: see fingerprint.c */
	Neighbour  *neighbours;
} NeighbourList;

/* Of the rows from low to high - 1 the users, while they come. */
typedef struct RowFilling
{
	const Product *product;
	const uint32 *rank;			/* of rows, by number; NULL: the number is */
	const bool *wanted;			/* by number, or NULL */
	uint32		first;			/* row of the product */
	uint32		low;			/* from that on */
	uint32		high;
	uint64		base;			/* place of the first user of these rows */
	uint32	   *places;			/* from there on, of the next user of a row */
	uint32	   *row_users;
	float	   *row_values;		/* or NULL */
} RowFilling;

/* fill.c */
extern void similarity_fill_block(RowFilling *filling, uint32 block);

/* measure.c */
extern double similarity_llr(double both, double a, double b, double all);
extern double similarity_count_score(SimilarityMeasure measure, double both, double a, double b,
									 double all);

/* product.c */
#define PRODUCT_KERNEL "recsys_similarity_kernel"
extern PGDLLEXPORT const ParallelKernel recsys_similarity_kernel;

/* The bits of a score with so many of the last ones 0: see product.c. */
static inline uint64
score_bits(double score, int low_bits)
{
	uint64		bits;

	memcpy(&bits, &score, sizeof(bits));
	return (bits + (UINT64CONST(1) << (low_bits - 1))) & ~((UINT64CONST(1) << low_bits) - 1);
}

static inline double
bits_score(uint64 bits)
{
	double		score;

	memcpy(&score, &bits, sizeof(score));
	return score;
}

/* To 30 significant bits. */
static inline double
similarity_round(double score)
{
	return bits_score(score_bits(score, SCORE_LOW_BITS));
}

static inline Size
product_result_size(uint32 rows, int n)
{
	return rows * (sizeof(RowHead) + (Size) n * sizeof(Neighbour));
}

/* A hash goes on with a number. */
static inline uint64
similarity_hash(uint64 a, uint64 b)
{
	return mix64(a ^ (b * UINT64CONST(0x9e3779b97f4a7c15))) + UINT64CONST(0x632be59bd9b4e019);
}

static inline uint64
similarity_hash_double(uint64 hash, double value)
{
	uint64		bits;

	memcpy(&bits, &value, sizeof(bits));
	return similarity_hash(hash, bits);
}

static inline uint64
similarity_hash_float(uint64 hash, float value)
{
	uint32		bits;

	memcpy(&bits, &value, sizeof(bits));
	return similarity_hash(hash, bits);
}

/* A hash that stands for the columns of a user, in any order, goes on with one of them. */
static inline uint64
similarity_hash_column(uint64 sum, uint64 column_hash, const float *value)
{
	return sum + (value ? similarity_hash_float(column_hash, *value) : column_hash);
}

/* That of all that a user adds. */
static inline uint64
similarity_hash_list(uint64 sum, const double *weight)
{
	return weight ? similarity_hash_double(sum, *weight) : similarity_hash(sum, 0);
}

/* One that stands for users of a row, be it in their order, goes on with the next of them. */
static inline uint64
similarity_hash_user(uint64 hash, uint64 list_hash, bool ordered)
{
	return ordered ? similarity_hash(hash, list_hash) : hash + list_hash;
}

#endif							/* RECSYS_MEASURE_H */
