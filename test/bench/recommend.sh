#!/usr/bin/env bash
# Latency of recommend() beside plain SQL over the same table of neighbours.
#
#   bash test/bench/recommend.sh [USERS [ITEMS [LINES [SECONDS]]]]
#
# Makes a shop (default 1000000 users, 100000 items with a long tail, 10000000
# lines) and three groups of 1000 users with 20, 100 and 500 items of history,
# builds a recommender with 50 neighbours an item, and runs pgbench with
# prepared statements, one client, SECONDS (default 10) a measurement.  Times
# are what the client sees, round trip over a Unix socket included.

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

users=${1:-1000000}
items=${2:-100000}
lines=${3:-10000000}
seconds=${4:-10}

# shellcheck disable=SC2119
find_postgres
make_workdir
build_extension ${CC:+CC="$CC"}
start_cluster "shared_buffers = '2GB'" "maintenance_work_mem = '1GB'" "max_wal_size = '16GB'" "jit = off" \
	"autovacuum = off" "synchronous_commit = off"
sql() { "$PG_BIN/psql" -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }

sql -v users="$users" -v items="$items" -v lines="$lines" <<'SQL'
CREATE EXTENSION recsys;
SELECT setseed(0.42);
CREATE UNLOGGED TABLE order_lines AS
SELECT (random() * :users)::int AS customer_id, (:items * random() ^ 3)::int AS product_id,
	1::real AS quantity, timestamptz '2024-01-01' + random() * interval '365 days' AS ordered_at
FROM generate_series(1, :lines);
-- users -1..-1000, -1001..-2000 and -2001..-3000 have 20, 100 and 500 items
INSERT INTO order_lines
SELECT -(g * 1000 + u), (:items * random() ^ 3)::int, 1, timestamptz '2024-01-01' + random() * interval '365 days'
FROM (VALUES (0, 20), (1, 100), (2, 500)) s(g, n), generate_series(1, 1000) u, generate_series(1, s.n);
CREATE INDEX ON order_lines (customer_id) INCLUDE (product_id, quantity, ordered_at);
VACUUM ANALYZE order_lines;
SQL
printf 'machine: %s cores, PostgreSQL %s; %s users, %s items, %s lines\n' \
	"$(nproc)" "$(sql -c 'SHOW server_version')" "$users" "$items" "$lines"
sql <<'SQL'
\timing on
\o /dev/null
\echo create_recommender:
SELECT create_recommender('shop', 'SELECT customer_id, product_id, quantity, ordered_at FROM order_lines', similarity_options(n => 50));
\timing off
VACUUM ANALYZE shop_model;
\o
SELECT format('model: %s rows, %s, %s neighbours an item', count(*), pg_size_pretty(pg_total_relation_size('shop_model')),
	round(avg(cardinality(neighbours)), 1)) FROM shop_model;
SELECT format('group %s: %s items of history', g, round(avg(n), 1))
FROM (SELECT (-customer_id - 1) / 1000 AS g, count(DISTINCT product_id) AS n FROM order_lines WHERE customer_id < 0 GROUP BY customer_id) q
GROUP BY g ORDER BY g;
SELECT count(*) FROM shop_model WHERE neighbours IS NOT NULL \g /dev/null
SQL

# latency NAME SCRIPT: p50, p99 and throughput of one client
latency() {
	local log=$WORK/tmp/log
	rm -f "$log".*
	(cd "$WORK/tmp" && "$PG_BIN/pgbench" -n -M prepared -c 1 -j 1 -T "$seconds" -l --log-prefix="$log" \
		-f "$2" >"$WORK/tmp/out" 2>&1) || {
		cat "$WORK/tmp/out"
		return 1
	}
	cat "$log".* | awk '{ print $3 }' | sort -n | awk -v name="$1" -v s="$seconds" '
		{ t[NR] = $1 }
		END { printf "%-40s p50 %8.3f ms   p99 %8.3f ms   %8.0f calls/s\n", name,
			t[int((NR + 1) / 2)] / 1000, t[int(NR * 0.99 + 0.5)] / 1000, NR / s }'
}

for group in 0:20 1:100 2:500; do
	printf '\\set u random(%d, %d)\nSELECT * FROM recommend('"'shop'"', -:u::int, 10);\n' \
		$((${group%:*} * 1000 + 1)) $((${group%:*} * 1000 + 1000)) >"$WORK/tmp/ours.sql"
	cat >"$WORK/tmp/plain.sql" <<SQL
\\set u random($((${group%:*} * 1000 + 1)), $((${group%:*} * 1000 + 1000)))
WITH h AS MATERIALIZED (SELECT product_id, sum(quantity) AS w FROM order_lines WHERE customer_id = -:u::int GROUP BY product_id) SELECT n.item, sum(h.w * n.score) AS score FROM h JOIN shop_model m ON m.item = h.product_id, unnest(m.neighbours, m.scores) AS n(item, score) WHERE n.item NOT IN (SELECT product_id FROM h) GROUP BY n.item ORDER BY score DESC, n.item LIMIT 10;
SQL
	latency "recommend, history of ${group#*:}" "$WORK/tmp/ours.sql"
	latency "plain SQL, history of ${group#*:}" "$WORK/tmp/plain.sql"
done
printf '\\set i random(0, %d)\nSELECT * FROM similar_items('"'shop'"', :i, 10);\n' "$items" >"$WORK/tmp/similar.sql"
latency 'similar_items' "$WORK/tmp/similar.sql"
printf 'SELECT 1;\n' >"$WORK/tmp/nothing.sql"
latency 'SELECT 1' "$WORK/tmp/nothing.sql"

# everybody at once: one process, then with a worker
sql <<SQL
CREATE TABLE customers AS SELECT DISTINCT customer_id FROM order_lines WHERE customer_id >= 0;
ANALYZE customers;
SQL
for workers in 0 1; do
	sql -v workers="$workers" <<'SQL'
SET max_parallel_workers_per_gather = :workers;
SELECT extract(epoch FROM clock_timestamp()) AS start \gset
SELECT count(*), count(DISTINCT "user") AS users FROM recommend_all('shop', 10, 'TABLE customers') \gset
SELECT format('recommend_all: 10 items for each of %s users, %s rows, %s processes: %s users/s', :users, :count, :workers + 1,
	round(:users / (extract(epoch FROM clock_timestamp()) - :start)));
SQL
done
sql <<'SQL'
SELECT count(*) FROM generate_series(1, 1000) u, recommend('shop', u, 10) \g /dev/null
SELECT extract(epoch FROM clock_timestamp()) AS start \gset
SELECT count(*) FROM generate_series(1, 100000) u, recommend('shop', u, 10) \g /dev/null
SELECT format('the same as a join, for 100000 users with %s items of history: %s users/s',
	(SELECT round(count(*) / 100000.0, 1) FROM order_lines WHERE customer_id BETWEEN 1 AND 100000),
	round(100000 / (extract(epoch FROM clock_timestamp()) - :start)));
SQL

# a backend does not grow: its memory before and after many calls
sql <<'SQL'
SELECT count(*) FROM generate_series(1, 1000) u, recommend('shop', -u, 10) \g /dev/null
SELECT sum(total_bytes) AS before FROM pg_backend_memory_contexts \gset
SELECT count(*) FROM generate_series(1, 200) k, generate_series(1, 1000) u, LATERAL (SELECT count(*) FROM recommend('shop', -u + k - k, 10)) r \g /dev/null
SELECT format('memory of a backend after 200000 more calls: %s bytes more', sum(total_bytes) - :before) FROM pg_backend_memory_contexts;
SQL
