/*-------------------------------------------------------------------------
 *
 * itemtable.c
 *		The items that one call deals with, numbered, with their scores.
 *
 * A call of recommend() adds some thousands of numbers to the scores of some
 * thousands of items; this is most of its work.  Entries are in one array in
 * the order in which items are first seen, so that numbers of items stay, and
 * walking through them is fast; a second array of 4-byte slots, open addressing
 * with linear probing, leads to them.
 *
 * The arrays belong to the recommender and are kept from call to call: asking
 * the system for megabytes of fresh memory and giving them back would cost as
 * much as the additions.  What has grown beyond KEEP_BYTES is given back.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "access/tupmacs.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "core/numbers.h"
#include "recommend/recommend.h"

#define KEEP_BYTES (4 * 1024 * 1024)
#define MIN_SLOTS 1024

/* Fills what is needed to handle ids of a type, in the current memory context. */
void
idtype_init(IdType *idtype, Oid type, Oid collation)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_CMP_PROC | TYPECACHE_HASH_PROC |
											  TYPECACHE_EQ_OPR);

	if (!OidIsValid(entry->cmp_proc) || !OidIsValid(entry->hash_proc))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("type %s cannot be used for item: it cannot be hashed and sorted",
						format_type_be(type)),
				 errhint("Cast it to a type such as bigint, text or uuid.")));
	idtype->type = type;
	idtype->collation = collation;
	idtype->array_type = get_array_type(type);
	get_typlenbyvalalign(type, &idtype->typlen, &idtype->typbyval, &idtype->typalign);
	idtype->isint = type == INT2OID || type == INT4OID || type == INT8OID;
	idtype->fast = idtype->isint && idtype->typbyval;
	idtype->bytewise = type == TEXTOID && OidIsValid(collation) &&
		get_collation_isdeterministic(collation);
	fmgr_info_cxt(entry->cmp_proc, &idtype->compare, CurrentMemoryContext);
	fmgr_info_cxt(entry->hash_proc, &idtype->hash, CurrentMemoryContext);
	fmgr_info_cxt(get_opcode(entry->eq_opr), &idtype->equal, CurrentMemoryContext);
}

/* Fibonacci hashing, folded so that low bits depend on all of the key */
static inline uint32
hash_integer(Datum item)
{
	uint64		h = (uint64) item * UINT64CONST(0x9e3779b97f4a7c15);

	return (uint32) (h ^ (h >> 32));
}

static inline uint32
hash_item(IdType *type, Datum item)
{
	if (type->fast)
		return hash_integer(item);
	if (type->bytewise)
		return DatumGetUInt32(hash_any((unsigned char *) VARDATA_ANY(DatumGetPointer(item)),
									   VARSIZE_ANY_EXHDR(DatumGetPointer(item))));
	return DatumGetUInt32(FunctionCall1Coll(&type->hash, type->collation, item));
}

static inline bool
equal_items(IdType *type, Datum a, Datum b)
{
	if (type->fast)
		return a == b;
	return idtype_equal(type, a, b);
}

/* Are two items the same? */
bool
idtype_equal(IdType *type, Datum a, Datum b)
{
	if (type->fast)
		return idtype_normal(type, a) == idtype_normal(type, b);
	if (type->bytewise)
	{
		struct varlena *x = (struct varlena *) DatumGetPointer(a);
		struct varlena *y = (struct varlena *) DatumGetPointer(b);

		return VARSIZE_ANY_EXHDR(x) == VARSIZE_ANY_EXHDR(y) &&
			memcmp(VARDATA_ANY(x), VARDATA_ANY(y), VARSIZE_ANY_EXHDR(x)) == 0;
	}
	return DatumGetBool(FunctionCall2Coll(&type->equal, type->collation, a, b));
}

/* Hash of an item: for the directory of the model's rows, too. */
uint32
idtype_hash(IdType *type, Datum item)
{
	if (type->typlen == -1)
		item = PointerGetDatum(PG_DETOAST_DATUM_PACKED(item));
	return hash_item(type, idtype_normal(type, item));
}

/* Order of two items. */
int
idtype_compare(IdType *type, Datum a, Datum b)
{
	if (type->fast)
	{
		int64		x = datum_int64(idtype_normal(type, a));
		int64		y = datum_int64(idtype_normal(type, b));

		return (x > y) - (x < y);
	}
	return DatumGetInt32(FunctionCall2Coll(&type->compare, type->collation, a, b));
}

/*
 * Empties a table, which is small again, whatever its arrays have room for.
 * Values by reference are copied into cxt.
 */
void
item_table_reset(ItemTable *table, IdType *type, MemoryContext owner, MemoryContext cxt)
{
	if (table->slots == NULL)
	{
		table->allocated = MIN_SLOTS;
		table->slots = MemoryContextAlloc(owner, table->allocated * sizeof(uint32));
		table->entries = MemoryContextAlloc(owner, table->allocated / 2 * sizeof(ItemEntry));
	}
	table->nslots = MIN_SLOTS;
	memset(table->slots, 0, table->nslots * sizeof(uint32));
	table->type = type;
	table->cxt = cxt;
	table->n = 0;
}

/* Gives back what one extraordinary call has taken. */
void
item_table_trim(ItemTable *table)
{
	if (table->slots && table->allocated / 2 * sizeof(ItemEntry) > KEEP_BYTES)
	{
		pfree(table->slots);
		pfree(table->entries);
		table->slots = NULL;
		table->entries = NULL;
	}
}

