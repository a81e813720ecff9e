/*-------------------------------------------------------------------------
 *
 * rules.c
 *		From collected baskets to sorted itemsets and rules.
 *
 * Baskets are encoded, mined, and the sets in the store made into rules: each
 * set of two items or more is divided into a left and a right side in every
 * way that the options allow, and both sides are looked up for their counts.
 *
 * Where the best k are wanted of a measure that cannot be high at a low count,
 * rules are made while the miner runs, after each of its items, and the count
 * at which the k-th best could just be reached becomes the new bar.
 *
 * Results are in a total order that depends on counts and items only.  Where
 * there are more than memory holds they are put in that order on disk: see
 * sortedrows.c; and rules of more sets than memory holds are made there, too:
 * see rulejoin.c.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"

#include "core/progress.h"
#include "rules/closed.h"
#include "rules/itemlists.h"
#include "rules/mining.h"
#include "rules/rulejoin.h"
#include "rules/rules.h"
#include "rules/setindex.h"
#include "rules/simpler.h"
#include "rules/sort.h"

/* A run that makes rules. */
typedef struct RuleMaker
{
	MiningResult *result;
	const RulesOptions *options;
	MemoryBudget *budget;
	SetIndex   *index;
	SimplerRules *simpler;		/* NULL where rules are not compared */
	ItemLists  *lists;
	uint32		nmade;			/* sets that have been made into rules */
	uint64		capacity;
	double		threshold;		/* rules below are not among the best k */
	bool		keeps_best;		/* only the best k are kept */
	bool		raises;			/* and they raise the bar of the miner */
	bool		may_spill;		/* rules may be sorted on disk */
	uint64		capacity_p;
	uint32	   *chosen;			/* positions of the right side */
	RuleFacts	facts;			/* of one that is spilled */
} RuleMaker;

/* Lowest count at which a rule can still have the key. */
static uint32
count_for_key(const RuleMaker *maker, double key)
{
	return rule_measure_least_count(maker->options->rank_by, maker->options->min_lift, key,
									maker->result->encoded->nbaskets);
}

/* Drops all but the best k rules, and remembers how good the k-th is. */
static void
keep_best(RuleMaker *maker)
{
	MiningResult *result = maker->result;

	if (result->n < maker->options->top_k)
		return;
	sort_rules(result);
	result->n = maker->options->top_k;
	maker->threshold = result->rules[result->n - 1].key;
}

/* The rule goes to those that are sorted on disk. */
static void
spill_rule(RuleMaker *maker, const Rule *rule)
{
	MiningResult *result = maker->result;
	const Itemset *sets = result->store->sets;
	RuleFacts  *facts = &maker->facts;

	facts->both = sets[rule->set].count;
	facts->lhs_count = sets[rule->lhs].count;
	facts->rhs_count = sets[rule->rhs].count;
	facts->improvement = rule->improvement;
	facts->nlhs = itemset_ranks(result, rule->lhs, 0, facts->lhs);
	facts->nrhs = itemset_ranks(result, rule->rhs, 0, facts->rhs);
	put_sorted_rule(result->sorted, rule->key, facts);
}

/* There is no memory for more rules: these and all to come are sorted on disk. */
static void
spill_rules(RuleMaker *maker)
{
	MiningResult *result = maker->result;
	uint64		i;

	result->sorted = sorted_rows_create(maker->budget, SPILL_MEMORY(maker->budget->limit),
										result->encoded->transactions.nitems,
										maker->options->max_length);
	for (i = 0; i < result->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		spill_rule(maker, &result->rules[i]);
	}
	pfree(result->rules);
	result->rules = NULL;
	result->n = 0;
}

static void
add_rule(RuleMaker *maker, const Rule *rule)
{
	MiningResult *result = maker->result;

	if (result->sorted)
	{
		spill_rule(maker, rule);
		return;
	}
	if (result->n == maker->capacity)
	{
		Size		more = maker->capacity * sizeof(Rule);

		if (maker->keeps_best && result->n >= 2 * (uint64) maker->options->top_k)
			keep_best(maker);
		else if (maker->may_spill &&
				 !budget_has_room(maker->budget, more + SPILL_MEMORY(maker->budget->limit)))
		{
			spill_rules(maker);
			spill_rule(maker, rule);
			return;
		}
		else
		{
			budget_check(maker->budget, more, "rules");
			maker->capacity *= 2;
			result->rules = repalloc_huge(result->rules, maker->capacity * sizeof(Rule));
		}
	}
	result->rules[result->n++] = *rule;
}

