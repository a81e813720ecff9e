-- Aggregates that make one tagset of many rows.

CREATE FUNCTION tagset_agg_trans(internal, text) RETURNS internal
	AS 'MODULE_PATHNAME', 'recsys_tagset_agg_trans' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION tagset_agg_trans(internal, text) IS 'transition function of tagset_agg';

CREATE FUNCTION tagset_agg_trans(internal, text, double precision) RETURNS internal
	AS 'MODULE_PATHNAME', 'recsys_tagset_agg_weight_trans' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION tagset_agg_trans(internal, text, double precision)
	IS 'transition function of tagset_agg with weights';

CREATE FUNCTION tagset_union_trans(internal, tagset) RETURNS internal
	AS 'MODULE_PATHNAME', 'recsys_tagset_union_trans' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION tagset_union_trans(internal, tagset)
	IS 'transition function of tagset_union_agg';

CREATE FUNCTION tagset_union_trans(internal, tagset, text) RETURNS internal
	AS 'MODULE_PATHNAME', 'recsys_tagset_union_trans' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION tagset_union_trans(internal, tagset, text)
	IS 'transition function of tagset_union_agg';

CREATE FUNCTION tagset_intersect_trans(internal, tagset) RETURNS internal
	AS 'MODULE_PATHNAME', 'recsys_tagset_intersect_trans' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION tagset_intersect_trans(internal, tagset)
	IS 'transition function of tagset_intersect_agg';

CREATE FUNCTION tagset_intersect_trans(internal, tagset, text) RETURNS internal
	AS 'MODULE_PATHNAME', 'recsys_tagset_intersect_trans' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION tagset_intersect_trans(internal, tagset, text)
	IS 'transition function of tagset_intersect_agg';

CREATE FUNCTION tag_profile_trans(internal, tagset, double precision) RETURNS internal
	AS 'MODULE_PATHNAME', 'recsys_tag_profile_trans' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION tag_profile_trans(internal, tagset, double precision)
	IS 'transition function of tag_profile_agg';

CREATE FUNCTION tag_profile_trans(internal, tagset, double precision, timestamptz, interval)
	RETURNS internal
	AS 'MODULE_PATHNAME', 'recsys_tag_profile_trans' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION tag_profile_trans(internal, tagset, double precision, timestamptz, interval)
	IS 'transition function of tag_profile_agg with decay';

CREATE FUNCTION tag_profile_trans(internal, tagset, double precision, timestamptz, interval,
		integer)
	RETURNS internal
	AS 'MODULE_PATHNAME', 'recsys_tag_profile_trans' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION tag_profile_trans(internal, tagset, double precision, timestamptz,
		interval, integer)
	IS 'transition function of tag_profile_agg with decay and limit';

