// sendmmsg(2): as sendmsg. As ever, the messages before the first that fails are sent, and it fails with the
// next call.
#define _GNU_SOURCE
#include <sys/socket.h>

#include "control_message.h"
#include "next.h"
#include "outbound.h"
#include "syscalls.h"

DEFINE_NEXT(sendmmsg)

static int send_as_they_are(int fd, struct mmsghdr* messages, unsigned count, int flags) {
  return CALL_NEXT(sendmmsg, (fd, messages, count, flags), SYSCALL4(sendmmsg, fd, messages, count, flags));
}

// How many of the messages may go as they are. What holds up the next: `error`, or that it has to go by
// `copy`.
static unsigned count_ready(int fd, struct mmsghdr* messages, unsigned count, int flags,
                            struct message_copy* copy, int* error) {
  for (unsigned ready = 0; ready < count; ready++) {
    *error = ask_before_message(fd, flags, &messages[ready].msg_hdr);
    if (*error != 0) return ready;
    int rewritten = to_node_address(fd, &messages[ready].msg_hdr, copy);
    if (rewritten < 0) *error = -rewritten;
    if (rewritten != 0) return ready;
  }
  return count;
}

// Sends the first messages, as many as can go in one call. How many went, or -1. `is_over`: the next would
// fail.
static int send_some(int fd, struct mmsghdr* messages, unsigned count, int flags, int* is_over) {
  struct message_copy copy;
  int error = 0;
  unsigned ready = count_ready(fd, messages, count, flags, &copy, &error);
  if (ready > 0 || count == 0) {
    int result = send_as_they_are(fd, messages, ready, flags);
    *is_over = error != 0 || result < (int)ready;
    return result;
  }
  if (error == 0) {
    int result = send_as_they_are(fd, &copy.head, 1, flags);
    if (result == 1) messages->msg_len = copy.head.msg_len;
    return result;
  }
  errno = error;
  return -1;
}

__attribute__((visibility("default"))) int sendmmsg(int fd, struct mmsghdr* messages, unsigned count,
                                                    int flags) {
  int before = errno, is_over = 0;
  unsigned sent = 0;
  do {
    int result = send_some(fd, messages + sent, count - sent, flags, &is_over);
    if (result < 0 && sent == 0) return -1;
    if (result < 0) {
      errno = before;
      break;
    }
    sent += (unsigned)result;
  } while (sent < count && !is_over);
  return (int)sent;
}
