/*-------------------------------------------------------------------------
 *
 * bin.c
 *		The window function rfm_bin(): one value among those of the partition.
 *
 * The first call in a partition reads all values and finds the cut points;
 * every call then compares the value of its row with them.  Integers, floats
 * and times are selected by rank in a key spool.  Values of other types are
 * sorted by their default btree order, in work_mem or on disk.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/tuplesort.h"
#include "utils/typcache.h"
#include "windowapi.h"

#include "core/options.h"
#include "rfm/cuts.h"

typedef struct BinWindow
{
	MemoryContext cxt;			/* lives as long as the query */
	MemoryContext argcxt;		/* for evaluating the argument */
	MemoryContext cutcxt;		/* cut points of the partition */
	Oid			type;
	Oid			collation;
	TypeCacheEntry *typcache;	/* NULL where values have keys */
	int			bins;
	int			ncuts;			/* 0 if all values are NULL */
	uint64		keys[RFM_MAX_BINS - 1]; /* cut points: keys ... */
	Datum		cuts[RFM_MAX_BINS - 1]; /* ... or values */
} BinWindow;

static bool
has_keys(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return true;
		default:
			return false;
	}
}

static uint64
value_key(Oid type, Datum value)
{
	switch (type)
	{
		case INT2OID:
			return key_from_int64(DatumGetInt16(value));
		case INT4OID:
			return key_from_int64(DatumGetInt32(value));
		case DATEOID:
			return key_from_int64(DatumGetDateADT(value));
		case FLOAT4OID:
			return key_from_float8(DatumGetFloat4(value));
		case FLOAT8OID:
			return key_from_float8(DatumGetFloat8(value));
		default:				/* bigint and timestamps */
			return key_from_int64(DatumGetInt64(value));
	}
}

static BinWindow *
create_window(FunctionCallInfo fcinfo)
{
	MemoryContext cxt = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "recsys rfm_bin",
											  ALLOCSET_DEFAULT_SIZES);
	BinWindow  *w = MemoryContextAllocZero(cxt, sizeof(BinWindow));

	w->cxt = cxt;
	w->argcxt = AllocSetContextCreate(cxt, "recsys rfm_bin value", ALLOCSET_DEFAULT_SIZES);
	w->cutcxt = AllocSetContextCreate(cxt, "recsys rfm_bin cuts", ALLOCSET_SMALL_SIZES);
	w->type = getBaseType(get_fn_expr_argtype(fcinfo->flinfo, 0));
	w->collation = PG_GET_COLLATION();
	if (!has_keys(w->type))
	{
		w->typcache = lookup_type_cache(w->type, TYPECACHE_LT_OPR | TYPECACHE_CMP_PROC_FINFO);
		if (!OidIsValid(w->typcache->lt_opr) || !OidIsValid(w->typcache->cmp_proc_finfo.fn_oid))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FUNCTION),
					 errmsg("values of type %s cannot be sorted", format_type_be(w->type))));
	}
	fcinfo->flinfo->fn_extra = w;
	return w;
}

/* Reads all values that are not NULL into a spool, or else a sort; returns their number. */
static uint64
load_values(BinWindow *w, WindowObject winobj, KeySpool *spool, Tuplesortstate *sort)
{
	int64		nrows = WinGetPartitionRowCount(winobj);
	uint64		count = 0;
	int64		i;

	for (i = 0; i < nrows; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(w->argcxt);
		bool		isnull;
		bool		isout;
		Datum		value = WinGetFuncArgInPartition(winobj, 0, i, WINDOW_SEEK_HEAD, false,
													 &isnull, &isout);

		MemoryContextSwitchTo(old);
		if (!isnull)
		{
			if (spool)
			{
				uint64		key = value_key(w->type, value);

				keyspool_append(spool, &key);
			}
			else
				tuplesort_putdatum(sort, value, false);
			count++;
		}
		if ((i & 0xff) == 0)
		{
			CHECK_FOR_INTERRUPTS();
			MemoryContextReset(w->argcxt);
		}
	}
	return count;
}

