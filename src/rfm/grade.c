/*-------------------------------------------------------------------------
 *
 * grade.c
 *		Keys of a customer's values, and the composite result rfm_grade.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "rfm/grade.h"
#include "rfm/scheme.h"

void
rfm_default_setup(RfmSetup *setup)
{
	int			d;

	for (d = 0; d < RFM_DIMENSIONS; d++)
		setup->bins[d] = 5;
	setup->method = RFM_QUANTILE;
	setup->top = 0;
	setup->nested = false;
	setup->scheme = RFM_CLASSIC;
}

static uint64
time_key(Oid type, Datum value)
{
	int64		timestamp;

	if (type == DATEOID)
	{
		DateADT		date = DatumGetDateADT(value);

		if (DATE_NOT_FINITE(date))
			timestamp = DT_NOEND;
		else
			timestamp = (int64) date * USECS_PER_DAY;
	}
	else
		timestamp = DatumGetTimestamp(value);
	if (TIMESTAMP_NOT_FINITE(timestamp))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("last_order must be a finite time"),
				 errhint("Use NULL for a customer without orders.")));
	return key_from_int64(timestamp);
}

static uint64
amount_key(Oid type, Datum value)
{
	double		amount;

	if (type == NUMERICOID)
		value = DirectFunctionCall1(numeric_float8_no_overflow, value);
	amount = DatumGetFloat8(value);
	if (!isfinite(amount))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("amount must be a finite number"),
				 errhint("Leave such rows out, or use NULL for a customer without orders.")));
	return key_from_float8(amount);
}

/*
 * Key of one of a customer's values: last order as date, timestamp or
 * timestamptz (or, as double precision, minus the days since), orders as
 * bigint, amount as numeric or double precision.  Amounts are compared as
 * double precision: 15 digits.  Times and amounts that are not finite and
 * negative numbers of orders are errors.
 */
uint64
rfm_key(int dimension, Oid type, Datum value)
{
	if (dimension == RFM_R)
		return time_key(type, value);
	if (dimension == RFM_F)
	{
		int64		orders = DatumGetInt64(value);

		if (orders < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("orders must not be negative")));
		return key_from_int64(orders);
	}
	return amount_key(type, value);
}

/* Results that were formed already, by cell of the grid. */
struct RfmGrades
{
	MemoryContext cxt;
	TupleDesc	tupdesc;
	RfmSetup	setup;
	Datum		cells[RFM_MAX_BINS * RFM_MAX_BINS * RFM_MAX_BINS];
};

/* For a function whose result is a rfm_grade, in the current memory context. */
RfmGrades *
rfm_grades_create(FunctionCallInfo fcinfo, const RfmSetup *setup)
{
	RfmGrades  *grades = palloc0_object(RfmGrades);

	grades->cxt = CurrentMemoryContext;
	grades->setup = *setup;
	if (get_call_result_type(fcinfo, NULL, &grades->tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	grades->tupdesc = BlessTupleDesc(CreateTupleDescCopy(grades->tupdesc));
	return grades;
}

/* The result for a cell; it lives as long as the grades do and must not be changed. */
Datum
rfm_grade(RfmGrades *grades, const int *scores)
{
	Datum	   *cell = &grades->cells[((scores[RFM_R] - 1) * RFM_MAX_BINS +
									   scores[RFM_F] - 1) * RFM_MAX_BINS + scores[RFM_M] - 1];

	if (*cell == (Datum) 0)
	{
		MemoryContext old = MemoryContextSwitchTo(grades->cxt);
		const RfmSegment *segment = rfm_scheme_segment(grades->setup.scheme, grades->setup.bins,
													   scores);
		Datum		values[5];
		bool		nulls[5] = {false};

		values[0] = Int32GetDatum(scores[RFM_R]);
		values[1] = Int32GetDatum(scores[RFM_F]);
		values[2] = Int32GetDatum(scores[RFM_M]);
		values[3] = Int32GetDatum(rfm_code(scores));
		values[4] = CStringGetTextDatum(segment->name);
		*cell = HeapTupleGetDatum(heap_form_tuple(grades->tupdesc, values, nulls));
		MemoryContextSwitchTo(old);
	}
	return *cell;
}
