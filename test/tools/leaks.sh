#!/usr/bin/env bash
# Calls each function and aggregate of the extension very often in one session
# and says which of them leave memory behind: the backend's own memory after the
# last call is compared with that after a tenth of them.
#
#   bash test/tools/leaks.sh [calls]     default 1000000
#
# A function is called so often, or, if a call takes more than SLOW (0.2)
# milliseconds, until SECONDS_EACH (default 10) seconds of processor time are over.
# Arguments are the harmless ones of calls.sql, on few rows, taken anew for each
# call.  ONLY=word takes functions with it in their name, VERBOSE=1 prints the
# figures of all.  About 45 minutes of one core.
set -euo pipefail

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

calls=${1:-1000000}
seconds=${SECONDS_EACH:-10}
slow=${SLOW:-0.2}
# shellcheck disable=SC2119
find_postgres
make_workdir
# shellcheck disable=SC2119
build_extension
start_cluster "jit = off" "max_parallel_workers_per_gather = 0" "max_parallel_maintenance_workers = 0" "autovacuum = off" \
  "shared_buffers = '32MB'"
sql() { "$PG_BIN/psql" -X -q -At -v ON_ERROR_STOP=1 "$@"; }
sql -c 'CREATE EXTENSION recsys'
sql -f - <<SQL >"$WORK/setup.log" 2>&1 || { cat "$WORK/setup.log" >&2 && die "no calls"; }
SET client_min_messages = error;
\i $SRC/test/tools/calls.sql
\i $SRC/test/lib/aggregate_forms.sql
-- three users with what they did, for all that reads a table
CREATE TABLE few AS SELECT d.i, 20 + g % 3::bigint AS b, g / 2.0::float8 AS x, d.ts, d.s, d.a, d.t, d.f
FROM generate_series(1, 6) g, hostile_data d WHERE d.i = g % 3 + g * 20;
CREATE TABLE few_rules AS SELECT * FROM association_rules('SELECT i % 20, b FROM few', min_count => 1, max_length => 2);
ANALYZE few, few_rules;
UPDATE argument SET harmless = replace(replace(replace(harmless, 'hostile_data', 'few'), 'hostile_rules', 'few_rules'), ' WHERE b > 20', '')
WHERE type = 'query';
SELECT create_recommender('few_model', 'SELECT i % 20, b, x FROM few') \g /dev/null

-- one: a call for each g; group: an aggregate or a window function over few rows for each g; commands: statements of their own
CREATE TABLE leak_call AS
SELECT f.oid::regprocedure::text AS name, 'one' AS kind,
	CASE WHEN f.proretset THEN format('SELECT count(*) FROM generate_series(1::bigint, @calls@) g, LATERAL %s q WHERE (g < 0) IS NOT NULL', q.call)
		ELSE format('SELECT count((%s)::text) FROM generate_series(1::bigint, @calls@) g', q.call) END AS query
FROM public_function f, LATERAL (SELECT format('%s(%s)', f.proname, (SELECT string_agg(pg_temp.typed(
	-- not constants: these would be worked out once
	CASE WHEN a.harmless ~ '^NULL' THEN a.harmless WHEN a.type IN ('anyelement', 'anycompatible', 'anyarray', '"any"') THEN format('CASE WHEN g > 0 THEN %s END', a.harmless)
		ELSE format('CASE WHEN g > 0 THEN (%s)::%s END', a.harmless, CASE a.type WHEN 'query' THEN 'text' ELSE a.type END) END, a.type), ', ' ORDER BY a.k)
	FROM argument a WHERE a.oid = f.oid)) AS call) q
WHERE f.prokind = 'f' AND f.proname !~ '^(create|drop|rename|refresh)_'
UNION ALL
SELECT signature, 'group', format('SELECT count(q.x) FROM generate_series(1::bigint, @calls@ / 3 + 1) g, LATERAL (SELECT %s(%s) AS x FROM few d WHERE d.i < 60 + g) q', proname, arguments)
FROM aggregate_call
UNION ALL
SELECT f.oid::regprocedure::text, 'group', format('SELECT count(q.x) FROM generate_series(1::bigint, @calls@ / 3 + 1) g, LATERAL (SELECT %s(%s) OVER () AS x FROM few d WHERE d.i < 60 + g) q',
	f.proname, (SELECT string_agg(pg_temp.typed(a.harmless, a.type), ', ' ORDER BY a.k) FROM argument a WHERE a.oid = f.oid))
FROM public_function f WHERE f.prokind = 'w'
UNION ALL VALUES
	('create_recommender, refresh_recommender, rename_recommender, drop_recommender', 'commands',
		'SELECT create_recommender(''leak'', ''SELECT i % 20, b, x FROM few'');SELECT refresh_recommender(''leak'');SELECT rename_recommender(''leak'', ''leaked'');SELECT drop_recommender(''leaked'')'),
	('refresh_recommender, incremental', 'commands', 'SELECT refresh_recommender(''few_model'', incremental => true)');
