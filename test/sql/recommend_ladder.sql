-- The rungs between the history and overall popularity, against plain SQL.
SELECT setseed(0.1);
CREATE TABLE ladder_orders AS
SELECT (random() ^ 2 * 90)::int AS customer, (random() ^ 2 * 500)::bigint AS product,
	(1 + random() * 2)::int AS quantity, '2024-01-01'::timestamptz + random() * interval '200 days' AS ordered_at
FROM generate_series(1, 2500);
INSERT INTO ladder_orders VALUES (5, 3, -1, '2024-03-01'), (5, 3, -5, '2024-03-01'), (NULL, 3, 1, '2024-03-01'), (6, NULL, 1, '2024-03-01');
CREATE INDEX ON ladder_orders (customer);
CREATE TABLE ladder_products AS
SELECT p AS id, p % 5 <> 2 AS available, CASE WHEN p % 9 = 0 THEN NULL WHEN p % 2 = 0 THEN 'bulk' ELSE 'ü' || p % 7 END AS category
FROM generate_series(0, 520) p WHERE p % 31 <> 4;
-- an item of two categories, and one that is listed twice
INSERT INTO ladder_products SELECT id, available, 'second' FROM ladder_products WHERE id % 40 = 1;
INSERT INTO ladder_products SELECT * FROM ladder_products WHERE id % 50 = 3;
-- users with tags, some without a history; tags that few have
CREATE TABLE ladder_users AS
SELECT c AS id, format('sex:%s, city:%s, "a, b"%s', CASE c % 2 WHEN 0 THEN 'f' ELSE 'm' END, c % 6, CASE WHEN c % 30 = 0 THEN ', rare' ELSE '' END)::tagset AS tags
FROM generate_series(0, 120) c WHERE c % 8 <> 3;
CREATE INDEX ON ladder_users (id);
SELECT create_recommender('ladder_shop', 'TABLE ladder_orders', similarity_options('cosine', n => 4),
	items => 'SELECT id, available, category FROM ladder_products', users => 'SELECT id, tags FROM ladder_users') > 400 AS many;
-- the same without the ladder
SELECT create_recommender('ladder_plain', 'TABLE ladder_orders', similarity_options('cosine', n => 4), items => 'SELECT DISTINCT id, available FROM ladder_products') > 400 AS many;

-- the lists
CREATE VIEW ladder_tags AS SELECT id, unnest(tags::text[]) AS tag FROM ladder_users;
CREATE VIEW ladder_bought AS SELECT customer, product FROM ladder_orders WHERE customer IS NOT NULL AND product IS NOT NULL GROUP BY 1, 2 HAVING sum(quantity) > 0;
CREATE VIEW ladder_lists AS
SELECT kind, key, array_agg(item ORDER BY rank) AS items, array_agg(score ORDER BY rank) AS scores
FROM (SELECT *, row_number() OVER (PARTITION BY kind, key ORDER BY score DESC, item) AS rank FROM (
	SELECT 'crowd' AS kind, t.tag AS key, b.product AS item, count(*)::float8 / max(s.users) AS score
	FROM ladder_tags t JOIN ladder_bought b ON b.customer = t.id
	JOIN (SELECT tag, count(*) AS users FROM ladder_tags GROUP BY 1 HAVING count(*) >= 5) s USING (tag) GROUP BY 2, 3
	UNION ALL
	SELECT 'category', c.category, m.item, m.users
	FROM (SELECT DISTINCT id, category FROM ladder_products WHERE category IS NOT NULL) c JOIN ladder_shop_model m ON m.item = c.id) q) r
WHERE rank <= 200 GROUP BY kind, key;
SELECT kind, count(*) AS lists, count(*) FILTER (WHERE (l.items, l.scores) IS DISTINCT FROM (o.items, o.scores)) AS wrong, max(cardinality(o.items)) AS longest
FROM ladder_shop_lists l FULL JOIN ladder_lists o USING (kind, key) GROUP BY kind ORDER BY kind;

-- the answers
CREATE FUNCTION ladder_oracle(who int, given text[]) RETURNS TABLE (item bigint, score float8, source text, rank bigint) LANGUAGE sql STABLE AS $$
WITH history AS (SELECT product, sum(quantity)::float8 AS w FROM ladder_orders WHERE customer = who AND product IS NOT NULL GROUP BY 1),
eligible AS (SELECT DISTINCT p.id FROM ladder_products p WHERE p.available AND NOT EXISTS (SELECT FROM history h WHERE h.product = p.id)),
tags AS (SELECT DISTINCT t.tag FROM (SELECT unnest(given) UNION ALL SELECT tag FROM ladder_tags WHERE id = who AND given IS NULL) t(tag)
	WHERE EXISTS (SELECT FROM ladder_shop_lists l WHERE l.kind = 'crowd' AND l.key = t.tag)),
