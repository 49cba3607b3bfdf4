// Where instances write how busy they are.
#include "node/load_socket.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <cstddef>

namespace coscanet {

int listen_load(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.empty() || name.size() > sizeof address.sun_path - 1) return -EINVAL;
  memcpy(address.sun_path + 1, name.data(), name.size());
  auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  constexpr int kOn = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &kOn, sizeof kOn) < 0 ||
      bind(fd, reinterpret_cast<sockaddr*>(&address), length) < 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

int receive_load(int fd, LoadMessage* message) {
  char text[64];
  iovec part = {text, sizeof text};
  // No room for descriptors: the kernel drops those that somebody passes.
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];
  msghdr header{};
  header.msg_name = &message->sender;
  header.msg_namelen = sizeof message->sender;
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t received = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (received < 0) return -errno;
  message->text.assign(text, static_cast<size_t>(received));
  message->sender_length = header.msg_namelen;
  message->pid = 0;
  const cmsghdr* credentials = CMSG_FIRSTHDR(&header);
  if (credentials != nullptr && credentials->cmsg_type == SCM_CREDENTIALS) {
    ucred sender;
    memcpy(&sender, CMSG_DATA(credentials), sizeof sender);
    message->pid = sender.pid;
  }
  return 0;
}

void answer_load(int fd, const LoadMessage& message, const std::string& answer) {
  if (message.sender_length <= offsetof(sockaddr_un, sun_path)) return;
  (void)sendto(fd, answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&message.sender), message.sender_length);
}

}  // namespace coscanet
