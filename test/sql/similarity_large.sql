-- Many items: rows that touch few of them are added up in a small table, others in the large one.
SET client_min_messages = warning;
-- not random(), which is another one before 15
CREATE FUNCTION pg_temp.u(key bigint, k int) RETURNS float8 LANGUAGE sql IMMUTABLE AS
  $$SELECT ((hashint8extended(key, k) >> 11) & 9007199254740991) / 9007199254740992.0::float8$$;
CREATE TABLE sl_rows AS
SELECT u, (power(pg_temp.u(u * 60 + g, 1), 4) * 70000)::int AS i, 1 + (pg_temp.u(u * 60 + g, 2) * 2)::int AS w
FROM generate_series(1, 80) u, generate_series(1, 60) g;
-- so that their accumulators are large
INSERT INTO sl_rows SELECT 80 + i, i, 1 FROM generate_series(0, 70000) i;
CREATE TABLE sl_x AS SELECT u, i, sum(w)::float8 AS x FROM sl_rows GROUP BY u, i;
ANALYZE sl_x;
CREATE TABLE sl_pairs AS
SELECT a.i AS item, b.i AS neighbour, count(*) AS together, sum(a.x * b.x) AS dot
FROM sl_x a JOIN sl_x b ON a.u = b.u AND a.i <> b.i GROUP BY 1, 2;
ANALYZE sl_pairs;
CREATE TABLE sl_items AS SELECT i, count(*)::float8 AS n, sum(x * x) AS g FROM sl_x GROUP BY i;
ANALYZE sl_items;
-- additions of a row: both kinds are there
SELECT count(*) FILTER (WHERE steps <= 4096) > 1000 AS small, count(*) FILTER (WHERE steps > 4096) > 10 AS large
FROM (SELECT i, sum(n) AS steps FROM sl_x JOIN (SELECT u, count(*) AS n FROM sl_x GROUP BY u) q USING (u) GROUP BY i) s;
CREATE FUNCTION sl_check(query text, measure text, score text, OUT pairs bigint, OUT differ bigint, OUT one bigint)
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('SELECT count(*), count(*) FILTER (WHERE r.item IS NULL OR p.item IS NULL OR r.together <> p.together
      OR abs(r.score - p.score) > 1e-8 * r.score)
    FROM item_similarity(%L, n => 10000, measure => %L) r
    FULL JOIN (SELECT p.*, %s AS score FROM sl_pairs p JOIN sl_items a ON a.i = p.item JOIN sl_items b ON b.i = p.neighbour) p
    USING (item, neighbour)', query, measure, score) INTO pairs, differ;
  -- the very best, ties by the neighbour
  EXECUTE format('SELECT count(*) FROM (SELECT item, neighbour FROM item_similarity(%L, n => 1, measure => %L)
    EXCEPT SELECT * FROM (SELECT DISTINCT ON (item) item, neighbour FROM item_similarity(%L, n => 10000, measure => %L)
      ORDER BY item, score DESC, neighbour) b) q', query, measure, query, measure) INTO one;
END $$;
SELECT * FROM sl_check('SELECT u, i FROM sl_x', 'cosine', 'p.together / sqrt(a.n * b.n)');
SELECT * FROM sl_check('SELECT u, i FROM sl_x', 'jaccard', 'p.together / (a.n + b.n - p.together)');
SELECT * FROM sl_check('SELECT u, i, w FROM sl_rows ORDER BY md5((u, i)::text)', 'cosine', 'p.dot / sqrt(a.g * b.g)');
DROP FUNCTION sl_check;
DROP TABLE sl_rows, sl_x, sl_pairs, sl_items;

-- what an error says is enough memory is enough: for a user with many rows of few items, for many rows that all differ, with weights
CREATE FUNCTION sl_enough(call text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE message text; hint text; memory text := '1MB';
BEGIN
  FOR attempt IN 1..3 LOOP
    PERFORM set_config('maintenance_work_mem', memory, true);
    BEGIN
      EXECUTE 'SELECT count(*) FROM ' || call;
      RETURN NEXT 'enough';
      EXIT;
    EXCEPTION WHEN program_limit_exceeded THEN
      GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
      RETURN NEXT message;
      memory := replace(substring(hint FROM '^Set maintenance_work_mem to at least (\d+ MB)\.$'), ' ', '');
    END;
  END LOOP;
END $$;
SELECT * FROM sl_enough($$item_similarity('SELECT 1, g % 7 FROM generate_series(1, 200000) g')$$);
SELECT * FROM sl_enough($$item_similarity('SELECT g % 3000, g / 3000, 1.5 FROM generate_series(1, 300000) g')$$);
SELECT * FROM sl_enough($$cross_similarity('SELECT g % 3 * (g % 1000), g % 97, g % 89 FROM generate_series(1, 200000) g')$$);
RESET maintenance_work_mem;
DROP FUNCTION sl_enough;
