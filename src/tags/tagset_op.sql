-- Operators and functions on tagsets, with the btree and hash operator classes.

CREATE FUNCTION tagset_sel(internal, oid, internal, integer) RETURNS double precision
	AS 'MODULE_PATHNAME', 'recsys_tagset_sel' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_sel(internal, oid, internal, integer)
	IS 'restriction selectivity of @@ && @> <@';

CREATE FUNCTION tagset_match_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'recsys_tagset_match_support' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_match_support(internal)
	IS 'planner support: how an index is asked for @@';

CREATE FUNCTION tagset_match(tagset, tagquery) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_tagset_match'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 3 SUPPORT tagset_match_support;
COMMENT ON FUNCTION tagset_match(tagset, tagquery) IS 'implementation of the @@ operator';

CREATE FUNCTION tagquery_match(tagquery, tagset) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_tagquery_match' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 3;
COMMENT ON FUNCTION tagquery_match(tagquery, tagset) IS 'implementation of the @@ operator';

CREATE OPERATOR @@ (LEFTARG = tagset, RIGHTARG = tagquery, FUNCTION = tagset_match,
	COMMUTATOR = @@, RESTRICT = tagset_sel, JOIN = pg_catalog.matchingjoinsel);
COMMENT ON OPERATOR @@ (tagset, tagquery) IS 'the set satisfies the query';

CREATE OPERATOR @@ (LEFTARG = tagquery, RIGHTARG = tagset, FUNCTION = tagquery_match,
	COMMUTATOR = @@, RESTRICT = tagset_sel, JOIN = pg_catalog.matchingjoinsel);
COMMENT ON OPERATOR @@ (tagquery, tagset) IS 'the set satisfies the query';

CREATE FUNCTION tagset_overlaps(tagset, tagset) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_tagset_overlaps' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION tagset_overlaps(tagset, tagset) IS 'implementation of the && operator';

CREATE FUNCTION tagset_contains(tagset, tagset) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_tagset_contains' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION tagset_contains(tagset, tagset) IS 'implementation of the @> operator';

CREATE FUNCTION tagset_contained(tagset, tagset) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_tagset_contained'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION tagset_contained(tagset, tagset) IS 'implementation of the <@ operator';

CREATE FUNCTION tagset_has(tagset, text) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_tagset_has' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_has(tagset, text) IS 'implementation of the @> operator';

CREATE FUNCTION tag_in(text, tagset) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_tag_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tag_in(text, tagset) IS 'implementation of the <@ operator';

CREATE OPERATOR && (LEFTARG = tagset, RIGHTARG = tagset, FUNCTION = tagset_overlaps,
	COMMUTATOR = &&, RESTRICT = tagset_sel, JOIN = pg_catalog.contjoinsel);
COMMENT ON OPERATOR && (tagset, tagset) IS 'the sets have a tag in common';

CREATE OPERATOR @> (LEFTARG = tagset, RIGHTARG = tagset, FUNCTION = tagset_contains,
	COMMUTATOR = <@, RESTRICT = tagset_sel, JOIN = pg_catalog.contjoinsel);
COMMENT ON OPERATOR @> (tagset, tagset) IS 'the left set contains all tags of the right one';

CREATE OPERATOR <@ (LEFTARG = tagset, RIGHTARG = tagset, FUNCTION = tagset_contained,
	COMMUTATOR = @>, RESTRICT = tagset_sel, JOIN = pg_catalog.contjoinsel);
COMMENT ON OPERATOR <@ (tagset, tagset) IS 'the right set contains all tags of the left one';

CREATE OPERATOR @> (LEFTARG = tagset, RIGHTARG = text, FUNCTION = tagset_has,
	COMMUTATOR = <@, RESTRICT = tagset_sel, JOIN = pg_catalog.contjoinsel);
COMMENT ON OPERATOR @> (tagset, text) IS 'the set contains the tag';

CREATE OPERATOR <@ (LEFTARG = text, RIGHTARG = tagset, FUNCTION = tag_in,
	COMMUTATOR = @>, RESTRICT = tagset_sel, JOIN = pg_catalog.contjoinsel);
COMMENT ON OPERATOR <@ (text, tagset) IS 'the set contains the tag';

