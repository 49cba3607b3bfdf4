// What comes before a program's connect or send: the agent gives the socket its source (an address of the
// application and a port that is the node's own), or reports the flow to the router.
#ifndef COSCANET_OUTBOUND_H
#define COSCANET_OUTBOUND_H

#include <sys/socket.h>

#include "address.h"

// Is this a TCP or UDP socket, and the address an IPv4 one out in the world? Then `remote` is a copy.
int opens_outbound(int fd, const void* address, socklen_t length, struct address_copy* remote);

// Asks the agent before a connect. `is_exhausted`: the kernel found no port free in what the agent gave
// before. 0, or the program's errno.
int ask_before_connect(int fd, const struct address_copy* remote, int is_exhausted);

// Before a datagram to `address` (null: none given): asks the agent, unless an answer for this
// socket and remote is cached. 0, or the program's errno.
int ask_before_send(int fd, int flags, const void* address, socklen_t length);
int ask_before_message(int fd, int flags, const struct msghdr* message);

// After a receive that succeeded: a remote has sent to the socket, so a reply to it needs no question to the
// agent. Not for MSG_ERRQUEUE, whose name is the address that the socket sent to.
void note_sender(int fd, int flags, const void* address, socklen_t length);

#endif
