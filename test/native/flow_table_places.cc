// Where flows lie: in a table half full nearly all find room, most where they are looked for first, and a
// batch's prefetch names the place of each. To be told another place does no harm.
#include <memory>
#include <vector>

#include "core/frame.h"
#include "expect.h"
#include "flows.h"

using namespace coscanet;
using namespace coscanet::test;

namespace {

constexpr uint32_t kCapacity = 1 << 18;
constexpr uint32_t kFlows = kCapacity / 2;
constexpr uint32_t kNow = 100;

struct Memory {
  coscanet_u32 owner_generations[FlowTable::kOwners];
  coscanet_u64 pages[FlowTable::page_words(kCapacity)];
  alignas(64) FlowEntry entries[kCapacity];
};

std::vector<FlowEntry*> approach_all(const FlowTable& table) {
  std::vector<FlowEntry*> all;
  for (uint32_t begin = 0; begin < kFlows; begin += kBatch) {
    uint64_t hashes[kBatch];
    FlowEntry* places[kBatch];
    for (unsigned i = 0; i < kBatch; ++i) hashes[i] = table.hash(key_of(begin + i));
    table.prefetch(hashes, kBatch, places);
    all.insert(all.end(), places, places + kBatch);
  }
  return all;
}

}  // namespace

int main() {
  const auto memory = std::make_unique<Memory>();
  FlowTable table(memory->entries, memory->pages, kCapacity, {3, 4}, memory->owner_generations);
  // Nothing is known yet: the place that is looked at first.
  const std::vector<FlowEntry*> homes = approach_all(table);

  unsigned refused = 0;
  for (uint32_t number = 0; number < kFlows; ++number) {
    const FlowKey key = key_of(number);
    const Flow flow = flow_of(number, 1, FlowState::syn);
    refused += !table.insert(key, table.hash(key), flow, kNow, kTimeout, {0, 1});
  }

  const std::vector<FlowEntry*> places = approach_all(table);
  unsigned known = 0, at_home = 0;
  for (uint32_t number = 0; number < kFlows; ++number) {
    const FlowKey key = key_of(number);
    const uint64_t hash = table.hash(key);
    const FlowTable::Ref ref = table.find(key, hash, kNow);
    EXPECT(table.find(key, hash, kNow, homes[number]).entry == ref.entry);
    EXPECT(table.find(key, hash, kNow, places[number]).entry == ref.entry);
    EXPECT(!table.find(key, hash, kNow + kTimeout, places[number]));
    if (!ref) continue;
    ++known;
    at_home += ref.entry == homes[number];
    EXPECT(ref.entry == places[number]);
  }
  printf("of %u flows %u found no room, %u lie where they are looked for first\n", kFlows, refused, at_home);
  EXPECT(known + refused == kFlows);
  EXPECT(refused < kFlows / 1000);
  EXPECT(at_home > kFlows / 10 * 7);
  return 0;
}
