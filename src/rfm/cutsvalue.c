/*-------------------------------------------------------------------------
 *
 * cutsvalue.c
 *		The type rfm_cuts: cut points that can be kept, read and scored with.
 *
 * The text form is JSON:
 *
 *	{"scheme": "classic", "recency": [240, 120, 60, 20], "orders": [1, 2, 4, 7],
 *	 "amount": [25, 80, 150.5, 400], "distinct_bins": [5, 5, 5]}
 *
 * Recency is in days before the day that is looked at, so that cut points hold
 * at any other day.  Nested cuts have "nested": true, and in place of the lists
 * of orders and amount lists of lists: one for each r, and one for each r and f.
 * distinct_bins tells how many different scores each list, in the order of
 * appearance, gave to the data it was taken from.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"

#include "core/options.h"
#include "rfm/cutsvalue.h"
#include "rfm/grade.h"
#include "rfm/scheme.h"

static const char *const dimension_names[] = {"recency", "orders", "amount"};

/* Number of cut points in the dimensions before the given one. */
static int
offset_of(const int *bins, bool nested, int dimension)
{
	RfmSetup	setup = {.nested = nested};
	int			n = 0;
	int			d;

	memcpy(setup.bins, bins, sizeof(setup.bins));
	for (d = 0; d < dimension; d++)
		n += rfm_lists(&setup, d) * (bins[d] - 1);
	return n;
}

/* Number of lists in the dimensions before the given one. */
static int
lists_before(const RfmSetup *setup, int dimension)
{
	int			n = 0;
	int			d;

	for (d = 0; d < dimension; d++)
		n += rfm_lists(setup, d);
	return n;
}

/* A value without its cut points, with room for distinct bins. */
RfmCuts *
rfm_cuts_alloc(const int *bins, bool nested)
{
	RfmSetup	setup = {.nested = nested};
	RfmCuts    *cuts;
	Size		size;
	int			d;

	memcpy(setup.bins, bins, sizeof(setup.bins));
	size = offsetof(RfmCuts, cuts) +
		offset_of(bins, nested, RFM_DIMENSIONS) * sizeof(float8) +
		lists_before(&setup, RFM_DIMENSIONS);
	cuts = palloc0(size);
	SET_VARSIZE(cuts, size);
	for (d = 0; d < RFM_DIMENSIONS; d++)
		cuts->bins[d] = bins[d];
	cuts->nested = nested;
	return cuts;
}

/* The part of a setup that scoring needs. */
void
rfm_cuts_setup(const RfmCuts *cuts, RfmSetup *setup)
{
	int			d;

	memset(setup, 0, sizeof(*setup));
	for (d = 0; d < RFM_DIMENSIONS; d++)
		setup->bins[d] = cuts->bins[d];
	setup->nested = cuts->nested;
	setup->scheme = cuts->scheme;
}

/* The lists of a dimension. */
const float8 *
rfm_cuts_of(const RfmCuts *cuts, int dimension)
{
	RfmSetup	setup;

	rfm_cuts_setup(cuts, &setup);
	return cuts->cuts + offset_of(setup.bins, setup.nested, dimension);
}

static uint8 *
distinct_of(const RfmCuts *cuts)
{
	return (uint8 *) unconstify(float8 *, rfm_cuts_of(cuts, RFM_DIMENSIONS));
}

/* Keys as values; isfloat as for rfm_cut_keys(). */
RfmCuts *
rfm_cuts_from_keys(const RfmCutKeys *keys, const bool *isfloat)
{
	const RfmSetup *setup = &keys->setup;
	RfmCuts    *cuts = rfm_cuts_alloc(setup->bins, setup->nested);
	float8	   *next = cuts->cuts;
	uint8	   *distinct = distinct_of(cuts);
	int			d;
	int			i;

	cuts->scheme = setup->scheme;
	cuts->has_distinct = true;
	for (d = 0; d < RFM_DIMENSIONS; d++)
	{
		int			nlists = rfm_lists(setup, d);

		for (i = 0; i < nlists * (setup->bins[d] - 1); i++)
		{
			uint64		key = keys->cuts[d][i];
			double		value = isfloat[d] ? key_to_float8(key) : (double) key_to_int64(key);

			/* not by a minus sign, which makes -0 of 0 */
			*next++ = d == RFM_R ? 0 - value : value;
		}
		memcpy(distinct, keys->distinct[d], nlists);
		distinct += nlists;
	}
	return cuts;
}

