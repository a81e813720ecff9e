/*-------------------------------------------------------------------------
 *
 * fingerprint.c
 *		Which rows would come out as they did the last time.
 *
 * The row of an item is made of what its users have, the factors of all that,
 * and the options: nothing else goes into the product.  A fingerprint of 64
 * bits stands for all of it, and for what can be asked about the item of a row.
 * Who keeps the fingerprints beside the rows can see, before the product, which
 * rows have to be worked out again; the others have the same bits as before.
 *
 * The fingerprint of a user adds up hashes of the user's items, each with its
 * value and its factor, so that the order of items is of no account.  That of
 * a row goes on from user to user in their order, since sums of floating-point
 * numbers depend on the order; where all that is added is 1 it does not matter,
 * and hashes are added up, too.
 *
 * All this takes two passes over the matrix, which is little beside the product.
 * Where all rows are worked out anyway, the processes of the product do the first
 * before it (fill.c), and the second with each row (product.c).
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "common/hashfn.h"
#include "utils/lsyscache.h"

#include "similarity/engine.h"

/* To be changed with anything that makes other rows of the same data. */
#define ENGINE_VERSION 3

/*
 * Hash of the bytes of a value.  Values that are equal with different bytes
 * have different hashes: the row is to have the bytes that a new one would.
 */
static uint64
hash_value(Datum value, bool typbyval, int16 typlen)
{
	const char *bytes = DatumGetPointer(value);
	Size		length;

	if (typbyval)
		return similarity_hash((uint64) value, 0);
	/* the dictionary has no value in compressed form */
	length = typlen == -1 ? VARSIZE_ANY_EXHDR(bytes) : typlen > 0 ? typlen : strlen(bytes);
	return hash_bytes_extended((const unsigned char *) (typlen == -1 ? VARDATA_ANY(bytes) : bytes),
							   (int) length, 0);
}

static bool
needs_target_counts(const SimilarityOptions *options)
{
	return similarity_needs_counts(options) &&
		(options->measure != MEASURE_CONDITIONAL || options->min_llr > 0);
}

/* Do they depend on the number of all users? */
static bool
needs_all_users(const SimilarityOptions *options)
{
	return options->measure == MEASURE_LIFT || options->measure == MEASURE_LEVERAGE ||
		options->measure == MEASURE_LLR || options->min_llr > 0;
}

/* The factors of a side, which the product needs, too. */
static double *
work_out_factors(const SimilarityBuild *build, const Side *side,
				 double (*factor) (const SimilarityBuild *build, uint32 item))
{
	double	   *factors = MemoryContextAllocHuge(build->cxt,
												 Max(side->nitems, 1) * sizeof(double));
	uint32		i;

	for (i = 0; i < side->nitems; i++)
	{
		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		factors[i] = factor(build, i);
	}
	return factors;
}

/* What all rows have in common. */
static uint64
hash_options(const SimilarityBuild *build)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) &build->options,
										   sizeof(SimilarityOptions), ENGINE_VERSION);

	/* scores are rounded by the number of columns, which others than a row's own users change */
	hash = similarity_hash(hash, score_rank_bits(build->targets.nitems));
	return needs_all_users(&build->options) ? similarity_hash(hash, build->nusers) : hash;
}

/* Hashes of targets as neighbours, by number; those of their factors that are not there yet are worked out. */
void
similarity_hash_targets(SimilarityBuild *build, const double *factors, uint64 *hashes)
{
	const Side *side = &build->targets;
	bool		counts = needs_target_counts(&build->options);
	int16		typlen;
	bool		typbyval;
	uint32		i;

	get_typlenbyval(iddict_type(side->ids.dict), &typlen, &typbyval);
	for (i = 0; i < side->nitems; i++)
	{
		Datum		value = iddict_value(side->ids.dict, i);
		uint64		hash = hash_value(value, typbyval, typlen);

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		hash = similarity_hash_double(hash, factors ? factors[i] : similarity_target_factor(build, i));
		hashes[i] = counts ? similarity_hash(hash, side->count[i]) : hash;
	}
}

/* Hashes of what users add to rows, by user. */
static uint64 *
hash_users(SimilarityBuild *build)
{
	const SparseMatrix *matrix = build->targets.matrix;
	uint64	   *targets = MemoryContextAllocHuge(build->cxt,
												 Max(build->targets.nitems, 1) * sizeof(uint64));
	uint64	   *hashes = MemoryContextAllocHuge(build->cxt,
												Max(matrix->nrows, 1) * sizeof(uint64));
	uint32		user;

	similarity_hash_targets(build, build->target_factors, targets);
	for (user = 0; user < matrix->nrows; user++)
	{
		uint64		sum = 0;
		uint64		k;

		CHECK_FOR_INTERRUPTS();
		for (k = matrix->start[user]; k < matrix->start[user + 1]; k++)
		{
			__builtin_prefetch(&targets[sparse_col_ahead(matrix, k)]);
			sum = similarity_hash_column(sum, targets[matrix->cols[k]],
										 matrix->values ? &matrix->values[k] : NULL);
		}
		hashes[user] = similarity_hash_list(sum, build->user_weights ? &build->user_weights[user] : NULL);
	}
	pfree(targets);
	return hashes;
}

