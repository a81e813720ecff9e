-- The other doors to item similarity: queries, other kinds of things, tuning.
SET client_min_messages = warning;
CREATE TABLE sd_rows AS
SELECT g % 83 AS u, abs(hashint4(g)) % 41 AS i, 1 + g % 4 AS w, date '2024-01-01' + g % 60 AS ts
FROM generate_series(1, 1500) g;

-- the same rows as from the aggregate, in the same order
SELECT count(*) > 1000 AS enough, count(*) FILTER (WHERE a IS DISTINCT FROM b) AS differ
FROM (SELECT r::text AS a, row_number() OVER () AS place FROM item_similarity('SELECT u, i, w FROM sd_rows', 1000, 'cosine') r) x
FULL JOIN (SELECT r::text AS b, place FROM (SELECT item_similarity_agg(u, i, w, similarity_options('cosine', 1000)) l FROM sd_rows) q,
           unnest(l) WITH ORDINALITY p(item, neighbour, score, together, place),
           LATERAL (SELECT item, neighbour, score, together) r) y USING (place);
-- items of other types: int and varchar of the query become what the witness is
SELECT count(*) FROM (
  SELECT item::int, neighbour::int, score, together
  FROM item_similarity(NULL::text, 'SELECT u, i::varchar FROM sd_rows', n => 1000)
  EXCEPT SELECT * FROM item_similarity('SELECT u::text, i FROM sd_rows', n => 1000)) d;
SELECT pg_typeof(item), count(*), sum(together) FROM item_similarity(NULL::uuid,
  'SELECT u, md5(i::text)::uuid FROM sd_rows', measure => 'lift', n => 5) GROUP BY 1;
SELECT pg_typeof(item), count(*) FROM item_similarity(NULL::numeric, 'SELECT u, i FROM sd_rows', n => 5) GROUP BY 1;
SELECT count(*) FROM item_similarity('SELECT u, i FROM sd_rows WHERE false');
-- options by name, with a time in the query
SELECT count(*) FROM (
  SELECT * FROM item_similarity('SELECT u, i, w, ts FROM sd_rows', measure => 'cosine', half_life => '5 days', as_of => '2024-02-01', n => 1000)
  EXCEPT SELECT r.* FROM (SELECT item_similarity_agg(u, i, w, ts, similarity_options('cosine', half_life => '5 days',
                          as_of => '2024-02-01', n => 1000)) l FROM sd_rows) q, unnest(l) r) d;

-- from one kind of thing to another, against plain SQL: cosine, conditional, lift
CREATE TABLE sd_events AS
SELECT abs(hashint4(g)) % 70 AS u, CASE WHEN g % 3 = 0 THEN 'term ' || abs(hashint4(g + 7000)) % 12 END AS term,
       CASE WHEN g % 3 > 0 OR g % 2 = 0 THEN abs(hashint4(g + 90000)) % 19 END AS i
FROM generate_series(1, 700) g;
CREATE VIEW sd_cross AS
WITH s AS (SELECT u, term, count(*)::float8 AS x FROM sd_events WHERE term IS NOT NULL GROUP BY 1, 2),
t AS (SELECT u, i, count(*)::float8 AS x FROM sd_events WHERE i IS NOT NULL GROUP BY 1, 2),
n AS (SELECT count(DISTINCT u) AS n FROM sd_events WHERE term IS NOT NULL OR i IS NOT NULL)
SELECT s.term, t.i, sum(s.x * t.x) / sqrt(min(sd.g) * min(td.g)) AS cosine,
       count(*) / min(sd.d)::float8 AS conditional, count(*) * min(n) / (min(sd.d) * min(td.d)::float8) AS lift,
       count(*) AS together
FROM s JOIN t USING (u)
JOIN (SELECT term, count(*) AS d, sum(x * x) AS g FROM s GROUP BY 1) sd USING (term)
JOIN (SELECT i, count(*) AS d, sum(x * x) AS g FROM t GROUP BY 1) td USING (i), n
GROUP BY s.term, t.i;
SELECT coalesce(measure, r.m) AS measure, count(*), count(*) FILTER (WHERE o.i IS NULL OR item IS NULL OR o.together <> r.together
       OR abs(score - CASE measure WHEN 'cosine' THEN cosine WHEN 'lift' THEN lift ELSE conditional END) > 1e-6) AS differ
