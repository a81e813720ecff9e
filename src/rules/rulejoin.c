/*-------------------------------------------------------------------------
 *
 * rulejoin.c
 *		Rules of more itemsets than memory holds.
 *
 * A rule A -> b needs the counts of A and b and A, b together.  Those of single
 * items are in memory; the others come together by sorting.  Each set is
 * written as
 *
 *		items, 0, count						itself, as the left side it may be
 *		other items, 1, b, count			for each of its items b
 *
 * so that what is to be known of a left side is followed by all rules that
 * have it.  This works for rules with one item on the right, without what
 * needs to know other rules.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "utils/float.h"

#include "core/progress.h"
#include "rules/rulejoin.h"
#include "rules/setindex.h"
#include "rules/sort.h"

struct RuleJoin
{
	MiningResult *result;
	const RulesOptions *options;
	const ItemLists *lists;
	SortedRows *rows;			/* NULL until something was spilled */
	uint32	   *item_of;		/* by place in the order of items: item of the miner */
	uint32		items[ITEMSET_MAX_LENGTH];
	uint32		ranks[ITEMSET_MAX_LENGTH];
	RuleFacts	facts;
};

/* An item of a set with its place in the order of items. */
typedef struct PlacedItem
{
	uint32		rank;
	uint32		item;
} PlacedItem;

static int
compare_placed(const void *a, const void *b)
{
	uint32		x = ((const PlacedItem *) a)->rank;
	uint32		y = ((const PlacedItem *) b)->rank;

	return (x > y) - (x < y);
}

/* The set that the store has no room for, with all rules that it makes. */
static void
spill_set(void *arg, const uint32 *items, uint32 length, uint32 count)
{
	RuleJoin   *join = arg;
	const uint32 *rank = join->result->encoded->rank;
	PlacedItem	placed[ITEMSET_MAX_LENGTH];
	uint8	   *p;
	uint32		i;
	uint32		k;

	if (join->rows == NULL)
		join->rows = sorted_rows_create(join->result->budget, join->result->store->reserve,
										join->result->encoded->transactions.nitems,
										ITEMSET_MAX_LENGTH);
	for (i = 0; i < length; i++)
	{
		placed[i].rank = rank[items[i]];
		placed[i].item = items[i];
	}
	qsort(placed, length, sizeof(PlacedItem), compare_placed);
	for (i = 0; i < length; i++)
	{
		join->ranks[i] = placed[i].rank;
		join->items[i] = placed[i].item;
	}
	p = put_ranks(join->rows, sorted_rows_begin(join->rows), join->ranks, length);
	*p++ = 0;
	sorted_rows_put(join->rows, put_uint32(p, count));

	if (length < 2 || length - 1 > join->options->max_lhs)
		return;
	for (i = 0; i < length; i++)
	{
		uint32		others[ITEMSET_MAX_LENGTH];
		uint32		n = 0;

		if (!item_lists_allow(join->lists, join->items, length, &i, 1))
			continue;
		for (k = 0; k < length; k++)
			if (k != i)
				others[n++] = join->ranks[k];
		p = put_ranks(join->rows, sorted_rows_begin(join->rows), others, n);
		*p++ = 1;
		p = put_uint32(p, join->ranks[i]);
		sorted_rows_put(join->rows, put_uint32(p, count));
	}
}

/*
 * Has the store of the result spill, where the options allow to make rules of
 * that: NULL where they do not.
 */
RuleJoin *
rule_join_create(MiningResult *result, const RulesOptions *options, const ItemLists *lists)
{
	RuleJoin   *join;

	if (options->max_rhs > 1 || options->wants_improvement || options->target != TARGET_ALL ||
		options->top_k > 0 || options->significance != SIGNIFICANCE_NONE)
		return NULL;
	join = palloc0_object(RuleJoin);
	join->result = result;
	join->options = options;
	join->lists = lists;
	result->store->spill = spill_set;
	result->store->spill_arg = join;
	result->store->reserve = SPILL_MEMORY(result->budget->limit);
	return join;
}

/*
 * Have sets been spilled, or is there no memory for an index of those in the
 * store?  To be asked when all have been mined.
 */
bool
rule_join_is_needed(RuleJoin *join)
{
	const ItemsetStore *store = join->result->store;

	return store->base > 0 ||
		!budget_has_room(join->result->budget,
						 set_index_size(store->nsets) + store->reserve);
}

/* The rule that the row and the left side before it make. */
static void
make_rule(RuleJoin *join, uint32 rhs, uint32 count)
{
	const RulesOptions *options = join->options;
	RuleFacts  *facts = &join->facts;
	RuleTable	table;
	double		key;

	facts->both = count;
	facts->rhs[0] = rhs;
	facts->nrhs = 1;
	facts->rhs_count = join->result->encoded->transactions.support[join->item_of[rhs]];
	table.both = count;
	table.lhs = facts->lhs_count;
	table.rhs = facts->rhs_count;
	table.n = join->result->encoded->nbaskets;
	if (table.both / table.lhs < options->min_confidence ||
		rule_measure(MEASURE_LIFT, &table) < options->min_lift)
		return;
	key = rule_measure(options->rank_by, &table) * rule_measure_sign(options->rank_by);
	if (isnan(key))
		key = -get_float8_infinity();
	put_sorted_rule(join->result->sorted, key, facts);
}

/* Makes all rules, which are in result->sorted then. */
void
rule_join_make_rules(RuleJoin *join)
{
	MiningResult *result = join->result;
	uint32		nitems = result->encoded->transactions.nitems;
	uint64		done = 0;
	const uint8 *row;
	uint32		i;

	itemset_store_spill(result->store, NO_ITEMSET);
	join->item_of = MemoryContextAllocHuge(CurrentMemoryContext,
										   (Size) Max(nitems, 1) * sizeof(uint32));
	for (i = 0; i < nitems; i++)
		join->item_of[result->encoded->rank[i]] = i;
	join->facts.improvement = get_float8_nan();
	result->sorted = sorted_rows_create(result->budget, result->store->reserve, nitems,
										ITEMSET_MAX_LENGTH);
	if (join->rows == NULL)
		return;
	progress_phase("rules", sorted_rows_sort(join->rows));
	while ((row = sorted_rows_next(join->rows)) != NULL)
	{
		uint32		count;
		uint32		rhs;

		progress_update(done++);
		CHECK_FOR_INTERRUPTS();
		row = get_ranks(join->rows, row, join->facts.lhs, &join->facts.nlhs);
		if (*row++ == 0)
			get_uint32(row, &join->facts.lhs_count);
		else
		{
			row = get_uint32(row, &rhs);
			get_uint32(row, &count);
			make_rule(join, rhs, count);
		}
	}
	sorted_rows_free(join->rows, result->budget);
	join->rows = NULL;
}
