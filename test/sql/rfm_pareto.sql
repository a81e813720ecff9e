-- pareto_tier(), pareto_share_agg(), gini_agg(): against their definition.

SELECT v, pareto_tier(v) OVER () FROM unnest(ARRAY[50, 30, 10, 5, 3, 1, 1, 0, -4, NULL]) v ORDER BY v DESC NULLS LAST;
-- 8 of 10 reaches 0.8, and so does it in cents; ties stay together
SELECT v, pareto_tier(v) OVER () AS tier, pareto_tier(v * 0.01) OVER () AS in_cents FROM unnest(ARRAY[8, 1, 1]) v;
SELECT v, pareto_tier(v, ARRAY[0.1, 0.5, 1]) OVER () FROM unnest(ARRAY[1, 1, 1, 1, 0]) v;

CREATE TABLE customers (id int, region int, v float8);
SELECT setseed(0.7);
INSERT INTO customers SELECT i, i % 3, CASE WHEN i % 11 > 0 THEN round((exp(4 * random()) - 2)::numeric, CASE WHEN i % 2 = 0 THEN 0 ELSE 2 END) END FROM generate_series(1, 3000) i;
CREATE VIEW expected AS
WITH sorted AS (
	SELECT id, region, v, sum(greatest(v, 0)::numeric) OVER (PARTITION BY region ORDER BY greatest(v, 0) DESC, id) AS upto, sum(greatest(v, 0)::numeric) OVER (PARTITION BY region) AS total
	FROM customers WHERE v IS NOT NULL), bounds AS (
	SELECT region, max(greatest(v, 0)) FILTER (WHERE upto >= 0.8 * total) AS a, max(greatest(v, 0)) FILTER (WHERE upto >= 0.95 * total) AS b FROM sorted GROUP BY region)
SELECT id, CASE WHEN v IS NOT NULL THEN CASE WHEN greatest(v, 0) >= a THEN 'A' WHEN greatest(v, 0) >= b THEN 'B' ELSE 'C' END END AS tier FROM customers JOIN bounds USING (region);
SELECT tier, count(*) > 200 AS many FROM expected GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM (TABLE expected EXCEPT SELECT id, pareto_tier(v) OVER (PARTITION BY region) FROM customers) d;
SELECT count(*) FROM (TABLE expected EXCEPT SELECT id, pareto_tier(v, ARRAY[0.8, 0.95]) OVER (PARTITION BY region ORDER BY hashint4(id) ROWS 1 PRECEDING) FROM customers) d;
-- a sort on disk
CREATE TABLE big AS SELECT i, ((i * bigint '104729') % 65537 % 1000)::float8 AS v FROM generate_series(1, 60000) i;
CREATE TABLE tiers AS SELECT i, pareto_tier(v) OVER () AS tier FROM big;
SELECT gini_agg(v)::text AS gini, pareto_share_agg(v, 0.2)::text AS share FROM big \gset
SET work_mem = '64kB';
SELECT count(*) FROM (SELECT i, pareto_tier(v) OVER () FROM big EXCEPT TABLE tiers) d;
SELECT gini_agg(v)::text = :'gini' AS gini, pareto_share_agg(v, 0.2)::text = :'share' AS share FROM big;
RESET work_mem;

-- share of the top and Gini, by their formulas
WITH s AS (SELECT greatest(v, 0)::numeric AS x, row_number() OVER (ORDER BY greatest(v, 0)) AS i, row_number() OVER (ORDER BY greatest(v, 0) DESC) AS j, count(*) OVER () AS n FROM customers WHERE v IS NOT NULL)
SELECT round(2 * sum(i * x) / (max(n) * sum(x)) - (max(n) + 1.0) / max(n), 10) = round((SELECT gini_agg(v) FROM customers)::numeric, 10) AS gini,
	round(sum(x) FILTER (WHERE j <= ceil(0.2 * n)) / sum(x), 10) = round((SELECT pareto_share_agg(v, 0.2) FROM customers)::numeric, 10) AS share
FROM s;
SELECT gini_agg(v), pareto_share_agg(v, 0.2), pareto_share_agg(v, 0), pareto_share_agg(v, 1), pareto_share_agg(v, 0.01) FROM unnest(ARRAY[4, 1, 1, 1, 1, 0, 0, 0, 0, 0]) v;
-- equal, one, nothing, nothing to share, NULLs
SELECT gini_agg(7), pareto_share_agg(7, 0.5) FROM generate_series(1, 4);
SELECT gini_agg(7), pareto_share_agg(7, 0.5);
SELECT gini_agg(7), pareto_share_agg(7, 0.5) WHERE false;
SELECT gini_agg(v), pareto_share_agg(v, 0.5) FROM unnest(ARRAY[0, -1]) v;
SELECT gini_agg(v), pareto_share_agg(v, 0.5) FROM unnest(ARRAY[NULL, NULL]::float8[]) v;
SELECT v, pareto_tier(v) OVER () FROM unnest(ARRAY[0, -1, NULL]) v;
SELECT pareto_tier(1) OVER ();
SELECT pareto_tier(1) OVER () WHERE false;

-- parallel and in any order: the same bits
SELECT gini_agg(v ORDER BY hashint4(i))::text = :'gini' AS gini, pareto_share_agg(v, 0.2 ORDER BY -i)::text = :'share' AS share FROM big;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS off) SELECT gini_agg(v), pareto_share_agg(v, 0.2) FROM big;
SELECT gini_agg(v)::text = :'gini' AS gini, pareto_share_agg(v, 0.2)::text = :'share' AS share FROM big;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;

-- errors
\set VERBOSITY terse
SELECT pareto_tier('NaN') OVER ();
SELECT pareto_tier('inf') OVER ();
SELECT pareto_tier(1, NULL) OVER ();
SELECT pareto_tier(1, ARRAY[0.9, 0.8]) OVER ();
SELECT pareto_tier(1, ARRAY[0.9, 1.1]) OVER ();
SELECT pareto_tier(1, ARRAY[0, 1]) OVER ();
SELECT pareto_tier(1, ARRAY[0.5, NULL]) OVER ();
SELECT pareto_tier(1, '{}') OVER ();
SELECT gini_agg('inf');
SELECT pareto_share_agg(1, 1.5);
SELECT pareto_share_agg(1, NULL);
\set VERBOSITY default

DROP VIEW expected;
DROP TABLE customers, big, tiers;
