#pragma once
// A device under test and the far end of its link, as each kind of device has them.
#include <memory>
#include <vector>

#include "device/memory.h"

namespace coscanet::test {

/// A frame with its metadata, by value.
using WireFrame = MemoryDevice::Stored;

/// What not every kind of device has.
struct Abilities {
  /// Frames are kept for the next device while there is none: it takes over what a dead process leaves.
  bool outlives_process;
  /// An interface that can be deleted.
  bool interface;
};

class Link {
 public:
  static constexpr uint8_t kInterface = 2;

  virtual ~Link() = default;

  virtual Device& device() = 0;
  Counters& counters() { return counters_; }

  /// The far end sends; the frame comes in by the device.
  virtual void put(const WireFrame& frame) = 0;
  /// What the far end has received: waits until there are `count`, or until no more come.
  virtual std::vector<WireFrame> take(size_t count) = 0;
  /// From here on the device finds room for a few frames only.
  virtual void congest() = 0;

  /// The device's process dies as it is, and another one goes on with what it leaves.
  virtual void replace_process() {}
  /// The device's state is found by a device of another socket.
  virtual void replace_socket() {}
  virtual void delete_interface() {}

 protected:
  DeviceContext context() { return {kInterface, state_, counters_}; }

 private:
  DeviceState state_{};
  coscanet_u64 values_[kCounters] = {};
  Counters counters_{values_};
};

constexpr Abilities kMemoryAbilities{false, false};
constexpr Abilities kAfPacketAbilities{true, true};
std::unique_ptr<Link> open_memory_link();
/// In a network namespace of its own, which is gone with the process. Needs root.
std::unique_ptr<Link> open_af_packet_link();

}  // namespace coscanet::test
