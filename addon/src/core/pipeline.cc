#include "core/pipeline.h"

#include "core/arp.h"
#include "core/ethernet.h"
#include "core/icmp.h"
#include "core/ipv4.h"
#include "core/nat.h"
#include "core/tcp.h"
#include "core/udp.h"

namespace coscanet {

/// Takes the steps in order until one gives a verdict.
template <Pipeline::Step... kSteps>
Verdict Pipeline::first_of(Packet& p) {
  Verdict verdict;
  ((verdict = (this->*kSteps)(p), verdict.kind == Verdict::more) && ...);
  return verdict;
}

Pipeline::Pipeline(const Segment& segment, unsigned forwarder)
    : segment_(segment),
      forwarder_(forwarder),
      owner_{static_cast<uint8_t>(forwarder), segment.header().owner_generations[forwarder].load()},
      counters_(segment.forwarder(forwarder).counters),
      flows_(segment.flow_table()),
      affinities_(segment.affinity_table()),
      reservations_(segment.affinity_reservations()),
      last_hops_(segment.last_hops()) {}

void Pipeline::begin(uint64_t now_ms) {
  now_ms_ = now_ms;
  now_ = static_cast<uint32_t>(now_ms / 1000);
  uint8_t* snapshot = segment_.pin_snapshot(forwarder_);
  if (snapshot == snapshot_) return;
  snapshot_ = snapshot;
  if (snapshot) policy_ = Policy(snapshot, segment_.header().limits);
}

void Pipeline::process(Frame* frames, unsigned count, Scratch* scratch, Verdict* verdicts) {
  // Two halves: the first finds out where in memory the second will look, so that the batch waits for it once
  // and not for each packet. Of a burst of one flow only the head is looked up.
  Totals totals;
  uint64_t hashes[kBatch];
  FlowEntry* entries[kBatch];
  unsigned heads = 0;
  last_ = {};
  for (unsigned i = 0; i < count; ++i) {
    totals.received_bytes += frames[i].length;
    packets_[i].start(frames[i], scratch[i]);
    verdicts[i] = snapshot_ ? classify(packets_[i]) : Verdict{Verdict::pass};
    hashes[heads] = packets_[i].flow_hash;
    heads += packets_[i].is_head();
  }
  flows_.prefetch(hashes, heads, entries);
  heads = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (packets_[i].is_head()) packets_[i].prefetched = entries[heads++];
    if (verdicts[i].kind == Verdict::more) verdicts[i] = forward(packets_[i]);
    this->count(verdicts[i], packets_[i], totals);
  }
  counters_.add(Counter::k_rx_frames, count);
  counters_.add(Counter::k_rx_bytes, totals.received_bytes);
  counters_.add(Counter::k_forwarded_frames, totals.forwarded);
  counters_.add(Counter::k_forwarded_bytes, totals.forwarded_bytes);
}

/// What the frame is, where it is from, and which flow it belongs to.
Verdict Pipeline::classify(Packet& p) {
  return first_of<&Pipeline::parse_ethernet,   // is the frame for us?
                  &Pipeline::answer_arp,       // who has a VIP? we do
                  &Pipeline::parse_ipv4,       // valid, and to a VIP, or from a node to elsewhere?
                  &Pipeline::handle_icmp,      // ping is answered, errors go on
                  &Pipeline::parse_transport,  // TCP, UDP: ports and flags
                  &Pipeline::route_outbound,   // from a node: SNAT and next hop
                  &Pipeline::identify_flow,    // to a VIP: a node's port block, or a flow
                  &Pipeline::hash_reply_flow,  // from an endpoint: the flow that it renews or ends
                  &Pipeline::hash_flow>(p);
}

/// To which endpoint, and how the frame is changed for it.
Verdict Pipeline::forward(Packet& p) {
  return first_of<&Pipeline::route_icmp_error,   // an ICMP error follows the flow that it is about
                  &Pipeline::update_reply_flow,  // an endpoint renews or ends its flow
                  &Pipeline::select_endpoint,    // the flow's endpoint, or one for a new flow
                  &Pipeline::rewrite>(p);        // MACs; with NAT addresses, ports, TTL and checksums
}

