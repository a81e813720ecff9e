-- recommend: a named definition, the model built from it, and what is served.

CREATE TYPE recommender_definition AS (
	query text,
	items_query text,
	options jsonb,
	model regclass,
	built_at timestamptz,
	build_time interval,
	rows bigint,
	users bigint,
	items bigint,
	max_score double precision,
	users_query text,
	lists regclass,
	build_mode text,
	changed bigint,
	consent_query text,
	log regclass
);
COMMENT ON TYPE recommender_definition IS
	'row of the table of a recommender: its query, its options and its last build';

CREATE FUNCTION create_recommender(name text, query text,
	options similarity_options DEFAULT similarity_options(), items text DEFAULT NULL,
	replace boolean DEFAULT false, users text DEFAULT NULL, consent text DEFAULT NULL,
	log boolean DEFAULT NULL)
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000
AS 'MODULE_PATHNAME', 'recsys_create_recommender';
COMMENT ON FUNCTION create_recommender(text, text, similarity_options, text, boolean, text, text, boolean) IS
	'creates a recommender from a query that returns (user, item [, weight [, ts]]), builds its model and returns the number of its items';

CREATE FUNCTION refresh_recommender(name text, incremental boolean DEFAULT false)
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000
AS 'MODULE_PATHNAME', 'recsys_refresh_recommender';
COMMENT ON FUNCTION refresh_recommender(text, boolean) IS
	'rebuilds the model of a recommender, or only what has changed, while readers continue with the old one; returns the number of its items';

CREATE FUNCTION drop_recommender(name text, if_exists boolean DEFAULT false)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'recsys_drop_recommender';
COMMENT ON FUNCTION drop_recommender(text, boolean) IS
	'drops a recommender, definition and model';

CREATE FUNCTION rename_recommender(name text, new_name text)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'recsys_rename_recommender';
COMMENT ON FUNCTION rename_recommender(text, text) IS
	'renames a recommender, with all its tables';

CREATE FUNCTION list_recommenders(OUT name regclass, OUT query text, OUT items_query text, OUT options jsonb,
	OUT model regclass, OUT built_at timestamptz, OUT build_time interval, OUT rows bigint,
	OUT users bigint, OUT items bigint, OUT max_score double precision, OUT users_query text, OUT lists regclass,
	OUT build_mode text, OUT changed bigint, OUT consent_query text, OUT log regclass)
RETURNS SETOF record
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED ROWS 10
AS 'MODULE_PATHNAME', 'recsys_list_recommenders';
COMMENT ON FUNCTION list_recommenders() IS
	'the recommenders that the caller may read';

CREATE VIEW recommenders AS
SELECT l.name, l.query, l.items_query, l.users_query, l.consent_query,
	pg_catalog.jsonb_strip_nulls(l.options) AS options, l.model, l.log, l.built_at,
	pg_catalog.statement_timestamp() OPERATOR(pg_catalog.-) l.built_at AS age,
	l.build_time, l.build_mode, l.changed, l.rows, l.users, l.items
FROM list_recommenders() l;
COMMENT ON VIEW recommenders IS
	'the recommenders that the caller may read: definition, last build, size and age of the model';
GRANT SELECT ON recommenders TO PUBLIC;

CREATE FUNCTION recommend(name text, "user" anycompatible, n integer DEFAULT NULL,
	exclude text DEFAULT 'bought', deny bigint[] DEFAULT NULL, allow bigint[] DEFAULT NULL, filter text DEFAULT NULL,
	context bigint[] DEFAULT NULL, context_weight double precision DEFAULT 2,
	half_life interval DEFAULT NULL, as_of timestamptz DEFAULT NULL,
	fallback boolean DEFAULT true, lambda double precision DEFAULT NULL, per_category integer DEFAULT NULL,
	explore double precision DEFAULT NULL, seed bigint DEFAULT 0, damping double precision DEFAULT NULL, tags text[] DEFAULT NULL,
	log boolean DEFAULT false,
	OUT item bigint, OUT score double precision, OUT source text, OUT because bigint[],
	OUT contributions double precision[])
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 1000 ROWS 10
AS 'MODULE_PATHNAME', 'recsys_recommend';
COMMENT ON FUNCTION recommend(text, anycompatible, integer, text, bigint[], bigint[], text, bigint[], double precision, interval, timestamptz, boolean, double precision, integer, double precision, bigint, double precision, text[], boolean) IS
	'the n best items for a user, with the items of the history that speak for each and what each contributes to the score';

