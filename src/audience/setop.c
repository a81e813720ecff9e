/*-------------------------------------------------------------------------
 *
 * setop.c
 *		The algebra of whole audiences.
 *
 * Both sides are walked in the order of keys.  Intersections seek, so that the
 * cost follows the smaller side.  Counts build nothing; those of union and
 * differences follow from that of the intersection.
 *
 *-------------------------------------------------------------------------
 */
#include "audience/audience.h"

Audience *
audience_setop(AudienceOp op, const Audience *a, const Audience *b)
{
	AudienceBuilder builder;
	AudienceCursor x;
	AudienceCursor y;
	Scratch		scratch;
	Container	result;

	builder_start(&builder);
	cursor_start(&x, a);
	cursor_start(&y, b);
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (op == AUDIENCE_AND)
		{
			while (!x.done && !y.done && x.key != y.key)
			{
				if (x.key < y.key)
					cursor_seek(&x, y.key);
				else
					cursor_seek(&y, x.key);
			}
			if (x.done || y.done)
				break;
		}
		else if (x.done && (y.done || op == AUDIENCE_ANDNOT))
			break;

		if (!x.done && (y.done || x.key < y.key))
		{
			builder_copy(&builder, x.key, &x.c);
			cursor_next(&x);
		}
		else if (x.done || y.key < x.key)
		{
			if (op == AUDIENCE_ANDNOT)
				cursor_seek(&y, x.key);
			else
			{
				builder_copy(&builder, y.key, &y.c);
				cursor_next(&y);
			}
		}
		else
		{
			container_op(op, &x.c, &y.c, &result, &scratch);
			builder_add(&builder, x.key, &result);
			cursor_next(&x);
			cursor_next(&y);
		}
	}
	return builder_finish(&builder);
}

/* Size of the intersection, or just whether there is one. */
static uint64
count_common(const Audience *a, const Audience *b, bool any)
{
	AudienceCursor x;
	AudienceCursor y;
	Scratch		scratch;
	uint64		count = 0;

	cursor_start(&x, a);
	cursor_start(&y, b);
	while (!x.done && !y.done)
	{
		CHECK_FOR_INTERRUPTS();
		if (x.key < y.key)
			cursor_seek(&x, y.key);
		else if (y.key < x.key)
			cursor_seek(&y, x.key);
		else
		{
			count += container_and(&x.c, &y.c, NULL, &scratch);
			if (any && count > 0)
				break;
			cursor_next(&x);
			cursor_next(&y);
		}
	}
	return count;
}

uint64
audience_and_card(const Audience *a, const Audience *b)
{
	return count_common(a, b, false);
}

/* Whether every id of b is in a. */
bool
audience_includes(const Audience *a, const Audience *b)
{
	AudienceCursor x;
	AudienceCursor y;
	Scratch		scratch;

	if (b->cardinality > a->cardinality)
		return false;
	cursor_start(&x, a);
	for (cursor_start(&y, b); !y.done; cursor_next(&y))
	{
		CHECK_FOR_INTERRUPTS();
		cursor_seek(&x, y.key);
		if (x.done || x.key != y.key ||
			container_and(&x.c, &y.c, NULL, &scratch) != y.c.card)
			return false;
	}
	return true;
}

bool
audience_disjoint(const Audience *a, const Audience *b)
{
	return count_common(a, b, true) == 0;
}

static int
compare_cardinality(const void *a, const void *b)
{
	uint64		x = (*(const Audience *const *) a)->cardinality;
	uint64		y = (*(const Audience *const *) b)->cardinality;

	return x < y ? -1 : x > y;
}

/*
 * Intersection of n >= 1 audiences, smallest first, container by container:
 * the intermediate results never leave the processor's cache.  builder may be
 * NULL if only the count is wanted.
 */
static uint64
intersect_many(const Audience **audiences, int n, AudienceBuilder *builder)
{
	const Audience **sorted = palloc(n * sizeof(Audience *));
	AudienceCursor *cursors = palloc(n * sizeof(AudienceCursor));
	Scratch    *scratch = palloc(2 * sizeof(Scratch));
	uint64		count = 0;
	int			i;

	memcpy(sorted, audiences, n * sizeof(Audience *));
	qsort(sorted, n, sizeof(Audience *), compare_cardinality);
	for (i = 0; i < n; i++)
		cursor_start(&cursors[i], sorted[i]);

	while (!cursors[0].done)
	{
		uint64		key = cursors[0].key;
		Container	c = cursors[0].c;
		bool		done = false;
		int			done_count;
		int			pass;

		CHECK_FOR_INTERRUPTS();
		for (i = 1; i < n; i++)
		{
			cursor_seek(&cursors[i], key);
			done = cursors[i].done;
			if (done || cursors[i].key != key)
				break;
		}
		if (done)
			break;
		if (i < n)
		{
			/* not in all of them: the first goes on where this one is */
			cursor_seek(&cursors[0], cursors[i].key);
			continue;
		}
		/* bits first: they shorten an array in one cheap look-up per place */
		done_count = 1;
		for (pass = 0; pass < 2; pass++)
		{
			for (i = 1; i < n && c.card > 0; i++)
			{
				bool		count_only = builder == NULL && done_count == n - 1;
				Container	result;

				if ((cursors[i].c.kind == CONTAINER_BITS) != (pass == 0))
					continue;
				result.card = container_and(&c, &cursors[i].c, count_only ? NULL : &result,
											&scratch[done_count & 1]);
				c = result;
				done_count++;
			}
		}
		count += c.card;
		if (builder != NULL)
			builder_add(builder, key, &c);
		cursor_next(&cursors[0]);
	}
	pfree(scratch);
	pfree(cursors);
	pfree(sorted);
	return count;
}

uint64
audience_and_card_many(const Audience **audiences, int n)
{
	return intersect_many(audiences, n, NULL);
}

Audience *
audience_and_many(const Audience **audiences, int n)
{
	AudienceBuilder builder;

	builder_start(&builder);
	intersect_many(audiences, n, &builder);
	return builder_finish(&builder);
}

/* The ids from..to, both included; none if from > to. */
Audience *
audience_between(const Audience *a, int64 from, int64 to)
{
	AudienceBuilder builder;
	AudienceCursor x;
	Scratch		scratch;

	builder_start(&builder);
	/* in the order of keys the ids of a range that holds -1 and 0 are at both ends */
	for (cursor_start(&x, a); !x.done; cursor_next(&x))
	{
		int64		first = make_id(x.key, 0);
		int64		last = make_id(x.key, 0xFFFF);
		unsigned char run[4];
		Container	mask;
		Container	result;

		CHECK_FOR_INTERRUPTS();
		if (from <= first && last <= to)
		{
			builder_copy(&builder, x.key, &x.c);
			continue;
		}
		if (last < from || first > to || from > to)
			continue;
		first = Max(first, from);
		last = Min(last, to);
		put16(run, (uint16) id_place(first));
		put16(run + 2, (uint16) (last - first));
		mask.kind = CONTAINER_RUNS;
		mask.card = (uint32) (last - first) + 1;
		mask.nruns = 1;
		mask.data = run;
		container_and(&x.c, &mask, &result, &scratch);
		builder_add(&builder, x.key, &result);
	}
	return builder_finish(&builder);
}
