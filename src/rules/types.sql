-- Association rules and frequent itemsets: types.

CREATE TYPE rules_options AS (
	min_support double precision,
	min_count bigint,
	min_confidence double precision,
	min_lift double precision,
	max_length integer,
	max_lhs integer,
	max_rhs integer,
	top_k integer,
	rank_by text,
	target text,
	lhs_in text[],
	rhs_in text[],
	exclude text[],
	hierarchy text[],
	max_basket integer,
	significance text,
	alpha double precision,
	redundant boolean,
	min_improvement double precision
);
COMMENT ON TYPE rules_options IS 'options of association_rules_agg and frequent_itemsets_agg; made by rules_options()';

CREATE FUNCTION rules_options(
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
) RETURNS rules_options
AS 'MODULE_PATHNAME', 'recsys_rules_options'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rules_options(double precision, bigint, double precision, double precision, integer, integer, integer, integer, text, text, text[], text[], text[], text[], integer, text, double precision, boolean, double precision)
IS 'makes options of association_rules_agg and frequent_itemsets_agg; NULL stands for the default';

CREATE TYPE frequent_itemset AS (
	items bigint[],
	together bigint,
	baskets bigint,
	support double precision,
	min_count bigint,
	limits text
);
COMMENT ON TYPE frequent_itemset IS 'frequent itemset: items that occur together in at least min_count baskets';

CREATE TYPE association_rule AS (
	lhs bigint[],
	rhs bigint[],
	together bigint,
	lhs_count bigint,
	rhs_count bigint,
	baskets bigint,
	support double precision,
	confidence double precision,
	lift double precision,
	leverage double precision,
	conviction double precision,
	zhang double precision,
	cosine double precision,
	jaccard double precision,
	kulczynski double precision,
	imbalance double precision,
	phi double precision,
	improvement double precision,
	p_value double precision,
	p_adjusted double precision,
	min_count bigint,
	limits text
);
COMMENT ON TYPE association_rule IS 'association rule: how many baskets that contain lhs also contain rhs, and measures of the rule';

CREATE TYPE frequent_itemset_text AS (
	items text[],
	together bigint,
	baskets bigint,
	support double precision,
	min_count bigint,
	limits text
);
COMMENT ON TYPE frequent_itemset_text IS 'frequent itemset: items that occur together in at least min_count baskets';

CREATE TYPE association_rule_text AS (
	lhs text[],
	rhs text[],
	together bigint,
	lhs_count bigint,
	rhs_count bigint,
	baskets bigint,
	support double precision,
	confidence double precision,
	lift double precision,
	leverage double precision,
	conviction double precision,
	zhang double precision,
	cosine double precision,
	jaccard double precision,
	kulczynski double precision,
	imbalance double precision,
	phi double precision,
	improvement double precision,
	p_value double precision,
	p_adjusted double precision,
	min_count bigint,
	limits text
);
COMMENT ON TYPE association_rule_text IS 'association rule: how many baskets that contain lhs also contain rhs, and measures of the rule';

CREATE TYPE sequence_rule AS (
	lhs bigint,
	rhs bigint,
	together bigint,
	lhs_count bigint,
	rhs_count bigint,
	users bigint,
	support double precision,
	confidence double precision,
	lift double precision,
	median_delay interval,
	min_count bigint
);
COMMENT ON TYPE sequence_rule IS 'sequence rule: how many users who had lhs had rhs later, and how much later';

CREATE TYPE sequence_rule_text AS (
	lhs text,
	rhs text,
	together bigint,
	lhs_count bigint,
	rhs_count bigint,
	users bigint,
	support double precision,
	confidence double precision,
	lift double precision,
	median_delay interval,
	min_count bigint
);
COMMENT ON TYPE sequence_rule_text IS 'sequence rule: how many users who had lhs had rhs later, and how much later';

CREATE TYPE rule_measures AS (
	support double precision,
	coverage double precision,
	rhs_support double precision,
	confidence double precision,
	lift double precision,
	leverage double precision,
	conviction double precision,
	added_value double precision,
	centered_confidence double precision,
	certainty double precision,
	zhang double precision,
	cosine double precision,
	jaccard double precision,
	kulczynski double precision,
	max_confidence double precision,
	all_confidence double precision,
	imbalance double precision,
	phi double precision,
	chi_squared double precision,
	kappa double precision,
	odds_ratio double precision,
	relative_risk double precision,
	difference double precision,
	yule_q double precision,
	yule_y double precision,
	lerman double precision,
	implication_index double precision,
	laplace double precision,
	sebag double precision,
	counterexample double precision,
	confirmed_confidence double precision,
	least_contradiction double precision,
	causal_support double precision,
	causal_confidence double precision,
	rule_power double precision,
	importance double precision,
	j_measure double precision,
	gini double precision,
	mutual_information double precision,
	lambda double precision,
	klosgen double precision,
	collective_strength double precision,
	standard_lift double precision,
	rld double precision,
	p_value double precision
);
COMMENT ON TYPE rule_measures IS 'interest measures of a rule, from its 2x2 table';

CREATE FUNCTION rule_measures(n11 bigint, n10 bigint, n01 bigint, n00 bigint) RETURNS rule_measures
AS 'MODULE_PATHNAME', 'recsys_rule_measures'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION rule_measures(bigint, bigint, bigint, bigint)
IS 'all measures of a rule, from the numbers of baskets with both sides, only the left side, only the right side, and neither';
