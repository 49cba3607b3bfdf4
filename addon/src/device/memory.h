#pragma once
// A device in memory: tests, fuzzing and replays put frames in and take what was sent.
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

  /// `couples`: what it sends leaves in trains, as on a real device.
  explicit MemoryDevice(uint8_t index, bool couples = false) : index_(index), couples_(couples) {}

  void put(Stored frame) { waiting_.push_back(std::move(frame)); }
  std::vector<Stored> take() { return std::move(sent_); }

  unsigned receive(Frame* frames) override;
  void release() override { lent_.clear(); }
  void send(Frame* const* frames, unsigned count) override;

 private:
  uint8_t index_;
  bool couples_;
  std::vector<Stored> waiting_;
  std::vector<std::vector<uint8_t>> lent_;
  std::vector<Stored> sent_;
};

}  // namespace coscanet
