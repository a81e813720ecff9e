-- Interest measures from the four cells of a rule's table.
CREATE FUNCTION pg_temp.show(n11 bigint, n10 bigint, n01 bigint, n00 bigint)
RETURNS TABLE (measure text, value text) LANGUAGE sql AS $$
  SELECT key, CASE WHEN v::text ~ 'Infinity|NaN' THEN v::text ELSE round(v::numeric, 10)::text END
  FROM json_each_text(row_to_json(rule_measures(n11, n10, n01, n00))), LATERAL (SELECT value::float8 AS v) f
$$;
-- every cell filled: each value can be checked by hand against its definition
SELECT * FROM pg_temp.show(40, 10, 20, 30);
-- the same by formulas of their own
WITH t AS (SELECT 40.0 AS a, 10.0 AS b, 20.0 AS c, 30.0 AS d, 100.0 AS n),
f AS (SELECT a / n AS support, a / (a + b) AS confidence, a * n / ((a + b) * (a + c)) AS lift,
  a / n - (a + b) * (a + c) / n ^ 2 AS leverage, (1 - (a + c) / n) / (1 - a / (a + b)) AS conviction,
  (a * d) / (b * c) AS odds_ratio, (a * d - b * c) / (a * d + b * c) AS yule_q,
  (sqrt(a * d) - sqrt(b * c)) / (sqrt(a * d) + sqrt(b * c)) AS yule_y,
  (a / (a + b)) / (c / (c + d)) AS relative_risk, a / (a + b) - c / (c + d) AS difference,
  (a * d - b * c) / sqrt((a + b) * (c + d) * (a + c) * (b + d)) AS phi,
  n * (a * d - b * c) ^ 2 / ((a + b) * (c + d) * (a + c) * (b + d)) AS chi_squared,
  2 * (a * d - b * c) / ((a + b) * (b + d) + (a + c) * (c + d)) AS kappa,
  (a / n) * ln(a * n / ((a + b) * (a + c))) + (b / n) * ln(b * n / ((a + b) * (b + d))) AS j_measure,
  (a + b) / n * ((a / (a + b)) ^ 2 + (b / (a + b)) ^ 2) + (c + d) / n * ((c / (c + d)) ^ 2 + (d / (c + d)) ^ 2)
    - ((a + c) / n) ^ 2 - ((b + d) / n) ^ 2 AS gini,
  (a - b) / (a + c) AS least_contradiction, (a + d) / n AS causal_support,
  (a / (a + b) + d / (c + d)) / 2 AS causal_confidence,
  ((a + d) / (b + c)) * ((n - ((a + b) * (a + c) + (c + d) * (b + d)) / n) / (((a + b) * (a + c) + (c + d) * (b + d)) / n)) AS collective_strength,
  log((a + 1) * (c + d + 2) / ((c + 1) * (a + b + 2))) AS importance FROM t)
SELECT key, round(value::numeric, 9) - round((to_json(m) ->> key)::numeric, 9) AS difference
FROM f, json_each_text(to_json(f)), rule_measures(40, 10, 20, 30) m ORDER BY key COLLATE "C";
-- independent: no measure sees anything
SELECT lift, leverage, conviction, zhang, phi, chi_squared, kappa, odds_ratio, yule_q, mutual_information, round(p_value::numeric, 6) AS p
FROM rule_measures(25, 25, 25, 25);
-- zero cells: infinite where the limit is, NULL where there is none
SELECT * FROM pg_temp.show(5, 0, 3, 2);
SELECT * FROM pg_temp.show(0, 5, 3, 2);
SELECT * FROM pg_temp.show(5, 0, 0, 5);
SELECT * FROM pg_temp.show(5, 0, 0, 0);
SELECT count(*), count(value) FROM pg_temp.show(0, 0, 0, 0);
-- no measure but those of p is above its bound
SELECT bool_and(abs(phi) <= 1 + 1e-12 AND abs(yule_q) <= 1 AND jaccard BETWEEN 0 AND 1 AND cosine <= 1 + 1e-12
  AND abs(zhang) <= 1 + 1e-12 AND kulczynski BETWEEN 0 AND 1 AND p_value BETWEEN 0 AND 1 AND certainty BETWEEN -1 AND 1
  AND standard_lift BETWEEN 0 AND 1 + 1e-12 AND abs(rld) <= 1 + 1e-12)
FROM generate_series(1, 6) a, generate_series(1, 6) b, generate_series(1, 6) c, generate_series(1, 6) d, rule_measures(a, b, c, d);
-- Fisher's exact test: the lady tasting tea, a table that R's fisher.test
-- documents (Convictions: 2, 15 and 10, 3), and both ends
SELECT round(p_value::numeric, 12) FROM rule_measures(3, 1, 1, 3);
SELECT round(p_value::numeric, 12) FROM rule_measures(10, 3, 2, 15);
SELECT p_value FROM rule_measures(0, 4, 4, 0);
SELECT round(p_value::numeric, 12) = round(1 / 70.0, 12) FROM rule_measures(4, 0, 0, 4);
SELECT count(*), max(abs(p_value / (SELECT sum(factorial(a + b) / factorial(k) / factorial(a + b - k)
    * factorial(c + d) / factorial(a + c - k) / factorial(d - a + k)
    * factorial(a + c) * factorial(b + d) / factorial(a + b + c + d))
    FROM generate_series(a, least(a + b, a + c)) k)::float8 - 1)) < 1e-12 AS exact
FROM unnest(ARRAY[1, 7, 60]) a, unnest(ARRAY[1, 9, 50]) b, unnest(ARRAY[2, 8, 70]) c, unnest(ARRAY[70, 90, 400]) d, rule_measures(a, b, c, d);
-- large numbers of baskets keep their digits: the same odds, far in the tail
SELECT p_value < 1e-300, p_value >= 0 FROM rule_measures(5000, 5000, 5000, 985000);
SELECT abs(p_value - 0.5) < 0.001 FROM rule_measures(1000000, 9000000, 9000000, 81000000);
-- NULL in, NULL out
SELECT rule_measures(NULL, 1, 1, 1) IS NULL;
