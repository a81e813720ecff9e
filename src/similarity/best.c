/*-------------------------------------------------------------------------
 *
 * best.c
 *		The greatest n of many keys.
 *
 * Keys above a bound are collected; when there are some times n of them, a
 * selection throws away all but the greatest n, the least of which is the new
 * bound.  That costs a few steps for each key that passes, where a heap would
 * cost a walk through its levels, and none of the steps is a branch that
 * depends on the keys.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "similarity/best.h"

#define SHORT 12				/* sorted by insertion */

/* Allocates the list in the current memory context. */
void
best_init(Best *best, int n)
{
	best->n = n;
	best->capacity = 2 * n + 200;
	best->keys = palloc_array(uint64, best->capacity);
	best->scratch = palloc_array(uint64, best->capacity);
	best->seed = 1;
	best_reset(best);
}

static void
insertion_sort(uint64 *keys, int count)
{
	int			i;

	for (i = 1; i < count; i++)
	{
		uint64		key = keys[i];
		int			place = i;

		while (place > 0 && key > keys[place - 1])
		{
			keys[place] = keys[place - 1];
			place--;
		}
		keys[place] = key;
	}
}

/* One of the keys, by chance, so that no data is bad: the middle one of three. */
static uint64
choose_pivot(Best *best, int low, int high)
{
	uint64		picks[3];
	int			i;

	for (i = 0; i < 3; i++)
	{
		best->seed = best->seed * 1664525 + 1013904223;
		picks[i] = best->keys[low + (int) (((uint64) best->seed * (uint32) (high - low)) >> 32)];
	}
	return Max(Min(picks[0], picks[1]), Min(Max(picks[0], picks[1]), picks[2]));
}

/* Puts what is above the pivot first; the place of the first that is not. */
static int
partition(Best *best, int low, int high, uint64 pivot)
{
	uint64	   *keys = best->keys;
	uint64	   *scratch = best->scratch;
	int			left = low;
	int			right = 0;
	int			i;

	for (i = low; i < high; i++)
	{
		uint64		key = keys[i];
		int			above = key > pivot;

		keys[left] = key;
		left += above;
		scratch[right] = key;
		right += 1 - above;
	}
	memcpy(keys + left, scratch, right * sizeof(uint64));
	return left;
}

/*
 * Puts the places from first to last - 1 in order, and what belongs before or
 * behind them there, without any order: quicksort that leaves out what nobody
 * looks at.
 */
static void
sort_part(Best *best, int low, int high, int first, int last)
{
	while (high - low > SHORT)
	{
		int			middle = partition(best, low, high, choose_pivot(best, low, high));

		if (first < middle && low < middle)
			sort_part(best, low, middle, first, last);
		if (last <= middle)
			return;
		low = middle;
	}
	insertion_sort(best->keys + low, high - low);
}

/* Throws away all but the greatest n. */
void
best_cut(Best *best)
{
	if (best->count <= best->n)
		return;
	sort_part(best, 0, best->count, best->n - 1, best->n);
	best->count = best->n;
	best->bound = best->keys[best->n - 1];
}

/* The greatest n, in falling order. */
void
best_sort(Best *best)
{
	sort_part(best, 0, best->count, 0, Min(best->n, best->count));
	best->count = Min(best->n, best->count);
}
