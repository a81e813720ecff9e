#!/usr/bin/env bash
# Builds with -Werror and runs the tests inside other releases of Debian and
# Ubuntu, each of which has its own major of PostgreSQL, and on other architectures.
#
#   bash test/tools/chroot-matrix.sh [options] [SUITE[/ARCHITECTURE]...]
#
#   default: bullseye (PostgreSQL 13), jammy (14), bookworm/i386 (15, 32 bits), noble (16),
#            trixie (17), sid (the newest)
#   --plain           run as a plain user who may use sudo, not as root
#   --fresh           make the chroot anew
#   --run COMMAND     run this in the checkout, in place of the default: PROFILE=-Werror bash test/run.sh
#
# Needs root and debootstrap; nothing is installed in the system itself.  The
# chroots stay for the next time, in .tools/chroots or the directory that
# CHROOTS names, about 1 GB each.  An architecture that the processor does not
# run itself needs qemu-user-static and binfmt-support.
set -euo pipefail

# shellcheck source=test/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/setup.sh"

command='PROFILE=-Werror bash test/run.sh'
plain=
fresh=
targets=()
while [ $# -gt 0 ]; do
  case $1 in
  --plain) plain=1 ;;
  --fresh) fresh=1 ;;
  --run) shift && command=$1 ;;
  -h | --help)
    sed -n '2,16s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
    ;;
  -*) die "unknown option $1; --help lists them" ;;
  *) targets+=("$1") ;;
  esac
  shift
done
[ ${#targets[@]} -gt 0 ] || targets=(bullseye jammy bookworm/i386 noble trixie sid)
[ "$(id -u)" -eq 0 ] || die "a chroot needs root"
need_packages debootstrap
chroots=$(realpath -m "${CHROOTS:-$SRC/.tools/chroots}")
mkdir -p "$chroots"

make_chroot() { # suite, architecture, directory
  [ -z "$fresh" ] || rm -rf --one-file-system "$3"
  [ ! -f "$3/.complete" ] || return 0
  rm -rf --one-file-system "$3"
  say "making $3"
  local options=() source=()
  case $1 in
  jammy | noble) # Ubuntu's scripts for debootstrap are all the same
    local keyring=/usr/share/keyrings/ubuntu-archive-keyring.gpg
    options=("--components=main,universe" "--keyring=$keyring")
    if [ ! -f "$keyring" ]; then
      say "no $keyring: signatures of packages are not checked"
      options[1]=--no-check-gpg
    fi
    source=(http://archive.ubuntu.com/ubuntu /usr/share/debootstrap/scripts/jammy)
    ;;
  esac
  debootstrap --variant=minbase --arch="$2" "${options[@]}" "$1" "$3" "${source[@]}" >"$3.log" 2>&1 || {
    tail -20 "$3.log" >&2
    return 1
  }
  # nothing here has to survive a crash
  echo force-unsafe-io >"$3/etc/dpkg/dpkg.cfg.d/unsafe-io"
  rm -f "$3.log"
  touch "$3/.complete"
}

# The mounts and all processes inside go away with the first process.
run_inside() { # directory, command
  # shellcheck disable=SC2016
  unshare --mount --pid --fork --kill-child bash -c '
    mount --rbind /dev "$1/dev" && mount -t proc proc "$1/proc" && mount -t tmpfs tmpfs "$1/dev/shm" &&
    exec chroot "$1" /bin/bash -c "$2"' bash "$1" "$2"
}

failed=()
for target in "${targets[@]}"; do
  suite=${target%/*}
  architecture=$(dpkg --print-architecture)
  [[ $target != */* ]] || architecture=${target#*/}
  root=$chroots/$suite-$architecture
  printf '\n== %s, %s ==\n' "$suite" "$architecture"
  make_chroot "$suite" "$architecture" "$root" || { failed+=("$target") && continue; }
  rm -rf "$root/recsys"
  mkdir "$root/recsys"
  (cd "$SRC" && tar -cf - --exclude=./.git --exclude=./.tools --exclude='*.o' --exclude='*.so' --exclude='*.d' --exclude='*.bc' .) |
    tar -xf - -C "$root/recsys" --no-same-owner
  inside="cd /recsys && export LC_ALL=C.UTF-8 && $command"
  if [ -n "$plain" ]; then
    inside="apt-get -qq update && apt-get -qq install -y --no-install-recommends sudo >/dev/null 2>&1
      id tester >/dev/null 2>&1 || useradd --create-home tester
      echo 'tester ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/tester
      chown -R tester /recsys && exec runuser -u tester -- bash -c \"$inside\""
  fi
  run_inside "$root" "$inside" || failed+=("$target")
  rm -rf "$root/recsys"
done
[ ${#failed[@]} -eq 0 ] || die "failed: ${failed[*]}"
echo "all of ${targets[*]} passed"
