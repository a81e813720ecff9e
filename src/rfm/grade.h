/*-------------------------------------------------------------------------
 *
 * grade.h
 *		Options, keys of a customer's values, and the composite result rfm_grade.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RFM_GRADE_H
#define RECSYS_RFM_GRADE_H

#include "core/compat.h"

#include "rfm/cuts.h"

typedef struct RfmGrades RfmGrades;

extern const char *const rfm_method_names[];

extern void rfm_default_setup(RfmSetup *setup);
extern void rfm_read_setup(RfmSetup *setup, Datum options);
extern void rfm_make_setup(RfmSetup *setup, int scheme, const int *bins, int method, double top,
						   bool nested);
extern bool rfm_setup_is_valid(const RfmSetup *setup);
extern bool rfm_same_setup(const RfmSetup *a, const RfmSetup *b);

extern uint64 rfm_time_key(Oid type, Datum value);
extern uint64 rfm_recency_key(Datum days);
extern uint64 rfm_orders_key(Datum value);
extern uint64 rfm_amount_key(Datum value);

extern RfmGrades *rfm_grades_create(FunctionCallInfo fcinfo);
extern Datum rfm_grade(RfmGrades *grades, const RfmSetup *setup, const int *scores);

/*
 * Scores as one number.  Digits run from 1 to at most 10, never 0, so that no
 * two cells have the same code.
 */
static inline int
rfm_code(const int *scores)
{
	return 100 * scores[RFM_R] + 10 * scores[RFM_F] + scores[RFM_M];
}

#endif							/* RECSYS_RFM_GRADE_H */
