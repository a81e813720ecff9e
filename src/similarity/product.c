/*-------------------------------------------------------------------------
 *
 * product.c
 *		The product of a sparse matrix with itself, and the best n of each row.
 *
 * For the item i of a row the lists of its users are walked, and what each of
 * their items j adds goes into an accumulator with one place per column
 * (Gustavson's row-wise product).  Columns that were touched are then scored,
 * the best n kept (best.c), and their places cleared.  Nothing of the size
 * items x items ever exists.
 *
 * With x_ui the weight of an interaction, C_ij = sum_u w_u x_ui x_uj, and g_i
 * = C_ii, most measures are
 *
 *		C_ij / (g_i^alpha g_j^beta),	w_u = |u|^-p
 *
 * or differ from it in the factor of an item only, so that the score is the
 * product of C_ij and two numbers that were worked out before (engine.c).  The
 * others follow from the numbers of users of i, of j and of both (measure.c).
 *
 * Users are walked in an order that depends on the data only, never on the
 * order in which it came, and each row is worked out by one process: sums have
 * the same bits always.  Where all that is added is 1, sums are integers.
 * Scores are rounded to 30 significant bits, so that scores that are equal by
 * the formula also are equal as numbers, and ties break by value.  The bits
 * that rounding sets free take the rank of the target, so that what is best is
 * found by comparing integers; beyond 4 million items a rank takes more bits,
 * and a score has so many less.
 *
 * Most of the time goes into waiting for memory, and the rest into branches that
 * cannot be predicted: what is touched at random is kept small (accumulator.h), and
 * the loops have no branches that depend on the data.  Columns whose score cannot
 * be among the best are left out before their factor is looked at: those of some
 * neighbouring columns say what it is at most.  How good the best are is guessed
 * by those of the rows before, or by a sample; what is worse is left alone.  A
 * guess that leaves less than n is found out, and makes no difference.  Where all
 * that is added is 1, the guess tells before anything is added up how often a column
 * has to be met: those that get there are listed, and not all that are touched.  Rows
 * that touch a good part of the columns need no list: all are looked at, a line of
 * the cache at a time, for those that have enough.
 *
 *-------------------------------------------------------------------------
 */
#include "core/compat.h"

#include <math.h>

#include "similarity/accumulator.h"
#include "similarity/best.h"
#include "similarity/settings.h"

/* Factors other than 0 of a group of columns. */
typedef struct Range
{
	double		least;
	double		inverse;		/* 1 by the greatest; 0: there are none */
} Range;

#define GUESSES 128				/* for numbers of users, four for each doubling */

/* State of one process. */
typedef struct Worker
{
	const Product *product;
	Accumulators acc;
	uint32	   *passed;			/* of a chunk: those that may be among the best */
	Range	   *ranges;			/* of factors, of each GROUP of columns; NULL: they tell nothing */
	float	   *inverses;		/* of ranges */
	bool		wide;			/* the processor has the vectors of wide.h */
	bool		rising;			/* the last columns have greater factors than the first */
	double		guesses[GUESSES];	/* of the score of the worst of the best n of a row, by its users; 0: none yet */
	double		shrinks[SHRINKS];	/* what a score of so many users is multiplied with */
	Best		best;
	Best		sample;
	Settings   *settings;		/* where the row is for all of some settings */
	RowFilling	filling;
} Worker;

#define SAMPLE 8				/* one of so many is looked at first */
#define CHUNK BEST_ROOM			/* touched columns that are scored at a time */
#define COUNTS_A_STEP 16		/* that can be looked at in the time that a list takes for an addition */
#define COUNTS_A_REACH 8		/* the same where few get into the list */
#define SUMS_A_STEP 2
#define GROUPS_A_STEP 2			/* that can be told what is wanted of them in that time */

/* The column of the item of a row, which is no neighbour of itself. */
static inline uint32
own_column(const Product *product, uint32 row)
{
	if (!product->self)
		return PG_UINT32_MAX;
	return product->row_col ? PART(product, uint32, row_col)[row] : row;
}

/* What all scores of a row have in common. */
typedef struct RowScore
{
	uint32		same;			/* the item itself as a column */
	double		factor;
	double		users;
	double		shrink;
	bool		plain;			/* all of them are their product with that of the column, be it shrunk */
	bool		by_count;		/* a constant, too */
} RowScore;

