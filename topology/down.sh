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
  processes_in_cgroup "$cgroup"
}

cgroup=$(cgroup_mount)/$CGROUP_NAME
end_all processes
remove_cgroup "$cgroup"
for host in $(hosts); do ip netns delete "$(netns "$host")"; done
if mountpoint -q "$RUN_DIR"; then umount "$RUN_DIR"; fi
rm -rf "$RUN_DIR"
rmdir --ignore-fail-on-non-empty /run/coscanet 2>/dev/null || true
