/*-------------------------------------------------------------------------
 *
 * table.c
 *		rfm_table(): from orders to scored customers in one call.
 *
 * The user's query is wrapped into a GROUP BY by customer, which PostgreSQL
 * plans and runs as any other, in parallel and within its memory limits.  Its
 * rows, one for each customer, go into a tuple store and their keys into a
 * spool; cut points come from the spool, and a second reading of both makes
 * the result.
 *
 * Times are compared as they are.  For dates and timestamps without time zone
 * a day is a day of the calendar, so that recency is a whole number for dates;
 * as_of, a timestamptz, is taken as local time for them.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"


#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "core/options.h"
#include "core/progress.h"
#include "core/query.h"
#include "rfm/cutsvalue.h"
#include "rfm/grade.h"
#include "rfm/scheme.h"

enum
{
	USER_COLUMN,
	TS_COLUMN,
	AMOUNT_COLUMN,
	ORDER_COLUMN
};

/* What negative amounts do. */
typedef enum
{
	REFUNDS_NET,				/* lower the amount, are no orders */
	REFUNDS_IGNORE,				/* nothing */
	REFUNDS_COUNT				/* are orders like any other */
} Refunds;

static const char *const refund_rules[] = {"net", "ignore", "count", NULL};

typedef struct RfmTable
{
	char	   *query;
	Oid			user_type;		/* of the result */
	Oid			ts_type;		/* of the query */
	bool		has_order;		/* the query tells which rows make up an order */
	bool		float_amount;
	Refunds		refunds;
	bool		has_as_of;
	int64		as_of;			/* in microseconds, of the same kind as ts */
	RfmSetup	setup;
	RfmCuts    *cuts;			/* given by the user, or NULL */
	/* customers: user, last order in microseconds, orders, amount */
	TupleDesc	tupdesc;
	Tuplestorestate *customers;
	KeySpool   *spool;			/* keys of those who can be scored */
	uint64		ncustomers;
} RfmTable;

/* Checks the columns of the user's query, and remembers their types. */
static void
check_query(RfmTable *table)
{
	static const QueryColumn columns[] = {
		{"user", InvalidOid, false},
		{"ts", InvalidOid, false},
		{"amount", InvalidOid, false},
		{"order", InvalidOid, true}
	};
	UserQuery  *query = query_prepare(table->query, columns, lengthof(columns), 0, NULL);
	Oid			amount_type = query_column_type(query, AMOUNT_COLUMN);

	table->ts_type = query_column_type(query, TS_COLUMN);
	if (table->ts_type != DATEOID && table->ts_type != TIMESTAMPOID &&
		table->ts_type != TIMESTAMPTZOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column 2 (ts) of the query must be of type date, timestamp or timestamptz, not %s",
						format_type_be(table->ts_type)),
				 errhint("Cast the column in the query.")));
	table->float_amount = amount_type == FLOAT4OID || amount_type == FLOAT8OID;
	if (!table->float_amount && amount_type != INT2OID && amount_type != INT4OID &&
		amount_type != INT8OID && amount_type != NUMERICOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column 3 (amount) of the query must be of a numeric type, not %s",
						format_type_be(amount_type)),
				 errhint("Cast the column in the query.")));
	table->has_order = query_column_count(query) > ORDER_COLUMN;
}

/*
 * The query that groups orders by customer.  Floating point amounts are summed
 * as numeric, so that the sum does not depend on the order of rows.  An order
 * without amount is an order of nothing, so that there always is a sum.
 */
static char *
grouping_query(const RfmTable *table)
{
	const char *not_refund = "(q.c3 OPERATOR(pg_catalog.<) 0) IS NOT TRUE";
	StringInfoData buf;
	StringInfoData filter;

	initStringInfo(&filter);
	if (table->refunds == REFUNDS_NET)
		appendStringInfo(&filter, " FILTER (WHERE %s)", not_refund);
	initStringInfo(&buf);
	appendStringInfo(&buf,
					 "SELECT q.c1, pg_catalog.max(q.c2)%s, pg_catalog.count(*)%s, COALESCE(pg_catalog.sum(q.c3%s), 0) FROM ",
					 filter.data, filter.data,
					 table->float_amount && !table->has_order ? "::pg_catalog.numeric" : "");
	if (table->has_order)
		appendStringInfo(&buf,
						 "(SELECT q.c1, pg_catalog.max(q.c2) AS c2, pg_catalog.sum(q.c3%s) AS c3 FROM ",
						 table->float_amount ? "::pg_catalog.numeric" : "");
	appendStringInfo(&buf, "%s AS q(c1, c2, c3%s) WHERE q.c1 IS NOT NULL AND q.c2 IS NOT NULL",
					 query_as_source(table->query), table->has_order ? ", c4" : "");
	if (table->has_as_of)
		appendStringInfoString(&buf, " AND q.c2 OPERATOR(pg_catalog.<=) $1");
	if (table->refunds == REFUNDS_IGNORE)
		appendStringInfo(&buf, " AND %s", not_refund);
	if (table->has_order)
		appendStringInfoString(&buf, " GROUP BY q.c1, q.c4) AS q");
	appendStringInfoString(&buf, " GROUP BY q.c1");
	return buf.data;
}

