-- rfm() OVER (): scores against their definition in plain SQL.

-- 5 is best; equal values get equal scores; NULLs take no part
SELECT c, last_order, orders, amount, (rfm(last_order, orders, amount) OVER ()).*
FROM (VALUES
	('ann', date '2026-01-10', 9, 900.00),
	('bob', '2026-01-10', 1, 10.50),
	('cem', '2025-11-30', 4, 310.00),
	('dan', '2025-06-01', 1, 10.50),
	('eve', NULL, NULL, NULL),
	('fay', '2025-02-11', 7, 560.00),
	('gil', '2025-12-24', 1, 75.00)) AS v(c, last_order, orders, amount)
ORDER BY c;

-- what a score is: 1 + the number of cut points below the value, the k-th cut
-- point being percentile_disc(k / 5); and what a segment is
CREATE TABLE grid (segment text, r int4range, f int4range);
INSERT INTO grid VALUES
	('hibernating', '[1,2]', '[1,2]'), ('at_risk', '[1,2]', '[3,4]'), ('cant_lose', '[1,2]', '[5,5]'),
	('about_to_sleep', '[3,3]', '[1,2]'), ('need_attention', '[3,3]', '[3,3]'), ('loyal', '[3,4]', '[4,5]'),
	('promising', '[4,4]', '[1,1]'), ('new', '[5,5]', '[1,1]'), ('potential_loyalist', '[4,5]', '[2,3]'),
	('champions', '[5,5]', '[4,5]');

CREATE TABLE customers (id int, region int, last_order timestamptz, orders int, amount numeric);
SELECT setseed(0.42);
INSERT INTO customers
SELECT i, (random() * 3)::int,
	timestamptz '2026-01-01 UTC' - (random() * random() * 31536000) * interval '1 s',
	1 + floor(-3 * ln(1 - random())),
	round((exp(3 + 1.5 * random()) * (random() - 0.1))::numeric, 2)
FROM generate_series(1, 5000) i;
-- customers without orders, ties, zero, negative and extreme amounts
INSERT INTO customers SELECT 5000 + i, i % 4, NULL, 0, NULL FROM generate_series(1, 50) i;
INSERT INTO customers SELECT 6000 + i, 7, '2025-05-05 12:00 UTC', 2, 10 FROM generate_series(1, 300) i;
INSERT INTO customers VALUES
	(7001, 1, '2025-05-05 12:00:00.000001 UTC', 2000000000, 0), (7002, 1, '1900-01-01 UTC', 1, -123456.78),
	(7003, 1, '2300-01-01 UTC', 1, 1e30), (7004, 1, '2025-05-05 UTC', 0, 1e-30), (7005, 8, '2025-05-05 UTC', 3, 5),
	(7006, 9, NULL, 0, NULL);

CREATE FUNCTION expected_scores(OUT region int, OUT id int, OUT r int, OUT f int, OUT m int)
RETURNS SETOF record LANGUAGE sql AS $$
	WITH cuts AS (
		SELECT region,
			percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY last_order) AS r,
			percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY orders) AS f,
			percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY amount) AS m
		FROM customers WHERE last_order IS NOT NULL
		GROUP BY GROUPING SETS ((region), ()))
	SELECT cuts.region, c.id,
		1 + (SELECT count(*) FROM unnest(cuts.r) x WHERE x < c.last_order)::int,
		1 + (SELECT count(*) FROM unnest(cuts.f) x WHERE x < c.orders)::int,
		1 + (SELECT count(*) FROM unnest(cuts.m) x WHERE x < c.amount)::int
	FROM customers c JOIN cuts ON cuts.region IS NULL OR cuts.region = c.region
	WHERE c.last_order IS NOT NULL $$;

CREATE VIEW expected AS
SELECT e.*, 100 * e.r + 10 * e.f + e.m AS code, g.segment
FROM expected_scores() e JOIN grid g ON g.r @> e.r AND g.f @> e.f;

CREATE VIEW found AS
SELECT NULL::int AS region, id, (g).* FROM (SELECT id, rfm(last_order, orders, amount) OVER () AS g FROM customers) s
UNION ALL
SELECT region, id, (g).* FROM (SELECT region, id, rfm(last_order, orders, amount) OVER (PARTITION BY region) AS g FROM customers) s;

SELECT count(*), count(DISTINCT code) > 50 AS many_cells, count(DISTINCT segment) AS segments FROM expected;
SELECT count(*) FROM (TABLE expected EXCEPT ALL SELECT * FROM found) d;
SELECT count(*), count(r) FROM (SELECT * FROM found EXCEPT ALL TABLE expected) d;

