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
 * A table of numbers, open addressing with linear probing, leads to the array
 * of values, where keys are compared.  Integers take a path of their own: no
 * function is called, and where they are close together, as serial numbers are,
 * the table has a place for each integer from the least to the greatest, so that
 * nothing is hashed or compared.  Values of every other type stay in memory of the
 * dictionary, hashed and compared by the type's default hash operator class,
 * with the collation that was given.
 *
 * Memory: 4 to 16 bytes of table and 8 to 16 of value array per distinct
 * value; for types other than integers 4 to 8 for its hash, and the value
 * itself where it is passed by reference.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "port/pg_bitutils.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "core/aggregate.h"
#include "core/iddict.h"
#include "core/numbers.h"

#define INITIAL_SLOTS 128
#define FREE_SLOT PG_UINT32_MAX

/* A direct table has at most so many slots for each value when it is made. */
#define DIRECT_SLOTS 4

/* Values that iddict_put_many() looks for at a time. */
#define MANY 64

struct IdDict
{
	MemoryContext cxt;			/* its own */
	const char *what;			/* "item": for messages */
	Oid			type;
	Oid			collation;
	bool		isint;			/* int2, int4 or int8, by value */
	bool		typbyval;
	int16		typlen;
	bool		bytewise;		/* equal if and only if the bytes are */
	uint32		count;
	uint32		capacity;		/* of the arrays by number */
	Datum	   *values;			/* by number; integers as int64; NULL: first, and those after it */
	int64		first;
	bool		sorted;			/* values are in order */
	uint32	   *hashes;			/* by number; NULL for integers */
	uint32	   *slots;			/* numbers; NULL: nothing is looked for any more */
	uint32		mask;			/* number of slots, a power of 2, minus 1 */
	bool		direct;			/* the slot of an integer is its distance from base */
	uint64		base;
	uint64		nslots;
	FmgrInfo	hash;
	FmgrInfo	equal;
	IdDictRoom	room;			/* or NULL */
	void	   *room_arg;
	Size		watched;		/* memory that it was told of */
};

static inline uint32
hash_int64(int64 key)
{
	return (uint32) mix64((uint64) key);
}

/* An integer as the dictionary keeps it, sign-extended. */
static inline Datum
int_key(const IdDict *dict, Datum value)
{
	switch (dict->typlen)
	{
		case 2:
			return (Datum) (int64) DatumGetInt16(value);
		case 4:
			return (Datum) (int64) DatumGetInt32(value);
		default:
			return value;
	}
}

static inline bool
equal_values(IdDict *dict, Datum a, Datum b)
{
	if (dict->bytewise)
	{
		struct varlena *x = (struct varlena *) DatumGetPointer(a);
		struct varlena *y = (struct varlena *) DatumGetPointer(b);

		return VARSIZE_ANY_EXHDR(x) == VARSIZE_ANY_EXHDR(y) &&
			memcmp(VARDATA_ANY(x), VARDATA_ANY(y), VARSIZE_ANY_EXHDR(x)) == 0;
	}
	return DatumGetBool(FunctionCall2Coll(&dict->equal, dict->collation, a, b));
}

static uint32 *
create_slots(IdDict *dict, Size count)
{
	uint32	   *slots = MemoryContextAllocHuge(dict->cxt, count * sizeof(uint32));

	memset(slots, 0xff, count * sizeof(uint32));
	dict->mask = (uint32) (count - 1);
	dict->nslots = count;
	return slots;
}

/*
 * Creates an empty dictionary in a memory context.  what names the values in
 * error messages.  Errors: undefined function where the type cannot be hashed,
 * indeterminate collation where a text type comes without one.
 */
