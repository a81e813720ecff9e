-- Options, cut points as a value, rfm_score() and rfm_bin().

CREATE TABLE customers AS
SELECT i AS id, i % 5 AS region, timestamp '2026-01-01' - make_interval(secs => (i * bigint '7919' % 10007) * 2711.5) AS last_order,
	(1 + i * 31 % 97 % 23)::bigint AS orders, ((i * bigint '104729') % 65537 - 300)::numeric / 8 AS amount
FROM generate_series(1, 4000) i;
INSERT INTO customers SELECT 5000 + i, 6, '2025-11-11', 3, 0 FROM generate_series(1, 500) i;
INSERT INTO customers VALUES (6001, 1, NULL, 0, NULL), (6002, 1, '2025-01-01', 2, NULL), (6003, 1, NULL, NULL, 5);
-- recency in days on the day that is looked at
CREATE VIEW recent AS
SELECT *, extract(epoch FROM timestamp '2026-02-01' - last_order)::float8 / 86400 AS recency FROM customers;

-- cut points are percentile_disc: of recency, from the other side
WITH c AS (SELECT rfm_cuts_agg(recency, orders, amount) AS cuts FROM recent)
SELECT r.*, r.cuts = CASE dimension
	WHEN 'recency' THEN (SELECT percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY recency DESC) FROM recent WHERE num_nulls(recency, orders, amount) = 0)
	WHEN 'orders' THEN (SELECT percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY orders::float8) FROM recent WHERE num_nulls(recency, orders, amount) = 0)
	ELSE (SELECT percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY amount::float8) FROM recent WHERE num_nulls(recency, orders, amount) = 0) END AS right
FROM c, rfm_cuts_report(cuts) r;

-- the value: text, and back; by hand; in any order
SELECT rfm_cuts_agg(i, i, i * 1.5) AS cuts FROM generate_series(1, 10) i \gset
SELECT :'cuts'::rfm_cuts;
SELECT :'cuts'::rfm_cuts::text = :'cuts' AS same;
SELECT rfm_cuts('{30,90}', '{1,5,2}', '{100.5,0.1}');
SELECT rfm_cuts(ARRAY[30,90], ARRAY[1], ARRAY[1e-7], scheme => 'octant');
SELECT ' { "amount" : [1], "recency":[2,9,3.50], "orders" : [1e2] }'::rfm_cuts;
SELECT * FROM rfm_cuts_report(rfm_cuts('{30,90}', '{1,5,2}', '{100.5,0.1}'));
-- more than 90 days, 90 to more than 30, 30 and less; 1 and less, more than 1 to 2, ...
SELECT d, (rfm_score(d, 2, 0.1, rfm_cuts('{30,90}', '{1,5,2}', '{100.5,0.1}'))).* FROM unnest(ARRAY[91, 90, 30.5, 30, 0, -1]) d;
SELECT o, (rfm_score(10, o, 0.1, rfm_cuts('{30,90}', '{1,5,2}', '{100.5,0.1}'))).f FROM unnest(ARRAY[0, 1, 2, 3, 5, 6]) o;
SELECT rfm_score(NULL, 1, 1, rfm_cuts('{30,90}', '{1,5,2}', '{100.5,0.1}')), rfm_score(1, 1, 1, NULL);
-- in a table, in binary
CREATE TABLE kept (name text, cuts rfm_cuts);
INSERT INTO kept SELECT 'day 0', rfm_cuts_agg(recency, orders, amount, rfm_options(nested => true)) FROM recent;
SELECT '/tmp/recsys_rfm_cuts.' || pg_backend_pid() AS file \gset
COPY kept TO :'file' (FORMAT binary);
COPY kept FROM :'file' (FORMAT binary);
\set removed `rm -f :'file'`
SELECT count(*), count(DISTINCT cuts::text), min(length(cuts::text)) > 500 AS nested FROM kept;
SELECT dimension, count(*), count(r) AS r, count(f) AS f, min(cardinality(r.cuts)) FROM kept, rfm_cuts_report(kept.cuts) r GROUP BY 1 ORDER BY 1;

