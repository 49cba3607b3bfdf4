#pragma once
// How the tables of a policy are searched: what readers and the writer must do alike.
#include "core/bytes.h"

namespace coscanet {

// Operators choose these keys, so a fixed hash will do; tables are at most half full, so probing ends.
inline uint32_t policy_mix(uint64_t x) {
  x *= 0x9e3779b97f4a7c15u;
  return static_cast<uint32_t>(x ^ x >> 32);
}
inline uint32_t vip_hash(const Address& a) {
  return policy_mix(a.high * 31 + a.low);
}
inline uint32_t service_hash(const Address& vip, uint8_t protocol, uint16_t port) {
  return policy_mix(vip.high * 31 + vip.low + (static_cast<uint64_t>(protocol) << 16 | port));
}

/// By which an affinity's members are sorted.
inline uint32_t member_order(uint16_t node, uint32_t slot) {
  return static_cast<uint32_t>(node) << 16 | slot;
}

/// Of a table for so many entries: a power of two, at least twice as many.
inline uint32_t table_size(uint32_t entries) {
  uint32_t size = 2;
  while (size < 2 * entries) size *= 2;
  return size;
}

}  // namespace coscanet
