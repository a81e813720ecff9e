/*-------------------------------------------------------------------------
 *
 * sort.c
 *		Putting itemsets and rules into their order.
 *
 * The order is total and depends on counts and items only, never on how the
 * sets were found.  Sets are compared by their items as far as these fit into
 * two words, and item by item only where that does not decide.  What there is
 * no memory for becomes rows of bytes that compare in the same way.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "utils/float.h"

#include "core/numbers.h"
#include "rules/sort.h"

/* From so many rules on it pays to put all sets in order first. */
#define MANY_RULES 256

/* Items of a set as places in the order of items, ascending; returns how many. */
uint32
itemset_ranks(const MiningResult *result, uint32 set, uint32 *ranks)
{
	const Itemset *sets = result->store->sets;
	uint32		n = 0;

	for (; set != NO_ITEMSET; set = sets[set].parent)
	{
		uint32		rank = result->encoded->rank[sets[set].item];
		uint32		i = n++;

		for (; i > 0 && ranks[i - 1] > rank; i--)
			ranks[i] = ranks[i - 1];
		ranks[i] = rank;
	}
	return n;
}

/* Sets by their items in order, as arrays compare. */
static int
compare_items(const MiningResult *result, uint32 a, uint32 b)
{
	uint32		x[ITEMSET_MAX_LENGTH];
	uint32		y[ITEMSET_MAX_LENGTH];
	uint32		nx;
	uint32		ny;
	uint32		i;

	if (a == b)
		return 0;
	nx = itemset_ranks(result, a, x);
	ny = itemset_ranks(result, b, y);
	for (i = 0; i < nx && i < ny; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return (nx > ny) - (nx < ny);
}

static int
compare_rules(const void *a, const void *b, void *arg)
{
	const MiningResult *result = arg;
	const Itemset *sets = result->store->sets;
	const Rule *x = a;
	const Rule *y = b;
	uint64		cx;
	uint64		cy;
	int			order;

	CHECK_FOR_INTERRUPTS();
	if (x->key != y->key)
		return x->key > y->key ? -1 : 1;
	/* the more confident first, compared exactly */
	cx = (uint64) sets[x->set].count * sets[y->lhs].count;
	cy = (uint64) sets[y->set].count * sets[x->lhs].count;
	if (cx != cy)
		return cx > cy ? -1 : 1;
	if (result->set_order)
	{
		const uint32 *place = result->set_order;

		if (x->lhs != y->lhs)
			return place[x->lhs] < place[y->lhs] ? -1 : 1;
		return (place[x->rhs] > place[y->rhs]) - (place[x->rhs] < place[y->rhs]);
	}
	order = compare_items(result, x->lhs, y->lhs);
	return order != 0 ? order : compare_items(result, x->rhs, y->rhs);
}

/* Puts the rules in order. */
void
sort_rules(MiningResult *result)
{
	CHECK_FOR_INTERRUPTS();
	qsort_arg(result->rules, result->n, sizeof(Rule), compare_rules, result);
}

/* All that a rule is sorted by, in numbers that ascend from the best. */
typedef struct KeyedRule
{
	uint64		key;
	uint64		confidence;
	uint64		sides;			/* places of both among all sets */
	uint64		rule;
} KeyedRule;

static int
compare_tied_rules(const void *a, const void *b)
{
	const KeyedRule *x = a;
	const KeyedRule *y = b;

	CHECK_FOR_INTERRUPTS();
	if (x->confidence != y->confidence)
		return x->confidence < y->confidence ? -1 : 1;
	return (x->sides > y->sides) - (x->sides < y->sides);
}

#define RADIX_SORT radix_sort_rules
#define RADIX_ELEMENT KeyedRule
#define RADIX_KEY(rule) (rule).key
#include "core/radixsort.h"

/* Puts the rules in order, many of them with more memory if there is some. */
void
order_rules(MiningResult *result, const MemoryBudget *budget)
{
	const Itemset *sets = result->store->sets;
	const uint32 *place = result->set_order;
	uint64		n = result->n;
	KeyedRule  *rules;
	KeyedRule  *spare;
	KeyedRule  *sorted;
	Rule	   *ordered;
	uint64		i;
	uint64		k;

	if (n < RADIX_DIGITS || place == NULL ||
		!budget_has_room(budget, n * (sizeof(KeyedRule) + Max(sizeof(KeyedRule), sizeof(Rule)))))
	{
		sort_rules(result);
		return;
	}
	rules = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(KeyedRule));
	spare = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(KeyedRule));
	for (i = 0; i < n; i++)
	{
		const Rule *rule = &result->rules[i];

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		rules[i].key = descending_bits(rule->key);
		rules[i].confidence = descending_quotient(sets[rule->set].count, sets[rule->lhs].count);
		rules[i].sides = (uint64) place[rule->lhs] << 32 | place[rule->rhs];
		rules[i].rule = i;
	}
	sorted = radix_sort_rules(rules, spare, n, 0, 64);
	pfree(sorted == rules ? spare : rules);
	for (i = 0; i < n; i = k)
	{
		for (k = i + 1; k < n && sorted[k].key == sorted[i].key;)
			k++;
		if (k > i + 1)
			qsort(sorted + i, k - i, sizeof(KeyedRule), compare_tied_rules);
	}
	ordered = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(Rule));
	for (i = 0; i < n; i++)
	{
		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		ordered[i] = result->rules[sorted[i].rule];
	}
	pfree(sorted);
	pfree(result->rules);
	result->rules = ordered;
}

