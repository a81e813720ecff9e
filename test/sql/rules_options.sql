-- Options of rules and itemsets in combinations drawn at random, each against its
-- definition in SQL: 7 items in 90 baskets, every set and rule counted one by one.
CREATE SCHEMA rules_options_test;
SET search_path = rules_options_test, public;
-- 0 to n - 1, the same on every server
CREATE FUNCTION draw(seed text, n int) RETURNS int LANGUAGE sql IMMUTABLE AS
$$SELECT ('x' || substr(md5(seed), 1, 7))::bit(28)::int % n$$;
CREATE TABLE lines AS
SELECT b AS basket, i AS item FROM generate_series(1, 90) b, generate_series(1, 7) i
-- items 1 and 2 go together, and 6 comes with 7 only
WHERE draw('line ' || b || ' ' || CASE i WHEN 2 THEN 1 ELSE i END, 100) < 75 - 8 * i + CASE b % 3 WHEN 0 THEN 20 ELSE 0 END
  AND (i <> 6 OR draw('line ' || b || ' 7', 100) < 40 OR b % 2 = 0);
CREATE FUNCTION items_of(mask int) RETURNS bigint[] LANGUAGE sql IMMUTABLE AS
$$SELECT array_agg(i::bigint ORDER BY i) FROM generate_series(1, 7) i WHERE mask >> (i - 1) & 1 = 1$$;
CREATE TABLE masks AS SELECT basket, bit_or(1 << (item - 1)) AS mask, count(*) AS size FROM lines GROUP BY basket;
CREATE TABLE names AS SELECT s AS mask, items_of(s) AS items FROM generate_series(1, 127) s;

-- What may be asked for.  A list is a mask of items, 0 for none; conflicts are pairs of items.
CREATE TYPE asked AS (min_count int, min_confidence float8, min_lift float8, max_length int, max_lhs int, max_rhs int,
  target text, lhs_in int, rhs_in int, excluded int, conflicts int[], max_basket int, redundant boolean,
  min_improvement float8, significance text, alpha float8, top_k int, rank_by text);
CREATE FUNCTION ask(seed text, rules boolean) RETURNS asked LANGUAGE plpgsql AS $$
DECLARE
  a asked;
  n int := 0;
BEGIN
  a.min_count := 1 + draw(seed || 'c', 9);
  a.max_length := CASE WHEN draw(seed || 'l', 3) = 0 THEN 1 + draw(seed || 'L', 5) END;
  a.target := (ARRAY['all', 'all', 'closed', 'maximal'])[1 + draw(seed || 't', 4)];
  a.excluded := CASE WHEN draw(seed || 'e', 4) = 0 THEN 1 << draw(seed || 'E', 7) ELSE 0 END;
  a.conflicts := CASE draw(seed || 'h', 5) WHEN 0 THEN '{{1,2}}'::int[] WHEN 1 THEN '{{6,7},{3,1}}'::int[] END;
  a.max_basket := CASE WHEN draw(seed || 'b', 5) = 0 THEN 3 + draw(seed || 'B', 4) END;
  a.top_k := CASE WHEN draw(seed || 'k', 3) = 0 THEN 1 + draw(seed || 'K', 40) END;
  a.lhs_in := 0;
  a.rhs_in := 0;
  a.redundant := true;
  IF rules THEN
    a.min_confidence := CASE WHEN draw(seed || 'f', 3) = 0 THEN draw(seed || 'F', 8) / 8.0 END;
    a.min_lift := CASE WHEN draw(seed || 'i', 4) = 0 THEN 0.75 + draw(seed || 'I', 4) / 8.0 END;
    a.max_lhs := CASE WHEN draw(seed || 'm', 4) = 0 THEN 1 + draw(seed || 'M', 3) END;
    a.max_rhs := 1 + draw(seed || 'r', 4);
    a.lhs_in := CASE WHEN draw(seed || 'n', 4) = 0 THEN 1 + draw(seed || 'N', 127) ELSE 0 END;
    a.rhs_in := CASE WHEN draw(seed || 'o', 4) = 0 THEN 1 + draw(seed || 'O', 127) ELSE 0 END;
    a.redundant := draw(seed || 'd', 4) > 0;
    a.min_improvement := CASE WHEN draw(seed || 'p', 5) = 0 THEN draw(seed || 'P', 5) / 64.0 END;
    IF a.target = 'all' AND draw(seed || 's', 3) = 0 THEN
      a.significance := (ARRAY['holm', 'bh'])[1 + draw(seed || 'S', 2)];
      a.alpha := (1 + draw(seed || 'A', 7)) / 8.0;
    END IF;
    a.rank_by := (ARRAY['support', 'confidence', 'lift', 'leverage', 'jaccard'])[1 + draw(seed || 'R', 5)];
  END IF;
  RETURN a;
