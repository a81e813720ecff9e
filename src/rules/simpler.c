/*-------------------------------------------------------------------------
 *
 * simpler.c
 *		The most confident of all rules that are simpler than one.
 *
 * A rule A -> b is simpler than another with the same right side if A is a
 * proper subset of the other left side; A may be empty.  How much more
 * confident a rule is than all simpler ones is its improvement (Bayardo,
 * Agrawal, Gunopulos 1999).
 *
 * The best rule with b on the right and any part of S without b on the left is
 * either the one with all of it or that of S less one of its other items.  So
 * sets are taken by length, and for each set S and each item b of it the best
 * confidence is kept: |S| numbers, found from those of the |S| parts of S that
 * are shorter by one, in place of looking at all 2^|S|.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "rules/simpler.h"

struct SimplerRules
{
	SetIndex   *index;
	const MemoryBudget *budget;
	MemoryContext cxt;
	uint32		nbaskets;
	uint32		nsets;			/* sets of the store that have a place here */
	uint32		sets_capacity;
	uint64	   *start;			/* by set: place of its items' in best[] */
	uint64		used;
	uint64		capacity;
	Confidence *best;			/* by set, and by item of it, ascending */
	/* of the open set: by position in the index, and by item in order */
	uint32	   *place;
	uint32	   *parts;			/* without this item */
	Confidence *proper;			/* of simpler rules */
};

SimplerRules *
simpler_rules_create(SetIndex *index, uint32 nbaskets, const MemoryBudget *budget)
{
	SimplerRules *simpler = palloc0_object(SimplerRules);

	simpler->index = index;
	simpler->budget = budget;
	simpler->cxt = CurrentMemoryContext;
	simpler->nbaskets = nbaskets;
	simpler->sets_capacity = 1024;
	simpler->start = palloc_array(uint64, simpler->sets_capacity);
	simpler->capacity = 1024;
	simpler->best = palloc_array(Confidence, simpler->capacity);
	simpler->place = palloc_array(uint32, ITEMSET_MAX_LENGTH);
	simpler->parts = palloc_array(uint32, ITEMSET_MAX_LENGTH);
	simpler->proper = palloc_array(Confidence, ITEMSET_MAX_LENGTH);
	return simpler;
}

static void *
enlarge(const SimplerRules *simpler, void *array, Size size)
{
	budget_check(simpler->budget, size, "rules to be compared");
	return repalloc_huge(array, size);
}

/*
 * Makes room for the sets that have come to the store and have max_length
 * items at most.  Returns these in the order in which they are to be opened,
 * that of length, in the current memory context; their number is *n.
 */
uint32 *
simpler_rules_extend(SimplerRules *simpler, uint32 max_length, uint32 *n)
{
	const ItemsetStore *store = simpler->index->store;
	uint32	   *next = palloc0_array(uint32, ITEMSET_MAX_LENGTH + 2);
	uint32	   *order;
	uint32		first = simpler->nsets;
	uint32		i;

	if (store->nsets > simpler->sets_capacity)
	{
		simpler->sets_capacity = Max(store->nsets, 2 * simpler->sets_capacity);
		simpler->start = enlarge(simpler, simpler->start,
								 (Size) simpler->sets_capacity * sizeof(uint64));
	}
	for (i = first; i < store->nsets; i++)
	{
		uint32		length = store->sets[i].length;

		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (length > max_length)
			continue;
		simpler->start[i] = simpler->used;
		simpler->used += length;
		next[length + 1]++;
	}
	for (i = 1; i <= ITEMSET_MAX_LENGTH + 1; i++)
		next[i] += next[i - 1];
	*n = next[ITEMSET_MAX_LENGTH + 1];
	if (simpler->used > simpler->capacity)
	{
		simpler->capacity = Max(simpler->used, 2 * simpler->capacity);
		simpler->best = enlarge(simpler, simpler->best, simpler->capacity * sizeof(Confidence));
	}

	budget_check(simpler->budget, (Size) *n * sizeof(uint32), "rules to be compared");
	order = MemoryContextAllocHuge(CurrentMemoryContext, (Size) Max(*n, 1) * sizeof(uint32));
	for (i = first; i < store->nsets; i++)
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (store->sets[i].length <= max_length)
			order[next[store->sets[i].length]++] = i;
	}
	simpler->nsets = store->nsets;
	pfree(next);
	return order;
}

