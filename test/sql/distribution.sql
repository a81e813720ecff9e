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

-- Citus splits by its own means an aggregate whose state is of a storable
-- type: steps on each shard, where nothing is kept between calls but the
-- state, which then travels as text or in binary form; combination and end at
-- the coordinator.  The same here, with a state for each of five shards.
CREATE TABLE split AS
SELECT a.signature, a.proname, a.arguments, format_type(g.aggtranstype, NULL) AS state,
  g.aggtransfn, g.aggcombinefn, CASE WHEN g.aggfinalfn <> 0 THEN g.aggfinalfn::regproc::text ELSE '' END AS final
FROM aggregate_call a JOIN pg_aggregate g ON g.aggfnoid = a.oid JOIN pg_type t ON t.oid = g.aggtranstype
WHERE t.typtype <> 'p' AND g.aggcombinefn <> 0;
SELECT signature, state FROM split ORDER BY signature COLLATE "C";
CREATE TABLE result (signature text, way text, g integer, r text);
CREATE FUNCTION run(s split, file text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  whole text := format('INSERT INTO result SELECT %L, %%L, g, whole(%%s)::text FROM shard GROUP BY g', s.signature);
  kept text;
  n integer;
  k integer;
BEGIN
  EXECUTE format('CREATE AGGREGATE part (%s) (SFUNC = %s, STYPE = %s)', substring(s.signature, '\((.*)\)'), s.aggtransfn, s.state);
  EXECUTE format('CREATE AGGREGATE whole (%2$s) (SFUNC = %1$s, STYPE = %2$s%3$s)', s.aggcombinefn, s.state, ', FINALFUNC = ' || nullif(s.final, ''));
  EXECUTE format('INSERT INTO result SELECT %L, ''at once'', d.g, %s(%s)::text FROM plain d GROUP BY d.g', s.signature, s.proname, s.arguments);
  EXECUTE format('CREATE TABLE shard AS SELECT d.g, part(%s) AS state FROM plain d GROUP BY d.g, d.i %% 5', s.arguments);
  EXECUTE format(whole, 'as text', 'state::text::' || s.state);
  EXECUTE format('COPY shard TO %L (FORMAT binary)', file);
  TRUNCATE shard;
  EXECUTE format('COPY shard FROM %L (FORMAT binary)', file);
  EXECUTE format(whole, 'in binary form', 'state');
  -- without any aggregate
  FOR n IN 0..1 LOOP
    kept := NULL;
    FOR k IN SELECT p.i FROM plain p WHERE p.g = n ORDER BY p.i DESC LOOP
      EXECUTE format('SELECT %s($1::%s, %s)::text FROM plain d WHERE d.i = $2', s.aggtransfn, s.state, s.arguments) INTO kept USING kept, k;
    END LOOP;
    EXECUTE format('INSERT INTO result SELECT %L, ''call by call'', $1, %s($2::%s)::text', s.signature, s.final, s.state) USING n, kept;
  END LOOP;
  EXECUTE format('DROP AGGREGATE part (%s); DROP AGGREGATE whole (%s); DROP TABLE shard', substring(s.signature, '\((.*)\)'), s.state);
END $$;
\set file `mktemp -u`
SELECT count(run(s, :'file')) = count(*) AS run FROM (SELECT s FROM split s OFFSET 0) x;
\setenv COPYFILE :file
\! rm -f "$COPYFILE"
SELECT r.way, count(*) = 2 * (SELECT count(*) FROM split) AS complete, count(*) FILTER (WHERE r.r IS DISTINCT FROM o.r) AS wrong
FROM result r JOIN result o USING (signature, g) WHERE o.way = 'at once' GROUP BY 1 ORDER BY 1;
DROP SCHEMA distribution CASCADE;
