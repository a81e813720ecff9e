/*-------------------------------------------------------------------------
 *
 * tune.h
 *		Inside of similarity/: settings, and how well they predict.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_TUNE_H
#define RECSYS_TUNE_H

#include "core/compat.h"
#include "similarity/engine.h"
#include "similarity/settings.h"

#define TUNE_CUT 20				/* length of the list that is judged */
#define TUNE_MIN_ITEMS 5		/* of a user in the sample */
#define TUNE_MAX_VALUES 12		/* of an exponent */

/*
 * The settings that one product is enough for.  What decides the order of the
 * neighbours of an item are beta and evidence only.
 */
typedef struct TuneGrid
{
	double		user_power;
	int			nalphas;
	int			nbetas;
	int			nevidences;
	int			nlengths;
	double		alphas[TUNE_MAX_VALUES];
	double		betas[TUNE_MAX_VALUES];
	Evidence	evidences[MAX_EVIDENCES];
	int			lengths[TUNE_MAX_VALUES];	/* numbers of neighbours, ascending */
} TuneGrid;

/* A setting of a grid. */
typedef struct TuneSetting
{
	double		alpha;			/* without effect where scores of an item add up to 1 */
	double		beta;
	Evidence	evidence;
	int			n;
	bool		normalize;		/* scores of an item add up to 1 */
} TuneSetting;

typedef struct Validation Validation;

/* validate.c */
extern Validation *validation_create(SimilarityBuild *build, uint32 max_users, int longest);
extern uint32 validation_users(const Validation *validation);
extern bool validation_cut(const Validation *validation);
extern void validation_collect(Validation *validation, const TuneGrid *grid);
extern double validation_judge(Validation *validation, const TuneSetting *setting, uint32 nusers);
extern void validation_free(Validation *validation);

#endif							/* RECSYS_TUNE_H */
