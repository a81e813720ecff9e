-- The scenes, against plain SQL on random data with many ties.
SELECT setseed(0.3);
CREATE TABLE scene_orders AS
SELECT (random() ^ 2 * 60)::int AS customer, o AS order_id, (random() ^ 2 * 120)::bigint AS product, (1 + random() * 2)::int AS quantity,
	'2024-01-01'::timestamptz + o % 200 * interval '1 day' AS ordered_at
FROM generate_series(1, 700) o, generate_series(1, 3) line;
UPDATE scene_orders SET customer = order_id % 61;
CREATE INDEX ON scene_orders (customer);
CREATE INDEX ON scene_orders (order_id);
CREATE TABLE scene_views AS SELECT s AS session_id, (random() ^ 2 * 120)::bigint AS product FROM generate_series(1, 600) s, generate_series(1, 4) k;
CREATE INDEX ON scene_views (session_id);
CREATE TABLE scene_products AS
SELECT p AS id, p % 4 <> 1 AS available, 'c' || p % 5 AS category, CASE WHEN p % 13 <> 2 THEN (p * 37 % 60)::numeric / 4 END AS price
FROM generate_series(0, 130) p WHERE p % 17 <> 5;
INSERT INTO scene_products SELECT id, available, category, price + 1 FROM scene_products WHERE id % 10 = 0;
CREATE INDEX ON scene_products (id);
SELECT create_recommender('scene_shop', 'SELECT customer, product, quantity, ordered_at FROM scene_orders', similarity_options('cosine', n => 15),
	items => 'SELECT * FROM scene_products');
SELECT create_recommender('scene_bought', 'SELECT order_id, product FROM scene_orders', similarity_options('lift', n => 40, min_together => 2),
	items => 'SELECT * FROM scene_products');
SELECT create_recommender('scene_viewed', 'SELECT session_id, product FROM scene_views', similarity_options('cosine', n => 25));

-- rerank(): search results by the user's taste
CREATE FUNCTION scene_rerank(who int, given bigint[], bases float8[], weight float8, until timestamptz)
RETURNS TABLE (item bigint, score float8, base float8, taste float8) LANGUAGE sql STABLE AS $$
WITH history AS (SELECT product, sum(quantity)::float8 AS w FROM scene_orders WHERE customer = who AND (until IS NULL OR ordered_at <= until) GROUP BY 1),
tastes AS (SELECT u.n AS item, sum(h.w * u.s::float8) AS taste FROM history h JOIN scene_shop_model m ON m.item = h.product, unnest(m.neighbours, m.scores) u(n, s) GROUP BY 1),
items AS (SELECT DISTINCT ON (g.item) g.item, g.pos, CASE WHEN bases IS NOT NULL THEN bases[g.pos] END AS base FROM unnest(given) WITH ORDINALITY g(item, pos) WHERE g.item IS NOT NULL ORDER BY g.item, g.pos),
scaled AS (SELECT i.item, pos, coalesce(t.taste, 0) / nullif(max(abs(coalesce(t.taste, 0))) OVER (), 0) AS taste,
	CASE WHEN bases IS NULL THEN (count(*) OVER () - row_number() OVER (ORDER BY pos) + 1)::float8 / count(*) OVER ()
		ELSE coalesce((i.base - min(i.base) OVER ()) / nullif(max(i.base) OVER () - min(i.base) OVER (), 0), 0) END AS base
	FROM items i LEFT JOIN tastes t USING (item))
SELECT item, (1 - weight) * base + weight * coalesce(taste, 0), (1 - weight) * base, weight * coalesce(taste, 0) FROM scaled
$$;
CREATE TABLE scene_reranked AS
SELECT c.*, r.item, r.score, r.base, r.taste, r.because, r.contributions, r.ordinality
FROM (SELECT customer, given, CASE b WHEN 1 THEN ARRAY(SELECT hashint8(x) % 7 FROM generate_series(1, cardinality(given)) x)::float8[] WHEN 2 THEN array_fill(3.0::float8, ARRAY[cardinality(given)]) END AS bases, weight, until
	FROM generate_series(0, 60, 20) customer, (VALUES ('{3,1,2,90,5,77,1000,4,3}'::bigint[]), ('{7}'), (ARRAY(SELECT generate_series(0, 130)))) g(given), generate_series(0, 2) b,
		(VALUES (0.5), (0), (1)) w(weight), (VALUES (NULL), ('2024-03-01'::timestamptz)) u(until)) c,
	rerank('scene_shop', c.customer, c.given, c.bases, c.weight, as_of => c.until) WITH ORDINALITY r;
