#pragma once
// Next hops as packets taught them: the MAC that a source address was last heard from, and on which side.
// Where a reply goes back the way its request came, no routing table and no ARP is needed on the packet path.
//
// One word per place, read and written whole, so that forwarders need no lock:
//   63…16 MAC | 15…14 side | 13…0 fingerprint of the address; 0: empty
// An address has four places. When others have them all, it takes one; the one that loses it is known again
// when it is heard again. Two hosts on one link that share places and fingerprint (one pair in 2²⁸, under a
// keyed hash) would take each other's, until the other is heard again.
#include <atomic>
#include <cstdint>

#include "core/bytes.h"
#include "core/keyed_hash.h"

namespace coscanet {

struct NextHop {
  Mac mac{};
  uint8_t egress = 0;
};

class Neighbors {
 public:
  static constexpr uint32_t kPlaces = 1u << 16;

  Neighbors(std::atomic<uint64_t>* places, const HashKey& key) : places_(places), key_(key) {}

  /// `is_default`: it is where an unknown address is looked for anyway, and needs no place of its own.
  void learn(const Address& address, const NextHop& hop, bool is_default) {
    const Search search = search_for(address);
    uint64_t word = static_cast<uint64_t>(hop.egress) << kPrintBits | search.print;
    for (unsigned i = 0; i < hop.mac.size(); ++i) word |= static_cast<uint64_t>(hop.mac[i]) << (56 - 8 * i);
    std::atomic<uint64_t>* place = search.own;
    if (!place && is_default) return;
    if (!place) place = search.empty ? search.empty : search.first + search.print % kWays;
    // Written only when it says something new: the line stays shared.
    if (place->load(std::memory_order_relaxed) != word) place->store(word, std::memory_order_relaxed);
  }

  bool find(const Address& address, NextHop* out) const {
    const Search search = search_for(address);
    if (!search.own) return false;
    const uint64_t word = search.own->load(std::memory_order_relaxed);
    // Another forwarder may have given the place away just now.
    if ((word & kPrintMask) != search.print) return false;
    for (unsigned i = 0; i < out->mac.size(); ++i) out->mac[i] = static_cast<uint8_t>(word >> (56 - 8 * i));
    out->egress = word >> kPrintBits & 3;
    return true;
  }

 private:
  static constexpr unsigned kPrintBits = 14;
  static constexpr uint64_t kPrintMask = (1u << kPrintBits) - 1;

  static constexpr unsigned kWays = 4;

  struct Search {
    std::atomic<uint64_t>* first;
    std::atomic<uint64_t>* own = nullptr;
    std::atomic<uint64_t>* empty = nullptr;
    uint16_t print;
  };

  Search search_for(const Address& address) const {
    const uint64_t words[] = {address.high, address.low};
    const uint64_t hash = keyed_hash(key_, words, 2);
    Search search{places_ + hash % (kPlaces / kWays) * kWays, nullptr, nullptr,
                  static_cast<uint16_t>(hash >> 32 & kPrintMask)};
    for (unsigned way = 0; way < kWays; ++way) {
      std::atomic<uint64_t>* place = search.first + way;
      const uint64_t word = place->load(std::memory_order_relaxed);
      if (word != 0 && (word & kPrintMask) == search.print) {
        search.own = place;
        break;
      }
      if (word == 0 && !search.empty) search.empty = place;
    }
    return search;
  }

  std::atomic<uint64_t>* places_;
  HashKey key_;
};

}  // namespace coscanet
