#pragma once
// What the steps of the pipeline learn about a frame, and their verdicts.
#include "core/counters.h"
#include "core/flow_table.h"
#include "core/frame.h"
#include "core/last_hops.h"
#include "core/policy.h"

namespace coscanet {

/// A step's answer: continue with the next step (`more`), or what becomes of the frame.
struct Verdict {
  // 64 bits, so that it is returned in a register of its own: each step is asked.
  enum Kind : uint64_t { more, pass, drop, forward, reply };
  Kind kind = more;
  /// drop: the reason. reply: what was answered.
  Counter counter = Counter::k_passed;
  /// forward, reply: interface to send by.
  uint8_t egress = 0;
};

/// The address and port that replace those of the packet's source (SNAT) or destination (DNAT).
struct NatRewrite {
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
  Address destination;
  uint8_t protocol = 0;

  uint8_t* l4 = nullptr;
  uint32_t l4_header = 0;
  uint32_t l4_length = 0;
  uint16_t source_port = 0;  // of TCP and UDP
  uint16_t destination_port = 0;
  uint8_t tcp_flags = 0;
  /// The source after SNAT, if there is any: as the destination knows it.
  Address nat_source;
  uint16_t nat_source_port = 0;

  uint64_t flow_hash = 0;  // of a packet to a VIP or of a replier; 0: of no flow
  /// The first of the burst that it is in: packets of one direction of one flow. It may be alone.
  Packet* head = nullptr;
  FlowEntry* prefetched = nullptr;  // of a head: where the table most likely has the flow

  /// The source is one of our VIPs: a connection that an instance opened. Known only where nodes send by way
  /// of the router (NAT).
  bool from_vip = false;
  /// From a node, to an address that is no VIP.
  bool outbound = false;
  /// To a port of a node's port block.
  bool by_block = false;
  /// The translated endpoint that the packet comes from, if the packet changes the state of its flow.
  const PolicyEndpoint* replier = nullptr;
  NatRewrite snat;
  NatRewrite dnat;
  bool has_next_hop = false;
  NextHop next_hop;

  /// For another frame: resets what not every packet is given by some step.
  void start(Frame& f, Scratch& s) {
    frame = &f;
    scratch = &s;
    tcp_flags = 0;
    flow_hash = 0;
    head = this;
    replier = nullptr;
    from_vip = outbound = by_block = has_next_hop = false;
    snat.used = dnat.used = false;
  }
  bool is_head() const { return head == this; }
  /// Of a packet to a VIP: the tuple of its flow.
  FlowKey flow() const { return {nat_source, destination, nat_source_port, destination_port, protocol}; }
  /// Of a packet of a replier: the tuple of the flow that it answers. A node that is its own client is known
  /// there by its own address.
  FlowKey reply_flow() const {
    return {dnat.used ? dnat.address : destination, nat_source, destination_port, nat_source_port, protocol};
  }
  bool shares_flow_with(const Packet& o) const {
    return nat_source_port == o.nat_source_port && destination_port == o.destination_port &&
           protocol == o.protocol && nat_source == o.nat_source && destination == o.destination;
  }
  bool translated() const { return snat.used || dnat.used; }
  void set_next_hop(const Mac& mac, uint8_t egress) {
    has_next_hop = true;
    next_hop = {mac, egress};
  }
};

}  // namespace coscanet
