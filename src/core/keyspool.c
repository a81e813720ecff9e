/*-------------------------------------------------------------------------
 *
 * keyspool.c
 *		Rows of sortable 64-bit keys: kept, read again, selected by rank.
 *
 * Scoring customers takes two readings of the same numbers: one to find the
 * cut points, one to compare with them.  The spool keeps them in between, in
 * memory up to a limit and in a temporary file beyond it.
 *
 * Order statistics come from selection, not from sorting.  Each wanted rank
 * lies in an interval of keys, at first that of its whole group.  A pass
 * counts the keys of each interval in up to 4096 equal buckets, and the bucket
 * in which the rank falls is the interval of the next pass, until it is one
 * key wide or so few keys are left in all intervals that they are collected
 * and sorted.  That is two passes for most data, and never more than eight,
 * for any number of ranks and groups.  Nothing depends on the order of rows.
 *
 * The file belongs to no resource owner, since nobody can say when a window
 * function or an aggregate is done with it; a callback of the spool's memory
 * context closes it, after success and after an error alike.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "port/pg_bitutils.h"

#include "core/aggregate.h"
#include "core/keyspool.h"
#include "core/numbers.h"
#include "core/tempfile.h"

#define INITIAL_ROWS 1024
#define FILE_CHUNK_ROWS 4096	/* rows that are read at a time from a file */
#define COLLECT_KEYS 65536		/* so many keys are rather sorted than counted again */

struct KeySpool
{
	MemoryContext cxt;
	MemoryContextCallback callback;
	int			width;			/* keys a row */
	uint64		count;			/* rows */
	uint64	   *keys;			/* rows in memory: all, or the end of the file to be */
	uint64		used;			/* rows in there */
	uint64		capacity;
	uint64		limit;			/* of the capacity: beyond it rows go to the file */
	BufFile    *file;			/* NULL until it is needed */
	uint64		filed;			/* rows in the file */
	/* reading */
	uint64		position;		/* rows read by keyspool_chunk() */
	uint64	   *next;			/* for keyspool_next(): what is left of the chunk */
	uint64		left;
};

static void
close_file(void *arg)
{
	temp_file_close(&((KeySpool *) arg)->file);
}

/*
 * A spool for rows of width keys that takes about so many bytes of memory,
 * in a context of its own below parent, with which it goes away.
 */
KeySpool *
keyspool_create(MemoryContext parent, int width, Size memory)
{
	MemoryContext cxt = AllocSetContextCreate(parent, "recsys keys", ALLOCSET_SMALL_SIZES);
	KeySpool   *spool = MemoryContextAllocZero(cxt, sizeof(KeySpool));

	Assert(width >= 1 && width <= KEYSPOOL_MAX_WIDTH);
	spool->cxt = cxt;
	spool->width = width;
	spool->limit = Max(memory / (width * sizeof(uint64)), FILE_CHUNK_ROWS);
	spool->callback.func = close_file;
	spool->callback.arg = spool;
	MemoryContextRegisterResetCallback(cxt, &spool->callback);
	return spool;
}

/* Forgets the rows and keeps the memory. */
void
keyspool_reset(KeySpool *spool)
{
	close_file(spool);
	spool->count = spool->used = spool->filed = 0;
	spool->position = spool->left = 0;
}

void
keyspool_free(KeySpool *spool)
{
	MemoryContextDelete(spool->cxt);
}

static void
seek(KeySpool *spool, uint64 row)
{
	temp_file_seek(spool->file, 0, row * spool->width * sizeof(uint64));
}

/* Moves the rows in memory to the end of the file. */
static void
write_rows(KeySpool *spool)
{
	MemoryContext old = MemoryContextSwitchTo(spool->cxt);

	if (spool->file == NULL)
		spool->file = BufFileCreateTemp(false);
	seek(spool, spool->filed);
	BufFileWrite(spool->file, spool->keys, spool->used * spool->width * sizeof(uint64));
	MemoryContextSwitchTo(old);
	spool->filed += spool->used;
	spool->used = 0;
}

