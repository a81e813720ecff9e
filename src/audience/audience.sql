-- audience: sets of bigint ids.  C: src/audience/.

CREATE TYPE audience;

CREATE FUNCTION audience_in(cstring) RETURNS audience
	AS 'MODULE_PATHNAME', 'recsys_audience_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION audience_in(cstring) IS 'input of audience';

CREATE FUNCTION audience_out(audience) RETURNS cstring
	AS 'MODULE_PATHNAME', 'recsys_audience_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION audience_out(audience) IS 'output of audience';

CREATE FUNCTION audience_recv(internal) RETURNS audience
	AS 'MODULE_PATHNAME', 'recsys_audience_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION audience_recv(internal) IS 'binary input of audience';

CREATE FUNCTION audience_send(audience) RETURNS bytea
	AS 'MODULE_PATHNAME', 'recsys_audience_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION audience_send(audience) IS 'binary output of audience';

-- not compressed again: containers are, and pieces of them are read by themselves
CREATE TYPE audience (
	INPUT = audience_in,
	OUTPUT = audience_out,
	RECEIVE = audience_recv,
	SEND = audience_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = double,
	STORAGE = external
);
COMMENT ON TYPE audience IS 'compressed set of bigint ids, such as {1,5,7-12}';

-- conversion

CREATE FUNCTION audience(ids bigint[]) RETURNS audience
	AS 'MODULE_PATHNAME', 'recsys_audience_from_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION audience(ids bigint[]) IS 'audience of the elements of an array';

CREATE FUNCTION audience_to_array(audience) RETURNS bigint[]
	AS 'MODULE_PATHNAME', 'recsys_audience_to_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION audience_to_array(audience) IS 'ids of an audience, ascending, as an array';

CREATE FUNCTION audience_import(portable bytea) RETURNS audience
	AS 'MODULE_PATHNAME', 'recsys_audience_import' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION audience_import(portable bytea) IS 'audience of a portable 64-bit Roaring serialization';

CREATE FUNCTION audience_export(audience) RETURNS bytea
	AS 'MODULE_PATHNAME', 'recsys_audience_export' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION audience_export(audience) IS 'portable 64-bit Roaring serialization of an audience';

CREATE CAST (bigint[] AS audience) WITH FUNCTION audience(bigint[]);
COMMENT ON CAST (bigint[] AS audience) IS 'audience of the elements of an array';

CREATE CAST (audience AS bigint[]) WITH FUNCTION audience_to_array(audience);
COMMENT ON CAST (audience AS bigint[]) IS 'ids of an audience, ascending, as an array';

-- algebra

CREATE FUNCTION audience_and(audience, audience) RETURNS audience
	AS 'MODULE_PATHNAME', 'recsys_audience_and' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 500;
COMMENT ON FUNCTION audience_and(audience, audience) IS 'ids in both audiences';

CREATE FUNCTION audience_or(audience, audience) RETURNS audience
	AS 'MODULE_PATHNAME', 'recsys_audience_or' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 500;
COMMENT ON FUNCTION audience_or(audience, audience) IS 'ids in either audience';

CREATE FUNCTION audience_xor(audience, audience) RETURNS audience
	AS 'MODULE_PATHNAME', 'recsys_audience_xor' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 500;
COMMENT ON FUNCTION audience_xor(audience, audience) IS 'ids in one of the audiences, not in both';

CREATE FUNCTION audience_andnot(audience, audience) RETURNS audience
	AS 'MODULE_PATHNAME', 'recsys_audience_andnot' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 500;
COMMENT ON FUNCTION audience_andnot(audience, audience) IS 'ids in the first audience, not in the second';

CREATE FUNCTION audience_and_count(audience, audience) RETURNS bigint
	AS 'MODULE_PATHNAME', 'recsys_audience_and_count' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 300;
COMMENT ON FUNCTION audience_and_count(audience, audience) IS 'number of ids in both audiences';

