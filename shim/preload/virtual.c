// The mark on a socket.
#include "virtual.h"

#include <sys/socket.h>

#include "mark.h"
#include "syscalls.h"

int read_virtual_name(int fd, uint32_t* vip, uint16_t* port) {
  struct sock_filter filter[COSCANET_MARK_LENGTH];
  socklen_t length = COSCANET_MARK_LENGTH;
  // The answer counts instructions.
  if (SYSCALL5(getsockopt, fd, SOL_SOCKET, SO_GET_FILTER, filter, &length) < 0) return 0;
  return read_mark(filter, length, vip, port);
}
