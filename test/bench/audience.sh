#!/usr/bin/env bash
# Audiences beside plain tables and intarray, in one run.
#
#   bash test/bench/audience.sh [CUSTOMERS]
#
# Makes 100 audiences over 10 million customers, of 0.01 % to 50 % of them at
# random, and prints the best of three runs of each question, asked three ways
# where there are three.  About four minutes and 2 GB of disk.

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

customers=${1:-10000000}

# shellcheck disable=SC2119
find_postgres
make_workdir
# shellcheck disable=SC2119
build_extension
start_cluster "max_wal_size = 16GB" "checkpoint_timeout = 1h" "autovacuum = off" "work_mem = 256MB" "jit = off"

cat >"$WORK/tmp/bandwidth.c" <<'C'
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
int main(void)
{
	size_t n = 32u << 20, i;
	uint64_t *a = malloc(n * 8), sum = 0;
	double best = 1e9;
	memset(a, 1, n * 8);
	for (int r = 0; r < 5; r++)
	{
		struct timespec t, u;
		double s;
		clock_gettime(CLOCK_MONOTONIC, &t);
		for (i = 0; i < n; i++)
			sum ^= a[i];
		clock_gettime(CLOCK_MONOTONIC, &u);
		s = (u.tv_sec - t.tv_sec) + (u.tv_nsec - t.tv_nsec) * 1e-9;
		if (s < best)
			best = s;
	}
	printf("%.1f\n", n * 8 / best / 1e9 + (sum == 42));
}
C
gcc -O3 -o "$WORK/tmp/bandwidth" "$WORK/tmp/bandwidth.c"
bandwidth=$("$WORK/tmp/bandwidth")

