#!/usr/bin/env bash
# A full refresh beside an incremental one, by how much has changed.
#
#   bash test/bench/recommend_refresh.sh [USERS [ITEMS [LINES [ROUNDS]]]]
#
# Makes a shop (default 100000 users, 10000 items with a long tail, 1000000
# lines), changes a share of its lines (a third each comes, goes and moves to
# another product), and refreshes in a transaction that is rolled back, ROUNDS
# (default 5) times each way in turn.  Times are those of the processor, in one
# process, and the best of these.

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

users=${1:-100000}
items=${2:-10000}
lines=${3:-1000000}
rounds=${4:-5}

# shellcheck disable=SC2119
find_postgres
make_workdir
build_extension ${CC:+CC="$CC"}
start_cluster "shared_buffers = '2GB'" "maintenance_work_mem = '1GB'" "max_wal_size = '16GB'" "jit = off" \
	"autovacuum = off" "synchronous_commit = off" "max_parallel_maintenance_workers = 0" "max_parallel_workers_per_gather = 0"
sql() { "$PG_BIN/psql" -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }

sql -v users="$users" -v items="$items" -v lines="$lines" <<'SQL'
CREATE EXTENSION recsys;
SELECT setseed(0.42) \g /dev/null
CREATE UNLOGGED TABLE order_lines AS
SELECT id, (random() * :users)::int AS customer_id, (:items * random() ^ 3)::int AS product_id,
	1::real AS quantity, timestamptz '2024-01-01' + random() * interval '365 days' AS ordered_at
FROM generate_series(1, :lines) id;
CREATE INDEX ON order_lines (customer_id);
VACUUM ANALYZE order_lines;
SQL
printf 'machine: %s cores, PostgreSQL %s; %s users, %s items, %s lines\n' \
	"$(nproc)" "$(sql -c 'SHOW server_version')" "$users" "$items" "$lines"

# what the process has taken until now, in clock ticks
ticks="SELECT split_part(stat, ' ', 12)::int + split_part(stat, ' ', 13)::int AS start FROM regexp_replace(pg_read_file('/proc/self/stat'), '^.*\) ', '') stat"
tick=$((1000 / $(getconf CLK_TCK)))

# once MODE: milliseconds of a refresh, and rows that it wrote
once() {
	sql <<SQL
BEGIN;
$ticks \\gset
SELECT refresh_recommender('shop', incremental => $1) \\g /dev/null
SELECT $tick * (t.start - :start), changed FROM shop, ($ticks) t;
ROLLBACK;
SQL
}

scan=$(for _ in 1 2 3; do
	sql <<SQL
$ticks \\gset
DO \$\$BEGIN PERFORM sum(q.customer_id), sum(q.product_id), sum(q.quantity), max(q.ordered_at)
	FROM (SELECT customer_id, product_id, quantity, ordered_at FROM order_lines OFFSET 0) q; END\$\$;
SELECT $tick * (t.start - :start) FROM ($ticks) t;
SQL
done | sort -n | head -1)
printf 'reading all lines in plain SQL: %s ms\n' "$scan"

# neighbours that are chosen by what other items have, too, and by the item's own users only
for options in "" "measure => 'jaccard'" "measure => 'conditional'"; do
	sql -c "SELECT create_recommender('shop', 'SELECT customer_id, product_id, quantity, ordered_at FROM order_lines', similarity_options($options), replace => true)" \
		-c 'VACUUM ANALYZE shop_model' >/dev/null
	printf '%s\n' "similarity_options($options)"
	for share in 0 0.0001 0.001 0.01 0.1; do
		sql -v share="$share" -v users="$users" -v items="$items" -v lines="$lines" <<'SQL'
BEGIN;
SELECT setseed(0.1) \g /dev/null
CREATE TEMP TABLE picked AS SELECT id, row_number() OVER () % 3 AS what FROM order_lines ORDER BY random() LIMIT (:share * :lines)::int;
UPDATE order_lines o SET product_id = (:items * random() ^ 3)::int FROM picked p WHERE p.id = o.id AND p.what = 0;
DELETE FROM order_lines o USING picked p WHERE p.id = o.id AND p.what = 1;
INSERT INTO order_lines SELECT -id, (random() * :users)::int, (:items * random() ^ 3)::int, 1, '2025-01-01' FROM picked WHERE what = 2;
DROP TABLE picked;
COMMIT;
VACUUM order_lines;
SQL
		for ((i = 0; i < rounds; i++)); do
			once true | sed 's/^/i|/'
			once false | sed 's/^/f|/'
			sql -c 'VACUUM shop_model'
		done | awk -F '|' -v share="$share" '
			{ if (!($1 in t) || $2 < t[$1]) t[$1] = $2; w[$1] = $3 }
			END { printf "%7.2f %% changed: full %6d ms, incremental %6d ms (%.2f times), rows written %d and %d\n",
				100 * share, t["f"], t["i"], t["f"] / t["i"], w["f"], w["i"] }'
		sql -c "SELECT refresh_recommender('shop')" -c 'VACUUM shop_model' >/dev/null
	done
done
