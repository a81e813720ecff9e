/*-------------------------------------------------------------------------
 *
 * tune.c
 *		tune => true: the setting and the number of neighbours that predict best.
 *
 * Of a sample of users a fifth of their items is put aside.  A model of the
 * rest is made for each candidate, only for the items that these users have
 * left; their neighbours are added up over a user's items as a recommender
 * does it, and the list of the best 20 is compared with what was put aside:
 * nDCG, the mean over users.
 *
 * Normalization, alpha and beta are tried with the first user_power, then the
 * others with the best of these, and at last shrink.  A list of neighbours contains the shorter ones,
 * so that their number costs no product.
 *
 * Who is in the sample and what is put aside follows from a hash of the user's
 * items: the choice is the same for any order of rows.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "core/progress.h"
#include "similarity/engine.h"

#define SAMPLE_USERS 1000
#define MIN_USERS 20			/* below, chance decides */
#define MIN_ITEMS 5				/* of a user in the sample */
#define ASIDE 5					/* one in so many items of a user is put aside */
#define CUT 20					/* length of the list that is judged */

static const double user_powers[] = {1, 0.75, 0.5, 0};

/* Where the scores of an item are made to add up to 1, alpha makes no difference. */
static const struct
{
	SimilarityNormalize normalize;
	double		alpha;
	double		beta;
	double		shrink;
}			candidates[] = {
	{NORMALIZE_NONE, 0.8, 0.2, 0},
	{NORMALIZE_NONE, 0.5, 0.5, 0},
	{NORMALIZE_NONE, 0.7, 0.3, 0},
	{NORMALIZE_NONE, 0.8, 0.3, 0},
	{NORMALIZE_NONE, 1, 0, 0},
	{NORMALIZE_ITEM, 0.75, 0.25, 0},
	{NORMALIZE_ITEM, 0.65, 0.35, 0},
	{NORMALIZE_ITEM, 0.75, 0.25, 2},
	{NORMALIZE_ITEM, 0.7, 0.3, 5}
};

static const double shrinks[] = {2, 5};
static const int lengths[] = {20, 50, 100, 200};

#define LONGEST 200

typedef struct SampleUser
{
	uint64		hash;
	uint32		position;		/* in the order of users */
	uint32		user;
} SampleUser;

typedef struct Weight
{
	uint32		target;
	float		score;
} Weight;

struct Tuning
{
	SampleUser *users;
	uint32		nusers;
	bool	   *wanted;			/* by number: neighbours are needed */
	uint32	   *place;			/* of a wanted item's list, by number */
	int		   *count;			/* of neighbours, by place */
	Weight	   *lists;			/* LONGEST for each place */
	double	   *scores;			/* accumulator */
	bool	   *touched;
	uint32	   *targets;
};

static int
compare_users(const void *a, const void *b)
{
	const SampleUser *x = (const SampleUser *) a;
	const SampleUser *y = (const SampleUser *) b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->position > y->position) - (x->position < y->position);
}

/* Is an item of a user in the sample put aside? */
static inline bool
put_aside(const SampleUser *user, uint32 item)
{
	return similarity_hash(user->hash, item) % ASIDE == 0;
}

