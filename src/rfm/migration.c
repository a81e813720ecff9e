/*-------------------------------------------------------------------------
 *
 * migration.c
 *		From one scoring to another: who moved where, and by what.
 *
 * rfm_move() compares two grades of one customer.  rfm_migration_agg() counts
 * the customers of each pair of segments, and adds up their amounts exactly,
 * so that the sums do not depend on the order of rows.  A grade of NULL, or of
 * NULLs, is a customer who was not there, or had no orders.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "core/aggregate.h"
#include "core/exactsum.h"
#include "rfm/cuts.h"

/* A rfm_grade, taken apart. */
typedef struct Grade
{
	bool		isnull;			/* nothing else is set */
	int			scores[RFM_DIMENSIONS];
	char	   *segment;
} Grade;

static void
read_grade(FunctionCallInfo fcinfo, int arg, Grade *grade)
{
	HeapTupleHeader header;
	HeapTupleData tuple;
	TupleDesc	tupdesc;
	Datum		values[5];
	bool		nulls[5];
	int			d;

	grade->isnull = true;
	grade->segment = NULL;
	if (PG_ARGISNULL(arg))
		return;
	header = PG_GETARG_HEAPTUPLEHEADER(arg);
	tupdesc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header),
									 HeapTupleHeaderGetTypMod(header));
	if (tupdesc->natts != lengthof(values))
		elog(ERROR, "a grade has %d fields", tupdesc->natts);
	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	heap_deform_tuple(&tuple, tupdesc, values, nulls);
	ReleaseTupleDesc(tupdesc);

	if (nulls[RFM_R] || nulls[RFM_F] || nulls[RFM_M] || nulls[4])
		return;
	grade->isnull = false;
	for (d = 0; d < RFM_DIMENSIONS; d++)
		grade->scores[d] = DatumGetInt32(values[d]);
	grade->segment = TextDatumGetCString(values[4]);
}

RECSYS_FUNCTION(recsys_rfm_move);

/* rfm_move(before, after) */
Datum
recsys_rfm_move(PG_FUNCTION_ARGS)
{
	static const char letters[] = "RFM";
	Grade		before;
	Grade		after;
	TupleDesc	tupdesc;
	StringInfoData moved;
	Datum		values[6];
	bool		nulls[6] = {false};
	int			d;

	read_grade(fcinfo, 0, &before);
	read_grade(fcinfo, 1, &after);
	if (before.isnull || after.isnull)
		PG_RETURN_NULL();
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	initStringInfo(&moved);
	for (d = 0; d < RFM_DIMENSIONS; d++)
	{
		int			change = after.scores[d] - before.scores[d];

		values[2 + d] = Int32GetDatum(change);
		if (change != 0)
			appendStringInfo(&moved, "%s%c%c", moved.len > 0 ? " " : "", letters[d],
							 change > 0 ? '+' : '-');
	}
	values[0] = CStringGetTextDatum(before.segment);
	values[1] = CStringGetTextDatum(after.segment);
	values[5] = CStringGetTextDatum(moved.data);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls));
}

/* One pair of segments. */
typedef struct Cell
{
	int			before;			/* numbers of segments */
	int			after;
	int64		customers;
	int64		up[RFM_DIMENSIONS];
	int64		down[RFM_DIMENSIONS];
	ExactSum	amount;
} Cell;

typedef struct Migration
{
	MemoryContext cxt;
	char	  **segments;		/* names; the first is that of no segment, NULL */
	int			nsegments;
	int			segment_capacity;
	Cell	  **cells;
	int			ncells;
	int			cell_capacity;
} Migration;

static Migration *
create_migration(FunctionCallInfo fcinfo)
{
	MemoryContext cxt;
	Migration  *m;

	cxt = aggregate_context(fcinfo);
	m = MemoryContextAllocZero(cxt, sizeof(Migration));
	m->cxt = cxt;
	m->segment_capacity = 16;
	m->segments = MemoryContextAllocZero(cxt, m->segment_capacity * sizeof(char *));
	m->nsegments = 1;
	m->cell_capacity = 32;
	m->cells = MemoryContextAlloc(cxt, m->cell_capacity * sizeof(Cell *));
	return m;
}

