#!/usr/bin/env bash
# Compares the core of src/audience with CRoaring and feeds it broken bytes.
#
#   bash test/tools/audience_check.sh [ROUNDS [FUZZ_ROUNDS [SEED]]]
#
# Builds it outside of the server.  Random operations against libroaring
# (installed if need be) run at full speed, a tenth of them again under the
# sanitizers, as do the mutated serializations.  At last it prints how long the
# count of an intersection takes, beside CRoaring.

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

rounds=${1:-100000}
fuzz=${2:-1000000}
seed=${3:-1}

find_postgres g++ libroaring-dev
make_workdir

build() { # name, flags...
	local name=$1 file
	shift
	set -- "$@" -I"$SRC/src" -I"$SRC/test/tools" -I"$("$PG_CONFIG" --includedir-server)"
	mkdir "$WORK/$name.d"
	for file in src/audience/{container,format,setop,set}.c test/tools/audience_check.c; do
		gcc -std=gnu99 -Wall "$@" -c "$SRC/$file" -o "$WORK/$name.d/$(basename "$file").o"
	done
	g++ -std=c++11 -Wall "$@" "$SRC/test/tools/audience_check.cc" "$WORK/$name.d"/*.o -o "$WORK/$name" -lroaring
}

build fast -O2
build safe -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -DUSE_ASSERT_CHECKING=1
"$WORK/fast" oracle "$rounds" "$seed"
"$WORK/safe" oracle $((rounds / 10)) $((seed + 1))
"$WORK/safe" fuzz "$fuzz" "$seed"
"$WORK/fast" bench 15 "$seed"
