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
       (max(ordered_at)::date + 1)::text AS as_of,
       greatest(5, count(DISTINCT order_id) / 500) AS min_count
FROM purchases \gset

-- a file without prices: what is counted are pieces
SELECT 'revenue' AS money, to_regclass('roles') IS NOT NULL AS has_roles \gset
\if :has_roles
SELECT CASE WHEN count(*) > 0 THEN 'revenue' ELSE 'pieces' END AS money
FROM roles WHERE role IN ('price', 'amount') AND name IS NOT NULL \gset
\endif

SELECT '% of ' || :'money' AS share \gset

\pset tuples_only on
\pset format unaligned
SELECT format(E'%s lines in %s orders of %s customers, %s products, %s %s%s',
              to_char(count(*), 'FM999,999,999'), to_char(count(DISTINCT order_id), 'FM999,999,999'),
              to_char(count(DISTINCT customer_id), 'FM999,999,999'), to_char(count(DISTINCT product_id), 'FM999,999,999'), :'money',
              to_char(sum(amount), 'FM999,999,999,999'),
              to_char(min(ordered_at), '", from "YYYY-MM-DD') || to_char(max(ordered_at), '" to "YYYY-MM-DD'))
FROM purchases;
SELECT 'Left out:' WHERE EXISTS (SELECT FROM left_out);
SELECT format('  %s lines: %s (%s %s)', to_char(lines, 'FM999,999,999'), reason, :'money', to_char(amount, 'FM999,999,999,990'))
FROM left_out ORDER BY lines DESC, reason;
\pset tuples_only off
\pset format aligned

\if :has_time
\echo
\echo '== Who are my customers? =='
\echo
\set ECHO queries
CREATE TEMP TABLE graded AS
SELECT *, rfm(last, orders, amount) OVER () AS grade
FROM (SELECT customer_id, max(ordered_at) AS last, count(DISTINCT order_id) AS orders, sum(amount) AS amount
      FROM purchases GROUP BY customer_id) c;

SELECT (grade).segment, count(*) AS customers,
       round(100.0 * sum(amount) / sum(sum(amount)) OVER (), 1) AS :"share",
       round(avg(orders), 1) AS orders, round(avg(amount)) AS spent,
       round(avg(:'as_of' - last::date)) AS "days ago"
FROM graded GROUP BY 1 ORDER BY sum(amount) DESC;
\set ECHO none
\else
CREATE TEMP TABLE graded AS SELECT customer_id, NULL::rfm_grade AS grade FROM purchases WHERE false;
\echo
\echo 'No column of times, so no customer segments: --time names it.'
\endif

\if :has_items
\echo
\echo '== What is alike?  The best sellers and what the same customers buy =='
\echo
\set ECHO queries
SELECT create_recommender('demo', 'SELECT customer_id, product_id FROM purchases') AS products;

SELECT p.title AS product,
       (SELECT string_agg(s.title || to_char(score, ' (FM0.00)'), ', ' ORDER BY score DESC)
        FROM similar_items(:witness'demo', p.id, 3) JOIN products s ON s.id = item) AS "customers also buy"
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
FROM unnest(ARRAY[:chosen]) c(id), recommend(:witness'demo', c.id, 4) r
JOIN products p ON p.id = r.item
ORDER BY c.id, r.score DESC, r.item;
\set ECHO none

\echo 'A customer who has not bought yet gets what sells best, and is told so:'
\echo
\set ECHO queries
SELECT p.title AS offer, round(r.score::numeric, 2) AS score, r.source
FROM recommend(:witness'demo', :nobody, 3) r JOIN products p ON p.id = r.item
ORDER BY r.score DESC, r.item;
\set ECHO none

\echo
\echo '== What is bought together?  Rules within one order =='
\echo
\set ECHO queries
SELECT (SELECT string_agg(title, ' + ' ORDER BY title) FROM products WHERE id = ANY (lhs)) AS "who buys",
       (SELECT title FROM products WHERE id = rhs[1]) AS "also buys",
       together AS orders, round(confidence::numeric, 2) AS confidence, round(lift::numeric, 1) AS lift
