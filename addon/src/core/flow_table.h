#pragma once
// The flow table: five-tuple → endpoint, in memory that several processes share, each of which may die at any
// instruction.
//
//   bucket = 4 entries of one cache line each; a flow is in one of two buckets (its hash names both).
//   tag      version | fingerprint    readable when the fingerprint is not 0
//            version | owner, owned   being written by its owner (slot and generation)
//   value    version | state | endpoint generation | endpoint slot: changed by one compare-and-swap
// (abi/flow_entry.h)
//
// Readers do as with a sequence lock: tag, key, value, tag again. A writer makes the entry its own by the
// tag, writes, and publishes a new tag. One that dies in between leaves an owned entry, which is free for
// others as soon as its owner has been started again. No entry is ever moved, the table never grows, and
// insertion may fail: then the caller forwards by hash.
#include <cstdint>

#include "abi/flow_entry.h"
#include "abi/hash.h"
#include "abi/limits.h"
#include "core/bytes.h"

namespace coscanet {

enum class FlowState : uint8_t {
  syn = COSCANET_FLOW_SYN,
  established = COSCANET_FLOW_ESTABLISHED,
  closing = COSCANET_FLOW_CLOSING,
  udp = COSCANET_FLOW_UDP
};

struct FlowKey {
  Address client;
  Address vip;
  uint16_t client_port = 0;
  uint16_t port = 0;
  uint8_t protocol = 0;

  uint64_t ports_word() const {
    return static_cast<uint64_t>(protocol) << COSCANET_PORTS_PROTOCOL_SHIFT |
           static_cast<uint64_t>(client_port) << COSCANET_PORTS_CLIENT_SHIFT | port;
  }
};

/// An endpoint of the policy: its slot, and the generation that the flow was given to.
struct EndpointRef {
  uint16_t slot = 0;
  uint16_t generation = 0;
  bool operator==(const EndpointRef& o) const { return slot == o.slot && generation == o.generation; }
};

/// The writer of an entry: a forwarder's slot, or the supervisor's, and how often that slot has been started.
/// Never 0 as a whole.
struct Owner {
  uint8_t slot = 0;
  uint32_t generation = 1;  // 23 bits are kept
};

using FlowEntry = coscanet_flow_entry;

struct Flow {
  EndpointRef endpoint;
  FlowState state = FlowState::syn;
};

class FlowTable {
 public:
  static constexpr unsigned kWays = COSCANET_BUCKET_ENTRIES;
  static constexpr unsigned kCandidates = 2 * kWays;  // entries that a flow may be in
  static constexpr unsigned kForwarders = COSCANET_FORWARDERS;
  static constexpr unsigned kSupervisor = kForwarders;  // its slot as an owner: it imports flows
  static constexpr unsigned kOwners = COSCANET_OWNERS;

  /// A found flow: its value, and what is needed to change it.
  struct Ref {
    FlowEntry* entry = nullptr;
    uint64_t value = 0;
    Flow flow;
    explicit operator bool() const { return entry != nullptr; }
  };

  /// `entries`: capacity of the memory, a power of two ≥ 2 * kWays, all zero when new; likewise `pages`, of
  /// page_words(capacity). `owner_generations`: kOwners counters; an entry is owned no longer
  /// once the counter of its owner has moved on.
  FlowTable(FlowEntry* entries, coscanet_u64* pages, uint32_t capacity, const coscanet_hash_key& key,
            const coscanet_u32* owner_generations)
      : entries_(entries),
        pages_(pages),
        buckets_mask_(capacity / kWays - 1),
        key_(coscanet_hash_words_of(&key)),
        owner_generations_(owner_generations) {}
  static constexpr uint32_t page_words(uint32_t capacity) { return (capacity / kPageEntries + 63) / 64 + 1; }

  uint64_t hash(const FlowKey& key) const;

  /// Prefetches the entries in which find() will look for each of at most kBatch hashes (0: for none); into
  /// `entries` goes the one that most likely is the flow's.
  void prefetch(const uint64_t* hashes, unsigned count, FlowEntry** entries) const;

  /// The live entry of `key`, or an empty Ref.
  Ref find(const FlowKey& key, uint64_t hash, uint32_t now) const;
  /// The same; `likely`, of prefetch(), is looked at first.
  Ref find(const FlowKey& key, uint64_t hash, uint32_t now, FlowEntry* likely) const;

