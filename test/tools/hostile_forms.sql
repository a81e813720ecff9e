-- Run by hostile.sh after hostile.sql has left its tables: every aggregate in
-- every way that PostgreSQL can run one; prints those whose result depends on it.
\set QUIET on
\pset tuples_only on
\pset format unaligned
SET client_min_messages = error;
SET statement_timeout = 0;

\ir ../lib/aggregate_forms.sql

CREATE TABLE hostile_small AS SELECT * FROM hostile_data WHERE i <= 150;
ANALYZE hostile_small;

INSERT INTO form VALUES
	('growing frame', 'WindowAgg', '', 'SELECT d.i, (%1$s(%2$s) OVER (ORDER BY d.i))::text FROM hostile_small d',
		'SELECT o.i, (SELECT %1$s(%2$s)::text FROM hostile_small d WHERE d.i <= o.i) FROM hostile_small o'),
	('moving frame', 'WindowAgg', '', 'SELECT d.i, (%1$s(%2$s) OVER (ORDER BY d.i ROWS BETWEEN 20 PRECEDING AND 5 FOLLOWING EXCLUDE CURRENT ROW))::text FROM hostile_small d',
		'SELECT o.i, (SELECT %1$s(%2$s)::text FROM hostile_small d WHERE d.i BETWEEN o.i - 20 AND o.i + 5 AND d.i <> o.i) FROM hostile_small o'),
	('parallel', 'Gather.*Partial', 'cpu_tuple_cost=100,cpu_operator_cost=0.0001,parallel_setup_cost=0,parallel_tuple_cost=100,min_parallel_table_scan_size=0,max_parallel_workers_per_gather=4',
		'SELECT d.f, %1$s(%2$s)::text FROM hostile_data d GROUP BY d.f', 'SELECT d.f, %1$s(%2$s)::text FROM hostile_data d GROUP BY d.f'),
	('parallel, no group', 'Gather.*Partial', 'cpu_tuple_cost=100,cpu_operator_cost=0.0001,parallel_setup_cost=0,parallel_tuple_cost=100,min_parallel_table_scan_size=0,max_parallel_workers_per_gather=4',
		'SELECT %1$s(%2$s)::text FROM hostile_data d WHERE i < 601', 'SELECT %1$s(%2$s)::text FROM hostile_data d WHERE i < 601'),
	('parallel append', 'Append', 'enable_partitionwise_aggregate=on,cpu_tuple_cost=100,cpu_operator_cost=0.0001,parallel_setup_cost=0,parallel_tuple_cost=100,min_parallel_table_scan_size=0,max_parallel_workers_per_gather=4',
		'SELECT d.i %% 3, %1$s(%2$s)::text FROM hostile_part d GROUP BY 1', 'SELECT d.i %% 3, %1$s(%2$s)::text FROM hostile_data d GROUP BY 1'),
	('partition by partition', 'Append.*Aggregate.*Scan', 'cpu_tuple_cost=100,cpu_operator_cost=0.0001,enable_partitionwise_aggregate=on,max_parallel_workers_per_gather=0', 'SELECT d.f, %1$s(%2$s)::text FROM hostile_part d GROUP BY 1', 'SELECT d.f, %1$s(%2$s)::text FROM hostile_data d GROUP BY 1'),
	('in a worker', 'Gather', CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'force_parallel_mode' ELSE 'debug_parallel_query' END || '=on,max_parallel_workers_per_gather=2', 'SELECT d.i %% 5, %1$s(%2$s)::text FROM hostile_data d GROUP BY 1', 'SELECT d.i %% 5, %1$s(%2$s)::text FROM hostile_data d GROUP BY 1'),
	('grouping sets', 'MixedAggregate|Group Key.*Group Key', '', 'SELECT d.f, d.i %% 3, %1$s(%2$s)::text FROM hostile_data d GROUP BY CUBE (d.f, d.i %% 3)',
		'SELECT d.f, d.i %% 3, %1$s(%2$s)::text FROM hostile_data d GROUP BY 1, 2 UNION ALL SELECT d.f, NULL, %1$s(%2$s)::text FROM hostile_data d GROUP BY 1
		UNION ALL SELECT NULL, d.i %% 3, %1$s(%2$s)::text FROM hostile_data d GROUP BY 2 UNION ALL SELECT NULL, NULL, %1$s(%2$s)::text FROM hostile_data d'),
	('sorted groups', 'GroupAggregate', 'enable_hashagg=off', 'SELECT d.i %% 50, %1$s(%2$s)::text FROM hostile_data d GROUP BY 1', 'SELECT d.i %% 50, %1$s(%2$s)::text FROM hostile_data d GROUP BY 1'),
	('groups on disk', 'HashAggregate', 'enable_sort=off,work_mem=64', 'SELECT d.i / 2, %1$s(%2$s)::text FROM hostile_data d GROUP BY 1', 'SELECT d.i / 2, %1$s(%2$s)::text FROM hostile_data d GROUP BY 1'),
	('filter', 'Agg', '', 'SELECT %1$s(%2$s) FILTER (WHERE d.i < 100)::text FROM hostile_data d', 'SELECT %1$s(%2$s)::text FROM hostile_data d WHERE d.i < 100'),
	('order', 'Agg', '', 'SELECT %1$s(%2$s ORDER BY d.i)::text FROM hostile_data d', 'SELECT %1$s(%2$s ORDER BY md5(d.i::text))::text FROM hostile_data d'),
	('no row', 'Agg', '', 'SELECT %1$s(%2$s)::text FROM hostile_data d WHERE false', 'SELECT %1$s(%2$s) FILTER (WHERE false)::text FROM hostile_data d'),
	('twice', 'Agg', '', 'SELECT %1$s(%2$s)::text FROM hostile_data d', 'SELECT max(r)::text FROM (SELECT unnest(ARRAY[%1$s(%2$s)::text, %1$s(%2$s)::text]) AS r FROM hostile_data d) q'),
	('cursor', 'Agg', 'cursor_tuple_fraction=0.001', 'SELECT d.f, %1$s(%2$s)::text FROM hostile_data d GROUP BY 1 ORDER BY 1 LIMIT 1', 'SELECT * FROM (SELECT d.f, %1$s(%2$s)::text FROM hostile_data d GROUP BY 1 OFFSET 0) q ORDER BY 1 LIMIT 1');

SELECT format('SELECT r FROM (SELECT pg_temp.check_form(a, f) AS r FROM aggregate_call a, form f WHERE a.oid = %s AND f.name = %L) q WHERE r IS NOT NULL', a.oid, f.name)
FROM aggregate_call a, form f ORDER BY f.name, a.signature \gexec

-- aggregates that share a transition: the end of one must leave the state to the others
SELECT format('SELECT %L WHERE (SELECT ROW(%s)::text FROM hostile_data d) IS DISTINCT FROM (SELECT ROW(%s)::text)', 'DIFFERENT: shared state of ' || min(signature),
	string_agg(format('%s(%s)', proname, arguments), ', ' ORDER BY oid), string_agg(format('(SELECT %s(%s) FROM hostile_data d)', proname, arguments), ', ' ORDER BY oid))
FROM aggregate_call GROUP BY transition, arguments HAVING count(*) > 1 \gexec
