/*-------------------------------------------------------------------------
 *
 * definition.c
 *		Creating, replacing, renaming and dropping recommenders.
 *
 * A recommender is two ordinary tables of the user who creates it, in a schema
 * of his choice:
 *
 *		shop		one row, the definition, in a table OF the extension's
 *					type recommender_definition, which is what tells it from
 *					other tables
 *		shop_model	the model, one row an item
 *
 * So everything PostgreSQL does for tables holds for recommenders: names are
 * found through search_path, GRANT and ownership decide who may use and who
 * may change one, DROP OWNED and ALTER TABLE ... SET SCHEMA work, and pg_dump
 * and replication carry definition and model with nothing done on our side.
 * The definition refers to the model by oid (regclass), which follows renaming
 * and is dumped as a name.  The model depends on the definition: dropping
 * that drops both.
 *
 * The model is refreshed in place (build.c), in one transaction: readers go by
 * their snapshot, wait for nobody and see the old model or the new one.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "access/relation.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
#include "utils/varlena.h"

#include "recommend/recommend.h"

/* Shape of the query of a recommender. */
const QueryColumn recommender_columns[4] = {
	{"user", InvalidOid, false},
	{"item", InvalidOid, false},
	{"weight", FLOAT8OID, true},
	{"ts", TIMESTAMPTZOID, true}
};

/*
 * The type recommender_definition: it is in the schema of the function that is
 * being called, wherever the extension was installed or moved to.
 */
Oid
definition_type(FunctionCallInfo fcinfo)
{
	Oid			schema = get_func_namespace(fcinfo->flinfo->fn_oid);
	Oid			type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
									   CStringGetDatum("recommender_definition"),
									   ObjectIdGetDatum(schema));

	if (!OidIsValid(type))
		elog(ERROR, "type recommender_definition is missing");
	return type;
}

/* A recommender's name, which is that of a table: 'shop' or 'myschema.shop'. */
RangeVar *
recommender_name(text *name)
{
	List	   *parts;

	if (!SplitIdentifierString(text_to_cstring(name), '.', &parts) || parts == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid name syntax"),
				 errhint("Names are written as in SQL: 'shop', 'myschema.shop' or '\"My Shop\"'.")));
	return makeRangeVarFromNameList(textToQualifiedNameList(name));
}

/* The name as messages have it, between quotes of their own. */
static char *
plain_name(const RangeVar *rangevar)
{
	return rangevar->schemaname ?
		psprintf("%s.%s", rangevar->schemaname, rangevar->relname) : rangevar->relname;
}

/* An argument of type text that must not be NULL. */
static text *
text_argument(FunctionCallInfo fcinfo, int argument, const char *name)
{
	if (PG_ARGISNULL(argument))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
	return PG_GETARG_TEXT_PP(argument);
}

static bool
bool_argument(FunctionCallInfo fcinfo, int argument, const char *name)
{
	if (PG_ARGISNULL(argument))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
	return PG_GETARG_BOOL(argument);
}

static void
check_owner(Oid relid)
{
	if (!relation_ownercheck(relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(relid));
}

/*
 * Is it the table of a definition?  A partitioned table can be of the type as
 * well, and before 16 an empty table can be made a view.
 */
static bool
is_recommender(Oid relid, Oid definition_type)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		result = false;

	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		result = form->reloftype == definition_type && form->relkind == RELKIND_RELATION;
		ReleaseSysCache(tuple);
	}
	return result;
}

/* What is checked of a table that a name leads to before it is locked. */
typedef struct NameCheck
{
	Oid			definition_type;
	bool		owned;
} NameCheck;

static void
check_name(const RangeVar *rangevar, Oid relid, Oid oldrelid, void *arg)
{
	const NameCheck *check = (const NameCheck *) arg;

	/* missing, or dropped just now: the lookup is done again */
	if (!OidIsValid(relid) || get_rel_name(relid) == NULL)
		return;
	if (!is_recommender(relid, check->definition_type))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a recommender", plain_name(rangevar)),
				 errhint("The view recommenders lists those you may use.")));
	if (check->owned)
		check_owner(relid);
}

/*
 * Table of a recommender, locked; owned: if it is the caller's, which is seen to
 * before there is a lock that others have to wait for.  Errors: undefined object
 * where there is none of that name, wrong object type where it is something else.
 */