CREATE FUNCTION audience_or_count(audience, audience) RETURNS bigint
	AS 'MODULE_PATHNAME', 'recsys_audience_or_count' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 300;
COMMENT ON FUNCTION audience_or_count(audience, audience) IS 'number of ids in either audience';

CREATE FUNCTION audience_xor_count(audience, audience) RETURNS bigint
	AS 'MODULE_PATHNAME', 'recsys_audience_xor_count' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 300;
COMMENT ON FUNCTION audience_xor_count(audience, audience) IS 'number of ids in one of the audiences, not in both';

CREATE FUNCTION audience_andnot_count(audience, audience) RETURNS bigint
	AS 'MODULE_PATHNAME', 'recsys_audience_andnot_count' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 300;
COMMENT ON FUNCTION audience_andnot_count(audience, audience) IS 'number of ids in the first audience, not in the second';

CREATE FUNCTION audience_and_count(audience, audience, VARIADIC "any") RETURNS bigint
	AS 'MODULE_PATHNAME', 'recsys_audience_and_count_many' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 500;
COMMENT ON FUNCTION audience_and_count(audience, audience, VARIADIC "any") IS 'number of ids in all of the audiences';

CREATE FUNCTION audience_or_count(audience, audience, VARIADIC "any") RETURNS bigint
	AS 'MODULE_PATHNAME', 'recsys_audience_or_count_many' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION audience_or_count(audience, audience, VARIADIC "any") IS 'number of ids in any of the audiences';

CREATE FUNCTION audience_jaccard(audience, audience) RETURNS double precision
	AS 'MODULE_PATHNAME', 'recsys_audience_jaccard' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 300;
COMMENT ON FUNCTION audience_jaccard(audience, audience) IS 'ids in both as a share of the ids in either; NULL if both are empty';

-- comparison

CREATE FUNCTION audience_contains(audience, audience) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_audience_contains' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION audience_contains(audience, audience) IS 'does the first audience contain all of the second';

CREATE FUNCTION audience_contained(audience, audience) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_audience_contained' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200;
COMMENT ON FUNCTION audience_contained(audience, audience) IS 'is all of the first audience in the second';

CREATE FUNCTION audience_contains(audience, bigint) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_audience_contains_id' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION audience_contains(audience, bigint) IS 'is the id in the audience';

CREATE FUNCTION audience_contained(bigint, audience) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_audience_id_contained' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION audience_contained(bigint, audience) IS 'is the id in the audience';

CREATE FUNCTION audience_contains(audience, integer) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_audience_contains_int4' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION audience_contains(audience, integer) IS 'is the id in the audience';

CREATE FUNCTION audience_contained(integer, audience) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_audience_int4_contained' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION audience_contained(integer, audience) IS 'is the id in the audience';

CREATE FUNCTION audience_overlaps(audience, audience) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_audience_overlaps' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION audience_overlaps(audience, audience) IS 'have the audiences an id in common';

CREATE FUNCTION audience_eq(audience, audience) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_audience_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION audience_eq(audience, audience) IS 'equal';

CREATE FUNCTION audience_ne(audience, audience) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_audience_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION audience_ne(audience, audience) IS 'not equal';

CREATE FUNCTION audience_lt(audience, audience) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_audience_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION audience_lt(audience, audience) IS 'less than';

CREATE FUNCTION audience_le(audience, audience) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_audience_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION audience_le(audience, audience) IS 'less than or equal';

CREATE FUNCTION audience_gt(audience, audience) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_audience_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION audience_gt(audience, audience) IS 'greater than';

CREATE FUNCTION audience_ge(audience, audience) RETURNS boolean
	AS 'MODULE_PATHNAME', 'recsys_audience_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION audience_ge(audience, audience) IS 'greater than or equal';

CREATE FUNCTION audience_cmp(audience, audience) RETURNS integer
	AS 'MODULE_PATHNAME', 'recsys_audience_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION audience_cmp(audience, audience) IS 'order of audiences: by number of ids, then by content';

