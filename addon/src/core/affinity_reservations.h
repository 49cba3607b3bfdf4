#pragma once
// How forwarders that choose an endpoint for one client at the same time agree without waiting for each
// other: the first to write its choice into a word that both read reserves it.
//
// word: 63 used | 62…52 fingerprint of the client | 51…32 seconds | 31…16 generation | 15…0 endpoint slot
// A reservation holds for a second or two; by then the choice is in the affinity table. Clients that share a
// word and a fingerprint (one pair in 2²³, under a keyed hash) in that time share the choice: harmless.
#include <atomic>
#include <cstdint>

#include "core/flow_table.h"

namespace coscanet {

class AffinityReservations {
 public:
  static constexpr uint32_t kWords = 4096;

  explicit AffinityReservations(std::atomic<uint64_t>* words) : words_(words) {}

  /// Returns what another forwarder has just reserved for the client of `hash`, if that is `valid`; else
  /// reserves `wanted` and returns that.
  template <typename Valid>
  EndpointRef reserve(uint64_t hash, uint32_t now, EndpointRef wanted, Valid valid) const {
    const uint64_t who = 1ull << 63 | (hash & 0x7ff) << 52;
    const uint64_t mine =
        who | (now & kSeconds) << 32 | static_cast<uint64_t>(wanted.generation) << 16 | wanted.slot;
    std::atomic<uint64_t>& shared = words_[hash >> 52 & (kWords - 1)];
    uint64_t word = shared.load(std::memory_order_acquire);
    for (;;) {
      const EndpointRef other{static_cast<uint16_t>(word), static_cast<uint16_t>(word >> 16)};
      // Clocks are read once for a batch: the other's may be a second behind or ahead.
      const bool fresh = ((now + 1 - (word >> 32)) & kSeconds) <= 2;
      if (word >> 52 == who >> 52 && fresh && valid(other)) return other;
      if (shared.compare_exchange_weak(word, mine, std::memory_order_acq_rel)) return wanted;
    }
  }

 private:
  static constexpr uint64_t kSeconds = 0xfffff;

  std::atomic<uint64_t>* words_;
};

}  // namespace coscanet
