/*-------------------------------------------------------------------------
 *
 * tag_tally.c
 *		See tag_tally.h.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "core/aggregate.h"

#include <math.h>

#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "tags/tag_tally.h"
#include "tags/tagset.h"

/* Up to so many tags are searched one by one. */
#define TALLY_SMALL 24
#define TALLY_FIRST_ROOM 8
#define TALLY_FIRST_BLOCK 64
#define TALLY_MAX_BLOCK 8192

/* Carries are propagated before 2^33 * this could overflow. */
#define TAG_SUM_MAX_PENDING (1 << 29)

typedef struct IndexEntry
{
	TallyEntry	key;
	uint32		hash;
	int			place;
	char		status;
} IndexEntry;

#define SH_PREFIX tallyindex
#define SH_ELEMENT_TYPE IndexEntry
#define SH_KEY_TYPE TallyEntry
#define SH_KEY key
#define SH_HASH_KEY(table, key) hash_bytes((const unsigned char *) (key).tag, (key).len)
#define SH_EQUAL(table, a, b) ((a).len == (b).len && memcmp((a).tag, (b).tag, (a).len) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

TagTally *
tally_create(MemoryContext cxt, Size payload_size)
{
	TagTally   *tally = MemoryContextAllocZero(cxt, sizeof(TagTally));

	tally->cxt = cxt;
	tally->entry_size = MAXALIGN(sizeof(TallyEntry)) + MAXALIGN(payload_size);
	tally->block_size = TALLY_FIRST_BLOCK;
	return tally;
}

/* The payload of a tag, or NULL. */
void *
tally_find(const TagTally *tally, const char *tag, int len)
{
	if (tally->index != NULL)
	{
		TallyEntry	key = {tag, len};
		IndexEntry *found = tallyindex_lookup(tally->index, key);

		return found == NULL ? NULL : TALLY_PAYLOAD(tally_entry(tally, found->place));
	}
	for (int i = 0; i < tally->n; i++)
	{
		TallyEntry *entry = tally_entry(tally, i);

		if (entry->len == len && memcmp(entry->tag, tag, len) == 0)
			return TALLY_PAYLOAD(entry);
	}
	return NULL;
}

/* Copies a tag's bytes into a block that it shares with others. */
static const char *
keep_bytes(TagTally *tally, const char *tag, int len)
{
	char	   *copy;

	if (len > tally->spare_size)
	{
		tally->spare_size = Max(tally->block_size, len);
		tally->spare = MemoryContextAlloc(tally->cxt, tally->spare_size);
		tally->block_size = Min(tally->block_size * 2, TALLY_MAX_BLOCK);
	}
	copy = tally->spare;
	memcpy(copy, tag, len);
	tally->spare += len;
	tally->spare_size -= len;
	return copy;
}

static void
add_to_index(TagTally *tally, int place)
{
	bool		found;
	IndexEntry *entry = tallyindex_insert(tally->index, *tally_entry(tally, place), &found);

	entry->place = place;
}

/* The payload of a tag, zeroed if the tag is new.  Payloads move when tags are added. */
void *
tally_put(TagTally *tally, const char *tag, int len)
{
	void	   *payload = tally_find(tally, tag, len);
	TallyEntry *entry;

	if (payload != NULL)
		return payload;
	if (tally->n == TAGSET_MAX_TAGS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many different tags"),
				 errdetail("The limit is %d.", TAGSET_MAX_TAGS)));
	if (tally->n == tally->room)
	{
		tally->room = tally->room == 0 ? TALLY_FIRST_ROOM : tally->room * 2;
		tally->entries = tally->entries == NULL ?
			MemoryContextAlloc(tally->cxt, tally->room * tally->entry_size) :
			repalloc_huge(tally->entries, tally->room * tally->entry_size);
	}
	entry = tally_entry(tally, tally->n);
	memset(entry, 0, tally->entry_size);
	entry->tag = keep_bytes(tally, tag, len);
	entry->len = len;
	tally->n++;
	if (tally->index != NULL)
		add_to_index(tally, tally->n - 1);
	else if (tally->n > TALLY_SMALL)
	{
		tally->index = tallyindex_create(tally->cxt, tally->n * 2, NULL);
		for (int i = 0; i < tally->n; i++)
			add_to_index(tally, i);
	}
	return TALLY_PAYLOAD(entry);
}

static int
entry_compare(const void *a, const void *b)
{
	const TallyEntry *left = *(TallyEntry *const *) a;
	const TallyEntry *right = *(TallyEntry *const *) b;

	CHECK_FOR_INTERRUPTS();
	return tag_compare(left->tag, left->len, right->tag, right->len);
}

/* The entries in the order of tags, leaving the tally as it is. */
TallyEntry **
tally_sorted(const TagTally *tally)
{
	TallyEntry **sorted = palloc(Max(tally->n, 1) * sizeof(TallyEntry *));

	for (int i = 0; i < tally->n; i++)
		sorted[i] = tally_entry(tally, i);
	qsort(sorted, tally->n, sizeof(TallyEntry *), entry_compare);
	return sorted;
}

void
tally_send_tag(StringInfo buf, const TallyEntry *entry)
{
	pq_sendint32(buf, entry->len);
	pq_sendbytes(buf, entry->tag, entry->len);
}

void *
tally_receive_tag(TagTally *tally, StringInfo buf)
{
	int			len = (int) pq_getmsgint(buf, 4);

	if (len < 1 || len > TAG_MAX_BYTES)
		damaged_state_error();
	return tally_put(tally, pq_getmsgbytes(buf, len), len);
}

