// Which sockets and addresses concern the agent. Everything else goes to the kernel untouched.
#ifndef COSCANET_ADDRESS_H
#define COSCANET_ADDRESS_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

enum socket_kind { SOCKET_OTHER, SOCKET_TCP, SOCKET_UDP };

// A copy of the program's sockaddr: what is checked here is what the agent receives.
struct address_copy {
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
int needs_agent(int fd, const void* address, socklen_t length, struct address_copy* wanted);

// Copies the remote address of a call; its kind is not known yet. False: it cannot be an IPv4 address.
int read_remote(const void* address, socklen_t length, struct address_copy* remote);

// Is it an IPv4 address (also in its IPv6-mapped form) that is not loopback, link-local, multicast,
// broadcast or unspecified? Then `key` is address and port in 48 bits, and is not 0.
int is_outside(const struct address_copy* remote, uint64_t* key);

// True if the socket is bound to an address other than a wildcard or loopback.
int bound_to_address(int fd);

#endif
