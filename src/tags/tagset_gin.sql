-- GIN operator class: one entry per tag.

CREATE FUNCTION tagset_gin_extract_value(tagset, internal, internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'recsys_tagset_gin_extract_value'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_gin_extract_value(tagset, internal, internal)
	IS 'GIN support: entries of a tagset';

CREATE FUNCTION tagset_gin_extract_query(tagset, internal, smallint, internal, internal,
		internal, internal)
	RETURNS internal
	AS 'MODULE_PATHNAME', 'recsys_tagset_gin_extract_query'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_gin_extract_query(tagset, internal, smallint, internal, internal,
		internal, internal)
	IS 'GIN support: entries that a search needs';

CREATE FUNCTION tagset_gin_compare_prefix(text, text, smallint, internal) RETURNS integer
	AS 'MODULE_PATHNAME', 'recsys_tagset_gin_compare_prefix'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_gin_compare_prefix(text, text, smallint, internal)
	IS 'GIN support: search by prefix';

CREATE FUNCTION tagset_gin_triconsistent(internal, smallint, tagset, integer, internal,
		internal, internal)
	RETURNS "char"
	AS 'MODULE_PATHNAME', 'recsys_tagset_gin_triconsistent'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_gin_triconsistent(internal, smallint, tagset, integer, internal,
		internal, internal)
	IS 'GIN support: does a row match, from which entries it has';

CREATE OPERATOR CLASS tagset_gin_ops DEFAULT FOR TYPE tagset USING gin AS
	OPERATOR 1 && (tagset, tagset),
	OPERATOR 2 @> (tagset, tagset),
	OPERATOR 3 <@ (tagset, tagset),
	OPERATOR 4 = (tagset, tagset),
	OPERATOR 5 @@ (tagset, tagquery),
	OPERATOR 6 @> (tagset, text),
	FUNCTION 1 pg_catalog.bttext_pattern_cmp(text, text),
	FUNCTION 2 tagset_gin_extract_value(tagset, internal, internal),
	FUNCTION 3 tagset_gin_extract_query(tagset, internal, smallint, internal, internal, internal,
		internal),
	FUNCTION 5 tagset_gin_compare_prefix(text, text, smallint, internal),
	FUNCTION 6 tagset_gin_triconsistent(internal, smallint, tagset, integer, internal, internal,
		internal),
	STORAGE text;
COMMENT ON OPERATOR CLASS tagset_gin_ops USING gin IS 'GIN operator class of tagset: && @> <@ = @@';
COMMENT ON OPERATOR FAMILY tagset_gin_ops USING gin IS 'GIN operators of tagset';
