// A packet ring whose slots become ready out of turn, as they do when two processors fill them side by side:
// nothing is skipped, until it is certain that the index is behind. A file in memory stands for the ring.
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device/af_packet.h"
#include "expect.h"

using namespace coscanet;

namespace {

constexpr unsigned kSlots = 32;
constexpr unsigned kFrameAt = 256;
DeviceState state;
coscanet_u64 values[kCounters];
Counters counters(values);

struct Ring {
  int fd = memfd_create("ring", MFD_CLOEXEC);
  uint8_t* memory = nullptr;

  Ring() {
    EXPECT(fd >= 0 && ftruncate(fd, kSlots * kSlotBytes) == 0);
    void* mapped = mmap(nullptr, kSlots * kSlotBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    EXPECT(mapped != MAP_FAILED);
    memory = static_cast<uint8_t*>(mapped);
  }
  ~Ring() { munmap(memory, kSlots * kSlotBytes); }
  /// What the kernel does: the frame, then the status. Frames are told apart by their length.
  void fill(unsigned slot, uint32_t length) {
    auto* header = reinterpret_cast<tpacket2_hdr*>(memory + slot * kSlotBytes);
    header->tp_len = header->tp_snaplen = length;
    header->tp_mac = kFrameAt;
    __atomic_store_n(&header->tp_status, TP_STATUS_USER, __ATOMIC_RELEASE);
  }
};

/// The socket was readable at that time: so many frames are there, of these lengths.
void expect_frames(Device& device, uint64_t now_ms, uint32_t first, unsigned count) {
  Frame frames[kBatch];
  EXPECT(device.woken(POLLIN, now_ms) == 0);
  EXPECT(device.receive(frames) == count);
  for (unsigned i = 0; i < count; ++i) EXPECT(frames[i].length == first + i);
  device.release();
}

}  // namespace

int main() {
  Ring ring;
  std::unique_ptr<Device> device;
  EXPECT(AfPacketDevice::open(ring.fd, {0, state, counters}, &device) == 0);

  // The second slot is ready before the first: the socket is readable, the next frame is not there yet.
  ring.fill(1, 101);
  expect_frames(*device, 1000, 0, 0);
  expect_frames(*device, 1015, 0, 0);
  ring.fill(0, 100);
  expect_frames(*device, 1016, 100, 2);

  // Another time: what the last one waited is not held against it.
  ring.fill(3, 103);
  expect_frames(*device, 1030, 0, 0);
  ring.fill(2, 102);
  expect_frames(*device, 1031, 102, 2);

  // The index is behind the kernel's, as a killed process leaves it: found again, all frames in order.
  for (unsigned slot = 9; slot < 12; ++slot) ring.fill(slot, 100 + slot);
  expect_frames(*device, 2000, 0, 0);
  expect_frames(*device, 2025, 109, 3);
  puts("in order");
  return 0;
}
