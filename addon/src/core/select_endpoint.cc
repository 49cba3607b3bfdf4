// Which endpoint: that of the flow, the next in the service's ring for a new flow, or, for a flow that the
// table does not hold, the one that its hash names. State is inferred from the client's packets; with NAT
// from those of the endpoint as well (outbound.cc), which direct server return does not show.
#include "core/ipv4.h"
#include "core/pipeline.h"
#include "core/tcp.h"
#include "core/udp.h"

namespace coscanet {
namespace {

bool opens(uint8_t tcp_flags) {
  return (tcp_flags & (tcp::kSyn | tcp::kAck)) == tcp::kSyn;
}

FlowState next_state(FlowState state, const Packet& p) {
  if (p.protocol == ipv4::kUdp) return FlowState::udp;
  if (p.tcp_flags & (tcp::kRst | tcp::kFin)) return FlowState::closing;
  return state == FlowState::syn && !opens(p.tcp_flags) ? FlowState::established : state;
}

}  // namespace

Verdict Pipeline::identify_flow(Packet& p) {
  if (p.has_next_hop || p.protocol == ipv4::kIcmp) return {};
  if (last_.burst && p.shares_flow_with(*last_.burst)) {
    p.head = last_.burst;
    return {};
  }
  // A packet from itself to itself ("land") would make a server talk to itself for ever.
  if (p.nat_source == p.destination && p.nat_source_port == p.destination_port)
    return drop(Counter::k_drop_ip_source);
  // A port block belongs to one node, which opened the connection: no flow, no schedule.
  if (const PolicyBlock* block = policy_.find_block(p.destination, p.destination_port)) {
    p.by_block = true;
    p.set_next_hop(block->mac, block->egress);
  }
  return {};
}

Verdict Pipeline::hash_flow(Packet& p) {
  if (p.has_next_hop || p.protocol == ipv4::kIcmp) return {};
  p.flow_hash = p.is_head() ? flows_.hash(p.flow()) : p.head->flow_hash;
  last_.burst = p.head;
  return {};
}

Verdict Pipeline::select_endpoint(Packet& p) {
  if (p.has_next_hop) return {};
  if (const PolicyEndpoint* endpoint = continues_last_flow(p) ? last_.endpoint : find_endpoint(p)) {
    forward_to(p, *endpoint, p.nat_source, p.nat_source_port);
    return {};
  }
  if (awaits_import(p)) return drop(Counter::k_drop_awaiting_import);
  if (!is_stray_reset(p)) return reject(p);
  // Nobody's packet is lost by it: the prober resets the answer itself.
  return drop(ends_probe(p) ? Counter::k_probe_resets : Counter::k_drop_stray_reset);
}

/// A segment of a connection that a node may be about to report: a client retransmits what is dropped, but
/// does not recover from a reset.
bool Pipeline::awaits_import(const Packet& p) const {
  return policy_.header().await_imports && p.protocol == ipv4::kTcp && !opens(p.tcp_flags);
}

/// Our host's stack resets what it has no socket for.
bool Pipeline::is_stray_reset(const Packet& p) const {
  return role_of(policy_.interface(p.frame->ingress)) == InterfaceRole::host && p.protocol == ipv4::kTcp &&
         (p.tcp_flags & tcp::kRst);
}

/// A stray reset that answers the answer to one of the router's own probes, of which our host's stack knows
/// nothing.
bool Pipeline::ends_probe(const Packet& p) const {
  return tcp::is_probe_port(p.source_port) && policy_.is_interface_address(p.source);
}

const PolicyService* Pipeline::find_service(const Packet& p) {
  const PolicyService* last = last_.service;
  if (last && is_service(*last, p.destination, p.protocol, p.destination_port)) return last;
  return last_.service = policy_.find_service(p.destination, p.protocol, p.destination_port);
}

/// Is its flow that of the packet before, and does the flow's state stay the same?
bool Pipeline::continues_last_flow(const Packet& p) const {
  return p.head == last_.known && !opens(p.tcp_flags) && next_state(last_.state, p) == last_.state;
}

/// Null if nobody serves the port, or if the flow is yet to be imported.
const PolicyEndpoint* Pipeline::find_endpoint(const Packet& p) {
  const PolicyService* service = find_service(p);
  FlowTable::Ref flow = flows_.find(p.flow(), p.flow_hash, now_, p.head->prefetched);
  const PolicyEndpoint* endpoint = flow ? known_endpoint(p, service, flow) : nullptr;
  last_.known = endpoint ? p.head : nullptr;
  last_.endpoint = endpoint;
  last_.state = flow.flow.state;
  if (endpoint) return endpoint;

  if (awaits_import(p) || is_stray_reset(p) || !service) return nullptr;
  if (p.protocol == ipv4::kUdp || opens(p.tcp_flags)) endpoint = schedule_flow(p, *service, flow);
  // Also for a flow that another forwarder, which has the next policy already, gave to an endpoint that we do
  // not know.
  return endpoint ? endpoint : choose_by_hash(p, *service);
}

/// The endpoint of a known flow, or null if the flow has to be scheduled anew.
const PolicyEndpoint* Pipeline::known_endpoint(const Packet& p, const PolicyService* service,
                                               FlowTable::Ref& flow) {
  const PolicyEndpoint* endpoint = policy_.endpoint(flow.flow.endpoint);
  const bool open = endpoint && endpoint->open;
  // A datagram can go elsewhere at once. A segment cannot: the old node's kernel must answer it, if by a
  // reset. But a SYN is a new connection when the old one is closing or its endpoint gone (port reuse), or
  // was opened by an endpoint that accepts none.
  if (p.protocol == ipv4::kUdp && !open) return nullptr;
  const bool takes = open && !endpoint->outbound_only;
  if (opens(p.tcp_flags) && (!takes || flow.flow.state == FlowState::closing)) return nullptr;
  if (!endpoint || !service) return endpoint;

  const FlowState state = next_state(flow.flow.state, p);
  if (state != flow.flow.state) flows_.update(flow, {flow.flow.endpoint, state});
  const bool first_this_second = flows_.touch(flow, now_, timeout_of(*service, state));
  if (first_this_second && service->affinity.used) refresh_affinity(p, *service, *endpoint);
  return endpoint;
}

/// The client's endpoint or the next in the ring, stored in `flow` (the stale entry of its key) or in a new
/// entry; null if there is no endpoint, or no free entry.
const PolicyEndpoint* Pipeline::schedule_flow(const Packet& p, const PolicyService& service,
                                              FlowTable::Ref& flow) {
  const PolicyEndpoint* endpoint =
      service.affinity.used ? affinity_endpoint(p, service) : next_in_ring(service);
  if (!endpoint) return nullptr;
  const Flow chosen{policy_.ref(*endpoint), next_state(FlowState::syn, p)};
  const uint32_t timeout = timeout_of(service, chosen.state);
  if (flow && flows_.update(flow, chosen)) {
    flows_.touch(flow, now_, timeout);
    counters_.add(Counter::k_flows_rescheduled);
  } else if ((flow = flows_.insert(p.flow(), p.flow_hash, chosen, now_, timeout, owner_))) {
    counters_.add(Counter::k_flows_created);
  } else {
    counters_.add(Counter::k_flow_table_full);
    return nullptr;
  }
  segment_.service(service.slot).new_flows.fetch_add(1, std::memory_order_relaxed);
  return policy_.endpoint(flow.flow.endpoint);
}

const PolicyEndpoint* Pipeline::next_in_ring(const PolicyService& service) {
  if (service.ring_length == 0) return nullptr;
  const uint32_t cursor = segment_.service(service.slot).cursor.fetch_add(1, std::memory_order_relaxed);
  return policy_.ring(service, cursor % service.ring_length);
}

/// For a flow that the table does not hold, not the next in the ring: two packets of it must not go to two
/// endpoints.
const PolicyEndpoint* Pipeline::choose_by_hash(const Packet& p, const PolicyService& service) {
  const PolicyEndpoint* endpoint = service.affinity.used ? find_affinity(p, service) : nullptr;
  if (endpoint || service.ring_length == 0) return endpoint;
  counters_.add(Counter::k_hash_choices);
  return policy_.ring(service, static_cast<uint32_t>(p.flow_hash >> 32) % service.ring_length);
}

}  // namespace coscanet