psql=("$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 -v customers="$customers")

echo "PostgreSQL $("$PG_CONFIG" --version | sed 's/[^0-9]*\([0-9.]*\).*/\1/'), $(nproc) x $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)," \
	"one core reads $bandwidth GB/s, $customers customers"

"${psql[@]}" <<'SQL'
CREATE EXTENSION recsys;
CREATE EXTENSION intarray;
SELECT setseed(0.5) \gset
-- best of n runs, in ms
CREATE FUNCTION timed(query text, n int DEFAULT 3) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
  start timestamptz;
  best numeric;
BEGIN
  FOR i IN 1..n LOOP
    start := clock_timestamp();
    EXECUTE query;
    best := least(best, (extract(epoch FROM clock_timestamp() - start) * 1000)::numeric);
  END LOOP;
  RETURN best;
END $$;
CREATE TABLE results (n serial, question text, ours text, ours_ms numeric, way text, way_ms numeric, touched bigint);

CREATE TABLE crowd (id int PRIMARY KEY, density float8, a audience);
INSERT INTO crowd
SELECT c, density, (SELECT audience_agg(1 + floor(random() * :customers)::bigint)
                    FROM generate_series(1, (-ln(1 - density) * :customers)::int + c * 0))
FROM (SELECT c, 0.0001 * 5000 ^ ((c - 1) / 99.0)::float8 AS density FROM generate_series(1, 100) c) d;
ANALYZE crowd;
SELECT count(*) || ' audiences with ' || sum(cardinality(a)) || ' members in ' ||
       pg_size_pretty(sum(length(audience_export(a)))) || ', ' ||
       round(sum(length(audience_export(a))) * 8.0 / sum(cardinality(a)), 1) || ' bits each' FROM crowd;

-- the other ways, with the crowds that are asked for
CREATE TABLE member (crowd int, customer int);
INSERT INTO member SELECT id, m FROM crowd, audience_members(a) m WHERE id <= 50 OR id IN (66, 70, 74, 78);
ALTER TABLE member ADD PRIMARY KEY (crowd, customer);
VACUUM ANALYZE member;
CREATE TABLE arrays AS
SELECT id, ARRAY(SELECT m::int FROM audience_members(a) m) AS customers FROM crowd WHERE id <= 50 OR id IN (66, 70, 74, 78);
SELECT 'the four crowds of the AND: ' || string_agg(round(density::numeric * 100, 2) || ' %', ', ' ORDER BY id) FROM crowd WHERE id IN (66, 70, 74, 78);
SELECT pg_size_pretty(pg_total_relation_size('member')) || ' for ' || count(*) || ' of the memberships as rows' FROM member;

CREATE TABLE ids_sorted AS SELECT i::bigint AS id FROM generate_series(1, :customers) i;
CREATE TABLE ids_random AS SELECT 1 + (i * 7368787::bigint) % :customers AS id FROM generate_series(1, :customers) i;
CREATE TABLE customers AS
SELECT i AS id, abs(hashint8extended(i, 1) % 4)::int AS a, abs(hashint8extended(i, 2) % 4)::int AS b,
       abs(hashint8extended(i, 3) % 4)::int AS c, abs(hashint8extended(i, 4) % 4)::int AS d,
       abs(hashint8extended(i, 5) % 100000) AS spent
FROM generate_series(1, :customers::bigint) i;
CREATE TABLE groups AS
SELECT dimension, name::text AS name, audience_agg(id) AS audience
FROM customers, LATERAL (VALUES ('a', a), ('b', b), ('c', c), ('d', d)) v(dimension, name) GROUP BY 1, 2;
CREATE TABLE measure AS SELECT audience_measure_agg(id, spent) AS m FROM customers;
VACUUM ANALYZE ids_sorted, ids_random, customers, groups;

\set four 'SELECT audience_and_count(w.a, x.a, y.a, z.a) FROM crowd w, crowd x, crowd y, crowd z WHERE w.id = 66 AND x.id = 70 AND y.id = 74 AND z.id = 78'
\set four_rows 'SELECT count(*) FROM (SELECT customer FROM member WHERE crowd = 66 INTERSECT SELECT customer FROM member WHERE crowd = 70 INTERSECT SELECT customer FROM member WHERE crowd = 74 INTERSECT SELECT customer FROM member WHERE crowd = 78) x'
\set four_join 'SELECT count(*) FROM member w JOIN member x USING (customer) JOIN member y USING (customer) JOIN member z USING (customer) WHERE w.crowd = 66 AND x.crowd = 70 AND y.crowd = 74 AND z.crowd = 78'
\set four_arrays 'SELECT icount(w.customers & x.customers & y.customers & z.customers) FROM arrays w, arrays x, arrays y, arrays z WHERE w.id = 66 AND x.id = 70 AND y.id = 74 AND z.id = 78'
\set bytes_of 'SELECT sum(length(audience_export(a))) FROM crowd WHERE id'
SELECT (SELECT sum(length(audience_export(a))) FROM crowd WHERE id IN (66, 70, 74, 78)) AS four_bytes,
       (SELECT sum(length(audience_export(a))) FROM crowd WHERE id IN (74, 78)) AS two_bytes,
       (SELECT sum(length(audience_export(a))) FROM crowd WHERE id <= 50) AS fifty_bytes,
       (SELECT sum(length(audience_export(audience))) FROM groups) AS group_bytes \gset
INSERT INTO results (question, ours, ours_ms, way, way_ms, touched) VALUES
  ('count of a 4-way AND, stored', 'audience_and_count', timed(:'four', 10), 'INTERSECT of rows', timed(:'four_rows'), :four_bytes),
  ('', '', NULL, 'join of rows', timed(:'four_join'), NULL),
  ('', '', NULL, 'intarray icount(&)', timed(:'four_arrays'), NULL),
  ('count of AND NOT, stored', 'audience_andnot_count',
   timed('SELECT audience_andnot_count(x.a, y.a) FROM crowd x, crowd y WHERE x.id = 78 AND y.id = 74', 10), 'EXCEPT of rows',
   timed('SELECT count(*) FROM (SELECT customer FROM member WHERE crowd = 78 EXCEPT SELECT customer FROM member WHERE crowd = 74) x'), :two_bytes),
  ('', '', NULL, 'intarray icount(-)', timed('SELECT icount(x.customers - y.customers) FROM arrays x, arrays y WHERE x.id = 78 AND y.id = 74'), NULL),
  ('union of 50, stored', 'audience_union_agg', timed('SELECT cardinality(audience_union_agg(a)) FROM crowd WHERE id <= 50'),
   'count(DISTINCT) of rows', timed('SELECT count(DISTINCT customer) FROM member WHERE crowd <= 50', 1), :fifty_bytes),
  ('count of that union', 'audience_union_count_agg', timed('SELECT audience_union_count_agg(a) FROM crowd WHERE id <= 50'),
   'HashAggregate of rows', timed('SELECT count(*) FROM (SELECT customer FROM member WHERE crowd <= 50 GROUP BY customer) x', 1), :fifty_bytes),
  ('16 groups to depth 4', 'audience_cross', timed($$SELECT count(*) FROM audience_cross('SELECT dimension, name, audience FROM groups', 4, 50)$$),
   'GROUP BY CUBE', timed('SELECT count(*) FROM (SELECT a, b, c, d, count(*) FROM customers GROUP BY CUBE (a, b, c, d)) x', 1), :group_bytes);

-- the algebra by itself, on values in memory
DO $$
DECLARE
  v audience[];
  w audience;
  x audience;
  y audience;
  z audience;
  best_and numeric;
  best_andnot numeric;
  start timestamptz;
BEGIN
  SELECT array_agg(a | '{}' ORDER BY id) INTO v FROM crowd WHERE id IN (66, 70, 74, 78);
  w := v[1]; x := v[2]; y := v[3]; z := v[4];
  FOR i IN 1..20 LOOP
    start := clock_timestamp();
    PERFORM audience_and_count(w, x, y, z);
    best_and := least(best_and, (extract(epoch FROM clock_timestamp() - start) * 1000)::numeric);
    start := clock_timestamp();
    PERFORM audience_andnot_count(z, y);
    best_andnot := least(best_andnot, (extract(epoch FROM clock_timestamp() - start) * 1000)::numeric);
  END LOOP;
  INSERT INTO results (question, ours, ours_ms, touched) VALUES
    ('4-way AND in memory', 'audience_and_count', best_and, (SELECT sum(length(audience_export(a))) FROM crowd WHERE id IN (66, 70, 74, 78))),
    ('AND NOT in memory', 'audience_andnot_count', best_andnot, (SELECT sum(length(audience_export(a))) FROM crowd WHERE id IN (74, 78)));
END $$;

SET max_parallel_workers_per_gather = 0;
INSERT INTO results (question, ours, ours_ms, way, way_ms, touched) VALUES
  ('ids in order, serial', 'audience_agg', timed('SELECT audience_agg(id) FROM ids_sorted'), 'count(DISTINCT)', timed('SELECT count(DISTINCT id) FROM ids_sorted', 1), NULL),
  ('', '', NULL, 'count(*)', timed('SELECT count(*) FROM ids_sorted'), NULL),
  ('ids at random, serial', 'audience_agg', timed('SELECT audience_agg(id) FROM ids_random'), 'count(DISTINCT)', timed('SELECT count(DISTINCT id) FROM ids_random', 1), NULL),
  ('', '', NULL, 'count(*)', timed('SELECT count(*) FROM ids_random'), NULL);
RESET max_parallel_workers_per_gather;
INSERT INTO results (question, ours, ours_ms, way, way_ms, touched) VALUES
  ('sum over the 7.5 % crowd', 'audience_measure_sum', timed('SELECT audience_measure_sum(m, a) FROM measure, crowd WHERE id = 78'),
   'join of rows', timed('SELECT sum(spent) FROM customers JOIN member ON customer = id WHERE crowd = 78'), NULL),
  ('who spent over 90000', 'measure > v', timed('SELECT cardinality(m > 90000) FROM measure'),
   'WHERE spent > 90000', timed('SELECT count(*) FROM customers WHERE spent > 90000'), NULL),
  ('ids at random, parallel', 'audience_agg', timed('SELECT audience_agg(id) FROM ids_random'), 'count(*)', timed('SELECT count(*) FROM ids_random'), NULL),
  ('rows of a 0.8 % crowd', 'id <@ audience', timed('SELECT count(*) FROM customers WHERE id <@ (SELECT a FROM crowd WHERE id = 51)'),
   'IN (SELECT ...)', timed('SELECT count(*) FROM customers WHERE id IN (SELECT m FROM crowd, audience_members(a) m WHERE crowd.id = 51)'), NULL),
  ('which of 100 crowds hold an id', 'audience @> id', timed('SELECT count(*) FROM crowd WHERE a @> 4711'), NULL, NULL, NULL);

SELECT question, ours, round(ours_ms, 2) AS ms, way AS "the other way", round(way_ms, 1) AS "its ms",
       round(way_ms / ours_ms, 1) AS times,
       round(ours_ms * 1e6 / nullif(:customers * (question LIKE 'ids%')::int, 0), 1) AS "ns per id",
       round(touched / ours_ms / 1e6, 2) AS "GB/s of stored bytes"
FROM results ORDER BY n;
SQL
