#!/usr/bin/env bash
# tagset beside text[], intarray and jsonb, each with its GIN index, in one run:
# table size, index build and size, count and fetch of a & b & !(c | d), how good
# the planner's row estimates are, and at the end each goal with what was measured.
#
#   bash test/bench/tags.sh [customers]      default 2000000
#
# Each customer has about 15 of 500 tags, drawn independently from a Zipf
# distribution.  text[] has COLLATE "C", its fastest form.  Tables are vacuumed and
# analyzed.  Queries and builds run in one process without parallel workers,
# everything cached.  Times are processor time of that process, which other load on
# the machine disturbs less than time on the clock; they include planning.  The
# kinds take turns, and of each the best of five rounds is shown, the mean of the
# runs in it.

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

sql() { "$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 -v customers="$customers" -P footer=off "$@"; }

sql <<'SQL'
CREATE EXTENSION recsys;
CREATE EXTENSION intarray;
-- processor time of this backend so far; the kernel adds it up every few milliseconds
CREATE FUNCTION cpu_ms() RETURNS float8 LANGUAGE sql AS
  $$SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::float8 / 1e6$$;
SELECT setseed(0.5) \g /dev/null
CREATE FUNCTION tag_name(rank int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT (string_to_array('buy: city: like: view: member: risk: job: age: brand: app:', ' '))
      [1 + rank % 10]
    || (string_to_array('lipstick mascara perfume soap wine tea coffee bread milk beer shoes boots '
      'coat jeans shirt phone tablet laptop camera watch book comic novel poster lamp sofa table '
      'chair bed carpet rice noodles fish beef pork tofu apple orange banana grape doll puzzle '
      'ball racket bike tent rope stove knife spoon', ' '))[1 + rank / 10 % 50] $$;
-- exp of a uniform number is Zipf distributed: P(rank = k) = ln((k + 1) / k) / ln 501
CREATE TABLE with_int AS
SELECT i::bigint AS id, uniq(sort(ARRAY(
    SELECT floor(exp(random() * ln(501::float8)))::int
    FROM generate_series(1, 18) WHERE i > 0))) AS tags
FROM generate_series(1, :customers) i;
CREATE TABLE with_text (id bigint, tags text[] COLLATE "C");
INSERT INTO with_text SELECT id, ARRAY(SELECT tag_name(t) FROM unnest(tags) t) FROM with_int;
CREATE TABLE with_tagset AS SELECT id, tags::tagset AS tags FROM with_text;
CREATE TABLE with_jsonb AS SELECT id, to_jsonb(tags) AS tags FROM with_text;
CREATE TABLE sizes (kind text, table_mb numeric, index_mb numeric, build_s numeric);
SQL

echo "tagset against text[], intarray and jsonb, $customers customers"
"$PG_BIN/postgres" --version
sql -At -c "SELECT round(avg(tag_count(tags)), 2) || ' tags per customer' FROM with_tagset"

for kind in tagset text int jsonb; do
	opclass=
	[ "$kind" != int ] || opclass=gin__int_ops
	sql -c "VACUUM (FREEZE, ANALYZE) with_$kind" -c CHECKPOINT
	sql <<SQL
SELECT cpu_ms() AS begin \\gset
CREATE INDEX ${kind}_gin ON with_$kind USING gin (tags $opclass);
INSERT INTO sizes VALUES ('$kind', round(pg_table_size('with_$kind') / 1e6),
	round(pg_relation_size('${kind}_gin') / 1e6), round(((cpu_ms() - :begin) / 1000)::numeric, 1));
SQL
done
sql -c '\C "sizes and index build (MB, seconds)"' -c "TABLE sizes"

sql <<'SQL'
-- the condition of each kind for tags of four ranks, or of its part a & b alone
CREATE FUNCTION condition(kind text, r int[], whole boolean) RETURNS text LANGUAGE sql AS $$
  SELECT CASE kind
    WHEN 'tagset' THEN format('tags @@ %L', format(q, n[1], n[2], n[3], n[4]))
    WHEN 'int' THEN format('tags @@ %L', format(q, r[1], r[2], r[3], r[4]))
    WHEN 'text' THEN format('tags @> %L' || CASE WHEN whole THEN ' AND NOT tags && %L' ELSE '' END,
      n[1:2], n[3:4])
    WHEN 'jsonb' THEN format('tags ?& %L' || CASE WHEN whole THEN ' AND NOT tags ?| %L' ELSE '' END,
      n[1:2], n[3:4]) END
  FROM (SELECT ARRAY(SELECT tag_name(x) FROM unnest(r) WITH ORDINALITY u(x, i) ORDER BY i) n,
    CASE WHEN whole THEN '%s & %s & !(%s | %s)' ELSE '%s & %s' END q) c $$;
-- times of queries that take turns, each for at least so many milliseconds a round
CREATE FUNCTION best_ms(queries text[], slice float8)
RETURNS TABLE (i int, ms numeric, result bigint) LANGUAGE plpgsql AS $$
DECLARE
  best float8[] := array_fill('Infinity'::float8, ARRAY[cardinality(queries)]);
  results bigint[]; started float8; took float8; runs int;
BEGIN
  FOR round IN 0 .. 5 LOOP
    FOR i IN 1 .. cardinality(queries) LOOP
      started := cpu_ms();
      runs := 0;
      LOOP
        EXECUTE queries[i] INTO result;
        runs := runs + 1;
        took := cpu_ms() - started;
        EXIT WHEN took > slice OR round = 0;
      END LOOP;
      results[i] := result;
      -- round 0 is for the caches
      IF round > 0 THEN best[i] := least(best[i], took / runs); END IF;
    END LOOP;
  END LOOP;
  RETURN QUERY SELECT n, round(best[n]::numeric, 3), results[n]
    FROM generate_series(1, cardinality(queries)) n;
END $$;
CREATE TABLE classes (n int, class text, ranks int[]);
INSERT INTO classes VALUES
  (1, 'rare', '{400,450,300,350}'), (2, 'middling', '{40,50,60,70}'), (3, 'frequent', '{2,3,4,5}');
CREATE TABLE results AS
SELECT class, what, (ARRAY['tagset', 'text', 'int', 'jsonb'])[m.i] AS kind, m.ms, m.result
FROM classes, (VALUES ('count', 'SELECT count(*)', true), ('fetch', 'SELECT sum(id)', true),
    ('a & b', 'SELECT count(*)', false)) w(what, head, whole),
  LATERAL (SELECT array_agg(format('%s FROM with_%s WHERE %s',
        head, kind, condition(kind, ranks, whole)) ORDER BY k.n) AS queries
    FROM unnest(ARRAY['tagset', 'text', 'int', 'jsonb']) WITH ORDINALITY k(kind, n)) q,
  LATERAL best_ms(queries, 100) m;
DO $$
BEGIN
  IF EXISTS (SELECT FROM results GROUP BY class, what HAVING count(DISTINCT result) > 1) THEN
    RAISE EXCEPTION 'the kinds differ in their results';
  END IF;
END $$;
CREATE VIEW compared AS
SELECT c.n, class, what,
  max(result) FILTER (WHERE what <> 'fetch') AS rows,
  max(ms) FILTER (WHERE kind = 'tagset') AS tagset,
  max(ms) FILTER (WHERE kind = 'text') AS text,
  max(ms) FILTER (WHERE kind = 'int') AS "int",
  max(ms) FILTER (WHERE kind = 'jsonb') AS jsonb
FROM results JOIN classes c USING (class) GROUP BY c.n, class, what;
\C 'a & b & !(c | d), and a & b alone: milliseconds, and how many times those of tagset'
SELECT class, what, rows, tagset, text, round(text / tagset, 2) AS times,
  "int", round("int" / tagset, 2) AS times, jsonb, round(jsonb / tagset, 2) AS times
FROM compared ORDER BY n, array_position(ARRAY['count', 'fetch', 'a & b'], what);

\C 'the middling condition by a sequential scan: milliseconds'
SET enable_bitmapscan = off;
SELECT kind, b.ms FROM unnest(ARRAY['tagset', 'text', 'int', 'jsonb']) WITH ORDINALITY k(kind, n),
  LATERAL best_ms(ARRAY[format('SELECT count(*) FROM with_%s WHERE %s', kind,
    condition(kind, '{40,50,60,70}', true))], 1) b ORDER BY n;
RESET enable_bitmapscan;
SQL

sql <<'SQL'
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
CREATE TABLE estimates AS
WITH frequency AS MATERIALIZED (
  SELECT p.tag, p.count_in + p.count_out AS n
  FROM (SELECT tag_portrait_agg(tags, true) a FROM with_tagset) q, unnest(a) p),
queries AS (
  SELECT 'single tags' AS kind, format('tags @@ %L', tag) AS condition, n::float8 AS actual
    FROM frequency
  UNION ALL SELECT 'negations', format('tags @@ %L', '!' || tag), :customers - n FROM frequency
  UNION ALL (SELECT 'two tags, and', format('tags @@ %L', tag_name(a) || '&' || tag_name(b)), NULL
    FROM (SELECT DISTINCT 1 + (random() ^ 2 * 200)::int a, 201 + (random() * 200)::int b
      FROM generate_series(1, 100)) r)
  UNION ALL SELECT 'and not', format('tags @@ %L', tag_name(i) || '& !' || tag_name(i + 1)), NULL
    FROM generate_series(1, 60, 3) i
  UNION ALL SELECT 'namespaces', format('tags @@ %L', p || ':*'), NULL
    FROM unnest(ARRAY['buy', 'city', 'like', 'view', 'member', 'risk', 'job', 'age', 'brand',
      'app']) p
  UNION ALL SELECT 'other prefixes', format('tags @@ %L', p || '*'), NULL
    FROM unnest(ARRAY['b', 'bu', 'c', 'buy:b', 'city:p', 'like:l', 'view:s', 'member:m', 'risk:t',
      'job:c', 'age:n', 'brand:po', 'app:be']) p)
SELECT kind,
  greatest(estimated(condition), 1) / greatest(COALESCE(actual, counted(condition)), 1) AS ratio
FROM queries;
\C 'estimated rows, as a multiple of the actual rows'
SELECT kind, count(*) AS queries, round(min(ratio)::numeric, 2) AS least,
  round(max(ratio)::numeric, 2) AS greatest
FROM estimates GROUP BY kind ORDER BY kind;

\C 'goals'
SELECT goal, measured, sign || ' ' || wanted AS wanted,
  CASE WHEN (measured - wanted) * CASE sign WHEN '<=' THEN -1 ELSE 1 END >= 0
    THEN 'yes' ELSE 'no' END AS met
FROM (
  SELECT n, 0 AS class, format('%s / the same with text[]', what) AS goal,
    round(tagset / text, 2) AS measured, '<=' AS sign, 1.0 AS wanted
  FROM sizes a, sizes b, LATERAL (VALUES (1, 'table size', a.table_mb, b.table_mb),
    (2, 'index size', a.index_mb, b.index_mb), (3, 'index build', a.build_s, b.build_s))
    v(n, what, tagset, text)
  WHERE a.kind = 'tagset' AND b.kind = 'text'
  UNION ALL SELECT 3 + k, n, format('%s, %s: times as fast as %s', class, what, kind),
    round(ms / tagset, 2), '>=', wanted
  FROM compared, LATERAL (VALUES (1, 'text[]', text, 1.5), (2, 'intarray', "int", 1.0))
    v(k, kind, ms, wanted)
  WHERE what <> 'a & b'
  UNION ALL SELECT 6, 0, format('estimate, %s: times wrong at worst', kind),
    round(max(greatest(ratio, 1 / ratio))::numeric, 2), '<=',
    CASE kind WHEN 'single tags' THEN 1.5 ELSE 3.0 END
  FROM estimates WHERE kind <> 'and not' GROUP BY kind) g
ORDER BY n, class, goal;

-- what a & b takes, anything needs that finds it in GIN and visits the rows
\C 'text[] on the condition / on a & b alone: how much faster it were with negations for nothing'
SELECT w.class, round(w.text / p.text, 2) AS times
FROM compared w JOIN compared p USING (class)
WHERE w.what = 'count' AND p.what = 'a & b' ORDER BY w.n;
SQL
