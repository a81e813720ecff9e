/*-------------------------------------------------------------------------
 *
 * ids.c
 *		Numbers of users and items while interactions are collected.
 *
 * Values of any type get numbers from a dictionary (core/iddict.c), which costs
 * a look into a table of megabytes for each row.  Integers get along without
 * it as long as all are within 32 bits of the first: their number is their
 * distance from an origin.  When all rows are there a bitmap of what has
 * occurred turns distances into dense numbers in the order of values:
 *
 *		ids_put		distances, or numbers of the dictionary
 *		ids_settle	the same entries with dense numbers, of users and items
 *		ids_hash	the same with numbers of the dictionary: where an integer is
 *					too far away, and for partial states of aggregates
 *
 * A bitmap of a million integers fits into a processor's cache, and where nearly
 * all of them occur as items not even values have to be kept.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "port/pg_bitutils.h"

#include "utils/lsyscache.h"

#include "core/aggregate.h"
#include "similarity/engine.h"

/* Integers are this far apart at most, for each interaction, or they are hashed. */
#define SPARSE 32

/* Starts to number values of a dictionary's type. */
void
ids_init(Ids *ids, IdDict *dict)
{
	ids->dict = dict;
	ids->typlen = get_typlen(iddict_type(dict));
	ids->distances = iddict_is_integer(dict);
	ids->least = PG_UINT32_MAX;
	ids->greatest = 0;
}

static inline int64
integer_of(const Ids *ids, Datum value)
{
	return ids->typlen == 4 ? DatumGetInt32(value) : ids->typlen == 8 ? DatumGetInt64(value) :
		DatumGetInt16(value);
}

static void
spill_interactions(SimilarityBuild *build)
{
	triples_spill(build->targets.triples);
	if (build->sources != &build->targets)
		triples_spill(build->sources->triples);
}

/*
 * Makes room for what ids are about to take, or throws.  Interactions can wait in
 * their files: they get half of what ids leave.
 */
static void
make_room(void *arg, Size more)
{
	SimilarityBuild *build = (SimilarityBuild *) arg;
	Size		limit = similarity_memory_limit();
	Size		used = MemoryContextMemAllocated(build->cxt, true) + more;

	if (used <= limit)
		return;
	spill_interactions(build);
	used = MemoryContextMemAllocated(build->cxt, true) + more;
	check_state_memory(used, "ids of users and items");
	triples_limit(build->targets.triples, (limit - used) / 2);
	if (build->sources != &build->targets)
		triples_limit(build->sources->triples, (limit - used) / 4);
}

/* Numbers of values; false, and nothing done, where they have to be hashed from now on. */
bool
ids_put(Ids *ids, const Datum *values, uint32 *numbers, int count)
{
	uint32		least = ids->least;
	uint32		greatest = ids->greatest;
	int			i;

	if (ids->hashed)
	{
		iddict_put_many(ids->dict, values, numbers, count);
		return true;
	}
	if (!ids->distances)
		return false;
	if (least > greatest && count > 0)
		ids->origin = Max(integer_of(ids, values[0]), PG_INT64_MIN + PG_INT32_MAX) - PG_INT32_MAX;
	for (i = 0; i < count; i++)
	{
		int64		value = integer_of(ids, values[i]);
		uint64		distance = (uint64) value - (uint64) ids->origin;

		if (value < ids->origin || distance > PG_UINT32_MAX)
			return false;
		numbers[i] = (uint32) distance;
		least = Min(least, numbers[i]);
		greatest = Max(greatest, numbers[i]);
	}
	ids->least = least;
	ids->greatest = greatest;
	return true;
}

/* What is done to the numbers of entries; NULL for ids whose numbers are left alone. */
typedef struct Renumbering
{
	void		(*numbers) (Ids *ids, uint32 *numbers, Size count);
	Ids		   *users;
	Ids		   *items;
} Renumbering;

static void
renumber_entries(void *arg, uint32 *rows, uint32 *cols, Size count)
{
	const Renumbering *renumbering = arg;

	if (renumbering->users)
		renumbering->numbers(renumbering->users, rows, count);
	if (renumbering->items)
		renumbering->numbers(renumbering->items, cols, count);
}

static void
hash_numbers(Ids *ids, uint32 *numbers, Size count)
{
	Datum		values[PENDING];
	Size		start;
	int			i;

	for (start = 0; start < count; start += PENDING)
	{
		int			n = (int) Min(count - start, PENDING);

		for (i = 0; i < n; i++)
			values[i] = (Datum) (ids->origin + numbers[start + i]);
		iddict_put_many(ids->dict, values, numbers + start, n);
	}
}

/* Puts what was numbered by distances so far into the dictionary, which numbers all from now on. */
void
ids_hash(SimilarityBuild *build, Ids *ids)
{
	bool		users = ids == &build->users;
	Renumbering renumbering = {hash_numbers, users ? ids : NULL, users ? NULL : ids};

	if (ids->hashed)
		return;
	ids->hashed = true;
	iddict_watch(ids->dict, make_room, build);
	if (!ids->distances)
		return;
	/* what is in memory cannot leave while it is being numbered */
	if (MemoryContextMemAllocated(build->cxt, true) > similarity_memory_limit() / 8)
		spill_interactions(build);
	if (users || ids == &build->targets.ids)
		triples_renumber(&build->targets.triples, renumber_entries, &renumbering);
	if (build->sources != &build->targets && (users || ids == &build->sources->ids))
		triples_renumber(&build->sources->triples, renumber_entries, &renumbering);
	ids->distances = false;
}

