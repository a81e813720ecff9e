-- Incremental refresh: whatever was changed, the model is that of a full build.
CREATE SCHEMA recommend_refresh;
SET search_path = recommend_refresh, public;
CREATE TABLE lines (id serial, customer int, product int, quantity float8, ordered_at timestamptz);
CREATE INDEX ON lines (customer);

-- some rows come, some go, some change
CREATE FUNCTION shuffle(howmany int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO lines (customer, product, quantity, ordered_at)
  SELECT 1 + (random() * 300)::int, (random() ^ 2 * 120)::int, 1 + (random() * 3)::int, timestamptz '2024-01-01' + random() * interval '90 days'
  FROM generate_series(1, howmany);
  DELETE FROM lines WHERE id IN (SELECT id FROM lines ORDER BY random() LIMIT howmany / 2);
  UPDATE lines SET quantity = (random() * 5)::int - 1 WHERE id IN (SELECT id FROM lines ORDER BY random() LIMIT howmany / 3);
  UPDATE lines SET customer = 1 + (random() * 320)::int WHERE id IN (SELECT id FROM lines ORDER BY random() LIMIT howmany / 3);
  UPDATE lines SET product = (random() * 130)::int WHERE id IN (SELECT id FROM lines ORDER BY random() LIMIT howmany / 3);
  UPDATE lines SET ordered_at = ordered_at - interval '1 day' WHERE id IN (SELECT id FROM lines ORDER BY random() LIMIT howmany / 3);
END$$;

-- A recommender is refreshed incrementally, one of the same definition is made
-- anew: the same rows and numbers; and a full refresh finds nothing to write.
CREATE FUNCTION check_rounds(options similarity_options, howmany int[] DEFAULT ARRAY[0, 6, 60, 600],
	query text DEFAULT 'SELECT customer, product, quantity, ordered_at FROM lines',
	OUT rounds int, OUT same int, OUT stable int, OUT partial boolean, OUT full_instead int) LANGUAGE plpgsql AS $$
DECLARE
  n int;
  d record;
BEGIN
  TRUNCATE lines;
  PERFORM shuffle(2000);
  PERFORM create_recommender('kept', query, options);
  rounds := 0; same := 0; stable := 0; partial := false; full_instead := 0;
  FOREACH n IN ARRAY howmany LOOP
    PERFORM shuffle(n);
    PERFORM refresh_recommender('kept', incremental => true);
    SELECT k.changed < k.items AS partial, k.build_mode = 'full' AS full_instead INTO d FROM kept k;
    rounds := rounds + 1;
    partial := partial OR d.partial;
    full_instead := full_instead + d.full_instead::int;
    PERFORM create_recommender('made', query, options);
    same := same + (SELECT (k.rows, k.users, k.items, k.max_score) IS NOT DISTINCT FROM (m.rows, m.users, m.items, m.max_score) AND
      NOT EXISTS ((SELECT item, users, popularity, neighbours, scores FROM kept_model EXCEPT ALL SELECT item, users, popularity, neighbours, scores FROM made_model) UNION ALL
        (SELECT item, users, popularity, neighbours, scores FROM made_model EXCEPT ALL SELECT item, users, popularity, neighbours, scores FROM kept_model))
      FROM kept k, made m)::int;
    PERFORM drop_recommender('made');
    PERFORM refresh_recommender('kept');
    stable := stable + (SELECT changed = 0 FROM kept)::int;
  END LOOP;
  PERFORM drop_recommender('kept');
END$$;

SELECT setseed(0.5);
SET client_min_messages = warning;
SELECT m AS measure, r.*
FROM unnest(ARRAY['cooccurrence', 'cosine', 'tfidf', 'bm25', 'p3alpha', 'rp3beta', 'jaccard', 'dice', 'overlap',
	'conditional', 'lift', 'leverage', 'llr']) m, check_rounds(similarity_options(measure => m, n => 10)) r;

-- options: those for which rows depend on each other make it a full one
SELECT label, r.*
FROM (VALUES
  (1, 'normalization item', similarity_options(normalization => 'item', n => 5)),
  (2, 'normalization neighbour', similarity_options(normalization => 'neighbour', n => 5)),
  (3, 'prune neighbour', similarity_options(prune => 'neighbour', n => 5)),
  (4, 'binary', similarity_options('cosine', transform => 'binary')),
  (5, 'shrink, together', similarity_options('jaccard', shrink => 3, min_together => 2)),
  (6, 'min_llr', similarity_options('cosine', min_llr => 2)),
  (7, 'limits', similarity_options(max_per_user => 6, max_per_item => 20)),
  (8, 'decay to the newest', similarity_options(half_life => '30 days')),
  (9, 'decay to a day', similarity_options(half_life => '30 days', as_of => '2024-03-01')),
  (10, 'tune', similarity_options(tune => true))) AS o(place, label, options), check_rounds(options, ARRAY[6, 60, 0]) r
ORDER BY place;

-- without weights sums are whole numbers; items of other types
SELECT label, r.*
FROM (VALUES
  (1, 'set', 'jaccard', 'SELECT customer, product FROM lines GROUP BY 1, 2'),
  (2, 'text', 'cosine', 'SELECT ''c'' || customer, ''Prodükt '' || product FROM lines'),
  (3, 'numeric', 'p3alpha', 'SELECT customer, product::numeric / 3 FROM lines'),
  (4, 'name', 'llr', 'SELECT customer, product::text::name FROM lines')) AS q(place, label, measure, query),
  check_rounds(similarity_options(measure, n => 5), ARRAY[6, 60, 0], query) r
ORDER BY place;
RESET client_min_messages;

-- how much is written, and what is said
CREATE TABLE bought (customer int, product int);
CREATE INDEX ON bought (customer);
INSERT INTO bought SELECT c, g * 10 + p FROM generate_series(1, 30) c, generate_series(1, 3) p, LATERAL (SELECT c % 10 AS g) x;
SELECT create_recommender('few', 'SELECT customer, product FROM bought', similarity_options('jaccard'));
SELECT build_mode, changed, rows, users, items FROM recommenders WHERE name = 'few'::regclass;
SELECT refresh_recommender('few', incremental => true);
SELECT build_mode, changed FROM recommenders WHERE name = 'few'::regclass;
CREATE TEMP TABLE before AS SELECT item, xmin AS written, users FROM few_model;
DELETE FROM bought WHERE customer = 13 AND product = 31;
INSERT INTO bought VALUES (31, 51), (31, 99);
SELECT refresh_recommender('few', incremental => true);
SELECT build_mode, changed, rows, users, items FROM recommenders WHERE name = 'few'::regclass;
SELECT m.item, b.users AS before, m.users, m.neighbours, m.scores
FROM few_model m LEFT JOIN before b USING (item) WHERE b.written IS DISTINCT FROM m.xmin ORDER BY 1;
-- the last user of an item goes, and one comes with an item that was left
DELETE FROM bought WHERE product = 99 OR customer = 5;
INSERT INTO bought VALUES (77, 52);
SELECT refresh_recommender('few', incremental => true);
SELECT changed, items FROM few;
SELECT count(*) FROM few_model WHERE item = 99;
-- rows that somebody lost are made again, and all where nothing is left
DELETE FROM few_model WHERE item IN (11, 12);
UPDATE few_model SET fingerprint = 0 WHERE item = 13;
SELECT refresh_recommender('few', incremental => true);
SELECT changed FROM few;
SELECT refresh_recommender('few');
SELECT build_mode, changed FROM few;
DROP TABLE few_model;
SELECT refresh_recommender('few', incremental => true);
SELECT build_mode, changed FROM few;
-- a change of the definition is seen
SELECT create_recommender('few', 'SELECT customer, product FROM bought', similarity_options('jaccard', n => 1), replace => true);
SELECT refresh_recommender('few', incremental => true);
SELECT changed, max(cardinality(neighbours)) FROM few, few_model GROUP BY 1;
SELECT create_recommender('few', 'SELECT customer, product FROM bought WHERE product < 50', similarity_options('jaccard', n => 1), replace => true);
SELECT build_mode, changed, items FROM few;
SELECT create_recommender('few', 'SELECT customer, product FROM bought', similarity_options('jaccard', prune => 'neighbour'), replace => true);
SELECT refresh_recommender('few', incremental => true);
SELECT build_mode, changed FROM few;
TRUNCATE bought;
SELECT refresh_recommender('few', incremental => true);
SELECT refresh_recommender('few', NULL);
SELECT drop_recommender('few');

SET client_min_messages = warning;
DROP SCHEMA recommend_refresh CASCADE;
