-- Crossing of dimensions and reach of conditions.
CREATE SCHEMA test_audience_cross;
SET search_path = test_audience_cross, public;

-- 16 groups in four dimensions over 3000 customers, some without a group
CREATE TABLE customers AS
SELECT i AS id, (ARRAY['north', 'south', 'east', 'west'])[1 + h1 % 5] AS area, (ARRAY['young', 'middle', 'old', 'ancient'])[1 + h2 % 4] AS age,
       (ARRAY['low', 'mid', 'high', 'top'])[1 + (h2 + h3 % 3) % 5] AS value, (ARRAY['web', 'app', 'shop', 'phone'])[1 + h4 % 40] AS channel
FROM (SELECT i, abs(hashint8extended(i, 1) % 1000) AS h1, abs(hashint8extended(i, 2) % 1000) AS h2,
             abs(hashint8extended(i, 3) % 1000) AS h3, abs(hashint8extended(i, 4) % 1000) AS h4
      FROM generate_series(1, 3000) i) x;
CREATE TABLE groups AS
SELECT dimension, name, audience_agg(id * 1000) AS a
FROM customers, LATERAL (VALUES ('area', area), ('age', age), ('value', value), ('channel', channel)) v(dimension, name)
WHERE name IS NOT NULL GROUP BY 1, 2;
SELECT dimension, name, cardinality(a) FROM groups ORDER BY 1, 2;
SELECT level, dimensions, names, count, expected::numeric(10,3), lift::numeric(10,3), share::numeric(10,4), p::numeric(10,6), p_adjusted::numeric(10,6)
FROM audience_cross('SELECT dimension, name, a FROM groups', depth => 2, min_size => 250);

-- every combination to depth 4, against a GROUP BY of the rows
CREATE TABLE crossed AS SELECT * FROM audience_cross('SELECT dimension, name, a FROM groups', depth => 4,
  among => (SELECT audience_agg(id * 1000) FROM customers));
CREATE TABLE counted AS
SELECT array_remove(ARRAY[CASE WHEN age IS NOT NULL THEN 'age' END, CASE WHEN area IS NOT NULL THEN 'area' END,
                    CASE WHEN channel IS NOT NULL THEN 'channel' END, CASE WHEN value IS NOT NULL THEN 'value' END], NULL) AS dimensions,
       array_remove(ARRAY[age, area, channel, value], NULL) AS names, count(*)
FROM (SELECT age, area, channel, value FROM customers) c
GROUP BY CUBE (age, area, channel, value) HAVING num_nulls(age, area, channel, value) < 4;
-- a group by cube counts NULL groups with the rest: take the largest, which is that of all
SELECT level, count(*), sum(count) FROM crossed GROUP BY level ORDER BY level;
SELECT count(*) FROM crossed x
FULL JOIN (SELECT dimensions, names, max(count) AS count FROM counted GROUP BY 1, 2) c USING (dimensions, names)
WHERE x.count IS DISTINCT FROM c.count;
SELECT count(*) FROM crossed WHERE level <> cardinality(names) OR lift <> count / expected OR share <> count / 3000.0::float8
  OR (level = 1) <> (p IS NULL) OR (level = 1) <> (p_adjusted IS NULL) OR p_adjusted < p OR p_adjusted > 1;
-- expected: product of shares
SELECT count(*) FROM crossed x
WHERE abs(expected - (SELECT 3000 * exp(sum(ln(cardinality(g.a) / 3000.0))) FROM unnest(x.dimensions, x.names) u(dimension, name)
                      JOIN groups g USING (dimension, name))::float8) > 1e-9 * expected;
-- order: by level, then the largest first
SELECT count(*) FROM (SELECT level, count, lag(level) OVER w AS level1, lag(count) OVER w AS count1
  FROM (SELECT *, row_number() OVER () AS n FROM crossed) c WINDOW w AS (ORDER BY n)) c
WHERE level1 > level OR level1 = level AND count1 < count;
-- a higher minimum leaves out, and changes nothing else
SELECT count(*) FILTER (WHERE x.count >= 60) AS expected, count(y.count) AS got,
       count(*) FILTER (WHERE (x.count >= 60) <> (y.count IS NOT NULL) OR x.p <> y.p) AS wrong
FROM crossed x LEFT JOIN audience_cross('SELECT dimension, name, a FROM groups', 4, 60,
  (SELECT audience_agg(id * 1000) FROM customers)) y USING (names, dimensions, count);

-- p values, against sums of the exact terms in numeric arithmetic
CREATE FUNCTION choose(n int, k int) RETURNS numeric LANGUAGE sql IMMUTABLE AS
  'SELECT CASE WHEN k < 0 OR k > n THEN 0 ELSE factorial(n) / (factorial(k) * factorial(n - k)) END';
CREATE FUNCTION two_sided(k int, mean float8, weights numeric[]) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
  SELECT least(1, 2 * (CASE WHEN k >= mean THEN sum(w) FILTER (WHERE j - 1 >= k) ELSE sum(w) FILTER (WHERE j - 1 <= k) END / sum(w)))::float8
  FROM unnest(weights) WITH ORDINALITY u(w, j) $$;
