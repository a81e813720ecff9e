/*-------------------------------------------------------------------------
 *
 * all.c
 *		recommend_all(): the answers of recommend() for a list of users.
 *
 *		users query  ->  rounds of users  ->  blocks, taken by the leader and by
 *		parallel workers  ->  rows, through a queue of each worker  ->  tuplestore
 *
 * What each process does for a user is what recommend() does, so that the rows
 * are the same; what it saves is a call, a round trip and a plan for each user.
 *
 * Workers run in PostgreSQL's parallel mode, with the leader's snapshot, user
 * and settings, and read the histories themselves.  There are none unless the
 * planner holds the queries of the recommender safe to be run by a worker; and
 * as nothing is known of those queries before they are prepared, the leader
 * answers the first users before it looks for help.
 *
 * The settings are those of parallel plans: max_parallel_workers_per_gather and
 * parallel_leader_participation.
 *
 * Rows of a user come together and in order, users in the order in which they
 * are finished.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "port/atomics.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shm_mq.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

#include "recommend/serve.h"

/* Users whose ids are in memory at a time. */
#define ROUND_USERS (1024 * 1024)

/* Users that one process takes on at a time. */
#define BLOCK_USERS 64

/* Users that the leader answers by itself, and that a worker is worth its start for. */
#define ALONE_USERS 512

/* Room for the rows of some blocks. */
#define QUEUE_BYTES (512 * 1024)

/* Where a message ends that would get longer than that. */
#define MESSAGE_BYTES (1024 * 1024)

/* Where the arguments of recommend_all() are, counted from the name's. */
enum
{
	ALL_N = 1,
	ALL_USERS,
	ALL_EXCLUDE,				/* as recommend() has them, up to filter */
	ALL_HALF_LIFE = ALL_EXCLUDE + 4	/* and without context the rest of them */
};

/* Columns that come before those of recommend(). */
#define LEADING_COLUMNS 1

#define KEY_ROUND UINT64CONST(1)
#define KEY_ARGUMENTS UINT64CONST(2)
#define KEY_USERS UINT64CONST(3)
#define KEY_QUEUES UINT64CONST(4)

/* What the processes of a round share; arguments and users are beside it. */
typedef struct Round
{
	Oid			function;		/* recommend_all, in whichever form */
	Oid			user_type;		/* of the users query */
	Oid			user_out;		/* types of the result */
	Oid			item_out;
	uint32		nusers;
	int			first;			/* argument of it that is the name */
	pg_atomic_uint32 next;		/* user that nobody has taken yet */
} Round;

/* One process at work. */
typedef struct Batch
{
	Call		call;			/* of recommend(), less the user */
	MemoryContext cxt;			/* of one user */
	TupleDesc	desc;			/* of the result */
	Oid			user_type;
	IdType		user_out;
	int16		user_typlen;	/* of user_type */
	bool		user_typbyval;
	Datum		user;			/* as the result has it */

	/* the leader's */
	FunctionCallInfo all_fcinfo;	/* of recommend_all() */
	int			all_first;
	MemoryContext users_cxt;
	Datum	   *users;			/* of a round */
	uint32		nusers;
	Size		capacity;
	int			nworkers;		/* to ask for, -1: not known yet */

	/* a worker's: rows that wait to be sent, after a byte that tells if more come */
	StringInfoData message;
	shm_mq_handle *queue;
} Batch;

#define MESSAGE_HEADER MAXIMUM_ALIGNOF

extern PGDLLEXPORT void recsys_recommend_all_main(dsm_segment *segment, shm_toc *toc);

static void
send_message(Batch *batch, bool more)
{
	StringInfo	message = &batch->message;

	message->data[0] = more;
	if (send_to_queue(batch->queue, message->len, message->data) != SHM_MQ_SUCCESS)
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("lost connection to the leader of a parallel operation")));
	message->len = MESSAGE_HEADER;
}

