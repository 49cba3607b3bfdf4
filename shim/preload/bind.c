// bind(2): the agent binds TCP and UDP sockets, on an address of the program's application.
#include <errno.h>

#include "address.h"
#include "agent.h"
#include "report.h"
#include "syscalls.h"

__attribute__((visibility("default"))) int bind(int fd, const struct sockaddr* address, socklen_t length) {
  struct wanted_address wanted;
  int error;
  if (concerns_agent(fd, address, length, &wanted)) {
    struct coscanet_answer answer;
    ask_to_bind(fd, &wanted.address, wanted.length, &answer);
    error = answer.error;
    if (error != 0) report_refusal(&wanted, &answer);
  } else {
    error = (int)-SYSCALL3(bind, fd, address, length);
  }
  if (error == 0) return 0;
  errno = error;
  return -1;
}
