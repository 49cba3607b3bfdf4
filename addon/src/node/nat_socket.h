#pragma once
// Translated sockets (NAT): bound to a physical address and port of this node, in place of a virtual address
// and port. The socket's tag (abi/socket_tag.h) says which.
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace coscanet {

struct VirtualName {
  std::string vip;
  uint16_t port = 0;
};

// With whom the socket may share its physical port, of those who allow it by SO_REUSEADDR or SO_REUSEPORT:
enum class PortSharing {
  kAsAsked,    // all, as its own options say: it joins sockets of its own instance
  kSuccessor,  // connections that a predecessor left behind, but no listener
  kAlone,      // nobody
};

struct TranslatedBind {
  int error = 0;       // 0 or an errno
  uint16_t port = 0;   // the physical port
  bool tagged = true;  // false: the program has a socket filter of its own
};

// What an open socket stands for; nothing if it has no tag.
std::optional<VirtualName> read_virtual_name(int fd);

// The same for descriptor `number` of another process, if it is still the socket with that inode.
std::optional<VirtualName> read_virtual_name_of(pid_t pid, int number, uint64_t inode);

// Tags the socket, then binds it to address:port (0: the kernel chooses), so that no translated socket is
// ever without its tag; a failed bind removes the tag.
TranslatedBind bind_translated(int fd, const std::string& address, uint16_t port, const VirtualName& name,
                               PortSharing sharing);

}  // namespace coscanet
