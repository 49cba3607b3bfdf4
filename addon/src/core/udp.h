#pragma once
// The UDP header (RFC 768).
#include "core/bytes.h"

namespace coscanet::udp {

constexpr uint32_t kHeader = 8;

inline uint16_t source_port(const uint8_t* p) {
  return load_be16(p);
}
inline uint16_t destination_port(const uint8_t* p) {
  return load_be16(p + 2);
}
inline uint32_t length(const uint8_t* p) {
  return load_be16(p + 4);
}

}  // namespace coscanet::udp
