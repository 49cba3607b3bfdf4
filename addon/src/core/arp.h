#pragma once
// ARP for IPv4 over Ethernet (RFC 826, RFC 5227). All offsets are within kBytes: check the length once.
#include "core/bytes.h"

namespace coscanet::arp {

constexpr uint32_t kBytes = 28;
constexpr uint16_t kRequest = 1;
constexpr uint16_t kReply = 2;

inline bool is_ipv4_over_ethernet(const uint8_t* p) {
  return load_be16(p) == 1 && load_be16(p + 2) == 0x0800 && p[4] == 6 && p[5] == 4;
}
inline uint16_t operation(const uint8_t* p) {
  return load_be16(p + 6);
}
inline Mac sender_mac(const uint8_t* p) {
  return load_mac(p + 8);
}
inline Address sender(const uint8_t* p) {
  return Address::v4(p + 14);
}
inline Address target(const uint8_t* p) {
  return Address::v4(p + 24);
}

/// Turns a request into its answer: `mac` has the address that was asked for.
inline void answer(uint8_t* p, const Mac& mac) {
  uint8_t asked[4];
  memcpy(asked, p + 24, 4);
  store_be16(p + 6, kReply);
  memcpy(p + 18, p + 8, 10);  // sender → target
  store_mac(p + 8, mac);
  memcpy(p + 14, asked, 4);
}

/// Writes a whole packet (kBytes).
inline void write(uint8_t* p, uint16_t operation, const Mac& sender_mac, const uint8_t* sender,
                  const Mac& target_mac, const uint8_t* target) {
  const uint8_t kind[] = {0, 1, 8, 0, 6, 4};
  memcpy(p, kind, sizeof kind);
  store_be16(p + 6, operation);
  store_mac(p + 8, sender_mac);
  memcpy(p + 14, sender, 4);
  store_mac(p + 18, target_mac);
  memcpy(p + 24, target, 4);
}

}  // namespace coscanet::arp
