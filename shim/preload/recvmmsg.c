// recvmmsg(2): as recvmsg.
#define _GNU_SOURCE
#include <sys/socket.h>

#include "control_message.h"
#include "next.h"
#include "outbound.h"
#include "syscalls.h"

DEFINE_NEXT(recvmmsg)

__attribute__((visibility("default"))) int recvmmsg(int fd, struct mmsghdr* messages, unsigned count,
                                                    int flags, struct timespec* timeout) {
  int result = CALL_NEXT(recvmmsg, (fd, messages, count, flags, timeout),
                         SYSCALL5(recvmmsg, fd, messages, count, flags, timeout));
  for (int i = 0; i < result; i++) {
    struct msghdr* message = &messages[i].msg_hdr;
    note_sender(fd, flags, message->msg_name, message->msg_namelen);
    to_virtual_address(fd, message);
  }
  return result;
}
