/*-------------------------------------------------------------------------
 *
 * directory.c
 *		Where rows of the model were found.
 *
 * A call reads some dozens or hundreds of rows of the model, each by its key
 * and each somewhere else: what that costs is waiting for memory.  A backend
 * therefore remembers, by the hash of the item, in which buffer, page and line
 * it found a row, and asks for the memory of rows to come ahead of time.
 *
 * What is remembered is only a hint.  What is found there has to be visible to
 * the snapshot and to be of that item, and then it is the row, as the primary
 * key allows no other.
 *
 * The directory is made of buckets of four places, each bucket a cache line: a
 * row that is found takes the first place, and the row in the last one is
 * forgotten.  There is room for all rows up to MAX_BUCKETS * 4 of them, and
 * for the ones in demand beyond that.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "access/heapam.h"
#include "access/tableam.h"
#include "storage/buf_internals.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "recommend/recommend.h"

typedef struct ModelPlace
{
	uint32		hash;			/* of the item */
	BlockNumber block;
	Buffer		buffer;			/* where the page was last */
	OffsetNumber line;			/* InvalidOffsetNumber: a free place */
} ModelPlace;

#define BUCKET_PLACES 4
#define MIN_BUCKETS 256
#define MAX_BUCKETS (64 * 1024)

#define CACHE_LINE 64

/* Makes the directory: room for a quarter more than the items. */
static void
create_directory(Recommender *recommender)
{
	uint32		nbuckets = MIN_BUCKETS;
	char	   *memory;

	while ((uint64) nbuckets * BUCKET_PLACES < recommender->items * UINT64CONST(5) / 4 &&
		   nbuckets < MAX_BUCKETS)
		nbuckets *= 2;
	memory = MemoryContextAllocZero(recommender->cxt, nbuckets * BUCKET_PLACES *
									sizeof(ModelPlace) + CACHE_LINE);
	recommender->directory = (ModelPlace *) TYPEALIGN(CACHE_LINE, memory);
	recommender->directory_mask = nbuckets - 1;
}

static inline ModelPlace *
get_bucket(const Recommender *recommender, uint32 hash)
{
	return recommender->directory + (Size) (hash & recommender->directory_mask) * BUCKET_PLACES;
}

/* Gets ready to use the directory with an open reader. */
void
directory_open(ModelReader *reader)
{
	if (reader->recommender->directory == NULL)
		create_directory(reader->recommender);
	reader->is_heap = reader->heap->rd_tableam == GetHeapamTableAmRoutine();
	reader->nblocks = RelationGetNumberOfBlocks(reader->heap);
}

/*
 * Reads the row at a place into the reader's slot.  The table access method
 * would do it, but look up the page among all buffers first, and see to it
 * that the page is pruned.
 */
static bool
fetch_from_heap(ModelReader *reader, ModelPlace *place, ItemPointer tid)
{
	Relation	heap = reader->heap;
	Buffer		buffer = place->buffer;
	bool		found;

	if (BufferIsInvalid(buffer) || !read_recent_buffer(heap, place->block, buffer))
		place->buffer = buffer = ReadBuffer(heap, place->block);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	found = heap_hot_search_buffer(tid, heap, buffer, reader->snapshot, &reader->tuple, NULL,
								   true);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	if (found)
	{
		reader->tuple.t_tableOid = RelationGetRelid(heap);
		ExecStorePinnedBufferHeapTuple(&reader->tuple, reader->slot, buffer);
	}
	else
		ReleaseBuffer(buffer);
	return found;
}

static bool
fetch(ModelReader *reader, ModelPlace *place)
{
	ItemPointerData tid;
	IndexFetchTableData *scan;
	bool		call_again = false;
	bool		found;

	/* the table may have been truncated */
	if (place->block >= reader->nblocks)
		return false;
	ItemPointerSet(&tid, place->block, place->line);
	if (reader->is_heap)
		return fetch_from_heap(reader, place, &tid);
	scan = table_index_fetch_begin(reader->heap);
	found = table_index_fetch_tuple(scan, &tid, reader->snapshot, reader->slot, &call_again, NULL);
	if (found)
		ExecMaterializeSlot(reader->slot);	/* what it holds is the scan's */
	table_index_fetch_end(scan);
	return found;
}

