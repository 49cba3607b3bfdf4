#!/usr/bin/env bash
# Cleans up after a test that cannot do it any more, because it was killed. Reads "KEY COMMAND" when the test makes
# something and "KEY" when that is gone. Its input ends with the test; then it runs the commands that are left.
# test/run.sh knows by the lock that all are done.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit

mkdir -p build
exec 9>>build/.clean-up
flock --shared 9
declare -A left=()
while read -r key command; do
  if [ -n "$command" ]; then left[$key]=$command; else unset "left[$key]"; fi
done
for key in "${!left[@]}"; do bash -c "${left[$key]}"; done
