-- Rows of a query that workers read: all of them come, whatever their types, and once.
-- Ids beside small and large ones, values of every kind, NULLs, and texts that are stored elsewhere.
CREATE TABLE gathered AS
SELECT g AS id, nullif(g % 97, 0) AS u, nullif(g % 31, 3) AS i, g % 7 + 0.5::float8 AS w,
  timestamptz '2026-01-01' + g * interval '1 hour' AS at,
  CASE WHEN g % 50 = 0 THEN repeat(md5((g % 31)::text), 400) ELSE 'é' || g % 31 END AS label,
  md5((g % 31)::text)::uuid AS code, ('n' || g % 31)::name AS name
FROM generate_series(1, 3000) g;
ALTER TABLE gathered ALTER label SET STORAGE EXTERNAL;
INSERT INTO gathered SELECT 3000 + g, g % 11, g % 13, 1, '2026-02-01', repeat('x' || g % 13, 5000), md5(g::text)::uuid, 'late'
FROM generate_series(1, 200) g;
ANALYZE gathered;
SET parallel_setup_cost = 0;
-- nobody else reads with workers
SET parallel_tuple_cost = 1000;
SET min_parallel_table_scan_size = 0;

CREATE FUNCTION pg_temp.results(workers text) RETURNS TABLE (what text, n bigint, hash text) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('max_parallel_workers_per_gather', workers, true);
  RETURN QUERY SELECT 'integers', count(*), md5(string_agg(s::text, ';' ORDER BY ordinality))
    FROM item_similarity('SELECT u, i FROM gathered') WITH ORDINALITY s;
  RETURN QUERY SELECT 'weights and times', count(*), md5(string_agg(s::text, ';' ORDER BY ordinality))
    FROM item_similarity('SELECT u, i, w, at FROM gathered', half_life => interval '10 days') WITH ORDINALITY s;
  RETURN QUERY SELECT 'texts', count(*), md5(string_agg(s::text, ';' ORDER BY ordinality))
    FROM item_similarity(NULL::text, 'SELECT label, label FROM gathered UNION ALL SELECT u::text, label FROM gathered') WITH ORDINALITY s;
  RETURN QUERY SELECT 'texts stored elsewhere', count(*), md5(string_agg(s::text, ';' ORDER BY ordinality))
    FROM item_similarity(NULL::text, 'SELECT u, label FROM gathered') WITH ORDINALITY s;
  RETURN QUERY SELECT 'codes', count(*), md5(string_agg(s::text, ';' ORDER BY ordinality))
    FROM item_similarity(NULL::uuid, 'SELECT at, code FROM gathered UNION ALL SELECT at - interval ''1 hour'', code FROM gathered') WITH ORDINALITY s;
  RETURN QUERY SELECT 'names', count(*), md5(string_agg(s::text, ';' ORDER BY ordinality))
    FROM item_similarity(NULL::name, 'SELECT u, name FROM gathered') WITH ORDINALITY s;
  RETURN QUERY SELECT 'conversions', count(*), md5(string_agg(s::text, ';' ORDER BY ordinality))
    FROM item_similarity('SELECT u, i::numeric, w::numeric FROM gathered') WITH ORDINALITY s;
  RETURN QUERY SELECT 'an expression, a join', count(*), md5(string_agg(s::text, ';' ORDER BY ordinality))
    FROM item_similarity('SELECT a.u + 1, b.i FROM gathered a JOIN gathered b USING (id) WHERE a.w > 1') WITH ORDINALITY s;
  RETURN QUERY SELECT 'groups, in order', count(*), md5(string_agg(s::text, ';' ORDER BY ordinality))
    FROM item_similarity('SELECT u, i, count(*) FROM gathered GROUP BY u, i ORDER BY u, i') WITH ORDINALITY s;
  RETURN QUERY SELECT 'a constant', count(*), md5(string_agg(s::text, ';' ORDER BY ordinality))
    FROM item_similarity('SELECT ''all'', i FROM gathered') WITH ORDINALITY s;
  RETURN QUERY SELECT 'two kinds', count(*), md5(string_agg(s::text, ';' ORDER BY ordinality))
    FROM cross_similarity(NULL::text, NULL::bigint, 'SELECT u, label, i FROM gathered') WITH ORDINALITY s;
  RETURN QUERY SELECT 'tags', count(*), md5(string_agg(s::text, ';' ORDER BY ordinality))
    FROM tag_similarity('SELECT id, tagset(ARRAY[''u:'' || coalesce(u, 0), ''i:'' || coalesce(i, 0)]) FROM gathered WHERE id < 500') WITH ORDINALITY s;
  RETURN QUERY SELECT 'nothing', count(*), ''
    FROM item_similarity('SELECT u, i FROM gathered WHERE w < 0') s;
  PERFORM create_recommender('gather_model', 'SELECT u, i, w FROM gathered', replace => true);
  RETURN QUERY SELECT 'model', count(*), md5(string_agg(m::text, ';' ORDER BY item)) FROM gather_model_model m;
  PERFORM drop_recommender('gather_model');