static pg_attribute_always_inline RowScore
row_score(const Worker *worker, uint32 row, bool by_count)
{
	const Product *product = worker->product;
	RowScore	score;

	score.same = own_column(product, row);
	score.factor = PART(product, double, row_factor)[row];
	score.users = product->row_count ? PART(product, uint32, row_count)[row] : 0;
	score.shrink = product->shrink;
	score.plain = !by_count && product->min_together <= 1 && product->min_llr == 0;
	score.by_count = by_count;
	return score;
}

static pg_attribute_always_inline double
shrunk(const Worker *worker, const RowScore *row, double score, uint32 count)
{
	if (row->shrink == 0)
		return score;
	return score * (count < SHRINKS ? worker->shrinks[count] : count / (count + row->shrink));
}

/*
 * What is added up for a column has to be this, times the inverse of its group, at
 * least to have a score that is rounded to that of a bound.
 */
static inline double
least_sum(const Product *product, const RowScore *row, uint64 bound)
{
	int			rank_bits = product->rank_bits;
	uint64		bits = bound >> rank_bits << rank_bits;

	/* less than it is by much more than rounding may matter */
	return bits == 0 || row->factor == 0 ? 0 :
		bits_score(bits - (UINT64CONST(1) << (rank_bits - 1))) / row->factor * (1 - 1e-12);
}

/* Scores one of the targets, and offers it. */
static pg_attribute_always_inline void
score_target(Worker *worker, const RowScore *row, Cell cell)
{
	const Product *product = worker->product;
	const uint32 *col_count = PART(product, uint32, col_count);
	const uint32 *col_rank = PART(product, uint32, col_rank);
	uint64		mask = (UINT64CONST(1) << product->rank_bits) - 1;
	uint32		target = cell.target;
	double		score;
	uint64		bits;

	if (target == row->same || cell.count < product->min_together)
		return;
	if (!row->by_count)
		score = cell.sum * row->factor * PART(product, double, col_factor)[target];
	else if (product->swapped)
		score = similarity_count_score(product->measure, cell.count, col_count[target], row->users,
									   product->users);
	else
		score = similarity_count_score(product->measure, cell.count, row->users, col_count[target],
									   product->users);
	score = shrunk(worker, row, score, cell.count);
	if (!(score > 0) || (bits = score_bits(score, product->rank_bits)) == 0)
		return;
	if (product->min_llr > 0 &&
		similarity_llr(cell.count, row->users, col_count[target], product->users) < product->min_llr)
		return;
	best_offer(&worker->best, bits | (mask - (col_rank ? col_rank[target] : target)));
}

/* Writes which targets from the k-th touched on to end - 1 may be among the best; how many. */
static pg_attribute_always_inline uint32
pass_touched(Worker *worker, Accumulator kind, const RowScore *row, uint32 k, uint32 end)
{
	const Range *ranges = worker->ranges;
	double		least = least_sum(worker->product, row, worker->best.bound);
	uint32	   *passed = worker->passed;
	uint32		npassed = 0;

	for (; k < end; k++)
	{
		Cell		cell = read_touched(&worker->acc, kind, k);

		passed[npassed] = k;
		npassed += shrunk(worker, row, cell.sum, cell.count) >=
			least * ranges[cell.target / GROUP].inverse;
	}
	return npassed;
}

/* Asks for what the scores of those that have passed need. */
static pg_attribute_always_inline void
prefetch_passed(Worker *worker, Accumulator kind, uint32 npassed)
{
	const Product *product = worker->product;
	uint32		k;

	for (k = 0; k < npassed; k++)
	{
		uint32		target = read_touched(&worker->acc, kind, worker->passed[k]).target;

		__builtin_prefetch(PART(product, double, col_factor) + target);
		if (product->col_rank)
			__builtin_prefetch(PART(product, uint32, col_rank) + target);
	}
}

/*
 * Scores those from the first to last - 1 of the list, or of what was touched if it is
 * NULL: as score_target() does it, where there is nothing but a product to be worked out.
 */
