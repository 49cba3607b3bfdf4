#include "core/claim.h"

#include "core/ipv4.h"

namespace coscanet {
namespace {

/// Is the flow somebody else's who may still serve it?
bool is_held(const Segment& segment, const Flow& flow, const FlowClaim& claim) {
  if (claim.key.protocol == ipv4::kUdp || flow.endpoint == claim.endpoint) return false;
  uint8_t* snapshot = segment.active_snapshot();
  if (!snapshot || flow.state == FlowState::closing) return false;
  const PolicyEndpoint* endpoint = Policy(snapshot, segment.header().limits).endpoint(flow.endpoint);
  return endpoint && endpoint->open;
}

}  // namespace

ClaimResult claim_flow(const Segment& segment, const FlowClaim& claim, uint32_t now, Owner owner) {
  FlowTable flows = segment.flow_table();
  const uint64_t hash = flows.hash(claim.key);
  const bool udp = claim.key.protocol == ipv4::kUdp;
  const Flow wanted{claim.endpoint, udp ? FlowState::udp : FlowState::established};
  // Forwarders may change the entry under our hands: each turn but the last is one that somebody else has
  // won.
  for (;;) {
    FlowTable::Ref flow = flows.find(claim.key, hash, now);
    if (!flow) {
      flow = flows.insert(claim.key, hash, wanted, now, claim.timeout, owner);
      if (!flow) return ClaimResult::full;
      if (flow.flow.endpoint == claim.endpoint) return ClaimResult::made;
    }
    if (is_held(segment, flow.flow, claim)) return ClaimResult::held;
    const bool kept = flow.flow.endpoint == claim.endpoint;
    if (!flows.update(flow, wanted)) continue;
    flows.extend(flow, now, claim.timeout);
    return kept ? ClaimResult::kept : ClaimResult::made;
  }
}

}  // namespace coscanet