SELECT count(*) > 5000 AS many, count(*) FILTER (WHERE o.item IS NULL OR r.item IS NULL OR abs(o.score - r.score) > 1e-9 OR abs(o.base - r.base) > 1e-9 OR abs(o.taste - r.taste) > 1e-9) AS wrong,
	count(*) FILTER (WHERE r.score <> r.base + r.taste) AS wrong_parts,
	count(*) FILTER (WHERE r.taste <> coalesce((SELECT sum(x) FROM unnest(r.contributions) x), 0) OR r.taste <> coalesce((SELECT sum(x ORDER BY x) FROM unnest(r.contributions) x), 0)) AS wrong_sums,
	count(*) FILTER (WHERE cardinality(r.because) <> cardinality(r.contributions)) AS wrong_reasons
FROM (SELECT DISTINCT customer, given, bases, weight, until FROM scene_reranked) c
CROSS JOIN LATERAL (SELECT o.item, o.score, o.base, o.taste, x.item, x.score, x.base, x.taste, x.because, x.contributions FROM scene_rerank(c.customer, c.given, c.bases, c.weight, c.until) o
	FULL JOIN (SELECT * FROM scene_reranked x WHERE (x.customer, x.given, x.weight) = (c.customer, c.given, c.weight) AND x.bases IS NOT DISTINCT FROM c.bases AND x.until IS NOT DISTINCT FROM c.until) x USING (item)) z(oi, os, ob, ot, ri, rs, rb, rt, because, contributions),
LATERAL (SELECT oi, os, ob, ot) o(item, score, base, taste), LATERAL (SELECT ri, rs, rb, rt, z.because, z.contributions) r(item, score, base, taste, because, contributions);
SELECT count(*) AS out_of_order FROM (SELECT *, row_number() OVER (PARTITION BY customer, given, bases, weight, until ORDER BY score DESC, array_position(given, item)) AS rank FROM scene_reranked) q WHERE rank <> ordinality;
-- a NULL among the items, no items, nobody, the greatest numbers
SELECT item FROM rerank('scene_shop', 5, '{NULL,4,NULL,9}', weight => 0);
SELECT count(*) FROM rerank('scene_shop', 5, '{}');
SELECT count(*) FROM rerank('scene_shop', 5, NULL);
SELECT item, score, taste, because FROM rerank('scene_shop', NULL::int, '{4,9}');
SELECT item, score FROM rerank('scene_shop', NULL::int, '{4,9,7}', '{-1e308,1e308,0}', 0);
SELECT item, base FROM rerank(NULL::bigint, 'scene_shop', 5, '{4,9}', weight => 0);

-- bundle(): bought together, not weighed up against each other
CREATE VIEW scene_bundles AS
SELECT b.item AS of, u.n AS item, u.s::float8 AS bought, coalesce(v.s::float8 / v.best, 0) AS viewed, u.s::float8 * (1 - coalesce(v.s::float8 / v.best, 0)) AS score
FROM scene_bought_model b CROSS JOIN LATERAL unnest(b.neighbours, b.scores) u(n, s)
LEFT JOIN (SELECT m.item, x.n, x.s, m.scores[1]::float8 AS best FROM scene_viewed_model m, unnest(m.neighbours, m.scores) x(n, s)) v ON v.item = b.item AND v.n = u.n;
SELECT count(*) AS cases, count(*) FILTER (WHERE got IS DISTINCT FROM expected) AS wrong, sum(cardinality(got)) > 1000 AS many FROM (
	SELECT ARRAY(SELECT ROW(b.item, b.score, b.bought, b.viewed) FROM bundle('scene_bought', p, n, views => v, filter => f, deny => ARRAY[3, 8]) b) AS got,
		ARRAY(SELECT ROW(s.item, s.score, s.bought, s.viewed) FROM (
			SELECT item, CASE WHEN v IS NULL THEN bought ELSE score END AS score, bought, CASE WHEN v IS NULL THEN 0 ELSE viewed END AS viewed FROM scene_bundles WHERE of = p) s
			WHERE s.score > 0 AND s.item NOT IN (3, 8) AND EXISTS (SELECT FROM scene_products q WHERE q.id = s.item AND q.available AND (f IS NULL OR q.price < 8))
			ORDER BY s.score DESC, s.item LIMIT n) AS expected
	FROM generate_series(0, 125) p, (VALUES (NULL), (4)) a(n), (VALUES (NULL), ('scene_viewed')) b(v), (VALUES (NULL), ('price < 8')) c(f)) q;
