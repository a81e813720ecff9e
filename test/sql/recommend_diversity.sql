-- Answers that are spread, against their definition in plain SQL.
SELECT setseed(0.75);
CREATE TABLE diverse_orders AS
SELECT (random() ^ 2 * 60)::int AS customer, (random() ^ 2 * 400)::bigint AS product, (1 + random() * 2)::int AS quantity
FROM generate_series(1, 3000);
CREATE INDEX ON diverse_orders (customer);
CREATE TABLE diverse_products AS
SELECT p AS id, p % 4 <> 1 AS available, CASE WHEN p % 13 <> 3 THEN 'c' || p % 7 END AS category, p % 50 AS price
FROM generate_series(0, 410) p WHERE p % 17 <> 5;
-- an item of two categories is of the lesser one
INSERT INTO diverse_products SELECT id, true, 'b', price FROM diverse_products WHERE id % 29 = 0;
CREATE INDEX ON diverse_products (id);
SELECT create_recommender('diverse_base', 'TABLE diverse_orders', similarity_options('cosine', n => 15),
	items => 'SELECT DISTINCT id, category FROM diverse_products');
SELECT create_recommender('diverse_plain', 'TABLE diverse_orders', similarity_options('cosine', n => 15));
SELECT create_recommender('diverse_shop', 'TABLE diverse_orders', similarity_options('cosine', n => 15),
	items => 'SELECT id, available, category, price FROM diverse_products');

-- all rows without spreading, those that may be returned; candidates have the rank they have before the items query is asked
CREATE TABLE diverse_ranks AS SELECT c, r.item, r.ordinality FROM generate_series(0, 62) c, recommend('diverse_plain', c, fallback => false) WITH ORDINALITY r;
CREATE TABLE diverse_rows AS
SELECT c.c AS customer, r.item, r.score, r.source, p.category,
	coalesce(b.ordinality, r.ordinality) AS rank,
	p.eligible, max(r.score) FILTER (WHERE p.eligible) OVER (PARTITION BY c.c, r.source) AS best
FROM generate_series(0, 62) c(c) CROSS JOIN LATERAL recommend('diverse_base', c.c) WITH ORDINALITY r
LEFT JOIN diverse_ranks b ON b.c = c.c AND b.item = r.item AND r.source = 'personal'
LEFT JOIN (SELECT id, min(category COLLATE "C") FILTER (WHERE available) AS category, bool_or(available) AS eligible FROM diverse_products GROUP BY 1) p ON p.id = r.item;
CREATE INDEX ON diverse_rows (customer);
CREATE TABLE diverse_alike AS
SELECT a, b, max(alike) AS alike FROM (
	SELECT m.item AS a, u.b, u.s::float8 / m.scores[1] AS alike FROM diverse_base_model m, unnest(m.neighbours, m.scores) u(b, s)
	UNION ALL SELECT u.b, m.item, u.s::float8 / m.scores[1] FROM diverse_base_model m, unnest(m.neighbours, m.scores) u(b, s)) q GROUP BY 1, 2;
CREATE INDEX ON diverse_alike (a, b);

