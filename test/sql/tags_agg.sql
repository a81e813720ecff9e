-- aggregates over tags against their definition in plain SQL, in any order and any split

SELECT tagset_agg(t) FROM (VALUES ('b'), ('a'), (NULL), ('b'), ('c d')) v(t);
SELECT tagset_agg(t, w) FROM (VALUES ('b', 1.0), ('a', 2), (NULL, 3), ('b', 0.5), ('c', NULL), ('d', 1), ('d', -1)) v(t, w);
SELECT tagset_agg(t) IS NULL AS none, (SELECT tagset_agg(NULL::text)) IS NULL AS only_null FROM (SELECT '' AS t WHERE false) v;
SELECT tagset_union_agg(s), tagset_union_agg(s, 'max') AS max, tagset_union_agg(s, 'min') AS min, tagset_union_agg(s, 'sum') AS sum, tagset_union_agg(s, 'mean') AS mean
FROM (VALUES ('a, b=2'::tagset), ('b=4, c'), (NULL), (''), ('a=-1')) v(s);
SELECT tagset_intersect_agg(s), tagset_intersect_agg(s, 'max') AS max, tagset_intersect_agg(s, 'min') AS min, tagset_intersect_agg(s, 'sum') AS sum, tagset_intersect_agg(s, 'mean') AS mean
FROM (VALUES ('a, b=2, c'::tagset), ('b=4, c'), (NULL), ('c=3, b')) v(s);
SELECT tagset_intersect_agg(s) AS with_empty, tagset_intersect_agg(s) FILTER (WHERE s = 'x') IS NULL AS none FROM (VALUES ('a'::tagset), (''), ('a')) v(s);
SELECT tagset_union_agg(s, 'median') FROM (VALUES ('a'::tagset)) v(s);
SELECT tagset_union_agg(s, NULL) FROM (VALUES ('a'::tagset)) v(s);
SELECT tagset_agg('');
SELECT tagset_agg(repeat('x', 1025));
SELECT tagset_agg('a', 'NaN');
SELECT tagset_agg('a', 1e300);
SELECT tagset_agg('a', 1e-300) = '' AS too_small_for_a_weight, tagset_agg('a', 1e300 - 1e300) = '' AS zero;

-- profiles: shares that add up to 1
SELECT tag_profile_agg(s, w) FROM (VALUES ('wine, red=2'::tagset, 1.0), ('wine', 2), ('tea', NULL), (NULL, 5), ('beer=0.5', 2)) v(s, w);
SELECT tag_profile_agg(s, w, ts, '30 days') FROM (VALUES ('wine'::tagset, 1.0, '2024-01-31'::timestamptz), ('tea', 1, '2024-01-01'), ('beer', 4, '2023-12-02'), ('gin', 1, NULL)) v(s, w, ts);
SELECT tag_profile_agg(s, 1, ts, '30 days', 2) FROM (VALUES ('wine, b'::tagset, '2024-01-31'::timestamptz), ('tea', '2024-01-01'), ('a', '2024-01-31')) v(s, ts);
-- moments as far apart as can be; what no longer counts for a float4 is left out
SELECT tag_profile_agg(s, 1, ts, '1 second') FROM (VALUES ('old'::tagset, '4713-01-01 BC'::timestamptz), ('older', '4712-01-01 BC')) v(s, ts);
SELECT tag_profile_agg(s, 1, ts, '20000 years') AS even FROM (VALUES ('a'::tagset, '2000-01-01'::timestamptz), ('b', '2000-01-01')) v(s, ts);
-- a refund takes away; what cancels out is gone
SELECT tag_profile_agg(s, w) FROM (VALUES ('a, b'::tagset, 3.0), ('b', -2), ('c', 1), ('c', -1)) v(s, w);
SELECT tag_profile_agg('a', 0) = '' AS nothing_left;
SELECT tag_profile_agg('a', 1, now(), '0 s');
SELECT tag_profile_agg('a', 1, now(), '-1 day');
SELECT tag_profile_agg('a', 1, now(), NULL);
SELECT tag_profile_agg('a', 1, 'infinity', '1 day');
SELECT tag_profile_agg('a', 'infinity');
SELECT tag_profile_agg('a', 1, now(), '1 day', 0);
SELECT tag_profile_agg('a', 1, now(), '1 day', NULL);

