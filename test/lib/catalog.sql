-- All that the catalogs say about the objects of the extension, one line each,
-- for comparing two installations: oids and the schema's name do not show.
\set QUIET on
\pset format unaligned
\pset tuples_only on
SELECT set_config('search_path', quote_ident(nspname) || ', pg_catalog', false) AS path, quote_ident(nspname) || '.' AS schema
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname = 'recsys' \gset

CREATE TEMP VIEW member AS
SELECT d.classid, d.objid
FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
WHERE e.extname = 'recsys' AND d.deptype = 'e';

SELECT replace(line, :'schema', '') AS line FROM (
  SELECT concat_ws(' ', 'object', pg_describe_object(classid, objid, 0), '::', obj_description(objid, classid::regclass::name))
  FROM member
UNION ALL
  SELECT 'function ' || CASE prokind WHEN 'a' THEN oid::regprocedure::text ELSE pg_get_functiondef(oid) END
         || format(' parallel %s cost %s rows %s strict %s leakproof %s owner-only %s',
                   proparallel, procost, prorows, proisstrict, proleakproof, proacl)
  FROM pg_proc JOIN member ON classid = 'pg_proc'::regclass AND objid = oid
UNION ALL
  SELECT concat_ws(' ', 'aggregate', aggfnoid::regprocedure, aggkind, aggtransfn, aggfinalfn, aggcombinefn, aggserialfn,
                   aggdeserialfn, aggmtransfn, aggminvtransfn, aggmfinalfn, aggfinalextra, aggfinalmodify,
                   aggsortop::regoperator, format_type(aggtranstype, NULL), aggtransspace, agginitval)
  FROM pg_aggregate JOIN member ON classid = 'pg_proc'::regclass AND objid = aggfnoid
UNION ALL
  SELECT concat_ws(' ', 'type', format_type(oid, NULL), typlen, typbyval, typtype, typcategory, typispreferred, typdelim,
                   typinput, typoutput, typreceive, typsend, typmodin, typmodout, typanalyze, typalign, typstorage, typacl)
  FROM pg_type JOIN member ON classid = 'pg_type'::regclass AND objid = oid
UNION ALL
  SELECT concat_ws(' ', 'column', a.attrelid::regclass, attnum, attname, format_type(atttypid, atttypmod), attnotnull,
                   attstorage, pg_get_expr(adbin, adrelid))
  FROM pg_attribute a
  JOIN (SELECT objid FROM member WHERE classid = 'pg_class'::regclass
        UNION SELECT typrelid FROM pg_type JOIN member ON classid = 'pg_type'::regclass AND objid = oid) m ON m.objid = a.attrelid
  LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
  WHERE attnum > 0 AND NOT attisdropped
UNION ALL
  SELECT concat_ws(' ', 'relation', oid::regclass, relkind, relpersistence, relrowsecurity, reloptions, relacl,
                   CASE relkind WHEN 'v' THEN pg_get_viewdef(oid) WHEN 'i' THEN pg_get_indexdef(oid) END)
  FROM pg_class JOIN member ON classid = 'pg_class'::regclass AND objid = oid
UNION ALL
  SELECT concat_ws(' ', 'index', pg_get_indexdef(indexrelid))
  FROM pg_index JOIN member ON classid = 'pg_class'::regclass AND objid = indrelid
UNION ALL
  SELECT concat_ws(' ', 'constraint', conrelid::regclass, pg_get_constraintdef(c.oid))
  FROM pg_constraint c JOIN member ON classid = 'pg_class'::regclass AND objid = conrelid
UNION ALL
  SELECT concat_ws(' ', 'config', r::regclass, c)
  FROM pg_extension, unnest(extconfig, extcondition) x(r, c) WHERE extname = 'recsys'
UNION ALL
  SELECT concat_ws(' ', 'operator', oid::regoperator, oprkind, oprcanmerge, oprcanhash, format_type(oprresult, NULL),
                   oprcom::regoperator, oprnegate::regoperator, oprcode, oprrest, oprjoin)
  FROM pg_operator JOIN member ON classid = 'pg_operator'::regclass AND objid = oid
UNION ALL
  SELECT concat_ws(' ', 'cast', castsource::regtype, casttarget::regtype, castfunc::regprocedure, castcontext, castmethod)
  FROM pg_cast c JOIN member ON classid = 'pg_cast'::regclass AND objid = c.oid
UNION ALL
  SELECT concat_ws(' ', 'class', am.amname, c.opcname, f.opfname, c.opcintype::regtype, c.opcdefault,
                   CASE WHEN c.opckeytype <> 0 THEN c.opckeytype::regtype END)
  FROM pg_opclass c JOIN member ON classid = 'pg_opclass'::regclass AND objid = c.oid
  JOIN pg_opfamily f ON f.oid = opcfamily JOIN pg_am am ON am.oid = opcmethod
UNION ALL
  SELECT concat_ws(' ', 'class operator', f.opfname, amopstrategy, amoppurpose, amopopr::regoperator)
  FROM pg_amop JOIN pg_opfamily f ON f.oid = amopfamily JOIN member ON classid = 'pg_opfamily'::regclass AND objid = f.oid
UNION ALL
  SELECT concat_ws(' ', 'class function', f.opfname, amprocnum, amproclefttype::regtype, amprocrighttype::regtype,
                   amproc::regprocedure)
  FROM pg_amproc JOIN pg_opfamily f ON f.oid = amprocfamily JOIN member ON classid = 'pg_opfamily'::regclass AND objid = f.oid
) l(line)
ORDER BY replace(line, :'schema', '') COLLATE "C";
