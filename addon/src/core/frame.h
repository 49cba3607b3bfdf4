#pragma once
// A frame as a device hands it over: Ethernet bytes in place, with what the kernel knew about them.
//
//        ┌──────────┬──────────┬───────────────────────────┐
//        │ headroom │ VnetHdr  │ Ethernet frame …          │
//        └──────────┴──────────┴───────────────────────────┘
//                              ▲ data
// Devices guarantee kVnetBytes + kTagBytes writable bytes before `data`: header and frame leave in one piece,
// and a tag that the kernel took out can be put back.
#include <cstddef>

#include "core/bytes.h"

namespace coscanet {

/// struct virtio_net_hdr (linux/virtio_net.h): the unfinished work (checksum, segmentation) on a frame. Host
/// order.
struct __attribute__((packed)) VnetHdr {
  static constexpr uint8_t kNeedsChecksum = 1;
  uint8_t flags;
  uint8_t gso_type;  // 0: no segmentation left to do
  uint16_t hdr_len;
  uint16_t gso_size;  // bytes of payload in each segment
  uint16_t csum_start;
  uint16_t csum_offset;
};
static_assert(sizeof(VnetHdr) == 10, "layout of the kernel");

constexpr uint32_t kVnetBytes = sizeof(VnetHdr);
constexpr uint32_t kTagBytes = 4;
constexpr uint32_t kHeadroom = kVnetBytes + kTagBytes;

/// Most frames that a device hands over at once.
constexpr unsigned kBatch = 64;

struct Frame {
  uint8_t* data = nullptr;
  uint32_t length = 0;
  /// Index of the interface that received it.
  uint8_t ingress = 0;
  /// An 802.1Q tag that the kernel took out of the frame; it leaves with the same tag.
  bool tagged = false;
  uint16_t tag_tpid = 0;
  uint16_t tag_tci = 0;
  /// The card or the kernel has verified the checksum of its TCP or UDP.
  bool checksum_right = false;

  /// `ingress` and `tagged` in one word: to be compared.
  uint16_t arrival() const {
    uint16_t word;
    memcpy(&word, &ingress, sizeof word);
    return word;
  }

  VnetHdr* vnet() const { return reinterpret_cast<VnetHdr*>(data - kVnetBytes); }
};

static_assert(offsetof(Frame, tagged) == offsetof(Frame, ingress) + 1, "one word");

/// Room for an answer of our own (at most a 576-byte ICMP error, RFC 1812 §4.3.2.3), headroom included.
struct Scratch {
  static constexpr uint32_t kCapacity = 14 + kTagBytes + 576;
  uint8_t headroom[kHeadroom];
  uint8_t bytes[kCapacity];
};

}  // namespace coscanet
