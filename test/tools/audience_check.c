/*-------------------------------------------------------------------------
 *
 * audience_check.c
 *		The core of src/audience outside of the server: the few functions of the
 *		server that it calls, on malloc, and a plain C interface to it.
 *
 * Every block is its own malloc, so that the address sanitizer sees each access
 * beyond one.  What a case allocates is freed after it by our_free_all().
 *
 *-------------------------------------------------------------------------
 */
#include "audience/audience.h"

#include "audience_check.h"

/* the server puts its own in their place */
#undef fprintf
#undef qsort

void
pg_qsort(void *base, size_t n, size_t size, int (*compare) (const void *, const void *))
{
	qsort(base, n, size, compare);
}

/* ---- memory ---- */

typedef struct Block
{
	struct Block *next;
	struct Block *prev;
	Size		size;
	Size		unused;
} Block;

static Block blocks = {&blocks, &blocks, 0, 0};

MemoryContext CurrentMemoryContext = NULL;
MemoryContext TopMemoryContext = NULL;
int			work_mem = 4096;
volatile sig_atomic_t InterruptPending = false;

static void *
allocate(Size size)
{
	Block	   *block = malloc(sizeof(Block) + size);

	if (block == NULL)
		abort();
	block->size = size;
	block->next = blocks.next;
	block->prev = &blocks;
	blocks.next->prev = block;
	blocks.next = block;
	return block + 1;
}

void
pfree(void *pointer)
{
	Block	   *block = (Block *) pointer - 1;

	block->next->prev = block->prev;
	block->prev->next = block->next;
	free(block);
}

void *
palloc(Size size)
{
	return allocate(size);
}

void *
palloc0(Size size)
{
	return memset(allocate(size), 0, size);
}

void *
repalloc(void *pointer, Size size)
{
	void	   *result = allocate(size);

	memcpy(result, pointer, Min(size, ((Block *) pointer - 1)->size));
	pfree(pointer);
	return result;
}

void *
MemoryContextAlloc(MemoryContext cxt, Size size)
{
	return allocate(size);
}

void *
MemoryContextAllocZero(MemoryContext cxt, Size size)
{
	return palloc0(size);
}

void *
MemoryContextAllocHuge(MemoryContext cxt, Size size)
{
	return allocate(size);
}

void *
MemoryContextAllocExtended(MemoryContext cxt, Size size, int flags)
{
	return palloc0(size);
}

MemoryContext
AllocSetContextCreateInternal(MemoryContext parent, const char *name,
							  Size a, Size b, Size c)
{
	return NULL;
}

/* Blocks of a context that is reset stay until our_free_all(). */
void
MemoryContextReset(MemoryContext cxt)
{
}

void
our_free_all(void)
{
	while (blocks.next != &blocks)
		pfree(blocks.next + 1);
}

/* ---- errors: none is expected ---- */

bool
errstart(int elevel, const char *domain)
{
	return true;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return true;
}

int
errcode(int code)
{
	return 0;
}

int
errmsg(const char *format,...)
{
	fprintf(stderr, "error: %s\n", format);
	return 0;
}

int
errmsg_internal(const char *format,...)
{
	return errmsg("%s", format);
}

int
errhint(const char *format,...)
{
	return 0;
}

void
errfinish(const char *file, int line, const char *function)
{
	abort();
}

void
ExceptionalCondition(const char *condition, const char *type, const char *file, int line)
{
	fprintf(stderr, "assertion failed: %s, %s:%d\n", condition, file, line);
	abort();
}

void
ProcessInterrupts(void)
{
}

/* ---- bits ---- */

#define ONES2(n) n, n + 1, n + 1, n + 2
#define ONES4(n) ONES2(n), ONES2(n + 1), ONES2(n + 1), ONES2(n + 2)
#define ONES6(n) ONES4(n), ONES4(n + 1), ONES4(n + 1), ONES4(n + 2)
const uint8 pg_number_of_ones[256] = {ONES6(0), ONES6(1), ONES6(1), ONES6(2)};

static int
popcount64(uint64 word)
{
	return __builtin_popcountll(word);
}

int			(*pg_popcount64) (uint64 word) = popcount64;

/* as the server's, which uses the instruction where the processor has it */
#if defined(__x86_64__)
__attribute__((target("popcnt")))
#endif
uint64
pg_popcount(const char *buf, int bytes)
{
	uint64		count = 0;

	for (; bytes >= 8; bytes -= 8, buf += 8)
		count += (uint64) __builtin_popcountll(*(const uint64 *) buf);
	while (bytes-- > 0)
		count += pg_number_of_ones[(unsigned char) *buf++];
	return count;
}

#if PG_VERSION_NUM < 160000
const uint8 pg_rightmost_one_pos[256];
#endif

/* ---- the interface ---- */

set_t
our_import(const unsigned char *bytes, size_t size, const char **why)
{
	return audience_from_portable(bytes, size, why);
}

const unsigned char *
our_export(set_t set, size_t *size)
{
	*size = audience_stream_size((const Audience *) set);
	return audience_stream((const Audience *) set);
}

set_t
our_op(int op, set_t a, set_t b)
{
	return audience_setop((AudienceOp) op, a, b);
}

uint64_t
our_card(set_t set)
{
	return ((const Audience *) set)->cardinality;
}

uint64_t
our_and_card(set_t a, set_t b)
{
	return audience_and_card(a, b);
}

uint64_t
our_and_card_many(const set_t *sets, int n)
{
	return audience_and_card_many((const Audience **) sets, n);
}

set_t
our_union(const set_t *sets, int n)
{
	AudienceSet *set = audience_set_create(NULL);
	int			i;

	for (i = 0; i < n; i++)
		audience_set_add_audience(set, sets[i]);
	if (audience_set_count(set) != audience_set_get(set)->cardinality)
		abort();
	return audience_set_get(set);
}

set_t
our_build(const int64_t *ids, size_t n, int work_mem_kb)
{
	AudienceSet *set = audience_set_create(NULL);
	size_t		i;

	work_mem = work_mem_kb;
	for (i = 0; i < n; i++)
		audience_set_add(set, ids[i]);
	return audience_set_get(set);
}

int
our_includes(set_t a, set_t b)
{
	return audience_includes(a, b);
}

int
our_disjoint(set_t a, set_t b)
{
	return audience_disjoint(a, b);
}

set_t
our_between(set_t set, int64_t from, int64_t to)
{
	return audience_between(set, from, to);
}

uint64_t
our_walk(set_t set, int64_t *ids, uint64_t max)
{
	static uint16 places[CONTAINER_IDS];
	AudienceCursor cursor;
	uint64_t	n = 0;

	for (cursor_start_ordered(&cursor, set); !cursor.done; cursor_next(&cursor))
	{
		uint32		card = container_places(&cursor.c, places);
		uint32		i;

		for (i = 0; i < card && n < max; i++)
		{
			if (!container_contains(&cursor.c, places[i]) ||
				container_rank(&cursor.c, places[i]) != i + 1 ||
				container_nth(&cursor.c, i) != places[i])
				abort();
			ids[n++] = make_id(cursor.key, places[i]);
		}
	}
	return n;
}
