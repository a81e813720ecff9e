/*-------------------------------------------------------------------------
 *
 * schemecheck.c
 *		rfm_scheme_check(): the flaws of a user's own segments.
 *
 * A scheme is a list of boxes, ranges of r, f and m with a name, of which the
 * first that contains a cell wins.  Every cell of the grid is looked up in
 * every box: there are at most 1000 of them.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "core/options.h"
#include "core/query.h"
#include "rfm/cuts.h"

typedef struct Box
{
	char	   *segment;
	int			low[RFM_DIMENSIONS];
	int			high[RFM_DIMENSIONS];	/* inclusive */
	bool		wins;			/* some cell */
} Box;

typedef struct Boxes
{
	MemoryContext cxt;
	int			bins;
	int			count;
	int			capacity;
	Box		   *boxes;
} Boxes;

/* A QueryRow: (segment, r_min, r_max, f_min, f_max, m_min, m_max); NULL is no bound. */
static void
add_box(void *arg, const Datum *values, const bool *nulls)
{
	Boxes	   *boxes = arg;
	Box		   *box;
	int			d;

	if (nulls[0])
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("segment must not be null")));
	if (boxes->count == boxes->capacity)
	{
		boxes->capacity *= 2;
		boxes->boxes = repalloc_array(boxes->boxes, Box, boxes->capacity);
	}
	box = &boxes->boxes[boxes->count++];
	box->segment = MemoryContextStrdup(boxes->cxt, TextDatumGetCString(values[0]));
	box->wins = false;
	for (d = 0; d < RFM_DIMENSIONS; d++)
	{
		box->low[d] = nulls[1 + 2 * d] ? 1 : DatumGetInt32(values[1 + 2 * d]);
		box->high[d] = nulls[2 + 2 * d] ? boxes->bins : DatumGetInt32(values[2 + 2 * d]);
	}
}

static bool
contains(const Box *box, const int *scores)
{
	int			d;

	for (d = 0; d < RFM_DIMENSIONS; d++)
		if (scores[d] < box->low[d] || scores[d] > box->high[d])
			return false;
	return true;
}

/* A row (problem, segment, other, r, f, m) of the result. */
static void
put_problem(ReturnSetInfo *rsinfo, const char *problem, const Box *box, const Box *other,
			const int *scores)
{
	Datum		values[6];
	bool		nulls[6];
	int			d;

	memset(nulls, true, sizeof(nulls));
	nulls[0] = false;
	values[0] = CStringGetTextDatum(problem);
	if (box)
	{
		nulls[1] = false;
		values[1] = CStringGetTextDatum(box->segment);
	}
	if (other)
	{
		nulls[2] = false;
		values[2] = CStringGetTextDatum(other->segment);
	}
	for (d = 0; scores && d < RFM_DIMENSIONS; d++)
	{
		nulls[3 + d] = false;
		values[3 + d] = Int32GetDatum(scores[d]);
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static void
check_cell(Boxes *boxes, const int *scores, ReturnSetInfo *rsinfo)
{
	Box		   *winner = NULL;
	int			i;

	for (i = 0; i < boxes->count; i++)
	{
		Box		   *box = &boxes->boxes[i];

		if (!contains(box, scores))
			continue;
		if (winner)
			put_problem(rsinfo, "overlap", winner, box, scores);
		else
			winner = box;
	}
	if (winner)
		winner->wins = true;
	else
		put_problem(rsinfo, "uncovered", NULL, NULL, scores);
}

static void
read_boxes(Boxes *boxes, const char *text)
{
	static const QueryColumn columns[] = {
		{"segment", TEXTOID, false},
		{"r_min", INT4OID, false},
		{"r_max", INT4OID, false},
		{"f_min", INT4OID, false},
		{"f_max", INT4OID, false},
		{"m_min", INT4OID, false},
		{"m_max", INT4OID, false}
	};

	boxes->cxt = CurrentMemoryContext;
	boxes->capacity = 16;
	boxes->boxes = palloc_array(Box, boxes->capacity);
	query_run(query_prepare(text, columns, lengthof(columns), 0, NULL), NULL, NULL, add_box, boxes);
}

RECSYS_FUNCTION(recsys_rfm_scheme_check);

/* rfm_scheme_check(query, bins) */
Datum
recsys_rfm_scheme_check(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Boxes		boxes = {0};
	int			scores[RFM_DIMENSIONS];
	int			i;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	boxes.bins = check_int_option("bins", PG_GETARG_INT32(1), 2, RFM_MAX_BINS);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	read_boxes(&boxes, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	for (scores[RFM_R] = 1; scores[RFM_R] <= boxes.bins; scores[RFM_R]++)
		for (scores[RFM_F] = 1; scores[RFM_F] <= boxes.bins; scores[RFM_F]++)
			for (scores[RFM_M] = 1; scores[RFM_M] <= boxes.bins; scores[RFM_M]++)
			{
				CHECK_FOR_INTERRUPTS();
				check_cell(&boxes, scores, rsinfo);
			}
	for (i = 0; i < boxes.count; i++)
		if (!boxes.boxes[i].wins)
			put_problem(rsinfo, "shadowed", &boxes.boxes[i], NULL, NULL);
	SPI_finish();
	return (Datum) 0;
}