Oid
recommender_relid(text *name, Oid definition_type, LOCKMODE lockmode, bool owned)
{
	RangeVar   *rangevar = recommender_name(name);
	NameCheck	check = {definition_type, owned};
	Oid			relid = RangeVarGetRelidExtended(rangevar, lockmode, RVR_MISSING_OK,
												 check_name, &check);

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("recommender \"%s\" does not exist", plain_name(rangevar)),
				 errhint("The view recommenders lists those you may use.")));
	return relid;
}

/* schema.table, quoted where needed, in the current memory context */
char *
qualified_relation_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

/* Owner of a table. */
Oid
relation_owner(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* Runs a statement that we made.  To be called within SPI. */
void
execute_command(const char *command)
{
	if (SPI_execute(command, false, 0) < 0)
		elog(ERROR, "could not execute: %s", command);
}

/* What cannot be an item: there has to be a hash, an order and an array. */
void
check_item_type(Oid type)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_HASH_PROC | TYPECACHE_CMP_PROC);

	if (!OidIsValid(entry->hash_proc) || !OidIsValid(entry->cmp_proc) ||
		!OidIsValid(get_array_type(type)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("type %s cannot be used for item: it cannot be hashed and sorted, or has no arrays",
						format_type_be(type)),
				 errhint("Cast it to a type such as bigint, text or uuid.")));
}

/* Errors where there is a relation of the name that a table of a recommender is to have. */
void
check_table_free(Oid relid, const char *table)
{
	if (OidIsValid(get_relname_relid(table, get_rel_namespace(relid))))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("relation \"%s\" already exists", table),
				 errdetail("Recommender \"%s\" needs a table of this name.", get_rel_name(relid)),
				 errhint("Give the recommender another name or schema. Recommenders are renamed with rename_recommender(), which renames all their tables.")));
}

/* "type COLLATE collation", as for a column of a table; brackets: "[]" or nothing. */
char *
column_type(Oid type, const char *brackets, Oid collation)
{
	char	   *name = format_type_extended(type, -1, TYPE_NAME_FLAGS);

	if (!OidIsValid(collation) || collation == get_typcollation(type))
		return psprintf("%s%s", name, brackets);
	return psprintf("%s%s COLLATE %s", name, brackets, generate_collation_name(collation));
}

/* Lets a table that was created beside a definition be dropped with it; its oid. */
Oid
depend_on_definition(Oid relid, const char *table)
{
	ObjectAddress definition;
	ObjectAddress address;

	ObjectAddressSet(definition, RelationRelationId, relid);
	ObjectAddressSet(address, RelationRelationId,
					 get_relname_relid(table, get_rel_namespace(relid)));
	recordDependencyOn(&address, &definition, DEPENDENCY_AUTO);
	return address.objectId;
}

/*
 * Goes on with the rights of a table's owner, in a restricted security context
 * as REFRESH MATERIALIZED VIEW has it: triggers, functions and types of his may
 * neither leave anything to be done later with the rights of the caller nor
 * change the settings of the session.  An error undoes it.
 */
void
become_owner(AsOwner *as, Oid relid)
{
	GetUserIdAndSecContext(&as->user, &as->context);
	SetUserIdAndSecContext(relation_owner(relid), as->context | SECURITY_RESTRICTED_OPERATION);
	as->level = NewGUCNestLevel();
}

void
become_caller(const AsOwner *as)
{
	AtEOXact_GUC(false, as->level);
	SetUserIdAndSecContext(as->user, as->context);
}

/*
 * Creates the table of a recommender's model beside its definition, as yet
 * without indexes.  To be called within SPI.
 */
Oid
create_model(Oid relid, Oid item_type, Oid item_collation)
{
	char	   *schema = get_namespace_name(get_rel_namespace(relid));
	char	   *name = makeObjectName(get_rel_name(relid), NULL, "model");
	char	   *qualified = quote_qualified_identifier(schema, name);
	StringInfoData buf;

	check_table_free(relid, name);

	/* rows stay in line, uncompressed, as long as they fit into a page */
	initStringInfo(&buf);
	appendStringInfo(&buf,
					 "CREATE TABLE %s (item %s NOT NULL, users bigint NOT NULL,"
					 " popularity double precision NOT NULL, neighbours %s NOT NULL,"
					 " scores real[] NOT NULL, fingerprint bigint NOT NULL) WITH (toast_tuple_target = 8160)",
					 qualified, column_type(item_type, "", item_collation),
					 column_type(item_type, "[]", item_collation));
	execute_command(buf.data);
	resetStringInfo(&buf);
	appendStringInfo(&buf, "COMMENT ON TABLE %s IS %s", qualified,
					 quote_literal_cstr(psprintf("model of recommender %s",
												 qualified_relation_name(relid))));
	execute_command(buf.data);

	return depend_on_definition(relid, name);
}

