#pragma once
// A program's own socket, passed to the agent: what it is, and the bind. The agent works on the same open
// file description as the program, so options, epoll sets and duplicates are not disturbed.
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace coscanet {

struct SocketFacts {
  uint64_t cookie = 0;
  int family = 0;    // AF_INET, AF_INET6 or another
  int protocol = 0;  // IPPROTO_TCP, IPPROTO_UDP or another
  bool v6only = false;
  bool reuse_port = false;
  bool reuse_address = false;
  bool same_namespace = false;
  std::string local_address;  // "" when not IPv4 or IPv6; an IPv4-mapped address is written as IPv4
  uint16_t local_port = 0;
};

// 0, or -errno: -ENOTSOCK for what is no socket.
int read_socket_facts(int fd, SocketFacts* facts);

// Binds `fd` to address:port; an IPv4 address on an IPv6 socket in its mapped form. With `share_uid` the
// socket first gets that owner and SO_REUSEPORT, so that sockets of one application share the port; a failed
// bind restores both. 0 or -errno.
int bind_socket(int fd, const std::string& address, uint16_t port, std::optional<uid_t> share_uid);

}  // namespace coscanet
