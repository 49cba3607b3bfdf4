#include "host/arp_announcement.h"

#include "core/arp.h"
#include "core/ethernet.h"
#include "host/clock.h"
#include "host/interface.h"
#include "host/raw_socket.h"

namespace coscanet {
namespace {

// Frames of ethertype ARP, whole.
sock_filter kOnlyArp[] = {
    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, 0xffff),
    BPF_STMT(BPF_RET | BPF_K, 0),
};

}  // namespace

int detect_address_conflict(const char* interface, const uint8_t* address, unsigned count,
                            unsigned interval_ms, bool* used, Mac* by) {
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

int announce_address(const char* interface, const uint8_t* address) {
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

}  // namespace coscanet
