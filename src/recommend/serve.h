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
	bool		fallback;		/* fill up with popular items */
} Call;

/* serve.c */
extern int64 call_get_n(const Call *call, int argument);
extern void call_read_limits(Call *call, int argument);

/* bestsellers.c */
extern void call_best_sellers(Call *call);

/* answer.c */
extern void call_check_result_type(Call *call);
extern bool call_item_in(const Call *call, Datum value, Oid type, Datum *item);
extern Datum call_item_out(const Call *call, Datum item);
extern uint32 *call_put_array(Call *call, int argument, int *n);
extern void call_put_row(Call *call, Datum *values, bool *nulls);
extern int	call_compare_scores(const void *a, const void *b, void *arg);
extern void call_take_eligible(Call *call, uint32 *items, uint32 *n, int64 limit);
extern void call_answer(Call *call, const HistoryItem *history, int nhistory);

#endif							/* RECSYS_RECOMMEND_SERVE_H */
