/*-------------------------------------------------------------------------
 *
 * lookup.c
 *		Single ids of an audience: membership, order, members, estimates.
 *
 * Membership is asked once a row, mostly of one audience: the value is
 * detoasted once and kept with the call site.  Where each row has an audience
 * of its own, only the pieces that a look-up touches are fetched.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"

#include "audience/audience.h"

/* Finds the container that would hold id; false if there is none. */
static bool
find_container(const Audience *audience, int64 id, Container *c)
{
	AudienceCursor cursor;

	cursor_start(&cursor, audience);
	cursor_seek(&cursor, id_key(id));
	if (cursor.done || cursor.key != id_key(id))
		return false;
	*c = cursor.c;
	return true;
}

bool
audience_has(const Audience *audience, int64 id)
{
	Container	c;

	return find_container(audience, id, &c) && container_contains(&c, id_place(id));
}

/* ---- membership, from pieces ---- */

/* Bytes [at, at + size) of a stored audience, counted from its start. */
static const unsigned char *
fetch(Datum value, Size at, Size size)
{
	struct varlena *slice = PG_DETOAST_DATUM_SLICE(value, at - VARHDRSZ, size);

	if (VARSIZE_ANY_EXHDR(slice) < size)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("stored audience is shorter than it says")));
	return (unsigned char *) VARDATA_ANY(slice);
}

/*
 * Membership in an audience out of line: the header, the keys and one
 * container are fetched.  That is done for a single bucket, which is where
 * audiences are large; any other is read whole.
 */
static bool
stored_contains_id(Datum value, int64 id)
{
	Size		total = toast_raw_datum_size(value);
	Size		stream = offsetof(Audience, offsets) + sizeof(uint32);
	Size		start = stream + 8 + 4;
	const unsigned char *head;
	Audience	fixed;
	Bucket		bucket;
	Container	c;
	uint32		i;
	uint32		at;
	uint32		end;

	if (total < start + 8)
		return audience_has((Audience *) PG_DETOAST_DATUM(value), id);
	head = fetch(value, VARHDRSZ, start + 8 - VARHDRSZ);
	memcpy((char *) &fixed + VARHDRSZ, head, offsetof(Audience, offsets) - VARHDRSZ);
	if (fixed.nbuckets != 1)
		return audience_has((Audience *) PG_DETOAST_DATUM(value), id);
	if (get32(head + start - 4 - VARHDRSZ) != id_key(id) >> 16)
		return false;

	/* the head of the bucket: its size follows from its first 8 bytes */
	bucket_open(&bucket, 0, head + start - VARHDRSZ);
	if (bucket.offsets == NULL)
		return audience_has((Audience *) PG_DETOAST_DATUM(value), id);
	bucket_open(&bucket, 0, fetch(value, start, bucket.data - bucket.start));
	i = bucket_search(&bucket, 0, (uint32) (id_key(id) & 0xFFFF));
	if (i == bucket.n || get16(bucket.keys + 4 * i) != (id_key(id) & 0xFFFF))
		return false;
	at = get32(bucket.offsets + 4 * i);
	end = i + 1 < bucket.n ? get32(bucket.offsets + 4 * (i + 1)) : (uint32) (total - start);
	bucket_container(&bucket, i, fetch(value, start + at, end - at), &c);
	return container_contains(&c, id_place(id));
}

/* ---- membership, once a row ---- */

/* Kept with the call site. */
typedef struct KeptAudience
{
	bool		constant;		/* the argument never changes */
	bool		filled;
	Oid			toastrelid;		/* where the kept value is from */
	Oid			valueid;
	Audience   *audience;
	bool		found;			/* c is the container of key, the last one asked for */
	uint64		key;
	Container	c;
} KeptAudience;

/*
 * Whether argument n is a constant of the query.  A parameter does not count: in
 * PL/pgSQL it changes between calls from the same expression; nor does an
 * array of which ANY takes one element after the other.
 */
static bool
is_constant(FunctionCallInfo fcinfo, int n)
{
	Node	   *call = fcinfo->flinfo->fn_expr;
	List	   *args = NIL;

	if (call != NULL && IsA(call, OpExpr))
		args = ((OpExpr *) call)->args;
	else if (call != NULL && IsA(call, FuncExpr))
		args = ((FuncExpr *) call)->args;
	return n < list_length(args) && IsA(list_nth(args, n), Const);
}

/*
 * The audience in argument n, or NULL where it is out of line and may be
 * another in each row.  A value out of line that comes twice in a row is kept.
 */
