/*-------------------------------------------------------------------------
 *
 * audience_check.cc
 *		Compares src/audience with CRoaring on random sets, and feeds it broken
 *		bytes.  Run by audience_check.sh.
 *
 *	audience_check oracle ROUNDS SEED	random operations, against CRoaring
 *	audience_check fuzz ROUNDS SEED		mutated serializations
 *	audience_check bench ROUNDS SEED	time of counting an intersection, ours and theirs
 *
 *-------------------------------------------------------------------------
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <vector>

#include <roaring/roaring64map.hh>

#include "audience_check.h"

/* a namespace of its own came later than Debian 12 */
namespace roaring {}
using namespace roaring;

using Bytes = std::vector<unsigned char>;

static std::mt19937_64 rng;
static uint64_t operations = 0;
static uint64_t members = 0;

static uint64_t
below(uint64_t n)
{
	return rng() % n;
}

static void
fail(const char *what)
{
	fprintf(stderr, "differs: %s, after %llu operations\n", what, (unsigned long long) operations);
	exit(1);
}

static void
check(bool ok, const char *what)
{
	operations++;
	if (!ok)
		fail(what);
}

/* Places of one container, in one of the shapes where kinds meet. */
static void
fill(Roaring64Map &set, uint64_t base)
{
	static const uint32_t sizes[] = {1, 2, 3, 100, 4094, 4095, 4096, 4097, 4098, 8000, 32768, 65535, 65536};
	uint32_t	n = sizes[below(sizeof(sizes) / sizeof(sizes[0]))];
	uint32_t	start = (uint32_t) below(65536);
	uint32_t	step = 1 + (uint32_t) below(40);

	switch (below(6))
	{
		case 0:					/* a few */
			for (uint32_t i = 0; i < 1 + start % 20; i++)
				set.add(base + below(65536));
			break;
		case 1:					/* random */
			for (uint32_t i = 0; i < n; i++)
				set.add(base + below(65536));
			break;
		case 2:					/* one run */
			for (uint32_t i = start; i < std::min(start + n, 65536u); i++)
				set.add(base + i);
			break;
		case 3:					/* at regular distances: exactly n, where they fit */
			for (uint32_t i = 0; i < n; i++)
				set.add(base + (uint64_t) i * (65536 / n));
			break;
		case 4:					/* many runs */
			for (uint32_t i = start % 100; i < 65536; i += step + (uint32_t) below(step))
			{
				for (uint32_t j = 0; j < step / 2 && i < 65536; j++)
					set.add(base + i++);
			}
			break;
		default:				/* borders */
			set.add(base);
			set.add(base + 65535);
	}
}

static Roaring64Map
random_set()
{
	static const uint64_t highs[] = {0, 0, 0, 1, 2, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFF};
	Roaring64Map set;
	int			n = (int) below(6);

	for (int i = 0; i < n; i++)
	{
		uint64_t	high = highs[below(sizeof(highs) / sizeof(highs[0]))];
		uint64_t	key = below(3) == 0 ? 65535 - below(3) : below(5);

		fill(set, high << 32 | key << 16);
	}
	if (below(20) == 0)
	{
		for (uint64_t i = below(500); i > 0; i--)
			set.add((uint64_t) rng());
	}
	return set;
}

/*
 * The serialization that CRoaring makes of a set, in the form that is chosen
 * from arrays and bits: what its operations leave as runs it does not choose anew.
 */
static Bytes
serialize(const Roaring64Map &set, bool canonical)
{
	Roaring64Map copy = set;

	if (canonical)
	{
		copy.removeRunCompression();
		copy.runOptimize();
	}
	Bytes		bytes(copy.getSizeInBytes(true));

	copy.write((char *) bytes.data(), true);
	return bytes;
}

static set_t
take(const Roaring64Map &set)
{
	const char *why;
	Bytes		bytes = serialize(set, below(2) == 0);
	set_t		result = our_import(bytes.data(), bytes.size(), &why);

	if (result == NULL)
		fail(why);
	return result;
}

