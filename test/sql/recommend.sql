-- The recommender against its definition in plain SQL, on random data.
SELECT setseed(0.5);
CREATE TABLE recommend_orders AS
SELECT (random() ^ 2 * 150)::int AS customer, (random() ^ 3 * 60)::bigint AS product,
	(1 + random() * 3)::int AS quantity, '2024-01-01'::timestamptz + random() * interval '300 days' AS ordered_at
FROM generate_series(1, 2500);
-- dirt: guests, lines without a product, returns that cancel a line out
INSERT INTO recommend_orders VALUES (NULL, 1, 1, '2024-01-01'), (7, NULL, 1, '2024-01-01'),
	(9, 3, 2, '2024-02-01'), (9, 3, -2, '2024-02-02'), (200, 3, -1, '2024-02-02');
CREATE INDEX ON recommend_orders (customer);
ANALYZE recommend_orders;

SELECT create_recommender('recommend_shop',
	'SELECT customer, product, quantity, ordered_at FROM recommend_orders',
	similarity_options('cosine', n => 20));

-- the model: cosine, one row an item
WITH weights AS (
	SELECT customer, product, sum(quantity)::float8 AS w FROM recommend_orders
	WHERE customer IS NOT NULL AND product IS NOT NULL GROUP BY 1, 2 HAVING sum(quantity) > 0),
norms AS (SELECT product, sqrt(sum(w * w)) AS norm, count(*) AS users FROM weights GROUP BY 1),
pairs AS (
	SELECT a.product, b.product AS neighbour, sum(a.w * b.w) / (x.norm * y.norm) AS score
	FROM weights a JOIN weights b ON a.customer = b.customer AND a.product <> b.product
	JOIN norms x ON x.product = a.product JOIN norms y ON y.product = b.product
	GROUP BY a.product, b.product, x.norm, y.norm),
ranked AS (
	SELECT *, row_number() OVER (PARTITION BY product ORDER BY round(score::numeric, 12) DESC, neighbour) AS rank
	FROM pairs WHERE score > 0),
model AS (
	SELECT m.item, u.* FROM recommend_shop_model m,
		unnest(m.neighbours, m.scores) WITH ORDINALITY u(neighbour, score, rank))
SELECT count(*) AS pairs, count(*) FILTER (WHERE m.neighbour IS DISTINCT FROM r.neighbour) AS wrong_neighbours,
	count(*) FILTER (WHERE abs(m.score - r.score) > 1e-6 OR m.score IS NULL OR r.score IS NULL) AS wrong_scores,
	(SELECT count(*) FROM norms n FULL JOIN recommend_shop_model s ON s.item = n.product
	 WHERE s.users IS DISTINCT FROM n.users) AS wrong_totals
FROM (SELECT * FROM ranked WHERE rank <= 20) r
FULL JOIN model m ON m.item = r.product AND m.rank = r.rank;

-- what recommend() is by definition, for one or all customers
CREATE VIEW recommend_oracle AS
WITH history AS (
	SELECT customer, product, sum(quantity)::float8 AS w FROM recommend_orders
	WHERE customer IS NOT NULL AND product IS NOT NULL GROUP BY 1, 2),
personal AS (
	SELECT h.customer, u.neighbour AS item, sum(h.w * u.score::float8) AS score,
		array_agg(h.product ORDER BY h.w * u.score::float8 DESC, h.product) AS because
	FROM history h JOIN recommend_shop_model m ON m.item = h.product,
		unnest(m.neighbours, m.scores) u(neighbour, score)
	WHERE h.w <> 0
	GROUP BY 1, 2)
SELECT p.*, 'personal' AS source FROM personal p
WHERE p.score > 0 AND NOT EXISTS (SELECT FROM history h WHERE h.customer = p.customer AND h.product = p.item)
UNION ALL
SELECT c.customer, m.item, m.users, NULL, 'popular'
FROM (SELECT generate_series(0, 201) AS customer) c, recommend_shop_model m
WHERE NOT EXISTS (SELECT FROM history h WHERE h.customer = c.customer AND h.product = m.item)
	AND NOT EXISTS (SELECT FROM personal p WHERE p.customer = c.customer AND p.item = m.item AND p.score > 0);

CREATE TABLE recommend_result AS
SELECT c.customer, r.*
FROM generate_series(0, 201) AS c(customer),
	LATERAL recommend('recommend_shop', c.customer) WITH ORDINALITY r;