/* Scores of a customer: of a recency by the cut points above it, else by those below. */
void
rfm_cuts_score(const RfmCuts *cuts, const RfmSetup *setup, double recency,
			   double orders, double amount, int *scores)
{
	const float8 *dimension = cuts->cuts;
	double		values[RFM_DIMENSIONS] = {recency, orders, amount};
	int			d;
	int			k;

	for (d = 0; d < RFM_DIMENSIONS; d++)
	{
		int			ncuts = setup->bins[d] - 1;
		const float8 *list = dimension + rfm_list_of(setup, d, scores) * ncuts;
		int			score = 1;

		for (k = 0; k < ncuts; k++)
			score += d == RFM_R ? list[k] > values[d] : list[k] < values[d];
		scores[d] = score;
		dimension += rfm_lists(setup, d) * ncuts;
	}
}

static int
compare_ascending(const void *a, const void *b)
{
	float8		x = *(const float8 *) a;
	float8		y = *(const float8 *) b;

	return (x > y) - (x < y);
}

static int
compare_descending(const void *a, const void *b)
{
	return compare_ascending(b, a);
}

/* Lists may be given in any order: there is only one that makes sense. */
static void
sort_list(float8 *list, int ncuts, int dimension)
{
	qsort(list, ncuts, sizeof(float8),
		  dimension == RFM_R ? compare_descending : compare_ascending);
}

static void
check_length(int dimension, int n)
{
	if (n < 1 || n > RFM_MAX_BINS - 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must have from 1 to %d cut points, not %d",
						dimension_names[dimension], RFM_MAX_BINS - 1, n)));
}

static void
check_cut(int dimension, double cut)
{
	if (!isfinite(cut))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cut points of %s must be finite numbers", dimension_names[dimension])));
}

RECSYS_FUNCTION(recsys_rfm_cuts_make);

/* rfm_cuts(recency, orders, amount, scheme) */
Datum
recsys_rfm_cuts_make(PG_FUNCTION_ARGS)
{
	ArrayType  *arrays[RFM_DIMENSIONS];
	int			bins[RFM_DIMENSIONS];
	char	   *scheme = text_to_cstring(PG_GETARG_TEXT_PP(RFM_DIMENSIONS));
	RfmCuts    *cuts;
	float8	   *next;
	int			d;
	int			k;

	for (d = 0; d < RFM_DIMENSIONS; d++)
	{
		arrays[d] = PG_GETARG_ARRAYTYPE_P(d);
		if (ARR_NDIM(arrays[d]) > 1)
			ereport(ERROR,
					(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
					 errmsg("cut points of %s must be a one-dimensional array",
							dimension_names[d])));
		if (array_contains_nulls(arrays[d]))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("cut points of %s must not be null", dimension_names[d])));
		bins[d] = ArrayGetNItems(ARR_NDIM(arrays[d]), ARR_DIMS(arrays[d])) + 1;
		check_length(d, bins[d] - 1);
	}
	cuts = rfm_cuts_alloc(bins, false);
	cuts->scheme = check_word_option("scheme", scheme, rfm_scheme_names);
	next = cuts->cuts;
	for (d = 0; d < RFM_DIMENSIONS; d++)
	{
		memcpy(next, ARR_DATA_PTR(arrays[d]), (bins[d] - 1) * sizeof(float8));
		for (k = 0; k < bins[d] - 1; k++)
			check_cut(d, next[k]);
		sort_list(next, bins[d] - 1, d);
		next += bins[d] - 1;
	}
	PG_RETURN_POINTER(cuts);
}

#define syntax_error(detail) \
	ereport(ERROR, \
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION), \
			 errmsg("invalid input syntax for type %s", "rfm_cuts"), \
			 errdetail(detail), \
			 errhint("Write it like {\"scheme\": \"classic\", \"recency\": [90, 30], \"orders\": [1, 3], \"amount\": [20, 100]}.")))

/* A member of the object, or NULL; *members counts those that there are. */
static JsonbValue *
member(JsonbContainer *object, const char *key, int *members)
{
	JsonbValue *result = getKeyJsonValueFromContainer(object, key, strlen(key), NULL);

	if (result)
		(*members)++;
	return result;
}

/* The array in a value, which must have at least one element. */
static JsonbContainer *
json_array(const JsonbValue *value)
{
	if (value == NULL || value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data) ||
		JsonContainerIsScalar(value->val.binary.data))
		syntax_error("Recency, orders and amount must be arrays of numbers.");
	return value->val.binary.data;
}

static double
json_number(const JsonbValue *value)
{
	if (value->type != jbvNumeric)
		syntax_error("Cut points must be numbers.");
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(value->val.numeric)));
}

/* The i-th of a dimension's lists. */
static JsonbContainer *
json_list(JsonbContainer *dimension, bool nested, int i)
{
	return nested ? json_array(getIthJsonbValueFromContainer(dimension, i)) : dimension;
}

