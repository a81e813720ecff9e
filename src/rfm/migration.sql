-- Migration between two scorings.

CREATE TYPE rfm_move AS (segment_before text, segment_after text, r integer, f integer, m integer, moved text);
COMMENT ON TYPE rfm_move IS 'how a customer moved: segments, changes of the three scores, and the scores that changed, such as R- M+';

CREATE FUNCTION rfm_move(before rfm_grade, after rfm_grade) RETURNS rfm_move
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm_move';
COMMENT ON FUNCTION rfm_move IS 'how a customer moved from one grade to another; NULL if either is NULL';

CREATE TYPE rfm_migration AS (segment_before text, segment_after text, customers bigint, amount double precision,
	r_up bigint, r_down bigint, f_up bigint, f_down bigint, m_up bigint, m_down bigint);
COMMENT ON TYPE rfm_migration IS
'customers who moved from one segment to another, their amount, and how many of them rose or fell in each score';

CREATE FUNCTION rfm_migration_transition(internal, rfm_grade, rfm_grade, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm_migration_transition';
COMMENT ON FUNCTION rfm_migration_transition IS 'part of rfm_migration_agg()';
CREATE FUNCTION rfm_migration_combine(internal, internal) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm_migration_combine';
COMMENT ON FUNCTION rfm_migration_combine IS 'part of rfm_migration_agg()';
CREATE FUNCTION rfm_migration_serialize(internal) RETURNS bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm_migration_serialize';
COMMENT ON FUNCTION rfm_migration_serialize IS 'part of rfm_migration_agg()';
CREATE FUNCTION rfm_migration_deserialize(bytea, internal) RETURNS internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm_migration_deserialize';
COMMENT ON FUNCTION rfm_migration_deserialize IS 'part of rfm_migration_agg()';
CREATE FUNCTION rfm_migration_final(internal) RETURNS rfm_migration[]
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm_migration_final';
COMMENT ON FUNCTION rfm_migration_final IS 'part of rfm_migration_agg()';

CREATE AGGREGATE rfm_migration_agg(before rfm_grade, after rfm_grade, amount double precision) (
	SFUNC = rfm_migration_transition, STYPE = internal, SSPACE = 40000, FINALFUNC = rfm_migration_final,
	COMBINEFUNC = rfm_migration_combine, SERIALFUNC = rfm_migration_serialize, DESERIALFUNC = rfm_migration_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE rfm_migration_agg(rfm_grade, rfm_grade, double precision) IS
'matrix of segments before and after, from one row per customer; a NULL grade stands for a customer who did not exist at the time';
