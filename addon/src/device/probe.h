#pragma once
// The ARP that the supervisor itself speaks: duplicate address probes, announcements. Each call opens a
// socket of its own; none of this is on the packet path.
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

}  // namespace coscanet