/* Gives a model that was created just now its indexes. */
void
index_model(const char *model)
{
	execute_command(psprintf("ALTER TABLE %s ADD PRIMARY KEY (item)", model));
	execute_command(psprintf("CREATE INDEX ON %s (popularity DESC, item)", model));
}

/*
 * Table of a recommender, "model" or "lists", InvalidOid where the definition
 * has none.  To be called within SPI.
 */
Oid
definition_table(Oid relid, const char *column)
{
	Oid			table = InvalidOid;
	char	   *text = psprintf("SELECT %s::pg_catalog.oid FROM ONLY %s",
								column, qualified_relation_name(relid));

	if (SPI_execute(text, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the definition");
	if (SPI_processed == 1)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);

		/* the table may have been dropped */
		if (!isnull && get_rel_name(DatumGetObjectId(value)) != NULL)
			table = DatumGetObjectId(value);
	}
	/* who wrote the definition must not lead us to the tables of others */
	if (OidIsValid(table) && relation_owner(table) != relation_owner(relid))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the tables of recommender \"%s\" have different owners",
						get_rel_name(relid)),
				 errhint("Give them the same owner with ALTER TABLE ... OWNER TO.")));
	return table;
}

static void
drop_table(Oid relid, const char *column)
{
	Oid			table = definition_table(relid, column);

	if (OidIsValid(table))
		execute_command(psprintf("DROP TABLE %s", qualified_relation_name(table)));
}

static void
rename_table(Oid table, const char *new_name, const char *column)
{
	if (OidIsValid(table))
		execute_command(psprintf("ALTER TABLE %s RENAME TO %s", qualified_relation_name(table),
								 quote_identifier(makeObjectName(new_name, NULL, column))));
}

/* Type of the items in a model, which somebody may have altered. */
Oid
model_item_type(Oid model, Oid *collation)
{
	AttrNumber	attno = get_attnum(model, "item");
	Oid			type;
	int32		typmod;

	if (attno == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" is not a model: it has no column \"item\"",
						get_rel_name(model)),
				 errhint("Drop it and call refresh_recommender().")));
	get_atttypetypmodcoll(model, attno, &type, &typmod, collation);
	return type;
}

/* Can the model of a recommender hold items of this type? */
static bool
model_has_type(Oid model, Oid item_type, Oid item_collation)
{
	Oid			collation;

	return model_item_type(model, &collation) == item_type && collation == item_collation;
}

/*
 * Writes queries, options and model into the one row of the definition; an old
 * model stays where model is NULL.
 */
static void
write_definition(Oid relid, const char *query, const char *items_query, const char *users_query,
				 const char *consent_query, Datum options, Oid options_type, const char *model,
				 bool replace)
{
	char	   *table = qualified_relation_name(relid);
	char	   *text;
	Oid			types[6] = {TEXTOID, options_type, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	const char *texts[6] = {query, NULL, model, items_query, users_query, consent_query};
	Datum		values[6];
	char		nulls[7] = "      ";
	int			i;

	for (i = 0; i < lengthof(values); i++)
	{
		values[i] = texts[i] ? CStringGetTextDatum(texts[i]) : (Datum) 0;
		nulls[i] = texts[i] ? ' ' : 'n';
	}
	values[1] = options;
	nulls[1] = ' ';
	if (replace)
		text = psprintf("UPDATE ONLY %s SET query = $1, options = pg_catalog.to_jsonb($2),"
						" model = COALESCE($3::pg_catalog.regclass, model), items_query = $4,"
						" users_query = $5, consent_query = $6", table);
	else
		text = psprintf("INSERT INTO %s (query, options, model, items_query, users_query, consent_query)"
						" VALUES ($1, pg_catalog.to_jsonb($2), $3::pg_catalog.regclass, $4, $5, $6)",
						table);
	if (SPI_execute_with_args(text, 6, types, values, nulls, false, 0) < 0 || SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table %s must have one row, the definition", table),
				 errhint("Drop the recommender and create it again.")));
}

