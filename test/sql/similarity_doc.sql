-- The examples of doc/similarity.md.
CREATE TABLE orders (customer text, product bigint, quantity int, ordered_at timestamptz);
INSERT INTO orders VALUES
  ('ann', 1, 1, '2024-03-01 10:00+00'), ('ann', 2, 1, '2024-03-01 10:00+00'), ('ann', 4, 2, '2024-03-09 12:00+00'),
  ('bob', 1, 2, '2024-03-02 11:00+00'), ('bob', 2, 1, '2024-03-02 11:00+00'), ('bob', 3, 1, '2024-03-05 08:00+00'),
  ('cid', 2, 1, '2024-03-03 09:00+00'), ('cid', 3, 3, '2024-03-03 09:00+00'),
  ('dee', 1, 1, '2024-03-07 20:00+00'), ('dee', 4, 1, '2024-03-07 20:00+00'),
  ('eve', 3, 1, '2024-03-08 21:00+00'), ('eve', 3, -1, '2024-03-09 21:00+00'), ('eve', 4, 1, '2024-03-08 21:00+00');

SELECT s.item, s.neighbour, round(s.score::numeric, 3) AS score, s.together
FROM (SELECT item_similarity_agg(customer, product, similarity_options('cosine', n => 2)) AS a
      FROM orders) q, unnest(a) s;

SELECT item, neighbour, round(score::numeric, 3) AS score, together
FROM item_similarity('SELECT customer, product FROM orders', n => 2);

EXPLAIN (COSTS OFF)
SELECT * FROM item_similarity('SELECT customer, product FROM orders', 2) LIMIT 3;

SELECT item, neighbour, round(score::numeric, 3) AS score, together
FROM item_similarity('SELECT customer, product, quantity, ordered_at FROM orders',
                     measure => 'cosine', half_life => '30 days', n => 1);

SELECT item, neighbour, together
FROM item_similarity(NULL::text, $$ SELECT customer, 'sku-' || product FROM orders $$,
                     measure => 'jaccard', n => 1);

CREATE TABLE events (session int, term text, bought bigint);
INSERT INTO events VALUES (1, 'lipstick', NULL), (1, NULL, 7), (2, 'lipstick', 7), (3, 'lipstick', 8),
  (4, 'perfume', 8), (4, NULL, 9), (5, 'perfume', NULL);

SELECT s.item AS searched, s.neighbour AS bought, round(s.score::numeric, 3) AS share, s.together
FROM (SELECT cross_similarity_agg(session, term, bought, similarity_options('conditional')) AS a
      FROM events) q, unnest(a) s;

SELECT item, neighbour, round(score::numeric, 3) AS score
FROM cross_similarity(NULL::text, NULL::bigint, 'SELECT session, term, bought FROM events', measure => 'cosine', n => 1);

CREATE TABLE products (id bigint, tags tagset);
INSERT INTO products VALUES (1, 'red, wine'), (2, 'red, wine, dry'), (3, 'white, wine'), (5, 'red, wine, sweet');

SELECT item, neighbour, round(score::numeric, 3) AS score, together AS tags
FROM tag_similarity('SELECT id, tags FROM products', 2);

-- by behaviour as far as there is evidence, by tags for the rest
SELECT item, neighbour,
       round(((coalesce(b.together, 0) * coalesce(b.score, 0) + 3 * coalesce(c.score, 0)) / (coalesce(b.together, 0) + 3))::numeric, 3) AS score
FROM item_similarity('SELECT customer, product FROM orders', measure => 'cosine') b
FULL JOIN tag_similarity('SELECT id, tags FROM products') c USING (item, neighbour)
WHERE item IN (2, 5)
ORDER BY item, score DESC, neighbour;

DROP TABLE orders, events, products;
