#pragma once
// Bytes as they are on the wire, and the three small values made of them: ports and lengths in network order,
// MAC addresses, and 16-byte addresses (IPv4 is mapped, so that IPv6 needs no second table).
#include <cstdint>
#include <cstring>

#include "abi/address.h"

namespace coscanet {

inline uint16_t load_be16(const uint8_t* p) {
  return static_cast<uint16_t>(p[0] << 8 | p[1]);
}
inline uint32_t load_be32(const uint8_t* p) {
  return static_cast<uint32_t>(p[0]) << 24 | static_cast<uint32_t>(p[1]) << 16 |
         static_cast<uint32_t>(p[2]) << 8 | p[3];
}
inline void store_be16(uint8_t* p, uint16_t v) {
  p[0] = static_cast<uint8_t>(v >> 8);
  p[1] = static_cast<uint8_t>(v);
}
inline void store_be32(uint8_t* p, uint32_t v) {
  store_be16(p, static_cast<uint16_t>(v >> 16));
  store_be16(p + 2, static_cast<uint16_t>(v));
}

using Mac = coscanet_mac;

inline Mac load_mac(const uint8_t* p) {
  Mac mac;
  memcpy(mac.bytes, p, sizeof mac.bytes);
  return mac;
}
inline void store_mac(uint8_t* p, const Mac& mac) {
  memcpy(p, mac.bytes, sizeof mac.bytes);
}
/// A MAC in a register, its bytes as this machine reads them: to be compared.
inline uint64_t mac_word(const uint8_t* p) {
  uint32_t first;
  uint16_t last;
  memcpy(&first, p, sizeof first);
  memcpy(&last, p + sizeof first, sizeof last);
  return first | static_cast<uint64_t>(last) << 32;
}
inline uint64_t mac_word(const Mac& mac) {
  return mac_word(mac.bytes);
}
inline bool operator==(const Mac& a, const Mac& b) {
  return mac_word(a) == mac_word(b);
}
constexpr Mac kZeroMac{};
constexpr Mac kBroadcastMac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/// An address with its operations; held as two words, so that comparing is two instructions.
struct Address : coscanet_address {
  constexpr Address() : coscanet_address{0, 0} {}
  constexpr Address(uint64_t high_word, uint64_t low_word) : coscanet_address{high_word, low_word} {}
  constexpr Address(const coscanet_address& shared) : coscanet_address(shared) {}

  static Address v4(const uint8_t* p) {
    // Made in registers: written byte by byte and read as words it would stall each packet.
    uint32_t v4;
    memcpy(&v4, p, sizeof v4);
    return {0, static_cast<uint64_t>(v4) << 32 | 0xffff0000};
  }
  bool is_v4() const { return high == 0 && static_cast<uint32_t>(low) == 0xffff0000; }
  /// All bits that mark an IPv4 address as mapped, and the first `bits` of the address itself.
  static Address mask_v4(uint32_t bits) {
    uint8_t bytes[8] = {0xff, 0xff, 0xff, 0xff};
    store_be32(bytes + 4, bits ? ~0u << (32 - bits) : 0);
    Address mask{~0ull, 0};
    memcpy(&mask.low, bytes, sizeof bytes);
    return mask;
  }
  /// The last four bytes, as this machine reads them: the IPv4 address of a mapped one.
  uint32_t v4_word() const { return static_cast<uint32_t>(low >> 32); }
  void store_v4(uint8_t* p) const {
    const uint32_t word = v4_word();
    memcpy(p, &word, sizeof word);
  }
};
static_assert(sizeof(Address) == sizeof(coscanet_address), "the same bytes");

inline bool operator==(const coscanet_address& a, const coscanet_address& b) {
  return a.high == b.high && a.low == b.low;
}
inline Address operator&(const coscanet_address& a, const coscanet_address& b) {
  return {a.high & b.high, a.low & b.low};
}

}  // namespace coscanet
