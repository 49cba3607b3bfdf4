#pragma once
// The shared segment (abi/segment.h): the supervisor writes snapshots; forwarders write their own slot and
// the service slots; both write the flow table.
#include "abi/segment.h"
#include "core/affinity_reservations.h"
#include "core/arp_conflicts.h"
#include "core/counters.h"
#include "core/flow_table.h"
#include "core/last_hops.h"
#include "core/policy.h"
#include "core/regions.h"
#include "core/token_bucket.h"

namespace coscanet {

constexpr unsigned kBootIdBytes = COSCANET_BOOT_ID_BYTES;

using HashKey = coscanet_hash_key;
using SegmentHeader = coscanet_segment_header;
using DeviceState = coscanet_device_state;
using ForwarderSlot = coscanet_forwarder;
using ServiceSlot = coscanet_service_slot;

class Segment {
 public:
  /// Writes the header of a new segment, all of whose memory is zero.
  static void format(SegmentHeader* header, const Limits& limits, const HashKey& key, const char* boot_id);
  /// Is this the header of a segment of ours, of these limits and this boot?
  static bool fits(const SegmentHeader& header, const Limits& limits, const char* boot_id);

  /// A formatted segment whose regions are there.
  explicit Segment(const RegionAddresses& regions);
  /// … or one behind another from `memory` on.
  static Segment contiguous(uint8_t* memory);

  SegmentHeader& header() const { return *header_; }
  ForwarderSlot& forwarder(unsigned index) const { return forwarders_[index]; }
  ArpConflicts arp_conflicts(unsigned index) const { return ArpConflicts(forwarders_[index].arp_conflicts); }
  ServiceSlot& service(uint32_t slot) const { return services_[slot]; }
  FlowTable flow_table() const;
  /// Client and group → choice: entries like those of flows.
  FlowTable affinity_table() const;
  AffinityReservations affinity_reservations() const { return AffinityReservations(reservations_); }
  LastHops last_hops() const { return LastHops(last_hops_, header_->hash_key); }

  /// Supervisor: a snapshot that no forwarder can be reading, to clear, fill and pass to activate().
  uint8_t* free_snapshot(unsigned* index) const;
  void activate(unsigned index) const;
  /// The snapshot in force, or null. For the supervisor, which alone changes it.
  uint8_t* active_snapshot() const;

  /// Forwarder: pins the snapshot in force until the next pin; null when none is published.
  uint8_t* pin_snapshot(unsigned forwarder) const;
  void unpin_snapshot(unsigned forwarder) const { forwarders_[forwarder].snapshot.store(0); }

 private:
  uint8_t* snapshot(unsigned index) const {
    return snapshots_ + static_cast<uint64_t>(index) * snapshot_bytes_;
  }

  SegmentHeader* header_;
  ForwarderSlot* forwarders_;
  ServiceSlot* services_;
  coscanet_u64* last_hops_;
  coscanet_u64* reservations_;
  coscanet_u64* affinity_pages_;
  coscanet_u64* flow_pages_;
  uint8_t* snapshots_;
  uint64_t snapshot_bytes_;
  FlowEntry* affinities_;
  FlowEntry* flows_;
};

}  // namespace coscanet
