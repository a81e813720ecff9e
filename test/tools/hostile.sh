#!/usr/bin/env bash
# Calls every public function of the extension with hostile arguments, each in
# a statement of its own, and says what should not have happened: a crash, an
# internal error (XX000 and the like), a statement that ignores its timeout.
# Then runs every aggregate in every form there is (window frames, workers,
# grouping sets, ...) and says where results are not the same.
#
#   bash test/tools/hostile.sh [rounds]     calls of each function with several bad arguments (default 10)
#
# PG_CONFIG names a server; one of test/tools/build-postgres.sh finds more, and
# PROFILE="-fsanitize=undefined -fno-sanitize-recover=all" more again.
# HOSTILE_SET adds a statement run before each batch, such as
# "SET force_parallel_mode = on".
set -euo pipefail

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

timeout_ms=1000
# shellcheck disable=SC2119
find_postgres
make_workdir
build_extension ${PROFILE:+PROFILE="$PROFILE"}
start_cluster "log_line_prefix = '%e '" "statement_timeout = $timeout_ms" "log_min_messages = panic" "work_mem = 1MB" \
  "temp_file_limit = 1GB"
psql -Xqc 'CREATE EXTENSION recsys'
psql -X -v ON_ERROR_STOP=1 -v several="${1:-10}" -f "$SRC/test/tools/hostile.sql" >"$WORK/all.sql"
count=$(wc -l <"$WORK/all.sql")

crashes=0
done=0
while [ "$done" -lt "$count" ]; do
  {
    echo "\\set VERBOSITY verbose"
    [ -z "${HOSTILE_SET:-}" ] || echo "$HOSTILE_SET;"
    # each statement is preceded by its number and the time, the last number tells where a crash was
    tail -n +"$((done + 1))" "$WORK/all.sql" | awk -v n="$done" '{ n++; print "\\echo @" n; print "\\timing on"; print; print "\\timing off" }'
  } >"$WORK/batch.sql"
  psql -Xqt -f "$WORK/batch.sql" >"$WORK/batch.out" 2>&1 || true
  cat "$WORK/batch.out" >>"$WORK/all.out"
  last=$(grep '^@' "$WORK/batch.out" | tail -1 | tr -d @)
  if grep -q 'server closed the connection\|connection to server was lost' "$WORK/batch.out"; then
    crashes=$((crashes + 1))
    echo "CRASH: $(sed -n "${last}p" "$WORK/all.sql" | cut -c1-1000)"
    for _ in $(seq 50); do
      psql -Xqc 'SELECT 1' >/dev/null 2>&1 && break
      sleep 0.2
    done
  fi
  [ "${last:-0}" -gt "$done" ] || die "no progress after statement $done: $(tail -3 "$WORK/batch.out")"
  done=$last
  [ "$crashes" -lt 50 ] || break
done

# numbers of statements by what happened
awk -v limit="$((timeout_ms * 3 / 2))" '/^@/ { n = substr($0, 2) }
  /ERROR:  XX|ERROR:  58|PANIC|TRAP/ { print n, $0 }
  /^Time: / { if ($2 > limit) print n, "took " $2 " ms" }' "$WORK/all.out" >"$WORK/findings"
while read -r n what; do
  echo "$what: $(sed -n "${n}p" "$WORK/all.sql" | cut -c1-1000)"
done <"$WORK/findings"
slow=$(wc -l <"$WORK/findings")
[ -z "${KEEP_RESULTS:-}" ] || cp "$WORK/all.sql" "$WORK/all.out" "$KEEP_RESULTS/"
psql -X -f "$SRC/test/tools/hostile_forms.sql" >"$WORK/forms.out" 2>&1 || true
cat "$WORK/forms.out"
forms=$(wc -l <"$WORK/forms.out")
grep -oE 'ERROR:  [0-9A-Z]{5}' "$WORK/all.out" | sort | uniq -c | sort -rn | sed 's/^/  /'
echo "$count statements: $crashes crashes, $slow other findings; $forms findings in forms of aggregates"
[ "$crashes" -eq 0 ] && [ "$slow" -eq 0 ] && [ "$forms" -eq 0 ]
