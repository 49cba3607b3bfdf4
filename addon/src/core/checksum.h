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

/// How words that a checksum covers change, summed up: it is brought up to date once for all of them (RFC
/// 1624, equation 3). Words as this machine reads them.
class ChecksumChange {
 public:
  void word(uint16_t from, uint16_t to) { sum_ += static_cast<uint16_t>(~from) + uint64_t{to}; }
  void word(uint32_t from, uint32_t to) { sum_ += static_cast<uint32_t>(~from) + uint64_t{to}; }

  /// `unfinished`: the field holds a sum, not its complement.
  void apply(uint8_t* field, bool unfinished = false) const {
    uint16_t value;
    memcpy(&value, field, sizeof value);
    const uint16_t flip = unfinished ? 0 : 0xffff;
    uint64_t sum = sum_ + static_cast<uint16_t>(value ^ flip);
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    value = static_cast<uint16_t>(sum) ^ flip;
    memcpy(field, &value, sizeof value);
  }

 private:
  uint64_t sum_ = 0;
};

}  // namespace coscanet
