#pragma once
// The loop of a forwarder: wait, receive a batch, decide each frame, send.
#include <atomic>

#include "core/forward.h"
#include "device/device.h"

namespace coscanet {

/// Moves one batch from `in` through the path to `devices`, by the policy that is in force once it has been
/// received, which stays pinned until Path::end. Returns the number of frames received.
unsigned forward_batch(Path& path, uint64_t now_ms, Device& in, Device* const* devices,
                       unsigned device_count);

struct ForwarderPorts {
  unsigned count = 0;
  int descriptors[kInterfaces] = {-1, -1, -1};
};

/// Runs forwarder `index` of the segment until `stop` is set or a socket fails for good. 0, or an errno.
/// `spin_us`: how long after a packet it looks for the next one before it sleeps.
int run_forwarder(const Segment& segment, unsigned index, const ForwarderPorts& ports, uint32_t spin_us,
                  const std::atomic<bool>& stop);

}  // namespace coscanet