/* A row of recommend(), with the user before it. */
static void
put_row(Call *call, Datum *values, bool *nulls)
{
	Batch	   *batch = (Batch *) call->sink_arg;
	Datum		all_values[LEADING_COLUMNS + NCOLUMNS];
	bool		all_nulls[LEADING_COLUMNS + NCOLUMNS];

	all_values[0] = batch->user;
	all_nulls[0] = false;
	memcpy(all_values + LEADING_COLUMNS, values, NCOLUMNS * sizeof(Datum));
	memcpy(all_nulls + LEADING_COLUMNS, nulls, NCOLUMNS * sizeof(bool));
	if (batch->queue == NULL)
		tuplestore_putvalues(call->rsinfo->setResult, batch->desc, all_values, all_nulls);
	else
	{
		MinimalTuple tuple = form_minimal_tuple(batch->desc, all_values, all_nulls);
		StringInfo	message = &batch->message;

		if ((Size) message->len + tuple->t_len > MESSAGE_BYTES && message->len > MESSAGE_HEADER)
			send_message(batch, true);
		appendBinaryStringInfo(message, (char *) tuple, tuple->t_len);
		appendStringInfoSpaces(message, MAXALIGN(message->len) - message->len);
		heap_free_minimal_tuple(tuple);
	}
}

static void
answer_user(Batch *batch, Datum user)
{
	Call		call = batch->call;
	MemoryContext old;

	CHECK_FOR_INTERRUPTS();
	MemoryContextReset(batch->cxt);
	old = MemoryContextSwitchTo(batch->cxt);
	batch->user = call_id_out(user, batch->user_typlen, &batch->user_out);
	item_table_reset(&call.recommender->table, &call.recommender->item, call.recommender->cxt,
					 batch->cxt);
	call_recommend(&call, user, false, batch->user_type);
	MemoryContextSwitchTo(old);
}

/* Sets up what leader and workers have in common. */
static void
init_batch(Batch *batch, Oid user_type, Oid user_out)
{
	bool		typbyval;

	batch->user_type = user_type;
	get_typlenbyval(user_type, &batch->user_typlen, &typbyval);
	batch->user_typbyval = typbyval;
	idtype_init(&batch->user_out, user_out, InvalidOid);
	batch->cxt = AllocSetContextCreate(CurrentMemoryContext, "recsys recommend user",
									   ALLOCSET_DEFAULT_SIZES);
	batch->call.sink = put_row;
	batch->call.sink_arg = batch;
}

/*
 * The users of a round, in shared memory: Datums, or else places in the data
 * that follows them.
 */
static Size
users_size(const Batch *batch, uint32 first)
{
	Size		size = (Size) (batch->nusers - first) * sizeof(Datum);
	uint32		i;

	if (!batch->user_typbyval)
		for (i = first; i < batch->nusers; i++)
			size = add_size(size, MAXALIGN(datumGetSize(batch->users[i], false,
														batch->user_typlen)));
	return size;
}

static void
store_users(const Batch *batch, uint32 first, Datum *users)
{
	uint32		n = batch->nusers - first;
	char	   *data = (char *) (users + n);
	uint32		i;

	if (batch->user_typbyval)
	{
		memcpy(users, batch->users + first, n * sizeof(Datum));
		return;
	}
	for (i = 0; i < n; i++)
	{
		Datum		user = batch->users[first + i];
		Size		size = datumGetSize(user, false, batch->user_typlen);

		memcpy(data, DatumGetPointer(user), size);
		users[i] = (Datum) (data - (char *) users);
		data += MAXALIGN(size);
	}
}

static Datum
stored_user(const Batch *batch, const Datum *users, uint32 i)
{
	return batch->user_typbyval ? users[i] : PointerGetDatum((const char *) users + users[i]);
}

/* The arguments of recommend_all(), in shared memory. */
static void
get_argument_type(FunctionCallInfo fcinfo, int argument, int16 *typlen, bool *typbyval)
{
	get_typlenbyval(get_fn_expr_argtype(fcinfo->flinfo, argument), typlen, typbyval);
}

