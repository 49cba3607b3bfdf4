// Which sockets and addresses concern the agent, and how an address is written.
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

int concerns_agent(int fd, const void* address, socklen_t length, struct wanted_address* wanted) {
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

static const unsigned char* ipv4_of(const struct wanted_address* name) {
  if (name->address.any.sa_family == AF_INET) return (const unsigned char*)&name->address.v4.sin_addr;
  const struct in6_addr* v6 = &name->address.v6.sin6_addr;
  return IN6_IS_ADDR_V4MAPPED(v6) ? v6->s6_addr + 12 : 0;
}

int read_remote(const void* address, socklen_t length, struct wanted_address* remote) {
  if (address == 0 || length < sizeof remote->address.v4 || length > sizeof remote->address) return 0;
  remote->length = length < sizeof remote->address.v6 ? length : sizeof remote->address.v6;
  return copy_from_program(&remote->address, address, remote->length);
}

int is_outside(const struct wanted_address* remote, uint64_t* key) {
  int family = remote->address.any.sa_family;
  if (family != AF_INET && (family != AF_INET6 || remote->length < SOCKADDR_IN6_MIN)) return 0;
  const unsigned char* v4 = ipv4_of(remote);
  if (v4 == 0 || v4[0] == 0 || v4[0] == 127 || v4[0] >= 224 || (v4[0] == 169 && v4[1] == 254)) return 0;
  // sin_port and sin6_port lie in the same place.
  *key = (uint64_t)v4[0] << 40 | (uint64_t)v4[1] << 32 | (uint64_t)v4[2] << 24 | (uint64_t)v4[3] << 16 |
         ntohs(remote->address.v4.sin_port);
  return 1;
}

int bound_to_address(int fd) {
  struct wanted_address name;
  socklen_t length = sizeof name.address;
  if (SYSCALL3(getsockname, fd, &name.address, &length) < 0) return 0;
  return !is_wildcard(&name.address.any) && !is_loopback(&name.address.any);
}

static char* print_number(char* out, unsigned number, unsigned base) {
  char digits[10];
  int count = 0;
  do digits[count++] = "0123456789abcdef"[number % base];
  while ((number /= base) != 0);
  while (count > 0) *out++ = digits[--count];
  return out;
}

static char* print_v4(char* out, const unsigned char* bytes) {
  for (int i = 0; i < 4; i++) {
    if (i > 0) *out++ = '.';
    out = print_number(out, bytes[i], 10);
  }
  return out;
}

static char* print_v6(char* out, const struct in6_addr* address) {
  if (IN6_IS_ADDR_V4MAPPED(address)) {
    for (const char* prefix = "::ffff:"; *prefix != 0; prefix++) *out++ = *prefix;
    return print_v4(out, address->s6_addr + 12);
  }
  unsigned group[8];
  for (int i = 0; i < 8; i++) group[i] = address->s6_addr[2 * i] * 256u + address->s6_addr[2 * i + 1];
  int gap = -1, gap_length = 1;  // the longest run of at least two zero groups (RFC 5952)
  for (int i = 0; i < 8; i++) {
    int run = 0;
    while (i + run < 8 && group[i + run] == 0) run++;
    if (run > gap_length) gap = i, gap_length = run;
  }
  for (int i = 0; i < 8; i++) {
    if (i == gap) {
      *out++ = ':';
      if (gap + gap_length == 8) *out++ = ':';
      i += gap_length - 1;
      continue;
    }
    if (i > 0) *out++ = ':';
    out = print_number(out, group[i], 16);
  }
  return out;
}

char* print_address(char* out, const struct wanted_address* wanted) {
  if (wanted->address.any.sa_family == AF_INET) {
    out = print_v4(out, (const unsigned char*)&wanted->address.v4.sin_addr);
  } else {
    *out++ = '[';
    out = print_v6(out, &wanted->address.v6.sin6_addr);
    *out++ = ']';
  }
  *out++ = ':';
  out = print_number(out, ntohs(wanted->address.v4.sin_port), 10);
  for (const char* end = wanted->kind == SOCKET_TCP ? "/tcp" : "/udp"; *end != 0; end++) *out++ = *end;
  return out;
}
