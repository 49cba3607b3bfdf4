#include <poll.h>

#include <cerrno>

#include "device/device.h"
#include "host/clock.h"

namespace coscanet {

int wait_for_frames(Device* const* devices, unsigned count, int timeout_ms) {
  pollfd polled[kInterfaces];
  for (unsigned d = 0; d < count; ++d) {
    polled[d] = {devices[d]->descriptor(), POLLIN, 0};
    if (devices[d]->has_frames()) timeout_ms = 0;
  }
  if (poll(polled, count, timeout_ms) < 0) return errno == EINTR ? 0 : errno;
  const uint64_t now = boot_ms();
  int error = 0;
  for (unsigned d = 0; d < count && !error; ++d) error = devices[d]->woken(polled[d].revents, now);
  return error;
}

}  // namespace coscanet
