/*-------------------------------------------------------------------------
 *
 * times.h
 *		Times of orders, as the functions of this folder take them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_LIFECYCLE_TIMES_H
#define RECSYS_LIFECYCLE_TIMES_H

#include "core/compat.h"

#include "catalog/pg_type.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#define DAYS_OF(microseconds) ((double) (microseconds) / (double) USECS_PER_DAY)

/* A date, timestamp or timestamptz in microseconds; what names it in messages. */
static inline int64
lifecycle_time(Oid type, Datum value, const char *what)
{
	int64		result;

	/* refuses dates that are no timestamps */
	if (type == DATEOID)
		value = DirectFunctionCall1(date_timestamp, value);
	result = DatumGetTimestamp(value);
	if (TIMESTAMP_NOT_FINITE(result))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("%s must be a finite time", what)));
	return result;
}

#endif							/* RECSYS_LIFECYCLE_TIMES_H */
