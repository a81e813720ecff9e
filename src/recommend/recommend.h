/*-------------------------------------------------------------------------
 *
 * recommend.h
 *		What the files of the recommender share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RECOMMEND_H
#define RECSYS_RECOMMEND_H

#include "core/compat.h"

#include "access/genam.h"
#include "access/htup.h"
#include "access/relscan.h"
#include "access/skey.h"
#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "nodes/primnodes.h"
#include "storage/itemptr.h"
#include "utils/array.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "core/iddict.h"
#include "core/query.h"
#include "similarity/similarity.h"

/* Columns of the type recommender_definition. */
typedef enum
{
	Anum_definition_query = 1,	/* text, every name in it qualified */
	Anum_definition_items_query,	/* text, the same; NULL where there is none */
	Anum_definition_options,	/* jsonb: similarity_options */
	Anum_definition_model,		/* regclass */
	Anum_definition_built_at,	/* timestamptz: what was committed then is in the model */
	Anum_definition_build_time, /* interval */
	Anum_definition_rows,		/* bigint: rows of the query that were used */
	Anum_definition_users,		/* bigint */
	Anum_definition_items,		/* bigint */
	Anum_definition_max_score,	/* double precision: greatest score in the model */
	Anum_definition_users_query,	/* text: (user, tag); NULL where there is none */
	Anum_definition_lists,		/* regclass: see lists.c; NULL where there is none */
	Anum_definition_build_mode, /* text: full or incremental */
	Anum_definition_changed,	/* bigint: rows of the model that the build wrote or removed */
	Anum_definition_consent_query,	/* text: users, see consent.c; NULL where there is none */
	Anum_definition_log			/* regclass: see log.c; NULL where there is none */
} DefinitionColumn;

#define Natts_definition 16

/* A type of ids and what is needed to handle its values. */
typedef struct IdType
{
	Oid			type;
	Oid			collation;
	Oid			array_type;
	int16		typlen;
	bool		typbyval;
	char		typalign;
	bool		isint;			/* int2, int4 or int8 */
	bool		fast;			/* an integer that is its own Datum */
	bool		bytewise;		/* text that is equal if and only if the bytes are */
	FmgrInfo	compare;		/* btree order */
	FmgrInfo	hash;
	FmgrInfo	equal;
} IdType;

/* An integer as a Datum of 8 bytes, whatever its width; others as they are. */
static inline Datum
idtype_normal(const IdType *type, Datum value)
{
	if (type->fast)
	{
		if (type->typlen == 4)
			return (Datum) (int64) DatumGetInt32(value);
		if (type->typlen == 2)
			return (Datum) (int64) DatumGetInt16(value);
	}
	return value;
}

/* itemtable.c */
#define ITEM_NOT_FOUND PG_UINT32_MAX

#define ITEM_EXCLUDED	0x01	/* must not be recommended */
#define ITEM_TAKEN		0x02	/* has been recommended by this call */
#define ITEM_ALLOWED	0x04	/* is in the list of those that may be */
#define ITEM_ELIGIBLE	0x08	/* was found in the items query */

typedef struct ItemEntry
{
	Datum		item;
	double		score;
	uint32		hash;
	uint32		flags;
} ItemEntry;

typedef struct ItemTable
{
	IdType	   *type;
	MemoryContext cxt;			/* of values by reference */
	uint32		n;				/* items have the numbers 0 .. n - 1 */
	uint32		nslots;			/* a power of 2, at least twice the items */
	uint32		allocated;		/* slots there is memory for, and entries for half of them */
	ItemEntry  *entries;
	uint32	   *slots;			/* number of an item plus 1, 0 is free */
} ItemTable;

extern void idtype_init(IdType *idtype, Oid type, Oid collation);
extern bool idtype_equal(IdType *type, Datum a, Datum b);
extern uint32 idtype_hash(IdType *type, Datum item);
extern int	idtype_compare(IdType *type, Datum a, Datum b);
extern void item_table_reset(ItemTable *table, IdType *type, MemoryContext owner,
							 MemoryContext cxt);
extern void item_table_trim(ItemTable *table);
extern uint32 item_table_put(ItemTable *table, Datum item);
extern void item_table_put_all(ItemTable *table, const char *data, int n, uint32 *numbers);
extern void item_table_reserve(ItemTable *table, uint64 n);
extern uint32 item_table_find(ItemTable *table, Datum item);

/* One product of a weight and a score of the model, kept for the reasons. */
typedef struct Product
{
	uint32		item;			/* number of the candidate */
	float4		score;
} Product;

/* A plan over the items query: see eligible.c. */
typedef struct EligiblePlan
{
	MemoryContext cxt;
	UserQuery  *query;
	char	   *filter;			/* the condition it was made for, or NULL */
	int			columns;		/* what it returns */
} EligiblePlan;

/* A plan that the ladder needs, for a parameter of a type. */
typedef struct LadderPlan
{
	MemoryContext cxt;
	UserQuery  *query;
	Oid			argtype;
} LadderPlan;

