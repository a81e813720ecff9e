/*-------------------------------------------------------------------------
 *
 * sort.c
 *		Putting itemsets and rules into their order.
 *
 * The order is total and depends on counts and items only, never on how the
 * sets were found.  Sets are compared by their items as far as these fit into
 * two words, and item by item only where that does not decide.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "port/pg_bitutils.h"

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
	return pg_leftmost_one_pos32(Max(result->encoded->transactions.nitems, 1)) + 1;
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

/* Puts the sets that are wanted in order. */
void
sort_itemsets(MiningResult *result, const RulesOptions *options, const MemoryBudget *budget)
{
	const ItemsetStore *store = result->store;
	uint16		unwanted = options->target == TARGET_ALL ? 0 :
		options->target == TARGET_CLOSED ? ITEMSET_NOT_CLOSED : ITEMSET_NOT_MAXIMAL;
	int			bits = rank_bits(result);
	uint32		ranks[ITEMSET_MAX_LENGTH];
	SetKey	   *keys;
	uint32		n = 0;
	uint32		i;

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

	if (result->n < MANY_RULES)
		return;
	budget_check(budget, (Size) store->nsets * (sizeof(SetKey) + sizeof(uint32)),
				 "frequent itemsets");
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
