/*-------------------------------------------------------------------------
 *
 * similarity.h
 *		For each item a short list of its nearest neighbours.
 *
 * How to use it: fill SimilarityOptions, similarity_begin(), similarity_add()
 * for each interaction, similarity_start(), similarity_next() for each item.  See
 * engine.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_SIMILARITY_H
#define RECSYS_SIMILARITY_H

#include "core/compat.h"
#include "datatype/timestamp.h"
#include "lib/stringinfo.h"

#include "core/iddict.h"

typedef enum SimilarityMeasure
{
	/* presets of the co-occurrence formula: see measure.c */
	MEASURE_COOCCURRENCE,
	MEASURE_COSINE,
	MEASURE_TFIDF,
	MEASURE_BM25,
	MEASURE_P3ALPHA,
	MEASURE_RP3BETA,
	/* of the numbers of users only */
	MEASURE_JACCARD,
	MEASURE_DICE,
	MEASURE_OVERLAP,
	MEASURE_CONDITIONAL,
	MEASURE_LIFT,
	MEASURE_LEVERAGE,
	MEASURE_LLR
} SimilarityMeasure;

/* What is done to the sum of weights of a user and an item. */
typedef enum SimilarityTransform
{
	TRANSFORM_NONE,
	TRANSFORM_BINARY,			/* 1 */
	TRANSFORM_SQRT,
	TRANSFORM_LOG,				/* log2(1 + x) */
	TRANSFORM_DEFAULT			/* that of the measure */
} SimilarityTransform;

/* Whose scores are made to add up to 1. */
typedef enum SimilarityNormalize
{
	NORMALIZE_NONE,
	NORMALIZE_ITEM,				/* those of an item's neighbours */
	NORMALIZE_NEIGHBOUR,		/* those of the items that have a neighbour */
	NORMALIZE_DEFAULT			/* that of the measure, or what tuning finds */
} SimilarityNormalize;

/* Who keeps the n best. */
typedef enum SimilarityPrune
{
	PRUNE_ITEM,					/* an item its neighbours */
	PRUNE_NEIGHBOUR				/* a neighbour the items that it is neighbour of */
} SimilarityPrune;

/*
 * similarity_default_options() and similarity_read_options() fill them.  After
 * the former a NaN in user_power, alpha, beta or shrink, an n or min_together of 0, TRANSFORM_DEFAULT and
 * NORMALIZE_DEFAULT stand for what the measure has; similarity_begin() puts that in its place.
 */
typedef struct SimilarityOptions
{
	SimilarityMeasure measure;
	int			n;				/* neighbours per item */
	double		user_power;		/* a user counts with (number of items)^-user_power */
	double		alpha;			/* exponent for the item */
	double		beta;			/* exponent for the neighbour */
	double		shrink;			/* score * together / (together + shrink) */
	int64		min_together;
	double		min_llr;		/* log-likelihood ratio at which a pair is significant */
	double		k1;				/* of bm25 */
	double		b;
	SimilarityTransform transform;
	SimilarityNormalize normalize;
	SimilarityPrune prune;
	int64		max_per_user;	/* interactions that are kept, 0: all */
	int64		max_per_item;
	double		half_life;		/* of weights, in microseconds; 0: they stay */
	TimestampTz as_of;			/* DT_NOBEGIN: the newest time of all */
	bool		tune;			/* find the exponents, and the others where they are open */
} SimilarityOptions;

typedef struct SimilarityBuild SimilarityBuild;

typedef struct Neighbour
{
	double		score;
	uint32		target;			/* number: similarity_neighbour() has the value */
	uint32		together;		/* users of both; 0 where nobody asks for it */
} Neighbour;

/*
 * The neighbours of an item, best first; scores above 0, ties by the neighbour's
 * value.  n is 0 for an item without any, and may be more than the option n where
 * that limits how often a neighbour appears (prune).  They are there until the next
 * row is asked for, values as long as the build.
 */
