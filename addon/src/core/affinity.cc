// Affinity: a client's new flows go to the endpoint of its last one. The choice is stored by client and group
// and expires when none of the client's flows has been active for the timeout; a service of the group that is
// not served by the chosen endpoint goes to the same node. Where the table has no free entry, the client's
// hash chooses, which holds while the ring does not change.
#include "core/pipeline.h"

namespace coscanet {

Pipeline::Client Pipeline::affinity_client(const Packet& p, const PolicyService& service) const {
  Client client;
  client.key.client = p.nat_source & service.affinity.mask;
  client.key.vip = {service.affinity.group, service.affinity.mask.low};
  client.hash = affinities_.hash(client.key);
  return client;
}

/// The endpoint for a client's new flow; null if the service has none.
const PolicyEndpoint* Pipeline::affinity_endpoint(const Packet& p, const PolicyService& service) {
  const Client client = affinity_client(p, service);
  FlowTable::Ref entry = affinities_.find(client.key, client.hash, now_);
  EndpointRef choice = entry.flow.endpoint;
  if (!entry || !policy_.is_affinity_member(choice)) {
    const bool has_room = entry || affinities_.has_room(client.hash, now_);
    const PolicyEndpoint* next = has_room ? next_in_ring(service) : choose_by_client_hash(client, service);
    if (!next) return nullptr;
    choice = store_affinity(client, *next, service, entry);
  } else {
    counters_.add(Counter::k_affinity_flows);
    affinities_.touch(entry, now_, service.affinity.timeout);
  }
  const PolicyEndpoint* endpoint = policy_.member(service, choice, client.hash);
  return endpoint ? endpoint : choose_by_client_hash(client, service);
}

/// The endpoint that the client has affinity with, or null. For segments of unknown flows.
const PolicyEndpoint* Pipeline::find_affinity(const Packet& p, const PolicyService& service) const {
  const Client client = affinity_client(p, service);
  const FlowTable::Ref entry = affinities_.find(client.key, client.hash, now_);
  return entry ? policy_.member(service, entry.flow.endpoint, client.hash) : nullptr;
}

/// A flow of the client is active (called once a second, not for every packet): extends the client's entry,
/// or makes one that names this flow's endpoint.
void Pipeline::refresh_affinity(const Packet& p, const PolicyService& service,
                                const PolicyEndpoint& endpoint) {
  const Client client = affinity_client(p, service);
  FlowTable::Ref entry = affinities_.find(client.key, client.hash, now_);
  if (entry)
    affinities_.touch(entry, now_, service.affinity.timeout);
  else if (policy_.member(service, policy_.ref(endpoint), client.hash) == &endpoint)
    store_affinity(client, endpoint, service, entry);
}

/// Writes the choice into `entry` (stale, or empty: none yet), unless another forwarder has just made one.
/// Returns the choice, which holds also where no entry is free: the last one may have gone to the other
/// forwarder, for this very client.
EndpointRef Pipeline::store_affinity(const Client& client, const PolicyEndpoint& endpoint,
                                     const PolicyService& service, FlowTable::Ref& entry) {
  const auto valid = [this](EndpointRef ref) { return policy_.is_affinity_member(ref); };
  const EndpointRef choice = reservations_.reserve(client.hash, now_, policy_.ref(endpoint), valid);
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

const PolicyEndpoint* Pipeline::choose_by_client_hash(const Client& client,
                                                      const PolicyService& service) const {
  if (service.ring_length == 0) return nullptr;
  return policy_.ring(service, static_cast<uint32_t>(client.hash >> 32) % service.ring_length);
}

}  // namespace coscanet
