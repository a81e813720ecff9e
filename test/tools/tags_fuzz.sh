#!/usr/bin/env bash
# Feeds mutated text and bytes to the input functions of tagset and tagquery,
# built to stop at undefined behaviour.
#
#   bash test/tools/tags_fuzz.sh [CASES [SEED]]      default 1000000 in all
#
# Every input must give an error or a value, and every value must read back as
# itself.  A crash of the server is a failure.

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

cases=${1:-1000000}
seed=${2:-1}
sanitize=(-fsanitize=undefined -fno-wrapv -fno-sanitize-recover=all)

# shellcheck disable=SC2119
find_postgres
make_workdir
build_extension PROFILE="${sanitize[*]}"
gcc -std=gnu99 -O1 -g -fPIC -shared "${sanitize[@]}" -I"$("$PG_CONFIG" --includedir-server)" \
	"$SRC/test/tools/tags_fuzz.c" -o "$WORK/dest/tags_fuzz.so" -lubsan
chmod 755 "$WORK/dest/tags_fuzz.so"
start_cluster "restart_after_crash = off"

for type in tagset tagquery; do
	"$PG_BIN/psql" -X -q -At -v ON_ERROR_STOP=1 <<SQL || {
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS recsys;
CREATE OR REPLACE FUNCTION tags_fuzz(type regtype, cases bigint, seed bigint, OUT accepted bigint, OUT rejected bigint)
	AS '$WORK/dest/tags_fuzz.so' LANGUAGE C STRICT;
SELECT format('$type: %s cases, %s accepted, %s rejected', accepted + rejected, accepted, rejected)
FROM tags_fuzz('$type', $cases / 2, $seed);
SQL
		sleep 1
		cat "$WORK/run/server.log" >&2
		die "failed for $type"
	}
done
