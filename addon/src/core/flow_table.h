#pragma once
// The flow table: five-tuple → endpoint, in memory that several processes share and any of them may leave at
// any instruction.
//
//   bucket = 4 entries of one cache line each; a flow lives in one of two buckets (its hash names both).
//   tag      version | fingerprint      unclaimed: readable when the fingerprint is not 0
//            version | owner, claimed   being written by `owner` (slot and generation)
//   value    version | state | endpoint generation | endpoint slot: changed by one compare-and-swap
//
// Reading is a sequence lock without a lock: tag, key, value, tag again. Writing claims the tag, writes, and
// publishes a new tag. A writer that dies in between leaves a claim, not a lock: whoever sees that the
// owner's generation is over takes the entry. No entry is ever moved, the table never grows, and insertion
// may fail: then the caller forwards without remembering.
#include <atomic>
#include <cstdint>

#include "core/bytes.h"
#include "core/keyed_hash.h"

namespace coscanet {

enum class FlowState : uint8_t { syn, established, closing, udp };

struct FlowKey {
  Address client;
  Address vip;
  uint16_t client_port = 0;
  uint16_t port = 0;
  uint8_t protocol = 0;

  uint64_t ports_word() const {
    return static_cast<uint64_t>(protocol) << 32 | static_cast<uint64_t>(client_port) << 16 | port;
  }
};

/// Endpoint slot of the policy and the generation that the flow was given to.
struct EndpointRef {
  uint16_t slot = 0;
  uint16_t generation = 0;
  bool operator==(const EndpointRef& o) const { return slot == o.slot && generation == o.generation; }
};

/// Who writes: a forwarder's slot, or the supervisor's, and how often that slot has been started. Never 0 as
/// a whole.
struct Owner {
  uint8_t slot = 0;
  uint32_t generation = 1;  // 23 bits are kept
};

struct FlowEntry {
  std::atomic<uint64_t> tag;
  std::atomic<uint64_t> value;
  std::atomic<uint32_t> expires;  // seconds of the boot clock
  std::atomic<uint32_t> seen;
  std::atomic<uint64_t> client[2];
  std::atomic<uint64_t> vip[2];
  std::atomic<uint64_t> ports;  // FlowKey::ports_word
};
static_assert(sizeof(FlowEntry) == 64, "one cache line");
static_assert(std::atomic<uint64_t>::is_always_lock_free, "shared between processes");

struct Flow {
  EndpointRef endpoint;
  FlowState state = FlowState::syn;
};

class FlowTable {
 public:
  static constexpr unsigned kWays = 4;
  static constexpr unsigned kLooks = 2 * kWays;  // places where a flow may be
  static constexpr unsigned kForwarders = 16;
  static constexpr unsigned kSupervisor = kForwarders;  // its slot as an owner: it writes what nodes claim
  static constexpr unsigned kOwners = kForwarders + 1;

  /// A found flow: what it said, and the proof needed to change it.
  struct Ref {
    FlowEntry* entry = nullptr;
    uint64_t value = 0;
    Flow flow;
    explicit operator bool() const { return entry != nullptr; }
  };

  /// `entries`: capacity of the memory, a power of two ≥ 2 * kWays, all zero when new; likewise `pages`, of
  /// page_words(capacity). `owner_generations`: kOwners counters; a claim by an owner whose counter has moved
  /// on is void.
  FlowTable(FlowEntry* entries, std::atomic<uint64_t>* pages, uint32_t capacity, const HashKey& key,
            const std::atomic<uint32_t>* owner_generations)
      : entries_(entries),
        pages_(pages),
        buckets_mask_(capacity / kWays - 1),
        key_(key),
        owner_generations_(owner_generations) {}
  static constexpr uint32_t page_words(uint32_t capacity) { return (capacity / kPageEntries + 63) / 64 + 1; }

  uint64_t hash(const FlowKey& key) const;

  /// Fetches the memory where find() will look for each of at most kBatch hashes (0: for none), and tells
  /// where that flow most likely is.
  void approach(const uint64_t* hashes, unsigned count, FlowEntry** places) const;

