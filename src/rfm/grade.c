/*-------------------------------------------------------------------------
 *
 * grade.c
 *		Options, keys of a customer's values, and the composite result rfm_grade.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "core/options.h"
#include "rfm/grade.h"
#include "rfm/scheme.h"

/* by RfmMethod */
const char *const rfm_method_names[] = {"quantile", "median", "mean", "top", NULL};

/* Five bins by quantiles, the classic segments. */
void
rfm_default_setup(RfmSetup *setup)
{
	int			bins[RFM_DIMENSIONS] = {0};

	rfm_make_setup(setup, RFM_CLASSIC, bins, -1, 0, false);
}

/*
 * Fills in what is not set, bins of 0 and a method of -1, and checks that all
 * goes together: schemes of two levels are cut at the mean unless bins are
 * given, and every method other than quantiles makes two bins.
 */
void
rfm_make_setup(RfmSetup *setup, int scheme, const int *bins, int method, double top, bool nested)
{
	bool		two;
	int			d;

	if (method < 0)
	{
		bool		given = bins[RFM_R] || bins[RFM_F] || bins[RFM_M];

		method = scheme == RFM_CLASSIC || given ? RFM_QUANTILE : RFM_MEAN;
	}
	if (top > 0 && method != RFM_TOP)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("top is an option of the method \"top\" only")));
	two = method != RFM_QUANTILE;
	for (d = 0; d < RFM_DIMENSIONS; d++)
	{
		setup->bins[d] = bins[d] ? bins[d] : two ? 2 : 5;
		if (two && setup->bins[d] != 2)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the method \"%s\" makes two bins, not %d",
							rfm_method_names[method], setup->bins[d]),
					 errhint("Use the method \"quantile\" for more.")));
	}
	setup->method = method;
	setup->top = method == RFM_TOP && top == 0 ? 0.2 : top;
	setup->nested = nested;
	setup->scheme = scheme;
}

/* Reads a value of type rfm_options. */
void
rfm_read_setup(RfmSetup *setup, Datum options)
{
	static const char *const names[] = {"recency_bins", "order_bins", "amount_bins"};
	OptionsReader reader;
	int			bins[RFM_DIMENSIONS];
	int			scheme;
	int			method;
	int			all;
	double		top;
	int			d;

	options_open(&reader, options, "rfm_options");
	all = options_int(&reader, "bins", 0, 2, RFM_MAX_BINS);
	for (d = 0; d < RFM_DIMENSIONS; d++)
		bins[d] = options_int(&reader, names[d], all, 2, RFM_MAX_BINS);
	scheme = options_word(&reader, "scheme", RFM_CLASSIC, rfm_scheme_names);
	method = options_word(&reader, "method", -1, rfm_method_names);
	top = options_float(&reader, "top", 0, 0.000001, 0.999999);
	rfm_make_setup(setup, scheme, bins, method, top, options_bool(&reader, "nested", false));
}

/* For setups that other processes sent: whether rfm_make_setup() can have made it. */
bool
rfm_setup_is_valid(const RfmSetup *setup)
{
	int			nschemes = 0;
	int			nmethods = 0;
	int			d;

	while (rfm_scheme_names[nschemes] != NULL)
		nschemes++;
	while (rfm_method_names[nmethods] != NULL)
		nmethods++;
	for (d = 0; d < RFM_DIMENSIONS; d++)
		if (setup->bins[d] < 2 || setup->bins[d] > RFM_MAX_BINS ||
			(setup->bins[d] != 2 && setup->method != RFM_QUANTILE))
			return false;
	return setup->method >= 0 && (int) setup->method < nmethods &&
		setup->scheme >= 0 && setup->scheme < nschemes && setup->top >= 0 && setup->top < 1;
}

bool
rfm_same_setup(const RfmSetup *a, const RfmSetup *b)
{
	return memcmp(a->bins, b->bins, sizeof(a->bins)) == 0 && a->method == b->method &&
		a->top == b->top && a->nested == b->nested && a->scheme == b->scheme;
}

RECSYS_FUNCTION(recsys_rfm_options);