CREATE FUNCTION audience_hash(audience) RETURNS integer
	AS 'MODULE_PATHNAME', 'recsys_audience_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION audience_hash(audience) IS 'hash';

CREATE FUNCTION audience_hash_extended(audience, bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'recsys_audience_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION audience_hash_extended(audience, bigint) IS 'hash with a seed';

CREATE FUNCTION audience_id_sel(internal, oid, internal, integer) RETURNS double precision
	AS 'MODULE_PATHNAME', 'recsys_audience_id_sel' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION audience_id_sel(internal, oid, internal, integer) IS 'restriction estimator of membership in an audience';

CREATE OPERATOR & (
	LEFTARG = audience,
	RIGHTARG = audience,
	FUNCTION = audience_and,
	COMMUTATOR = &
);
COMMENT ON OPERATOR & (audience, audience) IS 'ids in both';

CREATE OPERATOR | (
	LEFTARG = audience,
	RIGHTARG = audience,
	FUNCTION = audience_or,
	COMMUTATOR = |
);
COMMENT ON OPERATOR | (audience, audience) IS 'ids in either';

CREATE OPERATOR # (
	LEFTARG = audience,
	RIGHTARG = audience,
	FUNCTION = audience_xor,
	COMMUTATOR = #
);
COMMENT ON OPERATOR # (audience, audience) IS 'ids in one, not in both';

CREATE OPERATOR - (
	LEFTARG = audience,
	RIGHTARG = audience,
	FUNCTION = audience_andnot
);
COMMENT ON OPERATOR - (audience, audience) IS 'ids in the first, not in the second';

CREATE OPERATOR @> (
	LEFTARG = audience,
	RIGHTARG = audience,
	FUNCTION = audience_contains,
	COMMUTATOR = <@,
	RESTRICT = contsel,
	JOIN = contjoinsel
);
COMMENT ON OPERATOR @> (audience, audience) IS 'contains';

CREATE OPERATOR <@ (
	LEFTARG = audience,
	RIGHTARG = audience,
	FUNCTION = audience_contained,
	COMMUTATOR = @>,
	RESTRICT = contsel,
	JOIN = contjoinsel
);
COMMENT ON OPERATOR <@ (audience, audience) IS 'is contained in';

CREATE OPERATOR @> (
	LEFTARG = audience,
	RIGHTARG = bigint,
	FUNCTION = audience_contains,
	COMMUTATOR = <@,
	RESTRICT = audience_id_sel,
	JOIN = contjoinsel
);
COMMENT ON OPERATOR @> (audience, bigint) IS 'contains the id';

CREATE OPERATOR <@ (
	LEFTARG = bigint,
	RIGHTARG = audience,
	FUNCTION = audience_contained,
	COMMUTATOR = @>,
	RESTRICT = audience_id_sel,
	JOIN = contjoinsel
);
COMMENT ON OPERATOR <@ (bigint, audience) IS 'is the id in the audience';

CREATE OPERATOR @> (
	LEFTARG = audience,
	RIGHTARG = integer,
	FUNCTION = audience_contains,
	COMMUTATOR = <@,
	RESTRICT = audience_id_sel,
	JOIN = contjoinsel
);
COMMENT ON OPERATOR @> (audience, integer) IS 'contains the id';

CREATE OPERATOR <@ (
	LEFTARG = integer,
	RIGHTARG = audience,
	FUNCTION = audience_contained,
	COMMUTATOR = @>,
	RESTRICT = audience_id_sel,
	JOIN = contjoinsel
);
COMMENT ON OPERATOR <@ (integer, audience) IS 'is the id in the audience';

CREATE OPERATOR && (
	LEFTARG = audience,
	RIGHTARG = audience,
	FUNCTION = audience_overlaps,
	COMMUTATOR = &&,
	RESTRICT = contsel,
	JOIN = contjoinsel
);
COMMENT ON OPERATOR && (audience, audience) IS 'have an id in common';