/* The fingerprint of a row, of which users_hash stands for what its users add. */
uint64
similarity_row_fingerprint(const SimilarityBuild *build, uint32 item, double factor, uint32 count,
						   uint64 users_hash)
{
	const Side *rows = build->sources;
	uint64		hash = similarity_hash_double(similarity_hash(build->options_hash, rows->users[item]), factor);

	if (similarity_needs_counts(&build->options))
		hash = similarity_hash(hash, count);
	if (similarity_decays(build))
		hash = similarity_hash_double(hash, side_item_weight(rows, item));
	return similarity_hash(hash, users_hash);
}

/* Fingerprints of all rows, by number. */
static uint64 *
fingerprint_rows(SimilarityBuild *build)
{
	const Side *rows = build->sources;
	const SparseMatrix *matrix = rows->matrix;
	bool		ordered = matrix->values || build->targets.matrix->values || build->user_weights;
	uint64	   *users = hash_users(build);
	uint64	   *result = MemoryContextAllocExtended(build->cxt, Max(rows->nitems, 1) * sizeof(uint64),
												   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	uint32		user;
	uint32		i;

	for (user = 0; user < matrix->nrows; user++)
	{
		uint64		k;

		CHECK_FOR_INTERRUPTS();
		if (!similarity_user_counts(build, user))
			continue;
		for (k = matrix->start[user]; k < matrix->start[user + 1]; k++)
		{
			uint64		hash = users[user];
			uint64	   *row = &result[matrix->cols[k]];

			__builtin_prefetch(&result[sparse_col_ahead(matrix, k)], 1);
			/* where the sides are one the value is among the user's */
			if (matrix->values && rows != &build->targets)
				hash = similarity_hash_float(hash, matrix->values[k]);
			*row = similarity_hash_user(*row, hash, ordered);
		}
	}
	pfree(users);
	for (i = 0; i < rows->nitems; i++)
	{
		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		result[i] = similarity_row_fingerprint(build, i, build->source_factors[i], rows->count[i], result[i]);
	}
	return result;
}

/* Flags the users that any of the wanted rows has. */
static void
find_useful_users(SimilarityBuild *build)
{
	const SparseMatrix *matrix = build->sources->matrix;
	uint32		user;

	build->useful = MemoryContextAllocExtended(build->cxt, Max(matrix->nrows, 1),
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (user = 0; user < matrix->nrows; user++)
	{
		uint64		k = matrix->start[user];

		CHECK_FOR_INTERRUPTS();
		while (k < matrix->start[user + 1] && !build->wanted[matrix->cols[k]])
			k++;
		build->useful[user] = k < matrix->start[user + 1];
	}
}

/* Are fingerprints worked out with the rows, as nobody needs to know them before? */
bool
similarity_hashes_in_product(const SimilarityBuild *build)
{
	return build->fingerprinting && build->wants == NULL && build->validation == NULL &&
		build->sources == &build->targets;
}

/*
 * Works out the fingerprints and asks which rows are wanted; false where there
 * is none.  To be called between weighing and the product.
 */
bool
similarity_choose_rows(SimilarityBuild *build)
{
	const Side *rows = build->sources;
	uint64		nwanted = 0;
	uint32		i;

	build->options_hash = hash_options(build);
	if (similarity_hashes_in_product(build))
		return true;
	build->source_factors = work_out_factors(build, rows, similarity_source_factor);
	build->target_factors = similarity_is_symmetric(build) ? build->source_factors :
		work_out_factors(build, &build->targets, similarity_target_factor);
	build->fingerprints = fingerprint_rows(build);
	if (build->wants == NULL)
		return true;
	build->wanted = MemoryContextAllocExtended(build->cxt, Max(rows->nitems, 1),
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (i = 0; i < rows->nitems; i++)
	{
		uint32		item = side_item(rows, i);

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (rows->users[item] == 0)
			continue;
		build->wanted[item] = build->wants(build->wants_arg, iddict_value(rows->ids.dict, item),
										   build->fingerprints[item]);
		nwanted += build->wanted[item];
	}
	if (nwanted == build->sources->active)
	{
		pfree(build->wanted);
		build->wanted = NULL;
	}
	else
		find_useful_users(build);
	return nwanted > 0;
}

/*
 * Asks for fingerprints of rows, and for nothing but the rows that are wanted,
 * which is called with arg; all of them where wants is NULL.  False, and nothing
 * done, where a row is made of more than what its users have: then all rows come.
 * To be called before similarity_start().
 */
bool
similarity_fingerprint(SimilarityBuild *build, SimilarityWants wants, void *arg)
{
	if (similarity_keeps_lists(build))
		return false;
	build->fingerprinting = true;
	build->wants = wants;
	build->wants_arg = arg;
	return true;
}

/* The fingerprint of the item whose row came last. */
uint64
similarity_item_fingerprint(const SimilarityBuild *build)
{
	return build->fingerprints ? build->fingerprints[build->current_item] : build->current_fingerprint;
}