CREATE FUNCTION tagset_eq(tagset, tagset) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_tagset_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_eq(tagset, tagset) IS 'implementation of the = operator';

CREATE FUNCTION tagset_ne(tagset, tagset) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_tagset_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_ne(tagset, tagset) IS 'implementation of the <> operator';

CREATE FUNCTION tagset_lt(tagset, tagset) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_tagset_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_lt(tagset, tagset) IS 'implementation of the < operator';

CREATE FUNCTION tagset_le(tagset, tagset) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_tagset_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_le(tagset, tagset) IS 'implementation of the <= operator';

CREATE FUNCTION tagset_gt(tagset, tagset) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_tagset_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_gt(tagset, tagset) IS 'implementation of the > operator';

CREATE FUNCTION tagset_ge(tagset, tagset) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_tagset_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_ge(tagset, tagset) IS 'implementation of the >= operator';

CREATE OPERATOR = (LEFTARG = tagset, RIGHTARG = tagset, FUNCTION = tagset_eq,
	COMMUTATOR = =, NEGATOR = <>,
	RESTRICT = pg_catalog.eqsel, JOIN = pg_catalog.eqjoinsel, HASHES, MERGES);
COMMENT ON OPERATOR = (tagset, tagset) IS 'equal tags with equal weights';

CREATE OPERATOR <> (LEFTARG = tagset, RIGHTARG = tagset, FUNCTION = tagset_ne,
	COMMUTATOR = <>, NEGATOR = =, RESTRICT = pg_catalog.neqsel, JOIN = pg_catalog.neqjoinsel);
COMMENT ON OPERATOR <> (tagset, tagset) IS 'different tags or weights';

CREATE OPERATOR < (LEFTARG = tagset, RIGHTARG = tagset, FUNCTION = tagset_lt,
	COMMUTATOR = >, NEGATOR = >=,
	RESTRICT = pg_catalog.scalarltsel, JOIN = pg_catalog.scalarltjoinsel);
COMMENT ON OPERATOR < (tagset, tagset) IS 'before, tag by tag';

CREATE OPERATOR <= (LEFTARG = tagset, RIGHTARG = tagset, FUNCTION = tagset_le,
	COMMUTATOR = >=, NEGATOR = >,
	RESTRICT = pg_catalog.scalarlesel, JOIN = pg_catalog.scalarlejoinsel);
COMMENT ON OPERATOR <= (tagset, tagset) IS 'before or equal, tag by tag';

CREATE OPERATOR > (LEFTARG = tagset, RIGHTARG = tagset, FUNCTION = tagset_gt,
	COMMUTATOR = <, NEGATOR = <=,
	RESTRICT = pg_catalog.scalargtsel, JOIN = pg_catalog.scalargtjoinsel);
COMMENT ON OPERATOR > (tagset, tagset) IS 'after, tag by tag';

CREATE OPERATOR >= (LEFTARG = tagset, RIGHTARG = tagset, FUNCTION = tagset_ge,
	COMMUTATOR = <=, NEGATOR = <,
	RESTRICT = pg_catalog.scalargesel, JOIN = pg_catalog.scalargejoinsel);
COMMENT ON OPERATOR >= (tagset, tagset) IS 'after or equal, tag by tag';

CREATE FUNCTION tagset_cmp(tagset, tagset) RETURNS integer
	AS 'MODULE_PATHNAME', 'recsys_tagset_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_cmp(tagset, tagset) IS 'less, equal, greater: -, 0, +';

CREATE FUNCTION tagset_hash(tagset) RETURNS integer
	AS 'MODULE_PATHNAME', 'recsys_tagset_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_hash(tagset) IS 'hash of a tagset';