FROM sd_cross o CROSS JOIN unnest('{cosine, conditional, lift}'::text[]) measure
FULL JOIN (SELECT m, r.* FROM unnest('{cosine, conditional, lift}'::text[]) m,
             LATERAL (SELECT cross_similarity_agg(u, term, i, similarity_options(m, n => 100)) l FROM sd_events) q,
             unnest(l) r) r ON (o.term, o.i, measure) = (r.item, r.neighbour, m)
GROUP BY 1 ORDER BY 1;
-- with weights of events, negative ones too, and the query door: the same numbers
CREATE TABLE sd_weighted AS
SELECT abs(hashint4(g)) % 40 AS u, CASE WHEN g % 3 = 0 THEN abs(hashint4(g + 7000)) % 12 END AS f,
       CASE WHEN g % 3 > 0 OR g % 2 = 0 THEN abs(hashint4(g + 90000)) % 19 END AS t,
       abs(hashint4(g + 400)) % 6 - 1 AS w, date '2024-01-01' + g % 60 AS ts
FROM generate_series(1, 900) g;
INSERT INTO sd_weighted VALUES (NULL, 1, 1, 1, '2024-01-05'), (1, NULL, NULL, NULL, NULL);
CREATE VIEW sd_weighted_cross AS
WITH s AS (SELECT u, f, sum(w)::float8 AS x FROM sd_weighted WHERE f IS NOT NULL AND u IS NOT NULL GROUP BY 1, 2 HAVING sum(w) > 0),
t AS (SELECT u, t, sum(w)::float8 AS x FROM sd_weighted WHERE t IS NOT NULL AND u IS NOT NULL GROUP BY 1, 2 HAVING sum(w) > 0)
SELECT s.f AS item, t.t AS neighbour, sum(s.x * t.x) / sqrt(min(sd.g) * min(td.g)) AS score, count(*) AS together
FROM s JOIN t USING (u)
JOIN (SELECT f, sum(x * x) AS g FROM s GROUP BY 1) sd USING (f)
JOIN (SELECT t, sum(x * x) AS g FROM t GROUP BY 1) td USING (t)
GROUP BY 1, 2;
SELECT door, count(*) > 150 AS enough, count(*) FILTER (WHERE o.item IS NULL OR s.item IS NULL OR o.together <> s.together
       OR abs(o.score - s.score) > 1e-6 * o.score) AS differ
FROM (SELECT door, o.* FROM sd_weighted_cross o, unnest('{aggregate, query, text}'::text[]) door) o
FULL JOIN (SELECT 'aggregate' AS door, r.* FROM (SELECT cross_similarity_agg(u, f, t, w, similarity_options('cosine', 100)) l FROM sd_weighted) q, unnest(l) r
  UNION ALL SELECT 'query', s.* FROM cross_similarity('SELECT u, f, t, w FROM sd_weighted', 100, 'cosine') s
  UNION ALL SELECT 'text', item::bigint, neighbour, score, together
    FROM cross_similarity(NULL::text, NULL::bigint, 'SELECT u, f::text, t, w FROM sd_weighted', 100, 'cosine')) s
USING (door, item, neighbour) GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM (SELECT row_number() OVER (), s::text FROM cross_similarity('SELECT u, f, t, w FROM sd_weighted', 3, shrink => 2) s
  EXCEPT SELECT row_number() OVER (), r::text FROM (SELECT cross_similarity_agg(u, f, t, w, similarity_options(n => 3, shrink => 2)) l FROM sd_weighted) q, unnest(l) r) d;
-- without options: weights count by the default measure
SELECT (SELECT cross_similarity_agg(u, f::bigint, t::bigint, w::float8)::text FROM sd_weighted)
     = (SELECT cross_similarity_agg(u, f::bigint, t::bigint, w::float8, similarity_options())::text FROM sd_weighted) AS same;
