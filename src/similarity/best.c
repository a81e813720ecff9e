/*-------------------------------------------------------------------------
 *
 * best.c
 *		The greatest n of many keys.
 *
 * Keys above a bound are collected; when there are some times n of them, a
 * selection throws away all but the greatest n, the least of which is the new
 * bound.  That costs a few steps for each key that passes, where a heap would
 * cost a walk through its levels, and none of the steps is a branch that
 * depends on the keys.  Up to 64 of them are found by vectors where the processor
 * has those that it takes (wide.c).
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "similarity/best.h"
#include "similarity/wide.h"

#define RUNSORT_NAME sort_falling
#define RUNSORT_TYPE uint64
#define RUNSORT_BEFORE(a, b) ((a) > (b))
#define RUNSORT_LAST 0
#include "core/runsort.h"

#define SHORT (2 * RUNSORT_RUN)	/* not parted any more */

/* Allocates the list in the current memory context. */
void
best_init(Best *best, int n)
{
	best->n = n;
	best->limit = 2 * n + 16;
	best->keys = palloc_array(uint64, WIDE_ROOM(best->limit + BEST_ROOM) + WIDE_LANES);
	best->scratch = palloc_array(uint64, WIDE_ROOM(best->limit + BEST_ROOM) + WIDE_LANES);
	best->by_vectors = n <= WIDE_KEYS && wide_available();
	best->seed = 1;
	best_reset(best);
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

/* Puts the greatest n of more keys first, the least of them last. */
static void
select_greatest(Best *best)
{
	int			low = 0;
	int			high = best->count;
	uint64		rest[SHORT];
	uint64		other[SHORT];

	/* the least of them is between low and high: what is before is greater, what is behind less */
	while (high - low > SHORT)
	{
		int			middle = partition(best, low, high, choose_pivot(best, low, high));

		if (best->n <= middle)
			high = middle;
		else
			low = middle;
	}
	memcpy(rest, best->keys + low, (high - low) * sizeof(uint64));
	memcpy(best->keys + low, sort_falling(rest, other, high - low, high - low),
		   (high - low) * sizeof(uint64));
}

/* Throws away all but the greatest n. */
void
best_cut(Best *best)
{
	if (best->count <= best->n)
		return;
	if (best->by_vectors)
		wide_sort(best->keys, best->count);
	else
		select_greatest(best);
	best->count = best->n;
	best->bound = best->keys[best->n - 1];
}

/* The greatest n, in falling order. */
void
best_sort(Best *best)
{
	uint64	   *sorted = best->keys;

	if (best->by_vectors && best->count > SHORT)
		wide_sort(best->keys, best->count);
	else
		sorted = sort_falling(best->keys, best->scratch, best->count, best->n);
	if (sorted != best->keys)
	{
		best->scratch = best->keys;
		best->keys = sorted;
	}
	best->count = Min(best->n, best->count);
}
