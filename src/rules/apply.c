/*-------------------------------------------------------------------------
 *
 * apply.c
 *		rules_apply(): what stored rules recommend for a basket.
 *
 * A rule applies where the basket has all of its left side.  Each item of its
 * right side that the basket has not is recommended, with the score of the
 * best rule that does so.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

#include "core/iddict.h"
#include "core/options.h"
#include "core/query.h"

/* An item that is recommended. */
typedef struct Candidate
{
	double		score;
	ArrayType  *because;		/* left side of the rule */
	int			length;			/* of that */
	uint32		rank;
} Candidate;

typedef struct Application
{
	MemoryContext cxt;
	Oid			type;			/* of items */
	IdDict	   *basket;
	IdDict	   *items;			/* recommended so far: numbers are those of candidates */
	Candidate  *candidates;
	uint32		capacity;
} Application;

static int
unpack(Application *application, ArrayType *array, Datum **values, bool **nulls)
{
	int16		typlen;
	bool		typbyval;
	char		typalign;
	int			n;

	get_typlenbyvalalign(application->type, &typlen, &typbyval, &typalign);
	deconstruct_array(array, application->type, typlen, typbyval, typalign, values, nulls, &n);
	return n;
}

/* Of rules with the same score the more specific one is shown, then the first. */
static bool
is_better(const Candidate *candidate, double score, int length, ArrayType *lhs)
{
	if (candidate->score != score)
		return score > candidate->score;
	if (candidate->length != length)
		return length > candidate->length;
	return DatumGetInt32(OidFunctionCall2Coll(F_BTARRAYCMP, C_COLLATION_OID,
											  PointerGetDatum(lhs),
											  PointerGetDatum(candidate->because))) < 0;
}

static void
recommend(Application *application, Datum item, double score, ArrayType *lhs, int length)
{
	uint32		known = iddict_count(application->items);
	uint32		id = iddict_put(application->items, item);
	Candidate  *candidate;

	if (id == application->capacity)
	{
		application->capacity *= 2;
		application->candidates = repalloc_huge(application->candidates,
												application->capacity * sizeof(Candidate));
	}
	candidate = &application->candidates[id];
	if (id < known)
	{
		if (!is_better(candidate, score, length, lhs))
			return;
		pfree(candidate->because);
	}
	candidate->score = score;
	candidate->length = length;
	candidate->because = (ArrayType *) MemoryContextAlloc(application->cxt, VARSIZE(lhs));
	memcpy(candidate->because, lhs, VARSIZE(lhs));
}

/* A rule: (lhs, rhs, score) */
static void
apply_rule(void *arg, const Datum *values, const bool *nulls)
{
	Application *application = arg;
	ArrayType  *lhs;
	Datum	   *items;
	bool	   *item_nulls;
	double		score;
	int			length;
	int			n;
	int			i;

	if (nulls[0] || nulls[1] || nulls[2])
		return;
	score = DatumGetFloat8(values[2]);
	if (isnan(score))
		return;
	lhs = DatumGetArrayTypeP(values[0]);
	length = unpack(application, lhs, &items, &item_nulls);
	for (i = 0; i < length; i++)
		if (item_nulls[i] || iddict_find(application->basket, items[i]) == IDDICT_NOT_FOUND)
			break;
	if (i == length)
	{
		n = unpack(application, DatumGetArrayTypeP(values[1]), &items, &item_nulls);
		for (i = 0; i < n; i++)
			if (!item_nulls[i] && iddict_find(application->basket, items[i]) == IDDICT_NOT_FOUND)
				recommend(application, items[i], score, lhs, length);
	}
}

static int
compare_candidates(const void *a, const void *b, void *arg)
{
	const Candidate *candidates = arg;
	const Candidate *x = &candidates[*(const uint32 *) a];
	const Candidate *y = &candidates[*(const uint32 *) b];

	CHECK_FOR_INTERRUPTS();
	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return (x->rank > y->rank) - (x->rank < y->rank);
}

static void
output_candidates(Application *application, ReturnSetInfo *rsinfo, int limit)
{
	uint32		n = iddict_count(application->items);
	uint32	   *rank = iddict_sort(application->items);
	uint32	   *order = palloc_array(uint32, Max(n, 1));
	uint32		i;

	for (i = 0; i < n; i++)
	{
		order[i] = i;
		application->candidates[i].rank = rank[i];
	}
	qsort_arg(order, n, sizeof(uint32), compare_candidates, application->candidates);
	for (i = 0; i < Min(n, (uint32) limit); i++)
	{
		Candidate  *candidate = &application->candidates[order[i]];
		Datum		values[3];
		bool		nulls[3] = {false, false, false};

		CHECK_FOR_INTERRUPTS();
		values[0] = iddict_value(application->items, order[i]);
		values[1] = Float8GetDatum(candidate->score);
		values[2] = PointerGetDatum(candidate->because);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

/* rules_apply(rules text, basket bigint[] or text[], n integer) */
RECSYS_FUNCTION(recsys_rules_apply);
Datum
recsys_rules_apply(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo;
	Application application;
	ArrayType  *basket;
	QueryColumn columns[3] = {
		{"lhs", InvalidOid, false},
		{"rhs", InvalidOid, false},
		{"score", FLOAT8OID, false}
	};
	Oid			array_type;
	Datum		param;
	Oid			collation;
	Datum	   *items;
	bool	   *nulls;
	int			limit;
	int			n;
	int			i;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("rules, basket and n must not be null")));
	limit = check_int_option("n", PG_GETARG_INT32(2), 1, PG_INT32_MAX);
	basket = PG_GETARG_ARRAYTYPE_P(1);

	application.cxt = AllocSetContextCreate(CurrentMemoryContext, "recsys rules_apply",
											ALLOCSET_DEFAULT_SIZES);
	application.type = TupleDescAttr(rsinfo->setDesc, 0)->atttypid;
	array_type = TupleDescAttr(rsinfo->setDesc, 2)->atttypid;
	collation = PG_GET_COLLATION();
	application.basket = iddict_create(application.cxt, application.type, collation, "item");
	application.items = iddict_create(application.cxt, application.type, collation, "item");
	application.capacity = 64;
	application.candidates = MemoryContextAlloc(application.cxt,
												application.capacity * sizeof(Candidate));
	n = unpack(&application, basket, &items, &nulls);
	for (i = 0; i < n; i++)
		if (!nulls[i])
			iddict_put(application.basket, items[i]);

	columns[0].type = columns[1].type = array_type;
	param = PointerGetDatum(basket);
	SPI_connect();
	query_run(query_prepare(text_to_cstring(PG_GETARG_TEXT_PP(0)), columns, 3, 1, &array_type),
			  &param, NULL, apply_rule, &application);
	SPI_finish();
	output_candidates(&application, rsinfo, limit);
	MemoryContextDelete(application.cxt);
	return (Datum) 0;
}
