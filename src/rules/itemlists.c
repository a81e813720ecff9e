/*-------------------------------------------------------------------------
 *
 * itemlists.c
 *		Items that the user lists: which may be where, and which never together.
 *
 * Lists are arrays of text, whatever the type of the items.  A listed item
 * that is in no basket means nothing; a NOTICE says which these are, as they
 * may be misspelt.
 *
 * An item and its ancestors (its category, the category above, ...) are never
 * in one set: every basket with the item has the ancestor, so that the rule
 * says nothing.  Ancestors of ancestors are found by following the pairs that
 * are given.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "rules/itemlists.h"

#define NO_NUMBER PG_UINT32_MAX
#define MAX_NAMES 10			/* of items in a message */

/* Text as a value of the items' type. */
static Datum
item_from_text(const IdDict *dict, Datum value, bool *valid)
{
	int64		number;

	*valid = true;
	if (iddict_type(dict) == TEXTOID)
		return value;
	number = DatumGetInt64(DirectFunctionCall1(int8in, CStringGetDatum(TextDatumGetCString(value))));
	switch (iddict_type(dict))
	{
		case INT2OID:
			*valid = number >= PG_INT16_MIN && number <= PG_INT16_MAX;
			return Int16GetDatum((int16) number);
		case INT4OID:
			*valid = number >= PG_INT32_MIN && number <= PG_INT32_MAX;
			return Int32GetDatum((int32) number);
		default:
			return Int64GetDatum(number);
	}
}

static Datum *
list_elements(ArrayType *list, int *n)
{
	Datum	   *values;

	deconstruct_array(list, TEXTOID, -1, false, TYPALIGN_INT, &values, NULL, n);
	return values;
}

/* Counts an item that is in no basket, once if it is among the first. */
static int
add_name(char **names, int n, char *name)
{
	int			i;

	for (i = 0; i < Min(n, MAX_NAMES); i++)
		if (strcmp(names[i], name) == 0)
			return n;
	if (n < MAX_NAMES)
		names[n] = name;
	return n + 1;
}

static void
tell_missing(char **names, int n, const char *option)
{
	StringInfoData list;
	int			i;

	initStringInfo(&list);
	for (i = 0; i < Min(n, MAX_NAMES); i++)
		appendStringInfo(&list, "%s\"%s\"", i > 0 ? ", " : "", names[i]);
	ereport(NOTICE,
			(errmsg_plural("%d item of %s is in no basket", "%d items of %s are in no basket",
						   n, n, option),
			 errdetail(n > MAX_NAMES ? "The first are %s." : "Not found: %s.", list.data)));
}

