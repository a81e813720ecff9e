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
