-- RFM: recency, frequency, monetary value.

CREATE TYPE rfm_grade AS (r integer, f integer, m integer, code integer, segment text);
COMMENT ON TYPE rfm_grade IS
'scores of a customer for recency, frequency and amount (5, or the number of bins, is best), the code 100 r + 10 f + m, and the segment of the scheme';

CREATE FUNCTION rfm(last_order date, orders bigint, amount numeric) RETURNS rfm_grade
LANGUAGE C IMMUTABLE WINDOW PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm';
COMMENT ON FUNCTION rfm(date, bigint, numeric) IS
'scores a customer among all rows of the window partition: NULL where an argument is NULL';

CREATE FUNCTION rfm(last_order date, orders bigint, amount double precision) RETURNS rfm_grade
LANGUAGE C IMMUTABLE WINDOW PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm';
COMMENT ON FUNCTION rfm(date, bigint, double precision) IS
'scores a customer among all rows of the window partition: NULL where an argument is NULL';

CREATE FUNCTION rfm(last_order timestamp, orders bigint, amount numeric) RETURNS rfm_grade
LANGUAGE C IMMUTABLE WINDOW PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm';
COMMENT ON FUNCTION rfm(timestamp, bigint, numeric) IS
'scores a customer among all rows of the window partition: NULL where an argument is NULL';

CREATE FUNCTION rfm(last_order timestamp, orders bigint, amount double precision) RETURNS rfm_grade
LANGUAGE C IMMUTABLE WINDOW PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm';
COMMENT ON FUNCTION rfm(timestamp, bigint, double precision) IS
'scores a customer among all rows of the window partition: NULL where an argument is NULL';

CREATE FUNCTION rfm(last_order timestamptz, orders bigint, amount numeric) RETURNS rfm_grade
LANGUAGE C IMMUTABLE WINDOW PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm';
COMMENT ON FUNCTION rfm(timestamptz, bigint, numeric) IS
'scores a customer among all rows of the window partition: NULL where an argument is NULL';

CREATE FUNCTION rfm(last_order timestamptz, orders bigint, amount double precision) RETURNS rfm_grade
LANGUAGE C IMMUTABLE WINDOW PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_rfm';
COMMENT ON FUNCTION rfm(timestamptz, bigint, double precision) IS
'scores a customer among all rows of the window partition: NULL where an argument is NULL';
