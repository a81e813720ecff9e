-- audience_measure: a bigint for each id.  C: src/audience/measure*.c.

CREATE TYPE audience_measure;

CREATE FUNCTION audience_measure_in(cstring) RETURNS audience_measure
	AS 'MODULE_PATHNAME', 'recsys_measure_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION audience_measure_in(cstring) IS 'input of audience_measure';

CREATE FUNCTION audience_measure_out(audience_measure) RETURNS cstring
	AS 'MODULE_PATHNAME', 'recsys_measure_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION audience_measure_out(audience_measure) IS 'output of audience_measure';

CREATE FUNCTION audience_measure_recv(internal) RETURNS audience_measure
	AS 'MODULE_PATHNAME', 'recsys_measure_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION audience_measure_recv(internal) IS 'binary input of audience_measure';

CREATE FUNCTION audience_measure_send(audience_measure) RETURNS bytea
	AS 'MODULE_PATHNAME', 'recsys_measure_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION audience_measure_send(audience_measure) IS 'binary output of audience_measure';

CREATE TYPE audience_measure (
	INPUT = audience_measure_in,
	OUTPUT = audience_measure_out,
	RECEIVE = audience_measure_recv,
	SEND = audience_measure_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = double,
	STORAGE = external
);
COMMENT ON TYPE audience_measure IS 'a bigint for each id of a set, such as {7:500,9:-3}';

CREATE FUNCTION cardinality(audience_measure) RETURNS bigint
	AS 'MODULE_PATHNAME', 'recsys_measure_cardinality' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION cardinality(audience_measure) IS 'number of ids that have a value';

CREATE FUNCTION audience_measure_ids(audience_measure) RETURNS audience
	AS 'MODULE_PATHNAME', 'recsys_measure_ids' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION audience_measure_ids(audience_measure) IS 'ids that have a value';

CREATE FUNCTION audience_measure_value(audience_measure, id bigint) RETURNS bigint
	AS 'MODULE_PATHNAME', 'recsys_measure_value' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION audience_measure_value(audience_measure, id bigint) IS 'value of an id; NULL if it has none';

CREATE FUNCTION audience_measure_sum(audience_measure, among audience DEFAULT NULL) RETURNS numeric
	AS 'MODULE_PATHNAME', 'recsys_measure_sum' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5000;
COMMENT ON FUNCTION audience_measure_sum(audience_measure, audience) IS 'sum of the values of a crowd; NULL if none of it has a value';

CREATE FUNCTION audience_measure_mean(audience_measure, among audience DEFAULT NULL) RETURNS numeric
	AS 'MODULE_PATHNAME', 'recsys_measure_mean' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5000;
COMMENT ON FUNCTION audience_measure_mean(audience_measure, audience) IS 'mean value of a crowd; NULL if none of it has a value';

CREATE FUNCTION audience_measure_min(audience_measure, among audience DEFAULT NULL) RETURNS bigint
	AS 'MODULE_PATHNAME', 'recsys_measure_min' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5000;
COMMENT ON FUNCTION audience_measure_min(audience_measure, audience) IS 'smallest value of a crowd; NULL if none of it has a value';

CREATE FUNCTION audience_measure_max(audience_measure, among audience DEFAULT NULL) RETURNS bigint
	AS 'MODULE_PATHNAME', 'recsys_measure_max' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5000;
COMMENT ON FUNCTION audience_measure_max(audience_measure, audience) IS 'largest value of a crowd; NULL if none of it has a value';

CREATE FUNCTION audience_measure_between(audience_measure, low bigint, high bigint, among audience DEFAULT NULL) RETURNS audience
	AS 'MODULE_PATHNAME', 'recsys_measure_between' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5000;
COMMENT ON FUNCTION audience_measure_between(audience_measure, bigint, bigint, audience) IS 'ids of a crowd with a value from low to high, inclusive; NULL means no limit';

CREATE FUNCTION audience_measure_top(audience_measure, n bigint, among audience DEFAULT NULL, OUT id bigint, OUT value bigint) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'recsys_measure_top' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5000 ROWS 10;
COMMENT ON FUNCTION audience_measure_top(audience_measure, bigint, audience) IS 'the n ids of a crowd with the largest values, largest first, ties by id';

