# Shared by test/run.sh, test/demo.sh and .ci/run: source it, do not run it.
#
# What it offers, in the order in which a script uses it:
#   need_packages NAME...    install what is missing (Debian; as root or through sudo)
#   find_postgres            set PG_CONFIG, PG_BIN, PG_PGXS of the newest server that can be built against
#   make_workdir             create WORK, a private directory that is removed at exit
#   build_extension          build the checkout in WORK and stage it in WORK/dest
#   start_cluster            initdb and start a server in WORK that sees the staged extension
#
# The server listens on a socket in WORK only, so any number of runs can go on
# side by side; nothing is installed into the system's PostgreSQL.  Root gives
# the server to the user postgres, who may not be able to read the checkout:
# what the server needs is copied to WORK.

# shellcheck shell=bash
set -euo pipefail
umask 022

SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
WORK=
PG_CONFIG=${PG_CONFIG:-}
PG_BIN=
PG_PGXS=
PG_RUN=() # prefix of commands that must not run as root
PG_OWNER= # the user they run as, when we are root

say() { printf '%s\n' "$*" >&2; }
die() {
	say "error: $*"
	exit 1
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		die "need root or sudo to run: $*"
	fi
}

# Installs the Debian packages that are missing.  The packages of the server
# create and start a cluster of their own: not wanted here, so it is switched
# off while they are installed.
need_packages() {
	local missing=() package log ok='' wrote='' conf=/etc/postgresql-common/createcluster.d/zz-recsys-setup.conf
	for package in "$@"; do
		has_package "$package" || missing+=("$package")
	done
	[ ${#missing[@]} -eq 0 ] && return 0
	command -v apt-get >/dev/null || die "missing: ${missing[*]} (this is not Debian: install them, or set PG_CONFIG)"
	say "installing ${missing[*]}"
	if ! ls -d /etc/postgresql/*/main >/dev/null 2>&1; then
		as_root mkdir -p "${conf%/*}"
		echo 'create_main_cluster = false' | as_root tee "$conf" >/dev/null
		wrote=1
	fi
	log=$(mktemp)
	# Two runs may meet here.  The second waits for the first; only the lock of
	# the package lists cannot be waited for, hence the loop.
	local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600)
	for _ in 1 2 3 4 5 6; do
		as_root "${apt[@]}" update >"$log" 2>&1 || true
		if as_root "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >>"$log" 2>&1; then
			ok=1
			break
		fi
		sleep 5
	done
	if [ -n "$wrote" ]; then
		as_root rm -f "$conf"
		as_root rmdir --ignore-fail-on-non-empty "${conf%/*}" 2>/dev/null || true
	fi
	[ -n "$ok" ] || cat "$log" >&2
	rm -f "$log"
	[ -n "$ok" ] || die "could not install ${missing[*]}"
}

has_package() {
	dpkg-query -W -f '${Status}\n' "$1" 2>/dev/null | grep -q '^install ok installed$'
}

# The packages of the newest server: of those that are installed with their
# headers, else of those that apt knows.
server_packages() {
	local dir major='' pattern='^postgresql-server-dev-[0-9]+$'
	for dir in /usr/lib/postgresql/*/; do
		dir=$(basename "$dir")
		if has_package "postgresql-$dir" && has_package "postgresql-server-dev-$dir"; then
			major=$(printf '%s\n' "$major" "$dir" | sort -n | tail -1)
		fi
	done
	if [ -z "$major" ]; then
		command -v apt-cache >/dev/null || die "this is not Debian: set PG_CONFIG to a server's pg_config"
		# another run may be fetching the lists just now: they are locked, and not all there
		for _ in {1..20}; do
			major=$(apt-cache search --names-only "$pattern" 2>/dev/null | sed 's/ .*//; s/.*-//' | sort -n | tail -1) || true
			[ -z "$major" ] || break
			as_root apt-get -qq update >/dev/null 2>&1 || sleep 3
		done
	fi
	[ -n "$major" ] || die "no package postgresql-server-dev-N is known to apt"
	echo "postgresql-$major postgresql-server-dev-$major"
}

# With PG_CONFIG set by the user that server is taken as it is.
find_postgres() {
	if [ -z "$PG_CONFIG" ]; then
		local packages major
		packages=$(server_packages)
		major=${packages##*-}
		# shellcheck disable=SC2086
		need_packages $packages gcc make libc6-dev "$@"
		PG_CONFIG=/usr/lib/postgresql/$major/bin/pg_config
	fi
	[ -x "$PG_CONFIG" ] || die "no pg_config at $PG_CONFIG"
	PG_BIN=$("$PG_CONFIG" --bindir)
	PG_PGXS=$(dirname "$("$PG_CONFIG" --pgxs)")/../..
	PG_PGXS=$(cd "$PG_PGXS" && pwd)
	export PG_CONFIG
}

# In TMPDIR, unless the server could not work there: the name of a socket has at
# most 107 bytes, and a user's own directory may be closed to the server's user.
make_workdir() {
	local base=${TMPDIR:-/tmp}
	if [ "$(id -u)" -eq 0 ]; then
		PG_OWNER=postgres
		id -u "$PG_OWNER" >/dev/null 2>&1 || PG_OWNER=nobody
		PG_RUN=(runuser -u "$PG_OWNER" --)
	fi
	if [ ${#base} -gt 60 ] || [[ $base != /* ]] || ! (cd / && "${PG_RUN[@]}" test -x "$base"); then
		base=/tmp
	fi
	WORK=$(mktemp -d "$base/recsys.XXXXXX")
	trap cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	chmod 755 "$WORK"
	mkdir "$WORK/src" "$WORK/dest" "$WORK/run" "$WORK/tmp"
	chmod 700 "$WORK/run"
	give_to_server "$WORK/run" "$WORK/tmp"
}

give_to_server() { # file or directory...
	[ -z "$PG_OWNER" ] || chown -R "$PG_OWNER" "$@"
}

# Programs of the server run in a directory that their user may enter.
as_server() {
	(cd "$WORK" && "${PG_RUN[@]}" "$@")
}

cleanup() {
	local status=$?
	trap - EXIT
	if [ -n "$WORK" ] && [ -d "$WORK" ]; then
		[ ! -f "$WORK/run/data/postmaster.pid" ] || stop_cluster immediate
		rm -rf "$WORK"
	fi
	exit "$status"
}

# build_extension [make variables...]: compiles a copy, so that runs side by
# side and the user's own objects in the checkout do not meet.
build_extension() {
	(cd "$SRC" && tar -cf - --exclude=./.git --exclude=./.tools --exclude='*.o' --exclude='*.so' --exclude='*.d' --exclude='*.bc' .) |
		tar -xf - -C "$WORK/src" --no-same-owner
	chmod -R a+rX "$WORK/src"
	if ! { make -s -j"$(nproc)" -C "$WORK/src" PG_CONFIG="$PG_CONFIG" with_llvm=no "$@" &&
		make -s -C "$WORK/src" PG_CONFIG="$PG_CONFIG" with_llvm=no DESTDIR="$WORK/dest" "$@" install; } \
		>"$WORK/build.log" 2>&1; then
		cat "$WORK/build.log" >&2
		die "the build failed"
	fi
}

# Lines for postgresql.conf that let a server find the staged extension.
extension_conf() {
	local major sharedir libdir
	major=$("$PG_CONFIG" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
	sharedir=$("$PG_CONFIG" --sharedir)
	libdir=$("$PG_CONFIG" --pkglibdir)
	if [ "$major" -ge 18 ]; then
		echo "extension_control_path = '$WORK/dest$sharedir:\$system'"
	else
		echo "extension_destdir = '$WORK/dest'"
	fi
	echo "dynamic_library_path = '$WORK/dest$libdir:\$libdir'"
}

# start_cluster [configuration lines...]: exports PGHOST, PGUSER, PGDATABASE.
# PG_SERVER may name a program to start in place of postgres.
start_cluster() {
	as_server "$PG_BIN/initdb" -D "$WORK/run/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync \
		>"$WORK/initdb.log" 2>&1 || {
		cat "$WORK/initdb.log" >&2
		die "initdb failed"
	}
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$WORK/run'"
		echo "fsync = off"
		echo "shared_buffers = '512MB'"
		echo "max_wal_size = '8GB'"
		echo "log_min_messages = warning"
		extension_conf
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} >>"$WORK/run/data/postgresql.conf"
	as_server "$PG_BIN/pg_ctl" ${PG_SERVER:+-p "$PG_SERVER"} -D "$WORK/run/data" -l "$WORK/run/server.log" -w -s start || {
		cat "$WORK/run/server.log" >&2
		die "the server did not start"
	}
	export PGHOST="$WORK/run" PGUSER=postgres PGDATABASE=postgres
	unset PGPORT PGSERVICE PGPASSFILE PGOPTIONS || true
}

stop_cluster() {
	as_server "$PG_BIN/pg_ctl" -D "$WORK/run/data" -m "${1:-fast}" -w -s stop >/dev/null 2>&1 || true
}
