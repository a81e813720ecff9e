-- Similarity by content: items by the tags they share.
SET client_min_messages = warning;
-- weights of all kinds, items without tags, the same item twice, and a tag that all others have
CREATE TABLE sc_items AS
SELECT g % 55 - 5 AS id,
       (SELECT 'everywhere' || coalesce(',' || string_agg(format('"t %s"=%s', t, (ARRAY[0.25, 1, 1, 2.5, -1])[1 + abs(hashint4(g * 100 + t)) % 5]), ','), '')
        FROM generate_series(1, 14) t WHERE hashint4(g * 1000 + t) % 4 = 0)::tagset AS tags
FROM generate_series(1, 60) g;
INSERT INTO sc_items VALUES (900, ''), (901, NULL), (NULL, 't'), (902, '梨, only=3'), (903, '梨');
CREATE VIEW sc_x AS
SELECT id AS i, tag AS u, sum(weight)::float8 AS x
FROM (SELECT id, u.tag, u.weight FROM sc_items, tags(tags) u) q
WHERE id IS NOT NULL GROUP BY 1, 2 HAVING sum(weight) > 0;

-- the definition: cosine of the tags' weights, plain or times the rarity of the tags
CREATE FUNCTION sc_oracle(v text, uw text) RETURNS TABLE (item int, neighbour int, score float8, together bigint)
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format($q$
    WITH u AS (SELECT u, count(*)::float8 AS k FROM sc_x GROUP BY u), m AS (SELECT count(DISTINCT i)::float8 AS m FROM sc_x),
    r AS (SELECT x.u, x.i, %s AS v, %s AS uw FROM sc_x x JOIN u USING (u), m),
    g AS (SELECT i, sum(uw * v * v) AS g FROM r GROUP BY i)
    SELECT a.i, b.i, (sum(a.uw * a.v * b.v) / sqrt(min(ga.g) * min(gb.g)))::float8, count(*)
    FROM r a JOIN r b ON a.u = b.u AND a.i <> b.i JOIN g ga ON ga.i = a.i JOIN g gb ON gb.i = b.i
    GROUP BY a.i, b.i HAVING sum(a.uw * a.v * b.v) > 1e-12$q$, v, uw);
END $$;
SELECT what, count(*) > 1000 AS enough,
       count(*) FILTER (WHERE o.item IS NULL OR s.item IS NULL OR o.together <> s.together
                        OR abs(o.score - s.score) > 1e-6 * o.score) AS differ
FROM (SELECT 'plain' AS what, o.* FROM sc_oracle('x', '1') o
      UNION ALL SELECT 'default', o.* FROM sc_oracle('x', '1 / sqrt(k)') o
      UNION ALL SELECT 'rare', o.* FROM sc_oracle('sqrt(x)', 'greatest(ln(m / (1 + k)), 0) ^ 2') o) o
FULL JOIN (SELECT 'plain' AS what, s.* FROM tag_similarity('SELECT id, tags FROM sc_items', 1000, 'cosine') s
           UNION ALL SELECT 'default', s.* FROM tag_similarity('SELECT id, tags FROM sc_items', 1000) s
           UNION ALL SELECT 'rare', s.* FROM tag_similarity('SELECT id, tags FROM sc_items', 1000, 'tfidf') s) s
USING (what, item, neighbour) GROUP BY what ORDER BY what;

-- plain it is what the distance of tagsets says
CREATE TABLE sc_once AS SELECT DISTINCT ON (id) id, replace(tags::text, '=-', '=')::tagset AS tags FROM sc_items ORDER BY id, tags;
SELECT count(*) > 100 AS enough, count(*) FILTER (WHERE abs(s.score - (1 - (a.tags <=> b.tags))) > 1e-6) AS differ
FROM tag_similarity('SELECT id, tags FROM sc_once', 1000, 'cosine') s
JOIN sc_once a ON a.id = s.item JOIN sc_once b ON b.id = s.neighbour;

-- the aggregate has the same rows in the same order; other types of items, measures and options
SELECT o.measure, count(*) > 200 AS enough, count(*) FILTER (WHERE a IS DISTINCT FROM b) AS differ
FROM unnest('{tfidf, cosine, jaccard, cooccurrence}'::text[]) o(measure),
LATERAL (SELECT * FROM
  (SELECT r::text AS a, row_number() OVER () AS place FROM tag_similarity('SELECT id, tags FROM sc_items', 5, o.measure, min_together => 2) r) x
  FULL JOIN (SELECT r::text AS b, place FROM (SELECT tag_similarity_agg(id, tags, similarity_options(o.measure, 5, min_together => 2)) l FROM sc_items) q,
             unnest(l) WITH ORDINALITY p(item, neighbour, score, together, place), LATERAL (SELECT item, neighbour, score, together) r) y USING (place)) q
GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM (
  SELECT item::int, neighbour::int, score, together FROM tag_similarity(NULL::text, 'SELECT id::text, tags::text[] FROM sc_items', 1000)
  EXCEPT SELECT r.item, r.neighbour, r.score, r.together FROM (SELECT tag_similarity_agg(id, tags::text[]::tagset, similarity_options(n => 1000)) l FROM sc_items) q, unnest(l) r) d;
SELECT count(*) FROM (
  SELECT r.item::int, r.neighbour::int, r.score FROM (SELECT tag_similarity_agg(id::text, tags) l FROM sc_items) q, unnest(l) r
  UNION ALL SELECT item::int, neighbour::int, score FROM tag_similarity(NULL::numeric, 'SELECT id, tags FROM sc_items')) d;
SELECT pg_typeof(item), count(*) FROM tag_similarity(NULL::uuid, 'SELECT md5(id::text)::uuid, tags FROM sc_items', 3) GROUP BY 1;
SELECT r.item, r.neighbour, round(r.score::numeric, 6) AS score, r.together
FROM (SELECT tag_similarity_agg(id, tags) l FROM sc_items WHERE id > 900) q, unnest(l) r;
SELECT tag_similarity_agg(id, tags) FROM sc_items WHERE false;

-- any order of rows, partition-wise, with and without workers of our own
CREATE TABLE sc_parts (LIKE sc_items) PARTITION BY LIST ((id % 2));
CREATE TABLE sc_parts0 PARTITION OF sc_parts FOR VALUES IN (0);
CREATE TABLE sc_parts1 PARTITION OF sc_parts DEFAULT;
INSERT INTO sc_parts SELECT * FROM sc_items ORDER BY md5(sc_items::text);
ALTER FUNCTION recsys_similarity_serialize COST 1;
ALTER FUNCTION recsys_similarity_deserialize COST 1;
SET enable_partitionwise_aggregate = on;
EXPLAIN (COSTS OFF) SELECT tag_similarity_agg(id, tags) FROM sc_parts;
SELECT (SELECT tag_similarity_agg(id, tags)::text FROM sc_parts) = (SELECT tag_similarity_agg(id, tags)::text FROM sc_items) AS same;
RESET enable_partitionwise_aggregate;
ALTER FUNCTION recsys_similarity_serialize COST 1000000;
ALTER FUNCTION recsys_similarity_deserialize COST 1000000;
SELECT count(DISTINCT l) FROM (
  SELECT tag_similarity_agg(id, tags)::text l FROM (SELECT * FROM sc_items ORDER BY id, tags) o
  UNION ALL SELECT tag_similarity_agg(id, tags)::text FROM (SELECT * FROM sc_items ORDER BY tags DESC, id DESC) o) q;
CREATE TABLE sc_many AS
SELECT i, (SELECT string_agg('t' || abs(hashint4(i * 13 + t)) % (20 * t), ',') FROM generate_series(1, 12) t)::tagset AS tags
FROM generate_series(1, 8000) i;
SET max_parallel_maintenance_workers = 0;
CREATE TABLE sc_bits AS SELECT md5(string_agg(s::text, ' ')) AS bits FROM tag_similarity('SELECT i, tags FROM sc_many', 10) s;
SET max_parallel_maintenance_workers = 2;
INSERT INTO sc_bits SELECT md5(string_agg(s::text, ' ')) AS bits FROM tag_similarity('SELECT i, tags FROM sc_many', 10) s;
SELECT count(*), count(DISTINCT bits) FROM sc_bits;
RESET max_parallel_maintenance_workers;
-- a tag that very many items have can be limited
SET client_min_messages = notice;
SELECT count(*) FROM tag_similarity('SELECT i, tags FROM sc_many WHERE i <= 200', 3, 'cosine', max_per_user => 8);
SET client_min_messages = warning;

\set VERBOSITY sqlstate
SELECT * FROM tag_similarity(NULL);
SELECT * FROM tag_similarity('SELECT 1');
SELECT * FROM tag_similarity('SELECT 1, 2');
SELECT * FROM tag_similarity('SELECT id, tags, 1 FROM sc_items');
SELECT * FROM tag_similarity('SELECT ''x''::text, ''y''::text');
SELECT * FROM tag_similarity('SELECT id, tags FROM sc_items', measure => 'cosinus');
SELECT tag_similarity_agg(id, tags, similarity_options(tune => true)) FROM sc_items;
SELECT tag_similarity_agg(id, tags, similarity_options(half_life => '1 day')) FROM sc_items;
SELECT tag_similarity_agg(id, tags, NULL) FROM sc_items;

DROP TABLE sc_items, sc_once, sc_parts, sc_many, sc_bits CASCADE;
DROP FUNCTION sc_oracle;