static Size
arguments_size(FunctionCallInfo fcinfo)
{
	Size		size = sizeof(int);
	int			i;

	for (i = 0; i < fcinfo->nargs; i++)
	{
		int16		typlen;
		bool		typbyval;

		get_argument_type(fcinfo, i, &typlen, &typbyval);
		size = add_size(size, datumEstimateSpace(fcinfo->args[i].value, fcinfo->args[i].isnull,
												 typbyval, typlen));
	}
	return size;
}

static void
store_arguments(FunctionCallInfo fcinfo, char *start)
{
	int			i;

	memcpy(start, &fcinfo->nargs, sizeof(fcinfo->nargs));
	start += sizeof(int);
	for (i = 0; i < fcinfo->nargs; i++)
	{
		int16		typlen;
		bool		typbyval;

		get_argument_type(fcinfo, i, &typlen, &typbyval);
		datumSerialize(fcinfo->args[i].value, fcinfo->args[i].isnull, typbyval, typlen, &start);
	}
}

static void
restore_arguments(FunctionCallInfo fcinfo, char *start)
{
	short		nargs;
	int			i;

	memcpy(&nargs, start, sizeof(nargs));
	start += sizeof(int);
	fcinfo->nargs = nargs;
	for (i = 0; i < nargs; i++)
		fcinfo->args[i].value = datumRestore(&start, &fcinfo->args[i].isnull);
}

/*
 * The call of recommend() that a call of recommend_all() stands for; its
 * arguments begin with the name and have no user.
 */
static FunctionCallInfo
make_recommend_call(FunctionCallInfo fcinfo, int first)
{
	FunctionCallInfo result = palloc0(SizeForFunctionCallInfo(FUNC_MAX_ARGS));
	int			i;

	InitFunctionCallInfoData(*result, fcinfo->flinfo, 0, fcinfo->fncollation, NULL, NULL);
	for (i = 0; i < FUNC_MAX_ARGS; i++)
		result->args[i].isnull = true;
	result->args[0] = fcinfo->args[first];
	result->args[ARG_N] = fcinfo->args[first + ALL_N];
	for (i = ALL_EXCLUDE; i < ALL_HALF_LIFE; i++)
		result->args[ARG_EXCLUDE + i - ALL_EXCLUDE] = fcinfo->args[first + i];
	for (i = ALL_HALF_LIFE; first + i < fcinfo->nargs; i++)
		result->args[ARG_HALF_LIFE + i - ALL_HALF_LIFE] = fcinfo->args[first + i];
	result->nargs = ARG_HALF_LIFE + i - ALL_HALF_LIFE;
	return result;
}

/* Takes the next block of users and answers them; false where there is none. */
static bool
answer_block(Batch *batch, Round *round, const Datum *users)
{
	uint32		first = pg_atomic_fetch_add_u32(&round->next, BLOCK_USERS);
	uint32		i;

	if (first >= round->nusers)
		return false;
	for (i = first; i < Min(first + BLOCK_USERS, round->nusers); i++)
		answer_user(batch, stored_user(batch, users, i));
	if (batch->queue)
		send_message(batch, false);
	return true;
}

