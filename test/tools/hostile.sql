-- Run by hostile.sh: writes, one statement a line, calls of every public
-- function and aggregate of the extension with hostile arguments.
\set QUIET on
\pset tuples_only on
\pset format unaligned
SET client_min_messages = error;
SET statement_timeout = 0;

\ir calls.sql

SELECT setseed(0.42) \g /dev/null
-- one hostile argument at a time, then several
SELECT pg_temp.statement(f, pg_temp.call(f, a.k, h.value, 0))
FROM public_function f JOIN argument a USING (oid) JOIN hostile h ON h.type = a.type
WHERE f.proname NOT LIKE '%recommender'
UNION ALL
SELECT pg_temp.statement(f, pg_temp.call(f, 0, NULL, n))
FROM public_function f, generate_series(1, :several) n WHERE f.pronargs > 1;
