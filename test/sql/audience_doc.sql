-- Runs what doc/audience.md shows.
CREATE SCHEMA test_audience_doc;
SET search_path = test_audience_doc, public;

CREATE TABLE customers AS
SELECT i AS id, 'area:' || (ARRAY['north', 'south', 'east', 'west'])[1 + i * 7 % 11 % 4] AS area,
       'age:' || (ARRAY['20s', '30s', '40s', '60s'])[1 + i * 13 % 17 % 4] AS age
FROM generate_series(1, 2000) i;
CREATE TABLE orders AS
SELECT 1 + i * 31 % 2000 * (i * 17 % 1999) % 2000 AS customer, date '2026-01-01' + i * 37 % 181 AS ordered_on,
       'buy:' || (ARRAY['lipstick', 'soap', 'perfume', 'cream', 'brush'])[1 + i * 7 % 13 % 5] AS product, 5 + i * 29 % 97 AS amount
FROM generate_series(1, 9000) i;
-- a campaign for lipstick reached the twenties of the east
INSERT INTO orders SELECT id, '2026-06-01', 'buy:lipstick', 40 FROM customers WHERE area = 'area:east' AND age = 'age:20s';

SELECT '{1,5,7-12}'::audience AS written, audience(ARRAY[9, 3, 8, 9]) AS converted, audience_agg(i * i) AS collected
FROM generate_series(1, 4) i;

CREATE TABLE crowds AS
SELECT product AS name, audience_agg(customer) AS audience FROM orders GROUP BY product
UNION ALL SELECT area, audience_agg(id) FROM customers GROUP BY area
UNION ALL SELECT age, audience_agg(id) FROM customers GROUP BY age;
SELECT name, cardinality(audience) FROM crowds ORDER BY name;

SELECT cardinality(a.audience & b.audience) AS both, cardinality(a.audience - b.audience) AS only_lipstick,
       a.audience && b.audience AS any_in_common, a.audience @> 43 AS has_43
FROM crowds a, crowds b WHERE a.name = 'buy:lipstick' AND b.name = 'buy:soap';

SELECT cardinality(audience_union_agg(audience)) AS bought_anything, cardinality(audience_intersect_agg(audience)) AS bought_everything
FROM crowds WHERE name LIKE 'buy:%';

SELECT audience_and_count(a.audience, b.audience, c.audience) AS lipstick_soap_east,
       round(audience_jaccard(a.audience, b.audience)::numeric, 3) AS similarity
FROM crowds a, crowds b, crowds c
WHERE a.name = 'buy:lipstick' AND b.name = 'buy:soap' AND c.name = 'area:east';

INSERT INTO crowds
SELECT 'rfm:' || segment, audience_agg(customer)
FROM (SELECT customer, (rfm(max(ordered_on), count(*), sum(amount)) OVER ()).segment FROM orders GROUP BY customer) r
GROUP BY segment;
SELECT name, cardinality(audience), audience_and_count(audience, (SELECT audience FROM crowds WHERE name = 'buy:perfume')) AS with_perfume
FROM crowds WHERE name LIKE 'rfm:%' ORDER BY 2 DESC, 1 LIMIT 4;

CREATE TABLE profiles AS
SELECT c.id, tagset_agg(t.tag) AS tags
FROM customers c, LATERAL (SELECT c.area UNION SELECT c.age UNION SELECT product FROM orders WHERE customer = c.id) t(tag)
GROUP BY c.id;
SELECT cardinality(audience_agg(id)) FROM profiles WHERE tags @@ 'buy:lipstick & area:east & !buy:soap';

SELECT area, count(*) FROM customers
WHERE id <@ (SELECT audience FROM crowds WHERE name = 'buy:lipstick') GROUP BY area ORDER BY area;

SELECT m FROM crowds, audience_members(audience, after => 100, n => 3) m WHERE name = 'buy:lipstick' ORDER BY m;

SELECT cardinality(audience_eval('buy:lipstick & area:east & !buy:soap', 'TABLE crowds')) AS east_without_soap,
       cardinality(audience_eval('(buy:perfume | buy:cream) & !age:60s', 'TABLE crowds')) AS under_60,
       cardinality(audience_eval('!buy:*', 'TABLE crowds')) AS never_bought;

SELECT names, count, round(expected::numeric, 1) AS expected, round(lift::numeric, 2) AS lift, round(p_adjusted::numeric, 4) AS p_adjusted
FROM audience_cross($$SELECT split_part(name, ':', 1), name, audience FROM crowds WHERE name !~ '^rfm'$$,
                    depth => 3, min_size => 25, among => (SELECT audience_agg(id) FROM customers))
WHERE level > 1 ORDER BY p, names LIMIT 5;

SELECT step, name, count, remaining, round(kept::numeric, 3) AS kept, round(share::numeric, 3) AS share
FROM audience_reach($$
  SELECT name, audience, name = 'buy:soap'
  FROM crowds JOIN unnest(ARRAY['buy:lipstick', 'area:east', 'buy:soap']) WITH ORDINALITY u(name, n) USING (name)
  ORDER BY n$$);

CREATE TABLE measures AS SELECT 'spend' AS name, audience_measure_agg(customer, amount) AS m FROM orders;
SELECT c.name, audience_measure_sum(m, audience), round(audience_measure_mean(m, audience), 2) AS mean, audience_measure_max(m, audience),
       cardinality(audience & (m > 500)) AS over_500
FROM measures, crowds c WHERE c.name LIKE 'area:%' ORDER BY c.name;

SELECT t.* FROM measures, crowds c, audience_measure_top(m, 3, c.audience) t WHERE c.name = 'area:east';

SELECT encode(audience_export('{1,2,70000}'), 'hex') AS portable, audience_import(audience_export('{1,2,70000}'));

CREATE TABLE shoppers (id text PRIMARY KEY);
INSERT INTO shoppers VALUES ('ann'), ('bob'), ('cem');
CREATE TABLE visits (shopper text, product text);
INSERT INTO visits VALUES ('ann', 'tea'), ('cem', 'tea'), ('bob', 'soap'), ('ann', 'soap');
ALTER TABLE shoppers ADD no bigint GENERATED ALWAYS AS IDENTITY;
CREATE TABLE shopper_crowds AS
SELECT product AS name, audience_agg(no) AS audience
FROM visits JOIN shoppers ON shoppers.id = visits.shopper GROUP BY product;
SELECT id FROM shoppers WHERE no <@ (SELECT audience FROM shopper_crowds WHERE name = 'tea') ORDER BY id;

-- a prefix without names is empty; names with white space are quoted
SELECT audience_eval('gen:*', 'TABLE crowds'), audience_eval('"new in town" & area:*', $$VALUES ('new in town', '{1,2}'::audience), ('area:east', '{2}')$$);

SET client_min_messages = warning;
DROP SCHEMA test_audience_doc CASCADE;