END $$;
-- as named arguments
CREATE FUNCTION arguments(a asked) RETURNS text LANGUAGE sql AS $$
SELECT concat_ws(', ', 'min_count => ' || a.min_count, 'min_confidence => ' || a.min_confidence, 'min_lift => ' || a.min_lift,
  'max_length => ' || a.max_length, 'max_lhs => ' || a.max_lhs, 'max_rhs => ' || a.max_rhs,
  'target => ' || quote_literal(a.target), 'lhs_in => ' || quote_literal(items_of(nullif(a.lhs_in, 0))::text),
  'rhs_in => ' || quote_literal(items_of(nullif(a.rhs_in, 0))::text),
  'exclude => ' || quote_literal(items_of(nullif(a.excluded, 0))::text), 'hierarchy => ' || quote_literal(a.conflicts::text),
  'max_basket => ' || a.max_basket, CASE WHEN NOT a.redundant THEN 'redundant => false' END,
  'min_improvement => ' || a.min_improvement, 'significance => ' || quote_literal(a.significance), 'alpha => ' || a.alpha,
  'top_k => ' || a.top_k, 'rank_by => ' || quote_literal(a.rank_by))
$$;

-- by definition: sets that there may be, and those that are wanted
CREATE FUNCTION all_sets(a asked) RETURNS TABLE (mask int, items bigint[], together bigint, n bigint) LANGUAGE sql AS $$
SELECT s.mask, s.items, count(m.mask), (SELECT count(*) FROM masks WHERE size <= coalesce(a.max_basket, 7))
FROM names s LEFT JOIN masks m ON m.mask & s.mask = s.mask AND m.size <= coalesce(a.max_basket, 7)
WHERE s.mask & a.excluded = 0
  AND NOT EXISTS (SELECT FROM generate_subscripts(a.conflicts, 1) c
                  WHERE s.items @> ARRAY[a.conflicts[c][1], a.conflicts[c][2]]::bigint[])
GROUP BY s.mask, s.items
$$;
CREATE FUNCTION wanted_sets(a asked) RETURNS TABLE (mask int, items bigint[], together bigint, n bigint) LANGUAGE sql AS $$
WITH s AS MATERIALIZED (SELECT * FROM all_sets(a) WHERE together >= a.min_count)
SELECT * FROM s WHERE cardinality(items) <= coalesce(a.max_length, 7)
  AND (a.target = 'all' OR NOT EXISTS (SELECT FROM s t WHERE t.mask & s.mask = s.mask AND t.mask <> s.mask
                                         AND (a.target = 'maximal' OR t.together = s.together)))
$$;
CREATE TYPE found AS (lhs bigint[], rhs bigint[], together bigint, lhs_count bigint, rhs_count bigint, baskets bigint);
CREATE FUNCTION wanted_rules(a asked) RETURNS found[] LANGUAGE sql AS $$
WITH s AS MATERIALIZED (SELECT * FROM all_sets(a) WHERE together > 0),
r AS (SELECT l.mask AS lmask, r.mask AS rmask, l.items AS lhs, r.items AS rhs, u.together, l.together AS lhs_count,
        r.together AS rhs_count, u.n AS baskets
      FROM s l JOIN s r ON l.mask & r.mask = 0 JOIN wanted_sets(a) u ON u.mask = l.mask | r.mask
      WHERE cardinality(r.items) <= a.max_rhs AND cardinality(l.items) <= coalesce(a.max_lhs, 7)
        AND (a.lhs_in = 0 OR l.mask & ~a.lhs_in = 0) AND (a.rhs_in = 0 OR r.mask & ~a.rhs_in = 0)),
