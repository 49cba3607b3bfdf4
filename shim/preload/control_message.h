// Control messages (cmsg(3)) of NAT-mode sockets: the address that a datagram came to, and the one that it
// shall leave from, are the virtual one for the program and the node's own for the kernel. In IP_PKTINFO,
// IP_ORIGDSTADDR, and IPV6_PKTINFO where that tells of IPv4.
#ifndef COSCANET_CONTROL_MESSAGE_H
#define COSCANET_CONTROL_MESSAGE_H

#include <stddef.h>
#include <sys/socket.h>

// Room for the control messages of one send: several times what there is to say of a datagram.
enum { CONTROL_MAX = 1024 };

// A message as the kernel is to see it.
struct message_copy {
  struct mmsghdr head;
  _Alignas(size_t) unsigned char control[CONTROL_MAX];
};

// Before a send. 1: the program's message asks to leave from the virtual address; `copy` asks for the node's.
// 0: the program's own message will do. -ENOBUFS: its control messages have no room here.
int to_node_address(int fd, const struct msghdr* message, struct message_copy* copy);

// After a receive that succeeded: changes the program's control messages.
void to_virtual_address(int fd, struct msghdr* message);

#endif