CREATE FUNCTION recommend(witness anyelement, name text, "user" anycompatible,
	n integer DEFAULT NULL,
	exclude text DEFAULT 'bought', deny text[] DEFAULT NULL, allow text[] DEFAULT NULL, filter text DEFAULT NULL,
	context text[] DEFAULT NULL, context_weight double precision DEFAULT 2,
	half_life interval DEFAULT NULL, as_of timestamptz DEFAULT NULL,
	fallback boolean DEFAULT true, lambda double precision DEFAULT NULL, per_category integer DEFAULT NULL,
	explore double precision DEFAULT NULL, seed bigint DEFAULT 0, damping double precision DEFAULT NULL, tags text[] DEFAULT NULL,
	log boolean DEFAULT false,
	OUT item anyelement, OUT score double precision, OUT source text, OUT because anyarray,
	OUT contributions double precision[])
RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 1000 ROWS 10
AS 'MODULE_PATHNAME', 'recsys_recommend_typed';
COMMENT ON FUNCTION recommend(anyelement, text, anycompatible, integer, text, text[], text[], text, text[], double precision, interval, timestamptz, boolean, double precision, integer, double precision, bigint, double precision, text[], boolean) IS
	'the n best items for a user, for items of the type of the first argument';

CREATE FUNCTION recommend_all(name text, n integer, users text DEFAULT NULL,
	exclude text DEFAULT 'bought', deny bigint[] DEFAULT NULL, allow bigint[] DEFAULT NULL, filter text DEFAULT NULL,
	half_life interval DEFAULT NULL, as_of timestamptz DEFAULT NULL,
	fallback boolean DEFAULT true, lambda double precision DEFAULT NULL, per_category integer DEFAULT NULL,
	explore double precision DEFAULT NULL, seed bigint DEFAULT 0, damping double precision DEFAULT NULL,
	OUT "user" bigint, OUT item bigint, OUT score double precision, OUT source text, OUT because bigint[],
	OUT contributions double precision[])
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000000 ROWS 1000000
AS 'MODULE_PATHNAME', 'recsys_recommend_all';
COMMENT ON FUNCTION recommend_all(text, integer, text, text, bigint[], bigint[], text, interval, timestamptz, boolean, double precision, integer, double precision, bigint, double precision) IS
	'the n best items for each user of a query, or of the recommender, as recommend() returns them, computed by parallel workers';

CREATE FUNCTION recommend_all(user_witness anyelement, item_witness anycompatible, name text, n integer, users text DEFAULT NULL,
	exclude text DEFAULT 'bought', deny text[] DEFAULT NULL, allow text[] DEFAULT NULL, filter text DEFAULT NULL,
	half_life interval DEFAULT NULL, as_of timestamptz DEFAULT NULL,
	fallback boolean DEFAULT true, lambda double precision DEFAULT NULL, per_category integer DEFAULT NULL,
	explore double precision DEFAULT NULL, seed bigint DEFAULT 0, damping double precision DEFAULT NULL,
	OUT "user" anyelement, OUT item anycompatible, OUT score double precision, OUT source text,
	OUT because anycompatiblearray, OUT contributions double precision[])
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000000 ROWS 1000000
AS 'MODULE_PATHNAME', 'recsys_recommend_all_typed';
COMMENT ON FUNCTION recommend_all(anyelement, anycompatible, text, integer, text, text, text[], text[], text, interval, timestamptz, boolean, double precision, integer, double precision, bigint, double precision) IS
	'the n best items for each user of a query, for users and items of the types of the first two arguments';

CREATE FUNCTION recommend_basket(name text, items bigint[], n integer DEFAULT NULL,
	deny bigint[] DEFAULT NULL, allow bigint[] DEFAULT NULL, filter text DEFAULT NULL,
	fallback boolean DEFAULT true, lambda double precision DEFAULT NULL, per_category integer DEFAULT NULL,
	explore double precision DEFAULT NULL, seed bigint DEFAULT 0, damping double precision DEFAULT NULL,
	OUT item bigint, OUT score double precision, OUT source text, OUT because bigint[],
	OUT contributions double precision[])
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
AS 'MODULE_PATHNAME', 'recsys_recommend_basket';
COMMENT ON FUNCTION recommend_basket(text, bigint[], integer, bigint[], bigint[], text, boolean, double precision, integer, double precision, bigint, double precision) IS
	'the n best items to go with the items of a basket';

