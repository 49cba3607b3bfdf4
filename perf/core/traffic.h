#pragma once
// Packets of many flows, made as fast as memory allows: a header copied into a slot, and the client's address
// and port set in it. What this costs is measured too ("headers"), since every number of this bench contains
// it.
#include <cstdint>

#include "device/device.h"

namespace coscanet::bench {

/// Flow `index` is the client 198.18.0.0 + (index mod 2^14), port 1024 + index / 2^14.
constexpr unsigned kAddressBits = 14;
constexpr uint64_t kMostFlows = (65536ull - 1024) << kAddressBits;

enum class Direction : uint8_t {
  in,   // client → VIP
  out,  // translated endpoint → client
};

/// Which flow each packet belongs to.
class Order {
 public:
  static Order random(uint64_t flows, uint64_t seed) { return Order(flows, seed | 1); }
  /// Each flow once, from the first on.
  static Order sequence(uint64_t flows) { return Order(flows, 0); }

  uint64_t next() {
    if (state_ == 0) return index_++ % flows_;
    state_ ^= state_ << 13, state_ ^= state_ >> 7, state_ ^= state_ << 17;
    return static_cast<uint64_t>(static_cast<unsigned __int128>(state_) * flows_ >> 64);
  }

 private:
  Order(uint64_t flows, uint64_t state) : flows_(flows), state_(state) {}
  uint64_t flows_;
  uint64_t state_;
  uint64_t index_ = 0;
};

/// A 60-byte Ethernet frame with IPv4 and TCP; everything but the client is always the same.
class Template {
 public:
  Template(Direction direction, uint8_t tcp_flags);

  void write(uint8_t* data, uint64_t flow) const {
    memcpy(data - kVnetBytes, bytes_, sizeof bytes_);
    const auto host = static_cast<uint16_t>(flow & ((1u << kAddressBits) - 1));
    store_be16(data + client_ + 2, host);
    store_be16(data + port_, static_cast<uint16_t>(1024 + (flow >> kAddressBits)));
    uint32_t sum = sum_ + host;
    sum = (sum & 0xffff) + (sum >> 16);
    store_be16(data + 24, static_cast<uint16_t>(~sum));
  }
  static constexpr uint32_t kLength = 60;

 private:
  uint8_t bytes_[kVnetBytes + kLength] = {};
  unsigned client_;   // offset of the client's address
  unsigned port_;     // … and port
  uint32_t sum_ = 0;  // of the header without the client's low half and the checksum
};

/// 64 slots that lie as those of a receive ring do; each receive() fills them anew.
class SlotDevice : public Device {
 public:
  SlotDevice(uint8_t index, const Template& headers, Order order)
      : index_(index), headers_(headers), order_(order) {}

  unsigned receive(Frame* frames) override {
    for (unsigned i = 0; i < kBatch; ++i) {
      uint8_t* data = slots_[i] + kOffset;
      headers_.write(data, order_.next());
      frames[i] = {data, Template::kLength, index_};
    }
    return kBatch;
  }
  void release() override {}
  void send(Frame* const*, unsigned count) override { sent_ += count; }
  int descriptor() const override { return -1; }
  bool has_frames() const override { return true; }
  int woken(short, uint64_t) override { return 0; }
  int check() override { return 0; }

  uint64_t sent() const { return sent_; }

 private:
  static constexpr unsigned kSlotBytes = 2048;
  static constexpr unsigned kOffset = 96;  // near where TPACKET_V2 puts a frame

  alignas(64) uint8_t slots_[kBatch][kSlotBytes] = {};
  uint8_t index_;
  const Template& headers_;
  Order order_;
  uint64_t sent_ = 0;
};

}  // namespace coscanet::bench
