#pragma once
// A socket option that has another value while we work on a program's socket, and then the program's own.
#include <sys/socket.h>

namespace coscanet {

class ScopedOption {
 public:
  // Does nothing unless `apply`.
  ScopedOption(int fd, int level, int option, int value, bool apply)
      : fd_(fd), level_(level), option_(option) {
    socklen_t length = sizeof before_;
    changed_ =
        apply && getsockopt(fd, level, option, &before_, &length) == 0 && before_ != value && set(value);
  }
  ~ScopedOption() {
    if (changed_) set(before_);
  }
  ScopedOption(const ScopedOption&) = delete;
  ScopedOption& operator=(const ScopedOption&) = delete;

 private:
  bool set(int value) { return setsockopt(fd_, level_, option_, &value, sizeof value) == 0; }
  int fd_, level_, option_, before_ = 0;
  bool changed_;
};

}  // namespace coscanet
