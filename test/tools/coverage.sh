#!/usr/bin/env bash
# Runs the tests (the arguments are those of test/run.sh) with an extension that
# counts the lines it executes, and prints the share per file and in all.
#
#   bash test/tools/coverage.sh [--regress|--isolation|--tap [name...]]
set -euo pipefail

COVERAGE=1 exec bash "$(dirname "${BASH_SOURCE[0]}")/../run.sh" "$@"
