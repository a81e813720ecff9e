-- Every measure and option of item similarity against its definition in plain SQL.
SET client_min_messages = warning;
-- random(), the same on every major
CREATE FUNCTION sm_random(g int, what text) RETURNS float8 LANGUAGE sql IMMUTABLE AS
  $$SELECT ('x' || left(md5(what || g), 8))::bit(32)::bigint / 4294967296.0::float8$$;
CREATE TABLE sm_rows AS
SELECT (power(sm_random(g, 'u'), 1.5) * 50)::int AS u, (power(sm_random(g, 'i'), 2) * 30)::bigint AS i,
       ((sm_random(g, 'w') * 6)::int - 1)::float8 AS w,
       timestamptz '2024-01-01 00:00+00' + (g % 97) * interval '1 day' AS ts
FROM generate_series(1, 900) g;

-- x: what counts, with sums of weights and with 1; the users of an item, the items of a user
CREATE TABLE sm_x AS SELECT u, i, sum(w) AS x FROM sm_rows GROUP BY u, i HAVING sum(w) > 0;
CREATE TABLE sm_d AS SELECT i, count(*)::float8 AS d, sum(x) AS s FROM sm_x GROUP BY i;
CREATE TABLE sm_u AS SELECT u, count(*)::float8 AS c, sum(x) AS s FROM sm_x GROUP BY u;
CREATE TABLE sm_n AS SELECT count(DISTINCT u)::float8 AS n, count(DISTINCT i)::float8 AS m FROM sm_x;
ANALYZE sm_x, sm_d, sm_u, sm_n;

-- what a pair has: together, and C for weights uw of users and values v
CREATE FUNCTION sm_pairs(uw text, v text) RETURNS TABLE (a bigint, b bigint, k float8, c float8)
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format($q$
    SELECT ra.i, rb.i, count(*)::float8, sum(ra.uw * ra.v * rb.v)
    FROM (SELECT x.u, x.i, (%1$s)::float8 AS uw, (%2$s)::float8 AS v
          FROM sm_x x JOIN sm_u USING (u) JOIN sm_d d ON d.i = x.i, sm_n) ra
    JOIN (SELECT x.u, x.i, (%2$s)::float8 AS v
          FROM sm_x x JOIN sm_u USING (u) JOIN sm_d d ON d.i = x.i, sm_n) rb ON ra.u = rb.u
    GROUP BY ra.i, rb.i$q$, uw, v);
END $$;

-- the number of pairs that differ from the oracle: rows there and not here, or the reverse, or
-- scores by more than 1e-6; the scores of the oracle are a formula of k, c, da, db, sa, sb, ga, gb, n
CREATE FUNCTION sm_differ(options similarity_options, score text, uw text DEFAULT '1', v text DEFAULT 'x',
                          OUT pairs bigint, OUT differ bigint) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format($q$
    WITH p AS (SELECT * FROM sm_pairs($2, $3)),
    o AS (SELECT * FROM (
        SELECT p.a, p.b, p.k, (%s)::float8 AS score
        FROM p JOIN (SELECT a, c AS ga FROM p WHERE a = b) x USING (a)
        JOIN (SELECT b, c AS gb FROM p WHERE a = b) y USING (b)
        JOIN (SELECT i AS a, d AS da, s AS sa FROM sm_d) da USING (a)
        JOIN (SELECT i AS b, d AS db, s AS sb FROM sm_d) db USING (b), sm_n WHERE a <> b) q
      WHERE score > 1e-12),
    r AS (SELECT r.* FROM (SELECT item_similarity_agg(u, i, w, $1) l FROM sm_rows) q, unnest(l) r)
    SELECT count(*), count(*) FILTER (WHERE o.a IS NULL OR r.item IS NULL OR k <> together
                                      OR abs(o.score - r.score) > 1e-6 * abs(o.score))
    FROM o FULL JOIN r ON (o.a, o.b) = (r.item, r.neighbour)$q$, score)
  INTO pairs, differ USING options, uw, v;
