#pragma once
// Next hops as packets taught them: the MAC that a source address was last heard from, and on which side.
// Where a reply goes back the way its request came, no routing table and no ARP is needed on the packet path.
//
// One word per place, read and written whole, so that forwarders need no lock:
//   63…16 MAC | 15…14 side | 13…0 fingerprint of the address; 0: empty
// A place belongs to whoever was heard last; two hosts on the same link that share place and fingerprint (one
// pair in 2³⁰, under a keyed hash) would take each other's, until the other is heard again.
#include <atomic>
#include <cstdint>

#include "core/bytes.h"
#include "core/siphash.h"

namespace coscanet {

struct NextHop {
  Mac mac{};
  uint8_t egress = 0;
};

class Neighbors {
 public:
  static constexpr uint32_t kPlaces = 1u << 16;

  Neighbors(std::atomic<uint64_t>* places, const HashKey& key) : places_(places), key_(key) {}

  void learn(const Address& address, const Mac& mac, uint8_t side) {
    uint16_t print;
    std::atomic<uint64_t>& place = find_place(address, &print);
    uint64_t word = static_cast<uint64_t>(side) << kPrintBits | print;
    for (unsigned i = 0; i < mac.size(); ++i) word |= static_cast<uint64_t>(mac[i]) << (56 - 8 * i);
    // Written only when it says something new: the line stays shared.
    if (place.load(std::memory_order_relaxed) != word) place.store(word, std::memory_order_relaxed);
  }

  bool find(const Address& address, NextHop* out) const {
    uint16_t print;
    const uint64_t word = find_place(address, &print).load(std::memory_order_relaxed);
    if (word == 0 || (word & kPrintMask) != print) return false;
    for (unsigned i = 0; i < out->mac.size(); ++i) out->mac[i] = static_cast<uint8_t>(word >> (56 - 8 * i));
    out->egress = word >> kPrintBits & 3;
    return true;
  }

 private:
  static constexpr unsigned kPrintBits = 14;
  static constexpr uint64_t kPrintMask = (1u << kPrintBits) - 1;

  std::atomic<uint64_t>& find_place(const Address& address, uint16_t* print) const {
    const uint64_t words[] = {address.high, address.low};
    const uint64_t hash = siphash(key_, words, 2);
    *print = static_cast<uint16_t>(hash >> 32 & kPrintMask);
    return places_[hash % kPlaces];
  }

  std::atomic<uint64_t>* places_;
  HashKey key_;
};

}  // namespace coscanet
