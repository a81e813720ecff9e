-- rfm_table(): against the GROUP BY and the window function it stands for.
SET timezone = 'Europe/Berlin';

CREATE TABLE orders AS
SELECT i AS id, 1 + i * i % 997 % 400 AS customer, date '2025-01-01' + i * 37 % 360 AS day,
	timestamp '2025-01-01' + make_interval(mins => i * 7907 % 500000) AS ts,
	CASE WHEN i % 19 = 0 THEN -(i % 50) ELSE i * 31 % 1000 END AS cents
FROM generate_series(1, 5000) i;
-- only refunds; no customer, no time, no amount
INSERT INTO orders VALUES (6001, 901, '2025-03-03', '2025-03-03', -10), (6002, NULL, '2025-03-03', '2025-03-03', 10),
	(6003, 902, NULL, NULL, 10), (6004, 903, '2025-03-03', '2025-03-03 12:00', NULL);

SELECT t.user, last_order, recency_days, orders, amount, r, f, m, code, segment
FROM rfm_table('SELECT customer, day, cents * 0.01 FROM orders', as_of => '2026-01-01') t
WHERE t.user IN (1, 2, 3, 5, 901, 902, 903) ORDER BY 1;

-- what it stands for
CREATE VIEW grouped AS
SELECT customer, max(day) FILTER (WHERE cents >= 0 OR cents IS NULL) AS last_day, max(ts) FILTER (WHERE cents >= 0 OR cents IS NULL) AS last_ts,
	count(*) FILTER (WHERE cents >= 0 OR cents IS NULL) AS orders, coalesce(sum(cents), 0) AS cents
