/*-------------------------------------------------------------------------
 *
 * gather.c
 *		Rows of a parallel plan, handed over many at a time.
 *
 * The Gather of a parallel plan sends each row by itself as a tuple, which takes
 * longer than to read it from a table: a query whose rows are all wanted is not
 * made faster by workers.  Here a scan of our own is put between the Gather and
 * the plan that all processes share:
 *
 *		worker		packs rows of the plan, some hundreds at a time, and sends them
 *					through a queue of its own
 *		leader		gives the rows of its share, and those that have come, straight to
 *					a function; the Gather, and whoever runs it, sees no row
 *
 * All else is the executor's: workers, snapshots, rights, errors, cancelling.
 *
 * A message has the number of its rows and then row by row the values, 8 bytes
 * each, and for each 8 columns a byte that says which are NULL; behind the rows
 * is what values by reference stand for: their offsets in the message.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "access/parallel.h"
#include "executor/executor.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shm_mq.h"
#include "utils/datum.h"

#include "core/gather.h"

#define SCAN_NAME "Recsys Gather"

/* Rows of a message, and the bytes beyond which it has no more. */
#define MESSAGE_ROWS 512
#define MESSAGE_BYTES (16 * 1024)

/* Of a worker, in shared memory: holds some messages of the usual size. */
#define QUEUE_BYTES ((Size) 256 * 1024)

/* Rows of its own that the leader reads before it looks for others. */
#define OWN_ROWS 64

/* No node of a plan has this number, by which the executor finds the shared memory. */
#define NODE_ID (PG_INT32_MAX - 1)

/* Of a message; the rows follow. */
typedef struct MessageHead
{
	uint32		nrows;
	uint32		unused;			/* keeps what follows aligned */
} MessageHead;

typedef struct GatherScan
{
	CustomScanState css;
	/* the leader's */
	QueryRow	row;
	void	   *arg;
	ParallelContext *context;	/* NULL: there are no workers */
	shm_mq_handle **queues;		/* of workers; NULL: it has sent all */
	/* a worker's */
	shm_mq_handle *queue;		/* NULL: this is the leader */
	char	   *rows;
	uint32		nrows;
	StringInfoData rest;		/* what values by reference stand for */
} GatherScan;

/* Where the next scan of ours that begins gives its rows to. */
static QueryRow next_row = NULL;
static void *next_arg = NULL;

static Node *make_scan_state(CustomScan *plan);
static const CustomScanMethods scan_methods = {SCAN_NAME, make_scan_state};

/* The next plan that was changed by gather_replace() and begins gives its rows to that, in any order; NULL: none does. */
void
gather_into(QueryRow row, void *arg)
{
	next_row = row;
	next_arg = arg;
}

/*
 * Puts a scan of ours below a plan's Gather; false, and nothing done, where it does
 * not fit: that is not at the top, gets rows in order or of one process, or does more
 * than pass rows on.
 */
bool
gather_replace(PlannedStmt *statement)
{
	Gather	   *gather = (Gather *) statement->planTree;
	MemoryContext old;
	CustomScan *scan;
	Plan	   *below;
	ListCell   *cell;
	int			columns = 0;

	/* the leader must take part, as nobody else would take the rows from the queues */
	if (!IsA(gather, Gather) || gather->single_copy || gather->invisible || gather->plan.qual != NIL ||
		!parallel_leader_participation)
		return false;
	below = outerPlan(gather);
	foreach(cell, gather->plan.targetlist)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		Var		   *var = (Var *) entry->expr;

		if (entry->resjunk || !IsA(var, Var) || var->varno != OUTER_VAR || var->varattno != ++columns)
			return false;
	}
	if (columns != list_length(below->targetlist) || columns > QUERY_MAX_COLUMNS)
		return false;

	old = MemoryContextSwitchTo(GetMemoryChunkContext(gather));
	scan = makeNode(CustomScan);
	scan->scan.plan.startup_cost = below->startup_cost;
	scan->scan.plan.total_cost = below->total_cost;
	scan->scan.plan.plan_rows = below->plan_rows;
	scan->scan.plan.plan_width = below->plan_width;
	scan->scan.plan.parallel_aware = true;
	scan->scan.plan.parallel_safe = true;
	scan->scan.plan.plan_node_id = NODE_ID;
	scan->scan.plan.targetlist = copyObject(gather->plan.targetlist);
	scan->scan.plan.lefttree = below;
	scan->scan.plan.extParam = bms_copy(below->extParam);
	scan->scan.plan.allParam = bms_copy(below->allParam);
	scan->methods = &scan_methods;
	outerPlan(gather) = (Plan *) scan;
	MemoryContextSwitchTo(old);
	return true;
}