static pg_attribute_always_inline void
score_plainly(Worker *worker, Accumulator kind, const RowScore *row, const uint32 *list,
			  uint32 first, uint32 last)
{
	const Product *product = worker->product;
	const double *col_factor = PART(product, double, col_factor);
	const uint32 *col_rank = PART(product, uint32, col_rank);
	const int	rank_bits = product->rank_bits;
	const uint64 mask = (UINT64CONST(1) << rank_bits) - 1;
	Best	   *best = &worker->best;
	uint64	   *keys = best->keys;
	uint64		bound = Max(best->bound, mask);	/* nothing has a score of 0 */
	int			count = best->count;
	uint32		k;

	for (k = first; k < last; k++)
	{
		Cell		cell = read_touched(&worker->acc, kind, list ? list[k] : k);
		double		score = shrunk(worker, row, cell.sum * row->factor * col_factor[cell.target], cell.count);
		uint64		key = score_bits(score, rank_bits) |
			(mask - (col_rank ? col_rank[cell.target] : cell.target));

		keys[count] = key;
		count += (key > bound) & (cell.target != row->same);
	}
	best->count = count;
}

/* The same with all that was touched, by vectors. */
static pg_attribute_always_inline void
score_widely(Worker *worker, Accumulator kind, const RowScore *row, uint32 first, uint32 last)
{
	const Product *product = worker->product;
	const Accumulators *acc = &worker->acc;
	Best	   *best = &worker->best;
	WideScore	how;

	how.factor = row->factor;
	how.col_factor = PART(product, double, col_factor);
	how.col_rank = PART(product, uint32, col_rank);
	how.shrink = row->shrink;
	how.shrinks = worker->shrinks;
	how.rank_mask = (UINT64CONST(1) << product->rank_bits) - 1;
	how.bound = Max(best->bound, how.rank_mask);
	how.same = row->same;
	best->count = kind == IN_TABLE ?
		wide_score_cells(&how, acc->table_cells + 1 + first, last - first, best->keys, best->count) :
		wide_score_counts(&how, acc->touched + first, last - first, acc->counts, width_of(kind),
						  best->keys, best->count);
}

/* Scores what was touched. */
static pg_attribute_always_inline void
score_touched(Worker *worker, Accumulator kind, Finding finding, const RowScore *row, uint32 ntouched)
{
	/* what has reached its count has passed */
	bool		all = row->by_count || worker->ranges == NULL || finding == BY_REACH;
	uint32		start;
	uint32		k;

	for (start = 0; start < ntouched; start += CHUNK)
	{
		const uint32 *list = all ? NULL : worker->passed;
		uint32		first = all ? start : 0;
		uint32		last = Min(start + CHUNK, ntouched);

		take_steps(&worker->acc, last - start);
		if (!all)
		{
			last = pass_touched(worker, kind, row, start, last);
			prefetch_passed(worker, kind, last);
		}
		best_reserve(&worker->best);
		if (row->plain && kind != IN_CELLS && all && worker->wide)
			score_widely(worker, kind, row, first, last);
		else if (row->plain)
			score_plainly(worker, kind, row, list, first, last);
		else
			for (k = first; k < last; k++)
				score_target(worker, row, read_touched(&worker->acc, kind, list ? list[k] : k));
	}
}

/* Offers a guess at the score of one of the k-th of the sample, without a look at its factor. */
static pg_attribute_always_inline void
guess_target(Worker *worker, const RowScore *row, Cell cell, uint32 k)
{
	const Product *product = worker->product;
	double		score = shrunk(worker, row, cell.sum * row->factor *
							   worker->ranges[cell.target / GROUP].least, cell.count);
	uint64		bits;

	score = score > 0 && cell.target != row->same && cell.count >= product->min_together ? score : 0;
	memcpy(&bits, &score, sizeof(bits));
	best_offer(&worker->sample, (bits >> product->rank_bits << product->rank_bits) + k);
}

/* Guesses the scores of some of what was touched. */
static pg_attribute_always_inline void
sample_touched(Worker *worker, Accumulator kind, const RowScore *row, uint32 ntouched)
{
	uint32		k;

	for (k = 0; k < ntouched; k += SAMPLE)
		guess_target(worker, row, read_touched(&worker->acc, kind, k), k);
}

typedef float Floats __attribute__((vector_size(16)));
typedef int32 Ints __attribute__((vector_size(16)));

/* As macros: not every machine can pass vectors to a function. */
#define FLOATS_OF(number) ((Floats) {number, number, number, number})
#define CHOOSE(first, a, b) ((Floats) (((Ints) (a) & (first)) | ((Ints) (b) & ~(first))))

/* Where the inverse of a group is: of GROUPS every fourth one, so that four vectors become one of bytes. */
static inline uint32
inverse_place(uint32 group)
{
	return group / GROUPS * GROUPS + group % 4 * 4 + group % GROUPS / 4;
}