CREATE TABLE small (dimension text, name text, a audience);
INSERT INTO small VALUES ('a', 'x', '{1-20}'), ('a', 'y', '{21-30}'), ('b', 'x', '{5-28}'), ('b', 'y', '{1-4,40}'), ('c', 'x', '{1-12,25-60}'), ('c', 'y', '{60}');
SELECT level, dimensions, names, count, expected, p, CASE
    WHEN level = 2 THEN two_sided(count::int, expected, ARRAY(SELECT choose(s[1], k) * choose(60 - s[1], s[2] - k) FROM generate_series(0, 60) k))
    WHEN level = 3 THEN two_sided(count::int, expected, ARRAY(SELECT choose(60, k) * (s[1]::numeric * s[2] * s[3]) ^ k
                                                               * (216000 - s[1]::numeric * s[2] * s[3]) ^ (60 - k) FROM generate_series(0, 60) k)) END AS exact
INTO TEMP exact
FROM (SELECT *, ARRAY(SELECT cardinality(a)::int FROM unnest(dimensions, names) u(dimension, name) JOIN small USING (dimension, name)) AS s
      FROM audience_cross('SELECT * FROM small', 3)) x;
SELECT level, dimensions, names, count, round(expected::numeric, 4) AS expected, round(p::numeric, 8) AS p
FROM exact WHERE level > 1 ORDER BY 1, 2, 3;
SELECT count(*) FROM exact WHERE abs(p - exact) > 1e-9 * exact;
-- Holm's adjustment, over all pairs and triples: 4 + 4 + 4 + 8
SELECT count(*) FROM (
  SELECT p_adjusted, max(least(1, p * (21 - rank))) OVER (ORDER BY rank) AS expected
  FROM (SELECT *, row_number() OVER (ORDER BY p, level, count DESC, dimensions, names) AS rank
        FROM audience_cross('SELECT * FROM small', 3) WHERE level > 1) r) x
WHERE abs(p_adjusted - expected) > 1e-12;

-- everybody, nobody, one dimension, no row
SELECT level, names, count, expected, lift, share, p, p_adjusted
FROM audience_cross($$VALUES ('a', 'all', '{1-10}'::audience), ('b', 'all', '{1-10}'), ('c', 'all', '{1-10}'), ('c', 'none', '{}')$$, 3);
SELECT level, names, count FROM audience_cross($$VALUES ('a', 'x', '{1-10}'::audience), ('a', 'y', '{1-5}')$$, 4);
SELECT count(*) FROM audience_cross('SELECT * FROM small WHERE false', 4);
SELECT level, names, count, expected FROM audience_cross('SELECT * FROM small', 2, 5, '{1-10}');

-- reach
SELECT step, name, count, remaining, kept::numeric(8,4), share::numeric(8,4)
FROM audience_reach($$VALUES ('bought', '{1-1000}'::audience, false), ('in the east', '{500-5000}', NULL), ('refunds', '{600-700,9000}', true), ('none', '{}', false), ('more', '{1}', false)$$);
SELECT step, name, count, remaining, kept::numeric(8,4), share::numeric(8,4)
FROM audience_reach($$SELECT * FROM (VALUES ('vip', '{1-10}'::audience), ('recent', '{5-50}')) v ORDER BY column1 DESC$$, among => '{1-100}');
SELECT * FROM audience_reach($$VALUES ('refunds', '{1}'::audience, true)$$, '{1-4}');

-- errors
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
SELECT failure(query) FROM (VALUES
  ($$SELECT * FROM audience_cross('SELECT * FROM small', 0)$$),
  ($$SELECT * FROM audience_cross('SELECT * FROM small', 2, 0)$$),
  ($$SELECT * FROM audience_cross('SELECT * FROM small', NULL)$$),
  ($$SELECT * FROM audience_cross('SELECT dimension, name FROM small')$$),
  ($$SELECT * FROM audience_cross('SELECT dimension, name, 1 FROM small')$$),
  ($$SELECT * FROM audience_cross('SELECT dimension, name, NULL::audience FROM small')$$),
  ($$SELECT * FROM audience_cross('TABLE small UNION ALL TABLE small')$$),
  ($$SELECT * FROM audience_cross('DELETE FROM small')$$),
  ($$SELECT * FROM audience_reach('SELECT name FROM small')$$),
  ($$SELECT * FROM audience_reach('SELECT name, NULL::audience FROM small')$$),
  ($$SELECT * FROM audience_reach('SELECT name, a, true FROM small')$$),
  ($$SELECT * FROM audience_reach(NULL)$$)) v(query);
SET work_mem = '64kB';
SELECT failure($$SELECT * FROM audience_cross('SELECT i % 5, i, audience(ARRAY[1, i]) FROM generate_series(1, 200) i', 3)$$);
RESET work_mem;
\pset format aligned
\pset tuples_only off

SET client_min_messages = warning;
DROP SCHEMA test_audience_cross CASCADE;
