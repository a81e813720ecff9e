-- GIN operator class against the sequential scan, and the planner's estimates

SELECT amvalidate(oid), opcname FROM pg_opclass
WHERE opcname LIKE 'tagset%' OR opcname LIKE 'tagquery%' ORDER BY opcname COLLATE "C";

SELECT setseed(0.25);
-- tags of 4 namespaces and some without, of falling frequency; weights on every third row; empty sets and nulls
CREATE TABLE tag_rows AS
SELECT i AS id, CASE WHEN i % 50 = 0 THEN NULL WHEN i % 17 = 0 THEN '' ELSE
    (SELECT tagset(array_agg(t), array_agg(CASE WHEN i % 3 = 0 THEN w ELSE 1 END))
     FROM (SELECT DISTINCT ON (t) t, w
           FROM (SELECT (ARRAY['buy:', 'city:', 'b', ''])[1 + k % 4] || chr(97 + (random() ^ 2 * 12)::int) AS t,
                        (1 + (random() * 4)::int) / 4.0 AS w
                 FROM generate_series(1, 1 + i % 9) k WHERE i > 0) r ORDER BY t, w) d) END AS tags
FROM generate_series(1, 2000) i;
CREATE INDEX tag_rows_gin ON tag_rows USING gin (tags);
-- some rows in the pending list
INSERT INTO tag_rows SELECT id + 2000, tags FROM tag_rows WHERE id % 7 = 0;
ANALYZE tag_rows;
SELECT count(*), count(tags), count(*) FILTER (WHERE tags = ''), sum(tag_count(tags)) > 5000 AS many FROM tag_rows;

CREATE FUNCTION random_tag() RETURNS text LANGUAGE sql VOLATILE AS
  $$SELECT (ARRAY['buy:', 'city:', 'b', '', 'none'])[1 + (random() * 4.3)::int % 5] || chr(97 + (random() ^ 2 * 12)::int)$$;
CREATE FUNCTION random_query(depth int) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE kind float8 := random() * (1 + depth); tag text := random_tag();
BEGIN
  IF kind < 1 THEN
    kind := random();
    RETURN CASE WHEN kind < 0.6 THEN tag WHEN kind < 0.7 THEN left(tag, (random() * length(tag))::int) || '*'
      WHEN kind < 0.75 THEN split_part(tag, ':', 1) || ':*' WHEN kind < 0.77 THEN '*' ELSE tag END
      || CASE WHEN random() < 0.2 THEN (ARRAY['<', '<=', '=', '<>', '>=', '>'])[1 + (random() * 5)::int] || (random() * 5)::int / 4.0 ELSE '' END;
  END IF;
  kind := random();
  IF kind < 0.25 THEN RETURN '!(' || random_query(depth - 1) || ')'; END IF;
  RETURN '(' || random_query(depth - 1) || CASE WHEN kind < 0.65 THEN ' & ' ELSE ' | ' END || random_query(depth - 1) || ')';
END $$;
CREATE FUNCTION random_set() RETURNS text LANGUAGE sql VOLATILE AS
  $$SELECT tagset(ARRAY(SELECT random_tag() FROM generate_series(1, (random() * 4)::int)))::text$$;

-- ids that a condition selects, through the index or without it
CREATE FUNCTION ids(condition text, indexed boolean) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE found int[];
BEGIN
  PERFORM set_config('enable_seqscan', CASE WHEN indexed THEN 'off' ELSE 'on' END, true),
          set_config('enable_bitmapscan', CASE WHEN indexed THEN 'on' ELSE 'off' END, true);
  EXECUTE 'SELECT array_agg(id ORDER BY id) FROM tag_rows WHERE ' || condition INTO found;
  RETURN COALESCE(found, '{}');
END $$;
CREATE FUNCTION oracle(condition text) RETURNS text LANGUAGE sql AS
  $$SELECT regexp_replace(condition, '^tags @@ (''[^'']*'')', '\1::tagquery @@ tags')$$;
