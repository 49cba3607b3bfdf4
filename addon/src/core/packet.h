#pragma once
// What the steps of the path learn about a frame, and what they say of it.
#include "core/counters.h"
#include "core/frame.h"
#include "core/neighbors.h"
#include "core/policy.h"

namespace coscanet {

/// A step's answer: go on with the next step (`more`), or the frame's fate.
struct Verdict {
  enum Kind : uint8_t { more, pass, drop, forward, reply };
  Kind kind = more;
  /// drop: why. reply: what was answered.
  Counter counter = Counter::k_passed;
  /// forward, reply: interface to send by.
  uint8_t egress = 0;
};

struct Packet {
  explicit Packet(Frame& f) : frame(f) {}

  Frame& frame;
  uint32_t l3 = 0;  // offset of the network header in the frame
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
  uint16_t client_port = 0;
  uint16_t port = 0;
  uint8_t tcp_flags = 0;

  /// Whose packet this becomes: the endpoint of the service that was addressed.
  const PolicyEndpoint* endpoint = nullptr;
  /// In whose name this goes on: the translated endpoint that sent it, or that an ICMP error tells of.
  const PolicyEndpoint* sender = nullptr;
  /// The source is one of our VIPs: a connection that an instance opened. Known only where the router routes.
  bool from_vip = false;
  /// The destination is no VIP: on its way from a node into the world.
  bool leaves = false;
  /// Where it goes, once something has decided that.
  bool has_hop = false;
  NextHop hop;

  bool endpoint_translated() const { return endpoint && endpoint->translated; }
  void go(const Mac& mac, uint8_t egress) {
    has_hop = true;
    hop = {mac, egress};
  }
};

}  // namespace coscanet
