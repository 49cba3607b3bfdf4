#include "traffic.h"

#include "core/checksum.h"
#include "core/ethernet.h"
#include "world.h"

namespace coscanet::bench {

Template::Template(Direction direction, uint8_t tcp_flags)
    : client_(direction == Direction::in ? 26 : 30), port_(direction == Direction::in ? 34 : 36) {
  uint8_t* frame = bytes_ + kVnetBytes;
  const bool in = direction == Direction::in;
  ethernet::set_addresses(frame, router_mac(in ? 0 : 1), in ? client_mac() : node_mac(0));
  store_be16(frame + 12, ethernet::kIpv4);
  uint8_t* ip = frame + 14;
  ip[0] = 0x45;
  store_be16(ip + 2, 40);
  store_be16(ip + 6, 0x4000);  // don't fragment
  ip[8] = 64;
  ip[9] = 6;
  const uint8_t client[] = {198, 18, 0, 0};  // for benchmarks (RFC 2544)
  memcpy(ip + (in ? 12 : 16), client, sizeof client);
  (in ? vip() : node_address(0)).store_v4(ip + (in ? 16 : 12));
  uint8_t* tcp = ip + 20;
  store_be16(tcp + (in ? 2 : 0), in ? kVipPort : kNodePort);
  tcp[12] = 5 << 4;
  tcp[13] = tcp_flags;
  store_be16(tcp + 14, 0xffff);
  sum_ = static_cast<uint16_t>(~checksum(ip, 20));
}

}  // namespace coscanet::bench
