#include "host/interface.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace coscanet {

int find_interface(const char* name, InterfaceAddress* out) {
  ifreq request{};
  if (strlen(name) >= sizeof request.ifr_name) return ENODEV;
  strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  int error = 0;
  if (ioctl(fd, SIOCGIFINDEX, &request) == 0) {
    out->index = request.ifr_ifindex;
    if (ioctl(fd, SIOCGIFHWADDR, &request) == 0)
      memcpy(out->mac.bytes, request.ifr_hwaddr.sa_data, sizeof out->mac.bytes);
    else
      error = errno;
  } else {
    error = errno;
  }
  close(fd);
  return error;
}

}  // namespace coscanet
