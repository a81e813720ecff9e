#!/usr/bin/env bash
# Fuzzes whatever of the extension reads foreign bytes: the input and receive
# functions of its types, functions that parse, partial states of aggregates.
#
#   bash test/fuzz/run.sh [name...]     all targets, or those whose name contains one of these
#
# Environment:
#   PG_CONFIG    a server; with one of `SANITIZE=address test/tools/build-postgres.sh`
#                every access outside of a palloc'd piece is found
#   SECONDS_EACH seconds of processor time for each target (default 2: a smoke test)
#   ROUNDS       times round all targets (default 1)
#   LIST=1       only names the targets
#   CORPUS       a directory that keeps what is found of interest between runs
#   KEEP=n       then writes up to n inputs for each target to test/fuzz/corpus
#
# How it works is said in fuzz.c.  The corpus has a file for each target, an
# input a line in hexadecimal.  An input that is a finding is printed likewise,
# to be added there with the correction.

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

each=${SECONDS_EACH:-2}
# leaks of programs that end are none
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1
find_postgres clang libclang-rt-dev perl
make_workdir

address=()
case $("$PG_CONFIG" --cflags) in *-fsanitize=address*) address=(-fsanitize=address) ;; esac
runtime=$(clang -print-file-name=lib/linux/libclang_rt.fuzzer_no_main-"$(uname -m)".a)
[ -f "$runtime" ] || runtime=$(clang --print-resource-dir)/lib/linux/libclang_rt.fuzzer_no_main-$(uname -m).a
# libFuzzer is bound into the extension: a server with AddressSanitizer would take its place
build_extension CC=clang \
  PROFILE="-O1 -g -fsanitize=fuzzer-no-link,undefined ${address[*]} -fno-wrapv -fno-sanitize-recover=all -fsanitize-trap=undefined -Dlookup_type_cache=fuzz_lookup_type_cache" \
  SHLIB_LINK="-Wl,--whole-archive $runtime -Wl,--no-whole-archive -Wl,-Bsymbolic -lstdc++ -lpthread -lm"
module=$WORK/dest/fuzz.so
clang -std=gnu99 -Wno-ignored-attributes -O1 -g -fPIC -shared "${address[@]}" -I"$("$PG_CONFIG" --includedir-server)" "$SRC/test/fuzz/fuzz.c" \
  -o "$module"
chmod 755 "$module"

start_cluster "shared_preload_libraries = '$module'" "autovacuum = off" "max_parallel_workers_per_gather = 0" \
  "jit = off" "work_mem = 1MB" "maintenance_work_mem = 16MB" "max_parallel_maintenance_workers = 0" "log_min_messages = error"
sql() { "$PG_BIN/psql" -X -q -At -v ON_ERROR_STOP=1 "$@"; }
sql -c 'CREATE EXTENSION recsys'
sql -v module="$module" -f "$SRC/test/fuzz/fuzz.sql"

if [ -n "${LIST:-}" ]; then
  sql -F ' ' -c 'SELECT kind, name FROM fuzz_target ORDER BY kind, name'
  exit 0
fi

tmp=$WORK/tmp
file_of() { printf '%s_%s' "$1" "${2//[^a-z_0-9]/_}"; }

unhex() { # directory: writes the lines of standard input as files
  perl -MDigest::SHA=sha1_hex -ne 'chomp; next if $_ eq "" && !$empty++ || /^#/; my $b = pack("H*", $_);
    open(my $f, ">", "'"$1"'/" . sha1_hex($b)) or die; print $f $b;'
}

