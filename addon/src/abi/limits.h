// Capacities of a segment. Part of its header: a segment of other limits is not adopted.
#ifndef COSCANET_ABI_LIMITS_H
#define COSCANET_ABI_LIMITS_H

#include <assert.h>
#include <stdint.h>

// Forwarders at most, and owners of flow entries: forwarders, then the supervisor.
#define COSCANET_FORWARDERS 16
#define COSCANET_OWNERS 17
#define COSCANET_INTERFACES 3

// name in C, name in TypeScript, default
#define COSCANET_LIMITS(X)                         \
  X(flows, "flows", 1u << 20)                      \
  X(affinities, "affinities", 1u << 18)            \
  X(endpoints, "endpoints", 16384)                 \
  X(services, "services", 8192)                    \
  X(ring_slots, "ringSlots", 1u << 18)             \
  X(vips, "vips", 1024)                            \
  X(blocks, "blocks", 16384)                       \
  X(forwarders, "forwarders", COSCANET_FORWARDERS) \
  X(registry_bytes, "registryBytes", 4u << 20)

struct coscanet_limits {
#define X(name, text, otherwise) uint32_t name;
  COSCANET_LIMITS(X)
#undef X
};
static_assert(sizeof(struct coscanet_limits) == 36, "shared layout");

#endif
