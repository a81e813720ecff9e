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

/* Puts one more place where it belongs among those before: there are few in a set. */
static inline uint32
add_rank(uint32 *ranks, uint32 n, uint32 rank)
{
	uint32		i = n;

	for (; i > 0 && ranks[i - 1] > rank; i--)
		ranks[i] = ranks[i - 1];
	ranks[i] = rank;
	return n + 1;
}

/*
 * Items of a set as places in the order of items, ascending; returns how many.
 * With a combination the set is one of a cube.
 */
uint32
itemset_ranks(const MiningResult *result, uint32 set, uint32 combination, uint32 *ranks)
{
	const Itemset *sets = result->store->sets;
	const uint32 *rank = result->encoded->rank;
	uint32		n = 0;

	if (combination != 0)
	{
		uint32		extension = sets[set].item;

		set = sets[set].parent;
		for (; combination != 0; combination >>= 1, extension = sets[extension].parent)
			if (combination & 1)
				n = add_rank(ranks, n, rank[sets[extension].item]);
	}
	for (; set != NO_ITEMSET; set = sets[set].parent)
		n = add_rank(ranks, n, rank[sets[set].item]);
	return n;
}

/* Sets by their items in order, as arrays compare. */
static int
compare_items(const MiningResult *result, FoundSet a, FoundSet b)
{
	uint32		x[ITEMSET_MAX_LENGTH];
	uint32		y[ITEMSET_MAX_LENGTH];
	uint32		nx = itemset_ranks(result, a.record, a.combination, x);
	uint32		ny = itemset_ranks(result, b.record, b.combination, y);
	uint32		i;

	for (i = 0; i < nx && i < ny; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return (nx > ny) - (nx < ny);
}

/* The same for sets that are not of cubes. */
static int
compare_sets(const MiningResult *result, uint32 a, uint32 b)
{
	FoundSet	x = {a, 0};
	FoundSet	y = {b, 0};

	return a == b ? 0 : compare_items(result, x, y);
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
	order = compare_sets(result, x->lhs, y->lhs);
	return order != 0 ? order : compare_sets(result, x->rhs, y->rhs);
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

/*
 * What a set is sorted by, as far as it fits: the number of its items, where it
 * matters, and the first of these.  The rest is compared item by item.
 */
typedef struct SetKey
{
	uint64		words[2];
	FoundSet	set;
} SetKey;

static int
compare_set_keys(const void *a, const void *b, void *arg)
{
	const SetKey *x = a;
	const SetKey *y = b;

	CHECK_FOR_INTERRUPTS();
	if (x->words[0] != y->words[0])
		return x->words[0] < y->words[0] ? -1 : 1;
	if (x->words[1] != y->words[1])
		return x->words[1] < y->words[1] ? -1 : 1;
	return compare_items(arg, x->set, y->set);
}

#define RADIX_SORT radix_sort_keys
#define RADIX_ELEMENT SetKey
#define RADIX_KEY(key) (key).words[0]
#include "core/radixsort.h"

/* How keys of sets are laid out, in bits. */
typedef struct KeyLayout
{
	int			length;			/* number of items, on top; 0: it does not matter */
	int			rank;			/* place of an item */
} KeyLayout;

static inline void
set_key(SetKey *key, KeyLayout layout, const uint32 *ranks, uint32 n, uint32 record,
		uint32 combination)
{
	uint64		word = layout.length > 0 ? (uint64) n << (64 - layout.length) : 0;
	int			shift = 64 - layout.length - layout.rank;
	uint32		i;

	for (i = 0; i < n && shift >= 0; i++, shift -= layout.rank)
		word |= (uint64) ranks[i] << shift;
	key->words[0] = word;
	for (word = 0, shift = 64 - layout.rank; i < n && shift >= 0; i++, shift -= layout.rank)
		word |= (uint64) ranks[i] << shift;
	key->words[1] = word;
	key->set.record = record;
	key->set.combination = combination;
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
		add_rank(ranks, i, result->encoded->rank[items[i]]);
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

/* A record of the store, to be put in order by count. */
typedef struct CountedRecord
{
	uint32		count;			/* its complement */
	uint32		record;
} CountedRecord;

#define RADIX_SORT radix_sort_records
#define RADIX_ELEMENT CountedRecord
#define RADIX_KEY(record) (record).count
#include "core/radixsort.h"

/* Adds the keys of all sets of a cube; returns the end. */
static SetKey *
add_cube_keys(const MiningResult *result, uint32 record, KeyLayout layout, SetKey *key)
{
	const Itemset *sets = result->store->sets;
	const Itemset *cube = &sets[record];
	uint32		base[ITEMSET_MAX_LENGTH];
	uint32		nbase = itemset_ranks(result, cube->parent, 0, base);
	uint32		width = cube_width(cube, &sets[cube->parent]);
	/* the cube's own items: places, ascending, and their bits in combinations */
	uint32		ranks[CUBE_MAX];
	uint32		bits[CUBE_MAX];
	uint32		extension = cube->item;
	uint32		combination;
	uint32		k;

	for (k = 0; k < width; k++, extension = sets[extension].parent)
	{
		uint32		rank = result->encoded->rank[sets[extension].item];
		uint32		i = k;

		for (; i > 0 && ranks[i - 1] > rank; i--)
		{
			ranks[i] = ranks[i - 1];
			bits[i] = bits[i - 1];
		}
		ranks[i] = rank;
		bits[i] = (uint32) 1 << k;
	}
	for (combination = 1; combination < (uint32) 1 << width; combination++)
	{
		uint32		merged[ITEMSET_MAX_LENGTH];
		uint32		n = 0;
		uint32		i = 0;

		for (k = 0; k < width; k++)
		{
			if ((combination & bits[k]) == 0)
				continue;
			while (i < nbase && base[i] < ranks[k])
				merged[n++] = base[i++];
			merged[n++] = ranks[k];
		}
		while (i < nbase)
			merged[n++] = base[i++];
		set_key(key++, layout, merged, n, record, combination);
	}
	return key;
}

/*
 * Puts the sets of some records, which have the same count, in order; returns how
 * many these are.  Without spare memory it takes longer.
 */
static uint32
sort_equal_counts(const MiningResult *result, const CountedRecord *records, uint32 nrecords,
				  KeyLayout layout, SetKey *keys, SetKey *spare, FoundSet *found)
{
	SetKey	   *end = keys;
	uint32		n;
	uint32		i;
	uint32		k;

	for (i = 0; i < nrecords; i++)
	{
		uint32		record = records[i].record;

		CHECK_FOR_INTERRUPTS();
		if (result->store->sets[record].flags & ITEMSET_CUBE)
			end = add_cube_keys(result, record, layout, end);
		else
		{
			uint32		ranks[ITEMSET_MAX_LENGTH];

			n = itemset_ranks(result, record, 0, ranks);
			set_key(end++, layout, ranks, n, record, 0);
		}
	}
	n = end - keys;
	if (n < RADIX_DIGITS || spare == NULL)
		qsort_arg(keys, n, sizeof(SetKey), compare_set_keys, (void *) result);
	else
	{
		keys = radix_sort_keys(keys, spare, n, (64 - layout.length) % layout.rank, 64);
		for (i = 0; i < n; i = k)
		{
			for (k = i + 1; k < n && keys[k].words[0] == keys[i].words[0];)
				k++;
			if (k > i + 1)
				qsort_arg(keys + i, k - i, sizeof(SetKey), compare_set_keys, (void *) result);
		}
	}
	for (i = 0; i < n; i++)
		found[i] = keys[i].set;
	return n;
}

/*
 * Where there is no memory for that much more the sets are sorted on disk, if
 * they may be, and what was made in memory for that is freed before.  Returns
 * whether they have been.
 */
static bool
sort_on_disk(MiningResult *result, MemoryBudget *budget, uint64 more, void *made)
{
	ItemsetStore *store = result->store;

	if (store->base > 0 ||
		(store->spill && store->nsets > 0 && !budget_has_room(budget, more)))
	{
		if (made)
			pfree(made);
		itemset_store_spill(store, NO_ITEMSET);
		result->n = sorted_rows_sort(result->sorted);
		return true;
	}
	budget_check(budget, more, "frequent itemsets");
	return false;
}

/*
 * Puts the sets that are wanted in order.  Their records are sorted by count, and
 * then the sets of each count, so that there need not be keys of all at one time.
 */
void
sort_itemsets(MiningResult *result, const RulesOptions *options, MemoryBudget *budget)
{
	ItemsetStore *store = result->store;
	uint16		unwanted = ITEMSET_EXTENSION |
		(options->target == TARGET_ALL ? 0 :
		 options->target == TARGET_CLOSED ? ITEMSET_NOT_CLOSED : ITEMSET_NOT_MAXIMAL);
	KeyLayout	layout;
	CountedRecord *records;
	CountedRecord *spare;
	CountedRecord *sorted;
	SetKey	   *keys;
	SetKey	   *spare_keys = NULL;
	Size		size = (Size) Max(store->nsets, 1) * sizeof(CountedRecord);
	uint32		longest = 0;
	uint32		nrecords = 0;
	uint32		n = 0;
	uint32		most = 0;		/* sets of one count */
	uint32		nequal = 0;
	uint32		i;
	uint32		k;

	if (sort_on_disk(result, budget, 2 * (uint64) size, NULL))
		return;
	records = MemoryContextAllocHuge(CurrentMemoryContext, size);
	spare = MemoryContextAllocHuge(CurrentMemoryContext, size);
	for (i = 0; i < store->nsets; i++)
	{
		const Itemset *set = &store->sets[i];

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		if ((set->flags & unwanted) || set->length > options->max_length)
			continue;
		longest = Max(longest, set->length);
		records[nrecords].count = ~set->count;
		records[nrecords++].record = i;
	}
	sorted = radix_sort_records(records, spare, nrecords, 0, 32);
	pfree(sorted == records ? spare : records);
	for (i = 0; i < nrecords; i++)
	{
		uint32		nsets = record_nsets(store, &store->sets[sorted[i].record]);

		if ((i & 0xfff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (i > 0 && sorted[i].count != sorted[i - 1].count)
		{
			nequal = 0;
			if (options->top_k > 0 && n >= options->top_k)
				break;
		}
		n += nsets;
		nequal += nsets;
		most = Max(most, nequal);
	}
	nrecords = i;

	if (sort_on_disk(result, budget,
					 (uint64) n * sizeof(FoundSet) + (uint64) most * sizeof(SetKey), sorted))
		return;
	result->itemsets = MemoryContextAllocHuge(CurrentMemoryContext,
											  (Size) Max(n, 1) * sizeof(FoundSet));
	keys = MemoryContextAllocHuge(CurrentMemoryContext, (Size) Max(most, 1) * sizeof(SetKey));
	if (most >= RADIX_DIGITS && budget_has_room(budget, (uint64) most * sizeof(SetKey)))
		spare_keys = MemoryContextAllocHuge(CurrentMemoryContext, (Size) most * sizeof(SetKey));
	layout.length = bits_of(longest + 1);
	layout.rank = bits_of(result->encoded->transactions.nitems);
	for (i = 0, n = 0; i < nrecords; i = k)
	{
		for (k = i + 1; k < nrecords && sorted[k].count == sorted[i].count;)
			k++;
		n += sort_equal_counts(result, sorted + i, k - i, layout, keys, spare_keys,
							   result->itemsets + n);
	}
	result->n = options->top_k > 0 ? Min(n, options->top_k) : n;
	if (spare_keys)
		pfree(spare_keys);
	pfree(keys);
	pfree(sorted);
}

/*
 * Numbers the sets in the order of their items, for the comparison of many
 * rules.
 */
void
order_sets(MiningResult *result, const MemoryBudget *budget)
{
	const ItemsetStore *store = result->store;
	KeyLayout	layout = {0, bits_of(result->encoded->transactions.nitems)};
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
		itemset_ranks(result, i, 0, ranks);
		set_key(&keys[i], layout, ranks, length, i, 0);
	}
	qsort_arg(keys, store->nsets, sizeof(SetKey), compare_set_keys, result);
	result->set_order = MemoryContextAllocHuge(CurrentMemoryContext,
											   (Size) store->nsets * sizeof(uint32));
	for (i = 0; i < store->nsets; i++)
		result->set_order[keys[i].set.record] = i;
	pfree(keys);
}
