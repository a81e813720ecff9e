-- Recommenders as objects: names, ownership, privileges, changes, mistakes.
CREATE SCHEMA recommend_admin;
SET search_path = recommend_admin, public;
CREATE TABLE orders (customer bigint, product bigint, quantity numeric, ordered_at date);
INSERT INTO orders SELECT c, p, 1, '2024-01-01' FROM generate_series(1, 20) c, generate_series(1, 10) p WHERE (c * 7 + p * 3) % 5 < 2;
CREATE INDEX ON orders (customer);

-- every name in the definition is qualified: search_path does not matter later
SELECT create_recommender('shop', 'SELECT customer, product, quantity, ordered_at FROM orders WHERE quantity > 0');
SELECT query LIKE '%recommend_admin.orders%' AS qualified, query LIKE '%pg_catalog%' AS wordy FROM shop;
SET search_path = public;
SELECT count(*) FROM recommend('recommend_admin.shop', 1, 3);
SELECT refresh_recommender('recommend_admin.shop');
CREATE TEMP TABLE orders (customer int);
SELECT count(*) FROM recommend('recommend_admin.shop', 1, 3);
DROP TABLE orders;
SET search_path = recommend_admin, public;

-- what there is
SELECT name, model, rows, users, items, built_at <= now() + interval '1 minute' AS built, age < interval '1 hour' AS fresh,
	build_time >= interval '0' AS took, options->>'n' AS n
FROM recommenders;
SELECT obj_description('shop'::regclass), obj_description('shop_model'::regclass);

-- names
SELECT create_recommender('shop', 'SELECT customer, product FROM orders');
SELECT create_recommender('orders', 'SELECT customer, product FROM orders');
SELECT create_recommender('orders', 'SELECT customer, product FROM orders', replace => true);
SELECT create_recommender('nowhere.shop', 'SELECT customer, product FROM orders');
SELECT create_recommender('pg_temp.shop', 'SELECT customer, product FROM orders');
SELECT create_recommender('a.b.c.d', 'SELECT customer, product FROM orders');
SELECT create_recommender('"Été ""x"""', 'SELECT customer, product FROM orders');
SELECT count(*) FROM recommend('"Été ""x"""', 1, 3);
SELECT rename_recommender('"Été ""x"""', 'summer');
SELECT rename_recommender('summer', 'public.summer');
SELECT to_regclass('summer_model') IS NOT NULL AS renamed, count(*) FROM recommend('summer', 1, 3);
SELECT refresh_recommender('summer');
ALTER TABLE summer SET SCHEMA public;
SELECT count(*) FROM recommend('public.summer', 1, 3);
-- one leads to the other
DROP TABLE public.summer;
SELECT to_regclass('summer_model') IS NULL AS dropped;
SELECT drop_recommender('summer');
SELECT drop_recommender('summer', if_exists => true);
SELECT drop_recommender('orders');

