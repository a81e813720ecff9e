-- How unequally a value is spread over customers.

CREATE FUNCTION pareto_tier(value double precision) RETURNS text
LANGUAGE C IMMUTABLE WINDOW PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_pareto_tier';
COMMENT ON FUNCTION pareto_tier(double precision) IS
'tier of a value in the window partition: A for the greatest values that make up 80 % of the total, B up to 95 %, C for the rest; equal values share a tier';

CREATE FUNCTION pareto_tier(value double precision, shares double precision[]) RETURNS text
LANGUAGE C IMMUTABLE WINDOW PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_pareto_tier';
COMMENT ON FUNCTION pareto_tier(double precision, double precision[]) IS
'tier of a value in the window partition, A, B, C and so on, by given ascending shares of the total; equal values share a tier';

CREATE FUNCTION spread_transition(internal, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_spread_transition';
COMMENT ON FUNCTION spread_transition(internal, double precision) IS 'part of gini_agg()';
CREATE FUNCTION spread_transition(internal, double precision, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_spread_transition';
COMMENT ON FUNCTION spread_transition(internal, double precision, double precision) IS 'part of pareto_share_agg()';
CREATE FUNCTION spread_combine(internal, internal) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_spread_combine';
COMMENT ON FUNCTION spread_combine IS 'part of gini_agg() and pareto_share_agg()';
CREATE FUNCTION spread_serialize(internal) RETURNS bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_spread_serialize';
COMMENT ON FUNCTION spread_serialize IS 'part of gini_agg() and pareto_share_agg()';
CREATE FUNCTION spread_deserialize(bytea, internal) RETURNS internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_spread_deserialize';
COMMENT ON FUNCTION spread_deserialize IS 'part of gini_agg() and pareto_share_agg()';
CREATE FUNCTION gini_final(internal) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_gini_final';
COMMENT ON FUNCTION gini_final IS 'part of gini_agg()';
CREATE FUNCTION pareto_share_final(internal) RETURNS double precision
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_pareto_share_final';
COMMENT ON FUNCTION pareto_share_final IS 'part of pareto_share_agg()';

CREATE AGGREGATE gini_agg(value double precision) (
	SFUNC = spread_transition, STYPE = internal, SSPACE = 50000, FINALFUNC = gini_final,
	COMBINEFUNC = spread_combine, SERIALFUNC = spread_serialize, DESERIALFUNC = spread_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE gini_agg(double precision) IS
'Gini coefficient: 0 if all values are equal, near 1 if one value makes up the total; NULLs are ignored, negative values count as 0';

CREATE AGGREGATE pareto_share_agg(value double precision, top double precision) (
	SFUNC = spread_transition, STYPE = internal, SSPACE = 50000, FINALFUNC = pareto_share_final,
	COMBINEFUNC = spread_combine, SERIALFUNC = spread_serialize, DESERIALFUNC = spread_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE pareto_share_agg(double precision, double precision) IS
'share of the total that the greatest values make up, where top is their share of the rows: 0.2 for the greatest fifth; NULLs are ignored, negative values count as 0';
