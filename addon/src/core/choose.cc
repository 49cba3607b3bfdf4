// Which endpoint: the flow's own, the next of the schedule, or, for want of a memory of the flow, the one
// that its hash names. State is inferred from the client's side alone: with direct server return we see no
// answers.
#include "core/forward.h"
#include "core/ipv4.h"
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

Verdict Path::enter(Packet& p) {
  if (p.has_hop || p.protocol == ipv4::kIcmp) return {};
  if (last_.burst && p.shares_flow_with(*last_.burst)) {
    p.head = last_.burst;
    return {};
  }
  // A packet from itself to itself ("land") would make a server talk to itself for ever.
  if (p.client == p.vip && p.client_port == p.port) return drop(Counter::k_drop_ip_source);
  // A block belongs to one node, which opened the connection: no flow, no schedule.
  if (const PolicyBlock* block = policy_.find_block(p.vip, p.port)) {
    p.by_block = true;
    p.go(block->mac, block->egress);
  }
  return {};
}

Verdict Path::name_flow(Packet& p) {
  if (p.has_hop || p.protocol == ipv4::kIcmp) return {};
  p.flow_hash = p.is_head() ? flows_.hash(p.flow()) : p.head->flow_hash;
  last_.burst = p.head;
  return {};
}

Verdict Path::choose(Packet& p) {
  if (p.has_hop) return {};
  if (const PolicyEndpoint* endpoint = goes_on(p) ? last_.endpoint : endpoint_of_flow(p)) {
    lead_to(p, *endpoint);
    return {};
  }
  if (awaits_import(p)) return drop(Counter::k_drop_awaiting_import);
  return is_stray_reset(p) ? drop(Counter::k_drop_stray_reset) : refuse(p);
}

/// Of a connection that we should know, and may be told of: its client says it again, but takes no reset
/// back.
bool Path::awaits_import(const Packet& p) const {
  return policy_.header().await_imports && p.protocol == ipv4::kTcp && !opens(p.tcp_flags);
}

/// The kernel of the router's host knows nothing of the router's own probes, and resets what answers them.
bool Path::is_stray_reset(const Packet& p) const {
  return policy_.interface(p.frame->ingress).role == InterfaceRole::host && p.protocol == ipv4::kTcp &&
         (p.tcp_flags & tcp::kRst);
}

const PolicyService* Path::service_of(const Packet& p) {
  const PolicyService* last = last_.service;
  if (last && last->is(p.vip, p.protocol, p.port)) return last;
  return last_.service = policy_.find_service(p.vip, p.protocol, p.port);
}

/// Is its flow that of the packet before, and does it change nothing of what is known of it?
bool Path::goes_on(const Packet& p) const {
  return p.head == last_.known && !opens(p.tcp_flags) && next_state(last_.state, p) == last_.state;
}

/// Null if nobody serves the port, or if it is yet to be told who serves the flow.
const PolicyEndpoint* Path::endpoint_of_flow(const Packet& p) {
  const PolicyService* service = service_of(p);
  FlowTable::Ref flow = flows_.find(p.flow(), p.flow_hash, now_, p.head->flow_place);
  const PolicyEndpoint* endpoint = flow ? follow(p, service, flow) : nullptr;
  last_.known = endpoint ? p.head : nullptr;
  last_.endpoint = endpoint;
  last_.state = flow.flow.state;
  if (endpoint) return endpoint;

  if (awaits_import(p) || is_stray_reset(p) || !service) return nullptr;
  if (p.protocol == ipv4::kUdp || opens(p.tcp_flags)) endpoint = schedule(p, *service, flow);
  // That also serves the flow that another forwarder, which has the next policy already, gave to an endpoint
  // we do not know.
  return endpoint ? endpoint : guess(p, *service);
}

/// The endpoint that a known flow stays with, or null if it has to be given another.
const PolicyEndpoint* Path::follow(const Packet& p, const PolicyService* service, FlowTable::Ref& flow) {
  const PolicyEndpoint* endpoint = policy_.endpoint(flow.flow.endpoint);
  const bool open = endpoint && endpoint->open;
  // A datagram can go elsewhere at once. A segment cannot: the old node's kernel must say what is to be said.
  // But a SYN means a new connection, when the old one is closing or has nobody to answer (port reuse), or
  // was opened by the endpoint, which takes none.
  if (p.protocol == ipv4::kUdp && !open) return nullptr;
  const bool takes = open && !endpoint->outbound_only;
  if (opens(p.tcp_flags) && (!takes || flow.flow.state == FlowState::closing)) return nullptr;
  if (!endpoint || !service) return endpoint;

  const FlowState state = next_state(flow.flow.state, p);
  if (state != flow.flow.state) flows_.update(flow, {flow.flow.endpoint, state});
  const bool first_this_second = flows_.touch(flow, now_, service->timeouts[state]);
  if (first_this_second && service->affinity.used) renew(p, *service, *endpoint);
  return endpoint;
}

/// The client's endpoint or the next of the schedule, remembered in `flow` (the stale entry of its key) or
/// in a new entry; null if there is none to choose, or no room.
const PolicyEndpoint* Path::schedule(const Packet& p, const PolicyService& service, FlowTable::Ref& flow) {
  const PolicyEndpoint* endpoint = service.affinity.used ? stay(p, service) : take_turn(service);
  if (!endpoint) return nullptr;
  const Flow chosen{policy_.ref(*endpoint), next_state(FlowState::syn, p)};
  const uint32_t timeout = service.timeouts[chosen.state];
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

const PolicyEndpoint* Path::take_turn(const PolicyService& service) {
  if (service.ring_length == 0) return nullptr;
  const uint32_t turn = segment_.service(service.slot).turn.fetch_add(1, std::memory_order_relaxed);
  return policy_.ring(service, turn % service.ring_length);
}

/// For a flow that is not remembered, not the next of the schedule: two packets of it must not go to two
/// endpoints.
const PolicyEndpoint* Path::guess(const Packet& p, const PolicyService& service) {
  const PolicyEndpoint* endpoint = service.affinity.used ? stayed(p, service) : nullptr;
  if (endpoint || service.ring_length == 0) return endpoint;
  counters_.add(Counter::k_hash_choices);
  return policy_.ring(service, static_cast<uint32_t>(p.flow_hash >> 32) % service.ring_length);
}

}  // namespace coscanet
