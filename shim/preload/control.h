// Control messages of translated sockets (NAT): the address that a datagram came to, and the one that it
// shall leave from, are the virtual one for the program and the physical one for the kernel. In IP_PKTINFO,
// IP_ORIGDSTADDR, and IPV6_PKTINFO where that tells of IPv4.
#ifndef COSCANET_CONTROL_H
#define COSCANET_CONTROL_H

#include <stddef.h>
#include <sys/socket.h>

// Room for the control messages of one send: several times what there is to say of a datagram.
enum { CONTROL_MAX = 1024 };

// A message as the kernel is to see it.
struct own_message {
  struct mmsghdr head;
  _Alignas(size_t) unsigned char control[CONTROL_MAX];
};

// Before a send. 1: the program's message asks to leave from the virtual address; `own` is a copy that asks
// for the physical one. 0: the program's own message will do. -ENOBUFS: its control messages have no room
// here.
int make_physical(int fd, const struct msghdr* message, struct own_message* own);

// After a receive that succeeded: changes the program's control messages.
void make_virtual(int fd, struct msghdr* message);

#endif
