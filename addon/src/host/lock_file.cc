#include "host/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace coscanet {
namespace {

/// Is the open file still the one at `path`? Its last owner may have removed it while we waited for it.
bool is_at(int fd, const char* path) {
  struct stat opened {
  }, named{};
  return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino &&
         opened.st_dev == named.st_dev;
}

}  // namespace

int lock_file(const char* path, bool* locked) {
  for (;;) {
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return errno;
    const int error = flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
    *locked = !error && is_at(fd, path);
    if (*locked) return 0;
    close(fd);
    if (error) return error == EWOULDBLOCK ? 0 : error;
  }
}

}  // namespace coscanet
