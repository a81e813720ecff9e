/*-------------------------------------------------------------------------
 *
 * grade.h
 *		Keys of a customer's values, and the composite result rfm_grade.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RECSYS_RFM_GRADE_H
#define RECSYS_RFM_GRADE_H

#include "core/compat.h"

#include "rfm/cuts.h"

typedef struct RfmGrades RfmGrades;

extern void rfm_default_setup(RfmSetup *setup);
extern uint64 rfm_key(int dimension, Oid type, Datum value);
extern RfmGrades *rfm_grades_create(FunctionCallInfo fcinfo, const RfmSetup *setup);
extern Datum rfm_grade(RfmGrades *grades, const int *scores);

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