/*
 * What a row's columns have to be counted, at least, for a score that is rounded to that
 * of the bound, for each GROUP.  Rounding makes it less rather than more, and it is not
 * more than the greatest number of this width: what is found has to be scored anyway.
 */
static pg_attribute_always_inline void
set_wanted(Worker *worker, Accumulator kind, const RowScore *row, uint64 bound)
{
	const double sum = row->by_count ? 0 : least_sum(worker->product, row, bound);
	const float scale = (float) (Min(sum, 1e18) * (1 - 1e-6));
	const float greatest = kind == IN_BYTES ? PG_UINT8_MAX : kind == IN_SHORTS ? PG_UINT16_MAX : 1e9f;
	const float together = (float) Max(Min(worker->product->min_together, PG_UINT8_MAX), 1);
	const Floats factor = FLOATS_OF(scale);
	const Floats most = FLOATS_OF(greatest);
	const Floats least = FLOATS_OF(together);
	uint32		i;
	int			k;
	int			place;

	if (worker->wide)
	{
		wide_wanted(worker->inverses, worker->product->ncols / GROUP + 1, scale, together, greatest,
					worker->acc.wanted, width_of(kind));
		return;
	}
	for (i = 0; i < worker->product->ncols / GROUP + 1; i += GROUPS)
	{
		Ints		bytes = {0};

		for (k = 0; k < 4; k++)
		{
			Floats		wanted;
			Ints		counts;

			memcpy(&wanted, worker->inverses + i + 4 * k, sizeof(wanted));
			wanted *= factor;
			wanted = CHOOSE(wanted < most, wanted, most);
			wanted = CHOOSE(wanted > least, wanted, least);
			counts = __builtin_convertvector(wanted, Ints);
			/* up to the next whole number; what is true is -1 */
			counts -= __builtin_convertvector(counts, Floats) < wanted;
#ifdef WORDS_BIGENDIAN
			bytes = bytes << 8 | counts;
#else
			bytes |= counts << (8 * k);
#endif
			for (place = 0; kind != IN_BYTES && place < 4; place++)
				set_number(worker->acc.wanted, kind, i + 4 * place + k, counts[place]);
		}
		if (kind == IN_BYTES)
			memcpy((char *) worker->acc.wanted + i, &bytes, sizeof(bytes));
	}
}

/* Scores what was added up, by a look at all columns. */
static pg_attribute_always_inline void
score_all(Worker *worker, Accumulator kind, Finding finding, const RowScore *row)
{
	const uint32 width = finding == BY_SUM ? sizeof(double) : width_of(kind);
	const char *numbers = finding == BY_SUM ? (const char *) worker->acc.sums : (const char *) worker->acc.counts;
	uint32		nlines = (uint32) (((Size) worker->product->ncols * width + LINE - 1) / LINE);
	double		sum = 0;
	uint64		bound = PG_UINT64_MAX;
	uint32		k;

	take_steps(&worker->acc, nlines);
	for (k = 0; k < nlines; k++)
	{
		uint32		line = worker->rising ? nlines - 1 - k : k;
		uint32		column = line * (LINE / width);
		Words		large[4];
		bool		found;
		int			i;

		if (worker->best.bound != bound)
		{
			bound = worker->best.bound;
			if (finding != BY_SUM)
				set_wanted(worker, kind, row, bound);
			else if (!row->by_count)
				sum = least_sum(worker->product, row, bound);
		}
		if (finding == BY_SUM)
			found = find_large_sums(numbers + (Size) line * LINE,
									Max(sum * worker->ranges[column / GROUP].inverse, LEAST_SUM), large);
		else
			found = find_large_counts(numbers + (Size) line * LINE, kind,
									  number_at(worker->acc.wanted, kind, column / GROUP), large);
		if (!found)
			continue;
		take_steps(&worker->acc, LINE / width);
		for (i = 0; i < WORDS; i++, column += sizeof(uint64) / width)
		{
			uint64		word = large[i / 2][i % 2];

			while (word != 0)
				score_target(worker, row,
							 read_column(&worker->acc, kind, finding, column + next_place(&word, width)));
		}
	}
}

