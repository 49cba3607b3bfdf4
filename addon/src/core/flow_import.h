#pragma once
// Flows that a node knows of its own endpoint and we do not, or would soon forget: the supervisor writes them
// into the table on the node's behalf, while forwarders go on writing theirs.
#include "core/segment.h"

namespace coscanet {

/// made: it is known now. kept: it was known, and is extended. held: it is with another open endpoint (TCP; a
/// UDP flow moves to the endpoint that was reported last). full: no entry is free.
enum class ImportResult : uint8_t { made, kept, held, full };

struct FlowImport {
  FlowKey key;
  EndpointRef endpoint;
  uint32_t timeout;  // seconds until it expires, unless packets of it come; below 2^31
};

/// `owner`: the supervisor's, of this start. `now`: seconds of the boot clock.
ImportResult import_flow(const Segment& segment, const FlowImport& imported, uint32_t now, Owner owner);

}  // namespace coscanet