/* What a set is sorted by, as far as it fits; the rest is compared item by item. */
typedef struct SetKey
{
	uint64		count_length;	/* more baskets first, then fewer items */
	uint64		ranks[2];		/* first items */
	uint32		set;
} SetKey;

static int
compare_set_keys(const void *a, const void *b, void *arg)
{
	const SetKey *x = a;
	const SetKey *y = b;

	CHECK_FOR_INTERRUPTS();
	if (x->count_length != y->count_length)
		return x->count_length < y->count_length ? -1 : 1;
	if (x->ranks[0] != y->ranks[0])
		return x->ranks[0] < y->ranks[0] ? -1 : 1;
	if (x->ranks[1] != y->ranks[1])
		return x->ranks[1] < y->ranks[1] ? -1 : 1;
	return compare_items(arg, x->set, y->set);
}

/* Bits that the place of an item takes. */
static inline int
rank_bits(const MiningResult *result)
{
	return bits_of(result->encoded->transactions.nitems);
}

/* As many of the ranks from the i-th on as fit into a word, the first on top. */
static inline uint64
pack_ranks(const uint32 *ranks, uint32 n, uint32 i, int bits)
{
	uint64		word = 0;
	int			shift = 64 - bits;

	for (; i < n && shift >= 0; i++, shift -= bits)
		word |= (uint64) ranks[i] << shift;
	return word;
}

/* Puts places in order: there are few in a set. */
static void
sort_ranks(uint32 *ranks, uint32 n)
{
	uint32		i;

	for (i = 1; i < n; i++)
	{
		uint32		rank = ranks[i];
		uint32		k = i;

		for (; k > 0 && ranks[k - 1] > rank; k--)
			ranks[k] = ranks[k - 1];
		ranks[k] = rank;
	}
}

/* A set that there is no room for in the store goes to result->sorted; arg is the result. */
void
spill_itemset(void *arg, const uint32 *items, uint32 length, uint32 count)
{
	MiningResult *result = arg;
	uint32		ranks[ITEMSET_MAX_LENGTH];
	uint8	   *p;
	uint32		i;

	if (result->sorted == NULL)
		result->sorted = sorted_rows_create(result->budget, result->store->reserve,
											result->encoded->transactions.nitems,
											ITEMSET_MAX_LENGTH);
	for (i = 0; i < length; i++)
		ranks[i] = result->encoded->rank[items[i]];
	sort_ranks(ranks, length);
	p = sorted_rows_begin(result->sorted);
	p = put_uint32(p, ~count);
	p = put_uint32(p, length);
	sorted_rows_put(result->sorted, put_ranks(result->sorted, p, ranks, length));
}

/* The next set that was spilled: its items are those of the left side. */
bool
get_sorted_itemset(SortedRows *rows, RuleFacts *set)
{
	const uint8 *p = sorted_rows_next(rows);
	uint32		count;
	uint32		length;

	if (p == NULL)
		return false;
	p = get_uint32(p, &count);
	p = get_uint32(p, &length);
	set->both = ~count;
	get_ranks(rows, p, set->lhs, &set->nlhs);
	return true;
}

/* Adds a rule to those that are sorted on disk. */
void
put_sorted_rule(SortedRows *rows, double key, const RuleFacts *rule)
{
	uint8	   *p = sorted_rows_begin(rows);

	p = put_uint64(p, descending_bits(key));
	p = put_uint64(p, descending_quotient(rule->both, rule->lhs_count));
	p = put_ranks(rows, p, rule->lhs, rule->nlhs);
	p = put_ranks(rows, p, rule->rhs, rule->nrhs);
	p = put_uint32(p, rule->both);
	p = put_uint32(p, rule->lhs_count);
	p = put_uint32(p, rule->rhs_count);
	memcpy(p, &rule->improvement, sizeof(double));
	sorted_rows_put(rows, p + sizeof(double));
}

