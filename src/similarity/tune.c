/*-------------------------------------------------------------------------
 *
 * tune.c
 *		tune => true: the setting and the number of neighbours that predict best.
 *
 * A setting is judged by how well it predicts what was put aside (validate.c).
 * From the default, and from lists whose scores do not add up to 1, it goes uphill: one
 * of alpha, beta, evidence (shrink or min_together) and n at a time by one step
 * of a grid, as long as that helps.  This is done with the first user_power on
 * a part of the sample, then with the better of the two on all of it, then with
 * the next user_powers in the direction that helps, and at last by half steps.
 * Each user_power costs one product; a setting costs a hundredth of that.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "similarity/tune.h"

#define SAMPLE_USERS 2000
#define FIRST_USERS 500		/* decide where to begin */
#define MIN_USERS 20			/* below, chance decides */

static const double user_powers[] = {0, 0.25, 0.5, 0.75, 1, 1.25, 1.5};

#define FIRST_POWER 4

/* From much evidence that is needed, to weight for what is there, by ever more. */
static const Evidence evidences[] = {
	{0, 2}, {0, 1}, {2, 1}, {5, 1}, {10, 1}, {20, 1}
};

static const int lengths[] = {20, 50, 100, 200};

/* What can be changed by a step. */
typedef enum Coordinate
{
	ALPHA,
	BETA,
	EVIDENCE,
	LENGTH,
	COORDINATES
} Coordinate;

/* A setting by its places in the grid. */
typedef struct Point
{
	int			place[COORDINATES];
	bool		normalize;
} Point;

typedef struct Search
{
	const SimilarityOptions *options;
	Validation *validation;
	TuneGrid	grid;
	uint32		nusers;			/* that decide now */
	Point		best;
	double		best_ndcg;
} Search;

static int
grid_size(const TuneGrid *grid, Coordinate coordinate)
{
	switch (coordinate)
	{
		case ALPHA:
			return grid->nalphas;
		case BETA:
			return grid->nbetas;
		case EVIDENCE:
			return grid->nevidences;
		default:
			return grid->nlengths;
	}
}

static TuneSetting
setting_at(const TuneGrid *grid, const Point *point)
{
	TuneSetting setting = {0};

	setting.alpha = grid->alphas[point->place[ALPHA]];
	setting.beta = grid->betas[point->place[BETA]];
	setting.evidence = grid->evidences[point->place[EVIDENCE]];
	setting.n = grid->lengths[point->place[LENGTH]];
	setting.normalize = point->normalize;
	return setting;
}

static double
judge(Search *search, const Point *point)
{
	TuneSetting setting = setting_at(&search->grid, point);
	double		ndcg = validation_judge(search->validation, &setting, search->nusers);

	ereport(DEBUG1,
			(errmsg_internal("user_power %g, alpha %g, beta %g, shrink %g, min_together %d, normalization %s, n %d: nDCG@%d %.5f of %u users",
							 search->grid.user_power, setting.alpha, setting.beta,
							 setting.evidence.shrink, (int) setting.evidence.min_together,
							 setting.normalize ? "item" : "none", setting.n,
							 TUNE_CUT, ndcg, Min(search->nusers, validation_users(search->validation)))));
	return ndcg;
}

/* Steps in one direction as long as it gets better; whether it did. */
static bool
walk(Search *search, Coordinate coordinate, int step)
{
	bool		better = false;

	for (;;)
	{
		Point		point = search->best;
		double		ndcg;

		point.place[coordinate] += step;
		if (point.place[coordinate] < 0 ||
			point.place[coordinate] >= grid_size(&search->grid, coordinate))
			return better;
		ndcg = judge(search, &point);
		if (ndcg <= search->best_ndcg)
			return better;
		search->best = point;
		search->best_ndcg = ndcg;
		better = true;
	}
}

