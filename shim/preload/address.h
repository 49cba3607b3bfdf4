// Which sockets and addresses concern the agent. Everything else goes to the kernel untouched.
#ifndef COSCANET_ADDRESS_H
#define COSCANET_ADDRESS_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

enum socket_kind { SOCKET_OTHER, SOCKET_TCP, SOCKET_UDP };

// A copy of the program's sockaddr: what is judged here is what the agent gets to see.
struct wanted_address {
  enum socket_kind kind;
  socklen_t length;
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    unsigned char bytes[128];
  } address;
};

// TCP or UDP over IPv4 or IPv6? Anything else (also what is no socket) is SOCKET_OTHER. `family` is set for
// those.
enum socket_kind socket_kind(int fd, int* family);

// Copies memory that the program may not own. Returns whether all of it was there.
int copy_from_program(void* to, const void* from, socklen_t length);

// True if the agent must decide about this bind. False: the kernel is to answer, with its own errno for what
// is malformed: bad pointer or length, wrong family, no socket; and loopback addresses.
int concerns_agent(int fd, const void* address, socklen_t length, struct wanted_address* wanted);

// What a program says it talks to: a copy, its kind yet unknown. False: nothing that could be an IPv4
// address.
int read_remote(const void* address, socklen_t length, struct wanted_address* remote);

// Is it an IPv4 address (also in IPv6 clothes) out in the world, not loopback, link-local, multicast,
// broadcast or none? Then `key` says address and port in 48 bits, and is not 0.
int is_outside(const struct wanted_address* remote, uint64_t* key);

// True if the socket is bound to an address other than a wildcard or loopback.
int bound_to_address(int fd);

// "10.77.0.100:80/tcp", "[::]:80/udp": at most 64 bytes, no final zero. Returns the end.
char* print_address(char* out, const struct wanted_address* wanted);

#endif
