#pragma once
// Health probes of TCP endpoints: many at once, on the route that flows take.
#include <cstddef>
#include <cstdint>

#include "core/bytes.h"

namespace coscanet {

enum class ProbeResult : uint8_t { open, refused, silent };

struct TcpProbe {
  Mac mac;
  uint8_t address[4];
  uint16_t port;
  ProbeResult result = ProbeResult::silent;
};

/// The interface by which SYNs leave, the one by which the answers come.
struct ProbeRoute {
  const char* out;
  const char* in;
  /// The router's own address, to which the nodes answer.
  uint8_t source[4];
  unsigned timeout_ms;
};

constexpr size_t kMaxProbes = 4096;

/// A SYN to each; an answer that opens is reset at once, so that nothing half open stays. Returns when all
/// have answered or the time is over: 0, or an errno.
int tcp_probe(const ProbeRoute& route, TcpProbe* probes, size_t count);

}  // namespace coscanet