static void
begin_scan(CustomScanState *node, EState *estate, int eflags)
{
	GatherScan *scan = (GatherScan *) node;

	if (!IsParallelWorker())
	{
		if (next_row == NULL || !parallel_leader_participation)
			elog(ERROR, "nobody takes the rows of a plan");
		scan->row = next_row;
		scan->arg = next_arg;
		gather_into(NULL, NULL);
	}
	outerPlanState(node) = ExecInitNode(outerPlan(node->ss.ps.plan), estate, eflags);
}

/*
 * Workers
 */

/* Bytes of a row in a message. */
static inline Size
row_size(int natts)
{
	return MAXALIGN(natts * sizeof(uint64) + (natts + 7) / 8);
}

/* Sends what was packed; false where nobody wants it any more. */
static bool
send_rows(GatherScan *scan, int natts)
{
	MessageHead head = {scan->nrows};
	shm_mq_iovec parts[3];
	shm_mq_result result;

	parts[0].data = (const char *) &head;
	parts[0].len = sizeof(head);
	parts[1].data = scan->rows;
	parts[1].len = scan->nrows * row_size(natts);
	parts[2].data = scan->rest.data;
	parts[2].len = scan->rest.len;
	result = send_parts_to_queue(scan->queue, parts, 3);
	scan->nrows = 0;
	resetStringInfo(&scan->rest);
	return result == SHM_MQ_SUCCESS;
}

/* Packs a value by reference; where it is behind the rows. */
static Size
pack_value(GatherScan *scan, Form_pg_attribute att, Datum value)
{
	static const char zeros[MAXIMUM_ALIGNOF] = {0};
	Size		place;
	Size		size;

	if (att->attlen == -1)
		value = PointerGetDatum(PG_DETOAST_DATUM_PACKED(value));
	size = datumGetSize(value, false, att->attlen);
	appendBinaryStringInfo(&scan->rest, zeros, MAXALIGN(scan->rest.len) - scan->rest.len);
	place = scan->rest.len;
	appendBinaryStringInfo(&scan->rest, DatumGetPointer(value), (int) size);
	return place;
}

static void
pack_row(GatherScan *scan, TupleTableSlot *slot)
{
	TupleDesc	desc = slot->tts_tupleDescriptor;
	char	   *row = scan->rows + scan->nrows++ * row_size(desc->natts);
	uint8	   *nulls = (uint8 *) (row + desc->natts * sizeof(uint64));
	int			i;

	slot_getallattrs(slot);
	memset(nulls, 0, (desc->natts + 7) / 8);
	for (i = 0; i < desc->natts; i++)
	{
		uint64		value = (uint64) slot->tts_values[i];

		if (slot->tts_isnull[i])
			nulls[i / 8] |= 1 << (i % 8);
		else if (!TupleDescAttr(desc, i)->attbyval)
			value = pack_value(scan, TupleDescAttr(desc, i), slot->tts_values[i]);
		memcpy(row + i * sizeof(uint64), &value, sizeof(value));
	}
}

/* Reads the plan and sends its rows. */
static void
run_worker(GatherScan *scan)
{
	PlanState  *below = outerPlanState(scan);
	ExprContext *econtext = scan->css.ss.ps.ps_ExprContext;
	int			natts = ExecGetResultType(below)->natts;
	bool		wanted = true;

	while (wanted)
	{
		TupleTableSlot *slot = ExecProcNode(below);
		MemoryContext old;

		if (TupIsNull(slot))
			break;
		CHECK_FOR_INTERRUPTS();
		ResetExprContext(econtext);
		old = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
		pack_row(scan, slot);
		MemoryContextSwitchTo(old);
		if (scan->nrows == MESSAGE_ROWS || scan->rest.len > MESSAGE_BYTES)
			wanted = send_rows(scan, natts);
	}
	if (wanted && scan->nrows > 0)
		(void) send_rows(scan, natts);
	shm_mq_detach(scan->queue);
}

/*
 * The leader
 */

/* Hands over the rows of a message. */
static void
unpack_rows(GatherScan *scan, TupleDesc desc, char *message)
{
	const MessageHead *head = (const MessageHead *) message;
	char	   *row = message + sizeof(MessageHead);
	char	   *rest = row + head->nrows * row_size(desc->natts);
	uint32		k;

	for (k = 0; k < head->nrows; k++, row += row_size(desc->natts))
	{
		const uint8 *nullbits = (const uint8 *) (row + desc->natts * sizeof(uint64));
		Datum		values[QUERY_MAX_COLUMNS];
		bool		nulls[QUERY_MAX_COLUMNS];
		int			i;

		for (i = 0; i < desc->natts; i++)
		{
			uint64		value;

			memcpy(&value, row + i * sizeof(uint64), sizeof(value));
			nulls[i] = (nullbits[i / 8] >> (i % 8)) & 1;
			values[i] = TupleDescAttr(desc, i)->attbyval || nulls[i] ? (Datum) value :
				PointerGetDatum(rest + value);
		}
		scan->row(scan->arg, values, nulls);
	}
}

