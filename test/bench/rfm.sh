#!/usr/bin/env bash
# What scoring customers costs, and whether it is right on real orders.
#
#   bash test/bench/rfm.sh [--orders N] [--runs N] [DIRECTORY]
#
# On a throw-away cluster, with generated data:
#   1. rfm() OVER () beside three ntile(5) windows, on N / 10 customers
#   2. rfm_table() from N orders beside the GROUP BY it contains
#   3. pareto_tier(), and repurchase_clock_agg() beside a plain GROUP BY
# N is 10000000 unless given.  Times are of processor time, without workers, and
# elapsed with two.  With a DIRECTORY that has open/online_retail.csv.xz
# and open/rfm_data_orders.csv.gz also
#   4. Online Retail: scores against their definition by percentile_disc
#   5. the orders of the R package rfm: its cut points and segments
# The last line says whether all checks held.

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

orders=10000000
runs=3
workers=0
data=
while [ $# -gt 0 ]; do
	case $1 in
	--orders)
		orders=$2
		shift
		;;
	--runs)
		runs=$2
		shift
		;;
	-h | --help)
		sed -n '2,17s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
		exit 0
		;;
	*) data=$(cd "$1" && pwd) ;;
	esac
	shift
done

find_postgres xz-utils
make_workdir
# shellcheck disable=SC2119
build_extension
start_cluster "jit = off" "autovacuum = off"
sql() { psql -Xqt -v ON_ERROR_STOP=1 "$@"; }

# Best of so many runs of a query, in milliseconds: of processor time, which other
# work on the machine hardly changes, or of elapsed time if there are workers.
timed() { # settings, query
	local clock="(string_to_array(pg_read_file('/proc/self/stat'), ' '))[14]::int + (string_to_array(pg_read_file('/proc/self/stat'), ' '))[15]::int"
	[ "$workers" -eq 0 ] || clock='extract(epoch FROM clock_timestamp()) * 100'
	for _ in $(seq "$runs"); do
		sql -A <<-SQL
			SET max_parallel_workers_per_gather = $workers;
			$1;
			SELECT 'loaded' FROM rfm_options() \\g /dev/null
			SELECT $clock AS before \\gset
			$2 \\g /dev/null
			SELECT (10 * ($clock - :before))::int;
		SQL
	done | sort -n | head -1
}
compare() { # title, settings, ours, the other
	local ours other
	other=$(timed "$2" "$4")
	ours=$(timed "$2" "$3")
	awk -v t="$1" -v a="$ours" -v b="$other" 'BEGIN { printf "%-76s %9.0f %9.0f %8.2f\n", t, a, b, a / b }'
}

sql -c "CREATE EXTENSION recsys"
echo "generated data: $orders orders"
sql -v orders="$orders" <<-'SQL'
	CREATE UNLOGGED TABLE orders AS
	SELECT (h & 2147483647) % (:orders / 10) * (1 + ((h >> 32) & 3)) % (:orders / 10) + 1 AS customer,
		timestamp '2026-01-01' - make_interval(secs => (h >> 20 & 16777215) * 3.75) AS ts,
		((h >> 7 & 65535) / 100.0)::numeric(10, 2) AS amount
	FROM (SELECT abs(hashint8extended(i, 7)) AS h FROM generate_series(1, :orders) i) s;
	CREATE UNLOGGED TABLE customers AS
	SELECT customer, max(ts) AS last_order, count(*) AS orders, sum(amount) AS amount, sum(amount)::float8 AS famount FROM orders GROUP BY customer;
	VACUUM ANALYZE orders;
	VACUUM ANALYZE customers;
	SELECT 'customers: ' || count(*) FROM customers;
SQL
printf '\n%-76s %9s %9s %8s\n' "milliseconds, best of $runs" ours other ratio

ntiles='SELECT sum(r + f + m) FROM (SELECT ntile(5) OVER (ORDER BY last_order) AS r, ntile(5) OVER (ORDER BY orders) AS f,
	ntile(5) OVER (ORDER BY %s) AS m FROM customers OFFSET 0) s'
