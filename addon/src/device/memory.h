#pragma once
// A device in memory: tests, fuzzing and replays put frames in and take what was sent.
#include <utility>
#include <vector>

#include "device/device.h"

namespace coscanet {

class MemoryDevice : public Device {
 public:
  /// What a test puts in or finds: a frame with its metadata, by value.
  struct Stored {
    std::vector<uint8_t> bytes;
    VnetHdr vnet{};
    bool tagged = false;
    uint16_t tag_tpid = 0;
    uint16_t tag_tci = 0;
    bool checksum_right = false;
  };

  /// `coalesces`: what it sends is coalesced, as on a real device.
  explicit MemoryDevice(uint8_t index, bool coalesces = false) : index_(index), coalesces_(coalesces) {}
  /// Room for so many frames that nobody has taken yet; without a call of this there is room for all.
  void limit(size_t room, Counters& counters) {
    room_ = room;
    counters_ = &counters;
  }

  void put(Stored frame) { waiting_.push_back(std::move(frame)); }
  std::vector<Stored> take() { return std::exchange(sent_, {}); }

  unsigned receive(Frame* frames) override;
  void release() override { lent_.clear(); }
  void send(Frame* const* frames, unsigned count) override;
  int descriptor() const override { return -1; }
  bool has_frames() const override { return !waiting_.empty(); }
  int woken(short, uint64_t) override { return 0; }
  int check() override { return 0; }

 private:
  uint8_t index_;
  bool coalesces_;
  size_t room_ = SIZE_MAX;
  Counters* counters_ = nullptr;
  std::vector<Stored> waiting_;
  std::vector<std::vector<uint8_t>> lent_;
  std::vector<Stored> sent_;
};

}  // namespace coscanet
