#!/usr/bin/env bash
# How long a build of a recommender takes to end when it is cancelled.
#
#   bash test/bench/similarity_cancel.sh [LINES [ITEMS [CANCELS]]]
#
# A shop of LINES lines (default 3000000) with ITEMS items (default 100000) that have
# text as ids; the build runs to its end once, and is then cancelled at CANCELS
# (default 20) moments spread over that time, of which those after its end do not
# count.  Prints the phase each time, and how long it took from pg_cancel_backend()
# to the end of the statement.

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

lines=${1:-3000000}
items=${2:-100000}
cancels=${3:-20}

# shellcheck disable=SC2119
find_postgres
make_workdir
build_extension ${CC:+CC="$CC"}
start_cluster "maintenance_work_mem = '1GB'" "max_worker_processes = 8" "autovacuum = off"
psql=("$PG_BIN/psql" -XqAt -v ON_ERROR_STOP=1)
"${psql[@]}" <<SQL
CREATE EXTENSION recsys;
SELECT setseed(0.5) \g /dev/null
CREATE TABLE shop AS SELECT 'customer ' || (random() * $lines / 10)::int AS u, 'product ' || (power(random(), 2.5) * $items)::int AS i
FROM generate_series(1, $lines);
CREATE INDEX ON shop (u);
VACUUM ANALYZE shop;
-- cancels the only other statement after so many seconds; the phase, and milliseconds until it has ended
CREATE PROCEDURE cancel_after(seconds float8, INOUT phase text, INOUT took float8) LANGUAGE plpgsql AS \$\$
DECLARE
  worker int;
  start timestamptz;
BEGIN
  PERFORM pg_sleep(seconds);
  PERFORM pg_stat_clear_snapshot();
  SELECT pid, coalesce(substring(query FROM '^/[*] (.*?)[,*]'), 'writing') INTO worker, phase FROM pg_stat_activity
  WHERE application_name = 'work' AND backend_type = 'client backend' AND state = 'active';
  IF worker IS NULL THEN RETURN; END IF;
  start := clock_timestamp();
  PERFORM pg_cancel_backend(worker);
  LOOP
    PERFORM pg_sleep(0.001);
    PERFORM pg_stat_clear_snapshot();
    EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = worker AND state = 'active');
  END LOOP;
  took := extract(epoch FROM clock_timestamp() - start) * 1000;
END \$\$;
SQL
work="SET application_name = 'work'; SELECT create_recommender('r', 'SELECT u, i FROM shop')"
start=$(date +%s.%N)
"${psql[@]}" -c "$work" -c "SELECT drop_recommender('r')" >/dev/null
whole=$(awk -v a="$start" -v b="$(date +%s.%N)" 'BEGIN {print b - a}')
printf 'the whole build: %.2f s\n' "$whole"
for ((k = 0; k < cancels; k++)); do
	"${psql[@]}" -c "$work" >/dev/null 2>&1 &
	"${psql[@]}" -F ' ' -c "CALL cancel_after($whole * ($k + 0.5) / $cancels, NULL, NULL)"
	wait $! || true
	"${psql[@]}" -c "SELECT drop_recommender('r') WHERE to_regclass('r') IS NOT NULL" >/dev/null
done | awk 'NF > 1 {ms = $NF; $NF = ""; if (ms > worst) worst = ms; printf "%-50s %8.1f ms\n", $0, ms}
	END {printf "the longest: %.1f ms\n", worst}'