static void
add_p(RuleMaker *maker, double p)
{
	MiningResult *result = maker->result;

	if (result->ntested == maker->capacity_p)
	{
		/* the adjusted ones will take as much again */
		budget_check(maker->budget, 3 * maker->capacity_p * sizeof(double), "rules tested");
		maker->capacity_p *= 2;
		result->p_values = repalloc_huge(result->p_values, maker->capacity_p * sizeof(double));
	}
	result->p_values[result->ntested++] = p;
}

/*
 * Makes the rule whose right side are the items at the given positions,
 * ascending, of the open set.  Returns its confidence.
 */
static double
make_rule(RuleMaker *maker, uint32 set, const uint32 *rhs, uint32 nrhs)
{
	const RulesOptions *options = maker->options;
	const Itemset *sets = maker->index->store->sets;
	RuleTable	table;
	Rule		rule;
	double		confidence;

	rule.set = set;
	rule.lhs = set_index_find(maker->index, rhs, nrhs, true);
	rule.improvement = rule.p = get_float8_nan();
	table.both = sets[set].count;
	table.lhs = sets[rule.lhs].count;
	table.n = maker->result->encoded->nbaskets;
	confidence = table.both / table.lhs;
	if (confidence < options->min_confidence && options->significance == SIGNIFICANCE_NONE)
		return confidence;
	if (maker->index->length - nrhs > options->max_lhs ||
		!item_lists_allow(maker->lists, maker->index->items, maker->index->length, rhs, nrhs))
		return confidence;

	rule.rhs = set_index_find(maker->index, rhs, nrhs, false);
	table.rhs = sets[rule.rhs].count;
	if (options->significance != SIGNIFICANCE_NONE)
	{
		rule.p = fisher_p(table.both, table.lhs, table.rhs, table.n);
		add_p(maker, rule.p);
	}
	if (confidence < options->min_confidence ||
		rule_measure(MEASURE_LIFT, &table) < options->min_lift)
		return confidence;

	rule.key = rule_measure(options->rank_by, &table) * rule_measure_sign(options->rank_by);
	if (isnan(rule.key))
		rule.key = -get_float8_infinity();
	if (maker->keeps_best && rule.key < maker->threshold)
		return confidence;
	if (options->wants_improvement)
	{
		Confidence	own = {sets[set].count, sets[rule.lhs].count};
		Confidence	best = nrhs == 1 ? simpler_rules_best(maker->simpler, rhs[0]) :
			simpler_rules_search(maker->index, maker->result->encoded->nbaskets, rhs, nrhs);
		double		own_confidence = (double) own.both / own.lhs;
		double		best_confidence = (double) best.both / best.lhs;

		/* of two numbers of 53 bits each, on machines that divide with more, too */
		rule.improvement = own_confidence - best_confidence;
		if ((options->strictly_better && !confidence_is_higher(own, best)) ||
			rule.improvement < options->min_improvement)
			return confidence;
	}
	add_rule(maker, &rule);
	return confidence;
}

/*
 * All right sides that extend the one chosen so far by items at later
 * positions.  The fewer items on the left the lower the confidence, so that
 * nothing is to be found beyond a rule that is not confident enough.
 */
static void
choose_rhs(RuleMaker *maker, uint32 set, uint32 nchosen, uint32 from)
{
	uint32		length = maker->index->length;
	uint32		i;

	CHECK_FOR_INTERRUPTS();
	for (i = from; i < length; i++)
	{
		double		confidence;

		maker->chosen[nchosen] = i;
		confidence = make_rule(maker, set, maker->chosen, nchosen + 1);
		if (nchosen + 1 < maker->options->max_rhs && nchosen + 2 < length &&
			(confidence >= maker->options->min_confidence ||
			 maker->options->significance != SIGNIFICANCE_NONE))
			choose_rhs(maker, set, nchosen + 1, i + 1);
	}
}