/* Number of a segment; schemes have few, so that a search from the start will do. */
static int
find_segment(Migration *m, const char *name)
{
	int			i;

	if (name == NULL)
		return 0;
	for (i = 1; i < m->nsegments; i++)
		if (strcmp(m->segments[i], name) == 0)
			return i;
	if (m->nsegments == m->segment_capacity)
	{
		m->segment_capacity *= 2;
		m->segments = repalloc_array(m->segments, char *, m->segment_capacity);
	}
	m->segments[m->nsegments] = MemoryContextStrdup(m->cxt, name);
	return m->nsegments++;
}

static Cell *
find_cell(Migration *m, int before, int after)
{
	Cell	   *cell;
	int			i;

	for (i = 0; i < m->ncells; i++)
		if (m->cells[i]->before == before && m->cells[i]->after == after)
			return m->cells[i];
	if (m->ncells == m->cell_capacity)
	{
		m->cell_capacity *= 2;
		m->cells = repalloc_array(m->cells, Cell *, m->cell_capacity);
	}
	cell = MemoryContextAllocZero(m->cxt, sizeof(Cell));
	cell->before = before;
	cell->after = after;
	exactsum_init(&cell->amount);
	m->cells[m->ncells++] = cell;
	return cell;
}

RECSYS_FUNCTION(recsys_rfm_migration_transition);
RECSYS_FUNCTION(recsys_rfm_migration_combine);
RECSYS_FUNCTION(recsys_rfm_migration_serialize);
RECSYS_FUNCTION(recsys_rfm_migration_deserialize);
RECSYS_FUNCTION(recsys_rfm_migration_final);

/* (state, before, after, amount); no amount counts as 0 */
Datum
recsys_rfm_migration_transition(PG_FUNCTION_ARGS)
{
	Migration  *m = PG_ARGISNULL(0) ? create_migration(fcinfo) : (Migration *) PG_GETARG_POINTER(0);
	Grade		before;
	Grade		after;
	Cell	   *cell;
	int			d;

	read_grade(fcinfo, 1, &before);
	read_grade(fcinfo, 2, &after);
	cell = find_cell(m, find_segment(m, before.segment), find_segment(m, after.segment));
	cell->customers++;
	if (!PG_ARGISNULL(3))
	{
		if (!isfinite(PG_GETARG_FLOAT8(3)))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("amount must be a finite number")));
		exactsum_add(&cell->amount, PG_GETARG_FLOAT8(3));
	}
	if (!before.isnull && !after.isnull)
	{
		for (d = 0; d < RFM_DIMENSIONS; d++)
		{
			cell->up[d] += after.scores[d] > before.scores[d];
			cell->down[d] += after.scores[d] < before.scores[d];
		}
	}
	PG_RETURN_POINTER(m);
}

/* Adds a cell of another state, whose segments have other numbers. */
static void
merge_cell(Migration *m, const char *before, const char *after, const Cell *other)
{
	Cell	   *cell = find_cell(m, find_segment(m, before), find_segment(m, after));
	int			d;

	cell->customers += other->customers;
	exactsum_merge(&cell->amount, &other->amount);
	for (d = 0; d < RFM_DIMENSIONS; d++)
	{
		cell->up[d] += other->up[d];
		cell->down[d] += other->down[d];
	}
}

