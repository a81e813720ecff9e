#!/usr/bin/env bash
# Shows what recsys finds in a shop's orders, on a throw-away cluster.
#
#   bash test/demo.sh                       a generated shop
#   bash test/demo.sh orders.csv[.gz|.xz]   your own orders, one line per product bought
#
# Columns are found by the names in the file's first line, or named:
#   --customer NAME  --item NAME    who bought what
#   --order NAME     --time NAME    in which order, when
#   --quantity NAME  --price NAME   how many, at what price each
#   --amount NAME    --title NAME   price of the line in place of --price; name of the product
# Other options:
#   --customers N    size of the generated shop (default 5000)
#   --keep           leave the server running, and say how to connect
#   --help
#
# On a fresh Debian it installs compiler and server first (as root or through
# sudo).  Nothing else stays behind.  PG_CONFIG chooses another server.

# shellcheck source=test/lib/setup.sh disable=SC2119
. "$(dirname "${BASH_SOURCE[0]}")/lib/setup.sh"

file=
keep=
customers=5000
declare -A column=([customer]='' [item]='' [order]='' [time]='' [quantity]='' [price]='' [amount]='' [title]='')
while [ $# -gt 0 ]; do
  case $1 in
  -h | --help)
    sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
    ;;
  --keep) keep=1 ;;
  --customers | --customer | --item | --order | --time | --quantity | --price | --amount | --title)
    [ $# -ge 2 ] || die "$1 needs a value; --help lists the options"
    if [ "$1" = --customers ]; then
      [[ $2 =~ ^[1-9][0-9]{0,7}$ ]] || die "--customers needs a number, not \"$2\""
      customers=$2
    else
      column[${1#--}]=$2
    fi
    shift
    ;;
  -*) die "unknown option $1; --help lists them" ;;
  *)
    [ -z "$file" ] || die "one file only, please; --help shows how"
    file=$1
    ;;
  esac
  shift
done
if [ -n "$file" ]; then
  if [ ! -r "$file" ] || [ -d "$file" ]; then die "cannot read $file"; fi
elif [ -n "$(printf '%s' "${column[@]}")" ]; then
  die "columns were named, but no file of orders; --help shows how"
fi

read_file() {
  case $file in
  *.gz) gzip -dc -- "$file" ;;
  *.xz) xz -dc -- "$file" ;;
  *.zst | *.bz2 | *.zip | *.xls | *.xlsx) die "$file: unpack or export it to CSV first" ;;
  *) cat -- "$file" ;;
  esac
}

sql() { "$PG_BIN/psql" -qX -v ON_ERROR_STOP=1 "$@"; }

# Reads the file into the tables products, purchases and left_out.
import() {
  local header='' delimiter=, count=0 most=0 mark encoding=UTF8
  [ "${file%.xz}" = "$file" ] || need_packages xz-utils
  # what follows the first line is read below
  IFS= read -r header < <(read_file 2>/dev/null) || true
  header=${header#$'\xef\xbb\xbf'}
  header=${header%$'\r'}
  [ -n "$header" ] || die "$file is empty, or not what its name says"
  for mark in ',' ';' $'\t' '|'; do
    count=$(printf '%s' "$header" | tr -cd "$mark" | wc -c)
    if [ "$count" -gt "$most" ]; then
      most=$count
      delimiter=$mark
    fi
  done
  [ "$most" -gt 0 ] || die "$file: the first line must name the columns, separated by commas, semicolons or tabs"
  read_file | iconv -f UTF-8 -t UTF-8 >/dev/null 2>&1 || encoding=LATIN1
  printf '%s' "$header" | iconv -f "$encoding" -t UTF-8 >"$WORK/header"
  header=$(cat "$WORK/header")

  local args=(-v header="$header" -v delimiter="$delimiter") role
  for role in "${!column[@]}"; do args+=(-v "$role=${column[$role]}"); done
  sql "${args[@]}" -f "$SRC/test/demo/columns.sql"
  read_file | sql -c "COPY file_lines FROM STDIN (FORMAT csv, HEADER, ENCODING '$encoding', DELIMITER E'$delimiter')"
  sql -c "ANALYZE file_lines"
  sql -f "$SRC/test/demo/import.sql"
}

started=$(date +%s)
find_postgres
make_workdir
say "building the extension, starting a server"
build_extension
start_cluster "jit = off"
export PGOPTIONS='-c client_min_messages=warning'
if [ -n "$file" ]; then
  say "reading $file"
  import
else
  say "making up a shop of $customers customers"
  sql -v customers="$customers" -f "$SRC/test/demo/shop.sql"
  sql -c "CREATE TABLE left_out AS
    SELECT CASE WHEN customer_id IS NULL THEN 'no customer: a guest'
                WHEN status = 'cancelled' THEN 'order cancelled'
                WHEN quantity <= 0 THEN 'a return' ELSE 'price of zero' END AS reason,
           count(*) AS lines, sum(amount) AS amount
    FROM order_lines
    WHERE customer_id IS NULL OR status <> 'paid' OR quantity <= 0 OR price <= 0 GROUP BY 1"
fi
sql -c "CREATE EXTENSION recsys" -f "$SRC/test/demo/report.sql"

say "done in $(($(date +%s) - started)) seconds"
if [ -n "$keep" ]; then
  trap - EXIT
  say "The server goes on running.  To connect:"
  say "  $PG_BIN/psql -h $WORK/run -U postgres postgres"
  say "To stop it and remove all it has:"
  say "  ${PG_RUN[*]}${PG_RUN:+ }$PG_BIN/pg_ctl -D $WORK/run/data stop; rm -rf $WORK"
fi