/* Gives the table so many slots, a power of 2. */
static void
resize(ItemTable *table, uint32 nslots)
{
	uint32		mask = nslots - 1;
	uint32		i;

	if (nslots > table->allocated)
	{
		table->slots = repalloc_huge(table->slots, (Size) nslots * sizeof(uint32));
		table->entries = repalloc_huge(table->entries, (Size) nslots / 2 * sizeof(ItemEntry));
		table->allocated = nslots;
	}
	table->nslots = nslots;
	memset(table->slots, 0, (Size) nslots * sizeof(uint32));
	for (i = 0; i < table->n; i++)
	{
		uint32		slot = table->entries[i].hash & mask;

		while (table->slots[slot] != 0)
			slot = (slot + 1) & mask;
		table->slots[slot] = i + 1;
	}
}

/* Makes room for n items in all, if it is not there. */
void
item_table_reserve(ItemTable *table, uint64 n)
{
	uint64		nslots = table->nslots;

	while (nslots / 2 < n)
		nslots *= 2;
	if (nslots > PG_UINT32_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many candidates for one user")));
	if (nslots > table->nslots)
		resize(table, (uint32) nslots);
}

/* The same item, detoasted and of full width. */
static inline Datum
normal_item(const IdType *type, Datum item)
{
	if (type->typlen == -1)
		item = PointerGetDatum(PG_DETOAST_DATUM_PACKED(item));
	return idtype_normal(type, item);
}

/* The slot that an item is in, or is to be put in where there is a zero. */
static inline uint32
find_slot(ItemTable *table, Datum item, uint32 hash)
{
	uint32		mask = table->nslots - 1;
	uint32		slot;

	for (slot = hash & mask; table->slots[slot] != 0; slot = (slot + 1) & mask)
	{
		ItemEntry  *entry = &table->entries[table->slots[slot] - 1];

		if (entry->hash == hash && equal_items(table->type, entry->item, item))
			break;
	}
	return slot;
}

static inline uint32
put_item(ItemTable *table, Datum item, uint32 hash)
{
	uint32		slot = find_slot(table, item, hash);
	ItemEntry  *entry;

	if (table->slots[slot] != 0)
		return table->slots[slot] - 1;

	/* never more than half full */
	if (table->n == table->nslots / 2)
	{
		item_table_reserve(table, (uint64) table->n + 1);
		slot = find_slot(table, item, hash);
	}
	if (!table->type->typbyval)
	{
		MemoryContext old = MemoryContextSwitchTo(table->cxt);

		item = datumCopy(item, false, table->type->typlen);
		MemoryContextSwitchTo(old);
	}
	entry = &table->entries[table->n++];
	table->slots[slot] = table->n;
	entry->item = item;
	entry->hash = hash;
	entry->flags = 0;
	entry->score = 0;
	return table->n - 1;
}

/* Number of an item, which becomes the next free one where it is new. */
uint32
item_table_put(ItemTable *table, Datum item)
{
	item = normal_item(table->type, item);
	return put_item(table, item, hash_item(table->type, item));
}

/* The same for n integers of a width that the compiler knows, for speed. */
static inline void
put_integers(ItemTable *table, const char *data, int n, int width, uint32 *numbers)
{
	uint32		mask = table->nslots - 1;
	uint32	   *slots = table->slots;
	ItemEntry  *entries = table->entries;
	int			i;

	for (i = 0; i < n; i++)
	{
		Datum		item = width == 4 ? (Datum) (int64) ((const int32 *) data)[i] :
			(Datum) ((const int64 *) data)[i];
		uint32		hash = hash_integer(item);
		uint32		slot = hash & mask;
		uint32		number;

		while ((number = slots[slot]) != 0 && entries[number - 1].item != item)
			slot = (slot + 1) & mask;
		if (number == 0)
		{
			slots[slot] = number = ++table->n;
			entries[number - 1].item = item;
			entries[number - 1].hash = hash;
			entries[number - 1].flags = 0;
			entries[number - 1].score = 0;
		}
		numbers[i] = number - 1;
	}
}

/*
 * Numbers of n items that lie side by side, as in an array.  Most of the work
 * of a call is done here.
 */
void
item_table_put_all(ItemTable *table, const char *data, int n, uint32 *numbers)
{
	IdType	   *type = table->type;
	int			i;

	item_table_reserve(table, (uint64) table->n + n);
	if (type->fast && type->typlen == 4)
		put_integers(table, data, n, 4, numbers);
	else if (type->fast && type->typlen == 8)
		put_integers(table, data, n, 8, numbers);
	else
		for (i = 0; i < n; i++)
		{
			numbers[i] = item_table_put(table, idtype_fetch(type, data));
			data = att_addlength_pointer(data, type->typlen, data);
			data = (const char *) att_align_nominal(data, type->typalign);
		}
}

/* Number of an item, or ITEM_NOT_FOUND. */
uint32
item_table_find(ItemTable *table, Datum item)
{
	uint32		slot;

	item = normal_item(table->type, item);
	slot = find_slot(table, item, hash_item(table->type, item));
	return table->slots[slot] == 0 ? ITEM_NOT_FOUND : table->slots[slot] - 1;
}