static void
make_room(KeySpool *spool)
{
	uint64		capacity;

	if (spool->used == spool->limit)
	{
		write_rows(spool);
		return;
	}
	capacity = Min(Max(spool->capacity * 2, INITIAL_ROWS), spool->limit);
	if (spool->keys == NULL)
		spool->keys = MemoryContextAllocHuge(spool->cxt, capacity * spool->width * sizeof(uint64));
	else
		spool->keys = repalloc_huge(spool->keys, capacity * spool->width * sizeof(uint64));
	spool->capacity = capacity;
}

/* Adds a row.  What was read so far is no longer good, and reading starts anew. */
void
keyspool_append(KeySpool *spool, const uint64 *row)
{
	if (spool->used == spool->capacity || spool->used == spool->limit)
		make_room(spool);
	memcpy(spool->keys + spool->used * spool->width, row, spool->width * sizeof(uint64));
	spool->used++;
	spool->count++;
}

uint64
keyspool_count(const KeySpool *spool)
{
	return spool->count;
}

/* Goes (back) to the first row; rows come in the order in which they were added. */
void
keyspool_rewind(KeySpool *spool)
{
	if (spool->file)
	{
		if (spool->used > 0)
			write_rows(spool);
		seek(spool, 0);
	}
	spool->position = 0;
	spool->left = 0;
}

/*
 * The next rows, and how many they are, or NULL after the last.  They are good
 * until the next call.
 */
const uint64 *
keyspool_chunk(KeySpool *spool, uint64 *nrows)
{
	uint64		n = spool->count - spool->position;

	CHECK_FOR_INTERRUPTS();
	if (n == 0)
		return NULL;
	if (spool->file)
	{
		n = Min(n, FILE_CHUNK_ROWS);
		temp_file_read(spool->file, spool->keys, n * spool->width * sizeof(uint64));
		*nrows = n;
		spool->position += n;
		return spool->keys;
	}
	/* parts of moderate size, so that interrupts are seen to between them */
	n = Min(n, 65536);
	*nrows = n;
	spool->position += n;
	return spool->keys + (spool->position - n) * spool->width;
}

/* The next row; NULL after the last.  It is good until the next call. */
const uint64 *
keyspool_next(KeySpool *spool)
{
	const uint64 *row;

	if (spool->left == 0)
	{
		spool->next = unconstify(uint64 *, keyspool_chunk(spool, &spool->left));
		if (spool->next == NULL)
			return NULL;
	}
	row = spool->next;
	spool->next += spool->width;
	spool->left--;
	return row;
}

/* Adds the rows of another spool of the same width. */
void
keyspool_merge(KeySpool *spool, KeySpool *other)
{
	const uint64 *row;

	Assert(spool->width == other->width);
	keyspool_rewind(other);
	while ((row = keyspool_next(other)) != NULL)
		keyspool_append(spool, row);
}

/* The rows as the state of a worker, after size bytes of the caller's. */
bytea *
keyspool_serialize(KeySpool *spool, const void *head, Size size)
{
	Size		rowsize = spool->width * sizeof(uint64);
	const uint64 *rows;
	uint64		nrows;
	bytea	   *result;
	char	   *next;

	if (spool->count > (MaxAllocSize - VARHDRSZ - size) / rowsize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many rows for one worker: " UINT64_FORMAT, spool->count),
				 errhint("Set max_parallel_workers_per_gather to 0.")));
	result = palloc(VARHDRSZ + size + spool->count * rowsize);
	SET_VARSIZE(result, VARHDRSZ + size + spool->count * rowsize);
	next = VARDATA(result);
	memcpy(next, head, size);
	next += size;
	keyspool_rewind(spool);
	while ((rows = keyspool_chunk(spool, &nrows)) != NULL)
	{
		memcpy(next, rows, nrows * rowsize);
		next += nrows * rowsize;
	}
	return result;
}

/* The reverse, into a spool that is empty. */
void
keyspool_deserialize(KeySpool *spool, bytea *source, void *head, Size size)
{
	Size		rowsize = spool->width * sizeof(uint64);
	const char *next = VARDATA_ANY(source);
	const char *end = next + VARSIZE_ANY_EXHDR(source);

	if (end - next < size || (end - next - size) % rowsize != 0)
		damaged_state_error();
	memcpy(head, next, size);
	for (next += size; next < end; next += rowsize)
	{
		uint64		row[KEYSPOOL_MAX_WIDTH];

		CHECK_FOR_INTERRUPTS();
		/* the source need not be aligned */
		memcpy(row, next, rowsize);
		keyspool_append(spool, row);
	}
}