/* Half-lives are of a second at least: all of time has less than 2^44 of them. */
#define MAX_TOP (INT64CONST(1) << 40)

/* Makes the limbs end at a higher top: the lower ones fall away. */
static void
raise_top(TagSum *sum, int64 top)
{
	int64		steps = sum->used ? top - sum->top : TAG_SUM_LIMBS;

	for (int i = 0; i < TAG_SUM_LIMBS; i++)
		sum->limbs[i] = i + steps < TAG_SUM_LIMBS ? sum->limbs[i + steps] : 0;
	sum->top = top;
	sum->used = true;
}

/* Leaves 32 bits in each limb but the topmost, which bears the sign. */
static void
propagate(int64 *limbs)
{
	for (int i = 0; i < TAG_SUM_LIMBS - 1; i++)
	{
		int64		low = limbs[i] & INT64CONST(0xFFFFFFFF);

		limbs[i + 1] += (limbs[i] - low) / (INT64CONST(1) << 32);
		limbs[i] = low;
	}
}

/* Adds value * 2^exponent; value must be finite. */
void
tag_sum_add(TagSum *sum, double value, int64 exponent)
{
	int			shift;
	double		fraction = frexp(value, &shift);
	int64		sign = value < 0 ? -1 : 1;
	uint64		mantissa = (uint64) ldexp(fabs(fraction), 53);
	int64		place = exponent + shift - 53;
	int64		limb = place >= 0 ? place / 32 : -((31 - place) / 32);
	int			bits = (int) (place - limb * 32);
	uint64		low;
	uint64		high;
	int64		parts[3];

	if (mantissa == 0)
		return;
	/* mantissa << bits, cut into pieces of 32 bits; the middle one may have a 33rd */
	low = (mantissa & 0xFFFFFFFF) << bits;
	high = (mantissa >> 32) << bits;
	parts[0] = (int64) (low & 0xFFFFFFFF);
	parts[1] = (int64) ((low >> 32) + (high & 0xFFFFFFFF));
	parts[2] = (int64) (high >> 32);

	if (!sum->used || limb + 2 > sum->top)
		raise_top(sum, limb + 2);
	for (int i = 0; i < 3; i++)
	{
		int64		at = limb + i - (sum->top - (TAG_SUM_LIMBS - 1));

		if (at >= 0)
			sum->limbs[at] += sign * parts[i];
	}
	if (++sum->pending >= TAG_SUM_MAX_PENDING)
	{
		propagate(sum->limbs);
		sum->pending = 0;
	}
}

void
tag_sum_merge(TagSum *sum, const TagSum *other)
{
	if (!other->used)
		return;
	if (!sum->used || other->top > sum->top)
		raise_top(sum, other->top);
	for (int i = 0; i < TAG_SUM_LIMBS; i++)
	{
		int64		at = i - (sum->top - other->top);

		if (at >= 0)
			sum->limbs[at] += other->limbs[i];
	}
	if (sum->pending + other->pending >= TAG_SUM_MAX_PENDING)
	{
		propagate(sum->limbs);
		sum->pending = 0;
	}
	else
		sum->pending += other->pending;
}

/* The sum as result * 2^exponent, the result 0 or of magnitude 1 to 2^128. */
double
tag_sum_value(const TagSum *sum, int64 *exponent)
{
	int64		limbs[TAG_SUM_LIMBS];
	bool		negative;
	double		result = 0;

	*exponent = 0;
	if (!sum->used)
		return 0;
	memcpy(limbs, sum->limbs, sizeof(limbs));
	propagate(limbs);
	negative = limbs[TAG_SUM_LIMBS - 1] < 0;
	if (negative)
	{
		for (int i = 0; i < TAG_SUM_LIMBS; i++)
			limbs[i] = -limbs[i];
		propagate(limbs);
	}
	for (int i = TAG_SUM_LIMBS - 1; i >= 0; i--)
		result = result * 4294967296.0 + (double) limbs[i];
	*exponent = 32 * (sum->top - (TAG_SUM_LIMBS - 1));
	return negative ? -result : result;
}

void
tag_sum_send(StringInfo buf, const TagSum *sum)
{
	for (int i = 0; i < TAG_SUM_LIMBS; i++)
		pq_sendint64(buf, sum->limbs[i]);
	pq_sendint64(buf, sum->top);
	pq_sendint32(buf, sum->pending);
	pq_sendint8(buf, sum->used);
}

void
tag_sum_receive(StringInfo buf, TagSum *sum)
{
	int64		most;

	for (int i = 0; i < TAG_SUM_LIMBS; i++)
		sum->limbs[i] = pq_getmsgint64(buf);
	sum->top = pq_getmsgint64(buf);
	sum->pending = (int32) pq_getmsgint(buf, 4);
	sum->used = pq_getmsgbyte(buf) != 0;

	/* such sums can be merged, their values be worked out and set against each other, without an overflow */
	if (sum->top < -MAX_TOP || sum->top > MAX_TOP ||
		sum->pending < 0 || sum->pending >= TAG_SUM_MAX_PENDING)
		damaged_state_error();
	for (int i = 0; i < TAG_SUM_LIMBS; i++)
	{
		/* an addition puts at most 33 bits into a limb, and 21 into the topmost */
		most = i == TAG_SUM_LIMBS - 1 ? INT64CONST(1) << 61 :
			((int64) sum->pending << 33) + (INT64CONST(1) << 32);
		if (sum->limbs[i] < -most || sum->limbs[i] > most)
			damaged_state_error();
	}
}