void
ids_hash_all(SimilarityBuild *build)
{
	ids_hash(build, &build->users);
	ids_hash(build, &build->targets.ids);
	ids_hash(build, &build->sources->ids);
}

/* Starts a bitmap of distances; it is hashed where that would be too large. */
static void
begin_bitmap(SimilarityBuild *build, Ids *ids, uint64 interactions)
{
	uint64		span = ids->least > ids->greatest ? 1 : (uint64) ids->greatest - ids->least + 1;
	uint64		size = (span + 63) / 64 * (sizeof(uint64) + sizeof(uint32));

	if (ids->distances && (span / SPARSE > interactions || size > similarity_memory_limit() / 2))
		ids_hash(build, ids);
	if (ids->distances)
		make_room(build, size);
	if (ids->distances)
	{
		ids->nwords = (span + 63) / 64;
		ids->bits = MemoryContextAllocExtended(build->cxt, ids->nwords * sizeof(uint64),
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	}
}

static void
mark_numbers(Ids *ids, uint32 *numbers, Size count)
{
	Size		i;

	for (i = 0; i < count; i++)
	{
		uint32		distance = numbers[i] - ids->least;

		ids->bits[distance >> 6] |= UINT64CONST(1) << (distance & 63);
	}
}

/* Counts what is in the bitmap: from now on distances are ranks. */
static void
end_bitmap(SimilarityBuild *build, Ids *ids)
{
	Size		word;

	ids->count = 0;
	ids->ranks = MemoryContextAllocHuge(build->cxt, ids->nwords * sizeof(uint32));
	for (word = 0; word < ids->nwords; word++)
	{
		if ((word & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		ids->ranks[word] = ids->count;
		ids->count += pg_popcount64(ids->bits[word]);
	}
}

/*
 * The dictionary gets the items; numbers may have a few gaps, so that it need not
 * keep them.  Not where numbers are to be those of partial states, which have no
 * gaps: where they decide on samples, or on how items are numbered in the end.
 */
static void
fill_dict(SimilarityBuild *build, Ids *ids)
{
	const SimilarityOptions *options = &build->options;
	bool		samples = options->max_per_user > 0 || options->max_per_item > 0 || options->tune;
	uint64		span = (uint64) ids->greatest - ids->least + 1;
	int64		first = ids->origin + ids->least;

	if (ids->count > 0 && span - span / 5 <= ids->count &&
		score_rank_bits((uint32) span) == score_rank_bits(ids->count) &&
		(span <= MANY_ITEMS || (ids->count > MANY_ITEMS && (!samples || span == ids->count))))
	{
		pfree(ids->ranks);
		ids->ranks = NULL;
		ids->count = (uint32) span;
		iddict_fill(ids->dict, first, ids->count, NULL);
	}
	else
	{
		make_room(build, (Size) ids->count * sizeof(Datum));
		iddict_fill(ids->dict, first, ids->count, ids->bits);
	}
}

static void
rank_numbers(Ids *ids, uint32 *numbers, Size count)
{
	Size		i;

	for (i = 0; i < count; i++)
	{
		uint32		distance = numbers[i] - ids->least;
		uint64		below = (UINT64CONST(1) << (distance & 63)) - 1;

		numbers[i] = ids->ranks ?
			ids->ranks[distance >> 6] + pg_popcount64(ids->bits[distance >> 6] & below) : distance;
	}
}

static void
free_bitmap(Ids *ids)
{
	if (!ids->distances)
		return;
	pfree(ids->bits);
	if (ids->ranks)
		pfree(ids->ranks);
	ids->distances = false;
}

/*
 * Gives all entries their last numbers.  Users have dense ones, and their values
 * are forgotten, as nobody will ask for them.
 */
void
ids_settle(SimilarityBuild *build)
{
	Side	   *sides[2] = {&build->targets, build->sources};
	Ids		   *users = &build->users;
	int			nsides = sides[0] == sides[1] ? 1 : 2;
	uint64		interactions = 1;
	int			i;

	for (i = 0; i < nsides; i++)
		interactions += triples_count(sides[i]->triples);
	begin_bitmap(build, users, interactions);
	for (i = 0; i < nsides; i++)
	{
		Ids		   *items = &sides[i]->ids;
		Renumbering renumbering = {mark_numbers, users->distances ? users : NULL};

		begin_bitmap(build, items, interactions);
		renumbering.items = items->distances ? items : NULL;
		if (users->distances || items->distances)
			triples_visit(sides[i]->triples, renumber_entries, &renumbering);
		if (items->distances)
		{
			end_bitmap(build, items);
			fill_dict(build, items);
		}
	}
	if (users->distances)
		end_bitmap(build, users);
	else
		users->count = iddict_count(users->dict);
	for (i = 0; i < nsides; i++)
	{
		Ids		   *items = &sides[i]->ids;
		Renumbering renumbering = {rank_numbers, users->distances ? users : NULL,
		items->distances ? items : NULL};

		if (users->distances || items->distances)
			triples_renumber(&sides[i]->triples, renumber_entries, &renumbering);
		free_bitmap(items);
	}
	free_bitmap(users);
	iddict_free(users->dict);
	users->dict = NULL;
}
