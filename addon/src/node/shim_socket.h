#pragma once
// The unix socket over which programs pass their sockets: listening, one request per connection, the answer.
// Nothing here blocks.
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace coscanet {

struct ShimMessage {
  int kind = 0;  // COSCANET_BIND, …
  bool is_retry = false;
  bool is_exhausted = false;
  int descriptor = -1;  // the program's socket; the receiver owns it
  std::vector<uint8_t> address;
  pid_t pid = 0;  // SO_PEERCRED: the kernel's word
  uid_t uid = 0;
};

// Listens on the abstract SEQPACKET socket `@name` of this network namespace: a descriptor or -errno.
int listen_shim(const std::string& name);
// The next connection or -errno, -EAGAIN if there is none.
int accept_shim(int listener);
// The request on a connection: 0, -EAGAIN, or another -errno, after which the connection is of no use.
int receive_request(int connection, ShimMessage* message);
// Has the program gone or given up waiting?
bool has_hung_up(int connection);
// Answers; `error` is 0 or an errno, positive as in the message; `flags` are COSCANET_ANSWER_…. Failures do
// not matter: the program is gone then.
void send_answer(int connection, int error, const std::string& reason, uint32_t flags);

}  // namespace coscanet
