// Forwarders as threads that get the first packets of connections of the same clients in the same instant, to
// two services of one group: all go to one node. Also while the supervisor publishes, and after all
// forwarders have been started again; in a table with room for all, and in one that is soon full. Built with
// TSan, too.
//   affinity_threads [MILLISECONDS [PLACES]]
#include <thread>
#include <vector>

#include "core/pipeline.h"
#include "expect.h"
#include "world.h"

using namespace coscanet;
using namespace coscanet::test;

namespace {

constexpr unsigned kThreads = 2;
constexpr uint32_t kNodes = 8;
constexpr uint32_t kClients = 64;
constexpr Mac kRouter{2, 0, 0, 0, 0, 1};
const uint8_t kVip[] = {10, 77, 0, 100};

Mac mac_of(uint32_t node) {
  return {2, 0, 0, 1, 0, static_cast<uint8_t>(node)};
}

/// Slot n serves port 53 on node n, slot 8 + n port 54.
PolicySpec policy() {
  PolicySpec policy;
  policy.interfaces = {{InterfaceRole::external, kRouter, 1500}};
  policy.vips = {{Address::v4(kVip), true}};
  for (uint32_t service = 0; service < 2; ++service) {
    std::vector<uint32_t> slots;
    for (uint32_t node = 0; node < kNodes; ++node) {
      slots.push_back(service * kNodes + node);
      policy.endpoints.push_back({slots.back(), 0x8001, mac_of(node), 0, true, {}, {}, node});
    }
    const AffinitySpec affinity{1, {32}, {600}, slots};
    policy.services.push_back(
        {service, Address::v4(kVip), Protocol::udp, 53 + service, slots, {60, 60, 60, 60}, affinity});
  }
  return policy;
}

/// The node that gets the datagram.
uint32_t send(Pipeline& pipeline, uint32_t client, uint16_t from, uint16_t to) {
  uint8_t memory[kHeadroom + 60] = {};
  Scratch scratch;
  Frame frame{memory + kHeadroom, kDatagramBytes, 0, false, 0, 0};
  uint8_t source[4];
  store_be32(source, 0x0b000000 + client);
  write_datagram(frame.data, {{2, 0, 0, 2, 0, 0}, kRouter, Address::v4(source), Address::v4(kVip), from, to});
  Verdict verdict;
  pipeline.process(&frame, 1, &scratch, &verdict);
  EXPECT(verdict.kind == Verdict::forward);
  EXPECT(frame.data[3] == 1);
  return frame.data[5];
}

struct Round {
  std::atomic<uint32_t> ready{0};
  uint32_t got[kThreads][kClients];
};

void forward(const Segment& segment, unsigned slot, uint32_t first, Round& round) {
  segment.header().owner_generations[slot].fetch_add(1);
  Pipeline pipeline(segment, slot);
  pipeline.begin(1'000'000);
  for (uint32_t i = 0; i < kClients; ++i) {
    // All at once, each time.
    ++round.ready;
    while (round.ready.load() < (i + 1) * kThreads) std::this_thread::yield();
    round.got[slot][i] = send(pipeline, first + i, static_cast<uint16_t>(1000 + slot), 53 + slot % 2);
  }
  pipeline.end();
}

void play(const Segment& segment, uint32_t first, Round& round, bool publishing) {
  std::vector<std::thread> threads;
  for (unsigned slot = 0; slot < kThreads; ++slot)
    threads.emplace_back([&, slot] { forward(segment, slot, first, round); });
  if (publishing) publish(segment, policy());
  for (auto& thread : threads) thread.join();
  for (uint32_t i = 0; i < kClients; ++i)
    for (unsigned slot = 1; slot < kThreads; ++slot) EXPECT(round.got[slot][i] == round.got[0][i]);
}

}  // namespace

int main(int argc, char** argv) {
  Limits limits;
  limits.flows = 1u << 19;
  limits.affinities = argc > 2 ? static_cast<uint32_t>(atoi(argv[2])) : limits.flows;
  limits.endpoints = 2 * kNodes;
  limits.services = limits.vips = 4;
  limits.blocks = 4;
  limits.ring_slots = 64;
  limits.registry_bytes = 64;
  const OwnSegment own(limits);
  const Segment segment = own.get();
  publish(segment, policy());

  // From here: on a busy machine, with a sanitizer, the tables alone take seconds.
  const Deadline deadline(argc > 1 ? atoi(argv[1]) : 3000);
  uint32_t rounds = 0, nodes[kNodes] = {};
  uint32_t last = 0;
  for (; !deadline.passed() && rounds < 1000; ++rounds) {
    Round round, again;
    last = rounds * kClients;
    play(segment, last, round, rounds % 4 == 0);
    // The same clients with other connections, all forwarders new.
    play(segment, last, again, false);
    for (uint32_t i = 0; i < kClients; ++i) {
      EXPECT(again.got[0][i] == round.got[0][i]);
      ++nodes[round.got[0][i]];
    }
  }
  uint32_t least = nodes[0], most = nodes[0];
  for (const uint32_t count : nodes) {
    least = count < least ? count : least;
    most = count > most ? count : most;
  }
  printf("%u rounds of %u clients, met by %u forwarders at once; a node has %u to %u of them\n", rounds,
         kClients, kThreads, least, most);
  EXPECT(rounds > 0 && most < 2 * least);
}