/* Gives a recommender a log, or takes it away. */
static void
write_log(Oid relid, bool wanted, const UserQuery *query)
{
	Oid			type = TEXTOID;
	Datum		value = (Datum) 0;

	if (wanted)
		value = CStringGetTextDatum(log_create(relid, query_column_type(query, 0),
											   query_column_collation(query, 0),
											   query_column_type(query, 1),
											   query_column_collation(query, 1)));
	else
		drop_table(relid, "log");
	if (SPI_execute_with_args(psprintf("UPDATE ONLY %s SET log = $1::pg_catalog.regclass",
									   qualified_relation_name(relid)),
							  1, &type, &value, wanted ? " " : "n", false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not write the definition");
}

/* Creates the table of a definition; errors where the name is taken. */
static Oid
create_definition(RangeVar *rangevar, Oid schema, Oid definition_type)
{
	StringInfoData buf;
	char	   *qualified = quote_qualified_identifier(get_namespace_name(schema),
													   rangevar->relname);

	initStringInfo(&buf);
	appendStringInfo(&buf, "CREATE TABLE %s OF %s", qualified,
					 format_type_extended(definition_type, -1, TYPE_NAME_FLAGS));
	execute_command(buf.data);
	resetStringInfo(&buf);
	appendStringInfo(&buf, "COMMENT ON TABLE %s IS 'definition of a recommender'", qualified);
	execute_command(buf.data);
	/* there is no key, and a publication of all tables must not forbid to change the row */
	execute_command(psprintf("ALTER TABLE %s REPLICA IDENTITY FULL", qualified));
	return get_relname_relid(rangevar->relname, schema);
}

/*
 * The existing recommender that is to be replaced, InvalidOid where the name
 * is free.
 */
static Oid
find_existing(RangeVar *rangevar, Oid schema, Oid definition_type, bool replace)
{
	Oid			relid = get_relname_relid(rangevar->relname, schema);

	if (!OidIsValid(relid))
		return InvalidOid;
	if (!is_recommender(relid, definition_type))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("relation \"%s\" already exists", rangevar->relname),
				 errdetail("A recommender is kept in a table of its name."),
				 errhint("Give the recommender another name, or another schema.")));
	if (!replace)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("recommender \"%s\" already exists", rangevar->relname),
				 errhint("Use replace => true to change its definition, or refresh_recommender() to rebuild its model.")));
	check_owner(relid);
	/* a replacement keeps refreshes away from the start: see recommender_build() */
	LockRelationOid(relid, ShareUpdateExclusiveLock);
	if (!is_recommender(relid, definition_type))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("recommender \"%s\" was dropped while it was being replaced",
						rangevar->relname)));
	check_owner(relid);
	return relid;
}

/*
 * A replacement has no queries but those that are given with it.  That consent
 * is no longer asked for must not come by the way.  To be called within SPI.
 */
static void
check_replacement(Oid relid, const bool *given)
{
	static const char *const arguments[3] = {"items", "users", "consent"};
	int			i;

	if (SPI_execute(psprintf("SELECT items_query IS NOT NULL, users_query IS NOT NULL,"
							 " consent_query IS NOT NULL FROM ONLY %s",
							 qualified_relation_name(relid)), false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the definition");
	if (SPI_processed != 1)
		return;
	for (i = 2; i >= 0; i--)
	{
		bool		isnull;

		if (given[i] || !DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
													i + 1, &isnull)))
			continue;
		if (i == 2)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
					 errmsg("cannot replace recommender \"%s\" without its consent query",
							get_rel_name(relid)),
					 errdetail("Users who have not consented would be profiled."),
					 errhint("Give consent again, with all other arguments, or drop the recommender first.")));
		ereport(NOTICE,
				(errmsg("recommender \"%s\" has no %s query any more", get_rel_name(relid),
						arguments[i]),
				 errhint("replace => true takes the new arguments only: to keep it, give %s again.",
						 arguments[i])));
	}
}

/* Tells about a query for which the history of one user is no index lookup. */
static void
notice_scan(const char *name, const char *what, const char *query, int ncolumns, Oid usertype)
{
	if (query_needs_scan(pushdown_query(query, ncolumns, usertype, usertype), usertype))
		ereport(NOTICE,
				(errmsg("reading one user's %s for recommender \"%s\" has to scan a whole table",
						what, name),
				 errhint("Create an index on the table column that the query's first column comes from.")));
}