/* Takes what workers have sent; false where all have sent all.  Also says whether there was anything. */
static bool
receive_rows(GatherScan *scan, TupleDesc desc, bool *any)
{
	bool		more = false;
	int			i;

	*any = false;
	for (i = 0; scan->context && i < scan->context->nworkers_launched; i++)
	{
		shm_mq_result result = SHM_MQ_SUCCESS;
		Size		size;
		void	   *message;

		while (scan->queues[i] &&
			   (result = shm_mq_receive(scan->queues[i], &size, &message, true)) == SHM_MQ_SUCCESS)
		{
			*any = true;
			unpack_rows(scan, desc, (char *) message);
		}
		if (result == SHM_MQ_DETACHED)
		{
			shm_mq_detach(scan->queues[i]);
			scan->queues[i] = NULL;
		}
		more = more || scan->queues[i];
	}
	return more;
}

/* Workers are there now: one that dies before it gets at its queue must not be waited for. */
static void
watch_workers(GatherScan *scan)
{
	int			i;

	for (i = 0; scan->context && i < scan->context->nworkers_launched; i++)
		shm_mq_set_handle(scan->queues[i], scan->context->worker[i].bgwhandle);
}

/* Hands over all rows: its own and those that workers send. */
static void
run_leader(GatherScan *scan)
{
	PlanState  *below = outerPlanState(scan);
	TupleDesc	desc = ExecGetResultType(below);
	bool		more = true;	/* of its own */
	bool		any;

	watch_workers(scan);
	while (more)
	{
		int			i;

		CHECK_FOR_INTERRUPTS();
		for (i = 0; more && i < OWN_ROWS; i++)
		{
			TupleTableSlot *slot = ExecProcNode(below);

			more = !TupIsNull(slot);
			if (more)
			{
				slot_getallattrs(slot);
				scan->row(scan->arg, slot->tts_values, slot->tts_isnull);
			}
		}
		(void) receive_rows(scan, desc, &any);
	}
	while (receive_rows(scan, desc, &any))
	{
		if (!any)
		{
			(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, 0, PG_WAIT_EXTENSION);
			ResetLatch(MyLatch);
		}
		CHECK_FOR_INTERRUPTS();
	}
}

static TupleTableSlot *
execute_scan(CustomScanState *node)
{
	GatherScan *scan = (GatherScan *) node;

	if (scan->queue)
		run_worker(scan);
	else
		run_leader(scan);
	return NULL;
}

static void
end_scan(CustomScanState *node)
{
	ExecEndNode(outerPlanState(node));
}

static void
rescan(CustomScanState *node)
{
	elog(ERROR, "rows that were handed over cannot be read again");
}

/*
 * Shared memory: the queues of all workers
 */

static Size
estimate_shared(CustomScanState *node, ParallelContext *context)
{
	return context->nworkers * QUEUE_BYTES;
}

static void
begin_shared(CustomScanState *node, ParallelContext *context, void *shared)
{
	GatherScan *scan = (GatherScan *) node;
	int			i;

	scan->context = context;
	scan->queues = palloc_array(shm_mq_handle *, Max(context->nworkers, 1));
	for (i = 0; i < context->nworkers; i++)
	{
		shm_mq	   *queue = shm_mq_create((char *) shared + i * QUEUE_BYTES, QUEUE_BYTES);

		shm_mq_set_receiver(queue, MyProc);
		scan->queues[i] = shm_mq_attach(queue, context->seg, NULL);
	}
}

static void
begin_shared_again(CustomScanState *node, ParallelContext *context, void *shared)
{
	elog(ERROR, "rows that were handed over cannot be read again");
}

static void
begin_worker(CustomScanState *node, shm_toc *toc, void *shared)
{
	GatherScan *scan = (GatherScan *) node;
	int			natts = ExecGetResultType(outerPlanState(node))->natts;
	shm_mq	   *queue = (shm_mq *) ((char *) shared + ParallelWorkerNumber * QUEUE_BYTES);

	shm_mq_set_sender(queue, MyProc);
	scan->queue = shm_mq_attach(queue, NULL, NULL);
	scan->rows = palloc(MESSAGE_ROWS * row_size(natts));
	initStringInfo(&scan->rest);
}

static const CustomExecMethods exec_methods = {
	.CustomName = SCAN_NAME,
	.BeginCustomScan = begin_scan,
	.ExecCustomScan = execute_scan,
	.EndCustomScan = end_scan,
	.ReScanCustomScan = rescan,
	.EstimateDSMCustomScan = estimate_shared,
	.InitializeDSMCustomScan = begin_shared,
	.ReInitializeDSMCustomScan = begin_shared_again,
	.InitializeWorkerCustomScan = begin_worker
};

static Node *
make_scan_state(CustomScan *plan)
{
	GatherScan *scan = palloc0_object(GatherScan);

	NodeSetTag(scan, T_CustomScanState);
	scan->css.methods = &exec_methods;
	return (Node *) scan;
}

/* To be called when the library is loaded. */
void
gather_load(void)
{
	RegisterCustomScanMethods(&scan_methods);
}
