#!/usr/bin/env bash
# Takes a testbed down: ends every process in its namespaces and cgroups and removes all that it owned.
# It looks at the machine, not at notes of up.sh, so it also removes half a testbed, and may run twice.
set -euo pipefail
# shellcheck source=topology/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

choose_testbed "$@"

processes() {
  local host
  for host in $(hosts); do ip netns pids "$(netns "$host")"; done
  [ ! -d "$cgroup" ] || find "$cgroup" -name cgroup.procs -exec cat {} + 2>/dev/null || true
}

# A process may fork between the look and the kill, hence the loop; SIGKILL, because pulling the plug is
# what the machine must survive anyway, and nothing of the testbed outlives it.
kill_processes() {
  local deadline=$((SECONDS + 10)) pids
  while pids=$(processes | sort -u) && [ -n "$pids" ]; do
    [ $SECONDS -lt $deadline ] || die "processes will not end: $(tr '\n' ' ' <<<"$pids")"
    # shellcheck disable=SC2086
    kill -KILL $pids 2>/dev/null || true
    sleep 0.02
  done
}

remove_cgroups() {
  local deadline=$((SECONDS + 5))
  while [ -d "$cgroup" ]; do
    find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true
    [ $SECONDS -lt $deadline ] || die "cannot remove $cgroup"
  done
}

cgroup=$(cgroup_mount)/$CGROUP_NAME
kill_processes
remove_cgroups
for host in $(hosts); do ip netns delete "$(netns "$host")"; done
if mountpoint -q "$RUN_DIR"; then umount "$RUN_DIR"; fi
rm -rf "$RUN_DIR"
rmdir --ignore-fail-on-non-empty /run/coscanet 2>/dev/null || true