/* From a point to where no single step helps. */
static void
climb(Search *search, Point start)
{
	int			unchanged = 0;
	int			coordinate = 0;

	search->best = start;
	search->best_ndcg = judge(search, &start);
	while (unchanged < COORDINATES)
	{
		/* alpha is of no effect where scores are made to add up to 1 */
		if ((coordinate == ALPHA && search->best.normalize) ||
			!(walk(search, coordinate, 1) || walk(search, coordinate, -1)))
			unchanged++;
		else
			unchanged = 1;
		coordinate = (coordinate + 1) % COORDINATES;
	}
}

/* Values around one of them, none below 0; the place of the one. */
static int
around(double *values, int *count, double middle, double step, int steps)
{
	int			place = 0;
	int			i;

	*count = 0;
	for (i = -steps; i <= steps; i++)
	{
		/* as many digits as are shown */
		double		value = rint((middle + i * step) * 1000) / 1000;

		if (value < 0)
			continue;
		if (i == 0)
			place = *count;
		values[(*count)++] = value;
	}
	return place;
}

static void
first_grid(Search *search)
{
	const SimilarityOptions *options = search->options;
	TuneGrid   *grid = &search->grid;
	int			i;

	memset(grid, 0, sizeof(TuneGrid));
	grid->user_power = user_powers[FIRST_POWER];
	around(grid->alphas, &grid->nalphas, 0.7, 0.1, 5);
	around(grid->betas, &grid->nbetas, 0.3, 0.1, 2);
	/* 0.1 to 0.5 at first: the next grids go on where that is the edge */
	if (!isnan(options->shrink) || options->min_together > 1)
	{
		grid->evidences[0].shrink = isnan(options->shrink) ? 0 : options->shrink;
		grid->evidences[0].min_together = Max(options->min_together, 1);
		grid->nevidences = 1;
	}
	else
	{
		/* the first has another min_together than the 1 that may have been given */
		int			skip = options->min_together > 0 ? 1 : 0;

		grid->nevidences = lengthof(evidences) - skip;
		memcpy(grid->evidences, evidences + skip, grid->nevidences * sizeof(Evidence));
	}
	for (i = 0; i < lengthof(lengths) && options->n == 0; i++)
		grid->lengths[grid->nlengths++] = lengths[i];
	if (options->n > 0)
		grid->lengths[grid->nlengths++] = options->n;
}

/*
 * A grid around the best point: steps of alpha and beta, and the evidences next
 * to it, at half the distance where fine.  Returns the point's new places.
 */
static Point
next_grid(Search *search, double user_power, double step, bool fine)
{
	TuneGrid	old = search->grid;
	TuneGrid   *grid = &search->grid;
	Point		point = search->best;
	int			place = point.place[EVIDENCE];
	int			i;

	grid->user_power = user_power;
	point.place[ALPHA] = around(grid->alphas, &grid->nalphas, old.alphas[point.place[ALPHA]],
								step, 4);
	point.place[BETA] = around(grid->betas, &grid->nbetas, old.betas[point.place[BETA]], step, 1);
	grid->nevidences = 0;
	for (i = Max(place - 1, 0); i <= Min(place + 1, old.nevidences - 1); i++)
	{
		Evidence	evidence = old.evidences[i];

		/* between two shrinks */
		if (fine && i != place && evidence.min_together == old.evidences[place].min_together)
			evidence.shrink = (evidence.shrink + old.evidences[place].shrink) / 2;
		if (i == place)
			point.place[EVIDENCE] = grid->nevidences;
		grid->evidences[grid->nevidences++] = evidence;
	}
	return point;
}

/* Tries the setting's neighbourhood with another user_power or finer steps; whether it helps. */
static bool
try_grid(Search *search, double user_power, double step, bool fine)
{
	Search		before = *search;
	Point		start = next_grid(search, user_power, step, fine);

	validation_collect(search->validation, &search->grid);
	climb(search, start);
	if (search->best_ndcg > before.best_ndcg)
		return true;
	*search = before;
	return false;
}

