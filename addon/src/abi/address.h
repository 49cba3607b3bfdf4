// Addresses as shared memory has them.
#ifndef COSCANET_ABI_ADDRESS_H
#define COSCANET_ABI_ADDRESS_H

#include <assert.h>
#include <stdint.h>

// 16 bytes in network order, read as two words. IPv4 is mapped (RFC 4291 §2.5.5.2): ::ffff:a.b.c.d.
struct coscanet_address {
  uint64_t high;
  uint64_t low;
};

struct coscanet_mac {
  uint8_t bytes[6];
};

static_assert(sizeof(struct coscanet_address) == 16, "an address is 16 bytes");
static_assert(sizeof(struct coscanet_mac) == 6, "a MAC is 6 bytes");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words of an address");

#endif
