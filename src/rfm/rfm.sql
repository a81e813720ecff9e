-- RFM: recency, frequency, monetary value.

CREATE TYPE rfm_grade AS (r integer, f integer, m integer, code integer, segment text);
COMMENT ON TYPE rfm_grade IS
'scores of a customer for recency, frequency and amount (5, or the number of bins, is best), the code 100 r + 10 f + m, and the segment of the scheme';

CREATE TYPE rfm_options AS (bins integer, scheme text, nested boolean, method text, top double precision,
	recency_bins integer, order_bins integer, amount_bins integer);
COMMENT ON TYPE rfm_options IS 'options of rfm() and rfm_cuts_agg(), made by rfm_options()';

CREATE FUNCTION rfm_options(bins integer DEFAULT NULL, scheme text DEFAULT 'classic', nested boolean DEFAULT false,
	method text DEFAULT NULL, top double precision DEFAULT NULL,
	recency_bins integer DEFAULT NULL, order_bins integer DEFAULT NULL, amount_bins integer DEFAULT NULL)
RETURNS rfm_options
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm_options';
COMMENT ON FUNCTION rfm_options IS
'makes options of rfm() and rfm_cuts_agg(): bins from 2 to 10, for all dimensions or each; scheme classic, octant or tier4; nested cuts; method quantile, median, mean or top';

CREATE FUNCTION rfm(last_order date, orders bigint, amount double precision) RETURNS rfm_grade
LANGUAGE C IMMUTABLE WINDOW PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm';
COMMENT ON FUNCTION rfm(date, bigint, double precision) IS
'scores a customer among all rows of the window partition; NULL if an argument is NULL';

CREATE FUNCTION rfm(last_order timestamp, orders bigint, amount double precision) RETURNS rfm_grade
LANGUAGE C IMMUTABLE WINDOW PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm';
COMMENT ON FUNCTION rfm(timestamp, bigint, double precision) IS
'scores a customer among all rows of the window partition; NULL if an argument is NULL';

CREATE FUNCTION rfm(last_order timestamptz, orders bigint, amount double precision) RETURNS rfm_grade
LANGUAGE C IMMUTABLE WINDOW PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm';
COMMENT ON FUNCTION rfm(timestamptz, bigint, double precision) IS
'scores a customer among all rows of the window partition; NULL if an argument is NULL';

CREATE FUNCTION rfm(last_order date, orders bigint, amount double precision, options rfm_options) RETURNS rfm_grade
LANGUAGE C IMMUTABLE WINDOW PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm';
COMMENT ON FUNCTION rfm(date, bigint, double precision, rfm_options) IS
'scores a customer among all rows of the window partition, with options from rfm_options()';

CREATE FUNCTION rfm(last_order timestamp, orders bigint, amount double precision, options rfm_options) RETURNS rfm_grade
LANGUAGE C IMMUTABLE WINDOW PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm';
COMMENT ON FUNCTION rfm(timestamp, bigint, double precision, rfm_options) IS
'scores a customer among all rows of the window partition, with options from rfm_options()';

CREATE FUNCTION rfm(last_order timestamptz, orders bigint, amount double precision, options rfm_options) RETURNS rfm_grade
LANGUAGE C IMMUTABLE WINDOW PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm';
COMMENT ON FUNCTION rfm(timestamptz, bigint, double precision, rfm_options) IS
'scores a customer among all rows of the window partition, with options from rfm_options()';

CREATE FUNCTION rfm_bin(value anyelement, bins integer) RETURNS integer
LANGUAGE C IMMUTABLE WINDOW PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm_bin';
COMMENT ON FUNCTION rfm_bin IS
'bin of a value, from 1 to bins (2 to 10), among all rows of the window partition: 1 plus the number of cut points percentile_disc(k / bins) below it; NULL stays NULL';

-- Cut points as a value

CREATE TYPE rfm_cuts;
COMMENT ON TYPE rfm_cuts IS 'cut points of recency in days, orders and amount, with the scheme they belong to; its text form is JSON';

CREATE FUNCTION rfm_cuts_in(cstring) RETURNS rfm_cuts
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm_cuts_in';
COMMENT ON FUNCTION rfm_cuts_in IS 'I/O';
CREATE FUNCTION rfm_cuts_out(rfm_cuts) RETURNS cstring
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm_cuts_out';
COMMENT ON FUNCTION rfm_cuts_out IS 'I/O';
CREATE FUNCTION rfm_cuts_recv(internal) RETURNS rfm_cuts
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm_cuts_recv';
COMMENT ON FUNCTION rfm_cuts_recv IS 'I/O';
CREATE FUNCTION rfm_cuts_send(rfm_cuts) RETURNS bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm_cuts_send';
COMMENT ON FUNCTION rfm_cuts_send IS 'I/O';

