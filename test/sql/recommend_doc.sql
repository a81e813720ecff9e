-- The examples of doc/recommend.md.
CREATE TABLE products (id bigint PRIMARY KEY, title text, category text, price numeric, in_stock boolean DEFAULT true);
CREATE TABLE order_lines (customer_id bigint, product_id bigint, quantity int, ordered_at timestamptz);
INSERT INTO products VALUES
  (1, 'coffee', 'drinks', 6.50, true), (2, 'filter papers', 'kitchen', 2.90, true), (3, 'milk', 'drinks', 1.20, true),
  (4, 'tea', 'drinks', 4.80, true), (5, 'teapot', 'kitchen', 39.00, true), (6, 'honey', 'food', 5.60, false),
  (7, 'cookies', 'food', 3.10, true);
INSERT INTO order_lines VALUES
  (101, 1, 1, '2024-05-01'), (101, 2, 1, '2024-05-01'), (101, 3, 2, '2024-05-01'),
  (102, 1, 2, '2024-05-02'), (102, 2, 1, '2024-05-02'), (102, 7, 1, '2024-05-03'),
  (103, 4, 1, '2024-05-03'), (103, 5, 1, '2024-05-03'), (103, 6, 1, '2024-05-20'),
  (104, 4, 1, '2024-05-04'), (104, 6, 1, '2024-05-04'), (104, 7, 1, '2024-05-04'),
  (105, 1, 1, '2024-05-05'), (105, 3, 1, '2024-05-05'), (105, 7, 1, '2024-05-21'),
  (106, 1, 1, '2024-05-06'), (102, 1, 1, '2024-05-12'), (102, 1, 1, '2024-05-22');
CREATE INDEX ON order_lines (customer_id);

SELECT create_recommender('shop',
  'SELECT customer_id, product_id, quantity, ordered_at FROM order_lines',
  items => 'SELECT id, category, price, in_stock AS available FROM products');

SELECT r.item, p.title, round(r.score::numeric, 3) AS score, r.source, r.because
FROM recommend('shop', 106, 4) WITH ORDINALITY r JOIN products p ON p.id = r.item
ORDER BY r.ordinality;

SELECT r.item, b.item AS because_of, round(b.part::numeric, 3) AS part
FROM recommend('shop', 101, 1) r, unnest(r.because, r.contributions) AS b(item, part);

BEGIN;
INSERT INTO order_lines VALUES (106, 4, 1, now());
SELECT item, source, because FROM recommend('shop', 106, 3);
ROLLBACK;

SELECT item, source FROM recommend('shop', 106, 3, filter => 'price < 5', deny => ARRAY[3]);

SELECT item, source FROM recommend('shop', 106, 2, context => ARRAY[5]);

SELECT item FROM recommend('shop', 106, allow => ARRAY[7, 5, 2], exclude => 'none');

CREATE TABLE customers (id bigint PRIMARY KEY, tags tagset);
INSERT INTO customers VALUES (101, 'city:paris'), (102, 'city:paris, vip'), (103, 'city:rome, vip'), (104, 'city:rome'),
  (105, 'city:paris'), (106, 'city:paris'), (107, 'city:paris'), (108, 'city:rome');
SELECT create_recommender('shop',
  'SELECT customer_id, product_id, quantity, ordered_at FROM order_lines',
  items => 'SELECT id, category, price, in_stock AS available FROM products',
  users => 'SELECT id, tags FROM customers', replace => true);
SELECT item, round(score::numeric, 2) AS score, source FROM recommend('shop', 107, 3);
SELECT item, source FROM recommend('shop', NULL::bigint, 2, tags => '{vip, city:paris}');

SELECT item, source FROM recommend('shop', 106, 4, per_category => 1, lambda => 0.7);

SELECT s.item, p.title
FROM similar_items('shop', 1, 3) WITH ORDINALITY s JOIN products p ON p.id = s.item
ORDER BY s.ordinality;

SELECT item, source, because FROM recommend_basket('shop', ARRAY[4, 5], 2);

SELECT * FROM best_sellers('shop', '14 days', 3, as_of => '2024-05-14');

SELECT item, round(score::numeric, 3) AS score, round(base::numeric, 3) AS base, round(taste::numeric, 3) AS taste, because
FROM rerank('shop', 106, ARRAY[5, 4, 7, 2]);

