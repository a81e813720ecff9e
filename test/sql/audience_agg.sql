-- Aggregates of audiences: any order, any split, any size of memory.
CREATE SCHEMA test_audience_agg;
SET search_path = test_audience_agg, public;

CREATE TABLE visits AS
SELECT i % 7 AS segment, CASE WHEN i % 11 = 0 THEN NULL
         WHEN i % 7 = 1 THEN i::bigint
         WHEN i % 7 = 2 THEN hashint8extended(i, 1) % 100000
         WHEN i % 7 = 3 THEN hashint8extended(i, 2)
         WHEN i % 7 = 4 THEN i % 300
         WHEN i % 7 = 5 THEN (i % 3) * 4294967296 + i
         WHEN i % 7 = 6 THEN 5 END AS id
FROM generate_series(1, 60000) i;
CREATE TABLE serial AS
SELECT segment, audience(array_agg(id) FILTER (WHERE id IS NOT NULL)) AS a, count(DISTINCT id) AS n
FROM visits GROUP BY segment;
ANALYZE visits;

-- each group, in the order of rows, sorted and shuffled
SELECT segment, n, cardinality(a) FROM serial ORDER BY segment;
SELECT segment FROM serial JOIN (
  SELECT segment, audience_agg(id) AS a, audience_count_agg(id) AS n FROM visits GROUP BY segment) x USING (segment)
WHERE coalesce(serial.a, '{}') <> x.a OR serial.n <> x.n;
SELECT segment FROM serial JOIN (
  SELECT segment, audience_agg(id ORDER BY id) AS a, audience_agg(id ORDER BY hashint8(id)) AS b FROM visits GROUP BY segment) x USING (segment)
WHERE coalesce(serial.a, '{}') <> x.a OR x.a <> x.b;

-- with so little memory that the state is compressed again and again
SET work_mem = '64kB';
SELECT segment FROM serial JOIN (
  SELECT segment, audience_agg(id) AS a, audience_count_agg(id) AS n FROM visits GROUP BY segment) x USING (segment)
WHERE coalesce(serial.a, '{}') <> x.a OR serial.n <> x.n;
SELECT audience_agg(id) = (SELECT audience_union_agg(a) FROM serial), audience_count_agg(id) = count(DISTINCT id) FROM visits;
RESET work_mem;

-- no input, and only NULLs
SELECT audience_agg(id), audience_count_agg(id), audience_agg(NULL) FROM visits WHERE false;
SELECT audience_agg(NULL), audience_count_agg(NULL) FROM generate_series(1, 3);
SELECT audience_union_agg(a), audience_union_count_agg(a), audience_intersect_agg(a), audience_intersect_count_agg(a)
FROM serial WHERE false;
SELECT audience_union_agg(NULL), audience_union_count_agg(NULL), audience_intersect_agg(NULL), audience_intersect_count_agg(NULL)
FROM generate_series(1, 3);

-- unions and intersections, against operators
SELECT audience_union_agg(a), audience_union_count_agg(a), audience_intersect_agg(a), audience_intersect_count_agg(a)
FROM (VALUES ('{1-10,70000}'::audience), (NULL), ('{5-20,70000}'), ('{7,8,9,70000,-1}')) v(a);
CREATE TABLE crowds AS
SELECT i AS crowd, audience(array_agg(i % 5 * 1000 + abs(hashint8extended(i * 10000 + j, 3) % 150000))) AS a
FROM generate_series(1, 40) i, generate_series(1, 3000 + i * 100) j GROUP BY i;
DO $$
DECLARE
  every audience := '{}';
  common audience := '{0-200000}';
  c audience;
BEGIN
  FOR c IN SELECT a FROM crowds LOOP
    every := every | c;
    common := common & c;
  END LOOP;
  PERFORM FROM crowds HAVING audience_union_agg(a) = every AND audience_intersect_agg(a) = common
    AND audience_union_count_agg(a) = cardinality(every) AND audience_intersect_count_agg(a) = cardinality(common);
  IF NOT found THEN
    RAISE 'aggregates differ from operators';
  END IF;
END $$;

-- as window functions, where the state goes on after each result
SELECT i, audience_agg(i % 4) OVER w, audience_count_agg(i % 3) OVER w, audience_union_agg(audience(ARRAY[i, 10])) OVER w,
       audience_intersect_agg(audience(ARRAY[i, i + 1, 10])) OVER w
FROM generate_series(1, 6) i WINDOW w AS (ORDER BY i) ORDER BY i;
SELECT count(*) FILTER (WHERE n <> i OR cardinality(a) <> i) AS wrong
FROM (SELECT i, audience_count_agg(i * 1000003) OVER w AS n, audience_agg(i * 1000003) OVER w AS a
      FROM generate_series(1, 600) i WINDOW w AS (ORDER BY i)) x;

