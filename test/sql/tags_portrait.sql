-- the portrait of a crowd against its definition

SELECT p.tag, count_in, count_out, round(share_in::numeric, 4) AS share_in, round(share_out::numeric, 4) AS share_out, round(lift::numeric, 4) AS lift,
       round(tgi::numeric, 2) AS tgi, round(log_odds::numeric, 4) AS log_odds, round(z::numeric, 4) AS z, round(p::numeric, 7) AS p
FROM (SELECT tag_portrait_agg(tags, crowd) a FROM (VALUES ('wine, tea'::tagset, true), ('wine', true), ('wine, beer=3', true), ('tea', true),
        ('beer', false), ('beer, tea', false), ('wine', false), ('', false), (NULL, true), ('wine', NULL)) v(tags, crowd)) q, unnest(a) WITH ORDINALITY p ORDER BY p.ordinality;

SELECT setseed(0.375);
CREATE TABLE portrait_rows AS
SELECT i AS id, i % 5 = 0 AS crowd, tagset(ARRAY(SELECT DISTINCT 't' || (random() ^ 2 * (20 + i % 7 + 10 * (i % 5)))::int FROM generate_series(1, i % 9) WHERE i > 0)) AS tags
FROM generate_series(1, 4000) i;
-- ln n!
CREATE TABLE log_factorial AS SELECT n, sum(ln(greatest(n, 1)::float8)) OVER (ORDER BY n) AS l FROM generate_series(0, 4000) n;
CREATE TABLE portrait AS SELECT p.* FROM (SELECT tag_portrait_agg(tags, crowd, tag_portrait_options(min_count => 20, prior => 50)) a FROM portrait_rows) q, unnest(a) p;
WITH sizes AS (SELECT count(*) AS n_all, count(*) FILTER (WHERE crowd) AS n_in FROM portrait_rows),
counts AS (SELECT tag, count(*) FILTER (WHERE crowd) AS c_in, count(*) AS c_all FROM portrait_rows r, tags(r.tags) GROUP BY tag HAVING count(*) >= 20),
tables AS (SELECT *, 50 * (c_all + 0.5) / (n_all + 1) AS have, 50 * (1 - (c_all + 0.5) / (n_all + 1)) AS have_not FROM counts, sizes),
odds AS (SELECT *, ln((c_in + have) / (n_in - c_in + have_not)) - ln((c_all - c_in + have) / (n_all - n_in - c_all + c_in + have_not)) AS d,
    1 / (c_in + have) + 1 / (n_in - c_in + have_not) + 1 / (c_all - c_in + have) + 1 / (n_all - n_in - c_all + c_in + have_not) AS v FROM tables),
probabilities AS (SELECT tag, k, k = c_in AS own, exp(greatest(a.l - b.l - c.l + d.l - e.l - f.l - g.l + h.l + i.l, -700)) AS pr
  FROM tables, generate_series(greatest(0, n_in + c_all - n_all), least(n_in, c_all)) k, log_factorial a, log_factorial b, log_factorial c, log_factorial d, log_factorial e, log_factorial f, log_factorial g, log_factorial h, log_factorial i
  WHERE a.n = c_all AND b.n = k AND c.n = c_all - k AND d.n = n_all - c_all AND e.n = n_in - k AND f.n = n_all - c_all - n_in + k AND g.n = n_all AND h.n = n_in AND i.n = n_all - n_in),
fisher AS (SELECT tag, sum(pr) AS p FROM probabilities JOIN (SELECT tag, pr AS own_pr FROM probabilities WHERE own) o USING (tag) WHERE pr <= own_pr * (1 + 1e-7) GROUP BY tag)
SELECT count(*) > 50 AS tags, count(*) FILTER (WHERE count_in <> c_in OR count_out <> c_all - c_in) AS counts,
  count(*) FILTER (WHERE abs(share_in - c_in / n_in::float8) > 1e-12 OR abs(share_out - (c_all - c_in) / (n_all - n_in)::float8) > 1e-12) AS shares,
  count(*) FILTER (WHERE abs(lift - c_in / n_in::float8 / (c_all / n_all::float8)) > 1e-12 OR abs(tgi - 100 * lift) > 1e-9) AS lifts,
  count(*) FILTER (WHERE abs(log_odds - d::float8) > 1e-9 OR abs(z - (d / sqrt(v))::float8) > 1e-9) AS odds,
  count(*) FILTER (WHERE abs(portrait.p / least(fisher.p, 1) - 1) > 1e-7) AS ps, min(portrait.p) < 1e-9 AS small_ones, max(portrait.p) > 0.1 AS large_ones
FROM odds FULL JOIN portrait USING (tag) FULL JOIN fisher USING (tag);
SELECT count(*) AS out_of_order FROM (SELECT z, tag, lag(z) OVER () AS previous FROM portrait) p WHERE z > previous;
-- known values: the lady tasting tea (3 of 4), and a large table
SELECT round(p::numeric, 7) AS p FROM (SELECT tag_portrait_agg(tags, crowd) a FROM (SELECT (CASE WHEN i IN (1, 2, 3, 5) THEN 'milk' ELSE '' END)::tagset, i <= 4 FROM generate_series(1, 8) i) v(tags, crowd)) q, unnest(a);
-- workers and partitions see the same
SELECT md5(tag_portrait_agg(tags, crowd)::text) AS serial FROM portrait_rows \gset
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT tag_portrait_agg(tags, crowd) FROM portrait_rows;
SELECT md5(tag_portrait_agg(tags, crowd)::text) = :'serial' AS parallel_is_serial FROM portrait_rows;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
SELECT md5(tag_portrait_agg(tags, crowd)::text) = :'serial' AS order_does_not_matter FROM (SELECT * FROM portrait_rows ORDER BY md5(id::text)) r;
-- edges: nobody outside, nobody inside, everybody has the tag, nothing at all
SELECT p.tag, count_in, count_out, share_in, share_out, lift, tgi, round(log_odds::numeric, 4) AS log_odds, p FROM (SELECT tag_portrait_agg('a', true) a) q, unnest(a) p;
SELECT p.tag, count_in, count_out, share_in, share_out, lift, tgi, round(log_odds::numeric, 4) AS log_odds, p FROM (SELECT tag_portrait_agg('a', false) a) q, unnest(a) p;
SELECT p.tag, count_in, count_out, share_in, share_out, lift, tgi, round(log_odds::numeric, 4) AS log_odds, p FROM (SELECT tag_portrait_agg('a', i < 3) a FROM generate_series(1, 10) i) q, unnest(a) p;
SELECT tag_portrait_agg(tags, crowd) IS NULL AS no_rows FROM portrait_rows WHERE false;
SELECT tag_portrait_agg(NULL, true), tag_portrait_agg('', true);
SELECT tag_portrait_agg('a', true, NULL);
SELECT tag_portrait_agg('a', true, tag_portrait_options(min_count => 0));
SELECT tag_portrait_agg('a', true, tag_portrait_options(prior => 0));
SELECT tag_portrait_agg('a', true, tag_portrait_options(prior => NULL, min_count => NULL)) IS NOT NULL AS defaults;
DROP TABLE portrait_rows, portrait, log_factorial;
