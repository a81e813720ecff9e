-- The examples of doc/lifecycle.md, on the generated shop.
\set ECHO none
CREATE SCHEMA lifecycle_doc;
SET search_path = lifecycle_doc, public;
\set dir `echo "${PG_ABS_SRCDIR:-test}"`
\set customers 2000
\i :dir/demo/shop.sql
SET datestyle = 'ISO';
SET timezone = 'UTC';
\set ECHO all

SELECT lifecycle_stage(orders), count(*)
FROM (SELECT c.id, count(o.id) AS orders FROM customers c LEFT JOIN orders o ON o.customer_id = c.id AND o.status = 'paid' GROUP BY c.id) s
GROUP BY 1 ORDER BY 2 DESC;

SELECT lifecycle_stage(orders => 5, referrals => 1);

CREATE TABLE thresholds AS
SELECT lifecycle_thresholds_agg(gap) AS t
FROM (SELECT extract(epoch FROM ordered_at - lag(ordered_at) OVER (PARTITION BY customer_id ORDER BY ordered_at)) / 86400 AS gap
      FROM orders WHERE status = 'paid' AND customer_id IS NOT NULL) s;

SELECT round((t).decline_days) AS decline_days, round((t).lost_days) AS lost_days, (t).mature_orders FROM thresholds;

SELECT stage, count(*), round(sum(amount)) AS amount
FROM (SELECT customer_id, sum(amount) AS amount,
             lifecycle_stage(min(ordered_at), max(ordered_at), count(*), '2026-07-01', (SELECT t FROM thresholds)) AS stage
      FROM orders WHERE status = 'paid' AND customer_id IS NOT NULL GROUP BY customer_id) s
GROUP BY stage ORDER BY amount DESC;

SELECT round(second_order_rate_agg(customer_id, ordered_at)::numeric, 3) AS second_order,
       round(repurchase_rate_agg(customer_id, ordered_at, '90 days')::numeric, 3) AS within_90_days,
       round(repurchase_rate_agg(customer_id, ordered_at, '90 days', '2026-07-01')::numeric, 3) AS of_those_with_90_days
FROM orders WHERE status = 'paid';

SELECT c.cohort, c.customers, max(c.active) FILTER (WHERE c.period = 1) AS "1 later", max(c.active) FILTER (WHERE c.period = 2) AS "2 later",
       max(c.active) FILTER (WHERE c.period = 3) AS "3 later"
FROM (SELECT cohort_retention_agg(customer_id, ordered_at, 'quarter') AS a FROM orders WHERE status = 'paid') s, unnest(a) c
GROUP BY 1, 2 ORDER BY 1 LIMIT 4;

SELECT customer_id, c.orders, round(c.mean_gap) AS mean_gap, round(c.expected_gap) AS expected_gap, c.next_due::date, round(c.overdue_ratio::numeric, 2) AS overdue, c.best_weekday
FROM (SELECT customer_id, repurchase_clock_agg(ordered_at, repurchase_options(as_of => '2026-07-01', prior_gap => 90)) AS clock
      FROM orders WHERE status = 'paid' AND customer_id IS NOT NULL GROUP BY customer_id) s, LATERAL (SELECT (clock).*) c
WHERE c.overdue_ratio > 1 AND c.orders >= 8 ORDER BY c.overdue_ratio LIMIT 5;

SET client_min_messages = warning;
DROP SCHEMA lifecycle_doc CASCADE;