/* What is asked of the items query beside the item. */
#define ELIGIBLE_CATEGORY	0x01	/* text */
#define ELIGIBLE_PRICE		0x02	/* numeric */
#define ELIGIBLE_ANY		0x04	/* whether it is available or not */

/*
 * A recommender as this backend knows it: read from its definition, kept
 * until the definition or one of its tables changes.
 */
typedef struct Recommender
{
	Oid			relid;			/* table that holds the definition */
	MemoryContext cxt;			/* everything here is allocated in it */
	bool		stale;			/* a table was altered */
	bool		busy;			/* in use by a call */
	bool		cached;			/* in the backend's table, else private to one call */
	ItemPointerData tid;		/* identity of the row it was read from */
	TransactionId xmin;

	char	   *query;
	char	   *items_query;	/* or NULL */
	double		max_score;
	int64		items;			/* in the model */
	Oid			model;
	Oid			pkey;			/* indexes of the model */
	Oid			popularity;
	AttrNumber	item_att;
	AttrNumber	popularity_att;
	AttrNumber	neighbours_att;
	AttrNumber	scores_att;
	IdType		item;
	Oid			equal_proc;		/* equality of the primary key's operator class */
	Oid			pkey_collation;

	/* memory that is kept from call to call */
	ItemTable	table;
	Product    *products;
	Size		product_capacity;
	struct ModelPlace *directory;	/* where rows of the model were found */
	uint32		directory_mask;

	/* the plan that reads one user's history */
	MemoryContext history_cxt;
	UserQuery  *history;
	Oid			history_argtype;
	char	   *history_context;	/* for errors about the id of a user */
	int			ncolumns;		/* of the definition's query */

	/* what the ladder reads: see ladder.c */
	char	   *users_query;	/* or NULL */
	Oid			lists;			/* or InvalidOid */
	enum
	{
		CATEGORIES_UNKNOWN, CATEGORIES_NONE, CATEGORIES_SOME
	}			categories;		/* in the items query */
	LadderPlan	tags;
	LadderPlan	keys;

	/* which users may be profiled: see consent.c */
	char	   *consent_query;	/* or NULL */
	LadderPlan	consent;

	/* the log: see log.c */
	Oid			log;			/* or InvalidOid */
	SPIPlanPtr	log_plan;
	Oid			log_types[2];	/* of user and items it is for */

	/* the plans that tell which of some items may be recommended, and what they are */
	EligiblePlan eligible[3];
} Recommender;

/*
 * A type's name in a statement that we make: without the second flag character(n)
 * would become character, which is character(1).
 */
#define TYPE_NAME_FLAGS (FORMAT_TYPE_FORCE_QUALIFY | FORMAT_TYPE_TYPEMOD_GIVEN)

/* Who called, while something is done with the rights of a recommender's owner. */
typedef struct AsOwner
{
	Oid			user;
	int			context;
	int			level;			/* of settings */
} AsOwner;

/* definition.c */
extern void become_owner(AsOwner *as, Oid relid);
extern void become_caller(const AsOwner *as);
extern const QueryColumn recommender_columns[4];
extern Oid	definition_type(FunctionCallInfo fcinfo);
extern RangeVar *recommender_name(text *name);
extern Oid	recommender_relid(text *name, Oid definition_type, LOCKMODE lockmode, bool owned);
extern char *qualified_relation_name(Oid relid);
extern Oid	relation_owner(Oid relid);
extern Oid	definition_table(Oid relid, const char *column);
extern void check_item_type(Oid type);
extern Oid	model_item_type(Oid model, Oid *collation);
extern void execute_command(const char *command);
extern char *column_type(Oid type, const char *brackets, Oid collation);
extern Oid	depend_on_definition(Oid relid, const char *table);
extern Oid	create_model(Oid relid, Oid item_type, Oid item_collation);
extern void check_table_free(Oid relid, const char *table);
extern void index_model(const char *model);

/* load.c */
typedef struct ModelLoad ModelLoad;

extern bool model_is_new(Oid model);
extern ModelLoad *model_load_begin(Oid model, int natts);
extern void model_load_put(ModelLoad *load, Datum *values);
extern void model_load_end(ModelLoad *load);
extern ArrayType *model_neighbours(const SimilarityRow *row, const IdType *type);
extern ArrayType *model_scores(const SimilarityRow *row);

/* lists.c */
extern char *check_users_query(const char *text, Oid usertype);
extern void lists_build(Oid relid, const char *query, const char *model, const IdType *item);

/* build.c */
extern int64 recommender_build(Oid relid, Oid definition_type, bool incremental);

