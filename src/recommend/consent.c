/*-------------------------------------------------------------------------
 *
 * consent.c
 *		Users who may be profiled, and those who may not.
 *
 * A recommender can have a query of the users who have consented.  Its other
 * queries about users are then kept in the definition with the condition that
 * the user is among these.  So rows of other users do not exist for it: not
 * for the model, not for the lists of crowds, and not as a history, from the
 * very statement on that sees a consent withdrawn.
 *
 * What remains is what the caller says of a user in the call itself: that is
 * put aside here.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"

#include "recommend/serve.h"

/* Has the consent query the right shape?  To be called within SPI. */
static Oid
consent_type(const char *text)
{
	QueryColumn column = {"user", InvalidOid, false, .query = "consent"};

	return query_column_type(query_prepare(text, &column, 1, 0, NULL), 0);
}

/* Errors where ids of a type that a query returns cannot be compared with those there are. */
void
check_id_type(const char *what, const char *ids, Oid type, Oid wanted)
{
	Oid			function;

	if (type != wanted &&
		find_coercion_pathway(wanted, type, COERCION_IMPLICIT, &function) == COERCION_PATH_NONE &&
		find_coercion_pathway(type, wanted, COERCION_IMPLICIT, &function) == COERCION_PATH_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the %s query must return %s of type %s, not %s",
						what, ids, format_type_be(wanted), format_type_be(type)),
				 errhint("Cast the column in the query.")));
}

/*
 * The consent query with all names qualified; errors where its users cannot be
 * compared with those of the recommender.  To be called within SPI.
 */
char *
check_consent_query(const char *text, Oid usertype)
{
	check_id_type("consent", "users", consent_type(text), usertype);
	return qualify_query(text);
}

/*
 * A query whose first column is the user, for users who have consented only.
 * Both queries come with all names qualified.
 */
char *
consent_restrict(const char *text, int ncolumns, Oid usertype, const char *consent)
{
	StringInfoData columns;
	char	   *names;
	int			i;

	initStringInfo(&columns);
	for (i = 1; i <= ncolumns; i++)
		appendStringInfo(&columns, "%sc%d", i > 1 ? ", " : "", i);
	names = columns.data;
	return psprintf("SELECT %s FROM (%s) AS q(%s) WHERE EXISTS"
					" (SELECT FROM (%s) AS c(consenting) WHERE c.consenting OPERATOR(%s) q.c1)",
					names, text, names, consent, qualified_equality(usertype));
}

/* Of users and something else, as pushdown_query() wants it. */
char *
consent_pairs(const char *consent)
{
	return psprintf("SELECT c.consenting, true AS given FROM (%s) AS c(consenting)", consent);
}

void
consent_forget(Recommender *recommender)
{
	UserQuery  *query = recommender->consent.query;

	recommender->consent.query = NULL;
	if (query)
		query_forget(query);
}

static void
set_true(void *arg, const Datum *values, const bool *nulls)
{
	*(bool *) arg = true;
}

/* May what the caller says of the user be used? */
bool
consent_given(Call *call)
{
	Recommender *recommender = call->recommender;
	LadderPlan *plan = &recommender->consent;
	QueryColumn column = {"given", InvalidOid, false};
	bool		given = false;

	/* nobody in particular has nothing to consent to */
	if (recommender->consent_query == NULL || !call->has_user)
		return true;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (plan->query == NULL || plan->argtype != call->usertype || !query_is_valid(plan->query))
	{
		char	   *text = pushdown_query(consent_pairs(recommender->consent_query), 2,
										  consent_type(recommender->consent_query),
										  call->usertype);
		MemoryContext old;

		consent_forget(recommender);
		if (plan->cxt == NULL)
			plan->cxt = AllocSetContextCreate(recommender->cxt, "recsys consent plan",
											  ALLOCSET_SMALL_SIZES);
		MemoryContextReset(plan->cxt);
		old = MemoryContextSwitchTo(plan->cxt);
		plan->query = query_prepare_saved(text, &column, 1, 1, &call->usertype);
		plan->argtype = call->usertype;
		MemoryContextSwitchTo(old);
	}
	query_run(plan->query, &call->user, NULL, set_true, &given);
	SPI_finish();
	return given;
}
