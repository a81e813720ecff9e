-- Item similarity: neighbours by the users that items share.

-- by hand: item 1 and 2 share two of their users
SELECT r.item, r.neighbour, round(r.score::numeric, 6) AS score, r.together
FROM (SELECT item_similarity_agg(u, i, similarity_options('cosine')) a
      FROM (VALUES (1, 1), (1, 2), (2, 1), (2, 2), (3, 2), (3, 3), (4, 4)) v(u, i)) q, unnest(a) r;

-- nothing in, nothing out; one row; NULLs are not interactions
SELECT item_similarity_agg(u, i) FROM (VALUES (1, 1)) v(u, i) WHERE false;
SELECT item_similarity_agg(u, i) FROM (VALUES (1, 1)) v(u, i);
SELECT item_similarity_agg(u, i) FROM (VALUES (NULL::int, 1), (1, NULL)) v(u, i);

-- random data with duplicates, ties, zero and negative weights, users and items without any
SELECT setseed(0.5);
CREATE TABLE sim_rows AS
SELECT (random() * 60)::int AS u, (power(random(), 2) * 40)::bigint - 20 AS i,
       ((random() * 6)::int - 1)::float8 AS w
FROM generate_series(1, 1500);
INSERT INTO sim_rows SELECT 1000 + g, 77, 1 FROM generate_series(1, 3) g;
INSERT INTO sim_rows VALUES (NULL, 5, 1), (5, NULL, 1), (2000, 9223372036854775807, 2),
       (2000, -9223372036854775808, 3), (2001, 9223372036854775807, 0), (2001, 4, 5);

-- the definition in plain SQL: sums per user and item, of which those above 0 count
CREATE VIEW sim_x AS
SELECT u, i, sum(w) AS x FROM sim_rows WHERE u IS NOT NULL AND i IS NOT NULL
GROUP BY u, i HAVING sum(w) > 0;

CREATE VIEW sim_cosine AS
SELECT item, neighbour, score, together,
       row_number() OVER (PARTITION BY item ORDER BY round(score::numeric, 9) DESC, neighbour) AS place
FROM (SELECT a.i AS item, b.i AS neighbour, count(*) AS together,
             sum(a.x * b.x) / (sqrt(max(na.s)) * sqrt(max(nb.s))) AS score
      FROM sim_x a JOIN sim_x b ON a.u = b.u AND a.i <> b.i
      JOIN (SELECT i, sum(x * x) s FROM sim_x GROUP BY i) na ON na.i = a.i
      JOIN (SELECT i, sum(x * x) s FROM sim_x GROUP BY i) nb ON nb.i = b.i
      GROUP BY 1, 2) q;

CREATE TABLE sim_result AS
SELECT r.*, r.place AS row_place, row_number() OVER (PARTITION BY item ORDER BY r.place) AS n_place
FROM (SELECT item_similarity_agg(u, i, w, similarity_options('cosine', n => 7)) a FROM sim_rows) q,
     unnest(a) WITH ORDINALITY r(item, neighbour, score, together, place);
SELECT count(*) > 150 AS enough FROM sim_result;
SELECT * FROM (SELECT item, neighbour, together, place FROM sim_cosine WHERE place <= 7) o
FULL JOIN (SELECT item, neighbour, together, n_place AS place FROM sim_result) s
USING (item, neighbour, together, place) WHERE o.item IS NULL OR s.item IS NULL;
SELECT count(*) FROM sim_result r JOIN sim_cosine o USING (item, neighbour)
WHERE abs(r.score - o.score) > 1e-6 * o.score;
-- items in the order of their values
SELECT count(*) FROM (SELECT item, lag(item) OVER (ORDER BY row_place) AS before FROM sim_result) q
WHERE before > item;

-- users and items of other types: the same numbers
SELECT count(*) FROM (
  SELECT r.item::bigint, r.neighbour::bigint, r.score, r.together
  FROM (SELECT item_similarity_agg(md5(u::text)::uuid, i::text, w, similarity_options('cosine', n => 10000)) a
        FROM sim_rows) q, unnest(a) r
  EXCEPT
  SELECT r.* FROM (SELECT item_similarity_agg(u::text, i::numeric::bigint, w,
                          similarity_options('cosine', n => 10000)) a FROM sim_rows) q, unnest(a) r) d;
SELECT r.item, r.neighbour, r.together
FROM (SELECT item_similarity_agg(u, i COLLATE "C", similarity_options('cosine', n => 1)) a
      FROM (VALUES ('a', 'Äpfel'), ('a', '梨'), ('b', '梨'), ('b', 'fig'), ('é', 'fig'), ('é', '')) v(u, i)) q,
     unnest(a) r;

