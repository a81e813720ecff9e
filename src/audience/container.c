/*-------------------------------------------------------------------------
 *
 * container.c
 *		The algebra of two containers.
 *
 * Intersection has a kernel for each pair of kinds, since counts of
 * all four operations follow from it.  The other three share two ways: a
 * merge, where both sides are lists, and bits, where at least one side is.
 * Results are correct sets but not yet in the one form that is stored:
 * builder_add() chooses that.
 *
 * Counting goes through the server's pg_popcount(), which picks the processor's
 * instruction at run time and is fast on aligned memory only: hence the
 * copies into aligned buffers.
 *
 *-------------------------------------------------------------------------
 */
#include "audience/audience.h"

/* Two arrays of fewer places than this together are merged, others go through bits. */
#define MERGE_MAX 512

/* ---- bits ---- */

/* Masks of the places in a byte from, and up to, v. */
#define byte_from(v) ((unsigned char) (0xFF << ((v) & 7)))
#define byte_upto(v) ((unsigned char) (0xFF >> (7 - ((v) & 7))))

void
bits_set_range(unsigned char *bits, uint32 first, uint32 last)
{
	uint32		f = first >> 3;
	uint32		l = last >> 3;

	if (f == l)
	{
		bits[f] |= byte_from(first) & byte_upto(last);
		return;
	}
	bits[f] |= byte_from(first);
	memset(bits + f + 1, 0xFF, l - f - 1);
	bits[l] |= byte_upto(last);
}

static void
bits_clear_range(unsigned char *bits, uint32 first, uint32 last)
{
	uint32		f = first >> 3;
	uint32		l = last >> 3;

	if (f == l)
	{
		bits[f] &= ~(byte_from(first) & byte_upto(last));
		return;
	}
	bits[f] &= ~byte_from(first);
	memset(bits + f + 1, 0, l - f - 1);
	bits[l] &= ~byte_upto(last);
}

static void
bits_flip_range(unsigned char *bits, uint32 first, uint32 last)
{
	uint32		f = first >> 3;
	uint32		l = last >> 3;
	uint32		i;

	if (f == l)
	{
		bits[f] ^= byte_from(first) & byte_upto(last);
		return;
	}
	bits[f] ^= byte_from(first);
	for (i = f + 1; i < l; i++)
		bits[i] ^= 0xFF;
	bits[l] ^= byte_upto(last);
}

/* Number of bits set in nbytes bytes, aligned or not. */
uint32
bits_count(const unsigned char *bits, uint32 nbytes)
{
	uint64		aligned[128];
	uint32		count = 0;

	if (((uintptr_t) bits & 7) == 0)
		return (uint32) pg_popcount((const char *) bits, (int) nbytes);
	while (nbytes > 0)
	{
		uint32		n = Min(nbytes, (uint32) sizeof(aligned));

		memcpy(aligned, bits, n);
		count += (uint32) pg_popcount((const char *) aligned, (int) n);
		bits += n;
		nbytes -= n;
	}
	return count;
}

static uint32
bits_count_range(const unsigned char *bits, uint32 first, uint32 last)
{
	uint32		f = first >> 3;
	uint32		l = last >> 3;

	if (f == l)
		return pg_number_of_ones[bits[f] & byte_from(first) & byte_upto(last)];
	return pg_number_of_ones[bits[f] & byte_from(first)] +
		bits_count(bits + f + 1, l - f - 1) +
		pg_number_of_ones[bits[l] & byte_upto(last)];
}

/* Writes the places that are set; returns how many. */
uint32
bits_extract(const unsigned char *bits, unsigned char *places)
{
	unsigned char *out = places;
	uint32		i;

	for (i = 0; i < CONTAINER_BYTES; i += 8)
	{
		uint64		word = get64(bits + i);

		while (word != 0)
		{
			put16(out, (uint16) (i * 8 + pg_rightmost_one_pos64(word)));
			out += 2;
			word &= word - 1;
		}
	}
	return (uint32) ((out - places) / 2);
}

