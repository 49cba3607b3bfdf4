#pragma once
// Who else uses our VIPs (abi/arp_conflict.h): written by a forwarder, read by the supervisor. A host that
// sends many frames for one VIP has one entry, so that it does not hide the others'.
#include <array>

#include "abi/arp_conflict.h"
#include "core/bytes.h"

namespace coscanet {

struct ArpConflict {
  Address vip;
  Mac mac;
  uint8_t ingress;
};

class ArpConflicts {
 public:
  static constexpr unsigned kEntries = COSCANET_ARP_CONFLICTS;
  /// Of a reader: what it has read of each entry.
  using Seen = std::array<uint64_t, kEntries>;

  explicit ArpConflicts(coscanet_arp_conflict* entries) : entries_(entries) {}

  void record(const ArpConflict& conflict) {
    coscanet_arp_conflict& entry = entry_for(conflict.vip);
    const uint64_t sequence = entry.sequence.load(std::memory_order_relaxed) | 1;  // odd: its writer died
    entry.sequence.store(sequence);
    entry.vip_high.store(conflict.vip.high);
    entry.vip_low.store(conflict.vip.low);
    entry.rival.store(mac_word(conflict.mac) | static_cast<uint64_t>(conflict.ingress) << kInterfaceShift);
    entry.sequence.store(sequence + 1);
  }

  /// Calls `f` with what is new since `seen`, which then is as it is now.
  template <typename F>
  void for_each_new(Seen* seen, F&& f) const {
    for (unsigned i = 0; i < kEntries; ++i) {
      const coscanet_arp_conflict& entry = entries_[i];
      const uint64_t sequence = entry.sequence.load();
      if (sequence == (*seen)[i] || sequence & 1) continue;
      const ArpConflict conflict = read(entry);
      if (entry.sequence.load() != sequence) continue;  // the next call finds it
      (*seen)[i] = sequence;
      f(conflict);
    }
  }

 private:
  static constexpr unsigned kInterfaceShift = COSCANET_ARP_CONFLICT_INTERFACE_SHIFT;

  static ArpConflict read(const coscanet_arp_conflict& entry) {
    ArpConflict conflict{};
    conflict.vip.high = entry.vip_high.load();
    conflict.vip.low = entry.vip_low.load();
    const uint64_t rival = entry.rival.load();
    memcpy(conflict.mac.bytes, &rival, sizeof conflict.mac.bytes);
    conflict.ingress = static_cast<uint8_t>(rival >> kInterfaceShift);
    return conflict;
  }

  /// That of the VIP, else a free one, else one that others share.
  coscanet_arp_conflict& entry_for(const Address& vip) const {
    for (unsigned i = 0; i < kEntries; ++i) {
      coscanet_arp_conflict& entry = entries_[i];
      const bool free = entry.sequence.load() == 0;
      if (free || (entry.vip_high.load() == vip.high && entry.vip_low.load() == vip.low)) return entry;
    }
    return entries_[(vip.low >> 32 ^ vip.low >> 56) % kEntries];
  }

  coscanet_arp_conflict* entries_;
};

}  // namespace coscanet
