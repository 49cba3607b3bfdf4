// What a NAT-mode socket stands for, as its tag says (abi/socket_tag.h).
#ifndef COSCANET_VIRTUAL_ADDRESS_H
#define COSCANET_VIRTUAL_ADDRESS_H

#include <stdint.h>

// Has the socket a tag? Then `vip` and `port` are set, in host byte order.
int read_virtual_address(int fd, uint32_t* vip, uint16_t* port);

#endif
