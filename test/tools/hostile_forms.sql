-- Run by hostile.sh after hostile.sql has left its tables: every aggregate in
-- every way that PostgreSQL can run one; prints those whose result depends on it.
\set QUIET on
\pset tuples_only on
\pset format unaligned
SET client_min_messages = error;
SET statement_timeout = 0;

CREATE TEMP TABLE aggregate_call AS
SELECT p.oid, p.oid::regprocedure::text AS signature, (SELECT aggtransfn FROM pg_aggregate a WHERE a.aggfnoid = p.oid) AS transition,
	p.proname, (SELECT string_agg(CASE
		WHEN p.proargnames[k] = 'weights' THEN '''max''::text'
		WHEN p.proargnames[k] = 'top' THEN '0.3::float8'
		WHEN p.proargnames[k] = 'period' THEN '''month''::text'
		WHEN p.proargnames[k] = 'decline' THEN '0.5::float8'
		WHEN p.proargnames[k] = 'lost' THEN '0.9::float8'
		WHEN p.proargnames[k] = 'as_of' THEN '''2024-03-01''::timestamptz'
		WHEN t = 'interval'::regtype THEN '''10 days''::interval'
		WHEN t = 'bigint'::regtype THEN '(CASE WHEN d.b > 0 THEN d.b END)'
		WHEN t = 'bigint[]'::regtype THEN 'ARRAY[d.b, d.i % 7, d.i % 3]'
		WHEN t = 'text'::regtype THEN 'd.s'
		WHEN t = 'text[]'::regtype THEN 'ARRAY[d.s, ''x'' || d.i % 5]'
		WHEN t = 'double precision'::regtype AND p.proname = 'item_similarity_agg' THEN 'd.i % 8 + 0.25'
		WHEN t = 'double precision'::regtype THEN '(CASE WHEN d.x > 0 THEN d.x END)'
		WHEN t = 'timestamptz'::regtype THEN 'd.ts'
		WHEN t = 'tagset'::regtype THEN 'd.t'
		WHEN t = 'audience'::regtype THEN 'd.a'
		WHEN t = 'boolean'::regtype THEN 'd.f'
		WHEN t = 'integer'::regtype THEN '5'
		WHEN t = 'anyelement'::regtype THEN '(d.i / 4)'
		WHEN t = 'rfm_grade'::regtype THEN 'ROW(1 + d.i % 5, 1 + d.i % 4, 1 + d.i % 3, 100 + 100 * (d.i % 5) + 10 * (d.i % 4) + d.i % 3, d.s)::rfm_grade'
		WHEN t = 'rules_options'::regtype THEN 'rules_options(min_count => 1, max_length => 3)'
		WHEN format_type(t, NULL) LIKE '%options' THEN format_type(t, NULL) || '()'
		ELSE 'NULL' END, ', ' ORDER BY k)
	FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY u(t, k)) AS arguments
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'recsys'
WHERE p.prokind = 'a';

CREATE TABLE hostile_small AS SELECT * FROM hostile_data WHERE i <= 150;
ANALYZE hostile_small;

-- A form of a call, and a plain way to the same.  %1$s: the function, %2$s: its arguments.
-- plan: what has to be in the plan, or else the form would be another one.
CREATE TEMP TABLE form (name text, plan text, settings text, run text, reference text);
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
	('in a worker', 'Gather', 'force_parallel_mode=on,max_parallel_workers_per_gather=2', 'SELECT d.i %% 5, %1$s(%2$s)::text FROM hostile_data d GROUP BY 1', 'SELECT d.i %% 5, %1$s(%2$s)::text FROM hostile_data d GROUP BY 1'),
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

CREATE FUNCTION pg_temp.check_form(a aggregate_call, f form) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	run text := format(f.run, a.proname, a.arguments);
	reference text := format(f.reference, a.proname, a.arguments);
	setting text;
	different bigint;
	line text;
	plan text := '';
BEGIN
	SET LOCAL max_parallel_workers_per_gather = 0;
	EXECUTE 'CREATE TEMP TABLE by_reference AS ' || reference;
	FOREACH setting IN ARRAY string_to_array(f.settings, ',') LOOP
		PERFORM set_config(split_part(setting, '=', 1), split_part(setting, '=', 2), true);
	END LOOP;
	FOR line IN EXECUTE 'EXPLAIN ' || run LOOP
		plan := plan || line;
	END LOOP;
	EXECUTE 'CREATE TEMP TABLE by_run AS ' || run;
	RESET enable_sort; RESET enable_hashagg; RESET work_mem; RESET force_parallel_mode;
	SELECT (SELECT count(*) FROM (TABLE by_run EXCEPT ALL TABLE by_reference) x) + (SELECT count(*) FROM (TABLE by_reference EXCEPT ALL TABLE by_run) x) INTO different;
	DROP TABLE by_run, by_reference;
	IF plan !~ f.plan THEN
		RETURN 'ANOTHER PLAN: ' || f.name || ' of ' || a.signature || ': ' || run;
	END IF;
	RETURN CASE WHEN different > 0 THEN 'DIFFERENT: ' || f.name || ' of ' || a.signature || ': ' || different || ' rows: ' || run END;
EXCEPTION
	-- an aggregate may say that its end uses up the state
	WHEN feature_not_supported THEN
	RETURN CASE WHEN f.name NOT LIKE '%frame' OR SQLERRM NOT LIKE '%as a window function' THEN SQLERRM END;
	WHEN OTHERS THEN
	RETURN 'ERROR: ' || f.name || ' of ' || a.signature || ': ' || SQLSTATE || ' ' || SQLERRM || ': ' || run;
END $$;
SELECT format('SELECT r FROM (SELECT pg_temp.check_form(a, f) AS r FROM aggregate_call a, form f WHERE a.oid = %s AND f.name = %L) q WHERE r IS NOT NULL', a.oid, f.name)
FROM aggregate_call a, form f ORDER BY f.name, a.signature \gexec

-- aggregates that share a transition: the end of one must leave the state to the others
SELECT format('SELECT %L WHERE (SELECT ROW(%s)::text FROM hostile_data d) IS DISTINCT FROM (SELECT ROW(%s)::text)', 'DIFFERENT: shared state of ' || min(signature),
	string_agg(format('%s(%s)', proname, arguments), ', ' ORDER BY oid), string_agg(format('(SELECT %s(%s) FROM hostile_data d)', proname, arguments), ', ' ORDER BY oid))
FROM aggregate_call GROUP BY transition, arguments HAVING count(*) > 1 \gexec
