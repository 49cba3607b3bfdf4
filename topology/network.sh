# The network of a testbed, sourced by up.sh. Every arrow is a veth pair made inside the namespaces, so the
# machine's own list of interfaces never shows one. Frames really cross the two bridges.
#
#   remote 10.99.0.2 ── gateway 10.99.0.1
#                       gateway 10.77.0.254 ─┐
#                       client  10.77.0.2 ───┤  external          internal
#                       router  10.77.0.1 ───┤  10.77.0.0/24      10.88.0.0/24 ├─── router 10.88.0.1
#                       node i  10.77.0.1i ──┘                                 └─── node i 10.88.0.1i
#
# In each host eth0 is the external side and eth1 the internal one (of the gateway: towards the remote network).
# Nodes answer clients directly: their default route is the gateway, not the router. With NAT they have no
# external side, and of the internal one they see the router alone (/32): all they send passes it.
#
#   remote, gateway,                             (as above)
#   client, router  10.77.0.1 ── external        internal ├─── router 10.88.0.1
#                                                         └─── node i 10.88.0.1i/32, default via 10.88.0.1
#
# Gateway and client send what is for 203.0.113.0/24 to the router: there may be virtual IPs that no network of it has.
# With --hop-mtu another router is in the way to the remote network, and the link to it has that MTU:
#
#   remote 10.99.0.2 ── hop 10.99.0.1, 10.98.0.2 ═════ gateway 10.98.0.1, 10.77.0.254

# shellcheck shell=bash

# tbf lets a burst pass unshaped. Ten full frames: with 32 kB and more, saved-up tokens hide the microseconds
# that a router adds, which is what one shapes for. The price: one TCP stream reaches about 0.8 of the rate.
SHAPER_BURST=15140

add_host() {
  local host=$1 ns
  ns=$(netns "$host")
  ip netns add "$ns"
  ip -n "$ns" link set lo up
  # IPv6 stays on lo (programs bind ::1), but router solicitations would only stir the counters.
  in_host "$host" sysctl -qw net.ipv6.conf.default.disable_ipv6=1
}

# The MAC shows the address (10.77.0.11 → 02:00:0a:4d:00:0b), so that a capture can be read.
mac_of() {
  local -a byte
  IFS=. read -ra byte <<<"$1"
  printf '02:00:%02x:%02x:%02x:%02x\n' "${byte[@]}"
}

shape() {
  local host=$1 interface=$2
  [ -z "$RATE" ] || tc -n "$(netns "$host")" qdisc add dev "$interface" root \
    tbf rate "$RATE" burst "$SHAPER_BURST" latency 50ms
}

# Every frame then is as long as on the wire, and has its checksum.
without_offloads() {
  local host=$1 interface=$2
  [ -z "$NO_OFFLOADS" ] || in_host "$host" ethtool -K "$interface" rx off tx off sg off tso off gso off gro off >/dev/null
}

address_link() {
  local host=$1 interface=$2 address=$3 prefix=${4:-24}
  ip -n "$(netns "$host")" link set "$interface" address "$(mac_of "$address")" up
  ip -n "$(netns "$host")" address add "$address/$prefix" dev "$interface"
  shape "$host" "$interface"
  without_offloads "$host" "$interface"
}

# plug HOST INTERFACE BRIDGE ADDRESS [PREFIX]: one cable from a host into a bridge of the switch.
plug() {
  local host=$1 interface=$2 bridge=$3 address=$4 prefix=${5:-24} port="$1-$2" mtu=$EXTERNAL_MTU
  [ "$bridge" = external ] || mtu=$INTERNAL_MTU
  ip -n "$(netns "$host")" link add "$interface" mtu "$mtu" type veth peer name "$port" mtu "$mtu" netns "$(netns switch)"
  ip -n "$(netns switch)" link set "$port" master "$bridge" up
  shape switch "$port"
  without_offloads switch "$port"
  address_link "$host" "$interface" "$address" "$prefix"
}

add_switch() {
  local bridge key
  add_host switch
  for bridge in external internal; do
    ip -n "$(netns switch)" link add "$bridge" type bridge stp_state 0 mcast_snooping 0
    ip -n "$(netns switch)" link set "$bridge" up
  done
  # A new namespace lets iptables see bridged frames and drop malformed ones. A switch does not.
  for key in iptables ip6tables arptables; do
    [ ! -e "/proc/sys/net/bridge/bridge-nf-call-$key" ] ||
      in_host switch sysctl -qw "net.bridge.bridge-nf-call-$key=0"
  done
}

# link_hosts HOST INTERFACE ADDRESS HOST INTERFACE ADDRESS MTU: a cable between two hosts.
link_hosts() {
  ip -n "$(netns "$1")" link add "$2" mtu "$7" type veth peer name "$5" mtu "$7" netns "$(netns "$4")"
  address_link "$1" "$2" "$3"
  address_link "$4" "$5" "$6"
}

add_gateway() {
  local last=gateway host
  add_host gateway
  add_host remote
  plug gateway eth0 external "$EXTERNAL_NET.254"
  if [ -n "$HOP_MTU" ]; then
    last=hop
    add_host hop
    link_hosts gateway eth1 "$HOP_NET.1" hop eth0 "$HOP_NET.2" "$HOP_MTU"
    ip -n "$(netns gateway)" route add "$REMOTE_NET.0/24" via "$HOP_NET.2"
    ip -n "$(netns hop)" route add default via "$HOP_NET.1"
  fi
  link_hosts "$last" eth1 "$REMOTE_NET.1" remote eth0 "$REMOTE_NET.2" 1500
  ip -n "$(netns remote)" route add default via "$REMOTE_NET.1"
  ip -n "$(netns gateway)" route add "$ROUTED_NET.0/24" via "$EXTERNAL_NET.1"
  for host in gateway $last; do in_host "$host" sysctl -qw net.ipv4.ip_forward=1; done
}

add_client() {
  add_host client
  plug client eth0 external "$EXTERNAL_NET.2"
  ip -n "$(netns client)" route add "$REMOTE_NET.0/24" via "$EXTERNAL_NET.254"
  ip -n "$(netns client)" route add "$ROUTED_NET.0/24" via "$EXTERNAL_NET.1"
}

add_router() {
  add_host router
  # The kernel of the router's host forwards nothing: what is forwarded, the router forwards.
  in_host router sysctl -qw net.ipv4.ip_forward=0
  plug router eth0 external "$EXTERNAL_NET.1"
  ip -n "$(netns router)" route add default via "$EXTERNAL_NET.254"
  [ -n "$ONE_ARM" ] || plug router eth1 internal "$INTERNAL_NET.1"
}

add_node() {
  add_host "node$1"
  "plug_node_$MODE" "$1"
}

plug_node_nat() {
  local host=node$1
  plug "$host" eth1 internal "$INTERNAL_NET.$((10 + $1))" 32
  ip -n "$(netns "$host")" route add "$INTERNAL_NET.1" dev eth1
  ip -n "$(netns "$host")" route add default via "$INTERNAL_NET.1"
}

plug_node_dsr() {
  local host=node$1
  plug "$host" eth0 external "$EXTERNAL_NET.$((10 + $1))"
  ip -n "$(netns "$host")" route add default via "$EXTERNAL_NET.254"
  [ -n "$ONE_ARM" ] || plug "$host" eth1 internal "$INTERNAL_NET.$((10 + $1))"
}

build_network() {
  local i
  add_switch
  add_gateway
  add_client
  add_router
  for ((i = 1; i <= NODES; i++)); do add_node "$i"; done
}