parts AS (
	SELECT category, product, w / sum(w) OVER () AS w FROM (SELECT DISTINCT h.product, h.w, p.category FROM history h JOIN ladder_products p ON p.id = h.product
		WHERE h.w > 0 AND p.category IS NOT NULL) q),
-- contributions are rounded to a multiple of a power of 2
sold AS (SELECT l.key, u.item, u.score, 1.5 * 2 ^ (floor(log(2, max(u.score) OVER ()::numeric))::float8 + 2) AS r
	FROM ladder_shop_lists l, unnest(l.items, l.scores) u(item, score) WHERE l.kind = 'category' AND l.key IN (SELECT category FROM parts)),
rows AS (
	SELECT r.item, r.score, 1 AS rung FROM recommend('ladder_plain', who, fallback => false) r
	UNION ALL
	SELECT u.item, sum(1.0::float8 / (SELECT count(*) FROM tags) * u.score ORDER BY tag COLLATE "C"), 2
	FROM tags t JOIN ladder_shop_lists l ON l.kind = 'crowd' AND l.key = t.tag, unnest(l.items, l.scores) u(item, score) GROUP BY 1
	UNION ALL
	SELECT s.item, sum(p.w * s.score + r - r), 3 FROM parts p JOIN sold s ON s.key = p.category GROUP BY 1
	UNION ALL
	SELECT m.item, m.users, 4 FROM ladder_shop_model m),
best AS (SELECT DISTINCT ON (r.item) r.* FROM rows r JOIN eligible e ON e.id = r.item ORDER BY r.item, rung)
SELECT item, score, (ARRAY['personal', 'crowd', 'category', 'popular'])[rung], row_number() OVER (ORDER BY rung, score DESC, item) FROM best
$$;
CREATE TABLE ladder_cases AS
SELECT c AS customer, t AS tags, r.* FROM unnest(ARRAY[0, 2, 5, 30, 60, 77, 84, 89, 100, 119, 120, 200, NULL]) c,
	(VALUES (NULL), ('{sex:f,city:1,none,NULL,sex:f}'::text[]), ('{}')) v(t), recommend('ladder_shop', c, tags => t) WITH ORDINALITY r;
SELECT count(*) > 10000 AS many, count(*) FILTER (WHERE (g.item, g.score, g.source) IS DISTINCT FROM (o.item, o.score, o.source)) AS wrong,
	count(*) FILTER (WHERE g.source = 'crowd') > 1000 AS crowd, count(*) FILTER (WHERE g.source = 'category') > 1000 AS category,
	count(*) FILTER (WHERE (g.because IS NULL) <> (g.source NOT IN ('personal', 'category'))) AS wrong_reasons
FROM (SELECT DISTINCT customer, tags FROM ladder_cases) c
CROSS JOIN LATERAL (SELECT * FROM ladder_oracle(c.customer, c.tags) o
	FULL JOIN (SELECT x.item AS g_item, x.* FROM ladder_cases x WHERE x.customer IS NOT DISTINCT FROM c.customer AND x.tags IS NOT DISTINCT FROM c.tags) g ON g.ordinality = o.rank) z(item, score, source, rank, g_item, customer, tags, item2, score2, source2, because, contributions, ordinality),
LATERAL (SELECT z.item2, z.score2, z.source2, z.because) g(item, score, source, because), LATERAL (SELECT z.item, z.score, z.source) o(item, score, source);
SELECT source, count(*) > 0 AS some FROM ladder_cases GROUP BY 1 ORDER BY 1;
-- because: the items of the history that are of its categories, and what they contribute, which adds up
SELECT count(*) FILTER (WHERE score <> (SELECT sum(x) FROM unnest(contributions) x) OR score <> (SELECT sum(x ORDER BY x) FROM unnest(contributions) x)) AS wrong_sums,
	count(*) FILTER (WHERE contributions <> ARRAY(SELECT x FROM unnest(contributions) x ORDER BY x DESC)) AS out_of_order,
	count(*) FILTER (WHERE ARRAY(SELECT x FROM unnest(because) x ORDER BY x) <> ARRAY(SELECT DISTINCT o.product FROM ladder_orders o JOIN ladder_products h ON h.id = o.product JOIN ladder_products p ON p.id = c.item AND p.category = h.category
		JOIN ladder_shop_lists l ON l.kind = 'category' AND l.key = p.category AND c.item = ANY (l.items)
		WHERE o.customer = c.customer AND (SELECT sum(quantity) FROM ladder_orders s WHERE s.customer = c.customer AND s.product = o.product) > 0 ORDER BY 1)) AS wrong_reasons
