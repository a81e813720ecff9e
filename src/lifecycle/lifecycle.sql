-- Stages of a customer's life, rates of repurchase, and when a customer is due again.

CREATE TYPE lifecycle_thresholds AS (decline_days double precision, lost_days double precision, mature_orders bigint);
COMMENT ON TYPE lifecycle_thresholds IS 'thresholds of lifecycle_stage(), made by lifecycle_thresholds() or lifecycle_thresholds_agg()';

CREATE FUNCTION lifecycle_thresholds(decline_days double precision DEFAULT 90, lost_days double precision DEFAULT NULL, mature_orders bigint DEFAULT 4)
RETURNS lifecycle_thresholds
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_lifecycle_thresholds';
COMMENT ON FUNCTION lifecycle_thresholds IS
'makes thresholds of lifecycle_stage(): days without an order after which a customer is declining, and lost (by default 180, or decline_days if that is more), and the number of orders of a mature customer';

CREATE FUNCTION lifecycle_stage(first_order date, last_order date, orders bigint, as_of date) RETURNS text
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_lifecycle_stage';
COMMENT ON FUNCTION lifecycle_stage(date, date, bigint, date) IS
'stage of a customer: acquired, growing, mature, declining or lost, with the default thresholds; NULL without orders';

CREATE FUNCTION lifecycle_stage(first_order date, last_order date, orders bigint, as_of date, thresholds lifecycle_thresholds) RETURNS text
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_lifecycle_stage';
COMMENT ON FUNCTION lifecycle_stage(date, date, bigint, date, lifecycle_thresholds) IS
'stage of a customer: acquired, growing, mature, declining or lost; NULL without orders';

CREATE FUNCTION lifecycle_stage(first_order timestamp, last_order timestamp, orders bigint, as_of timestamp) RETURNS text
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_lifecycle_stage';
COMMENT ON FUNCTION lifecycle_stage(timestamp, timestamp, bigint, timestamp) IS
'stage of a customer: acquired, growing, mature, declining or lost, with the default thresholds; NULL without orders';

CREATE FUNCTION lifecycle_stage(first_order timestamp, last_order timestamp, orders bigint, as_of timestamp, thresholds lifecycle_thresholds) RETURNS text
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_lifecycle_stage';
COMMENT ON FUNCTION lifecycle_stage(timestamp, timestamp, bigint, timestamp, lifecycle_thresholds) IS
'stage of a customer: acquired, growing, mature, declining or lost; NULL without orders';

CREATE FUNCTION lifecycle_stage(first_order timestamptz, last_order timestamptz, orders bigint, as_of timestamptz) RETURNS text
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_lifecycle_stage';
COMMENT ON FUNCTION lifecycle_stage(timestamptz, timestamptz, bigint, timestamptz) IS
'stage of a customer: acquired, growing, mature, declining or lost, with the default thresholds; NULL without orders';

CREATE FUNCTION lifecycle_stage(first_order timestamptz, last_order timestamptz, orders bigint, as_of timestamptz, thresholds lifecycle_thresholds) RETURNS text
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_lifecycle_stage';
COMMENT ON FUNCTION lifecycle_stage(timestamptz, timestamptz, bigint, timestamptz, lifecycle_thresholds) IS
'stage of a customer: acquired, growing, mature, declining or lost; NULL without orders';

CREATE FUNCTION lifecycle_stage(orders bigint) RETURNS text
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_lifecycle_shop_stage';
COMMENT ON FUNCTION lifecycle_stage(bigint) IS
'stage of a customer by orders: new (0 or NULL), second_order_pending (1), regular (2 and more)';

CREATE FUNCTION lifecycle_stage(orders bigint, referrals bigint) RETURNS text
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_lifecycle_shop_stage';
COMMENT ON FUNCTION lifecycle_stage(bigint, bigint) IS
'stage of a customer by orders and referrals: advocate if there are referrals, else new, second_order_pending or regular';

-- thresholds from data