-- rfm_score() with the cuts of the data is rfm() OVER (), under every option
CREATE TABLE asked (no int, options rfm_options);
INSERT INTO asked VALUES
	(1, rfm_options()), (2, rfm_options(bins => 2)), (3, rfm_options(bins => 10)), (4, rfm_options(nested => true)),
	(5, rfm_options(recency_bins => 3, order_bins => 4, amount_bins => 7)), (6, rfm_options(bins => 4, nested => true, order_bins => 10)),
	(7, rfm_options(scheme => 'octant')), (8, rfm_options(scheme => 'tier4', method => 'median')),
	(9, rfm_options(scheme => 'octant', method => 'top', top => 0.3)), (10, rfm_options(scheme => 'octant', bins => 5)),
	(11, rfm_options(scheme => 'octant', method => 'mean', nested => true)), (12, rfm_options(method => 'median'));
SELECT no, count(*), count(DISTINCT code), count(DISTINCT segment), min(segment COLLATE "C"), max(code),
	count(*) FILTER (WHERE g IS DISTINCT FROM s) AS different
FROM (SELECT no, (g).*, g, s FROM (
	SELECT no, rfm(last_order, orders, amount, options) OVER (PARTITION BY no) AS g, rfm_score(recency, orders, amount, cuts) AS s
	FROM recent, (SELECT no, options, rfm_cuts_agg(recency, orders, amount, options) AS cuts FROM recent, asked GROUP BY no, options) c) x) y
GROUP BY no ORDER BY no;

-- nested cuts against their definition
WITH r AS (SELECT id, orders, amount, rfm_bin(last_order, 5) OVER () AS r FROM customers WHERE num_nulls(last_order, orders, amount) = 0),
	f AS (SELECT *, rfm_bin(orders, 5) OVER (PARTITION BY r) AS f FROM r),
	m AS (SELECT id, r, f, rfm_bin(amount, 5) OVER (PARTITION BY r, f) AS m FROM f)
SELECT count(*), count(DISTINCT (r, f, m)) FROM m JOIN (
	SELECT id, (rfm(last_order, orders, amount, rfm_options(nested => true)) OVER ()).* FROM customers) n USING (id, r, f, m);
-- a cell without customers takes the cut points of a neighbour
SELECT rfm_cuts_agg(1, i, i, rfm_options(bins => 3, nested => true)) FROM generate_series(1, 9) i;

-- high means above the mean, above the median, among the top share
SELECT i, (rfm(date '2026-01-01' + i::int, i, v, rfm_options(scheme => 'octant')) OVER ()).code AS mean,
	(rfm(date '2026-01-01' + i::int, i, v, rfm_options(scheme => 'octant', method => 'median')) OVER ()).code AS median,
	(rfm(date '2026-01-01' + i::int, i, v, rfm_options(scheme => 'octant', method => 'top')) OVER ()).code AS top,
	(rfm(date '2026-01-01' + i::int, i, v, rfm_options(scheme => 'octant')) OVER ()).segment
FROM unnest(ARRAY[0, 4, 6, 8, 12]) WITH ORDINALITY AS u(v, i) ORDER BY i;
-- a mean does not depend on the order of addition
SELECT count(DISTINCT cuts) FROM (
	SELECT rfm_cuts_agg(v, i, v, rfm_options(scheme => 'octant'))::text AS cuts FROM (
		SELECT s, i, (CASE i % 3 WHEN 0 THEN 1e16 WHEN 1 THEN -1e16 ELSE 0.1 END) * i AS v FROM generate_series(1, 8) s, generate_series(1, 200) i
		ORDER BY s, hashint8(s * i)) x GROUP BY s) y;

-- rfm_bin: any sortable type against percentile_disc
CREATE TABLE bins AS
SELECT i, CASE WHEN i % 50 > 0 THEN (i * 37 % 211) END::int4 AS int4, (i * 37 % 211 - 100)::int2 AS int2, (i * bigint '9007199254740993')::int8 AS int8,
	sin(i)::float4 AS float4, CASE i % 20 WHEN 0 THEN 'NaN' WHEN 1 THEN '-Infinity' WHEN 2 THEN '-0' ELSE cos(i) END::float8 AS float8,
	(i * 37 % 211)::numeric / 1e25::numeric + 1 AS numeric, CASE i WHEN 7 THEN date 'infinity' ELSE date '2026-01-01' + i * 13 % 50 END AS date, to_timestamp(i * 1e6) AS timestamptz,
	CASE WHEN i % 9 > 0 THEN md5(i::text) END COLLATE "C" AS text, make_interval(days => i % 40, hours => i * 7 % 48) AS interval
