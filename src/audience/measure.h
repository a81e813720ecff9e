/*-------------------------------------------------------------------------
 *
 * measure.h
 *		audience_measure: a bigint for each id of a set, in bit slices.
 *
 * Part 0 is the set of ids, part 1 that of ids with a negative value.  Part 2 + i
 * is the set of ids whose value v has bit i set in v, or in ~v if v is
 * negative: so small values of either sign need few slices.  Slices beyond the
 * highest that is not empty are left out: each measure has one form.
 *
 * A crowd is applied to a measure by intersections and counts of sets (O'Neil and
 * Quass, Improved query performance with variant indexes, 1997).
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_AUDIENCE_MEASURE_H
#define RECSYS_AUDIENCE_MEASURE_H

#include "audience/audience.h"

typedef struct Measure
{
	int32		vl_len_;
	uint16		version;		/* MEASURE_VERSION */
	uint16		nparts;			/* 2 + number of slices */
	uint32		offsets[FLEXIBLE_ARRAY_MEMBER]; /* of each part, from the start; multiples of 8 */
} Measure;

#define MEASURE_VERSION 1
#define MEASURE_IDS		0
#define MEASURE_SIGN	1
#define MEASURE_SLICES	2
#define MEASURE_MAX_PARTS 65	/* 63 slices: v or ~v is at most 2^63 - 1 */

#define measure_part(m, i) ((const Audience *) ((const char *) (m) + (m)->offsets[i]))
#define PG_GETARG_MEASURE(n) ((Measure *) PG_DETOAST_DATUM(PG_GETARG_DATUM(n)))

typedef struct IdValue
{
	int64		id;
	int64		value;
} IdValue;

/* Reads a measure container by container. */
typedef struct MeasureReader
{
	int			nparts;
	bool		ordered;		/* in the order of ids, not of keys */
	AudienceCursor cursors[MEASURE_MAX_PARTS];
	bool		done;
	uint64		key;
	uint32		n;				/* ids in the container */
	uint16	   *places;
	int64	   *values;
	uint16	   *positions;		/* of each place, in both */
	uint16	   *buffer;
} MeasureReader;

extern void measure_reader_start(MeasureReader *reader, const Audience *const *parts, int nparts,
								 bool ordered);
extern void measure_reader_next(MeasureReader *reader);
extern void measure_reader_end(MeasureReader *reader);
extern Measure *measure_from_parts(const Audience *const *parts, int nparts);
extern Measure *measure_from_pairs(IdValue *pairs, Size n);
extern Measure *measure_add(const Measure *a, const Measure *b);
extern void measure_get_parts(const Measure *measure, const Audience **parts);

#endif							/* RECSYS_AUDIENCE_MEASURE_H */
