/*-------------------------------------------------------------------------
 *
 * scheme.c
 *		Segments: names for the cells of the R x F x M grid.
 *
 * A scheme gives every cell exactly one segment, for any number of bins:
 *
 * classic	the ten segments of the widely used partition of the 5 x 5 grid of
 *			R and F.  With other numbers of bins a score s counts as
 *			1 + round(4 (s - 1) / (bins - 1)), so that the worst stays 1 and
 *			the best 5.
 * octant	the eight segments of the Chinese model: one bit each for R, F and
 *			M, high where the score is above the middle of its scale.
 * tier4	VIP, high potential, general and at risk, from the same three bits.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "core/options.h"
#include "rfm/cuts.h"
#include "rfm/scheme.h"

const char *const rfm_scheme_names[] = {"classic", "octant", "tier4", NULL};

enum
{
	CHAMPIONS,
	LOYAL,
	POTENTIAL_LOYALIST,
	NEW,
	PROMISING,
	NEED_ATTENTION,
	ABOUT_TO_SLEEP,
	AT_RISK,
	CANT_LOSE,
	HIBERNATING
};

static const RfmSegment classic[] = {
	[CHAMPIONS] = {"champions", "Champions", "冠军客户",
	"Bought just now, and often: thank them, show novelties first, ask for reviews and referrals."},
	[LOYAL] = {"loyal", "Loyal customers", "忠诚客户",
	"Buy often: offer a membership and dearer alternatives rather than discounts."},
	[POTENTIAL_LOYALIST] = {"potential_loyalist", "Potential loyalists", "潜在忠诚客户",
	"Came back recently: recommend related products and make the next order easy."},
	[NEW] = {"new", "New customers", "新客户",
	"First order just now: welcome them, help with the product and bring about the second order."},
	[PROMISING] = {"promising", "Promising", "有希望的客户",
	"One order not long ago: remind them of the brand, try a small offer."},
	[NEED_ATTENTION] = {"need_attention", "Need attention", "需要关注的客户",
	"Average in everything and slipping: a limited offer on what they bought before."},
	[ABOUT_TO_SLEEP] = {"about_to_sleep", "About to sleep", "即将沉睡的客户",
	"Few orders and none lately: recall them with popular products before they forget the shop."},
	[AT_RISK] = {"at_risk", "At risk", "有流失风险的客户",
	"Used to buy regularly: write personally, offer a reason to return, ask what went wrong."},
	[CANT_LOSE] = {"cant_lose", "Can't lose them", "不能流失的客户",
	"Were among the most frequent buyers and fell silent: call them, win them back at some cost."},
	[HIBERNATING] = {"hibernating", "Hibernating", "沉睡客户",
	"Few orders long ago: a cheap recall campaign at most."}
};

/* by r - 1 and f - 1 */
static const uint8 classic_grid[5][5] = {
	{HIBERNATING, HIBERNATING, AT_RISK, AT_RISK, CANT_LOSE},
	{HIBERNATING, HIBERNATING, AT_RISK, AT_RISK, CANT_LOSE},
	{ABOUT_TO_SLEEP, ABOUT_TO_SLEEP, NEED_ATTENTION, LOYAL, LOYAL},
	{PROMISING, POTENTIAL_LOYALIST, POTENTIAL_LOYALIST, LOYAL, LOYAL},
	{NEW, POTENTIAL_LOYALIST, POTENTIAL_LOYALIST, CHAMPIONS, CHAMPIONS}
};

/* by bits: 4 for recent, 2 for frequent, 1 for high amounts */
static const RfmSegment octant[] = {
	{"general_win_back", "General, to win back", "一般挽留客户",
	"Little, seldom and long ago: include in mass mailings only."},
	{"important_win_back", "Important, to win back", "重要挽留客户",
	"Spent much but seldom, and is gone: find out why and win back personally."},
	{"general_keep", "General, to keep", "一般保持客户",
	"Bought often in small amounts and went quiet: remind them cheaply."},
	{"important_keep", "Important, to keep", "重要保持客户",
	"A loyal big spender gone quiet: contact now, before somebody else does."},
	{"general_develop", "General, to develop", "一般发展客户",
	"New or occasional with small amounts: show the range, bring about the next order."},
	{"important_develop", "Important, to develop", "重要发展客户",
	"Recent and big but seldom: raise the frequency with memberships and subscriptions."},
	{"general_value", "General value", "一般价值客户",
	"Recent and frequent with small amounts: raise the basket with bundles."},
	{"important_value", "Important value", "重要价值客户",
	"Recent, frequent and big: the core, serve it first."}
};

enum
{
	VIP,
	HIGH_POTENTIAL,
	GENERAL,
	TIER_AT_RISK
};

static const RfmSegment tier4[] = {
	[VIP] = {"vip", "VIP", "VIP客户",
	"High in everything: private service, first access, no need of discounts."},
	[HIGH_POTENTIAL] = {"high_potential", "High potential", "高潜力客户",
	"Recent, and either frequent or big: coupons and bundles towards what is missing."},
	[GENERAL] = {"general", "General", "一般客户",
	"Neither frequent nor big: standard offers, recommendations, automatic mails."},
	[TIER_AT_RISK] = {"at_risk", "At risk", "流失预警客户",
	"Frequent or big but silent: a recall mail with a reason to come back."}
};

