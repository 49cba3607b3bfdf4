#!/usr/bin/env bash
# Builds a testbed, starts router and agents in it and returns when all of them are ready: a client, a router
# with two interfaces, N nodes, and a remote network behind a gateway (drawing in network.sh). Every part is
# the product itself with the command lines of its systemd units; only the machines are namespaces.
set -euo pipefail
# shellcheck source=topology/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=topology/network.sh
source "$TOPOLOGY/network.sh"

OPTIONS='[--mode dsr|nat] [--nodes N] [--forwarders N] [--config FILE] [--one-arm] [--router-node] [--bare]
                      [--rate RATE] [--external-mtu N] [--internal-mtu N] [--hop-mtu N] [--no-offloads] [--name NAME]'
READY_SECONDS=15

MODE=dsr NODES=3 FORWARDERS='' RATE='' CONFIG=$TOPOLOGY/testbed.yaml ONE_ARM='' ROUTER_NODE='' BARE='' name=''
EXTERNAL_MTU=1500 INTERNAL_MTU=1500 HOP_MTU='' NO_OFFLOADS=''

read_options() {
  while [ $# -gt 0 ]; do
    case $1 in
      --one-arm | --router-node | --no-offloads | --bare)
        case $1 in
          --one-arm) ONE_ARM=yes ;;
          --router-node) ROUTER_NODE=yes ;;
          --no-offloads) NO_OFFLOADS=yes ;;
          --bare) BARE=yes ;;
        esac
        shift
        continue
        ;;
    esac
    [ $# -ge 2 ] || usage "$OPTIONS"
    case $1 in
      --mode) MODE=$2 ;;
      --nodes) NODES=$2 ;;
      --forwarders) FORWARDERS=$2 ;;
      --rate) RATE=$2 ;;
      --config) CONFIG=$2 ;;
      --external-mtu) EXTERNAL_MTU=$2 ;;
      --internal-mtu) INTERNAL_MTU=$2 ;;
      --hop-mtu) HOP_MTU=$2 ;;
      --name) name=$2 ;;
      *) usage "$OPTIONS" ;;
    esac
    shift 2
  done
}

# 576: what every host must take; 65535: the largest veth.
check_mtu() {
  if ! [[ $2 =~ ^[1-9][0-9]{2,4}$ ]] || [ "$2" -lt 576 ] || [ "$2" -gt 65535 ]; then
    die "bad $1 '$2': use 576 to 65535"
  fi
}

check_options() {
  check_mtu --external-mtu "$EXTERNAL_MTU"
  check_mtu --internal-mtu "$INTERNAL_MTU"
  [ -z "$HOP_MTU" ] || check_mtu --hop-mtu "$HOP_MTU"
  [ -z "$NO_OFFLOADS" ] || command -v ethtool >/dev/null || die "'ethtool' is missing: apt-get install ethtool"
  [[ $MODE =~ ^(dsr|nat)$ ]] || die "unknown mode \"$MODE\": one of dsr, nat"
  [ "$MODE$ONE_ARM" != natyes ] || die '--one-arm is for mode dsr: with nat the nodes are on a network of their own'
  if ! [[ $NODES =~ ^[1-9][0-9]?$ ]] || [ "$NODES" -gt "$MAX_NODES" ]; then
    die "bad --nodes '$NODES': use 1 to $MAX_NODES"
  fi
  [ -z "$RATE" ] || [[ $RATE =~ ^[1-9][0-9]*(k|m|g)bit$ ]] || die "bad --rate '$RATE': for example 100mbit or 1gbit"
  [ -r "$CONFIG" ] || die "cannot read the configuration $CONFIG"
  CONFIG=$(realpath "$CONFIG")
  for tool in ip tc nft nsenter setsid curl python3; do
    command -v $tool >/dev/null || die "'$tool' is missing: npm run setup installs what is needed"
  done
  for part in js/router/main.js native/coscanet.node native/shim/libcoscanet.so; do
    [ -e "$ROOT/build/$part" ] || die "build/$part is missing: npm run setup builds it"
  done
}