static Audience *
keep_argument(FunctionCallInfo fcinfo, int n)
{
	KeptAudience *kept = fcinfo->flinfo->fn_extra;
	struct varlena *value = (struct varlena *) PG_GETARG_POINTER(n);
	struct varatt_external pointer;
	bool		ondisk = VARATT_IS_EXTERNAL_ONDISK(value);

	if (kept == NULL)
	{
		kept = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(KeptAudience));
		kept->constant = is_constant(fcinfo, n);
		fcinfo->flinfo->fn_extra = kept;
	}
	if (kept->constant && kept->audience != NULL)
		return kept->audience;
	if (!ondisk && !kept->constant)
		return (Audience *) PG_DETOAST_DATUM(PointerGetDatum(value));

	memset(&pointer, 0, sizeof(pointer));
	if (ondisk)
		VARATT_EXTERNAL_GET_POINTER(pointer, value);
	if (kept->filled && kept->toastrelid == pointer.va_toastrelid &&
		kept->valueid == pointer.va_valueid)
	{
		if (kept->audience != NULL)
			return kept->audience;
	}
	else
	{
		if (kept->audience != NULL)
			pfree(kept->audience);
		kept->audience = NULL;
		kept->filled = true;
		kept->toastrelid = pointer.va_toastrelid;
		kept->valueid = pointer.va_valueid;
		if (!kept->constant)
			return NULL;
	}
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		kept->found = false;
		kept->audience = (Audience *) PG_DETOAST_DATUM_COPY(PointerGetDatum(value));
		MemoryContextSwitchTo(old);
	}
	return kept->audience;
}

static Datum
contains(FunctionCallInfo fcinfo, int naudience, int64 id)
{
	Audience   *audience = keep_argument(fcinfo, naudience);
	KeptAudience *kept = fcinfo->flinfo->fn_extra;

	if (audience == NULL)
		PG_RETURN_BOOL(stored_contains_id(PG_GETARG_DATUM(naudience), id));
	if (audience != kept->audience)
		PG_RETURN_BOOL(audience_has(audience, id));
	/* ids that come in order mostly ask the same container */
	if (!kept->found || kept->key != id_key(id))
	{
		kept->found = true;
		kept->key = id_key(id);
		if (!find_container(audience, id, &kept->c))
			kept->c.card = 0;
	}
	PG_RETURN_BOOL(kept->c.card > 0 && container_contains(&kept->c, id_place(id)));
}

RECSYS_FUNCTION(recsys_audience_contains_id);
Datum
recsys_audience_contains_id(PG_FUNCTION_ARGS)
{
	return contains(fcinfo, 0, PG_GETARG_INT64(1));
}

RECSYS_FUNCTION(recsys_audience_id_contained);
Datum
recsys_audience_id_contained(PG_FUNCTION_ARGS)
{
	return contains(fcinfo, 1, PG_GETARG_INT64(0));
}

/* Integer columns are asked as they are, without a cast in each row. */
RECSYS_FUNCTION(recsys_audience_contains_int4);
Datum
recsys_audience_contains_int4(PG_FUNCTION_ARGS)
{
	return contains(fcinfo, 0, PG_GETARG_INT32(1));
}

RECSYS_FUNCTION(recsys_audience_int4_contained);
Datum
recsys_audience_int4_contained(PG_FUNCTION_ARGS)
{
	return contains(fcinfo, 1, PG_GETARG_INT32(0));
}

/* ---- order ---- */

/* cardinality(audience): reads the first bytes of the value only. */
RECSYS_FUNCTION(recsys_audience_cardinality);
Datum
recsys_audience_cardinality(PG_FUNCTION_ARGS)
{
	Audience	fixed;

	memcpy((char *) &fixed + VARHDRSZ,
		   fetch(PG_GETARG_DATUM(0), VARHDRSZ, offsetof(Audience, nbuckets) - VARHDRSZ),
		   offsetof(Audience, nbuckets) - VARHDRSZ);
	PG_RETURN_INT64((int64) fixed.cardinality);
}

/* The n-th id in ascending order, n counted from 0 and below the cardinality. */
int64
audience_nth_id(const Audience *audience, uint64 n)
{
	AudienceCursor cursor;

	for (cursor_start_ordered(&cursor, audience); !cursor.done; cursor_next(&cursor))
	{
		if (n < cursor.c.card)
			return make_id(cursor.key, container_nth(&cursor.c, (uint32) n));
		n -= cursor.c.card;
	}
	elog(ERROR, "audience has fewer ids than its cardinality says");
	return 0;
}

