-- tagset and tagquery: text and binary form, constructors, casts, operators

SELECT 'female, city:beijing, wine=0.8, "a, quoted tag"'::tagset;
SELECT ''::tagset = '   '::tagset AS empty, tag_count(''), ''::tagset::text = '' AS prints_empty;
-- white space, quotes, escapes, weights; repeated tags
SELECT ' b ,a=2 , "c"=1.0,a=2e0, hip hop , "hip  hop"=-.5'::tagset;
SELECT '"a\"b", "back\\slash", "x=1", "a|b", "(", 女性, "城市 北京"=1e-7, é'::tagset;
SELECT '"*", "!x", "<", " ", "	", :, it''s'::tagset;
SELECT '0.1'::tagset, 'w=0.1'::tagset, 'w=1e38, v=1.17549435e-38, u=1e-45, t=16777217'::tagset;

-- every tag of one odd character reads back as itself
SELECT count(*) FILTER (WHERE tagset(ARRAY[t])::text::tagset::text[] <> ARRAY[t]) AS lost_in_tagset,
       count(*) FILTER (WHERE NOT tagset(ARRAY[t]) @@ tagset(ARRAY[t])::text::tagquery) AS lost_in_tagquery
FROM generate_series(1, 3000) i, unnest(ARRAY[chr(i), 'a' || chr(i), chr(i) || 'a', 'a' || chr(i) || 'b']) t;

-- errors
\set SHOW_CONTEXT never
CREATE FUNCTION try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text; hint text;
BEGIN
  EXECUTE statement;
  RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN sqlstate || ' ' || sqlerrm || COALESCE(' | ' || NULLIF(detail, ''), '') || COALESCE(' | ' || NULLIF(hint, ''), '');
