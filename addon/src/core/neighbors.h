#pragma once
// Next hops as packets taught them: the MAC that a source address was last heard from, and on which side.
// Where a reply goes back the way its request came, no routing table and no ARP is needed on the packet path.
//
// One word per place, read and written whole, so that forwarders need no lock:
//   63…16 MAC, its bytes as this machine reads them | 15…14 side | 13…0 fingerprint of the address; 0: empty
// An address has four places, of which one is its first; it takes the first empty one from there on. So one
// look finds most, and what is not before an empty place is not there: places are never emptied. When others
// have them all, it takes its first; the one that loses it is known again when it is heard again. Two hosts
// on one link that share places and fingerprint (one pair in 2²⁸, under a keyed hash) would take each
// other's, until the other is heard again.
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
    if (!search.known && is_default) return;
    const uint64_t word =
        mac_word(hop.mac) << kHopBits | static_cast<uint64_t>(hop.egress) << kPrintBits | search.print;
    // Written only when it says something new: the line stays shared.
    if (search.word != word) search.place->store(word, std::memory_order_relaxed);
  }

  bool find(const Address& address, NextHop* out) const {
    const Search search = search_for(address);
    if (!search.known) return false;
    const uint64_t mac = search.word >> kHopBits;
    memcpy(out->mac.data(), &mac, out->mac.size());
    out->egress = search.word >> kPrintBits & 3;
    return true;
  }

 private:
  static constexpr unsigned kPrintBits = 14;
  static constexpr unsigned kHopBits = 16;
  static constexpr uint64_t kPrintMask = (1u << kPrintBits) - 1;

  static constexpr unsigned kWays = 4;

  /// The place of an address, or the one that it would take, and what is in it.
  struct Search {
    std::atomic<uint64_t>* place;
    uint64_t word;
    uint16_t print;
    bool known;
  };

  Search search_for(const Address& address) const {
    const uint64_t words[] = {address.high, address.low};
    const uint64_t hash = keyed_hash(key_, words, 2);
    const auto print = static_cast<uint16_t>(hash >> 32 & kPrintMask);
    std::atomic<uint64_t>* bucket = places_ + hash % (kPlaces / kWays) * kWays;
    for (unsigned i = 0; i < kWays; ++i) {
      std::atomic<uint64_t>* place = bucket + (print + i) % kWays;
      const uint64_t word = place->load(std::memory_order_relaxed);
      if (word == 0) return {place, word, print, false};
      if ((word & kPrintMask) == print) return {place, word, print, true};
    }
    std::atomic<uint64_t>* first = bucket + print % kWays;
    return {first, first->load(std::memory_order_relaxed), print, false};
  }

  std::atomic<uint64_t>* places_;
  HashKey key_;
};

}  // namespace coscanet
