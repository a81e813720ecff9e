-- Stages, rates of repurchase, cohorts and the repurchase clock.
SET timezone = 'Europe/Berlin';
SET datestyle = 'ISO';

-- four stages of the shop model
SELECT o, lifecycle_stage(o), lifecycle_stage(o, 0) AS no_referral, lifecycle_stage(o, 1) AS referral FROM unnest(ARRAY[NULL, 0, 1, 2, 50]::bigint[]) o;
SELECT lifecycle_stage(2, NULL);

-- five stages
SELECT last, orders, lifecycle_stage(date '2025-01-01', last, orders, date '2026-01-01') AS stage,
	lifecycle_stage(date '2025-01-01', last, orders, date '2026-01-01', lifecycle_thresholds(decline_days => 10, lost_days => 20, mature_orders => 2)) AS strict_stage
FROM (VALUES (date '2025-12-31', 1), ('2025-12-31', 2), ('2025-12-31', 3), ('2025-12-31', 4), ('2025-12-22', 4), ('2025-12-21', 4), ('2025-10-03', 4), ('2025-10-02', 4), ('2025-07-05', 9), ('2025-07-04', 9), ('2025-01-01', 0)) v(last, orders);
SELECT lifecycle_stage(timestamp '2025-01-01', '2025-10-02 23:59:59', 4, '2026-01-01') AS declining, lifecycle_stage(timestamptz '2025-01-01', '2025-12-01', 4, '2026-01-01') AS mature;
SELECT lifecycle_stage(NULL::date, NULL, 0, '2026-01-01'), lifecycle_stage(date '2025-01-01', '2025-01-01', 1, '2025-01-01', NULL);
SELECT lifecycle_thresholds(), lifecycle_thresholds(decline_days => 200), lifecycle_thresholds(mature_orders => NULL), lifecycle_stage(date '2025-01-01', '2025-06-01', 9, '2025-12-01', lifecycle_thresholds(decline_days => 200));

CREATE TABLE orders AS
SELECT i, 1 + i * i % 997 % 211 AS customer, timestamp '2025-01-01' + make_interval(mins => i * 7907 % 500000) AS ts FROM generate_series(1, 2000) i;
-- the same order in two lines; no customer; no time; only one order
INSERT INTO orders SELECT 3000 + i, customer, ts FROM orders WHERE i <= 100;
INSERT INTO orders VALUES (4001, NULL, '2025-03-03'), (4002, 500, NULL), (4003, 501, '2025-03-30 01:00'), (4004, 502, '2025-10-26 02:30');
CREATE VIEW gaps AS SELECT customer, extract(epoch FROM ts - lag(ts) OVER (PARTITION BY customer ORDER BY ts))::float8 / 86400 AS gap FROM orders WHERE customer IS NOT NULL;

-- thresholds from data
SELECT t.decline_days = p[1] AS decline, t.lost_days = p[2] AS lost, t.mature_orders, u.decline_days = p[3] AS median, u.lost_days = p[4] AS most
FROM (SELECT (lifecycle_thresholds_agg(gap)).* FROM gaps) t, (SELECT (lifecycle_thresholds_agg(gap, 0.5, 1)).* FROM gaps) u,
	(SELECT percentile_disc(ARRAY[0.8, 0.95, 0.5, 1]) WITHIN GROUP (ORDER BY gap) AS p FROM gaps WHERE gap > 0) p;
SELECT lifecycle_thresholds_agg(g) FROM unnest(ARRAY[NULL, 0]) g;
SELECT lifecycle_thresholds_agg(7);
SELECT lifecycle_stage(min(ts), max(ts), count(*), '2026-01-01', (SELECT lifecycle_thresholds_agg(gap) FROM gaps)) AS stage, count(*) OVER () > 0 AS any
FROM orders WHERE customer = 1 GROUP BY customer;

-- rates, against their definition
CREATE VIEW firsts AS
SELECT customer, min(ts::timestamptz) AS first, (array_agg(DISTINCT ts::timestamptz ORDER BY ts::timestamptz))[2] AS second FROM orders WHERE customer IS NOT NULL AND ts IS NOT NULL GROUP BY customer;
SELECT second_order_rate_agg(customer, ts) = (SELECT avg((second IS NOT NULL)::int)::float8 FROM firsts) AS same, round(second_order_rate_agg(customer, ts)::numeric, 4) AS rate FROM orders;
SELECT w, repurchase_rate_agg(customer, ts, w) = (SELECT avg((coalesce(second <= first + w, false))::int)::float8 FROM firsts) AS same,
	repurchase_rate_agg(customer, ts, w, '2025-09-01') = (SELECT avg((coalesce(second <= first + w AND second <= '2025-09-01', false))::int)::float8 FROM firsts WHERE first + w <= '2025-09-01') AS same_as_of,
	round(repurchase_rate_agg(customer, ts, w)::numeric, 4) AS rate
