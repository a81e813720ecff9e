/*-------------------------------------------------------------------------
 *
 * format.c
 *		Reading and writing audiences.
 *
 * A stream is the portable 64-bit Roaring serialization: the number of buckets
 * (uint64), then for each bucket, ascending, the upper 32 bits of its ids
 * (uint32) and a 32-bit Roaring set:
 *
 *	uint32		12346 and uint32 number of containers n, or, if any container has
 *				runs, 12347 | (n - 1) << 16 and a bitmap of (n + 7) / 8 bytes that tells which
 *	n pairs		uint16 key, uint16 card - 1
 *	n uint32	offsets of the containers; left out if there are runs and n < 4
 *	containers	array: card uint16; bits: 8192 bytes; runs: uint16 count, pairs
 *
 * All numbers are little-endian.  A container with runs says so; of the others
 * those with at most 4096 places are arrays.
 *
 *-------------------------------------------------------------------------
 */
#include "audience/audience.h"

#define COOKIE_NO_RUNS	12346
#define COOKIE_RUNS		12347
#define OFFSETS_FROM	4		/* containers in a set with runs */

typedef struct BuilderEntry
{
	uint64		key;
	uint32		at;				/* in data */
	uint16		card1;			/* card - 1 */
	uint16		runs;			/* whether it has runs */
} BuilderEntry;

/* ---- reading ---- */

static inline uint32
container_size(const Container *c)
{
	switch (c->kind)
	{
		case CONTAINER_ARRAY:
			return 2 * c->card;
		case CONTAINER_BITS:
			return CONTAINER_BYTES;
		case CONTAINER_RUNS:
			return 4 * c->nruns;
	}
	return 0;
}

void
bucket_open(Bucket *bucket, uint32 high, const unsigned char *start)
{
	const unsigned char *p = start;
	uint32		cookie = get32(p);

	bucket->start = start;
	bucket->high = high;
	p += 4;
	if ((cookie & 0xFFFF) == COOKIE_RUNS)
	{
		bucket->n = (cookie >> 16) + 1;
		bucket->runflags = p;
		p += (bucket->n + 7) / 8;
	}
	else
	{
		bucket->n = get32(p);
		bucket->runflags = NULL;
		p += 4;
	}
	bucket->keys = p;
	p += 4 * bucket->n;
	bucket->offsets = NULL;
	if (bucket->runflags == NULL || bucket->n >= OFFSETS_FROM)
	{
		bucket->offsets = p;
		p += 4 * bucket->n;
	}
	bucket->data = p;
}

/* Describes container i, which starts at the given place. */
void
bucket_container(const Bucket *bucket, uint32 i, const unsigned char *at, Container *c)
{
	c->card = (uint32) get16(bucket->keys + 4 * i + 2) + 1;
	c->nruns = 0;
	c->data = at;
	if (bucket->runflags != NULL && bits_test(bucket->runflags, i))
	{
		c->kind = CONTAINER_RUNS;
		c->nruns = get16(at);
		c->data = at + 2;
	}
	else
		c->kind = c->card <= ARRAY_MAX ? CONTAINER_ARRAY : CONTAINER_BITS;
}

