/*-------------------------------------------------------------------------
 *
 * runsort.h
 *		A sort of short arrays of numbers, without branches that depend on them.
 *
 * Runs of 8 are put in order by a network, and merged, from both ends at once,
 * so that neither end can be reached too early.  What it takes is then the same
 * for all data, and several times less than where the processor has to guess how
 * each comparison turns out.
 *
 * As with lib/simplehash.h the includer says what is to be defined:
 *
 *		RUNSORT_NAME			name of the function
 *		RUNSORT_TYPE			of what is sorted: a number
 *		RUNSORT_BEFORE(a, b)	does a have to stand before b?
 *		RUNSORT_LAST			a number that none has to stand behind
 *
 *		static TYPE *NAME(TYPE *keys, TYPE *other, Size count, Size wanted)
 *
 * sorts count keys, or of these those that are the first wanted ones.  Both
 * arrays have room for RUNSORT_ROOM(count); the result is in either, which is
 * returned.  Without RUNSORT_NAME there is only the network.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#ifndef RECSYS_RUNSORT_H
#define RECSYS_RUNSORT_H

#define RUNSORT_RUN 8
#define RUNSORT_CONCAT(a, b) CppConcat(a, b)
#define RUNSORT_ROOM(count) (((Size) (count) + RUNSORT_RUN - 1) / RUNSORT_RUN * RUNSORT_RUN)

/* 19 comparisons of 8 places, as few as there can be (Knuth, The Art of Computer Programming 3, 5.3.4). */
#define RUNSORT_NETWORK(ORDER) \
	do { \
		ORDER(0, 2); ORDER(1, 3); ORDER(4, 6); ORDER(5, 7); \
		ORDER(0, 4); ORDER(1, 5); ORDER(2, 6); ORDER(3, 7); \
		ORDER(0, 1); ORDER(2, 3); ORDER(4, 5); ORDER(6, 7); \
		ORDER(2, 4); ORDER(3, 5); \
		ORDER(1, 4); ORDER(3, 6); \
		ORDER(1, 2); ORDER(3, 4); ORDER(5, 6); \
	} while (0)

#endif							/* RECSYS_RUNSORT_H */

#ifdef RUNSORT_NAME

#define RUNSORT_MERGE_EQUAL RUNSORT_CONCAT(RUNSORT_NAME, _merge_equal)
#define RUNSORT_MERGE RUNSORT_CONCAT(RUNSORT_NAME, _merge)
#define RUNSORT_NEXT RUNSORT_CONCAT(RUNSORT_NAME, _next)
#define RUNSORT_SORT_RUN RUNSORT_CONCAT(RUNSORT_NAME, _run)

static inline void
RUNSORT_SORT_RUN(RUNSORT_TYPE *keys)
{
	RUNSORT_TYPE low;
	RUNSORT_TYPE high;

#define ORDER(a, b) \
	(low = keys[a], high = keys[b], \
	 keys[a] = RUNSORT_BEFORE(high, low) ? high : low, \
	 keys[b] = RUNSORT_BEFORE(high, low) ? low : high)
	RUNSORT_NETWORK(ORDER);
#undef ORDER
}

/* The next of two runs. */
static inline RUNSORT_TYPE
RUNSORT_NEXT(const RUNSORT_TYPE **left, const RUNSORT_TYPE **right)
{
	RUNSORT_TYPE from_left = **left;
	RUNSORT_TYPE from_right = **right;
	bool		is_right = RUNSORT_BEFORE(from_right, from_left);

	*right += is_right;
	*left += !is_right;
	return is_right ? from_right : from_left;
}

/* Merges two runs that lie side by side. */
static inline void
RUNSORT_MERGE_EQUAL(const RUNSORT_TYPE *runs, Size width, RUNSORT_TYPE *out)
{
	const RUNSORT_TYPE *left = runs;
	const RUNSORT_TYPE *right = runs + width;
	const RUNSORT_TYPE *left_end = right - 1;
	const RUNSORT_TYPE *right_end = right + width - 1;
	RUNSORT_TYPE *out_end = out + 2 * width - 1;
	Size		i;

	for (i = 0; i < width; i++)
	{
		RUNSORT_TYPE to_left = *left_end;
		RUNSORT_TYPE to_right = *right_end;
		bool		is_left = RUNSORT_BEFORE(to_right, to_left);

		*out++ = RUNSORT_NEXT(&left, &right);
		*out_end-- = is_left ? to_left : to_right;
		left_end -= is_left;
		right_end -= !is_left;
	}
}

/* Merges the first ones of two runs of any length. */
static inline void
RUNSORT_MERGE(const RUNSORT_TYPE *left, Size nleft, const RUNSORT_TYPE *right, Size nright,
			  RUNSORT_TYPE *out, Size wanted)
{
	const RUNSORT_TYPE *left_end = left + nleft;
	const RUNSORT_TYPE *right_end = right + nright;
	RUNSORT_TYPE *end = out + Min(nleft + nright, wanted);
	RUNSORT_TYPE *safe = Min(out + Min(nleft, nright), end);

	/* before that neither of them ends */
	while (out < safe)
		*out++ = RUNSORT_NEXT(&left, &right);
	while (out < end && left < left_end && right < right_end)
		*out++ = RUNSORT_NEXT(&left, &right);
	memcpy(out, left < left_end ? left : right, (end - out) * sizeof(RUNSORT_TYPE));
}

static RUNSORT_TYPE *
RUNSORT_NAME(RUNSORT_TYPE *keys, RUNSORT_TYPE *other, Size count, Size wanted)
{
	Size		size = RUNSORT_ROOM(count);
	Size		width;
	Size		i;

	for (i = count; i < size; i++)
		keys[i] = RUNSORT_LAST;
	for (i = 0; i < size; i += RUNSORT_RUN)
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		RUNSORT_SORT_RUN(keys + i);
	}
	for (width = RUNSORT_RUN; width < size; width *= 2)
	{
		RUNSORT_TYPE *swap = keys;

		for (i = 0; i < size; i += 2 * width)
		{
			Size		nleft = Min(width, size - i);
			Size		nright = Min(width, size - i - nleft);

			if ((i & 0xffff) < 2 * width)
				CHECK_FOR_INTERRUPTS();
			/* of runs no more than what is wanted is looked at */
			if (nright == width && width < wanted)
				RUNSORT_MERGE_EQUAL(keys + i, width, other + i);
			else
				RUNSORT_MERGE(keys + i, Min(nleft, wanted), keys + i + nleft, Min(nright, wanted),
							  other + i, wanted);
		}
		keys = other;
		other = swap;
	}
	return keys;
}

#undef RUNSORT_MERGE_EQUAL
#undef RUNSORT_MERGE
#undef RUNSORT_NEXT
#undef RUNSORT_SORT_RUN
#undef RUNSORT_NAME
#undef RUNSORT_TYPE
#undef RUNSORT_BEFORE
#undef RUNSORT_LAST

#endif							/* RUNSORT_NAME */
