-- Schemes, their check, and migration between two scorings.

-- every scheme covers every cell once, for every number of bins
SELECT scheme, bins, count(*) AS cells, count(DISTINCT (r, f, m)) AS distinct_cells, count(DISTINCT segment) AS segments,
	bool_and(segment = rfm_segment(r, f, m, scheme, bins)) AS looked_up
FROM unnest('{classic,octant,tier4}'::text[]) scheme, unnest(ARRAY[2, 3, 4, 5, 7, 10]) bins, rfm_segments(scheme, bins)
GROUP BY 1, 2 ORDER BY 1, 2;
-- the classic ten on the 5 x 5 grid of R (rows) and F
SELECT r, max(segment) FILTER (WHERE f = 1) AS f1, max(segment) FILTER (WHERE f = 2) AS f2, max(segment) FILTER (WHERE f = 3) AS f3,
	max(segment) FILTER (WHERE f = 4) AS f4, max(segment) FILTER (WHERE f = 5) AS f5
FROM rfm_segments('classic') GROUP BY r ORDER BY r DESC;
SELECT r, f, m, segment, label_zh FROM rfm_segments('octant') ORDER BY 1, 2, 3;
SELECT r, f, m, segment, label_zh FROM rfm_segments('tier4') ORDER BY 1, 2, 3;
SELECT scheme, count(DISTINCT label), count(DISTINCT label_zh), count(DISTINCT advice), min(length(advice)) > 30 AS some_advice
FROM unnest('{classic,octant,tier4}'::text[]) scheme, rfm_segments(scheme) GROUP BY 1 ORDER BY 1;
SELECT label, advice FROM rfm_segments() WHERE segment = 'champions' LIMIT 1;
-- the worst stay the worst and the best the best whatever the bins
SELECT bins, rfm_segment(1, 1, NULL, bins => bins) AS worst, rfm_segment(bins, bins, NULL, bins => bins) AS best FROM generate_series(2, 10) bins;
SELECT rfm_segment(3, 3, 3), rfm_segment(1, NULL, 1), rfm_segment(1, 2, NULL, 'octant'), rfm_segment(1, 2, 2, 'octant'), rfm_segment(4, 2, 5, 'octant', 5);

-- own schemes: the R package's table of ten
CREATE TABLE my_segments (no int, segment text, r_min int, r_max int, f_min int, f_max int, m_min int, m_max int);
INSERT INTO my_segments VALUES
	(1, 'Champions', 5, 5, 5, 5, 5, 5), (2, 'Potential Loyalist', 3, 5, 3, 5, 2, 5), (3, 'Loyal Customers', 2, 4, 2, 4, 2, 4),
	(4, 'Promising', 3, 4, 1, 3, 3, 5), (5, 'New Customers', 4, 5, 1, 3, 1, 5), (6, 'Can''t Lose Them', 1, 2, 3, 4, 4, 5),
	(7, 'At Risk', 1, 2, 2, 5, 4, 5), (8, 'Need Attention', 1, 3, 3, 5, 3, 5), (9, 'About To Sleep', 2, 3, 1, 3, 1, 4), (10, 'Lost', 1, 1, 1, 5, 1, 5);
SELECT problem, count(*), count(DISTINCT segment) AS segments, count(DISTINCT other) AS others, string_agg((100 * r + 10 * f + m)::text, ' ' ORDER BY r, f, m) FILTER (WHERE problem = 'uncovered') AS cells
FROM rfm_scheme_check('SELECT segment, r_min, r_max, f_min, f_max, m_min, m_max FROM my_segments ORDER BY no') GROUP BY 1 ORDER BY 1;
-- against plain SQL
WITH cells AS (SELECT r, f, m FROM generate_series(1, 5) r, generate_series(1, 5) f, generate_series(1, 5) m),
	matches AS (SELECT r, f, m, no, segment, row_number() OVER (PARTITION BY r, f, m ORDER BY no) AS rank,
		first_value(segment) OVER (PARTITION BY r, f, m ORDER BY no) AS winner
		FROM cells JOIN my_segments s ON r BETWEEN r_min AND r_max AND f BETWEEN f_min AND f_max AND m BETWEEN m_min AND m_max),
	expected AS (
		SELECT 'overlap' AS problem, winner AS segment, segment AS other, r, f, m FROM matches WHERE rank > 1
		UNION ALL SELECT 'uncovered', NULL, NULL, r, f, m FROM cells WHERE (r, f, m) NOT IN (SELECT r, f, m FROM matches)),
	found AS (SELECT * FROM rfm_scheme_check('SELECT segment, r_min, r_max, f_min, f_max, m_min, m_max FROM my_segments ORDER BY no'))
SELECT (SELECT count(*) FROM expected), (SELECT count(*) FROM found),
	(SELECT count(*) FROM (TABLE expected EXCEPT ALL TABLE found) d) AS missing;
