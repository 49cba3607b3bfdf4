#pragma once
// Last hops learned from packets: source MAC and interface of the last packet from an address. Where a reply
// goes back to the last hop of its request, the pipeline needs no routing table and no ARP.
//
// One word per entry (abi/last_hop.h), read and written whole, so that forwarders need no lock.
//
// An address has a bucket of four entries and begins at one of them; it takes the first empty one from there
// on. So most are found at once, and an address that is not before an empty entry is not in the table:
// entries are never emptied. When others have all four, it takes the one it begins at; the address that loses
// it is learned again from its next packet. Two hosts on one link that share bucket and fingerprint (one pair
// in 2²⁸, under a keyed hash) would take each other's entry, until the other's next packet.
#include <cstdint>

#include "abi/hash.h"
#include "abi/last_hop.h"
#include "abi/shared_word.h"
#include "core/bytes.h"

namespace coscanet {

struct NextHop {
  Mac mac{};
  uint8_t egress = 0;
};

class LastHops {
 public:
  static constexpr uint32_t kEntries = COSCANET_LAST_HOPS;

  LastHops(coscanet_u64* entries, const coscanet_hash_key& key)
      : entries_(entries), key_(coscanet_hash_words_of(&key)) {}

  /// `is_default`: it is the hop of unknown addresses, and needs no entry.
  void learn(const Address& address, const NextHop& hop, bool is_default) {
    const Search search = search_for(address);
    if (!search.known && is_default) return;
    const uint64_t word = mac_word(hop.mac) << kHopBits |
                          static_cast<uint64_t>(hop.egress) << kFingerprintBits | search.fingerprint;
    // Written only when it changes: the cache line stays shared.
    if (search.word != word) search.entry->store(word, std::memory_order_relaxed);
  }

  bool find(const Address& address, NextHop* out) const {
    const Search search = search_for(address);
    if (!search.known) return false;
    const uint64_t mac = search.word >> kHopBits;
    memcpy(out->mac.bytes, &mac, sizeof out->mac.bytes);
    out->egress = search.word >> kFingerprintBits & 3;
    return true;
  }

 private:
  static constexpr unsigned kFingerprintBits = COSCANET_LAST_HOP_INTERFACE_SHIFT;
  static constexpr unsigned kHopBits = COSCANET_LAST_HOP_MAC_SHIFT;
  static constexpr uint64_t kFingerprintMask = (1u << kFingerprintBits) - 1;

  static constexpr unsigned kWays = COSCANET_LAST_HOP_BUCKET;

  /// The entry of an address, or the one that it would take, and its word.
  struct Search {
    coscanet_u64* entry;
    uint64_t word;
    uint16_t fingerprint;
    bool known;
  };

  Search search_for(const Address& address) const {
    const uint64_t hash =
        coscanet_hash4(&key_, static_cast<uint32_t>(address.high), static_cast<uint32_t>(address.high >> 32),
                       static_cast<uint32_t>(address.low), static_cast<uint32_t>(address.low >> 32));
    const auto fingerprint = static_cast<uint16_t>(hash >> 32 & kFingerprintMask);
    coscanet_u64* bucket = entries_ + hash % (kEntries / kWays) * kWays;
    for (unsigned i = 0; i < kWays; ++i) {
      coscanet_u64* entry = bucket + (fingerprint + i) % kWays;
      const uint64_t word = entry->load(std::memory_order_relaxed);
      if (word == 0) return {entry, word, fingerprint, false};
      if ((word & kFingerprintMask) == fingerprint) return {entry, word, fingerprint, true};
    }
    coscanet_u64* first = bucket + fingerprint % kWays;
    return {first, first->load(std::memory_order_relaxed), fingerprint, false};
  }

  coscanet_u64* entries_;
  coscanet_hash_words key_;
};

}  // namespace coscanet
