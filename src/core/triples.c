/*-------------------------------------------------------------------------
 *
 * triples.c
 *		Interactions, or other entries of a matrix, as they are collected.
 *
 *		triples_add			appends (row, column, value, time) to arrays in memory; a
 *							column of values is there from the first that is not 1 on,
 *							one of times from the first that is not 0 on
 *		spill				beyond a limit of memory appends the arrays to a temporary
 *							file, in batches
 *		triples_next		gives the batches of the file back and then what is in
 *							memory, in the order in which it came, as often as wanted
 *		triples_group		puts entries of neighbouring rows together, if all are in memory
 *		triples_renumber	gives rows and columns their final numbers, in memory in
 *							their place, else from one file into another
 *
 * An entry takes 8 bytes, 12 with a value, 20 with a time.  Entries of the same
 * row and column are not looked for: sparse.c, which makes a matrix of them,
 * adds these up.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "core/large.h"
#include "core/tempfile.h"
#include "core/triples.h"

/* Entries that there is memory for at least. */
#define MIN_ENTRIES 64

/* Entries of a batch in the file, at most. */
#define FILE_BATCH ((Size) 256 * 1024)

/* Entries of a group that are asked for before they are needed. */
#define GROUP_AHEAD 32

/* Entries that are shown at a time. */
#define VISIT_ENTRIES 65536

struct Triples
{
	MemoryContext cxt;			/* its own, with which its file is closed */
	MemoryContextCallback callback;
	Size		memory_limit;
	Size		count;			/* in memory */
	Size		capacity;
	uint64		spilled;		/* in the file */
	uint32	   *rows;
	uint32	   *cols;
	bool		has_values;		/* not all are 1 */
	bool		has_times;
	float	   *values;
	int64	   *times;
	BufFile    *file;
	int			end_file;		/* where the file ends */
	off_t		end_offset;
	/* reading */
	bool		read_memory;	/* what is in memory was read, or is being read */
	bool		visited;		/* what is in memory is being looked at */
	Size		file_batch;		/* entries of a batch */
	TripleBatch buffer;			/* for what comes from the file: so many entries */
};

/* Of an entry with a value and a time. */
#define ENTRY_BYTES (2 * sizeof(uint32) + sizeof(float) + sizeof(int64))

/* Of a batch in the file; the arrays follow. */
typedef struct BatchHeader
{
	uint64		count;
	bool		has_values;
	bool		has_times;
} BatchHeader;

static void
close_file(void *arg)
{
	temp_file_close(&((Triples *) arg)->file);
}

/*
 * Beyond memory_limit bytes entries go to a file.  Whoever made them may never get
 * to their end: a plan need not be run to its own.
 */
Triples *
triples_create(MemoryContext cxt, Size memory_limit)
{
	MemoryContext own = AllocSetContextCreate(cxt, "recsys interactions", ALLOCSET_SMALL_SIZES);
	Triples    *triples = MemoryContextAllocZero(own, sizeof(Triples));

	triples->cxt = own;
	triples->callback.func = close_file;
	triples->callback.arg = triples;
	MemoryContextRegisterResetCallback(own, &triples->callback);
	triples->memory_limit = memory_limit;
	triples->file_batch = Max(Min(FILE_BATCH, memory_limit / 8 / ENTRY_BYTES), 1024);
	return triples;
}

/* Makes room for more entries, in an array that may not exist yet. */
static void *
grow(MemoryContext cxt, void *array, Size capacity, Size size)
{
	return array ? repalloc_huge(array, large_array_size(capacity, size)) :
		MemoryContextAllocHuge(cxt, large_array_size(capacity, size));
}

