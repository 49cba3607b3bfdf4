#pragma once
// NAT-mode sockets (NAT): bound to a node address and port of this node, in place of a virtual address
// and port. The socket's tag (abi/socket_tag.h) says which.
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace coscanet {

struct VirtualAddress {
  std::string vip;
  uint16_t port = 0;
};

// With whom the socket may share its node port, of those who allow it by SO_REUSEADDR or SO_REUSEPORT:
enum class PortSharing {
  kAsAsked,    // all, as its own options say: it joins sockets of its own instance
  kSuccessor,  // connections that a predecessor left behind, but no listener
  kAlone,      // nobody
};

struct NatBind {
  int result = 0;      // 0 or -errno
  uint16_t port = 0;   // the node port
  bool tagged = true;  // false: the program has a socket filter of its own
};

// What an open socket stands for; nothing if it has no tag.
std::optional<VirtualAddress> read_virtual_address(int fd);

// The same for descriptor `number` of another process, if it is still the socket with that inode.
std::optional<VirtualAddress> read_virtual_address_of(pid_t pid, int number, uint64_t inode);

// Tags the socket, then binds it to address:port (0: the kernel chooses), so that no NAT-mode socket is
// ever without its tag; a failed bind removes the tag.
NatBind bind_nat(int fd, const std::string& address, uint16_t port, const VirtualAddress& name,
                 PortSharing sharing);

}  // namespace coscanet
