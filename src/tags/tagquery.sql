-- The type tagquery: boolean queries over tags.

CREATE TYPE tagquery;

CREATE FUNCTION tagquery_in(cstring) RETURNS tagquery
	AS 'MODULE_PATHNAME', 'recsys_tagquery_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagquery_in(cstring) IS 'input function of tagquery';

CREATE FUNCTION tagquery_out(tagquery) RETURNS cstring
	AS 'MODULE_PATHNAME', 'recsys_tagquery_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagquery_out(tagquery) IS 'output function of tagquery';

CREATE FUNCTION tagquery_recv(internal) RETURNS tagquery
	AS 'MODULE_PATHNAME', 'recsys_tagquery_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagquery_recv(internal) IS 'binary input function of tagquery';

CREATE FUNCTION tagquery_send(tagquery) RETURNS bytea
	AS 'MODULE_PATHNAME', 'recsys_tagquery_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagquery_send(tagquery) IS 'binary output function of tagquery';

CREATE TYPE tagquery (
	INPUT = tagquery_in,
	OUTPUT = tagquery_out,
	RECEIVE = tagquery_recv,
	SEND = tagquery_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = int4,
	STORAGE = extended
);
COMMENT ON TYPE tagquery
	IS 'boolean query over tags: ''buy:* & (area:east | wine>0.5) & !risk:refund''';

CREATE FUNCTION tagquery_and(tagquery, tagquery) RETURNS tagquery
	AS 'MODULE_PATHNAME', 'recsys_tagquery_and' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagquery_and(tagquery, tagquery) IS 'implementation of the && operator';

CREATE FUNCTION tagquery_or(tagquery, tagquery) RETURNS tagquery
	AS 'MODULE_PATHNAME', 'recsys_tagquery_or' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagquery_or(tagquery, tagquery) IS 'implementation of the || operator';

CREATE FUNCTION tagquery_not(tagquery) RETURNS tagquery
	AS 'MODULE_PATHNAME', 'recsys_tagquery_not' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagquery_not(tagquery) IS 'implementation of the !! operator';

CREATE OPERATOR && (LEFTARG = tagquery, RIGHTARG = tagquery, FUNCTION = tagquery_and);
COMMENT ON OPERATOR && (tagquery, tagquery) IS 'both queries';

CREATE OPERATOR || (LEFTARG = tagquery, RIGHTARG = tagquery, FUNCTION = tagquery_or);
COMMENT ON OPERATOR || (tagquery, tagquery) IS 'either query';

CREATE OPERATOR !! (RIGHTARG = tagquery, FUNCTION = tagquery_not);
COMMENT ON OPERATOR !! (NONE, tagquery) IS 'not the query';

CREATE FUNCTION tagquery_eq(tagquery, tagquery) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_tagquery_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagquery_eq(tagquery, tagquery) IS 'implementation of the = operator';

CREATE FUNCTION tagquery_ne(tagquery, tagquery) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_tagquery_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagquery_ne(tagquery, tagquery) IS 'implementation of the <> operator';

CREATE FUNCTION tagquery_hash(tagquery) RETURNS integer
	AS 'MODULE_PATHNAME', 'recsys_tagquery_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagquery_hash(tagquery) IS 'hash of a tagquery';

CREATE FUNCTION tagquery_hash_extended(tagquery, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'recsys_tagquery_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagquery_hash_extended(tagquery, bigint) IS '64-bit hash of a tagquery';

CREATE OPERATOR = (LEFTARG = tagquery, RIGHTARG = tagquery, FUNCTION = tagquery_eq,
	COMMUTATOR = =, NEGATOR = <>, RESTRICT = pg_catalog.eqsel, JOIN = pg_catalog.eqjoinsel, HASHES);
COMMENT ON OPERATOR = (tagquery, tagquery) IS 'written the same after simplification';

CREATE OPERATOR <> (LEFTARG = tagquery, RIGHTARG = tagquery, FUNCTION = tagquery_ne,
	COMMUTATOR = <>, NEGATOR = =, RESTRICT = pg_catalog.neqsel, JOIN = pg_catalog.neqjoinsel);
COMMENT ON OPERATOR <> (tagquery, tagquery) IS 'not written the same after simplification';

CREATE OPERATOR CLASS tagquery_hash_ops DEFAULT FOR TYPE tagquery USING hash AS
	OPERATOR 1 =,
	FUNCTION 1 tagquery_hash(tagquery),
	FUNCTION 2 tagquery_hash_extended(tagquery, bigint);
COMMENT ON OPERATOR CLASS tagquery_hash_ops USING hash IS 'hash operator class of tagquery';
COMMENT ON OPERATOR FAMILY tagquery_hash_ops USING hash IS 'hash operators of tagquery';