-- narrow behind wide never wins; NULL is no bound; other bins
SELECT * FROM rfm_scheme_check($$VALUES ('wide', 1, 1, NULL, NULL, NULL::int, NULL::int), ('narrow', 1, 1, 1, 1, NULL, NULL), ('rest', 2, 3, NULL, 2, NULL, NULL)$$, bins => 2) ORDER BY 1, 2, 4, 5, 6;
SELECT count(*) FROM rfm_scheme_check('SELECT ''all'', n, n, n, n, n, n FROM (SELECT NULL::int AS n) s', bins => 10);
SELECT count(*) FROM rfm_scheme_check('SELECT ''none'', 1, 1, 1, 1, 1, 1 WHERE false', bins => 3);
-- a classic scheme written as a table is whole
SELECT * FROM rfm_scheme_check('SELECT segment, min(r), max(r), f, f, NULL::int, NULL::int FROM rfm_segments() GROUP BY segment, f ORDER BY segment, f') WHERE problem <> 'overlap';

-- migration
CREATE TABLE scored (id int, before rfm_grade, after rfm_grade, amount float8);
INSERT INTO scored
SELECT i, (rfm(date '2026-01-01' + i * 37 % 113, i * 31 % 17, i * 7 % 229) OVER ()), NULL, i * 0.1 FROM generate_series(1, 3000) i;
UPDATE scored s SET after = g FROM (SELECT i, rfm(date '2026-01-01' + i * 41 % 127, i * 29 % 13, i * 11 % 233) OVER () AS g FROM generate_series(1, 3000) i) x WHERE i = id;
-- new ones, lost ones, and those who never were, as NULL and as NULLs
UPDATE scored SET before = NULL WHERE id % 10 = 0;
UPDATE scored SET after = (NULL, NULL, NULL, NULL, NULL)::rfm_grade WHERE id % 15 = 0;
UPDATE scored SET amount = NULL WHERE id % 7 = 0;
CREATE VIEW expected AS
SELECT (before).segment AS segment_before, (after).segment AS segment_after, count(*) AS customers, round(coalesce(sum(amount)::numeric, 0), 6) AS amount,
	count(*) FILTER (WHERE (after).r > (before).r) AS r_up, count(*) FILTER (WHERE (after).r < (before).r) AS r_down,
	count(*) FILTER (WHERE (after).f > (before).f) AS f_up, count(*) FILTER (WHERE (after).f < (before).f) AS f_down,
	count(*) FILTER (WHERE (after).m > (before).m) AS m_up, count(*) FILTER (WHERE (after).m < (before).m) AS m_down
FROM scored GROUP BY 1, 2;
SELECT m.segment_before, m.segment_after, m.customers, round(m.amount::numeric, 6) AS amount, m.r_up, m.r_down, m.f_up, m.f_down, m.m_up, m.m_down
FROM (SELECT rfm_migration_agg(before, after, amount) AS a FROM scored) q, unnest(a) m LIMIT 3;
CREATE FUNCTION migration_differences() RETURNS TABLE (cells bigint, different bigint) LANGUAGE sql AS $$
	WITH found AS (SELECT segment_before, segment_after, customers, round(m.amount::numeric, 6), r_up, r_down, f_up, f_down, m_up, m_down
		FROM (SELECT rfm_migration_agg(before, after, amount) AS a FROM scored) q, unnest(a) m)
	SELECT (SELECT count(*) FROM found), (SELECT count(*) FROM (TABLE expected EXCEPT ALL TABLE found) d) + (SELECT count(*) FROM (TABLE found EXCEPT ALL TABLE expected) d) $$;
SELECT * FROM migration_differences();
SELECT rfm_migration_agg(before, after, amount)::text AS serial FROM scored \gset
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS off) SELECT rfm_migration_agg(before, after, amount) FROM scored;
SELECT rfm_migration_agg(before, after, amount)::text = :'serial' AS same FROM scored;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;
SELECT rfm_migration_agg(before, after, amount ORDER BY hashint4(id))::text = :'serial' AS same FROM scored;
SELECT rfm_migration_agg(before, after, amount) FROM scored WHERE false;
SELECT m.* FROM (SELECT rfm_migration_agg(NULL, NULL, NULL) AS a) q, unnest(a) m;
SELECT id, before, after, (rfm_move(before, after)).* FROM scored WHERE id IN (1, 2, 15, 20, 21) ORDER BY id;
SELECT count(*) FROM scored WHERE (rfm_move(before, after)).moved IS DISTINCT FROM
	CASE WHEN before IS NOT NULL AND after IS NOT NULL THEN concat_ws(' ', CASE sign((after).r - (before).r) WHEN 1 THEN 'R+' WHEN -1 THEN 'R-' END,
	CASE sign((after).f - (before).f) WHEN 1 THEN 'F+' WHEN -1 THEN 'F-' END, CASE sign((after).m - (before).m) WHEN 1 THEN 'M+' WHEN -1 THEN 'M-' END) END;

-- errors
\set VERBOSITY terse
SELECT * FROM rfm_segments('mine');
SELECT * FROM rfm_segments('classic', 1);
SELECT * FROM rfm_segments(NULL);
SELECT rfm_segment(6, 1, 1);
SELECT rfm_segment(1, 0, 1);
SELECT rfm_segment(1, 1, 3, 'octant');
SELECT * FROM rfm_scheme_check('SELECT 1');
SELECT * FROM rfm_scheme_check('SELECT NULL, 1, 1, 1, 1, 1, 1');
SELECT * FROM rfm_scheme_check('SELECT ''a'', 1, 1, 1, 1, 1, 1', bins => 11);
SELECT rfm_migration_agg(NULL, NULL, 'NaN');
\set VERBOSITY default

DROP FUNCTION migration_differences();
DROP VIEW expected;
DROP TABLE my_segments, scored;
