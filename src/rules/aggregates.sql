-- Association rules and frequent itemsets: aggregates.

CREATE FUNCTION rules_combine(internal, internal) RETURNS internal
AS 'MODULE_PATHNAME', 'recsys_rules_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rules_combine(internal, internal) IS 'aggregate support';

CREATE FUNCTION rules_serialize(internal) RETURNS bytea
AS 'MODULE_PATHNAME', 'recsys_rules_serialize'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rules_serialize(internal) IS 'aggregate support';

CREATE FUNCTION rules_deserialize(bytea, internal) RETURNS internal
AS 'MODULE_PATHNAME', 'recsys_rules_deserialize'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION rules_deserialize(bytea, internal) IS 'aggregate support';

CREATE FUNCTION association_rules_final(internal) RETURNS association_rule[]
AS 'MODULE_PATHNAME', 'recsys_rules_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION association_rules_final(internal) IS 'aggregate support';

CREATE FUNCTION frequent_itemsets_final(internal) RETURNS frequent_itemset[]
AS 'MODULE_PATHNAME', 'recsys_itemsets_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION frequent_itemsets_final(internal) IS 'aggregate support';

CREATE FUNCTION association_rules_final_text(internal) RETURNS association_rule_text[]
AS 'MODULE_PATHNAME', 'recsys_rules_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION association_rules_final_text(internal) IS 'aggregate support';

CREATE FUNCTION frequent_itemsets_final_text(internal) RETURNS frequent_itemset_text[]
AS 'MODULE_PATHNAME', 'recsys_itemsets_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION frequent_itemsets_final_text(internal) IS 'aggregate support';

CREATE FUNCTION rules_accum(internal, anyelement, bigint) RETURNS internal
AS 'MODULE_PATHNAME', 'recsys_rules_accum_pairs'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rules_accum(internal, anyelement, bigint) IS 'aggregate support';

CREATE FUNCTION rules_accum(internal, bigint[]) RETURNS internal
AS 'MODULE_PATHNAME', 'recsys_rules_accum_arrays'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rules_accum(internal, bigint[]) IS 'aggregate support';

CREATE FUNCTION rules_accum(internal, anyelement, bigint, rules_options) RETURNS internal
AS 'MODULE_PATHNAME', 'recsys_rules_accum_pairs'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rules_accum(internal, anyelement, bigint, rules_options) IS 'aggregate support';

CREATE FUNCTION rules_accum(internal, bigint[], rules_options) RETURNS internal
AS 'MODULE_PATHNAME', 'recsys_rules_accum_arrays'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rules_accum(internal, bigint[], rules_options) IS 'aggregate support';

CREATE FUNCTION rules_accum(internal, anyelement, text) RETURNS internal
AS 'MODULE_PATHNAME', 'recsys_rules_accum_pairs'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rules_accum(internal, anyelement, text) IS 'aggregate support';

CREATE FUNCTION rules_accum(internal, text[]) RETURNS internal
AS 'MODULE_PATHNAME', 'recsys_rules_accum_arrays'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rules_accum(internal, text[]) IS 'aggregate support';

CREATE FUNCTION rules_accum(internal, anyelement, text, rules_options) RETURNS internal
AS 'MODULE_PATHNAME', 'recsys_rules_accum_pairs'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rules_accum(internal, anyelement, text, rules_options) IS 'aggregate support';

CREATE FUNCTION rules_accum(internal, text[], rules_options) RETURNS internal
AS 'MODULE_PATHNAME', 'recsys_rules_accum_arrays'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION rules_accum(internal, text[], rules_options) IS 'aggregate support';

