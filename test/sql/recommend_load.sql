-- The rows of a new model are written by pages, those of an old one by statements: the same rows.
SET client_min_messages = warning;
CREATE TABLE rl_rows AS
SELECT g % 997 AS u, abs(hashint4(g)) % 1800 AS i, 1 + g % 3 AS w FROM generate_series(1, 20000) g;
INSERT INTO rl_rows VALUES (-1, -5, 1), (-2, -6, 2);	-- items without neighbours
CREATE INDEX ON rl_rows (u);

CREATE FUNCTION rl_check(query text, options similarity_options, OUT items bigint, OUT one_way bigint, OUT back bigint)
LANGUAGE plpgsql AS $$
BEGIN
  items := create_recommender('rl', query, options);
  CREATE TABLE rl_loaded AS TABLE rl_model;
  DELETE FROM rl_model;
  PERFORM refresh_recommender('rl');
  one_way := (SELECT count(*) FROM (TABLE rl_loaded EXCEPT TABLE rl_model) d);
  back := (SELECT count(*) FROM (TABLE rl_model EXCEPT TABLE rl_loaded) d);
  DROP TABLE rl_loaded;
  PERFORM drop_recommender('rl');
END $$;
-- items of fixed length by value, by reference, and of any length up to what is stored out of line
SELECT * FROM rl_check('SELECT u, i::int FROM rl_rows', similarity_options('cosine'));
SELECT * FROM rl_check('SELECT u, i::smallint, w FROM rl_rows', similarity_options(n => 7));
SELECT * FROM rl_check('SELECT u, i::bigint, w FROM rl_rows', similarity_options('jaccard', n => 200));
SELECT * FROM rl_check('SELECT u::text, md5(i::text)::uuid, w FROM rl_rows', similarity_options());
SELECT * FROM rl_check('SELECT u, repeat(i::text, 1 + i % 50), w FROM rl_rows', similarity_options(n => 300));
SELECT * FROM rl_check('SELECT u, i FROM rl_rows WHERE false', similarity_options());

-- what an event trigger puts on the table is heeded
CREATE FUNCTION rl_on_create() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity = 'public.rl_model' AND command_tag = 'CREATE TABLE') THEN
    ALTER TABLE public.rl_model ADD CHECK (item <> 17);
  END IF;
END $$;
CREATE EVENT TRIGGER rl_trigger ON ddl_command_end EXECUTE FUNCTION rl_on_create();
\set VERBOSITY terse
SELECT create_recommender('rl', 'SELECT u, i FROM rl_rows');
SELECT create_recommender('rl', 'SELECT u, i FROM rl_rows WHERE i <> 17');
DROP EVENT TRIGGER rl_trigger;
SELECT conname, contype FROM pg_constraint WHERE conrelid = 'rl_model'::regclass AND contype <> 'n' ORDER BY 1;
SELECT pg_get_indexdef(indexrelid), indisprimary FROM pg_index WHERE indrelid = 'rl_model'::regclass ORDER BY 1;
SELECT drop_recommender('rl');

-- an error in the middle leaves nothing
SELECT create_recommender('rl', 'SELECT u, i, CASE WHEN i < 900 THEN 1 ELSE 1e30 END FROM rl_rows', similarity_options(alpha => 0, beta => 0, transform => 'none', normalization => 'none'));
SELECT to_regclass('rl'), to_regclass('rl_model');

DROP FUNCTION rl_check, rl_on_create;
DROP TABLE rl_rows;