/* Which numbers of the dictionary a list names; NULL for no list. */
static bool *
listed_numbers(IdDict *dict, ArrayType *list, const char *option, bool tells)
{
	char	   *names[MAX_NAMES];
	int			nmissing = 0;
	bool	   *listed;
	Datum	   *values;
	int			n;
	int			i;

	if (list == NULL)
		return NULL;
	listed = MemoryContextAllocExtended(CurrentMemoryContext, Max(iddict_count(dict), 1),
										MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	values = list_elements(list, &n);
	for (i = 0; i < n; i++)
	{
		bool		valid;
		Datum		value = item_from_text(dict, values[i], &valid);
		uint32		id = valid ? iddict_find(dict, value) : IDDICT_NOT_FOUND;

		if (id != IDDICT_NOT_FOUND)
			listed[id] = true;
		else if (tells)
			nmissing = add_name(names, nmissing, TextDatumGetCString(values[i]));
	}
	if (nmissing > 0)
		tell_missing(names, nmissing, option);
	return listed;
}

/*
 * Finds out which items need not be mined at all: those excluded, and those
 * that could be on neither side of a rule.  (The latter tell which sets are
 * closed or maximal, though.)
 */
void
item_lists_open(ItemLists *lists, IdDict *dict, const RulesOptions *options)
{
	bool	   *lhs = listed_numbers(dict, options->lhs_in, "lhs_in", options->names_missing);
	bool	   *rhs = listed_numbers(dict, options->rhs_in, "rhs_in", options->names_missing);
	uint32		i;

	memset(lists, 0, sizeof(*lists));
	lists->dict = dict;
	lists->options = options;
	lists->dropped = listed_numbers(dict, options->exclude, "exclude", options->names_missing);
	if (lhs && rhs && options->target == TARGET_ALL)
	{
		if (lists->dropped == NULL)
			lists->dropped = MemoryContextAllocExtended(CurrentMemoryContext,
														Max(iddict_count(dict), 1),
														MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		for (i = 0; i < iddict_count(dict); i++)
			lists->dropped[i] |= !lhs[i] && !rhs[i];
	}
	/* by number in the dictionary until the items are encoded */
	lists->on_lhs = lhs;
	lists->on_rhs = rhs;
}

/* A pair of the hierarchy: numbers in a dictionary of all its items. */
typedef struct HierarchyPair
{
	uint32		item;
	uint32		ancestor;
} HierarchyPair;

static int
compare_pairs(const void *a, const void *b)
{
	const HierarchyPair *x = a;
	const HierarchyPair *y = b;

	if (x->item != y->item)
		return x->item < y->item ? -1 : 1;
	return (x->ancestor > y->ancestor) - (x->ancestor < y->ancestor);
}

/* Reads the pairs; names becomes the dictionary of their items. */
static HierarchyPair *
read_hierarchy(const ItemLists *lists, IdDict **names, int *npairs)
{
	Datum	   *values;
	HierarchyPair *pairs;
	int			n;
	int			i;

	values = list_elements(lists->options->hierarchy, &n);
	pairs = palloc_array(HierarchyPair, n / 2 + 1);
	*names = iddict_create(CurrentMemoryContext, TEXTOID, C_COLLATION_OID, "hierarchy");
	for (i = 0; i < n / 2; i++)
	{
		pairs[i].item = iddict_put(*names, values[2 * i]);
		pairs[i].ancestor = iddict_put(*names, values[2 * i + 1]);
	}
	qsort(pairs, n / 2, sizeof(HierarchyPair), compare_pairs);
	*npairs = n / 2;
	return pairs;
}

/* Adds to found all that are above an item, each once; seen has its stamp then. */
static void
find_ancestors(const HierarchyPair *pairs, const uint32 *first, uint32 item, uint32 stamp,
			   uint32 *seen, uint32 *found, uint32 *nfound)
{
	uint32		done = *nfound;
	uint32		next = item;

	seen[item] = stamp;
	for (;;)
	{
		uint32		i;

		for (i = first[next]; i < first[next + 1]; i++)
			if (seen[pairs[i].ancestor] != stamp)
			{
				seen[pairs[i].ancestor] = stamp;
				found[(*nfound)++] = pairs[i].ancestor;
			}
		if (done == *nfound)
			break;
		next = found[done++];
	}
}

/* The miner's item for each number of the hierarchy's dictionary, or none. */
static uint32 *
map_names(const ItemLists *lists, const EncodedBaskets *encoded, IdDict *names)
{
	uint32		nnames = iddict_count(names);
	uint32	   *map = palloc_array(uint32, nnames + 1);
	uint32	   *item_of = MemoryContextAllocHuge(CurrentMemoryContext,
												 (Size) Max(iddict_count(lists->dict), 1) *
												 sizeof(uint32));
	uint32		i;

	memset(item_of, 0xff, (Size) iddict_count(lists->dict) * sizeof(uint32));
	for (i = 0; i < encoded->transactions.nitems; i++)
		item_of[encoded->dict_id[i]] = i;
	for (i = 0; i < nnames; i++)
	{
		bool		valid;
		Datum		value = item_from_text(lists->dict, iddict_value(names, i), &valid);
		uint32		id = valid ? iddict_find(lists->dict, value) : IDDICT_NOT_FOUND;

		map[i] = id == IDDICT_NOT_FOUND ? NO_NUMBER : item_of[id];
	}
	pfree(item_of);
	return map;
}

/* Makes the conflicts of the transactions from the hierarchy. */
static void
make_conflicts(const ItemLists *lists, EncodedBaskets *encoded)
{
	Transactions *db = &encoded->transactions;
	IdDict	   *names;
	int			npairs;
	HierarchyPair *pairs = read_hierarchy(lists, &names, &npairs);
	uint32		nnames = iddict_count(names);
	uint32	   *map = map_names(lists, encoded, names);
	uint32	   *first = palloc0_array(uint32, nnames + 2);
	uint32	   *seen = palloc0_array(uint32, nnames + 1);
	uint32	   *found = palloc_array(uint32, nnames + 1);
	uint32	   *start;
	uint32	   *conflicts = NULL;
	int			pass;
	uint32		i;

	for (i = 0; i < npairs; i++)
		first[pairs[i].item + 1]++;
	for (i = 0; i < nnames; i++)
		first[i + 1] += first[i];
	start = MemoryContextAllocExtended(CurrentMemoryContext,
									   ((Size) db->nitems + 2) * sizeof(uint32),
									   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	/* counts, then places, both ways round */
	for (pass = 0; pass < 2; pass++)
	{
		for (i = 0; i < nnames; i++)
		{
			uint32		nfound = 0;
			uint32		k;

			CHECK_FOR_INTERRUPTS();
			if (map[i] == NO_NUMBER)
				continue;
			find_ancestors(pairs, first, i, pass * nnames + i + 1, seen, found, &nfound);
			for (k = 0; k < nfound; k++)
			{
				uint32		ancestor = map[found[k]];

				if (ancestor == NO_NUMBER || ancestor == map[i])
					continue;
				if (pass == 0)
				{
					start[map[i] + 2]++;
					start[ancestor + 2]++;
				}
				else
				{
					conflicts[start[map[i] + 1]++] = ancestor;
					conflicts[start[ancestor + 1]++] = map[i];
				}
			}
		}
		if (pass == 0)
		{
			for (i = 0; i <= db->nitems; i++)
				start[i + 1] += start[i];
			conflicts = MemoryContextAllocHuge(CurrentMemoryContext,
											   Max((Size) start[db->nitems + 1], 1) *
											   sizeof(uint32));
		}
	}
	db->conflict_start = start;
	db->conflicts = conflicts;
}

/* Once items have their numbers: lists by these, and the hierarchy. */
void
item_lists_encode(ItemLists *lists, EncodedBaskets *encoded)
{
	bool	  **sides[2] = {&lists->on_lhs, &lists->on_rhs};
	uint32		nitems = encoded->transactions.nitems;
	int			side;
	uint32		i;

	for (side = 0; side < 2; side++)
	{
		bool	   *by_id = *sides[side];
		bool	   *by_item;

		if (by_id == NULL)
			continue;
		by_item = MemoryContextAllocHuge(CurrentMemoryContext, Max(nitems, 1));
		for (i = 0; i < nitems; i++)
			by_item[i] = by_id[encoded->dict_id[i]];
		*sides[side] = by_item;
	}
	if (lists->options->hierarchy)
		make_conflicts(lists, encoded);
}

/* May a rule have these items, with those at the positions rhs[], ascending, right? */
bool
item_lists_allow(const ItemLists *lists, const uint32 *items, uint32 length,
				 const uint32 *rhs, uint32 nrhs)
{
	uint32		next = 0;
	uint32		i;

	if (lists->on_lhs == NULL && lists->on_rhs == NULL)
		return true;
	for (i = 0; i < length; i++)
	{
		bool		right = next < nrhs && rhs[next] == i;
		const bool *allowed = right ? lists->on_rhs : lists->on_lhs;

		next += right;
		if (allowed && !allowed[items[i]])
			return false;
	}
	return true;
}
