/*-------------------------------------------------------------------------
 *
 * options.c
 *		similarity_options(): reading, defaults, checks.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <float.h>
#include <math.h>

#include "utils/float.h"
#include "utils/timestamp.h"

#include "core/options.h"
#include "similarity/engine.h"

RECSYS_FUNCTION(recsys_similarity_options);

/* In the order of SimilarityMeasure. */
static const char *const measure_names[] = {
	"cooccurrence", "cosine", "tfidf", "bm25", "p3alpha", "rp3beta",
	"jaccard", "dice", "overlap", "conditional", "lift", "leverage", "llr", NULL
};

static const char *const transform_names[] = {"none", "binary", "sqrt", "log", NULL};
static const char *const normalize_names[] = {"none", "item", "neighbour", NULL};
static const char *const prune_names[] = {"item", "neighbour", NULL};

/*
 * Exponents of the measures that have any, in the same order.  The first is
 * the single setting that does best on validation parts of four data sets
 * (test/bench/quality.sh): with lists that add up to 1, where alpha is of no
 * effect, and with shrinkage.
 */
static const struct
{
	double		user_power;
	double		alpha;
	double		beta;
	double		shrink;
	SimilarityNormalize normalize;
}			presets[] = {
	{0.75, 0.8, 0.4, 10, NORMALIZE_ITEM},
	{0, 0.5, 0.5, 0, NORMALIZE_NONE},
	{0, 0.5, 0.5, 0, NORMALIZE_NONE},
	{0, 0, 0, 0, NORMALIZE_NONE},
	{0, 1, 0, 0, NORMALIZE_NONE},
	{0, 1, 0.6, 0, NORMALIZE_NONE},
};

void
similarity_default_options(SimilarityOptions *options)
{
	/* compared and sent as bytes: no holes with chance in them */
	memset(options, 0, sizeof(*options));
	options->measure = MEASURE_COOCCURRENCE;
	options->transform = TRANSFORM_DEFAULT;
	options->normalize = NORMALIZE_DEFAULT;
	options->user_power = options->alpha = options->beta = options->shrink = get_float8_nan();
	options->as_of = DT_NOBEGIN;
	options->k1 = 1.2;
	options->b = 0.75;
}

/* An exponent that was not given is that of the measure. */
static void
settle(const char *name, double *value, bool applies, double preset)
{
	if (!applies && !isnan(*value) && *value != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s does not apply to this measure", name),
				 errhint("Measures of numbers of users have no exponents.")));
	if (isnan(*value))
		*value = preset;
}

/* Puts what the measure has in place of what was not given. */
void
similarity_settle_options(SimilarityOptions *options)
{
	bool		product = options->measure < MEASURE_JACCARD;

	settle("user_power", &options->user_power, product,
		   product ? presets[options->measure].user_power : 0);
	settle("alpha", &options->alpha, product, product ? presets[options->measure].alpha : 0);
	settle("beta", &options->beta, product, product ? presets[options->measure].beta : 0);
	if (options->transform == TRANSFORM_DEFAULT)
		options->transform = options->measure == MEASURE_COOCCURRENCE ?
			TRANSFORM_LOG : TRANSFORM_NONE;
	if (options->tune && options->measure != MEASURE_COOCCURRENCE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("only the measure \"cooccurrence\" can be tuned"),
				 errhint("The other measures have fixed exponents.")));
	if (options->tune &&
		(options->prune != PRUNE_ITEM || options->normalize == NORMALIZE_NEIGHBOUR))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("tune needs each item to keep its own neighbours"),
				 errhint("Leave prune and normalization out.")));
	/* with tune they are among what is chosen */
	if (!options->tune)
		similarity_settle_lists(options);
}

/* The same for what makes lists of scores, which may stay open until tuning. */
void
similarity_settle_lists(SimilarityOptions *options)
{
	bool		product = options->measure < MEASURE_JACCARD;

	if (isnan(options->shrink))
		options->shrink = product ? presets[options->measure].shrink : 0;
	if (options->normalize == NORMALIZE_DEFAULT)
		options->normalize = product ? presets[options->measure].normalize : NORMALIZE_NONE;
	if (options->min_together == 0)
		options->min_together = 1;
	if (options->n == 0)
		options->n = SIMILARITY_DEFAULT_N;
}

