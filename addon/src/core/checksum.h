#pragma once
// The internet checksum (RFC 1071) and its incremental update (RFC 1624).
#include "core/bytes.h"

namespace coscanet {

/// One's complement sum of `length` bytes, added to `sum`; an odd last byte counts as the high half of a
/// word.
inline uint32_t checksum_add(uint32_t sum, const uint8_t* p, uint32_t length) {
  for (; length > 1; length -= 2, p += 2) sum += load_be16(p);
  if (length) sum += static_cast<uint32_t>(p[0]) << 8;
  return sum;
}

inline uint16_t checksum_finish(uint32_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

inline uint16_t checksum(const uint8_t* p, uint32_t length) {
  return checksum_finish(checksum_add(0, p, length));
}

/// The checksum `old_sum` after the 16-bit word `from` it covers has become `to` (RFC 1624, equation 3).
inline uint16_t checksum_update(uint16_t old_sum, uint16_t from, uint16_t to) {
  return checksum_finish((~old_sum & 0xffffu) + (~from & 0xffffu) + to);
}

}  // namespace coscanet
