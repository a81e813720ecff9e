#!/usr/bin/env bash
# Builds PostgreSQL from Debian's source package with assertions on and ready
# for valgrind, as the test servers of distributions are not.
#
#   bash test/tools/build-postgres.sh [PREFIX]     default: .tools/postgres in the checkout
#   SANITIZE=address bash test/tools/build-postgres.sh [PREFIX]    default: .tools/postgres-address
#
# With SANITIZE=address clang builds the server with AddressSanitizer in place of
# valgrind's hooks; its memory contexts tell AddressSanitizer what they have given
# out, so that it finds an overrun within a block as well.
#
# Afterwards: PG_CONFIG=PREFIX/bin/pg_config bash test/run.sh, and
# test/tools/valgrind.sh, asan.sh.  Takes about ten minutes on one core; does nothing
# when PREFIX holds a server already.  JOBS=n compiles with n processes.

set -euo pipefail

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

prefix=$(realpath -m "${1:-$SRC/.tools/postgres${SANITIZE:+-$SANITIZE}}")
if [ -x "$prefix/bin/postgres" ]; then
  say "$("$prefix/bin/postgres" --version) is there: $prefix"
  exit 0
fi

need_packages gcc make libc6-dev dpkg-dev patch bzip2 xz-utils perl libipc-run-perl valgrind
options=(CPPFLAGS=-DUSE_VALGRIND CFLAGS='-Og -fno-omit-frame-pointer')
case ${SANITIZE:-} in
'') ;;
address)
  need_packages clang llvm
  options=(CC=clang CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address' LDFLAGS=-fsanitize=address)
  # what the programs of the build leave at their end is not of interest
  export ASAN_OPTIONS=detect_leaks=0
  ;;
*) die "SANITIZE knows only address" ;;
esac

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
if [ "${SANITIZE:-}" = address ]; then
  # The calls to valgrind are in all places where memory changes hands.
  cat >src/include/utils/memdebug.h <<'EOF'
#ifndef MEMDEBUG_H
#define MEMDEBUG_H
#include <sanitizer/asan_interface.h>
#define VALGRIND_CHECK_MEM_IS_DEFINED(addr, size)			do {} while (0)
#define VALGRIND_CREATE_MEMPOOL(context, redzones, zeroed)	do {} while (0)
#define VALGRIND_DESTROY_MEMPOOL(context)					do {} while (0)
#define VALGRIND_MAKE_MEM_DEFINED(addr, size)				ASAN_UNPOISON_MEMORY_REGION(addr, size)
#define VALGRIND_MAKE_MEM_UNDEFINED(addr, size)				ASAN_UNPOISON_MEMORY_REGION(addr, size)
#define VALGRIND_MAKE_MEM_NOACCESS(addr, size)				ASAN_POISON_MEMORY_REGION(addr, size)
#define VALGRIND_MEMPOOL_ALLOC(context, addr, size)			ASAN_UNPOISON_MEMORY_REGION(addr, size)
#define VALGRIND_MEMPOOL_FREE(context, addr)				do {} while (0)
#define VALGRIND_MEMPOOL_CHANGE(context, optr, nptr, size)	ASAN_UNPOISON_MEMORY_REGION(nptr, size)
#ifdef CLOBBER_FREED_MEMORY
static inline void
wipe_mem(void *ptr, size_t size)
{
	ASAN_UNPOISON_MEMORY_REGION(ptr, size);
	memset(ptr, 0x7F, size);
	ASAN_POISON_MEMORY_REGION(ptr, size);
}
#endif
#ifdef MEMORY_CONTEXT_CHECKING
static inline void
set_sentinel(void *base, Size offset)
{
	char	   *ptr = (char *) base + offset;

	ASAN_UNPOISON_MEMORY_REGION(ptr, 1);
	*ptr = 0x7E;
	ASAN_POISON_MEMORY_REGION(ptr, 1);
}

static inline bool
sentinel_ok(const void *base, Size offset)
{
	const char *ptr = (const char *) base + offset;
	bool		ret;

	ASAN_UNPOISON_MEMORY_REGION(ptr, 1);
	ret = *ptr == 0x7E;
	ASAN_POISON_MEMORY_REGION(ptr, 1);
	return ret;
}
#endif
#ifdef RANDOMIZE_ALLOCATED_MEMORY
void		randomize_mem(char *ptr, size_t size);
#endif
#endif
EOF
fi
{
  { [ ! -f debian/patches/extension_destdir ] || patch -p1 <debian/patches/extension_destdir; } &&
    ./configure --prefix="$prefix" --enable-cassert --enable-debug --enable-tap-tests \
      --without-icu --without-readline --without-zlib \
      "${options[@]}" &&
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