/* A worker: attaches what the leader has laid out and takes blocks until there are none. */
void
recsys_recommend_all_main(dsm_segment *segment, shm_toc *toc)
{
	LOCAL_FCINFO(fcinfo, FUNC_MAX_ARGS);
	Round	   *round = shm_toc_lookup(toc, KEY_ROUND, false);
	const Datum *users = shm_toc_lookup(toc, KEY_USERS, false);
	char	   *queues = shm_toc_lookup(toc, KEY_QUEUES, false);
	shm_mq	   *queue = (shm_mq *) (queues + (Size) ParallelWorkerNumber * QUEUE_BYTES);
	Batch	   *batch = palloc0_object(Batch);
	FmgrInfo	flinfo;
	TupleDesc	desc;
	int			first;

	shm_mq_set_sender(queue, MyProc);
	batch->queue = shm_mq_attach(queue, segment, NULL);
	initStringInfo(&batch->message);
	appendStringInfoSpaces(&batch->message, MESSAGE_HEADER);

	fmgr_info(round->function, &flinfo);
	InitFunctionCallInfoData(*fcinfo, &flinfo, 0, InvalidOid, NULL, NULL);
	restore_arguments(fcinfo, shm_toc_lookup(toc, KEY_ARGUMENTS, false));

	/* only what rows are laid out by has to be right */
	desc = CreateTemplateTupleDesc(LEADING_COLUMNS + NCOLUMNS);
	TupleDescInitEntry(desc, 1, "user", round->user_out, -1, 0);
	TupleDescInitEntry(desc, LEADING_COLUMNS + COLUMN_ITEM + 1, "item", round->item_out, -1, 0);
	TupleDescInitEntry(desc, LEADING_COLUMNS + COLUMN_SCORE + 1, "score", FLOAT8OID, -1, 0);
	TupleDescInitEntry(desc, LEADING_COLUMNS + COLUMN_SOURCE + 1, "source", TEXTOID, -1, 0);
	TupleDescInitEntry(desc, LEADING_COLUMNS + COLUMN_BECAUSE + 1, "because",
					   get_array_type(round->item_out), -1, 0);
	TupleDescInitEntry(desc, LEADING_COLUMNS + COLUMN_CONTRIBUTIONS + 1, "contributions",
					   FLOAT8ARRAYOID, -1, 0);
	batch->desc = desc;

	init_batch(batch, round->user_type, round->user_out);
	first = round->first;
	batch->call.fcinfo = make_recommend_call(fcinfo, first);
	batch->call.recommender = recommender_acquire(fcinfo, DatumGetTextPP(fcinfo->args[first].value));
	idtype_init(&batch->call.out, round->item_out, InvalidOid);
	while (answer_block(batch, round, users))
		;
	recommender_release(batch->call.recommender);
	shm_mq_detach(batch->queue);
}

/* Adds the rows of a message, and of those that belong to it, to the result. */
static void
take_message(Batch *batch, shm_mq_handle *queue, Size size, void *data, TupleTableSlot *slot)
{
	for (;;)
	{
		bool		more = *(char *) data;
		Size		at = MESSAGE_HEADER;

		while (at < size)
		{
			MinimalTuple tuple = (MinimalTuple) ((char *) data + at);

			ExecStoreMinimalTuple(tuple, slot, false);
			tuplestore_puttupleslot(batch->call.rsinfo->setResult, slot);
			at += MAXALIGN(tuple->t_len);
		}
		ExecClearTuple(slot);
		if (!more)
			return;
		if (shm_mq_receive(queue, &size, &data, false) != SHM_MQ_SUCCESS)
			ereport(ERROR,
					(errcode(ERRCODE_CONNECTION_FAILURE),
					 errmsg("lost connection to parallel worker")));
	}
}

