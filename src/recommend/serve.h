/*-------------------------------------------------------------------------
 *
 * serve.h
 *		One call of a function that recommends.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RECOMMEND_SERVE_H
#define RECSYS_RECOMMEND_SERVE_H

#include "core/compat.h"

#include "utils/array.h"

#include "recommend/recommend.h"

/* Columns of recommend() and recommend_basket(). */
enum
{
	COLUMN_ITEM,
	COLUMN_SCORE,
	COLUMN_SOURCE,
	COLUMN_BECAUSE,
	COLUMN_CONTRIBUTIONS,
	NCOLUMNS
};

/* The rungs of the ladder, from the best to the last resort. */
typedef enum Rung
{
	RUNG_PERSONAL,				/* what the history leads to */
	RUNG_CROWD,					/* what users with the same tags have */
	RUNG_CATEGORY,				/* what sells in the categories of the history */
	RUNG_POPULAR,				/* what most users have */
	NRUNGS,
	SOURCE_EXPLORE = NRUNGS,	/* drawn from what the history leads to */
	NSOURCES
} Rung;

/* How an answer is spread: see diversity.c. */
typedef struct Diversity
{
	double		lambda;			/* weight of the score against likeness to rows above */
	int64		per_category;	/* rows of a category at most, 0: any number */
	double		explore;		/* share of rows that are drawn */
	int64		seed;			/* of the draw */
	double		damping;		/* power of popularity that a score is divided by */
} Diversity;

/* Where the arguments of recommend() are, counted from the name's. */
enum
{
	ARG_USER = 1,
	ARG_N,
	ARG_EXCLUDE,
	ARG_DENY,					/* followed by allow and filter */
	ARG_ALLOW,
	ARG_FILTER,
	ARG_CONTEXT,
	ARG_CONTEXT_WEIGHT,
	ARG_HALF_LIFE,
	ARG_AS_OF,
	ARG_FALLBACK,
	ARG_DIVERSITY,				/* lambda, per_category, explore, seed, damping */
	ARG_TAGS = ARG_DIVERSITY + 5,
	ARG_LOG
};

typedef struct Ladder Ladder;

/* One call: what is being answered and where the rows go. */
typedef struct Call
{
	FunctionCallInfo fcinfo;
	ReturnSetInfo *rsinfo;
	int			first;			/* number of the argument `name` */
	Recommender *recommender;
	IdType		out;			/* type of items in the result */
	int64		n;				/* rows that are wanted, -1: all */
	int64		nrows;			/* rows that were returned */
	bool		has_allow;		/* only items with ITEM_ALLOWED may be returned */
	bool		checks;			/* items have to be looked up: see eligible.c */
	char	   *filter;			/* or NULL */
	bool		fallback;		/* go down the ladder to fill up */
	bool		has_user;
	Datum		user;
	Oid			usertype;
	ArrayType  *tags;			/* of the user, given by the caller; or NULL */
	const HistoryItem *history;
	int			nhistory;
	Diversity  *diversity;		/* or NULL */
	Ladder	   *ladder;		/* what the rung of categories was made of */
	bool		log;			/* rows are to be logged */

	/* where rows go, if not into the function's result */
	void		(*sink) (struct Call *call, Datum *values, bool *nulls);
	void	   *sink_arg;
} Call;

typedef void (*CallBody) (Call *call);

/* Items of one rung, best first. */
typedef struct Stream
{
	Call	   *call;
	Rung		rung;
	bool		done;			/* all have been handed out */
	Scoring    *scoring;		/* candidates are its, or NULL */
	uint32	   *items;			/* or all of them in order */
	int64		nitems;
	int64		next;
	ModelReader reader;			/* or what is read */
	bool		reading;
} Stream;

/* serve.c */
extern Datum call_run(FunctionCallInfo fcinfo, int first, int item_column, CallBody body);
extern void call_recommend(Call *call, Datum user, bool isnull, Oid usertype);
extern int64 call_get_n(const Call *call, int argument);
extern double call_get_half_life(const Call *call, int argument);
extern uint32 *call_put_neighbours(Call *call, Datum item, uint32 *n);
extern void call_read_limits(Call *call, int argument);

/* consent.c */
extern bool consent_given(Call *call);

/* log.c */
extern void log_call(Call *call);

/* bestsellers.c */
extern void call_best_sellers(Call *call);
extern uint32 *call_take_best_sellers(Call *call, TimestampTz since, TimestampTz until, uint32 *n);

/* rung.c */
extern const char *rung_name(Rung rung);
extern bool stream_open(Stream *stream, Call *call, Rung rung, Scoring *scoring);
extern uint32 *stream_next(Stream *stream, int64 size, uint32 *n);
extern int64 stream_round_size(const Stream *stream, int64 wanted, int round);
extern uint32 *stream_take(Stream *stream, int64 limit, uint32 *n);
extern void stream_close(Stream *stream);

/* ladder.c */
extern uint32 *ladder_crowd(Call *call, int64 *n);
extern uint32 *ladder_category(Call *call, int64 *n);
extern Candidate *ladder_explain(Call *call, const uint32 *items, uint32 n);

/* diversity.c */
extern void call_read_diversity(Call *call, int argument);
extern void call_answer_diverse(Call *call, Scoring *scoring);

/* answer.c */
extern bool call_id_fits(Oid type, Oid out);
extern Datum call_id_out(Datum id, int16 typlen, const IdType *out);
extern void call_check_result_type(Call *call, int item_column);
extern bool call_item_in(const Call *call, Datum value, Oid type, Datum *item);
extern Datum call_item_out(const Call *call, Datum item);
extern uint32 *call_put_items(Call *call, ArrayType *array, int *n);
extern uint32 *call_put_array(Call *call, int argument, int *n);
extern void call_put_row(Call *call, Datum *values, bool *nulls);
extern int	call_compare_scores(const void *a, const void *b, void *arg);
extern int	call_compare_texts(Datum a, Datum b);
extern void call_take_eligible(Call *call, uint32 *items, uint32 *n, int64 limit);
extern void call_put_candidate(Call *call, const Candidate *candidate, Datum source);
extern void call_put_item(Call *call, uint32 item, Datum source);
extern void call_answer_rungs(Call *call, Scoring *scoring, Rung first, Rung last);
extern void call_answer(Call *call, const HistoryItem *history, int nhistory);

#endif							/* RECSYS_RECOMMEND_SERVE_H */
