#include "device/probe.h"

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/arp.h"
#include "core/ethernet.h"
#include "core/ipv4.h"
#include "core/tcp.h"
#include "device/clock.h"

namespace coscanet {
namespace {

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

  /// Calls `visit(frame, length)` for each frame that arrives until the deadline or until it returns true.
  template <typename Visit>
  bool receive(uint64_t deadline_ms, Visit visit) {
    for (;;) {
      const uint64_t now = boot_ms();
      if (now >= deadline_ms) return false;
      pollfd readable = {fd_, POLLIN, 0};
      if (poll(&readable, 1, static_cast<int>(deadline_ms - now)) <= 0) continue;
      uint8_t frame[2048];
      sockaddr_ll from{};
      socklen_t from_length = sizeof from;
      const ssize_t length =
          recvfrom(fd_, frame, sizeof frame, 0, reinterpret_cast<sockaddr*>(&from), &from_length);
      if (length > 0 && from.sll_pkttype != PACKET_OUTGOING && visit(frame, static_cast<uint32_t>(length)))
        return true;
    }
  }

 private:
  int fd_ = -1;
};

// Frames of ethertype ARP, whole.
sock_filter kOnlyArp[] = {
    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, 0xffff),
    BPF_STMT(BPF_RET | BPF_K, 0),
};

void write_link_header(uint8_t* frame, const Mac& destination, const Mac& source, uint16_t type) {
  ethernet::set_addresses(frame, destination, source);
  store_be16(frame + 12, type);
}

}  // namespace

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
      memcpy(out->mac.data(), request.ifr_hwaddr.sa_data, out->mac.size());
    else
      error = errno;
  } else {
    error = errno;
  }
  close(fd);
  return error;
}

int arp_probe(const char* interface, const uint8_t* address, unsigned count, unsigned interval_ms, bool* used,
              Mac* by) {
  InterfaceAddress own;
  RawSocket socket;
  int error = find_interface(interface, &own);
  if (!error) error = socket.open(own, kOnlyArp, sizeof kOnlyArp / sizeof kOnlyArp[0]);
  if (error) return error;

  uint8_t probe[ethernet::kHeader + arp::kBytes];
  const uint8_t nobody[4] = {};
  write_link_header(probe, kBroadcastMac, own.mac, ethernet::kArp);
  arp::write(probe + ethernet::kHeader, arp::kRequest, own.mac, nobody, kZeroMac, address);
  const Address wanted = Address::v4(address);
  *used = false;
  for (unsigned i = 0; i < count && !*used; ++i) {
    if ((error = socket.send(probe, sizeof probe))) return error;
    *used = socket.receive(boot_ms() + interval_ms, [&](const uint8_t* frame, uint32_t length) {
      const uint8_t* p = frame + ethernet::kHeader;
      if (length < ethernet::kHeader + arp::kBytes || !arp::is_ipv4_over_ethernet(p)) return false;
      *by = arp::sender_mac(p);
      if (*by == own.mac) return false;
      const bool also_probes = arp::sender(p) == Address::v4(nobody) && arp::operation(p) == arp::kRequest &&
                               arp::target(p) == wanted;
      return arp::sender(p) == wanted || also_probes;
    });
  }
  return 0;
}

int arp_announce(const char* interface, const uint8_t* address) {
  InterfaceAddress own;
  RawSocket socket;
  sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
  int error = find_interface(interface, &own);
  if (!error) error = socket.open(own, nothing, 1);
  if (error) return error;
  uint8_t frame[ethernet::kHeader + arp::kBytes];
  write_link_header(frame, kBroadcastMac, own.mac, ethernet::kArp);
  arp::write(frame + ethernet::kHeader, arp::kRequest, own.mac, address, kZeroMac, address);
  if ((error = socket.send(frame, sizeof frame))) return error;
  arp::write(frame + ethernet::kHeader, arp::kReply, own.mac, address, kBroadcastMac, address);
  return socket.send(frame, sizeof frame);
}

int tcp_probe(const TcpProbe& probe, ProbeResult* out) {
  InterfaceAddress own;
  int error = find_interface(probe.interface, &own);
  if (error) return error;
  uint32_t random[2];
  if (getrandom(random, sizeof random, 0) != static_cast<ssize_t>(sizeof random)) return EIO;
  const auto port = static_cast<uint16_t>(1024 + random[0] % 31744);  // below the host's ephemeral range

  // IPv4, TCP, from the VIP's port to ours; the header has no options in a SYN-ACK or RST of Linux, but may.
  sock_filter answers[] = {
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 10),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 26),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, load_be32(probe.vip), 0, 8),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ipv4::kTcp, 0, 6),
      BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),
      BPF_STMT(BPF_LD | BPF_H | BPF_IND, 14),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, probe.port, 0, 3),
      BPF_STMT(BPF_LD | BPF_H | BPF_IND, 16),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0xffff),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  RawSocket socket;
  if ((error = socket.open(own, answers, sizeof answers / sizeof answers[0]))) return error;

  uint8_t frame[ethernet::kHeader + ipv4::kHeader + tcp::kHeader];
  uint8_t* ip = frame + ethernet::kHeader;
  uint8_t* segment = ip + ipv4::kHeader;
  write_link_header(frame, probe.mac, own.mac, ethernet::kIpv4);
  ipv4::write(ip, ipv4::kHeader + tcp::kHeader, ipv4::kTcp, Address::v4(probe.source),
              Address::v4(probe.vip));
  tcp::write(segment, port, probe.port, random[1], 0, tcp::kSyn);
  store_be16(segment + 14, 1024);  // window
  store_be16(segment + 16,
             checksum_finish(checksum_add(ipv4::pseudo_sum(ip, tcp::kHeader), segment, tcp::kHeader)));
  if ((error = socket.send(frame, sizeof frame))) return error;

  *out = ProbeResult::silent;
  socket.receive(boot_ms() + probe.timeout_ms, [&](const uint8_t* answer, uint32_t length) {
    const uint8_t* answer_ip = answer + ethernet::kHeader;
    const uint32_t header = ipv4::header_length(answer_ip);
    if (length < ethernet::kHeader + header + tcp::kHeader) return false;
    const uint8_t* answer_tcp = answer_ip + header;
    if (tcp::acknowledgment(answer_tcp) != random[1] + 1) return false;
    *out = (tcp::flags(answer_tcp) & tcp::kRst) ? ProbeResult::refused : ProbeResult::open;
    return true;
  });
  if (*out != ProbeResult::open) return 0;
  // The kernel would reset it too, unless its reverse path filter drops an answer that comes from a VIP.
  tcp::write(segment, port, probe.port, random[1] + 1, 0, tcp::kRst);
  store_be16(segment + 16,
             checksum_finish(checksum_add(ipv4::pseudo_sum(ip, tcp::kHeader), segment, tcp::kHeader)));
  return socket.send(frame, sizeof frame);
}

}  // namespace coscanet
