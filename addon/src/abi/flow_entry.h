// An entry of the flow table and of the affinity table. core/flow_table.h says how it is read and written.
#ifndef COSCANET_ABI_FLOW_ENTRY_H
#define COSCANET_ABI_FLOW_ENTRY_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/shared_word.h"

enum coscanet_flow_state {
  COSCANET_FLOW_SYN,
  COSCANET_FLOW_ESTABLISHED,
  COSCANET_FLOW_CLOSING,
  COSCANET_FLOW_UDP,
  COSCANET_FLOW_STATES
};

// tag:   63 owned | 62…32 version | 31…0 fingerprint, or owner: 30…8 generation, 7…0 slot
// value: 63…36 version (low 28 bits) | 35…32 state | 31…16 endpoint generation | 15…0 endpoint slot
// ports: 39…32 protocol | 31…16 client port | 15…0 port
#define COSCANET_TAG_OWNED 0x8000000000000000u
#define COSCANET_TAG_VERSION_SHIFT 32
#define COSCANET_TAG_OWNER_GENERATION_SHIFT 8
#define COSCANET_OWNER_GENERATION_MASK 0x7fffffu
#define COSCANET_VALUE_VERSION_SHIFT 36
#define COSCANET_VALUE_STATE_SHIFT 32
#define COSCANET_VALUE_GENERATION_SHIFT 16
#define COSCANET_PORTS_PROTOCOL_SHIFT 32
#define COSCANET_PORTS_CLIENT_SHIFT 16

struct coscanet_flow_entry {
  coscanet_u64 tag;
  coscanet_u64 value;
  coscanet_u32 expires;  // seconds of the boot clock
  coscanet_u32 seen;
  coscanet_u64 client[2];
  coscanet_u64 vip[2];
  coscanet_u64 ports;
};

// Entries of one bucket, one cache line each. A flow is in one of two buckets, both named by its hash:
//   the hash's low 32 bits, and these XOR (its high 32 bits times 2, plus 1), modulo the number of buckets.
#define COSCANET_BUCKET_ENTRIES 4
#define COSCANET_CACHE_LINE 64

static_assert(sizeof(struct coscanet_flow_entry) == COSCANET_CACHE_LINE, "one cache line");
static_assert(offsetof(struct coscanet_flow_entry, value) == 8, "shared layout");
static_assert(offsetof(struct coscanet_flow_entry, expires) == 16, "shared layout");
static_assert(offsetof(struct coscanet_flow_entry, seen) == 20, "shared layout");
static_assert(offsetof(struct coscanet_flow_entry, client) == 24, "shared layout");
static_assert(offsetof(struct coscanet_flow_entry, vip) == 40, "shared layout");
static_assert(offsetof(struct coscanet_flow_entry, ports) == 56, "shared layout");

#endif
