-- The extension can be dropped, installed into any schema and moved, by a user
-- without superuser rights, and describes every object it has.
DROP EXTENSION recsys;
CREATE ROLE recsys_plain_user;
CREATE SCHEMA recsys_elsewhere AUTHORIZATION recsys_plain_user;
-- the name of the database does not matter
\set ECHO none
SELECT format('GRANT CREATE ON DATABASE %I TO recsys_plain_user', current_database()) \gexec
\set ECHO all
SET SESSION AUTHORIZATION recsys_plain_user;
CREATE EXTENSION recsys SCHEMA recsys_elsewhere;
ALTER EXTENSION recsys SET SCHEMA recsys_elsewhere;
RESET SESSION AUTHORIZATION;
DROP OWNED BY recsys_plain_user CASCADE;
DROP ROLE recsys_plain_user;
CREATE EXTENSION recsys;

-- functions, types, operators, casts and classes without a comment: none
SELECT pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_depend d
JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
WHERE e.extname = 'recsys' AND d.deptype = 'e'
  AND obj_description(d.objid, d.classid::regclass::name) IS NULL
  -- array types and row types of tables follow from what they belong to
  AND NOT (d.classid = 'pg_type'::regclass AND EXISTS (
    SELECT FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE t.oid = d.objid AND (t.typelem <> 0 OR c.relkind <> 'c')))
ORDER BY 1;

-- functions that are not marked for parallel plans, beside those that write
SELECT p.oid::regprocedure
FROM pg_depend d
JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
WHERE e.extname = 'recsys' AND d.deptype = 'e' AND p.proparallel = 'u'
  AND p.provolatile <> 'v'
ORDER BY 1::text COLLATE "C";

-- functions that could do more than their caller, or find objects by a search path: none
SELECT p.oid::regprocedure, l.lanname, p.prosrc, p.prosecdef, p.proleakproof, p.proconfig
FROM pg_depend d
JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
JOIN pg_language l ON l.oid = p.prolang
WHERE e.extname = 'recsys' AND d.deptype = 'e' AND p.prokind <> 'a'
  AND (l.lanname <> 'c' OR p.prosrc NOT LIKE 'recsys\_%' OR p.prosecdef OR p.proleakproof OR p.proconfig IS NOT NULL)
ORDER BY 1::text COLLATE "C";
