-- Crossing of dimensions and reach of conditions.  C: src/audience/cross.c.

CREATE FUNCTION audience_cross(
	query text,
	depth integer DEFAULT 2,
	min_size bigint DEFAULT 1,
	among audience DEFAULT NULL,
	OUT level integer,
	OUT dimensions text[],
	OUT names text[],
	OUT count bigint,
	OUT expected double precision,
	OUT lift double precision,
	OUT share double precision,
	OUT p double precision,
	OUT p_adjusted double precision)
RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'recsys_audience_cross' LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 500;
COMMENT ON FUNCTION audience_cross(text, integer, bigint, audience) IS 'sizes of all combinations of groups from different dimensions; the query returns (dimension, name, audience)';

CREATE FUNCTION audience_reach(
	query text,
	among audience DEFAULT NULL,
	OUT step integer,
	OUT name text,
	OUT count bigint,
	OUT remaining bigint,
	OUT kept double precision,
	OUT share double precision)
RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'recsys_audience_reach' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 10;
COMMENT ON FUNCTION audience_reach(text, audience) IS 'how many remain after each condition in turn; the query returns (name, audience [, exclude])';
