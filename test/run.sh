#!/usr/bin/env bash
# Runs everything that proves the product: sources (check), unit tests, the native parts with sanitizers,
# coverage of the packet tables, real programs in network namespaces, and that nothing is left behind.
# The last line is "N passed, N failed". With folders or files as arguments only their tests run.
#
#   npm test                                     npm test -- test/network/balance.test.ts
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
# shellcheck source=topology/path.sh
source topology/path.sh

RESULTS=build/test-results
CORE_LINES_PERCENT=95

record() { printf '%s %s\n' "$1" "$2" >>$RESULTS; }

# step TITLE CMD…: a command that counts as one test.
step() {
  local title=$1
  shift
  printf '\n# %s\n' "$title"
  if "$@"; then record ok "$title"; else record 'not ok' "$title"; fi
}

# ava LABEL FOLDER-OR-FILE…: its tests, each counted.
ava() {
  local before
  printf '\n# %s\n' "$1"
  before=$(grep -c '^not ok' $RESULTS)
  node build/js/test/run-ava.js $RESULTS "$@" || [ "$(grep -c '^not ok' $RESULTS)" -gt "$before" ] ||
    record 'not ok' "$1: its tests could not run"
}

# The sanitized addon needs the sanitizer's runtime loaded first, into a Node that knows nothing of it.
# Leaks are not looked for: Node itself leaves memory to the kernel when it ends.
ava_debug() {
  COSCANET_ADDON=$PWD/build/debug/coscanet.node LD_PRELOAD=$(gcc -print-file-name=libasan.so) \
  ASAN_OPTIONS=detect_leaks=0:halt_on_error=1 ava "$@"
}

packet_table_coverage() {
  gcovr --root . --filter 'addon/src/core/' --object-directory build/debug --exclude-throw-branches \
    --print-summary --fail-under-line $CORE_LINES_PERCENT build/debug
}

nothing_left() { diff build/machine-before <(test/support/machine-state.sh); }

run_all() {
  local part parts=()
  step 'check: format, lint, types, directions' test/check.sh
  step 'build: debug' topology/build.sh debug
  step 'build: tsan' topology/build.sh tsan
  # First of all that runs the debug build, so that the lines reached are those of the tables alone.
  find build/debug -name '*.gcda' -delete
  ava_debug 'packet tables (sanitized)' test/packets/packets.test.ts test/packets/trains.test.ts
  step "coverage: the packet tables reach $CORE_LINES_PERCENT % of the core" packet_table_coverage
  ava_debug 'packet properties (sanitized)' test/packets/properties.test.ts
  ava_debug 'addon (sanitized)' test/addon
  for part in packets addon router shim topology perf network; do
    [ -z "$(find "test/$part" -name '*.test.ts' 2>/dev/null)" ] || parts+=("test/$part")
  done
  for part in "${parts[@]}"; do ava "${part#test/}" "$part"; done
}

# A skipped test is a failed one, unless it says here which kernel feature it needs.
judge_skips() {
  local title
  while read -r title; do
    if grep -qF "$title" test/allowed-skips.txt 2>/dev/null; then
      echo "allowed to skip: $title"
    else
      echo "not allowed to skip: $title"
      record 'not ok' "skipped: $title"
    fi
  done < <(sed -n 's/^skip //p' $RESULTS)
}

topology/setup.sh test || exit
: >$RESULTS
test/support/machine-state.sh >build/machine-before
if [ $# -gt 0 ]; then ava selected "$@"; else run_all; fi
step 'nothing is left behind' nothing_left
judge_skips

passed=$(grep -c '^ok ' $RESULTS)
failed=$(grep -c '^not ok ' $RESULTS)
[ "$failed" = 0 ] || { printf '\nFailed:\n' && sed -n 's/^not ok /  /p' $RESULTS; }
printf '\n%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