FROM generate_series(1, 1000) i;
CREATE FUNCTION wrong_bins(col text, bins int) RETURNS TABLE (wrong bigint, bins_used bigint, nulls bigint) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format($q$
		SELECT count(*) FILTER (WHERE found IS DISTINCT FROM CASE WHEN v IS NOT NULL THEN 1 + (SELECT count(*) FROM unnest(cuts) c WHERE c < v)::int END),
			count(DISTINCT found), count(*) FILTER (WHERE found IS NULL)
		FROM (SELECT %1$I AS v, rfm_bin(%1$I, %2$s) OVER () AS found FROM bins) b,
			(SELECT percentile_disc((SELECT array_agg(k / %2$s::float8) FROM generate_series(1, %2$s - 1) k)) WITHIN GROUP (ORDER BY %1$I) AS cuts FROM bins) c $q$, col, bins);
END $$;
SELECT c, n, w.* FROM unnest('{int4,int2,int8,float4,float8,numeric,date,timestamptz,text,interval}'::text[]) WITH ORDINALITY AS t(c, o),
	unnest(ARRAY[2, 5, 10]) n, LATERAL wrong_bins(c, n) w ORDER BY o, n;
SELECT rfm_bin(v, 5) OVER () FROM unnest(ARRAY[NULL, NULL]::text[]) v;
SELECT rfm_bin(v, 5) OVER () FROM unnest(ARRAY['b', 'B', 'a', NULL, 'a']) v;