FROM orders, unnest(ARRAY[interval '3 days', '30 days', '1 month', '12:30']) w GROUP BY w ORDER BY w;
-- 30 days are 30 days of the calendar, whatever the clock does in between
SELECT repurchase_rate_agg(1, d, '30 days') FROM unnest(ARRAY[date '2025-03-15', '2025-04-14']) d;
SELECT repurchase_rate_agg(1, d, '30 days', '2025-04-13'), repurchase_rate_agg(1, d, '30 days', '2025-04-14') FROM unnest(ARRAY[date '2025-03-15', '2025-04-14']) d;
SELECT second_order_rate_agg(u, t) FROM (VALUES ('a', now()), ('b', now()), ('a', now()), (NULL, now()), ('b', NULL), ('a', now() - interval '1 s')) v(u, t);
SELECT second_order_rate_agg(md5(customer::text)::uuid, ts) = second_order_rate_agg(customer, ts) AS same FROM orders;
SELECT second_order_rate_agg(1, now()) WHERE false;
SELECT second_order_rate_agg(NULL::int, now());
SELECT second_order_rate_agg(1, now());

-- cohorts, against their definition
CREATE FUNCTION cohorts(p text) RETURNS TABLE (cohorts bigint, rows bigint, different bigint) LANGUAGE sql AS $$
	WITH active AS (SELECT DISTINCT customer, date_trunc(p, ts)::date AS d FROM orders WHERE customer IS NOT NULL AND ts IS NOT NULL),
		first AS (SELECT customer, min(d) AS cohort FROM active GROUP BY customer),
		sizes AS (SELECT cohort, count(*) AS customers FROM first GROUP BY cohort),
		expected AS (SELECT cohort, CASE p WHEN 'day' THEN d - cohort WHEN 'week' THEN (d - cohort) / 7
			WHEN 'month' THEN 12 * (extract(year FROM d) - extract(year FROM cohort)) + extract(month FROM d) - extract(month FROM cohort)
			WHEN 'quarter' THEN 4 * (extract(year FROM d) - extract(year FROM cohort)) + extract(quarter FROM d) - extract(quarter FROM cohort)
			ELSE extract(year FROM d) - extract(year FROM cohort) END::int AS period, customers, count(*) AS active, count(*)::float8 / customers AS retention
			FROM active JOIN first USING (customer) JOIN sizes USING (cohort) GROUP BY 1, 2, 3),
		found AS (SELECT c.* FROM (SELECT cohort_retention_agg(customer, ts, p) AS a FROM orders) q, unnest(a) c)
	SELECT (SELECT count(DISTINCT cohort) FROM found), (SELECT count(*) FROM found),
		(SELECT count(*) FROM (TABLE expected EXCEPT ALL TABLE found) d) + (SELECT count(*) FROM (TABLE found EXCEPT ALL TABLE expected) d) $$;
SELECT p, c.* FROM unnest('{day,week,month,quarter,year}'::text[]) p, cohorts(p) c;
SELECT c.* FROM (SELECT cohort_retention_agg(u, d, 'month') AS a FROM (VALUES ('a', date '2024-12-31'), ('a', '2025-01-01'), ('a', '2025-01-31'), ('b', '2024-12-01'), ('b', '2025-03-01'), ('c', '2025-03-31')) v(u, d)) q, unnest(a) c;
SELECT cohort_retention_agg(1, now(), 'week') WHERE false;

-- the clock
SELECT (repurchase_clock_agg(ts, repurchase_options(as_of => '2025-02-15'))).* FROM unnest(ARRAY[timestamptz '2025-01-01 10:00', '2025-01-11 10:00', '2025-01-11 10:00', '2025-01-31 10:30', '2025-03-01']) ts;
SELECT (repurchase_clock_agg(ts)).* FROM unnest(ARRAY[timestamptz '2025-01-06 09:00']) ts;
SELECT (repurchase_clock_agg(ts, repurchase_options(as_of => '2025-02-05 09:00', prior_gap => 15))).* FROM unnest(ARRAY[timestamptz '2025-01-06 09:00']) ts;
-- drawn towards the prior: (1 gap of 40 + 2 of 10) / 3
SELECT (repurchase_clock_agg(ts, repurchase_options(prior_gap => 10))).expected_gap, (repurchase_clock_agg(ts, repurchase_options(prior_gap => 10, prior_weight => 0))).expected_gap
FROM unnest(ARRAY[timestamptz '2025-01-01', '2025-02-10']) ts;
SELECT repurchase_clock_agg(NULL::timestamptz), repurchase_clock_agg(now(), repurchase_options(as_of => '2020-01-01'));
SELECT count(*) AS customers, count(*) FILTER (WHERE c.orders = n AND c.gaps = n - 1 AND c.last_order = last
	AND (n = 1 OR abs(c.mean_gap - mean) < 1e-9 AND abs(c.median_gap - p[1]) < 1e-9 AND abs(c.p80_gap - p[2]) < 1e-9 AND abs(extract(epoch FROM c.next_due - last) / 86400 - c.mean_gap) < 1e-9)
	AND c.best_hour = hour AND c.best_weekday = weekday) AS right
