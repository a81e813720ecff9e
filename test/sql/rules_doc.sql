-- The examples of doc/rules.md, in order.
SET client_min_messages = warning;
CREATE SCHEMA rules_doc;
SET search_path = rules_doc, public;
SET intervalstyle = postgres;
CREATE TABLE lines (basket int, item text);
INSERT INTO lines VALUES
  (1, 'beer'), (1, 'diapers'), (1, 'chips'),
  (2, 'beer'), (2, 'diapers'),
  (3, 'beer'), (3, 'diapers'),
  (4, 'beer'), (4, 'chips'),
  (5, 'bread'), (5, 'milk'),
  (6, 'beer'), (6, 'diapers'), (6, 'chips'),
  (7, 'bread'), (7, 'milk'),
  (8, 'bread'), (8, 'milk'), (8, 'diapers'),
  (9, 'milk'),
  (10, 'bread'), (10, 'beer');

SELECT lhs, rhs, together, round(support::numeric, 3) AS support,
       round(confidence::numeric, 3) AS confidence, round(lift::numeric, 3) AS lift
FROM association_rules(NULL::text, 'SELECT basket, item FROM lines',
                       min_support => 0.3, min_confidence => 0.5);

SELECT q.later, r.lhs, r.rhs, r.together, r.baskets
FROM (SELECT basket > 5 AS later,
             association_rules_agg(basket, item, rules_options(min_support => 0.4, max_length => 2)) AS rules
      FROM lines GROUP BY 1) q,
  unnest(q.rules) r
ORDER BY q.later, r.together DESC, r.lhs, r.rhs;

SELECT items, together, baskets, min_count
FROM frequent_itemsets(NULL::text, 'SELECT basket, item FROM lines', min_count => 4);

SELECT lhs, rhs, round(leverage::numeric, 4) AS leverage, round(confidence::numeric, 3) AS confidence, min_count
FROM association_rules(NULL::text, 'SELECT basket, item FROM lines', top_k => 2);

SELECT lhs, rhs, together, round(p_value::numeric, 3) AS p, round(p_adjusted::numeric, 3) AS adjusted
FROM association_rules(NULL::text, 'SELECT basket, item FROM lines', min_support => 0.3,
                       significance => 'bh', alpha => 0.3);

SELECT lhs, rhs, round(confidence::numeric, 3) AS confidence, round(improvement::numeric, 3) AS improvement
FROM association_rules(NULL::text, 'SELECT basket, item FROM lines', min_support => 0.2,
                       redundant => false, min_confidence => 0.7);

CREATE TABLE categories (item text, category text);
INSERT INTO categories VALUES ('beer', 'drinks'), ('milk', 'drinks'), ('chips', 'food'), ('bread', 'food');
SELECT lhs, rhs, together
FROM association_rules(NULL::text,
  'SELECT basket, item FROM lines UNION SELECT basket, category FROM lines JOIN categories USING (item)',
  min_support => 0.4, hierarchy => (SELECT array_agg(ARRAY[item, category]) FROM categories));

SELECT r.lhs, r.rhs, round(m.odds_ratio::numeric, 3) AS odds_ratio, round(m.kappa::numeric, 3) AS kappa, m.sebag
FROM association_rules(NULL::text, 'SELECT basket, item FROM lines', rhs_in => '{diapers}', max_lhs => 1) r,
  rule_measures(together, lhs_count - together, rhs_count - together,
                baskets - lhs_count - rhs_count + together) m;

CREATE TABLE kept AS
SELECT * FROM association_rules(NULL::text, 'SELECT basket, item FROM lines', min_count => 2);
SELECT * FROM rules_apply('SELECT lhs, rhs, lift FROM kept WHERE lhs && $1', ARRAY['chips'], 3);

CREATE TABLE purchases (customer int, item text, day date);
INSERT INTO purchases VALUES
  (1, 'printer', '2024-01-01'), (1, 'ink', '2024-02-10'), (1, 'paper', '2024-02-10'),
  (2, 'printer', '2024-01-05'), (2, 'ink', '2024-01-25'),
  (3, 'printer', '2024-02-01'), (3, 'ink', '2024-09-01'),
  (4, 'ink', '2024-03-01'), (4, 'printer', '2024-03-02'), (5, 'paper', '2024-03-03');
SELECT lhs, rhs, together, lhs_count, round(confidence::numeric, 3) AS confidence, median_delay
FROM sequence_rules(NULL::text, 'SELECT customer, item, day FROM purchases', max_gap => '60 days', min_count => 1);

DROP SCHEMA rules_doc CASCADE;