-- the order of rows does not matter, to the last bit
SELECT count(DISTINCT a::text) FROM (
  SELECT item_similarity_agg(u, i, w * 0.1, similarity_options(user_power => 0.5)) a FROM (SELECT * FROM sim_rows ORDER BY u, i, w) o
  UNION ALL
  SELECT item_similarity_agg(u, i, w * 0.1, similarity_options(user_power => 0.5)) FROM (SELECT * FROM sim_rows ORDER BY w, i DESC, u) o
  UNION ALL
  SELECT item_similarity_agg(u, i, w * 0.1, similarity_options(user_power => 0.5)) FROM (SELECT * FROM sim_rows ORDER BY md5(sim_rows::text)) o) q;

-- in groups
SELECT count(*) FROM (
  SELECT g, item_similarity_agg(u, i, w) a FROM (SELECT *, u % 3 AS g FROM sim_rows) s GROUP BY g) q
WHERE a IS DISTINCT FROM (SELECT item_similarity_agg(u, i, w) FROM sim_rows WHERE u % 3 IS NOT DISTINCT FROM g);

-- parallel and partition-wise plans
CREATE TABLE sim_parts (LIKE sim_rows) PARTITION BY HASH (i);
CREATE TABLE sim_parts0 PARTITION OF sim_parts FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE sim_parts1 PARTITION OF sim_parts FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE sim_parts2 PARTITION OF sim_parts FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO sim_parts SELECT * FROM sim_rows;
CREATE FUNCTION sim_plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
    IF line ~ 'Partial|Finalize' THEN RETURN NEXT btrim(line, ' ->'); END IF;
  END LOOP;
END $$;
-- such plans ship all rows, and cost what they cost: here they are wanted
ALTER FUNCTION recsys_similarity_serialize COST 1;
ALTER FUNCTION recsys_similarity_deserialize COST 1;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT sim_plan('SELECT item_similarity_agg(u, i, w) FROM sim_rows');
CREATE TABLE sim_parallel AS SELECT 'weighted' AS what, item_similarity_agg(u, i, w)::text AS a FROM sim_rows
UNION ALL SELECT 'text', item_similarity_agg(u::text, i::text)::text FROM sim_rows
UNION ALL SELECT 'options', item_similarity_agg(u, i, similarity_options('llr'))::text FROM sim_rows;
SET max_parallel_workers_per_gather = 0;
SET enable_partitionwise_aggregate = on;
SELECT sim_plan('SELECT item_similarity_agg(u, i, w) FROM sim_parts');
INSERT INTO sim_parallel SELECT 'weighted', item_similarity_agg(u, i, w)::text FROM sim_parts
UNION ALL SELECT 'text', item_similarity_agg(u::text, i::text)::text FROM sim_parts
UNION ALL SELECT 'options', item_similarity_agg(u, i, similarity_options('llr'))::text FROM sim_parts;
SET enable_partitionwise_aggregate = off;
SELECT what, count(*), count(DISTINCT a), max(length(a)) > 10000 AS long FROM (
  TABLE sim_parallel
  UNION ALL SELECT 'weighted', item_similarity_agg(u, i, w)::text FROM sim_rows
  UNION ALL SELECT 'text', item_similarity_agg(u::text, i::text)::text FROM sim_rows
  UNION ALL SELECT 'options', item_similarity_agg(u, i, similarity_options('llr'))::text FROM sim_rows) q
GROUP BY what ORDER BY what;
ALTER FUNCTION recsys_similarity_serialize COST 1000000;
ALTER FUNCTION recsys_similarity_deserialize COST 1000000;
RESET ALL;

-- enough for workers of our own, and for a file: the same bits with and without
CREATE TABLE sim_big AS
SELECT g % 2000 AS u, (power((hashint4(g)::bigint + 2147483648) / 4294967296.0, 2) * 300)::int AS i, 1 + g % 3 AS w
FROM generate_series(1, 300000) g;
SET max_parallel_maintenance_workers = 2;
CREATE TABLE sim_bits AS SELECT 1 AS run, md5(item_similarity_agg(u, i, w)::text) AS weighted,
  md5(item_similarity_agg(u, i, similarity_options('jaccard'))::text) AS counted FROM sim_big;
SET max_parallel_maintenance_workers = 0;
INSERT INTO sim_bits SELECT 2, md5(item_similarity_agg(u, i, w)::text),
  md5(item_similarity_agg(u, i, similarity_options('jaccard'))::text) FROM sim_big;
SET maintenance_work_mem = '5MB';
INSERT INTO sim_bits SELECT 3, md5(item_similarity_agg(u, i, w)::text),
  md5(item_similarity_agg(u, i, similarity_options('jaccard'))::text) FROM sim_big;
SELECT count(*), count(DISTINCT weighted), count(DISTINCT counted) FROM sim_bits;
RESET ALL;