-- the same from a spool that does not fit into work_mem, and in any order of rows
CREATE TABLE big AS
SELECT i AS id, timestamp '2026-01-01' - (i * bigint '7919' % 100003) * interval '17.000123 s' AS last_order,
	(i * 31 % 17)::bigint AS orders, ((i * bigint '104729') % 65537 - 300)::float8 / 7 AS amount
FROM generate_series(1, 150000) i;
CREATE TABLE big_found AS SELECT id, (rfm(last_order, orders, amount) OVER ()).* FROM big;
SET work_mem = '64kB';
SELECT count(*) FROM (
	SELECT id, (rfm(last_order, orders, amount) OVER (ORDER BY hashint4(id) ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)).* FROM big
	EXCEPT ALL TABLE big_found) d;
-- many partitions, each with a file; and a query that stops before its end
SELECT count(DISTINCT code) > 50, count(*) FROM
	(SELECT (rfm(last_order, orders, amount) OVER (PARTITION BY id % 3)).code FROM big) s;
SELECT (rfm(last_order, orders, amount) OVER (ORDER BY id)).code IS NOT NULL AS scored FROM big LIMIT 1;
RESET work_mem;
WITH cuts AS (
	SELECT percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY last_order) AS r,
		percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY orders) AS f,
		percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY amount) AS m FROM big)
SELECT count(*) FROM big_found s JOIN big b USING (id), cuts
WHERE (s.r, s.f, s.m) IS DISTINCT FROM
	(1 + (b.last_order > cuts.r[1])::int + (b.last_order > cuts.r[2])::int + (b.last_order > cuts.r[3])::int + (b.last_order > cuts.r[4])::int,
	 1 + (b.orders > cuts.f[1])::int + (b.orders > cuts.f[2])::int + (b.orders > cuts.f[3])::int + (b.orders > cuts.f[4])::int,
	 1 + (b.amount > cuts.m[1])::int + (b.amount > cuts.m[2])::int + (b.amount > cuts.m[3])::int + (b.amount > cuts.m[4])::int);

-- scores never fall when a value rises
SELECT count(*) FROM (
	SELECT r < lag(r) OVER (ORDER BY last_order, r) AS r_falls, f < lag(f) OVER (ORDER BY orders, f) AS f_falls,
		m < lag(m) OVER (ORDER BY amount, m) AS m_falls
	FROM big_found JOIN big USING (id)) s WHERE r_falls OR f_falls OR m_falls;

-- no rows, one row, all equal, fewer customers than bins, all NULL
SELECT rfm(now(), 1, 1.0) OVER () WHERE false;
SELECT rfm(date '2026-01-01', 1, 1.0) OVER ();
SELECT count(*), rfm FROM (SELECT rfm(date '2026-01-01', 3, 7.5::float8) OVER () FROM generate_series(1, 100)) s GROUP BY rfm;
SELECT i, rfm(date '2026-01-01' + i, i, i) OVER () FROM generate_series(1, 3) i ORDER BY i;
SELECT rfm(NULL::date, NULL, NULL::numeric) OVER () FROM generate_series(1, 2);
-- arguments by themselves may be NULL
SELECT i, rfm(CASE WHEN i <> 1 THEN date '2026-01-01' + i END, CASE WHEN i <> 2 THEN i END, CASE WHEN i <> 3 THEN i::float8 END) OVER ()
FROM generate_series(1, 5) i ORDER BY i;

-- over an aggregate, as the manual has it; restarted for each row of an outer query
SELECT o.n, s.* FROM (VALUES (3), (6)) o(n), LATERAL (
	SELECT string_agg((g).code::text, ' ' ORDER BY c) AS codes FROM (
		SELECT c, rfm(max(date '2026-01-01' + t), count(*), sum(t * 1.5)) OVER () AS g
		FROM generate_series(1, o.n) c, generate_series(1, c) t GROUP BY c) x) s ORDER BY o.n;

-- errors
\set VERBOSITY sqlstate
SELECT rfm(date 'infinity', 1, 1.0) OVER ();
SELECT rfm('-infinity'::timestamptz, 1, 1.0) OVER ();
SELECT rfm(date '5874897-12-31', 1, 1.0) OVER ();
SELECT rfm(date '2026-01-01', -1, 1.0) OVER ();
SELECT rfm(date '2026-01-01', 1, 'NaN'::numeric) OVER ();
SELECT rfm(date '2026-01-01', 1, 'Infinity'::float8) OVER ();
SELECT rfm(date '2026-01-01', 1, 1.0);
\set VERBOSITY default

DROP VIEW expected, found;
DROP FUNCTION expected_scores();
DROP TABLE grid, customers, big, big_found;
