// The agent's end of abi/shim_protocol.h.
#include "node/shim_socket.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>

#include "abi/shim_protocol.h"

namespace coscanet {

int listen_shim(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.empty() || name.size() > sizeof address.sun_path - 1) return -EINVAL;
  memcpy(address.sun_path + 1, name.data(), name.size());
  auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), length) < 0 || listen(fd, SOMAXCONN) < 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

int accept_shim(int listener) {
  int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  return fd < 0 ? -errno : fd;
}

// Takes the one descriptor that a request carries. Whatever else was passed is closed, not leaked.
static int take_descriptor(msghdr* header) {
  int taken = -1;
  int count = 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(header); part != nullptr; part = CMSG_NXTHDR(header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    for (size_t at = CMSG_LEN(0); at + sizeof(int) <= part->cmsg_len; at += sizeof(int)) {
      int fd;
      memcpy(&fd, reinterpret_cast<char*>(part) + at, sizeof fd);
      if (count++ == 0) {
        taken = fd;
      } else {
        close(fd);
      }
    }
  }
  if (count == 1 && !(header->msg_flags & MSG_CTRUNC)) return taken;
  if (taken >= 0) close(taken);
  return -1;
}

int receive_request(int connection, ShimMessage* message) {
  coscanet_request request{};
  iovec part = {&request, sizeof request};
  alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t received = recvmsg(connection, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (received < 0) return -errno;
  message->descriptor = take_descriptor(&header);
  ucred peer{};
  socklen_t length = sizeof peer;
  bool good = message->descriptor >= 0 &&
              coscanet_request_is_valid(&request, static_cast<size_t>(received)) != 0 &&
              getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0;
  if (!good) {
    if (message->descriptor >= 0) close(message->descriptor);
    message->descriptor = -1;
    return -EPROTO;
  }
  message->kind = request.kind;
  message->is_retry = (request.flags & COSCANET_FLAG_RETRY) != 0;
  message->is_exhausted = (request.flags & COSCANET_FLAG_EXHAUSTED) != 0;
  message->address.assign(request.address, request.address + request.address_length);
  message->pid = peer.pid;
  message->uid = peer.uid;
  return 0;
}

bool has_hung_up(int connection) {
  pollfd poll_request = {connection, POLLRDHUP, 0};
  return poll(&poll_request, 1, 0) > 0;
}

void send_answer(int connection, int error, const std::string& reason, uint32_t flags) {
  coscanet_answer answer{};
  answer.magic = COSCANET_MAGIC;
  answer.error = error;
  answer.flags = flags;
  answer.reason_length = static_cast<uint32_t>(std::min<size_t>(reason.size(), COSCANET_REASON_MAX));
  memcpy(answer.reason, reason.data(), answer.reason_length);
  (void)send(connection, &answer, coscanet_answer_size(answer.reason_length), MSG_NOSIGNAL);
}

}  // namespace coscanet
