/*-------------------------------------------------------------------------
 *
 * sparse.c
 *		Sparse matrices: collecting entries in any order, and the matrix of them.
 *
 * Entries are first collected as they come, 8 bytes each, 12 with values, 20
 * with times; beyond a limit of memory they go to a temporary file.  A matrix
 * of compressed rows is made of them by counting: 4 bytes an entry, 8 with
 * values, and 8 a row.
 *
 * Whatever the order in which entries came, the matrix has the same bits:
 * columns are sorted within a row, and entries of the same place are added up
 * in the order of their values.  The sum counts if it is more than 0: a sum
 * that is negative, or nothing but a rounding error of its terms, is no entry.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <float.h>
#include <math.h>

#include "core/sparse.h"
#include "core/tempfile.h"

/* A sum that is less than this share of the sum of absolute values is 0. */
#define ROUNDING 1e-6

/* Bytes of rows that are filled at a time. */
#define FILL_BYTES ((Size) 4 * 1024 * 1024)

/* Entries that there is memory for at least. */
#define MIN_ENTRIES 64

/* Entries of a batch in the file, at most. */
#define FILE_BATCH ((Size) 256 * 1024)

/* The matrix is made in so many parts at most. */
#define MAX_PARTS 64

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

/* Bytes of an array, which may be more than can be addressed. */
static Size
array_size(uint64 count, Size size)
{
	if (count > MaxAllocHugeSize / size)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("arrays of " UINT64_FORMAT " elements are too large", count)));
	return (Size) count * size;
}

/* Makes room for more entries, in an array that may not exist yet. */
static void *
grow(MemoryContext cxt, void *array, Size capacity, Size size)
{
	return array ? repalloc_huge(array, array_size(capacity, size)) :
		MemoryContextAllocHuge(cxt, array_size(capacity, size));
}