CREATE TABLE looks (session int, product_id bigint);
INSERT INTO looks VALUES (1, 1), (1, 4), (2, 1), (2, 4), (3, 1), (3, 2), (4, 4), (4, 5), (5, 1), (5, 4);
CREATE INDEX ON looks (session);
CREATE VIEW baskets AS SELECT format('%s/%s', customer_id, ordered_at::date) AS basket, product_id FROM order_lines;

SELECT create_recommender('baskets_model', 'TABLE baskets', similarity_options('cosine'),
  items => 'SELECT id, category, price, in_stock AS available FROM products');
SELECT create_recommender('looks_model', 'TABLE looks', similarity_options('cosine'));

SELECT b.item, p.title, round(b.score::numeric, 2) AS score, round(b.bought::numeric, 2) AS bought, round(b.viewed::numeric, 2) AS viewed
FROM bundle('baskets_model', 1, 3, views => 'looks_model') WITH ORDINALITY b JOIN products p ON p.id = b.item ORDER BY b.ordinality;

SELECT items, total, overshoot, round(score::numeric, 2) AS score FROM cart_topup('shop', ARRAY[2, 3], 7.50, 3);

CREATE TABLE searches (customer_id bigint, term text);
INSERT INTO searches VALUES (101, 'breakfast'), (102, 'breakfast'), (105, 'breakfast'), (103, 'gift'), (104, 'gift'), (101, 'gift');
CREATE TABLE shop_terms AS
SELECT s.item AS term, s.neighbour AS item, s.score
FROM (SELECT cross_similarity_agg(customer_id, term, product_id, similarity_options('conditional')) AS a
      FROM (SELECT customer_id, term, NULL::bigint AS product_id FROM searches
            UNION ALL SELECT customer_id, NULL, product_id FROM order_lines) events) q, unnest(a) s;
CREATE INDEX ON shop_terms (term);

SELECT item, round(score::numeric, 2) AS score, source, because
FROM searched_also_bought('shop', 'TABLE shop_terms', '{breakfast, gift}', 3);

SELECT slot, scene, item, source FROM recommend_page('shop', 106, ARRAY[
  page_slot('similar', 2, items => '{5}'), page_slot('recommend', 2), page_slot('popular', 2, filter => 'category = ''drinks''')]);

SELECT "user", array_agg(item) AS items
FROM recommend_all('shop', 2)
GROUP BY "user" ORDER BY "user" LIMIT 3;

SELECT "user", item, source
FROM recommend_all('shop', 1, 'SELECT customer_id FROM order_lines GROUP BY 1 HAVING count(*) > 2', fallback => false)
ORDER BY "user";

SELECT c.customer_id, array_agg(r.item ORDER BY r.ordinality) AS items
FROM (SELECT DISTINCT customer_id FROM order_lines) c,
  LATERAL recommend('shop', c.customer_id, 2) WITH ORDINALITY r
GROUP BY c.customer_id ORDER BY c.customer_id LIMIT 3;

WITH value AS (
  SELECT o.customer_id, max(o.ordered_at) AS last_order, sum(o.quantity * p.price) AS spent
  FROM order_lines o JOIN products p ON p.id = o.product_id GROUP BY o.customer_id)
SELECT v.customer_id, to_char(v.last_order, 'YYYY-MM-DD') AS last_order, v.spent, array(SELECT r.item FROM recommend('shop', v.customer_id, 2) r) AS offer
FROM value v
WHERE v.last_order < timestamptz '2024-06-05' - interval '28 days'
  AND v.spent >= (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY spent) FROM value)
ORDER BY v.spent DESC;

CREATE TABLE views (customer_id bigint, product_id bigint, seen_at timestamptz);
INSERT INTO views VALUES (101, 5, '2024-05-25'), (103, 4, '2024-05-26'), (104, 5, '2024-05-01'), (106, 7, '2024-05-30');
SELECT v.customer_id, v.product_id AS seen, array(SELECT s.item FROM similar_items('shop', v.product_id, 2) s) AS or_rather
FROM views v
WHERE v.seen_at > timestamptz '2024-05-31' - interval '14 days'
  AND NOT EXISTS (SELECT FROM order_lines o WHERE o.customer_id = v.customer_id AND o.product_id = v.product_id)
ORDER BY v.customer_id;

SELECT o.customer_id, o.product_id, to_char(o.last + o.pause, 'YYYY-MM-DD') AS due,
  array(SELECT r.item FROM recommend_basket('shop', ARRAY[o.product_id], 2) r) AS with_it
