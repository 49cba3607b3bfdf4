// Other hosts that called themselves one of our VIPs in ARP (RFC 5227 §2.4): for each VIP the last of them.
// Written by one forwarder.
#ifndef COSCANET_ABI_ARP_CONFLICT_H
#define COSCANET_ABI_ARP_CONFLICT_H

#include <assert.h>

#include "abi/shared_word.h"

// VIPs that a forwarder remembers at once.
#define COSCANET_ARP_CONFLICTS 32

struct coscanet_arp_conflict {
  coscanet_u64 sequence;  // grows with each conflict; odd: being written; 0: none yet
  coscanet_u64 vip_high;
  coscanet_u64 vip_low;
  coscanet_u64 rival;  // 48…63 index of the interface that it came by, 0…47 MAC
};

#define COSCANET_ARP_CONFLICT_INTERFACE_SHIFT 48

static_assert(sizeof(struct coscanet_arp_conflict) == 32, "shared layout");

#endif
