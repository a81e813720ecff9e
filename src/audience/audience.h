/*-------------------------------------------------------------------------
 *
 * audience.h
 *		Sets of bigint ids in Roaring form: layout, containers, algebra.
 *
 * An id is taken as an unsigned 64-bit number and split: the upper 48 bits are
 * the key of a container, the lower 16 its place in it.  A container holds
 * its places as a sorted array, as a set of 65536 bits or as a list of runs,
 * whichever is smallest.  Containers whose keys agree in the upper 32 bits
 * make up a bucket.  The stored bytes are those of the portable 64-bit
 * serialization (https://github.com/RoaringBitmap/RoaringFormatSpec), with a
 * header in front that makes size and buckets accessible without a walk.
 *
 * Each set has one form only, so equal sets are equal bytes.
 *
 *	container.c		the algebra of two containers
 *	format.c		reading (AudienceCursor), writing (AudienceBuilder), import, export
 *	setop.c			the algebra of whole audiences
 *	set.c			AudienceSet: a set that grows, for aggregates and input
 *	audience.c		input, output and the operators in SQL
 *	lookup.c		single ids: membership, order, members, estimates
 *	aggregate.c		the aggregates in SQL
 *	measure*.c		bit-sliced numbers over ids
 *	cross.c			crossing of dimensions, reach reports
 *
 * The first four stand on palloc and ereport only, and are also built outside
 * of the server, under sanitizers and against another implementation
 * (test/tools/audience_check.cc).
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_AUDIENCE_H
#define RECSYS_AUDIENCE_H

#include "core/compat.h"
#include "port/pg_bitutils.h"
#include "port/pg_bswap.h"

/* ---- containers ---- */

#define CONTAINER_IDS	65536	/* places in a container */
#define CONTAINER_BYTES	8192	/* of a container of bits */
#define ARRAY_MAX		4096	/* with more places, bits are smaller */

typedef enum ContainerKind
{
	CONTAINER_ARRAY,			/* data: card places, uint16 ascending */
	CONTAINER_BITS,				/* data: CONTAINER_BYTES */
	CONTAINER_RUNS				/* data: nruns pairs of uint16 (first, last - first), apart */
} ContainerKind;

/*
 * A container to read.  data is little-endian and not aligned: it mostly
 * points into a stored value.
 */
typedef struct Container
{
	ContainerKind kind;
	uint32		card;			/* places held: 0 only in results */
	uint32		nruns;			/* CONTAINER_RUNS */
	const unsigned char *data;
} Container;

/* Room for any result of one operation on two containers. */
typedef union Scratch
{
	unsigned char bytes[4 * CONTAINER_BYTES];
	uint64		align;
} Scratch;

typedef enum AudienceOp
{
	AUDIENCE_AND,
	AUDIENCE_OR,
	AUDIENCE_XOR,
	AUDIENCE_ANDNOT
} AudienceOp;

static inline uint16
get16(const unsigned char *p)
{
	uint16		v;

	memcpy(&v, p, sizeof(v));
#ifdef WORDS_BIGENDIAN
	v = pg_bswap16(v);
#endif
	return v;
}

static inline uint32
get32(const unsigned char *p)
{
	uint32		v;

	memcpy(&v, p, sizeof(v));
#ifdef WORDS_BIGENDIAN
	v = pg_bswap32(v);
#endif
	return v;
}

static inline uint64
get64(const unsigned char *p)
{
	uint64		v;

	memcpy(&v, p, sizeof(v));
#ifdef WORDS_BIGENDIAN
	v = pg_bswap64(v);
#endif
	return v;
}

static inline void
put16(unsigned char *p, uint16 v)
{
#ifdef WORDS_BIGENDIAN
	v = pg_bswap16(v);
#endif
	memcpy(p, &v, sizeof(v));
}

static inline void
put32(unsigned char *p, uint32 v)
{
#ifdef WORDS_BIGENDIAN
	v = pg_bswap32(v);
#endif
	memcpy(p, &v, sizeof(v));
}

static inline void
put64(unsigned char *p, uint64 v)
{
#ifdef WORDS_BIGENDIAN
	v = pg_bswap64(v);
#endif
	memcpy(p, &v, sizeof(v));
}

/*
 * A set of bits is the same sequence of bytes on every machine: place v is bit
 * v % 8 of byte v / 8.
 */
static inline bool
bits_test(const unsigned char *bits, uint32 v)
{
	return (bits[v >> 3] >> (v & 7)) & 1;
}

static inline void
bits_set(unsigned char *bits, uint32 v)
{
	bits[v >> 3] |= (unsigned char) (1 << (v & 7));
}

/* First and last place of run i. */
static inline uint32
run_first(const Container *c, uint32 i)
{
	return get16(c->data + 4 * i);
}

static inline uint32
run_last(const Container *c, uint32 i)
{
	return run_first(c, i) + get16(c->data + 4 * i + 2);
}

extern void bits_set_range(unsigned char *bits, uint32 first, uint32 last);
extern uint32 bits_count(const unsigned char *bits, uint32 nbytes);
extern uint32 bits_extract(const unsigned char *bits, unsigned char *places);
extern uint32 container_places(const Container *c, uint16 *places);
extern void container_or_into_bits(const Container *c, unsigned char *bits);
extern bool container_contains(const Container *c, uint32 v);
extern uint32 container_rank(const Container *c, uint32 v);
extern uint32 container_nth(const Container *c, uint32 n);
extern uint32 container_and(const Container *a, const Container *b, Container *result, Scratch *out);
extern void container_op(AudienceOp op, const Container *a, const Container *b,
						 Container *result, Scratch *out);

