#pragma once
// The loop of a forwarder: wait, receive a batch, decide each frame, send. It knows devices by their
// interface alone (device.h).
#include <atomic>
#include <vector>

#include "core/pipeline.h"
#include "device/device.h"

namespace coscanet {

/// Moves one batch from `in` through the pipeline to `devices`, by the policy that is in force once it has
/// been received, which stays pinned until Pipeline::end. Returns the number of frames received.
unsigned forward_batch(Pipeline& pipeline, uint64_t now_ms, Device& in, Device* const* devices,
                       unsigned device_count);

struct ForwarderOptions {
  /// One for each interface, in the order of the policy's; at most kInterfaces.
  std::vector<DeviceFactory> devices;
  /// How long after a packet it looks for the next one before it sleeps.
  uint32_t spin_us = 0;
};

/// Runs forwarder `index` of the segment until `stop` is set or a device fails for good. 0, or an errno.
int run_forwarder(const Segment& segment, unsigned index, const ForwarderOptions& options,
                  const std::atomic<bool>& stop);

}  // namespace coscanet
