/*-------------------------------------------------------------------------
 *
 * tagset_analyze.c
 *		What ANALYZE learns of a tagset column.
 *
 * Beside the usual statistics of whole values a column gets what
 * tagset_stats.h describes.  Tags are counted by the lossy counting of Manku
 * and Motwani ("Approximate Frequency Counts over Data Streams", 2002), which
 * bounds memory.  Weights need a second reading of the sample, of columns that
 * have any: only the listed tags' are kept.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "commands/vacuum.h"
#include "common/hashfn.h"
#include "tags/tagset.h"
#include "tags/tagset_stats.h"
#include "utils/builtins.h"

/* Elements kept per unit of the statistics target, as tsvector does, and counters per element. */
#define ELEMENTS_PER_TARGET	10
#define COUNTERS_PER_ELEMENT 300

/* Weights kept per element, at most. */
#define WEIGHT_SAMPLE_SIZE	1024

typedef struct TagKey
{
	const char *tag;
	int			len;
} TagKey;

typedef struct Counter
{
	TagKey		key;
	uint32		hash;
	char		status;
	int64		count;
	int64		missed;			/* at most so many came before counting began */
	struct Weights *weights;	/* of elements that made it into the list */
} Counter;

/* One weight of an element out of each block of "stride". */
typedef struct Weights
{
	int			n;
	int			stride;
	int64		seen;
	float4		sample[WEIGHT_SAMPLE_SIZE];
} Weights;

static inline uint32
key_hash(TagKey key)
{
	return hash_bytes((const unsigned char *) key.tag, key.len);
}

#define SH_PREFIX counters
#define SH_ELEMENT_TYPE Counter
#define SH_KEY_TYPE TagKey
#define SH_KEY key
#define SH_HASH_KEY(table, key) key_hash(key)
#define SH_EQUAL(table, a, b) ((a).len == (b).len && memcmp((a).tag, (b).tag, (a).len) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* What the standard function has set up, which ours calls in turn. */
typedef struct Standard
{
	AnalyzeAttrComputeStatsFunc compute_stats;
	void	   *extra_data;
} Standard;

typedef struct Census
{
	counters_hash *counters;
	int64		width;			/* elements per round of lossy counting */
	int64		elements;		/* counted so far */
	bool		weighted;		/* some weight differs from 1 */
	double		rows;			/* not null */
	double		empty;
	Counter   **list;			/* the elements to be stored, sorted by bytes */
	int			n;
	double		least;			/* what is rarer may be missing from the list */
	double		greatest;
} Census;

static void
census_element(Census *census, const char *tag, int len)
{
	TagKey		key = {tag, len};
	bool		found;
	int64		round = census->elements / census->width;
	Counter    *counter = counters_insert(census->counters, key, &found);

	if (found)
		counter->count++;
	else
	{
		char	   *copy = palloc(len);

		memcpy(copy, tag, len);
		counter->key.tag = copy;
		counter->count = 1;
		counter->missed = round;
		counter->weights = NULL;
	}
	if (++census->elements % census->width == 0)
	{
		counters_iterator it;

		/* deleting while iterating is allowed */
		counters_start_iterate(census->counters, &it);
		while ((counter = counters_iterate(census->counters, &it)) != NULL)
		{
			if (counter->count + counter->missed <= round + 1)
			{
				TagKey		gone = counter->key;

				counters_delete(census->counters, gone);
				pfree((char *) gone.tag);
			}
		}
	}
}

static void
census_row(Census *census, const TagsetView *set)
{
	char		name[TAG_MAX_BYTES + 1];
	int			namelen = 0;

	census->rows++;
	if (set->n == 0)
		census->empty++;
	for (int i = 0; i < set->n; i++)
	{
		int			len;
		const char *tag = tagset_tag(set, i, &len);
		int			space = namespace_length(tag, len);

		/* the tags of a namespace stand side by side, for they are sorted */
		if (space > 0 && (space != namelen || memcmp(name, tag, space) != 0))
		{
			memcpy(name, tag, space);
			name[space] = '*';
			namelen = space;
			census_element(census, name, space + 1);
		}
		census_element(census, tag, len);
		census->weighted |= tagset_weight(set, i) != 1.0f;
	}
}

