#pragma once
// A raw socket for one call, and the frames that such calls write.
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "core/ethernet.h"
#include "host/clock.h"
#include "host/interface.h"

namespace coscanet {

/// A raw socket for one call.
class RawSocket {
 public:
  /// 0, or an errno. `filter`: classic BPF that says what may arrive, set before anything can.
  int open(const InterfaceAddress& interface, sock_filter* filter, unsigned short length) {
    fd_ = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd_ < 0) return errno;
    const sock_fprog program{length, filter};
    if (setsockopt(fd_, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) return errno;
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = __builtin_bswap16(ETH_P_ALL);
    address.sll_ifindex = interface.index;
    return bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
  }
  ~RawSocket() {
    if (fd_ >= 0) close(fd_);
  }

  int send(const uint8_t* frame, size_t length) { return ::send(fd_, frame, length, 0) < 0 ? errno : 0; }

  /// Room for the answers to many frames.
  void receive_many() {
    const int bytes = 8 << 20;
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
  }

  /// Calls `visit(frame, length)` for each frame that has arrived, until it returns true.
  template <typename Visit>
  bool drain(Visit visit) {
    uint8_t frame[2048];
    sockaddr_ll from{};
    for (;;) {
      socklen_t from_length = sizeof from;
      const ssize_t length =
          recvfrom(fd_, frame, sizeof frame, 0, reinterpret_cast<sockaddr*>(&from), &from_length);
      if (length < 0 && errno != EINTR) return false;
      if (length > 0 && from.sll_pkttype != PACKET_OUTGOING && visit(frame, static_cast<uint32_t>(length)))
        return true;
    }
  }

  /// The same for what arrives until the deadline.
  template <typename Visit>
  bool receive(uint64_t deadline_ms, Visit visit) {
    for (uint64_t now = boot_ms(); now < deadline_ms; now = boot_ms()) {
      pollfd readable = {fd_, POLLIN, 0};
      if (poll(&readable, 1, static_cast<int>(deadline_ms - now)) > 0 && drain(visit)) return true;
    }
    return false;
  }

 private:
  int fd_ = -1;
};

inline void write_link_header(uint8_t* frame, const Mac& destination, const Mac& source, uint16_t type) {
  ethernet::set_addresses(frame, destination, source);
  store_be16(frame + 12, type);
}

}  // namespace coscanet
