/*-------------------------------------------------------------------------
 *
 * tagset.h
 *		The tagset type: sorted, unique tags, each with an optional weight.
 *
 * On disk (a varlena; every field is read byte by byte or through memcpy, so
 * that a value with a short header is used where it lies, without a copy):
 *
 *		uint8	version nibble 1 | reserved bit, 0 | width code | weighted
 *		uintW	number of tags n
 *		uintW	end[n]		where each tag ends in the tag bytes
 *		char	the tags' bytes, one after another, sorted by memcmp
 *		float4	weight[n]	only if some weight differs from 1
 *
 * W is 1, 2 or 4 bytes: the smallest that holds the length of the tag bytes
 * (which is never less than n, since no tag is empty).  Width, presence of
 * weights and order follow from the content, hence equal sets have equal bytes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_TAGSET_H
#define RECSYS_TAGSET_H

#include "core/compat.h"
#include "lib/stringinfo.h"

/* Limits that the manual states; a tag must fit into an index entry. */
#define TAG_MAX_BYTES		1024
#define TAGSET_MAX_TAGS		1048576

#define TAGSET_VERSION_MASK	0xF0
#define TAGSET_VERSION		0x10
#define TAGSET_RESERVED		0x08
#define TAGSET_WIDTH_SHIFT	1
#define TAGSET_WIDTH_MASK	0x06
#define TAGSET_WEIGHTED		0x01

/* A stored tagset, opened for reading. */
typedef struct TagsetView
{
	int			n;
	int			width;			/* bytes of one entry of ends */
	const char *ends;
	const char *text;
	const char *weights;		/* NULL: all are 1 */
	struct varlena *value;		/* for PG_FREE_IF_COPY */
} TagsetView;

/* One tag outside a tagset; the bytes belong to someone else. */
typedef struct TagItem
{
	const char *tag;
	int			len;
	float4		weight;
} TagItem;

static inline uint32
tagset_end(const TagsetView *set, int i)
{
	if (set->width == 1)
		return ((const uint8 *) set->ends)[i];
	if (set->width == 2)
	{
		uint16		end;

		memcpy(&end, set->ends + (Size) i * 2, 2);
		return end;
	}
	else
	{
		uint32		end;

		memcpy(&end, set->ends + (Size) i * 4, 4);
		return end;
	}
}

static inline const char *
tagset_tag(const TagsetView *set, int i, int *len)
{
	uint32		start = i == 0 ? 0 : tagset_end(set, i - 1);

	*len = (int) (tagset_end(set, i) - start);
	return set->text + start;
}

static inline float4
tagset_weight(const TagsetView *set, int i)
{
	float4		weight;

	if (set->weights == NULL)
		return 1.0f;
	memcpy(&weight, set->weights + (Size) i * sizeof(float4), sizeof(float4));
	return weight;
}

/* The order of tags everywhere: bytes, the shorter first. */
static inline int
tag_compare(const char *a, int alen, const char *b, int blen)
{
	int			cmp = memcmp(a, b, Min(alen, blen));

	return cmp != 0 ? cmp : alen - blen;
}

static inline bool
tag_isspace(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

#define PG_GETARG_TAGSET(n, set) tagset_open(PG_GETARG_RAW_VARLENA_P(n), set)
#define PG_FREE_TAGSET(set, n) PG_FREE_IF_COPY((set)->value, n)

/* tagset.c */
extern void tagset_open(struct varlena *datum, TagsetView *set);
extern bool tag_check_length(Size len, struct Node *escontext);
extern int	tagset_lower_bound(const TagsetView *set, const char *tag, int len);
extern int	tagset_find(const TagsetView *set, const char *tag, int len);
extern bool tagset_sort(TagItem *items, int *n, struct Node *escontext);
extern struct varlena *tagset_form(const TagItem *items, int n, struct Node *escontext);
extern TagItem *tagset_items(const TagsetView *set);
extern void tagset_keep_heaviest(TagItem *items, int *n, int limit);

/* tagset_io.c: what the texts of tagset and tagquery have in common */
extern const char *taglex_quoted(const char *p, StringInfo tag);
extern const char *taglex_number(const char *p, float4 *value);
extern void taglex_append(StringInfo buf, const char *tag, int len);
extern void taglex_append_weight(StringInfo buf, float4 weight);
extern int	taglex_position(const char *start, const char *p);

#endif							/* RECSYS_TAGSET_H */
