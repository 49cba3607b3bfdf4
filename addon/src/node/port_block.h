#pragma once
// A socket that a program opens to the world: bound to a virtual IP, with a port out of the block that is
// this node's own.
#include <cstdint>
#include <optional>
#include <string>

#include "node/connections.h"

namespace coscanet {

struct PortBlock {
  std::string vip;
  uint16_t first = 0, last = 0;
};

enum class PortChoice {
  kAtConnect,  // by the kernel, when it knows the remote: connections to different remotes share ports
  kAtBind,     // by the kernel, now (if the program has not asked it to wait)
  kAgent,      // by us, one by one
};

// 0 or -errno: -EADDRINUSE if no port is free; -ENOPROTOOPT if the kernel (before 6.3) cannot
// choose. For kAgent `remote` is whom a TCP socket is about to connect to: then it may have a port that
// others have for other remotes.
int bind_in_block(int fd, const PortBlock& block, PortChoice choice,
                  const std::optional<SocketAddress>& remote);

}  // namespace coscanet
