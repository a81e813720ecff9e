/*-------------------------------------------------------------------------
 *
 * iddict.c
 *		Dictionary from values of any hashable type to dense numbers 0, 1, 2...
 *
 * Users, items and baskets come as bigint, text, uuid or anything else that
 * PostgreSQL can hash; algorithms want small consecutive integers.  Numbers
 * are given in the order in which values are first seen, so they depend on
 * the row order: results that must not are put in order with iddict_sort().
 *
 * Integers take a path of their own: the key is in the hash table and no
 * function is called.  Values of every other type stay in their own memory,
 * hashed and compared by the type's default hash operator class, with the
 * collation that was given.
 *
 * Memory: 16 to 32 bytes of hash table and 8 of value array per distinct
 * value, and the values themselves where they are passed by reference.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "core/iddict.h"

typedef struct IntEntry
{
	int64		key;
	uint32		id;
	char		status;
} IntEntry;

typedef struct AnyEntry
{
	uint32		id;				/* the key is values[id] */
	uint32		hash;
	char		status;
} AnyEntry;

/* splitmix64's finalizer: consecutive ids must not end up in consecutive buckets */
static inline uint32
hash_int64(int64 key)
{
	uint64		h = (uint64) key;

	h ^= h >> 30;
	h *= UINT64CONST(0xbf58476d1ce4e5b9);
	h ^= h >> 27;
	h *= UINT64CONST(0x94d049bb133111eb);
	h ^= h >> 31;
	return (uint32) h;
}

#define SH_PREFIX intids
#define SH_ELEMENT_TYPE IntEntry
#define SH_KEY_TYPE int64
#define SH_KEY key
#define SH_HASH_KEY(tb, k) hash_int64(k)
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/*
 * The table of the general path is keyed by number: that of a stored value,
 * or IDDICT_NOT_FOUND for the value that is being looked up.
 */
static inline uint32 anyids_hash_of(IdDict *dict, uint32 id);
static inline bool anyids_equal(IdDict *dict, uint32 a, uint32 b);

#define SH_PREFIX anyids
#define SH_ELEMENT_TYPE AnyEntry
#define SH_KEY_TYPE uint32
#define SH_KEY id
#define SH_HASH_KEY(tb, k) anyids_hash_of((IdDict *) (tb)->private_data, (k))
#define SH_EQUAL(tb, a, b) anyids_equal((IdDict *) (tb)->private_data, (a), (b))
#define SH_STORE_HASH
#define SH_GET_HASH(tb, entry) ((entry)->hash)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct IdDict
{
	MemoryContext cxt;
	const char *what;			/* "item": for messages */
	Oid			type;
	Oid			collation;
	bool		isint;			/* int2, int4 or int8 */
	bool		typbyval;
	int16		typlen;
	bool		bytewise;		/* equal if and only if the bytes are */
	uint32		count;
	uint32		capacity;
	Datum	   *values;			/* by number */
	intids_hash *ints;
	anyids_hash *anys;
	FmgrInfo	hash;
	FmgrInfo	equal;
	/* the value that is being looked up in anys */
	Datum		probe;
	uint32		probe_hash;
};

static inline uint32
anyids_hash_of(IdDict *dict, uint32 id)
{
	Assert(id == IDDICT_NOT_FOUND);
	return dict->probe_hash;
}

static inline bool
anyids_equal(IdDict *dict, uint32 a, uint32 b)
{
	Datum		x = a == IDDICT_NOT_FOUND ? dict->probe : dict->values[a];
	Datum		y = b == IDDICT_NOT_FOUND ? dict->probe : dict->values[b];

	if (dict->bytewise)
	{
		struct varlena *vx = (struct varlena *) DatumGetPointer(x);
		struct varlena *vy = (struct varlena *) DatumGetPointer(y);

		return VARSIZE_ANY_EXHDR(vx) == VARSIZE_ANY_EXHDR(vy) &&
			memcmp(VARDATA_ANY(vx), VARDATA_ANY(vy), VARSIZE_ANY_EXHDR(vx)) == 0;
	}
	return DatumGetBool(FunctionCall2Coll(&dict->equal, dict->collation, x, y));
}

static inline int64
int_value(const IdDict *dict, Datum value)
{
	switch (dict->typlen)
	{
		case 2:
			return DatumGetInt16(value);
		case 4:
			return DatumGetInt32(value);
		default:
			return DatumGetInt64(value);
	}
}

/*
 * Creates an empty dictionary in a memory context.  what names the values in
 * error messages.  Errors: undefined function where the type cannot be hashed,
 * indeterminate collation where a text type comes without one.
 */
