-- What there is to fuzz, from the catalog: run.sh reads it once after CREATE
-- EXTENSION.  Leaves the table fuzz_target for run.sh and fuzz_call for fuzz.c.
\set QUIET on
\set ON_ERROR_STOP on
\pset tuples_only on
\pset format unaligned
SET client_min_messages = error;

\ir ../tools/calls.sql
\ir ../lib/aggregate_forms.sql

CREATE FUNCTION fuzz(kind text, name text, arguments text[], log text, sample text) RETURNS void AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION fuzz_seeds(kind text, name text, sample text) RETURNS SETOF bytea AS :'module' LANGUAGE C STRICT;

-- a call without a value for each of its arguments would be another one
DO $$
BEGIN
	IF EXISTS (SELECT FROM argument WHERE harmless IS NULL) THEN
		RAISE 'calls.sql has no values of type %', (SELECT string_agg(DISTINCT type, ', ') FROM argument WHERE harmless IS NULL);
	END IF;
END $$;

-- types of the extension that have functions for input
CREATE TABLE fuzz_type AS
SELECT t.oid::regtype AS type
FROM pg_type t JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'recsys'
WHERE t.typtype = 'b' AND t.typelem = 0;

-- values to begin with: those for hostile calls that are small, and some with more of the grammar
CREATE TABLE fuzz_text (type text, value text);
INSERT INTO fuzz_text VALUES
	('tagset', 'female, city:beijing, wine=0.8, "a, quoted tag"'), ('tagset', '"a\"b\\c"=-1e-7, 女性=2, x'),
	('tagset', 'a=1e38,b=1e-38,c=16777217,d=.5'),
	('tagquery', 'buy:* & (area:east | wine>0.5) & !risk:refund'), ('tagquery', '!(!(a | b) & !!c) | * | "x y"*<>0'),
	('tagquery', '城:*>=3 & !* | a!=2'), ('tagquery', 'a & !a | b & (b | c)'),
	('audience', '{1,2,3}'), ('audience', '{-5-5,100000-200000}'), ('audience', '{9223372036854775807}'),
	('audience_measure', '{1:2,2:3}'), ('audience_measure', '{}');
UPDATE fuzz_text SET value = quote_literal(value);
INSERT INTO fuzz_text SELECT h.type, h.value FROM hostile h WHERE h.type IN (SELECT type::text FROM fuzz_type) ORDER BY h.id;

-- an expression as its value's text, NULL where it has none
CREATE FUNCTION pg_temp.text_of(value text, type text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT (%s)::%s::text', value, type) INTO result;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN NULL;
END $$;
UPDATE fuzz_text SET value = pg_temp.text_of(value, type);
DELETE FROM fuzz_text WHERE value IS NULL OR octet_length(value) > 1000;

CREATE TABLE fuzz_target (kind text, name text, sample text);
INSERT INTO fuzz_target
SELECT kind, t.type::text, format('SELECT value::%s FROM fuzz_text WHERE type = %L', t.type, t.type)
FROM fuzz_type t, unnest('{in,recv}'::text[]) kind;
-- functions that parse their only argument
INSERT INTO fuzz_target
SELECT 'call', f.oid::regprocedure::text,
	CASE f.types[1] WHEN 'bytea' THEN 'SELECT audience_export(value::audience) FROM fuzz_text WHERE type = ''audience'''
		ELSE (SELECT string_agg(format('SELECT (%s)::text', h.value), ' UNION ALL ') FROM hostile h WHERE h.type = f.types[1]) END
FROM public_function f, pg_proc p
WHERE p.oid = f.oid AND f.prokind = 'f' AND f.pronargs = 1 AND f.types[1] IN ('text', 'jsonb', 'bytea') AND p.prorettype IN (SELECT type FROM fuzz_type);
-- a state can be read by all aggregates that share its deserialization
INSERT INTO fuzz_target
SELECT 'state', min(a.aggdeserialfn::text), format('VALUES %s', string_agg(format('(%L, %L)', c.signature,
	'SELECT ' || c.arguments || ' FROM hostile_data d WHERE i <= 60 ORDER BY i'), ', ' ORDER BY c.signature))
FROM aggregate_call c JOIN pg_aggregate a ON a.aggfnoid = c.oid WHERE a.aggdeserialfn <> 0 GROUP BY a.aggdeserialfn;

-- every function and aggregate with an argument of such a type
CREATE TABLE fuzz_call AS
SELECT t.type::oid AS type, pg_temp.statement(f, q.call) AS call
FROM fuzz_type t, public_function f, LATERAL (
	SELECT format('%s(%s)%s', f.proname, string_agg(CASE WHEN a.type <> t.type::text THEN pg_temp.typed(a.harmless, a.type)
		WHEN a.k = (SELECT min(b.k) FROM argument b WHERE b.oid = f.oid AND b.type = t.type::text) THEN '$1' ELSE '$2' END, ', ' ORDER BY a.k),
		CASE WHEN f.prokind = 'w' THEN ' OVER ()' ELSE '' END) AS call
	FROM argument a WHERE a.oid = f.oid) q
WHERE t.type::text = ANY (f.types) AND f.proname NOT LIKE '%recommender';
