#!/usr/bin/env bash
# Shows a testbed: its hosts with addresses and processes, then what the router says of itself.
set -euo pipefail
# shellcheck source=topology/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

choose_testbed "$@"
[ -n "$(hosts)" ] || die "testbed '$NAME' is not up: topology/up.sh makes it"

addresses() {
  ip -n "$(netns "$1")" -brief -4 address show | awk '{for (i = 3; i <= NF; i++) printf "%s %s  ", $1, $i}' |
    sed -E 's/@[^ ]+//g; s#lo 127\.0\.0\.1/8 *##'
}

commands() {
  local pid
  for pid in $(ip netns pids "$(netns "$1")"); do
    tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | sed "s#$ROOT/##g" | cut -c 1-100 | sed "s/^/    $pid  /" || true
    echo
  done | grep . || true
}

for host in $(hosts); do
  printf '%-8s %s\n' "$host" "$(addresses "$host")"
  commands "$host"
done
echo
"$TOPOLOGY/in.sh" --name "$NAME" router coscanet status
