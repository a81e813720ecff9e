-- Which calls of the extension's functions there are: read by hostile.sql, by
-- leaks.sh and by the fuzzers (\ir).  Leaves the tables hostile_*, temporary tables
-- of values, functions and arguments, and what makes a call of them.

-- Values of each argument type; the first of a type is harmless.
CREATE TEMP TABLE hostile (id serial, type text, value text);
INSERT INTO hostile (type, value) VALUES
	('bigint', '1'), ('bigint', 'NULL'), ('bigint', '0'), ('bigint', '-1'), ('bigint', '9223372036854775807'), ('bigint', '-9223372036854775808'), ('bigint', '65536'),
	('integer', '2'), ('integer', 'NULL'), ('integer', '0'), ('integer', '-1'), ('integer', '2147483647'), ('integer', '-2147483648'),
	('smallint', '1'), ('smallint', 'NULL'), ('smallint', '-32768'),
	('double precision', '0.5'), ('double precision', 'NULL'), ('double precision', '0'), ('double precision', '-1'), ('double precision', '''NaN'''), ('double precision', '''Infinity'''), ('double precision', '''-Infinity'''), ('double precision', '1e308'), ('double precision', '-1e308'), ('double precision', '5e-324'),
	('boolean', 'true'), ('boolean', 'false'), ('boolean', 'NULL'),
	('date', '''2024-05-05'''), ('date', 'NULL'), ('date', '''infinity'''), ('date', '''-infinity'''), ('date', '''4713-01-01 BC'''), ('date', '''5874897-12-31'''),
	('interval', '''1 day'''), ('interval', 'NULL'), ('interval', '''0'''), ('interval', '''-1 day'''), ('interval', '''178000000 years'''), ('interval', '''-178000000 years'''), ('interval', '''1 mon -30 days'''), ('interval', '''0.000001 s'''),
	('bytea', '''\x00'''), ('bytea', 'NULL'), ('bytea', ''''''), ('bytea', 'decode(repeat(''ff'', 100000), ''hex'')'), ('bytea', '''\x3b300000010000000000ffff1000'''), ('bytea', 'audience_export(''{1,2,3}'')'),
	('jsonb', '''{"a": 1}'''), ('jsonb', 'NULL'), ('jsonb', '''{}'''), ('jsonb', '''[]'''), ('jsonb', '''null'''), ('jsonb', '''["a", null, 1, {}]'''), ('jsonb', '''{"a": 1e400}'''), ('jsonb', '''{"a": -1, "": 2, "b": null}'''), ('jsonb', '''[[[]]]'''), ('jsonb', '''"x"'''),
	('bigint[]', '''{1,2}'''), ('bigint[]', 'NULL'), ('bigint[]', '''{}'''), ('bigint[]', '''{NULL}'''), ('bigint[]', '''{1,NULL,2,1}'''), ('bigint[]', '''{{1,2},{3,4}}'''), ('bigint[]', '''[5:6]={1,2}'''), ('bigint[]', '''{9223372036854775807,-9223372036854775808}'''), ('bigint[]', '(SELECT array_agg(i * 70001) FROM generate_series(1, 100000) i)'),
	('text[]', '''{a,b}'''), ('text[]', 'NULL'), ('text[]', '''{}'''), ('text[]', '''{NULL}'''), ('text[]', '''{a,NULL,""}'''), ('text[]', '''{{a,b},{c,d}}'''), ('text[]', '''[0:0]={a}'''), ('text[]', '(SELECT array_agg(i::text) FROM generate_series(1, 30000) i)'), ('text[]', 'ARRAY[repeat(''y'', 1000000)]'),
	('double precision[]', '''{1,2}'''), ('double precision[]', 'NULL'), ('double precision[]', '''{}'''), ('double precision[]', '''{NULL}'''), ('double precision[]', '''{2,1}'''), ('double precision[]', '''{NaN,Infinity}'''), ('double precision[]', '''{-Infinity,Infinity}'''), ('double precision[]', '''{{1,2},{3,4}}'''), ('double precision[]', '''[0:1]={1,2}'''), ('double precision[]', '(SELECT array_agg(i) FROM generate_series(1, 1000) i)'),
	('text', '''abc'''), ('text', 'NULL'), ('text', ''''''), ('text', 'repeat(''x'', 1000000)'), ('text', '''a.b.c.d'''), ('text', '''\ " {,} %s $1 '''''''), ('text', '''größer''::varchar COLLATE "C"'), ('text', '(SELECT big FROM hostile_data WHERE big IS NOT NULL LIMIT 1)'), ('text', '''all'''), ('text', '''pg_class'''), ('text', '''hostile_data'''),
	('audience', '''{1,2,3}'''), ('audience', 'NULL'), ('audience', '''{}'''), ('audience', 'audience(ARRAY[9223372036854775807,-9223372036854775808,0,-1])'), ('audience', '(SELECT audience_agg(i) FROM generate_series(1, 200000) i)'), ('audience', '(SELECT audience_agg(i * 99991) FROM generate_series(1, 3000) i)'), ('audience', '(SELECT a FROM hostile_data WHERE a IS NOT NULL ORDER BY i DESC LIMIT 1)'),
	('tagset', '''a b:2'''), ('tagset', 'NULL'), ('tagset', ''''''), ('tagset', 'tagset(ARRAY[''größer'', '' '', ''"'', ''a:1''])'), ('tagset', '(SELECT tagset_agg(i::text, i) FROM generate_series(1, 5000) i)'), ('tagset', '(SELECT t FROM hostile_data WHERE t IS NOT NULL ORDER BY i DESC LIMIT 1)'),
	('tagquery', '''a & !b'''), ('tagquery', 'NULL'), ('tagquery', ''''''), ('tagquery', '''!a'''), ('tagquery', '''a*'''), ('tagquery', 'repeat(''!'', 5000)::text::tagquery'), ('tagquery', '(repeat(''('', 100000) || ''a'' || repeat('')'', 100000))::text::tagquery'), ('tagquery', '(repeat(''a & '', 20000) || ''a'')::text::tagquery'),
	('audience_measure', '''{1:2,2:3}'''), ('audience_measure', 'NULL'), ('audience_measure', '''{}'''), ('audience_measure', '''{-9223372036854775808:9223372036854775807,9223372036854775807:-9223372036854775808,0:0}'''), ('audience_measure', '(SELECT audience_measure_agg(i * 997 % 100003, i % 1000 - 500) FROM generate_series(1, 100000) i)'),
	('rfm_cuts', 'rfm_cuts(''{1,2}'', ''{1,2}'', ''{1,2}'')'), ('rfm_cuts', 'NULL'), ('rfm_cuts', 'rfm_cuts(''{-1e308}'', ''{0}'', ''{1e308}'')'),
	('rfm_options', 'rfm_options()'), ('rfm_options', 'NULL'), ('rfm_options', 'rfm_options(nested => true)'), ('rfm_options', 'ROW(NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL)'), ('rfm_options', 'ROW(-1,''x'',NULL,''y'',''NaN'',0,0,0)'),
	('rules_options', 'rules_options()'), ('rules_options', 'NULL'), ('rules_options', 'rules_options(min_count => 1, max_length => 3)'), ('rules_options', 'rules_options(min_support => ''NaN'')'), ('rules_options', 'rules_options(hierarchy => ''{{a,b},{b,a}}'')'), ('rules_options', 'rules_options(top_k => 1, target => ''closed'')'),
	('similarity_options', 'similarity_options()'), ('similarity_options', 'NULL'), ('similarity_options', 'similarity_options(n => 1)'), ('similarity_options', 'similarity_options(measure => ''x'')'), ('similarity_options', 'similarity_options(shrink => ''Infinity'')'),
	('numeric', '100'), ('numeric', 'NULL'), ('numeric', '-1'), ('numeric', '''NaN'''), ('numeric', '1e300'),
	('page_slot[]', 'ARRAY[page_slot(''popular'', 2)]'), ('page_slot[]', 'NULL'), ('page_slot[]', '''{}'''), ('page_slot[]', '''{NULL}'''),
	('repurchase_options', 'repurchase_options()'), ('repurchase_options', 'NULL'), ('repurchase_options', 'ROW(NULL,NULL,NULL)'), ('repurchase_options', 'ROW(''infinity'',-1,''NaN'')'), ('repurchase_options', 'ROW(''-infinity'',1e308,1e308)'),
	('lifecycle_thresholds', 'ROW(30,90,2)'), ('lifecycle_thresholds', 'NULL'), ('lifecycle_thresholds', 'ROW(NULL,NULL,NULL)'), ('lifecycle_thresholds', 'ROW(''NaN'',''-Infinity'',-1)'), ('lifecycle_thresholds', 'ROW(90,30,9223372036854775807)'),
	('tag_portrait_options', 'tag_portrait_options()'), ('tag_portrait_options', 'NULL'),
	('rfm_grade', 'ROW(1,2,3,123,''x'')'), ('rfm_grade', 'NULL'), ('rfm_grade', 'ROW(NULL,NULL,NULL,NULL,NULL)'), ('rfm_grade', 'ROW(-1,2147483647,0,-2147483648,repeat(''s'', 100000))'),
	('"any"', 'audience ''{1}'''), ('"any"', 'NULL'), ('"any"', '1'), ('"any"', '''x'''), ('"any"', '''x''::text'), ('"any"', 'NULL::audience'),
	('"any"', 'VARIADIC ARRAY[audience ''{1}'', NULL]'), ('"any"', 'VARIADIC NULL::audience[]'), ('"any"', 'VARIADIC ARRAY[1,2]'), ('"any"', 'VARIADIC ''{}''::audience[]');
-- the same values for types that share them
INSERT INTO hostile (type, value)
	SELECT t, h.value FROM (VALUES ('timestamp without time zone'), ('timestamp with time zone')) v(t), hostile h
	WHERE h.type = 'date' AND h.value NOT LIKE '%5874897%' ORDER BY h.id;
INSERT INTO hostile (type, value) VALUES
	('timestamp without time zone', '''294276-12-31 23:59:59.999999'''), ('timestamp with time zone', '''294276-12-31 23:59:59+00'''),
	('timestamp with time zone', '''4713-11-24 00:00:00+00 BC''');
INSERT INTO hostile (type, value)
	SELECT t, x FROM unnest('{anyelement,anycompatible}'::text[]) t, unnest(ARRAY['1::bigint', 'NULL', 'NULL::bigint', '''x''::text', '1.5::numeric',
		'''NaN''::numeric', '''x''', 'point(1,1)', 'ROW(1,2)', '''{}''::json', '''{}''::jsonb', 'ARRAY[1,2]', '''y''::hostile_domain', '3::hostile_int',
		'''NaN''::float8', '''2024-01-01''::date', 'B''101''', '''<a/>''::xml', '(1,2)::hostile_data', '''::1''::inet', '''a''::"char"', '1::"int2"',
		'gen_random_uuid()', 'audience ''{1}''', 'tagset ''a''', '''pg_class''::regclass', '''''::name']) x;
INSERT INTO hostile (type, value)
	SELECT 'anyarray', x FROM unnest(ARRAY['''{1}''::bigint[]', 'NULL::bigint[]', '''{NULL}''::text[]', '''{{1}}''::int[]', '''{}''::point[]', '''[3:3]={1}''::int2[]', 'ARRAY[1,2]::hostile_int[]']) x;
-- queries, for arguments of that name
INSERT INTO hostile (type, value)
	SELECT 'query', quote_literal(x) FROM unnest(ARRAY['', ' ', ';', 'SELECT', 'SELECT 1', 'SELECT 1; SELECT 2', 'EXPLAIN SELECT 1, 2, 3', 'SHOW ALL', 'CREATE TABLE x()',
		'INSERT INTO hostile_data (i) VALUES (1) RETURNING i, i, i', 'WITH x AS (DELETE FROM hostile_data RETURNING 1) SELECT 1, 2 FROM x', 'COMMIT', 'ROLLBACK',
		'SELECT $1, $2', 'VALUES (1,2)', 'VALUES (1,2,3)', 'VALUES (NULL,NULL,NULL)', 'VALUES (1,NULL,NULL)', 'SELECT 1/0, 1', 'SELECT ''a'', ''b''', 'SELECT ROW(1,2), ROW(1), 1',
		'TABLE missing', 'TABLE hostile_data', 'SELECT 1, 2 FOR UPDATE', 'SELECT i, i FROM hostile_data FOR UPDATE', 'SELECT 1, 2 INTO y', 'DECLARE c CURSOR FOR SELECT 1', 'FETCH ALL FROM c',
		'SELECT i, i -- ;', 'SELECT i, b FROM hostile_data /* ', 'SELECT point(1,1), point(2,2)', 'SELECT 1::numeric, ''NaN''::numeric, ''NaN''::float8', 'SELECT 1, 2, ''Infinity''::float8',
		'SELECT i % 10, i, x FROM hostile_data', 'SELECT i % 10, ts, i FROM hostile_data', 'SELECT i % 10, i, ts FROM hostile_data', 'SELECT i % 10, i, x, ts FROM hostile_data', 'SELECT i % 7, b, ''infinity''::timestamptz FROM hostile_data',
		'SELECT i % 7, ''-infinity''::timestamptz, 1 FROM hostile_data', 'SELECT 1, ''294276-12-31''::timestamp, 1e300::float8 UNION ALL SELECT 2, ''4713-01-01 BC'', -1e300', 'SELECT b, s FROM hostile_data', 'SELECT i, array[i] FROM hostile_data',
		'SELECT s, s, a FROM hostile_data', 'SELECT s, s, a, i FROM hostile_data', 'SELECT ''d'', s, i FROM hostile_data', 'SELECT s, a FROM hostile_data', 'SELECT a FROM hostile_data', 'SELECT NULL::text, NULL::audience FROM hostile_data',
		'SELECT d::hostile_int, d::hostile_int FROM generate_series(1, 10) d', 'SELECT 1 AS a, i, ts, x, 5, 6 FROM hostile_data',
		'SELECT pg_sleep(0), 1', 'EXECUTE p', 'DISCARD ALL', 'LISTEN x', 'SET work_mem = 64', 'CALL p()', 'DO ''''', 'COPY hostile_data TO STDOUT',
		'SELECT nested.* FROM nested', 'SELECT random(), i FROM hostile_data', 'SELECT DISTINCT ON (b) b, i FROM hostile_data', 'SELECT i, i FROM hostile_part', 'SELECT i, b FROM hostile_part LIMIT 5']) x;

CREATE DOMAIN hostile_domain AS text CHECK (VALUE <> 'n');
CREATE DOMAIN hostile_int AS integer CHECK (VALUE < 1000000);
CREATE TABLE hostile_data (i integer, b bigint, x float8, ts timestamptz, s text, big text, a audience, t tagset, f boolean);
INSERT INTO hostile_data SELECT i, CASE WHEN i % 13 > 0 THEN (i::bigint * 7919) % 41 END, CASE WHEN i % 17 > 0 THEN (i * 31 % 101) / 8.0 END,
	'2024-01-01'::timestamptz + (i * 37 % 400) * '1 hour'::interval, CASE WHEN i % 11 > 0 THEN 'k' || i * 7 % 23 END, NULL, audience(ARRAY[i % 50, i, i * 1000]),
	CASE WHEN i % 19 > 0 THEN tagset(ARRAY['k' || i * 7 % 23, 'm' || i % 3]) END, i % 3 = 0 FROM generate_series(1, 600) i;
INSERT INTO hostile_data (i, big, a, t) SELECT 1000, string_agg(md5(i::text), ''), audience_agg(i * 3), tagset_agg(md5(i::text)) FROM generate_series(1, 5000) i;
CREATE TABLE hostile_part (LIKE hostile_data) PARTITION BY LIST (f);
CREATE TABLE hostile_part1 PARTITION OF hostile_part FOR VALUES IN (true);
CREATE TABLE hostile_part2 PARTITION OF hostile_part DEFAULT;
INSERT INTO hostile_part TABLE hostile_data;
CREATE TABLE hostile_rules AS SELECT * FROM association_rules('SELECT i % 20, b FROM hostile_data WHERE b > 20', min_count => 1, max_length => 3);
CREATE VIEW nested AS SELECT i % 10 AS u, b FROM hostile_data, LATERAL (SELECT count(*) FROM frequent_itemsets('SELECT i % 10, b FROM hostile_data WHERE b > 30') q) n;
ANALYZE hostile_data, hostile_part;
SELECT create_recommender('abc', 'SELECT i % 20, b, x, ts FROM hostile_data WHERE x > 0', log => true,
	items => 'SELECT DISTINCT b, ''c'' || b % 3 AS category, 2.5 AS price, true AS available FROM hostile_data WHERE b > 0') IS NULL \g /dev/null

-- Functions and their arguments; harmless values by name where a type's would be refused.
CREATE TEMP TABLE public_function AS
SELECT p.oid, p.proname, p.prokind, p.proretset, p.pronargs, p.pronargdefaults, p.provariadic,
	ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY u(t, k) ORDER BY k) AS types, p.prorettype = 'bigint[]'::regtype AS numbers,
	ARRAY(SELECT COALESCE(p.proargnames[k], '') FROM generate_series(1, p.pronargs) k) AS names
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'recsys'
WHERE NOT p.proargtypes::oid[] && ARRAY['internal'::regtype::oid, 'cstring'::regtype::oid] AND p.prorettype NOT IN ('internal'::regtype, 'trigger'::regtype);

CREATE TEMP TABLE argument AS
SELECT f.oid, k, f.names[k] AS name, CASE WHEN f.names[k] IN ('query', 'rules') THEN 'query' ELSE f.types[k] END AS type,
	CASE
		WHEN f.names[k] = 'query' AND f.proname = 'rfm_table' THEN '''SELECT i % 20, ts, x FROM hostile_data WHERE i < 600'''
		WHEN f.names[k] = 'query' AND f.proname = 'audience_reach' THEN '''SELECT ''''d'''' || i, a FROM hostile_data WHERE i < 20'''
		WHEN f.names[k] = 'query' AND f.proname = 'audience_cross' THEN '''SELECT ''''d'''' || i % 3, i::text, a FROM hostile_data WHERE i < 20'''
		WHEN f.names[k] = 'query' AND f.proname = 'sequence_rules' THEN '''SELECT i % 20, b, ts FROM hostile_data'''
		WHEN f.names[k] = 'query' AND f.proname = 'audience_eval' THEN '''SELECT v.name, audience ''''{1,2}'''' FROM (VALUES (''''a''''), (''''b'''')) v(name)'''
		WHEN f.names[k] = 'query' AND f.proname = 'rfm_scheme_check' THEN '''SELECT ''''all'''', 1, 5, 1, 5, 1, 5'''
		WHEN f.names[k] = 'query' AND f.proname = 'searched_also_bought' THEN '''SELECT chr(97 + i % 3), b, 1 FROM hostile_data WHERE b > 20'''
		WHEN f.names[k] = 'query' AND f.proname = 'tag_similarity' THEN '''SELECT i, t FROM hostile_data WHERE i < 70'''
		WHEN f.names[k] = 'query' AND f.proname = 'cross_similarity' THEN '''SELECT i % 20, b, b + i % 2 FROM hostile_data WHERE b > 20'''
		WHEN f.names[k] = 'query' THEN '''SELECT i % 20, b FROM hostile_data WHERE b > 20'''
		WHEN f.names[k] = 'rules' THEN format('''SELECT r.lhs%1$s, r.rhs%1$s, r.confidence FROM hostile_rules r''', CASE WHEN f.types[k + 1] = 'text[]' THEN '::text[]' END)
		WHEN f.proname = 'audience_import' THEN 'audience_export(''{1,2,3}'')'
		WHEN f.proname = 'rerank' AND f.types[k] = 'text[]' THEN '''{1,2}'''
		WHEN f.names[k] = 'scene' AND f.proname = 'page_slot' THEN '''popular'''
		WHEN f.names[k] = 'scheme' THEN '''classic'''
		WHEN f.names[k] = 'top' AND k <= f.pronargs - f.pronargdefaults THEN '0.5'
		WHEN f.names[k] = 'shares' THEN '''{0.5,1}'''
		WHEN f.names[k] = 'weights' AND f.types[k] = 'text' THEN '''max'''
		WHEN f.names[k] IN ('witness', 'item_type') THEN 'NULL::' || CASE f.types[k] WHEN 'text' THEN 'text' ELSE 'bigint' END
		WHEN k > f.pronargs - f.pronargdefaults THEN pg_get_function_arg_default(f.oid, k)
		ELSE (SELECT value FROM hostile h WHERE h.type = f.types[k] ORDER BY id LIMIT 1)
	END AS harmless
FROM public_function f, generate_series(1, f.pronargs) k;

CREATE FUNCTION pg_temp.typed(value text, type text) RETURNS text LANGUAGE sql AS
$$ SELECT CASE WHEN type IN ('query') THEN value || '::text' WHEN type IN ('anyelement', 'anycompatible', 'anyarray', '"any"') THEN value
	ELSE '(' || value || ')::' || type END $$;

CREATE FUNCTION pg_temp.call(f public_function, hostile_k int, value text, seed int) RETURNS text LANGUAGE sql VOLATILE AS
$$ SELECT format('%s(%s)', f.proname, string_agg(pg_temp.typed(CASE WHEN a.k = hostile_k THEN value WHEN seed > 0 AND random() * f.pronargs < 1.5
		THEN (SELECT h.value FROM hostile h WHERE h.type = a.type ORDER BY random() LIMIT 1) ELSE a.harmless END, a.type), ', ' ORDER BY a.k))
	|| CASE WHEN f.prokind = 'w' THEN ' OVER ()' ELSE '' END
   FROM argument a WHERE a.oid = f.oid $$;

-- PostgreSQL writes an array of millions of numbers as text without looking for interrupts: their number will do.
CREATE FUNCTION pg_temp.statement(f public_function, call text) RETURNS text LANGUAGE sql AS
$$ SELECT CASE WHEN f.proretset THEN format('SELECT count(*) FROM (SELECT * FROM %s LIMIT 100000) q;', call)
	ELSE format('SELECT %s%s;', format(CASE WHEN f.numbers THEN 'cardinality(%s)' ELSE 'length((%s)::text)' END, call), CASE WHEN f.prokind = 'w' THEN ' FROM hostile_data LIMIT 3' WHEN f.prokind = 'a' THEN ' FROM generate_series(1, 3)' ELSE '' END) END $$;
