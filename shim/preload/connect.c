// connect(2): a socket without a source gets one from the agent, an address of the application and a port
// that is the node's own; one that is bound to a service's port is reported to the router first.
#include <sys/socket.h>

#include "next.h"
#include "outbound.h"
#include "syscalls.h"

DEFINE_NEXT(connect)

__attribute__((visibility("default"))) int connect(int fd, const struct sockaddr* address, socklen_t length) {
  struct address_copy remote;
  if (!opens_outbound(fd, address, length, &remote))
    return CALL_NEXT(connect, (fd, address, length), SYSCALL3(connect, fd, address, length));
  int before = errno;
  for (int is_exhausted = 0;; is_exhausted = 1) {
    int error = ask_before_connect(fd, &remote, is_exhausted);
    errno = error == 0 ? before : error;
    if (error != 0) return -1;
    int result = CALL_NEXT(connect, (fd, address, length), SYSCALL3(connect, fd, address, length));
    // All ports that the agent gave are taken, to this remote: it may have more, or says that there are none.
    if (result == 0 || errno != EADDRNOTAVAIL) return result;
  }
}
