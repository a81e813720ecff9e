#!/usr/bin/env bash
# Latency of the scenes and options of recommenders.
#
#   bash test/bench/recommend_scenes.sh [USERS [ITEMS [LINES [SECONDS]]]]
#
# Makes a shop (default 200000 users, 20000 items with a long tail, 2000000
# lines, 100 categories, three tags a user), builds its recommenders with 50
# neighbours an item, and runs pgbench with prepared statements, one client,
# SECONDS (default 3) a measurement.  Times are what the client sees, round trip
# over a Unix socket included.  Users have ten items of history on average.

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

users=${1:-200000}
items=${2:-20000}
lines=${3:-2000000}
seconds=${4:-3}

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
	1::real AS quantity, timestamptz '2024-01-01' + random() * interval '365 days' AS ordered_at, g / 3 AS order_id
FROM generate_series(1, :lines) g;
CREATE INDEX ON order_lines (customer_id) INCLUDE (product_id, quantity, ordered_at);
CREATE INDEX ON order_lines (order_id);
CREATE UNLOGGED TABLE looks AS SELECT g / 5 AS session, (:items * random() ^ 2)::int AS product_id FROM generate_series(1, :lines / 2) g;
CREATE INDEX ON looks (session);
CREATE UNLOGGED TABLE products AS
SELECT p AS id, 'category ' || p % 100 AS category, (p * 7919 % 5000)::numeric / 100 AS price, p % 10 > 0 AS available FROM generate_series(0, :items) p;
ALTER TABLE products ADD PRIMARY KEY (id);
CREATE UNLOGGED TABLE customers AS
SELECT c AS id, ARRAY['city ' || c % 200, 'age ' || c % 7, 'sex ' || c % 2] AS tags FROM generate_series(0, :users + 1000) c;
ALTER TABLE customers ADD PRIMARY KEY (id);
CREATE UNLOGGED TABLE terms AS
SELECT 'term ' || g % 1000 AS term, (:items * random() ^ 2)::int AS item, random() AS score FROM generate_series(1, 50000) g;
CREATE INDEX ON terms (term);
VACUUM ANALYZE order_lines, looks, products, customers, terms;
SQL
printf 'machine: %s cores, PostgreSQL %s; %s users, %s items, %s lines\n' \
	"$(nproc)" "$(sql -c 'SHOW server_version')" "$users" "$items" "$lines"
sql <<'SQL'
\timing on
\o /dev/null
\echo create_recommender, and with lists of crowds and categories:
SELECT create_recommender('plain', 'SELECT customer_id, product_id, quantity, ordered_at FROM order_lines', items => 'TABLE products');
SELECT create_recommender('shop', 'SELECT customer_id, product_id, quantity, ordered_at FROM order_lines', items => 'TABLE products', users => 'TABLE customers');
\timing off
SELECT create_recommender('orders', 'SELECT order_id, product_id FROM order_lines', similarity_options('lift', min_together => 2), items => 'TABLE products');
SELECT create_recommender('sessions', 'TABLE looks', similarity_options('cosine'));
VACUUM ANALYZE plain_model, shop_model, shop_lists, orders_model, sessions_model;
SQL

# latency NAME STATEMENT: p50, p99 and throughput of one client
latency() {
	local log=$WORK/tmp/log
	rm -f "$log".*
	printf '\\set u random(0, %d)\n\\set i random(0, %d)\n%s;\n' "$users" "$((items / 10))" "$2" >"$WORK/tmp/script.sql"
	(cd "$WORK/tmp" && "$PG_BIN/pgbench" -n -M prepared -c 1 -j 1 -T "$seconds" -l --log-prefix="$log" \
		-f script.sql >"$WORK/tmp/out" 2>&1) || {
		cat "$WORK/tmp/out"
		return 1
	}
	cat "$log".* | awk '{ print $3 }' | sort -n | awk -v name="$1" -v s="$seconds" '
		{ t[NR] = $1 }
		END { printf "%-48s p50 %8.3f ms   p99 %8.3f ms   %8.0f calls/s\n", name,
			t[int((NR + 1) / 2)] / 1000, t[int(NR * 0.99 + 0.5)] / 1000, NR / s }'
}

latency 'recommend, 10 rows' "SELECT * FROM recommend('shop', :u::int, 10)"
latency '  lambda => 0.7' "SELECT * FROM recommend('shop', :u::int, 10, lambda => 0.7)"
latency '  per_category => 2' "SELECT * FROM recommend('shop', :u::int, 10, per_category => 2)"
latency '  explore => 0.2' "SELECT * FROM recommend('shop', :u::int, 10, explore => 0.2, seed => :u)"
latency '  damping => 0.3' "SELECT * FROM recommend('shop', :u::int, 10, damping => 0.3)"
latency 'a new user: crowd' "SELECT * FROM recommend('shop', $users + 1 + :u % 1000, 10)"
latency 'a visitor with tags' "SELECT * FROM recommend('shop', NULL::int, 10, tags => '{city 7,age 3}')"
latency 'a visitor without' "SELECT * FROM recommend('shop', NULL::int, 10)"
latency 'rerank, 50 items' "SELECT * FROM rerank('shop', :u::int, ARRAY(SELECT :i + g * 3 FROM generate_series(1, 50) g)::bigint[])"
latency 'bundle, 5 rows' "SELECT * FROM bundle('orders', :i, 5, views => 'sessions')"
latency 'cart_topup, 2 items, 100 candidates' "SELECT * FROM cart_topup('shop', ARRAY[:i, :i + 1]::bigint[], 25, 5)"
latency 'searched_also_bought, 2 terms, 10 rows' "SELECT * FROM searched_also_bought('shop', 'TABLE terms', ARRAY['term ' || :i % 1000, 'term 5'], 10)"
latency 'recommend_page, 3 shelves of 6' "SELECT * FROM recommend_page('shop', :u::int, ARRAY[page_slot('similar', 6, items => ARRAY[(:i)::text]), page_slot('recommend', 6), page_slot('popular', 6)])"
latency 'best_sellers of a week, one category' "SELECT * FROM best_sellers('shop', '7 days', 10, '2024-06-01', category => 'category 7')"
latency 'SELECT 1' 'SELECT 1'
