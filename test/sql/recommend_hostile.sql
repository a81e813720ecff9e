-- A recommender is tables that anybody may make: what is laid out otherwise must
-- not be read as one, and whoever works on another's recommender with more rights
-- than its owner has must not lend them.
SET client_min_messages = warning;
CREATE SCHEMA recommend_hostile;
SET search_path = recommend_hostile, public;
CREATE TABLE orders (customer bigint, product bigint);
INSERT INTO orders SELECT c, p FROM generate_series(1, 20) c, generate_series(1, 10) p WHERE (c * 7 + p * 3) % 5 < 2;
CREATE INDEX ON orders (customer);
CREATE ROLE recsys_tenant;
GRANT ALL ON SCHEMA recommend_hostile TO recsys_tenant;
GRANT SELECT ON orders TO recsys_tenant;
SET ROLE recsys_tenant;
SELECT create_recommender('own', 'SELECT customer, product FROM orders');

-- a partitioned table can be of the type too
CREATE TABLE parts OF recommender_definition PARTITION BY LIST (query);
SELECT * FROM recommend('parts', 1, 3);
SELECT create_recommender('parts', 'SELECT customer, product FROM orders', replace => true);
SELECT refresh_recommender('parts');
SELECT drop_recommender('parts');
-- and one that has dropped columns in between
CREATE TABLE shifted (query text, items_query text, junk int, options jsonb, model regclass, built_at timestamptz,
	build_time interval, rows bigint, users bigint, items bigint, max_score double precision, users_query text,
	lists regclass, build_mode text, changed bigint, consent_query text, log regclass);
ALTER TABLE shifted DROP COLUMN junk;
ALTER TABLE shifted OF recommender_definition;
INSERT INTO shifted SELECT * FROM own;
UPDATE shifted SET max_score = 1.28e-231;
SELECT * FROM recommend('shifted', 1, 3);
-- neither is listed
SELECT name FROM recommenders ORDER BY 1;
SELECT drop_recommender('shifted');
-- items without a type of arrays: neighbours could be of any
CREATE TABLE odd_model (item int[] PRIMARY KEY, users bigint, popularity float8, neighbours bigint, scores real[], fingerprint bigint);
CREATE INDEX ON odd_model (popularity DESC, item);
INSERT INTO odd_model VALUES ('{1}', 1, 1, 81985529216486895, '{1}', 1);
CREATE TABLE odd OF recommender_definition;
INSERT INTO odd (query, options, model, built_at, max_score, items)
VALUES ('SELECT 1::bigint, ''{1}''::int[]', '{}', 'odd_model', now(), 1, 1);
SELECT * FROM similar_items(NULL::int[], 'odd', '{1}'::int[]);
SELECT refresh_recommender('odd');
DROP TABLE odd, odd_model, parts;

-- triggers of the owner's run with the owner's rights, now or never
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('recommend_hostile.seen', 'as ' || CASE WHEN current_user = 'recsys_tenant' THEN 'owner' ELSE 'caller' END, false);
	RETURN NEW;
END $$;
CREATE TRIGGER note BEFORE UPDATE OF items_query ON own FOR EACH ROW EXECUTE FUNCTION note();
RESET ROLE;
SET recommend_hostile.seen = 'nothing';
SELECT create_recommender('own', 'SELECT customer, product FROM orders', replace => true);
-- nor does a setting of theirs stay
SHOW recommend_hostile.seen;
SET ROLE recsys_tenant;
DROP TRIGGER note ON own;
CREATE CONSTRAINT TRIGGER later AFTER UPDATE OF items_query ON own DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION note();
RESET ROLE;
SELECT create_recommender('own', 'SELECT customer, product FROM orders', replace => true);
SHOW recommend_hostile.seen;

-- somebody else's is not even locked
CREATE ROLE recsys_stranger;
GRANT USAGE ON SCHEMA recommend_hostile TO recsys_stranger;
SET ROLE recsys_stranger;
SELECT create_recommender('own', 'SELECT 1, 2', replace => true);
SELECT refresh_recommender('own');
SELECT rename_recommender('own', 'mine');
SELECT drop_recommender('own');
RESET ROLE;

-- in a publication of all tables the definition can be changed
SET client_min_messages = error;
CREATE PUBLICATION recommend_hostile FOR ALL TABLES;
SET client_min_messages = warning;
SELECT create_recommender('published', 'SELECT customer, product FROM orders', log => true);
SELECT refresh_recommender('published');
DROP PUBLICATION recommend_hostile;

-- items whose equality is not one of pg_catalog, and go away
CREATE TABLE tagged AS SELECT c AS customer, ('t' || p)::tagset AS product FROM generate_series(1, 9) c, generate_series(1, 3) p;
CREATE INDEX ON tagged (customer);
SELECT create_recommender('tagged_items', 'SELECT customer, product FROM tagged');
DELETE FROM tagged WHERE product = 't2'::tagset;
SELECT refresh_recommender('tagged_items'), refresh_recommender('tagged_items', incremental => true);
SELECT item, users FROM tagged_items_model ORDER BY item;

-- a sum of weights that is no number
CREATE TABLE heavy AS SELECT c AS customer, p AS product, 1.0::float8 AS weight FROM generate_series(1, 9) c, generate_series(1, 5) p;
CREATE INDEX ON heavy (customer);
SELECT create_recommender('heavy_items', 'SELECT customer, product, weight FROM heavy');
INSERT INTO heavy VALUES (1, 1, 1.7e308), (1, 1, 1.7e308), (1, 1, -1.7e308), (1, 1, -1.7e308);
SELECT count(*) FROM recommend('heavy_items', 1, 3, exclude => 'none');

-- tables of one shop with different collations
CREATE TABLE named (customer int, product text COLLATE "C");
INSERT INTO named SELECT c, 'p' || p FROM generate_series(1, 9) c, generate_series(1, 3) p;
CREATE INDEX ON named (customer);
CREATE TABLE catalogue (product text COLLATE "POSIX" PRIMARY KEY, category text);
INSERT INTO catalogue VALUES ('p1', 'a'), ('p2', 'a'), ('p3', 'b');
SELECT create_recommender('named_items', 'SELECT customer, product FROM named', items => 'SELECT product, category FROM catalogue');
SELECT item FROM recommend(NULL::text, 'named_items', 1, 3, exclude => 'none', filter => $$category = 'a'$$) ORDER BY item;

DROP SCHEMA recommend_hostile CASCADE;
DROP ROLE recsys_tenant, recsys_stranger;
