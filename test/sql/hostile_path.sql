-- Nothing is found through search_path: with a schema before pg_catalog in which
-- every function and operator of pg_catalog has a namesake that raises an
-- error, beside types and tables of hostile names there and in pg_temp,
-- everything gives what it gave before.  And with row-level security every
-- door shows a user what that user may see.
SET client_min_messages = warning;
CREATE TABLE shop (u int, i bigint, w float8, ts timestamptz, tags tagset);
INSERT INTO shop SELECT n % 60, n * 7 % 23, 1 + n % 3, '2024-01-01 UTC'::timestamptz + n % 300 * interval '1 day', tagset(ARRAY['t' || n % 9])
FROM generate_series(1, 900) n;
CREATE INDEX ON shop (u);
CREATE INDEX ON shop (i);
CREATE INDEX ON shop USING gin (tags);
ANALYZE shop;
CREATE TABLE groups AS SELECT 'a' AS dimension, t.tag AS name, audience_agg(u) AS members FROM shop, tags(tags) t GROUP BY 2
UNION ALL SELECT 'b', 'item ' || i, audience_agg(u) FROM shop GROUP BY 2;

-- calls that read and calls of every aggregate family; nothing in them depends on a path but for the callee
CREATE TABLE call (n int PRIMARY KEY, query text);
INSERT INTO call VALUES
  (1, $$SELECT * FROM public.association_rules('SELECT u, i FROM public.shop', min_count => 1, max_length => 3)$$),
  (2, $$SELECT * FROM public.frequent_itemsets('SELECT u, i FROM public.shop', min_count => 5)$$),
  (3, $$SELECT * FROM public.sequence_rules('SELECT u, i, ts FROM public.shop', '300 days', min_count => 1)$$),
  (4, $$SELECT * FROM public.item_similarity('SELECT u, i, w, ts FROM public.shop', measure => 'cosine', half_life => '30 days')$$),
  (5, $$SELECT * FROM public.item_similarity('SELECT u, i, w, ts FROM public.shop', tune => true)$$),
  (6, $$SELECT * FROM public.rfm_table('SELECT u, ts, w FROM public.shop', as_of => '2024-12-31')$$),
  (7, $$SELECT * FROM public.audience_cross('SELECT dimension, name, members FROM public.groups', depth => 2)$$),
  (8, $$SELECT public.audience_eval('"t1" & !"item 3"', 'SELECT name, members FROM public.groups')$$),
  (9, $$SELECT public.tagset_agg('x') , public.tag_profile_agg(tags, w, ts, '10 days'), public.tag_portrait_agg(tags, u OPERATOR(pg_catalog.<) 9) FROM public.shop$$),
  (10, $$SELECT public.association_rules_agg(u, i, public.rules_options(min_count => 1, max_length => 3)), public.item_similarity_agg(u, i, w) FROM public.shop$$),
  (11, $$SELECT public.cohort_retention_agg(u, ts, 'month'), public.second_order_rate_agg(u, ts), public.repurchase_clock_agg(ts) FROM public.shop$$),
  (12, $$SELECT public.rfm_cuts_agg(w, i, w), public.gini_agg(w), public.audience_measure_agg(u, i) FROM public.shop$$),
  (13, $$SELECT u, i FROM public.shop WHERE tags OPERATOR(public.@@) 't1 & !t2'$$),
  (14, $$SELECT public.rfm(ts, i, w) OVER () FROM public.shop$$),
  (15, $$SELECT * FROM public.recommend('public.hostile_shop', 7, 5, half_life => '30 days', as_of => '2024-12-31')$$),
  (16, $$SELECT * FROM public.recommend('public.hostile_shop', 100000, 5)$$),
  (17, $$SELECT * FROM public.recommend_basket('public.hostile_shop', '{1,2}', 5, per_category => 1, lambda => 0.5)$$),
  (18, $$SELECT * FROM public.similar_items('public.hostile_shop', 3, 5)$$),
  (19, $$SELECT * FROM public.best_sellers('public.hostile_shop', '300 days', 5, '2024-10-20')$$),
  (20, $$SELECT * FROM public.recommend_all('public.hostile_shop', 3)$$),
  (21, $$SELECT public.refresh_recommender('public.hostile_shop')$$),
  (22, $$SELECT public.create_recommender('public.hostile_text', 'SELECT u, i, w, ts FROM public.shop_text',
    items => 'SELECT id, category, true AS available FROM public.products_text')$$),
  (23, $$SELECT * FROM public.recommend(NULL::pg_catalog.text, 'public.hostile_text', 'u7', 5)$$),
  (24, $$SELECT * FROM public.recommend(NULL::pg_catalog.text, 'public.hostile_text', 'nobody', 5, filter => 'category IS NOT NULL')$$),
  (25, $$SELECT public.refresh_recommender('public.hostile_text', incremental => true)$$),
  (26, $$SELECT public.rename_recommender('public.hostile_text', 'hostile_other')$$),
  (27, $$SELECT name::pg_catalog.oid::pg_catalog.regclass OPERATOR(pg_catalog.<>) 0, query, items FROM public.recommenders$$),
  (28, $$SELECT public.drop_recommender('public.hostile_other')$$),
  (29, $$SELECT * FROM public.rules_apply('SELECT lhs, rhs, confidence FROM public.some_rules', '{1,2,3}'::pg_catalog.int8[], 5)$$),
  (30, $$SELECT * FROM public.cross_similarity('SELECT u, i, i, w, ts FROM public.shop')$$),
  (31, $$SELECT * FROM public.tag_similarity('SELECT i, public.tagset_union_agg(tags) FROM public.shop GROUP BY i')$$),
  (32, $$SELECT * FROM public.audience_reach('SELECT name, members FROM public.groups')$$),
  (33, $$SELECT * FROM public.rfm_scheme_check('SELECT ''all'', 1, 5, 1, 4, 1, 5')$$),
  (34, $$SELECT public.create_recommender('public.hostile_log', 'SELECT u, i, w, ts FROM public.shop',
    items => 'SELECT id, category, price, available FROM public.products', users => 'SELECT u, crowds FROM public.crowds',
    consent => 'SELECT u FROM public.shop', log => true)$$),
  (35, $$SELECT * FROM public.recommend('public.hostile_log', 7, 5, log => true)$$),
  (36, $$SELECT * FROM public.recommend('public.hostile_log', 100000, 5, tags => '{c1}', explore => 0.5, filter => 'price IS NOT NULL', log => true)$$),
  (37, $$SELECT * FROM public.recommend_page('public.hostile_log', 7, ARRAY[public.page_slot('popular', 2), public.page_slot('best_sellers', 2, period => '9999 days'), public.page_slot('recommend', 2)])$$),
  (38, $$SELECT * FROM public.rerank('public.hostile_log', 7, '{1,2,3}')$$),
  (39, $$SELECT * FROM public.bundle('public.hostile_log', 3, 3, views => 'public.hostile_shop', filter => 'price IS NOT NULL')$$),
  (40, $$SELECT * FROM public.cart_topup('public.hostile_log', '{1,2}', 5, 5)$$),
  (41, $$SELECT * FROM public.searched_also_bought('public.hostile_log', 'SELECT category, id, 1 FROM public.products', '{c1,c2}', 5)$$),
  (42, $$SELECT public.log_recommendation('public.hostile_log', 7, '{1,2}'::pg_catalog.int8[], 'mail') OPERATOR(pg_catalog.>) 0$$),
  (43, $$SELECT * FROM public.recommender_report('public.hostile_log', orders => 'SELECT u, id, price, pg_catalog.clock_timestamp() FROM public.crowds, public.products',
    clicks => 'SELECT u, id, pg_catalog.clock_timestamp() FROM public.crowds, public.products')$$),
  (44, $$SELECT public.refresh_recommender('public.hostile_log', incremental => true)$$),
  (45, $$SELECT public.drop_recommender('public.hostile_log')$$);
