// getsockname(2): the program sees the virtual address and port of a NAT-mode socket, be it a listener or a
// connection accepted from it.
//
// The library keeps no table of sockets (descriptors are duplicated, passed, inherited and closed without its
// notice) and does not ask the agent, which may not run: the socket itself carries the answer, see
// abi/socket_tag.h. All others cost one getsockopt more, and get the kernel's own answer in the program's own
// memory. The tag is read first because the kernel overwrites the length that says how much of a name there
// is room for.
//
// accept and getpeername tell the client's own address, which nobody translates. What does not pass here or
// by control_message.c shows the node address: /proc/net, and sockets whose program attached a filter of its
// own.
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "address.h"
#include "syscalls.h"
#include "virtual_address.h"

// Writes the virtual address over the node address, in the family that the kernel answered with.
static void write_virtual_address(struct sockaddr* address, socklen_t room, socklen_t whole, uint32_t vip,
                                  uint16_t port) {
  union {
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    unsigned char bytes[sizeof(struct sockaddr_in6)];
  } name = {.bytes = {0}};
  if (whole == sizeof name.v6) {
    name.v6.sin6_family = AF_INET6;
    name.v6.sin6_port = htons(port);
    name.v6.sin6_addr.s6_addr[10] = name.v6.sin6_addr.s6_addr[11] = 0xff;
    for (int i = 0; i < 4; i++) name.v6.sin6_addr.s6_addr[12 + i] = (unsigned char)(vip >> (24 - 8 * i));
  } else {
    name.v4.sin_family = AF_INET;
    name.v4.sin_port = htons(port);
    name.v4.sin_addr.s_addr = htonl(vip);
  }
  for (socklen_t i = 0; i < room && i < whole; i++) ((unsigned char*)address)[i] = name.bytes[i];
}

__attribute__((visibility("default"))) int getsockname(int fd, struct sockaddr* restrict address,
                                                       socklen_t* restrict length) {
  uint32_t vip;
  uint16_t port;
  socklen_t room = 0;
  int is_tagged = read_virtual_address(fd, &vip, &port) && copy_from_program(&room, length, sizeof room);
  long result = SYSCALL3(getsockname, fd, address, length);
  if (result < 0) {
    errno = (int)-result;
    return -1;
  }
  if (is_tagged) write_virtual_address(address, room, *length, vip, port);
  return 0;
}
