/*-------------------------------------------------------------------------
 *
 * rung.c
 *		The rungs of the ladder: where the items of an answer come from.
 *
 * A stream hands out the items of a rung, best first, in batches, leaving out
 * those that must not be returned or have been.  Whether items are eligible is
 * asked of the items query when a batch has been handed out, and so many
 * batches are taken as it needs to find what is wanted.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "recommend/serve.h"

#define MIN_BATCH 1024

const char *
rung_name(Rung rung)
{
	static const char *const names[NSOURCES] = {"personal", "crowd", "category", "popular", "explore"};

	return names[rung];
}

/*
 * A list says what may be recommended: its items are looked up.  One that
 * nobody has had yet is the least popular.
 */
static void
open_allowed(Stream *stream)
{
	Call	   *call = stream->call;
	ItemTable  *items = &call->recommender->table;
	ModelReader reader;
	uint32		i;

	stream->items = MemoryContextAllocHuge(CurrentMemoryContext,
										   Max((Size) items->n, 1) * sizeof(uint32));
	model_open(&reader, call->recommender);
	for (i = 0; i < items->n; i++)
	{
		ItemEntry  *entry = &items->entries[i];

		if ((entry->flags & (ITEM_ALLOWED | ITEM_EXCLUDED | ITEM_TAKEN)) != ITEM_ALLOWED)
			continue;
		CHECK_FOR_INTERRUPTS();
		entry->score = model_popularity(&reader, entry->item);
		stream->items[stream->nitems++] = i;
	}
	model_close(&reader);
	qsort_arg(stream->items, stream->nitems, sizeof(uint32), call_compare_scores, items);
}

/* Gets ready to hand out the items of a rung; false where it has none for this call. */
bool
stream_open(Stream *stream, Call *call, Rung rung, Scoring *scoring)
{
	memset(stream, 0, sizeof(*stream));
	stream->call = call;
	stream->rung = rung;
	switch (rung)
	{
		case RUNG_PERSONAL:
			stream->scoring = scoring;
			break;
		case RUNG_CROWD:
			stream->items = ladder_crowd(call, &stream->nitems);
			return stream->items != NULL;
		case RUNG_CATEGORY:
			stream->items = ladder_category(call, &stream->nitems);
			return stream->items != NULL;
		case RUNG_POPULAR:
			if (call->has_allow)
				open_allowed(stream);
			else
			{
				popularity_open(&stream->reader, call->recommender);
				stream->reading = true;
			}
			break;
		default:
			return false;
	}
	return true;
}

void
stream_close(Stream *stream)
{
	if (stream->reading)
		model_close(&stream->reader);
	stream->reading = false;
}

/* The next of the most popular items. */
static uint32 *
next_popular(Stream *stream, int64 size, uint32 *n)
{
	ItemTable  *items = &stream->call->recommender->table;
	Size		capacity = size < 0 || size > MIN_BATCH ? MIN_BATCH : size;
	uint32	   *batch = palloc_array(uint32, capacity);
	Datum		item;
	double		popularity;

	while (size < 0 || *n < size)
	{
		uint32		number;

		if (!popularity_next(&stream->reader, &item, &popularity))
		{
			stream->done = true;
			break;
		}
		number = item_table_put(items, item);
		if (items->entries[number].flags & (ITEM_EXCLUDED | ITEM_TAKEN))
			continue;
		items->entries[number].score = popularity;
		if (*n == capacity)
		{
			capacity *= 2;
			batch = repalloc_huge(batch, capacity * sizeof(uint32));
		}
		batch[(*n)++] = number;
	}
	return batch;
}

/*
 * The next items, at most size (all that are left where that is negative), in
 * memory of their own.  There are no more when stream->done.  Those that are
 * neither flagged as taken nor as excluded until the next call may come again.
 */
uint32 *
stream_next(Stream *stream, int64 size, uint32 *n)
{
	uint32	   *batch;

	*n = 0;
	if (stream->reading)
		return next_popular(stream, size, n);
	if (stream->items == NULL)
	{
		uint32		required = stream->call->has_allow ? ITEM_ALLOWED : 0;

		batch = scoring_select(stream->scoring, required, size, n);
		stream->done = size < 0 || *n < size;
		return batch;
	}
	if (size < 0 || size > stream->nitems - stream->next)
		size = stream->nitems - stream->next;
	batch = MemoryContextAllocHuge(CurrentMemoryContext, Max(size, 1) * sizeof(uint32));
	memcpy(batch, stream->items + stream->next, size * sizeof(uint32));
	stream->next += size;
	stream->done = stream->next == stream->nitems;
	*n = (uint32) size;
	return batch;
}

/* How many items to look at in the next round, to find some that will do. */
int64
stream_round_size(const Stream *stream, int64 wanted, int round)
{
	if (wanted < 0 || !stream->call->checks)
		return wanted;
	return wanted + ((int64) 16 << Min(round * 2, 20));
}

/* Takes the best items that are eligible, at most limit of them (-1: all). */
uint32 *
stream_take(Stream *stream, int64 limit, uint32 *n)
{
	Call	   *call = stream->call;
	uint32	   *taken = NULL;
	int			round = 0;

	*n = 0;
	do
	{
		int64		wanted = limit < 0 ? -1 : limit - *n;
		uint32		found;
		uint32	   *batch = stream_next(stream, stream_round_size(stream, wanted, round++),
										&found);

		call_take_eligible(call, batch, &found, wanted);
		if (taken == NULL)
			taken = batch;
		else if (found > 0)
		{
			taken = repalloc_huge(taken, ((Size) *n + found) * sizeof(uint32));
			memcpy(taken + *n, batch, found * sizeof(uint32));
		}
		*n += found;
	} while (!stream->done && *n != limit);
	return taken;
}