static int
more_frequent(const void *a, const void *b)
{
	const Counter *left = *(Counter *const *) a;
	const Counter *right = *(Counter *const *) b;

	if (left->count != right->count)
		return left->count > right->count ? -1 : 1;
	return tag_compare(left->key.tag, left->key.len, right->key.tag, right->key.len);
}

static int
counter_by_tag(const void *a, const void *b)
{
	const Counter *left = *(Counter *const *) a;
	const Counter *right = *(Counter *const *) b;

	return tag_compare(left->key.tag, left->key.len, right->key.tag, right->key.len);
}

static int
weight_compare(const void *a, const void *b)
{
	float4		left = *(const float4 *) a;
	float4		right = *(const float4 *) b;

	return left < right ? -1 : left > right;
}

static int
free_slot(const VacAttrStats *stats)
{
	int			slot = 0;

	while (slot < STATISTIC_NUM_SLOTS && stats->stakind[slot] != 0)
		slot++;
	return slot;
}

/* Chooses the elements to be stored. */
static void
choose_elements(Census *census, int limit)
{
	/* what may have been lost in counting is no base for an estimate */
	int64		cutoff = census->elements <= census->width ? 0 :
		9 * census->elements / census->width;
	Counter    *counter;
	counters_iterator it;
	int			n = 0;

	census->list = palloc_array(Counter *, Max(census->counters->members, 1));
	counters_start_iterate(census->counters, &it);
	while ((counter = counters_iterate(census->counters, &it)) != NULL)
	{
		if (counter->count > cutoff)
			census->list[n++] = counter;
	}
	qsort(census->list, n, sizeof(Counter *), more_frequent);
	/* a complete list leaves out only what is rarer than one row of the sample */
	census->least = Max((double) cutoff, 1.0);
	if (n > limit)
	{
		n = limit;
		census->least = (double) census->list[n - 1]->count;
	}
	census->greatest = n > 0 ? (double) census->list[0]->count : 0;
	census->n = n;
	qsort(census->list, n, sizeof(Counter *), counter_by_tag);
}

static void
store_elements(VacAttrStats *stats, const Census *census)
{
	int			slot = free_slot(stats);
	int			n = census->n;
	Datum	   *values;
	float4	   *numbers;
	MemoryContext old;

	if (slot == STATISTIC_NUM_SLOTS)
		return;
	old = MemoryContextSwitchTo(stats->anl_context);
	values = palloc_array(Datum, Max(n, 1));
	numbers = palloc_array(float4, n + 3);
	for (int i = 0; i < n; i++)
	{
		const Counter *counter = census->list[i];

		values[i] = PointerGetDatum(cstring_to_text_with_len(counter->key.tag, counter->key.len));
		numbers[i] = (float4) (counter->count / census->rows);
	}
	numbers[n] = (float4) (census->least / census->rows);
	numbers[n + 1] = (float4) (census->greatest / census->rows);
	numbers[n + 2] = (float4) (census->empty / census->rows);
	MemoryContextSwitchTo(old);

	stats->stakind[slot] = STATISTIC_KIND_MCELEM;
	stats->staop[slot] = TextEqualOperator;
	stats->stacoll[slot] = C_COLLATION_OID;
	stats->stanumbers[slot] = numbers;
	stats->numnumbers[slot] = n + 3;
	stats->stavalues[slot] = values;
	stats->numvalues[slot] = n;
	stats->statypid[slot] = TEXTOID;
	stats->statyplen[slot] = -1;
	stats->statypbyval[slot] = false;
	stats->statypalign[slot] = TYPALIGN_INT;
}

/*
 * Keeps one weight of each block; when there is no room left, blocks are put
 * together by twos.  Which one is left to a hash of the block's number: the
 * weights of rows that were written in turn may well be periodic.
 */
static void
sample_weight(Weights *weights, float4 weight)
{
	uint32		block = (uint32) (weights->seen / weights->stride);

	if (weights->seen++ % weights->stride != murmurhash32(block) % weights->stride)
		return;
	if (weights->n == WEIGHT_SAMPLE_SIZE)
	{
		for (int i = 0; i < WEIGHT_SAMPLE_SIZE / 2; i++)
			weights->sample[i] = weights->sample[2 * i + (murmurhash32(i) >> 31)];
		weights->n = WEIGHT_SAMPLE_SIZE / 2;
		weights->stride *= 2;
	}
	weights->sample[weights->n++] = weight;
}