typedef struct SimilarityRow
{
	Datum		item;
	int			n;
	const Neighbour *neighbours;
	IdValues	targets;
} SimilarityRow;

static inline Datum
similarity_neighbour(const SimilarityRow *row, int i)
{
	return id_value(&row->targets, row->neighbours[i].target);
}

/*
 * Gets each source that has any interaction, in the order of their values and
 * before the first row, with a fingerprint of all that its row is made of.
 * False: the row is not wanted, and does not come.
 */
typedef bool (*SimilarityWants) (void *arg, Datum item, uint64 fingerprint);

extern void similarity_default_options(SimilarityOptions *options);
extern void similarity_read_options(SimilarityOptions *options, Datum composite);
extern void similarity_read_options_as(SimilarityOptions *options, Datum composite,
									   SimilarityMeasure measure, double user_power);
extern void similarity_settle_options(SimilarityOptions *options);
extern void similarity_settle_lists(SimilarityOptions *options);
extern bool similarity_options_are_valid(const SimilarityOptions *options);
extern bool similarity_same_options(const SimilarityOptions *a, const SimilarityOptions *b);

/* For an interaction without a time: no timestamp has this value, infinite ones neither. */
#define SIMILARITY_NO_TIME (DT_NOBEGIN + 1)

extern SimilarityBuild *similarity_begin(MemoryContext cxt, Oid usertype, Oid usercollation,
										 Oid itemtype, Oid itemcollation,
										 const SimilarityOptions *options);
extern bool similarity_decays(const SimilarityBuild *build);
extern double similarity_row_weight(const SimilarityBuild *build, const NullableDatum *weight,
									const NullableDatum *ts, TimestampTz *time);
extern void similarity_add(SimilarityBuild *build, Datum user, Datum item, double weight,
						   TimestampTz ts);

/* For neighbours among things of another kind: "searched this, bought that". */
extern void similarity_begin_sources(SimilarityBuild *build, Oid itemtype, Oid itemcollation);
extern void similarity_add_source(SimilarityBuild *build, Datum user, Datum item, double weight,
								  TimestampTz ts);

/* By content: tags take the place of users.  options is 0 for the default, or of similarity_options(). */
extern SimilarityBuild *similarity_begin_tags(MemoryContext cxt, Oid itemtype, Oid itemcollation,
											  Datum options);
extern void similarity_add_tags(SimilarityBuild *build, Datum item, Datum tagset);

/* too_many is called, and has to throw, where more rows than limit will come for sure. */
extern bool similarity_is_of(const SimilarityBuild *build, Oid itemtype, Oid neighbourtype);
extern void similarity_limit_rows(SimilarityBuild *build, uint64 limit, void (*too_many) (void));

extern bool similarity_fingerprint(SimilarityBuild *build, SimilarityWants wants, void *arg);
extern void similarity_omit_together(SimilarityBuild *build);
extern void similarity_start(SimilarityBuild *build);
extern bool similarity_next(SimilarityBuild *build, SimilarityRow *row);
extern void similarity_end(SimilarityBuild *build);

/* Of the item whose row came last.  Number of users and sum of weights. */
extern int64 similarity_item_users(const SimilarityBuild *build);
extern double similarity_item_weight(const SimilarityBuild *build);

/* The same, where similarity_fingerprint() said yes. */
extern uint64 similarity_item_fingerprint(const SimilarityBuild *build);

/* From the first row on: numbers of all users and items that have any interaction. */
extern int64 similarity_user_count(const SimilarityBuild *build);
extern int64 similarity_item_count(const SimilarityBuild *build);

/* Partial states of aggregates. */
extern SimilarityBuild *similarity_begin_like(MemoryContext cxt, const SimilarityBuild *other);
extern void similarity_combine(SimilarityBuild *left, SimilarityBuild *right);
extern void similarity_serialize(SimilarityBuild *build, StringInfo buf);
extern SimilarityBuild *similarity_deserialize(MemoryContext cxt, StringInfo buf);

#endif							/* RECSYS_SIMILARITY_H */