/* Finds the row of an item where one was found before; the slot holds it if true. */
bool
directory_find(ModelReader *reader, Datum item, uint32 hash)
{
	Recommender *recommender = reader->recommender;
	ModelPlace *bucket = get_bucket(recommender, hash);
	int			i;

	for (i = 0; i < BUCKET_PLACES; i++)
	{
		bool		isnull;
		Datum		found;

		if (bucket[i].hash != hash || bucket[i].line == InvalidOffsetNumber ||
			!fetch(reader, &bucket[i]))
			continue;
		found = slot_getattr(reader->slot, recommender->item_att, &isnull);
		if (!isnull && idtype_equal(&recommender->item, found, item))
			return true;
	}
	return false;
}

/* Remembers where the row of an item was found: the address of its HOT chain. */
void
directory_put(ModelReader *reader, uint32 hash, ItemPointer tid)
{
	ModelPlace *bucket = get_bucket(reader->recommender, hash);
	int			last = 0;

	/* in place of an address that did not lead there, else of the oldest */
	while (last < BUCKET_PLACES - 1 && bucket[last].line != InvalidOffsetNumber &&
		   bucket[last].hash != hash)
		last++;
	memmove(bucket + 1, bucket, last * sizeof(ModelPlace));
	bucket->hash = hash;
	bucket->block = ItemPointerGetBlockNumber(tid);
	bucket->buffer = InvalidBuffer;
	bucket->line = ItemPointerGetOffsetNumber(tid);
}

/* Asks for the memory of the bucket that will be looked into soon. */
void
directory_prefetch(const ModelReader *reader, uint32 hash)
{
	__builtin_prefetch(get_bucket(reader->recommender, hash));
}

/* The page that a hash leads to, without a look whether it is still the one. */
static char *
guess_page(const ModelReader *reader, uint32 hash, OffsetNumber *line, Buffer *buffer)
{
	const ModelPlace *bucket = get_bucket(reader->recommender, hash);
	int			i;

	for (i = 0; i < BUCKET_PLACES; i++)
		if (bucket[i].hash == hash && bucket[i].buffer > 0)
		{
			*line = bucket[i].line;
			*buffer = bucket[i].buffer;
			return BufferBlocks + (Size) (bucket[i].buffer - 1) * BLCKSZ;
		}
	return NULL;
}

/* The same for the page: the buffer's header, the page's, the line pointer. */
void
directory_prefetch_page(const ModelReader *reader, uint32 hash)
{
	OffsetNumber line;
	Buffer		buffer;
	char	   *page = guess_page(reader, hash, &line, &buffer);

	if (page == NULL)
		return;
	__builtin_prefetch(GetBufferDescriptor(buffer - 1));
	__builtin_prefetch(page);
	__builtin_prefetch(page + SizeOfPageHeaderData + (line - 1) * sizeof(ItemIdData));
}

/*
 * The same for the tuple.  Its place is read from a page that is neither pinned
 * nor locked: whatever it says, it leads to memory of the same page at most,
 * and nothing depends on it but what is in the processor's cache.  Valgrind and
 * AddressSanitizer, which take such a read for an error, are kept out of it.
 */
__attribute__((no_sanitize_address))
void
directory_prefetch_tuple(const ModelReader *reader, uint32 hash)
{
	OffsetNumber line;
	Buffer		buffer;
	char	   *page = guess_page(reader, hash, &line, &buffer);
	ItemIdData	id;
	char	   *tuple;
	unsigned	i;

	if (page == NULL)
		return;
#ifdef USE_VALGRIND
	return;
#endif
	memcpy(&id, page + SizeOfPageHeaderData + (line - 1) * sizeof(ItemIdData), sizeof(id));
	tuple = page + id.lp_off % BLCKSZ;
	for (i = 0; i < 8; i++)
		__builtin_prefetch(tuple + i * CACHE_LINE);
}