FROM orders WHERE customer IS NOT NULL AND day IS NOT NULL GROUP BY customer;
CREATE FUNCTION differences(by_hand text, by_table text) RETURNS TABLE (customers bigint, different bigint) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('WITH h AS MATERIALIZED (%s), t AS MATERIALIZED (%s) SELECT (SELECT count(*) FROM t),
		(SELECT count(*) FROM (TABLE h EXCEPT ALL TABLE t) x) + (SELECT count(*) FROM (TABLE t EXCEPT ALL TABLE h) x)', by_hand, by_table);
END $$;
SELECT * FROM differences(
	$$SELECT customer::bigint, last_day::timestamptz, (date '2026-01-01' - last_day)::float8, orders, cents::numeric, (rfm(last_day, orders, cents) OVER ()).* FROM grouped$$,
	$$SELECT * FROM rfm_table('SELECT customer, day, cents FROM orders', as_of => '2026-01-01')$$);
SELECT * FROM differences(
	$$SELECT customer::bigint, last_ts::timestamptz, extract(epoch FROM timestamp '2026-01-01 06:00' - last_ts)::float8 / 86400, orders, cents::numeric,
		(rfm(last_ts, orders, cents, rfm_options(bins => 4, order_bins => 3, nested => true, scheme => 'octant')) OVER ()).* FROM grouped$$,
	$$SELECT * FROM rfm_table('SELECT customer, ts, cents::float8 FROM orders;', as_of => '2026-01-01 06:00', bins => 4, order_bins => 3, nested => true, scheme => 'octant')$$);
-- with time zone a day has 24 hours; without as_of the last order is the day
SELECT * FROM differences(
	$$SELECT customer::bigint, last_ts AT TIME ZONE 'UTC', extract(epoch FROM max(last_ts) OVER () - last_ts)::float8 / 86400, orders, cents::numeric, (rfm(last_ts, orders, cents) OVER ()).* FROM grouped$$,
	$$SELECT * FROM rfm_table('SELECT customer, ts AT TIME ZONE ''UTC'', cents::smallint FROM orders -- a comment')$$);

-- ids of any type
SELECT count(*), min(pg_typeof(t.user)::text), count(DISTINCT code) > 50 AS cells
FROM rfm_table(NULL::uuid, 'SELECT md5(customer::text)::uuid, day, cents FROM orders WHERE cents >= 0') t;
SELECT t.user, orders, code FROM rfm_table(NULL::text, 'SELECT CASE customer % 3 WHEN 0 THEN ''é'' WHEN 1 THEN ''b'' ELSE ''a'' END, day, cents FROM orders WHERE customer < 400') t ORDER BY t.user COLLATE "C";

-- orders after as_of do not count
SELECT count(*), sum(orders), max(last_order), min(recency_days) FROM rfm_table('SELECT customer, day, cents FROM orders', as_of => '2025-06-30') t;
SELECT count(DISTINCT customer), count(*) FILTER (WHERE cents >= 0 OR cents IS NULL), max(day) FROM orders WHERE day <= '2025-06-30' AND customer IS NOT NULL;

-- returns: net of the amount by default, left out, or orders like any other
SELECT rule, t.* FROM unnest('{net,ignore,count}'::text[]) rule,
	rfm_table('SELECT * FROM (VALUES (1, date ''2025-01-01'', 100), (1, ''2025-03-01'', -40), (2, ''2025-02-01'', 30), (3, ''2025-02-02'', -5)) v', as_of => '2025-03-02', refunds => rule) t
ORDER BY rule, t.user;
-- order lines: the lines of an order count once, and an order that is negative in total is a refund
SELECT t.user, last_order, orders, amount FROM rfm_table($$
	SELECT * FROM (VALUES (1, date '2025-01-01', 10.5, 'a'), (1, '2025-01-01', 4.5, 'a'), (1, '2025-02-01', 1, 'b'), (1, '2025-02-02', 2, 'c'),
		(1, '2025-02-02', -5, 'c'), (2, '2025-01-05', 7, 'a'), (2, '2025-01-06', 7, NULL), (2, '2025-01-07', 7, NULL)) v $$, as_of => '2025-03-01') t ORDER BY 1;

-- the whole range of timestamps is more than 63 bits of microseconds
SELECT recency_days FROM rfm_table('SELECT 1, timestamp ''4713-11-24 BC'', 1 UNION ALL SELECT 2, timestamp ''294276-12-31'', 1') ORDER BY 1;

-- yesterday's thresholds
SELECT rfm_cuts_agg(recency_days, orders, amount) AS cuts FROM rfm_table('SELECT customer, day, cents FROM orders', as_of => '2025-06-30') \gset
SELECT count(*), count(*) FILTER (WHERE (t.code, t.segment) IS DISTINCT FROM ((rfm_score(recency_days, orders, amount, :'cuts')).code, (rfm_score(recency_days, orders, amount, :'cuts')).segment)) AS different,
	count(DISTINCT code) > 20 AS cells
FROM rfm_table('SELECT customer, day, cents FROM orders', as_of => '2025-12-31', cuts => :'cuts') t;
SELECT count(*) FILTER (WHERE NOT (a = b)) AS different FROM rfm_table('SELECT customer, day, cents FROM orders', as_of => '2025-06-30', cuts => :'cuts') a
JOIN rfm_table('SELECT customer, day, cents FROM orders', as_of => '2025-06-30') b ON a.user = b.user;

-- spilled, parallel: the same
CREATE TABLE serial_result AS SELECT * FROM rfm_table('SELECT customer, day, cents FROM orders');
SET work_mem = '64kB'; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SELECT * FROM differences('TABLE serial_result', $$SELECT * FROM rfm_table('SELECT customer, day, cents FROM orders')$$);
SELECT count(*), count(DISTINCT code) > 50 AS cells, sum(orders) FROM rfm_table('SELECT i % 70000 * (i % 3), date ''2025-01-01'' + i % 301, i % 997 FROM generate_series(1, 210000) i');
RESET work_mem; RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;

-- nothing, and nobody who ordered
SELECT * FROM rfm_table('SELECT customer, day, cents FROM orders WHERE false');
SELECT * FROM rfm_table('SELECT customer, day, cents FROM orders WHERE cents < -40 AND customer < 100') t ORDER BY t.user LIMIT 2;

-- the caller's rights
CREATE ROLE recsys_rfm_reader;
SET ROLE recsys_rfm_reader;
\set VERBOSITY sqlstate
SELECT * FROM rfm_table('SELECT customer, day, cents FROM orders');
RESET ROLE;
DROP ROLE recsys_rfm_reader;

-- errors
\set VERBOSITY terse
SELECT * FROM rfm_table(NULL::text);
\set VERBOSITY sqlstate
SELECT * FROM rfm_table('DELETE FROM orders RETURNING customer, day, cents');
\set VERBOSITY terse
SELECT * FROM rfm_table('SELECT 1, current_date, 1; SELECT 1, current_date, 1');
SELECT * FROM rfm_table('SELECT customer, day FROM orders');
SELECT * FROM rfm_table('SELECT customer, cents, day FROM orders');
SELECT * FROM rfm_table('SELECT customer, day, day FROM orders');
SELECT * FROM rfm_table('SELECT customer::text, day, cents FROM orders');
SELECT * FROM rfm_table('SELECT 1, current_date, 1) AS q(c1, c2, c3); DROP TABLE orders; --');
SELECT * FROM rfm_table('SELECT 1, timestamp ''infinity'', 1');
SELECT * FROM rfm_table('SELECT 1, current_date, ''NaN''::numeric');
SELECT * FROM rfm_table('SELECT 1, current_date, 1', as_of => 'infinity');
SELECT * FROM rfm_table('SELECT 1, current_date, 1', bins => 1);
SELECT * FROM rfm_table('SELECT 1, current_date, 1', scheme => 'mine');
SELECT * FROM rfm_table('SELECT 1, current_date, 1', refunds => 'maybe');
SELECT * FROM rfm_table('SELECT 1, current_date, 1', bins => 3, cuts => rfm_cuts('{1}', '{1}', '{1}'));
\set VERBOSITY default
\set SHOW_CONTEXT never
-- ids are not rounded; whole numbers of other types are ids
SELECT t.user FROM rfm_table($$VALUES (1.0, date '2026-01-01', 5), (1.4, date '2026-01-02', 7)$$) t;
SELECT t.user FROM rfm_table($$VALUES (1.5::float8, date '2026-01-01', 5)$$) t;
SELECT t.user FROM rfm_table($$VALUES ('NaN'::float4, date '2026-01-01', 5)$$) t;
SELECT t.user, orders FROM rfm_table($$VALUES (1.0, date '2026-01-01', 5), (1.00, date '2026-01-02', 7), (12345678901234567, date '2026-01-03', 1)$$) t ORDER BY 1;
SELECT t.user, orders FROM rfm_table($$VALUES (2::float8, date '2026-01-01', 5)$$) t;
SELECT t.user, orders FROM rfm_table(NULL::numeric, $$VALUES (1.2, date '2026-01-01', 5)$$) t;
SELECT * FROM rfm_table('SELECT customer::text, day, cents FROM orders');
-- an order without amount is an order of nothing, and counts for as_of
SELECT * FROM rfm_table($$VALUES (1, date '2026-01-01', 5), (2, date '2026-01-10', NULL), (3, date '2026-01-05', 7)$$) ORDER BY 1;
SELECT t.user, recency_days, orders, amount, code FROM rfm_table($$VALUES (1, date '2026-01-01', -5), (2, date '2026-01-02', NULL)$$) t ORDER BY 1;
SELECT t.user, recency_days, orders, amount, code FROM rfm_table($$VALUES (1, date '2026-01-01', 5.5::float8, 1), (2, date '2026-01-02', NULL, 2), (2, date '2026-01-03', NULL, 3)$$) t ORDER BY 1;

DROP VIEW grouped;
DROP TABLE orders, serial_result;
DROP FUNCTION differences(text, text);