CREATE FUNCTION audience_measure_members(audience_measure, among audience DEFAULT NULL, OUT id bigint, OUT value bigint) RETURNS SETOF record
	AS 'MODULE_PATHNAME', 'recsys_measure_members' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 5000 ROWS 10000;
COMMENT ON FUNCTION audience_measure_members(audience_measure, audience) IS 'ids of a crowd with their values, ids ascending';

CREATE FUNCTION audience_measure_gt(audience_measure, bigint) RETURNS audience
	AS 'MODULE_PATHNAME', 'recsys_measure_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5000;
COMMENT ON FUNCTION audience_measure_gt(audience_measure, bigint) IS 'ids with a value greater than one';

CREATE OPERATOR > (
	LEFTARG = audience_measure,
	RIGHTARG = bigint,
	FUNCTION = audience_measure_gt
);
COMMENT ON OPERATOR > (audience_measure, bigint) IS 'ids with a value greater than one';

CREATE FUNCTION audience_measure_ge(audience_measure, bigint) RETURNS audience
	AS 'MODULE_PATHNAME', 'recsys_measure_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5000;
COMMENT ON FUNCTION audience_measure_ge(audience_measure, bigint) IS 'ids with a value at least one';

CREATE OPERATOR >= (
	LEFTARG = audience_measure,
	RIGHTARG = bigint,
	FUNCTION = audience_measure_ge
);
COMMENT ON OPERATOR >= (audience_measure, bigint) IS 'ids with a value at least one';

CREATE FUNCTION audience_measure_lt(audience_measure, bigint) RETURNS audience
	AS 'MODULE_PATHNAME', 'recsys_measure_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5000;
COMMENT ON FUNCTION audience_measure_lt(audience_measure, bigint) IS 'ids with a value less than one';

CREATE OPERATOR < (
	LEFTARG = audience_measure,
	RIGHTARG = bigint,
	FUNCTION = audience_measure_lt
);
COMMENT ON OPERATOR < (audience_measure, bigint) IS 'ids with a value less than one';

CREATE FUNCTION audience_measure_le(audience_measure, bigint) RETURNS audience
	AS 'MODULE_PATHNAME', 'recsys_measure_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5000;
COMMENT ON FUNCTION audience_measure_le(audience_measure, bigint) IS 'ids with a value at most one';

CREATE OPERATOR <= (
	LEFTARG = audience_measure,
	RIGHTARG = bigint,
	FUNCTION = audience_measure_le
);
COMMENT ON OPERATOR <= (audience_measure, bigint) IS 'ids with a value at most one';

CREATE FUNCTION audience_measure_eq(audience_measure, bigint) RETURNS audience
	AS 'MODULE_PATHNAME', 'recsys_measure_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 5000;
COMMENT ON FUNCTION audience_measure_eq(audience_measure, bigint) IS 'ids with a value equal to one';

CREATE OPERATOR = (
	LEFTARG = audience_measure,
	RIGHTARG = bigint,
	FUNCTION = audience_measure_eq
);
COMMENT ON OPERATOR = (audience_measure, bigint) IS 'ids with a value equal to one';

CREATE FUNCTION audience_measure_step(audience_measure, bigint, bigint) RETURNS audience_measure
	AS 'MODULE_PATHNAME', 'recsys_measure_step' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION audience_measure_step(audience_measure, bigint, bigint) IS 'adds a value to a state; a row with a NULL is ignored';

CREATE FUNCTION audience_measure_combine(audience_measure, audience_measure) RETURNS audience_measure
	AS 'MODULE_PATHNAME', 'recsys_measure_combine' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 300;
COMMENT ON FUNCTION audience_measure_combine(audience_measure, audience_measure) IS 'adds up two states; NULL is ignored';

CREATE FUNCTION audience_measure_final(audience_measure) RETURNS audience_measure
	AS 'MODULE_PATHNAME', 'recsys_measure_final' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 300;
COMMENT ON FUNCTION audience_measure_final(audience_measure) IS 'measure of a state; empty for NULL';

CREATE AGGREGATE audience_measure_agg(id bigint, value bigint) (
	SFUNC = audience_measure_step,
	STYPE = audience_measure,
	SSPACE = 512,
	FINALFUNC = audience_measure_final,
	COMBINEFUNC = audience_measure_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE audience_measure_agg(bigint, bigint) IS 'sum of the values of each id; rows with a NULL are ignored, empty if there are no rows';
