-- The log: what was shown, and what came of it.
CREATE SCHEMA recommend_log;
SET search_path = recommend_log, public;
CREATE TABLE orders (customer int, product bigint, quantity int, amount numeric, ordered_at timestamptz);
SELECT setseed(0.7);
INSERT INTO orders SELECT 1 + (random() * 40)::int, (random() ^ 2 * 30)::int, 1, 5, '2024-01-01' FROM generate_series(1, 400);
CREATE INDEX ON orders (customer);
SELECT create_recommender('shop', 'SELECT customer, product, quantity, ordered_at FROM orders', log => true) > 0 AS made;
\d shop_log
SELECT log, obj_description(log) FROM recommenders WHERE name = 'shop'::regclass;

-- one id a call, one row an item, in the order of the answer
SELECT count(*) FROM recommend('shop', 1, 5);
SELECT count(*) FROM shop_log;
CREATE TABLE shown AS SELECT 1 AS call, r.* FROM recommend('shop', 1, 5, log => true) WITH ORDINALITY r;
INSERT INTO shown SELECT 2, r.* FROM recommend('shop', '2', log => true) WITH ORDINALITY r;
INSERT INTO shown SELECT 3, r.* FROM recommend('shop', NULL::int, 3, log => true) WITH ORDINALITY r;
INSERT INTO shown SELECT 4, r.* FROM recommend(NULL::bigint, 'shop', 4, 2, log => true) WITH ORDINALITY r;
SELECT count(*) FROM recommend('shop', 1, 5, allow => '{}', log => true);
SELECT l.id, l."user", CASE WHEN l.id <> 2 THEN count(*) END AS count, bool_and(l.item = s.item AND l.source = s.source AND l.score = s.score) AS same,
	min(l.position), max(l.position) = count(*) AS max, bool_and(l.ts BETWEEN now() - interval '1 hour' AND clock_timestamp()) AS now, min(l.scene) AS scene
FROM shop_log l LEFT JOIN shown s ON s.call = l.id AND s.ordinality = l.position GROUP BY 1, 2 ORDER BY 1;
SELECT count(*) = (SELECT count(*) FROM shown) AS all FROM shop_log;
-- in the target list, and for many at once
SELECT (recommend('shop', 1, 1, log => true)).item IS NOT NULL AS item;
SELECT count(*) FROM generate_series(1, 20) c, recommend('shop', c, 2, log => true);
SELECT count(DISTINCT id), count(DISTINCT "user") FROM shop_log WHERE id > 5;
SELECT currval(pg_get_serial_sequence('shop_log', 'id')) = max(id) AS last FROM shop_log;
-- rolled back with the transaction
BEGIN;
SELECT count(*) FROM recommend('shop', 1, 5, log => true);
ROLLBACK;
SELECT count(*) FROM shop_log WHERE id > 25;

-- any other scene
SELECT log_recommendation('shop', 7, array_agg(s.item ORDER BY s.ordinality), 'beside the product', scores => array_agg(s.score ORDER BY s.ordinality)) > 26 AS logged
FROM similar_items('shop', 1, 3) WITH ORDINALITY s;
SELECT log_recommendation('shop', '7'::text, ARRAY['3', '4'], 'mail', ARRAY['personal', NULL]) > 0 AS logged;
SELECT log_recommendation('shop', NULL::int, '{}'::int[], 'nothing') > 0 AS logged;
SELECT "user", CASE scene WHEN 'mail' THEN item END AS item, position, scene, source, score IS NOT NULL AS score FROM shop_log WHERE id > 26 ORDER BY id, position;

-- the report, beside plain SQL that looks for the exposure of each event
TRUNCATE shop_log;
CREATE TABLE clicks (who int, what bigint, at timestamptz);
INSERT INTO shop_log (id, "user", item, position, scene, source, ts)
SELECT g, NULLIF(1 + (random() * 15)::int, 9), 1 + (random() * 10)::int, p, (ARRAY['home', 'mail'])[1 + g % 2], (ARRAY['personal', 'popular', NULL])[1 + (random() * 2)::int],
	timestamptz '2024-02-01' + random() * interval '20 days'
FROM generate_series(1, 300) g, generate_series(1, 3) p;
INSERT INTO clicks SELECT 1 + (random() * 15)::int, 1 + (random() * 10)::int, timestamptz '2024-02-01' + random() * interval '25 days' FROM generate_series(1, 400);
INSERT INTO orders SELECT 1 + (random() * 15)::int, 1 + (random() * 10)::int, 2, (random() * 50)::numeric(6, 2), timestamptz '2024-02-01' + random() * interval '25 days' FROM generate_series(1, 400);
INSERT INTO orders SELECT * FROM orders WHERE ordered_at > '2024-02-01' LIMIT 20;
CREATE TABLE oracle AS
SELECT e.kind, e.amount, x.id, x.position FROM
	(SELECT 'order' AS kind, customer, product, amount, ordered_at FROM orders UNION ALL SELECT 'click', who, what, 0, at FROM clicks) e(kind, who, what, amount, at)
	CROSS JOIN LATERAL (SELECT l.id, l.position FROM shop_log l WHERE l."user" = e.who AND l.item = e.what AND l.ts <= e.at AND e.at < l.ts + interval '3 days'
		ORDER BY l.ts DESC, l.id DESC, l.position LIMIT 1) x;
