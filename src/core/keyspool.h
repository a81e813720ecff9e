/*-------------------------------------------------------------------------
 *
 * keyspool.h
 *		Rows of sortable 64-bit keys: kept, read again, selected by rank.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_KEYSPOOL_H
#define RECSYS_KEYSPOOL_H

#include "core/compat.h"

#include <math.h>

#include "core/aggregate.h"

#define KEYSPOOL_MAX_WIDTH 4

typedef struct KeySpool KeySpool;

/* Group of a row, from 0, for selection within groups. */
typedef int (*KeyGroup) (const uint64 *row, void *arg);

/* What keyspool_stats() finds out about a group. */
typedef struct KeyStats
{
	uint64		count;
	uint64		min;			/* undefined where count is 0 */
	uint64		max;
} KeyStats;

/* One wanted order statistic. */
typedef struct KeyRank
{
	int			group;
	uint64		rank;			/* from 0, less than the count of the group */
	uint64		key;			/* out */
} KeyRank;

extern KeySpool *keyspool_create(MemoryContext parent, int width, Size memory);
extern void keyspool_reset(KeySpool *spool);
extern void keyspool_free(KeySpool *spool);
extern void keyspool_append(KeySpool *spool, const uint64 *row);
extern uint64 keyspool_count(const KeySpool *spool);
extern void keyspool_rewind(KeySpool *spool);
extern const uint64 *keyspool_chunk(KeySpool *spool, uint64 *nrows);
extern const uint64 *keyspool_next(KeySpool *spool);
extern bytea *keyspool_serialize(KeySpool *spool, const void *head, Size size);
extern void keyspool_deserialize(KeySpool *spool, bytea *source, void *head, Size size);
extern void keyspool_merge(KeySpool *spool, KeySpool *other);
extern void keyspool_stats(KeySpool *spool, int column, KeyGroup group, void *arg,
						   int ngroups, KeyStats *stats);
extern uint64 keyspool_percentile_rank(double fraction, uint64 count);
extern void keyspool_select(KeySpool *spool, int column, KeyGroup group, void *arg,
							int ngroups, const KeyStats *stats, KeyRank *ranks, int nranks);

/*
 * Keys compare as unsigned integers in the order of the values they stand for.
 * -0 and 0 are one key; NaN is the greatest, as it is for btree.
 */
static inline uint64
key_from_int64(int64 value)
{
	return (uint64) value ^ (UINT64CONST(1) << 63);
}

static inline int64
key_to_int64(uint64 key)
{
	return (int64) (key ^ (UINT64CONST(1) << 63));
}

static inline uint64
key_from_float8(double value)
{
	uint64		bits;

	if (isnan(value))
		return PG_UINT64_MAX;
	if (value == 0)
		value = 0;
	memcpy(&bits, &value, sizeof(bits));
	return (bits >> 63) ? ~bits : bits | (UINT64CONST(1) << 63);
}

static inline double
key_to_float8(uint64 key)
{
	uint64		bits = (key >> 63) ? key & ~(UINT64CONST(1) << 63) : ~key;
	double		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* Of a key in a state that takes in finite numbers only. */
static inline double
key_to_finite(uint64 key)
{
	double		value = key_to_float8(key);

	if (!isfinite(value))
		damaged_state_error();
	return value;
}

#endif							/* RECSYS_KEYSPOOL_H */
