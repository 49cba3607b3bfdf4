// sendmsg(2): as sendto. A translated socket leaves from its physical address, whatever the program calls it.
#define _GNU_SOURCE
#include <sys/socket.h>

#include "control.h"
#include "next.h"
#include "outbound.h"
#include "syscalls.h"

DEFINE_NEXT(sendmsg)

__attribute__((visibility("default"))) ssize_t sendmsg(int fd, const struct msghdr* message, int flags) {
  struct own_message own;
  int error = ask_before_message(fd, flags, message);
  int made = error == 0 ? make_physical(fd, message, &own) : -error;
  if (made >= 0) {
    if (made) message = &own.head.msg_hdr;
    return CALL_NEXT(sendmsg, (fd, message, flags), SYSCALL3(sendmsg, fd, message, flags));
  }
  errno = -made;
  return -1;
}