-- compares both ways for a number of random conditions; conditions with @@ also with the commuted operator, which nothing rewrites
CREATE FUNCTION compare(n int) RETURNS TABLE (operator text, queries bigint, different bigint, some_found boolean, example text) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM setseed(0.125);
  CREATE TEMP TABLE conditions ON COMMIT DROP AS
    SELECT '@@' AS op, format('tags @@ %L', random_query(1 + i % 4)) AS condition FROM generate_series(1, n) i
    UNION ALL SELECT o, format('tags %s %L', o, random_set()) FROM generate_series(1, n / 10) i, unnest(ARRAY['@>', '<@', '&&']) o
    UNION ALL SELECT '=', format('tags = %L', t.tags) FROM (SELECT tags FROM tag_rows WHERE tags IS NOT NULL ORDER BY id LIMIT n / 10) t
    UNION ALL SELECT '= tags only', format('tags = %L', t.tags::text[]::tagset) FROM (SELECT tags FROM tag_rows WHERE tags IS NOT NULL ORDER BY id LIMIT n / 10) t
    UNION ALL SELECT '@> text', format('tags @> %L::text', random_tag()) FROM generate_series(1, n / 20) i
    UNION ALL SELECT '<@ text', format('%L::text <@ tags', random_tag()) FROM generate_series(1, n / 20) i
    UNION ALL SELECT 'two keys', format('tags @@ %L AND tags && %L', random_query(2), random_set()) FROM generate_series(1, n / 10) i
    UNION ALL SELECT 'constants', format('tags @@ %L', q) FROM unnest(ARRAY['', '* | !*', '!*', '*', '!a', '!(a | b)', '!none', 'none*', '!zz*', 'a & !a', '* & !a', '*>0.5', '!*>0.5']) q
    UNION ALL SELECT 'constants', format('tags %s %L', o, '') FROM unnest(ARRAY['@>', '<@', '&&', '=']) o
    UNION ALL SELECT 'long', format('tags @> %L::text', repeat('x', 5000));
  RETURN QUERY SELECT r.op, count(*), count(*) FILTER (WHERE a <> b OR a <> o), bool_or(cardinality(a) > 0), min(r.condition) FILTER (WHERE a <> b OR a <> o)
    FROM (SELECT c.op, c.condition, ids(c.condition, true) a, ids(c.condition, false) b, ids(oracle(c.condition), false) o FROM conditions c) r GROUP BY r.op ORDER BY r.op COLLATE "C";
  DROP TABLE conditions;
END $$;
SELECT * FROM compare(2000);
-- the index is what was used, exactly where it can be
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF, BUFFERS OFF) ' || query LOOP
    IF line !~ 'Planning|Heap Blocks|Index Searches|Disabled:' THEN RETURN NEXT regexp_replace(line, ' \(actual.*', ''); END IF;
  END LOOP;
END $$;
SET enable_seqscan = off;
SELECT plan($$SELECT * FROM tag_rows WHERE tags @@ 'buy:* & !(ba | bb)'$$);
SELECT regexp_replace(line, '\d+$', 'N') FROM plan($$SELECT * FROM tag_rows WHERE tags @@ 'a>0.5'$$) line WHERE line ~ 'Recheck';
-- no row is checked again, but for = and <@ and conditions on weights
SELECT condition, bool_or(line ~ 'Rows Removed by Index Recheck') AS checked_in_vain
FROM unnest(ARRAY['tags @@ ''a & !b''', 'tags @@ ''!a''', 'tags @@ ''c*''', 'tags @> ''a, b''', 'tags && ''a, b''', 'tags @> ''a''::text', 'tags = ''''', 'tags <@ ''a''', 'tags @@ ''a>0.5''', 'tags @@ ''a>0.5 | *'''])
  WITH ORDINALITY c(condition, n), plan('SELECT * FROM tag_rows WHERE ' || condition) line GROUP BY condition, n ORDER BY n;
RESET enable_seqscan;
-- after the pending list is merged
VACUUM tag_rows;
SELECT * FROM compare(500);