-- support functions, called by themselves and with nothing
SELECT audience_agg_step(NULL, NULL), audience_agg_step('{1}', NULL), audience_agg_step(NULL, -1), audience_agg_step('{1,3-900}', 2);
SELECT audience_union_step(NULL, NULL), audience_union_step('{1}', NULL), audience_union_step(NULL, '{2}'), audience_union_step('{1}', '{-1,2}');
SELECT audience_intersect_step(NULL, NULL), audience_intersect_step('{1}', NULL), audience_intersect_step(NULL, '{2}'), audience_intersect_step('{1-5}', '{3,7}');
SELECT audience_agg_final(NULL), audience_agg_final('{1,2}'), audience_agg_count(NULL), audience_agg_count('{1,2}');
SELECT segment FROM serial WHERE audience_union_step(a, a) <> a OR audience_agg_count(a) <> n;

-- aggregates of the user's own from them: no end, a start, a step in another language around them
CREATE AGGREGATE collected(bigint) (SFUNC = audience_agg_step, STYPE = audience, COMBINEFUNC = audience_union_step, PARALLEL = SAFE);
CREATE AGGREGATE collected_on(bigint) (SFUNC = audience_agg_step, STYPE = audience, INITCOND = '{5-7}');
CREATE FUNCTION wrapped_step(audience, bigint) RETURNS audience LANGUAGE plpgsql AS 'BEGIN RETURN audience_agg_step($1, $2); END';
CREATE AGGREGATE wrapped(bigint) (SFUNC = wrapped_step, STYPE = audience);
SELECT segment FROM serial JOIN (SELECT segment, collected(id) AS a, collected(id) FILTER (WHERE id > 0) AS b, collected(id + 1) AS c FROM visits GROUP BY segment) x USING (segment)
WHERE coalesce(serial.a, '{}') <> x.a OR x.b <> (SELECT audience_agg(id) FROM visits v WHERE v.segment = x.segment AND id > 0)
  OR x.c <> (SELECT audience_agg(id + 1) FROM visits v WHERE v.segment = x.segment);
SELECT i % 2 AS odd, collected(i), collected_on(i), wrapped(i) FROM generate_series(1, 6) i GROUP BY 1 ORDER BY 1;
SELECT i, collected(i) OVER w, collected_on(i) OVER w, wrapped(i) OVER w, audience_agg(i) OVER w FROM generate_series(1, 4) i WINDOW w AS (ORDER BY i) ORDER BY i;
SELECT audience_union_agg(a), collected(n) FROM (SELECT i % 3, collected(i) AS a, audience_count_agg(i) AS n FROM generate_series(1, 20) i GROUP BY 1) x;

-- parallel plans
ALTER TABLE visits SET (parallel_workers = 3);
ALTER TABLE crowds SET (parallel_workers = 2);
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 3;
CREATE FUNCTION plan_has(what text, query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
    IF line LIKE '%' || what || '%' THEN RETURN true; END IF;
  END LOOP;
  RETURN false;
END $$;
SELECT plan_has('Partial', 'SELECT segment, audience_agg(id) FROM visits GROUP BY segment') AS agg,
       plan_has('Partial', 'SELECT audience_union_agg(a), audience_intersect_agg(a) FROM crowds') AS unions;
CREATE TABLE parallel AS SELECT segment, audience_agg(id) AS a, audience_count_agg(id) AS n FROM visits GROUP BY segment;
SELECT count(*) FROM serial FULL JOIN parallel USING (segment)
WHERE coalesce(serial.a, '{}') IS DISTINCT FROM parallel.a OR serial.n IS DISTINCT FROM parallel.n;
SELECT audience_agg(id) = (SELECT audience_agg(id ORDER BY id) FROM visits) FROM visits;
SELECT audience_union_agg(a) = (SELECT audience_union_agg(a ORDER BY crowd) FROM crowds) AS same_union,
       audience_intersect_agg(a) = (SELECT audience_intersect_agg(a ORDER BY crowd) FROM crowds) AS same_intersection,
       audience_union_count_agg(a) = cardinality((SELECT audience_union_agg(a ORDER BY crowd) FROM crowds)) AS same_count
FROM crowds;
-- workers that see no row
SELECT audience_agg(id), audience_union_agg(audience(ARRAY[id])), audience_intersect_agg(audience(ARRAY[id]))
FROM visits WHERE id = 5 AND segment = 6;
SELECT audience_agg(id), audience_intersect_agg(audience(ARRAY[id])) FROM visits WHERE segment = 99;

-- partitions, aggregated one by one
CREATE TABLE parts (segment int, id bigint) PARTITION BY RANGE (id);
CREATE TABLE parts1 PARTITION OF parts FOR VALUES FROM (MINVALUE) TO (0);
CREATE TABLE parts2 PARTITION OF parts FOR VALUES FROM (0) TO (1000);
CREATE TABLE parts3 PARTITION OF parts FOR VALUES FROM (1000) TO (MAXVALUE);
INSERT INTO parts SELECT segment, id FROM visits WHERE id IS NOT NULL;
ANALYZE parts;
SET enable_partitionwise_aggregate = on;
SET max_parallel_workers_per_gather = 0;
SELECT plan_has('Partial', 'SELECT segment, audience_agg(id) FROM parts GROUP BY segment');
SELECT count(*) FROM serial JOIN (SELECT segment, audience_agg(id) AS a FROM parts GROUP BY segment) p USING (segment)
WHERE serial.a <> p.a;

SET client_min_messages = warning;
DROP SCHEMA test_audience_agg CASCADE;