/* Users with enough items, some of which are put aside and some are not, least hash first. */
static void
draw_sample(SimilarityBuild *build, Tuning *tuning)
{
	SparseMatrix *matrix = build->targets.matrix;
	uint64	   *hashes = similarity_user_hashes(build);
	uint32		count = 0;
	uint32		i;

	tuning->users = MemoryContextAllocHuge(build->cxt, Max(matrix->nrows, 1) * sizeof(SampleUser));
	for (i = 0; i < matrix->nrows; i++)
	{
		SampleUser	user;
		uint64		aside = 0;
		uint64		k;

		user.user = build->order[i];
		user.hash = hashes[user.user];
		user.position = i;
		if (matrix->start[user.user + 1] - matrix->start[user.user] < MIN_ITEMS)
			continue;
		for (k = matrix->start[user.user]; k < matrix->start[user.user + 1]; k++)
			aside += put_aside(&user, matrix->cols[k]);
		if (aside > 0 && aside < matrix->start[user.user + 1] - matrix->start[user.user])
			tuning->users[count++] = user;
		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	pfree(hashes);
	qsort(tuning->users, count, sizeof(SampleUser), compare_users);
	tuning->nusers = Min(count, SAMPLE_USERS);
}

/* The matrix without what is put aside, and which items' neighbours are wanted. */
static SparseMatrix *
split(SimilarityBuild *build, Tuning *tuning)
{
	SparseMatrix *matrix = build->targets.matrix;
	SparseMatrix *rest = sparse_copy(build->cxt, matrix);
	uint32		nitems = build->targets.nitems;
	uint32		nplaces = 0;
	uint32		limit = similarity_memory_limit() / 4 / (LONGEST * sizeof(Weight));
	uint32		i;

	tuning->wanted = MemoryContextAllocExtended(build->cxt, Max(nitems, 1),
												MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	tuning->place = MemoryContextAllocHuge(build->cxt, Max(nitems, 1) * sizeof(uint32));
	for (i = 0; i < tuning->nusers && nplaces < limit; i++)
	{
		SampleUser *user = &tuning->users[i];
		uint64		k;

		for (k = matrix->start[user->user]; k < matrix->start[user->user + 1]; k++)
		{
			uint32		item = matrix->cols[k];

			if (put_aside(user, item))
				rest->cols[k] = SPARSE_DROPPED;
			else if (!tuning->wanted[item])
			{
				tuning->wanted[item] = true;
				tuning->place[item] = nplaces++;
			}
		}
	}
	/* fewer where memory is short */
	tuning->nusers = i;
	sparse_compact(rest);
	tuning->count = MemoryContextAllocHuge(build->cxt, Max(nplaces, 1) * sizeof(int));
	tuning->lists = MemoryContextAllocHuge(build->cxt,
										   (Size) Max(nplaces, 1) * LONGEST * sizeof(Weight));
	tuning->scores = MemoryContextAllocHuge(build->cxt, Max(nitems, 1) * sizeof(double));
	tuning->targets = MemoryContextAllocHuge(build->cxt, Max(nitems, 1) * sizeof(uint32));
	tuning->touched = MemoryContextAllocExtended(build->cxt, Max(nitems, 1),
												 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	return rest;
}

/* Takes the neighbours of the source of a rank; called from the product. */
void
similarity_tune_row(SimilarityBuild *build, uint32 rank, const Neighbour *list, int count)
{
	Tuning	   *tuning = build->tuning;
	uint32		item = build->targets.by_rank[rank];
	int			i;

	if (!tuning->wanted[item])
		return;
	tuning->count[tuning->place[item]] = count;
	for (i = 0; i < count; i++)
	{
		Weight	   *weight = &tuning->lists[(Size) tuning->place[item] * LONGEST + i];

		weight->target = list[i].target;
		weight->score = (float) list[i].score;
	}
}

/* Adds up the first n neighbours of a user's items; the number of targets. */
static uint32
add_up(Tuning *tuning, const SparseMatrix *rest, uint32 user, int n, bool normalize)
{
	uint32		ntargets = 0;
	uint64		k;
	int			i;

	for (k = rest->start[user]; k < rest->start[user + 1]; k++)
	{
		uint32		place = tuning->place[rest->cols[k]];
		const Weight *list = tuning->lists + (Size) place * LONGEST;
		int			count = Min(n, tuning->count[place]);
		double		sum = 1;

		if (normalize)
			for (i = 0, sum = 0; i < count; i++)
				sum += list[i].score;
		for (i = 0; i < count; i++)
		{
			uint32		target = list[i].target;

			if (!tuning->touched[target])
			{
				tuning->touched[target] = true;
				tuning->targets[ntargets++] = target;
				tuning->scores[target] = 0;
			}
			tuning->scores[target] += list[i].score / sum;
		}
	}
	/* what the user has is not recommended */
	for (k = rest->start[user]; k < rest->start[user + 1]; k++)
		tuning->scores[rest->cols[k]] = 0;
	return ntargets;
}

/* The best CUT of the targets, ties by number; how many there are. */
static int
best_targets(Tuning *tuning, uint32 ntargets, uint32 *best)
{
	const double *scores = tuning->scores;
	int			count = 0;
	uint32		i;

	for (i = 0; i < ntargets; i++)
	{
		uint32		target = tuning->targets[i];
		int			place = count;

		tuning->touched[target] = false;
		if (scores[target] <= 0)
			continue;
		while (place > 0 && (scores[best[place - 1]] < scores[target] ||
							 (scores[best[place - 1]] == scores[target] && best[place - 1] > target)))
			place--;
		if (place == CUT)
			continue;
		count = Min(count + 1, CUT);
		memmove(best + place + 1, best + place, (count - 1 - place) * sizeof(uint32));
		best[place] = target;
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

/* Mean nDCG with the first n neighbours of each item. */
static double
judge(SimilarityBuild *build, Tuning *tuning, const SparseMatrix *rest, int n, bool normalize)
{
	const SparseMatrix *all = build->targets.matrix;
	double		mean = 0;
	uint32		i;

	for (i = 0; i < tuning->nusers; i++)
	{
		uint32		user = tuning->users[i].user;
		uint64		aside = (all->start[user + 1] - all->start[user]) -
			(rest->start[user + 1] - rest->start[user]);
		uint32		best[CUT];
		int			count = best_targets(tuning, add_up(tuning, rest, user, n, normalize), best);
		double		gain = 0;
		double		ideal = 0;
		int			k;

		CHECK_FOR_INTERRUPTS();
		for (k = 0; k < count; k++)
			if (has_item(all, user, best[k]))
				gain += 1 / log2(k + 2);
		for (k = 0; k < Min(aside, CUT); k++)
			ideal += 1 / log2(k + 2);
		mean += gain / ideal / tuning->nusers;
	}
	return mean;
}

/* A model of the rest with one setting: judged for all lengths, the best is kept. */
static void
try_setting(SimilarityBuild *build, Tuning *tuning, SparseMatrix *rest,
			const SimilarityOptions *setting, SimilarityOptions *best, double *best_ndcg)
{
	SimilarityBuild trial = *build;
	int			i;

	trial.cxt = AllocSetContextCreate(build->cxt, "recsys similarity trial", ALLOCSET_DEFAULT_SIZES);
	trial.options = *setting;
	trial.options.n = LONGEST;
	trial.options.normalize = NORMALIZE_NONE;
	trial.sources = &trial.targets;
	trial.targets.matrix = rest;
	trial.tuning = tuning;
	trial.wanted = tuning->wanted;
	similarity_weigh(&trial);
	similarity_multiply(&trial);
	for (i = 0; i < lengthof(lengths); i++)
	{
		int			n = build->options.n > 0 ? build->options.n : lengths[i];
		double		ndcg = judge(build, tuning, rest, Min(n, LONGEST),
								 setting->normalize == NORMALIZE_ITEM);

		if (ndcg > *best_ndcg)
		{
			*best_ndcg = ndcg;
			*best = *setting;
			best->n = n;
		}
		if (build->options.n > 0)
			break;
	}
	MemoryContextDelete(trial.cxt);
}

/*
 * Puts the best setting into the options, and says so.  The matrices are those
 * of all interactions, not yet weighed.
 */
void
similarity_tune(SimilarityBuild *build)
{
	Tuning		tuning = {0};
	SimilarityOptions setting = build->options;
	SimilarityOptions best = build->options;
	double		best_ndcg = -1;
	SparseMatrix *rest;
	int			i;

	if (best.n == 0)
		best.n = SIMILARITY_DEFAULT_N;
	if (best.normalize == NORMALIZE_DEFAULT)
		best.normalize = NORMALIZE_NONE;
	draw_sample(build, &tuning);
	if (tuning.nusers < MIN_USERS)
	{
		build->options = best;
		ereport(NOTICE,
				(errmsg("too few users to tune the measure of similarity, which is left as it is"),
				 errdetail("There are %u users with %d items or more, and %d are needed.",
						   tuning.nusers, MIN_ITEMS, MIN_USERS)));
		return;
	}
	rest = split(build, &tuning);
	similarity_transform(build, rest);
	setting.transform = TRANSFORM_NONE;
	setting.prune = PRUNE_ITEM;

	setting.user_power = user_powers[0];
	for (i = 0; i < lengthof(candidates); i++)
	{
		if (build->options.normalize != NORMALIZE_DEFAULT &&
			build->options.normalize != candidates[i].normalize)
			continue;
		setting.normalize = candidates[i].normalize;
		setting.alpha = candidates[i].alpha;
		setting.beta = candidates[i].beta;
		setting.shrink = build->options.shrink > 0 ?
			build->options.shrink : candidates[i].shrink;
		try_setting(build, &tuning, rest, &setting, &best, &best_ndcg);
	}
	setting = best;
	for (i = 1; i < lengthof(user_powers); i++)
	{
		setting.user_power = user_powers[i];
		try_setting(build, &tuning, rest, &setting, &best, &best_ndcg);
	}
	setting = best;
	for (i = 0; i < lengthof(shrinks) && build->options.shrink == 0; i++)
	{
		if (best.shrink == shrinks[i])
			continue;
		setting.shrink = shrinks[i];
		try_setting(build, &tuning, rest, &setting, &best, &best_ndcg);
	}
	build->options.shrink = best.shrink;
	build->options.normalize = best.normalize;
	build->options.user_power = best.user_power;
	build->options.alpha = best.alpha;
	build->options.beta = best.beta;
	build->options.n = best.n;
	ereport(NOTICE,
			(errmsg("similarity was tuned to user_power %g, alpha %g, beta %g, shrink %g, normalization %s, n %d",
					best.user_power, best.alpha, best.beta, best.shrink,
					best.normalize == NORMALIZE_ITEM ? "item" : "none", best.n),
			 errdetail("nDCG@%d is %.4f for what was put aside of %u users.",
					   CUT, best_ndcg, tuning.nusers)));
	sparse_free(rest);
	pfree(tuning.users);
	pfree(tuning.wanted);
	pfree(tuning.place);
	pfree(tuning.count);
	pfree(tuning.lists);
	pfree(tuning.scores);
	pfree(tuning.targets);
	pfree(tuning.touched);
}