SELECT count(*) > 5000 AS many, count(DISTINCT r.customer) AS customers,
	count(*) FILTER (WHERE r.source = 'personal') > 1000 AS personal,
	count(*) FILTER (WHERE r.score IS NULL OR o.score IS NULL OR abs(r.score - o.score) > 1e-9) AS wrong_scores,
	count(*) FILTER (WHERE r.source IS DISTINCT FROM o.source) AS wrong_sources,
	count(*) FILTER (WHERE r.because IS DISTINCT FROM o.because) AS wrong_reasons
FROM recommend_result r FULL JOIN recommend_oracle o USING (customer, item);

-- in order, ties by item
SELECT count(*) AS out_of_order FROM (
	SELECT *, row_number() OVER (PARTITION BY customer
		ORDER BY source = 'popular', score DESC, item) AS rank FROM recommend_result) q
WHERE rank <> ordinality;

-- contributions add up to the score, to the last bit and in any order
SELECT count(*) AS wrong_sums FROM recommend_result r
WHERE source = 'personal' AND (
	score <> (SELECT sum(c) FROM unnest(contributions) c) OR
	score <> (SELECT sum(c ORDER BY c) FROM unnest(contributions) c) OR
	score <> (SELECT sum(c ORDER BY md5(c::text)) FROM unnest(contributions) c));

-- n rows are the first n rows
SELECT count(*) AS wrong_prefixes
FROM generate_series(0, 201) AS c(customer), unnest(ARRAY[1, 2, 7, 40]) n
WHERE ARRAY(SELECT r FROM recommend('recommend_shop', c.customer, n) r) IS DISTINCT FROM
	ARRAY(SELECT ROW(r.item, r.score, r.source, r.because, r.contributions) FROM recommend_result r
		WHERE r.customer = c.customer AND ordinality <= n ORDER BY ordinality);

-- similar_items() and recommend_basket()
SELECT count(*) AS wrong_similar FROM recommend_shop_model m
WHERE (SELECT array_agg(item) FROM similar_items('recommend_shop', m.item)) IS DISTINCT FROM NULLIF(m.neighbours, '{}')
	OR (SELECT array_agg(score::real) FROM similar_items('recommend_shop', m.item, 5)) IS DISTINCT FROM NULLIF(m.scores[:5], '{}');
SELECT count(*) AS similar_to_unknown FROM similar_items('recommend_shop', 99999);

WITH basket AS (SELECT unnest(ARRAY[1, 2, 40]) AS product),
oracle AS (
	SELECT u.neighbour AS item, sum(u.score::float8) AS score
	FROM basket JOIN recommend_shop_model m ON m.item = product, unnest(m.neighbours, m.scores) u(neighbour, score)
	WHERE u.neighbour NOT IN (SELECT product FROM basket) GROUP BY 1)
SELECT count(*) > 10 AS many, count(*) FILTER (WHERE abs(o.score - r.score) > 1e-9 OR o.score IS NULL OR r.score IS NULL) AS wrong
FROM oracle o FULL JOIN (SELECT * FROM recommend_basket('recommend_shop', ARRAY[1, 2, 40, 2, NULL, 123456789012]) WHERE source = 'personal') r USING (item);

-- an order counts at once, and not any more when it is rolled back
SELECT item, score = (SELECT popularity FROM recommend_shop_model m WHERE m.item = r.item) AS popularity, source FROM recommend('recommend_shop', 201, 2) r;
BEGIN;
INSERT INTO recommend_orders VALUES (201, 55, 1, now());
SELECT r.source, r.because, r.item = m.neighbours[1] AS same, r.score = m.scores[1]::float8 AS same_score
FROM recommend_shop_model m, recommend('recommend_shop', 201, 1) r WHERE m.item = 55;
ROLLBACK;
SELECT item, score = (SELECT popularity FROM recommend_shop_model m WHERE m.item = r.item) AS popularity, source FROM recommend('recommend_shop', 201, 2) r;
-- nobody in particular
SELECT item, source, because FROM recommend('recommend_shop', NULL::int, 2);

-- prepared statements, whatever the plan
PREPARE recommend_prepared(int) AS SELECT ARRAY(SELECT item FROM recommend('recommend_shop', $1, 3)) =
	ARRAY(SELECT item FROM recommend_result WHERE customer = $1 AND ordinality <= 3 ORDER BY ordinality) AS expected;
