#pragma once
// The policy snapshot: the supervisor's decisions, compiled into tables that forwarders only read. Built once
// (PolicyWriter), immutable afterwards; it is in shared memory, so tables refer to each other by index and
// not by pointer.
#include <cstdint>

#include "abi/policy.h"
#include "core/bytes.h"
#include "core/flow_table.h"

namespace coscanet {

constexpr unsigned kInterfaces = COSCANET_INTERFACES;
constexpr uint16_t kNoNode = COSCANET_NO_NODE;
constexpr unsigned kVlans = COSCANET_VLANS;
constexpr uint16_t kBlockPorts = COSCANET_BLOCK_PORTS;

/// How much a segment holds.
struct Limits : coscanet_limits {
#define X(name, text, otherwise) otherwise,
  Limits() : coscanet_limits{COSCANET_LIMITS(X)} {}
#undef X
  Limits(const coscanet_limits& limits) : coscanet_limits(limits) {}
  bool operator==(const Limits& o) const {
    return memcmp(this, &o, sizeof o) == 0;
  }
};

enum class InterfaceRole : uint8_t {
  external = COSCANET_EXTERNAL,
  internal = COSCANET_INTERNAL,
  host = COSCANET_HOST
};

using PolicyInterface = coscanet_interface;
using PolicyVip = coscanet_vip;
using Translation = coscanet_translation;
using PolicyEndpoint = coscanet_endpoint;
using PolicyBlock = coscanet_port_block;
using PolicyGateway = coscanet_gateway;
using Timeouts = coscanet_timeouts;
using PolicyAffinity = coscanet_affinity;
using PolicyService = coscanet_service;
using PolicyHeader = coscanet_policy_header;

inline InterfaceRole role_of(const PolicyInterface& interface) {
  return static_cast<InterfaceRole>(interface.role);
}
inline bool has_vlan(const PolicyInterface& interface, uint16_t vlan) {
  for (unsigned i = 0; i < interface.vlan_count; ++i)
    if (interface.vlans[i] == vlan) return true;
  return false;
}
inline uint32_t timeout_of(const PolicyService& service, FlowState state) {
  return service.timeouts.of[static_cast<unsigned>(state)];
}
inline bool is_service(const PolicyService& service, const Address& vip, uint8_t protocol, uint16_t port) {
  return service.port == port && service.protocol == protocol && service.vip == vip;
}

/// Offsets of the tables of a snapshot: computed from the limits alone.
struct PolicyLayout {
  uint32_t vips, services, endpoints, reverse_nat, blocks, ring, registry, bytes;
  static PolicyLayout of(const Limits& limits);
};

/// A view of one snapshot in memory.
class Policy {
 public:
  Policy() = default;
  Policy(uint8_t* base, const Limits& limits);

  const PolicyHeader& header() const { return *header_; }
  const PolicyInterface& interface(unsigned index) const { return header_->interfaces[index]; }
  /// The interface whose network has the address; -1: none.
  int interface_of(const Address& address) const;
  /// Is it the router's own?
  bool is_interface_address(const Address& address) const;
  const PolicyVip* find_vip(const Address& address) const;
  const PolicyService* find_service(const Address& vip, uint8_t protocol, uint16_t port) const;
  /// The translated endpoint that sends from this address and port, or null.
  const PolicyEndpoint* find_reverse_nat(const Address& node, uint8_t protocol, uint16_t port) const;
  const PolicyBlock* find_block(const Address& vip, uint16_t port) const;
  /// The endpoint if `ref` is of its generation, else null.
  const PolicyEndpoint* endpoint(EndpointRef ref) const;
  EndpointRef ref(const PolicyEndpoint& endpoint) const {
    return {static_cast<uint16_t>(&endpoint - endpoints_), endpoint.generation};
  }
  const PolicyEndpoint* ring(const PolicyService& service, uint32_t position) const {
    return &endpoints_[ring_[service.ring_first + position]];
  }
  /// Is it an open endpoint that clients may have affinity with?
  bool is_affinity_member(EndpointRef ref) const {
    const PolicyEndpoint* e = endpoint(ref);
    return e && e->open && e->affinity_member;
  }
  /// The member of the service's affinity for a client with this choice: that endpoint itself, else one on
  /// its node (of several the one that `hash` names); null if there is none.
  const PolicyEndpoint* member(const PolicyService& service, EndpointRef choice, uint64_t hash) const;
  const uint8_t* registry() const { return registry_; }

 protected:
  PolicyHeader* header_ = nullptr;
  PolicyVip* vips_ = nullptr;
  PolicyService* services_ = nullptr;
  PolicyEndpoint* endpoints_ = nullptr;
  uint32_t* reverse_nat_ = nullptr;  // endpoint slot plus 1; 0: free
  PolicyBlock* blocks_ = nullptr;
  uint16_t* ring_ = nullptr;
  uint8_t* registry_ = nullptr;
  Limits limits_;
};

}  // namespace coscanet
