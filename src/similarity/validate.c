/*-------------------------------------------------------------------------
 *
 * validate.c
 *		How well a setting predicts what was put aside.
 *
 * Of each user of a sample a fifth of the items is put aside, as a test set
 * would be drawn.  The product of the rest is worked out once for a grid of
 * settings (settings.c): for each item that a user of
 * the sample has left, the bare sums of all targets that are among the best
 * for any of the settings.  To judge a setting these sums are weighed, the best
 * n kept, and added up over a user's items as a recommender does it; the best
 * 20 are compared with what was put aside: nDCG, the mean over users.
 *
 * Who is in the sample and what is put aside follows from a hash of the user's
 * items: both are the same for any order of rows.
 *
 * Memory: 12 bytes for each sum, and 8 for each neighbour, within half of what
 * maintenance_work_mem leaves.  Where that is short the sample gets smaller.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <float.h>
#include <math.h>

#include "utils/float.h"

#include "core/numbers.h"
#include "core/progress.h"
#include "similarity/tune.h"

#define ASIDE 5					/* one in so many items of a user is put aside */
#define EXPECTED_SUMS 3			/* for each neighbour: the settings agree on many */
#define BYTES_PER_ID 64			/* of a user or an item, in its dictionary and the arrays by number: about so many */

typedef struct SampleUser
{
	uint64		hash;
	uint32		user;
	uint32		places;			/* of items of this user and those before */
} SampleUser;

typedef struct Sum
{
	uint32		target;
	uint32		together;
	float		sum;
} Sum;

typedef struct Weight
{
	uint32		target;
	float		score;
} Weight;

struct Validation
{
	MemoryContext cxt;
	SimilarityBuild *build;
	SparseMatrix *rest;
	SampleUser *users;
	uint32		nusers;
	bool		cut;			/* there was no memory for more users */
	bool	   *wanted;			/* by number: sums are needed */
	uint32	   *place;			/* of a wanted item, by number */
	uint32	   *item;			/* number, by place */
	uint32		nplaces;
	int			longest;		/* number of neighbours */
	/* of the last product */
	const TuneGrid *grid;
	Sum		   *sums;
	Size		nsums;
	Size		max_sums;		/* that there may be */
	Size		room;			/* that there is memory for now */
	Size	   *start;			/* of a place in sums */
	uint32	   *count;
	double	   *square;			/* C_ii, by number */
	/* lists of neighbours for one beta, evidence and n */
	double		beta;			/* NaN: there are no lists */
	Evidence	evidence;
	int			n;
	uint32		places;			/* that there are lists for */
	Weight	   *lists;			/* longest for each place */
	int		   *length;
	float	   *factor;			/* of a place */
	/* scratch, by number */
	float	   *beta_factor;
	float	   *scores;			/* 0 between users */
	uint32	   *targets;
	float	   *selection;
};

static int
compare_users(const void *a, const void *b)
{
	const SampleUser *x = (const SampleUser *) a;
	const SampleUser *y = (const SampleUser *) b;

	CHECK_FOR_INTERRUPTS();
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->user > y->user) - (x->user < y->user);
}

