#!/usr/bin/env bash
# Builds PostgreSQL from Debian's source package with assertions on and ready
# for valgrind, as the test servers of distributions are not.
#
#   bash test/tools/build-postgres.sh [PREFIX]     default: .tools/postgres in the checkout
#
# Afterwards: PG_CONFIG=PREFIX/bin/pg_config bash test/run.sh, and
# test/tools/valgrind.sh.  Takes about ten minutes on one core; does nothing
# when PREFIX holds a server already.  JOBS=n compiles with n processes.

set -euo pipefail

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

prefix=$(realpath -m "${1:-$SRC/.tools/postgres}")
if [ -x "$prefix/bin/postgres" ]; then
  say "$("$prefix/bin/postgres" --version) is there: $prefix"
  exit 0
fi

need_packages gcc make libc6-dev dpkg-dev patch bzip2 xz-utils perl libipc-run-perl valgrind

work=$(mktemp -d "${TMPDIR:-/tmp}/recsys-postgres.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit

# Lists of source packages of our own: the machine's are left as they are.
mkdir -p lists/partial cache/archives/partial
# shellcheck disable=SC1091
. /etc/os-release
{
  echo "deb-src http://deb.debian.org/debian $VERSION_CODENAME main"
  echo "deb-src http://deb.debian.org/debian $VERSION_CODENAME-updates main"
  echo "deb-src http://deb.debian.org/debian-security $VERSION_CODENAME-security main"
} >sources.list
apt=(-q -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
  -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root)
apt-get "${apt[@]}" update >apt.log 2>&1 || { cat apt.log >&2 && die "no list of source packages"; }

package=$(apt-cache "${apt[@]}" search --names-only '^postgresql-[0-9]+$' 2>/dev/null | awk '{print $1}' | sort -V | tail -1)
[ -n "$package" ] || package=$(apt-cache "${apt[@]}" showsrc '^postgresql-[0-9]+$' 2>/dev/null |
  sed -n 's/^Package: //p' | sort -Vu | tail -1)
[ -n "$package" ] || package=postgresql-15

# The newest version is not always on every mirror.
source=
for version in $(apt-cache "${apt[@]}" showsrc "$package" | sed -n 's/^Version: //p' | sort -Vru); do
  if apt-get "${apt[@]}" source --download-only "$package=$version" >>apt.log 2>&1; then
    source=$version
    break
  fi
  rm -f ./*.dsc ./*.tar.*
done
[ -n "$source" ] || { cat apt.log >&2 && die "no source of $package could be had"; }
dpkg-source --no-check --skip-patches -x ./*.dsc postgresql >dpkg.log 2>&1 || { cat dpkg.log >&2 && die "could not unpack"; }

say "building $package $source into $prefix"
# Of Debian's patches only the one that lets a server find a staged extension
# is wanted: another one turns the directories of libraries into Debian's own.
# What is installed goes through a stage, so that nothing can miss the prefix.
cd postgresql || exit
{
  { [ ! -f debian/patches/extension_destdir ] || patch -p1 <debian/patches/extension_destdir; } &&
    ./configure --prefix="$prefix" --enable-cassert --enable-debug --enable-tap-tests \
      --without-icu --without-readline --without-zlib \
      CPPFLAGS=-DUSE_VALGRIND CFLAGS='-Og -fno-omit-frame-pointer' &&
    for dir in . src/test/isolation contrib/postgres_fdw; do
      nice -n 19 make -s -j"${JOBS:-1}" -C "$dir" install DESTDIR="$work/stage" || exit 1
    done &&
    install -m 644 src/tools/valgrind.supp "$work/stage$prefix/share/valgrind.supp" &&
    mkdir -p "$prefix" &&
    cp -r "$work/stage$prefix/." "$prefix/"
} >"$work/build.log" 2>&1 || {
  tail -50 "$work/build.log" >&2
  die "the build failed"
}
"$prefix/bin/postgres" --version
