#pragma once
// How forwarders that choose an endpoint for one client at the same time agree without waiting for each
// other: the first to write its choice into a word that both read reserves it.
//
// A reservation holds for a second or two; by then the choice is in the affinity table. Clients that share a
// word and a fingerprint (one pair in 2²³, under a keyed hash) in that time share the choice: harmless.
#include <cstdint>

#include "abi/last_hop.h"
#include "core/flow_table.h"

namespace coscanet {

class AffinityReservations {
 public:
  static constexpr uint32_t kWords = COSCANET_RESERVATIONS;

  explicit AffinityReservations(coscanet_u64* words) : words_(words) {}

  /// Returns what another forwarder has just reserved for the client of `hash`, if that is `valid`; else
  /// reserves `wanted` and returns that.
  template <typename Valid>
  EndpointRef reserve(uint64_t hash, uint32_t now, EndpointRef wanted, Valid valid) const {
    const uint64_t client = 1ull << 63 | (hash & 0x7ff) << kClient;
    const uint64_t mine = client | (now & kSeconds) << kTime |
                          static_cast<uint64_t>(wanted.generation) << kGeneration | wanted.slot;
    coscanet_u64& shared = words_[hash >> 52 & (kWords - 1)];
    uint64_t word = shared.load(std::memory_order_acquire);
    for (;;) {
      const EndpointRef other{static_cast<uint16_t>(word), static_cast<uint16_t>(word >> kGeneration)};
      // Clocks are read once for a batch: the other's may be a second behind or ahead.
      const bool fresh = ((now + 1 - (word >> kTime)) & kSeconds) <= 2;
      if (word >> kClient == client >> kClient && fresh && valid(other)) return other;
      if (shared.compare_exchange(word, mine, std::memory_order_acq_rel)) return wanted;
    }
  }

 private:
  static constexpr unsigned kClient = COSCANET_RESERVATION_CLIENT_SHIFT;
  static constexpr unsigned kTime = COSCANET_RESERVATION_SECONDS_SHIFT;
  static constexpr unsigned kGeneration = COSCANET_RESERVATION_GENERATION_SHIFT;
  static constexpr uint64_t kSeconds = 0xfffff;

  coscanet_u64* words_;
};

}  // namespace coscanet