-- bad definitions: an error, and nothing half-made
\set VERBOSITY sqlstate
SELECT create_recommender(NULL, 'SELECT customer, product FROM orders');
SELECT create_recommender('bad', NULL);
SELECT create_recommender('bad', 'SELECT customer, product FROM orders', NULL);
SELECT create_recommender('bad', 'SELECT customer FROM orders');
SELECT create_recommender('bad', 'SELECT 1 AS a, 2 AS b, 3 AS c, now(), 5 AS d');
SELECT create_recommender('bad', 'SELECT customer, product, ordered_at FROM orders');
SELECT create_recommender('bad', 'SELECT customer, product FROM no_such_table');
SELECT create_recommender('bad', 'SELECT customer, product FROM orders; DROP TABLE orders');
SELECT create_recommender('bad', 'SELEC');
SELECT create_recommender('bad', '');
SELECT create_recommender('bad', 'DELETE FROM orders RETURNING customer, product');
SELECT create_recommender('bad', 'WITH d AS (DELETE FROM orders RETURNING *) SELECT customer, product FROM d');
SELECT create_recommender('bad', 'SELECT customer, product FROM orders FOR UPDATE');
SELECT create_recommender('bad', 'EXPLAIN SELECT customer, product FROM orders');
SELECT create_recommender('bad', 'SELECT customer, $1 FROM orders');
SELECT create_recommender('bad', $$SELECT customer, point '(1,1)' FROM orders$$);
SELECT create_recommender('bad', $$SELECT point '(1,1)', product FROM orders$$);
SELECT create_recommender('bad', 'SELECT customer, product, NULL::int FROM orders');
SELECT create_recommender('bad', $$SELECT customer, product, float8 'NaN' FROM orders$$);
SELECT create_recommender('bad', $$SELECT customer, product, float8 '-Infinity' FROM orders$$);
SELECT create_recommender('bad', 'SELECT customer, product, 1 / (product - 3) FROM orders');
SELECT create_recommender('bad', 'SELECT customer, product FROM orders', similarity_options(n => 0));
CREATE TEMP TABLE temporary_orders (customer int, product int);
SELECT create_recommender('bad', 'SELECT customer, product FROM temporary_orders');
DROP TABLE temporary_orders;
\set VERBOSITY default
SELECT count(*) FROM pg_class WHERE relname LIKE 'bad%';
SELECT create_recommender('bad', $$SELECT customer, product, 'x' FROM orders$$);
SELECT create_recommender('bad', 'SELECT customer FROM orders');
SELECT create_recommender('bad', 'SELECT customer, product FROM orders', users => 'SELECT customer FROM orders');
SELECT create_recommender('bad', 'SELECT customer, product FROM orders', users => 'SELECT 1, ARRAY[''a''], 2');
SELECT create_recommender('bad', 'SELECT customer, product FROM orders', consent => 'SELECT customer, product FROM orders');
SELECT * FROM recommend_all('shop', 3, users => 'SELECT customer, product FROM orders');

SELECT create_recommender('bad', 'SELECT customer, product FROM orders', users => 'SELECT ''a'' AS u, ''t'' AS tag');
SELECT create_recommender('bad', 'SELECT customer::text, product FROM orders', users => 'SELECT 1 AS u, ''t'' AS tag');
SELECT create_recommender('bad', 'SELECT customer, product FROM orders', items => 'SELECT DISTINCT product, ''1'' AS price FROM orders');
-- items that are not in the items query
SELECT create_recommender('odd', 'SELECT customer, product FROM orders', items => 'SELECT 0::numeric AS id');
SELECT drop_recommender('odd');
SELECT create_recommender('odd', 'SELECT customer, product::text COLLATE "C" FROM orders', items => 'SELECT DISTINCT product::text COLLATE "POSIX" FROM orders');
SELECT * FROM recommend_all('odd', 1);
SELECT * FROM recommend_all(NULL::bigint, NULL::bigint, 'odd', 1);
SELECT * FROM recommend_all(NULL::text, NULL::text, 'odd', 1);
-- an error of a filter says what it sees
DO $$
DECLARE
	context text;
BEGIN
	PERFORM recommend(NULL::text, 'odd', 1, 1, filter => 'nonesuch = 1');
EXCEPTION WHEN undefined_column THEN
	GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
	RAISE NOTICE '%', context LIKE '%the columns of the items query only%';
END$$;
-- the tables of one are in the way of another
ALTER TABLE odd RENAME TO odd2;
SELECT create_recommender('odd', 'SELECT customer, product FROM orders');
SELECT drop_recommender('odd2');
-- names
SELECT drop_recommender('"Geräte X"');
SELECT drop_recommender('"Geräte X"', if_exists => true);
SELECT refresh_recommender('nowhere.shop');
SELECT refresh_recommender('a b');

-- NULL is no name
\set VERBOSITY sqlstate
SELECT refresh_recommender(NULL);
\set VERBOSITY default
SELECT refresh_recommender('shop', incremental => NULL);
SELECT drop_recommender(NULL);
SELECT drop_recommender('shop', if_exists => NULL);
SELECT rename_recommender(NULL, 'x');
SELECT rename_recommender('shop', NULL);

