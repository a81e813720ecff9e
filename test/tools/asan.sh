#!/usr/bin/env bash
# Runs regression tests (all, or those named) with server and extension built
# with AddressSanitizer.
#
#   bash test/tools/asan.sh [name...]
#
# Needs the server of `SANITIZE=address test/tools/build-postgres.sh`; PG_CONFIG
# names it, if it is not in .tools/postgres-address.  Its memory contexts mark
# what they have not given out, so that overruns within a block are found as
# well.  Findings are printed and counted.  About four times slower than
# test/run.sh.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PG_CONFIG=${PG_CONFIG:-$here/../../.tools/postgres-address/bin/pg_config}
[ -x "$PG_CONFIG" ] || {
  echo "no server at $PG_CONFIG: run SANITIZE=address test/tools/build-postgres.sh" >&2
  exit 1
}
# what a program leaves allocated at its end is no finding
export ASAN_OPTIONS=detect_leaks=0
case $("$PG_CONFIG" --cflags) in *-fsanitize=address*) ;; *) echo "$PG_CONFIG was built without AddressSanitizer" >&2 && exit 1 ;; esac

logs=$(mktemp -d /tmp/recsys-asan.XXXXXX)
trap 'rm -rf "$logs"' EXIT
# the server may belong to another user
chmod 711 "$logs"
mkdir -m 1777 "$logs/out"

status=0
ASAN_OPTIONS="detect_leaks=0:detect_stack_use_after_return=0:log_path=$logs/out/asan" CC=clang \
  bash "$here/../run.sh" --regress "$@" || status=1

findings=$(find "$logs/out" -type f | wc -l)
[ "$findings" -eq 0 ] || cat "$logs"/out/*
echo "$findings findings of AddressSanitizer"
[ "$findings" -eq 0 ] && [ "$status" -eq 0 ]
