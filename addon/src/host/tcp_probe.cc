#include "host/tcp_probe.h"

#include <sys/random.h>

#include "core/checksum.h"
#include "core/ipv4.h"
#include "core/tcp.h"
#include "host/raw_socket.h"

namespace coscanet {
namespace {

constexpr size_t kBurst = 64;  // SYNs, before answers are looked for
constexpr size_t kFrame = ethernet::kHeader + ipv4::kHeader + tcp::kHeader;

/// The probes of one call: probe i goes out from port first_port + i, with a sequence number of its own.
class Round {
 public:
  Round(const ProbeRoute& route, TcpProbe* probes, size_t count)
      : route_(route), probes_(probes), count_(count) {}

  int run() {
    InterfaceAddress in;
    int error = find_interface(route_.out, &own_);
    if (!error) error = find_interface(route_.in, &in);
    if (error) return error;
    uint32_t random[2];
    if (getrandom(random, sizeof random, 0) != static_cast<ssize_t>(sizeof random)) return EIO;
    first_port_ = static_cast<uint16_t>(tcp::kFirstProbePort +
                                        random[0] % (tcp::kEndProbePort - tcp::kFirstProbePort - count_));
    first_sequence_ = random[1];
    if ((error = open_sockets(in))) return error;
    const uint64_t deadline = boot_ms() + route_.timeout_ms;
    if ((error = send_all())) return error;
    if (answered_ < count_)
      answers_.receive(deadline, [&](const uint8_t* frame, uint32_t length) { return take(frame, length); });
    return 0;
  }

 private:
  /// What comes for our own address and the ports of this round.
  int open_sockets(const InterfaceAddress& in) {
    sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    sock_filter ours[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 9),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ipv4::kTcp, 0, 7),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 30),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, load_be32(route_.source), 0, 5),
        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, 16),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first_port_, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, static_cast<uint32_t>(first_port_ + count_), 1, 0),
        BPF_STMT(BPF_RET | BPF_K, 0xffff),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    int error = answers_.open(in, ours, sizeof ours / sizeof ours[0]);
    if (!error) error = requests_.open(own_, nothing, 1);
    answers_.receive_many();
    return error;
  }

  int send_all() {
    for (size_t i = 0; i < count_; ++i) {
      // A full queue of the interface: this one is as good as lost.
      const int error = send(i, 0, tcp::kSyn);
      if (error && error != ENOBUFS && error != EAGAIN) return error;
      if (i % kBurst == kBurst - 1)
        answers_.drain([&](const uint8_t* frame, uint32_t length) { return take(frame, length); });
    }
    return 0;
  }

  uint32_t sequence(size_t i) const { return first_sequence_ + static_cast<uint32_t>(i) * 0x9e3779b1u; }

  int send(size_t i, uint32_t offset, uint8_t flags) {
    const TcpProbe& probe = probes_[i];
    uint8_t frame[kFrame];
    uint8_t* ip = frame + ethernet::kHeader;
    uint8_t* segment = ip + ipv4::kHeader;
    write_link_header(frame, probe.mac, own_.mac, ethernet::kIpv4);
    ipv4::write(ip, ipv4::kHeader + tcp::kHeader, ipv4::kTcp, Address::v4(route_.source),
                Address::v4(probe.address));
    tcp::write(segment, static_cast<uint16_t>(first_port_ + i), probe.port, sequence(i) + offset, 0, flags);
    store_be16(segment + 14, 1024);  // window
    store_be16(segment + 16,
               checksum_finish(checksum_add(ipv4::pseudo_sum(ip, tcp::kHeader), segment, tcp::kHeader)));
    return requests_.send(frame, sizeof frame);
  }

  /// True when it was the last answer.
  bool take(const uint8_t* frame, uint32_t length) {
    const uint8_t* ip = frame + ethernet::kHeader;
    const uint32_t header = ipv4::header_length(ip);
    if (length < ethernet::kHeader + header + tcp::kHeader) return false;
    const uint8_t* segment = ip + header;
    const size_t i = static_cast<size_t>(load_be16(segment + 2) - first_port_);
    TcpProbe& probe = probes_[i];
    const bool expected = load_be32(ip + 12) == load_be32(probe.address) &&
                          load_be16(segment) == probe.port && tcp::acknowledgment(segment) == sequence(i) + 1;
    if (!expected || probe.result != ProbeResult::silent) return false;
    const bool refused = (tcp::flags(segment) & tcp::kRst) != 0;
    probe.result = refused ? ProbeResult::refused : ProbeResult::open;
    // Our kernel would reset it too, unless its reverse path filter drops an answer that comes from a VIP.
    if (!refused) send(i, 1, tcp::kRst);
    return ++answered_ == count_;
  }

  const ProbeRoute& route_;
  TcpProbe* probes_;
  size_t count_;
  size_t answered_ = 0;
  InterfaceAddress own_;
  uint16_t first_port_ = 0;
  uint32_t first_sequence_ = 0;
  RawSocket requests_, answers_;
};

}  // namespace

int tcp_probe(const ProbeRoute& route, TcpProbe* probes, size_t count) {
  return Round(route, probes, count).run();
}

}  // namespace coscanet
