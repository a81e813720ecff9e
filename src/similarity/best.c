/*-------------------------------------------------------------------------
 *
 * best.c
 *		The best n of many candidates.
 *
 * Candidates that are not below a bound are collected; when there are some
 * times n of them, Hoare's selection throws away all but the best n, the worst
 * of which is the new bound.  That costs a few steps for each candidate that
 * passes, where a heap would cost a walk through its levels.
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
	best->list = palloc_array(Candidate, best->capacity);
	best->seed = 1;
	best_reset(best);
}

static inline bool
better(const Candidate *a, const Candidate *b)
{
	return a->score > b->score || (a->score == b->score && a->rank < b->rank);
}

static void
insertion_sort(Candidate *list, int count)
{
	int			i;

	for (i = 1; i < count; i++)
	{
		Candidate	moving = list[i];
		int			place = i;

		while (place > 0 && better(&moving, &list[place - 1]))
		{
			list[place] = list[place - 1];
			place--;
		}
		list[place] = moving;
	}
}

/*
 * Puts the places from first to last - 1 in order, and what belongs before or
 * behind them there, without any order: quicksort that leaves out what nobody
 * looks at.  Pivots are random, so that no data is bad.
 */
static void
sort_part(Best *best, int low, int high, int first, int last)
{
	Candidate  *list = best->list;

	while (high - low > SHORT)
	{
		Candidate	pivot;
		int			i = low;
		int			j = high - 1;

		best->seed = best->seed * 1664525 + 1013904223;
		pivot = list[low + (int) (((uint64) best->seed * (uint32) (high - low)) >> 32)];
		while (i <= j)
		{
			while (better(&list[i], &pivot))
				i++;
			while (better(&pivot, &list[j]))
				j--;
			if (i <= j)
			{
				Candidate	swap = list[i];

				list[i++] = list[j];
				list[j--] = swap;
			}
		}
		/* low to j, maybe the pivot between, i to high - 1 */
		if (last <= i)
			high = j + 1;
		else if (first > j)
			low = i;
		else
		{
			sort_part(best, low, j + 1, first, last);
			low = i;
		}
		if (last <= low || first >= high)
			return;
	}
	insertion_sort(list + low, high - low);
}

/* Throws away all but the best n. */
void
best_cut(Best *best)
{
	if (best->count <= best->n)
		return;
	sort_part(best, 0, best->count, best->n - 1, best->n);
	best->count = best->n;
	best->bound = best->list[best->n - 1].score;
}

/* The best n, the very best first. */
void
best_sort(Best *best)
{
	sort_part(best, 0, best->count, 0, Min(best->n, best->count));
	best->count = Min(best->n, best->count);
}