/* ---- whole sets ---- */

typedef struct Audience
{
	int32		vl_len_;
	uint16		version;		/* AUDIENCE_VERSION */
	uint16		unused;			/* 0 */
	uint64		cardinality;
	uint32		nbuckets;
	uint32		offsets[FLEXIBLE_ARRAY_MEMBER]; /* of each bucket, in the stream that follows */
} Audience;

#define AUDIENCE_VERSION 1

#define audience_stream(a) ((const unsigned char *) ((a)->offsets + (a)->nbuckets))
#define audience_stream_size(a) (VARSIZE(a) - (audience_stream(a) - (const unsigned char *) (a)))

#define id_key(id) ((uint64) (id) >> 16)
#define id_place(id) ((uint32) ((uint64) (id) & 0xFFFF))
#define make_id(key, place) ((int64) (((key) << 16) | (place)))

/* One bucket, taken apart. */
typedef struct Bucket
{
	const unsigned char *start;
	uint32		high;			/* upper 32 bits of its ids */
	uint32		n;				/* containers */
	const unsigned char *runflags;	/* NULL: no runs */
	const unsigned char *keys;	/* n pairs of uint16 (key, card - 1) */
	const unsigned char *offsets;	/* n uint32, from start; NULL: left out */
	const unsigned char *data;	/* the first container */
} Bucket;

/* Walks over the containers of an audience. */
typedef struct AudienceCursor
{
	const Audience *audience;
	Bucket		bucket;
	uint32		nbucket;		/* which one that is */
	uint32		endbucket;		/* where this leg of the walk ends */
	uint32		wrapbucket;		/* in the order of ids: end of the second leg, or 0 */
	uint32		i;				/* container in bucket */
	const unsigned char *next;	/* where the container after this one starts */
	bool		done;
	uint64		key;			/* of container c */
	Container	c;
} AudienceCursor;

extern void bucket_open(Bucket *bucket, uint32 high, const unsigned char *start);
extern void bucket_container(const Bucket *bucket, uint32 i, const unsigned char *at, Container *c);
extern uint32 bucket_search(const Bucket *bucket, uint32 from, uint32 key);
extern const unsigned char *bucket_locate(const Bucket *bucket, uint32 i);

extern void cursor_start(AudienceCursor *cursor, const Audience *audience);
extern void cursor_start_ordered(AudienceCursor *cursor, const Audience *audience);
extern void cursor_next(AudienceCursor *cursor);
extern void cursor_seek(AudienceCursor *cursor, uint64 key);

/* Collects containers in ascending order of keys and makes an audience of them. */
typedef struct AudienceBuilder
{
	struct BuilderEntry *entries;
	uint32		nentries;
	uint32		maxentries;
	unsigned char *data;
	Size		len;
	Size		maxlen;
	uint64		cardinality;
} AudienceBuilder;

extern void builder_start(AudienceBuilder *builder);
extern void builder_copy(AudienceBuilder *builder, uint64 key, const Container *c);
extern void builder_add(AudienceBuilder *builder, uint64 key, const Container *c);
extern Audience *builder_finish(AudienceBuilder *builder);

extern bytea *audience_to_portable(const Audience *audience);
extern Audience *audience_from_portable(const unsigned char *bytes, Size len, const char **problem);

/* setop.c */
extern Audience *audience_setop(AudienceOp op, const Audience *a, const Audience *b);
extern uint64 audience_and_card(const Audience *a, const Audience *b);
extern bool audience_includes(const Audience *a, const Audience *b);
extern bool audience_disjoint(const Audience *a, const Audience *b);
extern uint64 audience_and_card_many(const Audience **audiences, int n);
extern Audience *audience_and_many(const Audience **audiences, int n);
extern Audience *audience_between(const Audience *a, int64 from, int64 to);

static inline Audience *
audience_empty(void)
{
	AudienceBuilder builder;

	builder_start(&builder);
	return builder_finish(&builder);
}

/* set.c, which alone looks into it: others may keep it within a state of theirs */
typedef struct AudienceSet
{
	MemoryContext cxt;			/* ids and base */
	int64	   *ids;			/* before there is a table */
	uint32		nids;
	uint32		maxids;
	MemoryContext table_cxt;	/* table and chunks; NULL: no table */
	struct chunks_hash *table;
	struct Chunk *last;			/* where the last id went */
	Size		bytes;			/* of chunks */
	Audience   *base;			/* what was compressed before; NULL: nothing */
	int64		first[16];		/* ids as long as they are few: most groups stay here */
} AudienceSet;

extern void audience_set_init(AudienceSet *set, MemoryContext cxt);
extern AudienceSet *audience_set_create(MemoryContext cxt);
extern void audience_set_add(AudienceSet *set, int64 id);
extern void audience_set_add_audience(AudienceSet *set, const Audience *audience);
extern Audience *audience_set_get(AudienceSet *set);
extern uint64 audience_set_count(AudienceSet *set);

/* lookup.c */
extern bool audience_has(const Audience *audience, int64 id);
extern int64 audience_nth_id(const Audience *audience, uint64 n);

#define PG_GETARG_AUDIENCE(n) ((Audience *) PG_DETOAST_DATUM(PG_GETARG_DATUM(n)))
#define PG_RETURN_AUDIENCE(a) PG_RETURN_POINTER(a)

#endif							/* RECSYS_AUDIENCE_H */