bool
get_sorted_rule(SortedRows *rows, RuleFacts *rule)
{
	const uint8 *p = sorted_rows_next(rows);

	if (p == NULL)
		return false;
	p = get_ranks(rows, p + 16, rule->lhs, &rule->nlhs);
	p = get_ranks(rows, p, rule->rhs, &rule->nrhs);
	p = get_uint32(p, &rule->both);
	p = get_uint32(p, &rule->lhs_count);
	p = get_uint32(p, &rule->rhs_count);
	memcpy(&rule->improvement, p, sizeof(double));
	rule->p = get_float8_nan();
	return true;
}

/* Puts the sets that are wanted in order. */
void
sort_itemsets(MiningResult *result, const RulesOptions *options, MemoryBudget *budget)
{
	ItemsetStore *store = result->store;
	uint16		unwanted = options->target == TARGET_ALL ? 0 :
		options->target == TARGET_CLOSED ? ITEMSET_NOT_CLOSED : ITEMSET_NOT_MAXIMAL;
	int			bits = rank_bits(result);
	uint32		ranks[ITEMSET_MAX_LENGTH];
	SetKey	   *keys;
	uint32		n = 0;
	uint32		i;

	if (store->base > 0 ||
		(store->spill && store->nsets > 0 &&
		 !budget_has_room(budget, (Size) store->nsets * (sizeof(SetKey) + sizeof(uint32)))))
	{
		itemset_store_spill(store, NO_ITEMSET);
		result->n = sorted_rows_sort(result->sorted);
		return;
	}
	budget_check(budget, (Size) store->nsets * (sizeof(SetKey) + sizeof(uint32)),
				 "frequent itemsets");
	keys = MemoryContextAllocHuge(CurrentMemoryContext,
								  (Size) Max(store->nsets, 1) * sizeof(SetKey));
	for (i = 0; i < store->nsets; i++)
	{
		const Itemset *set = &store->sets[i];

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		if ((set->flags & unwanted) || set->length > options->max_length)
			continue;
		itemset_ranks(result, i, ranks);
		keys[n].count_length = ((uint64) ~set->count << 16) | set->length;
		keys[n].ranks[0] = pack_ranks(ranks, set->length, 0, bits);
		keys[n].ranks[1] = pack_ranks(ranks, set->length, 64 / bits, bits);
		keys[n++].set = i;
	}
	qsort_arg(keys, n, sizeof(SetKey), compare_set_keys, result);

	result->n = options->top_k > 0 ? Min(n, options->top_k) : n;
	result->itemsets = MemoryContextAllocHuge(CurrentMemoryContext,
											  (Size) Max(n, 1) * sizeof(uint32));
	for (i = 0; i < result->n; i++)
		result->itemsets[i] = keys[i].set;
	pfree(keys);
}

/*
 * Numbers the sets in the order of their items, for the comparison of many
 * rules.
 */
void
order_sets(MiningResult *result, const MemoryBudget *budget)
{
	const ItemsetStore *store = result->store;
	int			bits = rank_bits(result);
	uint32		ranks[ITEMSET_MAX_LENGTH];
	SetKey	   *keys;
	uint32		i;

	/* without it they compare all the same, only slower */
	if (result->n < MANY_RULES || result->n < store->nsets / 16 ||
		!budget_has_room(budget, (Size) store->nsets * (sizeof(SetKey) + sizeof(uint32))))
		return;
	keys = MemoryContextAllocHuge(CurrentMemoryContext, (Size) store->nsets * sizeof(SetKey));
	for (i = 0; i < store->nsets; i++)
	{
		uint32		length = store->sets[i].length;

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		itemset_ranks(result, i, ranks);
		keys[i].count_length = 0;
		keys[i].ranks[0] = pack_ranks(ranks, length, 0, bits);
		keys[i].ranks[1] = pack_ranks(ranks, length, 64 / bits, bits);
		keys[i].set = i;
	}
	qsort_arg(keys, store->nsets, sizeof(SetKey), compare_set_keys, result);
	result->set_order = MemoryContextAllocHuge(CurrentMemoryContext,
											   (Size) store->nsets * sizeof(uint32));
	for (i = 0; i < store->nsets; i++)
		result->set_order[keys[i].set] = i;
	pfree(keys);
}
