// What a translated socket (NAT) stands for, as its mark says.
#ifndef COSCANET_VIRTUAL_H
#define COSCANET_VIRTUAL_H

#include <stdint.h>

// Has the socket a mark? Then `vip` and `port` are set, in host byte order.
int read_virtual_name(int fd, uint32_t* vip, uint16_t* port);

#endif
