-- The portrait of a crowd: which tags it has more often than the rest.

CREATE TYPE tag_portrait AS (
	tag text,
	count_in bigint,
	count_out bigint,
	share_in double precision,
	share_out double precision,
	lift double precision,
	tgi double precision,
	log_odds double precision,
	z double precision,
	p double precision
);
COMMENT ON TYPE tag_portrait IS 'one tag of a crowd''s portrait, see tag_portrait_agg()';

CREATE TYPE tag_portrait_options AS (min_count bigint, prior double precision);
COMMENT ON TYPE tag_portrait_options
	IS 'options of tag_portrait_agg(), made by tag_portrait_options()';

CREATE FUNCTION tag_portrait_options(min_count bigint DEFAULT 1, prior double precision DEFAULT 10)
	RETURNS tag_portrait_options
	AS 'MODULE_PATHNAME', 'recsys_tag_portrait_options' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION tag_portrait_options(bigint, double precision)
	IS 'makes options of tag_portrait_agg(): min_count leaves out tags that fewer rows have; prior is the weight of the prior in rows';

CREATE FUNCTION tag_portrait_trans(internal, tagset, boolean) RETURNS internal
	AS 'MODULE_PATHNAME', 'recsys_tag_portrait_trans' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION tag_portrait_trans(internal, tagset, boolean)
	IS 'transition function of tag_portrait_agg';

CREATE FUNCTION tag_portrait_trans(internal, tagset, boolean, tag_portrait_options) RETURNS internal
	AS 'MODULE_PATHNAME', 'recsys_tag_portrait_trans' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION tag_portrait_trans(internal, tagset, boolean, tag_portrait_options)
	IS 'transition function of tag_portrait_agg';

CREATE FUNCTION tag_portrait_combine(internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'recsys_tag_portrait_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION tag_portrait_combine(internal, internal)
	IS 'joins two states of tag_portrait_agg';

CREATE FUNCTION tag_portrait_serialize(internal) RETURNS bytea
	AS 'MODULE_PATHNAME', 'recsys_tag_portrait_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tag_portrait_serialize(internal) IS 'serializes a state of tag_portrait_agg';

CREATE FUNCTION tag_portrait_deserialize(bytea, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'recsys_tag_portrait_deserialize'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tag_portrait_deserialize(bytea, internal)
	IS 'deserializes a state of tag_portrait_agg';

CREATE FUNCTION tag_portrait_final(internal) RETURNS tag_portrait[]
	AS 'MODULE_PATHNAME', 'recsys_tag_portrait_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION tag_portrait_final(internal) IS 'result of tag_portrait_agg';

CREATE AGGREGATE tag_portrait_agg(tags tagset, in_crowd boolean) (
	SFUNC = tag_portrait_trans,
	STYPE = internal,
	SSPACE = 20000,
	FINALFUNC = tag_portrait_final,
	COMBINEFUNC = tag_portrait_combine,
	SERIALFUNC = tag_portrait_serialize,
	DESERIALFUNC = tag_portrait_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE tag_portrait_agg(tagset, boolean)
	IS 'for each tag its counts and shares inside and outside a crowd, lift, TGI, log odds with a prior, z, and the p-value of Fisher''s exact test; most over-represented first';

CREATE AGGREGATE tag_portrait_agg(tags tagset, in_crowd boolean, options tag_portrait_options) (
	SFUNC = tag_portrait_trans,
	STYPE = internal,
	SSPACE = 20000,
	FINALFUNC = tag_portrait_final,
	COMBINEFUNC = tag_portrait_combine,
	SERIALFUNC = tag_portrait_serialize,
	DESERIALFUNC = tag_portrait_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE tag_portrait_agg(tagset, boolean, tag_portrait_options)
	IS 'portrait of a crowd with options from tag_portrait_options()';