-- users that are no integers are nobody
SELECT count(*) FROM recommend('shop', 1.0, fallback => false) r, recommend('shop', 1, fallback => false) s WHERE r = s;
SELECT count(*) FROM recommend('shop', 1.5, fallback => false);
SELECT count(*) FROM recommend('shop', 0.9::float8, fallback => false);

-- bad calls
SELECT * FROM recommend('nonesuch', 1, 5);
SELECT * FROM recommend('orders', 1, 5);
SELECT * FROM recommend(NULL, 1, 5);
SELECT * FROM recommend(NULL::text, 'shop', 5);
SELECT * FROM recommend('shop', 1, 0);
SELECT * FROM recommend('shop', 1, -1);
SELECT * FROM recommend('shop', '2024-01-01'::date, 5);
DO $$
DECLARE
  context text;
BEGIN
  PERFORM recommend('shop', 'me'::text, 5);
EXCEPTION WHEN invalid_text_representation THEN
  GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
  RAISE NOTICE '%: %', SQLERRM, substring(context, 'user of recommender[^\n]*');
END $$;
SELECT count(*) FROM recommend('shop', '1', 5);
SELECT * FROM recommend(NULL::uuid, 'shop', 1, 5);
SELECT * FROM similar_items(NULL::uuid, 'shop', gen_random_uuid(), 5);
SELECT * FROM recommend_basket('shop', ARRAY[1], 0);
SELECT count(*) FROM recommend_basket('shop', NULL, 3);
SELECT count(*) FROM recommend_basket('shop', '{}', 3);
SELECT count(*) FROM similar_items('shop', NULL, 3);
SELECT count(*) FROM similar_items('shop', 9223372036854775807, 3);

-- a whole table has to be read for one user
CREATE TABLE plain_orders AS TABLE orders;
SELECT create_recommender('plain', 'SELECT customer, product FROM plain_orders');
CREATE INDEX ON plain_orders (customer);
SELECT create_recommender('plain', 'SELECT customer, product FROM plain_orders', replace => true);
-- a condition that the planner cannot move down
SELECT create_recommender('plain', 'SELECT customer, product FROM plain_orders LIMIT 1000', replace => true);
SELECT create_recommender('plain', 'SELECT customer, product, sum(quantity) FROM plain_orders GROUP BY 1, 2', replace => true);
SELECT create_recommender('plain', 'SELECT customer, product FROM orders UNION ALL SELECT customer, product FROM plain_orders', replace => true);

-- replacing: other options, other data, other types
SELECT count(*) FROM recommend('plain', 1, 100);
SELECT create_recommender('plain', 'SELECT customer, product FROM plain_orders WHERE product < 8', similarity_options(n => 1), replace => true);
SELECT max(cardinality(neighbours)), count(*) FROM plain_model;
SELECT max(item) FROM recommend('plain', 1);
SELECT create_recommender('plain', 'SELECT customer::text, (product::text || ''x'') AS product FROM orders', replace => true);
SELECT * FROM recommend('plain', '1', 1);
SELECT count(*) FROM recommend(NULL::text, 'plain', '1', 1);
BEGIN;
SELECT create_recommender('plain', 'SELECT customer, product FROM plain_orders', replace => true);
SELECT count(*) FROM recommend('plain', 1, 1);
ROLLBACK;
SELECT count(*) FROM recommend(NULL::text, 'plain', '1', 1);

-- tables of the query change under a plan that is kept
SELECT create_recommender('plain', 'SELECT customer, product FROM plain_orders', replace => true);
SELECT item FROM recommend('plain', 1, 1);
ALTER TABLE plain_orders ALTER product TYPE int, ALTER customer TYPE int;
SELECT item FROM recommend('plain', 1, 1);
SELECT refresh_recommender('plain');
SELECT create_recommender('plain', 'SELECT customer, product FROM plain_orders', replace => true);
SELECT item FROM recommend('plain', 1, 1);
ALTER TABLE plain_orders RENAME TO renamed_orders;
\set VERBOSITY sqlstate
SELECT item FROM recommend('plain', 1, 1);
\set VERBOSITY default
ALTER TABLE renamed_orders RENAME TO plain_orders;
SELECT item FROM recommend('plain', 1, 1);