/* Users with enough items, least hash first. */
static void
draw_sample(Validation *validation, uint32 max_users)
{
	SimilarityBuild *build = validation->build;
	SparseMatrix *matrix = build->targets.matrix;
	uint64	   *hashes = similarity_user_hashes(build, false);
	uint32		count = 0;
	uint32		user;

	validation->users = MemoryContextAllocHuge(validation->cxt,
											   Max(matrix->nrows, 1) * sizeof(SampleUser));
	for (user = 0; user < matrix->nrows; user++)
	{
		if ((user & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (matrix->start[user + 1] - matrix->start[user] < TUNE_MIN_ITEMS)
			continue;
		validation->users[count].user = user;
		validation->users[count++].hash = hashes[user];
	}
	pfree(hashes);
	qsort(validation->users, count, sizeof(SampleUser), compare_users);
	validation->nusers = Min(count, max_users);
}

/* The items of a user with the least hashes are put aside; where to start, one after another. */
static void
put_aside(Validation *validation, const SampleUser *user, uint64 *hashes)
{
	SparseMatrix *rest = validation->rest;
	uint64		start = rest->start[user->user];
	uint32		count = (uint32) (rest->start[user->user + 1] - start);
	uint64		bound;
	uint32		k;

	for (k = 0; k < count; k++)
		hashes[k] = similarity_hash(user->hash, rest->cols[start + k]);
	qsort(hashes, count, sizeof(uint64), compare_uint64);
	bound = hashes[(count + ASIDE - 1) / ASIDE];
	for (k = 0; k < count; k++)
		if (similarity_hash(user->hash, rest->cols[start + k]) < bound)
			rest->cols[start + k] = SPARSE_DROPPED;
}

/*
 * An estimate of what the build holds by now and this will add, by numbers of the
 * data alone: the sample must not be a matter of who allocates memory, and how.
 */
static uint64
memory_used(const SparseMatrix *matrix)
{
	return 4 * (uint64) sparse_memory(matrix) +
		((uint64) matrix->nrows + matrix->ncols) * BYTES_PER_ID;
}

/* Divides the matrix, for as many users as there is memory for. */
static void
split(Validation *validation)
{
	SimilarityBuild *build = validation->build;
	SparseMatrix *matrix = build->targets.matrix;
	Size		place_size = (Size) validation->longest * (EXPECTED_SUMS * sizeof(Sum) + sizeof(Weight));
	Size		limit = similarity_memory_limit();
	uint64		used = memory_used(matrix);
	uint64	   *hashes = MemoryContextAllocHuge(validation->cxt,
												Max(matrix->ncols, 1) * sizeof(uint64));
	uint32		i;

	/* the product needs room, too */
	limit = Max(limit / 8, limit > used ? (limit - used) / 2 : 0);
	validation->rest = sparse_copy(validation->cxt, matrix);
	for (i = 0; i < validation->nusers && validation->nplaces * place_size < limit; i++)
	{
		SampleUser *user = &validation->users[i];
		uint64		k;

		CHECK_FOR_INTERRUPTS();
		put_aside(validation, user, hashes);
		for (k = matrix->start[user->user]; k < matrix->start[user->user + 1]; k++)
		{
			uint32		item = validation->rest->cols[k];

			if (item == SPARSE_DROPPED || validation->wanted[item])
				continue;
			validation->wanted[item] = true;
			validation->item[validation->nplaces] = item;
			validation->place[item] = validation->nplaces++;
		}
		user->places = validation->nplaces;
	}
	validation->cut = i < validation->nusers;
	validation->nusers = i;
	validation->max_sums = limit / (sizeof(Sum) + sizeof(Weight) / EXPECTED_SUMS);
	sparse_compact(validation->rest);
	similarity_transform(build, validation->rest);
	pfree(hashes);
}

/*
 * Draws a sample of at most so many users and puts a part of their items
 * aside.  The matrices are those of all interactions, not yet weighed; longest
 * is the largest number of neighbours that a setting will have.
 */
Validation *
validation_create(SimilarityBuild *build, uint32 max_users, int longest)
{
	MemoryContext cxt = AllocSetContextCreate(build->cxt, "recsys similarity validation",
											  ALLOCSET_DEFAULT_SIZES);
	Validation *validation = MemoryContextAllocZero(cxt, sizeof(Validation));
	Size		nitems = Max(build->targets.nitems, 1);
	int			flags = MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO;
	Size		nplaces;

	validation->cxt = cxt;
	validation->build = build;
	validation->longest = longest;
	validation->wanted = MemoryContextAllocExtended(cxt, nitems, flags);
	validation->place = MemoryContextAllocHuge(cxt, nitems * sizeof(uint32));
	validation->item = MemoryContextAllocHuge(cxt, nitems * sizeof(uint32));
	draw_sample(validation, max_users);
	split(validation);
	nplaces = Max(validation->nplaces, 1);
	validation->room = Min(1024, validation->max_sums);
	validation->sums = MemoryContextAllocHuge(cxt, Max(validation->room, 1) * sizeof(Sum));
	validation->start = MemoryContextAllocExtended(cxt, nplaces * sizeof(Size), flags);
	validation->count = MemoryContextAllocExtended(cxt, nplaces * sizeof(uint32), flags);
	validation->square = MemoryContextAllocHuge(cxt, nitems * sizeof(double));
	validation->lists = MemoryContextAllocHuge(cxt, nplaces * longest * sizeof(Weight));
	validation->length = MemoryContextAllocHuge(cxt, nplaces * sizeof(int));
	validation->factor = MemoryContextAllocHuge(cxt, nplaces * sizeof(float));
	validation->beta_factor = MemoryContextAllocHuge(cxt, nitems * sizeof(float));
	validation->scores = MemoryContextAllocExtended(cxt, nitems * sizeof(float), flags);
	/* one more: the place of a target that is there already is written too */
	validation->targets = MemoryContextAllocHuge(cxt, (nitems + 1) * sizeof(uint32));
	validation->selection = MemoryContextAllocHuge(cxt, 2 * nitems * sizeof(float));
	return validation;
}

void
validation_free(Validation *validation)
{
	MemoryContextDelete(validation->cxt);
}

/* Number of users in the sample. */
uint32
validation_users(const Validation *validation)
{
	return validation->nusers;
}

/* similarity_factor() in single precision. */
static inline float
float_factor(double base, double exponent)
{
	return (float) Min(similarity_factor(base, exponent), FLT_MAX);
}

static void
fill_beta_factors(const SimilarityBuild *build, const double *square, double beta, float *factors)
{
	uint32		i;

	for (i = 0; i < build->targets.nitems; i++)
	{
		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		factors[i] = float_factor(square[i], beta);
	}
}

/* Did memory limit the sample? */
bool
validation_cut(const Validation *validation)
{
	return validation->cut;
}

/* Bytes of the list of settings in shared memory. */
Size
similarity_settings_size(const SimilarityBuild *build)
{
	return offsetof(SettingList, factors) +
		(Size) build->validation->grid->nbetas * build->targets.nitems * sizeof(float);
}

void
similarity_settings_fill(const SimilarityBuild *build, void *area)
{
	const TuneGrid *grid = build->validation->grid;
	SettingList *list = (SettingList *) area;
	int			i;

	list->n = grid->lengths[grid->nlengths - 1];
	list->nbetas = grid->nbetas;
	list->nevidences = grid->nevidences;
	memcpy(list->evidences, grid->evidences, sizeof(list->evidences));
	for (i = 0; i < grid->nbetas; i++)
		fill_beta_factors(build, build->targets.square, grid->betas[i],
						  list->factors + (Size) i * build->targets.nitems);
}

/* Takes the sums of a source. */
static void
collect_sums(Validation *validation, uint32 item, const NeighbourList *list)
{
	const Neighbour *neighbours = list->neighbours;
	Size		count;
	Sum		   *sum;
	Size		i;

	if (!validation->wanted[item])
		return;
	/* more than was expected: a strict limit that tells nobody apart */
	count = Min((Size) list->count, validation->max_sums - validation->nsums);
	validation->start[validation->place[item]] = validation->nsums;
	validation->count[validation->place[item]] = count;
	if (validation->nsums + count > validation->room)
	{
		validation->room = Min(Max(2 * validation->room, validation->nsums + count),
							   validation->max_sums);
		validation->sums = repalloc_huge(validation->sums, validation->room * sizeof(Sum));
	}
	sum = validation->sums + validation->nsums;
	for (i = 0; i < count; i++, sum++)
	{
		sum->target = neighbours[i].target;
		sum->together = neighbours[i].together;
		sum->sum = (float) neighbours[i].score;
	}
	validation->nsums += count;
}

/* Works out the product of what was not put aside, for all settings of a grid. */
void
validation_collect(Validation *validation, const TuneGrid *grid)
{
	SimilarityBuild trial = *validation->build;
	NeighbourList list;
	Size		largest = (Size) grid->lengths[grid->nlengths - 1] * grid->nbetas * grid->nevidences;

	trial.cxt = AllocSetContextCreate(validation->cxt, "recsys similarity trial",
									  ALLOCSET_DEFAULT_SIZES);
	trial.options.user_power = grid->user_power;
	trial.options.transform = TRANSFORM_NONE;	/* has been done */
	trial.options.prune = PRUNE_ITEM;
	trial.options.normalize = NORMALIZE_NONE;
	trial.options.n = (int) Min(largest, Max(trial.targets.nitems, 1));
	trial.sources = &trial.targets;
	trial.targets.matrix = validation->rest;
	trial.validation = validation;
	trial.wanted = validation->wanted;
	validation->grid = grid;
	validation->nsums = 0;
	validation->beta = get_float8_nan();
	similarity_weigh(&trial);
	memcpy(validation->square, trial.targets.square, trial.targets.nitems * sizeof(double));
	similarity_begin_product(&trial);
	while (similarity_next_list(&trial, &list))
		collect_sums(validation, side_item(&trial.targets, list.rank), &list);
	similarity_end_product(&trial);
	progress_phase("tuning", 0);
	MemoryContextDelete(trial.cxt);
}

/* The list of a place: the best n of its sums, those that stand first where equals are cut. */
static int
rank_place(Validation *validation, uint32 place, const TuneSetting *setting)
{
	const Sum  *sums = validation->sums + validation->start[place];
	uint32		count = validation->count[place];
	Weight	   *list = validation->lists + (Size) place * validation->longest;
	float	   *scores = validation->selection;
	float		bound = 0;
	int			room = setting->n;
	int			length = 0;
	uint32		k;

	for (k = 0; k < count; k++)
	{
		scores[k] = sums[k].sum * validation->beta_factor[sums[k].target] *
			(float) evidence_factor(&setting->evidence, sums[k].together);
		/* weights can be of any size */
		if (!(scores[k] <= FLT_MAX))
			scores[k] = 0;
	}
	if (count > setting->n)
	{
		memcpy(scores + count, scores, count * sizeof(float));
		bound = settings_nth_largest(scores + count, count, setting->n);
		for (k = 0; k < count; k++)
			room -= scores[k] > bound;
	}
	for (k = 0; k < count; k++)
	{
		if (scores[k] < bound || scores[k] <= 0 || (scores[k] == bound && room-- <= 0))
			continue;
		list[length].target = sums[k].target;
		list[length++].score = scores[k];
	}
	return length;
}

/* Lists of so many places, unless they are there already. */
static void
rank_lists(Validation *validation, const TuneSetting *setting, uint32 places)
{
	uint32		place;

	if (validation->beta == setting->beta && validation->n == setting->n &&
		validation->evidence.shrink == setting->evidence.shrink &&
		validation->evidence.min_together == setting->evidence.min_together &&
		validation->places >= places)
		return;
	fill_beta_factors(validation->build, validation->square, setting->beta,
					  validation->beta_factor);
	for (place = 0; place < places; place++)
	{
		if ((place & 0x3f) == 0)
			CHECK_FOR_INTERRUPTS();
		validation->length[place] = rank_place(validation, place, setting);
	}
	validation->beta = setting->beta;
	validation->evidence = setting->evidence;
	validation->n = setting->n;
	validation->places = places;
}

/* What the scores of a place are multiplied by. */
static void
fill_factors(Validation *validation, const TuneSetting *setting, uint32 places)
{
	uint32		place;

	for (place = 0; place < places; place++)
	{
		const Weight *list = validation->lists + (Size) place * validation->longest;
		double		base = 0;
		int			i;

		if ((place & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (setting->normalize)
			for (i = 0; i < validation->length[place]; i++)
				base += list[i].score;
		else
			base = validation->square[validation->item[place]];
		validation->factor[place] = float_factor(base, setting->normalize ? 1 : setting->alpha);
	}
}

/* Adds up the neighbours of a user's items; the number of targets. */
static uint32
add_up(Validation *validation, uint32 user)
{
	const SparseMatrix *rest = validation->rest;
	float	   *scores = validation->scores;
	uint32	   *targets = validation->targets;
	uint32		ntargets = 0;
	uint64		k;

	for (k = rest->start[user]; k < rest->start[user + 1]; k++)
	{
		uint32		place = validation->place[rest->cols[k]];
		const Weight *list = validation->lists + (Size) place * validation->longest;
		const Weight *end = list + validation->length[place];
		float		factor = validation->factor[place];

		for (; list < end; list++)
		{
			float	   *score = &scores[list->target];
			float		added = list->score * factor;

			/* without a branch: half of the time it would be the wrong one */
			targets[ntargets] = list->target;
			ntargets += (*score == 0) & (added > 0);
			*score += added;
		}
	}
	/* what the user has is not recommended */
	for (k = rest->start[user]; k < rest->start[user + 1]; k++)
		scores[rest->cols[k]] = 0;
	return ntargets;
}

/* The best of the targets, ties by number, and clears their scores; how many there are. */
static int
best_targets(Validation *validation, uint32 ntargets, uint32 *best)
{
	float		best_scores[TUNE_CUT];
	float		bound = 0;
	int			count = 0;
	uint32		i;

	for (i = 0; i < ntargets; i++)
	{
		uint32		target = validation->targets[i];
		float		score = validation->scores[target];
		int			place = count;

		validation->scores[target] = 0;
		if (score < bound || score <= 0)
			continue;
		while (place > 0 && (best_scores[place - 1] < score ||
							 (best_scores[place - 1] == score && best[place - 1] > target)))
			place--;
		if (place == TUNE_CUT)
			continue;
		count = Min(count + 1, TUNE_CUT);
		memmove(best + place + 1, best + place, (count - 1 - place) * sizeof(uint32));
		memmove(best_scores + place + 1, best_scores + place, (count - 1 - place) * sizeof(float));
		best[place] = target;
		best_scores[place] = score;
		if (count == TUNE_CUT)
			bound = best_scores[TUNE_CUT - 1];
	}
	return count;
}

static bool
has_item(const SparseMatrix *matrix, uint32 user, uint32 item)
{
	uint64		low = matrix->start[user];
	uint64		high = matrix->start[user + 1];

	while (low < high)
	{
		uint64		middle = low + (high - low) / 2;

		if (matrix->cols[middle] < item)
			low = middle + 1;
		else
			high = middle;
	}
	return low < matrix->start[user + 1] && matrix->cols[low] == item;
}

/* Mean nDCG of a setting over the first so many users of the sample. */
double
validation_judge(Validation *validation, const TuneSetting *setting, uint32 nusers)
{
	const SparseMatrix *all = validation->build->targets.matrix;
	const SparseMatrix *rest = validation->rest;
	uint32		places;
	double		discount[TUNE_CUT];
	double		total = 0;
	uint32		i;
	int			k;

	nusers = Min(nusers, validation->nusers);
	places = nusers > 0 ? validation->users[nusers - 1].places : 0;
	rank_lists(validation, setting, places);
	fill_factors(validation, setting, places);
	for (k = 0; k < TUNE_CUT; k++)
		discount[k] = 1 / log2(k + 2);
	for (i = 0; i < nusers; i++)
	{
		uint32		user = validation->users[i].user;
		uint64		aside = (all->start[user + 1] - all->start[user]) -
			(rest->start[user + 1] - rest->start[user]);
		uint32		best[TUNE_CUT];
		int			count = best_targets(validation, add_up(validation, user), best);
		double		gain = 0;
		double		ideal = 0;

		CHECK_FOR_INTERRUPTS();
		for (k = 0; k < count; k++)
			if (has_item(all, user, best[k]))
				gain += discount[k];
		for (k = 0; k < Min(aside, TUNE_CUT); k++)
			ideal += discount[k];
		total += ideal > 0 ? gain / ideal : 0;
	}
	return total / Max(nusers, 1);
}
