#pragma once
// The frames that the supervisor itself sends: duplicate address probes, announcements, health probes. Each
// call opens a socket of its own; none of this is on the packet path.
#include <cstdint>

#include "core/bytes.h"

namespace coscanet {

struct InterfaceAddress {
  int index = 0;
  Mac mac{};
};

/// Index and MAC of an Ethernet interface. 0, or an errno (ENODEV).
int find_interface(const char* name, InterfaceAddress* out);

/// RFC 5227 §2.1.1: sends `count` probes, one each `interval_ms`, and listens until one interval after the
/// last.
/// `*used` tells whether another host answered or probes for the same address; `*by` is its MAC.
int arp_probe(const char* interface, const uint8_t* address, unsigned count, unsigned interval_ms, bool* used,
              Mac* by);

/// RFC 5227 §3: announcement in request and in reply form (some hosts learn only from one of them).
int arp_announce(const char* interface, const uint8_t* address);

struct TcpProbe {
  const char* interface;
  Mac mac;
  uint8_t source[4];
  uint8_t vip[4];
  uint16_t port;
  unsigned timeout_ms;
};
enum class ProbeResult { open, refused, silent };

/// One SYN along the data path: to the node's MAC and the VIP, answered to the router's own address; a
/// half-open connection is reset at once.
int tcp_probe(const TcpProbe& probe, ProbeResult* out);

}  // namespace coscanet
