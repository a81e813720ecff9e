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

#include "similarity/measure.h"
#include "similarity/settings.h"

/* State of one process; arrays have a place for each target of a row. */
struct Settings
{
	const SettingList *list;
	uint32		ncolumns;
	uint32		count;
	uint32	   *targets;
	uint32	   *together;
	float	   *sums;
	float	   *weighed;		/* sum by the factor of its evidence */
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
	Size		places = Max(ncolumns, 1);

	settings->list = list;
	settings->ncolumns = ncolumns;
	settings->targets = MemoryContextAllocHuge(cxt, places * sizeof(uint32));
	settings->together = MemoryContextAllocHuge(cxt, places * sizeof(uint32));
	settings->sums = MemoryContextAllocHuge(cxt, places * sizeof(float));
	settings->weighed = MemoryContextAllocHuge(cxt, places * sizeof(float));
	settings->scores = MemoryContextAllocHuge(cxt, places * sizeof(float));
	settings->selection = MemoryContextAllocHuge(cxt, places * sizeof(float));
	settings->best = MemoryContextAllocHuge(cxt, places * sizeof(uint32));
	settings->kept = MemoryContextAllocHuge(cxt, places * sizeof(bool));
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

/*
 * Marks the best of one setting.  The settings follow each other in small
 * steps, so that the worst that the best of the last one now have is a bound
 * that few others pass: what does is kept, without sorting out those few.
 */
static void
keep_best(Settings *settings)
{
	const float *scores = settings->scores;
	uint32		count = settings->count;
	uint32		keep = settings->list->n;
	float		bound;
	uint32		k;

	if (settings->nbest < keep)
		memcpy(settings->selection, scores, count * sizeof(float));
	else
		for (k = 0; k < settings->nbest; k++)
			settings->selection[k] = scores[settings->best[k]];
	bound = settings_nth_largest(settings->selection,
								   settings->nbest < keep ? count : settings->nbest, keep);
	settings->nbest = 0;
	for (k = 0; k < count; k++)
	{
		if (scores[k] < bound || scores[k] <= 0)
			continue;
		settings->best[settings->nbest++] = k;
		settings->kept[k] = true;
	}
}

/* Writes what any setting has among its best, in the order of offers; how many they are. */
int
settings_select(Settings *settings, struct Neighbour *result)
{
	const SettingList *list = settings->list;
	uint32		count = settings->count;
	uint32		setting;
	uint32		k;
	int			nresult = 0;

	memset(settings->kept, count <= list->n, count * sizeof(bool));
	for (setting = 0; setting < list->nevidences * list->nbetas && count > list->n; setting++)
	{
		uint32		evidence = setting / list->nbetas;
		uint32		beta = setting % list->nbetas;
		const float *factors = list->factors;

		if (beta == 0)
			for (k = 0; k < count; k++)
				settings->weighed[k] = settings->sums[k] *
					(float) evidence_factor(&list->evidences[evidence], settings->together[k]);
		/* to and fro, for small steps */
		factors += (Size) (evidence % 2 ? list->nbetas - 1 - beta : beta) * settings->ncolumns;
		for (k = 0; k < count; k++)
			settings->scores[k] = settings->weighed[k] * factors[settings->targets[k]];
		keep_best(settings);
	}
	for (k = 0; k < count; k++)
	{
		if (!settings->kept[k])
			continue;
		result[nresult].target = settings->targets[k];
		result[nresult].score = settings->sums[k];
		result[nresult++].together = settings->together[k];
	}
	return nresult;
}
