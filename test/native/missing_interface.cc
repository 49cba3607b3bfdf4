// A policy may name an interface that the forwarder was started without: what would leave by it is counted.
#include "device/forwarder.h"
#include "device/memory.h"
#include "expect.h"
#include "world.h"

using namespace coscanet;
using namespace coscanet::test;

namespace {

constexpr Mac kRouter{2, 0, 0, 0, 0, 1};
constexpr Mac kInside{2, 0, 0, 0, 0, 2};
constexpr Mac kNode{2, 0, 0, 1, 0, 1};
constexpr Mac kClient{2, 0, 0, 2, 0, 1};
const uint8_t kVip[] = {10, 77, 0, 100};
const uint8_t kSource[] = {10, 77, 0, 2};

PolicySpec policy() {
  PolicySpec policy;
  policy.interfaces = {{InterfaceRole::external, kRouter, 1500}, {InterfaceRole::internal, kInside, 1500}};
  policy.vips = {{Address::v4(kVip), true}};
  policy.endpoints = {{0, 1, kNode, 1, true}};
  policy.services = {{0, Address::v4(kVip), Protocol::udp, 53, {0}, {60, 60, 60, 60}}};
  return policy;
}

MemoryDevice::Stored datagram() {
  MemoryDevice::Stored frame;
  frame.bytes.resize(kDatagramBytes);
  write_datagram(frame.bytes.data(), {kClient, kRouter, Address::v4(kSource), Address::v4(kVip), 1000, 53});
  return frame;
}

}  // namespace

int main() {
  const OwnSegment own(small_limits());
  const Segment segment = own.get();
  publish(segment, policy());
  segment.header().owner_generations[0].fetch_add(1);

  Pipeline pipeline(segment, 0);
  MemoryDevice in(0);
  in.put(datagram());
  in.put(datagram());
  Device* const devices[] = {&in};
  EXPECT(forward_batch(pipeline, 1'000'000, in, devices, 1) == 2);
  pipeline.end();
  EXPECT(in.take().empty());
  EXPECT(pipeline.counters().get(Counter::k_forwarded_frames) == 2);
  EXPECT(pipeline.counters().get(Counter::k_drop_tx_error) == 2);
  return 0;
}
