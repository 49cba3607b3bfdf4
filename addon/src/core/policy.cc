#include "core/policy.h"

#include <algorithm>

namespace coscanet {
namespace {

// Operators choose these keys, so a fixed hash will do; tables are at most half full, so probing ends.
uint32_t mix(uint64_t x) {
  x *= 0x9e3779b97f4a7c15u;
  return static_cast<uint32_t>(x ^ x >> 32);
}
uint32_t vip_hash(const Address& a) {
  return mix(a.high * 31 + a.low);
}
uint32_t service_hash(const Address& vip, uint8_t protocol, uint16_t port) {
  return mix(vip.high * 31 + vip.low + (static_cast<uint64_t>(protocol) << 16 | port));
}

/// Order of an affinity's members.
uint32_t member_order(uint16_t node, uint32_t slot) {
  return static_cast<uint32_t>(node) << 16 | slot;
}

uint32_t table_size(uint32_t entries) {
  uint32_t size = 2;
  while (size < 2 * entries) size *= 2;
  return size;
}

/// May one more come into a table that holds `count` of at most `limit`?
bool has_room(uint32_t count, uint32_t mask, uint32_t limit) {
  return count < limit && 2 * (count + 1) <= mask + 1;
}

/// An empty table; returns its mask.
template <typename Entry>
uint32_t clear_table(Entry* table, uint32_t entries) {
  const uint32_t size = table_size(entries);
  memset(static_cast<void*>(table), 0, size * sizeof(Entry));
  return size - 1;
}

}  // namespace

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
    const uint32_t score = mix(hash ^ *m);
    if (!endpoints_[*m].open || (best && score <= best_score)) continue;
    best = &endpoints_[*m];
    best_score = score;
  }
  return best;
}

void PolicyWriter::clear(const Limits& room) {
  const uint32_t generation = header_->generation.load(std::memory_order_relaxed);
  memset(static_cast<void*>(header_), 0, sizeof *header_);
  header_->generation.store(generation, std::memory_order_relaxed);
  header_->vip_mask = clear_table(vips_, std::min(room.vips, limits_.vips));
  header_->service_mask = clear_table(services_, std::min(room.services, limits_.services));
  header_->reverse_nat_mask = clear_table(reverse_nat_, std::min(room.endpoints, limits_.endpoints));
  header_->block_mask = clear_table(blocks_, std::min(room.blocks, limits_.blocks));
}

bool PolicyWriter::add_interface(InterfaceRole role, const Mac& mac, uint16_t mtu, const Address& address,
                                 uint32_t prefix) {
  if (header_->interface_count == kInterfaces) return false;
  header_->interfaces[header_->interface_count++] = {mac, mtu, static_cast<uint8_t>(role), address,
                                                     Address::mask_v4(prefix)};
  return true;
}

bool PolicyWriter::add_vip(const Address& address, bool active) {
  if (!has_room(header_->vip_count, header_->vip_mask, limits_.vips) || find_vip(address)) return false;
  uint32_t i = vip_hash(address) & header_->vip_mask;
  while (vips_[i].used) i = (i + 1) & header_->vip_mask;
  vips_[i] = {address, true, active};
  ++header_->vip_count;
  return true;
}

bool PolicyWriter::add_endpoint(uint32_t slot, uint16_t generation, const Mac& mac, uint8_t egress, bool open,
                                uint16_t node) {
  if (slot >= limits_.endpoints || is_endpoint(slot) || egress >= header_->interface_count) return false;
  uint32_t& end = header_->endpoint_end;
  if (slot >= end) {
    memset(static_cast<void*>(endpoints_ + end), 0, (slot + 1 - end) * sizeof(PolicyEndpoint));
    end = slot + 1;
  }
  endpoints_[slot] = {mac, generation, node, egress, true, open, false, false, false, {}};
  return true;
}

bool PolicyWriter::set_outbound_only(uint32_t slot) {
  if (!is_endpoint(slot)) return false;
  endpoints_[slot].outbound_only = true;
  return true;
}