CREATE TABLE products AS SELECT DISTINCT i AS id, 'c' || i % 4 AS category, i % 5 > 0 AS available, (1 + i % 3)::numeric AS price FROM shop;
CREATE TABLE crowds AS SELECT u, ARRAY['c' || u % 3] AS crowds FROM shop GROUP BY u;
CREATE TABLE products_text AS SELECT 'k' || id AS id, category FROM products;
CREATE TABLE shop_text AS SELECT 'u' || u AS u, 'k' || i AS i, w, ts FROM shop;
CREATE INDEX ON shop_text (u);
CREATE TABLE some_rules AS SELECT * FROM association_rules('SELECT u, i FROM public.shop', min_count => 1, max_length => 2);
SELECT create_recommender('hostile_shop', 'SELECT u, i, w, ts FROM public.shop', items => 'SELECT id, category, available FROM public.products') > 0 AS built;
-- every function that reads a query or a recommender is among them
SELECT DISTINCT p.proname FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid AND extname = 'recsys'
WHERE p.proargnames && '{query,rules,name}' AND pronargs > 0 AND NOT EXISTS (SELECT FROM call WHERE query ~ ('\mpublic\.' || proname || '\('));
CREATE TABLE answer (n int, hostile boolean, result text);
CREATE FUNCTION ask(hostile boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  c public.call;
  result pg_catalog.text;
BEGIN
  FOR c IN SELECT * FROM public.call ORDER BY n LOOP
    PERFORM pg_catalog.set_config('search_path', CASE WHEN hostile THEN 'trap, pg_catalog, public' ELSE 'public' END, true);
    BEGIN
      EXECUTE pg_catalog.format('SELECT pg_catalog.string_agg(r::pg_catalog.text, E''\n'') FROM (%s) r', c.query) INTO result;
    EXCEPTION WHEN OTHERS THEN
      result := pg_catalog.concat('ERROR: ', SQLERRM);
    END;
    PERFORM pg_catalog.set_config('search_path', 'public', true);
    INSERT INTO public.answer VALUES (c.n, hostile, result);
  END LOOP;
END $$;
SELECT ask(false);

-- the traps
CREATE SCHEMA trap;
DO $$
DECLARE
  f record;
  arguments text;
BEGIN
  FOR f IN SELECT * FROM pg_catalog.pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind IN ('f', 'a') AND provariadic = 0 LOOP
    SELECT string_agg(format_type(t, NULL), ', ' ORDER BY k) INTO arguments FROM unnest(f.proargtypes::oid[]) WITH ORDINALITY a(t, k);
    BEGIN
      EXECUTE format('CREATE FUNCTION trap.%I(%s) RETURNS %s%s LANGUAGE plpgsql AS %L', f.proname, arguments, CASE WHEN f.proretset THEN 'SETOF ' END,
        format_type(f.prorettype, NULL), format('BEGIN RAISE EXCEPTION %L; END', 'trapped by ' || f.proname));
    EXCEPTION WHEN OTHERS THEN -- pseudo-types that plpgsql does not take
    END;
  END LOOP;
  FOR f IN SELECT o.*, p.proname FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_proc p ON p.oid = oprcode WHERE oprnamespace = 'pg_catalog'::regnamespace LOOP
    BEGIN
      EXECUTE format('CREATE OPERATOR trap.%s (%s RIGHTARG = %s, FUNCTION = trap.%I)', f.oprname,
        CASE WHEN f.oprleft <> 0 THEN format('LEFTARG = %s,', format_type(f.oprleft, NULL)) END, format_type(f.oprright, NULL), f.proname);
    EXCEPTION WHEN OTHERS THEN
    END;
  END LOOP;
END $$;
SELECT (SELECT count(*) FROM pg_proc WHERE pronamespace = 'trap'::regnamespace) > 2000 AS functions,
  (SELECT count(*) FROM pg_operator WHERE oprnamespace = 'trap'::regnamespace) > 700 AS operators;
\set ECHO none
SELECT format('CREATE DOMAIN %I.%I AS pg_catalog.bool CHECK (VALUE IS NULL AND false)', schema, typname) FROM (
  SELECT typname FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype = 'b' AND typelem = 0
  UNION SELECT typname FROM pg_type t JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND objid = t.oid AND deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid AND extname = 'recsys') t, unnest('{trap,pg_temp}'::text[]) schema
UNION ALL
SELECT format('CREATE VIEW %I.%I AS SELECT 1 / (SELECT 0) AS x', schema, relname) FROM (
  SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v')
  UNION SELECT unnest('{hostile_shop_model,hostile_shop,hostile_shop_lists,hostile_text,shop,groups,products,some_rules,call,answer}'::name[])) t, unnest('{trap,pg_temp}'::text[]) schema
WHERE NOT (schema = 'pg_temp' AND relname IN (SELECT relname FROM pg_class WHERE relnamespace = pg_my_temp_schema())) \gexec
\set ECHO all
SELECT pg_catalog.count(*) OPERATOR(pg_catalog.>) 100 AS views
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) relnamespace WHERE nspname OPERATOR(pg_catalog.=) 'trap';
-- they work
SET search_path = trap, pg_catalog, public;
SELECT 1 = 1;
SELECT length('x');
RESET search_path;