/* by the bits of octant */
static const uint8 tier4_of_bits[8] = {
	GENERAL, TIER_AT_RISK, TIER_AT_RISK, TIER_AT_RISK,
	GENERAL, HIGH_POTENTIAL, HIGH_POTENTIAL, VIP
};

/* A score on the scale 1..5. */
static int
fifth(int score, int bins)
{
	return 1 + (8 * (score - 1) + bins - 1) / (2 * (bins - 1));
}

/* The segment of a cell; scores must be within 1..bins. */
const RfmSegment *
rfm_scheme_segment(int scheme, const int *bins, const int *scores)
{
	int			bits = 0;
	int			d;

	if (scheme == RFM_CLASSIC)
		return &classic[classic_grid[fifth(scores[RFM_R], bins[RFM_R]) - 1]
						[fifth(scores[RFM_F], bins[RFM_F]) - 1]];
	for (d = 0; d < RFM_DIMENSIONS; d++)
		bits = bits * 2 + (2 * scores[d] > bins[d] + 1);
	return scheme == RFM_OCTANT ? &octant[bits] : &tier4[tier4_of_bits[bits]];
}

/*
 * Labels are written in UTF-8 here.  A database in an encoding without Chinese
 * characters has none of them to show.
 */
static bool
chinese_label(const char *label, Datum *value)
{
	switch (GetDatabaseEncoding())
	{
		case PG_UTF8:
			*value = CStringGetTextDatum(label);
			return true;
		case PG_EUC_CN:
			*value = CStringGetTextDatum(pg_any_to_server(label, strlen(label), PG_UTF8));
			return true;
		default:
			return false;
	}
}

/* The scheme and the number of bins in two arguments; bins has a default by scheme. */
static int
scheme_arguments(FunctionCallInfo fcinfo, int first, int *bins)
{
	int			scheme;
	int			n;
	int			d;

	if (PG_ARGISNULL(first))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("scheme must not be null")));
	scheme = check_word_option("scheme", text_to_cstring(PG_GETARG_TEXT_PP(first)),
							   rfm_scheme_names);
	if (PG_ARGISNULL(first + 1))
		n = scheme == RFM_CLASSIC ? 5 : 2;
	else
		n = check_int_option("bins", PG_GETARG_INT32(first + 1), 2, RFM_MAX_BINS);
	for (d = 0; d < RFM_DIMENSIONS; d++)
		bins[d] = n;
	return scheme;
}

RECSYS_FUNCTION(recsys_rfm_segments);

/* rfm_segments(scheme, bins): a row for each cell; m is NULL where it does not matter */
Datum
recsys_rfm_segments(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int			bins[RFM_DIMENSIONS];
	int			scheme = scheme_arguments(fcinfo, 0, bins);
	int			nm = scheme == RFM_CLASSIC ? 1 : bins[RFM_M];
	int			cell;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	for (cell = 0; cell < bins[RFM_R] * bins[RFM_F] * nm; cell++)
	{
		int			scores[RFM_DIMENSIONS];
		const RfmSegment *segment;
		Datum		values[7];
		bool		nulls[7] = {false};

		scores[RFM_R] = cell / nm / bins[RFM_F] + 1;
		scores[RFM_F] = cell / nm % bins[RFM_F] + 1;
		scores[RFM_M] = cell % nm + 1;
		segment = rfm_scheme_segment(scheme, bins, scores);
		values[0] = Int32GetDatum(scores[RFM_R]);
		values[1] = Int32GetDatum(scores[RFM_F]);
		values[2] = Int32GetDatum(scores[RFM_M]);
		nulls[2] = scheme == RFM_CLASSIC;
		values[3] = CStringGetTextDatum(segment->name);
		values[4] = CStringGetTextDatum(segment->label);
		nulls[5] = !chinese_label(segment->label_zh, &values[5]);
		values[6] = CStringGetTextDatum(segment->advice);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

RECSYS_FUNCTION(recsys_rfm_segment);

/* rfm_segment(r, f, m, scheme, bins): NULL where a score that matters is NULL */
Datum
recsys_rfm_segment(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"r", "f", "m"};
	int			bins[RFM_DIMENSIONS];
	int			scheme = scheme_arguments(fcinfo, RFM_DIMENSIONS, bins);
	int			scores[RFM_DIMENSIONS];
	int			d;

	for (d = 0; d < RFM_DIMENSIONS; d++)
	{
		if (!PG_ARGISNULL(d))
			scores[d] = check_int_option(names[d], PG_GETARG_INT32(d), 1, bins[d]);
		else if (d == RFM_M && scheme == RFM_CLASSIC)
			scores[d] = 1;
		else
			PG_RETURN_NULL();
	}
	PG_RETURN_TEXT_P(cstring_to_text(rfm_scheme_segment(scheme, bins, scores)->name));
}