SELECT bool_or(viewed > 0 AND viewed < 1) AS viewed, bool_or(viewed = 1 AND score > 0) AS replaced FROM generate_series(0, 120) p, bundle('scene_bought', p, views => 'scene_viewed');
SELECT count(*) FROM bundle('scene_bought', NULL, views => 'scene_viewed');
SELECT count(*) FROM bundle(NULL::bigint, 'scene_bought', 1::bigint, 3, views => 'scene_viewed');
SELECT count(*) FROM bundle('scene_bought', 1, 3, views => 'scene_bought');

-- searched_also_bought(): from terms to items
CREATE TABLE scene_terms AS
SELECT 'term ' || (random() * 8)::int AS term, (random() ^ 2 * 120)::bigint AS item, (random() * 4)::int / 8.0::float8 - 0.125 AS score FROM generate_series(1, 400);
INSERT INTO scene_terms VALUES ('term 1', NULL, 1), (NULL, 1, 1), ('term 1', 1, NULL), ('term 1', 5000, 9);
CREATE VIEW scene_searched AS SELECT t.term, t.item, t.score FROM scene_terms t;
CREATE TABLE scene_found AS
SELECT terms, r.* FROM (VALUES (ARRAY['term 1']), (ARRAY['term 1', 'term 5', 'term 7', NULL, 'term 1']), ('{}'), ('{nothing}'), (NULL)) t(terms),
	searched_also_bought('scene_shop', 'TABLE scene_searched', terms) WITH ORDINALITY r;
SELECT count(*) > 300 AS many, count(*) FILTER (WHERE (f.item, f.source) IS DISTINCT FROM (o.item, o.source) OR abs(f.score - o.score) > 1e-9) AS wrong,
	count(*) FILTER (WHERE f.source = 'searched' AND f.because IS DISTINCT FROM o.because) AS wrong_reasons,
	count(*) FILTER (WHERE f.score <> (SELECT sum(x) FROM unnest(f.contributions) x) OR f.score <> (SELECT sum(x ORDER BY x) FROM unnest(f.contributions) x)) AS wrong_sums,
	count(*) FILTER (WHERE f.source = 'searched') > 50 AS searched
FROM scene_found f FULL JOIN (
	SELECT terms, item, score, source, because, row_number() OVER (PARTITION BY terms ORDER BY source DESC, round(score::numeric, 9) DESC, item) AS rank FROM (
		SELECT DISTINCT ON (terms, item) * FROM (
			SELECT d.terms, s.item, sum(s.score) AS score, 'searched' AS source, array_agg(s.term ORDER BY s.score DESC, s.term) AS because
			FROM (SELECT DISTINCT terms FROM scene_found) d JOIN scene_terms s ON s.term = ANY (d.terms) WHERE s.score IS NOT NULL GROUP BY 1, 2 HAVING sum(s.score) > 1e-9
			UNION ALL SELECT d.terms, m.item, m.users, 'popular', NULL FROM (SELECT DISTINCT terms FROM scene_found) d, scene_shop_model m) x
		ORDER BY terms, item, source DESC) y
	WHERE EXISTS (SELECT FROM scene_products p WHERE p.id = y.item AND p.available)) o ON o.terms IS NOT DISTINCT FROM f.terms AND o.rank = f.ordinality;
SELECT count(*) > 0 AS semicolon FROM searched_also_bought('scene_shop', 'TABLE scene_searched; ', '{term 1}');
SELECT count(*) FROM searched_also_bought('scene_shop', 'TABLE scene_searched', '{term 1}', 3, filter => 'price < 5', fallback => false);
SELECT count(*) FILTER (WHERE item > 40 OR item = 2) AS wrong, count(*) FROM searched_also_bought(NULL::bigint, 'scene_shop', 'TABLE scene_searched', '{term 1, term 2}', 20, deny => '{2}', allow => ARRAY(SELECT generate_series(0, 40)::text));

