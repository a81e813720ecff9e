-- Users who have not consented do not exist for a recommender.
CREATE SCHEMA recommend_consent;
SET search_path = recommend_consent, public;
CREATE TABLE orders (customer int, product int, quantity int, ordered_at timestamptz);
SELECT setseed(0.3);
INSERT INTO orders SELECT 1 + (random() * 60)::int, (random() ^ 2 * 30)::int, 1, '2024-01-01' FROM generate_series(1, 600);
CREATE INDEX ON orders (customer);
CREATE TABLE people (id bigint PRIMARY KEY, agreed boolean, tags text[]);
INSERT INTO people SELECT g, g % 3 > 0, ARRAY['t' || g % 4] FROM generate_series(1, 61) g;
CREATE INDEX ON people (id) WHERE agreed;

SELECT create_recommender('shop', 'SELECT customer, product, quantity, ordered_at FROM orders', similarity_options('cosine'),
	users => 'SELECT id::int, tags FROM people', consent => 'SELECT id::int FROM people WHERE agreed; ') IS NOT NULL AS made;
SELECT create_recommender('shop', 'SELECT customer, product, quantity, ordered_at FROM orders', similarity_options('cosine'),
	users => 'SELECT id, tags FROM people', consent => 'SELECT id FROM people WHERE agreed', replace => true) > 0 AS made;
SELECT consent_query LIKE '%recommend_consent.people%' AS qualified FROM recommenders WHERE name = 'shop'::regclass;

-- the model is that of the orders of those who have
SELECT create_recommender('same', 'SELECT customer, product, quantity, ordered_at FROM orders WHERE customer % 3 > 0', similarity_options('cosine'),
	users => 'SELECT id, tags FROM people WHERE id % 3 > 0') > 0 AS made;
SELECT count(*) FROM (TABLE shop_model EXCEPT ALL TABLE same_model) x;
SELECT count(*) FROM (TABLE same_model EXCEPT ALL TABLE shop_model) x;
SELECT count(*) FROM (TABLE shop_lists EXCEPT ALL TABLE same_lists) x;
SELECT shop.rows = same.rows AND shop.users = same.users AS alike FROM shop, same;

-- they get the same as if the others were not there; the others get what sells
SELECT count(*) FROM generate_series(1, 61) c WHERE c % 3 > 0 AND
	(SELECT array_agg(r::text) FROM recommend('shop', c) r) IS DISTINCT FROM (SELECT array_agg(r::text) FROM recommend('same', c) r);
SELECT DISTINCT source FROM generate_series(1, 61) c, recommend('shop', c) WHERE c % 3 = 0;
SELECT count(*) FROM generate_series(1, 61) c WHERE c % 3 = 0 AND
	(SELECT array_agg(r::text) FROM recommend('shop', c) r) IS DISTINCT FROM (SELECT array_agg(r::text) FROM recommend('shop', NULL::int) r);
-- whatever the call says of them
SELECT DISTINCT source FROM recommend('shop', 3, context => ARRAY[1, 2], tags => ARRAY['t1']);
SELECT count(*) FROM recommend('shop', 3, context => ARRAY[1, 2]) WHERE item IN (1, 2);
SELECT count(*) > 0 AS back FROM recommend('shop', 3, context => ARRAY[1, 2], exclude => 'none') WHERE item IN (1, 2);
SELECT DISTINCT source FROM recommend('shop', 3, 1, context => ARRAY[1, 2], fallback => false);
SELECT source FROM recommend('shop', 4, 1, context => ARRAY[1, 2]);
SELECT source FROM recommend('shop', NULL::int, 1, context => ARRAY[1, 2]);
SELECT source FROM recommend('shop', 100, 1, tags => ARRAY['t1']);
SELECT source FROM recommend_basket('shop', ARRAY[1, 2], 1);
SELECT sum(users) = (SELECT sum(n) FROM (SELECT count(DISTINCT customer) AS n FROM orders WHERE customer % 3 > 0 GROUP BY product) x) AS same
FROM best_sellers('shop', '1000 years');

-- so it is in all places
SELECT count(*) FROM ((SELECT r."user", r.item, r.score, r.source FROM recommend_all('shop', 4, users => 'SELECT id FROM people') r
		EXCEPT SELECT p.id, r.item, r.score, r.source FROM people p, recommend('shop', p.id, 4) r)
	UNION ALL (SELECT p.id, r.item, r.score, r.source FROM people p, recommend('shop', p.id, 4) r
		EXCEPT SELECT r."user", r.item, r.score, r.source FROM recommend_all('shop', 4, users => 'SELECT id FROM people') r)) x;
