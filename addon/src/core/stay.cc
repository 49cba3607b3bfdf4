// Affinity: a client's new flows go where its last one went. The choice is remembered by client and group,
// for as long as any of the client's flows is heard of; a service of the group that is not served by the
// chosen endpoint goes to the same node. Where the table has no room, the client's hash chooses: that holds
// while the ring does not change.
#include "core/forward.h"

namespace coscanet {

Path::Client Path::client_of(const Packet& p, const PolicyService& service) const {
  Client client;
  client.key.client = p.client & service.affinity.mask;
  client.key.vip = {service.affinity.group, service.affinity.mask.low};
  client.hash = affinities_.hash(client.key);
  return client;
}

/// The endpoint for a client's new flow; null if the service has none.
const PolicyEndpoint* Path::stay(const Packet& p, const PolicyService& service) {
  const Client client = client_of(p, service);
  FlowTable::Ref entry = affinities_.find(client.key, client.hash, now_);
  EndpointRef choice = entry.flow.endpoint;
  if (!entry || !policy_.is_affinity_member(choice)) {
    const bool has_room = entry || affinities_.has_room(client.hash, now_);
    const PolicyEndpoint* next = has_room ? take_turn(service) : by_client(client, service);
    if (!next) return nullptr;
    choice = remember(client, *next, service, entry);
  } else {
    counters_.add(Counter::k_affinity_flows);
    affinities_.touch(entry, now_, service.affinity.timeout);
  }
  const PolicyEndpoint* endpoint = policy_.member(service, choice, client.hash);
  return endpoint ? endpoint : by_client(client, service);
}

/// Where the client would stay, if it is known; null if not. For segments of flows that are not.
const PolicyEndpoint* Path::stayed(const Packet& p, const PolicyService& service) const {
  const Client client = client_of(p, service);
  const FlowTable::Ref entry = affinities_.find(client.key, client.hash, now_);
  return entry ? policy_.member(service, entry.flow.endpoint, client.hash) : nullptr;
}

/// A flow of the client is heard of (each second once, not for every packet): its choice lasts on. If it is
/// not known, it is where this flow is.
void Path::renew(const Packet& p, const PolicyService& service, const PolicyEndpoint& endpoint) {
  const Client client = client_of(p, service);
  FlowTable::Ref entry = affinities_.find(client.key, client.hash, now_);
  if (entry)
    affinities_.touch(entry, now_, service.affinity.timeout);
  else if (policy_.member(service, policy_.ref(endpoint), client.hash) == &endpoint)
    remember(client, endpoint, service, entry);
}

/// Writes the choice into `entry` (void, or empty: none yet), unless another forwarder has just made one.
/// Returns what was chosen. Where there is no room it counts all the same: the last may have gone to the
/// other forwarder, for this very client.
EndpointRef Path::remember(const Client& client, const PolicyEndpoint& endpoint, const PolicyService& service,
                           FlowTable::Ref& entry) {
  const auto valid = [this](EndpointRef ref) { return policy_.is_affinity_member(ref); };
  const EndpointRef choice = agreements_.settle(client.hash, now_, policy_.ref(endpoint), valid);
  const uint32_t timeout = service.affinity.timeout;
  if (entry && affinities_.update(entry, {choice, FlowState::udp})) {
    affinities_.touch(entry, now_, timeout);
  } else {
    entry = affinities_.find(client.key, client.hash, now_);
    if (!entry)
      entry = affinities_.insert(client.key, client.hash, {choice, FlowState::udp}, now_, timeout, owner_);
  }
  if (entry) return entry.flow.endpoint;
  counters_.add(Counter::k_affinity_table_full);
  return choice;
}

const PolicyEndpoint* Path::by_client(const Client& client, const PolicyService& service) const {
  if (service.ring_length == 0) return nullptr;
  return policy_.ring(service, static_cast<uint32_t>(client.hash >> 32) % service.ring_length);
}

}  // namespace coscanet