static double
amount_as_float8(Datum amount)
{
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, amount));
}

/* A QueryRow: takes in one customer. */
static void
add_customer(void *arg, const Datum *values, const bool *nulls)
{
	RfmTable   *table = arg;
	Datum		stored[4];
	bool		isnull[4];

	memcpy(stored, values, sizeof(stored));
	memcpy(isnull, nulls, sizeof(isnull));
	if (!nulls[TS_COLUMN])
	{
		uint64		keys[RFM_DIMENSIONS];

		keys[RFM_R] = rfm_time_key(table->ts_type, values[TS_COLUMN]);
		stored[1] = Int64GetDatum(key_to_int64(keys[RFM_R]));
		keys[RFM_F] = rfm_orders_key(values[2]);
		keys[RFM_M] = rfm_amount_key(Float8GetDatum(amount_as_float8(values[3])));
		keyspool_append(table->spool, keys);
	}
	tuplestore_putvalues(table->customers, table->tupdesc, stored, isnull);
	progress_update(++table->ncustomers);
}

static void
group_orders(RfmTable *table)
{
	QueryColumn columns[] = {
		{"user", table->user_type, false, "NULL::%s"},
		{"ts", InvalidOid, false},
		{"orders", INT8OID, false},
		{"amount", NUMERICOID, false}
	};
	Oid			paramtype = TIMESTAMPTZOID;
	Datum		param = TimestampTzGetDatum(table->as_of);
	UserQuery  *query;

	check_query(table);
	if (table->has_as_of && table->ts_type != TIMESTAMPTZOID)
	{
		paramtype = TIMESTAMPOID;
		param = DirectFunctionCall1(timestamptz_timestamp, param);
		table->as_of = DatumGetTimestamp(param);
	}
	query = query_prepare(grouping_query(table), columns, lengthof(columns),
						  table->has_as_of ? 1 : 0, &paramtype);

	table->tupdesc = CreateTemplateTupleDesc(4);
	TupleDescInitEntry(table->tupdesc, 1, "user", table->user_type, -1, 0);
	TupleDescInitEntry(table->tupdesc, 2, "last_order", INT8OID, -1, 0);
	TupleDescInitEntry(table->tupdesc, 3, "orders", INT8OID, -1, 0);
	TupleDescInitEntry(table->tupdesc, 4, "amount", NUMERICOID, -1, 0);
	table->customers = tuplestore_begin_heap(false, false, work_mem);
	table->spool = keyspool_create(CurrentMemoryContext, RFM_DIMENSIONS, work_mem * (Size) 1024);
	progress_phase("grouping orders", 0);
	query_run(query, &param, NULL, add_customer, table);
}

/* The cut points for the customers; NULL if they are given, or nobody has any. */
static RfmCutKeys *
cut_customers(RfmTable *table)
{
	static const bool isfloat[RFM_DIMENSIONS] = {false, false, true};
	RfmCutKeys *keys = NULL;

	if (table->cuts)
		rfm_cuts_setup(table->cuts, &table->setup);
	else if (keyspool_count(table->spool) > 0)
		keys = rfm_cut_keys(table->spool, &table->setup, isfloat);

	/* without a day of its own the report is as of the last order */
	if (!table->has_as_of && keyspool_count(table->spool) > 0)
	{
		KeyStats	stats;

		keyspool_stats(table->spool, RFM_R, NULL, NULL, 1, &stats);
		table->as_of = key_to_int64(stats.max);
	}
	return keys;
}

static double
recency_days(const RfmTable *table, int64 last_order)
{
	/* the difference of two times may need 64 bits without the sign */
	if (table->as_of < last_order)
		return -(double) ((uint64) last_order - (uint64) table->as_of) / (double) USECS_PER_DAY;
	return (double) ((uint64) table->as_of - (uint64) last_order) / (double) USECS_PER_DAY;
}

static Datum
last_order_datum(const RfmTable *table, int64 last_order)
{
	if (table->ts_type == TIMESTAMPTZOID)
		return TimestampTzGetDatum(last_order);
	return DirectFunctionCall1(timestamp_timestamptz, TimestampGetDatum(last_order));
}

