-- Numbers over ids, in bit slices.
CREATE SCHEMA test_audience_measure;
SET search_path = test_audience_measure, public;

-- text form
SELECT m::audience_measure FROM (VALUES ('{}'), ('{7:500,9:-3}'), (' { 9 : -3 , 7 : 0 } '), ('{1:-1}'), ('{1:0}'),
  ('{-9223372036854775808:9223372036854775807,9223372036854775807:-9223372036854775808,0:1}')) v(m);
CREATE FUNCTION failure(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE query;
  RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
  RETURN concat_ws(' | ', SQLSTATE, SQLERRM);
END $$;
\pset format unaligned
\pset tuples_only on
SELECT failure(format('SELECT %L::audience_measure', m)) FROM (VALUES (''), ('{'), ('{1}'), ('{1:}'), ('{1:2'), ('{1:2,}'), ('{1:2}}'),
  ('{:2}'), ('{a:1}'), ('{1:2:3}'), ('{1:2,1:2}'), ('{1:9223372036854775808}'), ('{9223372036854775808:1}')) v(m);
\pset format aligned
\pset tuples_only off

-- values of each size and sign, each id several times
CREATE TABLE spend AS
SELECT id, CASE kind WHEN 0 THEN 0 WHEN 1 THEN h % 100 WHEN 2 THEN h % 1000000 WHEN 3 THEN h / 1000 ELSE -(id % 7) END AS amount, kind
FROM (SELECT CASE WHEN i % 10 < 8 THEN i % 3000 WHEN i % 10 = 8 THEN -i ELSE i * 4294967296 END AS id,
             i % 5 AS kind, hashint8extended(i, 1) AS h FROM generate_series(1, 12000) i) x;
INSERT INTO spend VALUES (1, NULL, 0), (NULL, 1, 0), (987654321, NULL, 0);
INSERT INTO spend VALUES (20000000, 9223372036854775807, 9), (20000001, '-9223372036854775808', 9), (20000002, 9223372036854775807, 9),
  (20000002, '-9223372036854775808', 9), (20000003, 5, 9), (20000003, -5, 9);
CREATE TABLE totals AS
SELECT id, sum(amount)::bigint AS value FROM spend WHERE id IS NOT NULL AND amount IS NOT NULL GROUP BY id;
CREATE TABLE m AS SELECT audience_measure_agg(id, amount) AS m FROM spend;
SELECT cardinality(m), cardinality(m) = (SELECT count(*) FROM totals) AS same FROM m;
SELECT count(*) FROM m, audience_measure_members(m) x FULL JOIN totals t USING (id, value) WHERE x.id IS NULL OR t.id IS NULL;
SELECT audience_measure_ids(m) = (SELECT audience_agg(id) FROM totals) AS ids, m::text::audience_measure::text = m::text AS text FROM m;
SELECT count(*) FROM m, totals WHERE id % 50 = 0 AND audience_measure_value(m, id) IS DISTINCT FROM value;
SELECT audience_measure_value(m, 987654321), audience_measure_value(m, 20000001) FROM m;

-- the state is compressed again and again, is combined, and comes out of a parallel plan: the same bytes
CREATE FUNCTION same(a audience_measure, b audience_measure) RETURNS boolean LANGUAGE sql AS 'SELECT audience_measure_send(a) = audience_measure_send(b)';
SET work_mem = '64kB';
SELECT same(m, (SELECT audience_measure_agg(id, amount) FROM spend)) FROM m;
SELECT same(m, (SELECT audience_measure_agg(id, amount ORDER BY hashint8(id), amount) FROM spend)) FROM m;
RESET work_mem;
ALTER TABLE spend SET (parallel_workers = 3);
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS off) SELECT audience_measure_agg(id, amount) FROM spend;
CREATE TABLE parallel AS SELECT audience_measure_agg(id, amount) AS m FROM spend;
SELECT same(m.m, parallel.m) FROM m, parallel;
SELECT kind, same(a, b) FROM (SELECT kind, audience_measure_agg(id, amount) AS a FROM spend GROUP BY kind) x
JOIN (SELECT kind, audience_measure_agg(id, amount ORDER BY amount) AS b FROM spend GROUP BY kind) y USING (kind) ORDER BY kind;
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size;
SELECT audience_measure_agg(id, amount) FROM spend WHERE false;
SELECT i, audience_measure_agg(i % 2, i) OVER (ORDER BY i) FROM generate_series(1, 4) i;