-- random rows; weights with which the sum depends on the order if added naively
SELECT setseed(0.75);
CREATE TABLE agg_rows AS
SELECT i AS id, i % 97 AS g, 't' || (random() ^ 2 * CASE WHEN i % 97 = 0 THEN 200 ELSE 20 END)::int AS tag,
       CASE WHEN i % 5 = 0 THEN 1e10 * (1 - 2 * (i / 5 % 2)) WHEN i % 7 = 0 THEN 2 ^ -33 ELSE floor(random() * 10240) / 1024 - 2 END AS weight,
       '2024-01-01'::timestamptz + random() * interval '1000 days' AS ts
FROM generate_series(1, 20000) i;
ALTER TABLE agg_rows ADD tags tagset;
UPDATE agg_rows SET tags = CASE WHEN id % 50 = 0 THEN NULL WHEN id % 41 = 0 THEN '' ELSE
  (SELECT tagset(array_agg(t), array_agg(w)) FROM (SELECT DISTINCT ON (t) t, (1 + (id * k) % 7) / 4.0 w FROM (SELECT 't' || (id * k * k) % 23 t, k FROM generate_series(1, 1 + id % 6) k) x ORDER BY t, k) y) END;

-- definitions in plain SQL
CREATE FUNCTION bag(OUT g int, OUT tag text, OUT weight real, OUT row_weight float8, OUT ts timestamptz, OUT sets bigint) RETURNS SETOF record LANGUAGE sql AS
  $$SELECT r.g, t.tag, t.weight, r.weight, r.ts, r.sets FROM (SELECT *, count(tags) OVER (PARTITION BY g) AS sets FROM agg_rows) r, tags(r.tags) t$$;
SELECT count(*) AS groups,
  count(*) FILTER (WHERE a.plain::text[] <> d.plain) AS plain,
  count(*) FILTER (WHERE a.all_max <> m.all_max) AS all_max, count(*) FILTER (WHERE a.all_min <> m.all_min) AS all_min,
  count(*) FILTER (WHERE a.all_sum <> m.all_sum) AS all_sum, count(*) FILTER (WHERE a.all_mean <> m.all_mean) AS all_mean
FROM (SELECT g, tagset_agg(tag) plain, tagset_union_agg(tags) all_max, tagset_union_agg(tags, 'min') all_min, tagset_union_agg(tags, 'sum') all_sum,
        tagset_union_agg(tags, 'mean') all_mean FROM agg_rows GROUP BY g) a
JOIN (SELECT g, array_agg(DISTINCT tag COLLATE "C" ORDER BY tag COLLATE "C") plain FROM agg_rows GROUP BY g) d USING (g)
JOIN (SELECT g, tagset(array_agg(tag), array_agg(max)) all_max, tagset(array_agg(tag), array_agg(min)) all_min, tagset(array_agg(tag), array_agg(sum)) all_sum,
        tagset(array_agg(tag), array_agg(sum / n)) all_mean
      FROM (SELECT g, tag, max(weight), min(weight), sum(weight::numeric)::float8, count(*) n FROM bag() GROUP BY g, tag) x GROUP BY g) m USING (g);
SELECT count(*) AS groups, count(*) FILTER (WHERE a.common <> COALESCE(d.common, '')) AS common, count(*) FILTER (WHERE a.common <> '') AS some
FROM (SELECT g, id % 3 AS h, tagset_intersect_agg(tags) common FROM agg_rows WHERE id % 6 IN (3, 4, 5) AND id < 1500 GROUP BY g, h) a
LEFT JOIN (SELECT g, h, tagset(array_agg(tag), array_agg(weight)) common
      FROM (SELECT r.g, r.id % 3 AS h, t.tag, min(t.weight) weight, count(*) = r.sets common
            FROM (SELECT *, count(tags) OVER (PARTITION BY g, id % 3) AS sets FROM agg_rows WHERE id % 6 IN (3, 4, 5) AND id < 1500) r, tags(r.tags) t GROUP BY 1, 2, 3, r.sets) x
      WHERE common GROUP BY g, h) d USING (g, h);
