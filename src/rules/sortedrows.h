/*-------------------------------------------------------------------------
 *
 * sortedrows.h
 *		Rows of bytes in order, on disk where there are many.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RULES_SORTEDROWS_H
#define RECSYS_RULES_SORTEDROWS_H

#include "core/compat.h"
#include "rules/arena.h"

typedef struct SortedRows SortedRows;

extern SortedRows *sorted_rows_create(MemoryBudget *budget, Size memory, uint32 nitems,
									  uint32 max_items);
extern uint8 *sorted_rows_begin(SortedRows *rows);
extern void sorted_rows_put(SortedRows *rows, const uint8 *end);
extern uint64 sorted_rows_sort(SortedRows *rows);
extern const uint8 *sorted_rows_next(SortedRows *rows);
extern void sorted_rows_free(SortedRows *rows, MemoryBudget *budget);

/* Parts of a row: numbers compare as they are, lists of items as arrays do. */
extern uint8 *put_uint32(uint8 *p, uint32 value);
extern const uint8 *get_uint32(const uint8 *p, uint32 *value);
extern uint8 *put_uint64(uint8 *p, uint64 value);
extern uint8 *put_ranks(const SortedRows *rows, uint8 *p, const uint32 *ranks, uint32 n);
extern const uint8 *get_ranks(const SortedRows *rows, const uint8 *p, uint32 *ranks, uint32 *n);

/* Numbers that are the less the larger the value is. */
extern uint64 descending_bits(double value);
extern uint64 descending_quotient(uint32 x, uint32 y);

#endif							/* RECSYS_RULES_SORTEDROWS_H */