FROM ladder_cases c WHERE source = 'category' AND tags IS NULL;
-- n rows are the first n rows
SELECT count(*) AS wrong FROM unnest(ARRAY[5, 84, 119]) c, unnest(ARRAY[1, 7, 50, 300]) n
WHERE ARRAY(SELECT item FROM recommend('ladder_shop', c, n) r) IS DISTINCT FROM
	ARRAY(SELECT item FROM ladder_cases x WHERE x.customer = c AND x.tags IS NULL AND ordinality <= n ORDER BY ordinality);
-- with filter, allow and deny: what remains
SELECT count(*) AS cases, count(*) FILTER (WHERE got IS DISTINCT FROM expected) AS wrong FROM unnest(ARRAY[5, 84, 119]) c, unnest(ARRAY[3, 60]) n,
LATERAL (SELECT ARRAY(SELECT item FROM recommend('ladder_shop', c, n, filter => 'id % 3 = 0', deny => ARRAY[0, 3, 6, 30], allow => ARRAY(SELECT generate_series(0, 300)))) AS got,
	ARRAY(SELECT item FROM ladder_cases x WHERE x.customer = c AND x.tags IS NULL AND item % 3 = 0 AND item NOT IN (0, 3, 6, 30) AND item <= 300 ORDER BY ordinality LIMIT n) AS expected) q;
-- a basket has categories, and no tags
SELECT array_agg(DISTINCT source) FROM recommend_basket('ladder_shop', '{1, 2}', 400);
-- live: tags and categories are those of this moment
BEGIN;
UPDATE ladder_users SET tags = 'city:1' WHERE id = 119;
SELECT count(*) AS wrong FROM (SELECT item, row_number() OVER () AS rank FROM recommend('ladder_shop', 119, 20)) r FULL JOIN (SELECT * FROM ladder_oracle(119, '{city:1}') WHERE rank <= 20) o USING (rank) WHERE r.item IS DISTINCT FROM o.item;
ROLLBACK;
-- a refresh follows the data, and rewrites nothing that has not changed
CREATE TABLE ladder_before AS SELECT *, xmin::text AS xmin_before FROM ladder_shop_lists;
SELECT refresh_recommender('ladder_shop') > 0 AS refreshed;
SELECT count(*) AS rewritten FROM ladder_shop_lists l JOIN ladder_before b USING (kind, key) WHERE l.xmin::text <> b.xmin_before;
BEGIN;
UPDATE ladder_users SET tags = tags | 'new' WHERE id < 10;
UPDATE ladder_users SET tags = tags - 'sex:f'::tagset;
UPDATE ladder_products SET category = 'third' WHERE category = 'second';
SELECT refresh_recommender('ladder_shop') > 0 AS refreshed;
SELECT count(*) FILTER (WHERE (l.items, l.scores) IS DISTINCT FROM (o.items, o.scores)) AS wrong, bool_or(key = 'new') AS new, bool_or(key = 'third') AS third, bool_or(key IN ('sex:f', 'second')) AS old
FROM ladder_shop_lists l FULL JOIN ladder_lists o USING (kind, key);
ROLLBACK;

-- one tag a row, and arrays of tags; items of type text
SELECT create_recommender('ladder_rows', 'TABLE ladder_orders', users => 'SELECT id::bigint, tag FROM ladder_tags') > 0 AS rows;
SELECT create_recommender('ladder_arrays', 'SELECT customer::text, ''p'' || product FROM ladder_orders', items => 'SELECT ''p'' || id, category FROM ladder_products', users => 'SELECT id::text, tags::text[] FROM ladder_users') > 0 AS arrays;
SELECT count(*) AS differences FROM (SELECT key, items, scores FROM ladder_rows_lists) r FULL JOIN (SELECT key, items, scores FROM ladder_shop_lists WHERE kind = 'crowd') s USING (key, items, scores) WHERE r.key IS NULL OR s.key IS NULL;
SELECT source, count(*) > 0 AS some FROM recommend(NULL::text, 'ladder_arrays', '84', n => NULL) GROUP BY 1 ORDER BY 1;