IdDict *
iddict_create(MemoryContext cxt, Oid type, Oid collation, const char *what)
{
	IdDict	   *dict = MemoryContextAllocZero(cxt, sizeof(IdDict));

	dict->cxt = cxt;
	dict->what = what;
	dict->type = getBaseType(type);
	dict->collation = collation;
	get_typlenbyval(dict->type, &dict->typlen, &dict->typbyval);
	dict->isint = dict->type == INT2OID || dict->type == INT4OID || dict->type == INT8OID;
	dict->capacity = 64;
	dict->values = MemoryContextAlloc(cxt, dict->capacity * sizeof(Datum));

	if (dict->isint)
		dict->ints = intids_create(cxt, 64, NULL);
	else
	{
		TypeCacheEntry *entry = lookup_type_cache(dict->type,
												  TYPECACHE_HASH_PROC | TYPECACHE_EQ_OPR);
		Oid			equal = OidIsValid(entry->eq_opr) ? get_opcode(entry->eq_opr) : InvalidOid;

		if (!OidIsValid(entry->hash_proc) || !OidIsValid(equal))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FUNCTION),
					 errmsg("type %s cannot be used for %s: it has no hash function",
							format_type_be(dict->type), what),
					 errhint("Cast it to a type with a default hash operator class, such as bigint, text or uuid.")));
		if (OidIsValid(get_typcollation(dict->type)))
		{
			if (!OidIsValid(collation))
				ereport(ERROR,
						(errcode(ERRCODE_INDETERMINATE_COLLATION),
						 errmsg("could not determine which collation to use for %s", what),
						 errhint("Use the COLLATE clause to set the collation explicitly.")));
			dict->bytewise = dict->type == TEXTOID && get_collation_isdeterministic(collation);
		}
		fmgr_info_cxt(entry->hash_proc, &dict->hash, cxt);
		fmgr_info_cxt(equal, &dict->equal, cxt);
		dict->anys = anyids_create(cxt, 64, dict);
	}
	return dict;
}

/* Type of the values: the base type where a domain was given. */
Oid
iddict_type(const IdDict *dict)
{
	return dict->type;
}

Oid
iddict_collation(const IdDict *dict)
{
	return dict->collation;
}

/* Number of distinct values: their numbers are 0 to this minus 1. */
uint32
iddict_count(const IdDict *dict)
{
	return dict->count;
}

static uint32
append_value(IdDict *dict, Datum value)
{
	if (dict->count == dict->capacity)
	{
		/* numbers must fit into 31 bits: algorithms use the sign as a mark */
		if (dict->count >= PG_INT32_MAX / 2)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("too many distinct values of %s", dict->what),
					 errdetail("At most %d can be handled at once.", PG_INT32_MAX / 2)));
		dict->capacity *= 2;
		dict->values = repalloc_huge(dict->values, dict->capacity * sizeof(Datum));
	}
	if (!dict->typbyval)
	{
		MemoryContext old = MemoryContextSwitchTo(dict->cxt);

		value = datumCopy(value, false, dict->typlen);
		MemoryContextSwitchTo(old);
	}
	dict->values[dict->count] = value;
	return dict->count++;
}

/* Sets the probe; returns it detoasted where it has to be. */
static inline Datum
set_probe(IdDict *dict, Datum value)
{
	if (dict->typlen == -1)
		value = PointerGetDatum(PG_DETOAST_DATUM_PACKED(value));
	dict->probe = value;
	if (dict->bytewise)
		dict->probe_hash = DatumGetUInt32(hash_any((unsigned char *) VARDATA_ANY(DatumGetPointer(value)),
												   VARSIZE_ANY_EXHDR(DatumGetPointer(value))));
	else
		dict->probe_hash = DatumGetUInt32(FunctionCall1Coll(&dict->hash, dict->collation, value));
	return value;
}

/* Number of a value, which becomes the next free one where it is new. */
uint32
iddict_put(IdDict *dict, Datum value)
{
	bool		found;

	if (dict->isint)
	{
		IntEntry   *entry = intids_insert(dict->ints, int_value(dict, value), &found);

		if (!found)
			entry->id = append_value(dict, value);
		return entry->id;
	}
	else
	{
		AnyEntry   *entry;

		value = set_probe(dict, value);
		entry = anyids_insert(dict->anys, IDDICT_NOT_FOUND, &found);
		if (!found)
		{
			/* until it has its number the entry must not be seen by the table */
			entry->hash = dict->probe_hash;
			entry->id = append_value(dict, value);
		}
		return entry->id;
	}
}

/* Number of a value, or IDDICT_NOT_FOUND. */
uint32
iddict_find(IdDict *dict, Datum value)
{
	if (dict->isint)
	{
		IntEntry   *entry = intids_lookup(dict->ints, int_value(dict, value));

		return entry ? entry->id : IDDICT_NOT_FOUND;
	}
	else
	{
		AnyEntry   *entry;

		set_probe(dict, value);
		entry = anyids_lookup(dict->anys, IDDICT_NOT_FOUND);
		return entry ? entry->id : IDDICT_NOT_FOUND;
	}
}

/* Value of a number; by reference it points into the dictionary. */
Datum
iddict_value(const IdDict *dict, uint32 id)
{
	Assert(id < dict->count);
	return dict->values[id];
}

typedef struct SortKey
{
	Datum		value;
	uint32		id;
} SortKey;

typedef struct SortContext
{
	FmgrInfo   *compare;
	Oid			collation;
} SortContext;

