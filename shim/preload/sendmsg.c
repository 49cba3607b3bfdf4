// sendmsg(2): as sendto.
#include <sys/socket.h>

#include "next.h"
#include "outbound.h"
#include "syscalls.h"

DEFINE_NEXT(sendmsg)

__attribute__((visibility("default"))) ssize_t sendmsg(int fd, const struct msghdr* message, int flags) {
  int error = ask_before_message(fd, flags, message);
  if (error == 0) return CALL_NEXT(sendmsg, (fd, message, flags), SYSCALL3(sendmsg, fd, message, flags));
  errno = error;
  return -1;
}