-- popularity fades with the half-life of the similarity options
SELECT create_recommender('ladder_fades', 'TABLE ladder_orders', similarity_options('cosine', half_life => '20 days')) > 0 AS created;
\set SHOW_CONTEXT never
SELECT create_recommender('ladder_forever', 'SELECT 1, 2, 1, timestamptz ''-infinity''', similarity_options('cosine', half_life => '20 days'));
\set SHOW_CONTEXT errors
SELECT count(*) > 400 AS many, count(*) FILTER (WHERE abs(m.popularity - o.w) > 1e-5 * o.w OR m.item IS NULL OR o.product IS NULL) AS wrong, bool_or(m.popularity <> m.users) AS fades
FROM ladder_fades_model m FULL JOIN (SELECT product, sum(w) AS w FROM (
	SELECT customer, product, sum(quantity * 2 ^ (extract(epoch FROM ordered_at - newest)::float8 / 86400 / 20)) AS w
	FROM ladder_orders, (SELECT max(ordered_at) AS newest FROM ladder_orders WHERE customer IS NOT NULL AND product IS NOT NULL) n
	WHERE customer IS NOT NULL AND product IS NOT NULL GROUP BY 1, 2) q WHERE w > 0 GROUP BY 1) o ON o.product = m.item;
SELECT count(*) AS wrong FROM (SELECT item, row_number() OVER () FROM recommend('ladder_fades', NULL::int, 30)) r
FULL JOIN (SELECT item, row_number() OVER (ORDER BY popularity DESC, item) FROM ladder_fades_model ORDER BY 2 LIMIT 30) m USING (row_number) WHERE r.item IS DISTINCT FROM m.item;

-- the table of lists is one of the recommender's
SELECT rename_recommender('ladder_rows', 'ladder_renamed');
SELECT lists FROM ladder_renamed;
SELECT create_recommender('ladder_renamed', 'SELECT customer, product::int FROM ladder_orders', users => 'TABLE ladder_tags', replace => true) > 0 AS replaced;
SELECT r.lists, pg_typeof(l.items) FROM ladder_renamed r, ladder_renamed_lists l LIMIT 1;
SELECT count(*) FROM recommend('ladder_renamed', 119, 3);
SELECT create_recommender('ladder_renamed', 'SELECT customer, product::int FROM ladder_orders', replace => true) > 0 AS replaced;
SELECT lists, to_regclass('ladder_renamed_lists') FROM ladder_renamed;
SELECT count(*) FROM recommend('ladder_renamed', 119, 3);
-- who may not read the lists may not climb
CREATE ROLE ladder_reader;
GRANT SELECT ON ladder_shop, ladder_shop_model, ladder_orders, ladder_products, ladder_users TO ladder_reader;
SET ROLE ladder_reader;
SELECT count(*) FROM recommend('ladder_shop', 0, 1);
\set VERBOSITY sqlstate
SELECT count(*) FROM recommend('ladder_shop', 119, 1);
RESET ROLE;
GRANT SELECT ON ladder_shop_lists TO ladder_reader;
SET ROLE ladder_reader;
SELECT count(*) FROM recommend('ladder_shop', 119, 1);
RESET ROLE;
DROP OWNED BY ladder_reader;
DROP ROLE ladder_reader;
-- mistakes
\set VERBOSITY terse
SELECT * FROM recommend('ladder_plain', 1, 1, tags => '{sex:f}');
SELECT create_recommender('ladder_bad', 'TABLE ladder_orders', users => 'SELECT id FROM ladder_users');
SELECT create_recommender('ladder_bad', 'TABLE ladder_orders', users => 'SELECT tags, id FROM ladder_users');
SELECT create_recommender('ladder_bad', 'TABLE ladder_orders', users => 'SELECT id + 0, tags FROM ladder_users') > 0 AS created;
BEGIN;
UPDATE ladder_shop_lists SET scores = scores[2:];
SELECT * FROM recommend('ladder_shop', 119, 1);
ROLLBACK;
BEGIN;
DROP TABLE ladder_shop_lists;
SELECT * FROM recommend('ladder_shop', 119, 1);
ROLLBACK;
DROP TABLE ladder_shop_lists;
SELECT refresh_recommender('ladder_shop') > 0 AS refreshed;
SELECT count(*) FROM recommend('ladder_shop', 119, 1);

DROP VIEW ladder_lists;
DROP FUNCTION ladder_oracle;
SELECT drop_recommender(name::text) FROM recommenders ORDER BY name::text COLLATE "C";
SELECT count(*) FROM pg_class WHERE relname LIKE 'ladder\_%\_lists';
DROP TABLE ladder_cases, ladder_before, ladder_orders, ladder_products, ladder_users CASCADE;
