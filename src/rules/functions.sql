-- Association rules and frequent itemsets: functions that take a query.

CREATE FUNCTION association_rules(
	query text,
	min_support double precision DEFAULT NULL,
	min_count bigint DEFAULT NULL,
	min_confidence double precision DEFAULT NULL,
	min_lift double precision DEFAULT NULL,
	max_length integer DEFAULT NULL,
	max_lhs integer DEFAULT NULL,
	max_rhs integer DEFAULT NULL,
	top_k integer DEFAULT NULL,
	rank_by text DEFAULT NULL,
	target text DEFAULT NULL,
	lhs_in text[] DEFAULT NULL,
	rhs_in text[] DEFAULT NULL,
	exclude text[] DEFAULT NULL,
	hierarchy text[] DEFAULT NULL,
	max_basket integer DEFAULT NULL,
	significance text DEFAULT NULL,
	alpha double precision DEFAULT NULL,
	redundant boolean DEFAULT NULL,
	min_improvement double precision DEFAULT NULL
) RETURNS SETOF association_rule
AS 'MODULE_PATHNAME', 'recsys_association_rules'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 1000 SUPPORT recsys_stream_support;
COMMENT ON FUNCTION association_rules(text, double precision, bigint, double precision, double precision, integer, integer, integer, integer, text, text, text[], text[], text[], text[], integer, text, double precision, boolean, double precision)
IS 'association rules of the baskets that a query returns as (basket, item), or as one array of items per basket; best first';

CREATE FUNCTION association_rules(
	item_type text,
	query text,
	min_support double precision DEFAULT NULL,
	min_count bigint DEFAULT NULL,
	min_confidence double precision DEFAULT NULL,
	min_lift double precision DEFAULT NULL,
	max_length integer DEFAULT NULL,
	max_lhs integer DEFAULT NULL,
	max_rhs integer DEFAULT NULL,
	top_k integer DEFAULT NULL,
	rank_by text DEFAULT NULL,
	target text DEFAULT NULL,
	lhs_in text[] DEFAULT NULL,
	rhs_in text[] DEFAULT NULL,
	exclude text[] DEFAULT NULL,
	hierarchy text[] DEFAULT NULL,
	max_basket integer DEFAULT NULL,
	significance text DEFAULT NULL,
	alpha double precision DEFAULT NULL,
	redundant boolean DEFAULT NULL,
	min_improvement double precision DEFAULT NULL
) RETURNS SETOF association_rule_text
AS 'MODULE_PATHNAME', 'recsys_association_rules'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 1000 SUPPORT recsys_stream_support;
COMMENT ON FUNCTION association_rules(text, text, double precision, bigint, double precision, double precision, integer, integer, integer, integer, text, text, text[], text[], text[], text[], integer, text, double precision, boolean, double precision)
IS 'association rules of the baskets that a query returns as (basket, item), or as one array of items per basket; best first, items as text';

CREATE FUNCTION frequent_itemsets(
	query text,
	min_support double precision DEFAULT NULL,
	min_count bigint DEFAULT NULL,
	max_length integer DEFAULT NULL,
	top_k integer DEFAULT NULL,
	target text DEFAULT NULL,
	exclude text[] DEFAULT NULL,
	hierarchy text[] DEFAULT NULL,
	max_basket integer DEFAULT NULL
) RETURNS SETOF frequent_itemset
AS 'MODULE_PATHNAME', 'recsys_frequent_itemsets'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 1000 SUPPORT recsys_stream_support;
COMMENT ON FUNCTION frequent_itemsets(text, double precision, bigint, integer, integer, text, text[], text[], integer)
IS 'frequent itemsets of the baskets that a query returns as (basket, item), or as one array of items per basket; most frequent first';

CREATE FUNCTION frequent_itemsets(
	item_type text,
	query text,
	min_support double precision DEFAULT NULL,
	min_count bigint DEFAULT NULL,
	max_length integer DEFAULT NULL,
	top_k integer DEFAULT NULL,
	target text DEFAULT NULL,
	exclude text[] DEFAULT NULL,
	hierarchy text[] DEFAULT NULL,
	max_basket integer DEFAULT NULL
) RETURNS SETOF frequent_itemset_text
AS 'MODULE_PATHNAME', 'recsys_frequent_itemsets'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 1000 SUPPORT recsys_stream_support;
COMMENT ON FUNCTION frequent_itemsets(text, text, double precision, bigint, integer, integer, text, text[], text[], integer)
IS 'frequent itemsets of the baskets that a query returns as (basket, item), or as one array of items per basket; most frequent first, items as text';
CREATE FUNCTION rules_apply(
	rules text,
	basket bigint[],
	n integer DEFAULT 10,
	OUT item bigint,
	OUT score double precision,
	OUT because bigint[]
) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'recsys_rules_apply'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10;
COMMENT ON FUNCTION rules_apply(text, bigint[], integer)
IS 'items that rules recommend for a basket, best first; the query returns the rules as (lhs, rhs, score) and may refer to the basket as $1';

CREATE FUNCTION rules_apply(
	rules text,
	basket text[],
	n integer DEFAULT 10,
	OUT item text,
	OUT score double precision,
	OUT because text[]
) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'recsys_rules_apply'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10;
COMMENT ON FUNCTION rules_apply(text, text[], integer)
IS 'items that rules recommend for a basket, best first; the query returns the rules as (lhs, rhs, score) and may refer to the basket as $1';

CREATE FUNCTION sequence_rules(
	query text,
	max_gap interval,
	min_gap interval DEFAULT NULL,
	min_support double precision DEFAULT NULL,
	min_count bigint DEFAULT NULL,
	min_confidence double precision DEFAULT NULL,
	min_lift double precision DEFAULT NULL,
	top_k integer DEFAULT NULL,
	repeats boolean DEFAULT false
) RETURNS SETOF sequence_rule
AS 'MODULE_PATHNAME', 'recsys_sequence_rules'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 1000;
COMMENT ON FUNCTION sequence_rules(text, interval, interval, double precision, bigint, double precision, double precision, integer, boolean)
IS 'sequence rules of the events that a query returns as (user, item, ts): one item is followed by another within max_gap; best first';

CREATE FUNCTION sequence_rules(
	item_type text,
	query text,
	max_gap interval,
	min_gap interval DEFAULT NULL,
	min_support double precision DEFAULT NULL,
	min_count bigint DEFAULT NULL,
	min_confidence double precision DEFAULT NULL,
	min_lift double precision DEFAULT NULL,
	top_k integer DEFAULT NULL,
	repeats boolean DEFAULT false
) RETURNS SETOF sequence_rule_text
AS 'MODULE_PATHNAME', 'recsys_sequence_rules'
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 1000;
COMMENT ON FUNCTION sequence_rules(text, text, interval, interval, double precision, bigint, double precision, double precision, integer, boolean)
IS 'sequence rules of the events that a query returns as (user, item, ts): one item is followed by another within max_gap; best first, items as text';
