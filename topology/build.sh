#!/usr/bin/env bash
# Builds what runs: TypeScript into build/js and the native parts into build/native. `build.sh debug` builds
# the native parts with ASan, UBSan and coverage into build/debug, `build.sh tsan` with TSan into build/tsan.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case ${1:-release} in
  release) variant=release folder=build/native ;;
  debug) variant=debug folder=build/debug ;;
  tsan) variant=tsan folder=build/tsan ;;
  *)
    echo 'usage: topology/build.sh [release|debug|tsan]' >&2
    exit 2
    ;;
esac

# One build at a time: two would write the same files.
mkdir -p build
exec 9>build/.lock
flock 9
if [ $variant = release ]; then node_modules/.bin/tsc -b; fi
if [ ! -e $folder/build.ninja ]; then
  cmake -S addon -B $folder -G Ninja -DCOSCANET_VARIANT=$variant >$folder.log 2>&1 || {
    cat $folder.log >&2
    exit 1
  }
  rm $folder.log
fi
# Silent unless it fails, so that a build with nothing to do says nothing.
output=$(ninja -C $folder 2>&1) || {
  printf '%s\n' "$output" >&2
  exit 1
}
