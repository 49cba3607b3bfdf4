// The tables of a policy snapshot. The supervisor writes a snapshot, which is immutable once it is in force.
//
// Tables of VIPs, services, reverse NAT and port blocks are hash tables with open addressing, at most half
// full, as large as the snapshot needs (mask + 1 entries); endpoints are indexed by slot; rings and affinity
// members are endpoint slots (uint16_t) in one table; a reverse NAT entry is an endpoint slot plus 1
// (uint32_t), 0: free.
#ifndef COSCANET_ABI_POLICY_H
#define COSCANET_ABI_POLICY_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/address.h"
#include "abi/flow_entry.h"
#include "abi/limits.h"

// What an interface leads to: clients, nodes, or the router's own host.
enum coscanet_role { COSCANET_EXTERNAL, COSCANET_INTERNAL, COSCANET_HOST };

// Most on an interface.
#define COSCANET_VLANS 16

struct coscanet_interface {
  struct coscanet_mac mac;
  uint16_t mtu;
  uint8_t role;  // coscanet_role
  uint8_t vlan_count;
  struct coscanet_address address;  // the host's own, whose packets are left to its stack; all zero: none
  struct coscanet_address mask;     // its bits that name the interface's network
  uint16_t vlans[COSCANET_VLANS];   // those whose tagged frames are ours, too
};

struct coscanet_vip {
  struct coscanet_address address;
  bool used;
  bool active;
};

// A node's own address and port, and the VIP and port that they are translated from (NAT).
struct coscanet_translation {
  struct coscanet_address node;
  uint16_t node_port;
  uint8_t protocol;
  struct coscanet_address vip;
  uint16_t vip_port;
};

#define COSCANET_NO_NODE 0xffffu

struct coscanet_endpoint {
  struct coscanet_mac mac;
  uint16_t generation;
  uint16_t node;  // its number, or COSCANET_NO_NODE
  uint8_t egress;
  bool used;
  bool open;
  bool affinity_member;  // of some service
  bool outbound_only;    // accepts no connections
  bool translated;
  struct coscanet_translation nat;
};

// Ports of a VIP that belong to one node, for connections that it opens: packets to them go to that node.
struct coscanet_port_block {
  struct coscanet_address vip;
  uint16_t number;  // port / COSCANET_BLOCK_PORTS
  bool used;
  uint8_t egress;
  struct coscanet_mac mac;
};
#define COSCANET_BLOCK_PORTS 64

// The next hop of addresses that no last hop is known for.
struct coscanet_gateway {
  struct coscanet_mac mac;
  uint8_t egress;
  bool used;
};

// Seconds, by coscanet_flow_state.
struct coscanet_timeouts {
  uint32_t of[COSCANET_FLOW_STATES];
};

// Members are in the table of the rings, sorted by node and slot.
struct coscanet_affinity {
  bool used;
  uint32_t group;
  struct coscanet_address mask;  // bits of the client's address that count
  uint32_t timeout;              // seconds
  uint32_t first;
  uint32_t length;
};

struct coscanet_service {
  struct coscanet_address vip;
  uint16_t port;
  uint8_t protocol;
  bool used;
  uint16_t slot;
  uint32_t ring_first;
  uint32_t ring_length;
  struct coscanet_timeouts timeouts;
  struct coscanet_affinity affinity;
};

struct coscanet_policy_header {
  coscanet_u32 generation;
  uint32_t interface_count;
  struct coscanet_interface interfaces[COSCANET_INTERFACES];
  // NAT: packets that nodes send to other addresses than VIPs pass the router. DSR: they do not.
  bool routes;
  // The flow table began empty, and nodes are about to report the flows that were in it.
  bool await_imports;
  struct coscanet_gateway gateway;
  // Slots from here on are unused in this snapshot, and their memory is not initialized.
  uint32_t endpoint_end;
  uint32_t vip_mask;
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

static_assert(sizeof(struct coscanet_interface) == 80, "shared layout");
static_assert(offsetof(struct coscanet_interface, role) == 8, "shared layout");
static_assert(offsetof(struct coscanet_interface, address) == 16, "shared layout");
static_assert(sizeof(struct coscanet_vip) == 24, "shared layout");
static_assert(sizeof(struct coscanet_translation) == 48, "shared layout");
static_assert(offsetof(struct coscanet_translation, vip) == 24, "shared layout");
static_assert(sizeof(struct coscanet_endpoint) == 64, "shared layout");
static_assert(offsetof(struct coscanet_endpoint, egress) == 10, "shared layout");
static_assert(offsetof(struct coscanet_endpoint, nat) == 16, "shared layout");
static_assert(sizeof(struct coscanet_port_block) == 32, "shared layout");
static_assert(offsetof(struct coscanet_port_block, mac) == 20, "shared layout");
static_assert(sizeof(struct coscanet_gateway) == 8, "shared layout");
static_assert(sizeof(struct coscanet_affinity) == 40, "shared layout");
static_assert(offsetof(struct coscanet_affinity, mask) == 8, "shared layout");
static_assert(sizeof(struct coscanet_service) == 88, "shared layout");
static_assert(offsetof(struct coscanet_service, ring_first) == 24, "shared layout");
static_assert(offsetof(struct coscanet_service, affinity) == 48, "shared layout");
static_assert(sizeof(struct coscanet_policy_header) == 304, "shared layout");
static_assert(offsetof(struct coscanet_policy_header, interfaces) == 8, "shared layout");
static_assert(offsetof(struct coscanet_policy_header, gateway) == 250, "shared layout");
static_assert(offsetof(struct coscanet_policy_header, endpoint_end) == 260, "shared layout");

#endif
