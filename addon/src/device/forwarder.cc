#include "device/forwarder.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "device/af_packet.h"
#include "device/wake_policy.h"
#include "host/clock.h"
#include "host/process.h"

namespace coscanet {
namespace {

constexpr int kHeartbeatMs = 100;

}  // namespace

unsigned forward_batch(Path& path, uint64_t now_ms, Device& in, Device* const* devices,
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
  path.begin(now_ms);
  path.process(frames, count, scratch, verdicts);
  for (unsigned i = 0; i < count; ++i) {
    const Verdict& verdict = verdicts[i];
    if (verdict.kind == Verdict::forward || verdict.kind == Verdict::reply)
      out[verdict.egress][out_count[verdict.egress]++] = &frames[i];
  }
  for (unsigned d = 0; d < device_count; ++d)
    if (out_count[d]) devices[d]->send(out[d], out_count[d]);
  in.release();
  return count;
}

int run_forwarder(const Segment& segment, unsigned index, const ForwarderPorts& ports, uint32_t spin_us,
                  const std::atomic<bool>& stop) {
  ForwarderSlot& slot = segment.forwarder(index);
  // A new generation: what the last one had claimed in the flow table is free again.
  segment.header().owner_generations[index].fetch_add(1);
  slot.heartbeat_ms.store(boot_ms());
  slot.start_time.store(process_start_time(getpid()));
  slot.pid.store(getpid());

  WakePolicy wake_policy;
  Path path(segment, index);
  std::unique_ptr<AfPacketDevice> owned[kInterfaces];
  Device* devices[kInterfaces] = {};
  pollfd polled[kInterfaces] = {};
  for (unsigned d = 0; d < ports.count; ++d) {
    slot.descriptors[d].store(ports.descriptors[d]);
    owned[d] = std::make_unique<AfPacketDevice>(static_cast<uint8_t>(d), ports.descriptors[d], slot,
                                                path.counters());
    if (const int error = owned[d]->open()) return error;
    devices[d] = owned[d].get();
    polled[d] = {ports.descriptors[d], POLLIN, 0};
  }

  int error = 0;
  uint64_t checked = 0;
  uint64_t moved_us = 0;
  uint64_t frames = 0;  // since `checked`
  while (!stop.load(std::memory_order_relaxed) && !error) {
    const uint64_t now_us = boot_us();
    const uint64_t now = now_us / 1000;
    slot.heartbeat_ms.store(now, std::memory_order_relaxed);
    unsigned moved = 0;
    for (unsigned d = 0; d < ports.count; ++d) {
      const unsigned count = forward_batch(path, now, *devices[d], devices, ports.count);
      if (count == 0 && (polled[d].revents & POLLIN)) owned[d]->find_full_slot(now);
      polled[d].revents = 0;
      moved += count;
    }
    if (moved) moved_us = now_us;
    frames += moved;
    // Also in full traffic, for the side that has none: it may have lost its place in the ring, or its
    // interface.
    const bool due = now - checked >= kHeartbeatMs;
    // A wake-up costs more than a packet: where the operator asked for it, sleep comes only after some
    // looking.
    if (!due && (moved || now_us - moved_us < spin_us)) continue;
    path.end();
    if (poll(polled, ports.count, moved ? 0 : kHeartbeatMs) < 0 && errno != EINTR) error = errno;
    if (due) {
      wake_policy.tell(frames, now - checked);
      frames = 0;
      checked = now;
    }
    // An interface that was down when it was deleted gives no sign of it: one has to ask.
    for (unsigned d = 0; d < ports.count && !error; ++d)
      if (due || (polled[d].revents & (POLLERR | POLLHUP | POLLNVAL))) error = owned[d]->take_error();
  }
  path.end();
  slot.pid.store(0);
  return error;
}

}  // namespace coscanet