-- which of two users a sample keeps that differ in their weights alone is no matter of who came first
SELECT a = b AS same, cardinality(a) AS rows FROM (
  SELECT item_similarity_agg(u, i, w, o ORDER BY u, i) AS a, item_similarity_agg(u, i, w, o ORDER BY u DESC, i) AS b
  FROM unnest(ARRAY['u1', 'u2']) u, generate_series(1, 8) i, LATERAL (SELECT CASE u WHEN 'u1' THEN 1 ELSE 5 END::float8 AS w) r,
    similarity_options('cooccurrence', transform => 'none', max_per_item => 1) o) q;
-- weights that have decayed to next to nothing still count for what they are
SELECT count(*) FROM item_similarity('VALUES (1, 1, 1e-8::float8), (1, 2, 1e-8)');
SELECT a.item, a.neighbour, a.score / b.score BETWEEN 0.999 AND 1.001 AS same
FROM item_similarity('VALUES (1, 1, 2e-7::float8), (1, 2, 3e-7), (2, 1, 1e-7), (2, 3, 4e-7)', measure => 'cosine', normalization => 'none') a
JOIN item_similarity('VALUES (1, 1, 2e-7::float8), (1, 2, 3e-7), (2, 1, 1e-7), (2, 3, 4e-7)', measure => 'cosine', normalization => 'none', transform => 'none') b
  USING (item, neighbour) ORDER BY 1, 2;

-- scores that dividing makes equal are ties, too
SELECT neighbour, score FROM item_similarity('VALUES (1, 1, 1::float8), (1, 2, 1073741760), (1, 3, 1073741760), (1, 4, 1073741760), (1, 5, 1073677760),
    (2, 1, 1), (2, 2, 62.5), (2, 3, 63), (2, 4, 63.5)', user_power => 0, alpha => 0, beta => 0, shrink => 0, transform => 'none') WHERE item = 1;

-- short lists, and then one of thousands, on either side
SELECT side, count(*), max(score) <= 1 AS normalized FROM unnest(ARRAY['from', 'to']) side, LATERAL
  cross_similarity(format('SELECT 0, f, t FROM generate_series(1, 11) f, generate_series(1, 10) t UNION ALL SELECT 1, %s',
    CASE side WHEN 'from' THEN '100, g FROM generate_series(1000, 3900) g' ELSE 'g, 100 FROM generate_series(1000, 3900) g' END),
    n => 10000, measure => 'jaccard', normalization => 'neighbour')
GROUP BY side ORDER BY side;

-- errors
\set VERBOSITY sqlstate
SELECT item_similarity_agg(u, i, NULL::float8) FROM sim_rows;
SELECT item_similarity_agg(u, i, float8 'NaN') FROM sim_rows;
SELECT item_similarity_agg(u, i, float8 'Infinity') FROM sim_rows;
SELECT item_similarity_agg(u, i, 1e300) FROM sim_rows;
SELECT item_similarity_agg(u, i, NULL::similarity_options) FROM sim_rows;
SELECT item_similarity_agg(point(u, i), i) FROM sim_rows;
SELECT count(*) FROM item_similarity('VALUES (1, 1, 3e38::float8), (1, 1, 3e38), (1, 2, 1)');
SELECT count(*) FROM item_similarity('VALUES (1, 1, 1e4::float8), (1, 2, 1)', measure => 'p3alpha', alpha => 10, transform => 'none');
SELECT count(*) FILTER (WHERE score > 0 AND score < 'Infinity') FROM item_similarity('VALUES (1, 1, 1e-17::float8), (1, 2, 1e-17)', measure => 'cooccurrence', transform => 'none', alpha => 10, beta => 10);
-- more than an array can hold: refused before the work
SELECT item_similarity_agg(1, i, similarity_options('cosine', n => 10000)) FROM generate_series(1, 5000) i;
SELECT item_similarity_agg(1, i::text, similarity_options('cosine', n => 10000)) FROM generate_series(1, 5000) i;
SELECT similarity_options('cosinus');
SELECT similarity_options(n => 0);
SELECT similarity_options('jaccard', alpha => 0.5);
SELECT similarity_options(shrink => 'NaN');
SELECT similarity_options(min_together => 0);
SET maintenance_work_mem = '1MB';
SELECT item_similarity_agg(u, i, w) FROM sim_big;
RESET maintenance_work_mem;
\set VERBOSITY default
SELECT item_similarity_agg(u, i, similarity_options('cosinus')) FROM sim_rows;
SELECT similarity_options('lift', beta => 1);

SET client_min_messages = warning;
DROP TABLE sim_rows, sim_parts, sim_parallel, sim_result, sim_big, sim_bits CASCADE;
DROP FUNCTION sim_plan;