-- time decay is what weights multiplied by it are; both kinds have one newest time
SELECT count(*) > 100 AS enough, count(*) FILTER (WHERE a.item IS NULL OR b.item IS NULL OR abs(a.score - b.score) > 1e-6) AS differ
FROM cross_similarity('SELECT u, f, t, abs(w), ts FROM sd_weighted', 100, 'cosine', half_life => '10 days') a
FULL JOIN (SELECT r.* FROM (SELECT cross_similarity_agg(u, f, t, abs(w) * 0.5 ^ ((date '2024-02-29' - ts) / 10.0)::float8,
             similarity_options('cosine', 100)) l FROM sd_weighted) q, unnest(l) r) b USING (item, neighbour);
SELECT count(*) FROM (
  SELECT r.item, r.neighbour, r.score FROM (SELECT cross_similarity_agg(u, f::text, t, w, ts, similarity_options('cosine', 100,
    half_life => '7 days', as_of => '2024-02-01')) l FROM sd_weighted) q, unnest(l) r
  EXCEPT SELECT item, neighbour, score FROM cross_similarity(NULL::text, NULL::bigint, 'SELECT u, f::text, t, w, ts FROM sd_weighted',
    100, 'cosine', half_life => '7 days', as_of => '2024-02-01')) d;
-- any order of rows; ids of any two types; several processes
SELECT count(DISTINCT l) FROM (
  SELECT cross_similarity_agg(u, f, t, w, similarity_options(user_power => 0.5))::text l FROM (SELECT * FROM sd_weighted ORDER BY u, f, t, w) o
  UNION ALL SELECT cross_similarity_agg(u, f, t, w, similarity_options(user_power => 0.5))::text FROM (SELECT * FROM sd_weighted ORDER BY w, t DESC, f) o) q;
SELECT pg_typeof(item), pg_typeof(neighbour), count(*)
FROM cross_similarity(NULL::numeric, NULL::uuid, 'SELECT u, f, md5(t::text)::uuid FROM sd_weighted', 2) GROUP BY 1, 2;
-- the sides swapped, and each neighbour kept by its best
SELECT count(*) FROM (
  SELECT r.neighbour::text, r.item, r.score
  FROM (SELECT cross_similarity_agg(u, term, i, similarity_options('jaccard', n => 100)) l FROM sd_events) q, unnest(l) r
  EXCEPT
  SELECT r.item, r.neighbour, r.score FROM (SELECT cross_similarity_agg(u, i::text, term,
    similarity_options('jaccard', n => 100, prune => 'neighbour')) l FROM sd_events) q, unnest(l) r) d;
-- both kinds the same: also an item and itself
SELECT cross_similarity_agg(u, a::bigint, b::bigint, similarity_options('conditional'))
FROM (VALUES (1, 1, 1), (1, NULL, 2), (2, 1, 2)) v(u, a, b);
-- order of rows, and a partition-wise plan
CREATE TABLE sd_parts (LIKE sd_events) PARTITION BY HASH (u);
CREATE TABLE sd_parts0 PARTITION OF sd_parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE sd_parts1 PARTITION OF sd_parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO sd_parts SELECT * FROM sd_events ORDER BY md5(sd_events::text);
ALTER FUNCTION recsys_similarity_serialize COST 1;
ALTER FUNCTION recsys_similarity_deserialize COST 1;
SET enable_partitionwise_aggregate = on;
EXPLAIN (COSTS OFF) SELECT cross_similarity_agg(u, term, i) FROM sd_parts;
SELECT (SELECT cross_similarity_agg(u, term, i)::text FROM sd_parts) = (SELECT cross_similarity_agg(u, term, i)::text FROM sd_events) AS same;
RESET enable_partitionwise_aggregate;
ALTER FUNCTION recsys_similarity_serialize COST 1000000;
ALTER FUNCTION recsys_similarity_deserialize COST 1000000;

