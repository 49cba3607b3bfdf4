// The line that tells people why a call was refused.
#include "report.h"

#include <arpa/inet.h>
#include <asm/termbits.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <time.h>

#include "syscalls.h"

enum { STANDARD_ERROR = 2 };

extern char** environ;

// libc's (glibc's and musl's allocate nothing and take no lock). A weak symbol: this library has no
// DT_NEEDED.
extern const char* inet_ntop(int family, const void* address, char* text, socklen_t room)
    __attribute__((weak));

static int is_verbose(void) {
  if (environ == 0) return 0;
  for (char** entry = environ; *entry != 0; entry++) {
    const char* expected = "COSCANET_VERBOSE=1";
    const char* have = *entry;
    while (*expected != 0 && *have == *expected) have++, expected++;
    if (*expected == 0 && *have == 0) return 1;
  }
  return 0;
}

static const char* error_text(int error) {
  switch (error) {
    case EACCES:
      return "Permission denied";
    case EADDRINUSE:
      return "Address already in use";
    case EADDRNOTAVAIL:
      return "Cannot assign requested address";
    case EINVAL:
      return "Invalid argument";
    default:
      return "Refused";
  }
}

static char* print_text(char* out, const char* text) {
  while (*text != 0) *out++ = *text++;
  return out;
}

static char* print_port(char* out, unsigned port) {
  unsigned digit = 10000;
  while (digit > 1 && port < digit) digit /= 10;
  for (; digit > 0; digit /= 10) *out++ = (char)('0' + port / digit % 10);
  return out;
}

// "10.77.0.100:80/tcp", "[::]:80/udp": at most 64 bytes.
static char* print_address(char* out, const struct address_copy* wanted) {
  char text[INET6_ADDRSTRLEN] = "?";
  int family = wanted->address.any.sa_family;
  const void* address = family == AF_INET ? (const void*)&wanted->address.v4.sin_addr
                                          : (const void*)&wanted->address.v6.sin6_addr;
  if (inet_ntop != 0) inet_ntop(family, address, text, sizeof text);
  if (family == AF_INET6) *out++ = '[';
  out = print_text(out, text);
  if (family == AF_INET6) *out++ = ']';
  *out++ = ':';
  // sin_port and sin6_port have the same offset.
  out = print_port(out, ntohs(wanted->address.v4.sin_port));
  return print_text(out, wanted->kind == SOCKET_TCP ? "/tcp" : "/udp");
}

// If stderr is a pipe without a reader, the program must lose nothing but this line: SIGPIPE is blocked and
// consumed.
static void write_line(const char* line, unsigned long length) {
  struct pollfd poll = {STANDARD_ERROR, POLLOUT, 0};
  struct timespec now = {0, 0};
  if (SYSCALL5(ppoll, &poll, 1, &now, 0, 8) != 1 || !(poll.revents & POLLOUT)) return;
  unsigned long pipe_signal = 1ul << (SIGPIPE - 1), before = 0, pending = 0;
  SYSCALL4(rt_sigprocmask, SIG_BLOCK, &pipe_signal, &before, 8);
  SYSCALL2(rt_sigpending, &pending, 8);
  long written = SYSCALL3(write, STANDARD_ERROR, line, length);
  if (written == -EPIPE && !(pending & pipe_signal)) SYSCALL4(rt_sigtimedwait, &pipe_signal, 0, &now, 8);
  SYSCALL4(rt_sigprocmask, SIG_SETMASK, &before, 0, 8);
}

void report_refusal(const char* call, const struct address_copy* wanted,
                    const struct coscanet_answer* answer) {
  struct termios terminal;
  if (answer->reason_length == 0) return;
  if (SYSCALL3(ioctl, STANDARD_ERROR, TCGETS, &terminal) < 0 && !is_verbose()) return;
  char line[COSCANET_REASON_MAX + 160];
  char* end = print_text(line, "coscanet: ");
  end = print_text(end, call);
  *end++ = ' ';
  end = print_address(end, wanted);
  end = print_text(end, ": ");
  end = print_text(end, error_text(answer->error));
  end = print_text(end, ": ");
  for (uint32_t i = 0; i < answer->reason_length; i++) {
    // A reason is one line: what it quotes (a process name) must not forge another, nor drive the terminal.
    unsigned char c = (unsigned char)answer->reason[i];
    *end++ = c < 32 || c == 127 ? '?' : (char)c;
  }
  *end++ = '\n';
  write_line(line, (unsigned long)(end - line));
}