static inline void
keep_higher(Confidence *best, Confidence other)
{
	if (confidence_is_higher(other, *best))
		*best = other;
}

/* Compares the rules of a set, which is open in the index, with all simpler ones. */
void
simpler_rules_open(SimplerRules *simpler, uint32 set)
{
	SetIndex   *index = simpler->index;
	const Itemset *sets = index->store->sets;
	Confidence *best = simpler->best + simpler->start[set];
	Confidence	none;
	uint32		n = index->length;
	uint32		i;
	uint32		k;

	none.lhs = simpler->nbaskets;
	if (n == 1)
	{
		none.both = sets[set].count;
		best[0] = none;
		return;
	}
	for (i = 0; i < n; i++)
	{
		simpler->place[i] = 0;
		for (k = 0; k < n; k++)
			simpler->place[i] += index->items[k] < index->items[i];
	}
	for (i = 0; i < n; i++)
		simpler->parts[simpler->place[i]] = set_index_find(index, &i, 1, true);
	for (i = 0; i < n; i++)
	{
		Confidence	whole;

		simpler->proper[i].both = 0;
		simpler->proper[i].lhs = 1;
		for (k = 0; k < n; k++)
			if (k != i)
				keep_higher(&simpler->proper[i],
							simpler->best[simpler->start[simpler->parts[k]] + i - (k < i)]);
		whole.both = sets[set].count;
		whole.lhs = sets[simpler->parts[i]].count;
		best[i] = simpler->proper[i];
		keep_higher(&best[i], whole);
	}
}

/* The best of all rules simpler than that with the item at a position on the right. */
Confidence
simpler_rules_best(const SimplerRules *simpler, uint32 position)
{
	return simpler->proper[simpler->place[position]];
}

/*
 * The same for a right side of several items, at the given positions,
 * ascending, of the set that is open in the index: all left sides are looked
 * at.
 */
Confidence
simpler_rules_search(SetIndex *index, uint32 nbaskets, const uint32 *rhs, uint32 nrhs)
{
	const Itemset *sets = index->store->sets;
	uint32		length = index->length;
	uint32		nleft = length - nrhs;
	uint32		left[ITEMSET_MAX_LENGTH];
	uint32		positions[ITEMSET_MAX_LENGTH];
	uint32		n = 0;
	Confidence	best;
	uint64		subset;
	uint32		i;
	uint32		k;

	/* positions that are not on the right side, which ascend there */
	for (i = 0, k = 0; i < length; i++)
		if (k < nrhs && rhs[k] == i)
			k++;
		else
			left[n++] = i;
	if (nleft > 30)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("rules of more than 30 items on the left and several on the right cannot be compared with all simpler ones"),
				 errhint("Lower max_lhs, max_rhs or max_length.")));

	best.both = sets[set_index_find(index, rhs, nrhs, false)].count;
	best.lhs = nbaskets;
	for (subset = 1; subset + 1 < UINT64CONST(1) << nleft; subset++)
	{
		Confidence	simpler;

		n = 0;
		for (i = 0; i < nleft; i++)
			if (subset >> i & 1)
				positions[n++] = left[i];
		simpler.lhs = sets[set_index_find(index, positions, n, false)].count;
		for (i = 0; i < nrhs; i++)
			positions[n++] = rhs[i];
		simpler.both = sets[set_index_find(index, positions, n, false)].count;
		keep_higher(&best, simpler);
		if ((subset & 0xff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	return best;
}