SQL
sql -c "COPY (SELECT name, kind, query FROM leak_call ORDER BY kind DESC, name) TO STDOUT" >"$WORK/calls"
cat >"$WORK/tmp/leak.sql" <<'SQL'
CREATE FUNCTION memory() RETURNS bigint LANGUAGE sql AS $$
	SELECT split_part(regexp_replace(l, '\s+', ' ', 'g'), ' ', 2)::bigint
	FROM regexp_split_to_table(pg_read_file('/proc/' || pg_backend_pid() || '/status'), '\n') l WHERE l LIKE 'RssAnon:%' $$;
-- seconds of the processor
CREATE FUNCTION used() RETURNS float8 LANGUAGE sql AS $$
	SELECT (f[12]::float8 + f[13]::float8) / 100
	FROM regexp_split_to_array(regexp_replace(pg_read_file('/proc/' || pg_backend_pid() || '/stat'), '^.*\) ', ''), ' ') f $$;
-- batches that grow until there were enough calls: their number, memory after a tenth and at the end, milliseconds of a call
CREATE PROCEDURE leak(query text, kind text, wanted bigint, slow float8, seconds float8, INOUT calls bigint, INOUT early bigint, INOUT late bigint, INOUT each float8)
LANGUAGE plpgsql AS $$
DECLARE
	batch bigint := 10;
	began float8 := used();
	took float8;
	numbers bigint[] := '{}';
	sizes bigint[] := '{}';
	command text;
BEGIN
	calls := 0;
	LOOP
		IF kind = 'commands' THEN
			FOR i IN 1 .. batch LOOP
				FOREACH command IN ARRAY string_to_array(query, ';') LOOP
					EXECUTE command;
					COMMIT;
				END LOOP;
			END LOOP;
		ELSE
			EXECUTE replace(query, '@calls@', batch::text);
		END IF;
		calls := calls + batch;
		numbers := numbers || calls;
		sizes := sizes || memory();
		took := used() - began;
		EXIT WHEN calls >= wanted OR took >= seconds AND took / calls > slow / 1000;
		batch := least(wanted / 20 + 1, batch * 2, wanted - calls);
		-- a batch of a slow call takes no longer than a tenth of the time
		batch := greatest(least(batch, seconds / 10 / greatest(took / calls, 1e-7)), 1);
	END LOOP;
	FOR i IN REVERSE cardinality(numbers) .. 1 LOOP
		EXIT WHEN numbers[i] < calls / 10;
		early := sizes[i];
	END LOOP;
	late := memory();
	each := 1000 * took / calls;
END $$;
SQL
sql -f "$WORK/tmp/leak.sql"

leaks=0
total=0
failed=0
: >"$WORK/numbers"
while IFS=$'\t' read -r name kind query <&3; do
  [ -z "${ONLY:-}" ] || [[ $name == *"$ONLY"* ]] || continue
  # a report on what a million calls have logged would be another matter
  result=$(sql -v q="$query" -v k="$kind" -f - <<<"TRUNCATE abc_log; CALL leak(:'q', :'k', $calls, $slow, $seconds, 0, 0, 0, 0)" 2>&1) || {
    echo "NOT CALLED: $name: $(head -1 <<<"$result")"
    failed=$((failed + 1))
    continue
  }
  IFS='|' read -r n early late each <<<"$(tail -1 <<<"$result")"
  total=$((total + 1))
  # four pages for each million calls are no leak of a call; caches that fill up later are below a megabyte
  if [ $((late - early)) -gt 1024 ]; then
    leaks=$((leaks + 1))
    echo "LEAK: $name ($kind): $early kB after $((n / 10)) calls, $late kB after $n"
  elif [ "$n" -lt "$calls" ] || [ -n "${VERBOSE:-}" ]; then
    printf '%s (%s): %d kB after %d calls, %d kB after %d of %.4f ms\n' "$name" "$kind" "$early" $((n / 10)) "$late" "$n" "$each"
  fi
  echo "$n" >>"$WORK/numbers"
done 3<"$WORK/calls"
sort -n "$WORK/numbers" | awk -v calls="$calls" '{ a[NR] = $1; enough += $1 >= calls }
  END { printf "calls of each: at least %d, median %d, at most %d; %d of %d as often as wanted\n", a[1], a[int((NR + 1) / 2)], a[NR], enough, NR }'
echo "$total functions and aggregates, $leaks leaks, $failed could not be called"
[ "$leaks" -eq 0 ] && [ "$failed" -eq 0 ]
