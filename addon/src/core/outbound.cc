// NAT: what nodes send to addresses that are no VIP. A packet of an endpoint gets the endpoint's VIP and port
// as its source; that follows from the endpoint alone, so the way back needs no flow entry. Its next hop is
// where the other end's packets came from, which the table of last hops knows. Only what says something new
// of its flow is looked up: a datagram renews it, a FIN or RST ends it.
#include "core/ethernet.h"
#include "core/ipv4.h"
#include "core/pipeline.h"
#include "core/tcp.h"

namespace coscanet {

/// Endpoints are behind the other interfaces; what comes by the external one from their addresses is spoofed.
bool Pipeline::from_nodes(const Packet& p) const {
  return policy_.header().routes && role_of(policy_.interface(p.frame->ingress)) != InterfaceRole::external;
}

/// From a node, for our MAC, and neither for the router host itself nor for a group.
bool Pipeline::may_be_outbound(const Packet& p) const {
  if (!from_nodes(p) || ethernet::to_group(p.frame->data)) return false;
  return ipv4::is_single_host(p.destination) && !policy_.is_interface_address(p.destination);
}

Verdict Pipeline::route_outbound(Packet& p) {
  if (!from_nodes(p) || p.protocol == ipv4::kIcmp) return {};
  const PolicyEndpoint* sender = policy_.find_reverse_nat(p.source, p.protocol, p.source_port);
  if (sender) {
    snat(p, *sender);
    if (p.protocol == ipv4::kUdp || (p.tcp_flags & (tcp::kFin | tcp::kRst))) p.replier = sender;
  }
  if (!p.outbound) return {};
  return sender || p.from_vip ? reply_hop(p, sender, p.destination_port) : send_prohibited(p);
}

/// `sender`: the translated endpoint that the packet comes from.
void Pipeline::snat(Packet& p, const PolicyEndpoint& sender) const {
  p.snat = {true, sender.nat.vip_port, sender.nat.vip};
  p.nat_source = p.snat.address;
  p.nat_source_port = p.snat.port;
}

/// Where a packet of an endpoint goes, or of an instance that opened the connection (no `sender`). `port`: of
/// the flow's other end.
Verdict Pipeline::reply_hop(Packet& p, const PolicyEndpoint* sender, uint16_t port) const {
  if (!sender || !(p.destination == ipv4::node_itself())) return find_next_hop(p);
  p.dnat = {true, port, sender->nat.node};
  p.set_next_hop(sender->mac, sender->egress);
  return {};
}

Verdict Pipeline::hash_reply_flow(Packet& p) {
  if (!p.replier) return {};
  if (!p.has_next_hop) {
    // To another service: of a flow of its own, which select_endpoint() finds.
    p.replier = nullptr;
    return {};
  }
  if (last_.reply_burst && p.shares_flow_with(*last_.reply_burst)) p.head = last_.reply_burst;
  p.flow_hash = p.is_head() ? flows_.hash(p.reply_flow()) : p.head->flow_hash;
  last_.reply_burst = p.head;
  return {};
}

/// Changes the flow that the packet answers, if that is with its sender (still).
Verdict Pipeline::update_reply_flow(Packet& p) {
  if (!p.replier) return {};
  const bool udp = p.protocol == ipv4::kUdp;
  // The first of the burst has renewed the conversation.
  if (udp && !p.is_head()) return {};
  const PolicyService* service = policy_.find_service(p.nat_source, p.protocol, p.nat_source_port);
  FlowTable::Ref flow = flows_.find(p.reply_flow(), p.flow_hash, now_, p.head->prefetched);
  if (!service || !flow || !(flow.flow.endpoint == policy_.ref(*p.replier))) return {};
  const FlowState state = udp ? FlowState::udp : FlowState::closing;
  if (state != flow.flow.state) flows_.update(flow, {flow.flow.endpoint, state});
  flows_.touch(flow, now_, timeout_of(*service, state));
  return {};
}

/// An address of one interface's network is learned on no other: else an outsider could redirect a node's
/// packets to itself.
void Pipeline::learn_last_hop(const Packet& p) {
  const int interface = policy_.interface_of(p.source);
  if (interface >= 0 && interface != p.frame->ingress) return;
  const NextHop hop{ethernet::source(p.frame->data), p.frame->ingress};
  const PolicyGateway& gateway = policy_.header().gateway;
  const bool from_gateway = gateway.used && hop.mac == gateway.mac && hop.egress == gateway.egress;
  last_hops_.learn(p.source, hop, interface < 0 && from_gateway);
}

/// The last hop of the other end's packets, else the gateway; but a network of ours is not behind the
/// gateway.
Verdict Pipeline::find_next_hop(Packet& p) const {
  NextHop hop;
  const PolicyGateway& gateway = policy_.header().gateway;
  const int interface = policy_.interface_of(p.destination);
  if (last_hops_.find(p.destination, &hop))
    p.set_next_hop(hop.mac, hop.egress);
  else if (gateway.used && (interface < 0 || interface == gateway.egress))
    p.set_next_hop(gateway.mac, gateway.egress);
  else
    return drop(Counter::k_drop_no_next_hop);
  return {};
}

}  // namespace coscanet