/* The loops over a whole container are written so that compilers vectorize them. */
static void
bits_combine(AudienceOp op, const unsigned char *a, const unsigned char *b, unsigned char *out)
{
	int			i;

#define COMBINE(expression) \
	for (i = 0; i < CONTAINER_BYTES; i += 8) \
	{ \
		uint64		x; \
		uint64		y; \
		memcpy(&x, a + i, 8); \
		memcpy(&y, b + i, 8); \
		x = expression; \
		memcpy(out + i, &x, 8); \
	}

	switch (op)
	{
		case AUDIENCE_AND:
			COMBINE(x & y);
			break;
		case AUDIENCE_OR:
			COMBINE(x | y);
			break;
		case AUDIENCE_XOR:
			COMBINE(x ^ y);
			break;
		case AUDIENCE_ANDNOT:
			COMBINE(x & ~y);
			break;
	}
}

/* Adds the places of a container to bits. */
void
container_or_into_bits(const Container *c, unsigned char *bits)
{
	uint32		i;

	switch (c->kind)
	{
		case CONTAINER_ARRAY:
			for (i = 0; i < c->card; i++)
				bits_set(bits, get16(c->data + 2 * i));
			break;
		case CONTAINER_BITS:
			bits_combine(AUDIENCE_OR, bits, c->data, bits);
			break;
		case CONTAINER_RUNS:
			for (i = 0; i < c->nruns; i++)
				bits_set_range(bits, run_first(c, i), run_last(c, i));
			break;
	}
}

/* All places, ascending, as numbers of this machine; room for card of them.  Returns card. */
uint32
container_places(const Container *c, uint16 *places)
{
	uint16	   *start = places;
	uint32		i;

	switch (c->kind)
	{
		case CONTAINER_ARRAY:
			for (i = 0; i < c->card; i++)
				*places++ = get16(c->data + 2 * i);
			break;
		case CONTAINER_BITS:
			for (i = 0; i < CONTAINER_BYTES; i += 8)
			{
				uint64		word = get64(c->data + i);

				for (; word != 0; word &= word - 1)
					*places++ = (uint16) (i * 8 + pg_rightmost_one_pos64(word));
			}
			break;
		case CONTAINER_RUNS:
			for (i = 0; i < c->nruns; i++)
			{
				uint32		last = run_last(c, i);
				uint32		v;

				for (v = run_first(c, i); v <= last; v++)
					*places++ = (uint16) v;
			}
			break;
	}
	return (uint32) (places - start);
}

/* ---- single places ---- */