-- the model is a table: what is done to it by hand is no danger
BEGIN;
UPDATE plain SET items = 9223372036854775807;
SELECT count(*) > 0 AS answers FROM recommend('plain', 1);
ROLLBACK;
BEGIN;
UPDATE plain_model SET scores = scores[2:];
SELECT * FROM recommend('plain', 1, 1);
ROLLBACK;
BEGIN;
ALTER TABLE plain_model DROP scores;
SELECT * FROM recommend('plain', 1, 1);
ROLLBACK;
BEGIN;
ALTER TABLE plain_model DROP CONSTRAINT plain_model_pkey;
SELECT * FROM recommend('plain', 1, 1);
ROLLBACK;
BEGIN;
DELETE FROM plain;
SELECT * FROM recommend('plain', 1, 1);
ROLLBACK;
BEGIN;
DELETE FROM plain;
SELECT refresh_recommender('plain');
ROLLBACK;
BEGIN;
DROP TABLE plain_model;
SELECT * FROM recommend('plain', 1, 1);
ROLLBACK;
DROP TABLE plain_model;
SELECT refresh_recommender('plain');
SELECT item FROM recommend('plain', 1, 1);
-- an index of the user's own is not taken for ours
SELECT array_agg(item) FROM recommend('plain', NULL::int, 3);
CREATE INDEX ON plain_model (popularity, item DESC);
CREATE INDEX ON plain_model (popularity DESC, item) WHERE item > 5;
SELECT array_agg(item) FROM recommend('plain', NULL::int, 3);
VACUUM FULL plain, plain_model;
REINDEX TABLE plain_model;
SELECT item FROM recommend('plain', 1, 1);

