#!/usr/bin/env bash
# Runs the tests (the arguments are those of test/run.sh) with an extension that
# stops at undefined behaviour, overflow of signed integers included.
#
#   bash test/tools/ubsan.sh [--regress|--isolation|--tap [name...]]
set -euo pipefail

# what is left of memory and time is another matter with more code
export RECSYS_SANITIZER=1
PROFILE="-fsanitize=undefined -fno-wrapv -fno-sanitize-recover=all ${PROFILE:-}" \
  exec bash "$(dirname "${BASH_SOURCE[0]}")/../run.sh" "$@"