/* Guesses the scores of some of what was added up. */
static pg_attribute_always_inline void
sample_all(Worker *worker, Accumulator kind, Finding finding, const RowScore *row)
{
	const uint32 width = width_of(kind);
	const uint32 columns = sizeof(uint64) / width;
	uint32		nwords = (worker->product->ncols + columns - 1) / columns;
	uint32		k;

	/* of a line of the cache one word, another one each time */
	for (k = 0; k < nwords; k += SAMPLE + 1)
	{
		uint64		word = ((const uint64 *) worker->acc.counts)[k];

		while (word != 0)
		{
			uint32		target = k * columns + next_place(&word, width);

			guess_target(worker, row, read_column(&worker->acc, kind, finding, target), target);
		}
	}
}

/* Writes what any of the settings may have among its best, with bare sums; how many they are. */
static pg_attribute_always_inline int
select_for_settings(Worker *worker, Accumulator kind, uint32 row, uint32 ntouched,
					Neighbour *result)
{
	uint32		same = own_column(worker->product, row);
	uint32		k;

	settings_reset(worker->settings);
	for (k = 0; k < ntouched; k++)
	{
		Cell		cell = read_touched(&worker->acc, kind, k);

		take_steps(&worker->acc, 1);
		if (cell.target != same)
			settings_offer(worker->settings, cell.target, cell.sum, cell.count);
	}
	return settings_select(worker->settings, result, worker->product->n);
}

/* Where the guess for rows with so many users is kept. */
static inline double *
guess_for(Worker *worker, uint64 users)
{
	uint32		number = (uint32) Min(users, PG_INT32_MAX) | 4;
	int			log = pg_leftmost_one_pos32(number);

	return &worker->guesses[4 * log + ((number >> (log - 2)) & 3)];
}

/* What the worst of the best n is at least, by a sample; with the rank as a score has it. */
static pg_attribute_always_inline uint64
sample_row(Worker *worker, Accumulator kind, Finding finding, const RowScore *row, uint32 ntouched)
{
	int			rank_bits = worker->product->rank_bits;

	best_reset(&worker->sample);
	if (finding == BY_LIST)
		sample_touched(worker, kind, row, ntouched);
	else
		sample_all(worker, kind, finding == BY_REACH ? BY_COUNT : finding, row);
	best_cut(&worker->sample);
	return worker->sample.bound >> rank_bits << rank_bits;
}

/*
 * Finds the best n of a row.  How good the worst of them is is guessed: what is not as
 * good is left alone.  If that leaves less than n the guess was wrong.  The first guess
 * is what rows with as many users had: it rises slowly and falls fast, so that it is
 * wrong for one row of some dozens.  The second comes from a sample; then all are looked at.
 */
static pg_attribute_always_inline void
find_best(Worker *worker, Accumulator kind, Finding finding, uint32 row, uint32 ntouched,
		  bool by_count, double *guess)
{
	RowScore	score = row_score(worker, row, by_count);
	Best	   *best = &worker->best;
	/* else guessing would take as long as all the rest */
	bool		guesses = !by_count && worker->ranges && worker->product->min_llr == 0 &&
		(finding != BY_LIST || ntouched > best->n);
	bool		first = guesses && *guess > 0;
	uint64		bound = 0;

	if (guesses)
		bound = first ? score_bits(*guess, worker->product->rank_bits) :
			sample_row(worker, kind, finding, &score, ntouched);
	for (;;)
	{
		best_reset(best);
		best->bound = bound;
		if (finding == BY_LIST || (finding == BY_REACH && first))
			score_touched(worker, kind, finding, &score, ntouched);
		else
			score_all(worker, kind, finding == BY_REACH ? BY_COUNT : finding, &score);
		if (best->count >= best->n || bound == 0)
			break;
		bound = first ? sample_row(worker, kind, finding, &score, ntouched) : 0;
		first = false;
	}
	best_sort(best);
	if (guesses && best->count == best->n)
		*guess = *guess == 0 ? 0.8 * bits_score(best->keys[best->n - 1]) : *guess * (first ? 1.01 : 0.8);
}

/* Writes the best n, in order; how many they are. */
static pg_attribute_always_inline int
write_best(Worker *worker, Accumulator kind, Neighbour *result)
{
	const Product *product = worker->product;
	const uint32 *rank_col = PART(product, uint32, rank_col);
	uint64		mask = (UINT64CONST(1) << product->rank_bits) - 1;
	Best	   *best = &worker->best;
	int			i;

	for (i = 0; i < best->count; i++)
	{
		uint32		rank = (uint32) (mask - (best->keys[i] & mask));

		result[i].score = bits_score(best->keys[i] & ~mask);
		result[i].target = rank_col ? rank_col[rank] : rank;
	}
	for (i = 0; i < best->count; i++)
		result[i].together = product->together ? count_of(&worker->acc, kind, result[i].target) : 0;
	return best->count;
}