/* Appends all that is in memory to the file. */
static void
spill(Triples *triples)
{
	Size		start;

	if (triples->file == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(triples->cxt);

		triples->file = BufFileCreateTemp(false);
		MemoryContextSwitchTo(old);
	}
	else
		temp_file_seek(triples->file, triples->end_file, triples->end_offset);
	for (start = 0; start < triples->count; start += triples->file_batch)
	{
		BatchHeader header = {0};

		CHECK_FOR_INTERRUPTS();
		header.count = Min(triples->count - start, triples->file_batch);
		header.has_values = triples->has_values;
		header.has_times = triples->has_times;
		BufFileWrite(triples->file, (void *) &header, sizeof(header));
		BufFileWrite(triples->file, triples->rows + start, header.count * sizeof(uint32));
		BufFileWrite(triples->file, triples->cols + start, header.count * sizeof(uint32));
		if (header.has_values)
			BufFileWrite(triples->file, triples->values + start, header.count * sizeof(float));
		if (header.has_times)
			BufFileWrite(triples->file, triples->times + start, header.count * sizeof(int64));
	}
	BufFileTell(triples->file, &triples->end_file, &triples->end_offset);
	triples->spilled += triples->count;
	triples->count = 0;
}

static void
free_array(const void *array)
{
	if (array)
		pfree((void *) array);
}

static void
free_memory(Triples *triples)
{
	free_array(triples->rows);
	free_array(triples->cols);
	free_array(triples->values);
	free_array(triples->times);
	triples->rows = triples->cols = NULL;
	triples->values = NULL;
	triples->times = NULL;
	triples->capacity = 0;
}

/* Bytes of an entry. */
static Size
entry_size(const Triples *triples)
{
	return 2 * sizeof(uint32) + (triples->has_values ? sizeof(float) : 0) +
		(triples->has_times ? sizeof(int64) : 0);
}

/* Bytes of all entries, at most. */
uint64
triples_size(const Triples *triples)
{
	return triples_count(triples) * entry_size(triples);
}

/* Do so many entries stay within the limit? */
static bool
has_room(const Triples *triples, uint64 capacity)
{
	return capacity <= MIN_ENTRIES || capacity * entry_size(triples) <= triples->memory_limit;
}

static void
make_room(Triples *triples)
{
	Size		capacity = Max(triples->capacity * 2, MIN_ENTRIES);

	if (triples->capacity > 0 && !has_room(triples, capacity))
	{
		spill(triples);
		return;
	}
	triples->capacity = capacity;
	triples->rows = grow(triples->cxt, triples->rows, capacity, sizeof(uint32));
	triples->cols = grow(triples->cxt, triples->cols, capacity, sizeof(uint32));
	if (triples->has_values)
		triples->values = grow(triples->cxt, triples->values, capacity, sizeof(float));
	if (triples->has_times)
		triples->times = grow(triples->cxt, triples->times, capacity, sizeof(int64));
}

/*
 * From now on entries have values, or times; those before have a default.  What
 * would take too much memory with them goes to the file without.
 */
static void
widen(Triples *triples, bool values, bool times)
{
	Size		i;

	triples->has_values |= values;
	triples->has_times |= times;
	if (!has_room(triples, triples->capacity))
	{
		triples->has_values &= triples->values != NULL;
		triples->has_times &= triples->times != NULL;
		triples_spill(triples);
		triples->has_values |= values;
		triples->has_times |= times;
		make_room(triples);
		return;
	}
	if (values)
		triples->values = grow(triples->cxt, NULL, triples->capacity, sizeof(float));
	if (times)
		triples->times = grow(triples->cxt, NULL, triples->capacity, sizeof(int64));
	for (i = 0; values && i < triples->count; i++)
		triples->values[i] = 1;
	for (i = 0; times && i < triples->count; i++)
		triples->times[i] = 0;
}

/* Adds an entry; a time of 0 is none. */
void
triples_add(Triples *triples, uint32 row, uint32 col, float value, int64 time)
{
	Size		i;

	if (triples->count == triples->capacity)
		make_room(triples);
	if (!triples->has_values && value != 1)
		widen(triples, true, false);
	if (!triples->has_times && time != 0)
		widen(triples, false, true);
	i = triples->count;
	triples->rows[i] = row;
	triples->cols[i] = col;
	if (triples->has_values)
		triples->values[i] = value;
	if (triples->has_times)
		triples->times[i] = time;
	triples->count++;
}

