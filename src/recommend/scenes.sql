-- scenes: what is served in other places of the shop than recommend()'s.

CREATE FUNCTION rerank(name text, "user" anycompatible, items bigint[],
	base_scores double precision[] DEFAULT NULL, weight double precision DEFAULT 0.5,
	half_life interval DEFAULT NULL, as_of timestamptz DEFAULT NULL,
	OUT item bigint, OUT score double precision, OUT base double precision, OUT taste double precision,
	OUT because bigint[], OUT contributions double precision[])
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 50
AS 'MODULE_PATHNAME', 'recsys_rerank';
COMMENT ON FUNCTION rerank(text, anycompatible, bigint[], double precision[], double precision, interval, timestamptz) IS
	'sorts given items, such as a search result, by a base score and the taste of a user';

CREATE FUNCTION rerank(witness anyelement, name text, "user" anycompatible, items text[],
	base_scores double precision[] DEFAULT NULL, weight double precision DEFAULT 0.5,
	half_life interval DEFAULT NULL, as_of timestamptz DEFAULT NULL,
	OUT item anyelement, OUT score double precision, OUT base double precision, OUT taste double precision,
	OUT because anyarray, OUT contributions double precision[])
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 50
AS 'MODULE_PATHNAME', 'recsys_rerank_typed';
COMMENT ON FUNCTION rerank(anyelement, text, anycompatible, text[], double precision[], double precision, interval, timestamptz) IS
	'sorts given items by a base score and the taste of a user, for items of the type of the first argument';

CREATE FUNCTION bundle(name text, item bigint, n integer DEFAULT NULL, views text DEFAULT NULL,
	deny bigint[] DEFAULT NULL, allow bigint[] DEFAULT NULL, filter text DEFAULT NULL,
	OUT item bigint, OUT score double precision, OUT bought double precision, OUT viewed double precision)
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED COST 500 ROWS 10
AS 'MODULE_PATHNAME', 'recsys_bundle';
COMMENT ON FUNCTION bundle(text, bigint, integer, text, bigint[], bigint[], text) IS
	'the n items that best complete an item: bought in the same orders, but not compared with it in the same sessions';

CREATE FUNCTION bundle(witness anyelement, name text, item anyelement, n integer DEFAULT NULL,
	views text DEFAULT NULL, deny text[] DEFAULT NULL, allow text[] DEFAULT NULL, filter text DEFAULT NULL,
	OUT item anyelement, OUT score double precision, OUT bought double precision, OUT viewed double precision)
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED COST 500 ROWS 10
AS 'MODULE_PATHNAME', 'recsys_bundle_typed';
COMMENT ON FUNCTION bundle(anyelement, text, anyelement, integer, text, text[], text[], text) IS
	'the n items that best complete an item, for items of the type of the first argument';

CREATE FUNCTION searched_also_bought(name text, query text, terms text[], n integer DEFAULT NULL,
	deny bigint[] DEFAULT NULL, allow bigint[] DEFAULT NULL, filter text DEFAULT NULL,
	fallback boolean DEFAULT true,
	OUT item bigint, OUT score double precision, OUT source text, OUT because text[],
	OUT contributions double precision[])
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
AS 'MODULE_PATHNAME', 'recsys_searched_also_bought';
COMMENT ON FUNCTION searched_also_bought(text, text, text[], integer, bigint[], bigint[], text, boolean) IS
	'the n best items for search terms, bought by users who searched for them; the query returns (term, item, score)';

CREATE FUNCTION searched_also_bought(witness anyelement, name text, query text, terms text[],
	n integer DEFAULT NULL, deny text[] DEFAULT NULL, allow text[] DEFAULT NULL, filter text DEFAULT NULL,
	fallback boolean DEFAULT true,
	OUT item anyelement, OUT score double precision, OUT source text, OUT because text[],
	OUT contributions double precision[])
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED COST 1000 ROWS 10
AS 'MODULE_PATHNAME', 'recsys_searched_also_bought_typed';
COMMENT ON FUNCTION searched_also_bought(anyelement, text, text, text[], integer, text[], text[], text, boolean) IS
	'the n best items for search terms, for items of the type of the first argument';

CREATE FUNCTION cart_topup(name text, items bigint[], gap numeric, n integer DEFAULT 10,
	max_items integer DEFAULT 3, candidates integer DEFAULT 100,
	deny bigint[] DEFAULT NULL, allow bigint[] DEFAULT NULL, filter text DEFAULT NULL,
	OUT items bigint[], OUT total numeric, OUT overshoot numeric, OUT score double precision)
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 10
AS 'MODULE_PATHNAME', 'recsys_cart_topup';
COMMENT ON FUNCTION cart_topup(text, bigint[], numeric, integer, integer, integer, bigint[], bigint[], text) IS
	'the n best sets of one to three items, to go with the items of a basket, whose prices just reach a gap';

CREATE FUNCTION cart_topup(witness anyelement, name text, items anyarray, gap numeric, n integer DEFAULT 10,
	max_items integer DEFAULT 3, candidates integer DEFAULT 100,
	deny text[] DEFAULT NULL, allow text[] DEFAULT NULL, filter text DEFAULT NULL,
	OUT items anyarray, OUT total numeric, OUT overshoot numeric, OUT score double precision)
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 10
AS 'MODULE_PATHNAME', 'recsys_cart_topup_typed';
COMMENT ON FUNCTION cart_topup(anyelement, text, anyarray, numeric, integer, integer, integer, text[], text[], text) IS
	'the n best sets of one to three items whose prices just reach a gap, for items of the type of the first argument';

CREATE TYPE page_slot AS (scene text, n integer, items text[], period interval, filter text);
COMMENT ON TYPE page_slot IS 'slot of recommend_page(), made by the function page_slot()';

CREATE FUNCTION page_slot(scene text, n integer, items text[] DEFAULT NULL, period interval DEFAULT NULL,
	filter text DEFAULT NULL)
RETURNS page_slot
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'recsys_page_slot';
COMMENT ON FUNCTION page_slot(text, integer, text[], interval, text) IS
	'makes a slot of recommend_page(): scene, number of rows and what the scene needs';

CREATE FUNCTION recommend_page(name text, "user" anycompatible, slots page_slot[],
	deny bigint[] DEFAULT NULL, allow bigint[] DEFAULT NULL, filter text DEFAULT NULL,
	OUT slot integer, OUT scene text, OUT item bigint, OUT score double precision, OUT source text,
	OUT because bigint[], OUT contributions double precision[])
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED COST 2000 ROWS 30
AS 'MODULE_PATHNAME', 'recsys_recommend_page';
COMMENT ON FUNCTION recommend_page(text, anycompatible, page_slot[], bigint[], bigint[], text) IS
	'the slots of a page for a user, with no item shown twice';

CREATE FUNCTION recommend_page(witness anyelement, name text, "user" anycompatible, slots page_slot[],
	deny text[] DEFAULT NULL, allow text[] DEFAULT NULL, filter text DEFAULT NULL,
	OUT slot integer, OUT scene text, OUT item anyelement, OUT score double precision, OUT source text,
	OUT because anyarray, OUT contributions double precision[])
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL RESTRICTED COST 2000 ROWS 30
AS 'MODULE_PATHNAME', 'recsys_recommend_page_typed';
COMMENT ON FUNCTION recommend_page(anyelement, text, anycompatible, page_slot[], text[], text[], text) IS
	'the slots of a page for a user, for items of the type of the first argument';
