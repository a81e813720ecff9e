-- Boolean expressions over named audiences.
CREATE SCHEMA test_audience_eval;
SET search_path = test_audience_eval, public;
CREATE TABLE crowd (name text, members audience);
INSERT INTO crowd VALUES ('buy:lipstick', '{1-100}'), ('buy:soap', '{50-150}'), ('buy:soap', '{300}'), ('area:east', '{80-120,300}'),
  ('area:west', '{1-79}'), ('risk:refund', '{90-95,1000}'), ('女', '{1,2,3}'), ('nobody', '{}'), ('with space', '{7}');

SELECT e, audience_eval(e::tagquery, 'TABLE crowd')
FROM unnest(ARRAY['buy:lipstick & area:east & !risk:refund', 'buy:*', 'buy:* & !area:*', '!buy:*', '!buy:* & !risk:refund', 'area:east | !buy:*',
  '!(buy:lipstick | area:east)', 'buy:soap', 'nobody', 'nobody & buy:soap', '!nobody & area:west', '女', '"with space" | 女', 'x:*', '*', '!*',
  '(buy:soap | risk:refund) & (area:east | !buy:lipstick)', '!area:east | !area:west', '']) WITH ORDINALITY u(e, n) ORDER BY n;
SELECT audience_eval('!risk:refund', 'TABLE crowd', '{88-91}') AS among, audience_eval('buy:soap', 'TABLE crowd', '{88-91}') AS within,
       audience_eval('buy:soap & buy:sopa', 'TABLE crowd', missing_ok => true) AS missing, audience_eval(NULL, 'TABLE crowd'), audience_eval('*', NULL);

-- random expressions over customers with tags: the same as asking each row
CREATE TABLE customers AS
SELECT id, string_agg(format('t%s', tag), ',')::tagset AS tags
FROM generate_series(1, 800) id, generate_series(0, 9) tag WHERE abs(hashint8extended(id * 10 + tag, 5) % 100) < 10 * tag + 3 GROUP BY id;
CREATE TABLE tag_crowd AS
SELECT tag AS name, audience_agg(id) AS members FROM customers, unnest(tags::text[]) tag GROUP BY tag;
CREATE FUNCTION expression(seed bigint, depth int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  h bigint := abs(hashint8extended(seed, 7) % 1000);
BEGIN
  IF depth = 0 OR h < 200 THEN
    RETURN format('t%s', h % 10);
  ELSIF h < 400 THEN
    RETURN '!' || expression(seed * 31 + 1, depth - 1);
  END IF;
  RETURN format('(%s %s %s)', expression(seed * 31 + 2, depth - 1), CASE WHEN h % 2 = 0 THEN '&' ELSE '|' END, expression(seed * 31 + 3, depth - 1));
END $$;
SELECT count(*), count(DISTINCT e) AS different, count(*) FILTER (WHERE got <> expected) AS wrong, count(DISTINCT got) > 100 AS varied
FROM (SELECT e, audience_eval(e::tagquery, 'TABLE tag_crowd') AS got,
             (SELECT audience_agg(id) FROM customers WHERE tags @@ e::tagquery) AS expected
      FROM (SELECT expression(i, 5) AS e FROM generate_series(1, 300) i) x) y;

-- from segments to audiences and back to rows
SELECT count(*) FROM customers WHERE id <@ (SELECT audience_eval('t5 & !t9', 'TABLE tag_crowd'));
SELECT count(*) FROM customers WHERE tags @@ 't5 & !t9';
SELECT count(*) FROM customers JOIN audience_members(audience_eval('t5 & !t9', 'TABLE tag_crowd')) m ON m = id;

\set VERBOSITY terse
SELECT audience_eval('buy:sopa', 'TABLE crowd');
SELECT audience_eval('buy:soap>0.5', 'TABLE crowd');
SELECT audience_eval('x', $$SELECT 'x', NULL::audience$$);
SELECT audience_eval('x', 'SELECT 1');
SELECT audience_eval('x &', 'TABLE crowd');

SET client_min_messages = warning;
DROP SCHEMA test_audience_eval CASCADE;
