#pragma once
// The IPv4 header (RFC 791). Accessors need kHeader bytes; the caller checks header_length and total_length
// once.
#include "core/checksum.h"

namespace coscanet::ipv4 {

constexpr uint32_t kHeader = 20;
constexpr uint8_t kIcmp = 1;
constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;
constexpr uint8_t kDefaultTtl = 64;

inline uint8_t version(const uint8_t* p) {
  return p[0] >> 4;
}
inline uint32_t header_length(const uint8_t* p) {
  return (p[0] & 15u) * 4;
}
inline uint32_t total_length(const uint8_t* p) {
  return load_be16(p + 2);
}
inline bool dont_fragment(const uint8_t* p) {
  return p[6] & 0x40;
}
/// More fragments to come, or not the first one.
inline bool is_fragment(const uint8_t* p) {
  return load_be16(p + 6) & 0x3fff;
}
/// Not the first one: no header of TCP or UDP in it.
inline bool is_later_fragment(const uint8_t* p) {
  return load_be16(p + 6) & 0x1fff;
}
inline uint8_t ttl(const uint8_t* p) {
  return p[8];
}
inline uint8_t protocol(const uint8_t* p) {
  return p[9];
}
inline Address source(const uint8_t* p) {
  return Address::v4(p + 12);
}
inline Address destination(const uint8_t* p) {
  return Address::v4(p + 16);
}

/// A whole header of this version. `available`: see is_plain.
inline bool has_header(const uint8_t* p, uint32_t available) {
  return available >= kHeader && version(p) == 4 && header_length(p) >= kHeader &&
         header_length(p) <= available;
}

/// Is the header valid and without options? `available`: bytes in the frame from it on. One check in
/// registers for nearly all packets; of one that is not plain, Pipeline::validate_ipv4 finds out why.
inline bool is_plain(const uint8_t* p, uint32_t available) {
  if (available < kHeader) return false;
  uint64_t first, second;
  uint32_t last;
  memcpy(&first, p, sizeof first);
  memcpy(&second, p + 8, sizeof second);
  memcpy(&last, p + 16, sizeof last);
  const uint32_t length = __builtin_bswap16(static_cast<uint16_t>(first >> 16));
  const auto source = static_cast<uint8_t>(second >> 32);
  uint64_t sum = (first & 0xffffffff) + (first >> 32) + (second & 0xffffffff) + (second >> 32) + last;
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  // Version 4, five words, no fragment; the length; TTL; checksum; is_single_host.
  return (first & 0xff3f0000000000ff) == 0x45 && length - kHeader <= available - kHeader &&
         static_cast<uint8_t>(second) != 0 && sum == 0xffff && source - 1u < 223 && source != 127;
}

/// RFC 7600's dummy address: the client's address that a node sees when it is its own client by way of a VIP
/// (NAT). It would not accept a packet from an address of its own.
inline Address node_itself() {
  const uint8_t bytes[] = {192, 0, 0, 8};
  return Address::v4(bytes);
}

/// Not "this network", loopback, multicast, broadcast: only of such may a packet come (RFC 1122 §3.2.1.3).
inline bool is_single_host(const Address& address) {
  uint8_t p[4];
  address.store_v4(p);
  return p[0] != 0 && p[0] != 127 && p[0] < 224;
}

inline void swap_addresses(uint8_t* p) {
  uint8_t source[4];
  memcpy(source, p + 12, 4);
  memcpy(p + 12, p + 16, 4);
  memcpy(p + 16, source, 4);
}
inline void set_ttl(uint8_t* p, uint8_t ttl) {
  uint16_t word;  // with the protocol behind it
  memcpy(&word, p + 8, sizeof word);
  ChecksumChange change;
  change.word(word, static_cast<uint16_t>((word & 0xff00) | ttl));
  p[8] = ttl;
  change.apply(p + 10);
}

/// A header without options, its checksum done.
inline void write(uint8_t* p, uint32_t total_length, uint8_t protocol, const Address& source,
                  const Address& destination) {
  memset(p, 0, kHeader);
  p[0] = 0x45;
  store_be16(p + 2, static_cast<uint16_t>(total_length));
  p[6] = 0x40;
  p[8] = kDefaultTtl;
  p[9] = protocol;
  source.store_v4(p + 12);
  destination.store_v4(p + 16);
  store_be16(p + 10, checksum(p, kHeader));
}

/// Sum of the pseudo-header (RFC 9293 §3.1), to go on with checksum_add.
inline uint32_t pseudo_sum(const uint8_t* p, uint32_t l4_length) {
  return checksum_add(protocol(p) + l4_length, p + 12, 8);
}

}  // namespace coscanet::ipv4