static int
compare_keys(const void *a, const void *b, void *arg)
{
	SortContext *context = (SortContext *) arg;

	return DatumGetInt32(FunctionCall2Coll(context->compare, context->collation,
										   ((const SortKey *) a)->value,
										   ((const SortKey *) b)->value));
}

static int
compare_int_keys(const void *a, const void *b)
{
	int64		x = (int64) ((const SortKey *) a)->value;
	int64		y = (int64) ((const SortKey *) b)->value;

	return (x > y) - (x < y);
}

/*
 * Ranks of all numbers in the order of their values: result[id] is 0 for the
 * least value.  A type without a btree order is ordered by its text form.
 * The array is allocated in the current memory context.
 */
uint32 *
iddict_sort(IdDict *dict)
{
	Size		size = Max(dict->count, 1) * sizeof(SortKey);
	SortKey    *keys = MemoryContextAllocHuge(CurrentMemoryContext, size);
	uint32	   *ranks = MemoryContextAllocHuge(CurrentMemoryContext,
											   Max(dict->count, 1) * sizeof(uint32));
	uint32		i;

	for (i = 0; i < dict->count; i++)
	{
		keys[i].id = i;
		keys[i].value = dict->isint ? (Datum) int_value(dict, dict->values[i]) : dict->values[i];
	}
	if (dict->isint)
		qsort(keys, dict->count, sizeof(SortKey), compare_int_keys);
	else
	{
		TypeCacheEntry *entry = lookup_type_cache(dict->type, TYPECACHE_CMP_PROC_FINFO);
		SortContext context;
		FmgrInfo	texts;

		context.compare = &entry->cmp_proc_finfo;
		context.collation = dict->collation;
		if (!OidIsValid(entry->cmp_proc))
		{
			Oid			output;
			bool		isvarlena;

			getTypeOutputInfo(dict->type, &output, &isvarlena);
			for (i = 0; i < dict->count; i++)
				keys[i].value = CStringGetTextDatum(OidOutputFunctionCall(output, keys[i].value));
			fmgr_info(F_BTTEXTCMP, &texts);
			context.compare = &texts;
			context.collation = C_COLLATION_OID;
		}
		qsort_arg(keys, dict->count, sizeof(SortKey), compare_keys, &context);
	}
	for (i = 0; i < dict->count; i++)
		ranks[keys[i].id] = i;
	pfree(keys);
	return ranks;
}

/*
 * Appends type and values to a partial aggregate's serialized state.  It is
 * meant for another process of the same server: types go by their oid.
 */
void
iddict_serialize(IdDict *dict, StringInfo buf)
{
	uint32		i;

	pq_sendint32(buf, dict->type);
	pq_sendint32(buf, dict->collation);
	pq_sendint32(buf, dict->count);
	for (i = 0; i < dict->count; i++)
	{
		Datum		value = dict->values[i];

		if (dict->isint)
			pq_sendint64(buf, int_value(dict, value));
		else
		{
			Size		size = dict->typbyval ? sizeof(Datum) :
				datumGetSize(value, false, dict->typlen);

			if (dict->typlen < 0)
				pq_sendint32(buf, size);
			appendBinaryStringInfo(buf, dict->typbyval ? (char *) &value :
								   DatumGetPointer(value), size);
		}
	}
}

/* Reads what iddict_serialize() wrote; numbers are those of the original. */
IdDict *
iddict_deserialize(MemoryContext cxt, StringInfo buf, const char *what)
{
	Oid			type = pq_getmsgint(buf, 4);
	Oid			collation = pq_getmsgint(buf, 4);
	uint32		count = pq_getmsgint(buf, 4);
	IdDict	   *dict = iddict_create(cxt, type, collation, what);
	uint32		i;

	for (i = 0; i < count; i++)
	{
		Datum		value;
		uint32		id;

		if (dict->isint)
		{
			int64		key = pq_getmsgint64(buf);

			value = dict->typlen == 2 ? Int16GetDatum((int16) key) :
				dict->typlen == 4 ? Int32GetDatum((int32) key) : Int64GetDatum(key);
		}
		else if (dict->typbyval)
			memcpy(&value, pq_getmsgbytes(buf, sizeof(Datum)), sizeof(Datum));
		else
		{
			int			size = dict->typlen > 0 ? dict->typlen : (int) pq_getmsgint(buf, 4);
			const char *bytes = pq_getmsgbytes(buf, size);
			char	   *copy = palloc(size + 1);	/* bytes in buf are not aligned */

			memcpy(copy, bytes, size);
			if (dict->typlen == -1 && (size < VARHDRSZ_SHORT || VARSIZE_ANY(copy) != size))
				elog(ERROR, "invalid partial state: bad length of a value");
			value = PointerGetDatum(copy);
		}
		id = iddict_put(dict, value);
		if (!dict->isint && !dict->typbyval)
			pfree(DatumGetPointer(value));
		if (id != i)
			elog(ERROR, "invalid partial state: a value is there twice");
	}
	return dict;
}
