#!/usr/bin/env bash
# Runs a command in a host of the testbed: topology/in.sh client curl http://10.77.0.100/
# coscanet, coscanet-router and coscanet-node are on its path and know their run directory.
set -euo pipefail
# shellcheck source=topology/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

name=
if [ "${1-}" = --name ]; then
  name=${2-}
  shift 2 || usage '[--name NAME] HOST CMD…'
fi
[ $# -ge 2 ] || usage '[--name NAME] HOST CMD…   (HOST: client, remote, hop, gateway, router, switch, node1 …)'
require_root
set_testbed "$name"
host=$1
shift
[ -n "$(hosts)" ] || die "testbed '$NAME' is not up: topology/up.sh makes it"
[[ " $(hosts | tr '\n' ' ')" == *" $host "* ]] || die "no host '$host'; there are: $(hosts | paste -sd' ')"

set_host_environment "$host"
exec nsenter --net="/run/netns/$(netns "$host")" -- "$@"
