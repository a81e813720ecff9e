#!/usr/bin/env bash
# Writes doc/reference.md anew, from the catalogs of a throw-away server.
#
#   bash test/tools/reference.sh

# shellcheck disable=SC2119
set -euo pipefail

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

find_postgres
make_workdir
build_extension
start_cluster
"$PG_BIN/psql" -Xqc 'CREATE EXTENSION recsys'
PATH="$PG_BIN:$PATH" perl "$SRC/test/tools/reference.pl" >"$WORK/reference.md"
cp "$WORK/reference.md" "$SRC/doc/reference.md"
