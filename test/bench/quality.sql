-- Tables NAME_train (u, i, w), NAME_fit and NAME_valid (parts of it), NAME_test.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
-- a share, by chance, of all pairs
CREATE FUNCTION drawn(u bigint, i bigint, seed bigint) RETURNS boolean LANGUAGE sql IMMUTABLE
	RETURN (hashint8extended(u * 1000003 + i, seed) & 1023) < 205;

CREATE TABLE gowalla_train (u bigint, i bigint, w float8 DEFAULT 1);
CREATE TABLE gowalla_test (u bigint, i bigint);
\copy gowalla_train (u, i) FROM PROGRAM 'gzip -dc research/gowalla_train.csv.gz' WITH (FORMAT csv, HEADER)
\copy gowalla_test FROM PROGRAM 'gzip -dc research/gowalla_test.csv.gz' WITH (FORMAT csv, HEADER)

CREATE TABLE lastfm_all (u bigint, i bigint, w float8);
\copy lastfm_all FROM PROGRAM 'gzip -dc research/lastfm_user_artists.csv.gz' WITH (FORMAT csv, HEADER)

-- films that a user liked
CREATE TABLE ml_all (u bigint, i bigint, w float8, ts bigint);
\copy ml_all FROM PROGRAM 'gzip -dc research/ml_latest_small_ratings.csv.gz' WITH (FORMAT csv, HEADER)
DELETE FROM ml_all WHERE w < 4;

-- a fifth of each user's items is the test
SELECT format('CREATE TABLE %1$s_test AS SELECT u, i FROM %1$s_all WHERE drawn(u, i, 1)', d),
	format('CREATE TABLE %1$s_train AS SELECT u, i, w FROM %1$s_all WHERE NOT drawn(u, i, 1)', d)
FROM unnest('{lastfm, ml}'::text[]) d \gexec
-- and a fifth of the rest is for validation
SELECT format('CREATE TABLE %1$s_valid AS SELECT u, i FROM %1$s_train WHERE drawn(u, i, 42)', d),
	format('CREATE TABLE %1$s_fit AS SELECT u, i, w FROM %1$s_train WHERE NOT drawn(u, i, 42)', d)
FROM unnest('{lastfm, ml}'::text[]) d \gexec
-- where the test is a fifth of each user's items, so is this
CREATE TABLE gowalla_drawn AS
SELECT u, i, w, rank() OVER (PARTITION BY u ORDER BY hashint8extended(u * 1000003 + i, 77)) <=
	ceil(count(*) OVER (PARTITION BY u) / 5.0) AS valid
FROM gowalla_train;
CREATE TABLE gowalla_valid AS SELECT u, i FROM gowalla_drawn WHERE valid;
CREATE TABLE gowalla_fit AS SELECT u, i, w FROM gowalla_drawn WHERE NOT valid;

-- baskets: the last one is the test, the one before is for validation; what is new in them
CREATE TABLE tafeng_all (u bigint, basket int, future int, i bigint);
\copy tafeng_all FROM PROGRAM 'gzip -dc research/tafeng_baskets.csv.gz' WITH (FORMAT csv, HEADER)
CREATE TABLE tafeng_train AS SELECT u, i, 1::float8 AS w, basket FROM tafeng_all WHERE future = 0;
CREATE TABLE tafeng_test AS SELECT u, i FROM tafeng_all WHERE future = 1 EXCEPT SELECT u, i FROM tafeng_train;
CREATE TABLE tafeng_last AS SELECT u, max(basket) AS basket FROM tafeng_train GROUP BY u;
CREATE TABLE tafeng_fit AS SELECT u, i, w FROM tafeng_train t JOIN tafeng_last l USING (u)
WHERE t.basket < l.basket;
CREATE TABLE tafeng_valid AS SELECT u, i FROM tafeng_train t JOIN tafeng_last l USING (u)
WHERE t.basket = l.basket EXCEPT SELECT u, i FROM tafeng_fit;