-- tuning: the same choice for any order of rows
CREATE TABLE sd_tastes AS
SELECT u, CASE WHEN g < 4 THEN abs(hashint4(u * 31 + g)) % 8 ELSE 100 + (u % 20) * 12 + abs(hashint4(u * 57 + g)) % 12 END AS i
FROM generate_series(1, 600) u, generate_series(1, 12) g;
SET client_min_messages = notice;
SELECT count(*) FROM item_similarity('SELECT u, i FROM sd_tastes', tune => true);
SELECT count(*) FROM item_similarity('SELECT u, i FROM sd_tastes ORDER BY md5((u, i)::text)', tune => true);
SELECT count(*) FROM item_similarity('SELECT u, i FROM sd_tastes', tune => true, n => 10);
SELECT count(*) FROM item_similarity('SELECT u, i FROM sd_tastes WHERE u < 10', tune => true);
-- what is given is kept
SELECT count(*) FROM item_similarity('SELECT u, i FROM sd_tastes', tune => true, n => 20, min_together => 2, normalization => 'none');
SELECT count(*) FROM item_similarity('SELECT u, i FROM sd_tastes', tune => true, n => 20, min_together => 1, normalization => 'none');
-- little memory: a smaller sample
SET maintenance_work_mem = '1MB';
SELECT count(*) FROM item_similarity('SELECT u, i FROM sd_tastes', tune => true, n => 100);
SET maintenance_work_mem = '2MB';
SELECT count(*) FROM item_similarity('SELECT u, i FROM sd_tastes', tune => true, n => 100);
RESET maintenance_work_mem;
SET client_min_messages = warning;
-- the model is that of the setting that was said, with and without workers
SET max_parallel_maintenance_workers = 0;
SELECT count(*) FROM (SELECT row_number() OVER (), s::text FROM item_similarity('SELECT u, i FROM sd_tastes', tune => true) s
  EXCEPT SELECT row_number() OVER (), s::text FROM item_similarity('SELECT u, i FROM sd_tastes', n => 100, user_power => 0,
    beta => 0.55, shrink => 5, normalization => 'item') s) d;
RESET max_parallel_maintenance_workers;

-- row-level security and privileges are those of the caller
CREATE ROLE recsys_sim_reader;
SET ROLE recsys_sim_reader;
SELECT count(*) FROM item_similarity('SELECT u, i FROM sd_rows');
RESET ROLE;
GRANT SELECT ON sd_rows TO recsys_sim_reader;
ALTER TABLE sd_rows ENABLE ROW LEVEL SECURITY;
CREATE POLICY sd_policy ON sd_rows FOR SELECT TO recsys_sim_reader USING (i < 3);
SET ROLE recsys_sim_reader;
SELECT DISTINCT item FROM item_similarity('SELECT u, i FROM sd_rows') ORDER BY 1;
RESET ROLE;
DROP TABLE sd_rows;
DROP ROLE recsys_sim_reader;

