// Snapshots published in a tight loop while forwarder threads pin and read them: a forwarder sees a whole
// snapshot of one generation, never one that is being written again. Between them the supervisor imports
// flows in the table that the forwarders write.
#include <thread>
#include <vector>

#include "core/flow_import.h"
#include "expect.h"
#include "flows.h"
#include "world.h"

using namespace coscanet;
using namespace coscanet::test;

namespace {

constexpr unsigned kForwarders = 3;
constexpr uint32_t kVips = 32;
constexpr uint32_t kEndpoints = 64;
constexpr uint32_t kKeys = 48;

Address vip_of(uint32_t generation, uint32_t index) {
  const uint8_t bytes[] = {static_cast<uint8_t>(generation >> 16), static_cast<uint8_t>(generation >> 8),
                           static_cast<uint8_t>(generation), static_cast<uint8_t>(index)};
  return Address::v4(bytes);
}
Mac mac_of(uint32_t generation, uint32_t index) {
  return {2,
          static_cast<uint8_t>(generation >> 16),
          static_cast<uint8_t>(generation >> 8),
          static_cast<uint8_t>(generation),
          0,
          static_cast<uint8_t>(index)};
}

PolicySpec policy_of(uint32_t generation) {
  PolicySpec policy;
  policy.interfaces = {{InterfaceRole::external, mac_of(generation, 255), 1500}};
  for (uint32_t i = 0; i < kVips; ++i) policy.vips.push_back({vip_of(generation, i), true});
  std::vector<uint32_t> ring;
  for (uint32_t i = 0; i < kEndpoints; ++i) {
    policy.endpoints.push_back({i, generation & 0xffff, mac_of(generation, i), 0, true});
    ring.push_back(kEndpoints - 1 - i);
  }
  policy.services = {{0, vip_of(generation, 0), Protocol::tcp, 80, ring, {1, 2, 3, 4}}};
  return policy;
}

// The clock of the flow table is the generation: flows expire all the time.

void import_one(const Segment& segment, uint32_t generation, uint64_t* results) {
  const uint32_t number = generation / 4 % kKeys;
  const FlowImport one{key_of(number), flow_of(number, 9, FlowState::established).endpoint, 3};
  const ImportResult result = import_flow(segment, one, generation, {FlowTable::kSupervisor, 1});
  ++results[static_cast<unsigned>(result)];
}

void use_flow(const Segment& segment, unsigned slot, uint32_t generation, uint32_t number) {
  FlowTable table = segment.flow_table();
  const FlowKey key = key_of(number);
  const uint64_t hash = table.hash(key);
  FlowTable::Ref flow = table.find(key, hash, generation);
  if (!flow)
    flow = table.insert(key, hash, flow_of(number, 1, FlowState::syn), generation, 2,
                        {static_cast<uint8_t>(slot), 1});
  if (!flow) return;
  EXPECT(belongs(number, flow.flow));
  table.update(flow, flow_of(number, number % 2 ? 9 : static_cast<uint16_t>(slot), FlowState::closing));
}

void expect_whole(const Policy& policy) {
  const uint32_t generation = policy.header().generation.load();
  EXPECT(policy.header().vip_count == kVips && policy.header().service_count == 1);
  EXPECT(policy.interface(0).mac == mac_of(generation, 255));
  for (uint32_t i = 0; i < kVips; ++i) EXPECT(policy.find_vip(vip_of(generation, i)));
  const PolicyService* service = policy.find_service(vip_of(generation, 0), 6, 80);
  EXPECT(service && service->ring_length == kEndpoints);
  for (uint32_t i = 0; i < kEndpoints; ++i) {
    const PolicyEndpoint* endpoint = policy.ring(*service, i);
    EXPECT(endpoint->mac == mac_of(generation, kEndpoints - 1 - i));
  }
  EXPECT(policy.header().generation.load() == generation);
}

void forward(const Segment& segment, unsigned slot, const Deadline& deadline, uint64_t* seen) {
  uint32_t newest = 0;
  for (unsigned turn = 0; !deadline.passed(); ++turn) {
    uint8_t* snapshot = segment.pin_snapshot(slot);
    if (!snapshot) continue;
    const Policy policy(snapshot, segment.header().limits);
    const uint32_t generation = policy.header().generation.load();
    EXPECT(generation >= newest);  // never back
    *seen += generation != newest;
    newest = generation;
    expect_whole(policy);
    use_flow(segment, slot, generation, turn % kKeys);
    if (turn % 3 == 0) std::this_thread::yield();  // while it is pinned
    expect_whole(policy);
    if (turn % 2) segment.unpin_snapshot(slot);
  }
  segment.unpin_snapshot(slot);
}

}  // namespace

int main(int argc, char** argv) {
  Limits limits;
  limits.flows = 64;
  limits.affinities = 8;
  limits.endpoints = kEndpoints;
  limits.services = 4;
  limits.ring_slots = kEndpoints;
  limits.vips = kVips;
  limits.registry_bytes = 64;
  const OwnSegment own(limits);
  const Segment segment = own.get();
  for (auto& generation : segment.header().owner_generations) generation.store(1);

  const Deadline deadline(argc > 1 ? atoi(argv[1]) : 3000);
  uint64_t seen[kForwarders] = {};
  std::vector<std::thread> threads;
  for (unsigned slot = 0; slot < kForwarders; ++slot)
    threads.emplace_back([&, slot] { forward(segment, slot, deadline, &seen[slot]); });
  uint32_t generation = 0;
  uint64_t results[4] = {};  // by ImportResult
  while (!deadline.passed()) {
    ++generation;
    publish(segment, policy_of(generation), generation);
    import_one(segment, generation, results);
  }
  for (auto& thread : threads) thread.join();
  printf("%u generations; forwarders saw %lu, %lu and %lu of them\n", generation, seen[0], seen[1], seen[2]);
  for (const uint64_t count : seen) EXPECT(count > 10);
  printf("imports: %lu made, %lu kept, %lu held, %lu without room\n", results[0], results[1], results[2],
         results[3]);
  EXPECT(results[0] > 10 && results[1] > 10);
}
