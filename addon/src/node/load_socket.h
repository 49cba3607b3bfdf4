#pragma once
// The unix datagram socket to which instances write how busy they are. Who wrote is the kernel's word
// (SCM_CREDENTIALS), never the message's. Nothing here blocks.
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include <string>

namespace coscanet {

struct LoadMessage {
  std::string text;  // at most 64 bytes, the rest is cut off
  pid_t pid = 0;
  sockaddr_un sender{};
  socklen_t sender_length = 0;
};

// The abstract socket `@name` of this network namespace; or -errno.
int listen_load(const std::string& name);
// The next message: 0, or -EAGAIN if there is none.
int receive_load(int fd, LoadMessage* message);
// Answers a sender that has an address; whoever has none wants no answer.
void answer_load(int fd, const LoadMessage& message, const std::string& answer);

}  // namespace coscanet
