// What a packet costs in addon/src/core alone, no device and no kernel: the loop of a forwarder over packets
// made in memory, in batches of 64. Beside it, in turns, what any such loop costs at least:
//
//   headers   making the packets, nothing else; contained in both others
//   floor     headers, and one line of the flow table at random for each packet, fetched ahead
//   core      headers, and the pipeline of the product
//
// Prints one JSON object a line: a measurement in nanoseconds per packet, or a number of the machine.
//
//   core-bench [--rounds N] [--milliseconds N] [--only NAME]
#include <getopt.h>
#include <time.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "core/tcp.h"
#include "device/forwarder.h"
#include "host/clock.h"
#include "world.h"

using namespace coscanet;
using namespace coscanet::bench;

namespace {

struct Scenario {
  const char* name;
  Kind world;
  Direction direction;
  uint64_t flows;
  unsigned forwarders;
  bool known;  // false: each packet opens a flow
};

constexpr unsigned kInterfacesUsed = 2;
constexpr uint64_t kMillion = 1 << 20;
// From about half full on a flow may find no free entry, so a table has twice as many entries as flows.
constexpr uint32_t kUsual = 1 << 20;  // as the product makes it
constexpr Scenario kScenarios[] = {
    {"hot", {Mode::dsr, Pages::small, kUsual, false}, Direction::in, 1, 1, true},
    {"64 flows", {Mode::dsr, Pages::small, kUsual, false}, Direction::in, 64, 1, true},
    {"1M", {Mode::dsr, Pages::small, 2 * kMillion, false}, Direction::in, kMillion, 1, true},
    // Beside one: their ratio is then of the same minute.
    {"1M two forwarders", {Mode::dsr, Pages::small, 2 * kMillion, false}, Direction::in, kMillion, 2, true},
    {"8M", {Mode::dsr, Pages::small, 16 * kMillion, false}, Direction::in, 8 * kMillion, 1, true},
    {"1M huge pages", {Mode::dsr, Pages::huge, 2 * kMillion, false}, Direction::in, kMillion, 1, true},
    {"8M huge pages", {Mode::dsr, Pages::huge, 16 * kMillion, false}, Direction::in, 8 * kMillion, 1, true},
    {"new", {Mode::dsr, Pages::small, 4 * kMillion, false}, Direction::in, kMillion, 1, false},
    {"nat in hot", {Mode::nat, Pages::small, kUsual, false}, Direction::in, 1, 1, true},
    {"nat in 1M", {Mode::nat, Pages::small, 2 * kMillion, false}, Direction::in, kMillion, 1, true},
    {"nat out hot", {Mode::nat, Pages::small, kUsual, false}, Direction::out, 1, 1, true},
    {"nat out 1M", {Mode::nat, Pages::small, 2 * kMillion, false}, Direction::out, kMillion, 1, true},
    {"affinity hot", {Mode::dsr, Pages::small, kUsual, true}, Direction::in, 1, 1, true},
    {"affinity 1M", {Mode::dsr, Pages::small, 2 * kMillion, true}, Direction::in, kMillion, 1, true},
    {"affinity new", {Mode::dsr, Pages::small, 4 * kMillion, true}, Direction::in, kMillion, 1, false},
};

/// Of this thread: what other programs take of the core is not what a packet costs.
uint64_t cpu_nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

struct Amount {
  uint64_t packets = 0;
  uint64_t nanoseconds = 0;
};

/// Whether a loop goes on: for a time, or, where packets cannot be repeated, for a number of them.
class Budget {
 public:
  Budget(uint64_t milliseconds, uint64_t packets) : nanoseconds_(milliseconds * 1000000), packets_(packets) {}
  bool left(const Amount& done) const { return done.nanoseconds < nanoseconds_ && done.packets < packets_; }