-- best_sellers() of a category
SELECT count(*) AS cases, count(*) FILTER (WHERE got IS DISTINCT FROM expected) AS wrong FROM (
	SELECT ARRAY(SELECT ROW(b.item, b.users) FROM best_sellers('scene_shop', '60 days', n, '2024-05-01', category => c, filter => f) b) AS got,
		ARRAY(SELECT ROW(o.product, count(DISTINCT o.customer)) FROM scene_orders o WHERE o.ordered_at > '2024-05-01'::timestamptz - interval '60 days' AND o.ordered_at <= '2024-05-01'
			AND EXISTS (SELECT FROM scene_products q WHERE q.id = o.product AND q.available AND (c IS NULL OR q.category = c) AND (f IS NULL OR q.price < 8))
			GROUP BY o.product ORDER BY count(DISTINCT o.customer) DESC, o.product LIMIT n) AS expected
	FROM (VALUES (NULL), (3)) a(n), (VALUES (NULL), ('c2'), ('it''s not')) b(c), (VALUES (NULL), ('price < 8 -- cheap')) d(f)) q;

-- cart_topup(): sets of items that just reach an amount, all of them looked at in SQL
CREATE FUNCTION scene_topup(basket bigint[], gap numeric, max_items int, candidates int)
RETURNS TABLE (items bigint[], total numeric, score float8, rank bigint) LANGUAGE sql STABLE AS $$
WITH offers AS (
	SELECT row_number() OVER (ORDER BY r.ordinality) AS pos, r.item, p.price, CASE WHEN r.source = 'personal' THEN r.score ELSE 0 END /
		coalesce(nullif(max(CASE WHEN r.source = 'personal' THEN r.score ELSE 0 END) OVER (), 0), 1) AS affinity
	FROM recommend_basket('scene_shop', basket) WITH ORDINALITY r JOIN (SELECT id, min(price) AS price FROM scene_products WHERE available AND price > 0 GROUP BY 1) p ON p.id = r.item
	ORDER BY r.ordinality LIMIT candidates),
sets AS (
	SELECT ARRAY[a.pos] AS places, ARRAY[a.item] AS items, a.price AS total, a.price AS least, a.affinity AS affinity FROM offers a
	UNION ALL SELECT ARRAY[a.pos, b.pos], ARRAY[a.item, b.item], a.price + b.price, least(a.price, b.price), (a.affinity + b.affinity) / 2
	FROM offers a JOIN offers b ON b.pos > a.pos WHERE max_items > 1
	UNION ALL SELECT ARRAY[a.pos, b.pos, c.pos], ARRAY[a.item, b.item, c.item], a.price + b.price + c.price, least(a.price, b.price, c.price), (a.affinity + b.affinity + c.affinity) / 3
	FROM offers a JOIN offers b ON b.pos > a.pos JOIN offers c ON c.pos > b.pos WHERE max_items > 2),
scored AS (SELECT *, affinity - ((total - gap) * 10000)::bigint::float8 / (gap * 10000)::bigint::float8 AS score FROM sets WHERE total >= gap AND total - least < gap)
SELECT items, total, score, row_number() OVER (ORDER BY score DESC, cardinality(items), total, places) FROM scored
$$;
CREATE TABLE scene_topups AS
SELECT c.*, t.items, t.total, t.overshoot, t.score, t.ordinality
FROM (SELECT * FROM (VALUES ('{1,2,40}'::bigint[]), ('{7}'), (NULL)) b(basket), (VALUES (4.75), (10), (23.3), (500)) g(gap), (VALUES (1), (2), (3)) m(max_items), (VALUES (12), (30)) d(candidates)) c,
	cart_topup('scene_shop', c.basket, c.gap, 25, max_items => c.max_items, candidates => c.candidates) WITH ORDINALITY t;
