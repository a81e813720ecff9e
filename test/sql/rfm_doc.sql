-- The examples of doc/rfm.md, on the generated shop.
\set ECHO none
CREATE SCHEMA rfm_doc;
SET search_path = rfm_doc, public;
\set dir `echo "${PG_ABS_SRCDIR:-test}"`
\set customers 2000
\i :dir/demo/shop.sql
SET datestyle = 'ISO';
SET timezone = 'UTC';
\set ECHO all

SELECT segment, count(*) AS customers, round(avg(recency_days)) AS days, round(avg(orders), 1) AS orders, sum(amount) AS amount
FROM rfm_table($$ SELECT customer_id, ordered_at, amount FROM orders WHERE status = 'paid' $$, as_of => '2026-07-01')
GROUP BY segment ORDER BY amount DESC;

SELECT customer_id, (rfm(max(ordered_at), count(*), sum(amount)) OVER ()).*
FROM orders WHERE status = 'paid' AND customer_id IS NOT NULL
GROUP BY customer_id ORDER BY customer_id LIMIT 5;

SELECT (g).segment, (g).code, count(*)
FROM (SELECT rfm(max(ordered_at), count(*), sum(amount), rfm_options(scheme => 'octant')) OVER () AS g
      FROM orders WHERE status = 'paid' AND customer_id IS NOT NULL GROUP BY customer_id) s
GROUP BY 1, 2 ORDER BY 2 DESC;

SELECT r, max(segment) FILTER (WHERE f = 1) AS "f = 1", max(segment) FILTER (WHERE f = 2) AS "f = 2",
       max(segment) FILTER (WHERE f = 3) AS "f = 3", max(segment) FILTER (WHERE f = 4) AS "f = 4", max(segment) FILTER (WHERE f = 5) AS "f = 5"
FROM rfm_segments() GROUP BY r ORDER BY r DESC;

SELECT r, f, m, o.segment AS octant, o.label_zh, t.segment AS tier4
FROM rfm_segments('octant') o JOIN rfm_segments('tier4') t USING (r, f, m) ORDER BY r DESC, f DESC, m DESC;

CREATE TABLE my_segments (no int, name text, r_min int, r_max int, f_min int, f_max int);
INSERT INTO my_segments VALUES (1, 'active', 3, 5, 1, 5), (2, 'best', 5, 5, 5, 5), (3, 'gone', 1, 2, 1, 4);

SELECT problem, segment, other, count(*) AS cells, min(100 * r + 10 * f + m) AS first_cell
FROM rfm_scheme_check('SELECT name, r_min, r_max, f_min, f_max, NULL::int, NULL::int FROM my_segments ORDER BY no')
GROUP BY 1, 2, 3 ORDER BY 1, 2;

SELECT name, count(*)
FROM rfm_table($$ SELECT customer_id, ordered_at, amount FROM orders WHERE status = 'paid' $$) c
LEFT JOIN LATERAL (SELECT name FROM my_segments WHERE c.r BETWEEN r_min AND r_max AND c.f BETWEEN f_min AND f_max
                   ORDER BY no LIMIT 1) s ON true
GROUP BY 1 ORDER BY 2 DESC;

CREATE TABLE thresholds AS
SELECT rfm_cuts_agg(recency_days, orders, amount) AS cuts
FROM rfm_table($$ SELECT customer_id, ordered_at::date, amount FROM orders WHERE status = 'paid' $$, as_of => '2026-04-01');

SELECT c.* FROM thresholds, rfm_cuts_report(cuts) c;

SELECT segment, count(*)
FROM rfm_table($$ SELECT customer_id, ordered_at::date, amount FROM orders WHERE status = 'paid' $$,
               as_of => '2026-07-01', cuts => (SELECT cuts FROM thresholds))
GROUP BY 1 ORDER BY 2 DESC LIMIT 3;

SELECT rfm_score(recency => 12, orders => 3, amount => 250, cuts => cuts) FROM thresholds;

SELECT rfm_cuts(recency => '{30, 90}', orders => '{1, 4}', amount => '{100, 500}');

SELECT t.user, last_order, recency_days, orders, amount, code
FROM rfm_table($$ SELECT customer_id, ordered_at::date, amount, order_id FROM order_lines WHERE status <> 'cancelled' $$, as_of => '2026-07-01') t
ORDER BY amount DESC LIMIT 3;

SELECT bin, min(price), max(price), count(*)
FROM (SELECT price, rfm_bin(price, 4) OVER () AS bin FROM products) s GROUP BY bin ORDER BY bin;

SELECT tier, count(*) AS customers, sum(amount) AS amount
FROM (SELECT customer_id, sum(amount) AS amount, pareto_tier(sum(amount)) OVER () AS tier
      FROM orders WHERE status = 'paid' AND customer_id IS NOT NULL GROUP BY customer_id) s
GROUP BY tier ORDER BY tier;

SELECT round(pareto_share_agg(amount, 0.2)::numeric, 3) AS top_fifth, round(gini_agg(amount)::numeric, 3) AS gini
FROM rfm_table($$ SELECT customer_id, ordered_at, amount FROM orders WHERE status = 'paid' $$);

SELECT m.segment_before, m.segment_after, m.customers, round(m.amount) AS amount, m.r_down, m.f_up, m.m_up
FROM (SELECT rfm_migration_agg(b, a, amount) AS matrix
      FROM (SELECT (q.r, q.f, q.m, q.code, q.segment)::rfm_grade AS b, (n.r, n.f, n.m, n.code, n.segment)::rfm_grade AS a, n.amount
            FROM rfm_table($$ SELECT customer_id, ordered_at, amount FROM orders WHERE status = 'paid' $$, as_of => '2026-04-01') q
            FULL JOIN rfm_table($$ SELECT customer_id, ordered_at, amount FROM orders WHERE status = 'paid' $$, as_of => '2026-07-01') n ON n.user = q.user) g) x,
     unnest(matrix) m
ORDER BY m.customers DESC LIMIT 5;

SELECT rfm_move((4, 5, 3, 453, 'loyal')::rfm_grade, (2, 5, 4, 254, 'cant_lose')::rfm_grade);

SET client_min_messages = warning;
DROP SCHEMA rfm_doc CASCADE;
