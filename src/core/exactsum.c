/*-------------------------------------------------------------------------
 *
 * exactsum.c
 *		Sums of double precision numbers that do not depend on their order.
 *
 * Adding doubles rounds, and how it rounds depends on the order, which in a
 * query depends on the plan.  Here the sum is kept exactly, as one long fixed
 * point number, and rounded once at the end, so that any order, any split
 * among workers and any merge give the same bits.
 *
 * This is the small superaccumulator of R. M. Neal, "Fast exact summation
 * using small and large superaccumulators" (2015): limbs of 32 bits in 64-bit
 * integers take two thousand million additions before a carry must be moved
 * on.  An addition costs three integer additions.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "port/pg_bitutils.h"

#include "core/exactsum.h"

#define MAX_PENDING (INT64CONST(1) << 29)

void
exactsum_init(ExactSum *sum)
{
	memset(sum, 0, sizeof(*sum));
}

/* Brings every limb but the last, which keeps the sign, into 0..2^32 - 1. */
static void
propagate(ExactSum *sum)
{
	int64		carry = 0;
	int			i;

	for (i = 0; i < EXACTSUM_LIMBS - 1; i++)
	{
		int64		value = sum->limbs[i] + carry;
		int64		low = value & INT64CONST(0xffffffff);

		carry = (value - low) / (INT64CONST(1) << 32);
		sum->limbs[i] = low;
	}
	sum->limbs[i] += carry;
	sum->pending = 0;
}

/* Adds a finite number. */
void
exactsum_add(ExactSum *sum, double value)
{
	uint64		bits;
	uint64		mantissa;
	uint64		high;
	int			exponent;
	int			limb;
	int			offset;
	int64		sign;

	Assert(isfinite(value));
	memcpy(&bits, &value, sizeof(bits));
	exponent = (bits >> 52) & 0x7ff;
	mantissa = bits & ((UINT64CONST(1) << 52) - 1);
	sign = (bits >> 63) ? -1 : 1;
	/* subnormal numbers have the unit of the least normal ones, and no hidden bit */
	if (exponent > 0)
		mantissa |= UINT64CONST(1) << 52;
	else
		exponent = 1;

	limb = (exponent - 1) >> 5;
	offset = (exponent - 1) & 31;
	/* 53 bits moved up by 0 to 31: three limbs */
	sum->limbs[limb] += sign * (int64) ((mantissa << offset) & 0xffffffff);
	high = mantissa >> (32 - offset);
	sum->limbs[limb + 1] += sign * (int64) (high & 0xffffffff);
	sum->limbs[limb + 2] += sign * (int64) (high >> 32);
	if (++sum->pending >= MAX_PENDING)
		propagate(sum);
}

/* For sums that other processes sent: whether they are what additions can leave. */
bool
exactsum_is_valid(const ExactSum *sum)
{
	const int64 limit = INT64CONST(1) << 62;
	int			i;

	/* the greatest doubles reach 2^18 in the last limb, if there are 2^63 of them */
	if (sum->limbs[EXACTSUM_LIMBS - 1] < -(1 << 20) || sum->limbs[EXACTSUM_LIMBS - 1] > 1 << 20)
		return false;
	for (i = 0; i < EXACTSUM_LIMBS; i++)
		if (sum->limbs[i] < -limit || sum->limbs[i] > limit)
			return false;
	return sum->pending >= 0 && sum->pending < MAX_PENDING;
}

void
exactsum_merge(ExactSum *sum, const ExactSum *other)
{
	ExactSum	copy = *other;
	int			i;

	propagate(&copy);
	propagate(sum);
	for (i = 0; i < EXACTSUM_LIMBS; i++)
		sum->limbs[i] += copy.limbs[i];
	propagate(sum);
}

/* The double nearest to the sum, to even in the middle; infinity if it is too large. */
double
exactsum_value(ExactSum *sum)
{
	ExactSum	magnitude;
	double		sign = 1;
	uint64		top;
	int			i;
	int			j;
	int			used;

	propagate(sum);
	magnitude = *sum;
	if (magnitude.limbs[EXACTSUM_LIMBS - 1] < 0)
	{
		for (i = 0; i < EXACTSUM_LIMBS; i++)
			magnitude.limbs[i] = -magnitude.limbs[i];
		propagate(&magnitude);
		sign = -1;
	}
	for (i = EXACTSUM_LIMBS - 1; i >= 0 && magnitude.limbs[i] == 0; i--)
		;
	if (i < 0)
		return 0;

	/* the highest 64 bits, the last of them also standing for all that is cut off */
	top = (uint64) magnitude.limbs[i];
	used = pg_leftmost_one_pos64(top) + 1;
	Assert(used <= 32);
	for (j = i - 1; j >= 0 && used <= 32; j--)
	{
		top = (top << 32) | (uint64) magnitude.limbs[j];
		used += 32;
	}
	if (j >= 0 && used < 64)
	{
		int			missing = 64 - used;

		top = (top << missing) | ((uint64) magnitude.limbs[j] >> (32 - missing));
		if ((uint64) magnitude.limbs[j] & ((UINT64CONST(1) << (32 - missing)) - 1))
			top |= 1;
		used = 64;
		/* top now counts units of the limb j shifted up */
		for (i = j - 1; i >= 0; i--)
			if (magnitude.limbs[i] != 0)
			{
				top |= 1;
				break;
			}
		return sign * ldexp((double) top, 32 * j + 32 - missing - 1074);
	}
	for (i = j; i >= 0; i--)
		if (magnitude.limbs[i] != 0)
		{
			top |= 1;
			break;
		}
	return sign * ldexp((double) top, 32 * (j + 1) - 1074);
}