/* Tells about an items query that has nothing to do with the items of the model. */
static void
notice_no_items(Oid relid, const char *items_query, Oid itemtype, Oid collation)
{
	AsOwner		as;

	become_owner(&as, relid);
	if (SPI_execute(items_in_model_query(items_query, itemtype, collation,
										 qualified_relation_name(definition_table(relid, "model"))),
					false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the items query");
	become_caller(&as);
	if (SPI_processed == 0)
		ereport(NOTICE,
				(errmsg("none of the items of the query is in the items query"),
				 errdetail("Recommender \"%s\" has nothing to recommend.", get_rel_name(relid)),
				 errhint("The first column of the items query must be the item.")));
}

/* The items query with all names qualified; errors where it will not do. */
static char *
check_items_query(const char *text, Oid item_type, Oid item_collation)
{
	char	   *qualified = qualify_query(text);
	QueryColumn column = {"item", item_type, false};
	IdType		item;

	idtype_init(&item, item_type, item_collation);
	query_prepare(eligible_query(qualified, NULL, &item, 0), &column, 1, 1, &item.array_type);
	return qualified;
}

/* What create_recommender() is given, checked, with all names qualified. */
typedef struct Queries
{
	UserQuery  *query;			/* interactions */
	Oid			usertype;
	Oid			itemtype;
	Oid			collation;		/* of items */
	char	   *qualified;
	char	   *items;			/* this and the next may be NULL */
	char	   *users;
	char	   *consent;
	char	   *restricted;		/* qualified, of users who consent */
	char	   *restricted_users;
} Queries;

/* Arguments 1, 3, 5 and 6 of create_recommender(). */
static void
read_queries(FunctionCallInfo fcinfo, Queries *q)
{
	char	   *input = text_to_cstring(PG_GETARG_TEXT_PP(1));

	q->query = query_prepare(input, recommender_columns, 4, 0, NULL);
	q->usertype = query_column_type(q->query, 0);
	q->itemtype = query_column_type(q->query, 1);
	q->collation = query_column_collation(q->query, 1);
	check_item_type(q->itemtype);
	q->qualified = q->restricted = qualify_query(input);
	if (!PG_ARGISNULL(3))
		q->items = check_items_query(text_to_cstring(PG_GETARG_TEXT_PP(3)), q->itemtype, q->collation);
	if (!PG_ARGISNULL(5))
		q->users = check_users_query(text_to_cstring(PG_GETARG_TEXT_PP(5)), q->usertype);
	q->restricted_users = q->users;
	if (PG_ARGISNULL(6))
		return;
	q->consent = check_consent_query(text_to_cstring(PG_GETARG_TEXT_PP(6)), q->usertype);
	q->restricted = consent_restrict(q->qualified, query_column_count(q->query), q->usertype, q->consent);
	if (q->users)
		q->restricted_users = consent_restrict(q->users, 2, query_user_type(q->users), q->consent);
}

/* Says what will be slow, or of no use, in a recommender that was built. */
static void
notice_queries(const char *name, Oid relid, const Queries *q, int64 nitems)
{
	if (q->items && nitems > 0)
		notice_no_items(relid, q->items, q->itemtype, q->collation);
	notice_scan(name, "history", q->qualified, query_column_count(q->query), q->usertype);
	if (q->users)
		notice_scan(name, "tags", q->users, 2, query_user_type(q->users));
	if (q->consent)
		notice_scan(name, "consent", consent_pairs(q->consent), 2, q->usertype);
}

/*
 * create_recommender(name text, query text, options similarity_options,
 *					  items text, replace boolean, users text, consent text,
 *					  log boolean)
 * returns bigint, the number of items
 */
RECSYS_FUNCTION(recsys_create_recommender);
Datum
recsys_create_recommender(PG_FUNCTION_ARGS)
{
	static const char *const arguments[] = {"name", "query", "options", "items", "replace"};
	Oid			deftype = definition_type(fcinfo);
	RangeVar   *rangevar;
	Oid			schema;
	Oid			relid;
	Oid			old_model;
	Queries		q = {0};
	char	   *model = NULL;
	bool		exists;
	bool		given[3] = {!PG_ARGISNULL(3), !PG_ARGISNULL(5), !PG_ARGISNULL(6)};
	AsOwner		as;
	int64		nitems;
	int			i;

	for (i = 0; i < 5; i++)
		if (PG_ARGISNULL(i) && i != 3)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not be null", arguments[i])));
	rangevar = recommender_name(PG_GETARG_TEXT_PP(0));
	schema = RangeVarGetCreationNamespace(rangevar);
	if (isAnyTempNamespace(schema))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("a recommender cannot be created in a temporary schema")));
	relid = find_existing(rangevar, schema, deftype, PG_GETARG_BOOL(4));
	exists = OidIsValid(relid);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	read_queries(fcinfo, &q);
	if (!exists)
		relid = create_definition(rangevar, schema, deftype);
	/* both tables stay with the owner, whoever replaces the recommender */
	become_owner(&as, relid);
	if (exists)
		check_replacement(relid, given);
	old_model = exists ? definition_table(relid, "model") : InvalidOid;
	if (!OidIsValid(old_model) || !model_has_type(old_model, q.itemtype, q.collation))
	{
		if (exists)
			drop_table(relid, "model");
		model = qualified_relation_name(create_model(relid, q.itemtype, q.collation));
	}
	write_definition(relid, q.restricted, q.items, q.restricted_users, q.consent, PG_GETARG_DATUM(2),
					 get_fn_expr_argtype(fcinfo->flinfo, 2), model, exists);
	/* a log that is there stays, if it can */
	if (!PG_ARGISNULL(7) || (exists && OidIsValid(definition_table(relid, "log"))))
		write_log(relid, PG_ARGISNULL(7) || PG_GETARG_BOOL(7), q.query);
	become_caller(&as);
	nitems = recommender_build(relid, deftype, false);
	notice_queries(rangevar->relname, relid, &q, nitems);
	SPI_finish();
	PG_RETURN_INT64(nitems);
}

