// A segment whose flow table is in a mapping of its own, as it is when another executor keeps it: forwarding,
// import and reading find the flows there, and nothing is written where the table would be in one piece.
#include <sys/mman.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "core/flow_import.h"
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

Limits small() {
  Limits limits;
  limits.flows = 1024;
  limits.affinities = 1024;
  limits.registry_bytes = 64;
  return limits;
}

void regions_are_apart(const Limits& limits) {
  const auto regions = regions_of(limits);
  const RegionAddresses at = contiguous_regions(nullptr, limits);
  std::set<std::string> names;
  uint64_t end = 0;
  for (unsigned i = 0; i < kRegions; ++i) {
    const auto offset = reinterpret_cast<uint64_t>(at[i]);
    names.insert(regions[i].name);
    EXPECT(regions[i].bytes > 0 && offset >= end && offset % regions[i].alignment == 0);
    end = offset + regions[i].bytes;
  }
  EXPECT(names.size() == kRegions);
  EXPECT(end == contiguous_bytes(limits));
}

uint8_t* map(uint64_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  EXPECT(memory != MAP_FAILED);
  return static_cast<uint8_t*>(memory);
}

PolicySpec policy() {
  PolicySpec policy;
  policy.interfaces = {{InterfaceRole::external, kRouter, 1500}};
  policy.vips = {{Address::v4(kVip), true}};
  policy.endpoints = {{0, 1, kNode, 0, true}};
  policy.services = {{0, Address::v4(kVip), Protocol::udp, 53, {0}, {60, 60, 60, 60}}};
  return policy;
}

}  // namespace

int main() {
  const Limits limits = small();
  regions_are_apart(limits);
  regions_are_apart(Limits{});

  const uint64_t flow_bytes = regions_of(limits)[COSCANET_REGION_FLOWS].bytes;
  uint8_t* memory = map(contiguous_bytes(limits));
  RegionAddresses at = contiguous_regions(memory, limits);
  const uint8_t* hole = at[COSCANET_REGION_FLOWS];
  at[COSCANET_REGION_FLOWS] = map(flow_bytes);
  Segment::format(reinterpret_cast<SegmentHeader*>(memory), limits, {1, 2}, "test");
  const Segment segment(at);
  for (auto& generation : segment.header().owner_generations) generation.store(1);
  publish(segment, policy());

  MemoryDevice device(0);
  MemoryDevice::Stored frame;
  frame.bytes.resize(kDatagramBytes);
  write_datagram(frame.bytes.data(), {kClient, kRouter, Address::v4(kSource), Address::v4(kVip), 1000, 53});
  device.put(std::move(frame));
  Device* devices[] = {&device};
  Pipeline pipeline(segment, 0);
  EXPECT(forward_batch(pipeline, 1'000'000, device, devices, 1) == 1);
  pipeline.end();
  EXPECT(device.take().size() == 1);

  const FlowKey imported{Address::v4(kSource), Address::v4(kVip), 1001, 53, ipv4::kUdp};
  EXPECT(import_flow(segment, {imported, {0, 1}, 60}, 1000, {FlowTable::kSupervisor, 1}) ==
         ImportResult::made);

  const auto* entries = reinterpret_cast<const FlowEntry*>(at[COSCANET_REGION_FLOWS]);
  EXPECT(std::count_if(entries, entries + limits.flows,
                       [](const FlowEntry& entry) { return entry.tag.load() != 0; }) == 2);
  EXPECT(std::all_of(hole, hole + flow_bytes, [](uint8_t byte) { return byte == 0; }));
  unsigned read = 0;
  segment.flow_table().for_each(1000, [&](const FlowTable::Record&) { ++read; });
  EXPECT(read == 2);
  puts("ok");
  return 0;
}
