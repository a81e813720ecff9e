/*-------------------------------------------------------------------------
 *
 * tagset.c
 *		Opening, searching and forming tagsets: the only file that knows how
 *		one lies on disk (tagset.h describes it).
 *
 * Whoever makes a tagset collects TagItems in any order, has them sorted and
 * rid of duplicates by tagset_sort(), and formed by tagset_form().  Operators
 * that merge sorted sets leave out the sorting.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "port/pg_bswap.h"
#include "tags/tagset.h"

static const int width_of_code[] = {1, 2, 4};

/*
 * Opens a stored value, detoasting it if need be.  The bytes are checked as
 * far as that costs nothing: the frame, not each tag.
 */
void
tagset_open(struct varlena *datum, TagsetView *set)
{
	struct varlena *value = pg_detoast_datum_packed(datum);
	Size		size = VARSIZE_ANY_EXHDR(value);
	const char *data = VARDATA_ANY(value);
	uint8		flags = size > 0 ? (uint8) data[0] : 0;
	int			code = (flags & TAGSET_WIDTH_MASK) >> TAGSET_WIDTH_SHIFT;
	Size		need;

	if ((flags & TAGSET_VERSION_MASK) != TAGSET_VERSION || (flags & TAGSET_RESERVED) != 0 ||
		code >= lengthof(width_of_code) || size < 1 + width_of_code[code])
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("unknown format of a stored tagset"),
				 errdetail("The first byte is 0x%02x.", flags),
				 errhint("The value is damaged or was written by a newer version of the extension.")));
	set->value = value;
	set->width = width_of_code[code];
	set->ends = data + 1;
	set->n = (int) tagset_end(set, 0);	/* the count stands before the ends */
	set->ends += set->width;
	need = 1 + (Size) set->width * ((Size) set->n + 1);
	if (set->n < 0 || set->n > TAGSET_MAX_TAGS || size < need)
		goto damaged;
	set->text = data + need;
	if (set->n > 0)
		need += tagset_end(set, set->n - 1);
	set->weights = (flags & TAGSET_WEIGHTED) != 0 ? data + need : NULL;
	if (set->weights != NULL)
		need += (Size) set->n * sizeof(float4);
	if (size == need)
		return;

damaged:
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("a stored tagset is damaged"),
			 errdetail("It claims to have %d tags, which does not fit its %zu bytes.", set->n, size)));
}

/* Is the length of a tag within the limits?  Reports an error if not. */
bool
tag_check_length(Size len, struct Node *escontext)
{
	if (len == 0)
		ereturn(escontext, false,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("a tag must not be empty")));
	if (len > TAG_MAX_BYTES)
		ereturn(escontext, false,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("tag is too long"),
				 errdetail("It has %zu bytes, the limit is %d.", len, TAG_MAX_BYTES)));
	return true;
}

/*
 * The first 8 bytes of a tag as a number, zeros after its end.  Tags hold no
 * zero bytes, so that these numbers are ordered as the tags are.
 */
static inline uint64
tag_head(const char *tag, int len, const char *limit)
{
	uint64		head = 0;

	if (limit - tag >= (ptrdiff_t) sizeof(head))
	{
		memcpy(&head, tag, sizeof(head));
		head = pg_ntoh64(head);
		return len >= (int) sizeof(head) ? head : head & ~(PG_UINT64_MAX >> (8 * len));
	}
	for (int i = 0; i < (int) sizeof(head); i++)
		head = head << 8 | (i < len ? (unsigned char) tag[i] : 0);
	return head;
}