-- the smallest difference to a simpler one, which need not be wanted itself
better AS (SELECT r.*, m.*, m.confidence - greatest(rhs_count::float8 / baskets,
             (SELECT max(u.together::float8 / l.together) FROM s l JOIN s u ON u.mask = l.mask | r.rmask
              WHERE l.mask & r.lmask = l.mask AND l.mask <> r.lmask)) AS improvement
           FROM r, rule_measures(together, lhs_count - together, rhs_count - together,
                                 baskets - lhs_count - rhs_count + together) m),
tested AS (SELECT *, row_number() OVER (ORDER BY p_value) AS i, count(*) OVER () AS m FROM better),
adjusted AS (SELECT *, CASE a.significance WHEN 'holm' THEN least(1, max((m - i + 1) * p_value) OVER (ORDER BY i))
                              ELSE least(1, min(m::float8 / i * p_value) OVER (ORDER BY i DESC)) END AS p FROM tested),
-- equal ones are adjusted alike
equal AS (SELECT *, first_value(p) OVER (PARTITION BY p_value ORDER BY i) AS p_adjusted FROM adjusted)
SELECT array_agg((lhs, rhs, together, lhs_count, rhs_count, baskets)::found ORDER BY rank, confidence DESC, lhs, rhs)
FROM (SELECT *, -CASE a.rank_by WHEN 'support' THEN support WHEN 'confidence' THEN confidence WHEN 'lift' THEN lift
                  WHEN 'leverage' THEN leverage ELSE jaccard END AS rank
      FROM equal
      WHERE (a.significance IS NULL OR p_adjusted <= a.alpha)
        AND confidence >= coalesce(a.min_confidence, 0) AND lift >= coalesce(a.min_lift, 0)
        AND (a.redundant OR improvement > 0) AND (a.min_improvement IS NULL OR improvement >= a.min_improvement)
      ORDER BY rank, confidence DESC, lhs, rhs LIMIT a.top_k) q
$$;

-- what differs, by seed and the arguments; nothing is expected
CREATE FUNCTION differing_rules(seed text, OUT args text, OUT n int, OUT differs boolean) LANGUAGE plpgsql AS $$
DECLARE
  a asked := ask(seed, true);
  wanted found[] := wanted_rules(a);
  got found[];
BEGIN
  args := arguments(a);
  EXECUTE 'SELECT array_agg((lhs, rhs, together, lhs_count, rhs_count, baskets)::found ORDER BY ordinality)
    FROM association_rules(''TABLE rules_options_test.lines'', ' || args || ') WITH ORDINALITY' INTO got;
  n := coalesce(cardinality(wanted), 0);
  differs := got IS DISTINCT FROM wanted;
END $$;
CREATE FUNCTION differing_sets(seed text, OUT args text, OUT n int, OUT differs boolean) LANGUAGE plpgsql AS $$
DECLARE
  a asked := ask(seed, false);
  wanted found[] := (SELECT array_agg((items, NULL, together, NULL, NULL, w.n)::found ORDER BY together DESC, cardinality(items), items)
                     FROM (SELECT * FROM wanted_sets(a) ORDER BY together DESC, cardinality(items), items LIMIT a.top_k) w);
  got found[];
BEGIN
  args := arguments(a);
  EXECUTE 'SELECT array_agg((items, NULL, together, NULL, NULL, baskets)::found ORDER BY ordinality)
    FROM frequent_itemsets(''TABLE rules_options_test.lines'', ' || args || ') WITH ORDINALITY' INTO got;
  n := coalesce(cardinality(wanted), 0);
  differs := got IS DISTINCT FROM wanted;
END $$;
SET client_min_messages = warning;
CREATE TABLE results AS
SELECT 'rules' AS what, d.* FROM generate_series(1, 200) i, differing_rules('rules ' || i) d
UNION ALL SELECT 'sets', d.* FROM generate_series(1, 150) i, differing_sets('sets ' || i) d;
SELECT * FROM results WHERE differs;
-- and they were not about nothing
SELECT what, count(*), count(*) FILTER (WHERE n > 0) > 100 AS some, max(n) > 60 AS many FROM results GROUP BY what ORDER BY what;
DROP SCHEMA rules_options_test CASCADE;
RESET client_min_messages;
