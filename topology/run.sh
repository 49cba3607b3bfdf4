#!/usr/bin/env bash
# Runs an unmodified program on a node as an instance of an application, in the foreground; signals and exit
# status are the program's own: topology/run.sh node1 web python3 -m http.server 80
set -euo pipefail
# shellcheck source=topology/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

options=()
if [ "${1-}" = --name ]; then
  options=(--name "${2-}")
  shift 2 || usage '[--name NAME] NODE APP CMD…'
fi
[ $# -ge 3 ] || usage '[--name NAME] NODE APP CMD…'
node=$1
application=$2
shift 2
[[ $node =~ ^(node[0-9]+|router)$ ]] || die "'$node' is not a node: use node1, node2 … (or router: up.sh --router-node)"
exec "$TOPOLOGY/in.sh" "${options[@]}" "$node" coscanet-node run --app "$application" -- "$@"