-- where a conjunction with negations is decided: negations in the index, or on the heap if their lists are long or rows few
CREATE TABLE tag_split AS
SELECT i AS id, tagset(ARRAY['t' || i % 7, 'all'] || CASE WHEN i % 3 > 0 THEN '{often}' ELSE '{}'::text[] END || CASE WHEN i % 5000 = 0 THEN '{seldom}' ELSE '{}'::text[] END || ('u' || i)) AS tags
FROM generate_series(1, 20000) i;
CREATE INDEX tag_split_gin ON tag_split USING gin (tags);
ANALYZE tag_split;
SET enable_seqscan = off;
SELECT plan($$SELECT * FROM tag_split WHERE tags @@ 't1 & all & !often'$$);
SELECT plan($$SELECT * FROM tag_split WHERE tags @@ 'u8 & all & !often'$$);
SELECT plan($$SELECT * FROM tag_split WHERE tags @@ 't1 & (u* | all>0.5) & !seldom'$$);
SELECT plan($$SELECT * FROM tag_split WHERE tags @@ 'u8 & !seldom' OR tags @@ 'u9'$$);
SELECT plan($$SELECT * FROM tag_split WHERE NOT tags @@ 'u8 & !seldom' AND tags @@ 'u8'$$);
-- partitions, a view with a security barrier, the inner side of an outer join, a subquery: each is split on its own
CREATE TABLE tag_parts (id int, tags tagset) PARTITION BY RANGE (id);
CREATE TABLE tag_parts_low PARTITION OF tag_parts FOR VALUES FROM (0) TO (10000);
CREATE TABLE tag_parts_high PARTITION OF tag_parts FOR VALUES FROM (10000) TO (20001);
INSERT INTO tag_parts TABLE tag_split;
CREATE INDEX ON tag_parts USING gin (tags);
ANALYZE tag_parts;
CREATE VIEW tag_view WITH (security_barrier) AS SELECT * FROM tag_split WHERE id > 100;
SELECT plan($$SELECT * FROM tag_parts WHERE tags @@ 't1 & all & !often'$$);
SELECT plan($$SELECT * FROM tag_view WHERE tags @@ 'u8 & !often'$$);
SELECT place, found = expected AS same, found > 0 AS some FROM (VALUES
  ('partitions', (SELECT count(*) FROM tag_parts WHERE tags @@ 't1 & all & !often'), (SELECT count(*) FROM tag_parts WHERE 't1 & all & !often'::tagquery @@ tags)),
  ('view', (SELECT count(*) FROM tag_view WHERE tags @@ 't1 & !often'), (SELECT count(*) FROM tag_view WHERE 't1 & !often'::tagquery @@ tags)),
  ('outer join', (SELECT count(b.id) FROM tag_split a LEFT JOIN tag_parts b ON b.id = a.id AND b.tags @@ 't1 & !often'), (SELECT count(b.id) FROM tag_split a LEFT JOIN tag_parts b ON b.id = a.id AND 't1 & !often'::tagquery @@ b.tags)),
  ('subquery', (SELECT sum((SELECT count(*) FROM tag_split b WHERE b.id = a.id AND a.tags @@ 't1 & !often' AND b.tags @@ 'all & !seldom')) FROM tag_split a WHERE a.id < 50), (SELECT sum((SELECT count(*) FROM tag_split b WHERE b.id = a.id AND 't1 & !often'::tagquery @@ a.tags AND 'all & !seldom'::tagquery @@ b.tags)) FROM tag_split a WHERE a.id < 50)),
  ('select list', (SELECT count(*) FILTER (WHERE c) FROM (SELECT tags @@ 't1 & !often' AS c FROM tag_split GROUP BY tags @@ 't1 & !often', id) q), (SELECT count(*) FROM tag_split WHERE 't1 & !often'::tagquery @@ tags))) v(place, found, expected);
