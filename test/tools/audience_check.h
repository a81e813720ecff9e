/* What audience_check.cc sees of the code under test: sets as opaque pointers. */
#ifndef AUDIENCE_CHECK_H
#define AUDIENCE_CHECK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef const void *set_t;

/* NULL and *why where the bytes are rejected */
extern set_t our_import(const unsigned char *bytes, size_t size, const char **why);
extern const unsigned char *our_export(set_t set, size_t *size);
extern set_t our_op(int op, set_t a, set_t b);	/* 0 and, 1 or, 2 xor, 3 and not */
extern uint64_t our_card(set_t set);
extern uint64_t our_and_card(set_t a, set_t b);
extern uint64_t our_and_card_many(const set_t *sets, int n);
extern set_t our_union(const set_t *sets, int n);
extern set_t our_build(const int64_t *ids, size_t n, int work_mem_kb);
extern int our_includes(set_t a, set_t b);
extern int our_disjoint(set_t a, set_t b);
extern set_t our_between(set_t set, int64_t from, int64_t to);
/* calls back with each id, ascending as int64; returns how many */
extern uint64_t our_walk(set_t set, int64_t *ids, uint64_t max);
extern void our_free_all(void);

#ifdef __cplusplus
}
#endif
#endif