SELECT count(*) > 500 AS many, count(*) FILTER (WHERE (t.items, t.total, t.overshoot) IS DISTINCT FROM (o.items, o.total, o.total - c.gap) OR abs(t.score - o.score) > 1e-9) AS wrong
FROM (SELECT * FROM (VALUES ('{1,2,40}'::bigint[]), ('{7}'), (NULL)) b(basket), (VALUES (4.75), (10), (23.3), (500)) g(gap), (VALUES (1), (2), (3)) m(max_items), (VALUES (12), (30)) d(candidates)) c
CROSS JOIN LATERAL (SELECT o.items, o.total, o.score, t.items, t.total, t.overshoot, t.score FROM (SELECT * FROM scene_topup(c.basket, c.gap, c.max_items, c.candidates) WHERE rank <= 25) o
	FULL JOIN (SELECT * FROM scene_topups t WHERE t.basket IS NOT DISTINCT FROM c.basket AND (t.gap, t.max_items, t.candidates) = (c.gap, c.max_items, c.candidates)) t ON t.ordinality = o.rank) z(oi, ot, os, ti, tt, tov, ts),
LATERAL (SELECT oi, ot, os) o(items, total, score), LATERAL (SELECT ti, tt, tov, ts) t(items, total, overshoot, score);
SELECT max(cardinality(items)) AS largest, bool_or(overshoot = 0) AS exact FROM scene_topups;
SELECT count(*) FROM cart_topup('scene_shop', '{1}', 10, n => 1000000);
SELECT count(*) FROM cart_topup('scene_shop', '{1}', 10, n => 10000, candidates => 100);
SELECT count(*) FROM cart_topup('scene_shop', '{1}', 0);
SELECT count(*) FROM cart_topup('scene_shop', '{1}', -5);
SELECT count(*) FILTER (WHERE items && '{2,3}') AS denied, count(*) > 0 AS some FROM cart_topup('scene_shop', '{1}', 10, n => 50, deny => '{2,3}', filter => 'price > 2');
SELECT count(*) > 0 AS some, bool_and(items <@ '{8,10,12,14,16}') AS allowed FROM cart_topup(NULL::bigint, 'scene_shop', '{1}'::bigint[], 5, allow => '{8,10,12,14,16}');

-- recommend_page(): each shelf is what the scene returns without what is on the page already
CREATE TABLE scene_pages AS
SELECT c AS customer, r.* FROM unnest(ARRAY[0, 7, 60, 999, NULL]) c, recommend_page('scene_shop', c, ARRAY[
	page_slot('similar', 3, items => '{2, 11}'), page_slot('recommend', 5), page_slot('best_sellers', 4, period => '100 years'),
	page_slot('category', 4), page_slot('crowd', 4), page_slot('recommend', 4, filter => 'price < 5'), page_slot('popular', 6), page_slot('personal', 3)], deny => '{20}', filter => 'id <> 22') WITH ORDINALITY r;
SELECT count(*) > 100 AS many, count(*) - count(DISTINCT (customer, item)) AS repeats, count(*) FILTER (WHERE item IN (20, 22)) AS denied, count(DISTINCT slot) AS slots FROM scene_pages;
SELECT count(*) AS wrong FROM (SELECT *, row_number() OVER (PARTITION BY customer ORDER BY ordinality) AS pos, max(slot) OVER (PARTITION BY customer ORDER BY ordinality) AS highest FROM scene_pages) q WHERE pos <> ordinality - (SELECT min(ordinality) - 1 FROM scene_pages x WHERE x.customer IS NOT DISTINCT FROM q.customer) OR slot <> highest;
CREATE FUNCTION scene_before(who int, before int) RETURNS bigint[] LANGUAGE sql STABLE AS
	$$ SELECT ARRAY(SELECT item FROM scene_pages WHERE customer IS NOT DISTINCT FROM who AND slot < before) || 20::bigint $$;
