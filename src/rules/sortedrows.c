/*-------------------------------------------------------------------------
 *
 * sortedrows.c
 *		Rows of bytes in order, on disk where there are many.
 *
 * What does not fit into memory is written as rows whose bytes compare as the
 * rows are to be ordered, and goes through PostgreSQL's tuplesort, which keeps
 * to its memory and has its files removed whatever happens.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/tuplesort.h"
#include "utils/typcache.h"

#include "rules/sortedrows.h"

struct SortedRows
{
	Tuplesortstate *sort;
	MemoryContext cxt;
	Size		memory;			/* of the sort, in bytes */
	int			width;			/* bytes of an item */
	bytea	   *row;			/* the one that is written, or was read */
	bytea	   *buffer;			/* for rows that are written */
	uint64		n;
};

/*
 * Rows of items numbered below nitems, of which a row has max_items at most.
 * About so many bytes of memory are used, which are not those of the budget's
 * context but taken into account there.
 */
SortedRows *
sorted_rows_create(MemoryBudget *budget, Size memory, uint32 nitems, uint32 max_items)
{
	TypeCacheEntry *type = lookup_type_cache(BYTEAOID, TYPECACHE_LT_OPR);
	MemoryContext cxt = AllocSetContextCreate(MemoryContextGetParent(budget->cxt),
											  "recsys rules sort", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	SortedRows *rows = palloc0_object(SortedRows);

	rows->cxt = cxt;
	rows->memory = memory;
	/* 0 ends a list */
	rows->width = nitems < 0xffff ? 2 : 4;
	rows->buffer = palloc(VARHDRSZ + 128 + ((Size) max_items + 4) * rows->width);
	rows->sort = tuplesort_begin_datum(BYTEAOID, type->lt_opr, InvalidOid, false,
									   (int) Min(memory / 1024, PG_INT32_MAX), NULL, false);
	budget->elsewhere += memory;
	MemoryContextSwitchTo(old);
	return rows;
}

/* Where the next row is to be written. */
uint8 *
sorted_rows_begin(SortedRows *rows)
{
	return (uint8 *) VARDATA(rows->buffer);
}

/* Adds the row that was written, up to end. */
void
sorted_rows_put(SortedRows *rows, const uint8 *end)
{
	SET_VARSIZE(rows->buffer, end - (uint8 *) rows->buffer);
	tuplesort_putdatum(rows->sort, PointerGetDatum(rows->buffer), false);
	rows->n++;
}

/* All rows are there; returns how many. */
uint64
sorted_rows_sort(SortedRows *rows)
{
	tuplesort_performsort(rows->sort);
	return rows->n;
}

/* The next row, until the one after; NULL at the end. */
const uint8 *
sorted_rows_next(SortedRows *rows)
{
	MemoryContext old = MemoryContextSwitchTo(rows->cxt);
	Datum		value;
	bool		isnull;
	bool		found;

	if (rows->row)
		pfree(rows->row);
	found = recsys_tuplesort_getdatum(rows->sort, &value, &isnull);
	rows->row = found ? (bytea *) DatumGetPointer(value) : NULL;
	MemoryContextSwitchTo(old);
	return found ? (const uint8 *) VARDATA_ANY(rows->row) : NULL;
}

void
sorted_rows_free(SortedRows *rows, MemoryBudget *budget)
{
	budget->elsewhere -= Min(budget->elsewhere, rows->memory);
	tuplesort_end(rows->sort);
	MemoryContextDelete(rows->cxt);
}

uint8 *
put_uint32(uint8 *p, uint32 value)
{
	*p++ = (uint8) (value >> 24);
	*p++ = (uint8) (value >> 16);
	*p++ = (uint8) (value >> 8);
	*p++ = (uint8) value;
	return p;
}

const uint8 *
get_uint32(const uint8 *p, uint32 *value)
{
	*value = (uint32) p[0] << 24 | (uint32) p[1] << 16 | (uint32) p[2] << 8 | p[3];
	return p + 4;
}

uint8 *
put_uint64(uint8 *p, uint64 value)
{
	return put_uint32(put_uint32(p, (uint32) (value >> 32)), (uint32) value);
}

uint8 *
put_ranks(const SortedRows *rows, uint8 *p, const uint32 *ranks, uint32 n)
{
	uint32		i;

	for (i = 0; i <= n; i++)
	{
		uint32		value = i < n ? ranks[i] + 1 : 0;

		if (rows->width == 4)
		{
			p = put_uint32(p, value);
			continue;
		}
		*p++ = (uint8) (value >> 8);
		*p++ = (uint8) value;
	}
	return p;
}

const uint8 *
get_ranks(const SortedRows *rows, const uint8 *p, uint32 *ranks, uint32 *n)
{
	for (*n = 0;;)
	{
		uint32		value = 0;
		int			i;

		for (i = 0; i < rows->width; i++)
			value = value << 8 | *p++;
		if (value == 0)
			return p;
		ranks[(*n)++] = value - 1;
	}
}

/* Of a number that is no NaN. */
uint64
descending_bits(double value)
{
	uint64		bits;

	value += 0.0;				/* -0 is 0 */
	memcpy(&bits, &value, sizeof(bits));
	return bits >> 63 ? bits : ~(bits | UINT64CONST(1) << 63);
}

/*
 * Of x / y, which is 1 at most, exactly: these are its first 63 binary digits,
 * and with numbers below 2^31 two quotients that differ at all do so by 2^-62
 * at least.
 */
uint64
descending_quotient(uint32 x, uint32 y)
{
	uint64		scaled = (uint64) x << 31;

	return ~((scaled / y) << 32 | (scaled % y << 32) / y);
}
