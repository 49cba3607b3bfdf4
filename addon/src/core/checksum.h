#pragma once
// The internet checksum (RFC 1071) and its incremental update (RFC 1624).
#include "core/bytes.h"

namespace coscanet {

/// One's complement sum of `length` bytes, added to `sum`; an odd last byte counts as the high half of a
/// word.
inline uint32_t checksum_add(uint32_t sum, const uint8_t* p, uint32_t length) {
  // Words of 32 bits as this machine reads them: byte order matters at the end only (RFC 1071 §2).
  uint64_t wide = 0;
  for (; length > 3; length -= 4, p += 4) {
    uint32_t word;
    memcpy(&word, p, sizeof word);
    wide += word;
  }
  wide = (wide & 0xffffffff) + (wide >> 32);
  wide = (wide & 0xffff) + (wide >> 16 & 0xffff) + (wide >> 32);
  wide = (wide & 0xffff) + (wide >> 16);
  wide = (wide & 0xffff) + (wide >> 16);
  sum += __builtin_bswap16(static_cast<uint16_t>(wide));
  if (length > 1) sum += load_be16(p);
  if (length & 1) sum += static_cast<uint32_t>(p[length - 1]) << 8;
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
