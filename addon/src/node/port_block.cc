// Binding within a block.
#include "node/port_block.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "node/scoped_option.h"
#include "node/socket.h"

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51
#endif

namespace coscanet {

static int set_range(int fd, uint32_t first, uint32_t last) {
  const uint32_t range = last << 16 | first;
  return setsockopt(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, &range, sizeof range) == 0 ? 0 : -errno;
}

static int bind_by_kernel(int fd, const PortBlock& block, bool at_connect) {
  int result = set_range(fd, block.first, block.last);
  if (result < 0) return result;
  {
    ScopedOption no_port(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1, at_connect);
    result = bind_socket(fd, block.vip, 0, {});
  }
  if (result < 0) set_range(fd, 0, 0);
  return result;
}

static int bind_one_by_one(int fd, const PortBlock& block, const std::optional<SocketAddress>& remote) {
  const uint32_t count = block.last - block.first + 1u;
  ConnectionLookup lookup;
  uint32_t start = 0;
  (void)!getrandom(&start, sizeof start, GRND_NONBLOCK);
  for (uint32_t i = 0; i < count; i++) {
    const auto port = static_cast<uint16_t>(block.first + (start % count + i) % count);
    if (remote && lookup.state({block.vip, port}, *remote) != 0) continue;
    const int result = bind_socket(fd, block.vip, port, {});
    if (result != -EADDRINUSE) return result;
  }
  return -EADDRINUSE;
}

int bind_in_block(int fd, const PortBlock& block, PortChoice choice,
                  const std::optional<SocketAddress>& remote) {
  // Ports are not shared: two sockets that allow it (SO_REUSEADDR, SO_REUSEPORT) would get the same one by
  // chance. But connections may, and for us to tell the kernel so, it has to stay that way.
  const bool shares = choice == PortChoice::kAgent && remote;
  ScopedOption reuse_port(fd, SOL_SOCKET, SO_REUSEPORT, 0, true);
  ScopedOption reuse_address(fd, SOL_SOCKET, SO_REUSEADDR, 0, !shares);
  const int on = 1;
  if (shares && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) return -errno;
  return choice == PortChoice::kAgent ? bind_one_by_one(fd, block, remote)
                                      : bind_by_kernel(fd, block, choice == PortChoice::kAtConnect);
}

}  // namespace coscanet