/* Works out a row, leaving the accumulator clear; the number of neighbours. */
static pg_attribute_always_inline int
work_out_row(Worker *worker, Accumulator kind, Finding finding, uint32 row, Neighbour *result)
{
	const uint64 *row_start = PART(worker->product, uint64, row_start);
	double	   *guess = guess_for(worker, row_start[row + 1] - row_start[row]);
	uint32		rank = row + worker->product->first_row;
	uint32		ntouched;
	int			count;

	accumulators_need(&worker->acc, kind, finding);
	if (finding == BY_REACH)
	{
		RowScore	score = row_score(worker, rank, false);

		set_wanted(worker, kind, &score, score_bits(*guess, worker->product->rank_bits));
	}
	ntouched = accumulate(&worker->acc, kind, finding, row);
	if (worker->settings)
		count = select_for_settings(worker, kind, rank, ntouched, result);
	else
	{
		if (worker->product->measure >= MEASURE_JACCARD)
			find_best(worker, kind, finding, rank, ntouched, true, guess);
		else
			find_best(worker, kind, finding, rank, ntouched, false, guess);
		count = write_best(worker, kind, result);
	}
	clear_row(&worker->acc, kind, finding, row, ntouched);
	return count;
}

/* The ranges of factors of neighbouring columns. */
static void
find_ranges(Worker *worker)
{
	const Product *product = worker->product;
	const double *col_factor = PART(product, double, col_factor);
	uint32		ngroups = product->ncols / GROUP + 1;
	uint32		i;

	/* where scores are near the least of numbers, they are not in proportion */
	if (product->ncols > MANY_ITEMS || product->shrink > 1e100)
		return;
	worker->ranges = palloc0_array(Range, ngroups);
	worker->inverses = palloc0_array(float, ngroups + GROUPS);
	for (i = 0; i < product->ncols && col_factor; i++)
	{
		Range	   *range = &worker->ranges[i / GROUP];
		double		inverse = 1 / col_factor[i];

		/* nobody has the item */
		if (col_factor[i] == 0)
			continue;
		range->least = range->inverse == 0 ? col_factor[i] : Min(range->least, col_factor[i]);
		range->inverse = range->inverse == 0 ? inverse : Min(range->inverse, inverse);
	}
	for (i = 0; i < ngroups; i++)
		worker->inverses[inverse_place(i)] = (float) Min(worker->ranges[i].inverse, 1e18);
	worker->rising = product->ncols > 0 &&
		worker->ranges[0].inverse > worker->ranges[(product->ncols - 1) / GROUP].inverse;
}

static void *
product_begin(const void *shared)
{
	Worker	   *worker = palloc0_object(Worker);
	const Product *product = (const Product *) shared;
	uint32		count;

	worker->product = product;
	accumulators_begin(&worker->acc, product);
	worker->filling.product = product;
	worker->filling.rank = PART(product, uint32, col_rank);
	worker->filling.first = product->first_row;
	worker->filling.row_users = (uint32 *) worker->acc.row_users;
	worker->filling.row_values = (float *) worker->acc.row_values;
	worker->passed = palloc_array(uint32, CHUNK + 1);
	for (count = 1; count < SHRINKS; count++)
		worker->shrinks[count] = count / (count + product->shrink);
	find_ranges(worker);
	worker->wide = wide_available();
	if (product->settings)
		worker->settings = settings_create(PART(product, SettingList, settings), product->ncols);
	else
	{
		double		expected = (double) product->n / SAMPLE;

		best_init(&worker->best, product->n);
		/* a guess too high takes twice the time: one of 100, if the sample is like the rest */
		best_init(&worker->sample, (int) (expected + 2.5 * sqrt(expected)) + 1);
	}
	return worker;
}

/*
 * Is a look at all columns less than a list of what is touched?  Not where all of
 * that is wanted.
 */
static bool
looks_at_all(const Worker *worker, uint64 users, uint32 columns_per_step)
{
	const Product *product = worker->product;

	return worker->ranges && !worker->settings &&
		users * product->mean_count * columns_per_step > product->ncols;
}

