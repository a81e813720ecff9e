/*-------------------------------------------------------------------------
 *
 * radixsort.h
 *		Template: sorts elements by an unsigned key, digit by digit, which calls
 *		no function and takes a few nanoseconds an element and digit.
 *
 * Before it is included are to be defined:
 *		RADIX_SORT		name of the function
 *		RADIX_ELEMENT	type of the elements
 *		RADIX_KEY(e)	the key of one, a uint64
 *
 *		static RADIX_ELEMENT *RADIX_SORT(RADIX_ELEMENT *from, RADIX_ELEMENT *to,
 *										 Size n, int low, int high)
 *
 * sorts by the bits from low to high - 1 at least, those from low on in pieces of
 * RADIX_BITS; to is memory for as many.  The result is in one of the two: where
 * the pointer returned shows.  Elements with the same bits stay in their order.
 *
 *-------------------------------------------------------------------------
 */
#define RADIX_BITS 11
#define RADIX_DIGITS (1 << RADIX_BITS)

static RADIX_ELEMENT *
RADIX_SORT(RADIX_ELEMENT *from, RADIX_ELEMENT *to, Size n, int low, int high)
{
	Size		next[RADIX_DIGITS];
	int			shift;
	Size		i;

#define RADIX_DIGIT(e) (RADIX_KEY(e) >> shift & (RADIX_DIGITS - 1))
	for (shift = low; n > 0 && shift < high; shift += RADIX_BITS)
	{
		RADIX_ELEMENT *swap = from;
		Size		place = 0;

		memset(next, 0, sizeof(next));
		for (i = 0; i < n; i++)
		{
			if ((i & 0xffff) == 0)
				CHECK_FOR_INTERRUPTS();
			next[RADIX_DIGIT(from[i])]++;
		}
		if (next[RADIX_DIGIT(from[0])] == n)
			continue;
		for (i = 0; i < RADIX_DIGITS; i++)
		{
			Size		count = next[i];

			next[i] = place;
			place += count;
		}
		for (i = 0; i < n; i++)
		{
			if ((i & 0xffff) == 0)
				CHECK_FOR_INTERRUPTS();
			to[next[RADIX_DIGIT(from[i])]++] = from[i];
		}
		from = to;
		to = swap;
	}
#undef RADIX_DIGIT
	return from;
}

#undef RADIX_SORT
#undef RADIX_ELEMENT
#undef RADIX_KEY