CREATE FUNCTION lifecycle_gaps_transition(internal, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_gaps_transition';
COMMENT ON FUNCTION lifecycle_gaps_transition(internal, double precision) IS 'part of lifecycle_thresholds_agg()';
CREATE FUNCTION lifecycle_gaps_transition(internal, double precision, double precision, double precision) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_gaps_transition';
COMMENT ON FUNCTION lifecycle_gaps_transition(internal, double precision, double precision, double precision) IS 'part of lifecycle_thresholds_agg()';
CREATE FUNCTION lifecycle_gaps_combine(internal, internal) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_gaps_combine';
COMMENT ON FUNCTION lifecycle_gaps_combine(internal, internal) IS 'part of lifecycle_thresholds_agg()';
CREATE FUNCTION lifecycle_gaps_serialize(internal) RETURNS bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_gaps_serialize';
COMMENT ON FUNCTION lifecycle_gaps_serialize(internal) IS 'part of lifecycle_thresholds_agg()';
CREATE FUNCTION lifecycle_gaps_deserialize(bytea, internal) RETURNS internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_gaps_deserialize';
COMMENT ON FUNCTION lifecycle_gaps_deserialize(bytea, internal) IS 'part of lifecycle_thresholds_agg()';

CREATE FUNCTION lifecycle_gaps_final(internal) RETURNS lifecycle_thresholds
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_gaps_final';
COMMENT ON FUNCTION lifecycle_gaps_final(internal) IS 'part of lifecycle_thresholds_agg()';

CREATE AGGREGATE lifecycle_thresholds_agg(gap_days double precision) (
	SFUNC = lifecycle_gaps_transition, STYPE = internal, SSPACE = 50000, FINALFUNC = lifecycle_gaps_final,
	COMBINEFUNC = lifecycle_gaps_combine, SERIALFUNC = lifecycle_gaps_serialize, DESERIALFUNC = lifecycle_gaps_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE lifecycle_thresholds_agg(double precision) IS
'thresholds from the gaps between orders, in days: decline_days is percentile_disc(0.8), lost_days percentile_disc(0.95); NULLs and 0 are ignored';

CREATE AGGREGATE lifecycle_thresholds_agg(gap_days double precision, decline double precision, lost double precision) (
	SFUNC = lifecycle_gaps_transition, STYPE = internal, SSPACE = 50000, FINALFUNC = lifecycle_gaps_final,
	COMBINEFUNC = lifecycle_gaps_combine, SERIALFUNC = lifecycle_gaps_serialize, DESERIALFUNC = lifecycle_gaps_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE lifecycle_thresholds_agg(double precision, double precision, double precision) IS
'thresholds from the gaps between orders, in days, at given shares instead of 0.8 and 0.95';

-- rates over raw orders

CREATE FUNCTION repeat_transition(internal, anyelement, timestamptz) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_repeat_transition';
COMMENT ON FUNCTION repeat_transition(internal, anyelement, timestamptz) IS 'part of second_order_rate_agg() and repurchase_rate_agg()';
CREATE FUNCTION repeat_transition(internal, anyelement, timestamptz, interval) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_repeat_transition';
COMMENT ON FUNCTION repeat_transition(internal, anyelement, timestamptz, interval) IS 'part of second_order_rate_agg() and repurchase_rate_agg()';
CREATE FUNCTION repeat_transition(internal, anyelement, timestamptz, interval, timestamptz) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_repeat_transition';
COMMENT ON FUNCTION repeat_transition(internal, anyelement, timestamptz, interval, timestamptz) IS 'part of second_order_rate_agg() and repurchase_rate_agg()';
CREATE FUNCTION repeat_combine(internal, internal) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_repeat_combine';
COMMENT ON FUNCTION repeat_combine(internal, internal) IS 'part of second_order_rate_agg() and repurchase_rate_agg()';
CREATE FUNCTION repeat_serialize(internal) RETURNS bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_repeat_serialize';
COMMENT ON FUNCTION repeat_serialize(internal) IS 'part of second_order_rate_agg() and repurchase_rate_agg()';
CREATE FUNCTION repeat_deserialize(bytea, internal) RETURNS internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_repeat_deserialize';
COMMENT ON FUNCTION repeat_deserialize(bytea, internal) IS 'part of second_order_rate_agg() and repurchase_rate_agg()';

CREATE FUNCTION repeat_final(internal) RETURNS double precision
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_repeat_final';
COMMENT ON FUNCTION repeat_final(internal) IS 'part of second_order_rate_agg() and repurchase_rate_agg()';

CREATE AGGREGATE second_order_rate_agg("user" anyelement, ts timestamptz) (
	SFUNC = repeat_transition, STYPE = internal, SSPACE = 100000, FINALFUNC = repeat_final,
	COMBINEFUNC = repeat_combine, SERIALFUNC = repeat_serialize, DESERIALFUNC = repeat_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE second_order_rate_agg(anyelement, timestamptz) IS
'share of the customers who ordered a second time, from one row per order; orders at the same time count once, rows with a NULL are ignored';

CREATE AGGREGATE repurchase_rate_agg("user" anyelement, ts timestamptz, within interval) (
	SFUNC = repeat_transition, STYPE = internal, SSPACE = 100000, FINALFUNC = repeat_final,
	COMBINEFUNC = repeat_combine, SERIALFUNC = repeat_serialize, DESERIALFUNC = repeat_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_rate_agg(anyelement, timestamptz, interval) IS
'share of the customers whose second order followed within an interval after the first';

CREATE AGGREGATE repurchase_rate_agg("user" anyelement, ts timestamptz, within interval, as_of timestamptz) (
	SFUNC = repeat_transition, STYPE = internal, SSPACE = 100000, FINALFUNC = repeat_final,
	COMBINEFUNC = repeat_combine, SERIALFUNC = repeat_serialize, DESERIALFUNC = repeat_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_rate_agg(anyelement, timestamptz, interval, timestamptz) IS
'share of the customers whose second order followed within an interval after the first, among those whose interval had ended by as_of; later orders are ignored';

CREATE TYPE cohort_retention AS (cohort date, period integer, customers bigint, active bigint, retention double precision);
COMMENT ON TYPE cohort_retention IS
'a cohort, given by the first day of the period of its first orders, and how many of its customers ordered so many periods later';

CREATE FUNCTION cohort_retention_transition(internal, anyelement, timestamptz, text) RETURNS internal
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_retention_transition';
COMMENT ON FUNCTION cohort_retention_transition(internal, anyelement, timestamptz, text) IS 'part of cohort_retention_agg()';
CREATE FUNCTION cohort_retention_combine(internal, internal) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_retention_combine';
COMMENT ON FUNCTION cohort_retention_combine(internal, internal) IS 'part of cohort_retention_agg()';
CREATE FUNCTION cohort_retention_serialize(internal) RETURNS bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_retention_serialize';
COMMENT ON FUNCTION cohort_retention_serialize(internal) IS 'part of cohort_retention_agg()';
CREATE FUNCTION cohort_retention_deserialize(bytea, internal) RETURNS internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_retention_deserialize';
COMMENT ON FUNCTION cohort_retention_deserialize(bytea, internal) IS 'part of cohort_retention_agg()';

CREATE FUNCTION cohort_retention_final(internal) RETURNS cohort_retention[]
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_retention_final';
COMMENT ON FUNCTION cohort_retention_final(internal) IS 'part of cohort_retention_agg()';

CREATE AGGREGATE cohort_retention_agg("user" anyelement, ts timestamptz, period text) (
	SFUNC = cohort_retention_transition, STYPE = internal, SSPACE = 100000, FINALFUNC = cohort_retention_final,
	COMBINEFUNC = cohort_retention_combine, SERIALFUNC = cohort_retention_serialize, DESERIALFUNC = cohort_retention_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE cohort_retention_agg(anyelement, timestamptz, text) IS
'retention by cohort of the first order; period is day, week (from Monday), month, quarter or year, in the time zone of the session; periods without orders are left out';

-- the repurchase clock

CREATE TYPE repurchase_options AS (as_of timestamptz, prior_gap double precision, prior_weight double precision);
COMMENT ON TYPE repurchase_options IS 'options of repurchase_clock_agg(), made by repurchase_options()';

CREATE FUNCTION repurchase_options(as_of timestamptz DEFAULT NULL, prior_gap double precision DEFAULT NULL, prior_weight double precision DEFAULT 2)
RETURNS repurchase_options
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_repurchase_options';
COMMENT ON FUNCTION repurchase_options IS
'makes options of repurchase_clock_agg(): the time of observation, the gap in days expected of customers with few orders, and how many gaps it counts for';

CREATE TYPE repurchase_clock AS (orders bigint, gaps bigint, mean_gap double precision, median_gap double precision, p80_gap double precision,
	expected_gap double precision, last_order timestamptz, next_due timestamptz, overdue_ratio double precision, best_hour integer, best_weekday integer);
COMMENT ON TYPE repurchase_clock IS
'rhythm of a customer: orders at different times, gaps between them in days, when the next is due, days since the last divided by the expected gap, and hour and weekday (1 is Monday) of most orders';

CREATE FUNCTION repurchase_clock_transition(internal, timestamptz) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_clock_transition';
COMMENT ON FUNCTION repurchase_clock_transition(internal, timestamptz) IS 'part of repurchase_clock_agg()';
CREATE FUNCTION repurchase_clock_transition(internal, timestamptz, repurchase_options) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_clock_transition';
COMMENT ON FUNCTION repurchase_clock_transition(internal, timestamptz, repurchase_options) IS 'part of repurchase_clock_agg()';
CREATE FUNCTION repurchase_clock_combine(internal, internal) RETURNS internal
LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_clock_combine';
COMMENT ON FUNCTION repurchase_clock_combine(internal, internal) IS 'part of repurchase_clock_agg()';
CREATE FUNCTION repurchase_clock_serialize(internal) RETURNS bytea
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_clock_serialize';
COMMENT ON FUNCTION repurchase_clock_serialize(internal) IS 'part of repurchase_clock_agg()';
CREATE FUNCTION repurchase_clock_deserialize(bytea, internal) RETURNS internal
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_clock_deserialize';
COMMENT ON FUNCTION repurchase_clock_deserialize(bytea, internal) IS 'part of repurchase_clock_agg()';

CREATE FUNCTION repurchase_clock_final(internal) RETURNS repurchase_clock
LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_clock_final';
COMMENT ON FUNCTION repurchase_clock_final(internal) IS 'part of repurchase_clock_agg()';

CREATE AGGREGATE repurchase_clock_agg(ts timestamptz) (
	SFUNC = repurchase_clock_transition, STYPE = internal, SSPACE = 128, FINALFUNC = repurchase_clock_final,
	COMBINEFUNC = repurchase_clock_combine, SERIALFUNC = repurchase_clock_serialize, DESERIALFUNC = repurchase_clock_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_clock_agg(timestamptz) IS
'rhythm of the customer whose order times these are: mean, median and 80 % gap, next due date, best hour and weekday';

CREATE AGGREGATE repurchase_clock_agg(ts timestamptz, options repurchase_options) (
	SFUNC = repurchase_clock_transition, STYPE = internal, SSPACE = 128, FINALFUNC = repurchase_clock_final,
	COMBINEFUNC = repurchase_clock_combine, SERIALFUNC = repurchase_clock_serialize, DESERIALFUNC = repurchase_clock_deserialize, PARALLEL = SAFE);
COMMENT ON AGGREGATE repurchase_clock_agg(timestamptz, repurchase_options) IS
'rhythm of the customer whose order times these are, with options from repurchase_options()';