/* The second reading: one row of the result for each customer. */
static void
score_customers(RfmTable *table, const RfmCutKeys *keys, ReturnSetInfo *rsinfo)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(table->tupdesc, &TTSOpsMinimalTuple);
	MemoryContext row_cxt = AllocSetContextCreate(CurrentMemoryContext, "recsys rfm row",
												  ALLOCSET_SMALL_SIZES);
	uint64		done = 0;

	progress_phase("scoring customers", table->ncustomers);
	keyspool_rewind(table->spool);
	while (tuplestore_gettupleslot(table->customers, true, false, slot))
	{
		Datum		values[10] = {0};
		bool		nulls[10] = {false};
		int64		last_order;
		int			scores[RFM_DIMENSIONS];
		MemoryContext old = MemoryContextSwitchTo(row_cxt);
		int			i;

		slot_getallattrs(slot);
		last_order = slot->tts_isnull[1] ? 0 : DatumGetInt64(slot->tts_values[1]);
		values[0] = slot->tts_values[0];
		nulls[1] = nulls[2] = slot->tts_isnull[1];
		if (!nulls[1])
		{
			values[1] = last_order_datum(table, last_order);
			values[2] = Float8GetDatum(recency_days(table, last_order));
		}
		values[3] = slot->tts_values[2];
		values[4] = slot->tts_values[3];

		if (nulls[1])
		{
			for (i = 5; i < 10; i++)
				nulls[i] = true;
		}
		else
		{
			const uint64 *row = keyspool_next(table->spool);

			if (table->cuts)
				rfm_cuts_score(table->cuts, &table->setup, recency_days(table, last_order),
							   (double) key_to_int64(row[RFM_F]), key_to_float8(row[RFM_M]), scores);
			else
				rfm_score_row(keys, row, scores, RFM_DIMENSIONS);
			for (i = 0; i < RFM_DIMENSIONS; i++)
				values[5 + i] = Int32GetDatum(scores[i]);
			values[8] = Int32GetDatum(rfm_code(scores));
			values[9] = CStringGetTextDatum(rfm_scheme_segment(table->setup.scheme,
															   table->setup.bins, scores)->name);
		}
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row_cxt);
		progress_update(++done);
		if ((done & 0x3ff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	MemoryContextDelete(row_cxt);
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(table->customers);
}

static int
int_argument(FunctionCallInfo fcinfo, int arg, const char *name, int unset)
{
	return PG_ARGISNULL(arg) ? unset :
		check_int_option(name, PG_GETARG_INT32(arg), 2, RFM_MAX_BINS);
}

static int
word_argument(FunctionCallInfo fcinfo, int arg, const char *name, int unset,
			  const char *const *words)
{
	return PG_ARGISNULL(arg) ? unset :
		check_word_option(name, text_to_cstring(PG_GETARG_TEXT_PP(arg)), words);
}

/* Reads the arguments from the query on, which is at position first. */
static void
read_arguments(RfmTable *table, FunctionCallInfo fcinfo, int first)
{
	static const char *const names[] = {"recency_bins", "order_bins", "amount_bins"};
	int			bins[RFM_DIMENSIONS];
	int			all;
	int			d;

	if (PG_ARGISNULL(first))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("query must not be null")));
	table->query = text_to_cstring(PG_GETARG_TEXT_PP(first));
	table->has_as_of = !PG_ARGISNULL(first + 1);
	if (table->has_as_of)
	{
		table->as_of = PG_GETARG_TIMESTAMPTZ(first + 1);
		if (TIMESTAMP_NOT_FINITE(table->as_of))
			ereport(ERROR,
					(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
					 errmsg("as_of must be a finite time")));
	}
	all = int_argument(fcinfo, first + 2, "bins", 0);
	for (d = 0; d < RFM_DIMENSIONS; d++)
		bins[d] = int_argument(fcinfo, first + 7 + d, names[d], all);
	if (!PG_ARGISNULL(first + 10))
	{
		if (bins[RFM_R] || bins[RFM_F] || bins[RFM_M] || !PG_ARGISNULL(first + 3) ||
			!PG_ARGISNULL(first + 4) || !PG_ARGISNULL(first + 5) || !PG_ARGISNULL(first + 6))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("cuts cannot go together with bins, scheme, nested, method or top"),
					 errhint("Cuts bring their own bins and scheme.")));
		table->cuts = PG_GETARG_RFM_CUTS(first + 10);
	}
	rfm_make_setup(&table->setup,
				   word_argument(fcinfo, first + 3, "scheme", RFM_CLASSIC, rfm_scheme_names), bins,
				   word_argument(fcinfo, first + 5, "method", -1, rfm_method_names),
				   PG_ARGISNULL(first + 6) ? 0 :
				   check_float_option("top", PG_GETARG_FLOAT8(first + 6), 0.000001, 0.999999),
				   !PG_ARGISNULL(first + 4) && PG_GETARG_BOOL(first + 4));
	table->refunds = word_argument(fcinfo, first + 11, "refunds", REFUNDS_NET, refund_rules);
}

RECSYS_FUNCTION(recsys_rfm_table);

/* rfm_table([witness,] query, ...) */
Datum
recsys_rfm_table(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	RfmTable	table = {0};
	RfmCutKeys *keys;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	read_arguments(&table, fcinfo, PG_NARGS() - 12);
	table.user_type = getBaseType(TupleDescAttr(rsinfo->setDesc, 0)->atttypid);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	progress_begin("rfm");
	group_orders(&table);
	keys = cut_customers(&table);
	score_customers(&table, keys, rsinfo);
	progress_end();
	SPI_finish();
	return (Datum) 0;
}