FROM (SELECT customer, (repurchase_clock_agg(ts)).* FROM orders GROUP BY customer) c JOIN (
	SELECT customer, count(*) AS n, max(ts) AS last, avg(gap) AS mean, percentile_cont(ARRAY[0.5, 0.8]) WITHIN GROUP (ORDER BY gap) AS p,
		mode() WITHIN GROUP (ORDER BY extract(hour FROM ts)) AS hour, mode() WITHIN GROUP (ORDER BY extract(isodow FROM ts)) AS weekday
	FROM (SELECT customer, ts, extract(epoch FROM ts - lag(ts) OVER (PARTITION BY customer ORDER BY ts))::float8 / 86400 AS gap
		FROM (SELECT DISTINCT customer, ts::timestamptz FROM orders WHERE ts IS NOT NULL AND customer IS NOT NULL) d) g GROUP BY customer) e USING (customer);

-- any split, any order
CREATE TABLE parts (i int, customer int, ts timestamp) PARTITION BY HASH (i);
CREATE TABLE part0 PARTITION OF parts FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE part1 PARTITION OF parts FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE part2 PARTITION OF parts FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO parts TABLE orders;
ANALYZE parts;
CREATE VIEW everything AS
SELECT second_order_rate_agg(customer, ts) AS a, second_order_rate_agg(md5(customer::text), ts) AS b, repurchase_rate_agg(customer, ts, '20 days') AS c, repurchase_rate_agg(customer, ts, '20 days', '2025-10-01') AS d,
	cohort_retention_agg(customer, ts, 'week')::text AS e, cohort_retention_agg(md5(customer::text), ts, 'month')::text AS f,
	lifecycle_thresholds_agg(i)::text AS g, repurchase_clock_agg(ts, repurchase_options(as_of => '2026-01-01', prior_gap => 3))::text AS h
FROM parts;
CREATE FUNCTION partial_nodes(query text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE line text; n int := 0;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP n := n + (line LIKE '%Partial Aggregate%')::int; END LOOP;
	RETURN n > 0;
END $$;
SELECT partial_nodes('TABLE everything') AS partial;
CREATE TABLE serial AS TABLE everything;
SET enable_partitionwise_aggregate = on;
SELECT partial_nodes('TABLE everything') AS partial;
SELECT count(*) FROM (TABLE serial INTERSECT TABLE everything) s;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
RESET enable_partitionwise_aggregate;
SELECT partial_nodes('TABLE everything') AS partial;
SELECT count(*) FROM (TABLE serial INTERSECT TABLE everything) s;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;
SELECT second_order_rate_agg(customer, ts ORDER BY i % 10, -i) = (SELECT a FROM serial) AS a, cohort_retention_agg(customer, ts, 'week' ORDER BY i % 10, -i)::text = (SELECT e FROM serial) AS e FROM parts;

-- errors
\set VERBOSITY terse
SELECT lifecycle_stage(-1);
SELECT lifecycle_stage(1, -1);
SELECT lifecycle_stage(date '2025-01-02', '2025-01-01', 2, '2025-01-03');
SELECT lifecycle_stage(date '2025-01-01', '2025-01-02', 2, '2025-01-01');
-- differences that need 64 bits without the sign, and dates that are no timestamps
SELECT lifecycle_stage(timestamp '4713-01-01 BC', '4713-01-01 BC', 1, '294276-12-31');
SELECT lifecycle_stage(date '2000-01-01', '300000-01-01', 1, '400000-01-01');
SELECT lifecycle_stage(date '2025-01-01', 'infinity', 2, '2025-01-01');
SELECT lifecycle_thresholds(decline_days => -1);
SELECT lifecycle_thresholds(decline_days => 10, lost_days => 5);
SELECT lifecycle_thresholds(mature_orders => 1);
SELECT lifecycle_thresholds_agg(-1);
SELECT lifecycle_thresholds_agg('NaN');
SELECT lifecycle_thresholds_agg(1, 0.9, 0.8);
SELECT lifecycle_thresholds_agg(1, 0.9, NULL);
SELECT second_order_rate_agg(1, 'infinity');
SELECT second_order_rate_agg(point(1, 1), now());
SELECT repurchase_rate_agg(1, now(), NULL);
SELECT repurchase_rate_agg(1, now(), '0');
SELECT repurchase_rate_agg(1, now(), '-1 day');
SELECT repurchase_rate_agg(1, now(), '1 day', NULL);
SELECT cohort_retention_agg(1, now(), 'fortnight');
SELECT cohort_retention_agg(1, now(), NULL);
SELECT cohort_retention_agg(1, '0044-03-15 BC', 'month');
SELECT repurchase_clock_agg('-infinity');
SELECT repurchase_clock_agg(now(), NULL);
SELECT repurchase_options(prior_gap => -1);
SELECT repurchase_options(prior_weight => 'NaN');
SELECT repurchase_options(as_of => 'infinity');
\set VERBOSITY default
SELECT lifecycle_thresholds(lost_days => 30);
SELECT lifecycle_thresholds(decline_days => 100, lost_days => 30);
SELECT lifecycle_thresholds_agg(3, 0.9, 0.5);

DROP FUNCTION cohorts(text), partial_nodes(text);
DROP VIEW everything, firsts, gaps;
DROP TABLE orders, parts, serial;
