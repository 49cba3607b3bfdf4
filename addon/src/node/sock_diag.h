#pragma once
// What the kernel knows about the sockets of this network namespace (NETLINK_SOCK_DIAG): dumps, and events
// when the last descriptor of a socket is closed. Functions return 0 or more, or -errno.
#include <netinet/in.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

namespace coscanet {

enum class SocketState { kListen, kBound, kUnconnected, kConnected };

struct SocketInfo {
  uint64_t cookie = 0;
  int family = 0;    // AF_INET for an IPv4-mapped address as well
  int protocol = 0;  // IPPROTO_TCP or IPPROTO_UDP
  std::string address;
  uint16_t port = 0;
  uint32_t uid = 0;
  uint32_t inode = 0;
  uint64_t cgroup = 0;  // INET_DIAG_CGROUP_ID, 0 if the kernel does not tell
  uint32_t receive_queue = 0;
};

// All sockets in one state, both families: listening TCP; TCP that is bound and neither listens nor is
// connected (empty before Linux 6.8, which does not tell); UDP that is bound and not connected; connected
// UDP.
int dump_sockets(SocketState state, std::vector<SocketInfo>* sockets);

// TCP connections that no program has taken from its listener's queue: no descriptor stands for them yet.
int dump_unaccepted(std::vector<SocketInfo>* sockets);

// Does any TCP socket in any state, TIME-WAIT included, or any UDP socket have this local IPv4 address and a
// port in this range? 1, 0 or -errno.
int is_in_use(const std::string& address, uint16_t first_port = 0, uint16_t last_port = 65535,
              std::initializer_list<int> protocols = {IPPROTO_TCP, IPPROTO_UDP});

// A netlink socket that reports closed sockets. A filter in the kernel lets only those without a peer
// through: otherwise connections overflow it, and the event that is lost is the listener's.
int open_destroy_events();
// Reads what is there. 0, or -ENOBUFS: events were lost.
int read_destroy_events(int fd, const std::function<void(uint64_t cookie)>& on_destroyed);

}  // namespace coscanet