static void
read_times(SimilarityOptions *options, OptionsReader *reader)
{
	Datum		value;

	if (options_get(reader, "half_life", &value))
	{
		const Interval *interval = DatumGetIntervalP(value);

		/* a month of 30 days, as PostgreSQL compares intervals */
		options->half_life = (double) interval->time +
			((double) interval->month * DAYS_PER_MONTH + interval->day) * (double) USECS_PER_DAY;
		if (!(options->half_life > 0))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("half_life must be more than 0")));
	}
	if (options_get(reader, "as_of", &value))
	{
		options->as_of = DatumGetTimestampTz(value);
		if (TIMESTAMP_NOT_FINITE(options->as_of))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("as_of must be finite")));
		if (options->half_life == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("as_of has no effect without half_life")));
	}
}

/* Reads a value of similarity_options().  Errors: see its documentation. */
void
similarity_read_options(SimilarityOptions *options, Datum composite)
{
	similarity_read_options_as(options, composite, MEASURE_COOCCURRENCE, get_float8_nan());
}

/* The same with another default measure, and the user_power that goes with it. */
void
similarity_read_options_as(SimilarityOptions *options, Datum composite, SimilarityMeasure measure,
						   double user_power)
{
	OptionsReader reader;
	double		infinity = get_float8_infinity();
	double		nan = get_float8_nan();

	similarity_default_options(options);
	options_open(&reader, composite, "similarity_options");
	options->measure = options_word(&reader, "measure", measure, measure_names);
	options->n = options_int(&reader, "n", 0, 1, 10000);
	options->user_power = options_float(&reader, "user_power",
										options_text(&reader, "measure") ? nan : user_power, 0, 10);
	options->alpha = options_float(&reader, "alpha", nan, 0, 10);
	options->beta = options_float(&reader, "beta", nan, 0, 10);
	options->shrink = options_float(&reader, "shrink", nan, 0, DBL_MAX);
	options->min_together = options_int(&reader, "min_together", 0, 1, PG_INT32_MAX);
	options->min_llr = options_float(&reader, "min_llr", 0, 0, infinity);
	options->k1 = options_float(&reader, "k1", options->k1, 0, DBL_MAX);
	options->b = options_float(&reader, "b", options->b, 0, 1);
	options->transform = options_word(&reader, "transform", TRANSFORM_DEFAULT, transform_names);
	options->normalize = options_word(&reader, "normalization", NORMALIZE_DEFAULT, normalize_names);
	options->prune = options_word(&reader, "prune", PRUNE_ITEM, prune_names);
	options->max_per_user = options_int(&reader, "max_per_user", 0, 2, PG_INT32_MAX);
	options->max_per_item = options_int(&reader, "max_per_item", 0, 1, PG_INT32_MAX);
	/* not everything can be tuned, or has a time */
	if (options_has(&reader, "tune"))
		options->tune = options_bool(&reader, "tune", false);
	if (options_has(&reader, "half_life"))
		read_times(options, &reader);
	similarity_settle_options(options);
}

/* For options that other processes sent: whether memory, loops and switches can rely on them. */
bool
similarity_options_are_valid(const SimilarityOptions *o)
{
	return o->measure >= 0 && o->measure < lengthof(measure_names) - 1 &&
		o->n >= 0 && o->n <= 10000 &&
		o->user_power >= 0 && o->user_power <= 10 &&
		o->alpha >= 0 && o->alpha <= 10 && o->beta >= 0 && o->beta <= 10 &&
		(o->shrink >= 0 || (o->tune && isnan(o->shrink))) &&
		o->min_together >= (o->tune ? 0 : 1) && o->min_together <= PG_INT32_MAX &&
		o->min_llr >= 0 && o->k1 >= 0 && o->b >= 0 && o->b <= 1 &&
		o->transform >= 0 && o->transform < TRANSFORM_DEFAULT &&
		o->normalize >= 0 && o->normalize <= NORMALIZE_DEFAULT &&
		o->prune >= 0 && o->prune <= PRUNE_NEIGHBOUR &&
		o->max_per_user >= 0 && o->max_per_user <= PG_INT32_MAX &&
		o->max_per_item >= 0 && o->max_per_item <= PG_INT32_MAX &&
		o->half_life >= 0 && (o->as_of == DT_NOBEGIN || IS_VALID_TIMESTAMP(o->as_of));
}

bool
similarity_same_options(const SimilarityOptions *a, const SimilarityOptions *b)
{
	return memcmp(a, b, sizeof(SimilarityOptions)) == 0;
}

/* similarity_options(measure => ..., ...): checked at once, kept as they are. */
Datum
recsys_similarity_options(PG_FUNCTION_ARGS)
{
	Datum		composite = options_construct(fcinfo);
	SimilarityOptions options;

	similarity_read_options(&options, composite);
	PG_RETURN_DATUM(composite);
}