/* The first position whose tag is not less than the given one. */
int
tagset_lower_bound(const TagsetView *set, const char *tag, int len)
{
	const char *limit = (const char *) set->value + VARSIZE_ANY(set->value);
	uint64		head = tag_head(tag, len, tag + len);
	int			low = 0;
	int			high = set->n;

	while (low < high)
	{
		int			middle = (int) ((unsigned int) (low + high) / 2);
		int			middlelen;
		const char *found = tagset_tag(set, middle, &middlelen);
		uint64		foundhead = tag_head(found, middlelen, limit);
		int			cmp;

		/* mostly this decides */
		if (foundhead != head)
			cmp = foundhead < head ? -1 : 1;
		else if (middlelen <= (int) sizeof(head) || len <= (int) sizeof(head))
			cmp = middlelen - len;
		else
			cmp = tag_compare(found + sizeof(head), middlelen - (int) sizeof(head),
							  tag + sizeof(head), len - (int) sizeof(head));
		if (cmp < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Position of a tag, or -1. */
int
tagset_find(const TagsetView *set, const char *tag, int len)
{
	int			i = tagset_lower_bound(set, tag, len);
	int			foundlen;
	const char *found;

	if (i == set->n)
		return -1;
	found = tagset_tag(set, i, &foundlen);
	return foundlen == len && memcmp(found, tag, len) == 0 ? i : -1;
}

static int
item_compare(const void *a, const void *b)
{
	const TagItem *left = a;
	const TagItem *right = b;

	CHECK_FOR_INTERRUPTS();
	return tag_compare(left->tag, left->len, right->tag, right->len);
}

/*
 * Sorts the items in place and drops repetitions.  A tag that comes twice with
 * different weights is an error: which one is meant can't be guessed.
 */
bool
tagset_sort(TagItem *items, int *n, struct Node *escontext)
{
	int			kept = 0;

	qsort(items, *n, sizeof(TagItem), item_compare);
	for (int i = 0; i < *n; i++)
	{
		if (kept > 0 && item_compare(&items[kept - 1], &items[i]) == 0)
		{
			if (items[kept - 1].weight != items[i].weight)
				ereturn(escontext, false,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("tag \"%s\" has two different weights",
								pnstrdup(items[i].tag, items[i].len))));
			continue;
		}
		items[kept++] = items[i];
	}
	*n = kept;
	return true;
}

/*
 * Makes a tagset of sorted, unique items.  Reports an error and returns NULL
 * for a weight that is 0 or not finite, and for too many tags.
 */
struct varlena *
tagset_form(const TagItem *items, int n, struct Node *escontext)
{
	Size		bytes = 0;
	Size		size;
	bool		weighted = false;
	int			code;
	int			width;
	uint32		end = 0;
	struct varlena *value;
	char	   *ends;
	char	   *text;

	if (n > TAGSET_MAX_TAGS)
		ereturn(escontext, NULL,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a tagset can have at most %d tags", TAGSET_MAX_TAGS)));
	for (int i = 0; i < n; i++)
	{
		if (items[i].weight == 0 || !isfinite(items[i].weight))
			ereturn(escontext, NULL,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("the weight of tag \"%s\" must be finite and not 0",
							pnstrdup(items[i].tag, items[i].len))));
		bytes += items[i].len;
		weighted |= items[i].weight != 1.0f;
	}
	code = bytes <= PG_UINT8_MAX ? 0 : bytes <= PG_UINT16_MAX ? 1 : 2;
	width = width_of_code[code];
	size = VARHDRSZ + 1 + (Size) width * ((Size) n + 1) + bytes +
		(weighted ? (Size) n * sizeof(float4) : 0);
	if (size > MaxAllocSize)
		ereturn(escontext, NULL,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the tags of a tagset are too long in total")));

	value = palloc(size);
	SET_VARSIZE(value, size);
	VARDATA(value)[0] = (char) (TAGSET_VERSION | (code << TAGSET_WIDTH_SHIFT) |
								(weighted ? TAGSET_WEIGHTED : 0));
	ends = VARDATA(value) + 1;
	text = ends + (Size) width * ((Size) n + 1);
	/* entry 0 holds the count, then come the ends */
	for (int i = 0; i <= n; i++)
	{
		uint32		number = i == 0 ? (uint32) n : (end += items[i - 1].len);

		if (width == 1)
			((uint8 *) ends)[i] = (uint8) number;
		else if (width == 2)
		{
			uint16		half = (uint16) number;

			memcpy(ends + (Size) i * 2, &half, 2);
		}
		else
			memcpy(ends + (Size) i * 4, &number, 4);
		if (i > 0)
			memcpy(text + end - items[i - 1].len, items[i - 1].tag, items[i - 1].len);
	}
	if (weighted)
	{
		for (int i = 0; i < n; i++)
			memcpy(text + bytes + (Size) i * sizeof(float4), &items[i].weight, sizeof(float4));
	}
	return value;
}

/* The tags of a set as items that point into it. */
TagItem *
tagset_items(const TagsetView *set)
{
	TagItem    *items = palloc(sizeof(TagItem) * Max(set->n, 1));

	for (int i = 0; i < set->n; i++)
	{
		items[i].tag = tagset_tag(set, i, &items[i].len);
		items[i].weight = tagset_weight(set, i);
	}
	return items;
}

static int
heavier(const void *a, const void *b)
{
	const TagItem *left = a;
	const TagItem *right = b;

	CHECK_FOR_INTERRUPTS();
	if (left->weight != right->weight)
		return left->weight > right->weight ? -1 : 1;
	return item_compare(left, right);
}

/* Keeps the heaviest of the items, of equal ones those that sort first, in the order of tags. */
void
tagset_keep_heaviest(TagItem *items, int *n, int limit)
{
	qsort(items, *n, sizeof(TagItem), heavier);
	*n = Min(*n, limit);
	qsort(items, *n, sizeof(TagItem), item_compare);
}
