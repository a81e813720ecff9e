-- Options of recommend() and its relatives, against plain SQL.
SELECT setseed(0.25);
CREATE TABLE option_orders AS
SELECT (random() ^ 2 * 60)::int AS customer, (random() ^ 2 * 80)::int AS product,
	(1 + random() * 3)::int AS quantity, '2024-01-01'::timestamptz + random() * interval '200 days' AS ordered_at
FROM generate_series(1, 1500);
CREATE INDEX ON option_orders (customer);
CREATE TABLE option_products AS
SELECT p AS id, p % 3 <> 1 AS available, (p * 37 % 101)::numeric AS price, chr(97 + p % 5) AS category
FROM generate_series(0, 90) p WHERE p % 11 <> 5;
ALTER TABLE option_products ADD PRIMARY KEY (id);
SELECT create_recommender('option_base', 'TABLE option_orders', similarity_options('cosine', n => 12));
SELECT create_recommender('option_items', 'TABLE option_orders', similarity_options('cosine', n => 12),
	items => 'SELECT id, available, price, category AS kind FROM option_products');

-- all that may be recommended, in order, without any limit
CREATE TABLE option_all AS
SELECT c AS customer, r.* FROM generate_series(0, 62) c, recommend('option_base', c) WITH ORDINALITY r;

-- deny, allow, availability and filter: what remains of that, cut to n afterwards
CREATE VIEW option_cases AS
SELECT customer, n, deny, allow, filter
FROM generate_series(0, 62, 3) customer,
	(VALUES (1), (5), (30), (NULL)) a(n),
	(VALUES (NULL), ('{0,1,2,3,7,1000,NULL}'::int[])) d(deny),
	(VALUES (NULL), ('{1,2,3,4,5,6,20,21,22,23,60,61,62,63}'::int[])) e(allow),
	(VALUES (NULL), ('price < 40'), ('kind = ''b'' or price > 80 -- and so on')) f(filter);
SELECT count(*) AS cases, count(*) FILTER (WHERE got IS DISTINCT FROM expected) AS wrong, sum(cardinality(got)) > 3000 AS many
FROM option_cases c,
LATERAL (SELECT ARRAY(SELECT ROW(r.item, r.score, r.source, r.because)
	FROM recommend('option_items', c.customer, c.n, deny => c.deny, allow => c.allow, filter => c.filter) r)) g(got),
LATERAL (SELECT ARRAY(SELECT ROW(a.item, a.score, a.source, a.because)
	FROM option_all a JOIN option_products p ON p.id = a.item
	WHERE a.customer = c.customer AND p.available AND a.item <> ALL (coalesce(array_remove(c.deny, NULL), '{}'))
		AND (c.allow IS NULL OR a.item = ANY (c.allow))
		AND (c.filter IS NULL OR CASE WHEN c.filter LIKE 'price%' THEN p.price < 40 ELSE p.category = 'b' OR p.price > 80 END)
	ORDER BY a.ordinality LIMIT c.n)) e(expected);
SELECT count(*) AS cases, count(*) FILTER (WHERE got IS DISTINCT FROM expected) AS wrong
FROM (SELECT DISTINCT customer AS item, n, deny, allow, filter FROM option_cases) c,
LATERAL (SELECT ARRAY(SELECT ROW(r.item, r.score)
	FROM similar_items('option_items', c.item, c.n, deny => c.deny, allow => c.allow, filter => c.filter) r)) g(got),
LATERAL (SELECT ARRAY(SELECT ROW(a.item, a.score)
	FROM similar_items('option_base', c.item) WITH ORDINALITY a JOIN option_products p ON p.id = a.item
	WHERE p.available AND a.item <> ALL (coalesce(array_remove(c.deny, NULL), '{}'))
		AND (c.allow IS NULL OR a.item = ANY (c.allow))
		AND (c.filter IS NULL OR CASE WHEN c.filter LIKE 'price%' THEN p.price < 40 ELSE p.category = 'b' OR p.price > 80 END)
	ORDER BY a.ordinality LIMIT c.n)) e(expected);
SELECT count(*) AS cases, count(*) FILTER (WHERE got IS DISTINCT FROM expected) AS wrong
FROM (SELECT DISTINCT customer AS item, n, deny, filter FROM option_cases) c,
LATERAL (SELECT ARRAY(SELECT ROW(r.item, r.score, r.because)
	FROM recommend_basket('option_items', ARRAY[c.item, 10], c.n, deny => c.deny, filter => c.filter) r)) g(got),
