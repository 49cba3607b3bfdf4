// sendmmsg(2): as sendto. As ever, the messages before the first that fails are sent, and it fails with the
// next call.
#define _GNU_SOURCE
#include <sys/socket.h>

#include "next.h"
#include "outbound.h"
#include "syscalls.h"

DEFINE_NEXT(sendmmsg)

__attribute__((visibility("default"))) int sendmmsg(int fd, struct mmsghdr* messages, unsigned count,
                                                    int flags) {
  unsigned ready = 0;
  for (; ready < count; ready++) {
    int error = ask_before_message(fd, flags, &messages[ready].msg_hdr);
    if (error == 0) continue;
    if (ready > 0) break;
    errno = error;
    return -1;
  }
  return CALL_NEXT(sendmmsg, (fd, messages, ready, flags), SYSCALL4(sendmmsg, fd, messages, ready, flags));
}
