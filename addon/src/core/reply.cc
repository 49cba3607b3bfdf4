// Packets of the router's own: echo replies, rejections of ports that nobody serves, and ICMP errors. A VIP
// is an address that people ping and whose closed ports should fail at once; all but the echo is rate
// limited.
#include "core/ethernet.h"
#include "core/icmp.h"
#include "core/ipv4.h"
#include "core/pipeline.h"
#include "core/tcp.h"

namespace coscanet {
namespace {

constexpr uint32_t kRepliesPerSecond = 1000;
constexpr uint32_t kReplyBurst = 1000;
constexpr uint32_t kLongestError = 576;  // RFC 1812 §4.3.2.3

}  // namespace

Verdict Pipeline::answer_echo(Packet& p) {
  icmp::turn_echo_into_reply(p.l4, p.l4_length, p.frame->vnet()->flags & VnetHdr::kNeedsChecksum);
  ipv4::swap_addresses(p.ip);
  ipv4::set_ttl(p.ip, ipv4::kDefaultTtl);
  ethernet::set_addresses(p.frame->data, ethernet::source(p.frame->data), own_mac(p));
  return {Verdict::reply, Counter::k_echo_replies, p.frame->ingress};
}

Verdict Pipeline::reject(Packet& p) {
  if (p.protocol == ipv4::kTcp) return send_reset(p);
  return send_icmp_error(p, icmp::kUnreachable, icmp::kPortUnreachable, 0, Counter::k_port_unreachables);
}

/// RFC 9293 §3.5.2, group 1: a reset that the sender accepts.
Verdict Pipeline::send_reset(Packet& p) {
  if (p.tcp_flags & tcp::kRst) return drop(Counter::k_drop_no_service);
  uint8_t* ip = start_reply(p);
  if (!ip) return drop(Counter::k_drop_reply_limited);
  uint8_t* segment = ip + ipv4::kHeader;
  if (p.tcp_flags & tcp::kAck) {
    tcp::write(segment, p.destination_port, p.source_port, tcp::acknowledgment(p.l4), 0, tcp::kRst);
  } else {
    const uint32_t counted = ((p.tcp_flags & tcp::kSyn) ? 1 : 0) + ((p.tcp_flags & tcp::kFin) ? 1 : 0);
    const uint32_t next = tcp::sequence(p.l4) + p.l4_length - p.l4_header + counted;
    tcp::write(segment, p.destination_port, p.source_port, 0, next, tcp::kRst | tcp::kAck);
  }
  ipv4::write(ip, ipv4::kHeader + tcp::kHeader, ipv4::kTcp, p.destination, p.source);
  store_be16(segment + 16,
             checksum_finish(checksum_add(ipv4::pseudo_sum(ip, tcp::kHeader), segment, tcp::kHeader)));
  return send_reply(p, ipv4::kHeader + tcp::kHeader, Counter::k_tcp_resets);
}

/// Other traffic of nodes is not forwarded, and the host's stack drops it. Answered, so that a program's name
/// look-up fails at once and not after ten seconds.
Verdict Pipeline::send_prohibited(Packet& p) {
  return send_icmp_error(p, icmp::kUnreachable, icmp::kProhibited, 0, Counter::k_prohibited_errors);
}

Verdict Pipeline::send_icmp_error(Packet& p, uint8_t type, uint8_t code, uint16_t mtu, Counter counter) {
  uint8_t* ip = start_reply(p);
  if (!ip) return drop(Counter::k_drop_reply_limited);
  const uint32_t room = kLongestError - ipv4::kHeader - icmp::kHeader;
  const uint32_t quoted = p.ip_length < room ? p.ip_length : room;
  const uint32_t length = ipv4::kHeader + icmp::kHeader + quoted;
  memcpy(ip + ipv4::kHeader + icmp::kHeader, p.ip, quoted);
  icmp::write_error(ip + ipv4::kHeader, type, code, mtu, quoted);
  const Address& self = p.outbound ? policy_.interface(p.frame->ingress).address : p.destination;
  ipv4::write(ip, length, ipv4::kIcmp, self, p.source);
  return send_reply(p, length, counter);
}

/// The scratch frame with the sender's link header reversed; null when the rate limit is reached.
uint8_t* Pipeline::start_reply(const Packet& p) {
  if (!TokenBucket(segment_.header().reply_tokens).take(now_ms_, kRepliesPerSecond, kReplyBurst))
    return nullptr;
  uint8_t* frame = p.scratch->bytes;
  memset(frame - kVnetBytes, 0, kVnetBytes);
  memcpy(frame, p.frame->data, p.l3);
  ethernet::set_addresses(frame, ethernet::source(p.frame->data), own_mac(p));
  return frame + p.l3;
}

Verdict Pipeline::send_reply(Packet& p, uint32_t ip_length, Counter counter) {
  p.frame->data = p.scratch->bytes;
  p.frame->length = p.l3 + ip_length;
  return {Verdict::reply, counter, p.frame->ingress};
}

}  // namespace coscanet
