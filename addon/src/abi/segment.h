// The shared segment: all state that outlives a process, in named regions. Each region is one piece of
// memory; where a region is, and whether several are in one file, is up to who supplies them
// (core/segment.h).
#ifndef COSCANET_ABI_SEGMENT_H
#define COSCANET_ABI_SEGMENT_H

#include <assert.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/arp_conflict.h"
#include "abi/counters.h"
#include "abi/hash.h"
#include "abi/limits.h"
#include "abi/shared_word.h"

#define COSCANET_SEGMENT_MAGIC 0x74656e6163736f63u  // "coscanet"
// Another one whenever the layout of anything in the segment changes.
#define COSCANET_SEGMENT_VERSION 14u

enum coscanet_region {
  COSCANET_REGION_HEADER,          // coscanet_segment_header
  COSCANET_REGION_FORWARDERS,      // coscanet_forwarder[COSCANET_FORWARDERS]
  COSCANET_REGION_SERVICES,        // coscanet_service_slot[limits.services]
  COSCANET_REGION_LAST_HOPS,       // coscanet_u64[COSCANET_LAST_HOPS]
  COSCANET_REGION_RESERVATIONS,    // coscanet_u64[COSCANET_RESERVATIONS]
  COSCANET_REGION_AFFINITY_PAGES,  // one bit for each page of the affinity table: written to
  COSCANET_REGION_FLOW_PAGES,      // the same for the flow table
  COSCANET_REGION_SNAPSHOTS,       // policy snapshots (abi/policy.h)
  COSCANET_REGION_AFFINITIES,      // coscanet_flow_entry[limits.affinities]
  COSCANET_REGION_FLOWS,           // coscanet_flow_entry[limits.flows]
  COSCANET_REGIONS
};

// One in force, one for each forwarder that may still read an older one, one to write: one is always free.
#define COSCANET_SNAPSHOTS (COSCANET_FORWARDERS + 2)
#define COSCANET_BOOT_ID_BYTES 40

struct coscanet_segment_header {
  uint64_t magic;
  uint32_t version;
  uint64_t bytes;                        // of all regions in one piece
  char boot_id[COSCANET_BOOT_ID_BYTES];  // clocks and rings do not survive a reboot, so neither does this
  struct coscanet_hash_key hash_key;
  struct coscanet_limits limits;
  coscanet_u32 active;                              // index of the snapshot in force, plus 1; 0: none yet
  coscanet_u64 reply_tokens;                        // core/limiter.h
  coscanet_u32 owner_generations[COSCANET_OWNERS];  // how often each owner was started
};

// What a device keeps over the death of its process: zero at first, laid out by the device alone.
struct coscanet_device_state {
  alignas(64) uint8_t bytes[64];
};

// Written by its forwarder's process alone; the supervisor clears it when that process is dead.
struct coscanet_forwarder {
  alignas(64) coscanet_i32 pid;
  coscanet_u64 start_time;
  coscanet_u64 heartbeat_ms;  // boot clock
  coscanet_u32 snapshot;      // hazard: index plus 1 of the snapshot that it may be reading
  coscanet_i32 descriptors[COSCANET_INTERFACES];  // of its devices, for a successor
  struct coscanet_device_state devices[COSCANET_INTERFACES];
  alignas(64) coscanet_u64 counters[COSCANET_COUNTER_COUNT];
  struct coscanet_arp_conflict arp_conflicts[COSCANET_ARP_CONFLICTS];
};

// Written by all forwarders.
struct coscanet_service_slot {
  coscanet_u32 cursor;     // round robin; kept when the ring changes
  coscanet_u32 new_flows;  // wraps
};

static_assert(offsetof(struct coscanet_segment_header, bytes) == 16, "shared layout");
static_assert(offsetof(struct coscanet_segment_header, hash_key) == 64, "shared layout");
static_assert(offsetof(struct coscanet_segment_header, limits) == 80, "shared layout");
static_assert(offsetof(struct coscanet_segment_header, active) == 116, "shared layout");
static_assert(offsetof(struct coscanet_segment_header, reply_tokens) == 120, "shared layout");
static_assert(offsetof(struct coscanet_segment_header, owner_generations) == 128, "shared layout");
static_assert(sizeof(struct coscanet_segment_header) == 200, "shared layout");
static_assert(sizeof(struct coscanet_device_state) == 64, "shared layout");
static_assert(offsetof(struct coscanet_forwarder, snapshot) == 24, "shared layout");
static_assert(offsetof(struct coscanet_forwarder, devices) == 64, "shared layout");
static_assert(offsetof(struct coscanet_forwarder, counters) == 256, "shared layout");
static_assert(sizeof(struct coscanet_service_slot) == 8, "shared layout");

#endif