FROM (SELECT customer_id, product_id, max(ordered_at) AS last,
        (max(ordered_at) - min(ordered_at)) / (count(*) - 1) AS pause
      FROM order_lines GROUP BY customer_id, product_id HAVING count(DISTINCT ordered_at) > 1) o
WHERE o.last + o.pause BETWEEN '2024-05-29' AND '2024-06-05';

SELECT refresh_recommender('shop');

INSERT INTO order_lines VALUES (103, 7, 1, '2024-06-02');
SELECT refresh_recommender('shop', incremental => true);
SELECT name, build_mode, changed, items, age < interval '1 minute' AS fresh FROM recommenders WHERE name = 'shop'::regclass;

CREATE TABLE agreed (customer_id bigint PRIMARY KEY);
INSERT INTO agreed VALUES (101), (102), (104), (105), (106);
SELECT create_recommender('fair', 'SELECT customer_id, product_id, quantity, ordered_at FROM order_lines',
  consent => 'SELECT customer_id FROM agreed');
SELECT (SELECT source FROM recommend('fair', 106, 1)) AS with_consent, (SELECT source FROM recommend('fair', 103, 1)) AS without;

DELETE FROM agreed WHERE customer_id = 106;
SELECT DISTINCT source FROM recommend('fair', 106, context => ARRAY[1]);

INSERT INTO agreed VALUES (103), (106);
SELECT create_recommender('fair', 'SELECT customer_id, product_id, quantity, ordered_at FROM order_lines',
  consent => 'SELECT customer_id FROM agreed', log => true, replace => true);
SELECT count(*) FROM recommend('fair', 106, 2, log => true);
SELECT id, "user", item, position, scene, source FROM fair_log ORDER BY id, position;

SELECT log_recommendation('fair', 103, array_agg(s.item ORDER BY s.ordinality), 'beside a product', scores => array_agg(s.score ORDER BY s.ordinality))
FROM similar_items('fair', 4, 2) WITH ORDINALITY s;

INSERT INTO order_lines VALUES (106, 7, 2, now() + interval '1 hour'), (103, 2, 1, now() + interval '2 hours');
SELECT scene, source, impressions, conversions, conversion, revenue
FROM recommender_report('fair', within => '7 days',
  orders => 'SELECT l.customer_id, l.product_id, l.quantity * p.price, l.ordered_at FROM order_lines l JOIN products p ON p.id = l.product_id');

SELECT count(log_recommendation('fair', m.user, m.items, 'mailing in June'))
FROM (SELECT "user", array_agg(item ORDER BY ordinality) AS items FROM recommend_all('fair', 2) WITH ORDINALITY GROUP BY "user") m;

-- two recommenders compared
SELECT create_recommender('variant_a', 'SELECT customer_id, product_id, quantity, ordered_at FROM order_lines', log => true);
SELECT create_recommender('variant_b', 'SELECT customer_id, product_id, quantity, ordered_at FROM order_lines',
  similarity_options('cosine'), log => true);
SELECT c.customer_id, v.variant, array_agg(r.item ORDER BY r.ordinality) AS items
FROM (SELECT DISTINCT customer_id FROM order_lines) c,
  LATERAL (SELECT CASE WHEN hashint8(c.customer_id) % 2 = 0 THEN 'variant_a' ELSE 'variant_b' END) v(variant),
  LATERAL recommend(v.variant, c.customer_id, 2, log => true) WITH ORDINALITY r
GROUP BY 1, 2 ORDER BY 1;
INSERT INTO order_lines VALUES (101, 7, 1, now() + interval '1 hour'), (104, 1, 1, now() + interval '2 hours');
SELECT variant, impressions, conversions, customers, round(conversions::numeric / customers, 2) AS per_customer
FROM (SELECT 'variant_a' AS variant, count(DISTINCT "user") AS customers FROM variant_a_log
      UNION ALL SELECT 'variant_b', count(DISTINCT "user") FROM variant_b_log) l,
  LATERAL (SELECT sum(impressions) AS impressions, sum(conversions) AS conversions FROM recommender_report(variant)) r;

SELECT drop_recommender('variant_a'), drop_recommender('variant_b');
SELECT drop_recommender('fair');
DROP TABLE agreed;

SELECT drop_recommender('baskets_model'), drop_recommender('looks_model');
SELECT name, rows, users, items FROM recommenders;

SELECT drop_recommender('shop');
DROP TABLE looks, searches, shop_terms;
DROP VIEW baskets;
DROP TABLE order_lines, products, customers, views;