END $$;
SET client_min_messages = warning;
CREATE TEMP TABLE alone AS SELECT * FROM pg_temp.results('0');
CREATE TEMP TABLE together AS SELECT * FROM pg_temp.results('2');
SELECT what, a.n > 0 AS found, (a.n, a.hash) = (t.n, t.hash) AS same FROM alone a JOIN together t USING (what) ORDER BY what COLLATE "C";
-- workers that do not come, a leader that may not take part, and a plan that is not shared
SET max_parallel_workers = 0;
SELECT count(*) FILTER (WHERE (a.n, a.hash) = (t.n, t.hash)) AS same FROM alone a JOIN pg_temp.results('2') t USING (what);
RESET max_parallel_workers;
SET parallel_leader_participation = off;
SELECT count(*) FILTER (WHERE (a.n, a.hash) = (t.n, t.hash)) AS same FROM alone a JOIN pg_temp.results('2') t USING (what);
RESET parallel_leader_participation;
DO $$ BEGIN
  PERFORM set_config(CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'force_parallel_mode' ELSE 'debug_parallel_query' END, 'on', false);
END $$;
SELECT count(*) FILTER (WHERE (a.n, a.hash) = (t.n, t.hash)) AS same FROM alone a JOIN pg_temp.results('2') t USING (what);
DO $$ BEGIN
  PERFORM set_config(CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'force_parallel_mode' ELSE 'debug_parallel_query' END, 'off', false);
END $$;

-- Workers do take part: the process that asks is held up, which leaves them most of the rows.
SET max_parallel_workers_per_gather = 2;
CREATE FUNCTION gather_reader(wanted text) RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS $$
BEGIN
  IF pg_backend_pid() = current_setting('gather.asks')::int THEN
    PERFORM pg_sleep(0.002);
    RETURN 1;
  END IF;
  IF wanted = 'an error' THEN
    RAISE EXCEPTION 'a worker has met an error';
  END IF;
  RETURN 2;
END $$;
SELECT set_config('gather.asks', pg_backend_pid()::text, false) = pg_backend_pid()::text AS set;
-- before 14 nobody but the process that asks reads
CREATE FUNCTION pg_temp.readers() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  found bigint;
BEGIN
  IF current_setting('server_version_num')::int < 140000 THEN
    RETURN 2;
  END IF;
  FOR try IN 1 .. 50 LOOP
    SELECT count(DISTINCT item) INTO found FROM item_similarity('SELECT id % 5, gather_reader(NULL) FROM gathered');
    EXIT WHEN found > 1;
  END LOOP;
  RETURN found;
END $$;
SELECT pg_temp.readers();
-- what goes wrong there is an error here, and the next call is as good as any
CREATE FUNCTION pg_temp.fails() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('server_version_num')::int < 140000 THEN
    RETURN 'a worker has met an error';
  END IF;
  FOR try IN 1 .. 50 LOOP
    PERFORM count(*) FROM item_similarity('SELECT id % 5, gather_reader(''an error'') FROM gathered');
  END LOOP;
  RETURN 'no error';
EXCEPTION WHEN raise_exception THEN
  RETURN sqlerrm;
END $$;
SELECT pg_temp.fails();
SELECT pg_temp.readers();
-- an error of the one who takes the rows
\set SHOW_CONTEXT never
SELECT count(*) FROM item_similarity('SELECT u, i, CASE WHEN id = 1500 THEN float8 ''Infinity'' ELSE 1 END FROM gathered');
\set SHOW_CONTEXT errors
SELECT pg_temp.readers();
-- of ids that are equal and not the same the first counts: one process reads them, and its only item has no neighbour
SELECT count(DISTINCT item) FROM item_similarity(NULL::numeric, 'SELECT id % 5, gather_reader(NULL)::numeric FROM gathered WHERE id <= 100');
-- statements without a plan
CREATE PROCEDURE gather_call(INOUT a int, INOUT b int) LANGUAGE plpgsql AS 'BEGIN a := 1; END';
PREPARE gather_statement AS SELECT u, i FROM gathered;
BEGIN;
DECLARE gather_cursor CURSOR FOR SELECT u, i FROM gathered;
\set VERBOSITY terse
SAVEPOINT before;
SELECT count(*) FROM cross_similarity(NULL::text, NULL::text, 'SHOW ALL');
ROLLBACK TO before;
SELECT count(*) FROM item_similarity('CALL gather_call(1, 2)');
ROLLBACK TO before;
SELECT count(*) FROM item_similarity('EXECUTE gather_statement');
ROLLBACK TO before;
SELECT count(*) FROM item_similarity('FETCH ALL FROM gather_cursor');
ROLLBACK;
\set VERBOSITY default
DROP PROCEDURE gather_call(int, int);
DEALLOCATE gather_statement;
-- rows are those that the caller may see, and that its transaction has made
BEGIN;
INSERT INTO gathered SELECT 4000 + g, g % 5, 1000 + g % 3 FROM generate_series(1, 100) g;
SELECT count(DISTINCT item) FROM item_similarity('SELECT u, i FROM gathered') WHERE item >= 1000;
ROLLBACK;
SELECT count(DISTINCT item) FROM item_similarity('SELECT u, i FROM gathered') WHERE item >= 1000;
-- a statement is cancelled while workers read
\set VERBOSITY terse
SET statement_timeout = '300ms';
SELECT count(*) FROM item_similarity('SELECT id % 5, gather_reader(NULL) FROM gathered, generate_series(1, 100000)');
RESET statement_timeout;
\set VERBOSITY default
SELECT pg_temp.readers();
DROP FUNCTION gather_reader(text);
DROP TABLE gathered;
