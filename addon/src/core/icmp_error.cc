// ICMP errors about our flows: each quotes the packet that it is about, and goes to who sent that packet.
// Where the flow is translated, so are the error and its quote, which must look as the packet did to its
// sender.
#include "core/ethernet.h"
#include "core/icmp.h"
#include "core/ipv4.h"
#include "core/nat.h"
#include "core/pipeline.h"
#include "core/udp.h"

namespace coscanet {
namespace {

/// The quoted packet; `ip` is null if too little of it is there to tell its flow, or it had no ports.
struct Quote {
  uint8_t* ip = nullptr;
  uint32_t ip_header = 0;
  uint32_t l4_length = 0;
  uint8_t protocol = 0;
  Address source;
  Address destination;
  uint16_t source_port = 0;
  uint16_t destination_port = 0;

  explicit Quote(const Packet& p) {
    uint8_t* quote = p.l4 + icmp::kHeader;
    const uint32_t length = p.l4_length - icmp::kHeader;
    if (length < ipv4::kHeader) return;
    ip_header = ipv4::header_length(quote);
    if (ip_header < ipv4::kHeader || length < ip_header + 4) return;
    protocol = ipv4::protocol(quote);
    if ((protocol != ipv4::kTcp && protocol != ipv4::kUdp) || ipv4::is_later_fragment(quote)) return;
    ip = quote;
    l4_length = length - ip_header;
    source = ipv4::source(ip);
    destination = ipv4::destination(ip);
    // Ports are at the same offsets in TCP and UDP.
    source_port = udp::source_port(ip + ip_header);
    destination_port = udp::destination_port(ip + ip_header);
  }
};

/// Applies the packet's SNAT and DNAT to the error and, the other way round, to its quote.
void apply_nat_to_error(const Packet& p, const Quote& quote) {
  if (!p.translated()) return;
  const auto replace = [&](PacketEnd end, PacketEnd quoted, const NatRewrite& nat) {
    if (!nat.used) return;
    replace_end(quote.ip, quote.ip_header, quote.l4_length, quoted, nat.address, nat.port, false);
    replace_address(p.ip, end, nat.address);
  };
  replace(PacketEnd::source, PacketEnd::destination, p.snat);
  replace(PacketEnd::destination, PacketEnd::source, p.dnat);
  // An unfinished checksum covers nothing of the message yet.
  if (!(p.frame->vnet()->flags & VnetHdr::kNeedsChecksum)) icmp::set_checksum(p.l4, p.l4_length);
}

}  // namespace

Verdict Pipeline::route_icmp_error(Packet& p) {
  if (p.protocol != ipv4::kIcmp) return {};
  return p.outbound ? route_outbound_error(p) : route_inbound_error(p);
}

/// To a VIP, about a packet that an endpoint or an instance sent.
Verdict Pipeline::route_inbound_error(Packet& p) {
  const Quote quote(p);
  if (!quote.ip || !(quote.source == p.destination)) return drop(Counter::k_drop_icmp_unmatched);
  FlowKey flow{quote.destination, quote.source, quote.destination_port, quote.source_port, quote.protocol};
  // From a node to an instance on another: the quoted packet had passed DNAT.
  const PolicyEndpoint* sender =
      from_nodes(p) ? policy_.find_reverse_nat(flow.client, flow.protocol, flow.client_port) : nullptr;
  if (sender) {
    snat(p, *sender);
    flow.client = p.snat.address;
    flow.client_port = p.snat.port;
  }
  if (const PolicyBlock* block = policy_.find_block(flow.vip, flow.port)) {
    p.set_next_hop(block->mac, block->egress);
  } else {
    const FlowTable::Ref found = flows_.find(flow, flows_.hash(flow), now_);
    const PolicyEndpoint* endpoint = found ? policy_.endpoint(found.flow.endpoint) : nullptr;
    if (!endpoint) return drop(Counter::k_drop_icmp_unmatched);
    forward_to(p, *endpoint, flow.client, flow.client_port);
  }
  apply_nat_to_error(p, quote);
  return {};
}

/// From a node, about a packet that a client sent: the client must see it come from the VIP.
Verdict Pipeline::route_outbound_error(Packet& p) {
  const Quote quote(p);
  const PolicyEndpoint* sender =
      quote.ip ? policy_.find_reverse_nat(quote.destination, quote.protocol, quote.destination_port)
               : nullptr;
  if (!sender && !p.from_vip) return drop(Counter::k_drop_icmp_unmatched);
  if (sender) snat(p, *sender);
  const Verdict verdict = reply_hop(p, sender, quote.source_port);
  if (verdict.kind == Verdict::more) apply_nat_to_error(p, quote);
  return verdict;
}

}  // namespace coscanet
