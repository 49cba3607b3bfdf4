#!/usr/bin/env bash
# npm run bench [-- CASE…]: prepares the machine, builds what is measured, and measures.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=topology/path.sh
source topology/path.sh
topology/setup.sh bench
exec node build/js/perf/main.js "$@"
