/*-------------------------------------------------------------------------
 *
 * settings.c
 *		What a row of the product has to keep to be good for many settings.
 *
 * The sums C_ij of a row are weighed in the cache with each beta and each
 * evidence of a list.  A target that is among the best n for any of these is
 * kept, with its bare sum; what is not can be forgotten.  Settings differ
 * little in what they keep, so that a row for fifty of them is some times as
 * long as one for a single setting.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <float.h>

#include "similarity/measure.h"
#include "similarity/settings.h"

#define FEW 128					/* common users that factors are looked up for */

/* State of one process; arrays have a place for each target of a row. */
struct Settings
{
	const SettingList *list;
	uint32		ncolumns;
	uint32		count;
	uint32	   *targets;
	uint32	   *together;
	float	   *sums;
	float	   *weighed;		/* sum by the factor of its column */
	float	   *evidence[MAX_EVIDENCES];	/* factors */
	float		few[MAX_EVIDENCES][FEW];	/* the same by the number of common users */
	float	   *scores;
	float	   *selection;		/* scratch */
	uint32	   *best;			/* places of the best of the last setting, and maybe others */
	uint32		nbest;
	bool	   *kept;
};

/* In the current memory context, for rows of at most so many targets. */
Settings *
settings_create(const SettingList *list, uint32 ncolumns)
{
	MemoryContext cxt = CurrentMemoryContext;
	Settings   *settings = palloc0_object(Settings);
	Size		size = Max((Size) ncolumns, 1) * sizeof(float);
	uint32		i;

	settings->list = list;
	settings->ncolumns = ncolumns;
	settings->targets = MemoryContextAllocHuge(cxt, size);
	settings->together = MemoryContextAllocHuge(cxt, size);
	settings->sums = MemoryContextAllocHuge(cxt, size);
	settings->weighed = MemoryContextAllocHuge(cxt, size);
	for (i = 0; i < list->nevidences; i++)
	{
		uint32		together;

		settings->evidence[i] = MemoryContextAllocHuge(cxt, size);
		for (together = 0; together < FEW; together++)
			settings->few[i][together] = (float) evidence_factor(&list->evidences[i], together);
	}
	settings->scores = MemoryContextAllocHuge(cxt, size);
	settings->selection = MemoryContextAllocHuge(cxt, size);
	/* one more: see keep_best() */
	settings->best = MemoryContextAllocHuge(cxt, size + sizeof(uint32));
	settings->kept = MemoryContextAllocHuge(cxt, size);
	return settings;
}

/* Starts a row. */
void
settings_reset(Settings *settings)
{
	settings->count = 0;
	settings->nbest = 0;
}

void
settings_offer(Settings *settings, uint32 target, double sum, uint32 together)
{
	settings->targets[settings->count] = target;
	settings->sums[settings->count] = (float) sum;
	settings->together[settings->count++] = together;
}

/* The n-th largest of values, which get another order (Hoare's selection); n from 1. */
float
settings_nth_largest(float *values, uint32 count, uint32 n)
{
	int64		low = 0;
	int64		high = (int64) count - 1;
	int64		place = (int64) n - 1;

	while (low < high)
	{
		float		pivot = values[low + (high - low) / 2];
		int64		i = low;
		int64		j = high;

		while (i <= j)
		{
			while (values[i] > pivot)
				i++;
			while (values[j] < pivot)
				j--;
			if (i <= j)
			{
				float		value = values[i];

				values[i++] = values[j];
				values[j--] = value;
			}
		}
		if (place <= j)
			high = j;
		else if (place >= i)
			low = i;
		else
			break;
	}
	return values[place];
}

/* Is a list of the best long enough to be sorted out? */
static inline bool
too_many(const Settings *settings)
{
	return settings->nbest > settings->list->n + settings->list->n / 2;
}

/* The n-th largest score of the best. */
static float
nth_best(Settings *settings)
{
	uint32		k;

	for (k = 0; k < settings->nbest; k++)
		settings->selection[k] = settings->scores[settings->best[k]];
	return settings_nth_largest(settings->selection, settings->nbest, settings->list->n);
}