static void
read_distinct(RfmCuts *cuts, const RfmSetup *setup, JsonbValue *value)
{
	JsonbContainer *array = json_array(value);
	int			n = lists_before(setup, RFM_DIMENSIONS);
	int			i;

	if (JsonContainerSize(array) != n)
		syntax_error("distinct_bins must have one number for each list of cut points.");
	for (i = 0; i < n; i++)
	{
		double		distinct = json_number(getIthJsonbValueFromContainer(array, i));

		if (distinct < 0 || distinct > RFM_MAX_BINS || distinct != floor(distinct))
			syntax_error("distinct_bins must be integers from 0 to 10.");
		distinct_of(cuts)[i] = (uint8) distinct;
	}
	cuts->has_distinct = true;
}

static int
read_scheme(const JsonbValue *value)
{
	if (value == NULL)
		return RFM_CLASSIC;
	if (value->type != jbvString)
		syntax_error("The scheme must be a string.");
	return check_word_option("scheme", pnstrdup(value->val.string.val, value->val.string.len),
							 rfm_scheme_names);
}

static RfmCuts *
cuts_from_jsonb(Jsonb *jsonb)
{
	JsonbContainer *root = &jsonb->root;
	JsonbContainer *dimensions[RFM_DIMENSIONS];
	JsonbValue *scheme;
	JsonbValue *nested;
	JsonbValue *distinct;
	RfmSetup	setup = {{0}};
	RfmCuts    *cuts;
	float8	   *next;
	int			members = 0;
	int			d;
	int			i;
	int			k;

	if (!JsonContainerIsObject(root))
		syntax_error("It must be a JSON object.");
	scheme = member(root, "scheme", &members);
	nested = member(root, "nested", &members);
	distinct = member(root, "distinct_bins", &members);
	if (nested && nested->type != jbvBool)
		syntax_error("\"nested\" must be true or false.");
	setup.nested = nested && nested->val.boolean;
	for (d = 0; d < RFM_DIMENSIONS; d++)
	{
		dimensions[d] = json_array(member(root, dimension_names[d], &members));
		if (JsonContainerSize(dimensions[d]) == 0)
			check_length(d, 0);
		setup.bins[d] = JsonContainerSize(json_list(dimensions[d], setup.nested && d > 0, 0)) + 1;
		check_length(d, setup.bins[d] - 1);
	}
	if (members != JsonContainerSize(root))
		syntax_error("There is an unknown key.");

	cuts = rfm_cuts_alloc(setup.bins, setup.nested);
	cuts->scheme = read_scheme(scheme);
	next = cuts->cuts;
	for (d = 0; d < RFM_DIMENSIONS; d++)
	{
		int			nlists = rfm_lists(&setup, d);
		int			ncuts = setup.bins[d] - 1;

		if (nlists > 1 && JsonContainerSize(dimensions[d]) != nlists)
			syntax_error("Nested cut points need a list for each cell of the dimensions before.");
		for (i = 0; i < nlists; i++, next += ncuts)
		{
			JsonbContainer *list = json_list(dimensions[d], setup.nested && d > 0, i);

			if (JsonContainerSize(list) != ncuts)
				syntax_error("All lists of a dimension must be of the same length.");
			for (k = 0; k < ncuts; k++)
			{
				next[k] = json_number(getIthJsonbValueFromContainer(list, k));
				check_cut(d, next[k]);
			}
			sort_list(next, ncuts, d);
		}
	}
	if (distinct)
		read_distinct(cuts, &setup, distinct);
	return cuts;
}

static void
append_list(StringInfo buf, const float8 *list, int ncuts)
{
	int			k;

	appendStringInfoChar(buf, '[');
	for (k = 0; k < ncuts; k++)
	{
		char		number[DOUBLE_SHORTEST_DECIMAL_LEN];

		double_to_shortest_decimal_buf(list[k], number);
		appendStringInfo(buf, "%s%s", k > 0 ? ", " : "", number);
	}
	appendStringInfoChar(buf, ']');
}

static char *
cuts_to_text(const RfmCuts *cuts)
{
	StringInfoData buf;
	RfmSetup	setup;
	int			d;
	int			i;

	rfm_cuts_setup(cuts, &setup);
	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"scheme\": \"%s\"", rfm_scheme_names[cuts->scheme]);
	if (cuts->nested)
		appendStringInfoString(&buf, ", \"nested\": true");
	for (d = 0; d < RFM_DIMENSIONS; d++)
	{
		bool		lists = setup.nested && d > 0;
		int			ncuts = setup.bins[d] - 1;

		appendStringInfo(&buf, ", \"%s\": %s", dimension_names[d], lists ? "[" : "");
		for (i = 0; i < rfm_lists(&setup, d); i++)
		{
			if (i > 0)
				appendStringInfoString(&buf, ", ");
			append_list(&buf, rfm_cuts_of(cuts, d) + i * ncuts, ncuts);
		}
		if (lists)
			appendStringInfoChar(&buf, ']');
	}
	if (cuts->has_distinct)
	{
		appendStringInfoString(&buf, ", \"distinct_bins\": [");
		for (i = 0; i < lists_before(&setup, RFM_DIMENSIONS); i++)
			appendStringInfo(&buf, "%s%d", i > 0 ? ", " : "", distinct_of(cuts)[i]);
		appendStringInfoChar(&buf, ']');
	}
	appendStringInfoChar(&buf, '}');
	return buf.data;
}

