// Several forwarders and the supervisor as threads on one small table in which keys collide and entries are
// recycled all the time. No reader may ever see a torn flow, none may lose an entry for ever, and two lookups
// in a quiet table agree. Built with TSan, which also sees every access that is not ordered.
#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "expect.h"
#include "flows.h"

using namespace coscanet;
using namespace coscanet::test;

namespace {

constexpr unsigned kThreads = 4;  // the last is the supervisor
constexpr uint32_t kSmall = 64;   // 16 buckets
constexpr uint32_t kKeys = 96;    // more than find room there

struct World {
  explicit World(uint32_t places)
      : capacity(places),
        entries(new FlowEntry[places]()),
        pages(new coscanet_u64[FlowTable::page_words(places)]()) {
    for (auto& generation : owner_generations) generation.store(1);
  }
  const uint32_t capacity;
  const std::unique_ptr<FlowEntry[]> entries;
  const std::unique_ptr<coscanet_u64[]> pages;
  coscanet_u32 owner_generations[FlowTable::kOwners] = {};
  std::atomic<uint32_t> now{10};
  std::atomic<uint64_t> found{0}, inserted{0}, full{0}, updated{0}, lost_races{0};
  FlowTable table() { return FlowTable(entries.get(), pages.get(), capacity, {1, 2}, owner_generations); }
};

uint8_t owner_slot(unsigned thread) {
  return static_cast<uint8_t>(thread == kThreads - 1 ? FlowTable::kSupervisor : thread);
}

void work(World& world, unsigned slot, const Deadline& deadline) {
  FlowTable table = world.table();
  const Owner owner{owner_slot(slot), 1};
  std::minstd_rand random(slot + 1);
  uint64_t found = 0, inserted = 0, full = 0, updated = 0, lost = 0;
  uint16_t turn = 0;
  while (!deadline.passed()) {
    for (int i = 0; i < 200; ++i) {
      const uint32_t now = world.now.load(std::memory_order_relaxed);
      const uint32_t number = random() % kKeys;
      const FlowKey key = key_of(number);
      const uint64_t hash = table.hash(key);
      FlowTable::Ref ref = table.find(key, hash, now);
      if (ref) {
        EXPECT(belongs(number, ref.flow));
        ++found;
        // Mostly short, so that entries expire and are taken by other keys under the readers' hands.
        if (owner.slot == FlowTable::kSupervisor)
          table.extend(ref, now, 2);
        else
          table.touch(ref, now, random() % 4 ? 1 : 3);
        if (random() % 2 == 0) continue;
        ++turn;
        table.update(ref, flow_of(number, turn, static_cast<FlowState>(turn % 4))) ? ++updated : ++lost;
      } else {
        ref = table.insert(key, hash, flow_of(number, ++turn, FlowState::syn), now, 1 + random() % 3, owner);
        ref ? ++inserted : ++full;
        if (ref) EXPECT(belongs(number, ref.flow));
      }
    }
    table.for_each(world.now.load(), [](const FlowTable::Record& record) { EXPECT(is_whole(record)); });
    if (slot == 0) world.now.fetch_add(1);
  }
  world.found += found;
  world.inserted += inserted;
  world.full += full;
  world.updated += updated;
  world.lost_races += lost;
}

/// All threads insert the same keys at the same time: afterwards each key has one answer.
void same_keys_at_once(unsigned round) {
  World world(512);  // room for all the doubles of an instant
  constexpr uint32_t kSame = 24;
  std::atomic<unsigned> ready{0};
  std::vector<std::thread> threads;
  for (unsigned slot = 0; slot < kThreads; ++slot)
    threads.emplace_back([&, slot] {
      FlowTable table = world.table();
      ++ready;
      while (ready.load() < kThreads) continue;
      for (uint32_t i = 0; i < kSame; ++i) {
        const uint32_t number = round * kSame + i;
        const FlowKey key = key_of(number);
        const uint64_t hash = table.hash(key);
        const Flow mine = flow_of(number, static_cast<uint16_t>(slot), FlowState::udp);
        if (!table.find(key, hash, 10))
          EXPECT(table.insert(key, hash, mine, 10, kTimeout, {owner_slot(slot), 1}));
      }
    });
  for (auto& thread : threads) thread.join();
  FlowTable table = world.table();
  for (uint32_t i = 0; i < kSame; ++i) {
    const FlowKey key = key_of(round * kSame + i);
    const uint64_t hash = table.hash(key);
    const FlowTable::Ref one = table.find(key, hash, 10), two = table.find(key, hash, 10);
    EXPECT(one && two);
    EXPECT(one.entry == two.entry && one.value == two.value);
    // Also as time passes: the one that all look up and touch outlives a double that nobody looks up.
    table.touch(one, 20, kTimeout);
    const FlowTable::Ref later = table.find(key, hash, 10 + kTimeout + 5);
    EXPECT(later && later.value == one.value);
  }
}

}  // namespace

int main(int argc, char** argv) {
  World world(kSmall);
  const Deadline deadline(argc > 1 ? atoi(argv[1]) : 4000);
  std::vector<std::thread> threads;
  for (unsigned slot = 0; slot < kThreads; ++slot)
    threads.emplace_back([&world, slot, &deadline] { work(world, slot, deadline); });
  for (auto& thread : threads) thread.join();
  printf("found %lu, inserted %lu, no room %lu, updated %lu, updates that came too late %lu\n",
         world.found.load(), world.inserted.load(), world.full.load(), world.updated.load(),
         world.lost_races.load());
  // Else nothing was put to the test.
  EXPECT(world.found > 1000 && world.inserted > 1000 && world.full > 0 && world.updated > 1000);

  // Everything has expired: every place can be taken again.
  uint32_t taken = 0;
  FlowTable table = world.table();
  const uint32_t later = world.now.load() + 1000;
  for (uint32_t number = 1000; number < 6000; ++number)
    taken += static_cast<bool>(table.insert(key_of(number), table.hash(key_of(number)),
                                            flow_of(number, 0, FlowState::syn), later, kTimeout, {0, 1}));
  EXPECT(taken == kSmall);

  for (unsigned round = 0; round < 200; ++round) same_keys_at_once(round);
}
