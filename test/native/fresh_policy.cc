// Who is told that a policy is in force sends at once: a packet that is received after a policy was published
// finds it, however long before the forwarder's turn began.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "core/ethernet.h"
#include "core/ipv4.h"
#include "device/forwarder.h"
#include "device/memory.h"
#include "expect.h"

using namespace coscanet;

namespace {

constexpr Mac kRouter{2, 0, 0, 0, 0, 1};
constexpr Mac kNode{2, 0, 0, 1, 0, 1};
constexpr Mac kClient{2, 0, 0, 2, 0, 1};
const uint8_t kVip[] = {10, 77, 0, 100};
const uint8_t kSource[] = {10, 77, 0, 2};

void publish(const Segment& segment, bool served) {
  unsigned index;
  PolicyWriter writer(segment.free_snapshot(&index), segment.header().limits);
  writer.clear(segment.header().limits);
  EXPECT(writer.add_interface(kRouter, 1500, Address{}, 32));
  EXPECT(writer.add_vip(Address::v4(kVip), true));
  const uint32_t ring[] = {0};
  if (served) {
    EXPECT(writer.add_endpoint(0, 1, kNode, 0, true));
    EXPECT(writer.add_service(0, Address::v4(kVip), ipv4::kUdp, 53, ring, 1, {{60, 60, 60, 60}}));
  }
  segment.activate(index);
}

MemoryDevice::Stored datagram() {
  MemoryDevice::Stored frame;
  frame.bytes.resize(46);
  uint8_t* data = frame.bytes.data();
  ethernet::set_addresses(data, kRouter, kClient);
  store_be16(data + 12, ethernet::kIpv4);
  uint8_t* ip = data + ethernet::kHeader;
  ipv4::write(ip, 32, ipv4::kUdp, Address::v4(kSource), Address::v4(kVip));
  store_be16(ip + 20, 1000);
  store_be16(ip + 22, 53);
  store_be16(ip + 24, 12);
  return frame;
}

/// A packet that comes when somebody has just begun to serve.
class Prompt : public MemoryDevice {
 public:
  explicit Prompt(const Segment& segment) : MemoryDevice(0), segment_(segment) {}
  unsigned receive(Frame* frames) override {
    publish(segment_, true);
    put(datagram());
    return MemoryDevice::receive(frames);
  }

 private:
  const Segment& segment_;
};

}  // namespace

int main() {
  Limits limits;
  limits.flows = 64;
  limits.affinities = 64;
  limits.endpoints = 2;
  limits.services = 2;
  limits.ring_slots = 2;
  limits.vips = 2;
  limits.blocks = 2;
  limits.registry_bytes = 64;
  struct Free {
    void operator()(uint8_t* p) const { free(p); }
  };
  const size_t bytes = (Segment::bytes(limits) + 4095) / 4096 * 4096;
  const std::unique_ptr<uint8_t, Free> memory(static_cast<uint8_t*>(aligned_alloc(4096, bytes)));
  memset(memory.get(), 0, bytes);
  Segment::format(memory.get(), limits, {1, 2}, "test");
  const Segment segment(memory.get());
  publish(segment, false);
  segment.header().incarnations[0].fetch_add(1);

  Path path(segment, 0);
  Prompt in(segment);
  Device* const devices[] = {&in};
  // The turn began under the policy by which nobody serves.
  path.begin(1'000'000);
  EXPECT(forward_batch(path, 1'000'000, in, devices, 1) == 1);
  path.end();
  const std::vector<MemoryDevice::Stored> sent = in.take();
  EXPECT(sent.size() == 1);
  EXPECT(std::equal(kNode.begin(), kNode.end(), sent[0].bytes.begin()));
  return 0;
}