FROM association_rules(:witness'SELECT order_id, product_id FROM purchases',
                       min_count => :min_count, min_confidence => 0.3)
WHERE confidence >= cosine  -- of two directions the stronger one
ORDER BY leverage DESC, lhs, rhs LIMIT 8;
\set ECHO none
\endif

-- Tags: of the table customers where there is one, of purchases, of segments.
SELECT to_regclass('customers') IS NOT NULL AS has_customers, count(DISTINCT product_id) >= 2 AS has_tags FROM purchases \gset
\if :has_tags
\echo
\echo '== Whom do I want to reach?  Tags, and queries over them =='
\echo
\set ECHO queries
\if :has_customers
CREATE TEMP TABLE profiles AS
SELECT customer_id, tagset_agg(tag, weight) AS tags
FROM (SELECT customer_id, 'buy:' || category AS tag, count(*) AS weight
      FROM purchases JOIN products p ON p.id = product_id GROUP BY 1, 2
      UNION ALL SELECT customer_id, 'segment:' || (grade).segment, 1 FROM graded
      UNION ALL SELECT id, unnest(ARRAY['area:' || region, 'via:' || channel, 'gender:' || gender]), 1 FROM customers) t
GROUP BY customer_id;
\set query 'buy:coffee & area:east & !segment:hibernating'
\else
CREATE TEMP TABLE profiles AS
SELECT customer_id, tagset_agg(tag, weight) AS tags
FROM (SELECT customer_id, 'buy:' || title AS tag, count(*) AS weight
      FROM purchases
      JOIN (SELECT product_id AS id FROM purchases GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 30) best ON id = product_id
      JOIN products p USING (id) GROUP BY 1, 2
      UNION ALL SELECT customer_id, 'segment:' || (grade).segment, 1 FROM graded
      UNION ALL SELECT customer_id, 'since:' || to_char(min(ordered_at), 'YYYY-MM'), 1 FROM purchases GROUP BY 1) t
WHERE tag IS NOT NULL
GROUP BY customer_id;
\set ECHO none
SELECT string_agg(format('%s"buy:%s"', CASE n WHEN 2 THEN '!' END, replace(title, '"', '""')), ' & ' ORDER BY n) AS query
FROM (SELECT product_id AS id, row_number() OVER (ORDER BY count(*) DESC, product_id) AS n FROM purchases GROUP BY 1) best
JOIN products USING (id) WHERE n <= 2 \gset
\set ECHO queries
\endif

SELECT count(*) AS reached FROM profiles WHERE tags @@ :'query';
\if :has_time
\set ECHO none
SELECT (grade).segment AS best FROM graded GROUP BY 1 ORDER BY (grade).segment <> 'champions', sum(amount) DESC LIMIT 1 \gset
\set ECHO queries

-- what sets the best customers apart from the rest
SELECT p.tag, round((100 * share_in)::numeric, 1) AS "% of them", round((100 * share_out)::numeric, 1) AS "% of others",
       round(p.lift::numeric, 2) AS lift
FROM (SELECT tag_portrait_agg(tag_filter(tags, 'buy:'), tags @> ('segment:' || :'best')) AS a FROM profiles) q, unnest(a) p
ORDER BY p.z DESC LIMIT 6;
\endif
\set ECHO none

-- ids of audiences are numbers; one dimension alone cannot be crossed
SELECT pg_typeof(max(customer_id))::text = 'bigint' AND :'has_time' AS has_numbers FROM purchases \gset
\if :has_numbers
\echo
\echo '== Audiences: every crowd crossed with every other =='
\echo
\set ECHO queries
CREATE TEMP TABLE crowds AS
SELECT split_part(tag, ':', 1) AS dimension, tag AS name, audience_agg(customer_id) AS audience
FROM profiles, tags(tags) GROUP BY tag;

SELECT array_to_string(names, ' & ') AS crowd, count, round(expected) AS "if independent", round(lift::numeric, 2) AS lift
FROM audience_cross('SELECT dimension, name, audience FROM crowds', depth => 2, min_size => 25)
WHERE level = 2 AND p_adjusted < 0.01 ORDER BY lift DESC, names LIMIT 6;
\set ECHO none
\endif
\endif