/* Number of rows, least and greatest key of a column in each group. */
void
keyspool_stats(KeySpool *spool, int column, KeyGroup group, void *arg,
			   int ngroups, KeyStats *stats)
{
	const uint64 *row;
	uint64		nrows;
	int			g;

	for (g = 0; g < ngroups; g++)
	{
		stats[g].count = 0;
		stats[g].min = PG_UINT64_MAX;
		stats[g].max = 0;
	}
	keyspool_rewind(spool);
	while ((row = keyspool_chunk(spool, &nrows)) != NULL)
	{
		for (; nrows > 0; nrows--, row += spool->width)
		{
			KeyStats   *s = &stats[group ? group(row, arg) : 0];
			uint64		key = row[column];

			s->count++;
			s->min = Min(s->min, key);
			s->max = Max(s->max, key);
		}
	}
}

/*
 * Position, from 0, of percentile_disc(fraction) among count values, rounded in
 * floating point as PostgreSQL rounds it.
 */
uint64
keyspool_percentile_rank(double fraction, uint64 count)
{
	double		rank = ceil(fraction * (double) count);

	return rank < 1 ? 0 : Min((uint64) rank, count) - 1;
}

/* Keys of one group among which one or more ranks are still to be found. */
typedef struct KeyRange
{
	int			group;
	uint64		low;
	uint64		high;			/* inclusive */
	uint64		below;			/* keys of the group under low */
	uint64		count;			/* keys within */
	int			shift;			/* a key is in bucket (key - low) >> shift */
	uint64	   *data;			/* its buckets, or its keys */
	uint64		ncollected;
} KeyRange;

typedef struct Selection
{
	KeySpool   *spool;
	int			column;
	KeyGroup	group;
	void	   *arg;
	KeyRange   *intervals;		/* by group and key, disjoint */
	int			nintervals;
	int		   *first;			/* by group: its first interval; one more at the end */
	int			ngroups;
} Selection;

static inline KeyRange *
find_interval(Selection *sel, const uint64 *row, uint64 key)
{
	int			g = sel->group ? sel->group(row, sel->arg) : 0;
	int			i;

	for (i = sel->first[g]; i < sel->first[g + 1]; i++)
		if (key >= sel->intervals[i].low && key <= sel->intervals[i].high)
			return &sel->intervals[i];
	return NULL;
}

static void
index_intervals(Selection *sel)
{
	int			g;
	int			i = 0;

	for (g = 0; g <= sel->ngroups; g++)
	{
		while (i < sel->nintervals && sel->intervals[i].group < g)
			i++;
		sel->first[g] = i;
	}
}

/* A pass: puts the keys of all intervals into their data, or counts them there. */
static void
read_keys(Selection *sel, bool collect)
{
	const uint64 *row;
	uint64		nrows;

	keyspool_rewind(sel->spool);
	while ((row = keyspool_chunk(sel->spool, &nrows)) != NULL)
	{
		for (; nrows > 0; nrows--, row += sel->spool->width)
		{
			uint64		key = row[sel->column];
			KeyRange   *interval = find_interval(sel, row, key);

			if (interval == NULL)
				continue;
			if (collect)
				interval->data[interval->ncollected++] = key;
			else
				interval->data[(key - interval->low) >> interval->shift]++;
		}
	}
}

/* The last pass: takes the keys of all intervals and sorts them. */
static void
collect_keys(Selection *sel, uint64 *keys)
{
	int			i;

	for (i = 0; i < sel->nintervals; i++)
	{
		sel->intervals[i].data = keys;
		sel->intervals[i].ncollected = 0;
		keys += sel->intervals[i].count;
	}
	read_keys(sel, true);
	for (i = 0; i < sel->nintervals; i++)
		qsort(sel->intervals[i].data, sel->intervals[i].ncollected, sizeof(uint64), compare_uint64);
}

