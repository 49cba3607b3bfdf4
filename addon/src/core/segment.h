#pragma once
// The shared segment: all state that outlives a process.
//
//   SegmentHeader │ ForwarderSlot × 16 │ service slots │ last hops │ affinity reservations │ pages in use │
//   snapshots │ affinity table │ flow table
//
// The supervisor writes snapshots; forwarders write their own slot and the service slots; both write the flow
// table.
#include "core/affinity_reservations.h"
#include "core/counters.h"
#include "core/flow_table.h"
#include "core/last_hops.h"
#include "core/limiter.h"
#include "core/policy.h"

namespace coscanet {

constexpr uint64_t kSegmentMagic = 0x74656e6163736f63u;  // "coscanet"
constexpr uint32_t kSegmentVersion = 12;
// One in force, one for each forwarder that may still read an older one, one to write: there is always a free
// one.
constexpr unsigned kSnapshots = FlowTable::kForwarders + 2;
constexpr unsigned kBootIdBytes = 40;

struct SegmentHeader {
  uint64_t magic;
  uint32_t version;
  uint64_t bytes;
  char boot_id[kBootIdBytes];  // clocks and rings do not survive a reboot, so neither does this
  HashKey hash_key;
  Limits limits;
  std::atomic<uint32_t> active;  // index of the snapshot in force, plus 1; 0: none yet
  Limiter replies;
  std::atomic<uint32_t> owner_generations[FlowTable::kOwners];  // how often each owner was started
};

/// What a device keeps over the death of its process: zero at first, laid out by the device alone.
struct alignas(64) DeviceState {
  uint8_t bytes[64];
};

/// Written by its forwarder's process alone; the supervisor clears it when that process is dead.
struct alignas(64) ForwarderSlot {
  std::atomic<int32_t> pid;
  std::atomic<uint64_t> start_time;
  std::atomic<uint64_t> heartbeat_ms;  // boot clock
  std::atomic<uint32_t> snapshot;      // hazard: index plus 1 of the snapshot that it may be reading
  std::atomic<int32_t> descriptors[kInterfaces];  // of its devices, for who takes over
  DeviceState devices[kInterfaces];
  alignas(64) Counters counters;
};

/// Written by all forwarders.
struct ServiceSlot {
  std::atomic<uint32_t> cursor;     // round robin; kept when the ring changes
  std::atomic<uint32_t> new_flows;  // wraps
};

class Segment {
 public:
  static uint64_t bytes(const Limits& limits);
  /// Lays out zeroed memory of bytes(limits).
  static void format(uint8_t* memory, const Limits& limits, const HashKey& key, const char* boot_id);
  /// Is this a segment of ours, of these limits and this boot?
  static bool fits(const uint8_t* memory, uint64_t length, const Limits& limits, const char* boot_id);

  explicit Segment(uint8_t* memory);

  SegmentHeader& header() const { return *header_; }
  ForwarderSlot& forwarder(unsigned index) const { return forwarders_[index]; }
  ServiceSlot& service(uint32_t slot) const { return services_[slot]; }
  FlowTable flow_table() const;
  /// Client and group → choice: entries like those of flows.
  FlowTable affinity_table() const;
  AffinityReservations affinity_reservations() const { return AffinityReservations(reservations_); }
  LastHops last_hops() const { return LastHops(last_hops_, header_->hash_key); }

  /// Supervisor: a snapshot that no forwarder can be reading, to clear, fill and pass to activate().
  uint8_t* free_snapshot(unsigned* index) const;
  void activate(unsigned index) const;
  /// The snapshot in force, or null. For the supervisor, who alone changes it.
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
  std::atomic<uint64_t>* last_hops_;
  std::atomic<uint64_t>* reservations_;
  uint8_t* snapshots_;
  uint64_t snapshot_bytes_;
  std::atomic<uint64_t>* flow_pages_;
  std::atomic<uint64_t>* affinity_pages_;
  FlowEntry* flows_;
  FlowEntry* affinities_;
};

}  // namespace coscanet