/* Makes rules of one set, unless it is not one to make them of. */
static void
make_rules_of(RuleMaker *maker, uint32 number)
{
	const RulesOptions *options = maker->options;
	const Itemset *set = &maker->result->store->sets[number];

	if (set->length > options->max_length || (set->length < 2 && maker->simpler == NULL))
		return;
	set_index_open(maker->index, number);
	if (maker->simpler)
		simpler_rules_open(maker->simpler, number);
	if (set->length < 2 ||
		(options->target == TARGET_CLOSED && (set->flags & ITEMSET_NOT_CLOSED)) ||
		(options->target == TARGET_MAXIMAL && (set->flags & ITEMSET_NOT_MAXIMAL)))
		return;
	choose_rhs(maker, number, 0, 0);
}

/* Makes rules of all sets that have come to the store since the last time. */
static void
make_rules(RuleMaker *maker)
{
	const ItemsetStore *store = maker->result->store;
	const RulesOptions *options = maker->options;

	set_index_update(maker->index, options->max_length > 2 || options->target != TARGET_ALL);
	if (maker->simpler)
	{
		uint32		n;
		uint32	   *order = simpler_rules_extend(maker->simpler, options->max_length, &n);
		uint32		i;

		for (i = 0; i < n; i++)
		{
			progress_update(maker->nmade + i);
			make_rules_of(maker, order[i]);
		}
		pfree(order);
		maker->nmade = store->nsets;
	}
	for (; maker->nmade < store->nsets; maker->nmade++)
	{
		progress_update(maker->nmade);
		make_rules_of(maker, maker->nmade);
	}
}

/* After each item of the miner, where its bar is to rise. */
static uint32
rules_item_done(void *arg, uint32 item)
{
	RuleMaker  *maker = arg;

	make_rules(maker);
	progress_update(item);
	if (maker->result->n < maker->options->top_k)
		return 0;
	/* sorting pays only if it can lift the bar */
	if (isinf(maker->threshold) || maker->result->n >= 2 * (uint64) maker->options->top_k)
		keep_best(maker);
	return count_for_key(maker, maker->threshold);
}

static uint32
item_done(void *arg, uint32 item)
{
	progress_update(item);
	return 0;
}

/*
 * Marks the sets that are not closed, with a superset of the same count, and
 * not maximal, with any frequent superset.  One item more is enough to look at.
 */
static void
mark_targets(const ItemsetStore *store, SetIndex *index)
{
	uint32		set;

	set_index_update(index, true);
	for (set = 0; set < store->nsets; set++)
	{
		uint32		i;

		CHECK_FOR_INTERRUPTS();
		if (store->sets[set].length < 2)
			continue;
		set_index_open(index, set);
		for (i = 0; i < index->length; i++)
		{
			Itemset    *subset = &store->sets[set_index_find(index, &i, 1, true)];

			subset->flags |= ITEMSET_NOT_MAXIMAL;
			if (subset->count == store->sets[set].count)
				subset->flags |= ITEMSET_NOT_CLOSED;
		}
	}
}

static int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	CHECK_FOR_INTERRUPTS();
	return (x > y) - (x < y);
}

/*
 * Adjusts the p values for the number of rules tested: Holm's step-down bounds
 * the chance of any false rule, Benjamini and Hochberg's step-up the expected
 * share of false ones.
 */
static void
adjust_p_values(MiningResult *result, RulesSignificance significance)
{
	double		m = result->ntested;
	double		bound;
	uint64		i;

	result->p_adjusted = MemoryContextAllocHuge(CurrentMemoryContext,
												Max(result->ntested, 1) * sizeof(double));
	qsort(result->p_values, result->ntested, sizeof(double), compare_doubles);
	if (significance == SIGNIFICANCE_HOLM)
		for (i = 0, bound = 0; i < result->ntested; i++)
		{
			bound = Max(bound, Min(1, (m - i) * result->p_values[i]));
			result->p_adjusted[i] = bound;
		}
	else
		for (i = result->ntested, bound = 1; i-- > 0;)
		{
			bound = Min(bound, m / (i + 1) * result->p_values[i]);
			result->p_adjusted[i] = bound;
		}
}

/* What a p value that is among those tested has become. */
double
adjusted_p(const MiningResult *result, double p)
{
	uint64		low = 0;
	uint64		high = result->ntested;

	while (low < high)
	{
		uint64		middle = low + (high - low) / 2;

		if (result->p_values[middle] < p)
			low = middle + 1;
		else
			high = middle;
	}
	return result->p_adjusted[low];
}