CREATE FUNCTION tagset_agg_combine(internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'recsys_tagset_agg_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION tagset_agg_combine(internal, internal)
	IS 'joins two states of an aggregate over tags';

CREATE FUNCTION tagset_agg_serialize(internal) RETURNS bytea
	AS 'MODULE_PATHNAME', 'recsys_tagset_agg_serialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_agg_serialize(internal) IS 'serializes a state of an aggregate over tags';

CREATE FUNCTION tagset_agg_deserialize(bytea, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'recsys_tagset_agg_deserialize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_agg_deserialize(bytea, internal)
	IS 'deserializes a state of an aggregate over tags';

CREATE FUNCTION tagset_agg_final(internal) RETURNS tagset
	AS 'MODULE_PATHNAME', 'recsys_tagset_agg_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION tagset_agg_final(internal) IS 'result of an aggregate over tags';

CREATE FUNCTION tag_profile_final(internal) RETURNS tagset
	AS 'MODULE_PATHNAME', 'recsys_tag_profile_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION tag_profile_final(internal) IS 'result of tag_profile_agg';

CREATE AGGREGATE tagset_agg(tag text) (
	SFUNC = tagset_agg_trans,
	STYPE = internal,
	SSPACE = 600,
	FINALFUNC = tagset_agg_final,
	COMBINEFUNC = tagset_agg_combine,
	SERIALFUNC = tagset_agg_serialize,
	DESERIALFUNC = tagset_agg_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE tagset_agg(text)
	IS 'the tags of all rows as a set, each with weight 1; NULLs are ignored';

CREATE AGGREGATE tagset_agg(tag text, weight double precision) (
	SFUNC = tagset_agg_trans,
	STYPE = internal,
	SSPACE = 1500,
	FINALFUNC = tagset_agg_final,
	COMBINEFUNC = tagset_agg_combine,
	SERIALFUNC = tagset_agg_serialize,
	DESERIALFUNC = tagset_agg_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE tagset_agg(text, double precision)
	IS 'the tags of all rows as a set, with the weights of each tag added up; tags whose sum is 0 are left out';

CREATE AGGREGATE tagset_union_agg(tags tagset) (
	SFUNC = tagset_union_trans,
	STYPE = internal,
	SSPACE = 2000,
	FINALFUNC = tagset_agg_final,
	COMBINEFUNC = tagset_agg_combine,
	SERIALFUNC = tagset_agg_serialize,
	DESERIALFUNC = tagset_agg_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE tagset_union_agg(tagset)
	IS 'all tags of all sets, each with its greatest weight';

CREATE AGGREGATE tagset_union_agg(tags tagset, weights text) (
	SFUNC = tagset_union_trans,
	STYPE = internal,
	SSPACE = 2000,
	FINALFUNC = tagset_agg_final,
	COMBINEFUNC = tagset_agg_combine,
	SERIALFUNC = tagset_agg_serialize,
	DESERIALFUNC = tagset_agg_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE tagset_union_agg(tagset, text)
	IS 'all tags of all sets, each with the max, min, sum or mean of its weights';

CREATE AGGREGATE tagset_intersect_agg(tags tagset) (
	SFUNC = tagset_intersect_trans,
	STYPE = internal,
	SSPACE = 2000,
	FINALFUNC = tagset_agg_final,
	COMBINEFUNC = tagset_agg_combine,
	SERIALFUNC = tagset_agg_serialize,
	DESERIALFUNC = tagset_agg_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE tagset_intersect_agg(tagset)
	IS 'the tags that all sets have, each with its least weight';

CREATE AGGREGATE tagset_intersect_agg(tags tagset, weights text) (
	SFUNC = tagset_intersect_trans,
	STYPE = internal,
	SSPACE = 2000,
	FINALFUNC = tagset_agg_final,
	COMBINEFUNC = tagset_agg_combine,
	SERIALFUNC = tagset_agg_serialize,
	DESERIALFUNC = tagset_agg_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE tagset_intersect_agg(tagset, text)
	IS 'the tags that all sets have, with the max, min, sum or mean of their weights';

CREATE AGGREGATE tag_profile_agg(tags tagset, weight double precision) (
	SFUNC = tag_profile_trans,
	STYPE = internal,
	SSPACE = 1500,
	FINALFUNC = tag_profile_final,
	COMBINEFUNC = tagset_agg_combine,
	SERIALFUNC = tagset_agg_serialize,
	DESERIALFUNC = tagset_agg_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE tag_profile_agg(tagset, double precision)
	IS 'profile from the tags of everything a customer interacted with: shares of the tags, by the weight of each row';

CREATE AGGREGATE tag_profile_agg(tags tagset, weight double precision, ts timestamptz,
		half_life interval) (
	SFUNC = tag_profile_trans,
	STYPE = internal,
	SSPACE = 1500,
	FINALFUNC = tag_profile_final,
	COMBINEFUNC = tagset_agg_combine,
	SERIALFUNC = tagset_agg_serialize,
	DESERIALFUNC = tagset_agg_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE tag_profile_agg(tagset, double precision, timestamptz, interval)
	IS 'profile in which a row counts half as much as one that is half_life later';

CREATE AGGREGATE tag_profile_agg(tags tagset, weight double precision, ts timestamptz,
		half_life interval, n integer) (
	SFUNC = tag_profile_trans,
	STYPE = internal,
	SSPACE = 1500,
	FINALFUNC = tag_profile_final,
	COMBINEFUNC = tagset_agg_combine,
	SERIALFUNC = tagset_agg_serialize,
	DESERIALFUNC = tagset_agg_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE tag_profile_agg(tagset, double precision, timestamptz, interval, integer)
	IS 'the n heaviest tags of such a profile';
