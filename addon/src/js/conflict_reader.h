#pragma once
// addon/router.ts: Segment.arpConflicts, of the router's and of the tests' façade.
#include <napi.h>

#include "core/segment.h"

namespace coscanet {

class ConflictReader {
 public:
  /// Calls `f` with each ArpConflict that is new. Cheap where none is: it is asked ten times a second.
  template <typename F>
  void for_each(const Segment& segment, F&& f) {
    for (unsigned i = 0; i < segment.header().limits.forwarders; ++i) {
      const uint64_t count = Counters(segment.forwarder(i).counters).get(Counter::k_drop_arp_conflict);
      if (count == counts_[i]) continue;
      counts_[i] = count;
      segment.arp_conflicts(i).for_each_new(&seen_[i], f);
    }
  }

  Napi::Array array(Napi::Env env, const Segment& segment);

 private:
  /// Of each forwarder: of its counter, and of its entries, what has been read.
  uint64_t counts_[COSCANET_FORWARDERS] = {};
  ArpConflicts::Seen seen_[COSCANET_FORWARDERS] = {};
};

}  // namespace coscanet