static void
drop_insignificant(MiningResult *result, double alpha)
{
	uint64		kept = 0;
	uint64		i;

	for (i = 0; i < result->n; i++)
		if (adjusted_p(result, result->rules[i].p) <= alpha)
			result->rules[kept++] = result->rules[i];
	result->n = kept;
}

/*
 * Says which limits kept something from being found.  Sets below the bar may
 * be in the store or not.
 */
static void
note_limits(MiningResult *result, const RulesOptions *options)
{
	StringInfoData buf;
	uint32		longest = result->store->longest;
	uint32		i;

	initStringInfo(&buf);
	if (result->encoded->nskipped > 0)
		appendStringInfo(&buf, "max_basket: %u baskets of more than %u items left out",
						 result->encoded->nskipped, options->max_basket);
	for (i = 0; i < result->store->nsets; i++)
	{
		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (result->store->sets[i].count >= result->min_count)
			longest = Max(longest, result->store->sets[i].length);
	}
	if (options->max_length_given && longest >= options->max_length)
		appendStringInfo(&buf, "%smax_length: sets of more than %u items not looked for",
						 buf.len > 0 ? "; " : "", options->max_length);
	result->limits = buf.len > 0 ? buf.data : NULL;
}

/*
 * Encodes the baskets: what is then to be mined, by several processes where it
 * may be shared, is in the result.
 */
static void
encode(MiningResult *result, Baskets *baskets, const RulesOptions *options,
	   MemoryBudget *budget, ItemLists *lists, bool shares)
{
	EncodeOptions encode;

	item_lists_open(lists, baskets->items, options);
	encode.min_support = options->min_support;
	encode.min_count = options->min_count;
	encode.max_basket = options->max_basket;
	encode.dropped = lists->dropped;
	encode.shares = shares && options->max_length > 1;
	result->budget = budget;
	progress_phase("encoding", 0);
	result->dict = baskets->items;
	result->encoded = encode_baskets(baskets, &encode, budget);
	result->min_count = result->encoded->min_count;
	item_lists_encode(lists, result->encoded);
	result->store = palloc_object(ItemsetStore);
	itemset_store_init(result->store);
	progress_phase("mining", result->encoded->transactions.nitems);
}

static MemoryBudget *
make_budget(Baskets *baskets)
{
	MemoryBudget *budget = palloc0_object(MemoryBudget);

	budget->cxt = baskets->cxt;
	budget->limit = (Size) maintenance_work_mem * 1024;
	return budget;
}

/* What is to be mined, but for how the bar rises. */
static MiningJob
mining_job(MiningResult *result, const RulesOptions *options, MemoryBudget *budget)
{
	MiningJob	job = {0};

	job.db = &result->encoded->transactions;
	job.min_count = result->min_count;
	job.max_length = options->max_length;
	job.store = result->store;
	job.budget = budget;
	job.done = item_done;
	return job;
}

/*
 * Closed or maximal sets.  With a hierarchy the closed superset of a set is not
 * unique any more: then all sets are mined, of one item more than wanted, and
 * marked.  A set stays closed whatever the bar is, so that it may rise; which
 * sets are maximal is a matter of the bar.
 */
static void
mine_targets(MiningResult *result, const RulesOptions *options, MemoryBudget *budget)
{
	Transactions *db = &result->encoded->transactions;
	BestGrades *best = NULL;

	if (db->conflict_start)
	{
		MiningJob	job = mining_job(result, options, budget);

		job.max_length++;
		mine_transactions(&job);
		mark_targets(result->store, set_index_create(result->store, db->nitems, budget));
		return;
	}
	if (options->top_k > 0 && options->target == TARGET_CLOSED)
		best = best_grades_create(options->top_k, db, false, budget);
	mine_closed(db, result->min_count, best, options->max_length, result->store, budget,
				item_done, NULL);
	if (options->target == TARGET_MAXIMAL)
		mark_not_maximal(result->store, db->nitems, budget);
}

/*
 * All frequent itemsets that the options ask for, in the current memory
 * context; those that have no place there are sorted on disk, if they may be.
 */
