#pragma once
// The ARP that the supervisor itself speaks for a virtual IP (RFC 5227): address conflict detection, before
// it is used, and announcements. Each call opens a socket of its own; none of this is on the packet path.
#include <cstdint>

#include "core/bytes.h"

namespace coscanet {

/// RFC 5227 §2.1.1: sends `count` ARP probes, one each `interval_ms`, and listens until one interval after
/// the last. `*used` tells whether another host answered or probes for the same address; `*by` is its MAC.
int detect_address_conflict(const char* interface, const uint8_t* address, unsigned count,
                            unsigned interval_ms, bool* used, Mac* by);

/// RFC 5227 §3: announcement in request and in reply form (some hosts learn only from one of them).
int announce_address(const char* interface, const uint8_t* address);

}  // namespace coscanet
