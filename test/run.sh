#!/usr/bin/env bash
# Runs everything that proves the product: sources (check), unit tests, the native parts with sanitizers,
# coverage of the packet tables, real programs in network namespaces, and that nothing is left behind.
# The last line is "N passed, N failed". With folders or files as arguments only their tests run; --unit runs
# what needs neither root nor namespaces, nor more than what builds the tree.
#
#   npm test                 npm run test:unit                 npm test -- test/network/balance.test.ts
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
# shellcheck source=topology/path.sh
source topology/path.sh

RESULTS=build/test-results # of each test, and seconds of each file
STEPS=build/test-steps     # seconds of each step
CORE_LINES_PERCENT=95
SLOWEST=15

record() { printf '%s %s\n' "$1" "$2" >>$RESULTS; }

# timed TITLE CMD…
timed() {
  local title=$1 began=$EPOCHREALTIME status
  shift
  printf '\n# %s\n' "$title"
  "$@"
  status=$?
  LC_ALL=C awk -v a="$began" -v b="$EPOCHREALTIME" -v title="$title" \
    'BEGIN {printf "%.1f %s\n", b - a, title}' >>$STEPS
  return $status
}

# step TITLE CMD…: a command that counts as one test.
step() { if timed "$@"; then record ok "$1"; else record 'not ok' "$1"; fi; }

# ava TITLE LABEL [OPTION…] FOLDER-OR-FILE…: the tests of these, each counted.
ava() {
  local title=$1 label=$2 before
  shift 2
  before=$(grep -c "^not ok $label: " $RESULTS)
  timed "$title" node build/js/test/run-ava.js $RESULTS "$label" "$@" ||
    [ "$(grep -c "^not ok $label: " $RESULTS)" -gt "$before" ] || record 'not ok' "$label: its tests could not run"
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

# Those who clean up after a test that was killed have this file locked until they are done.
cleaned_up() { flock --wait 60 build/.clean-up true; }
nothing_left() { cleaned_up && diff build/machine-before <(test/support/machine-state.sh); }

sources() { step 'check: format, lint, types, directions' test/check.sh; }

# Without root's powers, so that one which needs them fails.
units() { ava 'unit tests' unit --tier unit --unprivileged --jobs "$1" test; }

sanitized() {
  step 'build: debug' topology/build.sh debug
  # First of all that runs the debug build, so that the lines reached are those of the tables alone.
  find build/debug -name '*.gcda' -delete
  ava_debug 'packet tables (sanitized)' tables-sanitized test/packets/packets.test.ts test/packets/coalescing.test.ts
  step "coverage: the packet tables reach $CORE_LINES_PERCENT % of the core" packet_table_coverage
  ava_debug 'packet properties (sanitized)' properties-sanitized test/packets/properties.test.ts
  step 'build: tsan' topology/build.sh tsan
  ava 'threads (tsan)' tsan --tier tsan test
}

sources_and_units() { sources && units 1; }

# Both at once; the first one's output comes as a whole, after the other's.
beside() {
  "$1" >build/test-beside.log 2>&1 &
  local beside=$!
  "$2"
  wait $beside
  cat build/test-beside.log
}

run_all() {
  beside sanitized sources_and_units
  # The longest first.
  ava 'tests with root, two at a time' root --tier root --jobs 2 test/network test
  ava 'tests that need the machine for themselves' alone --tier alone test
  ava_debug 'addon (sanitized)' addon-sanitized test/addon test/contract/{memory,af-packet}-device*.test.ts
}

run_some() {
  case ${1-} in
    '') run_all ;;
    --unit) units 2 ;;
    *) ava 'selected tests' selected "$@" ;;
  esac
  step 'nothing is left behind' nothing_left
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

# Where the time went.
show_times() {
  printf '\nSeconds by step:\n'
  awk '{printf "%8s  %s\n", $1, substr($0, length($1) + 2)}' $STEPS
  printf '\nSeconds of the slowest files:\n'
  sed -n 's/^time //p' $RESULTS | sort -rn | head -$SLOWEST | awk '{printf "%8s  %s\n", $1, substr($0, length($1) + 2)}'
}

# A signal comes here alone, for the tests are a group of their own: it is passed on to all of them.
interrupted() {
  trap '' INT TERM HUP
  kill -TERM -- "-$tests" 2>/dev/null
  wait
  cleaned_up
  echo 'interrupted' >&2
  exit 130
}

case ${1-} in
  --unit) topology/setup.sh build || exit ;;
  *) topology/setup.sh test || exit ;;
esac
: >$RESULTS
: >$STEPS
test/support/machine-state.sh >build/machine-before
trap interrupted INT TERM HUP
set -m
run_some "$@" &
tests=$!
set +m
wait $tests
judge_skips
show_times

passed=$(grep -c '^ok ' $RESULTS)
failed=$(grep -c '^not ok ' $RESULTS)
[ "$failed" = 0 ] || { printf '\nFailed:\n' && sed -n 's/^not ok /  /p' $RESULTS; }
printf '\n%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