/*
 * A score that n targets of the row reach at least.  The settings follow each
 * other in small steps, so that the worst that the best of the last one now
 * have is a close one mostly.
 */
static float
find_bound(const Settings *settings)
{
	float		bound = FLT_MAX;
	uint32		k;

	/* what has no score at all is not among the best */
	if (settings->nbest < settings->list->n)
		return FLT_MIN;
	for (k = 0; k < settings->nbest; k++)
		bound = Min(bound, settings->scores[settings->best[k]]);
	return Max(bound, FLT_MIN);
}

#define BLOCK 16

/* Finds the best of one setting, and a few more perhaps, and marks them. */
static void
keep_best(Settings *settings)
{
	uint32		count = settings->count;
	/* floats from 0 on are in the order of their bits */
	const int32 *bits = (const int32 *) settings->scores;
	float		bound = find_bound(settings);
	uint32	   *best = settings->best;
	uint32		nbest = 0;
	int32		bound_bits;
	uint32		block;
	uint32		k;

	memcpy(&bound_bits, &bound, sizeof(bound));
	for (block = 0; block < count; block += BLOCK)
	{
		uint32		end = Min(block + BLOCK, count);

		if (end - block == BLOCK)
		{
			int32		any = 0;

			for (k = 0; k < BLOCK; k++)
				any |= bits[block + k] >= bound_bits;
			if (!any)
				continue;
		}
		for (k = block; k < end; k++)
		{
			/* without a branch: the place of what does not pass is written over */
			best[nbest] = k;
			nbest += bits[k] >= bound_bits;
		}
	}
	settings->nbest = nbest;
	if (too_many(settings))
	{
		uint32		kept = 0;

		bound = nth_best(settings);
		for (k = 0; k < settings->nbest; k++)
			if (settings->scores[settings->best[k]] >= bound)
				settings->best[kept++] = settings->best[k];
		settings->nbest = kept;
	}
	for (k = 0; k < settings->nbest; k++)
		settings->kept[settings->best[k]] = true;
}

static void
try_settings(Settings *settings)
{
	const SettingList *list = settings->list;
	uint32		count = settings->count;
	float	   *scores = settings->scores;
	float	   *weighed = settings->weighed;
	uint32		beta;
	uint32		i;
	uint32		k;

	for (i = 0; i < list->nevidences; i++)
		for (k = 0; k < count; k++)
			settings->evidence[i][k] = settings->together[k] < FEW ?
				settings->few[i][settings->together[k]] :
				(float) evidence_factor(&list->evidences[i], settings->together[k]);
	for (beta = 0; beta < list->nbetas; beta++)
	{
		const float *factors = list->factors + (Size) beta * settings->ncolumns;

		for (k = 0; k < count; k++)
			weighed[k] = settings->sums[k] * factors[settings->targets[k]];
		for (i = 0; i < list->nevidences; i++)
		{
			/* to and fro, for small steps */
			const float *evidence =
				settings->evidence[beta % 2 ? list->nevidences - 1 - i : i];

			parallel_check_interrupts();
			for (k = 0; k < count; k++)
				scores[k] = weighed[k] * evidence[k];
			keep_best(settings);
		}
	}
}

/*
 * Writes what any setting has among its best, in the order of offers; how many
 * they are.  Where scores are equal they may be many: not more than max.
 */
int
settings_select(Settings *settings, Neighbour *result, int max)
{
	bool		all = settings->count <= settings->list->n;
	int			nresult = 0;
	uint32		k;

	memset(settings->kept, all, settings->count * sizeof(bool));
	if (!all)
		try_settings(settings);
	for (k = 0; k < settings->count && nresult < max; k++)
	{
		if (!settings->kept[k])
			continue;
		result[nresult].target = settings->targets[k];
		result[nresult].score = settings->sums[k];
		result[nresult++].together = settings->together[k];
	}
	return nresult;
}
