-- recommend_all(): the rows of recommend(), whoever works them out.
-- not random(), which is another one before 15
CREATE FUNCTION pg_temp.u(key bigint, k int) RETURNS float8 LANGUAGE sql IMMUTABLE AS
  $$SELECT ((hashint8extended(key, k) >> 11) & 9007199254740991) / 9007199254740992.0::float8$$;
CREATE TABLE all_orders AS
SELECT (pg_temp.u(g, 1) ^ 2 * 3000)::int AS customer, (pg_temp.u(g, 2) ^ 2 * 120)::int AS product,
	(1 + pg_temp.u(g, 3) * 3)::int AS quantity, '2024-01-01'::timestamptz + pg_temp.u(g, 4) * interval '200 days' AS ordered_at
FROM generate_series(1, 20000) g;
CREATE INDEX ON all_orders (customer);
CREATE TABLE all_products AS
SELECT p AS id, p % 3 <> 1 AS available, (p * 37 % 101)::numeric AS price, chr(97 + p % 5) AS category
FROM generate_series(0, 130) p;
ALTER TABLE all_products ADD PRIMARY KEY (id);
ANALYZE all_orders;
SELECT create_recommender('all_shop', 'TABLE all_orders', similarity_options('cosine', n => 15),
	items => 'SELECT id, available, price, category FROM all_products');

CREATE TEMP TABLE all_cases (label text, mass text, single text);
INSERT INTO all_cases VALUES
	('all users', '5', '5'),
	('no limit', 'NULL', 'NULL'),
	('options', $$4, exclude => '100 days', deny => '{1,2,3}', half_life => '60 days', as_of => '2024-07-01', fallback => false$$,
		$$4, exclude => '100 days', deny => '{1,2,3}', half_life => '60 days', as_of => '2024-07-01', fallback => false$$),
	('filter', $$7, filter => 'price < 50', allow => '{5,6,7,8,9,10,11,12,20,21,22,23,24,25,26}'$$,
		$$7, filter => 'price < 50', allow => '{5,6,7,8,9,10,11,12,20,21,22,23,24,25,26}'$$),
	('spread', '6, lambda => 0.6, per_category => 2, explore => 0.3, seed => 5, damping => 0.2',
		'6, lambda => 0.6, per_category => 2, explore => 0.3, seed => 5, damping => 0.2');
CREATE FUNCTION all_compare(mass text, single text) RETURNS TABLE (who text, rows bigint, users bigint, missing bigint, extra bigint)
LANGUAGE plpgsql AS $$
DECLARE
	workers int;
