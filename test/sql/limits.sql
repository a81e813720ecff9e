-- What is too large, too long or too far for a function is an error that says so.
\set VERBOSITY terse
SET TIME ZONE 'UTC';

-- ranges of ids are taken whole: one of 10^11 ids has 1525878 containers and more
SELECT cardinality('{0-99999999999}'::audience), '{0-200000}'::audience = '{0-70000}'::audience | '{70001-200000}' AS halves,
  '{65536-131071}'::audience = audience_agg(i) AS one FROM generate_series(65536, 131071) i;
SELECT cardinality('{-1-131072}'::audience - '{0-65535}' - '{65537-131071}');
SELECT cardinality('{1-99999999999999999}'::audience);

-- times further apart than their difference can tell
SELECT repurchase_clock_agg(ts) FROM (VALUES ('4713-11-24 BC'::timestamptz), ('294276-12-31')) v(ts);
SELECT repurchase_clock_agg(ts, repurchase_options(as_of => '294276-12-31')) FROM (VALUES ('4713-11-24 BC'::timestamptz)) v(ts);
SELECT mean_gap FROM (SELECT (repurchase_clock_agg(ts)).* FROM (VALUES ('4713-11-24 BC'::timestamptz), ('280000-12-31')) v(ts)) c;

-- customers without number
SET maintenance_work_mem = '1MB';
SELECT second_order_rate_agg(i, '2024-01-01'::timestamptz + i % 7 * '1 day'::interval) FROM generate_series(1, 50000) i;
SELECT repurchase_rate_agg(i::text, '2024-01-01'::timestamptz, '1 day') FROM generate_series(1, 50000) i;
SELECT cardinality(cohort_retention_agg(i % 10, '2024-01-01'::timestamptz + i * '1 day'::interval, 'day')) FROM generate_series(1, 100000) i;
SET maintenance_work_mem = '64MB';
SELECT second_order_rate_agg(i % 25000, '2024-01-01'::timestamptz + i * '1 minute'::interval) FROM generate_series(1, 50000) i;