/* Takes in what workers send, and works in between, until they are all done. */
static void
lead(Batch *batch, Round *round, const Datum *users, shm_mq_handle **queues, int nqueues)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(batch->desc, &TTSOpsMinimalTuple);
	int			live = nqueues;

	for (;;)
	{
		bool		taken = false;
		int			i;

		CHECK_FOR_INTERRUPTS();
		for (i = 0; i < nqueues; i++)
		{
			Size		size;
			void	   *data;
			shm_mq_result result;

			if (queues[i] == NULL)
				continue;
			result = shm_mq_receive(queues[i], &size, &data, true);
			if (result == SHM_MQ_SUCCESS)
			{
				take_message(batch, queues[i], size, data, slot);
				taken = true;
			}
			else if (result == SHM_MQ_DETACHED)
			{
				queues[i] = NULL;
				live--;
			}
		}
		if (taken)
			continue;
		if ((parallel_leader_participation || live == 0) && answer_block(batch, round, users))
			continue;
		if (live == 0)
			break;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, -1, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* Answers the users of a round from a number on, with workers. */
static void
answer_parallel(Batch *batch, FunctionCallInfo fcinfo, uint32 start)
{
	ParallelContext *context;
	shm_mq_handle **queues;
	Size		nusers_size = users_size(batch, start);
	Size		nargs_size = arguments_size(fcinfo);
	Round	   *round;
	Datum	   *users;
	char	   *area;
	int			i;

	EnterParallelMode();
	context = CreateParallelContext("recsys", "recsys_recommend_all_main", batch->nworkers);
	shm_toc_estimate_chunk(&context->estimator, sizeof(Round));
	shm_toc_estimate_chunk(&context->estimator, nargs_size);
	shm_toc_estimate_chunk(&context->estimator, nusers_size);
	shm_toc_estimate_chunk(&context->estimator, mul_size(batch->nworkers, QUEUE_BYTES));
	shm_toc_estimate_keys(&context->estimator, 4);
	InitializeParallelDSM(context);

	round = shm_toc_allocate(context->toc, sizeof(Round));
	round->function = fcinfo->flinfo->fn_oid;
	round->first = batch->all_first;
	round->user_type = batch->user_type;
	round->user_out = batch->user_out.type;
	round->item_out = batch->call.out.type;
	round->nusers = batch->nusers - start;
	pg_atomic_init_u32(&round->next, 0);
	shm_toc_insert(context->toc, KEY_ROUND, round);
	area = shm_toc_allocate(context->toc, nargs_size);
	store_arguments(fcinfo, area);
	shm_toc_insert(context->toc, KEY_ARGUMENTS, area);
	users = shm_toc_allocate(context->toc, nusers_size);
	store_users(batch, start, users);
	shm_toc_insert(context->toc, KEY_USERS, users);
	area = shm_toc_allocate(context->toc, mul_size(batch->nworkers, QUEUE_BYTES));
	queues = palloc_array(shm_mq_handle *, batch->nworkers);
	for (i = 0; i < context->nworkers; i++)
	{
		shm_mq	   *queue = shm_mq_create(area + (Size) i * QUEUE_BYTES, QUEUE_BYTES);

		shm_mq_set_receiver(queue, MyProc);
		queues[i] = shm_mq_attach(queue, context->seg, NULL);
	}
	shm_toc_insert(context->toc, KEY_QUEUES, area);

	LaunchParallelWorkers(context);
	for (i = 0; i < context->nworkers_launched; i++)
		shm_mq_set_handle(queues[i], context->worker[i].bgwhandle);
	lead(batch, round, users, queues, context->nworkers_launched);
	WaitForParallelWorkersToFinish(context);
	DestroyParallelContext(context);
	ExitParallelMode();
	pfree(queues);
}

/* How many workers to ask for, now that the queries have been prepared. */
static int
count_workers(const Batch *batch)
{
	Recommender *recommender = batch->call.recommender;

	if (max_parallel_workers_per_gather == 0 || IsParallelWorker() || !IsUnderPostmaster ||
		!query_is_parallel_safe(recommender->history) || !eligible_is_parallel_safe(recommender) ||
		!ladder_is_parallel_safe(recommender, batch->user_type))
		return 0;
	return Min(max_parallel_workers_per_gather, max_parallel_workers);
}

/* Answers the users that have been collected, and forgets them. */
static void
finish_round(Batch *batch)
{
	uint32		i = 0;

	while (i < batch->nusers)
	{
		if (batch->nworkers < 0 && i == ALONE_USERS)
			batch->nworkers = count_workers(batch);
		if (batch->nworkers > 0 && batch->nusers - i > ALONE_USERS)
		{
			answer_parallel(batch, batch->all_fcinfo, i);
			break;
		}
		answer_user(batch, batch->users[i++]);
	}
	batch->nusers = 0;
	MemoryContextReset(batch->users_cxt);
}

/* A row of the users query. */
static void
take_user(void *arg, const Datum *values, const bool *nulls)
{
	Batch	   *batch = (Batch *) arg;
	MemoryContext old;
	Datum		user = values[0];

	if (nulls[0])
		return;
	if (batch->nusers == ROUND_USERS)
		finish_round(batch);
	old = MemoryContextSwitchTo(batch->users_cxt);
	if (batch->user_typlen == -1)
		user = PointerGetDatum(PG_DETOAST_DATUM_COPY(user));
	else
		user = datumCopy(user, batch->user_typbyval, batch->user_typlen);
	MemoryContextSwitchTo(old);
	if (batch->nusers == batch->capacity)
	{
		batch->capacity *= 2;
		batch->users = repalloc_huge(batch->users, batch->capacity * sizeof(Datum));
	}
	batch->users[batch->nusers++] = user;
}

/* The users query as it was given, or else all users of the recommender, each once. */
static UserQuery *
prepare_users(Call *call)
{
	FunctionCallInfo fcinfo = call->fcinfo;
	QueryColumn column = {"user", InvalidOid, false, .query = "users"};
	char	   *query;

	if (PG_ARGISNULL(call->first + ALL_USERS))
		query = psprintf("SELECT DISTINCT q.c1 FROM (%s) AS q(c1)", call->recommender->query);
	else
		query = text_to_cstring(PG_GETARG_TEXT_PP(call->first + ALL_USERS));
	return query_prepare(query, &column, 1, 0, NULL);
}

/* The type of users in the result has to be theirs, or a wider integer. */
static void
check_user_type(Call *call, Oid user_type, Oid user_out)
{
	if (call_id_fits(user_type, user_out))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("users are of type %s, not %s", format_type_be(user_type),
					format_type_be(user_out)),
			 errhint("Give values of the types of users and items as the first arguments: %s(NULL::%s, NULL::%s, ...).",
					 get_func_name(call->fcinfo->flinfo->fn_oid), format_type_be(user_type),
					 format_type_be(call->recommender->item.type))));
}