SELECT ask(true);
SELECT p.n, pg_catalog.substr(p.result, 1, 60) AS plain, pg_catalog.substr(h.result, 1, 100) AS hostile
FROM public.answer p, public.answer h WHERE p.n = h.n AND NOT p.hostile AND h.hostile
  AND (p.result OPERATOR(pg_catalog.<>) h.result OR p.result IS NULL OR h.result IS NULL OR p.result OPERATOR(pg_catalog.~) '^ERROR') ORDER BY n;
SELECT count(*) FROM public.answer WHERE hostile;
\c -
SET client_min_messages = warning;
DROP SCHEMA trap CASCADE;
SELECT drop_recommender('hostile_shop');

-- every door, as a user who sees some of the rows, and as one who sees none of the table
CREATE ROLE recsys_half_seeing;
CREATE ROLE recsys_blind;
CREATE TABLE half AS SELECT * FROM shop WHERE u < 30;
CREATE TABLE half_groups AS SELECT * FROM groups WHERE name NOT LIKE 'item 1%';
CREATE TABLE half_rules AS SELECT * FROM some_rules WHERE lhs[1] % 2 = 0;
ALTER TABLE shop ENABLE ROW LEVEL SECURITY;
ALTER TABLE groups ENABLE ROW LEVEL SECURITY;
ALTER TABLE some_rules ENABLE ROW LEVEL SECURITY;
CREATE POLICY half ON shop TO recsys_half_seeing USING (u < 30);
CREATE POLICY half ON groups TO recsys_half_seeing USING (name NOT LIKE 'item 1%');
CREATE POLICY half ON some_rules TO recsys_half_seeing USING (lhs[1] % 2 = 0);
GRANT SELECT ON shop, groups, some_rules TO recsys_half_seeing;
CREATE TABLE door (n int, query text);
INSERT INTO door VALUES
  (1, $$association_rules('SELECT u, i FROM %1$s', min_count => 1, max_length => 3)$$),
  (2, $$frequent_itemsets('SELECT u, i FROM %1$s', min_count => 5)$$),
  (3, $$sequence_rules('SELECT u, i, ts FROM %1$s', '300 days', min_count => 1)$$),
  (4, $$item_similarity('SELECT u, i, w FROM %1$s')$$),
  (5, $$rfm_table('SELECT u, ts, w FROM %1$s', as_of => '2024-12-31')$$),
  (6, $$audience_cross('SELECT dimension, name, members FROM %2$s', depth => 2)$$),
  (7, $$audience_eval('x', 'SELECT ''x'', audience_agg(u) FROM %1$s')$$),
  (8, $$audience_reach('SELECT name, members FROM %2$s ORDER BY name')$$),
  (9, $$rules_apply('SELECT lhs, rhs, confidence FROM %3$s', '{1,2,3}'::bigint[], 5)$$),
  (10, $$rfm_scheme_check('SELECT ''all'', 1, 5, 1, max(1 + u / 15), 1, 5 FROM %1$s')$$);
