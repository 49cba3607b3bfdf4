// Where flows are: in a table half full nearly all find a free entry, most of them their first candidate, and
// a batch's prefetch names the entry of each. Naming another one does no harm.
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

std::vector<FlowEntry*> prefetch_all(const FlowTable& table) {
  std::vector<FlowEntry*> all;
  for (uint32_t begin = 0; begin < kFlows; begin += kBatch) {
    uint64_t hashes[kBatch];
    FlowEntry* entries[kBatch];
    for (unsigned i = 0; i < kBatch; ++i) hashes[i] = table.hash(key_of(begin + i));
    table.prefetch(hashes, kBatch, entries);
    all.insert(all.end(), entries, entries + kBatch);
  }
  return all;
}

}  // namespace

int main() {
  const auto memory = std::make_unique<Memory>();
  FlowTable table(memory->entries, memory->pages, kCapacity, {3, 4}, memory->owner_generations);
  // Nothing is known yet: the first candidates.
  const std::vector<FlowEntry*> first = prefetch_all(table);

  unsigned refused = 0;
  for (uint32_t number = 0; number < kFlows; ++number) {
    const FlowKey key = key_of(number);
    const Flow flow = flow_of(number, 1, FlowState::syn);
    refused += !table.insert(key, table.hash(key), flow, kNow, kTimeout, {0, 1});
  }

  const std::vector<FlowEntry*> likely = prefetch_all(table);
  unsigned known = 0, at_first = 0;
  for (uint32_t number = 0; number < kFlows; ++number) {
    const FlowKey key = key_of(number);
    const uint64_t hash = table.hash(key);
    const FlowTable::Ref ref = table.find(key, hash, kNow);
    EXPECT(table.find(key, hash, kNow, first[number]).entry == ref.entry);
    EXPECT(table.find(key, hash, kNow, likely[number]).entry == ref.entry);
    EXPECT(!table.find(key, hash, kNow + kTimeout, likely[number]));
    if (!ref) continue;
    ++known;
    at_first += ref.entry == first[number];
    EXPECT(ref.entry == likely[number]);
  }
  printf("of %u flows %u found no free entry, %u are in their first candidate\n", kFlows, refused, at_first);
  EXPECT(known + refused == kFlows);
  EXPECT(refused < kFlows / 1000);
  EXPECT(at_first > kFlows / 10 * 7);
  return 0;
}