Datum
recsys_rfm_options(PG_FUNCTION_ARGS)
{
	Datum		result = options_construct(fcinfo);
	RfmSetup	setup;

	rfm_read_setup(&setup, result);
	return result;
}

/*
 * Keys of a customer's values, the greater the better.  Times and numbers that
 * are not finite and negative numbers of orders are errors.
 */

/* Time of the last order: date, timestamp or timestamptz. */
uint64
rfm_time_key(Oid type, Datum value)
{
	int64		timestamp;

	/* refuses dates that are no timestamps */
	if (type == DATEOID)
		value = DirectFunctionCall1(date_timestamp, value);
	timestamp = DatumGetTimestamp(value);
	if (TIMESTAMP_NOT_FINITE(timestamp))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("last_order must be a finite time"),
				 errhint("Use NULL for a customer without orders.")));
	return key_from_int64(timestamp);
}

/* Days since the last order: double precision. */
uint64
rfm_recency_key(Datum days)
{
	if (!isfinite(DatumGetFloat8(days)))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("recency must be a finite number of days"),
				 errhint("Use NULL for a customer without orders.")));
	return key_from_float8(-DatumGetFloat8(days));
}

uint64
rfm_orders_key(Datum value)
{
	int64		orders = DatumGetInt64(value);

	if (orders < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("orders must not be negative")));
	return key_from_int64(orders);
}

/* Amount as double precision. */
uint64
rfm_amount_key(Datum value)
{
	if (!isfinite(DatumGetFloat8(value)))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("amount must be a finite number"),
				 errhint("Leave such rows out, or use NULL for a customer without orders.")));
	return key_from_float8(DatumGetFloat8(value));
}

/* Results that were formed already, by cell of the grid. */
struct RfmGrades
{
	MemoryContext cxt;			/* of the cells: reset when the setup changes */
	TupleDesc	tupdesc;
	RfmSetup	setup;
	bool		used;
	Datum		cells[RFM_MAX_BINS * RFM_MAX_BINS * RFM_MAX_BINS];
};

/* For a function whose result is a rfm_grade, in the current memory context. */
RfmGrades *
rfm_grades_create(FunctionCallInfo fcinfo)
{
	RfmGrades  *grades = palloc0_object(RfmGrades);

	if (get_call_result_type(fcinfo, NULL, &grades->tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	grades->tupdesc = BlessTupleDesc(CreateTupleDescCopy(grades->tupdesc));
	grades->cxt = AllocSetContextCreate(CurrentMemoryContext, "recsys rfm grades",
										ALLOCSET_SMALL_SIZES);
	return grades;
}

static Datum
form_grade(RfmGrades *grades, const int *scores)
{
	const RfmSegment *segment = rfm_scheme_segment(grades->setup.scheme, grades->setup.bins, scores);
	MemoryContext old = MemoryContextSwitchTo(grades->cxt);
	Datum		values[5];
	bool		nulls[5] = {false};
	Datum		result;

	values[0] = Int32GetDatum(scores[RFM_R]);
	values[1] = Int32GetDatum(scores[RFM_F]);
	values[2] = Int32GetDatum(scores[RFM_M]);
	values[3] = Int32GetDatum(rfm_code(scores));
	values[4] = CStringGetTextDatum(segment->name);
	result = HeapTupleGetDatum(heap_form_tuple(grades->tupdesc, values, nulls));
	MemoryContextSwitchTo(old);
	return result;
}

/* The result for a cell; it lives until the setup changes and must not be changed. */
Datum
rfm_grade(RfmGrades *grades, const RfmSetup *setup, const int *scores)
{
	Datum	   *cell;

	if (!grades->used || !rfm_same_setup(&grades->setup, setup))
	{
		MemoryContextReset(grades->cxt);
		memset(grades->cells, 0, sizeof(grades->cells));
		grades->setup = *setup;
		grades->used = true;
	}
	cell = &grades->cells[((scores[RFM_R] - 1) * RFM_MAX_BINS + scores[RFM_F] - 1) * RFM_MAX_BINS +
						  scores[RFM_M] - 1];
	if (*cell == (Datum) 0)
		*cell = form_grade(grades, scores);
	return *cell;
}
