/*-------------------------------------------------------------------------
 *
 * content.c
 *		Similarity by content: interactions are those of tags and items.
 *
 * An item that nobody has bought has no neighbours by behaviour, but it has
 * tags.  With each tag as a user the same product, measures and limits apply:
 * a tag that many items have says little, as a user who has many items does.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "similarity/similarity.h"
#include "tags/tagset.h"

/*
 * A tag that k items have counts k^-RARITY: about as steep as the square of
 * its inverse document frequency, but above 0 for tags that all items have, so
 * that common tags are better than none.
 */
#define RARITY 0.5

/*
 * Starts to collect items with their tags: their cosine, in which rare tags
 * count more, unless the options name another measure.
 */
SimilarityBuild *
similarity_begin_tags(MemoryContext cxt, Oid itemtype, Oid itemcollation, Datum composite)
{
	SimilarityOptions options;

	similarity_default_options(&options);
	options.measure = MEASURE_COSINE;
	options.user_power = RARITY;
	if (composite != (Datum) 0)
		similarity_read_options_as(&options, composite, MEASURE_COSINE, RARITY);
	if (options.half_life > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("half_life does not apply to tags")));
	return similarity_begin(cxt, TEXTOID, C_COLLATION_OID, itemtype, itemcollation, &options);
}

/*
 * Adds an item with its tags and their weights.  Where an item comes more than
 * once its weights are added up.
 */
void
similarity_add_tags(SimilarityBuild *build, Datum item, Datum tagset)
{
	struct varlena *value = (struct varlena *) DatumGetPointer(tagset);
	TagsetView	set;
	int			i;

	tagset_open(value, &set);
	for (i = 0; i < set.n; i++)
	{
		int			len;
		const char *tag = tagset_tag(&set, i, &len);
		text	   *key = cstring_to_text_with_len(tag, len);

		similarity_add(build, PointerGetDatum(key), item, tagset_weight(&set, i), SIMILARITY_NO_TIME);
		pfree(key);
	}
	if (set.value != value)
		pfree(set.value);
}
