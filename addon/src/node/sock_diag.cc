// Dumps of sockets by state or local address.
#include "node/sock_diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "host/netlink.h"
#include "node/diag_request.h"

namespace coscanet {

// TCP_BOUND_INACTIVE (Linux 6.8); headers of Debian 12 do not have it.
constexpr uint32_t kBoundInactive = 13;
constexpr int kDumpAttempts = 5;

static SocketInfo read_info(const nlmsghdr* header, int protocol) {
  auto* message = static_cast<const inet_diag_msg*>(NLMSG_DATA(header));
  SocketInfo info;
  char text[INET6_ADDRSTRLEN] = "";
  auto* v6 = reinterpret_cast<const in6_addr*>(message->id.idiag_src);
  bool is_mapped = message->idiag_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(v6);
  info.family = is_mapped ? AF_INET : message->idiag_family;
  inet_ntop(info.family, is_mapped ? &message->id.idiag_src[3] : &message->id.idiag_src[0], text,
            sizeof text);
  info.address = text;
  info.cookie = socket_cookie_of(message);
  info.protocol = protocol;
  info.port = ntohs(message->id.idiag_sport);
  info.uid = message->idiag_uid;
  info.inode = message->idiag_inode;
  info.cgroup = cgroup_of(header);
  info.receive_queue = message->idiag_rqueue;
  return info;
}

static int dump_family(int family, int protocol, uint32_t states, std::vector<SocketInfo>* sockets) {
  const DiagRequest request(family, protocol, states);
  size_t before = sockets->size();
  for (int attempt = 0;; attempt++) {
    int result = dump(NETLINK_SOCK_DIAG, &request.header, [&](const nlmsghdr* message) {
      sockets->push_back(read_info(message, protocol));
      return true;
    });
    if (result != -EINTR || attempt == kDumpAttempts) return result;
    sockets->resize(before);
  }
}

int dump_sockets(SocketState state, std::vector<SocketInfo>* sockets) {
  bool is_tcp = state == SocketState::kListen || state == SocketState::kBound;
  int protocol = is_tcp ? IPPROTO_TCP : IPPROTO_UDP;
  uint32_t kernel_state = state == SocketState::kListen      ? static_cast<uint32_t>(TCP_LISTEN)
                          : state == SocketState::kBound     ? kBoundInactive
                          : state == SocketState::kConnected ? static_cast<uint32_t>(TCP_ESTABLISHED)
                                                             : static_cast<uint32_t>(TCP_CLOSE);
  int result = dump_family(AF_INET, protocol, 1u << kernel_state, sockets);
  return result < 0 ? result : dump_family(AF_INET6, protocol, 1u << kernel_state, sockets);
}

int dump_unaccepted(std::vector<SocketInfo>* sockets) {
  constexpr uint32_t kStates = 1u << TCP_ESTABLISHED | 1u << TCP_CLOSE_WAIT;
  int result = dump_family(AF_INET, IPPROTO_TCP, kStates, sockets);
  if (result == 0) result = dump_family(AF_INET6, IPPROTO_TCP, kStates, sockets);
  auto is_taken = [](const SocketInfo& socket) { return socket.inode != 0; };
  sockets->erase(std::remove_if(sockets->begin(), sockets->end(), is_taken), sockets->end());
  return result;
}

int is_in_use(const std::string& address, uint16_t first_port, uint16_t last_port,
              std::initializer_list<int> protocols) {
  LocalEnd local;
  local.first_port = first_port;
  local.last_port = last_port;
  if (inet_pton(AF_INET, address.c_str(), &local.address) != 1) return -EINVAL;
  bool found = false;
  for (int protocol : protocols) {
    for (int family : {AF_INET, AF_INET6}) {
      DiagRequest request(family, protocol, ~0u);
      filter_by_local_end(&request, local);
      int result = dump(NETLINK_SOCK_DIAG, &request.header, [&](const nlmsghdr*) {
        found = true;
        return false;
      });
      if (found) return 1;
      if (result < 0 && result != -EINTR) return result;
    }
  }
  return 0;
}

}  // namespace coscanet
