-- However a row is added up (product.c), its neighbours are the same: items of few users and of very many,
-- rows that touch few columns and all of them; and twice each weight, which makes no difference to a cosine.
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.u(key bigint, k int) RETURNS float8 LANGUAGE sql IMMUTABLE AS
  $$SELECT ((hashint8extended(key, k) >> 11) & 9007199254740991) / 9007199254740992.0::float8$$;
CREATE TABLE sr_rows AS
SELECT DISTINCT u, CASE WHEN g = 1 THEN 0 ELSE (power(pg_temp.u(u * 60 + g, 1), 3) * 8000)::int END AS i
FROM generate_series(1, 67000) u, generate_series(1, CASE WHEN u % 1000 = 0 THEN 60 WHEN u % 4 = 0 THEN 3 ELSE 2 END) g;
ANALYZE sr_rows;
-- counts of 8, 16 and 32 bits
SELECT count(*) FILTER (WHERE n < 256) > 4000 AS bytes, count(*) FILTER (WHERE n BETWEEN 256 AND 65535) > 10 AS shorts,
  count(*) FILTER (WHERE n > 65535) AS longs
FROM (SELECT count(*) AS n FROM sr_rows GROUP BY i) q;
-- rows with few additions for the number of items, and with many
SELECT count(*) FILTER (WHERE steps < items / 32) > 1000 AS few, count(*) FILTER (WHERE steps > items / 16) > 20 AS many
FROM (SELECT sum(n) AS steps FROM sr_rows JOIN (SELECT u, count(*) AS n FROM sr_rows GROUP BY u) q USING (u) GROUP BY i) s,
  (SELECT count(DISTINCT i) AS items FROM sr_rows) c;
CREATE TABLE sr_best AS
SELECT item, neighbour, together, score, row_number() OVER (PARTITION BY item ORDER BY score DESC, neighbour) AS place
FROM (SELECT a.i AS item, b.i AS neighbour, count(*) AS together,
      -- rounded, so that ties are ties
      round((count(*) / sqrt(na.n * nb.n))::numeric, 9) AS score
    FROM sr_rows a JOIN sr_rows b ON a.u = b.u AND a.i <> b.i
      JOIN (SELECT i, count(*)::float8 AS n FROM sr_rows GROUP BY i) na ON na.i = a.i
      JOIN (SELECT i, count(*)::float8 AS n FROM sr_rows GROUP BY i) nb ON nb.i = b.i
    GROUP BY a.i, b.i, na.n, nb.n) p;
ANALYZE sr_best;
CREATE FUNCTION sr_check(n int, more text = '', OUT rows bigint, OUT weights bigint, OUT differ bigint, OUT scores bigint)
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE sr_counts AS SELECT * FROM item_similarity(''SELECT u, i FROM sr_rows'', %s, ''cosine''%s)', n, more);
  EXECUTE format('CREATE TABLE sr_sums AS SELECT * FROM item_similarity(''SELECT u, i, 2 FROM sr_rows'', %s, ''cosine''%s)', n, more);
  SELECT count(*) FROM sr_counts INTO rows;
  SELECT count(*) FROM (SELECT * FROM sr_counts EXCEPT SELECT * FROM sr_sums) q INTO weights;
  SELECT weights + count(*) FROM (SELECT * FROM sr_sums EXCEPT SELECT * FROM sr_counts) q INTO weights;
  -- against plain SQL
  SELECT count(*) FILTER (WHERE c.item IS NULL OR b.item IS NULL OR c.together <> b.together)
  FROM (SELECT item, neighbour, together FROM sr_counts) c
    FULL JOIN (SELECT * FROM sr_best WHERE place <= n) b USING (item, neighbour) INTO differ;
  SELECT count(*) FROM sr_counts c JOIN sr_best b USING (item, neighbour) WHERE abs(c.score - b.score) > 1e-8 INTO scores;
  DROP TABLE sr_counts, sr_sums;
END $$;
SELECT * FROM sr_check(1);
SELECT * FROM sr_check(7);
SELECT * FROM sr_check(20);
-- nothing to be compared with: weights make no difference
SELECT weights FROM sr_check(20, ', min_together => 2');
SELECT weights FROM sr_check(20, ', shrink => 5');
SELECT weights FROM sr_check(20, ', min_llr => 5');
SELECT weights FROM sr_check(20, ', alpha => 1, beta => 0');
SELECT weights FROM sr_check(20, ', alpha => 0, beta => 1');
SELECT weights FROM sr_check(20, ', prune => ''neighbour''');
DROP FUNCTION sr_check;
DROP TABLE sr_rows, sr_best;