CREATE TABLE reported AS SELECT * FROM recommender_report('shop', '3 days', orders => 'SELECT customer, product, amount, ordered_at FROM orders',
	clicks => 'SELECT who, what, at FROM clicks', since => '2024-02-03', until => '2024-02-18');
-- a query with a semicolon and a comment, of a table with the name of a part of the report
CREATE TEMP TABLE shown AS TABLE clicks;
SELECT bool_or(clicks > 0) AS counted FROM recommender_report('shop', '3 days', clicks => 'SELECT * FROM shown -- all
;');
DROP TABLE shown;
CREATE TABLE expected AS
SELECT l.scene, l.source, count(*) AS impressions, count(*) FILTER (WHERE k.n > 0) AS clicks, count(*) FILTER (WHERE o.n > 0) AS conversions, coalesce(sum(o.amount), 0) AS revenue
FROM shop_log l, LATERAL (SELECT count(*) AS n FROM oracle x WHERE x.kind = 'click' AND (x.id, x.position) = (l.id, l.position)) k,
	LATERAL (SELECT count(*) AS n, sum(amount) AS amount FROM oracle x WHERE x.kind = 'order' AND (x.id, x.position) = (l.id, l.position)) o
WHERE l."user" IS NOT NULL AND l.ts >= '2024-02-03' AND l.ts < '2024-02-18' GROUP BY 1, 2;
SELECT scene, source, impressions > 0 AS shown, clicks > 0 AS clicked, conversions > 0 AS converted FROM reported;
SELECT scene, source, impressions, clicks, conversions, revenue::numeric(12, 2) FROM reported EXCEPT ALL SELECT scene, source, impressions, clicks, conversions, revenue::numeric(12, 2) FROM expected;
SELECT count(*) = (SELECT count(*) FROM expected) AS all, bool_and(click_through = clicks::float8 / impressions AND conversion = conversions::float8 / impressions) AS shares FROM reported;
-- by default the weight is the amount, and there are no clicks
SELECT sum(clicks) IS NULL AS none, sum(revenue) = 2 * (SELECT count(*) FROM oracle WHERE kind = 'order') AS quantities FROM recommender_report('shop', '3 days');
-- an order counts for one exposure, and only after it
TRUNCATE shop_log, orders;
INSERT INTO shop_log VALUES (1, 1, 10, 1, 'home', 'personal', 1, '2024-03-01 10:00+0'), (1, 1, 11, 2, 'home', 'popular', 1, '2024-03-01 10:00+0'),
	(2, 1, 10, 1, 'mail', 'personal', 1, '2024-03-02 10:00+0'), (3, 2, 10, 1, 'mail', 'personal', 1, '2024-03-02 10:00+0');
INSERT INTO orders VALUES (1, 10, 1, 30, '2024-03-01 09:59+0'), (1, 10, 1, 20, '2024-03-02 09:00+0'), (1, 10, 1, 7, '2024-03-02 10:00+0'), (1, 10, 1, 4, '2024-03-03 09:00+0'),
	(2, 11, 1, 5, '2024-03-03+0'), (2, 10, 1, 9, '2024-03-09 10:00+0'), (2, 10, 1, 9, NULL), (NULL, 10, 1, 9, '2024-03-02 11:00+0');
SELECT * FROM recommender_report('shop', orders => 'SELECT customer, product, amount, ordered_at FROM orders');
SELECT * FROM recommender_report('shop', '8 days', orders => 'SELECT customer, product, amount, ordered_at FROM orders') WHERE scene = 'mail';
SELECT * FROM recommender_report('shop', since => '2030-01-01');

-- privileges: those of the table
CREATE ROLE recommend_log_reader;
GRANT USAGE ON SCHEMA recommend_log TO recommend_log_reader;
GRANT SELECT ON shop, shop_model, orders TO recommend_log_reader;
SET ROLE recommend_log_reader;
SELECT count(*) FROM recommend('shop', 1, 1);
\set VERBOSITY terse
SELECT count(*) FROM recommend('shop', 1, 1, log => true);
SELECT * FROM recommender_report('shop');
RESET ROLE;
GRANT INSERT ON shop_log TO recommend_log_reader;
ALTER TABLE shop_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON shop_log TO recommend_log_reader WITH CHECK ("user" = 1);
SET ROLE recommend_log_reader;
SELECT count(*) FROM recommend('shop', 1, 1, log => true);
SELECT count(*) FROM recommend('shop', 2, 1, log => true);
SELECT log_recommendation('shop', 2, ARRAY[1], 'home');
RESET ROLE;
ALTER TABLE shop_log DISABLE ROW LEVEL SECURITY;
-- the log of a recommender is its owner's
CREATE TABLE others (LIKE shop_log INCLUDING ALL);
ALTER TABLE others OWNER TO recommend_log_reader;
UPDATE shop SET log = 'others';
SELECT count(*) FROM recommend('shop', 1, 1, log => true);
SELECT drop_recommender('shop');
UPDATE shop SET log = 'shop_log';
DROP OWNED BY recommend_log_reader;
DROP ROLE recommend_log_reader;

-- where nothing can be written
\set VERBOSITY default
BEGIN READ ONLY;
SELECT count(*) FROM recommend('shop', 1, 1);
SELECT count(*) FROM recommend('shop', 1, 1, log => true);
ROLLBACK;
BEGIN READ ONLY;
SELECT log_recommendation('shop', 1, ARRAY[1], 'home');
ROLLBACK;
BEGIN;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
SELECT count(*) FROM (SELECT customer FROM orders OFFSET 0) o, recommend('shop', o.customer, 1, log => true);
ROLLBACK;
SELECT log_recommendation('shop', 1, ARRAY[1, 2], 'home', sources => ARRAY['personal']);
SELECT log_recommendation('shop', 1, NULL::int[], 'home');
\set VERBOSITY sqlstate
SELECT log_recommendation('shop', 1, ARRAY[1], NULL);
SELECT log_recommendation('shop', 'me'::text, ARRAY[1], 'home');
SELECT log_recommendation('shop', 1, ARRAY[NULL::int], 'home');
SELECT log_recommendation('nonesuch', 1, ARRAY[1], 'home');
SELECT * FROM recommender_report('shop', NULL);
SELECT * FROM recommender_report('shop', orders => 'SELECT customer, product FROM orders');
SELECT * FROM recommender_report('shop', clicks => 'SELECT 1 AS a; SELECT 2');
SELECT * FROM recommender_report('shop', orders => 'SELECT customer::text AS c, product, 1, now() FROM orders');
SELECT * FROM recommender_report('shop', clicks => 'SELECT customer, product::text AS p, now() FROM orders');
SELECT log_recommendation('shop', 5.5, ARRAY[1], 'home');
ALTER TABLE shop_log ALTER id DROP IDENTITY;
SELECT count(*) FROM recommend('shop', 1, 1, log => true);
ALTER TABLE shop_log ALTER id ADD GENERATED ALWAYS AS IDENTITY (START 1000);
SELECT count(*) FROM recommend('shop', 1, 1, log => true);
ALTER TABLE shop_log ALTER id SET GENERATED BY DEFAULT;
SELECT count(*) FROM recommend('shop', 1, 1, log => true);
ALTER TABLE shop_log ADD note text;
SELECT count(*) FROM recommend('shop', 1, 1, log => true);
ALTER TABLE shop_log RENAME TO shown_log;
SELECT count(*) FROM recommend('shop', 1, 1, log => true);
ALTER TABLE shown_log RENAME TO shop_log;
ALTER TABLE shop_log ALTER item TYPE int;
SELECT count(*) FROM recommend('shop', 1, 1, log => true);
ALTER TABLE shop_log ALTER item TYPE bigint;
ALTER TABLE shop_log DROP item CASCADE;
SELECT count(*) FROM recommend('shop', 1, 1, log => true);
ALTER TABLE shop_log ADD item bigint;

-- a log stays until it is dropped with its recommender, or taken away
\set VERBOSITY default
SELECT create_recommender('shop', 'SELECT customer, product FROM orders', replace => true) > 0 AS made;
SELECT count(*) > 0 AS kept FROM shop_log;
SELECT * FROM recommender_report('shop');
SELECT create_recommender('shop', 'SELECT customer, product::text AS product FROM orders', replace => true) > 0 AS made;
SELECT rename_recommender('shop', 'store');
SELECT to_regclass('store_log') IS NOT NULL AS renamed;
SELECT create_recommender('store', 'SELECT customer, product::text AS product FROM orders', log => false, replace => true) > 0 AS made;
SELECT log IS NULL AS none, to_regclass('store_log') IS NULL AS dropped FROM store;
SELECT count(*) FROM recommend(NULL::text, 'store', 1, 1, log => true);
SELECT create_recommender('store', 'SELECT customer, product::text AS product FROM orders', log => true, replace => true) > 0 AS made;
SELECT count(*) FROM recommend(NULL::text, 'store', 1, 1, log => true);
SELECT item, pg_typeof(item) FROM store_log;
SELECT drop_recommender('store');
SELECT to_regclass('store_log') IS NULL AS dropped;

-- of users without consent it is not said who they were
CREATE TABLE agreed (id int PRIMARY KEY);
INSERT INTO agreed VALUES (1);
SELECT create_recommender('shop', 'SELECT customer, product FROM orders', consent => 'SELECT id FROM agreed', log => true) > 0 AS made;
SELECT count(*) FROM recommend('shop', 1, 1, exclude => 'none', log => true) a, recommend('shop', 2, 1, log => true) b;
SELECT log_recommendation('shop', 2, ARRAY[1], 'home');
SELECT "user", count(*) FROM shop_log GROUP BY 1 ORDER BY 1;

SET client_min_messages = warning;
DROP SCHEMA recommend_log CASCADE;
