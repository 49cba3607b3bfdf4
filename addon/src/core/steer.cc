// ICMP errors about our flows: each quotes the packet that it is about, and goes to who sent that packet.
// Where the flow is translated, so are the error and its quote, which must look as the packet did to its
// sender.
#include "core/ethernet.h"
#include "core/forward.h"
#include "core/icmp.h"
#include "core/ipv4.h"
#include "core/translate.h"
#include "core/udp.h"

namespace coscanet {
namespace {

/// The quoted packet; null if there is too little of it to tell whose it was, or it had no ports.
struct Quote {
  uint8_t* ip = nullptr;
  uint32_t ip_header = 0;
  uint32_t l4_length = 0;
  uint8_t protocol = 0;
  Address source;

  /// The ends of the flow become those of the quoted packet.
  explicit Quote(Packet& p) {
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
    p.client = ipv4::destination(ip);
    // Ports stand in the same place in TCP and UDP.
    p.port = udp::source_port(ip + ip_header);
    p.client_port = udp::destination_port(ip + ip_header);
  }
};

/// The error, and the packet that it quotes, get the names of this side: who sent that packet is told as he
/// knows it.
void translate_error(const Packet& p, const Quote& quote) {
  if (!p.translated()) return;
  const auto rename = [&](End end, End quoted, const Alias& alias) {
    if (!alias.used) return;
    translate(quote.ip, quote.ip_header, quote.l4_length, quoted, alias.address, alias.port, false);
    translate_address(p.ip, end, alias.address);
  };
  rename(End::source, End::destination, p.source_alias);
  rename(End::destination, End::source, p.destination_alias);
  // A checksum that is still to be done has nothing of the message in it yet.
  if (!(p.frame->vnet()->flags & VnetHdr::kNeedsChecksum)) icmp::set_checksum(p.l4, p.l4_length);
}

}  // namespace

Verdict Path::steer_error(Packet& p) {
  if (p.protocol != ipv4::kIcmp) return {};
  return p.leaves ? steer_leaving_error(p) : steer_entering_error(p);
}

/// To a VIP, about a packet that an endpoint or an instance sent.
Verdict Path::steer_entering_error(Packet& p) {
  const Quote quote(p);
  if (!quote.ip || !(quote.source == p.vip)) return drop(Counter::k_drop_icmp_unmatched);
  // From a node to an instance on another: about a packet that was translated on its way, too.
  if (from_nodes(p)) speak_for(p, policy_.find_return(p.client, quote.protocol, p.client_port));
  if (const PolicyBlock* block = policy_.find_block(p.vip, p.port)) {
    p.go(block->mac, block->egress);
  } else {
    const FlowKey key{p.client, p.vip, p.client_port, p.port, quote.protocol};
    const FlowTable::Ref flow = flows_.find(key, flows_.hash(key), now_);
    const PolicyEndpoint* endpoint = flow ? policy_.endpoint(flow.flow.endpoint) : nullptr;
    if (!endpoint) return drop(Counter::k_drop_icmp_unmatched);
    lead_to(p, *endpoint);
  }
  translate_error(p, quote);
  return {};
}

/// From a node, about a packet that a client sent: it comes from the VIP, as far as the client knows.
Verdict Path::steer_leaving_error(Packet& p) {
  const Quote quote(p);
  const PolicyEndpoint* sender =
      quote.ip ? policy_.find_return(p.client, quote.protocol, p.client_port) : nullptr;
  if (!sender && !p.from_vip) return drop(Counter::k_drop_icmp_unmatched);
  speak_for(p, sender);
  const Verdict verdict = lead_back(p, sender);
  if (verdict.kind == Verdict::more) translate_error(p, quote);
  return verdict;
}

}  // namespace coscanet
