#include "core/translate.h"

#include "core/ipv4.h"

namespace coscanet {
namespace {

/// Brings the checksum at `sum` (null: there is none) up to date for a word that changes. `flip`: an
/// unfinished checksum is the sum itself, not its complement.
void update(uint8_t* sum, uint16_t from, uint16_t to, uint16_t flip) {
  if (sum) store_be16(sum, checksum_update(load_be16(sum) ^ flip, from, to) ^ flip);
}

/// Where the checksum of TCP or UDP stands, or null if the packet has none (UDP: zero, RFC 768) or is cut
/// before.
uint8_t* checksum_field(const uint8_t* ip, uint8_t* l4, uint32_t l4_length, bool unfinished) {
  const bool is_tcp = ipv4::protocol(ip) == ipv4::kTcp;
  const uint32_t offset = is_tcp ? 16 : 6;
  if (l4_length < offset + 2) return nullptr;
  const bool none = !is_tcp && !unfinished && load_be16(l4 + offset) == 0;
  return none ? nullptr : l4 + offset;
}

/// Replaces an address; `sum`: of TCP or UDP, whose pseudo-header has it too.
void replace_address(uint8_t* ip, End end, const Address& address, uint8_t* sum, uint16_t flip) {
  uint8_t bytes[4];
  address.store_v4(bytes);
  uint8_t* field = ip + (end == End::source ? 12 : 16);
  for (unsigned i = 0; i < 4; i += 2) {
    const uint16_t from = load_be16(field + i), to = load_be16(bytes + i);
    update(ip + 10, from, to, 0);
    update(sum, from, to, flip);
  }
  memcpy(field, bytes, 4);
}

}  // namespace

void translate(uint8_t* ip, uint32_t ip_header, uint32_t l4_length, End end, const Address& address,
               uint16_t port, bool unfinished) {
  uint8_t* l4 = ip + ip_header;
  uint8_t* sum = checksum_field(ip, l4, l4_length, unfinished);
  replace_address(ip, end, address, sum, unfinished ? 0xffff : 0);
  uint8_t* port_field = l4 + (end == End::source ? 0 : 2);
  // The pseudo-header has no ports, so neither has an unfinished sum.
  if (!unfinished) update(sum, load_be16(port_field), port, 0);
  store_be16(port_field, port);
  // A UDP checksum of zero would mean that there is none.
  if (ipv4::protocol(ip) == ipv4::kUdp && sum && !unfinished && load_be16(sum) == 0) store_be16(sum, 0xffff);
}

void translate_address(uint8_t* ip, End end, const Address& address) {
  replace_address(ip, end, address, nullptr, 0);
}

void decrement_ttl(uint8_t* ip) {
  ipv4::set_ttl(ip, static_cast<uint8_t>(ipv4::ttl(ip) - 1));
}

}  // namespace coscanet