rfms='SELECT sum((g).r + (g).f + (g).m) FROM (SELECT rfm(last_order, orders, %s) OVER () AS g FROM customers OFFSET 0) s'
for work_mem in 4MB 1GB; do
	for column in amount famount; do
		type=numeric
		[ $column = amount ] || type='double precision'
		# shellcheck disable=SC2059
		compare "rfm() OVER () : three ntile(5), amount $type, work_mem $work_mem" \
			"SET work_mem = '$work_mem'" \
			"$(printf "$rfms" $column)" "$(printf "$ntiles" $column)"
	done
done
group="SELECT count(*), sum(orders), sum(amount) FROM (SELECT customer, max(ts) AS last_order, count(*) AS orders, sum(amount) AS amount
	FROM orders GROUP BY customer OFFSET 0) s"
table="SELECT count(code), sum(orders), sum(amount) FROM rfm_table('SELECT customer, ts, amount FROM orders', refunds => 'count')"
for workers in 0 2; do
	for work_mem in 64MB 1GB; do
		compare "rfm_table() : the GROUP BY in it, $workers workers, work_mem $work_mem" \
			"SET work_mem = '$work_mem'" "$table" "$group"
	done
done
workers=0
compare "rfm() OVER () over all orders as customers : count(*) OVER (), work_mem 4MB" "SET work_mem = '4MB'" \
	"SELECT count(g) FROM (SELECT rfm(ts, customer, amount) OVER () AS g FROM orders OFFSET 0) s" \
	"SELECT sum(n) FROM (SELECT count(*) OVER () AS n FROM orders OFFSET 0) s"
compare "pareto_tier() : ntile(5), work_mem 1GB" "SET work_mem = '1GB'" \
	"SELECT count(t) FROM (SELECT pareto_tier(famount) OVER () AS t FROM customers OFFSET 0) s" \
	"SELECT count(t) FROM (SELECT ntile(5) OVER (ORDER BY famount) AS t FROM customers OFFSET 0) s"
compare "repurchase_clock_agg() : array_agg(), work_mem 1GB" "SET work_mem = '1GB'" \
	"SELECT count(c) FROM (SELECT repurchase_clock_agg(ts) AS c FROM orders GROUP BY customer OFFSET 0) s" \
	"SELECT count(c) FROM (SELECT array_agg(ts) AS c FROM orders GROUP BY customer OFFSET 0) s"

[ -n "$data" ] || exit 0
failed=0
check() { # title, query that returns what is wrong
	local wrong
	wrong=$(sql -A -c "$2")
	printf '%-76s %s\n' "$1" "$([ "$wrong" = 0 ] && echo right || echo "WRONG: $wrong")"
	[ "$wrong" = 0 ] || failed=1
}

echo
echo 'Online Retail (UCI, CC BY 4.0)'
sql -c "CREATE TABLE lines (invoice text, stock_code text, description text, quantity int, ts timestamp, price numeric, customer int, country text)"
xz -dc "$data/open/online_retail.csv.xz" | sql -c "COPY lines FROM STDIN (FORMAT csv, HEADER)"
sql <<-'SQL'
	CREATE TABLE retail AS
	SELECT customer, max(ts) AS last_order, count(DISTINCT invoice) AS orders, sum(quantity * price) AS amount
	FROM lines WHERE customer IS NOT NULL AND quantity > 0 AND price > 0 GROUP BY customer;
	CREATE VIEW expected AS
	WITH cuts AS (SELECT percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY last_order) AS r,
		percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY orders) AS f,
		percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY amount) AS m FROM retail)
	SELECT customer, (SELECT 1 + count(*) FROM unnest(cuts.r) c WHERE c < last_order)::int AS r,
		(SELECT 1 + count(*) FROM unnest(cuts.f) c WHERE c < orders)::int AS f,
		(SELECT 1 + count(*) FROM unnest(cuts.m) c WHERE c < amount)::int AS m FROM retail, cuts;
SQL
check 'customers: 4338' "SELECT count(*) - 4338 FROM retail"
check 'rfm() OVER () against percentile_disc' \
	"SELECT count(*) FROM (TABLE expected EXCEPT ALL SELECT customer, (g).r, (g).f, (g).m FROM (SELECT customer, rfm(last_order, orders, amount) OVER () AS g FROM retail) s) d"
