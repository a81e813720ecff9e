-- Sequences of purchases against their definition.
CREATE SCHEMA sequence_test;
SET search_path = sequence_test, public;
SET timezone = 'UTC';
SET intervalstyle = 'postgres';
CREATE TABLE events AS
SELECT u AS "user", k % 6 AS item, timestamptz '2024-01-01' + r * interval '100 days' / 65536 AS ts
FROM generate_series(1, 80) u, generate_series(1, 20) k,
  LATERAL (SELECT ('x' || substr(md5(u || ',' || k), 1, 4))::bit(16)::int AS r) x
WHERE r % 3 = 0;
-- moments that coincide, and rows that are there twice
UPDATE events SET ts = date_trunc('day', ts) WHERE "user" % 4 = 0;
INSERT INTO events SELECT * FROM events WHERE "user" % 5 = 0;
CREATE FUNCTION differ(options text, lowest interval, longest interval, predicate text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE format($q$
    WITH got AS (SELECT lhs, rhs, together, lhs_count, rhs_count, users, extract(epoch FROM median_delay)::numeric(20,3) AS delay
                 FROM sequence_rules('TABLE sequence_test.events', %1$s)),
    pairs AS (SELECT a."user", a.item AS lhs, b.item AS rhs, min(extract(epoch FROM b.ts - a.ts)) AS delay
      FROM events a JOIN events b ON a."user" = b."user" AND b.ts > a.ts
        AND b.ts - a.ts >= %2$L AND b.ts - a.ts <= %3$L GROUP BY 1, 2, 3),
    counts AS (SELECT item, count(DISTINCT "user") AS n FROM events GROUP BY item),
    rules AS (SELECT lhs::bigint, rhs::bigint, count(*) AS together, l.n AS lhs_count, r.n AS rhs_count,
        (SELECT count(DISTINCT "user") FROM events) AS users,
        (percentile_cont(0.5) WITHIN GROUP (ORDER BY delay::float8))::numeric(20,3) AS delay
      FROM pairs JOIN counts l ON l.item = lhs JOIN counts r ON r.item = rhs GROUP BY 1, 2, 4, 5),
    wanted AS (SELECT * FROM rules WHERE %4$s)
    SELECT (SELECT count(*) > 0 FROM wanted) || ' ' || count(*)
    FROM ((TABLE got EXCEPT ALL TABLE wanted) UNION ALL (TABLE wanted EXCEPT ALL TABLE got)) d
  $q$, options, lowest, longest, predicate) INTO result;
  RETURN result;
END $$;
SELECT differ($$'30 days', min_count => 1, repeats => true$$, '0', '30 days', 'true');
SELECT differ($$'30 days', min_count => 1$$, '0', '30 days', 'lhs <> rhs');
SELECT differ($$'1 month', min_support => 0.3, min_gap => '12:30:00'$$, '12:30', '30 days', 'lhs <> rhs AND together >= users * 0.3');
SELECT differ($$'20 days', min_gap => '7 days', min_count => 5, min_confidence => 0.1, min_lift => 0.2$$, '7 days', '20 days',
  'lhs <> rhs AND together >= 5 AND together::float8 / lhs_count >= 0.1 AND together::float8 * users / (lhs_count * rhs_count) >= 0.2');
SELECT differ($$'1 day', min_gap => '1 day', min_count => 1$$, '1 day', '1 day', 'lhs <> rhs');
-- the best first; text items, dates, and rows in any order
SELECT lhs, rhs, together, lhs_count, rhs_count, users, round(support::numeric, 4) AS support, round(confidence::numeric, 4) AS confidence,
  round(lift::numeric, 4) AS lift, median_delay, min_count
FROM sequence_rules('TABLE sequence_test.events', '14 days', top_k => 5);
SELECT count(*), count(*) FILTER (WHERE (a.lhs::text, a.rhs::text, a.together, a.lift, a.median_delay) IS DISTINCT FROM (b.lhs, b.rhs, b.together, b.lift, b.median_delay)) AS differ
FROM sequence_rules('SELECT "user", item, date(ts) FROM sequence_test.events', '14 days') WITH ORDINALITY a
FULL JOIN sequence_rules(NULL::text, 'SELECT md5("user"::text), item, date(ts)::timestamp FROM sequence_test.events ORDER BY md5(item || ts::text)', '14 days') WITH ORDINALITY b
USING (ordinality);
-- nothing follows at the same moment, beyond the window, or for somebody else
SELECT count(*) FROM sequence_rules($$VALUES (1, 1, date '2024-01-01'), (1, 2, date '2024-01-01'), (2, 2, date '2024-01-02'), (1, 3, '2024-01-12'), (1, NULL, '2024-01-02'), (NULL, 4, '2024-01-02'), (1, 4, NULL)$$, '10 days', min_count => 1);
SELECT lhs, rhs, together, median_delay FROM sequence_rules($$VALUES (1, 1, date '2024-01-01'), (1, 2, date '2024-01-03'), (2, 1, date '2024-01-01'), (2, 2, '2024-01-02'), (2, 2, '2024-01-03')$$, '10 days', min_count => 1);
SELECT count(*) FROM sequence_rules('SELECT 1, 1, now() WHERE false', '1 day');
\set VERBOSITY sqlstate
SELECT * FROM sequence_rules('TABLE sequence_test.events', NULL);
SELECT * FROM sequence_rules('TABLE sequence_test.events', '-1 day');
SELECT * FROM sequence_rules('TABLE sequence_test.events', '1 day', min_gap => '2 days');
SELECT * FROM sequence_rules('TABLE sequence_test.events', '1 day', min_support => 0.1, min_count => 2);
SELECT * FROM sequence_rules(NULL, '1 day');
SELECT * FROM sequence_rules('SELECT 1, 2', '1 day');
SELECT * FROM sequence_rules('SELECT 1, 2, 3', '1 day');
SELECT * FROM sequence_rules('SELECT 1, ''x''::text, now()', '1 day');
SELECT * FROM sequence_rules('SELECT 1, 2, timestamptz ''infinity''', '1 day');
SET maintenance_work_mem = '1MB';
SELECT count(*) FROM sequence_rules('SELECT u, u % 10, now() FROM generate_series(1, 100000) u', '1 day');
RESET maintenance_work_mem;
\set VERBOSITY default
SELECT * FROM sequence_rules('SELECT 1, 2, 3', '1 day');
SELECT * FROM sequence_rules('SELECT 1, ''x''::text, now()', '1 day');
\set SHOW_CONTEXT never
SELECT * FROM sequence_rules('SELECT 1, 2.5, now()', '1 day');
SET client_min_messages = warning;
DROP SCHEMA sequence_test CASCADE;
