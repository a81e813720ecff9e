-- Association rules against their definition: 120 baskets of 9 items drawn at random,
-- every set and every rule counted one by one in SQL.
CREATE SCHEMA rules_test;
SET search_path = rules_test, public;
CREATE TABLE lines AS
SELECT b AS basket, i AS item
FROM generate_series(1, 120) b, generate_series(1, 9) i
-- items 1 to 3 go together
WHERE ('x' || substr(md5(b || ',' || i), 1, 4))::bit(16)::int / 65536.0 < 0.35 + CASE WHEN i <= 3 AND b % 3 = 0 THEN 0.5 ELSE 0 END - i * 0.02;
CREATE TABLE texts AS SELECT 'b' || basket AS basket, chr(96 + item) AS item FROM lines;

CREATE FUNCTION items_of(mask int) RETURNS bigint[] LANGUAGE sql IMMUTABLE AS
$$SELECT array_agg(i::bigint ORDER BY i) FROM generate_series(1, 9) i WHERE mask >> (i - 1) & 1 = 1$$;
CREATE TABLE masks AS SELECT basket, bit_or(1 << (item - 1)) AS mask FROM lines GROUP BY basket;
CREATE TABLE sets AS
SELECT s AS mask, items_of(s) AS items, count(mask) AS together, (SELECT count(*) FROM masks) AS n
FROM generate_series(1, 511) s LEFT JOIN masks ON mask & s = s GROUP BY s;
CREATE TABLE rules AS
SELECT l.mask AS lmask, r.mask AS rmask, l.items AS lhs, r.items AS rhs, u.together,
  l.together AS lhs_count, r.together AS rhs_count, u.n AS baskets
FROM sets l JOIN sets r ON l.mask & r.mask = 0 JOIN sets u ON u.mask = l.mask | r.mask
WHERE u.together > 0;
-- the most confident rule with the same right side and less on the left
ALTER TABLE rules ADD simpler float8;
UPDATE rules r SET simpler = greatest(rhs_count::float8 / baskets,
  (SELECT max(s.together::float8 / s.lhs_count) FROM rules s
   WHERE s.rmask = r.rmask AND s.lmask & r.lmask = s.lmask AND s.lmask <> r.lmask));

