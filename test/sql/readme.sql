-- The examples of README.md, on the generated shop.
\set ECHO none
SET client_min_messages = warning;
CREATE SCHEMA readme;
SET search_path = readme, public;
\set dir `echo "${PG_ABS_SRCDIR:-test}"`
\set customers 5000
\i :dir/demo/shop.sql
SET timezone = 'UTC';
\set ECHO all

-- ten lines
SELECT create_recommender('shop', 'SELECT customer_id, product_id FROM purchases');

SELECT r.item, p.title, round(r.score::numeric, 2) AS score, r.because
FROM recommend('shop', 42, 3) r JOIN products p ON p.id = r.item
ORDER BY r.score DESC, r.item;

-- who are my customers?
CREATE TABLE graded AS
SELECT customer_id, sum(amount) AS amount,
       rfm(max(ordered_at), count(*), sum(amount)) OVER () AS grade
FROM orders WHERE status = 'paid' AND customer_id IS NOT NULL GROUP BY customer_id;

SELECT (grade).segment, count(*) AS customers, round(sum(amount)) AS revenue
FROM graded GROUP BY 1 ORDER BY revenue DESC LIMIT 4;

-- the same in README.zh.md: the model of eight segments by its Chinese names
SELECT s.label_zh AS "客户类型", count(*) AS "人数", round(sum(c.amount)) AS "消费金额"
FROM rfm_table($$ SELECT customer_id, ordered_at, amount FROM orders WHERE status = 'paid' $$, scheme => 'octant') c
JOIN rfm_segments('octant') s USING (r, f, m)
GROUP BY 1 ORDER BY 3 DESC;

-- whom do I want to reach?
ALTER TABLE customers ADD COLUMN tags tagset;
UPDATE customers SET tags = t.tags
FROM (SELECT customer_id, tagset_agg('buy:' || category) AS tags
      FROM purchases JOIN products ON products.id = product_id GROUP BY 1) t
WHERE customers.id = t.customer_id;
CREATE INDEX ON customers USING gin (tags);

SELECT count(*) FROM customers WHERE tags @@ 'buy:coffee & (buy:tea | buy:kitchen) & !buy:pets';

CREATE TABLE crowds AS
SELECT 'segment' AS dimension, (grade).segment AS name, audience_agg(customer_id) AS members
FROM graded GROUP BY 2
UNION ALL
SELECT 'buy', category, audience_agg(customer_id)
FROM purchases JOIN products ON products.id = product_id GROUP BY 2;

SELECT names, count, round(expected) AS expected, round(lift::numeric, 2) AS lift
FROM audience_cross('SELECT dimension, name, members FROM crowds', depth => 2, min_size => 50)
WHERE level = 2 AND p_adjusted < 0.01 ORDER BY lift DESC, names LIMIT 3;

-- what is bought together?
SELECT lhs, rhs, together, round(confidence::numeric, 2) AS confidence, round(lift::numeric, 1) AS lift
FROM association_rules('SELECT order_id, product_id FROM purchases',
                       min_support => 0.005, min_confidence => 0.5)
ORDER BY together DESC, lhs LIMIT 3;

-- detail page, cart
SELECT s.item, p.title, round(s.score::numeric, 2) AS score
FROM similar_items('shop', 1, 3) s JOIN products p ON p.id = s.item
ORDER BY s.score DESC, s.item;

SELECT r.item, p.title, r.because
FROM recommend_basket('shop', ARRAY[1, 32]::bigint[], 3) r JOIN products p ON p.id = r.item
ORDER BY r.score DESC, r.item;

SELECT refresh_recommender('shop');

\set ECHO none
SET client_min_messages = warning;
DROP SCHEMA readme CASCADE;