/* The weights that one row gives to listed elements. */
static void
sample_row(const Census *census, const TagsetView *set)
{
	for (int i = 0; i < set->n; i++)
	{
		TagKey		key;
		Counter    *counter;

		key.tag = tagset_tag(set, i, &key.len);
		counter = counters_lookup(census->counters, key);
		if (counter != NULL && counter->weights != NULL)
			sample_weight(counter->weights, tagset_weight(set, i));
	}
}

/* Quantiles of the weights of each listed element, in the order of the list. */
static void
store_weights(VacAttrStats *stats, const Census *census)
{
	int			slot = free_slot(stats);
	float4	   *numbers;

	if (slot == STATISTIC_NUM_SLOTS)
		return;
	numbers = MemoryContextAlloc(stats->anl_context, census->n * WEIGHT_QUANTILES * sizeof(float4));
	for (int i = 0; i < census->n; i++)
	{
		Weights    *weights = census->list[i]->weights;

		qsort(weights->sample, weights->n, sizeof(float4), weight_compare);
		for (int j = 0; j < WEIGHT_QUANTILES; j++)
			/* a namespace has no weights */
			numbers[i * WEIGHT_QUANTILES + j] = weights->n == 0 ? 1.0f :
				weights->sample[j * (weights->n - 1) / (WEIGHT_QUANTILES - 1)];
	}
	stats->stakind[slot] = STATISTIC_KIND_TAG_WEIGHTS;
	stats->stanumbers[slot] = numbers;
	stats->numnumbers[slot] = census->n * WEIGHT_QUANTILES;
}

/* Reads all rows of the sample that are not null. */
static void
read_sample(VacAttrStats *stats, AnalyzeAttrFetchFunc fetchfunc, int samplerows,
			Census *census, bool counting)
{
	for (int row = 0; row < samplerows; row++)
	{
		bool		isnull;
		Datum		value = fetchfunc(stats, row, &isnull);
		TagsetView	set;

		VACUUM_DELAY_POINT();
		if (isnull)
			continue;
		tagset_open((struct varlena *) DatumGetPointer(value), &set);
		if (counting)
			census_row(census, &set);
		else
			sample_row(census, &set);
		if ((Pointer) set.value != DatumGetPointer(value))
			pfree(set.value);
	}
}

static void
compute_tagset_stats(VacAttrStats *stats, AnalyzeAttrFetchFunc fetchfunc, int samplerows,
					 double totalrows)
{
	Standard   *standard = stats->extra_data;
	int			limit = VAC_STATS_TARGET(stats) * ELEMENTS_PER_TARGET;
	Census		census = {0};

	stats->extra_data = standard->extra_data;
	standard->compute_stats(stats, fetchfunc, samplerows, totalrows);
	stats->extra_data = standard;

	census.width = (int64) limit * COUNTERS_PER_ELEMENT;
	census.counters = counters_create(CurrentMemoryContext, 1024, NULL);
	read_sample(stats, fetchfunc, samplerows, &census, true);
	if (census.rows == 0)
		return;
	choose_elements(&census, limit);
	store_elements(stats, &census);
	if (census.weighted && census.n > 0)
	{
		for (int i = 0; i < census.n; i++)
		{
			census.list[i]->weights = palloc0_object(Weights);
			census.list[i]->weights->stride = 1;
		}
		read_sample(stats, fetchfunc, samplerows, &census, false);
		store_weights(stats, &census);
	}
}

RECSYS_FUNCTION(recsys_tagset_typanalyze);
Datum
recsys_tagset_typanalyze(PG_FUNCTION_ARGS)
{
	VacAttrStats *stats = (VacAttrStats *) PG_GETARG_POINTER(0);
	Standard   *standard;

	if (!std_typanalyze(stats))
		PG_RETURN_BOOL(false);
	standard = palloc_object(Standard);
	standard->compute_stats = stats->compute_stats;
	standard->extra_data = stats->extra_data;
	stats->compute_stats = compute_tagset_stats;
	stats->extra_data = standard;
	PG_RETURN_BOOL(true);
}