/* audience_min(audience): NULL if empty. */
RECSYS_FUNCTION(recsys_audience_min);
Datum
recsys_audience_min(PG_FUNCTION_ARGS)
{
	Audience   *audience = PG_GETARG_AUDIENCE(0);

	if (audience->cardinality == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(audience_nth_id(audience, 0));
}

/* audience_max(audience): NULL if empty. */
RECSYS_FUNCTION(recsys_audience_max);
Datum
recsys_audience_max(PG_FUNCTION_ARGS)
{
	Audience   *audience = PG_GETARG_AUDIENCE(0);

	if (audience->cardinality == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(audience_nth_id(audience, audience->cardinality - 1));
}

/* audience_nth(audience, n): n from 1, or from -1 backwards; NULL beyond the ends. */
RECSYS_FUNCTION(recsys_audience_nth);
Datum
recsys_audience_nth(PG_FUNCTION_ARGS)
{
	Audience   *audience = PG_GETARG_AUDIENCE(0);
	int64		n = PG_GETARG_INT64(1);
	uint64		card = audience->cardinality;

	if (n > 0 && (uint64) n <= card)
		PG_RETURN_INT64(audience_nth_id(audience, (uint64) n - 1));
	if (n < 0 && 0 - (uint64) n <= card)
		PG_RETURN_INT64(audience_nth_id(audience, card + (uint64) n));
	PG_RETURN_NULL();
}

/* Number of ids at or below one. */
static uint64
rank_id(const Audience *audience, int64 id)
{
	AudienceCursor cursor;
	uint64		rank = 0;

	for (cursor_start_ordered(&cursor, audience); !cursor.done; cursor_next(&cursor))
	{
		if (make_id(cursor.key, 0xFFFF) <= id)
		{
			rank += cursor.c.card;
			continue;
		}
		if (make_id(cursor.key, 0) <= id)
			rank += container_rank(&cursor.c, id_place(id));
		break;
	}
	return rank;
}

/* audience_rank(audience, id): how many ids are <= id. */
RECSYS_FUNCTION(recsys_audience_rank);
Datum
recsys_audience_rank(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) rank_id(PG_GETARG_AUDIENCE(0), PG_GETARG_INT64(1)));
}

/* audience_slice(audience, first, last): its ids from first to last, NULL: no limit. */
RECSYS_FUNCTION(recsys_audience_slice);
Datum
recsys_audience_slice(PG_FUNCTION_ARGS)
{
	int64		first = PG_ARGISNULL(1) ? PG_INT64_MIN : PG_GETARG_INT64(1);
	int64		last = PG_ARGISNULL(2) ? PG_INT64_MAX : PG_GETARG_INT64(2);

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_AUDIENCE(audience_between(PG_GETARG_AUDIENCE(0), first, last));
}

/* ---- members ---- */

typedef struct Members
{
	AudienceCursor cursor;
	uint16		places[CONTAINER_IDS];	/* of the current container */
	uint32		n;
	uint32		i;
	uint64		left;			/* ids still to return */
} Members;

static void
members_load(Members *members)
{
	members->i = 0;
	members->n = members->cursor.done ? 0 :
		container_places(&members->cursor.c, members->places);
}

/*
 * audience_members(audience, after, n): ids ascending, those greater than after, at
 * most n; NULL: from the first, all.
 */
RECSYS_FUNCTION(recsys_audience_members);
Datum
recsys_audience_members(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	Members    *members;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		AudienceCursor *cursor;

		call = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		members = palloc0_object(Members);
		call->user_fctx = members;
		if (!PG_ARGISNULL(2) && PG_GETARG_INT64(2) < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("n must not be negative")));
		members->left = PG_ARGISNULL(2) ? PG_UINT64_MAX : (uint64) PG_GETARG_INT64(2);
		if (PG_ARGISNULL(0))
			members->left = 0;
		if (members->left > 0)
		{
			cursor = &members->cursor;
			cursor_start_ordered(cursor, (Audience *) PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(0)));
			if (!PG_ARGISNULL(1))
			{
				int64		after = PG_GETARG_INT64(1);

				while (!cursor->done && make_id(cursor->key, 0xFFFF) <= after)
					cursor_next(cursor);
				members_load(members);
				while (members->i < members->n &&
					   make_id(cursor->key, members->places[members->i]) <= after)
					members->i++;
			}
			else
				members_load(members);
		}
		MemoryContextSwitchTo(old);
	}

	call = SRF_PERCALL_SETUP();
	members = call->user_fctx;
	while (members->left > 0 && members->i == members->n && !members->cursor.done)
	{
		CHECK_FOR_INTERRUPTS();
		cursor_next(&members->cursor);
		members_load(members);
	}
	if (members->left == 0 || members->cursor.done)
		SRF_RETURN_DONE(call);
	members->left--;
	SRF_RETURN_NEXT(call, Int64GetDatum(make_id(members->cursor.key,
												members->places[members->i++])));
}

