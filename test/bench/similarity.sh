#!/usr/bin/env bash
# Speed of item similarity beside the plain-SQL self-join and scipy.sparse.
#
#   bash test/bench/similarity.sh [--huge | --quick] [gowalla_train.csv.gz]
#
# Sets: Gowalla where the file is given; a generated shop (1 M users, 100 k
# items, 10 M lines); dense ratings (6 k users, 3.7 k items, 1 M lines).  For
# each the same question, the 50 nearest neighbours of every item by cosine:
#
#   ours     whole statements from the table to the counted rows, by one process
#            and by two, one for each core; and the default measure
#   scipy    one process: only A.T @ A of the matrix in memory, and then the
#            best 50 of each row
#   SQL      self-join and row_number(), given up after 100 seconds
#
# Then the recommender's model, from the table to the stored rows, and the peak of
# memory, of 10 M lines over 20 k, 100 k and 1 M items.  With --huge nothing but 100 M
# lines within maintenance_work_mem = 1 GB, made while they are read: that takes minutes.
#
# Memory is what the statement takes: private memory of the backend and of its
# workers and the shared memory between them, looked at ten times a second, without
# shared_buffers.  The output buffer that a goal allows beside it is the 16 MB in
# which workers hand over results.
#
# A time is the least of three, as is that of scipy, in a process of its own each time.
#
# With --quick generated sets are a hundred times smaller: to try the script.
# At the end a table says for each goal what was measured and whether it is met.

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

huge=
part=1
rounds=3
file=
for arg in "$@"; do
	case $arg in
	--huge) huge=1 ;;
	--quick) part=100 ;;
	-*) die "usage: similarity.sh [--huge | --quick] [gowalla_train.csv.gz]" ;;
	*) file=$arg ;;
	esac
done
find_postgres python3-scipy
make_workdir
build_extension CC="${CC:-gcc}"
start_cluster "shared_buffers = '128MB'" "work_mem = '1GB'" "maintenance_work_mem = '1GB'" "jit = off" \
	"max_worker_processes = 8"
psql=("$PG_BIN/psql" -XqAt -v ON_ERROR_STOP=1)
"${psql[@]}" -c "CREATE EXTENSION recsys"

# Lines of users of long-tailed activity, items of long-tailed popularity.
generate() { # table, users, items, lines
	set -- "$1" $(($2 / part)) $(($3 / part)) $(($4 / part))
	"${psql[@]}" <<-SQL
		SELECT setseed(0.5) \\g /dev/null
		CREATE UNLOGGED TABLE $1 AS SELECT DISTINCT (power(random(), 1.6) * $2)::int AS u, (power(random(), 2.5) * $3)::int AS i
		FROM generate_series(1, $4::bigint * 107 / 100) LIMIT $4;
		VACUUM ANALYZE $1;
	SQL
}

# Memory of a backend, its workers and what they share, in kB, until it ends: the peak.
watch() { # pid, file
	local peak=0 now pids shared
	while [ -e "/proc/$1" ]; do
		pids=$(grep -l "recsys worker for PID $1" /proc/[0-9]*/cmdline 2>/dev/null | sed 's,/proc/\(.*\)/cmdline,\1,') || true
		now=$(for p in $1 $pids; do cat "/proc/$p/status"; done 2>/dev/null | awk '/^RssAnon/ {s += $2} END {print s + 0}' || true)
		shared=$(awk '/^[0-9a-f]+-/ {d = /\/dev\/shm\/PostgreSQL/} /^Rss:/ && d {s += $2} END {print s + 0}' \
			"/proc/$1/smaps" 2>/dev/null) || true
		now=$((now + ${shared:-0}))
		[ "$now" -le "$peak" ] || peak=$now
		echo "$peak" >"$2"
		sleep 0.1
	done
}

