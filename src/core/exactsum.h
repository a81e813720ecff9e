/*-------------------------------------------------------------------------
 *
 * exactsum.h
 *		Sums of double precision numbers that do not depend on their order.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_EXACTSUM_H
#define RECSYS_EXACTSUM_H

#include "core/compat.h"

/* 67 limbs reach from the least subnormal to beyond the greatest double */
#define EXACTSUM_LIMBS 68

typedef struct ExactSum
{
	int64		limbs[EXACTSUM_LIMBS];	/* limb i counts units of 2^(32 i - 1074) */
	int64		pending;		/* additions since carries were last propagated */
} ExactSum;

extern void exactsum_init(ExactSum *sum);
extern void exactsum_add(ExactSum *sum, double value);
extern void exactsum_merge(ExactSum *sum, const ExactSum *other);
extern bool exactsum_is_valid(const ExactSum *sum);
extern double exactsum_value(ExactSum *sum);

#endif							/* RECSYS_EXACTSUM_H */
