// From a node into the world. The endpoint tells in whose name it speaks, so the way back needs no memory of
// the flow; where its next hop is, the packets of the other side have told.
#include "core/ethernet.h"
#include "core/forward.h"
#include "core/icmp.h"
#include "core/ipv4.h"

namespace coscanet {

/// Only there do endpoints speak; on the external side, which comes first, their addresses are borrowed.
bool Path::from_nodes(const Packet& p) const {
  return policy_.header().routes && p.frame.ingress > 0;
}

/// Worth a look: it comes from the nodes' side, is for our MAC, and is not for the router host itself.
bool Path::may_leave(const Packet& p) const {
  if (!from_nodes(p) || is_group(ethernet::destination(p.frame.data))) return false;
  for (unsigned i = 0; i < policy_.header().interface_count; ++i)
    if (p.vip == policy_.interface(i).address) return false;
  return true;
}

Verdict Path::leave(Packet& p) {
  if (p.has_hop || !from_nodes(p)) return {};
  p.sender = policy_.find_return(p.source, p.protocol, p.client_port);
  if (!p.leaves) return {};
  // Neither an endpoint's nor from a VIP: what else a node has to say is not ours to carry, and the host's
  // stack is told to stay out. Said aloud, so that a program's name look-up fails at once and not after ten
  // seconds.
  if (!p.sender && !p.from_vip)
    return complain(p, icmp::kUnreachable, icmp::kProhibited, 0, Counter::k_prohibited_errors);
  return find_hop(p);
}

/// Back the way the other side's packets came, else to the gateway.
Verdict Path::find_hop(Packet& p) {
  NextHop hop;
  const PolicyGateway& gateway = policy_.header().gateway;
  if (neighbors_.find(p.vip, &hop))
    p.go(hop.mac, hop.egress);
  else if (gateway.used)
    p.go(gateway.mac, gateway.egress);
  else
    return drop(Counter::k_drop_no_next_hop);
  counters_.add(Counter::k_left_frames);
  return {};
}

}  // namespace coscanet
