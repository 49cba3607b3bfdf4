// Where endpoints have addresses of their own (NAT): by which names a packet goes on its way to one, and from
// one into the world. The endpoint tells in whose name it speaks, so the way back needs no memory of the
// flow; where its next hop is, the packets of the other side have told.
#include "core/ethernet.h"
#include "core/forward.h"
#include "core/ipv4.h"

namespace coscanet {

/// Endpoints are behind the other interfaces; what comes by the external one in their name is spoofed.
bool Path::from_nodes(const Packet& p) const {
  return policy_.header().routes && policy_.interface(p.frame->ingress).role != InterfaceRole::external;
}

/// Worth a look: it comes from the nodes' side, for our MAC, and is neither for the router host itself nor
/// for all.
bool Path::may_leave(const Packet& p) const {
  if (!from_nodes(p) || ethernet::to_group(p.frame->data)) return false;
  if (!ipv4::is_single_host(p.vip)) return false;
  for (unsigned i = 0; i < policy_.header().interface_count; ++i)
    if (p.vip == policy_.interface(i).address) return false;
  return true;
}

Verdict Path::leave(Packet& p) {
  if (!from_nodes(p) || p.protocol == ipv4::kIcmp) return {};
  const PolicyEndpoint* sender = policy_.find_return(p.source, p.protocol, p.source_port);
  speak_for(p, sender);
  if (!p.leaves) return {};
  return sender || p.from_vip ? lead_back(p, sender) : prohibit(p);
}

/// `sender`: the translated endpoint that the packet comes from; null: it has no other name.
void Path::speak_for(Packet& p, const PolicyEndpoint* sender) const {
  if (!sender) return;
  p.client = sender->nat.vip;
  p.client_port = sender->nat.vip_port;
  p.source_alias = {true, p.client_port, p.client};
}

/// To an endpoint. The client's name stays, so that servers see who asks; but a node that asks itself would
/// not take a packet from its own address.
void Path::lead_to(Packet& p, const PolicyEndpoint& endpoint) const {
  p.go(endpoint.mac, endpoint.egress);
  if (!endpoint.translated) return;
  p.destination_alias = {true, endpoint.nat.node_port, endpoint.nat.node};
  if (from_nodes(p) && p.client == endpoint.nat.node)
    p.source_alias = {true, p.client_port, ipv4::node_itself()};
}

/// From an endpoint, or from an instance that has opened the connection, to who is out there.
Verdict Path::lead_back(Packet& p, const PolicyEndpoint* sender) const {
  if (!sender || !(p.vip == ipv4::node_itself())) return find_hop(p);
  p.destination_alias = {true, p.port, sender->nat.node};
  p.go(sender->mac, sender->egress);
  return {};
}

/// Nobody is believed to be on another side than that of his network: else an outsider could draw a node's
/// packets to himself.
void Path::learn_hop(const Packet& p) {
  const int side = policy_.side_of(p.source);
  if (side >= 0 && side != p.frame->ingress) return;
  const NextHop hop{ethernet::source(p.frame->data), p.frame->ingress};
  const PolicyGateway& gateway = policy_.header().gateway;
  const bool from_gateway = gateway.used && hop.mac == gateway.mac && hop.egress == gateway.egress;
  neighbors_.learn(p.source, hop, side < 0 && from_gateway);
}

/// Back the way the other side's packets came, else to the gateway; but a network of ours is not behind it.
Verdict Path::find_hop(Packet& p) const {
  NextHop hop;
  const PolicyGateway& gateway = policy_.header().gateway;
  const int side = policy_.side_of(p.vip);
  if (neighbors_.find(p.vip, &hop))
    p.go(hop.mac, hop.egress);
  else if (gateway.used && (side < 0 || side == gateway.egress))
    p.go(gateway.mac, gateway.egress);
  else
    return drop(Counter::k_drop_no_next_hop);
  return {};
}

}  // namespace coscanet