# Seconds of a statement, the least of some rounds, and its peak of memory in one more round, as to
# look takes a good part of a core; each round in a session of its own: SECONDS_TAKEN, PEAK_MB.
# With 0 rounds one does for both.  What fails, or is given up, takes 0.00 seconds, which meets no goal.
# What a round leaves to be written does not wait for the next one: afterwards comes $undo, and a checkpoint.
undo=
timed() { # label, settings, statement
	local out pidfile=$WORK/tmp/pid peakfile=$WORK/tmp/peak watcher round
	SECONDS_TAKEN=
	for ((round = 1; round <= rounds + 1; round++)); do
		rm -f "$pidfile"
		watcher=
		if [ "$round" -gt "$rounds" ]; then
			(
				until [ -s "$pidfile" ]; do sleep 0.01; done
				watch "$(cat "$pidfile")" "$peakfile"
			) &
			watcher=$!
		fi
		out=$("${psql[@]}" <<-SQL
			$2;
			\\o $pidfile
			SELECT pg_backend_pid();
			\\o
			\\timing on
			$3 \\g /dev/null
		SQL
		) || out='Time: 0 ms'
		[ -z "$watcher" ] || wait "$watcher" || true
		[ -z "$undo" ] || "${psql[@]}" -c "$undo" -c CHECKPOINT >/dev/null
		[ -n "$watcher" ] && [ "$rounds" -gt 0 ] ||
			SECONDS_TAKEN=$(sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' <<<"$out" |
				awk -v least="$SECONDS_TAKEN" '{t = sprintf("%.2f", $1 / 1000); print (least == "" || t < least + 0 ? t : least)}')
	done
	PEAK_MB=$(awk '{printf "%.0f", $1 / 1024}' "$peakfile")
	printf '%-44s %8s s   %6s MB\n' "$1" "$SECONDS_TAKEN" "$PEAK_MB"
}

# One line of the table at the end; the measured number has to be at most, or least, the goal.
goals=()
goal() { # what, measured, at-most|at-least, goal, unit
	goals+=("$(awk -v what="$1" -v m="$2" -v how="$3" -v g="$4" -v unit="$5" 'BEGIN {
		met = m > 0 && (how == "at-most" ? m <= g : m >= g)
		printf "%-58s %9s  %-8s %6s %-12s %s", what, m, how, g, unit, met ? "met" : "NOT MET" }')")
}
print_goals() {
	printf '\n%-58s %9s  %s\n' goal measured wanted
	printf '%s\n' "${goals[@]}"
}

cat >"$WORK/tmp/multiply.py" <<'PYTHON'
import subprocess, sys, time
import numpy as np, scipy.sparse as sp
out = subprocess.run(["psql", "-qXAt", "-c", f"COPY (SELECT u, i FROM {sys.argv[1]}) TO STDOUT (FORMAT binary)"],
                     check=True, stdout=subprocess.PIPE).stdout
rows = np.frombuffer(out[19:-2], dtype=[("f", ">i2"), ("l", ">i4"), ("u", ">i4"), ("m", ">i4"), ("i", ">i4")])
a = sp.csr_matrix((np.ones(len(rows), np.float32), (rows["u"].astype(np.int32), rows["i"].astype(np.int32))))
del rows, out
t0 = time.time()
d = np.sqrt(np.maximum(np.asarray(a.sum(0)).ravel(), 1))
b = sp.csr_matrix(a @ sp.diags(1 / d))
t = sp.csr_matrix(b.T)
t1 = time.time()
c = t @ b
t2 = time.time()
for row in range(c.shape[0]):
    s = slice(c.indptr[row], c.indptr[row + 1])
    values = c.data[s]
    if len(values) > 51:
        np.argpartition(-values, 51)
t3 = time.time()
print(f"multiplication {t2 - t1:.2f}")
print(f"whole {t3 - t0:.2f}")
PYTHON

serial='SET client_min_messages = warning; SET max_parallel_maintenance_workers = 0; SET max_parallel_workers_per_gather = 0'
two='SET client_min_messages = warning; SET max_parallel_maintenance_workers = 1; SET max_parallel_workers_per_gather = 1'

