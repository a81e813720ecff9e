/*-------------------------------------------------------------------------
 *
 * wide.c
 *		What takes most of the time of a row, by vectors of 512 bits.
 *
 *		wide_wanted			what columns have to be counted, as set_wanted() of product.c
 *		wide_score_...		scores of what was added up, as score_plainly() there
 *		wide_sort			the greatest 64 of many keys, as best.c finds them
 *
 * What is done there step by step this does for 8 at a time, where the processor
 * can: that is found out when it runs, and both give the same bits.
 *
 * To sort, 64 keys are 8 vectors.  A network puts the keys of each place of these in order,
 * and after a transposition each vector is in order; then two and two are merged,
 * as are the results (Batcher's bitonic merge): of one falling sequence and another
 * one turned round, the greater and the smaller ones of each place are bitonic, and
 * none of the smaller ones is above any of the greater ones.  Of more than 64 keys,
 * each 64 are put in order so, and merged with the best until then.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include "core/runsort.h"
#include "similarity/wide.h"

/* older compilers do not look whether the operating system saves such vectors */
#if defined(__x86_64__) && (defined(__clang__) || __GNUC__ >= 8)

#include <immintrin.h>

#define WIDE __attribute__((target("avx512f,popcnt")))
#define INLINE static inline WIDE __attribute__((always_inline))
#define VECTORS (WIDE_KEYS / WIDE_LANES)

/* The greater ones of each place go to a, the others to b. */
#define ORDER(a, b) \
	do { \
		__m512i		greater = _mm512_max_epu64(a, b); \
		b = _mm512_min_epu64(a, b); \
		a = greater; \
	} while (0)

/* The same within a vector: keys with those of partners, which get the smaller one where the mask has them. */
#define ORDER_WITHIN(a, partners, mask) \
	do { \
		__m512i		other = partners; \
		a = _mm512_mask_min_epu64(_mm512_max_epu64(a, other), mask, a, other); \
	} while (0)

/* Puts the keys of each place in order. */
INLINE void
order_places(__m512i *keys)
{
#define ORDER_VECTORS(a, b) ORDER(keys[a], keys[b])
	RUNSORT_NETWORK(ORDER_VECTORS);
#undef ORDER_VECTORS
}

/* Turns places into vectors: pairs of keys first, then pairs of pairs. */
INLINE void
transpose(__m512i *keys)
{
	__m512i		pairs[2][4];
	int			odd;
	int			i;

#pragma GCC unroll 8
	for (i = 0; i < 4; i++)
	{
		pairs[0][i] = _mm512_unpacklo_epi64(keys[2 * i], keys[2 * i + 1]);
		pairs[1][i] = _mm512_unpackhi_epi64(keys[2 * i], keys[2 * i + 1]);
	}
#pragma GCC unroll 8
	for (odd = 0; odd < 2; odd++)
	{
		__m512i		a = _mm512_shuffle_i64x2(pairs[odd][0], pairs[odd][1], 0x44);
		__m512i		b = _mm512_shuffle_i64x2(pairs[odd][0], pairs[odd][1], 0xee);
		__m512i		c = _mm512_shuffle_i64x2(pairs[odd][2], pairs[odd][3], 0x44);
		__m512i		d = _mm512_shuffle_i64x2(pairs[odd][2], pairs[odd][3], 0xee);

		keys[odd] = _mm512_shuffle_i64x2(a, c, 0x88);
		keys[2 + odd] = _mm512_shuffle_i64x2(a, c, 0xdd);
		keys[4 + odd] = _mm512_shuffle_i64x2(b, d, 0x88);
		keys[6 + odd] = _mm512_shuffle_i64x2(b, d, 0xdd);
	}
}

/* Puts a bitonic sequence of so many vectors, a power of two, in order. */
INLINE void
order_bitonic(__m512i *keys, int count)
{
	int			distance;
	int			i;

#pragma GCC unroll 8
	for (distance = count / 2; distance > 0; distance /= 2)
#pragma GCC unroll 8
		for (i = 0; i < count; i++)
			if ((i & distance) == 0)
				ORDER(keys[i], keys[i + distance]);
#pragma GCC unroll 8
	for (i = 0; i < count; i++)
	{
		ORDER_WITHIN(keys[i], _mm512_shuffle_i64x2(keys[i], keys[i], 0x4e), 0xf0);
		ORDER_WITHIN(keys[i], _mm512_permutex_epi64(keys[i], 0x4e), 0xcc);
		ORDER_WITHIN(keys[i], _mm512_permutex_epi64(keys[i], 0xb1), 0xaa);
	}
}

