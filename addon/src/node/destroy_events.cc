// Events for closed sockets (sock_diag's destroy groups), thinned out in the kernel.
#include <errno.h>
#include <linux/filter.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>

#include "host/netlink.h"
#include "node/sock_diag.h"

namespace coscanet {

// Room for bursts of sockets that close without a peer; the default holds a few hundred events.
constexpr int kReceiveBuffer = 4 << 20;

int open_destroy_events() {
  constexpr uint32_t kPeerPort = NLMSG_HDRLEN + offsetof(inet_diag_msg, id.idiag_dport);
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, kPeerPort),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, ~0u),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  sock_fprog filter = {sizeof code / sizeof code[0], code};
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  for (int group : {SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET_UDP_DESTROY, SKNLGRP_INET6_TCP_DESTROY,
                    SKNLGRP_INET6_UDP_DESTROY})
    address.nl_groups |= 1u << (group - 1);
  int fd = open_netlink(NETLINK_SOCK_DIAG, true);
  if (fd < 0) return fd;
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) < 0 ||
      setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer) < 0 ||
      bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

int read_destroy_events(int fd, const std::function<void(uint64_t cookie)>& on_destroyed) {
  alignas(nlmsghdr) char buffer[8192];
  for (;;) {
    ssize_t received = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return errno == EAGAIN ? 0 : -errno;
    auto rest = static_cast<size_t>(received);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(message, rest);
         message = NLMSG_NEXT(message, rest)) {
      if (message->nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg))) continue;
      auto* closed = static_cast<inet_diag_msg*>(NLMSG_DATA(message));
      on_destroyed(static_cast<uint64_t>(closed->id.idiag_cookie[1]) << 32 | closed->id.idiag_cookie[0]);
    }
  }
}

}  // namespace coscanet
