-- Functions in FROM whose rows are read one by one: the same rows as when they
-- are stored, whatever a plan does with them.
SET client_min_messages = warning;

CREATE TABLE bought AS
SELECT (g * 7919::bigint) % 997 AS u, (g * g) % 211 AS i, 'ü' || (g * g) % 211 AS name
FROM generate_series(1, 20000) g;
CREATE TABLE stored AS SELECT item, neighbour, score, together FROM item_similarity('SELECT u, i FROM bought', 20) WITH ORDINALITY;
SELECT count(*) > 2000 AS many FROM stored;

-- what a plan reads by itself, and what it stores
CREATE FUNCTION plan_of(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF, VERBOSE) ' || statement LOOP
		RETURN NEXT line;
	END LOOP;
END $$;
CREATE FUNCTION scan_of(statement text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(substring(l FROM 'Custom Scan|Function Scan'), ', ') FROM plan_of(statement) l
	WHERE l ~ 'Custom Scan|Function Scan on .*(item|similarity|rules)'
$$;
SELECT left(plan_of($$SELECT item, score + 1 FROM item_similarity('SELECT u, i FROM bought') s WHERE together > 3$$), 70);
SELECT s AS statement, scan_of(s) FROM unnest(ARRAY[
	$$SELECT count(*) FROM item_similarity('SELECT u, i FROM bought')$$,
	$$SELECT * FROM item_similarity('SELECT u, i FROM bought') s JOIN bought b ON b.i = s.item$$,
	$$SELECT * FROM (SELECT * FROM item_similarity('SELECT u, i FROM bought') LIMIT 3) s$$,
	$$WITH s AS MATERIALIZED (SELECT * FROM item_similarity('SELECT u, i FROM bought')) SELECT * FROM s$$,
	$$SELECT * FROM item_similarity(NULL::text, 'SELECT u, name FROM bought')$$,
	$$SELECT * FROM cross_similarity('SELECT u, i, i FROM bought')$$,
	$$SELECT * FROM tag_similarity('SELECT i, tagset(ARRAY[name]) FROM bought')$$,
	$$SELECT * FROM association_rules('SELECT u, i FROM bought')$$,
	$$SELECT * FROM frequent_itemsets(NULL::text, 'SELECT u, name FROM bought')$$,
	$$INSERT INTO stored SELECT * FROM item_similarity('SELECT u, i FROM bought')$$,
	-- a whole row
	$$SELECT s FROM item_similarity('SELECT u, i FROM bought') s$$,
	$$SELECT 1 FROM item_similarity('SELECT u, i FROM bought') s WHERE s IS NOT NULL$$,
	-- numbered, or beside others
	$$SELECT * FROM item_similarity('SELECT u, i FROM bought') WITH ORDINALITY$$,
	$$SELECT * FROM ROWS FROM (item_similarity('SELECT u, i FROM bought'), generate_series(1, 2))$$,
	-- rows are looked at again where they were changed meanwhile
	$$SELECT * FROM bought b JOIN item_similarity('SELECT u, i FROM bought') s ON b.i = s.item FOR UPDATE OF b$$,
	$$UPDATE bought SET u = 1 FROM item_similarity('SELECT u, i FROM bought') s WHERE i = s.item$$,
	$$DELETE FROM bought USING item_similarity('SELECT u, i FROM bought') s WHERE i = s.item$$,
	-- arguments that would be others when rows are made again
	$$SELECT * FROM item_similarity('SELECT u, i FROM bought', (random() * 10)::int)$$,
	-- another query for each row
	$$SELECT * FROM generate_series(1, 2) g, item_similarity('SELECT u, i FROM bought WHERE i <> ' || g)$$
]) s;
SELECT l FROM plan_of($$SELECT (SELECT max(score) FROM item_similarity('SELECT u, i FROM bought') s WHERE s.item = b.i) FROM bought b$$) l WHERE l ~ 'Stored';
-- something is to be done around each call
BEGIN;
ALTER FUNCTION item_similarity(text, integer, text, double precision, double precision, double precision, double precision, bigint, double precision, double precision, double precision, text, text, text, bigint, bigint, interval, timestamptz, boolean)
	SET work_mem = '1MB';
SELECT scan_of($$SELECT * FROM item_similarity('SELECT u, i FROM bought')$$);
SELECT count(*) = (SELECT count(*) FROM stored) AS same FROM item_similarity('SELECT u, i FROM bought', 20);
ROLLBACK;

-- the same rows in the same order
CREATE FUNCTION digest(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE 'SELECT md5(string_agg(r, E''\n'')) FROM (SELECT format(''%s %s %s %s'', item, neighbour, score, together) AS r FROM ' || statement || ') s' INTO result;
	RETURN result;
END $$;
CREATE FUNCTION count_digest(statement text, OUT rows bigint, OUT digest text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'SELECT count(*), md5(string_agg(r, E''\n'')) FROM (SELECT (to_jsonb(s.*) - ''ordinality'')::text AS r FROM (SELECT * FROM ' || statement || ' c OFFSET 0) s) s' INTO rows, digest;
END $$;
SELECT call, digest(call) IS NOT DISTINCT FROM digest(call || ' WITH ORDINALITY') AS same
FROM unnest(ARRAY[
	$$item_similarity('SELECT u, i FROM bought', 20)$$,
	$$item_similarity('SELECT u, i FROM bought WHERE false')$$,
	$$item_similarity(NULL::text, 'SELECT u, name FROM bought', 20)$$,
	$$item_similarity(NULL::numeric, 'SELECT u, i::numeric FROM bought', 20)$$,
	$$item_similarity('SELECT u, i FROM bought', 20, prune => 'neighbour')$$,
	$$item_similarity('SELECT u, i, u - 100.5 FROM bought', 20, normalization => 'neighbour')$$,
	$$cross_similarity(NULL::text, NULL::bigint, 'SELECT u, name, i FROM bought', 20)$$,
	$$tag_similarity('SELECT i, tagset(array_agg(''t'' || u)) FROM bought GROUP BY i', 20)$$
]) call;

SELECT call, rows = stored AS same, rows > 100 AS many
FROM unnest(ARRAY[
	$$association_rules('SELECT u, i FROM bought WHERE u < 300', min_count => 20, max_length => 3)$$,
	$$association_rules(NULL::text, 'SELECT u, name FROM bought WHERE u < 300', min_count => 20, max_length => 3)$$,
	$$frequent_itemsets('SELECT u, i FROM bought WHERE u < 300', min_count => 20, max_length => 3)$$,
	$$frequent_itemsets(NULL::text, 'SELECT u, name FROM bought WHERE u < 300', min_count => 20, max_length => 3)$$
]) call, count_digest(call) AS c(rows, digest), count_digest(call || ' WITH ORDINALITY') AS t(stored, stored_digest)
WHERE digest = stored_digest;

-- as few as wanted
SELECT * FROM item_similarity('SELECT u, i FROM bought', 20) LIMIT 0;
SELECT count(*) FROM (SELECT * FROM item_similarity('SELECT u, i FROM bought', 20) LIMIT 7) s;
SELECT (SELECT score FROM item_similarity('SELECT u, i FROM bought', 20) LIMIT 1) = (SELECT score FROM stored LIMIT 1) AS first;

-- nothing is written to disk
SET work_mem = '64kB';
SET temp_file_limit = '64kB';
SELECT count(*) = (SELECT count(*) FROM stored) AS all FROM item_similarity('SELECT u, i FROM bought', 20);
CREATE TABLE copied AS SELECT * FROM item_similarity('SELECT u, i FROM bought', 20);
INSERT INTO copied SELECT * FROM item_similarity('SELECT u, i FROM bought', 20);
WITH i AS (INSERT INTO copied SELECT * FROM item_similarity('SELECT u, i FROM bought', 20) RETURNING 1) SELECT count(*) > 2000 AS many FROM i;
DROP TABLE copied;
-- what a condition depends on is no reason to go back
SELECT count(*) > 2000 AS many FROM item_similarity('SELECT u, i FROM bought', 20) WHERE together > (SELECT 0);
DO $$
BEGIN
	PERFORM count(*) FROM item_similarity('SELECT u, i FROM bought', 20) WITH ORDINALITY;
EXCEPTION WHEN configuration_limit_exceeded THEN
	RAISE WARNING 'where they are stored they are';
END $$;
RESET temp_file_limit;
RESET work_mem;

-- rows are there again, whatever makes a plan go back
CREATE TABLE wanted AS SELECT g * 10 AS item, g AS n FROM generate_series(0, 5) g;
CREATE FUNCTION again(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	found text;
	expected text;
BEGIN
	EXECUTE format('SELECT string_agg(s::text, E''\n'' ORDER BY s::text) FROM (%s) s', format(statement, $f$item_similarity('SELECT u, i FROM bought', 20)$f$)) INTO found;
	EXECUTE format('SELECT string_agg(s::text, E''\n'' ORDER BY s::text) FROM (%s) s', format(statement, 'stored')) INTO expected;
	IF found IS DISTINCT FROM expected OR found IS NULL THEN
		RETURN NEXT format('not the same: %s', statement);
	END IF;
END $$;
CREATE TABLE going_back AS SELECT unnest(ARRAY[
	-- for each row of another: below the subquery, above it, within a join
	$$SELECT w.item, (SELECT max(score) FROM %s s WHERE s.item = w.item) FROM wanted w$$,
	$$SELECT w.item, (SELECT count(*) + w.n FROM %s s) FROM wanted w$$,
	$$SELECT w.item, (SELECT max(score) FROM (SELECT * FROM %s OFFSET 3) s WHERE s.item = w.item) FROM wanted w$$,
	$$SELECT w.item, x.score FROM wanted w, LATERAL (SELECT score FROM %s s WHERE s.item = w.item ORDER BY score DESC, neighbour LIMIT 2) x$$,
	$$SELECT w.item, x.* FROM wanted w, LATERAL (SELECT score + w.n AS score FROM %s s ORDER BY item, neighbour LIMIT 2) x$$,
	$$SELECT w.item, x.* FROM wanted w, LATERAL (SELECT count(*), w.n AS m FROM %s s HAVING count(*) > w.n) x$$,
	$$SELECT w.item, s.score FROM wanted w JOIN %s s ON s.item > w.item AND s.neighbour < w.n$$,
	$$SELECT w.item, v.item AS other, s.score FROM wanted w JOIN wanted v ON v.n > w.n JOIN %s s ON s.item = w.item AND mod(s.neighbour, 6) = v.n$$,
	$$SELECT w.item, s.score FROM wanted w LEFT JOIN (SELECT * FROM %s LIMIT 500) s ON s.item = w.item AND s.neighbour > w.n$$,
	$$SELECT * FROM wanted w WHERE NOT EXISTS (SELECT FROM %s s WHERE s.item = w.item AND s.score > w.n / 10.0)$$,
	$$SELECT * FROM wanted w WHERE w.item IN (SELECT neighbour FROM %s s)$$,
	$$WITH s AS MATERIALIZED (SELECT * FROM %s) SELECT a.item, b.score FROM s a JOIN s b ON a.neighbour = b.item WHERE a.item < 5$$
]) AS statement;
SELECT again(statement) FROM going_back;
SET enable_material = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT again(statement) FROM going_back;
SELECT set_config(name, 'off', false) FROM pg_settings WHERE name IN ('enable_memoize', 'enable_hashagg') \g /dev/null
SELECT again(statement) FROM going_back;
SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('enable_memoize', 'enable_hashagg') \g /dev/null
RESET enable_material;
RESET enable_hashjoin;
SELECT again(statement) FROM going_back;
RESET enable_mergejoin;
SET enable_nestloop = off;
SELECT again(statement) FROM going_back;
RESET enable_nestloop;

-- the query runs once, and what it returned stays
CREATE FUNCTION runs() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RAISE WARNING 'the query runs';
	RETURN 0;
END $$;
SET enable_material = off;
SELECT w.item, x.* FROM wanted w, LATERAL (SELECT count(*), w.n FROM item_similarity('SELECT u, i + runs FROM bought, (SELECT runs()) r', 1) s HAVING count(*) > w.n) x LIMIT 3;
WITH RECURSIVE r(item, n) AS (
	VALUES (0::bigint, 0)
	UNION ALL
	SELECT s.neighbour, n + 1 FROM r, item_similarity('SELECT u, i + runs FROM bought, (SELECT runs()) r', 1) s WHERE s.item = r.item AND n < 3)
SELECT * FROM r;
RESET enable_material;
-- arguments that change, or are not known yet
PREPARE neighbours(text, int) AS SELECT count(*) FROM item_similarity($1, $2);
SET plan_cache_mode = force_generic_plan;
EXECUTE neighbours('SELECT u, i FROM bought', 1);
EXECUTE neighbours('SELECT u, i FROM bought WHERE i < 100', 2);
EXECUTE neighbours(NULL, 2);
RESET plan_cache_mode;
SELECT g, (SELECT count(*) FROM item_similarity('SELECT u, i FROM bought', g)) FROM generate_series(1, 3) g;
SELECT g, (SELECT count(*) FROM item_similarity('SELECT u, i FROM bought', (SELECT max(v) FROM generate_series(1, g) v))) FROM generate_series(1, 3) g;
SELECT count(*) FROM item_similarity((SELECT 'SELECT u, i FROM bought'), 1);

-- cursors: several at a time, others in between, left where they are
BEGIN;
DECLARE a CURSOR FOR SELECT item, neighbour, together FROM item_similarity('SELECT u, i FROM bought', 20);
DECLARE b CURSOR FOR SELECT item, neighbour FROM item_similarity(NULL::text, 'SELECT u, name FROM bought', 2);
FETCH 2 FROM a;
FETCH 2 FROM b;
SELECT count(*) = (SELECT count(*) FROM stored) AS all FROM item_similarity('SELECT u, i FROM bought', 20);
FETCH 2 FROM a;
FETCH 2 FROM b;
CLOSE a;
FETCH 1 FROM b;
SAVEPOINT s;
DECLARE c CURSOR FOR SELECT item FROM item_similarity('SELECT u, i FROM bought', 20);
FETCH 1 FROM c;
ROLLBACK TO s;
FETCH 1 FROM b;
-- stays when the transaction ends
DECLARE h CURSOR WITH HOLD FOR SELECT item, neighbour FROM item_similarity('SELECT u, i FROM bought', 1);
FETCH 1 FROM h;
COMMIT;
FETCH 1 FROM h;
CLOSE h;
BEGIN;
DECLARE s SCROLL CURSOR FOR SELECT item, neighbour FROM item_similarity('SELECT u, i FROM bought', 1);
FETCH 2 FROM s;
FETCH BACKWARD 1 FROM s;
DECLARE f NO SCROLL CURSOR FOR SELECT item, neighbour FROM item_similarity('SELECT u, i FROM bought', 1);
FETCH 2 FROM f;
FETCH BACKWARD 1 FROM f;
ROLLBACK;
DO $$
DECLARE
	row record;
	seen int := 0;
BEGIN
	FOR row IN SELECT * FROM item_similarity('SELECT u, i FROM bought', 20) LOOP
		seen := seen + 1;
		BEGIN
			IF seen = 5 THEN
				RAISE division_by_zero;
			END IF;
		EXCEPTION WHEN division_by_zero THEN
			seen := seen + 100;
		END;
		EXIT WHEN seen > 110;
	END LOOP;
	RAISE WARNING '% rows', seen;
END $$;

-- errors at any time
SELECT count(*) FROM item_similarity('SELECT u, 1 / 0 FROM bought');
SELECT count(1 / (item - 5)) FROM item_similarity('SELECT u, i FROM bought');
SELECT count(*) FROM item_similarity(NULL);
SELECT count(*) FROM item_similarity('SELECT u, i FROM bought', -1);
CREATE ROLE regress_stream;
GRANT SELECT ON bought TO regress_stream;
BEGIN;
REVOKE EXECUTE ON FUNCTION item_similarity(text, integer, text, double precision, double precision, double precision, double precision, bigint, double precision, double precision, double precision, text, text, text, bigint, bigint, interval, timestamptz, boolean) FROM public;
SET LOCAL ROLE regress_stream;
SELECT count(*) FROM item_similarity('SELECT u, i FROM bought');
ROLLBACK;

-- who may not see a row cannot have it shown by a function
CREATE FUNCTION leak(bigint) RETURNS bool COST 0.0001 LANGUAGE plpgsql AS $$
BEGIN
	RAISE WARNING 'leaked %', $1;
	RETURN true;
END $$;
CREATE VIEW some_neighbours WITH (security_barrier) AS
SELECT * FROM item_similarity('SELECT u, i FROM bought', 1) WHERE item = 4;
SELECT count(*) FROM some_neighbours WHERE leak(item);

-- scans with workers that end early, or go on in turns
SET max_parallel_maintenance_workers = 2;
CREATE TABLE large AS SELECT (g * 7919::bigint) % 5003 AS u, (g * g) % 5009 AS i FROM generate_series(1, 300000::bigint) g;
SELECT count(*) FROM (SELECT * FROM item_similarity('SELECT u, i FROM large', 10) LIMIT 5) s;
BEGIN;
DECLARE a CURSOR FOR SELECT * FROM item_similarity('SELECT u, i FROM large', 10);
DECLARE b CURSOR FOR SELECT * FROM item_similarity('SELECT u, i FROM large', 10);
MOVE 1000 FROM a;
MOVE 500 FROM b;
MOVE 500 FROM b;
DO $$
DECLARE
	a CONSTANT refcursor := 'a';
	b CONSTANT refcursor := 'b';
	x record;
	y record;
BEGIN
	FOR g IN 1..1000 LOOP
		FETCH a INTO x;
		FETCH b INTO y;
		IF x IS DISTINCT FROM y OR x IS NULL THEN
			RAISE WARNING 'not the same: % %', x, y;
		END IF;
	END LOOP;
END $$;
CLOSE b;
MOVE ALL FROM a;
COMMIT;
-- an error in between
DO $$
BEGIN
	PERFORM 1 / (item - 4000) FROM item_similarity('SELECT u, i FROM large', 10);
EXCEPTION WHEN division_by_zero THEN
	RAISE WARNING 'caught';
END $$;
SET statement_timeout = '300ms';
SELECT count(pg_sleep(0.01)) FROM item_similarity('SELECT u, i FROM large', 10);
RESET statement_timeout;
RESET max_parallel_maintenance_workers;

-- a plan goes with its function
PREPARE gone AS SELECT count(*) FROM item_similarity('SELECT u, i FROM bought', 1);
EXECUTE gone;
BEGIN;
DROP VIEW some_neighbours;
DROP EXTENSION recsys CASCADE;
EXECUTE gone;
ROLLBACK;
EXECUTE gone;

DROP VIEW some_neighbours;
DROP TABLE bought, stored, wanted, going_back, large CASCADE;
DROP FUNCTION plan_of, scan_of, digest, count_digest, again, leak, runs;
DROP OWNED BY regress_stream;
DROP ROLE regress_stream;
