#!/usr/bin/env bash
# How long association rules take: whole statements, from a table of (basket,
# item) rows to the last row of the result, and the phases within.
#
#   bash test/bench/rules.sh [DATA]
#
# DATA is a directory with the transactions of the FIMI repository, one basket
# per line, plain or gzipped: T10I4D100K.dat, retail.dat, mushroom.dat and
# chess.dat (or fimi_retail.dat.gz and so on, in any subdirectory).  What is
# missing is left out.  Without DATA only the generated shop is measured.
# The number of itemsets and rules found is compared with the known one, and
# the script fails where it differs.
#
# Printed is the fastest of three runs: seconds by the clock, and the least
# processor time that the session took, which says more on a machine that has
# other things to do (workers are not in it).  `group` is the time of counting the
# rows of each basket in SQL alone, which no statement can be faster than that
# has to put baskets together.  ROWS sets the size of the generated shop
# (default 10000000 lines).

# shellcheck source=test/lib/setup.sh disable=SC2119
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

data=${1:-}
rows=${ROWS:-10000000}
failed=0

find_postgres
make_workdir
build_extension
start_cluster "maintenance_work_mem = '2GB'" "work_mem = '256MB'" "jit = off" "max_worker_processes = 8" \
  "shared_buffers = '1GB'" "autovacuum = off"

run_sql() { "$PG_BIN/psql" -XqAt -v ON_ERROR_STOP=1 "$@"; }

# Fastest of three: sets seconds, cpu, result (first column of the first row) and phases.
seconds=
cpu=
result=
phases=
fastest() { # settings, statement
  local output time used _
  seconds=
  cpu=
  for _ in 1 2 3; do
    output=$(run_sql -c "SET client_min_messages = debug1; $1; SET log_statement_stats = on" -c '\timing on' -c "$2" 2>&1) ||
      die "$output"
    time=$(sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' <<<"$output" | awk '{ printf "%.3f", $1 / 1000 }')
    used=$(sed -n 's/^![[:space:]]*\([0-9.]*\) s user, \([0-9.]*\) s system, .* elapsed$/\1 \2/p' <<<"$output" |
      tail -1 | awk '{ printf "%.3f", $1 + $2 }')
    if [ -z "$cpu" ] || awk "BEGIN { exit !($used < $cpu) }"; then
      cpu=$used
    fi
    if [ -z "$seconds" ] || awk "BEGIN { exit !($time < $seconds) }"; then
      seconds=$time
      result=$(grep -E '^[0-9/]+$' <<<"$output" | head -1)
      phases=$(sed -n 's/.*DEBUG:  [a-z ]*: starting [0-9.]* s, //p' <<<"$output" | head -1)
    fi
  done
}

check() { # expected
  [ "$result" = "$1" ] && return
  echo "WRONG: $result found, $1 expected"
  failed=1
}

report() { # label
  printf '%-34s %8s %8s %8s   %s\n' "$1" "$result" "$seconds" "$cpu" "$phases"
}

itemsets() { # table, share, expected
  fastest "SET max_parallel_maintenance_workers = 0" \
    "SELECT count(*) FROM frequent_itemsets('SELECT basket, item FROM $1', min_support => $2)"
  [ -z "${3:-}" ] || check "$3"
  report "$1, itemsets at $(awk "BEGIN { print $2 * 100 }") %"
}

pairs() { # table, share
  local ours ours_cpu count
  fastest "SET max_parallel_maintenance_workers = 0" \
    "SELECT count(*) FROM frequent_itemsets('SELECT basket, item FROM $1', min_support => $2, max_length => 2)
     WHERE cardinality(items) = 2"
  report "$1, pairs at $(awk "BEGIN { print $2 * 100 }") %"
  ours=$seconds
  ours_cpu=$cpu
  count=$result
  fastest "SET jit = off" "SELECT count(*) FROM (SELECT a.item, b.item FROM $1 a JOIN $1 b ON a.basket = b.basket AND a.item < b.item
     GROUP BY 1, 2 HAVING count(*) >= $2 * (SELECT count(DISTINCT basket) FROM $1)) p"
  check "$count"
  report "  the same by a self-join in SQL"
  awk "BEGIN { printf \"  %.1f times as long, %.1f times the processor time\\n\", $seconds / $ours, $cpu / $ours_cpu }"
}

group() { # table
  fastest "SET jit = off" "SELECT count(*) FROM (SELECT count(*) FROM $1 GROUP BY basket) g"
  phases=
  report "$1, group"
}