DROP VIEW tag_view;
DROP TABLE tag_parts;
-- an expression has its statistics with the index: one call, for which the index is asked the same
CREATE TABLE tag_arrays AS SELECT id, tags::text[] AS tags FROM tag_split;
CREATE INDEX tag_arrays_gin ON tag_arrays USING gin ((tags::tagset));
ANALYZE tag_arrays;
SELECT plan($$SELECT * FROM tag_arrays WHERE tags::tagset @@ 't1 & all & !often'$$);
SELECT plan($$SELECT * FROM tag_arrays WHERE tags::tagset @@ 'u8 & all & !often'$$);
-- a parameter is one key
PREPARE matching(tagquery) AS SELECT * FROM tag_split WHERE tags @@ $1;
SET plan_cache_mode = force_generic_plan;
SELECT plan($$EXECUTE matching('u8 & !often')$$);
RESET plan_cache_mode;
DEALLOCATE matching;

-- an index for one condition is found by that condition, however it is written, and stays right
CREATE INDEX tag_split_some ON tag_split (id) WHERE tags @@ 'all & !often';
VACUUM tag_split;
SELECT plan($$SELECT count(*) FROM tag_split WHERE tags @@ '(all) & all & !(often)'$$);
UPDATE tag_split SET tags = tags | 'often' WHERE id BETWEEN 1 AND 10;
UPDATE tag_split SET tags = tags - 'often' WHERE id BETWEEN 11 AND 20;
SELECT count(*), sum(id) FROM tag_split WHERE tags @@ 'all & !often';
SELECT count(*), sum(id) FROM tag_split WHERE 'all & !often'::tagquery @@ tags;
-- no other condition takes it
SELECT plan($$SELECT count(*) FROM tag_split WHERE tags @@ 'all & t1 & !often'$$);
DROP INDEX tag_split_some;
-- an index on the condition itself
CREATE INDEX tag_split_which ON tag_split ((tags @@ 'all & !often'), id);
SELECT line FROM plan($$SELECT * FROM tag_split WHERE tags @@ 'all & !often' AND id < 100$$) line WHERE line ~ 'Index';
SELECT count(*), sum(id) FROM tag_split WHERE tags @@ 'all & !often' AND id < 100;
SELECT count(*), sum(id) FROM tag_split WHERE 'all & !often'::tagquery @@ tags AND id < 100;
DROP INDEX tag_split_which;
-- the btree class gives whole sets back, without the table
CREATE INDEX tag_split_sets ON tag_split (tags);
VACUUM tag_split;
SELECT plan($$SELECT tags FROM tag_split WHERE tags = 'all, often, t1, u8'$$);
SELECT tags FROM tag_split WHERE tags = 'all, often, t1, u8';
SET enable_bitmapscan = off;
SELECT plan($$SELECT tags FROM tag_split WHERE tags < 'all, b' AND tags @@ 'u8 & !seldom'$$);
SELECT tags FROM tag_split WHERE tags < 'all, t' AND tags @@ 'all & !(u1* | seldom)' ORDER BY tags LIMIT 2;
RESET enable_bitmapscan;
DROP TABLE tag_split, tag_arrays;
-- many indexes for one condition each, always against the commuted operator
CREATE FUNCTION compare_partial(n int) RETURNS TABLE (indexes bigint, used bigint, different bigint) LANGUAGE plpgsql AS $$
DECLARE condition text;
BEGIN
  PERFORM setseed(0.5);
  indexes := n; used := 0; different := 0;
  FOR i IN 1 .. n LOOP
    condition := format('tags @@ %L', CASE WHEN i % 2 = 0 THEN random_query(3) ELSE random_tag() || ' & !(' || random_query(1) || ')' END);
    EXECUTE 'CREATE INDEX tag_rows_some ON tag_rows (id) WHERE ' || condition;
    used := used + (SELECT bool_or(line LIKE '%tag_rows_some%')::int FROM plan('SELECT id FROM tag_rows WHERE ' || condition) line);
    UPDATE tag_rows SET tags = tags | 'bb' WHERE id % 200 = i;
    different := different + (ids(condition, true) <> ids(oracle(condition), false))::int;
    DROP INDEX tag_rows_some;
  END LOOP;
  RETURN NEXT;
