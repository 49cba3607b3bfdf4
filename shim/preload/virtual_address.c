// Reads the tag of a socket.
#include "virtual_address.h"

#include <sys/socket.h>

#include "abi/socket_tag.h"
#include "syscalls.h"

int read_virtual_address(int fd, uint32_t* vip, uint16_t* port) {
  struct sock_filter filter[COSCANET_TAG_LENGTH];
  socklen_t length = COSCANET_TAG_LENGTH;
  // The length counts instructions, not bytes.
  if (SYSCALL5(getsockopt, fd, SOL_SOCKET, SO_GET_FILTER, filter, &length) < 0) return 0;
  return read_socket_tag(filter, length, vip, port);
}