/* First container at or after from whose key is >= key. */
uint32
bucket_search(const Bucket *bucket, uint32 from, uint32 key)
{
	uint32		step = 1;
	uint32		low = from;
	uint32		high = from;

	while (high < bucket->n && get16(bucket->keys + 4 * high) < key)
	{
		low = high + 1;
		high += step;
		step *= 2;
	}
	high = Min(high, bucket->n);
	while (low < high)
	{
		uint32		middle = (low + high) / 2;

		if (get16(bucket->keys + 4 * middle) < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Where container i starts. */
const unsigned char *
bucket_locate(const Bucket *bucket, uint32 i)
{
	const unsigned char *at = bucket->data;
	uint32		j;

	if (bucket->offsets != NULL)
		return bucket->start + get32(bucket->offsets + 4 * i);
	for (j = 0; j < i; j++)
	{
		Container	c;

		bucket_container(bucket, j, at, &c);
		at = c.data + container_size(&c);
	}
	return at;
}

/* Upper half of the ids of a bucket, without opening it. */
static inline uint32
bucket_high(const Audience *audience, uint32 n)
{
	return get32(audience_stream(audience) + audience->offsets[n] - 4);
}

/* First bucket at or after from whose ids have an upper half >= high. */
static uint32
audience_search(const Audience *audience, uint32 from, uint32 high)
{
	uint32		low = from;
	uint32		end = audience->nbuckets;

	while (low < end)
	{
		uint32		middle = low + (end - low) / 2;

		if (bucket_high(audience, middle) < high)
			low = middle + 1;
		else
			end = middle;
	}
	return low;
}

/* Makes container i of the open bucket the current one. */
static void
cursor_load(AudienceCursor *cursor, const unsigned char *at)
{
	bucket_container(&cursor->bucket, cursor->i, at, &cursor->c);
	cursor->key = (uint64) cursor->bucket.high << 16 | get16(cursor->bucket.keys + 4 * cursor->i);
	cursor->next = cursor->c.data + container_size(&cursor->c);
}

/* Opens a bucket; past the end of this leg goes on with the second, if any. */
static void
cursor_open(AudienceCursor *cursor, uint32 nbucket)
{
	if (nbucket >= cursor->endbucket)
	{
		if (cursor->wrapbucket == 0)
		{
			cursor->done = true;
			return;
		}
		nbucket = 0;
		cursor->endbucket = cursor->wrapbucket;
		cursor->wrapbucket = 0;
	}
	cursor->nbucket = nbucket;
	cursor->i = 0;
	bucket_open(&cursor->bucket, bucket_high(cursor->audience, nbucket),
				audience_stream(cursor->audience) + cursor->audience->offsets[nbucket]);
}

/* Starts at the first container in the order of keys: negative ids come last. */
void
cursor_start(AudienceCursor *cursor, const Audience *audience)
{
	cursor->audience = audience;
	cursor->endbucket = audience->nbuckets;
	cursor->wrapbucket = 0;
	cursor->done = false;
	cursor_open(cursor, 0);
	if (!cursor->done)
		cursor_load(cursor, cursor->bucket.data);
}

/* Starts at the first container in the order of ids: negative ids come first. */
void
cursor_start_ordered(AudienceCursor *cursor, const Audience *audience)
{
	uint32		split = audience_search(audience, 0, PG_INT32_MAX + UINT32_C(1));

	cursor->audience = audience;
	cursor->endbucket = audience->nbuckets;
	cursor->wrapbucket = split;
	cursor->done = false;
	cursor_open(cursor, split);
	if (!cursor->done)
		cursor_load(cursor, cursor->bucket.data);
}

void
cursor_next(AudienceCursor *cursor)
{
	if (++cursor->i < cursor->bucket.n)
	{
		cursor_load(cursor, cursor->next);
		return;
	}
	cursor_open(cursor, cursor->nbucket + 1);
	if (!cursor->done)
		cursor_load(cursor, cursor->bucket.data);
}

/* Goes forward to the first container whose key is >= key; not for the order of ids. */
void
cursor_seek(AudienceCursor *cursor, uint64 key)
{
	uint32		i;

	if (cursor->done || cursor->key >= key)
		return;
	if (cursor->bucket.high < key >> 16)
	{
		cursor_open(cursor, audience_search(cursor->audience, cursor->nbucket + 1,
											(uint32) (key >> 16)));
		if (cursor->done)
			return;
	}
	i = cursor->bucket.high > key >> 16 ? 0 :
		bucket_search(&cursor->bucket, cursor->i, (uint32) (key & 0xFFFF));
	if (i == cursor->bucket.n)
	{
		cursor_open(cursor, cursor->nbucket + 1);
		if (cursor->done)
			return;
		i = 0;
	}
	cursor->i = i;
	cursor_load(cursor, bucket_locate(&cursor->bucket, i));
}

/* ---- writing ---- */

void
builder_start(AudienceBuilder *builder)
{
	memset(builder, 0, sizeof(*builder));
}

static void
fail_size(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("audience exceeds the maximum size of a value, 1 GB"),
			 errhint("Split the ids into several audiences.")));
}

/* Adds an entry with room for size bytes, which the caller fills. */
static unsigned char *
builder_reserve(AudienceBuilder *builder, uint64 key, uint32 card, bool runs, Size size)
{
	BuilderEntry *entry;
	unsigned char *at;

	if (builder->len + size > MaxAllocSize)
		fail_size();
	if (builder->len + size > builder->maxlen)
	{
		Size		maxlen = Max(builder->maxlen * 2, 64);

		maxlen = Min(Max(maxlen, builder->len + size), MaxAllocSize);
		builder->data = builder->data == NULL ? palloc(maxlen) : repalloc(builder->data, maxlen);
		builder->maxlen = maxlen;
	}
	if (builder->nentries == builder->maxentries)
	{
		uint32		maxentries = Max(builder->maxentries * 2, 8);

		if (maxentries > MaxAllocSize / sizeof(BuilderEntry))
		{
			maxentries = MaxAllocSize / sizeof(BuilderEntry);
			if (builder->nentries == maxentries)
				fail_size();
		}
		builder->entries = builder->entries == NULL ?
			palloc(maxentries * sizeof(BuilderEntry)) :
			repalloc(builder->entries, maxentries * sizeof(BuilderEntry));
		builder->maxentries = maxentries;
	}
	Assert(card > 0 && card <= CONTAINER_IDS);
	Assert(builder->nentries == 0 || builder->entries[builder->nentries - 1].key < key);

	entry = &builder->entries[builder->nentries++];
	entry->key = key;
	entry->at = (uint32) builder->len;
	entry->card1 = (uint16) (card - 1);
	entry->runs = runs;
	builder->cardinality += card;
	at = builder->data + builder->len;
	builder->len += size;
	return at;
}

/* Adds a container that is known to be in its stored form. */
void
builder_copy(AudienceBuilder *builder, uint64 key, const Container *c)
{
	uint32		size = container_size(c);
	bool		runs = c->kind == CONTAINER_RUNS;
	unsigned char *at = builder_reserve(builder, key, c->card, runs, size + (runs ? 2 : 0));

	if (runs)
	{
		put16(at, (uint16) c->nruns);
		at += 2;
	}
	memcpy(at, c->data, size);
}

static uint32
count_runs(const Container *c)
{
	uint64		starts[CONTAINER_BYTES / sizeof(uint64)];
	uint32		n = 0;
	uint64		before = 0;
	uint32		i;

	switch (c->kind)
	{
		case CONTAINER_ARRAY:
			for (i = 1; i < c->card; i++)
				n += get16(c->data + 2 * i) != get16(c->data + 2 * i - 2) + 1;
			return n + 1;
		case CONTAINER_BITS:
			/* a run starts where a bit is set and the one before it is not */
			for (i = 0; i < lengthof(starts); i++)
			{
				uint64		word = get64(c->data + 8 * i);

				starts[i] = word & ~(word << 1 | before >> 63);
				before = word;
			}
			return bits_count((unsigned char *) starts, sizeof(starts));
		case CONTAINER_RUNS:
			return c->nruns;
	}
	return 0;
}

static void
write_runs(const Container *c, uint32 nruns, unsigned char *at)
{
	unsigned char *end = at + 2 + 4 * nruns;
	uint32		i = 0;

	put16(at, (uint16) nruns);
	at += 2;
	if (c->kind == CONTAINER_ARRAY)
	{
		while (i < c->card)
		{
			uint32		first = get16(c->data + 2 * i);
			uint32		last = first;

			while (++i < c->card && get16(c->data + 2 * i) == last + 1)
				last++;
			put16(at, (uint16) first);
			put16(at + 2, (uint16) (last - first));
			at += 4;
		}
	}
	else
	{
		while (at < end)
		{
			uint32		first;

			/* skip whole words of one kind, then go bit by bit */
			while ((i & 63) == 0 && get64(c->data + i / 8) == 0)
				i += 64;
			while (!bits_test(c->data, i))
				i++;
			first = i;
			while (i < CONTAINER_IDS && bits_test(c->data, i))
			{
				if ((i & 63) == 0 && get64(c->data + i / 8) == PG_UINT64_MAX)
					i += 64;
				else
					i++;
			}
			put16(at, (uint16) first);
			put16(at + 2, (uint16) (i - 1 - first));
			at += 4;
		}
	}
}

/*
 * Adds a container in any form (runs must not touch each other); an empty one
 * is left out.  Here the form is chosen: runs if they are smaller than both
 * others, counting an array two bytes larger than it is, so that the choice
 * is the one that CRoaring makes.
 */
void
builder_add(AudienceBuilder *builder, uint64 key, const Container *c)
{
	bool		array = c->card <= ARRAY_MAX;
	uint32		nruns;
	unsigned char *at;
	uint32		i;

	if (c->card == 0)
		return;
	nruns = count_runs(c);
	if (2 + 4 * nruns < (array ? 2 * c->card + 2 : CONTAINER_BYTES))
	{
		if (c->kind == CONTAINER_RUNS)
			builder_copy(builder, key, c);
		else
			write_runs(c, nruns, builder_reserve(builder, key, c->card, true, 2 + 4 * nruns));
		return;
	}
	if (c->kind == (array ? CONTAINER_ARRAY : CONTAINER_BITS))
	{
		builder_copy(builder, key, c);
		return;
	}
	at = builder_reserve(builder, key, c->card, false, array ? 2 * c->card : CONTAINER_BYTES);
	if (!array)
	{
		memset(at, 0, CONTAINER_BYTES);
		container_or_into_bits(c, at);
	}
	else if (c->kind == CONTAINER_BITS)
		bits_extract(c->data, at);
	else
	{
		for (i = 0; i < c->nruns; i++)
		{
			uint32		last = run_last(c, i);
			uint32		v;

			for (v = run_first(c, i); v <= last; v++, at += 2)
				put16(at, (uint16) v);
		}
	}
}

/* The containers [from, to) of one bucket: how many bytes stand before them. */
static Size
bucket_head_size(const BuilderEntry *entries, uint32 from, uint32 to, bool *runs)
{
	uint32		n = to - from;
	uint32		i;

	*runs = false;
	for (i = from; i < to && !*runs; i++)
		*runs = entries[i].runs != 0;
	return *runs ? 4 + (n + 7) / 8 + 4 * n + (n >= OFFSETS_FROM ? 4 * n : 0) : 8 + 8 * n;
}

/* Writes the containers [from, to), whose data end at endat, as one 32-bit set. */
static unsigned char *
write_bucket(AudienceBuilder *builder, uint32 from, uint32 to, Size endat, unsigned char *p)
{
	const BuilderEntry *entries = builder->entries;
	uint32		n = to - from;
	bool		runs;
	Size		head = bucket_head_size(entries, from, to, &runs);
	uint32		i;

	if (runs)
	{
		put32(p, COOKIE_RUNS | (n - 1) << 16);
		p += 4;
		memset(p, 0, (n + 7) / 8);
		for (i = 0; i < n; i++)
		{
			if (entries[from + i].runs)
				bits_set(p, i);
		}
		p += (n + 7) / 8;
	}
	else
	{
		put32(p, COOKIE_NO_RUNS);
		put32(p + 4, n);
		p += 8;
	}
	for (i = from; i < to; i++, p += 4)
	{
		put16(p, (uint16) (entries[i].key & 0xFFFF));
		put16(p + 2, entries[i].card1);
	}
	if (!runs || n >= OFFSETS_FROM)
	{
		for (i = from; i < to; i++, p += 4)
			put32(p, (uint32) (head + entries[i].at - entries[from].at));
	}
	memcpy(p, builder->data + entries[from].at, endat - entries[from].at);
	return p + (endat - entries[from].at);
}

/* The first entry of another bucket. */
static uint32
bucket_end(const AudienceBuilder *builder, uint32 from)
{
	uint32		to = from + 1;

	while (to < builder->nentries &&
		   builder->entries[to].key >> 16 == builder->entries[from].key >> 16)
		to++;
	return to;
}

/* Makes an audience of what was added and frees the builder's memory. */
Audience *
builder_finish(AudienceBuilder *builder)
{
	Audience   *audience;
	unsigned char *p;
	const unsigned char *stream;
	uint64		size = offsetof(Audience, offsets) + 8 + builder->len;
	uint32		nbuckets = 0;
	uint32		from;
	uint32		to;
	bool		runs;

	for (from = 0; from < builder->nentries; from = to)
	{
		to = bucket_end(builder, from);
		size += sizeof(uint32) + 4 + bucket_head_size(builder->entries, from, to, &runs);
		nbuckets++;
	}
	if (size > MaxAllocSize)
		fail_size();

	audience = (Audience *) palloc(size);
	SET_VARSIZE(audience, size);
	audience->version = AUDIENCE_VERSION;
	audience->unused = 0;
	audience->cardinality = builder->cardinality;
	audience->nbuckets = nbuckets;
	stream = audience_stream(audience);
	p = (unsigned char *) stream;
	put64(p, nbuckets);
	p += 8;
	nbuckets = 0;
	for (from = 0; from < builder->nentries; from = to)
	{
		to = bucket_end(builder, from);
		put32(p, (uint32) (builder->entries[from].key >> 16));
		p += 4;
		audience->offsets[nbuckets++] = (uint32) (p - stream);
		p = write_bucket(builder, from, to,
						 to < builder->nentries ? builder->entries[to].at : builder->len, p);
	}
	Assert((char *) p == (char *) audience + size);

	if (builder->data != NULL)
		pfree(builder->data);
	if (builder->entries != NULL)
		pfree(builder->entries);
	return audience;
}

/* ---- import ---- */

/*
 * Checks container i, which starts at *at, and adds it.  Runs may touch each
 * other in foreign data: they are joined.
 */
static const char *
import_container(const Bucket *bucket, uint32 i, const unsigned char **at,
				 const unsigned char *end, AudienceBuilder *builder)
{
	uint64		key = (uint64) bucket->high << 16 | get16(bucket->keys + 4 * i);
	bool		runs = bucket->runflags != NULL && bits_test(bucket->runflags, i);
	Scratch		scratch;
	Container	c;
	uint32		card = 0;
	uint32		joined = 0;
	uint32		r;

	CHECK_FOR_INTERRUPTS();
	if (i > 0 && get16(bucket->keys + 4 * i) <= get16(bucket->keys + 4 * i - 4))
		return "keys of containers are not ascending";
	if (bucket->offsets != NULL && get32(bucket->offsets + 4 * i) != *at - bucket->start)
		return "offset of a container is wrong";
	if (runs && end - *at < 2)
		return "data end within a container";
	bucket_container(bucket, i, *at, &c);
	if (end - c.data < container_size(&c))
		return "data end within a container";
	*at = c.data + container_size(&c);

	switch (c.kind)
	{
		case CONTAINER_ARRAY:
			for (r = 1; r < c.card; r++)
			{
				if (get16(c.data + 2 * r) <= get16(c.data + 2 * r - 2))
					return "array container is not ascending";
			}
			break;
		case CONTAINER_BITS:
			if (bits_count(c.data, CONTAINER_BYTES) != c.card)
				return "cardinality of a bitmap container is wrong";
			break;
		case CONTAINER_RUNS:
			for (r = 0; r < c.nruns; r++)
			{
				if (run_last(&c, r) >= CONTAINER_IDS)
					return "run exceeds its container";
				if (r > 0 && run_first(&c, r) <= run_last(&c, r - 1))
					return "runs are not ascending";
				if (r > 0 && run_first(&c, r) == run_last(&c, r - 1) + 1)
					joined++;
				card += run_last(&c, r) - run_first(&c, r) + 1;
			}
			if (card != c.card)
				return "cardinality of a run container is wrong";
			if (joined > 0)
			{
				memset(scratch.bytes, 0, CONTAINER_BYTES);
				container_or_into_bits(&c, scratch.bytes);
				c.kind = CONTAINER_BITS;
				c.data = scratch.bytes;
			}
			break;
	}
	builder_add(builder, key, &c);
	return NULL;
}

/* Checks one 32-bit set at *at and adds its containers. */
static const char *
import_bucket(uint32 high, const unsigned char **at, const unsigned char *end,
			  AudienceBuilder *builder)
{
	Bucket		bucket;
	const char *problem;
	uint32		cookie;
	Size		head;
	uint64		n;
	uint32		i;

	if (end - *at < 8)
		return "data end within a header";
	cookie = get32(*at);
	if ((cookie & 0xFFFF) == COOKIE_RUNS)
	{
		n = (cookie >> 16) + 1;
		head = 4 + (n + 7) / 8 + 4 * n + (n >= OFFSETS_FROM ? 4 * n : 0);
	}
	else if (cookie == COOKIE_NO_RUNS)
	{
		n = get32(*at + 4);
		head = 8 + 8 * n;
	}
	else
		return "unknown cookie";
	if (n > CONTAINER_IDS)
		return "too many containers";
	if ((Size) (end - *at) < head)
		return "data end within a header";

	bucket_open(&bucket, high, *at);
	*at = bucket.data;
	for (i = 0; i < bucket.n; i++)
	{
		problem = import_container(&bucket, i, at, end, builder);
		if (problem != NULL)
			return problem;
	}
	return NULL;
}

bytea *
audience_to_portable(const Audience *audience)
{
	Size		size = audience_stream_size(audience);
	bytea	   *result = palloc(VARHDRSZ + size);

	SET_VARSIZE(result, VARHDRSZ + size);
	memcpy(VARDATA(result), audience_stream(audience), size);
	return result;
}

/*
 * Reads a portable 64-bit serialization, whoever wrote it, and brings it into
 * our form.  Returns NULL and says why where the bytes are not one.
 */
Audience *
audience_from_portable(const unsigned char *bytes, Size len, const char **problem)
{
	const unsigned char *at = bytes;
	const unsigned char *end = bytes + len;
	AudienceBuilder builder;
	uint64		nbuckets;
	uint64		i;
	uint32		before = 0;

	*problem = NULL;
	if (len < 8)
	{
		*problem = "data end within a header";
		return NULL;
	}
	nbuckets = get64(at);
	at += 8;
	builder_start(&builder);
	for (i = 0; i < nbuckets && *problem == NULL; i++)
	{
		uint32		high;

		if (end - at < 4)
		{
			*problem = "data end within a header";
			break;
		}
		high = get32(at);
		at += 4;
		if (i > 0 && high <= before)
			*problem = "keys of 32-bit sets are not ascending";
		else
			*problem = import_bucket(high, &at, end, &builder);
		before = high;
	}
	if (*problem == NULL && at != end)
		*problem = "extra bytes after the end";
	if (*problem != NULL)
	{
		if (builder.data != NULL)
			pfree(builder.data);
		if (builder.entries != NULL)
			pfree(builder.entries);
		return NULL;
	}
	return builder_finish(&builder);
}
