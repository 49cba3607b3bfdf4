#pragma once
// Frames for the contract: each is known by its number, and says so in all of its bytes.
#include "core/ethernet.h"
#include "core/ipv4.h"
#include "core/tcp.h"
#include "core/udp.h"
#include "link.h"

namespace coscanet {

/// Everything but hdr_len, which is a hint that each device may set anew.
inline bool operator==(const MemoryDevice::Stored& a, const MemoryDevice::Stored& b) {
  return a.bytes == b.bytes && a.tagged == b.tagged && a.tag_tci == b.tag_tci && a.tag_tpid == b.tag_tpid &&
         a.checksum_right == b.checksum_right && a.vnet.flags == b.vnet.flags &&
         a.vnet.gso_type == b.vnet.gso_type && a.vnet.gso_size == b.vnet.gso_size &&
         a.vnet.csum_start == b.vnet.csum_start && a.vnet.csum_offset == b.vnet.csum_offset;
}

namespace test {

constexpr uint32_t kIpAt = ethernet::kHeader;
constexpr uint32_t kL4At = kIpAt + ipv4::kHeader;
constexpr uint32_t kTcpHeaders = kL4At + tcp::kHeader;
constexpr Mac kNearMac{2, 0, 0, 0, 0, 1}, kFarMac{2, 0, 0, 0, 0, 2};
const uint8_t kNear[] = {10, 0, 0, 1}, kFar[] = {10, 0, 0, 2};

/// `length` bytes: Ethernet and IPv4 headers, the payload all of the number's pattern.
inline WireFrame ip_frame(unsigned number, uint32_t length, uint8_t protocol) {
  WireFrame frame;
  frame.bytes.resize(length);
  uint8_t* data = frame.bytes.data();
  for (uint32_t i = 0; i < length; ++i) data[i] = static_cast<uint8_t>(number * 31 + i * 7 + (i >> 8));
  ethernet::set_addresses(data, kNearMac, kFarMac);
  store_be16(data + 12, ethernet::kIpv4);
  ipv4::write(data + kIpAt, length - kIpAt, protocol, Address::v4(kFar), Address::v4(kNear));
  return frame;
}

/// UDP without a checksum.
inline WireFrame datagram(unsigned number, uint32_t length) {
  WireFrame frame = ip_frame(number, length, ipv4::kUdp);
  uint8_t* udp = frame.bytes.data() + kL4At;
  store_be16(udp, static_cast<uint16_t>(1024 + number % 1000));
  store_be16(udp + 2, 53);
  store_be16(udp + 4, static_cast<uint16_t>(length - kL4At));
  store_be16(udp + 6, 0);
  return frame;
}

/// Segment `number` of one connection, with so many bytes of payload, its checksum still to be finished;
/// `gso_size`: to be cut so, unless it is 0.
inline WireFrame segment(unsigned number, uint32_t payload, uint16_t gso_size) {
  WireFrame frame = ip_frame(number, kTcpHeaders + payload, ipv4::kTcp);
  uint8_t* data = frame.bytes.data();
  tcp::write(data + kL4At, 1024, 80, number * payload, 1, tcp::kAck);
  const uint16_t sum =
      static_cast<uint16_t>(~checksum_finish(ipv4::pseudo_sum(data + kIpAt, tcp::kHeader + payload)));
  store_be16(data + kL4At + 16, sum);
  frame.vnet = {VnetHdr::kNeedsChecksum,
                gso_size ? uint8_t{1} : uint8_t{0},
                kTcpHeaders,
                gso_size,
                static_cast<uint16_t>(kL4At),
                16};
  if (!gso_size) frame.vnet.hdr_len = 0;
  return frame;
}

}  // namespace test
}  // namespace coscanet
