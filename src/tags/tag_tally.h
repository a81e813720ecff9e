/*-------------------------------------------------------------------------
 *
 * tag_tally.h
 *		The states of aggregates over tags: one entry per tag, and sums that do
 *		not depend on the order of addition.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_TAG_TALLY_H
#define RECSYS_TAG_TALLY_H

#include "core/compat.h"
#include "lib/stringinfo.h"

/* One tag; the caller's payload follows, aligned. */
typedef struct TallyEntry
{
	const char *tag;
	int			len;
} TallyEntry;

#define TALLY_PAYLOAD(entry) ((void *) ((char *) (entry) + MAXALIGN(sizeof(TallyEntry))))

struct tallyindex_hash;

/*
 * Tags in the order in which they came.  Few are searched one by one, so that
 * a group with a handful of tags takes a handful of bytes; many have a hash
 * table beside them.
 */
typedef struct TagTally
{
	MemoryContext cxt;
	Size		entry_size;
	int			n;
	int			room;
	char	   *entries;
	struct tallyindex_hash *index;
	char	   *spare;			/* room for the bytes of the next tags */
	int			spare_size;
	int			block_size;
} TagTally;

static inline TallyEntry *
tally_entry(const TagTally *tally, int i)
{
	return (TallyEntry *) (tally->entries + (Size) i * tally->entry_size);
}

extern TagTally *tally_create(MemoryContext cxt, Size payload_size);
extern void *tally_find(const TagTally *tally, const char *tag, int len);
extern void *tally_put(TagTally *tally, const char *tag, int len);
extern TallyEntry **tally_sorted(const TagTally *tally);
extern void tally_send_tag(StringInfo buf, const TallyEntry *entry);
extern void *tally_receive_tag(TagTally *tally, StringInfo buf);

/*
 * A sum of m * 2^e for any e, exact to about 90 bits below the largest
 * addend.  Four limbs of 32 bits lie side by side, the topmost where the
 * largest addend so far has its top.  An addend is cut at the limbs' borders;
 * what lies below the lowest limb is dropped.  Since the borders are fixed and
 * the top only rises, what is kept in the end is a matter of the greatest
 * addend alone: any order, and any split between workers, gives the same sum.
 * (The idea is Demmel and Nguyen's, "Fast Reproducible Floating-Point
 * Summation", 2013; core/exactsum.h keeps everything, in ten times the space.)
 */
#define TAG_SUM_LIMBS 4

typedef struct TagSum
{
	int64		limbs[TAG_SUM_LIMBS];	/* limb i counts 2^(32 (top - 3 + i)) */
	int64		top;
	int32		pending;		/* additions since carries were propagated */
	bool		used;			/* top has a meaning */
} TagSum;

extern void tag_sum_add(TagSum *sum, double value, int64 exponent);
extern void tag_sum_merge(TagSum *sum, const TagSum *other);
extern double tag_sum_value(const TagSum *sum, int64 *exponent);
extern void tag_sum_send(StringInfo buf, const TagSum *sum);
extern void tag_sum_receive(StringInfo buf, TagSum *sum);

#endif							/* RECSYS_TAG_TALLY_H */