  /// The live entry of `key`, or an empty Ref.
  Ref find(const FlowKey& key, uint64_t hash, uint32_t now) const;
  /// The same, for who knows where it most likely is.
  Ref find(const FlowKey& key, uint64_t hash, uint32_t now, FlowEntry* likely) const;

  /// Remembers a flow that find() did not know. Empty when no place is free. If two forwarders insert one key
  /// in the same instant, the lower place wins and both get it from the next lookup on.
  Ref insert(const FlowKey& key, uint64_t hash, const Flow& flow, uint32_t now, uint32_t timeout,
             Owner owner);

  /// Is there a place where insert() would put a key of this hash?
  bool has_room(uint64_t hash, uint32_t now) const {
    return room(hash, 0, now) > 0 || room(hash, 1, now) > 0;
  }

  /// Puts the deadline `timeout` seconds ahead; writes only when a second has passed, and tells whether it
  /// did.
  bool touch(const Ref& ref, uint32_t now, uint32_t timeout) const;

  /// Puts the deadline at least `timeout` seconds ahead.
  void extend(const Ref& ref, uint32_t now, uint32_t timeout) const;

  /// Changes state and endpoint in one step. false: somebody else changed the entry first.
  bool update(Ref& ref, const Flow& flow) const;

  struct Record {
    FlowKey key;
    Flow flow;
    uint32_t expires;
    uint32_t seen;
  };
  /// How many flows it can hold.
  uint32_t places() const { return (buckets_mask_ + 1) * kWays; }
  /// The live entry in `place`; false if there is none.
  bool read(uint32_t place, uint32_t now, Record* out) const {
    // Where no flow ever was there is no memory yet, and looking would make the kernel find some.
    return is_used(place) && read(entries_[place], now, out);
  }
  /// All live entries, one call of `visit(const Record&)` each.
  template <typename Visit>
  void for_each(uint32_t now, Visit visit) const {
    Record record;
    for (uint32_t i = 0; i < places(); ++i)
      if (read(i, now, &record)) visit(record);
  }

 private:
  static constexpr uint32_t kPageEntries = 4096 / sizeof(FlowEntry);

  static uint32_t fingerprint_of(uint64_t hash) {
    const auto print = static_cast<uint32_t>(hash >> 32);
    return print ? print : 1;
  }
  /// Where find() looks, `look` of 0 … kLooks - 1: by turns in either bucket.
  FlowEntry* find_place(uint64_t hash, unsigned look) const {
    // Two buckets that are never the same: the second is an odd distance from the first. Within a bucket each
    // flow begins at a way of its own: most are found in the first line that is looked at.
    auto bucket = static_cast<uint32_t>(hash);
    if (look % 2) bucket ^= static_cast<uint32_t>(hash >> 32) * 2 + 1;
    const uint64_t way = (look / 2 + (hash >> 62)) % kWays;
    return &entries_[static_cast<uint64_t>(bucket & buckets_mask_) * kWays + way];
  }
  /// Has a flow ever been written to the page of this place?
  bool is_used(uint32_t place) const {
    const uint32_t page = place / kPageEntries;
    return pages_[page / 64].load(std::memory_order_acquire) >> page % 64 & 1;
  }
  void mark_used(uint32_t place) const;
  static bool bears(const FlowEntry& entry, uint64_t hash) {
    return static_cast<uint32_t>(entry.tag.load(std::memory_order_relaxed)) == fingerprint_of(hash);
  }
  /// Is the entry that of a live flow, and which value has it?
  static bool holds(const FlowEntry& entry, const FlowKey& key, uint32_t print, uint32_t now,
                    uint64_t* value);
  bool claimable(const FlowEntry& entry, uint64_t tag, uint32_t now) const;
  /// Claimable places of the first (0) or second (1) bucket.
  unsigned room(uint64_t hash, unsigned bucket, uint32_t now) const;
  bool read(const FlowEntry& entry, uint32_t now, Record* out) const;

  FlowEntry* entries_;
  std::atomic<uint64_t>* pages_;  // one bit each: a flow has been written to it
  uint32_t buckets_mask_;
  HashKey key_;
  const std::atomic<uint32_t>* owner_generations_;
};

}  // namespace coscanet