static bool
same(set_t ours, const Roaring64Map &theirs)
{
	Roaring64Map copy;
	size_t		size;
	const unsigned char *bytes = our_export(ours, &size);
	Bytes		expected = serialize(theirs, true);

	if (our_card(ours) != theirs.cardinality())
		return false;
	if (size == expected.size() && memcmp(bytes, expected.data(), size) == 0)
		return true;
	/* a 32-bit set that became empty stays in their map: try without it */
	for (auto it = theirs.begin(); it != theirs.end(); ++it)
		copy.add((uint64_t) *it);
	expected = serialize(copy, true);
	return size == expected.size() && memcmp(bytes, expected.data(), size) == 0;
}

static void
oracle(uint64_t rounds)
{
	std::vector<int64_t> ids;
	std::vector<Roaring64Map> pool;	/* making sets takes longer than crossing them */

	for (int i = 0; i < 100; i++)
		pool.push_back(random_set());
	for (uint64_t round = 0; round < rounds; round++)
	{
		if (round % 20 == 0)
			pool[below(pool.size())] = random_set();
		const Roaring64Map &a = pool[below(pool.size())];
		const Roaring64Map &c = pool[below(pool.size())];
		Roaring64Map b = pool[below(pool.size())];

		if (below(4) == 0)
			b |= a;
		set_t		x = take(a);
		set_t		y = take(b);
		set_t		z = take(c);
		set_t		all[] = {x, y, z};

		check(same(x, a), "import");
		check(same(our_op(0, x, y), a & b), "and");
		check(same(our_op(1, x, y), a | b), "or");
		check(same(our_op(2, x, y), a ^ b), "xor");
		check(same(our_op(3, x, y), a - b), "and not");
		check(same(our_op(3, y, x), b - a), "not and");
		check(our_and_card(x, y) == (a & b).cardinality(), "count of and");
		check(our_and_card_many(all, 3) == (a & b & c).cardinality(), "count of and of three");
		check(same(our_union(all, 3), a | b | c), "union of three");
		check((our_includes(x, y) != 0) == ((a & b).cardinality() == b.cardinality()), "includes");
		check((our_disjoint(x, y) != 0) == ((a & b).cardinality() == 0), "disjoint");

		if (round % 20 != 0)
		{
			our_free_all();
			continue;
		}
		ids.resize(a.cardinality());
		check(our_walk(x, ids.data(), ids.size()) == ids.size() &&
			  std::is_sorted(ids.begin(), ids.end()), "order");
		members += ids.size();
		for (int64_t id : ids)
		{
			if (!a.contains((uint64_t) id))
				fail("members");
		}
		if (!ids.empty())
		{
			int64_t		from = ids[below(ids.size())];
			int64_t		to = ids[below(ids.size())];
			Roaring64Map part;

			for (int64_t id : ids)
			{
				if (id >= from && id <= to)
					part.add((uint64_t) id);
			}
			check(same(our_between(x, from, to), part), "range");
		}
		std::shuffle(ids.begin(), ids.end(), rng);
		check(same(our_build(ids.data(), ids.size(), below(2) == 0 ? 4096 : 16), a), "build");
		our_free_all();
	}
}

