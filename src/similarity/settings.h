/*-------------------------------------------------------------------------
 *
 * settings.h
 *		Inside of similarity/: rows that are good for many settings at once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_SETTINGS_H
#define RECSYS_SETTINGS_H

#include "core/compat.h"

/* What the number of common users does to a score. */
typedef struct Evidence
{
	double		shrink;
	int64		min_together;
} Evidence;

#define MAX_EVIDENCES 12

/*
 * All that decides the order of an item's neighbours: each exponent beta with
 * each evidence.  In shared memory, followed by the factors of the columns,
 * g^-beta: float [nbetas][columns].
 */
typedef struct SettingList
{
	uint32		n;				/* neighbours */
	uint32		nbetas;
	uint32		nevidences;
	Evidence	evidences[MAX_EVIDENCES];
	float		factors[FLEXIBLE_ARRAY_MEMBER];
} SettingList;

typedef struct Settings Settings;

extern Settings *settings_create(const SettingList *list, uint32 ncolumns);
extern void settings_reset(Settings *settings);
extern void settings_offer(Settings *settings, uint32 target, double sum, uint32 together);
extern int	settings_select(Settings *settings, struct Neighbour *result, int max);
extern float settings_nth_largest(float *values, uint32 count, uint32 n);

static inline double
evidence_factor(const Evidence *evidence, uint32 together)
{
	if (together < evidence->min_together)
		return 0;
	return evidence->shrink > 0 ? together / (together + evidence->shrink) : 1;
}

#endif							/* RECSYS_SETTINGS_H */