/* ---- estimates ---- */

/* The audience of a constant expression, or NULL. */
static Audience *
constant_audience(PlannerInfo *root, Node *node)
{
	node = estimate_expression_value(root, node);
	if (!IsA(node, Const) || ((Const *) node)->constisnull)
		return NULL;
	return (Audience *) PG_DETOAST_DATUM(((Const *) node)->constvalue);
}

/* Planner support of audience_members(): number of rows. */
RECSYS_FUNCTION(recsys_audience_members_support);
Datum
recsys_audience_members_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestRows))
	{
		SupportRequestRows *rows = (SupportRequestRows *) request;

		if (is_funcclause(rows->node))
		{
			List	   *args = ((FuncExpr *) rows->node)->args;
			Audience   *audience = constant_audience(rows->root, linitial(args));
			Node	   *n = estimate_expression_value(rows->root, lthird(args));

			if (audience != NULL)
			{
				rows->rows = (double) audience->cardinality;
				if (IsA(n, Const) && !((Const *) n)->constisnull)
					rows->rows = Min(rows->rows,
									 (double) DatumGetInt64(((Const *) n)->constvalue));
				PG_RETURN_POINTER(rows);
			}
		}
	}
	PG_RETURN_POINTER(NULL);
}

/* The argument of an implicit cast, such as that of an integer column to bigint. */
static Node *
strip_cast(Node *node)
{
	if (IsA(node, FuncExpr) && ((FuncExpr *) node)->funcformat == COERCE_IMPLICIT_CAST &&
		list_length(((FuncExpr *) node)->args) == 1)
		return linitial(((FuncExpr *) node)->args);
	return node;
}

/* Is an operator one of ours, so that one side of it is an audience? */
static bool
is_membership(Oid operator)
{
	FmgrInfo	info;

	fmgr_info(get_opcode(operator), &info);
	return info.fn_addr == recsys_audience_contains_id ||
		info.fn_addr == recsys_audience_id_contained ||
		info.fn_addr == recsys_audience_contains_int4 ||
		info.fn_addr == recsys_audience_int4_contained;
}

/*
 * Restriction estimator of id <@ audience and audience @> id.  With a constant
 * audience: its share of the distinct ids of the column, which is exact where the
 * audience is made of that column.  Otherwise one in a hundred.  Anybody may name
 * it in an operator of his own, whose arguments are something else.
 */
RECSYS_FUNCTION(recsys_audience_id_sel);
Datum
recsys_audience_id_sel(PG_FUNCTION_ARGS)
{
	PlannerInfo *root = (PlannerInfo *) PG_GETARG_POINTER(0);
	List	   *args = (List *) PG_GETARG_POINTER(2);
	int			varRelid = PG_GETARG_INT32(3);
	VariableStatData vardata;
	Node	   *other;
	bool		varonleft;
	double		selec = 0.01;

	if (list_length(args) != 2 || !is_membership(PG_GETARG_OID(1)))
		PG_RETURN_FLOAT8(selec);
	args = list_make2(strip_cast(linitial(args)), strip_cast(lsecond(args)));
	if (!get_restriction_variable(root, args, varRelid, &vardata, &other, &varonleft))
		PG_RETURN_FLOAT8(selec);
	/* the column is the id, not the audience */
	if (vardata.vartype == INT8OID || vardata.vartype == INT4OID || vardata.vartype == INT2OID)
	{
		Audience   *audience = constant_audience(root, other);

		if (audience != NULL)
		{
			bool		isdefault;
			double		ndistinct = get_variable_numdistinct(&vardata, &isdefault);
			double		nulls = 0;

			if (HeapTupleIsValid(vardata.statsTuple))
				nulls = ((Form_pg_statistic) GETSTRUCT(vardata.statsTuple))->stanullfrac;
			if (audience->cardinality == 0)
				selec = 0;
			else if (!isdefault && ndistinct > 0)
				selec = (double) audience->cardinality / ndistinct * (1 - nulls);
		}
	}
	ReleaseVariableStats(vardata);
	CLAMP_PROBABILITY(selec);
	PG_RETURN_FLOAT8(selec);
}
