#!/usr/bin/env bash
# Lets sqlsmith throw random queries at the extension's functions, operators,
# aggregates and types, and says what should not have happened: a crash, a
# failed assertion, an internal error.
#
#   bash test/tools/sqlsmith.sh [seconds]     default 60, of processor time
#
# PG_CONFIG names a server; one of test/tools/build-postgres.sh has assertions.
# Of PostgreSQL's own functions a tenth is offered besides ours, and functions
# that return sets as well, which sqlsmith leaves out by itself.  SEED=n repeats
# a run.
set -euo pipefail

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

seconds=${1:-60}
export ASAN_OPTIONS=detect_leaks=0
# shellcheck disable=SC2119
find_postgres
need_packages sqlsmith
make_workdir
build_extension ${PROFILE:+PROFILE="$PROFILE"}
start_cluster "log_line_prefix = '%p '" "log_min_messages = error" "log_error_verbosity = verbose" "work_mem = 1MB" \
  "maintenance_work_mem = 16MB" "temp_file_limit = 1GB" "jit = off" "statement_timeout = 2s"
sql() { "$PG_BIN/psql" -X -q -At -v ON_ERROR_STOP=1 "$@"; }
sql -c 'SET statement_timeout = 0' -c 'CREATE EXTENSION recsys' -v customers=200 -f "$SRC/test/demo/shop.sql" >"$WORK/setup.log"
sql -c 'SET statement_timeout = 0' -f - <<SQL >"$WORK/setup.log" 2>&1 || { cat "$WORK/setup.log" >&2 && die "no database"; }
SET client_min_messages = error;
\i $SRC/test/tools/calls.sql
-- values of all types to choose from, queries among the texts
SELECT format('CREATE TABLE smith_%s AS SELECT (%s)::%s AS v', md5(type), min(value) FILTER (WHERE value = 'NULL'), type)
FROM hostile WHERE type NOT LIKE 'any%' AND type NOT IN ('query', '"any"') GROUP BY type
\gexec
\set ON_ERROR_STOP 0
SELECT format('INSERT INTO smith_%s SELECT (%s)::%s', md5(type), value, type) FROM hostile
WHERE type NOT LIKE 'any%' AND type NOT IN ('query', '"any"') AND value <> 'NULL' AND value NOT LIKE '%100000%' AND value NOT LIKE '%1000000%'
\gexec
\set ON_ERROR_STOP 1
INSERT INTO smith_1cb251ec0d568de6a929b520c4aed8d1 SELECT a.harmless FROM argument a WHERE a.type IN ('text', 'query') AND a.harmless LIKE '''%';
UPDATE smith_1cb251ec0d568de6a929b520c4aed8d1 SET v = replace(substr(v, 2, length(v) - 2), '''', '') WHERE v LIKE '''%''';
CREATE SCHEMA smith;
-- sqlsmith asks for pg_proc without a schema
SELECT format('CREATE VIEW smith.pg_proc AS SELECT %s FROM pg_catalog.pg_proc p WHERE p.proname !~ ''recommender'' AND
	(EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = ''recsys''
		WHERE d.classid = ''pg_proc''::regclass AND d.objid = p.oid AND d.deptype = ''e'')
	OR p.oid < 16384 AND p.oid::int %% 10 = 3 AND NOT p.proretset AND p.provolatile <> ''v''
		AND NOT EXISTS (SELECT FROM pg_catalog.pg_type t WHERE (t.oid = p.prorettype OR t.oid = ANY (p.proargtypes))
			AND (t.typtype IN (''p'', ''r'', ''m'') OR t.typcategory = ''G'')))',
	string_agg(CASE attname WHEN 'proretset' THEN 'false AS proretset' ELSE 'p.' || attname END, ', ' ORDER BY attnum))
FROM pg_attribute WHERE attrelid = 'pg_proc'::regclass AND (attnum > 0 OR attname = 'oid')
\gexec
-- operators it takes from where they are: those that make most queries wrong are in the way
SET allow_system_table_mods = on;
DELETE FROM pg_catalog.pg_operator o USING pg_catalog.pg_type t WHERE t.oid IN (o.oprleft, o.oprright, o.oprresult) AND
	(t.typtype IN ('r', 'm') OR t.typcategory = 'G' OR t.typname ~ '^any.*range|^anyenum|^pg_|^xid|^json$|jsonpath|xml');
CREATE ROLE smith LOGIN;
GRANT USAGE ON SCHEMA smith TO smith;
GRANT ALL ON ALL TABLES IN SCHEMA public, smith TO smith;
SQL

# Seconds of processor time of the server and of sqlsmith: the clock goes on while others work.
ticks=$(getconf CLK_TCK)
spent() {
  sed 's/^.*) //' "/proc/$$/stat" "/proc/$(head -1 "$WORK/run/data/postmaster.pid")/stat" |
    awk -v ticks="$ticks" '{ s += NR == 1 ? $14 + $15 : $12 + $13 + $14 + $15 } END { print int(s / ticks) }'
}
before=$(spent)
queries=0
round=0
while left=$((seconds - $(spent) + before)) && [ "$left" -gt 0 ]; do
  round=$((round + 1))
  timeout "$left" sqlsmith --exclude-catalog --verbose --seed=$((${SEED:-$$} + round)) \
    --target="host=$PGHOST dbname=postgres user=smith options='-csearch_path=smith,pg_catalog,public'" >"$WORK/smith.out" 2>"$WORK/smith.err" || true
  queries=$((queries + $({ grep -o 'queries: [0-9]*' "$WORK/smith.err" || true; } | awk '{ n = $2 } END { print n + 0 }')))
  sleep 1
done

log=$WORK/run/server.log
# PostgreSQL's own parallel workers say that they exit where the query had ended before they came
crash='terminated by signal|exited with exit code|TRAP: |ERROR: AddressSanitizer|runtime error: '
grep -vE 'background worker "parallel worker" .*exited with exit code 1$' "$log" >"$WORK/crash.log" || true
crashes=$(grep -cE "$crash" "$WORK/crash.log" || true)
grep -E -A3 "$crash" "$WORK/crash.log" | cut -c1-2000 || true
# internal errors by the place that they come from; those of other files are PostgreSQL's
{ grep -A6 -E ' ERROR:  XX' "$log" || true; } | awk '/ ERROR:  XX/ { error = $0 } /LOCATION:/ && error != "" { print error " at " $NF; error = "" }' |
  sed 's/^[0-9]* //' | sort | uniq -c | sort -rn >"$WORK/internal"
ours=$(find "$SRC/src" -name '*.c' -printf '%f\n' | paste -sd'|')
grep -E " at ($ours):" "$WORK/internal" >"$WORK/findings" || true
cat "$WORK/findings"
[ -z "${KEEP_RESULTS:-}" ] || { mkdir -p "$KEEP_RESULTS" && cp "$log" "$WORK/internal" "$WORK/smith.err" "$KEEP_RESULTS/"; }
ran=$(grep -cE ' (ERROR|FATAL): ' "$log" || true)
echo "$seconds s, $queries queries ($ran errors): $crashes crashes, $(wc -l <"$WORK/findings") internal errors of ours, $(wc -l <"$WORK/internal") in all"
[ "$crashes" -eq 0 ] && [ ! -s "$WORK/findings" ]
