#pragma once
// The path of a packet through a forwarder: bytes in, verdict and bytes out. No system call, no allocation,
// no log: time is an argument, the rest lies in the segment.
#include "core/ethernet.h"
#include "core/packet.h"
#include "core/segment.h"

namespace coscanet {

class Path {
 public:
  /// `forwarder`: the slot in the segment whose counters and claims are ours. Its process has started that
  /// slot (see Owner).
  Path(const Segment& segment, unsigned forwarder);

  /// For each batch, once it is there: what time it is (boot clock, milliseconds), and pins the policy in
  /// force.
  void begin(uint64_t now_ms);
  /// Before going to sleep: lets go of the policy.
  void end() { segment_.unpin_snapshot(forwarder_); }

  /// Decides and rewrites a batch of at most kBatch frames, one verdict each. `reply` answers stand in the
  /// frame itself or in its scratch; then the frame points there.
  [[gnu::flatten]] void process(Frame* frames, unsigned count, Scratch* scratch, Verdict* verdicts);

  Counters& counters() { return counters_; }

 private:
  /// What a batch adds to the counters that every packet moves.
  struct Totals {
    uint64_t received_bytes = 0;
    uint64_t forwarded = 0;
    uint64_t forwarded_bytes = 0;
  };
  /// What the policy answered last: most packets of a batch ask the same. Forgotten with each batch, as the
  /// policy may be another for the next.
  struct Answers {
    ethernet::Header header;  // of a frame with IPv4 for us
    uint8_t ingress = 0;
    Address destination;
    const PolicyVip* vip = nullptr;
    const PolicyService* service = nullptr;
    Packet* burst = nullptr;  // its head
    // In the second half: the head of the burst whose flow was known, its endpoint, and what became of it.
    const Packet* known = nullptr;
    const PolicyEndpoint* endpoint = nullptr;
    FlowState state = FlowState::syn;
  };
  using Step = Verdict (Path::*)(Packet&);
  template <Step... kSteps>
  Verdict first_of(Packet& p);
  Verdict read(Packet& p);
  Verdict lead(Packet& p);
  void tally(const Verdict& verdict, const Packet& p, Totals& totals);

  // The steps, in order. Each learns something or gives the verdict.
  Verdict link(Packet& p);
  Verdict answer_arp(Packet& p);
  Verdict network(Packet& p);
  Verdict find_fault(const Packet& p, uint32_t available) const;
  Verdict control_message(Packet& p);
  Verdict transport(Packet& p);
  Verdict leave(Packet& p);
  Verdict enter(Packet& p);
  Verdict name_flow(Packet& p);
  Verdict steer_error(Packet& p);
  Verdict choose(Packet& p);
  Verdict rewrite(Packet& p);

  [[gnu::cold, gnu::noinline]] Verdict answer_echo(Packet& p);
  [[gnu::cold, gnu::noinline]] Verdict steer_entering_error(Packet& p);
  [[gnu::cold, gnu::noinline]] Verdict steer_leaving_error(Packet& p);
  bool from_nodes(const Packet& p) const;
  bool may_leave(const Packet& p) const;
  void speak_for(Packet& p, const PolicyEndpoint* sender) const;
  void lead_to(Packet& p, const PolicyEndpoint& endpoint) const;
  Verdict lead_back(Packet& p, const PolicyEndpoint* sender) const;
  void learn_hop(const Packet& p);
  Verdict find_hop(Packet& p) const;
  void translate_ends(Packet& p) const;
  [[gnu::cold, gnu::noinline]] Verdict refuse(Packet& p);
  [[gnu::cold, gnu::noinline]] Verdict reset(Packet& p);
  [[gnu::cold, gnu::noinline]] Verdict prohibit(Packet& p);
  /// An ICMP error about the packet; `mtu` only with fragmentation needed.
  [[gnu::cold, gnu::noinline]] Verdict complain(Packet& p, uint8_t type, uint8_t code, uint16_t mtu,
                                                Counter counter);

  bool awaits_import(const Packet& p) const;
  bool is_stray_reset(const Packet& p) const;
  const PolicyService* service_of(const Packet& p);
  bool goes_on(const Packet& p) const;
  const PolicyEndpoint* endpoint_of_flow(const Packet& p);
  const PolicyEndpoint* follow(const Packet& p, const PolicyService* service, FlowTable::Ref& flow);
  [[gnu::noinline]] const PolicyEndpoint* schedule(const Packet& p, const PolicyService& service,
                                                   FlowTable::Ref& flow);
  const PolicyEndpoint* take_turn(const PolicyService& service);
  [[gnu::noinline]] const PolicyEndpoint* guess(const Packet& p, const PolicyService& service);

  // Affinity.
  struct Client {
    FlowKey key;
    uint64_t hash;
  };
  Client client_of(const Packet& p, const PolicyService& service) const;
  const PolicyEndpoint* stay(const Packet& p, const PolicyService& service);
  const PolicyEndpoint* stayed(const Packet& p, const PolicyService& service) const;
  [[gnu::noinline]] void renew(const Packet& p, const PolicyService& service, const PolicyEndpoint& endpoint);
  EndpointRef remember(const Client& client, const PolicyEndpoint& endpoint, const PolicyService& service,
                       FlowTable::Ref& entry);
  const PolicyEndpoint* by_client(const Client& client, const PolicyService& service) const;

  uint8_t* start_reply(const Packet& p);
  Verdict send_reply(Packet& p, uint32_t ip_length, Counter counter);
  Verdict drop(Counter reason) const { return {Verdict::drop, reason, 0}; }
  const Mac& own_mac(const Packet& p) const { return policy_.interface(p.frame->ingress).mac; }

  Segment segment_;
  unsigned forwarder_;
  Owner owner_;
  Counters& counters_;
  FlowTable flows_;
  FlowTable affinities_;
  Agreements agreements_;
  Neighbors neighbors_;
  uint8_t* snapshot_ = nullptr;
  Policy policy_;
  uint64_t now_ms_ = 0;
  uint32_t now_ = 0;  // seconds
  Answers last_;
  Packet packets_[kBatch];
};

}  // namespace coscanet
