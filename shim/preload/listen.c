// listen(2): the kernel's own, then a notice to the agent, so that the endpoint is registered when the call
// returns: a program may tell a peer its port at once (FTP's passive mode does).
#include <errno.h>
#include <sys/socket.h>

#include "address.h"
#include "agent.h"
#include "syscalls.h"

// It listens whatever the answer is, so that an agent which hangs costs no more than this.
enum { REGISTER_WAIT_MS = 1500 };

__attribute__((visibility("default"))) int listen(int fd, int backlog) {
  long result = SYSCALL2(listen, fd, backlog);
  if (result < 0) {
    errno = (int)-result;
    return -1;
  }
  int family;
  struct coscanet_answer ignored;
  if (socket_kind(fd, &family) == SOCKET_TCP && bound_to_address(fd))
    ask_agent_once(fd, COSCANET_LISTEN, 0, REGISTER_WAIT_MS, &ignored);
  return 0;
}
