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
  Address source, destination;
  uint16_t source_port = 0, destination_port = 0;

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
    // Ports stand in the same place in TCP and UDP.
    source_port = udp::source_port(ip + ip_header);
    destination_port = udp::destination_port(ip + ip_header);
  }
};

/// The node's word about a packet that went to its endpoint: it comes from the VIP, as far as who sent that
/// packet knows.
void speak_for(const PolicyEndpoint& endpoint, const Packet& p, const Quote& quote) {
  const Translation& nat = endpoint.nat;
  translate(quote.ip, quote.ip_header, quote.l4_length, End::destination, nat.vip, nat.vip_port, false);
  translate_address(p.ip, End::source, nat.vip);
}

/// A checksum that is still to be done has nothing of the message in it yet.
void finish_error(const Packet& p) {
  if (!(p.frame.vnet()->flags & VnetHdr::kNeedsChecksum)) icmp::set_checksum(p.l4, p.l4_length);
}

}  // namespace

/// To a VIP, about a packet that an endpoint or an instance sent.
Verdict Path::steer_error(Packet& p) {
  const Quote quote(p);
  if (!quote.ip || !(quote.source == p.vip)) return drop(Counter::k_drop_icmp_unmatched);
  if (const PolicyBlock* block = policy_.find_block(p.vip, quote.source_port)) {
    p.go(block->mac, block->egress);
  } else {
    const FlowKey key{quote.destination, p.vip, quote.destination_port, quote.source_port, quote.protocol};
    const FlowTable::Ref flow = flows_.find(key, flows_.hash(key), now_);
    p.endpoint = flow ? policy_.endpoint(flow.flow.endpoint) : nullptr;
    if (!p.endpoint) return drop(Counter::k_drop_icmp_unmatched);
    p.go(p.endpoint->mac, p.endpoint->egress);
  }
  counters_.add(Counter::k_icmp_errors_forwarded);
  // From a node to an instance on another: about a packet that was translated on its way, too.
  if (from_nodes(p))
    p.sender = policy_.find_return(quote.destination, quote.protocol, quote.destination_port);
  if (p.sender) speak_for(*p.sender, p, quote);
  if (p.endpoint_translated()) {
    const Translation& nat = p.endpoint->nat;
    translate(quote.ip, quote.ip_header, quote.l4_length, End::source, nat.node, nat.node_port, false);
    translate_address(p.ip, End::destination, nat.node);
  }
  if (p.sender || p.endpoint_translated()) finish_error(p);
  return {};
}

/// From a node, about a packet that a client sent: it comes from the VIP, as far as the client knows.
Verdict Path::steer_leaving_error(Packet& p) {
  const Quote quote(p);
  if (quote.ip) p.sender = policy_.find_return(quote.destination, quote.protocol, quote.destination_port);
  if (!p.sender && !p.from_vip) return {Verdict::pass};
  const Verdict verdict = find_hop(p);
  if (verdict.kind != Verdict::more) return verdict;
  counters_.add(Counter::k_icmp_errors_forwarded);
  if (!p.sender) return {};
  speak_for(*p.sender, p, quote);
  finish_error(p);
  return {};
}

}  // namespace coscanet
