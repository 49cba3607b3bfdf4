#pragma once
// What C++ test programs that run the pipeline share: a segment in memory of their own, and a datagram.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "core/ethernet.h"
#include "core/ipv4.h"
#include "core/policy_writer.h"
#include "core/segment.h"

namespace coscanet::test {

/// A formatted segment of these limits, for as long as this lives.
class OwnSegment {
 public:
  explicit OwnSegment(const Limits& limits) : memory_(allocate(contiguous_bytes(limits))) {
    Segment::format(reinterpret_cast<SegmentHeader*>(memory_.get()), limits, {1, 2}, "test");
  }
  Segment get() const { return Segment::contiguous(memory_.get()); }

 private:
  struct Free {
    void operator()(uint8_t* p) const { free(p); }
  };
  using Memory = std::unique_ptr<uint8_t, Free>;
  static Memory allocate(size_t bytes) {
    const size_t pages = (bytes + 4095) / 4096 * 4096;
    Memory memory(static_cast<uint8_t*>(aligned_alloc(4096, pages)));
    memset(memory.get(), 0, pages);
    return memory;
  }

  Memory memory_;
};

/// Room for a policy of one service, and few flows.
inline Limits small_limits() {
  Limits limits;
  limits.flows = 64;
  limits.affinities = 64;
  limits.endpoints = 2;
  limits.services = 2;
  limits.ring_slots = 2;
  limits.vips = 2;
  limits.blocks = 2;
  limits.registry_bytes = 64;
  return limits;
}

/// Puts a policy that fits in force.
inline void publish(const Segment& segment, const PolicySpec& policy, uint32_t generation = 1) {
  unsigned index;
  PolicyWriter writer(segment.free_snapshot(&index), segment.header().limits);
  if (const char* problem = writer.write(policy)) {
    fprintf(stderr, "policy: %s\n", problem);
    abort();
  }
  writer.set_generation(generation);
  segment.activate(index);
}

/// Who speaks to whom by UDP.
struct Ends {
  Mac source_mac;
  Mac mac;
  Address source;
  Address address;
  uint16_t source_port;
  uint16_t port;
};
constexpr uint32_t kDatagramBytes = 46;

/// A frame of kDatagramBytes with four bytes of payload and no checksum of UDP, into zeroed memory.
inline void write_datagram(uint8_t* data, const Ends& ends) {
  ethernet::set_addresses(data, ends.mac, ends.source_mac);
  store_be16(data + 12, ethernet::kIpv4);
  uint8_t* ip = data + ethernet::kHeader;
  ipv4::write(ip, kDatagramBytes - ethernet::kHeader, ipv4::kUdp, ends.source, ends.address);
  store_be16(ip + 20, ends.source_port);
  store_be16(ip + 22, ends.port);
  store_be16(ip + 24, 12);
}

}  // namespace coscanet::test
