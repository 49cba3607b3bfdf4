// Forwarders and a supervisor that die at any instruction: processes write one shared table and are killed
// with SIGKILL, hundreds of times. What they leave may be unreadable, but nothing readable may be torn, and
// nothing may stay unusable once the dead one's slot has been started again.
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "expect.h"
#include "flows.h"

using namespace coscanet;
using namespace coscanet::test;

namespace {

constexpr uint32_t kCapacity = 256;
constexpr uint32_t kKeys = 200;
// Their slots as owners.
constexpr unsigned kWriters[] = {0, 1, FlowTable::kSupervisor};
constexpr unsigned kWriterCount = 3;

struct Shared {
  coscanet_u32 owner_generations[FlowTable::kOwners];
  std::atomic<uint32_t> now;
  std::atomic<uint64_t> writes;
  coscanet_u64 pages[FlowTable::page_words(kCapacity)];
  alignas(64) FlowEntry entries[kCapacity];
};

FlowTable table_of(Shared& shared) {
  return FlowTable(shared.entries, shared.pages, kCapacity, {3, 4}, shared.owner_generations);
}

[[noreturn]] void write_for_ever(Shared& shared, unsigned slot) {
  FlowTable table = table_of(shared);
  const Owner owner{static_cast<uint8_t>(slot), shared.owner_generations[slot].load()};
  std::minstd_rand random(static_cast<unsigned>(getpid()));
  for (uint16_t turn = 0;; ++turn) {
    const uint32_t now = shared.now.load();
    const uint32_t number = random() % kKeys;
    const FlowKey key = key_of(number);
    const uint64_t hash = table.hash(key);
    FlowTable::Ref ref = table.find(key, hash, now);
    if (ref && random() % 4) {
      table.update(ref, flow_of(number, turn, static_cast<FlowState>(turn % 4)));
    } else if (ref) {
      if (slot == FlowTable::kSupervisor) table.extend(ref, now, 5);
      // Expired at once: so the most of the time goes into claiming and writing.
      table.touch(ref, now, 0);
    } else {
      table.insert(key, hash, flow_of(number, turn, FlowState::syn), now, 5, owner);
      shared.writes.fetch_add(1);
    }
  }
}

pid_t start_writer(Shared& shared, unsigned slot) {
  shared.owner_generations[slot].fetch_add(1);  // as run_forwarder does
  const pid_t pid = fork();
  EXPECT(pid >= 0);
  if (pid == 0) write_for_ever(shared, slot);
  return pid;
}

void kill_writer(pid_t pid) {
  EXPECT(kill(pid, SIGKILL) == 0);
  int status;
  EXPECT(waitpid(pid, &status, 0) == pid);
  EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);  // not by a failed check of its own
}

unsigned claimed(const Shared& shared) {
  unsigned count = 0;
  for (const FlowEntry& entry : shared.entries) count += entry.tag.load() >> 63;
  return count;
}

unsigned claimed_by(const Shared& shared, unsigned slot) {
  unsigned count = 0;
  for (const FlowEntry& entry : shared.entries)
    count += entry.tag.load() >> 63 && (entry.tag.load() & 0xff) == slot;
  return count;
}

void expect_whole(Shared& shared) {
  table_of(shared).for_each(shared.now.load(),
                            [](const FlowTable::Record& record) { EXPECT(is_whole(record)); });
}

}  // namespace

int main(int argc, char** argv) {
  const int kills = argc > 1 ? atoi(argv[1]) : 600;
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  EXPECT(memory != MAP_FAILED);
  Shared& shared = *static_cast<Shared*>(memory);
  shared.now.store(100);

  pid_t writers[kWriterCount];
  for (unsigned w = 0; w < kWriterCount; ++w) writers[w] = start_writer(shared, kWriters[w]);
  std::minstd_rand random(1);
  unsigned left_behind = 0, by_supervisor = 0;
  for (int i = 0; i < kills; ++i) {
    const unsigned w = i % kWriterCount;
    usleep(500 + random() % 3000);
    kill_writer(writers[w]);
    left_behind += claimed(shared) > 0;
    by_supervisor += kWriters[w] == FlowTable::kSupervisor && claimed_by(shared, kWriters[w]) > 0;
    expect_whole(shared);
    shared.now.fetch_add(random() % 2);
    writers[w] = start_writer(shared, kWriters[w]);
  }
  for (const pid_t pid : writers) kill_writer(pid);
  const unsigned held = claimed(shared);
  printf(
      "%d kills, %lu insertions, owned entries seen after %u kills, %u of them the supervisor's, %u at the "
      "end\n",
      kills, shared.writes.load(), left_behind, by_supervisor, held);
  EXPECT(shared.writes.load() > 1000u);
  EXPECT(left_behind > 0);  // else no writer was ever killed in the middle of a write
  expect_whole(shared);

  // The slots are started again: every place is usable.
  for (auto& generation : shared.owner_generations) generation.fetch_add(1);
  const uint32_t later = shared.now.load() + 1000;
  FlowTable table = table_of(shared);
  uint32_t taken = 0;
  for (uint32_t number = 1000; number < 20000; ++number)
    taken += static_cast<bool>(table.insert(key_of(number), table.hash(key_of(number)),
                                            flow_of(number, 0, FlowState::udp), later, kTimeout,
                                            {0, shared.owner_generations[0].load()}));
  EXPECT(taken == kCapacity);
  uint32_t readable = 0;
  table.for_each(later, [&readable](const FlowTable::Record& record) {
    EXPECT(is_whole(record));
    ++readable;
  });
  EXPECT(readable == kCapacity);
}