END $$;
SELECT indexes, used > 30 AS mostly_used, different FROM compare_partial(60);
RESET enable_seqscan;
-- queries that come from a table: short, toasted and null ones
CREATE TABLE tag_segments AS
SELECT i AS id, CASE WHEN i = 7 THEN NULL WHEN i % 10 = 0 THEN (SELECT string_agg('x' || j || md5(j::text), ' | ') || ' | a' FROM generate_series(1, 200) j) ELSE random_query(2) END::tagquery AS query
FROM generate_series(1, 100) i;
SET enable_seqscan = off;
SET enable_nestloop = on;
CREATE TEMP TABLE joined AS SELECT s.id AS segment, r.id FROM tag_segments s JOIN tag_rows r ON r.tags @@ s.query;
SET enable_bitmapscan = off;
SET enable_seqscan = on;
SELECT count(*) > 1000 AS many, (SELECT count(*) FROM (TABLE joined EXCEPT ALL SELECT s.id, r.id FROM tag_segments s JOIN tag_rows r ON s.query @@ r.tags) d) AS more,
  (SELECT count(*) FROM (SELECT s.id, r.id FROM tag_segments s JOIN tag_rows r ON s.query @@ r.tags EXCEPT ALL TABLE joined) d) AS less FROM joined;
RESET enable_bitmapscan;
RESET enable_seqscan;
RESET enable_nestloop;
DROP TABLE joined;

-- what ANALYZE stores
CREATE TABLE tag_stats AS
SELECT i AS id, CASE WHEN i % 10 = 0 THEN NULL ELSE tagset(
    ARRAY['city:' || (i * 7919) % 40]
    || CASE WHEN (i * 104729) % 100 < 30 THEN ARRAY['female'] ELSE '{}' END
    || CASE WHEN (i * 1299709) % 1000 < 5 THEN ARRAY['rare'] ELSE '{}' END
    || ARRAY(SELECT 'buy:' || k FROM generate_series(1, 20) k WHERE hashint8(i * 31 + k) % (k + 1) = 0)) END AS tags
FROM generate_series(1::bigint, 20000) i;
UPDATE tag_stats SET tags = '' WHERE id % 100 = 1;
UPDATE tag_stats SET tags = tags | tagset('{wine}', ARRAY[(id % 100 + 1) / 100.0]) WHERE id % 4 = 2;
ANALYZE tag_stats;
SELECT null_frac, array_length(most_common_elems, 1) AS elements, array_length(most_common_elem_freqs, 1) AS numbers,
       (SELECT round(f::numeric, 4) FROM unnest(most_common_elems::text::text[], most_common_elem_freqs) u(e, f) WHERE e = 'city:*') AS any_city