/* plan.c */
extern char *qualify_query(const char *text);
extern UserQuery *prepare_stored(Oid relid, const char *text, const QueryColumn *columns);
extern bool cast_rounds(Oid from, Oid to);
extern char *pushdown_query(const char *text, int ncolumns, Oid usertype, Oid argtype);
extern char *qualified_equality(Oid type);
extern Oid	query_user_type(const char *text);
extern char *category_query(const char *text, const IdType *item);
extern char *eligible_query(const char *text, const char *filter, const IdType *item, int columns);
extern char *items_in_model_query(const char *text, Oid item_type, Oid item_collation,
								  const char *model);
extern bool query_needs_scan(const char *text, Oid argtype);

/* cache.c */
extern Recommender *recommender_acquire(FunctionCallInfo fcinfo, text *name);
extern void recommender_release(Recommender *recommender);
extern bool definition_is_readable(Relation rel);
extern bool definition_read(Relation rel, TupleTableSlot *slot);

/* model.c */
typedef struct ModelReader
{
	Recommender *recommender;
	Relation	heap;
	bool		is_heap;		/* as opposed to other table access methods */
	BlockNumber nblocks;		/* of the heap */
	Relation	index;
	IndexScanDesc scan;			/* NULL: not started yet */
	Snapshot	snapshot;
	TupleTableSlot *slot;
	HeapTupleData tuple;		/* what the slot is of */
	MemoryContext cxt;			/* for values that had to be detoasted */
} ModelReader;

/* One row of the model; pointers are good until the next row is read. */
typedef struct ModelRow
{
	int			n;
	char	   *neighbours;		/* array data: walk with idtype_next() */
	float4	   *scores;
} ModelRow;

extern void model_open(ModelReader *reader, Recommender *recommender);
extern bool model_find(ModelReader *reader, Datum item, ModelRow *row);
extern double model_popularity(ModelReader *reader, Datum item);
extern void model_close(ModelReader *reader);
extern void popularity_open(ModelReader *reader, Recommender *recommender);
extern bool popularity_next(ModelReader *reader, Datum *item, double *popularity);

/* directory.c */
extern void directory_open(ModelReader *reader);
extern bool directory_find(ModelReader *reader, Datum item, uint32 hash);
extern void directory_put(ModelReader *reader, uint32 hash, ItemPointer tid);
extern void directory_prefetch(const ModelReader *reader, uint32 hash);
extern void directory_prefetch_page(const ModelReader *reader, uint32 hash);
extern void directory_prefetch_tuple(const ModelReader *reader, uint32 hash);

/* history.c */
typedef struct HistoryItem
{
	uint32		item;			/* number in the recommender's table */
	double		weight;			/* the sum over the user's rows */
} HistoryItem;

/* How the history of a user counts. */
typedef struct HistoryOptions
{
	double		half_life;		/* seconds after which a row counts half; 0: no decay */
	TimestampTz now;			/* the time that ages are counted from */
	bool		cut;			/* rows later than that do not count */
	bool		need_ts;		/* error where the query has no ts */
} HistoryOptions;

extern HistoryItem *history_read(Recommender *recommender, Datum user, Oid usertype,
								 const HistoryOptions *options, TimestampTz **last, int *n);

/* score.c */
typedef struct Candidate
{
	Datum		item;
	double		score;
	int			nreasons;
	Datum	   *reasons;		/* items of the history, most important first */
	double	   *contributions;	/* add up to score, exactly and in any order */
} Candidate;

typedef struct Scoring Scoring;

extern double scoring_rounder(double bound);

extern Scoring *scoring_create(Recommender *recommender, const HistoryItem *history, int n);
extern void scoring_damp(Scoring *scoring, double damping);
extern void scoring_scale(Scoring *scoring, double factor);
extern uint32 *scoring_select(Scoring *scoring, uint32 required, int64 n, uint32 *nfound);
extern Candidate *scoring_explain(Scoring *scoring, const uint32 *best, uint32 nbest);

/* consent.c */
extern void check_id_type(const char *what, const char *ids, Oid type, Oid wanted);
extern char *check_consent_query(const char *text, Oid usertype);
extern char *consent_restrict(const char *text, int ncolumns, Oid usertype, const char *consent);
extern char *consent_pairs(const char *consent);
extern void consent_forget(Recommender *recommender);

/* log.c */
extern char *log_create(Oid relid, Oid usertype, Oid usercollation, Oid itemtype,
						Oid itemcollation);
extern void log_forget(Recommender *recommender);

/* ladder.c */
extern void ladder_forget(Recommender *recommender);
extern bool ladder_is_parallel_safe(Recommender *recommender, Oid usertype);

/* eligible.c */
extern void eligible_mark(Recommender *recommender, const char *filter, const uint32 *items,
						  int64 n);
extern void eligible_read(Recommender *recommender, const char *filter, const uint32 *items,
						  int64 n, int columns, QueryRow row, void *arg);
extern void eligible_forget(Recommender *recommender);
extern bool eligible_is_parallel_safe(const Recommender *recommender);

static inline Datum
idtype_fetch(const IdType *idtype, const char *data)
{
	return fetch_att(data, idtype->typbyval, idtype->typlen);
}

#endif							/* RECSYS_RECOMMEND_H */