void Pipeline::count(const Verdict& verdict, const Packet& p, Totals& totals) {
  if (verdict.kind != Verdict::forward) return counters_.add(verdict.counter);
  ++totals.forwarded;
  totals.forwarded_bytes += p.frame->length;
  if (p.by_block) counters_.add(Counter::k_block_frames);
  if (p.outbound) counters_.add(Counter::k_outbound_frames);
  if (p.protocol == ipv4::kIcmp) counters_.add(Counter::k_icmp_errors_forwarded);
}

Verdict Pipeline::parse_ethernet(Packet& p) {
  const Frame& f = *p.frame;
  if (f.length < ethernet::kHeader) return drop(Counter::k_drop_frame_short);
  // The answer depends on the Ethernet header alone, and most frames have that of the one before.
  const ethernet::Header header = ethernet::header(f.data);
  if (header == last_.header && f.arrival() == last_.arrival) {
    p.ethertype = ethernet::kIpv4;
    p.l3 = ethernet::kHeader;
    return {};
  }
  p.ethertype = ethernet::type(f.data);
  p.l3 = ethernet::kHeader;
  const bool tagged = f.tagged || ethernet::is_tag(p.ethertype);
  if (tagged)
    if (const Verdict verdict = parse_tag(p); verdict.kind != Verdict::more) return verdict;
  if (p.ethertype != ethernet::kIpv4 && p.ethertype != ethernet::kArp) return {Verdict::pass};

  const uint64_t source = ethernet::source_word(f.data);
  if (source == 0 || ethernet::from_group(f.data)) return drop(Counter::k_drop_source_mac);
  for (unsigned i = 0; i < policy_.header().interface_count; ++i)
    if (source == mac_word(policy_.interface(i).mac)) return drop(Counter::k_drop_own_frame);
  const bool ours = ethernet::destination_word(f.data) == mac_word(own_mac(p));
  if (!ours) return ethernet::to_group(f.data) ? Verdict{} : Verdict{Verdict::pass};
  if (p.ethertype == ethernet::kIpv4 && !tagged) {
    last_.header = header;
    last_.arrival = f.arrival();
  }
  return {};
}

/// One tag, of a VLAN that the interface has: the others are other networks, of which a host knows nothing.
Verdict Pipeline::parse_tag(Packet& p) {
  const Frame& f = *p.frame;
  uint16_t tci = f.tag_tci;
  bool nested = f.tagged && ethernet::is_tag(p.ethertype);
  if (!f.tagged) {
    if (f.length < ethernet::kHeader + ethernet::kTag) return drop(Counter::k_drop_frame_short);
    tci = load_be16(f.data + ethernet::kHeader);
    p.ethertype = load_be16(f.data + ethernet::kHeader + 2);
    p.l3 += ethernet::kTag;
    nested = ethernet::is_tag(p.ethertype);
  }
  const uint16_t vlan = ethernet::vlan_of(tci);
  if (vlan != 0 && !has_vlan(policy_.interface(f.ingress), vlan))
    return {Verdict::pass, Counter::k_other_vlan};
  return nested ? drop(Counter::k_drop_vlan_nested) : Verdict{};
}