CREATE FUNCTION tagset_hash_extended(tagset, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'recsys_tagset_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_hash_extended(tagset, bigint) IS '64-bit hash of a tagset';

CREATE OPERATOR CLASS tagset_ops DEFAULT FOR TYPE tagset USING btree AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 tagset_cmp(tagset, tagset);
COMMENT ON OPERATOR CLASS tagset_ops USING btree IS 'btree operator class of tagset';
COMMENT ON OPERATOR FAMILY tagset_ops USING btree IS 'btree operators of tagset';

CREATE OPERATOR CLASS tagset_hash_ops DEFAULT FOR TYPE tagset USING hash AS
	OPERATOR 1 =,
	FUNCTION 1 tagset_hash(tagset),
	FUNCTION 2 tagset_hash_extended(tagset, bigint);
COMMENT ON OPERATOR CLASS tagset_hash_ops USING hash IS 'hash operator class of tagset';
COMMENT ON OPERATOR FAMILY tagset_hash_ops USING hash IS 'hash operators of tagset';

CREATE FUNCTION tagset_union(tagset, tagset) RETURNS tagset
	AS 'MODULE_PATHNAME', 'recsys_tagset_union' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_union(tagset, tagset) IS 'implementation of the | operator';

CREATE OPERATOR | (LEFTARG = tagset, RIGHTARG = tagset, FUNCTION = tagset_union, COMMUTATOR = |);
COMMENT ON OPERATOR | (tagset, tagset) IS 'all tags of both sets, with the greater of two weights';

CREATE FUNCTION tagset_intersect(tagset, tagset) RETURNS tagset
	AS 'MODULE_PATHNAME', 'recsys_tagset_intersect' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_intersect(tagset, tagset) IS 'implementation of the & operator';

CREATE OPERATOR & (LEFTARG = tagset, RIGHTARG = tagset, FUNCTION = tagset_intersect,
	COMMUTATOR = &);
COMMENT ON OPERATOR & (tagset, tagset) IS 'tags in both sets, with the smaller of two weights';

CREATE FUNCTION tagset_minus(tagset, tagset) RETURNS tagset
	AS 'MODULE_PATHNAME', 'recsys_tagset_minus' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tagset_minus(tagset, tagset) IS 'implementation of the - operator';

CREATE OPERATOR - (LEFTARG = tagset, RIGHTARG = tagset, FUNCTION = tagset_minus);
COMMENT ON OPERATOR - (tagset, tagset) IS 'tags of the left set that are not in the right one';

CREATE FUNCTION cosine_distance(tagset, tagset) RETURNS double precision
	AS 'MODULE_PATHNAME', 'recsys_tagset_cosine_distance'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION cosine_distance(tagset, tagset)
	IS '1 - cosine of the weights, 0 to 2; 1 if one set is empty, 0 if both are';

CREATE FUNCTION jaccard_distance(tagset, tagset) RETURNS double precision
	AS 'MODULE_PATHNAME', 'recsys_tagset_jaccard_distance'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION jaccard_distance(tagset, tagset)
	IS '1 - share of common tags among all, weights aside; 0 for two empty sets';

CREATE OPERATOR <=> (LEFTARG = tagset, RIGHTARG = tagset, FUNCTION = cosine_distance,
	COMMUTATOR = <=>);
COMMENT ON OPERATOR <=> (tagset, tagset) IS 'cosine distance of the weights';

CREATE OPERATOR <-> (LEFTARG = tagset, RIGHTARG = tagset, FUNCTION = jaccard_distance,
	COMMUTATOR = <->);
COMMENT ON OPERATOR <-> (tagset, tagset) IS 'Jaccard distance of the tags';

CREATE FUNCTION tag_count(tagset) RETURNS integer
	AS 'MODULE_PATHNAME', 'recsys_tag_count' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tag_count(tagset) IS 'number of tags';

CREATE FUNCTION tag_weight(tags tagset, tag text) RETURNS real
	AS 'MODULE_PATHNAME', 'recsys_tag_weight' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tag_weight(tagset, text) IS 'weight of a tag; NULL if the set does not contain it';

CREATE FUNCTION tag_filter(tags tagset, prefix text) RETURNS tagset
	AS 'MODULE_PATHNAME', 'recsys_tag_filter' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tag_filter(tagset, text) IS 'the tags that start with a prefix';

CREATE FUNCTION tag_top(tags tagset, n integer) RETURNS tagset
	AS 'MODULE_PATHNAME', 'recsys_tag_top' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION tag_top(tagset, integer)
	IS 'the n heaviest tags; of equally heavy ones those that sort first';

CREATE FUNCTION tags(tags tagset, OUT tag text, OUT weight real) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'recsys_tags' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 15;
COMMENT ON FUNCTION tags(tagset) IS 'one row per tag with its weight, in order';