Datum
recsys_rfm_migration_combine(PG_FUNCTION_ARGS)
{
	Migration  *m = PG_ARGISNULL(0) ? NULL : (Migration *) PG_GETARG_POINTER(0);
	Migration  *other = PG_ARGISNULL(1) ? NULL : (Migration *) PG_GETARG_POINTER(1);
	int			i;

	if (other == NULL)
	{
		if (m == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(m);
	}
	if (m == NULL)
		m = create_migration(fcinfo);
	for (i = 0; i < other->ncells; i++)
		merge_cell(m, other->segments[other->cells[i]->before],
				   other->segments[other->cells[i]->after], other->cells[i]);
	PG_RETURN_POINTER(m);
}

static void
send_name(StringInfo buf, const char *name)
{
	pq_sendbyte(buf, name != NULL);
	if (name)
		appendBinaryStringInfo(buf, name, strlen(name) + 1);
}

Datum
recsys_rfm_migration_serialize(PG_FUNCTION_ARGS)
{
	Migration  *m = (Migration *) PG_GETARG_POINTER(0);
	StringInfoData buf;
	int			i;

	pq_begintypsend(&buf);
	pq_sendint32(&buf, m->ncells);
	for (i = 0; i < m->ncells; i++)
	{
		send_name(&buf, m->segments[m->cells[i]->before]);
		send_name(&buf, m->segments[m->cells[i]->after]);
		appendBinaryStringInfo(&buf, (const char *) m->cells[i], sizeof(Cell));
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

Datum
recsys_rfm_migration_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *source = PG_GETARG_BYTEA_PP(0);
	Migration  *m = create_migration(fcinfo);
	StringInfoData buf;
	int			n;
	int			d;

	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, VARDATA_ANY(source), VARSIZE_ANY_EXHDR(source));
	for (n = pq_getmsgint(&buf, 4); n > 0; n--)
	{
		const char *before = pq_getmsgbyte(&buf) ? pq_getmsgrawstring(&buf) : NULL;
		const char *after = pq_getmsgbyte(&buf) ? pq_getmsgrawstring(&buf) : NULL;
		Cell		cell;

		CHECK_FOR_INTERRUPTS();
		pq_copymsgbytes(&buf, (char *) &cell, sizeof(cell));
		/* sums of counts must not overflow either */
		if (cell.customers < 0 || cell.customers > PG_INT64_MAX / 1024 ||
			!exactsum_is_valid(&cell.amount))
			damaged_state_error();
		for (d = 0; d < RFM_DIMENSIONS; d++)
			if (cell.up[d] < 0 || cell.down[d] < 0 || cell.up[d] > cell.customers ||
				cell.down[d] > cell.customers - cell.up[d])
				damaged_state_error();
		merge_cell(m, before, after, &cell);
	}
	pq_getmsgend(&buf);
	PG_RETURN_POINTER(m);
}

static int
compare_names(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return (a == NULL) - (b == NULL);
	return strcmp(a, b);
}

static int
compare_cells(const void *a, const void *b, void *arg)
{
	char	  **segments = arg;
	const Cell *x = *(Cell *const *) a;
	const Cell *y = *(Cell *const *) b;
	int			result = compare_names(segments[x->before], segments[y->before]);

	return result ? result : compare_names(segments[x->after], segments[y->after]);
}

/* An array of rfm_migration, by segment before and after, no segment last. */
Datum
recsys_rfm_migration_final(PG_FUNCTION_ARGS)
{
	Migration  *m;
	Oid			type = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	TupleDesc	tupdesc;
	Datum	   *elements;
	Cell	  **cells;
	int			i;
	int			d;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	m = (Migration *) PG_GETARG_POINTER(0);
	tupdesc = lookup_rowtype_tupdesc_copy(type, -1);
	cells = palloc_array(Cell *, m->ncells);
	memcpy(cells, m->cells, m->ncells * sizeof(Cell *));
	qsort_arg(cells, m->ncells, sizeof(Cell *), compare_cells, m->segments);
	elements = palloc_array(Datum, m->ncells);
	for (i = 0; i < m->ncells; i++)
	{
		ExactSum	amount = cells[i]->amount;
		const char *names[2] = {m->segments[cells[i]->before], m->segments[cells[i]->after]};
		Datum		values[10];
		bool		nulls[10] = {false};

		for (d = 0; d < 2; d++)
		{
			nulls[d] = names[d] == NULL;
			values[d] = nulls[d] ? (Datum) 0 : CStringGetTextDatum(names[d]);
		}
		values[2] = Int64GetDatum(cells[i]->customers);
		values[3] = Float8GetDatum(exactsum_value(&amount));
		for (d = 0; d < RFM_DIMENSIONS; d++)
		{
			values[4 + 2 * d] = Int64GetDatum(cells[i]->up[d]);
			values[5 + 2 * d] = Int64GetDatum(cells[i]->down[d]);
		}
		elements[i] = HeapTupleGetDatum(heap_form_tuple(tupdesc, values, nulls));
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(elements, m->ncells, type, -1, false, TYPALIGN_DOUBLE));
}
