#pragma once
// Ethernet II and one 802.1Q tag (IEEE 802.3, 802.1Q).
#include "core/bytes.h"

namespace coscanet::ethernet {

constexpr uint32_t kHeader = 14;
constexpr uint32_t kTag = 4;
constexpr uint16_t kIpv4 = 0x0800;
constexpr uint16_t kArp = 0x0806;
constexpr uint16_t kTagged = 0x8100;
constexpr uint16_t kServiceTagged = 0x88a8;

inline bool is_tag(uint16_t type) {
  return type == kTagged || type == kServiceTagged;
}
/// The VLAN of a tag's TCI; 0: none, the tag holds a priority only.
inline uint16_t vlan_of(uint16_t tci) {
  return tci & 0xfff;
}
inline Mac source(const uint8_t* p) {
  return load_mac(p + 6);
}
/// Addressed to a group, or to all.
inline bool to_group(const uint8_t* p) {
  return p[0] & 1;
}
inline bool from_group(const uint8_t* p) {
  return p[6] & 1;
}
inline uint64_t destination_word(const uint8_t* p) {
  return mac_word(p);
}
inline uint64_t source_word(const uint8_t* p) {
  return mac_word(p + 6);
}
inline uint16_t type(const uint8_t* p) {
  return load_be16(p + 12);
}

/// Addresses and type, to be compared. The halves share two bytes; those of one that no frame gave differ
/// there, so that it is like no frame's.
struct Header {
  uint64_t first = 0;
  uint64_t last = ~0ull;
  bool operator==(const Header& o) const { return ((first ^ o.first) | (last ^ o.last)) == 0; }
};
inline Header header(const uint8_t* p) {
  Header header;
  memcpy(&header.first, p, 8);
  memcpy(&header.last, p + 6, 8);
  return header;
}

inline void set_addresses(uint8_t* p, const Mac& destination, const Mac& source) {
  store_mac(p, destination);
  store_mac(p + 6, source);
}

}  // namespace coscanet::ethernet
