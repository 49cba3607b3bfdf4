// The function of the same name behind ours: libc's, or that of another preload library. Where a program may
// wait in the call, or gives a struct msghdr, it has to be that one: it is a point where a thread may be
// cancelled, and knows how its libc lays out the message (musl's has gaps that the kernel must not see).
#ifndef COSCANET_NEXT_H
#define COSCANET_NEXT_H

#include <errno.h>

// Null if there is none: then the system call itself.
void* find_next(const char* name);

// Defines next_NAME, found when the library is loaded.
#define DEFINE_NEXT(name)                                           \
  static __typeof__(&name) next_##name;                             \
  __attribute__((constructor)) static void find_next_##name(void) { \
    next_##name = (__typeof__(&name))find_next(#name);              \
  }

// Calls next_NAME with the arguments; else makes the system call of that name, given in brackets.
#define CALL_NEXT(name, arguments, system_call) \
  (next_##name != 0 ? next_##name arguments : (__typeof__(next_##name arguments))as_libc(system_call))

// A kernel's answer as a libc gives it.
static inline long as_libc(long result) {
  if (result >= 0) return result;
  errno = (int)-result;
  return -1;
}

#endif
