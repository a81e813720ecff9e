/*-------------------------------------------------------------------------
 *
 * iddict.h
 *		Dictionary from values of any hashable type to dense numbers 0, 1, 2...
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_IDDICT_H
#define RECSYS_IDDICT_H

#include "core/compat.h"
#include "lib/stringinfo.h"

typedef struct IdDict IdDict;

/* Gets the bytes that a dictionary is about to take: may make room for them, or throw. */
typedef void (*IdDictRoom) (void *arg, Size more);

#define IDDICT_NOT_FOUND PG_UINT32_MAX

/* The values by number, of a dictionary that stays as it is, for loops. */
typedef struct IdValues
{
	const Datum *values;		/* NULL: integers that follow each other */
	int64		first;
} IdValues;

static inline Datum
id_value(const IdValues *ids, uint32 id)
{
	return ids->values ? ids->values[id] : (Datum) (ids->first + id);
}

extern IdDict *iddict_create(MemoryContext cxt, Oid type, Oid collation, const char *what);
extern void iddict_free(IdDict *dict);
extern Oid	iddict_type(const IdDict *dict);
extern Oid	iddict_collation(const IdDict *dict);
extern uint32 iddict_count(const IdDict *dict);
extern Size iddict_memory(const IdDict *dict);
extern void iddict_watch(IdDict *dict, IdDictRoom room, void *arg);
extern uint32 iddict_put(IdDict *dict, Datum value);
extern void iddict_put_many(IdDict *dict, const Datum *values, uint32 *ids, int count);
extern uint32 iddict_find(IdDict *dict, Datum value);
extern void iddict_fill(IdDict *dict, int64 first, uint32 count, const uint64 *bits);
extern bool iddict_is_integer(const IdDict *dict);
extern bool iddict_is_sorted(const IdDict *dict);
extern Datum iddict_value(const IdDict *dict, uint32 id);
extern IdValues iddict_values(const IdDict *dict);
extern void iddict_renumber(IdDict *dict, const uint32 *to);
extern uint32 *iddict_sort(IdDict *dict);
extern void iddict_serialize(IdDict *dict, StringInfo buf);
extern IdDict *iddict_deserialize(MemoryContext cxt, StringInfo buf, const char *what);

#endif							/* RECSYS_IDDICT_H */