/* refresh_recommender(name text, incremental boolean) returns bigint, the number of items */
RECSYS_FUNCTION(recsys_refresh_recommender);
Datum
recsys_refresh_recommender(PG_FUNCTION_ARGS)
{
	Oid			deftype = definition_type(fcinfo);
	Oid			relid = recommender_relid(text_argument(fcinfo, 0, "name"), deftype,
										  ShareUpdateExclusiveLock, true);
	bool		incremental = bool_argument(fcinfo, 1, "incremental");
	int64		nitems;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	nitems = recommender_build(relid, deftype, incremental);
	SPI_finish();
	PG_RETURN_INT64(nitems);
}

/* drop_recommender(name text, if_exists boolean) returns void */
RECSYS_FUNCTION(recsys_drop_recommender);
Datum
recsys_drop_recommender(PG_FUNCTION_ARGS)
{
	text	   *name = text_argument(fcinfo, 0, "name");
	RangeVar   *rangevar = recommender_name(name);
	Oid			relid;

	if (bool_argument(fcinfo, 1, "if_exists") &&
		!OidIsValid(RangeVarGetRelid(rangevar, NoLock, true)))
	{
		ereport(NOTICE,
				(errmsg("recommender \"%s\" does not exist, skipping", plain_name(rangevar))));
		PG_RETURN_VOID();
	}
	/* the definition first, and then the model: all take locks in this order */
	relid = recommender_relid(name, definition_type(fcinfo), AccessExclusiveLock, true);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	/* after a restore from a dump nothing but the definition leads to the model */
	drop_table(relid, "log");
	drop_table(relid, "lists");
	drop_table(relid, "model");
	execute_command(psprintf("DROP TABLE %s", qualified_relation_name(relid)));
	SPI_finish();
	PG_RETURN_VOID();
}

/* rename_recommender(name text, new_name text) returns void: all tables */
RECSYS_FUNCTION(recsys_rename_recommender);
Datum
recsys_rename_recommender(PG_FUNCTION_ARGS)
{
	Oid			relid = recommender_relid(text_argument(fcinfo, 0, "name"),
										  definition_type(fcinfo), AccessExclusiveLock, true);
	RangeVar   *rangevar = recommender_name(text_argument(fcinfo, 1, "new_name"));
	Oid			model;
	Oid			lists;
	Oid			log;

	if (rangevar->schemaname)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("the new name must not have a schema"),
				 errhint("ALTER TABLE ... SET SCHEMA moves the tables of a recommender.")));
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	model = definition_table(relid, "model");
	lists = definition_table(relid, "lists");
	log = definition_table(relid, "log");
	execute_command(psprintf("ALTER TABLE %s RENAME TO %s", qualified_relation_name(relid),
							 quote_identifier(rangevar->relname)));
	rename_table(model, rangevar->relname, "model");
	rename_table(lists, rangevar->relname, "lists");
	rename_table(log, rangevar->relname, "log");
	SPI_finish();
	PG_RETURN_VOID();
}