CREATE OPERATOR = (
	LEFTARG = audience,
	RIGHTARG = audience,
	FUNCTION = audience_eq,
	COMMUTATOR = =,
	NEGATOR = <>,
	RESTRICT = eqsel,
	JOIN = eqjoinsel,
	HASHES,
	MERGES
);
COMMENT ON OPERATOR = (audience, audience) IS 'equal';

CREATE OPERATOR <> (
	LEFTARG = audience,
	RIGHTARG = audience,
	FUNCTION = audience_ne,
	COMMUTATOR = <>,
	NEGATOR = =,
	RESTRICT = neqsel,
	JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (audience, audience) IS 'not equal';

CREATE OPERATOR < (
	LEFTARG = audience,
	RIGHTARG = audience,
	FUNCTION = audience_lt,
	COMMUTATOR = >,
	NEGATOR = >=,
	RESTRICT = scalarltsel,
	JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (audience, audience) IS 'less than';

CREATE OPERATOR <= (
	LEFTARG = audience,
	RIGHTARG = audience,
	FUNCTION = audience_le,
	COMMUTATOR = >=,
	NEGATOR = >,
	RESTRICT = scalarlesel,
	JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (audience, audience) IS 'less than or equal';

CREATE OPERATOR > (
	LEFTARG = audience,
	RIGHTARG = audience,
	FUNCTION = audience_gt,
	COMMUTATOR = <,
	NEGATOR = <=,
	RESTRICT = scalargtsel,
	JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (audience, audience) IS 'greater than';

CREATE OPERATOR >= (
	LEFTARG = audience,
	RIGHTARG = audience,
	FUNCTION = audience_ge,
	COMMUTATOR = <=,
	NEGATOR = <,
	RESTRICT = scalargesel,
	JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (audience, audience) IS 'greater than or equal';

CREATE OPERATOR CLASS audience_ops DEFAULT FOR TYPE audience USING btree AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 audience_cmp(audience, audience);
COMMENT ON OPERATOR CLASS audience_ops USING btree IS 'order of audiences: by number of ids, then by content';
COMMENT ON OPERATOR FAMILY audience_ops USING btree IS 'order of audiences';

CREATE OPERATOR CLASS audience_ops DEFAULT FOR TYPE audience USING hash AS
	OPERATOR 1 =,
	FUNCTION 1 audience_hash(audience),
	FUNCTION 2 audience_hash_extended(audience, bigint);
COMMENT ON OPERATOR CLASS audience_ops USING hash IS 'equality of audiences';
COMMENT ON OPERATOR FAMILY audience_ops USING hash IS 'equality of audiences';

-- single ids

CREATE FUNCTION cardinality(audience) RETURNS bigint
	AS 'MODULE_PATHNAME', 'recsys_audience_cardinality' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION cardinality(audience) IS 'number of ids; reads only the first bytes of the value';

CREATE FUNCTION audience_min(audience) RETURNS bigint
	AS 'MODULE_PATHNAME', 'recsys_audience_min' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION audience_min(audience) IS 'smallest id; NULL if there is none';

CREATE FUNCTION audience_max(audience) RETURNS bigint
	AS 'MODULE_PATHNAME', 'recsys_audience_max' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION audience_max(audience) IS 'largest id; NULL if there is none';

CREATE FUNCTION audience_nth(audience, n bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'recsys_audience_nth' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION audience_nth(audience, n bigint) IS 'n-th id in ascending order, counted from 1, or from the end if n is negative; NULL if there is none';

CREATE FUNCTION audience_rank(audience, id bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'recsys_audience_rank' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION audience_rank(audience, id bigint) IS 'number of ids less than or equal to one';

CREATE FUNCTION audience_slice(audience, first bigint, last bigint DEFAULT NULL) RETURNS audience
	AS 'MODULE_PATHNAME', 'recsys_audience_slice' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 50;
COMMENT ON FUNCTION audience_slice(audience, bigint, bigint) IS 'ids from first to last, inclusive; NULL means no limit';

CREATE FUNCTION audience_members_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME', 'recsys_audience_members_support' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION audience_members_support(internal) IS 'planner support of audience_members';

CREATE FUNCTION audience_members(audience, after bigint DEFAULT NULL, n bigint DEFAULT NULL) RETURNS SETOF bigint
	AS 'MODULE_PATHNAME', 'recsys_audience_members' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 10000 SUPPORT audience_members_support;
COMMENT ON FUNCTION audience_members(audience, bigint, bigint) IS 'ids in ascending order, greater than after if given, at most n if given';

-- aggregates

CREATE FUNCTION audience_agg_step(audience, bigint) RETURNS audience
	AS 'MODULE_PATHNAME', 'recsys_audience_agg_step' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION audience_agg_step(audience, bigint) IS 'adds an id to a state; NULL is ignored';

CREATE FUNCTION audience_union_step(audience, audience) RETURNS audience
	AS 'MODULE_PATHNAME', 'recsys_audience_union_step' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 300;
COMMENT ON FUNCTION audience_union_step(audience, audience) IS 'adds an audience or another state to a state; NULL is ignored';

CREATE FUNCTION audience_intersect_step(audience, audience) RETURNS audience
	AS 'MODULE_PATHNAME', 'recsys_audience_intersect_step' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 300;
COMMENT ON FUNCTION audience_intersect_step(audience, audience) IS 'intersects a state with an audience or another state; NULL is ignored';

CREATE FUNCTION audience_agg_final(audience) RETURNS audience
	AS 'MODULE_PATHNAME', 'recsys_audience_agg_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 300;
COMMENT ON FUNCTION audience_agg_final(audience) IS 'audience of a state; empty for NULL';

CREATE FUNCTION audience_agg_count(audience) RETURNS bigint
	AS 'MODULE_PATHNAME', 'recsys_audience_agg_count' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION audience_agg_count(audience) IS 'number of ids in a state; 0 for NULL';

CREATE AGGREGATE audience_agg(id bigint) (
	SFUNC = audience_agg_step,
	STYPE = audience,
	SSPACE = 320,
	FINALFUNC = audience_agg_final,
	COMBINEFUNC = audience_union_step,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE audience_agg(id bigint) IS 'audience of all ids; NULLs are ignored, empty if there are no rows';

CREATE AGGREGATE audience_count_agg(id bigint) (
	SFUNC = audience_agg_step,
	STYPE = audience,
	SSPACE = 320,
	FINALFUNC = audience_agg_count,
	COMBINEFUNC = audience_union_step,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE audience_count_agg(id bigint) IS 'exact number of different ids';

CREATE AGGREGATE audience_union_agg(audience) (
	SFUNC = audience_union_step,
	STYPE = audience,
	SSPACE = 1024,
	FINALFUNC = audience_agg_final,
	COMBINEFUNC = audience_union_step,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE audience_union_agg(audience) IS 'union of all audiences; empty if there are no rows';

CREATE AGGREGATE audience_union_count_agg(audience) (
	SFUNC = audience_union_step,
	STYPE = audience,
	SSPACE = 1024,
	FINALFUNC = audience_agg_count,
	COMBINEFUNC = audience_union_step,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE audience_union_count_agg(audience) IS 'number of ids in the union of all audiences';

CREATE AGGREGATE audience_intersect_agg(audience) (
	SFUNC = audience_intersect_step,
	STYPE = audience,
	SSPACE = 1024,
	COMBINEFUNC = audience_intersect_step,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE audience_intersect_agg(audience) IS 'intersection of all audiences; NULL if there are no rows';

CREATE AGGREGATE audience_intersect_count_agg(audience) (
	SFUNC = audience_intersect_step,
	STYPE = audience,
	SSPACE = 1024,
	FINALFUNC = audience_agg_count,
	COMBINEFUNC = audience_intersect_step,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE audience_intersect_count_agg(audience) IS 'number of ids in the intersection of all audiences';