END $$;
CREATE FUNCTION sm_xlx(x float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS
  'SELECT CASE WHEN x > 0 THEN x * ln(x) ELSE 0 END';
CREATE FUNCTION sm_llr(k float8, a float8, b float8, n float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS
  'SELECT CASE WHEN k * n <= a * b THEN 0 ELSE 2 * (sm_xlx(k) + sm_xlx(a - k) + sm_xlx(b - k) + sm_xlx(n - a - b + k)
     - sm_xlx(a) - sm_xlx(n - a) - sm_xlx(b) - sm_xlx(n - b) + sm_xlx(n)) END';

SELECT t.what, d.* FROM (VALUES
  ('cosine', similarity_options('cosine', n => 1000), 'c / sqrt(ga * gb)', '1', 'x'),
  ('cosine of 1', similarity_options('cosine', n => 1000, transform => 'binary'), 'k / sqrt(da * db)', '1', '1'),
  ('cosine of sqrt', similarity_options('cosine', n => 1000, transform => 'sqrt'), 'c / sqrt(ga * gb)', '1', 'sqrt(x)'),
  ('cosine of log', similarity_options('cosine', n => 1000, transform => 'log'), 'c / sqrt(ga * gb)', '1', 'log(2, (1 + x)::numeric)'),
  ('asymmetric cosine', similarity_options('cosine', n => 1000, alpha => 0.9, beta => 0.1),
    'c / (ga ^ 0.9 * gb ^ 0.1)', '1', 'x'),
  ('cooccurrence', similarity_options('cooccurrence', n => 1000, user_power => 1, alpha => 0.8, beta => 0.2,
    transform => 'none', shrink => 0, normalization => 'none'),
    'c / (ga ^ 0.8 * gb ^ 0.2)', '1 / c', 'x'),
  ('cooccurrence of 1', similarity_options('cooccurrence', n => 1000, user_power => 0.5, alpha => 1, beta => 0,
    transform => 'binary', shrink => 0, normalization => 'none'), 'c / ga', '1 / sqrt(c)', '1'),
  ('the default', similarity_options(n => 1000),
    'c / gb ^ 0.4 * k / (k + 10) / sum(c / gb ^ 0.4 * k / (k + 10)) FILTER (WHERE a <> b) OVER (PARTITION BY a)', 'c ^ -0.75', 'log(2, (1 + x)::numeric)'),
  ('not adding up', similarity_options(n => 1000, normalization => 'none'),
    'c / (ga ^ 0.8 * gb ^ 0.4) * k / (k + 10)', 'c ^ -0.75', 'log(2, (1 + x)::numeric)'),
  ('tfidf', similarity_options('tfidf', n => 1000), 'c / sqrt(ga * gb)',
    'greatest(ln(m / (1 + c)), 0) ^ 2', 'sqrt(x)'),
  ('bm25', similarity_options('bm25', n => 1000, k1 => 1.5, b => 0.6), 'c', 'greatest(ln(m / (1 + c)), 0) ^ 2',
    'x * 2.5 / (1.5 * (0.4 + 0.6 * d.s / (SELECT avg(s) FROM sm_d)) + x)'),
  ('p3alpha', similarity_options('p3alpha', n => 1000), 'c / sa', '1 / sm_u.s', 'x'),
  ('p3alpha 1.4', similarity_options('p3alpha', n => 1000, alpha => 1.4), 'c / sa ^ 1.4', '1 / sm_u.s ^ 1.4', 'x ^ 1.4'),
  ('rp3beta', similarity_options('rp3beta', n => 1000, beta => 0.4), 'c / sa / db ^ 0.4', '1 / sm_u.s', 'x'),
  ('jaccard', similarity_options('jaccard', n => 1000), 'k / (da + db - k)', '1', 'x'),
  ('dice', similarity_options('dice', n => 1000), '2 * k / (da + db)', '1', 'x'),
  ('overlap', similarity_options('overlap', n => 1000), 'k / least(da, db)', '1', 'x'),
  ('conditional', similarity_options('conditional', n => 1000), 'k / da', '1', 'x'),
  ('lift', similarity_options('lift', n => 1000), 'k * n / (da * db)', '1', 'x'),
  ('leverage', similarity_options('leverage', n => 1000), 'k / n - da * db / n ^ 2', '1', 'x'),
  ('llr', similarity_options('llr', n => 1000), 'sm_llr(k, da, db, n)', '1', 'x'),
  ('shrink', similarity_options('cosine', n => 1000, shrink => 7), 'c / sqrt(ga * gb) * k / (k + 7)', '1', 'x'),
  ('min_together', similarity_options('jaccard', n => 1000, min_together => 9),
    'CASE WHEN k >= 9 THEN k / (da + db - k) END', '1', 'x'),
  ('min_llr', similarity_options('cosine', n => 1000, min_llr => 3.84),
    'CASE WHEN sm_llr(k, da, db, n) >= 3.84 THEN c / sqrt(ga * gb) END', '1', 'x'),
  ('by item', similarity_options('cosine', n => 1000, normalization => 'item'),
    'c / sqrt(ga * gb) / sum(c / sqrt(ga * gb)) FILTER (WHERE a <> b) OVER (PARTITION BY a)', '1', 'x'),
  ('by neighbour', similarity_options('conditional', n => 1000, normalization => 'neighbour'),
    'k / da / sum(k / da) FILTER (WHERE a <> b) OVER (PARTITION BY b)', '1', 'x')
) t(what, options, score, uw, v), sm_differ(options, score, uw, v) d;

-- who keeps the best n: the item its neighbours, or the neighbour its items
CREATE FUNCTION sm_best(side text, measure text, score text) RETURNS TABLE (pairs bigint, differ bigint)
LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY EXECUTE format($q$
    WITH o AS (SELECT a, b, score, row_number() OVER (PARTITION BY CASE $1 WHEN 'item' THEN a ELSE b END
                ORDER BY round(score::numeric, 9) DESC, CASE $1 WHEN 'item' THEN b ELSE a END) AS place
      FROM (SELECT p.a, p.b, (%s)::float8 AS score FROM sm_pairs('1', '1') p
        JOIN (SELECT i AS a, d AS da FROM sm_d) da USING (a)
        JOIN (SELECT i AS b, d AS db FROM sm_d) db USING (b) WHERE a <> b) q),
    r AS (SELECT r.* FROM (SELECT item_similarity_agg(u, i, w, similarity_options($2, n => 4, prune => $1,
             transform => CASE WHEN $2 = 'cosine' THEN 'binary' END)) l
          FROM sm_rows) q, unnest(l) WITH ORDINALITY r(item, neighbour, score, together, place))
    SELECT count(*), count(*) FILTER (WHERE o.a IS NULL OR r.item IS NULL OR abs(o.score - r.score) > 1e-6)
    FROM (SELECT * FROM o WHERE place <= 4) o FULL JOIN r ON (o.a, o.b) = (r.item, r.neighbour)$q$, score)
  USING side, measure;
END $$;
SELECT side, measure, d.* FROM unnest('{item, neighbour}'::text[]) side,
  (VALUES ('cosine', 'k / sqrt(da * db)'), ('conditional', 'k / da'), ('jaccard', 'k / (da + db - k)')) v(measure, score),
  sm_best(side, measure, score) d ORDER BY 1, 2;
-- in order all the same: items by value, neighbours by score and value
SELECT count(*) FROM (
  SELECT row_number() OVER () AS place, row_number() OVER (ORDER BY item, score DESC, neighbour) AS should
  FROM (SELECT item_similarity_agg(u, i, similarity_options('lift', n => 3, prune => 'neighbour',
               normalization => 'neighbour')) l FROM sm_rows) q, unnest(l) r) q WHERE place <> should;

-- time decay is what weights multiplied by it are; nothing after as_of counts
SELECT count(*), count(*) FILTER (WHERE a.item IS NULL OR b.item IS NULL OR abs(a.score - b.score) > 1e-6) AS differ
FROM (SELECT r.* FROM (SELECT item_similarity_agg(u, i, abs(w), ts, similarity_options('cosine', n => 1000,
        half_life => '10 days', as_of => '2024-03-01 00:00+00')) l FROM sm_rows) q, unnest(l) r) a
FULL JOIN (SELECT r.* FROM (SELECT item_similarity_agg(u, i,
             abs(w) * 0.5 ^ (extract(epoch FROM '2024-03-01 00:00+00' - ts) / 864000)::float8,
             similarity_options('cosine', n => 1000)) l FROM sm_rows WHERE ts <= '2024-03-01 00:00+00') q, unnest(l) r) b
USING (item, neighbour);
-- without as_of it is the newest time: the same for bounded measures
SELECT count(*) FROM (SELECT r.item, r.neighbour, round(score::numeric, 5) FROM (SELECT item_similarity_agg(u, i, abs(w), ts,
        similarity_options('cosine', half_life => '10 days', n => 1000)) l FROM sm_rows) q, unnest(l) r
  EXCEPT SELECT r.item, r.neighbour, round(score::numeric, 5) FROM (SELECT item_similarity_agg(u, i, abs(w), ts,
        similarity_options('cosine', half_life => '10 days', as_of => (SELECT max(ts) FROM sm_rows), n => 1000)) l
        FROM sm_rows) q, unnest(l) r) d;

-- limits: the same sample for any order of rows, at most so many, and a notice
SET client_min_messages = notice;
CREATE TABLE sm_limited AS
SELECT 1 AS run, l FROM (SELECT item_similarity_agg(u, i, similarity_options('cosine', n => 1000, max_per_user => 8, max_per_item => 12)) l
      FROM (SELECT * FROM sm_rows ORDER BY u, i, w) o) q;
SET client_min_messages = warning;
INSERT INTO sm_limited SELECT 2, item_similarity_agg(u, i, similarity_options('cosine', n => 1000, max_per_user => 8, max_per_item => 12))
      FROM (SELECT * FROM sm_rows ORDER BY md5(sm_rows::text)) o;
INSERT INTO sm_limited SELECT 3, item_similarity_agg('user ' || (100 - u), i, similarity_options('cosine', n => 1000, max_per_user => 8, max_per_item => 12))
      FROM sm_rows;
SELECT count(DISTINCT l::text), count(*) FROM sm_limited;
SELECT max(together) <= 12 AS items, count(*) > 50 AS enough FROM sm_limited, unnest(l);
-- 200 users with the same five items: whoever is left out, the rest is the same
SELECT min(together), max(together), count(*) FROM (
  SELECT item_similarity_agg(u, i, similarity_options('jaccard', max_per_user => 3)) l
  FROM generate_series(1, 200) u, generate_series(1, 5) i) q, unnest(l);

-- weights of interactions with and without effect
SELECT item_similarity_agg(u, i, w, similarity_options('cosine'))
FROM (VALUES (1, 1, 0.1), (1, 1, 0.2), (1, 1, -0.3), (1, 2, 1), (1, 3, 2), (2, 2, -1), (2, 3, 1)) v(u, i, w);

\set VERBOSITY sqlstate
SELECT item_similarity_agg(u, i, similarity_options(half_life => '1 day')) FROM sm_rows;
SELECT item_similarity_agg(u, i, w, NULL, similarity_options(half_life => '1 day')) FROM sm_rows;
SELECT item_similarity_agg(u, i, w, 'infinity', similarity_options(half_life => '1 day')) FROM sm_rows;
SELECT item_similarity_agg(u, i, w, '-infinity', similarity_options(half_life => '1 day')) FROM sm_rows;
SELECT cardinality(item_similarity_agg(u, i, w, '-infinity', similarity_options('cosine'))) > 0 AS not_looked_at FROM sm_rows;
SELECT similarity_options(half_life => '-1 day');
SELECT similarity_options(as_of => '2024-01-01');
SELECT similarity_options(max_per_user => 1);
SELECT similarity_options(transform => 'cube');
SELECT similarity_options(prune => 'both');
SELECT similarity_options(normalization => 'all');

DROP TABLE sm_rows, sm_x, sm_d, sm_u, sm_n, sm_limited;
DROP FUNCTION sm_random, sm_pairs, sm_differ, sm_xlx, sm_llr, sm_best;
