// sendmsg(2): as sendto. A NAT-mode socket sends from the node's address, though the program names the
// virtual one.
#define _GNU_SOURCE
#include <sys/socket.h>

#include "control_message.h"
#include "next.h"
#include "outbound.h"
#include "syscalls.h"

DEFINE_NEXT(sendmsg)

__attribute__((visibility("default"))) ssize_t sendmsg(int fd, const struct msghdr* message, int flags) {
  struct message_copy copy;
  int error = ask_before_message(fd, flags, message);
  int rewritten = error == 0 ? to_node_address(fd, message, &copy) : -error;
  if (rewritten >= 0) {
    if (rewritten) message = &copy.head.msg_hdr;
    return CALL_NEXT(sendmsg, (fd, message, flags), SYSCALL3(sendmsg, fd, message, flags));
  }
  errno = -rewritten;
  return -1;
}