# The inputs that together do the most: those that reach what no one before does.
choose() { # control file of libFuzzer's merge, number
  perl -e 'my ($control, $n) = @ARGV; my (@names, %ft, %size); open(my $f, "<", $control) or die;
    while (<$f>) { chomp;
      if (/^STARTED (\d+) (\d+)/) { $size{$1} = $2 } elsif (/^FT (\d+) ?(.*)/) { $ft{$1} = [split / /, $2] }
      elsif (/^\//) { push @names, $_ } }
    my %seen;
    while ($n-- > 0) { my ($best, $gain) = (undef, 0);
      for my $i (sort { $size{$a} <=> $size{$b} || $a <=> $b } keys %ft) {
        my $g = grep { !$seen{$_} } @{$ft{$i}}; ($best, $gain) = ($i, $g) if $g > $gain }
      last unless defined $best; $seen{$_} = 1 for @{$ft{$best}}; print "$names[$best]\n" }' "$1" "$2"
}

fuzz() { # kind, name, arguments of libFuzzer...
  local kind=$1 name=$2 list
  shift 2
  list=$(printf ',"%s"' "$@")
  # the process ends with the fuzzer
  timeout $((each + 1800)) "$PG_BIN/psql" -X -q -At -v ON_ERROR_STOP=1 -c "SELECT fuzz(kind, name, '{${list#,}}', '$log', sample) FROM fuzz_target WHERE kind = '$kind' AND name = '$name'" \
    >"$tmp/client.log" 2>&1 && return
  [ $? -ne 124 ] || sql -c "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT fuzz(%' AND pid <> pg_backend_pid()" |
    while read -r pid; do as_root kill -ABRT "$pid"; sleep 5; done
}

wait_for_server() {
  local n
  for n in $(seq 200); do
    sql -c 'SELECT 1' >/dev/null 2>&1 && return
    sleep 0.1
  done
  cat "$WORK/run/server.log" >&2
  die "the server did not come back after $n tries"
}

findings=0
total_ms=0
run_target() {
  local kind=$1 name=$2 file dir left=$((each * 1000)) runs=0 spent=0 ms tries=0
  file=$(file_of "$kind" "$name")
  dir=$tmp/$file
  log=$dir.log
  if [ ! -d "$dir" ]; then
    mkdir -p "$dir"
    [ -z "${CORPUS:-}" ] || [ ! -d "$CORPUS/$file" ] || cp -r "$CORPUS/$file/." "$dir/"
    [ ! -f "$SRC/test/fuzz/corpus/$file" ] || unhex "$dir" <"$SRC/test/fuzz/corpus/$file"
    sql -c "SELECT encode(s, 'hex') FROM fuzz_target, fuzz_seeds(kind, name, sample) s WHERE kind = '$kind' AND name = '$name' AND octet_length(s) < 4000" \
      >"$tmp/seeds" || { cat "$WORK/run/server.log" >&2 && die "no inputs to begin with"; }
    unhex "$dir" <"$tmp/seeds"
  fi
  give_to_server "$dir"
  # again until it has had its time: the clock goes on while others work, and libFuzzer goes by it
  while [ "$left" -gt 0 ] && [ "$tries" -lt 100 ]; do
    tries=$((tries + 1))
    : >"$log"
    give_to_server "$log"
    # alarms are PostgreSQL's own here
    fuzz "$kind" "$name" "-max_total_time=$(((left + 999) / 1000))" -max_len=4096 -timeout=0 -rss_limit_mb=6000 -malloc_limit_mb=1100 \
      -report_slow_units=1000000 -detect_leaks=0 -print_final_stats=1 "-artifact_prefix=$dir." "$dir"
    grep -q '^Done [0-9]* runs' "$log" || break
    ms=$(sed -n 's/^processor time: \([0-9]*\) ms$/\1/p' "$log" | tail -1)
    spent=$((spent + ms))
    # a tenth is for its start
    left=$((each * 900 - spent))
    runs=$((runs + $(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$log" | tail -1)))
    wait_for_server
  done
  total_ms=$((total_ms + spent))
  if grep -q '^Done [0-9]* runs' "$log"; then
    printf '%-60s %s\n' "$kind $name" "$runs runs in $((spent / 1000)) s of processor time, $(grep -o 'cov: [0-9]*' "$log" | tail -1)"
  else
    findings=$((findings + 1))
    echo "FINDING in $kind $name:"
    grep -vE '^#[0-9]+\s+(NEW|REDUCE|pulse|INITED)' "$log" | tail -60 || true
    tail -3 "$tmp/client.log"
    find "$tmp" -maxdepth 1 -name "$file.*-*" -type f -exec sh -c \
      'for f; do echo "input: $(od -An -v -tx1 "$f" | tr -d " \n")"; rm "$f"; done' sh {} +
  fi
  wait_for_server
  if [ -n "${CORPUS:-}" ]; then
    mkdir -p "$CORPUS/$file"
    cp -r "$dir/." "$CORPUS/$file/"
  fi
}

keep_corpus() {
  local kind=$1 name=$2 file dir
  file=$(file_of "$kind" "$name")
  dir=$tmp/$file
  log=$dir.log
  find "$dir" -type f -size -2k | sort >"$tmp/files"
  { wc -l <"$tmp/files"; echo 0; cat "$tmp/files"; } >"$tmp/control"
  give_to_server "$tmp/control"
  fuzz "$kind" "$name" -merge_inner=1 -merge=1 "-merge_control_file=$tmp/control" "$dir"
  mkdir -p "$SRC/test/fuzz/corpus"
  {
    [ ! -f "$SRC/test/fuzz/corpus/$file" ] || sed -n '/^# /,/^$/p' "$SRC/test/fuzz/corpus/$file"
    choose "$tmp/control" "$KEEP" | while read -r f; do od -An -v -tx1 "$f" | tr -d ' \n'; echo; done | LC_ALL=C sort -u
  } >"$tmp/new"
  cp "$tmp/new" "$SRC/test/fuzz/corpus/$file"
  wait_for_server
}

sql -F ' ' -c 'SELECT kind, name FROM fuzz_target ORDER BY kind, name' >"$tmp/targets"
for round in $(seq "${ROUNDS:-1}"); do
  while read -r kind name <&3; do
    if [ $# -gt 0 ]; then
      wanted=
      for word in "$@"; do [[ "$kind $name" != *"$word"* ]] || wanted=1; done
      [ -n "$wanted" ] || continue
    fi
    run_target "$kind" "$name"
    [ -z "${KEEP:-}" ] || [ "$round" -lt "${ROUNDS:-1}" ] || keep_corpus "$kind" "$name"
  done 3<"$tmp/targets"
done
echo "$findings findings in $((total_ms / 1000)) s of processor time"
[ "$findings" -eq 0 ]
