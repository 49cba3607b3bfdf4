// Which sockets and addresses concern the agent.
#include "address.h"

#include <errno.h>
#include <stdint.h>

#include "syscalls.h"

// The kernel takes an IPv6 address without its scope (RFC 2133) as well.
#define SOCKADDR_IN6_MIN 24u

static int socket_option(int fd, int option) {
  int value = -1;
  socklen_t length = sizeof value;
  return SYSCALL5(getsockopt, fd, SOL_SOCKET, option, &value, &length) < 0 ? -1 : value;
}

enum socket_kind socket_kind(int fd, int* family) {
  *family = socket_option(fd, SO_DOMAIN);
  if (*family != AF_INET && *family != AF_INET6) return SOCKET_OTHER;
  int type = socket_option(fd, SO_TYPE);
  int protocol = socket_option(fd, SO_PROTOCOL);
  if (type == SOCK_STREAM && protocol == IPPROTO_TCP) return SOCKET_TCP;
  if (type == SOCK_DGRAM && protocol == IPPROTO_UDP) return SOCKET_UDP;
  return SOCKET_OTHER;
}

enum { NO_SUCH_ACTION = 99, WORD = 8, PAGE = 4096 };

// The kernel copies the signal set before it looks at what to do with it, and reports a bad pointer instead
// of a fault: the cheapest call that does, and one that every sandbox allows.
static int is_readable(uintptr_t word) {
  return word != 0 && SYSCALL4(rt_sigprocmask, NO_SUCH_ACTION, word, 0, WORD) != -EFAULT;
}

// Memory is readable by pages: one word of each that is touched.
int copy_from_program(void* to, const void* from, socklen_t length) {
  if (length == 0) return 1;
  uintptr_t first = (uintptr_t)from, last = first + length - 1;
  if (!is_readable(first / WORD * WORD)) return 0;
  for (uintptr_t page = first / PAGE * PAGE + PAGE; page <= last; page += PAGE)
    if (!is_readable(page)) return 0;
  for (socklen_t i = 0; i < length; i++) ((unsigned char*)to)[i] = ((const unsigned char*)from)[i];
  return 1;
}

static int is_loopback(const struct sockaddr* address) {
  if (address->sa_family == AF_INET) {
    const struct sockaddr_in* v4 = (const struct sockaddr_in*)address;
    return ((const unsigned char*)&v4->sin_addr)[0] == 127;
  }
  const struct in6_addr* v6 = &((const struct sockaddr_in6*)address)->sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

static int is_wildcard(const struct sockaddr* address) {
  if (address->sa_family == AF_INET)
    return ((const struct sockaddr_in*)address)->sin_addr.s_addr == INADDR_ANY;
  const struct in6_addr* v6 = &((const struct sockaddr_in6*)address)->sin6_addr;
  return IN6_IS_ADDR_UNSPECIFIED(v6);
}

int needs_agent(int fd, const void* address, socklen_t length, struct address_copy* wanted) {
  int family;
  wanted->kind = socket_kind(fd, &family);
  if (wanted->kind == SOCKET_OTHER) return 0;
  socklen_t least = family == AF_INET ? sizeof(struct sockaddr_in) : SOCKADDR_IN6_MIN;
  if (length < least || length > sizeof wanted->address) return 0;
  wanted->address.v6.sin6_scope_id = 0;
  wanted->length = length < sizeof wanted->address.v6 ? length : sizeof wanted->address.v6;
  if (!copy_from_program(&wanted->address, address, wanted->length)) return 0;
  // bind(2) of an IPv4 socket takes AF_UNSPEC with 0.0.0.0 for AF_INET.
  if (family == AF_INET && wanted->address.any.sa_family == AF_UNSPEC &&
      wanted->address.v4.sin_addr.s_addr == INADDR_ANY)
    wanted->address.any.sa_family = AF_INET;
  if (wanted->address.any.sa_family != family) return 0;
  return !is_loopback(&wanted->address.any);
}

static const unsigned char* ipv4_of(const struct address_copy* name) {
  if (name->address.any.sa_family == AF_INET) return (const unsigned char*)&name->address.v4.sin_addr;
  const struct in6_addr* v6 = &name->address.v6.sin6_addr;
  return IN6_IS_ADDR_V4MAPPED(v6) ? v6->s6_addr + 12 : 0;
}

int read_remote(const void* address, socklen_t length, struct address_copy* remote) {
  if (address == 0 || length < sizeof remote->address.v4 || length > sizeof remote->address) return 0;
  remote->length = length < sizeof remote->address.v6 ? length : sizeof remote->address.v6;
  return copy_from_program(&remote->address, address, remote->length);
}

int is_outside(const struct address_copy* remote, uint64_t* key) {
  int family = remote->address.any.sa_family;
  if (family != AF_INET && (family != AF_INET6 || remote->length < SOCKADDR_IN6_MIN)) return 0;
  const unsigned char* v4 = ipv4_of(remote);
  if (v4 == 0 || v4[0] == 0 || v4[0] == 127 || v4[0] >= 224 || (v4[0] == 169 && v4[1] == 254)) return 0;
  // sin_port and sin6_port have the same offset.
  *key = (uint64_t)v4[0] << 40 | (uint64_t)v4[1] << 32 | (uint64_t)v4[2] << 24 | (uint64_t)v4[3] << 16 |
         ntohs(remote->address.v4.sin_port);
  return 1;
}

int bound_to_address(int fd) {
  struct address_copy name;
  socklen_t length = sizeof name.address;
  if (SYSCALL3(getsockname, fd, &name.address, &length) < 0) return 0;
  return !is_wildcard(&name.address.any) && !is_loopback(&name.address.any);
}
