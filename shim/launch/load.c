// coscanet-node load: an instance tells the node agent how busy it is. One datagram, and the agent's answer:
// the agent looks at who sent it while the sender waits.
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, WAIT_MS = 1000 };

static const char kUsage[] =
    "Usage: coscanet-node load NUMBER\n"
    "\n"
    "Tells the node agent how busy this instance is, as the metric \"own\" of its application's load: by "
    "default "
    "a\n"
    "per cent. To be called from the instance (started by coscanet-node run, its unit or container), and "
    "again\n"
    "before the number is 30 s old.\n";

static int complain(int status, const char* text) {
  fprintf(stderr, "coscanet-node load: %s\n", text);
  return status;
}

int main(int count, char** values) {
  static const char kName[] = "\0coscanet-load";
  struct sockaddr_un agent = {.sun_family = AF_UNIX}, own = {.sun_family = AF_UNIX};
  char answer[256];
  if (count == 2 && strcmp(values[1], "--help") == 0) return fputs(kUsage, stdout) < 0;
  if (count != 2) return complain(EXIT_USAGE, "expected one number (see --help)");
  memcpy(agent.sun_path, kName, sizeof kName - 1);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  // An address of the kernel's choice, for the answer.
  if (fd < 0 || bind(fd, (struct sockaddr*)&own, sizeof own.sun_family) < 0)
    return complain(1, strerror(errno));
  if (connect(fd, (struct sockaddr*)&agent, offsetof(struct sockaddr_un, sun_path) + sizeof kName - 1) < 0)
    return complain(1, errno == ECONNREFUSED ? "no agent runs in this network namespace" : strerror(errno));
  if (send(fd, values[1], strlen(values[1]), MSG_NOSIGNAL) < 0) return complain(1, strerror(errno));
  struct pollfd waiting = {.fd = fd, .events = POLLIN};
  if (poll(&waiting, 1, WAIT_MS) != 1) return complain(1, "the agent does not answer");
  ssize_t length = recv(fd, answer, sizeof answer - 1, 0);
  if (length < 0) return complain(1, strerror(errno));
  answer[length] = 0;
  return strcmp(answer, "ok") == 0 ? 0 : complain(1, answer);
}