RECSYS_FUNCTION(recsys_rfm_cuts_in);
RECSYS_FUNCTION(recsys_rfm_cuts_out);
RECSYS_FUNCTION(recsys_rfm_cuts_recv);
RECSYS_FUNCTION(recsys_rfm_cuts_send);

Datum
recsys_rfm_cuts_in(PG_FUNCTION_ARGS)
{
	Datum		jsonb = DirectFunctionCall1(jsonb_in, PG_GETARG_DATUM(0));

	PG_RETURN_POINTER(cuts_from_jsonb(DatumGetJsonbP(jsonb)));
}

Datum
recsys_rfm_cuts_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(cuts_to_text(PG_GETARG_RFM_CUTS(0)));
}

/* The binary form is the text, as it is for JSON. */
Datum
recsys_rfm_cuts_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			nbytes;
	char	   *text = pq_getmsgtext(buf, buf->len - buf->cursor, &nbytes);
	Datum		jsonb = DirectFunctionCall1(jsonb_in, CStringGetDatum(text));

	PG_RETURN_POINTER(cuts_from_jsonb(DatumGetJsonbP(jsonb)));
}

Datum
recsys_rfm_cuts_send(PG_FUNCTION_ARGS)
{
	char	   *text = cuts_to_text(PG_GETARG_RFM_CUTS(0));
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendtext(&buf, text, strlen(text));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

RECSYS_FUNCTION(recsys_rfm_cuts_report);

/* rfm_cuts_report(cuts): a row for each list of cut points */
Datum
recsys_rfm_cuts_report(PG_FUNCTION_ARGS)
{
	RfmCuts    *cuts = PG_GETARG_RFM_CUTS(0);
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	RfmSetup	setup;
	int			d;
	int			i;
	int			k;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	rfm_cuts_setup(cuts, &setup);
	for (d = 0; d < RFM_DIMENSIONS; d++)
	{
		int			ncuts = setup.bins[d] - 1;

		for (i = 0; i < rfm_lists(&setup, d); i++)
		{
			const float8 *list = rfm_cuts_of(cuts, d) + i * ncuts;
			Datum		elements[RFM_MAX_BINS - 1];
			Datum		values[6];
			bool		nulls[6] = {false};

			for (k = 0; k < ncuts; k++)
				elements[k] = Float8GetDatum(list[k]);
			values[0] = CStringGetTextDatum(dimension_names[d]);
			nulls[1] = !setup.nested || d < RFM_F;
			nulls[2] = !setup.nested || d < RFM_M;
			values[1] = Int32GetDatum(d == RFM_F ? i + 1 : i / setup.bins[RFM_F] + 1);
			values[2] = Int32GetDatum(i % setup.bins[RFM_F] + 1);
			values[3] = Int32GetDatum(setup.bins[d]);
			nulls[4] = !cuts->has_distinct;
			if (cuts->has_distinct)
				values[4] = Int32GetDatum(distinct_of(cuts)[lists_before(&setup, d) + i]);
			values[5] = PointerGetDatum(construct_array(elements, ncuts, FLOAT8OID, sizeof(float8),
														FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		}
	}
	return (Datum) 0;
}

RECSYS_FUNCTION(recsys_rfm_score);

/* rfm_score(recency, orders, amount, cuts) */
Datum
recsys_rfm_score(PG_FUNCTION_ARGS)
{
	RfmGrades  *grades = fcinfo->flinfo->fn_extra;
	RfmCuts    *cuts = PG_GETARG_RFM_CUTS(3);
	RfmSetup	setup;
	int			scores[RFM_DIMENSIONS];

	if (grades == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		fcinfo->flinfo->fn_extra = grades = rfm_grades_create(fcinfo);
		MemoryContextSwitchTo(old);
	}
	/* for their checks */
	(void) rfm_recency_key(PG_GETARG_DATUM(0));
	(void) rfm_orders_key(PG_GETARG_DATUM(1));
	(void) rfm_amount_key(PG_GETARG_DATUM(2));
	rfm_cuts_setup(cuts, &setup);
	rfm_cuts_score(cuts, &setup, PG_GETARG_FLOAT8(0), (double) PG_GETARG_INT64(1),
				   PG_GETARG_FLOAT8(2), scores);
	return rfm_grade(grades, &setup, scores);
}
