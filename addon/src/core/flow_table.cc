#include "core/flow_table.h"

#include "core/frame.h"

namespace coscanet {
namespace {

constexpr uint64_t kOwned = COSCANET_TAG_OWNED;
constexpr unsigned kTagVersion = COSCANET_TAG_VERSION_SHIFT;
constexpr uint64_t kVersionMask = 0x7fffffffull << kTagVersion;
constexpr unsigned kOwnerGeneration = COSCANET_TAG_OWNER_GENERATION_SHIFT;
constexpr uint32_t kGenerationMask = COSCANET_OWNER_GENERATION_MASK;
constexpr unsigned kValueVersion = COSCANET_VALUE_VERSION_SHIFT;
constexpr unsigned kState = COSCANET_VALUE_STATE_SHIFT;
constexpr unsigned kGeneration = COSCANET_VALUE_GENERATION_SHIFT;
constexpr auto kAcquire = std::memory_order_acquire;
constexpr auto kRelease = std::memory_order_release;
constexpr auto kRelaxed = std::memory_order_relaxed;

uint64_t next_version(uint64_t tag) {
  return (tag + (1ull << kTagVersion)) & kVersionMask;
}
uint64_t owner_word(Owner owner) {
  return (owner.generation & kGenerationMask) << kOwnerGeneration | owner.slot;
}

uint64_t pack(uint64_t tag_version, const Flow& flow) {
  return (tag_version >> kTagVersion & 0xfffffff) << kValueVersion |
         static_cast<uint64_t>(flow.state) << kState |
         static_cast<uint64_t>(flow.endpoint.generation) << kGeneration | flow.endpoint.slot;
}
Flow unpack(uint64_t value) {
  Flow flow;
  flow.endpoint.slot = static_cast<uint16_t>(value);
  flow.endpoint.generation = static_cast<uint16_t>(value >> kGeneration);
  flow.state = static_cast<FlowState>(value >> kState & 0xf);
  return flow;
}
bool same_version(uint64_t tag, uint64_t value) {
  return (tag >> kTagVersion & 0xfffffff) == value >> kValueVersion;
}

bool key_is(const FlowEntry& e, const FlowKey& key) {
  return e.ports.load(kAcquire) == key.ports_word() && e.client[1].load(kAcquire) == key.client.low &&
         e.client[0].load(kAcquire) == key.client.high && e.vip[1].load(kAcquire) == key.vip.low &&
         e.vip[0].load(kAcquire) == key.vip.high;
}

// The boot clock of 32 bits lasts 136 years; deadlines are compared as distances all the same.
bool expired(uint32_t expires, uint32_t now) {
  return static_cast<int32_t>(expires - now) <= 0;
}

}  // namespace

uint64_t FlowTable::hash(const FlowKey& key) const {
  // IPv4: most of the words say nothing.
  if (key.client.is_v4() && key.vip.is_v4()) {
    const uint32_t ports = static_cast<uint32_t>(key.client_port) << 16 | key.port;
    return coscanet_hash4(&key_, key.client.v4_word(), key.vip.v4_word(), ports, key.protocol);
  }
  const uint64_t words[] = {key.client.high, key.client.low, key.vip.high, key.vip.low, key.ports_word()};
  return coscanet_hash_wide5(&key_, words);
}

void FlowTable::prefetch(const uint64_t* hashes, unsigned count, FlowEntry** entries) const {
  // Each step prefetches lines for all flows that are not found yet, then reads them: memory is waited for
  // once a step. In loops without other work, so that the CPU has many lines in flight, and without branches
  // on what is found, which it would mispredict.
  uint8_t wanted[kBatch];
  unsigned left = 0;
  for (unsigned i = 0; i < count; ++i) {
    entries[i] = candidate(hashes[i], 0);
    __builtin_prefetch(entries[i], 1);
  }
  for (unsigned i = 0; i < count; ++i) {
    wanted[left] = static_cast<uint8_t>(i);
    left += (hashes[i] != 0) & !has_fingerprint(*entries[i], hashes[i]);
  }
  // In a table half full three in four are found by now, nineteen in twenty after two more candidates.
  unsigned begin = 1;
  for (const unsigned end : {3u, 5u, kCandidates}) {
    for (unsigned i = 0; i < left; ++i)
      for (unsigned n = begin; n < end; ++n) __builtin_prefetch(candidate(hashes[wanted[i]], n), 1);
    unsigned still = 0;
    for (unsigned i = 0; i < left; ++i) {
      const uint8_t which = wanted[i];
      FlowEntry* found = nullptr;
      for (unsigned n = end; n-- > begin;) {
        FlowEntry* entry = candidate(hashes[which], n);
        found = has_fingerprint(*entry, hashes[which]) ? entry : found;
      }
      entries[which] = found ? found : entries[which];
      wanted[still] = which;
      still += !found;
    }
    left = still;
    begin = end;
  }
}

bool FlowTable::matches(const FlowEntry& e, const FlowKey& key, uint32_t print, uint32_t now,
                        uint64_t* value) {
  const uint64_t tag = e.tag.load(kAcquire);
  if ((tag & kOwned) || static_cast<uint32_t>(tag) != print || !key_is(e, key)) return false;
  *value = e.value.load(kAcquire);
  const uint32_t expires = e.expires.load(kAcquire);
  return e.tag.load(kRelaxed) == tag && same_version(tag, *value) && !expired(expires, now);
}

FlowTable::Ref FlowTable::find(const FlowKey& key, uint64_t hash, uint32_t now) const {
  const uint32_t print = fingerprint_of(hash);
  uint64_t value;
  for (unsigned n = 0; n < kCandidates; ++n) {
    FlowEntry* entry = candidate(hash, n);
    if (matches(*entry, key, print, now, &value)) return {entry, value, unpack(value)};
  }
  return {};
}

FlowTable::Ref FlowTable::find(const FlowKey& key, uint64_t hash, uint32_t now, FlowEntry* likely) const {
  uint64_t value;
  if (matches(*likely, key, fingerprint_of(hash), now, &value)) return {likely, value, unpack(value)};
  return find(key, hash, now);
}

bool FlowTable::is_free(const FlowEntry& e, uint64_t tag, uint32_t now) const {
  if (tag & kOwned) {
    // Left by an owner that died while it wrote: free once that slot has been started again.
    const auto slot = static_cast<uint8_t>(tag);
    return slot >= kOwners || (tag >> kOwnerGeneration & kGenerationMask) !=
                                  (owner_generations_[slot].load(kAcquire) & kGenerationMask);
  }
  return static_cast<uint32_t>(tag) == 0 || expired(e.expires.load(kAcquire), now);
}

unsigned FlowTable::free_entries(uint64_t hash, unsigned bucket, uint32_t now) const {
  unsigned free = 0;
  for (unsigned n = bucket; n < kCandidates; n += 2) {
    const FlowEntry& e = *candidate(hash, n);
    free += is_free(e, e.tag.load(kAcquire), now);
  }
  return free;
}

FlowTable::Ref FlowTable::insert(const FlowKey& key, uint64_t hash, const Flow& flow, uint32_t now,
                                 uint32_t timeout, Owner owner) {
  // The first candidate of find(), if that is free. Else the emptier bucket: then both are full only when the
  // whole table nearly is.
  const FlowEntry* home = candidate(hash, 0);
  const bool at_home = is_free(*home, home->tag.load(kAcquire), now);
  const unsigned emptier = !at_home && free_entries(hash, 1, now) > free_entries(hash, 0, now);
  for (unsigned i = 0; i < kCandidates; ++i) {
    const unsigned bucket = i < kWays ? emptier : 1 - emptier;
    FlowEntry* e = candidate(hash, i % kWays * 2 + bucket);
    uint64_t tag = e->tag.load(kAcquire);
    if (!is_free(*e, tag, now)) continue;
    mark_page_used(static_cast<uint32_t>(e - entries_));
    const uint64_t version = next_version(tag);
    if (!e->tag.compare_exchange(tag, kOwned | version | owner_word(owner))) continue;

    const uint64_t value = pack(version, flow);
    e->value.store(value, kRelease);
    e->client[0].store(key.client.high, kRelease);
    e->client[1].store(key.client.low, kRelease);
    e->vip[0].store(key.vip.high, kRelease);
    e->vip[1].store(key.vip.low, kRelease);
    e->ports.store(key.ports_word(), kRelease);
    e->seen.store(now, kRelease);
    e->expires.store(now + timeout, kRelease);
    e->tag.store(version | fingerprint_of(hash), kRelease);

    const Ref winner = find(key, hash, now);
    if (winner && winner.entry != e) {
      uint64_t mine = version | fingerprint_of(hash);
      e->tag.compare_exchange(mine, next_version(version));
      return winner;
    }
    return {e, value, flow};
  }
  return {};
}

void FlowTable::mark_page_used(uint32_t index) const {
  const uint32_t page = index / kPageEntries;
  if (!is_page_used(index)) pages_[page / 64].fetch_or(1ull << page % 64);
}

bool FlowTable::touch(const Ref& ref, uint32_t now, uint32_t timeout) const {
  // Should the entry have become another flow's in this instant, that flow's deadline moves: harmless.
  if (ref.entry->seen.load(kRelaxed) == now && ref.entry->expires.load(kRelaxed) == now + timeout)
    return false;
  ref.entry->seen.store(now, kRelaxed);
  ref.entry->expires.store(now + timeout, kRelease);
  return true;
}

bool FlowTable::end(const Ref& ref, uint32_t seen, uint32_t now) const {
  // Whoever touches the flow after this look, or gets the entry for another one, changes `expires`.
  uint32_t expires = ref.entry->expires.load(kAcquire);
  if (ref.entry->seen.load(kAcquire) != seen) return false;
  return ref.entry->expires.compare_exchange(expires, now);
}

void FlowTable::extend(const Ref& ref, uint32_t now, uint32_t timeout) const {
  const uint32_t wanted = now + timeout;
  if (expired(ref.entry->expires.load(kRelaxed), wanted)) ref.entry->expires.store(wanted, kRelaxed);
}

bool FlowTable::update(Ref& ref, const Flow& flow) const {
  const uint64_t wanted = (ref.value >> kValueVersion) << kValueVersion | pack(0, flow);
  uint64_t expected = ref.value;
  if (expected != wanted && !ref.entry->value.compare_exchange(expected, wanted)) return false;
  ref.value = wanted;
  ref.flow = flow;
  return true;
}

bool FlowTable::read(const FlowEntry& e, uint32_t now, Record* out) const {
  const uint64_t tag = e.tag.load(kAcquire);
  if ((tag & kOwned) || static_cast<uint32_t>(tag) == 0) return false;
  out->key.client = {e.client[0].load(kAcquire), e.client[1].load(kAcquire)};
  out->key.vip = {e.vip[0].load(kAcquire), e.vip[1].load(kAcquire)};
  const uint64_t ports = e.ports.load(kAcquire);
  const uint64_t value = e.value.load(kAcquire);
  out->expires = e.expires.load(kAcquire);
  out->seen = e.seen.load(kAcquire);
  if (e.tag.load(kRelaxed) != tag || !same_version(tag, value) || expired(out->expires, now)) return false;
  out->key.protocol = static_cast<uint8_t>(ports >> COSCANET_PORTS_PROTOCOL_SHIFT);
  out->key.client_port = static_cast<uint16_t>(ports >> COSCANET_PORTS_CLIENT_SHIFT);
  out->key.port = static_cast<uint16_t>(ports);
  out->flow = unpack(value);
  return true;
}

}  // namespace coscanet
