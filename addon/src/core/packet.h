#pragma once
// What the steps of the path learn about a frame, and what they say of it.
#include "core/counters.h"
#include "core/flow_table.h"
#include "core/frame.h"
#include "core/neighbors.h"
#include "core/policy.h"

namespace coscanet {

/// A step's answer: go on with the next step (`more`), or the frame's fate.
struct Verdict {
  // 64 bits, so that it comes back in a register of its own: each step is asked.
  enum Kind : uint64_t { more, pass, drop, forward, reply };
  Kind kind = more;
  /// drop: why. reply: what was answered.
  Counter counter = Counter::k_passed;
  /// forward, reply: interface to send by.
  uint8_t egress = 0;
};

/// What one end of a packet is called from here on (NAT), if not what its sender calls it.
struct Alias {
  bool used = false;
  uint16_t port = 0;
  Address address;
};

struct Packet {
  Frame* frame = nullptr;
  Scratch* scratch = nullptr;  // where an answer of our own is written
  uint32_t l3 = 0;             // offset of the network header in the frame
  uint16_t ethertype = 0;

  uint8_t* ip = nullptr;
  uint32_t ip_header = 0;
  uint32_t ip_length = 0;
  Address source;
  Address vip;  // destination: one of our VIPs, unless the packet leaves
  uint8_t protocol = 0;

  uint8_t* l4 = nullptr;
  uint32_t l4_header = 0;
  uint32_t l4_length = 0;
  uint16_t source_port = 0;
  uint16_t port = 0;  // destination; of an ICMP error: the source of what it quotes
  /// The other end of the flow, by the name that goes beyond the router.
  Address client;
  uint16_t client_port = 0;
  uint8_t tcp_flags = 0;
  /// Of a flow to a VIP; else 0.
  uint64_t flow_hash = 0;
  /// The first of the burst that it is in: packets to a VIP, all of one flow. It may be alone.
  Packet* head = nullptr;
  FlowEntry* flow_place = nullptr;  // of a head: where the table most likely has the flow

  /// The source is one of our VIPs: a connection that an instance opened. Known only where the router routes.
  bool from_vip = false;
  /// The destination is no VIP: on its way from a node into the world.
  bool leaves = false;
  /// The destination is a port of a block.
  bool by_block = false;
  Alias source_alias;
  Alias destination_alias;
  /// Where it goes, once something has decided that.
  bool has_hop = false;
  NextHop hop;

  /// For another frame: forgets what not every packet is told by some step.
  void start(Frame& f, Scratch& s) {
    frame = &f;
    scratch = &s;
    tcp_flags = 0;
    flow_hash = 0;
    head = this;
    from_vip = leaves = by_block = has_hop = false;
    source_alias.used = destination_alias.used = false;
  }
  FlowKey flow() const { return {client, vip, client_port, port, protocol}; }
  bool is_head() const { return head == this; }
  bool shares_flow_with(const Packet& o) const {
    return client_port == o.client_port && port == o.port && protocol == o.protocol && client == o.client &&
           vip == o.vip;
  }
  bool translated() const { return source_alias.used || destination_alias.used; }
  void go(const Mac& mac, uint8_t egress) {
    has_hop = true;
    hop = {mac, egress};
  }
};

}  // namespace coscanet
