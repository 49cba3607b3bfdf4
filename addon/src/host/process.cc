#include "host/process.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace coscanet {

uint64_t process_start_time(int pid) {
  char path[32];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[1024];
  const ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  if (length <= 0) return 0;
  text[length] = 0;
  // The second field is the name in parentheses and may itself hold blanks and parentheses.
  const char* at = strrchr(text, ')');
  for (int field = 2; at && field < 22; ++field) at = strchr(at + 1, ' ');
  return at ? strtoull(at + 1, nullptr, 10) : 0;
}

int take_descriptors(int pid, uint64_t start_time, const int* theirs, int* ours, unsigned count) {
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) return errno;
  int error = process_start_time(pid) == start_time ? 0 : ESRCH;
  unsigned taken = 0;
  for (; !error && taken < count; ++taken) {
    ours[taken] = static_cast<int>(syscall(SYS_pidfd_getfd, pidfd, theirs[taken], 0));
    if (ours[taken] < 0) {
      error = errno;
      break;
    }
  }
  if (error)
    while (taken > 0) close(ours[--taken]);
  close(pidfd);
  return error;
}

}  // namespace coscanet
