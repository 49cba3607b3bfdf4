// sendto(2): as connect, for datagrams with an address; TCP Fast Open connects as well.
#include <sys/socket.h>

#include "next.h"
#include "outbound.h"
#include "syscalls.h"

DEFINE_NEXT(sendto)

__attribute__((visibility("default"))) ssize_t sendto(int fd, const void* bytes, size_t count, int flags,
                                                      const struct sockaddr* address, socklen_t length) {
  int error = ask_before_send(fd, flags, address, length);
  if (error == 0)
    return CALL_NEXT(sendto, (fd, bytes, count, flags, address, length),
                     SYSCALL6(sendto, fd, bytes, count, flags, address, length));
  errno = error;
  return -1;
}