END $$;
SELECT input, try(format('SELECT %L::tagset', input)) FROM unnest(ARRAY[
  ',', 'a,', ',a', 'a,,b', 'a=', 'a=x', 'a=0', 'a=-0', 'a=nan', 'a=inf', 'a=1e39', 'a=1e-60', 'a=0x10', 'a=1 2', 'a=1=2', '=1',
  '""', '"" = 3', '"a', '"a\', '"a"b', 'a"b"', 'a\b', 'a, a=2', '女性, "', '女性=二', 'a=1e', 'a=.', 'a=+', '{a,b}', '{"a": 1}', 'a}']) WITH ORDINALITY i(input, n)
ORDER BY n;
SELECT try(format('SELECT %L::tagset', repeat('x', 1024))), try(format('SELECT %L::tagset', repeat('x', 1025)));

-- constructors and casts
SELECT tagset('{b,a,b}'::text[]), tagset('{}'::text[]), '{x y,"a,b"}'::text[]::tagset, 'b=2, a'::tagset::text[], ''::tagset::text[];
SELECT tagset('{b,a}', '{2,0.5}'), tagset('{a,a}', '{2,2}'::real[]), tagset('{}', '{}');
SELECT '{"wine": 0.8, "tea": 1, "beer": -2}'::jsonb::tagset, '["b", "a", "b"]'::jsonb::tagset, '{}'::jsonb::tagset, '[]'::jsonb::tagset;
SELECT try(s) FROM unnest(ARRAY[
  $$SELECT tagset('{a,NULL}'::text[])$$, $$SELECT tagset('{{a,b}}'::text[])$$, $$SELECT tagset('{a,""}'::text[])$$, $$SELECT tagset('{a,b}')$$,
  $$SELECT tagset('{a,b}', '{1}')$$, $$SELECT tagset('{a,b}', '{1,NULL}')$$, $$SELECT tagset('{a,b}', '{1,NaN}')$$,
  $$SELECT tagset('{a,b}', '{1,0}')$$, $$SELECT tagset('{a,a}', '{1,2}')$$, $$SELECT tagset('{a}', '{Infinity}')$$, $$SELECT tagset('{a}', '{1e300}')$$,
  $$SELECT '{"a": "x"}'::jsonb::tagset$$, $$SELECT '{"a": {"b": 1}}'::jsonb::tagset$$, $$SELECT '[1]'::jsonb::tagset$$,
  $$SELECT '"a"'::jsonb::tagset$$, $$SELECT '[["a"]]'::jsonb::tagset$$, $$SELECT '{"a": 0}'::jsonb::tagset$$,
  $$SELECT '{"": 1}'::jsonb::tagset$$, $$SELECT '{"a": 1e99}'::jsonb::tagset$$, $$SELECT 'null'::jsonb::tagset$$,
  $$SELECT tagset(array_agg('t' || i)) FROM generate_series(1, 1048577) i$$]) WITH ORDINALITY u(s, n) ORDER BY n;
CREATE TEMP TABLE cast_target (tags tagset);
INSERT INTO cast_target SELECT ARRAY['x', 'a'] RETURNING tags;

-- sets whose tag bytes need ends of 1, 2 and 4 bytes; the limits
SELECT n, tag_count(t) AS tags, pg_column_size(t) AS bytes, t::text::tagset = t AS same,
       t::text[] = ARRAY(SELECT x FROM unnest(a) x ORDER BY x COLLATE "C") AS sorted
FROM unnest(ARRAY[0, 1, 51, 52, 13107, 13108, 30000]) n,
     LATERAL (SELECT array_agg(to_char(i, 'FM00000')) FROM generate_series(n, 1, -1) i) g(a),
     LATERAL (SELECT tagset(COALESCE(a, '{}'))) s(t)
ORDER BY n;
SELECT tag_count(t) AS most, tag_weight(t, 't1048576') FROM (SELECT tagset(array_agg('t' || i)) t FROM generate_series(1, 1048576) i) s;
-- weights cost nothing while all are 1
SELECT pg_column_size('a, b, c'::tagset) AS plain, pg_column_size('a=1, b=1, c=1.0'::tagset) AS ones, pg_column_size('a, b, c=2'::tagset) AS weighted;

-- binary form
SELECT tagset_send('b=2, 女'), tagset_send(''), tagset_send('a');
CREATE TEMP TABLE binary_source AS
SELECT i, tagset(array_agg(chr(33 + (i * j) % 900) || j), array_agg((1 + (i + j) % 3)::real / 2)) AS tags,
       (string_agg('t' || j, CASE WHEN i % 2 = 0 THEN ' & ' ELSE ' | ' END) || ' & !(x* | "y z">=0.25)')::tagquery AS query
FROM generate_series(1, 50) i, generate_series(1, i % 7 + 1) j GROUP BY i;
INSERT INTO binary_source VALUES (0, '', '');
CREATE TEMP TABLE binary_target (LIKE binary_source);
SELECT format('/tmp/recsys_tags_%s.bin', pg_backend_pid()) AS file \gset
COPY binary_source TO :'file' (FORMAT binary);
COPY binary_target FROM :'file' (FORMAT binary);
\setenv RECSYS_FILE :file
\! rm -f "$RECSYS_FILE"
SELECT count(*) AS rows, (SELECT count(*) FROM (TABLE binary_source EXCEPT ALL TABLE binary_target) d) AS lost FROM binary_target;

-- tagquery: parsing, precedence, simplification
SELECT input, input::tagquery FROM unnest(ARRAY[
  '', '  ', 'a', 'a&b|c', 'a&(b|c)', '(a|b)&(c|d)', 'a | b & c', '!a', '!!a', '!!!a', '! ( a & b )', '((a))', 'a & (b & c)', 'a | (b | (c | d))',
  'a & a', 'a | a', 'a & !a', 'a | !a', '(a & !a) | b', '(a | !a) & b', '!(a | !a)', 'a & (b & !a)', '!(a & b) | (a & b)', '* | !*',
  'buy:*', '"buy: x"*', '*', '!*', '"*"', 'wine>0.5', 'wine >= 5e-1', 'wine<.5', 'wine<=-1', 'wine=1', 'wine<>2', 'wine!=2', 'x*>0.1', '*>0.1',
  '!wine>0.5', 'a=-0', '"a b" & "c|d" & "e\"f" & 女性', 'it''s & a:b/c-d.e']) WITH ORDINALITY i(input, n) ORDER BY n;
SELECT input, try(format('SELECT %L::tagquery', input)) FROM unnest(ARRAY[
  'a b', 'a &', '& a', 'a & | b', '(a', 'a)', '()', '!', 'a!', 'a!b', 'a *', 'a**', 'a*b', 'a>', 'a>b', 'a>1b', 'a>1>2', 'a>1e99', 'a>nan', 'a,b', '"a', '""', '""*', 'a\b',
  '女性 男性', '>1', 'a=='] ) WITH ORDINALITY i(input, n) ORDER BY n;
SELECT try(format('SELECT %L::tagquery', repeat('x', 1025))), try(format('SELECT %L::tagquery', repeat('x', 1024) || '*'));
-- deep and large queries: parentheses that mean nothing do not count
SELECT (repeat('(', 1000) || 'a' || repeat(')', 1000))::tagquery, (repeat('!', 10001) || 'a')::tagquery;
SELECT try(format('SELECT %L::tagquery', repeat('(a & (b | ', 124) || 'c' || repeat('))', 124))) AS fits,
       try(format('SELECT %L::tagquery', repeat('(a & (b | !', 124) || 'c' || repeat('))', 124))) AS too_deep,
       try(format('SELECT %L::tagquery', repeat('(', 1000000) || 'a')) ~ '54001' AS stack_is_guarded;
SELECT try(format('SELECT %L::tagquery', (SELECT string_agg('t' || i, '|') FROM generate_series(1, 65536) i))) AS too_large;

-- combining
SELECT 'a | b'::tagquery && 'c', 'a & b'::tagquery && 'b & c', 'a'::tagquery || 'b | a', !!'a & b'::tagquery, !! !!'a'::tagquery,
       'a'::tagquery && '', 'a'::tagquery || '', !!''::tagquery, !!''::tagquery && 'a', 'a'::tagquery || !!'a'::tagquery;
SELECT 'a&b'::tagquery = '(a) & b', 'a & b'::tagquery <> 'b & a', count(DISTINCT q::text), tagquery_hash('a') = tagquery_hash('!!a')
FROM unnest(ARRAY['a', '!!a', 'b']::tagquery[]) q;
SELECT q, count(*) FROM unnest(ARRAY['a', '!!a', 'b']::tagquery[]) q GROUP BY q ORDER BY q::text;

-- matching
SELECT q, array_agg(i ORDER BY i) FILTER (WHERE t @@ q::tagquery) AS matches, bool_and((t @@ q::tagquery) = (q::tagquery @@ t)) AS commutes
FROM unnest(ARRAY[''::tagset, 'a', 'b', 'a, b', 'buy:lip, wine=0.8', 'buy:tea=0.2, wine=0.5', '"buy:"']) WITH ORDINALITY s(t, i),
     unnest(ARRAY['', 'a', '!a', 'a & b', 'a | b', 'a & !b', '!(a | b)', 'buy:*', 'bu*', '!buy:*', '*', '!*', '* | !*', 'wine', 'wine>0.5', 'wine>=0.5', 'wine=0.5',
       'wine<0.8', 'wine<>0.8', '!wine>0.5', 'buy:*<0.5', '*<1', 'a=1', 'b*', 'c*', '"buy:"', 'wine=0.8']) WITH ORDINALITY u(q, n)
GROUP BY q, n ORDER BY n;

-- the other operators
SELECT 'a, b=2'::tagset @> 'b', 'a, b'::tagset @> 'a, b, c', 'a'::tagset @> '', ''::tagset @> '', ''::tagset <@ 'a', 'a, b'::tagset <@ 'b, a=3';
SELECT 'a, b'::tagset && 'b, c', 'a'::tagset && 'b', ''::tagset && '', 'a'::tagset && '';
SELECT 'a, b'::tagset @> 'b'::text, 'a, b'::tagset @> 'a, b'::text, 'b'::text <@ 'a, b'::tagset, 'a'::tagset @> ''::text;
SELECT 'a=1, b=4, c'::tagset | 'b=2, d', 'a=1, b=4, c'::tagset & 'b=2, c=3, d', 'a, b=4, c'::tagset - 'b, d', ''::tagset | '', ''::tagset & 'a', 'a'::tagset - 'a';
SELECT 'a, b'::tagset = 'b, a', 'a=2'::tagset = 'a', 'a=2'::tagset <> 'a', 'a'::tagset < 'a, b', 'a, c'::tagset < 'b', 'a=-1'::tagset < 'a', ''::tagset < 'a', 'B'::tagset < 'a', 'a'::tagset >= 'a', 'é'::tagset > 'z';
SELECT round(('a, b'::tagset <=> 'a, b')::numeric, 12) AS same, round(('a'::tagset <=> 'b')::numeric, 12) AS apart, round(('a, b'::tagset <=> 'a')::numeric, 12) AS half,
       round(('a=3, b=4'::tagset <=> 'a=4, b=3')::numeric, 12) AS weighted, 'a'::tagset <=> 'a=-1' AS opposite, 'a=1e38, b=1e-38'::tagset <=> 'b=1e-38' AS tiny,
       ''::tagset <=> 'a' AS with_empty, ''::tagset <=> '' AS both_empty;
SELECT 'a, b'::tagset <-> 'a, b=2' AS same, 'a'::tagset <-> 'b' AS apart, 'a, b, c'::tagset <-> 'b, c, d' AS half, ''::tagset <-> 'a' AS with_empty, ''::tagset <-> '' AS both_empty;
SELECT tag_weight('a=2, b', 'a'), tag_weight('a=2, b', 'b'), tag_weight('a=2, b', 'c'), tag_weight('', 'a');
SELECT tag_filter('buy:a, buy:b=2, "buy", bux, c', 'buy:'), tag_filter('a, b', ''), tag_filter('a', 'ab'), tag_filter('', 'x');
SELECT tag_top('a, b=3, c=3, d=-5', 2), tag_top('a, b', 0), tag_top('a, b', 5), try($$SELECT tag_top('a', -1)$$);
SELECT * FROM tags('b=2.5, a, "c d"');
SELECT x.i, t.* FROM (VALUES (1, 'b, a=2'::tagset), (2, ''), (3, 'c')) x(i, s), tags(s) t;
SELECT tags('b, a=3');
SELECT * FROM tags(NULL);

-- order and hashing agree with equality, for random sets
SELECT setseed(0.5);
CREATE TEMP TABLE random_sets AS
SELECT i, tagset(COALESCE(array_agg(DISTINCT chr(97 + (random() * 3)::int) || repeat('x', (random() * 2)::int)) FILTER (WHERE j > 0), '{}')) AS t
FROM generate_series(1, 300) i, generate_series(0, i % 4) j GROUP BY i;
UPDATE random_sets SET t = tagset(t::text[], (SELECT array_agg((1 + k % 2)::real) FROM generate_series(1, tag_count(t)) k)) WHERE i % 3 = 0 AND tag_count(t) > 0;
SELECT count(*) AS pairs,
  count(*) FILTER (WHERE (a.t = b.t) <> (a.t::text = b.t::text)) AS eq,
  count(*) FILTER (WHERE (a.t = b.t) AND (tagset_hash(a.t) <> tagset_hash(b.t) OR tagset_hash_extended(a.t, 7) <> tagset_hash_extended(b.t, 7))) AS hash,
  count(*) FILTER (WHERE (a.t < b.t)::int + (a.t = b.t)::int + (a.t > b.t)::int <> 1 OR (a.t < b.t) <> (b.t > a.t)) AS trichotomy,
  count(*) FILTER (WHERE (a.t @> b.t) <> (a.t::text[] @> b.t::text[]) OR (a.t && b.t) <> (a.t::text[] && b.t::text[]) OR (a.t <@ b.t) <> (a.t::text[] <@ b.t::text[])) AS against_arrays,
  count(*) FILTER (WHERE (a.t | b.t)::text[] <> ARRAY(SELECT x FROM (SELECT unnest(a.t::text[]) x UNION SELECT unnest(b.t::text[])) u ORDER BY x COLLATE "C")) AS unions,
  count(*) FILTER (WHERE (a.t & b.t)::text[] <> ARRAY(SELECT x FROM (SELECT unnest(a.t::text[]) x INTERSECT SELECT unnest(b.t::text[])) u ORDER BY x COLLATE "C")) AS intersections,
  count(*) FILTER (WHERE (a.t - b.t)::text[] <> ARRAY(SELECT x FROM (SELECT unnest(a.t::text[]) x EXCEPT SELECT unnest(b.t::text[])) u ORDER BY x COLLATE "C")) AS differences,
  count(*) FILTER (WHERE ((a.t | b.t) & a.t) <> a.t OR ((a.t & b.t) | a.t) <> a.t OR (a.t | b.t) <> (b.t | a.t)) AS lattice,
  count(*) FILTER (WHERE abs((a.t <=> b.t) - (b.t <=> a.t)) > 1e-12 OR (a.t <-> b.t) <> (b.t <-> a.t)) AS symmetry,
  count(*) FILTER (WHERE (a.t <=> b.t) NOT BETWEEN 0 AND 2 OR (a.t <-> b.t) NOT BETWEEN 0 AND 1) AS distances
FROM random_sets a, random_sets b WHERE a.i <= 100;
SELECT count(*) = (SELECT count(DISTINCT t::text) FROM random_sets) AS distinct_by_sort FROM (SELECT DISTINCT t FROM random_sets) d;
SET enable_sort = off;
SELECT count(*) = (SELECT count(DISTINCT t::text) FROM random_sets) AS distinct_by_hash FROM (SELECT t FROM random_sets GROUP BY t) d;
RESET enable_sort;
SELECT 'a && b'::tagquery;
SELECT 'a AND b'::tagquery;
SELECT 'a || b'::tagquery;
SELECT 'a android'::tagquery;
-- what one text may take: no tag costs more than its bytes, and a query of too many leaves ends before it takes them
CREATE FUNCTION tags_of(text) RETURNS tagset LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
CREATE FUNCTION query_of(text) RETURNS tagquery LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
SELECT tags_of(repeat('a,"b",', 500000) || 'c');
SELECT octet_length(query_of(repeat('a & ', 65535) || 'a')::text);
DO $$ BEGIN PERFORM query_of(repeat('a & ', 65536) || 'a'); EXCEPTION WHEN program_limit_exceeded THEN RAISE NOTICE '%', sqlerrm; END $$;
DROP FUNCTION tags_of, query_of;
DROP FUNCTION try;