BEGIN
	EXECUTE format('CREATE TEMP TABLE single ON COMMIT DROP AS SELECT u.customer::bigint AS "user", r.*
		FROM (SELECT DISTINCT customer FROM all_orders) u, recommend(''all_shop'', u.customer, %s) r', single);
	-- without the leader workers do all but the first users, so that they are tested in earnest
	FOR who, workers IN VALUES ('leader', 0), ('leader and workers', 2), ('workers', 2) LOOP
		PERFORM set_config('parallel_leader_participation', (who <> 'workers')::text, true),
			set_config('max_parallel_workers_per_gather', workers::text, true);
		EXECUTE format('CREATE TEMP TABLE mass ON COMMIT DROP AS SELECT * FROM recommend_all(''all_shop'', %s)', mass);
		SELECT count(*), count(DISTINCT m."user") INTO rows, users FROM mass m;
		SELECT count(*) INTO missing FROM (TABLE single EXCEPT ALL TABLE mass) d;
		SELECT count(*) INTO extra FROM (TABLE mass EXCEPT ALL TABLE single) d;
		DROP TABLE mass;
		RETURN NEXT;
	END LOOP;
	DROP TABLE single;
END $$;
SELECT label, who, r.rows > users AS many, users > 1500 AS all_users, missing, extra
FROM all_cases, LATERAL all_compare(mass, single) r ORDER BY label, who;

-- rows of a user come together, best first
SET max_parallel_workers_per_gather = 2;
SET parallel_leader_participation = off;
SELECT count(*) AS users, count(*) FILTER (WHERE last - first + 1 <> n) AS scattered, bool_and(sorted) AS sorted
FROM (SELECT "user", min(ordinality) AS first, max(ordinality) AS last, count(*) AS n,
		array_agg(score ORDER BY ordinality) = array_agg(score ORDER BY score DESC) AS sorted
	FROM recommend_all('all_shop', 3, 'SELECT g FROM generate_series(1, 2500) g', fallback => false) WITH ORDINALITY
	GROUP BY "user") q;

-- the users query: a list, with one who is new, one twice, nobody, none at all
SELECT "user", item, source FROM recommend_all('all_shop', 2, 'VALUES (1), (987654), (NULL), (1)');
SELECT count(*) FROM recommend_all('all_shop', 2, 'SELECT customer FROM all_orders WHERE false');
\set VERBOSITY sqlstate
SELECT * FROM recommend_all('all_shop', 2, 'SELECT 1, 2');
SELECT * FROM recommend_all('all_shop', 2, 'DELETE FROM all_orders RETURNING customer');
SELECT * FROM recommend_all('all_shop', 0);
SELECT * FROM recommend_all('all_shop', 2, explore => 2);
SELECT * FROM recommend_all('nothing', 2);
SELECT * FROM recommend_all(NULL, 2);
SELECT * FROM recommend_all('all_shop', 2, $$VALUES ('x'::text)$$);
\set VERBOSITY default

-- who does it: a weight that depends on the process shows that workers take part
CREATE FUNCTION is_worker() RETURNS int LANGUAGE plpgsql STABLE PARALLEL SAFE
AS 'BEGIN RETURN (pg_backend_pid() <> current_setting(''test.leader'')::int)::int; END';
SELECT set_config('test.leader', pg_backend_pid()::text, false) IS NOT NULL;
SELECT create_recommender('all_process', 'SELECT customer, product, 1 + is_worker() FROM all_orders');
CREATE TEMP TABLE all_single AS
SELECT u.customer::bigint AS "user", r.item, r.score
FROM (SELECT DISTINCT customer FROM all_orders) u, recommend('all_process', u.customer, 1, fallback => false) r;
SET parallel_leader_participation = off;
SELECT round((a.score / s.score)::numeric, 3) AS times, count(*) > 500 AS many
FROM recommend_all('all_process', 1, fallback => false) a JOIN all_single s USING ("user", item) GROUP BY 1 ORDER BY 1;
-- and what the planner does not hold safe is left to the leader
ALTER FUNCTION is_worker() PARALLEL RESTRICTED;
SELECT round((a.score / s.score)::numeric, 3) AS times, count(*) > 500 AS many
FROM recommend_all('all_process', 1, fallback => false) a JOIN all_single s USING ("user", item) GROUP BY 1 ORDER BY 1;

-- an error in a worker is an error, and leaves nothing behind
ALTER FUNCTION is_worker() PARALLEL SAFE;
CREATE OR REPLACE FUNCTION is_worker() RETURNS int LANGUAGE plpgsql STABLE PARALLEL SAFE
AS 'BEGIN RETURN 1 / (pg_backend_pid() = current_setting(''test.leader'')::int)::int; END';
DO $$
BEGIN
	PERFORM count(*) FROM recommend_all('all_process', 1);
EXCEPTION WHEN division_by_zero THEN
	RAISE NOTICE 'caught: %', SQLERRM;
END $$;
SELECT count(*) FROM recommend_all('all_shop', 1, 'SELECT g FROM generate_series(1, 1000) g');

-- what this transaction has done counts in workers as well
BEGIN;
INSERT INTO all_orders SELECT g, 119, 5, '2024-07-01' FROM generate_series(10001, 11500) g;
SELECT count(DISTINCT "user"), bool_and(because = '{119}' OR source = 'popular') AS of_it, bool_or(source = 'personal') AS personal
FROM recommend_all('all_shop', 2, 'SELECT g FROM generate_series(10001, 11500) g');
ROLLBACK;

-- ids of other types
CREATE TABLE all_text AS
SELECT 'Kunde ' || customer AS customer, md5(product::text)::uuid AS product FROM all_orders;
CREATE INDEX ON all_text (customer);
ANALYZE all_text;
SELECT create_recommender('all_text_shop', 'TABLE all_text', similarity_options('cosine', n => 15));
CREATE TEMP TABLE all_text_mass AS
SELECT * FROM recommend_all(NULL::text, NULL::uuid, 'all_text_shop', 4, deny => ARRAY[md5('1')]);
SELECT pg_typeof("user"), pg_typeof(item), pg_typeof(because), count(DISTINCT "user") > 1500 AS all_users
FROM all_text_mass GROUP BY 1, 2, 3;
CREATE TEMP TABLE all_text_single AS
SELECT u.customer AS "user", r.* FROM (SELECT DISTINCT customer FROM all_text) u,
	recommend(NULL::uuid, 'all_text_shop', u.customer, 4, deny => ARRAY[md5('1')]) r;
SELECT (SELECT count(*) FROM (TABLE all_text_mass EXCEPT ALL TABLE all_text_single) d) AS extra,
	(SELECT count(*) FROM (TABLE all_text_single EXCEPT ALL TABLE all_text_mass) d) AS missing;
\set VERBOSITY terse
SELECT * FROM recommend_all('all_text_shop', 2);
SELECT * FROM recommend_all(NULL::text, NULL::text, 'all_text_shop', 2);
SELECT * FROM recommend_all(NULL::bigint, NULL::uuid, 'all_text_shop', 2);
\set VERBOSITY default

-- rights are those of the caller, in workers too
CREATE ROLE regress_all_reader;
GRANT SELECT ON all_shop, all_shop_model, all_orders, all_products TO regress_all_reader;
ALTER TABLE all_orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON all_orders FOR SELECT TO regress_all_reader USING (customer < 100);
SET ROLE regress_all_reader;
SELECT count(DISTINCT "user"), min("user"), max("user") FROM recommend_all('all_shop', 2, fallback => false);
SELECT count(DISTINCT "user") BETWEEN 50 AND 100 AS few
FROM recommend_all('all_shop', 2, 'SELECT g FROM generate_series(1, 2000) g', fallback => false);
RESET ROLE;
REVOKE SELECT ON all_orders FROM regress_all_reader;
SET ROLE regress_all_reader;
\set VERBOSITY terse
SELECT count(*) FROM recommend_all('all_shop', 2);
SELECT count(*) FROM recommend_all('all_shop', 2, 'SELECT 1');
RESET ROLE;

SELECT drop_recommender('all_shop'), drop_recommender('all_process'), drop_recommender('all_text_shop');
DROP TABLE all_orders, all_products, all_text;
DROP FUNCTION is_worker, all_compare;
DROP ROLE regress_all_reader;