/* Adds some entries. */
void
triples_add_many(Triples *triples, const uint32 *rows, const uint32 *cols, const float *values,
				 const int64 *times, Size count)
{
	/* nothing may come before there are arrays */
	bool		plain = count > 0 && !triples->has_values && !triples->has_times &&
		triples->capacity - triples->count >= count;
	Size		i;

	for (i = 0; i < count && plain; i++)
		plain = values[i] == 1 && times[i] == 0;
	for (i = 0; i < count && !plain; i++)
		triples_add(triples, rows[i], cols[i], values[i], times[i]);
	if (!plain)
		return;
	memcpy(triples->rows + triples->count, rows, count * sizeof(uint32));
	memcpy(triples->cols + triples->count, cols, count * sizeof(uint32));
	triples->count += count;
}

uint64
triples_count(const Triples *triples)
{
	return triples->spilled + triples->count;
}

/* Has any entry a value other than 1? */
bool
triples_have_values(const Triples *triples)
{
	return triples->has_values;
}

/* Gives back what is in memory, unless it is being looked at: it goes to the file. */
void
triples_spill(Triples *triples)
{
	if (triples->visited)
		return;
	if (triples->count > 0)
		spill(triples);
	free_memory(triples);
}

/* From now on they may take no more memory than that, where that is less than before. */
void
triples_limit(Triples *triples, Size memory_limit)
{
	triples->memory_limit = Min(triples->memory_limit, memory_limit);
}

/*
 * Starts to read from the beginning.  Where there is a file the rest goes there
 * too: memory is wanted for what is made of the entries.
 */
void
triples_rewind(Triples *triples)
{
	triples->read_memory = false;
	if (triples->file == NULL)
		return;
	spill(triples);
	free_memory(triples);
	temp_file_seek(triples->file, 0, 0);
}

/* Next batch, valid until the next call; false at the end. */
bool
triples_next(Triples *triples, TripleBatch *batch)
{
	BatchHeader header;

	if (triples->file && !triples->read_memory &&
		BufFileRead(triples->file, &header, sizeof(header)) == sizeof(header))
	{
		TripleBatch *buffer = &triples->buffer;

		if (buffer->rows == NULL)
		{
			buffer->rows = grow(triples->cxt, NULL, triples->file_batch, sizeof(uint32));
			buffer->cols = grow(triples->cxt, NULL, triples->file_batch, sizeof(uint32));
		}
		if (header.has_values && buffer->values == NULL)
			buffer->values = grow(triples->cxt, NULL, triples->file_batch, sizeof(float));
		if (header.has_times && buffer->times == NULL)
			buffer->times = grow(triples->cxt, NULL, triples->file_batch, sizeof(int64));
		*batch = *buffer;
		batch->count = header.count;
		temp_file_read(triples->file, (void *) batch->rows, header.count * sizeof(uint32));
		temp_file_read(triples->file, (void *) batch->cols, header.count * sizeof(uint32));
		if (header.has_values)
			temp_file_read(triples->file, (void *) batch->values, header.count * sizeof(float));
		else
			batch->values = NULL;
		if (header.has_times)
			temp_file_read(triples->file, (void *) batch->times, header.count * sizeof(int64));
		else
			batch->times = NULL;
		return true;
	}
	if (triples->read_memory)
		return false;
	triples->read_memory = true;
	batch->count = triples->count;
	batch->rows = triples->rows;
	batch->cols = triples->cols;
	batch->values = triples->values;
	batch->times = triples->times;
	return batch->count > 0;
}

static void
visit_batch(const TripleBatch *batch, TripleNumbers numbers, void *arg)
{
	Size		start;

	for (start = 0; start < batch->count; start += VISIT_ENTRIES)
	{
		CHECK_FOR_INTERRUPTS();
		numbers(arg, (uint32 *) batch->rows + start, (uint32 *) batch->cols + start,
				Min(batch->count - start, VISIT_ENTRIES));
	}
}

