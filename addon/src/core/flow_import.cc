#include "core/flow_import.h"

#include "core/ipv4.h"

namespace coscanet {
namespace {

/// Does another endpoint still serve the flow?
bool is_held(const Segment& segment, const Flow& flow, const FlowImport& imported) {
  if (imported.key.protocol == ipv4::kUdp || flow.endpoint == imported.endpoint) return false;
  uint8_t* snapshot = segment.active_snapshot();
  if (!snapshot || flow.state == FlowState::closing) return false;
  const PolicyEndpoint* endpoint = Policy(snapshot, segment.header().limits).endpoint(flow.endpoint);
  return endpoint && endpoint->open;
}

}  // namespace

ImportResult import_flow(const Segment& segment, const FlowImport& imported, uint32_t now, Owner owner) {
  FlowTable flows = segment.flow_table();
  const uint64_t hash = flows.hash(imported.key);
  const bool udp = imported.key.protocol == ipv4::kUdp;
  const Flow wanted{imported.endpoint, udp ? FlowState::udp : FlowState::established};
  // Forwarders may change the entry at the same time: whenever one does, the loop starts over.
  for (;;) {
    FlowTable::Ref flow = flows.find(imported.key, hash, now);
    if (!flow) {
      flow = flows.insert(imported.key, hash, wanted, now, imported.timeout, owner);
      if (!flow) return ImportResult::full;
      if (flow.flow.endpoint == imported.endpoint) return ImportResult::made;
    }
    if (is_held(segment, flow.flow, imported)) return ImportResult::held;
    const bool kept = flow.flow.endpoint == imported.endpoint;
    if (!flows.update(flow, wanted)) continue;
    flows.extend(flow, now, imported.timeout);
    return kept ? ImportResult::kept : ImportResult::made;
  }
}

}  // namespace coscanet