LATERAL (SELECT ARRAY(SELECT ROW(a.item, a.score, a.because)
	FROM recommend_basket('option_base', ARRAY[c.item, 10]) WITH ORDINALITY a JOIN option_products p ON p.id = a.item
	WHERE p.available AND a.item <> ALL (coalesce(array_remove(c.deny, NULL), '{}'))
		AND (c.filter IS NULL OR CASE WHEN c.filter LIKE 'price%' THEN p.price < 40 ELSE p.category = 'b' OR p.price > 80 END)
	ORDER BY a.ordinality LIMIT c.n)) e(expected);

-- stock is that of this moment
BEGIN;
UPDATE option_products SET available = false WHERE id <> 44;
SELECT count(*) FILTER (WHERE item <> 44) AS others FROM recommend('option_items', 1);
UPDATE option_products SET available = NULL;
SELECT count(*) FROM recommend('option_items', 1);
ROLLBACK;
-- an allowed item that nobody has had yet comes last
SELECT item, score, source FROM recommend('option_items', 1, allow => '{84, 90}') ORDER BY source;
-- without the fallback
SELECT count(*) FILTER (WHERE source = 'popular') AS popular, count(*) > 0 AS personal FROM recommend('option_items', 1, fallback => false);
SELECT count(*) FROM recommend('option_items', 1000, fallback => false);
SELECT count(*) FROM recommend_basket('option_items', '{1000}', fallback => false);

-- history: decay, time, context, exclusion
CREATE FUNCTION option_oracle(who int, half_life float8, t timestamptz, ctx int[], ctx_weight float8)
RETURNS TABLE (item bigint, score float8) LANGUAGE sql STABLE AS $$
WITH history AS (
	SELECT product, sum(quantity * CASE WHEN half_life IS NULL THEN 1
		ELSE 2 ^ (-extract(epoch FROM coalesce(t, '2024-09-01') - ordered_at)::float8 / half_life) END) AS w
	FROM option_orders WHERE customer = who AND (t IS NULL OR ordered_at <= t) GROUP BY 1),
both_of AS (
	SELECT product, sum(w) AS w FROM (
		SELECT * FROM history UNION ALL
		SELECT DISTINCT x, ctx_weight * coalesce((SELECT max(w) FROM history), 1) FROM unnest(ctx) x) q GROUP BY 1)
SELECT u.neighbour, sum(h.w * u.score::float8)
FROM both_of h JOIN option_base_model m ON m.item = h.product, unnest(m.neighbours, m.scores) u(neighbour, score)
GROUP BY 1 HAVING sum(h.w * u.score::float8) > 0
$$;
CREATE TABLE option_history_cases AS
SELECT customer, half_life, t, ctx, weight
FROM generate_series(0, 62, 4) customer,
	(VALUES (NULL), (interval '10 days'), (interval '1 month')) h(half_life),
	(VALUES ('2024-09-01'::timestamptz), ('2024-03-01')) t(t),
	(VALUES (NULL), ('{1,70,71,70,NULL}'::int[])) c(ctx),
	(VALUES (2.0), (0.5)) w(weight);
SELECT count(*) AS cases, count(*) FILTER (WHERE wrong > 0) AS wrong_cases, sum(n) > 5000 AS many
FROM option_history_cases c, LATERAL (
	SELECT count(*) AS n, count(*) FILTER (WHERE abs(o.score - r.score) > 1e-9 * greatest(1, o.score) OR o.score IS NULL OR r.score IS NULL) AS wrong
	FROM option_oracle(c.customer, extract(epoch FROM c.half_life)::float8, c.t, c.ctx, c.weight) o
	FULL JOIN recommend('option_base', c.customer, exclude => 'none', half_life => c.half_life, as_of => c.t,
		context => c.ctx, context_weight => c.weight, fallback => false) r USING (item)) x;
-- contributions add up
SELECT count(*) AS wrong_sums
FROM option_history_cases c, recommend('option_base', c.customer, half_life => c.half_life, as_of => c.t,
	context => c.ctx, context_weight => c.weight, fallback => false) r
WHERE score <> (SELECT sum(x) FROM unnest(contributions) x) OR score <> (SELECT sum(x ORDER BY x DESC) FROM unnest(contributions) x);
-- what is excluded: all, nothing, what was bought lately; and the context unless nothing is
SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM option_orders o WHERE o.customer = c AND o.product = a.item)) AS bought,
	count(*) FILTER (WHERE a.item IN (70, 71)) AS context
FROM generate_series(0, 62) c, recommend('option_base', c, context => '{70, 71}') a;
SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM option_orders o WHERE o.customer = c AND o.product = a.item)) > 0 AS bought,
	count(*) FILTER (WHERE a.item IN (70, 71)) > 0 AS context