compare() { # table
	local t=$1 ours multiplication round
	printf '\n%s: %s\n' "$t" "$("${psql[@]}" -c "SELECT format('%s lines, %s users, %s items, %s pairs to add up',
		count(*), count(DISTINCT u), count(DISTINCT i), (SELECT sum(n * n) FROM (SELECT count(*) AS n FROM $t GROUP BY u) q)) FROM $t")"
	timed 'cosine, one process' "$serial" "SELECT count(*) FROM item_similarity('SELECT u, i FROM $t', 50, 'cosine')"
	timed 'cosine, two processes' "$two" "SELECT count(*) FROM item_similarity('SELECT u, i FROM $t', 50, 'cosine')"
	ours=$SECONDS_TAKEN
	timed 'default measure, two processes' "$two" "SELECT count(*) FROM item_similarity('SELECT u, i FROM $t', 50)"
	timed 'cosine, aggregate, two processes' "$two" "SELECT array_length(item_similarity_agg(u, i, similarity_options('cosine', 50)), 1) FROM $t"
	for ((round = 0; round < rounds; round++)); do
		PATH="$PG_BIN:$PATH" /usr/bin/python3 "$WORK/tmp/multiply.py" "$t"
	done >"$WORK/tmp/scipy"
	multiplication=$(awk '/multiplication/ {print $2}' "$WORK/tmp/scipy" | sort -n | head -1)
	printf '%-44s %8s s\n' 'scipy, A.T @ A alone' "$multiplication" \
		'scipy, all from the matrix' "$(awk '/whole/ {print $2}' "$WORK/tmp/scipy" | sort -n | head -1)"
	goal "$t: whole statement, times as fast as scipy's A.T @ A" \
		"$(awk -v a="$multiplication" -v b="$ours" 'BEGIN {printf "%.1f", a / b}')" at-least 3 times
	rounds=0
	timed 'SQL self-join (0.00: more than 100 s)' "SET statement_timeout = '100s'; SET max_parallel_workers_per_gather = 2" \
		"WITH d AS (SELECT i, count(*) AS n FROM $t GROUP BY i)
		 SELECT count(*) FROM (SELECT row_number() OVER (PARTITION BY a ORDER BY c / sqrt(da.n * db.n::float8) DESC, b) AS place
		   FROM (SELECT x.i AS a, y.i AS b, count(*) AS c FROM $t x JOIN $t y ON x.u = y.u AND x.i <> y.i GROUP BY 1, 2) p
		   JOIN d da ON da.i = a JOIN d db ON db.i = b) q WHERE place <= 50" 2>/dev/null
	[ "$SECONDS_TAKEN" = 0.00 ] || [ -z "$SECONDS_TAKEN" ] || goal "$t: times as fast as the self-join" \
		"$(awk -v a="$SECONDS_TAKEN" -v b="$ours" 'BEGIN {printf "%.0f", a / b}')" at-least 50 times
	rounds=3
}

if [ -n "$huge" ]; then
	rounds=0
	# 50 different items of each of 2 M users, made while they are read
	printf '\n100 M interactions, 2 M users, 100 k items, maintenance_work_mem 1 GB\n'
	timed 'cosine, two processes' "$two; SET work_mem = '16MB'" "SELECT count(*) FROM item_similarity('SELECT u, (u * 7919::bigint + k * (13 * k + 1009)) % 100000
		FROM generate_series(1, 2000000) u, generate_series(0, 49) k', 50, 'cosine')"
	goal '100 M interactions: peak of memory' "$PEAK_MB" at-most 1024 MB
	print_goals
	exit 0
fi
if [ -n "$file" ]; then
	"${psql[@]}" -c "CREATE UNLOGGED TABLE gowalla (u int, i int)"
	gzip -dc "$file" | "${psql[@]}" -c "COPY gowalla FROM STDIN (FORMAT csv, HEADER)" -c "VACUUM ANALYZE gowalla"
	compare gowalla
fi
generate shop 1000000 100000 10000000
compare shop
generate dense 6000 3700 1000000
compare dense

printf '\ncreate_recommender: 10 M lines of 1 M users, table to stored model\n'
generate shop20k 1000000 20000 10000000
generate shop1m 1000000 1000000 10000000
"${psql[@]}" -c CHECKPOINT
undo="SELECT drop_recommender('model')"
for t in shop20k shop shop1m; do
	timed "$t, one process" "$serial" "SELECT create_recommender('model', 'SELECT u, i FROM $t')"
	goal "$t: table to stored model, one process" "$SECONDS_TAKEN" at-most 8 s
	timed "$t, two processes" "$two" "SELECT create_recommender('model', 'SELECT u, i FROM $t')"
	goal "$t: table to stored model, two processes" "$SECONDS_TAKEN" at-most 5 s
done

undo=
rounds=0
printf '\nmemory: item_similarity() of the same, work_mem 16 MB\n'
for t in shop20k shop shop1m; do
	read -r lines items <<<"$("${psql[@]}" -F ' ' -c "SELECT count(*), count(DISTINCT i) FROM $t")"
	timed "$t, cosine, two processes" "$two; SET work_mem = '16MB'" "SELECT count(*) FROM item_similarity('SELECT u, i FROM $t', 50, 'cosine')"
	goal "$t: bytes an interaction, beside 16 an item and the buffer" \
		"$(awk -v mb="$PEAK_MB" -v n="$lines" -v i="$items" 'BEGIN {printf "%.1f", ((mb - 16) * 1048576 - 16 * i) / n}')" at-most 16 bytes
done
timed 'shop with weights, cosine, two processes' "$two; SET work_mem = '16MB'" "SELECT count(*) FROM item_similarity('SELECT u, i, 1 + (u + i) % 3 FROM shop', 50, 'cosine')"
print_goals
