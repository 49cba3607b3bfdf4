#pragma once
// The TCP header (RFC 9293).
#include "core/bytes.h"

namespace coscanet::tcp {

constexpr uint32_t kHeader = 20;
constexpr uint8_t kFin = 1;
constexpr uint8_t kSyn = 2;
constexpr uint8_t kRst = 4;
constexpr uint8_t kPsh = 8;
constexpr uint8_t kAck = 16;

inline uint16_t source_port(const uint8_t* p) {
  return load_be16(p);
}
inline uint16_t destination_port(const uint8_t* p) {
  return load_be16(p + 2);
}
inline uint32_t sequence(const uint8_t* p) {
  return load_be32(p + 4);
}
inline uint32_t acknowledgment(const uint8_t* p) {
  return load_be32(p + 8);
}
inline uint32_t header_length(const uint8_t* p) {
  return (p[12] >> 4) * 4u;
}
inline uint8_t flags(const uint8_t* p) {
  return p[13] & 0x3f;
}

/// No sender that means well sets these: none of SYN, ACK, RST, FIN; SYN with FIN; SYN with RST.
inline bool are_senseless(uint8_t flags) {
  return !(flags & (kSyn | kAck | kRst | kFin)) || ((flags & kSyn) && (flags & (kFin | kRst)));
}

/// A header without options, checksum zero.
inline void write(uint8_t* p, uint16_t source_port, uint16_t destination_port, uint32_t sequence,
                  uint32_t acknowledgment, uint8_t flags) {
  memset(p, 0, kHeader);
  store_be16(p, source_port);
  store_be16(p + 2, destination_port);
  store_be32(p + 4, sequence);
  store_be32(p + 8, acknowledgment);
  p[12] = 5 << 4;
  p[13] = flags;
}

/// Source ports of the router's own health probes: below the ephemeral ports of its host.
constexpr uint32_t kFirstProbePort = 1024, kEndProbePort = 32768;
inline bool is_probe_port(uint16_t port) {
  return port >= kFirstProbePort && port < kEndProbePort;
}

}  // namespace coscanet::tcp
