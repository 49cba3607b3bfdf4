#pragma once
// The policy snapshot: what the supervisor decided, compiled into tables that forwarders only read. Built
// once (PolicyWriter), immutable afterwards; it lies in shared memory, so it has offsets by index and no
// pointers.
#include <atomic>
#include <cstdint>

#include "core/bytes.h"
#include "core/flow_table.h"

namespace coscanet {

constexpr unsigned kInterfaces = 2;

/// Most of each that a snapshot can hold. Part of the segment's header: a segment of other limits is not
/// adopted.
struct Limits {
  uint32_t flows = 1u << 20;
  uint32_t endpoints = 16384;
  uint32_t services = 8192;
  uint32_t ring_slots = 1u << 18;
  uint32_t vips = 1024;
  uint32_t forwarders = FlowTable::kOwners;
  uint32_t registry_bytes = 4u << 20;
  bool operator==(const Limits& o) const { return memcmp(this, &o, sizeof o) == 0; }
};

struct PolicyInterface {
  Mac mac;
  uint16_t mtu;
};

struct PolicyVip {
  Address address;
  bool used;
  bool active;
};

struct PolicyEndpoint {
  Mac mac;
  uint16_t incarnation;
  uint8_t egress;
  bool used;
  bool open;
};

/// Seconds; indexed by FlowState.
struct Timeouts {
  uint32_t of[4];
  uint32_t operator[](FlowState state) const { return of[static_cast<unsigned>(state)]; }
};

struct PolicyService {
  Address vip;
  uint16_t port;
  uint8_t protocol;
  bool used;
  uint16_t slot;  // of the schedule cursor
  uint32_t ring_first;
  uint32_t ring_length;
  Timeouts timeouts;
};

struct PolicyHeader {
  std::atomic<uint32_t> generation;
  uint32_t interface_count;
  PolicyInterface interfaces[kInterfaces];
  uint32_t vip_mask;  // hash tables with open addressing, at most half full
  uint32_t service_mask;
  uint32_t vip_count;
  uint32_t service_count;
  uint32_t ring_used;
  uint32_t registry_length;
};

/// Where the tables of a snapshot stand: computed from the limits alone.
struct PolicyLayout {
  uint32_t vips, services, endpoints, ring, registry, bytes;
  static PolicyLayout of(const Limits& limits);
};

/// A view of one snapshot in memory.
class Policy {
 public:
  Policy() = default;
  Policy(uint8_t* base, const Limits& limits);

  const PolicyHeader& header() const { return *header_; }
  const PolicyInterface& interface(unsigned index) const { return header_->interfaces[index]; }
  const PolicyVip* find_vip(const Address& address) const;
  const PolicyService* find_service(const Address& vip, uint8_t protocol, uint16_t port) const;
  /// The endpoint if `ref` still means it, else null.
  const PolicyEndpoint* endpoint(EndpointRef ref) const;
  EndpointRef ring(const PolicyService& service, uint32_t position) const {
    const uint16_t slot = ring_[service.ring_first + position];
    return {slot, endpoints_[slot].incarnation};
  }
  const uint8_t* registry() const { return registry_; }

 protected:
  PolicyHeader* header_ = nullptr;
  PolicyVip* vips_ = nullptr;
  PolicyService* services_ = nullptr;
  PolicyEndpoint* endpoints_ = nullptr;
  uint16_t* ring_ = nullptr;
  uint8_t* registry_ = nullptr;
  Limits limits_;
};

/// Fills a snapshot that nobody reads. Each method returns false when it does not fit (limits, duplicates).
class PolicyWriter : public Policy {
 public:
  using Policy::Policy;
  void clear();
  bool add_interface(const Mac& mac, uint16_t mtu);
  bool add_vip(const Address& address, bool active);
  bool add_endpoint(uint32_t slot, uint16_t incarnation, const Mac& mac, uint8_t egress, bool open);
  /// The ring's endpoints must have been added before.
  bool add_service(uint32_t slot, const Address& vip, uint8_t protocol, uint16_t port, const uint32_t* ring,
                   uint32_t ring_length, const Timeouts& timeouts);
  bool set_registry(const uint8_t* bytes, uint32_t length);
  PolicyHeader& header() { return *header_; }
};

}  // namespace coscanet
