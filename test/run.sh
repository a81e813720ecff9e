#!/usr/bin/env bash
# Builds recsys and runs all its tests on a throw-away cluster.
#
#   bash test/run.sh                      everything
#   bash test/run.sh --regress [name...]  regression tests (all, or the named ones)
#   bash test/run.sh --isolation [name...]
#   bash test/run.sh --tap [file...]
#
# On a fresh Debian it installs compiler and server first (as root or through
# sudo).  The last line is `N passed, N failed`.  Differences of failed tests
# are printed.  Environment: PG_CONFIG to choose a server, PROFILE for extra
# compiler flags, CC for the compiler, KEEP_RESULTS for a directory that gets a
# copy of the outputs (of new tests, to be read and put into expected/).

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/setup.sh"

suites=()
names=()
for arg in "$@"; do
	case $arg in
	--regress | --isolation | --tap) suites+=("${arg#--}") ;;
	-h | --help)
		sed -n '2,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
		exit 0
		;;
	-*) die "unknown option $arg; --help lists them" ;;
	*) names+=("$(basename "$arg")") ;;
	esac
done
[ ${#suites[@]} -gt 0 ] || suites=(regress isolation tap)
[ ${#names[@]} -eq 0 ] || [ ${#suites[@]} -eq 1 ] || die "name one suite with the tests"

passed=0
failed=0

# Tests of one suite by name: those asked for, or all that exist.
tests_of() { # directory, suffix
	if [ ${#names[@]} -gt 0 ]; then
		printf '%s\n' "${names[@]%."$2"}"
	elif [ -d "$1" ]; then
		find "$1" -maxdepth 1 -name "*.$2" -printf '%f\n' | sed "s/\.$2\$//" | LC_ALL=C sort
	fi
}

# pg_regress and pg_isolation_regress print one line a test; which words they
# use depends on the major.
count_lines() { # log
	local ok bad
	ok=$(grep -cE '^(test .* ok( |$)|ok [0-9])' "$1" || true)
	bad=$(grep -cE '^(test .* FAILED|not ok [0-9])' "$1" || true)
	if [ $((ok + bad)) -eq 0 ]; then
		cat "$1"
		bad=1
	fi
	passed=$((passed + ok))
	failed=$((failed + bad))
}

run_regress() { # suite, program, directory, suffix, database
	local list name out=$WORK/tmp/$1
	list=$(tests_of "$WORK/src/test/$3" "$4")
	[ -n "$list" ] || return 0
	if [ ! -x "$2" ]; then
		echo "$1: left out, $2 is not there"
		return 0
	fi
	mkdir -p "$out"
	cp -r "$WORK/src/expected" "$out/expected"
	[ "$1" = regress ] || cp -r "$WORK/src/test/expected/." "$out/expected/" 2>/dev/null || true
	# a test that has no expected output yet fails with all of its output as the difference
	for name in $list; do
		ls "$out/expected/$name"*.out >/dev/null 2>&1 || : >"$out/expected/$name.out"
	done
	give_to_server "$out"
	# shellcheck disable=SC2086
	(cd "$out" && "${PG_RUN[@]}" env PGHOST="$PGHOST" PGUSER="$PGUSER" PG_ABS_SRCDIR="$WORK/src/test" PG_REGRESS_DIFF_OPTS=-U3 LC_ALL=C.UTF-8 \
		"$2" --bindir="$PG_BIN" --inputdir="$WORK/src/test" --outputdir="$out" --host="$PGHOST" \
		--load-extension=recsys --dbname="$5" $list) >"$WORK/tmp/$1.log" 2>&1 || true
	cat "$WORK/tmp/$1.log"
	[ ! -s "$out/regression.diffs" ] || cat "$out/regression.diffs"
	if [ -n "${KEEP_RESULTS:-}" ]; then
		mkdir -p "$KEEP_RESULTS"
		cp -r "$out/results/." "$KEEP_RESULTS/"
	fi
	count_lines "$WORK/tmp/$1.log"
}

run_tap() {
	local file out
	for file in $(tests_of "$WORK/src/test/t" pl); do
		out=$WORK/tmp/tap_$file
		mkdir -p "$out"
		give_to_server "$out"
		extension_conf >"$WORK/tmp/extension.conf"
		if (cd "$out" && "${PG_RUN[@]}" env -u PGHOST -u PGUSER -u PGDATABASE PATH="$PG_BIN:$PATH" \
			PERL5LIB="$PG_PGXS/src/test/perl:$WORK/src/test/perl" PG_REGRESS="$PG_PGXS/src/test/regress/pg_regress" \
			PGPORT=65432 TESTDIR="$out" TESTDATADIR="$out" TESTLOGDIR="$out" RECSYS_CONF="$WORK/tmp/extension.conf" \
			prove --timer -I "$WORK/src/test/perl" "$WORK/src/test/t/$file.pl") >"$out/log" 2>&1; then
			passed=$((passed + 1))
			echo "tap  $file ... ok"
		else
			failed=$((failed + 1))
			echo "tap  $file ... FAILED"
			cat "$out/log"
			find "$out" -name "regress_log_$file" -exec tail -n 40 {} +
		fi
	done
}

# For test/tools/coverage.sh: lines executed per source file and in all.
report_coverage() {
	stop_cluster fast
	(cd "$WORK/src" && find src -name '*.gcno' -exec gcov -n {} + 2>/dev/null) |
		awk -F"[':% ]+" '/^File/ { file = $2 }
			/^Lines executed/ && file ~ /^src\/.*\.c$/ {
				printf "%6.1f %% of %5d lines  %s\n", $3, $5, file
				done += $3 * $5 / 100; lines += $5
			}
			/^Lines executed|^No executable/ { file = "" }
			END { printf "%6.1f %% of %5d lines in all\n", lines ? 100 * done / lines : 0, lines }'
}

find_postgres libipc-run-perl perl procps
make_workdir
say "building in $WORK with $("$PG_CONFIG" --version)"
[ -z "${COVERAGE:-}" ] || PROFILE="--coverage ${PROFILE:-}"
build_extension ${CC:+CC="$CC"} ${PROFILE:+PROFILE="$PROFILE"}
# backends write down what they have executed beside the objects
[ -z "${COVERAGE:-}" ] || give_to_server "$WORK/src"
start_cluster "max_worker_processes = 16" "max_parallel_workers = 8"

for suite in "${suites[@]}"; do
	case $suite in
	regress) run_regress regress "$PG_PGXS/src/test/regress/pg_regress" sql sql regression_recsys ;;
	isolation) run_regress isolation "$PG_PGXS/src/test/isolation/pg_isolation_regress" specs spec isolation_recsys ;;
	tap) run_tap ;;
	esac
done

# what a crash leaves in the log of the server: signals, failed assertions, findings of sanitizers
if [ "$failed" -gt 0 ]; then
	grep -E 'terminated by signal|TRAP: |runtime error: ' "$WORK/run/server.log" || true
fi
[ -z "${COVERAGE:-}" ] || report_coverage
if [ $((passed + failed)) -eq 0 ]; then
	echo "no test was run" >&2
	failed=1
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
