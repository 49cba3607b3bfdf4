#include "core/nat.h"

#include "core/ipv4.h"

namespace coscanet {
namespace {

/// The checksum field of TCP or UDP, or null if the packet has none (UDP: zero, RFC 768) or is cut before it.
uint8_t* checksum_field(const uint8_t* ip, uint8_t* l4, uint32_t l4_length, bool unfinished) {
  const bool is_tcp = ipv4::protocol(ip) == ipv4::kTcp;
  const uint32_t offset = is_tcp ? 16 : 6;
  if (l4_length < offset + 2) return nullptr;
  const bool none = !is_tcp && !unfinished && load_be16(l4 + offset) == 0;
  return none ? nullptr : l4 + offset;
}

/// Replaces an address and updates the checksum of the IPv4 header. Returns the change, for TCP and UDP sum
/// the address up too.
ChecksumChange change_address(uint8_t* ip, PacketEnd end, const Address& address) {
  uint8_t* field = ip + (end == PacketEnd::source ? 12 : 16);
  uint32_t from;
  memcpy(&from, field, sizeof from);
  const uint32_t to = address.v4_word();
  memcpy(field, &to, sizeof to);
  ChecksumChange change;
  change.word(from, to);
  change.apply(ip + 10);
  return change;
}

}  // namespace

void replace_end(uint8_t* ip, uint32_t ip_header, uint32_t l4_length, PacketEnd end, const Address& address,
                 uint16_t port, bool unfinished) {
  uint8_t* l4 = ip + ip_header;
  uint8_t* sum = checksum_field(ip, l4, l4_length, unfinished);
  ChecksumChange change = change_address(ip, end, address);
  uint8_t* field = l4 + (end == PacketEnd::source ? 0 : 2);
  uint16_t from;
  memcpy(&from, field, sizeof from);
  const uint16_t to = __builtin_bswap16(port);
  memcpy(field, &to, sizeof to);
  if (!sum) return;
  // The pseudo-header has no ports, so neither has an unfinished sum.
  if (!unfinished) change.word(from, to);
  change.apply(sum, unfinished);
  // A UDP checksum of zero would mean that there is none.
  if (ipv4::protocol(ip) == ipv4::kUdp && !unfinished && load_be16(sum) == 0) store_be16(sum, 0xffff);
}

void replace_address(uint8_t* ip, PacketEnd end, const Address& address) {
  change_address(ip, end, address);
}

void decrement_ttl(uint8_t* ip) {
  ipv4::set_ttl(ip, static_cast<uint8_t>(ipv4::ttl(ip) - 1));
}

}  // namespace coscanet