FROM pg_stats WHERE tablename = 'tag_stats' AND attname = 'tags';
CREATE FUNCTION explain_json(query text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
  RETURN plan;
END $$;
CREATE FUNCTION estimate(condition text) RETURNS float8 LANGUAGE sql AS
  $$SELECT (explain_json('SELECT * FROM tag_stats WHERE ' || condition)->0->'Plan'->>'Plan Rows')::float8$$;
CREATE FUNCTION actual(condition text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE n float8;
BEGIN
  EXECUTE 'SELECT count(*) FROM tag_stats WHERE ' || condition INTO n;
  RETURN n;
END $$;
-- the whole table is in the sample: single tags, prefixes and negations are all but exact
SELECT condition, factor, CASE WHEN greatest(estimate(condition), 1) / greatest(actual(condition), 1) BETWEEN 1 / factor AND factor THEN 'ok'
    ELSE format('estimated %s, actual %s', estimate(condition), actual(condition)) END AS estimate
FROM (VALUES
  ('tags @@ ''female''', 1.01), ('tags @@ ''rare''', 1.02), ('tags @@ ''city:3''', 1.01), ('tags @@ ''!female''', 1.01), ('tags @@ ''!rare''', 1.01),
  ('tags @@ ''female & buy:3''', 1.1), ('tags @@ ''female & !buy:3''', 1.1), ('tags @@ ''female | buy:3''', 1.1), ('tags @@ ''female & buy:2 & !(buy:4 | buy:5)''', 1.2),
  ('tags @@ ''city:*''', 1.01), ('tags @@ ''buy:*''', 1.01), ('tags @@ ''buy:1*''', 1.2), ('tags @@ ''city:1*''', 1.05), ('tags @@ ''c*''', 1.01), ('tags @@ ''!buy:*''', 1.05), ('tags @@ ''*''', 1.01), ('tags @@ ''!*''', 1.05),
  ('tags @@ ''wine>0.5''', 1.1), ('tags @@ ''wine<=0.2''', 1.5), ('tags @@ ''female>0.5''', 1.01), ('tags @@ ''nothing''', 1.1), ('tags @@ ''''', 1.01), ('tags @@ ''* | !*''', 1.01),
  ('tags @> ''female''', 1.01), ('tags @> ''female, buy:3''', 1.1), ('tags @> ''female''::text', 1.01), ('''female''::text <@ tags', 1.01), ('tags @> ''''', 1.01), ('''female'' <@ tags', 1.01),
  ('tags && ''female, buy:3''', 1.1), ('tags && ''''', 1.01), ('tags <@ ''female''', 1.3), ('''female'' @> tags', 1.3), ('tags = ''''', 1.1), ('tags @@ NULL::tagquery', 1.01),
  ('''female''::tagquery @@ tags', 1.01), ('NOT tags @@ ''female''', 1.2)) c(condition, factor);
-- a small target, and so many tags that counting has to forget some: the frequent ones are still known
CREATE TABLE tag_many AS SELECT tagset(ARRAY(SELECT 'only' || i || 'x' || k FROM generate_series(1, 40) k) || CASE WHEN i % 2 = 0 THEN '{half}' ELSE '{}'::text[] END || '{all}') AS tags
FROM generate_series(1, 300) i;
ALTER TABLE tag_many ALTER tags SET STATISTICS 1;
ANALYZE tag_many;
SELECT most_common_elems, round(most_common_elem_freqs[1]::numeric, 2) AS all, round(most_common_elem_freqs[2]::numeric, 2) AS half, most_common_elem_freqs[3] < 0.2 AS unlisted_below
FROM pg_stats WHERE tablename = 'tag_many' AND attname = 'tags';
DROP TABLE tag_many;
-- no statistics, and a right side that is not known: something sane
SELECT estimate('tags @@ (SELECT ''female''::tagquery)') BETWEEN 20 AND 2000 AS unknown;
CREATE TABLE tag_no_stats AS TABLE tag_stats WITH NO DATA;
ALTER TABLE tag_no_stats SET (autovacuum_enabled = off);
INSERT INTO tag_no_stats TABLE tag_stats;
SELECT (plan->0->'Plan'->>'Plan Rows')::int BETWEEN 1 AND 200 AS two_tags FROM explain_json($$SELECT * FROM tag_no_stats WHERE tags @@ 'a & b'$$) plan;
-- a column with few different sets: correlations are known
CREATE TABLE tag_few AS SELECT ((ARRAY['a, b', 'a, b', 'c'])[1 + i % 3])::tagset AS tags FROM generate_series(1, 3000) i;
CREATE INDEX ON tag_few USING gin (tags);
ANALYZE tag_few;
CREATE FUNCTION estimate_few(query text) RETURNS text LANGUAGE sql AS
  $$SELECT explain_json(format('SELECT * FROM tag_few WHERE tags @@ %L', query))->0->'Plan'->>'Plan Rows'$$;
SELECT estimate_few('a & b') AS together, estimate_few('a & c') AS never, estimate_few('!c') AS negation, estimate_few('a & !c') AS both;
DROP TABLE tag_rows, tag_segments, tag_stats, tag_no_stats, tag_few;
DROP FUNCTION random_tag, random_query, random_set, ids, oracle, compare, compare_partial, plan, explain_json, estimate, actual, estimate_few;