bool PolicyWriter::translate_endpoint(uint32_t slot, const Translation& nat) {
  if (!is_endpoint(slot) || endpoints_[slot].translated) return false;
  if (!has_room(header_->reverse_nat_count, header_->reverse_nat_mask, limits_.endpoints)) return false;
  if (nat.node_port == 0 || nat.vip_port == 0 || find_reverse_nat(nat.node, nat.protocol, nat.node_port))
    return false;
  endpoints_[slot].translated = true;
  endpoints_[slot].nat = nat;
  uint32_t i = service_hash(nat.node, nat.protocol, nat.node_port) & header_->reverse_nat_mask;
  while (reverse_nat_[i]) i = (i + 1) & header_->reverse_nat_mask;
  reverse_nat_[i] = slot + 1;
  ++header_->reverse_nat_count;
  return true;
}

bool PolicyWriter::add_block(const Address& vip, uint16_t first, uint16_t last, const Mac& mac,
                             uint8_t egress) {
  if (first % kBlockPorts || last % kBlockPorts != kBlockPorts - 1 || first > last) return false;
  if (egress >= header_->interface_count) return false;
  for (uint32_t port = first; port <= last; port += kBlockPorts) {
    if (!has_room(header_->block_count, header_->block_mask, limits_.blocks) ||
        find_block(vip, static_cast<uint16_t>(port)))
      return false;
    const auto number = static_cast<uint16_t>(port / kBlockPorts);
    uint32_t i = service_hash(vip, 0, number) & header_->block_mask;
    while (blocks_[i].used) i = (i + 1) & header_->block_mask;
    blocks_[i] = {vip, number, true, egress, mac};
    ++header_->block_count;
  }
  return true;
}

bool PolicyWriter::set_gateway(const Mac& mac, uint8_t egress) {
  if (egress >= header_->interface_count) return false;
  header_->gateway = {mac, egress, true};
  return true;
}

bool PolicyWriter::add_service(uint32_t slot, const Address& vip, uint8_t protocol, uint16_t port,
                               const uint32_t* ring, uint32_t ring_length, const Timeouts& timeouts) {
  if (slot >= limits_.services || !has_room(header_->service_count, header_->service_mask, limits_.services))
    return false;
  if (ring_length > limits_.ring_slots - header_->ring_used || find_service(vip, protocol, port))
    return false;
  for (uint32_t i = 0; i < ring_length; ++i)
    if (!is_endpoint(ring[i])) return false;
  uint32_t i = service_hash(vip, protocol, port) & header_->service_mask;
  while (services_[i].used) i = (i + 1) & header_->service_mask;
  services_[i] = {vip,         port,     protocol, true, static_cast<uint16_t>(slot), header_->ring_used,
                  ring_length, timeouts, {}};
  last_service_ = &services_[i];
  for (uint32_t k = 0; k < ring_length; ++k) ring_[header_->ring_used++] = static_cast<uint16_t>(ring[k]);
  ++header_->service_count;
  return true;
}

bool PolicyWriter::add_affinity(const PolicyAffinity& affinity, uint32_t* members, uint32_t count) {
  if (count > limits_.ring_slots - header_->ring_used) return false;
  for (uint32_t i = 0; i < count; ++i)
    if (!is_endpoint(members[i])) return false;
  const auto by_node = [this](uint32_t a, uint32_t b) {
    return member_order(endpoints_[a].node, a) < member_order(endpoints_[b].node, b);
  };
  std::sort(members, members + count, by_node);
  last_service_->affinity = affinity;
  last_service_->affinity.used = true;
  last_service_->affinity.first = header_->ring_used;
  last_service_->affinity.length = count;
  for (uint32_t i = 0; i < count; ++i) {
    ring_[header_->ring_used++] = static_cast<uint16_t>(members[i]);
    endpoints_[members[i]].affinity_member = true;
  }
  for (uint32_t i = 0; i < last_service_->ring_length; ++i)
    if (!std::binary_search(members, members + count, ring_[last_service_->ring_first + i], by_node))
      return false;
  return true;
}

bool PolicyWriter::set_registry(const uint8_t* bytes, uint32_t length) {
  if (length > limits_.registry_bytes) return false;
  if (length) memcpy(registry_, bytes, length);  // none may have no address
  header_->registry_length = length;
  return true;
}

}  // namespace coscanet
