// recvmsg(2): notes who spoke to the socket, and shows the virtual address in control messages.
#define _GNU_SOURCE
#include <sys/socket.h>

#include "control_message.h"
#include "next.h"
#include "outbound.h"
#include "syscalls.h"

DEFINE_NEXT(recvmsg)

__attribute__((visibility("default"))) ssize_t recvmsg(int fd, struct msghdr* message, int flags) {
  ssize_t result = CALL_NEXT(recvmsg, (fd, message, flags), SYSCALL3(recvmsg, fd, message, flags));
  if (result < 0) return result;
  note_sender(fd, flags, message->msg_name, message->msg_namelen);
  to_virtual_address(fd, message);
  return result;
}