-- a recommender whose query asks another one, and itself
CREATE FUNCTION asks(name text, customer bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS
	$$BEGIN RETURN (SELECT count(*) FROM recommend(name, customer, 3)); END$$;
SELECT create_recommender('nested', $$SELECT customer, product, 1 + asks('recommend_admin.shop', customer) FROM orders$$);
SELECT count(*) FROM recommend('nested', 1, 3);
UPDATE nested SET query = replace(query, 'recommend_admin.shop', 'recommend_admin.nested');
SET max_stack_depth = '200kB';
DO $$BEGIN PERFORM recommend('recommend_admin.nested', 1, 3); EXCEPTION WHEN statement_too_complex THEN RAISE NOTICE 'too deep'; END$$;
RESET max_stack_depth;
SELECT count(*) FROM recommend('shop', 1, 3);
SELECT drop_recommender('nested');

-- privileges: those of tables
CREATE ROLE recommend_owner;
CREATE ROLE recommend_reader;
GRANT USAGE, CREATE ON SCHEMA recommend_admin TO recommend_owner;
GRANT USAGE ON SCHEMA recommend_admin TO recommend_reader;
GRANT SELECT ON orders TO recommend_owner;
SET ROLE recommend_owner;
SELECT create_recommender('owned', 'SELECT customer, product FROM orders');
SELECT create_recommender('shop', 'SELECT customer, product FROM orders', replace => true);
SELECT refresh_recommender('shop');
SELECT drop_recommender('shop');
SELECT rename_recommender('shop', 'mine');
SET ROLE recommend_reader;
\set VERBOSITY sqlstate
SELECT create_recommender('recommend_admin.mine', 'SELECT 1 AS a, 2 AS b');
SELECT count(*) FROM recommend('owned', 1, 3);
\set VERBOSITY terse
SELECT name FROM recommenders;
RESET ROLE;
GRANT SELECT ON owned TO recommend_reader;
SET ROLE recommend_reader;
SELECT count(*) FROM recommend('owned', 1, 3);
RESET ROLE;
GRANT SELECT ON owned_model TO recommend_reader;
SET ROLE recommend_reader;
SELECT name FROM recommenders;
SELECT count(*) FROM similar_items('owned', 1, 3);
-- the history is read with the rights of the caller
SELECT count(*) FROM recommend('owned', 1, 3);
RESET ROLE;
GRANT SELECT ON orders TO recommend_reader;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY even ON orders TO recommend_reader USING (customer % 2 = 0);
CREATE POLICY odd ON orders TO recommend_owner USING (customer % 2 = 1);
SET ROLE recommend_reader;
SELECT source, because IS NULL AS no_reason FROM recommend('owned', 1, 1);
SELECT source, because IS NULL AS no_reason FROM recommend('owned', 2, 1);
SET ROLE recommend_owner;
SELECT source, because IS NULL AS no_reason FROM recommend('owned', 1, 1);
SELECT source, because IS NULL AS no_reason FROM recommend('owned', 2, 1);
-- a superuser's refresh sees what the owner sees
RESET ROLE;
SELECT refresh_recommender('owned') > 0 AS refreshed;
SELECT max(users) <= 10 AS half FROM owned_model;
SELECT source, because IS NULL AS no_reason FROM recommend('owned', 2, 1);
-- a superuser's replacement leaves both tables with the owner
SELECT create_recommender('owned', 'SELECT customer, product::text FROM orders', replace => true) > 0 AS replaced;
SELECT relname, relowner::regrole FROM pg_class WHERE oid IN ('owned'::regclass, 'owned_model'::regclass) ORDER BY 1;
GRANT SELECT ON owned_model TO recommend_reader;
-- a definition must not lead to the tables of others
CREATE TABLE precious AS SELECT * FROM owned_model;
SET ROLE recommend_owner;
UPDATE owned SET model = 'precious';
RESET ROLE;
SELECT drop_recommender('owned');
SELECT refresh_recommender('owned');
SELECT rename_recommender('owned', 'stolen');
SET ROLE recommend_owner;
UPDATE owned SET model = 'owned_model';
RESET ROLE;
-- rows of the model cannot be hidden from some
ALTER TABLE owned_model ENABLE ROW LEVEL SECURITY;
SET ROLE recommend_reader;
SELECT count(*) FROM similar_items(NULL::text, 'owned', '1', 3);
RESET ROLE;
DROP OWNED BY recommend_owner, recommend_reader;
SELECT to_regclass('owned') IS NULL AND to_regclass('owned_model') IS NULL AS dropped;
DROP ROLE recommend_owner, recommend_reader;

-- a column was renamed: errors say whose query it is
CREATE TABLE changed AS SELECT i / 3 AS u, i % 3 AS i FROM generate_series(1, 9) i;
CREATE INDEX ON changed (u);
SELECT create_recommender('of_changed', 'SELECT u, i FROM changed');
ALTER TABLE changed RENAME i TO item;
DO $$
DECLARE
	call text;
	context text;
BEGIN
	FOREACH call IN ARRAY ARRAY['FROM recommend(''of_changed'', 1, 1)', 'refresh_recommender(''of_changed'')'] LOOP
		BEGIN
			EXECUTE 'SELECT ' || call;
		EXCEPTION WHEN undefined_column THEN
			GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
			RAISE NOTICE '%', split_part(context, E'\n', 1);
		END;
	END LOOP;
END
$$;
\set VERBOSITY default
SELECT create_recommender('of_changed', 'changed', replace => true);
SELECT create_recommender('of_changed', 'SELECT u, item FROM changed', items => 'changed', replace => true);
\set VERBOSITY terse
SELECT create_recommender('of_changed', 'SELECT u, item FROM changed', similarity_options('cosine'), replace => true);
SELECT count(*) > 0 AS answers FROM recommend('of_changed', 1, 1, exclude => 'none');
SELECT options FROM recommenders WHERE name = 'of_changed'::regclass;

SELECT drop_recommender(name::text) FROM recommenders;
SET client_min_messages = warning;
DROP SCHEMA recommend_admin CASCADE;