IdDict *
iddict_create(MemoryContext cxt, Oid type, Oid collation, const char *what)
{
	MemoryContext own = AllocSetContextCreate(cxt, "recsys dictionary", ALLOCSET_DEFAULT_SIZES);
	IdDict	   *dict = MemoryContextAllocZero(own, sizeof(IdDict));

	dict->cxt = own;
	dict->what = what;
	dict->type = getBaseType(type);
	dict->collation = collation;
	get_typlenbyval(dict->type, &dict->typlen, &dict->typbyval);
	dict->isint = dict->typbyval &&
		(dict->type == INT2OID || dict->type == INT4OID || dict->type == INT8OID);
	dict->capacity = 64;
	dict->values = MemoryContextAlloc(own, (Size) dict->capacity * sizeof(Datum));
	dict->slots = create_slots(dict, INITIAL_SLOTS);

	if (!dict->isint)
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
		fmgr_info_cxt(entry->hash_proc, &dict->hash, own);
		fmgr_info_cxt(equal, &dict->equal, own);
		dict->hashes = MemoryContextAlloc(own, (Size) dict->capacity * sizeof(uint32));
	}
	return dict;
}

/* Frees the dictionary, with the values that are passed by reference. */
void
iddict_free(IdDict *dict)
{
	MemoryContextDelete(dict->cxt);
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

/* Bytes that it takes. */
Size
iddict_memory(const IdDict *dict)
{
	return MemoryContextMemAllocated(dict->cxt, true);
}

/* From now on room is called before the dictionary takes more memory. */
void
iddict_watch(IdDict *dict, IdDictRoom room, void *arg)
{
	dict->room = room;
	dict->room_arg = arg;
}

static inline void
ask_for_room(const IdDict *dict, Size more)
{
	if (dict->room)
		dict->room(dict->room_arg, more);
}

/* The slot of a key, or the free one where it belongs. */
static inline uint32
find_slot(IdDict *dict, Datum key, uint32 hash)
{
	uint32		slot;
	uint32		id;

	if (dict->direct)
		return (uint32) ((uint64) datum_int64(key) - dict->base);
	slot = hash & dict->mask;
	while ((id = dict->slots[slot]) != FREE_SLOT)
	{
		if (dict->isint ? dict->values[id] == key :
			dict->hashes[id] == hash && equal_values(dict, dict->values[id], key))
			break;
		slot = (slot + 1) & dict->mask;
	}
	return slot;
}

/* Puts all values into a table of so many slots, direct from base on or hashed. */
static void
rebuild_slots(IdDict *dict, bool direct, uint64 base, Size nslots)
{
	uint32		id;

	if (nslots > dict->nslots)
		ask_for_room(dict, (nslots - dict->nslots) * sizeof(uint32));
	pfree(dict->slots);
	dict->slots = create_slots(dict, nslots);
	dict->direct = direct;
	dict->base = base;
	for (id = 0; id < dict->count; id++)
	{
		uint64		slot;

		if ((id & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (direct)
			slot = (uint64) datum_int64(dict->values[id]) - base;
		else
		{
			slot = (dict->isint ? hash_int64(datum_int64(dict->values[id])) :
					dict->hashes[id]) & dict->mask;
			while (dict->slots[slot] != FREE_SLOT)
				slot = (slot + 1) & dict->mask;
		}
		dict->slots[slot] = id;
	}
}

/* So many slots from base on, or as many as there are integers. */
static inline Size
clamp_slots(uint64 base, uint64 nslots)
{
	return Min(nslots - 1, (uint64) PG_INT64_MAX - base) + 1;
}

/* Twice as many slots, or a direct table where the integers are close enough together. */
static void
grow_slots(IdDict *dict)
{
	int64		least = PG_INT64_MAX;
	int64		greatest = PG_INT64_MIN;
	uint64		most = (uint64) dict->count * DIRECT_SLOTS;
	uint64		span;
	uint32		id;

	for (id = 0; id < dict->count && dict->isint; id++)
	{
		if ((id & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		least = Min(least, datum_int64(dict->values[id]));
		greatest = Max(greatest, datum_int64(dict->values[id]));
	}
	span = (uint64) greatest - (uint64) least;
	if (dict->isint && span < most - most / 5)
		/* with room for more: ids grow at the upper end */
		rebuild_slots(dict, true, (uint64) least,
					  clamp_slots((uint64) least, Min(most, span * 2)));
	else
		rebuild_slots(dict, false, 0, ((Size) dict->mask + 1) * 2);
}

/*
 * Makes a direct table cover another integer.  It grows by a good part, so that
 * this is rare; where that would make it too large it is hashed from now on.
 */
static void
cover_key(IdDict *dict, uint64 key)
{
	uint64		most = (uint64) dict->count * DIRECT_SLOTS;
	uint64		room = dict->nslots / 4;
	/* one of them has wrapped around */
	uint64		above = key - dict->base;
	uint64		below = dict->base - key;

	if (above < most && above + room < most)
		rebuild_slots(dict, true, dict->base,
					  clamp_slots(dict->base, Max(above + room, Min(dict->nslots * 2, most))));
	else if (below < most && below + room + dict->nslots < most)
	{
		room = Min(room, key - (uint64) PG_INT64_MIN);
		rebuild_slots(dict, true, key - room, below + room + dict->nslots);
	}
	else
	{
		Size		nslots = INITIAL_SLOTS;

		while (nslots * 2 / 3 <= dict->count)
			nslots *= 2;
		rebuild_slots(dict, false, 0, nslots);
	}
}

static uint32
append_value(IdDict *dict, Datum value, uint32 hash, uint32 slot)
{
	if (dict->count == dict->capacity)
	{
		/* numbers must fit into 31 bits: algorithms use the sign as a mark */
		if (dict->count >= PG_INT32_MAX / 2)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("too many distinct values of %s", dict->what),
					 errdetail("At most %d can be handled at once.", PG_INT32_MAX / 2)));
		ask_for_room(dict, (Size) dict->capacity *
					 (sizeof(Datum) + (dict->hashes ? sizeof(uint32) : 0)));
		dict->capacity *= 2;
		dict->values = repalloc_huge(dict->values, (Size) dict->capacity * sizeof(Datum));
		if (dict->hashes)
			dict->hashes = repalloc_huge(dict->hashes, (Size) dict->capacity * sizeof(uint32));
	}
	if (!dict->typbyval)
	{
		MemoryContext old = MemoryContextSwitchTo(dict->cxt);

		value = datumCopy(value, false, dict->typlen);
		MemoryContextSwitchTo(old);
		/* values are small beside the block that one of them needs now and then */
		if (dict->room && dict->watched != MemoryContextMemAllocated(dict->cxt, false))
		{
			dict->watched = MemoryContextMemAllocated(dict->cxt, false);
			ask_for_room(dict, 0);
		}
	}
	dict->values[dict->count] = value;
	if (dict->hashes)
		dict->hashes[dict->count] = hash;
	dict->slots[slot] = dict->count++;
	/* at most two thirds are taken */
	if (!dict->direct && dict->count > (dict->mask + UINT64CONST(1)) * 2 / 3)
		grow_slots(dict);
	return dict->count - 1;
}

/* The key and the hash of a value, which is detoasted where it has to be. */
static inline Datum
make_key(IdDict *dict, Datum value, uint32 *hash)
{
	if (dict->isint)
	{
		value = int_key(dict, value);
		/* a direct table may become another before the value is put into it */
		*hash = hash_int64(datum_int64(value));
		return value;
	}
	if (dict->typlen == -1)
		value = PointerGetDatum(PG_DETOAST_DATUM_PACKED(value));
	if (dict->bytewise)
		*hash = DatumGetUInt32(hash_any((unsigned char *) VARDATA_ANY(DatumGetPointer(value)),
										VARSIZE_ANY_EXHDR(DatumGetPointer(value))));
	else
		*hash = DatumGetUInt32(FunctionCall1Coll(&dict->hash, dict->collation, value));
	return value;
}

static inline uint32
put_key(IdDict *dict, Datum key, uint32 hash)
{
	uint32		slot;
	uint32		id;

	if (dict->direct && (uint64) datum_int64(key) - dict->base >= dict->nslots)
		cover_key(dict, (uint64) datum_int64(key));
	slot = find_slot(dict, key, hash);
	id = dict->slots[slot];

	return id != FREE_SLOT ? id : append_value(dict, key, hash, slot);
}

/* Number of a value, which becomes the next free one where it is new. */
uint32
iddict_put(IdDict *dict, Datum value)
{
	uint32		hash;
	Datum		key = make_key(dict, value, &hash);

	return put_key(dict, key, hash);
}

/* Asks for the slots of keys, and where that helps for the values behind them. */
static inline void
prefetch_slots(IdDict *dict, const Datum *keys, const uint32 *hashes, int n)
{
	int			i;

	for (i = 0; i < n && dict->direct; i++)
		if ((uint64) datum_int64(keys[i]) - dict->base < dict->nslots)
			__builtin_prefetch(&dict->slots[(uint64) datum_int64(keys[i]) - dict->base]);
	for (i = 0; i < n && !dict->direct; i++)
		__builtin_prefetch(&dict->slots[hashes[i] & dict->mask]);
	for (i = 0; i < n && dict->isint && !dict->direct; i++)
	{
		uint32		id = dict->slots[hashes[i] & dict->mask];

		if (id != FREE_SLOT)
			__builtin_prefetch(&dict->values[id]);
	}
}

/*
 * The same for many values.  The table of millions of them is in no cache, so
 * memory is asked for what a value needs while those before it are worked on.
 */
void
iddict_put_many(IdDict *dict, const Datum *values, uint32 *ids, int count)
{
	int			start;

	for (start = 0; start < count; start += MANY)
	{
		int			n = Min(count - start, MANY);
		Datum		keys[MANY];
		uint32		hashes[MANY];
		int			i;

		for (i = 0; i < n; i++)
			keys[i] = make_key(dict, values[start + i], &hashes[i]);
		prefetch_slots(dict, keys, hashes, n);
		for (i = 0; i < n; i++)
			ids[start + i] = put_key(dict, keys[i], hashes[i]);
	}
}

/* Number of a value, or IDDICT_NOT_FOUND. */
uint32
iddict_find(IdDict *dict, Datum value)
{
	uint32		hash;
	Datum		key = make_key(dict, value, &hash);
	uint32		id;

	if (dict->direct && (uint64) datum_int64(key) - dict->base >= dict->nslots)
		return IDDICT_NOT_FOUND;
	id = dict->slots[find_slot(dict, key, hash)];
	return id != FREE_SLOT ? id : IDDICT_NOT_FOUND;
}

/*
 * Gives values other numbers: to[id] in place of id.  Afterwards they can only
 * be got by their numbers; the memory that finding them takes is free.
 */
void
iddict_renumber(IdDict *dict, const uint32 *to)
{
	Datum	   *values = MemoryContextAllocHuge(dict->cxt, Max(dict->count, 1) * sizeof(Datum));
	uint32		id;

	for (id = 0; id < dict->count; id++)
	{
		if ((id & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		values[to[id]] = iddict_value(dict, id);
	}
	if (dict->values)
		pfree(dict->values);
	if (dict->slots)
		pfree(dict->slots);
	if (dict->hashes)
		pfree(dict->hashes);
	dict->values = values;
	dict->slots = dict->hashes = NULL;
	dict->capacity = dict->count;
	dict->sorted = false;
}

/* Are values integers that iddict_fill() can put in? */
bool
iddict_is_integer(const IdDict *dict)
{
	return dict->isint;
}

/*
 * Fills an empty dictionary with count integers in ascending order: those whose
 * distance from the first is set in a bitmap, or without one first and all that
 * follow it.  Afterwards they can only be got by their numbers.
 */
void
iddict_fill(IdDict *dict, int64 first, uint32 count, const uint64 *bits)
{
	uint32		id = 0;
	Size		word;

	Assert(dict->isint && dict->count == 0);
	pfree(dict->slots);
	pfree(dict->values);
	dict->slots = NULL;
	dict->values = NULL;
	dict->count = dict->capacity = count;
	dict->first = first;
	dict->sorted = true;
	if (bits == NULL)
		return;
	dict->values = MemoryContextAllocHuge(dict->cxt, Max(count, 1) * sizeof(Datum));
	for (word = 0; id < count; word++)
	{
		uint64		left = bits[word];

		if ((word & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		for (; left != 0; left &= left - 1)
			dict->values[id++] = (Datum) (first + (int64) (word * 64 + pg_rightmost_one_pos64(left)));
	}
}

/* Are numbers in the order of values? */
bool
iddict_is_sorted(const IdDict *dict)
{
	return dict->sorted;
}

/* Value of a number; by reference it points into the dictionary. */
Datum
iddict_value(const IdDict *dict, uint32 id)
{
	Assert(id < dict->count);
	return dict->values ? dict->values[id] : (Datum) (dict->first + id);
}

IdValues
iddict_values(const IdDict *dict)
{
	return (IdValues) {dict->values, dict->first};
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

	CHECK_FOR_INTERRUPTS();
	return DatumGetInt32(FunctionCall2Coll(context->compare, context->collation,
										   ((const SortKey *) a)->value,
										   ((const SortKey *) b)->value));
}

static int
compare_int_keys(const void *a, const void *b)
{
	int64		x = datum_int64(((const SortKey *) a)->value);
	int64		y = datum_int64(((const SortKey *) b)->value);

	CHECK_FOR_INTERRUPTS();
	return (x > y) - (x < y);
}

/* Ranks of all numbers in a direct table, whose slots are in order. */
static void
rank_slots(const IdDict *dict, uint32 *ranks)
{
	uint32		rank = 0;
	uint64		slot;

	for (slot = 0; slot < dict->nslots; slot++)
	{
		if ((slot & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (dict->slots[slot] != FREE_SLOT)
			ranks[dict->slots[slot]] = rank++;
	}
}

/*
 * Ranks of all numbers in the order of their values: result[id] is 0 for the
 * least value.  A type without a btree order is ordered by its text form.
 * The array is allocated in the current memory context.
 */
uint32 *
iddict_sort(IdDict *dict)
{
	uint32	   *ranks = MemoryContextAllocHuge(CurrentMemoryContext,
											   Max(dict->count, 1) * sizeof(uint32));
	SortKey    *keys;
	uint32		i;

	for (i = 0; i < dict->count && dict->sorted; i++)
		ranks[i] = i;
	if (dict->sorted)
		return ranks;
	if (dict->direct)
	{
		rank_slots(dict, ranks);
		return ranks;
	}
	keys = MemoryContextAllocHuge(CurrentMemoryContext, Max(dict->count, 1) * sizeof(SortKey));
	for (i = 0; i < dict->count; i++)
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		keys[i].id = i;
		keys[i].value = dict->values[i];
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
			{
				CHECK_FOR_INTERRUPTS();
				keys[i].value = CStringGetTextDatum(OidOutputFunctionCall(output, keys[i].value));
			}
			fmgr_info(F_BTTEXTCMP, &texts);
			context.compare = &texts;
			context.collation = C_COLLATION_OID;
		}
		qsort_arg(keys, dict->count, sizeof(SortKey), compare_keys, &context);
	}
	for (i = 0; i < dict->count; i++)
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		ranks[keys[i].id] = i;
	}
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

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (dict->isint)
			pq_sendint64(buf, datum_int64(value));
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
	IdDict	   *dict;
	uint32		i;

	if (!SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(type)) ||
		(OidIsValid(collation) && !SearchSysCacheExists1(COLLOID, ObjectIdGetDatum(collation))))
		damaged_state_error();
	dict = iddict_create(cxt, type, collation, what);
	for (i = 0; i < count; i++)
	{
		Datum		value;
		uint32		id;

		CHECK_FOR_INTERRUPTS();
		if (dict->isint)
			value = (Datum) pq_getmsgint64(buf);
		else if (dict->typbyval)
			memcpy(&value, pq_getmsgbytes(buf, sizeof(Datum)), sizeof(Datum));
		else
		{
			int			size = dict->typlen > 0 ? dict->typlen : (int) pq_getmsgint(buf, 4);
			const char *bytes = pq_getmsgbytes(buf, size);
			char	   *copy = palloc(size + 1);	/* bytes in buf are not aligned */

			memcpy(copy, bytes, size);
			/* as they are in a dictionary: neither compressed nor elsewhere */
			if (dict->typlen == -1 && !(size >= VARHDRSZ_SHORT && VARATT_IS_SHORT(copy) ?
										VARSIZE_SHORT(copy) == size :
										size >= VARHDRSZ && VARATT_IS_4B_U(copy) &&
										VARSIZE_4B(copy) == size))
				damaged_state_error();
			if (dict->typlen == -2 && (size < 1 || strnlen(copy, size) != size - 1))
				damaged_state_error();
			value = PointerGetDatum(copy);
		}
		id = iddict_put(dict, value);
		if (!dict->isint && !dict->typbyval)
			pfree(DatumGetPointer(value));
		if (id != i)
			damaged_state_error();
	}
	return dict;
}