GRANT SELECT ON door TO recsys_half_seeing, recsys_blind;
GRANT CREATE ON SCHEMA public TO recsys_half_seeing, recsys_blind;
CREATE FUNCTION through(query text, shop text, groups text, rules text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
  EXECUTE 'SELECT string_agg(r::text, E''\n'' ORDER BY r::text) FROM ' || format(query, shop, groups, rules) || ' r' INTO result;
  RETURN result;
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END $$;
CREATE TABLE expected AS SELECT n, query, through(query, 'half', 'half_groups', 'half_rules') AS result, through(query, 'shop', 'groups', 'some_rules') AS of_all FROM door;
GRANT SELECT ON expected TO recsys_half_seeing, recsys_blind;
SELECT n, query FROM expected WHERE result IS NULL OR result = of_all OR result ~ '^.....$' ORDER BY n;
SET ROLE recsys_half_seeing;
SELECT n, through(query, 'shop', 'groups', 'some_rules') = result AS as_it_may FROM expected ORDER BY n;
SET ROLE recsys_blind;
SELECT through(query, 'shop', 'groups', 'some_rules') AS refused, count(*) FROM expected GROUP BY 1;
RESET ROLE;
DROP TABLE shop, groups, some_rules, half, half_groups, half_rules, products, products_text, shop_text, crowds, call, answer, door, expected;
DROP FUNCTION ask, through;
DROP OWNED BY recsys_half_seeing, recsys_blind;
DROP ROLE recsys_half_seeing, recsys_blind;