-- number of rows in which the miner and the definition differ
CREATE FUNCTION rules_differ(options text, predicate text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE format($q$
    WITH got AS (SELECT lhs, rhs, together, lhs_count, rhs_count, baskets
                 FROM association_rules('SELECT basket, item FROM rules_test.lines', %1$s)),
    wanted AS (SELECT lhs, rhs, together, lhs_count, rhs_count, baskets FROM rules WHERE %2$s)
    SELECT (SELECT count(*) > 0 FROM wanted) || ' ' || count(*)
    FROM ((TABLE got EXCEPT ALL TABLE wanted) UNION ALL (TABLE wanted EXCEPT ALL TABLE got)) d
  $q$, options, predicate) INTO result;
  RETURN result;
END $$;
CREATE FUNCTION sets_differ(options text, predicate text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE format($q$
    WITH got AS (SELECT items, together, baskets
                 FROM frequent_itemsets('SELECT basket, item FROM rules_test.lines', %1$s)),
    wanted AS (SELECT items, together, n FROM sets s WHERE %2$s)
    SELECT (SELECT count(*) > 0 FROM wanted) || ' ' || count(*)
    FROM ((TABLE got EXCEPT ALL TABLE wanted) UNION ALL (TABLE wanted EXCEPT ALL TABLE got)) d
  $q$, options, predicate) INTO result;
  RETURN result;
END $$;

-- itemsets: every threshold, length and target
SELECT c, sets_differ('min_count => ' || c, 'together >= ' || c) FROM unnest(ARRAY[1, 2, 5, 10, 30]) c;
SELECT s, sets_differ('min_support => ' || s, 'together >= n * ' || s)
FROM unnest(ARRAY[0.001, 0.05, 0.1, 0.7]) s;
SELECT l, sets_differ('min_count => 2, max_length => ' || l,
  'together >= 2 AND cardinality(items) <= ' || l) FROM generate_series(1, 9) l;
SELECT c, sets_differ($$target => 'closed', min_count => $$ || c, 'together >= ' || c || '
  AND NOT EXISTS (SELECT FROM sets t WHERE t.mask & s.mask = s.mask AND t.mask <> s.mask
                  AND t.together = s.together)') FROM unnest(ARRAY[1, 3, 10]) c;
SELECT c, sets_differ($$target => 'maximal', min_count => $$ || c, 'together >= ' || c || '
  AND NOT EXISTS (SELECT FROM sets t WHERE t.mask & s.mask = s.mask AND t.mask <> s.mask
                  AND t.together >= ' || c || ')') FROM unnest(ARRAY[1, 3, 10]) c;
SELECT l, sets_differ($$target => 'closed', min_count => 2, max_length => $$ || l, 'together >= 2
  AND cardinality(items) <= ' || l || ' AND NOT EXISTS (SELECT FROM sets t WHERE t.mask & s.mask = s.mask
    AND t.mask <> s.mask AND t.together = s.together)'),
  sets_differ($$target => 'maximal', min_count => 12, max_length => $$ || l, 'together >= 12
  AND cardinality(items) <= ' || l || ' AND NOT EXISTS (SELECT FROM sets t WHERE t.mask & s.mask = s.mask
    AND t.mask <> s.mask AND t.together >= 12)') FROM generate_series(1, 4) l;
SELECT sets_differ($$target => 'closed', min_count => 1, hierarchy => '{{1,4},{2,4}}'$$,
  'together >= 1 AND NOT (mask & 8 = 8 AND mask & 3 > 0) AND NOT EXISTS (SELECT FROM sets t
    WHERE t.mask & s.mask = s.mask AND t.mask <> s.mask AND t.together = s.together
    AND NOT (t.mask & 8 = 8 AND t.mask & 3 > 0))');
-- data full of items that come together
CREATE TABLE patterns AS SELECT b AS basket, i AS item FROM generate_series(1, 40) b, generate_series(1, 10) i
WHERE (i - 1) / 2 % (2 + b % 4) < 1 + b % 3 AND (b % 7 + i) % 9 > 0;
CREATE TABLE pattern_sets AS
SELECT c, s.items, s.together FROM unnest(ARRAY[1, 3, 8]) c, frequent_itemsets('TABLE rules_test.patterns', min_count => c) s;
CREATE TABLE pattern_targets AS
SELECT c, t, s.items FROM unnest(ARRAY[1, 3, 8]) c, unnest(ARRAY['closed', 'maximal']) t,
  frequent_itemsets('TABLE rules_test.patterns', min_count => c, target => t) s;
CREATE TABLE pattern_wanted AS
SELECT s.c, t, s.items FROM pattern_sets s, unnest(ARRAY['closed', 'maximal']) t
WHERE NOT EXISTS (SELECT FROM pattern_sets u WHERE u.c = s.c AND u.items @> s.items AND u.items <> s.items
  AND (t = 'maximal' OR u.together = s.together));
SELECT (SELECT count(*) FROM pattern_sets) AS sets, (SELECT count(*) FROM pattern_targets) AS targets, count(*) AS differ
FROM ((TABLE pattern_targets EXCEPT ALL TABLE pattern_wanted) UNION ALL (TABLE pattern_wanted EXCEPT ALL TABLE pattern_targets)) d;
SELECT sets_differ($$min_count => 2, exclude => '{2,4,99}'$$, 'together >= 2 AND mask & 10 = 0');
-- what is in no basket is named, once; of groups it is not known
SELECT count(*) > 0 AS some FROM association_rules(NULL::text, 'TABLE rules_test.texts', lhs_in => '{a,lipstik,lipstik}', rhs_in => '{b,c,d}', exclude => ARRAY(SELECT 'x' || i FROM generate_series(1, 12) i));
SELECT cardinality(association_rules_agg(basket, item::int2, rules_options(exclude => '{2,4,70000}'))) > 0 AS some FROM lines;
SELECT cardinality(association_rules_agg(basket, item, rules_options(exclude => '{99}'))) > 0 AS some FROM lines GROUP BY basket % 2;
SELECT sets_differ($$min_count => 2, hierarchy => '{{1,4},{2,4},{4,8},{3,77},{77,9}}'$$,
  'together >= 2 AND NOT (mask & 1 = 1 AND mask & 136 > 0) AND NOT (mask & 2 = 2 AND mask & 136 > 0)
   AND NOT (mask & 136 = 136) AND NOT (mask & 260 = 260)');
SELECT k, (SELECT array_agg((items, together) ORDER BY ordinality)
           FROM frequent_itemsets('SELECT basket, item FROM rules_test.lines', top_k => k) WITH ORDINALITY)
  = (SELECT array_agg((items, together)) FROM (SELECT items, together FROM sets WHERE together >= 2
     ORDER BY together DESC, cardinality(items), items LIMIT k) o)
FROM unnest(ARRAY[1, 3, 20, 100, 1000]) k;

-- rules: every option
SELECT rules_differ('min_count => 1, max_rhs => 9', 'true');
SELECT rules_differ('min_count => 4', 'together >= 4 AND cardinality(rhs) = 1');
SELECT rules_differ('min_count => 3, min_confidence => 0.6, max_rhs => 3',
  'together >= 3 AND cardinality(rhs) <= 3 AND together::float8 / lhs_count >= 0.6');
SELECT rules_differ('min_count => 3, min_lift => 1.5, max_lhs => 2, max_rhs => 2',
  'together >= 3 AND cardinality(lhs) <= 2 AND cardinality(rhs) <= 2
   AND together::float8 * baskets / (lhs_count * rhs_count) >= 1.5');
SELECT rules_differ('min_count => 2, max_length => 3, max_rhs => 2',
  'together >= 2 AND cardinality(lhs || rhs) <= 3 AND cardinality(rhs) <= 2');
SELECT rules_differ($$min_count => 2, rhs_in => '{1,5}'$$, $$together >= 2 AND cardinality(rhs) = 1 AND rhs <@ '{1,5}'$$);
SELECT rules_differ($$min_count => 2, max_rhs => 2, lhs_in => '{1,2,3}', rhs_in => '{3,4,5}'$$,
  $$together >= 2 AND cardinality(rhs) <= 2 AND lhs <@ '{1,2,3}' AND rhs <@ '{3,4,5}'$$);
SELECT rules_differ($$min_count => 2, max_rhs => 2, lhs_in => '{1,2,3}'$$,
  $$together >= 2 AND cardinality(rhs) <= 2 AND lhs <@ '{1,2,3}'$$);
SELECT rules_differ('min_count => 2, redundant => false, max_rhs => 2',
  'together >= 2 AND cardinality(rhs) <= 2 AND together::float8 / lhs_count > simpler');
SELECT rules_differ('min_count => 2, min_improvement => 0.05',
  'together >= 2 AND cardinality(rhs) = 1 AND together::float8 / lhs_count - simpler >= 0.05');
SELECT rules_differ($$min_count => 2, target => 'closed'$$,
  'together >= 2 AND cardinality(rhs) = 1 AND NOT EXISTS (SELECT FROM sets s WHERE s.mask & (lmask | rmask) = lmask | rmask
   AND s.mask <> lmask | rmask AND s.together = rules.together)');
SELECT rules_differ($$min_count => 2, target => 'closed', max_length => 3$$,
  'together >= 2 AND cardinality(rhs) = 1 AND cardinality(lhs) <= 2 AND NOT EXISTS (SELECT FROM sets s
   WHERE s.mask & (lmask | rmask) = lmask | rmask AND s.mask <> lmask | rmask AND s.together = rules.together)');
SELECT m, rules_differ('min_count => 2, max_basket => ' || m, 'false')
FROM unnest(ARRAY[1]) m;

-- max_basket leaves whole baskets out, and says so
SELECT count(*), min(baskets) = (SELECT count(*) FROM masks WHERE cardinality(items_of(mask)) <= 4) AS n,
  min(limits), min(min_count)
FROM association_rules('SELECT basket, item FROM rules_test.lines', max_basket => 4, max_length => 2);
SELECT limits FROM frequent_itemsets('SELECT basket, item FROM rules_test.lines', min_support => 0.5, max_length => 9) LIMIT 1;

-- the best k, the bar found by the miner; without thresholds, and in order
CREATE FUNCTION best_differ(rank text, formula text, k int) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE result boolean;
BEGIN
  EXECUTE format($q$
    SELECT (SELECT array_agg((lhs, rhs) ORDER BY ordinality)
            FROM association_rules('SELECT basket, item FROM rules_test.lines', top_k => %3$s,
                                   rank_by => %1$L, min_count => 2) WITH ORDINALITY)
      IS DISTINCT FROM
      (SELECT array_agg((lhs, rhs)) FROM (SELECT lhs, rhs FROM rules
       WHERE together >= 2 AND cardinality(rhs) = 1
       ORDER BY %2$s DESC, together::float8 / lhs_count DESC, lhs, rhs LIMIT %3$s) o)
  $q$, rank, formula, k) INTO result;
  RETURN result;
END $$;
SELECT k, best_differ('leverage', 'baskets * together - lhs_count * rhs_count', k) AS leverage,
  best_differ('support', 'together', k) AS support,
  best_differ('confidence', 'together::float8 / lhs_count', k) AS confidence,
  best_differ('lift', 'together::float8 * baskets / (lhs_count * rhs_count)', k) AS lift
FROM unnest(ARRAY[1, 2, 7, 50, 500, 5000]) k;
SELECT count(*), min(min_count) > 2 AS raised
FROM association_rules('SELECT basket, item FROM rules_test.lines', top_k => 5);

-- by every measure, some of which raise the bar by themselves: the best of all rules
CREATE FUNCTION measures_differ(k int, options text, predicate text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
  name text;
  wrong boolean;
  result text[] = '{}';
BEGIN
  FOR name IN SELECT attname FROM pg_attribute WHERE attrelid = 'rule_measures'::regclass AND attnum > 0 LOOP
    EXECUTE format($q$
      SELECT array(SELECT (lhs, rhs)::text FROM association_rules('SELECT basket, item FROM rules_test.lines',
                     top_k => %1$s, rank_by => %2$L, %3$s) WITH ORDINALITY ORDER BY ordinality)
        <> array(SELECT (lhs, rhs)::text FROM rules, rule_measures(together, lhs_count - together, rhs_count - together,
                     baskets - lhs_count - rhs_count + together) m
                 WHERE %4$s ORDER BY coalesce(m.%2$I * %5$s, '-Infinity') DESC, together::float8 / lhs_count DESC, lhs, rhs LIMIT %1$s)
    $q$, k, name, options, predicate, CASE WHEN name IN ('p_value', 'imbalance', 'implication_index') THEN -1 ELSE 1 END)
    INTO wrong;
    IF wrong THEN result = result || name; END IF;
  END LOOP;
  RETURN result;
END $$;
SELECT k, measures_differ(k, 'min_count => 1', 'cardinality(rhs) = 1') FROM unnest(ARRAY[1, 10, 100]) k;
SELECT measures_differ(20, 'min_count => 2, max_rhs => 3, min_lift => 1',
  'together >= 2 AND cardinality(rhs) <= 3 AND together::float8 * baskets / (lhs_count * rhs_count) >= 1');
SELECT measures_differ(15, $o$min_count => 1, min_confidence => 0.2, max_length => 4, rhs_in => '{1,5,6}', redundant => false$o$,
  $p$rhs <@ '{1,5,6}' AND cardinality(rhs) = 1 AND cardinality(lhs) <= 3 AND together::float8 / lhs_count >= 0.2
     AND together::float8 / lhs_count > simpler$p$);
-- which ones do: the bar is above the threshold
SELECT m, l, min(r.min_count) > 1 AS raised
FROM unnest(ARRAY['support', 'leverage', 'rule_power', 'klosgen', 'laplace', 'importance', 'implication_index', 'p_value', 'gini',
    'j_measure', 'lift', 'phi']) WITH ORDINALITY m(m, o), unnest(ARRAY[0, 1]) l,
  association_rules('SELECT basket, item FROM rules_test.lines', min_count => 1, min_lift => l, top_k => 3, rank_by => m) r
GROUP BY o, m, l ORDER BY o, l;
-- the best closed sets, and the best of very many that are always together
SELECT k, l, array(SELECT (s.items, together)::text FROM frequent_itemsets('SELECT basket, item FROM rules_test.lines', top_k => k,
    max_length => l, target => 'closed') WITH ORDINALITY s ORDER BY ordinality)
  <> array(SELECT (s.items, together)::text FROM sets s WHERE together >= 2 AND cardinality(items) <= l AND NOT EXISTS (
      SELECT FROM sets t WHERE t.mask & s.mask = s.mask AND t.mask <> s.mask AND t.together = s.together)
    ORDER BY together DESC, cardinality(items), items LIMIT k) AS differ
FROM unnest(ARRAY[1, 8, 30, 200]) k, unnest(ARRAY[3, 9]) l;
SELECT k, array(SELECT items::text FROM frequent_itemsets('TABLE rules_test.patterns', top_k => k, target => 'closed') s)
  <> array(SELECT items::text FROM frequent_itemsets('TABLE rules_test.patterns', min_count => 2, target => 'closed') s LIMIT k) AS differ
FROM unnest(ARRAY[1, 3, 10, 100]) k;
SELECT count(*), max(cardinality(items)), min(min_count)
FROM frequent_itemsets('SELECT b, i FROM generate_series(1, 3) b, generate_series(1, 60) i', top_k => 100);

-- significance: Fisher's test by its definition, and both adjustments
CREATE TABLE tested AS
SELECT lhs, rhs, p, row_number() OVER (ORDER BY p) AS i, count(*) OVER () AS m
FROM (SELECT lhs, rhs, (SELECT sum(factorial(lhs_count) / factorial(k) / factorial(lhs_count - k)
          * factorial(baskets - lhs_count) / factorial(rhs_count - k) / factorial(baskets - lhs_count - rhs_count + k)
          * factorial(rhs_count) * factorial(baskets - rhs_count) / factorial(baskets))
        FROM generate_series(together, least(lhs_count, rhs_count)) k
        WHERE baskets - lhs_count - rhs_count + k >= 0)::float8 AS p
      FROM rules WHERE together >= 3 AND cardinality(rhs) = 1 AND cardinality(lhs) <= 2) q;
SELECT s, count(*), count(*) FILTER (WHERE abs(got.p_value / tested.p - 1) > 1e-12) AS p_differs,
  count(*) FILTER (WHERE abs(got.p_adjusted / CASE s WHEN 'holm' THEN holm ELSE bh END - 1) > 1e-12) AS adjusted_differs
FROM unnest(ARRAY['holm', 'bh']) s, LATERAL association_rules('SELECT basket, item FROM rules_test.lines',
    min_count => 3, max_lhs => 2, significance => s, alpha => 1) got
JOIN (SELECT *, least(1, max((m - i + 1) * p) OVER (ORDER BY i)) AS holm,
        least(1, min(m * p / i) OVER (ORDER BY i DESC)) AS bh FROM tested) tested USING (lhs, rhs)
GROUP BY s ORDER BY s;
SELECT count(*), max(p_adjusted) <= 0.2 AS significant,
  count(*) = (SELECT count(*) FROM association_rules('SELECT basket, item FROM rules_test.lines',
    min_count => 3, max_lhs => 2, significance => 'bh', alpha => 1) WHERE p_adjusted <= 0.2 AND confidence >= 0.4) AS all
FROM association_rules('SELECT basket, item FROM rules_test.lines',
  min_count => 3, max_lhs => 2, significance => 'bh', alpha => 0.2, min_confidence => 0.4);

-- the measures of a row are those of rule_measures()
SELECT count(*), bool_and((r.support, r.confidence, r.lift, r.leverage, r.conviction, r.zhang, r.cosine, r.jaccard,
    r.kulczynski, r.imbalance, r.phi)::text =
  (m.support, m.confidence, m.lift, m.leverage, m.conviction, m.zhang, m.cosine, m.jaccard,
    m.kulczynski, m.imbalance, m.phi)::text)
FROM association_rules('SELECT basket, item FROM rules_test.lines', min_count => 1, max_rhs => 9) r,
  rule_measures(together, lhs_count - together, rhs_count - together,
                baskets - lhs_count - rhs_count + together) m;

-- both doors, rows in any order, and arrays: the same rules in the same order
CREATE TABLE expected AS
SELECT array(SELECT r FROM association_rules('SELECT basket, item FROM rules_test.lines',
                                             min_support => 0.05, min_confidence => 0.3) r) AS rules,
  array(SELECT s FROM frequent_itemsets('SELECT basket, item FROM rules_test.lines') s) AS sets,
  array(SELECT r FROM association_rules(NULL::text, 'SELECT basket, item FROM rules_test.texts') r) AS text_rules,
  array(SELECT s FROM frequent_itemsets(NULL::text, 'SELECT basket, item FROM rules_test.texts') s) AS text_sets;
SELECT cardinality(rules), cardinality(sets), cardinality(text_rules), cardinality(text_sets) FROM expected;
CREATE TABLE shuffled AS SELECT * FROM lines UNION ALL SELECT * FROM lines WHERE item < 4 ORDER BY 2, 1;
CREATE TABLE arrays AS SELECT NULL::int || array_agg(item ORDER BY item DESC) || max(item) AS items,
  array_agg(chr(96 + item)::varchar) AS texts FROM lines GROUP BY basket;
SELECT rules = (SELECT association_rules_agg(basket, item, rules_options(min_support => 0.05, min_confidence => 0.3)) FROM shuffled),
  rules = (SELECT association_rules_agg(basket::text || 'x', item::bigint, rules_options(0.05, NULL, 0.3)) FROM shuffled),
  rules = (SELECT association_rules_agg(items, rules_options(min_support => 0.05, min_confidence => 0.3)) FROM arrays),
  rules = array(SELECT r FROM association_rules('SELECT items FROM rules_test.arrays', min_support => 0.05, min_confidence => 0.3) r),
  sets = (SELECT frequent_itemsets_agg(basket, item) FROM shuffled),
  sets = (SELECT frequent_itemsets_agg(items) FROM arrays),
  sets = array(SELECT s FROM frequent_itemsets('SELECT items::bigint[] FROM rules_test.arrays') s),
  sets = (SELECT frequent_itemsets_agg(items, rules_options()) FROM arrays)
FROM expected;
SELECT text_rules = (SELECT association_rules_agg(basket, item) FROM texts),
  text_rules = (SELECT association_rules_agg(texts) FROM arrays),
  text_rules = array(SELECT r FROM association_rules(NULL::text, 'SELECT texts FROM rules_test.arrays') r),
  text_sets = (SELECT frequent_itemsets_agg(basket, item, rules_options(min_support => 0.01)) FROM texts),
  text_sets = (SELECT frequent_itemsets_agg(texts, rules_options(min_support => 0.01)) FROM arrays)
FROM expected;
-- text and bigint items have the same rules here
SELECT count(*), count(*) FILTER (WHERE (a.together, a.lift, a.phi) IS DISTINCT FROM (b.together, b.lift, b.phi)
  OR array(SELECT ascii(i) - 96::bigint FROM unnest(a.lhs || a.rhs) i) <> b.lhs || b.rhs) AS differ
FROM association_rules(NULL::text, 'TABLE rules_test.texts', min_count => 6, rank_by => 'phi') WITH ORDINALITY a
FULL JOIN association_rules('TABLE rules_test.lines', min_count => 6, rank_by => 'phi') WITH ORDINALITY b USING (ordinality);

-- keys of baskets in any order, ascending from the midst on, and of every width
SELECT o, sets = array(SELECT s FROM frequent_itemsets('SELECT ' || k || ', item FROM rules_test.lines ORDER BY ' || o) s) AS same
FROM expected, unnest(ARRAY['basket', 'basket', 'basket::bigint * 5000000000 - 100', 'basket::smallint', 'basket::int', 'basket', 'basket', '9223372036854775807 - basket']) WITH ORDINALITY k(k, i)
JOIN unnest(ARRAY['basket', 'basket DESC', 'basket < 60, basket', 'basket < 60, basket, item', 'basket < 60, basket < 30, basket', 'basket % 7, basket', 'item', 'basket < 60, basket DESC, item'])
  WITH ORDINALITY o(o, i) USING (i) ORDER BY i;

-- GROUP BY and FILTER: each group as if it were alone
SELECT g, rules = array(SELECT r FROM association_rules(
    format('SELECT * FROM rules_test.lines WHERE basket %% 3 = %s', g), min_count => 3) r) AS same
FROM (SELECT basket % 3 AS g, association_rules_agg(basket, item, rules_options(min_count => 3)) AS rules
      FROM lines GROUP BY 1) q ORDER BY g;
SELECT (SELECT association_rules_agg(basket, item) FILTER (WHERE basket <= 40) FROM lines)
  = (SELECT association_rules_agg(basket, item) FROM lines WHERE basket <= 40) AS filtered;

-- parallel and partition-wise plans
CREATE TABLE parts (basket int, item int) PARTITION BY HASH (basket);
CREATE TABLE parts0 PARTITION OF parts FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE parts1 PARTITION OF parts FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE parts2 PARTITION OF parts FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO parts SELECT * FROM shuffled;
ANALYZE parts;
BEGIN;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 3;
SET LOCAL enable_partitionwise_aggregate = on;
CREATE FUNCTION plan_has(what text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
  FOR line IN EXPLAIN SELECT association_rules_agg(basket, item) FROM parts LOOP
    IF line ~ what THEN RETURN true; END IF;
  END LOOP;
  RETURN false;
END $$;
SELECT plan_has('Gather') AS parallel, plan_has('Partial Aggregate') AS partial;
SELECT rules = (SELECT association_rules_agg(basket, item, rules_options(min_support => 0.05, min_confidence => 0.3)) FROM parts),
  sets = (SELECT frequent_itemsets_agg(basket, item) FROM parts),
  sets = (SELECT frequent_itemsets_agg(items) FROM arrays),
  text_rules = (SELECT association_rules_agg(basket, item) FROM texts),
  text_sets = (SELECT frequent_itemsets_agg(texts, rules_options(min_support => 0.01)) FROM arrays)
FROM expected;
SET LOCAL parallel_leader_participation = off;
SELECT rules = (SELECT association_rules_agg(basket, item, rules_options(min_support => 0.05, min_confidence => 0.3)) FROM parts)
FROM expected;
COMMIT;

-- what is empty, NULL or alone
SELECT association_rules_agg(basket, item), frequent_itemsets_agg(basket, item) FROM lines WHERE false;
SELECT association_rules_agg(NULL::int, 1), association_rules_agg(1, NULL::text), association_rules_agg(NULL::bigint[]);
SELECT frequent_itemsets_agg('{}'::bigint[]);
SELECT * FROM frequent_itemsets('SELECT 1, 2 WHERE false');
SELECT * FROM frequent_itemsets('SELECT 1, 9223372036854775807 UNION ALL SELECT 1, -5');
SELECT items, together, baskets FROM frequent_itemsets(NULL::text, $$SELECT * FROM (VALUES ('{ä,a,NULL,a}'::text[]), ('{}'), (NULL), ('{"",a}')) v$$);
SELECT lhs, rhs, together, conviction, zhang, phi FROM association_rules('SELECT b, i FROM generate_series(1, 3) b, generate_series(1, 2) i');
-- long baskets and sets: 2^12 of them, once with and once without twelve items that are always together
SELECT count(*), max(cardinality(items)) FROM frequent_itemsets('SELECT b, i FROM generate_series(1, 3) b, generate_series(1, 12) i');
SELECT count(*), sum(together) FROM frequent_itemsets('SELECT b, i FROM generate_series(1, 13) b, generate_series(1, 12) i WHERE b <> i', min_count => 1);

-- more than memory holds: the same rows in the same order, through files
CREATE TABLE wide AS SELECT b AS basket, i AS item FROM generate_series(1, 400) b, generate_series(1, 15) i
WHERE ('x' || substr(md5(b || ',' || i), 1, 4))::bit(16)::int / 65536.0 < 0.5 + i * 0.025;
CREATE FUNCTION digest(what text, memory text, OUT n bigint, OUT hash text) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('maintenance_work_mem', memory, true);
  EXECUTE format('SELECT count(*), md5(string_agg(s::text, chr(10) ORDER BY ordinality)) FROM %s WITH ORDINALITY s', what) INTO n, hash;
END $$;
SELECT o, little.n > 5000 AS many, little = enough AS same
FROM unnest(ARRAY[
    $$frequent_itemsets('TABLE rules_test.wide', min_count => 3)$$,
    $$frequent_itemsets('TABLE rules_test.wide', min_count => 3, max_length => 9, exclude => '{3}')$$,
    $$frequent_itemsets('SELECT 1, i FROM generate_series(1, 16) i')$$,
    $$frequent_itemsets('SELECT b, i FROM generate_series(1, 17) b, generate_series(1, 16) i WHERE b <> i', min_count => 1)$$,
    $$association_rules('TABLE rules_test.wide', min_count => 40, min_confidence => 0.3)$$,
    $$association_rules('TABLE rules_test.wide', min_count => 30, rank_by => 'imbalance', max_lhs => 6, rhs_in => '{1,4,9}')$$,
    $$association_rules('TABLE rules_test.wide', min_count => 30, rank_by => 'conviction', min_lift => 1.05)$$,
    $$association_rules(NULL::text, 'SELECT basket, repeat(chr(item + 96), 3) FROM rules_test.wide', min_count => 12, rank_by => 'phi', lhs_in => '{ddd,eee,fff,ggg,hhh,iii,jjj,kkk,lll}')$$]) WITH ORDINALITY q(q, o),
  digest(q, '1MB') little, digest(q, '64MB') enough ORDER BY o;
-- items that are in every basket of others: sets are found with them all at once, but not where only the best are wanted
CREATE TABLE implied AS
SELECT * FROM wide WHERE item <= 14
UNION SELECT basket, 20 + i FROM wide, generate_series(1, 3) i WHERE item = 1
UNION SELECT b, 30 + i FROM generate_series(1, 13) b, generate_series(1, 14) i;
CREATE FUNCTION sets_of(options text, OUT n bigint, OUT hash text) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('SELECT count(*), md5(string_agg(format(''%%s %%s'', items, together), chr(10) ORDER BY ordinality))
    FROM frequent_itemsets(''TABLE rules_test.implied'', min_count => 12%s) WITH ORDINALITY s', options) INTO n, hash;
END $$;
SET maintenance_work_mem = '64MB';
SELECT o, a.n, a = (SELECT b FROM sets_of(o || ', top_k => 1000000') b) AS same
FROM unnest(ARRAY['', ', max_length => 3', ', max_length => 12', ', hierarchy => ''{{1,14},{14,13},{31,32}}''']) o, sets_of(o) a;
SELECT count(*) FILTER (WHERE 5 >= cardinality(items)), (SELECT count(*) FROM frequent_itemsets('TABLE rules_test.implied', min_count => 12, max_length => 5))
FROM frequent_itemsets('TABLE rules_test.implied', min_count => 12);
RESET maintenance_work_mem;
SELECT o, little = enough AS same
FROM unnest(ARRAY['', ', max_length => 4', ', max_length => 12']) o,
  digest(format('frequent_itemsets(%L, min_count => 12%s)', 'TABLE rules_test.implied', o), '1MB') little,
  digest(format('frequent_itemsets(%L, min_count => 12%s)', 'TABLE rules_test.implied', o), '64MB') enough;
-- with the sets in memory, rules in files
SELECT o, little.n > 5000 AS many, little = enough AS same
FROM unnest(ARRAY[
    $$association_rules('TABLE rules_test.wide', min_count => 90, max_rhs => 3, rank_by => 'certainty')$$,
    $$association_rules('TABLE rules_test.wide', min_count => 30, min_improvement => 0)$$,
    $$association_rules('TABLE rules_test.wide', min_count => 60, target => 'closed')$$]) WITH ORDINALITY q(q, o),
  digest(q, '2MB') little, digest(q, '64MB') enough ORDER BY o;

-- errors
\set VERBOSITY sqlstate
SELECT rules_options(min_support => 1.5);
SELECT rules_options(min_support => 'NaN');
SELECT rules_options(min_support => 0.1, min_count => 3);
SELECT rules_options(min_count => 0);
SELECT rules_options(max_length => 0);
SELECT rules_options(rank_by => 'best');
SELECT rules_options(target => 'open');
SELECT rules_options(significance => 'maybe');
SELECT rules_options(hierarchy => '{1,2,3}');
SELECT rules_options(exclude => '{1,NULL}');
SELECT association_rules_agg(basket, item, NULL) FROM lines;
SELECT frequent_itemsets_agg(basket, item, rules_options(min_lift => 2)) FROM lines;
SELECT association_rules_agg(basket, item, rules_options(exclude => '{one}')) FROM lines;
SELECT association_rules_agg('(1,1)'::point, item) FROM lines;
SELECT * FROM association_rules(NULL);
SELECT * FROM association_rules('SELECT basket, item FROM rules_test.texts');
SELECT * FROM association_rules('SELECT texts FROM rules_test.arrays');
SELECT * FROM association_rules('SELECT 1');
SELECT * FROM association_rules('SELECT 1, 2, 3');
SELECT * FROM association_rules('DELETE FROM rules_test.lines');
SELECT rule_measures(-1, 0, 0, 0);
SET maintenance_work_mem = '1MB';
SELECT count(*) FROM frequent_itemsets('SELECT b, i FROM generate_series(1, 3) b, generate_series(1, 25) i', target => 'maximal', hierarchy => '{{98,99}}');
SELECT cardinality(frequent_itemsets_agg(b, i)) FROM generate_series(1, 3) b, generate_series(1, 25) i;
SELECT count(*) FROM association_rules('SELECT b, i FROM generate_series(1, 3) b, generate_series(1, 25) i', redundant => false);
SELECT frequent_itemsets_agg(b, i) FROM generate_series(1, 100000) b, generate_series(1, 3) i;
RESET maintenance_work_mem;
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT * FROM frequent_itemsets($$VALUES ('a', 1.2), ('a', 1.4), ('b', 1.2)$$, min_count => 1);
SELECT items, together FROM frequent_itemsets($$VALUES ('a', 1.0), ('b', 2.0)$$, min_count => 1);
SELECT * FROM association_rules($$VALUES (1, '00000000-0000-0000-0000-000000000001'::uuid)$$);
SELECT * FROM association_rules($$VALUES (1, 'x'::varchar)$$);

SET client_min_messages = warning;
DROP SCHEMA rules_test CASCADE;
