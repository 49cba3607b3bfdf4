// Who is told that a policy is in force sends at once: a packet that is received after a policy was published
// finds it, however long before the forwarder's turn began.
#include <algorithm>
#include <vector>

#include "device/forwarder.h"
#include "device/memory.h"
#include "expect.h"
#include "world.h"

using namespace coscanet;
using namespace coscanet::test;

namespace {

constexpr Mac kRouter{2, 0, 0, 0, 0, 1};
constexpr Mac kNode{2, 0, 0, 1, 0, 1};
constexpr Mac kClient{2, 0, 0, 2, 0, 1};
const uint8_t kVip[] = {10, 77, 0, 100};
const uint8_t kSource[] = {10, 77, 0, 2};

PolicySpec policy(bool served) {
  PolicySpec policy;
  policy.interfaces = {{InterfaceRole::external, kRouter, 1500}};
  policy.vips = {{Address::v4(kVip), true}};
  if (served) {
    policy.endpoints = {{0, 1, kNode, 0, true}};
    policy.services = {{0, Address::v4(kVip), Protocol::udp, 53, {0}, {60, 60, 60, 60}}};
  }
  return policy;
}

MemoryDevice::Stored datagram() {
  MemoryDevice::Stored frame;
  frame.bytes.resize(kDatagramBytes);
  write_datagram(frame.bytes.data(), {kClient, kRouter, Address::v4(kSource), Address::v4(kVip), 1000, 53});
  return frame;
}

/// A packet that comes when somebody has just begun to serve.
class Prompt : public MemoryDevice {
 public:
  explicit Prompt(const Segment& segment) : MemoryDevice(0), segment_(segment) {}
  unsigned receive(Frame* frames) override {
    publish(segment_, policy(true));
    put(datagram());
    return MemoryDevice::receive(frames);
  }

 private:
  const Segment& segment_;
};

}  // namespace

int main() {
  const OwnSegment own(small_limits());
  const Segment segment = own.get();
  publish(segment, policy(false));
  segment.header().owner_generations[0].fetch_add(1);

  Pipeline pipeline(segment, 0);
  Prompt in(segment);
  Device* const devices[] = {&in};
  // The turn began under the policy by which nobody serves.
  pipeline.begin(1'000'000);
  EXPECT(forward_batch(pipeline, 1'000'000, in, devices, 1) == 1);
  pipeline.end();
  const std::vector<MemoryDevice::Stored> sent = in.take();
  EXPECT(sent.size() == 1);
  EXPECT(load_mac(sent[0].bytes.data()) == kNode);
  return 0;
}
