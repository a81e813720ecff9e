-- For scripts that run every aggregate of the extension in several forms of
-- plans and compare: calls with arguments that make sense for any row d of a
-- table (i integer, b bigint, x float8, ts timestamptz, s text, a audience,
-- t tagset, f boolean), an empty table of forms, and what compares.
CREATE TEMP TABLE aggregate_call AS
SELECT p.oid, p.oid::regprocedure::text AS signature, (SELECT aggtransfn FROM pg_aggregate a WHERE a.aggfnoid = p.oid) AS transition,
	p.proname, (SELECT string_agg('(' || CASE
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
		WHEN t = 'double precision'::regtype AND p.proname IN ('item_similarity_agg', 'cross_similarity_agg') THEN 'd.i % 8 + 0.25'
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
		ELSE 'NULL' END || CASE WHEN t = 'anyelement'::regtype THEN ')' ELSE ')::' || format_type(t, NULL) END, ', ' ORDER BY k)
	FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY u(t, k)) AS arguments
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'recsys'
WHERE p.prokind = 'a';

-- A form of a call, and a plain way to the same.  %1$s: the function, %2$s: its arguments.
-- plan: what has to be in the plan, or else the form would be another one.
CREATE TEMP TABLE form (name text, plan text, settings text, run text, reference text);

CREATE FUNCTION pg_temp.check_form(a aggregate_call, f form) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	run text := format(f.run, a.proname, a.arguments);
	reference text := format(f.reference, a.proname, a.arguments);
	setting text;
	before text[] := '{}';
	different bigint;
	line text;
	plan text := '';
BEGIN
	SET LOCAL max_parallel_workers_per_gather = 0;
	EXECUTE 'CREATE TEMP TABLE by_reference AS ' || reference;
	FOREACH setting IN ARRAY string_to_array(f.settings, ',') LOOP
		before := before || current_setting(split_part(setting, '=', 1));
		PERFORM set_config(split_part(setting, '=', 1), split_part(setting, '=', 2), true);
	END LOOP;
	FOR line IN EXECUTE 'EXPLAIN ' || run LOOP
		plan := plan || line;
	END LOOP;
	EXECUTE 'CREATE TEMP TABLE by_run AS ' || run;
	FOR k IN 1 .. cardinality(before) LOOP
		PERFORM set_config(split_part(split_part(f.settings, ',', k), '=', 1), before[k], true);
	END LOOP;
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
