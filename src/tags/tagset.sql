-- The type tagset: sorted, unique tags, each with a weight.

CREATE TYPE tagset;

CREATE FUNCTION tagset_in(cstring) RETURNS tagset
	AS 'MODULE_PATHNAME', 'recsys_tagset_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_in(cstring) IS 'input function of tagset';

CREATE FUNCTION tagset_out(tagset) RETURNS cstring
	AS 'MODULE_PATHNAME', 'recsys_tagset_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_out(tagset) IS 'output function of tagset';

CREATE FUNCTION tagset_recv(internal) RETURNS tagset
	AS 'MODULE_PATHNAME', 'recsys_tagset_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_recv(internal) IS 'binary input function of tagset';

CREATE FUNCTION tagset_send(tagset) RETURNS bytea
	AS 'MODULE_PATHNAME', 'recsys_tagset_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_send(tagset) IS 'binary output function of tagset';

CREATE FUNCTION tagset_typanalyze(internal) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_tagset_typanalyze' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_typanalyze(internal) IS 'collects statistics of single tags for ANALYZE';

CREATE TYPE tagset (
	INPUT = tagset_in,
	OUTPUT = tagset_out,
	RECEIVE = tagset_recv,
	SEND = tagset_send,
	ANALYZE = tagset_typanalyze,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = int4,
	STORAGE = extended
);
COMMENT ON TYPE tagset
	IS 'sorted, unique tags, each with a weight (default 1): ''female, city:beijing, wine=0.8''';

CREATE FUNCTION tagset(tags text[]) RETURNS tagset
	AS 'MODULE_PATHNAME', 'recsys_tagset_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset(text[]) IS 'tagset of the elements of an array, each with weight 1';

CREATE FUNCTION tagset(tags text[], weights double precision[]) RETURNS tagset
	AS 'MODULE_PATHNAME', 'recsys_tagset_from_arrays' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset(text[], double precision[])
	IS 'tagset of the elements of an array with the weights of the other';

CREATE FUNCTION tagset(tags jsonb) RETURNS tagset
	AS 'MODULE_PATHNAME', 'recsys_tagset_from_jsonb' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset(jsonb)
	IS 'tagset of an object of weights by tag, or of an array of strings';

CREATE FUNCTION tagset_to_array(tagset) RETURNS text[]
	AS 'MODULE_PATHNAME', 'recsys_tagset_to_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_to_array(tagset) IS 'the tags in order, without their weights';

CREATE CAST (text[] AS tagset) WITH FUNCTION tagset(text[]) AS ASSIGNMENT;
COMMENT ON CAST (text[] AS tagset) IS 'tags of weight 1';

CREATE CAST (jsonb AS tagset) WITH FUNCTION tagset(jsonb);
COMMENT ON CAST (jsonb AS tagset) IS 'weights by tag, or an array of tags';

CREATE CAST (tagset AS text[]) WITH FUNCTION tagset_to_array(tagset) AS ASSIGNMENT;
COMMENT ON CAST (tagset AS text[]) IS 'the tags without their weights';