/* Shows all entries to a function that changes nothing. */
void
triples_visit(Triples *triples, TripleNumbers numbers, void *arg)
{
	TripleBatch batch;

	triples_rewind(triples);
	triples->visited = true;
	while (triples_next(triples, &batch))
		visit_batch(&batch, numbers, arg);
	triples->visited = false;
}

/* Gives all entries other numbers of rows and columns.  Where there is a file it is written anew. */
void
triples_renumber(Triples **triples, TripleNumbers numbers, void *arg)
{
	Triples    *old = *triples;
	TripleBatch batch;

	if (old->file == NULL)
	{
		triples_visit(old, numbers, arg);
		return;
	}
	*triples = triples_create(MemoryContextGetParent(old->cxt), old->memory_limit);
	triples_rewind(old);
	while (triples_next(old, &batch))
	{
		Size		i;

		visit_batch(&batch, numbers, arg);
		for (i = 0; i < batch.count; i++)
			triples_add(*triples, batch.rows[i], batch.cols[i], batch.values ? batch.values[i] : 1,
						batch.times ? batch.times[i] : 0);
	}
	triples_free(old);
}

/* An entry on its way to where it belongs. */
typedef struct Entry
{
	uint32		row;
	uint32		col;
	float		value;
	int64		time;
} Entry;

/* Puts an entry into a place, and takes the one that was there. */
static pg_attribute_always_inline void
exchange_entry(Triples *triples, Size place, Entry *entry)
{
	Entry		there = *entry;

	entry->row = triples->rows[place];
	entry->col = triples->cols[place];
	triples->rows[place] = there.row;
	triples->cols[place] = there.col;
	if (triples->values)
	{
		entry->value = triples->values[place];
		triples->values[place] = there.value;
	}
	if (triples->times)
	{
		entry->time = triples->times[place];
		triples->times[place] = there.time;
	}
	/* the next one of these */
	__builtin_prefetch(&triples->rows[place + GROUP_AHEAD]);
	__builtin_prefetch(&triples->cols[place + GROUP_AHEAD]);
}

/*
 * Changes the order of entries so that those whose rows are the same but for the last
 * bits lie together, in their place (American flag sort).  False, and nothing done,
 * where not all are in memory.
 */
bool
triples_group(Triples *triples, uint32 nrows, int bits)
{
	uint32		ngroups = (Max(nrows, 1) - 1) / ((uint32) 1 << bits) + 1;
	Size	   *next;			/* place of a group that does not have its entry yet */
	Size	   *end;
	Size		place = 0;
	uint32		group;
	Size		i;

	if (triples->file || triples->visited)
		return false;
	if (ngroups == 1)
		return true;
	next = MemoryContextAllocExtended(triples->cxt, large_array_size(2 * (uint64) ngroups, sizeof(Size)),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	end = next + ngroups;
	for (i = 0; i < triples->count; i++)
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		end[triples->rows[i] >> bits]++;
	}
	for (group = 0; group < ngroups; group++)
	{
		next[group] = place;
		place += end[group];
		end[group] = place;
	}
	for (group = 0; group < ngroups; group++)
	{
		CHECK_FOR_INTERRUPTS();
		for (; next[group] < end[group]; next[group]++)
		{
			Entry		entry = {0};

			if ((++i & 0xffff) == 0)
				CHECK_FOR_INTERRUPTS();
			if (triples->rows[next[group]] >> bits == group)
				continue;
			/* around, until the one comes that belongs here */
			exchange_entry(triples, next[group], &entry);
			while (entry.row >> bits != group)
			{
				if ((++i & 0xffff) == 0)
					CHECK_FOR_INTERRUPTS();
				exchange_entry(triples, next[entry.row >> bits]++, &entry);
			}
			exchange_entry(triples, next[group], &entry);
		}
	}
	pfree(next);
	return true;
}

/* Takes all entries out. */
void
triples_clear(Triples *triples)
{
	close_file(triples);
	triples->count = triples->spilled = 0;
	free_memory(triples);
}

void
triples_free(Triples *triples)
{
	MemoryContextDelete(triples->cxt);
}