Verdict Pipeline::answer_arp(Packet& p) {
  if (p.ethertype != ethernet::kArp) return {};
  uint8_t* arp = p.frame->data + p.l3;
  if (p.frame->length < p.l3 + arp::kBytes || !arp::is_ipv4_over_ethernet(arp))
    return drop(Counter::k_drop_arp_malformed);
  // Another host uses one of our VIPs: never learned, never answered, but told (RFC 5227 §2.4).
  if (const Address sender = arp::sender(arp); policy_.find_vip(sender)) {
    segment_.arp_conflicts(forwarder_).record({sender, arp::sender_mac(arp), p.frame->ingress});
    return drop(Counter::k_drop_arp_conflict);
  }
  const PolicyVip* vip = policy_.find_vip(arp::target(arp));
  if (!vip || arp::operation(arp) != arp::kRequest) return {Verdict::pass};
  if (!vip->active) return drop(Counter::k_drop_vip_inactive);

  arp::answer(arp, own_mac(p));
  ethernet::set_addresses(p.frame->data, ethernet::source(p.frame->data), own_mac(p));
  memset(p.frame->vnet(), 0, kVnetBytes);
  return {Verdict::reply, Counter::k_arp_replies, p.frame->ingress};
}

Verdict Pipeline::parse_ipv4(Packet& p) {
  p.ip = p.frame->data + p.l3;
  const uint32_t available = p.frame->length - p.l3;
  const bool plain = ipv4::is_plain(p.ip, available);
  if (!plain && !ipv4::has_header(p.ip, available)) return drop(Counter::k_drop_ip_header);
  p.ip_header = plain ? ipv4::kHeader : ipv4::header_length(p.ip);
  p.destination = ipv4::destination(p.ip);
  if (!(p.destination == last_.destination)) {
    last_.destination = p.destination;
    last_.vip = policy_.find_vip(p.destination);
  }
  const PolicyVip* vip = last_.vip;
  p.outbound = !vip;
  if (p.outbound && !may_be_outbound(p)) return {Verdict::pass};
  if (vip && !vip->active) return drop(Counter::k_drop_vip_inactive);

  p.ip_length = ipv4::total_length(p.ip);  // the frame may be longer: padding
  p.source = ipv4::source(p.ip);
  if (!plain || ethernet::to_group(p.frame->data))
    if (const Verdict fault = validate_ipv4(p, available); fault.kind != Verdict::more) return fault;
  p.protocol = ipv4::protocol(p.ip);
  p.l4 = p.ip + p.ip_header;
  p.l4_length = p.ip_length - p.ip_header;
  if (policy_.header().routes) {
    p.from_vip = policy_.find_vip(p.source);
    learn_last_hop(p);
  }
  return {};
}

/// What is wrong with a header that is not plain, or with a packet that is broadcast.
Verdict Pipeline::validate_ipv4(const Packet& p, uint32_t available) const {
  if (p.ip_length < p.ip_header || p.ip_length > available) return drop(Counter::k_drop_ip_length);
  if (ethernet::to_group(p.frame->data)) return drop(Counter::k_drop_link_broadcast);
  if (checksum(p.ip, p.ip_header) != 0) return drop(Counter::k_drop_ip_checksum);
  if (!ipv4::is_single_host(p.source)) return drop(Counter::k_drop_ip_source);
  if (ipv4::is_fragment(p.ip)) return drop(Counter::k_drop_ip_fragment);
  if (ipv4::ttl(p.ip) == 0) return drop(Counter::k_drop_ip_ttl);
  return {};
}

Verdict Pipeline::handle_icmp(Packet& p) {
  if (p.protocol != ipv4::kIcmp) return {};
  if (p.l4_length < icmp::kHeader) return drop(Counter::k_drop_icmp_header);
  if (!(p.frame->vnet()->flags & VnetHdr::kNeedsChecksum) && checksum(p.l4, p.l4_length) != 0)
    return drop(Counter::k_drop_icmp_checksum);
  p.l4_header = icmp::kHeader;
  const uint8_t type = icmp::type(p.l4);
  if (icmp::is_error(type)) return {};
  if (p.outbound) return send_prohibited(p);
  return type == icmp::kEcho ? answer_echo(p) : drop(Counter::k_drop_icmp_type);
}

