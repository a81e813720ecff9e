#!/usr/bin/env bash
# Checks scores, neighbours and recommendations against plain SQL on real
# orders: UCI Online Retail, all transactions of a web shop in a year.
#
#   bash test/bench/online_retail.sh online_retail.csv.xz
#
# Every line counts differences between what recsys returns and what the
# definition gives in plain SQL, and says how long each took.  Ends with an
# error where any count is not 0.

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

if [ $# -ne 1 ] || [ ! -f "$1" ]; then
	die "usage: online_retail.sh FILE.csv[.gz|.xz]"
fi
case $1 in
*.xz) unpack=(xz -dc) ;;
*.gz) unpack=(gzip -dc) ;;
*) unpack=(cat) ;;
esac

find_postgres xz-utils
make_workdir
build_extension CC="${CC:-gcc}"
start_cluster "shared_buffers = '1GB'" "work_mem = '512MB'" "jit = off"

psql=("$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1)
"${psql[@]}" -c "CREATE EXTENSION recsys" -c "CREATE TABLE raw(invoice text, item text, title text, quantity int,
  ordered_at timestamp, price numeric, customer int, country text)"
"${unpack[@]}" "$1" | "${psql[@]}" -c "COPY raw FROM STDIN (FORMAT csv, HEADER)"
"${psql[@]}" <<'SQL' >"$WORK/tmp/out"
CREATE TABLE lines AS
  SELECT * FROM raw WHERE customer IS NOT NULL AND quantity > 0 AND price > 0;
CREATE INDEX ON lines (customer);
VACUUM ANALYZE lines;
CREATE TABLE customers AS
  SELECT customer, max(ordered_at) AS last_order, count(DISTINCT invoice) AS orders,
         sum(quantity * price) AS amount
  FROM lines GROUP BY customer;

\pset tuples_only on
\pset format unaligned
\pset fieldsep ' '
\set QUIET on
SELECT 'lines', count(*), 'customers', count(DISTINCT customer), 'items', count(DISTINCT item) FROM lines;

-- scores: 1 + the number of cut points below the value
\timing on
CREATE TABLE ours AS
  SELECT customer, (rfm(last_order, orders, amount) OVER ()).* FROM customers;
CREATE TABLE oracle AS
  WITH cuts AS (
    SELECT percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY last_order) AS r,
           percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY orders) AS f,
           percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY amount) AS m
    FROM customers)
  SELECT customer,
         1 + (SELECT count(*) FROM unnest(cuts.r) c WHERE c < last_order) AS r,
         1 + (SELECT count(*) FROM unnest(cuts.f) c WHERE c < orders) AS f,
         1 + (SELECT count(*) FROM unnest(cuts.m) c WHERE c < amount) AS m
  FROM customers, cuts;
\timing off
SELECT 'rfm differences', count(*) FROM ours FULL JOIN oracle o USING (customer)
WHERE (ours.r, ours.f, ours.m) IS DISTINCT FROM (o.r::int, o.f::int, o.m::int);

-- neighbours: cosine of the summed quantities, ties by item
\timing on
CREATE TABLE near AS
  SELECT s.* FROM (SELECT item_similarity_agg(customer, item, quantity,
                     similarity_options(measure => 'cosine', n => 20)) AS a FROM lines) q, unnest(a) s;
CREATE TABLE near_oracle AS
  WITH x AS (SELECT customer, item, sum(quantity)::float8 AS w FROM lines GROUP BY 1, 2),
       norm AS (SELECT item, sqrt(sum(w * w)) AS len FROM x GROUP BY item),
       pair AS (SELECT a.item, b.item AS neighbour, sum(a.w * b.w) AS dot, count(*) AS together
                FROM x a JOIN x b ON a.customer = b.customer AND a.item <> b.item GROUP BY 1, 2)
  SELECT p.item, neighbour, dot / (n1.len * n2.len) AS score, together,
         rank() OVER (PARTITION BY p.item ORDER BY (dot / (n1.len * n2.len))::numeric(20, 9) DESC) AS place
  FROM pair p JOIN norm n1 ON n1.item = p.item JOIN norm n2 ON n2.item = neighbour;
\timing off
SELECT 'neighbour differences', count(*)
FROM near n LEFT JOIN near_oracle o USING (item, neighbour)
WHERE o.item IS NULL OR abs(n.score / o.score - 1) > 1e-6 OR n.together <> o.together OR o.place > 20;
SELECT 'items with the wrong number of neighbours', count(*)
FROM (SELECT item, count(*) AS n FROM near GROUP BY item) a
FULL JOIN (SELECT item, least(20, count(*)) AS n FROM near_oracle GROUP BY item) b USING (item)
WHERE a.n IS DISTINCT FROM b.n;

-- recommendations: history x neighbours, without what the customer has; contributions
-- are multiples of a power of two, so a score far below the customer's best is compared
-- by its absolute difference
\timing on
SELECT 'items in the model', create_recommender('retail', 'SELECT customer, item, quantity FROM lines');
CREATE TABLE best AS
  SELECT c.customer, r.* FROM customers c, recommend(NULL::text, 'retail', c.customer, n => NULL) r
  WHERE c.customer % 10 = 0;
CREATE TABLE best_oracle AS
  WITH history AS (
    SELECT customer, item, sum(quantity)::float8 AS w FROM lines WHERE customer % 10 = 0 GROUP BY 1, 2)
  SELECT customer, neighbour AS item, sum(w * score) AS score
  FROM history h JOIN retail_model m USING (item), unnest(m.neighbours, m.scores) u(neighbour, score)
  WHERE NOT EXISTS (SELECT FROM history o WHERE o.customer = h.customer AND o.item = neighbour)
  GROUP BY 1, 2;
\timing off
SELECT 'recommendations', count(*) FROM best WHERE source = 'personal';
SELECT 'recommendation differences', count(*)
FROM (SELECT * FROM best WHERE source = 'personal') b FULL JOIN best_oracle o USING (customer, item)
WHERE b.item IS NULL OR o.item IS NULL OR abs(b.score - o.score) > greatest(1e-6 * o.score, 1e-8);
SQL
cat "$WORK/tmp/out"
! grep -E 'differences|wrong' "$WORK/tmp/out" | grep -qvE ' 0$' || die "recsys and plain SQL differ"
