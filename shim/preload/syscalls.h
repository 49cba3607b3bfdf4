// System calls without a libc: the kernel is called directly, so nothing here can be intercepted by another
// preload library, take a lock, allocate or touch errno. Results are the kernel's: -errno on failure.
#ifndef COSCANET_SYSCALLS_H
#define COSCANET_SYSCALLS_H

#include <sys/syscall.h>

#if defined(__x86_64__)
static inline long syscall6(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
static inline long syscall6(long number, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
#else
#error "libcoscanet.so knows the system call convention of x86_64 and aarch64 only"
#endif

#define SYSCALL0(name) syscall6(SYS_##name, 0, 0, 0, 0, 0, 0)
#define SYSCALL1(name, a) syscall6(SYS_##name, (long)(a), 0, 0, 0, 0, 0)
#define SYSCALL2(name, a, b) syscall6(SYS_##name, (long)(a), (long)(b), 0, 0, 0, 0)
#define SYSCALL3(name, a, b, c) syscall6(SYS_##name, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define SYSCALL4(name, a, b, c, d) syscall6(SYS_##name, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define SYSCALL5(name, a, b, c, d, e) \
  syscall6(SYS_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define SYSCALL6(name, a, b, c, d, e, f) \
  syscall6(SYS_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

#endif
