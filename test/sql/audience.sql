-- The type audience: text and binary form, algebra, comparison, single ids.

CREATE SCHEMA test_audience;
SET search_path = test_audience, public;

-- text form
SELECT a::audience FROM (VALUES
  ('{}'), ('{1}'), (' { 12, 5,1,7-11 ,5} '), ('{7,8}'), ('{7,8,9}'), ('{-5--3,0,2-2}'),
  ('{-1,0,1}'), ('{65535-65536}'), ('{65530-131080}'),
  ('{-9223372036854775808,9223372036854775807}'),
  ('{9223372036854775800-9223372036854775807,-9223372036854775808--9223372036854775800}'),
  ('{1-10,5-20,21,3-4}')) v(a);
CREATE FUNCTION failure(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  detail text;
  hint text;
BEGIN
  EXECUTE query;
  RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN concat_ws(' | ', SQLSTATE, SQLERRM, NULLIF(detail, ''), NULLIF(hint, ''));
END $$;
\pset format unaligned
\pset tuples_only on
SELECT failure(format('SELECT %L::audience', a)) FROM (VALUES
  (''), ('1'), ('{'), ('{1'), ('{1,}'), ('{1 2}'), ('{1-}'), ('{5-3}'), ('{x}'), ('{1}x'), ('{--1}'), ('{+1}'),
  ('{9223372036854775808}'), ('{-9223372036854775809}'), ('{1-99999999999999999999}'),
  ('{0-9223372036854775807}')) v(a);
SELECT failure('SELECT ARRAY[1,NULL]::bigint[]::audience');
SELECT failure('SELECT ''{0-10000000000}''::audience::bigint[]');
-- foreign bytes: other forms of the same set are taken, what is no set is not
SELECT audience_import(portable::bytea) FROM (VALUES ('\x0000000000000000'),
  ('\x0100000000000000000000003a30000000000000'),                                                     -- an empty 32-bit set
  ('\x0100000000000000000000003a30000001000000000002001000000001000200' || '0300'),                   -- 1, 2, 3 as an array
  ('\x0100000000000000000000003b3000000100000400' || '0200' || '01000200' || '04000100')) v(portable); -- 1-3, 4-5 as two runs that touch
SELECT failure(format('SELECT audience_import(%L)', portable)) FROM (VALUES ('\x'), ('\x01'), ('\x0100000000000000'), ('\x0100000000000000000000003a300000'),
  ('\x0100000000000000000000003c30000000000000'),
  ('\x0100000000000000000000003a30000001000000000002001000000001000200'),
  ('\x0100000000000000000000003a3000000100000000000200100000000100020003000000'),
  ('\x0100000000000000000000003a300000010000000000020010000000010003000200'),
  ('\x0100000000000000000000003a300000010000000000020011000000010002000300'),
  ('\x0100000000000000000000003a300000ffffffff'),
  ('\x0100000000000000000000003b3000000100000400' || '0200' || '01000200' || '03000100'),
  ('\x0100000000000000000000003b3000000100000500' || '0200' || '01000200' || '04000100'),
  ('\x0100000000000000000000003b3000000100000100' || '0100' || 'ffff0100'),
  ('\x0200000000000000010000003a30000000000000' || '010000003a30000000000000')) v(portable);
SELECT failure($$SELECT audience_import(set_byte(audience_export(audience(ARRAY(SELECT 2 * generate_series(1, 5000)))), 100, 1))$$);
\pset format aligned
\pset tuples_only off

-- arrays
SELECT audience(ARRAY[3,1,2,3]), ARRAY[[5,1],[-7,5]]::bigint[]::audience, audience('{}'::int[]),
       '{-3,1-4}'::audience::bigint[], '{}'::audience::bigint[];

-- a set of each kind of container and of each border between kinds
CREATE TABLE sets (name text COLLATE "C" PRIMARY KEY, ids bigint[], a audience);
INSERT INTO sets (name, ids)
SELECT name, array_agg(DISTINCT id ORDER BY id) FILTER (WHERE id IS NOT NULL) FROM (
  SELECT 'one', 42::bigint UNION ALL
  SELECT 'borders', unnest(ARRAY[0, 1, 65535, 65536, 65537, 131071, 131072, 4294967295, 4294967296, -1, -65536,
    -65537, -4294967296, -4294967297, 9223372036854775807, 9223372036854775806, '-9223372036854775808', '-9223372036854775807']) UNION ALL
  SELECT 'array 4095', i * 7 FROM generate_series(1, 4095) i UNION ALL
  SELECT 'array 4096', i * 7 FROM generate_series(1, 4096) i UNION ALL
  SELECT 'bits 4097', i * 7 FROM generate_series(1, 4097) i UNION ALL
  SELECT 'even', i * 2 FROM generate_series(0, 32767) i UNION ALL
  SELECT 'odd', i * 2 + 1 FROM generate_series(0, 32767) i UNION ALL
  SELECT 'full', i FROM generate_series(0, 65535) i UNION ALL
  SELECT 'across', i FROM generate_series(65000, 66500) i UNION ALL
  SELECT 'around zero', i FROM generate_series(-700, 700) i UNION ALL
  SELECT 'runs', i FROM generate_series(0, 65535) i WHERE i % 97 < 50 UNION ALL
  SELECT 'runs 2047', i FROM generate_series(0, 65535) i WHERE i % 32 < 20 AND i < 2047 * 32 UNION ALL
  SELECT 'runs 2048', i FROM generate_series(0, 65535) i WHERE i % 32 < 20 UNION ALL
  SELECT 'dense', abs(hashint8extended(i, 1) % 70000) FROM generate_series(1, 30000) i UNION ALL
  SELECT 'middling', abs(hashint8extended(i, 2) % 300000) - 100000 FROM generate_series(1, 9000) i UNION ALL
  SELECT 'sparse', hashint8extended(i, 3) FROM generate_series(1, 300) i UNION ALL
  SELECT 'buckets', (i % 20 - 10) * 4294967296 + abs(hashint8extended(i, 4) % 30) FROM generate_series(1, 500) i) v(name, id)
GROUP BY name;
INSERT INTO sets VALUES ('empty', '{}');
UPDATE sets SET a = ids::audience;

-- all ways in and out agree
SELECT name, cardinality(a) FROM sets
WHERE a::bigint[] IS DISTINCT FROM ids OR a::text::audience <> a OR cardinality(a) <> cardinality(ids)
   OR audience_import(audience_export(a)) <> a
   OR a <> (SELECT audience_agg(id) FROM unnest(ids) id)
   OR a <> (SELECT audience_agg(id) FROM (SELECT id FROM unnest(ids || ids) id ORDER BY hashint8(id)) x)
   OR ARRAY(SELECT audience_members(a)) <> ids
   OR audience_send(a) <> audience_export(a);
SELECT name, cardinality(a), length(audience_export(a)) AS bytes, audience_min(a), audience_max(a)
FROM sets ORDER BY name;
CREATE TEMP TABLE copied (LIKE sets);
\set copyfile `echo "/tmp/recsys_audience_$$.bin"`
COPY sets TO :'copyfile' (FORMAT binary);
COPY copied FROM :'copyfile' (FORMAT binary);
\setenv COPYFILE :copyfile
\! rm -f "$COPYFILE"
SELECT name FROM sets EXCEPT SELECT s.name FROM sets s JOIN copied c USING (name, a);

-- the algebra against sets of rows, for each pair but those of the largest, which would take long
SELECT x.name, y.name
FROM sets x, sets y,
  LATERAL (SELECT coalesce(array_agg(id ORDER BY id), '{}') AS both
           FROM (SELECT unnest(x.ids) INTERSECT SELECT unnest(y.ids)) i(id)) i,
  LATERAL (SELECT coalesce(array_agg(id ORDER BY id), '{}') AS any
           FROM (SELECT unnest(x.ids) UNION SELECT unnest(y.ids)) u(id)) u,
  LATERAL (SELECT coalesce(array_agg(id ORDER BY id), '{}') AS less
           FROM (SELECT unnest(x.ids) EXCEPT SELECT unnest(y.ids)) d(id)) d
WHERE cardinality(x.ids) + cardinality(y.ids) < 25000
  AND ((x.a & y.a) <> i.both::audience OR (x.a | y.a) <> u.any::audience OR (x.a - y.a) <> d.less::audience
   OR (x.a # y.a) <> (u.any::audience - i.both::audience)
   OR audience_and_count(x.a, y.a) <> cardinality(i.both) OR audience_or_count(x.a, y.a) <> cardinality(u.any)
   OR audience_andnot_count(x.a, y.a) <> cardinality(d.less)
   OR audience_xor_count(x.a, y.a) <> cardinality(u.any) - cardinality(i.both)
   OR (x.a && y.a) <> (cardinality(i.both) > 0) OR (x.a @> y.a) <> (i.both = y.ids) OR (x.a <@ y.a) <> (i.both = x.ids)
   OR (x.a = y.a) <> (x.ids = y.ids) OR (x.a <> y.a) <> (x.ids <> y.ids)
   OR audience_jaccard(x.a, y.a) IS DISTINCT FROM cardinality(i.both) / nullif(cardinality(u.any), 0)::float8);

-- laws, for three at a time; equality is that of bytes, so these also say that each set has one form
SELECT x.name, y.name, z.name
FROM sets x, sets y, sets z
WHERE x.name < y.name AND y.name < z.name
  AND ((x.a & (y.a | z.a)) <> ((x.a & y.a) | (x.a & z.a)) OR (x.a - (y.a | z.a)) <> ((x.a - y.a) - z.a)
       OR ((x.a # y.a) # z.a) <> (x.a # (z.a # y.a)) OR ((x.a | y.a) - (x.a & y.a)) <> (x.a # y.a)
       OR audience_and_count(x.a, y.a, z.a) <> cardinality(x.a & y.a & z.a)
       OR audience_or_count(x.a, y.a, z.a) <> cardinality(x.a | y.a | z.a));

-- any number of arguments
SELECT audience_and_count('{1-10}', '{5-20}'), audience_and_count('{1-10}', '{5-20}'::audience, '{6,9,30}'::audience),
       audience_and_count('{1-10}', '{5-20}', VARIADIC ARRAY['{6,9,30}']::audience[]),
       audience_or_count('{1-10}', '{5-20}'::audience, '{6,9,30}'::audience),
       audience_and_count('{1-10}', '{5-20}', VARIADIC '{}'::audience[]),
       audience_and_count('{1}', '{1}', NULL::audience), audience_or_count('{1}', '{1}', VARIADIC NULL::audience[]);
\set VERBOSITY sqlstate
SELECT audience_and_count('{1}', '{1}', 'x');
SELECT audience_or_count('{1}', '{1}', 5);
SELECT audience_and_count('{1}', '{1}', VARIADIC ARRAY[1]);
\set VERBOSITY default

-- single ids, asked of stored, constant and computed values
CREATE TEMP TABLE probes AS
  SELECT DISTINCT id FROM (SELECT unnest(ids) + d AS id FROM sets, unnest(ARRAY[-1, 0, 1]) d
                           WHERE name IN ('one', 'array 4095', 'buckets', 'across', 'around zero', 'runs')
                           UNION ALL VALUES (0), (-1), (9223372036854775807), ('-9223372036854775808')) p;
SELECT s.name FROM sets s
WHERE ARRAY(SELECT p.id FROM probes p WHERE p.id <@ s.a ORDER BY p.id)
   <> ARRAY(SELECT p.id FROM probes p JOIN unnest(s.ids) i ON i = p.id ORDER BY p.id);
-- row by row another audience, some of them out of line: never the one of the row before
CREATE TEMP TABLE changing AS SELECT i, id, a, ids FROM generate_series(1, 5) i, (SELECT * FROM probes ORDER BY hashint8(id) LIMIT 12) p, sets;
SELECT count(*), count(*) FILTER (WHERE (a @> id) <> (id = ANY (ids))) AS wrong
FROM (SELECT * FROM changing ORDER BY hashint4(i * 7919 + id::int4), hashint8(id)) c WHERE id BETWEEN -2000000 AND 2000000;
PREPARE member(audience) AS SELECT count(*) FROM probes WHERE id <@ $1;
EXECUTE member('{42}');
EXECUTE member('{0-100}');
SELECT count(*), count(*) FILTER (WHERE '{-5-41}' @> id::int) AS few FROM probes
WHERE id BETWEEN -1000 AND 1000 AND id::int <@ '{-100-100}'::audience;
SELECT count(*) FROM probes WHERE id <@ (SELECT a FROM sets WHERE name = 'across');
SELECT count(*) FROM probes WHERE id <@ (SELECT a - '{65500}' FROM sets WHERE name = 'across');
-- never the value of an earlier call: variables, parameters and elements of arrays
DO $$
DECLARE
  a audience;
  found text := '';
BEGIN
  FOR a IN SELECT s.a FROM sets s WHERE name IN ('array 4096', 'one', 'odd', 'full', 'empty') ORDER BY name LOOP
    found := found || CASE WHEN 42 <@ a THEN ' yes' ELSE ' no' END || CASE WHEN a @> 43::bigint THEN '+' ELSE '-' END;
  END LOOP;
  RAISE INFO '%', found;
END $$;
SELECT id, id <@ ANY ('{"{1-3}","{7}"}'::audience[]) AS any, id <@ ALL ('{"{1-3}","{3,7}"}'::audience[]) AS all
FROM generate_series(2, 7) id;
SET plan_cache_mode = force_generic_plan;
PREPARE generic(audience, int) AS SELECT count(*) FROM generate_series(1, $2) id WHERE id <@ $1;
EXECUTE generic('{1-7}', 10);
EXECUTE generic('{5-7}', 10);
RESET plan_cache_mode;
SELECT s.name FROM sets s,
  LATERAL (SELECT count(*) AS wrong FROM unnest(s.ids) WITH ORDINALITY u(id, n)
           WHERE n % 211 = 1 AND (audience_nth(s.a, n) <> id OR audience_rank(s.a, id) <> n
             OR audience_nth(s.a, n - cardinality(s.ids) - 1) <> id
             OR id > '-9223372036854775808' AND audience_rank(s.a, id - (id > '-9223372036854775808')::int) <> n - 1)) w
WHERE w.wrong > 0 OR audience_min(s.a) IS DISTINCT FROM s.ids[1] OR audience_max(s.a) IS DISTINCT FROM s.ids[cardinality(s.ids)];
SELECT audience_nth('{5-7}', 0), audience_nth('{5-7}', 4), audience_nth('{5-7}', -4),
       audience_rank('{5-7}', 4), audience_rank('{5-7}', 100), audience_min('{}'), audience_max('{}');

-- slices and pages
SELECT s.name, f, l FROM sets s, (VALUES (0::bigint, 65535::bigint), (-100, 100), (65536, 65536), (5, 4),
    (NULL, 0), (0, NULL), (-9223372036854775807, 9223372036854775806), (66000, 4294967296)) v(f, l)
WHERE audience_slice(a, f, l) <> audience(ARRAY(SELECT id FROM unnest(ids) id
    WHERE id >= coalesce(f, id) AND id <= coalesce(l, id)));
SELECT s.name, after, n FROM sets s, (VALUES (NULL::bigint, 10::bigint), (0, 3), (-1, 3), (65535, 5000), (1000, 0),
    (9223372036854775807, 5), ('-9223372036854775808', 2), (-65537, NULL)) v(after, n)
WHERE ARRAY(SELECT audience_members(a, after, n)) <>
      ARRAY(SELECT id FROM unnest(ids) id WHERE after IS NULL OR id > after ORDER BY id LIMIT n);
SELECT count(*) FROM audience_members(NULL);
SELECT * FROM audience_members('{1-5}', n => 2, after => 3);
\set VERBOSITY sqlstate
SELECT audience_members('{1}', n => -1);
\set VERBOSITY default

-- order, hash and grouping
SELECT name FROM sets WHERE NOT (a >= a AND a <= a AND NOT a < a AND NOT a > a);
SELECT x.name, y.name FROM sets x, sets y
WHERE (x.a < y.a) <> (y.a > x.a) OR (x.a < y.a) = (x.a >= y.a) OR (x.a > y.a) = (x.a <= y.a);
SELECT a, count(*) FROM (VALUES ('{3}'::audience), ('{1,2}'), ('{3,3}'), ('{}'), ('{2,1}')) v(a) GROUP BY a ORDER BY a;
CREATE TABLE crowds (a audience, PRIMARY KEY (a)) PARTITION BY HASH (a);
CREATE TABLE crowds0 PARTITION OF crowds FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE crowds1 PARTITION OF crowds FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO crowds SELECT audience(ARRAY[i, i + 1]) FROM generate_series(1, 50) i;
\set VERBOSITY sqlstate
INSERT INTO crowds VALUES ('{7,8}');
\set VERBOSITY default
SET enable_hashjoin = on; SET enable_mergejoin = off; SET enable_nestloop = off;
SELECT count(*) FROM sets x JOIN sets y ON x.a = y.a;
SET enable_hashjoin = off; SET enable_mergejoin = on;
SELECT count(*) FROM sets x JOIN sets y ON x.a = y.a;
RESET enable_hashjoin; RESET enable_mergejoin; RESET enable_nestloop;

-- estimates
CREATE TABLE people AS SELECT i::int AS id, i % 500 AS shop FROM generate_series(1, 20000) i;
ANALYZE people;
CREATE FUNCTION estimate(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
  RETURN (plan->0->'Plan'->>'Plan Rows')::bigint;
END $$;
SELECT estimate($$SELECT FROM people WHERE id <@ '{1-1500}'$$) AS members,
       estimate($$SELECT FROM people WHERE '{1-1500}' @> id$$) AS commuted,
       estimate($$SELECT FROM people WHERE shop <@ '{1-50}'$$) AS repeated,
       estimate($$SELECT FROM people WHERE id <@ '{}'$$) AS nobody,
       estimate($$SELECT FROM people WHERE id <@ (SELECT a FROM sets WHERE name = 'one')$$) AS unknown,
       estimate($$SELECT FROM audience_members('{1-1500}')$$) AS streamed,
       estimate($$SELECT FROM audience_members('{1-1500}', n => 7)$$) AS page;
-- somebody else's operator, whose right side is no audience, may name the estimator
CREATE OPERATOR <=@ (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = int8eq, RESTRICT = audience_id_sel);
SELECT estimate($$SELECT FROM people WHERE id <=@ 81985529216486895$$) AS foreign_operator;

SET client_min_messages = warning;
DROP SCHEMA test_audience CASCADE;
