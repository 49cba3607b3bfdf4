// Compiled as C11, pedantic: every header of this folder is C, whoever includes it.
#include "abi/address.h"
#include "abi/arp_conflict.h"
#include "abi/counters.h"
#include "abi/flow_entry.h"
#include "abi/hash.h"
#include "abi/last_hop.h"
#include "abi/limits.h"
#include "abi/policy.h"
#include "abi/segment.h"
#include "abi/shared_word.h"
#include "abi/shim_protocol.h"
#include "abi/socket_tag.h"

// ISO C wants a declaration in each file.
extern int coscanet_abi_is_c;
