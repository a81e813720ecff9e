-- Every aggregate of the extension gives the same over a partitioned table,
-- partition by partition, with workers or without, as over a plain table.
-- Another server is in test/t/fdw.pl.
SET client_min_messages = warning;
\set dir `echo "${PG_ABS_SRCDIR:-test}"`
CREATE SCHEMA distribution;
SET search_path = distribution, public;
SET timezone = 'UTC';
CREATE TABLE plain (i integer, b bigint, x float8, ts timestamptz, s text, a audience, t tagset, f boolean, g integer);
INSERT INTO plain
SELECT i, CASE WHEN i % 13 > 0 THEN (i::bigint * 7919) % 41 END, CASE WHEN i % 17 > 0 THEN (i * 31 % 101) / 8.0 END,
  '2024-01-01'::timestamptz + (i * 37 % 400) * '1 hour'::interval, CASE WHEN i % 11 > 0 THEN 'k' || i * 7 % 23 END,
  audience(ARRAY[i % 50, i, i * 1000]), CASE WHEN i % 19 > 0 THEN tagset(ARRAY['k' || i * 7 % 23, 'm' || i % 3]) END, i % 3 = 0, i % 2
FROM generate_series(1, 800) i;
CREATE TABLE parted (LIKE plain) PARTITION BY LIST (f);
CREATE TABLE parted_true PARTITION OF parted FOR VALUES IN (true) PARTITION BY HASH (i);
CREATE TABLE parted_true0 PARTITION OF parted_true FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parted_true1 PARTITION OF parted_true FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE parted_false PARTITION OF parted FOR VALUES IN (false);
CREATE TABLE parted_none PARTITION OF parted DEFAULT;
INSERT INTO parted TABLE plain;
ANALYZE plain, parted;

\set ECHO none
\i :dir/lib/aggregate_forms.sql
\set ECHO all
SELECT count(*) > 60 AS many, count(*) FILTER (WHERE arguments ~ '\mNULL(,|$)') AS not_called FROM aggregate_call;
INSERT INTO form VALUES
  ('whole groups in partitions', 'Append.*Aggregate.*Scan', 'enable_partitionwise_aggregate=on,cpu_tuple_cost=100,cpu_operator_cost=0.0001,work_mem=1048576',
   'SELECT d.f, %1$s(%2$s)::text FROM parted d GROUP BY 1', 'SELECT d.f, %1$s(%2$s)::text FROM plain d GROUP BY 1'),
  ('parts of groups in partitions', CASE WHEN current_setting('server_version_num')::int < 140000 THEN 'Append' ELSE 'Finalize.*Append.*Partial.*Scan' END, 'enable_partitionwise_aggregate=on,cpu_tuple_cost=100,cpu_operator_cost=0.0001,work_mem=1048576',
   'SELECT d.g, %1$s(%2$s)::text FROM parted d GROUP BY 1', 'SELECT d.g, %1$s(%2$s)::text FROM plain d GROUP BY 1'),
  ('one group in partitions', 'Finalize.*Append.*Partial.*Scan', 'enable_partitionwise_aggregate=on,cpu_tuple_cost=100,cpu_operator_cost=0.0001,work_mem=1048576',
   'SELECT %1$s(%2$s)::text FROM parted d', 'SELECT %1$s(%2$s)::text FROM plain d'),
  ('workers on partitions', 'Finalize.*Gather.*Append', 'enable_partitionwise_aggregate=on,cpu_tuple_cost=100,cpu_operator_cost=0.0001,parallel_setup_cost=0,parallel_tuple_cost=100,min_parallel_table_scan_size=0,max_parallel_workers_per_gather=2,parallel_leader_participation=off',
   'SELECT d.g, %1$s(%2$s)::text FROM parted d GROUP BY 1', 'SELECT d.g, %1$s(%2$s)::text FROM plain d GROUP BY 1');
SELECT f.name, count(*) > 60 AS aggregates, count(r) AS wrong, string_agg(r, E'\n')
FROM form f, aggregate_call a, LATERAL pg_temp.check_form(a, f) r GROUP BY f.name ORDER BY f.name;
DROP SCHEMA distribution CASCADE;