INLINE __m512i
turned_round(__m512i keys)
{
	return _mm512_permutexvar_epi64(_mm512_set_epi64(0, 1, 2, 3, 4, 5, 6, 7), keys);
}

/* Merges two sequences of so many vectors that lie side by side. */
INLINE void
merge(__m512i *keys, int count)
{
	__m512i		second[VECTORS / 2];
	int			i;

#pragma GCC unroll 8
	for (i = 0; i < count; i++)
		second[i] = turned_round(keys[2 * count - 1 - i]);
#pragma GCC unroll 8
	for (i = 0; i < count; i++)
	{
		keys[count + i] = _mm512_min_epu64(keys[i], second[i]);
		keys[i] = _mm512_max_epu64(keys[i], second[i]);
	}
	order_bitonic(keys, count);
	order_bitonic(keys + count, count);
}

INLINE void
load_in_order(const uint64 *from, __m512i *keys)
{
	int			i;

#pragma GCC unroll 8
	for (i = 0; i < VECTORS; i++)
		keys[i] = _mm512_loadu_si512(from + 8 * i);
	order_places(keys);
	transpose(keys);
#pragma GCC unroll 8
	for (i = 0; i < VECTORS; i += 2)
		merge(keys + i, 1);
#pragma GCC unroll 8
	for (i = 0; i < VECTORS; i += 4)
		merge(keys + i, 2);
	merge(keys, 4);
}

/*
 * Puts the greatest of so many keys, 64 at most, first and in falling order; there
 * has to be room for WIDE_ROOM(count), and what is behind them is lost.
 */
WIDE void
wide_sort(uint64 *keys, int count)
{
	__m512i		best[VECTORS];
	__m512i		other[VECTORS];
	int			i;
	int			k;

	memset(keys + count, 0, (WIDE_ROOM(count) - count) * sizeof(uint64));
	load_in_order(keys, best);
	for (k = WIDE_KEYS; k < count; k += WIDE_KEYS)
	{
		load_in_order(keys + k, other);
#pragma GCC unroll 8
		for (i = 0; i < VECTORS; i++)
			best[i] = _mm512_max_epu64(best[i], turned_round(other[VECTORS - 1 - i]));
		order_bitonic(best, VECTORS);
	}
#pragma GCC unroll 8
	for (i = 0; i < VECTORS; i++)
		_mm512_storeu_si512(keys + 8 * i, best[i]);
}

/* What scores of so many users are multiplied with. */
INLINE __m512d
shrinkage(const WideScore *how, __m512i counts)
{
	__mmask8	known = _mm512_cmplt_epu64_mask(counts, _mm512_set1_epi64(SHRINKS));
	__m512d		numbers;

	if (known == 0xff)
		return _mm512_i64gather_pd(counts, how->shrinks, sizeof(double));
	numbers = _mm512_cvtepu32_pd(_mm512_cvtepi64_epi32(counts));
	return _mm512_mask_i64gather_pd(_mm512_div_pd(numbers, _mm512_add_pd(numbers, _mm512_set1_pd(how->shrink))),
									known, counts, how->shrinks, sizeof(double));
}

/*
 * Appends the keys of some columns, of which sums were added up in so many steps, unless
 * they are not above the bound, or the item itself.
 */
INLINE int
append_keys(const WideScore *how, __m512d sums, __m512i counts, __m512i targets, uint32 lanes,
			uint64 *keys, int count)
{
	const __m512i mask = _mm512_set1_epi64((int64) how->rank_mask);
	const __m512i half = _mm512_set1_epi64((int64) (how->rank_mask / 2 + 1));
	__m512i		ranks = targets;
	__m512d		scores = _mm512_mul_pd(_mm512_mul_pd(sums, _mm512_set1_pd(how->factor)),
									   _mm512_i64gather_pd(targets, how->col_factor, sizeof(double)));
	__m512i		found;

	if (how->col_rank)
		ranks = _mm512_cvtepu32_epi64(_mm512_i64gather_epi32(targets, how->col_rank, sizeof(uint32)));
	if (how->shrink != 0)
		scores = _mm512_mul_pd(scores, shrinkage(how, counts));
	found = _mm512_andnot_epi64(mask, _mm512_add_epi64(_mm512_castpd_si512(scores), half));
	found = _mm512_or_epi64(found, _mm512_sub_epi64(mask, ranks));
	lanes &= _mm512_cmpgt_epu64_mask(found, _mm512_set1_epi64((int64) how->bound)) &
		_mm512_cmpneq_epi64_mask(targets, _mm512_set1_epi64(how->same));
	_mm512_storeu_si512(keys + count, _mm512_maskz_compress_epi64((__mmask8) lanes, found));
	return count + __builtin_popcount(lanes);
}

