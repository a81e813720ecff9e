-- What stored rules recommend for a basket.
CREATE SCHEMA rules_apply_test;
SET search_path = rules_apply_test, public;
CREATE TABLE rules (lhs bigint[], rhs bigint[], confidence numeric);
INSERT INTO rules VALUES
  ('{1}', '{2}', 0.5), ('{1}', '{3}', 0.4), ('{1,2}', '{3}', 0.9), ('{4}', '{5}', 1),
  ('{2}', '{3}', 0.9), ('{1}', '{6,7}', 0.3), ('{}', '{8}', 0.1), (NULL, '{9}', 1), ('{1}', NULL, 1),
  ('{1}', '{9}', NULL), ('{1}', '{9}', 'NaN'), ('{1,NULL}', '{9}', 1), ('{1}', '{NULL}', 1);
SELECT * FROM rules_apply('SELECT lhs, rhs, confidence FROM rules_apply_test.rules', ARRAY[1]);
-- what is there already is not recommended; the best rule is the reason, the more specific one of two
SELECT * FROM rules_apply('SELECT lhs, rhs, confidence FROM rules_apply_test.rules', ARRAY[2, 1, 1, NULL]);
SELECT * FROM rules_apply('SELECT lhs, rhs, confidence FROM rules_apply_test.rules', ARRAY[1, 2], 1);
SELECT * FROM rules_apply('SELECT lhs, rhs, confidence FROM rules_apply_test.rules', '{}'::bigint[]);
-- the query may use the basket, and so an index
SELECT * FROM rules_apply('SELECT lhs, rhs, confidence FROM rules_apply_test.rules WHERE lhs <@ $1', ARRAY[4]);
SELECT * FROM rules_apply('SELECT lhs, rhs, confidence FROM rules_apply_test.rules WHERE lhs && $1', ARRAY[4]);
-- text, and many baskets at once
CREATE TABLE texts AS SELECT lhs::text[], rhs::text[], confidence FROM rules;
SELECT b.id, r.* FROM (VALUES (1, '{1}'::text[]), (2, '{4}'), (3, '{4,5}')) b(id, items),
  rules_apply('SELECT lhs, rhs, confidence FROM rules_apply_test.texts WHERE lhs && $1', b.items, 2) r;
-- against the definition, with mined rules
CREATE TABLE lines AS SELECT b AS basket, i AS item FROM generate_series(1, 200) b, generate_series(1, 12) i
WHERE ('x' || substr(md5(b || ',' || i), 1, 4))::bit(16)::int < 65536 * 0.35;
CREATE TABLE mined AS SELECT * FROM association_rules('TABLE rules_apply_test.lines', min_count => 8, max_rhs => 2);
SELECT count(*) > 100 AS found, count(*) FILTER (WHERE (a.item, a.score) IS DISTINCT FROM (o.item, o.lift)) AS differ
FROM (SELECT basket, array_agg(item::bigint) AS items FROM lines WHERE basket <= 40 GROUP BY basket) b
CROSS JOIN LATERAL (SELECT coalesce(a.i, o.i) AS i, a.item, a.score, o.item AS oitem, o.lift FROM
  rules_apply('SELECT lhs, rhs, lift FROM rules_apply_test.mined', b.items, 100) WITH ORDINALITY a(item, score, because, i)
  FULL JOIN (SELECT item, lift, row_number() OVER (ORDER BY lift DESC, item) AS i
    FROM (SELECT item, max(lift) AS lift FROM mined, unnest(rhs) item
          WHERE lhs <@ b.items AND item <> ALL (b.items) GROUP BY item) m) o ON o.i = a.i) a(i, item, score, oitem, lift)
CROSS JOIN LATERAL (SELECT a.oitem AS item, a.lift) o;
\set VERBOSITY sqlstate
SELECT * FROM rules_apply(NULL, '{1}'::bigint[]);
SELECT * FROM rules_apply('SELECT 1', '{1}'::bigint[]);
SELECT * FROM rules_apply('SELECT 1, 2, 3', '{1}'::bigint[]);
SELECT * FROM rules_apply('TABLE rules_apply_test.rules', '{1}'::bigint[], -1);
\set VERBOSITY default
SELECT * FROM rules_apply('TABLE rules_apply_test.rules', '{1}'::bigint[], 0);
-- a rule without score is passed over
SELECT * FROM rules_apply('SELECT ''{1}''::bigint[], array[i::bigint], CASE i WHEN 2 THEN NULL ELSE 0.5 END FROM generate_series(2, 3) i', '{1}'::bigint[]);
SET client_min_messages = warning;
DROP SCHEMA rules_apply_test CASCADE;