-- crowds
CREATE TABLE crowds (name text, a audience);
INSERT INTO crowds VALUES ('all', NULL), ('none', '{}'), ('unknown', '{5000000-5000010}'), ('some', '{1-500,20000000-20000003}'), ('negative', '{-99999--1}'),
  ('one', '{77}'), ('without extremes', '{-100000-100000}');
INSERT INTO crowds SELECT 'values < 0', audience_agg(id) FROM totals WHERE value < 0;
INSERT INTO crowds SELECT 'values = 0', audience_agg(id) FROM totals WHERE value = 0;
CREATE VIEW asked AS SELECT c.name, c.a, t.id, t.value FROM crowds c LEFT JOIN totals t ON c.a IS NULL OR t.id <@ c.a;
SELECT name, audience_measure_min(m, a), audience_measure_max(m, a), audience_measure_sum(m, a), round(audience_measure_mean(m, a), 3) AS mean
FROM m, crowds ORDER BY name COLLATE "C";
SELECT c.name FROM m, crowds c, LATERAL (SELECT min(value), max(value), sum(value), avg(value) FROM asked WHERE asked.name = c.name) x
WHERE (audience_measure_min(m, a), audience_measure_max(m, a), audience_measure_sum(m, a), audience_measure_mean(m, a))
      IS DISTINCT FROM (x.min, x.max, x.sum, x.avg) AND abs(audience_measure_mean(m, a) - avg) > 1e-9 * abs(avg);

-- ranges, against rows
CREATE TABLE bounds AS SELECT unnest(ARRAY[NULL, '-9223372036854775808', '-9223372036854775807', -1000000, -7, -2, -1, 0, 1, 2, 63, 64, 65, 999999,
  9223372036854775806, 9223372036854775807])::bigint AS b;
SELECT c.name, l.b, h.b FROM m, crowds c, bounds l, bounds h
WHERE coalesce(l.b, '-9223372036854775808') <= coalesce(h.b, 9223372036854775807) AND c.name IN ('all', 'some', 'values < 0')
  AND audience_measure_between(m, l.b, h.b, c.a) <>
      (SELECT audience_agg(id) FROM asked WHERE asked.name = c.name AND value >= coalesce(l.b, value) AND value <= coalesce(h.b, value));
SELECT b FROM m, bounds
WHERE (m > b) <> (SELECT audience_agg(id) FROM totals WHERE value > b) OR (m >= b) <> (SELECT audience_agg(id) FROM totals WHERE value >= b)
   OR (m < b) <> (SELECT audience_agg(id) FROM totals WHERE value < b) OR (m <= b) <> (SELECT audience_agg(id) FROM totals WHERE value <= b)
   OR (m = b) <> (SELECT audience_agg(id) FROM totals WHERE value = b);
SELECT audience_measure_between('{1:5,2:7}', 6, 3), '{1:5,2:7,3:-1}'::audience_measure > 4 AS over, '{1:5,2:7}'::audience_measure = 9 AS none;

-- the largest, ties by id
SELECT c.name, n FROM m, crowds c, unnest(ARRAY[0, 1, 2, 10, 500, 100000]) n
WHERE ARRAY(SELECT ROW(t.id, t.value)::text FROM audience_measure_top(m, n, a) t) <>
      ARRAY(SELECT ROW(id, value)::text FROM asked WHERE asked.name = c.name AND id IS NOT NULL ORDER BY value DESC, id LIMIT n);
SELECT * FROM audience_measure_top('{5:1,4:7,-3:7,2:-1,1:-2,0:0}', 4);
SELECT * FROM audience_measure_top('{5:1,4:7,-3:7,2:-1,1:-2,0:0}', 2, '{0-2}');
SELECT * FROM audience_measure_members('{5:1,4:7,-3:7,2:-1}', '{-5-4}');

-- sums that leave bigint
\set VERBOSITY sqlstate
SELECT audience_measure_agg(1, v) FROM (VALUES (9223372036854775807), (1)) x(v);
SELECT audience_measure_agg(1, v) FROM (VALUES ('-9223372036854775808'::bigint), (-1)) x(v);
SELECT audience_measure_top('{1:1}', -1);
SELECT audience_measure_top('{1:1}', NULL);
\set VERBOSITY default

-- binary form, there and back
CREATE TEMP TABLE copied (LIKE m);
\set copyfile `echo "/tmp/recsys_measure_$$.bin"`
COPY m TO :'copyfile' (FORMAT binary);
COPY copied FROM :'copyfile' (FORMAT binary);
\setenv COPYFILE :copyfile
\! rm -f "$COPYFILE"
SELECT same(m.m, copied.m) FROM m, copied;

SET client_min_messages = warning;
DROP SCHEMA test_audience_measure CASCADE;
