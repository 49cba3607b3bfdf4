#pragma once
// The policy snapshot: the supervisor's decisions, compiled into tables that forwarders only read. Built once
// (PolicyWriter), immutable afterwards; it is in shared memory, so tables refer to each other by index and
// not by pointer.
#include <atomic>
#include <cstdint>

#include "core/bytes.h"
#include "core/flow_table.h"

namespace coscanet {

/// One of each role; with one arm the external one leads to nodes too.
constexpr unsigned kInterfaces = 3;

/// Most of each that a snapshot can hold. Part of the segment's header: a segment of other limits is not
/// adopted.
struct Limits {
  uint32_t flows = 1u << 20;
  uint32_t affinities = 1u << 18;
  uint32_t endpoints = 16384;
  uint32_t services = 8192;
  uint32_t ring_slots = 1u << 18;
  uint32_t vips = 1024;
  uint32_t blocks = 16384;
  uint32_t forwarders = FlowTable::kForwarders;
  uint32_t registry_bytes = 4u << 20;
  bool operator==(const Limits& o) const { return memcmp(this, &o, sizeof o) == 0; }
};

/// What an interface leads to: clients, nodes, or the router's own host.
enum class InterfaceRole : uint8_t { external, internal, host };

struct PolicyInterface {
  Mac mac;
  uint16_t mtu;
  InterfaceRole role;
  Address address;  // the host's own, whose packets are left to its stack; all zero: none
  Address mask;     // its bits that name the interface's network
};

struct PolicyVip {
  Address address;
  bool used;
  bool active;
};

/// A node's own address and port, and the VIP and port that they are translated from (NAT).
struct Translation {
  Address node;
  uint16_t node_port;
  uint8_t protocol;
  Address vip;
  uint16_t vip_port;
};

constexpr uint16_t kNoNode = 0xffff;

struct PolicyEndpoint {
  Mac mac;
  uint16_t generation;
  uint16_t node;  // its number, or kNoNode
  uint8_t egress;
  bool used;
  bool open;
  bool affinity_member;  // of some service
  bool outbound_only;    // accepts no connections
  bool translated;
  Translation nat;
};

/// Ports of a VIP that belong to one node, for connections that it opens: packets to them go to that node.
struct PolicyBlock {
  Address vip;
  uint16_t number;  // port / kBlockPorts
  bool used;
  uint8_t egress;
  Mac mac;
};
constexpr uint16_t kBlockPorts = 64;

/// The next hop of addresses that no last hop is known for.
struct PolicyGateway {
  Mac mac;
  uint8_t egress;
  bool used;
};

/// Seconds; indexed by FlowState.
struct Timeouts {
  uint32_t of[4];
  uint32_t operator[](FlowState state) const { return of[static_cast<unsigned>(state)]; }
};

/// Members of a service's affinity are in the table of the rings, sorted by node and slot.
struct PolicyAffinity {
  bool used;
  uint32_t group;
  Address mask;  // which bits of the client's address count
  uint32_t timeout;
  uint32_t first;
  uint32_t length;
};

struct PolicyService {
  Address vip;
  uint16_t port;
  uint8_t protocol;
  bool used;
  uint16_t slot;
  uint32_t ring_first;
  uint32_t ring_length;
  Timeouts timeouts;
  PolicyAffinity affinity;

  bool is(const Address& of_vip, uint8_t of_protocol, uint16_t of_port) const {
    return port == of_port && protocol == of_protocol && vip == of_vip;
  }
};

struct PolicyHeader {
  std::atomic<uint32_t> generation;
  uint32_t interface_count;
  PolicyInterface interfaces[kInterfaces];
  /// NAT: packets that nodes send to other addresses than VIPs pass the router. DSR: they do not.
  bool routes;
  /// The flow table began empty, and nodes are about to report the flows that were in it.
  bool await_imports;
  PolicyGateway gateway;
  /// Slots from here on are unused in this snapshot, and their memory is not initialized.
  uint32_t endpoint_end;
  uint32_t vip_mask;  // hash tables with open addressing, at most half full, as large as this snapshot needs
  uint32_t service_mask;
  uint32_t reverse_nat_mask;
  uint32_t reverse_nat_count;
  uint32_t block_mask;
  uint32_t block_count;
  uint32_t vip_count;
  uint32_t service_count;
  uint32_t ring_used;
  uint32_t registry_length;
};

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

/// Fills a snapshot that nobody reads. Each method returns false when it does not fit (limits, duplicates).
class PolicyWriter : public Policy {
 public:
  using Policy::Policy;
  /// Begins a snapshot. `room`: at most so many virtual IPs, services, endpoints and blocks will be added;
  /// what a policy does not need is not touched (all tables together are 5 MB).
  void clear(const Limits& room);
  bool add_interface(InterfaceRole role, const Mac& mac, uint16_t mtu, const Address& address,
                     uint32_t prefix);
  bool add_vip(const Address& address, bool active);
  bool add_endpoint(uint32_t slot, uint16_t generation, const Mac& mac, uint8_t egress, bool open,
                    uint16_t node = kNoNode);
  /// An endpoint that was added accepts no connections, but opens them.
  bool set_outbound_only(uint32_t slot);
  /// Makes an endpoint that was added a translated one.
  bool translate_endpoint(uint32_t slot, const Translation& nat);
  /// All ports of [first, last], which are whole blocks.
  bool add_block(const Address& vip, uint16_t first, uint16_t last, const Mac& mac, uint8_t egress);
  void set_routes(bool routes) { header_->routes = routes; }
  void set_await_imports(bool await) { header_->await_imports = await; }
  bool set_gateway(const Mac& mac, uint8_t egress);
  /// The ring's endpoints must have been added before.
  bool add_service(uint32_t slot, const Address& vip, uint8_t protocol, uint16_t port, const uint32_t* ring,
                   uint32_t ring_length, const Timeouts& timeouts);
  /// Gives the service that was added last an affinity. `members`: endpoints that were added, all of its ring
  /// among them; they are sorted.
  bool add_affinity(const PolicyAffinity& affinity, uint32_t* members, uint32_t count);
  bool set_registry(const uint8_t* bytes, uint32_t length);
  PolicyHeader& header() { return *header_; }

 private:
  bool is_endpoint(uint32_t slot) const { return slot < header_->endpoint_end && endpoints_[slot].used; }

  PolicyService* last_service_ = nullptr;
};

}  // namespace coscanet