FROM generate_series(0, 62) c, recommend('option_base', c, context => '{70, 71}', exclude => 'none') a;
SELECT count(*) FILTER (WHERE last > '2024-04-01') AS lately, count(*) FILTER (WHERE last <= '2024-04-01') > 0 AS long_ago,
	count(*) FILTER (WHERE last IS NULL) > 0 AS never
FROM (SELECT (SELECT max(o.ordered_at) FROM option_orders o WHERE o.customer = c AND o.product = a.item AND o.ordered_at <= '2024-05-01') AS last
	FROM generate_series(0, 62) c, recommend('option_base', c, exclude => '30 days', as_of => '2024-05-01') a) q;

-- best sellers of a period, live
SELECT count(*) AS cases, count(*) FILTER (WHERE got IS DISTINCT FROM expected) AS wrong
FROM (SELECT DISTINCT n, deny, allow, filter FROM option_cases) c,
	(VALUES (interval '7 days', '2024-05-01'::timestamptz), ('3 months', '2024-04-01')) p(period, t),
LATERAL (SELECT ARRAY(SELECT ROW(b.item, b.users)
	FROM best_sellers('option_items', p.period, c.n, p.t, deny => c.deny, allow => c.allow, filter => c.filter) b)) g(got),
LATERAL (SELECT ARRAY(SELECT ROW(o.product::bigint, count(DISTINCT o.customer))
	FROM option_orders o JOIN option_products q ON q.id = o.product
	WHERE o.ordered_at > p.t - p.period AND o.ordered_at <= p.t AND q.available
		AND o.product <> ALL (coalesce(array_remove(c.deny, NULL), '{}'))
		AND (c.allow IS NULL OR o.product = ANY (c.allow))
		AND (c.filter IS NULL OR CASE WHEN c.filter LIKE 'price%' THEN q.price < 40 ELSE q.category = 'b' OR q.price > 80 END)
	GROUP BY o.product ORDER BY count(DISTINCT o.customer) DESC, o.product LIMIT c.n)) e(expected);
SELECT count(*) FROM best_sellers('option_items', '1 day', 5, as_of => '2020-01-01');

-- mistakes
\set VERBOSITY terse
SELECT * FROM recommend('option_base', 1, filter => 'price < 40');
\set VERBOSITY sqlstate
SELECT * FROM recommend('option_items', 1, filter => 'prize < 40');
SELECT * FROM recommend('option_items', 1, filter => '');
\set VERBOSITY terse
SELECT * FROM recommend('option_items', 1, exclude => 'all');
SELECT * FROM recommend('option_items', 1, exclude => '5 parsecs');
SELECT * FROM recommend('option_items', 1, half_life => '0');
SELECT * FROM recommend('option_items', 1, context => '{1}', context_weight => -1);
SELECT * FROM recommend('option_items', 1, context => '{1}', context_weight => 'NaN');
SELECT create_recommender('option_bad', 'TABLE option_orders', items => 'SELECT ''x'' AS id');
SELECT create_recommender('option_bad', 'TABLE option_orders', items => 'SELECT id, 1 AS available FROM option_products');
SELECT create_recommender('option_bad', 'TABLE option_orders', items => '');
SELECT create_recommender('option_bad', 'TABLE option_orders', items => 'DROP TABLE option_products');
SELECT create_recommender('option_bad', 'SELECT customer, product FROM option_orders') > 0 AS created;
SELECT * FROM recommend('option_bad', 1, half_life => '1 day');
SELECT * FROM recommend('option_bad', 1, exclude => '1 day');
SELECT * FROM recommend('option_bad', 1, as_of => now());
SELECT * FROM best_sellers('option_bad', '1 day', 5);
SELECT * FROM best_sellers('option_items', NULL);
SELECT * FROM best_sellers('option_items', '1 day', 0);
\set VERBOSITY default
-- items of another type than those of the recommender
SELECT create_recommender('option_text', 'SELECT customer, product::text AS product, quantity, ordered_at FROM option_orders',
	similarity_options('cosine', n => 12), items => 'SELECT id::text AS id, price FROM option_products');
SELECT count(*) > 10 AS many, count(*) FILTER (WHERE t.item::int NOT IN (SELECT id FROM option_products WHERE price < 40)) AS wrong,
	count(*) FILTER (WHERE t.item IN ('2', '3')) AS denied
FROM recommend(NULL::text, 'option_text', 58, filter => 'price < 40', deny => ARRAY['2', '3']) t;

SELECT drop_recommender(name::text) FROM recommenders;
DROP TABLE option_orders, option_products, option_all, option_history_cases CASCADE;
DROP FUNCTION option_oracle;
