#!/usr/bin/env bash
# remove.sh NAME [FOLDER…]: ends all that runs in the network namespaces NAME-… and in the cgroup NAME, and removes
# these and the folders. What is not there is no error.
set -euo pipefail
# shellcheck source=topology/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../topology/lib.sh"

name=$1
shift
cgroup=$(cgroup_mount)/$name

namespaces() {
  local path
  for path in /run/netns/"$name"-*; do [ ! -e "$path" ] || basename "$path"; done
}
processes() {
  local namespace
  for namespace in $(namespaces); do ip netns pids "$namespace"; done
  processes_in_cgroup "$cgroup"
}

end_all processes
remove_cgroup "$cgroup"
for namespace in $(namespaces); do ip netns delete "$namespace"; done
[ $# = 0 ] || rm -rf "$@"