CREATE FUNCTION scene_had(who int) RETURNS bigint[] LANGUAGE sql STABLE AS $$ SELECT ARRAY(SELECT DISTINCT product FROM scene_orders WHERE customer = who) $$;
SELECT slot, count(*) AS users, count(*) FILTER (WHERE got IS DISTINCT FROM expected) AS wrong FROM (
	SELECT c, s AS slot, ARRAY(SELECT item FROM scene_pages WHERE customer IS NOT DISTINCT FROM c AND slot = s ORDER BY ordinality) AS got,
		CASE s WHEN 1 THEN ARRAY(SELECT item FROM recommend_basket('scene_shop', '{2, 11}', 3, deny => scene_had(c) || 20::bigint, filter => 'id <> 22', fallback => false))
			WHEN 2 THEN ARRAY(SELECT item FROM recommend('scene_shop', c, 5, deny => scene_before(c, 2), filter => 'id <> 22'))
			WHEN 3 THEN ARRAY(SELECT item FROM best_sellers('scene_shop', '100 years', 4, deny => scene_before(c, 3) || scene_had(c), filter => 'id <> 22'))
			WHEN 4 THEN ARRAY(SELECT item FROM (SELECT l.item, sum(l.score * a.w) AS score FROM (
					SELECT category, sum(w) AS w FROM (SELECT DISTINCT h.product, h.w, p.category FROM (SELECT product, sum(quantity)::float8 AS w FROM scene_orders WHERE customer = c GROUP BY 1) h JOIN scene_products p ON p.id = h.product) d GROUP BY 1) a
				JOIN (SELECT key, u.* FROM scene_shop_lists x, unnest(x.items, x.scores) u(item, score) WHERE kind = 'category') l ON l.key = a.category GROUP BY 1) q
				WHERE item <> ALL (scene_before(c, 4) || scene_had(c)) AND item <> 22 AND EXISTS (SELECT FROM scene_products p WHERE p.id = q.item AND p.available)
				ORDER BY round(score::numeric, 6) DESC, item LIMIT 4)
			WHEN 5 THEN '{}'
			WHEN 6 THEN ARRAY(SELECT item FROM recommend('scene_shop', c, 4, deny => scene_before(c, 6), filter => 'id <> 22 AND price < 5'))
			WHEN 7 THEN ARRAY(SELECT m.item FROM scene_shop_model m WHERE m.item <> ALL (scene_before(c, 7) || scene_had(c)) AND m.item <> 22 AND EXISTS (SELECT FROM scene_products p WHERE p.id = m.item AND p.available) ORDER BY m.popularity DESC, m.item LIMIT 6)
			WHEN 8 THEN ARRAY(SELECT item FROM recommend('scene_shop', c, 3, deny => scene_before(c, 8), filter => 'id <> 22', fallback => false))
		END AS expected
	FROM unnest(ARRAY[0, 7, 60, 999, NULL]) c, generate_series(1, 8) s) q GROUP BY slot ORDER BY slot;
SELECT count(*) FILTER (WHERE score <> (SELECT sum(x) FROM unnest(contributions) x)) AS wrong_sums, count(because) > 20 AS reasons FROM scene_pages;
SELECT slot, scene, pg_typeof(item), source FROM recommend_page(NULL::bigint, 'scene_shop', 7, ARRAY[page_slot('recommend', 1)], allow => ARRAY(SELECT generate_series(60, 120)::text));
SELECT count(*) FROM recommend_page('scene_shop', 7, '{}');
SELECT count(*) FROM recommend_page('scene_shop', 7, NULL);

-- other types of items
CREATE VIEW scene_text AS SELECT customer, 'ü' || lpad(product::text, 3, '0') AS product, quantity, ordered_at FROM scene_orders;
SELECT create_recommender('scene_textshop', 'TABLE scene_text', similarity_options('cosine', n => 15), items => $$SELECT 'ü' || lpad(id::text, 3, '0'), available, category, price FROM scene_products$$) > 0 AS created;
SELECT count(*) AS differences FROM (SELECT 'ü' || lpad(item::text, 3, '0') AS item, score, ordinality FROM rerank('scene_shop', 7, '{1,2,3,4,5}') WITH ORDINALITY) a
FULL JOIN rerank(NULL::text, 'scene_textshop', 7, '{ü001,ü002,ü003,ü004,ü005}') WITH ORDINALITY b USING (item, score, ordinality) WHERE a IS NULL OR b IS NULL;
SELECT count(*) AS differences FROM (SELECT ARRAY(SELECT 'ü' || lpad(x::text, 3, '0') FROM unnest(items) x) AS items, total, score, ordinality FROM cart_topup('scene_shop', '{1,2,40}', 10) WITH ORDINALITY) a
FULL JOIN cart_topup(NULL::text, 'scene_textshop', '{ü001,ü002,ü040}'::text[], 10) WITH ORDINALITY b USING (items, total, score, ordinality) WHERE a IS NULL OR b IS NULL;
SELECT count(*) AS differences FROM (SELECT slot, 'ü' || lpad(item::text, 3, '0') AS item, ordinality FROM recommend_page('scene_shop', 7, ARRAY[page_slot('similar', 3, items => '{2}'), page_slot('recommend', 9)]) WITH ORDINALITY) a
FULL JOIN recommend_page(NULL::text, 'scene_textshop', 7, ARRAY[page_slot('similar', 3, items => '{ü002}'), page_slot('recommend', 9)]) WITH ORDINALITY b USING (slot, item, ordinality) WHERE a IS NULL OR b IS NULL;
SELECT count(*) FROM bundle(NULL::text, 'scene_textshop', 'ü001', 3, views => 'scene_textshop');
SELECT item, source FROM searched_also_bought(NULL::text, 'scene_textshop', $$VALUES ('tea', 'ü008', 1.0)$$, '{tea}', 1);