static void
fuzz(uint64_t rounds)
{
	std::vector<Bytes> seeds;
	uint64_t	accepted = 0;

	for (int i = 0; i < 300; i++)
	{
		Roaring64Map set = random_set();

		/* small ones: a mutation of a header is more telling than one of a bitmap */
		if (set.getSizeInBytes(true) < 3000 || i % 20 == 0)
			seeds.push_back(serialize(set, i % 2 == 0));
	}
	for (uint64_t round = 0; round < rounds; round++)
	{
		Bytes		bytes = seeds[below(seeds.size())];
		const char *why;

		for (uint64_t n = 1 + below(4); n > 0 && !bytes.empty(); n--)
		{
			size_t		range = below(2) == 0 ? std::min<size_t>(bytes.size(), 64) : bytes.size();
			size_t		at = below(range);

			switch (below(6))
			{
				case 0:
					bytes[at] = (unsigned char) rng();
					break;
				case 1:
					bytes[at] ^= (unsigned char) (1 << below(8));
					break;
				case 2:
					bytes.resize(at);
					break;
				case 3:
					bytes.insert(bytes.begin() + at, (unsigned char) rng());
					break;
				case 4:
					bytes.erase(bytes.begin() + at);
					break;
				default:
					bytes[at] = below(2) == 0 ? 0 : 255;
			}
		}
		/* a block of its exact size, so that reading beyond it is seen */
		unsigned char *exact = (unsigned char *) malloc(bytes.size());

		memcpy(exact, bytes.data(), bytes.size());
		set_t		set = our_import(exact, bytes.size(), &why);

		operations++;
		if (set != NULL)
		{
			size_t		size;
			const unsigned char *out = our_export(set, &size);
			set_t		again = our_import(out, size, &why);
			size_t		size2;

			/* what is accepted is a set: its own form is a fixed point, and it can be worked with */
			accepted++;
			if (again == NULL)
				fail(why);
			out = our_export(again, &size2);
			if (size != size2 || memcmp(out, our_export(set, &size), size) != 0)
				fail("form is not fixed");
			if (our_card(our_op(2, set, again)) != 0 || our_and_card(set, again) != our_card(set))
				fail("algebra on accepted bytes");
		}
		free(exact);
		our_free_all();
	}
	printf("%llu of %llu mutations were still sets\n", (unsigned long long) accepted,
		   (unsigned long long) rounds);
}

/* Microseconds of the fastest of some rounds. */
template <typename F> static double
fastest(uint64_t rounds, F f)
{
	double		best = 1e300;

	while (rounds-- > 0)
	{
		auto		start = std::chrono::steady_clock::now();

		f();
		best = std::min(best, std::chrono::duration<double, std::micro>(
							std::chrono::steady_clock::now() - start).count());
	}
	return best;
}

static void
bench(uint64_t rounds)
{
	static const double densities[] = {0.0001, 0.001, 0.01, 0.03, 0.05, 0.1, 0.5};
	const uint64_t n = 10000000;
	std::vector<Roaring64Map> sets;
	volatile uint64_t sink;

	for (double density : densities)
	{
		Roaring64Map set;

		for (uint64_t i = 0; i < n; i++)
		{
			if ((double) rng() < density * 18446744073709551616.0)
				set.add(i);
		}
		set.runOptimize();
		sets.push_back(set);
	}
	printf("count of an intersection over %llu ids, microseconds: ours, CRoaring with its own count, and"
		   " CRoaring reading the bytes first\n", (unsigned long long) n);
	for (size_t i = 0; i < sets.size(); i++)
	{
		for (size_t j = i; j < sets.size(); j++)
		{
			set_t		x = take(sets[i]);
			set_t		y = take(sets[j]);
			Bytes		a = serialize(sets[i], true);
			Bytes		b = serialize(sets[j], true);
			Roaring		c = Roaring::read((const char *) a.data() + 12, true);
			Roaring		d = Roaring::read((const char *) b.data() + 12, true);
			double		ours = fastest(rounds, [&] { sink = our_and_card(x, y); });
			double		theirs = fastest(rounds, [&] { sink = c.and_cardinality(d); });
			double		reading = fastest(rounds, [&] {
				sink = Roaring::read((const char *) a.data() + 12, true).and_cardinality(
					Roaring::read((const char *) b.data() + 12, true));
			});

			check(our_and_card(x, y) == c.and_cardinality(d), "count");
			printf("%6.2f %% and %6.2f %%: %8.1f %8.1f %8.1f\n", 100 * densities[i], 100 * densities[j],
				   ours, theirs, reading);
			our_free_all();
		}
	}
	(void) sink;
}

int
main(int argc, char **argv)
{
	if (argc != 4)
	{
		fprintf(stderr, "usage: %s oracle|fuzz|bench ROUNDS SEED\n", argv[0]);
		return 2;
	}
	rng.seed(strtoull(argv[3], NULL, 10));
	if (std::string(argv[1]) == "oracle")
		oracle(strtoull(argv[2], NULL, 10));
	else if (std::string(argv[1]) == "bench")
		bench(strtoull(argv[2], NULL, 10));
	else
		fuzz(strtoull(argv[2], NULL, 10));
	printf("%s: %llu operations and %llu single ids, no difference\n", argv[1],
		   (unsigned long long) operations, (unsigned long long) members);
	return 0;
}
