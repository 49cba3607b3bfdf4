#!/usr/bin/env bash
# The whole product in one minute, with real programs: `npm run demo`, or `npm run demo -- --keep` to leave
# the testbed up. Every number it prints is counted from what happened in this very run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

keep=
case ${1-} in
  '') ;;
  --keep) keep=yes ;;
  *)
    echo 'usage: npm run demo [-- --keep]' >&2
    exit 2
    ;;
esac

topology/setup.sh demo
# shellcheck source=topology/lib.sh
source topology/lib.sh
require_root
set_testbed demo

VIP=10.77.0.100
NODES='node1 node2 node3'
declare -A server=()

heading() { printf '\n\033[1m%s\033[0m\n' "$*"; }
in_demo() { local host=$1 && shift && topology/in.sh --name "$NAME" "$host" "$@"; }
now_ms() { date +%s%3N; }

finish() {
  local status=$?
  if [ -z "$keep" ] || [ $status != 0 ]; then topology/down.sh --name "$NAME"; fi
  exit $status
}

# requests HOST COUNT: one connection after the other; a line per answer, or "failed".
requests() {
  # shellcheck disable=SC2016
  in_demo "$1" bash -c 'for ((i = 0; i < $2; i++)); do curl -s -m 3 "http://$1/" || echo failed; done' \
    bash $VIP "$2"
}

start_servers() {
  local node
  for node in $NODES; do
    mkdir -p "$RUN_DIR/demo/$node"
    echo "$node" >"$RUN_DIR/demo/$node/index.html"
    echo "  topology/run.sh $node web python3 -m http.server 80"
    topology/run.sh --name "$NAME" "$node" web python3 -u -m http.server 80 --directory "$RUN_DIR/demo/$node" \
      >"$RUN_DIR/demo/$node.log" 2>&1 </dev/null &
    # Every script on the way execs the next program: this is the server's own process.
    server[$node]=$!
    disown
  done
  wait_for_endpoints 3
}

wait_for_endpoints() {
  local deadline=$((SECONDS + 10)) count=
  until [ "$count" = "$1" ]; do
    [ $SECONDS -lt $deadline ] || die "$count of $1 servers are endpoints: $(tail -n 2 "$RUN_DIR"/demo/*.log)"
    sleep 0.1
    count=$(in_demo router coscanet endpoints --json |
      node -p 'JSON.parse(require("fs").readFileSync(0)).filter((endpoint) => endpoint.state === "up").length')
  done
}

show_shares() {
  local host=$1 count=$2
  echo "$count requests by the $host, a new connection each; who answered:"
  requests "$host" "$count" | sort | uniq -c | sed 's/^/  /'
}

show_client_addresses() {
  local node
  echo 'What the servers saw as the address of their clients, from their own logs:'
  for node in $NODES; do
    printf '  %s: %s\n' "$node" "$(grep -oE '^[0-9.]+ - - ' "$RUN_DIR/demo/$node.log" | cut -d' ' -f1 | sort |
      uniq -c | awk '{printf "%s%s (%s requests)", separator, $2, $1; separator = ", "}')"
  done
}

# When node1's endpoint left the ring, by the router's own event log (milliseconds since the epoch).
left_ring_at() {
  in_demo router coscanet events --json |
    node -e 'const since = Number(process.argv[1]);
      const events = JSON.parse(require("fs").readFileSync(0));
      const down = events.find((event) => event.event === "endpoint-down" && event.node === "node1" && event.time >= since);
      console.log(down ? Math.round(down.time) : "")' "$1"
}

kill_one_server() {
  local killed left='' deadline=$((SECONDS + 10)) loop
  requests client 600 >"$RUN_DIR/demo/loop" &
  loop=$!
  until [ "$(wc -l <"$RUN_DIR/demo/loop")" -ge 100 ]; do sleep 0.05; done
  echo 'While the client goes on with 600 more requests: kill -9 of the server on node1.'
  killed=$(now_ms)
  kill -KILL "${server[node1]}"
  until [ -n "$left" ]; do
    [ $SECONDS -lt $deadline ] || die "the killed server is still an endpoint: see $RUN_DIR/log"
    left=$(left_ring_at "$killed")
  done
  wait "$loop"
  echo "  it left the ring $((left - killed)) ms after the kill"
  echo "  $(grep -c failed "$RUN_DIR/demo/loop" || true) of 600 requests failed; who answered:"
  grep -v failed "$RUN_DIR/demo/loop" | sort | uniq -c | sed 's/^/    /'
}

what_next() {
  if [ -z "$keep" ]; then
    echo 'The testbed is taken down again. To have one to play with: npm run demo -- --keep'
    return
  fi
  cat <<END
The testbed '$NAME' stays up. Try:
  export COSCANET_TESTBED=$NAME
  topology/run.sh node1 web python3 -m http.server 80     start the killed server again (Ctrl-C stops it)
  topology/in.sh client curl http://$VIP/           ask it
  topology/in.sh router coscanet endpoints                who serves what; also: status services nodes flows events
  topology/run.sh node2 mail python3 -m http.server 25    another application on the same virtual IP
  topology/run.sh node2 web python3 -m http.server 22     a port that is not allowed
  topology/down.sh                                        take it down
END
}

[ -z "$(hosts)" ] || die "the testbed of an earlier demo is still up: topology/down.sh --name $NAME"
trap finish EXIT
trap 'exit 130' INT TERM
heading 'A client, a router and three nodes, each in a network namespace'
topology/up.sh --nodes 3 --name "$NAME" | sed '/^$/{N; /\nTry:/Q}'
heading "The same unmodified web server on each node, for the virtual IP $VIP"
start_servers
in_demo router coscanet endpoints
heading 'Requests'
show_shares client 300
show_shares remote 60
show_client_addresses
heading 'One server dies'
kill_one_server
heading 'What to try next'
what_next