CREATE AGGREGATE association_rules_agg(anyelement, bigint) (
	SFUNC = rules_accum,
	STYPE = internal,
	SSPACE = 16384,
	FINALFUNC = association_rules_final,
	COMBINEFUNC = rules_combine,
	SERIALFUNC = rules_serialize,
	DESERIALFUNC = rules_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE association_rules_agg(anyelement, bigint)
IS 'association rules of baskets given as rows of basket and item, best first';

CREATE AGGREGATE association_rules_agg(bigint[]) (
	SFUNC = rules_accum,
	STYPE = internal,
	SSPACE = 16384,
	FINALFUNC = association_rules_final,
	COMBINEFUNC = rules_combine,
	SERIALFUNC = rules_serialize,
	DESERIALFUNC = rules_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE association_rules_agg(bigint[])
IS 'association rules of baskets given as arrays of items, best first';

CREATE AGGREGATE association_rules_agg(anyelement, bigint, rules_options) (
	SFUNC = rules_accum,
	STYPE = internal,
	SSPACE = 16384,
	FINALFUNC = association_rules_final,
	COMBINEFUNC = rules_combine,
	SERIALFUNC = rules_serialize,
	DESERIALFUNC = rules_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE association_rules_agg(anyelement, bigint, rules_options)
IS 'association rules of baskets given as rows of basket and item, best first';

CREATE AGGREGATE association_rules_agg(bigint[], rules_options) (
	SFUNC = rules_accum,
	STYPE = internal,
	SSPACE = 16384,
	FINALFUNC = association_rules_final,
	COMBINEFUNC = rules_combine,
	SERIALFUNC = rules_serialize,
	DESERIALFUNC = rules_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE association_rules_agg(bigint[], rules_options)
IS 'association rules of baskets given as arrays of items, best first';

CREATE AGGREGATE association_rules_agg(anyelement, text) (
	SFUNC = rules_accum,
	STYPE = internal,
	SSPACE = 16384,
	FINALFUNC = association_rules_final_text,
	COMBINEFUNC = rules_combine,
	SERIALFUNC = rules_serialize,
	DESERIALFUNC = rules_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE association_rules_agg(anyelement, text)
IS 'association rules of baskets given as rows of basket and item, best first';

CREATE AGGREGATE association_rules_agg(text[]) (
	SFUNC = rules_accum,
	STYPE = internal,
	SSPACE = 16384,
	FINALFUNC = association_rules_final_text,
	COMBINEFUNC = rules_combine,
	SERIALFUNC = rules_serialize,
	DESERIALFUNC = rules_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE association_rules_agg(text[])
IS 'association rules of baskets given as arrays of items, best first';

CREATE AGGREGATE association_rules_agg(anyelement, text, rules_options) (
	SFUNC = rules_accum,
	STYPE = internal,
	SSPACE = 16384,
	FINALFUNC = association_rules_final_text,
	COMBINEFUNC = rules_combine,
	SERIALFUNC = rules_serialize,
	DESERIALFUNC = rules_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE association_rules_agg(anyelement, text, rules_options)
IS 'association rules of baskets given as rows of basket and item, best first';

CREATE AGGREGATE association_rules_agg(text[], rules_options) (
	SFUNC = rules_accum,
	STYPE = internal,
	SSPACE = 16384,
	FINALFUNC = association_rules_final_text,
	COMBINEFUNC = rules_combine,
	SERIALFUNC = rules_serialize,
	DESERIALFUNC = rules_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE association_rules_agg(text[], rules_options)
IS 'association rules of baskets given as arrays of items, best first';

CREATE AGGREGATE frequent_itemsets_agg(anyelement, bigint) (
	SFUNC = rules_accum,
	STYPE = internal,
	SSPACE = 16384,
	FINALFUNC = frequent_itemsets_final,
	COMBINEFUNC = rules_combine,
	SERIALFUNC = rules_serialize,
	DESERIALFUNC = rules_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE frequent_itemsets_agg(anyelement, bigint)
IS 'frequent itemsets of baskets given as rows of basket and item, most frequent first';

CREATE AGGREGATE frequent_itemsets_agg(bigint[]) (
	SFUNC = rules_accum,
	STYPE = internal,
	SSPACE = 16384,
	FINALFUNC = frequent_itemsets_final,
	COMBINEFUNC = rules_combine,
	SERIALFUNC = rules_serialize,
	DESERIALFUNC = rules_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE frequent_itemsets_agg(bigint[])
IS 'frequent itemsets of baskets given as arrays of items, most frequent first';

CREATE AGGREGATE frequent_itemsets_agg(anyelement, bigint, rules_options) (
	SFUNC = rules_accum,
	STYPE = internal,
	SSPACE = 16384,
	FINALFUNC = frequent_itemsets_final,
	COMBINEFUNC = rules_combine,
	SERIALFUNC = rules_serialize,
	DESERIALFUNC = rules_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE frequent_itemsets_agg(anyelement, bigint, rules_options)
IS 'frequent itemsets of baskets given as rows of basket and item, most frequent first';

CREATE AGGREGATE frequent_itemsets_agg(bigint[], rules_options) (
	SFUNC = rules_accum,
	STYPE = internal,
	SSPACE = 16384,
	FINALFUNC = frequent_itemsets_final,
	COMBINEFUNC = rules_combine,
	SERIALFUNC = rules_serialize,
	DESERIALFUNC = rules_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE frequent_itemsets_agg(bigint[], rules_options)
IS 'frequent itemsets of baskets given as arrays of items, most frequent first';

CREATE AGGREGATE frequent_itemsets_agg(anyelement, text) (
	SFUNC = rules_accum,
	STYPE = internal,
	SSPACE = 16384,
	FINALFUNC = frequent_itemsets_final_text,
	COMBINEFUNC = rules_combine,
	SERIALFUNC = rules_serialize,
	DESERIALFUNC = rules_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE frequent_itemsets_agg(anyelement, text)
IS 'frequent itemsets of baskets given as rows of basket and item, most frequent first';

CREATE AGGREGATE frequent_itemsets_agg(text[]) (
	SFUNC = rules_accum,
	STYPE = internal,
	SSPACE = 16384,
	FINALFUNC = frequent_itemsets_final_text,
	COMBINEFUNC = rules_combine,
	SERIALFUNC = rules_serialize,
	DESERIALFUNC = rules_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE frequent_itemsets_agg(text[])
IS 'frequent itemsets of baskets given as arrays of items, most frequent first';

CREATE AGGREGATE frequent_itemsets_agg(anyelement, text, rules_options) (
	SFUNC = rules_accum,
	STYPE = internal,
	SSPACE = 16384,
	FINALFUNC = frequent_itemsets_final_text,
	COMBINEFUNC = rules_combine,
	SERIALFUNC = rules_serialize,
	DESERIALFUNC = rules_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE frequent_itemsets_agg(anyelement, text, rules_options)
IS 'frequent itemsets of baskets given as rows of basket and item, most frequent first';

CREATE AGGREGATE frequent_itemsets_agg(text[], rules_options) (
	SFUNC = rules_accum,
	STYPE = internal,
	SSPACE = 16384,
	FINALFUNC = frequent_itemsets_final_text,
	COMBINEFUNC = rules_combine,
	SERIALFUNC = rules_serialize,
	DESERIALFUNC = rules_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE frequent_itemsets_agg(text[], rules_options)
IS 'frequent itemsets of baskets given as arrays of items, most frequent first';