/* Is there a guess of what columns have to reach, and do they have enough to add up to make it worth while? */
static bool
waits_for_reach(Worker *worker, uint64 users)
{
	const Product *product = worker->product;

	return worker->ranges && !worker->settings && product->measure < MEASURE_JACCARD &&
		product->min_llr == 0 && *guess_for(worker, users) > 0 &&
		!looks_at_all(worker, users, COUNTS_A_REACH) &&
		users * product->mean_count * GROUPS_A_STEP > product->ncols / GROUP + 4 * product->n;
}

/* Works out a row in the smallest accumulator that is large enough. */
static int
run_row(Worker *worker, uint32 row, Neighbour *result)
{
	const Product *product = worker->product;
	const uint64 *row_start = PART(product, uint64, row_start);
	uint64		users = row_start[row + 1] - row_start[row];

	/* a user counts once at most */
	if (worker->acc.weighted && looks_at_all(worker, users, SUMS_A_STEP))
	{
		if (users <= PG_UINT16_MAX)
			return work_out_row(worker, IN_SHORTS, BY_SUM, row, result);
		return work_out_row(worker, IN_COUNTS, BY_SUM, row, result);
	}
	if (fits_table(&worker->acc, row))
		return work_out_row(worker, IN_TABLE, BY_LIST, row, result);
	if (worker->acc.weighted)
		return work_out_row(worker, IN_CELLS, BY_LIST, row, result);
	if (waits_for_reach(worker, users))
	{
		if (users <= PG_UINT8_MAX)
			return work_out_row(worker, IN_BYTES, BY_REACH, row, result);
		if (users <= PG_UINT16_MAX)
			return work_out_row(worker, IN_SHORTS, BY_REACH, row, result);
		return work_out_row(worker, IN_COUNTS, BY_REACH, row, result);
	}
	if (looks_at_all(worker, users, COUNTS_A_STEP))
	{
		if (users <= PG_UINT8_MAX)
			return work_out_row(worker, IN_BYTES, BY_COUNT, row, result);
		if (users <= PG_UINT16_MAX)
			return work_out_row(worker, IN_SHORTS, BY_COUNT, row, result);
		return work_out_row(worker, IN_COUNTS, BY_COUNT, row, result);
	}
	if (users <= PG_UINT8_MAX)
		return work_out_row(worker, IN_BYTES, BY_LIST, row, result);
	if (users <= PG_UINT16_MAX)
		return work_out_row(worker, IN_SHORTS, BY_LIST, row, result);
	return work_out_row(worker, IN_COUNTS, BY_LIST, row, result);
}

/* A hash that stands for what the users of a row add. */
static uint64
hash_users_of(const Worker *worker, uint32 row)
{
	const Product *product = worker->product;
	const uint64 *row_start = PART(product, uint64, row_start);
	bool		ordered = product->weighted || product->valued;
	uint64		sum = 0;
	uint64		k;

	for (k = row_start[row]; k < row_start[row + 1]; k++)
	{
		uint64		hash;

		if ((k & 0xffff) == 0xffff)
			parallel_check_interrupts();
		memcpy(&hash, product_list_at(product, worker->acc.row_users[k]) + product_list_hash_at(product),
			   sizeof(hash));
		sum = similarity_hash_user(sum, hash, ordered);
	}
	return sum;
}

static Size
product_run(void *local, uint32 block, void *result)
{
	Worker	   *worker = (Worker *) local;
	const Product *product = worker->product;
	uint32		row;
	uint32		end;
	char	   *out = (char *) result;

	row = block * product->block_rows;
	end = Min(row + product->block_rows, product->nrows);

	for (; row < end; row++)
	{
		RowHead    *head = (RowHead *) out;

		prefetch_row(&worker->acc, row);
		head->count = run_row(worker, row, (Neighbour *) (out + sizeof(RowHead)));
		head->users_hash = product->col_hash ? hash_users_of(worker, row) : 0;
		out += sizeof(RowHead) + head->count * sizeof(Neighbour);
	}
	return out - (char *) result;
}

/* Gets some of the rows their users, where they do not have them yet. */
static void
product_prepare(void *local, uint32 part)
{
	similarity_fill_block(&((Worker *) local)->filling, part);
}

const ParallelKernel recsys_similarity_kernel = {product_begin, product_run, product_prepare};
