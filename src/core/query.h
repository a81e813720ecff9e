/*-------------------------------------------------------------------------
 *
 * query.h
 *		Reading the rows of a query that the user gives as text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_QUERY_H
#define RECSYS_QUERY_H

#include "core/compat.h"

/* What a function wants of one column of the user's query, by position. */
typedef struct QueryColumn
{
	const char *name;			/* what the column means, for error messages: "user" */
	Oid			type;			/* values are converted to this; InvalidOid: taken as they are */
	bool		optional;		/* may be missing, with all columns after it */
	const char *witness;		/* what to pass before the query for ids of another type than bigint,
								 * %s being that type; NULL: there is no such form of the function */
	const char *query;			/* of the first column: which of the function's queries this is,
								 * "items"; NULL: it has only one, or this is the main one */
} QueryColumn;

#define QUERY_MAX_COLUMNS 16

typedef struct UserQuery UserQuery;

/* Called for each row; values by reference, and what it allocates, live only during the call. */
typedef void (*QueryRow) (void *arg, const Datum *values, const bool *nulls);

extern UserQuery *query_prepare(const char *text, const QueryColumn *columns, int ncolumns,
							int nparams, Oid *paramtypes);
extern UserQuery *query_prepare_saved(const char *text, const QueryColumn *columns, int ncolumns,
									  int nparams, Oid *paramtypes);
extern void set_local(const char *name, const char *value);
extern char *query_as_source(const char *text);
extern void query_refuse_name(const char *text);
extern bool query_is_valid(const UserQuery *query);
extern bool query_is_parallel_safe(const UserQuery *query);
extern void query_forget(UserQuery *query);
extern int	query_column_count(const UserQuery *query);
extern Oid	query_column_type(const UserQuery *query, int column);
extern Oid	query_column_collation(const UserQuery *query, int column);
extern uint64 query_run_unordered(UserQuery *query, int nids, QueryRow row, void *arg);
extern uint64 query_run(UserQuery *query, Datum *params, const char *paramnulls, QueryRow row, void *arg);

#endif							/* RECSYS_QUERY_H */
