-- Item similarity: see doc/similarity.md.

CREATE TYPE similarity_options AS (
	measure text,
	n integer,
	user_power double precision,
	alpha double precision,
	beta double precision,
	shrink double precision,
	min_together bigint,
	min_llr double precision,
	k1 double precision,
	b double precision,
	transform text,
	normalization text,
	prune text,
	max_per_user bigint,
	max_per_item bigint,
	half_life interval,
	as_of timestamptz,
	tune boolean
);
COMMENT ON TYPE similarity_options IS 'options of item similarity, made by similarity_options()';

CREATE FUNCTION similarity_options(
	measure text DEFAULT NULL,
	n integer DEFAULT NULL,
	user_power double precision DEFAULT NULL,
	alpha double precision DEFAULT NULL,
	beta double precision DEFAULT NULL,
	shrink double precision DEFAULT NULL,
	min_together bigint DEFAULT NULL,
	min_llr double precision DEFAULT NULL,
	k1 double precision DEFAULT NULL,
	b double precision DEFAULT NULL,
	transform text DEFAULT NULL,
	normalization text DEFAULT NULL,
	prune text DEFAULT NULL,
	max_per_user bigint DEFAULT NULL,
	max_per_item bigint DEFAULT NULL,
	half_life interval DEFAULT NULL,
	as_of timestamptz DEFAULT NULL,
	tune boolean DEFAULT NULL
) RETURNS similarity_options
AS 'MODULE_PATHNAME', 'recsys_similarity_options'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION similarity_options(text, integer, double precision, double precision, double precision, double precision, bigint, double precision, double precision, double precision, text, text, text, bigint, bigint, interval, timestamptz, boolean)
	IS 'makes options of item_similarity_agg() and related functions; NULL stands for the default';

CREATE TYPE similar_item AS (item bigint, neighbour bigint, score double precision, together bigint);
COMMENT ON TYPE similar_item IS 'neighbour of an item of type bigint, its score, and how many users have both';
CREATE TYPE similar_text_item AS (item text, neighbour text, score double precision, together bigint);
COMMENT ON TYPE similar_text_item IS 'neighbour of an item of type text, its score, and how many users have both';

CREATE FUNCTION recsys_similarity_combine(internal, internal) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_similarity_combine(internal, internal) IS 'part of item_similarity_agg()';
-- shipping all rows costs more than reading them: a plan should have reasons
CREATE FUNCTION recsys_similarity_serialize(internal) RETURNS bytea
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000000;
COMMENT ON FUNCTION recsys_similarity_serialize(internal) IS 'part of item_similarity_agg()';
CREATE FUNCTION recsys_similarity_deserialize(bytea, internal) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000000;
COMMENT ON FUNCTION recsys_similarity_deserialize(bytea, internal) IS 'part of item_similarity_agg()';

CREATE FUNCTION recsys_similarity_final(internal) RETURNS similar_item[]
AS 'MODULE_PATHNAME', 'recsys_similarity_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION recsys_similarity_final(internal) IS 'part of item_similarity_agg()';

