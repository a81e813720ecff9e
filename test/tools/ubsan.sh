#!/usr/bin/env bash
# Runs regression tests (all, or those named) with an extension that stops at
# undefined behaviour, overflow of signed integers included.
#
#   bash test/tools/ubsan.sh [name...]
set -euo pipefail

PROFILE="-fsanitize=undefined -fno-wrapv -fno-sanitize-recover=all ${PROFILE:-}" \
  exec bash "$(dirname "${BASH_SOURCE[0]}")/../run.sh" --regress "$@"
