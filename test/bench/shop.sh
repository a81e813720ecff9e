#!/usr/bin/env bash
# Item similarity on the generated shop beside the plain-SQL self-join.
#
#   bash test/bench/shop.sh [CUSTOMERS...]
#
# Default: 100000 and 1000000 customers, which is about 1 and 10 million order
# lines.  Both statements give the 50 nearest neighbours of every product by
# cosine; the self-join is given up after 300 seconds.

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

[ $# -gt 0 ] || set -- 100000 1000000
find_postgres gzip
make_workdir
build_extension CC="${CC:-gcc}"
start_cluster "shared_buffers = '1GB'" "work_mem = '1GB'" "maintenance_work_mem = '1GB'" "jit = off"

seconds() { # statement
  { "$PG_BIN/psql" -XqAt -v ON_ERROR_STOP=1 -c "SET statement_timeout = '300s'" -c '\timing on' -c "$1" 2>/dev/null || true; } |
    awk '/^Time:/ {t = $2 / 1000} END {printf "%8.2f", t}'
}

printf '%10s  %24s  %22s\n' lines 'item_similarity_agg, s' 'SQL self-join, s'
for customers in "$@"; do
  "$PG_BIN/psql" -Xq -v ON_ERROR_STOP=1 -c "DROP SCHEMA IF EXISTS public CASCADE" -c "CREATE SCHEMA public" \
    -c "CREATE EXTENSION recsys" 2>/dev/null
  "$PG_BIN/psql" -Xq -v ON_ERROR_STOP=1 -v customers="$customers" -f "$SRC/test/demo/shop.sql" >/dev/null
  "$PG_BIN/psql" -Xq -v ON_ERROR_STOP=1 -c "CREATE UNLOGGED TABLE lines AS SELECT customer_id AS u, product_id AS i, quantity AS q FROM purchases" \
    -c "VACUUM ANALYZE lines"
  lines=$("$PG_BIN/psql" -XqAt -c "SELECT count(*) FROM lines")
  ours=$(seconds "SELECT cardinality(item_similarity_agg(u, i, q, similarity_options(measure => 'cosine', n => 50))) FROM lines")
  sql=$(seconds "WITH x AS MATERIALIZED (SELECT u, i, sum(q)::float8 AS w FROM lines GROUP BY 1, 2),
    len AS (SELECT i, sqrt(sum(w * w)) AS len FROM x GROUP BY i)
    SELECT count(*) FROM (
      SELECT row_number() OVER (PARTITION BY a ORDER BY dot / (la.len * lb.len) DESC, b) AS place
      FROM (SELECT x.i AS a, y.i AS b, sum(x.w * y.w) AS dot
            FROM x JOIN x y ON x.u = y.u AND x.i <> y.i GROUP BY 1, 2) pair
      JOIN len la ON la.i = a JOIN len lb ON lb.i = b) ranked WHERE place <= 50")
  printf '%10s  %24s  %22s\n' "$lines" "$ours" "$sql"
done
echo '300.00: given up'
