-- the examples of doc/tags.md
CREATE TABLE customers (id bigint PRIMARY KEY, name text, tags tagset);
INSERT INTO customers VALUES
  (1, 'Ada', 'female, city:beijing, buy:lipstick, buy:tea'),
  (2, 'Bo', 'male, city:shanghai, buy:beer=0.4, wine=0.9'),
  (3, 'Chen', 'female, city:beijing, buy:wine, wine=0.7, risk:refund'),
  (4, 'Dan', 'male, city:beijing, buy:tea'),
  (5, 'Eva', 'female, city:xian, "likes: cats, dogs"'),
  (6, 'Fei', '');
CREATE INDEX ON customers USING gin (tags);

SELECT id, name, tags FROM customers WHERE tags @@ 'female & buy:* & !risk:refund';
SELECT id, name FROM customers WHERE tags @@ 'wine>0.5' ORDER BY id;
SELECT count(*) FROM customers WHERE tags @@ '!(male | female)';

SELECT 'b, a, wine=0.80, b'::tagset;
SELECT 'a,,b'::tagset;
SELECT 'female city:beijing'::tagquery;
SELECT tagset(ARRAY['tea', 'wine']), tagset(ARRAY['tea', 'wine'], ARRAY[0.5, 2]), '{"tea": 0.5, "wine": 2}'::jsonb::tagset;
SELECT 'b=2, a'::tagset::text[];
SELECT '!!(a & (b & c)) | (a & b & c)'::tagquery;
SELECT 'buy:*'::tagquery && !! 'risk:refund'::tagquery AS query;

SELECT 'a=1, b=4, c'::tagset | 'b=2, d' AS both, 'a=1, b=4, c'::tagset & 'b=2, c=3' AS common, 'a, b=4, c'::tagset - 'b' AS without;
SELECT round(('tea, wine=3'::tagset <=> 'wine')::numeric, 4) AS cosine, 'tea, wine=3'::tagset <-> 'wine' AS jaccard;
SELECT t.* FROM customers, tags(tags) t WHERE id = 2;
SELECT tag_filter(tags, 'buy:'), tag_weight(tags, 'wine'), tag_count(tags), tag_top(tags, 1) FROM customers WHERE id = 3;
SELECT a.name, b.name AS like_her FROM customers a, customers b WHERE a.id = 1 AND b.id <> 1 ORDER BY a.tags <-> b.tags, b.id LIMIT 1;

SELECT tagset_agg('city:' || city ORDER BY city) FROM (VALUES ('beijing'), ('xian'), ('beijing')) v(city);
SELECT tagset_union_agg(tags), tagset_intersect_agg(tags) FROM customers WHERE id IN (1, 4);
CREATE TABLE views (user_id bigint, tags tagset, ts timestamptz);
INSERT INTO views VALUES (1, 'lipstick, red', '2024-03-01 00:00Z'), (1, 'lipstick, pink', '2024-03-31 00:00Z'), (1, 'tea', '2024-01-31 00:00Z'), (2, 'beer', '2024-03-01 00:00Z');
SELECT user_id, tag_profile_agg(tags, 1, ts, '30 days', 3) AS profile FROM views GROUP BY user_id ORDER BY user_id;

SELECT p.tag, p.count_in, p.count_out, round(p.tgi) AS tgi, round(p.log_odds::numeric, 2) AS log_odds, round(p.p::numeric, 3) AS p
FROM (SELECT tag_portrait_agg(tags, tags @@ 'city:beijing', tag_portrait_options(min_count => 2)) a FROM customers) q, unnest(a) p
WHERE p.tag <> 'city:beijing' ORDER BY p.z DESC, p.tag;
-- what the text says of spaces, separators and Unicode
SELECT tags @> 'likes: cats, dogs'::text AS one_tag, tags @> 'likes: cats, dogs' AS two_tags FROM customers WHERE id = 5;
SELECT tag_count(('e' || chr(769) || ',' || chr(233))::tagset) AS two, tag_count((normalize('e' || chr(769), NFC) || ',' || chr(233))::tagset) AS one,
       tag_count(('a' || chr(65292) || 'b' || chr(12288))::tagset) AS full_width, ARRAY[' a', 'a']::tagset AS of_array, tagset_agg(t) AS of_rows FROM (VALUES (' a')) v(t);
DROP TABLE customers, views;