load() { # table, names of its file
  local file name
  [ -n "$data" ] || return 1
  for name in "${@:2}"; do
    file=$(find -L "$data" -name "$name" | head -1)
    [ -z "$file" ] || break
  done
  [ -n "$file" ] || return 1
  run_sql -c "CREATE TABLE $1 (basket integer, item integer)"
  # FIMI files have one basket per line
  { case $file in *.gz) gzip -dc "$file" ;; *) cat "$file" ;; esac } |
    awk '{ for (i = 1; i <= NF; i++) print NR "\t" $i }' | run_sql -c "COPY $1 FROM stdin"
  run_sql -c "VACUUM ANALYZE $1"
}

# Groceries is a table of its own: transaction_id,item_id,item
rules() { # share, confidence, expected
  fastest "SET max_parallel_maintenance_workers = 0" \
    "SELECT count(*) FROM association_rules('SELECT basket, item FROM groceries', min_support => $1, min_confidence => $2)"
  check "$3"
  report "groceries, rules at $1, $2"
}

run_sql -c "CREATE EXTENSION recsys"
echo "$(run_sql -c 'SHOW server_version'), $(nproc) cores"
printf '%-34s %8s %8s %8s   %s\n' "" found seconds cpu phases

if [ -n "$data" ]; then
  file=$(find -L "$data" -name 'groceries_long.csv*' | head -1)
  if [ -n "$file" ]; then
    run_sql -c "CREATE TABLE groceries (basket integer, item integer, name text)"
    gzip -dcf "$file" | run_sql -c "COPY groceries FROM stdin (FORMAT csv, HEADER)"
    run_sql -c "VACUUM ANALYZE groceries"
    rules 0.001 0.8 410
    rules 0.001 0.5 5668
    rules 0.005 0.5 120
    rules 0.006 0.25 463
    rules 0.01 0.5 15
  fi
fi

if load retail retail.dat retail.dat.gz fimi_retail.dat.gz; then
  group retail
  itemsets retail 0.001 7589
  itemsets retail 0.0005 19242
  itemsets retail 0.0002 67186
  itemsets retail 0.0001 240852
  pairs retail 0.001
fi

if load t10 T10I4D100K.dat T10I4D100K.dat.gz; then
  group t10
  itemsets t10 0.005
  itemsets t10 0.001 27532
  itemsets t10 0.0005 53385
  pairs t10 0.001
fi

if load mushroom mushroom.dat mushroom.dat.gz fimi_mushroom.dat.gz; then
  itemsets mushroom 0.1 574431
  itemsets mushroom 0.05 3755511
  # all of memory, and a hundredth of what they take
  for memory in 2GB 16MB; do
    fastest "SET max_parallel_maintenance_workers = 0; SET maintenance_work_mem = '$memory'" \
      "SELECT count(*) FROM association_rules('SELECT basket, item FROM mushroom', min_support => 0.1)"
    check 4605982
    report "mushroom, rules at 10 %, $memory"
  done
  fastest "SET max_parallel_maintenance_workers = 0" \
    "SELECT count(*) FROM association_rules('SELECT basket, item FROM mushroom', min_support => 0.1, redundant => false)"
  check 20926
  report "  none of them redundant"
fi
if load chess chess.dat chess.dat.gz fimi_chess.dat.gz; then
  itemsets chess 0.6 254944
  itemsets chess 0.4 6439702
fi

# The shop: baskets of about ten lines, a long tail of 20000 items, of which
# one in three follows from the line before.
run_sql <<SQL
CREATE FUNCTION pg_temp.u(key bigint, k int) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
  \$\$SELECT ((hashint8extended(key, k) >> 11) & 9007199254740991) / 9007199254740992.0::float8\$\$;
CREATE UNLOGGED TABLE shop AS
SELECT b AS basket, CASE WHEN k % 3 = 0 THEN 1 + (floor(20000 * pg_temp.u(b * 32 + k - 1, 1) ^ 3)::int * 7 + 3) % 20000
    ELSE 1 + floor(20000 * pg_temp.u(b * 32 + k, 1) ^ 3)::int END AS item
FROM generate_series(1, $rows / 10) b, generate_series(1, 5 + (pg_temp.u(b, 2) * 11)::int) k;
VACUUM ANALYZE shop;
SQL
echo "shop: $(run_sql -c "SELECT count(*) || ' lines, ' || count(DISTINCT basket) || ' baskets' FROM shop")"
group shop
for workers in 0 1; do
  fastest "SET max_parallel_maintenance_workers = $workers" \
    "SELECT count(*) || '/' || sum(together) FROM frequent_itemsets('SELECT basket, item FROM shop', min_support => 0.0001)"
  [ "$workers" = 0 ] && alone=$result
  check "$alone"
  result=${result%%/*}
  report "shop, itemsets at 0.01 %, $((workers + 1)) proc."
done
for workers in 0 1; do
  fastest "SET max_parallel_maintenance_workers = $workers" \
    "SELECT count(*) FROM association_rules('SELECT basket, item FROM shop', top_k => 1000)"
  check 1000
  report "shop, best 1000 rules, $((workers + 1)) proc."
done

exit "$failed"