/* A pass that counts the keys of each interval in 2^bits buckets. */
static void
count_buckets(Selection *sel, uint64 *counts, int bits)
{
	int			i;

	memset(counts, 0, ((Size) sel->nintervals << bits) * sizeof(uint64));
	for (i = 0; i < sel->nintervals; i++)
	{
		KeyRange   *interval = &sel->intervals[i];
		uint64		range = interval->high - interval->low;

		interval->data = counts + ((Size) i << bits);
		interval->shift = range == 0 ? 0 : Max(pg_leftmost_one_pos64(range) + 1 - bits, 0);
	}
	read_keys(sel, false);
}

/* The bucket of an interval in which a rank falls, as an interval. */
static KeyRange
narrow(const KeyRange *interval, uint64 rank)
{
	KeyRange	result = *interval;
	uint64		bucket = 0;

	while (result.below + interval->data[bucket] <= rank)
		result.below += interval->data[bucket++];
	result.low = interval->low + (bucket << interval->shift);
	/* the last bucket may be cut short */
	result.high = result.low +
		Min(interval->high - result.low, (UINT64CONST(1) << interval->shift) - 1);
	result.count = interval->data[bucket];
	return result;
}

/*
 * Finds keys by their rank in the order of their group: ranks[] must be sorted
 * by group and rank, and stats[] be what keyspool_stats() found.
 */
void
keyspool_select(KeySpool *spool, int column, KeyGroup group, void *arg,
				int ngroups, const KeyStats *stats, KeyRank *ranks, int nranks)
{
	Selection	sel = {spool, column, group, arg};
	KeyRange   *of_rank;		/* the interval of each rank */
	uint64	   *buffer = NULL;
	int			bits;
	int			i;

	if (nranks == 0)
		return;
	of_rank = palloc0_array(KeyRange, nranks);
	sel.intervals = palloc_array(KeyRange, nranks);
	sel.first = palloc_array(int, ngroups + 1);
	sel.ngroups = ngroups;
	for (i = 0; i < nranks; i++)
	{
		const KeyStats *s = &stats[ranks[i].group];

		Assert(ranks[i].rank < s->count);
		of_rank[i].group = ranks[i].group;
		of_rank[i].low = s->min;
		of_rank[i].high = s->max;
		of_rank[i].count = s->count;
	}

	for (;;)
	{
		uint64		total = 0;
		int			current = -1;

		/* the distinct intervals that are wider than one key */
		sel.nintervals = 0;
		for (i = 0; i < nranks; i++)
		{
			KeyRange   *last = sel.nintervals > 0 ? &sel.intervals[sel.nintervals - 1] : NULL;

			if (of_rank[i].low == of_rank[i].high ||
				(last && last->group == of_rank[i].group && last->low == of_rank[i].low))
				continue;
			sel.intervals[sel.nintervals++] = of_rank[i];
			total += of_rank[i].count;
		}
		if (sel.nintervals == 0)
			break;
		index_intervals(&sel);

		if (buffer)
			pfree(buffer);
		bits = sel.nintervals <= 16 ? 12 : 8;
		if (total <= COLLECT_KEYS)
		{
			buffer = palloc_array(uint64, total);
			collect_keys(&sel, buffer);
		}
		else
		{
			buffer = palloc_array(uint64, (Size) sel.nintervals << bits);
			count_buckets(&sel, buffer, bits);
		}

		for (i = 0; i < nranks; i++)
		{
			KeyRange   *interval;

			if (of_rank[i].low == of_rank[i].high)
				continue;
			if (current < 0 || sel.intervals[current].group != of_rank[i].group ||
				sel.intervals[current].low != of_rank[i].low)
				current++;
			interval = &sel.intervals[current];
			if (total <= COLLECT_KEYS)
				of_rank[i].low = of_rank[i].high =
					interval->data[ranks[i].rank - interval->below];
			else
				of_rank[i] = narrow(interval, ranks[i].rank);
		}
	}
	for (i = 0; i < nranks; i++)
		ranks[i].key = of_rank[i].low;
	if (buffer)
		pfree(buffer);
	pfree(sel.first);
	pfree(sel.intervals);
	pfree(of_rank);
}