 private:
  uint64_t nanoseconds_, packets_;
};

/// Runs `batch` until the budget is spent; the clock is read every 64 batches.
template <typename Batch>
Amount timed(const Budget& budget, Batch batch) {
  Amount done;
  const uint64_t start = cpu_nanoseconds();
  do {
    for (unsigned i = 0; i < 64; ++i) batch();
    done.packets += 64 * kBatch;
    done.nanoseconds = cpu_nanoseconds() - start;
  } while (budget.left(done));
  return done;
}

Order order_of(const Scenario& s, uint64_t seed) {
  return s.known ? Order::random(s.flows, seed) : Order::sequence(s.flows);
}

Amount run_headers(const Scenario& s, const Budget& budget, uint64_t seed) {
  const Template headers(s.direction, tcp::kAck);
  const auto device = std::make_unique<SlotDevice>(0, headers, order_of(s, seed));
  Frame frames[kBatch];
  return timed(budget, [&] {
    device->receive(frames);
    asm volatile("" : : "r"(frames) : "memory");
  });
}

Amount run_floor(const Scenario& s, const World& world, const Budget& budget, uint64_t seed) {
  const Template headers(s.direction, tcp::kAck);
  const auto device = std::make_unique<SlotDevice>(0, headers, order_of(s, seed));
  const uint64_t lines = s.flows < kMillion ? s.flows : world.table_lines();
  Order line = Order::random(lines, seed + 1);
  Frame frames[kBatch];
  const uint8_t* wanted[kBatch];
  uint64_t sum = 0;
  const Amount done = timed(budget, [&] {
    device->receive(frames);
    for (auto& line_start : wanted) {
      line_start = world.table() + line.next() * 64;
      __builtin_prefetch(line_start);
    }
    for (const uint8_t* line_start : wanted) sum += *reinterpret_cast<const volatile uint64_t*>(line_start);
    asm volatile("" : : "r"(frames), "r"(sum) : "memory");
  });
  return done;
}

Amount run_core(const Scenario& s, const World& world, const Budget& budget, uint64_t seed,
                unsigned forwarder) {
  const Template headers(s.direction, s.known ? tcp::kAck : tcp::kSyn);
  const unsigned ingress = s.direction == Direction::in ? 0 : 1;
  const auto in = std::make_unique<SlotDevice>(ingress, headers, order_of(s, seed));
  const auto out = std::make_unique<SlotDevice>(1 - ingress, headers, order_of(s, seed));
  Device* devices[kInterfacesUsed] = {};
  devices[ingress] = in.get();
  devices[1 - ingress] = out.get();
  Pipeline pipeline(world.segment(), forwarder);
  const Amount done =
      timed(budget, [&] { forward_batch(pipeline, boot_ms(), *in, devices, kInterfacesUsed); });
  pipeline.end();
  // A bench that measures drops would be fast.
  if (out->sent() != done.packets || in->sent()) fail("not every packet was forwarded");
  return done;
}

/// All forwarders at once: the packets of all in the mean time of one.
Amount run_forwarders(const Scenario& s, const World& world, const Budget& budget, uint64_t seed) {
  std::vector<Amount> amounts(s.forwarders);
  std::vector<std::thread> threads;
  std::atomic<unsigned> ready{0};
  for (unsigned i = 0; i < s.forwarders; ++i)
    threads.emplace_back([&, i] {
      ++ready;
      while (ready.load() < s.forwarders) {
      }
      amounts[i] = run_core(s, world, budget, seed + i * 7919, i);
    });
  for (auto& thread : threads) thread.join();
  Amount all;
  for (const Amount& amount : amounts) {
    all.packets += amount.packets;
    all.nanoseconds += amount.nanoseconds / s.forwarders;
  }
  return all;
}

double per_packet(const Amount& amount) {
  return static_cast<double>(amount.nanoseconds) / static_cast<double>(amount.packets);
}

/// Counters of flows.
struct FlowCounts {
  explicit FlowCounts(const World& world)
      : created(world.count(Counter::k_flows_created)),
        hashed(world.count(Counter::k_hash_choices)),
        with_affinity(world.count(Counter::k_affinity_flows)) {}
  uint64_t created, hashed, with_affinity;
};

/// A run did to flows only what its scenario says.
void check_flows(const Scenario& s, const World& world, const Amount& done, const FlowCounts& before) {
  const FlowCounts after(world);
  const uint64_t created = after.created - before.created;
  const uint64_t hashed = after.hashed - before.hashed;
  const uint64_t with_affinity = after.with_affinity - before.with_affinity;
  const uint64_t few = done.packets / 1000 + 1;  // flows without a free entry
  if (s.direction == Direction::in && hashed > few) fail("flows that should be known are not");
  if (created + few < (s.known ? 0 : done.packets)) fail("flows that should be new are not");
  const uint64_t known_clients = s.world.affinity && !s.known ? done.packets - (1u << kAddressBits) : 0;
  if (with_affinity + few < known_clients) fail("clients that should be known are not");
}

void measure(const Scenario& s, World& world, uint64_t milliseconds, unsigned round) {
  if (!s.known) world.reset();
  const uint64_t seed = 0x9e3779b97f4a7c15u * (round + 1);
  const Budget budget(milliseconds, s.known ? UINT64_MAX : s.flows);
  const double headers = per_packet(run_headers(s, budget, seed));
  const double floor = per_packet(run_floor(s, world, budget, seed));
  const FlowCounts before(world);
  const Amount done =
      s.forwarders == 1 ? run_core(s, world, budget, seed, 0) : run_forwarders(s, world, budget, seed);
  check_flows(s, world, done, before);
  printf("{\"scenario\":\"%s\",\"round\":%u,\"headers\":%.3f,\"floor\":%.3f,\"core\":%.3f}\n", s.name, round,
         headers, floor, per_packet(done));
  fflush(stdout);
}

unsigned long number(const char* text, unsigned long most) {
  char* end;
  const unsigned long value = strtoul(text, &end, 10);
  if (*end || value < 1 || value > most) fail("a number from 1 on, please");
  return value;
}

/// Scenarios of one kind of world share it.
World& world_of(const Scenario& s, std::vector<std::unique_ptr<World>>& worlds,
                std::vector<const Scenario*>& makers) {
  for (size_t i = 0; i < worlds.size(); ++i) {
    const Scenario& m = *makers[i];
    if (m.world == s.world && m.known == s.known && m.flows == s.flows) return *worlds[i];
  }
  worlds.push_back(std::make_unique<World>(s.world));
  makers.push_back(&s);
  if (s.known) worlds.back()->establish(s.flows);
  return *worlds.back();
}

}  // namespace

int main(int argc, char** argv) {
  const option kOptions[] = {{"rounds", required_argument, nullptr, 'r'},
                             {"milliseconds", required_argument, nullptr, 'm'},
                             {"only", required_argument, nullptr, 'o'},
                             {}};
  unsigned rounds = 5;
  uint64_t milliseconds = 100;
  const char* only = nullptr;
  for (int c; (c = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    if (c == 'r')
      rounds = static_cast<unsigned>(number(optarg, 1000));
    else if (c == 'm')
      milliseconds = number(optarg, 60000);
    else if (c == 'o')
      only = optarg;
    else
      return 2;
  }
  std::vector<std::unique_ptr<World>> worlds;
  std::vector<const Scenario*> makers;
  std::vector<const Scenario*> chosen;
  for (const Scenario& s : kScenarios)
    if (!only || strcmp(only, s.name) == 0) chosen.push_back(&s);
  if (chosen.empty()) fail("no such scenario");
  printf("{\"entryBytes\":%zu}\n", sizeof(FlowEntry));
  for (unsigned round = 0; round < rounds; ++round)
    for (const Scenario* s : chosen) measure(*s, world_of(*s, worlds, makers), milliseconds, round);
  return 0;
}
