#pragma once
// The packet pipeline of a forwarder: bytes in, verdict and bytes out. No system call, no allocation, no log:
// time is an argument, all other state is in the segment.
#include "core/ethernet.h"
#include "core/packet.h"
#include "core/segment.h"

namespace coscanet {

class Pipeline {
 public:
  /// `forwarder`: the slot in the segment whose counters are ours and as which we own flow entries that we
  /// write. Its process has started that slot (see Owner).
  Pipeline(const Segment& segment, unsigned forwarder);

  /// For each batch, once it is there: sets the time (boot clock, milliseconds) and pins the policy in force.
  void begin(uint64_t now_ms);
  /// Before going to sleep: unpins the policy.
  void end() { segment_.unpin_snapshot(forwarder_); }

  /// Decides and rewrites a batch of at most kBatch frames, one verdict each. An answer (`reply`) is in the
  /// frame itself or in its scratch, to which the frame then points.
  [[gnu::flatten]] void process(Frame* frames, unsigned count, Scratch* scratch, Verdict* verdicts);

  Counters& counters() { return counters_; }

 private:
  /// What a batch adds to the counters that every packet moves.
  struct Totals {
    uint64_t received_bytes = 0;
    uint64_t forwarded = 0;
    uint64_t forwarded_bytes = 0;
  };
  /// Results of the last look-ups: most packets of a batch repeat them. Cleared with each batch, as the
  /// policy may be another for the next.
  struct BatchCache {
    ethernet::Header header;  // of an untagged frame with IPv4 for us
    uint16_t arrival = 0;
    Address destination;
    const PolicyVip* vip = nullptr;
    const PolicyService* service = nullptr;
    Packet* burst = nullptr;  // its head
    Packet* reply_burst = nullptr;
    // In the second half: the head of the burst whose flow was known, its endpoint, and the flow's state.
    const Packet* known = nullptr;
    const PolicyEndpoint* endpoint = nullptr;
    FlowState state = FlowState::syn;
  };
  using Step = Verdict (Pipeline::*)(Packet&);
  template <Step... kSteps>
  Verdict first_of(Packet& p);
  Verdict classify(Packet& p);
  Verdict forward(Packet& p);
  void count(const Verdict& verdict, const Packet& p, Totals& totals);

  // The steps of classify, in order. Each learns something or gives the verdict.
  Verdict parse_ethernet(Packet& p);
  Verdict answer_arp(Packet& p);
  Verdict parse_ipv4(Packet& p);
  Verdict handle_icmp(Packet& p);
  Verdict parse_transport(Packet& p);
  Verdict route_outbound(Packet& p);
  Verdict identify_flow(Packet& p);
  Verdict hash_reply_flow(Packet& p);
  Verdict hash_flow(Packet& p);

  // The steps of forward.
  Verdict route_icmp_error(Packet& p);
  Verdict update_reply_flow(Packet& p);
  Verdict select_endpoint(Packet& p);
  Verdict rewrite(Packet& p);

  [[gnu::noinline]] Verdict parse_tag(Packet& p);
  Verdict validate_ipv4(const Packet& p, uint32_t available) const;

  // select_endpoint.cc
  bool awaits_import(const Packet& p) const;
  bool is_stray_reset(const Packet& p) const;
  bool ends_probe(const Packet& p) const;
  const PolicyService* find_service(const Packet& p);
  bool continues_last_flow(const Packet& p) const;
  const PolicyEndpoint* find_endpoint(const Packet& p);
  const PolicyEndpoint* known_endpoint(const Packet& p, const PolicyService* service, FlowTable::Ref& flow);
  [[gnu::noinline]] const PolicyEndpoint* schedule_flow(const Packet& p, const PolicyService& service,
                                                        FlowTable::Ref& flow);
  const PolicyEndpoint* next_in_ring(const PolicyService& service);
  [[gnu::noinline]] const PolicyEndpoint* choose_by_hash(const Packet& p, const PolicyService& service);

  // affinity.cc
  struct Client {
    FlowKey key;
    uint64_t hash;
  };
  Client affinity_client(const Packet& p, const PolicyService& service) const;
  const PolicyEndpoint* affinity_endpoint(const Packet& p, const PolicyService& service);
  const PolicyEndpoint* find_affinity(const Packet& p, const PolicyService& service) const;
  [[gnu::noinline]] void refresh_affinity(const Packet& p, const PolicyService& service,
                                          const PolicyEndpoint& endpoint);
  EndpointRef store_affinity(const Client& client, const PolicyEndpoint& endpoint,
                             const PolicyService& service, FlowTable::Ref& entry);
  const PolicyEndpoint* choose_by_client_hash(const Client& client, const PolicyService& service) const;

  // outbound.cc
  bool from_nodes(const Packet& p) const;
  bool may_be_outbound(const Packet& p) const;
  void snat(Packet& p, const PolicyEndpoint& sender) const;
  Verdict reply_hop(Packet& p, const PolicyEndpoint* sender, uint16_t port) const;
  void learn_last_hop(const Packet& p);
  Verdict find_next_hop(Packet& p) const;

  // icmp_error.cc
  [[gnu::cold, gnu::noinline]] Verdict route_inbound_error(Packet& p);
  [[gnu::cold, gnu::noinline]] Verdict route_outbound_error(Packet& p);

  void forward_to(Packet& p, const PolicyEndpoint& endpoint, const Address& client,
                  uint16_t client_port) const;
  void apply_nat(Packet& p) const;

  // reply.cc
  [[gnu::cold, gnu::noinline]] Verdict answer_echo(Packet& p);
  [[gnu::cold, gnu::noinline]] Verdict reject(Packet& p);
  [[gnu::cold, gnu::noinline]] Verdict send_reset(Packet& p);
  [[gnu::cold, gnu::noinline]] Verdict send_prohibited(Packet& p);
  /// An ICMP error about the packet; `mtu` only with fragmentation needed.
  [[gnu::cold, gnu::noinline]] Verdict send_icmp_error(Packet& p, uint8_t type, uint8_t code, uint16_t mtu,
                                                       Counter counter);
  uint8_t* start_reply(const Packet& p);
  Verdict send_reply(Packet& p, uint32_t ip_length, Counter counter);
  Verdict drop(Counter reason) const { return {Verdict::drop, reason, 0}; }
  const Mac& own_mac(const Packet& p) const { return policy_.interface(p.frame->ingress).mac; }

  Segment segment_;
  unsigned forwarder_;
  Owner owner_;
  Counters counters_;
  FlowTable flows_;
  FlowTable affinities_;
  AffinityReservations reservations_;
  LastHops last_hops_;
  uint8_t* snapshot_ = nullptr;
  Policy policy_;
  uint64_t now_ms_ = 0;
  uint32_t now_ = 0;  // seconds
  BatchCache last_;
  Packet packets_[kBatch];
};

}  // namespace coscanet