check 'rfm_table() from the order lines' \
	"SELECT count(*) FROM (TABLE expected EXCEPT ALL SELECT t.user::int, r, f, m
	 FROM rfm_table('SELECT customer, ts, quantity * price, invoice FROM lines WHERE quantity > 0 AND price > 0') t) d"
check 'equal values have equal scores' \
	"SELECT count(*) FROM (SELECT orders FROM (SELECT orders, (rfm(last_order, orders, amount) OVER ()).f FROM retail) s GROUP BY orders HAVING count(DISTINCT f) > 1) d"
sql -c "SELECT segment, count(*), round(sum(amount)) AS amount FROM rfm_table('SELECT customer, ts, quantity * price, invoice FROM lines') GROUP BY 1 ORDER BY 3 DESC"

echo 'R package rfm (MIT), analysis date 2006-12-31'
sql -c "CREATE TABLE rfm_orders (customer text, day date, revenue int, first_name text, last_name text, email text)"
gzip -dc "$data/open/rfm_data_orders.csv.gz" | sql -c "COPY rfm_orders FROM STDIN (FORMAT csv, HEADER)"
# That package cuts at the quantiles (of R's type 7) plus 1 and puts a value on a
# cut point into the upper class; ours goes into the lower class, except for
# recency, where the order is reversed: so orders and amounts are cut just below.
sql <<-'SQL'
	CREATE TABLE package_segments (no int, segment text, r_min int, r_max int, f_min int, f_max int, m_min int, m_max int);
	INSERT INTO package_segments VALUES
		(1, 'Champions', 5, 5, 5, 5, 5, 5), (2, 'Potential Loyalist', 3, 5, 3, 5, 2, 5), (3, 'Loyal Customers', 2, 4, 2, 4, 2, 4),
		(4, 'Promising', 3, 4, 1, 3, 3, 5), (5, 'New Customers', 4, 5, 1, 3, 1, 5), (6, 'Can''t Lose Them', 1, 2, 3, 4, 4, 5),
		(7, 'At Risk', 1, 2, 2, 5, 4, 5), (8, 'Need Attention', 1, 3, 3, 5, 3, 5), (9, 'About To Sleep', 2, 3, 1, 3, 1, 4), (10, 'Lost', 1, 1, 1, 5, 1, 5);
	CREATE TABLE package_counts (segment text, customers int);
	INSERT INTO package_counts VALUES ('Potential Loyalist', 342), ('Loyal Customers', 170), ('Lost', 148), ('New Customers', 104), ('About To Sleep', 102),
		('Can''t Lose Them', 47), ('Champions', 35), ('At Risk', 28), ('Need Attention', 10), ('Promising', 9);
	CREATE TABLE package_customers AS
	SELECT customer, (date '2006-12-31' - max(day))::float8 AS recency, count(*) AS orders, sum(revenue)::float8 AS amount FROM rfm_orders GROUP BY customer;
	CREATE TABLE package_scores AS
	SELECT customer, (rfm_score(recency, orders, amount, cuts)).*
	FROM package_customers, (SELECT rfm_cuts(
		(SELECT array_agg(1 + c) FROM unnest(percentile_cont(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY recency)) c),
		(SELECT array_agg(1 + c - 1e-9) FROM unnest(percentile_cont(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY orders)) c),
		(SELECT array_agg(1 + c - 1e-9) FROM unnest(percentile_cont(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY amount)) c)) AS cuts
		FROM package_customers) c;
	CREATE VIEW found AS
	SELECT coalesce(p.segment, 'Others') AS segment, count(*)::int AS customers
	FROM package_scores s LEFT JOIN LATERAL (SELECT segment FROM package_segments
		WHERE s.r BETWEEN r_min AND r_max AND s.f BETWEEN f_min AND f_max AND s.m BETWEEN m_min AND m_max ORDER BY no LIMIT 1) p ON true
	GROUP BY 1;
SQL
check 'customers: 995' "SELECT count(*) - 995 FROM package_scores"
check 'segments of the package, first match first' "SELECT count(*) FROM (TABLE package_counts EXCEPT TABLE found) d"
sql -c "SELECT * FROM found ORDER BY customers DESC"
[ $failed -eq 0 ] && echo 'all checks held' || echo 'some checks FAILED'
exit $failed