static void
seek_file(Triples *triples, int file, off_t offset)
{
	if (BufFileSeek(triples->file, file, offset, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not seek in a temporary file")));
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
		seek_file(triples, triples->end_file, triples->end_offset);
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

uint64
triples_count(const Triples *triples)
{
	return triples->spilled + triples->count;
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
	seek_file(triples, 0, 0);
}

static void
read_exact(BufFile *file, void *buffer, Size size)
{
	if (BufFileRead(file, buffer, size) != size)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read from a temporary file")));
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
		read_exact(triples->file, (void *) batch->rows, header.count * sizeof(uint32));
		read_exact(triples->file, (void *) batch->cols, header.count * sizeof(uint32));
		if (header.has_values)
			read_exact(triples->file, (void *) batch->values, header.count * sizeof(float));
		else
			batch->values = NULL;
		if (header.has_times)
			read_exact(triples->file, (void *) batch->times, header.count * sizeof(int64));
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

#define VISIT_ENTRIES 65536

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

/*
 * Sorts by runs of 16 and merges them; the result may be in either array.
 * qsort() would call a function for each of the comparisons.
 */
static uint64 *
sort_keys(uint64 *keys, uint64 *other, Size count)
{
	Size		width;
	Size		i;

	for (i = 0; i < count; i += 16)
	{
		Size		end = Min(i + 16, count);
		Size		j;

		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		for (j = i + 1; j < end; j++)
		{
			uint64		key = keys[j];
			Size		k = j;

			while (k > i && keys[k - 1] > key)
			{
				keys[k] = keys[k - 1];
				k--;
			}
			keys[k] = key;
		}
	}
	for (width = 16; width < count; width *= 2)
	{
		uint64	   *swap = keys;

		for (i = 0; i < count; i += 2 * width)
		{
			Size		middle = Min(i + width, count);
			Size		end = Min(i + 2 * width, count);
			Size		a = i;
			Size		b = middle;
			Size		k = i;

			if ((i & 0xffff) < 2 * width)
				CHECK_FOR_INTERRUPTS();
			while (a < middle && b < end)
				other[k++] = keys[b] < keys[a] ? keys[b++] : keys[a++];
			while (a < middle)
				other[k++] = keys[a++];
			while (b < end)
				other[k++] = keys[b++];
		}
		keys = other;
		other = swap;
	}
	return keys;
}

/* A float as an unsigned integer of the same order, and back. */
static inline uint32
float_key(float value)
{
	uint32		bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits & 0x80000000 ? ~bits : bits | 0x80000000;
}

static inline float
key_float(uint32 key)
{
	uint32		bits = key & 0x80000000 ? key & 0x7fffffff : ~key;
	float		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

#define NEEDS_VALUES ((Size) -1)

/*
 * Sorts a row and puts entries of the same column together; the number of
 * those that are left.  NEEDS_VALUES, and nothing done, where entries without
 * values would have to be added up.
 */
static Size
merge_row(uint32 *cols, float *values, Size count, uint64 **keys)
{
	uint64	   *sorted;
	Size		kept = 0;
	Size		i;

	for (i = 0; i < count; i++)
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		keys[0][i] = (uint64) cols[i] << 32 | (values ? float_key(values[i]) : 0);
	}
	sorted = sort_keys(keys[0], keys[1], count);
	if (values == NULL)
		for (i = 1; i < count; i++)
			if (sorted[i] == sorted[i - 1])
				return NEEDS_VALUES;
	for (i = 0; i < count;)
	{
		uint32		col = sorted[i] >> 32;
		double		sum = 0;
		double		absolute = 0;

		do
		{
			double		value = values ? key_float((uint32) sorted[i]) : 1;

			sum += value;
			absolute += fabs(value);
			i++;
		} while (i < count && sorted[i] >> 32 == col);
		if (!(sum > ROUNDING * absolute))
			continue;
		if (sum > FLT_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("sum of weights is out of range"),
					 errhint("Divide all weights by the same number.")));
		cols[kept] = col;
		if (values)
			values[kept] = (float) sum;
		kept++;
	}
	return kept;
}

/*
 * Counts the entries of rows into their starts; the length of the longest row.
 * places, if there are any, are of 4 bytes, as rows come at random and more of
 * these fit into a cache, and get the starts too.
 */
static uint64
count_rows(Triples *triples, uint64 *start, uint32 *places, uint32 nrows)
{
	TripleBatch batch;
	uint64		longest = 0;
	uint32		row;

	triples_rewind(triples);
	while (triples_next(triples, &batch))
	{
		Size		i;

		for (i = 0; i < batch.count; i++)
		{
			if ((i & 0xffff) == 0)
				CHECK_FOR_INTERRUPTS();
			if (places)
				places[batch.rows[i]]++;
			else
				start[batch.rows[i] + 1]++;
		}
	}
	for (row = 0; row < nrows; row++)
	{
		uint64		count = places ? places[row] : start[row + 1];

		if ((row & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		longest = Max(longest, count);
		start[row + 1] = start[row] + count;
		if (places)
			places[row] = (uint32) start[row];
	}
	return longest;
}

/* Rows first to end - 1 being filled; places are of the next entry of each row, shift before where it goes. */
typedef struct Filling
{
	const uint32 *colmap;
	TripleValue value;
	void	   *arg;
	uint32	   *places;			/* NULL: the starts of the matrix are used */
	uint64		shift;
	uint32		first;
	uint32		end;
} Filling;

static void
fill_range(SparseMatrix *matrix, const TripleBatch *batch, const Filling *filling, uint32 first,
		   uint32 end)
{
	Size		i;

	for (i = 0; i < batch->count; i++)
	{
		uint32		row = batch->rows[i];
		uint32		col = batch->cols[i];
		uint64		place;

		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (row - first >= end - first)
			continue;
		place = filling->places ? filling->places[row]++ : matrix->start[row]++;
		place -= filling->shift;
		matrix->cols[place] = filling->colmap ? filling->colmap[col] : col;
		if (matrix->values)
		{
			float		v = batch->values ? batch->values[i] : 1;

			matrix->values[place] = filling->value ?
				filling->value(filling->arg, v, batch->times ? batch->times[i] : 0) : v;
		}
	}
}

/*
 * Fills rows of so many entries, a range of them after the other, as entries come at
 * random and what they are written to should fit into a cache: reading all of them
 * some times takes less.
 */
static void
fill_rows(SparseMatrix *matrix, Triples *triples, const Filling *filling, uint64 entries)
{
	uint64		size = entries * (matrix->values ? 8 : 4);
	uint32		ranges = (uint32) Max(Min(size / FILL_BYTES, 8), 1);
	uint64		nrows = filling->end - filling->first;
	TripleBatch batch;
	uint32		range;

	triples_rewind(triples);
	while (triples_next(triples, &batch))
		for (range = 0; range < ranges; range++)
			fill_range(matrix, &batch, filling,
					   filling->first + (uint32) (nrows * range / ranges),
					   filling->first + (uint32) (nrows * (range + 1) / ranges));
	/* starts have become ends */
	if (filling->places == NULL)
		memmove(matrix->start + filling->first + 1, matrix->start + filling->first,
				(Size) nrows * sizeof(uint64));
}

/* Rows being put in order. */
typedef struct Merging
{
	uint64	   *keys[2];		/* for the longest row */
	uint64		from;			/* entries of the rows so far */
	uint64		to;				/* those that were left */
	bool		ones;			/* all of these are 1 */
	uint64		room;			/* that the matrix has for entries */
	bool		room_for_values;	/* where it has none so far */
} Merging;

/* Values of 1 for all entries that there is room for. */
static void
set_values(SparseMatrix *matrix, uint64 room)
{
	uint64		i;

	matrix->values = MemoryContextAllocHuge(GetMemoryChunkContext(matrix), room * sizeof(float));
	for (i = 0; i < room; i++)
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		matrix->values[i] = 1;
	}
}

/*
 * Sorts the rows that were filled, drops what does not count and closes the gaps.
 * False where entries without values have to be added up, and there is no room.
 */
static bool
merge_rows(SparseMatrix *matrix, const Filling *filling, Merging *merging)
{
	uint32		row;

	matrix->start[filling->first] = merging->to;
	for (row = filling->first; row < filling->end; row++)
	{
		uint64		from = merging->from - filling->shift;
		uint64		to = merging->to;
		Size		count = matrix->start[row + 1] - merging->from;
		float	   *values = matrix->values ? matrix->values + from : NULL;
		Size		kept = merge_row(matrix->cols + from, values, count, merging->keys);
		Size		i;

		/* rows may be empty */
		CHECK_FOR_INTERRUPTS();
		if (kept == NEEDS_VALUES)
		{
			if (!merging->room_for_values)
				return false;
			set_values(matrix, merging->room);
			values = matrix->values + from;
			kept = merge_row(matrix->cols + from, values, count, merging->keys);
		}
		if (from != to)
		{
			memmove(matrix->cols + to, matrix->cols + from, kept * sizeof(uint32));
			if (values)
				memmove(matrix->values + to, values, kept * sizeof(float));
		}
		for (i = 0; values && i < kept && merging->ones; i++)
			merging->ones = matrix->values[to + i] == 1;
		merging->from += count;
		merging->to += kept;
		matrix->start[row + 1] = merging->to;
	}
	return true;
}

/* Where rows from first on end whose entries fit beside what is merged. */
static uint32
rows_that_fit(const SparseMatrix *matrix, const Merging *merging, uint32 first)
{
	uint32		end = first;

	while (end < matrix->nrows && matrix->start[end + 1] - merging->from <= merging->room - merging->to)
	{
		if ((end & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		end++;
	}
	return end;
}

/* Fills and merges all rows, in parts that there is room for; false where it cannot be done. */
static bool
make_rows(SparseMatrix *matrix, Triples *triples, Filling *filling, Merging *merging,
		  bool *needs_values)
{
	bool		done = true;
	int			part;

	merging->ones = true;
	filling->end = 0;
	for (part = 0; done && filling->end < matrix->nrows; part++)
	{
		filling->first = filling->end;
		filling->end = rows_that_fit(matrix, merging, filling->first);
		filling->shift = merging->from - merging->to;
		if (part == MAX_PARTS || filling->end == filling->first)
			return false;
		matrix->start[filling->first] = merging->from;
		fill_rows(matrix, triples, filling, matrix->start[filling->end] - merging->from);
		done = merge_rows(matrix, filling, merging);
		*needs_values = !done;
	}
	if (matrix->values && merging->ones)
	{
		pfree(matrix->values);
		matrix->values = NULL;
	}
	if (done && merging->to < merging->room)
	{
		Size		kept = (Size) Max(merging->to, 1);

		matrix->cols = repalloc_huge(matrix->cols, kept * sizeof(uint32));
		if (matrix->values)
			matrix->values = repalloc_huge(matrix->values, kept * sizeof(float));
	}
	return done;
}

/* A matrix with or without values; NULL where there is not enough memory, or values are needed. */
static SparseMatrix *
make_matrix(MemoryContext cxt, Triples *triples, Size memory, uint32 nrows, uint32 ncols,
			Filling *filling, bool *valued)
{
	SparseMatrix *matrix = palloc0_object(SparseMatrix);
	uint64		count = Max(triples_count(triples), 1);
	uint64		longest;
	Merging		merging = {{NULL}};
	bool		needs_values = false;
	bool		done = false;

	matrix->nrows = nrows;
	matrix->ncols = ncols;
	matrix->start = MemoryContextAllocExtended(cxt, array_size((uint64) nrows + 2, sizeof(uint64)),
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	filling->places = NULL;
	if (count <= PG_UINT32_MAX)
		filling->places = MemoryContextAllocExtended(cxt, array_size(Max(nrows, 1), sizeof(uint32)),
													 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	longest = count_rows(triples, matrix->start, filling->places, nrows);
	longest = Max(longest, 1);
	memory -= Min(memory, 2 * longest * sizeof(uint64));
	merging.room = Min(count, memory / (*valued ? 8 : 4));
	merging.room_for_values = merging.room <= memory / 8;
	if (merging.room >= longest && count <= MAX_PARTS * merging.room)
	{
		matrix->cols = MemoryContextAllocHuge(cxt, merging.room * sizeof(uint32));
		if (*valued)
			matrix->values = MemoryContextAllocHuge(cxt, merging.room * sizeof(float));
		merging.keys[0] = MemoryContextAllocHuge(cxt, longest * sizeof(uint64));
		merging.keys[1] = MemoryContextAllocHuge(cxt, longest * sizeof(uint64));
		done = make_rows(matrix, triples, filling, &merging, &needs_values);
		pfree(merging.keys[0]);
		pfree(merging.keys[1]);
	}
	free_array(filling->places);
	if (done)
		return matrix;
	sparse_free(matrix);
	*valued = needs_values;
	return NULL;
}

/*
 * Makes a matrix of collected entries, with column colmap[col] for col where
 * a map is given, and with value() applied to each where that is given.  Its
 * entries, and what it takes to put them in order, are within so many bytes of
 * memory, if they have to in parts, each of which reads all that was collected; NULL
 * where that is not enough.
 */
SparseMatrix *
sparse_create(MemoryContext cxt, Triples *triples, Size memory, uint32 nrows, uint32 ncols,
			  const uint32 *colmap, TripleValue value, void *arg)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);
	Filling		filling = {colmap, value, arg};
	bool		valued = value || triples->has_values;
	SparseMatrix *matrix = make_matrix(cxt, triples, memory, nrows, ncols, &filling, &valued);

	/* entries without values that are the same have to be added up */
	if (matrix == NULL && valued && !triples->has_values && !value)
		matrix = make_matrix(cxt, triples, memory, nrows, ncols, &filling, &valued);
	MemoryContextSwitchTo(old);
	return matrix;
}

SparseMatrix *
sparse_copy(MemoryContext cxt, const SparseMatrix *matrix)
{
	SparseMatrix *copy = MemoryContextAllocZero(cxt, sizeof(SparseMatrix));
	uint64		count = matrix->start[matrix->nrows];

	copy->nrows = matrix->nrows;
	copy->ncols = matrix->ncols;
	copy->start = MemoryContextAllocHuge(cxt, ((Size) matrix->nrows + 2) * sizeof(uint64));
	memcpy(copy->start, matrix->start, ((Size) matrix->nrows + 2) * sizeof(uint64));
	copy->cols = MemoryContextAllocHuge(cxt, Max(count, 1) * sizeof(uint32));
	memcpy(copy->cols, matrix->cols, count * sizeof(uint32));
	if (matrix->values)
	{
		copy->values = MemoryContextAllocHuge(cxt, Max(count, 1) * sizeof(float));
		memcpy(copy->values, matrix->values, count * sizeof(float));
	}
	return copy;
}

void
sparse_free(SparseMatrix *matrix)
{
	pfree(matrix->start);
	free_array(matrix->cols);
	free_array(matrix->values);
	pfree(matrix);
}

/* Takes out entries whose column was set to SPARSE_DROPPED. */
void
sparse_compact(SparseMatrix *matrix)
{
	uint64		from = 0;
	uint64		to = 0;
	uint32		row;

	for (row = 0; row < matrix->nrows; row++)
	{
		CHECK_FOR_INTERRUPTS();
		for (; from < matrix->start[row + 1]; from++)
		{
			if (matrix->cols[from] == SPARSE_DROPPED)
				continue;
			matrix->cols[to] = matrix->cols[from];
			if (matrix->values)
				matrix->values[to] = matrix->values[from];
			to++;
		}
		matrix->start[row + 1] = to;
	}
}

/* Bytes that the matrix takes. */
Size
sparse_memory(const SparseMatrix *matrix)
{
	uint64		count = matrix->start[matrix->nrows];

	return ((Size) matrix->nrows + 2) * sizeof(uint64) +
		count * (sizeof(uint32) + (matrix->values ? sizeof(float) : 0));
}
