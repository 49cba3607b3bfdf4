#!/usr/bin/env bash
# npm run bench -- CASE: prepares the machine as the demo does, with nginx and wrk, and measures.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash topology/setup.sh bench
exec node build/js/perf/main.js "$@"
