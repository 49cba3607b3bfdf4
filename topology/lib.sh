# What all topology scripts share: names, addresses, and how a command gets into a host of the testbed.
# Sourced, never run. A testbed NAME owns exactly these things on the machine, and down.sh needs no more
# than the name to remove them:
#
#   network namespaces  cosca-NAME-{client,remote,hop,gateway,router,switch,node1…}
#   files               /run/coscanet/testbed-NAME   (a tmpfs: the router's shared memory lives there)
#   cgroup              coscanet-testbed-NAME in the cgroup v2 hierarchy, below it one folder per host

# shellcheck shell=bash disable=SC2034,SC2153

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TOPOLOGY=$ROOT/topology
# shellcheck source=topology/path.sh
source "$TOPOLOGY/path.sh"

EXTERNAL_NET=10.77.0
INTERNAL_NET=10.88.0
REMOTE_NET=10.99.0
HOP_NET=10.98.0
ROUTED_NET=203.0.113
CONTROL_PORT=7400
MAX_NODES=64 # node i is .10+i; VIPs begin at .100

say() { printf '%s\n' "$*"; }

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

usage() {
  printf 'usage: topology/%s %s\n' "$(basename "$0")" "$1" >&2
  exit 2
}

require_root() {
  [ "$(id -u)" = 0 ] || die 'needs root: it works with network namespaces, cgroups and packet sockets'
}

# The testbed's name: --name, else COSCANET_TESTBED, else "main". Sets NAME, RUN_DIR, CGROUP_DIR.
set_testbed() {
  NAME=${1:-${COSCANET_TESTBED:-main}}
  [[ $NAME =~ ^[a-z0-9]([a-z0-9-]{0,14}[a-z0-9])?$ ]] ||
    die "bad testbed name '$NAME': use lower-case letters, digits and dashes, at most 16"
  RUN_DIR=/run/coscanet/testbed-$NAME
  CGROUP_NAME=coscanet-testbed-$NAME
}

# For scripts that take --name NAME and nothing else.
choose_testbed() {
  local name=
  while [ $# -gt 0 ]; do
    case $1 in
      --name)
        [ $# -ge 2 ] || usage '[--name NAME]'
        name=$2
        shift 2
        ;;
      *) usage '[--name NAME]' ;;
    esac
  done
  require_root
  set_testbed "$name"
}

# Where cgroup v2 is mounted: /sys/fs/cgroup, or /sys/fs/cgroup/unified on a hybrid machine.
cgroup_mount() {
  local mount
  mount=$(awk '{for (i = 6; i < NF; i++) if ($i == "-" && $(i + 1) == "cgroup2") {print $5; exit}}' \
    /proc/self/mountinfo)
  [ -n "$mount" ] || die 'cgroup v2 is not mounted: mount -t cgroup2 none /sys/fs/cgroup/unified'
  printf '%s\n' "$mount"
}

netns() { printf 'cosca-%s-%s\n' "$NAME" "$1"; }

# The hosts of this testbed that exist, one a line. Exact names only: "a" must not see the hosts of "a-b".
hosts() {
  local path
  for path in /run/netns/cosca-"$NAME"-*; do
    [[ ${path#"/run/netns/cosca-$NAME-"} =~ ^(client|remote|hop|gateway|router|switch|node[0-9]+)$ ]] || continue
    printf '%s\n' "${BASH_REMATCH[1]}"
  done | sort -V
}

# `ip netns exec` would hide /sys/fs/cgroup by a new /sys; nsenter enters the network namespace and no more.
in_host() {
  local host=$1
  shift
  nsenter --net="/run/netns/$(netns "$host")" -- "$@"
}

# What a program in HOST finds in its environment: our commands on the path, and where its daemon is.
set_host_environment() {
  local host=$1
  export PATH=$ROOT/router/bin:$ROOT/shim/bin:$PATH
  export COSCANET_TESTBED=$NAME COSCANET_SECRET_FILE=$RUN_DIR/secret COSCANET_RUN_DIR=$RUN_DIR/router
  case $host in
    node* | router)
      # Relative to where cgroup v2 is mounted, as all our programs take it.
      export COSCANET_NODE=$host COSCANET_CGROUP_ROOT=/$CGROUP_NAME/$host
      COSCANET_ROUTER=$(cat "$RUN_DIR/control")
      COSCANET_ADDRESS=$(node_address "$host")
      export COSCANET_ROUTER COSCANET_ADDRESS
      ;;
  esac
}

# Of a node, on the network that it shares with the router; the router itself may be one.
node_address() {
  local control
  control=$(cat "$RUN_DIR/control")
  case $1 in
    router) printf '%s\n' "${control%:*}" ;;
    *) printf '%s.%s\n' "${control%.*}" "$((10 + ${1#node}))" ;;
  esac
}

# end_all LIST: ends every process that the command LIST names. A process may fork between the look and the kill,
# hence the loop; SIGKILL, because pulling the plug is what the machine must survive anyway.
end_all() {
  local deadline=$((SECONDS + 10)) pids
  while pids=$("$1" | sort -u) && [ -n "$pids" ]; do
    [ $SECONDS -lt $deadline ] || die "processes will not end: $(tr '\n' ' ' <<<"$pids")"
    # shellcheck disable=SC2086
    kill -KILL $pids 2>/dev/null || true
    sleep 0.02
  done
}

processes_in_cgroup() { [ ! -d "$1" ] || find "$1" -name cgroup.procs -exec cat {} + 2>/dev/null || true; }

# remove_cgroup FOLDER: with all below it. A process that has ended may hold it for a moment.
remove_cgroup() {
  local deadline=$((SECONDS + 5))
  while [ -d "$1" ]; do
    find "$1" -depth -type d -exec rmdir {} + 2>/dev/null || true
    [ $SECONDS -lt $deadline ] || die "cannot remove $1"
  done
}
