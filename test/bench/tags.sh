#!/usr/bin/env bash
# tagset beside text[], intarray and jsonb, each with its GIN index, in one run:
# table size, index build and size, count and fetch of a & b & !(c | d), and
# how good the planner's row estimates are.
#
#   bash test/bench/tags.sh [customers]      default 2000000
#
# Each customer has about 15 of 500 tags, drawn independently from a Zipf
# distribution.  text[] has COLLATE "C", its fastest form.  Queries and builds run
# in one process without parallel workers, everything cached.  Times are processor
# time of that process, which other load on the machine hardly disturbs; of queries
# the best of three rounds is shown, the mean of the runs in it.

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

customers=${1:-2000000}

# shellcheck disable=SC2119
find_postgres
make_workdir
# shellcheck disable=SC2119
build_extension
start_cluster "shared_buffers = '3GB'" "maintenance_work_mem = '512MB'" "work_mem = '64MB'" \
	"max_parallel_workers_per_gather = 0" "jit = off" "checkpoint_timeout = '1h'" "autovacuum = off"

sql() { "$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 -v customers="$customers" "$@"; }

sql <<'SQL'
CREATE EXTENSION recsys;
CREATE EXTENSION intarray;
-- processor time of this backend so far; the kernel adds it up every few milliseconds
CREATE FUNCTION cpu_ms() RETURNS float8 LANGUAGE sql AS
  $$SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::float8 / 1e6$$;
SELECT setseed(0.5) \g /dev/null
CREATE FUNCTION tag_name(rank int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT (ARRAY['buy:', 'city:', 'like:', 'view:', 'member:', 'risk:', 'job:', 'age:', 'brand:', 'app:'])[1 + rank % 10]
    || (ARRAY['lipstick', 'mascara', 'perfume', 'soap', 'wine', 'tea', 'coffee', 'bread', 'milk', 'beer', 'shoes', 'boots', 'coat', 'jeans', 'shirt',
      'phone', 'tablet', 'laptop', 'camera', 'watch', 'book', 'comic', 'novel', 'poster', 'lamp', 'sofa', 'table', 'chair', 'bed', 'carpet', 'rice',
      'noodles', 'fish', 'beef', 'pork', 'tofu', 'apple', 'orange', 'banana', 'grape', 'doll', 'puzzle', 'ball', 'racket', 'bike', 'tent', 'rope',
      'stove', 'knife', 'spoon'])[1 + rank / 10 % 50] $$;
-- exp of a uniform number is Zipf distributed: P(rank = k) = ln((k + 1) / k) / ln 501
CREATE TABLE with_int AS
SELECT i::bigint AS id, uniq(sort(ARRAY(SELECT floor(exp(random() * ln(501::float8)))::int FROM generate_series(1, 18) WHERE i > 0))) AS tags
FROM generate_series(1, :customers) i;
CREATE TABLE with_text (id bigint, tags text[] COLLATE "C");
INSERT INTO with_text SELECT id, ARRAY(SELECT tag_name(t) FROM unnest(tags) t) FROM with_int;
CREATE TABLE with_tagset AS SELECT id, tags::tagset AS tags FROM with_text;
CREATE TABLE with_jsonb AS SELECT id, to_jsonb(tags) AS tags FROM with_text;
SQL

echo "tagset against text[], intarray and jsonb: $customers customers, $("$PG_BIN/postgres" --version)"
sql -At -c "SELECT format('%s tags per customer on average', round(avg(tag_count(tags)), 2)) FROM with_tagset"

echo
echo 'table size, index build and index size'
for kind in tagset text int jsonb; do
	opclass=
	[ "$kind" != int ] || opclass=gin__int_ops
	sql -c "VACUUM (FREEZE, ANALYZE) with_$kind" -c CHECKPOINT
	sql -At <<SQL
SELECT cpu_ms() AS begin \\gset
CREATE INDEX ${kind}_gin ON with_$kind USING gin (tags $opclass);
SELECT format('%-8s table %6s MB, index %6s MB, built in %6s s', '$kind', round(pg_table_size('with_$kind') / 1e6),
	round(pg_relation_size('${kind}_gin') / 1e6), round(((cpu_ms() - :begin) / 1000)::numeric, 1));
SQL
done

# The condition of each kind for tags of four ranks.
echo
echo 'a & b & !(c | d): milliseconds'
sql -At <<'SQL'
CREATE FUNCTION condition(kind text, r int[]) RETURNS text LANGUAGE sql AS $$
  SELECT CASE kind
    WHEN 'tagset' THEN format('tags @@ %L', format('%s & %s & !(%s | %s)', n[1], n[2], n[3], n[4]))
    WHEN 'text' THEN format('tags @> %L AND NOT tags && %L', n[1:2], n[3:4])
    WHEN 'int' THEN format('tags @@ %L', format('%s & %s & !(%s | %s)', r[1], r[2], r[3], r[4]))
    WHEN 'jsonb' THEN format('tags ?& %L AND NOT tags ?| %L', n[1:2], n[3:4]) END
  FROM (SELECT ARRAY(SELECT tag_name(x) FROM unnest(r) WITH ORDINALITY u(x, i) ORDER BY i) n) q $$;
CREATE FUNCTION best_ms(query text, runs int, OUT result bigint, OUT ms numeric) LANGUAGE plpgsql AS $$
DECLARE started float8;
BEGIN
  EXECUTE query INTO result;
  FOR round IN 1 .. 3 LOOP
    started := cpu_ms();
    FOR i IN 1 .. runs LOOP
      EXECUTE query INTO result;
    END LOOP;
    ms := least(ms, round(((cpu_ms() - started) / runs)::numeric, 3));
  END LOOP;
END $$;
CREATE TABLE results AS
SELECT kind, class, what, m.*
FROM (VALUES ('rare', '{400,450,300,350}'::int[], 300), ('middling', '{40,50,60,70}', 10), ('frequent', '{2,3,4,5}', 3)) c(class, ranks, runs),
  (VALUES ('count', 'SELECT count(*)'), ('fetch', 'SELECT sum(id)')) w(what, head), unnest(ARRAY['tagset', 'text', 'int', 'jsonb']) kind,
  LATERAL best_ms(format('%s FROM with_%s WHERE %s', head, kind, condition(kind, ranks)), runs) m;
DO $$
BEGIN
  IF EXISTS (SELECT FROM results GROUP BY class, what HAVING count(DISTINCT result) > 1) THEN
    RAISE EXCEPTION 'the kinds differ in their results';
  END IF;
END $$;
SELECT format('%-10s %-6s %8s rows | tagset %9s | text[] %9s (%5s times) | intarray %9s (%5s times) | jsonb %9s (%5s times)', class, what,
  (SELECT result FROM results c WHERE c.class = r.class AND c.what = 'count' LIMIT 1), tagset, text, round(text / NULLIF(tagset, 0), 2), int, round(int / NULLIF(tagset, 0), 2), jsonb, round(jsonb / NULLIF(tagset, 0), 2))
FROM (SELECT class, what, max(ms) FILTER (WHERE kind = 'tagset') tagset, max(ms) FILTER (WHERE kind = 'text') text,
  max(ms) FILTER (WHERE kind = 'int') "int", max(ms) FILTER (WHERE kind = 'jsonb') jsonb FROM results GROUP BY 1, 2) r
ORDER BY array_position(ARRAY['rare', 'middling', 'frequent'], class), what;
SQL

echo
echo 'sequential scan of the same condition (middling): milliseconds'
sql -At <<'SQL'
SET enable_bitmapscan = off;
SELECT format('%-8s %s', kind, ms)
FROM unnest(ARRAY['tagset', 'text', 'int', 'jsonb']) WITH ORDINALITY k(kind, n), LATERAL best_ms(format('SELECT count(*) FROM with_%s WHERE %s', kind, condition(kind, '{40,50,60,70}')), 1) m
ORDER BY n;
SQL

echo
echo 'estimated against actual rows'
sql -At <<'SQL'
CREATE FUNCTION estimated(condition text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT JSON) SELECT * FROM with_tagset WHERE ' || condition INTO plan;
  RETURN (plan->0->'Plan'->>'Plan Rows')::float8;
END $$;
CREATE FUNCTION counted(condition text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE n float8;
BEGIN
  EXECUTE 'SELECT count(*) FROM with_tagset WHERE ' || condition INTO n;
  RETURN n;
END $$;
SELECT setseed(0.25) \g /dev/null
WITH frequency AS MATERIALIZED (SELECT p.tag, p.count_in + p.count_out AS n FROM (SELECT tag_portrait_agg(tags, true) a FROM with_tagset) q, unnest(a) p),
queries AS (
  SELECT 'single tags' AS kind, format('tags @@ %L', tag) AS condition, n::float8 AS actual FROM frequency
  UNION ALL SELECT 'negations', format('tags @@ %L', '!' || tag), :customers - n FROM frequency
  UNION ALL (SELECT 'two tags, and', format('tags @@ %L', tag_name(a) || '&' || tag_name(b)), NULL
    FROM (SELECT DISTINCT 1 + (random() ^ 2 * 200)::int a, 201 + (random() * 200)::int b FROM generate_series(1, 100)) r)
  UNION ALL SELECT 'and not', format('tags @@ %L', tag_name(i) || '& !' || tag_name(i + 1)), NULL FROM generate_series(1, 60, 3) i
  UNION ALL SELECT 'namespaces', format('tags @@ %L', p || ':*'), NULL FROM unnest(ARRAY['buy', 'city', 'like', 'view', 'member', 'risk', 'job', 'age', 'brand', 'app']) p
  UNION ALL SELECT 'other prefixes', format('tags @@ %L', p || '*'), NULL
    FROM unnest(ARRAY['b', 'bu', 'c', 'buy:b', 'city:p', 'like:l', 'view:s', 'member:m', 'risk:t', 'job:c', 'age:n', 'brand:po', 'app:be']) p),
ratios AS (SELECT kind, condition, greatest(e, 1) / greatest(a, 1) AS ratio
  FROM (SELECT kind, condition, estimated(condition) e, COALESCE(actual, counted(condition)) a FROM queries) x)
SELECT format('%-15s %4s queries: estimate / actual from %s to %s', kind, count(*), round(min(ratio)::numeric, 2), round(max(ratio)::numeric, 2)) FROM ratios GROUP BY kind ORDER BY kind;
SQL