CREATE FUNCTION recommend_basket(witness anyelement, name text, items anyarray,
	n integer DEFAULT NULL, deny text[] DEFAULT NULL, allow text[] DEFAULT NULL, filter text DEFAULT NULL,
	fallback boolean DEFAULT true, lambda double precision DEFAULT NULL, per_category integer DEFAULT NULL,
	explore double precision DEFAULT NULL, seed bigint DEFAULT 0, damping double precision DEFAULT NULL,
	OUT item anyelement, OUT score double precision, OUT source text, OUT because anyarray,
	OUT contributions double precision[])
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
AS 'MODULE_PATHNAME', 'recsys_recommend_basket_typed';
COMMENT ON FUNCTION recommend_basket(anyelement, text, anyarray, integer, text[], text[], text, boolean, double precision, integer, double precision, bigint, double precision) IS
	'the n best items to go with the items of a basket, for items of the type of the first argument';

CREATE FUNCTION similar_items(name text, item bigint, n integer DEFAULT NULL,
	deny bigint[] DEFAULT NULL, allow bigint[] DEFAULT NULL, filter text DEFAULT NULL,
	OUT item bigint, OUT score double precision)
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED COST 500 ROWS 10
AS 'MODULE_PATHNAME', 'recsys_similar_items';
COMMENT ON FUNCTION similar_items(text, bigint, integer, bigint[], bigint[], text) IS
	'the n items that are most similar to an item';

CREATE FUNCTION similar_items(witness anyelement, name text, item anyelement,
	n integer DEFAULT NULL, deny text[] DEFAULT NULL, allow text[] DEFAULT NULL, filter text DEFAULT NULL,
	OUT item anyelement, OUT score double precision)
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED COST 500 ROWS 10
AS 'MODULE_PATHNAME', 'recsys_similar_items_typed';
COMMENT ON FUNCTION similar_items(anyelement, text, anyelement, integer, text[], text[], text) IS
	'the n items that are most similar to an item, for items of the type of the first argument';

CREATE FUNCTION best_sellers(name text, period interval, n integer DEFAULT NULL,
	as_of timestamptz DEFAULT NULL, deny bigint[] DEFAULT NULL, allow bigint[] DEFAULT NULL,
	filter text DEFAULT NULL, category text DEFAULT NULL, OUT item bigint, OUT users bigint)
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 10
AS 'MODULE_PATHNAME', 'recsys_best_sellers';
COMMENT ON FUNCTION best_sellers(text, interval, integer, timestamptz, bigint[], bigint[], text, text) IS
	'the n items that most users had in a period, which ends now or at as_of';

CREATE FUNCTION best_sellers(witness anyelement, name text, period interval,
	n integer DEFAULT NULL, as_of timestamptz DEFAULT NULL, deny text[] DEFAULT NULL,
	allow text[] DEFAULT NULL, filter text DEFAULT NULL, category text DEFAULT NULL,
	OUT item anyelement, OUT users bigint)
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 10
AS 'MODULE_PATHNAME', 'recsys_best_sellers_typed';
COMMENT ON FUNCTION best_sellers(anyelement, text, interval, integer, timestamptz, text[], text[], text, text) IS
	'the n items that most users had in a period, for items of the type of the first argument';

CREATE FUNCTION log_recommendation(name text, "user" anycompatible, items anyarray, scene text,
	sources text[] DEFAULT NULL, scores double precision[] DEFAULT NULL)
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'recsys_log_recommendation';
COMMENT ON FUNCTION log_recommendation(text, anycompatible, anyarray, text, text[], double precision[]) IS
	'records in the log of a recommender that a user was shown some items, and returns their id in the log';

CREATE FUNCTION recommender_report(name text, within interval DEFAULT '7 days', orders text DEFAULT NULL,
	clicks text DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
	OUT scene text, OUT source text, OUT impressions bigint, OUT clicks bigint, OUT click_through double precision,
	OUT conversions bigint, OUT conversion double precision, OUT revenue double precision)
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED COST 100000 ROWS 10
AS 'MODULE_PATHNAME', 'recsys_recommender_report';
COMMENT ON FUNCTION recommender_report(text, interval, text, text, timestamptz, timestamptz) IS
	'impressions, clicks, orders and revenue of what was logged, by scene and source; an order or a click is attributed to the last time that its user was shown its item';
