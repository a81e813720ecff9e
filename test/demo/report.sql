-- What an analyst wants to see first, from the tables products and purchases
-- and left_out, which test/demo.sh has made from a file or a generated shop.
-- Each section prints the statement that it takes, and its result.

\set QUIET on
\pset footer off
\pset null ''
\pset format aligned
SET client_min_messages = warning;
SET timezone = 'UTC';
SET intervalstyle = postgres;

SELECT CASE WHEN pg_typeof(max(product_id))::text = 'bigint' THEN '' ELSE 'NULL::text, ' END AS witness,
       CASE WHEN pg_typeof(max(customer_id))::text = 'bigint' THEN '-1' ELSE '''nobody''' END AS nobody,
       count(ordered_at) > 0 AS has_time, count(product_id) > 0 AS has_items,
       (max(ordered_at)::date + 1)::text AS as_of
FROM purchases \gset

\pset tuples_only on
\pset format unaligned
SELECT format(E'%s lines in %s orders of %s customers, %s products, revenue %s%s',
              to_char(count(*), 'FM999,999,999'), to_char(count(DISTINCT order_id), 'FM999,999,999'),
              to_char(count(DISTINCT customer_id), 'FM999,999,999'), to_char(count(DISTINCT product_id), 'FM999,999,999'),
              to_char(sum(amount), 'FM999,999,999,999'),
              to_char(min(ordered_at), '", from "YYYY-MM-DD') || to_char(max(ordered_at), '" to "YYYY-MM-DD'))
FROM purchases;
SELECT 'Left out:' WHERE EXISTS (SELECT FROM left_out);
SELECT format('  %s lines: %s (%s in money)', to_char(lines, 'FM999,999,999'), reason, to_char(amount, 'FM999,999,999,990'))
FROM left_out ORDER BY lines DESC, reason;
\pset tuples_only off
\pset format aligned

\if :has_time
\echo
\echo '== Who are my customers? =='
\echo
\set ECHO queries
SELECT (grade).segment, count(*) AS customers,
       round(100.0 * sum(amount) / sum(sum(amount)) OVER (), 1) AS "revenue %",
       round(avg(orders), 1) AS orders, round(avg(amount)) AS spent,
       round(avg(:'as_of' - last::date)) AS "days ago"
FROM (SELECT *, rfm(last, orders, amount) OVER () AS grade
      FROM (SELECT customer_id, max(ordered_at) AS last,
                   count(DISTINCT order_id) AS orders, sum(amount) AS amount
            FROM purchases GROUP BY customer_id) c) g
GROUP BY 1 ORDER BY sum(amount) DESC;
\set ECHO none
\else
\echo 'No column of times, so no customer segments: --time names it.'
\endif

\if :has_items
\echo
\echo '== What is alike?  The best sellers and what the same customers buy =='
\echo
\set ECHO queries
SELECT create_recommender('shop', 'SELECT customer_id, product_id FROM purchases') AS products;

SELECT p.title AS product,
       (SELECT string_agg(s.title || to_char(score, ' (FM0.00)'), ', ' ORDER BY score DESC)
        FROM similar_items(:witness'shop', p.id, 3) JOIN products s ON s.id = item) AS "customers also buy"
FROM (SELECT product_id, count(*) AS lines FROM purchases GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 6) best
JOIN products p ON p.id = product_id
ORDER BY lines DESC, p.id;
\set ECHO none

-- three customers with a history that can be shown
SELECT string_agg(CASE WHEN :'nobody' = '-1' THEN customer_id::text ELSE quote_literal(customer_id) END, ', ' ORDER BY customer_id) AS chosen
FROM (SELECT customer_id FROM purchases GROUP BY 1
      ORDER BY abs(count(DISTINCT product_id) - 12), md5(customer_id::text) LIMIT 3) c \gset
\echo
\echo '== What shall I offer them now, and why? =='
\echo
\set ECHO queries
SELECT c.id AS customer, p.title AS offer, round(r.score::numeric, 2) AS score,
       (SELECT string_agg(b.title || to_char(100 * part / r.score, ' FM999"%"'), ', ' ORDER BY part DESC)
        FROM unnest(because[1:3], contributions[1:3]) u(bought, part) JOIN products b ON b.id = bought) AS because
FROM unnest(ARRAY[:chosen]) c(id), recommend(:witness'shop', c.id, 4) r
JOIN products p ON p.id = r.item
ORDER BY c.id, r.score DESC, r.item;
\set ECHO none

\echo 'A customer who has not bought yet gets what sells best, and is told so:'
\echo
\set ECHO queries
SELECT p.title AS offer, round(r.score::numeric, 2) AS score, r.source
FROM recommend(:witness'shop', :nobody, 3) r JOIN products p ON p.id = r.item
ORDER BY r.score DESC, r.item;
\set ECHO none
\endif