static void
cut_keys(BinWindow *w, WindowObject winobj)
{
	KeySpool   *spool = keyspool_create(w->cutcxt, 1, work_mem * (Size) 1024);
	uint64		count = load_values(w, winobj, spool, NULL);
	KeyStats	stats;
	KeyRank		ranks[RFM_MAX_BINS - 1] = {{0}};
	int			k;

	if (count > 0)
	{
		w->ncuts = w->bins - 1;
		for (k = 0; k < w->ncuts; k++)
			ranks[k].rank = keyspool_percentile_rank((double) (k + 1) / w->bins, count);
		keyspool_stats(spool, 0, NULL, NULL, 1, &stats);
		keyspool_select(spool, 0, NULL, NULL, 1, &stats, ranks, w->ncuts);
		for (k = 0; k < w->ncuts; k++)
			w->keys[k] = ranks[k].key;
	}
	keyspool_free(spool);
}

static void
cut_values(BinWindow *w, WindowObject winobj)
{
	Tuplesortstate *sort = tuplesort_begin_datum(w->type, w->typcache->lt_opr, w->collation,
												 false, work_mem, NULL, false);
	uint64		count = load_values(w, winobj, NULL, sort);
	uint64		position = 0;	/* values taken from the sort */
	int			k;

	tuplesort_performsort(sort);
	if (count > 0)
		w->ncuts = w->bins - 1;
	for (k = 0; k < w->ncuts; k++)
	{
		uint64		rank = keyspool_percentile_rank((double) (k + 1) / w->bins, count);
		MemoryContext old;
		Datum		value;
		bool		isnull;

		if (k > 0 && rank < position)
		{
			w->cuts[k] = w->cuts[k - 1];
			continue;
		}
		tuplesort_skiptuples(sort, rank - position, true);
		if (!recsys_tuplesort_getdatum(sort, &value, &isnull))
			elog(ERROR, "sort of rfm_bin ends early");
		position = rank + 1;
		old = MemoryContextSwitchTo(w->cutcxt);
		w->cuts[k] = datumCopy(value, w->typcache->typbyval, w->typcache->typlen);
		MemoryContextSwitchTo(old);
	}
	tuplesort_end(sort);
}

static void
start_partition(BinWindow *w, WindowObject winobj)
{
	MemoryContext old;
	bool		isnull;
	int32		bins = DatumGetInt32(WinGetFuncArgCurrent(winobj, 1, &isnull));

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("bins must not be null")));
	w->bins = check_int_option("bins", bins, 2, RFM_MAX_BINS);
	w->ncuts = 0;
	MemoryContextReset(w->cutcxt);
	old = MemoryContextSwitchTo(w->cutcxt);
	if (w->typcache)
		cut_values(w, winobj);
	else
		cut_keys(w, winobj);
	MemoryContextSwitchTo(old);
}

RECSYS_FUNCTION(recsys_rfm_bin);

/* rfm_bin(value, bins): a window function */
Datum
recsys_rfm_bin(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	BinWindow  *w = fcinfo->flinfo->fn_extra;
	bool	   *started = WinGetPartitionLocalMemory(winobj, sizeof(bool));
	Datum		value;
	bool		isnull;
	int			score = 1;
	int			k;

	if (w == NULL)
		w = create_window(fcinfo);
	if (!*started)
	{
		start_partition(w, winobj);
		*started = true;
	}
	value = WinGetFuncArgCurrent(winobj, 0, &isnull);
	if (isnull)
		PG_RETURN_NULL();
	if (w->typcache == NULL)
		PG_RETURN_INT32(rfm_bin_of(w->keys, w->ncuts, value_key(w->type, value)));
	for (k = 0; k < w->ncuts; k++)
		if (DatumGetInt32(FunctionCall2Coll(&w->typcache->cmp_proc_finfo, w->collation,
											w->cuts[k], value)) < 0)
			score++;
	PG_RETURN_INT32(score);
}
