#pragma once
// ICMP (RFC 792, RFC 1191).
#include "core/checksum.h"

namespace coscanet::icmp {

constexpr uint32_t kHeader = 8;
constexpr uint8_t kEchoReply = 0;
constexpr uint8_t kUnreachable = 3;
constexpr uint8_t kEcho = 8;
constexpr uint8_t kTimeExceeded = 11;
constexpr uint8_t kParameterProblem = 12;
constexpr uint8_t kPortUnreachable = 3;  // codes of kUnreachable
constexpr uint8_t kFragmentationNeeded = 4;

inline uint8_t type(const uint8_t* p) {
  return p[0];
}
/// Errors quote the packet that they are about; it begins at kHeader.
inline bool is_error(uint8_t type) {
  return type == kUnreachable || type == kTimeExceeded || type == kParameterProblem;
}

inline void turn_echo_into_reply(uint8_t* p) {
  const uint16_t before = load_be16(p);
  p[0] = kEchoReply;
  store_be16(p + 2, checksum_update(load_be16(p + 2), before, load_be16(p)));
}

/// Header of an error whose quote (`quoted` bytes) already stands behind it. `mtu` only with
/// kFragmentationNeeded.
inline void write_unreachable(uint8_t* p, uint8_t code, uint16_t mtu, uint32_t quoted) {
  memset(p, 0, kHeader);
  p[0] = kUnreachable;
  p[1] = code;
  store_be16(p + 6, mtu);
  store_be16(p + 2, checksum(p, kHeader + quoted));
}

}  // namespace coscanet::icmp