/* First position at or after from whose place is >= v, searched outward from there. */
static uint32
array_search(const Container *c, uint32 from, uint32 v)
{
	uint32		step = 1;
	uint32		low = from;
	uint32		high = from;

	while (high < c->card && get16(c->data + 2 * high) < v)
	{
		low = high + 1;
		high += step;
		step *= 2;
	}
	high = Min(high, c->card);
	while (low < high)
	{
		uint32		middle = (low + high) / 2;

		if (get16(c->data + 2 * middle) < v)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Number of runs that start at or before v. */
static uint32
runs_search(const Container *c, uint32 v)
{
	uint32		low = 0;
	uint32		high = c->nruns;

	while (low < high)
	{
		uint32		middle = (low + high) / 2;

		if (run_first(c, middle) <= v)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool
container_contains(const Container *c, uint32 v)
{
	uint32		i;

	switch (c->kind)
	{
		case CONTAINER_BITS:
			return bits_test(c->data, v);
		case CONTAINER_ARRAY:
			i = array_search(c, 0, v);
			return i < c->card && get16(c->data + 2 * i) == v;
		case CONTAINER_RUNS:
			i = runs_search(c, v);
			return i > 0 && v <= run_last(c, i - 1);
	}
	return false;
}

/* Number of places at or below v. */
uint32
container_rank(const Container *c, uint32 v)
{
	uint32		rank = 0;
	uint32		i;

	switch (c->kind)
	{
		case CONTAINER_BITS:
			return bits_count_range(c->data, 0, v);
		case CONTAINER_ARRAY:
			return array_search(c, 0, v + 1);
		case CONTAINER_RUNS:
			for (i = 0; i < c->nruns && run_first(c, i) <= v; i++)
				rank += Min(run_last(c, i), v) - run_first(c, i) + 1;
			return rank;
	}
	return 0;
}

/* The place with n places before it; n < card. */
uint32
container_nth(const Container *c, uint32 n)
{
	uint32		i;

	Assert(n < c->card);
	switch (c->kind)
	{
		case CONTAINER_ARRAY:
			return get16(c->data + 2 * n);
		case CONTAINER_BITS:
			for (i = 0;; i += 8)
			{
				uint64		word = get64(c->data + i);
				uint32		count = (uint32) pg_popcount64(word);

				if (n >= count)
				{
					n -= count;
					continue;
				}
				while (n-- > 0)
					word &= word - 1;
				return i * 8 + (uint32) pg_rightmost_one_pos64(word);
			}
		case CONTAINER_RUNS:
			for (i = 0;; i++)
			{
				uint32		length = run_last(c, i) - run_first(c, i) + 1;

				if (n < length)
					return run_first(c, i) + n;
				n -= length;
			}
	}
	return 0;
}

/* ---- intersection ---- */

/* What the kernels return in result, when the caller wants one. */
static uint32
give(Container *result, Scratch *out, ContainerKind kind, uint32 card, uint32 nruns)
{
	if (result != NULL)
	{
		result->kind = kind;
		result->card = card;
		result->nruns = nruns;
		result->data = out->bytes;
	}
	return card;
}

/* Places of an array that are (want) or are not (!want) among bits. */
static uint32
filter_array_bits(const Container *a, const Container *b, bool want, Container *result, Scratch *out)
{
	uint32		n = 0;
	uint32		i;

	if (result == NULL)
	{
		for (i = 0; i < a->card; i++)
			n += bits_test(b->data, get16(a->data + 2 * i));
		return want ? n : a->card - n;
	}
	for (i = 0; i < a->card; i++)
	{
		uint16		v = get16(a->data + 2 * i);

		put16(out->bytes + 2 * n, v);
		n += bits_test(b->data, v) == want;
	}
	return give(result, out, CONTAINER_ARRAY, n, 0);
}

/* Looks each place of the short array up in the long one, without branches on the data. */
static uint32
and_by_search(const Container *a, const Container *b, Container *result, Scratch *out)
{
	const unsigned char *base = b->data;
	const unsigned char *end = b->data + 2 * b->card;
	uint32		n = 0;
	uint32		i;

	for (i = 0; i < a->card && base < end; i++)
	{
		uint16		v = get16(a->data + 2 * i);
		uint32		length = (uint32) ((end - base) / 2);

		while (length > 1)
		{
			uint32		half = length / 2;

			base += get16(base + 2 * half - 2) < v ? 2 * half : 0;
			length -= half;
		}
		if (result != NULL)
			put16(out->bytes + 2 * n, v);
		n += get16(base) == v;
		base += get16(base) < v ? 2 : 0;
	}
	return give(result, out, CONTAINER_ARRAY, n, 0);
}

static uint32
and_array_array(const Container *a, const Container *b, Container *result, Scratch *out)
{
	uint32		i = 0;
	uint32		j = 0;
	uint32		n = 0;
	bool		merge;

	if (a->card > b->card)
	{
		const Container *swap = a;

		a = b;
		b = swap;
	}
	/* a step of a search costs what a step of a merge does, and four places set as bits */
	merge = a->card + b->card < MERGE_MAX;
	if ((merge ? 1 : 4) * a->card * (pg_leftmost_one_pos32(b->card | 1) + 1) < a->card + b->card)
		return and_by_search(a, b, result, out);
	if (!merge)
	{
		uint64		bits[CONTAINER_BYTES / sizeof(uint64)] = {0};
		Container	c = {CONTAINER_BITS, b->card, 0, (unsigned char *) bits};

		container_or_into_bits(b, (unsigned char *) bits);
		return filter_array_bits(a, &c, true, result, out);
	}

	/* without branches on the data: which side advances cannot be predicted */
	while (i < a->card && j < b->card)
	{
		uint16		v = get16(a->data + 2 * i);
		uint16		w = get16(b->data + 2 * j);

		if (result != NULL)
			put16(out->bytes + 2 * n, v);
		n += v == w;
		i += v <= w;
		j += w <= v;
	}
	return give(result, out, CONTAINER_ARRAY, n, 0);
}

static uint32
and_array_runs(const Container *a, const Container *b, Container *result, Scratch *out)
{
	uint32		n = 0;
	uint32		i = 0;
	uint32		r;

	for (r = 0; r < b->nruns && i < a->card; r++)
	{
		uint32		last = run_last(b, r);

		i = array_search(a, i, run_first(b, r));
		for (; i < a->card && get16(a->data + 2 * i) <= last; i++)
		{
			if (result != NULL)
				memcpy(out->bytes + 2 * n, a->data + 2 * i, 2);
			n++;
		}
	}
	return give(result, out, CONTAINER_ARRAY, n, 0);
}

static uint32
and_bits_runs(const Container *a, const Container *b, Container *result, Scratch *out)
{
	uint32		n = 0;
	uint32		r;

	if (result == NULL)
	{
		for (r = 0; r < b->nruns; r++)
			n += bits_count_range(a->data, run_first(b, r), run_last(b, r));
		return n;
	}
	memset(out->bytes, 0, CONTAINER_BYTES);
	container_or_into_bits(b, out->bytes);
	bits_combine(AUDIENCE_AND, a->data, out->bytes, out->bytes);
	return give(result, out, CONTAINER_BITS, bits_count(out->bytes, CONTAINER_BYTES), 0);
}

static uint32
and_runs_runs(const Container *a, const Container *b, Container *result, Scratch *out)
{
	uint32		i = 0;
	uint32		j = 0;
	uint32		n = 0;
	uint32		card = 0;

	while (i < a->nruns && j < b->nruns)
	{
		uint32		first = Max(run_first(a, i), run_first(b, j));
		uint32		alast = run_last(a, i);
		uint32		blast = run_last(b, j);
		uint32		last = Min(alast, blast);

		if (first <= last)
		{
			if (result != NULL)
			{
				put16(out->bytes + 4 * n, (uint16) first);
				put16(out->bytes + 4 * n + 2, (uint16) (last - first));
			}
			n++;
			card += last - first + 1;
		}
		i += alast <= blast;
		j += blast <= alast;
	}
	return give(result, out, CONTAINER_RUNS, card, n);
}

/*
 * Intersection.  Returns the number of places; result may be NULL if that is
 * all that is wanted, out is needed either way.  Neither side may live in out.
 */
uint32
container_and(const Container *a, const Container *b, Container *result, Scratch *out)
{
	if (a->kind > b->kind)
	{
		const Container *swap = a;

		a = b;
		b = swap;
	}
	if (a->kind == CONTAINER_ARRAY)
	{
		if (b->kind == CONTAINER_ARRAY)
			return and_array_array(a, b, result, out);
		if (b->kind == CONTAINER_BITS)
			return filter_array_bits(a, b, true, result, out);
		return and_array_runs(a, b, result, out);
	}
	if (a->kind == CONTAINER_RUNS)
		return and_runs_runs(a, b, result, out);
	if (b->kind == CONTAINER_RUNS)
		return and_bits_runs(a, b, result, out);
	bits_combine(AUDIENCE_AND, a->data, b->data, out->bytes);
	return give(result, out, CONTAINER_BITS, bits_count(out->bytes, CONTAINER_BYTES), 0);
}

/* ---- union, symmetric difference, difference ---- */

/* Two arrays: both, left and right say which places are kept. */
static void
merge_arrays(AudienceOp op, const Container *a, const Container *b, Container *result, Scratch *out)
{
	bool		both = op == AUDIENCE_OR;
	bool		right = op != AUDIENCE_ANDNOT;
	uint32		i = 0;
	uint32		j = 0;
	uint32		n = 0;

	while (i < a->card && j < b->card)
	{
		uint16		v = get16(a->data + 2 * i);
		uint16		w = get16(b->data + 2 * j);

		put16(out->bytes + 2 * n, Min(v, w));
		n += v == w ? both : v < w ? true : right;
		i += v <= w;
		j += w <= v;
	}
	memcpy(out->bytes + 2 * n, a->data + 2 * i, 2 * (a->card - i));
	n += a->card - i;
	if (right)
	{
		memcpy(out->bytes + 2 * n, b->data + 2 * j, 2 * (b->card - j));
		n += b->card - j;
	}
	give(result, out, CONTAINER_ARRAY, n, 0);
}

/* Reads an array or runs as a sequence of borders: first, last + 1, first, ... */
typedef struct Borders
{
	const Container *c;
	uint32		i;				/* run or place */
	bool		inside;			/* the next border is an end */
	uint32		at;				/* the next border; CONTAINER_IDS + 1 at the end */
} Borders;

static void
borders_read(Borders *b)
{
	const Container *c = b->c;
	uint32		n = c->kind == CONTAINER_RUNS ? c->nruns : c->card;

	if (b->i >= n)
		b->at = CONTAINER_IDS + 1;
	else if (c->kind == CONTAINER_RUNS)
		b->at = b->inside ? run_last(c, b->i) + 1 : run_first(c, b->i);
	else
		b->at = get16(c->data + 2 * b->i) + (b->inside ? 1 : 0);
}

static void
borders_start(Borders *b, const Container *c)
{
	b->c = c;
	b->i = 0;
	b->inside = false;
	borders_read(b);
}

static void
borders_next(Borders *b)
{
	if (b->inside)
		b->i++;
	b->inside = !b->inside;
	borders_read(b);
}

/*
 * Arrays and runs mixed: sweep over the borders of both sides.  Neighbouring
 * places of an array meet in a border of length zero, which disappears since
 * the output only changes where the state after all borders at a point differs.
 */
static void
merge_runs(AudienceOp op, const Container *a, const Container *b, Container *result, Scratch *out)
{
	Borders		x;
	Borders		y;
	bool		open = false;
	uint32		first = 0;
	uint32		card = 0;
	uint32		n = 0;

	borders_start(&x, a);
	borders_start(&y, b);
	for (;;)
	{
		uint32		at = Min(x.at, y.at);
		bool		in;

		if (at > CONTAINER_IDS)
			break;
		while (x.at == at)
			borders_next(&x);
		while (y.at == at)
			borders_next(&y);
		in = op == AUDIENCE_OR ? x.inside || y.inside :
			op == AUDIENCE_XOR ? x.inside != y.inside : x.inside && !y.inside;
		if (in && !open)
			first = at;
		else if (!in && open)
		{
			put16(out->bytes + 4 * n, (uint16) first);
			put16(out->bytes + 4 * n + 2, (uint16) (at - 1 - first));
			card += at - first;
			n++;
		}
		open = in;
	}
	give(result, out, CONTAINER_RUNS, card, n);
}

/* At least one side has bits: b is applied to a copy of a. */
static void
merge_bits(AudienceOp op, const Container *a, const Container *b, Container *result, Scratch *out)
{
	unsigned char *bits = out->bytes;
	uint32		i;

	if (a->kind == CONTAINER_BITS && b->kind == CONTAINER_BITS)
		bits_combine(op, a->data, b->data, bits);
	else
	{
		if (a->kind != CONTAINER_BITS && op != AUDIENCE_ANDNOT)
		{
			const Container *swap = a;

			a = b;
			b = swap;
		}
		if (a->kind == CONTAINER_BITS)
			memcpy(bits, a->data, CONTAINER_BYTES);
		else
		{
			memset(bits, 0, CONTAINER_BYTES);
			container_or_into_bits(a, bits);
		}
		if (b->kind == CONTAINER_BITS)
			bits_combine(op, bits, b->data, bits);
		else if (op == AUDIENCE_OR)
			container_or_into_bits(b, bits);
		else
		{
			uint32		n = b->kind == CONTAINER_RUNS ? b->nruns : b->card;

			for (i = 0; i < n; i++)
			{
				uint32		first = b->kind == CONTAINER_RUNS ? run_first(b, i) : get16(b->data + 2 * i);
				uint32		last = b->kind == CONTAINER_RUNS ? run_last(b, i) : first;

				if (op == AUDIENCE_XOR)
					bits_flip_range(bits, first, last);
				else
					bits_clear_range(bits, first, last);
			}
		}
	}
	give(result, out, CONTAINER_BITS, bits_count(bits, CONTAINER_BYTES), 0);
}

/* Any operation on two containers in stored form.  Neither side may live in out. */
void
container_op(AudienceOp op, const Container *a, const Container *b, Container *result, Scratch *out)
{
	if (op == AUDIENCE_AND)
		container_and(a, b, result, out);
	else if (a->kind == CONTAINER_ARRAY && b->kind == CONTAINER_ARRAY)
		merge_arrays(op, a, b, result, out);
	else if (a->kind == CONTAINER_ARRAY && b->kind == CONTAINER_BITS && op == AUDIENCE_ANDNOT)
		filter_array_bits(a, b, false, result, out);
	else if (a->kind != CONTAINER_BITS && b->kind != CONTAINER_BITS)
		merge_runs(op, a, b, result, out);
	else
		merge_bits(op, a, b, result, out);
}
