// Netlink dumps. The kernel fills at most what we offer per read; 32 KiB is what iproute2 found best.
#include "host/netlink.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

namespace coscanet {

int open_netlink(int protocol, bool nonblocking) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0), protocol);
  return fd < 0 ? -errno : fd;
}

int read_some(int fd, const std::function<bool(const nlmsghdr*)>& on_message) {
  alignas(nlmsghdr) static thread_local char buffer[32768];
  ssize_t received = recv(fd, buffer, sizeof buffer, 0);
  if (received < 0) return errno == EINTR ? 1 : -errno;
  auto rest = static_cast<size_t>(received);
  for (auto* message = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(message, rest);
       message = NLMSG_NEXT(message, rest)) {
    if (message->nlmsg_flags & NLM_F_DUMP_INTR) return -EINTR;
    if (message->nlmsg_type == NLMSG_DONE) return 0;
    if (message->nlmsg_type == NLMSG_ERROR) return static_cast<nlmsgerr*>(NLMSG_DATA(message))->error;
    if (!on_message(message)) return 0;
  }
  return 1;
}

int ask(int fd, const nlmsghdr* request, const std::function<bool(const nlmsghdr*)>& on_message) {
  if (send(fd, request, request->nlmsg_len, 0) < 0) return -errno;
  int result;
  do result = read_some(fd, on_message);
  while (result > 0);
  return result;
}

int dump(int protocol, const nlmsghdr* request, const std::function<bool(const nlmsghdr*)>& on_message) {
  int fd = open_netlink(protocol, false);
  if (fd < 0) return fd;
  int result = ask(fd, request, on_message);
  close(fd);
  return result;
}

}  // namespace coscanet