CREATE TYPE rfm_cuts (INPUT = rfm_cuts_in, OUTPUT = rfm_cuts_out, RECEIVE = rfm_cuts_recv, SEND = rfm_cuts_send,
	ALIGNMENT = double, STORAGE = extended);

CREATE FUNCTION rfm_cuts(recency double precision[], orders double precision[], amount double precision[],
	scheme text DEFAULT 'classic') RETURNS rfm_cuts
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm_cuts_make';
COMMENT ON FUNCTION rfm_cuts(double precision[], double precision[], double precision[], text) IS
'cut points given by hand: 1 to 9 for each dimension, in any order, recency in days';

CREATE FUNCTION rfm_cuts_report(cuts rfm_cuts, OUT dimension text, OUT r integer, OUT f integer,
	OUT bins integer, OUT distinct_bins integer, OUT cuts double precision[]) RETURNS SETOF record
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 3 AS 'MODULE_PATHNAME', 'recsys_rfm_cuts_report';
COMMENT ON FUNCTION rfm_cuts_report IS
'cut points by dimension (with the r and f they belong to if nested), and the number of different scores in the data they come from; NULL for cut points given by hand';

CREATE FUNCTION rfm_score(recency double precision, orders bigint, amount double precision, cuts rfm_cuts) RETURNS rfm_grade
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2 AS 'MODULE_PATHNAME', 'recsys_rfm_score';
COMMENT ON FUNCTION rfm_score IS 'scores one customer with given cut points; recency in days, NULL if an argument is NULL';

CREATE FUNCTION rfm_cuts_transition(internal, double precision, bigint, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm_cuts_transition';
COMMENT ON FUNCTION rfm_cuts_transition(internal, double precision, bigint, double precision) IS 'part of rfm_cuts_agg()';
CREATE FUNCTION rfm_cuts_transition(internal, double precision, bigint, double precision, rfm_options) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm_cuts_transition';
COMMENT ON FUNCTION rfm_cuts_transition(internal, double precision, bigint, double precision, rfm_options) IS 'part of rfm_cuts_agg()';
CREATE FUNCTION rfm_cuts_combine(internal, internal) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm_cuts_combine';
COMMENT ON FUNCTION rfm_cuts_combine IS 'part of rfm_cuts_agg()';
CREATE FUNCTION rfm_cuts_serialize(internal) RETURNS bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm_cuts_serialize';
COMMENT ON FUNCTION rfm_cuts_serialize IS 'part of rfm_cuts_agg()';
CREATE FUNCTION rfm_cuts_deserialize(bytea, internal) RETURNS internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm_cuts_deserialize';
COMMENT ON FUNCTION rfm_cuts_deserialize IS 'part of rfm_cuts_agg()';
CREATE FUNCTION rfm_cuts_final(internal) RETURNS rfm_cuts
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm_cuts_final';
COMMENT ON FUNCTION rfm_cuts_final IS 'part of rfm_cuts_agg()';

CREATE AGGREGATE rfm_cuts_agg(recency double precision, orders bigint, amount double precision) (
	SFUNC = rfm_cuts_transition, STYPE = internal, SSPACE = 100000, FINALFUNC = rfm_cuts_final,
	COMBINEFUNC = rfm_cuts_combine, SERIALFUNC = rfm_cuts_serialize, DESERIALFUNC = rfm_cuts_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE rfm_cuts_agg(double precision, bigint, double precision) IS
'cut points of all customers, one row each; recency in days; rows with a NULL are ignored';
CREATE AGGREGATE rfm_cuts_agg(recency double precision, orders bigint, amount double precision, options rfm_options) (
	SFUNC = rfm_cuts_transition, STYPE = internal, SSPACE = 100000, FINALFUNC = rfm_cuts_final,
	COMBINEFUNC = rfm_cuts_combine, SERIALFUNC = rfm_cuts_serialize, DESERIALFUNC = rfm_cuts_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE rfm_cuts_agg(double precision, bigint, double precision, rfm_options) IS
'cut points of all customers, one row each, with options from rfm_options()';