make_run_dir() {
  mkdir -p /run/coscanet
  if [ -n "$(hosts)" ] || ! mkdir "$RUN_DIR" 2>/dev/null; then
    die "testbed '$NAME' is up already (or half up): topology/down.sh --name $NAME"
  fi
  built=yes
  # The shared segment is memory: never let it be written to a disk.
  [ "$(stat -f -c %T /run)" = tmpfs ] || mount -t tmpfs -o mode=0755,size=1g "coscanet-$NAME" "$RUN_DIR"
  mkdir "$RUN_DIR/log"
  (umask 077 && head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$RUN_DIR/secret")
  if [ -n "$ONE_ARM" ]; then INSIDE=eth0 CONTROL=$EXTERNAL_NET.1; else INSIDE=eth1 CONTROL=$INTERNAL_NET.1; fi
  printf '%s:%s' "$CONTROL" "$CONTROL_PORT" >"$RUN_DIR/control"
}

# start HOST NAME CMD…: CMD under keep.sh, away from our terminal, in the host's own cgroup (its load is the host's).
start() {
  local host=$1 log=$RUN_DIR/log/$2.log cgroup
  shift 2
  cgroup=$(cgroup_mount)/$CGROUP_NAME/$host/daemon
  mkdir -p "$cgroup"
  setsid "$TOPOLOGY/in.sh" --name "$NAME" "$host" "$TOPOLOGY/keep.sh" --cgroup "$cgroup" "$@" </dev/null >>"$log" 2>&1 &
  disown
}

start_router() {
  local options=(--mode "$MODE" --external eth0 --internal "$INSIDE" --config "$CONFIG")
  [ -z "$FORWARDERS" ] || options+=(--forwarders "$FORWARDERS")
  start router router coscanet-router "${options[@]}" --control "$CONTROL:$CONTROL_PORT" \
    --secret-file "$RUN_DIR/secret" --run-dir "$RUN_DIR/router" --state-file "$RUN_DIR/state/overrides.json"
}

# start_agent HOST [NAME]
start_agent() {
  start "$1" "${2-$1}" coscanet-node agent --router "$CONTROL:$CONTROL_PORT" --name "$1" \
    --address "$(node_address "$1")" --secret-file "$RUN_DIR/secret" --cgroup-root "/$CGROUP_NAME/$1" \
    --load-cgroup "/$CGROUP_NAME/$1"
}

start_agents() {
  local i
  for ((i = 1; i <= NODES; i++)); do start_agent "node$i"; done
  [ -z "$ROUTER_NODE" ] || start_agent router router-agent
}

# Asked as the command line asks, but without the start of a Node.js each time.
nodes_ready() {
  curl -s --unix-socket "$RUN_DIR/router/control.sock" http://router/v1/nodes |
    python3 -c 'import json, sys
print(sum(node["state"] == "up" and bool(node.get("mac")) for node in json.load(sys.stdin)))' 2>/dev/null || echo 0
}

# What a daemon said last, its log lines reduced to their messages.
last_words() {
  tail -n "$1" "$2" | sed -E 's/^\{.*"msg":"(([^"\\]|\\.)*)".*\}$/\1/; s/^/  /' >&2
}

fail_with_log() {
  printf 'up.sh: %s; the end of its log:\n' "$1" >&2
  last_words 8 "$2"
  exit 1
}

wait_until_ready() {
  local deadline=$((SECONDS + READY_SECONDS)) log ready=0 wanted=$NODES
  [ -z "$ROUTER_NODE" ] || wanted=$((NODES + 1))
  while [ "$ready" != "$wanted" ]; do
    for log in "$RUN_DIR"/log/*.log; do
      if grep -q '^keep.sh: .* ended with status' "$log"; then
        fail_with_log "$(basename "$log" .log) does not start" "$log"
      fi
    done
    if [ $SECONDS -ge $deadline ]; then
      printf 'up.sh: %s of %s nodes are ready after %s s\n' "$ready" "$wanted" $READY_SECONDS >&2
      for log in "$RUN_DIR"/log/*.log; do
        printf '%s:\n' "$(basename "$log" .log)" >&2
        last_words 3 "$log"
      done
      exit 1
    fi
    sleep 0.05
    ready=$(nodes_ready)
  done
}

take_down_unless_done() {
  local status=$?
  [ $status = 0 ] || [ -z "$built" ] || "$TOPOLOGY/down.sh" --name "$NAME"
  exit $status
}

draw() {
  local last='' shaped='' one_armed='' special='' itself=''
  [ "$NODES" = 1 ] || last="-$((10 + NODES))"
  [ -z "$RATE" ] || shaped=", each link $RATE each way (tbf, burst $SHAPER_BURST bytes)"
  [ -z "$ONE_ARM" ] || one_armed=', router one-armed'
  [ -z "$ROUTER_NODE" ] || itself=' and the router itself'
  [ "$EXTERNAL_MTU$INTERNAL_MTU" = 15001500 ] || special+=", MTU $EXTERNAL_MTU outside and $INTERNAL_MTU inside"
  [ -z "$HOP_MTU" ] || special+=", MTU $HOP_MTU between gateway and remote"
  [ -z "$NO_OFFLOADS" ] || special+=', no offloads'
  [ -z "$BARE" ] || special+=', the network alone'
  cat <<END
Testbed '$NAME' is up: mode $MODE$one_armed, $NODES node(s)$itself$shaped$special.

  remote 10.99.0.2 ── gateway 10.77.0.254 ──────┐
                      client  10.77.0.2 ────────┤ external network 10.77.0.0/24
END
  if [ "$MODE" = nat ]; then
    cat <<END
                      router  10.77.0.1 ────────┘ a bridge; everybody's eth0

                      router  10.88.0.1 ────────┐ internal network: a bridge; everybody's eth1
                      nodes   10.88.0.11$(printf '%-4s' "$last") ───┘ who see the router alone: their gateway
END
  else
    cat <<END
                      router  10.77.0.1 ────────┤ a bridge; everybody's eth0
                      nodes   10.77.0.11$(printf '%-4s' "$last") ───┘
END
    [ -n "$ONE_ARM" ] || cat <<END

                      router  10.88.0.1 ────────┐ internal network 10.88.0.0/24
                      nodes   10.88.0.11$(printf '%-4s' "$last") ───┘ a bridge; everybody's eth1
END
  fi
}

suggest() {
  local option=''
  [ "$NAME" = main ] || option=" --name $NAME"
  cat <<END

Try:
  topology/run.sh$option node1 web python3 -m http.server 80
      an unmodified server on node1; likewise on the others
  topology/in.sh$option client curl http://10.77.0.100/
      a request to the virtual IP
  topology/in.sh$option router coscanet endpoints
      who serves what; also: status services nodes flows events
  topology/status.sh$option
  topology/down.sh$option
Logs: $RUN_DIR/log
END
}

built=
read_options "$@"
require_root
set_testbed "$name"
check_options
trap take_down_unless_done EXIT
trap 'exit 130' INT TERM
make_run_dir
build_network
if [ -n "$BARE" ]; then
  draw
  exit
fi
start_router
start_agents
wait_until_ready
draw
suggest