-- parallel and partition-wise plans
CREATE TABLE parts (LIKE customers) PARTITION BY HASH (id);
CREATE TABLE part0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE part1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parts TABLE customers;
ANALYZE parts;
CREATE FUNCTION partial_nodes(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE line text; n int := 0;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP n := n + (line LIKE '%Partial Aggregate%')::int; END LOOP;
	RETURN n;
END $$;
SELECT 'SELECT rfm_cuts_agg(extract(epoch FROM timestamp ''2026-02-01'' - last_order)::float8 / 86400, orders, amount, rfm_options(bins => 7)) FROM parts' AS query \gset
SELECT partial_nodes(:'query') > 0 AS partial;
:query \gset serial_
SET enable_partitionwise_aggregate = on;
SELECT partial_nodes(:'query') > 0 AS partial;
:query \gset partitionwise_
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
RESET enable_partitionwise_aggregate;
SELECT partial_nodes(:'query') > 0 AS partial;
:query \gset parallel_
SELECT :'serial_rfm_cuts_agg' = :'partitionwise_rfm_cuts_agg' AS partitionwise, :'serial_rfm_cuts_agg' = :'parallel_rfm_cuts_agg' AS parallel;
SELECT rfm_cuts_agg(1, 1, 1) FROM parts WHERE false;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;

-- empty, NULL, one, all equal; as a window aggregate whose frame grows
SELECT rfm_cuts_agg(1, 1, 1) FROM generate_series(1, 0);
SELECT rfm_cuts_agg(NULL, 1, 1) FROM generate_series(1, 3);
SELECT rfm_cuts_agg(1, 1, 1);
SELECT rfm_cuts_agg(7, 2, 5) FROM generate_series(1, 1000);
SELECT i, rfm_cuts_agg(i, i, i, rfm_options(bins => 2)) OVER (ORDER BY i) FROM generate_series(1, 4) i;
-- more than fits into work_mem
SET work_mem = '64kB';
SELECT r.dimension, r.distinct_bins, r.cuts FROM (SELECT rfm_cuts_agg(i, i / 7, i % 1000) AS c FROM generate_series(1, 100000) i) x, rfm_cuts_report(c) r;
SELECT i, c::text = (SELECT rfm_cuts_agg(j, j / 7, j % 1000) FROM generate_series(1, i) j)::text AS same FROM (
	SELECT i, rfm_cuts_agg(i, i / 7, i % 1000) OVER (ORDER BY (i - 1) / 20000) AS c FROM generate_series(1, 80000) i) x WHERE i % 20000 = 0 ORDER BY i;
RESET work_mem;

-- many ties in a range that spans the floats; all the same; two values only
CREATE TABLE ties AS SELECT i, CASE i % 3 WHEN 0 THEN 0.1 WHEN 1 THEN exp(i % 1300 - 600) ELSE -7 END::float8 AS v FROM generate_series(1, 200000) i;
SELECT dimension, distinct_bins, r.cuts = CASE dimension WHEN 'recency' THEN (SELECT percentile_disc(ARRAY[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]) WITHIN GROUP (ORDER BY v DESC) FROM ties)
	WHEN 'amount' THEN (SELECT percentile_disc(ARRAY[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]) WITHIN GROUP (ORDER BY v) FROM ties)
	ELSE array_fill(9223372036854775807, ARRAY[9])::float8[] END AS right
FROM (SELECT rfm_cuts_agg(v, 9223372036854775807, v, rfm_options(bins => 10)) AS c FROM ties) x, rfm_cuts_report(c) r;
SELECT bin, count(*), min(v), max(v) FROM (SELECT v, rfm_bin(v, 3) OVER () AS bin FROM (SELECT CASE WHEN i > 70000 THEN 1.7e308 ELSE -1.7e308 END AS v FROM generate_series(1, 140001) i) s) t GROUP BY bin ORDER BY bin;
DROP TABLE ties;

-- errors
\set VERBOSITY terse
SELECT rfm_options(bins => 1);
SELECT rfm_options(bins => 11);
SELECT rfm_options(amount_bins => 0);
SELECT rfm_options(scheme => 'mine');
SELECT rfm_options(method => 'guess');
SELECT rfm_options(method => 'mean', bins => 5);
SELECT rfm_options(method => 'top', top => 1);
SELECT rfm_options(top => 0.5);
SELECT rfm(date '2026-01-01', 1, 1, NULL) OVER ();
SELECT rfm_cuts_agg(1, 1, 1, NULL);
SELECT rfm_cuts_agg('NaN', 1, 1);
SELECT rfm_cuts_agg(1, -1, 1);
SELECT rfm_cuts_agg(1, 1, 'inf');
SELECT rfm_score('inf', 1, 1, rfm_cuts('{1}', '{1}', '{1}'));
SELECT rfm_cuts('{}', '{1}', '{1}');
SELECT rfm_cuts('{1}', '{1,2,3,4,5,6,7,8,9,10}', '{1}');
SELECT rfm_cuts('{1,NULL}', '{1}', '{1}');
SELECT rfm_cuts('{{1}}', '{1}', '{1}');
SELECT rfm_cuts('{NaN}', '{1}', '{1}');
SELECT rfm_cuts('{1}', '{1}', '{1}', 'mine');
SELECT 'nonsense'::rfm_cuts;
SELECT '[1]'::rfm_cuts;
SELECT '1'::rfm_cuts;
SELECT '{"recency": [1], "orders": [1]}'::rfm_cuts;
SELECT '{"recency": [1], "orders": [1], "amount": 7}'::rfm_cuts;
SELECT '{"recency": [1], "orders": [], "amount": [7]}'::rfm_cuts;
SELECT '{"recency": [1], "orders": ["1"], "amount": [7]}'::rfm_cuts;
SELECT '{"recency": [1], "orders": [1], "amount": [7], "cheme": "octant"}'::rfm_cuts;
SELECT '{"recency": [1], "orders": [1], "amount": [7], "scheme": "mine"}'::rfm_cuts;
SELECT '{"recency": [1], "orders": [1], "amount": [7], "nested": true}'::rfm_cuts;
SELECT '{"recency": [1], "orders": [[1]], "amount": [[7]], "nested": true}'::rfm_cuts;
SELECT '{"recency": [1], "orders": [[1],[1,2]], "amount": [[7],[7],[7],[7]], "nested": true}'::rfm_cuts;
SELECT '{"recency": [1], "orders": [1], "amount": [7], "distinct_bins": [1, 2]}'::rfm_cuts;
SELECT '{"recency": [1], "orders": [1], "amount": [7], "distinct_bins": [1, 2, 99]}'::rfm_cuts;
\set VERBOSITY sqlstate
SELECT '{"recency": [1e999], "orders": [1], "amount": [7]}'::rfm_cuts;
SELECT '{"recency": [1], "orders": [1]'::rfm_cuts;
SELECT rfm_bin(1, 1) OVER ();
SELECT rfm_bin(1, NULL) OVER ();
SELECT rfm_bin(point(1, 1), 5) OVER ();
\set VERBOSITY default

DROP VIEW recent;
DROP TABLE customers, kept, asked, bins, parts;
DROP FUNCTION wrong_bins(text, int), partial_nodes(text);