SET plan_cache_mode = force_generic_plan;
EXECUTE recommend_prepared(5);
RESET plan_cache_mode;
DEALLOCATE recommend_prepared;

-- refresh: takes what is new, drops what is gone, leaves the rest alone
CREATE TABLE recommend_before AS SELECT *, xmin::text AS xmin_before FROM recommend_shop_model;
SELECT refresh_recommender('recommend_shop') = (SELECT count(*) FROM recommend_before) AS same_number;
SELECT count(*) AS rewritten FROM recommend_shop_model m JOIN recommend_before b USING (item)
WHERE m.xmin::text <> b.xmin_before;
BEGIN;
DELETE FROM recommend_orders WHERE product = 0;
INSERT INTO recommend_orders VALUES (1, 1000, 1, now()), (2, 1000, 1, now());
SELECT refresh_recommender('recommend_shop') = (SELECT count(*) FROM recommend_before) AS same_number;
SELECT count(*) FILTER (WHERE m.item IS NULL) AS gone, count(*) FILTER (WHERE b.item IS NULL) AS new,
	count(*) FILTER (WHERE 0 = ANY (m.neighbours)) AS of_the_old
FROM recommend_shop_model m FULL JOIN recommend_before b USING (item);
-- and is the same as a model that is built from nothing
SELECT create_recommender('recommend_fresh', 'TABLE recommend_orders', similarity_options('cosine', n => 20)) > 0 AS built;
SELECT count(*) AS differences FROM recommend_shop_model m FULL JOIN recommend_fresh_model f USING (item)
WHERE (m.users, m.popularity, m.neighbours, m.scores) IS DISTINCT FROM (f.users, f.popularity, f.neighbours, f.scores);
ROLLBACK;
SELECT count(*) AS differences FROM recommend_shop_model m FULL JOIN recommend_before b USING (item)
WHERE (m.users, m.popularity, m.neighbours, m.scores) IS DISTINCT FROM (b.users, b.popularity, b.neighbours, b.scores);

-- other types: the same shop with text and uuid items and users
SET client_min_messages = warning;
CREATE VIEW recommend_text AS SELECT 'u' || customer AS customer, 'ü' || lpad(product::text, 3, '0') AS product, quantity FROM recommend_orders;
CREATE VIEW recommend_uuid AS SELECT lpad(to_hex(customer), 32, '0')::uuid AS customer, lpad(to_hex(product), 32, '0')::uuid AS product, quantity FROM recommend_orders;
CREATE VIEW recommend_int AS SELECT customer::smallint AS customer, product::int AS product, quantity FROM recommend_orders;
SELECT create_recommender('recommend_shop_text', 'TABLE recommend_text', similarity_options('cosine', n => 20)) = (SELECT count(*) FROM recommend_shop_model) AS text_items;
SELECT create_recommender('recommend_shop_uuid', 'TABLE recommend_uuid', similarity_options('cosine', n => 20)) = (SELECT count(*) FROM recommend_shop_model) AS uuid_items;
SELECT create_recommender('recommend_shop_int', 'TABLE recommend_int', similarity_options('cosine', n => 20)) = (SELECT count(*) FROM recommend_shop_model) AS int_items;
RESET client_min_messages;
CREATE TABLE recommend_result_text AS SELECT c.customer, r.* FROM generate_series(0, 201) c(customer),
	LATERAL recommend(NULL::text, 'recommend_shop_text', 'u' || c.customer, n => NULL) WITH ORDINALITY r;
CREATE TABLE recommend_result_uuid AS SELECT c.customer, r.* FROM generate_series(0, 201) c(customer),
	LATERAL recommend(NULL::uuid, 'recommend_shop_uuid', lpad(to_hex(c.customer), 32, '0')::uuid) WITH ORDINALITY r;
CREATE TABLE recommend_result_int AS SELECT c.customer, r.* FROM generate_series(0, 201) c(customer),
	LATERAL recommend('recommend_shop_int', c.customer) WITH ORDINALITY r;