/* Tries user_powers in one direction as long as that helps; whether it did. */
static bool
try_powers(Search *search, int step)
{
	int			power = FIRST_POWER + step;

	while (power >= 0 && power < lengthof(user_powers) &&
		   try_grid(search, user_powers[power], 0.1, false))
		power += step;
	return power != FIRST_POWER + step;
}

/* The default, or what is like it where scores do not add up to 1. */
static Point
first_point(const Search *search, bool normalize)
{
	Point		point = {{0}};

	point.place[ALPHA] = 6;		/* 0.8 */
	point.place[BETA] = normalize ? 3 : 2;	/* 0.4 or 0.3 */
	/* 10 or 2 */
	point.place[EVIDENCE] = Max(search->grid.nevidences - (normalize ? 2 : 4), 0);
	point.place[LENGTH] = search->grid.nlengths - 1;
	point.normalize = normalize;
	return point;
}

static void
search_all(Search *search)
{
	SimilarityNormalize normalize = search->options->normalize;
	Point		best;
	double		ndcg = -1;

	first_grid(search);
	validation_collect(search->validation, &search->grid);
	search->nusers = FIRST_USERS;
	if (normalize != NORMALIZE_ITEM)
	{
		climb(search, first_point(search, false));
		best = search->best;
		ndcg = search->best_ndcg;
	}
	if (normalize != NORMALIZE_NONE)
	{
		climb(search, first_point(search, true));
		if (search->best_ndcg <= ndcg)
			search->best = best;
	}
	search->nusers = SAMPLE_USERS;
	climb(search, search->best);
	if (!try_powers(search, -1))
		try_powers(search, 1);
	try_grid(search, search->grid.user_power, 0.05, true);
}

static void
take_setting(SimilarityOptions *options, const Search *search)
{
	TuneSetting setting = setting_at(&search->grid, &search->best);

	options->user_power = search->grid.user_power;
	options->alpha = setting.alpha;
	options->beta = setting.beta;
	options->shrink = setting.evidence.shrink;
	options->min_together = setting.evidence.min_together;
	options->normalize = setting.normalize ? NORMALIZE_ITEM : NORMALIZE_NONE;
	options->n = setting.n;
}

/*
 * Puts the best setting into the options, and says so.  The matrices are those
 * of all interactions, not yet weighed.
 */
void
similarity_tune(SimilarityBuild *build)
{
	SimilarityOptions *options = &build->options;
	Search		search = {0};
	uint32		nusers;

	search.options = options;
	search.validation = validation_create(build, SAMPLE_USERS,
										  options->n > 0 ? options->n : lengths[lengthof(lengths) - 1]);
	nusers = validation_users(search.validation);
	if (nusers < MIN_USERS)
	{
		similarity_settle_lists(options);
		if (validation_cut(search.validation))
			ereport(NOTICE,
					(errmsg("not enough memory to tune the measure of similarity, which is left as it is"),
					 errhint("Increase maintenance_work_mem, or ask for fewer neighbours.")));
		else
			ereport(NOTICE,
					(errmsg("too few users to tune the measure of similarity, which is left as it is"),
					 errdetail("There are %u users with %d items or more, and %d are needed.",
							   nusers, TUNE_MIN_ITEMS, MIN_USERS)));
	}
	else
	{
		search_all(&search);
		take_setting(options, &search);
		ereport(NOTICE,
				(errmsg("similarity was tuned to user_power %g, alpha %g, beta %g, shrink %g, min_together %d, normalization %s, n %d",
						options->user_power, options->alpha, options->beta, options->shrink,
						(int) options->min_together,
						options->normalize == NORMALIZE_ITEM ? "item" : "none", options->n),
				 errdetail("nDCG@%d is %.4f for what was put aside of %u users.",
						   TUNE_CUT, search.best_ndcg, nusers)));
	}
	validation_free(search.validation);
}