Verdict Pipeline::parse_transport(Packet& p) {
  if (p.protocol == ipv4::kIcmp) return {};
  if (p.protocol == ipv4::kTcp) {
    if (p.l4_length < tcp::kHeader) return drop(Counter::k_drop_tcp_header);
    p.l4_header = tcp::header_length(p.l4);
    if (p.l4_header < tcp::kHeader || p.l4_header > p.l4_length) return drop(Counter::k_drop_tcp_header);
    p.tcp_flags = tcp::flags(p.l4);
    if (tcp::are_senseless(p.tcp_flags)) return drop(Counter::k_drop_tcp_flags);
  } else if (p.protocol == ipv4::kUdp) {
    if (p.l4_length < udp::kHeader || udp::length(p.l4) < udp::kHeader || udp::length(p.l4) > p.l4_length)
      return drop(Counter::k_drop_udp_header);
    p.l4_header = udp::kHeader;
  } else {
    return p.outbound ? send_prohibited(p) : drop(Counter::k_drop_protocol_unsupported);
  }
  // Ports are at the same offsets in both.
  p.source_port = udp::source_port(p.l4);
  p.destination_port = udp::destination_port(p.l4);
  if (p.source_port == 0 || p.destination_port == 0) return drop(Counter::k_drop_port_zero);
  p.nat_source = p.source;
  p.nat_source_port = p.source_port;
  // With NAT we write this address ourselves (forward_to): no host may have it.
  if (policy_.header().routes && p.source == ipv4::node_itself()) return drop(Counter::k_drop_ip_source);
  return {};
}

Verdict Pipeline::rewrite(Packet& p) {
  const PolicyInterface& out = policy_.interface(p.next_hop.egress);
  const VnetHdr* vnet = p.frame->vnet();
  // Never an error about an error (RFC 1122 §3.2.2).
  const bool may_send_error = p.protocol != ipv4::kIcmp;
  // With segmentation left to do the size of the segments counts; the kernel would accept too long ones and
  // drop them.
  const uint32_t longest = vnet->gso_type ? p.ip_header + p.l4_header + vnet->gso_size : p.ip_length;
  if (longest > out.mtu) {
    if (!ipv4::dont_fragment(p.ip) || !may_send_error) return drop(Counter::k_drop_too_big);
    return send_icmp_error(p, icmp::kUnreachable, icmp::kFragmentationNeeded, out.mtu,
                           Counter::k_too_big_errors);
  }
  // A translated packet is routed; rewriting MACs alone is bridging, and decrements no TTL.
  if (p.outbound || p.translated()) {
    if (ipv4::ttl(p.ip) == 1) {
      if (!may_send_error) return drop(Counter::k_drop_ip_ttl);
      return send_icmp_error(p, icmp::kTimeExceeded, 0, 0, Counter::k_time_exceeded_errors);
    }
    decrement_ttl(p.ip);
  }
  apply_nat(p);
  ethernet::set_addresses(p.frame->data, p.next_hop.mac, out.mac);
  return {Verdict::forward, Counter::k_forwarded_frames, p.next_hop.egress};
}

/// To an endpoint. The client's address stays, so that servers see who asks; but a node that is its own
/// client would not accept a packet from its own address.
void Pipeline::forward_to(Packet& p, const PolicyEndpoint& endpoint, const Address& client,
                          uint16_t client_port) const {
  p.set_next_hop(endpoint.mac, endpoint.egress);
  if (!endpoint.translated) return;
  p.dnat = {true, endpoint.nat.node_port, endpoint.nat.node};
  if (from_nodes(p) && client == endpoint.nat.node) p.snat = {true, client_port, ipv4::node_itself()};
}

void Pipeline::apply_nat(Packet& p) const {
  if (p.protocol == ipv4::kIcmp) return;  // done, with its quote
  const bool unfinished = p.frame->vnet()->flags & VnetHdr::kNeedsChecksum;
  const auto replace = [&](PacketEnd end, const NatRewrite& nat) {
    if (nat.used) replace_end(p.ip, p.ip_header, p.l4_length, end, nat.address, nat.port, unfinished);
  };
  replace(PacketEnd::source, p.snat);
  replace(PacketEnd::destination, p.dnat);
}

}  // namespace coscanet