SELECT count(DISTINCT "user") = (SELECT count(DISTINCT customer) FROM orders WHERE customer % 3 > 0) AS all, bool_and("user" % 3 > 0) AS consenting FROM recommend_all('shop', 1);
SELECT array_agg(item) = ARRAY[5, 4, 3, 2, 1]::bigint[] AS as_given FROM rerank('shop', 3, ARRAY[5, 4, 3, 2, 1]);
SELECT bool_or(ARRAY(SELECT item FROM rerank('shop', u, ARRAY[5, 4, 3, 2, 1])) <> ARRAY[5, 4, 3, 2, 1]::bigint[]) AS reordered
FROM generate_series(1, 20) u WHERE u % 3 > 0;

-- withdrawn is withdrawn, from the next call on; and so with consent
BEGIN;
SELECT source FROM recommend('shop', 4, 1);
SELECT source FROM recommend('shop', 3, 1, context => ARRAY[1, 2]);
UPDATE people SET agreed = NOT agreed WHERE id IN (3, 4);
SELECT source FROM recommend('shop', 4, 1);
SELECT source FROM recommend('shop', 4, 1, context => ARRAY[1, 2]);
SELECT source FROM recommend('shop', 3, 1);
SELECT refresh_recommender('shop', incremental => true) > 0 AS refreshed;
SELECT changed > 0 AS changed FROM shop;
SELECT create_recommender('same', 'SELECT customer, product, quantity, ordered_at FROM orders WHERE customer IN (SELECT id FROM people WHERE agreed)',
	similarity_options('cosine'), replace => true) > 0 AS made;
SELECT count(*) FROM (SELECT item, users, neighbours, scores FROM shop_model EXCEPT ALL SELECT item, users, neighbours, scores FROM same_model) x;
ROLLBACK;
SELECT source FROM recommend('shop', 4, 1);

-- somebody who may not see who has consented gets nothing out
CREATE ROLE recommend_consent_reader;
GRANT USAGE ON SCHEMA recommend_consent TO recommend_consent_reader;
GRANT SELECT ON shop, shop_model, shop_lists, orders TO recommend_consent_reader;
SET ROLE recommend_consent_reader;
\set VERBOSITY terse
SELECT source FROM recommend('shop', 4, 1);
\set VERBOSITY default
RESET ROLE;
GRANT SELECT ON people TO recommend_consent_reader;
ALTER TABLE people ENABLE ROW LEVEL SECURITY;
SET ROLE recommend_consent_reader;
SELECT source FROM recommend('shop', 4, 1);
RESET ROLE;
ALTER TABLE people DISABLE ROW LEVEL SECURITY;
DROP OWNED BY recommend_consent_reader;
DROP ROLE recommend_consent_reader;

-- without an index, without consent, and nonsense
CREATE TABLE agreed AS SELECT id FROM people WHERE agreed;
SELECT create_recommender('shop', 'SELECT customer, product FROM orders', consent => 'SELECT id FROM agreed', replace => true) > 0 AS made;
-- a replacement must not lose it by the way, and says what else is lost
SELECT create_recommender('shop', 'SELECT customer, product FROM orders', replace => true);
SELECT consent_query IS NOT NULL AS kept FROM shop;
SELECT drop_recommender('shop');
SELECT create_recommender('shop', 'SELECT customer, product FROM orders', items => 'SELECT DISTINCT product FROM orders',
	users => 'SELECT id, tags FROM people') > 0 AS made;
SELECT create_recommender('shop', 'SELECT customer, product FROM orders', replace => true) > 0 AS made;
SELECT consent_query IS NULL AS none, users FROM shop;
SELECT source FROM recommend('shop', 3, 1);
SELECT create_recommender('shop', 'SELECT customer, product FROM orders', consent => 'SELECT agreed FROM people', replace => true);
\set VERBOSITY sqlstate
SELECT create_recommender('shop', 'SELECT customer, product FROM orders', consent => 'SELECT id, agreed FROM people', replace => true);
SELECT create_recommender('shop', 'SELECT customer, product FROM orders', consent => 'DELETE FROM people RETURNING id', replace => true);
SELECT create_recommender('shop', 'SELECT customer, product FROM orders', consent => '', replace => true);
\set VERBOSITY default
SELECT create_recommender('shop', 'SELECT customer::text AS customer, product FROM orders', consent => 'SELECT id::text FROM agreed', replace => true) > 0 AS made;
SELECT source FROM recommend('shop', '3', 1, context => ARRAY[1]);
SELECT source FROM recommend('shop', '4', 1, context => ARRAY[1]);

SET client_min_messages = warning;
DROP SCHEMA recommend_consent CASCADE;