CREATE FUNCTION diverse_draw(pos bigint, seed bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT hashint8extended(pos, seed)';
CREATE FUNCTION diverse_oracle(who int, n int, lambda float8, cap int, explore float8, seed bigint) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	picked bigint[] := '{}'; picked_from text[] := '{}'; drawn bigint[] := '{}'; result text[] := '{}';
	categories text[] := '{}'; m int := 0; lim int; r record; rung text; i int := 1; j int := 1;
BEGIN
	SELECT count(*) INTO m FROM generate_series(1, n) p
	WHERE ((diverse_draw(p, seed) >> 11) & 9007199254740991) / 9007199254740992.0 < explore;
	FOREACH rung IN ARRAY ARRAY['personal', 'category', 'popular'] LOOP
		lim := CASE rung WHEN 'personal' THEN n - m ELSE n - cardinality(drawn) END;
		WHILE lim IS NULL OR cardinality(picked) < lim LOOP
			SELECT q.* INTO r FROM (
				SELECT d.item, d.category, place, CASE WHEN place <= 100 AND lambda < 1 THEN
					CASE WHEN d.best > 0 THEN lambda * (d.score / d.best) ELSE 0 END -
					(1 - lambda) * coalesce((SELECT max(alike) FROM diverse_alike a WHERE a.a = d.item AND a.b = ANY (picked)), 0) END AS value
				FROM (SELECT *, row_number() OVER (ORDER BY rank) AS place FROM diverse_rows
					WHERE customer = who AND source = rung AND eligible AND item <> ALL (drawn)) d
				WHERE d.item <> ALL (picked) AND (cap IS NULL OR d.category IS NULL OR cardinality(array_positions(categories, d.category)) < cap)) q
			ORDER BY value DESC NULLS LAST, place LIMIT 1;
			EXIT WHEN NOT FOUND;
			picked := picked || r.item; picked_from := picked_from || rung; categories := categories || r.category;
		END LOOP;
		IF rung = 'personal' THEN
			FOR r IN SELECT item, category FROM diverse_rows WHERE customer = who AND source = rung AND eligible AND item <> ALL (picked)
				ORDER BY diverse_draw(-rank, seed) < 0, diverse_draw(-rank, seed), rank LOOP
				EXIT WHEN cardinality(drawn) >= m;
				CONTINUE WHEN cap IS NOT NULL AND r.category IS NOT NULL AND cardinality(array_positions(categories, r.category)) >= cap;
				drawn := drawn || r.item; categories := categories || r.category;
			END LOOP;
		END IF;
	END LOOP;
	FOR p IN 1 .. cardinality(picked) + cardinality(drawn) LOOP
		IF j <= cardinality(drawn) AND (i > cardinality(picked) OR
			((diverse_draw(p, seed) >> 11) & 9007199254740991) / 9007199254740992.0 < explore) THEN
			result := result || ('explore ' || drawn[j]); j := j + 1;
		ELSE
			result := result || (picked_from[i] || ' ' || picked[i]); i := i + 1;
		END IF;
	END LOOP;
	RETURN result;
END $$;

CREATE TABLE diverse_cases AS
SELECT customer, n, lambda, cap, explore, customer * 1000 + coalesce(n, 0) AS seed
FROM unnest(ARRAY[0, 30, 58]) customer, unnest(ARRAY[25]) n,
	unnest(ARRAY[NULL, 0.7, 0]) lambda, unnest(ARRAY[NULL, 1, 3]) cap, unnest(ARRAY[NULL, 0.3, 1]) explore
WHERE lambda IS NOT NULL OR cap IS NOT NULL OR explore IS NOT NULL;
SELECT count(*) AS cases, count(*) FILTER (WHERE got IS DISTINCT FROM expected) AS wrong,
	count(*) FILTER (WHERE cardinality(got) < n) AS short, sum(cardinality(got)) > 1000 AS many,
	bool_or(got::text LIKE '%explore%') AS explored
FROM (SELECT *, ARRAY(SELECT r.source || ' ' || r.item FROM recommend('diverse_shop', c.customer, c.n, lambda => c.lambda,
		per_category => c.cap, explore => c.explore, seed => c.seed) r) AS got,
	diverse_oracle(c.customer, c.n, coalesce(c.lambda, 1), c.cap, coalesce(c.explore, 0), c.seed) AS expected
	FROM diverse_cases c) q;
-- where rows are short of n the cap leaves no other item: every category is full
SELECT count(*) AS missed FROM diverse_cases c,
LATERAL (SELECT array_agg(r.item) AS items FROM recommend('diverse_shop', c.customer, c.n, lambda => c.lambda, per_category => c.cap, explore => c.explore, seed => c.seed) r) g
WHERE cardinality(items) < n AND EXISTS (SELECT FROM diverse_rows d WHERE d.customer = c.customer AND d.eligible AND d.item <> ALL (items)
	AND (d.category IS NULL OR (SELECT count(*) FROM diverse_rows x WHERE x.customer = c.customer AND x.item = ANY (items) AND x.category = d.category) < c.cap));
-- the pool ends after 100 items, rows do not
SELECT count(*) AS cases, count(*) FILTER (WHERE got IS DISTINCT FROM expected) AS wrong, max(cardinality(got)) > 230 AS many
FROM (SELECT ARRAY(SELECT r.source || ' ' || r.item FROM recommend('diverse_shop', c, lambda => 0.5, per_category => cap) r) AS got,
	diverse_oracle(c, NULL, 0.5, cap, 0, 0) AS expected FROM unnest(ARRAY[2, 60, 62]) c, unnest(ARRAY[NULL, 30]) cap) q;
-- n rows are the first n rows
SELECT count(*) AS wrong FROM unnest(ARRAY[1, 5, 60]) c, unnest(ARRAY[1, 9, 30]) n
WHERE ARRAY(SELECT r FROM recommend('diverse_shop', c, n, lambda => 0.4, per_category => 3) r)
	IS DISTINCT FROM (ARRAY(SELECT r FROM recommend('diverse_shop', c, lambda => 0.4, per_category => 3) r))[:n];
-- contributions add up on every rung that has them
SELECT count(*) FILTER (WHERE (because IS NULL) <> (source = 'popular') OR score <> (SELECT sum(x) FROM unnest(contributions) x)) AS wrong, count(DISTINCT source) AS sources
FROM generate_series(0, 62, 9) c, recommend('diverse_shop', c, 300, lambda => 0.5, explore => 0.1);
-- options that change nothing
SELECT count(*) AS wrong FROM generate_series(0, 62) c
WHERE ARRAY(SELECT r FROM recommend('diverse_shop', c, 20, lambda => 1, explore => 0, damping => 0, per_category => 1000) r)
	IS DISTINCT FROM ARRAY(SELECT r FROM recommend('diverse_shop', c, 20) r);
-- with other limits: filter, allow, deny, and a basket
SELECT count(*) FILTER (WHERE p.price >= 30 OR item % 3 = 0 AND item <= 360) AS wrong, count(*) FROM generate_series(0, 20) c,
	recommend('diverse_shop', c, 10, filter => 'price < 30', deny => ARRAY(SELECT x * 3 FROM generate_series(0, 120) x), lambda => 0.5, explore => 0.5, per_category => 2) r
	JOIN (SELECT id, min(price) AS price FROM diverse_products GROUP BY 1) p ON p.id = r.item;
SELECT count(*) FILTER (WHERE item > 40) AS wrong, count(*) > 100 AS many FROM generate_series(0, 20) c,
	recommend('diverse_shop', c, 10, allow => ARRAY(SELECT generate_series(0, 40)), lambda => 0.5, explore => 0.5, per_category => 2) r;
SELECT count(*), count(*) FILTER (WHERE source = 'explore') AS explored, max(same) AS same FROM (
	SELECT source, count(*) OVER (PARTITION BY category) AS same FROM recommend_basket('diverse_shop', '{1, 2, 3}', 8, lambda => 0.5, per_category => 2, explore => 0.5, seed => 1)
	JOIN (SELECT id, min(category) AS category FROM diverse_products WHERE available GROUP BY 1) p ON p.id = item) q;

-- damping: scores are divided by a power of the number of users, contributions too
CREATE VIEW diverse_damped AS
SELECT h.customer, u.n AS item, d.damping, sum(h.w * u.s::float8) / m2.users ^ d.damping AS score
FROM (SELECT customer, product, sum(quantity)::float8 AS w FROM diverse_orders GROUP BY 1, 2) h
JOIN diverse_plain_model m ON m.item = h.product, unnest(m.neighbours, m.scores) u(n, s) JOIN diverse_plain_model m2 ON m2.item = u.n,
	(VALUES (0.3), (1.0)) d(damping)
WHERE NOT EXISTS (SELECT FROM diverse_orders o WHERE o.customer = h.customer AND o.product = u.n)
GROUP BY h.customer, u.n, m2.users, d.damping;
CREATE TABLE diverse_damped_rows AS
SELECT c AS customer, damping, r.* FROM generate_series(0, 62, 5) c, (VALUES (0.3), (1.0)) d(damping),
	recommend('diverse_plain', c, damping => damping, fallback => false) WITH ORDINALITY r;
SELECT count(*) > 1000 AS many, count(*) FILTER (WHERE r.score IS NULL OR o.score IS NULL OR abs(r.score - o.score) > 1e-9 * o.score) AS wrong,
	count(*) FILTER (WHERE r.score <> (SELECT sum(x) FROM unnest(contributions) x) OR r.score <> (SELECT sum(x ORDER BY x) FROM unnest(contributions) x)) AS wrong_sums
FROM diverse_damped_rows r FULL JOIN (SELECT * FROM diverse_damped WHERE customer % 5 = 0) o USING (customer, item, damping);
SELECT count(*) AS out_of_order FROM (
	SELECT *, row_number() OVER (PARTITION BY customer, damping ORDER BY score DESC, item) AS rank FROM diverse_damped_rows) q WHERE rank <> ordinality;

-- the same draw each time; another with another seed; each candidate with the same probability
SELECT count(DISTINCT items) AS with_one_seed FROM generate_series(1, 5) i,
	LATERAL (SELECT array_agg(item) AS items FROM recommend('diverse_shop', 3 + i * 0, 10, explore => 0.5, seed => 7)) q;
SELECT count(DISTINCT items) > 90 AS with_many FROM generate_series(1, 100) s,
	LATERAL (SELECT array_agg(item) AS items FROM recommend('diverse_shop', 3, 10, explore => 0.5, seed => s)) q;
WITH drawn AS (
	SELECT item, count(*) AS times FROM generate_series(1, 4000) s, recommend('diverse_shop', 58, 1, explore => 1, seed => s) GROUP BY 1),
candidates AS (SELECT count(*) AS n FROM diverse_rows WHERE customer = 58 AND source = 'personal' AND eligible)
SELECT n > 30 AS many, (SELECT count(*) FROM drawn) = n AS all_drawn,
	(SELECT sum((times - 4000.0 / n) ^ 2 / (4000.0 / n)) FROM drawn) BETWEEN n - 1 - 4 * sqrt(2 * n) AND n - 1 + 4 * sqrt(2 * n) AS chi_squared
FROM candidates;
SELECT round(avg((source = 'explore')::int), 1) AS share FROM generate_series(1, 500) s, recommend('diverse_shop', 3, 10, explore => 0.3, seed => s);

-- mistakes
\set VERBOSITY terse
SELECT * FROM recommend('diverse_plain', 1, 5, per_category => 1);
SELECT * FROM recommend('diverse_shop', 1, 5, per_category => 0);
SELECT * FROM recommend('diverse_shop', 1, 5, lambda => 1.5);
SELECT * FROM recommend('diverse_shop', 1, 5, lambda => 'NaN');
SELECT * FROM recommend('diverse_shop', 1, 5, explore => -0.1);
SELECT * FROM recommend('diverse_shop', 1, 5, damping => 2);
SELECT * FROM recommend('diverse_shop', 1, explore => 0.1);
SELECT create_recommender('diverse_plain', 'TABLE diverse_orders', items => 'SELECT id FROM diverse_products', replace => true);
SELECT * FROM recommend('diverse_plain', 1, 5, per_category => 1);
SELECT count(*) FROM recommend('diverse_plain', 1, 5, lambda => 0.5);
-- nothing to spread
SELECT count(*) FROM recommend('diverse_shop', 9999, 5, lambda => 0.5, per_category => 1, explore => 1, damping => 1, fallback => false);
SELECT count(*) FROM recommend('diverse_shop', 9999, 5, lambda => 0.5, per_category => 1, explore => 1, damping => 1);
SELECT count(*) FROM recommend('diverse_shop', 1, 5, lambda => 0.5, explore => 1, allow => '{}');

DROP VIEW diverse_damped;
SELECT drop_recommender('diverse_base');
SELECT drop_recommender('diverse_plain');
SELECT drop_recommender('diverse_shop');
DROP TABLE diverse_rows, diverse_ranks, diverse_alike, diverse_cases, diverse_damped_rows, diverse_products, diverse_orders;
DROP FUNCTION diverse_oracle, diverse_draw;
