/*-------------------------------------------------------------------------
 *
 * numbers.h
 *		Small functions of numbers that several capabilities need.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_NUMBERS_H
#define RECSYS_NUMBERS_H

#include <math.h>

#include "core/compat.h"
#include "port/pg_bitutils.h"

/*
 * The finalizer of splitmix64, a bijection: every bit of the result depends on
 * every bit of h, so that numbers in a row do not end up in slots in a row.
 */
static inline uint64
mix64(uint64 h)
{
	h = (h ^ (h >> 30)) * UINT64CONST(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 27)) * UINT64CONST(0x94d049bb133111eb);
	return h ^ (h >> 31);
}

/* An integer of up to 64 bits that is by value: a Datum is unsigned, and of 32 bits on some machines. */
static inline int64
datum_int64(Datum datum)
{
	return sizeof(Datum) == sizeof(int64) ? (int64) datum : (int32) datum;
}

/* For qsort() of numbers, of which there may be millions. */
static inline int
compare_uint32(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	CHECK_FOR_INTERRUPTS();
	return (x > y) - (x < y);
}

static inline int
compare_uint64(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	CHECK_FOR_INTERRUPTS();
	return (x > y) - (x < y);
}

static inline int
compare_int64(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	CHECK_FOR_INTERRUPTS();
	return (x > y) - (x < y);
}

/* How many bits numbers up to n take: one at least. */
static inline int
bits_of(uint32 n)
{
	return pg_leftmost_one_pos32(Max(n, 1)) + 1;
}

/* The logarithm of the number of ways to choose k of n, for real numbers 0 <= k <= n. */
static inline double
log_choose(double n, double k)
{
	return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

#endif							/* RECSYS_NUMBERS_H */