-- mistakes
\set VERBOSITY terse
SELECT * FROM rerank('scene_shop', 7, '{1,2}', '{1}');
SELECT * FROM rerank('scene_shop', 7, '{1,2}', '{1,NULL}');
SELECT * FROM rerank('scene_shop', 7, '{1,2}', '{1,NaN}');
SELECT * FROM rerank('scene_shop', 7, '{1,2}', weight => 1.1);
SELECT * FROM rerank('scene_bought', 7, '{1,2}', as_of => '2024-01-01');
SELECT * FROM bundle('scene_bought', 1, views => 'nonesuch');
SELECT * FROM bundle('scene_bought', 1, views => 'scene_textshop');
SELECT * FROM bundle('scene_bought', 1, 0);
SELECT * FROM searched_also_bought('scene_shop', NULL, '{a}');
SELECT * FROM searched_also_bought('scene_shop', 'SELECT 1', '{a}');
SELECT * FROM searched_also_bought('scene_shop', 'SELECT 1, 2, 3', '{a}');
SELECT * FROM searched_also_bought('scene_shop', 'SELECT ''a'', 1, float8 ''NaN''', '{a}');
SELECT * FROM searched_also_bought('scene_shop', 'SELECT term, item, score FROM scene_terms) q; DROP TABLE scene_terms --', '{a}');
SELECT * FROM cart_topup('scene_shop', '{1}', NULL);
SELECT * FROM cart_topup('scene_shop', '{1}', 'NaN');
SELECT * FROM cart_topup('scene_shop', '{1}', 5e14);
SELECT * FROM cart_topup('scene_shop', '{1}', 10, max_items => 4);
SELECT * FROM cart_topup('scene_shop', '{1}', 10, candidates => 501);
SELECT * FROM cart_topup('scene_viewed', '{1}', 10);
SELECT * FROM best_sellers('scene_viewed', '1 day', category => 'c1');
SELECT page_slot('nonesuch', 1);
SELECT page_slot('recommend', 0);
SELECT page_slot('recommend', NULL);
SELECT * FROM recommend_page('scene_shop', 7, ARRAY[NULL::page_slot]);
SELECT * FROM recommend_page('scene_shop', 7, ARRAY[ROW('recommend', NULL, NULL, NULL, NULL)::page_slot]);
SELECT * FROM recommend_page('scene_shop', 7, ARRAY[page_slot('similar', 1)]);
SELECT * FROM recommend_page('scene_shop', 7, ARRAY[page_slot('best_sellers', 1)]);
\set VERBOSITY sqlstate
SELECT * FROM recommend_page('scene_shop', 7, ARRAY[page_slot('recommend', 1, filter => 'nonesuch = 1')]);
\set VERBOSITY terse

DROP VIEW scene_bundles;
DROP FUNCTION scene_rerank, scene_topup, scene_before, scene_had;
SELECT drop_recommender(name::text) FROM recommenders ORDER BY name::text COLLATE "C";
DROP TABLE scene_orders, scene_views, scene_products, scene_reranked, scene_terms, scene_found, scene_topups, scene_pages CASCADE;
