// Connections, one by one or all.
#include "node/connections.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "host/netlink.h"
#include "node/diag_request.h"

namespace coscanet {

constexpr uint32_t kLiveStates = 1u << TCP_ESTABLISHED | 1u << TCP_SYN_SENT | 1u << TCP_FIN_WAIT1 |
                                 1u << TCP_FIN_WAIT2 | 1u << TCP_CLOSE_WAIT | 1u << TCP_LAST_ACK |
                                 1u << TCP_CLOSING;

bool is_live(int state) {
  return state > 0 && state < 32 && (kLiveStates >> state & 1) != 0;
}

bool has_ended(int state) {
  return state == 0 || state == TCP_TIME_WAIT || state == TCP_CLOSE;
}

ConnectionLookup::ConnectionLookup() : fd_(open_netlink(NETLINK_SOCK_DIAG, false)) {}

ConnectionLookup::~ConnectionLookup() {
  if (fd_ >= 0) close(fd_);
}

int ConnectionLookup::state(const SocketAddress& local, const SocketAddress& remote) {
  DiagRequest request(AF_INET, IPPROTO_TCP, 0);
  request.header.nlmsg_flags = NLM_F_REQUEST;  // one socket, looked up
  inet_diag_sockid& id = request.body.id;
  id.idiag_sport = htons(local.port);
  id.idiag_dport = htons(remote.port);
  id.idiag_cookie[0] = id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  if (inet_pton(AF_INET, local.address.c_str(), id.idiag_src) != 1 ||
      inet_pton(AF_INET, remote.address.c_str(), id.idiag_dst) != 1)
    return -EINVAL;
  int state = 0;
  const int result = ask(fd_, &request.header, [&](const nlmsghdr* message) {
    auto* found = static_cast<const inet_diag_msg*>(NLMSG_DATA(message));
    // Without a connection the kernel names the listener that would take one.
    if (found->id.idiag_dport == id.idiag_dport) state = found->idiag_state;
    return false;
  });
  return result < 0 && result != -ENOENT ? result : state;
}

struct ConnectionReader::Part {
  std::string address;
  int family, protocol;
};

ConnectionReader::ConnectionReader(std::vector<std::string> addresses) {
  for (std::string& address : addresses)
    for (int protocol : {IPPROTO_TCP, IPPROTO_UDP})
      for (int family : {AF_INET, AF_INET6}) parts_.push_back({address, family, protocol});
}

ConnectionReader::~ConnectionReader() {
  if (fd_ >= 0) close(fd_);
}

// Asks for the next part. 0 or -errno.
int ConnectionReader::start() {
  const Part& part = parts_.back();
  LocalEnd local;
  if (inet_pton(AF_INET, part.address.c_str(), &local.address) != 1) return -EINVAL;
  DiagRequest request(part.family, part.protocol,
                      part.protocol == IPPROTO_TCP ? kLiveStates : 1u << TCP_ESTABLISHED);
  filter_by_local_end(&request, local);
  fd_ = open_netlink(NETLINK_SOCK_DIAG, false);
  if (fd_ < 0) return fd_;
  return send(fd_, &request.header, request.header.nlmsg_len, 0) < 0 ? -errno : 0;
}

static SocketAddress end_of(int family, const uint32_t* address, uint16_t port) {
  char text[INET_ADDRSTRLEN] = "";
  inet_ntop(AF_INET, family == AF_INET6 ? address + 3 : address, text, sizeof text);
  return {text, ntohs(port)};
}

static Connection read_connection(const nlmsghdr* header, int protocol) {
  auto* message = static_cast<const inet_diag_msg*>(NLMSG_DATA(header));
  Connection connection;
  connection.protocol = protocol;
  connection.local = end_of(message->idiag_family, message->id.idiag_src, message->id.idiag_sport);
  connection.remote = end_of(message->idiag_family, message->id.idiag_dst, message->id.idiag_dport);
  connection.cookie = socket_cookie_of(message);
  connection.inode = message->idiag_inode;
  connection.cgroup = cgroup_of(header);
  return connection;
}

int ConnectionReader::next(size_t most, std::vector<Connection>* connections) {
  const size_t before = connections->size();
  while (connections->size() - before < most) {
    if (parts_.empty()) return 0;
    int result = fd_ >= 0 ? 1 : start();
    if (result == 0) result = 1;
    if (result > 0) {
      const int protocol = parts_.back().protocol;
      result = read_some(fd_, [&](const nlmsghdr* message) {
        connections->push_back(read_connection(message, protocol));
        return true;
      });
    }
    if (result > 0) continue;
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
    parts_.pop_back();
    if (result < 0 && result != -EINTR) return result;
  }
  return 1;
}

}  // namespace coscanet
