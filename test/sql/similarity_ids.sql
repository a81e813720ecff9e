-- Users and items of any integers: near each other, far apart, at the ends of the type, as text.
SET client_min_messages = warning;
SELECT setseed(0.7);
CREATE TABLE si_rows AS
SELECT (random() * 400)::int AS u, (power(random(), 3) * 300)::int AS i, 1 + (random() * 3)::int AS w
FROM generate_series(1, 6000);
-- the order of items stays the same in all of these, and so do ties
CREATE FUNCTION si_same(query text, back text DEFAULT 'x', options text DEFAULT 'n => 20') RETURNS bool
LANGUAGE plpgsql AS $$
DECLARE
  same bool;
BEGIN
  EXECUTE format('WITH a AS MATERIALIZED (SELECT item, neighbour, score, together FROM item_similarity(''SELECT u, i, w FROM si_rows'', %1$s)),
      b AS MATERIALIZED (SELECT %2$s AS item, %3$s AS neighbour, score, together FROM item_similarity(%4$L, %1$s) s WHERE together > 0)
    SELECT (SELECT count(*) FROM a) > 1000 AND NOT EXISTS (TABLE a EXCEPT TABLE b) AND NOT EXISTS (TABLE b EXCEPT TABLE a)',
    options, replace(back, 'x', 'item'), replace(back, 'x', 'neighbour'), query) INTO same;
  RETURN same;
END $$;
SELECT si_same('SELECT u, i, w FROM si_rows ORDER BY i DESC, u') AS other_order,
  si_same('SELECT u::smallint, i::smallint, w FROM si_rows') AS smallint,
  si_same('SELECT u::bigint, i::bigint, w FROM si_rows') AS bigint,
  si_same('SELECT ''user '' || u, i, w FROM si_rows') AS text_users;
-- gaps: with and without values kept, and too many of them
SELECT si_same('SELECT u * 3, i * 3, w FROM si_rows', 'x / 3') AS few_gaps,
  si_same('SELECT u * 70, i * 70, w FROM si_rows', 'x / 70') AS many_gaps,
  si_same('SELECT u * 100000, i * 100000, w FROM si_rows', 'x / 100000') AS very_many_gaps,
  si_same('SELECT u * 1000000000000, i * 1000000000000, w FROM si_rows', 'x / 1000000000000') AS far_apart,
  si_same('SELECT u, i * 1000000000000, w FROM si_rows', 'x / 1000000000000') AS items_far_apart;
-- negative, and at the ends of the type
SELECT si_same('SELECT -u, i - 150, w FROM si_rows', 'x + 150') AS negative,
  si_same('SELECT u - 9223372036854775808, i - 9223372036854775808, w FROM si_rows', 'x + 9223372036854775808') AS least,
  si_same('SELECT 9223372036854775807 - u, 9223372036854775807 - 400 + i, w FROM si_rows', 'x - 9223372036854775407') AS greatest,
  si_same('SELECT u, CASE WHEN i < 150 THEN i - 9223372036854775808 ELSE 9223372036854775500 + i END, w FROM si_rows',
    '(CASE WHEN x < 0 THEN x + 9223372036854775808 ELSE x - 9223372036854775500 END)') AS both;
-- integers of 4 bytes, below 0 and above, far apart: in their order
SELECT array_agg(item ORDER BY place) AS items
FROM item_similarity(NULL::int, 'SELECT 1, i FROM unnest(''{5, -2000000000, 2000000000, -1}''::int[]) i', n => 1) WITH ORDINALITY q(item, neighbour, score, together, place);
-- one that is far away, first or last, who shares nothing with others
SELECT si_same('SELECT u, i, w FROM si_rows UNION ALL SELECT 9223372036854775807, -9223372036854775808, 1') AS last,
  si_same('SELECT -9223372036854775808, 9223372036854775807, 1 UNION ALL SELECT u, i, w FROM si_rows') AS first;
-- the same for other measures, limits, and rows that go through a file
SELECT si_same('SELECT u * 1000000000000, i * 1000000000000, w FROM si_rows', 'x / 1000000000000', 'n => 20, measure => ''jaccard''') AS jaccard,
  si_same('SELECT u * 70, i * 70, w FROM si_rows', 'x / 70', 'n => 20, prune => ''neighbour'', normalization => ''neighbour''') AS prune,
  si_same('SELECT ''user '' || u, i * 70, w FROM si_rows', 'x / 70', 'n => 20, tune => true') AS tuned;
INSERT INTO si_rows SELECT u, i, w FROM si_rows, generate_series(1, 49);
SET maintenance_work_mem = '4MB';
SELECT si_same('SELECT u * 3, i * 3, w FROM si_rows', 'x / 3') AS gaps,
  si_same('SELECT u * 1000000000000, i * 1000000000000, w FROM si_rows', 'x / 1000000000000') AS far_apart,
  si_same('SELECT u, i, w FROM si_rows UNION ALL SELECT 9223372036854775807, -9223372036854775808, 1') AS last;
RESET maintenance_work_mem;
-- two kinds of items, one of them far apart
SELECT count(*) > 1000 AS many, count(*) FILTER (WHERE a.score IS DISTINCT FROM b.score) AS differ
FROM cross_similarity('SELECT u, i, i % 60 FROM si_rows') a
FULL JOIN (SELECT item / 5000000000 AS item, neighbour / 2 AS neighbour, score
  FROM cross_similarity('SELECT u - 3, i * 5000000000, i % 60 * 2 FROM si_rows')) b USING (item, neighbour);
DROP FUNCTION si_same;
DROP TABLE si_rows;
-- what gets the same number as nothing else: dictionaries of integers, in parts of an aggregate
CREATE TABLE si_parts (u bigint, i bigint) PARTITION BY HASH (u);
CREATE TABLE si_parts0 PARTITION OF si_parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE si_parts1 PARTITION OF si_parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO si_parts SELECT u, u * g % 97 + CASE g WHEN 7 THEN 9223372036854775000 WHEN 8 THEN -9223372036854775000 ELSE 0 END
FROM generate_series(1, 3000) u, generate_series(1, 8) g;
SELECT count(*) > 1000 AS many, count(*) FILTER (WHERE a.score IS DISTINCT FROM b.score) AS differ
FROM (SELECT (unnest(item_similarity_agg(u, i))).* FROM si_parts) a
FULL JOIN item_similarity('SELECT u::text, i FROM si_parts') b USING (item, neighbour);
-- parts that are on disk close their files when they are passed on: nothing is said of files that are left
TRUNCATE si_parts;
INSERT INTO si_parts SELECT g % 1000, g % 7 FROM generate_series(1, 200000) g;
ALTER FUNCTION recsys_similarity_serialize COST 1;
ALTER FUNCTION recsys_similarity_deserialize COST 1;
SET enable_partitionwise_aggregate = on;
SET maintenance_work_mem = '1MB';
SET client_min_messages = warning;
EXPLAIN (COSTS OFF) SELECT cardinality(item_similarity_agg(u, i)) FROM si_parts;
SELECT cardinality(item_similarity_agg(u, i)) FROM si_parts;
RESET maintenance_work_mem;
RESET enable_partitionwise_aggregate;
ALTER FUNCTION recsys_similarity_serialize COST 1000000;
ALTER FUNCTION recsys_similarity_deserialize COST 1000000;
DROP TABLE si_parts;