\set VERBOSITY sqlstate
SELECT * FROM item_similarity(NULL);
SELECT * FROM item_similarity('SELECT 1');
SELECT * FROM item_similarity('SELECT 1, 2, 3, now(), 5');
SELECT * FROM item_similarity('DELETE FROM sd_events');
SELECT * FROM item_similarity('SELECT 1, ''x''::text');
SELECT * FROM item_similarity('SELECT 1, 2, NULL::float8');
SELECT * FROM item_similarity('SELECT 1, 2, 1', half_life => '1 day');
SELECT * FROM item_similarity('SELECT 1, 2, 1, NULL::date', half_life => '1 day');
SELECT * FROM item_similarity('SELECT 1, 2, 1, ''-infinity''::date', half_life => '1 day');
SELECT * FROM item_similarity('SELECT 1, 2', n => 0);
SELECT * FROM item_similarity('SELECT 1, 2', measure => 'cosine', tune => true);
SELECT * FROM item_similarity('SELECT 1, 2', prune => 'neighbour', tune => true);
SELECT cross_similarity_agg(u, term, i, similarity_options(tune => true)) FROM sd_events;
SELECT cross_similarity_agg(u, term, i, NULL::similarity_options) FROM sd_events;
SELECT cross_similarity_agg(u, f, t, w, similarity_options(half_life => '1 day')) FROM sd_weighted;
SELECT cross_similarity_agg(u, f, t, NULL::float8) FROM sd_weighted;
SELECT * FROM cross_similarity(NULL);
SELECT * FROM cross_similarity('SELECT 1, 2');
SELECT * FROM cross_similarity('SELECT 1, 2, 3, NULL::float8');
SELECT * FROM cross_similarity('SELECT 1, 2, 3, 4', half_life => '1 day');
SELECT * FROM cross_similarity('SELECT u, term, i FROM sd_events');
\set VERBOSITY default
SELECT * FROM item_similarity('SELECT 1, 2, 1', half_life => '1 day');
\set SHOW_CONTEXT never
SELECT * FROM item_similarity($$VALUES (1, 1.2), (1, 1.4)$$);
SELECT * FROM item_similarity($$VALUES (1, 'x'::text)$$);
SELECT * FROM item_similarity($$VALUES (1, '00000000-0000-0000-0000-000000000001'::uuid)$$);
SELECT * FROM cross_similarity($$VALUES (1, 'x'::text, 2)$$);
-- a time in the place of the weight; the name of a table is no query
SELECT * FROM item_similarity('SELECT 1, 2, now()');
SELECT * FROM cross_similarity('SELECT 1, 2, 3, current_date');
SELECT * FROM item_similarity('sd_events');
SELECT * FROM item_similarity(' "Public".sd_events
');
SELECT * FROM item_similarity('');

DROP TABLE sd_events, sd_parts, sd_tastes, sd_weighted CASCADE;
-- groups that a plan reads again: they are there once only
CREATE TABLE sd_groups AS SELECT g, u, ((u * 7 + k * k * 13 + g) % 50)::bigint AS i
FROM generate_series(1, 3) g, generate_series(1, 40) u, generate_series(1, 5) k;
ANALYZE sd_groups;
SELECT v.x, (SELECT sum(cardinality(s.a)) FROM (SELECT g, item_similarity_agg(u, i) AS a FROM sd_groups GROUP BY g OFFSET 0) s WHERE s.g >= v.x)
FROM (VALUES (1), (2), (3)) v(x);
WITH s AS MATERIALIZED (SELECT g, cardinality(item_similarity_agg(u, i)) AS n FROM sd_groups GROUP BY g)
SELECT v.x, (SELECT sum(n) > 0 FROM s WHERE s.g >= v.x) AS some FROM (VALUES (1), (2), (3)) v(x);
-- states in files that nobody reads to the end: no warning
SET maintenance_work_mem = '4MB';
SELECT cardinality(a) > 0 AS some FROM (SELECT g, item_similarity_agg((k * 7919 % 997)::bigint, (k % 173 * (k % 181) % 300)::bigint) AS a
  FROM generate_series(1, 200000) k, generate_series(1, 3) g GROUP BY g LIMIT 1) s;
BEGIN;
DECLARE sd_cursor CURSOR FOR SELECT cardinality(item_similarity_agg((k * 7919 % 997)::bigint, (k % 173 * (k % 181) % 300)::bigint)) > 0 AS some
  FROM generate_series(1, 200000) k, generate_series(1, 3) g GROUP BY g;
SAVEPOINT before;
FETCH 1 FROM sd_cursor;
ROLLBACK TO before;
FETCH 1 FROM sd_cursor;
CLOSE sd_cursor;
COMMIT;
SET temp_file_limit = '1MB';
\set VERBOSITY sqlstate
SELECT cardinality(item_similarity_agg((k * 7919 % 997)::bigint, (k % 173 * (k % 181) % 300)::bigint)) FROM generate_series(1, 400000) k;
\set VERBOSITY default
RESET temp_file_limit;
RESET maintenance_work_mem;
DROP TABLE sd_groups;