-- sums that cancel: exact, as numeric is
SELECT count(*) > 1000 AS tags, count(*) FILTER (WHERE tag_weight(a.s, d.tag) IS DISTINCT FROM NULLIF(d.sum::float8::real, 0)) AS wrong
FROM (SELECT g, tagset_agg(tag, weight) s FROM agg_rows GROUP BY g) a
JOIN (SELECT g, tag, sum(weight::numeric) sum FROM agg_rows GROUP BY g, tag) d USING (g);
SELECT count(*) > 1000 AS tags, count(*) FILTER (WHERE abs(tag_weight(a.s, d.tag) - d.share) > 1e-6) AS wrong, round(sum(abs(tag_weight(a.s, d.tag)))::numeric, 3) AS groups
FROM (SELECT g, tag_profile_agg(tags, id % 10, ts, '100 days') s FROM agg_rows GROUP BY g) a
JOIN (SELECT g, tag, w / sum(w) OVER (PARTITION BY g) AS share
      FROM (SELECT r.g, t.tag, sum(r.id % 10 * t.weight * 0.5 ^ (extract(epoch FROM '2027-01-01' - ts) / 86400.0 / 100)) w FROM agg_rows r, tags(r.tags) t GROUP BY 1, 2) x) d USING (g);

-- any order gives the same bytes
CREATE FUNCTION fingerprint(source text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE format('SELECT md5(string_agg(x::text, ''|'' ORDER BY g)) FROM (SELECT g, tagset_agg(tag), tagset_agg(tag, weight), tagset_union_agg(tags, ''sum''),
    tagset_union_agg(tags, ''mean''), tagset_intersect_agg(tags), tag_profile_agg(tags, weight), tag_profile_agg(tags, weight, ts, ''7 days''), tag_profile_agg(tags, weight, ts, ''3 s'', 5)
    FROM %s GROUP BY g) x', source) INTO result;
  RETURN result;
END $$;
SELECT count(DISTINCT fingerprint) AS results FROM unnest(ARRAY['agg_rows', '(SELECT * FROM agg_rows ORDER BY id DESC) r', '(SELECT * FROM agg_rows ORDER BY md5(id::text)) r',
  '(SELECT * FROM agg_rows ORDER BY weight) r', '(SELECT * FROM agg_rows ORDER BY ts) r']) s, fingerprint(s);
-- workers
SELECT fingerprint('agg_rows') AS serial \gset
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 4;
EXPLAIN (COSTS OFF) SELECT tagset_agg(tag), tagset_agg(tag, weight), tagset_union_agg(tags), tag_profile_agg(tags, weight) FROM agg_rows;
SELECT fingerprint('agg_rows') = :'serial' AS parallel_is_serial;
SELECT (SELECT tagset_agg(tag, weight) FROM agg_rows) = (SELECT tagset_agg(tag, weight) FROM (SELECT * FROM agg_rows ORDER BY id OFFSET 0) r) AS total_is_serial;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
-- partitions
CREATE TABLE agg_parts (LIKE agg_rows) PARTITION BY HASH (id);
SELECT format('CREATE TABLE agg_part%s PARTITION OF agg_parts FOR VALUES WITH (MODULUS 5, REMAINDER %s)', i, i) FROM generate_series(0, 4) i \gexec
INSERT INTO agg_parts SELECT * FROM agg_rows;
SET enable_partitionwise_aggregate = on;
EXPLAIN (COSTS OFF) SELECT g, tagset_agg(tag) FROM agg_parts GROUP BY g;
SELECT fingerprint('agg_parts') = :'serial' AS partitions_are_serial;
SELECT fingerprint('(SELECT * FROM agg_parts UNION ALL SELECT * FROM agg_parts WHERE false) p') = :'serial' AS union_is_serial;
RESET enable_partitionwise_aggregate;
-- moving windows do not disturb the state
SELECT id, tagset_agg(tag) OVER (ORDER BY id) = (SELECT tagset_agg(tag) FROM agg_rows a WHERE a.id <= r.id) AS so_far, tag_profile_agg(tags, 1, ts, '1 day', 1) OVER (ORDER BY id) IS NOT NULL AS profile FROM (SELECT * FROM agg_rows ORDER BY id LIMIT 4) r;
-- nothing
SELECT tagset_agg(tag), tagset_agg(tag, weight), tagset_union_agg(tags), tagset_intersect_agg(tags), tag_profile_agg(tags, 1) FROM agg_rows WHERE false;
SELECT tagset_agg(x, y) FROM (VALUES ('a', 1)) v(x, y);
DROP TABLE agg_rows, agg_parts;
DROP FUNCTION bag, fingerprint;
