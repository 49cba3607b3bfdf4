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
constexpr uint8_t kProhibited = 13;  // RFC 1812 §5.2.7.1

inline uint8_t type(const uint8_t* p) {
  return p[0];
}
/// Errors quote the packet that they are about; it begins at kHeader.
inline bool is_error(uint8_t type) {
  return type == kUnreachable || type == kTimeExceeded || type == kParameterProblem;
}

/// Sums header and data anew.
inline void set_checksum(uint8_t* p, uint32_t length) {
  store_be16(p + 2, 0);
  store_be16(p + 2, checksum(p, length));
}

/// `length`: header and data. Summed in full: of a message that is all zero, updating would make the other
/// zero (RFC 1624 §3). A checksum that is still to be done (`unfinished`) has nothing of the header in it
/// yet.
inline void turn_echo_into_reply(uint8_t* p, uint32_t length, bool unfinished) {
  p[0] = kEchoReply;
  if (!unfinished) set_checksum(p, length);
}

/// Header of an error whose quote (`quoted` bytes) is already behind it. `mtu` only with
/// kFragmentationNeeded.
inline void write_error(uint8_t* p, uint8_t type, uint8_t code, uint16_t mtu, uint32_t quoted) {
  memset(p, 0, kHeader);
  p[0] = type;
  p[1] = code;
  store_be16(p + 6, mtu);
  store_be16(p + 2, checksum(p, kHeader + quoted));
}

}  // namespace coscanet::icmp
