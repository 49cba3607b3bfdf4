// bind(2): the agent binds TCP and UDP sockets, on an address of the program's application.
#include <errno.h>

#include "address.h"
#include "agent.h"
#include "report.h"
#include "syscalls.h"

// What the agent says, as an errno; -1 if the kernel is to answer.
static int bind_by_agent(int fd, const struct sockaddr* address, socklen_t length) {
  struct address_copy wanted;
  struct coscanet_answer answer;
  if (!needs_agent(fd, address, length, &wanted)) return -1;
  ask_agent(fd, COSCANET_BIND, 0, &wanted, &answer);
  if (answer.error == 0 && (answer.flags & COSCANET_ANSWER_KERNEL)) return -1;
  if (answer.error != 0) report_refusal("bind", &wanted, &answer);
  return answer.error;
}

__attribute__((visibility("default"))) int bind(int fd, const struct sockaddr* address, socklen_t length) {
  int error = bind_by_agent(fd, address, length);
  if (error < 0) error = (int)-SYSCALL3(bind, fd, address, length);
  if (error == 0) return 0;
  errno = error;
  return -1;
}