CREATE FUNCTION recsys_similarity_trans(internal, anyelement, bigint) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_similarity_trans(internal, anyelement, bigint) IS 'part of item_similarity_agg()';
CREATE AGGREGATE item_similarity_agg("user" anyelement, item bigint) (
	SFUNC = recsys_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE item_similarity_agg(anyelement, bigint)
	IS 'nearest neighbours of each item by the users they share, of interactions, with the default options';

CREATE FUNCTION recsys_similarity_trans(internal, anyelement, bigint, double precision) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_similarity_trans(internal, anyelement, bigint, double precision) IS 'part of item_similarity_agg()';
CREATE AGGREGATE item_similarity_agg("user" anyelement, item bigint, weight double precision) (
	SFUNC = recsys_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE item_similarity_agg(anyelement, bigint, double precision)
	IS 'nearest neighbours of each item by the users they share, of weighted interactions, with the default options';

CREATE FUNCTION recsys_similarity_trans(internal, anyelement, bigint, similarity_options) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_similarity_trans(internal, anyelement, bigint, similarity_options) IS 'part of item_similarity_agg()';
CREATE AGGREGATE item_similarity_agg("user" anyelement, item bigint, options similarity_options) (
	SFUNC = recsys_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE item_similarity_agg(anyelement, bigint, similarity_options)
	IS 'nearest neighbours of each item by the users they share, of interactions, with options';

CREATE FUNCTION recsys_similarity_trans(internal, anyelement, bigint, double precision, similarity_options) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_similarity_trans(internal, anyelement, bigint, double precision, similarity_options) IS 'part of item_similarity_agg()';
CREATE AGGREGATE item_similarity_agg("user" anyelement, item bigint, weight double precision, options similarity_options) (
	SFUNC = recsys_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE item_similarity_agg(anyelement, bigint, double precision, similarity_options)
	IS 'nearest neighbours of each item by the users they share, of weighted interactions, with options';

CREATE FUNCTION recsys_similarity_trans(internal, anyelement, bigint, double precision, timestamptz, similarity_options) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_similarity_trans(internal, anyelement, bigint, double precision, timestamptz, similarity_options) IS 'part of item_similarity_agg()';
CREATE AGGREGATE item_similarity_agg("user" anyelement, item bigint, weight double precision, ts timestamptz, options similarity_options) (
	SFUNC = recsys_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE item_similarity_agg(anyelement, bigint, double precision, timestamptz, similarity_options)
	IS 'nearest neighbours of each item by the users they share, of weighted interactions with times, with options';

CREATE FUNCTION recsys_similarity_final_text(internal) RETURNS similar_text_item[]
AS 'MODULE_PATHNAME', 'recsys_similarity_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION recsys_similarity_final_text(internal) IS 'part of item_similarity_agg()';

CREATE FUNCTION recsys_similarity_trans(internal, anyelement, text) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_similarity_trans(internal, anyelement, text) IS 'part of item_similarity_agg()';
CREATE AGGREGATE item_similarity_agg("user" anyelement, item text) (
	SFUNC = recsys_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final_text,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE item_similarity_agg(anyelement, text)
	IS 'nearest neighbours of each item by the users they share, of interactions, with the default options';

CREATE FUNCTION recsys_similarity_trans(internal, anyelement, text, double precision) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_similarity_trans(internal, anyelement, text, double precision) IS 'part of item_similarity_agg()';
CREATE AGGREGATE item_similarity_agg("user" anyelement, item text, weight double precision) (
	SFUNC = recsys_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final_text,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE item_similarity_agg(anyelement, text, double precision)
	IS 'nearest neighbours of each item by the users they share, of weighted interactions, with the default options';

CREATE FUNCTION recsys_similarity_trans(internal, anyelement, text, similarity_options) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_similarity_trans(internal, anyelement, text, similarity_options) IS 'part of item_similarity_agg()';
CREATE AGGREGATE item_similarity_agg("user" anyelement, item text, options similarity_options) (
	SFUNC = recsys_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final_text,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE item_similarity_agg(anyelement, text, similarity_options)
	IS 'nearest neighbours of each item by the users they share, of interactions, with options';

CREATE FUNCTION recsys_similarity_trans(internal, anyelement, text, double precision, similarity_options) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_similarity_trans(internal, anyelement, text, double precision, similarity_options) IS 'part of item_similarity_agg()';
CREATE AGGREGATE item_similarity_agg("user" anyelement, item text, weight double precision, options similarity_options) (
	SFUNC = recsys_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final_text,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE item_similarity_agg(anyelement, text, double precision, similarity_options)
	IS 'nearest neighbours of each item by the users they share, of weighted interactions, with options';

CREATE FUNCTION recsys_similarity_trans(internal, anyelement, text, double precision, timestamptz, similarity_options) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_similarity_trans(internal, anyelement, text, double precision, timestamptz, similarity_options) IS 'part of item_similarity_agg()';
CREATE AGGREGATE item_similarity_agg("user" anyelement, item text, weight double precision, ts timestamptz, options similarity_options) (
	SFUNC = recsys_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final_text,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE item_similarity_agg(anyelement, text, double precision, timestamptz, similarity_options)
	IS 'nearest neighbours of each item by the users they share, of weighted interactions with times, with options';

-- The witness of type text has a form of its own, or a first argument of type
-- text would always be taken for the query.
CREATE FUNCTION item_similarity(
	query text,
	n integer DEFAULT NULL,
	measure text DEFAULT NULL,
	user_power double precision DEFAULT NULL,
	alpha double precision DEFAULT NULL,
	beta double precision DEFAULT NULL,
	shrink double precision DEFAULT NULL,
	min_together bigint DEFAULT NULL,
	min_llr double precision DEFAULT NULL,
	k1 double precision DEFAULT NULL,
	b double precision DEFAULT NULL,
	transform text DEFAULT NULL,
	normalization text DEFAULT NULL,
	prune text DEFAULT NULL,
	max_per_user bigint DEFAULT NULL,
	max_per_item bigint DEFAULT NULL,
	half_life interval DEFAULT NULL,
	as_of timestamptz DEFAULT NULL,
	tune boolean DEFAULT NULL,
	OUT item bigint,
	OUT neighbour bigint,
	OUT score double precision,
	OUT together bigint
) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'recsys_item_similarity'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000000 ROWS 100000 SUPPORT recsys_stream_support;
COMMENT ON FUNCTION item_similarity(text, integer, text, double precision, double precision, double precision, double precision, bigint, double precision, double precision, double precision, text, text, text, bigint, bigint, interval, timestamptz, boolean)
	IS 'nearest neighbours of each item of a query (user, item [, weight [, ts]])';

CREATE FUNCTION item_similarity(
	witness text,
	query text,
	n integer DEFAULT NULL,
	measure text DEFAULT NULL,
	user_power double precision DEFAULT NULL,
	alpha double precision DEFAULT NULL,
	beta double precision DEFAULT NULL,
	shrink double precision DEFAULT NULL,
	min_together bigint DEFAULT NULL,
	min_llr double precision DEFAULT NULL,
	k1 double precision DEFAULT NULL,
	b double precision DEFAULT NULL,
	transform text DEFAULT NULL,
	normalization text DEFAULT NULL,
	prune text DEFAULT NULL,
	max_per_user bigint DEFAULT NULL,
	max_per_item bigint DEFAULT NULL,
	half_life interval DEFAULT NULL,
	as_of timestamptz DEFAULT NULL,
	tune boolean DEFAULT NULL,
	OUT item text,
	OUT neighbour text,
	OUT score double precision,
	OUT together bigint
) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'recsys_item_similarity_as'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000000 ROWS 100000 SUPPORT recsys_stream_support;
COMMENT ON FUNCTION item_similarity(text, text, integer, text, double precision, double precision, double precision, double precision, bigint, double precision, double precision, double precision, text, text, text, bigint, bigint, interval, timestamptz, boolean)
	IS 'nearest neighbours of each item of a query (user, item [, weight [, ts]]), items of the type of the first argument';

CREATE FUNCTION item_similarity(
	witness anyelement,
	query text,
	n integer DEFAULT NULL,
	measure text DEFAULT NULL,
	user_power double precision DEFAULT NULL,
	alpha double precision DEFAULT NULL,
	beta double precision DEFAULT NULL,
	shrink double precision DEFAULT NULL,
	min_together bigint DEFAULT NULL,
	min_llr double precision DEFAULT NULL,
	k1 double precision DEFAULT NULL,
	b double precision DEFAULT NULL,
	transform text DEFAULT NULL,
	normalization text DEFAULT NULL,
	prune text DEFAULT NULL,
	max_per_user bigint DEFAULT NULL,
	max_per_item bigint DEFAULT NULL,
	half_life interval DEFAULT NULL,
	as_of timestamptz DEFAULT NULL,
	tune boolean DEFAULT NULL,
	OUT item anyelement,
	OUT neighbour anyelement,
	OUT score double precision,
	OUT together bigint
) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'recsys_item_similarity_as'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000000 ROWS 100000 SUPPORT recsys_stream_support;
COMMENT ON FUNCTION item_similarity(anyelement, text, integer, text, double precision, double precision, double precision, double precision, bigint, double precision, double precision, double precision, text, text, text, bigint, bigint, interval, timestamptz, boolean)
	IS 'nearest neighbours of each item of a query (user, item [, weight [, ts]]), items of the type of the first argument';

CREATE TYPE similar_cross_item AS (item text, neighbour bigint, score double precision, together bigint);
COMMENT ON TYPE similar_cross_item IS 'neighbour of type bigint of an item of type text, its score, and how many users have both';
CREATE FUNCTION recsys_similarity_final_cross(internal) RETURNS similar_cross_item[]
AS 'MODULE_PATHNAME', 'recsys_similarity_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION recsys_similarity_final_cross(internal) IS 'part of cross_similarity_agg()';

CREATE FUNCTION recsys_cross_similarity_trans(internal, anyelement, bigint, bigint) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_cross_similarity_trans(internal, anyelement, bigint, bigint) IS 'part of cross_similarity_agg()';
CREATE AGGREGATE cross_similarity_agg("user" anyelement, from_item bigint, to_item bigint) (
	SFUNC = recsys_cross_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cross_similarity_agg(anyelement, bigint, bigint)
	IS 'for each item of one kind the nearest of another kind by the users they share, of interactions, with the default options';

CREATE FUNCTION recsys_cross_similarity_trans(internal, anyelement, bigint, bigint, double precision) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_cross_similarity_trans(internal, anyelement, bigint, bigint, double precision) IS 'part of cross_similarity_agg()';
CREATE AGGREGATE cross_similarity_agg("user" anyelement, from_item bigint, to_item bigint, weight double precision) (
	SFUNC = recsys_cross_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cross_similarity_agg(anyelement, bigint, bigint, double precision)
	IS 'for each item of one kind the nearest of another kind by the users they share, of weighted interactions, with the default options';

CREATE FUNCTION recsys_cross_similarity_trans(internal, anyelement, bigint, bigint, similarity_options) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_cross_similarity_trans(internal, anyelement, bigint, bigint, similarity_options) IS 'part of cross_similarity_agg()';
CREATE AGGREGATE cross_similarity_agg("user" anyelement, from_item bigint, to_item bigint, options similarity_options) (
	SFUNC = recsys_cross_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cross_similarity_agg(anyelement, bigint, bigint, similarity_options)
	IS 'for each item of one kind the nearest of another kind by the users they share, of interactions, with options';

CREATE FUNCTION recsys_cross_similarity_trans(internal, anyelement, bigint, bigint, double precision, similarity_options) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_cross_similarity_trans(internal, anyelement, bigint, bigint, double precision, similarity_options) IS 'part of cross_similarity_agg()';
CREATE AGGREGATE cross_similarity_agg("user" anyelement, from_item bigint, to_item bigint, weight double precision, options similarity_options) (
	SFUNC = recsys_cross_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cross_similarity_agg(anyelement, bigint, bigint, double precision, similarity_options)
	IS 'for each item of one kind the nearest of another kind by the users they share, of weighted interactions, with options';

CREATE FUNCTION recsys_cross_similarity_trans(internal, anyelement, bigint, bigint, double precision, timestamptz, similarity_options) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_cross_similarity_trans(internal, anyelement, bigint, bigint, double precision, timestamptz, similarity_options) IS 'part of cross_similarity_agg()';
CREATE AGGREGATE cross_similarity_agg("user" anyelement, from_item bigint, to_item bigint, weight double precision, ts timestamptz, options similarity_options) (
	SFUNC = recsys_cross_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cross_similarity_agg(anyelement, bigint, bigint, double precision, timestamptz, similarity_options)
	IS 'for each item of one kind the nearest of another kind by the users they share, of weighted interactions with times, with options';

CREATE FUNCTION recsys_cross_similarity_trans(internal, anyelement, text, text) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_cross_similarity_trans(internal, anyelement, text, text) IS 'part of cross_similarity_agg()';
CREATE AGGREGATE cross_similarity_agg("user" anyelement, from_item text, to_item text) (
	SFUNC = recsys_cross_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final_text,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cross_similarity_agg(anyelement, text, text)
	IS 'for each item of one kind the nearest of another kind by the users they share, of interactions, with the default options';

CREATE FUNCTION recsys_cross_similarity_trans(internal, anyelement, text, text, double precision) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_cross_similarity_trans(internal, anyelement, text, text, double precision) IS 'part of cross_similarity_agg()';
CREATE AGGREGATE cross_similarity_agg("user" anyelement, from_item text, to_item text, weight double precision) (
	SFUNC = recsys_cross_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final_text,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cross_similarity_agg(anyelement, text, text, double precision)
	IS 'for each item of one kind the nearest of another kind by the users they share, of weighted interactions, with the default options';

CREATE FUNCTION recsys_cross_similarity_trans(internal, anyelement, text, text, similarity_options) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_cross_similarity_trans(internal, anyelement, text, text, similarity_options) IS 'part of cross_similarity_agg()';
CREATE AGGREGATE cross_similarity_agg("user" anyelement, from_item text, to_item text, options similarity_options) (
	SFUNC = recsys_cross_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final_text,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cross_similarity_agg(anyelement, text, text, similarity_options)
	IS 'for each item of one kind the nearest of another kind by the users they share, of interactions, with options';

CREATE FUNCTION recsys_cross_similarity_trans(internal, anyelement, text, text, double precision, similarity_options) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_cross_similarity_trans(internal, anyelement, text, text, double precision, similarity_options) IS 'part of cross_similarity_agg()';
CREATE AGGREGATE cross_similarity_agg("user" anyelement, from_item text, to_item text, weight double precision, options similarity_options) (
	SFUNC = recsys_cross_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final_text,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cross_similarity_agg(anyelement, text, text, double precision, similarity_options)
	IS 'for each item of one kind the nearest of another kind by the users they share, of weighted interactions, with options';

CREATE FUNCTION recsys_cross_similarity_trans(internal, anyelement, text, text, double precision, timestamptz, similarity_options) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_cross_similarity_trans(internal, anyelement, text, text, double precision, timestamptz, similarity_options) IS 'part of cross_similarity_agg()';
CREATE AGGREGATE cross_similarity_agg("user" anyelement, from_item text, to_item text, weight double precision, ts timestamptz, options similarity_options) (
	SFUNC = recsys_cross_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final_text,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cross_similarity_agg(anyelement, text, text, double precision, timestamptz, similarity_options)
	IS 'for each item of one kind the nearest of another kind by the users they share, of weighted interactions with times, with options';

CREATE FUNCTION recsys_cross_similarity_trans(internal, anyelement, text, bigint) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_cross_similarity_trans(internal, anyelement, text, bigint) IS 'part of cross_similarity_agg()';
CREATE AGGREGATE cross_similarity_agg("user" anyelement, from_item text, to_item bigint) (
	SFUNC = recsys_cross_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final_cross,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cross_similarity_agg(anyelement, text, bigint)
	IS 'for each item of one kind the nearest of another kind by the users they share, of interactions, with the default options';

CREATE FUNCTION recsys_cross_similarity_trans(internal, anyelement, text, bigint, double precision) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_cross_similarity_trans(internal, anyelement, text, bigint, double precision) IS 'part of cross_similarity_agg()';
CREATE AGGREGATE cross_similarity_agg("user" anyelement, from_item text, to_item bigint, weight double precision) (
	SFUNC = recsys_cross_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final_cross,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cross_similarity_agg(anyelement, text, bigint, double precision)
	IS 'for each item of one kind the nearest of another kind by the users they share, of weighted interactions, with the default options';

CREATE FUNCTION recsys_cross_similarity_trans(internal, anyelement, text, bigint, similarity_options) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_cross_similarity_trans(internal, anyelement, text, bigint, similarity_options) IS 'part of cross_similarity_agg()';
CREATE AGGREGATE cross_similarity_agg("user" anyelement, from_item text, to_item bigint, options similarity_options) (
	SFUNC = recsys_cross_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final_cross,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cross_similarity_agg(anyelement, text, bigint, similarity_options)
	IS 'for each item of one kind the nearest of another kind by the users they share, of interactions, with options';

CREATE FUNCTION recsys_cross_similarity_trans(internal, anyelement, text, bigint, double precision, similarity_options) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_cross_similarity_trans(internal, anyelement, text, bigint, double precision, similarity_options) IS 'part of cross_similarity_agg()';
CREATE AGGREGATE cross_similarity_agg("user" anyelement, from_item text, to_item bigint, weight double precision, options similarity_options) (
	SFUNC = recsys_cross_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final_cross,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cross_similarity_agg(anyelement, text, bigint, double precision, similarity_options)
	IS 'for each item of one kind the nearest of another kind by the users they share, of weighted interactions, with options';

CREATE FUNCTION recsys_cross_similarity_trans(internal, anyelement, text, bigint, double precision, timestamptz, similarity_options) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_cross_similarity_trans(internal, anyelement, text, bigint, double precision, timestamptz, similarity_options) IS 'part of cross_similarity_agg()';
CREATE AGGREGATE cross_similarity_agg("user" anyelement, from_item text, to_item bigint, weight double precision, ts timestamptz, options similarity_options) (
	SFUNC = recsys_cross_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final_cross,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE cross_similarity_agg(anyelement, text, bigint, double precision, timestamptz, similarity_options)
	IS 'for each item of one kind the nearest of another kind by the users they share, of weighted interactions with times, with options';

CREATE FUNCTION cross_similarity(
	query text,
	n integer DEFAULT NULL,
	measure text DEFAULT NULL,
	user_power double precision DEFAULT NULL,
	alpha double precision DEFAULT NULL,
	beta double precision DEFAULT NULL,
	shrink double precision DEFAULT NULL,
	min_together bigint DEFAULT NULL,
	min_llr double precision DEFAULT NULL,
	k1 double precision DEFAULT NULL,
	b double precision DEFAULT NULL,
	transform text DEFAULT NULL,
	normalization text DEFAULT NULL,
	prune text DEFAULT NULL,
	max_per_user bigint DEFAULT NULL,
	max_per_item bigint DEFAULT NULL,
	half_life interval DEFAULT NULL,
	as_of timestamptz DEFAULT NULL,
	OUT item bigint,
	OUT neighbour bigint,
	OUT score double precision,
	OUT together bigint
) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'recsys_cross_similarity'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000000 ROWS 100000 SUPPORT recsys_stream_support;
COMMENT ON FUNCTION cross_similarity(text, integer, text, double precision, double precision, double precision, double precision, bigint, double precision, double precision, double precision, text, text, text, bigint, bigint, interval, timestamptz)
	IS 'nearest neighbours of another kind of each item of a query (user, from_item, to_item [, weight [, ts]])';

CREATE FUNCTION cross_similarity(
	from_witness anyelement,
	to_witness anycompatible,
	query text,
	n integer DEFAULT NULL,
	measure text DEFAULT NULL,
	user_power double precision DEFAULT NULL,
	alpha double precision DEFAULT NULL,
	beta double precision DEFAULT NULL,
	shrink double precision DEFAULT NULL,
	min_together bigint DEFAULT NULL,
	min_llr double precision DEFAULT NULL,
	k1 double precision DEFAULT NULL,
	b double precision DEFAULT NULL,
	transform text DEFAULT NULL,
	normalization text DEFAULT NULL,
	prune text DEFAULT NULL,
	max_per_user bigint DEFAULT NULL,
	max_per_item bigint DEFAULT NULL,
	half_life interval DEFAULT NULL,
	as_of timestamptz DEFAULT NULL,
	OUT item anyelement,
	OUT neighbour anycompatible,
	OUT score double precision,
	OUT together bigint
) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'recsys_cross_similarity_as'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000000 ROWS 100000 SUPPORT recsys_stream_support;
COMMENT ON FUNCTION cross_similarity(anyelement, anycompatible, text, integer, text, double precision, double precision, double precision, double precision, bigint, double precision, double precision, double precision, text, text, text, bigint, bigint, interval, timestamptz)
	IS 'nearest neighbours of another kind of each item of a query (user, from_item, to_item [, weight [, ts]]), items of the types of the first arguments';

-- Tags in the place of users.

CREATE FUNCTION recsys_tag_similarity_trans(internal, bigint, tagset) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_tag_similarity_trans(internal, bigint, tagset) IS 'part of tag_similarity_agg()';
CREATE AGGREGATE tag_similarity_agg(item bigint, tags tagset) (
	SFUNC = recsys_tag_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE tag_similarity_agg(bigint, tagset)
	IS 'nearest neighbours of each item by the tags they share, with the default options';

CREATE FUNCTION recsys_tag_similarity_trans(internal, bigint, tagset, similarity_options) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_tag_similarity_trans(internal, bigint, tagset, similarity_options) IS 'part of tag_similarity_agg()';
CREATE AGGREGATE tag_similarity_agg(item bigint, tags tagset, options similarity_options) (
	SFUNC = recsys_tag_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE tag_similarity_agg(bigint, tagset, similarity_options)
	IS 'nearest neighbours of each item by the tags they share, with options';

CREATE FUNCTION recsys_tag_similarity_trans(internal, text, tagset) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_tag_similarity_trans(internal, text, tagset) IS 'part of tag_similarity_agg()';
CREATE AGGREGATE tag_similarity_agg(item text, tags tagset) (
	SFUNC = recsys_tag_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final_text,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE tag_similarity_agg(text, tagset)
	IS 'nearest neighbours of each item by the tags they share, with the default options';

CREATE FUNCTION recsys_tag_similarity_trans(internal, text, tagset, similarity_options) RETURNS internal
AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION recsys_tag_similarity_trans(internal, text, tagset, similarity_options) IS 'part of tag_similarity_agg()';
CREATE AGGREGATE tag_similarity_agg(item text, tags tagset, options similarity_options) (
	SFUNC = recsys_tag_similarity_trans,
	STYPE = internal,
	SSPACE = 1000000,
	FINALFUNC = recsys_similarity_final_text,
	FINALFUNC_MODIFY = READ_WRITE,
	COMBINEFUNC = recsys_similarity_combine,
	SERIALFUNC = recsys_similarity_serialize,
	DESERIALFUNC = recsys_similarity_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE tag_similarity_agg(text, tagset, similarity_options)
	IS 'nearest neighbours of each item by the tags they share, with options';

CREATE FUNCTION tag_similarity(
	query text,
	n integer DEFAULT NULL,
	measure text DEFAULT NULL,
	user_power double precision DEFAULT NULL,
	alpha double precision DEFAULT NULL,
	beta double precision DEFAULT NULL,
	shrink double precision DEFAULT NULL,
	min_together bigint DEFAULT NULL,
	min_llr double precision DEFAULT NULL,
	k1 double precision DEFAULT NULL,
	b double precision DEFAULT NULL,
	transform text DEFAULT NULL,
	normalization text DEFAULT NULL,
	prune text DEFAULT NULL,
	max_per_user bigint DEFAULT NULL,
	max_per_item bigint DEFAULT NULL,
	OUT item bigint,
	OUT neighbour bigint,
	OUT score double precision,
	OUT together bigint
) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'recsys_tag_similarity'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000000 ROWS 100000 SUPPORT recsys_stream_support;
COMMENT ON FUNCTION tag_similarity(text, integer, text, double precision, double precision, double precision, double precision, bigint, double precision, double precision, double precision, text, text, text, bigint, bigint)
	IS 'nearest neighbours of each item of a query (item, tags) by the tags they share';

CREATE FUNCTION tag_similarity(
	witness text,
	query text,
	n integer DEFAULT NULL,
	measure text DEFAULT NULL,
	user_power double precision DEFAULT NULL,
	alpha double precision DEFAULT NULL,
	beta double precision DEFAULT NULL,
	shrink double precision DEFAULT NULL,
	min_together bigint DEFAULT NULL,
	min_llr double precision DEFAULT NULL,
	k1 double precision DEFAULT NULL,
	b double precision DEFAULT NULL,
	transform text DEFAULT NULL,
	normalization text DEFAULT NULL,
	prune text DEFAULT NULL,
	max_per_user bigint DEFAULT NULL,
	max_per_item bigint DEFAULT NULL,
	OUT item text,
	OUT neighbour text,
	OUT score double precision,
	OUT together bigint
) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'recsys_tag_similarity_as'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000000 ROWS 100000 SUPPORT recsys_stream_support;
COMMENT ON FUNCTION tag_similarity(text, text, integer, text, double precision, double precision, double precision, double precision, bigint, double precision, double precision, double precision, text, text, text, bigint, bigint)
	IS 'nearest neighbours of each item of a query (item, tags) by the tags they share, items of the type of the first argument';

CREATE FUNCTION tag_similarity(
	witness anyelement,
	query text,
	n integer DEFAULT NULL,
	measure text DEFAULT NULL,
	user_power double precision DEFAULT NULL,
	alpha double precision DEFAULT NULL,
	beta double precision DEFAULT NULL,
	shrink double precision DEFAULT NULL,
	min_together bigint DEFAULT NULL,
	min_llr double precision DEFAULT NULL,
	k1 double precision DEFAULT NULL,
	b double precision DEFAULT NULL,
	transform text DEFAULT NULL,
	normalization text DEFAULT NULL,
	prune text DEFAULT NULL,
	max_per_user bigint DEFAULT NULL,
	max_per_item bigint DEFAULT NULL,
	OUT item anyelement,
	OUT neighbour anyelement,
	OUT score double precision,
	OUT together bigint
) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'recsys_tag_similarity_as'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000000 ROWS 100000 SUPPORT recsys_stream_support;
COMMENT ON FUNCTION tag_similarity(anyelement, text, integer, text, double precision, double precision, double precision, double precision, bigint, double precision, double precision, double precision, text, text, text, bigint, bigint)
	IS 'nearest neighbours of each item of a query (item, tags) by the tags they share, items of the type of the first argument';
