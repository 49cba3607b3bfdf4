// recvfrom(2): notes who spoke to the socket. __recvfrom_chk is its name in programs that glibc's headers
// fortified.
#include <sys/socket.h>

#include "next.h"
#include "outbound.h"
#include "syscalls.h"

ssize_t __recvfrom_chk(int fd, void* bytes, size_t count, size_t room, int flags, struct sockaddr* address,
                       socklen_t* length);

DEFINE_NEXT(recvfrom)
DEFINE_NEXT(__recvfrom_chk)

__attribute__((visibility("default"))) ssize_t recvfrom(int fd, void* restrict bytes, size_t count, int flags,
                                                        struct sockaddr* restrict address,
                                                        socklen_t* restrict length) {
  ssize_t result = CALL_NEXT(recvfrom, (fd, bytes, count, flags, address, length),
                             SYSCALL6(recvfrom, fd, bytes, count, flags, address, length));
  if (result >= 0 && address != 0) note_sender(fd, flags, address, *length);
  return result;
}

__attribute__((visibility("default"))) ssize_t __recvfrom_chk(int fd, void* bytes, size_t count, size_t room,
                                                              int flags, struct sockaddr* address,
                                                              socklen_t* length) {
  if (count > room && next___recvfrom_chk == 0) __builtin_trap();
  ssize_t result = CALL_NEXT(__recvfrom_chk, (fd, bytes, count, room, flags, address, length),
                             SYSCALL6(recvfrom, fd, bytes, count, flags, address, length));
  if (result >= 0 && address != 0) note_sender(fd, flags, address, *length);
  return result;
}