SELECT count(*) = (SELECT count(*) FROM recommend_result) AS all_rows,
	count(*) FILTER (WHERE (t.score, t.source, t.contributions) IS DISTINCT FROM (r.score, r.source, r.contributions)
		OR t.item <> 'ü' || lpad(r.item::text, 3, '0')
		OR t.because IS DISTINCT FROM (SELECT array_agg('ü' || lpad(x.b::text, 3, '0') ORDER BY x.o) FROM unnest(r.because) WITH ORDINALITY x(b, o))) AS wrong_text,
	count(*) FILTER (WHERE (u.score, u.source, u.contributions) IS DISTINCT FROM (r.score, r.source, r.contributions)
		OR u.item <> lpad(to_hex(r.item), 32, '0')::uuid
		OR u.because IS DISTINCT FROM (SELECT array_agg(lpad(to_hex(x.b), 32, '0')::uuid ORDER BY x.o) FROM unnest(r.because) WITH ORDINALITY x(b, o))) AS wrong_uuid,
	count(*) FILTER (WHERE (i.item, i.score, i.source, i.because, i.contributions) IS DISTINCT FROM
		(r.item, r.score, r.source, r.because, r.contributions)) AS wrong_int
FROM recommend_result r
JOIN recommend_result_text t USING (customer, ordinality)
JOIN recommend_result_uuid u USING (customer, ordinality)
JOIN recommend_result_int i USING (customer, ordinality);
SELECT item, score FROM similar_items(NULL::int, 'recommend_shop_int', 3, 2)
EXCEPT SELECT item, score FROM similar_items('recommend_shop', 3, 2);
SELECT item IS NOT NULL AS some, pg_typeof(item), pg_typeof(because) FROM recommend(NULL::text, 'recommend_shop_text', 'u7', 1);
SELECT pg_typeof(item), pg_typeof(because), because FROM recommend_basket(NULL::text, 'recommend_shop_text', ARRAY['ü001'], 1);
SELECT count(*) FROM similar_items(NULL::text, 'recommend_shop_text', 'ü001', 4);

-- rows of the model that do not fit into a page
CREATE TABLE recommend_wide AS SELECT c, p FROM generate_series(1, 3) c, generate_series(1, 1200) p WHERE p % 3 <> c % 3;
CREATE INDEX ON recommend_wide (c);
SELECT create_recommender('recommend_shop_wide', 'TABLE recommend_wide', similarity_options('cosine', n => 3000));
SELECT max(cardinality(neighbours)) AS n, max(pg_column_size(scores)) < 4 * max(cardinality(scores)) AS compressed FROM recommend_shop_wide_model;
SELECT count(*) AS items, count(*) FILTER (WHERE abs(r.score - o.score) > 1e-9 * o.score OR r.item IS NULL OR o.item IS NULL) AS wrong
FROM recommend_basket('recommend_shop_wide', ARRAY[1, 2, 3], fallback => false) r
FULL JOIN (SELECT u.n AS item, sum(u.s::float8) AS score FROM recommend_shop_wide_model m, unnest(m.neighbours, m.scores) u(n, s)
	WHERE m.item IN (1, 2, 3) AND u.n > 3 GROUP BY 1) o USING (item);

-- types with a length, of which there is no name without one
CREATE TABLE recommend_char (customer char(5), product varchar(7));
INSERT INTO recommend_char VALUES ('anna', 'tea'), ('anna', 'honey'), ('bert', 'tea'), ('anne', 'milk');
CREATE INDEX ON recommend_char (customer);
SELECT create_recommender('recommend_shop_char', 'SELECT customer, product FROM recommend_char');
SELECT item, source, because FROM recommend(NULL::varchar, 'recommend_shop_char', 'bert', 3);
SELECT create_recommender('recommend_shop_char', 'SELECT product, customer FROM recommend_char', replace => true);
SELECT item, source, because FROM recommend(NULL::bpchar, 'recommend_shop_char', 'honey', 3);

-- empty input: a recommender without items has nothing to say
CREATE TABLE recommend_none (customer int PRIMARY KEY, product int);
SELECT create_recommender('recommend_empty', 'TABLE recommend_none');
SELECT * FROM recommend('recommend_empty', 1, 5);
SELECT * FROM similar_items('recommend_empty', 1, 5);
INSERT INTO recommend_none VALUES (1, 5);
SELECT refresh_recommender('recommend_empty');
SELECT * FROM recommend('recommend_empty', 1, 5);
SELECT * FROM recommend('recommend_empty', 2, 5);

DROP VIEW recommend_oracle;
SELECT drop_recommender(name::text) FROM recommenders ORDER BY name::text COLLATE "C";
SELECT count(*) FROM pg_class WHERE relname LIKE 'recommend\_%\_model';
DROP TABLE recommend_result, recommend_result_text, recommend_result_uuid, recommend_result_int, recommend_before, recommend_none, recommend_char, recommend_wide, recommend_orders CASCADE;
