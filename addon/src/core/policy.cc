#include "core/policy.h"

#include <algorithm>

#include "core/policy_tables.h"

namespace coscanet {

PolicyLayout PolicyLayout::of(const Limits& limits) {
  PolicyLayout layout;
  uint32_t at = 0;
  auto take = [&at](uint32_t bytes) {
    const uint32_t here = at;
    at += (bytes + 63) & ~63u;
    return here;
  };
  take(sizeof(PolicyHeader));
  layout.vips = take(table_size(limits.vips) * sizeof(PolicyVip));
  layout.services = take(table_size(limits.services) * sizeof(PolicyService));
  layout.endpoints = take(limits.endpoints * sizeof(PolicyEndpoint));
  layout.reverse_nat = take(table_size(limits.endpoints) * sizeof(uint32_t));
  layout.blocks = take(table_size(limits.blocks) * sizeof(PolicyBlock));
  layout.ring = take(limits.ring_slots * sizeof(uint16_t));
  layout.registry = take(limits.registry_bytes);
  layout.bytes = at;
  return layout;
}

Policy::Policy(uint8_t* base, const Limits& limits) : limits_(limits) {
  const PolicyLayout layout = PolicyLayout::of(limits);
  header_ = reinterpret_cast<PolicyHeader*>(base);
  vips_ = reinterpret_cast<PolicyVip*>(base + layout.vips);
  services_ = reinterpret_cast<PolicyService*>(base + layout.services);
  endpoints_ = reinterpret_cast<PolicyEndpoint*>(base + layout.endpoints);
  reverse_nat_ = reinterpret_cast<uint32_t*>(base + layout.reverse_nat);
  blocks_ = reinterpret_cast<PolicyBlock*>(base + layout.blocks);
  ring_ = reinterpret_cast<uint16_t*>(base + layout.ring);
  registry_ = base + layout.registry;
}

int Policy::interface_of(const Address& address) const {
  int found = -1;
  for (unsigned i = 0; i < header_->interface_count; ++i) {
    const PolicyInterface& one = header_->interfaces[i];
    if (!((address & one.mask) == (one.address & one.mask))) continue;
    // The longest prefix wins.
    if (found < 0 || (one.mask & header_->interfaces[found].mask) == header_->interfaces[found].mask)
      found = static_cast<int>(i);
  }
  return found;
}

bool Policy::is_interface_address(const Address& address) const {
  for (unsigned i = 0; i < header_->interface_count; ++i)
    if (address == header_->interfaces[i].address) return true;
  return false;
}

const PolicyVip* Policy::find_vip(const Address& address) const {
  for (uint32_t i = vip_hash(address);; ++i) {
    const PolicyVip& vip = vips_[i & header_->vip_mask];
    if (!vip.used) return nullptr;
    if (vip.address == address) return &vip;
  }
}

const PolicyService* Policy::find_service(const Address& vip, uint8_t protocol, uint16_t port) const {
  for (uint32_t i = service_hash(vip, protocol, port);; ++i) {
    const PolicyService& service = services_[i & header_->service_mask];
    if (!service.used) return nullptr;
    if (is_service(service, vip, protocol, port)) return &service;
  }
}

const PolicyEndpoint* Policy::find_reverse_nat(const Address& node, uint8_t protocol, uint16_t port) const {
  for (uint32_t i = service_hash(node, protocol, port);; ++i) {
    const uint32_t slot = reverse_nat_[i & header_->reverse_nat_mask];
    if (slot == 0) return nullptr;
    const PolicyEndpoint& e = endpoints_[slot - 1];
    if (e.nat.node_port == port && e.nat.protocol == protocol && e.nat.node == node) return &e;
  }
}

const PolicyBlock* Policy::find_block(const Address& vip, uint16_t port) const {
  if (header_->block_count == 0) return nullptr;  // asked for every packet
  const auto number = static_cast<uint16_t>(port / kBlockPorts);
  for (uint32_t i = service_hash(vip, 0, number);; ++i) {
    const PolicyBlock& block = blocks_[i & header_->block_mask];
    if (!block.used) return nullptr;
    if (block.number == number && block.vip == vip) return &block;
  }
}

const PolicyEndpoint* Policy::endpoint(EndpointRef ref) const {
  if (ref.slot >= header_->endpoint_end) return nullptr;
  const PolicyEndpoint& endpoint = endpoints_[ref.slot];
  return endpoint.used && endpoint.generation == ref.generation ? &endpoint : nullptr;
}

const PolicyEndpoint* Policy::member(const PolicyService& service, EndpointRef choice, uint64_t hash) const {
  if (!is_affinity_member(choice)) return nullptr;
  const uint16_t node = endpoints_[choice.slot].node;
  const uint16_t* first = ring_ + service.affinity.first;
  const uint16_t* last = first + service.affinity.length;
  const auto before = [this](uint16_t slot, uint32_t wanted) {
    return member_order(endpoints_[slot].node, slot) < wanted;
  };
  const uint16_t* own = std::lower_bound(first, last, member_order(node, choice.slot), before);
  if (own != last && *own == choice.slot) return &endpoints_[choice.slot];
  if (node == kNoNode) return nullptr;
  const PolicyEndpoint* best = nullptr;
  uint32_t best_score = 0;
  // Highest score wins (rendezvous hashing): one that comes or goes moves its own clients only.
  for (const uint16_t* m = std::lower_bound(first, last, member_order(node, 0), before);
       m != last && endpoints_[*m].node == node; ++m) {
    const uint32_t score = policy_mix(hash ^ *m);
    if (!endpoints_[*m].open || (best && score <= best_score)) continue;
    best = &endpoints_[*m];
    best_score = score;
  }
  return best;
}

}  // namespace coscanet