static void
recommend_all(Call *call)
{
	Batch	   *batch = palloc0_object(Batch);
	UserQuery  *users;
	Oid			user_out;

	batch->call = *call;
	batch->desc = call->rsinfo->setDesc;
	batch->nworkers = -1;
	batch->all_fcinfo = call->fcinfo;
	batch->all_first = call->first;
	batch->call.fcinfo = make_recommend_call(call->fcinfo, call->first);
	batch->call.first = 0;
	user_out = getBaseType(TupleDescAttr(batch->desc, 0)->atttypid);

	batch->users_cxt = AllocSetContextCreate(CurrentMemoryContext, "recsys users",
											 ALLOCSET_DEFAULT_SIZES);
	batch->capacity = 1024;
	batch->users = palloc_array(Datum, batch->capacity);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	users = prepare_users(call);
	check_user_type(call, query_column_type(users, 0), user_out);
	init_batch(batch, query_column_type(users, 0), user_out);
	query_run(users, NULL, NULL, take_user, batch);
	finish_round(batch);
	SPI_finish();
}

/* recommend_all(name text, n integer, users text, ...) */
RECSYS_FUNCTION(recsys_recommend_all);
Datum
recsys_recommend_all(PG_FUNCTION_ARGS)
{
	return call_run(fcinfo, 0, LEADING_COLUMNS, recommend_all);
}

/* recommend_all(user witness, item witness, name text, n integer, users text, ...) */
RECSYS_FUNCTION(recsys_recommend_all_typed);
Datum
recsys_recommend_all_typed(PG_FUNCTION_ARGS)
{
	return call_run(fcinfo, 2, LEADING_COLUMNS, recommend_all);
}
