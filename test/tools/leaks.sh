#!/usr/bin/env bash
# Calls each function and aggregate of the extension very often in one query and
# says which of them leave memory behind: the backend's own memory after the last
# call is compared with that after a tenth of them.
#
#   bash test/tools/leaks.sh [calls]     default 1000000
#
# A function is called until there were so many calls or SECONDS_EACH (default 20)
# are over; that is at least 100 calls, or it is named.  Arguments are the
# harmless ones of calls.sql, taken anew for each call.
set -euo pipefail

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

calls=${1:-1000000}
seconds=${SECONDS_EACH:-20}
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
CREATE TABLE leak_call AS
SELECT f.oid::regprocedure::text AS name, 'one' AS kind,
	CASE WHEN f.proretset THEN format('SELECT count(*) FROM generate_series(1::bigint, @calls@) g, LATERAL %s q WHERE (g < 0) IS NOT NULL', q.call)
		ELSE format('SELECT count((%s)::text) FROM generate_series(1::bigint, @calls@) g', q.call) END AS query
FROM public_function f, LATERAL (SELECT format('%s(%s)', f.proname, string_agg(pg_temp.typed(
	-- not constants: these would be worked out once
	CASE WHEN a.harmless ~ '^NULL' THEN a.harmless WHEN a.type IN ('anyelement', 'anycompatible', 'anyarray', '"any"') THEN format('CASE WHEN g > 0 THEN %s END', a.harmless)
		ELSE format('CASE WHEN g > 0 THEN (%s)::%s END', a.harmless, CASE a.type WHEN 'query' THEN 'text' ELSE a.type END) END, a.type), ', ' ORDER BY a.k)) AS call
	FROM argument a WHERE a.oid = f.oid) q
WHERE f.prokind = 'f' AND f.pronargs > 0 AND f.proname !~ '^(create|drop|rename|refresh)_'
UNION ALL
-- a small group each time
SELECT signature, 'group', format('SELECT count(*) FROM (SELECT %s(%s) FROM generate_series(1::bigint, @calls@ / 10 + 1) g, hostile_data d WHERE d.i <= 10 GROUP BY g) q', proname, arguments)
FROM aggregate_call;
SET enable_hashagg = off;
SQL
sql -c "COPY (SELECT name, kind, query FROM leak_call ORDER BY kind DESC, name) TO STDOUT" >"$WORK/calls"
cat >"$WORK/tmp/leak.sql" <<'SQL'
CREATE FUNCTION memory() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT split_part(regexp_replace(l, '\s+', ' ', 'g'), ' ', 2)
		FROM regexp_split_to_table(pg_read_file('/proc/' || pg_backend_pid() || '/status'), '\n') l WHERE l LIKE 'RssAnon:%');
END $$;
-- batches in one transaction until there were enough calls: their number, memory after a tenth and at the end
CREATE FUNCTION leak(query text, wanted bigint, seconds int, OUT calls bigint, OUT early bigint, OUT late bigint) LANGUAGE plpgsql AS $$
DECLARE
	batch bigint := greatest(wanted / 20, 10);
	began timestamptz := clock_timestamp();
	one interval;
BEGIN
	EXECUTE replace(query, '@calls@', '10');
	one := (clock_timestamp() - began) / 10;
	batch := least(batch, greatest(10, extract(epoch FROM seconds * '1 second'::interval)::float8 / 20 / greatest(extract(epoch FROM one)::float8, 1e-7)));
	calls := 10;
	FOR i IN 1 .. 20 LOOP
		EXECUTE replace(query, '@calls@', batch::text);
		calls := calls + batch;
		IF i = 2 THEN
			early := memory();
		END IF;
	END LOOP;
	late := memory();
END $$;
SQL
sql -f "$WORK/tmp/leak.sql"

leaks=0
total=0
few=0
while IFS=$'\t' read -r name kind query <&3; do
  [ -z "${ONLY:-}" ] || [[ $name == *"$ONLY"* ]] || continue
  result=$(sql -c 'SET enable_hashagg = off' -v q="$query" -f - <<<"SELECT calls, early, late FROM leak(:'q', $calls, $seconds)" 2>&1) || {
    echo "$name: $result" | head -1
    few=$((few + 1))
    continue
  }
  IFS='|' read -r n early late <<<"$result"
  total=$((total + 1))
  # four pages for each million calls are no leak of a call; caches that fill up later are below a megabyte
  if [ $((late - early)) -gt 1024 ]; then
    leaks=$((leaks + 1))
    echo "LEAK: $name ($kind): $early kB after $((n / 10)) calls, $late kB after $n"
  elif [ "$n" -lt 200 ] || [ -n "${VERBOSE:-}" ]; then
    echo "$name ($kind): $early kB after $((n / 10)) calls, $late kB after $n"
  fi
  echo "$n" >>"$WORK/numbers"
done 3<"$WORK/calls"
sort -n "$WORK/numbers" | awk -v total="$total" '{ a[NR] = $1 } END { printf "calls of each: at least %d, median %d, at most %d\n", a[1], a[int((NR + 1) / 2)], a[NR] }'
echo "$total functions and aggregates, $leaks leaks, $few could not be called"
[ "$leaks" -eq 0 ]