MiningResult *
mine_itemsets(Baskets *baskets, const RulesOptions *options, bool may_spill)
{
	MiningResult *result = palloc0_object(MiningResult);
	MemoryBudget *budget = make_budget(baskets);
	ItemLists	lists;
	bool		raises = options->top_k > 0 && options->target != TARGET_MAXIMAL;

	encode(result, baskets, options, budget, &lists,
		   options->target == TARGET_ALL || options->hierarchy != NULL);
	if (options->target == TARGET_ALL)
	{
		MiningJob	job = mining_job(result, options, budget);

		job.best = options->top_k;
		result->store->cubes = options->top_k == 0;
		if (may_spill && options->top_k == 0)
		{
			result->store->spill = spill_itemset;
			result->store->spill_arg = result;
			result->store->reserve = SPILL_MEMORY(budget->limit);
		}
		mine_transactions(&job);
	}
	else
		mine_targets(result, options, budget);

	progress_phase("sorting", 0);
	sort_itemsets(result, options, budget);
	if (raises && result->n == options->top_k)
		result->min_count = result->store->sets[result->itemsets[result->n - 1].record].count;
	note_limits(result, options);
	return result;
}

/*
 * Mines the sets that rules are made of, and makes these where they can raise
 * the bar.
 */
static void
mine_sets_of_rules(RuleMaker *maker)
{
	MiningResult *result = maker->result;
	const RulesOptions *options = maker->options;
	MiningJob	job = mining_job(result, options, maker->budget);

	job.raises = maker->raises;
	if (maker->raises)
	{
		job.done = rules_item_done;
		job.arg = maker;
	}
	/* one item more shows which sets are not closed */
	if (options->target != TARGET_ALL)
		job.max_length++;
	mine_transactions(&job);
}

/*
 * All rules that the options ask for, in the current memory context; those that
 * have no place there are sorted on disk, if they may be.
 */
MiningResult *
mine_rules(Baskets *baskets, const RulesOptions *options, bool may_spill)
{
	MiningResult *result = palloc0_object(MiningResult);
	MemoryBudget *budget = make_budget(baskets);
	RuleMaker  *maker = palloc0_object(RuleMaker);
	RuleJoin   *join = NULL;
	ItemLists	lists;

	encode(result, baskets, options, budget, &lists, true);
	result->has_rules = true;
	maker->result = result;
	maker->options = options;
	maker->budget = budget;
	maker->lists = &lists;
	maker->index = set_index_create(result->store, result->encoded->transactions.nitems,
									budget);
	if (options->wants_improvement)
		maker->simpler = simpler_rules_create(maker->index, result->encoded->nbaskets, budget);
	maker->threshold = -get_float8_infinity();
	maker->keeps_best = options->top_k > 0 && options->significance == SIGNIFICANCE_NONE;
	maker->raises = maker->keeps_best && options->target == TARGET_ALL &&
		rule_measure_has_bound(options->rank_by, options->min_lift);
	maker->may_spill = may_spill && options->top_k == 0 && options->significance == SIGNIFICANCE_NONE;
	maker->chosen = palloc_array(uint32, ITEMSET_MAX_LENGTH);
	maker->capacity = maker->capacity_p = 1024;
	result->rules = palloc_array(Rule, maker->capacity);
	result->p_values = palloc_array(double, maker->capacity_p);
	if (maker->may_spill)
		join = rule_join_create(result, options, &lists);

	mine_sets_of_rules(maker);
	progress_phase("rules", result->store->nsets);
	if (join && rule_join_is_needed(join))
		rule_join_make_rules(join);
	else
	{
		if (options->target != TARGET_ALL)
			mark_targets(result->store, maker->index);
		make_rules(maker);
	}

	progress_phase("sorting", 0);
	if (options->significance != SIGNIFICANCE_NONE)
	{
		adjust_p_values(result, options->significance);
		drop_insignificant(result, options->alpha);
	}
	if (result->sorted)
		result->n = sorted_rows_sort(result->sorted);
	else
	{
		order_sets(result, budget);
		if (options->top_k > 0)
			sort_rules(result);
		else
			order_rules(result, budget);
	}
	if (options->top_k > 0)
		result->n = Min(result->n, options->top_k);
	if (maker->raises && result->n == options->top_k)
		result->min_count = Max(result->min_count,
								count_for_key(maker, result->rules[result->n - 1].key));
	note_limits(result, options);
	return result;
}
