#include "device/forwarder.h"

#include <unistd.h>

#include <memory>

#include "device/wake_policy.h"
#include "host/clock.h"
#include "host/process.h"

namespace coscanet {
namespace {

constexpr int kHeartbeatMs = 100;

/// The devices of a forwarder, one for each interface.
struct Ports {
  unsigned count = 0;
  Device* devices[kInterfaces] = {};

  /// 0, or an errno.
  int open(ForwarderSlot& slot, const std::vector<DeviceFactory>& factories, Counters& counters) {
    for (const DeviceFactory& factory : factories) {
      const auto interface = static_cast<uint8_t>(count);
      if (const int error = factory({interface, slot.devices[count], counters}, &owned_[count])) return error;
      devices[count] = owned_[count].get();
      slot.descriptors[count].store(devices[count]->descriptor());
      ++count;
    }
    return 0;
  }

 private:
  std::unique_ptr<Device> owned_[kInterfaces];
};

}  // namespace

unsigned forward_batch(Pipeline& pipeline, uint64_t now_ms, Device& in, Device* const* devices,
                       unsigned device_count) {
  static thread_local Scratch scratch[kBatch];
  Frame frames[kBatch];
  Verdict verdicts[kBatch];
  Frame* out[kInterfaces][kBatch];
  unsigned out_count[kInterfaces] = {};

  const unsigned count = in.receive(frames);
  if (count == 0) {
    in.release();
    return 0;
  }
  // Not before: who was told that a policy is in force sends at once, and may be heard here while another
  // side's batch is still on its way.
  pipeline.begin(now_ms);
  pipeline.process(frames, count, scratch, verdicts);
  for (unsigned i = 0; i < count; ++i) {
    const Verdict& verdict = verdicts[i];
    if (verdict.kind == Verdict::forward || verdict.kind == Verdict::reply)
      out[verdict.egress][out_count[verdict.egress]++] = &frames[i];
  }
  for (unsigned d = 0; d < kInterfaces; ++d) {
    if (out_count[d] == 0) continue;
    if (d < device_count)
      devices[d]->send(out[d], out_count[d]);
    else  // the policy has an interface that this forwarder was started without
      pipeline.counters().add(Counter::k_drop_tx_error, out_count[d]);
  }
  in.release();
  return count;
}

int run_forwarder(const Segment& segment, unsigned index, const ForwarderOptions& options,
                  const std::atomic<bool>& stop) {
  ForwarderSlot& slot = segment.forwarder(index);
  // A new generation: what the last one owned in the flow table is free again.
  segment.header().owner_generations[index].fetch_add(1);
  slot.heartbeat_ms.store(boot_ms());
  slot.start_time.store(process_start_time(getpid()));
  slot.pid.store(getpid());

  WakePolicy wake_policy;
  Pipeline pipeline(segment, index);
  Ports ports;
  int error = ports.open(slot, options.devices, pipeline.counters());
  uint64_t checked = 0;
  uint64_t moved_us = 0;
  uint64_t frames = 0;  // since `checked`
  while (!stop.load(std::memory_order_relaxed) && !error) {
    const uint64_t now_us = boot_us();
    const uint64_t now = now_us / 1000;
    slot.heartbeat_ms.store(now, std::memory_order_relaxed);
    unsigned moved = 0;
    for (unsigned d = 0; d < ports.count; ++d)
      moved += forward_batch(pipeline, now, *ports.devices[d], ports.devices, ports.count);
    if (moved) moved_us = now_us;
    frames += moved;
    // Also in full traffic, for the interface that has none: its device may have lost the next frame, or the
    // interface.
    const bool due = now - checked >= kHeartbeatMs;
    // A wake-up costs more than a packet: where the operator asked for it, sleep comes only after some
    // looking.
    if (!due && (moved || now_us - moved_us < options.spin_us)) continue;
    pipeline.end();
    error = wait_for_frames(ports.devices, ports.count, moved ? 0 : kHeartbeatMs);
    if (!due) continue;
    wake_policy.tell(frames, now - checked);
    frames = 0;
    checked = now;
    for (unsigned d = 0; d < ports.count && !error; ++d) error = ports.devices[d]->check();
  }
  pipeline.end();
  slot.pid.store(0);
  return error;
}

}  // namespace coscanet
