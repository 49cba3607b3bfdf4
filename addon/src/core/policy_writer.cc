#include "core/policy_writer.h"

#include <algorithm>

#include "core/policy_tables.h"

namespace coscanet {
namespace {

constexpr uint32_t kLastPort = 0xffff;

/// Is there room for one more in a table that holds `count` of at most `limit`?
bool has_room(uint32_t count, uint32_t mask, uint32_t limit) {
  return count < limit && 2 * (count + 1) <= mask + 1;
}

/// An empty table; returns its mask.
template <typename Entry>
uint32_t clear_table(Entry* table, size_t entries, uint32_t limit) {
  const uint32_t size = table_size(static_cast<uint32_t>(std::min<size_t>(entries, limit)));
  memset(static_cast<void*>(table), 0, size * sizeof(Entry));
  return size - 1;
}

/// How many entries a block takes; of what is no block, none.
uint32_t entries_of(const BlockSpec& block) {
  return block.first <= block.last && block.last <= kLastPort ? (block.last - block.first + 1) / kBlockPorts
                                                              : 0;
}

}  // namespace

const char* PolicyWriter::write(const PolicySpec& spec) {
  clear(spec);
  header_->routes = spec.routes.value_or(false);
  header_->await_imports = spec.await_imports.value_or(false);
  for (const InterfaceSpec& one : spec.interfaces) {
    // Errors to nodes are sent from the interface's own address.
    if (header_->routes && !(one.address && one.prefix))
      return "policy.routes: each interface needs an address and its prefix";
    if (!add_interface(one)) return "too many interfaces";
    if (one.vlans && !set_vlans(*one.vlans)) return "no such VLAN, or too many on an interface";
  }
  if (spec.gateway && !set_gateway(*spec.gateway)) return "gateway on no interface";
  if (spec.blocks)
    for (const BlockSpec& one : *spec.blocks)
      if (!add_block(one)) return "port block not of whole 64 ports, taken, or too many";
  for (const VipSpec& one : spec.vips)
    if (!add_vip(one)) return "virtual IP twice, or too many";
  for (const EndpointSpec& one : spec.endpoints) {
    if (!add_endpoint(one)) return "endpoint slot taken, or a number out of its range";
    if (const char* problem = one.nat ? translate(one.slot, *one.nat) : nullptr) return problem;
  }
  for (const ServiceSpec& one : spec.services) {
    PolicyService* service = add_service(one);
    if (!service) return "service twice, ring of unknown endpoints, or too many";
    if (one.affinity && !add_affinity(*one.affinity, *service))
      return "affinity of unknown endpoints, without those of the ring, or too many";
  }
  return nullptr;
}

/// What this policy does not need is not touched: all tables together are 5 MB.
void PolicyWriter::clear(const PolicySpec& spec) {
  const uint32_t generation = header_->generation.load(std::memory_order_relaxed);
  memset(static_cast<void*>(header_), 0, sizeof *header_);
  header_->generation.store(generation, std::memory_order_relaxed);
  size_t blocks = 0;
  if (spec.blocks)
    for (const BlockSpec& one : *spec.blocks) blocks += entries_of(one);
  header_->vip_mask = clear_table(vips_, spec.vips.size(), limits_.vips);
  header_->service_mask = clear_table(services_, spec.services.size(), limits_.services);
  header_->reverse_nat_mask = clear_table(reverse_nat_, spec.endpoints.size(), limits_.endpoints);
  header_->block_mask = clear_table(blocks_, blocks, limits_.blocks);
}

bool PolicyWriter::add_interface(const InterfaceSpec& spec) {
  if (header_->interface_count == kInterfaces) return false;
  const Prefix prefix = spec.prefix.value_or(Prefix{32});
  header_->interfaces[header_->interface_count++] = {spec.mac,
                                                     static_cast<uint16_t>(std::min(spec.mtu, 0xffffu)),
                                                     static_cast<uint8_t>(spec.role),
                                                     0,
                                                     spec.address.value_or(Address{}),
                                                     Address::mask_v4(prefix.bits),
                                                     {}};
  return true;
}

bool PolicyWriter::set_vlans(const std::vector<uint32_t>& vlans) {
  if (vlans.size() > kVlans) return false;
  PolicyInterface& interface = header_->interfaces[header_->interface_count - 1];
  for (const uint32_t vlan : vlans) {
    if (vlan < 1 || vlan > 4094) return false;
    interface.vlans[interface.vlan_count++] = static_cast<uint16_t>(vlan);
  }
  return true;
}

bool PolicyWriter::set_gateway(const GatewaySpec& spec) {
  if (spec.egress >= header_->interface_count) return false;
  header_->gateway = {spec.mac, static_cast<uint8_t>(spec.egress), true};
  return true;
}

bool PolicyWriter::add_block(const BlockSpec& spec) {
  if (spec.first % kBlockPorts || spec.last % kBlockPorts != kBlockPorts - 1) return false;
  if (spec.first > spec.last || spec.last > kLastPort || spec.egress >= header_->interface_count)
    return false;
  for (uint32_t port = spec.first; port <= spec.last; port += kBlockPorts) {
    if (!has_room(header_->block_count, header_->block_mask, limits_.blocks) ||
        find_block(spec.vip, static_cast<uint16_t>(port)))
      return false;
    const auto number = static_cast<uint16_t>(port / kBlockPorts);
    uint32_t i = service_hash(spec.vip, 0, number) & header_->block_mask;
    while (blocks_[i].used) i = (i + 1) & header_->block_mask;
    blocks_[i] = {spec.vip, number, true, static_cast<uint8_t>(spec.egress), spec.mac};
    ++header_->block_count;
  }
  return true;
}

bool PolicyWriter::add_vip(const VipSpec& spec) {
  if (!has_room(header_->vip_count, header_->vip_mask, limits_.vips) || find_vip(spec.address)) return false;
  uint32_t i = vip_hash(spec.address) & header_->vip_mask;
  while (vips_[i].used) i = (i + 1) & header_->vip_mask;
  vips_[i] = {spec.address, true, spec.active};
  ++header_->vip_count;
  return true;
}

bool PolicyWriter::add_endpoint(const EndpointSpec& spec) {
  if (spec.slot >= limits_.endpoints || is_endpoint(spec.slot)) return false;
  if (spec.generation > 0xffff || spec.egress >= header_->interface_count) return false;
  if (spec.node && *spec.node >= kNoNode) return false;
  uint32_t& end = header_->endpoint_end;
  if (spec.slot >= end) {
    memset(static_cast<void*>(endpoints_ + end), 0, (spec.slot + 1 - end) * sizeof(PolicyEndpoint));
    end = spec.slot + 1;
  }
  PolicyEndpoint& endpoint = endpoints_[spec.slot];
  endpoint = {};
  endpoint.mac = spec.mac;
  endpoint.generation = static_cast<uint16_t>(spec.generation);
  endpoint.node = static_cast<uint16_t>(spec.node.value_or(kNoNode));
  endpoint.egress = static_cast<uint8_t>(spec.egress);
  endpoint.used = true;
  endpoint.open = spec.open;
  endpoint.outbound_only = spec.outbound_only.value_or(false);
  return true;
}

const char* PolicyWriter::translate(uint32_t slot, const TranslationSpec& spec) {
  if (spec.node_port > kLastPort || spec.vip_port > kLastPort) return "nat: no such port";
  const Translation nat{spec.node, static_cast<uint16_t>(spec.node_port), static_cast<uint8_t>(spec.protocol),
                        spec.vip, static_cast<uint16_t>(spec.vip_port)};
  if (!has_room(header_->reverse_nat_count, header_->reverse_nat_mask, limits_.endpoints) ||
      nat.node_port == 0 || nat.vip_port == 0 || find_reverse_nat(nat.node, nat.protocol, nat.node_port))
    return "two endpoints with one node, protocol and port";
  endpoints_[slot].translated = true;
  endpoints_[slot].nat = nat;
  uint32_t i = service_hash(nat.node, nat.protocol, nat.node_port) & header_->reverse_nat_mask;
  while (reverse_nat_[i]) i = (i + 1) & header_->reverse_nat_mask;
  reverse_nat_[i] = slot + 1;
  ++header_->reverse_nat_count;
  return nullptr;
}

/// Null if it does not fit.
PolicyService* PolicyWriter::add_service(const ServiceSpec& spec) {
  const auto protocol = static_cast<uint8_t>(spec.protocol);
  const auto port = static_cast<uint16_t>(spec.port);
  const auto length = static_cast<uint32_t>(spec.ring.size());
  if (spec.slot >= limits_.services || spec.port > kLastPort ||
      !has_room(header_->service_count, header_->service_mask, limits_.services) ||
      length > limits_.ring_slots - header_->ring_used || find_service(spec.vip, protocol, port))
    return nullptr;
  for (const uint32_t slot : spec.ring)
    if (!is_endpoint(slot)) return nullptr;
  const Timeouts timeouts{
      {spec.timeouts.syn, spec.timeouts.established, spec.timeouts.closing, spec.timeouts.udp}};
  uint32_t i = service_hash(spec.vip, protocol, port) & header_->service_mask;
  while (services_[i].used) i = (i + 1) & header_->service_mask;
  services_[i] = {spec.vip,           port,   protocol, true, static_cast<uint16_t>(spec.slot),
                  header_->ring_used, length, timeouts, {}};
  for (const uint32_t slot : spec.ring) ring_[header_->ring_used++] = static_cast<uint16_t>(slot);
  ++header_->service_count;
  return &services_[i];
}

bool PolicyWriter::add_affinity(const AffinitySpec& spec, PolicyService& service) {
  const auto length = static_cast<uint32_t>(spec.members.size());
  if (length > limits_.ring_slots - header_->ring_used) return false;
  for (const uint32_t slot : spec.members)
    if (!is_endpoint(slot)) return false;
  const auto by_node = [this](uint32_t a, uint32_t b) {
    return member_order(endpoints_[a].node, a) < member_order(endpoints_[b].node, b);
  };
  std::vector<uint32_t> members = spec.members;
  std::sort(members.begin(), members.end(), by_node);
  service.affinity = {
      true, spec.group, Address::mask_v4(spec.prefix.bits), spec.timeout.count, header_->ring_used, length};
  for (const uint32_t slot : members) {
    ring_[header_->ring_used++] = static_cast<uint16_t>(slot);
    endpoints_[slot].affinity_member = true;
  }
  for (uint32_t i = 0; i < service.ring_length; ++i)
    if (!std::binary_search(members.begin(), members.end(), ring_[service.ring_first + i], by_node))
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