  /// Stores a flow that find() did not find. Empty when no entry is free. If two forwarders insert one key in
  /// the same instant, the first candidate wins and both get it from the next look-up on.
  Ref insert(const FlowKey& key, uint64_t hash, const Flow& flow, uint32_t now, uint32_t timeout,
             Owner owner);

  /// Is an entry free for a key of this hash?
  bool has_room(uint64_t hash, uint32_t now) const {
    return free_entries(hash, 0, now) > 0 || free_entries(hash, 1, now) > 0;
  }

  /// Puts the deadline `timeout` seconds ahead; writes only when a second has passed, and tells whether it
  /// did.
  bool touch(const Ref& ref, uint32_t now, uint32_t timeout) const;

  /// Puts the deadline at least `timeout` seconds ahead.
  void extend(const Ref& ref, uint32_t now, uint32_t timeout) const;

  /// Ends the flow, unless a packet of it has come in another second than `seen`. Tells whether it did.
  bool end(const Ref& ref, uint32_t seen, uint32_t now) const;

  /// Changes state and endpoint in one step. false: another writer changed the entry first.
  bool update(Ref& ref, const Flow& flow) const;

  struct Record {
    FlowKey key;
    Flow flow;
    uint32_t expires;
    uint32_t seen;
  };
  uint32_t capacity() const { return (buckets_mask_ + 1) * kWays; }
  /// The live entry of this index; false if there is none.
  bool read(uint32_t index, uint32_t now, Record* out) const {
    // A page that was never written to has no memory yet, and reading would make the kernel allocate it.
    return is_page_used(index) && read(entries_[index], now, out);
  }
  /// All live entries, one call of `visit(const Record&)` each.
  template <typename Visit>
  void for_each(uint32_t now, Visit visit) const {
    Record record;
    for (uint32_t i = 0; i < capacity(); ++i)
      if (read(i, now, &record)) visit(record);
  }

 private:
  static constexpr uint32_t kPageEntries = 4096 / sizeof(FlowEntry);

  static uint32_t fingerprint_of(uint64_t hash) {
    const auto print = static_cast<uint32_t>(hash >> 32);
    return print ? print : 1;
  }
  /// The entries of find(), `n` of 0 … kCandidates - 1: alternately of either bucket.
  FlowEntry* candidate(uint64_t hash, unsigned n) const {
    // The two buckets differ always: the second is an odd distance from the first. Within a bucket the hash
    // names the first way: most flows are found in the first line that is read.
    auto bucket = static_cast<uint32_t>(hash);
    if (n % 2) bucket ^= static_cast<uint32_t>(hash >> 32) * 2 + 1;
    const uint64_t way = (n / 2 + (hash >> 62)) % kWays;
    return &entries_[static_cast<uint64_t>(bucket & buckets_mask_) * kWays + way];
  }
  /// Has a flow ever been written to the page of this entry?
  bool is_page_used(uint32_t index) const {
    const uint32_t page = index / kPageEntries;
    return pages_[page / 64].load(std::memory_order_acquire) >> page % 64 & 1;
  }
  void mark_page_used(uint32_t index) const;
  static bool has_fingerprint(const FlowEntry& entry, uint64_t hash) {
    return static_cast<uint32_t>(entry.tag.load(std::memory_order_relaxed)) == fingerprint_of(hash);
  }
  /// Is the entry that of the live flow `key`? Then `*value` is its value.
  static bool matches(const FlowEntry& entry, const FlowKey& key, uint32_t print, uint32_t now,
                      uint64_t* value);
  bool is_free(const FlowEntry& entry, uint64_t tag, uint32_t now) const;
  /// Number of free entries in the first (0) or second (1) bucket.
  unsigned free_entries(uint64_t hash, unsigned bucket, uint32_t now) const;
  bool read(const FlowEntry& entry, uint32_t now, Record* out) const;

  FlowEntry* entries_;
  coscanet_u64* pages_;  // one bit each: a flow has been written to it
  uint32_t buckets_mask_;
  coscanet_hash_words key_;
  const coscanet_u32* owner_generations_;
};

}  // namespace coscanet
