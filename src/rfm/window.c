/*-------------------------------------------------------------------------
 *
 * window.c
 *		The window function rfm(): scores among all rows of the partition.
 *
 * The first call in a partition reads the arguments of all its rows into a
 * key spool and takes the cut points from it; every call then reads on in the
 * spool, whose rows come in the order of the partition, and scores one row.
 * Rows with a NULL among the arguments are not in the spool: a bit map says
 * which they are.
 *
 * Results repeat: there are at most bins^3 of them, and each is formed once.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "windowapi.h"

#include "core/options.h"
#include "rfm/cuts.h"
#include "rfm/grade.h"

/*
 * The window's rows can be read for one argument at a time only, so the
 * executor steps back for the next.  Where it keeps the rows in a file a step
 * back is cheap within a buffer of it and dear beyond: steps must be short.
 */
#define BLOCK_ROWS 8

typedef struct RfmWindow
{
	MemoryContext cxt;			/* lives as long as the query */
	MemoryContext argcxt;		/* for evaluating arguments, reset with each block */
	Oid			time_type;		/* of last_order */
	bool		has_options;
	RfmSetup	setup;
	KeySpool   *spool;
	bits8	   *nulls;			/* NULL while no row has a NULL */
	int64		nrows;			/* rows of the partition */
	int64		position;		/* of the row that is to come next */
	RfmCutKeys *cutkeys;
	MemoryContext cutcxt;
	RfmGrades  *grades;
} RfmWindow;

static bool
is_null_row(const RfmWindow *w, int64 row)
{
	return w->nulls && (w->nulls[row / 8] & (1 << (row % 8))) != 0;
}

static void
mark_null_row(RfmWindow *w, int64 row)
{
	if (w->nulls == NULL)
		w->nulls = MemoryContextAllocExtended(w->cxt, w->nrows / 8 + 1,
											  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	w->nulls[row / 8] |= 1 << (row % 8);
}

/* Reads the arguments of all rows of the partition into the spool. */
static void
load_partition(RfmWindow *w, WindowObject winobj)
{
	uint64		keys[BLOCK_ROWS][RFM_DIMENSIONS];
	bool		isnull[BLOCK_ROWS];
	int64		base;
	int			n;
	int			d;
	int			i;

	for (base = 0; base < w->nrows; base += n)
	{
		MemoryContext old = MemoryContextSwitchTo(w->argcxt);

		CHECK_FOR_INTERRUPTS();
		n = Min(BLOCK_ROWS, w->nrows - base);
		memset(isnull, 0, sizeof(isnull));
		for (d = 0; d < RFM_DIMENSIONS; d++)
		{
			for (i = 0; i < n; i++)
			{
				bool		null;
				bool		isout;
				Datum		value = WinGetFuncArgInPartition(winobj, d, base + i, WINDOW_SEEK_HEAD,
															 false, &null, &isout);

				if (null)
					isnull[i] = true;
				else
					keys[i][d] = d == RFM_R ? rfm_time_key(w->time_type, value) :
						d == RFM_F ? rfm_orders_key(value) : rfm_amount_key(value);
			}
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(w->argcxt);
		for (i = 0; i < n; i++)
		{
			if (isnull[i])
				mark_null_row(w, base + i);
			else
				keyspool_append(w->spool, keys[i]);
		}
	}
}

/* Options are those of the first row of the partition. */
static void
read_options(RfmWindow *w, WindowObject winobj)
{
	bool		isnull;
	Datum		options;

	if (!w->has_options)
	{
		rfm_default_setup(&w->setup);
		return;
	}
	options = WinGetFuncArgCurrent(winobj, RFM_DIMENSIONS, &isnull);
	if (isnull)
		null_options_error("rfm_options");
	rfm_read_setup(&w->setup, options);
}

static void
start_partition(RfmWindow *w, WindowObject winobj)
{
	read_options(w, winobj);
	keyspool_reset(w->spool);
	if (w->nulls)
		pfree(w->nulls);
	w->nulls = NULL;
	w->nrows = WinGetPartitionRowCount(winobj);
	load_partition(w, winobj);

	MemoryContextReset(w->cutcxt);
	w->cutkeys = NULL;
	if (keyspool_count(w->spool) > 0)
	{
		MemoryContext old = MemoryContextSwitchTo(w->cutcxt);
		bool		isfloat[RFM_DIMENSIONS] = {false, false, true};

		w->cutkeys = rfm_cut_keys(w->spool, &w->setup, isfloat);
		MemoryContextSwitchTo(old);
	}
	keyspool_rewind(w->spool);
	w->position = 0;
}

static RfmWindow *
create_window(FunctionCallInfo fcinfo)
{
	MemoryContext cxt = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "recsys rfm",
											  ALLOCSET_DEFAULT_SIZES);
	RfmWindow  *w = MemoryContextAllocZero(cxt, sizeof(RfmWindow));
	MemoryContext old = MemoryContextSwitchTo(cxt);

	w->cxt = cxt;
	w->argcxt = AllocSetContextCreate(cxt, "recsys rfm arguments", ALLOCSET_DEFAULT_SIZES);
	w->cutcxt = AllocSetContextCreate(cxt, "recsys rfm cuts", ALLOCSET_SMALL_SIZES);
	w->time_type = get_fn_expr_argtype(fcinfo->flinfo, RFM_R);
	w->has_options = get_fn_expr_argtype(fcinfo->flinfo, RFM_DIMENSIONS) != InvalidOid;
	w->spool = keyspool_create(cxt, RFM_DIMENSIONS, work_mem * (Size) 1024);
	w->grades = rfm_grades_create(fcinfo);
	MemoryContextSwitchTo(old);
	fcinfo->flinfo->fn_extra = w;
	return w;
}

RECSYS_FUNCTION(recsys_rfm);

/* rfm(last_order, orders, amount [, options]): a window function */
Datum
recsys_rfm(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	RfmWindow  *w = fcinfo->flinfo->fn_extra;
	bool	   *started = WinGetPartitionLocalMemory(winobj, sizeof(bool));
	int			scores[RFM_DIMENSIONS];

	if (w == NULL)
		w = create_window(fcinfo);
	if (!*started)
	{
		start_partition(w, winobj);
		*started = true;
	}
	if (WinGetCurrentPosition(winobj) != w->position)
		elog(ERROR, "rows of a window come out of order");
	if (is_null_row(w, w->position++))
		PG_RETURN_NULL();
	rfm_score_row(w->cutkeys, keyspool_next(w->spool), scores, RFM_DIMENSIONS);
	return rfm_grade(w->grades, &w->setup, scores);
}
