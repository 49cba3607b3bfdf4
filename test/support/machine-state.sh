#!/usr/bin/env bash
# Prints all of the machine that our tests could leave something in: namespaces, our processes, nftables,
# addresses, rules, sysctls, cgroups, mounts and files. Printed before and after, the two must be equal.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=topology/path.sh
source "$root/topology/path.sh"

section() {
  printf '== %s\n' "$1"
  shift
  "$@" 2>/dev/null
}

our_processes() {
  pgrep -af "$root/(build|router|shim|topology|test/network)" | grep -vE "machine-state|test/run\.sh|build/js/test/run-ava|ava/"
}
our_cgroups() { find "$(awk '/ - cgroup2 / {print $5; exit}' /proc/self/mountinfo)" -name '*coscanet*' -type d; }
# A leased address counts its seconds down; that is no change.
addresses() { ip -o address show | sed 's/ valid_lft.*//'; }
sysctls() { sysctl -a --pattern '^net\.(ipv4\.(conf|ip_forward|tcp_migrate)|bridge)'; }

section namespaces ip netns list
section processes our_processes
section nftables nft list ruleset
section addresses addresses
section rules ip rule show
section sysctls sysctls
section cgroups our_cgroups
section mounts grep coscanet /proc/self/mountinfo
section files find /run/coscanet /etc/coscanet
section 'shared memory' find /dev/shm -name '*coscanet*'