/* Those of the next vector, of so many that are left. */
INLINE uint32
lanes_of(uint32 left)
{
	return left < WIDE_LANES ? (1 << left) - 1 : (1 << WIDE_LANES) - 1;
}

/*
 * Appends the keys of so many cells; how many keys there are then.  There has to be room
 * for WIDE_LANES more, and as many cells behind the last are read: all 0.
 */
WIDE int
wide_score_cells(const WideScore *how, const Cell *cells, uint32 ncells, uint64 *keys, int count)
{
	const __m512i evens = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
	const __m512i odds = _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1);
	uint32		k;

	for (k = 0; k < ncells; k += WIDE_LANES)
	{
		__m512i		first = _mm512_loadu_si512(cells + k);
		__m512i		second = _mm512_loadu_si512(cells + k + WIDE_LANES / 2);
		__m512i		others = _mm512_permutex2var_epi64(first, odds, second);

		count = append_keys(how, _mm512_castsi512_pd(_mm512_permutex2var_epi64(first, evens, second)),
							_mm512_and_epi64(others, _mm512_set1_epi64(PG_UINT32_MAX)),
							_mm512_srli_epi64(others, 32), lanes_of(ncells - k), keys, count);
	}
	return count;
}

/*
 * The same for columns, whose counts are numbers of so many bytes, and their sums, too.
 * What is behind the last column and the last count is read, a word of 32 bits at most.
 */
WIDE int
wide_score_counts(const WideScore *how, const uint32 *columns, uint32 ncolumns, const void *counts,
				  int width, uint64 *keys, int count)
{
	const __m512i width_mask = _mm512_set1_epi64(PG_UINT32_MAX >> (32 - 8 * width));
	uint32		k;

	for (k = 0; k < ncolumns; k += WIDE_LANES)
	{
		uint32		lanes = lanes_of(ncolumns - k);
		__m512i		some = _mm512_maskz_loadu_epi32((__mmask16) lanes, columns + k);
		__m512i		targets = _mm512_cvtepu32_epi64(_mm512_castsi512_si256(some));
		__m512i		places = width == 1 ? targets : _mm512_slli_epi64(targets, width / 2);
		__m512i		numbers = _mm512_and_epi64(_mm512_cvtepu32_epi64(_mm512_i64gather_epi32(places, counts, 1)),
											   width_mask);
		__m512d		sums = _mm512_cvtepu32_pd(_mm512_cvtepi64_epi32(numbers));

		count = append_keys(how, sums, numbers, targets, lanes, keys, count);
	}
	return count;
}

/*
 * Numbers of so many bytes: each of the factors times scale, up to the next whole number,
 * from least to most.  Of 16 factors, which are four by four, the first of each four come
 * first.
 */
WIDE void
wide_wanted(const float *factors, uint32 nfactors, float scale, float least, float most, void *wanted,
			int width)
{
	const __m512i order = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
	char	   *to = wanted;
	uint32		k;

	for (k = 0; k < nfactors; k += 16, to += 16 * width)
	{
		__m512		products = _mm512_mul_ps(_mm512_loadu_ps(factors + k), _mm512_set1_ps(scale));
		__m512		between = _mm512_max_ps(_mm512_min_ps(products, _mm512_set1_ps(most)), _mm512_set1_ps(least));
		__m512i		numbers = _mm512_cvt_roundps_epi32(between, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);

		numbers = _mm512_permutexvar_epi32(order, numbers);
		if (width == 1)
			_mm_storeu_si128((__m128i *) to, _mm512_cvtepi32_epi8(numbers));
		else if (width == 2)
			_mm256_storeu_si256((__m256i *) to, _mm512_cvtepi32_epi16(numbers));
		else
			_mm512_storeu_si512(to, numbers);
	}
}

bool
wide_available(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("popcnt");
}

#else

void
wide_sort(uint64 *keys, int count)
{
	elog(ERROR, "not for this processor");
}

int
wide_score_cells(const WideScore *how, const Cell *cells, uint32 ncells, uint64 *keys, int count)
{
	elog(ERROR, "not for this processor");
	return 0;
}

int
wide_score_counts(const WideScore *how, const uint32 *columns, uint32 ncolumns, const void *counts,
				  int width, uint64 *keys, int count)
{
	elog(ERROR, "not for this processor");
	return 0;
}

void
wide_wanted(const float *factors, uint32 nfactors, float scale, float least, float most, void *wanted,
			int width)
{
	elog(ERROR, "not for this processor");
}

bool
wide_available(void)
{
	return false;
}

#endif
