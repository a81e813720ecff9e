#!/usr/bin/env bash
# Runs regression tests (all, or those named) with the server under valgrind.
#
#   bash test/tools/valgrind.sh [name...]
#
# Needs the server of test/tools/build-postgres.sh; PG_CONFIG names it, if it is
# not in .tools/postgres.  Findings are printed and counted.  Fifty to a hundred
# times slower than test/run.sh; ORIGINS=yes also says where a value that is not
# defined comes from, and takes longer still.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PG_CONFIG=${PG_CONFIG:-$here/../../.tools/postgres/bin/pg_config}
[ -x "$PG_CONFIG" ] || {
  echo "no server at $PG_CONFIG: run test/tools/build-postgres.sh" >&2
  exit 1
}
prefix=$(cd "$(dirname "$PG_CONFIG")/.." && pwd)

logs=$(mktemp -d /tmp/recsys-valgrind.XXXXXX)
trap 'rm -rf "$logs"' EXIT
# the server may belong to another user
chmod 711 "$logs"
mkdir -m 1777 "$logs/out"
cat >"$logs/postgres" <<EOF
#!/bin/sh
exec valgrind --quiet --trace-children=yes --leak-check=no --track-origins=${ORIGINS:-no} --num-callers=25 \\
  --gen-suppressions=all --suppressions="$prefix/share/valgrind.supp" \\
  --log-file="$logs/out/%p.log" "$prefix/bin/postgres" "\$@"
EOF
chmod 755 "$logs/postgres"

status=0
PG_SERVER=$logs/postgres bash "$here/../run.sh" --regress "$@" || status=1

findings=$(cat "$logs"/out/*.log | grep -c '^{$' || true)
[ "$findings" -eq 0 ] || cat "$logs"/out/*.log
echo "$findings findings of valgrind"
[ "$findings" -eq 0 ] && [ "$status" -eq 0 ]
