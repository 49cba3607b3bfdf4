// A pair of virtual Ethernet interfaces: the device on one, a plain packet socket on the other.
//
//     device ── near0 ════ far0 ── socket
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "../../native/expect.h"
#include "device/af_packet.h"
#include "link.h"

namespace coscanet::test {
namespace {

constexpr unsigned kSlots = 128;
constexpr size_t kLongest = 1 << 17;
constexpr int kQuietMs = 200;

void run(const std::string& command) {
  if (system(command.c_str()) == 0) return;
  fprintf(stderr, "failed: %s\n", command.c_str());
  abort();
}

void build_network() {
  EXPECT(unshare(CLONE_NEWNET) == 0);
  run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1");
  run("ip link add near0 mtu 9000 type veth peer name far0 mtu 9000");
  run("ip link set near0 up && ip link set far0 up");
}

/// The far end: sees frames with their metadata, and sends them so.
class FarEnd {
 public:
  FarEnd() : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)), buffer_(kLongest) {
    const int on = 1, bytes = 16 << 20;
    EXPECT(setsockopt(fd_, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) == 0);
    EXPECT(setsockopt(fd_, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) == 0);
    EXPECT(setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) == 0);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = __builtin_bswap16(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(if_nametoindex("far0"));
    EXPECT(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  ~FarEnd() { close(fd_); }

  void send(const WireFrame& frame) {
    std::vector<uint8_t> bytes(kVnetBytes);
    memcpy(bytes.data(), &frame.vnet, kVnetBytes);
    bytes.insert(bytes.end(), frame.bytes.begin(), frame.bytes.end());
    if (frame.tagged) {
      uint8_t tag[kTagBytes];
      store_be16(tag, frame.tag_tpid);
      store_be16(tag + 2, frame.tag_tci);
      bytes.insert(bytes.begin() + kVnetBytes + 12, tag, tag + kTagBytes);
      auto* vnet = reinterpret_cast<VnetHdr*>(bytes.data());
      if (vnet->flags) vnet->csum_start = static_cast<uint16_t>(vnet->csum_start + kTagBytes);
      if (vnet->gso_type) vnet->hdr_len = static_cast<uint16_t>(vnet->hdr_len + kTagBytes);
    }
    EXPECT(write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }

  std::vector<WireFrame> receive(size_t count) {
    std::vector<WireFrame> frames;
    pollfd readable = {fd_, POLLIN, 0};
    while (frames.size() < count && poll(&readable, 1, kQuietMs) > 0) receive_one(&frames);
    return frames;
  }

 private:
  void receive_one(std::vector<WireFrame>* out) {
    iovec vector{buffer_.data(), buffer_.size()};
    alignas(cmsghdr) char ancillary[256];
    sockaddr_ll from{};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = ancillary;
    message.msg_controllen = sizeof ancillary;
    const ssize_t length = recvmsg(fd_, &message, 0);
    EXPECT(length > static_cast<ssize_t>(kVnetBytes));
    if (from.sll_pkttype == PACKET_OUTGOING) return;
    WireFrame frame;
    frame.bytes.assign(buffer_.begin() + kVnetBytes, buffer_.begin() + length);
    memcpy(&frame.vnet, buffer_.data(), kVnetBytes);
    frame.vnet.flags &= VnetHdr::kNeedsChecksum;
    read_tag(message, &frame);
    out->push_back(std::move(frame));
  }

  static void read_tag(msghdr& message, WireFrame* frame) {
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
      if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA) continue;
      tpacket_auxdata data;
      memcpy(&data, CMSG_DATA(c), sizeof data);
      frame->tagged = data.tp_status & TP_STATUS_VLAN_VALID;
      frame->tag_tci = frame->tagged ? data.tp_vlan_tci : 0;
      frame->tag_tpid = frame->tagged ? data.tp_vlan_tpid : 0;
    }
  }

  int fd_;
  std::vector<uint8_t> buffer_;
};

class AfPacketLink : public Link {
 public:
  AfPacketLink() {
    open_socket();
    open_device();
  }
  ~AfPacketLink() override { close(inherited_); }

  Device& device() override { return *device_; }
  void put(const WireFrame& frame) override { far_.send(frame); }
  std::vector<WireFrame> take(size_t count) override { return far_.receive(count); }
  /// The burst is as long as the longest frame, so that none is cut, and lost in part, behind the device.
  void congest() override { run("tc qdisc add dev near0 root tbf rate 1mbit burst 70kb limit 4kb"); }
  void replace_process() override {
    device_.reset();
    open_device();
  }
  void replace_socket() override {
    device_.reset();
    close(inherited_);
    open_socket();
    open_device();
  }
  void delete_interface() override { run("ip link del near0"); }

 private:
  /// As the supervisor opens it, before there is a process with a device.
  void open_socket() { EXPECT(open_packet_sockets("near0", kSlots, &inherited_, 1) == 0); }
  void open_device() {
    const int own = fcntl(inherited_, F_DUPFD_CLOEXEC, 0);
    EXPECT(own >= 0 && AfPacketDevice::open(own, context(), &device_) == 0);
  }

  FarEnd far_;
  int inherited_ = -1;
  std::unique_ptr<Device> device_;
};

}  // namespace

std::unique_ptr<Link> open_af_packet_link() {
  build_network();
  return std::make_unique<AfPacketLink>();
}

}  // namespace coscanet::test
