/*-------------------------------------------------------------------------
 *
 * large.c
 *		Large pieces of memory.
 *
 * For what is written or read here and there: with huge pages fewer addresses
 * have to be translated anew.  Where the system gives them on request, as Linux
 * does by default, they are asked for.  It also hands them out faster than as
 * much memory in small pages, unless it first has to get them from elsewhere, as
 * a virtual machine may have to: what is filled once, one after the other, had
 * better not ask.  Only whole huge pages within a piece are asked for, so that
 * it takes no more memory than it would otherwise.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#ifndef WIN32
#include <sys/mman.h>
#endif

#include "core/large.h"

#define HUGE_PAGE_SIZE ((Size) 2 * 1024 * 1024)

static void *
ask_for_huge_pages(void *memory, Size size)
{
#ifdef MADV_HUGEPAGE
	uintptr_t	begin = TYPEALIGN(HUGE_PAGE_SIZE, memory);
	uintptr_t	end = TYPEALIGN_DOWN(HUGE_PAGE_SIZE, (uintptr_t) memory + size);

	/* where there are none the memory is as good as any */
	if (begin < end)
		(void) madvise((void *) begin, end - begin, MADV_HUGEPAGE);
#endif
	return memory;
}

/* Memory of any size. */
void *
large_alloc(MemoryContext cxt, Size size)
{
	return ask_for_huge_pages(MemoryContextAllocHuge(cxt, size), size);
}

/* Changes the size of a piece. */
void *
large_realloc(void *memory, Size size)
{
	return ask_for_huge_pages(repalloc_huge(memory, size), size);
}

/* Bytes of an array, which may be more than can be addressed. */
Size
large_array_size(uint64 count, Size size)
{
	if (count > MaxAllocHugeSize / size)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("arrays of " UINT64_FORMAT " elements are too large", count)));
	return (Size) count * size;
}
