#pragma once
// Bytes as they stand on the wire, and the three small values made of them: ports and lengths in network
// order, MAC addresses, and 16-byte addresses (IPv4 is stored mapped, ::ffff:a.b.c.d, so that IPv6 needs no
// second table).
#include <array>
#include <cstdint>
#include <cstring>

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

using Mac = std::array<uint8_t, 6>;

inline Mac load_mac(const uint8_t* p) {
  Mac mac;
  memcpy(mac.data(), p, mac.size());
  return mac;
}
inline void store_mac(uint8_t* p, const Mac& mac) {
  memcpy(p, mac.data(), mac.size());
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
  return mac_word(mac.data());
}
constexpr Mac kZeroMac{};
constexpr Mac kBroadcastMac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/// 16 bytes in network order, held as two words so that comparing is two instructions.
struct Address {
  uint64_t high = 0;
  uint64_t low = 0;

  static Address v4(const uint8_t* p) {
    // Made in registers: written byte by byte and read as words it would stall each packet.
    uint32_t v4;
    memcpy(&v4, p, sizeof v4);
    return {0, static_cast<uint64_t>(v4) << 32 | 0xffff0000};
  }
  bool is_v4() const { return high == 0 && static_cast<uint32_t>(low) == 0xffff0000; }
  /// All that says "IPv4", and the first `bits` of the address itself.
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
  bool operator==(const Address& o) const { return high == o.high && low == o.low; }
  Address operator&(const Address& o) const { return {high & o.high, low & o.low}; }
};
static_assert(sizeof(Address) == 16, "an address is 16 bytes");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "Address::v4");

}  // namespace coscanet
